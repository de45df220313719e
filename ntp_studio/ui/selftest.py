"""The window as the self-test uses it: opened, told to step, looked at, closed."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import psutil
from PySide6.QtCore import QEventLoop, QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler, qVersion
from PySide6.QtGui import QColor, QImage

from ntp_studio import assets
from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.arguments import window_parser
from ntp_studio.core.types import StepFrame
from ntp_studio.libraries_told import LIBRARIES, OPTIONAL, library_facts
from ntp_studio.settings import Settings
from ntp_studio.ui.app import _build, with_default
from ntp_studio.ui.display import require_display

PATIENCE = 60.0  # seconds for one thing; the report's watchdog has the last word
JOIN_SECONDS = 10.0
E = TypeVar("E", bound=m.Event)


class SelfTestFailed(Exception):
    """What was seen instead of what had to be."""


def expect(true: bool, otherwise: str) -> None:
    if not true:
        raise SelfTestFailed(otherwise)


def since_start() -> str:
    """The time since the system started this process: its imports are part of the wait. A busy machine shows in the
    difference to what this process had of it."""
    if sys.platform == "linux":  # where psutil knows only the second in which the system came up
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    else:
        seconds = time.time() - float(psutil.Process().create_time())
    return f"{seconds:.2f} s after the start ({time.process_time():.2f} s of a processor)"


class Driver:
    """Does with the window what a person would, and looks at what comes of it."""

    def __init__(self, say: Callable[[str], None], fail: Callable[[str], None]) -> None:
        """`say` is told the facts, `fail` what Qt complains of; Raises NoDisplay where no window can be opened."""
        require_display()
        self._say, self._fail = say, fail
        self._heard: list[m.Event] = []
        self._frame: StepFrame | None = None
        qInstallMessageHandler(self._from_qt)
        expect(assets.bundled_model() is not None, "the bundled model is not there")
        # Settings of its own: a person's are neither read nor written.
        self.app, self.window = _build(with_default(window_parser().parse_args([])), Settings(theme="light"))
        self.studio = self.window.studio  # type: ignore[attr-defined]
        self.controller = self.studio.controller
        self.controller.presenter.listeners.append(self._heard.append)
        self._ticking = QTimer(self.window)
        self._ticking.start(20)

    def _from_qt(self, kind: QtMsgType, context: QMessageLogContext, words: str) -> None:
        (self._fail if kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg) else self._say)(f"Qt: {words}")

    # -- what a person would do

    def show(self) -> None:
        """Open the window and tell how long it took, and on what."""
        self.window.show()
        self._wait(lambda: bool(self.window.windowHandle() and self.window.windowHandle().isExposed()), "the window")
        self._say(f"        window on the screen {since_start()}")
        screen = self.window.screen()
        size, ratio = screen.geometry(), screen.devicePixelRatio()
        platform = self.app.platformName()
        self._say(f"        Qt {qVersion()}, {platform}, {size.width()}×{size.height()} at {ratio:g} pixels a point")

    def first_bars(self) -> None:
        """The bundled model, which opens without being asked for."""
        self._next(m.Loaded)
        self._look(self._next(m.FrameReady).frame)
        self._rest()
        self._say(f"        first bars {since_start()}")
        self._expect_a_picture()

    def open_model(self, path: Path) -> None:
        """Another model, which reads the prompt that is there."""
        self._heard.clear()
        self.controller.open_model(str(path))
        # By its name: after one that could not be loaded, the model before it may come back first.
        loaded = self._next(m.Loaded, lambda event: Path(event.info.path).name == path.name)
        info = loaded.info
        self._say(f"        {info.architecture}, {info.format}, {info.parameters:,} parameters, {info.device}")
        del self._heard[: self._heard.index(loaded) + 1]  # what came before is the other model's
        self._look(self._next(m.FrameReady).frame)

    def use(self, steps: int) -> None:
        """Step, force the second candidate, go back; the window must show each place."""
        command = self.window.commands
        before = self._picture()
        for _ in range(steps):
            drawn = self._now().choice.token.id
            taken = self._take(command["step"].trigger)
            expect(taken == drawn, f"token {drawn} was drawn and {taken} taken")
        length, other = self._now().context_length, self._now().candidates[1].token.id
        taken = self._take(lambda: self.window.next.force_requested.emit(other))
        expect(taken == other, f"token {other} was forced and {taken} taken")
        self._heard.clear()
        command["back"].trigger()
        self._look(self._next(m.FrameReady, lambda event: event.frame.context_length == length).frame)
        self._rest()
        expect(self._picture() != before, "the window shows the same as before the steps")
        self._expect_a_picture()

    def save_and_open(self, path: Path) -> None:
        """What a double-click on a saved text does, after one was saved."""
        frame = self._now()
        self._heard.clear()
        self.controller.sessions.save_as(str(path))
        self._next(m.SessionSaved)
        self._heard.clear()
        self.controller.sessions.take_dropped(str(path))
        self._next(m.SessionOpened)
        again = self._next(m.FrameReady).frame
        self._look(again)
        same = again.context_length == frame.context_length and again.choice.token.id == frame.choice.token.id
        expect(same, "the text that was opened is not the one that was saved")

    def compare(self, path: Path) -> None:
        """The open model beside another one: both are stepped, and each shows a distribution of its own."""
        comparison, step = self.controller.comparison, self.window.commands["step"]
        self.window.commands["compare"].trigger()
        self._wait(lambda: comparison.shown.has_text, "the compare page")
        self._heard.clear()
        comparison.add(str(path))
        self._next(c.PlaceShown, lambda event: len(event.columns) == 2)
        self._heard.clear()
        step.trigger()
        place = self._next(c.PlaceShown, lambda event: event.step == 1)
        for column in place.columns:
            expect(column.frame is not None, f"a column has no distribution: {column.trouble}")
            self._look(cast(StepFrame, column.frame))
        self._rest()
        self.window.commands["compare"].trigger()
        expect(self.window.inspecting, "there is no way back from the compare page")

    def about(self) -> None:
        """The About window, which reads what the libraries say of themselves."""
        installed = getattr(sys, "frozen", False)
        expect(not installed or assets.licences() is not None, "the licence texts are not there")
        wanted = [name for name in LIBRARIES if installed or name not in OPTIONAL]
        missing = [name for name in wanted if not all(library_facts(name))]
        expect(not missing, f"version or licence is not told: {', '.join(missing)}")
        self.window.commands["about"].trigger()
        self._rest()
        expect(any(w.isVisible() and w is not self.window for w in self.app.topLevelWidgets()), "no About window")

    def close(self) -> None:
        """As the button in the window's corner does. A worker left behind would end the program as if all were well."""
        expect(self.studio.engine.stop(JOIN_SECONDS), f"the worker did not end within {JOIN_SECONDS:.0f} s")
        for widget in self.app.topLevelWidgets():
            if widget.isVisible() and widget is not self.window:
                widget.close()
        self.window.close()
        self._rest()
        qInstallMessageHandler(None)
        expect(not self.window.isVisible(), "the window is still there")

    # -- what must be seen

    def _look(self, frame: StepFrame) -> None:
        """The figures are probabilities: finite, and adding up to 1 with what is not listed."""
        model = sum(c.probability for c in frame.candidates) + frame.tail_probability
        after = sum(c.processed_probability for c in frame.candidates) + frame.processed_tail_probability
        for name, total in (("the model", model), ("decoding", after)):
            expect(math.isfinite(total) and abs(total - 1) < 1e-4, f"the probabilities of {name} add up to {total}")
        expect(len(frame.candidates) > 10, f"there are only {len(frame.candidates)} candidates")
        self._frame = frame

    def _expect_a_picture(self) -> None:
        """The bars are there: amber for the drawn token among many colours, not an empty window."""
        image = self.window.next.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        amber, data = QColor(self.studio.theme.palette.drawn).rgb(), memoryview(image.constBits()).cast("I")
        expect(amber in data, "no bar is drawn")
        expect(len(set(data[::7])) > 20, "the chart is empty")

    def _picture(self) -> bytes:
        return bytes(self.window.grab().toImage().constBits())

    # -- waiting, without ever stopping the window

    def _now(self) -> StepFrame:
        return cast(StepFrame, self._frame)

    def _take(self, how: Callable[[], object]) -> int:
        """The token that is taken when this is done. Other frames may come between: the same place, drawn anew."""
        self._heard.clear()
        how()
        event = self._next(m.FrameReady, lambda event: event.appended is not None)
        self._look(event.frame)
        return event.appended.token.id if event.appended is not None else -1

    def _next(self, kind: type[E], which: Callable[[E], bool] = lambda event: True) -> E:
        """The first event of that kind of which that is true; it may have come already."""

        def found() -> E | None:
            for event in self._heard:
                if isinstance(event, m.LoadFailed | m.Trouble | m.NothingAllowed | c.CompareTrouble | c.ColumnRefused):
                    raise SelfTestFailed(event.message)
            return next((event for event in self._heard if isinstance(event, kind) and which(event)), None)

        self._wait(lambda: found() is not None, kind.__name__)
        return cast(E, found())

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            expect(time.monotonic() < end, f"{what} did not come within {PATIENCE:.0f} s")
            self._pass()

    def _rest(self, seconds: float = 0.2) -> None:
        """Let throttled views draw their last state."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._pass()

    def _pass(self) -> None:
        """Handle what there is, and sleep until there is more. With a limit of its own, Qt would not sleep at all, and
        take from the worker the time that is measured; so a timer sees to it that there is always something soon."""
        self.app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
