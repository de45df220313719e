"""The largest and smallest numbers that a stage takes: no arithmetic on them ends in infinity or a warning."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from ntp_studio.core.decoding import STAGES, Chain, Context, Parameter, Scores
from ntp_studio.core.decoding.build import MAX_STAGES, MAX_TEXTS, build_stage, check_size
from ntp_studio.core.decoding.draw import dart, race
from ntp_studio.core.decoding.stages.words import MOST_BIAS, biased
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting

LOGITS = np.random.default_rng(3).normal(0, 6, 60).astype(np.float32)
TEXT = [3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4]
NOISE = np.random.default_rng(4).exponential(1, 60).astype(np.float32)
ENDS: dict[str, Callable[[Parameter], float]] = {
    "highest": lambda p: p.hard_maximum,
    "lowest": lambda p: p.minimum,
    "next to off": lambda p: p.minimum if p.integer else math.nextafter(p.minimum, math.inf),
}
NUMBERS = [name for name, kind in STAGES.items() if kind.parameters]


def at(name: str, end: str) -> StageSetting:
    return StageSetting(name, tuple((p.name, float(ENDS[end](p))) for p in STAGES[name].parameters))


def context() -> Context:
    return Context(list(TEXT), 2, coin=lambda name: 0.0)


def run(*stages: StageSetting) -> None:
    trace = Chain.of(DecodingSettings(stages)).run(Scores.of(LOGITS), context())
    assert np.isfinite(trace.result.values).all()
    assert math.isfinite(trace.result.entropy)
    trace.reports(pictures=True)
    winner, _ = race(trace.result, NOISE)
    assert winner in trace.result.ids
    assert dart(trace.result, 0.5) in trace.result.ids
    for state in trace.following(winner).values():
        assert all(map(math.isfinite, state))


@pytest.mark.parametrize(("name", "end"), list(product(NUMBERS, ENDS)))
def test_a_stage_at_the_end_of_its_range(name: str, end: str) -> None:
    run(at(name, end))


@pytest.mark.parametrize(("before", "after"), list(product(ENDS, ENDS)))
def test_all_stages_at_the_ends_of_their_ranges(before: str, after: str) -> None:
    kept = [name for name in NUMBERS if name not in ("no_repeat_ngram_size", "mirostat")]  # one bans, one rests others
    run(*(at(name, before) for name in kept), *(at(name, after) for name in kept))


@pytest.mark.parametrize("name", NUMBERS)
def test_nothing_above_the_highest_is_taken(name: str) -> None:
    for parameter in STAGES[name].parameters:
        assert math.isfinite(parameter.hard_maximum)
        values = dict(at(name, "highest").values) | {parameter.name: 1e308}
        with pytest.raises(ValueError, match="at most"):
            STAGES[name](**values)


def test_biases_add_up_to_no_infinity() -> None:
    run(StageSetting("bias", texts=(("sequence_bias", (f"#1={MOST_BIAS}", f"#4,1={MOST_BIAS}", f"#2=-{MOST_BIAS}")),)))
    for amount in ("1e308", "-1e308", "1.1e9"):
        with pytest.raises(ValueError, match="at most"):
            biased(f"a={amount}")
    assert biased("a=ban") == biased("a=-inf") == ("a", -math.inf)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (StageSetting("bans", (("bad_words", 1.0),)), "a number for a text: bad_words"),
        (StageSetting("top_k", texts=(("top_k", ("5",)),)), "a text where a number should be"),
        (StageSetting("bans", texts=(("bad_words", ("a\ud800" * 99,)),)), "no character"),
        (StageSetting("bans", texts=(("words", ("a",)),)), "no parameter words"),
    ],
)
def test_values_of_the_wrong_kind_are_refused_in_words(setting: StageSetting, words: str) -> None:
    with pytest.raises(SettingError, match=words) as refusal:
        build_stage(setting)
    assert len(str(refusal.value)) < 300


def test_a_chain_for_a_file_has_its_bounds() -> None:
    stage = StageSetting("bans", texts=(("bad_words", ("a",) * MAX_TEXTS),))
    check_size(DecodingSettings((stage,) * MAX_STAGES))
    with pytest.raises(SettingError, match="64 stages"):
        check_size(DecodingSettings((stage,) * (MAX_STAGES + 1)))
    with pytest.raises(SettingError, match="1,000 entries"):
        check_size(DecodingSettings((StageSetting("bans", texts=(("bad_words", ("a",) * (MAX_TEXTS + 1)),)),)))
