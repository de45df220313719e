"""Parts of the Train panel without a worker: the form's choices, the curve's figures, the bars' rows, plain numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMainWindow
from pytestqt.qtbot import QtBot

from ntp_studio.core.training import Recipe
from ntp_studio.ui.actions import Actions
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_bars import PromptBars
from ntp_studio.ui.train_curve import MOST_POINTS, LossCurve, _thinned
from ntp_studio.ui.train_form import TrainForm
from ntp_studio.ui.train_values import (
    RATES,
    SIZES,
    Size,
    log_ticks,
    nice_ticks,
    proposed_folder,
    short_count,
    snapshot_steps,
    span,
    unfinished_run,
)
from tests.ui.frames import make_frame


@pytest.fixture
def form(theme: Theme, qtbot: QtBot, tmp_path: Path) -> TrainForm:
    form = TrainForm(theme)
    qtbot.addWidget(form)
    text = tmp_path / "tales.txt"
    text.write_text("once upon a time")
    form.set_parent_folder(str(tmp_path))
    form.files.add([str(text)])
    return form


@pytest.mark.parametrize("size", [*SIZES.values(), Size(1, 8, 2, 300, 16)])
def test_the_count_of_parameters_is_that_of_the_network(size: Size) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=size.vocab_size, n_positions=size.context, n_embd=size.width, n_layer=size.layers, n_head=size.heads
    )
    assert sum(p.numel() for p in GPT2LMHeadModel(config).parameters()) == size.parameters


def test_the_form_gives_a_recipe(form: TrainForm, tmp_path: Path) -> None:
    assert form.problem() == ""
    recipe = Recipe(**dict(form.values()))
    recipe.check()
    assert recipe.output == str(tmp_path / "tales-1")
    assert (recipe.steps, recipe.epochs, recipe.base) == (1000, None, None)
    small = SIZES["small"]
    assert (recipe.layers, recipe.width, recipe.vocab_size) == (small.layers, small.width, small.vocab_size)


def test_what_is_trained_brings_its_usual_learning_rate_unless_a_person_chose_one(form: TrainForm) -> None:
    form.set_open_model("tiny", "/models/tiny")
    form.kind.choose("open")
    assert form.rate.value == RATES["all"]
    form.scope.choose("lora")
    values = dict(form.values())
    assert (values["learning_rate"], values["base"], values["scope"]) == (RATES["lora"], "/models/tiny", "lora")
    assert "layers" not in values
    form.rate.setText("3e-4")
    form.kind.choose("new")
    assert form.rate.value == 3e-4


def test_a_changed_shape_is_a_custom_size_and_the_count_follows(form: TrainForm) -> None:
    form.preset.choose("tiny")
    assert f"{SIZES['tiny'].parameters:,}" in form.parameters.text()
    form.layers.setValue(5)
    assert form.preset.value == "custom"
    assert f"{form.shape.parameters:,}" in form.parameters.text()
    form.layers.setValue(SIZES["tiny"].layers)
    assert form.preset.value == "tiny"


def test_remembered_choices_come_back_and_nonsense_is_left_out(form: TrainForm, theme: Theme, qtbot: QtBot) -> None:
    form.preset.choose("medium")
    form.snapshots.choose("many")
    form.patience.setValue(3)
    form.half.setChecked(True)
    other = TrainForm(theme)
    qtbot.addWidget(other)
    other.restore((*form.state(), ("kind", "no such kind"), ("steps", "many"), ("unheard of", 1), ("layers", 10**9)))
    given_back = dict(other.values())
    assert given_back["checkpoint_steps"][:4] == (5, 10, 20, 50)
    assert (given_back["patience"], given_back["save_dtype"]) == (3, "float16")
    assert given_back["layers"] == 200
    assert given_back["steps"] == 1000


def test_a_folder_that_is_taken_is_refused_and_another_proposed(form: TrainForm, tmp_path: Path) -> None:
    taken = Path(form.output.text())
    taken.mkdir()
    assert form.problem() == "", "an empty folder may be used"
    (taken / "model.safetensors").write_bytes(b"")
    assert "not empty" in form.problem()
    form.renew_folder()
    assert form.output.text() == str(tmp_path / "tales-2")
    assert proposed_folder(("/x/a?b.txt",), tmp_path).name == "a-b-1"


def test_the_running_mean_lies_within_the_losses_and_follows_them(theme: Theme, qtbot: QtBot) -> None:
    curve = LossCurve(theme)
    qtbot.addWidget(curve)
    assert math.isnan(curve.mean)
    curve.add([(1, 5.0)])
    assert curve.mean == 5.0
    curve.add([(step, 3.0) for step in range(2, 400)])
    assert curve.mean == pytest.approx(3.0, abs=0.01)
    curve.resize(700, 300)
    curve.show()
    curve.add([], [(0, 5.5), (200, 3.1)])
    curve.log_button.setChecked(True)
    qtbot.waitUntil(lambda: not curve._timer.isActive())
    xs, ys = curve._points.getData()
    assert list(ys) == [3.1], "step 0 has no place on a logarithmic axis"
    assert xs[0] == pytest.approx(math.log10(200))
    curve.clear()
    assert curve.counts == (0, 0)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=4 * MOST_POINTS))
def test_thinning_keeps_the_extremes_in_their_order(values: list[float]) -> None:
    x, y = np.arange(len(values), dtype=float), np.array(values)
    few_x, few_y = _thinned(x, y, extremes=True)
    assert len(few_x) <= MOST_POINTS + 2
    assert (few_y.min(), few_y.max()) == (y.min(), y.max())
    assert np.all(np.diff(few_x) > 0)
    assert _thinned(x, y, extremes=False)[0][-1] == len(values) - 1, "the last figure is always there"


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_few_and_inside(low: float, width: float, most: int) -> None:
    ticks = nice_ticks(low, low + width, most)
    assert len(ticks) <= most + 1
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in ticks)
    logarithmic = log_ticks(1.0, 1.0 + width, most)
    assert len(logarithmic) <= most
    assert all(1.0 <= tick <= 1.0 + width for tick in logarithmic)


def test_the_bars_add_up_and_leave_out_a_base_that_is_not_given(theme: Theme, qtbot: QtBot) -> None:
    bars = PromptBars(theme, "now", "base")
    qtbot.addWidget(bars)
    bars.resize(500, 300)
    frame = make_frame(top=24)
    base = tuple(1e-5 * (i + 1) for i in range(len(frame.candidates)))
    bars.show_frame(frame, base)
    rows = bars.rows()
    assert [row.probability for row in rows[:-1]] == list(base[: len(rows) - 1])
    assert [row.processed_probability for row in rows[:-1]] == [
        c.probability for c in frame.candidates[: len(rows) - 1]
    ]
    assert rows[-1].count == frame.vocab_size - (len(rows) - 1)
    for column in ("probability", "processed_probability"):
        assert math.fsum(getattr(row, column) for row in rows) == pytest.approx(1.0)
    assert "base" in bars.accessibleDescription()
    bars.show()
    with_base = bars.grab().toImage()
    bars.show_frame(frame)
    assert "base" not in bars.accessibleDescription()
    assert bars.grab().toImage() != with_base
    bars.resize(500, 120)
    assert len(bars.rows()) < len(rows)


def test_numbers_in_words() -> None:
    assert [span(s) for s in (0.2, 59, 61, 3599.5, 7260, 200_000, math.inf)] == [
        "1 s", "59 s", "1 min 1 s", "1 h 0 min", "2 h 1 min", "2 d 7 h", "—",
    ]  # fmt: skip
    assert [short_count(c) for c in (30_176, 1_310_000, 124_439_808, 2.4e9)] == ["30,176", "1.31 M", "124 M", "2.4 B"]
    assert snapshot_steps("few")[:5] == (20, 100, 200, 1000, 2000)
    assert snapshot_steps("none") == ()


def test_a_number_out_of_range_stays_and_is_told_with_its_field(form: TrainForm, qtbot: QtBot) -> None:
    form.show()
    for field, typed, words in (
        (form.held_out, "100", "from 0 to 90"),
        (form.batch, "0", "from 1 to 65,536"),
        (form.block, "99999", "from 8 to 65,536"),
    ):
        before = field.value()
        field.lineEdit().setText(typed)
        field.interpretText()
        assert field.value() == float(typed)
        assert words in form.problem()
        form.mark_problem()
        assert field.property("wrong") is True
        form.unmark()
        assert not field.property("wrong")
        field.setValue(before)
        assert form.problem() == ""


def test_a_rate_nobody_could_mean_is_told_and_goes_with_another_kind(form: TrainForm) -> None:
    form.rate.setText("0")
    assert "greater than 0" in form.problem()
    form.set_open_model("tiny", "/models/tiny")
    form.kind.choose("open")
    assert form.rate.value == RATES["all"]


def test_the_recipe_of_a_run_is_shown_and_what_was_chosen_comes_back(form: TrainForm, tmp_path: Path) -> None:
    form.batch.setValue(3)
    before, state, folder = form.values(), form.state(), form.parent_folder()
    run = Recipe(
        ("/else/where.txt",), "/else/run", base="/models/b", scope="lora", lora_rank=4, epochs=2.5, learning_rate=3e-3,
        held_out=0.2, checkpoint_every=7, batch_size=5,
    )  # fmt: skip
    form.show_recipe(tuple(run.saved().items()))
    shown = dict(form.values())
    for name in ("texts", "output", "base", "scope", "lora_rank", "epochs", "learning_rate", "held_out", "batch_size"):
        assert shown[name] == getattr(run, name)
    assert "steps" not in shown
    assert (form.state(), form.parent_folder()) == (state, folder), "what is remembered is the person's own"
    form.show_own()
    assert form.values() == before
    assert form.snapshots.findData("other") < 0


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ({"event": "end", "step": 5, "reason": "stopped"}, (5, True)),
        ({"event": "step", "step": 7, "loss": 1.0}, (7, False)),
        ({"event": "end", "step": 9, "reason": "done"}, None),
    ],
)
def test_the_last_run_is_found_if_it_can_go_on(tmp_path: Path, last: dict, found: tuple | None) -> None:
    assert unfinished_run(tmp_path) is None
    inside = tmp_path / "tales-2" / "training"
    inside.mkdir(parents=True)
    lines = ({"event": "begin"}, {"event": "held_out", "step": 0}, last)
    (inside / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"torn')
    assert unfinished_run(tmp_path) is None, "without a state nothing can go on"
    for name in ("state.pt", "recipe.json"):
        (inside / name).write_text("")
    run = unfinished_run(tmp_path)
    assert (run and (run.step, run.stopped)) == found


def test_return_takes_the_chosen_row_of_an_open_list(theme: Theme, qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    Actions(window)  # with its guard, which keeps Return from the window's shortcuts
    form = TrainForm(theme)
    window.setCentralWidget(form)
    window.show()
    form.preset.showPopup()
    view = form.preset.view()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is view)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert form.preset.value == "bundled"
    assert not view.isVisible()
