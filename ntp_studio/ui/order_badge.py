"""The quiet sign in the gap between two cards that may change places."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Theme


class OrderBadge(QWidget):
    """`⇅ order does not matter`. It floats over the gap, so that nothing moves when it comes and goes."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._words = self.tr("order does not matter")
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def say(self, first: str, second: str) -> None:
        """Name the two stages, by their labels, for the tool tip."""
        words = self.tr("{0} and {1} as they are set here give the same result in either order.").format(first, second)
        self.setToolTip(words)
        self.setAccessibleName(words)

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(max(caption_size() - 1, 9))
        return font

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font())
        return QSize(metrics.horizontalAdvance(self._words) + px(24), metrics.height() + 1)

    @Slot()
    def _restyle(self) -> None:
        self.resize(self.sizeHint())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        palette, painter = self._theme.palette, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pill = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(palette.color("border"), 1))
        painter.setBrush(palette.color("surface"))
        painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        ink = palette.color("muted")
        painter.setPen(QPen(ink, 1.1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        middle, reach, tip = self.height() / 2, self.height() * 0.24, px(2)
        for x, way in ((px(8), -1), (px(13), 1)):
            end = QPointF(x, middle + way * reach)
            painter.drawLine(QPointF(x, middle - way * reach), end)
            painter.drawLine(end, end + QPointF(-tip, -way * tip))
            painter.drawLine(end, end + QPointF(tip, -way * tip))
        painter.setFont(self._font())
        painter.setPen(ink)
        room = QRectF(px(17), 0, self.width() - px(17), self.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, self._words)
