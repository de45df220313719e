"""The totals along the text in figures and words: what stands in the table, and what its tool tips say. No Qt but its
translations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QCoreApplication

from ntp_studio.core.compared import ColumnTotals, Totals
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.disagreement_ribbon_figures import (
    BITS,
    NO_FIGURE,
    figure,
    in_bits,
    infinity_meaning,
    share,
    short_figure,
)
from ntp_studio.ui.token_figures import plain_number

SHORTEST = 2  # wording of the captions, from 0


def perplexity_figure(value: float) -> str:
    """In at most seven characters."""
    if value < 1e6 or not math.isfinite(value):
        return plain_number(value)
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


@dataclass(frozen=True, slots=True)
class TotalsTold:
    """A row for each column: whether its vocabulary is A's, what it is called, and its figures as far as they are
    known. `backward` chooses the KL; `own` tells whether it has to be said that all is of the models' own
    distributions, since others are on view beside them."""

    alike: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()
    columns: tuple[ColumnTotals, ...] = ()
    pairs: tuple[Totals | None, ...] = ()
    backward: bool = False
    own: bool = False

    def captions(self, short: int = 0) -> tuple[str, str, str, str]:
        """In fewer and fewer words, up to `SHORTEST`."""
        translate = QCoreApplication.translate
        kl = translate("Disagreement", "KL(·‖A)") if self.backward else translate("Disagreement", "KL(A‖·)")
        js = translate("Disagreement", "JS")
        if len(self.alike) < 2:
            kl = js = ""
        perplexity = (
            translate("Disagreement", "perplexity, whole text"),
            translate("Disagreement", "ppl., whole text"),
            translate("Disagreement", "ppl., text"),
        )
        return (
            perplexity[short],
            translate("Disagreement", "bits/B") if short == SHORTEST else translate("Disagreement", "bits/byte"),
            kl,
            js,
        )

    def cells(self, row: int, decimals: int | None = None) -> tuple[str, str, str, str]:
        """Divergences are in bits per token; A has none from itself. `decimals` shorten figures that have to fit."""
        words = figure if decimals is None else partial(short_figure, decimals=decimals)
        own = self.columns[row] if row < len(self.columns) else None
        perplexity = own.perplexity if own is not None else math.nan
        first = NO_FIGURE if math.isnan(perplexity) else perplexity_figure(perplexity)
        second = words(own.bits_per_byte if own is not None else None)
        if row == 0:
            return first, second, "", ""
        pair = self._pair(row)
        if pair is None:
            return first, second, NO_FIGURE, NO_FIGURE
        kl = pair.backward if self.backward else pair.forward
        return first, second, words(kl * BITS), words(pair.jensen_shannon * BITS)

    def _pair(self, row: int) -> Totals | None:
        return self.pairs[row - 1] if row - 1 < len(self.pairs) else None

    def foot(self) -> str:
        """What the figures are over."""
        return self.feet()[0]

    def feet(self) -> tuple[str, ...]:
        """The foot in fewer and fewer words."""
        translate = QCoreApplication.translate
        if len(self.alike) < 2:
            return ("",)
        if self.own:
            return (
                translate("Disagreement", "the models' own distributions · KL, JS: mean bits/token"),
                translate("Disagreement", "the models' own · KL, JS: mean bits/token"),
                translate("Disagreement", "the models' own distributions"),
            )
        if all(self.alike):
            return (
                translate("Disagreement", "KL, JS: mean bits per token, whole vocabulary"),
                translate("Disagreement", "KL, JS: mean bits/token, whole vocab."),
                translate("Disagreement", "KL, JS: mean bits/token"),
            )
        if not any(self.alike[1:]):
            return (
                translate("Disagreement", "bits/byte: over aligned stretches"),
                translate("Disagreement", "bits/byte: aligned"),
            )
        return (
            translate("Disagreement", "KL, JS: whole vocabulary · bits/byte: aligned"),
            translate("Disagreement", "bits/byte: aligned stretches"),
        )

    def foot_explained(self) -> str:
        """The sentences behind the foot."""
        translate = QCoreApplication.translate
        words = translate(
            "Disagreement",
            "All totals are along the whole text, the prompt included. KL is the Kullback–Leibler and JS the "
            "Jensen–Shannon divergence: means in bits per token, over the whole vocabulary, for columns that have A's.",
        )
        if not all(self.alike):
            words += " " + translate(
                "Disagreement", "Bits per byte are over the same stretches of text in all columns."
            )
        return f"{words} {self._own_words()}" if self.own else words

    @staticmethod
    def _own_words() -> str:
        return QCoreApplication.translate(
            "Disagreement", "They are of the models' own distributions, whatever is compared at this step."
        )

    def caption_tip(self, column: int) -> str:
        """What the figures under a caption are."""
        translate = QCoreApplication.translate
        if column <= 0:
            return translate(
                "Disagreement",
                "Perplexity per token over the whole text, the prompt included. The figure under each column is "
                "another one: of what comes after the prompt.",
            )
        if column == 1:
            return translate("Disagreement", "Bits per byte of the text: comparable between tokenizers.")
        if column == 2:
            order = translate("Disagreement", "KL(·‖A)") if self.backward else translate("Disagreement", "KL(A‖·)")
            return translate(
                "Disagreement",
                "{0}: the Kullback–Leibler divergence of a column and A, mean bits per token over the whole "
                "vocabulary.",
            ).format(order)
        return translate(
            "Disagreement",
            "JS: the Jensen–Shannon divergence of a column and A, mean bits per token over the whole vocabulary; the "
            "same both ways, at most 1 bit.",
        )

    def tip(self, row: int, column: int) -> str:
        """The sentences behind a figure; column -1 is the letter."""
        translate = QCoreApplication.translate
        name, own, pair = letter(row), self.columns[row] if row < len(self.columns) else None, self._pair(row)
        if column < 0:
            which = self.names[row] if row < len(self.names) else ""
            place = (
                translate("Disagreement", "It leads: the others are held against it.")
                if row == 0
                else translate("Disagreement", "It is held against A.")
            )
            return (
                translate("Disagreement", "{0} is {1}. {2}").format(name, which, place) if which else f"{name}. {place}"
            )
        if column == 0:
            tokens = own.tokens if own is not None else 0
            return translate(
                "Disagreement",
                "Perplexity of {column} per token over the whole text, the prompt included ({tokens} tokens); the "
                "figure under the column is of what comes after the prompt.\n"
                "Between different tokenizers it is not comparable; bits per byte are.",
            ).format(column=name, tokens=f"{tokens:,}")
        if column == 1:
            bits = in_bits(own.bits_per_byte if own is not None else None)
            return translate(
                "Disagreement",
                "Bits per byte of {column}: {bits}, the mean over the bytes of the text that every column has "
                "foretold. They are the same stretches in all, so it is comparable between tokenizers.",
            ).format(column=name, bits=bits)
        if row == 0:
            return translate("Disagreement", "A is the reference that the others are held against.")
        if not self.alike[row]:
            return translate(
                "Disagreement",
                "{column} has another vocabulary than A, so there is no KL and no JS (the Kullback–Leibler and "
                "Jensen–Shannon divergences): compare bits per byte, and Δ log-prob over stretches of equal text.",
            ).format(column=name)
        if pair is None:
            return translate("Disagreement", "No token has been compared yet.")
        infinite = math.isinf(pair.forward) or math.isinf(pair.backward)
        words = translate(
            "Disagreement",
            "Means over {tokens} tokens, over the whole vocabulary:\n"
            "Kullback–Leibler: KL(A‖{column}) {forward}, KL({column}‖A) {backward}\n"
            "Jensen–Shannon: JS {js}\n"
            "overlap of the likeliest tokens: {overlap}",
        ).format(
            tokens=f"{pair.tokens:,}",
            column=name,
            forward=in_bits(pair.forward * BITS),
            backward=in_bits(pair.backward * BITS),
            js=in_bits(pair.jensen_shannon * BITS),
            overlap=share(pair.overlap),
        )
        if self.own:
            words = f"{words}\n{self._own_words()}"
        return f"{words}\n{infinity_meaning()}" if infinite else words
