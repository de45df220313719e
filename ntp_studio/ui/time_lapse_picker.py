"""Where a person chooses another token for the ribbon: one of the likeliest, or any that is found by typing."""

from __future__ import annotations

from collections.abc import Container, Sequence

from PySide6.QtCore import QPoint, QRect, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ntp_studio.core.types import TokenText
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_filter import TokenFilter
from ntp_studio.ui.token_text import chip_label

WIDTH, HEIGHT = 250, 300  # at the usual text size


class TokenPicker(QFrame):
    """A popup: a line to type in, and under it the tokens. Enter or a click takes one, Esc closes."""

    picked = Signal(int)  # token id
    find_wanted = Signal(str)  # answered by `show_found`

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("token_picker")
        self.setAccessibleName(self.tr("Add a token to the ribbon"))
        self._theme = theme
        self._offered: tuple[TokenText, ...] = ()
        self._taken: Container[int] = ()
        self._rows_of = ""  # the text that the rows answer
        self._hurried = False  # Enter came before the answer
        self.field = TokenFilter(theme, self)
        self.field.setObjectName("picker_field")
        self.field.setToolTip(
            self.tr("Type to look through the whole vocabulary; ↑ ↓ choose, Enter adds, Esc clears and closes")
        )
        self.rows = QListWidget(self)
        self.rows.setObjectName("picker_rows")
        self.rows.setAccessibleName(self.tr("Tokens to add"))
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setUniformItemSizes(True)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._note = plain_label(parent=self)
        self._note.setWordWrap(True)
        self.setFocusProxy(self.field)  # a click beside the line must not end the typing
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.field)
        layout.addWidget(self._note)
        layout.addWidget(self.rows, 1)
        self.field.textChanged.connect(self._typed)
        self.field.filter_changed.connect(self._rested)
        self.field.up_pressed.connect(self._up)
        self.field.down_pressed.connect(self._down)
        self.field.enter_pressed.connect(self._entered)
        self.field.left.connect(self.close)
        self.rows.itemClicked.connect(self._clicked)
        theme.changed.connect(self._restyle)
        self._restyle()

    def open_above(self, button: QWidget, offered: Sequence[TokenText], taken: Container[int]) -> None:
        """Open with the likeliest tokens `offered`; those `taken` are on the ribbon for good and left out."""
        self._offered, self._taken = tuple(offered), taken
        self.field.clear()
        self._show(self._offered, "")
        self.resize(px(WIDTH), px(HEIGHT))
        room = self.screen().availableGeometry()
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), -self.height() - 2))
        if corner.y() < room.top():
            corner = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + 2))
        place = QRect(corner, self.size())
        place.moveLeft(min(max(place.left(), room.left()), room.right() - place.width()))
        self.move(place.topLeft())
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def show_found(self, query: str, tokens: Sequence[TokenText]) -> None:
        """The tokens that contain `query`. Dropped when the typing has moved on."""
        if not query or query != self.field.text() or self.isHidden():
            return
        self._show(tokens, query)
        if self._hurried:
            self._hurried = False
            self._take(self.rows.currentItem())

    def _show(self, tokens: Sequence[TokenText], query: str) -> None:
        self._rows_of = query
        self.rows.clear()
        for token in dict.fromkeys(each for each in tokens if each.id not in self._taken):
            item = QListWidgetItem(chip_label(token), self.rows)
            item.setData(Qt.ItemDataRole.UserRole, token.id)
        self.rows.setCurrentRow(0)
        if self.rows.count():
            self._note.setText(self.tr("Tokens that contain this") if query else self.tr("The likeliest here"))
        elif tokens:
            self._note.setText(self.tr("Pinned already"))
        else:
            self._note.setText(self.tr("No token of the vocabulary contains this"))

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._hurried = False
        if not text:
            self._show(self._offered, "")

    @Slot(str)
    def _rested(self, text: str) -> None:
        if text:
            self.find_wanted.emit(text)

    @Slot()
    def _up(self) -> None:
        self.rows.setCurrentRow(max(self.rows.currentRow() - 1, 0))

    @Slot()
    def _down(self) -> None:
        self.rows.setCurrentRow(min(self.rows.currentRow() + 1, self.rows.count() - 1))

    @Slot()
    def _entered(self) -> None:
        if self._rows_of == self.field.text():
            self._take(self.rows.currentItem())
        else:
            self._hurried = True

    @Slot(QListWidgetItem)
    def _clicked(self, item: QListWidgetItem) -> None:
        self._take(item)

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            token_id = int(item.data(Qt.ItemDataRole.UserRole))
            self.close()
            self.picked.emit(token_id)

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self.rows.setFont(mono_like(self.font(), 0.95))
        self._note.setFont(scaled(self.font(), 0.9))
        self._note.setStyleSheet(f"color: {p.muted}; background: transparent")
        self.setStyleSheet(
            f"#token_picker {{ background: {p.surface}; border: 1px solid {p.border}; }}"
            f"#picker_rows {{ background: {p.surface}; color: {p.text}; border: none; outline: none; }}"
            f"#picker_rows::item {{ padding: 2px 6px; border-radius: 4px; }}"
            f"#picker_rows::item:hover {{ background: {p.sunken}; }}"
            f"#picker_rows::item:selected {{ background: {p.accent_soft}; color: {p.link}; }}"
        )
