"""Δ PROBABILITY: the bars of this step, by the models or after decoding, and three figures of the pair under them."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ntp_studio.compare_messages import PlaceShown
from ntp_studio.core.compared import Divergence
from ntp_studio.ui.candidate_text import MINUS, percent
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.delta_bars import DeltaBars
from ntp_studio.ui.delta_bars_rows import DeltaRow, standing_token, token_here
from ntp_studio.ui.disagreement_panel_parts import FigureLine, Form, Section, Segments, heading, wrapped_tip
from ntp_studio.ui.disagreement_ribbon_figures import (
    BITS,
    NO_FIGURE,
    Measure,
    figure,
    in_bits,
    measure_meaning,
    measure_name,
    share,
    short_figure,
)
from ntp_studio.ui.facts import FactCard
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.theme import Theme


class DeltaSection(Section):
    after_decoding_chosen = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("delta_section")
        self._pair = 0
        self._backward = False
        self._place: PlaceShown | None = None
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
        self.here = FigureLine(theme, "token_here", parent=self)
        self.bars = DeltaBars(theme, self)
        self.kl = FactCard(theme, "tile_kl", self.tr("KL bits"), "", self)
        self.js = FactCard(theme, "tile_js", self.tr("JS bits"), "", self)
        self.overlap = FactCard(theme, "tile_overlap", self.tr("overlap"), "", self)
        head = QHBoxLayout()
        head.setSpacing(6)
        tip = self.tr(
            "How much more probable another column makes a token at this step than A does, in percentage points (pp): "
            "from 12 % to 15 % it is +3 pp. Listed are the likeliest tokens of every column."
        )
        head.addWidget(heading(self.tr("Δ PROBABILITY"), self, tip))
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
        column.addWidget(self.here)
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
        self.here.setVisible(count > 1)
        self.bars.expect_rows(count > 1)

    def show_place(self, event: PlaceShown) -> None:
        """A place with its comparison."""
        if event.comparison is not None:
            self._place = event
            self.which.choose("after" if event.comparison.after_decoding else "model")
            self._refresh()

    def show_nothing(self, sentence: str) -> None:
        """No comparison is there; the sentence says why."""
        self._place = None
        self.bars.show_sentence(sentence)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        place = self._place
        comparison = place.comparison if place is not None else None
        if comparison is not None and self._pair >= len(comparison.pairs):
            return  # of other columns than those that are told by now
        other = letter(self._pair + 1)
        if place is None or comparison is None:
            self._say_here(None)
            self.subject.show_text("")
            self._show_tiles(None)
            return
        name = f"{other} {MINUS} A"
        self.subject.show_text(self.tr("{0}, this step").format(name), name)
        self._say_here(token_here(place, self._pair))
        self.bars.show_comparison(comparison, self._pair, place.drawn, standing_token(place))
        self._show_tiles(comparison.pairs[self._pair])

    def _say_here(self, row: DeltaRow | None) -> None:
        """The token that stands in the text, or is taken next: it may be too unlikely for the rows."""
        if row is None:
            self.here.show_text("")
            self._here_tip("")
            return
        other = letter(self._pair + 1)
        lead, short = (
            (self.tr("in the text"), self.tr("text")) if row.standing else (self.tr("A takes next"), self.tr("next"))
        )
        known = [NO_FIGURE if p is None else percent(p) for p in (row.reference, row.other)]
        figures = f" A {known[0]} · {other} {known[1]}"
        bits = "" if row.delta_log is None else " · " + in_bits(row.delta_log * BITS, signed=True)
        label = row.token.label
        forms: list[Form] = [
            ((f"{lead} ", "muted"), (label, "mono"), (figures + bits, "muted")),
            ((f"{short} ", "muted"), (label, "mono"), (figures + bits, "muted")),
            ((f"{short} ", "muted"), (label, "mono"), (figures, "muted")),
        ]
        self.here.show_forms(*forms)
        which = self.tr("after decoding") if self._after() else self.tr("by the models themselves")
        what = (
            self.tr("The token that stands in the text at this place, as A reads it")
            if row.standing
            else self.tr("The token that A takes next")
        )
        self._here_tip(
            self.tr("{0}, with its probability in A and in {1} ({2}), and Δ log-prob. {3}").format(
                what, other, which, measure_meaning("delta", self._pair)
            )
        )

    def _here_tip(self, tip: str) -> None:
        if self.here.toolTip() != wrapped_tip(tip):
            self.here.setToolTip(wrapped_tip(tip))

    def _after(self) -> bool:
        comparison = self._place.comparison if self._place is not None else None
        return comparison is not None and comparison.after_decoding

    # -- the tiles -----------------------------------------------------------------------------------------------------

    def _show_tiles(self, found: Divergence | None) -> None:
        long = measure_name("backward" if self._backward else "forward", self._pair)
        metrics, room = QFontMetricsF(scaled(self.kl.font(), 0.87)), self.kl.width() - 20
        captions = self.tr("{0} bits").format(long), self.tr("KL bits"), self.tr("KL")
        caption = next((words for words in captions if metrics.horizontalAdvance(words) <= room), captions[-1])
        shorter = self.tr("JS bits"), self.tr("JS")
        self.js.set_caption(next((w for w in shorter if metrics.horizontalAdvance(w) <= room), shorter[-1]), "")
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
        bits = None if nats is None else nats * BITS
        metrics = QFontMetricsF(mono_like(card.font(), 1.05, QFont.Weight.Bold))
        fitting = (figure(bits), *(short_figure(bits, decimals) for decimals in (3, 2, 1)))
        room = card.width() - 20
        value = next((words for words in fitting if metrics.horizontalAdvance(words) <= room), fitting[-1])
        if bits is not None:
            tip = f"{in_bits(bits)}. {tip}"
        if card.value != value:
            card.show_value(value)
        self._tip(card, tip)

    @staticmethod
    def _tip(card: FactCard, tip: str) -> None:
        if card.toolTip() != wrapped_tip(tip):
            card.setToolTip(wrapped_tip(tip))
            card.setAccessibleDescription(tip)

    def _none_tip(self) -> str:
        return self.tr("There is no comparison at this place.")

    def _unequal_tip(self) -> str:
        return self.tr(
            "{0} has another vocabulary than A, so that no divergence (KL: Kullback–Leibler, JS: Jensen–Shannon) is "
            "over both. See bits per byte and Δ log-prob over stretches of equal text."
        ).format(letter(self._pair + 1))

    def _kl_tip(self, found: Divergence | None, nats: float | None) -> str:
        if found is None:
            return self._none_tip()
        if nats is None:
            return self._unequal_tip()
        tip = measure_meaning("backward" if self._backward else "forward", self._pair)
        if math.isinf(nats):
            first, second = ("A", letter(self._pair + 1)) if not self._backward else (letter(self._pair + 1), "A")
            why = (
                self.tr("Infinite, since {0} allows a token that {1} has cut: the decoding settings differ in that.")
                if self._after()
                else self.tr("Infinite: {0} allows a token that {1} has cut.")
            )
            tip = f"{why.format(first, second)} {tip}"
        return f"{tip} {self._over()}"

    def _js_tip(self, found: Divergence | None) -> str:
        if found is None:
            return self._none_tip()
        if found.jensen_shannon is None:
            return self._unequal_tip()
        return f"{measure_meaning('jensen_shannon', self._pair)} {self._over()}"

    def _over(self) -> str:
        if self._after():
            return self.tr("At this step, after decoding, over the whole vocabulary.")
        return self.tr("At this step, of the models' own distributions, over the whole vocabulary.")

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
