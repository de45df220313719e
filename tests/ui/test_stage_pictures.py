"""The drawings in the cards: heights that are true, colours and forms that tell kept from cut, words for both."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding import STAGES, Chain, Context, Scores
from ntp_studio.core.pictures import Arrow, Arrows, Bars, Curve, Picture, Shift, Track
from ntp_studio.core.types import DecodingSettings, StageSetting
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.picture_arrows import ROWS, ArrowsDrawing
from ntp_studio.ui.picture_bars import BarsDrawing, coin_words, edges
from ntp_studio.ui.picture_base import Drawing, Look, shown_label
from ntp_studio.ui.picture_curve import CurveDrawing, TrackDrawing
from ntp_studio.ui.picture_scale import around, figure, from_zero, readable
from ntp_studio.ui.picture_shift import ShiftDrawing
from ntp_studio.ui.stage_pictures import StagePictures, drawing_of
from ntp_studio.ui.theme import DARK, LIGHT, Palette, Theme

P = (0.42, 0.21, 0.12, 0.06, 0.03, 0.02, 0.01, 0.004)
IDS = tuple(range(10, 18))
LABELS = ("·heart", "·special", "·family", "·wife", "·dream", "·soft", "·son", "·<b>kn</b>")
MIN_P = Bars("probability", IDS, LABELS, P, (True,) * 5 + (False,) * 3, 49_152, 5, 0.021, "p ≥ 0.05 × 42.0% = 0.0210")
TOP_K = Bars("probability", IDS, LABELS, P, tuple(i < 3 for i in range(8)), 49_152, 3, words="the 3 most likely")
XTC = Bars(
    "probability", IDS, LABELS, P, (False, False, *(True,) * 6), 8, 6, line=0.1, words="p ≥ 0.1", coin=(0.31, 0.5)
)
SIGMA = Bars("logit", IDS, LABELS, (9.0, 8.0, 7.0, 3.0, 2.5, -1.0, -1.5, -2.0), (True,) * 3 + (False,) * 5, 8, 3, 5.0)
TYPICAL = Bars("distance", IDS, LABELS, (0.1, 0.2, 0.4, 0.9, 1.4, 2.0, 2.2, 3.0), (True,) * 5 + (False,) * 3, 8, 5, 1.5)
SUMS = tuple(float(s) for s in np.cumsum(P))
TOP_P = Curve(
    (*map(float, range(1, 9)), 49_152.0), (*SUMS, 1.0), "tokens, most likely first", "probability together",
    rank=True, level=0.7, mark=(3.0, SUMS[2]), words="75.0% in 3 tokens",
)  # fmt: skip
SHIFT = Shift(IDS, LABELS, P, tuple(p**2 for p in P))
PENALTY = Arrows(
    tuple(Arrow(20 + i, f"·word{i}", 9.0 - 2 * i, (9.0 - 2 * i) / 1.3, "÷ 1.3") for i in range(8)), zero=True, more=4
)
BANS = Arrows((Arrow(30, "·girl", 6.5, -math.inf, "would repeat 4 tokens"),))
TRACK = Track((10.0, 9.5, 9.0, 8.2, 8.5), "μ, bits", 8.0, "target")
ALL: tuple[Picture, ...] = (MIN_P, TOP_K, XTC, SIGMA, TYPICAL, TOP_P, SHIFT, PENALTY, BANS, TRACK)


@pytest.fixture
def pictures(qtbot: QtBot, theme: Theme) -> StagePictures:
    made = StagePictures(theme)
    qtbot.addWidget(made)
    made.resize(260, 200)
    return made


@pytest.fixture
def usual(qapp: QApplication) -> Iterator[QFont]:
    font = QFont(qapp.font())
    yield font
    qapp.setFont(font)


def shown(qtbot: QtBot, widget: StagePictures, *given: Picture) -> StagePictures:
    widget.show_pictures(given)
    widget.resize(widget.width(), widget.sizeHint().height())
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def painted(
    drawing: Drawing, width: int = 260, pointed: int | None = None, dark: bool = False
) -> tuple[QImage, QRectF]:
    """The drawing alone, on the ground of a card, with 20 pixels of nothing around it."""
    look = Look(DARK if dark else LIGHT, QApplication.font())
    rect = QRectF(20, 20, width, drawing.height(look))
    image = QImage(width + 40, int(rect.height()) + 40, QImage.Format.Format_RGB32)
    image.fill(look.surface)
    painter = QPainter(image)
    drawing.paint(painter, rect, look, pointed)
    painter.end()
    return image, rect


def has(image: QImage, box: QRectF, color: QColor) -> bool:
    """Whether this very colour is anywhere in the box."""
    return any(
        image.pixelColor(x, y) == color
        for x in range(max(int(box.left()), 0), min(math.ceil(box.right()), image.width()))
        for y in range(max(int(box.top()), 0), min(math.ceil(box.bottom()), image.height()))
    )


# -- heights -----------------------------------------------------------------------------------------------------------

reals = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(reals, max_size=40), st.none() | reals)
def test_a_higher_value_never_stands_lower(values: list[float], line: float | None) -> None:
    for scale in (from_zero(values, line), readable(values, line), around(values)):
        ordered = sorted(v for v in [*values, *(() if line is None else (line,))] if not math.isnan(v))
        heights = [scale(value) for value in ordered]
        assert heights == sorted(heights)
        assert all(0.0 <= height <= 1.0 for height in heights)
        assert scale(math.nan) == 0.0


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=40), st.floats(1e-6, 1.0))
def test_the_line_stands_between_what_is_kept_and_what_is_cut(values: list[float], line: float) -> None:
    scale = readable(values, line)
    for value in values:
        assert (scale(value) >= scale(line)) if value >= line else (scale(value) <= scale(line))


def test_a_line_that_would_lie_on_the_ground_makes_the_axis_logarithmic_and_says_so(qapp: QApplication) -> None:
    assert BarsDrawing(MIN_P).scale.log
    assert readable(P, 0.021)(0.021) > 0.25  # of 38 pixels that is enough to see
    assert not readable(P, 0.1).log
    look = Look(LIGHT, QApplication.font())
    plain, _ = painted(BarsDrawing(replace(MIN_P, line=0.1)))
    logarithmic, rect = painted(BarsDrawing(MIN_P))
    caption = QRectF(rect.x(), rect.y(), look.width("probability") + 2, look.line).toRect()
    assert plain.copy(caption) == logarithmic.copy(caption)
    behind = QRectF(caption.right() + 1, rect.y(), look.width(" · log"), look.line)
    assert has(logarithmic, behind, look.surface)
    assert plain.copy(behind.toRect()) != logarithmic.copy(behind.toRect())


def test_logits_are_not_measured_from_zero(qapp: QApplication) -> None:
    scale = BarsDrawing(SIGMA).scale
    assert not scale.log
    assert scale(9.0) - scale(8.0) == pytest.approx(scale(0.0) - scale(-1.0))
    assert 0.0 < scale(-2.0) < scale(5.0) < scale(9.0) < 1.0


@given(st.integers(1, 60), st.floats(20, 500), st.sets(st.integers(1, 59), max_size=2))
def test_bars_stand_side_by_side_inside_the_room(count: int, room: float, gaps: set[int]) -> None:
    gaps = {gap for gap in gaps if gap < count}
    found = edges(count, room, sorted(gaps))
    assert len(found) == count
    assert all(left < right for left, right in found)
    if room > count * 3 + 20:
        assert found[-1][1] <= room + 1
        assert all(a[1] <= b[0] for a, b in pairwise(found))


# -- what tells kept from cut ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("picture", [MIN_P, TOP_K, TYPICAL], ids=["min-p", "top-k", "typical"])
def test_kept_bars_are_solid_and_cut_ones_hollow(qapp: QApplication, picture: Bars, dark: bool) -> None:
    drawing = BarsDrawing(picture)
    image, rect = painted(drawing, dark=dark)
    look = Look(DARK if dark else LIGHT, QApplication.font())
    boxes = drawing._boxes(drawing._plot(rect, look), look)
    for box, kept in zip(boxes, picture.kept, strict=True):
        left = image.pixelColor(int(box.left()), int(box.bottom()) - 1)
        assert left == (look.kept if kept else look.cut_edge)
        inside = QRectF(box.left() + 1, box.bottom() - 1, box.width() - 2, 1)
        if box.height() > 2:
            assert has(image, inside, look.kept if kept else look.cut)
    last = picture.kept.index(False)
    usual_gap = boxes[1].left() - boxes[0].right()
    assert boxes[last].left() - boxes[last - 1].right() > usual_gap


def test_the_line_crosses_the_plot_at_its_value(qapp: QApplication) -> None:
    drawing = BarsDrawing(replace(XTC, coin=None))
    image, rect = painted(drawing)
    look = Look(LIGHT, QApplication.font())
    plot = drawing._plot(rect, look)
    y = plot.bottom() - drawing.scale(0.1) * (plot.height() - 2)
    assert has(image, QRectF(plot.right() - 3, y - 2, 2, 3), look.text)
    assert not has(image, QRectF(plot.right() - 3, y + 2, 2, plot.bottom() - y - 3), look.text)


def test_a_rule_that_counts_is_drawn_where_it_stops_counting(qapp: QApplication) -> None:
    drawing = BarsDrawing(TOP_K)
    image, rect = painted(drawing)
    look = Look(LIGHT, QApplication.font())
    plot = drawing._plot(rect, look)
    boxes = drawing._boxes(plot, look)
    between = QRectF(boxes[2].right(), plot.top() + 2, boxes[3].left() - boxes[2].right(), 4)
    assert has(image, between, look.text)


def test_the_heads_that_xtc_removes_are_struck_out_and_the_coin_is_shown(qapp: QApplication) -> None:
    struck, plain = BarsDrawing(XTC), BarsDrawing(replace(XTC, coin=None))
    look = Look(LIGHT, QApplication.font())
    assert struck.height(look) > plain.height(look)
    image, rect = painted(struck)
    without, _ = painted(plain)
    boxes = struck._boxes(struck._plot(rect, look), look)
    for index in (0, 1):
        box = boxes[index].adjusted(2, 2, -2, -2)
        middle = QRectF(box.center().x() - 2, box.center().y() - 2, 4, 4)
        assert image.copy(middle.toRect()) != without.copy(middle.toRect())
    row = QRectF(rect.x(), rect.bottom() - look.line, rect.width(), look.line)
    assert has(image, row, look.kept)  # the chance
    assert has(image, row, look.text)  # the point thrown
    assert "struck out" in struck.explain(0).plain()
    assert "coin 0.31 < 0.5: acts" in struck.words()


def test_a_coin_that_fell_well_and_did_nothing_says_so(qapp: QApplication) -> None:
    why = "only 1 token has p ≥ 0.1: does nothing"
    idle = BarsDrawing(replace(XTC, kept=(True,) * 8, left=8, coin=(0.47, 0.5), words=why))
    assert idle.hindered
    assert not BarsDrawing(XTC).hindered
    assert not BarsDrawing(replace(XTC, kept=(True,) * 8, left=8, coin=(0.6, 0.5))).hindered
    said = idle.words()
    assert why in said
    assert "acts" not in said
    assert said.endswith("coin 0.47 < 0.5, but does nothing")
    look = Look(LIGHT, QApplication.font())
    written: list[str] = []

    class Heard(Look):
        def words(self, p, rect, text, *given, **more) -> None:  # type: ignore[no-untyped-def]
            assert self.width(text) <= rect.width()
            written.append(text)

    image, painter = QImage(600, 100, QImage.Format.Format_RGB32), QPainter()
    for width in (look.width(f"coin 0.47 < 0.5 · {why}") + 4, look.width(why) + 4, 130, 90):
        painter.begin(image)
        idle.paint(painter, QRectF(0, 0, width, 90), Heard(LIGHT, QApplication.font()), None)
        painter.end()
        assert not any("acts" in text for text in written)
    coins = [text for text in written if "nothing" in text]
    assert coins == [f"coin 0.47 < 0.5 · {why}", why, "does nothing", "does nothing"]


@given(st.floats(0, 1, exclude_max=True), st.floats(0.001, 1))
def test_the_coin_never_reads_as_the_other_side(thrown: float, chance: float) -> None:
    words = coin_words((thrown, chance))
    assert ("acts" in words) == (thrown < chance)
    shown_thrown = float(words.split()[1])
    if chance == float(figure(chance)):
        assert (shown_thrown < chance) == (thrown < chance)


def test_beyond_its_mark_a_curve_of_ranks_is_grey(qapp: QApplication) -> None:
    drawing = CurveDrawing(TOP_P)
    image, rect = painted(drawing)
    look = Look(LIGHT, QApplication.font())
    plot = drawing._plot(rect, look)
    mark = drawing._at(drawing._share(3.0, SUMS[2]), plot)
    before = QRectF(plot.left(), plot.top(), mark.x() - plot.left() - 6, plot.height())
    after = QRectF(mark.x() + 6, plot.top(), plot.right() - mark.x() - 6, plot.height())
    blue = [has(image, box, look.kept) for box in (before, after)]
    grey = [near(image, box, look.cut_edge) for box in (before, after)]
    assert blue == [True, False]
    assert grey == [False, True]
    assert drawing.log  # 49,152 ranks
    assert drawing.scale(0.0) == 0.0
    assert drawing.scale(0.7) < drawing.scale(1.0) <= 1.0


def near(image: QImage, box: QRectF, color: QColor, by: int = 12) -> bool:
    """Whether a colour close to this one is in the box: a thin slanted line hardly has its own anywhere."""
    return any(
        all(abs(a - b) <= by for a, b in zip(image.pixelColor(x, y).getRgb(), color.getRgb(), strict=True))
        for x in range(int(box.left()), int(box.right()))
        for y in range(int(box.top()), int(box.bottom()))
    )


def test_hundreds_of_ranks_in_one_column_of_pixels_are_painted_once(qapp: QApplication) -> None:
    x = tuple(map(float, range(1, 2001)))
    drawing = CurveDrawing(Curve(x, tuple(math.log(v) for v in x), "rank", "y", rank=True))
    line = drawing._line(0, drawing.count, QRectF(0, 0, 200, 40))
    assert len(line) <= 202
    assert line[0] == QPointF(0, 40)
    assert line[-1].x() == pytest.approx(200)


# -- arrows ------------------------------------------------------------------------------------------------------------


def test_five_rows_are_drawn_and_the_rest_counted(qapp: QApplication) -> None:
    drawing = ArrowsDrawing(PENALTY)
    assert [row.id for row in drawing.rows()] == [20, 21, 22, 23, 24]
    assert drawing.hidden == len(PENALTY.rows) - ROWS + 4
    drawing.selected = 26
    assert [row.id for row in drawing.rows()] == [20, 21, 22, 23, 26]
    assert drawing.token(4) == 26
    assert drawing.explain(4).title == "·word6"
    drawing.selected = 999
    assert [row.id for row in drawing.rows()] == [20, 21, 22, 23, 24]


@pytest.mark.parametrize("after", [10.0, 4.0])
def test_an_arrow_leads_from_the_old_logit_to_the_new(qapp: QApplication, after: float) -> None:
    look = Look(LIGHT, QApplication.font())
    drawing = ArrowsDrawing(Arrows((Arrow(1, "·a", 7.0, after), Arrow(2, "·b", 0.0, 12.0))))
    image, rect = painted(drawing)
    left, right, _ = drawing._columns(rect, look, drawing.rows())
    x = [left + drawing.scale(v) * (right - left) for v in (7.0, after, (7.0 + after) / 2)]
    row = QRectF(0, rect.y() + look.line + 2, 0, look.row - 4)
    assert near(image, QRectF(x[0] - 3, row.y(), 6, row.height()), look.before)
    assert has(image, QRectF(x[2] - 1, row.y(), 3, row.height()), look.kept)
    outside = QRectF(left, row.y(), min(x[0], x[1]) - left - 5, row.height())
    assert not has(image, outside, look.kept)


def test_a_ban_is_a_cross_and_says_so(qapp: QApplication) -> None:
    drawing = ArrowsDrawing(BANS)
    image, rect = painted(drawing)
    look = Look(LIGHT, QApplication.font())
    left = drawing._columns(rect, look, drawing.rows())[0]
    assert near(image, QRectF(left, rect.y() + look.line, 10, look.row), look.text, by=30)
    assert not has(image, rect, look.kept)
    assert drawing.explain(0).lines == (("logit", "6.50 → −∞"), ("", "banned"), ("", "would repeat 4 tokens"))


def test_the_zero_line_is_there_where_the_sign_decides(qapp: QApplication) -> None:
    look = Look(LIGHT, QApplication.font())
    for zero in (True, False):
        drawing = ArrowsDrawing(replace(PENALTY, zero=zero))
        image, rect = painted(drawing)
        rows = QRectF(rect.x(), rect.y() + look.line, rect.width(), rect.height() - look.line)
        columns = [
            x
            for x in range(int(rows.left()), int(rows.right()))
            if all(image.pixelColor(x, y) == look.muted for y in range(int(rows.top()) + 1, int(rows.top()) + 12))
        ]
        assert bool(columns) == zero


# -- the widget --------------------------------------------------------------------------------------------------------


def test_it_is_there_only_while_there_is_something_to_draw(qtbot: QtBot, pictures: StagePictures) -> None:
    assert pictures.isHidden()
    assert pictures.sizeHint().height() == 0
    seen: list[bool] = []

    class Watch(QLabel):
        def eventFilter(self, watched, event):  # type: ignore[no-untyped-def]
            if event.type() in (QEvent.Type.Show, QEvent.Type.Hide) and watched is pictures:
                seen.append(event.type() == QEvent.Type.Show)
            return False

    watch = Watch()
    qtbot.addWidget(watch)
    pictures.installEventFilter(watch)
    pictures.show_pictures((MIN_P,))
    pictures.show_pictures((TOP_K,))
    pictures.show_pictures((replace(TOP_K),))
    pictures.show_pictures((Bars("probability", (), (), (), (), 0, 0), Track((), "μ"), Arrows((), more=3)))
    pictures.show_pictures(())
    assert seen == [True, False]
    assert pictures.isHidden()


def test_it_is_as_high_as_what_it_draws(qtbot: QtBot, pictures: StagePictures) -> None:
    shown(qtbot, pictures, MIN_P)
    one = pictures.sizeHint().height()
    assert 45 <= one <= 75
    pictures.show_pictures((MIN_P, SHIFT))
    assert pictures.sizeHint().height() > 1.8 * one
    pictures.show_pictures((BANS,))
    few = pictures.sizeHint().height()
    pictures.show_pictures((PENALTY,))
    assert pictures.sizeHint().height() - few == 4 * pictures.look().row
    assert pictures.minimumSizeHint().height() == pictures.sizeHint().height()


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_selected_token_is_ringed_as_in_the_chart_and_nothing_is_amber(
    qtbot: QtBot, pictures: StagePictures, theme: Theme, palette: Palette
) -> None:
    theme.choose(palette.name)
    arrows = Arrows((Arrow(12, "·family", 3.0, 1.0), Arrow(1, "·x", 2.0, 1.0)))
    shown(qtbot, pictures, MIN_P, TOP_K, SIGMA, SHIFT, arrows)
    rects, look = pictures.rects(), pictures.look()
    plain = pictures.grab().toImage()
    for token_id, wanted in ((None, False), (12, True), (999, False), (12, True)):
        pictures.select_token(token_id)
        image = pictures.grab().toImage()
        for rect in rects:
            assert (image.copy(rect.toRect()) != plain.copy(rect.toRect())) == wanted
            assert not has(image, rect, palette.color("drawn"))
            assert not has(image, rect, palette.color("drawn_text"))
    for rect in rects[:4]:  # a mark below the ground line, for those who do not see the ring
        foot = QRectF(rect.x(), rect.bottom() - look.foot + 2, rect.width(), look.foot - 3)
        assert has(image, foot, palette.color("accent"))
        assert not has(plain, foot, palette.color("accent"))
    row = QRectF(rects[4].x(), rects[4].y() + look.line + 3, 6, look.row - 6)
    assert near(image, row, palette.color("accent"), by=60)
    assert not near(plain, row, palette.color("accent"), by=60)
    pictures.show_pictures((MIN_P,))  # it stays selected at the next step
    again = pictures.grab().toImage()
    assert again.copy(rects[0].toRect()) == image.copy(rects[0].toRect())


def test_a_cut_token_stays_hollow_when_it_is_selected(qapp: QApplication) -> None:
    drawing = BarsDrawing(MIN_P)
    drawing.selected = IDS[5]
    image, rect = painted(drawing)
    look = Look(LIGHT, QApplication.font())
    box = drawing._boxes(drawing._plot(rect, look), look)[5]
    assert has(image, box.adjusted(2, 2, -2, -1), look.cut)
    assert not has(image, box.adjusted(2, 2, -2, -1), look.kept)


def test_pointing_at_a_bar_tells_of_its_token(qtbot: QtBot, pictures: StagePictures) -> None:
    shown(qtbot, pictures, MIN_P)
    drawing = BarsDrawing(MIN_P)
    rect = pictures.rects()[0]
    for part, fate in ((0, "kept"), (7, "cut")):
        at = drawing.anchor(part, rect, pictures.look()) - QPointF(0, 2)
        QTest.mouseMove(pictures, at.toPoint())
        card = pictures.window().findChild(HoverCard)
        assert card is not None
        assert card.explanation is not None
        assert card.explanation.title == LABELS[part]
        assert card.explanation.lines == (
            ("probability", "42.0%" if part == 0 else "0.40%"), ("", fate), ("the rule", MIN_P.words),
        )  # fmt: skip
        assert all(label.textFormat() == Qt.TextFormat.PlainText for label in card.findChildren(QLabel))
    QTest.mouseMove(pictures, QPoint(pictures.width() - 2, 2))
    assert card.explanation is None


def test_every_part_of_every_picture_can_be_pointed_at_and_explained(qapp: QApplication) -> None:
    look = Look(LIGHT, QApplication.font())
    for picture in ALL:
        drawing = drawing_of(picture)
        assert drawing is not None
        rect = QRectF(0, 0, 260, drawing.height(look))
        for part in range(drawing.count):
            at = drawing.anchor(part, rect, look)
            if drawing.part_at(at, rect, look) != part:
                # rows hang their words below themselves; points of a curve may share a column of pixels
                at = QPointF(at.x(), at.y() - 4)
            found = drawing.part_at(at, rect, look)
            assert found is not None
            assert found == part or abs(drawing.anchor(found, rect, look).x() - at.x()) < 1
            assert drawing.explain(part).lines
        assert drawing.part_at(QPointF(-50, 5), rect, look) is None
        assert drawing.words()


def test_a_click_and_the_keys_choose_a_token(qtbot: QtBot, pictures: StagePictures) -> None:
    shown(qtbot, pictures, MIN_P, TRACK)
    at = BarsDrawing(MIN_P).anchor(3, pictures.rects()[0], pictures.look()) - QPointF(0, 2)
    with qtbot.waitSignal(pictures.token_chosen) as caught:
        QTest.mouseClick(pictures, Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert caught.args == [13]
    pictures.setFocus()
    for key, token_id in ((Qt.Key.Key_Home, 10), (Qt.Key.Key_Right, 11), (Qt.Key.Key_Left, 10), (Qt.Key.Key_Left, 10)):
        QTest.keyClick(pictures, key)
        said = pictures.explanation()
        assert said is not None
        assert said.title == LABELS[token_id - 10]
        assert pictures.accessibleDescription().startswith(said.title)
        with qtbot.waitSignal(pictures.token_chosen) as caught:
            QTest.keyClick(pictures, Qt.Key.Key_Return)
        assert caught.args == [token_id]
    QTest.keyClick(pictures, Qt.Key.Key_End)
    said = pictures.explanation()
    assert said is not None
    assert said.lines[0] == ("at this place", "8.5")
    with qtbot.assertNotEmitted(pictures.token_chosen):
        QTest.keyClick(pictures, Qt.Key.Key_Return)
    QTest.keyClick(pictures, Qt.Key.Key_Escape)
    assert pictures.explanation() is None
    assert "5 of 49,152 tokens are kept" in pictures.accessibleDescription()


def test_a_screen_reader_is_told_what_is_drawn(pictures: StagePictures) -> None:
    pictures.show_pictures(ALL)
    told = pictures.accessibleDescription().splitlines()
    assert told[0].startswith("5 of 49,152 tokens are kept (p ≥ 0.05 × 42.0% = 0.0210). probability: ·heart 42.0%")
    assert told[5] == ("probability together over tokens, most likely first. 75.0% in 3 tokens. the line is at 0.7")
    assert told[6].startswith("Probabilities before and after this stage: ·heart 42.0% → 17.6%")
    assert told[7].startswith("Logits changed (12): ·word0 9.00 → 6.92")
    assert told[8] == "Logits changed (1): ·girl 6.50 → −∞"
    assert told[9] == "μ, bits: now 8.50, steered to 8"


def test_it_follows_the_theme_and_the_size_of_the_text(
    qtbot: QtBot, qapp: QApplication, pictures: StagePictures, theme: Theme, usual: QFont
) -> None:
    shown(qtbot, pictures, MIN_P)
    assert has(pictures.grab().toImage(), pictures.rects()[0], LIGHT.color("accent"))
    theme.choose("dark")
    assert has(pictures.grab().toImage(), pictures.rects()[0], DARK.color("accent"))
    before = pictures.sizeHint().height()
    larger = QFont(usual)
    larger.setPointSizeF(usual.pointSizeF() * 2)
    qapp.setFont(larger)
    theme.changed.emit()
    assert 1.7 * before < pictures.sizeHint().height() < 2.3 * before


# -- anything that may come --------------------------------------------------------------------------------------------

labels = st.text(max_size=12) | st.just("שלום ‮abc") | st.just("\n") | st.just("x" * 300) | st.just("<img src=x>")
ids = st.integers(0, 200_000)


@st.composite
def any_picture(draw: st.DrawFn) -> Picture:
    kind = draw(st.sampled_from(("bars", "curve", "arrows", "shift", "track")))
    size = draw(st.integers(0, 40))
    values = tuple(draw(st.lists(reals, min_size=size, max_size=size)))
    others = tuple(draw(st.lists(reals, min_size=size, max_size=size)))
    token_ids = tuple(range(size))
    names = tuple(draw(st.lists(labels, min_size=size, max_size=size)))
    number = st.none() | reals
    if kind == "bars":
        kept = tuple(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        axis = draw(st.sampled_from(("probability", "logit", "distance", "bend", "surprise")))
        coin = draw(st.none() | st.tuples(reals, reals))
        return Bars(axis, token_ids, names, values, kept, draw(ids), draw(ids), draw(number), draw(labels), coin)
    if kind == "curve":
        mark = draw(st.none() | st.tuples(reals, reals))
        return Curve(values, others, draw(labels), draw(labels), draw(st.booleans()), draw(number), mark, draw(labels))
    if kind == "shift":
        return Shift(token_ids, names, values, others)
    if kind == "track":
        return Track(values, draw(labels), draw(number), draw(labels))
    rows = tuple(Arrow(i, names[i], values[i], others[i], draw(labels)) for i in token_ids)
    return Arrows(rows, draw(st.booleans()), draw(st.integers(0, 99)))


@settings(deadline=None, max_examples=150)
@given(any_picture(), st.integers(90, 420), st.integers(0, 45))
def test_whatever_comes_is_drawn_inside_its_rectangle_and_put_into_words(
    picture: Picture, width: int, part: int
) -> None:
    drawing = drawing_of(picture)
    if drawing is None:
        return
    part %= drawing.count
    drawing.selected = drawing.token(part)
    image, rect = painted(drawing, width, pointed=part)
    ground = LIGHT.color("surface")
    # Marks at the very edge may reach over it by their own radius.
    reach = 8
    frame = rect.adjusted(-reach, -reach, reach, reach).toAlignedRect()
    for y in range(image.height()):
        for x in (*range(max(frame.left(), 0)), *range(min(frame.right() + 1, image.width()), image.width())):
            assert image.pixelColor(x, y) == ground
    assert drawing.words()
    assert drawing.explain(part).lines


@given(labels)
def test_a_label_fits_on_one_line(label: str) -> None:
    made = shown_label(label)
    assert made
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202e\u2067\u200f" for c in made)


@pytest.mark.parametrize("name", sorted(STAGES))
def test_what_each_stage_really_draws_can_be_shown(qapp: QApplication, name: str) -> None:
    """The chain's own pictures on logits like a model's, with the settings that each stage starts with."""
    rng = np.random.default_rng(5)
    logits = (12.0 - 1.4 * np.log(np.arange(2.0, 4098.0)) + rng.normal(0, 0.4, 4096)).astype(np.float32)
    text = [3, 1, 4, 1, 5, 9, 2, 6, 3, 1, 4, 1]
    context = Context(text, 4, coin=lambda _: 0.2)
    values = tuple((p.name, float(p.default)) for p in STAGES[name].parameters)
    chain = Chain.of(DecodingSettings((StageSetting(name, values),)))
    for report in chain.run(Scores.of(logits), context).reports(pictures=True):
        for picture in report.pictures:
            drawing = drawing_of(picture)
            assert drawing is not None
            image, rect = painted(drawing)
            assert has(image, rect, Look(LIGHT, QApplication.font()).kept) or isinstance(drawing, ArrowsDrawing)
            assert drawing.words()
            if isinstance(drawing, BarsDrawing):
                told = f"{report.kept:,} of {report.kept + report.removed:,} tokens are kept"
                assert told in drawing.words()
            if isinstance(drawing, TrackDrawing):
                assert drawing.words().count("now") == 1
            if isinstance(drawing, ShiftDrawing):
                assert drawing.scale(max(picture.after)) <= 1.0
