"""What stands in the place of the text when there is none: why, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from ntp_studio.ui.style import set_property
from ntp_studio.ui.typing_guard import let_go


class MessageCard(QFrame):
    open_model = Signal()
    reopen = Signal()

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
        self._name = ""
        self._again = QPushButton(self)
        self._again.setObjectName("reopen_model")
        self._again.setProperty("primary", True)
        self._again.clicked.connect(self.reopen)
        self._button = QPushButton(self.tr("Open a model…"), self)
        self._button.setObjectName("open_model_link")
        self._button.setProperty("primary", True)
        self._button.clicked.connect(self.open_model)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._row.setSpacing(10)
        self._row.addStretch(1)
        self._row.addWidget(self._again, 0, Qt.AlignmentFlag.AlignHCenter)
        self._row.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._hint)
        column.addSpacing(6)
        column.addLayout(self._row)
        column.addStretch(3)

    def show_message(self, title: str, hint: str, open_model: bool, reopen: str = "") -> None:
        """`reopen` names the model to open again; empty when there is none."""
        self._title.setText(title)
        self._hint.setText(hint)
        for button, shown in ((self._button, open_model), (self._again, bool(reopen))):
            if not shown and button.hasFocus():
                let_go(button)  # else Qt gives the focus to some other button, which Space would press
            button.setVisible(shown)
        self._name = reopen
        self._again.setAccessibleName(self.tr("Open {0} again").format(reopen))
        set_property(self._button, "primary", not reopen)
        self._arrange()

    def _arrange(self) -> None:
        """One button under the other where they do not fit side by side; a long name is shortened in its middle."""
        self._again.ensurePolished()
        metrics, words = self._again.fontMetrics(), self.tr("Open {0} again")
        room = min(self.width() - 48 - 30, 420) - metrics.horizontalAdvance(words.format(""))
        short = metrics.elidedText(self._name, Qt.TextElideMode.ElideMiddle, max(room, 40))
        self._again.setText(words.format(short).replace("&", "&&"))  # a single "&" would mark a key
        wide = self._again.sizeHint().width() + self._button.sizeHint().width() + 10 <= self.width() - 48
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self._row.setDirection(direction)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._arrange()
