"""The middle column: the text as tokens, what is known of one of them, and the timeline; or the prompt editor."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.pictures import Span
from ntp_studio.core.types import PageToken, TokenText
from ntp_studio.ui.heat_legend import HeatLegend
from ntp_studio.ui.message_card import MessageCard
from ntp_studio.ui.mode_tabs import ModeTabs
from ntp_studio.ui.prompt_editor import PromptEditor
from ntp_studio.ui.style import set_property
from ntp_studio.ui.text_stats import TextStats
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.timeline import Timeline
from ntp_studio.ui.token_detail import TokenDetail
from ntp_studio.ui.token_figures import MODES
from ntp_studio.ui.token_page import TokenPage

WIDEST_FIGURES = "8,192 tokens · perplexity 18.4 (continuation) · context 8,192 / 8,192"
SIDE = 18  # pixels between the column's edge and what is in it


class TextPanel(QWidget):
    """Composes the column and turns clicks on tokens into places of the session."""

    front_changed = Signal(int)  # the text, the prompt editor or a message is in front now
    go_to = Signal(int)  # to the place right after this node
    next_branch = Signal(int)
    step_requested = Signal()
    prompt_submitted = Signal(str, bool)
    prompt_edited = Signal(str, bool)
    link_open_model = Signal()
    reopen_requested = Signal()  # the model that the message offers again
    mode_changed = Signal(str)
    zoom_changed = Signal(float)
    _grown = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("text_panel")
        self.setMinimumWidth(380)
        self._theme = theme
        self._context = 0
        self._behind: QWidget | None = None  # what the editor covers and a cancel shows again
        self._awaiting = False  # a prompt was sent, its text has not come yet
        self._asked_to_edit = False
        self._growing = False  # tokens have come whose figures are not shown yet
        self._grown.connect(self._tell_growth, Qt.ConnectionType.QueuedConnection)

        self._fit_soon = QTimer(self)
        self._fit_soon.setSingleShot(True)
        self._fit_soon.setInterval(0)
        self._fit_soon.timeout.connect(self._arrange)
        self._head_room = 0  # beside the tabs and the button

        self._page = TokenPage(theme, self)
        self._detail = TokenDetail(theme, self)
        self._timeline = Timeline(theme, self)
        self._editor = PromptEditor(theme, self)
        self._message = MessageCard(self)
        self._legend = HeatLegend(theme, self)
        self._tabs = ModeTabs(self)
        self._tabs.choose("surprisal")
        self._stats = TextStats(self)
        self._edit_prompt = QPushButton(self.tr("Edit prompt"), self)
        self._edit_prompt.setObjectName("edit_prompt")
        self._edit_prompt.setAccessibleName(self.tr("Edit prompt"))
        self._edit_prompt.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._progress = QProgressBar(self)
        self._progress.setTextVisible(False)
        self._progress.setObjectName("reading_progress")
        self._reading = QLabel(self)
        self._reading.setProperty("role", "caption")
        self._reading.setObjectName("reading_text")
        self._compose()

        self._page.token_clicked.connect(self._token_clicked)
        self._page.end_clicked.connect(self._end_clicked)
        self._page.step_requested.connect(self.step_requested)
        self._page.selection_changed.connect(self._show_detail)
        self._page.zoom_changed.connect(self.zoom_changed)
        self._timeline.token_clicked.connect(self._bar_clicked)
        self._detail.before_requested.connect(self._before_node)
        self._detail.after_requested.connect(self.go_to)
        self._detail.focus_left.connect(self._focus_page)
        self._detail.branch_requested.connect(self.next_branch)
        self._editor.submitted.connect(self._submitted)
        self._editor.edited.connect(self._edited)
        self._editor.cancelled.connect(self._cancelled)
        self._edit_prompt.clicked.connect(self.edit_prompt)
        self._message.open_model.connect(self.link_open_model)
        self._message.reopen.connect(self.reopen_requested)
        self._tabs.chosen.connect(self._set_mode)
        self._set_reading(None)
        self._show_editor(can_cancel=False)

    # -- the house -----------------------------------------------------------------------------------------------------

    def _compose(self) -> None:
        self._head = QHBoxLayout()
        self._head.setSpacing(10)
        self._head.addWidget(self._tabs)
        self._head.addStretch(1)
        self._head.addWidget(self._edit_prompt)

        card = QFrame(self)
        card.setObjectName("page_card")
        card.setProperty("card", True)
        self._caption = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._caption.setContentsMargins(SIDE, 8, SIDE, 6)
        self._caption.setSpacing(4)
        self._caption.addWidget(self._legend, 0, Qt.AlignmentFlag.AlignVCenter)
        self._caption.addStretch(1)
        # Above and below the text: where it is scrolled, its lines end there and nowhere else.
        self._rules = [QFrame(card), QFrame(card)]
        for rule in self._rules:
            rule.setFixedHeight(1)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.setSpacing(0)
        inside.addLayout(self._caption)
        inside.addWidget(self._rules[0])
        inside.addWidget(self._page, 1)
        inside.addWidget(self._rules[1])
        inside.addWidget(self._detail)

        text = QWidget(self)
        text_column = QVBoxLayout(text)
        text_column.setContentsMargins(0, 0, 0, 0)
        text_column.setSpacing(12)
        text_column.addWidget(card, 1)
        text_column.addWidget(self._timeline)
        self._text_side = text

        self._stack = QStackedWidget(self)
        self._stack.addWidget(text)
        self._stack.addWidget(self._editor)
        self._stack.addWidget(self._message)
        self._stack.currentChanged.connect(self.front_changed)

        reading = QHBoxLayout()
        reading.setSpacing(10)
        reading.addWidget(self._reading)
        reading.addWidget(self._progress, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(SIDE, 14, SIDE, 14)
        column.setSpacing(10)
        column.addLayout(self._head)
        column.addLayout(reading)
        column.addWidget(self._stack, 1)
        self._theme.changed.connect(self._restyle)
        self._restyle()

    # -- what the window says ------------------------------------------------------------------------------------------

    def show_path(self, tokens: tuple[PageToken, ...], cursor: int, prompt_length: int) -> None:
        """The whole text; `tokens[cursor:]` is the way ahead that was taken before."""
        self._page.set_path(tokens, cursor, prompt_length)
        self._timeline.set_tokens(tokens[:cursor])
        self._set_reading(None)
        if tokens and (self._awaiting or not self._asked_to_edit):
            self._show_text()
        elif not tokens and self._stack.currentWidget() is not self._editor:
            self._show_editor(can_cancel=False)
        self._show_figures()
        self._show_detail()

    def append(self, token: PageToken) -> None:
        """The text grew by this token at its end. The figures follow before it is painted, once for all tokens that
        came until then: laying them out costs more than the token."""
        ghost = self._page.text.cursor < len(self._page.text.tokens)
        self._page.append(token)
        if ghost:
            self._timeline.set_tokens(self._page.text.tokens)
        else:
            self._timeline.append(token)
        if not self._growing:
            self._growing = True
            self._grown.emit()

    def show_pending(self, token: TokenText | None, forced: bool) -> None:
        """The token about to be taken; None when there is none."""
        self._page.set_pending(token, forced)

    def show_spans(self, spans: tuple[Span, ...], source: str = "") -> None:
        """Underline stretches of the text on the page, indexes counting its tokens from 0, until the next text. `()`
        takes the lines away. `source` names the stage that speaks of them, for the card over a token."""
        self._page.show_spans(spans, source)

    def show_tokenized(self, text: str, tokens: tuple[PageToken, ...], context_length: int) -> None:
        """The answer to `prompt_edited`."""
        self._editor.show_tokenized(text, tokens, context_length)

    def show_reading(self, done: int, total: int) -> None:
        """How far the model has read the prompt."""
        self._set_reading((done, total) if done < total else None)

    def clear(self, title: str, hint: str, open_model: bool = True, reopen: str = "") -> None:
        """No text: say why in place, with what to do next. The prompt that was written is kept.

        `reopen` names a model to offer again: `reopen_requested` is emitted when a person takes the offer.
        """
        self._page.set_path((), 0, 0)
        self._timeline.set_tokens(())
        self._message.show_message(title, hint, open_model, reopen)
        self._awaiting = self._asked_to_edit = False
        self._set_reading(None)
        self._show_side(self._message)
        self._show_figures()

    def set_context(self, length: int) -> None:
        """The model's context length in tokens, 0 while there is none."""
        self._context = length
        self._show_figures()

    def set_chat_available(self, available: bool) -> None:
        self._editor.set_chat_available(available)

    @Slot()
    def edit_prompt(self) -> None:
        """Show the editor in place of the page."""
        if self._stack.currentWidget() is not self._editor:
            self._asked_to_edit = True
            self._awaiting = False
            self._behind = self._stack.currentWidget()
            self._show_editor(can_cancel=True)

    def set_prompt_text(self, text: str, chat: bool = False) -> None:
        """What stands in the editor, and whether the chat template is to wrap it."""
        self._editor.set_text(text)
        self._editor.set_chat(chat)

    def expect_text(self) -> None:
        """Another text is on its way: it will be shown, even if a prompt is being written."""
        self._awaiting = True

    prompt_text = property(lambda self: self._editor.text())
    prompt_chat = property(lambda self: self._editor.chat())

    @property
    def editing(self) -> bool:
        """Whether the prompt editor is in front."""
        return self._stack.currentWidget() is self._editor

    # -- properties that are remembered --------------------------------------------------------------------------------

    def _get_mode(self) -> str:
        return str(self._page.mode)

    @Slot(str)
    def _set_mode(self, mode: str) -> None:
        if mode in MODES and mode != self._page.mode:
            self._tabs.choose(mode)
            self._page.mode = mode
            self._legend.show_mode(mode)
            self._arrange()
            self.mode_changed.emit(mode)

    mode = property(_get_mode, _set_mode)

    def _get_zoom(self) -> float:
        return float(self._page.zoom)

    def _set_zoom(self, zoom: float) -> None:
        self._page.zoom = zoom

    zoom = property(_get_zoom, _set_zoom)

    def _get_collapsed(self) -> bool:
        return self._timeline.collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        self._timeline.set_collapsed(collapsed)

    timeline_collapsed = property(_get_collapsed, _set_collapsed)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _show_text(self) -> None:
        self._awaiting = self._asked_to_edit = False
        self._show_side(self._text_side)

    def _show_side(self, side: QWidget) -> None:
        before, focus = self._stack.currentWidget(), QApplication.focusWidget()
        had_focus = before is not None and before is not side and focus is not None and before.isAncestorOf(focus)
        self._stack.setCurrentWidget(side)
        self._edit_prompt.setEnabled(True)
        if had_focus:
            (self._page if side is self._text_side else self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_editor(self, can_cancel: bool) -> None:
        self._stack.setCurrentWidget(self._editor)
        self._editor.open(can_cancel)
        self._edit_prompt.setEnabled(False)

    def _set_reading(self, progress: tuple[int, int] | None) -> None:
        self._progress.setVisible(progress is not None)
        self._reading.setVisible(progress is not None)
        if progress is not None:
            done, total = progress
            self._progress.setRange(0, total)
            self._progress.setValue(done)
            self._reading.setText(self.tr("Reading the prompt: {0} of {1} tokens").format(f"{done:,}", f"{total:,}"))

    def _show_figures(self) -> None:
        self._stats.show_figures(self._page.text, self._context)
        self._place_figures()

    @Slot()
    def _tell_growth(self) -> None:
        if self._growing:
            self._growing = False
            self._show_figures()
            self._show_detail()

    @Slot()
    def _show_detail(self) -> None:
        """The selected token, or the last one taken."""
        text = self._page.text
        token = self._page.selected_token()
        index = None if token is None else text.index_of(token.node)
        self._timeline.select(index if index is not None and index < text.cursor else None)
        if token is None and text.cursor:
            token, index = text.tokens[text.cursor - 1], text.cursor - 1
        self._detail.show_token(token, index, text.cursor)

    @Slot()
    def _arrange(self) -> None:
        """Tabs, the button beside them and the figures in the form that the column's width holds."""
        room = self.width() - 2 * SIDE
        metrics = self._edit_prompt.fontMetrics()
        long, short = self.tr("Edit prompt"), self.tr("Edit")
        spare = self._head.spacing() + 28  # around the button's text
        tabs = self._tabs.fit(room - metrics.horizontalAdvance(short) - spare)
        fits = tabs + metrics.horizontalAdvance(long) + spare <= room
        self._edit_prompt.setText(long if fits else short)
        self._head_room = room - tabs - metrics.horizontalAdvance(long) - spare - 2 * self._head.spacing()
        self._legend.setVisible(self._page.mode != "plain")
        self._place_figures()

    def _place_figures(self) -> None:
        """The figures stand beside the tabs, else smaller in the card: beside the legend, or under it."""
        wide = self._head_room >= self.fontMetrics().horizontalAdvance(WIDEST_FIGURES)
        if wide and self._head.indexOf(self._stats) < 0:
            set_property(self._stats, "role", "muted")
            self._head.insertWidget(2, self._stats)
        elif not wide and self._caption.indexOf(self._stats) < 0:
            set_property(self._stats, "role", "caption")
            self._caption.addWidget(self._stats)
        if wide:
            self._stats.fit(self._head_room)
            return
        room = self.width() - 4 * SIDE - 2
        legend = self._legend.sizeHint().width() + 20 if self._page.mode != "plain" else 0
        beside = legend + self._stats.full_width() <= room
        way = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._caption.direction() != way:
            self._caption.setDirection(way)
        self._stats.fit(room - legend if beside else room)

    @Slot()
    def _restyle(self) -> None:
        for rule in self._rules:
            rule.setStyleSheet(f"background: {self._theme.palette.border}; margin: 0 {SIDE}px;")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    # -- what the person does ------------------------------------------------------------------------------------------

    @Slot(int)
    def _token_clicked(self, index: int) -> None:
        """To the place before the token, so that the chart shows the distribution it was chosen from."""
        if index > 0:
            self.go_to.emit(self._page.text.tokens[index - 1].node)

    @Slot(int)
    def _bar_clicked(self, index: int) -> None:
        self._page.select(self._page.text.tokens[index].node)
        self._token_clicked(index)

    @Slot(int)
    def _before_node(self, node: int) -> None:
        index = self._page.text.index_of(node)
        if index is not None:
            self._page.select(node)
            self._token_clicked(index)

    @Slot()
    def _focus_page(self) -> None:
        self._page.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _end_clicked(self) -> None:
        text = self._page.text
        self._page.select(None)
        if text.cursor < len(text.tokens):
            self.go_to.emit(text.tokens[-1].node)

    @Slot(str, bool)
    def _submitted(self, text: str, chat: bool) -> None:
        self._awaiting = True
        self.prompt_submitted.emit(text, chat)

    @Slot(str, bool)
    def _edited(self, text: str, chat: bool) -> None:
        self.prompt_edited.emit(text, chat)

    @Slot()
    def _cancelled(self) -> None:
        self._asked_to_edit = self._awaiting = False
        if self._behind is not None:
            self._show_side(self._behind)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_soon.start()  # when the tabs and labels have their fonts, too
