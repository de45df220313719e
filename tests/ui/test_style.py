"""Dressing the application."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from ntp_studio.ui.style import apply_style, style_sheet
from ntp_studio.ui.theme import DARK, LIGHT


def test_another_theme_sets_the_sheet_and_not_the_style(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the style dresses every widget, and so does the sheet: a tenth of a second each."""
    before = qapp.styleSheet()
    set_to: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(QApplication, "setStyle", lambda app, name: set_to.append(name))
        qapp.setStyleSheet("")
        apply_style(qapp, LIGHT)
        assert set_to == ["Fusion"]
        apply_style(qapp, DARK)
        assert set_to == ["Fusion"]
        assert qapp.styleSheet() == style_sheet(DARK)
    apply_style(qapp, LIGHT)
    qapp.setStyleSheet("")
    assert qapp.style().name() == "fusion"
    qapp.setStyleSheet(before)
