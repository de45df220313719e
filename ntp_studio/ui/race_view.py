"""The race on lanes, at the moment when the first token arrives: solid how far each has come, pale how far it would be
with average luck."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import DASH, choice_explained, explain
from ntp_studio.ui.chart_paint import Span
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.race_lanes import Lane, course, lanes
from ntp_studio.ui.theme import Theme

MOST_LANES, FEWEST_LANES = 8, 2
WIDE = 330.0  # from this width on there is a column for the luck

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


def time_figure(time: float) -> str:
    """A waiting time in a few characters: `0.314`, `12.4`, `1,204`; `<0.001` for a hair's breadth."""
    if not math.isfinite(time):
        return DASH
    if time < 0.0005:
        return "<0.001" if time > 0 else "0"
    if time >= 99.95:
        return f"{time:,.0f}" if time < 99_999.5 else f"{time:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{time:.3f}" if time < 9.9995 else f"{time:.1f}"


@dataclass(frozen=True, slots=True)
class _Columns:
    label: Span
    track: Span
    luck: Span | None
    time: Span


class RaceView(QWidget):
    """As many lanes as `lane_count` says, the first arrivals from the top."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("race_view")
        self._theme = theme
        self._frame: StepFrame | None = None
        self._count = 5
        self.lanes: tuple[Lane, ...] = ()
        self._card = HoverCard(theme, self)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("The race, the first arrivals"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.refit()

    @property
    def card(self) -> HoverCard:
        return self._card

    @property
    def lane_count(self) -> int:
        return self._count

    @lane_count.setter
    def lane_count(self, count: int) -> None:
        count = min(max(count, FEWEST_LANES), MOST_LANES)
        if count != self._count:
            self._count = count
            self.show_frame(self._frame)
            self.refit()

    def show_frame(self, frame: StepFrame | None) -> None:
        self._frame = frame
        self.lanes = lanes(frame, self._count) if frame is not None else ()
        self._card.dismiss()
        self.setAccessibleDescription(", ".join(f"{n.candidate.token.label} {time_figure(n.time)}" for n in self.lanes))
        self.update()

    # -- geometry ------------------------------------------------------------------------------------------------------

    def _mono(self, *, bold: bool = False) -> QFont:
        return mono_like(self.font(), 0.92, QFont.Weight.Bold if bold else None)

    def _small(self) -> QFont:
        return scaled(self.font(), 0.85)

    @property
    def lane_height(self) -> int:
        return math.ceil(QFontMetricsF(self._mono()).height()) + 3

    @property
    def _caption_height(self) -> int:
        return math.ceil(QFontMetricsF(self._small()).height()) + 1

    @Slot()
    def refit(self) -> None:
        self.setFixedHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, self._caption_height + self._count * self.lane_height)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def lane_rect(self, index: int) -> QRectF:
        return QRectF(0, self._caption_height + index * self.lane_height, self.width(), self.lane_height)

    def _columns(self) -> _Columns:
        metrics = QFontMetricsF(self._mono())
        width, gap, pad = float(self.width()), 8.0, 5.0
        time = metrics.horizontalAdvance("99,999")
        luck = metrics.horizontalAdvance("<0.001") if width >= WIDE else 0.0
        free = max(width - 2 * pad - time - 2 * gap - (luck + gap if luck else 0.0), 60.0)
        label = min(max(round(free * 0.36), 40), round(metrics.horizontalAdvance("m" * 13)))
        track = free - label
        x = pad + label + gap
        after = x + track + gap
        return _Columns(
            Span(pad, label),
            Span(x, track),
            Span(after, luck) if luck else None,
            Span(after + (luck + gap if luck else 0.0), time),
        )

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.lanes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        columns, length = self._columns(), course(self.lanes)
        self._paint_captions(painter, columns)
        for index, lane in enumerate(self.lanes):
            self._paint_lane(painter, lane, self.lane_rect(index), columns, length)
        finish = columns.track.x + columns.track.width / length
        painter.setPen(QPen(self._theme.palette.color("drawn_text"), 1.5))
        top, bottom = self._caption_height + 1.0, self.lane_rect(len(self.lanes) - 1).bottom() - 1
        painter.drawLine(QPointF(finish - 0.75, top), QPointF(finish - 0.75, bottom))
        painter.end()

    def _paint_captions(self, p: QPainter, columns: _Columns) -> None:
        p.setFont(self._small())
        p.setPen(self._theme.palette.color("muted"))
        row = QRectF(0, 0, self.width(), self._caption_height)
        p.drawText(columns.time.rect(row), _RIGHT, self.tr("time"))
        if columns.luck is not None:
            p.drawText(columns.luck.rect(row), _RIGHT, self.tr("luck"))
        room = columns.track.right - columns.label.x
        metrics = QFontMetricsF(self._small())
        texts = (
            self.tr("where each is when the first arrives · pale: with average luck"),
            self.tr("when the first arrives · pale: average luck"),
            self.tr("pale: with average luck"),
            self.tr("pale: average luck"),
        )
        text = next((t for t in texts if metrics.horizontalAdvance(t) <= room), texts[-1])
        p.drawText(QRectF(columns.label.x, 0, room, row.height()), _LEFT, text)

    def _paint_lane(self, p: QPainter, lane: Lane, rect: QRectF, columns: _Columns, length: float) -> None:
        c = self._theme.palette
        p.setPen(Qt.PenStyle.NoPen)
        if lane.chosen:
            p.setBrush(c.color("drawn_soft"))
            p.drawRoundedRect(rect.adjusted(0, 0.5, 0, -0.5), 4, 4)
        if lane.taken:
            p.setPen(QPen(c.color("drawn"), 1.4, Qt.PenStyle.DashLine))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 4, 4)
            p.setPen(Qt.PenStyle.NoPen)
        track = columns.track.rect(rect).adjusted(0, 3, 0, -3)
        p.setBrush(c.color("sunken"))
        p.drawRoundedRect(track, 3, 3)
        pale = QRectF(track.x(), track.y(), track.width() * min(lane.average / length, 1.0), track.height())
        self._bar(p, pale, "model")
        inset = max(round(track.height() * 0.22), 2)
        solid = QRectF(track.x(), track.y(), track.width() * lane.way / length, track.height())
        self._bar(p, solid.adjusted(0, inset, 0, -inset), "drawn" if lane.chosen else "accent")
        font = self._mono(bold=lane.chosen)
        p.setFont(font)
        p.setPen(c.color("drawn_text" if lane.chosen else "text"))
        label = columns.label.rect(rect)
        metrics = QFontMetricsF(font)
        text = metrics.elidedText(lane.candidate.token.label, Qt.TextElideMode.ElideMiddle, label.width())
        p.drawText(label, _LEFT, text)
        p.drawText(columns.time.rect(rect), _RIGHT, time_figure(lane.time))
        if columns.luck is not None:
            p.setFont(self._mono())
            p.setPen(c.color("muted"))
            p.drawText(columns.luck.rect(rect), _RIGHT, time_figure(lane.candidate.noise))

    def _bar(self, p: QPainter, rect: QRectF, color: str) -> None:
        # A hairline at least: whoever runs has left the start.
        rect.setWidth(max(rect.width(), 1.0))
        radius = min(3.0, rect.width() / 3, rect.height() / 2)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(self._theme.palette.color(color))
        p.drawRoundedRect(rect, radius, radius)

    # -- explaining ----------------------------------------------------------------------------------------------------

    def lane_at(self, y: float) -> Lane | None:
        index = math.floor((y - self._caption_height) / self.lane_height)
        return self.lanes[index] if 0 <= index < len(self.lanes) else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        lane, frame = self.lane_at(event.position().y()), self._frame
        if lane is None or frame is None:
            self._card.dismiss()
            return
        words = explain(lane.candidate, frame)
        average = self.tr("1 ÷ {p} = {time}").format(
            p=f"{lane.candidate.processed_probability:.4g}", time=f"{1 / lane.candidate.processed_probability:.4g}"
        )
        more = ((self.tr("on average"), average), (self.tr("the draw"), choice_explained(frame.draw)[0]))
        words = replace(words, lines=(*words.lines, *more), hint="")
        self._card.show_at(words, event.globalPosition().toPoint(), beside=True)

    def leaveEvent(self, event: QEvent) -> None:
        self._card.dismiss()
