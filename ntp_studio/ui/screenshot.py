"""`--screenshot`: the real window, drawn into a file without a display."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from ntp_studio import messages as m
from ntp_studio.core.types import StudioError
from ntp_studio.settings import Settings


class ScreenshotFailed(StudioError):
    """What the window would have said."""


def take(options: argparse.Namespace) -> int:
    """Open the model, read the prompt, take the steps, draw the window. A person's own settings are left alone.

    Raises ScreenshotFailed with what the window would have said.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if options.scale != 1.0:
        os.environ["QT_SCALE_FACTOR"] = str(options.scale)
    from ntp_studio.ui.app import _build

    app, window = _build(options, Settings(theme=options.theme or "light"))
    studio = window.studio  # type: ignore[attr-defined]
    controller = studio.controller
    try:
        window.resize(*options.size)
        window.show()
        if options.model:
            _wait(app, lambda: not controller.state.loading or bool(window.notice.text()))
            if options.prompt is not None:
                _wait(app, lambda: controller.state.frame is not None or bool(window.notice.text()))
                _take_steps(app, controller, options.steps)
            if window.notice.text():
                raise ScreenshotFailed(window.notice.text())
        _rest(app)
        if not window.grab().save(options.screenshot):
            raise ScreenshotFailed(f"{options.screenshot} cannot be written; choose another place.")
    finally:
        studio.shutdown()
    return 0


def _take_steps(app: QApplication, controller: object, steps: int) -> None:
    for _ in range(steps):
        before = controller.state.frame  # type: ignore[attr-defined]
        if controller.window.notice.text():  # type: ignore[attr-defined]
            break
        controller.engine.send(m.Step())  # type: ignore[attr-defined]
        _wait(
            app,
            lambda before=before: controller.state.frame is not before or bool(controller.window.notice.text()),  # type: ignore
        )


def _wait(app: QApplication, done: Callable[[], bool]) -> None:
    while not done():
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)


def _rest(app: QApplication, milliseconds: int = 150) -> None:
    """Let throttled views draw their last state."""
    from time import monotonic

    end = monotonic() + milliseconds / 1000
    while monotonic() < end:
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
