"""The few pictures on buttons, drawn in the theme's colours so that they look the same on every system.

Characters such as ☾ or ▶ come from whatever font a system falls back to, some of them as coloured emoji.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF


def paint_glyph(painter: QPainter, name: str, rect: QRectF, color: QColor) -> None:
    """Draw the picture `name`, centred in `rect`, on a 16 × 16 grid. An unknown name is a KeyError."""
    draw = _GLYPHS[name]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = min(rect.width(), rect.height())
    painter.translate(rect.center().x() - side / 2, rect.center().y() - side / 2)
    painter.scale(side / 16, side / 16)
    pen = QPen(color, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    draw(painter, color)
    painter.restore()


def _filled(painter: QPainter, color: QColor) -> None:
    painter.setPen(QPen(color, 1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(color)


def _triangle(painter: QPainter, color: QColor, *points: tuple[float, float]) -> None:
    _filled(painter, color)
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))


def _back(painter: QPainter, color: QColor) -> None:
    _triangle(painter, color, (11.5, 3.5), (11.5, 12.5), (3.5, 8))


def _step(painter: QPainter, color: QColor) -> None:
    _triangle(painter, color, (4.5, 3.5), (4.5, 12.5), (12.5, 8))


def _play(painter: QPainter, color: QColor) -> None:
    _triangle(painter, color, (2.5, 3.5), (2.5, 12.5), (8, 8))
    _triangle(painter, color, (8.5, 3.5), (8.5, 12.5), (14, 8))


def _pause(painter: QPainter, color: QColor) -> None:
    _filled(painter, color)
    painter.drawRoundedRect(QRectF(4, 3.5, 2.6, 9), 0.8, 0.8)
    painter.drawRoundedRect(QRectF(9.4, 3.5, 2.6, 9), 0.8, 0.8)


def _restart(painter: QPainter, color: QColor) -> None:
    painter.drawArc(QRectF(3, 3, 10, 10), 60 * 16, 290 * 16)
    tip = QPointF(8 + 5 * math.cos(math.radians(60)), 8 - 5 * math.sin(math.radians(60)))
    painter.drawPolyline(QPolygonF([tip + QPointF(-3.1, -1.6), tip, tip + QPointF(-1.4, 3.1)]))


def _moon(painter: QPainter, color: QColor) -> None:
    disc, shadow = QPainterPath(), QPainterPath()
    disc.addEllipse(QRectF(2.5, 2.5, 11, 11))
    shadow.addEllipse(QRectF(6.3, 0.8, 10, 10))
    painter.drawPath(disc.subtracted(shadow))


def _sun(painter: QPainter, color: QColor) -> None:
    painter.drawEllipse(QPointF(8, 8), 2.8, 2.8)
    for turn in range(8):
        angle = turn * math.pi / 4
        ray = QPointF(math.cos(angle), math.sin(angle))
        painter.drawLine(QPointF(8, 8) + ray * 5, QPointF(8, 8) + ray * 6.6)


def _dice(painter: QPainter, color: QColor) -> None:
    painter.drawRoundedRect(QRectF(2.5, 2.5, 11, 11), 2.5, 2.5)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    for x, y in ((5.4, 5.4), (10.6, 5.4), (8, 8), (5.4, 10.6), (10.6, 10.6)):
        painter.drawEllipse(QPointF(x, y), 1.1, 1.1)


def _chevron(painter: QPainter, color: QColor) -> None:
    painter.drawPolyline(QPolygonF([QPointF(4.5, 6.5), QPointF(8, 10), QPointF(11.5, 6.5)]))


def _close(painter: QPainter, color: QColor) -> None:
    painter.drawLine(QPointF(4.5, 4.5), QPointF(11.5, 11.5))
    painter.drawLine(QPointF(11.5, 4.5), QPointF(4.5, 11.5))


def _plus(painter: QPainter, color: QColor) -> None:
    painter.drawLine(QPointF(8, 3.5), QPointF(8, 12.5))
    painter.drawLine(QPointF(3.5, 8), QPointF(12.5, 8))


def _more(painter: QPainter, color: QColor) -> None:
    for y in (4.2, 8.0, 11.8):
        painter.drawLine(QPointF(3, y), QPointF(13, y))


def _grip(painter: QPainter, color: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    for x in (5.6, 10.4):
        for y in (3.2, 8.0, 12.8):
            painter.drawEllipse(QPointF(x, y), 1.35, 1.35)


def _help(painter: QPainter, color: QColor) -> None:
    painter.setPen(QPen(color, 1.2))
    painter.drawEllipse(QPointF(8, 8), 6.6, 6.6)
    painter.setPen(QPen(color, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    path = QPainterPath(QPointF(6.1, 6.5))
    path.cubicTo(6.1, 4.2, 9.9, 4.2, 9.9, 6.5)
    path.cubicTo(9.9, 7.9, 8, 7.8, 8, 9.3)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(QPointF(8, 11.6), 0.9, 0.9)


_GLYPHS = {
    "back": _back,
    "step": _step,
    "play": _play,
    "pause": _pause,
    "restart": _restart,
    "moon": _moon,
    "sun": _sun,
    "dice": _dice,
    "chevron": _chevron,
    "close": _close,
    "plus": _plus,
    "more": _more,
    "grip": _grip,
    "help": _help,
}
