"""Lock-step: columns, each a session on its own model, that one key steps together.

    same text      the leading column chooses; every other is taken along the same text (`following`)
    each its own   every column takes what it draws, and the texts part

The draw is shared: where all vocabularies are equal, the race's noise is the same for a token in every column; where
not, the dart falls at the same u.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from ntp_studio.core.alignment import ByteSpan, spans
from ntp_studio.core.compared import PlaceComparison
from ntp_studio.core.comparing import TOP, compare_place
from ntp_studio.core.decoding.draw import StreamPlace
from ntp_studio.core.following import Column, Standing
from ntp_studio.core.session import Session
from ntp_studio.core.types import (
    DEFAULT_SEED,
    ContextFull,
    DecodingSettings,
    StepFrame,
    StopReason,
    StudioError,
)

Mode = Literal["same text", "each its own"]
Frames = tuple[StepFrame, ...]
MOST_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of all columns: the node at which each stood, by its number, the shared place in the random stream, how
    many of each column's tokens were firm, and how many its context had."""

    nodes: dict[int, int]
    luck: StreamPlace
    firm: dict[int, int] = field(compare=False)
    places: dict[int, int] = field(compare=False)


class Lockstep:
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
        if not 1 <= len(sessions) <= MOST_COLUMNS:
            raise StudioError(f"There is room for {MOST_COLUMNS} columns, not for {len(sessions)}.")
        if len({id(session.model) for session in sessions}) < len(sessions):
            raise ValueError("columns must not share a cache: give each a twin of the model")
        self._numbers = itertools.count()
        self.columns = [Column(next(self._numbers), session) for session in sessions]
        self.mode: Mode = mode
        self.same_draw = same_draw
        self.seed = seed
        self._prompt: tuple[str, bool] = ("", False)
        self._marks: list[Mark] = []
        self._at = 0
        self._left: dict[int, int] | None = None  # while looking: the node that each column comes back to
        self._share_draw()

    # -- the text

    @property
    def leader(self) -> Column:
        return self.columns[0]

    @property
    def prompt(self) -> tuple[str, bool]:
        """As it was set, and whether it was put into the chat templates."""
        return self._prompt

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

    @property
    def text(self) -> bytes:
        """The generated text as the leading column tells it."""
        return self.leader.told

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
        self._marks = [self._mark(StreamPlace(self.seed))]
        self._at = 0

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

    # -- looking

    def frames(self) -> Frames:
        """The distribution of every column at its place, each with the token that it would take itself. Runs a forward
        only where one is lacking. Raises StudioError: there is no text."""
        if not self._marks:
            raise StudioError("There is no text yet; type a prompt.")
        with self._shared_luck():
            return tuple(column.session.frame() for column in self.columns)

    @contextmanager
    def _shared_luck(self) -> Iterator[None]:
        """The same luck in every column, where it is shared. A place that is only looked at does not keep it."""
        nodes = [column.session.tree.here for column in self.columns] if self.same_draw else []
        before = [node.seeded for node in nodes]
        luck = self._luck_here() if self.looking else self._marks[self._at].luck
        for node in nodes:
            node.seeded = luck
        try:
            yield
        finally:
            if self.looking:
                for node, seeded in zip(nodes, before, strict=True):
                    node.seeded = seeded

    def _luck_here(self) -> StreamPlace:
        """Between two marks: a draw further for each token, as after a text that is forced. Inside the prompt, where
        nothing is ever drawn: the beginning."""
        place = self.leader.session.place
        marks = [mark for _, mark in self._marks_before() if self.leader.number in mark.places]
        if not marks:
            return self._marks[0].luck
        luck = marks[-1].luck
        return StreamPlace(luck.seed, luck.position + place - marks[-1].places[self.leader.number])

    def compare(
        self, frames: Frames | None = None, *, top: int = TOP, after_decoding: bool = False
    ) -> PlaceComparison | None:
        """The columns' distributions held against the leading one's, with what its draw gives among the tokens. None
        while they are not `together`. `frames` are those of this place, if they have been asked for already."""
        if not self.together:
            return None
        drawn = (frames or self.frames())[0].choice.token.id
        sessions = [column.session for column in self.columns]
        with self._shared_luck():
            return compare_place(sessions, top=top, after_decoding=after_decoding, also=(drawn,))

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
        matching = [
            at
            for at, mark in enumerate(self._marks)
            if (own := mark.nodes.keys() & there.keys()) and all(mark.nodes[number] == there[number] for number in own)
        ]
        now = {column.number: column.session.tree.here.id for column in self.columns}
        if matching:
            self._come_back()
            at = min(matching, key=lambda at: abs(at - self._at))
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
        """Those at or before the place that is looked at, with their numbers, the nearest last."""
        for at, mark in enumerate(self._marks):
            own = [column for column in self.columns if column.number in mark.places]
            if own and _order([mark.places[c.number] for c in own]) <= _order([c.session.place for c in own]):
                yield at, mark

    def _check_going_on(self) -> None:
        """Raises StudioError: this place is only looked at."""
        if self.looking:
            raise StudioError("This place is only looked at; go to the end of the text (End) to go on from there.")

    # -- step, force, rewind

    def step(self, frames: Frames | None = None) -> Frames:
        """Step all columns once; `frames` are those of this place, where `frames()` has been asked already. Returns the
        distributions that the tokens were taken from.

        Raises:
            ContextFull: the leading column, or in "each its own" every one, has no room for another token.
            StudioError: this place is only looked at; this is so for `force` and `force_text`, too.
        """
        self._check_going_on()
        frames = frames or self.frames()
        if self.mode == "same text":
            self._lead(frames[0].choice.token.id, frames)
            return self._moved(frames, 1)
        free = [pair for pair in zip(self.columns, frames, strict=True) if pair[0].session.stopped is None]
        if not free:
            raise ContextFull("Every column is at the end of its text; go back or restart.")
        for column, frame in free:
            column.take(frame.choice.token.id, frame)
            column.fix()
        return self._moved(frames, 1)

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
            return self._moved(frames, 1)
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
        return self._moved(frames, len(planned[0][1]))

    def _lead(self, token_id: int, frames: Frames) -> None:
        self.leader.take(token_id, frames[0])
        self.leader.fix()
        for column, frame in zip(self.columns[1:], frames[1:], strict=True):
            column.follow(self.leader, token_id, frame)

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
        return self._go(self._at + 1)

    def go_to_end(self) -> bool:
        """Behind the last step that is there. False if the columns are there."""
        last = len(self._marks) - 1
        if self.looking:
            return self._leave_for(last)
        return self._at != last and self._go(last)

    def _leave_for(self, at: int) -> bool:
        """From a place that is only looked at to this mark. False if there is none."""
        if at < 0:
            return False
        self._come_back()
        return at == self._at or self._go(at)

    def restart(self) -> None:
        """Back to the prompt alone, with the random stream at its beginning."""
        self._left = None
        for column in self.columns:
            column.session.restart()
            column.firm, column.trouble = 0, ""
        self._marks = [self._mark(StreamPlace(self.seed))] if self._marks else []
        self._at = 0

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
        if self._marks:
            prompt, chat = self._prompt
            session.set_prompt(prompt, chat=chat, progress=progress, cancelled=cancelled)
            column.go_along(self.leader)
        text = self.text
        self.columns.insert(len(self.columns) if at is None else at, column)
        self._columns_changed(text)
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
            self._marks[self._at] = self._mark(self._marks[self._at].luck)

    def set_decoding(self, decoding: DecodingSettings, index: int | None = None) -> None:
        """For one column, or linked for all. Raises SettingError, and changes nothing, if a stage refuses a number."""
        for column in self.columns if index is None else [self.columns[index]]:
            column.session.set_decoding(decoding)
            column.decoding = decoding
        self._share_draw()

    def set_same_draw(self, same: bool) -> None:
        """Whether luck is shared; where not, every session has its own seed and draws."""
        self._come_back()
        self.same_draw = same
        self._share_draw()
        if not same and self._marks:
            for column in self.columns:
                column.session.set_seed(column.session.seed)

    def set_seed(self, seed: int) -> None:
        """Of every column's draw, from this place on. Raises SettingError."""
        luck = StreamPlace(seed)
        self._come_back()
        self.seed = seed
        for column in self.columns:
            column.session.set_seed(seed)
        if self._marks:
            self._marks[self._at] = replace(self._marks[self._at], luck=luck)

    # -- how

    def _share_draw(self) -> None:
        """Where vocabularies are unequal a race's noise cannot be shared, and the dart takes its place."""
        equal = all(column.alike(self.leader) for column in self.columns)
        for column in self.columns:
            wanted = column.decoding
            if self.same_draw and not equal and wanted.method == "race":
                wanted = replace(wanted, method="dart")
            if column.session.decoding != wanted:
                column.session.set_decoding(wanted)

    def _moved(self, frames: Frames, draws: int) -> Frames:
        luck = self._marks[self._at].luck
        mark = self._mark(StreamPlace(luck.seed, luck.position + draws))
        if self._marks[self._at + 1 : self._at + 2] != [mark]:
            self._marks[self._at + 1 :] = [mark]
        self._at += 1
        return frames

    def _mark(self, luck: StreamPlace) -> Mark:
        nodes = {column.number: column.session.tree.here.id for column in self.columns}
        return Mark(
            nodes,
            luck,
            {column.number: column.firm for column in self.columns},
            {column.number: column.session.place for column in self.columns},
        )

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
            self._marks[self._at] = self._mark(self._marks[self._at].luck)
        self._share_draw()


def _order(places: Sequence[int]) -> tuple[int, int]:
    """Along the text by the leading column's place; where that has come to its end, by those of all."""
    return places[0], sum(places)
