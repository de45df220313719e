"""The race as numbers: how far each token has come when the first one arrives. No Qt.

Every token waits q/p, its luck q ~ Exp(1) over its probability p; so it runs at speed p/q, and at p with average luck
(q = 1). When the winner has covered its way, at time T, another has covered T·p/q of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp_studio.core.types import Candidate, StepFrame

# Further than this share of the way nothing is drawn: a favourite with bad luck could be anywhere ahead, on average.
FURTHEST = 1.5


@dataclass(frozen=True, slots=True)
class Lane:
    """One runner: `way` is how far it has come (1 is the finish), `average` how far it would be with average luck."""

    candidate: Candidate
    way: float
    average: float
    chosen: bool = False
    taken: bool = False  # at this place before, while another is chosen now

    @property
    def time(self) -> float:
        return self.candidate.waiting_time


def runs(frame: StepFrame) -> bool:
    """Whether the frame tells the race's noise."""
    told = (*frame.arrivals, *frame.candidates)
    return frame.draw.method == "race" and any(math.isfinite(c.waiting_time) for c in told)


def lanes(frame: StepFrame, count: int) -> tuple[Lane, ...]:
    """The first `count` of the whole vocabulary to arrive, in their order; the token taken here before is among them if
    it can be drawn at all. Of a frame that does not tell the arrivals, the first of the listed tokens."""
    listed = sorted(
        (c for c in frame.candidates if math.isfinite(c.waiting_time)), key=lambda c: (c.waiting_time, c.token.id)
    )
    field = list(frame.arrivals) or listed
    if not field or frame.draw.method != "race":
        return ()
    # Without the arrivals the winner may not be listed, where a token was forced; the draw tells its time.
    winning = field[0].waiting_time if math.isnan(frame.draw.time) else min(frame.draw.time, field[0].waiting_time)
    taken = frame.taken.token.id if frame.taken else None
    taken = None if taken == frame.choice.token.id else taken
    shown = field[: max(count, 1)]
    late = next((c for c in (*field, *listed) if c.token.id == taken), None)
    if late is not None and late not in shown:
        shown = [*shown[:-1], late] if len(shown) > 1 else shown
    return tuple(
        Lane(
            candidate=c,
            way=winning / c.waiting_time if c.waiting_time > 0 else 1.0,
            average=winning * c.processed_probability,
            chosen=c.token.id == frame.choice.token.id,
            taken=c.token.id == taken,
        )
        for c in shown
    )


def course(field: tuple[Lane, ...]) -> float:
    """How long the tracks are, as a multiple of the way: the finish is at 1 / course of their length."""
    return min(max((1.0, *(lane.average for lane in field))), FURTHEST)
