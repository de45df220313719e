"""`--screenshot`: the real window, drawn into a file without a display."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from ntp_studio import messages as m
from ntp_studio.core.types import StudioError
from ntp_studio.settings import Settings
from ntp_studio.ui.controller import Controller


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
    try:
        window.resize(*options.size)
        window.show()
        if options.model or options.file:
            saved_text = not controller.state.loading  # its prompt comes with it, and its model is opened by the way
            _wait(app, lambda: not controller.state.loading or bool(window.notice.text()))
            if options.prompt is not None or saved_text:
                _wait(app, lambda: controller.state.frame is not None or bool(window.notice.text()))
                _take_steps(app, controller, options.steps)
                _wait(app, lambda: window.time_lapse.settled or bool(window.notice.text()))
            if window.notice.text():
                raise ScreenshotFailed(window.notice.text())
        _rest(app)
        if not window.grab().save(options.screenshot):
            raise ScreenshotFailed(f"{options.screenshot} cannot be written; choose another place.")
    finally:
        window.studio.shutdown()  # type: ignore[attr-defined]
    return 0


def _take_steps(app: QApplication, controller: Controller, steps: int) -> None:
    for _ in range(steps):
        before = controller.state.frame
        controller.engine.send(m.Step())
        while controller.state.frame is before and not controller.window.notice.text():
            app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)


def _wait(app: QApplication, done: Callable[[], bool]) -> None:
    while not done():
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)


def _rest(app: QApplication, milliseconds: int = 150) -> None:
    """Let throttled views draw their last state."""
    end = monotonic() + milliseconds / 1000
    while monotonic() < end:
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
