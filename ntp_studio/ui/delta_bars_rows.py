"""The rows of Δ probability: tokens with what two columns give them, and their difference in words. No Qt.

Besides the likeliest tokens there is the one that matters at the place: what stands in the text there, or, at the
text's end, what is taken next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp_studio.compare_messages import PlaceShown
from ntp_studio.core.compared import PlaceComparison
from ntp_studio.core.types import Candidate, StepFrame, TokenText
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
    standing: bool = False  # in the text at the place on view

    @property
    def points(self) -> float | None:
        """Other less reference, in percentage points."""
        if self.reference is None or self.other is None:
            return None
        return 100.0 * (self.other - self.reference)


def delta_rows(
    comparison: PlaceComparison, pair: int, drawn: TokenText | None, standing: TokenText | None = None
) -> tuple[DeltaRow, ...]:
    """By the larger of the two probabilities. What neither vocabulary has is left out: it is another column's."""
    rows = []
    for each in comparison.tokens:
        reference, other = each.probabilities[0], each.probabilities[pair + 1]
        if reference is not None or other is not None:
            delta, token = each.delta(pair + 1), each.token
            rows.append(DeltaRow(token, reference, other, delta, token == drawn, token == standing))
    return tuple(sorted(rows, key=lambda row: -max(row.reference or 0.0, row.other or 0.0)))


def standing_token(event: PlaceShown) -> TokenText | None:
    """What stands in the leading column's text at the place on view; None at the text's end."""
    frame = event.columns[0].frame if event.columns else None
    return frame.taken.token if frame is not None and frame.taken is not None else None


def token_here(event: PlaceShown, pair: int) -> DeltaRow | None:
    """What stands in the text at the place on view, else what A takes next, in both columns: also where it is too
    unlikely for the rows. A probability is None where it is not told."""
    comparison, standing = event.comparison, standing_token(event)
    token = standing or event.drawn
    if comparison is None or token is None or pair + 1 >= len(event.columns):
        return None
    drawn = token == event.drawn
    for each in comparison.tokens:
        if each.token == token:
            probabilities = each.probabilities
            return DeltaRow(
                token, probabilities[0], probabilities[pair + 1], each.delta(pair + 1), drawn, standing is not None
            )
    first, second = (_listed(event.columns[c].frame, token) for c in (0, pair + 1))
    values = [None if c is None else _probability(c, comparison.after_decoding) for c in (first, second)]
    delta = None
    if first is not None and second is not None:
        if not comparison.after_decoding:
            delta = second.logprob - first.logprob
        elif first.processed_probability > 0 and second.processed_probability > 0:
            delta = math.log(second.processed_probability / first.processed_probability)
    return DeltaRow(token, values[0], values[1], delta, drawn, standing is not None)


def _listed(frame: StepFrame | None, token: TokenText) -> Candidate | None:
    """A token among a column's candidates; a column of another vocabulary has it under another id."""
    candidates = frame.candidates if frame is not None else ()
    same = (c for c in candidates if (c.token.bytes, c.token.special) == (token.bytes, token.special))
    return next((c for c in candidates if c.token == token), next(same, None))


def _probability(candidate: Candidate, after_decoding: bool) -> float:
    return candidate.processed_probability if after_decoding else candidate.probability


def points_text(points: float | None) -> str:
    """`+1.8 pp`, `−0.03 pp`, `≈ 0 pp` for what is too small for that, `0 pp` for no difference at all."""
    if points is None:
        return NO_FIGURE
    size = abs(points)
    if size < 0.005:
        return "0 pp" if size < 1e-9 else "≈ 0 pp"
    sign = "+" if points > 0 else MINUS
    if round(size, 2) < 1:
        return f"{sign}{size:.2f} pp"
    return f"{sign}{size:.1f} pp" if round(size, 1) < 100 else f"{sign}100 pp"


def exact_points(points: float) -> str:
    """With three figures that are not zero, however small it is."""
    size = abs(points)
    if size < 1e-9 or size >= 1:
        return points_text(points)
    sign = "+" if points > 0 else MINUS
    return f"{sign}{size:.{2 - math.floor(math.log10(size))}f} pp"
