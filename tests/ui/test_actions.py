"""One table of actions; keys that a person types never act as shortcuts."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMainWindow,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

import ntp_studio
from ntp_studio.libraries_told import LIBRARIES, library_facts
from ntp_studio.ui.actions import COMPARE, INSPECT, TRAIN, Actions, key_text
from ntp_studio.ui.help import AboutDialog, KeysDialog

KEYS = {
    "step": Qt.Key.Key_Right,
    "back": Qt.Key.Key_Left,
    "play": Qt.Key.Key_Space,
    "restart": Qt.Key.Key_R,
    "new_seed": Qt.Key.Key_N,
    "greedy": Qt.Key.Key_G,
    "log_scale": Qt.Key.Key_L,
    "dart": Qt.Key.Key_T,
    "hold_needle": Qt.Key.Key_H,
    "draw_many": Qt.Key.Key_D,
    "story": Qt.Key.Key_S,
    "force_selected": Qt.Key.Key_Return,
    "select_next": Qt.Key.Key_Down,
    "select_previous": Qt.Key.Key_Up,
    "go_to_end": Qt.Key.Key_End,
    "slower": Qt.Key.Key_Minus,
}


class Window(QMainWindow):
    def __init__(self) -> None:
        super().__init__()
        self.table = Actions(self)
        self.fired: list[str] = []
        for action in self.table:
            action.triggered.connect(self._note)
        self.inside = QWidget()
        self.column = QVBoxLayout(self.inside)
        self.setCentralWidget(self.inside)
        self.inside.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _note(self) -> None:
        self.fired.append(self.sender().objectName())


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    window = Window()
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def focus(qtbot: QtBot, widget: QWidget) -> None:
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)


def test_table_is_sound(window: Window) -> None:
    specs = [spec for group in window.table.groups for spec in group.specs]
    assert len({spec.id for spec in specs}) == len(specs)
    keys = [QKeySequence(key).toString() for spec in specs for key in spec.shortcuts]
    assert all(keys), "every key is one that Qt knows"
    for page in ("", INSPECT, COMPARE, TRAIN):
        own = [QKeySequence(key).toString() for spec in specs if spec.page == page for key in spec.shortcuts]
        assert len(set(own)) == len(own), "no key has two meanings"
        if not page:
            continue
        window.table.show_page(page)
        acting = [key.toString() for action in window.table for key in action.shortcuts()]
        assert len(set(acting)) == len(acting), f"no key has two meanings on {page}"
        assert set(own) <= set(acting), "what belongs to the page in front has its keys"
    for spec in specs:
        action = window.table[spec.id]
        assert action.objectName() == spec.id
        assert action.text()
        assert action.toolTip()


def test_keys_follow_the_page_in_front(window: Window, qtbot: QtBot) -> None:
    focus(qtbot, window.inside)
    qtbot.keyClick(window.inside, Qt.Key.Key_N)
    window.table.show_page(COMPARE)
    qtbot.keyClick(window.inside, Qt.Key.Key_N)
    qtbot.keyClick(window.inside, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    window.table.show_page(INSPECT)
    qtbot.keyClick(window.inside, Qt.Key.Key_N)
    qtbot.keyClick(window.inside, Qt.Key.Key_A)  # of the compare page alone
    assert window.fired == ["new_seed", "next_worst", "new_seed", "new_seed"]


@pytest.mark.parametrize("action_id", KEYS)
def test_keys_act_when_nobody_types(window: Window, qtbot: QtBot, action_id: str) -> None:
    focus(qtbot, window.inside)
    qtbot.keyClick(window.inside, KEYS[action_id])
    assert window.fired == [action_id]


def spin_box() -> QWidget:
    box = QDoubleSpinBox()
    box.setRange(-100, 100)
    return box


@pytest.mark.parametrize("make", [QLineEdit, QPlainTextEdit, spin_box])
def test_typing_fires_nothing(window: Window, qtbot: QtBot, make: Callable[[], QWidget]) -> None:
    field = make()
    window.column.addWidget(field)
    focus(qtbot, field)
    for key in KEYS.values():
        qtbot.keyClick(field, key)
    qtbot.keyClick(field, Qt.Key.Key_Plus, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(field, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert window.fired == []
    if isinstance(field, QLineEdit):
        qtbot.keyClicks(field, "r n g")
        assert field.text().endswith("r n g")
    qtbot.keyClick(field, Qt.Key.Key_F1)
    qtbot.keyClick(field, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    assert window.fired == ["keys_help", "open_model"], "commands still work while typing"


@pytest.mark.parametrize("make", [QLineEdit, QPlainTextEdit, spin_box])
def test_undo_belongs_to_the_field_while_a_person_types(
    window: Window, qtbot: QtBot, make: Callable[[], QWidget]
) -> None:
    field = make()
    window.column.addWidget(field)
    focus(qtbot, field)
    line = field.lineEdit() if isinstance(field, QDoubleSpinBox) else field
    text = line.toPlainText if isinstance(line, QPlainTextEdit) else line.text
    line.selectAll()
    before = text()
    qtbot.keyClick(field, Qt.Key.Key_7)
    assert text() == "7"
    qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert (text(), window.fired) == (before, [])
    focus(qtbot, window.inside)
    qtbot.keyClick(window.inside, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.fired == ["undo_decoding"]


def test_columns_of_the_list_of_keys_are_about_as_long(window: Window) -> None:
    shown = [sum(bool(spec.keys) for spec in group.specs) for group in window.table.groups]
    assert sorted(index for column in KeysDialog.COLUMNS for index in column) == list(range(len(shown)))
    lengths = [sum(shown[index] + 2 for index in column) for column in KeysDialog.COLUMNS]
    assert max(lengths) - min(lengths) <= 5


def test_read_only_text_is_no_text_field(window: Window, qtbot: QtBot) -> None:
    page = QPlainTextEdit()
    page.setReadOnly(True)
    page.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
    page.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    window.column.addWidget(page)
    focus(qtbot, page)
    qtbot.keyClick(page, Qt.Key.Key_R)
    assert window.fired == ["restart"]


def test_slider_keeps_its_arrows_only(window: Window, qtbot: QtBot) -> None:
    slider = QSlider(Qt.Orientation.Horizontal)
    window.column.addWidget(slider)
    focus(qtbot, slider)
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert (slider.value(), window.fired) == (1, [])
    qtbot.keyClick(slider, Qt.Key.Key_R)
    assert window.fired == ["restart"]


def test_focused_button_is_pressed_by_space(window: Window, qtbot: QtBot) -> None:
    button = QPushButton("x")
    window.column.addWidget(button)
    focus(qtbot, button)
    with qtbot.waitSignal(button.clicked):
        qtbot.keyClick(button, Qt.Key.Key_Space)
    qtbot.keyClick(button, Qt.Key.Key_Right)
    assert window.fired == ["step"]


def test_list_keeps_up_and_down(window: Window, qtbot: QtBot) -> None:
    rows = QListWidget()
    rows.addItems(["a", "b"])
    rows.setCurrentRow(0)
    window.column.addWidget(rows)
    focus(qtbot, rows)
    qtbot.keyClick(rows, Qt.Key.Key_Down)
    assert (rows.currentRow(), window.fired) == (1, [])
    qtbot.keyClick(rows, Qt.Key.Key_Right)
    assert window.fired == ["step"]


def test_guard_lets_go_of_what_lost_the_focus(window: Window, qtbot: QtBot) -> None:
    field = QLineEdit()
    window.column.addWidget(field)
    focus(qtbot, field)
    focus(qtbot, window.inside)
    qtbot.keyClick(window.inside, Qt.Key.Key_R)
    assert window.fired == ["restart"]


@pytest.mark.parametrize(
    ("key", "shown"), [("Right", "→"), ("Return", "Enter"), ("+", "+"), ("-", "-"), ("Space", "Space"), ("R", "R")]
)
def test_key_caps(qapp: QApplication, key: str, shown: str) -> None:
    assert key_text(key) == shown


def test_key_caps_with_modifiers(qapp: QApplication) -> None:
    assert key_text("Shift+Right").endswith("→")
    assert len(key_text("Shift+Right")) > 1
    assert key_text("Ctrl++").endswith("+")


def test_menus_hold_every_action_once(window: Window) -> None:
    held = [action.objectName() for menu in window.table.menus(window) for action in menu.actions() if action.text()]
    assert sorted(held) == sorted(action.objectName() for action in window.table)


def test_list_of_keys_names_every_action_that_has_one(window: Window, qtbot: QtBot) -> None:
    dialog = KeysDialog(window.table)
    qtbot.addWidget(dialog)

    shown = {label.text() for label in dialog.findChildren(QLabel)}
    for group in window.table.groups:
        for spec in group.specs:
            if spec.keys:
                assert spec.text.removesuffix("…") in shown
                assert key_text(spec.shortcuts[0]) in shown
    dialog.present()
    qtbot.waitUntil(dialog.isActiveWindow)
    assert not dialog.isModal()
    qtbot.keyClick(dialog, Qt.Key.Key_F1)
    assert not dialog.isVisible()


def test_about_tells_version_and_licences(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    text = "\n".join(label.text() for label in dialog.findChildren(QLabel))
    assert ntp_studio.__version__ in text
    for name in LIBRARIES:
        assert name in text
    for name in ("PySide6-Essentials", "numpy", "pyqtgraph"):
        version, licence = library_facts(name)
        assert version == importlib.metadata.version(name)
        assert licence
        assert licence in text
    assert library_facts("no-such-library-here") == ("", "")


def test_about_tells_of_every_library_that_the_program_asks_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["lora"]]
    assert {re.split(r"[>=<!~]", each)[0] for each in asked} <= set(LIBRARIES)
