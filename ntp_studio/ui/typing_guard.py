"""Keys without Ctrl belong to a text field while a person types in it, and to a slider or list that has the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, Slot
from PySide6.QtGui import QKeyEvent
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


class TypingGuard(QObject):
    """Lets the focused widget have its own keys before they act as shortcuts.

    Before a shortcut fires, Qt asks the focused widget with a ShortcutOverride event. Qt's text fields claim most of
    what they need, but not all (Enter and ↑ ↓ in a line, arrows on a slider). The guard watches only the widget with
    the focus: a filter on the application would run Python for every event of the program.
    """

    def __init__(self, app: QApplication, parent: QObject | None = None) -> None:
        super().__init__(parent or app)
        app.focusChanged.connect(self._focus_changed)
        self._focus_changed(None, app.focusWidget())

    @Slot(QWidget, QWidget)
    def _focus_changed(self, old: QWidget | None, now: QWidget | None) -> None:
        if old is not None:
            old.removeEventFilter(self)
        if now is not None:
            now.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and isinstance(watched, QWidget)
            and keeps_key(watched, event.keyCombination())
        ):
            event.accept()
            return True
        return False
