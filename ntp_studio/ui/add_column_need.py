"""What a model would need as another column, told before anything is loaded, and on which device in which precision."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.compare_messages import NeedTold
from ntp_studio.core.compared import MemoryNeed
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.model_menu import DEVICES, DTYPES, size_text
from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.style import px, set_property
from ntp_studio.ui.theme import Theme


def counted_words() -> str:
    """What a need in memory is the sum of: it is more than the weights that the status bar tells of."""
    return QCoreApplication.translate(
        "NeedPanel",
        "Counted are the weights in this precision, the cache for a text of up to 4,096 tokens, a tenth more for the "
        "computation, and what loading holds for a moment. Weights that are in memory already are not counted again.",
    )


class Segments(QFrame):
    """One of a few, all in sight; the arrow keys go from one to the next."""

    chosen = Signal(str)

    def __init__(self, name: str, caption: str, values: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(caption)
        self.setProperty("segmented", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for value in values:
            button = QToolButton(self)
            button.setObjectName(f"{name}_{value}")
            button.setText(self.tr("Auto") if value == "auto" else value)
            button.setAccessibleName(f"{caption}: {button.text()}")
            button.setProperty("segment", True)
            button.setProperty("value", value)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(button)
            self._buttons[value] = button
            row.addWidget(button)
        self._buttons[values[0]].setChecked(True)
        self._group.buttonClicked.connect(self._clicked)

    @property
    def value(self) -> str:
        button = self._group.checkedButton()
        return "" if button is None else str(button.property("value"))

    def choose(self, value: str) -> None:
        """As if a person had; without the signal."""
        self._buttons[value].setChecked(True)

    def button(self, value: str) -> QToolButton:
        return self._buttons[value]

    @Slot(QAbstractButton)
    def _clicked(self, button: QAbstractButton) -> None:
        self.chosen.emit(str(button.property("value")))


class NeedPanel(QWidget):
    """Says what it is told: nothing chosen, waiting, needs, or a problem."""

    choice_changed = Signal()  # of device or precision
    dtype_offered = Signal(str)  # a smaller precision was pressed
    confirmed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("add_column_need")
        self._theme = theme
        self.title = ElidedLabel(Qt.TextElideMode.ElideLeft, self)  # of a snapshot the end tells most
        self.title.setObjectName("need_title")
        self.where = ElidedLabel(Qt.TextElideMode.ElideLeft, self)
        self.where.setObjectName("need_where")
        self.device = Segments("need_device", self.tr("Device"), DEVICES, self)
        self.dtype = Segments("need_dtype", self.tr("Precision"), DTYPES, self)
        self.words = plain_label(parent=self)
        self.words.setObjectName("need_words")
        self.words.setWordWrap(True)
        self.others = plain_label(parent=self)
        self.others.setObjectName("need_others")
        self.others.setProperty("role", "caption")
        self.others.setWordWrap(True)
        self.add = QPushButton(self.tr("Add"), self)
        self.add.setObjectName("need_add")
        self.add.setProperty("primary", True)
        self.add.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._group = QButtonGroup(self)
        self._offers = QHBoxLayout()
        self._offers.setSpacing(6)
        self.choices = QWidget(self)
        choices = QGridLayout(self.choices)
        choices.setContentsMargins(0, 2, 0, 4)
        choices.setHorizontalSpacing(10)
        choices.setVerticalSpacing(5)
        for row, (caption, field) in enumerate(
            ((self.tr("Device"), self.device), (self.tr("Precision"), self.dtype)),
        ):
            label = plain_label(caption, self.choices)
            label.setProperty("role", "muted")
            choices.addWidget(label, row, 0)
            choices.addWidget(field, row, 1, Qt.AlignmentFlag.AlignLeft)
        choices.setColumnStretch(1, 1)
        bottom = QHBoxLayout()
        bottom.setSpacing(6)
        bottom.addLayout(self._offers)
        bottom.addStretch(1)
        bottom.addWidget(self.add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 6, 4, 2)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        layout.addWidget(self.where)
        layout.addWidget(self.choices)
        layout.addWidget(self.words)
        layout.addWidget(self.others)
        layout.addStretch(1)
        layout.addLayout(bottom)
        self.device.chosen.connect(self.choice_changed)
        self.dtype.chosen.connect(self.choice_changed)
        self.add.clicked.connect(self.confirmed)
        self._group.buttonClicked.connect(self._offer_pressed)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_words("", "", self.tr("Choose one to see what it needs, before anything is loaded."))

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_words(
        self, title: str, where: str, words: str, *, confirm: str = "", choices: bool = False, error: bool = False
    ) -> None:
        """`confirm` names the button, which is disabled without; `choices` are those of device and precision."""
        self.title.setText(title)
        self.where.setText(where)
        self.where.setToolTip(where)
        self.title.setVisible(bool(title))
        self.where.setVisible(bool(where))
        self.choices.setVisible(choices)
        self._say(words, "", error)
        self._count(False)
        if not error and not title:
            set_property(self.words, "role", "muted")
        self._offer(())
        self._allow(confirm)

    def show_waiting(self, title: str, where: str) -> None:
        self.show_words(title, where, self.tr("Looking at what it needs…"), choices=True)

    def show_need(self, told: NeedTold) -> bool:
        """Whether what was asked for can be added. The title stays."""
        self._count(bool(told.needs))
        if told.problem or not told.needs:
            self._say(told.problem or self.tr("What it needs is not known."), "", bool(told.problem))
            self._offer(())
            self._allow("" if told.problem else self.tr("Add"))
            return not told.problem
        asked, others = told.needs[0], told.needs[1:]
        listed = " · ".join(f"{need.dtype} {size_text(need.needed)}" for need in others)
        also = self.tr("Otherwise: {0}").format(listed) if listed else ""
        if asked.shared:
            words = self.tr("weights shared with an open column: only {0} more · {1} free")
            self._say(words.format(size_text(asked.needed), size_text(asked.free)), also, not asked.fits)
        elif asked.fits:
            words = self.tr("{0} on {1} needs {2} · {3} free")
            self._say(
                words.format(asked.dtype, asked.device, size_text(asked.needed), size_text(asked.free)), also, False
            )
        else:
            words = self.tr("{0} does not fit on {1}: it needs {2}, and {3} are free.")
            self._say(
                words.format(asked.dtype, asked.device, size_text(asked.needed), size_text(asked.free)), also, True
            )
        smaller = () if asked.fits else tuple(need for need in others if need.fits and need.needed < asked.needed)
        if not asked.fits and not smaller:
            also = " ".join(part for part in (also + "." if also else "", self.tr("None of them fits here.")) if part)
        counted = self.tr("Counted: weights, cache and computation for up to 4,096 tokens")
        if asked.shared:
            counted = self.tr("Counted: cache and computation for up to 4,096 tokens")
        self.others.setText("\n".join(part for part in (also, counted) if part))
        self._offer(smaller)
        self._allow(self.tr("Add") if asked.fits else "")
        return asked.fits

    def _count(self, counts: bool) -> None:
        for label in (self.words, self.others):
            label.setToolTip(counted_words() if counts else "")
            label.setAccessibleDescription(label.toolTip())

    def _say(self, words: str, others: str, error: bool) -> None:
        self.words.setText(words)
        set_property(self.words, "role", "error" if error else "")
        self.others.setText(others)

    def _allow(self, confirm: str) -> None:
        self.add.setText(confirm or self.tr("Add"))
        self.add.setEnabled(bool(confirm))

    @property
    def offer_buttons(self) -> tuple[QAbstractButton, ...]:
        return tuple(self._group.buttons())

    def _offer(self, needs: Sequence[MemoryNeed]) -> None:
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._offers.removeWidget(button)
            button.hide()
            button.deleteLater()  # one of them may be telling that it was pressed
        for need in needs:
            words = self.tr("Use {0} ({1})").format(need.dtype, size_text(need.needed))
            button = QPushButton(words, self)
            button.setObjectName(f"need_offer_{need.dtype}")
            button.setProperty("value", need.dtype)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(button)
            self._offers.addWidget(button)

    @Slot(QAbstractButton)
    def _offer_pressed(self, button: QAbstractButton) -> None:
        self.dtype_offered.emit(str(button.property("value")))

    # -- looks ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self.title.setFont(scaled(self.font(), 1.04, QFont.Weight.DemiBold))
        self.title.set_color(palette.color("text"))
        self.where.setFont(scaled(self.font(), 0.87))
        self.where.set_color(palette.color("muted"))
        # Two lines of words and two of what else there is: the list over it does not move with what is said.
        line = self.fontMetrics().lineSpacing()
        self.setMinimumHeight(round(line * 10.5) + px(46))
