"""The picker that adds a column: what it lists, that nothing is added before its needs are told, keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.compare_messages import ColumnsChanged, ColumnState, NeedTold
from ntp_studio.core.compared import MemoryNeed
from ntp_studio.core.types import DecodingSettings, ModelInfo, ModelListing
from ntp_studio.ui.add_column import AddColumnPicker
from ntp_studio.ui.add_column_list import model_choices
from ntp_studio.ui.theme import Theme

MODELS = (
    ModelListing("smol", "/hub/smol", "hugging face cache", "hugging face", 270_000_000),
    ModelListing("fairy", "/app/fairy", "bundled", "hugging face", 17_000_000),
    ModelListing("old", "/home/old", "recent", "hugging face", 5_000_000),
    ModelListing("broken", "/home/broken", "folder", "hugging face", 0, "It has no tokenizer."),
)
FREE = 12_300_000_000
FULL32 = MemoryNeed("smol", "cpu", "float32", 538_000_000, FREE)
HALF = MemoryNeed("smol", "cpu", "bfloat16", 270_000_000, FREE)


def columns(*names: str) -> ColumnsChanged:
    states = tuple(
        ColumnState(
            number,
            ModelInfo(name, f"/m/{name}", "hugging face", "llama", 1, 10, 10, 10, device="cpu", dtype="float32"),
            DecodingSettings(),
        )
        for number, name in enumerate(names, start=21)
    )
    return ColumnsChanged(1, states, "same text", True)


class Told:
    """What the picker asked for."""

    def __init__(self, picker: AddColumnPicker) -> None:
        self.needs: list[tuple[int, str, str, str]] = []
        self.added: list[tuple[str, str, str]] = []
        self.again: list[int] = []
        picker.need_wanted.connect(self._need)
        picker.add_requested.connect(self._add)
        picker.duplicate_requested.connect(self.again.append)

    def _need(self, request: int, path: str, device: str, dtype: str) -> None:
        self.needs.append((request, path, device, dtype))

    def _add(self, path: str, device: str, dtype: str) -> None:
        self.added.append((path, device, dtype))


@pytest.fixture
def button(qtbot: QtBot) -> QWidget:
    made = QPushButton("+ Add model")
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def picker(qtbot: QtBot, theme: Theme, button: QWidget) -> Iterator[AddColumnPicker]:
    made = AddColumnPicker(theme, button)
    made.show_models(MODELS)
    made.show_columns(columns("fairy", "smol"))
    made.show_snapshots("fairy", (("step 20", "/s/20"), ("step 200", "/s/200")))
    made.popup_at(button)
    yield made
    made.close()


@pytest.fixture
def told(picker: AddColumnPicker) -> Told:
    return Told(picker)


def row_of(picker: AddColumnPicker, path: str) -> int:
    return next(i for i, one in enumerate(picker.rows.choices) if one.path == path)


def click(qtbot: QtBot, picker: AddColumnPicker, row: int) -> None:
    picker.rows.scrollToItem(picker.rows.item(row))
    box = picker.rows.visualItemRect(picker.rows.item(row))
    qtbot.mouseClick(picker.rows.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


def choose(qtbot: QtBot, picker: AddColumnPicker, told: Told, path: str, *needs: MemoryNeed, problem: str = "") -> None:
    """Click a model and answer what it asks."""
    asked = len(told.needs)
    click(qtbot, picker, row_of(picker, path))
    assert len(told.needs) == asked + 1
    picker.show_need(NeedTold(told.needs[-1][0], path, needs, problem))


# -- what is listed ----------------------------------------------------------------------------------------------------


def test_bundled_models_come_first_then_recent_ones_each_once() -> None:
    rows = model_choices(MODELS, ("/home/mine", "/app/fairy"))
    assert [one.text for one in rows] == ["fairy", "mine", "old", "smol", "broken"]
    assert rows[0].size == "17 MB"
    assert rows[1].size == ""  # known by its path alone


def test_lists_columns_models_and_snapshots_under_titles(picker: AddColumnPicker) -> None:
    rows = [(one.kind, one.text) for one in picker.rows.choices]
    assert rows == [
        ("title", "THE SAME MODEL AGAIN"), ("column", "fairy"), ("column", "smol"),
        ("title", "MODELS"), ("model", "fairy"), ("model", "old"), ("model", "smol"), ("model", "broken"),
        ("title", "TRAINING SNAPSHOTS OF fairy"), ("model", "step 20"), ("model", "step 200"),
    ]  # fmt: skip


def test_says_that_it_is_looking_until_models_are_told(qtbot: QtBot, theme: Theme, button: QWidget) -> None:
    picker = AddColumnPicker(theme, button)
    assert any("Looking" in one.text for one in picker.rows.choices)
    picker.show_models(())
    assert not any("Looking" in one.text for one in picker.rows.choices)
    assert any("No models" in one.text for one in picker.rows.choices)


def test_typing_filters_and_chooses_the_first(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    qtbot.keyClicks(picker.field, "hub smo")
    assert [one.path for one in picker.rows.choices if one.usable] == ["/hub/smol"]
    qtbot.waitUntil(lambda: bool(told.needs))
    assert told.needs[-1][1:] == ("/hub/smol", "auto", "auto")
    qtbot.keyClicks(picker.field, "zzz")
    assert not any(one.usable for one in picker.rows.choices)
    assert picker.rows.choice is None
    picker.field.clear()
    assert len(picker.rows.choices) == 11


# -- needs -------------------------------------------------------------------------------------------------------------


def test_a_click_asks_and_only_an_answer_that_fits_allows_adding(
    picker: AddColumnPicker, told: Told, qtbot: QtBot
) -> None:
    click(qtbot, picker, row_of(picker, "/hub/smol"))
    assert [need[1:] for need in told.needs] == [("/hub/smol", "auto", "auto")]
    assert not picker.need.add.isEnabled()
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.added == []
    picker.show_need(NeedTold(told.needs[-1][0], "/hub/smol", (FULL32, HALF)))
    assert picker.need.words.text() == "float32 on cpu needs 538 MB · 12.3 GB free"
    assert "weights in this precision" in picker.need.words.toolTip()
    assert "4,096 tokens" in picker.need.others.toolTip()
    also, counted = picker.need.others.text().splitlines()
    assert also == "Otherwise: bfloat16 270 MB"
    assert "weights, cache and computation" in counted  # more than the weights that the status bar tells of
    qtbot.mouseClick(picker.need.add, Qt.MouseButton.LeftButton)
    assert told.added == [("/hub/smol", "auto", "auto")]
    assert not picker.isVisible()


def test_device_and_precision_are_asked_for_and_added(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    choose(qtbot, picker, told, "/hub/smol", FULL32)
    qtbot.mouseClick(picker.need.device.button("cpu"), Qt.MouseButton.LeftButton)
    assert not picker.need.add.isEnabled()  # what was told is of another device
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.added == []
    qtbot.mouseClick(picker.need.dtype.button("bfloat16"), Qt.MouseButton.LeftButton)
    assert [need[1:] for need in told.needs[-2:]] == [("/hub/smol", "cpu", "auto"), ("/hub/smol", "cpu", "bfloat16")]
    picker.show_need(NeedTold(told.needs[-1][0], "/hub/smol", (HALF,)))
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.added == [("/hub/smol", "cpu", "bfloat16")]


def test_stale_answers_are_dropped(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    click(qtbot, picker, row_of(picker, "/hub/smol"))
    old = told.needs[-1][0]
    qtbot.mouseClick(picker.need.dtype.button("float16"), Qt.MouseButton.LeftButton)
    picker.show_need(NeedTold(old, "/hub/smol", (FULL32,)))
    assert not picker.need.add.isEnabled()
    latest = told.needs[-1][0]
    assert latest != old
    picker.rows.select(row_of(picker, "/app/fairy"))
    picker.show_need(NeedTold(latest, "/hub/smol", (HALF,)))
    assert not picker.need.add.isEnabled()
    assert "needs" not in picker.need.words.text().split()[:4]


def test_shared_weights_are_told_as_what_they_add(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    shared = MemoryNeed("smol", "cpu", "float32", 12_000_000, FREE, shared=True)
    choose(qtbot, picker, told, "/hub/smol", shared, HALF)
    assert picker.need.words.text().startswith("weights shared with an open column: only 12 MB more")
    assert "Counted: cache" in picker.need.others.text()
    assert picker.need.add.isEnabled()


def test_what_does_not_fit_says_so_and_offers_what_does(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    big = MemoryNeed("smol", "cuda", "float32", 5_400_000_000, 3_000_000_000)
    half = MemoryNeed("smol", "cuda", "bfloat16", 2_700_000_000, 3_000_000_000)
    choose(qtbot, picker, told, "/hub/smol", big, half)
    assert picker.need.words.text() == "float32 does not fit on cuda: it needs 5.4 GB, and 3.0 GB are free."
    assert picker.need.words.property("role") == "error"
    assert not picker.need.add.isEnabled()
    (offer,) = picker.need.offer_buttons
    assert offer.text() == "Use bfloat16 (2.7 GB)"
    qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)
    assert told.needs[-1][1:] == ("/hub/smol", "auto", "bfloat16")
    picker.show_need(NeedTold(told.needs[-1][0], "/hub/smol", (half, big)))
    assert picker.need.add.isEnabled()
    assert picker.need.offer_buttons == ()
    assert picker.need.words.property("role") != "error"


def test_nothing_fits_or_a_problem_is_said_in_words(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    big = MemoryNeed("smol", "cuda", "float32", 5_400_000_000, 1_000_000_000)
    half = MemoryNeed("smol", "cuda", "bfloat16", 2_700_000_000, 1_000_000_000)
    choose(qtbot, picker, told, "/hub/smol", big, half)
    assert picker.need.offer_buttons == ()
    assert "None of them fits" in picker.need.others.text()
    choose(qtbot, picker, told, "/app/fairy", problem="There is no cuda here; choose cpu.")
    assert picker.need.words.text() == "There is no cuda here; choose cpu."
    assert not picker.need.add.isEnabled()
    asked = len(told.needs)
    click(qtbot, picker, row_of(picker, "/home/broken"))
    assert picker.need.words.text() == "It has no tokenizer."
    assert len(told.needs) == asked  # it is known not to open
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.added == []


# -- columns, keys, files ----------------------------------------------------------------------------------------------


def test_a_column_again_is_asked_for_by_its_number(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    click(qtbot, picker, 2)
    assert told.again == [22]
    assert told.needs == []
    assert not picker.isVisible()


def test_keys_pass_over_titles_and_enter_adds(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    for _ in range(2):
        qtbot.keyClick(picker.field, Qt.Key.Key_Down)
    assert picker.rows.choice is not None
    assert picker.rows.choice.number == 22
    qtbot.keyClick(picker.field, Qt.Key.Key_Down)  # over the title
    assert picker.rows.choice.path == "/app/fairy"
    qtbot.keyClick(picker.field, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: bool(told.needs))
    assert [need[1] for need in told.needs] == ["/home/old"]  # not for the row that was passed over
    picker.show_need(NeedTold(told.needs[-1][0], "/home/old", (HALF,)))
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.added == [("/home/old", "auto", "auto")]


def test_enter_before_the_row_has_rested_asks_and_adds_nothing(
    picker: AddColumnPicker, told: Told, qtbot: QtBot
) -> None:
    qtbot.keyClicks(picker.field, "hub")
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert [need[1] for need in told.needs] == ["/hub/smol"]
    assert told.added == []


def test_escape_clears_the_line_then_closes(picker: AddColumnPicker, qtbot: QtBot) -> None:
    qtbot.keyClicks(picker.field, "smol")
    qtbot.keyClick(picker.field, Qt.Key.Key_Escape)
    assert picker.isVisible()
    assert picker.field.text() == ""
    qtbot.keyClick(picker.field, Qt.Key.Key_Escape)
    assert not picker.isVisible()


def test_a_snapshot_is_named_by_its_series(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    choose(qtbot, picker, told, "/s/200", HALF)
    assert picker.need.title.text() == "fairy · step 200"


def test_four_columns_are_the_most(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    click(qtbot, picker, row_of(picker, "/hub/smol"))
    picker.show_columns(columns("a", "b", "c", "d"))
    picker.show_need(NeedTold(told.needs[-1][0], "/hub/smol", (HALF,)))  # asked when there was a place left
    assert "no more" in picker.need.words.text()
    assert not picker.need.add.isEnabled()
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    click(qtbot, picker, 1)
    assert (told.added, told.again) == ([], [])
    picker.show_columns(columns("a", "b", "c"))
    click(qtbot, picker, 1)
    assert told.again == [21]


def test_other_columns_make_it_ask_anew_what_is_free(picker: AddColumnPicker, told: Told, qtbot: QtBot) -> None:
    choose(qtbot, picker, told, "/hub/smol", HALF)
    picker.show_columns(columns("a"))
    assert picker.rows.choice is not None
    assert picker.rows.choice.path == "/hub/smol"
    assert not picker.need.add.isEnabled()
    qtbot.waitUntil(lambda: len(told.needs) == 2)


def test_a_chosen_file_is_listed_and_asked_for(
    picker: AddColumnPicker, told: Told, qtbot: QtBot, button: QWidget
) -> None:
    qtbot.mouseClick(picker.file_button, Qt.MouseButton.LeftButton)
    assert not picker.isVisible()
    dialog = button.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.fileMode() == QFileDialog.FileMode.ExistingFile
    dialog.fileSelected.emit("/disk/tiny.gguf")
    dialog.close()
    assert picker.isVisible()
    assert told.needs[-1][1:] == ("/disk/tiny.gguf", "auto", "auto")
    assert picker.rows.choice is not None
    assert picker.rows.choice.text == "tiny.gguf"


def test_opens_under_its_button_and_within_the_screen(picker: AddColumnPicker, button: QWidget, qtbot: QtBot) -> None:
    room = picker.screen().availableGeometry()
    assert room.contains(picker.geometry())
    assert picker.field.hasFocus()
    button.move(room.right() - 20, room.bottom() - 30)
    picker.rows.select(1)
    picker.popup_at(button)
    assert room.contains(picker.geometry())
    assert picker.rows.choice is None


def test_hundred_models_are_listed_without_asking_for_any(picker: AddColumnPicker, told: Told) -> None:
    many = tuple(ModelListing(f"m{i}", f"/many/{i}", "folder", "gguf", i) for i in range(100))
    picker.show_models(many)
    assert sum(one.path.startswith("/many/") for one in picker.rows.choices) == 100
    assert told.needs == []


def test_pasted_path_of_something_that_is_there_is_offered_and_opened_with_enter(
    picker: AddColumnPicker, told: Told, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my models" / "checkpoint-7"
    folder.mkdir(parents=True)
    picker.field.setText(f" '{folder}/' ")
    choice = picker.rows.choice
    assert choice is not None
    assert (choice.text, choice.path) == ("Open …/checkpoint-7", str(folder))
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.needs[-1][1:] == (str(folder), "auto", "auto")
    picker.show_need(NeedTold(told.needs[-1][0], str(folder), (HALF,)))
    assert picker.need.title.text() == "checkpoint-7"
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert told.added == [(str(folder), "auto", "auto")]
    monkeypatch.setenv("HOME", str(tmp_path))
    picker.field.setText("~/my models/checkpoint-7")
    assert [one.path for one in picker.rows.choices if one.usable] == [str(folder)]


def test_path_of_nothing_or_of_a_listed_model_is_not_offered_anew(picker: AddColumnPicker, tmp_path: Path) -> None:
    for text in (str(tmp_path / "none"), "/", "hub", "~nobody-here/x"):
        picker.field.setText(text)
        assert not any(one.text.startswith("Open") for one in picker.rows.choices), text
    picker.show_models((*MODELS, ModelListing("mine", str(tmp_path), "folder", "gguf", 1)))
    picker.field.setText(str(tmp_path))
    assert [one.text for one in picker.rows.choices if one.usable] == ["mine"]


def test_long_names_give_way_at_their_beginning(picker: AddColumnPicker) -> None:
    assert picker.need.title._elide == Qt.TextElideMode.ElideLeft
