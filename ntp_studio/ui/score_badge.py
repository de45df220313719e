"""The letter of a column on its colour, as in the heads of the columns."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.ui.column_colors import column_color, letter, letter_color
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette, Theme


def badge_font(font: QFont) -> QFont:
    return scaled(font, 0.87, QFont.Weight.Bold)


def badge_size(font: QFont) -> QSize:
    metrics = QFontMetrics(badge_font(font))
    return QSize(metrics.horizontalAdvance("D") + px(12), metrics.height() + 1)


def paint_badge(painter: QPainter, palette: Palette, rect: QRectF, place: int, font: QFont) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(column_color(palette, place))
    painter.drawRoundedRect(rect, 4, 4)
    painter.setPen(letter_color(palette))
    painter.setFont(badge_font(font))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, letter(place))
    painter.restore()


class Badges(QWidget):
    """One letter, or two that are held against each other."""

    def __init__(self, theme: Theme, places: tuple[int, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._places = theme, places
        self.setAccessibleName(", ".join(letter(place) for place in places))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        one, count = badge_size(self.font()), len(self._places)
        return QSize(one.width() * count + px(4) * (count - 1), one.height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        one = badge_size(self.font())
        for i, place in enumerate(self._places):
            rect = QRectF(i * (one.width() + px(4)), (self.height() - one.height()) / 2, one.width(), one.height())
            paint_badge(painter, self._theme.palette, rect, place, self.font())
        painter.end()
