"""Keys without Ctrl belong to a text field while a person types in it, and to a slider or list that has the focus.

A click anywhere else ends the typing.
"""

from __future__ import annotations

from collections.abc import Container

import shiboken6
from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWindow
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)

_COMMAND = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
_MOVING = {
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
}
_PRESSING = {Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter}


def is_text_field(widget: QWidget) -> bool:
    """Whether a person types into this widget."""
    if isinstance(widget, QLineEdit | QPlainTextEdit | QTextEdit | QAbstractSpinBox):
        return not widget.isReadOnly()
    return isinstance(widget, QComboBox) and widget.isEditable()


def keeps_key(widget: QWidget, pressed: QKeyCombination) -> bool:
    """Whether a key is this focused widget's own, before it is anybody's shortcut."""
    key = pressed.key()
    if pressed.keyboardModifiers() & _COMMAND or Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35 or key == Qt.Key.Key_Escape:
        return False
    if is_text_field(widget):
        return True
    if isinstance(widget, QAbstractSlider) and not isinstance(widget, QScrollBar):
        return key in _MOVING
    if isinstance(widget, QAbstractButton):
        return key in _PRESSING
    if isinstance(widget, QAbstractItemView | QComboBox):
        return key in (_MOVING - {Qt.Key.Key_Left, Qt.Key.Key_Right}) | _PRESSING
    return False


def let_go(widget: QWidget) -> None:
    """Take the focus from a widget and leave it with its window, so that the window's keys work again.

    With the focus nowhere, Qt would give it to the first button when the window is next activated.
    """
    window = widget.window()
    if window is widget:
        widget.clearFocus()
    else:
        window.setFocus(Qt.FocusReason.OtherFocusReason)


def claims_escape(event: QEvent) -> bool:
    """For a text field's `event`: whether this was the question who gets Escape, answered: the field, which takes back
    what was typed; else it is the window's key for "stop"."""
    if (
        event.type() == QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and event.key() == Qt.Key.Key_Escape
    ):
        event.accept()
        return True
    return False


def claims_keys(event: QEvent, keys: Container[int]) -> bool:
    """For a widget's `event`: whether this was the question who gets one of these keys, bare, answered: the widget that
    has the focus, before they are the window's."""
    plain = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
    if (
        event.type() == QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and event.key() in keys
        and event.modifiers() in plain
    ):
        event.accept()
        return True
    return False


class TypingGuard(QObject):
    """Lets the focused widget have its own keys before they act as shortcuts, and ends typing at a click elsewhere.

    Before a shortcut fires, Qt asks the focused widget with a ShortcutOverride event. Qt's text fields claim most of
    what they need, but not all (Enter and ↑ ↓ in a line, arrows on a slider). The guard watches only the widget with
    the focus: a filter on the application would run Python for every event of the program. Clicks it sees where they
    reach the window, and only while a text field has the focus: most widgets here take no focus when clicked.
    """

    def __init__(self, app: QApplication, parent: QObject | None = None) -> None:
        super().__init__(parent or app)
        self._handle: QWindow | None = None
        app.focusChanged.connect(self._focus_changed)
        self._focus_changed(None, app.focusWidget())

    @Slot(QWidget, QWidget)
    def _focus_changed(self, old: QWidget | None, now: QWidget | None) -> None:
        if old is not None:
            old.removeEventFilter(self)
        if now is not None:
            now.installEventFilter(self)
        handle = now.window().windowHandle() if now is not None and is_text_field(now) else None
        if handle is not self._handle:
            # A dialog that deletes itself takes its window with it before the focus has moved on.
            if self._handle is not None and shiboken6.isValid(self._handle):
                self._handle.removeEventFilter(self)
                self._handle.destroyed.disconnect(self._handle_gone)
            if handle is not None:
                handle.installEventFilter(self)
                handle.destroyed.connect(self._handle_gone)
            self._handle = handle

    @Slot()
    def _handle_gone(self) -> None:
        if self._handle is not None and not shiboken6.isValid(self._handle):
            self._handle = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._handle:
            if event.type() == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
                self._clicked(event)
            return False
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and isinstance(watched, QWidget)
            and keeps_key(watched, event.keyCombination())
        ):
            event.accept()
            return True
        return False

    @staticmethod
    def _clicked(event: QMouseEvent) -> None:
        field = QApplication.focusWidget()
        if field is None or not is_text_field(field):
            return
        window = field.window()
        under = window.childAt(event.position().toPoint())
        if under is None or not (under is field or field.isAncestorOf(under)):
            let_go(field)
