"""How a row of the chart looks: columns, bars, hatches, tags. Holds fonts and colours only; the chart owns the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from ntp_studio.ui.candidate_text import above_label, cut_label, number, others_label, percent, processed_percent
from ntp_studio.ui.chart_rows import Row
from ntp_studio.ui.draw_overlay import Draws, paint_mark
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.theme import Palette

# The log scale begins here: a ten-thousandth. What is less likely has no bar, only its figure.
LOG_DECADES = 4
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
LOG_TICKS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
LOG_TICK_TEXTS = ("0.01", "0.1", "1", "10", "100%")
TICK_TEXTS = ("0", "25", "50", "75", "100%")

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_CENTER = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


def position(probability: float, log: bool) -> float:
    """Where a probability lies on the axis, 0 to 1."""
    if math.isnan(probability) or probability <= 0.0:
        return 0.0
    if log:
        probability = 1.0 + math.log10(probability) / LOG_DECADES
    return min(max(probability, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Span:
    """A column: its left edge and width in pixels."""

    x: float
    width: float

    @property
    def right(self) -> float:
        return self.x + self.width

    def rect(self, row: QRectF) -> QRectF:
        return QRectF(self.x, row.y(), self.width, row.height())


@dataclass(frozen=True, slots=True)
class Columns:
    rank: Span
    label: Span
    track: Span
    processed: Span
    model: Span


class RowPainter:
    """Paints rows with one palette and one font size."""

    def __init__(self, palette: Palette, font: QFont) -> None:
        self.palette = palette
        self.font = font
        self.mono = mono_like(font)
        self.mono_bold = mono_like(font, weight=QFont.Weight.Bold)
        self.mono_italic = mono_like(font)
        self.mono_italic.setItalic(True)
        self.small_mono = mono_like(font, 0.87)
        self.small = scaled(font, 0.85)
        self.metrics = QFontMetricsF(self.mono)
        self.bold_metrics = QFontMetricsF(self.mono_bold)
        self.small_metrics = QFontMetricsF(self.small)
        self.small_mono_metrics = QFontMetricsF(self.small_mono)

    @property
    def row_height(self) -> int:
        return max(round(self.metrics.height()) + 11, 22)

    @property
    def caption_height(self) -> int:
        return math.ceil(self.small_metrics.height()) + 3

    def columns(self, width: float, rows: tuple[Row, ...]) -> Columns:
        """The columns for a chart `width` pixels wide. They depend on the rows only where a rank has many digits, so
        that bars keep their place from one step to the next."""
        pad, gap = 6.0, 8.0 if width >= 330 else 5.0
        widest = max((len(number(r.candidate.rank)) for r in rows if r.candidate), default=2)
        rank = self.small_mono_metrics.horizontalAdvance("8" * max(widest, 2))
        processed = self.metrics.horizontalAdvance("<0.01%")
        model = self.small_mono_metrics.horizontalAdvance("<0.01%")
        free = max(width - 2 * pad - 4 * gap - rank - processed - model, 60.0)
        share = 0.42 if width >= 330 else 0.47
        label = round(min(max(free * share, 44.0), self.metrics.horizontalAdvance("m" * 15)))
        track = free - label
        x = pad
        spans = []
        for span in (rank, float(label), track, processed, model):
            spans.append(Span(x, span))
            x += span + gap
        return Columns(*spans)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def paint_row(
        self, p: QPainter, row: Row, rect: QRectF, columns: Columns, log: bool, pending: bool, hovered: bool
    ) -> None:
        c = self.palette
        words = self._tags_width(row, columns.track.width) if not pending or row.forced else 0.0
        if words:
            # The lines of the grid end where words stand on the track.
            p.fillRect(QRectF(columns.track.right - words - 6, rect.y(), words + 6, rect.height()), c.color("surface"))
        if row.chosen:
            self._rounded(p, rect.adjusted(0, 1, 0, -1), 5, c.color("drawn_soft"))
        elif hovered:
            self._rounded(p, rect.adjusted(0, 1, 0, -1), 5, c.color("accent_soft"))
        if row.forced:
            pen = QPen(c.color("drawn"), 1.0, Qt.PenStyle.DashLine)
            self._outline(p, rect.adjusted(0.5, 1.5, -0.5, -1.5), 5, pen)
        track = self._track(columns, rect)
        self._rounded(p, track, 3, c.color("sunken") if not (hovered and not row.chosen) else c.color("surface"))
        if row.candidate is None:
            self._paint_others(p, row, rect, track, columns, log, pending)
            return
        cut = row.candidate.cut_by is not None
        if not pending:
            self._paint_bars(p, row, track, log, cut)
        self._paint_tags(p, row, track, log, pending)
        self._paint_label(p, row, columns.label.rect(rect), cut)
        self._text(p, columns.rank.rect(rect), number(row.candidate.rank), self.small_mono, "muted", _RIGHT)
        processed = "…" if pending else processed_percent(row.candidate)
        color = "muted" if cut or pending else ("drawn_text" if row.chosen else "text")
        font = self.mono_bold if row.chosen else self.mono
        self._text(p, columns.processed.rect(rect), processed, font, color, _RIGHT)
        model = "…" if pending else percent(row.probability)
        self._text(p, columns.model.rect(rect), model, self.small_mono, "muted", _RIGHT)

    @staticmethod
    def _track(columns: Columns, rect: QRectF) -> QRectF:
        height = max(round(rect.height() * 0.52), 10)
        return QRectF(columns.track.x, round(rect.center().y() - height / 2), columns.track.width, height)

    def _paint_bars(self, p: QPainter, row: Row, track: QRectF, log: bool, cut: bool) -> None:
        c = self.palette
        model = self._bar(track, position(row.probability, log))
        self._rounded(p, model, 3, c.color("cut" if cut else "model"))
        if not cut and row.processed_probability > 0.0:
            inset = max(round(track.height() * 0.22), 2)
            solid = self._bar(track, position(row.processed_probability, log)).adjusted(0, inset, 0, -inset)
            self._rounded(p, solid, 3, c.color("drawn" if row.chosen else "accent"))

    def _paint_others(
        self, p: QPainter, row: Row, rect: QRectF, track: QRectF, columns: Columns, log: bool, pending: bool
    ) -> None:
        c = self.palette
        if not pending:
            self._hatched(p, self._bar(track, position(row.probability, log)), c.color("faint"), c.color("sunken"))
            inset = max(round(track.height() * 0.22), 2)
            solid = self._bar(track, position(row.processed_probability, log)).adjusted(0, inset, 0, -inset)
            if row.processed_probability > 0.0:
                self._hatched(p, solid, c.color("accent"), c.color("model"))
        left = QRectF(columns.rank.x, rect.y(), columns.label.right - columns.rank.x, rect.height())
        label = above_label(row.count) if row.above else others_label(row.count)
        font = self.mono
        if self.metrics.horizontalAdvance(label) > left.width():
            font = self.small
        text = QFontMetricsF(font).elidedText(label, Qt.TextElideMode.ElideRight, left.width())
        self._text(p, left, text, font, "muted", _RIGHT)
        processed = "…" if pending else percent(row.processed_probability)
        model = "…" if pending else percent(row.probability)
        self._text(p, columns.processed.rect(rect), processed, self.mono, "muted", _RIGHT)
        self._text(p, columns.model.rect(rect), model, self.small_mono, "muted", _RIGHT)

    def _paint_tags(self, p: QPainter, row: Row, track: QRectF, log: bool, pending: bool) -> None:
        """Words at the right end of the track: `forced`, and what cut the token."""
        assert row.candidate is not None
        right = track.right() - 3
        if row.forced:
            right = self._pill(p, QCoreApplication.translate("CandidateChart", "forced"), right, track) - 4
        cut = cut_label(row.candidate)
        if not cut or pending:
            return
        room = right - track.x() - 3
        text = self.small_metrics.elidedText(cut, Qt.TextElideMode.ElideRight, room)
        if room > self.small_metrics.horizontalAdvance("mmm"):
            rect = QRectF(track.x() + 3, track.y(), room, track.height())
            covered = self._bar(track, position(row.probability, log)).right()
            over_bar = covered > right - self.small_metrics.horizontalAdvance(text)
            # Muted text keeps its contrast on the track, not on the bar of a token that was likely and still cut.
            self._text(p, rect, text, self.small, "text" if over_bar else "muted", _RIGHT)

    def _tags_width(self, row: Row, track: float) -> float:
        """How much of the right end of the track words take, 0 if none."""
        if row.candidate is None or not (row.forced or row.candidate.cut_by is not None):
            return 0.0
        width = self.small_metrics.horizontalAdvance(cut_label(row.candidate)) + 6
        if row.forced:
            width += self.small_metrics.horizontalAdvance(QCoreApplication.translate("CandidateChart", "forced")) + 14
        return min(width, track - 6)

    def _pill(self, p: QPainter, text: str, right: float, track: QRectF) -> float:
        """Returns its left edge."""
        width = self.small_metrics.horizontalAdvance(text) + 10
        rect = QRectF(right - width, track.y() - 1, width, track.height() + 2)
        self._rounded(p, rect, rect.height() / 2, self.palette.color("drawn_soft"))
        self._outline(p, rect.adjusted(0.5, 0.5, -0.5, -0.5), rect.height() / 2, QPen(self.palette.color("drawn"), 1.0))
        self._text(p, rect, text, self.small, "drawn_text", _CENTER)
        return rect.x()

    def _paint_label(self, p: QPainter, row: Row, rect: QRectF, cut: bool) -> None:
        assert row.candidate is not None
        token = row.candidate.token
        color = "drawn_text" if row.chosen else "muted" if cut else "text"
        font, metrics = (self.mono_bold, self.bold_metrics) if row.chosen else (self.mono, self.metrics)
        if token.special:
            self._paint_special(p, token.label, rect, color)
            return
        text = token.label
        if metrics.horizontalAdvance(text) > rect.width():
            text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, rect.width())
        if text.startswith("·") and len(text) > 1:
            # The sign for a space is paler than the letters, so that words stay easy to read.
            self._text(p, rect, "·", font, color if row.chosen else "muted", _LEFT)
            step = metrics.horizontalAdvance("·")
            self._text(p, rect.adjusted(step, 0, 0, 0), text[1:], font, color, _LEFT)
            return
        self._text(p, rect, text, font, color, _LEFT)

    def _paint_special(self, p: QPainter, label: str, rect: QRectF, color: str) -> None:
        """A special token is no text: it stands in a box, in italics."""
        metrics = QFontMetricsF(self.small_mono)
        text = metrics.elidedText(label, Qt.TextElideMode.ElideMiddle, rect.width() - 8)
        width = min(metrics.horizontalAdvance(text) + 8, rect.width())
        height = round(metrics.height()) + 2
        box = QRectF(rect.x(), round(rect.center().y() - height / 2), width, height)
        self._rounded(p, box, 3, self.palette.color("sunken"))
        self._outline(p, box.adjusted(0.5, 0.5, -0.5, -0.5), 3, QPen(self.palette.color("faint"), 1.0))
        font = QFont(self.small_mono)
        font.setItalic(True)
        self._text(p, box.adjusted(4, 0, 0, 0), text, font, color, _LEFT)

    def paint_draws(
        self, p: QPainter, draws: Draws, row: Row, rows: tuple[Row, ...], rect: QRectF, columns: Columns, log: bool
    ) -> None:
        """How often the row's token came up in many draws. A token that cannot be drawn has no mark."""
        if row.processed_probability <= 0.0:
            return
        track = self._track(columns, rect)
        share, error = draws.share(draws.of_row(row, rows)), draws.error(row.processed_probability)
        at, low, high = (track.x() + position(v, log) * track.width() for v in (share, share - error, share + error))
        paint_mark(p, self.palette, track, at, low, high)

    # -- around the rows -----------------------------------------------------------------------------------------------

    def paint_captions(self, p: QPainter, columns: Columns, height: float) -> None:
        translate = QCoreApplication.translate
        area = QRectF(0, 0, 0, height)
        for span, text in (
            (columns.processed, translate("CandidateChart", "after")),
            (columns.model, translate("CandidateChart", "model")),
        ):
            self._text(p, span.rect(area), text, self.small, "muted", _RIGHT)

    def paint_grid(self, p: QPainter, columns: Columns, top: float, bottom: float, log: bool) -> None:
        """Faint lines at the ticks, behind the rows."""
        p.setPen(QPen(self.palette.color("border"), 1.0))
        for tick in (LOG_TICKS if log else TICKS)[1:-1]:
            x = round(columns.track.x + position(tick, log) * columns.track.width) + 0.5
            p.drawLine(QPointF(x, top), QPointF(x, bottom))

    def paint_axis(self, p: QPainter, columns: Columns, top: float, log: bool) -> None:
        """Tick texts beneath the tracks; those for which there is no room are left out."""
        texts = LOG_TICK_TEXTS if log else TICK_TEXTS
        width = self.small_metrics.horizontalAdvance("100%")
        ticks = LOG_TICKS if log else TICKS
        # The last text ends at its tick, the one before is centred on its own.
        room = columns.track.width - 1.5 * width - 6
        every = next((n for n in (1, 2) if columns.track.width * (1 - n / 4) <= room), 4)
        for index in range(0, len(ticks), every):
            x = columns.track.x + position(ticks[index], log) * columns.track.width
            align = _LEFT if index == 0 else _RIGHT if index == len(ticks) - 1 else _CENTER
            left = x if index == 0 else x - 2 * width if index == len(ticks) - 1 else x - width
            rect = QRectF(left, top, 2 * width, self.caption_height)
            self._text(p, rect, texts[index], self.small, "muted", align)

    def paint_separator(self, p: QPainter, y: float, width: float, dashed: bool) -> None:
        style = Qt.PenStyle.DotLine if dashed else Qt.PenStyle.SolidLine
        p.setPen(QPen(self.palette.color("border"), 1.0, style))
        p.drawLine(QPointF(6, y + 0.5), QPointF(width - 6, y + 0.5))

    def paint_ring(self, p: QPainter, rect: QRectF) -> None:
        self._outline(p, rect.adjusted(1, 1, -1, -1), 5, QPen(self.palette.color("accent"), 2.0))

    # -- shapes --------------------------------------------------------------------------------------------------------

    @staticmethod
    def _bar(track: QRectF, share: float) -> QRectF:
        # A hairline at least: a token with some probability must not look like one with none.
        width = max(share * track.width(), 1.0) if share > 0.0 else 0.0
        return QRectF(track.x(), track.y(), width, track.height())

    @staticmethod
    def _rounded(p: QPainter, rect: QRectF, radius: float, color: QColor) -> None:
        if rect.width() <= 0.0:
            return
        radius = min(radius, rect.width() / 3, rect.height() / 2)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(color)
        p.drawRoundedRect(rect, radius, radius)

    @staticmethod
    def _outline(p: QPainter, rect: QRectF, radius: float, pen: QPen) -> None:
        p.setPen(pen)
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawRoundedRect(rect, radius, radius)

    @staticmethod
    def _hatched(p: QPainter, rect: QRectF, line: QColor, ground: QColor) -> None:
        """Slanted stripes, drawn as lines: a Qt pattern brush keeps its device pixels and vanishes on dense screens."""
        if rect.width() <= 0.0:
            return
        radius = min(3.0, rect.width() / 2, rect.height() / 2)
        path = QPainterPath()
        path.addRoundedRect(rect, radius, radius)
        p.save()
        p.setClipPath(path, Qt.ClipOperation.IntersectClip)
        p.fillRect(rect, ground)
        p.setPen(QPen(line, 2.0))
        x = rect.x() - rect.height()
        while x < rect.right():
            p.drawLine(QPointF(x, rect.bottom()), QPointF(x + rect.height(), rect.top()))
            x += 7.0
        p.restore()

    def _text(self, p: QPainter, rect: QRectF, text: str, font: QFont, color: str, flags: int) -> None:
        p.setFont(font)
        p.setPen(self.palette.color(color))
        p.drawText(rect, flags, text)
