"""Which part of the window an action speaks to: the page in front. The step key steps what is seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Slot

from ntp_studio.ui.main_window import MainWindow


class Router(QObject):
    """Actions that several pages know, each in its own way."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._slots: dict[tuple[str, str], Callable[[], None]] = {}
        self._heard: set[str] = set()

    def add(self, page: str, slots: Mapping[str, Callable[[], None]]) -> None:
        """What these actions do while `page` (see `MainWindow.front`) is in front."""
        for action, slot in slots.items():
            self._slots[page, action] = slot
            if action not in self._heard:
                self._heard.add(action)
                self._window.commands[action].triggered.connect(self._fired)

    @Slot()
    def _fired(self) -> None:
        slot = self._slots.get((self._window.front, self.sender().objectName()))
        if slot is not None:
            slot()
