"""Two small windows for presets of a person's own: one asks for a name, one lists them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.types import DecodingSettings, StudioError
from ntp_studio.preset_files import checked_name
from ntp_studio.settings import MAX_PRESET_NAME
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.preset_menu import own_summary
from ntp_studio.ui.style import px

Named = tuple[str, DecodingSettings]


def _label(role: str, text: str = "") -> QLabel:
    label = plain_label(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    return label


class NameDialog(QDialog):
    """Asks for a preset's name and says at once what is wrong with it."""

    named = Signal(str)

    def __init__(
        self, title: str, words: str, name: str, taken: Sequence[str], *, replaces: bool, parent: QWidget | None = None
    ) -> None:
        """With `replaces`, one of the names `taken` may be chosen, and its preset will be replaced."""
        super().__init__(parent)
        self.setObjectName("preset_name")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._taken, self._replaces = tuple(taken), replaces
        self._edit = QLineEdit(name)
        self._edit.setMaxLength(MAX_PRESET_NAME)
        self._edit.setPlaceholderText(self.tr("Name"))
        self._edit.setAccessibleName(self.tr("Name of the preset"))
        self._edit.selectAll()
        self._edit.textChanged.connect(self._check)
        self._note = _label("caption")
        self._note.setMinimumHeight(2 * self._note.fontMetrics().lineSpacing())  # so that a note moves nothing
        self._note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._save = QPushButton(self.tr("Save"))
        self._save.setObjectName("preset_save")
        self._save.setProperty("primary", True)
        self._save.setDefault(True)
        self._save.clicked.connect(self.accept)
        cancel = QPushButton(self.tr("Cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(8)
        column.addWidget(_label("title", title))
        if words:
            column.addWidget(_label("muted", words))
        column.addSpacing(4)
        column.addWidget(self._edit)
        column.addWidget(self._note)
        column.addLayout(buttons)
        self.setFixedWidth(px(400))
        self._check(name)

    @property
    def note(self) -> str:
        return self._note.text()

    def _name(self) -> str:
        """The name to save under. Raises StudioError."""
        name = checked_name(self._edit.text(), () if self._replaces else self._taken)
        # A preset keeps the capitals that it has.
        return next((other for other in self._taken if other.casefold() == name.casefold()), name)

    @Slot(str)
    def _check(self, text: str) -> None:
        note, replacing = "", False
        try:
            name = self._name()
            replacing = self._replaces and name in self._taken
            if replacing:
                note = self.tr("This replaces the settings that “{0}” holds now.").format(name)
        except StudioError as error:
            note = str(error) if text.strip() else ""
            self._save.setEnabled(False)
        else:
            self._save.setEnabled(True)
        self._note.setText(note)
        self._save.setText(self.tr("Replace") if replacing else self.tr("Save"))

    def accept(self) -> None:
        try:
            name = self._name()
        except StudioError:
            return
        super().accept()
        self.named.emit(name)


class ManageDialog(QDialog):
    """A person's own presets, to be renamed, deleted and exported. What is deleted can be had back while it is open."""

    changed = Signal(object)  # all of them, as a tuple of (name, settings)
    export_asked = Signal(str)

    def __init__(self, presets: Sequence[Named], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("manage_presets_dialog")
        self.setWindowTitle(self.tr("Your presets"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._presets = tuple(presets)
        self._before: tuple[Named, ...] | None = None  # the last deletion
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Your presets"))
        self._list.setProperty("card", True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.currentRowChanged.connect(self._show_row)
        self._list.itemDoubleClicked.connect(self._rename_item)
        self._words = _label("caption")
        self._words.setMinimumHeight(3 * self._words.fontMetrics().lineSpacing())
        self._words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._rename = self._button(self.tr("Rename…"), "preset_rename", "F2")
        self._rename.clicked.connect(self.rename)
        self._delete = self._button(self.tr("Delete"), "preset_delete", "Del")
        self._delete.clicked.connect(self.delete)
        self._export = self._button(self.tr("Export…"), "preset_export", "")
        self._export.clicked.connect(self._ask_export)
        self._undo = QPushButton()
        self._undo.setObjectName("preset_undelete")
        self._undo.setAutoDefault(False)
        self._undo.setProperty("role", "link")
        self._undo.clicked.connect(self.undelete)
        close = QPushButton(self.tr("Close"))
        close.setDefault(True)
        close.clicked.connect(self.close)
        side = QVBoxLayout()
        side.setSpacing(8)
        for button in (self._rename, self._delete, self._export):
            side.addWidget(button)
        side.addStretch(1)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self._list, 1)
        middle.addLayout(side)
        foot = QHBoxLayout()
        foot.addWidget(self._undo)
        foot.addStretch(1)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(10)
        column.addWidget(_label("title", self.tr("Your presets")))
        column.addLayout(middle, 1)
        column.addWidget(self._words)
        column.addLayout(foot)
        self.resize(px(440), px(340))
        self._fill(0)

    def _button(self, text: str, name: str, key: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        if key:
            shortcut = QShortcut(QKeySequence(key), self._list)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(button.click)
            button.setToolTip(shortcut.key().toString(QKeySequence.SequenceFormat.NativeText))
        return button

    def _fill(self, row: int) -> None:
        self._list.clear()
        for name, _ in self._presets:
            item = QListWidgetItem(name, self._list)
            item.setSizeHint(QSize(0, px(24)))  # as wide as the list, so that a long name is elided
        self._list.setCurrentRow(min(row, len(self._presets) - 1))
        self._show_row(self._list.currentRow())
        self._undo.setVisible(self._before is not None)

    @Slot(int)
    def _show_row(self, row: int) -> None:
        some = 0 <= row < len(self._presets)
        for button in (self._rename, self._delete, self._export):
            button.setEnabled(some)
        if some:
            words = own_summary(self._presets[row][1]) or self.tr("Draws from the model's own distribution.")
        else:
            words = self.tr("There are none. “Save as preset…” keeps the present decoding settings under a name.")
        self._words.setText(words)

    def _change(self, presets: tuple[Named, ...], row: int) -> None:
        self._presets = presets
        self._fill(row)
        self.changed.emit(presets)

    @Slot(QListWidgetItem)
    def _rename_item(self, item: QListWidgetItem) -> None:
        self.rename()

    @Slot()
    def rename(self) -> None:
        row = self._list.currentRow()
        if row < 0:
            return
        name = self._presets[row][0]
        others = [other for other, _ in self._presets if other != name]
        dialog = NameDialog(self.tr("Rename preset"), "", name, others, replaces=False, parent=self)
        dialog.named.connect(self._renamed)
        dialog.open()

    @Slot(str)
    def _renamed(self, name: str) -> None:
        row = self._list.currentRow()
        self._before = None
        presets = list(self._presets)
        presets[row] = (name, presets[row][1])
        self._change(tuple(presets), row)

    @Slot()
    def delete(self) -> None:
        row = self._list.currentRow()
        if row < 0:
            return
        self._before = self._presets
        name = self._undo.fontMetrics().elidedText(self._presets[row][0], Qt.TextElideMode.ElideMiddle, px(180))
        self._undo.setText(self.tr("Undo: bring “{0}” back").format(name).replace("&", "&&"))
        self._change((*self._presets[:row], *self._presets[row + 1 :]), row)

    @Slot()
    def undelete(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            self._list.setFocus()
            self._change(before, next(i for i, each in enumerate(before) if each not in self._presets))

    @Slot()
    def _ask_export(self) -> None:
        row = self._list.currentRow()
        if row >= 0:
            self.export_asked.emit(self._presets[row][0])
