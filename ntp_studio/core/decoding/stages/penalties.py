"""Penalties for what stands in the text already: by a factor, by a fixed amount, by the number of times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages.base import Note, Parameter, Role, Stage, flag
from ntp_studio.core.decoding.stages.figures import changed, logit_figure, tokens


def _window(name: str) -> Parameter:
    return Parameter(
        name, "last tokens (0: all)", 0, 0, 4096, integer=True, decimals=0, scale="log", usual=(0, 1024), advanced=True
    )


def _scope(last: float, prompt: float) -> str:
    """The part of the text that counts, in words."""
    if last:
        part = "the last token" if last == 1 else f"the last {int(last):,} tokens"
        return part + ("" if prompt else " generated")
    return "the text" if prompt else "what was generated"


def _untouched(token_id: int, before: Scores, scope: str) -> str:
    return f"does not stand in {scope}: its logit stays {logit_figure(before.value_of(token_id))}"


@dataclass(frozen=True)
class RepetitionPenalty(Stage):
    """l / θ for l > 0, else l · θ: the sign rule that everyone uses (the paper only divides), once per distinct token.

    transformers counts the whole text with its prompt, llama.cpp the last 64 tokens, text-generation-webui the last
    1,024. Oracle: transformers' RepetitionPenaltyLogitsProcessor, llama.cpp's penalties.
    """

    name: ClassVar = "repetition_penalty"
    label: ClassVar = "Repetition penalty"
    summary: ClassVar = (
        "Makes every token less likely that already stands in the text, prompt included, however often it does. It "
        "lowers the token's logit, the score that the model gave it: a positive one is divided by the penalty, a "
        "negative one multiplied by it. 1.05 to 1.3 are usual; below 1 repetition is rewarded. As it treats scores "
        "above and below zero differently, it is the only stage whose effect changes when one amount is added to all "
        "scores."
    )
    origin: ClassVar = "Keskar et al. 2019 (CTRL), arXiv 1909.05858"
    parameters: ClassVar = (
        Parameter("repetition_penalty", "penalty", 1.1, 0.01, 2.0, off=1.0, usual=(1.05, 1.3)),
        _window("repeat_last_n"),
        flag("repeat_prompt", "count the prompt", True),
    )
    role: ClassVar[Role] = "history"
    keeps_ranking: ClassVar = False
    shown_by_default: ClassVar = True

    repetition_penalty: float
    repeat_last_n: float = 0
    repeat_prompt: float = 1

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        seen = np.unique(context.history(self.repeat_last_n, prompt=bool(self.repeat_prompt)))
        if not seen.size or self.repetition_penalty == 1:
            return scores, Note("" if seen.size else "nothing seen yet")
        hit = scores.places(seen)
        old = scores.values[hit]
        with np.errstate(over="ignore"):
            new = np.where(old > 0, old / self.repetition_penalty, old * self.repetition_penalty)
        highest = np.finfo(np.float64).max
        after = scores.changed(hit, np.clip(new, -highest, highest))
        return after, Note(f"{tokens(hit.size)} penalised", facts=(("tokens", float(hit.size)),))

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        scope = _scope(self.repeat_last_n, self.repeat_prompt)
        if token_id not in context.history(self.repeat_last_n, prompt=bool(self.repeat_prompt)):
            return _untouched(token_id, before, scope)
        factor = self.beside(token_id, before.value_of(token_id), note, context)
        words = changed(token_id, before, after, self._of)
        return f"{words} ({factor}: it stands in {scope})"

    def _of(self, logit: float) -> float:
        return logit / self.repetition_penalty if logit > 0 else logit * self.repetition_penalty

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        return f"{'÷' if logit > 0 else '×'} {self.repetition_penalty:g}"


@dataclass(frozen=True)
class PresenceFrequency(Stage):
    """l − α_frequency · count − α_presence · [count > 0].

    OpenAI and vLLM count what was generated only, the default here; llama.cpp its last 64 tokens, prompt included.
    Oracle: llama.cpp's penalties.
    """

    name: ClassVar = "presence_frequency"
    label: ClassVar = "Presence and frequency"
    summary: ClassVar = (
        "Makes tokens less likely that were generated before, by fixed amounts. They are taken from the token's logit, "
        "the score that the model gave it: presence once for being there at all, and frequency for every time it "
        "occurred. 0.1 to 1 are usual; negative values reward repetition. The prompt does not count unless you say so."
    )
    origin: ClassVar = "OpenAI's API; vLLM, llama.cpp"
    parameters: ClassVar = (
        Parameter("presence_penalty", "presence", 0.5, -2.0, 2.0, off=0.0, usual=(0.1, 1.0)),
        Parameter("frequency_penalty", "frequency", 0.0, -2.0, 2.0, off=0.0, usual=(0.1, 1.0)),
        _window("frequency_last_n"),
        flag("frequency_prompt", "count the prompt", False),
    )
    role: ClassVar[Role] = "history"
    keeps_ranking: ClassVar = False

    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    frequency_last_n: float = 0
    frequency_prompt: float = 0

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return bool(values["presence_penalty"] == 0 == values["frequency_penalty"])

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        history = context.history(self.frequency_last_n, prompt=bool(self.frequency_prompt))
        if not history.size or self.presence_penalty == 0 == self.frequency_penalty:
            return scores, Note("" if history.size else "nothing seen yet")
        seen, counts = np.unique(history, return_counts=True)
        hit = scores.places(seen)
        counts = counts[np.searchsorted(seen, scores.ids[hit])]
        amounts = self.frequency_penalty * counts + self.presence_penalty
        after = scores.changed(hit, scores.values[hit] - amounts)
        return after, Note(f"{tokens(hit.size)} penalised", facts=(("tokens", float(hit.size)),))

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        scope = _scope(self.frequency_last_n, self.frequency_prompt)
        count = self._times(token_id, context)
        if not count:
            return _untouched(token_id, before, scope)
        terms = [_taken(self.presence_penalty)] if self.presence_penalty else []
        terms += [f"{_taken(self.frequency_penalty)} × {count:,}"] if self.frequency_penalty else []
        times = "once" if count == 1 else f"{count:,} times"
        amount = self.presence_penalty + self.frequency_penalty * count
        words = changed(token_id, before, after, lambda logit: logit - amount)
        return f"{words} ({' '.join(terms)}: it stands {times} in {scope})"

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        count = self._times(token_id, context)
        return "seen" if count == 1 else f"seen {count:,}×"

    def _times(self, token_id: int, context: Context) -> int:
        history = context.history(self.frequency_last_n, prompt=bool(self.frequency_prompt))
        return int(np.count_nonzero(history == token_id))


def _taken(amount: float) -> str:
    return f"{'−' if amount > 0 else '+'} {abs(amount):g}"
