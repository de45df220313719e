"""The segmented tabs that say what the colour of a token means."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QToolButton, QWidget

from ntp_studio.ui.token_figures import MODES

PADDING = 22  # left and right of a tab's name together


class ModeTabs(QFrame):
    """One tab a mode; `chosen` is emitted when a person picks one."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page_modes")
        self.setProperty("segmented", True)
        self.setAccessibleName(self.tr("Colour of the tokens"))
        names = {
            "plain": (self.tr("Plain"), self.tr("The text alone")),
            "surprisal": (self.tr("Surprisal"), self.tr("How unexpected each token was, −log₂ p, in bits")),
            "probability": (self.tr("Probability"), self.tr("The probability the model gave each token")),
            "rank": (self.tr("Rank"), self.tr("The token's place among all of the vocabulary, 1 is the likeliest")),
            "entropy": (self.tr("Entropy"), self.tr("How undecided the model was before each token, in bits")),
        }
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for mode in MODES:
            button = QToolButton(self)
            button.setObjectName(f"mode_{mode}")
            button.setText(names[mode][0])
            button.setToolTip(names[mode][1])
            button.setProperty("segment", True)
            button.setProperty("mode", mode)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(button)
            self._buttons[mode] = button
            row.addWidget(button)
        self._group.buttonClicked.connect(self._clicked)

    def choose(self, mode: str) -> None:
        self._buttons[mode].setChecked(True)

    def fit(self) -> int:
        """Give every tab the width of its name when chosen (bold), so that none moves; returns the width of all."""
        for button in self._buttons.values():
            button.ensurePolished()
            bold = QFont(button.font())
            bold.setBold(True)
            button.setMinimumWidth(QFontMetrics(bold).horizontalAdvance(button.text()) + PADDING)
        return sum(button.minimumWidth() for button in self._buttons.values()) + 6

    @Slot(QObject)
    def _clicked(self, button: QToolButton) -> None:
        self.chosen.emit(str(button.property("mode")))
