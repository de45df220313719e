"""Stages that stretch or squeeze all logits and keep their ranking: temperature and its relatives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Floats, Scores
from ntp_studio.core.decoding.stages.base import Note, Parameter, Role, Stage
from ntp_studio.core.decoding.stages.figures import checkable, logit_figure, moved, percent

LOWEST = -float(np.finfo(np.float64).max)


def cooled(scores: Scores, temperature: float) -> Scores:
    """logit / T; T = 0 keeps the most likely token alone, the lowest id on a tie."""
    if temperature == 0:
        return scores.where(scores.ids == scores.best)
    with np.errstate(over="ignore"):
        values = scores.values / temperature
    if not (math.isfinite(values.max()) and math.isfinite(values.min())):
        # T of about 1e-305: keep the differences, give up the zero point.
        with np.errstate(over="ignore"):
            values = np.maximum((scores.values - scores.peak) / temperature, LOWEST)
    return scores.with_values(values, same_order=True)


def _alone(logit: float, before: Scores) -> str:
    if logit < before.peak:
        return "at T = 0 only the most likely token is left"
    return "at T = 0 only one token is left, the lowest id of those tied at the top"


def _survived(token_id: int, before: Scores) -> str:
    tied = int(np.count_nonzero(before.values == before.peak))
    return (
        f"at T = 0 only it is left: {'the most likely' if tied == 1 else f'of {tied:,} tied at the top, the lowest id'}"
    )


def _divided(token_id: int, before: Scores, after: Scores, temperature: float) -> str:
    """`p 5.7% → 6.9%: logit 14.20 ÷ 0.8 = 17.75`."""
    new = logit_figure(after.value_of(token_id))
    old = checkable(before.value_of(token_id), 2, "f", lambda shown: logit_figure(shown / temperature) == new)
    return f"{moved(token_id, before, after)}: logit {old} ÷ {temperature:g} = {new}"


@dataclass(frozen=True)
class Temperature(Stage):
    """logit / T. T = 0 keeps the most likely token alone. Oracle: transformers' TemperatureLogitsWarper."""

    name: ClassVar = "temperature"
    label: ClassVar = "Temperature"
    summary: ClassVar = (
        "Makes the choice more careful (below 1) or bolder (above 1). Every logit, the score that the model gave a "
        "token, is divided by T before the scores become probabilities: below 1 the likely tokens gain, above 1 the "
        "unlikely ones do, and at 0 only the most likely is left. The ranking never changes. 0.5 to 1.2 are usual."
    )
    origin: ClassVar = "Boltzmann's distribution; Ackley, Hinton and Sejnowski 1985"
    parameters: ClassVar = (Parameter("temperature", "T", 0.8, 0.0, 2.0, off=1.0, usual=(0.5, 1.2)),)
    role: ClassVar[Role] = "shape"
    shown_by_default: ClassVar = True

    temperature: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.temperature != 0:
            return cooled(scores, self.temperature), Note()
        tied = int(np.count_nonzero(scores.values == scores.peak))
        tie = f" (of {tied:,} tied, the lowest id)" if tied > 1 else ""
        return cooled(scores, 0.0), Note(f"T = 0: only the most likely{tie}")

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return _alone(logit, before)

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if self.temperature == 0:
            return _survived(token_id, before)
        if not math.isclose(after.peak * self.temperature, before.peak, rel_tol=1e-9, abs_tol=1e-9):
            return f"{moved(token_id, before, after)} (T = {self.temperature:g})"  # the zero point was given up
        return _divided(token_id, before, after, self.temperature)


@dataclass(frozen=True)
class DynamicTemperature(Stage):
    """T* between T − r and T + r by the share of the possible entropy, H / ln N, over the N tokens left.

    llama.cpp counts tokens that are listed at −∞ too; here they are gone. Oracle: llama.cpp's temp_ext.
    """

    name: ClassVar = "dynamic_temperature"
    label: ClassVar = "Dynamic temperature"
    summary: ClassVar = (
        "Chooses the temperature anew for every token: near T − r where the model is sure, near T + r where many "
        "tokens are about as likely. It goes by the entropy, which says how spread out the probabilities are, as a "
        "share of the largest that so many tokens can have; so what was cut before matters much. While it is on, the "
        "plain temperature rests. A range r of 0.5 to 1 around 1 is usual."
    )
    origin: ClassVar = "kalomaze 2023; llama.cpp, koboldcpp"
    parameters: ClassVar = (
        Parameter("dynatemp_range", "range r", 0.5, 0.0, 2.0, off=0.0, usual=(0.5, 1.0)),
        Parameter("dynatemp_base", "base T", 1.0, 0.0, 2.0, usual=(0.8, 1.2)),
        Parameter("dynatemp_exponent", "exponent", 1.0, 0.01, 3.0, usual=(0.5, 2.0)),
    )
    role: ClassVar[Role] = "shape"

    dynatemp_range: float
    dynatemp_base: float = 1.0
    dynatemp_exponent: float = 1.0

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if scores.count <= 1:
            return scores, Note("one token is left: nothing to do")
        share = min(1.0, scores.entropy / math.log(scores.count))
        chosen = self.at(share)
        words = f"T = {chosen:.3f}: H / ln N = {scores.entropy:.3f} / ln {scores.count:,} = {percent(share)}"
        return cooled(scores, chosen), Note(words, chosen, (("temperature", chosen), ("share", share)))

    def at(self, share: float) -> float:
        """The temperature where the entropy is this share of the largest possible."""
        low = max(0.0, self.dynatemp_base - self.dynatemp_range)
        high = self.dynatemp_base + self.dynatemp_range
        return low + (high - low) * float(share**self.dynatemp_exponent)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return _alone(logit, before)

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if math.isnan(note.limit):
            return note.threshold
        if note.limit == 0:
            return _survived(token_id, before)
        entropy = f"H is {percent(note.fact('share'))} of the possible"
        return f"{moved(token_id, before, after)} (T = {note.limit:.3f}: {entropy})"


@dataclass(frozen=True)
class Smoothing(Stage):
    """max l − k·f·d² + s·f·d³ with d = l − max l, k = (3 − c)/2, s = (c − 1)/2. Oracle: text-generation-webui."""

    name: ClassVar = "smoothing"
    label: ClassVar = "Quadratic smoothing"
    summary: ClassVar = (
        "Brings the best tokens closer together and pushes the poor ones further down. How far a token's logit (the "
        "model's score) lies below the highest is squared and multiplied by the factor, so a small distance becomes "
        "smaller and a large one larger. A curve above 1 does both more strongly. A factor of 0.2 to 1 with a curve of "
        "1 is usual. Curves beyond 3 are not offered: they would lift some tokens above the best one."
    )
    origin: ClassVar = "kalomaze 2024; text-generation-webui"
    parameters: ClassVar = (
        Parameter("smoothing_factor", "factor", 0.3, 0.0, 2.0, off=0.0, usual=(0.2, 1.0)),
        Parameter("smoothing_curve", "curve", 1.0, 1.0, 3.0, usual=(1.0, 2.0), hard_maximum=3.0),
    )
    role: ClassVar[Role] = "shape"

    smoothing_factor: float
    smoothing_curve: float = 1.0

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.smoothing_factor == 0:
            return scores, Note()
        with np.errstate(over="ignore", invalid="ignore"):
            values: Floats = scores.peak + self.bent(scores.values - scores.peak)
        if not math.isfinite(values.min()):  # d beyond 1e100: it stays the lowest, and stays
            values = np.maximum(np.nan_to_num(values, nan=LOWEST, neginf=LOWEST), LOWEST)
        return scores.with_values(values, same_order=True), Note()

    def bent(self, below: Floats) -> Floats:
        """Distances from the highest logit (none above 0) after the bend."""
        square = (3 - self.smoothing_curve) / 2 * self.smoothing_factor
        cube = (self.smoothing_curve - 1) / 2 * self.smoothing_factor
        # (cube·d − square)·d² rather than two terms: they never cancel, as both are negative.
        return (cube * below - square) * (below * below)

    @property
    def still(self) -> float:
        """The distance d < 0 from the highest logit that stays what it is: nearer ones come closer, others fall."""
        square = (3 - self.smoothing_curve) / 2 * self.smoothing_factor
        cube = (self.smoothing_curve - 1) / 2 * self.smoothing_factor
        return -2 / (square + math.sqrt(square * square + 4 * cube))  # of cube·d² − square·d = 1, without cancelling

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return bool(values["smoothing_factor"] == 0)

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        old = before.peak - before.value_of(token_id)
        new = after.peak - after.value_of(token_id)
        if old == 0:
            return f"{moved(token_id, before, after)}: the highest logit stays where it is"
        lower = logit_figure(new)
        if self.smoothing_curve != 1 or old >= 1e6:
            return f"{moved(token_id, before, after)}: {logit_figure(old)} below the highest becomes {lower}"
        factor = self.smoothing_factor
        stood = checkable(old, 2, "f", lambda shown: logit_figure(factor * shown * shown) == lower)
        return f"{moved(token_id, before, after)}: {stood} below the highest becomes {factor:g} × {stood}² = {lower}"
