"""A column of the lock-step: a session that can be taken along another one's text.

Where the vocabulary is the same it takes the same tokens. Where not, the text's bytes are cut into tokens as the text
is so far, which a later byte can change (` fish`, then ` fisherman`): it is then cut anew from the last place that is
firm. Half a character cannot be cut: the column waits for the rest of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ntp_studio.core.alignment import continuation, told, whole
from ntp_studio.core.session import Session
from ntp_studio.core.tokens import same_vocabulary
from ntp_studio.core.types import ContextFull, NoTokenAllowed, StepFrame, StopReason, StudioError

LOOSE = 32  # tokens behind the firm place before it moves on
ONE_BY_ONE = 8  # up to so many tokens are taken each with its whole distribution, more in one reading


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a column is. `told` bytes of the generated text are in its context; `waiting` are bytes of the shared text
    that it could not take yet, and `loose` counts its last tokens, which a later byte may still cut anew. `trouble`
    says why it cannot follow (empty if it can)."""

    told: int
    waiting: bytes = b""
    loose: int = 0
    stopped: StopReason | None = None
    trouble: str = ""


class Column:
    """A session with the decoding that a person set for it; the session's may differ in its draw."""

    def __init__(self, number: int, session: Session) -> None:
        self.number = number
        self.session = session
        self.decoding = session.decoding
        self.firm = 0  # how many of its generated tokens are never cut anew
        self.barred = ""  # why its decoding allows no token at its place, where it does not
        self.trouble = ""

    @property
    def told(self) -> bytes:
        """The bytes that its generated tokens tell, without special ones."""
        return told(self.session.model.tokens, self.session.token_ids)

    def ends(self) -> list[int]:
        """The end of each generated token among these bytes."""
        ends: list[int] = []
        for token in map(self.session.model.tokens.token, self.session.token_ids):
            ends.append((ends[-1] if ends else 0) + (0 if token.special else len(token.bytes)))
        return ends

    def alike(self, other: Column) -> bool:
        """Whether both have the same vocabulary."""
        return same_vocabulary(self.session.model.tokens, other.session.model.tokens)

    def spell(self, raw: bytes) -> list[int]:
        """The ids of bytes in the middle of its text. Raises StudioError: the vocabulary cannot spell them."""
        return continuation(self.session.model.tokens, raw)

    def fix(self) -> None:
        """Nothing that is there will be cut anew."""
        self.firm = len(self.session.token_ids)

    def check_room(self, count: int) -> None:
        """Raises ContextFull: so many tokens have no room."""
        info = self.session.model.info
        room = info.context_length - self.session.place
        if count > room:
            raise ContextFull(
                f"{info.name} has room for {max(0, room):,} more token{'s' * (room != 1)}, and the text needs "
                f"{count:,}. Go back or restart."
            )

    def frame(self) -> StepFrame | None:
        """Its distribution here; None where its decoding allows no token, and `barred` says why then."""
        try:
            frame = self.session.frame()
        except NoTokenAllowed as error:
            self.barred = str(error)
            return None
        self.barred = ""
        return frame

    def take(self, token_id: int, frame: StepFrame | None) -> None:
        """Take a token of the frame of this place; as drawn, where its own draw gives it too. None: it has none."""
        candidate = next((c for c in frame.candidates if c.token.id == token_id), None) if frame is not None else None
        if candidate is None or frame is None:
            self.read([token_id])
        else:
            drawn = frame.origin == "drawn" and frame.choice.token.id == token_id
            self.session.take(candidate, frame, "drawn" if drawn else "forced")

    def read(self, ids: list[int]) -> None:
        """Go on with these tokens. Many are read in one go, and have no figures after decoding. Raises ContextFull."""
        self.check_room(len(ids))
        for i, token_id in enumerate(ids if len(ids) <= ONE_BY_ONE else []):
            try:
                self.session.force(token_id)
            except NoTokenAllowed:  # what is forced needs no draw
                ids = ids[i:]
                break
        else:
            if len(ids) <= ONE_BY_ONE:
                return
        for token_id in ids:
            self.session.tree.grow(token_id, "forced")
        self.session.complete_scores()

    def replace(self, ids: list[int], first: int) -> None:
        """Make these its generated tokens from `first` on, and read those that are new. Raises ContextFull."""
        own = self.session.token_ids[first:]
        same = 0
        while same < min(len(own), len(ids)) and own[same] == ids[same]:
            same += 1
        self.check_room(len(ids) - len(own))
        for _ in range(len(own) - same):
            self.session.back()
        self.read(ids[same:])

    def go_along(self, leader: Column) -> None:
        """Bring it to the place of the leading column, as far as that can be. Raises StudioError."""
        if self.alike(leader):
            self.replace(leader.session.token_ids, 0)
            self.fix()
        else:
            self._cut_anew(leader.told)

    def follow(self, leader: Column, token_id: int | None, frame: StepFrame | None = None) -> None:
        """As `go_along`, after the leading column took `token_id` (None: not just one token), where `frame` is this
        column's distribution before that. Whatever is in the way is noted in `trouble`."""
        try:
            beside = self.alike(leader) and self.session.token_ids == leader.session.token_ids[:-1]
            if token_id is not None and frame is not None and beside:
                self.take(token_id, frame)
            self.go_along(leader)
            self.trouble = ""
        except StudioError as error:
            self.trouble = str(error)

    def agreeing(self, text: bytes) -> int:
        """How many of its generated tokens tell the beginning of this text."""
        place = 0
        for i, token in enumerate(map(self.session.model.tokens.token, self.session.token_ids)):
            if token.special or not text.startswith(token.bytes, place):
                return i
            place += len(token.bytes)
        return len(self.session.token_ids)

    def _cut_anew(self, text: bytes) -> None:
        """Cut what lies behind the firm place as the text is now, and read what is new of it."""
        tokens = self.session.model.tokens
        self.firm = min(self.firm, len(self.session.token_ids), self.agreeing(text))
        behind = text[len(told(tokens, self.session.token_ids[: self.firm])) :]
        ids = self.spell(behind[: whole(behind)])
        self.replace(ids, self.firm)
        if len(ids) > LOOSE:
            self.firm += _firm_among([tokens.token(i).bytes for i in ids])


def _firm_among(pieces: list[bytes]) -> int:
    """How many of the loose tokens may become firm: up to a word's beginning, where tokenizers cut in any case; in a
    long text without any, up to a character's."""
    last = len(pieces) - LOOSE // 2
    words = (i for i in range(last, 0, -1) if pieces[i][:1] in (b" ", b"\n"))
    characters = (i for i in range(last, 0, -1) if pieces[i][0] & 0b1100_0000 != 0b1000_0000)
    return next(words, next(characters, last) if len(pieces) > 2 * LOOSE else 0)
