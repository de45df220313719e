"""The right column of the compare page: where its columns disagree, at this step and along the text, and lock-step.

It shows what it is told and says what a person asks for. Events of an older run than the columns' are dropped.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnsChanged, DisagreementShown, PlaceShown
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.delta_bars_section import DeltaSection
from ntp_studio.ui.disagreement_panel_section import DisagreementSection
from ntp_studio.ui.lockstep_controls import LockstepControls
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

WIDTH, LEAST_WIDTH, WIDEST = 320, 260, 440
LOW = 650  # a panel that is lower has less room between its parts


class DisagreementPanel(QFrame):
    """Three sections, one under the other; they scroll where the window is low."""

    go_to = Signal(int)  # the place before this stretch of the text
    pair_changed = Signal(int)  # column 1 + this is held against the first
    after_decoding_chosen = Signal(bool)
    mode_chosen = Signal(str)  # a `Mode`
    same_draw_chosen = Signal(bool)
    force_text = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("disagreement_panel")
        self.setAccessibleName(self.tr("Where the columns disagree"))
        self.setProperty("card", True)
        self.setMinimumWidth(LEAST_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._run = -1
        self._numbers: tuple[int, ...] = ()
        self._mode = ""
        self.disagreement = DisagreementSection(theme)
        self.delta = DeltaSection(theme)
        self.lockstep = LockstepControls(theme)
        inside = QWidget()
        inside.setProperty("transparent", True)
        column = self._column = QVBoxLayout(inside)
        column.addWidget(self.disagreement)
        column.addWidget(self.delta, 1)
        column.addWidget(self.lockstep)
        column.addStretch(0)
        self._scroll = QScrollArea(self)
        self._scroll.setObjectName("disagreement_scroll")
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.viewport().setAutoFillBackground(False)
        self._scroll.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 1, 1, 1)
        outer.addWidget(self._scroll)
        self.disagreement.go_to.connect(self.go_to)
        self.disagreement.pair_changed.connect(self._pair_changed)
        self.disagreement.measure_changed.connect(self._choice_changed)
        self.delta.after_decoding_chosen.connect(self.after_decoding_chosen)
        self.lockstep.mode_chosen.connect(self.mode_chosen)
        self.lockstep.same_draw_chosen.connect(self.same_draw_chosen)
        self.lockstep.force_text.connect(self.force_text)
        theme.changed.connect(self._restyle)
        self._space()
        self.clear()

    # -- what it is told -----------------------------------------------------------------------------------------------

    def show_columns(self, event: ColumnsChanged) -> None:
        if event.run < self._run:
            return
        self._run, self._mode = event.run, event.mode
        numbers = tuple(column.number for column in event.columns)
        others = numbers != self._numbers
        self._numbers = numbers
        names = [f"{c.info.name}, {c.info.device} · {c.info.dtype}" for c in event.columns]
        self.disagreement.show_columns([column.alike for column in event.columns], names)
        self.lockstep.show_columns(event)
        if others:  # no figure of another pair stays on view
            self.disagreement.clear()
            self.delta.show_columns(len(numbers))
            self.delta.show_nothing(self._why_none(None))
            self.lockstep.show_u(None)
        self._choice_changed()

    def show_place(self, event: PlaceShown) -> None:
        if event.run < self._run:
            return
        self.lockstep.show_u(event.u)
        if event.comparison is None:
            self.delta.show_nothing(self._why_none(event))
        else:
            self.disagreement.show_after_decoding(event.comparison.after_decoding)
            self.delta.show_place(event)

    def show_disagreement(self, event: DisagreementShown) -> None:
        if event.run >= self._run:
            self.disagreement.show_disagreement(event)

    def clear(self) -> None:
        """No columns."""
        self._run, self._numbers, self._mode = -1, (), ""
        self.disagreement.show_columns(())
        self.disagreement.clear()
        self.delta.show_columns(0)
        self.delta.show_nothing(self._why_none(None))
        self.lockstep.clear()

    def _why_none(self, event: PlaceShown | None) -> str:
        """Why nothing is held against anything at this place."""
        if len(self._numbers) < 2:
            return self.tr("Add a second model: here stands how much more likely it makes each token than A does.")
        if event is None:
            return self.tr("The columns are being read.")
        for place, column in enumerate(event.columns):
            if column.frame is None:
                why = column.trouble or self.tr("it has not read the text up to here")
                return self.tr("Nothing to compare: {0} has no probabilities here. {1}").format(letter(place), why)
        if self._mode == "each its own":
            return self.tr("The columns are not all at the same place of the same text, so this step is not compared.")
        waiting = [letter(place) for place, column in enumerate(event.columns) if column.waiting]
        if waiting:
            return self.tr(
                "The columns are at different places: {0} waits for the rest of a token. They are compared again where "
                "their tokens end together."
            ).format(", ".join(waiting))
        return self.tr("The columns are at different places of the text. They are compared again where they meet.")

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def next_worst(self) -> None:
        """Go to the next worst place of the text, for the pair and measure on view."""
        self.disagreement.next_worst()

    @Slot()
    def previous_worst(self) -> None:
        self.disagreement.previous_worst()

    @Slot(int)
    def _pair_changed(self, pair: int) -> None:
        self._choice_changed()
        self.pair_changed.emit(pair)

    @Slot()
    def _choice_changed(self) -> None:
        self.delta.choose(self.disagreement.pair, self.disagreement.measure)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(min(max(WIDTH, px(WIDTH - 30)), WIDEST), 700)

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, 200)

    def _space(self) -> None:
        """Let everything be seen in the lowest window without scrolling, if it can be."""
        low = self.height() < px(LOW)
        self._column.setContentsMargins(14, 8 if low else 10, 14, 9 if low else 14)
        self._column.setSpacing(9 if low else 16)
        self.delta.set_spacing(4 if low else 6)
        self.lockstep.set_spacing(5 if low else 7)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._space()

    @Slot()
    def _restyle(self) -> None:
        self._space()
        self.updateGeometry()
