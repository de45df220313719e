"""The decoding of the columns: one chain for all of them while they are linked, else that of the column chosen here."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnsChanged, ColumnState
from ntp_studio.core.types import DecodingSettings, StageReport
from ntp_studio.ui.bar_button import BarButton
from ntp_studio.ui.column_colors import LETTERS
from ntp_studio.ui.decoding_panel import DecodingPanel
from ntp_studio.ui.style import px
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme

NOBODY = -1


class DecodingDrawer(QWidget):
    """Shows the settings of one column; `changed` carries them and the column's number, `NOBODY` for all."""

    changed = Signal(object, int)
    closed = Signal()
    chosen = Signal(int)  # whose settings are on view
    pictures_wanted = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_decoding")
        self.setAccessibleName(self.tr("Decoding of the columns"))
        self.setProperty("column", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._columns: tuple[ColumnState, ...] = ()
        self._number = NOBODY
        self.panel = DecodingPanel(theme, parent=self)
        self.panel.changed.connect(self._panel_changed)
        self.panel.pictures_wanted.connect(self.pictures_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._make_head())
        column.addWidget(self.panel, 1)
        theme.changed.connect(self._restyle)
        self._restyle()

    def _make_head(self) -> QHBoxLayout:
        self._letters = QFrame(self)
        self._letters.setProperty("segmented", True)
        self._letters.setAccessibleName(self.tr("Whose decoding"))
        row = QHBoxLayout(self._letters)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        for place, letter in enumerate(LETTERS):
            button = QToolButton(self._letters)
            button.setText(letter)
            button.setCheckable(True)
            button.setProperty("segment", True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setObjectName(f"decoding_of_{letter}")
            button.setAccessibleName(self.tr("Decoding of {0}").format(letter))
            self._group.addButton(button, place)
            row.addWidget(button)
        self._group.idClicked.connect(self._letter_clicked)
        self._all = QLabel(self.tr("All columns"), self)
        self._all.setProperty("role", "strong")
        self._linked = Switch(self._theme, self)
        self._linked.setObjectName("linked_decoding")
        self._linked.setAccessibleName(self.tr("One decoding for all columns"))
        tip = self.tr("Linked: a change holds for all columns. Off: each column has a decoding of its own.")
        self._linked.setToolTip(tip)
        self._linked.setChecked(True)
        self._linked.toggled.connect(self._link_toggled)
        word = QLabel(self.tr("linked"), self)
        word.setProperty("role", "muted")
        word.setToolTip(tip)
        close = BarButton(self._theme, glyph="close")
        close.setObjectName("close_decoding")
        close.setAccessibleName(self.tr("Close"))
        close.setToolTip(self.tr("Hide the decoding"))
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setContentsMargins(14, 0, 10, 0)
        head.setSpacing(8)
        head.addWidget(self._letters)
        head.addWidget(self._all)
        head.addStretch(1)
        head.addWidget(word)
        head.addWidget(self._linked)
        head.addWidget(close)
        return head

    # -- what it shows -------------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """The column whose settings are on view, `NOBODY` before there is one."""
        return self._number

    @property
    def linked(self) -> bool:
        return self._linked.isChecked()

    def show_columns(self, event: ColumnsChanged) -> None:
        """Settings are shown anew only where they are not those on view: a slider is not moved under the hand."""
        self._columns = event.columns
        if self._place() is None:
            self._number = event.columns[0].number if event.columns else NOBODY
        self._show_letters()
        self._show_settings()

    def choose(self, number: int) -> None:
        """Show the settings of this column."""
        self._number = number
        self._show_letters()
        self._show_settings()

    def show_reports(self, reports: tuple[StageReport, ...]) -> None:
        self.panel.show_reports(reports)

    def _place(self) -> int | None:
        return next((i for i, state in enumerate(self._columns) if state.number == self._number), None)

    def _show_letters(self) -> None:
        place = self._place()
        several = len(self._columns) > 1
        self._letters.setVisible(several and not self.linked)
        self._all.setVisible(not several or self.linked)
        self._all.setText(self.tr("All columns") if several else self.tr("Decoding"))
        for i, button in enumerate(self._group.buttons()):
            button.setVisible(i < len(self._columns))
            button.setChecked(i == place)

    def _show_settings(self) -> None:
        place = self._place()
        if place is not None and self._columns[place].decoding != self.panel.settings():
            self.panel.set_settings(self._columns[place].decoding)

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot(object)
    def _panel_changed(self, decoding: DecodingSettings) -> None:
        self.changed.emit(decoding, NOBODY if self.linked else self._number)

    @Slot(int)
    def _letter_clicked(self, place: int) -> None:
        self.choose(self._columns[place].number)
        self.chosen.emit(self._number)

    @Slot(bool)
    def _link_toggled(self, on: bool) -> None:
        """Linked again, all have what is on view."""
        self._show_letters()
        if on and self._columns:
            self.changed.emit(self.panel.settings(), NOBODY)

    @Slot()
    def _restyle(self) -> None:
        self.setFixedWidth(max(px(300), 296))
