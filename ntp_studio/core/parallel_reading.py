"""A text read again by several models in step, chunk by chunk, to hold their logits against each other.

A chunk is read by the reference first, and by one column after the other then, so that never more than two columns'
logits are in memory. Each reads through a twin with a cache of its own: the columns' own are not touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.compared import Divergence
from ntp_studio.core.comparing import divergences
from ntp_studio.core.lines_together import LinesTogether
from ntp_studio.core.told_line import ToldLine
from ntp_studio.core.tree import Node
from ntp_studio.core.types import ModelFailure

Logits = NDArray[np.float32]


class ParallelReading:
    """The reference and the columns that read the same tokens; `turn` is whose turn it is in this chunk."""

    def __init__(self, reference: ToldLine, others: dict[int, ToldLine]) -> None:
        self.reference = reference
        self.lines = others  # by column number
        self.place = 0  # how many tokens have been read before this chunk
        self.end = 0  # of the chunk that is being read
        self.turn: list[int] = []  # whose turn it is yet, by number; empty between two chunks
        self._twins = {line.column.number: line.column.session.model.twin() for line in (reference, *others.values())}
        self._read = dict.fromkeys(self._twins, 0)  # how many each has read
        self._last: Node | None = None  # that the reference has read
        self._logits: Logits | None = None  # the reference's, of the chunk
        self._first = 0  # the place of its first row

    @property
    def within_chunk(self) -> bool:
        """Whether the reference has read a chunk that the others have still to read."""
        return self._logits is not None

    def begin_chunk(self, end: int) -> None:
        self.end = end
        self.turn = [self.reference.column.number, *self.lines]

    def end_chunk(self) -> None:
        self.place, self._logits = self.end, None

    def read(self, end: int, places: Sequence[int], top: int) -> list[Divergence]:
        """Let the column whose turn it is read on up to `end`, and hold what it says after so many tokens, for each of
        `places`, against what the reference does. The reference's own reading gives nothing yet.

        Raises StudioError: its model failed.
        """
        number = self.turn[0]
        first, logits = self._go_on(number, end, bool(places))
        found = []
        if number == self.reference.column.number:
            self._logits, self._first = logits, first
            self._last = self.reference.nodes[end - 1]
        elif places and self._logits is not None:
            found = divergences(_rows(self._logits, places, self._first), _rows(logits, places, first), top)
        del self.turn[:1]
        return found

    def _go_on(self, number: int, end: int, all_places: bool) -> tuple[int, Logits]:
        """The place of the first row, and the logits; no row unless `all_places`."""
        twin = self._twins[number]
        first, rows = twin.go_on(self.reference.ids[:end], self.place, all_places=all_places)
        self._read[number] = end
        logits = rows.array() if all_places else np.zeros((0, 1), np.float32)
        rows.release()
        if not np.isfinite(logits.max(axis=1, initial=-math.inf) if len(logits) else 0.0).all():
            raise ModelFailure(
                f"{twin.info.name} gave NaN or infinite logits in this text; its weights are damaged or "
                f"{twin.info.dtype} is too small for it: try float32."
            )
        return first, logits

    def shorten(self, row: LinesTogether, wanted: dict[int, int]) -> None:
        """Take out the columns that have nothing more to read there, or have another text now. `wanted` is up to where
        each is to read, by number."""
        nodes, ahead = self.reference.nodes, self._read[self.reference.column.number]
        same = self.reference is row.lines[0] and (
            not ahead or (len(nodes) >= ahead and nodes[ahead - 1] is self._last)
        )
        now = {line.column.number: (line, common) for line, common in zip(row.lines, row.same, strict=True)}
        for number, line in list(self.lines.items()):
            read = self._read[number]
            here, common = now.get(number, (None, 0))
            in_step = read == (self.end if self.within_chunk and number not in self.turn else self.place)
            more = in_step and wanted.get(number, 0) > read
            if not (same and line is here and common >= read and more):
                self._drop(number)

    def _drop(self, number: int) -> None:
        self.lines.pop(number, None)
        self._twins.pop(number, None)
        self.turn = [each for each in self.turn if each != number]


def _rows(logits: Logits, places: Sequence[int], first: int) -> Logits:
    """The rows after so many tokens each; those that lie together are not copied."""
    begin, end = places[0] - 1 - first, places[-1] - first
    if end - begin == len(places):
        return logits[begin:end]
    return logits[[place - 1 - first for place in places]]
