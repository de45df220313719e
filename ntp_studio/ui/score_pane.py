"""One half of the table of a scored text: how its cells are painted, and its keys."""

from __future__ import annotations

import html

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFont,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
    QWidget,
)

from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.score_header import GroupedHeader
from ntp_studio.ui.score_model import ScoreModel
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

HEATS = 48  # steps of the scale of colours
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
_LEFT, _RIGHT = _MIDDLE | int(Qt.AlignmentFlag.AlignLeft), _MIDDLE | int(Qt.AlignmentFlag.AlignRight)
_MOVES = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -1,
    Qt.Key.Key_PageDown: 1,
    Qt.Key.Key_Home: 0,
    Qt.Key.Key_End: 0,
}
_PAGES = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class ScoreDelegate(QStyledItemDelegate):
    """Paints cells by itself: hundreds are on view, and the style would ask for each of them seven times over."""

    def __init__(self, theme: Theme, model: ScoreModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self.restyle(theme, parent.font())

    def restyle(self, theme: Theme, font: QFont) -> None:
        """What every cell needs is made once."""
        p = theme.palette
        self.font = mono_like(font, 0.97)
        self.metrics = QFontMetrics(self.font)
        names = ("surface", "accent_soft", "sunken", "border", "accent", "muted", "text")
        self._colors = {name: p.color(name) for name in names}
        self._heats = [p.heat_color(i / HEATS) for i in range(HEATS + 1)]
        self._pad, self._left, self._right = px(8), px(4), px(3)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        look = self._model.look(index.row(), index.column())
        colors, rect = self._colors, QRect(option.rect)
        picked = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.fillRect(rect, colors["accent_soft" if picked else "surface"])
        if look.heat is not None:
            painter.fillRect(rect.adjusted(self._left, 1, -self._right, -2), self._heats[round(look.heat * HEATS)])
        painter.setPen(colors["border" if picked else "sunken"])
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if look.opens:
            painter.setPen(colors["border"])
            painter.drawLine(rect.topLeft(), rect.bottomLeft())
        if picked and index.column() == 0:
            painter.fillRect(QRect(rect.x(), rect.y(), 3, rect.height()), colors["accent"])
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(colors["accent"])
            painter.drawRect(rect.adjusted(1, 0, -1, -2))
        painter.setFont(self.font)
        painter.setPen(colors["muted" if look.muted else "text"])
        inside = rect.adjusted(self._pad, 0, -self._pad, 0)
        text = look.text
        if len(text) > 6:
            text = self.metrics.elidedText(text, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(inside, _RIGHT if look.right else _LEFT, text)

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        words = self._model.tip(index) if index.isValid() else ""
        if words:  # a text is data: escaped, or Qt may read it as markup
            lines = html.escape(words).replace("\n", "<br>")
            QToolTip.showText(event.globalPos(), f"<qt>{lines}</qt>", view)
        else:
            QToolTip.hideText()
        return True


class Anchor:
    """Where a selection of several rows begins, for both halves of the table."""

    def __init__(self) -> None:
        self.row = -1
        self.held = False  # while the current row moves and the anchor does not


class Pane(QTableView):
    """One half of the table, with the rows and the selection in common with the other."""

    copy_requested = Signal()
    sort_requested = Signal(int)

    def __init__(
        self, theme: Theme, model: ScoreModel, delegate: ScoreDelegate, anchor: Anchor, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._anchor = anchor
        self.header = GroupedHeader(theme, self)
        self.setHorizontalHeader(self.header)
        self.setModel(model)
        self.setItemDelegate(delegate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.header.sectionClicked.connect(self.sort_requested)

    def event(self, event: QEvent) -> bool:
        # ← and → choose a column here; elsewhere they are the window's.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
            and not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            event.accept()
            return True
        return super().event(event)

    def _come_over(self) -> None:
        """The current cell may be one of the other half: the keys act on this one."""
        current = self.currentIndex()
        if current.isValid() and self.isColumnHidden(current.column()):
            here = current.siblingAtColumn(max(self.columnAt(2), 0))
            self.selectionModel().setCurrentIndex(here, QItemSelectionModel.SelectionFlag.NoUpdate)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._come_over()
            if self.currentIndex().isValid():
                self.sort_requested.emit(self.currentIndex().column())
        elif key in _MOVES:
            self._move(Qt.Key(key), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) or event.matches(QKeySequence.StandardKey.SelectAll):
            self._come_over()
            super().keyPressEvent(event)
        else:
            event.ignore()  # letters jump and step; Esc belongs to who is around

    def _move(self, key: Qt.Key, extend: bool) -> None:
        """Qt would extend a selection from the cell that was last clicked in this half, which is not the row's."""
        last = self.model().rowCount() - 1
        page = max(self.viewport().height() // max(self.verticalHeader().defaultSectionSize(), 1) - 1, 1)
        row = self.currentIndex().row() + _MOVES[key] * (page if key in _PAGES else 1)
        row = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}.get(key, min(max(row, 0), last))
        self._go(row, extend)

    def _go(self, row: int, extend: bool) -> None:
        if row < 0:
            return
        column = self.currentIndex().column()
        if column < 0 or self.isColumnHidden(column):
            column = max(self.columnAt(2), 0)
        index, flags = self.model().index(row, column), QItemSelectionModel.SelectionFlag
        if extend and self._anchor.row >= 0:
            ends = sorted((self._anchor.row, row))
            self._anchor.held = True
            self.selectionModel().setCurrentIndex(index, flags.NoUpdate)
            self._anchor.held = False
            rows = QItemSelection(self.model().index(ends[0], 0), self.model().index(ends[1], 0))
            self.selectionModel().select(rows, flags.ClearAndSelect | flags.Rows)
        else:
            self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self.indexAt(event.position().toPoint())
        if at.isValid() and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._go(at.row(), extend=True)
        else:
            super().mousePressEvent(event)
