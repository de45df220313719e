"""What the right-hand panel of the compare page says so that no figure is taken for another, and what keeps still."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.compare_messages import PlaceShown
from ntp_studio.core.compared import Divergence, PairAt, PlaceComparison, Totals
from ntp_studio.core.types import StepFrame, Taken, TokenText
from ntp_studio.ui.delta_bars_rows import delta_rows, exact_points, token_here
from ntp_studio.ui.disagreement_panel import DisagreementPanel
from ntp_studio.ui.disagreement_ribbon_figures import explain, measure_meaning, short_figure
from ntp_studio.ui.theme import LIGHT, Theme
from tests.ui.frames import make_frame, token
from tests.ui.test_disagreement_panel_makers import (
    NAT,
    across,
    at_bits,
    columns,
    compared,
    of_bits,
    place,
    stretches,
    told,
)


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> DisagreementPanel:
    panel = DisagreementPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(320, 760)
    panel.show()
    return panel


@pytest.fixture
def two(panel: DisagreementPanel) -> DisagreementPanel:
    panel.show_columns(columns())
    panel.show_disagreement(told(of_bits(None, 0.1, 0.4, 0.2, 2.0, 0.3, 1.0, prompt=2), at=7))
    return panel


def looking_at(comparison: PlaceComparison, taken: TokenText, frames: Sequence[StepFrame] = ()) -> PlaceShown:
    """A place within the text, where `taken` stands."""
    event = place(comparison, drawn=token(1, "·drawn"))
    frames = frames or [c.frame for c in event.columns if c.frame is not None]
    return replace(
        event,
        columns=tuple(
            replace(c, frame=replace(frame, taken=Taken(taken, "forced")))
            for c, frame in zip(event.columns, frames, strict=True)
        ),
    )


def ground_of(image: QImage) -> str:
    """What is under everything."""
    return QColor(image.pixelColor(image.width() - 1, image.height() - 1)).name()


# -- what figures are of -----------------------------------------------------------------------------------------------


def test_perplexity_is_said_to_be_of_the_whole_text(two: DisagreementPanel) -> None:
    totals = two.disagreement.totals
    assert totals.told.captions()[0] == "perplexity, whole text"
    assert all("text" in totals.told.captions(short)[0] for short in (1, 2))
    for words in (totals.told.tip(0, 0), totals.told.caption_tip(0)):
        assert "prompt included" in words
        assert "after the prompt" in words
    assert "KL" not in totals.told.tip(0, 1)
    assert "1.02 bits" in totals.told.tip(0, 1)
    assert "prompt included" in totals.told.foot_explained()


def test_captions_of_the_totals_shorten_with_the_room(two: DisagreementPanel, qtbot: QtBot) -> None:
    totals = two.disagreement.totals
    for width, first in ((330, "perplexity, whole text"), (262, "ppl., whole text")):
        two.resize(width, 760)
        qtbot.waitUntil(lambda first=first: totals._shown_captions()[0] == first)
        captions, metrics = totals._shown_captions(), totals._small_metrics
        lefts = (0.0, *totals._edges(captions)[:-1])
        for left, right, caption in zip(lefts, totals._edges(captions), captions, strict=True):
            assert right - left >= metrics.horizontalAdvance(caption) + 3, caption


def test_tips_stand_over_captions_letters_and_figures(two: DisagreementPanel) -> None:
    totals = two.disagreement.totals
    edges, y = totals._edges(totals._shown_captions()), totals._small_height + totals._row_height * 1.5
    assert "Jensen–Shannon" in totals.words_at(QPointF(edges[3] - 2, 4))
    assert "Kullback–Leibler" in totals.words_at(QPointF(edges[2] - 2, 4))
    assert "B is SmolLM2, cpu · float32." in totals.words_at(QPointF(5, y))
    assert "Bits per byte of B" in totals.words_at(QPointF(edges[1] - 2, y))
    assert totals.words_at(QPointF(40, totals.height() - 2)) == totals.told.foot_explained()


def test_divergences_are_written_out_wherever_they_are_explained(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.163, 0.181))))
    assert "Kullback–Leibler" in measure_meaning("forward", 0)
    assert "Kullback–Leibler" in measure_meaning("backward", 0)
    assert "Jensen–Shannon" in measure_meaning("jensen_shannon", 0)
    assert "Kullback–Leibler" in two.delta.kl.toolTip()
    assert "0.44 bits" in two.delta.kl.toolTip()
    assert "Jensen–Shannon" in two.delta.js.toolTip()
    assert "Kullback–Leibler" in two.disagreement.measure_button.toolTip()
    assert "Kullback–Leibler" in explain(of_bits(None, 0.5)[1], 0, of=1, reading=False, alike=True).plain()
    for words in ("Kullback–Leibler", "Jensen–Shannon"):
        assert words in two.disagreement.totals.told.tip(1, 2)


def test_after_decoding_ribbon_and_totals_say_that_they_are_the_models_own(two: DisagreementPanel) -> None:
    ribbon, totals = two.disagreement.ribbon, two.disagreement.totals
    assert ribbon._units() == ("per token, bits",)
    two.show_place(place(compared(across("·x", 0.5, 0.6), after=True)))
    assert ribbon._units()[0] == "models' own distributions · per token, bits"
    assert all(words.startswith("models' own") for words in ribbon._units())
    assert "before any decoding" in ribbon._units_explained()
    assert "the models' own distributions" in totals.told.foot()
    assert "the models' own distributions" in totals.told.tip(1, 2)
    assert "after decoding" in two.delta.kl.toolTip()
    two.show_place(place(compared(across("·x", 0.5, 0.6))))
    assert ribbon._units() == ("per token, bits",)
    assert "own" not in totals.told.foot()


def test_an_infinite_divergence_after_decoding_says_why(two: DisagreementPanel) -> None:
    pairs = (Divergence(True, 0.5, math.inf, 0.3, 0.2),)
    two.show_place(place(compared(across("·x", 0.2, 0.0), pairs=pairs, after=True)))
    assert two.delta.kl.value == "∞"
    assert "A allows a token that B has cut: the decoding settings differ" in two.delta.kl.toolTip()
    two.disagreement._actions["backward"].trigger()
    assert two.delta.kl.value == "0.43"
    assert "Infinite" not in two.delta.kl.toolTip()


def test_stretches_that_a_third_tokenizer_makes_longer_are_not_called_tokens(panel: DisagreementPanel) -> None:
    panel.show_columns(columns((True, True, False)))
    some = stretches([at_bits(1.0), PairAt(0.1)], [PairAt(-2 * NAT), PairAt(0.2)])
    panel.show_disagreement(told(some, at=2, pairs=(Totals(2, 1, 0.7, NAT, NAT, NAT), None)))
    ribbon = panel.disagreement.ribbon
    assert ribbon._units()[0] == "stretches whole in all columns, bits"
    assert not any("token" in words for words in ribbon._units())
    assert "whole in all columns" in panel.disagreement.agreement.toolTip()
    ribbon._explain(ribbon.bars()[1], QPoint(5, 30))
    assert "the stretch is several tokens" in ribbon.card._shown.plain()
    panel.disagreement.pairs.button("1").click()
    assert ribbon._units()[0] == "stretches of equal text, bits"
    panel.show_columns(columns((True, True, True), run=2))
    assert ribbon._units() == ("per token, bits",)


def test_the_largest_of_a_signed_measure_is_not_called_the_highest(two: DisagreementPanel) -> None:
    two.disagreement._actions["delta"].trigger()
    assert two.disagreement.ribbon._right_caption(11.9) == "largest 11.90 bits"


def test_the_caption_of_the_ribbon_has_a_tip_and_the_bars_have_none(two: DisagreementPanel) -> None:
    ribbon = two.disagreement.ribbon
    point = QPoint(5, 3)
    QApplication.sendEvent(ribbon, QHelpEvent(QEvent.Type.ToolTip, point, ribbon.mapToGlobal(point)))
    assert "Kullback–Leibler" in QToolTip.text()
    QTest.mouseMove(ribbon, QPoint(round(ribbon.bars()[2].x + 3), 3))
    assert ribbon.card.explanation is None, "the card would hide what the tip says"
    QToolTip.hideText()


def test_everything_explained_can_be_asked(two: DisagreementPanel) -> None:
    headings = {label.text(): label.toolTip() for label in two.findChildren(QWidget, "") if hasattr(label, "text")}
    assert "percentage points" in headings["Δ PROBABILITY"]
    assert headings["LOCK-STEP"]
    for value in ("same text", "each its own"):
        assert two.lockstep.modes.button(value).toolTip()
    assert "not their luck" in two.lockstep.luck.toolTip()
    assert "not their luck" in two.lockstep.same_draw.toolTip()


# -- figures where there is little room --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.00021, 3, "<0.001"),
        (0.0042, 3, "0.004"),
        (0.0442, 3, "0.044"),
        (0.0442, 2, "0.04"),
        (0.0042, 2, "<0.01"),
        (3.0, 3, "3.00"),
        (12.345, 2, "12.35"),
        (0.0, 3, "0.00"),
        (math.inf, 3, "∞"),
        (None, 3, "–"),
        (math.nan, 3, "–"),
    ],
)
def test_short_figures(value: float | None, decimals: int, text: str) -> None:
    assert short_figure(value, decimals) == text


def test_exact_points_have_figures_however_small() -> None:
    assert exact_points(0.000123) == "+0.000123 pp"
    assert exact_points(-0.00456) == "−0.00456 pp"
    assert exact_points(0.5) == "+0.500 pp"
    assert exact_points(-6.64) == "−6.6 pp"
    assert exact_points(0.0) == "0 pp"


def test_the_card_has_the_exact_points_where_the_row_is_about_zero(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.2, 0.20003))))
    bars = two.delta.bars
    assert "·x: ≈ 0 pp" in bars.accessibleDescription()
    assert dict(bars.explanation(bars.rows()[0]).lines)["B − A"] == "+0.00300 pp (percentage points)"


@pytest.mark.parametrize("width", [260, 280, 320])
def test_small_figures_fit_their_tiles_and_columns(two: DisagreementPanel, qtbot: QtBot, width: int) -> None:
    two.resize(width, 600)
    pairs = (Divergence(True, 0.5, 0.00021 * NAT, 0.3, 0.00000004 * NAT),)
    two.show_place(place(compared(across("·x", 0.2, 0.1), pairs=pairs)))
    two.show_disagreement(told((), first=7, at=7, pairs=(Totals(20, 15, 0.7, 0.0002 * NAT, 1, 0.00003 * NAT),)))
    qtbot.waitUntil(lambda: two._scroll.widget().width() == two._scroll.viewport().width())
    QApplication.processEvents()
    for card in (two.delta.kl, two.delta.js, two.delta.overlap):
        for label in (card._value, card._caption):
            assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width(), (
                card.objectName(),
                label.text(),
            )
    assert "0.00021 bits" in two.delta.kl.toolTip()
    totals = two.disagreement.totals
    edges = totals._edges(totals._shown_captions())
    for left, right, text in zip((totals._left, *edges[:-1]), edges, totals.cells(1), strict=True):
        assert QFontMetricsF(totals._mono).horizontalAdvance(text) + 3 <= right - left, text


# -- the token that matters here ---------------------------------------------------------------------------------------


def test_the_token_in_the_text_is_marked_and_always_among_the_rows(two: DisagreementPanel, qtbot: QtBot) -> None:
    found = [across(f"·t{i}", 0.2 - i / 100, 0.1) for i in range(18)]
    rare = across("·rare", 0.0001, 0.03)
    two.resize(320, 560)
    qtbot.waitUntil(lambda: two.delta.bars._capacity() < 10)
    two.show_place(looking_at(compared(*found, rare), rare.token))
    bars = two.delta.bars
    assert bars.rows()[-1].token == rare.token
    assert bars.rows()[-1].standing
    assert len(bars.rows()) == bars._capacity()
    assert ("", "what stands in the text here") in bars.explanation(bars.rows()[-1]).lines
    assert two.delta.here.text == "in the text ·rare A 0.01% · B 3.0% · +8.23 bits"
    image = bars.grab().toImage()
    grounds = [
        QColor(image.pixelColor(1, round(bars.row_rect(i).center().y()))).name() for i in (0, len(bars.rows()) - 1)
    ]
    assert grounds == [ground_of(image), LIGHT.accent_soft]


def test_drawn_and_standing_are_both_kept_in_their_order() -> None:
    drawn, stands = across("·d", 0.01, 0.01), across("·s", 0.001, 0.001)
    rows = delta_rows(compared(across("·a", 0.5, 0.4), drawn, stands), 0, drawn.token, stands.token)
    assert [(row.token.label, row.drawn, row.standing) for row in rows] == [
        ("·a", False, False),
        ("·d", True, False),
        ("·s", False, True),
    ]


def test_a_token_too_unlikely_for_the_rows_is_named_with_both_probabilities(two: DisagreementPanel) -> None:
    frames = [make_frame(top=40, vocab_size=400, seed=seed) for seed in (7, 8)]
    mine = frames[0].candidates[38]
    his = next(c for c in frames[1].candidates if c.token == mine.token)
    event = looking_at(compared(across("·x", 0.5, 0.6)), mine.token, frames)
    row = token_here(event, 0)
    assert row is not None
    assert (row.reference, row.other) == (mine.probability, his.probability)
    assert row.delta_log == pytest.approx(his.logprob - mine.logprob)
    two.show_place(event)
    assert two.delta.here.text.startswith(f"in the text {mine.token.label} A ")
    assert "stands in the text" in two.delta.here.toolTip()
    assert [r.token.label for r in two.delta.bars.rows()] == ["·x"]
    after = token_here(replace(event, comparison=compared(across("·x", 0.5, 0.6), after=True)), 0)
    assert after is not None
    assert (after.reference, after.other) == (mine.processed_probability, his.processed_probability)
    assert after.delta_log is None, "both have cut it"


def test_a_probability_that_is_not_told_is_a_dash(two: DisagreementPanel) -> None:
    frames = [make_frame(top=40, vocab_size=400), make_frame(top=3, vocab_size=400, chosen=0)]
    mine = frames[0].candidates[30]
    two.show_place(looking_at(compared(across("·x", 0.5, 0.6)), mine.token, frames))
    assert two.delta.here.text.endswith("· B –")


def test_at_the_end_it_is_what_is_taken_next(two: DisagreementPanel) -> None:
    x = across("·x", 0.5, 0.25)
    two.show_place(place(compared(x), drawn=x.token))
    assert two.delta.here.text == "A takes next ·x A 50.0% · B 25.0% · −1.00 bits"
    two.show_place(place(None))
    assert two.delta.here.text == ""
    assert token_here(place(None, drawn=x.token), 0) is None


# -- what keeps still --------------------------------------------------------------------------------------------------


def test_nothing_moves_however_many_rows_there_are(two: DisagreementPanel) -> None:
    field = two.lockstep.field
    seen = set()
    for count in (1, 3, 20, 0, 12):
        found = [across(f"·t{i}", 0.2, 0.1) for i in range(count)]
        two.show_place(place(compared(*found) if count else None))
        QApplication.processEvents()
        seen.add(
            (field.mapTo(two, QPoint(0, 0)).y(), two.delta.kl.mapTo(two, QPoint(0, 0)).y(), two.delta.bars.height())
        )
    assert len(seen) == 1


def test_the_scale_stands_at_the_foot_of_the_rows_room(two: DisagreementPanel) -> None:
    bars = two.delta.bars
    strips = []
    for count in (2, 8):
        two.show_place(place(compared(*(across(f"·t{i}", 0.2, 0.1) for i in range(count)))))
        QApplication.processEvents()
        image = bars.grab().toImage()
        y = round(bars.row_rect(bars._capacity()).top() * image.devicePixelRatio())
        strips.append(image.copy(0, y, image.width(), image.height() - y))
    assert strips[0] == strips[1]


def test_the_place_at_the_end_is_no_bar(two: DisagreementPanel) -> None:
    ribbon = two.disagreement.ribbon
    ribbon.clearFocus()
    QApplication.processEvents()
    image = ribbon.grab().toImage()
    painter, end = ribbon._painter, ribbon.bars()[-1]
    x = range(round(end.x + end.width) + 1, round(end.x + end.width + painter.end_room))
    y = (painter.caption + painter.bottom) // 2
    rows = [[image.pixelColor(i, y + d).name() for i in x] for d in range(4)]
    inked = [sum(name != ground_of(image) for name in row) for row in rows]
    assert max(inked) <= 2, "a thin line"
    assert any(inked)


def test_the_place_at_a_bar_is_an_outline(two: DisagreementPanel) -> None:
    two.show_disagreement(told((), first=7, at=3))
    ribbon = two.disagreement.ribbon
    ribbon.clearFocus()
    QApplication.processEvents()
    image = ribbon.grab().toImage()
    bar, painter = ribbon.bars()[3], ribbon._painter
    y = painter.caption + 8
    assert image.pixelColor(round(bar.x + bar.width / 2), y).name() == ground_of(image)
    assert image.pixelColor(round(bar.x), y).name() != ground_of(image)


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_in_the_field_is_the_fields_whatever_shortcut_the_window_has(
    theme: Theme, qtbot: QtBot, key: Qt.Key
) -> None:
    """Without the window's typing guard: there is none in this window."""
    window = QMainWindow()
    qtbot.addWidget(window)
    panel = DisagreementPanel(theme)
    window.setCentralWidget(panel)
    pressed: list[str] = []
    for name, keys in (("take", ["Return", "Enter"]), ("up", ["Up"]), ("play", ["Space"]), ("open", ["Ctrl+O"])):
        action = window.addAction(name)
        action.setShortcuts(keys)
        action.triggered.connect(lambda _=False, name=name: pressed.append(name))
    window.resize(320, 700)
    window.show()
    panel.show_columns(columns())
    qtbot.waitExposed(window)
    window.activateWindow()
    field = panel.lockstep.field
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClicks(field, " wife")
    qtbot.keyClick(field, Qt.Key.Key_Up)
    with qtbot.waitSignal(panel.force_text) as asked:
        qtbot.keyClick(field, key)
    assert asked.args == [" wife"]
    assert pressed == []
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    assert pressed == ["open"], "keys with Ctrl are the window's"
