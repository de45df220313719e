"""The totals along the text: a row for each column with its perplexity, bits per byte, and how far it is from A."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ntp_studio.core.compared import ColumnTotals, Totals
from ntp_studio.ui.column_colors import column_color, letter, letter_color
from ntp_studio.ui.disagreement_ribbon_figures import BITS, NO_FIGURE, figure, in_bits, infinity_meaning, share
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_figures import plain_number

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
        self._alike: tuple[bool, ...] = ()
        self._columns: tuple[ColumnTotals, ...] = ()
        self._pairs: tuple[Totals | None, ...] = ()
        self._backward = False
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what is shown -------------------------------------------------------------------------------------------------

    def set_columns(self, alike: Sequence[bool]) -> None:
        """A row for each column, told whether its vocabulary is A's; the figures come with `show_totals`."""
        if tuple(alike) != self._alike:
            self._alike = tuple(alike)
            self._columns, self._pairs = (), ()
            self.updateGeometry()
        self._changed()

    def set_backward(self, backward: bool) -> None:
        """Which of the two KL divergences has the column."""
        if backward != self._backward:
            self._backward = backward
            self._changed()

    def show_totals(self, columns: Sequence[ColumnTotals], pairs: Sequence[Totals | None]) -> None:
        if (tuple(columns), tuple(pairs)) != (self._columns, self._pairs):
            self._columns, self._pairs = tuple(columns), tuple(pairs)
            self._changed()

    def _changed(self) -> None:
        rows = [", ".join((letter(row), *self.cells(row))) for row in range(len(self._alike))]
        self.setAccessibleDescription(". ".join((", ".join(self.captions()), *rows, self.foot())))
        self.update()

    def captions(self, short: bool = False) -> tuple[str, str, str, str]:
        kl = self.tr("KL(·‖A)") if self._backward else self.tr("KL(A‖·)")
        js = self.tr("JS")
        if len(self._alike) < 2:
            kl = js = ""
        if short:
            return self.tr("ppl."), self.tr("bits/B"), kl, js
        return self.tr("perplexity"), self.tr("bits/byte"), kl, js

    def cells(self, row: int) -> tuple[str, str, str, str]:
        """Divergences are in bits per token; A has none from itself."""
        own = self._columns[row] if row < len(self._columns) else None
        perplexity = own.perplexity if own is not None else math.nan
        first = NO_FIGURE if math.isnan(perplexity) else plain_number(perplexity)
        second = figure(own.bits_per_byte if own is not None else None)
        if row == 0:
            return first, second, "", ""
        pair = self._pair(row)
        if pair is None:
            return first, second, NO_FIGURE, NO_FIGURE
        kl = pair.backward if self._backward else pair.forward
        return first, second, figure(kl * BITS), figure(pair.jensen_shannon * BITS)

    def _pair(self, row: int) -> Totals | None:
        return self._pairs[row - 1] if row - 1 < len(self._pairs) else None

    def foot(self) -> str:
        """What the figures are over."""
        if len(self._alike) < 2:
            return ""
        if all(self._alike):
            return self.tr("KL, JS: mean bits per token, whole vocabulary")
        if not any(self._alike[1:]):
            return self.tr("bits/byte: over aligned stretches")
        return self.tr("KL, JS: whole vocabulary · bits/byte: aligned")

    def tip(self, row: int, column: int) -> str:
        """The sentence behind a figure."""
        name, own, pair = letter(row), self._columns[row] if row < len(self._columns) else None, self._pair(row)
        if column == 0:
            tokens = own.tokens if own is not None else 0
            return self.tr(
                "Perplexity of {column} per token, over {tokens} of its tokens.\n"
                "Between different tokenizers it is not comparable; bits per byte are."
            ).format(column=name, tokens=f"{tokens:,}")
        if column == 1:
            return self.tr(
                "Bits per byte of {column}: over the bytes that every column has foretold,\n"
                "the same stretches of text in all, so comparable between tokenizers."
            ).format(column=name)
        if row == 0:
            return self.tr("A is the reference that the others are held against.")
        if not self._alike[row]:
            return self.tr(
                "{column} has another vocabulary than A, so there is no KL and no JS:\n"
                "compare bits per byte, and Δ log-prob over stretches of equal text."
            ).format(column=name)
        if pair is None:
            return self.tr("No token has been compared yet.")
        infinite = math.isinf(pair.forward) or math.isinf(pair.backward)
        words = self.tr(
            "Means over {tokens} tokens, over the whole vocabulary:\n"
            "KL(A‖{column}) {forward} · KL({column}‖A) {backward}\n"
            "JS {js} · overlap of the likeliest tokens {overlap}"
        ).format(
            tokens=f"{pair.tokens:,}",
            column=name,
            forward=in_bits(pair.forward * BITS),
            backward=in_bits(pair.backward * BITS),
            js=in_bits(pair.jensen_shannon * BITS),
            overlap=share(pair.overlap),
        )
        return f"{words}\n{infinity_meaning()}" if infinite else words

    # -- geometry and painting -----------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        rows = len(self._alike)
        foot = self._small_height if self.foot() else 0
        return QSize(280, self._small_height + rows * self._row_height + foot if rows else 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def _shown_captions(self) -> tuple[str, str, str, str]:
        """The short ones where the column is narrow."""
        needed = sum(max(self._small_metrics.horizontalAdvance(c), self._widest) + 6 for c in self.captions())
        return self.captions(short=self._left + needed > self.width())

    def _edges(self) -> tuple[float, ...]:
        """The right edges of the four columns of figures, which share what room there is."""
        widths = [max(self._small_metrics.horizontalAdvance(c), self._widest) for c in self._shown_captions()]
        left = self._left
        spare = (self.width() - left - sum(widths)) / 4
        edges, x = [], float(left)
        for width in widths:
            x += width + spare
            edges.append(x)
        return tuple(edges)

    def place_at(self, point: QPointF) -> tuple[int, int] | None:
        """(row, column) of the figure there."""
        row = math.floor((point.y() - self._small_height) / self._row_height)
        if not 0 <= row < len(self._alike):
            return None
        return row, next((i for i, edge in enumerate(self._edges()) if point.x() <= edge + 2), 3)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._alike:
            return
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = self._theme.palette
        edges = self._edges()
        lefts = (self._left * 0.75, *edges[:-1])
        p.setFont(self._small)
        p.setPen(c.color("muted"))
        for left, right, caption in zip(lefts, edges, self._shown_captions(), strict=True):
            p.drawText(QRectF(left - 4, 0, right - left + 4, self._small_height), _RIGHT, caption)
        for row in range(len(self._alike)):
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
        y = self._small_height + len(self._alike) * self._row_height
        words = self._small_metrics.elidedText(self.foot(), Qt.TextElideMode.ElideRight, self.width())
        p.drawText(QRectF(0, y, self.width(), self._small_height), _LEFT, words)
        p.end()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.place_at(QPointF(event.pos()))
            words = self.foot() if place is None else self.tip(*place)
            if words:
                QToolTip.showText(event.globalPos(), words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    @Slot()
    def _restyle(self) -> None:
        font = self.font()
        self._left = px(24)  # of the figures: before them stand the letters
        self._small = scaled(font, 0.85)
        self._mono = mono_like(font, 0.95)
        self._chip = scaled(font, 0.85)
        self._chip.setBold(True)
        self._small_metrics = QFontMetricsF(self._small)
        self._widest = QFontMetricsF(self._mono).horizontalAdvance("0.0000")
        self._small_height = math.ceil(self._small_metrics.height()) + 3
        self._row_height = math.ceil(QFontMetricsF(self._mono).height()) + 5
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_mono"):
            self._restyle()
