"""Δ probability: for each of the likeliest tokens, how much more or less likely another column makes it than A does."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFocusEvent, QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.compared import PlaceComparison
from ntp_studio.core.types import TokenText
from ntp_studio.ui.candidate_text import MINUS, Explanation, hex_bytes, number, percent
from ntp_studio.ui.column_colors import column_color, letter
from ntp_studio.ui.delta_bars_rows import DeltaRow, delta_rows, points_text
from ntp_studio.ui.disagreement_ribbon_figures import BITS, NO_FIGURE, in_bits
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

LEAST_ROWS, MOST_ROWS = 4, 20
# Ends of the scale, in percentage points.
_ENDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_CENTER = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine)
Columns = tuple[float, float, float]
_KEYS = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End}


class DeltaBars(QWidget):
    """As many rows as fit; the token that is drawn next is always among them. ↑ and ↓ explain row by row."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("delta_bars")
        self.setAccessibleName(self.tr("Difference of the probabilities, token by token"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self._theme = theme
        self._all: tuple[DeltaRow, ...] = ()
        self._pair = 0
        self._after = False
        self._sentence = ""
        self._pointer: QPoint | None = None
        self._cursor: int | None = None
        self._most = LEAST_ROWS
        self._card = HoverCard(theme, self)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def card(self) -> HoverCard:
        return self._card

    @property
    def sentence(self) -> str:
        return self._sentence

    def show_comparison(self, comparison: PlaceComparison, pair: int, drawn: TokenText | None) -> None:
        self._all = delta_rows(comparison, pair, drawn)
        self._pair, self._after = pair, comparison.after_decoding
        self._sentence = ""
        if min(len(self._all), MOST_ROWS) > self._most:  # it only grows, so that steps do not move what stands below
            self._most = min(len(self._all), MOST_ROWS)
            self._limit()
        self._changed()

    def show_sentence(self, sentence: str) -> None:
        """There is nothing to compare, and why."""
        if sentence != self._sentence or self._all:
            self._all, self._sentence = (), sentence
            self._changed()

    def forget_height(self) -> None:
        """Other columns: so many rows as were there before need not come again."""
        self._most = LEAST_ROWS
        self._limit()

    def rows(self) -> tuple[DeltaRow, ...]:
        """As painted, from the top."""
        count = max(self._capacity(), 1)
        shown = self._all[:count]
        missed = next((row for row in self._all[count:] if row.drawn), None)
        return (*shown[:-1], missed) if missed is not None else shown

    def _changed(self) -> None:
        self.setAccessibleDescription(self._sentence or ", ".join(self._words(row) for row in self.rows()[:5]))
        if self._card.isVisible():
            self._refresh_card()
        self.update()

    def _words(self, row: DeltaRow) -> str:
        if row.points is None:
            return f"{row.token.label}: {self._lacking(row)}"
        return f"{row.token.label}: {points_text(row.points)}"

    def _lacking(self, row: DeltaRow) -> str:
        return self.tr("not a token in {0}").format("A" if row.reference is None else letter(self._pair + 1))

    def scale(self) -> float:
        """The end of the scale, in percentage points."""
        most = max((abs(points) for row in self.rows() if (points := row.points) is not None), default=0.0)
        return next((end for end in _ENDS if most <= end), 100.0)

    # -- geometry ------------------------------------------------------------------------------------------------------

    def _capacity(self) -> int:
        return int((self.height() - 2 * self._caption) // self._row)

    def _needed(self, rows: int) -> int:
        return 2 * self._caption + rows * self._row

    def _limit(self) -> None:
        self.setMaximumHeight(self._needed(self._most))

    def sizeHint(self) -> QSize:
        return QSize(280, self._needed(self._most))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._needed(LEAST_ROWS))

    def row_rect(self, index: int) -> QRectF:
        return QRectF(0, self._caption + index * self._row, self.width(), self._row)

    def row_at(self, point: QPoint) -> int | None:
        index = (point.y() - self._caption) // self._row
        return index if 0 <= index < len(self.rows()) and point.y() >= self._caption else None

    def _columns(self) -> Columns:
        """Where the label ends, and where the track begins and ends."""
        width, gap = float(self.width()), self._thick * 0.7
        figures = self._metrics.horizontalAdvance(f"{MINUS}99.9 pp")
        free = width - figures - 2 * gap - self._pad
        label = min(max(free * 0.46, 4 * self._thick), self._metrics.horizontalAdvance("m" * 14))
        return label, label + gap, width - figures - gap

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        c = self._theme.palette
        if self._sentence or not self._all:
            p.setFont(self.font())
            p.setPen(c.color("muted"))
            flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)
            p.drawText(QRectF(0, 4, self.width(), self.height() - 4), flags, self._sentence)
            p.end()
            return
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        rows, end, columns = self.rows(), self.scale(), self._columns()
        hovered = self._cursor if self.hasFocus() else self.row_at(self._pointer) if self._pointer else None
        self._paint_head(p)
        for index, row in enumerate(rows):
            self._paint_row(p, row, self.row_rect(index), columns, end, index == hovered)
        self._paint_scale(p, self.row_rect(len(rows)).top(), end)
        if self.hasFocus():
            p.setPen(c.color("accent"))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        p.end()

    def _paint_head(self, p: QPainter) -> None:
        """Which side is whose, in the columns' colours."""
        _, left, right = self._columns()
        middle = (left + right) / 2
        p.setFont(self._small)
        p.setPen(column_color(self._theme.palette, 0))
        p.drawText(QRectF(0, 0, middle - px(5), self._caption), _RIGHT, self.tr("◂ more in A"))
        p.setPen(column_color(self._theme.palette, self._pair + 1))
        words = self.tr("more in {0} ▸").format(letter(self._pair + 1))
        p.drawText(QRectF(middle + px(5), 0, self.width() - middle - px(5), self._caption), _LEFT, words)

    def _paint_row(self, p: QPainter, row: DeltaRow, rect: QRectF, columns: Columns, end: float, hovered: bool) -> None:
        c = self._theme.palette
        label, left, right = columns
        pad, thick = self._pad, self._thick
        p.setPen(Qt.PenStyle.NoPen)
        if row.drawn or hovered:
            p.setBrush(c.color("drawn_soft" if row.drawn else "accent_soft"))
            p.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 4, 4)
        track = QRectF(left, rect.center().y() - thick / 2, right - left, thick)
        p.setBrush(c.color("surface" if row.drawn or hovered else "sunken"))
        p.drawRoundedRect(track, 3, 3)
        font = self._bold if row.drawn else self._mono
        metrics = self._bold_metrics if row.drawn else self._metrics
        p.setFont(font)
        p.setPen(c.color("drawn_text" if row.drawn else "text"))
        text = metrics.elidedText(row.token.label, Qt.TextElideMode.ElideRight, label - pad)
        p.drawText(QRectF(pad, rect.y(), label - pad, rect.height()), _LEFT, text)
        points = row.points
        p.setFont(self._mono)
        p.setPen(c.color("muted" if points is None else "text"))
        p.drawText(QRectF(right, rect.y(), rect.right() - right - pad / 2, rect.height()), _RIGHT, points_text(points))
        middle = (left + right) / 2
        if points is None:
            p.setFont(self._small)
            words = self._small_metrics.elidedText(self._lacking(row), Qt.TextElideMode.ElideRight, track.width() - 4)
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(c.color("drawn_soft" if row.drawn else "accent_soft" if hovered else "surface"))
            p.drawRect(track)
            p.setPen(c.color("muted"))
            p.drawText(track.adjusted(0, -4, 0, 4), _CENTER, words)
            return
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(c.color("faint"))
        p.drawRect(QRectF(round(middle), track.top() - 2, 1, track.height() + 4))
        width = min(abs(points) / end, 1.0) * (right - left) / 2
        if points:
            x = middle + 0.5 if points > 0 else middle + 0.5 - max(width, 1.0)
            p.setBrush(column_color(c, self._pair + 1 if points > 0 else 0))
            p.drawRect(QRectF(x, track.top(), max(width, 1.0), track.height()))

    def _paint_scale(self, p: QPainter, y: float, end: float) -> None:
        _, left, right = self._columns()
        p.setFont(self._small)
        p.setPen(self._theme.palette.color("muted"))
        middle, half = (left + right) / 2, 60.0
        p.drawText(QRectF(left - half, y, 2 * half, self._caption), _CENTER, f"{MINUS}{end:g}")
        p.drawText(QRectF(middle - half, y, 2 * half, self._caption), _CENTER, "0")
        plus = QRectF(right - self._small_metrics.horizontalAdvance(f"+{end:g}") / 2, y, 2 * half, self._caption)
        p.drawText(plus, _LEFT, f"+{end:g} pp")

    @Slot()
    def _restyle(self) -> None:
        font = self.font()
        self._pad, self._thick = px(4), px(10)
        self._mono = mono_like(font, 0.95)
        self._bold = mono_like(font, 0.95, QFont.Weight.Bold)
        self._small = scaled(font, 0.85)
        self._metrics = QFontMetricsF(self._mono)
        self._bold_metrics = QFontMetricsF(self._bold)
        self._small_metrics = QFontMetricsF(self._small)
        self._caption = math.ceil(self._small_metrics.height()) + 3
        self._row = max(math.ceil(self._metrics.height()) + 7, 21)
        self._limit()
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_row"):
            self._restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._card.dismiss()
        self.update()

    # -- explaining ----------------------------------------------------------------------------------------------------

    def explanation(self, row: DeltaRow) -> Explanation:
        other = letter(self._pair + 1)
        of = self.tr("after decoding") if self._after else self.tr("the model's own")
        subtitle = self.tr("id {id} · bytes {bytes} · {of}").format(
            id=number(row.token.id), bytes=hex_bytes(row.token.bytes, 8) or NO_FIGURE, of=of
        )
        lines = []
        for name, value in (("A", row.reference), (other, row.other)):
            known = percent(value) if value is not None else self.tr("its vocabulary has no such token")
            lines.append((self.tr("probability in {0}").format(name), known))
        if row.points is not None:
            lines.append((f"{other} {MINUS} A", points_text(row.points)))
        if row.delta_log is not None:
            lines.append((self.tr("Δ log-prob"), in_bits(row.delta_log * BITS, signed=True)))
        if row.drawn:
            lines.append(("", self.tr("what A takes next")))
        return Explanation(row.token.label, subtitle, tuple(lines))

    def _refresh_card(self) -> None:
        if self._pointer is not None:
            self._hover(self._pointer)
        elif self._cursor is not None:
            self._explain_cursor()
        else:
            self._card.dismiss()

    def _hover(self, at: QPoint) -> None:
        index = self.row_at(at)
        if index is None:
            self._card.dismiss()
        else:
            self._card.show_at(self.explanation(self.rows()[index]), self.mapToGlobal(at), beside=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        before = self.row_at(self._pointer) if self._pointer is not None else None
        self._pointer = event.position().toPoint()
        self._hover(self._pointer)
        if self.row_at(self._pointer) != before:
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self._card.dismiss()
        self.update()

    # -- keys ----------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """↑ and ↓ are its own while it has the focus, before they are the window's."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _KEYS
            and event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self.rows()) - 1
        if event.key() not in _KEYS or last < 0:
            super().keyPressEvent(event)
            return
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if by:
            self._cursor = 0 if self._cursor is None else min(max(self._cursor + by, 0), last)
        else:
            self._cursor = 0 if event.key() == Qt.Key.Key_Home else last
        self._explain_cursor()
        self.update()

    def _explain_cursor(self) -> None:
        rows = self.rows()
        if self._cursor is not None and self._cursor < len(rows):
            corner = self.row_rect(self._cursor).bottomLeft().toPoint()
            self._card.show_at(self.explanation(rows[self._cursor]), self.mapToGlobal(corner), beside=True)
        else:
            self._card.dismiss()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._cursor = None
        self._card.dismiss()
        self.update()
