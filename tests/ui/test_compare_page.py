"""The compare page in the real program, engine thread and all: what a person does, and what then is on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.types import DecodingSettings
from ntp_studio.settings import Settings
from ntp_studio.ui.actions import COMPARE, INSPECT, TRAIN
from ntp_studio.ui.app import build
from ntp_studio.ui.compare_column import CompareColumn
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.switch import Switch
from tests import checkpoint_makers

WAIT = 60_000


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    for step, seed in ((10, 1), (20, 2)):
        checkpoint_makers.make_hf(place / "run" / f"checkpoint-{step}", "llama", context=300, seed=seed)
    checkpoint_makers.make_hf(place / "gpt2", "gpt2", context=300)
    return place


@pytest.fixture
def open_studio(qtbot: QtBot) -> Iterator[Callable[..., MainWindow]]:
    windows = []

    def make(*argv: str, settings: Settings | None = None) -> MainWindow:
        _, window = build(argv, settings=settings or Settings(seed=7, speed=0.0))
        windows.append(window)
        window.resize(1440, 900)
        window.show()
        return window

    yield make
    for window in windows:
        window.studio.shutdown()
        assert window.studio.engine._thread is None or not window.studio.engine._thread.is_alive()
        window.deleteLater()


@pytest.fixture
def window(open_studio: Callable[..., MainWindow], models: Path, qtbot: QtBot) -> MainWindow:
    """The main page on a llama, and the compare page before it, on the same model."""
    window = open_studio("--model", str(models / "run" / "checkpoint-20"), "--prompt", "The cat sat on")
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not None, timeout=WAIT)
    window.commands["compare"].trigger()
    qtbot.waitUntil(lambda: shown(window).has_text, timeout=WAIT)
    return window


def control(window: MainWindow):
    return window.studio.controller.comparison


def shown(window: MainWindow):
    return control(window).shown


def page(window: MainWindow):
    assert control(window).page is not None
    return control(window).page


def columns(window: MainWindow) -> list[CompareColumn]:
    return list(page(window).columns.values())


def add(window: MainWindow, qtbot: QtBot, path: Path, dtype: str = "auto") -> CompareColumn:
    before = len(columns(window))
    control(window).add(str(path), "cpu", dtype)
    qtbot.waitUntil(lambda: len(columns(window)) == before + 1 and columns(window)[-1].frame is not None, timeout=WAIT)
    return columns(window)[-1]


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    qtbot.keyClick(page(window), key, modifier)


def answered(qtbot: QtBot, window: MainWindow, action: Callable[[], object]) -> None:
    """Do something and wait until all columns have another place."""
    before = [column.frame for column in columns(window)]
    action()
    qtbot.waitUntil(lambda: all(c.frame is not b for c, b in zip(columns(window), before, strict=False)), timeout=WAIT)


def text(column: CompareColumn) -> list[int]:
    return [token.token.id for token in column.page.text.tokens]


def test_it_begins_with_the_model_and_prompt_of_the_main_page(window: MainWindow) -> None:
    (only,) = columns(window)
    assert window.front == COMPARE
    assert text(only) == [token.token.id for token in window.text._page.text.tokens]
    assert page(window).invitation.isVisible()
    assert not window.toolbar.findChild(QWidget, "model_button").isVisible()
    assert window.toolbar.add_button.isVisible()
    assert "1 model" in window.status._device.text()
    assert not window.status.gauge.isVisible()


def test_one_key_steps_all_columns_and_back_again(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    other = add(window, qtbot, models / "gpt2")
    assert not page(window).invitation.isVisible()
    first = columns(window)[0]
    drawn = first.frame.choice.token.id
    start = text(first)
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right))
    assert text(first) == text(other) == [*start, drawn]
    main = window.text._page.text.tokens
    assert len(main) == len(start), "the main page's text stays as it was"
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Left))
    assert first.page.text.cursor == other.page.text.cursor == len(start)
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier))
    assert first.page.text.cursor == len(start) + 1
    assert window.toolbar.seed() == 7
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_R))
    assert first.page.text.cursor == len(start)
    assert "2 models" in window.status._device.text()


def test_the_main_page_and_this_one_do_not_disturb_each_other(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    add(window, qtbot, models / "run" / "checkpoint-10")
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right))
    here = text(columns(window)[0])
    window.toolbar.seed_chosen.emit(99)
    window.commands["compare"].trigger()
    assert window.front == INSPECT
    assert window.toolbar.seed() == 7, "the main page has its own"
    assert window.status.gauge.isVisible()
    assert window.commands["step"].isEnabled()
    frame = window.studio.controller.state.frame
    qtbot.keyClick(window.text, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not frame, timeout=WAIT)
    assert text(columns(window)[0]) == here
    window.commands["compare"].trigger()
    assert window.toolbar.seed() == 99
    assert text(columns(window)[0]) == here
    window.commands["train"].trigger()
    assert (window.front, window.commands["compare"].isChecked()) == (TRAIN, False)
    assert not window.commands["step"].isEnabled()
    window.commands["compare"].trigger()
    assert (window.front, window.commands["train"].isChecked()) == (COMPARE, False)
    assert window.commands["step"].isEnabled()


def test_a_click_on_a_bar_forces_its_token_in_every_column(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    other = add(window, qtbot, models / "gpt2")
    qtbot.waitUntil(lambda: len(other.chart.rows) > 4, timeout=WAIT)
    row = next(i for i, r in enumerate(other.chart.rows) if r.candidate and r.candidate.token.id != 0)
    token = other.chart.rows[row].candidate.token
    where = other.chart.row_rect(row).center().toPoint()
    answered(qtbot, window, lambda: qtbot.mouseClick(other.chart.viewport(), Qt.MouseButton.LeftButton, pos=where))
    assert all(text(column)[-1] == token.id for column in columns(window))
    answered(qtbot, window, lambda: page(window).disagreement.force_text.emit(" and"))
    told = ["".join(t.token.text for t in column.page.text.tokens) for column in columns(window)]
    assert all(each.endswith(token.text + " and") for each in told)


def test_playing_stops_at_the_second_press_and_when_the_page_is_left(
    window: MainWindow, qtbot: QtBot, models: Path
) -> None:
    add(window, qtbot, models / "gpt2")
    press(qtbot, window, Qt.Key.Key_Space)
    assert window.commands["play"].text() == "Pause"
    press(qtbot, window, Qt.Key.Key_Space)
    assert window.commands["play"].text() == "Play"
    desk = window.studio.engine.workbench.comparison
    qtbot.waitUntil(lambda: desk.playing is None and not shown(window).playing, timeout=WAIT)
    press(qtbot, window, Qt.Key.Key_Space)
    window.commands["compare"].trigger()
    qtbot.waitUntil(lambda: desk.playing is None, timeout=WAIT)
    assert window.front == INSPECT


def test_columns_are_moved_duplicated_and_removed(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    other = add(window, qtbot, models / "gpt2")
    first = columns(window)[0]
    other.move_requested.emit(other.number, 0)
    qtbot.waitUntil(lambda: columns(window) == [other, first], timeout=WAIT)
    qtbot.waitUntil(lambda: other.geometry().left() < first.geometry().left(), timeout=WAIT)
    first.duplicate_requested.emit(first.number)
    qtbot.waitUntil(lambda: len(columns(window)) == 3, timeout=WAIT)
    other.remove_requested.emit(other.number)
    qtbot.waitUntil(lambda: len(columns(window)) == 2, timeout=WAIT)
    assert other not in columns(window)
    for column in columns(window):
        column.remove_requested.emit(column.number)
    qtbot.waitUntil(lambda: not columns(window), timeout=WAIT)
    assert page(window).invitation.isVisible()
    assert not window.commands["step"].isEnabled()
    add(window, qtbot, models / "gpt2")
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right))


def test_what_cannot_be_opened_says_so_in_its_place(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    control(window).add(str(tmp_path / "nothing here"))
    qtbot.waitUntil(lambda: bool(shown(window).refusal), timeout=WAIT)
    (refused,) = page(window).loading.values()
    assert refused.isVisible()
    refused.dismissed.emit(refused.request)
    qtbot.waitUntil(lambda: not page(window).loading, timeout=WAIT)
    assert page(window).invitation.isVisible()


def test_decoding_is_linked_or_each_its_own(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    other = add(window, qtbot, models / "run" / "checkpoint-20")
    first = columns(window)[0]
    other.decoding_requested.emit(other.number)
    drawer = page(window).drawer
    assert drawer.isVisible()
    greedy = DecodingSettings(method="greedy")
    answered(qtbot, window, lambda: drawer.panel.changed.emit(greedy))
    assert [c.frame.draw.method for c in (first, other)] == ["greedy", "greedy"]
    qtbot.waitUntil(lambda: drawer.panel.settings().method == "greedy", timeout=WAIT)
    drawer.findChild(Switch, "linked_decoding").click()
    assert drawer.findChild(QToolButton, "decoding_of_B").isChecked()
    answered(qtbot, window, lambda: drawer.panel.changed.emit(DecodingSettings()))
    assert [c.frame.draw.method for c in (first, other)] == ["greedy", "race"]
    drawer.findChild(QToolButton, "decoding_of_A").click()
    assert drawer.panel.settings().method == "greedy"
    answered(qtbot, window, lambda: window.toolbar.preset_chosen.emit("creative"))
    qtbot.waitUntil(lambda: bool(first.frame.stages), timeout=WAIT)
    assert not other.frame.stages, "it is linked no longer"
    assert window.studio.controller.state.settings.decoding.method == "race", "the main page keeps its own"
    drawer.closed.emit()
    assert not drawer.isVisible()


def test_the_worst_places_are_gone_to_with_keys(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    add(window, qtbot, models / "run" / "checkpoint-10")
    for _ in range(5):
        answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right))
    qtbot.waitUntil(lambda: shown(window).settled, timeout=WAIT)
    first = columns(window)[0]
    end = first.page.text.cursor
    seed = window.toolbar.seed()
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_N))
    worst = first.page.text.cursor
    figures = {
        stretch.tokens[0][0]: stretch.pairs[0].divergence.forward
        for stretch in shown(window)._stretches
        if stretch.pairs[0].divergence is not None
    }
    assert figures[worst] == max(figures.values())
    assert window.toolbar.seed() == seed, "N is no new seed here"
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_N))
    assert figures[first.page.text.cursor] == sorted(figures.values())[-2]
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_P))
    assert first.page.text.cursor == worst
    answered(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_End))
    assert first.page.text.cursor == end


def test_the_prompt_is_edited_for_all(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    other = add(window, qtbot, models / "gpt2")
    press(qtbot, window, Qt.Key.Key_F2)
    assert page(window).editing
    assert not window.commands["step"].isEnabled()
    page(window).editor.set_text("A dog sat")
    qtbot.waitUntil(lambda: bool(page(window).editor._chips.text.tokens), timeout=WAIT)
    answered(qtbot, window, page(window).editor.submit)
    assert not page(window).editing
    assert "".join(t.token.text for t in other.page.text.tokens) == "A dog sat"
    assert window.text.prompt_text == "The cat sat on"
    press(qtbot, window, Qt.Key.Key_F2)
    press(qtbot, window, Qt.Key.Key_Escape)
    assert not page(window).editing
    assert window.commands["step"].isEnabled()


def test_a_text_is_scored_and_the_columns_come_back(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    add(window, qtbot, models / "gpt2")
    window.commands["score_text"].trigger()
    score = page(window).score
    assert score.isVisible()
    assert not page(window).disagreement.isVisible()
    score.input.submit()  # the text of the columns is offered
    qtbot.waitUntil(lambda: score.result.isVisible(), timeout=WAIT)
    score.score_text.emit("The cat sat on the mat.", "a mat")
    qtbot.waitUntil(lambda: score.result.isVisible(), timeout=WAIT)
    score.closed.emit()
    assert page(window).disagreement.isVisible()
    assert not window.commands["score_text"].isChecked()


def test_a_model_dropped_here_is_another_column(window: MainWindow, qtbot: QtBot, models: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(models / "gpt2"))])
    at = QPointF(300, 300)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(at, Qt.DropAction.CopyAction, data, buttons, keys))
    qtbot.waitUntil(lambda: len(columns(window)) == 2, timeout=WAIT)
    assert window.studio.controller.state.info.path.endswith("checkpoint-20"), "the main page keeps its model"


def test_the_list_of_models_offers_snapshots_and_tells_what_they_need(window: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, window, Qt.Key.Key_A)
    picker = control(window)._picker
    assert picker is not None
    qtbot.waitUntil(picker.isVisible)
    path = next(path for _, path in control(window)._series.snapshots if path.endswith("checkpoint-10"))
    picker.choose_path(path)
    button = picker.findChild(QAbstractButton, "need_add")
    qtbot.waitUntil(button.isEnabled, timeout=WAIT)
    button.click()
    qtbot.waitUntil(lambda: len(columns(window)) == 2, timeout=WAIT)
    assert not picker.isVisible()


def test_several_models_at_the_start_are_compared(
    open_studio: Callable[..., MainWindow], models: Path, qtbot: QtBot
) -> None:
    paths = [str(models / "gpt2"), str(models / "run" / "checkpoint-10"), str(models / "gpt2")]
    window = open_studio(*(word for path in paths for word in ("--model", path)), "--prompt", "The cat")
    qtbot.waitUntil(lambda: control(window).page is not None and len(columns(window)) == 3, timeout=WAIT)
    qtbot.waitUntil(lambda: all(column.frame is not None for column in columns(window)), timeout=WAIT)
    assert window.front == COMPARE
    assert QApplication.activeModalWidget() is None
