"""Where a person chooses another column: what is listed, what it would need, and only then "Add"."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnsChanged, NeedTold
from ntp_studio.core.types import ModelListing
from ntp_studio.ui.add_column_list import Choice, ChoiceList, model_choices
from ntp_studio.ui.add_column_need import NeedPanel
from ntp_studio.ui.column_colors import LETTERS
from ntp_studio.ui.compare_column_head import device_words
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_filter import TokenFilter

WIDTH, HEIGHT = 430, 560  # at the usual text size
PATTERNS = "*.safetensors *.gguf *.pt *.pth *.bin *.json *.ckpt"
REST_MS = 120  # keys that run down the list ask for the needs of the row they rest on


class AddColumnPicker(QFrame):
    """A popup: a line to type in, the list, and what the chosen one needs. It reads no model itself.

    A path that is typed or pasted is offered to be opened, if there is something. ↑ ↓ and a click choose; Enter and a
    double click add what fits. Esc clears the line, then closes. Requests are numbered from 1, and answers to any but
    the last are dropped.
    """

    add_requested = Signal(str, str, str)  # path, device, dtype
    duplicate_requested = Signal(int)  # column number
    need_wanted = Signal(int, str, str, str)  # request, path, device, dtype; answered by `show_need`

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("add_column_picker")
        self.setAccessibleName(self.tr("Add a model beside the others"))
        self._theme = theme
        self._found: tuple[ModelListing, ...] | None = None
        self._recent: tuple[str, ...] = ()
        self._columns: ColumnsChanged | None = None
        self._series: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
        self._picked: tuple[str, ...] = ()  # by a file dialog, the last first
        self._request = 0
        self._fits = False  # what was told last of what is chosen now
        self._anchor: QWidget | None = None
        self.field = TokenFilter(theme, self)
        self.field.setObjectName("add_column_field")
        self.field.setPlaceholderText(self.tr("Find a model…"))
        self.field.setAccessibleName(self.tr("Find a model to add"))
        self.field.setToolTip(self.tr("Type to filter, or paste a path; ↑ ↓ choose, Enter adds, Esc clears and closes"))
        self.file_button = self._button("add_column_file", self.tr("File…"), self.tr("A GGUF or checkpoint file"))
        self.folder_button = self._button("add_column_folder", self.tr("Folder…"), self.tr("A model in a folder"))
        self.rows = ChoiceList(theme, self)
        self.need = NeedPanel(theme, self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 9, 9, 9)
        layout.setSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(6)
        for part in (self.field, self.file_button, self.folder_button):
            top.addWidget(part, int(part is self.field))
        layout.addLayout(top)
        layout.addWidget(self.rows, 1)
        layout.addWidget(self.need)
        self.setFocusProxy(self.field)
        self._connect()
        theme.changed.connect(self._restyle)
        self._restyle()
        self._fill()

    def _button(self, name: str, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _connect(self) -> None:
        self._rest.timeout.connect(self._ask)
        self.file_button.clicked.connect(self._ask_file)
        self.folder_button.clicked.connect(self._ask_folder)
        self.field.textChanged.connect(self._typed)
        self.field.up_pressed.connect(self.rows.move_up)
        self.field.down_pressed.connect(self.rows.move_down)
        self.field.enter_pressed.connect(self._entered)
        self.field.left.connect(self.close)
        self.rows.current_changed.connect(self._chosen)
        self.rows.taken.connect(self._clicked)
        self.rows.pressed_twice.connect(self._confirm)
        self.need.choice_changed.connect(self._ask)
        self.need.dtype_offered.connect(self._take_dtype)
        self.need.confirmed.connect(self._confirm)

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_models(self, listings: Sequence[ModelListing]) -> None:
        """What was found; until then the list says that it is looking."""
        self._found = tuple(listings)
        self._fill()

    def show_recent(self, paths: Sequence[str]) -> None:
        self._recent = tuple(paths)
        self._fill()

    def show_columns(self, event: ColumnsChanged) -> None:
        """The open columns, any of which can be had again. What is free is another now, too."""
        self._columns = event
        self._fill()
        if self.isVisible():
            self._chosen()

    def show_snapshots(self, series_name: str, snapshots: Sequence[tuple[str, str]]) -> None:
        """The open model's training snapshots, as (label, path)."""
        self._series = series_name, tuple(snapshots)
        self._fill()

    def show_need(self, told: NeedTold) -> None:
        """The answer to `need_wanted`; dropped if something else was asked for since."""
        choice = self.rows.choice
        if told.request != self._request or choice is None or told.path != choice.path or self._rest.isActive():
            return
        self._fits = self.need.show_need(told)

    def popup_at(self, widget: QWidget) -> None:
        """Open under `widget`, with nothing chosen."""
        self._anchor = widget
        self.field.clear()
        self.rows.select(-1)
        self.rows.scrollToTop()
        self._chosen()
        self._open()

    def choose_path(self, path: str) -> None:
        """List a model that is not among those found, and choose it."""
        self._picked = (path, *(one for one in self._picked if one != path))
        self.field.clear()
        self._fill()
        self.rows.select(next((i for i, one in enumerate(self.rows.choices) if one.path == path), -1))
        self._ask()

    @property
    def full(self) -> bool:
        return self._columns is not None and len(self._columns.columns) >= len(LETTERS)

    def _open(self) -> None:
        self.resize(px(WIDTH), px(HEIGHT))
        room = self.screen().availableGeometry()
        place = QRect(QPoint(0, 0), self.size().boundedTo(room.size()))
        if self._anchor is not None:
            place.moveTopLeft(self._anchor.mapToGlobal(QPoint(0, self._anchor.height() + 3)))
        place.moveLeft(min(max(place.left(), room.left()), room.right() - place.width() + 1))
        place.moveTop(min(max(place.top(), room.top()), room.bottom() - place.height() + 1))
        self.setGeometry(place)
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    # -- filling -------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        words = self.field.text().casefold().split()
        rows: list[Choice] = []
        models = model_choices(self._found, self._recent)
        known = {one.path for one in models}
        named = self._named(known)
        picked = [
            Choice("model", PurePath(one).name or one, str(PurePath(one).parent), path=one)
            for one in self._picked
            if one not in known
        ]
        if self._found is None:
            models.append(Choice("line", self.tr("Looking for models…")))
        elif not models and not picked:
            models.append(Choice("line", self.tr("No models were found here; open a file or a folder.")))
        series, snapshots = self._series
        groups = (
            (self.tr("THE SAME MODEL AGAIN"), self._again()),
            (self.tr("MODELS"), [*picked, *models]),
            (
                self.tr("TRAINING SNAPSHOTS OF {0}").format(series),
                [Choice("model", label, path=path, series=series) for label, path in snapshots],
            ),
        )
        for title, choices in groups:
            held = [one for one in choices if one.holds(words) and (one.usable or not words)]
            if held:
                rows += [Choice("title", title), *held]
        if named is not None:
            rows.insert(0, named)
        if not rows:
            rows.append(Choice("line", self.tr("Nothing here is called that")))
        self.rows.show_choices(rows)

    def _named(self, known: set[str]) -> Choice | None:
        """The file or folder that the typed text names in full; None where there is none, or it is listed anyway."""
        typed = self.field.text().strip().strip("'\"")
        path = os.path.expanduser(typed)
        if typed in known or not os.path.isabs(path) or not os.path.exists(path):
            return None
        path = os.path.normpath(path)
        name = os.path.basename(path)
        if not name:
            return None
        return Choice("model", self.tr("Open {0}").format(f"…/{name}"), os.path.dirname(path), path=path, name=name)

    def _again(self) -> list[Choice]:
        columns = () if self._columns is None else self._columns.columns
        return [
            Choice("column", state.info.name, device_words(state.info), number=state.number, place=place)
            for place, state in enumerate(columns)
        ]

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._fill()
        if text and self.rows.choice is None:
            self.rows.select_first()

    @Slot()
    def _chosen(self) -> None:
        """Another row is current: say what it is, and soon ask what it needs."""
        self._fits = False
        self._rest.stop()
        self._request += 1  # no answer to what was asked before is of this
        choice = self.rows.choice
        show = self.need.show_words
        if self.full:
            show("", "", self.tr("There are {0} columns, and no more: remove one first.").format(len(LETTERS)))
        elif choice is None:
            show("", "", self.tr("Choose one to see what it needs, before anything is loaded."))
        elif choice.kind == "column":
            words = self.tr("A column like it beside it, on the same weights: nothing is loaded again.")
            show(choice.text, choice.detail, words, confirm=self.tr("Duplicate"))
        elif choice.problem:
            show(choice.text, choice.path, choice.problem, error=True)
        else:
            self.need.show_waiting(_title(choice), choice.path)
            self._rest.start()

    @Slot()
    def _ask(self) -> None:
        """What the chosen model needs, as it is to be opened."""
        choice = self.rows.choice
        if choice is None or choice.kind != "model" or choice.problem or self.full:
            return
        self._rest.stop()
        self._fits = False
        self._request += 1
        self.need.show_waiting(_title(choice), choice.path)
        self.need_wanted.emit(self._request, choice.path, self.need.device.value, self.need.dtype.value)

    @Slot()
    def _clicked(self) -> None:
        choice = self.rows.choice
        if choice is not None and choice.kind != "model":
            self._confirm()
        elif self._rest.isActive():
            self._ask()

    @Slot()
    def _entered(self) -> None:
        if self._rest.isActive():
            self._ask()
        else:
            self._confirm()

    @Slot(str)
    def _take_dtype(self, dtype: str) -> None:
        self.need.dtype.choose(dtype)
        self._ask()

    @Slot()
    def _confirm(self) -> None:
        """Add what is chosen, if it is known to fit; a column again needs no asking."""
        choice = self.rows.choice
        if choice is None or self.full:
            return
        if choice.kind == "column":
            self.close()
            self.duplicate_requested.emit(choice.number)
        elif self._fits:
            self.close()
            self.add_requested.emit(choice.path, self.need.device.value, self.need.dtype.value)

    @Slot()
    def _ask_file(self) -> None:
        self._open_dialog(QFileDialog.FileMode.ExistingFile)

    @Slot()
    def _ask_folder(self) -> None:
        self._open_dialog(QFileDialog.FileMode.Directory)

    def _open_dialog(self, mode: QFileDialog.FileMode) -> None:
        self.close()  # a popup would lie over the dialog
        dialog = QFileDialog(self.parentWidget(), self.tr("Add a model"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if mode == QFileDialog.FileMode.ExistingFile:
            dialog.setNameFilter(self.tr("Model files ({0});;All files (*)").format(PATTERNS))
        dialog.fileSelected.connect(self._file_selected)
        dialog.open()

    @Slot(str)
    def _file_selected(self, path: str) -> None:
        self._open()
        self.choose_path(path)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self._theme.palette
        painter.fillRect(self.rect(), palette.color("surface"))
        painter.setPen(QPen(palette.color("border"), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        line = self.need.geometry().top() - 2
        painter.drawLine(10, line, self.width() - 11, line)
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self.rows.setStyleSheet(f"#add_column_rows {{ background: {palette.surface}; border: none; outline: none; }}")
        self.rows.scheduleDelayedItemsLayout()
        self.update()


def _title(choice: Choice) -> str:
    return f"{choice.series} · {choice.text}" if choice.series else choice.name or choice.text
