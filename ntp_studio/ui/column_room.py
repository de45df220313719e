"""How a column that is short shares out its height, so that nothing is laid over anything else."""

from __future__ import annotations

from PySide6.QtWidgets import QLayout, QWidget

from ntp_studio.ui.chart import CandidateChart
from ntp_studio.ui.draw_strip import DrawStrip
from ntp_studio.ui.story_view import StoryView
from ntp_studio.ui.style import px

STORY_SHARE = 0.4  # of the column's height, at most
# Lanes of the race by the height of the column, in lengths for text of the usual size.
LANES = ((800, 6), (720, 5), (620, 4), (520, 3), (0, 2))


class ColumnRoom:
    """First, lanes of the race and lines of the story (which scrolls) give way; then the facts; then the legend."""

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

    def fit(self, height: int, around: int) -> None:
        """Arrange for a column of this height, of which `around` pixels are taken by what is not in the content."""
        scale = px(1000) / 1000
        lanes = next(count for least, count in LANES if height >= least * scale)
        few, low = min(lanes, 3), STORY_SHARE / 2
        # Lanes, the story's share, rows of the chart beyond its fewest, whether there are facts and a legend.
        for lanes_now, story, rows, facts, legend in (
            (lanes, STORY_SHARE, 4, True, True),
            (few, STORY_SHARE * 0.75, 3, True, True),
            (few, low, 1, True, True),
            (2, 0.0, 0, True, True),
            (few, low, 1, False, True),
            (2, 0.0, 0, False, True),
            (2, 0.0, 0, False, False),
        ):
            self._draw.show_lanes(lanes_now)
            self._story.set_most(round(height * story))
            self._facts.setVisible(facts)
            self._legend.setVisible(legend)
            if self._needed() + rows * self._chart.row_height + around <= height:
                break

    def _needed(self) -> int:
        # Layouts hear of each other's changes with the next event only; the answer is needed now.
        for part in (self._draw, self._story):
            layout = part.layout()
            if layout is not None:
                layout.invalidate()
            part.updateGeometry()
        self._content.invalidate()
        return self._content.totalMinimumSize().height()
