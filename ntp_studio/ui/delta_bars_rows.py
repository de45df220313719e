"""The rows of Δ probability: tokens with what two columns give them, and their difference in words. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from ntp_studio.core.compared import PlaceComparison
from ntp_studio.core.types import TokenText
from ntp_studio.ui.candidate_text import MINUS
from ntp_studio.ui.disagreement_ribbon_figures import NO_FIGURE


@dataclass(frozen=True, slots=True)
class DeltaRow:
    """A token in the reference and in the other column: probabilities, None where a vocabulary has no such token, and
    the difference of its log-probabilities in nats."""

    token: TokenText
    reference: float | None
    other: float | None
    delta_log: float | None
    drawn: bool = False

    @property
    def points(self) -> float | None:
        """Other less reference, in percentage points."""
        if self.reference is None or self.other is None:
            return None
        return 100.0 * (self.other - self.reference)


def delta_rows(comparison: PlaceComparison, pair: int, drawn: TokenText | None) -> tuple[DeltaRow, ...]:
    """By the larger of the two probabilities. What neither vocabulary has is left out: it is another column's."""
    rows = []
    for each in comparison.tokens:
        reference, other = each.probabilities[0], each.probabilities[pair + 1]
        if reference is not None or other is not None:
            rows.append(DeltaRow(each.token, reference, other, each.delta(pair + 1), each.token == drawn))
    return tuple(sorted(rows, key=lambda row: -max(row.reference or 0.0, row.other or 0.0)))


def points_text(points: float | None) -> str:
    """`+1.8 pp`, `−0.03 pp`, `+<0.01 pp`; nothing that is not zero reads as zero."""
    if points is None:
        return NO_FIGURE
    size = abs(points)
    if size < 1e-9:
        return "0 pp"
    sign = "+" if points > 0 else MINUS
    if size < 0.01:
        return f"{sign}<0.01 pp"
    return f"{sign}{size:.2f} pp" if round(size, 2) < 1 else f"{sign}{size:.1f} pp"
