"""How the dart's line looks: stretches, needle and its handle, and what marks a token on it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from ntp_studio.ui.dart_line import Segment
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.shades import by_place, readable_on
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette

# Neighbours are parted by a gap from this width on; narrower ones would be nothing but gap.
GAP_FROM = 4.0
MARKER = 6.0  # height of the mark over a token that is hard to see
MARK_BELOW = 10.0  # pixels of width


def knob() -> float:
    """The radius of the needle's handle."""
    return px(45) / 10


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class LinePainter:
    """Paints onto `band`, the line itself; the needle's token stands above it, its handle below."""

    def __init__(self, painter: QPainter, palette: Palette, font: QFont, band: QRectF) -> None:
        self._painter, self._palette, self._band = painter, palette, band
        self._font = mono_like(font, 0.87)
        self._metrics = QFontMetricsF(self._font)
        painter.setFont(self._font)

    def segments(self, line: tuple[Segment, ...]) -> None:
        p, band, metrics = self._painter, self._band, self._metrics
        clip = QPainterPath()
        clip.addRoundedRect(band, 4, 4)
        p.save()
        p.setClipPath(clip)
        p.fillRect(band, self._palette.color("sunken"))
        for index, segment in enumerate(line):
            rect, color = self._rect(segment), self._color(segment, index)
            p.fillRect(rect, color)
            label = segment.candidate.token.label if segment.candidate is not None else ""
            needed = min(metrics.horizontalAdvance(label), metrics.horizontalAdvance("mmmmm"))
            if label and rect.width() - 10 >= needed:
                text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, rect.width() - 8)
                p.setPen(readable_on(color, self._palette))
                p.drawText(rect.adjusted(5, 0, 0, 0), _LEFT, text)
        p.restore()

    def _color(self, segment: Segment, index: int) -> QColor:
        if segment.candidate is None:
            return self._palette.color("sunken")
        return self._palette.color("drawn") if segment.chosen else by_place(self._palette, index)

    def _rect(self, segment: Segment) -> QRectF:
        left, right = segment.start * self._band.width(), segment.end * self._band.width()
        # The gap is cut off the right end, so that no segment moves.
        gap = 1.0 if right - left >= GAP_FROM and segment.end < 1.0 else 0.0
        return QRectF(left, self._band.y(), right - left - gap, self._band.height())

    def outline(self, line: tuple[Segment, ...], token_id: int) -> None:
        """A dashed outline around the token that was taken here, where another would be now."""
        p = self._painter
        for segment in line:
            if segment.candidate is None or segment.candidate.token.id != token_id:
                continue
            rect = self._rect(segment)
            wider = max(6.0 - rect.width(), 0.0) / 2
            rect = rect.adjusted(1 - wider, 1, wider - 1, -1)
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.setPen(QPen(self._palette.color("surface"), 3.0))
            p.drawRect(rect)
            p.setPen(QPen(self._palette.color("drawn"), 2.0, Qt.PenStyle.DashLine))
            p.drawRect(rect)

    def mark_narrow_choice(self, line: tuple[Segment, ...]) -> None:
        """Points at a chosen token that is hard to see. In amber: it marks the token, not a number that was drawn."""
        chosen = next((s for s in line if s.chosen), None)
        if chosen is None or (chosen.end - chosen.start) * self._band.width() >= MARK_BELOW:
            return
        p, band = self._painter, self._band
        x = min(max((chosen.start + chosen.end) / 2 * band.width(), 4.0), band.width() - 4.0)
        color = self._palette.color("drawn")
        p.setPen(QPen(color, 2.0))
        p.drawLine(QPointF(x, band.top()), QPointF(x, band.bottom() + 4))
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(color)
        p.drawPolygon(QPolygonF([QPointF(x - 4, 0), QPointF(x + 4, 0), QPointF(x, MARKER)]))

    def needle(self, u: float, words: str, *, focus: bool) -> None:
        """The needle at `u`, and above it what it hits."""
        foot = self._pin(u, self._palette.color("text"), Qt.PenStyle.SolidLine, filled=True)
        p, band, metrics = self._painter, self._band, self._metrics
        if focus:
            p.setPen(QPen(self._palette.color("accent"), 2.0))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawEllipse(foot, knob() + 0.8, knob() + 0.8)
        words = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, band.width())
        width = metrics.horizontalAdvance(words) + 2
        left = min(max(self._x(u) - width / 2, 0.0), band.width() - width)
        p.setPen(self._palette.color("drawn_text"))
        p.drawText(QRectF(left, 0, width, band.top() - 3), _LEFT, words)

    def stored_needle(self, u: float) -> None:
        """Hollow and dotted: where the needle was when the token that follows was taken."""
        self._pin(u, self._palette.color("muted"), Qt.PenStyle.DotLine, filled=False)

    def _x(self, u: float) -> float:
        return min(max(u * self._band.width(), 1.0), self._band.width() - 1.0)

    def _pin(self, u: float, color: QColor, style: Qt.PenStyle, *, filled: bool) -> QPointF:
        p, band, x = self._painter, self._band, self._x(u)
        line = QPointF(x, band.top() - 3), QPointF(x, band.bottom() + 2)
        # A bright edge, so that it is seen on every stretch.
        p.setPen(QPen(self._palette.color("surface"), 4.0))
        p.drawLine(*line)
        p.setPen(QPen(color, 2.0 if filled else 1.5, style))
        p.drawLine(*line)
        radius = knob()
        foot = QPointF(min(max(x, radius + 1), band.width() - radius - 1), band.bottom() + 2 + radius)
        p.setPen(QPen(color, 1.4))
        p.setBrush(color if filled else self._palette.color("surface"))
        p.drawEllipse(foot, radius - 0.7, radius - 0.7)
        return foot
