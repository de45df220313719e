"""The totals along the text: a row for each column with its perplexity, bits per byte, and how far it is from A."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ntp_studio.core.compared import ColumnTotals, Totals
from ntp_studio.ui.column_colors import column_color, letter, letter_color
from ntp_studio.ui.disagreement_panel_parts import wrapped_tip
from ntp_studio.ui.disagreement_panel_totals_words import SHORTEST, TotalsTold
from ntp_studio.ui.disagreement_ribbon_figures import NO_FIGURE
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_CENTER = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)


class TotalsTable(QWidget):
    """Painted, so that new figures move nothing; every figure has a tool tip that says what it is over."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("disagreement_totals")
        self.setAccessibleName(self.tr("Totals along the text"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._theme = theme
        self.told = TotalsTold()
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what is shown -------------------------------------------------------------------------------------------------

    def set_columns(self, alike: Sequence[bool], names: Sequence[str] = ()) -> None:
        """A row for each column, told whether its vocabulary is A's, and what it is called; the figures come with
        `show_totals`."""
        if tuple(alike) != self.told.alike:
            self._change(alike=tuple(alike), columns=(), pairs=())
            self.updateGeometry()
        self._change(names=tuple(names))

    def set_backward(self, backward: bool) -> None:
        """Which of the two KL divergences has the column."""
        self._change(backward=backward)

    def set_own(self, own: bool) -> None:
        """Whether it has to be said that these are the models' own figures: others are on view beside them."""
        self._change(own=own)

    def show_totals(self, columns: Sequence[ColumnTotals], pairs: Sequence[Totals | None]) -> None:
        self._change(columns=tuple(columns), pairs=tuple(pairs))

    def _change(self, **what: Any) -> None:
        told = replace(self.told, **what)
        if told != self.told:
            self.told = told
            rows = [", ".join((letter(row), *told.cells(row))) for row in range(len(told.alike))]
            self.setAccessibleDescription(". ".join((", ".join(told.captions()), *rows, told.foot())))
            self.update()

    def cells(self, row: int) -> tuple[str, str, str, str]:
        """As many decimals as there is room for."""
        return self.told.cells(row, 3 if self._roomy() else 2)

    # -- geometry and painting -----------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        rows = len(self.told.alike)
        foot = self._small_height if self.told.foot() else 0
        return QSize(280, self._small_height + rows * self._row_height + foot if rows else 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def _widths(self, captions: Sequence[str]) -> list[float]:
        """Of the four columns of figures; the first caption may stand over the letters, too."""
        needed = [self._small_metrics.horizontalAdvance(caption) for caption in captions]
        needed[0] -= self._left
        return [max(width, self._widest[3 if self._roomy() else 2]) for width in needed]

    def _roomy(self) -> bool:
        """Whether there is room for three decimals."""
        return self._left + 4 * (self._widest[3] + self._gap) <= self.width()

    def _shown_captions(self) -> tuple[str, str, str, str]:
        """The longest that there is room for."""
        gaps = 4 * self._gap
        for short in range(SHORTEST):
            captions = self.told.captions(short)
            if self._left + sum(self._widths(captions)) + gaps <= self.width():
                return captions
        return self.told.captions(SHORTEST)

    def _edges(self, captions: Sequence[str]) -> tuple[float, ...]:
        """The right edges of the four columns of figures, which share what room there is."""
        widths = self._widths(captions)
        spare = (self.width() - self._left - sum(widths)) / 4
        edges, x = [], float(self._left)
        for width in widths:
            x += width + spare
            edges.append(x)
        return tuple(edges)

    def place_at(self, point: QPointF) -> tuple[int, int] | None:
        """(row, column) of the figure there; row -1 are the captions, column -1 the letters."""
        row = math.floor((point.y() - self._small_height) / self._row_height)
        if not -1 <= row < len(self.told.alike):
            return None
        if row >= 0 and point.x() < self._left:
            return row, -1
        edges = self._edges(self._shown_captions())
        return row, next((i for i, edge in enumerate(edges) if point.x() <= edge + 2), 3)

    def words_at(self, point: QPointF) -> str:
        """What there is to say of what stands there."""
        if not self.told.alike:
            return ""
        place = self.place_at(point)
        if place is None:
            return self.told.foot_explained() if self.told.foot() else ""
        row, column = place
        return self.told.tip(row, column) if row >= 0 else self.told.caption_tip(column)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.told.alike:
            return
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = self._theme.palette
        captions = self._shown_captions()
        edges = self._edges(captions)
        lefts = (self._left * 0.75, *edges[:-1])
        p.setFont(self._small)
        p.setPen(c.color("muted"))
        for left, right, caption in zip((4, *edges[:-1]), edges, captions, strict=True):
            p.drawText(QRectF(left - 4, 0, right - left + 4, self._small_height), _RIGHT, caption)
        for row in range(len(self.told.alike)):
            y = self._small_height + row * self._row_height
            side = self._row_height - self._left / 8
            chip = QRectF(0, y + (self._row_height - side) / 2, self._left - 4, side)
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(column_color(c, row))
            p.drawRoundedRect(chip, 4, 4)
            p.setFont(self._chip)
            p.setPen(letter_color(c))
            p.drawText(chip, _CENTER, letter(row))
            p.setFont(self._mono)
            for left, right, text in zip(lefts, edges, self.cells(row), strict=True):
                p.setPen(c.color("muted" if text == NO_FIGURE else "text"))
                p.drawText(QRectF(left - 6, y, right - left + 6, self._row_height), _RIGHT, text)
        p.setFont(self._small)
        p.setPen(c.color("muted"))
        y = self._small_height + len(self.told.alike) * self._row_height
        feet = self.told.feet()
        fitting = (words for words in feet if self._small_metrics.horizontalAdvance(words) <= self.width())
        cut = self._small_metrics.elidedText(feet[-1], Qt.TextElideMode.ElideRight, self.width())
        p.drawText(QRectF(0, y, self.width(), self._small_height), _LEFT, next(fitting, cut))
        p.end()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self.words_at(QPointF(event.pos()))
            if words:
                QToolTip.showText(event.globalPos(), wrapped_tip(words), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    @Slot()
    def _restyle(self) -> None:
        font = self.font()
        self._gap = px(6)
        self._left = px(24)  # of the figures: before them stand the letters
        self._small = scaled(font, 0.85)
        self._mono = mono_like(font, 0.95)
        self._chip = scaled(font, 0.85)
        self._chip.setBold(True)
        self._small_metrics = QFontMetricsF(self._small)
        advance = QFontMetricsF(self._mono).horizontalAdvance
        self._widest = {3: advance("<0.001"), 2: advance("<0.01")}
        self._small_height = math.ceil(self._small_metrics.height()) + 3
        self._row_height = math.ceil(QFontMetricsF(self._mono).height()) + 5
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_mono"):
            self._restyle()
