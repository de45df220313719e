"""What stands in the place of the text when there is none: why, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget


class MessageCard(QFrame):
    open_model = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("text_message")
        self.setProperty("card", True)
        self._title = QLabel(self)
        self._title.setObjectName("message_title")
        self._title.setProperty("role", "title")
        self._hint = QLabel(self)
        self._hint.setObjectName("message_hint")
        self._hint.setProperty("role", "muted")
        for label in (self._title, self._hint):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
        self._button = QPushButton(self.tr("Open a model…"), self)
        self._button.setObjectName("open_model_link")
        self._button.setProperty("primary", True)
        self._button.clicked.connect(self.open_model)
        column = QVBoxLayout(self)
        column.setContentsMargins(36, 24, 36, 24)
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._hint)
        column.addSpacing(6)
        column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def show_message(self, title: str, hint: str, open_model: bool) -> None:
        self._title.setText(title)
        self._hint.setText(hint)
        self._button.setVisible(open_model)
