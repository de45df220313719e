"""The Train panel in the real program, worker thread and all: what a person does there and what then stands on it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from ntp_studio import settings as settings_file
from ntp_studio.settings import Settings
from ntp_studio.training_messages import TrainingPhase
from ntp_studio.ui.app import build
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.seed_field import SeedField
from ntp_studio.ui.train_page import TrainPage
from tests import checkpoint_makers

WAIT = 60_000
TINY = (
    ("kind", "new"), ("layers", 1), ("across", 16), ("heads", 2), ("vocab", 300), ("block", 16), ("steps", 12),
    ("batch", 2), ("evaluate", 4), ("held_out", 10.0),
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of such small models wait for each other, for long where the machine has other work."""
    monkeypatch.setattr("ntp_studio.core.devices.cpu_threads", lambda: 1)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    rng = random.Random(1)
    path = tmp_path / "grammar.txt"
    words = ("bal", "dorim", "kesu", "lop")
    path.write_text("".join(f"the {rng.choice(words)} sees a {rng.choice(words)}.\n" for _ in range(400)))
    return path


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-gpt2", "gpt2")


@pytest.fixture
def open_studio(qtbot: QtBot, text: Path, tmp_path: Path) -> Iterator[Callable[..., MainWindow]]:
    windows = []

    def make(*argv: str, training: tuple = TINY) -> MainWindow:
        settings = Settings(
            seed=7, speed=0.0, device="cpu", training=training, training_texts=(str(text),),
            training_folder=str(tmp_path / "results"),
        )  # fmt: skip
        _, window = build(argv, settings=settings)
        windows.append(window)
        window.resize(1280, 800)
        window.show()
        return window

    yield make
    for window in windows:
        window.studio.shutdown()
        assert window.studio.engine._thread is None or not window.studio.engine._thread.is_alive()
        window.deleteLater()


@pytest.fixture
def window(open_studio: Callable[..., MainWindow]) -> MainWindow:
    window = open_studio()
    window.commands["train"].trigger()
    return window


@pytest.fixture
def page(window: MainWindow) -> TrainPage:
    return page_of(window)


def page_of(window: MainWindow) -> TrainPage:
    page = window.studio.controller.training.page
    assert page is not None
    return page


def press(qtbot: QtBot, page: TrainPage, name: str) -> None:
    button = page.findChild(QPushButton, name)
    assert button.isVisible()
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def title(page: TrainPage) -> str:
    return page._title.text()


def run_to_the_end(qtbot: QtBot, page: TrainPage) -> None:
    press(qtbot, page, "train_start")
    qtbot.waitUntil(lambda: title(page).startswith("Done"), timeout=WAIT)


def test_the_panel_is_made_when_asked_for_and_leads_back(
    open_studio: Callable[..., MainWindow], gpt2: Path, qtbot: QtBot
) -> None:
    window = open_studio("--model", str(gpt2), "--prompt", "The cat")
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not None, timeout=WAIT)
    assert window.studio.controller.training.page is None
    assert window.commands["step"].isEnabled()
    window.commands["train"].trigger()
    assert page_of(window).isVisible()
    assert not window.splitter.isVisible()
    assert not window.commands["step"].isEnabled(), "keys must not change a text that is out of sight"
    seed = window.toolbar.seed()
    for key in (Qt.Key.Key_N, Qt.Key.Key_G, Qt.Key.Key_L, Qt.Key.Key_Plus):
        qtbot.keyClick(page_of(window), key)
    assert (window.toolbar.seed(), window.toolbar.speed()) == (seed, 0.0)
    assert not window.commands["greedy"].isChecked()
    assert not window.commands["play_snapshots"].isVisible()
    assert not window.toolbar.findChild(SeedField).isEnabled()
    window.commands["train"].trigger()
    assert window.toolbar.findChild(SeedField).isEnabled()
    assert window.commands["new_seed"].isEnabled()
    assert window.splitter.isVisible()
    assert window.commands["step"].isEnabled()


def test_a_run_draws_its_curve_and_figures_and_its_result_opens(
    window: MainWindow, page: TrainPage, qtbot: QtBot, tmp_path: Path
) -> None:
    run_to_the_end(qtbot, page)
    assert page.curve.counts == (12, 4), "every update, and the evaluations at 0, 4, 8 and 12"
    assert page.figures.value("step") == "12 / 12"
    loss = float(page.figures.value("held_out"))
    assert float(page.figures.value("perplexity").replace(",", "")) == pytest.approx(math.exp(loss), rel=0.01)
    assert 0 < float(page.figures.value("bytes")) < 10
    assert page.watch.bars.frame is not None
    assert len(page.watch.bars.base) == len(page.watch.bars.frame.candidates)
    assert math.fsum(row.processed_probability for row in page.watch.bars.rows()) == pytest.approx(1.0)
    assert math.fsum(row.probability for row in page.watch.bars.rows()) == pytest.approx(1.0)
    press(qtbot, page, "train_open")
    qtbot.waitUntil(lambda: window.studio.controller.state.info is not None, timeout=WAIT)
    assert window.studio.controller.state.info.path == str(tmp_path / "results" / "grammar-1")
    assert window.splitter.isVisible()
    assert page.form.output.text() == str(tmp_path / "results" / "grammar-2"), "the next run needs another folder"


def test_comparing_shows_both_models_side_by_side(page: TrainPage, qtbot: QtBot) -> None:
    run_to_the_end(qtbot, page)
    press(qtbot, page, "train_compare")
    qtbot.waitUntil(page.comparison.isVisible, timeout=WAIT)
    table = page.comparison.table()
    assert table[0] == ["", "before", "after 12 steps", "change"]
    for _, before, after, change in table[1:]:
        assert float(after.replace(",", "")) < float(before.replace(",", ""))
        assert change.startswith("−")
    assert page.comparison.before.frame is not None
    assert page.comparison.after.base
    press(qtbot, page, "comparison_back")
    assert page.curve.isVisible()
    assert title(page).startswith("Done after 12 steps")


def test_pause_resume_stop_and_going_on(page: TrainPage, window: MainWindow, qtbot: QtBot) -> None:
    page.form.steps.setValue(100_000)
    press(qtbot, page, "train_start")
    qtbot.waitUntil(lambda: page.curve.counts[0] > 2, timeout=WAIT)
    assert not page.form.isEnabled()
    press(qtbot, page, "train_pause")
    qtbot.waitUntil(lambda: title(page) == "Paused", timeout=WAIT)
    done = page.curve.counts[0]
    press(qtbot, page, "train_continue")
    qtbot.waitUntil(lambda: page.curve.counts[0] > done, timeout=WAIT)
    press(qtbot, page, "train_stop")
    qtbot.waitUntil(lambda: title(page).startswith("Stopped after"), timeout=WAIT)
    stopped = page.curve.counts[0]
    assert f"Stopped after {stopped:,} steps" in title(page)
    press(qtbot, page, "train_continue")  # the run in its folder goes on, with its curve
    qtbot.waitUntil(lambda: page.curve.counts[0] > stopped, timeout=WAIT)
    press(qtbot, page, "train_stop")
    qtbot.waitUntil(lambda: title(page).startswith("Stopped after"), timeout=WAIT)


def test_the_text_can_be_stepped_while_a_training_runs(
    open_studio: Callable[..., MainWindow], gpt2: Path, qtbot: QtBot
) -> None:
    window = open_studio("--model", str(gpt2), "--prompt", "The cat", training=(*TINY, ("steps", 1_000_000)))
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not None, timeout=WAIT)
    window.commands["train"].trigger()
    page = page_of(window)
    press(qtbot, page, "train_start")
    qtbot.waitUntil(lambda: page.curve.counts[0] > 0, timeout=WAIT)
    window.commands["train"].trigger()
    assert "training goes on" in window.status.text()
    before, updates = window.studio.controller.state.frame, page.curve.counts[0]
    window.commands["step"].trigger()
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not before, timeout=WAIT)
    qtbot.waitUntil(lambda: page.curve.counts[0] > updates, timeout=WAIT)
    assert window.toolbar._train.detail() == "0%"


def test_closing_the_window_keeps_the_run(window: MainWindow, page: TrainPage, qtbot: QtBot, tmp_path: Path) -> None:
    page.form.steps.setValue(100_000)
    press(qtbot, page, "train_start")
    qtbot.waitUntil(lambda: page.curve.counts[0] > 0, timeout=WAIT)
    window.close()
    assert (tmp_path / "results" / "grammar-1" / "training" / "state.pt").is_file()
    assert (tmp_path / "results" / "grammar-1" / "model.safetensors").is_file()


def test_another_prompt_is_looked_at_at_once(page: TrainPage, qtbot: QtBot) -> None:
    run_to_the_end(qtbot, page)
    before = page.watch.bars.frame
    page.watch.prompt.selectAll()
    qtbot.keyClicks(page.watch.prompt, "the kesu sees")
    qtbot.waitUntil(lambda: page.watch.bars.frame is not before, timeout=WAIT)
    page.watch.base_switch.setChecked(False)
    assert page.watch.bars.base == ()
    page.watch.prompt.selectAll()
    qtbot.keyClicks(page.watch.prompt, "the kesu sees a bal. " * 8)
    qtbot.waitUntil(lambda: "context holds 16" in page.watch.problem, timeout=WAIT)
    assert not page.watch.bars.isVisible()


def test_another_start_clears_the_run_before(page: TrainPage, qtbot: QtBot) -> None:
    run_to_the_end(qtbot, page)
    assert "at step 12" in page.figures.held_out_at
    page.show_phase(TrainingPhase("preparing"))
    assert page.curve.counts == (0, 0)
    assert page.figures.held_out_at == ""
    assert page.figures.value("step") == page.figures.value("held_out") == "—"
    assert page.watch.bars.frame is None
    page.show_phase(TrainingPhase("ended"))


def test_what_cannot_be_meant_is_said_in_place(page: TrainPage, qtbot: QtBot) -> None:
    page.form.rate.setText("fast")
    press(qtbot, page, "train_start")
    assert "such as 0.001" in page.problem()
    page.form.rate.setText("1e-3")
    assert page.problem() == ""
    page.form.heads.setValue(3)
    press(qtbot, page, "train_start")
    assert "16 cannot be shared out among 3 heads" in page.problem()
    page.form.heads.setValue(2)
    page.form.files.set_paths(())
    press(qtbot, page, "train_start")
    assert "Add a text file" in page.problem()
    assert title(page) == "No training yet"


def test_what_the_worker_refuses_is_said_in_place_and_start_works_again(
    page: TrainPage, qtbot: QtBot, tmp_path: Path
) -> None:
    short = tmp_path / "short.txt"
    short.write_text("too short")
    good = page.form.files.paths()
    page.form.files.set_paths((str(short),))
    press(qtbot, page, "train_start")
    qtbot.waitUntil(lambda: "fewer than one block" in page.problem(), timeout=WAIT)
    page.form.files.set_paths(good)
    run_to_the_end(qtbot, page)


@pytest.mark.parametrize("name", ["n" * 300, "~nobody-of-this-name/x"])
def test_a_folder_that_cannot_be_is_said_in_place_and_start_works_again(
    page: TrainPage, qtbot: QtBot, tmp_path: Path, name: str
) -> None:
    good = page.form.output.text()
    page.form.output.setText(name if name.startswith("~") else str(tmp_path / name))
    press(qtbot, page, "train_start")
    qtbot.waitUntil(lambda: page.problem() != "", timeout=WAIT)
    page.form.output.setText(good)
    run_to_the_end(qtbot, page)


def test_the_open_model_is_the_snapshot_on_view(
    open_studio: Callable[..., MainWindow], qtbot: QtBot, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for step in (5, 300):
        checkpoint_makers.make_hf(run / f"checkpoint-{step}", "gpt2")
    window = open_studio("--model", str(run / "checkpoint-5"), "--prompt", "The cat")
    state = window.studio.controller.state
    qtbot.waitUntil(lambda: state.frame is not None, timeout=WAIT)
    window.commands["train"].trigger()
    window.commands["train"].trigger()
    window.time_lapse.skip()
    qtbot.waitUntil(lambda: state.info.path.endswith("checkpoint-300"), timeout=WAIT)
    form = page_of(window).form
    form.kind.choose("open")
    assert dict(form.values())["base"] == str(run / "checkpoint-300")


def test_text_files_can_be_dropped(page: TrainPage, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("more")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(more)), QUrl.fromLocalFile(str(tmp_path))])
    before = page.form.files.paths()
    none = Qt.KeyboardModifier.NoModifier
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, none)
    page.dropEvent(drop)
    assert page.form.files.paths() == (*before, str(more)), "folders are no text"


def test_what_was_chosen_is_remembered(qtbot: QtBot, text: Path, tmp_path: Path) -> None:
    _, window = build([])
    window.show()
    window.commands["train"].trigger()
    form = page_of(window).form
    form.files.add([str(text)])
    form.output.setText(str(tmp_path / "mine" / "first"))
    form.preset.choose("bundled")
    form.unit.choose("epochs")
    form.epochs.setValue(2.5)
    window.close()
    kept = settings_file.load()
    assert kept.training_texts == (str(text),)
    window.deleteLater()
    _, again = build([])
    again.show()
    again.commands["train"].trigger()
    values = dict(page_of(again).form.values())
    assert (values["epochs"], values["layers"], values["vocab_size"], values["context"]) == (2.5, 4, 4096, 256)
    assert "steps" not in values
    assert values["output"] == str(tmp_path / "mine" / "grammar-1")
    again.close()
    again.deleteLater()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1100, 700), (1440, 900)])
def test_nothing_is_clipped_at_any_size(
    open_studio: Callable[..., MainWindow], qtbot: QtBot, theme: str, size: tuple[int, int]
) -> None:
    window = open_studio("--theme", theme)
    window.resize(*size)
    window.commands["train"].trigger()
    page = page_of(window)
    run_to_the_end(qtbot, page)
    assert (window.width(), window.height()) == size
    form, view = page.form, page.form.parentWidget()
    assert form.width() <= view.width(), "the form never scrolls sideways"
    for part in (page.curve, page.watch.bars, *page.figures.cards.values()):
        assert part.mapTo(page, part.rect().bottomRight()).x() < page.width()
        assert part.mapTo(page, part.rect().bottomRight()).y() < page.height()
    assert len(page.watch.bars.rows()) >= 3
