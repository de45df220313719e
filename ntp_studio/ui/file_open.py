"""Files handed to the running program: macOS sends a double-clicked one as an event, not as an argument."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from ntp_studio.ui.main_window import MainWindow


class FileOpens(QObject):
    """Takes such a file as if it had been dropped on the window: a saved text to go on with, or else a model."""

    def __init__(self, app: QApplication, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self._window.dropped.emit(event.file())
            return True
        return super().eventFilter(watched, event)
