"""The draw: from a distribution to one token, on the CPU, the same on every machine for the same seed.

The race: every vocabulary entry waits a time q ~ Exp(1), shortened by its probability; the smallest q/p wins. That is
what torch.multinomial does on the CPU, so a session equals transformers' `generate(do_sample=True)` of the same seed
(Gumbel-max in other words). Noise is drawn for the whole vocabulary whatever was cut, so a stage changes the winner
only if it removes it or changes the odds.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.types import DrawReport, SettingError

if TYPE_CHECKING:
    import torch

SEED_LIMIT = 2**63


@dataclass(frozen=True, slots=True, eq=False)
class StreamState:
    """A place in a random stream; it belongs to a node of the tree. `state` is the generator's (5,056 bytes)."""

    seed: int
    position: int
    state: torch.Tensor


class RandomStream:
    """Gives the noise of any stream state, again and again the same; keeps the few used last."""

    def __init__(self, keep: int = 16) -> None:
        import torch

        self._generator = torch.Generator(device="cpu")
        self._keep = keep
        self._recent: OrderedDict[int, tuple[StreamState, NDArray[np.float32], StreamState]] = OrderedDict()

    def start(self, seed: int) -> StreamState:
        """The beginning of the stream of this seed.

        Raises:
            SettingError: a seed outside 0 … 2^63 - 1.
        """
        if not 0 <= seed < SEED_LIMIT:
            raise SettingError(f"The seed must be a whole number from 0 to {SEED_LIMIT - 1}, not {seed}.")
        return StreamState(seed, 0, self._generator.manual_seed(seed).get_state())

    def noise(self, at: StreamState, vocab_size: int) -> tuple[NDArray[np.float32], StreamState]:
        """Exp(1) noise, shape [vocab_size], and the state after it."""
        import torch

        known = self._recent.get(id(at))
        if known is not None and known[1].size == vocab_size:
            return known[1], known[2]
        self._generator.set_state(at.state)
        noise = torch.empty(vocab_size).exponential_(1, generator=self._generator).numpy()
        after = StreamState(at.seed, at.position + 1, self._generator.get_state())
        self._recent[id(at)] = at, noise, after  # holding `at` keeps its id() from being given to another
        if len(self._recent) > self._keep:
            self._recent.popitem(last=False)
        return noise, after


def race(scores: Scores, noise: NDArray[np.float32]) -> tuple[int, float]:
    """The winner's id and its waiting time q/p."""
    with np.errstate(divide="ignore"):
        times = (noise if scores.count == scores.vocab_size else noise[scores.ids]) / scores.weights
    winner = int(np.argmin(times))
    return int(scores.ids[winner]), float(times[winner]) * scores.total


def choose(scores: Scores, method: str, stream: RandomStream, at: StreamState) -> tuple[int, DrawReport]:
    """The token that `method` takes from what is left."""
    if method == "greedy":
        return scores.best, DrawReport("greedy", at.seed, at.position)
    noise, _ = stream.noise(at, scores.vocab_size)
    token_id, time = race(scores, noise)
    return token_id, DrawReport("race", at.seed, at.position, time)
