"""The chart as a person meets it: pointer, keys, colours, sizes."""

from __future__ import annotations

import itertools
import math

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QFontMetricsF, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from ntp_studio.ui.chart import CandidateChart
from ntp_studio.ui.chart_paint import LOG_TICKS, RowPainter, position
from ntp_studio.ui.chart_rows import frame_listing
from ntp_studio.ui.draw_overlay import Draws
from ntp_studio.ui.theme import DARK, LIGHT, Theme
from tests.ui.frames import WORDS, make_frame


@pytest.fixture
def chart(qtbot: QtBot, theme: Theme) -> CandidateChart:
    chart = CandidateChart(theme)
    qtbot.addWidget(chart)
    chart.resize(400, 520)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def show(chart: CandidateChart, **options: object) -> None:
    frame = make_frame(**options)  # type: ignore[arg-type]
    chart.show_listing(frame_listing(frame), frame)


def point(chart: CandidateChart, row: int, share: float = 0.5) -> QPoint:
    rect = chart.row_rect(row)
    return QPointF(rect.x() + rect.width() * share, rect.center().y()).toPoint()


def colors_in(chart: CandidateChart, row: int) -> set[str]:
    image = chart.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    ratio = image.devicePixelRatio()
    rect = chart.row_rect(row)
    y = int(rect.center().y() * ratio)
    return {QColor(image.pixel(x, y)).name() for x in range(image.width())}


def test_a_click_asks_for_the_token_of_its_row(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    with qtbot.waitSignal(chart.force_requested) as asked:
        qtbot.mouseClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=point(chart, 2))
    assert asked.args == [chart.rows[2].candidate.token.id]


def test_the_row_of_the_others_cannot_be_forced(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    assert chart.rows[-1].candidate is None
    with qtbot.assertNotEmitted(chart.force_requested):
        qtbot.mouseClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=point(chart, len(chart.rows) - 1))


def test_a_row_that_changed_under_the_pointer_is_not_forced(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    with qtbot.assertNotEmitted(chart.force_requested):
        qtbot.mousePress(chart.viewport(), Qt.MouseButton.LeftButton, pos=point(chart, 2))
        show(chart, node=21, step=7, chosen=812)
        chart.show_listing(frame_listing(make_frame(top=2)), None)
        qtbot.mouseRelease(chart.viewport(), Qt.MouseButton.LeftButton, pos=point(chart, 2))


def test_keys_walk_the_rows_and_force(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    ids = [row.candidate.token.id for row in chart.rows if row.candidate]
    qtbot.keyClick(chart, Qt.Key.Key_Down)
    assert chart.selected == ids[0]
    qtbot.keyClick(chart, Qt.Key.Key_Down)
    qtbot.keyClick(chart, Qt.Key.Key_Down)
    qtbot.keyClick(chart, Qt.Key.Key_Up)
    assert chart.selected == ids[1]
    assert "·special" in chart.accessibleDescription()
    with qtbot.waitSignal(chart.force_requested) as asked:
        qtbot.keyClick(chart, Qt.Key.Key_Return)
    assert asked.args == [ids[1]]
    with qtbot.waitSignal(chart.selection_changed) as told:
        qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert told.args == [-1]
    with qtbot.assertNotEmitted(chart.force_requested):
        qtbot.keyClick(chart, Qt.Key.Key_Return)


def test_the_selected_row_has_a_ring(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart, chosen=812)
    edge = QPointF(200, chart.row_rect(5).top() + 1).toPoint()

    def color() -> str:
        image = chart.grab().toImage()
        return QColor(image.pixel(edge * image.devicePixelRatio())).name()

    assert color() != LIGHT.accent
    chart.select(chart.rows[5].candidate.token.id)
    assert color() == LIGHT.accent


def test_shape_of_a_bar_is_the_probability(chart: CandidateChart) -> None:
    show(chart, chosen=812)
    row = chart.rows[0]
    painter = RowPainter(LIGHT, chart.font())
    track = painter.columns(chart.width(), chart.rows).track
    image = chart.grab().toImage()
    ratio = image.devicePixelRatio()
    y = int(chart.row_rect(0).center().y() * ratio)
    blue = [x / ratio for x in range(image.width()) if QColor(image.pixel(x, y)).name() == LIGHT.accent]
    assert blue[-1] - track.x == pytest.approx(row.processed_probability * track.width, abs=3)
    assert blue[0] == pytest.approx(track.x, abs=3)


def test_amber_only_in_the_chosen_row(chart: CandidateChart) -> None:
    show(chart, chosen=1)
    assert LIGHT.drawn in colors_in(chart, 1)
    assert LIGHT.accent not in colors_in(chart, 1)
    assert LIGHT.drawn not in colors_in(chart, 0)
    assert LIGHT.accent in colors_in(chart, 0)


def test_a_cut_token_has_a_grey_bar_and_no_other(chart: CandidateChart) -> None:
    show(chart, chosen=0, scale=3.0)  # top-p keeps the first; the second holds 14 %
    colors = colors_in(chart, 1)
    assert chart.rows[1].candidate.cut_by == "top_p"
    assert LIGHT.cut in colors
    assert not {LIGHT.accent, LIGHT.model, LIGHT.drawn} & colors


def test_the_theme_repaints(chart: CandidateChart, theme: Theme) -> None:
    show(chart, chosen=812)
    assert LIGHT.surface in colors_in(chart, 0)
    theme.choose("dark")
    colors = colors_in(chart, 0)
    assert DARK.surface in colors
    assert DARK.accent in colors
    assert not {LIGHT.surface, LIGHT.accent} & colors


def test_height_folds_and_unfolds(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart, chosen=812)
    shown = {}
    for height in (200, 400, 800, 1400):
        chart.resize(400, height)
        qtbot.waitUntil(lambda height=height: chart.height() == height)
        shown[height] = len(chart.rows)
        assert math.fsum(r.processed_probability for r in chart.rows) == pytest.approx(1.0, abs=1e-9)
        assert any(r.chosen for r in chart.rows)
        assert chart.row_rect(len(chart.rows) - 1).bottom() < height
    assert shown[200] < shown[400] < shown[800] < shown[1400] == 42


@pytest.mark.parametrize("width", [280, 300, 400, 560, 700])
def test_columns_never_overlap(chart: CandidateChart, width: int) -> None:
    show(chart, chosen=812)
    columns = RowPainter(LIGHT, chart.font()).columns(width, chart.rows)
    spans = [columns.rank, columns.label, columns.track, columns.processed, columns.model]
    assert all(a.right < b.x for a, b in itertools.pairwise(spans))
    assert columns.track.width >= 30
    assert spans[0].x >= 0
    assert width == 280 or spans[-1].right <= width


def test_bars_keep_their_place_from_step_to_step(chart: CandidateChart) -> None:
    painter = RowPainter(LIGHT, chart.font())
    show(chart)
    before = painter.columns(400, chart.rows)
    show(chart, labels=["·" + word * 3 for word in WORDS], step=7)
    assert painter.columns(400, chart.rows) == before


def test_the_log_scale(chart: CandidateChart) -> None:
    assert [position(tick, True) for tick in LOG_TICKS] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert position(1e-9, True) == position(0.0, True) == 0.0
    assert position(0.37, False) == 0.37
    show(chart, chosen=812)
    linear = chart.grab().toImage()
    chart.log_scale = True
    assert chart.grab().toImage() != linear


def test_hovering_explains(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    qtbot.mouseMove(chart.viewport(), point(chart, 0))
    qtbot.waitUntil(lambda: chart.card.explanation is not None)
    assert chart.card.explanation.title == "·heart"
    assert any("e^(" in text for _, text in chart.card.explanation.lines)
    qtbot.mouseMove(chart.viewport(), point(chart, len(chart.rows) - 1))
    qtbot.waitUntil(lambda: "others" in chart.card.explanation.title)


def test_another_place_takes_the_card_away(qtbot: QtBot, chart: CandidateChart) -> None:
    """With keys the pointer rests where it was, and the card would lie over the page at each step."""
    show(chart)
    qtbot.mouseMove(chart.viewport(), point(chart, 1))
    assert chart.card.isVisible()
    show(chart, step=4)
    assert not chart.card.isVisible()


def test_token_text_is_never_markup(qtbot: QtBot, chart: CandidateChart) -> None:
    labels = ["<b>x</b>", "&amp;", "<img·src=x>", *WORDS[3:]]
    frame = make_frame(labels=labels)
    chart.show_listing(frame_listing(frame), frame)
    for row, label in enumerate(labels[:3]):
        qtbot.mouseMove(chart.viewport(), point(chart, row))
        qtbot.waitUntil(lambda label=label: getattr(chart.card.explanation, "title", None) == label)
        found = [part for part in chart.card.findChildren(QLabel) if part.text() == label]
        assert len(found) == 1
        assert all(part.textFormat() == Qt.TextFormat.PlainText for part in chart.card.findChildren(QLabel))
        # As wide as its signs: markup or an entity would have been swallowed.
        assert found[0].sizeHint().width() >= QFontMetricsF(found[0].font()).horizontalAdvance(label) - 1


def test_figures_of_another_place_are_withheld(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart, chosen=812)
    assert LIGHT.accent in colors_in(chart, 0)
    chart.pending = True
    assert LIGHT.accent not in colors_in(chart, 0)
    assert chart.card.explanation is None


def test_wheel_scrolls_the_rows_and_pyqtgraphs_menu_stays_shut(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart, chosen=0)
    where = QPointF(point(chart, 3))
    down = QWheelEvent(
        where,
        chart.mapToGlobal(where),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(chart.viewport(), down)
    assert chart.offset == 1
    assert chart.rows[0].chosen
    assert (chart.rows[1].count, len(chart.rows[1].above)) == (2, 2)
    assert chart.rows[2].candidate.rank == 4
    forced: list[int] = []
    chart.force_requested.connect(forced.append)
    qtbot.mouseMove(chart.viewport(), point(chart, 1))
    assert chart.card.explanation.title == "2 above"
    qtbot.mouseClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=point(chart, 1))
    assert (chart.offset, forced) == (0, [])
    before = chart.grab().toImage()
    menu_at(chart, point(chart, len(chart.rows) - 1))  # the others have no story
    assert QApplication.activePopupWidget() is None
    assert chart.grab().toImage() == before


def menu_at(chart: CandidateChart, where: QPoint) -> None:
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, chart.mapToGlobal(where))
    QApplication.sendEvent(chart.viewport(), event)


def test_a_right_click_selects_and_forces_nothing(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    forced: list[int] = []
    chart.force_requested.connect(forced.append)
    wanted = chart.rows[3].candidate.token.id
    with qtbot.waitSignal(chart.selection_changed) as told:
        qtbot.mouseClick(chart.viewport(), Qt.MouseButton.RightButton, pos=point(chart, 3))
        menu_at(chart, point(chart, 3))
    assert told.args == [wanted] == [chart.selected]
    menu = QApplication.activePopupWidget()
    assert menu is not None
    story = next(action for action in menu.actions() if action.objectName() == "row_story")
    with qtbot.waitSignal(chart.story_requested) as asked:
        story.trigger()
    menu.close()
    assert asked.args == [wanted]
    assert forced == []


def test_a_left_click_forces_and_opens_no_story(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart)
    with qtbot.assertNotEmitted(chart.selection_changed):
        qtbot.mouseClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=point(chart, 2))


def test_many_draws_are_marked_where_they_fell(qtbot: QtBot, chart: CandidateChart) -> None:
    show(chart, chosen=0)
    candidate = chart.rows[5].candidate
    track = RowPainter(LIGHT, chart.font()).columns(chart.width(), chart.rows).track

    def dark() -> set[int]:
        """Where the row has the colour of the mark."""
        image = chart.grab().toImage()
        ratio = image.devicePixelRatio()
        y = int(chart.row_rect(5).center().y() * ratio) - 2
        found = {x for x in range(image.width()) if QColor(image.pixel(x, y)).lightness() < 60}
        return {round(x / ratio) for x in found if track.x + 20 <= x / ratio <= track.right}

    assert dark() == set()
    chart.draws = Draws(1000, {candidate.token.id: 600})
    assert dark()
    assert all(abs(x - track.x - 0.6 * track.width) <= 5 for x in dark())
    qtbot.mouseMove(chart.viewport(), point(chart, 5))
    qtbot.waitUntil(lambda: chart.card.explanation is not None)
    assert "drawn 600 of 1,000 (60.0%), expected" in chart.card.explanation.plain()
    chart.draws = None
    assert dark() == set()


def test_empty_chart_paints(chart: CandidateChart) -> None:
    show(chart)
    chart.show_listing(type(frame_listing(make_frame()))(), None)
    assert chart.rows == ()
    assert colors_in(chart, 0) == {LIGHT.surface}
