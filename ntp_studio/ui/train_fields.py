"""The fields of the Train panel's form: numbers, choices, a folded part, and the list of text files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QLocale, QModelIndex, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeyEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QStyledItemDelegate,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.ui.glyphs import paint_glyph
from ntp_studio.ui.model_menu import size_text
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette, Theme
from ntp_studio.ui.train_values import total_bytes

LOWEST_RATE, HIGHEST_RATE = 1e-9, 10.0


def label(text: str, role: str = "", parent: QWidget | None = None) -> QLabel:
    made = QLabel(text, parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    return made


def field_style(palette: Palette) -> str:
    """Numbers and choices that look like the lines of text beside them; the arrow of a choice is painted by itself."""
    return (
        f"QSpinBox, QDoubleSpinBox, QComboBox {{ color: {palette.text}; background: {palette.surface};"
        f" border: 1px solid {palette.border}; border-radius: 6px; padding: 4px 6px; }}"
        f"QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{ border-color: {palette.accent}; }}"
        f"QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled"
        f" {{ color: {palette.faint}; background: {palette.sunken}; }}"
        # Without their place being told, Qt leaves no room for the number.
        "QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { subcontrol-origin: border; width: 0; }"
        "QComboBox::drop-down { border: none; width: 20px; } QComboBox::down-arrow { image: none; }"
        f"QComboBox QAbstractItemView::item {{ color: {palette.text}; padding: 4px 6px; border: none; }}"
        f"QComboBox QAbstractItemView::item:selected {{ color: {palette.accent_text}; background: {palette.accent}; }}"
        f'QSpinBox[wrong="true"], QDoubleSpinBox[wrong="true"], QLineEdit[wrong="true"]'
        f" {{ border: 1px solid {palette.error}; }}"
    )


def toggle_style(palette: Palette) -> str:
    """Small buttons that stay pressed, as those over the next token's chart."""
    return (
        f"QToolButton {{ background: {palette.surface}; color: {palette.muted}; border: 1px solid {palette.border};"
        f" border-radius: 6px; padding: 3px 7px; }}"
        f"QToolButton:hover {{ background: {palette.sunken}; }}"
        f"QToolButton:checked {{ background: {palette.accent_soft}; color: {palette.link};"
        f" border-color: {palette.accent}; }}"
        f"QToolButton:focus {{ border-color: {palette.accent}; }}"
    )


class _Number:
    """What both kinds of number fields do. What a person types beyond `low` and `high` stays there, for the form to
    tell them: Qt would put another number in its place. The wheel turns it only while a person types here: the form
    scrolls."""

    low: float
    high: float

    def _dress(self, name: str) -> None:
        self.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.setMinimumWidth(48)
        self.lineEdit().setTextMargins(7, 0, 0, 0)
        self.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)

    def stepBy(self, steps: int) -> None:
        super().stepBy(steps)  # type: ignore[misc]  # the field's own, the next base class
        self.setValue(min(max(self.value(), self.low), self.high))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)  # type: ignore[misc]
        else:
            event.ignore()


class Whole(_Number, QSpinBox):
    """A whole number."""

    def __init__(self, low: int, high: int, value: int, name: str) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.setLocale(QLocale.c())
        self.setRange(min(low, 0), 2**31 - 1)
        self.setValue(value)
        self.setGroupSeparatorShown(True)
        self._dress(name)


class Decimal(_Number, QDoubleSpinBox):
    def __init__(self, low: float, high: float, value: float, name: str, decimals: int = 2, suffix: str = "") -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setDecimals(decimals)
        self.setRange(min(low, 0.0), 1e9)
        self.setValue(value)
        self.setSuffix(suffix)
        self.low, self.high = low, high
        self._dress(name)


class Choice(QComboBox):
    """One of a few; `value` is the chosen one's own name."""

    def __init__(self, theme: Theme, choices: Iterable[tuple[str, str]], name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setMinimumWidth(60)
        for value, text in choices:
            self.addItem(text, value)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(9)
        self.setItemDelegate(QStyledItemDelegate(self))  # Fusion's own ignores the colours of the chosen row
        # Return is kept for the list by the typing guard, before Qt's own filter on the list sees it.
        self.view().activated.connect(self._picked)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @Slot(QModelIndex)
    def _picked(self, index: QModelIndex) -> None:
        self.setCurrentIndex(index.row())
        self.hidePopup()

    @property
    def value(self) -> str:
        return str(self.currentData())

    def choose(self, value: str) -> None:
        """Nothing happens where it is not to be had."""
        index = self.findData(value)
        if index >= 0:
            self.setCurrentIndex(index)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        side = px(12)
        rect = QRectF(self.width() - side - 6, (self.height() - side) / 2, side, side)
        paint_glyph(painter, "chevron", rect, self._theme.palette.color("muted" if self.isEnabled() else "faint"))
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Rate(QLineEdit):
    """A small number that is written as 0.001 or 1e-3."""

    def __init__(self, value: float, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.set_value(value)

    def set_value(self, value: float) -> None:
        self.setText(f"{value:g}")

    @property
    def meant(self) -> bool:
        """Whether it can be a learning rate at all."""
        return LOWEST_RATE <= self.value <= HIGHEST_RATE

    @property
    def value(self) -> float:
        """NaN while it is no number."""
        try:
            return float(self.text().strip().replace(",", "."))
        except ValueError:
            return math.nan


class Fold(QWidget):
    """A line that shows and hides what is beneath it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._button = QToolButton(self)
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setProperty("role", "link")
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.toggled.connect(self._toggled)
        self.inside = QWidget(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._button)
        column.addWidget(self.inside)
        self._toggled(False)

    @property
    def open(self) -> bool:
        return self._button.isChecked()

    def set_open(self, is_open: bool) -> None:
        self._button.setChecked(is_open)

    @Slot(bool)
    def _toggled(self, is_open: bool) -> None:
        self._button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.inside.setVisible(is_open)


class _Names(QListWidget):
    """File names; Delete takes the chosen ones out."""

    removed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.selectedItems():
            self.removed.emit()
        else:
            super().keyPressEvent(event)


class TextFiles(QFrame):
    """The text files to train on: added by a dialog or dropped here."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._list = _Names(self)
        self._list.setObjectName("train_texts")
        self._list.setAccessibleName(self.tr("Text files to train on"))
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.removed.connect(self.remove_chosen)
        self._list.itemSelectionChanged.connect(self._show)
        self._caption = label("", "caption", self)
        self._add = QPushButton(self.tr("Add…"), self)
        self._add.setObjectName("train_add_texts")
        self._add.setAccessibleName(self.tr("Add text files"))
        self._add.clicked.connect(self.ask)
        self._remove = QPushButton(self.tr("Remove"), self)
        self._remove.setAccessibleName(self.tr("Remove the chosen text files"))
        self._remove.clicked.connect(self.remove_chosen)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self._caption, 1)
        row.addWidget(self._remove)
        row.addWidget(self._add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self._list)
        column.addLayout(row)
        self._show()

    def paths(self) -> tuple[str, ...]:
        return tuple(str(self._list.item(i).data(Qt.ItemDataRole.UserRole)) for i in range(self._list.count()))

    def set_paths(self, paths: Iterable[str]) -> None:
        self._list.clear()
        self.add(paths)

    def add(self, paths: Iterable[str]) -> None:
        known = set(self.paths())
        for path in paths:
            if path not in known:
                item = QListWidgetItem(Path(path).name)
                item.setData(Qt.ItemDataRole.UserRole, path)
                item.setToolTip(path)
                self._list.addItem(item)
                known.add(path)
        self._show()
        self.changed.emit()

    @Slot()
    def remove_chosen(self) -> None:
        for item in self._list.selectedItems():
            self._list.takeItem(self._list.row(item))
        self._show()
        self.changed.emit()

    @Slot()
    def _show(self) -> None:
        count = self._list.count()
        size = size_text(total_bytes(self.paths()))
        if not count:
            self._caption.setText(self.tr("Drop text files here"))
        elif count == 1:
            self._caption.setText(self.tr("1 file, {0}").format(size))
        else:
            self._caption.setText(self.tr("{0} files, {1}").format(count, size))
        self._remove.setVisible(bool(self._list.selectedItems()))
        self._list.setVisible(bool(count))
        self._list.setFixedHeight(min(max(count, 1), 4) * px(20) + 4)

    @Slot()
    def ask(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Text files to train on"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([self.tr("Text (*.txt *.md *.text)"), self.tr("All files (*)")])
        if self.paths():
            dialog.setDirectory(str(Path(self.paths()[-1]).parent))
        dialog.filesSelected.connect(self._asked)
        dialog.open()

    @Slot(list)
    def _asked(self, paths: list[str]) -> None:
        self.add(paths)

    # -- dropping ------------------------------------------------------------------------------------------------------

    @staticmethod
    def dropped_files(event: QDropEvent) -> list[str]:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        return [path for path in paths if Path(path).is_file()]

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.dropped_files(event):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.add(self.dropped_files(event))
