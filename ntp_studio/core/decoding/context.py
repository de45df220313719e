"""What a stage may know besides the logits: the tokens so far, the vocabulary, a coin, and its own state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from ntp_studio.core.decoding.scores import Ints

State = Mapping[str, tuple[float, ...]]
"""What stateful stages carry from one token to the next, by the stage's name. Nodes of the tree keep it."""

MOST_STATE = 1e9  # no number in a state is larger: a text that steers in vain for ever still has a state


class Vocabulary(Protocol):
    """What stages ask of a vocabulary. Token ids are the truth; these answer what texts stand for."""

    @property
    def eos_ids(self) -> frozenset[int]: ...

    def encode(self, text: str) -> tuple[int, ...]:
        """The ids of a text in the middle of another; empty if it has none."""

    def spelled(self, text: str) -> tuple[int, ...]:
        """Every token that is exactly this text."""

    def breakers(self, text: str) -> Mapping[int, frozenset[tuple[int, ...]]]:
        """Tokens in which `text` stands or begins, with the tokens that must follow for it to be whole."""

    def bytes_of(self, ids: list[int]) -> bytes:
        """The ids as one text."""

    def label(self, token_id: int) -> str:
        """The token as a person reads it."""


class NoVocabulary:
    """Stands in where there are only logits: no text has a token."""

    eos_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> tuple[int, ...]:
        return ()

    def spelled(self, text: str) -> tuple[int, ...]:
        return ()

    def breakers(self, text: str) -> Mapping[int, frozenset[tuple[int, ...]]]:
        return {}

    def bytes_of(self, ids: list[int]) -> bytes:
        return b""

    def label(self, token_id: int) -> str:
        return f"#{token_id}"


def _no_coin(name: str) -> float:
    raise ValueError(f"{name} needs a place in a random stream")


def _no_past(name: str) -> Sequence[tuple[float, ...]]:
    return ()


class Context:
    """The place at which the chain runs. It stays what it was made as, though the list of ids goes on growing.

    `past` gives a stage's states at the last places by its name, oldest first and the present one excluded, for the
    drawing of a track; no stage decides by it. An empty state stands for a place where the stage kept none.
    """

    def __init__(
        self,
        ids: list[int],
        prompt_length: int,
        *,
        vocabulary: Vocabulary | None = None,
        coin: Callable[[str], float] = _no_coin,
        state: State | None = None,
        past: Callable[[str], Sequence[tuple[float, ...]]] = _no_past,
    ) -> None:
        self._ids = ids
        self.length = len(ids)
        self.prompt_length = prompt_length
        self.vocabulary: Vocabulary = vocabulary or NoVocabulary()
        self.coin = coin
        self.state: State = state or {}
        self.past = past

    @cached_property
    def ids(self) -> Ints:
        """Shape [length]. Made only when a stage asks: most steps have no use for it."""
        return np.array(self._ids[: self.length], dtype=np.int64)

    def history(self, last: float = 0, *, prompt: bool = True) -> Ints:
        """The last so many tokens (0: all), with the prompt's or without."""
        ids = self.ids if prompt else self.ids[self.prompt_length :]
        return ids[-int(last) :] if last else ids
