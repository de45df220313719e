"""Scores: the logits left at one point of the decoding chain, and what follows from them, each computed once."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding.sorting import FEW, Floats, Ints, crossing, in_order

__all__ = ["FEW", "Floats", "Ints", "Scores"]

BLOCK = 16_384  # logits at a time that are weighed: what lies between stays in the processor's cache
HEAD = 256  # of the ranking: more than is mostly asked for, and no dearer than less
KEPT_BYTES = 32 * 2**20


def _keep_freed_memory() -> None:
    """Have freed memory kept for the next step rather than given back to the system.

    A step takes and frees some 20 MB at 150,000 tokens, and to get these from the system anew costs more than all
    arithmetic on them. glibc keeps twice the largest block that was ever freed; this one is never written to, so it
    costs nothing. Other allocators are not affected.
    """
    np.empty(KEPT_BYTES // 2, dtype=np.uint8)


_keep_freed_memory()


@lru_cache(maxsize=4)
def _whole(vocab_size: int) -> Ints:
    """The ids of a whole vocabulary, shared by all scores of it."""
    ids = np.arange(vocab_size)
    ids.flags.writeable = False
    return ids


class Scores:
    """The tokens left (`ids`, N of them) of a vocabulary of V, and their logits (`values`), in float64.

    Removed tokens are simply not there, which is the same as a logit of -inf: probabilities are always those of the
    softmax over what is left. Nothing in it is ever written to after it is made, so a stage cannot harm its input and
    the ranking of the model's logits, the one costly thing (a sort of V numbers), is shared by all that keep the order.

    `ids` are ascending, or most likely first where `ranked` says so.
    """

    def __init__(
        self,
        vocab_size: int,
        ids: Ints,
        values: Floats,
        *,
        ranked: bool = False,
        order_of: Scores | None = None,
        cut_from: Scores | None = None,
    ) -> None:
        self.vocab_size = vocab_size
        self.ids = ids
        self.values = values
        self._ranked = ranked
        self._order_of = order_of  # the same tokens in the same order
        self._cut_from = cut_from  # more tokens, in the same order
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
        ids = _whole(values.size)
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
    def weights(self) -> Floats:
        """exp(logit - peak), aligned with `ids`; divided by `total` they are the probabilities."""
        weights: Floats = self.values - self.peak
        return np.exp(weights, out=weights)

    @cached_property
    def _sums(self) -> tuple[float, float]:
        """The sum of the weights, and that of the weights times (logit - peak). A block at a time: fresh memory for
        another vocabulary of numbers costs more than all arithmetic on it."""
        weights: Floats | None = self.__dict__.get("weights")
        below, grown = np.empty((2, min(BLOCK, self.count)))
        total = moment = 0.0
        for start in range(0, self.count, BLOCK):
            values = self.values[start : start + BLOCK]
            shifted = np.subtract(values, self.peak, out=below[: values.size])
            known = None if weights is None else weights[start : start + BLOCK]
            weighed = np.exp(shifted, out=grown[: values.size]) if known is None else known
            total += float(weighed.sum())
            # einsum rather than dot: BLAS would wake a team of threads of its own beside torch's.
            moment += float(np.einsum("i,i->", weighed, shifted))
        return total, moment

    @property
    def total(self) -> float:
        return self._sums[0]

    @cached_property
    def probabilities(self) -> Floats:
        """Softmax over what is left, aligned with `ids`."""
        probabilities: Floats = self.weights / self.total
        return probabilities

    def probabilities_at(self, places: Ints) -> Floats:
        """Those of the tokens at these positions in `ids`: of a few, without those of all."""
        probabilities: Floats = np.exp(self.values[places] - self.peak) / self.total
        return probabilities

    @cached_property
    def log_normalizer(self) -> float:
        """ln Σ exp(logit): a token's log-probability is its logit minus this."""
        return self.peak + math.log(self.total)

    @cached_property
    def entropy(self) -> float:
        """In nats; 0·ln 0 is 0."""
        mean = self._sums[1] / self.total
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

    def _found(self, ids: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """For each of these ids its position in `ids`, and whether it is there at all (else the position is any)."""
        if self._ranked:
            places = self._by_id[np.minimum(np.searchsorted(self.ids, ids, sorter=self._by_id), self.count - 1)]
        else:
            places = np.minimum(np.searchsorted(self.ids, ids), self.count - 1)
        return places, self.ids[places] == ids

    def values_at(self, ids: Ints) -> Floats:
        """The logits of these ids, -inf for those removed."""
        if self.count == self.vocab_size and not self._ranked:
            return self.values[ids]
        if ids.size > FEW or "logits" in self.__dict__:  # so many are found faster when all are laid out
            return self.logits[ids]
        places, there = self._found(ids)
        return np.where(there, self.values[places], -np.inf)

    def ranked(self, n: int) -> Ints:
        """Positions in `ids` of the n most likely, in order; equal logits by ascending id.

        Only as much is sorted as is asked for, and what was sorted once serves all scores that come from these.
        """
        if self._order_of is not None:
            return self._order_of.ranked(n)
        n = min(n, self.count)
        if self._ranked:
            return np.arange(n)
        if self._sorted.size < n:
            enough = min(max(n, HEAD), self.count)
            known = self._inherited(n) if n <= HEAD and self.count > FEW else None
            self._sorted = self._sort(enough) if known is None else known
        return self._sorted[:n]

    def _inherited(self, n: int) -> Ints | None:
        """At least the first n positions of the ranking from that of the scores that these were cut from; None where
        too few of its head are left."""
        if self._cut_from is None:
            return None
        places, there = self._found(self._cut_from.top(HEAD))
        left = places[there]
        return left if left.size >= n else None

    def kth(self, n: int) -> float:
        """The n-th highest logit."""
        if n <= FEW:
            return float(self.values[self.ranked(n)[-1]])
        return float(np.partition(self.values, self.count - n)[self.count - n])

    def _sort(self, n: int) -> Ints:
        if n * 4 > self.count:
            return in_order(self.values)
        edge = np.partition(self.values, self.count - n)[self.count - n]
        chosen = np.flatnonzero(self.values >= edge)  # with all that are tied at the edge
        return chosen[in_order(self.values[chosen])]

    def top(self, n: int) -> Ints:
        """The ids of the n most likely, in order."""
        return self.ids[self.ranked(n)]

    def places(self, ids: Ints) -> Ints:
        """Positions in `ids` of those of the distinct `ids` given that are left."""
        ids = ids[(ids >= 0) & (ids < self.vocab_size)]
        if self.count == self.vocab_size and not self._ranked:
            return ids
        places, there = self._found(ids)
        return np.sort(places[there])

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
        if self._ranked:  # equals are to rank by their ids again
            return Scores(self.vocab_size, self.ids[self._by_id], values[self._by_id])
        return Scores(self.vocab_size, self.ids, values)

    def changed(self, places: Ints, values: Floats) -> Scores:
        """The same tokens, where those at `places` have other logits; -inf removes one."""
        if not places.size:
            return self
        after = self.values.copy()
        after[places] = values
        left = self.with_values(after, same_order=False)
        return left.where(np.isfinite(left.values)) if not np.isfinite(values).all() else left

    def heaviest(self, share: float) -> tuple[Scores, float]:
        """The fewest of the most likely whose probabilities reach `share`, and what they add up to."""
        few = self.ranked(HEAD)  # mostly more than enough, and all the sorting that is needed
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
        source = None if self._ranked else self
        return Scores(self.vocab_size, self.ids[mask], self.values[mask], ranked=self._ranked, cut_from=source)
