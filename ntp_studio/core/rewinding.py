"""Columns that go back and ahead together along the places that steps led them to, and look at any between.

prompt | step | step | ...      a mark at each: `back`, `forward` and `go_to_end` go from one to another
  ^        ^                    `look_at` any token: between two marks it is only looked at, and `_come_back` leads
                                to where the columns stood before, in every respect
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ntp_studio.core import marks
from ntp_studio.core.compared import PlaceComparison
from ntp_studio.core.comparing import TOP, compare_place
from ntp_studio.core.decoding.draw import StreamPlace
from ntp_studio.core.marks import Mark
from ntp_studio.core.session import Session
from ntp_studio.core.side_by_side import Mode, SideBySide
from ntp_studio.core.types import StepFrame, StudioError

Frames = tuple[StepFrame | None, ...]
"""Of every column; None where its decoding allows no token (`Column.barred`)."""


class Rewindable(SideBySide):
    """`same_draw` is whether luck is shared. There are marks as soon as there is a prompt."""

    def __init__(self, sessions: Sequence[Session], mode: Mode, same_draw: bool) -> None:
        super().__init__(sessions, mode)
        self.same_draw = same_draw
        self._marks: list[Mark] = []
        self._at = 0
        self._left: dict[int, int] | None = None  # while looking: the node that each column comes back to

    # -- the distributions here

    def frames(self) -> Frames:
        """The distribution of every column at its place, each with the token that it would take itself. Runs a forward
        only where one is lacking. Raises StudioError: there is no text."""
        if not self._marks:
            raise StudioError("There is no text yet; type a prompt.")
        with self._shared_luck():
            return tuple(column.frame() for column in self.columns)

    def compare(
        self, frames: Frames | None = None, *, top: int = TOP, after_decoding: bool = False
    ) -> PlaceComparison | None:
        """The columns' distributions held against the leading one's, with what its draw gives among the tokens. None
        while they are not `together`, or one of them allows no token. `frames` are those of this place, if they have
        been asked for already."""
        frames = frames or self.frames()
        leading = frames[0]
        if not self.together or leading is None or None in frames:
            return None
        drawn = leading.choice.token.id
        sessions = [column.session for column in self.columns]
        with self._shared_luck():
            return compare_place(sessions, top=top, after_decoding=after_decoding, also=(drawn,))

    @contextmanager
    def _shared_luck(self) -> Iterator[None]:
        """The same luck in every column, where it is shared. A place that is only looked at does not keep it."""
        nodes = [column.session.tree.here for column in self.columns] if self.same_draw else []
        before = [node.seeded for node in nodes]
        luck = marks.luck_between(self._marks, self.columns) if self.looking else self._marks[self._at].luck
        for node in nodes:
            node.seeded = luck
        try:
            yield
        finally:
            if self.looking:
                for node, seeded in zip(nodes, before, strict=True):
                    node.seeded = seeded

    # -- looking

    @property
    def looking(self) -> bool:
        """Whether this is a place that is only looked at; see `look_at`."""
        return self._left is not None

    @property
    def steps(self) -> int:
        """How many steps lie before this place. Inside the prompt: minus the tokens of it that the leading column has
        still to come."""
        if not self.looking:
            return self._at
        session = self.leader.session
        return max((i for i, _ in self._marks_before()), default=session.place - len(session.tree.prompt))

    def look_at(self, counts: Sequence[int]) -> None:
        """Go to where each column's context has so many tokens of its present line, to see the distribution there.

        A place that steps led to is gone to. Any other, inside the prompt or a forced text, is only looked at: nothing
        goes on from it, and whatever else is done begins where the columns stood before. Raises StudioError: there is
        no such place; nothing is changed then.
        """
        lines = [column.session.tree.line for column in self.columns]
        if not self._marks or not all(lines):
            raise StudioError("There is no text yet; type a prompt.")
        for count, line in zip(counts, lines, strict=True):
            if count < 1:
                raise StudioError("Nothing stands before the first token, so nothing foretold it; choose a later one.")
            if count > len(line):
                raise StudioError("The text is not that long any more; choose a place in it.")
        there = {c.number: line[n - 1].id for c, line, n in zip(self.columns, lines, counts, strict=True)}
        now = {column.number: column.session.tree.here.id for column in self.columns}
        at = marks.nearest_mark(self._marks, there, self._at)
        if at is not None:
            self._come_back()
            if at != self._at:
                self._go(at)
            return
        self._left = self._left or now
        for column in self.columns:
            column.session.go_to(there[column.number])

    def _come_back(self) -> None:
        """From a place that was only looked at to where the columns stood before, in every respect."""
        left, self._left = self._left, None
        for column in self.columns if left else []:
            column.session.go_to((left or {})[column.number])

    def _marks_before(self) -> Iterator[tuple[int, Mark]]:
        return marks.marks_before(self._marks, self.columns)

    def _check_going_on(self) -> None:
        """Raises StudioError: this place is only looked at."""
        if self.looking:
            raise StudioError("This place is only looked at; go to the end of the text (End) to go on from there.")

    # -- back and ahead

    def back(self) -> bool:
        """One step back in all columns; the way ahead stays. False if there is no way back. From a place that is only
        looked at, to the nearest before it that steps led to."""
        if self.looking:
            return self._leave_for(max((at for at, _ in self._marks_before()), default=-1))
        return self._go(self._at - 1)

    def forward(self) -> bool:
        """One step ahead along what is already there. False at its end. From a place that is only looked at, to the
        nearest behind it that steps led to."""
        if self.looking:
            before = {at for at, _ in self._marks_before()}
            return self._leave_for(min((at for at in range(len(self._marks)) if at not in before), default=-1))
        return self._go(self._at + 1) or self._go_along_the_line()

    def _go_along_the_line(self) -> bool:
        """A token ahead where the text goes on and no step of all columns led there: in "each its own" it was told by
        one alone. False if there is none."""
        own = self.columns[:1] if self.mode == "same text" else self.columns
        moved = [column for column in own if column.session.forward()]
        if not moved:
            return False
        for column in moved:
            column.fix()
        if self.mode == "same text":
            for column in self.columns[1:]:
                column.follow(self.leader, None)
        self._mark_step(1)
        return True

    def go_to_end(self) -> bool:
        """To the end of the text that is there. False if the columns are there."""
        last = len(self._marks) - 1
        moved = self._leave_for(last) if self.looking else self._at != last and self._go(last)
        while self._go_along_the_line():
            moved = True
        return moved

    def _leave_for(self, at: int) -> bool:
        """From a place that is only looked at to this mark. False if there is none."""
        if at < 0:
            return False
        self._come_back()
        return at == self._at or self._go(at)

    def _go(self, at: int) -> bool:
        if not 0 <= at < len(self._marks):
            return False
        mark = self._marks[at]
        there = [column for column in self.columns if column.number in mark.nodes]
        if not there:  # whoever was has been removed since
            return False
        self._at = at
        for column in there:
            column.session.go_to(mark.nodes[column.number])
            column.firm, column.trouble = mark.firm[column.number], ""
        for column in self.columns:
            if column not in there:
                column.follow(there[0], None)
        if self.mode == "same text":
            self._gather()
        return True

    def _gather(self) -> None:
        """Bring those along that another leading column left elsewhere: ahead of this one, or on other tokens."""
        ids, text = self.leader.session.token_ids, self.text
        for column in self.columns[1:]:
            apart = not text.startswith(column.told) or (column.alike(self.leader) and column.session.token_ids != ids)
            if apart:
                column.follow(self.leader, None)

    # -- the marks

    def _mark_beginning(self, seed: int) -> None:
        self._marks = [marks.mark(self.columns, StreamPlace(seed))]
        self._at = 0

    def _mark_step(self, draws: int) -> None:
        """The columns have gone on from the present mark. What lay ahead of it is kept if it is the same."""
        luck = self._marks[self._at].luck
        mark = marks.mark(self.columns, StreamPlace(luck.seed, luck.position + draws))
        if self._marks[self._at + 1 : self._at + 2] != [mark]:
            self._marks[self._at + 1 :] = [mark]
        self._at += 1

    def _mark_anew(self) -> None:
        """The columns, or where they stand, are others at the present mark."""
        self._marks[self._at] = marks.mark(self.columns, self._marks[self._at].luck)
