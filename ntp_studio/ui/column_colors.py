"""The letters and colours of the columns of a comparison: a letter goes by its place in the row."""

from __future__ import annotations

from PySide6.QtGui import QColor

from ntp_studio.ui.theme import Palette

LETTERS = "ABCD"
# Apart by hue and by lightness, none red against green; at least 4.5:1 on the surface, and under the letter's own text.
# Amber is left to the drawn token.
_LIGHT = ("#4c5bd4", "#0b7477", "#a8327d", "#5f5200")
_DARK = ("#8d9bff", "#3fc3c9", "#f08fcb", "#cfc25a")


def letter(place: int) -> str:
    return LETTERS[place]


def column_color(palette: Palette, place: int) -> QColor:
    """The colour of the column at this place in the row, from 0."""
    return QColor((_DARK if palette.name == "dark" else _LIGHT)[place])


def letter_color(palette: Palette) -> QColor:
    """Of a letter on its column's colour."""
    return palette.color("accent_text")
