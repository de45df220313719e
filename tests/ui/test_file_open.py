"""A file that the system hands to the running program, as macOS does."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ntp_studio import assets
from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
from ntp_studio.ui.file_open import FileOpens
from ntp_studio.ui.help import AboutDialog

WAIT = 60_000


def test_a_file_from_the_system_is_opened_as_if_it_had_been_dropped(qtbot: QtBot, tmp_path: Path) -> None:
    app, window = build([], settings=Settings())
    opens = FileOpens(app, window)
    asked = []
    window.dropped.connect(asked.append)
    try:
        QApplication.sendEvent(app, QFileOpenEvent(QUrl.fromLocalFile(str(tmp_path / "my tale.ntpstudio"))))
        QApplication.sendEvent(app, QEvent(QEvent.Type.User))
        assert asked == [str(tmp_path / "my tale.ntpstudio")]
        # It has reached the worker, which says what is wrong with it.
        qtbot.waitUntil(lambda: "my tale" in window.notice.text(), timeout=WAIT)
    finally:
        app.removeEventFilter(opens)
        window.studio.shutdown()
        window.deleteLater()


def test_the_about_window_says_where_the_licence_texts_are(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def words() -> str:
        from PySide6.QtWidgets import QLabel

        dialog = AboutDialog()
        qtbot.addWidget(dialog)
        return "\n".join(label.text() for label in dialog.findChildren(QLabel))

    assert "LGPL" in words()
    assert str(tmp_path) not in words()  # in a checkout there is no such folder
    (tmp_path / "licences").mkdir()
    (tmp_path / "licences" / "README.txt").write_text("texts")
    monkeypatch.setattr(assets, "PACKAGE", tmp_path / "ntp_studio")
    assert str(tmp_path / "licences") in words()
