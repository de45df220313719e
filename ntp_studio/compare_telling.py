"""What the window is told of a comparison: every column at its place, and how far they disagree along the text.

A page gets only what is new of it while its text merely grows; else the whole line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio.core.types import NoTokenAllowed, PageToken, StepFrame
from ntp_studio.messages import Event

if TYPE_CHECKING:
    from ntp_studio.core.compared import PlaceComparison
    from ntp_studio.core.disagreement import Disagreement
    from ntp_studio.core.following import Column
    from ntp_studio.core.lockstep import Lockstep
    from ntp_studio.core.session import Session

MOST_PLACES = 12  # of the likeliest tokens of every column that are held against each other


class Telling:
    """Remembers what the window has of each column's text."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self.run = 0
        self.after_decoding = False
        self._told: dict[int, tuple[list[int], int]] = {}  # column -> its line's nodes, and the cursor

    def renew(self) -> None:
        """The texts are others now: whatever is told next, is told whole."""
        self.run += 1
        self._told.clear()

    def place(self, lockstep: Lockstep, disagreement: Disagreement) -> tuple[StepFrame, ...] | None:
        """Show where all columns stand. Returns their frames, None where a column has none."""
        frames, problems = self._frames(lockstep)
        whole = tuple(frame for frame in frames if frame is not None)
        complete = len(whole) == len(frames)
        comparison = self._compare(lockstep, whole) if complete and len(frames) > 1 else None
        disagreement.note(None if self.after_decoding else comparison)
        leading = frames[0]
        columns = tuple(
            self._column(lockstep, index, frame, problem)
            for index, (frame, problem) in enumerate(zip(frames, problems, strict=True))
        )
        u = leading.draw.u if leading is not None else math.nan
        self._emit(
            c.PlaceShown(
                self.run,
                self._step(lockstep),
                columns,
                comparison,
                leading.choice.token if leading is not None else None,
                None if math.isnan(u) else u,
                next((frame.note for frame in whole if frame.note), ""),
            )
        )
        self.disagreement(disagreement)
        return whole if complete else None

    def _step(self, lockstep: Lockstep) -> int:
        """How far from the prompt's end; within the prompt, as many tokens of the leading column before it."""
        tree = lockstep.leader.session.tree
        return lockstep.steps if tree.place >= tree.prompt_length else tree.place - tree.prompt_length

    @staticmethod
    def _frames(lockstep: Lockstep) -> tuple[list[StepFrame | None], list[str]]:
        """Of every column, or why it has none."""
        try:
            return list(lockstep.frames()), [""] * len(lockstep.columns)
        except NoTokenAllowed:
            pass
        frames: list[StepFrame | None] = []
        problems: list[str] = []
        for column in lockstep.columns:
            try:
                frames.append(column.session.frame())
                problems.append("")
            except NoTokenAllowed as error:
                frames.append(None)
                problems.append(str(error))
        return frames, problems

    def _compare(self, lockstep: Lockstep, frames: tuple[StepFrame, ...]) -> PlaceComparison | None:
        return lockstep.compare(frames, top=MOST_PLACES, after_decoding=self.after_decoding)

    def _column(self, lockstep: Lockstep, index: int, frame: StepFrame | None, problem: str) -> c.ColumnPlace:
        column, standing = lockstep.columns[index], lockstep.standing(index)
        session = column.session
        path, appended = self._news(column)
        return c.ColumnPlace(
            column.number,
            frame,
            path,
            appended,
            session.place,
            session.tree.prompt_length,
            standing.waiting,
            standing.loose,
            standing.stopped,
            problem or standing.trouble,
            _perplexity(session),
        )

    def _news(self, column: Column) -> tuple[tuple[PageToken, ...] | None, tuple[PageToken, ...]]:
        """(the whole line or None, what it grew by at its end)."""
        session = column.session
        line, place = session.tree.line, session.place
        nodes = [node.id for node in line]
        before, cursor = self._told.get(column.number, ([], -1))
        self._told[column.number] = nodes, place
        if cursor == len(before) and place == len(nodes) and nodes[: len(before)] == before:
            return None, tuple(session.page_token(node) for node in line[len(before) :])
        if (before, cursor) == (nodes, place):
            return None, ()
        return session.page(), ()

    def disagreement(self, disagreement: Disagreement) -> None:
        first, stretches = disagreement.changed()
        self._emit(
            c.DisagreementShown(
                self.run,
                first,
                stretches,
                disagreement.at(),
                disagreement.column_totals(),
                disagreement.pair_totals(),
                disagreement.missing,
            )
        )


def _perplexity(session: Session) -> float:
    """Of the tokens after the prompt, as far as the context goes."""
    nodes = session.tree.line[session.tree.prompt_length : session.place]
    known = [node.score.logprob for node in nodes if node.score is not None]
    return math.exp(min(-math.fsum(known) / len(known), 700.0)) if known else math.nan
