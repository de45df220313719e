"""The ribbon: the probability of a few tokens at one place of the text, at every snapshot of a training."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.types import TokenText
from ntp_studio.time_lapse_messages import RibbonToken

MOST_TOKENS = 6  # on the ribbon, unless a person wants more
LOGITS_KEPT = 64 * 2**20  # bytes of logits of recent places, so that going back costs no forward

Context = tuple[int, ...]  # the token ids before the place
Row = NDArray[np.float32]  # a snapshot's log-probabilities at a place, [V]


class Ribbon:
    """Keeps whole distributions, so that another token can be followed without asking the models again."""

    def __init__(self) -> None:
        self.pinned: tuple[int, ...] = ()
        self._places: OrderedDict[Context, dict[int, Row | None]] = OrderedDict()
        self._top: tuple[object, list[int]] = (None, [])  # of the last row asked for

    def missing(self, place: Context, current: int, count: int, problems: Container[int]) -> int | None:
        """The next snapshot to look at: the nearest to `current` that is neither known nor broken."""
        rows = self._places.get(place, {})
        left = [i for i in range(count) if i not in rows and i not in problems]
        return min(left, key=lambda i: abs(i - current), default=None)

    def known(self, place: Context) -> int:
        """How many snapshots have been looked at here."""
        return len(self._places.get(place, {}))

    def keep(self, place: Context, index: int, logits: NDArray[np.float32] | None) -> None:
        """What snapshot `index` gave at a place; None if it gave nothing usable."""
        rows = self._places.setdefault(place, {})
        self._places.move_to_end(place)
        rows[index] = None if logits is None else _log_softmax(logits)
        while len(self._places) > 1 and self._bytes() > LOGITS_KEPT:
            self._places.popitem(last=False)

    def _bytes(self) -> int:
        return sum(row.nbytes for rows in self._places.values() for row in rows.values() if row is not None)

    def tokens(
        self, place: Context, current: int, choice: int | None, describe: Callable[[int], TokenText]
    ) -> tuple[RibbonToken, ...]:
        """Those that a person pinned, then the one chosen here and the likeliest of snapshot `current`, while there is
        room."""
        row = self._places.get(place, {}).get(current)
        others = [] if choice is None else [choice]
        if row is not None:
            others += self._likeliest(row)
        wanted = list(self.pinned)
        wanted += [i for i in dict.fromkeys(others) if i not in wanted][: max(0, MOST_TOKENS - len(wanted))]
        return tuple(RibbonToken(describe(i), i in self.pinned, i == choice) for i in wanted)

    def rows(self, place: Context, tokens: tuple[RibbonToken, ...], count: int) -> tuple[tuple[float, ...] | None, ...]:
        """The probabilities of the tokens at each of `count` snapshots."""
        ids = [each.token.id for each in tokens]
        found: list[tuple[float, ...] | None] = []
        for index in range(count):
            row = self._places.get(place, {}).get(index)
            found.append(None if row is None else tuple(np.exp(row[ids].astype(np.float64)).tolist()))
        return tuple(found)

    def _likeliest(self, row: Row) -> list[int]:
        if self._top[0] is not row:
            some = np.argpartition(-row, min(MOST_TOKENS, row.size - 1))[:MOST_TOKENS]
            self._top = row, [int(i) for i in some[np.lexsort((some, -row[some]))]]
        return self._top[1]


def _log_softmax(logits: NDArray[np.float32]) -> Row:
    values = logits.astype(np.float64)
    peak = values.max()
    row: Row = (values - peak - np.log(np.exp(values - peak).sum())).astype(np.float32)
    return row
