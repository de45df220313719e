"""Δ PROBABILITY: the bars of this step, by the models or after decoding, and three figures of the pair under them."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ntp_studio.core.compared import Divergence, PlaceComparison
from ntp_studio.core.types import TokenText
from ntp_studio.ui.candidate_text import MINUS
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.delta_bars import DeltaBars
from ntp_studio.ui.disagreement_panel_parts import FigureLine, Section, Segments, heading
from ntp_studio.ui.disagreement_ribbon_figures import BITS, NO_FIGURE, Measure, figure, measure_meaning, share
from ntp_studio.ui.facts import FactCard
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.theme import Theme


class DeltaSection(Section):
    after_decoding_chosen = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("delta_section")
        self._pair = 0
        self._backward = False
        self._comparison: PlaceComparison | None = None
        self._drawn: TokenText | None = None
        self.subject = FigureLine(theme, "delta_subject", parent=self)
        self.subject.align_right()
        self.which = Segments("delta_of", self.tr("Whose probabilities are compared"), self)
        self.which.set_choices(
            (
                (
                    "model",
                    self.tr("Model"),
                    self.tr("Model"),
                    self.tr("Compare the models' own probabilities, before any decoding"),
                ),
                (
                    "after",
                    self.tr("After decoding"),
                    self.tr("Decoded"),
                    self.tr("Compare what the decoding of each column has made of them, from which tokens are drawn"),
                ),
            )
        )
        self.which.choose("model")
        self.which.chosen.connect(self._which_chosen)
        self.bars = DeltaBars(theme, self)
        self.kl = FactCard(theme, "tile_kl", self.tr("KL bits"), "", self)
        self.js = FactCard(theme, "tile_js", self.tr("JS bits"), "", self)
        self.overlap = FactCard(theme, "tile_overlap", self.tr("overlap"), "", self)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(heading(self.tr("Δ PROBABILITY"), self))
        head.addWidget(self.subject, 1)
        self._tiles = QWidget(self)
        tiles = QHBoxLayout(self._tiles)
        tiles.setContentsMargins(0, 0, 0, 0)
        tiles.setSpacing(6)
        for card in (self.kl, self.js, self.overlap):
            tiles.addWidget(card, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.which)
        column.addWidget(self.bars, 1)
        column.addWidget(self._tiles)
        theme.changed.connect(self._refresh)
        self.show_nothing("")

    # -- what is shown -------------------------------------------------------------------------------------------------

    def choose(self, pair: int, measure: Measure) -> None:
        """Which column is held against the reference, and which KL the tile has."""
        self._pair, self._backward = pair, measure == "backward"
        self._refresh()

    def show_columns(self, count: int) -> None:
        """Other columns have come; with one alone there is nothing to choose and no figure."""
        self.which.setVisible(count > 1)
        self._tiles.setVisible(count > 1)
        self.bars.forget_height()

    def show_comparison(self, comparison: PlaceComparison, drawn: TokenText | None) -> None:
        self._comparison, self._drawn = comparison, drawn
        self.which.choose("after" if comparison.after_decoding else "model")
        self._refresh()

    def show_nothing(self, sentence: str) -> None:
        """No comparison is there; the sentence says why."""
        self._comparison = None
        self.bars.show_sentence(sentence)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        comparison = self._comparison
        if comparison is not None and self._pair >= len(comparison.pairs):
            return  # of other columns than those that are told by now
        other = letter(self._pair + 1)
        if comparison is None:
            self.subject.show_text("")
            self._show_tiles(None)
            return
        name = f"{other} {MINUS} A"
        self.subject.show_text(self.tr("{0}, this step").format(name), name)
        self.bars.show_comparison(comparison, self._pair, self._drawn)
        self._show_tiles(comparison.pairs[self._pair])

    # -- the tiles -----------------------------------------------------------------------------------------------------

    def _show_tiles(self, found: Divergence | None) -> None:
        other = letter(self._pair + 1)
        long = f"KL({other}‖A)" if self._backward else f"KL(A‖{other})"
        caption = self.tr("{0} bits").format(long)
        room = self.kl.width() - 18
        if QFontMetricsF(scaled(self.kl.font(), 0.87)).horizontalAdvance(caption) > room:
            caption = self.tr("KL bits")
        kl = js = None
        if found is not None:
            kl, js = found.backward if self._backward else found.forward, found.jensen_shannon
        self.kl.set_caption(caption, "")
        self._show(self.kl, kl, self._kl_tip(found, kl))
        self._show(self.js, js, self._js_tip(found))
        value = share(found.overlap) if found is not None else NO_FIGURE
        if self.overlap.value != value:
            self.overlap.show_value(value)
        self._tip(self.overlap, self._overlap_tip(found))

    def _show(self, card: FactCard, nats: float | None, tip: str) -> None:
        value = figure(None if nats is None else nats * BITS)
        if card.value != value:
            card.show_value(value)
        self._tip(card, tip)

    @staticmethod
    def _tip(card: FactCard, tip: str) -> None:
        if card.toolTip() != tip:
            card.setToolTip(tip)
            card.setAccessibleDescription(tip)

    def _none_tip(self) -> str:
        return self.tr("There is no comparison at this place.")

    def _unequal_tip(self) -> str:
        return self.tr(
            "{0} has another vocabulary than A, so that no divergence is over both. See bits per byte and "
            "Δ log-prob over stretches of equal text."
        ).format(letter(self._pair + 1))

    def _kl_tip(self, found: Divergence | None, nats: float | None) -> str:
        if found is None:
            return self._none_tip()
        if nats is None:
            return self._unequal_tip()
        tip = measure_meaning("backward" if self._backward else "forward", self._pair)
        if math.isinf(nats):
            first, second = ("A", letter(self._pair + 1)) if not self._backward else (letter(self._pair + 1), "A")
            tip = self.tr("Infinite: {0} allows a token that {1} has cut.").format(first, second) + " " + tip
        return tip + " " + self.tr("At this step, over the whole vocabulary.")

    def _js_tip(self, found: Divergence | None) -> str:
        if found is None:
            return self._none_tip()
        if found.jensen_shannon is None:
            return self._unequal_tip()
        words = self.tr("At this step, over the whole vocabulary.")
        return f"{measure_meaning('jensen_shannon', self._pair)} {words}"

    def _overlap_tip(self, found: Divergence | None) -> str:
        if found is None:
            return self._none_tip()
        tip = self.tr("The share of the likeliest tokens of A and {0} that both have among them.").format(
            letter(self._pair + 1)
        )
        return tip if found.whole_vocabulary else tip + " " + self.tr("Tokens are the same where their bytes are.")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._refresh()

    @Slot(str)
    def _which_chosen(self, value: str) -> None:
        self.after_decoding_chosen.emit(value == "after")
