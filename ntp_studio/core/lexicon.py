"""What the decoding stages ask of a vocabulary, answered once for each text.

Stages know neither models nor tokenizers; this is the `Vocabulary` that a session gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from ntp_studio.core.tokens import Tokens
from ntp_studio.core.types import StudioError

LONGEST_TAIL = 20  # tokens of a breaker after its first, as in llama.cpp


class Lexicon:
    """The tokens of a model by what they say. `eos_ids` is asked each time: a session may be told of other ones."""

    def __init__(self, tokens: Tokens, eos_ids: Callable[[], frozenset[int]]) -> None:
        self._tokens = tokens
        self._eos_ids = eos_ids
        self._encoded: dict[str, tuple[int, ...]] = {}
        self._breakers: dict[str, Mapping[int, frozenset[tuple[int, ...]]]] = {}

    @property
    def eos_ids(self) -> frozenset[int]:
        return self._eos_ids()

    def encode(self, text: str) -> tuple[int, ...]:
        """The ids of a text in the middle of another; empty for a text that this vocabulary cannot write."""
        if text not in self._encoded:
            try:
                self._encoded[text] = tuple(self._tokens.encode_bare(text))
            except StudioError:
                self._encoded[text] = ()
        return self._encoded[text]

    def spelled(self, text: str) -> tuple[int, ...]:
        """Every token whose bytes are exactly this text."""
        return self._by_bytes.get(text.encode("utf-8", "replace"), ())

    def breakers(self, text: str) -> Mapping[int, frozenset[tuple[int, ...]]]:
        """The tokens that contain the text, with an empty tail, and those that end in the beginning of it, with the
        tokens of the rest as their tail: what llama.cpp takes as a sequence breaker."""
        if text not in self._breakers:
            self._breakers[text] = self._find_breakers(text)
        return self._breakers[text]

    def bytes_of(self, ids: list[int]) -> bytes:
        return b"".join(self._tokens.token(i).bytes for i in ids)

    def label(self, token_id: int) -> str:
        return self._tokens.token(token_id).label

    @cached_property
    def _words(self) -> list[bytes]:
        return [self._tokens.token(i).bytes for i in range(self._tokens.vocab_size)]

    @cached_property
    def _by_bytes(self) -> dict[bytes, tuple[int, ...]]:
        found: dict[bytes, tuple[int, ...]] = {}
        for token_id, word in enumerate(self._words):
            if word:
                found[word] = (*found.get(word, ()), token_id)
        return found

    def _find_breakers(self, text: str) -> Mapping[int, frozenset[tuple[int, ...]]]:
        wanted = text.encode("utf-8", "replace")
        if not wanted:
            return {}
        alone: frozenset[tuple[int, ...]] = frozenset({()})
        found = {i: alone for i, word in enumerate(self._words) if wanted in word}
        for length in range(1, len(wanted)):
            rest = wanted[length:].decode("utf-8", "ignore")  # what follows half a character cannot be encoded alone
            tail = self.encode(rest)[:LONGEST_TAIL]
            begin = wanted[:length]
            for i, word in enumerate(self._words) if tail else ():
                if word.endswith(begin) and wanted not in word:
                    found[i] = found.get(i, frozenset()) | {tail}
        return found
