"""How a text stands in a one-line field: every character that could not be seen there has a sign or an escape."""

from __future__ import annotations

import re

NEWLINE, TAB, SPACE = "↵", "⇥", "␣"
_SIGNS = {"\n": NEWLINE, "\t": TAB}
_WRITTEN = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:([ntr\\])|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")


def shown(text: str) -> str:
    """The text as a field shows it: ↵ for a line break, ⇥ for a tab, ␣ for a space at either end."""
    inner = text.strip(" ")
    start = len(text) - len(text.lstrip(" "))
    end = len(text) - start - len(inner)
    return SPACE * start + "".join(map(_sign, inner)) + SPACE * end


def meant(written: str) -> str:
    """The text that was written, the inverse of `shown`: `\\n`, `\\t`, `\\r`, `\\\\`, `\\x0c` and `\\u00e9` are one
    character each. A backslash before anything else is itself."""
    parts, place = [], 0
    for found in _ESCAPE.finditer(written):
        parts += [_unsign(written[place : found.start()]), _character(found)]
        place = found.end()
    return "".join([*parts, _unsign(written[place:])])


def _sign(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if character == "\\":
        return "\\\\"
    if character in (NEWLINE, TAB, SPACE) or not character.isprintable():
        code = ord(character)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def _unsign(written: str) -> str:
    return written.replace(NEWLINE, "\n").replace(TAB, "\t").replace(SPACE, " ")


def _character(found: re.Match[str]) -> str:
    letter, *codes = found.groups()
    if letter:
        return _WRITTEN[letter]
    code = int(next(code for code in codes if code), 16)
    return chr(code) if code <= 0x10FFFF else found.group()
