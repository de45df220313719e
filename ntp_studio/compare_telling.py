"""What the window is told of a comparison: every column at its place, and how far they disagree along the text.

A page gets only what is new of it while its text merely grows; else the whole line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio.core.types import PageToken, StepFrame
from ntp_studio.messages import Event

if TYPE_CHECKING:
    from ntp_studio.core.disagreement import Disagreement
    from ntp_studio.core.following import Column
    from ntp_studio.core.lockstep import Frames, Lockstep
    from ntp_studio.core.session import Session

MOST_PLACES = 10  # of the likeliest tokens of every column that are held against each other, as at the command line


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

    def place(self, lockstep: Lockstep, disagreement: Disagreement) -> Frames:
        """Show where all columns stand. Returns their frames."""
        frames = lockstep.frames()
        comparison = None
        if len(frames) > 1:
            comparison = lockstep.compare(frames, top=MOST_PLACES, after_decoding=self.after_decoding)
        disagreement.note(None if self.after_decoding else comparison)
        leading = frames[0]
        columns = tuple(self._column(lockstep, index, frame) for index, frame in enumerate(frames))
        u = leading.draw.u if leading is not None else math.nan
        self._emit(
            c.PlaceShown(
                self.run,
                self._step(lockstep),
                columns,
                comparison,
                leading.choice.token if leading is not None else None,
                None if math.isnan(u) else u,
                next((frame.note for frame in frames if frame is not None and frame.note), ""),
            )
        )
        self.disagreement(disagreement)
        return frames

    def _step(self, lockstep: Lockstep) -> int:
        """How far from the prompt's end; within the prompt, as many tokens of the leading column before it."""
        tree = lockstep.leader.session.tree
        return lockstep.steps if tree.place >= tree.prompt_length else tree.place - tree.prompt_length

    def _column(self, lockstep: Lockstep, index: int, frame: StepFrame | None) -> c.ColumnPlace:
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
            standing.trouble or (column.barred if frame is None else ""),
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
