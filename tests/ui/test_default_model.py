"""What the window opens on when nothing is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ntp_studio import assets
from ntp_studio.arguments import window_parser
from ntp_studio.settings import Settings
from ntp_studio.ui.app import DEFAULT_PROMPT, _build, with_default


def test_nothing_named_opens_the_bundled_model_on_a_beginning() -> None:
    options = with_default(window_parser().parse_args([]))
    assert options.model == [str(assets.bundled_model())]
    assert options.prompt == DEFAULT_PROMPT


def test_what_is_named_stays() -> None:
    options = with_default(window_parser().parse_args(["--model", "mine"]))
    assert (options.model, options.prompt) == (["mine"], None)
    options = with_default(window_parser().parse_args(["--prompt", ""]))
    assert options.prompt == ""


def test_a_copy_without_the_model_opens_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets, "folder", lambda name: tmp_path)
    options = with_default(window_parser().parse_args([]))
    assert (options.model, options.prompt) == (None, None)


def test_a_method_named_on_the_command_line_gets_its_card(qtbot: QtBot) -> None:
    asked = ["--set", "typical_p=0.9", "--set", "dry_multiplier=0.7", "--set", "dry_base=2"]
    options = window_parser().parse_args(asked)
    _, window = _build(options, Settings())
    qtbot.addWidget(window)
    try:
        assert dict(window.decoding.card("typical_p").setting().values)["typical_p"] == 0.9
        dry = window.decoding.card("dry").setting()
        assert dry.enabled
        assert dict(dry.values) | {"dry_multiplier": 0.7, "dry_base": 2.0} == dict(dry.values)
    finally:
        window.studio.shutdown()  # type: ignore[attr-defined]


def test_the_window_opens_on_the_bundled_model_ready_to_step(qtbot: QtBot) -> None:
    _, window = _build(with_default(window_parser().parse_args([])), Settings())
    qtbot.addWidget(window)
    studio = window.studio  # type: ignore[attr-defined]
    try:
        window.show()
        qtbot.waitUntil(lambda: studio.controller.state.frame is not None, timeout=120_000)
        frame = studio.controller.state.frame
        total = sum(c.probability for c in frame.candidates) + frame.tail_probability
        assert total == pytest.approx(1, abs=1e-5)
        assert frame.context_length == 4  # Once upon a time
        assert window.commands["step"].isEnabled()
        assert studio.controller.state.settings.recent_models == ()  # it is in the menu anyway
    finally:
        studio.shutdown()
