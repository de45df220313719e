"""The text field for a text to be scored: it hands over files, and takes no text that would make it slow."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtWidgets import QPlainTextEdit

MOST_BYTES = 1_000_000
LONGEST_LINE = 100_000  # characters; a text field takes long over more


def dropped_file(data: QMimeData) -> str | None:
    """The one file that is carried, "" for several, None for none."""
    files = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    return files[0] if len(files) == 1 else "" if files else None


class Paper(QPlainTextEdit):
    """Takes plain text, hands over files, and refuses at once what would be too long to work with."""

    file_dropped = Signal(str)
    too_long = Signal(int)  # bytes
    line_too_long = Signal(int)  # characters

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return dropped_file(source) is not None or source.hasText()

    def insertFromMimeData(self, source: QMimeData) -> None:
        path = dropped_file(source)
        if path is not None:
            self.file_dropped.emit(path)
            return
        text = source.text()
        if len(text) > MOST_BYTES or len(text.encode(errors="replace")) > MOST_BYTES:
            self.too_long.emit(len(text.encode(errors="replace")))
            return
        if len(text) > LONGEST_LINE and max(map(len, text.splitlines())) > LONGEST_LINE:
            self.line_too_long.emit(max(map(len, text.splitlines())))
            return
        self.insertPlainText(text)
