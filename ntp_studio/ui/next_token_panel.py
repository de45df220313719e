"""The right column: the distribution of the next token, how it was drawn, and four figures about it."""

from __future__ import annotations

from PySide6.QtCore import Property, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from ntp_studio.core.types import Candidate, StepFrame, Story
from ntp_studio.ui.candidate_table import CandidateTable
from ntp_studio.ui.chart import NONE_SELECTED, CandidateChart
from ntp_studio.ui.chart_rows import Listing, found_listing, frame_listing
from ntp_studio.ui.column_room import ColumnRoom
from ntp_studio.ui.draw_strip import DrawStrip
from ntp_studio.ui.facts import Facts
from ntp_studio.ui.listing_words import Found, found_words, where_words
from ntp_studio.ui.many_draws import ManyDraws
from ntp_studio.ui.panel_labels import ElidedLabel, caption_font, scaled
from ntp_studio.ui.panel_parts import BusyLine, EmptyState, Legend, toggle_style
from ntp_studio.ui.story_view import StoryView
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_filter import TokenFilter

SPACING = 5
MARGIN = 16
TOP = 12


class NextTokenPanel(QWidget):
    """Shows frames, and answers of the vocabulary search while the filter has text.

    It starts no work of its own: it says which token a person wants to force, what they look for, where the needle is
    to be, and what it would like to be told (`story_wanted`, `many_asked`). A story goes on with its token from place
    to place until it is closed.
    """

    force_requested = Signal(int)  # token id
    filter_changed = Signal(str)  # '' when cleared
    selection_changed = Signal(int)  # token id, -1 for none
    story_wanted = Signal(int)  # token id; again at each new distribution, while it is open
    story_closed = Signal()
    many_asked = Signal(int)  # how many draws
    method_chosen = Signal(str)  # "race" or "dart"
    needle_moved = Signal(float)
    needle_released_to_seed = Signal()
    needle_held = Signal(object)  # float or None
    restore_asked = Signal(object)  # DecodingSettings
    log_scale_changed = Signal(bool)
    table_view_changed = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("next_token_panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(self.tr("Next token"))
        self._theme = theme
        self._frame: StepFrame | None = None
        self._cleared: tuple[str, str] | None = None
        self._found: Found | None = None
        self._story_id: int | None = None
        self._build(theme)
        self._connect()
        theme.changed.connect(self._restyle)
        self._restyle()
        self.clear(self.tr("No text yet"), self.tr("Open a model and type a prompt to see what may come next."))

    def _build(self, theme: Theme) -> None:
        self._title = ElidedLabel(parent=self)
        self._title.setText(self.tr("NEXT TOKEN"))
        self._where = ElidedLabel(parent=self)
        self._where.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._busy = BusyLine(theme, self)
        self.legend = Legend(theme, self)
        self.filter = TokenFilter(theme, self)
        self._note = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self.log_button = self._toggle(
            "log_scale_button", self.tr("log"), self.tr("Log scale"), self.tr("Logarithmic axis, from 0.01% to 100%")
        )
        self.table_button = self._toggle(
            "table_view_button",
            self.tr("table"),
            self.tr("Table view"),
            self.tr("The candidates as a table, for screen readers and copying"),
        )
        self.chart = CandidateChart(theme, self)
        self.table = CandidateTable(theme, self)
        self.story = StoryView(theme, self)
        self.draw_strip = DrawStrip(theme, self)
        self.many_button = self.draw_strip.head.many
        self.facts = Facts(theme, self)
        self.empty = EmptyState(theme, self)
        self._many = ManyDraws(self.many_button, self.chart, self.table, self.legend, self)

        header = QHBoxLayout()
        header.addWidget(self._title)
        header.addStretch(1)
        header.addWidget(self._where)
        tools = QHBoxLayout()
        tools.setSpacing(6)
        tools.addWidget(self.filter, 1)
        tools.addWidget(self.log_button)
        tools.addWidget(self.table_button)
        self._views = QStackedWidget(self)
        self._views.addWidget(self.chart)
        self._views.addWidget(self.table)
        self._content = QWidget(self)
        content = QVBoxLayout(self._content)
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(8)
        content.addWidget(self.legend)
        content.addLayout(tools)
        content.addWidget(self._note)
        content.addWidget(self._views, 1)
        content.addWidget(self.story)
        content.addWidget(self.draw_strip)
        content.addWidget(self.facts)
        self._room = ColumnRoom(content, self.chart, self.story, self.draw_strip, self.facts, self.legend)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._content)
        self._pages.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, TOP, MARGIN, MARGIN)
        layout.setSpacing(SPACING)
        layout.addLayout(header)
        layout.addWidget(self._busy)
        layout.addWidget(self._pages, 1)

    def _toggle(self, name: str, text: str, accessible: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(text)
        button.setCheckable(True)
        button.setAccessibleName(accessible)
        button.setToolTip(tip)
        return button

    def _connect(self) -> None:
        self.chart.force_requested.connect(self._force)
        self.table.force_requested.connect(self._force)
        self.chart.selection_changed.connect(self._selected)
        self.chart.story_requested.connect(self._follow)
        self.chart.left.connect(self._close_story)
        self.table.left.connect(self._close_story)
        self.story.closed.connect(self._close_story)
        strip = self.draw_strip
        strip.method_chosen.connect(self.method_chosen)
        strip.needle_moved.connect(self.needle_moved)
        strip.needle_released_to_seed.connect(self.needle_released_to_seed)
        strip.needle_held.connect(self.needle_held)
        strip.restore_asked.connect(self.restore_asked)
        self._many.asked.connect(self.many_asked)
        self.chart.rows_changed.connect(self._describe_place)
        self.table.row_selected.connect(self._table_selected)
        self.filter.textChanged.connect(self._filter_edited)
        self.filter.filter_changed.connect(self.filter_changed)
        self.filter.up_pressed.connect(self.select_previous)
        self.filter.down_pressed.connect(self.select_next)
        self.filter.enter_pressed.connect(self.force_selected)
        self.filter.left.connect(self._leave_filter)
        self.log_button.toggled.connect(self._log_toggled)
        self.table_button.toggled.connect(self._table_toggled)

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def frame(self) -> StepFrame | None:
        return self._frame

    def show_frame(self, frame: StepFrame) -> None:
        """A new distribution, or the same place under other settings. With text in the filter, the rows keep the found
        tokens without figures and ask for them again."""
        before = self._frame
        self._cleared = None
        same_place = before is not None and before.node == frame.node and before.step == frame.step
        self._frame = frame
        self._pages.setCurrentWidget(self._content)
        self.filter.setEnabled(True)
        self._many.show_frame(frame)  # before the rows: no figure may stand beside draws from another distribution
        self.legend.set_choice(frame.origin, frame.draw)
        self.draw_strip.show_frame(frame)
        self.facts.show_frame(frame)
        if self._found is not None and self.filter.text():
            self.chart.pending = True
            self.filter.ask_again()
        else:
            self._found = None
            if self.filter.text():
                self.filter.ask_again()
            self._show(frame_listing(frame), same_place)
        self._describe_place()
        self._fit_height()
        if self._story_id is not None:
            self.story_wanted.emit(self._story_id)

    def show_found(self, query: str, candidates: tuple[Candidate, ...], total: int) -> None:
        """Answers to `query`; `total` counts the tokens that contain it. Dropped when the filter has moved on."""
        if query != self.filter.text() or not query:
            return
        same_query = self._found is not None and self._found[0] == query
        self._found = (query, candidates, total)
        self._show(found_listing(candidates, self._frame), same_query)
        if candidates and self.chart.selected is None:
            # What Enter will force is visible at once.
            self.chart.select(candidates[0].token.id)
        self._describe_place()

    def clear(self, title: str, hint: str) -> None:
        """No distribution: nothing open, loading, or an error; in words, with the next step in `hint`."""
        if self._frame is None and self._cleared == (title, hint):  # a load tells of itself many times a second
            return
        self._cleared = title, hint
        self._frame = None
        self._found = None
        self._close_story()
        self._many.show_frame(None)
        self._show(Listing(), False)
        self.draw_strip.show_frame(None)
        self.facts.show_frame(None)
        self.filter.clear()
        self.filter.setEnabled(False)
        self.empty.show_texts(title, hint)
        self._pages.setCurrentWidget(self.empty)
        self._describe_place()

    def set_busy(self, busy: bool) -> None:
        self._busy.set_busy(busy)

    def _show(self, listing: Listing, keep_place: bool) -> None:
        self.chart.show_listing(listing, self._frame, keep_place)
        self.table.show_listing(listing, self._frame)
        if self.chart.selected is not None:
            self.table.select_token(self.chart.selected)

    @Slot()
    def _describe_place(self) -> None:
        """The line at the top right, and the one over the rows found."""
        if self._frame is None:
            self._where.setText("")
            self._note.hide()
            return
        self._where.setText(where_words(self._frame, self.chart.rows, self._found))
        self._note.setVisible(self._found is not None)
        if self._found is not None:
            self._note.setText(found_words(self._frame, self._found))

    # -- a token's story -----------------------------------------------------------------------------------------------

    @property
    def story_token(self) -> int | None:
        """The token whose story is open or has been asked for."""
        return self._story_id

    def show_story(self, story: Story | None) -> None:
        """The answer to `story_wanted`; dropped if the story is another token's by now. None closes it."""
        if story is None:
            self._close_story()
        elif story.candidate.token.id == self._story_id and self._frame is not None:
            self.story.show_story(story)
            self._fit_height()

    @Slot()
    def tell_story(self) -> None:
        """Open the story of the selected token, or of the one that is taken where none is selected; again: close it."""
        if self._frame is None:
            return
        if self._story_id is not None:
            self._close_story()
        elif self.chart.selected is not None:
            self._follow(self.chart.selected)
        else:
            self.chart.select(self._frame.choice.token.id)
            if self._story_id is None:  # it is not among the rows, which a search may have taken
                self._follow(self._frame.choice.token.id)

    @Slot(int)
    def tell_story_of(self, token_id: int) -> None:
        """Open the story of a token that was pointed at elsewhere, and select it where it has a row."""
        if self._frame is not None:
            self.chart.select(token_id)
            if self._story_id != token_id:
                self._follow(token_id)

    @Slot()
    def dismiss(self) -> bool:
        """Close the story and select nothing, as Esc does. False if there was neither."""
        any_open = self._story_id is not None or self.chart.selected is not None
        self._close_story()
        return any_open

    @Slot(int)
    def _follow(self, token_id: int) -> None:
        self._story_id = token_id
        self.chart.keeps_escape = self.table.keeps_escape = True
        self.story_wanted.emit(token_id)

    @Slot()
    def _close_story(self) -> None:
        was_open, self._story_id = self._story_id is not None, None
        if self.story.isAncestorOf(self.focusWidget()):
            self._leave_filter()
        self.story.show_story(None)
        self.chart.keeps_escape = self.table.keeps_escape = False
        self.chart.select(None)
        self._fit_height()
        if was_open:
            self.story_closed.emit()

    # -- many draws ----------------------------------------------------------------------------------------------------

    @Slot()
    def toggle_many(self) -> None:
        if self.many_button.isEnabled():
            self.many_button.toggle()

    def show_many(self, count: int, times: tuple[tuple[int, int], ...]) -> None:
        """The answer to `many_asked`: (token id, how often it came up)."""
        self._many.show_draws(count, times)

    # -- choosing ------------------------------------------------------------------------------------------------------

    @Slot()
    def select_next(self) -> None:
        self.chart.select_next()

    @Slot()
    def select_previous(self) -> None:
        self.chart.select_previous()

    @Slot()
    def force_selected(self) -> None:
        """Nothing happens while no row is selected."""
        self.chart.force_selected()

    @Slot()
    def focus_filter(self) -> None:
        if self.filter.isEnabled():
            self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.filter.selectAll()

    @Slot(int)
    def _force(self, token_id: int) -> None:
        if self._frame is None:
            return
        self.force_requested.emit(token_id)
        # Found and taken: the next place is shown whole again, and → steps on.
        self.filter.clear()
        if self.filter.hasFocus():
            self._leave_filter()

    @Slot(int)
    def _selected(self, token_id: int) -> None:
        self.table.select_token(token_id)
        self.selection_changed.emit(token_id)
        if token_id != NONE_SELECTED:
            self._follow(token_id)

    @Slot(int)
    def _table_selected(self, token_id: int) -> None:
        if self.table_view:
            self.chart.select(token_id)

    @Slot(str)
    def _filter_edited(self, text: str) -> None:
        """Without waiting for the typing to rest: an empty filter shows the model's own top."""
        if not text and self._found is not None:
            self._found = None
            if self._frame is not None:
                self._show(frame_listing(self._frame), False)
            self._describe_place()

    @Slot()
    def _leave_filter(self) -> None:
        (self.table if self.table_view else self.chart).setFocus(Qt.FocusReason.OtherFocusReason)

    # -- room ----------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        head = self._title.sizeHint().height() + self._busy.height() + 2 * SPACING
        self._room.fit(self.height(), head + TOP + MARGIN)

    def minimumSizeHint(self) -> QSize:
        # What is shown depends on the height; the least is a chart of a few rows and the draw.
        hint = super().minimumSizeHint()
        return QSize(hint.width(), min(hint.height(), px(340)))

    # -- how it is shown -----------------------------------------------------------------------------------------------

    def _get_log_scale(self) -> bool:
        return self.log_button.isChecked()

    def _set_log_scale(self, on: bool) -> None:
        self.log_button.setChecked(on)

    def _get_table_view(self) -> bool:
        return self.table_button.isChecked()

    def _set_table_view(self, on: bool) -> None:
        self.table_button.setChecked(on)

    log_scale = Property(bool, _get_log_scale, _set_log_scale, notify=log_scale_changed)
    table_view = Property(bool, _get_table_view, _set_table_view, notify=table_view_changed)

    @Slot()
    def toggle_log_scale(self) -> None:
        self.log_button.toggle()

    @Slot()
    def toggle_table_view(self) -> None:
        self.table_button.toggle()

    @Slot(bool)
    def _log_toggled(self, on: bool) -> None:
        self.chart.log_scale = on
        self.log_scale_changed.emit(on)

    @Slot(bool)
    def _table_toggled(self, on: bool) -> None:
        self._views.setCurrentWidget(self.table if on else self.chart)
        self.log_button.setEnabled(not on)
        self.table_view_changed.emit(on)

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self.setMinimumWidth(max(px(220), 280))
        self.setStyleSheet(f"#next_token_panel {{ background: {p.surface}; }}")
        self._title.setFont(caption_font(self.font()))
        self._title.set_color(p.color("muted"))
        for label in (self._where, self._note):
            label.setFont(scaled(self.font(), 0.95))
            label.set_color(p.color("muted"))
        for button in (self.log_button, self.table_button):
            button.setStyleSheet(toggle_style(p, "4px 7px"))
        self._fit_height()
