"""The top bar and the bottom bar: what they show, what they ask for, and that they fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow, QMenu
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import Candidate, DrawReport, ModelInfo, ModelListing, StepFrame, TokenText
from ntp_studio.ui.actions import Actions
from ntp_studio.ui.bar_button import BarButton
from ntp_studio.ui.model_menu import size_text
from ntp_studio.ui.preset_menu import PresetMenu
from ntp_studio.ui.seed_field import SeedField
from ntp_studio.ui.status_bar import StatusBar
from ntp_studio.ui.style import apply_style, style_sheet
from ntp_studio.ui.theme import DARK, LIGHT, Theme
from ntp_studio.ui.toolbar import SPEEDS, Toolbar, toggle_theme

INFO = ModelInfo(
    "SmolLM2-135M",
    "/models/smollm2.gguf",
    "gguf",
    "llama",
    134_515_008,
    49_152,
    8192,
    270_000_000,
    device="cpu",
    dtype="float32",
    device_reason="No accelerator was found, so the CPU is used.",
    memory_bytes=538_060_032,
    threads=2,
)
LONG = replace(INFO, name="Qwen2.5-Coder-1.5B-Instruct-finetuned-on-poems-q8_0", device="cuda", dtype="bfloat16")


class Window(QMainWindow):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.table = Actions(self)
        self.bar = Toolbar(self.table, theme)
        self.setMenuWidget(self.bar)


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme) -> Toolbar:
    window = Window(theme)
    qtbot.addWidget(window)
    window.resize(1440, 300)
    window.show()
    qtbot.waitExposed(window)
    window.bar.keep = window  # Python would let go of the window, and Qt of all in it
    return window.bar


def table(bar: Toolbar) -> Actions:
    return bar.window().table


def button(bar: Toolbar, name: str) -> BarButton:
    found = bar.findChild(BarButton, name)
    assert found is not None
    return found


def entries(menu: QMenu) -> dict[str, QAction]:
    """Every entry of a menu and of the menus in it, by its text."""
    found = {}
    for action in menu.actions():
        if action.menu() is not None:
            found |= {f"{action.text()}/{text}": entry for text, entry in entries(action.menu()).items()}
        elif action.text():
            found[action.text()] = action
    return found


@pytest.mark.parametrize("width", [1100, 1280, 1440, 2000])
@pytest.mark.parametrize("state", ["empty", "open", "long", "loading", "big seed"])
def test_everything_fits_beside_each_other(bar: Toolbar, qtbot: QtBot, width: int, state: str) -> None:
    if state == "open":
        bar.show_model(INFO)
    elif state != "empty":
        bar.show_model(LONG)
        bar.set_speed(0.0)
    if state == "loading":
        bar.show_loading(LONG.name, 0.999)
    if state == "big seed":
        bar.set_seed(10**11)
    bar.window().resize(width, 300)
    widgets = [*bar.findChildren(BarButton), *bar.findChildren(SeedField)]
    shown = [widget for widget in widgets if widget.isVisible()]
    # A new size hint travels up through nested layouts in more than one round of events.
    qtbot.waitUntil(lambda: all(widget.width() >= widget.sizeHint().width() for widget in shown))
    places = sorted((QRect(w.mapTo(bar, QPoint(0, 0)), w.size()) for w in shown), key=QRect.left)
    assert len(places) == (13 if state == "loading" else 12)
    assert places[0].left() >= 0
    assert places[-1].right() < bar.width() == width
    for left, right in pairwise(places):
        assert left.right() < right.left()


def test_a_snapshot_goes_by_the_name_of_its_training(bar: Toolbar) -> None:
    model = button(bar, "model_button")
    bar.show_model(replace(INFO, name="tales/checkpoint-20"))
    assert model.label() == "tales/checkpoint-20"
    bar.show_series("tales")
    assert model.label() == "tales"
    assert "tales/checkpoint-20" in model.toolTip()
    bar.show_loading("gpt2", 0.5)
    bar.end_loading()
    assert model.label() == "tales", "the load has failed"
    bar.show_loading("gpt2", 0.5)
    bar.show_series("other")
    assert model.label() == "Loading gpt2"
    bar.show_model(INFO)
    assert model.label() == INFO.name, "another model"


def test_wide_bar_shows_keys_and_narrow_bar_keeps_words(bar: Toolbar, qapp: QApplication) -> None:
    bar.show_model(LONG)
    bar.window().resize(2000, 300)
    qapp.processEvents()
    wide = button(bar, "step_button").width()
    bar.window().resize(1100, 300)
    qapp.processEvents()
    assert button(bar, "step_button").width() < wide
    assert button(bar, "model_button").label() == LONG.name, "shortened on screen only"


def test_playing_changes_neither_place_nor_size(bar: Toolbar, qapp: QApplication) -> None:
    bar.show_model(INFO)
    qapp.processEvents()
    before = [b.geometry() for b in bar.findChildren(BarButton)]
    bar.show_playing(True)
    qapp.processEvents()
    assert button(bar, "play_button").label() == "Pause"
    assert table(bar)["play"].text() == "Pause"
    assert [b.geometry() for b in bar.findChildren(BarButton)] == before
    bar.show_playing(False)
    assert button(bar, "play_button").label() == "Play"


@pytest.mark.parametrize("action_id", ["back", "step", "play", "restart"])
def test_buttons_trigger_their_actions_and_follow_them(bar: Toolbar, qtbot: QtBot, action_id: str) -> None:
    action, shown = table(bar)[action_id], button(bar, f"{action_id}_button")
    with qtbot.waitSignal(action.triggered):
        qtbot.mouseClick(shown, Qt.MouseButton.LeftButton)
    assert not shown.hasFocus(), "Space goes on playing"
    action.setEnabled(False)
    assert not shown.isEnabled()
    with qtbot.assertNotEmitted(action.triggered):
        qtbot.mouseClick(shown, Qt.MouseButton.LeftButton)


def test_loading_shows_progress_and_can_be_cancelled(bar: Toolbar, qtbot: QtBot) -> None:
    bar.show_model(INFO)
    bar.show_loading("gpt2", 0.437, "reading weights")
    model, cancel = button(bar, "model_button"), button(bar, "cancel_load")
    assert (model.label(), model.detail()) == ("Loading gpt2", "43%")
    with qtbot.waitSignal(bar.cancel_requested):
        qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
    bar.show_loading("gpt2", None)
    assert model.detail() == ""
    bar.end_loading()
    assert (model.label(), model.detail()) == ("SmolLM2-135M", "cpu · float32")
    assert not cancel.isVisible()


def test_model_menu(bar: Toolbar, qtbot: QtBot) -> None:
    menu = button(bar, "model_button").menu()
    assert "Looking…" in entries(menu)
    bar.show_recent(["/r/mine", "/models/smollm2.gguf"])
    bar.show_models(
        [
            ModelListing("SmolLM2 & co", "/models/smollm2.gguf", "bundled", "gguf", 538_060_032),
            ModelListing("gpt2", "/c/gpt2", "hugging face cache", "hugging face", 1_240_000_000),
            ModelListing("broken", "/c/broken", "hugging face cache", "hugging face", 10, "There are no weights."),
        ]
    )
    bar.show_model(INFO)
    shown = entries(menu)
    assert "Looking…" not in shown
    assert [t for t in shown if "SmolLM2" in t] == ["SmolLM2 && co — /models\t538 MB"], (
        "a recent model is not listed twice"
    )
    assert shown["SmolLM2 && co — /models\t538 MB"].isChecked()
    assert not shown["broken\t10 B"].isEnabled()
    assert shown["broken\t10 B"].toolTip() == "There are no weights."
    assert not shown[INFO.device_reason].isEnabled()
    for text, path in (("gpt2\t1.2 GB", "/c/gpt2"), ("mine — /r", "/r/mine")):
        with qtbot.waitSignal(bar.open_requested, check_params_cb=lambda got, path=path: got == path):
            shown[text].trigger()
    with qtbot.waitSignal(bar.device_chosen, check_params_cb=lambda got: got == "cpu"):
        shown["Device/cpu"].trigger()
    with qtbot.waitSignal(bar.dtype_chosen, check_params_cb=lambda got: got == "bfloat16"):
        shown["Precision/bfloat16"].trigger()
    bar.set_device_choice("cuda", "auto")
    shown = entries(menu)
    assert [t for t, entry in shown.items() if t.startswith(("Device", "Precision")) and entry.isChecked()] == [
        "Device/cuda",
        "Precision/Automatic",
    ]


def test_menu_may_be_filled_anew_while_it_tells_a_choice(bar: Toolbar, qtbot: QtBot) -> None:
    bar.show_models([ModelListing("gpt2", "/c/gpt2", "cache", "hugging face", 5)])
    bar.open_requested.connect(lambda path: bar.show_recent([path]))
    with qtbot.waitSignal(bar.open_requested):
        entries(button(bar, "model_button").menu())["gpt2\t5 B"].trigger()
    assert "gpt2 — /c\t5 B" in entries(button(bar, "model_button").menu())


def test_open_asks_for_a_file_without_blocking(bar: Toolbar, qtbot: QtBot) -> None:
    for action_id, mode in (
        ("open_model", QFileDialog.FileMode.ExistingFile),
        ("open_folder", QFileDialog.FileMode.Directory),
    ):
        table(bar)[action_id].trigger()
        dialog = bar.window().findChild(QFileDialog)
        assert dialog.fileMode() == mode
        with qtbot.waitSignal(bar.open_requested, check_params_cb=lambda got: got == "/some/where"):
            dialog.fileSelected.emit("/some/where")
        with qtbot.waitSignal(dialog.destroyed):
            dialog.close()


def test_seed_typed_drawn_and_set(bar: Toolbar, qtbot: QtBot) -> None:
    field = bar.findChild(SeedField)
    with qtbot.assertNotEmitted(bar.seed_chosen):
        bar.set_seed(7)
    field.edit.setFocus()
    qtbot.waitUntil(field.edit.hasFocus)
    with qtbot.waitSignal(bar.seed_chosen, check_params_cb=lambda got: got == 123):
        qtbot.keyClicks(field.edit, "12x3")
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert not field.edit.hasFocus()
    field.edit.setFocus()
    qtbot.waitUntil(field.edit.hasFocus)
    with qtbot.assertNotEmitted(bar.seed_chosen):
        qtbot.keyClicks(field.edit, "9")
        qtbot.keyClick(field.edit, Qt.Key.Key_Escape)
    assert (field.edit.text(), bar.seed()) == ("123", 123)
    field.edit.setFocus()
    qtbot.waitUntil(field.edit.hasFocus)
    with qtbot.assertNotEmitted(bar.seed_chosen):
        qtbot.keyClick(field.edit, Qt.Key.Key_Delete)
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert field.edit.text() == "123", "no seed is not a seed"
    for ask in (table(bar)["new_seed"].trigger, field.dice.click):
        before = bar.seed()
        with qtbot.waitSignal(bar.seed_chosen) as signal:
            ask()
        assert signal.args == [bar.seed()]
        assert bar.seed() != before


def test_seed_beyond_32_bits(bar: Toolbar, qtbot: QtBot) -> None:
    told: list[int] = []
    bar.seed_chosen.connect(told.append)
    field = bar.findChild(SeedField)
    field.edit.setFocus()
    qtbot.waitUntil(field.edit.hasFocus)
    qtbot.keyClicks(field.edit, "999999999999999999")
    qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert told == [999_999_999_999_999_999]


def test_speed_by_menu_and_keys(bar: Toolbar, qtbot: QtBot) -> None:
    told: list[float] = []
    bar.speed_chosen.connect(told.append)
    bar.set_speed(4.0)
    assert told == []
    for _ in range(4):
        table(bar)["faster"].trigger()
    assert told == [8.0, 16.0, 0.0], "the fastest is the end"
    for _ in range(8):
        table(bar)["slower"].trigger()
    assert told[3:] == [16.0, 8.0, 4.0, 2.0, 1.0]
    entries(button(bar, "speed_button").menu())["2 tok/s"].trigger()
    assert (told[-1], bar.speed(), button(bar, "speed_button").label()) == (2.0, 2.0, "2 tok/s")
    assert SPEEDS[-1] == 0.0


def test_presets(bar: Toolbar, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bar.preset_chosen, check_params_cb=lambda got: got == "balanced"):
        entries(button(bar, "presets_button").menu())["Balanced"].trigger()


def test_the_preset_in_use_is_marked_and_explained_below(bar: Toolbar) -> None:
    menu = button(bar, "presets_button").menu()
    assert isinstance(menu, PresetMenu)

    def marked() -> list[str]:
        return [text for text, entry in entries(menu).items() if entry.isChecked()]

    assert marked() == []
    bar.show_preset("focused")
    assert marked() == ["Focused"]
    menu.popup(QPoint(0, 0))
    assert menu.summary == PRESETS["focused"].summary
    menu.setActiveAction(entries(menu)["Creative"])
    assert menu.summary == PRESETS["creative"].summary
    menu.close()
    entries(menu)["Focused"].trigger()
    assert marked() == ["Focused"], "choosing it again keeps its mark"
    bar.show_preset(None)
    assert marked() == []


def test_theme_toggle_follows_the_desktop_again(qapp: QApplication) -> None:
    theme = Theme()  # without a desktop the scheme is not dark
    toggle_theme(theme)
    assert (theme.choice, theme.palette) == ("dark", DARK)
    toggle_theme(theme)
    assert (theme.choice, theme.palette) == ("system", LIGHT)


def test_style_sheet_is_one_that_qt_reads(qapp: QApplication, theme: Theme, bar: Toolbar) -> None:
    """Qt reports what it cannot parse as a warning, which fails the test by pytest-qt's log level."""
    try:
        for palette in (LIGHT, DARK):
            sheet = style_sheet(palette)
            assert palette.accent in sheet
            assert "{{" not in sheet
            assert sheet.count("{") == sheet.count("}")
            apply_style(qapp, palette)
            assert qapp.palette().window().color().name() == palette.window
    finally:
        qapp.setStyleSheet("")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (538_060_032, "538 MB"), (999_600_000, "1.0 GB"), (10**12, "1,000 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


# -- the bottom bar ----------------------------------------------------------------------------------------------------


def frame(length: int, model_ms: float = 50.2, step_ms: float = 51.1) -> StepFrame:
    token = Candidate(TokenText(1, b"a", "a", "a"), 1, 0.0, 0.0, 1.0, 1.0)
    figures = (0.0, 0.0, 1, 1.0, 0.0, 0.0, 0.0, 0.0)
    draw = DrawReport("race", 42, 0)
    return StepFrame(1, 1, length, 2, True, (token,), token, "drawn", draw, *figures, (), model_ms, step_ms)


@pytest.fixture
def status(qtbot: QtBot, theme: Theme) -> StatusBar:
    status = StatusBar(theme)
    qtbot.addWidget(status)
    status.resize(1440, 28)
    status.show()
    return status


def words(status: StatusBar) -> str:
    return " | ".join(label.text() for label in (status._text, status._device, status._time, status._weights))


def test_status_bar_shows_model_and_step(status: StatusBar) -> None:
    assert words(status) == "Ready |  |  | "
    assert not status.gauge.isVisible()
    status.show_model(INFO)
    status.show_frame(frame(20))
    status.show_memory(1_300_000_000, 0)
    assert words(status) == "Ready | cpu · float32 · 2 threads | 51 ms/step (model 50, rest 0.9) | 538 MB weights"
    assert status._device.toolTip() == INFO.device_reason
    assert "1.3 GB" in status._weights.toolTip()
    assert status.gauge.text() == "20 / 8,192"
    status.show_model(None)
    assert words(status) == "Ready |  |  | "
    assert not status.gauge.isVisible()


def test_a_place_shown_again_does_not_count_as_a_step(status: StatusBar) -> None:
    status.show_model(INFO)
    again = replace(frame(20), model_ms=0.0, step_ms=0.5)
    status.show_frame(again)
    assert status._time.text() == ""
    status.show_frame(frame(20))
    cost = status._time.text()
    assert cost.startswith("51 ms/step")
    status.show_frame(again)
    assert status._time.text() == cost
    assert "Redrawn in 0.5 ms" in status._time.toolTip()
    assert "Model: 50.20 ms" in status._time.toolTip()
    status.show_frame(frame(21))
    assert "Redrawn" not in status._time.toolTip()


def test_gauge_warns_above_nine_tenths(status: StatusBar) -> None:
    status.show_model(INFO)
    status.show_frame(frame(7372))  # 89.99 %
    assert not status.gauge.nearly_full()
    status.show_frame(frame(7373))
    assert status.gauge.nearly_full()
    assert "full" in status.gauge.toolTip(), "not by colour alone"


def test_message_passes_and_the_state_comes_back(status: StatusBar, qtbot: QtBot) -> None:
    status.show_state("Playing", "playing")
    status.show_message("Saved", 30)
    assert status.text() == "Saved"
    status.show_state("Ready")
    assert status.text() == "Saved", "a message can be read to its end"
    qtbot.waitUntil(lambda: status.text() == "Ready")
    status.show_message("Stays", 0, "error")
    status.clear_message()
    assert status.text() == "Ready"
    with pytest.raises(ValueError, match="none of"):
        status.show_state("x", "purple")


def test_narrow_status_bar_leaves_out_figures(status: StatusBar, qapp: QApplication) -> None:
    status.show_model(INFO)
    status.show_frame(frame(20))
    status.show_message("A long sentence that says what went wrong and what to do about it. " * 3, 0, "error")
    status.resize(700, 28)
    qapp.processEvents()
    assert not status._weights.isVisible()
    assert status._text.text().endswith("…")
    assert status._text.toolTip() == status.text()
    assert status._text.geometry().right() < status.gauge.geometry().left()
    status.clear_message()
    assert status._device.isVisible()
