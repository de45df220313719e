"""Where values stand on the axes of small drawings, and how their figures read. No Qt widgets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ntp_studio.core.pictures import Axis
from ntp_studio.ui.candidate_text import DASH, MINUS, bits, percent

# A line or a typical bar lower than this share of the highest can no longer be read off a drawing 40 pixels high.
LEAST_READABLE = 0.12
FOOT = 0.1  # of the height: where the smallest value of a logarithmic axis stands
DEEPEST = 1e-7  # a logarithmic axis goes no further below its highest value, unless the line does


@dataclass(frozen=True, slots=True)
class Scale:
    """Heights from 0 (bottom) to 1 (top). `low` is the value at the bottom; on a logarithmic axis, at FOOT."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Never outside 0 to 1; NaN and −∞ are at the bottom, +∞ at the top."""
        if math.isnan(value) or value == -math.inf:
            return 0.0
        if value == math.inf:
            return 1.0
        if not self.log:
            span = self.high - self.low
            if not 0.0 < span < math.inf:  # huge values may leave no number between them, or one beyond floats
                return 0.5
            return min(max((value - self.low) / span, 0.0), 1.0)
        if value <= 0.0:
            return 0.0
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return min(max(FOOT + (1.0 - FOOT) * share, FOOT / 2), 1.0)


def finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def from_zero(values: Iterable[float], line: float | None = None) -> Scale:
    """A scale that holds 0, all values and the line."""
    held = finite((*values, *(() if line is None else (line,)), 0.0))
    low, high = min(held), max(held)
    return Scale(low, high if high > low else low + 1.0)


def readable(values: Sequence[float], line: float | None = None) -> Scale:
    """A scale from 0, or a logarithmic one where the highest value would dwarf the line (without one, the rest)."""
    linear = from_zero(values, line)
    positive = sorted(value for value in finite(values) if value > 0.0)
    if not positive or linear.low < 0.0:
        return linear
    deciding = line if line is not None and math.isfinite(line) else positive[len(positive) // 2]
    if deciding <= 0.0 or deciding >= LEAST_READABLE * linear.high:
        return linear
    low = min(max(positive[0], linear.high * DEEPEST), deciding)
    return Scale(low, linear.high, log=True)


def around(values: Iterable[float], *also: float) -> Scale:
    """A scale for values without a natural zero, such as logits, with a little room at both ends."""
    held = finite((*values, *also)) or [0.0]
    low, high = min(held), max(held)
    room = 0.06 * (high - low) or 0.5
    return Scale(low - room, high + room)


# -- figures -----------------------------------------------------------------------------------------------------------


def figure(value: float, digits: int = 3) -> str:
    """A number in few characters: `0.0105`, `−3.2`, `12,000`, `∞`; `—` for NaN."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    text = f"{value:,.0f}" if 10**digits <= size < 1e9 else f"{value:.{digits}g}"
    return "0" if text == "-0" else text.replace("-", MINUS)


def logit(value: float) -> str:
    """A logit, or what is of its size, with two decimals; −∞ is a ban."""
    return f"{value:.2f}".replace("-", MINUS) if abs(value) < 1e5 else figure(value)


def value_text(axis: Axis, value: float) -> str:
    """A bar's value in the unit of its axis."""
    if axis == "probability":
        return percent(value)
    if axis == "logit":
        return logit(value)
    if axis == "surprise":
        return bits(value)
    return figure(value)
