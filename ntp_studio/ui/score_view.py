"""The view in which a given text is scored by all columns; it stands in their place.

It shows what it is told and says what a person asks for; the worker is told by who holds it.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnsChanged, Scored, Scoring, ScoringFailed
from ntp_studio.core.compared import ScoredComparison
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.score_input import ScoreInput
from ntp_studio.ui.score_names import Source, csv_name
from ntp_studio.ui.score_result import ScoreResult
from ntp_studio.ui.style import set_property
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape

SAID_MS = 8_000


class ScoreView(QWidget):
    score_text = Signal(str, str)  # the text, and what it is called on the screen
    score_file = Signal(str)  # path
    cancel_requested = Signal()
    export_requested = Signal(str)  # path
    closed = Signal()  # back to the columns

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_view")
        self.setAccessibleName(self.tr("Score a text"))
        self._theme = theme
        self._numbers: tuple[int, ...] = ()  # of the columns that are there
        self._models: tuple[tuple[str, str], ...] = ()  # their names and dtypes
        self._scoring: tuple[int, ...] | None = None  # the numbers of those that read the text
        self._scored: tuple[int, ...] | None = None  # the numbers of those whose figures are on view
        self._source: Source | None = None  # what the figures on view are of
        self.input = ScoreInput(theme, self)
        self.result = ScoreResult(theme, self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.input)
        self._stack.addWidget(self.result)
        self._stale = QLabel(self)
        self._stale.setObjectName("score_stale")
        self._stale.setTextFormat(Qt.TextFormat.PlainText)
        self._stale.setWordWrap(True)
        self._stale.setProperty("role", "muted")
        self._stale.hide()
        self._rescore = self._button("score_rescore", self.tr("Score again"), self._score_again)
        self._rescore.setToolTip(self.tr("The same text by the columns that are there now"))
        self._rescore.hide()
        stale = QHBoxLayout()
        stale.setSpacing(10)
        stale.addWidget(self._stale, 1)
        stale.addWidget(self._rescore)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)  # as the columns, in whose place it stands
        column.setSpacing(10)
        column.addLayout(self._make_head())
        column.addLayout(stale)
        column.addWidget(self._stack, 1)
        self._said_timer = QTimer(self)
        self._said_timer.setSingleShot(True)
        self._said_timer.setInterval(SAID_MS)
        self._said_timer.timeout.connect(self._show_caption)
        self.input.score_text.connect(self.score_text)
        self.input.score_file.connect(self.score_file)
        self.input.cancel_requested.connect(self.cancel_requested)
        self.result.said.connect(self.say)
        theme.changed.connect(self._restyle)
        self._restyle()
        self._show_input()

    def _make_head(self) -> QHBoxLayout:
        self._back = self._button("score_back", self.tr("‹ Back to the columns"), self.closed)
        self._back.setAccessibleName(self.tr("Back to the columns"))
        set_property(self._back, "role", "link")
        self._name = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self._name.setObjectName("score_name")
        self._caption = ElidedLabel(parent=self)
        self._caption.setObjectName("score_caption")
        self._last = self._button("score_last", self.tr("Back to the last figures"), self._show_result)
        self._export = self._button("score_export", self.tr("Export CSV…"), self.ask_export)
        self._export.setToolTip(self.tr("Write the figures of every token, by all models, into a file"))
        self._again = self._button("score_again", self.tr("Score another text"), self._show_input)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self._back)
        row.addWidget(self._name)
        row.addWidget(self._caption, 1)
        for button in (self._last, self._export, self._again):
            row.addWidget(button)
        return row

    def _button(self, name: str, text: str, slot: object) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.clicked.connect(slot)
        return button

    # -- what it is told -----------------------------------------------------------------------------------------------

    def offer(self, text: str) -> None:
        """A text that could be scored, until a person has another."""
        self.input.offer(text)

    def show_columns(self, event: ColumnsChanged) -> None:
        """Figures of other columns stay, with a line that says whose they are."""
        self._numbers = tuple(column.number for column in event.columns)
        self._models = tuple((column.info.name, column.info.dtype) for column in event.columns)
        self.input.show_columns(len(event.columns))
        self._show_stale()

    def show_scoring(self, event: Scoring) -> None:
        if not self.input.running:
            self._scoring = self._numbers
            self._show_input()
        self.input.show_scoring(event.done, event.total)
        self._show_buttons()

    def show_scored(self, event: Scored) -> None:
        self._scored = self._numbers if self._scoring is None else self._scoring
        self._scoring = None
        self._source = self.input.asked
        self.input.show_ended()
        self.result.show_scored(event.scored)
        self._show_result()

    def show_failed(self, event: ScoringFailed) -> None:
        """The text is still there, to be scored again or changed."""
        self._scoring = None
        self._show_input()
        self.input.show_ended(event.message, event.cancelled)
        self._show_buttons()

    def show_exported(self, path: str) -> None:
        self.say(self.tr("Written to {0}").format(path))

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def next_worst(self) -> None:
        """To the row with the next largest disagreement."""
        if self._has_result():
            self.result.next_worst()

    @Slot()
    def previous_worst(self) -> None:
        if self._has_result():
            self.result.previous_worst()

    @Slot()
    def cancel(self) -> None:
        """Stop a scoring that is under way."""
        self.input.cancel()

    @property
    def running(self) -> bool:
        """Whether a text is being scored."""
        return self.input.running

    @Slot()
    def _score_again(self) -> None:
        if self._source is not None and self._numbers and not self.running:
            self.input.ask(self._source)

    @Slot()
    def ask_export(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Export the figures as CSV"))
        dialog.setObjectName("score_export_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("Comma-separated values (*.csv)")])
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(csv_name(self.result.scored.name))
        dialog.fileSelected.connect(self.export_requested)
        dialog.open()

    def event(self, event: QEvent) -> bool:
        # While a text is scored, Escape is for that; else it is the window's.
        return (getattr(self, "input", None) is not None and self.running and claims_escape(event)) or super().event(
            event
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if event.key() == Qt.Key.Key_Escape and self.running:
            self.cancel()
        elif event.key() == Qt.Key.Key_N and plain and self._has_result():
            self.next_worst()
        elif event.key() == Qt.Key.Key_P and plain and self._has_result():
            self.previous_worst()
        else:
            super().keyPressEvent(event)

    # -- which part is on view -----------------------------------------------------------------------------------------

    def _has_result(self) -> bool:
        return self._stack.currentWidget() is self.result

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            self._take_focus()

    def _take_focus(self) -> None:
        if self._has_result():
            self.result.table.left.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.input.take_focus()

    @Slot()
    def _show_input(self) -> None:
        """With what was written there before."""
        self._stack.setCurrentWidget(self.input)
        self._show_buttons()
        if self.isVisible() and not self.running:
            self._take_focus()

    @Slot()
    def _show_result(self) -> None:
        self._stack.setCurrentWidget(self.result)
        self._show_buttons()
        if self.isVisible():
            self._take_focus()

    def _show_buttons(self) -> None:
        result = self._has_result()
        self._export.setVisible(result)
        self._again.setVisible(result)
        self._last.setVisible(not result and self._scored is not None and not self.running)
        self._name.setVisible(result)
        self._name.setText(self.result.scored.name)
        self._name.updateGeometry()
        self._show_caption()
        self._show_stale()

    @Slot(str)
    def say(self, words: str) -> None:
        """For a while, in the place of how the text was read."""
        self._caption.setText(words)
        self._caption.setToolTip("")
        self._said_timer.start()

    @Slot()
    def _show_caption(self) -> None:
        self._said_timer.stop()
        self._caption.setText(self._how_read(self.result.scored) if self._has_result() else "")
        self._caption.setToolTip(self._caption.text())

    def _how_read(self, scored: ScoredComparison) -> str:
        size = self.tr("{0} bytes").format(f"{scored.bytes:,}")
        # A window foretells also the token after its last one.
        ways = [(c.window, c.stride) if c.tokens > c.window + 1 else None for c in scored.columns]
        if not any(ways):
            return self.tr("{0} · read as a whole").format(size)
        if len(set(ways)) == 1 and ways[0] is not None:
            words = self.tr("{0} · longer than the context: read in windows of {1} tokens, each {2} further on")
            return words.format(size, *(f"{part:,}" for part in ways[0]))
        parts = [
            self.tr("{0} as a whole").format(letter(i))
            if way is None
            else self.tr("{0} in windows of {1} tokens").format(letter(i), f"{way[0]:,}")
            for i, way in enumerate(ways)
        ]
        return self.tr("{0} · read by {1}").format(size, ", ".join(parts))

    def _show_stale(self) -> None:
        scored = self.result.scored
        named = tuple((column.name, column.dtype) for column in scored.columns)
        same = self._scored == self._numbers and named == self._models
        if self._has_result() and not same:
            models = ", ".join(f"{letter(i)} {name} {dtype}".strip() for i, (name, dtype) in enumerate(named))
            words = self.tr("The columns have changed since: these figures are of {0}.")
            self._stale.setText(words.format(models))
        self._stale.setVisible(self._has_result() and not same)
        self._rescore.setVisible(self._has_result() and not same and self._source is not None)
        self._rescore.setEnabled(bool(self._numbers) and not self.running)

    # -- looks ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._name.setFont(scaled(self.font(), 1.1))
        font = self._name.font()
        font.setWeight(font.Weight.DemiBold)
        self._name.setFont(font)
        self._name.set_color(palette.color("text"))
        self._caption.setFont(scaled(self.font(), 0.92))
        self._caption.set_color(palette.color("muted"))
