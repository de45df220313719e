"""Scores: the logits left at one point of the decoding chain, and what follows from them, each computed once."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FEW = 2048  # up to so many tokens left, looking ids up costs less than laying out the whole vocabulary
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Scores:
    """The tokens left (`ids`, N of them) of a vocabulary of V, and their logits (`values`), in float64.

    Removed tokens are simply not there, which is the same as a logit of -inf: probabilities are always those of the
    softmax over what is left. Nothing in it is ever written to after it is made, so a stage cannot harm its input and
    the ranking of the model's logits, the one costly thing (a sort of V numbers), is shared by all that keep the order.
    """

    def __init__(
        self,
        vocab_size: int,
        ids: Ints,
        values: Floats,
        *,
        ranked: bool = False,
        order_of: Scores | None = None,
    ) -> None:
        self.vocab_size = vocab_size
        self.ids = ids
        self.values = values
        self._ranked = ranked
        self._order_of = order_of
        self._sorted: Ints = np.empty(0, dtype=np.int64)

    @classmethod
    def of(cls, logits: NDArray[np.floating]) -> Scores:
        """From a whole vocabulary of logits, shape [V]; -inf means removed.

        Raises:
            ValueError: a NaN or +inf among them, or nothing but -inf.
        """
        values = np.asarray(logits, dtype=np.float64)
        peak = values.max(initial=-np.inf)  # NaN if any is NaN
        if not np.isfinite(peak):
            raise ValueError("the logits hold NaN or infinity, or no token has a finite logit")
        ids = np.arange(values.size)
        if np.isneginf(values.min()):
            ids = np.flatnonzero(np.isfinite(values))
            values = values[ids]
        return cls(int(np.size(logits)), ids, values)

    # -- what follows from them

    @property
    def count(self) -> int:
        return int(self.ids.size)

    @cached_property
    def peak(self) -> float:
        return float(self.values.max())

    @cached_property
    def _weighed(self) -> tuple[Floats, float]:
        """exp(logit - peak), and the sum of these times (logit - peak). The differences are not kept: fresh memory for
        another vocabulary of numbers costs more than all arithmetic on it."""
        shifted = self.values - self.peak
        weights: Floats = np.exp(shifted)
        # einsum rather than dot: BLAS would wake a team of threads of its own beside torch's.
        return weights, float(np.einsum("i,i->", weights, shifted))

    @property
    def weights(self) -> Floats:
        """exp(logit - peak), aligned with `ids`; divided by `total` they are the probabilities."""
        return self._weighed[0]

    @cached_property
    def total(self) -> float:
        return float(self.weights.sum())

    @cached_property
    def probabilities(self) -> Floats:
        """Softmax over what is left, aligned with `ids`."""
        probabilities: Floats = self.weights / self.total
        return probabilities

    @cached_property
    def log_normalizer(self) -> float:
        """ln Σ exp(logit): a token's log-probability is its logit minus this."""
        return self.peak + math.log(self.total)

    @cached_property
    def entropy(self) -> float:
        """In nats; 0·ln 0 is 0."""
        mean = self._weighed[1] / self.total
        return max(0.0, math.log(self.total) - mean)

    @cached_property
    def logits(self) -> Floats:
        """The whole vocabulary, shape [V], with -inf for what was removed."""
        if self.count == self.vocab_size and not self._ranked:
            return self.values
        full = np.full(self.vocab_size, -np.inf)
        full[self.ids] = self.values
        return full

    @cached_property
    def _by_id(self) -> Ints:
        return np.argsort(self.ids)

    def values_at(self, ids: Ints) -> Floats:
        """The logits of these ids, -inf for those removed."""
        if self.count > FEW or "logits" in self.__dict__:
            return self.logits[ids]
        places = self._by_id[np.minimum(np.searchsorted(self.ids, ids, sorter=self._by_id), self.count - 1)]
        return np.where(self.ids[places] == ids, self.values[places], -np.inf)

    def ranked(self, n: int) -> Ints:
        """Positions in `ids` of the n most likely, in order; equal logits by ascending id.

        Only as much is sorted as is asked for, and what was sorted once serves all scores that share this order.
        """
        if self._order_of is not None:
            return self._order_of.ranked(n)
        n = min(n, self.count)
        if self._ranked:
            return np.arange(n)
        if self._sorted.size < n:
            self._sorted = self._sort(n)
        return self._sorted[:n]

    def kth(self, n: int) -> float:
        """The n-th highest logit."""
        if n <= FEW:
            return float(self.values[self.ranked(n)[-1]])
        return float(np.partition(self.values, self.count - n)[self.count - n])

    def _sort(self, n: int) -> Ints:
        if n * 4 > self.count:
            return _in_order(self.values)
        edge = np.partition(self.values, self.count - n)[self.count - n]
        chosen = np.flatnonzero(self.values >= edge)  # with all that are tied at the edge
        return chosen[_in_order(self.values[chosen])]

    def top(self, n: int) -> Ints:
        """The ids of the n most likely, in order."""
        return self.ids[self.ranked(n)]

    def places(self, ids: Ints) -> Ints:
        """Positions in `ids` of those of the distinct `ids` given that are left."""
        ids = ids[(ids >= 0) & (ids < self.vocab_size)]
        if self.count == self.vocab_size and not self._ranked:
            return ids
        asked = np.zeros(self.vocab_size, dtype=bool)
        asked[ids] = True
        return np.flatnonzero(asked[self.ids])

    def value_of(self, token_id: int) -> float:
        """The logit of one token, -inf if it was removed."""
        return float(self.values_at(np.array([token_id]))[0])

    def ahead_of(self, token_id: int) -> tuple[int, float]:
        """How many tokens rank before this one, which must be left, and the probability that they hold together."""
        own = self.value_of(token_id)
        ahead = (self.values > own) | ((self.values == own) & (self.ids < token_id))
        return int(np.count_nonzero(ahead)), float(self.weights[ahead].sum()) / self.total

    @cached_property
    def best(self) -> int:
        """The id of the highest logit, the lowest such id on a tie."""
        top = self.ids[self.values == self.peak]
        return int(top.min())

    # -- what stages make of them

    def with_values(self, values: Floats, *, same_order: bool) -> Scores:
        """The same tokens with other logits; `same_order` promises that no two tokens change places."""
        if same_order:
            source = self._order_of or self
            return Scores(
                self.vocab_size, self.ids, values, ranked=self._ranked, order_of=None if self._ranked else source
            )
        return Scores(self.vocab_size, self.ids, values)

    def changed(self, places: Ints, values: Floats) -> Scores:
        """The same tokens, where those at `places` have other logits; -inf removes one."""
        if not places.size:
            return self
        after = self.values.copy()
        after[places] = values
        left = self.with_values(after, same_order=False)
        return left.where(np.isfinite(after)) if not np.isfinite(values).all() else left

    def heaviest(self, share: float) -> tuple[Scores, float]:
        """The fewest of the most likely whose probabilities reach `share`, and what they add up to."""
        few = self.ranked(256)  # mostly more than enough, and all the sorting that is needed
        cumulative = np.cumsum(self.weights[few]) / self.total
        if cumulative[-1] >= share or few.size == self.count:
            kept = min(int(np.searchsorted(cumulative, share)) + 1, self.count)
            return self.first(kept), float(cumulative[kept - 1])
        edge, below = crossing(-self.values, self.weights, share * self.total)
        tied = np.flatnonzero(self.values == -edge)
        sums = below + np.cumsum(self.weights[tied])
        n = min(int(np.searchsorted(sums, share * self.total)) + 1, tied.size)
        mask = self.values > -edge
        mask[tied[:n]] = True  # of equals, the lower ids
        return self.where(mask), float(sums[n - 1]) / self.total

    def first(self, n: int) -> Scores:
        """Only the n most likely."""
        if n >= self.count:
            return self
        kept = self.ranked(n)
        return Scores(self.vocab_size, self.ids[kept], self.values[kept], ranked=True)

    def where(self, mask: NDArray[np.bool_]) -> Scores:
        """Only those where `mask`, aligned with `ids`, is true."""
        if mask.all():
            return self
        return Scores(self.vocab_size, self.ids[mask], self.values[mask], ranked=self._ranked)


def crossing(keys: Floats, weights: Floats, target: float) -> tuple[float, float]:
    """Where the weights, summed by ascending key, reach `target`: that key (the highest, if they never do), and what
    all lower keys weigh. Counting by bins finds the place without a sort of everything."""
    below = 0.0
    while keys.size > FEW:
        low, high = float(keys.min()), float(keys.max())
        with np.errstate(over="ignore", invalid="ignore"):
            bins = (keys - low) * (FEW / (high - low)) if high > low else np.zeros_like(keys)
        if not np.isfinite(bins).all():
            break
        bins = bins.astype(np.int64)
        sums = below + np.cumsum(np.bincount(bins, weights))
        place = min(int(np.searchsorted(sums, target)), int(bins.max()))
        inside = bins == place
        if np.count_nonzero(inside) * 2 > keys.size:  # far outliers, or equals: no use
            break
        below = float(sums[place - 1]) if place else below
        keys, weights = keys[inside], weights[inside]
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    sums = below + np.cumsum(weights[order])
    key = sorted_keys[min(int(np.searchsorted(sums, target)), sums.size - 1)]
    first = int(np.searchsorted(sorted_keys, key))
    return float(key), float(sums[first - 1]) if first else below


def _in_order(values: Floats) -> Ints:
    """Positions from the highest to the lowest value; equal ones in ascending position."""
    order = np.argsort(-values)  # not stable, and six times faster than a sort that is
    ordered = values[order]
    ties = ordered[1:] == ordered[:-1]
    if ties.any():  # common with bfloat16 models: put each run of equals in ascending order
        run = np.concatenate(([0], np.cumsum(~ties)))
        keys = run * values.size + order
        keys.sort()
        order = keys % values.size
    return order
