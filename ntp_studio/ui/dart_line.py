"""The line on which the dart falls: each token's stretch of 0 to 1, and which one lies under the needle. No Qt.

The order is the draw's own: falling probability after decoding, then ascending id. A frame lists only some tokens; what
the others hold lies behind the listed ones, or before a token of which it is known that the needle hit it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp_studio.core.decoding import STAGES
from ntp_studio.core.types import Candidate, StepFrame

# A rest below this is the rounding of sums, not the mass of a token.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the line, from `start` to `end` of 1; without a candidate it stands for others.

    `sure` is false where tokens that are not listed may lie before it, so that its place is only nearly right.
    """

    candidate: Candidate | None
    start: float
    end: float
    chosen: bool = False
    sure: bool = True


def kept_in_order(frame: StepFrame) -> list[Candidate]:
    """The listed candidates that can be drawn, in the order of the line."""
    return sorted(
        (c for c in frame.candidates if c.cut_by is None and c.processed_probability > 0.0),
        key=lambda c: (-c.processed_probability, c.token.id),
    )


def segments(frame: StepFrame) -> tuple[Segment, ...]:
    """The whole line; under greedy the token that it takes, alone."""
    kept = kept_in_order(frame)
    chosen = frame.choice.token.id
    if frame.draw.method == "greedy":
        top = frame.choice if frame.origin != "forced" else next(iter(kept), None)
        return (Segment(top, 0.0, 1.0, top.token.id == chosen),) if top is not None else ()
    rest = max(frame.processed_tail_probability, 0.0)
    rest = rest if rest > ROUNDING else 0.0
    known = _in_their_place(frame, rest)
    result: list[Segment] = []
    start = 0.0
    for candidate in kept:
        p, is_chosen = candidate.processed_probability, candidate.token.id == chosen
        gap = _others_before(frame, start, p, rest) if is_chosen else 0.0
        if gap:
            result.append(Segment(None, start, min(start + gap, 1.0), sure=False))
            start, rest = start + gap, rest - gap
        end = min(start + p, 1.0)
        result.append(Segment(candidate, start, end, is_chosen, sure=candidate.token.id in known))
        start = end
    if rest > ROUNDING and start < 1.0:
        sure = all(s.sure or s.chosen for s in result)
        result.append(Segment(None, start, min(start + rest, 1.0), sure=sure))
    return tuple(result)


def _others_before(frame: StepFrame, start: float, p: float, rest: float) -> float:
    """How much of the others lies before the chosen token, which would start at `start`: none, unless the needle says
    that it lies further on. Nearly: the needle may be anywhere on the token."""
    u = frame.draw.u
    if frame.draw.method != "dart" or frame.origin == "forced" or math.isnan(u):
        return 0.0
    if start - ROUNDING <= u <= start + p + ROUNDING:
        return 0.0
    return min(max(u - p / 2 - start, 0.0), rest)


def _in_their_place(frame: StepFrame, rest: float) -> set[int]:
    """The ids of the listed tokens that no unlisted one can lie before: each is likelier than all of the rest together,
    or the chain kept the model's ranking and the token is of the model's top."""
    ranked = all(STAGES[r.name].keeps_ranking for r in frame.stages if r.name in STAGES and not r.resting)
    top = next((i for i, c in enumerate(frame.candidates) if c.rank != i + 1), len(frame.candidates))
    return {
        c.token.id for i, c in enumerate(frame.candidates) if c.processed_probability > rest or (ranked and i < top)
    }


def segment_at(line: tuple[Segment, ...], u: float) -> Segment | None:
    """The stretch on which u in [0, 1) falls; None on an empty line."""
    return next((s for s in line if u <= s.end), line[-1] if line else None)
