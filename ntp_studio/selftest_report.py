"""What the self-test finds out, written down as it happens: a report that a person can send.

Every line is on the disk as soon as it is known, so that a crash or a hang leaves the story up to it. A thread, and
behind it a timer outside Python, end the program when it takes too long: nobody has to.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import ntp_studio
from ntp_studio.libraries_told import LIBRARIES, library_facts

LIMIT_SECONDS = 110.0  # of the 120 that whoever waits for the self-test has to allow
MARGIN_SECONDS = 5.0  # after which the timer does it, if Python itself has come to a stop


class Report:
    """Lines for a person, on standard output and in a file; and whether all went well."""

    def __init__(self, file: str | None) -> None:
        """Raises OSError if the file cannot be written."""
        self.failures: list[str] = []
        self._nowhere: TextIO | None = None
        self._file: TextIO | None = open(file, "w", encoding="utf-8", errors="replace") if file else None  # noqa: SIM115
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._doing = "starting"
        self._over = False
        self._watch()

    def say(self, line: str) -> None:
        # A report is sent to strangers: it does not tell them what the person is called.
        home = os.path.expanduser("~")
        line = line.replace(home, "~") if len(home) > 3 else line
        with self._lock:
            for place in (sys.stdout, self._file):
                if place is None:
                    continue
                try:
                    place.write(line + "\n")
                    place.flush()
                except (OSError, ValueError):  # a terminal that has been closed, a disk that is full
                    if place is sys.stdout:  # Python would end with a status of its own for what it could not write
                        sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def fail(self, line: str) -> None:
        self.failures.append(line)
        self.say(f"FAILED  {line}")

    @contextlib.contextmanager
    def check(self, what: str) -> Iterator[None]:
        """One thing to try: says how long it took, or what went wrong."""
        self._doing, began = what, time.monotonic()
        try:
            yield
        except BaseException as error:
            self.fail(f"{what}: {type(error).__name__}: {error}")
            self.say("".join(traceback.format_exception(error)).rstrip())
            if not isinstance(error, Exception):
                raise
        else:
            self.say(f"ok      {what} ({time.monotonic() - began:.2f} s)")

    def finish(self) -> int:
        """Says how it ended; returns the exit status."""
        self._over = True
        faulthandler.cancel_dump_traceback_later()
        seconds = time.monotonic() - self._began
        if self.failures:
            self.say(f"The self-test failed after {seconds:.1f} s: {len(self.failures)} of its checks.")
        else:
            self.say(f"The self-test passed in {seconds:.1f} s.")
        return 1 if self.failures else 0

    def facts(self) -> None:
        """The system and the versions."""
        kind = "installed program" if getattr(sys, "frozen", False) else "from Python packages"
        self.say(f"NTP Studio {ntp_studio.__version__} self-test, {time.strftime('%Y-%m-%d %H:%M:%S %z')}")
        self.say(f"{kind}: {Path(sys.executable).resolve()}")
        machine = f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} CPUs"
        self.say(f"{machine}, Python {platform.python_version()}")
        self.say(", ".join(f"{name} {library_facts(name)[0] or 'not installed'}" for name in LIBRARIES))

    def _watch(self) -> None:
        place: TextIO | None = self._file if self._file is not None else sys.stderr
        try:
            assert place is not None
            place.fileno()
        except (AssertionError, OSError, ValueError):  # no console and no report: the exit status is all there is
            place = self._nowhere = open(os.devnull, "w")  # noqa: SIM115  (held: the timer knows its number alone)
        faulthandler.enable(place)
        faulthandler.dump_traceback_later(LIMIT_SECONDS + MARGIN_SECONDS, exit=True, file=place)
        threading.Thread(target=self._bite, name="self-test watchdog", daemon=True).start()

    def _bite(self) -> None:
        while time.monotonic() - self._began < LIMIT_SECONDS:
            time.sleep(0.2)
            if self._over:
                return
        self.fail(f"no end after {LIMIT_SECONDS:.0f} s; it was busy with: {self._doing}")
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident != threading.get_ident():
                self.say(f"-- {names.get(ident, ident)}\n" + "".join(traceback.format_stack(frame)).rstrip())
        self.finish()
        os._exit(1)


def refuse_the_network(report: Report) -> None:
    """From now on no connection leaves this machine; an attempt fails the self-test."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.getaddrinfo":
            host = arguments[0]
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            host = arguments[1][0]  # a path is a socket on this machine
        else:
            return
        if host not in (None, "", "localhost", "127.0.0.1", "::1"):
            report.fail(f"a connection to {host} was tried")
            raise OSError(f"no connection leaves this machine during the self-test ({host})")

    sys.addaudithook(hook)
