"""Which part of a listing is in sight, and which of its candidates is selected. No Qt: the chart asks and repaints."""

from __future__ import annotations

from ntp_studio.core.types import Candidate
from ntp_studio.ui.chart_rows import Listing, Row, fold, slots

# One row for the chosen token, one for the selected, one for the others.
MIN_CAPACITY = 3


class RowWindow:
    """A window of `capacity` rows onto a listing. The selection, a token id, is always in sight."""

    def __init__(self) -> None:
        self.listing = Listing()
        self.rows: tuple[Row, ...] = ()
        self.offset = 0  # candidates scrolled away at the top
        self.selected: int | None = None
        self._picked: int | None = None  # selected from elsewhere: it has a row, and the others stay where they are
        self._capacity = MIN_CAPACITY
        self._ids: list[int] = []

    def show(self, listing: Listing, keep_place: bool) -> None:
        """Show another listing. The selection stays only where it is still offered, at the same place in the text."""
        self.listing = listing
        self._ids = [c.token.id for c in listing.candidates]
        if not keep_place:
            self.offset = 0
        if not keep_place or self.selected not in self._ids:
            self.selected = self._picked = None
        self._refold()
        self._reveal()

    def resize(self, capacity: int) -> None:
        capacity = max(capacity, MIN_CAPACITY)
        if capacity != self._capacity:
            self._capacity = capacity
            if self.selected is not None:
                self.offset = 0  # no further down than needed: a short chart may have scrolled
            self._refold()
            self._reveal()

    def scroll(self, by: int) -> None:
        """Scroll by rows; a selection that leaves the window is dropped, or else Enter would force something unseen."""
        self.offset += by
        self._picked = None
        self._refold()
        if self.selected is not None and self.row_of(self.selected) is None:
            self.selected = None

    def home(self) -> None:
        """Scroll to the top."""
        self.scroll(-len(self._ids))

    def select(self, token_id: int | None) -> None:
        """Select a token by something else than its row. None selects nothing, and shows the top again."""
        self.selected = self._picked = token_id if token_id in self._ids else None
        if self.selected is None:
            self.offset = 0
        self._refold()
        self._reveal()

    def _walk_to(self, token_id: int) -> None:
        self.selected, self._picked = token_id, None
        self._refold()
        self._reveal()

    def select_end(self, last: bool) -> None:
        if self._ids:
            self._walk_to(self._ids[-1 if last else 0])

    def move(self, by: int) -> None:
        """Select the next (1) or previous (-1) candidate; without a selection, the first or last in sight."""
        if not self._ids:
            return
        if self.selected is None:
            visible = [row.candidate.token.id for row in self.rows if row.candidate]
            self._walk_to(visible[0 if by > 0 else -1])
        else:
            index = self._ids.index(self.selected) + by
            self._walk_to(self._ids[min(max(index, 0), len(self._ids) - 1)])

    def row_of(self, token_id: int | None) -> int | None:
        """The row that shows this token."""
        return next((i for i, r in enumerate(self.rows) if r.candidate and r.candidate.token.id == token_id), None)

    @property
    def selected_candidate(self) -> Candidate | None:
        return None if self.selected is None else self.listing.candidates[self._ids.index(self.selected)]

    def _refold(self) -> None:
        most = max(len(self._ids) - slots(self.listing, self._capacity), 0)
        self.offset = min(max(self.offset, 0), most)
        self.rows = fold(self.listing, self._capacity, self.offset, self._picked)

    def _reveal(self) -> None:
        """Scroll as little as needed to have the selection in sight: tried out, since the pinned row takes the place
        of another."""
        start = self.offset
        for distance in range(len(self._ids) if self.selected is not None else 0):
            for offset in (start + distance, start - distance):
                self.offset = offset
                self._refold()
                if self.row_of(self.selected) is not None:
                    return
