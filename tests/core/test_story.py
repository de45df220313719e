"""A token's story must agree with the trace, and its words with arithmetic that can be checked."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core.decoding import STAGES, Chain, Context, Scores, Stage
from ntp_studio.core.decoding.stages import (
    AdaptiveP,
    Bans,
    Bias,
    Dry,
    DynamicTemperature,
    Epsilon,
    Eta,
    MinLength,
    MinP,
    Mirostat,
    NoRepeatNgram,
    PresenceFrequency,
    RepetitionPenalty,
    Smoothing,
    Stop,
    TailFree,
    Temperature,
    TopA,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    Xtc,
)
from ntp_studio.core.decoding.stages.figures import percent
from ntp_studio.core.decoding.story import tell
from ntp_studio.core.types import NoTokenAllowed, StoryLine
from ntp_studio.ui.candidate_text import percent as chart_percent
from tests.core.test_stages import a_stage, context, logit_lists, of

BOOK = (0.4, 0.3, 0.2, 0.1)
ONE_AS_MANY = re.compile(r"(?<![\d.,])1 ((new )?tokens|times|most likely|more likely|tied)\b")


def line(stage: Stage, token_id: int, scores: Scores | None = None, at: Context | None = None) -> StoryLine:
    trace = Chain((stage,)).run(scores or of(*BOOK), at or context())
    model, own = tell(trace, token_id)
    assert model.stage == "model"
    return own


@given(
    logit_lists,
    st.lists(a_stage(), max_size=6),
    st.lists(st.integers(0, 39), max_size=12),
    st.floats(0, 0.999),
)
def test_the_story_agrees_with_the_trace(
    values: list[float], stages: list[Stage], history: list[int], coin: float
) -> None:
    try:
        trace = Chain(tuple(stages)).run(Scores.of(np.array(values)), context(history, len(history) // 2, coin=coin))
    except NoTokenAllowed:
        return
    everything = np.arange(len(values))
    for report in trace.reports(pictures=True):
        assert not ONE_AS_MANY.search(" ".join((report.threshold, *map(repr, report.pictures)))), report
    for token_id, (cut_by, reason) in zip(everything.tolist(), trace.cuts(everything), strict=True):
        lines = tell(trace, token_id)
        assert [told.stage for told in lines] == ["model", *(stage.name for stage in stages)]
        assert all(told.words and told.label for told in lines)
        assert not any(ONE_AS_MANY.search(told.words) for told in lines), lines
        cuts = [told for told in lines if told.effect == "cut"]
        assert [told.stage for told in cuts] == ([cut_by] if cut_by not in ("", "model") else [])
        assert all(reason in told.words for told in cuts)
        present = math.isfinite(values[token_id])
        here = lines[0].after
        for told, step in zip(lines[1:], trace.stages, strict=True):
            assert (told.effect == "resting") == step.resting
            assert (told.effect == "gone") == (not present and not step.resting)
            assert told.before == (here if present else 0.0), "what entered is what left the one before"
            if told.effect == "changed":
                logit, new = step.before.value_of(token_id), step.after.value_of(token_id)
                assert logit != new or told.before != told.after
            if told.effect in ("kept", "resting") and present:
                assert step.before.value_of(token_id) == step.after.value_of(token_id)
            present = present and told.effect != "cut"
            here = told.after
        assert present == (cut_by == "")
        left = dict(zip(trace.result.ids.tolist(), trace.result.probabilities.tolist(), strict=True))
        assert here == pytest.approx(left.get(token_id, 0.0))


def test_every_stage_tells_of_what_it_keeps() -> None:
    rng = np.random.default_rng(4)
    scores = Scores.of(rng.standard_normal(300) * 3)
    at = context([3, 4, 5, 6, 3, 4, 5], 5, coin=0.1)
    for kind in STAGES.values():
        stage = kind(**{p.name: p.default for p in kind.parameters})
        trace = Chain((stage,)).run(scores, at)
        for token_id in trace.result.top(20).tolist():
            assert stage.kept(token_id, scores, trace.result, trace.stages[0].note, at)


# -- the model's line


def test_the_model_comes_first() -> None:
    trace = Chain().run(Scores.of(np.array([1.0, 3.0, 3.0, -np.inf])), context())
    (told,) = tell(trace, 2)
    p = 1 / (2 + math.exp(-2))
    assert told == StoryLine("model", "Model", "model", f"logit 3.00, p {p:.1%}, rank 2 of 4", 0.0, pytest.approx(p))
    assert tell(trace, 1)[0].words.endswith("the most likely of 4")
    assert tell(trace, 3)[0].words == "logit −∞: the model itself gives it no probability"


def test_after_the_end_there_is_only_the_end() -> None:
    chain = Chain((TopK(2), Temperature(0.5), Mirostat(9.0), TopK(1)))
    lines = tell(chain.run(Scores.of(np.array([2.0, 1.0, 0.0, -np.inf])), context()), 2)
    assert [told.effect for told in lines] == ["model", "resting", "changed", "kept", "resting"]
    lines = tell(Chain((TopK(2), Temperature(0.5))).run(of(*BOOK), context()), 3)
    assert [(told.effect, told.after) for told in lines[1:]] == [("cut", 0.0), ("gone", 0.0)]
    assert lines[2].words == "cut before, by Top-k"
    never = tell(chain.run(Scores.of(np.array([2.0, 1.0, 0.0, -np.inf])), context()), 3)
    assert [told.effect for told in never] == ["model", "resting", "gone", "gone", "resting"]
    assert never[2].words == "the model gives it nothing"


# -- each stage's words

TEXT = context([2, 3, 2, 3, 1, 2], 2, coin=0.3)
CASES: list[tuple[Stage, int, str, str]] = [
    (Bias(("#1=2", "#0=-0.5")), 1, "changed", "logit −1.20 → 0.80 (bias +2)"),
    (Bias(("#1=-2",)), 1, "changed", "logit −1.20 → −3.20 (bias −2)"),
    (Bias(("#1=2",)), 0, "kept", "kept: no bias names it here: its logit stays −0.92"),
    (RepetitionPenalty(1.5), 3, "changed", "logit −2.30 → −3.45 (× 1.5: it stands in the text)"),
    (RepetitionPenalty(1.5), 0, "kept", "does not stand in the text: its logit stays −0.92"),
    (RepetitionPenalty(1.5, 2), 3, "kept", "does not stand in the last 2 tokens: its logit stays −2.30"),
    (PresenceFrequency(0.5, 0.25), 2, "changed",
     "logit −1.61 → −2.61 (− 0.5 − 0.25 × 2: it stands 2 times in what was generated)"),
    (PresenceFrequency(-0.5), 1, "changed", "logit −1.20 → −0.70 (+ 0.5: it stands once in what was generated)"),
    (RepetitionPenalty(1.5, 1), 3, "kept", "does not stand in the last token: its logit stays −2.30"),
    (PresenceFrequency(0.5, 0.0, 1, 0), 0, "kept",
     "does not stand in the last token generated: its logit stays −0.92"),
    (PresenceFrequency(0.5, 0.0, 3, 0), 0, "kept",
     "does not stand in the last 3 tokens generated: its logit stays −0.92"),
    (Dry(0.8, 1.75, 1, 0, ()), 3, "changed",
     "logit −2.30 → −3.10 (− 0.8 × 1.75^0 = 0.8: would continue 1 token)"),
    (Dry(0.8, 1.75, 1, 0, ()), 0, "kept", "would continue no passage that stands in the text: its logit stays −0.92"),
    (NoRepeatNgram(2), 3, "cut", "cut: would repeat the 2 tokens from token 1 on"),
    (NoRepeatNgram(2), 0, "kept", "kept: the last token followed by it stands nowhere in the text"),
    (NoRepeatNgram(4), 0, "kept", "kept: the last 3 tokens followed by it stand nowhere in the text"),
    (NoRepeatNgram(1), 3, "cut", "cut: stands in the text already, as token 2"),
    (NoRepeatNgram(9), 0, "kept", "kept: the text has 6 tokens, fewer than n = 9: nothing can repeat yet"),
    (NoRepeatNgram(1), 0, "kept", "kept: does not stand in the text yet"),
    (Bans(("#1",)), 1, "cut", "cut: would complete the banned '#1'"),
    (Bans(("#1",)), 0, "kept", "kept: completes none of the banned texts here"),
    (MinLength(9), 0, "cut", "cut: the end is forbidden: 4 new tokens < 9"),
    (MinLength(9), 1, "kept", "kept: 4 new tokens < 9, but it does not end the text"),
    (MinLength(1), 0, "kept", "kept: the text may end: 4 new tokens ≥ 1"),
    (MinLength(4), 0, "kept", "kept: the text may end: 4 new tokens ≥ 4"),
    (Temperature(0.5), 1, "changed", "p 30.0% → 30.0%: logit −1.204 ÷ 0.5 = −2.41"),
    (Temperature(0.0), 0, "changed", "at T = 0 only it is left: the most likely"),
    (Temperature(0.0), 1, "cut", "cut: at T = 0 only the most likely token is left"),
    (DynamicTemperature(0.5), 0, "changed", "p 40.0% → 35.6% (T = 1.423: H is 92.3% of the possible)"),
    (Smoothing(0.5), 3, "changed", "p 10.0% → 12.2%: 1.386 below the highest becomes 0.5 × 1.386² = 0.96"),
    (Smoothing(0.5), 0, "changed", "p 40.0% → 32.0%: the highest logit stays where it is"),
    (TopNSigma(1.0), 1, "kept", "kept: logit −1.20 ≥ −1.44 = −0.92 − 1 × 0.521"),
    (TopH(0.6), 1, "kept", "kept: the tokens up to it hold 0.728 ≤ 0.768 = 0.6 × 1.280 nats"),
    (TopH(0.1), 0, "kept", "kept: holds 0.367 > 0.128 = 0.1 × 1.280 nats alone, but the most likely always stays"),
    (TopH(0.6), 2, "cut", "cut: with it, the tokens would hold 1.050 > 0.768 = 0.6 × 1.280 nats"),
    (TopK(2), 1, "kept", "kept: number 2 of the 2 most likely: logit −1.20 ≥ −1.20"),
    (TopK(4), 1, "kept", "kept: only 4 tokens left: k = 4 cuts none"),
    (TopK(1), 0, "kept", "kept: the most likely: logit −0.92 ≥ −0.92"),
    (TopK(1), 1, "cut", "cut: logit −1.20 < −0.92, that of the most likely"),
    (TopK(9), 1, "kept", "kept: only 4 tokens left: k = 9 cuts none"),
    (TopP(0.7001), 2, "kept", "kept: the 2 more likely hold 70.0% < 70.01%: it is still taken"),
    (TopP(0.41), 1, "kept", "kept: the one more likely holds 40.0% < 41%: it is still taken"),
    (TopP(0.3), 0, "kept", "kept: the most likely is always taken; it holds 40.0%"),
    (TopP(0.3), 1, "cut", "cut: more likely tokens already hold 0.4000 ≥ p = 0.3"),
    (MinP(0.5), 2, "kept", "kept: 0.2 ≥ 0.5 × 0.4 = 0.2"),
    (MinP(0.5), 3, "cut", "cut: 0.1 < 0.5 × 0.4"),
    (Typical(0.5), 1, "kept", "kept: surprise 1.204 is 0.076 from the entropy 1.280 nats, ≤ 0.330"),
    (Epsilon(0.15), 2, "kept", "kept: 0.2 ≥ ε = 0.15"),
    (Epsilon(0.5), 0, "kept", "kept: 0.4 < ε = 0.5, as all are: the most likely stays"),
    (Eta(0.3), 2, "kept", "kept: 0.2 ≥ 0.1523 = √0.3 × e^−1.280"),
    (Eta(0.001), 2, "kept", "kept: 0.2 ≥ ε = 0.001"),
    (TopA(0.5), 2, "kept", "kept: 0.2 ≥ 0.5 × 0.4² = 0.08"),
    (TailFree(0.5), 0, "kept", "kept: before the tail: 0.2500 of the curve's bend lies up to it, ≤ 0.5"),
    (Xtc(0.5, 0.15, ()), 0, "cut", "cut: 0.4 ≥ 0.15, and a less likely one is too; coin 0.300 < 0.5"),
    (Xtc(0.5, 0.15, ()), 2, "kept",
     "kept: coin 0.300 < 0.5, and 0.2 ≥ 0.15, but it is the least likely such: it stays"),
    (Xtc(0.5, 0.15, ()), 3, "kept", "kept: coin 0.300 < 0.5, but 0.1 < 0.15: only likelier ones are struck"),
    (Xtc(0.2, 0.15, ()), 0, "kept", "kept: coin 0.300 ≥ 0.2: does nothing"),
    (Mirostat(1.0), 1, "kept", "kept: surprise 1.737 bits ≤ μ = 2.000"),
    (Mirostat(0.1), 0, "kept", "kept: surprise 1.322 bits > μ = 0.200, as all are: the most likely stays"),
    (AdaptiveP(0.3), 0, "changed",
     "p 40.0% → 22.4%: δ = |0.4 − 0.300| / 0.3 = 0.333, logit 5 − 10 × δ² / (1 + δ) = 4.17"),
    (Stop((), ("#1",)), 1, "kept", "changes no probability; once it is taken, the text ends"),
    (Stop((), ("#1",)), 0, "kept", "changes no probability"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "token_id", "effect", "words"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_words_and_numbers(stage: Stage, token_id: int, effect: str, words: str) -> None:
    bends = of(0.4, 0.3, 0.25, 0.05) if stage.name == "tail_free" else None
    told = line(stage, token_id, bends, TEXT)
    assert (told.stage, told.label) == (stage.name, stage.label)
    assert (told.effect, told.words) == (effect, words)


def test_every_stage_has_a_case() -> None:
    assert {stage.name for stage, *_ in CASES} == set(STAGES)


def test_ties_and_company_at_the_edge() -> None:
    tied = Scores.of(np.array([3.0, 2.0, 2.0, 1.0]))
    assert line(TopK(2), 2, tied).words == "kept: number 3, but its logit 2.00 is that of number 2: ties stay"
    assert "of 2 tied at the top, the lowest id" in line(Temperature(0.0), 0, Scores.of(np.zeros(2))).words
    straight = line(TailFree(0.01), 0, Scores.of(np.zeros(12))).words
    assert straight == "kept: 0.1000 of the curve's bend lies up to it, > 0.01, but the most likely always stays"
    assert line(DynamicTemperature(0.5), 0, of(1.0, 0.0)).words == "one token is left: nothing to do"
    assert line(TopP(1.0), 0).words == "does nothing at this value"


def test_top_h_tells_by_how_much() -> None:
    """With as many decimals as it takes, and what is beyond the range of floats in words."""
    words = line(TopH(0.5685), 1).words  # two of them hold 0.7277 of 1.2799 nats
    found = re.fullmatch(r"cut: with it, the tokens would hold (\S+) > (\S+) = 0.5685 × 1.280 nats", words)
    assert found is not None, words
    assert float(found[1]) > float(found[2])
    deep = Scores.of(np.array([0.0, 0.0, -900.0]))
    assert line(TopH(1.0), 2, deep).words == (
        "cut: its probability is too small for a float: it holds nothing of the entropy"
    )
    many = Scores.of(np.zeros(101))
    assert line(TopH(1.0), 100, many).words == ("cut: not among the 100 most likely, the only ones that top-H looks at")


# -- figures


def test_nothing_above_zero_reads_as_zero() -> None:
    deep = Scores.of(np.array([0.0, -12.0, -900.0, -5000.0]))
    for token_id in (1, 2, 3):
        for stage in (Temperature(0.9), TopK(9), MinP(1e-5), TopP(0.999999999), Epsilon(1e-6), Xtc(1.0, 0.1, ())):
            for told in tell(Chain((stage,)).run(deep, context(coin=0.1)), token_id):
                assert not re.search(r"(?<![\d.])0(\.0+)?%", told.words), told.words
                assert not re.search(r"(?<![\d.])0 [<≥]", told.words), told.words
    assert line(MinP(1e-5), 2, deep).words == "cut: e^−900 < 1e-05 × 1"
    assert line(TopP(0.5), 1, of(1 - 1e-7, 1e-7)).effect == "cut"
    even = Scores.of(np.zeros(20_000))
    assert line(TopP(0.5), 1, even).words == "kept: the one more likely holds 5e-05 < 0.5: it is still taken"


@given(st.floats(0, 1))
def test_percentages_are_the_chart_s(probability: float) -> None:
    assert percent(probability) == chart_percent(probability)


def rounds_to(exact: float, figure: float, decimals: int | None = None) -> bool:
    """Whether it is `figure` with so many decimals, or four significant ones; a tie may go either way."""
    if decimals is None:
        decimals = 3 - math.floor(math.log10(abs(exact)))
    return abs(exact - figure) <= 0.5 * 10**-decimals * (1 + 1e-6)


def number(figure: str) -> float:
    assert "-" not in figure, "the sign for minus is no hyphen"
    return float(figure.replace("−", "-"))


@given(st.floats(-40, 40), st.floats(0.05, 5), st.floats(1.01, 3))
def test_the_arithmetic_comes_out_with_the_figures_shown(logit: float, temperature: float, penalty: float) -> None:
    scores, temperature, penalty = Scores.of(np.array([logit, 0.5])), round(temperature, 2), round(penalty, 2)
    heat = re.search(r"logit (\S+) ÷ (\S+) = (\S+)$", line(Temperature(temperature), 0, scores).words)
    assert heat is not None
    assert rounds_to(number(heat[1]) / number(heat[2]), number(heat[3]), 2)
    told = line(RepetitionPenalty(penalty), 0, scores, context([0])).words
    seen = re.match(r"logit (\S+) → (\S+) \(([÷×]) (\S+):", told)
    assert seen is not None
    old, factor = number(seen[1]), number(seen[4])
    assert rounds_to(old / factor if seen[3] == "÷" else old * factor, number(seen[2]), 2)
    assert (seen[3] == "÷") == (logit > 0)


@given(st.lists(st.floats(-6, 6), min_size=2, max_size=9), st.floats(0.01, 0.99))
def test_lines_can_be_checked(values: list[float], share: float) -> None:
    share = round(share, 3)
    scores = Scores.of(np.array(values))
    best = scores.best
    rule = re.fullmatch(r"kept: \S+ ≥ (\S+) × (\S+) = (\S+)", line(MinP(share), best, scores).words)
    assert rule is not None
    assert rounds_to(float(rule[1]) * float(rule[2]), float(rule[3]))
    rule = re.fullmatch(r"kept: \S+ ≥ (\S+) × (\S+)² = (\S+)", line(TopA(share), best, scores).words)
    assert rule is not None
    assert rounds_to(float(rule[1]) * float(rule[2]) ** 2, float(rule[3]))


def test_a_banned_text_is_data() -> None:
    hostile = "<b>\n\u202e{0}%s"

    class Words(context().vocabulary.__class__):  # type: ignore[misc]
        def encode(self, text: str) -> tuple[int, ...]:
            return (1,)

    at = Context([], 0, vocabulary=Words())
    assert line(Bans((hostile,)), 1, None, at).words == f"cut: would complete the banned {hostile!r}"
