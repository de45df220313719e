"""Fonts and one-line labels shared by the parts of the next-token column."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from ntp_studio.ui.theme import mono_font


def scaled(font: QFont, factor: float, weight: QFont.Weight | None = None) -> QFont:
    """`font` at another size; sizes follow the desktop's own, whether given in points or pixels."""
    result = QFont(font)
    if font.pixelSize() > 0:
        result.setPixelSize(max(round(font.pixelSize() * factor), 8))
    else:
        result.setPointSizeF(max(font.pointSizeF() * factor, 6.0))
    if weight is not None:
        result.setWeight(weight)
    return result


def mono_like(font: QFont, factor: float = 1.0, weight: QFont.Weight | None = None) -> QFont:
    """The fixed-width font at the size of `font`."""
    result = mono_font(max(QFontInfo(font).pointSizeF() * factor, 6.0))
    if weight is not None:
        result.setWeight(weight)
    return result


def caption_font(font: QFont) -> QFont:
    """For headings in capitals."""
    result = scaled(font, 0.92, QFont.Weight.DemiBold)
    result.setLetterSpacing(QFont.SpacingType.PercentageSpacing, 103)
    return result


class ElidedLabel(QLabel):
    """One line of plain text that gives way instead of pushing its neighbours: cut with `…` where it does not fit."""

    def __init__(self, elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._elide = elide
        self._color: QColor | None = None
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_color(self, color: QColor) -> None:
        self._color = color
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        # Two pixels of slack: at fractional scaling the painted advance can exceed the measured one.
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self._color or self.palette().color(self.foregroundRole()))
        metrics = QFontMetrics(self.font())
        text = metrics.elidedText(self.text(), self._elide, self.width())
        flags = int(self.alignment() | Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
        painter.drawText(self.rect(), flags, text)
        painter.end()
