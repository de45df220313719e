"""What the compare page shows of what the worker says: columns by their number, and nothing of a text that has gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from ntp_studio import compare_messages as c
from ntp_studio.core.compared import Stretch
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.model_menu import size_text
from ntp_studio.ui.presenter import State

if TYPE_CHECKING:
    from ntp_studio.ui.compare_column import CompareColumn
    from ntp_studio.ui.compare_column_loading import LoadingColumn
    from ntp_studio.ui.compare_page import ComparePage


class CompareShown(QObject):
    def __init__(self, window: MainWindow, state: State) -> None:
        super().__init__(window)
        self._window, self._state = window, state
        self.page: ComparePage | None = None
        self.run = 0
        self.playing = False
        self.waiting = 0  # moves asked for and not answered yet
        self.has_text = False
        self.settled = False  # no figure of the text is still to come
        self.scoring = ""  # how far the scoring of a text is, in words
        self.refusal = ""  # why the last column that was asked for is not there
        self.page_mode = "surprisal"
        self.log_scale = False
        self.columns_event: c.ColumnsChanged | None = None
        self._places: dict[int, c.ColumnPlace] = {}
        self._stretches: list[Stretch] = []
        self._fresh: list[CompareColumn] = []
        self._fresh_loading: dict[int, LoadingColumn] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            c.ColumnsChanged: self._on_columns,
            c.ColumnLoading: self._on_loading,
            c.ColumnRefused: self._on_refused,
            c.PlaceShown: self._on_place,
            c.DisagreementShown: self._on_disagreement,
            c.CompareRunState: self._on_run_state,
            c.ReadingAll: self._on_reading,
            c.SharedTokenized: self._on_tokenized,
            c.CompareTrouble: self._on_trouble,
            c.Scoring: self._on_scoring,
            c.Scored: self._on_scored,
            c.ScoringFailed: self._on_scoring_failed,
        }

    def handle(self, event: c.CompareEvent) -> None:
        if self.page is not None and type(event) in self._handlers:
            self._handlers[type(event)](event)

    @property
    def _shown(self) -> ComparePage:
        assert self.page is not None
        return self.page

    # -- what is asked of it -------------------------------------------------------------------------------------------

    def new_columns(self) -> list[CompareColumn]:
        """Those made since the last time, to be connected."""
        made, self._fresh = self._fresh, []
        return made

    def new_loading(self, request: int) -> LoadingColumn | None:
        return self._fresh_loading.pop(request, None)

    def state_of(self, number: int) -> c.ColumnState | None:
        columns = self.columns_event.columns if self.columns_event is not None else ()
        return next((state for state in columns if state.number == number), None)

    def stretch_of(self, number: int, index: int) -> int | None:
        """The stretch of the text that token `index` of this column's line belongs to."""
        place = next((i for i, n in enumerate(self._shown.columns) if n == number), None)
        if place is None:
            return None
        spans = ((i, stretch.tokens[place]) for i, stretch in enumerate(self._stretches))
        return next((i for i, (begin, end) in spans if begin <= index < end), None)

    def set_page_mode(self, mode: str) -> None:
        self.page_mode = mode
        for column in self._shown.columns.values():
            column.page_mode = mode

    def set_log_scale(self, on: bool) -> None:
        self.log_scale = on
        if self.page is not None:
            for column in self.page.columns.values():
                column.log_scale = on

    def show_reports(self) -> None:
        """What the stages did in the column whose decoding is on view."""
        drawer = self._shown.drawer
        place = self._places.get(drawer.number)
        if drawer.isVisible():
            drawer.show_reports(place.frame.stages if place is not None and place.frame is not None else ())

    def show_state(self) -> None:
        """In the bottom bar."""
        w, event = self._window, self.columns_event
        columns = event.columns if event is not None else ()
        if self.playing:
            w.status.show_state(self.tr("Playing"), "playing")
        elif self.scoring:
            w.status.show_state(self.scoring, "busy")
        elif not columns:
            w.status.show_state(self.tr("No model to compare"), "idle")
        else:
            w.status.show_state(self.tr("Ready"), "ready")
        words = [self.tr("1 model") if len(columns) == 1 else self.tr("{0} models").format(len(columns))]
        if event is not None and len(columns) > 1:
            together = self.tr("stepped together") if event.mode == "same text" else self.tr("each its own text")
            words += [together, *([self.tr("same draw")] if event.same_draw else [])]
        # Weights that several columns share are in memory once.
        own = {(s.info.path, s.info.device, s.info.dtype): s.info.memory_bytes for s in columns}
        sizes = " + ".join(map(size_text, own.values()))
        w.status.show_columns(" · ".join(words) if columns else "", self.tr("{0} weights").format(sizes) if own else "")

    @Slot(int)
    def dismiss(self, request: int) -> None:
        """A wish for a column is no longer talked of."""
        widget = self._shown.loading.pop(request, None)
        if widget is not None:
            widget.hide()
            widget.deleteLater()
            self._shown.arrange()

    # -- what the worker says ------------------------------------------------------------------------------------------

    def _on_columns(self, event: c.ColumnsChanged) -> None:
        page, before = self._shown, self._shown.columns
        self._tell_of_the_draw(event)
        self.columns_event = event
        if event.request is not None:
            self.dismiss(event.request)
        page.columns = {state.number: before.get(state.number) or self._made(state.number) for state in event.columns}
        for number, column in before.items():
            if number not in page.columns:
                self._places.pop(number, None)
                column.hide()
                column.deleteLater()
        for place, state in enumerate(event.columns):
            leads = place == 0 and event.mode == "same text" and len(event.columns) > 1
            led = place > 0 and event.mode == "same text"
            page.columns[state.number].show_state(place, state, leads, len(event.columns), led)
        page.arrange()
        self._level_pages()
        page.drawer.show_columns(event)
        page.disagreement.show_columns(event)
        page.score.show_columns(event)
        page.editor.set_chat_available(bool(event.columns) and all(s.info.has_chat_template for s in event.columns))
        if not event.columns:
            self.has_text = False
            page.disagreement.clear()
            page.drawer.hide()

    def _tell_of_the_draw(self, event: c.ColumnsChanged) -> None:
        """A model with another tokenizer changes how all columns draw: not without a word."""
        before = self.columns_event
        was_alike = before is not None and all(state.alike for state in before.columns)
        if was_alike and event.same_draw and not all(state.alike for state in event.columns):
            self._window.status.show_message(
                self.tr("The vocabularies differ, so the columns share the dart's place instead of the race's noise.")
            )

    def _made(self, number: int) -> CompareColumn:
        from ntp_studio.ui.compare_column import CompareColumn  # with the page, not at the program's start

        column = CompareColumn(self._window.theme, number, self._shown)
        column.wanted_lines_changed.connect(self._level_pages)
        column.page_mode = self.page_mode
        column.log_scale = self.log_scale
        self._fresh.append(column)
        return column

    @Slot()
    def _level_pages(self) -> None:
        """The texts of all columns have the height of the longest, so that bars stand beside bars."""
        columns = self._shown.columns.values()
        lines = max((column.wanted_lines for column in columns), default=None)
        for column in columns:
            column.set_page_lines(lines)

    def _on_loading(self, event: c.ColumnLoading) -> None:
        self._loading(event.request).show_loading(event)

    def _on_refused(self, event: c.ColumnRefused) -> None:
        if event.cancelled:
            self.dismiss(event.request)
            self._window.status.show_message(self.tr("Loading was cancelled."))
        else:
            self.refusal = event.message
            self._loading(event.request).show_refused(event)

    def _loading(self, request: int) -> LoadingColumn:
        page = self._shown
        if request not in page.loading:
            from ntp_studio.ui.compare_column_loading import LoadingColumn

            made = LoadingColumn(self._window.theme, request, page)
            page.loading[request] = self._fresh_loading[request] = made
            page.arrange()
        return page.loading[request]

    def _on_place(self, event: c.PlaceShown) -> None:
        self.waiting = max(0, self.waiting - 1)
        if event.run < self.run:
            return
        self.run, self.has_text = event.run, True
        self.settled = False  # how the columns disagree here is told after it
        for place in event.columns:
            column = self._shown.columns.get(place.number)
            if column is not None:
                self._places[place.number] = place
                column.show_place(place)
        self._shown.disagreement.show_place(event)
        self.show_reports()
        if event.note:
            self._window.status.show_message(event.note)

    def _on_disagreement(self, event: c.DisagreementShown) -> None:
        if event.run < self.run:
            return
        self._stretches[event.first :] = event.stretches
        self.settled = event.missing == 0
        self._shown.disagreement.show_disagreement(event)

    def _on_run_state(self, event: c.CompareRunState) -> None:
        self.playing = event.playing
        if self._window.comparing:
            self._window.toolbar.show_playing(event.playing)
        if event.reason == "eos":
            self._window.status.show_message(self.tr("The text ended here; → goes on beyond its end."), 0)
        elif event.reason == "context":
            words = self.tr("The context is full. Go back, restart, or begin with less text.")
            self._window.notice.show_text(words, calm=True)

    def _on_reading(self, event: c.ReadingAll) -> None:
        self._window.status.show_state(self.tr("Reading the prompt"), "busy")
        for column in self._shown.columns.values():
            column.show_reading(event.done, event.total)

    def _on_tokenized(self, event: c.SharedTokenized) -> None:
        self._shown.editor.show_tokenized(event.text, event.tokens, event.context_length)

    def _on_trouble(self, event: c.CompareTrouble) -> None:
        self.waiting = 0
        self.playing = False
        if self._window.comparing:
            self._window.toolbar.show_playing(False)
        for column in self._shown.columns.values():
            column.show_reading(1, 1)
        if event.cancelled:
            self._window.status.show_message(event.message)
        else:
            self._window.notice.show_text(event.message)

    def _on_scoring(self, event: c.Scoring) -> None:
        share = f" {event.done / event.total:.0%}" if event.total else ""
        self.scoring = self.tr("Scoring a text{0}").format(share)
        self._shown.score.show_scoring(event)

    def _on_scored(self, event: c.Scored) -> None:
        self.scoring = ""
        self._shown.score.show_scored(event)

    def _on_scoring_failed(self, event: c.ScoringFailed) -> None:
        self.scoring = ""
        self._shown.score.show_failed(event)
