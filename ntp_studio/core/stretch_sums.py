"""What the stretches of a text add up to: each column's figures and each pair's, kept as running sums so that a step
does not cost adding up the whole text again."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from ntp_studio.core.compared import ColumnTotals, PairAt, Totals
from ntp_studio.core.told_line import Foretold

Sums = tuple[float, ...]  # OF_COLUMN for each column, the bytes that all foretold, OF_PAIR for each pair
OF_COLUMN = 3  # tokens with figures, their log-probability, that of what every column foretold
OF_PAIR = 6  # tokens with a divergence, how many agree, and what `Totals` gives the means of


class StretchSums:
    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._sums: list[Sums] = []  # for each stretch, what it adds to the totals
        self._running: list[Sums] = []  # the sums up to each, as far as they have been asked for

    def cut(self, count: int) -> None:
        """Only the first `count` stretches are left."""
        del self._sums[count:]
        del self._running[count:]

    def put(self, index: int, size: int, own: Sequence[Foretold], pairs: Sequence[PairAt]) -> None:
        """Stretch `index`, of `size` bytes: one that is there, or the next."""
        foretold = all(column.logprob is not None for column in own)
        sums: list[float] = []
        for column in own:
            sums += [column.known, column.total, column.logprob if foretold and column.logprob is not None else 0.0]
        sums.append(size if foretold else 0)
        for pair in pairs:
            sums += _of_pair(pair)
        self._sums[index : index + 1] = [tuple(sums)]
        del self._running[index:]

    def column_totals(self) -> tuple[ColumnTotals, ...]:
        sums = self._up_to_the_end()
        length = sums[OF_COLUMN * self._columns]
        found = []
        for begin in range(0, OF_COLUMN * self._columns, OF_COLUMN):
            tokens, logprob, common = sums[begin : begin + OF_COLUMN]
            bits = -common / math.log(2) / length if length else math.nan
            loss = -logprob / tokens if tokens else math.nan
            found.append(ColumnTotals(int(tokens), math.inf if loss > 700 else math.exp(loss), bits))
        return tuple(found)

    def pair_totals(self) -> tuple[Totals | None, ...]:
        """Over the stretches whose divergence is known; None where none is."""
        sums = self._up_to_the_end()[OF_COLUMN * self._columns + 1 :]
        found: list[Totals | None] = []
        for begin in range(0, len(sums), OF_PAIR):
            tokens, agreed, *others = sums[begin : begin + OF_PAIR]
            found.append(Totals(int(tokens), int(agreed), *(each / tokens for each in others)) if tokens else None)
        return tuple(found)

    def _up_to_the_end(self) -> Sums:
        nothing = (0.0,) * (OF_COLUMN * self._columns + 1 + OF_PAIR * max(0, self._columns - 1))
        for sums in self._sums[len(self._running) :]:
            before = self._running[-1] if self._running else nothing
            self._running.append(tuple(map(operator.add, before, sums)))
        return self._running[-1] if self._running else nothing


def _of_pair(pair: PairAt) -> list[float]:
    figures = pair.divergence
    if figures is None or figures.forward is None or figures.backward is None or figures.jensen_shannon is None:
        return [0.0] * OF_PAIR
    return [1, figures.same_top, figures.overlap, figures.forward, figures.backward, figures.jensen_shannon]
