"""Figures in words: rounding never turns into an untruth, and the arithmetic shown gives the figure shown."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.ui.candidate_text import (
    arithmetic,
    bits,
    choice_caption,
    cut_label,
    explain,
    hex_bytes,
    percent,
    processed_percent,
    stage_label,
)
from tests.ui.frames import make_frame


def as_number(text: str) -> float:
    return float(text.strip("<>%"))


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.99996, ">99.9%"),
        (0.9994, "99.9%"),
        (0.00004, "<0.01%"),
        (0.0001, "0.01%"),
        (0.00996, "1.0%"),
        (0.0099, "0.99%"),
        (0.163, "16.3%"),
        (math.nan, "—"),
    ],
)
def test_percent_of_known_values(probability: float, text: str) -> None:
    assert percent(probability) == text


@given(st.floats(min_value=0.0, max_value=1.0))
def test_a_percentage_is_short_and_true(probability: float) -> None:
    text = percent(probability)
    assert len(text) <= 6
    share = probability * 100.0
    if text.startswith("<"):
        assert 0.0 < share < as_number(text)
    elif text.startswith(">"):
        assert as_number(text) < share < 100.0
    else:
        assert abs(as_number(text) - share) <= (0.005 if share < 1.0 else 0.05) * 1.01
        if text == "0%":
            assert probability == 0.0


@given(st.floats(min_value=0.0, max_value=1.0), st.floats(min_value=0.0, max_value=1.0))
def test_percentages_keep_the_order(a: float, b: float) -> None:
    low, high = sorted((a, b))

    def key(text: str) -> float:
        return as_number(text) + (-0.001 if text.startswith("<") else 0.001 if text.startswith(">") else 0.0)

    assert key(percent(low)) <= key(percent(high))


@given(st.floats(min_value=-60, max_value=60), st.floats(min_value=0.0, max_value=30))
def test_the_arithmetic_comes_out_at_its_result(normalizer: float, surprisal: float) -> None:
    logit = normalizer - surprisal
    text = arithmetic(logit, normalizer, math.exp(-surprisal))
    found = re.fullmatch(r"e\^\((−?[\d.]+) − \(?(−?[\d.]+)\)?\) = (.+)", text)
    assert found is not None
    left, right = (float(found[i].replace("−", "-")) for i in (1, 2))
    # Both sides are rounded to three decimals, so that their difference is off by a thousandth at most.
    assert math.isclose(math.exp(left - right), math.exp(-surprisal), rel_tol=1.1e-3)
    assert found[3] == percent(math.exp(-surprisal))


def test_bits_have_no_negative_zero() -> None:
    assert bits(-1e-16) == "0.00 bits"
    assert bits(math.nan) == "—"


def test_bytes_are_hex_and_bounded() -> None:
    assert hex_bytes(b" he") == "20 68 65"
    assert hex_bytes(bytes(range(20)), limit=3) == "00 01 02 …"


def test_stage_names_fall_back_to_themselves() -> None:
    assert stage_label("top_p") == "top-p"
    assert stage_label("brand_new_stage") == "brand_new_stage"


def test_a_cut_token_has_no_percentage_after_decoding_and_says_why() -> None:
    frame = make_frame()
    cut = next(c for c in frame.candidates if c.cut_by)
    assert processed_percent(cut) == "—"
    assert cut_label(cut) == "cut by top-p"
    words = explain(cut, frame)
    assert ("after decoding", "cut by top-p") in words.lines
    assert any(cut.reason == text for _, text in words.lines)


def test_an_explanation_holds_both_figures_and_how_it_was_chosen() -> None:
    frame = make_frame(chosen=1)
    words = explain(frame.choice, frame)
    plain = words.plain()
    assert words.title == "·special"
    assert percent(frame.choice.probability) in plain
    assert percent(frame.choice.processed_probability) in plain
    assert "rank 2" in plain
    assert "race · seed 42 · draw 6" in plain


def test_how_the_token_was_chosen() -> None:
    frame = make_frame()
    assert choice_caption(frame.draw, "drawn") == "race · seed 42 · draw 6"
    assert choice_caption(frame.draw, "forced") == "forced by you"
    assert choice_caption(replace(frame.draw, method="greedy"), "drawn") == "greedy: most likely"
