"""How the rows of Δ probability look. Holds fonts, colours and sizes only; the widget owns the rest."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter

from ntp_studio.ui.candidate_text import MINUS
from ntp_studio.ui.column_colors import column_color
from ntp_studio.ui.delta_bars_rows import DeltaRow, points_text
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette

_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_CENTER = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine)
Columns = tuple[float, float, float]


class DeltaPainter:
    """Rows are `row` high, between two captions of the height `caption`."""

    def __init__(self, palette: Palette, font: QFont) -> None:
        self.palette = palette
        self.pad, self.thick = px(4), px(10)
        self.mono = mono_like(font, 0.95)
        self.bold = mono_like(font, 0.95, QFont.Weight.Bold)
        self.small = scaled(font, 0.85)
        self.metrics = QFontMetricsF(self.mono)
        self.bold_metrics = QFontMetricsF(self.bold)
        self.small_metrics = QFontMetricsF(self.small)
        self.figures = self.metrics.horizontalAdvance(f"{MINUS}99.9 pp")
        self.longest = self.metrics.horizontalAdvance("m" * 14)  # room for a label
        self.caption = math.ceil(self.small_metrics.height()) + 3
        self.row = max(math.ceil(self.metrics.height()) + 7, 21)

    def columns(self, width: float) -> Columns:
        """Where the label ends, and where the track begins and ends."""
        gap = self.thick * 0.7
        free = width - self.figures - 2 * gap - self.pad
        label = min(max(free * 0.46, 4 * self.thick), self.longest)
        return label, label + gap, width - self.figures - gap

    def paint_zero(self, p: QPainter, width: float, rows: int) -> None:
        """The line of zero through the room of so many rows."""
        _, left, right = self.columns(width)
        p.fillRect(QRectF(round((left + right) / 2), self.caption, 1, rows * self.row), self.palette.color("border"))

    def paint_head(self, p: QPainter, width: float, pair: int, words: tuple[str, str]) -> None:
        """Which side is whose, in the columns' colours."""
        _, left, right = self.columns(width)
        middle = (left + right) / 2
        p.setFont(self.small)
        p.setPen(column_color(self.palette, 0))
        p.drawText(QRectF(0, 0, middle - px(5), self.caption), _RIGHT, words[0])
        p.setPen(column_color(self.palette, pair + 1))
        p.drawText(QRectF(middle + px(5), 0, width - middle - px(5), self.caption), _LEFT, words[1])

    def paint_row(
        self, p: QPainter, row: DeltaRow, rect: QRectF, pair: int, end: float, *, hovered: bool, lacking: str
    ) -> None:
        """`end` is that of the scale; `lacking` says who has no such token, where one has none."""
        c = self.palette
        label, left, right = self.columns(rect.width())
        pad, thick = self.pad, self.thick
        p.setPen(Qt.PenStyle.NoPen)
        ground = "drawn_soft" if row.drawn else "accent_soft" if row.standing or hovered else "surface"
        if ground != "surface":
            p.setBrush(c.color(ground))
            p.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 4, 4)
        track = QRectF(left, rect.center().y() - thick / 2, right - left, thick)
        p.setBrush(c.color("sunken" if ground == "surface" else "surface"))
        p.drawRoundedRect(track, 3, 3)
        bold = row.drawn or row.standing
        font = self.bold if bold else self.mono
        metrics = self.bold_metrics if bold else self.metrics
        p.setFont(font)
        p.setPen(c.color("drawn_text" if row.drawn else "text"))
        text = metrics.elidedText(row.token.label, Qt.TextElideMode.ElideRight, label - pad)
        p.drawText(QRectF(pad, rect.y(), label - pad, rect.height()), _LEFT, text)
        points = row.points
        p.setFont(self.mono)
        p.setPen(c.color("muted" if points is None else "text"))
        p.drawText(QRectF(right, rect.y(), rect.right() - right - pad / 2, rect.height()), _RIGHT, points_text(points))
        middle = (left + right) / 2
        if points is None:
            p.setFont(self.small)
            words = self.small_metrics.elidedText(lacking, Qt.TextElideMode.ElideRight, track.width() - 4)
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(c.color(ground))
            p.drawRect(track)
            p.setPen(c.color("muted"))
            p.drawText(track.adjusted(0, -4, 0, 4), _CENTER, words)
            return
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(c.color("faint"))
        p.drawRect(QRectF(round(middle), track.top() - 2, 1, track.height() + 4))
        width = min(abs(points) / end, 1.0) * (right - left) / 2
        if points:
            x = middle + 0.5 if points > 0 else middle + 0.5 - max(width, 1.0)
            p.setBrush(column_color(c, pair + 1 if points > 0 else 0))
            p.drawRect(QRectF(x, track.top(), max(width, 1.0), track.height()))

    def paint_scale(self, p: QPainter, width: float, rows: int, end: float) -> None:
        """Under the room of so many rows."""
        _, left, right = self.columns(width)
        y = float(self.caption + rows * self.row)
        p.setFont(self.small)
        p.setPen(self.palette.color("muted"))
        middle, half = (left + right) / 2, 60.0
        p.drawText(QRectF(left - half, y, 2 * half, self.caption), _CENTER, f"{MINUS}{end:g}")
        p.drawText(QRectF(middle - half, y, 2 * half, self.caption), _CENTER, "0")
        plus = QRectF(right - self.small_metrics.horizontalAdvance(f"+{end:g}") / 2, y, 2 * half, self.caption)
        p.drawText(plus, _LEFT, f"+{end:g} pp")
