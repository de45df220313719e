"""The draw: the distribution after decoding as one strip, each token as wide as its chance, the chosen one in amber."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ntp_studio.core.types import Candidate, StepFrame
from ntp_studio.ui.candidate_text import choice_caption, choice_explained, explain, explain_others, percent
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.panel_labels import ElidedLabel, caption_font, mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette, Theme

# Neighbours are parted by a gap from this width on; narrower ones would be nothing but gap.
GAP_FROM = 4.0
MARKER = 6.0
MARK_BELOW = 10.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the strip, from `start` to `end` of 1; without a candidate it stands for all the others."""

    candidate: Candidate | None
    start: float
    end: float
    chosen: bool = False


def segments(frame: StepFrame) -> tuple[Segment, ...]:
    """The kept candidates by falling probability after decoding, then the others; under greedy, the top one alone."""
    kept = sorted(
        (c for c in frame.candidates if c.cut_by is None and c.processed_probability > 0.0),
        key=lambda c: (-c.processed_probability, c.token.id),
    )
    if frame.draw.method == "greedy":
        top = frame.choice if frame.origin != "forced" else next(iter(kept), None)
        return (Segment(top, 0.0, 1.0, top.token.id == frame.choice.token.id),) if top is not None else ()
    result = []
    start = 0.0
    for candidate in kept:
        end = min(start + candidate.processed_probability, 1.0)
        result.append(Segment(candidate, start, end, candidate.token.id == frame.choice.token.id))
        start = end
    rest = max(frame.processed_tail_probability, 0.0)
    if rest > 1e-9 and start < 1.0:
        result.append(Segment(None, start, min(start + rest, 1.0)))
    return tuple(result)


def mixed(a: QColor, b: QColor, share: float) -> QColor:
    return QColor(
        round(a.red() + (b.red() - a.red()) * share),
        round(a.green() + (b.green() - a.green()) * share),
        round(a.blue() + (b.blue() - a.blue()) * share),
    )


def luminance(color: QColor) -> float:
    """Relative luminance as WCAG 2 defines it."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def readable_on(ground: QColor, palette: Palette) -> QColor:
    """Whichever of the palette's darkest and lightest text stands out more."""

    def contrast(color: QColor) -> float:
        low, high = sorted((luminance(color), luminance(ground)))
        return (high + 0.05) / (low + 0.05)

    return max((palette.color("text"), palette.color("accent_text"), palette.color("window")), key=contrast)


class _Strip(QWidget):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._frame: StepFrame | None = None
        self.segments: tuple[Segment, ...] = ()
        self._card = HoverCard(theme, self)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def card(self) -> HoverCard:
        return self._card

    def sizeHint(self) -> QSize:
        return QSize(300, round(QFontMetrics(self.font()).height() * 1.7) + 2 * round(MARKER))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def show_frame(self, frame: StepFrame | None) -> None:
        self._frame = frame
        self.segments = segments(frame) if frame else ()
        self._card.dismiss()
        self.update()

    def band(self) -> QRectF:
        return QRectF(0, MARKER, self.width(), self.height() - 2 * MARKER)

    def segment_at(self, x: float) -> Segment | None:
        share = x / max(self.width(), 1)
        return next((s for s in self.segments if s.start <= share < s.end), None)

    def _color(self, segment: Segment, index: int) -> QColor:
        p = self._theme.palette
        if segment.candidate is None:
            return p.color("sunken")
        if segment.chosen:
            return p.color("drawn")
        # Paler with the place in the order, quickly at first, so that neighbours differ.
        return mixed(p.color("accent"), p.color("model"), 1.0 - math.exp(-index / 4.0))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p, band = self._theme.palette, self.band()
        clip = QPainterPath()
        clip.addRoundedRect(band, 4, 4)
        painter.save()
        painter.setClipPath(clip)
        painter.fillRect(band, p.color("sunken"))
        font = mono_like(self.font(), 0.87)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        for index, segment in enumerate(self.segments):
            left, right = segment.start * band.width(), segment.end * band.width()
            # The gap is cut off the right end, so that no segment moves.
            gap = 1.0 if right - left >= GAP_FROM and segment.end < 1.0 else 0.0
            rect = QRectF(left, band.y(), right - left - gap, band.height())
            color = self._color(segment, index)
            painter.fillRect(rect, color)
            label = segment.candidate.token.label if segment.candidate is not None else ""
            needed = min(metrics.horizontalAdvance(label), metrics.horizontalAdvance("mmmmm"))
            if label and rect.width() - 10 >= needed:
                text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, rect.width() - 8)
                painter.setPen(readable_on(color, p))
                flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine
                painter.drawText(rect.adjusted(5, 0, 0, 0), flags, text)
        painter.restore()
        chosen = next((s for s in self.segments if s.chosen), None)
        if chosen is not None and (chosen.end - chosen.start) * band.width() < MARK_BELOW:
            self._paint_marker(painter, (chosen.start + chosen.end) / 2 * band.width(), band)
        painter.end()

    def _paint_marker(self, painter: QPainter, x: float, band: QRectF) -> None:
        """Points at a chosen token that is hard to see. In amber: it marks the token, not a number that was drawn."""
        x = min(max(x, 4.0), band.width() - 4.0)
        color = self._theme.palette.color("drawn")
        painter.setPen(QPen(color, 2.0))
        painter.drawLine(QPointF(x, band.top()), QPointF(x, band.bottom() + 4))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawPolygon(QPolygonF([QPointF(x - 4, 0), QPointF(x + 4, 0), QPointF(x, MARKER)]))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        segment = self.segment_at(event.position().x())
        if segment is None or self._frame is None:
            self._card.dismiss()
            return
        if segment.candidate is None:
            frame = self._frame
            words = explain_others(
                frame.others, frame.tail_probability, frame.processed_tail_probability, frame.whole_vocabulary
            )
        else:
            words = explain(segment.candidate, self._frame)
        sentence = choice_explained(self._frame.draw)[0]
        lines = (*words.lines, (self.tr("the draw"), sentence))
        self._card.show_at(replace(words, lines=lines, hint=""), event.globalPosition().toPoint(), beside=True)

    def leaveEvent(self, event: QEvent) -> None:
        self._card.dismiss()


class DrawStrip(QWidget):
    """The strip under its caption: how the token was chosen, and which one it is."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("draw_strip")
        self._theme = theme
        self._title = ElidedLabel(parent=self)
        self._caption = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self._caption.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._token = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self.strip = _Strip(theme, self)
        self._title.setText(self.tr("THE DRAW"))
        self._title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout()
        row.setSpacing(5)
        row.addWidget(self._title)
        row.addStretch(1)
        row.addWidget(self._caption)
        row.addWidget(self._token)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.strip)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def caption(self) -> str:
        return f"{self._caption.text()} {self._token.text()}"

    def show_frame(self, frame: StepFrame | None) -> None:
        """None empties the strip."""
        self.strip.show_frame(frame)
        if frame is None:
            self._caption.setText("")
            self._token.setText("")
            self.setAccessibleName(self.tr("The draw"))
            self._explain("")
            return
        self._caption.setText(f"{choice_caption(frame.draw, frame.origin, frame.step == 0)} →")
        self._explain("\n".join(choice_explained(frame.draw)))
        self._token.setText(frame.choice.token.label)
        self._fit_token()
        self.setAccessibleName(self.tr("The draw: {caption}").format(caption=self.caption))
        parts = [
            f"{s.candidate.token.label} {percent(s.candidate.processed_probability)}"
            for s in self.strip.segments[:10]
            if s.candidate and frame.draw.method == "race"
        ]
        self.setAccessibleDescription(", ".join(parts))

    def _fit_token(self) -> None:
        """The token is what matters most in this line, the words before it give way first."""
        needed = self._token.sizeHint().width()
        self._token.setMinimumWidth(min(needed, px(80)))
        self._token.setMaximumWidth(px(160))

    def _explain(self, words: str) -> None:
        for label in (self._title, self._caption, self._token):
            label.setToolTip(words)

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._title.setFont(caption_font(self.font()))
        self._title.set_color(p.color("muted"))
        self._caption.setFont(scaled(self.font(), 0.9))
        self._caption.set_color(p.color("muted"))
        self._token.setFont(mono_like(self.font(), weight=QFont.Weight.Bold))
        self._token.set_color(p.color("drawn_text"))
        self._fit_token()
        self.strip.updateGeometry()
        self.strip.update()
