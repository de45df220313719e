"""What of a token's text is shown, and how a text may be cut into pieces. Pure functions, no Qt."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Sequence

from ntp_studio.core.types import TokenText

Measure = Callable[[str], float]

_INVISIBLE = {"Cc", "Cs", "Co", "Zl", "Zp"}
# Marks that would turn the reading direction of what follows them; shown by number instead.
_BIDI_CONTROLS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def own_text(chunks: Sequence[bytes], first: int, skip: int) -> tuple[str, int, int, bool]:
    """The characters that begin in `chunks[first]` after `skip` bytes, the last one completed from what follows.

    Returns the text, the chunk in which it ends, the number of bytes of that chunk used, and whether the last character
    still waits for bytes. Joining the texts of all chunks gives `b"".join(chunks).decode("utf-8", "replace")`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(chunks[first][skip:])
    end, used = first, len(chunks[first])
    if not decoder.getstate()[0]:
        return text, end, used, False
    for index in range(first + 1, len(chunks)):
        if not chunks[index]:
            end, used = index, 0
        for position, byte in enumerate(chunks[index]):
            if byte & 0xC0 != 0x80:
                return text + decoder.decode(b"", True), end, used, False
            text += decoder.decode(bytes((byte,)))
            end, used = index, position + 1
            if not decoder.getstate()[0]:
                return text, end, used, False
    return text + decoder.decode(b"", True), end, used, True


def join_tokens(tokens: Sequence[TokenText]) -> str:
    """The text of these tokens, as the page shows it in plain text and as it is copied."""
    return b"".join(token.bytes for token in tokens).decode("utf-8", "replace")


def visible(text: str) -> str:
    """`text` without characters that would break a line of it: control characters appear as pictures or numbers."""
    if text.isprintable():  # covers nearly every token
        return text
    shown = []
    for char in text:
        code = ord(char)
        if char == "\t":
            shown.append("    ")
        elif code < 0x20:
            shown.append(chr(0x2400 + code))
        elif code == 0x7F:
            shown.append("␡")
        elif char in _BIDI_CONTROLS or unicodedata.category(char) in _INVISIBLE:
            shown.append(f"⟨U+{code:04X}⟩")
        else:
            shown.append(char)
    return "".join(shown)


def chip_label(token: TokenText) -> str:
    """What a chip shows: the label, made safe to draw alone."""
    label = visible(token.label)
    if not label:
        return "∅"
    if unicodedata.category(label[0]).startswith("M"):
        return "◌" + label  # a combining mark needs something to stand on
    if all(unicodedata.category(char) == "Cf" for char in label):
        return "".join(f"⟨U+{ord(char):04X}⟩" for char in label)
    return label


def chip_parts(token: TokenText) -> list[tuple[str, int, bool]]:
    """The chips of a token: shown text, how many leading characters stand for spaces, whether a line ends after."""
    label = chip_label(token)
    lead = len(token.text) - len(token.text.lstrip(" "))
    faint = lead if lead and label[:lead] == "·" * lead and not token.special else 0
    breaks = token.text.count("\n")
    if token.special:
        return [(f" {label} ", 0, False)]  # room for the ends of a pill
    if not breaks:
        return [(label, faint, False)]
    if label.count("↵") != breaks:
        return [(label, faint, token.text.endswith("\n"))]
    pieces = re.findall(r"[^↵]*↵|[^↵]+", label)
    return [(piece, faint if i == 0 else 0, piece.endswith("↵")) for i, piece in enumerate(pieces)]


def clusters(text: str) -> list[str]:
    """`text` cut where a line may break inside a word: marks, joiners and modifiers stay with what they belong to."""
    parts: list[str] = []
    for char in text:
        code = ord(char)
        sticks = unicodedata.category(char).startswith("M") or code == 0x200D or 0x1F3FB <= code <= 0x1F3FF
        joined = bool(parts) and (
            parts[-1].endswith("\u200d")
            or (0x1F1E6 <= code <= 0x1F1FF and len(parts[-1]) == 1 and 0x1F1E6 <= ord(parts[-1]) <= 0x1F1FF)
        )
        if parts and (sticks or joined):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def split_to_fit(text: str, room: float, measure: Measure) -> list[str]:
    """`text` in pieces no wider than `room`, each at least one character."""
    parts, pieces = clusters(text), []
    while parts:
        low, high = 1, len(parts)
        while low < high:
            middle = (low + high + 1) // 2
            if measure("".join(parts[:middle])) <= room:
                low = middle
            else:
                high = middle - 1
        pieces.append("".join(parts[:low]))
        parts = parts[low:]
    return pieces


def wide_break(before: str, after: str) -> bool:
    """Whether a line may break between two characters without a space, as Chinese and Japanese do."""
    if unicodedata.category(after) in ("Pe", "Pf", "Po", "Lm") or unicodedata.category(before) in ("Ps", "Pi"):
        return False
    return unicodedata.east_asian_width(before) in "WF" or unicodedata.east_asian_width(after) in "WF"
