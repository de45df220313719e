"""The choice of which rows of a scored text are shown: a combo box whose open list has its keys to itself."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy

from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_fields import Choice

_COMMAND = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


class Conditions(Choice):
    """As wide as its longest condition.

    While its list is open the window behind is still the active one, so that the window's keys (N, P, A, Esc, …) would
    act under the list. Enter is chosen by in `Choice`: Qt itself chooses only at a ShortcutOverride that nobody has
    taken, and the typing guard takes it.
    """

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, (), name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.view().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Every key without Ctrl is the open list's: letters look for a condition, Escape closes it."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and not event.modifiers() & _COMMAND
        ):
            event.accept()
            return True
        return super().eventFilter(watched, event)
