"""What can be done with a column as a whole: its place in the row, another one like it, another precision, its end."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from ntp_studio.ui.column_colors import LETTERS

MOST = len(LETTERS)
PRECISIONS = ("float32", "bfloat16", "float16")


class ColumnMenu(QMenu):
    """Entries that make no sense now are disabled; their tips say why."""

    move_asked = Signal(int)  # to this place in the row
    duplicate_asked = Signal()
    open_as_asked = Signal(str)  # dtype
    remove_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column_menu")
        self.setToolTipsVisible(True)
        self._place = 0
        self.left = self._entry("column_left", self.tr("Move left"))
        self.right = self._entry("column_right", self.tr("Move right"))
        self.addSeparator()
        self.duplicate = self._entry("column_duplicate", self.tr("Duplicate, sharing the weights"))
        self.again = tuple(
            self._entry(f"column_as_{dtype}", self.tr("Open again as {0}").format(dtype)) for dtype in PRECISIONS
        )
        self.addSeparator()
        self.remove = self._entry("column_remove", self.tr("Remove"))
        self.triggered.connect(self._chosen)

    def _entry(self, name: str, text: str) -> QAction:
        action = self.addAction(text)
        action.setObjectName(name)
        return action

    def show_place(self, place: int, count: int, dtype: str) -> None:
        """For the column at this place of `count`, whose precision is `dtype`."""
        self._place = place
        self._allow(self.left, place > 0, self.tr("It is the first"))
        self._allow(self.right, place < count - 1, self.tr("It is the last"))
        full = self.tr("There are {0} columns at most").format(MOST)
        self._allow(self.duplicate, count < MOST, full)
        for action, precision in zip(self.again, PRECISIONS, strict=True):
            same = precision == dtype
            self._allow(action, count < MOST and not same, self.tr("It is open as this") if same else full)

    @staticmethod
    def _allow(action: QAction, allowed: bool, why_not: str) -> None:
        action.setEnabled(allowed)
        action.setToolTip("" if allowed else why_not)

    @Slot(QAction)
    def _chosen(self, action: QAction) -> None:
        if action is self.left:
            self.move_asked.emit(self._place - 1)
        elif action is self.right:
            self.move_asked.emit(self._place + 1)
        elif action is self.duplicate:
            self.duplicate_asked.emit()
        elif action is self.remove:
            self.remove_asked.emit()
        elif action in self.again:
            self.open_as_asked.emit(PRECISIONS[self.again.index(action)])
