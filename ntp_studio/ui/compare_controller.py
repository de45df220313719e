"""The compare page's controller: what a person does there becomes a command, what the worker says is shown.

The page is made when it is first asked for, so that the window does not wait for it at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.engine import Engine
from ntp_studio.ui.actions import COMPARE
from ntp_studio.ui.compare_choices import CompareChoices
from ntp_studio.ui.compare_moves import CompareMoves
from ntp_studio.ui.compare_shown import CompareShown
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter, State
from ntp_studio.ui.preset_menu import preset_of
from ntp_studio.ui.routing import Router

if TYPE_CHECKING:
    from ntp_studio.ui.add_column import AddColumnPicker
    from ntp_studio.ui.compare_column_loading import LoadingColumn
    from ntp_studio.ui.compare_page import ComparePage


class CompareController(QObject):
    def __init__(self, window: MainWindow, engine: Engine, state: State, presenter: Presenter, router: Router) -> None:
        super().__init__(window)
        self.window, self.engine, self.state, self.presenter = window, engine, state, presenter
        self.page: ComparePage | None = None
        self.shown = CompareShown(window, state)
        self.moves = moves = CompareMoves(window, engine, self.shown)
        self.choices = choices = CompareChoices(window, engine, state, self.shown, moves)
        self._picker: AddColumnPicker | None = None
        self._models: m.ModelsListed | None = None
        self._series: c.SeriesFound | None = None  # of the column added last
        self._requests = 0
        presenter.listeners.append(self.handle)
        presenter.settled.connect(self.settle)
        window.commands["compare"].toggled.connect(self._toggled)
        window.commands["train"].toggled.connect(self._other_page)
        router.add(
            COMPARE,
            {
                "step": moves.step,
                "back": moves.back,
                "forward": moves.forward,
                "go_to_end": moves.go_to_end,
                "play": moves.toggle_play,
                "restart": moves.restart,
                "cancel": moves.cancel,
                "edit_prompt": choices.edit_prompt,
                "export": choices.export,
                "add_column": self.ask_add,
                "next_worst": moves.next_worst,
                "previous_worst": moves.previous_worst,
                "score_text": choices.toggle_score,
                "select_next": moves.select_next,
                "select_previous": moves.select_previous,
                "force_selected": moves.force_selected,
            },
        )

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        if isinstance(event, m.ModelsListed):
            self._models = event
        elif isinstance(event, c.SeriesFound):
            self._series = event
        if self.page is None:
            return
        if isinstance(event, c.NeedTold):
            if self._picker is not None:
                self._picker.show_need(event)
        elif isinstance(event, c.CompareEvent):
            self.shown.handle(event)
            if isinstance(event, c.ColumnsChanged):
                self._connect_columns()
                self.choices.show_preset()
                if self._picker is not None:
                    self._picker.show_columns(event)
            elif isinstance(event, c.ColumnLoading | c.ColumnRefused):
                self._connect_loading(event.request)
            self.settle()
        elif isinstance(event, m.Exported) and event.model == c.DESK:
            self.page.score.show_exported(event.path)

    # -- the page ------------------------------------------------------------------------------------------------------

    @Slot(bool)
    def _toggled(self, on: bool) -> None:
        w = self.window
        if on:
            w.commands["train"].setChecked(False)
            page = self._made()
            if self.state.playing:
                self.engine.send(m.Pause())
                w.toolbar.show_playing(False)
            w.notice.clear()
            w.toolbar.set_seed(self.choices.seed)
            w.pages.setCurrentWidget(page)
            self.choices.show_preset()
            w.status.comparing = True
            page.setFocus()
        else:
            self.moves.pause()
            w.status.comparing = False
            w.status.show_model(self.state.info)
            if self.state.frame is not None:
                w.status.show_frame(self.state.frame)
            w.toolbar.set_seed(self.state.settings.seed)
            own = self.state.settings
            w.toolbar.show_preset(preset_of(own.decoding, own.presets))
            if w.comparing:  # else another page has come to the front already
                w.pages.setCurrentIndex(0)
                w.text.setFocus()
        self.presenter.show_ready()

    @Slot(bool)
    def _other_page(self, on: bool) -> None:
        if on:
            self.window.commands["compare"].setChecked(False)

    def _made(self) -> ComparePage:
        if self.page is None:
            from ntp_studio.ui.compare_page import ComparePage

            page = self.page = ComparePage(self.window.theme, self.window)
            self.window.pages.addWidget(page)
            self.shown.page = page
            page.view_changed.connect(self.settle)
            page.invitation.add_requested.connect(self.ask_add)
            page.invitation.twin_requested.connect(self._duplicate_first)
            page.disagreement.go_to.connect(self.moves.go_to)
            page.disagreement.force_text.connect(self.moves.force_text)
            self.choices.connect_page(page)
            self._begin(page)
        return self.page

    def _begin(self, page: ComparePage) -> None:
        """The model, prompt and settings of the main page are what a comparison begins with."""
        settings, text = self.state.settings, self.window.text
        self.choices.seed = settings.seed
        page.editor.set_text(text.prompt_text)
        page.editor.set_chat(text.prompt_chat)
        page.tabs.choose(text.mode)
        self.shown.page_mode = text.mode
        self.shown.log_scale = self.window.commands["log_scale"].isChecked()
        page.arrange()
        begin = c.BeginComparison(text.prompt_text, text.prompt_chat, settings.decoding, settings.seed)
        self.engine.send(begin)
        if not text.prompt_text:
            page.edit_prompt()

    def begin_with(self, paths: list[str]) -> None:
        """At the program's start: these models beside the one of the main page."""
        self.window.commands["compare"].setChecked(True)
        for path in paths:
            self.add(path, self.state.settings.device, self.state.settings.dtype)

    @Slot()
    def settle(self) -> None:
        """Say what may be used while the page is in front."""
        page, commands = self.page, self.window.commands
        if page is None or not self.window.comparing:
            return
        ready = self.shown.has_text and not page.editing and not page.scoring
        for action in ("step", "back", "forward", "go_to_end", "play", "restart"):
            commands[action].setEnabled(ready)
        for action in ("next_worst", "previous_worst"):
            commands[action].setEnabled(ready or page.scoring)
        for action in ("select_next", "select_previous", "force_selected"):
            commands[action].setEnabled(ready)
        for action in ("new_seed", "faster", "slower", "log_scale"):
            commands[action].setEnabled(True)
        commands["edit_prompt"].setEnabled(bool(page.columns) and not page.scoring)
        commands["score_text"].setEnabled(bool(page.columns))
        commands["score_text"].setChecked(page.scoring)
        commands["export"].setEnabled(page.scoring)
        page.edit_button.setEnabled(bool(page.columns))
        page.score_button.setEnabled(bool(page.columns))
        self.window.toolbar.enable_draw(not page.scoring)
        self.shown.show_state()

    # -- columns -------------------------------------------------------------------------------------------------------

    @Slot()
    def ask_add(self) -> None:
        """Open the list of models beside its button."""
        if self._picker is None:
            from ntp_studio.ui.add_column import AddColumnPicker

            picker = self._picker = AddColumnPicker(self.window.theme, self.window)
            picker.add_requested.connect(self.add)
            picker.duplicate_requested.connect(self._duplicate)
            picker.need_wanted.connect(self._need_wanted)
        picker = self._picker
        if self._models is not None:
            picker.show_models(self._models.models)
        picker.show_recent(self.state.settings.recent_models)
        if self._series is not None:
            marks = tuple((self._snapshot_label(step), path) for step, path in self._series.snapshots)
            picker.show_snapshots(self._series.name, marks)
        if self.shown.columns_event is not None:
            picker.show_columns(self.shown.columns_event)
        picker.popup_at(self.window.toolbar.add_button)

    def _snapshot_label(self, step: int | None) -> str:
        return self.tr("final") if step is None else self.tr("step {0}").format(f"{step:,}")

    @Slot(str, str, str)
    def add(self, path: str, device: str = "auto", dtype: str = "auto") -> None:
        """Load this model as another column."""
        self._requests += 1
        self.engine.send(c.AddColumn(self._requests, path, device, dtype))

    @Slot(int, str, str, str)
    def _need_wanted(self, request: int, path: str, device: str, dtype: str) -> None:
        self.engine.send(c.AskNeed(request, path, device, dtype))

    def _connect_columns(self) -> None:
        for column in self.shown.new_columns():
            self.moves.connect_column(column)
            self.choices.connect_column(column)
            column.move_requested.connect(self._move)
            column.duplicate_requested.connect(self._duplicate)
            column.open_as_requested.connect(self._open_as)
            column.remove_requested.connect(self._remove)

    def _connect_loading(self, request: int) -> None:
        made: LoadingColumn | None = self.shown.new_loading(request)
        if made is not None:
            made.cancel_requested.connect(self.engine.cancel_column)
            made.open_as.connect(self._open_smaller)
            made.dismissed.connect(self.shown.dismiss)

    @Slot(int, str, str, str)
    def _open_smaller(self, request: int, path: str, device: str, dtype: str) -> None:
        self.shown.dismiss(request)
        self.add(path, device, dtype)

    @Slot(int, str)
    def _open_as(self, number: int, dtype: str) -> None:
        state = self.shown.state_of(number)
        if state is not None:
            self.add(state.info.path, state.info.device, dtype)

    @Slot(int)
    def _duplicate(self, number: int) -> None:
        self.engine.send(c.DuplicateColumn(number))

    @Slot()
    def _duplicate_first(self) -> None:
        if self.page is not None and self.page.columns:
            self._duplicate(next(iter(self.page.columns)))

    @Slot(int)
    def _remove(self, number: int) -> None:
        self.engine.send(c.RemoveColumn(number))

    @Slot(int, int)
    def _move(self, number: int, to: int) -> None:
        self.engine.send(c.MoveColumn(number, to))
