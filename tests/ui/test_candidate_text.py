"""Figures in words: rounding never turns into an untruth, and the arithmetic shown gives the figure shown."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core.decoding import STAGES
from ntp_studio.ui.candidate_text import (
    arithmetic,
    bits,
    choice_caption,
    choice_explained,
    cut_label,
    explain,
    hex_bytes,
    normalizer_explained,
    percent,
    processed_percent,
    race_arithmetic,
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


@given(
    st.floats(min_value=-60, max_value=60),
    st.one_of(st.floats(min_value=0.0, max_value=30), st.floats(min_value=0.0, max_value=0.01)),
)
def test_the_arithmetic_printed_gives_the_result_printed(normalizer: float, surprisal: float) -> None:
    logit = normalizer - surprisal
    probability = math.exp(logit - normalizer)
    text = arithmetic(logit, normalizer, probability)
    found = re.fullmatch(r"e\^\((−?[\d.]+) − \(?(−?[\d.]+)\)?\) ([=<>]) (.+)", text)
    assert found is not None
    # As a person does with a calculator, in decimal figures.
    left, right = (Decimal(found[i].replace("−", "-")) for i in (1, 2))
    checked = percent(float((left - right).exp()))
    assert checked == found[3].replace("=", "") + found[4] == percent(probability)


@pytest.mark.parametrize("surprisal", [0.0, 4e-13, 9.99e-10, 1e-9, 1.0000003e-9, 1.1e-9, 3e-8])
def test_the_arithmetic_next_to_certainty(surprisal: float) -> None:
    probability = math.exp(-surprisal)
    found = re.fullmatch(r"e\^\(([\d.]+) − ([\d.]+)\) ([=>]) (.+)", arithmetic(5.0 - surprisal, 5.0, probability))
    assert found is not None
    checked = percent(float((Decimal(found[1]) - Decimal(found[2])).exp()))
    assert checked == found[3].replace("=", "") + found[4] == percent(probability)


def test_the_arithmetic_has_three_decimals_where_they_do() -> None:
    assert arithmetic(17.52, 19.333, math.exp(17.52 - 19.333)) == "e^(17.520 − 19.333) = 16.3%"
    assert arithmetic(36.8567, 36.8584, math.exp(-0.0017)) == "e^(36.8567 − 36.8584) = 99.8%"
    assert arithmetic(1.0, 1.00004, math.exp(-0.00004)) == "e^(1.00000 − 1.00004) > 99.9%"


def test_the_number_subtracted_is_explained_with_the_figure_that_it_has_there() -> None:
    frame = make_frame()
    for candidate in frame.candidates:
        lines = explain(candidate, frame).lines
        subtracted = lines[0][1].partition("− ")[2].partition(")")[0]
        assert lines[1] == ("", f"{subtracted} = ln Σ e^logit, over all tokens")
        assert float(subtracted) == pytest.approx(frame.log_normalizer, abs=5e-4)
    unknown = explain(frame.choice, None).plain()
    assert "Σ" not in unknown
    assert normalizer_explained(-3.0, -1.5, math.exp(-1.5)).startswith("−1.500 = ")


def test_it_is_said_what_a_click_does() -> None:
    assert explain(make_frame().choice, make_frame()).hint == "Click or Enter takes it · right click: its story"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-1e-16, 2, "0.00 bits"),
        (math.nan, 2, "—"),
        (0.0014, 1, "0.0014 bits"),
        (0.0996, 1, "0.100 bits"),
        (0.04, 2, "0.040 bits"),
        (5.63, 1, "5.6 bits"),
        (5.631, 2, "5.63 bits"),
        (0.00002, 1, "<0.0001 bits"),
    ],
)
def test_bits_of_known_values(value: float, digits: int, text: str) -> None:
    assert bits(value, digits) == text


@given(st.floats(min_value=1e-8, max_value=1000.0))
def test_bits_above_zero_never_read_as_zero(value: float) -> None:
    text = bits(value, 1).removesuffix(" bits")
    if text.startswith("<"):
        assert value < float(text[1:])
    else:
        assert float(text) == pytest.approx(value, rel=0.06, abs=0.05 if value >= 1 else 0)


def test_bytes_are_hex_and_bounded() -> None:
    assert hex_bytes(b" he") == "20 68 65"
    assert hex_bytes(bytes(range(20)), limit=3) == "00 01 02 …"


def test_stage_names_fall_back_to_themselves() -> None:
    assert stage_label("top_p") == "top-p"
    assert stage_label("brand_new_stage") == "brand_new_stage"


def test_stages_are_called_as_on_their_cards() -> None:
    for name, stage in STAGES.items():
        assert stage_label(name).casefold() == stage.label.casefold()
    assert [stage_label(n) for n in ("xtc", "dry", "top_n_sigma", "temperature")] == [
        "XTC", "DRY", "top-nσ", "temperature",
    ]  # fmt: skip


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
    assert choice_caption(replace(frame.draw, method="greedy"), "drawn") == "greedy: the most likely"


def test_inside_the_prompt_nothing_is_said_to_be_drawn() -> None:
    frame = make_frame(step=0)
    assert choice_caption(frame.draw, "drawn", in_prompt=True) == "in the prompt: seed 42 would draw"
    assert "would draw" in explain(frame.choice, frame).plain()
    greedy = replace(frame.draw, method="greedy")
    assert choice_caption(greedy, "drawn", in_prompt=True) == "in the prompt: greedy would take"


def test_the_draw_is_explained_in_words() -> None:
    frame = make_frame()
    words = " ".join(choice_explained(frame.draw))
    for part in ("waits a random time", "same seed", "torch.multinomial", "generate()", "0.3"):
        assert part in words
    greedy = make_frame(method="greedy", chosen=0)
    assert "seed plays no part" in " ".join(choice_explained(greedy.draw))
    captions = [caption for caption, _ in explain(greedy.choice, greedy).lines]
    assert "before greedy" in captions
    assert "after decoding" not in captions


def test_the_dart_is_explained_in_words() -> None:
    frame = make_frame(method="dart", u=0.57)
    words = " ".join(choice_explained(frame.draw))
    for part in ("end to end", "The seed says where it falls", "llama.cpp draws in this way"):
        assert part in words
    held = " ".join(choice_explained(replace(frame.draw, needle="held")))
    assert "You hold the needle" in held
    assert "dart · u = 0.570 · seed 42 · draw 6" in explain(frame.choice, frame).plain()


def test_the_arithmetic_of_the_race_comes_out() -> None:
    frame = make_frame()
    for candidate in frame.candidates:
        text = race_arithmetic(candidate)
        if candidate.cut_by is not None:
            assert text == ""
            continue
        luck, probability, time = (float(part) for part in re.split(" [÷=] ", text))
        assert luck / probability == pytest.approx(time, rel=2e-3)
        assert ("luck ÷ p = time", text) in explain(candidate, frame).lines
    dart = make_frame(method="dart")
    assert race_arithmetic(dart.choice) == ""
