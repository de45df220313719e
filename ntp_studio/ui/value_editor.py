"""The figure of a parameter, which a person can type over: a spin box that looks like text until it is touched."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLocale, QSize, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QPalette, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QDoubleSpinBox, QWidget

from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.parameter_slider import Range, display_step
from ntp_studio.ui.typing_guard import claims_escape, let_go


class ValueEditor(QDoubleSpinBox):
    """Takes a value from the keyboard: Enter keeps it and gives the keys back to the window, Escape restores it.

    A comma is read as a decimal point. The arrow keys change the value by one step of its figure, the wheel only while
    a person types here. `hard_maximum` may lie beyond the slider's range: an unusual value can be typed, and a value
    finer than usual is shown with all its decimals, since what stands here is what is applied.
    """

    DECIMALS = 6

    def __init__(self, parameter: Range, hard_maximum: float, parent: QWidget | None = None) -> None:
        # Before anything else: Qt asks for the text of a value while it builds the spin box.
        self._usual_decimals = 0 if parameter.integer else parameter.decimals
        super().__init__(parent)
        self._before = parameter.minimum
        self.setLocale(QLocale.c())
        self.setDecimals(0 if parameter.integer else self.DECIMALS)
        self.setRange(parameter.minimum, hard_maximum)
        self.setSingleStep(display_step(parameter))
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setKeyboardTracking(False)
        self.setFrame(False)
        ground = QPalette()
        ground.setBrush(QPalette.ColorRole.Base, Qt.BrushStyle.NoBrush)  # that of the card, whatever it is
        self.setPalette(ground)
        self.lineEdit().setProperty("flat", True)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.restyle()
        self._widest = self.textFromValue(parameter.maximum)

    def restyle(self) -> None:
        """Follow the application's text size."""
        font = mono_like(QApplication.font())
        self.setFont(font)
        # Once the style sheet has dressed the line inside, it no longer takes over this widget's font.
        self.lineEdit().setFont(font)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        text = max(self._widest, self.textFromValue(self.value()), key=len)
        return QSize(metrics.horizontalAdvance(text) + 12, metrics.height() + 5)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def textFromValue(self, value: float) -> str:
        whole, point, decimals = f"{value:.{self.decimals()}f}".partition(".")
        # As short as it is exact, but for two decimals where the parameter has as many: 0.05, 0.80, 0.123.
        return whole + point + decimals.rstrip("0").ljust(min(self._usual_decimals, 2), "0") if point else whole

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        state, text, position = super().validate(text.replace(",", "."), position)
        return state, text, position

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(text.replace(",", "."))

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._before = self.value()
        self.selectAll()
        if event.reason() == Qt.FocusReason.MouseFocusReason:
            # The click that gave the focus goes on to place the cursor; typing is to replace the figure all the same.
            QTimer.singleShot(0, self, self.selectAll)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.setValue(self._before)
            let_go(self)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.interpretText()
            let_go(self)
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
