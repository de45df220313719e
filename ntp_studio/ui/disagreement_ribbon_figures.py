"""How far two columns disagree, as figures and in words: measures, ranks, and the way along the worst places. No Qt but
its translations.

Divergences come in nats and are bits here. What has no figure is NaN in arrays and `–` in words, never a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication

from ntp_studio.core.compared import PairAt, Stretch
from ntp_studio.ui.candidate_text import MINUS, Explanation, bits_figure
from ntp_studio.ui.column_colors import letter

Measure = Literal["forward", "backward", "jensen_shannon", "delta"]
MEASURES: tuple[Measure, ...] = ("forward", "backward", "jensen_shannon", "delta")
NO_FIGURE = "–"
BITS = 1 / math.log(2)
# Bits; what is less is no disagreement but the rounding of floats: read at once or token by token, one model's
# log-probabilities of a text differ by some 1e-5.
ROUNDING = 1e-4
ZERO = 1e-9
Values = NDArray[np.float64]


def measure_name(measure: Measure, pair: int) -> str:
    """`KL(A‖B)`; `pair` counts the columns after the reference from 0."""
    other = letter(pair + 1)
    return {
        "forward": f"KL(A‖{other})",
        "backward": f"KL({other}‖A)",
        "jensen_shannon": "JS",
        "delta": QCoreApplication.translate("Disagreement", "Δ log-prob"),
    }[measure]


def measure_meaning(measure: Measure, pair: int) -> str:
    """What the measure is, in a sentence or two."""
    translate, other = QCoreApplication.translate, letter(pair + 1)
    return {
        "forward": translate(
            "Disagreement",
            "KL(A‖{other}), the Kullback–Leibler divergence: how many bits more it costs on average to foretell with "
            "{other} what A would choose.",
        ),
        "backward": translate(
            "Disagreement",
            "KL({other}‖A), the Kullback–Leibler divergence the other way round: how many bits more it costs on "
            "average to foretell with A what {other} would choose.",
        ),
        "jensen_shannon": translate(
            "Disagreement",
            "JS, the Jensen–Shannon divergence: how far A and {other} are from their mean; the same both ways, at most "
            "1 bit.",
        ),
        "delta": translate(
            "Disagreement",
            "Δ log-prob: log₂ of the probability that {other} gave to what stands in the text, less that of A. "
            "Above the line {other} expected it more, below it A did.",
        ),
    }[measure].format(other=other)


def bits_of(pair: PairAt, measure: Measure) -> float:
    """In bits; NaN where there is no figure."""
    if measure == "delta":
        nats = pair.delta
    else:
        nats = getattr(pair.divergence, measure) if pair.divergence is not None else None
    return math.nan if nats is None else nats * BITS


def values_of(stretches: Sequence[Stretch], pair: int, measure: Measure) -> Values:
    return np.array(
        [bits_of(s.pairs[pair], measure) if pair < len(s.pairs) else math.nan for s in stretches], dtype=np.float64
    )


def worst_first(values: Values) -> list[int]:
    """The stretches that have a figure and disagree, by its size: the worst first, equals as they stand."""
    sizes = np.abs(values)
    known = np.flatnonzero(sizes > ROUNDING)  # NaN compares as false
    found: list[int] = known[np.argsort(-sizes[known], kind="stable")].tolist()
    return found


def worst_few(values: Values, most: int) -> list[int]:
    """The first of `worst_first`, without putting all the others in order."""
    sizes = np.where(np.isnan(values), -1.0, np.abs(values))
    if len(sizes) > 4 * most:
        edge = np.partition(sizes, len(sizes) - most)[len(sizes) - most]
        few = np.flatnonzero(sizes >= edge)
    else:
        few = np.arange(len(sizes))
    few = few[sizes[few] > ROUNDING]
    found: list[int] = few[np.argsort(-sizes[few], kind="stable")][:most].tolist()
    return found


# -- words -------------------------------------------------------------------------------------------------------------


def figure(value: float | None, digits: int = 2, signed: bool = False) -> str:
    """A number for the screen: `0.44`, `+1.20`, `∞`, `–` for none."""
    if value is None or math.isnan(value):
        return NO_FIGURE
    if math.isinf(value):
        return "∞" if value > 0 and not signed else ("+∞" if value > 0 else f"{MINUS}∞")
    text = bits_figure(value, digits)
    if not signed or abs(value) < ZERO:
        return text
    if text.startswith("<"):
        return f"{'+' if value > 0 else MINUS}{text}"
    return f"+{text}" if value > 0 else text


def short_figure(value: float | None, decimals: int = 3) -> str:
    """A figure of bits where there is little room, in at most so many decimals: `0.44`, `0.0042` as `0.004`,
    `<0.001`. The whole of it stands in a tool tip."""
    if value is None or not math.isfinite(value) or abs(value) < ZERO:
        return figure(value)
    least = 10.0**-decimals
    if abs(value) < least:
        return f"<{least:.{decimals}f}"
    text = figure(value)
    return text if len(text.partition(".")[2]) <= decimals else f"{value:.{decimals}f}".replace("-", MINUS)


def in_bits(value: float | None, digits: int = 2, signed: bool = False) -> str:
    text = figure(value, digits, signed)
    if text == NO_FIGURE:
        return text
    return QCoreApplication.translate("Disagreement", "{figure} bits").format(figure=text)


def divergence_names() -> str:
    return QCoreApplication.translate("Disagreement", "KL: Kullback–Leibler · JS: Jensen–Shannon divergence")


def infinity_meaning() -> str:
    return QCoreApplication.translate("Disagreement", "∞: one allows a token that the other has cut")


def share(value: float) -> str:
    return NO_FIGURE if math.isnan(value) else f"{100 * value:.0f} %"


def token_words(stretch: Stretch, column: int = 0) -> str:
    """`token 17`, or `tokens 17–18`: counted from 1 along the column's whole line, the prompt included."""
    first, last = stretch.tokens[column]
    translate = QCoreApplication.translate
    if last - first <= 1:
        return translate("Disagreement", "token {number}").format(number=f"{first + 1:,}")
    return translate("Disagreement", "tokens {first}–{last}").format(first=f"{first + 1:,}", last=f"{last:,}")


def shown_text(stretch: Stretch) -> str:
    return stretch.text or QCoreApplication.translate("Disagreement", "(no text)")


def explain(stretch: Stretch, pair: int, *, of: int, reading: bool, alike: bool) -> Explanation:
    """Every figure of a stretch. `of` is how many stretches the bar stands for, this being the worst of them; `reading`
    tells whether its figures are still to come."""
    translate, other = QCoreApplication.translate, letter(pair + 1)
    where = token_words(stretch)
    if stretch.tokens[pair + 1] != stretch.tokens[0]:
        where = f"A: {where} · {other}: {token_words(stretch, pair + 1)}"
    if stretch.in_prompt:
        where = translate("Disagreement", "{where} · in the prompt").format(where=where)
    lines = _lines(stretch.pairs[pair], pair)
    if not lines:
        lines = [("", _why_none(stretch, reading))]
    elif stretch.pairs[pair].divergence is None:
        why = (
            translate("Disagreement", "none: the stretch is several tokens, and they are of one")
            if alike
            else translate("Disagreement", "none: the vocabularies are unequal")
        )
        lines.append((translate("Disagreement", "KL, JS"), why))
        lines.append(("", divergence_names()))
    hint = translate("Disagreement", "Click goes to the place before it")
    if of > 1:
        hint = translate("Disagreement", "The worst of {count} here · {hint}").format(count=of, hint=hint)
    return Explanation(shown_text(stretch), where, tuple(lines), hint)


def _lines(at: PairAt, pair: int) -> list[tuple[str, str]]:
    translate, other = QCoreApplication.translate, letter(pair + 1)
    lines = []
    found = at.divergence
    if found is not None and found.whole_vocabulary:
        for measure in MEASURES[:3]:
            lines.append((measure_name(measure, pair), in_bits(bits_of(at, measure))))
        lines.append(("", divergence_names()))
        if math.isinf(bits_of(at, "forward")) or math.isinf(bits_of(at, "backward")):
            lines.append(("", infinity_meaning()))
    if at.delta is not None and not math.isnan(at.delta):
        words = in_bits(at.delta * BITS, signed=True)
        if abs(at.delta * BITS) >= ZERO:
            likelier = other if at.delta > 0 else "A"
            words = translate("Disagreement", "{figure} ({column} expected it more)").format(
                figure=words, column=likelier
            )
        lines.append((measure_name("delta", pair), words))
    if found is not None:
        top = translate("Disagreement", "the same") if found.same_top else translate("Disagreement", "another")
        lines.append((translate("Disagreement", "likeliest token"), top))
        lines.append((translate("Disagreement", "overlap"), share(found.overlap)))
    return lines


def _why_none(stretch: Stretch, reading: bool) -> str:
    translate = QCoreApplication.translate
    if stretch.tokens[0][0] == 0:
        return translate("Disagreement", "nothing stands before it, so no column foretold it")
    if reading:
        return translate("Disagreement", "still being read")
    return translate("Disagreement", "no column foretold it")


# -- from worst to worst -----------------------------------------------------------------------------------------------


class Walk:
    """Where a person stands in the order of the worst. It holds on to the stretch, not to its rank: ranks change while
    the text grows. It begins anew once the place on view was moved away from the stretch."""

    def __init__(self) -> None:
        self.visited: int | None = None
        self._arrived = False

    def forget(self) -> None:
        self.visited, self._arrived = None, False

    def shown(self, at: int) -> None:
        """The place on view is before this stretch now."""
        if at == self.visited:
            self._arrived = True
        elif self._arrived:  # until then it is a place that was on its way already
            self.forget()

    def rank(self, order: Sequence[int]) -> int | None:
        """From 0; None where the walk has not begun."""
        return order.index(self.visited) if self.visited in order else None

    def go(self, order: Sequence[int], by: int, at: int) -> int | None:
        """The stretch `by` ranks on, None at either end. The first step leads to the worst."""
        rank = self.rank(order)
        if rank is None and order and order[0] == at:
            rank = 0  # one that is on view already would not be seen to be gone to
        there = 0 if rank is None else rank + by
        if not 0 <= there < len(order):
            return None
        self.visited, self._arrived = order[there], False
        return self.visited
