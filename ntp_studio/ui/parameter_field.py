"""One number of a stage as a person sets it: a figure to type over with its slider, or a switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QWidget

from ntp_studio.core.decoding.stages import Parameter
from ntp_studio.ui.card_parts import ElidedLabel
from ntp_studio.ui.parameter_slider import ParameterSlider
from ntp_studio.ui.style import px
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.value_editor import ValueEditor

LABEL, SLIDER = 92, 56  # widths, at the usual text size
BEYOND = 100  # how far beyond its slider's range a value may be typed, where the stage itself sets no limit


class ParameterField(QObject):
    """Keeps the value and shows it in its widgets, which belong to `owner` and are put in place by it. `changed` only
    for what a person does."""

    changed = Signal()

    def __init__(self, theme: Theme, parameter: Parameter, name: str, owner: QWidget) -> None:
        super().__init__(owner)
        self.parameter = parameter
        self.value = float(parameter.default)
        self.editor: ValueEditor | None = None
        self.slider: ParameterSlider | None = None
        self.switch: Switch | None = None
        self.label = ElidedLabel(parameter.label, owner)  # for a line of several
        self.label.setProperty("role", "caption")
        self.label.hide()
        if parameter.flag:
            self.switch = Switch(theme, owner)
            self.switch.toggled.connect(self._switched)
        else:
            most = min(parameter.hard_maximum, parameter.maximum * BEYOND)
            self.editor = ValueEditor(parameter, most, owner)
            self.slider = ParameterSlider(theme, parameter, owner)
            self.editor.valueChanged.connect(self._typed)
            self.slider.moved.connect(self._typed)
        for widget in self.widgets():
            widget.setAccessibleName(name)
            widget.setProperty("parameter", parameter.name)
        self.set_value(self.value)

    def widgets(self) -> tuple[QWidget, ...]:
        """In the order in which Tab goes through them."""
        return tuple(widget for widget in (self.switch, self.slider, self.editor) if widget is not None)

    @property
    def usual(self) -> bool:
        """Whether it stands at its default."""
        return self.value == self.parameter.default

    def figure(self) -> str:
        """The value as its editor writes it."""
        return self.editor.textFromValue(self.value) if self.editor is not None else f"{self.value:g}"

    def set_value(self, value: float) -> None:
        """Keep the value, and show it in its places without asking back."""
        if self.editor is not None and self.slider is not None:
            value = min(max(round(value, ValueEditor.DECIMALS), self.editor.minimum()), self.editor.maximum())
            before = self.editor.sizeHint()
            self._show(self.editor.setValue, self.editor, value)
            self._show(self.slider.set_parameter_value, self.slider, value)
            if self.editor.sizeHint() != before:
                self.editor.updateGeometry()
        elif self.switch is not None:
            value = float(value != 0)
            self._show(self.switch.setChecked, self.switch, bool(value))
        self.value = value

    @staticmethod
    def _show(setter: Callable[[Any], None], widget: QWidget, value: float) -> None:
        blocked = widget.blockSignals(True)
        setter(value)
        widget.blockSignals(blocked)

    @Slot(float)
    def _typed(self, value: float) -> None:
        if value != self.value:
            self.set_value(value)
            self.changed.emit()

    @Slot(bool)
    def _switched(self, on: bool) -> None:
        self.value = float(on)
        self.changed.emit()

    def restyle(self) -> None:
        """Follow the application's text size."""
        if self.editor is not None:
            self.label.setMaximumWidth(px(LABEL))
            self.editor.restyle()
            self.editor.updateGeometry()


def parameter_grid(fields: list[ParameterField]) -> QGridLayout:
    """A line for each: its name, its slider, its figure."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(6)
    grid.setVerticalSpacing(1)
    grid.setColumnStretch(1, 1)
    for row, field in enumerate(fields):
        label = field.label
        label.show()
        if field.switch is not None:
            grid.addWidget(label, row, 0, 1, 2)
            grid.addWidget(field.switch, row, 2, Qt.AlignmentFlag.AlignRight)
        else:
            grid.addWidget(label, row, 0)
            for column, widget in enumerate(field.widgets(), 1):
                grid.addWidget(widget, row, column)
            grid.setColumnMinimumWidth(1, px(SLIDER))
    return grid
