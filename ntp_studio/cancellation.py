"""Cancelling: which long work is under way, and who asked to stop it. Used by the worker and by the window's thread.

Work belongs to the command that began it, and commands are numbered in the order in which they were sent; so a cancel
reaches exactly what was sent before it, whether it has begun, is about to, or still waits.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOADING, READING, TRAINING, SNAPSHOT, SCORING = "loading", "reading", "training", "snapshot", "scoring"


class Cancellation:
    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        self._marks: dict[tuple[str | None, str], int] = {}  # (model or any, kind) -> cancelled up to this number
        self._job: tuple[str, str, int, threading.Event] | None = None

    def number(self) -> int:
        """The next number for a command."""
        return next(self._numbers)

    def cancel(self, kinds: tuple[str, ...] = (LOADING, READING, SNAPSHOT, SCORING), model: str | None = None) -> None:
        """Cancel all such work that was asked for until now, of one model or of all."""
        with self._lock:
            now = next(self._numbers)
            for kind in kinds:
                self._marks[model, kind] = now
            if self._job is not None and self._job[1] in kinds and model in (None, self._job[0]):
                self._job[3].set()

    def close(self) -> None:
        """Cancel everything, now and in future."""
        with self._lock:
            self._closed = True
            if self._job is not None:
                self._job[3].set()

    @contextmanager
    def job(self, model: str, kind: str, number: int) -> Iterator[Callable[[], bool]]:
        """Long work for command `number`; gives a function that tells whether it is cancelled."""
        event = threading.Event()
        with self._lock:
            if self._closed or max(self._marks.get((None, kind), -1), self._marks.get((model, kind), -1)) > number:
                event.set()
            self._job = (model, kind, number, event)
        try:
            yield event.is_set
        finally:
            with self._lock:
                self._job = None

    def superseded(self, model: str, number: int, kind: str | None = None) -> bool:
        """Whether what command `number` asked for (of one kind, or any) was cancelled by a newer command, and not by a
        person."""
        with self._lock:
            marks = self._marks.items()
            return any(m == model and kind in (None, k) and mark > number for (m, k), mark in marks)

    def closed(self) -> bool:
        return self._closed
