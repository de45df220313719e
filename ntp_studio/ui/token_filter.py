"""The line in which a person looks for any token of the vocabulary."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QLineEdit, QWidget

from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape

DEBOUNCE_MS = 80


def _icon(color: QColor, cross: bool) -> QIcon:
    """A magnifier, or the cross that clears."""
    icon = QIcon()
    for scale in (1, 2, 3):
        pixmap = QPixmap(16 * scale, 16 * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        p = QPainter(pixmap)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setPen(QPen(color, 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        if cross:
            p.drawLine(QPointF(5, 5), QPointF(11, 11))
            p.drawLine(QPointF(11, 5), QPointF(5, 11))
        else:
            p.drawEllipse(QPointF(7, 7), 4.2, 4.2)
            p.drawLine(QPointF(10.2, 10.2), QPointF(13.4, 13.4))
        p.end()
        icon.addPixmap(pixmap)
    return icon


class TokenFilter(QLineEdit):
    """Typing looks through the vocabulary. ↑ ↓ Enter go to the rows; Esc clears, and leaves when there is nothing."""

    filter_changed = Signal(str)  # after a short rest from typing; at once when cleared
    up_pressed = Signal()
    down_pressed = Signal()
    enter_pressed = Signal()
    left = Signal()  # Esc in an empty filter

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("token_filter")
        self._theme = theme
        self._last: str | None = ""  # what was announced; None to announce whatever there is
        self.setPlaceholderText(self.tr("Find any token…"))
        self.setAccessibleName(self.tr("Find any token of the vocabulary"))
        self.setToolTip(
            self.tr("Type to look through the whole vocabulary; ↑ ↓ choose, Enter forces, Esc clears and leaves")
        )
        self._find = QAction(self)
        self._clear = QAction(self.tr("Clear"), self)
        self.addAction(self._find, QLineEdit.ActionPosition.LeadingPosition)
        self.addAction(self._clear, QLineEdit.ActionPosition.TrailingPosition)
        self._clear.setVisible(False)
        self._clear.triggered.connect(self.clear)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self._announce)
        self.textChanged.connect(self._text_changed)
        theme.changed.connect(self._restyle)
        self._restyle()

    def ask_again(self) -> None:
        """Announce the same text once more, since the place in the text is another."""
        self._last = None
        self._timer.start()

    @Slot(str)
    def _text_changed(self, text: str) -> None:
        self._clear.setVisible(bool(text))
        if text:
            self._timer.start()
        else:
            self._timer.stop()
            self._announce()

    @Slot()
    def _announce(self) -> None:
        if self.text() != self._last:
            self._last = self.text()
            self.filter_changed.emit(self.text())

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Up:
            self.up_pressed.emit()
        elif key == Qt.Key.Key_Down:
            self.down_pressed.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.enter_pressed.emit()
        elif key == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                self.left.emit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._find.setIcon(_icon(p.color("muted"), cross=False))
        self._clear.setIcon(_icon(p.color("muted"), cross=True))
        self.setStyleSheet(
            f"QLineEdit {{ background: {p.surface}; color: {p.text}; border: 1px solid {p.border};"
            f" border-radius: 6px; padding: 4px 4px; selection-background-color: {p.accent};"
            f" selection-color: {p.accent_text}; placeholder-text-color: {p.muted}; }}"
            f"QLineEdit:focus {{ border-color: {p.accent}; }}"
            f"QLineEdit:disabled {{ color: {p.faint}; background: {p.sunken}; }}"
        )
