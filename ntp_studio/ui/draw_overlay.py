"""Many draws over the chart: how often each token came up, beside how often it should.

Of n draws a token of probability p comes up np times on average, give or take: its share strays from p by
√(p(1−p)/n), one standard error, or less in about two of three cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import number, percent
from ntp_studio.ui.chart_rows import Row
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Palette


@dataclass(frozen=True, slots=True)
class Draws:
    """How often each token came up in `count` draws, by token id."""

    count: int
    times: Mapping[int, int] = field(default_factory=dict)

    def of_row(self, row: Row, rows: tuple[Row, ...]) -> int:
        """How often a row's tokens came up; for the row of the others, what is left by the rows beside it."""
        if row.candidate is not None:
            return self.times.get(row.candidate.token.id, 0)
        if row.above:
            return self.of_candidates(row.above)
        shown = tuple(r.candidate.token.id for r in rows if r.candidate is not None)
        return self.count - self.of_candidates(shown) - sum(self.of_candidates(r.above) for r in rows)

    def of_candidates(self, ids: tuple[int, ...]) -> int:
        return sum(self.times.get(i, 0) for i in ids)

    def share(self, times: int) -> float:
        return times / self.count

    def error(self, probability: float) -> float:
        """One standard error of the share, for a token of this probability."""
        p = min(max(probability, 0.0), 1.0)
        return math.sqrt(p * (1.0 - p) / self.count)

    def words(self, times: int, probability: float) -> str:
        """`drawn 57 of 1,000 (5.7%), expected 5.7% ± 0.7`."""
        return QCoreApplication.translate(
            "DrawOverlay", "drawn {times} of {count} ({share}), expected {expected} ± {error}"
        ).format(
            times=number(times),
            count=number(self.count),
            share=percent(self.share(times)),
            expected=percent(probability),
            error=_points(self.error(probability)),
        )


def _points(share: float) -> str:
    """Percentage points with two figures that are not zero: `0.7`, `0.10`, `1.5`."""
    points = share * 100.0
    if points <= 0.0:
        return "0"
    if points >= 0.25:
        return f"{points:.1f}"
    return f"{points:.2f}" if points >= 0.01 else "<0.01"


def same_distribution(a: StepFrame, b: StepFrame) -> bool:
    """Whether draws from one frame are draws from the other: the same place, the same luck, the same probabilities."""
    return (
        (a.node, a.step, a.kept, a.draw.seed, a.draw.position) == (b.node, b.step, b.kept, b.draw.seed, b.draw.position)
        and (a.draw.method == "greedy") == (b.draw.method == "greedy")
        and _probabilities(a) == _probabilities(b)
    )


def _probabilities(frame: StepFrame) -> dict[int, float]:
    return {c.token.id: c.processed_probability for c in frame.candidates if c.rank <= 40}


def paint_mark(p: QPainter, palette: Palette, track: QRectF, at: float, low: float, high: float) -> None:
    """A hollow mark at `at`, with a whisker from `low` to `high`; all in pixels."""
    y = track.center().y()
    left, right = max(low, track.left()), min(high, track.right())
    for color, width in ((palette.color("surface"), 3.4), (palette.color("text"), 1.3)):
        # Light under dark, so that it is seen on the bar as well as beside it.
        p.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        p.drawLine(QPointF(left, y), QPointF(right, y))
        for end in (left, right):
            p.drawLine(QPointF(end, y - 2.5), QPointF(end, y + 2.5))
    p.setPen(QPen(palette.color("text"), 1.3))
    p.setBrush(palette.color("surface"))
    radius = px(27) / 10
    p.drawEllipse(QPointF(min(max(at, track.left()), track.right()), y), radius, radius)
