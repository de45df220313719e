"""The figures of the compare page's right-hand panel without widgets: measures, ranks, the walk, bars, rows, words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from ntp_studio.core.compared import PairAt, Stretch
from ntp_studio.ui.delta_bars_rows import delta_rows, points_text
from ntp_studio.ui.disagreement_ribbon_bars import Spacing, bar_of, place_bars
from ntp_studio.ui.disagreement_ribbon_figures import (
    Walk,
    bits_of,
    explain,
    figure,
    in_bits,
    token_words,
    values_of,
    worst_few,
    worst_first,
)
from tests.ui.test_disagreement_panel_makers import NAT, across, at_bits, compared, of_bits, stretches

SOME_BITS = st.one_of(st.just(math.nan), st.just(0.0), st.floats(-20, 20), st.just(math.inf))


def test_every_measure_is_in_bits() -> None:
    pair = at_bits(1.5, -0.25)
    assert bits_of(pair, "forward") == pytest.approx(1.5)
    assert bits_of(pair, "backward") == pytest.approx(3.0)
    assert bits_of(pair, "jensen_shannon") == pytest.approx(0.375)
    assert bits_of(pair, "delta") == pytest.approx(-0.25)
    assert math.isnan(bits_of(PairAt(0.3), "forward"))
    assert math.isnan(bits_of(PairAt(None), "delta"))


def test_a_pair_that_is_not_told_has_no_figures() -> None:
    assert np.isnan(values_of(of_bits(1.0, 2.0), 1, "forward")).all()


def test_the_worst_come_first_by_size_and_rounding_is_no_disagreement() -> None:
    values = np.array([0.5, math.nan, -3.0, 1e-12, 0.5, math.inf, 0.0])
    assert worst_first(values) == [5, 2, 0, 4]
    assert worst_few(values, 2) == [5, 2]
    assert worst_first(np.array([math.nan, 1e-11])) == []
    assert worst_few(np.empty(0), 3) == []


@given(st.lists(SOME_BITS, max_size=60), st.integers(1, 5))
def test_the_worst_few_begin_the_order_of_all(values: list[float], most: int) -> None:
    array = np.array(values, dtype=float)
    assert worst_few(array, most) == worst_first(array)[:most]


def test_the_walk_goes_from_worst_to_less_bad_and_back() -> None:
    walk, order = Walk(), [7, 3, 9]
    assert walk.go(order, 1, at=0) == 7
    assert walk.go(order, 1, at=0) == 3, "pressed again before the place came"
    assert walk.go(order, 1, at=3) == 9
    assert walk.go(order, 1, at=9) is None, "there is none after the last"
    assert walk.go(order, -1, at=9) == 3
    assert walk.go(order, -1, at=3) == 7
    assert walk.go(order, -1, at=7) is None
    assert Walk().go([], 1, at=0) is None


def test_the_walk_keeps_its_stretch_when_ranks_change_while_the_text_grows() -> None:
    walk = Walk()
    walk.go([7, 3], 1, at=0)
    walk.shown(7)
    assert walk.go([12, 7, 3], 1, at=7) == 3


def test_the_walk_begins_anew_once_the_place_was_moved_away() -> None:
    walk, order = Walk(), [7, 3, 9]
    walk.go(order, 1, at=0)
    walk.shown(1)  # told before the wish was heard
    assert walk.visited == 7
    walk.shown(7)
    walk.shown(8)  # a person stepped on
    assert walk.visited is None
    assert walk.go(order, 1, at=8) == 7


def test_the_walk_does_not_lead_to_where_one_stands() -> None:
    assert Walk().go([7, 3], 1, at=7) == 3


# -- bars --------------------------------------------------------------------------------------------------------------

SPACING = Spacing(least=3, most=18, gap=8, end=8)


def test_short_texts_have_a_bar_for_each_stretch_and_the_prompt_is_set_apart() -> None:
    bars = place_bars(np.array([math.nan, 1, 2, 3]), 2, 288, SPACING)
    assert [(b.begin, b.end, b.worst) for b in bars] == [(0, 1, 0), (1, 2, 1), (2, 3, 2), (3, 4, 3)]
    assert math.isnan(bars[0].value)
    assert [b.value for b in bars[1:]] == [1, 2, 3]
    assert bars[2].x - (bars[1].x + bars[1].width) == 8
    assert bars[1].x == bars[0].x + bars[0].width
    assert all(b.width == 18 for b in bars)


def test_a_bar_that_stands_for_several_tells_the_worst_of_them() -> None:
    values = np.full(1000, 0.1)
    values[[500, 501, 777]] = (2.0, -9.0, math.nan)
    bars = place_bars(values, 0, 288, SPACING)
    assert len(bars) == (288 - 8) // 3
    bar = next(b for b in bars if b.begin <= 501 < b.end)
    assert (bar.worst, bar.value) == (501, -9.0)


@given(st.lists(SOME_BITS, min_size=1, max_size=400), st.integers(0, 400), st.integers(40, 400))
def test_bars_cover_every_stretch_once_within_the_width(values: list[float], prompt: int, width: int) -> None:
    array = np.array(values, dtype=float)
    prompt = min(prompt, len(values))
    bars = place_bars(array, prompt, width, SPACING)
    assert [i for b in bars for i in range(b.begin, b.end)] == list(range(len(values)))
    assert not any(b.begin < prompt < b.end for b in bars), "no bar stands for both prompt and continuation"
    assert bars[-1].x + bars[-1].width <= width + 1e-6
    for place, b in enumerate(bars):
        sizes = [-1.0 if math.isnan(v) else abs(v) for v in values[b.begin : b.end]]
        assert b.worst == b.begin + sizes.index(max(sizes))
        assert (math.isnan(b.value) and max(sizes) < 0) or b.value == values[b.worst]
        assert all(bar_of(bars, i) == place for i in (b.begin, b.end - 1))
    assert bar_of(bars, len(values)) is None


# -- words -------------------------------------------------------------------------------------------------------------


def test_no_figure_reads_as_nan_or_inf(qapp: QApplication) -> None:
    assert [figure(v) for v in (None, math.nan, math.inf, 0.44, 0.0)] == ["–", "–", "∞", "0.44", "0.00"]
    assert figure(-math.inf, signed=True) == "−∞"
    assert figure(0.5, signed=True) == "+0.50"
    assert figure(-0.5, signed=True) == "−0.50"
    assert figure(1e-5, signed=True) == "+<0.0001"
    assert in_bits(math.inf) == "∞ bits"
    assert in_bits(None) == "–"


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (1.8, "+1.8 pp"),
        (-6.64, "−6.6 pp"),
        (0.03, "+0.03 pp"),
        (-0.004, "≈ 0 pp"),
        (0.0049, "≈ 0 pp"),
        (-0.005, "−0.01 pp"),
        (-99.99, "−100 pp"),
        (0.0, "0 pp"),
        (0.999, "+1.0 pp"),
        (None, "–"),
    ],
)
def test_percentage_points(points: float | None, text: str) -> None:
    assert points_text(points) == text


def test_tokens_count_from_one_along_the_whole_line(qapp: QApplication) -> None:
    stretch = Stretch("·fisherman", 0, 10, ((16, 17), (18, 21)), (PairAt(0.0),))
    assert token_words(stretch) == "token 17"
    assert token_words(stretch, 1) == "tokens 19–21"


def test_the_card_has_every_figure_with_its_unit(qapp: QApplication) -> None:
    words = explain(of_bits(None, 0.5)[1], 0, of=1, reading=False, alike=True)
    assert words.title == "·upon"
    assert words.subtitle == "token 2"
    lines = dict(words.lines)
    assert lines["KL(A‖B)"] == "0.50 bits"
    assert lines["KL(B‖A)"] == "1.00 bits"
    assert lines["JS"] == "0.12 bits"
    assert lines["Δ log-prob"] == "+0.50 bits (B expected it more)"
    assert lines["likeliest token"] == "the same"
    assert lines["overlap"] == "80 %"


def test_the_card_says_why_there_is_no_figure(qapp: QApplication) -> None:
    first = explain(of_bits(None)[0], 0, of=1, reading=True, alike=True)
    assert "nothing stands before it" in first.plain()
    unread = stretches([at_bits(0.1)], [PairAt(None)])[1]
    assert "still being read" in explain(unread, 0, of=1, reading=True, alike=True).plain()
    apart = Stretch("·fisherman", 4, 14, ((1, 2), (1, 4)), (PairAt(-1.0 * NAT),))
    words = explain(apart, 0, of=3, reading=False, alike=False)
    assert "A: token 2 · B: tokens 2–4" in words.subtitle
    assert ("KL, JS", "none: the vocabularies are unequal") in words.lines
    assert "−1.00 bits (A expected it more)" in words.plain()
    assert "The worst of 3 here" in words.hint


def test_the_card_says_why_a_figure_is_infinite(qapp: QApplication) -> None:
    words = explain(of_bits(math.inf)[0], 0, of=1, reading=False, alike=True)
    assert dict(words.lines)["KL(A‖B)"] == "∞ bits"
    assert "the other has cut" in words.plain()
    assert "the other has cut" not in explain(of_bits(1.0)[0], 0, of=1, reading=False, alike=True).plain()


# -- rows of Δ probability ---------------------------------------------------------------------------------------------


def test_rows_are_ordered_by_the_larger_probability_of_the_pair() -> None:
    found = compared(
        across("·a", 0.10, 0.05, 0.9), across("·b", 0.05, 0.30, 0.1), across("·c", None, None, 0.5),
        across("·d", 0.2, None, None),
    )  # fmt: skip
    rows = delta_rows(found, 0, None)
    assert [row.token.label for row in rows] == ["·b", "·d", "·a"]
    assert rows[0].points == pytest.approx(25.0)
    assert rows[0].delta_log == pytest.approx(math.log(6))
    assert rows[1].points is None
    assert rows[1].delta_log is None
    assert [row.token.label for row in delta_rows(found, 1, None)] == ["·a", "·c", "·d", "·b"]


def test_the_drawn_token_is_known_by_all_that_it_is() -> None:
    mine, same_text = across("·x", 0.5, 0.4, token_id=1), across("·x", 0.2, 0.1, token_id=2)
    rows = delta_rows(compared(mine, same_text), 0, mine.token)
    assert [row.drawn for row in rows] == [True, False]
