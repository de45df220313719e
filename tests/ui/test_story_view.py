"""A token's story in the right column: which token's, how long it stays, what it leaves room for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QFont, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.types import StepFrame, Story, StoryLine
from ntp_studio.ui.next_token_panel import NextTokenPanel
from ntp_studio.ui.story_view import StoryView
from ntp_studio.ui.theme import DARK, LIGHT, Theme
from tests.ui.frames import WORDS, make_frame

PLACE = 10  # of a token that top-p cuts


def story_of(frame: StepFrame, place: int = PLACE, stages: int = 3) -> Story:
    candidate = frame.candidates[place]
    middle = [
        StoryLine("temperature", "Temperature", "changed", "p 0.93% → 1.1% (T = 0.8)", 0.0093, 0.011),
        StoryLine("top_p", "Top-p", "cut", "the 6 tokens before it already hold 71.3% ≥ 70%", 0.011, 0.0),
        *[StoryLine("min_p", "Min-p", "gone", "cut before, by Top-p", 0.0, 0.0)] * max(stages - 2, 0),
    ]
    return Story(
        candidate,
        (
            StoryLine("model", "Model", "model", "logit 13.26, rank 11 of 49,152", 0.0, 0.0093),
            *middle[:stages],
            StoryLine("draw", "Draw", "draw", "has no part in the draw", 0.0, 0.0),
        ),
    )


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme) -> NextTokenPanel:
    panel = NextTokenPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(400, 820)
    panel.show()
    qtbot.waitExposed(panel)
    panel.activateWindow()
    panel.show_frame(make_frame())
    return panel


def select(panel: NextTokenPanel, place: int = PLACE) -> int:
    token_id = panel.frame.candidates[place].token.id
    panel.chart.select(token_id)
    return token_id


def test_selecting_asks_for_the_story_and_shows_it(qtbot: QtBot, panel: NextTokenPanel) -> None:
    wanted: list[int] = []
    panel.story_wanted.connect(wanted.append)
    assert not panel.story.isVisible()
    token_id = select(panel)
    assert wanted == [token_id] == [panel.story_token]
    assert not panel.story.isVisible(), "not before the answer"
    panel.show_story(story_of(panel.frame))
    assert panel.story.isVisible()
    assert "·beautiful" in panel.story.accessibleName()
    assert panel.chart.selected == token_id


@pytest.mark.parametrize("way", ["keys", "table", "filter"])
def test_every_way_of_selecting_asks(qtbot: QtBot, panel: NextTokenPanel, way: str) -> None:
    with qtbot.waitSignal(panel.story_wanted) as asked:
        if way == "keys":
            qtbot.keyClick(panel.chart, Qt.Key.Key_Down)
        elif way == "table":
            panel.table_view = True
            panel.table.selectRow(0)
        else:
            panel.filter.setText("hea")
            panel.show_found("hea", panel.frame.candidates[:1], 1)
    assert asked.args == [panel.frame.candidates[0].token.id]


def test_the_story_can_be_asked_for_without_a_selection(panel: NextTokenPanel) -> None:
    wanted: list[int] = []
    panel.story_wanted.connect(wanted.append)
    panel.tell_story()
    assert wanted == [panel.frame.choice.token.id] == [panel.chart.selected]
    panel.tell_story()
    assert panel.story_token is None
    panel.clear("No model is open", "")
    panel.tell_story()
    assert len(wanted) == 1


def test_an_answer_for_another_token_is_dropped(panel: NextTokenPanel) -> None:
    panel.show_story(story_of(panel.frame))
    assert not panel.story.isVisible(), "nobody asked"
    select(panel, 3)
    panel.show_story(story_of(panel.frame))
    assert not panel.story.isVisible()
    panel.show_story(story_of(panel.frame, 3))
    assert panel.story.story.candidate.rank == 4
    panel.show_story(story_of(panel.frame, 5))
    assert panel.story.story.candidate.rank == 4


def test_a_story_goes_on_with_its_token_while_stepping(panel: NextTokenPanel) -> None:
    token_id = select(panel)
    panel.show_story(story_of(panel.frame))
    wanted: list[int] = []
    panel.story_wanted.connect(wanted.append)
    place = panel.story.y()
    for step in (7, 8):
        panel.show_frame(make_frame(node=14 + step, step=step))
        assert panel.chart.selected is None, "Enter must not force a token that nobody chose here"
        assert panel.story.isVisible()
        panel.show_story(story_of(panel.frame))
    assert wanted == [token_id, token_id]
    assert panel.story.y() == place
    panel.clear("No model is open", "")
    assert panel.story_token is None
    assert not panel.story.isVisible()


@pytest.mark.parametrize("way", ["button", "escape in the chart", "escape inside", "dismiss", "None"])
def test_closing_deselects(qtbot: QtBot, panel: NextTokenPanel, way: str) -> None:
    select(panel)
    panel.show_story(story_of(panel.frame))
    with qtbot.waitSignals([panel.story_closed, panel.selection_changed]):
        if way == "button":
            qtbot.mouseClick(panel.story.close_button, Qt.MouseButton.LeftButton)
        elif way == "escape in the chart":
            qtbot.keyClick(panel.chart, Qt.Key.Key_Escape)
        elif way == "escape inside":
            panel.story.copy_button.setFocus()
            qtbot.keyClick(panel.story.copy_button, Qt.Key.Key_Escape)
        elif way == "dismiss":
            assert panel.dismiss()
        else:
            panel.show_story(None)
    assert panel.chart.selected is None
    assert panel.story_token is None
    assert not panel.story.isVisible()
    assert not panel.dismiss(), "there is nothing left to close"


@pytest.mark.parametrize("view", ["chart", "table"])
def test_escape_is_the_windows_key_unless_there_is_a_story(panel: NextTokenPanel, view: str) -> None:
    widget = getattr(panel, view)

    def claims() -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
        event.ignore()
        QApplication.sendEvent(widget, event)
        return event.isAccepted()

    assert not claims()
    select(panel)
    assert claims()
    panel.dismiss()
    assert not claims()


def test_forcing_by_click_opens_no_story(qtbot: QtBot, panel: NextTokenPanel) -> None:
    with qtbot.assertNotEmitted(panel.story_wanted):
        qtbot.mouseClick(
            panel.chart.viewport(), Qt.MouseButton.LeftButton, pos=panel.chart.row_rect(2).center().toPoint()
        )


def test_it_is_copied_as_plain_text(qtbot: QtBot, theme: Theme) -> None:
    frame = make_frame(labels=("<b>heart</b>", *WORDS[1:]))
    view = StoryView(theme)
    qtbot.addWidget(view)
    view.show_story(story_of(frame, 0))
    qtbot.mouseClick(view.copy_button, Qt.MouseButton.LeftButton)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "<b>heart</b>"
    assert lines[1] == "Model\tlogit 13.26, rank 11 of 49,152\t0.93%"
    assert lines[3] == "Top-p\tthe 6 tokens before it already hold 71.3% ≥ 70%\t0%"
    assert lines[-1] == "Draw\thas no part in the draw"


def test_a_cut_is_amber_and_what_follows_is_faint(qtbot: QtBot, theme: Theme) -> None:
    view = StoryView(theme)
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show_story(story_of(make_frame()))
    view.show()
    qtbot.waitExposed(view)
    for palette in (LIGHT, DARK):
        theme.choose(palette.name)
        image = view.grab().toImage()
        found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        assert {palette.drawn_soft, palette.drawn_text, palette.muted, palette.text, palette.surface} <= found


@pytest.fixture
def usual(qapp: QApplication) -> Iterator[QFont]:
    font = QFont(qapp.font())
    yield font
    qapp.setFont(font)


@pytest.mark.parametrize("zoom", [1.0, 1.6, 2.0])
@pytest.mark.parametrize(("width", "height"), [(280, 500), (280, 620), (454, 620), (454, 820), (700, 1200)])
@pytest.mark.parametrize("method", ["race", "dart"])
def test_the_column_has_room_for_everything_it_shows(
    qtbot: QtBot, qapp: QApplication, usual: QFont, theme: Theme, width: int, height: int, method: str, zoom: float
) -> None:
    font = QFont(usual)
    font.setPointSizeF(usual.pointSizeF() * zoom)
    qapp.setFont(font)
    box = QSplitter()  # as in the window, which is not as high as the column would like it
    qtbot.addWidget(box)
    panel = NextTokenPanel(theme, box)
    box.setMinimumSize(10, 10)
    box.resize(round(width * zoom), round(height * min(zoom, 1.4)))
    box.show()
    panel.show_frame(make_frame(method=method, top_p=0.95))
    select(panel)
    panel.show_story(story_of(panel.frame, stages=12))
    parts = [panel.legend, panel.filter, panel.chart, panel.story, panel.draw_strip, panel.facts]

    def places() -> list[QRect]:
        return [QRect(w.mapTo(panel, QPoint(0, 0)), w.size()) for w in parts if w.isVisible()]

    def apart() -> bool:
        return all(a.bottom() < b.top() for a, b in itertools.pairwise(places()))

    qtbot.waitUntil(apart)
    qtbot.waitUntil(lambda: places()[-1].bottom() <= panel.height() - 10)
    share = 0.4 if panel.draw_strip.isVisible() else 0.6
    assert panel.story.height() <= max(share * panel.height(), panel.story.least_height) + 1
    scroll = panel.story.findChild(QScrollArea)
    lines = scroll.widget()
    assert lines.width() <= scroll.viewport().width()
    if lines.height() > scroll.viewport().height():
        assert scroll.verticalScrollBar().maximum() > 0, "what does not fit is scrolled to"
    children = [w for w in panel.draw_strip.children() if isinstance(w, QWidget) and w.isVisible()]
    assert all(panel.draw_strip.rect().contains(w.geometry()) for w in children)
    row = panel.chart.row_rect(len(panel.chart.rows) - 1)
    assert row.bottom() <= panel.chart.height()


def settle(qtbot: QtBot, panel: NextTokenPanel) -> None:
    """Until the layout has had its last word."""
    qtbot.waitUntil(lambda: panel.story.geometry().bottom() <= panel.height() and panel.story.height() > 1)


def in_view(panel: NextTokenPanel, index: int) -> bool:
    scroll = panel.story.findChild(QScrollArea)
    top, bottom = panel.story._lines.extent(index)
    y = scroll.verticalScrollBar().value()
    return y <= top and bottom <= y + scroll.viewport().height()


def test_in_a_low_column_the_story_takes_the_place_of_the_draw_until_it_is_closed(
    qtbot: QtBot, panel: NextTokenPanel
) -> None:
    panel.resize(440, 615)
    assert panel.draw_strip.isVisible()
    assert panel.facts.isVisible()
    select(panel)
    panel.show_story(story_of(panel.frame, stages=12))
    assert not panel.draw_strip.isVisible()
    assert not panel.facts.isVisible()
    assert panel.story.height() >= panel.story.readable_height
    # A shorter story at the next step does not bring the draw back: it would come and go while playing.
    panel.show_frame(make_frame(node=30, step=7))
    panel.show_story(story_of(panel.frame, stages=1))
    assert not panel.draw_strip.isVisible()
    panel.resize(440, 1000)
    qtbot.waitUntil(panel.draw_strip.isVisible)
    panel.resize(440, 615)
    panel.show_story(story_of(panel.frame, stages=12))
    qtbot.waitUntil(lambda: not panel.draw_strip.isVisible())
    panel.show_story(None)
    assert panel.draw_strip.isVisible()
    assert panel.facts.isVisible()


def test_a_story_that_is_short_leaves_the_draw_where_it_is(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.resize(440, 700)
    select(panel)
    panel.show_story(story_of(panel.frame, stages=1))
    assert panel.draw_strip.isVisible()
    assert panel.story.height() >= panel.story.readable_height


def test_the_draw_does_not_go_from_under_the_hands_of_who_is_at_it(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.resize(440, 615)
    panel.show_frame(make_frame(method="dart"))
    select(panel)
    panel.draw_strip.strip.setFocus(Qt.FocusReason.TabFocusReason)
    panel.show_story(story_of(panel.frame, stages=12))
    assert panel.draw_strip.isVisible()
    assert panel.draw_strip.strip.hasFocus()


@pytest.mark.parametrize("stages", [20, 1])
def test_the_line_that_decides_is_in_view_until_a_person_scrolls(
    qtbot: QtBot, panel: NextTokenPanel, stages: int
) -> None:
    panel.resize(300, 560)
    token_id = select(panel, 3)
    told = story_of(panel.frame, 3, stages)
    kept = StoryLine(
        "min_p", "Min-p", "kept", "p 1.1% ≥ 0.05 × 16.3% = 0.0082, and so it stays where it is", 0.01, 0.01
    )
    late = replace(told, lines=(told.lines[0], *[kept] * 20, *told.lines[1:]))
    index = next((i for i, line in enumerate(late.lines) if line.effect == "cut"), len(late.lines) - 1)
    assert (late.lines[index].stage == "draw") == (stages == 1)
    panel.show_story(late)
    settle(qtbot, panel)
    qtbot.waitUntil(lambda: in_view(panel, index))
    assert not in_view(panel, 0)
    bar = panel.story.findChild(QScrollArea).verticalScrollBar()
    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    panel.show_frame(make_frame(node=31, step=7))
    panel.show_story(late)
    settle(qtbot, panel)
    assert bar.value() == 0
    assert panel.story_token == token_id
    panel.show_story(None)
    select(panel, 3)
    panel.show_story(late)
    qtbot.waitUntil(lambda: in_view(panel, index))


def test_a_narrow_story_wraps_between_words(qtbot: QtBot, theme: Theme) -> None:
    view = StoryView(theme)
    qtbot.addWidget(view)
    view.resize(250, 300)
    view.show_story(story_of(make_frame()))
    view.show()
    qtbot.waitExposed(view)
    for place in view._lines._placed:
        text = place.line.words
        breaks = [place.words.lineAt(i).textStart() for i in range(1, place.words.lineCount())]
        assert all(text[b - 1] == " " for b in breaks)
    assert any(place.words.lineCount() > 1 for place in view._lines._placed)
