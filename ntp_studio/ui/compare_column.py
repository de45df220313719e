"""One column of the compare page: a model's text, its distribution at the place on view, and three figures."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnPlace, ColumnState
from ntp_studio.core.decoding.presets import in_words
from ntp_studio.core.types import StepFrame
from ntp_studio.ui.chart_rows import Listing, frame_listing
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.compare_column_chart import ColumnChart
from ntp_studio.ui.compare_column_head import ColumnHead
from ntp_studio.ui.compare_column_views import ColumnPage, ReadingLine
from ntp_studio.ui.compare_figures import CompareFigures
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.panel_parts import EmptyState
from ntp_studio.ui.theme import Theme

LEAST_WIDTH = 260  # four columns beside the panel of a window 1440 pixels wide
MARGIN = 11
PAGE_SHARE = 0.3  # of the column's height, at most
ROWS = 12  # of the chart, before the text gets more than its least
MOST_ROWS = 20
# While it plays fast, a chart is painted so often, its neighbours between: nobody reads more, and keys are not held up.
PACE_MS, APART_MS = 60, 9


class CompareColumn(QFrame):
    """Shows what it is told and says what a person asks; `number` names it whatever its place in the row.

    Heights depend on the column's own height, never on its text alone: what is side by side stays side by side. Whoever
    lays the columns out gives all of them the lines that the longest of their texts wants (`set_page_lines`), whenever
    one of them says that its wish has changed.
    """

    force_requested = Signal(int, int)  # number, token id
    decoding_requested = Signal(int)
    move_requested = Signal(int, int)  # number, to this place in the row
    duplicate_requested = Signal(int)
    open_as_requested = Signal(int, str)  # number, dtype
    remove_requested = Signal(int)
    token_clicked = Signal(int, int)  # number, index in its whole line
    step_requested = Signal(int)  # the token about to be taken was clicked
    end_requested = Signal(int)  # the page was clicked behind its last token
    wanted_lines_changed = Signal()

    def __init__(self, theme: Theme, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"compare_column_{number}")
        self.setProperty("card", True)
        self.number = number
        self._theme = theme
        self._frame: StepFrame | None = None
        self._perplexity = math.nan
        self._charted: StepFrame | None = None
        self._page_lines: int | None = None  # as many as there is room for
        self._told_lines = 0
        self._behind = False  # chart and figures show an earlier place
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(PACE_MS + APART_MS * (number % 4))
        self.head = ColumnHead(theme, self)
        self.progress = ReadingLine(theme, self)
        self.trouble = plain_label(parent=self)
        self.trouble.setObjectName("column_trouble")
        self.trouble.setProperty("role", "error")
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.page = ColumnPage(theme, self)
        self.chart = ColumnChart(theme, self)
        self.empty = EmptyState(theme, self)
        self._views = QStackedWidget(self)
        self._views.addWidget(self.chart)
        self._views.addWidget(self.empty)
        self._views.setCurrentWidget(self.empty)
        self.figures = CompareFigures(theme, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 9, MARGIN, MARGIN)
        layout.setSpacing(5)
        layout.addWidget(self.head)
        layout.addWidget(self.progress)
        layout.addWidget(self.trouble)
        layout.addWidget(self.page)
        layout.addWidget(self._views, 1)
        layout.addWidget(self.figures)
        layout.addStretch(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(LEAST_WIDTH)
        self._connect()
        theme.changed.connect(self._restyle)
        self._restyle()
        self._show_nothing("")

    def _connect(self) -> None:
        menu = self.head.menu
        self._pace.timeout.connect(self._catch_up)
        self.head.decoding_asked.connect(self._ask_decoding)
        menu.move_asked.connect(self._ask_move)
        menu.duplicate_asked.connect(self._ask_duplicate)
        menu.open_as_asked.connect(self._ask_open_as)
        menu.remove_asked.connect(self._ask_removal)
        self.chart.force_requested.connect(self._ask_force)
        self.page.token_clicked.connect(self._token_clicked)
        self.page.step_requested.connect(self._ask_step)
        self.page.end_clicked.connect(self._ask_end)

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_state(self, place: int, state: ColumnState, leads: bool, count: int, led: bool = False) -> None:
        """`place` is the column's in a row of `count`, from 0; `leads` tells whether it chooses the text for all, `led`
        whether it is taken along the text of the first."""
        name = letter(place)
        self.setAccessibleName(self.tr("Column {0}: {1}").format(name, state.info.name))
        self.page.setAccessibleName(self.tr("Text of column {0} as tokens").format(name))
        self.chart.setAccessibleName(self.tr("Next-token candidates of column {0}").format(name))
        self.head.show_state(place, state, leads, count)
        self.page.show_led(letter(0) if led else "")
        self.chart.show_plain(not in_words(state.decoding))

    @property
    def frame(self) -> StepFrame | None:
        """The distribution at the place on view, None where there is none."""
        return self._frame

    def show_place(self, place: ColumnPlace) -> None:
        """Text and words at once; chart and figures too, unless they were shown a moment ago: then soon, the last."""
        self._frame, self._perplexity = place.frame, place.perplexity
        self.figures.note_cost(place.frame)
        self.progress.show_share(None)
        self.head.show_place(place)
        self._show_trouble(place.trouble)
        self.page.show_place(place)
        self._tell_lines()
        self._behind = True
        if not self._pace.isActive() or place.frame is None:
            self._catch_up()

    @Slot()
    def _catch_up(self) -> None:
        """Bring chart and figures to the place on view."""
        if not self._behind:
            return
        self._behind = False
        self._pace.start()
        before, frame = self._charted, self._frame
        self._charted = frame
        self.figures.show_figures(frame, self._perplexity)
        if frame is None:
            self._show_nothing(self.trouble.text())
            return
        same_place = before is not None and (before.node, before.step) == (frame.node, frame.step)
        self.chart.show_listing(frame_listing(frame), frame, same_place)
        if self._views.currentWidget() is not self.chart:
            self._views.setCurrentWidget(self.chart)

    @property
    def wanted_lines(self) -> int:
        """How many lines its text asks for; it changes by two at once, and while a text grows it only grows."""
        return self.page.wanted_lines

    def set_page_lines(self, lines: int | None) -> None:
        """The room for the text, the same in all columns; None, and at most, as much as its share of the height."""
        if lines != self._page_lines:
            self._page_lines = lines
            self._share_height()

    def _tell_lines(self) -> None:
        if self.page.wanted_lines != self._told_lines:
            self._told_lines = self.page.wanted_lines
            self.wanted_lines_changed.emit()

    def show_reading(self, done: int, total: int) -> None:
        """This column reads a text, `done` of its `total` tokens; over when they are equal."""
        self.progress.show_share(done / total if 0 <= done < total else None)
        self.head.show_reading(done, total)

    def set_busy(self, busy: bool) -> None:
        self.progress.set_busy(busy)

    def highlight(self, index_first: int, index_last: int) -> None:
        """Ring the tokens of a stretch, as `Stretch.tokens` counts them: from the first up to one past the last. Equal
        numbers take the ring away."""
        self.page.ring(index_first, index_last)

    def set_page_mode(self, mode: str) -> None:
        """What the colour of a token means: one of `token_figures.MODES`."""
        self.page.mode = mode

    def set_log_scale(self, on: bool) -> None:
        if on != self.chart.log_scale:
            self.chart.log_scale = on

    @property
    def page_mode(self) -> str:
        return self.page.mode

    @page_mode.setter
    def page_mode(self, mode: str) -> None:
        self.set_page_mode(mode)

    @property
    def log_scale(self) -> bool:
        return self.chart.log_scale

    @log_scale.setter
    def log_scale(self, on: bool) -> None:
        self.set_log_scale(on)

    def _show_trouble(self, words: str) -> None:
        if words != self.trouble.text():
            self.trouble.setText(words)
            self.trouble.setVisible(bool(words))
            self._share_height()

    def _show_nothing(self, trouble: str) -> None:
        if self.chart.rows:
            self.chart.show_listing(Listing(), None)
        title = self.tr("No distribution here") if trouble else self.tr("Nothing to show yet")
        hint = "" if trouble else self.tr("What this model holds likely appears here.")
        if self.empty.texts != (title, hint):
            self.empty.show_texts(title, hint)
        if self._views.currentWidget() is not self.empty:
            self._views.setCurrentWidget(self.empty)

    # -- what a person asks --------------------------------------------------------------------------------------------

    @Slot(int)
    def _ask_force(self, token_id: int) -> None:
        self.force_requested.emit(self.number, token_id)

    @Slot(int)
    def _token_clicked(self, index: int) -> None:
        self.token_clicked.emit(self.number, index)

    @Slot()
    def _ask_step(self) -> None:
        self.step_requested.emit(self.number)

    @Slot()
    def _ask_end(self) -> None:
        self.end_requested.emit(self.number)

    @Slot()
    def _ask_decoding(self) -> None:
        self.decoding_requested.emit(self.number)

    @Slot(int)
    def _ask_move(self, to: int) -> None:
        self.move_requested.emit(self.number, to)

    @Slot()
    def _ask_duplicate(self) -> None:
        self.duplicate_requested.emit(self.number)

    @Slot(str)
    def _ask_open_as(self, dtype: str) -> None:
        self.open_as_requested.emit(self.number, dtype)

    @Slot()
    def _ask_removal(self) -> None:
        self.remove_requested.emit(self.number)

    # -- looks ---------------------------------------------------------------------------------------------------------

    @property
    def decoding_button(self) -> QWidget:
        """Where a popup with the column's decoding belongs."""
        return self.head.decoding

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:  # a part is of another height now
            self._share_height()
        return handled

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_height()
        self._tell_lines()

    def _share_height(self) -> None:
        """The chart's rows first, then the text up to its share; the chart takes what is left."""
        chart = self.chart.row_height
        captions = self.chart.minimumSizeHint().height() - 4 * chart
        around = self.head.sizeHint().height() + self.figures.sizeHint().height() + 9 + MARGIN + 5 * 5
        spare = self.height() - around - captions - ROWS * chart
        most = round(self.height() * PAGE_SHARE)
        self.page.setFixedHeight(self.page.whole_lines(min(spare, most), self._page_lines))
        self._views.setMaximumHeight(captions + round(MOST_ROWS * chart * 1.2))

    @Slot()
    def _restyle(self) -> None:
        self._share_height()
