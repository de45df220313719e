"""The places that steps led columns to, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ntp_studio.core.decoding.draw import StreamPlace
from ntp_studio.core.following import Column


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of all columns: the node at which each stood, by its number, the shared place in the random stream, how
    many of each column's tokens were firm, and how many its context had."""

    nodes: dict[int, int]
    luck: StreamPlace
    firm: dict[int, int] = field(compare=False)
    places: dict[int, int] = field(compare=False)


def mark(columns: Sequence[Column], luck: StreamPlace) -> Mark:
    """Of where the columns stand."""
    return Mark(
        {column.number: column.session.tree.here.id for column in columns},
        luck,
        {column.number: column.firm for column in columns},
        {column.number: column.session.place for column in columns},
    )


def marks_before(marks: Sequence[Mark], columns: Sequence[Column]) -> Iterator[tuple[int, Mark]]:
    """Those at or before the place where the columns stand, with their numbers, the nearest last."""
    for at, each in enumerate(marks):
        own = [column for column in columns if column.number in each.places]
        if own and _order([each.places[c.number] for c in own]) <= _order([c.session.place for c in own]):
            yield at, each


def _order(places: Sequence[int]) -> tuple[int, int]:
    """Along the text by the leading column's place; where that has come to its end, by those of all."""
    return places[0], sum(places)


def nearest_mark(marks: Sequence[Mark], nodes: dict[int, int], at: int) -> int | None:
    """Which mark has these nodes, as far as it knows their columns; the nearest to mark `at`. None if none has."""
    matching = [
        i
        for i, each in enumerate(marks)
        if (own := each.nodes.keys() & nodes.keys()) and all(each.nodes[number] == nodes[number] for number in own)
    ]
    return min(matching, key=lambda i: abs(i - at), default=None)


def luck_between(marks: Sequence[Mark], columns: Sequence[Column]) -> StreamPlace:
    """Where the columns stand between two marks: a draw further for each token, as after a text that is forced. Inside
    the prompt, where nothing is ever drawn: the beginning."""
    leader = columns[0]
    before = [each for _, each in marks_before(marks, columns) if leader.number in each.places]
    if not before:
        return marks[0].luck
    luck = before[-1].luck
    return StreamPlace(luck.seed, luck.position + leader.session.place - before[-1].places[leader.number])
