"""A scored text as arrays, one a figure, so that a quarter of a million rows sort and filter in a blink.

Figures that are not known are NaN. No Qt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from ntp_studio.core.compared import Divergence, PairAt, ScoredComparison, ScoredStretch

BITS = 1 / math.log(2)  # in a nat
SLICE = 500  # rows of one `fill`: some milliseconds
MOST_JUMPS = 1_000
NOTHING = 1e-9  # bits; closer to agreement than this is float rounding

Kind = Literal["number", "byte", "text", "logprob", "surprisal", "rank", "entropy", "delta", "extra", "kl", "js"]
Condition = Literal["all", "disagree", "top", "surprising"]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


def divergence_bits(divergence: Divergence | None, name: str) -> float:
    """Whole-vocabulary figure `name` in bits, NaN where it is not known; float rounding below zero is zero."""
    value = None if divergence is None else getattr(divergence, name)
    return math.nan if value is None else max(value, 0.0) * BITS


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _differs(pair: PairAt) -> float:
    return math.nan if pair.divergence is None else float(not pair.divergence.same_top)


def _getter(kind: str, place: int) -> Callable[[ScoredStretch], float]:
    getters: dict[str, Callable[[ScoredStretch], float]] = {
        "byte": lambda r: r.begin,
        "logprob": lambda r: _nan(r.columns[place].logprob),
        "rank": lambda r: _nan(r.columns[place].rank),
        "entropy": lambda r: _nan(r.columns[place].entropy_bits),
        "delta": lambda r: _nan(r.pairs[place].delta),
        "kl": lambda r: divergence_bits(r.pairs[place].divergence, "forward"),
        "js": lambda r: divergence_bits(r.pairs[place].divergence, "jensen_shannon"),
        "differs": lambda r: _differs(r.pairs[place]),
    }
    return getters[kind]


class ScoreData:
    """`measure` is what the ribbon shows and what is jumped by, in bits: the largest disagreement of any pair (KL from
    the reference where it is known, else the size of Δ log-probability), or where there is only one column, its
    surprisal. Arrays grow slice by slice while `fill` is called, so that the window answers meanwhile."""

    def __init__(self, scored: ScoredComparison) -> None:
        self.scored = scored
        self.rows = scored.rows
        self.count = len(scored.rows)
        self.measure: Floats = np.full(self.count, np.nan)
        self._filled = 0
        basic = [("byte", 0)]
        basic += [(kind, c) for c in range(len(scored.columns)) for kind in ("logprob", "rank", "entropy")]
        basic += [(kind, i) for i in range(self.pairs) for kind in ("delta", "kl", "js", "differs")]
        self._growing: dict[tuple[str, int], Floats] = {key: np.empty(self.count) for key in basic}
        self._getters = {key: _getter(*key) for key in basic}
        self._arrays: dict[tuple[str, int], Floats] = {}  # those that are complete
        self._texts: list[str] = []  # every one that occurs, in the order of the alphabet
        self._codes: npt.NDArray[np.intp] | None = None

    # -- slices --------------------------------------------------------------------------------------------------------

    @property
    def pairs(self) -> int:
        return max(len(self.scored.columns) - 1, 0)

    @property
    def filled(self) -> bool:
        return self._filled >= self.count

    def fill(self, most: int = SLICE) -> bool:
        """Go on by so many rows, and tell whether all are known."""
        first, last = self._filled, min(self._filled + most, self.count)
        part = self.rows[first:last]
        for key, array in self._growing.items():
            array[first:last] = np.fromiter(map(self._getters[key], part), float, last - first)
        self.measure[first:last] = self._measured(slice(first, last))
        self._filled = last
        if self.filled:
            self._arrays |= self._growing
        return self.filled

    def _measured(self, part: slice) -> Floats:
        if not self.scored.columns:
            return self.measure[part]
        if not self.pairs:
            return -self._growing["logprob", 0][part] * BITS
        largest: Floats = np.full(part.stop - part.start, np.nan)
        for i in range(self.pairs):
            known, delta = self._growing["kl", i][part], self._growing["delta", i][part]
            largest = np.fmax(largest, np.where(np.isnan(known), np.abs(delta) * BITS, known))
        return largest

    def complete(self) -> None:
        while not self.fill():
            pass

    def worst(self, shown: Rows) -> Rows:
        """Of these rows the ones with the largest measure, the largest first; none where all agree."""
        self.complete()
        measure = self.measure[shown]
        candidates = np.flatnonzero(measure > NOTHING)
        order = np.argsort(-measure[candidates], kind="stable")[:MOST_JUMPS]
        return shown[candidates[order]]

    # -- figures -------------------------------------------------------------------------------------------------------

    def values(self, kind: Kind | Literal["differs"], place: int = 0) -> Floats:
        """A figure of every row, made at once where it is not there yet. `place` is of the column, or of the pair
        (column less one)."""
        found = self._arrays.get((kind, place))
        if found is None:
            found = self._arrays[kind, place] = self._make(kind, place)
        return found

    def _make(self, kind: str, place: int) -> Floats:
        if kind == "number":
            return np.arange(1.0, self.count + 1.0)
        if kind == "text":
            return self._text_codes().astype(float)
        if kind == "surprisal":
            return -self.values("logprob", place) * BITS
        if kind == "extra":
            return -self.values("delta", place) * BITS
        return np.fromiter(map(_getter(kind, place), self.rows), float, self.count)

    def _text_codes(self) -> npt.NDArray[np.intp]:
        """Of each row its text's place in the alphabet: there are far fewer texts than rows."""
        if self._codes is None:
            self._texts = sorted({row.text for row in self.rows}, key=lambda text: (text.casefold(), text))
            places = {text: i for i, text in enumerate(self._texts)}
            self._codes = np.fromiter((places[row.text] for row in self.rows), np.intp, self.count)
        return self._codes

    # -- order and choice ----------------------------------------------------------------------------------------------

    def sorted(self, rows: Rows, kind: Kind, place: int, descending: bool) -> Rows:
        """These rows in another order; what is not known comes last both ways, equals stay as they stand in the
        text."""
        values = self.values(kind, place)[rows]
        return rows[np.argsort(-values if descending else values, kind="stable")]

    def chosen(self, text: str, condition: Condition, bits: float) -> Rows:
        """Rows with this text in theirs (a space or · is a space, capitals do not matter) that meet the condition."""
        mask: Mask = np.ones(self.count, bool)
        if text:
            codes = self._text_codes()
            needle = text.replace(" ", "·").casefold()
            mask &= np.fromiter((needle in each.casefold() for each in self._texts), bool, len(self._texts))[codes]
        if condition == "disagree":
            self.complete()
            mask &= self.measure > bits
        elif condition == "top":
            differs = np.zeros(self.count, bool)
            for place in range(self.pairs):
                differs |= self.values("differs", place) == 1.0
            mask &= differs
        elif condition == "surprising":
            surprising = np.zeros(self.count, bool)
            for place in range(len(self.scored.columns)):
                surprising |= self.values("surprisal", place) > bits
            mask &= surprising
        return np.flatnonzero(mask)
