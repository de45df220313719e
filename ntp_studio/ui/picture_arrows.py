"""Arrows from the old logits to the new, a row for each token that a stage changed."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from ntp_studio.core.pictures import Arrow, Arrows
from ntp_studio.ui.candidate_text import Explanation, number
from ntp_studio.ui.picture_base import CENTER, LEFT, RIGHT, SPOKEN, Drawing, Look, listed, shown_label, token_title
from ntp_studio.ui.picture_scale import around, logit
from ntp_studio.ui.style import px

ROWS = 5
INSET = 4  # of the rows, for the ring around the selected one


class ArrowsDrawing(Drawing):
    """`Arrows`: a ring at the old logit, an arrow to the new one; a ban goes off the axis to a cross."""

    def __init__(self, picture: Arrows) -> None:
        self.picture = picture
        self.count = min(len(picture.rows), ROWS)
        held = [v for row in picture.rows[:ROWS] for v in (row.before, row.after)]
        self.scale = around(held, *((0.0,) if picture.zero else ()))

    def rows(self) -> list[Arrow]:
        """The rows on show. The selected token takes the place of the last one if it stands further down."""
        rows = list(self.picture.rows[:ROWS])
        if self.selected is not None and all(row.id != self.selected for row in rows):
            rows[-1:] = [row for row in self.picture.rows[ROWS:] if row.id == self.selected] or rows[-1:]
        return rows

    @property
    def hidden(self) -> int:
        """How many changed tokens have no row."""
        return max(len(self.picture.rows) - ROWS, 0) + max(self.picture.more, 0)

    def height(self, look: Look) -> int:
        return look.line + self.count * look.row + px(2)

    def token(self, part: int) -> int | None:
        return self.rows()[part].id

    def _columns(self, rect: QRectF, look: Look, rows: list[Arrow]) -> tuple[float, float, float]:
        """Left and right end of the axis, and the left end of the words; no words where they would be cut short."""
        widest = max((look.mono_metrics.horizontalAdvance(shown_label(row.label)) for row in rows), default=0)
        # At least as wide as the header's first word, so that the zero above the axis stands clear of it.
        widest = max(widest, look.width(self._caption(short=True)))
        inset = px(INSET)
        left = rect.x() + inset + min(math.ceil(widest), round(rect.width() * 0.3)) + px(8)
        said = max((look.width(row.words) for row in rows), default=0)
        end = rect.right() - inset
        fits = said and end - said - px(8) - left >= rect.width() * 0.32
        words = end - said if fits else end
        return round(left), round(words - (px(8) if fits else px(4))), words

    def paint(self, p: QPainter, rect: QRectF, look: Look, pointed: int | None) -> None:
        rows = self.rows()
        left, right, words_x = self._columns(rect, look, rows)
        more = ""
        if self.hidden:
            more = QCoreApplication.translate("StagePictures", "{count} more").format(count=number(self.hidden))
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        banned = any(row.after == -math.inf for row in rows)
        axis = QRectF(left + (px(12) if banned else 0), rect.y() + look.line, 0, len(rows) * look.row)
        axis.setRight(max(right, axis.left() + 1))
        zero = axis.x() + self.scale(0.0) * axis.width() if self.picture.zero else rect.right()
        look.header(p, rect, self._caption(short=zero - px(8) < rect.x() + look.width(self._caption())), more)
        for index, row in enumerate(rows):
            line = QRectF(rect.x(), axis.y() + index * look.row, rect.width(), look.row)
            if index == pointed:
                p.fillRect(line, look.pointed)
            label = QRectF(line.x() + px(INSET), line.y(), left - px(8) - line.x() - px(INSET), line.height())
            look.words(p, label, shown_label(row.label), look.text, LEFT, mono=True)
            p.fillRect(QRectF(left, round(line.center().y()), axis.right() - left, 1), look.cut)
            if self.picture.zero:
                self._zero(p, zero, line, look, first=index == 0)
            self._arrow(p, row, left, axis, round(line.center().y()) + 0.5, look)
            if words_x < rect.right() - px(INSET):
                place = QRectF(words_x, line.y(), rect.right() - px(INSET) - words_x, line.height())
                look.words(p, place, row.words, look.muted, RIGHT)
            if row.id == self.selected:
                look.ring(p, line.adjusted(1, 0.5, -1, -0.5))

    @staticmethod
    def _caption(short: bool = False) -> str:
        if short:
            return QCoreApplication.translate("StagePictures", "logit")
        return QCoreApplication.translate("StagePictures", "logit, old → new")

    @staticmethod
    def _zero(p: QPainter, x: float, line: QRectF, look: Look, first: bool) -> None:
        x = round(x) + 0.5
        p.setPen(QPen(look.muted, 1.0))
        p.drawLine(QPointF(x, line.top()), QPointF(x, line.bottom()))
        if first:
            look.words(p, QRectF(x - 20, line.top() - look.line, 40, look.line), "0", look.text, CENTER)

    def _arrow(self, p: QPainter, row: Arrow, left: float, axis: QRectF, y: float, look: Look) -> None:
        start = QPointF(axis.x() + self.scale(row.before) * axis.width(), y)
        radius = px(3)
        if row.after == -math.inf:
            self._ban(p, start, QPointF(left + radius + 1, y), look.text, look)
        elif math.isfinite(row.after) and math.isfinite(row.before):
            end = QPointF(axis.x() + self.scale(row.after) * axis.width(), y)
            p.setPen(QPen(look.kept, 2.0))
            way = 1.0 if end.x() >= start.x() else -1.0
            if abs(end.x() - start.x()) > 2 * radius:
                p.drawLine(start + QPointF(way * radius, 0), end - QPointF(way * radius, 0))
            if row.after != row.before:
                half = radius + 0.5
                back = end - QPointF(way * 2 * half, 0)
                p.setPen(Qt.PenStyle.NoPen)
                p.setBrush(look.kept)
                p.drawPolygon(QPolygonF([end, back + QPointF(0, half), back - QPointF(0, half)]))
        if math.isfinite(row.before):
            p.setPen(QPen(look.cut_edge, 1.2))
            p.setBrush(look.before)
            p.drawEllipse(start, radius, radius)

    @staticmethod
    def _ban(p: QPainter, start: QPointF, end: QPointF, color: QColor, look: Look) -> None:
        arm = px(3)
        p.setPen(QPen(color, 1.0, Qt.PenStyle.DotLine))
        p.drawLine(start, end + QPointF(arm + 2, 0))
        p.setPen(QPen(color, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        p.drawLine(end + QPointF(-arm, -arm), end + QPointF(arm, arm))
        p.drawLine(end + QPointF(-arm, arm), end + QPointF(arm, -arm))

    def part_at(self, point: QPointF, rect: QRectF, look: Look) -> int | None:
        index = math.floor((point.y() - rect.y() - look.line) / look.row)
        return index if 0 <= index < self.count and rect.x() <= point.x() <= rect.right() else None

    def anchor(self, part: int, rect: QRectF, look: Look) -> QPointF:
        return QPointF(rect.center().x(), rect.y() + look.line + (part + 1) * look.row)

    def explain(self, part: int) -> Explanation:
        translate, row = QCoreApplication.translate, self.rows()[part]
        title, subtitle = token_title(row.id, row.label)
        lines = [(translate("StagePictures", "logit"), f"{logit(row.before)} → {logit(row.after)}")]
        if row.after == -math.inf:
            lines.append(("", translate("StagePictures", "banned")))
        if row.words:
            lines.append(("", row.words))
        return Explanation(title, subtitle, tuple(lines))

    def words(self) -> str:
        rows = self.picture.rows
        names = [f"{shown_label(r.label)} {logit(r.before)} → {logit(r.after)}" for r in rows[:SPOKEN]]
        said = QCoreApplication.translate("StagePictures", "Logits changed ({count}): {list}")
        total = len(rows) + max(self.picture.more, 0)
        return said.format(count=number(total), list=listed(names, total - SPOKEN))
