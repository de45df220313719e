"""Where a prompt is written: the text, the tokens it is cut into while typing, and its share of the context."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent, QShortcut, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from ntp_studio.core.types import PageToken
from ntp_studio.ui.style import base_size
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_view import TokenView

DEBOUNCE_MS = 60


class PromptEditor(QFrame):
    """The person's text stays here, whatever becomes of a submit or a load."""

    submitted = Signal(str, bool)
    edited = Signal(str, bool)  # debounced; answered by `show_tokenized`
    cancelled = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prompt_editor")
        self.setProperty("card", True)
        self._theme = theme
        self._before = ("", False)  # the text and the chat switch when editing began
        self._fits = True
        self._tokens = 0

        self._title = QLabel(self.tr("Write a prompt"), self)
        self._title.setProperty("role", "title")
        hint = self._hint = QLabel(self.tr("The model continues this text, one token at a time."), self)
        hint.setProperty("role", "muted")
        hint.setWordWrap(True)
        self._edit = QPlainTextEdit(self)
        self._edit.setObjectName("prompt_text")
        self._edit.setAccessibleName(self.tr("Prompt"))
        self._edit.setPlaceholderText(self.tr("Once upon a time, …"))
        self._edit.setTabChangesFocus(True)
        self._size_text()
        self._edit.setMinimumHeight(72)
        self._edit.installEventFilter(self)
        self._examples = self._example_list()
        self._empty = QLabel(self)
        self._empty.setObjectName("empty_prompt")
        self._empty.setProperty("role", "muted")
        self._empty.setWordWrap(True)
        self._empty.hide()
        self._caption = QLabel(self.tr("AS TOKENS"), self)
        self._caption.setProperty("role", "heading")
        self._count = QLabel(self)
        self._count.setObjectName("prompt_count")
        self._count.setWordWrap(True)
        self._chips = TokenView(theme, self)
        self._chips.setObjectName("prompt_chips")
        self._chips.setAccessibleName(self.tr("The prompt as tokens"))
        self._chips.mode = "tokens"
        self._chips.setMinimumHeight(48)
        self._chat = Switch(theme, self)
        self._chat.setObjectName("chat_template")
        self._chat.setAccessibleName(self.tr("Chat template"))
        self._chat.setToolTip(self.tr("Wrap the prompt as a user's turn, the way this model was trained to be asked"))
        self._chat_label = QLabel(self.tr("Chat template"), self)
        self._chat_label.setToolTip(self._chat.toolTip())
        self._chat.hide()
        self._chat_label.hide()
        self._start = QPushButton(self.tr("Start  (Ctrl+Enter)"), self)
        self._start.setAccessibleName(self.tr("Start"))
        self._start.setObjectName("start_prompt")
        self._start.setProperty("primary", True)
        self._cancel = QPushButton(self.tr("Cancel  (Esc)"), self)
        self._cancel.setAccessibleName(self.tr("Cancel"))
        self._cancel.setObjectName("cancel_prompt")

        figures = QHBoxLayout()
        figures.addWidget(self._caption)
        figures.addStretch(1)
        figures.addWidget(self._count, 4, Qt.AlignmentFlag.AlignRight)
        self._count.setAlignment(Qt.AlignmentFlag.AlignRight)
        foot = QHBoxLayout()
        foot.addWidget(self._chat)
        foot.addWidget(self._chat_label)
        foot.addStretch(1)
        foot.addWidget(self._cancel)
        foot.addWidget(self._start)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(8)
        column.addWidget(self._title)
        column.addWidget(hint)
        column.addWidget(self._edit, 3)
        column.addWidget(self._examples)
        column.addLayout(figures)
        column.addWidget(self._empty)
        column.addWidget(self._chips, 2)
        column.addStretch(0)
        column.addLayout(foot)

        for keys in ("Ctrl+Return", "Ctrl+Enter"):  # wherever the focus is, as long as this is in front
            QShortcut(QKeySequence(keys), self).activated.connect(self.submit)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self._emit_edited)
        self._edit.textChanged.connect(self._text_changed)
        self._chat.toggled.connect(self._timer_start)
        self._start.clicked.connect(self.submit)
        self._cancel.clicked.connect(self.cancel)
        theme.changed.connect(self._restyle)
        self._text_changed()
        self._show_count(0, 0)

    def _example_list(self) -> QWidget:
        """Prompts to begin with, one a line; shown while nothing is written."""
        box = QWidget(self)
        column = QVBoxLayout(box)
        column.setContentsMargins(2, 0, 0, 0)
        column.setSpacing(5)
        caption = QLabel(self.tr("OR TRY ONE OF THESE"), box)
        caption.setProperty("role", "heading")
        column.addWidget(caption)
        examples = (
            self.tr("Once upon a time, in a village by the sea, there lived"),
            self.tr("The opposite of hot is"),
            self.tr("def is_prime(n):"),
            self.tr("My three favourite fruits are apples,"),
            self.tr("Dear neighbour, I am writing because"),
        )
        for text in examples:
            button = QPushButton(text, box)
            button.setProperty("example", text)
            button.setStyleSheet("text-align: left;")
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.setAccessibleName(self.tr("Example prompt: {0}").format(text))
            button.clicked.connect(self._take_example)
            column.addWidget(button)
        return box

    # -- what the panel asks -------------------------------------------------------------------------------------------

    def open(self, can_cancel: bool) -> None:
        """Begin to edit; `can_cancel` when there is a text to go back to."""
        self._before = (self.text(), self._chat.isChecked())
        self._cancel.setVisible(can_cancel)
        self._fit_foot()
        self._title.setText(self.tr("Edit the prompt") if self.text() else self.tr("Write a prompt"))
        self._timer.start()
        self._edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self._edit.moveCursor(QTextCursor.MoveOperation.End)

    def say_whose(self, hint: str, tokens: str) -> None:
        """Where several models read the prompt: who goes on from it, and whose tokens are shown."""
        self._hint.setText(hint)
        self._caption.setText(tokens)

    def text(self) -> str:
        return self._edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace what is written; the person can undo it."""
        if text != self.text():
            cursor = self._edit.textCursor()
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.insertText(text)

    def set_chat(self, chat: bool) -> None:
        """Set the switch of the chat template; it counts where the model has one."""
        self._chat.setChecked(chat)

    def chat(self) -> bool:
        return self._chat.isChecked() and not self._chat.isHidden()

    def set_chat_available(self, available: bool) -> None:
        if self._chat.isHidden() == available:
            self._chat.setVisible(available)
            self._chat_label.setVisible(available)
            self._fit_foot()
            self._timer.start()

    def show_tokenized(self, text: str, tokens: Sequence[PageToken], context_length: int) -> None:
        """The answer to `edited`; one for a text that has changed since is dropped."""
        if text != self.text():
            return
        self._chips.set_path(tokens, len(tokens), len(tokens))
        self._show_count(len(tokens), context_length)
        self._show_empty()

    def _show_empty(self) -> None:
        """What an empty prompt means, once the model has told."""
        empty, known = not self.text(), bool(self._chips.text.tokens)
        if self.chat():
            self._empty.setText(self.tr("An empty prompt is an empty turn in the model's chat template."))
        else:
            self._empty.setText(self.tr("An empty prompt begins with the model's start token."))
        self._empty.setVisible(empty and known)
        for widget in (self._caption, self._count, self._chips):
            widget.setVisible(not empty or known)

    def _show_count(self, tokens: int, context_length: int) -> None:
        self._tokens = tokens
        self._fits = not context_length or tokens <= context_length
        if not context_length:
            self._count.setText("")
        elif self._fits:
            words = self.tr("1 token of {1}") if tokens == 1 else self.tr("{0} tokens of {1}")
            self._count.setText(words.format(f"{tokens:,}", f"{context_length:,}"))
        else:
            words = self.tr("{0} tokens of {1}: longer than the model's context, take out {2} tokens.")
            self._count.setText(words.format(f"{tokens:,}", f"{context_length:,}", f"{tokens - context_length:,}"))
        self._restyle()
        self._enable_start()

    def _enable_start(self) -> None:
        self._start.setEnabled(self._fits and bool(self.text() or self._tokens))

    # -- acting --------------------------------------------------------------------------------------------------------

    @Slot()
    def submit(self) -> None:
        if self._start.isEnabled():
            self.submitted.emit(self.text(), self.chat())

    @Slot()
    def cancel(self) -> None:
        if not self._cancel.isHidden():
            self.set_text(self._before[0])
            self.set_chat(self._before[1])
            self.cancelled.emit()

    @Slot()
    def _take_example(self) -> None:
        button = self.sender()
        if isinstance(button, QPushButton):
            self.set_text(str(button.property("example")))
            self._edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _text_changed(self) -> None:
        if not self.text():
            self._chips.set_path((), 0, 0)  # until the model has told how it begins
            self._count.setText("")
            self._tokens, self._fits = 0, True
        self._show_examples()
        self._show_empty()
        self._enable_start()
        self._timer.start()

    @Slot()
    def _timer_start(self) -> None:
        self._timer.start()

    @Slot()
    def _emit_edited(self) -> None:
        self.edited.emit(self.text(), self.chat())

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._count.setStyleSheet(f"color: {palette.muted if self._fits else palette.error};")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._edit.setMaximumHeight(max(round(self.height() * 0.42), 72))
        self._show_examples()
        self._fit_foot()

    def _size_text(self) -> None:
        """In a style sheet: the application's would put back a font set by hand."""
        wanted = f"font-size: {round(base_size() * 1.2)}px;"
        if self._edit.styleSheet() != wanted:
            self._edit.setStyleSheet(wanted)

    def _show_examples(self) -> None:
        """The examples, only as many as there is room for: never so many that something else is cut."""
        self._examples.setVisible(not self.text())
        room = self.height() - round(base_size() * 22)
        buttons = self._examples.findChildren(QPushButton)
        one = buttons[0].sizeHint().height() + 5
        for number, button in enumerate(buttons):
            button.setVisible((number + 2) * one <= room)
            text, width = str(button.property("example")), self.width() - 36 - 30
            button.setText(button.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width))
        if 3 * one > room:
            self._examples.hide()

    def _fit_foot(self) -> None:
        """The buttons name their keys where there is room; their tool tips always do."""
        metrics = self._start.fontMetrics()
        long = (self.tr("Start  (Ctrl+Enter)"), self.tr("Cancel  (Esc)"))
        short = (self.tr("Start"), self.tr("Cancel"))
        room = self.width() - 36 - 2 * 34
        if not self._chat.isHidden():
            self._chat_label.setText(self.tr("Chat template"))
            room -= self._chat.width() + self._chat_label.sizeHint().width() + 16
        if self._cancel.isHidden():
            room += 34
            wanted = metrics.horizontalAdvance(long[0])
        else:
            wanted = sum(metrics.horizontalAdvance(words) for words in long)
        words = long if wanted <= room else short
        for button, text, tip in zip((self._start, self._cancel), words, long, strict=True):
            button.setText(text)
            button.setToolTip(tip)
        used = sum(metrics.horizontalAdvance(text) for text in words[: 1 if self._cancel.isHidden() else 2])
        self._chat_label.setText(self.tr("Chat template") if used <= room else self.tr("Chat"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_timer"):
            self._size_text()
            self._show_examples()
            self._fit_foot()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ctrl+Enter starts, Escape cancels; both also where the window has shortcuts on them."""
        if event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress) and isinstance(event, QKeyEvent):
            enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            start = enter and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            escape = event.key() == Qt.Key.Key_Escape and not self._cancel.isHidden()
            if start or escape:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    self.submit() if start else self.cancel()
                return True
        return super().eventFilter(watched, event)
