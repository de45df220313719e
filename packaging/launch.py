"""Where the frozen program begins: what has to be right before anything of the studio is imported.

A helper process that multiprocessing starts is this program again; `freeze_support` must see it before the command line
does. Without a console (a double-click on Windows) there are no standard streams at all, and a library that prints a
warning would end the program.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys


def give_streams() -> io.StringIO | None:
    """Stand-ins for missing standard streams; returns the one that collects what would have gone to standard error."""
    said = None
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  (for as long as the program runs)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = said = io.StringIO()
    return said


def tell(words: str) -> None:
    """Show a person why the program ends, where there is no terminal to say it in."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.MessageBoxW(None, words, "NTP Studio", 0x10)


def main() -> int:
    multiprocessing.freeze_support()
    said = give_streams()
    # No compiler comes along, so torch.compile could only fail; with this it does nothing.
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    from ntp_studio.cli import main as studio

    try:
        status = studio()
    except SystemExit as ending:  # argparse, with the line already said
        status = ending.code if isinstance(ending.code, int) else 1
    if status and said is not None and "--selftest" not in sys.argv:  # nobody is there to close a self-test's box
        tell(said.getvalue().strip()[-1000:] or f"NTP Studio ended with status {status}.")
    return status


if __name__ == "__main__":
    sys.exit(main())
