"""Where snapshots stand on the time-lapse's axis, how steps are written, and the colours of the ribbon's tokens."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QColor

from ntp_studio.ui.theme import Palette

# Apart by hue and by lightness, none red against green; at least 3:1 on the surface. Amber is left to the drawn token.
_LIGHT = ("#4c5bd4", "#0b7f86", "#a8327d", "#6b7280", "#5b7f00", "#2a1f6e")
_DARK = ("#8d9bff", "#3fc3c9", "#f08fcb", "#b4bac9", "#b8d15a", "#d9d4ff")
_LINES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashLine,
)
COLORS = len(_LIGHT)


def places(steps: Sequence[int | None], even: bool = False) -> list[float]:
    """From 0 to 1 for each snapshot: by the logarithm of its step (a training changes most at its beginning), or one as
    far from the next as any. A result without a step stands behind the last."""
    count = len(steps)
    if count < 2:
        return [0.0] * count
    if even:
        return [i / (count - 1) for i in range(count)]
    xs: list[float] = []
    for step in steps:
        if step is not None:
            xs.append(math.log1p(step))
        else:
            gaps = [b - a for a, b in itertools.pairwise(xs)] or [1.0]
            xs.append((xs[-1] if xs else 0.0) + statistics.median(gaps))
    low, high = xs[0], xs[-1]
    if high <= low:
        return places(steps, even=True)
    return [(x - low) / (high - low) for x in xs]


def nearest(xs: Sequence[float], x: float) -> int:
    """Which place is nearest to `x`."""
    return min(range(len(xs)), key=lambda i: abs(xs[i] - x))


def step_text(step: int | None) -> str:
    return f"{step:,}" if step is not None else QCoreApplication.translate("TimeLapse", "final")


def short_step(step: int | None) -> str:
    """For a tick: 500, 2k, 1.5k, 143k."""
    if step is None or step < 1000:
        return step_text(step)
    thousands = f"{step / 1000:.1f}".removesuffix(".0")
    return f"{thousands}k" if step % 100 == 0 or step >= 10_000 else f"{step:,}"


def token_color(palette: Palette, slot: int, chosen: bool) -> QColor:
    """Of a token on the ribbon. The chosen one is amber, as everywhere."""
    if chosen:
        return palette.color("drawn")
    return QColor((_DARK if palette.name == "dark" else _LIGHT)[slot % COLORS])


def token_line(slot: int, chosen: bool) -> Qt.PenStyle:
    """So that lines are told apart without their colours, too."""
    return Qt.PenStyle.SolidLine if chosen else _LINES[slot % COLORS]
