"""Columns side by side: the text that each tells, and how far they tell the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

from ntp_studio.core.alignment import ByteSpan, spans
from ntp_studio.core.following import Column, Standing
from ntp_studio.core.session import Session
from ntp_studio.core.types import StopReason, StudioError

Mode = Literal["same text", "each its own"]
MOST_COLUMNS = 4


class SideBySide:
    """The first column leads. `mode` is whether the others follow it, so that they can wait for its text."""

    def __init__(self, sessions: Sequence[Session], mode: Mode) -> None:
        if not 1 <= len(sessions) <= MOST_COLUMNS:
            raise StudioError(f"There is room for {MOST_COLUMNS} columns, not for {len(sessions)}.")
        if len({id(session.model) for session in sessions}) < len(sessions):
            raise ValueError("columns must not share a cache: give each a twin of the model")
        self._numbers = itertools.count()
        self.columns = [Column(next(self._numbers), session) for session in sessions]
        self.mode: Mode = mode
        self._prompt: tuple[str, bool] = ("", False)

    @property
    def leader(self) -> Column:
        return self.columns[0]

    @property
    def prompt(self) -> tuple[str, bool]:
        """As it was set, and whether it was put into the chat templates."""
        return self._prompt

    @property
    def text(self) -> bytes:
        """The generated text as the leading column tells it."""
        return self.leader.told

    def standing(self, index: int) -> Standing:
        """Where column `index` is, and whether it waits."""
        column = self.columns[index]
        own, text = column.told, self.text
        follows = self.mode == "same text" and column is not self.leader
        waiting = text[len(own) :] if follows and text.startswith(own) else b""
        loose = len(column.session.token_ids) - column.firm if follows else 0
        return Standing(len(own), waiting, max(0, loose), column.session.stopped, column.trouble)

    @property
    def common(self) -> int:
        """How many bytes of the generated text all columns have told alike."""
        texts = [column.told for column in self.columns]
        first, last = min(texts), max(texts)  # what these two share, all between them share
        if first == last:
            return len(first)
        return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))

    def spans(self) -> list[ByteSpan]:
        """The stretches of the generated text, as far as all have told it alike, that are whole in every column;
        `tokens` are places among a column's generated tokens."""
        bound = self.common
        return spans([[end for end in column.ends() if end <= bound] for column in self.columns], self.text[:bound])

    @property
    def together(self) -> bool:
        """Whether all columns stand at the same place of the same text, so that their distributions can be compared.
        Inside the prompt, columns with other tokens are taken at the word of who looks there."""
        if len({(column.told, column.session.tree.past_prompt) for column in self.columns}) > 1:
            return False
        place = self.leader.session.place
        return self.leader.session.tree.past_prompt or all(
            column.session.place == place or not column.alike(self.leader) for column in self.columns
        )

    @property
    def stopped(self) -> StopReason | None:
        """Why no step is possible, if none is: the leading column is at its end; in "each its own", all are."""
        reasons = [column.session.stopped for column in self.columns]
        return reasons[0] if self.mode == "same text" or None not in reasons else None
