"""What was copied for another program: its text, and before it what will be different there."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.style import px


class CopyDialog(QDialog):
    """A window beside the main one, which stays usable; Escape closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("copy_dialog")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title = self._label("title")
        self._done = self._label("muted")
        self._differences = self._label("heading")
        self._differences.setText(self.tr("WHAT WILL BE DIFFERENT THERE"))
        self.warnings: tuple[str, ...] = ()
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("What will be different there"))
        self._scroll.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._text = QPlainTextEdit()
        self._text.setObjectName("copied_text")
        self._text.setReadOnly(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(self.tr("The copied text"))
        again = QPushButton(self.tr("Copy again"))
        again.setObjectName("copy_again")
        again.setAutoDefault(False)
        again.clicked.connect(self.copy)
        close = QPushButton(self.tr("Close"))
        close.setObjectName("copy_close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(again)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(6)
        column.addWidget(self._title)
        column.addWidget(self._done)
        column.addSpacing(8)
        column.addWidget(self._differences)
        column.addWidget(self._scroll)
        column.addSpacing(6)
        column.addWidget(self._text, 1)
        column.addSpacing(8)
        column.addLayout(buttons)
        self._style()

    @staticmethod
    def _label(role: str) -> QLabel:
        label = plain_label()
        label.setProperty("role", role)
        label.setWordWrap(True)
        return label

    def show_copied(self, title: str, text: str, warnings: tuple[str, ...] = (), *, wrap: bool = False) -> None:
        """Put `text` on the clipboard and show it. `wrap` breaks long lines on the screen (never in the copy)."""
        self.setWindowTitle(title)
        self._title.setText(title)
        self._text.setPlainText(text)
        mode = QPlainTextEdit.LineWrapMode
        self._text.setLineWrapMode(mode.WidgetWidth if wrap else mode.NoWrap)
        self.warnings = warnings
        self._list = QWidget()
        self._list.setProperty("transparent", True)
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 8, 0)
        self._rows.setSpacing(5)
        for warning in warnings:
            self._rows.addWidget(self._row(warning))
        self._scroll.setWidget(self._list)  # which deletes the one before
        self._differences.setVisible(bool(warnings))
        self._scroll.setVisible(bool(warnings))
        self.copy()
        self._fit()
        self.show()
        self.raise_()
        self.activateWindow()
        self._text.setFocus(Qt.FocusReason.OtherFocusReason)

    def _row(self, warning: str) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        dot, words = plain_label("•"), plain_label(warning)
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line.addWidget(dot, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(words, 1)
        return row

    @property
    def text(self) -> str:
        return self._text.toPlainText()

    @Slot()
    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text.toPlainText())
        self._done.setText(self.tr("Copied to the clipboard."))

    def _fit(self) -> None:
        """As large as the text, within reason; the list scrolls beyond about six lines."""
        metrics = self._text.fontMetrics()
        lines = self._text.toPlainText().split("\n")
        wide = max((metrics.horizontalAdvance(line) for line in lines), default=0) + px(110)
        width = min(max(wide, px(460)), px(880))
        rows = sum(max(1, -(-metrics.horizontalAdvance(line) // (width - px(90)))) for line in lines)
        high = min(max(rows, 3), 24) * metrics.lineSpacing() + px(24)
        self._text.setMinimumHeight(min(high, px(90)))
        needed = self._rows.heightForWidth(width - px(60)) if self.warnings else 1
        self._scroll.setFixedHeight(min(needed, px(120)))
        around = px(150) + (self._scroll.height() + px(30) if self.warnings else 0)
        self.resize(QSize(width, high + around).boundedTo(self.screen().availableSize() * 0.9))

    def _style(self) -> None:
        self._text.setFont(mono_like(self.font()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_text"):
            self._style()
