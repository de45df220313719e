"""Whose order the cards stand in, where the usual ones go, which report is about which card; and texts in one line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ntp_studio.core.decoding import STAGES, arranged
from ntp_studio.core.types import DecodingSettings, StageSetting
from ntp_studio.ui.chain_order import ReportMatcher, present_order, with_usual
from ntp_studio.ui.text_escapes import meant, shown

USUAL = ("repetition_penalty", "temperature", "top_k", "top_p", "min_p")


def stages(*names: str, off: str = "") -> list[StageSetting]:
    return [StageSetting(name, enabled=name not in off.split()) for name in names]


def names(settings: list[StageSetting]) -> list[str]:
    return [stage.name for stage in settings]


def test_usual_stages_are_added_at_their_places() -> None:
    assert names(with_usual([], USUAL, None)) == list(USUAL)
    assert not any(stage.enabled for stage in with_usual([], USUAL, None))
    ours = with_usual(stages("typical_p", "top_n_sigma", "bias"), USUAL, None)
    assert names(ours) == ["typical_p", "top_n_sigma", "bias", *USUAL], "behind what a person has mixed"
    ours = with_usual(stages("bias", "top_p", "temperature"), USUAL, None)
    assert names(ours) == ["bias", "repetition_penalty", "top_k", "top_p", "min_p", "temperature"], (
        "as llama.cpp has it"
    )
    ours = with_usual(stages("min_p"), USUAL, "llama.cpp")
    assert names(ours) == ["repetition_penalty", "top_k", "top_p", "min_p", "temperature"], "the order chosen before"


def test_what_koboldcpp_always_applies_is_not_the_usual_top_k() -> None:
    listed = arranged(
        DecodingSettings(tuple(stages("dry", "repetition_penalty", "top_p"))), "koboldcpp", always=True
    ).stages
    ours = with_usual(listed, USUAL, None)
    assert names(ours) == [
        "dry", "top_k", "repetition_penalty", "top_k", "top_p", "min_p", "temperature"
    ]  # fmt: skip
    assert [stage.enabled for stage in ours if stage.name == "top_k"] == [True, False]


def test_the_order_chosen_last_is_named_as_long_as_it_is_true() -> None:
    short = stages("top_p", "temperature")
    assert present_order(short, None) == "llama.cpp"
    assert present_order(short, "webui-temperature-last") == "webui-temperature-last"
    assert present_order(short, "transformers") == "llama.cpp"
    assert present_order(stages("temperature", "top_p", "min_p"), None) == "transformers"
    # What is off says which one it is, where what is on leaves it open.
    late = stages("top_p", "min_p", "temperature", off="temperature")
    assert present_order(late, None) == "llama.cpp"
    assert present_order(stages("top_p", "temperature", "bias"), None) is None


@dataclass(frozen=True)
class Card:
    name: str
    number: int = 0


def test_reports_find_their_cards() -> None:
    matcher: ReportMatcher[Card] = ReportMatcher()
    assert matcher.match(["top_k"]) == [None]
    k1, heat, k2 = Card("top_k", 1), Card("temperature"), Card("top_k", 2)
    matcher.arranged((k1, heat, k2))
    assert matcher.match(["top_k", "temperature", "top_k"]) == [k1, heat, k2]
    matcher.arranged((heat, k2))  # the first top-k has been switched off
    assert matcher.match(["temperature", "top_k"]) == [heat, k2]
    assert matcher.match(["top_k", "temperature", "top_k"]) == [k1, heat, k2], "a frame from before that change"
    p = Card("top_p")
    matcher.arranged((heat, k2, p))
    assert matcher.match(["top_p", "temperature"]) == [p, heat], "by name, where an arrangement was never seen"
    matcher.arranged((k1, p, k2))
    assert matcher.match(["min_p", "top_k", "top_p"]) == [None, None, p], "one of two cards: which, cannot be told"


@given(st.text())
@example(" the")
@example("\n\n")
@example(r"C:\new\table \x41 \u0042 \\")
@example("↵⇥␣")
@example("   ")
@example("a\u202eb\x00\U0001f600\U000e0001")
def test_every_text_can_be_shown_and_written(text: str) -> None:
    line = shown(text)
    assert meant(line) == text
    assert line.isprintable()
    assert not line.startswith(" ")
    assert not line.endswith(" ")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"\n\n", "\n\n"), ("↵", "\n"), (r"a\tb", "a\tb"), ("␣the", " the"), (" the", " the"), (r"\\n", r"\n"),
        (r"\q", r"\q"), (r"\x41\u00e9", "Aé"), (r"\x4", r"\x4"), (r"\Uffffffff", r"\Uffffffff"), ("\\", "\\"),
    ],
)  # fmt: skip
def test_what_a_person_writes(written: str, text: str) -> None:
    assert meant(written) == text


def test_every_stage_has_a_place_in_the_panel() -> None:
    ours = with_usual(stages(*STAGES), USUAL, None)
    assert names(ours) == list(STAGES)
