"""The figures of a run under way, each on a card."""

from __future__ import annotations

import math

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from ntp_studio import training_messages as t
from ntp_studio.ui.candidate_text import DASH
from ntp_studio.ui.facts import FactCard
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_fields import label
from ntp_studio.ui.train_values import span


class RunFigures(QWidget):
    """Eight cards in a row, or four over four where there is less room."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._done, self._total = 0, 0
        tr = self.tr
        table = (
            ("step", tr("step"), tr("Updates of the weights done, of all that are to be done.")),
            ("loss", tr("loss"), tr("Running mean of the training loss, in nats per token.")),
            ("held_out", tr("held-out loss"), tr("On text that is never trained on, in nats per token.")),
            ("perplexity", tr("perplexity"), tr("e to the held-out loss: as undecided as between so many tokens.")),
            ("bytes", tr("bits per byte"), tr("Held-out surprisal over the text's bytes: comparable between models.")),
            ("rate", tr("tokens/s"), tr("Tokens trained on in a second, without what is measured in between.")),
            ("learning_rate", tr("learning rate"), tr("Of the last update; it rises first and then falls.")),
            ("left", tr("time left"), tr("If it goes on as it goes now.")),
        )
        self.cards = {
            name: FactCard(theme, f"train_fact_{name}", caption, sentence, self) for name, caption, sentence in table
        }
        for card in self.cards.values():
            card.show_value(DASH)
        self._held_out_at = label("", "caption", self)
        self._held_out_at.setObjectName("train_held_out_at")
        self._held_out_at.hide()
        self._grid = QGridLayout(self)
        self._grid.setSpacing(6)
        self._columns = 0
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # After the cards, which were connected before it, have their new fonts.
        theme.changed.connect(self._arrange)
        self._arrange()

    def value(self, name: str) -> str:
        """What stands on a card."""
        return self.cards[name].value

    @property
    def share_done(self) -> float:
        """How much of the run is done, NaN before it has begun."""
        return self._done / self._total if self._total else math.nan

    @property
    def held_out_at(self) -> str:
        """What the held-out figures were measured on; empty while there are none."""
        return self._held_out_at.text()

    def clear(self) -> None:
        self._done = self._total = 0
        for card in self.cards.values():
            card.show_value(DASH)
        self._held_out_at.setText("")
        self._held_out_at.hide()

    def show_begun(self, event: t.TrainingBegun) -> None:
        self.clear()
        self._total = event.total_steps
        self._show_step(event.step)
        if event.held_out:
            self._show_held_out(*event.held_out[-1])

    def show_progress(self, event: t.TrainingProgress, mean_loss: float) -> None:
        self._show_step(event.step)
        self.cards["loss"].show_value(f"{mean_loss:.3f}")
        self.cards["learning_rate"].show_value(f"{event.learning_rate:.2e}")
        self.cards["rate"].show_value(f"{event.tokens_per_second:,.0f}")
        self.cards["left"].show_value(span(event.seconds_left))
        if event.held_out:
            self._show_held_out(*event.held_out[-1])

    def show_end(self, step: int, held_out: t.Figures | None) -> None:
        """Nothing is left to do; the figures over all held-out text take the place of the quick ones."""
        self._total = 0
        self.cards["left"].show_value(DASH)
        if held_out is not None:
            self._show_held_out(step, held_out)

    def _show_step(self, step: int) -> None:
        self._done = step
        self.cards["step"].show_value(f"{step:,} / {self._total:,}")

    def _show_held_out(self, step: int, figures: t.Figures) -> None:
        """The last measurement may be some updates ago, so it is said of which step it is."""
        words = self.tr("Held-out figures: at step {0}, over {1} tokens")
        self._held_out_at.setText(words.format(f"{step:,}", f"{figures.tokens:,}"))
        self._held_out_at.show()
        self.cards["held_out"].show_value(f"{figures.loss:.3f}")
        self.cards["perplexity"].show_value(f"{figures.perplexity:,.1f}")
        self.cards["bytes"].show_value(f"{figures.bits_per_byte:.3f}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    @Slot()
    def _arrange(self) -> None:
        widest = max(card.natural_width() for card in self.cards.values())
        columns = 8 if self.width() >= 8 * widest + 7 * self._grid.spacing() else 4
        if columns != self._columns:
            self._columns = columns
            for index, card in enumerate(self.cards.values()):
                self._grid.addWidget(card, index // columns, index % columns)
            self._grid.addWidget(self._held_out_at, 8 // columns, 0, 1, columns)
            for column in range(8):
                self._grid.setColumnStretch(column, 1 if column < columns else 0)
