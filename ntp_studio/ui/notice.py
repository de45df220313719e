"""A strip under the toolbar that says what went wrong and what to do next, until it is closed or no longer true.

Calm, it says what is as it should be: that the context is full is no error.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from ntp_studio.ui.style import set_property
from ntp_studio.ui.theme import Theme


class Notice(QFrame):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._theme = theme
        self._text = QLabel(self)
        self._text.setObjectName("notice_text")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._close = QToolButton(self)
        self._close.setObjectName("notice_close")
        self._close.setText("✕")
        self._close.setAccessibleName(self.tr("Close this message"))
        self._close.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 8, 10, 8)
        row.addWidget(self._text, 1)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def show_text(self, text: str, *, calm: bool = False) -> None:
        self._text.setText(text)
        set_property(self, "calm", calm)
        self.setAccessibleName(text)
        self.show()

    def text(self) -> str:
        """What is shown, "" when nothing is."""
        return "" if self.isHidden() else self._text.text()

    def dismiss(self) -> bool:
        """Close it; False if there was nothing."""
        was_there = not self.isHidden()
        self.hide()
        return was_there

    @Slot()
    def clear(self) -> None:
        self.hide()

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self.setStyleSheet(
            f"#notice {{ background: {p.error_soft}; border: 0; border-bottom: 1px solid {p.border}; }}"
            f'#notice[calm="true"] {{ background: {p.accent_soft}; }}'
            f"#notice QLabel {{ color: {p.text}; background: transparent; }}"
            f"#notice QToolButton {{ color: {p.text}; background: transparent; border: 0; padding: 2px 6px; }}"
            f"#notice QToolButton:hover, #notice QToolButton:focus {{ background: {p.sunken}; border-radius: 4px; }}"
        )
