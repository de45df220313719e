"""Stages that throw a coin or steer: XTC, and the two that replace the usual draw and remember what they drew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ntp_studio.core.decoding.context import MOST_STATE, Context
from ntp_studio.core.decoding.scores import Floats, Scores
from ntp_studio.core.decoding.stages.base import TOLERANCE, Note, Parameter, Role, Stage, Texts, flag, probability
from ntp_studio.core.decoding.stages.figures import chance, logit_figure, minus, moved, percent, tokens
from ntp_studio.core.decoding.stages.words import single

PEAK, SHARPNESS, WIDTH = 5.0, 10.0, 0.3  # llama.cpp's constants of adaptive-p
UNLIKELY = 0.02  # of the highest probability: what a mild min-p would cut


@dataclass(frozen=True)
class Xtc(Stage):
    """With chance q, of the n ≥ 2 tokens with p ≥ t all but the least likely go.

    The coin is thrown before looking and from a stream of its own, so that switching XTC on does not move the draw.
    koboldcpp and text-generation-webui act below q, llama.cpp also at q itself; only text-generation-webui protects
    tokens. Oracle: llama.cpp's xtc.
    """

    name: ClassVar = "xtc"
    label: ClassVar = "XTC"
    summary: ClassVar = (
        "Exclude top choices: now and then strikes out the obvious tokens, so that the text leaves the beaten track "
        "while it stays sensible. A coin is thrown for every token; with the chance that you set, all that reach the "
        "threshold go but the least likely of them. It takes two such tokens, so above a threshold of 0.5 it can never "
        "act. It does nothing where it would strike out a protected token, such as the end or a line break. A chance "
        "of 0.5 with threshold 0.1 is usual."
    )
    origin: ClassVar = "p-e-w 2024; text-generation-webui, koboldcpp, llama.cpp"
    parameters: ClassVar = (
        Parameter("xtc_probability", "chance", 0.5, 0.0, 1.0, off=0.0, usual=(0.3, 0.5), hard_maximum=1.0),
        Parameter("xtc_threshold", "threshold", 0.1, 0.01, 0.5, usual=(0.05, 0.15), hard_maximum=1.0),
    )
    texts: ClassVar = (
        Texts("xtc_protect", "protected tokens", ("#eos", "\n"), "a token's text, #12 for its id, #eos for the end"),
    )

    xtc_probability: float
    xtc_threshold: float = 0.1
    xtc_protect: tuple[str, ...] = ("#eos", "\n")

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return bool(values["xtc_probability"] == 0 or values["xtc_threshold"] > 0.5)

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if self.xtc_probability == 0 or self.xtc_threshold > 0.5:
            return scores, Note()
        coin = context.coin(self.name)
        acts = coin < self.xtc_probability
        thrown = f"coin {coin:.3f} {'<' if acts else '≥'} {self.xtc_probability:g}"
        hindrance = self.hindrance(scores, context) if acts else ""
        facts = (("coin", coin), ("acts", float(acts and not hindrance)))
        if not acts or hindrance:
            but = f", but {hindrance}" if hindrance else ""
            return scores, Note(f"{thrown}{but}: does nothing", facts=facts)
        struck = scores.ranked(self.likely(scores) - 1)
        mask = np.ones(scores.count, dtype=bool)
        mask[struck] = False
        words = f"{thrown}; strikes {tokens(struck.size)} of p ≥ {self.xtc_threshold:g}"
        return scores.where(mask), Note(words, facts=facts)

    def hindrance(self, scores: Scores, context: Context) -> str:
        """Why nothing can be struck whatever the coin says, in words; empty where something can."""
        likely = self.likely(scores)
        if likely < 2:
            return f"{'only 1 token has' if likely else 'no token has'} p ≥ {self.xtc_threshold:g}"
        protected = {i for text in self.xtc_protect for i in single(text, context.vocabulary)}
        if protected.intersection(scores.top(likely - 1).tolist()):
            return "a protected token is among the struck"
        return ""

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        own = f"{chance(logit, before)} ≥ {self.xtc_threshold:g}, and a less likely one is too"
        return f"{own}; coin {note.fact('coin'):.3f} < {self.xtc_probability:g}"

    def likely(self, scores: Scores) -> int:
        """How many tokens reach the threshold."""
        edge = math.log(self.xtc_threshold) + scores.log_normalizer - TOLERANCE
        return int(np.count_nonzero(scores.values >= edge))

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if after is before:
            return note.threshold
        own = chance(before.value_of(token_id), before)
        coin = f"coin {note.fact('coin'):.3f} < {self.xtc_probability:g}"
        if before.ahead_of(token_id)[0] < self.likely(before):
            return f"{coin}, and {own} ≥ {self.xtc_threshold:g}, but it is the least likely such: it stays"
        return f"{coin}, but {own} < {self.xtc_threshold:g}: only likelier ones are struck"


@dataclass(frozen=True)
class Mirostat(Stage):
    """Cuts what is more surprising than μ bits, and moves μ by η times the error of the surprise that was drawn.

    Surprise is that of the renormalised probability, as in llama.cpp, koboldcpp and text-generation-webui; the paper's
    program takes the one before the cut. μ begins at 2τ. State: (μ,). A token forced though it was cut counts with its
    probability before the cut. Oracle: llama.cpp's mirostat_v2.
    """

    name: ClassVar = "mirostat"
    label: ClassVar = "Mirostat v2"
    summary: ClassVar = (
        "Keeps the text about equally surprising throughout. A token's surprise is −log₂ of its probability, in bits: "
        "1 bit for one half, 5 bits for 1 in 32. What is more surprising than a limit μ is cut, and after every token "
        "μ moves a little, so that the surprise comes nearer to the target τ. All other cuts rest while it is on. τ = "
        "3 gives careful text, 5 is usual; η = 0.1 says how fast it corrects."
    )
    origin: ClassVar = "Basu et al. 2020, arXiv 2007.14966; llama.cpp"
    parameters: ClassVar = (
        Parameter("mirostat_tau", "target τ, bits", 5.0, 0.0, 10.0, usual=(3.0, 6.0), hard_maximum=100.0),
        Parameter("mirostat_eta", "rate η", 0.1, 0.0, 1.0, usual=(0.05, 0.2), hard_maximum=10.0),
        flag("mirostat_paper", "surprise before the cut, as in the paper", False),
    )
    role: ClassVar[Role] = "choose"

    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    mirostat_paper: float = 0

    def limit(self, context: Context) -> float:
        """μ, in bits."""
        return context.state.get(self.name, (2 * self.mirostat_tau,))[0]

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        limit = self.limit(context)
        edge = scores.log_normalizer - limit * math.log(2) - TOLERANCE
        after = scores.where(scores.values >= edge) if edge <= scores.peak else scores.first(1)
        words = f"surprise ≤ μ = {minus(f'{limit:.3f}')} bits"
        return after, Note(words, limit, (("mu", limit), ("target", self.mirostat_tau)))

    def following(self, before: Scores, after: Scores, context: Context, token_id: int) -> tuple[float, ...] | None:
        limit, one = self.limit(context), np.array([token_id])
        logit = float(before.values_at(one)[0])
        if logit == -math.inf:  # forced, though an earlier stage had banned it: there is no surprise to learn from
            return (limit,)
        cut = not math.isfinite(float(after.values_at(one)[0]))
        source = before if self.mirostat_paper or cut else after
        surprise = (source.log_normalizer - logit) / math.log(2)
        new = limit - self.mirostat_eta * (surprise - self.mirostat_tau)
        return (min(max(new, -MOST_STATE), MOST_STATE),)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        surprise = (before.log_normalizer - logit) / math.log(2)
        return f"surprise {surprise:.3f} bits > μ = {minus(f'{note.limit:.3f}')}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        surprise = (before.log_normalizer - before.value_of(token_id)) / math.log(2)
        if surprise > note.limit + TOLERANCE / math.log(2):
            return f"surprise {surprise:.3f} bits > μ = {minus(f'{note.limit:.3f}')}, as all are: the most likely stays"
        return f"surprise {surprise:.3f} bits ≤ μ = {minus(f'{note.limit:.3f}')}"


@dataclass(frozen=True)
class AdaptiveP(Stage):
    """5 − 10·δ²/(1 + δ) with δ = |p − a| / 0.3, where a = 2t − W/T, clamped to [0, 1], makes up for what was drawn.

    State: (W, T), weighted sums of drawn probabilities and of weights; they begin as if t had been drawn for ever.
    Oracle: llama.cpp's adaptive_p.
    """

    name: ClassVar = "adaptive_p"
    label: ClassVar = "Adaptive-p"
    summary: ClassVar = (
        "Steers the text to tokens whose probability is near a target, rather than mostly to the most likely ones. It "
        "ranks tokens by how near their probability is to an aim, and moves the aim against what was drawn lately, so "
        "that in the long run the drawn tokens have about the target's probability. Put a mild min-p before it, since "
        "unlikely nonsense may be near the aim too. A target of 0.5 to 0.8 with decay 0.9 is usual."
    )
    origin: ClassVar = "llama.cpp 2025 (pull request 17927); koboldcpp"
    parameters: ClassVar = (
        Parameter("adaptive_target", "target", 0.6, 0.0, 1.0, usual=(0.5, 0.8), hard_maximum=1.0),
        Parameter("adaptive_decay", "decay", 0.9, 0.0, 0.99, usual=(0.8, 0.95), hard_maximum=0.99),
    )
    role: ClassVar[Role] = "choose"
    keeps_ranking: ClassVar = False

    adaptive_target: float = 0.6
    adaptive_decay: float = 0.9

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return bool(values["adaptive_target"] < 0)

    def sums(self, context: Context) -> tuple[float, float]:
        """(W, T) at this place."""
        rest = 1 - self.adaptive_decay
        weighted, total = context.state.get(self.name, (self.adaptive_target / rest, 1 / rest))
        return weighted, total

    def aim(self, context: Context) -> float:
        """The probability that this place aims at."""
        return self.aimed(*self.sums(context))

    def aimed(self, weighted: float, total: float) -> float:
        """What is aimed at after these sums."""
        return min(1.0, max(0.0, 2 * self.adaptive_target - weighted / total))

    @staticmethod
    def steered(p: Floats, aim: float) -> Floats:
        """The new logits of probabilities, the highest where they are what is aimed at."""
        away = np.abs(p - aim) / WIDTH
        values: Floats = PEAK - SHARPNESS * away * away / (1 + away)
        return values

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        aim = self.aim(context)
        values = self.steered(scores.probabilities, aim)
        after = scores.with_values(values, same_order=False)
        entered = scores.values if after.ids is scores.ids else scores.values_at(after.ids)
        unlikely = entered < scores.peak + math.log(UNLIKELY) - TOLERANCE
        share = float(after.weights[unlikely].sum()) / after.total
        words = f"aims at p = {aim:.3f}"
        if share > 0.5:  # each gets little, but they are many
            words += f"; put min-p first: {percent(share)} of the weight is on unlikely tokens"
        return after, Note(words, aim, (("aim", aim), ("target", self.adaptive_target)))

    def following(self, before: Scores, after: Scores, context: Context, token_id: int) -> tuple[float, ...] | None:
        weighted, total = self.sums(context)
        own = math.exp(float(before.values_at(np.array([token_id]))[0]) - before.log_normalizer)
        return own + self.adaptive_decay * weighted, 1 + self.adaptive_decay * total

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        p = probability(before.value_of(token_id), before)
        away = abs(p - note.limit) / WIDTH
        own = chance(before.value_of(token_id), before)
        rule = f"δ = |{own} − {note.limit:.3f}| / {WIDTH:g} = {away:.3f}"
        logit = f"logit {PEAK:g} − {SHARPNESS:g} × δ² / (1 + δ) = {logit_figure(after.value_of(token_id))}"
        return f"{moved(token_id, before, after)}: {rule}, {logit}"
