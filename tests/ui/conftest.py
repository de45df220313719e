"""What the tests of single widgets share."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from ntp_studio.ui.theme import Theme


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.choose("light")
    return theme
