"""Colours between colours, and text that can be read on them."""

from __future__ import annotations

import math

from PySide6.QtGui import QColor

from ntp_studio.ui.theme import Palette


def mixed(a: QColor, b: QColor, share: float) -> QColor:
    return QColor(
        round(a.red() + (b.red() - a.red()) * share),
        round(a.green() + (b.green() - a.green()) * share),
        round(a.blue() + (b.blue() - a.blue()) * share),
    )


def by_place(palette: Palette, index: int) -> QColor:
    """The colour of stretch number `index` of the distribution after decoding: paler with the place in the order,
    quickly at first, so that neighbours differ."""
    return mixed(palette.color("accent"), palette.color("model"), 1.0 - math.exp(-index / 4.0))


def luminance(color: QColor) -> float:
    """Relative luminance as WCAG 2 defines it."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def readable_on(ground: QColor, palette: Palette) -> QColor:
    """Whichever of the palette's darkest and lightest text stands out more."""

    def contrast(color: QColor) -> float:
        low, high = sorted((luminance(color), luminance(ground)))
        return (high + 0.05) / (low + 0.05)

    return max((palette.color("text"), palette.color("accent_text"), palette.color("window")), key=contrast)
