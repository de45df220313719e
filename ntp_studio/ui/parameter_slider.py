"""The slider of one parameter, painted in the theme's colours."""

from __future__ import annotations

import math
from typing import Protocol

from PySide6.QtCore import QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSlider, QWidget

from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme


class Range(Protocol):
    """What a slider needs to know of a parameter (`ntp_studio.core.decoding.stages.Parameter` has it)."""

    @property
    def minimum(self) -> float: ...
    @property
    def maximum(self) -> float: ...
    @property
    def off(self) -> float | None: ...
    @property
    def integer(self) -> bool: ...
    @property
    def decimals(self) -> int: ...
    @property
    def scale(self) -> str: ...


def display_step(parameter: Range) -> float:
    """The smallest change of a parameter that can be seen in its figure."""
    return 1.0 if parameter.integer else 10.0 ** -max(parameter.decimals, 0)


def rounded(parameter: Range, value: float) -> float:
    """The value as its figure shows it."""
    return float(round(value)) if parameter.integer else round(value, parameter.decimals)


class ParameterSlider(QSlider):
    """A slider over a parameter's usual range, on its own (linear or logarithmic) scale.

    `moved` carries the parameter's value, only for what a person does. Dragging, the arrow keys (one step of the shown
    figure), Page Up/Down (a tenth of the way), Home, End. The wheel moves it only when it has the focus, so that
    scrolling past it changes nothing. A notch marks the value at which the stage does nothing.
    """

    moved = Signal(float)
    POSITIONS = 1000

    def __init__(self, theme: Theme, parameter: Range, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme = theme
        self._parameter = parameter
        self._value = parameter.minimum
        # A logarithmic scale that begins at 0 gives 0 its first place, and starts at the smallest step after it.
        self._floor = parameter.minimum if parameter.minimum > 0 else display_step(parameter)
        self.setRange(0, self.POSITIONS)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.valueChanged.connect(self._position_changed)
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.handle = float(px(12))
        self.setFixedHeight(px(18))
        self.update()

    def parameter_value(self) -> float:
        return self._value

    def set_parameter_value(self, value: float) -> None:
        """Show a value; one outside the usual range puts the handle at its end."""
        self._value = value
        self.setSliderPosition(round(self.fraction(value) * self.POSITIONS))
        self.update()

    def fraction(self, value: float) -> float:
        """Where a value is along the scale, 0 to 1."""
        p = self._parameter
        if p.scale == "log":
            if value < self._floor:
                return 0.0
            place = math.log(value / self._floor) / math.log(p.maximum / self._floor)
            if p.minimum < self._floor:
                place = (place * (self.POSITIONS - 1) + 1) / self.POSITIONS
        else:
            place = (value - p.minimum) / (p.maximum - p.minimum)
        return min(max(place, 0.0), 1.0)

    def value_at(self, fraction: float) -> float:
        """The inverse of `fraction`, as the figure shows it."""
        p = self._parameter
        fraction = min(max(fraction, 0.0), 1.0)
        if p.scale == "log":
            if p.minimum < self._floor:
                fraction = (fraction * self.POSITIONS - 1) / (self.POSITIONS - 1)
                if fraction < 0:
                    return p.minimum
            value = self._floor * (p.maximum / self._floor) ** fraction
        else:
            value = p.minimum + (p.maximum - p.minimum) * fraction
        return min(max(rounded(p, value), p.minimum), p.maximum)

    # -- what a person does ----------------------------------------------------------------------------------------

    def _take(self, value: float) -> None:
        value = min(max(rounded(self._parameter, value), self._parameter.minimum), self._parameter.maximum)
        if value != self._value:
            self.set_parameter_value(value)
            self.moved.emit(value)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._take_at(event.position().x())
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._take_at(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        self.update()

    def _take_at(self, x: float) -> None:
        self._take(self.value_at((x - self.handle / 2) / max(self.width() - self.handle, 1)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step, key = display_step(self._parameter), event.key()
        if key in (Qt.Key.Key_Right, Qt.Key.Key_Up):
            self._take(self._value + step)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Down):
            self._take(self._value - step)
        elif key == Qt.Key.Key_PageUp:
            self._take(max(self.value_at(self.fraction(self._value) + 0.1), self._value + step))
        elif key == Qt.Key.Key_PageDown:
            self._take(min(self.value_at(self.fraction(self._value) - 0.1), self._value - step))
        elif key == Qt.Key.Key_Home:
            self._take(self._parameter.minimum)
        elif key == Qt.Key.Key_End:
            self._take(self._parameter.maximum)
        else:
            event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.hasFocus():
            event.ignore()
            return
        self._take(self._value + display_step(self._parameter) * (1 if event.angleDelta().y() > 0 else -1))
        event.accept()

    @Slot(int)
    def _position_changed(self, position: int) -> None:
        # Set from outside, as a screen reader does: what a person does here sets the value first.
        if position != round(self.fraction(self._value) * self.POSITIONS):
            self._take(self.value_at(position / self.POSITIONS))

    # -- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self._theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        track = QRectF(2, middle - 2, self.width() - 4, 4)
        left, span = self.handle / 2, self.width() - self.handle
        place = left + self.fraction(self._value) * span
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("cut" if palette.name == "light" else "border"))
        painter.drawRoundedRect(track, 2, 2)
        painter.setBrush(palette.color("accent"))
        painter.drawRoundedRect(QRectF(track.left(), track.top(), place - track.left(), 4), 2, 2)
        off = self._parameter.off
        if off is not None and 0.02 < self.fraction(off) < 0.98:
            painter.setPen(QPen(palette.color("muted"), 1))
            x = round(left + self.fraction(off) * span) + 0.5
            painter.drawLine(QPointF(x, middle + self.handle / 3), QPointF(x, self.height() - 2))
        if self.hasFocus():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent", 70))
            painter.drawEllipse(QPointF(place, middle), self.handle * 0.75, self.handle * 0.75)
        painter.setPen(QPen(palette.color("accent"), 2))
        painter.setBrush(palette.color("accent" if self.isSliderDown() else "surface"))
        painter.drawEllipse(QPointF(place, middle), self.handle * 5 / 12, self.handle * 5 / 12)
