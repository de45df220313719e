"""Stages against transformers' own classes, textbook cases, and properties that hold for every stage."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ntp_studio.core.decoding import STAGES, Chain, Context, Scores, settings_from_names
from ntp_studio.core.decoding.draw import RandomStream, StreamPlace, race
from ntp_studio.core.decoding.stages import MinP, RepetitionPenalty, Stage, Temperature, TopK, TopP
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting

NOTHING = Context([], 0)


def of(*probabilities: float) -> Scores:
    with np.errstate(divide="ignore"):
        return Scores.of(np.log(probabilities))


def survivors(stage: Stage, scores: Scores, context: Context = NOTHING) -> list[int]:
    return sorted(stage.apply(scores, context)[0].ids.tolist())


def random_logits(rng: np.random.Generator, masked: bool) -> np.ndarray:
    logits = (rng.standard_normal(rng.choice([5, 30, 500, 5000])) * rng.uniform(0.5, 6)).astype(np.float32)
    if masked:
        logits[rng.random(logits.size) < 0.25] = -np.inf
    if not np.isfinite(logits).any():
        logits[0] = 0.0
    return logits


PAIRS = {
    "temperature": lambda r: (lambda t: (Temperature(t), TemperatureLogitsWarper(t)))(float(r.uniform(0.05, 3))),
    "top_k": lambda r: (lambda k: (TopK(k), TopKLogitsWarper(k)))(int(r.integers(1, 60))),
    "top_p": lambda r: (lambda p: (TopP(p), TopPLogitsWarper(p)))(float(r.uniform(0.02, 0.999))),
    "min_p": lambda r: (lambda p: (MinP(p), MinPLogitsWarper(p)))(float(r.uniform(0.001, 0.9))),
    "repetition_penalty": lambda r: (lambda p: (RepetitionPenalty(p), RepetitionPenaltyLogitsProcessor(p)))(
        float(r.uniform(0.5, 1.8))
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_stage_agrees_with_transformers_class(name: str) -> None:
    rng = np.random.default_rng(7)
    for n in range(400):
        logits = random_logits(rng, masked=n % 3 == 0)
        ours, theirs = PAIRS[name](rng)
        ids = rng.integers(0, logits.size, 12)
        got = ours.apply(Scores.of(logits), Context(ids.tolist(), 3))[0].logits
        with np.errstate(over="ignore"):
            wanted = theirs(torch.tensor(ids)[None], torch.tensor(logits)[None])[0].double().numpy()
        assert np.array_equal(np.isfinite(got), np.isfinite(wanted)), (name, n, ours)
        left = np.isfinite(wanted)
        np.testing.assert_allclose(got[left], wanted[left], rtol=2e-5, atol=2e-5)


def test_textbook_nucleus_includes_the_crossing_token() -> None:
    book = of(0.5, 0.3, 0.15, 0.05)
    assert survivors(TopP(0.5), book) == [0]
    assert survivors(TopP(0.50001), book) == [0, 1]
    assert survivors(TopP(0.8), book) == [0, 1]
    assert survivors(TopP(0.0), book) == [0]
    assert survivors(TopP(1.0), book) == [0, 1, 2, 3]
    assert survivors(TopP(0.3), of(0.25, 0.25, 0.25, 0.25)) == [0, 1]


def test_top_k_keeps_ties_and_never_revives() -> None:
    assert survivors(TopK(2), Scores.of(np.array([3.0, 2, 2, 1]))) == [0, 1, 2]
    assert survivors(TopK(5), Scores.of(np.array([3.0, -np.inf, 2]))) == [0, 2]


def test_min_p_keeps_what_stands_on_the_line() -> None:
    assert survivors(MinP(0.1), of(0.5, 0.45, 0.05)) == [0, 1, 2]
    assert survivors(MinP(1.0), of(0.4, 0.4, 0.2)) == [0, 1]


def test_temperature_edges() -> None:
    assert survivors(Temperature(0.0), Scores.of(np.array([1.0, 2, 2]))) == [1], "lowest id on a tie"
    tiny = Temperature(1e-300).apply(Scores.of(np.array([800.0, -700, 799])), NOTHING)[0]
    assert np.isfinite(tiny.probabilities).all()
    assert tiny.probabilities.max() == 1.0


def test_repetition_penalty_uses_the_sign_rule_once_per_token() -> None:
    after = RepetitionPenalty(2.0).apply(Scores.of(np.array([2.0, -2, 1, 0])), Context([0, 0, 1, 3], 4))[0]
    assert after.logits.tolist() == [1.0, -4.0, 1.0, 0.0]


def test_order_of_stages_is_the_order_given() -> None:
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    nucleus = StageSetting("top_p", (("top_p", 0.65),))
    heat = StageSetting("temperature", (("temperature", 2.0),))
    cut_first = DecodingSettings((nucleus, heat))
    heat_first = DecodingSettings(cut_first.stages[::-1])
    assert Chain.of(cut_first).run(Scores.of(logits), NOTHING).result.count == 2
    assert Chain.of(heat_first).run(Scores.of(logits), NOTHING).result.count == 3


def test_reasons_name_the_numbers() -> None:
    chain = Chain.of(settings_from_names({"top_k": 3, "min_p": 0.5}))
    trace = chain.run(of(0.5, 0.3, 0.15, 0.05), NOTHING)
    assert trace.cut(0) == ("", "")
    assert trace.cut(3) == (
        "top_k",
        f"logit −{-np.log(0.05):.2f} < −{-np.log(0.15):.2f}, the lowest of the 3 most likely",
    )
    name, reason = trace.cut(2)
    assert name == "min_p"
    assert reason == f"{0.15 / 0.95:.4g} < 0.5 × {0.5 / 0.95:.4g}"
    top_k, min_p = trace.reports()
    assert (top_k.kept, top_k.removed) == (3, 1)
    assert top_k.mass == pytest.approx(0.95)
    assert min_p.mass == pytest.approx(0.8 / 0.95)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperature": -1.0}, "at least 0"),
        ({"temperature": float("nan")}, "must be a number"),
        ({"top_k": 2.5}, "whole number"),
        ({"top_k": -1}, "at least 0"),
        ({"top_p": 1.5}, "at most 1"),
        ({"min_p": -0.1}, "at least 0"),
        ({"repetition_penalty": 0.0}, "at least"),
        ({"temprature": 1.0}, "no setting called temprature"),
    ],
)
def test_a_bad_number_is_refused_in_words(values: dict[str, float], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        settings_from_names(values)


def test_off_values_leave_the_chain_empty() -> None:
    off = {p.name: p.off for kind in STAGES.values() for p in kind.parameters if p.off is not None}
    assert len(off) == 19
    assert Chain.of(settings_from_names(off)).stages == ()
    assert settings_from_names({}).stages == ()


def a_stage() -> st.SearchStrategy[Stage]:
    share = st.floats(0, 1)
    return st.one_of(
        st.builds(Temperature, st.floats(0, 5)),
        st.builds(TopK, st.integers(0, 50)),
        st.builds(TopP, share),
        st.builds(MinP, share),
        st.builds(RepetitionPenalty, st.floats(0.1, 3)),
    )


logit_lists = st.lists(
    st.one_of(st.floats(-30, 30, width=32), st.sampled_from([0.0, 1.0, -np.inf, 1e4, -1e30])), min_size=1, max_size=40
).filter(lambda values: any(np.isfinite(values)))


@given(logit_lists, st.lists(a_stage(), max_size=4), st.lists(st.integers(0, 39), max_size=6))
def test_properties_of_any_chain(values: list[float], stages: list[Stage], history: list[int]) -> None:
    logits = np.array(values)
    before = logits.copy()
    trace = Chain(tuple(stages)).run(Scores.of(logits), Context(history, 0))
    result = trace.result
    assert np.array_equal(logits, before), "the input is untouched"
    assert result.count >= 1, "a token is always left"
    assert result.probabilities.sum() == pytest.approx(1.0)
    assert set(result.ids.tolist()) <= set(np.flatnonzero(np.isfinite(before)).tolist()), "nothing comes back"
    for step in trace.stages:
        kept = np.isin(step.before.top(step.before.count), step.after.ids)
        if not isinstance(step.stage, RepetitionPenalty):
            assert np.array_equal(step.before.top(step.before.count)[kept], step.after.top(step.after.count))
        assert 0 <= step.report().mass <= 1


@given(logit_lists, st.integers(1, 45))
def test_ranking_is_by_logit_then_id(values: list[float], n: int) -> None:
    scores = Scores.of(np.array(values))
    wanted = sorted(scores.ids.tolist(), key=lambda i: (-values[i], i))
    assert scores.top(n).tolist() == wanted[:n]
    assert scores.top(scores.count).tolist() == wanted
    assert Scores.of(np.array(values)).top(scores.count).tolist() == wanted
    assert scores.best == wanted[0]


@given(st.integers(0, 2**32), st.integers(1, 300), st.floats(0.05, 0.95))
def test_a_cut_ranks_as_a_sort_of_what_it_left(seed: int, n: int, share: float) -> None:
    """What a large rest takes over from the ranking before the cut is what sorting it would give."""
    rng = np.random.default_rng(seed)
    scores = Scores.of(np.round(rng.standard_normal(8000), 1))  # with many ties
    for mask in (scores.values >= np.quantile(scores.values, 1 - share), rng.random(8000) < share):
        left = scores.where(mask)
        wanted = sorted(left.ids.tolist(), key=lambda i: (-left.value_of(i), i))[:n]
        assert left.top(n).tolist() == wanted
        heated = left.with_values(left.values / 2, same_order=True)
        assert heated.where(heated.values > heated.values.min()).top(n).tolist() == wanted[: heated.count]


def test_equals_rank_by_id_also_after_a_cut_and_a_change() -> None:
    left = Scores.of(np.array([1.0, 3.0, 2.0, 0.0])).first(3)
    assert left.ids.tolist() == [1, 2, 0]
    level = left.changed(left.places(np.array([0, 1, 2])), np.full(3, 5.0))
    assert level.top(3).tolist() == [0, 1, 2]
    assert level.best == 0
    banned = left.changed(left.places(np.array([1])), np.array([-np.inf]))
    assert sorted(zip(banned.ids.tolist(), banned.values.tolist(), strict=True)) == [(0, 1.0), (2, 2.0)]


def test_sums_do_not_depend_on_what_was_asked_for_first() -> None:
    values = np.random.default_rng(1).standard_normal(40_000) * 3
    one, other = Scores.of(values), Scores.of(values)
    assert other.weights.size == 40_000
    assert (one.total, one.entropy, one.log_normalizer) == (other.total, other.entropy, other.log_normalizer)
    p = np.exp(values - one.log_normalizer)
    assert one.total == pytest.approx(np.exp(values - values.max()).sum(), rel=1e-13)
    assert one.entropy == pytest.approx(-(p * np.log(p)).sum(), rel=1e-12)
    assert one.probabilities_at(np.array([5, 39_999])) == pytest.approx(p[[5, 39_999]])


FAULTS = """
import resource
import numpy as np
from ntp_studio.core.decoding import Chain, Context, Scores, settings_from_names

logits = np.random.default_rng(0).standard_normal(151_936) * 3
chain = Chain.of(settings_from_names({"repetition_penalty": 1.1, "temperature": 1.5, "top_p": 0.9999, "min_p": 1e-9}))
counted = []
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    chain.run(Scores.of(logits), Context([1, 2, 3], 1)).reports()
    counted.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(counted)[4])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators decide for themselves")
def test_a_step_does_not_fetch_its_memory_anew() -> None:
    """One array of such a vocabulary is 297 pages; in a process of its own, since what ran before matters."""
    told = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 150


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, -np.inf]])
def test_unusable_logits_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        Scores.of(np.array(bad))


def test_race_is_torch_multinomial() -> None:
    rng = np.random.default_rng(3)
    for seed in range(40):
        logits = (rng.standard_normal(rng.choice([5, 300, 20000])) * 3).astype(np.float32)
        stream, place = RandomStream(logits.size), StreamPlace(seed)
        theirs = torch.Generator().manual_seed(seed)
        p = torch.softmax(torch.tensor(logits), 0)
        for _ in range(3):
            winner = race(Scores.of(logits), stream.noise(place))[0]
            place = place.following
            assert winner == int(torch.multinomial(p, 1, generator=theirs))


def test_noise_of_a_place_does_not_depend_on_looking() -> None:
    stream = RandomStream(100, keep=2)
    places = [StreamPlace(5, n) for n in range(6)]
    noises = [stream.noise(p) for p in places]
    for seed in range(9):
        stream.noise(StreamPlace(seed))
    for n in (3, 0, 5, 1):
        assert np.array_equal(stream.noise(places[n]), noises[n])
    assert np.array_equal(RandomStream(100).noise(places[4]), noises[4]), "also when none before was ever asked for"
    with pytest.raises(SettingError, match="seed"):
        StreamPlace(-1)
