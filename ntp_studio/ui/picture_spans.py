"""The stretches of the text that a stage speaks of: which tokens they hold, and on which of two levels they are drawn.

No Qt: the page knows where tokens stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ntp_studio.core.pictures import Span


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens `start` to `end` (exclusive) of the text. On level 1 it is drawn below what it overlaps on level 0."""

    start: int
    end: int
    now: bool
    level: int = 0

    def __len__(self) -> int:
        return self.end - self.start


def arranged(spans: Iterable[Span], length: int) -> tuple[Stretch, ...]:
    """Spans as stretches of a text of `length` tokens, the present ones first; what lies outside the text is left out.

    An earlier passage may overlap the end of the text that it matches ("ha ha ha"), or another one.
    """
    found: list[Stretch] = []
    for span in sorted(set(spans), key=lambda s: (not s.now, s.start, s.end)):
        start, end = max(span.start, 0), min(span.end, length)
        if start >= end:
            continue
        taken = any(s.level == 0 and s.start < end and start < s.end for s in found)
        found.append(Stretch(start, end, span.now, int(taken)))
    return tuple(found)


def around(stretches: Iterable[Stretch], index: int) -> tuple[Stretch, ...]:
    """Those that hold this token."""
    return tuple(s for s in stretches if s.start <= index < s.end)
