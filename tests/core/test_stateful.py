"""Stages that remember and stages that throw coins, in a session: back, branch and what-if must not disturb them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.lexicon import Lexicon
from ntp_studio.core.session import Session
from ntp_studio.core.tokens import CharacterTokens
from ntp_studio.core.types import DecodingSettings, NoTokenAllowed, StageReport, StepFrame
from tests.core import tiny

PROMPT = "The cat sat on"
STEERED: list[dict[str, Any]] = [
    {"mirostat_tau": 3.0, "mirostat_eta": 0.3, "temperature": 1.5},
    {"adaptive_target": 0.4, "adaptive_decay": 0.8, "min_p": 0.02},
    {"xtc_probability": 0.5, "xtc_threshold": 0.05, "xtc_protect": []},
    {"dry_multiplier": 0.8, "dry_allowed_length": 1, "xtc_probability": 0.7, "xtc_threshold": 0.02, "mirostat_tau": 4},
]
NEVER_ENDS = frozenset[int]()


def start(values: Mapping[str, Any], seed: int = 5, **options: Any) -> Session:
    lm = tiny.model("llama")
    lm.eos_ids = NEVER_ENDS
    return lm.start(PROMPT, seed=seed, decoding=settings_from_names(values, **options))


def report(frame: StepFrame, name: str) -> StageReport:
    return next(r for r in frame.stages if r.name == name)


@pytest.mark.parametrize("values", STEERED, ids=str)
def test_same_seed_same_text_with_back_branch_and_wiggling_between(values: Mapping[str, Any]) -> None:
    plain = start(values)
    frames = [plain.step() for _ in range(14)]
    wanted = plain.token_ids
    other = start(values)
    mix = other.decoding
    for n in range(14):
        other.frame()
        other.set_decoding(DecodingSettings(method="greedy"))
        other.frame()
        other.set_decoding(settings_from_names({"mirostat_tau": 1.0, "mirostat_eta": 1.0}))
        other.frame()
        other.set_decoding(mix)
        if n > 3:
            way = other.tree.here.id
            other.back()
            other.back()
            other.force(17 + n)  # a branch, which is left again
            other.step()
            other.go_to(way)
        for ours, theirs in zip(other.frame().stages, frames[n].stages, strict=True):
            assert (ours.name, ours.kept, ours.resting) == (theirs.name, theirs.kept, theirs.resting)
            assert ours.limit == pytest.approx(theirs.limit, abs=1e-4)
        other.step()
    assert other.token_ids == wanted
    for frame in frames:
        plain.go_to(frame.node)
        again = plain.frame()
        assert again.choice == frame.choice
        assert again.stages == frame.stages, "a past place shows what the stages knew there"
    other.restart()
    for _ in range(14):
        other.step()
    assert other.token_ids == wanted


def test_mirostat_steers_by_what_was_drawn() -> None:
    session = start({"mirostat_tau": 3.0, "mirostat_eta": 0.3})
    expected = 6.0
    for _ in range(10):
        frame = session.step()
        assert report(frame, "mirostat").limit == pytest.approx(expected)
        expected -= 0.3 * (-math.log2(frame.choice.processed_probability) - 3.0)
    session.back()
    session.back()
    place = session.tree.here
    limit = report(session.frame(), "mirostat").limit
    unlikely = session.frame().candidates[-1]
    forced = session.force(unlikely.token.id)
    surprise = forced.choice.surprisal_bits if forced.choice.cut_by else -math.log2(forced.choice.processed_probability)
    assert report(session.frame(), "mirostat").limit == pytest.approx(limit - 0.3 * (surprise - 3.0))
    session.go_to(place.id)
    assert report(session.frame(), "mirostat").limit == limit, "each branch has a μ of its own"


def test_state_waits_while_its_stage_is_off() -> None:
    session = start({"adaptive_target": 0.4})
    for _ in range(4):
        session.step()
    aim = report(session.frame(), "adaptive_p").limit
    mix = session.decoding
    session.set_decoding(DecodingSettings())
    session.step()
    session.set_decoding(mix)
    assert report(session.frame(), "adaptive_p").limit == aim


def test_a_target_set_anew_before_the_first_token_begins_there() -> None:
    session = start({"mirostat_tau": 3.0})
    session.frame()
    session.set_decoding(settings_from_names({"mirostat_tau": 4.0}))
    assert report(session.frame(), "mirostat").limit == 8.0


def test_the_coin_of_xtc_does_not_move_the_draw() -> None:
    with_coin = start({"xtc_probability": 0.5, "xtc_threshold": 0.05, "xtc_protect": []}, seed=8)
    plain = start({}, seed=8)
    acted = []
    for _ in range(25):
        a, b = with_coin.step(), plain.frame()
        facts = dict(report(a, "xtc").facts)
        assert (a.draw.seed, a.draw.position) == (b.draw.seed, b.draw.position)
        if not facts["acts"]:
            assert a.choice.token == b.choice.token, "the same noise, and the same winner"
        acted.append(facts["acts"])
        plain.force(a.choice.token.id)
    assert 5 < sum(acted) < 20
    coins = {dict(report(start({"xtc_probability": 0.5}, seed=s).frame(), "xtc").facts)["coin"] for s in range(20)}
    assert len(coins) == 20


def test_a_place_where_nothing_is_allowed_says_so_and_can_be_left() -> None:
    session = start({})
    everything = [f"#{i}" for i in range(session.model.tokens.vocab_size)]
    session.step()
    session.set_decoding(settings_from_names({"bad_words": everything}))
    with pytest.raises(NoTokenAllowed, match="Banned texts has removed the last"):
        session.step()
    assert len(session.token_ids) == 1
    session.set_decoding(DecodingSettings())
    session.step()
    assert len(session.token_ids) == 2


def test_minimum_length_keeps_the_end_away() -> None:
    lm = tiny.model("llama")
    free = lm.start(PROMPT, seed=5, decoding=DecodingSettings(method="greedy"))
    third = [free.step().choice.token.id for _ in range(3)][-1]
    lm.eos_ids = frozenset([third])
    session = lm.start(PROMPT, seed=5, decoding=settings_from_names({"min_new_tokens": 6}, greedy=True))
    for n in range(6):
        frame = session.step()
        ends = [c for c in frame.candidates if c.token.id == third]
        assert all(c.cut_by == "min_length" for c in ends)
        assert session.stopped is None
        assert frame.choice.token.id != third, n
    assert all(c.cut_by is None for c in session.frame().candidates)


# -- stop texts and tokens


@pytest.mark.parametrize("stop", ["og ra", "dog", " ran", "n over t", "on the"])
def test_a_stop_text_may_span_tokens_and_end_inside_one(stop: str) -> None:
    session = start({"stop_strings": ["never", stop]})
    tokens = session.model.tokens
    stops = 0
    for token_id in tokens.encode(" the dog ran over the hill"):
        session.force(token_id)
        before, written = tokens.text(session.token_ids[:-1]), tokens.text(session.token_ids)
        completed = (PROMPT + written).count(stop) > (PROMPT + before).count(stop)
        assert (session.stopped == "stop") == completed, written
        stops += completed
    assert stops == 1, "once, also where the prompt holds the beginning of it"


def test_stop_tokens_end_the_text() -> None:
    session = start({})
    ids = [session.step().choice.token.id for _ in range(8)]
    session = start({"stop_tokens": [f"#{ids[4]}"]})
    while session.stopped is None:
        session.step()
    assert session.token_ids == ids[: ids.index(ids[4]) + 1]
    assert start({"stop_tokens": ["#0"], "stop_strings": ["sat on"]}).stopped is None, "the prompt itself is no end"


# -- texts as tokens


def test_the_lexicon_finds_breakers_across_tokens() -> None:
    words = {0: "x", 1: "a", 2: "ab", 3: "cab", 4: "b", 5: "abc", 6: "c", 7: "bb"}

    class Words(CharacterTokens):
        def _bytes_of(self, token_id: int) -> tuple[bytes, bool] | None:
            return (words[token_id].encode(), False) if token_id in words else None

    lexicon = Lexicon(Words({0: "x", 1: "a", 4: "b", 6: "c"}, 8), lambda: frozenset())
    whole = frozenset({()})
    assert lexicon.breakers("b") == {2: whole, 3: whole, 4: whole, 5: whole, 7: whole}
    assert lexicon.breakers("abc") == {
        1: frozenset({(4, 6)}), 2: frozenset({(6,)}), 3: frozenset({(6,)}), 5: whole
    }  # fmt: skip
    assert lexicon.spelled("ab") == (2,)
    assert lexicon.spelled("zz") == lexicon.encode("zz") == ()
    assert lexicon.breakers("") == {}


def test_dry_stops_at_breakers_of_a_real_tokenizer() -> None:
    session = start({"dry_multiplier": 2.0, "dry_allowed_length": 1})
    session.set_prompt("The cat sat on the mat and the cat sat on the")
    penalised = report(session.frame(), "dry")
    assert penalised.facts[0][1] >= 3
    mat = session.model.tokens.encode(" mat")[0]
    story = session.trace()
    step = next(s for s in story.stages if s.stage.name == "dry")
    assert step.after.logits[mat] < step.before.logits[mat]
    session.set_prompt("The cat sat on the mat:\nThe cat sat on the mat:\n")
    assert report(session.frame(), "dry").threshold == "no repetition"


def test_prompt_and_branch_inside_it_have_no_state() -> None:
    session = start({"mirostat_tau": 3.0})
    for _ in range(3):
        session.step()
    session.go_to(session.tree.line[1].id)
    assert report(session.frame(), "mirostat").limit == 6.0
    session.force(11)
    assert report(session.frame(), "mirostat").limit != 6.0
    assert np.isfinite(report(session.frame(), "mirostat").limit)
