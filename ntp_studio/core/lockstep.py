"""Lock-step: columns, each a session on its own model, that one key steps together.

    same text      the leading column chooses; every other is taken along the same text (`following`)
    each its own   every column takes what it draws, and the texts part

The draw is shared: where all vocabularies are equal, the race's noise is the same for a token in every column; where
not, the dart falls at the same u. How far the texts agree is told by `side_by_side`; going back and looking are in
`rewinding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from ntp_studio.core.decoding.draw import SEED_LIMIT, StreamPlace
from ntp_studio.core.following import Column, Standing
from ntp_studio.core.marks import Mark
from ntp_studio.core.rewinding import Frames, Rewindable
from ntp_studio.core.session import Session
from ntp_studio.core.side_by_side import MOST_COLUMNS, Mode
from ntp_studio.core.types import DEFAULT_SEED, ContextFull, DecodingSettings, NoTokenAllowed, StudioError

__all__ = ["MOST_COLUMNS", "Frames", "Lockstep", "Mark", "Mode", "Standing"]


class Lockstep(Rewindable):
    """Up to four columns; the first one leads, and is the reference of every comparison.

    No two sessions may have one LanguageModel: each gets a `twin` where the weights are shared.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        *,
        mode: Mode = "same text",
        same_draw: bool = True,
        seed: int = DEFAULT_SEED,
    ) -> None:
        super().__init__(sessions, mode, same_draw)
        self.seed = seed
        self._share_draw()

    # -- the text

    def set_prompt(
        self,
        text: str,
        *,
        chat: bool = False,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """The same prompt for every column, each in its own tokens and chat template; see `Session.set_prompt`.

        Raises StudioError. The columns before the one that refused have the new prompt then: ask again with another, or
        remove that column first.
        """
        self._come_back()
        for column in self.columns:
            column.session.set_prompt(text, chat=chat, progress=progress, cancelled=cancelled)
            column.firm, column.trouble = 0, ""
        self._prompt = (text, chat)
        self._mark_beginning(self.seed)

    def restart(self) -> None:
        """Back to the prompt alone, with the random stream at its beginning."""
        self._left = None
        for column in self.columns:
            column.session.restart()
            column.firm, column.trouble = 0, ""
        if self._marks:
            self._mark_beginning(self.seed)

    # -- step, force

    def step(self, frames: Frames | None = None) -> Frames:
        """Step all columns once; `frames` are those of this place, where `frames()` has been asked already. Returns the
        distributions that the tokens were taken from.

        Raises:
            ContextFull: the leading column, or in "each its own" every one, has no room for another token.
            NoTokenAllowed: the decoding of the leading column, or of all that could go on, allows none here.
            StudioError: this place is only looked at; this is so for `force` and `force_text`, too.
        """
        self._check_going_on()
        frames = frames or self.frames()
        if self.mode == "same text":
            leading = frames[0]
            if leading is None:
                raise NoTokenAllowed(f"{self.leader.session.model.info.name} leads: {self.leader.barred}")
            self._lead(leading.choice.token.id, frames)
            self._mark_step(1)
            return frames
        free = [pair for pair in zip(self.columns, frames, strict=True) if pair[0].session.stopped is None]
        if not free:
            raise ContextFull("Every column is at the end of its text; go back or restart.")
        able = [(column, frame) for column, frame in free if frame is not None]
        if not able:
            raise NoTokenAllowed(free[0][0].barred)
        for column, frame in able:
            column.take(frame.choice.token.id, frame)
            column.fix()
        self._mark_step(1)
        return frames

    def force(self, index: int, token_id: int) -> Frames:
        """Take this token of column `index`'s vocabulary in every column: where the vocabulary is another, its bytes.

        Raises:
            StudioError: no such token; or it has no bytes, and another column has no such token. Nothing is changed
            then. ContextFull: no room for it.
        """
        self._check_going_on()
        chosen = self.columns[index]
        tokens = chosen.session.model.tokens
        if not 0 <= token_id < tokens.vocab_size:
            raise StudioError(f"There is no token {token_id}; ids go up to {tokens.vocab_size - 1}.")
        token = tokens.token(token_id)
        raw = b"" if token.special else token.bytes
        if not raw and not all(column.alike(chosen) for column in self.columns):
            raise StudioError(f"{token.label} has no text, and not every column has such a token; choose another.")
        frames = self.frames()
        if self.mode == "same text" and self.leader.alike(chosen):
            self._lead(token_id, frames)
            self._mark_step(1)
            return frames
        own = self.columns if self.mode == "each its own" else list(dict.fromkeys([self.leader, chosen]))
        at_hand = self.mode == "each its own" or chosen.told == self.text
        planned = [
            (column, [token_id] if column.alike(chosen) and at_hand else column.spell(raw))
            for column in own
            if column is self.leader or at_hand
        ]
        return self._go_on(planned, frames)

    def force_text(self, text: str) -> Frames:
        """Go on with this text in every column, as one step. Raises StudioError: the leading column, or in "each its
        own" any one, cannot spell it or has no room for it; nothing is changed then."""
        self._check_going_on()
        raw = text.encode("utf-8", "surrogatepass")
        if not raw or raw.decode("utf-8", "replace") != text:
            raise StudioError("There is no text to go on with; type some, in whole characters.")
        own = self.columns if self.mode == "each its own" else [self.leader]
        return self._go_on([(column, column.spell(raw)) for column in own], self.frames())

    def _go_on(self, planned: list[tuple[Column, list[int]]], frames: Frames) -> Frames:
        """Force these tokens; whoever has none follows."""
        for column, ids in planned:
            column.check_room(len(ids))
        for column, ids in planned:
            column.read(ids)
            column.fix()
        if self.mode == "same text":
            for column in self.columns[1:]:
                column.follow(self.leader, None)
        self._mark_step(len(planned[0][1]))
        return frames

    def _lead(self, token_id: int, frames: Frames) -> None:
        self.leader.take(token_id, frames[0])
        self.leader.fix()
        for column, frame in zip(self.columns[1:], frames[1:], strict=True):
            column.follow(self.leader, token_id, frame)

    # -- the columns

    def add(
        self,
        session: Session,
        *,
        at: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Column:
        """Put a column among the others (at the end, unless `at` says where); it reads the prompt and is taken along
        the leading column's text.

        Raises:
            StudioError: four are there already; or it cannot read the text, and nothing is changed.
        """
        if len(self.columns) >= MOST_COLUMNS:
            raise StudioError(f"There is room for {MOST_COLUMNS} columns; remove one first.")
        if any(column.session.model is session.model for column in self.columns):
            raise ValueError("columns must not share a cache: give each a twin of the model")
        self._come_back()
        column = Column(next(self._numbers), session)
        if not self.same_draw:
            session.set_seed(self._own_seed(column))
        if self._marks:
            prompt, chat = self._prompt
            session.set_prompt(prompt, chat=chat, progress=progress, cancelled=cancelled)
            column.go_along(self.leader)
        text = self.text
        self.columns.insert(len(self.columns) if at is None else at, column)
        self._columns_changed(text)
        if not self.same_draw and self._marks:
            session.set_seed(session.seed, self._marks[self._at].luck.position)
        return column

    def duplicate(self, index: int) -> Column:
        """A column like this one beside it, on the same weights and with a cache of its own; where the texts have
        parted, along the leading column's."""
        original = self.columns[index]
        before = original.session
        session = Session(before.model.twin(), seed=before.seed, decoding=original.decoding, top=before.top)
        return self.add(session, at=index + 1)

    def remove(self, index: int) -> Session:
        """Take a column out; whether its model is released is the caller's to say. Raises StudioError: the last one."""
        if len(self.columns) == 1:
            raise StudioError("The last column stays; open another model in it instead.")
        self._come_back()
        text = self.text
        column = self.columns.pop(index)
        self._columns_changed(text)
        return column.session

    def move(self, index: int, to: int) -> None:
        """Put column `index` at place `to`; whichever is first leads from here on."""
        self._come_back()
        text = self.text
        self.columns.insert(to, self.columns.pop(index))
        self._columns_changed(text)

    def set_mode(self, mode: Mode) -> None:
        """From "each its own" back to "same text" the others are taken along the leading column's text, from where they
        part from it."""
        if mode == self.mode:
            return
        self._come_back()
        self.mode = mode
        for column in self.columns:
            column.fix()
        if self._marks and mode == "same text":
            for column in self.columns[1:]:
                column.firm = column.agreeing(self.text)
                column.follow(self.leader, None)
            self._mark_anew()

    def _columns_changed(self, text: bytes) -> None:
        """What is there was chosen by whichever column led, and told `text`: it is not cut anew. A new leader that
        waited for half a character takes its bytes as they are; if it cannot, the others come back to where it is."""
        for column in self.columns:
            column.fix()
        if self._marks and self.mode == "same text":
            waiting = text[len(self.leader.told) :] if text.startswith(self.leader.told) else b""
            with suppress(StudioError):
                self.leader.read(self.leader.spell(waiting))
                self.leader.fix()
            for column in self.columns[1:]:
                column.follow(self.leader, None)
        if self._marks:
            self._mark_anew()
        self._share_draw()

    # -- the decoding and the draw

    def set_decoding(self, decoding: DecodingSettings, index: int | None = None) -> None:
        """For one column, or linked for all. Raises SettingError, and changes nothing, if a stage refuses a number."""
        for column in self.columns if index is None else [self.columns[index]]:
            column.session.set_decoding(decoding)
            column.decoding = decoding
        self._share_draw()

    def set_same_draw(self, same: bool) -> None:
        """Whether luck is shared; where not, every column has a seed of its own, the first one the common one."""
        self._come_back()
        self.same_draw = same
        self._share_draw()
        if not same:
            position = self._marks[self._at].luck.position if self._marks else 0
            for column in self.columns:
                column.session.set_seed(self._own_seed(column), position)

    def _own_seed(self, column: Column) -> int:
        return (self.seed + column.number) % SEED_LIMIT

    def set_seed(self, seed: int) -> None:
        """Of every column's draw, from this place on. Raises SettingError."""
        luck = StreamPlace(seed)
        self._come_back()
        self.seed = seed
        for column in self.columns:
            column.session.set_seed(seed if self.same_draw else self._own_seed(column))
        if self._marks:
            self._marks[self._at] = replace(self._marks[self._at], luck=luck)

    def _share_draw(self) -> None:
        """Where vocabularies are unequal a race's noise cannot be shared, and the dart takes its place."""
        equal = all(column.alike(self.leader) for column in self.columns)
        for column in self.columns:
            wanted = column.decoding
            if self.same_draw and not equal and wanted.method == "race":
                wanted = replace(wanted, method="dart")
            if column.session.decoding != wanted:
                column.session.set_decoding(wanted)
