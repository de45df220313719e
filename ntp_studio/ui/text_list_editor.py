"""A list of texts of a stage: one line for each, and an empty one at the end to add another."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from ntp_studio.core.decoding.stages import Texts
from ntp_studio.ui.card_lines import WordsLine, plain_tip
from ntp_studio.ui.card_parts import CloseMark
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.text_escapes import meant, shown
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape, let_go

Check = Callable[[tuple[str, ...]], str]  # what is wrong with these texts, in words; nothing where they are fine


class _Entry(QLineEdit):
    """Enter and leaving keep what was written, Escape takes it back."""

    kept = Signal()
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text_before = ""

    def show_text(self, text: str) -> None:
        self.text_before = shown(text)
        self.setText(self.text_before)
        self.setCursorPosition(0)

    def sizeHint(self) -> QSize:
        return QSize(90, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self.text_before)
            self.kept.emit()
            let_go(self)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.kept.emit()


class TextListEditor(QWidget):
    """Shows the texts as `text_escapes` writes them. `changed` only for what a person does, and only once the stage
    accepts all of them: until then the last accepted list stays in force, and the line says what is wrong with it."""

    changed = Signal()
    rows_changed = Signal()  # there are other widgets for Tab to go through

    def __init__(self, theme: Theme, texts: Texts, check: Check, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._texts, self._check, self._called = theme, texts, check, name
        self._value = texts.default
        self._rows: list[tuple[QWidget, _Entry, CloseMark]] = []
        self._label = QLabel(texts.label)
        self._label.setProperty("role", "caption")
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._error = WordsLine(theme, 4, parent=self)
        self._hint = WordsLine(theme, 3, parent=self)
        self._guide = texts.hint + self.tr("; \\n is a line break")
        self._new = self._make_entry()
        self._new.setPlaceholderText(self.tr("Add…"))
        self._new.setAccessibleName(self.tr("{0}: add an entry").format(name))
        self._new.setAccessibleDescription(texts.hint)
        self._new.setToolTip(plain_tip(self._guide))
        self._list = QVBoxLayout()
        self._list.setSpacing(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for part in (self._label, self._list, self._new, self._error, self._hint):
            layout.addLayout(part) if isinstance(part, QVBoxLayout) else layout.addWidget(part)
        theme.changed.connect(self._restyle)
        self._fill()

    # -- what it holds -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._texts.name

    @property
    def value(self) -> tuple[str, ...]:
        """The last list that the stage accepts."""
        return self._value

    @property
    def usual(self) -> bool:
        return self._value == self._texts.default

    @property
    def error(self) -> str:
        return self._error.text

    def set_value(self, value: tuple[str, ...]) -> None:
        """Show these texts, without `changed`."""
        written = tuple(meant(entry.text()) for _, entry, _ in self._rows)
        if value == self._value == written and not self._error.text:
            return  # a person may be writing a line
        self._value = value
        self._error.set_text("")
        self._fill()

    def widgets(self) -> tuple[QWidget, ...]:
        """In the order in which Tab goes through them."""
        return (*(widget for _, entry, close in self._rows for widget in (entry, close)), self._new)

    def _fill(self) -> None:
        while len(self._rows) > len(self._value):
            self._drop(len(self._rows) - 1)
        while len(self._rows) < len(self._value):
            self._add_row()
        for (_, entry, _), text in zip(self._rows, self._value, strict=True):
            entry.show_text(text)
        self._hint.set_text("" if self._rows else self._guide)  # once there is an example, the tool tip says it
        self.rows_changed.emit()

    def _make_entry(self) -> _Entry:
        entry = _Entry(self)
        entry.setFont(mono_like(QApplication.font()))
        entry.kept.connect(self._left)
        entry.entered.connect(self._entered)
        return entry

    def _add_row(self) -> _Entry:
        row = QWidget(self)
        entry, close = self._make_entry(), CloseMark(self._theme)
        entry.setAccessibleName(self._called)
        entry.setAccessibleDescription(self._texts.hint)
        entry.setToolTip(plain_tip(self._guide))
        close.setAccessibleName(self.tr("{0}: remove this entry").format(self._called))
        close.setToolTip(self.tr("Remove this entry"))
        close.clicked.connect(self._remove_clicked)
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(3)
        line.addWidget(entry, 1)
        line.addWidget(close)
        self._list.addWidget(row)
        self._rows.append((row, entry, close))
        row.show()
        return entry

    def _drop(self, index: int) -> None:
        row = self._rows.pop(index)[0]
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()  # not at once: one of its widgets may be telling something

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def _entered(self) -> None:
        entry = self.sender()
        self._take()
        if entry is self._new:
            return  # ready for the next one
        if not self._error.text:
            self._new.setFocus(Qt.FocusReason.TabFocusReason)

    @Slot()
    def _left(self) -> None:
        self._take()

    @Slot()
    def _remove_clicked(self) -> None:
        mark = self.sender()
        for index, (_, _, close) in enumerate(self._rows):
            if close is mark:
                had_focus = close.hasFocus()
                self._drop(index)
                self._take()
                if had_focus:
                    after = self._rows[index][2] if index < len(self._rows) else self._new
                    after.setFocus(Qt.FocusReason.TabFocusReason)
                return

    def _take(self) -> None:
        """What is written becomes the value, if the stage accepts it."""
        entries = [entry for _, entry, _ in self._rows]
        texts = [meant(entry.text()) for entry in (*entries, self._new)]
        value = tuple(text for text in texts if text)
        error = self._check(value)
        self._error.set_text(error, "error")
        if error or (value == self._value and "" not in texts[:-1] and not texts[-1]):
            if not error:
                for entry, text in zip(entries, texts, strict=False):
                    entry.show_text(text)
            return
        for index in reversed([index for index, text in enumerate(texts[:-1]) if not text]):
            self._drop(index)
        if texts[-1]:
            self._new.clear()
        changed, self._value = value != self._value, value
        self._fill()
        if changed:
            self.changed.emit()

    @Slot()
    def _restyle(self) -> None:
        for entry in (self._new, *(entry for _, entry, _ in self._rows)):
            entry.setFont(mono_like(QApplication.font()))
