"""`--screenshot`: the real window, drawn into a file without a display."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from ntp_studio import messages as m
from ntp_studio.core.types import StudioError
from ntp_studio.settings import Settings
from ntp_studio.ui.controller import Controller
from ntp_studio.ui.on_top import OnTop


class ScreenshotFailed(StudioError):
    """What the window would have said."""


def take(options: argparse.Namespace) -> int:
    """Open the model, read the prompt, take the steps, draw the window. A person's own settings are left alone.

    Raises ScreenshotFailed with what the window would have said.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if options.scale != 1.0:
        os.environ["QT_SCALE_FACTOR"] = str(options.scale)
    from ntp_studio.ui.app import _build, with_default

    app, window = _build(with_default(options), Settings(theme=options.theme or "light"))
    controller: Controller = window.studio.controller  # type: ignore[attr-defined]
    heard = _Heard(controller)
    note = ""  # what was said and is no failure: it is drawn like all else

    def trouble() -> str:
        said = window.notice.text()
        return said if said != note else ""

    try:
        window.resize(*options.size)
        window.show()
        if len(options.model or ()) > 1:
            _compare(app, controller, options)
        elif options.model or options.file:
            saved_text = not controller.state.loading  # its prompt comes with it, and its model is opened by the way
            _wait(app, lambda: not controller.state.loading or bool(trouble()))
            if options.prompt is not None or saved_text:
                _wait(app, lambda: heard.places > 0 or bool(trouble()))
                if saved_text and heard.places:
                    _finish(app, controller, heard)
                    note = window.notice.text()
                on_top = controller.findChild(OnTop)
                if on_top is not None and on_top.problem:
                    raise ScreenshotFailed(on_top.problem)
                for _ in range(options.steps):
                    wanted = heard.places + 1
                    controller.engine.send(m.Step())
                    while heard.places < wanted and not trouble():
                        _pass(app)
                _wait(app, lambda: window.time_lapse.settled or heard.barred or bool(trouble()))
            if trouble():
                raise ScreenshotFailed(trouble())
        _rest(app)
        if not window.grab().save(options.screenshot):
            raise ScreenshotFailed(f"{options.screenshot} cannot be written; choose another place.")
    finally:
        window.studio.shutdown()  # type: ignore[attr-defined]
    return 0


def _compare(app: QApplication, controller: Controller, options: argparse.Namespace) -> None:
    """Several models: the page on which they are compared. Raises ScreenshotFailed."""
    window, shown = controller.window, controller.comparison.shown

    def trouble() -> str:
        return window.notice.text() or shown.refusal

    def there() -> bool:
        page = shown.page
        complete = page is not None and len(page.columns) == len(options.model)
        return bool(trouble()) or (complete and (shown.has_text or options.prompt is None))

    _wait(app, there)
    if shown.has_text:
        for _ in range(options.steps):
            controller.comparison.moves.step()
            _wait(app, lambda: shown.waiting == 0 or bool(trouble()))
        _wait(app, lambda: shown.settled or bool(trouble()))
    if trouble():
        raise ScreenshotFailed(trouble())


class _Heard:
    """What the worker has answered."""

    def __init__(self, controller: Controller) -> None:
        self.places = 0  # at which there is a distribution to see, or no token is allowed
        self.barred = False  # whether no token is allowed at the last of them
        self.answers = 0
        controller.presenter.listeners.append(self._hear)

    def _hear(self, event: m.Event) -> None:
        if isinstance(event, m.FrameReady | m.NothingAllowed):
            self.places += 1
            self.barred = isinstance(event, m.NothingAllowed)
        elif isinstance(event, m.Tokenized):
            self.answers += 1


def _finish(app: QApplication, controller: Controller, heard: _Heard) -> None:
    """Wait until the worker has done all that it was asked for, and the window heard of it."""
    before = heard.answers
    controller.engine.send(m.Tokenize(controller.window.text.prompt_text))
    _wait(app, lambda: heard.answers > before)


def _wait(app: QApplication, done: Callable[[], bool]) -> None:
    while not done():
        _pass(app)


def _pass(app: QApplication) -> None:
    """Whatever happens in the next moment. (`processEvents` with a time limit does not wait, and would take the cores
    from the worker.)"""
    loop = QEventLoop()
    QTimer.singleShot(20, loop.quit)
    loop.exec()


def _rest(app: QApplication, milliseconds: int = 150) -> None:
    """Let throttled views draw their last state."""
    end = monotonic() + milliseconds / 1000
    while monotonic() < end:
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
