"""The three figures under a column of the compare page: entropy, perplexity, time per step."""

from __future__ import annotations

import math

from PySide6.QtCore import Slot
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import bits
from ntp_studio.ui.facts import FactCard
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_figures import plain_number

NONE = "–"
TIGHT = 4  # pixels at the sides of a card where columns are narrow
SPACING = 5


def milliseconds(value: float) -> str:
    if not math.isfinite(value):
        return NONE
    return f"{value:.1f} ms" if value < 9.95 else f"{value:,.0f} ms"


class CompareFigures(QWidget):
    """Side by side; in a very narrow column entropy has a line of its own."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column_figures")
        self._entropy_tip = self.tr(
            "How undecided the model is here, over its whole vocabulary and before decoding: with 3 bits it is as "
            "undecided as between 8 equally likely tokens."
        )
        self._perplexity_tip = self.tr(
            "exp of the mean of −ln p over the tokens after the prompt, up to this place: as if the model had chosen "
            "among that many equally likely tokens each time. It is per token, so that models with other tokenizers "
            "cannot be held against it; bits per byte can."
        )
        self._step_tip = self.tr(
            "How long the last step took here in which the model ran: its own forward pass and all around it. A place "
            "that was computed before is shown again without the model."
        )
        self._cost: float | None = None  # milliseconds
        self.entropy = FactCard(theme, "figure_entropy", self.tr("entropy"), self._entropy_tip, self)
        self.perplexity = FactCard(theme, "figure_perplexity", self.tr("perplexity"), self._perplexity_tip, self)
        self.step = FactCard(theme, "figure_step", self.tr("per step"), self._step_tip, self)
        self.cards = (self.entropy, self.perplexity, self.step)
        self._long = (self.tr("entropy (model)"), self.tr("perplexity after the prompt"), self.tr("time per step"))
        self._short = (self.tr("entropy"), self.tr("perplexity"), self.tr("per step"))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._shape: tuple[bool, int, tuple[str, ...], tuple[int, ...]] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._rearrange)  # after the cards, which were connected before
        self._rearrange()
        self.show_figures(None, math.nan)

    def note_cost(self, frame: StepFrame | None) -> None:
        """What a step costs is told by the last in which the model ran, shown or not."""
        if frame is not None and frame.model_ms > 0.0:
            self._cost = frame.step_ms

    def show_figures(self, frame: StepFrame | None, perplexity: float) -> None:
        """None: there is no distribution here. `perplexity` is NaN where no token after the prompt has a figure."""
        if frame is None:
            self._show(self.entropy, NONE, self.tr("There is no distribution at this place."))
        else:
            self._show(self.entropy, bits(frame.entropy_bits), self._entropy_tip)
        self.note_cost(frame)
        if self._cost is None:
            self._show(self.step, NONE, self.tr("No step has been taken in which the model ran."))
        else:
            self._show(self.step, milliseconds(self._cost), self._step_tip)
        if math.isnan(perplexity):
            self._show(self.perplexity, NONE, self.tr("No token after the prompt has a figure yet."))
        elif math.isinf(perplexity):
            infinite = self.tr("Infinite: the model held a token of this text to be impossible.")
            self._show(self.perplexity, "∞", infinite)
        else:
            self._show(self.perplexity, plain_number(perplexity), self._perplexity_tip)

    @staticmethod
    def _show(card: FactCard, value: str, sentence: str) -> None:
        # Only what changed: a label that is given a text asks for a new layout of everything around it.
        if card.value != value:
            card.show_value(value)
        if card.toolTip() != sentence:
            card.setToolTip(sentence)
            card.setAccessibleDescription(sentence)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rearrange()

    @Slot()
    def _rearrange(self) -> None:
        room = self.width() - 2 * SPACING
        roomy, short, tight = (
            self._widths(self._long, 9),
            self._widths(self._short, 9),
            self._widths(self._short, TIGHT),
        )
        if sum(roomy) <= room:
            even = 3 * max(roomy) <= room
            self._arrange(True, 9, self._long, (1, 1, 1) if even else roomy)
        elif sum(short) <= room:
            even = 3 * max(short) <= room
            self._arrange(True, 9, self._short, (1, 1, 1) if even else short)
        else:
            self._arrange(sum(tight) <= room, TIGHT, self._short, tight)

    def _widths(self, captions: tuple[str, ...], side: int) -> tuple[int, ...]:
        """What the cards need with so many pixels at their sides."""
        value = QFontMetrics(mono_like(self.font(), 1.05, QFont.Weight.Bold)).horizontalAdvance
        caption = QFontMetrics(scaled(self.font(), 0.87)).horizontalAdvance
        usual = ("00.00 bits", "000.0", "000 ms")
        return tuple(max(value(v), caption(c)) + 2 * side + 6 for v, c in zip(usual, captions, strict=True))

    def _arrange(self, one_line: bool, side: int, captions: tuple[str, ...], shares: tuple[int, ...]) -> None:
        shape = (one_line, side, captions, shares)
        if shape == self._shape:
            return
        self._shape = shape
        for card, caption in zip(self.cards, captions, strict=True):
            tip = card.toolTip()
            card.set_caption(caption, tip)
            card.show_value(card.value)  # its accessible name has the caption
            layout = card.layout()
            if layout is not None:
                layout.setContentsMargins(side + 1, 6, side, 6)
        if one_line:
            for column, card in enumerate(self.cards):
                self._grid.addWidget(card, 0, column)
        else:
            self._grid.addWidget(self.entropy, 0, 0, 1, 2)
            self._grid.addWidget(self.perplexity, 1, 0)
            self._grid.addWidget(self.step, 1, 1)
            shares = (1, 1, 0)
        for column, share in enumerate(shares):
            self._grid.setColumnStretch(column, share)
        self.updateGeometry()
