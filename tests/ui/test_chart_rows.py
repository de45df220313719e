"""Which rows are shown: they always hold the whole distribution, and the chosen token is always among them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.chart_rows import ROOM_FOR_ABOVE, fold, found_listing, frame_listing
from ntp_studio.ui.draw_overlay import Draws
from ntp_studio.ui.row_window import RowWindow
from tests.ui.frames import make_frame

FRAMES = (
    make_frame(),
    make_frame(chosen=812, origin="forced"),
    make_frame(top_p=None, chosen=30, temperature=1.5),
    make_frame(top=3, vocab_size=3, chosen=2, top_p=None),
    make_frame(top=6, vocab_size=7, chosen=0, top_p=0.5),
)
frames = st.sampled_from(FRAMES)


@given(frames, st.integers(min_value=2, max_value=60), st.integers(min_value=-3, max_value=60))
def test_rows_hold_the_whole_distribution(frame: StepFrame, capacity: int, offset: int) -> None:
    rows = fold(frame_listing(frame), capacity, offset)
    assert len(rows) <= capacity
    assert math.isclose(math.fsum(r.probability for r in rows), 1.0, abs_tol=1e-9)
    assert math.isclose(math.fsum(r.processed_probability for r in rows), 1.0, abs_tol=1e-9)
    assert sum(r.count for r in rows) == frame.vocab_size


@given(frames, st.integers(min_value=2, max_value=60), st.integers(min_value=-3, max_value=60))
def test_the_chosen_token_is_always_in_sight(frame: StepFrame, capacity: int, offset: int) -> None:
    rows = fold(frame_listing(frame), capacity, offset)
    chosen = [r for r in rows if r.chosen]
    assert [r.candidate.token.id for r in chosen if r.candidate] == [frame.choice.token.id]
    assert chosen[0].forced == (frame.origin == "forced")
    ranks = [r.candidate.rank for r in rows if r.candidate]
    assert ranks == sorted(set(ranks))


@given(frames, st.integers(min_value=2, max_value=60), st.integers(min_value=0, max_value=60), st.integers(0, 59))
def test_others_are_never_likelier_than_what_is_above_them(
    frame: StepFrame, capacity: int, offset: int, pick: int
) -> None:
    """Where there is room for it, what is scrolled away has a row of its own, in its place in the order."""
    candidates = frame.candidates
    picked = candidates[pick % len(candidates)].token.id
    rows = fold(frame_listing(frame), capacity, offset, picked)
    assert len(rows) <= capacity
    assert sum(r.count for r in rows) == frame.vocab_size
    if capacity >= 3:
        assert picked in [r.candidate.token.id for r in rows if r.candidate]
    rank_of = {c.token.id: c.rank for c in candidates}
    ranks = [min(rank_of[i] for i in r.above) if r.above else r.candidate.rank for r in rows if r.candidate or r.above]
    assert ranks == sorted(set(ranks))
    if capacity > ROOM_FOR_ABOVE:
        pins = {rank_of[picked], frame.choice.rank}
        told = {rank_of[i] for r in rows for i in r.above} | {r.candidate.rank for r in rows if r.candidate}
        assert set(range(1, max(told - pins, default=0))) <= told, "others are those below all rows but the pinned ones"


def test_what_is_scrolled_away_is_told_where_it_was() -> None:
    frame = make_frame(chosen=812)  # rank 1 is not drawn
    window = RowWindow()
    window.resize(8)
    window.show(frame_listing(frame), keep_place=False)
    window.scroll(5)
    above, first = window.rows[0], window.rows[1]
    hidden = frame.candidates[:6]
    assert (above.candidate, above.count, above.above) == (None, 6, tuple(c.token.id for c in hidden))
    assert above.probability == pytest.approx(sum(c.probability for c in hidden))
    assert first.candidate == frame.candidates[6]
    draws = Draws(1000, {frame.candidates[0].token.id: 500, hidden[-1].token.id: 30, first.candidate.token.id: 20})
    assert [draws.of_row(row, window.rows) for row in (above, first, window.rows[-1])] == [530, 20, 450]
    window.home()
    assert window.rows[0].candidate == frame.candidates[0]
    assert not any(row.above for row in window.rows)


def test_a_token_picked_elsewhere_gets_a_row_and_moves_no_other() -> None:
    frame = make_frame()
    window = RowWindow()
    window.resize(8)
    window.show(frame_listing(frame), keep_place=False)
    before = window.rows
    far = frame.candidates[20]
    window.select(far.token.id)
    assert [r.candidate for r in window.rows[:-2]] == [r.candidate for r in before[:-2]]
    assert window.rows[-2].candidate == far
    window.move(1)  # walking goes on from there
    assert window.selected == frame.candidates[21].token.id
    assert window.rows[-2].candidate == frame.candidates[21]
    window.select(None)
    assert window.rows == before


def test_a_chart_that_grows_scrolls_back() -> None:
    frame = make_frame()
    window = RowWindow()
    window.resize(4)
    window.show(frame_listing(frame), keep_place=False)
    for _ in range(8):
        window.move(1)
    assert window.offset
    window.resize(20)
    assert window.offset == 0
    assert window.row_of(window.selected) is not None


@given(frames, st.integers(min_value=2, max_value=60))
def test_found_tokens_and_the_others_hold_the_whole_distribution(frame: StepFrame, capacity: int) -> None:
    rows = fold(found_listing(frame.candidates[1::2], frame), capacity)
    assert math.isclose(math.fsum(r.probability for r in rows), 1.0, abs_tol=1e-9)
    assert sum(r.count for r in rows) == frame.vocab_size


def test_a_small_vocabulary_has_no_row_of_others() -> None:
    rows = fold(frame_listing(make_frame(top=3, vocab_size=3, chosen=0, top_p=None)), 10)
    assert [r.candidate is None for r in rows] == [False, False, False]


def test_nothing_found_leaves_one_row() -> None:
    frame = make_frame()
    (row,) = fold(found_listing((), frame), 10)
    assert row.candidate is None
    assert row.count == frame.vocab_size
    assert row.probability == 1.0


@given(
    frames,
    st.integers(min_value=3, max_value=30),
    st.lists(st.sampled_from(["next", "previous", "scroll", "back", "taller", "last"])),
)
def test_the_selection_is_always_in_sight(frame: StepFrame, capacity: int, moves: list[str]) -> None:
    window = RowWindow()
    window.resize(capacity)
    window.show(frame_listing(frame), keep_place=False)
    for move in moves:
        if move in ("next", "previous"):
            window.move(1 if move == "next" else -1)
        elif move == "last":
            window.select_end(last=True)
        elif move == "taller":
            capacity = capacity % 30 + 3
            window.resize(capacity)
        else:
            window.scroll(3 if move == "scroll" else -2)
        assert window.selected is None or window.row_of(window.selected) is not None


def test_every_candidate_can_be_reached_by_key() -> None:
    frame = make_frame(chosen=812)
    window = RowWindow()
    window.resize(8)
    window.show(frame_listing(frame), keep_place=False)
    reached = []
    for _ in frame.candidates:
        window.move(1)
        reached.append(window.selected)
    assert reached == [c.token.id for c in frame.candidates]
    window.move(1)
    assert window.selected == frame.candidates[-1].token.id


@pytest.mark.parametrize(("keep", "expected"), [(True, 2919), (False, None)])
def test_another_place_in_the_text_forgets_the_selection(keep: bool, expected: int | None) -> None:
    window = RowWindow()
    window.resize(8)
    window.show(frame_listing(make_frame()), keep_place=False)
    window.select(2919)
    window.show(frame_listing(make_frame(temperature=1.3)), keep_place=keep)
    assert window.selected == expected
