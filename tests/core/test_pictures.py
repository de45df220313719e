"""What the stages draw must be what they did: bars, lines, curves, arrows and tracks against the trace itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core.decoding import STAGES, Chain, Context, Scores, Stage, Trace
from ntp_studio.core.decoding.chain import TracedStage
from ntp_studio.core.decoding.picturing import PASSAGES, pictures_of, spans_of
from ntp_studio.core.decoding.stages import (
    AdaptiveP,
    Bans,
    Bias,
    Dry,
    DynamicTemperature,
    Epsilon,
    MinP,
    Mirostat,
    NoRepeatNgram,
    PresenceFrequency,
    RepetitionPenalty,
    Smoothing,
    TailFree,
    Temperature,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    Xtc,
)
from ntp_studio.core.pictures import Arrows, Bars, Curve, Picture, Shift, Span, Track
from ntp_studio.core.types import NoTokenAllowed
from tests.core.test_stages import Vocabulary, a_stage, context, logit_lists, of

HOSTILE = "<b>&amp;\n\u202e%s {0}" + "x" * 300
WANTED: dict[str, tuple[type, ...]] = {
    "bias": (Arrows,),
    "repetition_penalty": (Arrows,),
    "presence_frequency": (Arrows,),
    "dry": (Arrows,),
    "no_repeat_ngram_size": (Arrows,),
    "bans": (Arrows,),
    "min_length": (Arrows,),
    "temperature": (Shift,),
    "dynamic_temperature": (Curve, Shift),
    "smoothing": (Curve, Shift),
    "top_n_sigma": (Bars,),
    "top_h": (Curve,),
    "top_k": (Bars,),
    "top_p": (Curve,),
    "min_p": (Bars,),
    "typical_p": (Bars,),
    "epsilon_cutoff": (Bars,),
    "eta_cutoff": (Bars,),
    "top_a": (Bars,),
    "tail_free": (Curve,),
    "xtc": (Bars,),
    "adaptive_p": (Track, Curve),
    "mirostat": (Track, Bars),
    "stop": (),
}
TEXTS = {"sequence_bias": ("#5=2",), "bad_words": ("#7",), "stop_tokens": ("#1",)}


def run(stage: Stage, scores: Scores, at: Context | None = None) -> tuple[TracedStage, tuple[Picture, ...]]:
    at = at or context()
    trace = Chain((stage,)).run(scores, at)
    return trace.stages[0], trace.reports(pictures=True)[0].pictures


def only(kind: type, stage: Stage, scores: Scores, at: Context | None = None) -> Any:
    (picture,) = (p for p in run(stage, scores, at)[1] if isinstance(p, kind))
    return picture


def usual(kind: type[Stage]) -> Stage:
    return kind(**{p.name: p.default for p in kind.parameters} | {t.name: TEXTS.get(t.name, ()) for t in kind.texts})


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_draws_its_rule(name: str) -> None:
    assert set(WANTED) == set(STAGES)
    rng = np.random.default_rng(4)
    at = context([3, 4, 5, 6, 3, 4, 5], 5, coin=0.1)
    step, pictures = run(usual(STAGES[name]), Scores.of(rng.standard_normal(600) * 3), at)
    assert tuple(type(p) for p in pictures) == WANTED[name]
    if step.stage.role == "cut":
        assert step.after.count < step.before.count


# -- against the trace, whatever the chain


def check_bars(bars: Bars, step: TracedStage) -> None:
    before, stage = step.before, step.stage
    assert len(bars.ids) == len(bars.labels) == len(bars.values) == len(bars.kept) == len(set(bars.ids))
    assert (bars.total, bars.left) == (before.count, step.after.count)
    assert min(12, before.count) <= len(bars.ids) <= 48
    ids = np.array(bars.ids)
    assert bars.kept == tuple(np.isin(ids, step.after.ids).tolist())
    surprise = before.log_normalizer - before.values_at(ids)
    with np.errstate(over="ignore"):
        wanted = {
            "probability": np.exp(before.values_at(ids) - before.peak) / before.total,
            "logit": before.values_at(ids),
            "distance": np.abs(surprise - before.entropy),
            "surprise": np.minimum(surprise / math.log(2), np.finfo(np.float64).max),
        }[bars.axis]
    # What is measured from the entropy has no more digits than the logits that it is measured on.
    size = 1.0 if bars.axis in ("probability", "logit") else max(1.0, float(np.abs(before.values).max()))
    np.testing.assert_allclose(bars.values, wanted, rtol=1e-9, atol=1e-9 * size)
    falling = bars.axis in ("probability", "logit")
    steps = np.diff(bars.values)
    assert (steps <= 0).all() if falling else (steps >= 0).all(), "in the order of the rule"
    if step.after.count < min(48, before.count) and stage.name != "xtc":
        assert not all(bars.kept), "some of the cut are seen"
    if stage.name != "typical_p":
        assert list(bars.ids) == before.top(len(bars.ids)).tolist()
    else:
        every = np.abs(before.log_normalizer - before.values - before.entropy)
        assert bars.values == pytest.approx(np.sort(every)[: len(bars.ids)].tolist(), abs=1e-9 * size)
    if stage.name == "xtc":
        assert bars.coin is not None
        return
    assert bars.coin is None
    if bars.line is None:
        assert stage.name == "top_k"
        return
    slack = 1e-9 * max(1.0, abs(bars.line), *(abs(v) for v in bars.values))
    for value, kept in zip(bars.values, bars.kept, strict=True):
        beyond = value < bars.line - slack if falling else value > bars.line + slack
        at_top = value == pytest.approx(bars.values[0], abs=slack)
        assert not (kept and beyond and not at_top), "only the top may stay beyond the line"
        within = value > bars.line + slack if falling else value < bars.line - slack
        assert kept or not within, "nothing on its good side is cut"


def check_curve(curve: Curve, step: TracedStage) -> None:
    assert len(curve.x) == len(curve.y) > 0
    assert all(a < b for a, b in pairwise(curve.x))
    assert np.isfinite(curve.x).all()
    assert np.isfinite(curve.y).all()
    points = list(zip(curve.x, curve.y, strict=True))
    if curve.mark is not None:
        assert curve.mark in points, "the mark lies on the curve"
    if not curve.rank:
        return
    assert all(a <= b + 1e-12 for a, b in pairwise(curve.y)), "a running sum"
    assert len(points) <= 512
    assert curve.level is not None
    if step.after.count == step.before.count and step.stage.name == "tail_free":
        assert curve.mark is None
        return
    assert curve.mark is not None
    rank, height = curve.mark
    assert rank == step.after.count
    if step.stage.name == "top_p":
        assert (curve.x[-1], curve.y[-1]) == (step.before.count, 1.0)
        assert height >= curve.level - 1e-9
        lower = [y for x, y in points if x < rank]
        assert not lower or lower[-1] < curve.level + 1e-9, "it is the first to reach the level"
    else:
        assert rank == 1 or height <= curve.level + 1e-9
        higher = [y for x, y in points if x == rank + 1]
        assert not higher or higher[0] > curve.level - 1e-9 or step.stage.name == "top_h"


def check_arrows(arrows: Arrows, step: TracedStage) -> None:
    ids = np.array([row.id for row in arrows.rows])
    assert [row.before for row in arrows.rows] == step.before.values_at(ids).tolist()
    assert [row.after for row in arrows.rows] == step.after.values_at(ids).tolist()
    moved = step.after.values_at(step.before.ids) != step.before.values
    assert len(ids) + arrows.more == np.count_nonzero(moved)
    assert 1 <= len(ids) <= 12
    likeliest = sorted(step.before.ids[moved].tolist(), key=lambda i: (-step.before.value_of(i), i))
    assert ids.tolist() == likeliest[: len(ids)]
    assert all(row.words for row in arrows.rows)
    assert arrows.zero == (step.stage.name == "repetition_penalty")


def check_shift(shift: Shift, step: TracedStage) -> None:
    ids = np.array(shift.ids)
    assert ids.tolist() == step.before.top(12).tolist()
    for shown, scores in ((shift.before, step.before), (shift.after, step.after)):
        p = dict(zip(scores.ids.tolist(), scores.probabilities.tolist(), strict=True))
        assert shown == pytest.approx([p.get(i, 0.0) for i in shift.ids])


@given(
    st.one_of(logit_lists, st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=30, max_size=40)),
    st.lists(a_stage(), min_size=1, max_size=5),
    st.lists(st.integers(0, 39), max_size=12),
    st.floats(0, 0.999),
)
def test_pictures_agree_with_the_trace(
    values: list[float], stages: list[Stage], history: list[int], coin: float
) -> None:
    at = context(history, len(history) // 2, coin=coin)
    try:
        trace = Chain(tuple(stages)).run(Scores.of(np.array(values)), at)
    except NoTokenAllowed:
        return
    copies = [(s.before.values.copy(), s.after.values.copy()) for s in trace.stages]
    for step, report in zip(trace.stages, trace.reports(pictures=True), strict=True):
        for picture in report.pictures:
            assert not step.resting
            if isinstance(picture, Bars):
                check_bars(picture, step)
            elif isinstance(picture, Curve):
                check_curve(picture, step)
            elif isinstance(picture, Arrows):
                check_arrows(picture, step)
            elif isinstance(picture, Shift):
                check_shift(picture, step)
            else:
                assert picture.values[-1] == step.note.limit
        left = step.after.values_at(step.before.ids)
        if not np.array_equal(left, step.before.values) and step.stage.role in ("history", "ban", "shape", "cut"):
            assert report.pictures, "what did something draws something"
    for step, (entered, came_out) in zip(trace.stages, copies, strict=True):
        assert np.array_equal(step.before.values, entered)
        assert np.array_equal(step.after.values, came_out)
    assert all(not report.pictures for report in trace.reports())


# -- rules in hand-made distributions


def test_top_p_draws_the_crossing() -> None:
    curve = only(Curve, TopP(0.6), of(0.5, 0.3, 0.15, 0.05))
    assert curve.x == (1, 2, 3, 4)
    assert curve.y == pytest.approx((0.5, 0.8, 0.95, 1.0))
    assert (curve.level, curve.rank) == (0.6, True)
    assert curve.mark == pytest.approx((2.0, 0.8))
    assert curve.words == "80.0% in 2 tokens"
    assert run(TopP(1.0), of(0.5, 0.5))[1] == (), "off"


def test_a_far_crossing_is_a_point_of_its_own() -> None:
    curve = only(Curve, TopP(0.75), Scores.of(np.zeros(20_000)))
    assert curve.mark == pytest.approx((15_000.0, 0.75))
    assert curve.x[-2:] == (15_000.0, 20_000.0)
    assert len(curve.x) < 300
    curve = only(Curve, TailFree(0.5), Scores.of(-np.log(np.arange(1.0, 20_001.0))))
    assert curve.x[-1] == 19_998, "the last two have no bend"
    assert curve.y[-1] == 1.0


def test_tail_free_sums_the_bends() -> None:
    p = np.array([0.5, 0.25, 0.15, 0.06, 0.04])
    curve = only(Curve, TailFree(0.7), of(*p.tolist()))
    bends = np.abs(np.diff(p, 2))
    assert curve.y == pytest.approx(np.cumsum(bends / bends.sum()))
    assert curve.level == 0.7
    assert curve.mark is not None
    assert curve.mark[1] <= 0.7 < curve.y[int(curve.mark[0])]
    straight = only(Curve, TailFree(0.5), Scores.of(np.zeros(12)))
    assert straight.y == pytest.approx(np.arange(1, 11) / 10), "where nothing bends every token counts the same"


def test_top_h_stops_below_its_level() -> None:
    stage = TopH(0.4)
    scores = of(0.4, 0.2, 0.2, 0.1, 0.1)
    curve = only(Curve, stage, scores)
    terms = [-p * math.log(p) for p in (0.4, 0.2, 0.2, 0.1, 0.1)]
    assert curve.y == pytest.approx(np.cumsum(terms))
    assert curve.level == pytest.approx(0.4 * sum(terms))
    assert curve.mark == pytest.approx((1.0, terms[0]))
    assert only(Curve, TopH(0.1), scores).words == "the most likely always stays"


def test_lines_stand_where_the_rule_has_them() -> None:
    bars = only(Bars, MinP(0.5), of(0.6, 0.3, 0.1))
    assert bars.line == pytest.approx(0.3)
    assert bars.words == "p ≥ 0.5 × 0.6 = 0.3"
    assert bars.kept == (True, True, False)
    scores = Scores.of(np.array([10.0, 9.0, 8.0, 0.0, 0.0, 0.0, 0.0]))
    bars = only(Bars, TopNSigma(1.0), scores)
    assert bars.line == pytest.approx(10 - float(np.std(scores.values)))
    bars = only(Bars, Typical(0.3), of(0.4, *[0.06] * 10))
    assert bars.ids == (*range(1, 11), 0), "by distance from the entropy, not by probability"
    assert bars.kept == (*[True] * 10, False)
    bars = only(Bars, Mirostat(1.0), of(0.5, 0.25, 0.125, 0.125))
    assert bars.values == pytest.approx((1, 2, 3, 3))
    assert (bars.line, bars.kept) == (2.0, (True, True, False, False))
    assert only(Bars, Epsilon(0.5), of(0.4, 0.3, 0.3)).kept == (True, False, False), "the top stays below the line"


@pytest.mark.parametrize(("left", "shown"), [(1, 12), (9, 12), (18, 24), (30, 40), (40, 48), (47, 48), (500, 48)])
def test_bars_reach_beyond_the_last_kept(left: int, shown: int) -> None:
    bars = only(Bars, TopK(left), Scores.of(np.linspace(5, -5, 1000)))
    assert len(bars.ids) == shown
    assert (bars.total, bars.left, bars.line) == (1000, left, None)
    assert sum(bars.kept) == min(left, shown)


def test_ties_at_the_k_th_are_told() -> None:
    assert only(Bars, TopK(2), Scores.of(np.array([3.0, 2, 2, 1]))).words == "the 2 most likely, 3 with ties"


def test_xtc_draws_the_struck_and_the_coin() -> None:
    scores = of(0.4, 0.3, 0.2, 0.1)
    acted = only(Bars, Xtc(0.5, 0.15, ()), scores, context(coin=0.25))
    assert acted.kept == (False, False, True, True)
    assert acted.coin == (0.25, 0.5)
    assert acted.line == 0.15
    assert acted.words == "p ≥ 0.15"
    rested = only(Bars, Xtc(0.5, 0.15, ()), scores, context(coin=0.75))
    assert rested.kept == (True, True, True, True)
    assert rested.coin == (0.75, 0.5)
    assert rested.words == "p ≥ 0.15", "the coin alone says that it does nothing"


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Xtc(0.5, 0.15, ("#0",)), "does nothing: a protected token is among the struck (p ≥ 0.15)"),
        (Xtc(0.5, 0.35, ()), "does nothing: only 1 token has p ≥ 0.35"),
        (Xtc(0.5, 0.45, ()), "does nothing: no token has p ≥ 0.45"),
    ],
)
def test_xtc_says_why_it_does_nothing_though_its_coin_would_have_it_act(stage: Xtc, words: str) -> None:
    scores = of(0.4, 0.3, 0.2, 0.1)
    step, (bars,) = run(stage, scores, context(coin=0.25))
    assert isinstance(bars, Bars)
    assert bars.coin is not None
    assert bars.coin[0] < bars.coin[1]
    assert (bars.left, bars.words) == (bars.total, words)
    reason = words.removeprefix("does nothing: ").removesuffix(" (p ≥ 0.15)")
    assert step.note.threshold == f"coin 0.250 < 0.5, but {reason}: does nothing"
    assert step.note.fact("acts") == 0.0
    assert "does nothing" not in only(Bars, stage, scores, context(coin=0.75)).words


def test_top_k_shows_what_it_cuts_at_its_usual_value() -> None:
    bars = only(Bars, TopK(STAGES["top_k"].parameters[0].default), Scores.of(np.linspace(5, -5, 1000)))
    assert bars.kept == (*[True] * 40, *[False] * 8)
    assert only(Bars, TopK(1), Scores.of(np.linspace(5, -5, 30))).words == "the most likely"


def test_arrows_carry_the_reason() -> None:
    at = context([0, 1, 1, 2], 1)
    scores = Scores.of(np.array([3.0, -2.0, 1.0, 0.5]))
    arrows = only(Arrows, RepetitionPenalty(2.0), scores, at)
    assert [(r.id, r.before, r.after, r.words) for r in arrows.rows] == [
        (0, 3.0, 1.5, "÷ 2"),
        (2, 1.0, 0.5, "÷ 2"),
        (1, -2.0, -4.0, "× 2"),
    ]
    arrows = only(Arrows, PresenceFrequency(0.5, 0.25), scores, at)
    assert [(r.id, r.after, r.words) for r in arrows.rows] == [(2, 0.25, "seen"), (1, -3.0, "seen 2×")]
    arrows = only(Arrows, Bias(("#0=-1.5", "#3=ban")), scores, at)
    assert [(r.id, r.after, r.words) for r in arrows.rows] == [(0, 1.5, "−1.5"), (3, -math.inf, "ban")]
    assert only(Arrows, Bans(("#2",)), scores, at).rows[0].after == -math.inf
    assert only(Arrows, NoRepeatNgram(2), scores, context([2, 3, 2])).rows[0].words == "would repeat 2 tokens"
    dry = Dry(1.0, 2.0, 2, dry_sequence_breakers=())
    assert only(Arrows, dry, Scores.of(np.zeros(9)), context([2, 3, 4, 5, 2, 3, 4])).rows[0].words == (
        "would continue 3 tokens"
    )
    many = only(Arrows, RepetitionPenalty(1.2), Scores.of(np.linspace(1, 5, 40)), context(list(range(30))))
    assert (len(many.rows), many.more) == (12, 18)
    assert run(RepetitionPenalty(1.2), scores, context([]))[1] == ()


def test_shapes_draw_their_rule() -> None:
    scores = Scores.of(np.array([4.0, 3.0, 1.0, -6.0]))
    stage = DynamicTemperature(0.5, 1.0, 2.0)
    curve = only(Curve, stage, scores)
    step, _ = run(stage, scores)
    assert curve.mark == (step.note.fact("share"), step.note.limit)
    assert (curve.y[0], curve.y[-1]) == (0.5, 1.5)
    assert curve.y[curve.x.index(0.5)] == pytest.approx(0.5 + 0.25)
    for bend in (1.0, 2.0, 3.0):
        smooth = Smoothing(0.3, bend)
        curve = only(Curve, smooth, scores)
        assert curve.x[-1] == curve.y[-1] == 0.0
        assert curve.mark == pytest.approx((smooth.still, smooth.still))
        assert smooth.bent(np.array([smooth.still]))[0] == pytest.approx(smooth.still)
        after = smooth.apply(scores, context())[0].values
        assert smooth.bent(np.array([-3.0]))[0] == pytest.approx(after[2] - 4.0)
        assert all(y > x for x, y in zip(curve.x, curve.y, strict=True) if smooth.still + 1e-9 < x < 0)
        assert all(y < x for x, y in zip(curve.x, curve.y, strict=True) if x < smooth.still - 1e-9)
    flat = only(Curve, Smoothing(0.001), scores)
    assert flat.mark is None, "where nothing would fall within sight"
    assert flat.words == "all come closer"
    assert only(Shift, Temperature(0.0), scores).after == (1.0, 0.0, 0.0, 0.0)


def test_tracks_go_back_to_what_was_known() -> None:
    past: dict[str, Sequence[tuple[float, ...]]] = {
        "mirostat": [(10.0,), (), (9.5,)],
        "adaptive_p": [(0.5 * n, float(n)) for n in range(1, 101)],
    }

    def at(name: str, now: tuple[float, ...]) -> Context:
        return Context([], 0, vocabulary=Vocabulary(), state={name: now}, past=lambda stage: past[stage])

    scores = of(0.6, 0.3, 0.1)
    track = only(Track, Mirostat(5.0), scores, at("mirostat", (9.0,)))
    assert track.values == (10.0, 9.5, 9.0), "a place without a state is left out"
    assert track.target is None, "τ is not where μ goes"
    assert only(Track, Mirostat(5.0), scores).values == (10.0,), "the first place has no past: 2τ"
    stage = AdaptiveP(0.4)
    track = only(Track, stage, scores, at("adaptive_p", (30.0, 100.0)))
    assert len(track.values) == 64
    assert track.values == pytest.approx((*[0.8 - 0.5] * 63, 0.5))
    assert (track.target, track.target_label) == (0.4, "target")
    curve = only(Curve, stage, scores, at("adaptive_p", (30.0, 100.0)))
    assert curve.mark == pytest.approx((0.5, 1.0))
    assert max(curve.y) == 1.0
    delta = abs(1.0 - 0.5) / 0.3
    assert curve.y[-1] == pytest.approx(math.exp(-10 * delta**2 / (1 + delta)))


def test_labels_are_data() -> None:
    class Hostile(Vocabulary):
        def label(self, token_id: int) -> str:
            return HOSTILE

    at = Context([0, 1, 0], 0, vocabulary=Hostile())
    for stage in (TopK(1), RepetitionPenalty(1.3), Temperature(0.5)):
        picture = run(stage, of(0.5, 0.3, 0.2), at)[1][0]
        labels = [r.label for r in picture.rows] if isinstance(picture, Arrows) else picture.labels  # type: ignore[union-attr]
        assert set(labels) == {HOSTILE}


# -- stretches of the text


def spans(stage: Stage, text: list[int], **options: Any) -> tuple[Span, ...]:
    trace = Chain((stage,)).run(Scores.of(np.zeros(40)), context(text, 0, **options))
    return trace.reports()[0].spans


def test_dry_underlines_what_would_be_repeated() -> None:
    dry = Dry(1.0, 2.0, 2, dry_sequence_breakers=("\n",))
    #        0  1  2  3  4  5  6  7  8  9  10
    text = [2, 3, 4, 5, 9, 2, 3, 4, 6, 3, 4]
    assert spans(dry, text) == (Span(9, 11, True), Span(1, 3, False), Span(6, 8, False))
    assert spans(dry, [2, 3, 4, 5, 9, 2, 3, 9]) == (), "one token is matched, and two are asked for"
    assert spans(dry, [2, 3, 4, 5, 2, 3, 4]) == (Span(4, 7, True), Span(0, 3, False)), "the longest match alone"
    assert spans(dry, [2, 3, 4, 1, 2, 3, 4]) == (), "a line break follows: nothing is penalised"
    late = Dry(1.0, 2.0, 2, 5, dry_sequence_breakers=())
    assert spans(late, [8, 8, 3, 4, 7, 3, 4]) == (Span(5, 7, True), Span(2, 4, False)), "places in the whole text"
    assert spans(Dry(1.0, 2.0, 1, dry_sequence_breakers=()), [7, 7, 7]) == (Span(1, 3, True), Span(0, 2, False))


@given(st.lists(st.integers(0, 4), max_size=24), st.integers(1, 3), st.integers(0, 15))
def test_dry_spans_are_all_longest_matches(text: list[int], allowed: int, window: int) -> None:
    stage = Dry(1.0, 1.5, allowed, window, dry_sequence_breakers=("\n",))
    step = Chain((stage,)).run(Scores.of(np.zeros(40)), context(text)).stages[0]
    found = spans_of(step, context(text))
    if not step.note.detail:
        assert found == ()
        return
    longest = max(step.note.detail.values())
    first = len(text) - window if window and window < len(text) else 0
    end = text[len(text) - longest :]
    wanted = [
        Span(start, start + longest, False)
        for start in range(first, len(text) - longest)
        if text[start : start + longest] == end and text[start + longest] != 1  # 1 is the line break
    ]
    assert found == (Span(len(text) - longest, len(text), True), *wanted)
    assert wanted


def test_the_n_gram_underlines_its_beginning() -> None:
    assert spans(NoRepeatNgram(3), [2, 3, 4, 2, 3, 5, 2, 3]) == (Span(6, 8, True), Span(0, 2, False), Span(3, 5, False))
    assert spans(NoRepeatNgram(3), [2, 3, 4, 5]) == ()
    assert spans(NoRepeatNgram(1), [2, 3, 2]) == (), "there is no beginning"
    assert spans(NoRepeatNgram(3), [2]) == ()
    often = spans(NoRepeatNgram(2), [x for n in range(100) for x in (0, 1 + n % 39)] + [0])
    assert len(often) == 1 + PASSAGES
    assert often[-1] == Span(198, 199, False), "the latest passages are told of"


def test_what_rests_draws_and_underlines_nothing() -> None:
    dry = Dry(1.0, 2.0, 2, dry_sequence_breakers=())
    trace: Trace = Chain((Mirostat(3.0), dry)).run(Scores.of(np.zeros(9)), context([2, 3, 4, 2, 3]))
    assert trace.stages[1].resting
    assert trace.reports(pictures=True)[1].pictures == trace.reports()[1].spans == ()
    assert pictures_of(trace.stages[0], trace.context)
