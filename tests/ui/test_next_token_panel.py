"""The right column as a whole: frames, the vocabulary search, the draw, the facts, the table."""

from __future__ import annotations

import itertools
import math

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication
from pytestqt.qtbot import QtBot

from ntp_studio.ui.dart_line import segments
from ntp_studio.ui.next_token_panel import NextTokenPanel
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.theme import DARK, LIGHT, Theme
from tests.ui.frames import WORDS, make_frame


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme) -> NextTokenPanel:
    panel = NextTokenPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(400, 820)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def header(panel: NextTokenPanel) -> str:
    return panel._where.text()


def find(panel: NextTokenPanel, query: str, part: slice, total: int) -> None:
    panel.filter.setText(query)
    assert panel.frame is not None
    panel.show_found(query, panel.frame.candidates[part], total)


def test_nothing_to_show_is_said_in_words(panel: NextTokenPanel) -> None:
    assert panel.empty.isVisible()
    assert not panel.chart.isVisible()
    panel.show_frame(make_frame())
    assert panel.chart.isVisible()
    panel.clear("The model could not be loaded", "<b>Open</b> another one.")
    assert panel.empty.texts == ("The model could not be loaded", "<b>Open</b> another one.")
    assert panel.chart.rows == ()
    assert panel.draw_strip.strip.segments == ()
    assert not panel.filter.isEnabled()
    assert header(panel) == ""


def test_header_counts_what_is_shown(panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    shown = sum(1 for row in panel.chart.rows if row.candidate)
    assert header(panel) == f"step 6 · top {shown} of 49,152"
    panel.show_frame(make_frame(chosen=812, step=7))
    assert header(panel) == f"step 7 · {shown} of 49,152"  # the last of them is not one of the top


def test_a_click_forces(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    position = panel.chart.row_rect(3).center().toPoint()
    with qtbot.waitSignal(panel.force_requested) as asked:
        qtbot.mouseClick(panel.chart.viewport(), Qt.MouseButton.LeftButton, pos=position)
    assert asked.args == [panel.frame.candidates[3].token.id]


def test_nothing_is_forced_without_a_selection(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    with qtbot.assertNotEmitted(panel.force_requested):
        panel.force_selected()


def test_slots_select_and_force(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    chosen: list[int] = []
    panel.selection_changed.connect(chosen.append)
    panel.select_next()
    panel.select_next()
    panel.select_previous()
    ids = [c.token.id for c in panel.frame.candidates]
    assert chosen == [ids[0], ids[1], ids[0]]
    with qtbot.waitSignal(panel.force_requested) as asked:
        panel.force_selected()
    assert asked.args == [ids[0]]


def test_selection_stays_with_the_place(panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    panel.select_next()
    selected = panel.chart.selected
    panel.show_frame(make_frame(temperature=1.4))
    assert panel.chart.selected == selected
    panel.show_frame(make_frame(node=21, step=7))
    assert panel.chart.selected is None


def test_typing_is_announced_once_it_rests(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    asked: list[str] = []
    panel.filter_changed.connect(asked.append)
    qtbot.keyClicks(panel.filter, "cat")
    assert asked == []
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == ["cat"]
    qtbot.keyClick(panel.filter, Qt.Key.Key_Escape)
    assert asked == ["cat", ""]  # at once
    assert panel.filter.text() == ""


def test_typing_that_is_taken_back_is_not_announced(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    asked: list[str] = []
    panel.filter_changed.connect(asked.append)
    qtbot.keyClicks(panel.filter, "c")
    qtbot.keyClick(panel.filter, Qt.Key.Key_Backspace)
    with qtbot.waitSignal(panel.filter_changed):
        qtbot.keyClicks(panel.filter, "d")
    assert asked == ["d"]


def test_found_tokens_take_the_rows(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    find(panel, "cat", slice(5, 9), 37)
    assert [r.candidate.rank for r in panel.chart.rows if r.candidate] == [6, 7, 8, 9]
    assert panel._note.text() == "37 of 49,152 tokens contain 'cat' · whole matches first, then by rank"
    assert header(panel) == "step 6 · 4 of 37 found"
    assert math.fsum(r.probability for r in panel.chart.rows) == pytest.approx(1.0, abs=1e-9)
    qtbot.waitSignal(panel.filter_changed).wait()
    told: list[object] = []
    panel.force_requested.connect(told.append)
    panel.filter_changed.connect(told.append)
    # Enter takes the one with the ring; then the whole distribution is shown again.
    qtbot.keyClick(panel.filter, Qt.Key.Key_Down)
    qtbot.keyClick(panel.filter, Qt.Key.Key_Return)
    assert told == [panel.frame.candidates[6].token.id, ""]
    assert panel.chart.rows[0].candidate.rank == 1
    assert not panel._note.isVisible()


def test_answers_to_an_older_query_are_dropped(panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    panel.filter.setText("cats")
    panel.show_found("cat", panel.frame.candidates[5:9], 37)
    assert panel.chart.rows[0].candidate.rank == 1
    panel.filter.clear()
    panel.show_found("cats", panel.frame.candidates[5:9], 4)
    assert panel.chart.rows[0].candidate.rank == 1


def test_nothing_found_is_said(panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    find(panel, "<i>", slice(0, 0), 0)
    assert panel._note.text() == "No token contains '<i>'"
    assert panel._note.textFormat() == Qt.TextFormat.PlainText
    assert [r.candidate for r in panel.chart.rows] == [None]


def test_a_new_place_asks_again_for_what_was_found(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    find(panel, "cat", slice(5, 9), 37)
    with qtbot.waitSignal(panel.filter_changed):
        pass  # the announcement of the typing itself
    with qtbot.waitSignal(panel.filter_changed) as asked:
        panel.show_frame(make_frame(node=21, step=7, seed=9))
        assert panel.chart.pending
    assert asked.args == ["cat"]
    panel.show_found("cat", panel.frame.candidates[5:9], 37)
    assert not panel.chart.pending


def test_the_filter_comes_and_goes_by_key(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    panel.activateWindow()
    panel.focus_filter()
    qtbot.waitUntil(panel.filter.hasFocus)
    qtbot.keyClick(panel.filter, Qt.Key.Key_Escape)
    qtbot.waitUntil(panel.chart.hasFocus)


def test_the_draw_is_in_proportion(panel: NextTokenPanel) -> None:
    frame = make_frame(top_p=None, chosen=2)
    parts = segments(frame)
    kept = [s for s in parts if s.candidate]
    assert parts[-1].end == pytest.approx(1.0)
    assert parts[-1].candidate is None
    for segment in kept:
        assert segment.end - segment.start == pytest.approx(segment.candidate.processed_probability, abs=1e-9)
    widths = [s.candidate.processed_probability for s in kept]
    assert widths == sorted(widths, reverse=True)
    assert [s.candidate.token.id for s in kept if s.chosen] == [frame.choice.token.id]


@pytest.mark.parametrize(
    ("options", "caption"),
    [
        ({}, "race · seed 42 · draw 6 → ·dream"),
        ({"method": "greedy", "chosen": 0}, "greedy: the most likely → ·heart"),
        ({"origin": "forced"}, "forced by you → ·dream"),
    ],
)
def test_the_draw_says_how(panel: NextTokenPanel, options: dict[str, object], caption: str) -> None:
    panel.show_frame(make_frame(**options))  # type: ignore[arg-type]
    assert panel.draw_strip.caption == caption
    assert caption in panel.draw_strip.accessibleName()


def test_a_forced_token_that_was_cut_has_no_segment(panel: NextTokenPanel) -> None:
    frame = make_frame(chosen=30, origin="forced")
    assert frame.choice.cut_by == "top_p"
    assert not any(s.chosen for s in segments(frame))


def test_hovering_the_draw_names_the_segment(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart"))
    strip = panel.draw_strip.strip
    qtbot.mouseMove(strip, QPoint(strip.width() // 2, strip.height() // 2))
    qtbot.waitUntil(lambda: strip.card.explanation is not None)
    assert strip.card.explanation.title == strip.segment_at(strip.width() / 2).candidate.token.label


def test_the_four_facts(panel: NextTokenPanel) -> None:
    frame = make_frame(top_p=None)
    panel.show_frame(frame)
    facts = panel.facts
    assert facts.entropy.value == f"{frame.entropy_bits:.2f} bits"
    assert facts.processed_entropy.value == f"{frame.processed_entropy_bits:.2f} bits"
    assert facts.kept.value == "49,152"
    assert facts.mass.value == "100%"
    assert all(card.toolTip() and card.value in card.accessibleName() for card in facts.cards)


@pytest.mark.parametrize(("width", "columns"), [(300, 2), (700, 4)])
def test_facts_stand_two_by_two_where_it_is_narrow(
    qtbot: QtBot, panel: NextTokenPanel, width: int, columns: int
) -> None:
    panel.show_frame(make_frame())
    panel.resize(width, 800)
    qtbot.waitUntil(lambda: panel.facts.columns == columns)
    cards = panel.facts.cards
    qtbot.waitUntil(lambda: (cards[2].y() == cards[0].y()) == (columns == 4))
    assert all(a.geometry().right() < b.x() or a.y() < b.y() for a, b in itertools.pairwise(cards))


def test_the_table_mirrors_the_chart(qtbot: QtBot, panel: NextTokenPanel) -> None:
    frame = make_frame()
    panel.show_frame(frame)
    with qtbot.waitSignal(panel.table_view_changed) as told:
        panel.table_view = True
    assert told.args == [True]
    model = panel.table.model()
    texts = [[model.index(r, c).data() for c in range(model.columnCount())] for r in range(model.rowCount())]
    assert len(texts) == len(frame.candidates) + 1
    assert texts[0][:4] == ["1", "·heart", "46.4%", "20.5%"]
    assert texts[0][4:] == ["2912", "", f"−{-frame.candidates[0].logprob:.3f}", "20 68 65 61 72 74", ""]
    assert panel.table.isColumnHidden(8), "nothing has been drawn many times"
    assert texts[10][2] == "—"
    assert texts[10][5] == "top-p"
    assert texts[-1][1] == "49,112 others"


def test_selection_is_shared_by_chart_and_table(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    panel.table_view = True
    panel.select_next()
    panel.select_next()
    assert panel.table.currentIndex().row() == 1
    qtbot.keyClick(panel.table, Qt.Key.Key_Down)
    assert panel.chart.selected == panel.frame.candidates[2].token.id
    with qtbot.waitSignal(panel.force_requested) as asked:
        qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert asked.args == [panel.frame.candidates[2].token.id]


def test_copying_gives_unrounded_figures(qtbot: QtBot, panel: NextTokenPanel) -> None:
    frame = make_frame()
    panel.show_frame(frame)
    panel.table_view = True
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[0:4] == ["rank", "token", "processed_percent", "percent"]
    rows = [line.split("\t") for line in lines[1:]]
    assert len(rows) == len(frame.candidates) + 1
    assert sum(float(row[3]) for row in rows) == pytest.approx(100.0, abs=1e-3)
    assert float(rows[0][6]) == pytest.approx(frame.candidates[0].logprob, rel=1e-5)
    panel.table.selectRow(1)
    panel.table.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 2


def test_log_scale_is_remembered_by_the_button(qtbot: QtBot, panel: NextTokenPanel) -> None:
    with qtbot.waitSignal(panel.log_scale_changed) as told:
        panel.toggle_log_scale()
    assert told.args == [True]
    assert panel.log_scale
    assert panel.chart.log_scale
    panel.log_scale = False
    assert not panel.chart.log_scale


def test_busy_shows_only_after_a_moment(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.set_busy(True)
    assert not panel._busy.moving
    qtbot.waitUntil(lambda: panel._busy.moving)
    panel.set_busy(False)
    assert not panel._busy.moving


def test_the_theme_reaches_every_part(panel: NextTokenPanel, theme: Theme) -> None:
    panel.show_frame(make_frame(method="dart"))
    theme.choose("dark")
    image = panel.grab().toImage()
    ratio = image.devicePixelRatio()

    def color(point: QPointF) -> str:
        return image.pixelColor((point * ratio).toPoint()).name()

    assert color(QPointF(3, 3)) == DARK.surface
    assert color(QPointF(panel.chart.mapTo(panel, QPoint(2, 2)))) == DARK.surface
    assert color(QPointF(panel.facts.entropy.mapTo(panel, QPoint(20, 5)))) == DARK.surface
    strip = panel.draw_strip.strip
    assert color(QPointF(strip.mapTo(panel, QPoint(5, round(strip.band().bottom()) - 3)))) == DARK.accent
    used = {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}
    assert not {LIGHT.surface, LIGHT.accent, LIGHT.sunken} & used


def test_widgets_have_names_for_screen_readers_and_style_sheets(panel: NextTokenPanel) -> None:
    for name in ("candidate_chart", "candidate_table", "token_filter", "draw_strip", "facts", "log_scale_button"):
        widget = panel.findChild(object, name)
        assert widget is not None, name
    for widget in (panel, panel.chart, panel.table, panel.filter, panel.log_button, panel.table_button, panel.legend):
        assert widget.accessibleName()


def test_the_table_names_what_it_needs_and_shows_whole_tokens(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.table_view = True
    panel.show_frame(make_frame(top_p=None, labels=("·incomprehensible", *WORDS)))
    table = panel.table
    headings = [table.model().headerData(c, Qt.Orientation.Horizontal) for c in range(8)]
    cut, number = headings.index("cut by"), headings.index("id")
    assert "log-prob (nat)" in headings
    assert table.isColumnHidden(cut)
    needed = QFontMetrics(mono_like(table.font(), weight=QFont.Weight.Bold)).horizontalAdvance("·incomprehensible")
    qtbot.waitUntil(lambda: table.columnWidth(1) >= needed)
    for top_p in (None, 0.7):
        panel.show_frame(make_frame(top_p=top_p))
        assert table.isColumnHidden(cut) == (top_p is None)
        right = table.columnViewportPosition(number) + table.columnWidth(number)
        assert right <= table.viewport().width(), "the id is seen without scrolling"


def test_inside_the_prompt_the_header_says_so(panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(step=0))
    assert header(panel).startswith("in the prompt · ")
    assert header(panel).endswith("of 49,152")
    assert panel.draw_strip.caption == "in the prompt: seed 42 would draw → ·dream"


def test_greedy_takes_the_top_and_says_that_figures_are_from_before(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="greedy", chosen=0))
    (only,) = panel.draw_strip.strip.segments
    assert (only.start, only.end, only.chosen) == (0.0, 1.0, True)
    assert panel.facts.processed_entropy.accessibleName().startswith("before greedy")
    assert "Greedy" in panel.facts.processed_entropy.toolTip()
    assert "always takes the most likely" in panel.legend.toolTip()
    assert [text for _, text in panel.legend.entries()][1:3] == ["before greedy", "taken"]
    panel.show_frame(make_frame(method="greedy", chosen=3, origin="forced"))
    (only,) = panel.draw_strip.strip.segments
    assert (only.candidate.rank, only.chosen) == (1, False), "greedy would have taken another token"
    panel.show_frame(make_frame())
    assert len(panel.draw_strip.strip.segments) > 1
    assert panel.facts.processed_entropy.accessibleName().startswith("after decoding")


def test_the_draw_explains_itself(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    assert "waits a random time" in panel.draw_strip._caption.toolTip()
    race = panel.draw_strip.race
    qtbot.mouseMove(race, race.lane_rect(0).center().toPoint())
    qtbot.waitUntil(lambda: race.card.explanation is not None)
    assert "waits a random time" in race.card.explanation.plain()
    panel.show_frame(make_frame(method="dart"))
    assert "llama.cpp draws in this way" in panel.draw_strip._caption.toolTip()
    strip = panel.draw_strip.strip
    qtbot.mouseMove(strip, QPoint(3, strip.height() // 2))
    qtbot.waitUntil(lambda: strip.card.explanation is not None)
    assert "end to end" in strip.card.explanation.plain()


def test_forcing_leaves_the_filter(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    panel.activateWindow()
    panel.focus_filter()
    qtbot.waitUntil(panel.filter.hasFocus)
    find(panel, "cat", slice(5, 9), 4)
    qtbot.keyClick(panel.filter, Qt.Key.Key_Return)
    qtbot.waitUntil(panel.chart.hasFocus)
    assert panel.filter.text() == ""
