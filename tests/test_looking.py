"""Commands that look at a text or at its luck: they are answered, and change nothing that a later step relies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntp_studio import messages as m
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.types import DecodingSettings, StageSetting
from tests.test_engine import Desk, folder  # noqa: F401  (a fixture)

CHAIN = settings_from_names({"temperature": 0.8, "top_k": 5, "min_p": 0.01})


@pytest.fixture
def desk(folder: Path) -> Desk:  # noqa: F811
    desk = Desk()
    desk(m.SetPrompt("The cat sat on"), m.LoadModel(str(folder), "cpu"), m.SetDecoding(CHAIN))
    return desk


def test_a_story_is_told_of_any_token(desk: Desk) -> None:
    frame = desk.only(m.FrameReady, desk.said[-1:]).frame
    desk(m.TellStory(250))
    told = desk.only(m.StoryTold)
    assert told.story.candidate.token.id == 250
    assert told.node == frame.node
    assert [line.stage for line in told.story.lines] == ["model", "temperature", "top_k", "min_p", "draw"]
    desk(m.TellStory(10**6))
    assert "no token 1000000" in desk.only(m.Trouble).message


def test_many_draws_are_told_and_take_nothing(desk: Desk) -> None:
    desk(m.DrawMany(500))
    told = desk.only(m.ManyDrawn)
    assert told.count == 500 == sum(times for _, times in told.times)
    assert len(told.times) <= 5
    assert len(desk.session.token_ids) == 0


def test_a_needle_is_moved_at_the_place_it_was_seen_at(desk: Desk) -> None:
    desk(m.SetDecoding(DecodingSettings(method="dart")))
    node = desk.only(m.FrameReady).frame.node
    desk(m.MoveNeedle(0.0, node))
    frame = desk.only(m.FrameReady).frame
    assert (frame.draw.u, frame.draw.needle, frame.choice.rank) == (0.0, "moved", 1)
    desk(m.Step())
    desk(m.MoveNeedle(0.9, node))  # the text has gone on: it would move another place's
    assert not desk.said
    desk(m.MoveNeedle(1.5))
    assert "needle" in desk.only(m.Trouble).message


def test_pictures_come_when_asked_for_and_stay_for_the_next_model(desk: Desk, folder: Path) -> None:  # noqa: F811
    assert not any(report.pictures for report in desk.said[-1].frame.stages)
    desk(m.ShowPictures(True))
    assert all(report.pictures for report in desk.only(m.FrameReady).frame.stages)
    desk(m.LoadModel(str(folder), "cpu"))
    assert all(report.pictures for report in desk.only(m.FrameReady).frame.stages)
    desk(m.ShowPictures(False))
    assert not any(report.pictures for report in desk.only(m.FrameReady).frame.stages)


def test_looking_takes_nothing_from_the_luck(desk: Desk) -> None:
    def text(*between: m.Command) -> list[int]:
        desk(m.Restart())
        for _ in range(6):
            desk(*between)
            desk(m.Step())
        return list(desk.session.token_ids)

    plain = text()
    looks = (m.TellStory(3), m.DrawMany(1000), m.ShowPictures(True), m.FindTokens("a"), m.CopyAs("transformers"))
    assert text(*looks) == plain
    wiggle = (m.SetDecoding(DecodingSettings(method="dart", needle=0.3)), m.DrawMany(10), m.SetDecoding(CHAIN))
    assert text(*wiggle) == plain


def test_the_chain_is_copied_in_other_words(desk: Desk) -> None:
    desk(m.CopyAs("transformers"))
    copied = desk.only(m.CopiedAs)
    assert "temperature=0.8" in copied.text
    assert "'The cat sat on'" in copied.text
    compile(copied.text, "copied", "exec")
    assert not copied.warnings
    desk(m.SetDecoding(DecodingSettings((StageSetting("xtc", ()),), "dart")), m.CopyAs("transformers"))
    warnings = desk.only(m.CopiedAs).warnings
    assert any("XTC" in w for w in warnings)
    assert any("dart" in w for w in warnings)
    desk(m.CopyAs("llama.cpp"))
    assert "--xtc-probability" in desk.only(m.CopiedAs).text


@pytest.mark.parametrize(
    "command", [m.TellStory(1), m.DrawMany(), m.MoveNeedle(0.5), m.CopyAs("llama.cpp")], ids=lambda c: type(c).__name__
)
def test_without_a_model_looking_is_answered_in_words(command: m.Command) -> None:
    desk = Desk()
    desk(command)
    assert desk.only(m.Trouble).message == "No model is open; open one first."
