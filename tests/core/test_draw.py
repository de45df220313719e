"""The draw: race and dart, the needle and who holds it, what was drawn at past places, and many draws at once."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core import looking
from ntp_studio.core.decoding import Scores, settings_from_names
from ntp_studio.core.decoding.draw import dart, draw_many
from ntp_studio.core.session import Session
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting, StudioError
from tests.core import tiny

PROMPT = "The cat sat on"
DART = DecodingSettings(method="dart")


@pytest.fixture
def session() -> Session:
    return tiny.model("gpt2").start(PROMPT, seed=7)


def shown_order(scores: Scores) -> list[int]:
    pairs = sorted(zip(scores.values.tolist(), scores.ids.tolist(), strict=True), key=lambda pair: (-pair[0], pair[1]))
    return [token_id for _, token_id in pairs]


@given(
    st.lists(st.sampled_from([-math.inf, 0.0, 0.5, 1.0, 2.0, 7.0, -3.0]), min_size=1, max_size=700).filter(
        lambda logits: max(logits) > -math.inf
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_the_dart_lands_where_the_probabilities_laid_end_to_end_say(logits: list[float], u: float) -> None:
    scores = Scores.of(np.array(logits))
    order = shown_order(scores)
    place = dict(zip(scores.ids.tolist(), scores.probabilities.tolist(), strict=True))
    landed = order.index(dart(scores, u))
    before = math.fsum(place[token] for token in order[:landed])
    assert before - 1e-9 <= u <= before + place[order[landed]] + 1e-9


def test_textbook_darts() -> None:
    scores = Scores.of(np.log(np.array([0.3, 0.5, 0.05, 0.15])))
    assert [dart(scores, u) for u in (0.0, 0.49, 0.51, 0.79, 0.81, 0.94, 0.96, 1 - 1e-16)] == [1, 1, 0, 0, 3, 3, 2, 2]


def test_dart_and_race_are_drawn_as_often_as_their_probability_says() -> None:
    lm = tiny.model("gpt2")
    values = {"top_k": 4}
    probabilities = {
        c.token.id: c.processed_probability
        for c in lm.start(PROMPT, decoding=settings_from_names(values)).frame().candidates
    }
    for method in ("race", "dart"):
        decoding = DecodingSettings(settings_from_names(values).stages, method)
        session = lm.start(PROMPT, decoding=decoding)
        times: dict[int, int] = {}
        for seed in range(1500):
            session.set_seed(seed)
            chosen = session.frame().choice.token.id
            times[chosen] = times.get(chosen, 0) + 1
        for token_id, count in times.items():
            p = probabilities[token_id]
            assert abs(count / 1500 - p) < 5 * math.sqrt(p * (1 - p) / 1500), method


def test_the_frame_tells_the_luck_of_every_listed_token(session: Session) -> None:
    session.set_decoding(settings_from_names({"top_k": 10}))
    frame = session.frame()
    kept = [c for c in frame.candidates if c.cut_by is None]
    winner = min(kept, key=lambda c: c.waiting_time)
    assert winner.token.id == frame.choice.token.id
    assert winner.waiting_time == pytest.approx(frame.draw.time)
    assert all(math.isinf(c.waiting_time) and c.noise > 0 for c in frame.candidates if c.cut_by)
    session.set_decoding(DART)
    assert all(math.isnan(c.noise) and math.isnan(c.waiting_time) for c in session.frame().candidates)


def test_the_arrivals_are_the_first_of_the_whole_vocabulary(session: Session) -> None:
    session.top = 2
    noise = session.noise()
    assert noise is not None
    for values in ({}, {"temperature": 1.8}, {"top_k": 3}, {"adaptive_target": 0.9}):
        session.set_decoding(settings_from_names(values))
        frame, result = session.frame(), session.trace().result
        times = dict(zip(result.ids.tolist(), (noise[result.ids] / result.probabilities).tolist(), strict=True))
        wanted = sorted(times, key=lambda i: (times[i], i))[:8]
        assert [c.token.id for c in frame.arrivals] == wanted
        assert frame.arrivals[0].token.id == frame.choice.token.id
        assert [c.waiting_time for c in frame.arrivals] == pytest.approx([times[i] for i in wanted])
        assert len(frame.candidates) <= 3
    session.set_decoding(DART)
    assert session.frame().arrivals == ()


def test_a_needle_that_is_moved_chooses_and_stays_at_its_place(session: Session) -> None:
    session.set_decoding(DART)
    seeds = session.frame()
    assert seeds.draw.needle == "seed"
    assert 0 <= seeds.draw.u < 1
    session.move_needle(0.0)
    frame = session.step()
    assert frame.choice.rank == 1
    assert (frame.draw.u, frame.draw.needle) == (0.0, "moved")
    assert session.frame().draw.needle == "seed"  # the next place has luck of its own
    session.back()
    assert session.frame().draw == frame.draw
    session.move_needle(None)
    assert session.frame().draw == seeds.draw
    session.move_needle(0.99)
    session.restart()
    assert session.frame().draw == seeds.draw


def test_a_needle_that_is_held_stays_for_every_token_whatever_the_seed(session: Session) -> None:
    session.set_decoding(DecodingSettings(method="dart", needle=0.0))
    ids = [session.step().choice.token.id for _ in range(6)]
    greedy = session.model.start(PROMPT, decoding=DecodingSettings(method="greedy"))
    assert ids == [greedy.step().choice.token.id for _ in range(6)]
    session.restart()
    session.set_seed(99)
    assert [session.step().choice.token.id for _ in range(6)] == ids
    session.move_needle(0.5)
    assert session.frame().draw.needle == "moved"


@pytest.mark.parametrize("u", [-0.1, 1.0, math.nan, math.inf])
def test_a_needle_off_the_line_is_refused(session: Session, u: float) -> None:
    before = session.frame().draw
    with pytest.raises(SettingError):
        session.move_needle(u)
    with pytest.raises(SettingError):
        session.set_decoding(DecodingSettings(method="dart", needle=u))
    assert session.frame().draw == before


def test_a_setting_moves_no_luck(session: Session) -> None:
    """What a changed setting changes is then its own doing."""
    for method in ("race", "dart"):
        session.set_decoding(DecodingSettings(method=method))
        plain = session.frame()
        session.set_decoding(DecodingSettings((StageSetting("top_k", (("top_k", 30.0),)),), method))
        cut = session.frame()
        assert cut.draw.position == plain.draw.position
        assert plain.draw.u == cut.draw.u or method == "race"
        noise = {c.token.id: c.noise for c in plain.candidates}
        assert all(c.noise == noise[c.token.id] for c in cut.candidates if c.token.id in noise and method == "race")


def test_a_past_place_tells_what_was_taken_and_how(session: Session) -> None:
    warm = settings_from_names({"temperature": 1.5})
    session.set_decoding(warm)
    drawn = session.step()
    assert session.frame().taken is None
    session.back()
    taken = session.frame().taken
    assert taken is not None
    assert (taken.token, taken.draw, taken.decoding) == (drawn.choice.token, drawn.draw, warm)
    assert taken.origin == "drawn"
    assert not taken.changed
    assert taken.probability == drawn.choice.processed_probability

    session.set_decoding(settings_from_names({"temperature": 1.5, "top_k": 3}))
    taken = session.frame().taken
    assert taken is not None
    assert taken.changed
    assert taken.decoding == warm
    # Listed whatever its rank, so that it can be pointed at.
    assert any(c.token.id == taken.token.id for c in session.frame().candidates)
    assert session.decoding != warm
    session.set_decoding(DecodingSettings((*warm.stages, StageSetting("top_k", (("top_k", 9.0),), enabled=False))))
    taken = session.frame().taken
    assert taken is not None
    assert not taken.changed
    session.set_seed(1234)
    taken = session.frame().taken
    assert taken is not None
    assert taken.changed

    session.back()
    prompts = session.frame().taken
    assert prompts is not None
    assert prompts.origin == "prompt"
    assert prompts.draw is None
    assert prompts.decoding is None


def test_a_forced_token_has_no_draw(session: Session) -> None:
    session.force(5)
    session.back()
    taken = session.frame().taken
    assert taken is not None
    assert taken.origin == "forced"
    assert taken.draw is None
    assert not taken.changed


def test_many_draws_add_up_follow_the_probabilities_and_move_nothing(session: Session) -> None:
    session.set_decoding(settings_from_names({"top_k": 5}))
    before = session.frame()
    times = looking.draws(session, 10_000)
    assert sum(times.values()) == 10_000
    assert list(times.values()) == sorted(times.values(), reverse=True)
    kept = {c.token.id: c.processed_probability for c in before.candidates if c.cut_by is None}
    for token_id, count in times.items():
        p = kept[token_id]
        assert abs(count / 10_000 - p) < 5 * math.sqrt(p * (1 - p) / 10_000)
    after = session.frame()
    assert (after.choice, after.draw) == (before.choice, before.draw)
    assert looking.draws(session, 10_000) == times
    session.set_decoding(DecodingSettings(method="greedy"))
    assert looking.draws(session, 100) == {session.frame().choice.token.id: 100}


def test_many_draws_never_give_what_was_cut() -> None:
    scores = Scores.of(np.array([0.0, -math.inf, 3.0, 1.0])).first(2)
    assert set(draw_many(scores, 500, 1)) <= {2, 3}


@pytest.mark.parametrize("method", ["race", "dart", "greedy"])
def test_the_story_ends_with_the_draw(session: Session, method: str) -> None:
    session.set_decoding(DecodingSettings(settings_from_names({"top_k": 8, "temperature": 0.7}).stages, method))
    frame = session.frame()
    chosen = looking.story(session, frame.choice.token.id)
    assert [line.stage for line in chosen.lines] == ["model", "temperature", "top_k", "draw"]
    assert chosen.lines[-1].after == 1
    assert chosen.lines[-1].before == frame.choice.processed_probability
    cut = next(c for c in frame.candidates if c.cut_by)
    told = looking.story(session, cut.token.id)
    assert told.lines[-1].before == told.lines[-1].after == 0
    assert frame.choice.token.label in told.lines[-1].words
    other = next(c for c in frame.candidates if not c.cut_by and c.token.id != frame.choice.token.id)
    told = looking.story(session, other.token.id)
    assert told.candidate == other
    assert frame.choice.token.label in told.lines[-1].words
    if method == "dart":
        low, high = (float(word) for word in re.findall(r"[01]\.\d{4}", told.lines[-1].words)[:2])
        assert not low <= frame.draw.u < high
    with pytest.raises(StudioError):
        looking.story(session, 10**9)
