"""Which rows of a scored text are shown: by their text, and by a condition."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.score_cells import unit
from ntp_studio.ui.score_choice import Conditions
from ntp_studio.ui.score_data import BITS, Condition
from ntp_studio.ui.score_legend import SurprisalLegend
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_fields import Decimal, field_style
from ntp_studio.ui.typing_guard import claims_escape, let_go

DEBOUNCE_MS = 120
MOST_BITS = 1_000.0
USUAL_BITS = 1.0


class FindText(QLineEdit):
    """Escape empties it, and leaves it when there is nothing."""

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                let_go(self)
        else:
            super().keyPressEvent(event)


class ScoreFilter(QWidget):
    changed = Signal(str, str, float)  # text, condition, bits
    surprisal_chosen = Signal(bool)  # surprisals and all else in bits, or log-probabilities and all else in nats

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_filter")
        self._theme = theme
        self._find = FindText(self)
        self._find.setObjectName("score_find")
        self._find.setPlaceholderText(self.tr("Find in the text…"))
        self._find.setAccessibleName(self.tr("Show only rows with this text"))
        self._find.setToolTip(
            self.tr("Show only rows with this text; · and a space are the same, capitals do not matter")
        )
        self._find.setClearButtonEnabled(False)
        self._condition = Conditions(theme, self.tr("Which rows are shown"))
        self._condition.setObjectName("score_condition")
        self._nats = False
        self._threshold = USUAL_BITS  # bits, whichever unit it is shown in
        self._bits = Decimal(0.0, MOST_BITS, USUAL_BITS, self.tr("By more than so much"))
        self._bits.setObjectName("score_bits")
        self._bits.setRange(0.0, MOST_BITS)  # no more is ever asked for; it is as wide as that
        self._bits.setKeyboardTracking(False)
        self._count = QLabel(self)
        self._count.setObjectName("score_count")
        self._count.setProperty("role", "muted")
        self._count.setTextFormat(Qt.TextFormat.PlainText)
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(self._find)
        first.addWidget(self._condition)
        first.addWidget(self._bits)
        first.addSpacing(2)
        first.addWidget(self._count)
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(12)
        self._legend = SurprisalLegend(theme, self)
        self._legend.setToolTip(self.tr("The colours: surprisal, of several tokens together their mean"))
        second.addWidget(self._legend)
        second.addWidget(self._make_tabs())
        second.addStretch(1)
        self._rows = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(8)
        self._first, self._second = first, second
        self._rows.addLayout(first, 1)
        self._rows.addLayout(second)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self._announce)
        self._find.textChanged.connect(self._wait)
        self._condition.currentIndexChanged.connect(self._condition_changed)
        self._bits.valueChanged.connect(self._bits_changed)
        theme.changed.connect(self._restyle)
        self.setFocusProxy(self._find)
        self.show_columns(2, divergences=True)
        self._restyle()

    def _make_tabs(self) -> QFrame:
        tabs = QFrame(self)
        tabs.setProperty("segmented", True)
        tabs.setAccessibleName(self.tr("How probabilities are told"))
        row = QHBoxLayout(tabs)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self._tabs = QButtonGroup(self)
        for i, (name, text, tip) in enumerate(
            (
                (
                    "score_surprisal",
                    self.tr("Surprisal, bits"),
                    self.tr("−log₂ p, how unexpected each was; all figures of the rows are in bits"),
                ),
                (
                    "score_logprob",
                    self.tr("Log-prob, nats"),
                    self.tr("ln p, natural logarithms of probabilities; all figures of the rows are in nats"),
                ),
            )
        ):
            button = QToolButton(tabs)
            button.setObjectName(name)
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(text)
            button.setProperty("segment", True)
            button.setCheckable(True)
            button.setChecked(i == 0)
            self._tabs.addButton(button, i)
            row.addWidget(button)
        self._tabs.idToggled.connect(self._tab_toggled)
        return tabs

    # -- what it is told -----------------------------------------------------------------------------------------------

    def show_columns(self, columns: int, divergences: bool) -> None:
        """Back to all rows; only such conditions are offered as can be met."""
        self._timer.stop()
        for part in (self._find, self._condition, self._bits):
            part.blockSignals(True)
        self._find.clear()
        self._condition.clear()
        self._condition.addItem(self.tr("All rows"), "all")
        if columns > 1:
            self._condition.addItem(self.tr("The models disagree by more than"), "disagree")
        if divergences:
            self._condition.addItem(self.tr("The likeliest token differs"), "top")
        self._condition.addItem(self.tr("A surprise of more than"), "surprising")
        for i, tip in enumerate(self._tips()):
            self._condition.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        for part in (self._find, self._condition, self._bits):
            part.blockSignals(False)
        self._threshold = USUAL_BITS
        self._show_threshold()
        self._show_bits()

    def _tips(self) -> list[str]:
        words = {
            "all": self.tr("Every row of the text"),
            "disagree": self.tr("KL from A's distribution, or where that is not known the size of Δ log-probability"),
            "top": self.tr("Where vocabularies are equal: the models' most likely tokens are not the same"),
            "surprising": self.tr("Any model's surprisal, of several tokens together"),
        }
        return [words[self._condition.itemData(i)] for i in range(self._condition.count())]

    def show_count(self, shown: int, total: int) -> None:
        words = self.tr("1 row") if total == 1 else self.tr("{0} rows")
        text = words.format(f"{total:,}")
        if shown != total:
            text = self.tr("{0} of {1} rows").format(f"{shown:,}", f"{total:,}")
        self._count.setText(text)
        self._arrange()

    def criteria(self) -> tuple[str, Condition, float]:
        """Text, condition, and its bits."""
        return self._find.text(), self._condition.currentData(), self._threshold

    def clear(self) -> None:
        """Show all rows again."""
        self._find.clear()
        self._condition.setCurrentIndex(0)
        self._announce()

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def _wait(self) -> None:
        self._timer.start()

    @Slot(float)
    def _bits_changed(self, value: float) -> None:
        self._threshold = value * BITS if self._nats else value
        self._wait()

    def _show_threshold(self) -> None:
        """What is asked for stays exact, whatever decimals it is shown with."""
        self._bits.blockSignals(True)
        self._bits.setDecimals(3 if self._nats else 2)
        self._bits.setSuffix(f" {unit(self._nats)}")
        self._bits.setValue(self._threshold / BITS if self._nats else self._threshold)
        self._bits.blockSignals(False)

    @Slot()
    def _condition_changed(self) -> None:
        self._show_bits()
        self._announce()

    def _show_bits(self) -> None:
        condition = self._condition.currentData()
        self._bits.setVisible(condition in ("disagree", "surprising"))
        self._condition.setToolTip(self._tips()[max(self._condition.currentIndex(), 0)])
        self._arrange()

    @Slot()
    def _announce(self) -> None:
        self._timer.stop()
        self.changed.emit(*self.criteria())

    @Slot(int, bool)
    def _tab_toggled(self, tab: int, checked: bool) -> None:
        if checked:
            self._nats = tab == 1
            self._legend.show_unit(self._nats)
            self._show_threshold()
            self._arrange()
            self.surprisal_chosen.emit(not self._nats)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """In one line, or in two where there is no room."""
        needed = self._first.sizeHint().width() + self._second.sizeHint().width() + px(16)
        narrow = needed > self.width()
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._rows.setDirection(down if narrow else across)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    @Slot()
    def _restyle(self) -> None:
        self.setStyleSheet(field_style(self._theme.palette))
        self._find.setFixedWidth(px(170))
        fields = (self._find, self._condition, self._bits)
        height = max(field.sizeHint().height() for field in fields)
        for field in fields:
            field.setFixedHeight(height)
        for tab in self._tabs.buttons():  # as wide as its name is when chosen (bold), so that none moves
            tab.setMinimumWidth(
                QFontMetrics(scaled(self.font(), 1.0, QFont.Weight.Bold)).horizontalAdvance(tab.text()) + 26
            )
        self._find.setStyleSheet(f"QLineEdit {{ placeholder-text-color: {self._theme.palette.muted}; }}")
        self._arrange()
