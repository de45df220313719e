"""The right-hand panel of the compare page: what it shows of what it is told, and what it asks for."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.compared import Divergence, PairAt, Totals
from ntp_studio.ui.column_colors import column_color
from ntp_studio.ui.disagreement_panel import DisagreementPanel
from ntp_studio.ui.disagreement_ribbon import DisagreementRibbon
from ntp_studio.ui.theme import DARK, LIGHT, Theme
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

BITS = (None, 0.1, 0.4, 0.2, 2.0, 0.3, 1.0)  # of seven stretches; the worst are 4, 6, 2, 5, 3, 1


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> DisagreementPanel:
    panel = DisagreementPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(320, 760)
    panel.show()
    return panel


@pytest.fixture
def two(panel: DisagreementPanel) -> DisagreementPanel:
    """Two columns with equal vocabularies and a text of seven stretches, of which two are the prompt's."""
    panel.show_columns(columns())
    panel.show_disagreement(told(of_bits(*BITS, prompt=2), at=7))
    return panel


def ribbon(panel: DisagreementPanel) -> DisagreementRibbon:
    return panel.disagreement.ribbon


def middle(panel: DisagreementPanel, index: int) -> QPoint:
    """Of the bar that stands for this stretch, near the line."""
    bar = next(b for b in ribbon(panel).bars() if b.begin <= index < b.end)
    return QPoint(round(bar.x + bar.width / 2), ribbon(panel)._painter.bottom - 2)


def click(panel: DisagreementPanel, index: int) -> None:
    QTest.mouseClick(ribbon(panel), Qt.MouseButton.LeftButton, pos=middle(panel, index))


def shown(widget: QWidget) -> bool:
    return widget.isVisibleTo(widget.window())


# -- the ribbon --------------------------------------------------------------------------------------------------------


def test_stretches_come_bit_by_bit(two: DisagreementPanel) -> None:
    two.show_disagreement(told(of_bits(5.0, 0.7, start=6), first=6, at=8))
    assert ribbon(two).values[1:] == pytest.approx([0.1, 0.4, 0.2, 2.0, 0.3, 5.0, 0.7])
    assert [s.begin for s in ribbon(two).stretches] == [4 * i for i in range(8)]
    two.show_disagreement(told((), first=3, at=2))
    assert len(ribbon(two)) == 3


def test_what_goes_on_from_a_text_that_never_came_is_left_out(two: DisagreementPanel) -> None:
    two.show_disagreement(told(of_bits(1.0), first=9))
    assert len(ribbon(two)) == 7


def test_a_click_goes_to_the_stretch(two: DisagreementPanel, qtbot: QtBot) -> None:
    for index in (0, 1, 2, 6):
        with qtbot.waitSignal(two.go_to) as asked:
            click(two, index)
        assert asked.args == [index]
    with qtbot.assertNotEmitted(two.go_to):
        QTest.mouseClick(ribbon(two), Qt.MouseButton.LeftButton, pos=QPoint(ribbon(two).width() - 2, 60))
        QTest.mouseClick(ribbon(two), Qt.MouseButton.RightButton, pos=middle(two, 2))


def test_a_long_text_can_be_clicked_to_its_worst(panel: DisagreementPanel, qtbot: QtBot) -> None:
    bits = [0.1] * 3000
    bits[2001] = 6.0
    panel.show_columns(columns())
    panel.show_disagreement(told(of_bits(*bits)))
    assert len(ribbon(panel).bars()) < 150
    with qtbot.waitSignal(panel.go_to) as asked:
        click(panel, 2000)
    assert asked.args == [2001]


def test_hover_explains_a_bar_with_every_figure(two: DisagreementPanel, qtbot: QtBot) -> None:
    QTest.mouseMove(ribbon(two), middle(two, 4))
    qtbot.waitUntil(lambda: ribbon(two).card.explanation is not None)
    words = ribbon(two).card.explanation
    assert words.title == ","
    assert dict(words.lines)["KL(A‖B)"] == "2.00 bits"
    two.show_disagreement(told(of_bits(7.0, 0.3, 1.0, start=4), first=4, at=7))
    assert dict(ribbon(two).card.explanation.lines)["KL(A‖B)"] == "7.00 bits", "an open card says what holds now"
    QTest.mouseMove(ribbon(two), QPoint(ribbon(two).width() - 1, 60))
    qtbot.waitUntil(lambda: ribbon(two).card.explanation is None)


def test_keys_walk_the_bars_and_enter_goes(two: DisagreementPanel, qtbot: QtBot) -> None:
    ribbon(two).setFocus()
    QTest.keyClick(ribbon(two), Qt.Key.Key_End)
    QTest.keyClick(ribbon(two), Qt.Key.Key_Left)
    assert ribbon(two).card.explanation.title == "·there"
    with qtbot.waitSignal(two.go_to) as asked:
        QTest.keyClick(ribbon(two), Qt.Key.Key_Return)
    assert asked.args == [5]
    QTest.keyClick(ribbon(two), Qt.Key.Key_Home)
    with qtbot.waitSignal(two.go_to) as asked:
        QTest.keyClick(ribbon(two), Qt.Key.Key_Enter)
    assert asked.args == [0]


def image_of(panel: DisagreementPanel) -> QImage:
    ribbon(panel).clearFocus()  # no ring around it
    QApplication.processEvents()
    return ribbon(panel).grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def colors(image: QImage, panel: DisagreementPanel, index: int) -> set[str]:
    """All colours in the pixels over and under one bar."""
    ratio = image.devicePixelRatio()
    bar = next(b for b in ribbon(panel).bars() if b.begin <= index < b.end)
    return {
        image.pixelColor(x, y).name()
        for x in range(round(bar.x * ratio), round((bar.x + bar.width) * ratio))
        for y in range(round(ribbon(panel)._painter.caption * ratio), image.height())
    }


def has(found: set[str], name: str) -> bool:
    """Whether a colour is there, or one that a smooth edge made of it."""
    wanted = QColor(name).getRgb()[:3]
    return any(max(abs(a - b) for a, b in zip(wanted, QColor(c).getRgb()[:3], strict=True)) < 70 for c in found)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_worst_are_marked_by_shape_as_well_as_by_colour(
    two: DisagreementPanel, theme: Theme, palette: object
) -> None:
    theme.choose(palette.name)
    two.show_disagreement(told((), first=7, at=3))
    image = image_of(two)
    for index in (4, 6):
        assert palette.accent in colors(image, two, index)
        assert has(colors(image, two, index), palette.text), "a triangle stands over it"
    for index in (2, 5):
        assert palette.model in colors(image, two, index)
        assert palette.accent not in colors(image, two, index)
        assert not has(colors(image, two, index), palette.text)
    assert has(colors(image, two, 3), palette.text), "the pointer under the place on view"
    assert palette.sunken in colors(image, two, 1), "the prompt has a ground of its own"
    assert palette.sunken not in colors(image, two, 2)


def test_amber_is_not_used(two: DisagreementPanel) -> None:
    image = image_of(two)
    found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert not {LIGHT.drawn, LIGHT.drawn_soft, LIGHT.drawn_text} & found


def test_a_signed_measure_has_the_colour_of_the_column_that_expected_the_text_more(two: DisagreementPanel) -> None:
    # Not marked as worst: more stretches than are marked.
    pairs = [[at_bits(0.1, d)] for d in (1.0, -1.0, 5.0, -5.0, 4.0, 1.0, -1.0)]
    two.show_disagreement(told(stretches(*pairs), at=0))
    two.disagreement._actions["delta"].trigger()
    image = image_of(two)
    assert column_color(LIGHT, 1).name() in colors(image, two, 2)
    assert column_color(LIGHT, 0).name() not in colors(image, two, 2)
    assert column_color(LIGHT, 0).name() in colors(image, two, 3)


def test_the_unit_gives_way_where_the_column_is_narrow(panel: DisagreementPanel) -> None:
    panel.show_columns(columns((True, False)))
    assert ribbon(panel)._units() == ("stretches of equal text, bits", "equal text, bits")


def test_what_is_still_being_read_is_hatched_and_counted(panel: DisagreementPanel) -> None:
    panel.show_columns(columns())
    some = stretches([PairAt(None)], [at_bits(0.5)], [PairAt(None)], [PairAt(None)])
    panel.show_disagreement(told(some, missing=2, at=1))
    bars = ribbon(panel).bars()
    assert [ribbon(panel)._to_come(bar) for bar in bars] == [False, False, True, True]
    assert ribbon(panel)._right_caption(0.5) == "2 still being read"
    assert "still being read" in (ribbon(panel)._explain(bars[2], QPoint(3, 3)) or ribbon(panel).card._shown).plain()
    panel.show_disagreement(told(some[2:], first=2, at=1))
    assert not any(ribbon(panel)._to_come(bar) for bar in ribbon(panel).bars())


# -- the worst places --------------------------------------------------------------------------------------------------


def test_n_and_p_walk_the_worst_places(two: DisagreementPanel, qtbot: QtBot) -> None:
    asked: list[int] = []
    two.go_to.connect(asked.append)
    for _ in range(3):
        two.next_worst()
        two.show_disagreement(told((), first=7, at=asked[-1]))
    two.previous_worst()
    assert asked == [4, 6, 2, 6]
    assert "worst 2 of 6 at token 7 ·was · 1.00 bits" in two.disagreement.worst.text
    two.show_disagreement(told((), first=7, at=6))
    two.show_disagreement(told((), first=7, at=0))  # a person went elsewhere
    assert two.disagreement.worst.text == "worst at token 5 , · 2.00 bits"
    two.next_worst()
    assert asked[-1] == 4


def test_the_links_do_the_same(two: DisagreementPanel, qtbot: QtBot) -> None:
    section = two.disagreement
    assert not shown(section.back)
    with qtbot.waitSignal(two.go_to) as asked:
        section.jump.click()
    assert asked.args == [4]
    assert not section.back.isEnabled(), "there is none worse"
    section.jump.click()
    with qtbot.waitSignal(two.go_to) as asked:
        section.back.click()
    assert asked.args == [4]


def test_each_measure_has_its_own_order(two: DisagreementPanel) -> None:
    pairs = [[at_bits(f, d)] for f, d in ((1.0, -9.0), (2.0, 0.5), (0.5, 3.0))]
    two.show_disagreement(told(stretches(*pairs), at=3))
    assert two.disagreement.order == [1, 0, 2]
    two.disagreement._actions["delta"].trigger()
    assert two.disagreement.order == [0, 2, 1]
    assert two.disagreement.worst.text == "worst at token 1 Once · −9.00 bits"
    assert two.disagreement.measure_button.text().startswith("Δ log-prob")
    two.disagreement._actions["backward"].trigger()
    assert ribbon(two).values == pytest.approx([2.0, 4.0, 1.0])
    assert two.disagreement.totals.cells(1)[2] == "0.75", "the totals go with it"


def test_the_rounding_of_floats_is_no_disagreement_and_fills_no_bar(two: DisagreementPanel) -> None:
    two.show_disagreement(told(of_bits(None, 4e-6, 2e-5, 1e-6), at=4))
    assert two.disagreement.worst.text == "no disagreement anywhere"
    image = image_of(two)
    bars = [bar for bar in ribbon(two).bars() if bar.end > 1]
    ratio = image.devicePixelRatio()
    for bar in bars:
        x = round((bar.x + bar.width / 2) * ratio)
        tall = sum(has({image.pixelColor(x, y).name()}, LIGHT.accent) for y in range(image.height()))
        assert tall <= 4 * ratio


def test_a_model_against_itself_has_no_worst_place(two: DisagreementPanel, qtbot: QtBot) -> None:
    two.show_disagreement(told(of_bits(None, 1e-15, 0.0, 1e-13), at=4))
    assert two.disagreement.worst.text == "no disagreement anywhere"
    assert not two.disagreement.jump.isEnabled()
    with qtbot.assertNotEmitted(two.go_to):
        two.next_worst()
        two.previous_worst()


# -- pairs and vocabularies --------------------------------------------------------------------------------------------


def test_with_two_columns_there_is_no_pair_to_choose(two: DisagreementPanel) -> None:
    assert not shown(two.disagreement.pairs)
    two.show_columns(columns((True, True, True), run=2))
    assert shown(two.disagreement.pairs)
    assert [two.disagreement.pairs.button(v).text() for v in ("0", "1")] == ["A–B", "A–C"]


def test_the_pair_rules_the_whole_panel(panel: DisagreementPanel, qtbot: QtBot) -> None:
    panel.show_columns(columns((True, True, True)))
    some = stretches([at_bits(1.0), at_bits(0.1)], [at_bits(0.2), at_bits(3.0)])
    totals = (Totals(20, 15, 0.7, NAT, NAT, NAT), Totals(20, 9, 0.7, NAT, NAT, NAT))
    panel.show_disagreement(told(some, at=2, pairs=totals))
    pairs = (Divergence(True, 0.5, NAT, NAT, 0.1 * NAT), Divergence(True, 0.9, 2 * NAT, NAT, 0.2 * NAT))
    panel.show_place(place(compared(across("·x", 0.5, 0.6, 0.1), pairs=pairs), count=3))
    assert panel.disagreement.order == [0, 1]
    assert panel.disagreement.agreement.text == "top-1 agrees 15 / 20"
    assert panel.delta.bars.rows()[0].points == pytest.approx(10)
    with qtbot.waitSignal(panel.pair_changed) as changed:
        panel.disagreement.pairs.button("1").click()
    assert changed.args == [1]
    assert panel.disagreement.order == [1, 0]
    assert panel.disagreement.agreement.text == "top-1 agrees 9 / 20"
    assert panel.disagreement.measure_button.text().startswith("KL(A‖C)")
    assert panel.delta.bars.rows()[0].points == pytest.approx(-40)
    assert panel.delta.subject.text == "C − A, this step"
    assert panel.delta.kl.value == "2.00"


def test_unequal_vocabularies_leave_the_log_probability_over_stretches(panel: DisagreementPanel) -> None:
    panel.show_columns(columns((True, True, False)))
    some = stretches([at_bits(1.0), PairAt(-2 * NAT)], [at_bits(0.2), PairAt(0.5 * NAT)])
    panel.show_disagreement(told(some, at=2, pairs=(Totals(2, 1, 0.7, NAT, NAT, NAT), None)))
    section = panel.disagreement
    section.pairs.button("1").click()
    assert section.measure == "delta"
    assert ribbon(panel)._units()[0] == "stretches of equal text, bits"
    assert ribbon(panel).values == pytest.approx([-2.0, 0.5])
    assert [m for m, action in section._actions.items() if action.isEnabled()] == ["delta"]
    assert "another vocabulary" in section._actions["forward"].toolTip()
    assert section.agreement.text == "other tokenizer: compared over stretches of equal text"
    assert "another vocabulary" in section.agreement.toolTip()
    assert section.totals.cells(2)[2:] == ("–", "–")
    assert "no KL and no JS" in section.totals.told.tip(2, 2)
    section.pairs.button("0").click()
    assert section.measure == "forward", "the wish comes back where it can be had"


def test_totals(two: DisagreementPanel) -> None:
    totals = two.disagreement.totals
    assert totals.cells(0) == ("18.4", "1.02", "", "")
    assert totals.cells(1) == ("19.4", "1.12", "0.50", "0.10")
    assert totals.told.foot() == "KL, JS: mean bits per token, whole vocabulary"
    assert "20 tokens, over the whole vocabulary" in totals.told.tip(1, 3)
    assert "0.75 bits" in totals.told.tip(1, 2)
    edges = totals._edges(totals._shown_captions())
    y = totals._small_height + 1.5 * totals._row_height
    assert [totals.place_at(QPoint(round(edge) - 1, round(y))) for edge in edges] == [(1, c) for c in range(4)]


def test_an_infinite_total_says_why(two: DisagreementPanel) -> None:
    two.show_disagreement(told((), first=7, at=7, pairs=(Totals(20, 15, 0.7, math.inf, NAT, NAT / 2),)))
    assert two.disagreement.totals.cells(1)[2] == "∞"
    assert "the other has cut" in two.disagreement.totals.told.tip(1, 2)


def test_totals_without_figures_are_dashes(panel: DisagreementPanel) -> None:
    panel.show_columns(columns())
    assert panel.disagreement.totals.cells(1) == ("–", "–", "–", "–")


# -- Δ probability -----------------------------------------------------------------------------------------------------


def test_the_tiles_and_their_words(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.163, 0.181))))
    assert (two.delta.kl.value, two.delta.js.value, two.delta.overlap.value) == ("0.44", "0.090", "78 %")
    pairs = (Divergence(True, 0.5, math.inf, 0.3, 0.2),)
    two.show_place(place(compared(across("·x", 0.2, 0.0), pairs=pairs, after=True)))
    assert two.delta.kl.value == "∞"
    assert "A allows a token that B has cut" in two.delta.kl.toolTip()
    two.show_place(place(compared(across("·x", 0.2, 0.1), pairs=(Divergence(False, 0.6),))))
    assert (two.delta.kl.value, two.delta.js.value, two.delta.overlap.value) == ("–", "–", "60 %")
    assert "another vocabulary" in two.delta.kl.toolTip()
    assert "another vocabulary" in two.delta.js.toolTip()
    assert "bytes" in two.delta.overlap.toolTip()


def test_as_many_rows_as_fit_and_the_drawn_one_among_them(two: DisagreementPanel, qtbot: QtBot) -> None:
    found = [across(f"·t{i}", 0.2 - i / 100, 0.1) for i in range(19)]
    drawn = found[-1].token
    two.show_place(place(compared(*found), drawn=drawn))
    two.resize(320, 500)
    qtbot.waitUntil(lambda: len(two.delta.bars.rows()) < 8)
    few = len(two.delta.bars.rows())
    assert two.delta.bars.rows()[-1].token == drawn
    assert two.delta.bars.row_rect(few).top() <= two.delta.bars.height()
    two.resize(320, 1000)
    qtbot.waitUntil(lambda: len(two.delta.bars.rows()) > few)
    assert two.delta.bars.rows()[0].token.label == "·t0"


def test_hover_tells_both_probabilities(two: DisagreementPanel, qtbot: QtBot) -> None:
    two.show_place(place(compared(across("·x", 0.2, 0.4), across("·y", None, 0.1))))
    bars = two.delta.bars
    QTest.mouseMove(bars, bars.row_rect(0).center().toPoint())
    qtbot.waitUntil(lambda: bars.card.explanation is not None)
    lines = dict(bars.card.explanation.lines)
    assert lines["probability in A"] == "20.0%"
    assert lines["probability in B"] == "40.0%"
    assert lines["B − A"] == "+20.0 pp (percentage points)"
    assert lines["Δ log-prob"] == "+1.00 bits"
    assert "the model's own" in bars.card.explanation.subtitle
    lacking = bars.explanation(bars.rows()[1])
    assert ("probability in A", "its vocabulary has no such token") in lacking.lines
    assert "not a token in A" in bars.accessibleDescription()


def test_keys_explain_row_by_row(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.2, 0.4), across("·y", 0.1, 0.1))))
    two.delta.bars.setFocus()
    QTest.keyClick(two.delta.bars, Qt.Key.Key_Down)
    assert two.delta.bars.card.explanation.title == "·x"
    QTest.keyClick(two.delta.bars, Qt.Key.Key_Down)
    assert two.delta.bars.card.explanation.title == "·y"


@pytest.mark.parametrize(("reference", "other", "owner"), [(0.5, 0.1, 0), (0.1, 0.5, 1)])
def test_a_bar_has_the_side_and_colour_of_who_makes_it_likelier(
    two: DisagreementPanel, reference: float, other: float, owner: int
) -> None:
    two.show_place(place(compared(across("·x", reference, other))))
    bars = two.delta.bars
    QApplication.processEvents()
    image = bars.grab().toImage()
    _, left, right = bars._columns()
    y = round(bars.row_rect(0).center().y())
    sides = [QColor(image.pixelColor(round((left + right) / 2 + d), y)).name() for d in (-6, 6)]
    assert sides[owner] == column_color(LIGHT, owner).name()
    assert sides[1 - owner] == LIGHT.sunken


def test_the_scale_holds_every_row(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.2, 0.263), across("·y", 0.1, 0.099))))
    assert two.delta.bars.scale() == 10.0


def test_model_or_after_decoding(two: DisagreementPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(two.after_decoding_chosen) as chosen:
        two.delta.which.button("after").click()
    assert chosen.args == [True]
    with qtbot.assertNotEmitted(two.after_decoding_chosen):
        two.show_place(place(compared(across("·x", 0.5, 0.6), after=True)))
    assert two.delta.which.value == "after"
    assert "after decoding" in two.delta.bars.explanation(two.delta.bars.rows()[0]).subtitle
    two.show_place(place(compared(across("·x", 0.5, 0.6))))
    assert two.delta.which.value == "model"


def test_where_nothing_is_compared_a_sentence_says_why(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.5, 0.6))))
    two.show_place(place(None))
    assert "different places" in two.delta.bars.sentence
    assert two.delta.bars.rows() == ()
    assert two.delta.kl.value == "–"
    two.show_place(place(None, waiting=b" fish"))
    assert "B waits" in two.delta.bars.sentence
    two.show_place(place(None, trouble="Its context is full."))
    assert "B has no probabilities here. Its context is full." in two.delta.bars.sentence
    two.show_columns(columns(mode="each its own"))
    two.show_place(place(None))
    assert two.delta.bars.sentence == (
        "The columns are not all at the same place of the same text, so this step is not compared."
    )


# -- lock-step ---------------------------------------------------------------------------------------------------------


def test_modes(two: DisagreementPanel, qtbot: QtBot) -> None:
    modes = two.lockstep.modes
    assert modes.value == "same text"
    with qtbot.waitSignal(two.mode_chosen) as chosen:
        modes.button("each its own").click()
    assert chosen.args == ["each its own"]
    with qtbot.assertNotEmitted(two.mode_chosen):
        two.show_columns(columns(mode="same text"))
    assert modes.value == "same text"


def test_same_draw(two: DisagreementPanel, qtbot: QtBot) -> None:
    switch = two.lockstep.same_draw
    assert switch.isChecked()
    with qtbot.waitSignal(two.same_draw_chosen) as chosen:
        switch.click()
    assert chosen.args == [False]
    with qtbot.assertNotEmitted(two.same_draw_chosen):
        two.show_columns(columns(same_draw=True))
    assert switch.isChecked()


def test_what_the_same_draw_means_now(two: DisagreementPanel) -> None:
    luck = two.lockstep.luck
    assert luck.text == "same draw · same noise per token"
    two.show_place(place(None, u=0.57))
    assert luck.text == "same draw · the dart falls at 0.570 in every column", "whatever falls is what is told"
    assert "vocabularies are not the same" not in luck.toolTip()
    two.show_columns(columns((True, False), run=2))
    two.show_place(place(None, run=2, u=0.57))
    assert luck.text == "same draw · the dart falls at 0.570 in every column"
    assert "vocabularies are not the same" in luck.toolTip()
    two.show_columns(columns((True, True), run=3, method="dart"))
    two.show_place(place(None, run=3, u=0.25))
    assert luck.text == "same draw · the dart falls at 0.250 in every column"
    two.show_columns(columns((True, True), run=4, method="greedy"))
    two.show_place(place(None, run=4))
    assert luck.text == "same draw · greedy draws nothing"
    two.show_columns(columns(run=5, same_draw=False))
    assert "each its own luck" in luck.text


def test_a_text_for_all_columns(two: DisagreementPanel, qtbot: QtBot) -> None:
    field = two.lockstep.field
    with qtbot.assertNotEmitted(two.force_text):
        QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClicks(field, " <b>wife</b> ")
    with qtbot.waitSignal(two.force_text) as asked:
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert asked.args == [" <b>wife</b> "], "its spaces, too"
    assert field.text() == ""
    QTest.keyClicks(field, "no")
    with qtbot.assertNotEmitted(two.force_text):
        QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""


# -- states ------------------------------------------------------------------------------------------------------------


def test_before_there_are_columns(panel: DisagreementPanel) -> None:
    assert shown(panel.disagreement.alone)
    assert not shown(ribbon(panel))
    assert "second model" in panel.delta.bars.sentence
    assert not panel.lockstep.field.isEnabled()
    assert not shown(panel.delta.kl)


def test_one_column_has_its_totals_and_no_more(panel: DisagreementPanel) -> None:
    panel.show_columns(columns((True,)))
    panel.show_disagreement(told(stretches([], []), at=2, pairs=()))
    panel.show_place(place(None, count=1))
    assert panel.disagreement.totals.cells(0)[0] == "18.4"
    assert shown(panel.disagreement.alone)
    assert "second model" in panel.delta.bars.sentence
    assert panel.lockstep.field.isEnabled()


def test_what_is_stale_is_dropped(two: DisagreementPanel) -> None:
    two.show_columns(columns(run=5))
    two.show_disagreement(told(of_bits(9.0), run=4))
    two.show_place(place(compared(across("·old", 0.5, 0.6)), run=4))
    assert len(ribbon(two)) == 7
    assert two.delta.bars.rows() == ()
    two.show_columns(columns((True, True, True), run=3))
    assert not shown(two.disagreement.pairs)


def test_no_figure_of_other_columns_stays(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.5, 0.6)), u=0.5))
    two.show_columns(columns(run=2))
    assert len(ribbon(two)) == 7, "the same columns: their figures hold"
    two.show_columns(columns(run=3, first_number=20))
    assert len(ribbon(two)) == 0
    assert two.disagreement.worst.text == ""
    assert two.disagreement.totals.cells(1) == ("–", "–", "–", "–")
    assert two.delta.bars.rows() == ()
    assert two.lockstep.luck.text == "same draw · same noise per token"


def test_clear(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.5, 0.6))))
    two.clear()
    assert len(ribbon(two)) == 0
    assert two.delta.bars.rows() == ()
    assert two.disagreement.totals.sizeHint().height() == 0
    two.show_columns(columns(run=1))
    assert shown(ribbon(two))


# -- looks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scale"), [(260, 1.0), (320, 1.0), (340, 1.6), (440, 1.6)])
def test_everything_fits_the_width(
    panel: DisagreementPanel, qtbot: QtBot, qapp: QApplication, theme: Theme, width: int, scale: float
) -> None:
    usual = qapp.font()
    font = qapp.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    try:
        qapp.setFont(font)
        theme.choose("dark")
        panel.resize(width, 560)
        panel.show_columns(columns((True, True, True, False)))
        some = stretches([at_bits(1.0)] * 3, [at_bits(0.2)] * 3)
        panel.show_disagreement(told(some, at=2, pairs=(None, None, None)))
        panel.show_place(place(compared(across("·antidisestablishmentarianism", *[0.5] * 4)), count=4))
        panel.next_worst()
        qtbot.waitUntil(lambda: panel._scroll.widget().width() == panel._scroll.viewport().width())
        QApplication.processEvents()
        inside = panel._scroll.widget()
        for widget in inside.findChildren(QWidget):
            if widget.isVisibleTo(inside):
                left = widget.mapTo(inside, QPoint(0, 0)).x()
                assert left >= 0, widget.objectName()
                assert left + widget.width() <= inside.width(), widget.objectName()
        for name in ("same text", "each its own"):
            button = panel.lockstep.modes.button(name)
            assert button.fontMetrics().horizontalAdvance(button.text()) <= button.width(), name
    finally:
        qapp.setFont(usual)
        theme.choose("light")


def test_a_low_window_scrolls_and_everything_can_be_reached(two: DisagreementPanel, qtbot: QtBot) -> None:
    two.resize(300, 420)
    qtbot.waitUntil(lambda: two._scroll.verticalScrollBar().maximum() > 0)
    two._scroll.verticalScrollBar().setValue(two._scroll.verticalScrollBar().maximum())
    field = two.lockstep.field
    bottom = field.mapTo(two, QPoint(0, field.height())).y()
    assert bottom <= two.height()


def test_names_for_a_screen_reader(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.5, 0.6))))
    for widget in two.findChildren(QWidget):
        if isinstance(widget, QAbstractButton | QLineEdit) and shown(widget):
            assert widget.accessibleName(), widget.objectName()
    assert "Worst: token 5, ,, 2.00 bits" in ribbon(two).accessibleDescription()
    assert "·x: +10.0 pp" in two.delta.bars.accessibleDescription()
    assert "0.50" in two.disagreement.totals.accessibleDescription()


def test_everything_has_the_keys_of_its_own(theme: Theme, qtbot: QtBot) -> None:
    """With the focus on the ribbon, → is its own; elsewhere it is the window's."""
    window = QMainWindow()
    qtbot.addWidget(window)
    panel = DisagreementPanel(theme)
    window.setCentralWidget(panel)
    pressed: list[str] = []
    action = window.addAction("step")
    action.setShortcut("Right")
    action.triggered.connect(lambda: pressed.append("step"))
    window.resize(320, 700)
    window.show()
    panel.show_columns(columns())
    panel.show_disagreement(told(of_bits(*BITS), at=2))
    qtbot.waitExposed(window)
    window.activateWindow()
    ribbon(panel).setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(ribbon(panel).hasFocus)
    qtbot.keyClick(ribbon(panel), Qt.Key.Key_Right)
    assert pressed == []
    assert ribbon(panel).card.explanation is not None
    panel.lockstep.same_draw.setFocus()
    qtbot.keyClick(panel.lockstep.same_draw, Qt.Key.Key_Right)
    assert pressed == ["step"]


def test_an_update_makes_no_widget_and_moves_nothing(two: DisagreementPanel) -> None:
    two.show_place(place(compared(across("·x", 0.5, 0.6))))
    QApplication.processEvents()
    before = {w: w.geometry() for w in two.findChildren(QWidget)}
    for i in range(30):
        two.show_disagreement(told(of_bits(0.5 + i, start=7 + i), first=7 + i, at=8 + i))
        found = [across(f"·t{k}", 0.1, 0.1 + i / 100) for k in range(1 + i % 20)]
        two.show_place(place(compared(*found) if i % 7 else None, u=i / 31))
    QApplication.processEvents()
    assert {w: w.geometry() for w in two.findChildren(QWidget)} == before
