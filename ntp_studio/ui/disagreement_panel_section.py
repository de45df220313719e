"""DISAGREEMENT: which pair and measure, the ribbon, the worst places and the way along them, and the totals."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from ntp_studio.compare_messages import DisagreementShown
from ntp_studio.core.compared import Totals
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.disagreement_panel_parts import FigureLine, LinkButton, Section, Segments, heading, wrapped_tip
from ntp_studio.ui.disagreement_panel_totals import TotalsTable
from ntp_studio.ui.disagreement_ribbon import DisagreementRibbon
from ntp_studio.ui.disagreement_ribbon_figures import (
    MEASURES,
    Measure,
    Walk,
    in_bits,
    measure_meaning,
    measure_name,
    shown_text,
    token_words,
    worst_first,
)
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.theme import Theme

ARROW = " ▾"


class DisagreementSection(Section):
    """The pair is chosen here for the whole column (`pair_changed`); the measure is a person's wish, and Δ log-prob
    stands in for it where the vocabularies of the pair are unequal."""

    go_to = Signal(int)
    pair_changed = Signal(int)  # which column after the reference, from 0
    measure_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("disagreement_section")
        self._alike: tuple[bool, ...] = ()
        self._pairs: tuple[Totals | None, ...] = ()
        self._wish: Measure = "forward"
        self._after_decoding = False
        self.pair = 0
        self._walk = Walk()
        self._order: list[int] | None = None
        self.pairs = Segments("pair", self.tr("Which columns are held against each other"), self)
        self.pairs.chosen.connect(self._pair_chosen)
        self.pairs.hide()
        self.ribbon = DisagreementRibbon(theme, self)
        self.ribbon.go_to.connect(self._clicked)
        self.worst = FigureLine(theme, "worst_line", parent=self)
        self.agreement = FigureLine(theme, "agreement_line", parent=self)
        self.jump = self._link("jump_to_worst", self.tr("jump (N)"), self.tr("Go to the next worst place (N)"))
        self.jump.clicked.connect(self.next_worst)
        self.back = self._link("back_to_worse", self.tr("back (P)"), self.tr("Go back to the worse place before (P)"))
        self.back.clicked.connect(self.previous_worst)
        self.totals = TotalsTable(theme, self)
        self.alone = plain_label(
            self.tr("Add a second model: here stands how far the two disagree on every token of the text."), self
        )
        self.alone.setObjectName("disagreement_alone")
        self.alone.setProperty("role", "muted")
        self.alone.setWordWrap(True)
        self._foot = QWidget(self)
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(10)
        foot.addWidget(self.agreement, 1)
        foot.addWidget(self.back)
        foot.addWidget(self.jump)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(self._make_head())
        column.addWidget(self.pairs)
        column.addWidget(self.alone)
        column.addWidget(self.ribbon)
        column.addWidget(self.worst)
        column.addWidget(self._foot)
        column.addSpacing(2)
        column.addWidget(self.totals)
        self.clear()

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _make_head(self) -> QHBoxLayout:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        group = QActionGroup(self)
        self._actions: dict[Measure, QAction] = {}
        for measure in MEASURES:
            action = QAction(self)
            action.setObjectName(f"measure_{measure}")
            action.setCheckable(True)
            action.setData(measure)
            group.addAction(action)
            menu.addAction(action)
            self._actions[measure] = action
        group.triggered.connect(self._measure_chosen)
        self.measure_button = LinkButton("measure_button", self)
        self.measure_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.measure_button.setMenu(menu)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(heading(self.tr("DISAGREEMENT"), self, self.tr("How far two columns disagree along the text.")))
        head.addStretch(1)
        head.addWidget(self.measure_button)
        return head

    def _link(self, name: str, text: str, tip: str) -> LinkButton:
        button = LinkButton(name, self)
        button.setText(text)
        button.setToolTip(wrapped_tip(tip))
        button.setAccessibleName(tip)
        return button

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def measure(self) -> Measure:
        """The one in use."""
        return self._wish if self.pair_alike else "delta"

    @property
    def pair_alike(self) -> bool:
        """Whether the vocabularies of the chosen pair are equal."""
        return self.pair + 1 >= len(self._alike) or self._alike[self.pair + 1]

    def show_columns(self, alike: Sequence[bool], names: Sequence[str] = ()) -> None:
        """For each column, whether its vocabulary is the first one's, and what it is called. Their figures are told
        anew."""
        self._alike = tuple(alike)
        others = range(max(len(alike) - 1, 0))
        if self.pair not in others:
            self.pair = 0
        choices = []
        for pair in others:
            name = f"A–{letter(pair + 1)}"
            tip = self.tr("Hold {0} against A").format(letter(pair + 1))
            if len(names) == len(alike):
                tip = self.tr("{0}: {1}").format(tip, f"{names[pair + 1]} / {names[0]}")
            choices.append((str(pair), name, name, tip))
        self.pairs.set_choices(choices)
        self.pairs.setVisible(len(choices) > 1)
        self.pairs.choose(str(self.pair))
        for widget in (self.worst, self._foot, self.measure_button):
            widget.setVisible(bool(others))
        self.ribbon.setVisible(bool(others))
        self.alone.setVisible(not others)
        self.totals.set_columns(alike, names)
        self._follow_choice()

    def show_after_decoding(self, on: bool) -> None:
        """Whether other parts of the page compare what decoding makes of them: the figures here never do."""
        if on != self._after_decoding:
            self._after_decoding = on
            self._show_kind()

    def _show_kind(self) -> None:
        self.ribbon.show_kind(whole_in_all=not all(self._alike), own=self._after_decoding)
        self.totals.set_own(self._after_decoding)

    def show_disagreement(self, event: DisagreementShown) -> None:
        if len(self._alike) < 2:  # one column agrees with itself: its totals are all there is to say
            self.totals.show_totals(event.columns, event.pairs)
            return
        self.ribbon.show_stretches(event)
        self._pairs = event.pairs
        self._order = None
        self._walk.shown(event.at)
        self.totals.show_totals(event.columns, event.pairs)
        self._say()

    def clear(self) -> None:
        """No figures; the columns stay."""
        self.ribbon.clear(self.tr("No text has been read yet."))
        self._pairs = ()
        self._order = None
        self._walk.forget()
        self.totals.show_totals((), ())
        self._say()

    def _follow_choice(self) -> None:
        """Pair, measure or columns have changed."""
        measure, alike = self.measure, self.pair_alike
        self._order = None
        self._walk.forget()
        self.ribbon.choose(self.pair, measure, alike)
        self._show_kind()
        self.totals.set_backward(self._wish == "backward")
        name = measure_name(measure, self.pair)
        self.measure_button.setText(name + ARROW)
        self.measure_button.setAccessibleName(self.tr("Measure of disagreement: {0}").format(name))
        self.measure_button.setToolTip(wrapped_tip(measure_meaning(measure, self.pair)))
        for each, action in self._actions.items():
            action.setText(measure_name(each, self.pair))
            action.setChecked(each == measure)
            usable = alike or each == "delta"
            action.setEnabled(usable)
            other = letter(self.pair + 1)
            meaning = measure_meaning(each, self.pair)
            if not usable:
                why = self.tr("{0} has another vocabulary than A: no divergence is over both.").format(other)
                meaning = f"{why} {meaning}"
            action.setToolTip(wrapped_tip(meaning))
        self._say()

    # -- the worst places ----------------------------------------------------------------------------------------------

    @property
    def order(self) -> list[int]:
        """All stretches on which the pair disagrees, the worst first."""
        if self._order is None:
            self._order = worst_first(self.ribbon.values)
        return self._order

    @Slot()
    def next_worst(self) -> None:
        self._go(1)

    @Slot()
    def previous_worst(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        index = self._walk.go(self.order, by, self.ribbon.at)
        if index is not None:
            self._say()
            self.go_to.emit(index)

    def _say(self) -> None:
        """The lines under the ribbon."""
        walking = self._walk.visited is not None
        rank = self._walk.rank(self.order) if walking else None
        worst = self.ribbon.worst
        if rank is not None:
            index = self.order[rank]
            lead = self.tr("worst") if rank == 0 else self.tr("worst {0} of {1}").format(rank + 1, len(self.order))
        elif worst:
            index, lead = worst[0], self.tr("worst")
        else:
            index = -1
        if index >= 0:
            stretch = self.ribbon.stretch(index)
            at, token = self.tr("{0} at {1}").format(lead, token_words(stretch)), shown_text(stretch)
            value = in_bits(float(self.ribbon.values[index]), signed=self.measure == "delta")
            self.worst.show_forms(
                ((f"{at} ", "muted"), (token, "mono"), (f" · {value}", "muted")),
                ((f"{at} ", "muted"), (token, "mono")),
            )
        elif len(self.ribbon) and not self.ribbon.missing:
            self.worst.show_text(self.tr("no disagreement anywhere"))
        else:
            self.worst.show_text("")
        self.jump.setEnabled(bool(worst) and (rank is None or rank + 1 < len(self.order)))
        self.back.setVisible(rank is not None)
        self.back.setEnabled(rank is not None and rank > 0)
        self._say_agreement()

    def _say_agreement(self) -> None:
        total = self._pairs[self.pair] if self.pair < len(self._pairs) else None
        other = letter(self.pair + 1)
        tip = ""
        if not self.pair_alike and len(self.ribbon):
            self.agreement.show_text(
                self.tr("other tokenizer: compared over stretches of equal text"),
                self.tr("other tokenizer: over equal text"),
                self.tr("other tokenizer"),
            )
            tip = self.tr(
                "{0} has another vocabulary than A: their likeliest tokens are not counted, and no KL or JS (the "
                "Kullback–Leibler and Jensen–Shannon divergences) is over both. Compared are the log-probabilities of "
                "stretches of equal text, and bits per byte."
            ).format(other)
        elif total is not None:
            count = f"{total.agreed:,} / {total.tokens:,}"
            self.agreement.show_text(
                self.tr("top-1 agrees {0}").format(count), self.tr("top-1 {0}").format(count), count
            )
            tip = self.tr("How many of the tokens compared have the same likeliest token in A and {0}.").format(other)
            if not all(self._alike):
                tip += " " + self.tr(
                    "Compared are those tokens that are whole in all columns: another column has another tokenizer."
                )
        else:
            self.agreement.show_text("")
        if self.agreement.toolTip() != wrapped_tip(tip):
            self.agreement.setToolTip(wrapped_tip(tip))

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot(int)
    def _clicked(self, index: int) -> None:
        self._walk.forget()
        self._say()
        self.go_to.emit(index)

    @Slot(str)
    def _pair_chosen(self, value: str) -> None:
        if int(value) != self.pair:
            self.pair = int(value)
            self._follow_choice()
            self.pair_changed.emit(self.pair)

    @Slot(QAction)
    def _measure_chosen(self, action: QAction) -> None:
        if action.data() != self._wish or self.measure != self._wish:
            self._wish = action.data()
            self._follow_choice()
            self.measure_changed.emit()
