"""How the ribbon of disagreement looks. Holds fonts, colours and heights only; the ribbon owns the rest.

The worst are told apart by a triangle over (or under) them as well as by a stronger colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from ntp_studio.ui.column_colors import column_color
from ntp_studio.ui.disagreement_ribbon_bars import Bar
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette

_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_CENTER = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine)


class RibbonPainter:
    def __init__(self, palette: Palette, font: QFont) -> None:
        self.palette = palette
        self.font = font
        self.small = scaled(font, 0.85)
        self.metrics = QFontMetricsF(self.small)
        self.caption = math.ceil(self.metrics.height()) + 2
        self.mark = px(8)  # room for the triangles over the bars
        self.bars = px(46)
        self.foot = px(7) + math.ceil(self.metrics.height())
        self.end_room = px(9)
        self.pointer = px(4), px(5), px(7)  # of the place on view: half its width, its height, and down to the words
        self.triangle = px(3.5), px(5)

    @property
    def top(self) -> int:
        return self.caption + self.mark

    @property
    def bottom(self) -> int:
        return self.top + self.bars

    @property
    def height(self) -> int:
        return self.bottom + self.foot

    def paint_sentence(self, p: QPainter, width: float, sentence: str) -> None:
        p.setFont(self.font)
        p.setPen(self.palette.color("muted"))
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)
        p.drawText(QRectF(0, 2, width, self.height - 2), flags, sentence)

    def paint_caption(self, p: QPainter, width: float, left: Sequence[str], right: str) -> None:
        """Of `left` the first wording that there is room for."""
        p.setFont(self.small)
        p.setPen(self.palette.color("muted"))
        room = width - self.metrics.horizontalAdvance(right) - 8
        fitting = (words for words in left if self.metrics.horizontalAdvance(words) <= room)
        cut = self.metrics.elidedText(left[-1], Qt.TextElideMode.ElideRight, max(room, 0))
        p.drawText(QRectF(0, 0, width, self.caption), _LEFT, next(fitting, cut))
        p.drawText(QRectF(0, 0, width, self.caption), _RIGHT, right)

    def paint_prompt(self, p: QPainter, right: float, word: str) -> None:
        """The ground of the prompt's bars, with its name under it."""
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(self.palette.color("sunken"))
        p.drawRoundedRect(QRectF(0, self.caption, right, self.bottom - self.caption), 4, 4)
        p.setFont(self.small)
        p.setPen(self.palette.color("muted"))
        width = self.metrics.horizontalAdvance(word) + 4
        down = self.pointer[2]
        p.drawText(QRectF(0, self.bottom + down, width, self.foot - down), _LEFT, word)

    def paint_at(self, p: QPainter, bar: Bar | None, end: float) -> None:
        """The place on view, unlike any bar: an outline around the one that is foretold there, or a thin line after the
        last at the text's end, and a pointer under it."""
        height = self.bottom - self.caption
        p.setBrush(Qt.BrushStyle.NoBrush)
        if bar is not None:
            middle = bar.x + bar.width / 2
            p.setPen(QPen(self.palette.color("muted"), 1))
            p.drawRoundedRect(QRectF(round(bar.x) + 0.5, self.caption + 0.5, max(bar.width - 1, 2), height), 2, 2)
        else:
            middle = round(end + self.end_room / 2) + 0.5
            p.setPen(QPen(self.palette.color("muted"), 1, Qt.PenStyle.DotLine))
            p.drawLine(QPointF(middle, self.caption + 1), QPointF(middle, self.bottom - 1))
        p.setPen(Qt.PenStyle.NoPen)
        top = self.bottom + 1.5
        half, tall, _ = self.pointer
        low = top + tall
        p.setBrush(self.palette.color("text"))
        p.drawPolygon(QPolygonF([QPointF(middle, top), QPointF(middle + half, low), QPointF(middle - half, low)]))

    def _mixed(self, color: QColor, share: float) -> QColor:
        """`color` mixed into the ground: one that shines through would take the painter a hundred times as long."""
        ground = self.palette.color("surface")
        pairs = (
            (color.red(), ground.red()),
            (color.green(), ground.green()),
            (color.blue(), ground.blue()),
        )
        return QColor(*(round(share * a + (1 - share) * b) for a, b in pairs))

    def paint_line(self, p: QPainter, end: float, signed: bool) -> None:
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(self.palette.color("cut"))
        p.drawRect(QRectF(0, self._zero(signed), end, 1))

    def _zero(self, signed: bool) -> float:
        return round((self.caption + self.bottom) / 2) if signed else float(self.bottom) - 1

    def _rect(self, bar: Bar, top: float, signed: bool) -> QRectF:
        room = (self.bottom - self.caption) / 2 - self.mark if signed else self.bars - 1
        size = abs(bar.value)
        share = 1.0 if math.isinf(size) else size / top if top > 0 else 0.0
        height = max(share * room, 1.5)
        spare = 1.0 if bar.width < 6 else 2.0
        zero = self._zero(signed)
        y = zero - height if bar.value >= 0 or not signed else zero + 1
        return QRectF(bar.x + spare / 2, y, bar.width - spare, height)

    def paint_bars(self, p: QPainter, bars: Sequence[Bar], top: float, pair: int | None, marked: bool) -> None:
        """`pair` is given for a signed measure: a bar then has the colour of the column that expected the text more."""
        p.setPen(Qt.PenStyle.NoPen)
        for positive in (True, False):
            rects = [self._rect(bar, top, pair is not None) for bar in bars if (bar.value >= 0) is positive]
            if not rects:
                continue
            p.setBrush(self._color(positive, pair, marked))
            if rects[0].width() < 6:
                p.drawRects(rects)
                continue
            for rect in rects:
                radius = 2.0 if rect.height() >= 4 else 0.0
                p.drawRoundedRect(rect, radius, radius)

    def _color(self, positive: bool, pair: int | None, marked: bool) -> QColor:
        if pair is None:
            return self.palette.color("accent" if marked else "model")
        color = column_color(self.palette, pair + 1 if positive else 0)
        return color if marked else self._mixed(color, 0.45)

    def paint_none(self, p: QPainter, bar: Bar, hatched: bool, signed: bool) -> None:
        """No figure: hatched while it is still to come, else nothing but the line."""
        if hatched:
            height = self.bars * 0.35
            zero = self._zero(signed)
            y = zero - height / 2 if signed else zero - height
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QBrush(self.palette.color("faint"), Qt.BrushStyle.BDiagPattern))
            p.drawRect(QRectF(bar.x, y, bar.width, height))

    def paint_mark(self, p: QPainter, bar: Bar, top: float, signed: bool, first: bool) -> None:
        """A triangle that points at the end of the bar, filled for the worst of all; ∞ for what has no end."""
        rect = self._rect(bar, top, signed)
        middle = max(rect.center().x(), self.triangle[0] + 0.5)
        down = bar.value >= 0 or not signed  # over the bar, pointing down
        if math.isinf(bar.value):
            p.setFont(self.small)
            p.setPen(self.palette.color("text"))
            height = self.metrics.height()
            y = rect.top() - height + 3 if down else rect.bottom() - 3
            p.drawText(QRectF(middle - 20, y, 40, height), _CENTER, "∞")
            return
        half, tall = self.triangle
        tip = rect.top() - 1.5 if down else rect.bottom() + 1.5
        base = tip - tall if down else tip + tall
        color = self.palette.color("text")
        p.setPen(QPen(color, 1))
        p.setBrush(color if first else self.palette.color("surface"))
        p.drawPolygon(QPolygonF([QPointF(middle, tip), QPointF(middle + half, base), QPointF(middle - half, base)]))

    def paint_focus(self, p: QPainter, bar: Bar | None, width: float) -> None:
        """With the focus here: a ring around all, and one around the bar that the keys have chosen."""
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(self.palette.color("accent"), 1))
        p.drawRoundedRect(QRectF(0.5, self.caption + 0.5, width - 1, self.bottom - self.caption + 1), 4, 4)
        if bar is not None:
            p.setPen(QPen(self.palette.color("text"), 1.3))
            p.drawRect(QRectF(bar.x, self.caption + 1.5, bar.width, self.bottom - self.caption - 1))
