"""Δ probability: for each of the likeliest tokens, how much more or less likely another column makes it than A does."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.compared import PlaceComparison
from ntp_studio.core.types import TokenText
from ntp_studio.ui.candidate_text import MINUS, Explanation, hex_bytes, number, percent
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.delta_bars_paint import Columns, DeltaPainter
from ntp_studio.ui.delta_bars_rows import DeltaRow, delta_rows, exact_points, points_text
from ntp_studio.ui.disagreement_ribbon_figures import BITS, NO_FIGURE, in_bits
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_keys

LEAST_ROWS, MOST_ROWS = 4, 20
# Ends of the scale, in percentage points.
_ENDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_KEYS = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End}


class DeltaBars(QWidget):
    """As many rows as fit; the token that is drawn next and the one that stands in the text are always among them,
    where they are compared. ↑ and ↓ explain row by row. It keeps its height however many rows there are."""

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
        self._room = LEAST_ROWS
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

    def show_comparison(
        self, comparison: PlaceComparison, pair: int, drawn: TokenText | None, standing: TokenText | None = None
    ) -> None:
        self._all = delta_rows(comparison, pair, drawn, standing)
        self._pair, self._after = pair, comparison.after_decoding
        self._sentence = ""
        self._changed()

    def show_sentence(self, sentence: str) -> None:
        """There is nothing to compare, and why."""
        if sentence != self._sentence or self._all:
            self._all, self._sentence = (), sentence
            self._changed()

    def expect_rows(self, expected: bool) -> None:
        """Whether there is anything to compare: room is kept for as many rows as there may be, or for a sentence."""
        self._room = MOST_ROWS if expected else LEAST_ROWS
        self._limit()

    def rows(self) -> tuple[DeltaRow, ...]:
        """As painted, from the top."""
        count = max(self._capacity(), 1)
        shown = self._all[:count]
        if not any(row.drawn or row.standing for row in self._all[count:]):
            return shown
        wanted = sum(row.drawn or row.standing for row in self._all)
        spare, kept = count - wanted, []
        for row in self._all:
            if row.drawn or row.standing:
                kept.append(row)
            elif spare > 0:
                kept.append(row)
                spare -= 1
        return tuple(kept[:count])

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
        return int((self.height() - 2 * self._painter.caption) // self._painter.row)

    def _needed(self, rows: int) -> int:
        return 2 * self._painter.caption + rows * self._painter.row

    def _limit(self) -> None:
        self.setMaximumHeight(self._needed(self._room))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(280, self._needed(self._room))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._needed(LEAST_ROWS))

    def row_rect(self, index: int) -> QRectF:
        return QRectF(0, self._painter.caption + index * self._painter.row, self.width(), self._painter.row)

    def row_at(self, point: QPoint) -> int | None:
        index = (point.y() - self._painter.caption) // self._painter.row
        return index if 0 <= index < len(self.rows()) and point.y() >= self._painter.caption else None

    def _columns(self) -> Columns:
        return self._painter.columns(self.width())

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
        rows, end, painter, width = self.rows(), self.scale(), self._painter, float(self.width())
        room = max(self._capacity(), 1)
        hovered = self._cursor if self.hasFocus() else self.row_at(self._pointer) if self._pointer else None
        words = self.tr("◂ more in A"), self.tr("more in {0} ▸").format(letter(self._pair + 1))
        painter.paint_head(p, width, self._pair, words)
        painter.paint_zero(p, width, room)
        for index, row in enumerate(rows):
            lacking = self._lacking(row) if row.points is None else ""
            rect = self.row_rect(index)
            painter.paint_row(p, row, rect, self._pair, end, hovered=index == hovered, lacking=lacking)
        # At the foot of the rows' room, so that their number does not move it.
        painter.paint_scale(p, width, room, end)
        if self.hasFocus():
            p.setPen(c.color("accent"))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        p.end()

    @Slot()
    def _restyle(self) -> None:
        self._painter = DeltaPainter(self._theme.palette, self.font())
        self._limit()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_painter"):
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
            exact = self.tr("{0} (percentage points)").format(exact_points(row.points))
            lines.append((f"{other} {MINUS} A", exact))
        if row.delta_log is not None:
            lines.append((self.tr("Δ log-prob"), in_bits(row.delta_log * BITS, signed=True)))
        if row.standing:
            lines.append(("", self.tr("what stands in the text here")))
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
        return claims_keys(event, _KEYS) or super().event(event)

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
