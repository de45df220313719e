"""What the command line asks for on top of a saved text: it waits until the text is open."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from PySide6.QtCore import QObject

from ntp_studio import messages as m
from ntp_studio import preset_files
from ntp_studio.core.types import StudioError
from ntp_studio.ui.controller import Controller


class OnTop(QObject):
    """Once the text in a file is open, changes its settings and its seed, as a person would. Only the first time:
    opened again it is as it was saved."""

    def __init__(self, options: argparse.Namespace, presets: Sequence[preset_files.Named], path: str) -> None:
        """Raises StudioError for what makes no sense on top of any text."""
        preset_files.check_on_top(options, presets)
        super().__init__()
        self.problem = ""  # why it could not be done on top of this text
        self._options, self._presets, self._path = options, presets, path
        self._opened: m.SessionOpened | None = None
        self._controller: Controller | None = None

    def wait(self, controller: Controller) -> None:
        self.setParent(controller)
        self._controller = controller
        controller.presenter.listeners.append(self.handle)

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        if self._controller is None:
            return
        if isinstance(event, m.SessionOpened):
            self._opened = event if event.path == self._path else None
        elif isinstance(event, m.PathChanged) and self._opened is not None:  # which takes away what was said before
            controller, self._controller = self._controller, None
            self._change(controller, self._opened)

    def _change(self, controller: Controller, opened: m.SessionOpened) -> None:
        if self._options.seed is not None:
            controller.window.toolbar.set_seed(self._options.seed)
            controller.set_seed(self._options.seed)
        try:
            decoding = preset_files.asked_for(self._options, self._presets, opened.decoding, on_top=True)
        except StudioError as error:
            self.problem = str(error)
            controller.window.notice.show_text(self.problem)
            return
        if decoding is not None:
            controller.presets.remember(controller.state.settings.decoding)
            controller.set_decoding(decoding)
