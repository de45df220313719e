"""The stages of the decoding chain: small frozen objects that map scores to scores.

A stage checks its numbers when it is built, never touches its input, and leaves at least one token. It tells in words
what it did (`Note`) and why it cut a token (`reason`). `STAGES` lists them in Studio order, which is transformers'
order; a new stage is one class added there, and panel, command line and presets know it from its class attributes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from ntp_studio.core.decoding.scores import Ints, Scores

# Hand-made textbook distributions must behave as written although 0.5 + 0.3 is not 0.8 in binary.
TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a stage: its name on the command line (transformers' where it has one), range and usual scale.

    `off` is the value at which the stage does nothing and is left out of the chain.
    """

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    off: float | None = None
    integer: bool = False
    decimals: int = 2
    scale: Literal["linear", "log"] = "linear"


class Context:
    """What a stage may know besides the logits: the tokens so far, and where the prompt ends."""

    def __init__(self, ids: list[int], prompt_length: int) -> None:
        self._ids = ids
        self.length = len(ids)
        self.prompt_length = prompt_length

    @cached_property
    def ids(self) -> Ints:
        """Shape [length]. Made only when a stage asks: most steps have no use for it."""
        return np.array(self._ids[: self.length], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Note:
    """What a stage found: `threshold` in words for the card, `limit` as the number behind it."""

    threshold: str = ""
    limit: float = math.nan


class Stage:
    """What every stage has. Subclasses are frozen dataclasses whose fields are their parameters."""

    name: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]

    def __post_init__(self) -> None:
        for p in self.parameters:
            value = getattr(self, p.name)
            if not math.isfinite(value) or (p.integer and value != int(value)):
                raise ValueError(f"{p.name} must be a {'whole ' if p.integer else ''}number, not {value:g}.")
            if not p.minimum <= value:
                raise ValueError(f"{p.name} must be at least {p.minimum:g}, not {value:g}.")

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        raise NotImplementedError

    def reason(self, logit: float, before: Scores, note: Note) -> str:
        """Why this stage cut a token that came to it with `logit`, with numbers."""
        raise NotImplementedError

    def _upto(self, maximum: float) -> None:
        for p in self.parameters:
            if getattr(self, p.name) > maximum:
                raise ValueError(f"{p.name} must be at most {maximum:g}, not {getattr(self, p.name):g}.")


@dataclass(frozen=True)
class RepetitionPenalty(Stage):
    """Keskar et al. 2019 (arXiv 1909.05858), with the sign rule of transformers; each token once, prompt included.

    Oracle: transformers' RepetitionPenaltyLogitsProcessor.
    """

    name: ClassVar = "repetition_penalty"
    label: ClassVar = "Repetition penalty"
    summary: ClassVar = (
        "Makes every token that already stands in the text, prompt included, less likely: a positive logit is divided "
        "by the penalty, a negative one multiplied by it. 1.05 to 1.3 are usual; below 1 repetition is rewarded. It is "
        "the only stage that depends on where the model's logits have their zero. (Keskar et al. 2019)"
    )
    parameters: ClassVar = (Parameter("repetition_penalty", "penalty", 1.1, 0.01, 2.0, off=1.0),)

    repetition_penalty: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        seen = np.unique(context.ids)
        if not seen.size:
            return scores, Note("nothing seen yet")
        mask = np.zeros(scores.vocab_size, dtype=bool)
        mask[seen[seen < scores.vocab_size]] = True
        hit = mask[scores.ids]
        old = scores.values[hit]
        values = scores.values.copy()
        values[hit] = np.where(old > 0, old / self.repetition_penalty, old * self.repetition_penalty)
        return scores.with_values(values, same_order=False), Note(f"{int(hit.sum()):,} tokens penalised")


@dataclass(frozen=True)
class Temperature(Stage):
    """logit / T. T = 0 keeps the most likely token alone. Oracle: transformers' TemperatureLogitsWarper."""

    name: ClassVar = "temperature"
    label: ClassVar = "Temperature"
    summary: ClassVar = (
        "Divides every logit by T before the softmax. Below 1 the likely tokens gain, above 1 the unlikely ones do; "
        "at 0 only the most likely token is left. Usual values are 0.5 to 1.2. The ranking never changes."
    )
    parameters: ClassVar = (Parameter("temperature", "T", 0.8, 0.0, 2.0, off=1.0),)

    temperature: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.temperature == 0:
            return scores.where(scores.ids == scores.best), Note("T = 0: only the most likely")
        with np.errstate(over="ignore"):
            values = scores.values / self.temperature
        if not np.isfinite(values).all():  # T of about 1e-305: keep the differences, give up the zero point
            with np.errstate(over="ignore"):
                values = np.maximum((scores.values - scores.peak) / self.temperature, -np.finfo(np.float64).max)
        return scores.with_values(values, same_order=True), Note()

    def reason(self, logit: float, before: Scores, note: Note) -> str:
        return "at T = 0 only the most likely token is left"


@dataclass(frozen=True)
class TopK(Stage):
    """Fan et al. 2018 (arXiv 1805.04833). Ties at the k-th place all stay. Oracle: transformers' TopKLogitsWarper."""

    name: ClassVar = "top_k"
    label: ClassVar = "Top-k"
    summary: ClassVar = (
        "Keeps the k most likely tokens and cuts the rest, however likely they are. Those tied with the k-th stay too. "
        "40 to 100 are usual. (Fan et al. 2018)"
    )
    parameters: ClassVar = (Parameter("top_k", "k", 40, 0, 1000, off=0, integer=True, decimals=0, scale="log"),)

    top_k: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        k = int(self.top_k)
        if k == 0:
            return scores, Note()
        if k >= scores.count:
            return scores, Note(f"k = {k:,} is more than the {scores.count:,} left")
        limit = float(scores.values[scores.ranked(k)[-1]])
        kept = int(np.count_nonzero(scores.values >= limit))
        tie = f" (tie: {kept:,} kept)" if kept > k else ""
        return scores.first(kept), Note(f"logit ≥ {limit:.2f}{tie}", limit)

    def reason(self, logit: float, before: Scores, note: Note) -> str:
        return f"logit {logit:.2f} < {note.limit:.2f}, the lowest of the {int(self.top_k):,} most likely"


@dataclass(frozen=True)
class TopP(Stage):
    """Holtzman et al. 2019 (arXiv 1904.09751): the crossing token is kept. Oracle: transformers' TopPLogitsWarper."""

    name: ClassVar = "top_p"
    label: ClassVar = "Top-p"
    summary: ClassVar = (
        "Keeps the smallest set of most likely tokens whose probabilities add up to at least p (the nucleus), counted "
        "over what earlier stages left. The token that crosses the line is kept. 0.8 to 0.95 are usual. "
        "(Holtzman et al. 2019)"
    )
    parameters: ClassVar = (Parameter("top_p", "p", 0.95, 0.0, 1.0, off=1.0),)

    top_p: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._upto(1.0)

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.top_p == 1:  # not cumulative ≥ 1, which would cut what rounding put beyond it
            return scores, Note()
        ranked = 256  # mostly more than enough, and a full sort is the costliest part of a step
        while True:
            cumulative = np.cumsum(scores.weights[scores.ranked(ranked)]) / scores.total
            if cumulative[-1] >= self.top_p - TOLERANCE or ranked >= scores.count:
                break
            ranked *= 16
        kept = min(int(np.searchsorted(cumulative, self.top_p - TOLERANCE)) + 1, scores.count)
        return scores.first(kept), Note(f"{cumulative[kept - 1]:.1%} in {kept:,} tokens", float(cumulative[kept - 1]))

    def reason(self, logit: float, before: Scores, note: Note) -> str:
        return f"more likely tokens already hold {note.limit:.4f} ≥ p = {self.top_p:g}"


@dataclass(frozen=True)
class MinP(Stage):
    """Nguyen et al. 2024 (arXiv 2407.01082), in logit form: no softmax. Oracle: transformers' MinPLogitsWarper."""

    name: ClassVar = "min_p"
    label: ClassVar = "Min-p"
    summary: ClassVar = (
        "Cuts every token less likely than min-p times the most likely one: strict where the model is sure, generous "
        "where it is not. 0.02 to 0.1 are usual. (Nguyen et al. 2024)"
    )
    parameters: ClassVar = (Parameter("min_p", "min-p", 0.05, 0.0, 1.0, off=0.0, decimals=3),)

    min_p: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._upto(1.0)

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.min_p == 0:
            return scores, Note()
        limit = scores.peak + math.log(self.min_p) - TOLERANCE
        threshold = self.min_p * math.exp(scores.peak - scores.log_normalizer)
        return scores.where(scores.values >= limit), Note(f"p ≥ {threshold:.4g}", threshold)

    def reason(self, logit: float, before: Scores, note: Note) -> str:
        top = math.exp(before.peak - before.log_normalizer)
        return f"{math.exp(logit - before.log_normalizer):.4g} < {self.min_p:g} × {top:.4g}"


STAGES: dict[str, type[Stage]] = {stage.name: stage for stage in (RepetitionPenalty, Temperature, TopK, TopP, MinP)}
