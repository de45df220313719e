"""The card that explains a stage: what it says of switches and origins, and where it opens."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QSplitter, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding import STAGES
from ntp_studio.core.decoding.stages import Stage
from ntp_studio.ui.help_card import HelpCard
from ntp_studio.ui.theme import Theme


def pairs(card: HelpCard) -> list[tuple[str, str]]:
    """Captions and what is said beside them."""
    found = []
    for grid in card.findChildren(QGridLayout):
        for row in range(grid.rowCount()):
            found.append(tuple(grid.itemAtPosition(row, column).widget().text() for column in (0, 1)))
    return found


def place(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda s: s.name)
def test_a_switch_says_what_its_option_does(qtbot: QtBot, theme: Theme, stage: type[Stage]) -> None:
    home = QWidget()
    qtbot.addWidget(home)
    said = pairs(HelpCard(theme, stage, home))
    for p in stage.parameters:
        value = ("0" if p.default else "1") if p.flag else f"{p.default:g}"
        caption = ("switch off" if p.default else "switch on") if p.flag else "option"
        assert (caption, f"--set {p.name}={value}") in said


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda s: s.name)
def test_where_a_stage_comes_from_is_said_once(stage: type[Stage]) -> None:
    for source in re.findall(r"\w+ et al\.|arXiv|p-e-w|kalomaze", stage.origin):
        assert source not in stage.summary


def columns(qtbot: QtBot, sizes: tuple[int, int]) -> tuple[QSplitter, QLabel]:
    """A window with two columns on the screen, and a mark in the left one."""
    box = QSplitter(Qt.Orientation.Horizontal)
    qtbot.addWidget(box)
    panel = QWidget()
    column = QVBoxLayout(panel)
    mark = QLabel("?")
    mark.setFixedSize(14, 14)
    column.addWidget(mark)
    for part in (panel, QWidget()):
        part.setMinimumWidth(20)
        box.addWidget(part)
    box.setGeometry(0, 0, sum(sizes), 500)
    box.setSizes(list(sizes))
    with qtbot.waitExposed(box):
        box.show()
    return box, mark


def test_it_opens_beside_the_column_whose_controls_it_explains(qtbot: QtBot, theme: Theme) -> None:
    box, mark = columns(qtbot, (260, 540))
    card = HelpCard(theme, STAGES["top_p"], mark)
    card.open_at(mark)
    screen = QApplication.primaryScreen().availableGeometry()
    assert screen.width() >= 260 + card.width() + 20, "the test's screen has room"
    assert not card.geometry().intersects(place(box.widget(0)))
    assert screen.contains(card.geometry())
    card.close()


def test_where_there_is_no_room_it_stays_on_the_screen(qtbot: QtBot, theme: Theme) -> None:
    screen = QApplication.primaryScreen().availableGeometry()
    _, mark = columns(qtbot, (screen.width() - 30, 30))
    card = HelpCard(theme, STAGES["dry"], mark)
    card.open_at(mark)
    assert screen.contains(card.geometry())
    assert not card.geometry().intersects(place(mark))
    card.close()
