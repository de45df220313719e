"""The bars of the next token while a model learns: what it gives now, over what it gave before its first update."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import percent
from ntp_studio.ui.chart_paint import RowPainter
from ntp_studio.ui.chart_rows import Row
from ntp_studio.ui.theme import Theme

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class PromptBars(QWidget):
    """As many of a frame's candidates as fit, and one row for all the others. A pale bar behind, with a column of its
    own, where a base is given."""

    def __init__(self, theme: Theme, now: str, before: str, parent: QWidget | None = None) -> None:
        """`now` and `before` head the two columns of figures."""
        super().__init__(parent)
        self.setObjectName("prompt_bars")
        self._theme = theme
        self._captions = (now, before)
        self._frame: StepFrame | None = None
        self._base: tuple[float, ...] = ()
        self._log = False
        self._painter = RowPainter(theme.palette, self.font())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Next-token probabilities after the prompt"))
        theme.changed.connect(self._restyle)

    def show_frame(self, frame: StepFrame | None, base: tuple[float, ...] = ()) -> None:
        """`base[i]` belongs to candidate i; without a base, its column is left out."""
        self._frame, self._base = frame, base
        rows = self.rows()
        self.setAccessibleDescription(", ".join(self._words(row) for row in rows[:5]))
        self.update()

    def set_captions(self, now: str, before: str) -> None:
        self._captions = (now, before)
        self.show_frame(self._frame, self._base)

    @property
    def frame(self) -> StepFrame | None:
        return self._frame

    @property
    def base(self) -> tuple[float, ...]:
        return self._base

    def set_log(self, log: bool) -> None:
        """Make small probabilities seen."""
        self._log = log
        self.update()

    def rows(self) -> tuple[Row, ...]:
        """From the top: `processed_probability` is the present one, `probability` the base's."""
        frame = self._frame
        if frame is None:
            return ()
        shown = frame.candidates[: max(self._capacity() - 1, 1)]
        base = self._base or tuple(c.probability for c in shown)
        rows = [
            Row(replace(c, processed_probability=c.probability, cut_by=None), 1, b, c.probability)
            for c, b in zip(shown, base, strict=False)
        ]
        others = frame.vocab_size - len(shown)
        if others > 0:
            now = max(1.0 - math.fsum(c.probability for c in shown), 0.0)
            before = max(1.0 - math.fsum(base[: len(shown)]), 0.0)
            rows.append(Row(None, others, before, now))
        return tuple(rows)

    def _capacity(self) -> int:
        return max((self.height() - 2 * self._painter.caption_height) // self._painter.row_height, 3)

    def sizeHint(self) -> QSize:
        painter = self._painter
        return QSize(420, painter.row_height * 9 + 2 * painter.caption_height)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self._painter.row_height * 4 + 2 * self._painter.caption_height)

    def _row_rect(self, index: int) -> QRectF:
        painter = self._painter
        return QRectF(0, painter.caption_height + index * painter.row_height, self.width(), painter.row_height)

    def paintEvent(self, event: QPaintEvent) -> None:
        rows = self.rows()
        if not rows:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint = self._painter
        width = float(self.width())
        columns = paint.columns(width, rows)
        if not self._base:  # the last column, which would say the same, lies beyond the edge
            columns = paint.columns(width + columns.model.width + 8, rows)
        rects = [self._row_rect(i) for i in range(len(rows))]
        painter.setFont(paint.small)
        painter.setPen(self._theme.palette.color("muted"))
        head = QRectF(0, 0, 0, paint.caption_height)
        painter.drawText(columns.processed.rect(head).adjusted(-30, 0, 0, 0), _RIGHT, self._captions[0])
        if self._base:
            painter.drawText(columns.model.rect(head).adjusted(-4, 0, 0, 0), _RIGHT, self._captions[1])
        paint.paint_grid(painter, columns, rects[0].top(), rects[-1].bottom(), self._log)
        for row, rect in zip(rows, rects, strict=True):
            paint.paint_row(
                painter, row, rect.adjusted(0, 0, columns.model.right - width + 6, 0), columns, self._log, False, False
            )
        paint.paint_axis(painter, columns, rects[-1].bottom() + 1, self._log)
        painter.end()

    def _words(self, row: Row) -> str:
        """A row in words, for a screen reader."""
        label = row.candidate.token.label if row.candidate else self.tr("{0} others").format(f"{row.count:,}")
        words = self.tr("{0}: {1} {2}").format(label, percent(row.processed_probability), self._captions[0])
        if self._base:
            words += self.tr(", {0} {1}").format(percent(row.probability), self._captions[1])
        return words

    @Slot()
    def _restyle(self) -> None:
        self._painter = RowPainter(self._theme.palette, self.font())
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._restyle()
