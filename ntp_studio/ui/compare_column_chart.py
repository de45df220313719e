"""The chart of a column of the compare page: that of the main page, with what a column does otherwise."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QRectF, Slot
from PySide6.QtGui import QContextMenuEvent, QFont, QPainter
from PySide6.QtWidgets import QMenu

from ntp_studio.ui.chart import CandidateChart
from ntp_studio.ui.chart_paint import _RIGHT, LOG_TICK_TEXTS, TICK_TEXTS, Columns, RowPainter, Span
from ntp_studio.ui.chart_rows import Row
from ntp_studio.ui.theme import Palette

NARROW = 46  # characters: from this width on a chart has room for the model's own figures beside those after decoding
RANK = "8,888"  # what the ranks' room is for: bars stay where they are when an unlikely token comes up
BEYOND = 10_000.0  # where a column is that is not to be seen
ENDS = 8  # pixels between the first and the last text of the axis
SHARE, NARROW_SHARE = 0.42, 0.53  # the tokens' part of what ranks and figures leave to them and the bars


class ColumnRowPainter(RowPainter):
    """A narrow chart shows one figure for each token, that after decoding: the model's own is the pale bar's, and in
    the card. It does so whatever the column's decoding, so that bars side by side can be held against each other.
    `plain`: decoding changes nothing, and both figures are the model's."""

    def __init__(self, palette: Palette, font: QFont, plain: bool) -> None:
        super().__init__(palette, font)
        self.plain = plain

    def columns(self, width: float, rows: tuple[Row, ...]) -> Columns:
        found = super().columns(width, rows)
        once = width < NARROW * self.metrics.horizontalAdvance("0")
        gap = found.label.x - found.rank.right
        rank = Span(found.rank.x, max(found.rank.width, self.small_mono_metrics.horizontalAdvance(RANK)))
        right = width - found.rank.x if once else found.processed.right
        processed = Span(right - found.processed.width, found.processed.width)
        free = max(processed.x - rank.right - 3 * gap, 2.0)
        share = NARROW_SHARE if once else SHARE
        label = Span(rank.right + gap, round(min(free * share, self.metrics.horizontalAdvance("m" * 15))))
        track = Span(label.right + gap, free - label.width)
        model = replace(found.model, x=BEYOND) if once else found.model
        return Columns(rank, label, track, processed, model)

    def paint_captions(self, p: QPainter, columns: Columns, height: float) -> None:
        if columns.model.x < BEYOND:
            super().paint_captions(p, columns, height)
            return
        caption = QCoreApplication.translate("CandidateChart", "model" if self.plain else "after")
        self._text(p, columns.processed.rect(QRectF(0, 0, 0, height)), caption, self.small, "muted", _RIGHT)

    def paint_axis(self, p: QPainter, columns: Columns, top: float, log: bool) -> None:
        """Where the first and the last text would touch, the last alone: it tells how long a bar can be."""
        first, last = (LOG_TICK_TEXTS[0] if log else TICK_TEXTS[0]), LOG_TICK_TEXTS[-1]
        advance, track = self.small_metrics.horizontalAdvance, columns.track
        if advance(first) + advance(last) + ENDS <= track.width:
            super().paint_axis(p, columns, top, log)
            return
        width = max(track.width, advance(last))
        box = QRectF(track.right - width, top, width, self.caption_height)
        self._text(p, box, last, self.small, "muted", _RIGHT)


class ColumnChart(CandidateChart):
    """Its tokens are taken in every column; stories of the chain are told on the main page."""

    _plain = False

    def show_plain(self, plain: bool) -> None:
        """Whether decoding leaves the model's distribution as it is."""
        if plain != self._plain:
            self._plain = plain
            self._restyle()

    @Slot()
    def _restyle(self) -> None:
        super()._restyle()
        self._painter = ColumnRowPainter(self._theme.palette, self.font(), self._plain)
        self._item.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.accept()
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        selected = next(
            (i for i, r in enumerate(self.rows) if r.candidate and r.candidate.token.id == self.selected), None
        )
        row = selected if by_key else self.row_at(event.pos())
        candidate = self.rows[row].candidate if row is not None else None
        if row is None or candidate is None:
            return
        self.select(candidate.token.id)
        at = self.mapToGlobal(self.row_rect(row).center().toPoint()) if by_key else event.globalPos()
        menu = QMenu(self)
        take = menu.addAction(self.tr("Take it in every column"))
        take.setObjectName("row_force")
        take.triggered.connect(self.force_selected)
        menu.aboutToHide.connect(menu.deleteLater)
        self.card.dismiss()
        menu.popup(at)
