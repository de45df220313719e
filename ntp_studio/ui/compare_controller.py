"""The compare page's controller: what a person does there becomes a command, what the worker says is shown.

The page is made when it is first asked for, so that the window does not wait for it at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings, StudioError
from ntp_studio.engine import Engine
from ntp_studio.ui.actions import COMPARE
from ntp_studio.ui.compare_shown import CompareShown
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter, State
from ntp_studio.ui.preset_controller import preset_settings
from ntp_studio.ui.routing import Router

if TYPE_CHECKING:
    from ntp_studio.ui.add_column import AddColumnPicker
    from ntp_studio.ui.compare_column import CompareColumn
    from ntp_studio.ui.compare_column_loading import LoadingColumn
    from ntp_studio.ui.compare_page import ComparePage

MOST_WAITING = 2  # steps asked for and not yet answered: a key held down must not leave a queue behind


class CompareController(QObject):
    def __init__(self, window: MainWindow, engine: Engine, state: State, presenter: Presenter, router: Router) -> None:
        super().__init__(window)
        self.window, self.engine, self.state, self.presenter = window, engine, state, presenter
        self.page: ComparePage | None = None
        self.shown = CompareShown(window, state)
        self._picker: AddColumnPicker | None = None
        self._models: m.ModelsListed | None = None
        self._series: c.SeriesFound | None = None  # of the column added last
        self._seed = DEFAULT_SEED
        self._requests = 0
        self._begun = False
        presenter.listeners.append(self.handle)
        presenter.settled.connect(self.settle)
        window.commands["compare"].toggled.connect(self._toggled)
        window.commands["train"].toggled.connect(self._other_page)
        window.commands["log_scale"].toggled.connect(self._log_toggled)
        window.toolbar.seed_chosen.connect(self._seed_chosen)
        window.toolbar.speed_chosen.connect(self._speed_chosen)
        window.toolbar.preset_chosen.connect(self._preset_chosen)
        router.add(
            COMPARE,
            {
                "step": self.step,
                "back": self.back,
                "forward": self.forward,
                "go_to_end": self.go_to_end,
                "play": self.toggle_play,
                "restart": self.restart,
                "cancel": self.cancel,
                "edit_prompt": self._edit_prompt,
                "export": self._export,
                "add_column": self.ask_add,
                "next_worst": self._next_worst,
                "previous_worst": self._previous_worst,
                "score_text": self._score_toggled,
                "select_next": self._select_next,
                "select_previous": self._select_previous,
                "force_selected": self._force_selected,
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
            w.notice.clear()
            w.toolbar.set_seed(self._seed)
            w.pages.setCurrentWidget(page)
            w.status.comparing = True
            page.setFocus()
        else:
            self._pause()
            w.status.comparing = False
            w.status.show_model(self.state.info)
            if self.state.frame is not None:
                w.status.show_frame(self.state.frame)
            w.toolbar.set_seed(self.state.settings.seed)
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
            page.tabs.chosen.connect(self._mode_chosen)
            page.view_changed.connect(self.settle)
            page.score_button.clicked.connect(self._score_clicked)
            page.prompt_submitted.connect(self._prompt_submitted)
            page.prompt_edited.connect(self._prompt_edited)
            page.invitation.add_requested.connect(self.ask_add)
            page.invitation.twin_requested.connect(self._duplicate_first)
            page.drawer.changed.connect(self._decoding_changed)
            page.drawer.closed.connect(self._close_drawer)
            page.drawer.pictures_wanted.connect(self._pictures_wanted)
            self._connect_panel(page)
            self._begin(page)
        return self.page

    def _connect_panel(self, page: ComparePage) -> None:
        panel, score = page.disagreement, page.score
        panel.go_to.connect(self._go_to)
        panel.mode_chosen.connect(self._lockstep_mode)
        panel.same_draw_chosen.connect(self._same_draw)
        panel.after_decoding_chosen.connect(self._after_decoding)
        panel.force_text.connect(self._force_text)
        score.score_text.connect(self._score)
        score.score_file.connect(self._score_file)
        score.cancel_requested.connect(self._cancel_scoring)
        score.export_requested.connect(self._export_to)
        score.closed.connect(self._close_score)

    def _begin(self, page: ComparePage) -> None:
        """The model, prompt and settings of the main page are what a comparison begins with."""
        settings, text = self.state.settings, self.window.text
        self._seed = settings.seed
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
        self.window.toolbar.enable_draw(True)
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
            column.force_requested.connect(self._force)
            column.decoding_requested.connect(self._open_drawer)
            column.move_requested.connect(self._move)
            column.duplicate_requested.connect(self._duplicate)
            column.open_as_requested.connect(self._open_as)
            column.remove_requested.connect(self._remove)
            column.token_clicked.connect(self._token_clicked)
            column.step_requested.connect(self._step_clicked)
            column.end_requested.connect(self._end_clicked)

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

    # -- the text ------------------------------------------------------------------------------------------------------

    def _asked(self) -> None:
        self.window.notice.clear()
        self.window.status.clear_message()

    def _move_text(self, command: c.CompareCommand) -> None:
        if self.shown.has_text and self.shown.waiting < MOST_WAITING:
            self.shown.waiting += 1
            self._asked()
            self.engine.send(command)

    @Slot()
    def step(self) -> None:
        self._move_text(c.StepAll())

    @Slot(int)
    def _step_clicked(self, number: int) -> None:
        self.step()

    @Slot()
    def back(self) -> None:
        self._move_text(c.BackAll())

    @Slot()
    def forward(self) -> None:
        self._move_text(c.ForwardAll())

    @Slot()
    def go_to_end(self) -> None:
        self._move_text(c.GoToEnd())

    @Slot(int)
    def _end_clicked(self, number: int) -> None:
        self.go_to_end()

    @Slot()
    def restart(self) -> None:
        self._asked()
        self.engine.send(c.RestartAll())

    @Slot()
    def toggle_play(self) -> None:
        if not self.shown.has_text:
            return
        self._asked()
        # Known here at once, not when the worker says so: a second press must pause, however quick it comes.
        self.shown.playing = not self.shown.playing
        self.window.toolbar.show_playing(self.shown.playing)
        speed = self.window.toolbar.speed()
        self.engine.send(c.PlayAll(speed) if self.shown.playing else c.PauseAll())

    def _pause(self) -> None:
        if self.shown.playing:
            self.engine.send(c.PauseAll())

    @Slot(float)
    def _speed_chosen(self, speed: float) -> None:
        if self.window.comparing and self.shown.playing:
            self.engine.send(c.PlayAll(speed))

    @Slot()
    def cancel(self) -> None:
        page = self.page
        if page is not None and page.editing:
            page.editor.cancel()
        elif page is not None and page.scoring:
            self._cancel_scoring()
        else:
            self.engine.cancel()

    @Slot(int, int)
    def _force(self, number: int, token_id: int) -> None:
        self._asked()
        self.engine.send(c.ForceInAll(number, token_id, self.shown.run))

    @Slot(str)
    def _force_text(self, text: str) -> None:
        self._asked()
        self.engine.send(c.ForceText(text))

    @Slot(int)
    def _go_to(self, index: int) -> None:
        self._asked()
        self.engine.send(c.GoToStretch(index, self.shown.run))

    @Slot(int, int)
    def _token_clicked(self, number: int, index: int) -> None:
        """A token on a column's page: to the stretch that it belongs to."""
        stretch = self.shown.stretch_of(number, index)
        if stretch is not None:
            self._go_to(stretch)

    @Slot()
    def _next_worst(self) -> None:
        if self.page is not None:
            (self.page.score if self.page.scoring else self.page.disagreement).next_worst()

    @Slot()
    def _previous_worst(self) -> None:
        if self.page is not None:
            (self.page.score if self.page.scoring else self.page.disagreement).previous_worst()

    def _leading(self) -> CompareColumn | None:
        return next(iter(self.page.columns.values()), None) if self.page is not None else None

    @Slot()
    def _select_next(self) -> None:
        if (column := self._leading()) is not None:
            column.chart.select_next()

    @Slot()
    def _select_previous(self) -> None:
        if (column := self._leading()) is not None:
            column.chart.select_previous()

    @Slot()
    def _force_selected(self) -> None:
        if (column := self._leading()) is not None:
            column.chart.force_selected()

    # -- the prompt ----------------------------------------------------------------------------------------------------

    @Slot()
    def _edit_prompt(self) -> None:
        if self.page is not None:
            self.page.edit_prompt()

    @Slot(str, bool)
    def _prompt_submitted(self, text: str, chat: bool) -> None:
        self._asked()
        self.engine.send(c.SetSharedPrompt(text, chat))

    @Slot(str, bool)
    def _prompt_edited(self, text: str, chat: bool) -> None:
        self.engine.send(c.TokenizeShared(text, chat))

    # -- settings ------------------------------------------------------------------------------------------------------

    @Slot(str)
    def _lockstep_mode(self, mode: Any) -> None:
        self.engine.send(c.SetMode(mode))

    @Slot(bool)
    def _same_draw(self, on: bool) -> None:
        self.engine.send(c.SetSameDraw(on))

    @Slot(bool)
    def _after_decoding(self, on: bool) -> None:
        self.engine.send(c.CompareAfterDecoding(on))

    @Slot(object)
    def _seed_chosen(self, seed: int) -> None:
        if self.window.comparing:
            self._seed = seed
            self.engine.send(c.SetSharedSeed(seed))

    @Slot(int)
    def _open_drawer(self, number: int) -> None:
        if self.page is None:
            return
        drawer = self.page.drawer
        if drawer.isVisible() and drawer.number == number:
            self._close_drawer()
            return
        drawer.choose(number)
        drawer.show()
        self.shown.show_reports()
        self._pictures_wanted(drawer.panel.pictures_shown)

    @Slot()
    def _close_drawer(self) -> None:
        if self.page is not None:
            self.page.drawer.hide()
            self.engine.send(c.ShowColumnPictures(False))

    @Slot(bool)
    def _pictures_wanted(self, on: bool) -> None:
        self.engine.send(c.ShowColumnPictures(on))

    @Slot(str)
    def _preset_chosen(self, preset_id: str) -> None:
        """For the column whose decoding is on view, or for all while they are linked."""
        if self.page is None or not self.window.comparing:
            return
        drawer = self.page.drawer
        try:
            wanted = preset_settings(preset_id, drawer.panel.settings(), self.state.settings.presets)
        except StudioError as error:
            self.window.notice.show_text(str(error))
            return
        self._asked()
        self._decoding_changed(wanted, -1 if drawer.linked else drawer.number)

    @Slot(object, int)
    def _decoding_changed(self, decoding: DecodingSettings, number: int) -> None:
        self.engine.send(c.SetColumnDecoding(decoding, None if number < 0 else number))

    @Slot(str)
    def _mode_chosen(self, mode: str) -> None:
        self.shown.set_page_mode(mode)

    @Slot(bool)
    def _log_toggled(self, on: bool) -> None:
        self.shown.set_log_scale(on)

    # -- a given text --------------------------------------------------------------------------------------------------

    @Slot()
    def _score_clicked(self) -> None:
        self.window.commands["score_text"].trigger()

    @Slot()
    def _score_toggled(self) -> None:
        if self.page is not None:
            (self.page.show_columns if self.page.scoring else self.page.show_score)()

    @Slot()
    def _close_score(self) -> None:
        if self.page is not None:
            self.page.show_columns()

    @Slot(str, str)
    def _score(self, text: str, name: str) -> None:
        self.engine.send(c.ScoreText(text, name))

    @Slot(str)
    def _score_file(self, path: str) -> None:
        self.engine.send(c.ScoreFile(path))

    @Slot()
    def _cancel_scoring(self) -> None:
        self.engine.send(c.CancelScoring())

    @Slot(str)
    def _export_to(self, path: str) -> None:
        self.engine.send(c.ExportScores(path))

    @Slot()
    def _export(self) -> None:
        if self.page is not None and self.page.scoring:
            self.page.score.ask_export()
