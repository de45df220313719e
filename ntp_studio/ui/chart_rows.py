"""Which rows the chart shows: as many candidates as fit, and one row for all the other tokens. No Qt.

The rows of a chart always add up to the whole distribution, whatever its height: candidates that do not fit are counted
in the row of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp_studio.core.types import Candidate, StepFrame


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: a candidate, or (`candidate` is None) the `count` tokens without a row of their own."""

    candidate: Candidate | None
    count: int
    probability: float
    processed_probability: float
    chosen: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What is to be charted: the candidates in their order, and what the tokens outside of them hold.

    `chosen_id` is kept on screen when `pin` is set.
    """

    candidates: tuple[Candidate, ...] = ()
    outside: int = 0
    tail_probability: float = 0.0
    processed_tail_probability: float = 0.0
    chosen_id: int | None = None
    forced: bool = False
    pin: bool = False
    whole_vocabulary: bool = True


def frame_listing(frame: StepFrame) -> Listing:
    """The model's most likely tokens at one place."""
    return Listing(
        candidates=frame.candidates,
        outside=frame.others,
        tail_probability=frame.tail_probability,
        processed_tail_probability=frame.processed_tail_probability,
        chosen_id=frame.choice.token.id,
        forced=frame.origin == "forced",
        pin=True,
        whole_vocabulary=frame.whole_vocabulary,
    )


def found_listing(candidates: tuple[Candidate, ...], frame: StepFrame | None) -> Listing:
    """Answers of a vocabulary search; the rest of the vocabulary is the others."""
    if frame is None:
        return Listing(candidates=candidates)
    return Listing(
        candidates=candidates,
        outside=max(frame.vocab_size - len(candidates), 0),
        tail_probability=max(1.0 - math.fsum(c.probability for c in candidates), 0.0),
        processed_tail_probability=max(1.0 - math.fsum(c.processed_probability for c in candidates), 0.0),
        chosen_id=frame.choice.token.id,
        forced=frame.origin == "forced",
        whole_vocabulary=frame.whole_vocabulary,
    )


def slots(listing: Listing, capacity: int) -> int:
    """How many candidates are shown where `capacity` rows fit, one of which may go to the others. At least one."""
    if listing.outside == 0 and len(listing.candidates) <= capacity:
        return len(listing.candidates)
    return min(max(capacity - 1, 1), len(listing.candidates))


def fold(listing: Listing, capacity: int, offset: int = 0) -> tuple[Row, ...]:
    """The rows for a chart of `capacity` rows, from candidate number `offset` on, the others last."""
    count = slots(listing, capacity)
    first = min(max(offset, 0), len(listing.candidates) - count)
    indexes = list(range(first, first + count))
    if listing.pin and indexes:
        chosen = next((i for i, c in enumerate(listing.candidates) if c.token.id == listing.chosen_id), None)
        if chosen is not None and chosen not in indexes:
            # The order is kept: it takes the place nearest to its own.
            indexes[0 if chosen < first else -1] = chosen
    shown = set(indexes)
    rows = [
        Row(
            candidate=c,
            count=1,
            probability=c.probability,
            processed_probability=c.processed_probability,
            chosen=c.token.id == listing.chosen_id,
            forced=listing.forced and c.token.id == listing.chosen_id,
        )
        for c in (listing.candidates[i] for i in indexes)
    ]
    hidden = [c for i, c in enumerate(listing.candidates) if i not in shown]
    others = listing.outside + len(hidden)
    if others:
        rows.append(
            Row(
                candidate=None,
                count=others,
                probability=math.fsum([listing.tail_probability, *(c.probability for c in hidden)]),
                processed_probability=math.fsum(
                    [listing.processed_tail_probability, *(c.processed_probability for c in hidden)]
                ),
            )
        )
    return tuple(rows)
