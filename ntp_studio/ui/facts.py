"""Four figures of a distribution, each on a card: entropy before and after decoding, tokens and mass kept."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import bits, decoded_caption, number, percent
from ntp_studio.ui.panel_labels import ElidedLabel, mono_like, scaled
from ntp_studio.ui.theme import Theme


class FactCard(QFrame):
    """One figure over what it is; the tool tip says it in a sentence."""

    def __init__(self, theme: Theme, name: str, caption: str, sentence: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._theme = theme
        self._caption_text = caption
        self._value = ElidedLabel(parent=self)
        self._caption = ElidedLabel(parent=self)
        self._caption.setText(caption)
        self.setToolTip(sentence)
        self.setAccessibleDescription(sentence)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 7, 7, 7)
        layout.setSpacing(2)
        layout.addWidget(self._value)
        layout.addWidget(self._caption)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_value("")

    @property
    def value(self) -> str:
        return self._value.text()

    def set_caption(self, caption: str, sentence: str) -> None:
        if caption == self._caption_text:
            return
        self._caption_text = caption
        self._caption.setText(caption)
        self._caption.updateGeometry()
        self.setToolTip(sentence)
        self.setAccessibleDescription(sentence)

    def show_value(self, value: str) -> None:
        self._value.setText(value)
        self.setAccessibleName(f"{self._caption_text}: {value}" if value else self._caption_text)

    def natural_width(self) -> int:
        """What the caption needs in one line, and the widest value likely."""
        widest = QFontMetrics(self._value.font()).horizontalAdvance("00.00 bits")
        return max(self._caption.sizeHint().width(), widest) + 18

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._value.setFont(mono_like(self.font(), 1.05, QFont.Weight.Bold))
        self._value.set_color(p.color("text"))
        self._caption.setFont(scaled(self.font(), 0.87))
        self._caption.set_color(p.color("muted"))
        self.setStyleSheet(f"FactCard {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 6px; }}")


class Facts(QWidget):
    """The four cards, side by side or two by two where the column is narrow."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("facts")
        self.entropy = FactCard(
            theme,
            "fact_entropy",
            self.tr("entropy (model)"),
            self.tr(
                "How undecided the model is here, over its whole vocabulary: with 3 bits it is as undecided as between "
                "8 equally likely tokens."
            ),
            self,
        )
        self.processed_entropy = FactCard(
            theme,
            "fact_processed_entropy",
            decoded_caption(None),
            self.tr("The entropy that is left once the decoding chain has reshaped and cut the distribution."),
            self,
        )
        self.kept = FactCard(
            theme,
            "fact_kept",
            self.tr("tokens kept"),
            self.tr("How many tokens of the vocabulary the decoding chain left for the draw."),
            self,
        )
        self.mass = FactCard(
            theme,
            "fact_mass",
            self.tr("mass kept (model)"),
            self.tr(
                "The model's own probability of all tokens that the chain left, added up: the rest was cut away. "
                "What a stage “keeps”, on its card, is a share of the distribution that came to it, which the stages "
                "before it have reshaped."
            ),
            self,
        )
        self.cards = (self.entropy, self.processed_entropy, self.kept, self.mass)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)
        self._columns = 0
        # After the cards, which were connected before it, have their new fonts.
        theme.changed.connect(self._rearrange)
        self._arrange(2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_frame(self, frame: StepFrame | None) -> None:
        """None empties the cards."""
        if frame is None:
            for card in self.cards:
                card.show_value("")
            return
        sentence = self.tr("The entropy that is left once the decoding chain has reshaped and cut the distribution.")
        if frame.draw.method == "greedy":
            sentence += " " + self.tr("Greedy then takes the most likely token, so nothing stays undecided.")
        self.processed_entropy.set_caption(decoded_caption(frame), sentence)
        self.entropy.show_value(bits(frame.entropy_bits))
        self.processed_entropy.show_value(bits(frame.processed_entropy_bits))
        self.kept.show_value(number(frame.kept))
        self.mass.show_value(percent(frame.kept_mass))

    @property
    def columns(self) -> int:
        return self._columns

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for index, card in enumerate(self.cards):
            self._grid.addWidget(card, index // columns, index % columns, Qt.AlignmentFlag(0))
        for column in range(4):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rearrange()

    @Slot()
    def _rearrange(self) -> None:
        needed = 4 * max(card.natural_width() for card in self.cards) + 3 * self._grid.spacing()
        self._arrange(4 if self.width() >= needed else 2)
