"""The view in which a text is scored by all columns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from ntp_studio import compare_messages as c
from ntp_studio.core.compared import ScoredComparison
from ntp_studio.ui.score_cells import Field
from ntp_studio.ui.score_data import ScoreData
from ntp_studio.ui.score_paper import MOST_BYTES, Paper
from ntp_studio.ui.score_ribbon import ScoreRibbon
from ntp_studio.ui.score_view import ScoreView
from ntp_studio.ui.shades import luminance
from ntp_studio.ui.theme import DARK, LIGHT, Theme
from tests.ui.score_figures import NAMES, changed, scored


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> ScoreView:
    view = ScoreView(theme)
    qtbot.addWidget(view)
    view.resize(1100, 640)
    view.show_columns(changed(*NAMES[:2]))
    view.show()
    qtbot.waitExposed(view)
    return view


def part(view: QWidget, name: str, kind: type = QPushButton) -> QWidget:
    found = view.findChild(kind, name)
    assert found is not None, name
    return found


def paper(view: ScoreView) -> Paper:
    return part(view, "score_paper", Paper)  # type: ignore[return-value]


def mime(text: str = "", paths: tuple[str, ...] = ()) -> QMimeData:
    data = QMimeData()
    if text:
        data.setText(text)
    if paths:
        data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    return data


def problem(view: ScoreView) -> str:
    label = part(view, "score_problem", QLabel)
    return "" if label.isHidden() else label.text()  # type: ignore[attr-defined]


def show(view: ScoreView, result: ScoredComparison | None = None) -> ScoreView:
    view.show_scored(c.Scored(scored() if result is None else result))
    return view


def texts(view: ScoreView) -> list[str]:
    """What stands in the table's column of texts, from the top."""
    model = view.result.table.model
    return [model.data(model.index(place, 2)) for place in range(model.rowCount())]


# -- input ------------------------------------------------------------------------------------------------------------


def test_a_pasted_text_is_scored_under_its_first_words(view: ScoreView, qtbot: QtBot) -> None:
    text = "Once upon a time, in a village by the sea,\nthere lived a fisherman. é"
    paper(view).setPlainText(text)
    with qtbot.waitSignal(view.score_text) as heard:
        qtbot.mouseClick(part(view, "score_start"), Qt.MouseButton.LeftButton)
    assert heard.args == [text, "“Once upon a time, in a village by the se…”"]


def test_it_says_how_many_bytes_there_are(view: ScoreView, qtbot: QtBot) -> None:
    paper(view).setPlainText("é" * 1000)
    label = part(view, "score_bytes", QLabel)
    qtbot.waitUntil(lambda: label.text() == "2,000 bytes")  # type: ignore[attr-defined]


def test_without_a_model_or_a_text_there_is_nothing_to_press(view: ScoreView) -> None:
    assert not part(view, "score_start").isEnabled()
    paper(view).setPlainText("Once")
    assert part(view, "score_start").isEnabled()
    view.show_columns(changed())
    assert not part(view, "score_start").isEnabled()
    assert not part(view, "score_open").isEnabled()
    view.show_columns(changed(NAMES[0]))
    assert part(view, "score_start").isEnabled()


def test_a_text_beyond_the_limit_is_not_taken_and_the_limit_told(view: ScoreView, qtbot: QtBot) -> None:
    paper(view).setPlainText("before")
    paper(view).insertFromMimeData(mime("a b\n" * (MOST_BYTES // 4) + "x"))
    assert "1,000,001 bytes" in problem(view)
    assert "1,000,000" in problem(view)
    assert paper(view).toPlainText() == "before"
    paper(view).insertFromMimeData(mime("é" * 200_000))  # within the limit, but one line
    assert "200,000 characters" in problem(view)
    paper(view).setPlainText("a b\n" * (MOST_BYTES // 4) + "x")  # grown by typing
    qtbot.waitUntil(lambda: "1,000,001 bytes" in problem(view))
    assert not part(view, "score_start").isEnabled()
    with qtbot.assertNotEmitted(view.score_text):
        view.input.submit()


def test_a_text_of_the_limit_is_taken(view: ScoreView, qtbot: QtBot) -> None:
    text = "a b\n" * (MOST_BYTES // 4)
    paper(view).insertFromMimeData(mime(text))
    with qtbot.waitSignal(view.score_text) as heard:
        view.input.submit()
    assert heard.args is not None
    assert heard.args[0] == text
    assert not problem(view)


def drop(widget: QWidget, data: QMimeData) -> None:
    button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(20, 20), Qt.DropAction.CopyAction, data, button, keys)
    QApplication.sendEvent(widget, enter)
    assert enter.isAccepted()
    event = QDropEvent(QPointF(20, 20), Qt.DropAction.CopyAction, data, button, keys)
    QApplication.sendEvent(widget, event)


def test_a_file_dropped_beside_or_on_the_text_is_scored(view: ScoreView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.score_file) as heard:
        drop(view.input, mime(paths=("/texts/story.txt",)))
    assert heard.args == ["/texts/story.txt"]
    with qtbot.waitSignal(view.score_file) as heard:
        drop(paper(view).viewport(), mime(paths=("/texts/other.txt",)))
    assert heard.args == ["/texts/other.txt"]
    assert paper(view).toPlainText() == ""
    with qtbot.assertNotEmitted(view.score_file):
        drop(view.input, mime(paths=("/a.txt", "/b.txt")))
    assert "One file" in problem(view)


def test_a_file_can_be_opened(view: ScoreView, qtbot: QtBot) -> None:
    qtbot.mouseClick(part(view, "score_open"), Qt.MouseButton.LeftButton)
    dialog = view.findChild(QFileDialog, "score_file_dialog")
    assert dialog is not None
    with qtbot.waitSignal(view.score_file) as heard:
        dialog.fileSelected.emit("/texts/story.txt")
    assert heard.args == ["/texts/story.txt"]
    dialog.reject()


# -- running and failing ----------------------------------------------------------------------------------------------


def test_progress_is_told_and_can_be_cancelled_once(view: ScoreView, qtbot: QtBot) -> None:
    paper(view).setPlainText("Once upon a time")
    view.show_scoring(c.Scoring(0, 0))
    assert view.running
    assert part(view, "score_done", QLabel).text() == "reading the text …"  # type: ignore[attr-defined]
    view.show_scoring(c.Scoring(12_300, 40_000))
    assert part(view, "score_done", QLabel).text() == "12,300 of 40,000 tokens"  # type: ignore[attr-defined]
    bar = part(view, "score_progress", QWidget)
    assert (bar.value(), bar.maximum()) == (12_300, 40_000)  # type: ignore[attr-defined]
    assert paper(view).isReadOnly()
    with qtbot.waitSignal(view.cancel_requested):
        qtbot.keyClick(part(view, "score_cancel"), Qt.Key.Key_Escape)
    with qtbot.assertNotEmitted(view.cancel_requested):
        view.cancel()
    view.show_failed(c.ScoringFailed("Scoring was cancelled.", cancelled=True))
    assert not view.running
    assert problem(view) == "Scoring was cancelled."
    assert part(view, "score_problem", QLabel).property("role") == "muted"


def test_escape_is_claimed_only_while_a_text_is_scored(view: ScoreView) -> None:
    def claimed() -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
        event.ignore()
        view.event(event)
        return event.isAccepted()

    assert not claimed()
    view.show_scoring(c.Scoring(1, 2))
    assert claimed()


def test_what_went_wrong_stands_over_the_text_that_is_still_there(view: ScoreView) -> None:
    paper(view).setPlainText("Once")
    view.show_scoring(c.Scoring(1, 2))
    view.show_failed(c.ScoringFailed("The text must have <b>at least</b> two tokens."))
    assert problem(view) == "The text must have <b>at least</b> two tokens."
    assert part(view, "score_problem", QLabel).textFormat() == Qt.TextFormat.PlainText  # type: ignore[attr-defined]
    assert paper(view).toPlainText() == "Once"
    assert not paper(view).isReadOnly()
    assert part(view, "score_start").isVisible()
    paper(view).insertPlainText(" upon")
    assert not problem(view)


def test_the_last_figures_can_be_gone_back_to_after_a_failure(view: ScoreView, qtbot: QtBot) -> None:
    assert not part(view, "score_last").isVisible()
    show(view)
    qtbot.mouseClick(part(view, "score_again"), Qt.MouseButton.LeftButton)
    assert view.input.isVisible()
    view.show_scoring(c.Scoring(1, 2))
    assert not part(view, "score_last").isVisible()
    view.show_failed(c.ScoringFailed("No."))
    qtbot.mouseClick(part(view, "score_last"), Qt.MouseButton.LeftButton)
    assert view.result.isVisible()


# -- result -----------------------------------------------------------------------------------------------------------


def test_totals_are_in_bits_with_their_units(view: ScoreView) -> None:
    result = scored(columns=2)
    totals = result.totals[0]
    assert totals is not None
    totals = replace(totals, tokens=399, agreed=390, forward=math.log(2), backward=2 * math.log(2), jensen_shannon=0.1)
    show(view, replace(result, totals=(totals,)))
    cells = view.result.totals.pairs.texts()
    assert cells[:4] == ["KL(A‖x)\nbits/token", "KL(x‖A)\nbits/token", "JS\nbits/token", "same top-1\nof tokens"]
    assert cells[4:] == ["1.000", "2.000", "0.144", "390 of 399"]
    cells = view.result.totals.columns.texts()
    assert "fairy-tales  bfloat16" in cells
    assert cells[-4:] == ["400", f"{result.columns[1].perplexity:.1f}", "1.270", "1.280"]


def test_totals_have_their_height_at_once_when_others_are_shown(view: ScoreView) -> None:
    show(view, scored(columns=4))
    QApplication.processEvents()
    height = view.result.totals.sizeHint().height()
    assert view.result.totals.height() == height
    show(view, scored(columns=4))
    assert view.result.totals.sizeHint().height() == height
    QApplication.processEvents()
    assert view.result.totals.height() == height


def test_unequal_vocabularies_are_said_and_have_no_divergences(view: ScoreView) -> None:
    show(view, scored(columns=3, unequal=(2,)))
    assert "unequal vocabularies: only stretches of equal text are compared" in view.result.totals.pairs.texts()
    kinds = [(field.kind, field.place) for field in view.result.table.model.fields]
    assert ("kl", 0) in kinds
    assert ("kl", 1) not in kinds
    assert ("extra", 1) in kinds


def test_figures_without_a_value_are_dashes_never_nan(view: ScoreView) -> None:
    result = scored(count=2, columns=2)
    odd = replace(result.columns[0], perplexity=math.inf, bits_per_byte=math.nan, common_bits_per_byte=math.nan)
    show(view, replace(result, columns=(odd, result.columns[1])))
    cells = view.result.totals.columns.texts()
    assert cells[6:9] == ["∞", "–", "–"]
    assert not any(word in text for text in cells for word in ("nan", "inf"))


def test_it_says_how_the_text_was_read(view: ScoreView) -> None:
    def caption() -> str:
        return part(view, "score_caption", QLabel).text()  # type: ignore[attr-defined]

    show(view, scored(columns=2, window=256))
    assert caption() == "1,608 bytes · longer than the context: read in windows of 256 tokens, each 128 further on"
    show(view, scored(columns=2, window=399))  # a window foretells the token after its last
    assert caption() == "1,608 bytes · read as a whole"
    show(view, scored(columns=2, unequal=(1,), window=256))
    assert caption() == "1,608 bytes · read by A in windows of 256 tokens, B as a whole"


def test_figures_of_columns_that_changed_say_whose_they_are(view: ScoreView) -> None:
    stale = part(view, "score_stale", QLabel)
    view.show_scoring(c.Scoring(0, 10))
    show(view)
    assert stale.isHidden()
    view.show_columns(changed(*NAMES[:2]))
    assert stale.isHidden()
    view.show_columns(changed(NAMES[1], NAMES[2]))
    assert stale.isVisible()
    assert "A fairy-tales float32, B fairy-tales bfloat16" in stale.text()  # type: ignore[attr-defined]
    assert view.result.isVisible()
    view.show_columns(changed(*NAMES[:2], first=7))  # of the same names, but others
    assert stale.isVisible()


def test_the_same_text_is_scored_again_by_the_columns_of_now(view: ScoreView, qtbot: QtBot) -> None:
    again = part(view, "score_rescore")
    paper(view).setPlainText("Once upon a time")
    view.input.submit()
    view.show_scoring(c.Scoring(0, 10))
    show(view)
    assert not again.isVisible()
    paper(view).setPlainText("Something else")  # to be scored later
    view.show_columns(changed(NAMES[1], NAMES[2], first=5))
    assert again.isVisible()
    with qtbot.waitSignal(view.score_text) as heard:
        qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    assert heard.args == ["Once upon a time", "“Once upon a time”"]
    view.show_scoring(c.Scoring(0, 10))
    assert not again.isVisible()
    result = scored(columns=2)
    others = (
        replace(result.columns[0], dtype="bfloat16"),
        replace(result.columns[1], name=NAMES[2][0], dtype="float32"),
    )
    show(view, replace(result, columns=others))
    assert not again.isVisible()
    assert paper(view).toPlainText() == "Something else"
    view.show_columns(changed())
    assert again.isVisible()
    assert not again.isEnabled()


def test_a_file_is_scored_again_by_its_path(view: ScoreView, qtbot: QtBot) -> None:
    drop(view.input, mime(paths=("/texts/story.txt",)))
    view.show_scoring(c.Scoring(0, 10))
    assert part(view, "score_doing", QLabel).text() == "Scoring story.txt"  # type: ignore[attr-defined]
    show(view)
    paper(view).setPlainText("Another")
    view.input.submit()
    view.show_scoring(c.Scoring(0, 10))
    view.show_failed(c.ScoringFailed("No."))  # the figures of the file are still the last ones
    qtbot.mouseClick(part(view, "score_last"), Qt.MouseButton.LeftButton)
    view.show_columns(changed(NAMES[2], first=9))
    with qtbot.waitSignal(view.score_file) as heard:
        qtbot.mouseClick(part(view, "score_rescore"), Qt.MouseButton.LeftButton)
    assert heard.args == ["/texts/story.txt"]


def test_another_text_begins_with_what_was_typed(view: ScoreView, qtbot: QtBot) -> None:
    paper(view).setPlainText("Once upon a time")
    view.input.submit()
    view.show_scoring(c.Scoring(0, 10))
    show(view)
    qtbot.mouseClick(part(view, "score_again"), Qt.MouseButton.LeftButton)
    assert paper(view).isVisible()
    assert paper(view).toPlainText() == "Once upon a time"
    qtbot.waitUntil(paper(view).hasFocus)


def test_the_text_field_has_the_focus_when_the_view_opens(theme: Theme, qtbot: QtBot) -> None:
    window = QStackedWidget()
    qtbot.addWidget(window)
    columns, view = QPushButton("columns"), ScoreView(theme)
    view.show_columns(changed(*NAMES[:2]))
    window.addWidget(columns)
    window.addWidget(view)
    window.show()
    qtbot.waitExposed(window)
    columns.setFocus()
    window.setCurrentWidget(view)
    qtbot.waitUntil(paper(view).hasFocus)
    show(view)
    window.setCurrentWidget(columns)
    columns.setFocus()
    window.setCurrentWidget(view)
    qtbot.waitUntil(view.result.table.left.hasFocus)


def test_rows_that_are_stretches_are_said_to_be(view: ScoreView) -> None:
    label = part(view, "score_stretches", QLabel)
    result = scored(count=76, columns=3, unequal=(1, 2))
    counts = (95, 80, 1_080)
    result = replace(
        result, columns=tuple(replace(each, tokens=n) for each, n in zip(result.columns, counts, strict=True))
    )
    show(view, result)
    assert label.isVisible()
    words = "76 stretches that are whole in every model; A has 95 tokens, B 80, C 1,080"
    assert label.text() == words  # type: ignore[attr-defined]
    show(view, scored(columns=2))
    assert not label.isVisible()


def test_the_letters_of_a_pair_stand_alone_where_its_word_has_no_room(view: ScoreView) -> None:
    show(view)
    header = view.result.table.right.header
    pair, model = Field("extra", 0), Field("surprisal", 0)
    assert header.group_words(pair, 400) == "compared"
    assert header.group_words(pair, 30) == ""
    assert header.group_words(model, 400) == "fairy-tales"
    assert "…" in header.group_words(model, 40)


def test_columns_that_changed_while_the_text_was_scored_are_told_of(view: ScoreView) -> None:
    view.show_scoring(c.Scoring(0, 10))
    view.show_columns(changed(*NAMES[:2], first=7))
    show(view)
    assert part(view, "score_stale", QLabel).isVisible()


def test_a_click_on_a_header_sorts_and_another_turns_it_round(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    table = view.result.table
    first = table.model.data_.values("logprob", 0)
    header = table.right.header
    at = QPoint(header.sectionViewportPosition(3) + 20, header.height() - 10)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    found = [first[table.model.row_at(place)] for place in range(399)]
    assert found == sorted(found)  # the least likely first
    assert table.model.row_at(399) == 0  # nothing foretold it
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    found = [first[table.model.row_at(place)] for place in range(399)]
    assert found == sorted(found, reverse=True)
    assert table.model.row_at(399) == 0


def test_the_keyboard_sorts_by_the_column_of_the_current_cell(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    table = view.result.table
    table.right.setFocus()
    table.right.setCurrentIndex(table.model.index(0, 3))
    qtbot.keyClick(table.right, Qt.Key.Key_Right)
    qtbot.keyClick(table.right, Qt.Key.Key_Return)
    assert table.model.sorting == (4, True)
    assert table.right.currentIndex().column() == 4
    assert table.current_row() == 0  # the row stays the current one, wherever it went


def test_log_probabilities_in_nats_leave_the_rows_in_their_order(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    table = view.result.table
    table.sort_by(3)
    before = [table.model.row_at(place) for place in range(400)]
    nats = table.model.data_.scored.rows[before[0]].columns[0].logprob
    assert nats is not None
    assert table.model.data(table.model.index(0, 3)) == f"{-nats / math.log(2):.2f}"
    qtbot.mouseClick(part(view, "score_logprob", QWidget), Qt.MouseButton.LeftButton)
    assert [table.model.row_at(place) for place in range(400)] == before
    assert table.model.sorting == (3, False)
    assert table.model.data(table.model.index(0, 3)) == f"{nats:.3f}".replace("-", "−")


def test_the_worst_figure_stands_in_its_row_in_either_unit(view: ScoreView, qtbot: QtBot) -> None:
    show(view, scored(columns=2, unequal=(1,)))
    table, worst = view.result.table, part(view, "score_worst", QLabel)
    ribbon = view.result.ribbon
    view.next_worst()
    place = table.right.currentIndex().row()
    section = [field.kind for field in table.model.fields].index("extra")
    size = table.model.data(table.model.index(place, section)).lstrip("+−")
    assert worst.text().endswith(f" {size} bits")  # type: ignore[attr-defined]
    assert ribbon.accessibleName() == "Disagreement: size of Δ surprisal, bits"
    assert ribbon.told(ribbon.top()) == f"{size} bits"
    qtbot.mouseClick(part(view, "score_logprob", QWidget), Qt.MouseButton.LeftButton)
    assert table.model.fields[section].kind == "delta"
    nats = abs(table.model.data_.rows[table.current_row()].pairs[0].delta or 0.0)
    assert nats > 0.1
    assert table.model.data(table.model.index(place, section)).lstrip("+−") == f"{nats:.3f}"
    assert worst.text().endswith(f" {nats:.3f} nats")  # type: ignore[attr-defined]
    assert ribbon.accessibleName() == "Disagreement: size of Δ log-probability, nats"
    assert ribbon.told(ribbon.top()) == f"{nats:.3f} nats"
    assert part(view, "heat_legend", QWidget).accessibleName() == "Colours from 0 to ≥ 8.3 nats"
    headings = [table.model.headerData(i, Qt.Orientation.Horizontal) for i in range(len(table.model.fields))]
    assert not any("bits" in str(each) for each in headings)


def test_the_worst_divergence_stands_in_its_row(view: ScoreView) -> None:
    show(view)
    table = view.result.table
    view.next_worst()
    section = [field.kind for field in table.model.fields].index("kl")
    cell = table.model.data(table.model.index(table.right.currentIndex().row(), section))
    assert part(view, "score_worst", QLabel).text().endswith(f" {cell} bits")  # type: ignore[attr-defined]


def test_a_threshold_stays_the_same_in_the_other_unit(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    box, bits = part(view, "score_condition", QComboBox), part(view, "score_bits", QDoubleSpinBox)
    box.setCurrentIndex(1)  # type: ignore[attr-defined]
    shown = view.result.table.model.shown.tolist()
    assert bits.text() == "1.00 bits"  # type: ignore[attr-defined]
    qtbot.mouseClick(part(view, "score_logprob", QWidget), Qt.MouseButton.LeftButton)
    assert bits.text() == "0.693 nats"  # type: ignore[attr-defined]
    assert view.result.filter.criteria() == ("", "disagree", 1.0)
    view.result.filter._announce()
    assert view.result.table.model.shown.tolist() == shown
    bits.setValue(0.1)  # type: ignore[attr-defined]
    data = view.result.table.model.data_
    expected = [row for row in range(400) if data.measure[row] * math.log(2) > 0.1]
    assert len(expected) > len(shown)
    qtbot.waitUntil(lambda: view.result.table.model.shown.tolist() == expected)
    qtbot.mouseClick(part(view, "score_surprisal", QWidget), Qt.MouseButton.LeftButton)
    assert bits.text() == "0.14 bits"  # type: ignore[attr-defined]


def test_rows_are_found_by_their_text(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    find = part(view, "score_find", QLineEdit)
    qtbot.keyClicks(find, " FISH")
    qtbot.waitUntil(lambda: set(texts(view)) == {"·fish", "·fisherman"})
    shown = len(texts(view))
    assert part(view, "score_count", QLabel).text() == f"{shown} of 400 rows"  # type: ignore[attr-defined]
    qtbot.keyClick(find, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(texts(view)) == 400)


def test_nothing_found_is_said_and_all_rows_can_be_had_again(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    find = part(view, "score_find", QLineEdit)
    qtbot.keyClicks(find, "zzz")
    nothing = part(view, "score_nothing", QLabel)
    qtbot.waitUntil(nothing.isVisible)
    assert not view.result.table.isVisible()
    qtbot.mouseClick(part(view, "score_all"), Qt.MouseButton.LeftButton)
    assert len(texts(view)) == 400
    assert view.result.table.isVisible()


def test_only_conditions_that_can_be_met_are_offered(view: ScoreView) -> None:
    def offered() -> list[str]:
        box = part(view, "score_condition", QComboBox)
        return [box.itemData(i) for i in range(box.count())]  # type: ignore[attr-defined]

    show(view, scored(columns=2))
    assert offered() == ["all", "disagree", "top", "surprising"]
    show(view, scored(columns=2, unequal=(1,)))
    assert offered() == ["all", "disagree", "surprising"]
    show(view, scored(columns=1))
    assert offered() == ["all", "surprising"]


def test_rows_where_the_models_disagree(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    box, bits = part(view, "score_condition", QComboBox), part(view, "score_bits", QDoubleSpinBox)
    assert not bits.isVisible()
    box.setCurrentIndex(1)  # type: ignore[attr-defined]
    assert bits.isVisible()
    bits.setValue(0.5)  # type: ignore[attr-defined]
    data = view.result.table.model.data_
    expected = [row for row in range(400) if data.measure[row] > 0.5]
    qtbot.waitUntil(lambda: view.result.table.model.shown.tolist() == expected)
    assert 0 < len(expected) < 400


def test_n_and_p_go_through_the_worst_rows(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    data, table = view.result.table.model.data_, view.result.table
    worst = sorted(range(1, 400), key=lambda row: -data.measure[row])
    table.right.setFocus()
    qtbot.keyClick(table.right, Qt.Key.Key_N)
    assert table.current_row() == worst[0]
    qtbot.keyClick(table.right, Qt.Key.Key_N)
    assert table.current_row() == worst[1]
    label = part(view, "score_worst", QLabel).text()  # type: ignore[attr-defined]
    assert label.startswith(f"2 of {len(data.worst(table.model.shown))} · #{worst[1] + 1}")
    rect = table.left.visualRect(table.model.index(table.model.place_of(worst[1]), 0))
    assert table.left.viewport().rect().contains(rect)
    qtbot.keyClick(table.right, Qt.Key.Key_P)
    assert table.current_row() == worst[0]
    table.choose(5)  # somewhere else: it begins again
    view.next_worst()
    assert table.current_row() == worst[0]


def test_jumps_stay_within_the_rows_that_are_shown(view: ScoreView) -> None:
    show(view)
    find = part(view, "score_find", QLineEdit)
    find.setText("village")  # type: ignore[attr-defined]
    view.result.filter._announce()
    for _ in range(4):
        view.next_worst()
        assert view.result.table.model.data_.rows[view.result.table.current_row()].text == "·village"


def test_a_text_much_longer_than_a_slice_is_looked_through_bit_by_bit(view: ScoreView, qtbot: QtBot) -> None:
    show(view, scored(count=5_000))
    data = view.result.table.model.data_
    assert not data.filled
    assert not part(view, "score_next").isEnabled()
    qtbot.waitUntil(lambda: data.filled)
    qtbot.waitUntil(part(view, "score_next").isEnabled)
    expected = ScoreData(data.scored)
    expected.complete()
    view.next_worst()
    assert view.result.table.current_row() == expected.worst(view.result.table.model.shown)[0]


def test_rows_are_copied_with_their_headings(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    table = view.result.table
    table.choose(7)
    qtbot.keyClick(table.right, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(table.right, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("#\tbyte\ttext\tA: surprisal, bits\tA: rank\tA: entropy, bits")
    assert lines[1].split("\t")[0] == "8"
    logprob = table.model.data_.rows[8].columns[0].logprob
    assert logprob is not None
    assert float(lines[2].split("\t")[3]) == pytest.approx(-logprob / math.log(2), rel=1e-8)
    assert part(view, "score_caption", QLabel).text() == "Copied 2 rows"  # type: ignore[attr-defined]


def test_figures_are_exported_to_a_file_that_is_chosen(view: ScoreView, qtbot: QtBot) -> None:
    assert not part(view, "score_export").isVisible()
    show(view)
    qtbot.mouseClick(part(view, "score_export"), Qt.MouseButton.LeftButton)
    dialog = view.findChild(QFileDialog, "score_export_dialog")
    assert dialog is not None
    with qtbot.waitSignal(view.export_requested) as heard:
        dialog.fileSelected.emit("/out/scores.csv")
    assert heard.args == ["/out/scores.csv"]
    dialog.reject()
    view.show_exported("/out/scores.csv")
    assert part(view, "score_caption", QLabel).text() == "Written to /out/scores.csv"  # type: ignore[attr-defined]


def test_the_file_of_figures_is_given_a_name(view: ScoreView, qtbot: QtBot) -> None:
    show(view)
    view.ask_export()
    dialog = view.findChild(QFileDialog, "score_export_dialog")
    assert dialog is not None
    assert [path.rsplit("/", 1)[-1] for path in dialog.selectedFiles()] == ["the-fisherman-and-his-wife-scores.csv"]
    dialog.reject()


def test_back_to_the_columns(view: ScoreView, qtbot: QtBot) -> None:
    for _ in range(2):  # from the input, and from the figures
        with qtbot.waitSignal(view.closed):
            qtbot.mouseClick(part(view, "score_back"), Qt.MouseButton.LeftButton)
        show(view)


# -- ribbon -----------------------------------------------------------------------------------------------------------


def test_a_bar_of_the_ribbon_is_the_largest_of_its_rows(theme: Theme, qtbot: QtBot) -> None:
    ribbon = ScoreRibbon(theme)
    qtbot.addWidget(ribbon)
    ribbon.resize(208, 60)
    data = ScoreData(scored(count=1_000))
    data.complete()
    ribbon.show_data(data)
    assert len(ribbon.peaks) < 210
    assert max(ribbon.peaks[1:]) == max(data.measure[1:])
    row = int(data.worst(np.arange(1_000))[0])
    bar = max(range(len(ribbon.peaks)), key=lambda i: -1.0 if math.isnan(ribbon.peaks[i]) else ribbon.peaks[i])
    with qtbot.waitSignal(ribbon.row_clicked) as heard:
        x = int(ribbon._x(bar) + ribbon._pitch() / 2)
        qtbot.mouseClick(ribbon, Qt.MouseButton.LeftButton, pos=QPoint(x, 30))
    assert heard.args == [row]


def test_a_click_on_the_ribbon_selects_the_row_or_the_nearest_shown(view: ScoreView) -> None:
    show(view)
    view.result.ribbon.row_clicked.emit(120)
    assert view.result.table.current_row() == 120
    assert view.result.table.selected_places() == [120]
    view.result.table.show_rows(view.result.table.model.data_.chosen("village", "all", 0.0))
    shown = view.result.table.model.shown.tolist()
    view.result.ribbon.row_clicked.emit(120)
    assert view.result.table.current_row() == min(shown, key=lambda row: abs(row - 120))


# -- looks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [900, 1100, 1440])
def test_the_text_stays_in_view_beside_the_figures(view: ScoreView, qtbot: QtBot, columns: int, width: int) -> None:
    view.resize(width, 640)
    show(view, scored(columns=columns))
    QApplication.processEvents()
    table = view.result.table
    table.right.horizontalScrollBar().setValue(table.right.horizontalScrollBar().maximum())
    assert table.left.columnWidth(2) >= 80
    every = table.right.horizontalScrollBar().maximum() == 0
    assert every or table.right.viewport().width() >= width * 0.4
    assert table.left.width() + table.right.width() <= table.width()
    assert table.left.viewport().height() == table.right.viewport().height()
    assert every == (columns == 1 or (columns == 2 and width > 900))
    table.right.verticalScrollBar().setValue(1_000)
    assert table.left.verticalScrollBar().value() == 1_000
    table.left.verticalScrollBar().setValue(500)
    assert table.right.verticalScrollBar().value() == 500


def test_text_on_every_heat_is_readable() -> None:
    for palette in (LIGHT, DARK):
        for share in range(0, 101, 5):
            ground = luminance(QColor(palette.heat_color(share / 100)))
            ink = luminance(palette.color("text"))
            low, high = sorted((ground, ink))
            assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_tool_tip_of_a_token_is_no_markup(view: ScoreView, monkeypatch: pytest.MonkeyPatch) -> None:
    from PySide6.QtGui import QHelpEvent
    from PySide6.QtWidgets import QStyleOptionViewItem

    told: list[str] = []
    monkeypatch.setattr("ntp_studio.ui.score_pane.QToolTip.showText", lambda at, words, widget: told.append(words))
    show(view)
    table = view.result.table
    row = next(i for i, each in enumerate(table.model.data_.rows) if each.text == "<b>")
    event = QHelpEvent(QEvent.Type.ToolTip, QPoint(1, 1), QPoint(1, 1))
    index = table.model.index(row, 2)
    table.left.itemDelegate().helpEvent(event, table.left, QStyleOptionViewItem(), index)
    assert told == ["<qt>&lt;b&gt;</qt>"]


def test_a_new_theme_and_a_larger_font_reach_every_part(view: ScoreView, theme: Theme, qapp: QApplication) -> None:
    show(view, scored(columns=4))
    table = view.result.table
    before = table.left.verticalHeader().defaultSectionSize()
    font = qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(font.pointSizeF() * 1.6)
    try:
        qapp.setFont(larger)
        theme.choose("dark")
        QApplication.processEvents()
        assert table.left.verticalHeader().defaultSectionSize() > before * 1.3
        picture = table.left.viewport().grab().toImage()
        assert picture.pixelColor(picture.width() - 3, 10) == DARK.color("surface")
    finally:
        qapp.setFont(font)
        theme.choose("light")


def test_every_part_has_a_name_for_screen_readers(view: ScoreView) -> None:
    show(view)
    for kind in (QPushButton, QLineEdit, QComboBox):
        for widget in view.findChildren(kind):
            if widget.objectName() and not widget.objectName().startswith("qt_"):
                assert widget.accessibleName() or getattr(widget, "text", str)(), widget.objectName()
    model = view.result.table.model
    heading = model.headerData(3, Qt.Orientation.Horizontal)
    assert heading == "A: surprisal, bits"
