"""Cuts by a probability's own size, by its surprise against the entropy, and by the bend of the tail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Floats, Scores
from ntp_studio.core.decoding.sorting import crossing
from ntp_studio.core.decoding.stages.base import TOLERANCE, Note, Parameter, Stage, figure, probability
from ntp_studio.core.decoding.stages.figures import chance, checkable, percent, tokens


def _at_least(scores: Scores, limit: float, min_keep: int = 1) -> Scores:
    """The tokens of at least this probability, but `min_keep` with those tied with the last of them at the least."""
    threshold = (math.log(limit) if limit > 0 else -math.inf) + scores.log_normalizer - TOLERANCE
    least = float(scores.values[scores.ranked(min_keep)[-1]]) if min_keep > 1 else scores.peak
    return scores.where(scores.values >= min(threshold, least))


def _reaches(token_id: int, before: Scores, limit: float, rule: str) -> str:
    """How a token that was left by `_at_least` stands to its line."""
    logit = before.value_of(token_id)
    if limit > 0 and logit - before.log_normalizer < math.log(limit) - TOLERANCE:
        return f"{chance(logit, before)} < {rule}, as all are: the most likely stays"
    return f"{chance(logit, before)} ≥ {rule}"


@dataclass(frozen=True)
class Typical(Stage):
    """By |−ln p − H|, ascending, until τ is reached; what is tied with the last stays. Oracle: TypicalLogitsWarper."""

    name: ClassVar = "typical_p"
    label: ClassVar = "Typical"
    summary: ClassVar = (
        "Keeps the tokens that are about as surprising as is to be expected here, and cuts the far-fetched and the all "
        "too obvious. A token's surprise is −ln p of its probability p, small for a likely token; the entropy H is the "
        "average surprise of what would be drawn. Tokens are taken by how near their surprise is to H, until they hold "
        "the share τ of the probability. So even the most likely token may be cut. 0.2 to 0.95 are usual."
    )
    origin: ClassVar = "Meister et al. 2022, arXiv 2202.00666"
    parameters: ClassVar = (Parameter("typical_p", "τ", 0.9, 0.001, 1.0, off=1.0, usual=(0.2, 0.95), hard_maximum=1.0),)

    typical_p: float
    min_keep: int = 1

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.typical_p == 1:
            return scores, Note()
        distance = self.distance(scores)
        limit, _ = crossing(distance, scores.weights, (self.typical_p - TOLERANCE) * scores.total)
        mask = distance <= limit + TOLERANCE
        if self.min_keep > 1:
            mask[np.argsort(distance, kind="stable")[: self.min_keep]] = True
        kept = scores.where(mask)
        words = f"|−ln p − {scores.entropy:.3f}| ≤ {limit:.3f} nats"
        return kept, Note(words, limit, (("entropy", scores.entropy),))

    @staticmethod
    def distance(scores: Scores) -> Floats:
        """|−ln p − H| of each token, in nats."""
        distance: Floats = scores.log_normalizer - scores.entropy - scores.values
        return np.abs(distance, out=distance)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        surprise = before.log_normalizer - logit
        gap = abs(surprise - before.entropy)
        return f"surprise {surprise:.3f} is {gap:.3f} from the entropy {before.entropy:.3f} nats, > {note.limit:.3f}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        surprise = before.log_normalizer - before.value_of(token_id)
        gap = abs(surprise - before.entropy)
        return f"surprise {surprise:.3f} is {gap:.3f} from the entropy {before.entropy:.3f} nats, ≤ {note.limit:.3f}"


@dataclass(frozen=True)
class Epsilon(Stage):
    """p ≥ ε, or what is tied at the top. Oracle: transformers' EpsilonLogitsWarper."""

    name: ClassVar = "epsilon_cutoff"
    label: ClassVar = "Epsilon"
    summary: ClassVar = (
        "Cuts every token whose probability is below ε, a small fixed number. How likely the others are does not "
        "matter; only if all are below it, the most likely stays. It takes away little more than what the model hardly "
        "means. 0.0003 to 0.0009 are usual."
    )
    origin: ClassVar = "Hewitt et al. 2022, arXiv 2210.15191"
    parameters: ClassVar = (
        Parameter(
            "epsilon_cutoff", "ε", 6e-4, 0.0, 0.1, off=0.0, decimals=5, scale="log", usual=(3e-4, 9e-4),
            hard_maximum=0.999,
        ),
    )  # fmt: skip

    epsilon_cutoff: float
    min_keep: int = 1

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.epsilon_cutoff == 0:
            return scores, Note()
        kept = _at_least(scores, self.epsilon_cutoff, self.min_keep)
        return kept, Note(f"p ≥ {self.epsilon_cutoff:g}", self.epsilon_cutoff)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"{chance(logit, before)} < ε = {self.epsilon_cutoff:g}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        return _reaches(token_id, before, note.limit, f"ε = {self.epsilon_cutoff:g}")


@dataclass(frozen=True)
class Eta(Stage):
    """p ≥ min(ε, √ε · e^−H), as the paper and the code of transformers have it (its docstring has another root).

    Oracle: transformers' EtaLogitsWarper.
    """

    name: ClassVar = "eta_cutoff"
    label: ClassVar = "Eta"
    summary: ClassVar = (
        "Cuts unlikely tokens as Epsilon does, but spares more of them where the model is unsure: there probability is "
        "spread over many tokens, and good ones may well be below ε. So the line is ε, or √ε / e^H where that is "
        "lower. The entropy H says how spread out the probabilities are, and e^H how many equally likely tokens would "
        "be spread as far. 0.0003 to 0.004 are usual."
    )
    origin: ClassVar = "Hewitt et al. 2022, arXiv 2210.15191"
    parameters: ClassVar = (
        Parameter(
            "eta_cutoff", "ε", 2e-3, 0.0, 0.1, off=0.0, decimals=5, scale="log", usual=(3e-4, 4e-3), hard_maximum=0.999
        ),
    )

    eta_cutoff: float
    min_keep: int = 1

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.eta_cutoff == 0:
            return scores, Note()
        lowered = math.sqrt(self.eta_cutoff) * math.exp(-scores.entropy)
        limit = min(self.eta_cutoff, lowered)
        facts = (("entropy", scores.entropy), ("lowered", lowered))
        return _at_least(scores, limit, self.min_keep), Note(f"p ≥ {figure(limit)}", limit, facts)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"{chance(logit, before)} < {self.rule(note)}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        return _reaches(token_id, before, note.limit, self.rule(note))

    def rule(self, note: Note) -> str:
        """The line in words: which of the two it is."""
        if note.fact("lowered") < self.eta_cutoff:
            return f"{figure(note.limit)} = √{self.eta_cutoff:g} × e^−{note.fact('entropy'):.3f}"
        return f"ε = {self.eta_cutoff:g}"


@dataclass(frozen=True)
class TopA(Stage):
    """p ≥ a·p₁². Oracle: text-generation-webui."""

    name: ClassVar = "top_a"
    label: ClassVar = "Top-a"
    summary: ClassVar = (
        "Cuts tokens that are unlikely beside the most likely one, strictly where the model is sure and hardly at all "
        "where it is not. The line is a times the square of the highest probability: at a = 0.2 it is 0.162 where that "
        "is 0.9, and 0.002 where it is 0.1. So it falls much faster than min-p's. 0.1 to 0.3 are usual."
    )
    origin: ClassVar = "BlinkDL's RWKV-LM; KoboldAI"
    parameters: ClassVar = (
        Parameter("top_a", "a", 0.2, 0.0, 1.0, off=0.0, decimals=3, usual=(0.1, 0.3), hard_maximum=1.0),
    )

    top_a: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.top_a == 0:
            return scores, Note()
        limit = self.top_a * probability(scores.peak, scores) ** 2
        return _at_least(scores, limit), Note(f"p ≥ {figure(limit)}", limit)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"{chance(logit, before)} < {self.top_a:g} × {chance(before.peak, before)}²"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        return f"{chance(before.value_of(token_id), before)} ≥ {self.rule(before, note)}"

    def rule(self, before: Scores, note: Note) -> str:
        """The line in words: `0.2 × 0.21² = 0.00882`."""
        line = figure(note.limit)
        top = probability(before.peak, before)
        shown = checkable(top, 4, "g", lambda shown: figure(self.top_a * shown * shown) == line)
        return f"{self.top_a:g} × {shown}² = {line}"


@dataclass(frozen=True)
class TailFree(Stage):
    """The tail begins where the sorted probabilities stop bending. The rule of koboldcpp and of llama.cpp when it had
    it; text-generation-webui keeps one token more almost always, and never the last."""

    name: ClassVar = "tail_free"
    label: ClassVar = "Tail-free"
    summary: ClassVar = (
        "Cuts the tail, the many unlikely tokens that differ little from one another. In order from the most likely "
        "on, probabilities fall in large and uneven steps at first and in small, even ones in the tail. How much one "
        "step differs from the next is the bend of the curve there; tokens are kept as long as the bends up to them "
        "make up no more than the share z of all. 0.9 to 0.99 are usual."
    )
    origin: ClassVar = "Trenton Bricken 2019; llama.cpp until 2024, koboldcpp"
    parameters: ClassVar = (Parameter("tfs_z", "z", 0.95, 0.0, 1.0, off=1.0, usual=(0.9, 0.99), hard_maximum=1.0),)

    tfs_z: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.tfs_z == 1 or scores.count <= 2:
            return scores, Note("" if self.tfs_z == 1 else "too few tokens for a curve")
        p = np.sort(scores.probabilities)[::-1]
        bends = bent(p)
        total = float(bends.sum())
        sums = np.cumsum(shares(bends, total, scores.count))
        kept = max(1, int(np.searchsorted(sums, self.tfs_z + TOLERANCE, side="right")))
        facts = (("bend", total),)
        if kept >= sums.size:
            return scores, Note(f"the curve bends to its end: {scores.count:,} kept", facts=facts)
        held = float(sums[kept - 1])
        return scores.first(kept), Note(f"{percent(held)} of the bend in {tokens(kept)}", held, facts)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"in the tail: {note.limit:.4f} of the curve's bend lies before it, and more would pass {self.tfs_z:g}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if math.isnan(note.limit):
            return note.threshold
        place = before.ahead_of(token_id)[0]
        bends = bent(before.probabilities[before.ranked(place + 3)])
        held = float(shares(bends, note.fact("bend"), before.count).sum())
        if held > self.tfs_z + TOLERANCE:
            return f"{held:.4f} of the curve's bend lies up to it, > {self.tfs_z:g}, but the most likely always stays"
        return f"before the tail: {held:.4f} of the curve's bend lies up to it, ≤ {self.tfs_z:g}"


def bent(p: Floats) -> Floats:
    """How much the curve of probabilities, most likely first, bends at each but the last two."""
    bends: Floats = np.abs(p[:-2] - 2 * p[1:-1] + p[2:])
    return bends


def shares(bends: Floats, total: float, count: int) -> Floats:
    """Bends as shares of the `total` over all `count` tokens; equal ones where the curve is straight."""
    return bends / total if total > 1e-6 else np.full(bends.size, 1 / (count - 2))
