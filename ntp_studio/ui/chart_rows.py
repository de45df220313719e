"""Which rows the chart shows: as many candidates as fit, and one row for all the other tokens. No Qt.

The rows of a chart always add up to the whole distribution, whatever its height: candidates that do not fit are counted
in the row of the others, and those that are scrolled away at the top in a row of their own, where they were. What is
likelier than the rows in sight must not look like a tail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp_studio.core.types import Candidate, StepFrame


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: a candidate, or (`candidate` is None) the `count` tokens without a row of their own; `above` are their
    ids where they are the candidates that are scrolled away at the top."""

    candidate: Candidate | None
    count: int
    probability: float
    processed_probability: float
    chosen: bool = False
    forced: bool = False
    above: tuple[int, ...] = ()


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


ROOM_FOR_ABOVE = 4  # candidates in sight, of which one gives its place to those above


def fold(listing: Listing, capacity: int, offset: int = 0, picked: int | None = None) -> tuple[Row, ...]:
    """The rows for a chart of `capacity` rows, from candidate number `offset` on, the others last.

    The chosen token (where the listing pins it) and the `picked` one have a row wherever they are: in the order, at the
    place nearest to their own.
    """
    candidates = listing.candidates
    count = slots(listing, capacity)
    first = min(max(offset, 0), len(candidates) - count)
    tell_above = first > 0 and count >= ROOM_FOR_ABOVE
    shown = set(range(first + tell_above, first + count))
    pinned: set[int] = set()
    for token_id in (picked, listing.chosen_id if listing.pin else None):
        place = next((i for i, c in enumerate(candidates) if c.token.id == token_id), None)
        if place is None:
            continue
        if place not in shown and shown - pinned:
            shown.remove((min if place < first else max)(shown - pinned))
            shown.add(place)
        pinned.add(place)
    top = min(shown - pinned, default=first)
    above = [i for i in range(top) if i not in shown] if tell_above else []
    rows: list[Row] = []
    for i in sorted({*shown, *above[:1]}):
        if i in shown:
            rows.append(_candidate_row(candidates[i], listing))
        else:
            rows.append(_row_of([candidates[j] for j in above], above=True))
    hidden = [c for i, c in enumerate(candidates) if i not in shown and i not in above]
    if listing.outside + len(hidden):
        rows.append(_row_of(hidden, listing.outside, listing.tail_probability, listing.processed_tail_probability))
    return tuple(rows)


def _candidate_row(c: Candidate, listing: Listing) -> Row:
    chosen = c.token.id == listing.chosen_id
    return Row(c, 1, c.probability, c.processed_probability, chosen, forced=listing.forced and chosen)


def _row_of(
    hidden: list[Candidate], outside: int = 0, tail: float = 0.0, processed_tail: float = 0.0, *, above: bool = False
) -> Row:
    """One row for candidates without their own, and for `outside` tokens more that hold the tails."""
    return Row(
        candidate=None,
        count=len(hidden) + outside,
        probability=math.fsum([tail, *(c.probability for c in hidden)]),
        processed_probability=math.fsum([processed_tail, *(c.processed_probability for c in hidden)]),
        above=tuple(c.token.id for c in hidden) if above else (),
    )
