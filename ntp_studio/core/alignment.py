"""One text, several tokenizers: which of their tokens stand for which bytes of it, and where their boundaries meet.

    A   Once| upon| a| time        spans   Once| upon a| time
    B   Once| up|on a| time

A token's *end* is how many bytes of the text are told once it is. Tokens that tell none (special ones, those of a chat
template, a space that SentencePiece puts before a text) end where the one before them does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from ntp_studio.core.tokens import HuggingFaceTokens, Tokens
from ntp_studio.core.types import StudioError

ANCHORS = ("\n", "a", ".")  # put before a text that goes on in the middle of another, and taken off again
_words: WeakKeyDictionary[Tokens, dict[tuple[bytes, bool], tuple[int, ...]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """A stretch of the text, from byte `begin` up to `end`, at both ends of which token boundaries of all columns
    meet, and at none between. `tokens[c]` are the first and one past the last of column c's tokens in it."""

    begin: int
    end: int
    tokens: tuple[tuple[int, int], ...]


def spans(columns: Sequence[Sequence[int]], text: bytes, *, characters: bool = True) -> list[ByteSpan]:
    """The smallest stretches of whole characters that are whole in every column; `columns[c]` are the ends of column
    c's tokens in `text`, ascending. Without `characters`, a stretch may end within one: where all have the same
    vocabulary, every token is a stretch.

    A token without bytes belongs to the stretch that it follows, and at the beginning of the text to none. What lies
    behind the last place where all meet (a column that is ahead, or waits) belongs to none either.
    """
    if not columns:
        return []
    meeting = set(columns[0])
    for ends in columns[1:]:
        meeting &= set(ends)
    found = []
    begin = 0
    for end in sorted(meeting):
        inside = characters and end < len(text) and text[end] & 0b1100_0000 == 0b1000_0000  # of a character
        if end > 0 and not inside:
            found.append(
                ByteSpan(begin, end, tuple((bisect_right(ends, begin), bisect_right(ends, end)) for ends in columns))
            )
            begin = end
    return found


def byte_ends(tokens: Tokens, ids: Sequence[int], text: str, template: Sequence[bool] | None = None) -> list[int]:
    """The ends of `ids`, in bytes of the UTF-8 of `text`, whose encoding they are; `template` marks those that a chat
    template added. What tokens tell outside the text (the white space of a template) has no place in it.

    Raises:
        StudioError: the ids do not spell the text, and the tokenizer does not tell where they stand.
    """
    wanted = text.encode("utf-8")
    if template is not None and any(template):
        found = _inside(tokens, ids, wanted, template)
    else:
        found = _walk(tokens, ids, wanted)
        if found is None:
            found = _by_offsets(tokens, ids, text)
    if found is None:
        raise StudioError("The tokenizer or chat template changes the text, so its tokens cannot be found in it.")
    return found


def told(tokens: Tokens, ids: Sequence[int]) -> bytes:
    """The bytes of a generated text: those of its tokens, without special ones."""
    return b"".join(token.bytes for token in map(tokens.token, ids) if not token.special)


def _walk(tokens: Tokens, ids: Sequence[int], wanted: bytes) -> list[int] | None:
    """Along the text, each token by its own bytes; None if they do not spell it. A space more at the beginning of a
    text or after a special token is SentencePiece's: where the text may have one itself, both readings are tried."""
    pieces = [tokens.token(i) for i in ids]
    ends: list[int] = []
    choices: list[tuple[int, int]] = []  # tokens at which the other reading is still to be tried, and the place there
    failed: set[tuple[int, int]] = set()
    drop = False
    while len(ends) < len(pieces) or (ends and ends[-1] != len(wanted)) or (not ends and wanted):
        i, place = len(ends), ends[-1] if ends else 0
        after = None
        if i < len(pieces):
            piece = pieces[i]
            raw = piece.bytes
            may_drop = not piece.special and raw[:1] == b" " and (i == 0 or pieces[i - 1].special)
            if may_drop and not drop and (i, place) not in failed:
                choices.append((i, place))
            if not drop and raw and wanted.startswith(raw, place):
                after = place + len(raw)
            elif piece.special:
                after = place
            elif drop and wanted.startswith(raw[1:], place):
                after = place + len(raw) - 1
        drop = False
        if after is not None:
            ends.append(after)
            continue
        if not choices:
            return None
        i, place = choices.pop()
        failed.add((i, place))
        del ends[i:]
        drop = True
    return ends


def _inside(tokens: Tokens, ids: Sequence[int], wanted: bytes, template: Sequence[bool]) -> list[int] | None:
    """Among the tokens that the template did not add; it may have trimmed the text, and a token may reach out of it."""
    typed = wanted.decode("utf-8").strip().encode("utf-8")
    lead = wanted.find(typed)
    joined = b"".join(tokens.token(i).bytes for i, added in zip(ids, template, strict=True) if not added)
    offset = joined.find(typed)
    if offset < 0:
        return None
    ends, passed = [], 0
    for token_id, added in zip(ids, template, strict=True):
        if not added:
            passed += len(tokens.token(token_id).bytes)
        inside = min(max(passed - offset, 0), len(typed))
        ends.append(inside + lead if inside else 0)
    return ends


def _by_offsets(tokens: Tokens, ids: Sequence[int], text: str) -> list[int] | None:
    """From the tokenizer's own account, in characters: right where it changes the text (lower case, Unicode forms).
    Of a character split over tokens the first one has all bytes."""
    if not isinstance(tokens, HuggingFaceTokens) or not getattr(tokens.tokenizer, "is_fast", False):
        return None
    encoded: Any = tokens.tokenizer(text, return_offsets_mapping=True, verbose=False)
    if list(encoded["input_ids"]) != list(ids):
        return None
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode("utf-8")))
    ends: list[int] = []
    for _, end in encoded["offset_mapping"]:
        ends.append(max(at[end], ends[-1] if ends else 0))
    if ends and not all(tokens.token(i).special for i in ids):
        # White space that a tokenizer takes off has no token: the one before it is given it, so that all columns end
        # where the text does.
        last = max(i for i, token_id in enumerate(ids) if not tokens.token(token_id).special)
        ends[last:] = [at[-1]] * (len(ends) - last)
    return ends


# -- a text of bytes, in another vocabulary ----------------------------------------------------------------------------


def of_bytes(tokens: Tokens, raw: bytes, special: bool = False) -> tuple[int, ...]:
    """Every id whose token is exactly these bytes. The first question of a vocabulary takes a look at all of it."""
    words = _words.get(tokens)
    if words is None:
        found: dict[tuple[bytes, bool], list[int]] = {}
        for i in range(tokens.vocab_size):
            token = tokens.token(i)
            if token.bytes:
                found.setdefault((token.bytes, token.special), []).append(i)
        words = _words[tokens] = {key: tuple(ids) for key, ids in found.items()}
    return words.get((raw, special), ())


def whole(raw: bytes) -> int:
    """How many of these bytes are whole characters or no part of any: what is left may be half a character that the
    next bytes complete."""
    for length in range(1, min(3, len(raw)) + 1):
        lead = raw[-length]
        if lead & 0b1100_0000 == 0b1000_0000:  # goes on a character
            continue
        needed = 2 if lead & 0b1110_0000 == 0b1100_0000 else 3 if lead & 0b1111_0000 == 0b1110_0000 else 4
        if lead < 0b1100_0010 or lead > 0b1111_0100 or needed <= length:
            break
        try:
            (raw[-length:] + b"\x80" * (needed - length)).decode("utf-8")
        except UnicodeDecodeError:
            try:  # of E0 and F0 only the higher half goes on
                (raw[-length:] + b"\xbf" * (needed - length)).decode("utf-8")
            except UnicodeDecodeError:
                break
        return len(raw) - length
    return len(raw)


def continuation(tokens: Tokens, raw: bytes) -> list[int]:
    """The ids of bytes in the middle of a text: exactly these, without a space before them or special tokens.

    Raises:
        StudioError: the vocabulary cannot spell them.
    """
    ids: list[int] = []
    place = 0
    while place < len(raw):
        try:
            text, broken = raw[place:].decode("utf-8"), 0
        except UnicodeDecodeError as error:
            text, broken = raw[place : place + error.start].decode("utf-8"), error.end - error.start
        if text:
            ids.extend(_text_ids(tokens, text))
            place += len(text.encode("utf-8"))
        for byte in raw[place : place + broken]:
            ids.append(_byte_id(tokens, byte))
        place += broken
    return ids


def _text_ids(tokens: Tokens, text: str) -> list[int]:
    wanted = text.encode("utf-8")
    for anchor in ("", *ANCHORS):
        try:
            ids = tokens.encode_bare(anchor + text, special=False)
        except StudioError:  # a vocabulary of characters may lack the anchor
            continue
        cut = _cut(tokens, ids, wanted)
        if cut is not None:
            return ids[cut:]
    return [_byte_id(tokens, byte) for byte in wanted]


def _cut(tokens: Tokens, ids: list[int], wanted: bytes) -> int | None:
    """From which token on the ids spell `wanted` to the end, without special ones."""
    rest = len(wanted)
    for i in range(len(ids) - 1, -1, -1):
        token = tokens.token(ids[i])
        rest -= len(token.bytes)
        if token.special or rest < 0 or wanted[rest : rest + len(token.bytes)] != token.bytes:
            return None
        if rest == 0:
            return i
    return None


def _byte_id(tokens: Tokens, byte: int) -> int:
    found = of_bytes(tokens, bytes([byte]))
    if not found:
        raise StudioError(f"This vocabulary has no token for the byte {byte:02X}, which the other's text holds.")
    return found[0]
