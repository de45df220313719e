"""In the whole window: what is moved shows at once what it does, at past steps too, and looking takes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ntp_studio import messages as m
from ntp_studio.core.decoding import STAGES, settings_from_names
from ntp_studio.core.types import StepFrame
from ntp_studio.settings import Settings
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.parameter_slider import ParameterSlider
from tests.ui.test_main_window import WAIT, gpt2, llama, open_studio, window  # noqa: F401  (fixtures)


def frame(window: MainWindow) -> StepFrame:  # noqa: F811
    return window.studio.controller.state.frame


def until_frame(qtbot: QtBot, window: MainWindow, test: Callable[[StepFrame], bool]) -> StepFrame:  # noqa: F811
    qtbot.waitUntil(lambda: frame(window) is not None and test(frame(window)), timeout=WAIT)
    return frame(window)


def steps(qtbot: QtBot, window: MainWindow, count: int) -> None:  # noqa: F811
    for _ in range(count):
        at = frame(window).step
        window.commands["step"].trigger()
        until_frame(qtbot, window, lambda f, at=at: f.step == at + 1)


def test_a_card_moved_at_a_past_step_redraws_all_of_it_without_the_model(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    steps(qtbot, window, 4)
    drawn = frame(window)
    window.commands["back"].trigger()
    past = until_frame(qtbot, window, lambda f: f.step == drawn.step - 1)
    assert past.taken is not None
    assert not past.taken.changed
    window.decoding.add_stage("typical_p")
    cut = until_frame(qtbot, window, lambda f: [r.name for r in f.stages] == ["typical_p"])
    assert cut.model_ms == 0.0, "what was read once is not read again"
    assert cut.step == past.step
    assert cut.taken is not None
    assert cut.taken.changed
    card = window.decoding.card("typical_p")
    qtbot.waitUntil(lambda: card.outcome.pictures is not None and card.outcome.pictures.isVisible(), timeout=WAIT)
    assert card.outcome.threshold.text == cut.stages[0].threshold
    window.commands["undo_decoding"].trigger()
    assert until_frame(qtbot, window, lambda f: not f.stages).choice == past.choice


def test_every_method_can_be_put_on_the_panel_and_acts(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    steps(qtbot, window, 2)
    for name in STAGES:
        window.decoding.add_stage(name)
    assert {card.name for card in window.decoding.cards} == set(STAGES)
    window.decoding.card("mirostat").switch.click()  # it would let the cuts rest
    needs_words = {"bias", "bans", "stop"}
    active = {name for name in STAGES if name not in needs_words | {"mirostat"}}
    told = until_frame(qtbot, window, lambda f: active <= {r.name for r in f.stages})
    by_name = {report.name: report for report in told.stages}
    for card in window.decoding.cards:
        if card.name in active:
            assert card.outcome.threshold.text in (by_name[card.name].threshold, "")


def test_a_story_is_told_in_both_columns_and_follows_the_steps(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    window.decoding.add_stage("min_p")
    until_frame(qtbot, window, lambda f: bool(f.stages))
    chosen = frame(window).choice.token
    window.commands["story"].trigger()
    qtbot.waitUntil(lambda: window.next.story.story is not None, timeout=WAIT)
    story = window.next.story.story
    assert story.candidate.token == chosen
    line = next(line for line in story.lines if line.stage == "min_p")
    assert window.decoding.card("min_p").outcome.story.text == line.words
    steps(qtbot, window, 1)
    qtbot.waitUntil(lambda: window.next.story.story not in (None, story), timeout=WAIT)
    assert window.next.story.story.candidate.token == chosen
    window.commands["cancel"].trigger()
    assert window.next.story.story is None
    assert not window.decoding.card("min_p").outcome.story.text


def test_the_needle_is_moved_held_and_given_back(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    window.commands["dart"].trigger()
    seeds = until_frame(qtbot, window, lambda f: f.draw.method == "dart").draw
    window.next.needle_moved.emit(0.0)
    moved = until_frame(qtbot, window, lambda f: f.draw.needle == "moved")
    assert moved.choice.rank == 1
    window.commands["hold_needle"].trigger()
    qtbot.waitUntil(lambda: window.decoding.settings().needle == 0.0, timeout=WAIT)
    steps(qtbot, window, 1)
    assert (frame(window).draw.needle, frame(window).draw.u) == ("held", 0.0)
    window.commands["back"].trigger()
    until_frame(qtbot, window, lambda f: f.step == 1)
    window.next.needle_released_to_seed.emit()
    assert until_frame(qtbot, window, lambda f: f.draw.needle == "seed").draw == seeds
    window.commands["greedy"].trigger()
    until_frame(qtbot, window, lambda f: f.draw.method == "greedy")
    window.commands["greedy"].trigger()
    assert until_frame(qtbot, window, lambda f: f.draw.method == "dart").draw == seeds, "the dart, not the race"


def test_a_thousand_draws_are_asked_again_for_every_distribution(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    told: list[m.ManyDrawn] = []
    window.studio.controller.presenter.listeners.append(
        lambda event: told.append(event) if isinstance(event, m.ManyDrawn) else None
    )
    window.commands["draw_many"].trigger()
    qtbot.waitUntil(lambda: len(told) == 1, timeout=WAIT)
    assert sum(times for _, times in told[0].times) == 1000
    steps(qtbot, window, 1)
    qtbot.waitUntil(lambda: told[-1].node == frame(window).node, timeout=WAIT)
    window.commands["draw_many"].trigger()
    count = len(told)
    steps(qtbot, window, 1)
    assert len(told) == count


def test_the_chain_goes_to_the_clipboard_in_other_words(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    window.decoding.add_stage("top_a")
    window.commands["copy_transformers"].trigger()
    qtbot.waitUntil(lambda: "model.generate(" in QApplication.clipboard().text(), timeout=WAIT)
    window.commands["copy_llamacpp"].trigger()
    qtbot.waitUntil(lambda: "--samplers" in QApplication.clipboard().text(), timeout=WAIT)


def test_the_same_text_with_everything_open_and_wiggled_after_save_and_load(
    open_studio: Callable[..., MainWindow],  # noqa: F811
    gpt2: Path,  # noqa: F811
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    """The main promise, in the real window: what is looked at or tried out in between makes no difference."""
    argv = (
        "--model",
        str(gpt2),
        "--prompt",
        "The cat sat on",
        "--set",
        "temperature=0.9",
        "--set",
        "xtc_probability=0.5",
    )
    plain = open_studio(*argv, settings=Settings(seed=3, pictures=False))
    until_frame(qtbot, plain, lambda f: True)
    steps(qtbot, plain, 12)

    busy = open_studio(*argv, settings=Settings(seed=3))
    until_frame(qtbot, busy, lambda f: True)
    busy.commands["draw_many"].trigger()
    busy.commands["story"].trigger()
    saved = tmp_path / "text.ntpstudio"
    state = busy.studio.controller.state
    for n in range(12):
        slider = busy.decoding.card("temperature").findChild(ParameterSlider)
        for value in (0.2, 1.7, 0.9):
            slider._take(value)
        qtbot.waitUntil(lambda: state.settings.decoding == busy.decoding.settings(), timeout=WAIT)
        if n == 4:
            busy.commands["dart"].trigger()
            until_frame(qtbot, busy, lambda f: f.draw.method == "dart")
            busy.commands["dart"].trigger()
            until_frame(qtbot, busy, lambda f: f.draw.method == "race")
        if n == 8:
            busy.studio.controller.sessions.save_as(str(saved))
            qtbot.waitUntil(saved.exists, timeout=WAIT)
        steps(qtbot, busy, 1)
    wanted = [token.token.id for token in plain.text._page.text.tokens]
    assert [token.token.id for token in busy.text._page.text.tokens] == wanted

    again = open_studio(str(saved), settings=Settings(seed=99))
    until_frame(qtbot, again, lambda f: f.step == 9)
    assert again.studio.controller.state.settings.seed == 3
    steps(qtbot, again, 4)
    assert [token.token.id for token in again.text._page.text.tokens] == wanted
    assert json.loads(saved.read_text())["format"] == "ntp-studio session"


def test_where_nothing_is_allowed_no_figure_of_another_place_is_left(window: MainWindow, qtbot: QtBot) -> None:  # noqa: F811
    steps(qtbot, window, 1)
    everything = [f"#{i}=ban" for i in range(frame(window).vocab_size)]
    window.decoding.set_settings(settings_from_names({"sequence_bias": everything}))
    window.decoding.changed.emit(window.decoding.settings())
    qtbot.waitUntil(lambda: window.next.frame is None, timeout=WAIT)
    assert "No token is allowed here" in window.status.text()
    card = window.decoding.card("bias")
    assert "0 kept" in card.outcome.caption.parts()[1]
    assert window.commands["back"].isEnabled()
    window.commands["step"].trigger()
    qtbot.waitUntil(lambda: "No token is allowed here" in window.notice.text(), timeout=WAIT)
    window.commands["undo_decoding"].trigger()
    qtbot.waitUntil(lambda: window.next.frame is not None, timeout=WAIT)
    assert not window.notice.isVisible()
    assert "allowed" not in window.status.text()


@pytest.mark.parametrize("name", ["llama.cpp", "koboldcpp", "webui", "transformers"])
def test_an_order_is_taken_and_can_be_taken_back(window: MainWindow, qtbot: QtBot, name: str) -> None:  # noqa: F811
    for stage in ("temperature", "top_p", "min_p"):
        window.decoding.add_stage(stage)
    before = until_frame(qtbot, window, lambda f: len(f.stages) == 3)
    window.decoding.choose_order(name)
    orders = {
        "llama.cpp": ["top_p", "min_p", "temperature"],
        "koboldcpp": ["top_k", "top_p", "min_p", "temperature"],
        "webui": ["temperature", "top_p", "min_p"],
        "transformers": ["temperature", "top_p", "min_p"],
    }
    until_frame(qtbot, window, lambda f: [r.name for r in f.stages] == orders[name])
    if name in ("llama.cpp", "koboldcpp"):
        window.commands["undo_decoding"].trigger()
        after = until_frame(qtbot, window, lambda f: [r.name for r in f.stages] == ["temperature", "top_p", "min_p"])
        assert after.choice == before.choice
