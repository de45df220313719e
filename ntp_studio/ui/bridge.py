"""The bridge between the worker thread and the window: a locked list and one wake signal without arguments.

The worker appends and, if no wake is on its way yet, sends one; the main thread takes the whole list. So a fast model
cannot flood the event loop, and nothing but the list crosses the border. While the main thread does not come for it (a
dialog of the system's own is open), the list is thinned to what still matters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal, Slot

from ntp_studio.compare_messages import PlaceShown
from ntp_studio.core.types import StepFrame
from ntp_studio.messages import Event, FrameReady, Loading, MemoryChanged, PathChanged, Reading

MANY = 300  # so many wait only where nobody comes for them
# Each of these tells the whole of what the one before it told.
WHOLE = (PathChanged, Loading, Reading, MemoryChanged)


class Bridge(QObject):
    _wake = Signal()

    def __init__(self, handler: Callable[[list[Event]], None], parent: QObject | None = None) -> None:
        """`handler` is called in the main thread with all events since the last call."""
        super().__init__(parent)
        self._handler = handler
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._most = MANY
        self._woken = False
        self._closed = False
        self._wake.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def post(self, event: Event) -> None:
        """Called in any thread."""
        with self._lock:
            if self._closed:
                return
            self._events.append(event)
            if len(self._events) > self._most:
                self._events = thinned(self._events)
                self._most = max(MANY, 2 * len(self._events))
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
            self._most = MANY
            self._woken = False
        if events and not self._closed:
            self._handler(events)


def thinned(events: list[Event]) -> list[Event]:
    """The events without what later ones make needless, in their order.

    Of `WHOLE` the last of each kind and model. Every frame is still announced, since frames answer moves that are
    counted, and with the token that the text grew by, unless the whole text follows; but all of them carry the last
    frame of their model, the only one that is painted.
    """
    kept: list[Event] = []
    told: set[tuple[type[Event], str]] = set()
    frames: dict[str, StepFrame] = {}
    places: dict[int, PlaceShown] = {}  # by run
    whole: set[tuple[int, int]] = set()  # (run, column) of which the whole text follows
    for event in reversed(events):
        kind = type(event), event.model
        if isinstance(event, WHOLE) and kind in told:
            continue
        if isinstance(event, FrameReady):
            appended = None if (PathChanged, event.model) in told else event.appended
            event = replace(event, frame=frames.setdefault(event.model, event.frame), appended=appended)
        elif isinstance(event, PlaceShown):
            event = _thin_place(event, places.setdefault(event.run, event), whole)
        told.add(kind)
        kept.append(event)
    return kept[::-1]


def _thin_place(event: PlaceShown, last: PlaceShown, whole: set[tuple[int, int]]) -> PlaceShown:
    """As with a frame: with the figures of the last place of its run, and what each text grew by, unless it follows."""
    frames = {place.number: place.frame for place in last.columns}
    columns = []
    for place in event.columns:
        frame = frames.get(place.number, place.frame)
        if (event.run, place.number) in whole:
            columns.append(replace(place, frame=frame, path=None, appended=()))
        else:
            columns.append(replace(place, frame=frame))
            if place.path is not None:
                whole.add((event.run, place.number))
    return replace(event, columns=tuple(columns), comparison=last.comparison)
