"""The slider over the snapshots of a training: a tick for each, at its step."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSlider, QToolTip, QWidget

from ntp_studio.time_lapse_messages import SnapshotMark
from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.time_lapse_scale import nearest, places, short_step

EDGE = 12.0  # pixels left free at both ends, where nothing says otherwise


class SnapshotSlider(QSlider):
    """`value` is the snapshot that a person wants; `shown` the one that the text is read with."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("snapshot_slider")
        self.setAccessibleName(self.tr("Snapshot of the training"))
        self._theme = theme
        self._marks: tuple[SnapshotMark, ...] = ()
        self._places: list[float] = []
        self._problems: dict[int, str] = {}
        self._even = False
        self._span: tuple[float, float] | None = None
        self._shown = 0
        self.setPageStep(3)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.valueChanged.connect(self._describe)
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_marks(self, marks: Sequence[SnapshotMark], current: int) -> None:
        self._marks = tuple(marks)
        self._problems = {}
        self._shown = current
        self.blockSignals(True)
        self.setRange(0, max(len(marks) - 1, 0))
        self.setValue(current)
        self.blockSignals(False)
        self._lay_out()
        self._describe()

    def show_problems(self, problems: dict[int, str]) -> None:
        """Snapshots that cannot be opened, with the reason."""
        if problems != self._problems:
            self._problems = problems
            self.update()

    def show_current(self, index: int, *, move: bool = True) -> None:
        """The text is read with this one now. The handle goes there (nobody is told), unless it is wanted elsewhere."""
        self._shown = index
        if move:
            self.blockSignals(True)
            self.setValue(index)
            self.blockSignals(False)
        self._describe()
        self.update()

    @property
    def places(self) -> list[float]:
        """Of the ticks, from 0 to 1."""
        return self._places

    def _get_even(self) -> bool:
        return self._even

    def _set_even(self, even: bool) -> None:
        self._even = even
        self._lay_out()

    even = property(_get_even, _set_even)

    def set_span(self, left: float, right: float) -> None:
        """Where 0 and 1 are, in pixels, so that the ticks stand under the chart above."""
        self._span = left, right
        self.update()

    def _lay_out(self) -> None:
        self._places = places([mark.step for mark in self._marks], self._even)
        self.update()

    def x_of(self, index: int) -> float:
        left, right = self._span or (EDGE, self.width() - EDGE)
        return left + self._places[index] * (right - left)

    def index_at(self, x: float) -> int:
        left, right = self._span or (EDGE, self.width() - EDGE)
        return nearest(self._places, (x - left) / max(right - left, 1.0))

    @Slot()
    def _describe(self) -> None:
        if self._marks:
            self.setAccessibleDescription(self.words(self.value()))

    def words(self, index: int) -> str:
        """A snapshot in words: its step, what it has learned, why it cannot be opened."""
        mark = self._marks[index]
        parts = [self.tr("final weights") if mark.step is None else self.tr("step {0}").format(f"{mark.step:,}")]
        if mark.bits_per_byte is not None:
            parts.append(self.tr("held-out {0} bits/byte").format(f"{mark.bits_per_byte:.2f}"))
        elif mark.held_out_loss is not None:
            parts.append(self.tr("held-out loss {0} nats/token").format(f"{mark.held_out_loss:.2f}"))
        if index in self._problems:
            parts.append(self._problems[index])
        return " · ".join(parts)

    # -- what a person does --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._places:
            self.setSliderDown(True)
            self.setValue(self.index_at(event.position().x()))
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown() and self._places:
            self.setValue(self.index_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._places:
            words = self.words(self.index_at(event.pos().x()))
            QToolTip.showText(event.globalPos(), f"<qt>{html.escape(words)}</qt>", self)
            return True
        return super().event(event)

    # -- painting ------------------------------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        self.setFixedHeight(px(20) + caption_size() + 4)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._places:
            return
        palette, middle, handle = self._theme.palette, px(9), float(px(12))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first, last = self.x_of(0), self.x_of(len(self._places) - 1)
        place = self.x_of(self.value())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("cut" if palette.name == "light" else "border"))
        painter.drawRoundedRect(QRectF(first - 4, middle - 2, last - first + 8, 4), 2, 2)
        painter.setBrush(palette.color("accent"))
        painter.drawRoundedRect(QRectF(first - 4, middle - 2, place - first + 4, 4), 2, 2)
        for index in range(len(self._places)):
            x = self.x_of(index)
            broken = index in self._problems
            painter.setPen(QPen(palette.color("error" if broken else "muted"), 1.2))
            painter.setBrush(palette.color("surface"))
            if broken:
                painter.drawLine(QPointF(x - 3, middle - 3), QPointF(x + 3, middle + 3))
                painter.drawLine(QPointF(x - 3, middle + 3), QPointF(x + 3, middle - 3))
            else:
                painter.drawEllipse(QPointF(x, middle), 2.6, 2.6)
        self._paint_labels(painter, middle + handle / 2 + 2)
        if self.value() != self._shown:  # still there, while the other is being read
            painter.setPen(QPen(palette.color("accent", 130), 2))
            painter.setBrush(palette.color("surface"))
            painter.drawEllipse(QPointF(self.x_of(self._shown), middle), handle * 0.35, handle * 0.35)
        if self.hasFocus():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent", 70))
            painter.drawEllipse(QPointF(place, middle), handle * 0.75, handle * 0.75)
        painter.setPen(QPen(palette.color("accent"), 2))
        painter.setBrush(palette.color("accent" if self.isSliderDown() else "surface"))
        painter.drawEllipse(QPointF(place, middle), handle * 0.46, handle * 0.46)
        painter.end()

    def _paint_labels(self, painter: QPainter, top: float) -> None:
        """The steps under their ticks, as many as fit: the wanted one first, then the ends, then from the right, where
        they stand closest."""
        font = QFont(self.font())
        font.setPixelSize(caption_size())
        metrics = QFontMetricsF(font)
        taken: list[tuple[float, float]] = []
        count = len(self._places)
        order = dict.fromkeys((self.value(), count - 1, 0, *range(count - 1, -1, -1)))
        for index in order:
            words = short_step(self._marks[index].step)
            width = metrics.horizontalAdvance(words)
            left = min(max(self.x_of(index) - width / 2, 0.0), self.width() - width)
            if any(left < b + 8 and left + width > a - 8 for a, b in taken):
                continue
            taken.append((left, left + width))
            current = index == self.value()
            font.setBold(current)
            painter.setFont(font)
            painter.setPen(self._theme.palette.color("link" if current else "muted"))
            box = QRectF(left - 4, top, width + 8, metrics.height() + 1)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, words)
