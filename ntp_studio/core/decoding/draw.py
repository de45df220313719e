"""The draw: from a distribution to one token, on the CPU, the same on every machine for the same seed.

The race: every vocabulary entry waits a time q ~ Exp(1), shortened by its probability; the smallest q/p wins. That is
what torch.multinomial does on the CPU, so a session equals transformers' `generate(do_sample=True)` of the same seed
(Gumbel-max in other words). Noise is drawn for the whole vocabulary whatever was cut, so a stage changes the winner
only if it removes it or changes the odds.

The dart: the probabilities lie end to end, the most likely first, and one number u in [0, 1) falls on one of them. It
is easier to see and to hold still, but a cut that takes away one token moves all others along the line.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding.scores import Floats, Ints, Scores
from ntp_studio.core.types import DrawReport, Method, Needle, SettingError

if TYPE_CHECKING:
    import torch

SEED_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class StreamPlace:
    """A place in the random stream of a seed: `position` draws have been made before it. Nodes of the tree keep it."""

    seed: int
    position: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < SEED_LIMIT:
            raise SettingError(f"The seed must be a whole number from 0 to {SEED_LIMIT - 1}, not {self.seed}.")

    @property
    def following(self) -> StreamPlace:
        return StreamPlace(self.seed, self.position + 1)

    def coin(self, name: str) -> float:
        """A number in [0, 1) for a stage that throws one, the same at every look; it takes nothing from the stream."""
        digest = hashlib.blake2b(f"{self.seed}/{self.position}/{name}".encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / 2**53


class RandomStream:
    """Gives the noise at any place, again and again the same: it keeps the generator's state (5,056 bytes) at every
    place that was passed, and the last few noises themselves."""

    def __init__(self, vocab_size: int, keep: int = 16) -> None:
        import torch

        self._vocab_size = vocab_size
        self._generator = torch.Generator(device="cpu")
        self._states: OrderedDict[int, list[torch.Tensor]] = OrderedDict()  # by seed, at places 0, 1, 2, …
        self._keep = keep
        self._recent: OrderedDict[StreamPlace, NDArray[np.float32]] = OrderedDict()

    def noise(self, at: StreamPlace) -> NDArray[np.float32]:
        """Exp(1) noise, shape [vocab_size], one for every vocabulary entry. Read only."""
        known = self._recent.get(at)
        if known is None:
            known = self._recent[at] = self._draw(at)
            if len(self._recent) > self._keep:
                self._recent.popitem(last=False)
        return known

    def _draw(self, at: StreamPlace) -> NDArray[np.float32]:
        states = self._states.get(at.seed)
        if states is None:
            states = self._states[at.seed] = [self._generator.manual_seed(at.seed).get_state()]
            if len(self._states) > self._keep:
                self._states.popitem(last=False)
        noise = self._advance(states, min(at.position, len(states) - 1))
        while len(states) <= at.position + 1:  # states are missing only where luck was not needed before, as in greedy
            noise = self._advance(states, len(states) - 1)
        return noise

    def _advance(self, states: list[torch.Tensor], position: int) -> NDArray[np.float32]:
        """The noise at a place whose state is known; the state after it is appended where it was not."""
        import torch

        self._generator.set_state(states[position])
        drawn: NDArray[np.float32] = torch.empty(self._vocab_size).exponential_(1, generator=self._generator).numpy()
        if position == len(states) - 1:
            states.append(self._generator.get_state())
        return drawn


def race(scores: Scores, noise: NDArray[np.float32]) -> tuple[int, float]:
    """The winner's id and its waiting time q/p."""
    times = _times(scores, noise)
    winner = int(np.argmin(times))
    return int(scores.ids[winner]), float(times[winner]) * scores.total


def arrivals(scores: Scores, noise: NDArray[np.float32], n: int) -> Ints:
    """The ids of the first n to arrive, in order."""
    times = _times(scores, noise)
    first = np.argpartition(times, n)[:n] if n < times.size else np.arange(times.size)
    found: Ints = scores.ids[first[np.lexsort((scores.ids[first], times[first]))]]
    return found


def _times(scores: Scores, noise: NDArray[np.float32]) -> Floats:
    """Waiting times aligned with `ids`, in units of the sum of weights."""
    with np.errstate(divide="ignore", over="ignore"):  # a weight may have underflowed: it never arrives
        times: Floats = (noise if scores.count == scores.vocab_size else noise[scores.ids]) / scores.weights
    return times


def dart(scores: Scores, u: float) -> int:
    """The token on which u in [0, 1) falls when the probabilities lie end to end, likeliest first, equals by id."""
    up_to, _ = scores.heaviest(u)
    last = up_to.values == up_to.values.min()
    return int(up_to.ids[last].max())


def landing(weights: Floats, u: Floats) -> Ints:
    """For each u in [0, 1) the place on which it falls when weights lie end to end in the order given (inverse of the
    cumulative distribution; llama.cpp's draw, in the order of its list)."""
    sums = np.cumsum(weights)
    places: Ints = np.minimum(np.searchsorted(sums, u * sums[-1]), weights.size - 1)
    return places


@dataclass(frozen=True, slots=True)
class Luck:
    """What decides at one place besides the distribution: a place in the random stream, and where a person put the
    needle of the dart, if so, for this place (`moved`) or for every one (`held`)."""

    at: StreamPlace
    moved: float | None = None
    held: float | None = None

    @property
    def needle(self) -> tuple[float, Needle]:
        if self.moved is not None:
            return self.moved, "moved"
        if self.held is not None:
            return self.held, "held"
        return self.at.coin("dart"), "seed"


def choose(scores: Scores, method: Method, stream: RandomStream, luck: Luck) -> tuple[int, DrawReport]:
    """The token that `method` takes from what is left."""
    at = luck.at
    if method == "greedy":
        return scores.best, DrawReport("greedy", at.seed, at.position)
    if method == "dart":
        u, needle = luck.needle
        return dart(scores, u), DrawReport("dart", at.seed, at.position, u=u, needle=needle)
    token_id, time = race(scores, stream.noise(at))
    return token_id, DrawReport("race", at.seed, at.position, time)


def draw_many(scores: Scores, count: int, seed: int) -> dict[int, int]:
    """How often each token comes up in so many draws, the most frequent first. It touches no random stream.

    Race and dart draw from the same distribution; here it is the dart, which needs one number a draw.
    """
    u = np.random.default_rng(seed).random(count)
    ids, times = np.unique(scores.ids[landing(scores.weights, u)], return_counts=True)
    order = np.lexsort((ids, -times))
    return dict(zip(ids[order].tolist(), times[order].tolist(), strict=True))
