"""The scale of the tokens' colours, from expected to surprising, with what stands at its ends."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.ui.style import caption_size
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_figures import SCALE_ENDS

BAR = 72


class HeatLegend(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("heat_legend")
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._ends = SCALE_ENDS["surprisal"]
        self.show_mode("surprisal")
        theme.changed.connect(self.update)

    def show_mode(self, mode: str) -> None:
        """The scale of this mode; one without a scale leaves the last."""
        self._ends = SCALE_ENDS.get(mode, self._ends)
        self.setAccessibleName(self.tr("Colours from {0} to {1}").format(*self._ends))
        self.updateGeometry()
        self.update()

    def _caption_font(self) -> QFont:
        """Asked for at each use: it follows the application's font."""
        font = QFont(self.font())
        font.setPixelSize(caption_size())
        return font

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._caption_font())
        words = sum(metrics.horizontalAdvance(end) for end in self._ends)
        return QSize(round(words) + BAR + 14, round(metrics.height()) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._caption_font()
        painter.setFont(font)
        palette, metrics = self._theme.palette, QFontMetricsF(font)
        painter.setPen(palette.color("muted"))
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._ends[0])
        left = metrics.horizontalAdvance(self._ends[0]) + 6
        gradient = QLinearGradient(left, 0, left + BAR, 0)
        for i in range(9):
            gradient.setColorAt(i / 8, palette.heat_color(i / 8))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(QRectF(left, self.height() / 2 - 4, BAR, 8), 2, 2)
        painter.setPen(palette.color("muted"))
        rest = QRectF(self.rect()).adjusted(left + BAR + 6, 0, 0, 0)
        painter.drawText(rest, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._ends[1])
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()
            self.update()
