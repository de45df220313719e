"""The segmented tabs that say what the colour of a token means; a list where there is no room for tabs."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QFont, QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from ntp_studio.ui.token_figures import MODES

PADDING = 22  # left and right of a tab's name together
TIGHT_PADDING = 10


class ModeTabs(QFrame):
    """One tab a mode; `chosen` is emitted when a person picks one."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page_modes")
        self.setProperty("segmented", True)
        self.setAccessibleName(self.tr("Colour of the tokens"))
        self._names = {
            "plain": (self.tr("Plain"), self.tr("Plain"), self.tr("The text alone")),
            "surprisal": (
                self.tr("Surprisal"),
                self.tr("Surprisal"),
                self.tr("How unexpected each token was, −log₂ p, in bits"),
            ),
            "probability": (
                self.tr("Probability"),
                self.tr("Prob."),
                self.tr("The probability the model gave each token"),
            ),
            "rank": (
                self.tr("Rank"),
                self.tr("Rank"),
                self.tr("The token's place among all of the vocabulary, 1 is the likeliest"),
            ),
            "entropy": (
                self.tr("Entropy"),
                self.tr("Entropy"),
                self.tr("How undecided the model was before each token, in bits"),
            ),
        }
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        self._tight = False
        menu = QMenu(self)
        choices = QActionGroup(self)
        self._choices: dict[str, QAction] = {}
        for mode in MODES:
            long, _, tip = self._names[mode]
            button = QToolButton(self)
            button.setObjectName(f"mode_{mode}")
            button.setText(long)
            button.setToolTip(tip)
            button.setAccessibleName(long)
            button.setProperty("segment", True)
            button.setProperty("mode", mode)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(button)
            self._buttons[mode] = button
            row.addWidget(button)
            choice = menu.addAction(long)
            choice.setCheckable(True)
            choice.setData(mode)
            choices.addAction(choice)
            self._choices[mode] = choice
        self._list = QToolButton(self)
        self._list.setObjectName("mode_list")
        self._list.setProperty("segment", True)
        self._list.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._list.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._list.setMenu(menu)
        self._list.hide()
        row.addWidget(self._list)
        self._group.buttonClicked.connect(self._clicked)
        choices.triggered.connect(self._picked)

    def choose(self, mode: str) -> None:
        self._buttons[mode].setChecked(True)
        self._choices[mode].setChecked(True)
        long, _, tip = self._names[mode]
        self._list.setText(f"{long}  ▾")
        self._list.setToolTip(tip)
        self._list.setAccessibleName(self.tr("Colour of the tokens: {0}").format(long))

    def fit(self, room: int) -> int:
        """Take the widest look that `room` pixels hold: whole names, short names, one list. Returns its width.

        Every tab gets the width of its name when chosen (bold), so that none moves.
        """
        whole, short = self._widths(0, PADDING), self._widths(1, TIGHT_PADDING)
        spare = 6
        tabs = sum(short.values()) + spare <= room
        tight = sum(whole.values()) + spare > room
        self._list.setVisible(not tabs)
        if tight != self._tight:
            self._tight = tight
            # The application's style sheet gives tabs more room at their sides than there is here.
            self.setStyleSheet('QToolButton[segment="true"] { padding: 3px 2px; }' if tight else "")
        widths = short if tight else whole
        for mode, button in self._buttons.items():
            button.setText(self._names[mode][1 if tight else 0])
            button.setMinimumWidth(widths[mode])
            button.setVisible(tabs)
        if tabs:
            return sum(widths.values()) + spare
        longest = max(self._bold(self._list).horizontalAdvance(f"{names[0]}  ▾") for names in self._names.values())
        self._list.setMinimumWidth(longest + PADDING)
        return self._list.minimumWidth() + spare

    def _widths(self, form: int, padding: int) -> dict[str, int]:
        return {
            mode: self._bold(button).horizontalAdvance(self._names[mode][form]) + padding
            for mode, button in self._buttons.items()
        }

    @staticmethod
    def _bold(button: QToolButton) -> QFontMetrics:
        button.ensurePolished()
        bold = QFont(button.font())
        bold.setBold(True)
        return QFontMetrics(bold)

    @Slot(QObject)
    def _clicked(self, button: QToolButton) -> None:
        self.chosen.emit(str(button.property("mode")))

    @Slot(QAction)
    def _picked(self, choice: QAction) -> None:
        self.chosen.emit(str(choice.data()))
