"""What the tests of single widgets share."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication

from ntp_studio.ui.style import apply_style, style_sheet
from ntp_studio.ui.theme import LIGHT, Theme


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    """Single widgets look here as they do in the program, in whatever order the tests run."""
    if qapp.styleSheet() != style_sheet(LIGHT):  # every widget is polished anew, which takes a while
        apply_style(qapp, LIGHT)


class Dressing(QObject):
    """The program dresses the application anew whenever the theme changes."""

    def __init__(self, app: QApplication, theme: Theme) -> None:
        super().__init__(theme)
        self._app, self._theme = app, theme
        theme.changed.connect(self.dress)

    @Slot()
    def dress(self) -> None:
        if self._app.styleSheet() != style_sheet(self._theme.palette):
            apply_style(self._app, self._theme.palette)


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    Dressing(qapp, theme)
    theme.choose("light")
    return theme
