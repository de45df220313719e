"""The ribbon: where along the scored text the models disagree, a bar for every pixel, with the largest under it."""

from __future__ import annotations

import html
import math

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.score_cells import figure, unit
from ntp_studio.ui.score_data import BITS, NOTHING, Floats, Rows, ScoreData
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

HIGH = 0.5  # from this share of the highest on, a bar stands out
MARGIN = 4  # left and right, for the mark of the current row
WIDEST = 12  # pixels of a bar, in a short text


class ScoreRibbon(QWidget):
    """`row_clicked` has a row of the text, from 0: the one with the largest figure under the pointer."""

    row_clicked = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_ribbon")
        self.setAccessibleName(self.tr("Disagreement along the text"))
        self._theme = theme
        self._data: ScoreData | None = None
        self._current = -1
        self._nats = False
        self._bars: QPixmap | None = None
        self._starts: Rows = np.zeros(0, np.intp)  # the first row of every bar
        self._peaks: Floats = np.zeros(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._restyle)

    # -- what it is told -----------------------------------------------------------------------------------------------

    def show_data(self, data: ScoreData) -> None:
        self._data = data
        self._current = -1
        self.refresh()

    def show_unit(self, nats: bool) -> None:
        """In which figures are told; the bars are the same."""
        if nats != self._nats:
            self._nats = nats
            self.update()

    def told(self, bits: float) -> str:
        """A figure with its unit, and with as many decimals as in the table."""
        known = self._data is not None and any(totals is not None for totals in self._data.scored.totals)
        return f"{figure(bits / BITS if self._nats else bits, 3 if known or self._nats else 2)} {unit(self._nats)}"

    def refresh(self) -> None:
        """More of the measure is known."""
        self._aggregate()
        self._bars = None
        self.update()

    def show_current(self, row: int) -> None:
        if row != self._current:
            self._current = row
            self.update()

    # -- bars ----------------------------------------------------------------------------------------------------------

    @property
    def peaks(self) -> Floats:
        """The height of every bar in bits, from the left; NaN where nothing is known."""
        return self._peaks

    def _aggregate(self) -> None:
        count = self._data.count if self._data is not None else 0
        bars = min(count, max(self.width() - 2 * px(MARGIN), 1))
        if self._data is None or not bars:
            self._starts, self._peaks = np.zeros(0, np.intp), np.zeros(0)
            return
        # A row to a bar, or as many as fall on a pixel.
        self._starts = (np.arange(bars) * count) // bars
        self._peaks = np.fmax.reduceat(self._data.measure, self._starts)

    def top(self) -> float:
        """What the highest bar stands for, in bits."""
        finite = self._peaks[np.isfinite(self._peaks)]
        return float(finite.max()) if len(finite) and finite.max() > 0 else 1.0

    def _pitch(self) -> float:
        return min((self.width() - 2 * px(MARGIN)) / max(len(self._starts), 1), float(px(WIDEST)))

    def _x(self, bar: int) -> float:
        return px(MARGIN) + bar * self._pitch()

    def row_at(self, x: float) -> int:
        """The row with the largest figure under a pixel; -1 where there is none."""
        if self._data is None or not len(self._starts):
            return -1
        bar = math.floor((x - px(MARGIN)) / self._pitch())
        if not 0 <= bar < len(self._starts):
            return -1
        first = int(self._starts[bar])
        last = int(self._starts[bar + 1]) if bar + 1 < len(self._starts) else self._data.count
        part = np.nan_to_num(self._data.measure[first:last], nan=-1.0, posinf=np.inf)
        return first + int(np.argmax(part))

    # -- painting ------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(400, px(38) + self._headroom())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, px(38) + self._headroom())

    def _headroom(self) -> int:
        """Above the bars, where it is written what their full height stands for."""
        return QFontMetrics(scaled(self.font(), 0.87)).height() + 1

    def _foot(self) -> int:
        return self.height() - px(7)

    def _draw(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        p = self._theme.palette
        pixmap.fill(p.color("surface"))
        painter = QPainter(pixmap)
        foot, top = self._foot(), self.top()
        heights = np.minimum(np.nan_to_num(self._peaks, nan=0.0, posinf=top) / top, 1.0)
        pitch = self._pitch()
        gap = 1.0 if pitch >= 4 else 0.0
        painter.fillRect(QRectF(px(MARGIN), foot, pitch * len(heights), 1), p.color("border"))
        for name, chosen in (("model", heights < HIGH), ("accent", heights >= HIGH)):
            color = p.color(name)
            rects = [
                QRectF(self._x(i), foot - max(heights[i] * (foot - self._headroom()), 1.0), max(pitch - gap, 1.0), 0)
                for i in np.flatnonzero(chosen & (heights > 0)).tolist()
            ]
            for rect in rects:
                rect.setBottom(foot)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawRects(rects)
        painter.end()
        return pixmap

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._bars is None:
            self._bars = self._draw()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._bars)
        p = self._theme.palette
        if np.any(self._peaks > NOTHING):  # else no bar has a height
            self._paint_top(painter)
        if self._current >= 0 and len(self._starts):
            bar = int(np.searchsorted(self._starts, self._current, side="right")) - 1
            x = self._x(bar) + self._pitch() / 2
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(p.color("text"))
            painter.drawLine(round(x), self._headroom(), round(x), self._foot())
            painter.setBrush(p.color("text"))
            painter.setPen(Qt.PenStyle.NoPen)
            foot, half = self._foot() + 1.0, px(4)
            points = [QPoint(round(x), round(foot)), QPoint(round(x) - half, self.height() - 1)]
            points.append(QPoint(round(x) + half, self.height() - 1))
            painter.drawPolygon(QPolygonF([point.toPointF() for point in points]))
        painter.end()

    def _paint_top(self, painter: QPainter) -> None:
        """What the full height stands for."""
        p, font = self._theme.palette, scaled(self.font(), 0.87)
        words = self.tr("full height {0}").format(self.told(self.top()))
        metrics = QFontMetrics(font)
        width = metrics.horizontalAdvance(words) + px(8)
        rect = QRectF(self.width() - width, 0, width, metrics.height())
        painter.setFont(font)
        painter.setPen(p.color("muted"))
        painter.drawText(rect.adjusted(px(4), 0, -px(4), 0), int(Qt.AlignmentFlag.AlignRight), words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.refresh()

    # -- pointer -------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self.row_at(event.position().x())
        if event.button() == Qt.MouseButton.LeftButton and row >= 0:
            self.row_clicked.emit(row)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self.row_at(event.pos().x())
            if row >= 0 and self._data is not None:
                value = self.told(float(self._data.measure[row]))
                words = f"#{row + 1:,} · {self._data.rows[row].text} · {value}"
                QToolTip.showText(event.globalPos(), f"<qt>{html.escape(words)}</qt>", self)
            return True
        return super().event(event)
