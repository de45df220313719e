"""Many draws at once: asks for them while the button is down, and marks them on chart, table and legend."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QAbstractButton

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_table import CandidateTable
from ntp_studio.ui.chart import CandidateChart
from ntp_studio.ui.draw_overlay import Draws, same_distribution
from ntp_studio.ui.panel_parts import Legend

MANY = 1000


class ManyDraws(QObject):
    """The marks of one distribution never stand on another: they go with it, and new ones are asked for."""

    asked = Signal(int)  # how many draws

    def __init__(
        self, button: QAbstractButton, chart: CandidateChart, table: CandidateTable, legend: Legend, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._button, self._chart, self._table, self._legend = button, chart, table, legend
        self._frame: StepFrame | None = None
        button.toggled.connect(self._toggled)

    @property
    def wanted(self) -> bool:
        """Whether draws are to be marked on the distribution on view. Greedy draws nothing."""
        return self._button.isChecked() and self._frame is not None and self._frame.draw.method != "greedy"

    def show_frame(self, frame: StepFrame | None) -> None:
        before, self._frame = self._frame, frame
        if before is None or frame is None or not same_distribution(before, frame):
            self._mark(None)
        if self.wanted and self._chart.draws is None:
            self.asked.emit(MANY)

    def show_draws(self, count: int, times: tuple[tuple[int, int], ...]) -> None:
        """(token id, how often it came up); dropped when they are no longer wanted."""
        if self.wanted and count > 0:
            self._mark(Draws(count, dict(times)))

    @Slot(bool)
    def _toggled(self, on: bool) -> None:
        self._mark(None)
        if self.wanted:
            self.asked.emit(MANY)

    def _mark(self, draws: Draws | None) -> None:
        if draws is None and self._chart.draws is None:
            return
        self._chart.draws = draws
        self._table.show_draws(draws)
        self._legend.set_draws(draws.count if draws is not None else 0)
