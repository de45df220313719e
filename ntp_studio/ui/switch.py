"""An on/off switch, painted in the theme's colours."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme


class Switch(QAbstractButton):
    """A checkable button that looks like a switch: filled with its knob right when on, hollow with it left when off.

    Shape and place tell the state as well as colour does. Only Tab gives it the focus, so that the keys of the window
    go on working after a click.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(px(30), px(20))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self._theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(self.width() / 30, self.height() / 20)
        track = QRectF(2, 3, 26, 14)
        on = self.isChecked()
        painter.setPen(QPen(palette.color("accent" if on else "muted"), 1))
        painter.setBrush(palette.color("accent" if on else "surface"))
        painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), 6.5, 6.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("accent_text" if on else "muted"))
        radius = 4.8 if on else 4.0
        painter.drawEllipse(QPointF(track.right() - 7 if on else track.left() + 7, track.center().y()), radius, radius)
        if self.hasFocus():
            painter.setPen(QPen(palette.color("text"), 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(0.7, 1.2, 28.6, 17.6), 8.5, 8.5)
