"""The scale of the colours of the table of a scored text, in the unit that its figures are in."""

from __future__ import annotations

from ntp_studio.ui.heat_legend import HeatLegend
from ntp_studio.ui.score_cells import unit
from ntp_studio.ui.score_data import BITS
from ntp_studio.ui.token_figures import HOT_BITS


class SurprisalLegend(HeatLegend):
    def show_unit(self, nats: bool) -> None:
        hot = f"{HOT_BITS / BITS:.1f}" if nats else f"{HOT_BITS:g}"
        self.show_ends("0", f"≥ {hot} {unit(nats)}")

    def show_ends(self, low: str, high: str) -> None:
        self._ends = (low, high)
        self.setAccessibleName(self.tr("Colours from {0} to {1}").format(low, high))
        self.updateGeometry()
        self.update()
