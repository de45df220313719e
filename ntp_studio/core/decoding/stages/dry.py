"""DRY ("don't repeat yourself"): a penalty that grows with the length of the passage that would be repeated."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntp_studio.core.decoding.context import Context, Vocabulary
from ntp_studio.core.decoding.scores import Ints, Scores
from ntp_studio.core.decoding.stages.base import Note, Parameter, Role, Stage, Texts, figure
from ntp_studio.core.decoding.stages.figures import changed, logit_figure, tokens

FLOAT_MAX_LOG = 88.7228391  # ln of the largest float32, where llama.cpp stops its power from growing

Breakers = Mapping[int, Collection[tuple[int, ...]]]


@dataclass(frozen=True)
class Dry(Stage):
    """l − m · b^(r − a), where r is how long the text's end matches an earlier passage that went on with the token.

    Breakers end a match; a token is one if its text contains one of them, and several tokens may make one up.
    Oracle: llama.cpp's dry.
    """

    name: ClassVar = "dry"
    label: ClassVar = "DRY"
    summary: ClassVar = (
        "Don't repeat yourself: makes a token less likely that would go on repeating an earlier passage, the more so "
        "the longer the repeated part already is. It looks for earlier places that read as the text's end reads now, "
        "and lowers the logit (the model's score) of the token that came next there. Parts shorter than the allowed "
        "length are free. Breakers, such as a line break or a colon, end a passage, so that the fixed beginnings of "
        "lines and lists cost nothing. A multiplier of 0.8 with base 1.75 and length 2 is usual."
    )
    origin: ClassVar = "p-e-w 2024; text-generation-webui, koboldcpp, llama.cpp"
    parameters: ClassVar = (
        Parameter("dry_multiplier", "multiplier", 0.8, 0.0, 5.0, off=0.0, usual=(0.5, 1.0)),
        Parameter("dry_base", "base", 1.75, 1.0, 4.0, usual=(1.5, 2.0), advanced=True),
        Parameter(
            "dry_allowed_length", "allowed length", 2, 0, 20, integer=True, decimals=0, usual=(2, 4), advanced=True
        ),
        Parameter(
            "dry_penalty_last_n", "last tokens (0: all)", 0, 0, 4096, integer=True, decimals=0, scale="log",
            usual=(0, 1024), advanced=True,
        ),
    )  # fmt: skip
    texts: ClassVar = (
        Texts(
            "dry_sequence_breakers", "breakers", ("\n", ":", '"', "*"), "a text that ends a passage; one entry for each"
        ),
    )
    role: ClassVar[Role] = "history"
    keeps_ranking: ClassVar = False

    dry_multiplier: float
    dry_base: float = 1.75
    dry_allowed_length: float = 2
    dry_penalty_last_n: float = 0
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        history, allowed = context.history(self.dry_penalty_last_n), int(self.dry_allowed_length)
        if self.dry_multiplier == 0 or history.size <= allowed:
            return scores, Note("the text is too short to repeat itself" if self.dry_multiplier else "")
        matches: dict[int, int] = {}
        if repeats(history, allowed):
            breakers = merged(self.dry_sequence_breakers, context.vocabulary)
            matches = continuations(history.tolist(), allowed, breakers)
        if not matches:
            return scores, Note("no repetition")
        hit = scores.places(np.array(sorted(matches), dtype=np.int64))
        amounts = np.array([self.penalty(matches[i]) for i in scores.ids[hit].tolist()])
        longest = max(matches.values())
        words = f"{tokens(len(matches))} would continue a repetition, up to {tokens(longest)} long"
        after = scores.changed(hit, scores.values[hit] - amounts)
        return after, Note(words, facts=(("longest", float(longest)),), detail=matches)

    def penalty(self, length: int) -> float:
        """What continuing a repetition of this length costs."""
        return self.dry_multiplier * float(self.dry_base ** self._exponent(length))

    def _exponent(self, length: int) -> int:
        exponent = length - int(self.dry_allowed_length)
        if self.dry_base > 1.000001:
            exponent = min(exponent, int(FLOAT_MAX_LOG / math.log(self.dry_base)))
        return exponent

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        length = note.detail.get(token_id)
        if length is None:
            stays = logit_figure(before.value_of(token_id))
            return f"would continue no passage that stands in the text: its logit stays {stays}"
        amount = self.penalty(length)
        words = changed(token_id, before, after, lambda logit: logit - amount)
        cost = f"{self.dry_multiplier:g} × {self.dry_base:g}^{self._exponent(length)} = {figure(amount)}"
        return f"{words} (− {cost}: {self.beside(token_id, 0.0, note, context)})"

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        return f"would continue {tokens(note.detail[token_id])}"

    def longest(self, note: Note, context: Context) -> tuple[int, list[int]]:
        """How long the longest match is, and where in the text the passages end (exclusive) that the text's end matches
        so far; no passages where nothing repeats."""
        length = int(dict(note.facts).get("longest", 0))
        history = context.history(self.dry_penalty_last_n)
        if not length:
            return 0, []
        ends, back = np.arange(length, history.size), 0
        while ends.size > 8 and back < length:  # each turn leaves fewer: cheaper than comparing whole passages
            back += 1
            ends = ends[history[ends - back] == history[-back]]
        last, first = history[history.size - length :], context.length - history.size
        return length, [
            first + end
            for end in ends.tolist()
            if note.detail.get(int(history[end])) == length and np.array_equal(history[end - length : end], last)
        ]


def merged(texts: Iterable[str], vocabulary: Vocabulary) -> Breakers:
    """The breakers of all these texts, by the token they begin with."""
    found: dict[int, set[tuple[int, ...]]] = {}
    for text in texts:
        for head, tails in vocabulary.breakers(text).items():
            found.setdefault(head, set()).update(tails)
    return found


def repeats(history: Ints, length: int) -> bool:
    """Whether the last so many tokens stand in the history before: a quick look, as mostly they do not."""
    here = np.ones(history.size - length, dtype=bool)
    for i in range(length):
        here &= history[i : i + here.size] == history[history.size - length + i]
    return bool(here.any())


def continuations(history: list[int], allowed: int, breakers: Breakers) -> dict[int, int]:
    """Tokens that would continue a repetition, and the length it has: at least `allowed`, and not across a breaker."""
    limit = _since_breaker(history, breakers)
    if limit < allowed:
        return {}
    found: dict[int, int] = {}
    lengths = _suffix_matches(history[::-1])
    for back in range(1, len(history)):  # the match ends `back` tokens before the end
        length = min(lengths[back], limit)
        token = history[len(history) - back]
        if length >= allowed and () not in breakers.get(token, ()):
            found[token] = max(found.get(token, 0), length)
    return found


def _since_breaker(history: list[int], breakers: Breakers) -> int:
    """How many tokens stand after the last breaker."""
    for i in range(len(history)):
        tails = breakers.get(history[len(history) - 1 - i])
        if not tails:
            continue
        after = history[len(history) - i :]
        longest = max((len(tail) for tail in tails if tuple(after[: len(tail)]) == tail), default=-1)
        if longest >= 0:
            return i - longest
    return len(history)


def _suffix_matches(backwards: list[int]) -> list[int]:
    """The Z-function: for each place, how far what begins there agrees with the beginning (Gusfield 1997)."""
    lengths = [0] * len(backwards)
    left = right = 0
    for i in range(1, len(backwards)):
        length = min(right - i, lengths[i - left]) if i < right else 0
        while i + length < len(backwards) and backwards[length] == backwards[i + length]:
            length += 1
        lengths[i] = length
        if i + length > right:
            left, right = i, i + length
    return lengths
