"""What became of a person's entries, in words: which tokens they stand for, as the window shows tokens, and which stand
for none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from ntp_studio.core.decoding.context import Vocabulary
from ntp_studio.core.decoding.stages.words import EOS, IDS

NAMED = 4  # tokens told by name; a card has two lines
LONGEST = 24  # characters of one name
DOT = "·"  # how the window shows a space

Found = Mapping[str, Sequence[tuple[int, ...]]]
"""For each entry the sequences of ids that it stands for; none where it is no token."""


def named(ids: Iterable[int], vocabulary: Vocabulary, joint: str = ", ") -> str:
    """`·sea, old`: tokens as the window shows them, the first few."""
    words = [_short(vocabulary.label(token_id)) for token_id in islice(ids, NAMED + 1)]
    return joint.join([*words[:NAMED], "…"] if len(words) > NAMED else words)


def told(done: str, ids: Collection[int], found: Found, vocabulary: Vocabulary) -> list[str]:
    """`2 banned: ·sea, old (·old is another token)`, then what is to be said of entries that act nowhere. `ids` are the
    tokens on which a stage acted, and `done` says how many and what was done."""
    lost = [text for text, sequences in found.items() if not sequences]
    dotted = [text for text, sequences in found.items() if DOT in text and _dotted(text, sequences, vocabulary)]
    sibling = _sibling(ids, found, vocabulary)
    if ids:
        parts = [f"{done}: {named(ids, vocabulary)}" + (f" ({sibling})" if sibling else "")]
    else:
        parts = [done, sibling] if sibling else [done]
    if dotted:
        parts.append(f"“{_short(dotted[0])}” is written with a dot: a space is a space")
    unknown = len(set(lost).difference(dotted))
    if unknown:
        parts.append("1 entry is no token here" if unknown == 1 else f"{unknown:,} entries are no tokens here")
    return parts


def waiting(begun: Collection[tuple[int, ...]], found: Found, vocabulary: Vocabulary) -> list[str]:
    """`1 not begun here: New + ·York`: the texts of several tokens that are none of those `begun`."""
    left = [
        ids
        for text, sequences in found.items()
        for ids in sequences
        if len(ids) > 1 and ids not in begun and not (DOT in text and _dotted(text, sequences, vocabulary))
    ]
    if not left:
        return []
    more = ", …" if len(left) > 1 else ""
    return [f"{len(left):,} not begun here: {named(left[0], vocabulary, ' + ')}{more}"]


def _dotted(text: str, found: Sequence[tuple[int, ...]], vocabulary: Vocabulary) -> bool:
    """Whether a text was copied as the window shows it: it has a dot where a word begins or ends and no space, no token
    is written so, and with spaces it would be fewer tokens."""
    if not found:
        return True
    if " " in text or text == text.strip(DOT) or min(map(len, found)) == 1:
        return False
    spaced = vocabulary.encode(text.replace(DOT, " "))
    return 0 < len(spaced) < min(map(len, found))


def _sibling(ids: Collection[int], found: Found, vocabulary: Vocabulary) -> str:
    """`·old is another token`: the same word with or without the space before it, of the first entry that has such a
    token which no entry names."""
    for text in islice(found, NAMED):
        word = text.removeprefix(" ")
        if not word[:1].isalnum() or text == EOS or IDS.fullmatch(text):
            continue
        other = vocabulary.encode(word if text != word else f" {text}")
        if len(other) == 1 and other not in found[text] and other[0] not in ids:
            return f"{_short(vocabulary.label(other[0]))} is another token"
    return ""


def _short(text: str) -> str:
    """A name may be long, and an entry may hold what cannot be seen."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
