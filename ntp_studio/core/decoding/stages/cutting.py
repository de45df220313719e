"""Cuts by rank, by accumulated probability, and by distance from the top."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import FEW, Floats, Scores
from ntp_studio.core.decoding.stages.base import TOLERANCE, Note, Parameter, Stage, figure, probability
from ntp_studio.core.decoding.stages.figures import (
    above,
    below,
    chance,
    checkable,
    logit_figure,
    percent,
    share,
    tokens,
)

TOP_H_LIMIT = 100  # hard-coded in transformers


@dataclass(frozen=True)
class TopNSigma(Stage):
    """l ≥ max l − n·σ, with the population's standard deviation of the logits left.

    Oracle: llama.cpp (its masked candidates are removed here, which mends what follows in the chain).
    """

    name: ClassVar = "top_n_sigma"
    label: ClassVar = "Top-nσ"
    summary: ClassVar = (
        "Keeps the few tokens whose scores stand out from the great mass of the others. The score is the logit that "
        "the model gave; it may lie below the highest by n standard deviations at most, which is n times how far "
        "scores usually are from their average. Temperature stretches both alike, so it does not change what is kept. "
        "Put it before other cuts: they take low scores away, and the deviation of the rest is another. 0.5 to 2 are "
        "usual, 1 in the paper."
    )
    origin: ClassVar = "Tang et al. 2024, arXiv 2411.07641; llama.cpp"
    parameters: ClassVar = (Parameter("top_n_sigma", "n", 1.0, 0.0, 5.0, off=0.0, usual=(0.5, 2.0)),)

    top_n_sigma: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.top_n_sigma == 0:
            return scores, Note()
        with np.errstate(over="ignore", invalid="ignore"):
            sigma = float(np.std(scores.values - scores.peak))
        if not math.isfinite(sigma):  # logits beyond 1e154
            return scores, Note("the logits are too far apart to measure")
        limit = scores.peak - self.top_n_sigma * sigma
        kept = scores.where(scores.values >= limit - TOLERANCE * max(1.0, sigma))
        note = Note("", limit, (("sigma", sigma), ("peak", scores.peak)))
        return kept, replace(note, threshold=f"logit ≥ {self.rule(note)}")

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"logit {logit_figure(logit)} < {self.rule(note)}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if math.isnan(note.limit):
            return note.threshold
        return f"logit {logit_figure(before.value_of(token_id))} ≥ {self.rule(note)}"

    def rule(self, note: Note) -> str:
        """The line in words: `−1.44 = −0.92 − 1 × 0.521`."""
        line, peak = logit_figure(note.limit), logit_figure(note.fact("peak"))
        return f"{line} = {peak} − {self.top_n_sigma:g} × {note.fact('sigma'):.3f}"


@dataclass(frozen=True)
class TopH(Stage):
    """Of the 100 most likely, those whose running sum of −p ln p stays within h of their entropy.

    The code of transformers, not its docstring, which speaks of the renormalised prefix. h = 1 still cuts to 100.
    Oracle: transformers' TopHLogitsWarper.
    """

    name: ClassVar = "top_h"
    label: ClassVar = "Top-H"
    summary: ClassVar = (
        "Keeps few tokens where the model is sure and more where it hesitates. It looks at the 100 most likely and at "
        "their entropy, which says how spread out their probabilities are; then it takes them one by one while they "
        "hold no more than the share h of that entropy. The most likely always stays, and even at h = 1 only 100 "
        "tokens are left. 0.3 to 0.6 are usual, 0.4 in the paper."
    )
    origin: ClassVar = "Potraghloo et al. 2025, arXiv 2509.02510; transformers"
    parameters: ClassVar = (Parameter("top_h", "h", 0.4, 0.01, 1.0, usual=(0.3, 0.6), hard_maximum=1.0),)

    top_h: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        p, sums = self.running(scores)
        limit = self.top_h * float(sums[-1])
        fits = (sums <= limit * (1 + TOLERANCE)) & (p > 0)
        kept = max(1, int(np.argmin(fits)) if not fits.all() else fits.size)
        words = f"Σ −p ln p ≤ {limit:.3f} = {self.top_h:g} × {sums[-1]:.3f} nats"
        held = dict(zip(scores.top(TOP_H_LIMIT).tolist(), sums.tolist(), strict=True))
        return scores.first(kept), Note(words, limit, (("entropy", float(sums[-1])),), held)

    @staticmethod
    def running(scores: Scores) -> tuple[Floats, Floats]:
        """The probabilities of the most likely among themselves, and the running sums of −p ln p, in nats."""
        head = scores.weights[scores.ranked(TOP_H_LIMIT)]
        p: Floats = head / head.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(p > 0, -p * np.log(p), 0.0)
        return p, np.cumsum(terms)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        held = note.detail.get(token_id)
        if held is None:
            return f"not among the {TOP_H_LIMIT} most likely, the only ones that top-H looks at"
        limit = note.limit
        if held <= limit * (1 + TOLERANCE):
            return "its probability is too small for a float: it holds nothing of the entropy"
        rule = f"{self.top_h:g} × {note.fact('entropy'):.3f} nats"
        return f"with it, the tokens would hold {above(held, limit)} = {rule}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        held = note.detail[token_id]
        rule = f"{note.limit:.3f} = {self.top_h:g} × {note.fact('entropy'):.3f} nats"
        if held > note.limit * (1 + TOLERANCE):
            return f"holds {held:.3f} > {rule} alone, but the most likely always stays"
        return f"the tokens up to it hold {held:.3f} ≤ {rule}"


@dataclass(frozen=True)
class TopK(Stage):
    """Ties at the k-th place all stay, so more than k may survive. Oracle: transformers' TopKLogitsWarper."""

    name: ClassVar = "top_k"
    label: ClassVar = "Top-k"
    summary: ClassVar = (
        "Keeps the k most likely tokens and cuts the rest. It only counts, so it leaves as many where the model is "
        "sure as where it is not. Tokens tied with the k-th stay too. 40 to 100 are usual."
    )
    origin: ClassVar = "Fan et al. 2018, arXiv 1805.04833"
    parameters: ClassVar = (
        Parameter("top_k", "k", 40, 0, 1000, off=0, integer=True, decimals=0, scale="log", usual=(40, 100)),
    )
    shown_by_default: ClassVar = True

    top_k: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        k = int(self.top_k)
        if k == 0:
            return scores, Note()
        if k >= scores.count:
            return scores, Note(f"only {tokens(scores.count)} left: k = {k:,} cuts none")
        limit = scores.kth(k)
        mask = scores.values >= limit
        kept = int(np.count_nonzero(mask))
        tie = f" (tie: {kept:,} kept)" if kept > k else ""
        after = scores.first(kept) if kept <= FEW else scores.where(mask)
        return after, Note(f"logit ≥ {logit_figure(limit)}{tie}", limit)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        lowest = "that of" if self.top_k == 1 else "the lowest of"
        return f"logit {logit_figure(logit)} < {logit_figure(note.limit)}, {lowest} {self.likeliest}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if math.isnan(note.limit):
            return note.threshold
        k, place, logit = int(self.top_k), before.ahead_of(token_id)[0] + 1, before.value_of(token_id)
        if place > k:
            return f"number {place:,}, but its logit {logit_figure(logit)} is that of number {k:,}: ties stay"
        own = "the most likely" if k == 1 else f"number {place:,} of {self.likeliest}"
        return f"{own}: logit {logit_figure(logit)} ≥ {logit_figure(note.limit)}"

    @property
    def likeliest(self) -> str:
        """What it keeps, in words."""
        return "the most likely" if self.top_k == 1 else f"the {int(self.top_k):,} most likely"


@dataclass(frozen=True)
class TopP(Stage):
    """The crossing token is kept; of equals at the line the lower ids stay. Oracle: transformers' TopPLogitsWarper,
    which keeps the higher ids."""

    name: ClassVar = "top_p"
    label: ClassVar = "Top-p"
    summary: ClassVar = (
        "Keeps the most likely tokens that hold the share p of the probability together (the nucleus), and cuts the "
        "rest. It adds up probabilities from the most likely token on, among what earlier stages left, until they "
        "reach p; the token that crosses the line is kept. So few tokens are left where the model is sure, and many "
        "where it is not. 0.8 to 0.95 are usual."
    )
    origin: ClassVar = "Holtzman et al. 2019, arXiv 1904.09751"
    parameters: ClassVar = (Parameter("top_p", "p", 0.95, 0.0, 1.0, off=1.0, usual=(0.8, 0.95), hard_maximum=1.0),)
    shown_by_default: ClassVar = True

    top_p: float
    min_keep: int = 1

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.top_p == 1:  # not cumulative ≥ 1, which would cut what rounding put beyond it
            return scores, Note()
        kept, held = scores.heaviest(self.top_p - TOLERANCE)
        kept = kept if kept.count >= self.min_keep else scores.first(self.min_keep)
        return kept, Note(f"{percent(held)} in {tokens(kept.count)}", held)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"more likely tokens already hold {note.limit:.4f} ≥ p = {self.top_p:g}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        ahead, held = before.ahead_of(token_id)
        if not ahead:
            return f"the most likely is always taken; it holds {share(before.value_of(token_id), before)}"
        others = "the one more likely holds" if ahead == 1 else f"the {ahead:,} more likely hold"
        return f"{others} {below(held, self.top_p, f'{self.top_p * 100:g}%')}: it is still taken"


@dataclass(frozen=True)
class MinP(Stage):
    """In logit form: no softmax, and no matter what else was cut. Oracle: transformers' MinPLogitsWarper."""

    name: ClassVar = "min_p"
    label: ClassVar = "Min-p"
    summary: ClassVar = (
        "Cuts every token that is much less likely than the most likely one. The line is min-p times the highest "
        "probability: at 0.05 a token needs a twentieth of it. That is strict where the model is sure and generous "
        "where it is not. 0.02 to 0.1 are usual."
    )
    origin: ClassVar = "Nguyen et al. 2024, arXiv 2407.01082; llama.cpp"
    parameters: ClassVar = (
        Parameter("min_p", "min-p", 0.05, 0.0, 1.0, off=0.0, decimals=3, usual=(0.02, 0.1), hard_maximum=1.0),
    )
    shown_by_default: ClassVar = True

    min_p: float
    min_keep: int = 1

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.min_p == 0:
            return scores, Note()
        limit = scores.peak + math.log(self.min_p) - TOLERANCE
        threshold = self.min_p * probability(scores.peak, scores)
        kept = scores.where(scores.values >= limit)
        kept = kept if kept.count >= self.min_keep else scores.first(self.min_keep)
        return kept, Note(f"p ≥ {figure(threshold)}", threshold)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"{chance(logit, before)} < {self.min_p:g} × {chance(before.peak, before)}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        return f"{chance(before.value_of(token_id), before)} ≥ {self.rule(before, note)}"

    def rule(self, before: Scores, note: Note) -> str:
        """The line in words: `0.05 × 0.21 = 0.0105`."""
        line = figure(note.limit)
        top = checkable(probability(before.peak, before), 4, "g", lambda shown: figure(self.min_p * shown) == line)
        return f"{self.min_p:g} × {top} = {line}"
