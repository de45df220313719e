"""A list of texts of a stage: one line for each, and an empty one at the end to add another. A long list scrolls."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.decoding.build import MAX_TEXTS
from ntp_studio.core.decoding.stages import Texts
from ntp_studio.ui.card_lines import WordsLine, plain_tip
from ntp_studio.ui.card_parts import CloseMark
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.text_escapes import meant, shown
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape, let_go

SHOWN = 60  # so many have a line at first: the last ones, beside which another is added
BATCH = 200  # so many more when they are asked for
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


class _Rows(QScrollArea):
    """As high as its rows, up to `MOST` of them; half a row more says that there are others."""

    MOST = 8

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ground = QWidget()
        self._ground.setProperty("transparent", True)
        self.rows = QVBoxLayout(self._ground)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(1)
        self.rows.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes through the rows
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setWidget(self._ground)

    @property
    def scrolls(self) -> bool:
        return self.rows.count() > self.MOST

    def sizeHint(self) -> QSize:
        height = self.rows.sizeHint().height()
        if self.scrolls:
            height = round(height * (self.MOST + 0.5) / self.rows.count())
        return QSize(130, height)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Qt scrolls only where the focus was inside before, and then after the panel around has scrolled.
        if event.type() == QEvent.Type.FocusIn and isinstance(watched, QWidget):
            self.ensureWidgetVisible(watched, 0, 2)
        return super().eventFilter(watched, event)

    def show_end(self) -> None:
        """Scroll to the last row."""
        self.rows.activate()
        self._ground.resize(self._ground.width(), self.rows.sizeHint().height())
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())


class TextListEditor(QWidget):
    """Shows the texts as `text_escapes` writes them. `changed` only for what a person does, and only once the stage
    accepts all of them: until then the last accepted list stays in force, and the line says what is wrong with it."""

    changed = Signal()
    rows_changed = Signal()  # there are other widgets for Tab to go through

    def __init__(self, theme: Theme, texts: Texts, check: Check, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._texts, self._check, self._called = theme, texts, check, name
        self._value = texts.default
        self._before: tuple[str, ...] = ()  # the first ones, which have no line
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
        self._more = QPushButton(self)
        self._more.setObjectName("earlier_entries")
        self._more.setProperty("role", "link")
        self._more.setAccessibleName(self.tr("{0}: show earlier entries").format(name))
        self._more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._more.setCursor(Qt.CursorShape.PointingHandCursor)
        self._more.clicked.connect(self._show_more)
        self._area = _Rows(self)
        self._list = self._area.rows
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for part in (self._label, self._more, self._area, self._new, self._error, self._hint):
            layout.addWidget(part, 0, Qt.AlignmentFlag.AlignLeft if part is self._more else Qt.AlignmentFlag(0))
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
        written = (*self._before, *(meant(entry.text()) for _, entry, _ in self._rows))
        if value == self._value == written and not self._error.text:
            return  # a person may be writing a line
        self._value, self._before = value, value[:-SHOWN]
        self._error.set_text("")
        self._fill()

    def widgets(self) -> tuple[QWidget, ...]:
        """In the order in which Tab goes through them."""
        more = (self._more,) if self._before else ()
        return (*more, *(widget for _, entry, close in self._rows for widget in (entry, close)), self._new)

    def _fill(self) -> None:
        shown = self._value[len(self._before) :]
        while len(self._rows) > len(shown):
            self._drop(len(self._rows) - 1)
        while len(self._rows) < len(shown):
            self._add_row(len(self._rows))
        for (_, entry, _), text in zip(self._rows, shown, strict=True):
            entry.show_text(text)
        self._hint.set_text("" if self._rows else self._guide)  # once there is an example, the tool tip says it
        self._fit_rows()
        self.rows_changed.emit()

    def _fit_rows(self) -> None:
        self._area.setVisible(bool(self._rows))
        self._area.updateGeometry()
        self._more.setVisible(bool(self._before))
        self._more.setText(self.tr("… {0} more before these").format(f"{len(self._before):,}"))
        words = self._texts.label
        if self._area.scrolls:
            words = self.tr("{0} ({1} entries)").format(words, f"{len(self._before) + len(self._rows):,}")
        self._label.setText(words)

    def _make_entry(self) -> _Entry:
        entry = _Entry(self)
        entry.setFont(mono_like(QApplication.font()))
        entry.kept.connect(self._left)
        entry.entered.connect(self._entered)
        return entry

    def _add_row(self, place: int) -> _Entry:
        row = QWidget()
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
        for part in (entry, close):
            part.installEventFilter(self._area)
        self._list.insertWidget(place, row)
        self._rows.insert(place, (row, entry, close))
        row.show()
        return entry

    def _drop(self, index: int) -> None:
        row = self._rows.pop(index)[0]
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()  # not at once: one of its widgets may be telling something

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def _show_more(self) -> None:
        """Give the ones before these their lines; what is being written in the others stays."""
        had_focus = self._more.hasFocus()
        self._before, more = self._before[:-BATCH], self._before[-BATCH:]
        for place, text in enumerate(more):
            self._add_row(place).show_text(text)
        self._fit_rows()
        self.rows_changed.emit()
        self._area.verticalScrollBar().setValue(0)
        if had_focus and not self._before and self._rows:
            self._rows[0][1].setFocus(Qt.FocusReason.TabFocusReason)

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
                self._fit_rows()  # also where the others are not accepted
                if had_focus:
                    after = self._rows[index][2] if index < len(self._rows) else self._new
                    after.setFocus(Qt.FocusReason.TabFocusReason)
                return

    def _take(self) -> None:
        """What is written becomes the value, if the stage accepts it."""
        entries = [entry for _, entry, _ in self._rows]
        texts = [meant(entry.text()) for entry in (*entries, self._new)]
        value = (*self._before, *(text for text in texts if text))
        error = self._too_many(len(value)) or self._check(value)
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
        if texts[-1]:
            self._area.show_end()  # where the new one stands
        if changed:
            self.changed.emit()

    def _too_many(self, count: int) -> str:
        """What no file could hold would be lost at the next start."""
        if count <= MAX_TEXTS:
            return ""
        words = self.tr("A list may have {0} entries, and this would be {1}; take some out first.")
        return words.format(f"{MAX_TEXTS:,}", f"{count:,}")

    @Slot()
    def _restyle(self) -> None:
        for entry in (self._new, *(entry for _, entry, _ in self._rows)):
            entry.setFont(mono_like(QApplication.font()))
