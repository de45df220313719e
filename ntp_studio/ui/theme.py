"""Colours, sizes and the style sheet, light and dark.

Blue for the model and decoding, amber for what was drawn, grey for what was cut: told apart by lightness too, so that
no pair depends on seeing red against green. Text on its ground has a contrast of at least 4.5:1
(`tests/ui/test_theme.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette


@dataclass(frozen=True, slots=True)
class Palette:
    name: str
    window: str  # behind everything
    surface: str  # cards, bars
    sunken: str  # tracks, hovered rows
    border: str
    text: str
    muted: str  # captions; still 4.5:1
    faint: str  # switched off, cut tokens' bars; not for text that must be read
    accent: str  # after decoding, primary button
    accent_text: str  # on accent
    accent_soft: str  # selected tab, focus ground
    link: str
    model: str  # pale bar: the model's own probability
    drawn: str  # amber bar
    drawn_text: str
    drawn_soft: str  # ground of the drawn row
    cut: str  # bar of a cut token
    good: str
    error: str
    error_soft: str
    # low to high surprisal, as grounds of tokens on the page
    heat: tuple[str, ...]

    def color(self, name: str, alpha: int = 255) -> QColor:
        color = QColor(getattr(self, name))
        color.setAlpha(alpha)
        return color

    def heat_color(self, share: float) -> QColor:
        """The colour at `share` (0 to 1) of the heat scale, interpolated."""
        position = min(max(share, 0.0), 1.0) * (len(self.heat) - 1)
        low = min(int(position), len(self.heat) - 2)
        mix = position - low
        a, b = QColor(self.heat[low]), QColor(self.heat[low + 1])
        return QColor(
            round(a.red() + (b.red() - a.red()) * mix),
            round(a.green() + (b.green() - a.green()) * mix),
            round(a.blue() + (b.blue() - a.blue()) * mix),
        )


LIGHT = Palette(
    name="light",
    window="#f5f6fa",
    surface="#ffffff",
    sunken="#f1f3f8",
    border="#dfe2ea",
    text="#171a26",
    muted="#5d6477",
    faint="#b9becb",
    accent="#4c5bd4",
    accent_text="#ffffff",
    accent_soft="#e9ecfd",
    link="#4250c4",
    model="#c5cbf5",
    drawn="#efa136",
    drawn_text="#965400",
    drawn_soft="#fff4e2",
    cut="#d5d9e3",
    good="#17795b",
    error="#b3261e",
    error_soft="#fdecea",
    heat=("#e3ebfa", "#cfe3e6", "#dbe0c0", "#f3d796", "#f7b668"),
)

DARK = Palette(
    name="dark",
    window="#14161f",
    surface="#1c1f2b",
    sunken="#262a39",
    border="#353a4c",
    text="#eceef6",
    muted="#a3abc0",
    faint="#565d73",
    accent="#7c8cff",
    accent_text="#10121a",
    accent_soft="#2a3057",
    link="#a3aeff",
    model="#414b86",
    drawn="#f0a63f",
    drawn_text="#f5bd6b",
    drawn_soft="#3a2e1c",
    cut="#3e4456",
    good="#55c79d",
    error="#ff8a80",
    error_soft="#45221f",
    heat=("#26324a", "#26454b", "#454a2d", "#6b5122", "#8a551c"),
)


class Theme(QObject):
    """The palette in use. Widgets read `theme.palette` when they paint and repaint on `changed`."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice = "system"
        self.palette = LIGHT
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._follow_system)
        self.choose("system")

    def choose(self, choice: str) -> None:
        """`light`, `dark`, or `system` to follow the desktop."""
        self.choice = choice
        dark = choice == "dark" or (
            choice == "system" and QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        )
        self.palette = DARK if dark else LIGHT
        self.changed.emit()

    @Slot()
    def _follow_system(self) -> None:
        if self.choice == "system":
            self.choose("system")


def qt_palette(p: Palette) -> QPalette:
    """The same colours for what Qt draws itself (menus, tool tips, dialogs)."""
    palette = QPalette()
    role = QPalette.ColorRole
    for name, value in {
        role.Window: p.window,
        role.Base: p.surface,
        role.AlternateBase: p.sunken,
        role.Button: p.surface,
        role.Text: p.text,
        role.WindowText: p.text,
        role.ButtonText: p.text,
        role.ToolTipBase: p.surface,
        role.ToolTipText: p.text,
        role.PlaceholderText: p.muted,
        role.Highlight: p.accent,
        role.HighlightedText: p.accent_text,
        role.Link: p.link,
        role.Mid: p.border,
    }.items():
        palette.setColor(name, QColor(value))
    for name in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(p.faint))
    return palette


def mono_font(point_size: float | None = None) -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    if point_size is not None:
        font.setPointSizeF(point_size)
    return font
