"""The bar chart of candidates: what the model thinks of each token beside what decoding made of it.

One graphics item paints all rows at once, from values that are replaced as a whole: a bar is never between two frames.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QStyleOptionGraphicsItem, QWidget

# isort: split
# After PySide6: it takes the first Qt it finds imported, and prefers another where both are installed.
import pyqtgraph as pg

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import Explanation, explain, explain_above, explain_others
from ntp_studio.ui.chart_paint import RowPainter
from ntp_studio.ui.chart_rows import Listing, Row
from ntp_studio.ui.draw_overlay import Draws
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.row_window import MIN_CAPACITY, RowWindow
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape

MIN_ROWS = 4
NONE_SELECTED = -1


class _Rows(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """Everything that is seen in the chart; its coordinates are the view's pixels."""

    def __init__(self, chart: CandidateChart) -> None:
        super().__init__()
        self._chart = chart

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, self._chart.width(), self._chart.height())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        self._chart.paint_rows(painter)

    def resized(self) -> None:
        self.prepareGeometryChange()
        self.update()


class CandidateChart(pg.GraphicsView):  # type: ignore[misc]
    """Rows of bars on one 0–1 axis. A click or Enter asks to force a row's token; ↑, ↓ and a right click select.

    ↑ and ↓ walk all candidates in their order, also those that do not fit: the rows scroll with the selection, as they
    do with the wheel.
    """

    force_requested = Signal(int)
    selection_changed = Signal(int)  # token id, -1 for none
    story_requested = Signal(int)
    left = Signal()  # Esc
    rows_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.setObjectName("candidate_chart")
        self.setAccessibleName(self.tr("Next-token candidates"))
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._theme = theme
        self._window = RowWindow()
        self._frame: StepFrame | None = None
        self._hovered: int | None = None  # row number
        self._pointer: QPoint | None = None
        self._pressed: int | None = None  # token id
        self._pending = False
        self._log = False
        self._draws: Draws | None = None
        self.keeps_escape = False  # where there is something to close, Esc is not yet the window's key for "stop"
        self._painter = RowPainter(theme.palette, self.font())
        self._item = _Rows(self)
        self.scene().addItem(self._item)
        self._card: HoverCard | None = HoverCard(theme, self)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows as painted, from the top."""
        return self._window.rows

    @property
    def offset(self) -> int:
        """How many candidates are scrolled away at the top."""
        return self._window.offset

    @property
    def selected(self) -> int | None:
        """The selected token's id."""
        return self._window.selected

    @property
    def card(self) -> HoverCard:
        assert self._card is not None
        return self._card

    @property
    def log_scale(self) -> bool:
        return self._log

    @log_scale.setter
    def log_scale(self, on: bool) -> None:
        self._log = on
        self._item.update()

    @property
    def pending(self) -> bool:
        return self._pending

    @pending.setter
    def pending(self, on: bool) -> None:
        """Whether figures are withheld (`…`), because they belong to another place in the text."""
        self._pending = on
        self.card.dismiss()
        self._item.update()

    @property
    def draws(self) -> Draws | None:
        """How often each token came up in many draws, marked on the bars; None for no marks."""
        return self._draws

    @draws.setter
    def draws(self, draws: Draws | None) -> None:
        self._draws = draws
        self._item.update()
        self._refresh_card()

    def show_listing(self, listing: Listing, frame: StepFrame | None, keep_place: bool = False) -> None:
        """Replace all rows. `keep_place` keeps selection and scroll position: the same place, other settings."""
        before = self._window.rows, self._window.selected
        self._window.show(listing, keep_place)
        self._frame = frame
        self._pending = False
        if not keep_place:  # a card about another place; with keys, it would lie over the page at each step
            self._pointer = self._hovered = None
            self.card.dismiss()
        self._refresh_card()
        self._changed(*before)

    # -- selection -----------------------------------------------------------------------------------------------------

    def select(self, token_id: int | None) -> None:
        """Select a candidate and scroll to it; None selects nothing."""
        before = self._window.rows, self._window.selected
        self._window.select(token_id)
        self._changed(*before)

    @Slot()
    def select_next(self) -> None:
        self._move(1)

    @Slot()
    def select_previous(self) -> None:
        self._move(-1)

    @Slot()
    def force_selected(self) -> None:
        if self._window.selected is not None:
            self.force_requested.emit(self._window.selected)

    def _move(self, by: int) -> None:
        before = self._window.rows, self._window.selected
        self._window.move(by)
        self._changed(*before)
        self._explain_selected()

    def _changed(self, rows: tuple[Row, ...], selected: int | None) -> None:
        """Repaint, and tell what is different from before."""
        self._item.update()
        self._describe()
        if self._window.rows != rows:
            self.rows_changed.emit()
        if self._window.selected != selected:
            now = self._window.selected
            self.selection_changed.emit(NONE_SELECTED if now is None else now)

    # -- geometry ------------------------------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        painter = self._painter
        return QSize(220, painter.row_height * MIN_ROWS + 2 * painter.caption_height)

    def sizeHint(self) -> QSize:
        return QSize(400, self._painter.row_height * 13 + 2 * self._painter.caption_height)

    @property
    def row_height(self) -> int:
        """The least height of a row."""
        return self._painter.row_height

    @property
    def capacity(self) -> int:
        """How many rows fit."""
        space: int = self.height() - 2 * self._painter.caption_height
        return max(space // self._painter.row_height, MIN_CAPACITY)

    def row_rect(self, index: int) -> QRectF:
        painter = self._painter
        space = self.height() - 2 * painter.caption_height
        # What is left over by whole rows is shared out among them, up to a fifth more.
        height = min(max(space // max(len(self.rows), 1), painter.row_height), round(painter.row_height * 1.2))
        return QRectF(0, painter.caption_height + index * height, self.width(), height)

    def row_at(self, pos: QPoint | QPointF) -> int | None:
        point = QPointF(pos)
        return next((i for i in range(len(self.rows)) if self.row_rect(i).contains(point)), None)

    def _refit(self) -> None:
        before = self._window.rows, self._window.selected
        self._window.resize(self.capacity)
        self._changed(*before)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if event is None:
            return  # pyqtgraph's own call, while it is being built
        self.card.dismiss()
        self._item.resized()
        self._refit()

    # -- painting ------------------------------------------------------------------------------------------------------

    def paint_rows(self, p: QPainter) -> None:
        """Called by the graphics item."""
        painter, width, rows = self._painter, float(self.width()), self.rows
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.fillRect(QRectF(0, 0, width, self.height()), self._theme.palette.color("surface"))
        if not rows:
            return
        columns = painter.columns(width, rows)
        rects = [self.row_rect(i) for i in range(len(rows))]
        painter.paint_captions(p, columns, painter.caption_height)
        painter.paint_grid(p, columns, rects[0].top(), rects[-1].bottom(), self._log)
        previous = 0
        for index, (row, rect) in enumerate(zip(rows, rects, strict=True)):
            painter.paint_row(p, row, rect, columns, self._log, self._pending, index == self._hovered)
            if index and (row.candidate is None or (self._window.listing.pin and row.candidate.rank > previous + 1)):
                painter.paint_separator(p, rect.top(), width, dashed=row.candidate is not None)
            if row.candidate:
                previous = row.candidate.rank
        if self._draws is not None and not self._pending:
            for row, rect in zip(rows, rects, strict=True):
                painter.paint_draws(p, self._draws, row, rows, rect, columns, self._log)
        selected = self._window.row_of(self._window.selected)
        if selected is not None:
            painter.paint_ring(p, rects[selected])
        painter.paint_axis(p, columns, rects[-1].bottom() + 1, self._log)

    @Slot()
    def _restyle(self) -> None:
        self._painter = RowPainter(self._theme.palette, self.font())
        self.setBackground(self._theme.palette.color("surface"))
        self._refit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and getattr(self, "_card", None) is not None:
            self._restyle()

    # -- explaining ----------------------------------------------------------------------------------------------------

    def _explanation(self, row: Row) -> Explanation:
        if row.above:
            words = explain_above(row.count, row.probability, row.processed_probability)
        elif row.candidate is None:
            whole = self._window.listing.whole_vocabulary
            words = explain_others(row.count, row.probability, row.processed_probability, whole)
        else:
            words = explain(row.candidate, self._frame)
        if self._draws is None:
            return words
        drawn = self._draws.words(self._draws.of_row(row, self.rows), row.processed_probability)
        caption = self.tr("{count} draws").format(count=f"{self._draws.count:,}")
        return replace(words, lines=(*words.lines, (caption, drawn)))

    def _explain_selected(self) -> None:
        """What the pointer would show, for who uses the keys: beside the row, out of its way."""
        row = self._window.row_of(self._window.selected)
        if row is not None and self.isVisible() and not self._pending:
            corner = self.row_rect(row).bottomLeft().toPoint()
            self.card.show_at(self._explanation(self.rows[row]), self.mapToGlobal(corner - QPoint(10, 8)), beside=True)

    def _refresh_card(self) -> None:
        """An open card says what holds now, whether the pointer or the keys opened it."""
        if self._pointer is not None:
            self._hover(self._pointer)
        elif self._window.selected is None:
            self.card.dismiss()
        elif self.card.explanation is not None:
            self._explain_selected()

    def _hover(self, pos: QPoint) -> None:
        row = self.row_at(pos)
        if row != self._hovered:
            self._hovered = row
            self._item.update()
        clickable = row is not None and (self.rows[row].candidate is not None or bool(self.rows[row].above))
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor)
        if row is None or self._pending:
            self.card.dismiss()
        else:
            self.card.show_at(self._explanation(self.rows[row]), self.viewport().mapToGlobal(pos), beside=True)

    def _describe(self) -> None:
        """In words, for a screen reader: the selected row, or the chosen token."""
        candidate = self._window.selected_candidate
        if candidate is None and self._frame is not None:
            candidate = self._frame.choice
        self.setAccessibleDescription(explain(candidate, self._frame).plain() if candidate else "")

    # -- mouse and keys: none of pyqtgraph's own dragging, zooming and menus -------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position().toPoint()
        self._hover(self._pointer)

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self._pressed = None
        self._hovered = None
        self.card.dismiss()
        self._item.update()

    def _token_at(self, event: QMouseEvent) -> int | None:
        row = self.row_at(event.position())
        candidate = self.rows[row].candidate if row is not None else None
        return candidate.token.id if candidate else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self._token_at(event) if event.button() == Qt.MouseButton.LeftButton else None
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # Rows may have changed under the pointer since the press: force only what was pressed and is still there.
        pressed, self._pressed = self._pressed, None
        row = self.row_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and pressed is None and row is not None and self.rows[row].above:
            self._scroll_home()
        elif event.button() == Qt.MouseButton.LeftButton and pressed is not None and pressed == self._token_at(event):
            self.force_requested.emit(pressed)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        # Its first click has forced already; the rows may show the next place by now.
        event.accept()

    def _scroll_home(self) -> None:
        before = self._window.rows, self._window.selected
        self._window.home()
        self._changed(*before)
        if self._pointer is not None:
            self._hover(self._pointer)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y()
        if delta:
            before = self._window.rows, self._window.selected
            self._window.scroll(-1 if delta > 0 else 1)
            self._changed(*before)
            if self._pointer is not None:
                self._hover(self._pointer)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """A right click selects the row under it; the key for menus is for the row that is selected."""
        event.accept()
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        row = self._window.row_of(self.selected) if by_key else self.row_at(event.pos())
        candidate = self.rows[row].candidate if row is not None else None
        if row is None or candidate is None:
            return
        self.select(candidate.token.id)
        at = self.mapToGlobal(self.row_rect(row).center().toPoint()) if by_key else event.globalPos()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        story = menu.addAction(self.tr("Story: what each stage did to it"))
        story.setObjectName("row_story")
        story.triggered.connect(self._ask_story)
        take = menu.addAction(self.tr("Take it instead of the drawn token"))
        take.setObjectName("row_force")
        take.triggered.connect(self.force_selected)
        self.card.dismiss()
        menu.popup(at)

    @Slot()
    def _ask_story(self) -> None:
        if self.selected is not None:
            self.story_requested.emit(self.selected)

    def event(self, event: QEvent) -> bool:
        return (getattr(self, "keeps_escape", False) and claims_escape(event)) or bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Down:
            self.select_next()
        elif key == Qt.Key.Key_Up:
            self.select_previous()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.force_selected()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            before = self._window.rows, self._window.selected
            self._window.select_end(last=key == Qt.Key.Key_End)
            self._changed(*before)
            self._explain_selected()
        elif key == Qt.Key.Key_Escape:
            self.card.dismiss()
            self.select(None)
            self.left.emit()
        else:
            event.ignore()  # → ← Space and the rest belong to the window

    def close(self) -> bool:
        # pyqtgraph's own clears the scene and takes the viewport away, under events still to come; Qt does it in order.
        return QWidget.close(self)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self._pointer is None:
            self.card.dismiss()
