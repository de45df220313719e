"""Who gets a key, in the real window: text fields while a person types in them, the window at all other times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.typing_guard import TypingGuard
from ntp_studio.ui.value_editor import ValueEditor
from tests import checkpoint_makers

WAIT = 60_000
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-llama", "llama")


@pytest.fixture
def window(qtbot: QtBot, llama: Path) -> Iterator[MainWindow]:
    settings = Settings(seed=7, speed=0.0)
    _, window = build(["--model", str(llama), "--prompt", "The cat sat on"], settings=settings)
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not None, timeout=WAIT)
    yield window
    window.studio.shutdown()
    window.deleteLater()


def key(window: MainWindow, pressed: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key as the system delivers it: to the window, for whoever has the focus there."""
    QTest.keyClick(window.windowHandle(), pressed, modifier)


def click(window: MainWindow, target: QWidget, at: QPoint | None = None) -> None:
    place = target.mapTo(window, target.rect().center() if at is None else at)
    handle = window.windowHandle()
    QTest.mouseClick(handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def find(qtbot: QtBot, window: MainWindow, text: str) -> None:
    """Ctrl+F and the text."""
    key(window, Qt.Key.Key_F, CTRL)
    qtbot.waitUntil(window.next.filter.hasFocus)
    for character in text:
        QTest.keyClick(window.windowHandle(), character)
    assert window.next.filter.text() == text
    qtbot.waitUntil(lambda: window.next._note.isVisible(), timeout=WAIT)


def click_into(qtbot: QtBot, window: MainWindow, field: QLineEdit | ValueEditor) -> None:
    qtbot.waitUntil(field.isVisible)
    click(window, field)
    qtbot.waitUntil(field.hasFocus)
    line = field if isinstance(field, QLineEdit) else field.lineEdit()
    qtbot.waitUntil(lambda: line.selectedText() == line.text())


def steps_on(qtbot: QtBot, window: MainWindow) -> None:
    """→ takes a step."""
    controller = window.studio.controller
    before = controller.state.frame
    key(window, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: controller.state.frame is not before, timeout=WAIT)
    assert controller.state.frame.context_length == before.context_length + 1


def test_escape_clears_the_filter_then_leaves_it(window: MainWindow, qtbot: QtBot) -> None:
    find(qtbot, window, "at")
    key(window, Qt.Key.Key_Escape)
    assert window.next.filter.text() == ""
    assert window.next.filter.hasFocus()
    key(window, Qt.Key.Key_Escape)
    assert window.next.chart.hasFocus()
    steps_on(qtbot, window)


@pytest.mark.parametrize("way", ["enter", "click"])
def test_forcing_a_found_token_gives_the_keys_back(window: MainWindow, qtbot: QtBot, way: str) -> None:
    controller, panel = window.studio.controller, window.next
    find(qtbot, window, "at")
    qtbot.waitUntil(lambda: panel.chart.selected is not None, timeout=WAIT)
    wanted, before = panel.chart.rows[0].candidate.token, controller.state.frame
    if way == "enter":
        key(window, Qt.Key.Key_Return)
    else:
        click(window, panel.chart, panel.chart.row_rect(0).center().toPoint())
    qtbot.waitUntil(lambda: controller.state.frame is not before, timeout=WAIT)
    last = window.text._page.text.tokens[-1]
    assert (last.token, last.origin) == (wanted, "forced")
    assert panel.filter.text() == ""
    assert not panel.filter.hasFocus()
    steps_on(qtbot, window)


def test_a_click_outside_a_text_field_ends_the_typing(window: MainWindow, qtbot: QtBot) -> None:
    filter_, controller = window.next.filter, window.studio.controller
    find(qtbot, window, "a")
    click(window, filter_, QPoint(filter_.width() // 2, filter_.height() // 2))
    assert filter_.hasFocus(), "a click into the field itself is no reason to leave it"
    before = controller.state.frame
    click(window, window.decoding.card("temperature").switch)
    assert not filter_.hasFocus()
    assert window.decoding.card("temperature").switch.isChecked()
    qtbot.waitUntil(lambda: controller.state.frame is not before, timeout=WAIT)
    key(window, Qt.Key.Key_Space)
    assert filter_.text() == "a"
    qtbot.waitUntil(lambda: controller.state.frame.step > 2, timeout=WAIT)
    key(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not controller.state.playing, timeout=WAIT)
    assert QApplication.focusWidget() is window, "no button gets the focus by chance"


def test_escape_takes_back_what_was_typed_into_a_value_and_a_seed(window: MainWindow, qtbot: QtBot) -> None:
    click(window, window.decoding.card("temperature").switch)
    editor = window.decoding.card("temperature").findChild(ValueEditor)
    seed = window.toolbar._seed.edit
    for field, was in ((editor, editor.text()), (seed, seed.text())):
        click_into(qtbot, window, field)
        for character in "12":
            QTest.keyClick(window.windowHandle(), character)
        assert field.text() == "12", "typing replaces what was there"
        key(window, Qt.Key.Key_Escape)
        assert field.text() == was
        assert not field.hasFocus()
    steps_on(qtbot, window)


def test_a_click_elsewhere_keeps_what_was_typed_as_a_value(window: MainWindow, qtbot: QtBot) -> None:
    click(window, window.decoding.card("temperature").switch)
    editor = window.decoding.card("temperature").findChild(ValueEditor)
    click_into(qtbot, window, editor)
    QTest.keyClick(window.windowHandle(), "2")
    click(window, window.status)
    assert not editor.hasFocus()
    (stage,) = (s for s in window.decoding.settings().stages if s.name == "temperature")
    assert dict(stage.values) == {"temperature": 2.0}


def test_a_window_that_is_gone_before_the_focus_moves_on_does_no_harm(qtbot: QtBot) -> None:
    """As a file dialog's when a path was typed and Enter pressed: its window is deleted with the focus in it."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    guard = TypingGuard(app)
    first, second = QLineEdit(), QLineEdit()
    for line in (first, second):
        qtbot.addWidget(line)
        line.show()
    guard._focus_changed(None, first)
    handle = first.windowHandle()
    assert guard._handle is handle
    handle.destroyed.disconnect(guard._handle_gone)  # it comes too late
    first.destroy()
    assert not shiboken6.isValid(handle)
    guard._focus_changed(first, second)
    assert guard._handle is second.windowHandle(), "the next field is watched"
