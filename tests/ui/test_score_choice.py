"""The list of conditions over the table of a scored text, under the keys of the whole window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDoubleSpinBox, QLineEdit, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.compare_messages import Scored
from ntp_studio.ui.actions import COMPARE, Actions
from ntp_studio.ui.score_view import ScoreView
from ntp_studio.ui.theme import Theme
from tests.ui.score_figures import NAMES, changed, scored


class Opened:
    """A window with the actions of the real one, and the list of conditions open in it."""

    def __init__(self, theme: Theme, qtbot: QtBot) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.view = ScoreView(theme)
        self.window.setCentralWidget(self.view)
        self.actions = Actions(self.window)
        self.actions.show_page(COMPARE)
        self.fired = {action.objectName(): QSignalSpy(action.triggered) for action in self.actions}
        self.window.resize(1000, 600)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)
        self.view.show_columns(changed(*NAMES[:2]))
        self.view.show_scored(Scored(scored()))
        box = self.view.findChild(QComboBox, "score_condition")
        assert box is not None
        self.box = box
        QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(20, box.height() // 2))
        qtbot.waitUntil(lambda: box.view().isVisible() and QApplication.focusWidget() is box.view())
        self.fresh()

    def fresh(self) -> None:
        self.before = {name: spy.count() for name, spy in self.fired.items()}

    def acted(self) -> set[str]:
        """Actions of the window that a key has set off."""
        return {name for name, spy in self.fired.items() if spy.count() > self.before[name]}

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """As the system does: the window is asked for a shortcut first."""
        QTest.keyClick(self.box.view(), key, modifier)


@pytest.fixture
def opened(theme: Theme, qtbot: QtBot) -> Iterator[Opened]:
    opened = Opened(theme, qtbot)
    yield opened
    opened.box.hidePopup()


@pytest.mark.parametrize("enter", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_chooses_and_closes_the_list(opened: Opened, qtbot: QtBot, enter: Qt.Key) -> None:
    opened.press(Qt.Key.Key_Down)
    opened.press(enter)
    qtbot.waitUntil(lambda: not opened.box.view().isVisible())
    assert opened.box.currentData() == "disagree"
    assert opened.view.result.filter.criteria()[1] == "disagree"
    assert len(opened.view.result.table.model.shown) < 400
    assert opened.acted() == set()


@pytest.mark.parametrize("key", [Qt.Key.Key_N, Qt.Key.Key_P, Qt.Key.Key_A, Qt.Key.Key_Left, Qt.Key.Key_Escape])
def test_keys_of_the_window_are_the_lists_while_it_is_open(opened: Opened, key: Qt.Key) -> None:
    """On X11 the window behind stays active, and its keys act for all that the list does not claim; off screen the
    list is active, so that only the claim can be seen."""
    asked = QKeyEvent(QEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.NoModifier)
    asked.ignore()
    QApplication.sendEvent(opened.box.view(), asked)
    assert asked.isAccepted()
    assert opened.box.view().isVisible()  # Escape closes it when it is pressed, not when it is asked about
    opened.press(key)
    assert opened.acted() == set()


def test_keys_with_ctrl_stay_the_windows(opened: Opened) -> None:
    asked = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    asked.ignore()
    QApplication.sendEvent(opened.box.view(), asked)
    assert not asked.isAccepted()


def test_a_letter_goes_to_the_condition_that_begins_with_it(opened: Opened, qtbot: QtBot) -> None:
    opened.press(Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert opened.acted() == set()
    opened.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not opened.box.view().isVisible())
    assert opened.box.currentData() == "surprising"


def test_escape_closes_the_list_and_stops_nothing(opened: Opened, qtbot: QtBot) -> None:
    opened.press(Qt.Key.Key_Down)
    opened.press(Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not opened.box.view().isVisible())
    assert opened.box.currentData() == "all"
    assert opened.acted() == set()


def test_afterwards_the_keys_are_the_windows_again(opened: Opened, qtbot: QtBot) -> None:
    opened.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not opened.box.view().isVisible())
    opened.box.setFocus()
    QTest.keyClick(opened.box, Qt.Key.Key_N)
    assert opened.acted() == {"next_worst"}


def test_the_fields_are_as_round_as_the_line_beside_them(opened: Opened) -> None:
    """Their corners are painted pixel by pixel as its is."""
    opened.box.hidePopup()
    opened.box.setCurrentIndex(1)
    opened.view.result.table.left.setFocus()
    find = opened.view.findChild(QLineEdit, "score_find")
    field = opened.view.findChild(QDoubleSpinBox, "score_bits")
    assert find is not None
    assert field is not None
    assert field.isVisible()
    QApplication.processEvents()
    picture = opened.window.grab().toImage()

    def corner(widget: QWidget) -> list[str]:
        at = widget.mapTo(opened.window, QPoint(0, 0))
        return [picture.pixelColor(at + QPoint(x, y)).name() for x in range(6) for y in range(6)]

    assert len(set(corner(find))) > 2
    for widget in (opened.box, field):
        assert widget.height() == find.height()
        assert corner(widget) == corner(find), widget.objectName()
