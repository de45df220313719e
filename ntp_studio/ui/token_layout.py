"""Where each token of a text stands on the page: lines, fragments, and what of a token's text is shown. No Qt.

A `Flow` takes tokens one after the other and places them on lines of a given width. It grows at its end at a cost that
does not depend on the length of the text, and it can be cut back to any place. Two ways to show a text:

- chips: every token stands for itself, shown by its label, and a line may break before any token;
- plain: the bytes of the tokens are joined and read as UTF-8, so that a character split over tokens appears whole, and
  lines break between words.

A token may need several fragments (a newline inside it, a text wider than the line, spaces before a word), and in plain
text several tokens may share one fragment (the bytes of one character).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ntp_studio.core.types import TokenText
from ntp_studio.ui.token_text import Measure, chip_parts, own_text, split_to_fit, visible, wide_break

_CHUNKS = re.compile(r"\n|[^\S\n]+|\S+")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Sizes in pixels: the line's width, and around each chip."""

    width: float
    padding: float = 2.0  # left and right inside a chip
    gap: float = 1.0  # between chips
    least: float = 8.0  # the narrowest chip, so that each can be clicked
    plain: bool = False
    tag_scale: float = 0.8  # the letters of a tag against the text's
    tag_room: float = 8.0  # on the right of a tag, so that it stands apart


@dataclass(slots=True)
class Fragment:
    """A piece of one line. It belongs to token `entry`; tokens up to `last` only add bytes to its last character."""

    entry: int
    last: int
    text: str
    faint: int  # so many leading characters stand for spaces
    x: float
    width: float
    breakable: bool  # a line may begin here
    newline: bool = False  # the next fragment begins a line
    space: bool = False  # plain text: white space, which never wraps to a new line
    chip: bool = True  # drawn as a chip of its own, also in plain text
    tag: bool = False  # not part of the text: a flag with small letters, apart from what stands around it


class Flow:
    """Tokens placed on lines. `fragments[line_starts[i]:line_starts[i + 1]]` is line i; there is always a line."""

    def __init__(self, measure: Measure, metrics: Metrics) -> None:
        self.measure = measure
        self.metrics = metrics
        self.fragments: list[Fragment] = []
        self.line_starts: list[int] = [0]
        self._tokens: list[TokenText] = []
        self._alone: list[bool] = []
        self._tags: list[str] = []
        self._chunks: list[bytes] = []  # plain text: what each token adds to the joined bytes
        self._first: list[int] = []  # each token's first fragment, or the one it shares
        self._skip: list[int] = []  # bytes of it that complete an earlier token's character
        self._open: int | None = None  # the token whose last character waits for bytes
        self._x = 0.0

    # -- asking --------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def line_count(self) -> int:
        return len(self.line_starts)

    @property
    def end(self) -> tuple[int, float]:
        """The line and the x at which the next token would stand."""
        return len(self.line_starts) - 1, self._x

    def line(self, index: int) -> list[Fragment]:
        stop = self.line_starts[index + 1] if index + 1 < len(self.line_starts) else len(self.fragments)
        return self.fragments[self.line_starts[index] : stop]

    def first_fragment(self, entry: int) -> int:
        """The place in `fragments` of the first that shows this token."""
        return self._first[entry]

    def fragments_of(self, entry: int) -> Iterator[tuple[int, int, Fragment]]:
        """(line, place in the line, fragment) of everything that shows this token."""
        index = self._first[entry]
        line = self.line_of(index)
        while index < len(self.fragments) and (fragment := self.fragments[index]).entry <= entry <= fragment.last:
            while line + 1 < len(self.line_starts) and self.line_starts[line + 1] <= index:
                line += 1
            yield line, index - self.line_starts[line], fragment
            index += 1

    def line_of(self, index: int) -> int:
        """The line of fragment `index`."""
        low, high = 0, len(self.line_starts) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.line_starts[middle] <= index:
                low = middle
            else:
                high = middle - 1
        return low

    def hit(self, line: int, x: float, spans: Sequence[tuple[float, float]] | None = None) -> int | None:
        """The token at `x` on this line. `spans` are (x, width) of the line's fragments where drawing moved them."""
        if not 0 <= line < len(self.line_starts):
            return None
        for place, fragment in enumerate(self.line(line)):
            left, width = spans[place] if spans is not None else (fragment.x, fragment.width + self.metrics.gap)
            if left <= x < left + width:
                return fragment.entry
        return None

    # -- growing and cutting -------------------------------------------------------------------------------------------

    def append(self, token: TokenText, alone: bool = False, tag: str = "") -> int:
        """Place one more token. Returns the first line changed.

        `alone` keeps it a chip also in plain text; `tag` are words shown in its place, as a tag.
        """
        entry = len(self._tokens)
        self._tokens.append(token)
        self._alone.append(alone or bool(tag) or token.special)
        self._tags.append(tag)
        self._chunks.append(token.bytes)
        before = len(self.line_starts) - 1
        if not self.metrics.plain or self._alone[-1]:
            self._open = None
            self._first.append(len(self.fragments))
            self._skip.append(0)
            for text, faint, newline in [(tag, 0, False)] if tag else chip_parts(token):
                self._place(Fragment(entry, entry, text, faint, 0.0, 0.0, True, newline=newline, tag=bool(tag)))
            return before
        start, skip = entry, 0
        if self._open is not None and (not token.bytes or token.bytes[0] & 0xC0 == 0x80):
            # The character may turn out another than its stand-in, and may have moved the word before it: place both
            # anew, so that the layout does not depend on what stood there meanwhile.
            start = self._open
            while start > 0 and not self._safe(start):
                start -= 1
            skip = self._skip[start]
            self._drop(start)
        before = min(before, len(self.line_starts) - 1)
        self._place_joined(start, skip)
        return before

    def cut(self, entry: int) -> int:
        """Take away every token from `entry` on. Returns the first line changed."""
        if entry >= len(self._tokens):
            return len(self.line_starts) - 1
        start = entry
        if self.metrics.plain:
            while start > 0 and not self._safe(start):
                start -= 1
        keep = list(zip(self._tokens[start:entry], self._alone[start:entry], self._tags[start:entry], strict=True))
        self._drop(start)
        del self._tokens[start:], self._alone[start:], self._tags[start:], self._chunks[start:]
        changed = len(self.line_starts) - 1
        for kept in keep:
            self.append(*kept)
        return changed

    def _safe(self, entry: int) -> bool:
        """Whether the layout before this token would be the same if the text ended there."""
        fragment = self.fragments[self._first[entry]]
        if fragment.entry != entry or self._skip[entry] or not (fragment.breakable or fragment.space):
            return False
        if self._alone[entry - 1]:
            return True
        owner = self.fragments[self._first[entry - 1]].entry
        return not own_text(self._chunks[owner:entry], 0, self._skip[owner])[3]

    def _drop(self, entry: int) -> None:
        """Take away the fragments from this token on, keeping the tokens."""
        del self.fragments[self._first[entry] :], self._first[entry:], self._skip[entry:]
        index = len(self.fragments)
        while len(self.line_starts) > 1 and self.line_starts[-1] >= index:
            self.line_starts.pop()
        last = self.fragments[-1] if self.fragments else None
        if last is not None and last.newline:
            self.line_starts.append(index)
            last = None
        self._x = last.x + self._advance(last) if last is not None else 0.0
        self._open = None

    # -- placing -------------------------------------------------------------------------------------------------------

    def _place_joined(self, start: int, skip: int) -> None:
        """Place the joined text of the tokens from `start` on; `skip` bytes of it belong to the character before."""
        entry = start
        while entry < len(self._tokens):
            self._first.append(len(self.fragments))
            self._skip.append(skip)
            text, end, used, waits = own_text(self._chunks, entry, skip)
            self._open = entry if waits else None
            self._place_words(entry, text)
            skip, entry = 0, entry + 1
            while entry <= end:
                if entry == end and used < len(self._chunks[entry]):
                    skip = used
                    break
                shared = self.fragments[-1]
                self._first.append(len(self.fragments) - 1)
                self._skip.append(len(self._chunks[entry]))
                shared.last = entry
                entry += 1

    def _place_words(self, entry: int, text: str) -> None:
        for chunk in _CHUNKS.findall(text) or [""]:
            before = self.fragments[-1] if self.fragments else None
            # A token without text leaves the place as it is: after white space, the next word may still begin a line.
            after_space = before is None or before.newline or before.space or before.chip
            newline, space = chunk == "\n", chunk.isspace() if chunk else after_space
            breakable = (
                bool(chunk)
                and not space
                and (before is None or after_space or (before.text != "" and wide_break(before.text[-1], chunk[0])))
            )
            shown = visible(chunk.replace("\r", "")) if space and not newline else "" if newline else visible(chunk)
            self._place(Fragment(entry, entry, shown, 0, 0.0, 0.0, breakable, newline, space, chip=False))

    def _advance(self, fragment: Fragment) -> float:
        return fragment.width + (self.metrics.gap if fragment.chip else 0.0)

    def _width(self, fragment: Fragment) -> float:
        if fragment.tag:
            letters = self.measure(fragment.text) * self.metrics.tag_scale
            return letters + 4 * self.metrics.padding + self.metrics.tag_room
        if fragment.chip:
            return max(self.measure(fragment.text) + 2 * self.metrics.padding, self.metrics.least)
        return self.metrics.least if fragment.newline else self.measure(fragment.text) if fragment.text else 0.0

    def _new_line(self, index: int) -> None:
        """Begin a line at fragment `index`, moving what stands from there on."""
        self.line_starts.append(index)
        self._x = 0.0
        for fragment in self.fragments[index:]:
            fragment.x = self._x
            self._x += self._advance(fragment)

    def _place(self, fragment: Fragment) -> None:
        fragment.width = self._width(fragment)
        room = self.metrics.width
        if not fragment.space and self._x + fragment.width > room:
            start = self.line_starts[-1]
            index = len(self.fragments)
            if not fragment.breakable:  # the word it belongs to goes along
                while index > start and not (index < len(self.fragments) and self.fragments[index].breakable):
                    index -= 1
            if index > start:
                self._new_line(index)
            if self._x + fragment.width > room and len(self.fragments) > self.line_starts[-1]:
                self._new_line(len(self.fragments))  # a word wider than the line breaks anywhere
            if fragment.width > room:
                self._place_split(fragment)
                return
        self._add(fragment)

    def _place_split(self, fragment: Fragment) -> None:
        """Place a fragment wider than the line over several lines."""
        room = self.metrics.width - (2 * self.metrics.padding if fragment.chip else 0.0)
        if fragment.tag:
            room = (room - 2 * self.metrics.padding - self.metrics.tag_room) / self.metrics.tag_scale
        pieces = split_to_fit(fragment.text, room, self.measure)
        for number, text in enumerate(pieces):
            final = number == len(pieces) - 1
            piece = replace(
                fragment,
                text=text,
                faint=min(fragment.faint, len(text)) if number == 0 else 0,
                breakable=fragment.breakable and number == 0,
                newline=fragment.newline and final,
            )
            piece.width = self._width(piece)
            if number:
                self._new_line(len(self.fragments))
            self._add(piece)

    def _add(self, fragment: Fragment) -> None:
        fragment.x = self._x
        self.fragments.append(fragment)
        self._x += self._advance(fragment)
        if fragment.newline:
            self._new_line(len(self.fragments))
