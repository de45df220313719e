"""How a column that is short shares out its height, so that nothing is laid over anything else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtWidgets import QApplication, QLayout, QWidget

from ntp_studio.ui.chart import CandidateChart
from ntp_studio.ui.draw_strip import DrawStrip
from ntp_studio.ui.story_view import StoryView
from ntp_studio.ui.style import px

STORY_SHARE = 0.4  # of the column's height, at most, beside the draw
# Lanes of the race by the height of the column, in lengths for text of the usual size.
LANES = ((800, 6), (720, 5), (620, 4), (520, 3), (0, 2))


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to share the height: lanes of the race (none: without the draw), the story's share of the height at most,
    rows of the chart beyond its fewest, whether there are facts and a legend."""

    lanes: int
    story: float
    rows: int
    facts: bool = True
    legend: bool = True


# A story in the place of the draw, whose outcome it tells, and of the facts.
READING = (
    _Way(0, 0.6, 4, facts=False),
    _Way(0, 0.5, 3, facts=False),
    _Way(0, 0.4, 1, facts=False),
    _Way(0, 0.3, 0, facts=False),
    _Way(0, 0.3, 0, facts=False, legend=False),
)


class ColumnRoom:
    """First, lanes of the race and lines of the story (which scrolls) give way; then the facts; then the legend. Where
    hardly a line of the story would be left, it takes the place of the draw and the facts until it is closed."""

    def __init__(
        self,
        content: QLayout,
        chart: CandidateChart,
        story: StoryView,
        draw: DrawStrip,
        facts: QWidget,
        legend: QWidget,
    ) -> None:
        self._content, self._chart, self._story, self._draw = content, chart, story, draw
        self._facts, self._legend = facts, legend
        self._reading_at: int | None = None  # the column's height at which the story has taken the draw's place

    def fit(self, height: int, around: int) -> None:
        """Arrange for a column of this height, of which `around` pixels are taken by what is not in the content."""
        scale = px(1000) / 1000
        lanes = next(count for least, count in LANES if height >= least * scale)
        few, low = min(lanes, 3), STORY_SHARE / 2
        ways = (
            _Way(lanes, STORY_SHARE, 4),
            _Way(few, STORY_SHARE * 0.75, 3),
            _Way(few, low, 1),
            _Way(2, 0.0, 0),
            _Way(few, low, 1, facts=False),
            _Way(2, 0.0, 0, facts=False),
            _Way(2, 0.0, 0, facts=False, legend=False),
        )
        # A story has now more lines and now fewer: once it has the room it keeps it, or the draw would come and go.
        again = self._reading_at == height and self._may_read()
        self._reading_at = None
        if not again:
            self._first(ways, height, around)
            if not self._may_read() or self._story.minimumHeight() >= self._story.readable_height:
                return
        if self._first(READING, height, around):
            self._reading_at = height
        else:
            self._first(ways, height, around)

    def _may_read(self) -> bool:
        """Whether a story is open, and nobody is at the draw: it would go from under their hands."""
        at = QApplication.focusWidget()
        return self._story.story is not None and not (at is not None and self._draw.isAncestorOf(at))

    def _first(self, ways: Iterable[_Way], height: int, around: int) -> bool:
        """Arrange in the first of these ways that fits; in the last, and False, where none does."""
        for way in ways:
            if way.lanes:
                self._draw.show_lanes(way.lanes)
            self._story.set_most(round(height * way.story))
            self._draw.setVisible(way.lanes > 0)
            self._facts.setVisible(way.facts)
            self._legend.setVisible(way.legend)
            if self._needed() + way.rows * self._chart.row_height + around <= height:
                return True
        return False

    def _needed(self) -> int:
        # Layouts hear of each other's changes with the next event only; the answer is needed now.
        for part in (self._draw, self._story):
            layout = part.layout()
            if layout is not None:
                layout.invalidate()
            part.updateGeometry()
        self._content.invalidate()
        return self._content.totalMinimumSize().height()
