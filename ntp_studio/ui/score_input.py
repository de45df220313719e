"""Where a text to be scored is pasted, dropped or opened; how far the scoring has come, and what went wrong."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.score_names import Source, file_name_of, name_of
from ntp_studio.ui.score_paper import MOST_BYTES, Paper, dropped_file
from ntp_studio.ui.style import base_size, px, set_property
from ntp_studio.ui.theme import Theme

COUNT_MS = 120  # after a person stops typing


class ScoreInput(QFrame):
    """The text stays here, whatever becomes of the scoring."""

    score_text = Signal(str, str)  # the text, and what it is called
    score_file = Signal(str)
    cancel_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_input")
        self.setProperty("card", True)
        self.setAcceptDrops(True)
        self._theme = theme
        self._columns = 0
        self._running = False
        self.asked: Source | None = None  # what was asked for last
        self._title = QLabel(self.tr("Score a text"), self)
        self._title.setProperty("role", "title")
        self._hint = QLabel(self)
        self._hint.setProperty("role", "muted")
        self._hint.setWordWrap(True)
        self._paper = Paper(self)
        self._paper.setObjectName("score_paper")
        self._paper.setAccessibleName(self.tr("The text to score"))
        self._paper.setPlaceholderText(self.tr("Paste a text, or open a file. A text file can be dropped here, too."))
        self._paper.setTabChangesFocus(True)
        self._paper.setUndoRedoEnabled(True)
        self._paper.setMinimumHeight(px(110))
        self._problem = QLabel(self)
        self._problem.setObjectName("score_problem")
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.setWordWrap(True)
        self._problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._problem.hide()
        self._foot = QStackedWidget(self)
        self._foot.addWidget(self._make_buttons())
        self._foot.addWidget(self._make_progress())
        self._foot.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(8)
        column.addWidget(self._title)
        column.addWidget(self._hint)
        column.addWidget(self._paper, 1)
        column.addWidget(self._problem)
        column.addWidget(self._foot)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.submit)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(COUNT_MS)
        self._timer.timeout.connect(self._count)
        self._paper.textChanged.connect(self._text_changed)
        self._paper.file_dropped.connect(self._take_file)
        self._paper.too_long.connect(self._refuse)
        self._paper.line_too_long.connect(self._refuse_line)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_columns(0)
        self._count()

    def _make_buttons(self) -> QWidget:
        box = QWidget(self)
        self._bytes = QLabel(box)
        self._bytes.setObjectName("score_bytes")
        self._bytes.setProperty("role", "muted")
        self._open = QPushButton(self.tr("Open file and score…"), box)
        self._open.setObjectName("score_open")
        self._open.setToolTip(self.tr("A text file in UTF-8, scored at once; what is written here stays"))
        self._open.clicked.connect(self.ask_file)
        self._score = QPushButton(self.tr("Score  (Ctrl+Enter)"), box)
        self._score.setObjectName("score_start")
        self._score.setAccessibleName(self.tr("Score"))
        self._score.setProperty("primary", True)
        self._score.clicked.connect(self.submit)
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._bytes, 1)
        row.addWidget(self._open)
        row.addWidget(self._score)
        return box

    def _make_progress(self) -> QWidget:
        box = QWidget(self)
        self._doing = ElidedLabel(Qt.TextElideMode.ElideMiddle, box)
        self._doing.setObjectName("score_doing")
        self._done = QLabel(box)
        self._done.setObjectName("score_done")
        self._done.setProperty("role", "muted")
        self._done.setToolTip(self.tr("Tokens of all columns together"))
        self._bar = QProgressBar(box)
        self._bar.setObjectName("score_progress")
        self._bar.setAccessibleName(self.tr("How much of the text is scored"))
        self._bar.setTextVisible(False)
        self._cancel = QPushButton(self.tr("Cancel  (Esc)"), box)
        self._cancel.setObjectName("score_cancel")
        self._cancel.setAccessibleName(self.tr("Cancel"))
        self._cancel.clicked.connect(self.cancel)
        words = QHBoxLayout()
        words.setSpacing(10)
        words.addWidget(self._doing, 1)
        words.addWidget(self._done)
        left = QVBoxLayout()
        left.setSpacing(5)
        left.addLayout(words)
        left.addWidget(self._bar)
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        row.addLayout(left, 1)
        row.addWidget(self._cancel)
        return box

    # -- what it is told -----------------------------------------------------------------------------------------------

    def offer(self, text: str) -> None:
        """A text to begin with, where none is written; whatever is typed or pasted takes its place."""
        if not self._paper.toPlainText():
            self._paper.setPlainText(text)
            self._paper.selectAll()

    def show_columns(self, columns: int) -> None:
        self._columns = columns
        words = self.tr("Every model reads the text and tells, token by token, how well it foretold it.")
        if columns == 1:
            words = self.tr("The model reads the text and tells, token by token, how well it foretold it.")
        if not columns:
            words = self.tr("Add a model first: a text is scored by the models of the columns.")
        self._hint.setText(words)
        self._allow()

    def show_scoring(self, done: int, total: int) -> None:
        """`total` is 0 while the text is being read."""
        if not self._running:
            self._running = True
            self.show_problem("")
            self._cancel.setEnabled(True)
            self._foot.setCurrentIndex(1)
            self._paper.setReadOnly(True)
            self._cancel.setFocus(Qt.FocusReason.OtherFocusReason)
            words = self.tr("Scoring …") if self.asked is None else self.tr("Scoring {0}").format(self.asked.name)
            self._doing.setText(words)
        self._bar.setMaximum(total)
        self._bar.setValue(done)
        words = self.tr("{0} of {1} tokens").format(f"{done:,}", f"{total:,}")
        self._done.setText(words if total else self.tr("reading the text …"))

    def show_ended(self, problem: str = "", cancelled: bool = False) -> None:
        had_focus = self.window().focusWidget() is self._cancel
        self._running = False
        self._foot.setCurrentIndex(0)
        self._paper.setReadOnly(False)
        self._allow()
        self.show_problem(problem, calm=cancelled)
        if had_focus:
            self._paper.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_problem(self, sentence: str, calm: bool = False) -> None:
        set_property(self._problem, "role", "muted" if calm else "error")
        self._problem.setText(sentence)
        self._problem.setAccessibleName(sentence)
        self._problem.setVisible(bool(sentence))

    @property
    def running(self) -> bool:
        return self._running

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def submit(self) -> None:
        text = self._paper.toPlainText()
        self._count()
        if self._running or not self._score.isEnabled():
            return
        self.ask(Source(name_of(text), text=text))

    def ask(self, source: Source) -> None:
        """Have this text or file scored."""
        self.asked = source
        self.show_problem("")
        if source.path:
            self.score_file.emit(source.path)
        else:
            self.score_text.emit(source.text, source.name)

    def take_focus(self) -> None:
        """To where a person can go on at once."""
        (self._cancel if self._running else self._paper).setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def ask_file(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Open a text to score"))
        dialog.setObjectName("score_file_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Text files (*.txt *.md *.csv *.json *.py)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(self._take_file)
        dialog.open()

    @Slot(str)
    def _take_file(self, path: str) -> None:
        if self._running:
            return
        if not self._columns:
            self.show_problem(self.tr("Add a model first, then open the file again."))
        elif not path:
            self.show_problem(self.tr("One file at a time, please: several were dropped."))
        else:
            self.ask(Source(file_name_of(path), path=path))

    @Slot()
    def cancel(self) -> None:
        if self._running and self._cancel.isEnabled():
            self._cancel.setEnabled(False)
            self._doing.setText(self.tr("Cancelling after the part under way …"))
            self.cancel_requested.emit()

    @Slot(int)
    def _refuse(self, size: int) -> None:
        words = self.tr("That text has {0} bytes; at most {1} can be pasted. Save it as a text file and open the file.")
        self.show_problem(words.format(f"{size:,}", f"{MOST_BYTES:,}"))

    @Slot(int)
    def _refuse_line(self, length: int) -> None:
        words = self.tr(
            "That text has a line of {0} characters, too long to edit here. Save it as a file and open that."
        )
        self.show_problem(words.format(f"{length:,}"))

    @Slot()
    def _text_changed(self) -> None:
        if not self._problem.isHidden():
            self.show_problem("")
        self._timer.start()
        self._allow()

    @Slot()
    def _count(self) -> None:
        self._timer.stop()
        size = len(self._paper.toPlainText().encode(errors="replace"))
        words = self.tr("1 byte") if size == 1 else self.tr("{0} bytes")
        self._bytes.setText(words.format(f"{size:,}") if size else "")
        self._too_long = size > MOST_BYTES
        if self._too_long:
            self._refuse(size)
        self._allow()

    def _allow(self) -> None:
        """Score what is there, if there is anything that can be scored."""
        empty = self._paper.document().isEmpty()
        self._score.setEnabled(bool(self._columns) and not empty and not getattr(self, "_too_long", False))
        self._open.setEnabled(bool(self._columns))

    # -- drops beside the text -----------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if not self._running and dropped_file(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped_file(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self._take_file(path)

    # -- looks ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        self._paper.setStyleSheet(f"QPlainTextEdit {{ placeholder-text-color: {self._theme.palette.muted}; }}")
        self._paper.setFont(scaled(self.font(), 1.08))
        self._paper.setMinimumHeight(px(110))
        self._doing.set_color(self._theme.palette.color("text"))
        self._bar.setMinimumHeight(4)
        self._cancel.setMinimumHeight(base_size() + 16)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._restyle()
