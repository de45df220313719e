"""Where the bars of the disagreement ribbon stand: one for each stretch of the text, or one for several where the text
has more stretches than there is room for. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntp_studio.ui.disagreement_ribbon_figures import Values


@dataclass(frozen=True, slots=True)
class Bar:
    """Stretches `begin` to `end` (exclusive), told by the one that disagrees most: `worst`, whose figure is `value`
    (NaN where none of them has one; `worst` is then the first)."""

    begin: int
    end: int
    worst: int
    value: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Spacing:
    """In pixels: from one bar to the next at least and at most, between prompt and continuation, and after the last
    bar, where the mark of the text's end stands."""

    least: float = 3.0
    most: float = 18.0
    gap: float = 8.0
    end: float = 8.0


def place_bars(values: Values, prompt: int, width: float, spacing: Spacing) -> list[Bar]:
    """`prompt` is how many of the first stretches belong to the prompt, which is set apart by a gap."""
    count = len(values)
    if not count or width <= 0:
        return []
    gap = spacing.gap if 0 < prompt < count else 0.0
    room = max(width - gap - spacing.end, spacing.least)
    slots = min(count, max(int(room // spacing.least), 2))
    pitch = min(room / slots, spacing.most)
    first = prompt if slots == count else min(max(round(slots * prompt / count), min(prompt, 1)), slots - 1)
    if prompt == count:
        first = slots
    bars = _parts(values, 0, prompt, first, 0.0, pitch)
    return bars + _parts(values, prompt, count, slots - first, first * pitch + gap, pitch)


def _parts(values: Values, begin: int, end: int, slots: int, x: float, pitch: float) -> list[Bar]:
    """The stretches from `begin` to `end` in so many bars, as many stretches in each as can be."""
    if end <= begin or slots <= 0:
        return []
    edges = (np.arange(slots + 1) * (end - begin)) // slots
    part = values[begin:end]
    if slots == end - begin:
        worst = edges[:-1]
    else:
        sizes = np.where(np.isnan(part), -1.0, np.abs(part))
        largest = np.repeat(np.maximum.reduceat(sizes, edges[:-1]), np.diff(edges))
        found = np.flatnonzero(sizes == largest)
        worst = found[np.searchsorted(found, edges[:-1])]  # the first of the largest in each
    told = zip(edges[:-1].tolist(), edges[1:].tolist(), worst.tolist(), part[worst].tolist(), strict=True)
    return [
        Bar(begin + low, begin + high, begin + index, value, x + slot * pitch, pitch)
        for slot, (low, high, index, value) in enumerate(told)
    ]


def bar_of(bars: list[Bar], index: int) -> int | None:
    """Which bar stands for this stretch."""
    low, high = 0, len(bars)
    while low < high:
        middle = (low + high) // 2
        if bars[middle].end <= index:
            low = middle + 1
        else:
            high = middle
    return low if low < len(bars) and bars[low].begin <= index else None
