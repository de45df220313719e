"""Lets numbers through at most so often, and always the last one."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot


class Throttle(QObject):
    """For what follows the pointer: the first number passes at once, the last one at the end of its interval."""

    passed = Signal(float)

    def __init__(self, interval_ms: int, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: float | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self.flush)

    def push(self, value: float) -> None:
        self._waiting = value
        if not self._timer.isActive():
            self.flush()

    @Slot()
    def flush(self) -> None:
        """Let the last number through now, if it has not been."""
        value, self._waiting = self._waiting, None
        if value is not None:
            self._timer.start()
            self.passed.emit(value)

    def drop(self) -> None:
        """Forget what has not passed yet."""
        self._waiting = None
