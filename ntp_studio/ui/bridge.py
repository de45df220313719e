"""The bridge between the worker thread and the window: a locked list and one wake signal without arguments.

The worker appends and, if no wake is on its way yet, sends one; the main thread takes the whole list. So a fast model
cannot flood the event loop, and nothing but the list crosses the border.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot

from ntp_studio.messages import Event


class Bridge(QObject):
    _wake = Signal()

    def __init__(self, handler: Callable[[list[Event]], None], parent: QObject | None = None) -> None:
        """`handler` is called in the main thread with all events since the last call."""
        super().__init__(parent)
        self._handler = handler
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._woken = False
        self._closed = False
        self._wake.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def post(self, event: Event) -> None:
        """Called in any thread."""
        with self._lock:
            if self._closed:
                return
            self._events.append(event)
            if self._woken:
                return
            self._woken = True
        self._wake.emit()

    def close(self) -> None:
        """Drop what is waiting and whatever comes later."""
        with self._lock:
            self._closed = True
            self._events.clear()

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            events, self._events = self._events, []
            self._woken = False
        if events and not self._closed:
            self._handler(events)
