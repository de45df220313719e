"""The controller: what a person does becomes a command to the engine. What comes back is the presenter's.

It decides nothing about models or decoding.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from ntp_studio import messages as m
from ntp_studio.core.types import DecodingSettings
from ntp_studio.engine import Engine
from ntp_studio.settings import Settings
from ntp_studio.ui.actions import INSPECT, TRAIN
from ntp_studio.ui.compare_controller import CompareController
from ntp_studio.ui.help import AboutDialog, KeysDialog
from ntp_studio.ui.looking_controller import LookingController
from ntp_studio.ui.main_window import PANEL_ACTIONS, MainWindow
from ntp_studio.ui.presenter import Presenter, State
from ntp_studio.ui.preset_controller import PresetController
from ntp_studio.ui.routing import Router
from ntp_studio.ui.session_controller import SessionController
from ntp_studio.ui.time_lapse_controller import TimeLapseController
from ntp_studio.ui.train_controller import TrainController

# Steps asked for and not yet answered: a key held down must not leave a queue that goes on after it is released.
MOST_WAITING = 2


class Controller(QObject):
    zoomed = Signal(float)

    def __init__(self, window: MainWindow, engine: Engine, settings: Settings) -> None:
        super().__init__(window)
        self.window, self.engine = window, engine
        self.state = State(settings)
        self.presenter = Presenter(window, self.state)
        self.router = Router(window)
        self.time_lapse = TimeLapseController(window, engine, self.presenter)
        self.training = TrainController(window, engine, self.state, self.presenter)
        self.looking = LookingController(window, engine, self.presenter)
        self.looking.decoding_chosen.connect(self._decoding_asked)
        self.comparison = CompareController(window, engine, self.state, self.presenter, self.router)
        self.presets = PresetController(window, engine, self.state, self.presenter)
        self.presets.decoding_chosen.connect(self.set_decoding)
        self.sessions = SessionController(window, engine, self.presenter)
        self.sessions.opened.connect(self._show_opened)
        self.sessions.model_dropped.connect(self._open_asked)
        self._last_change = ""  # what was changed last, so that a drag is one change
        self.training.open_requested.connect(self.open_model)
        self._keys: KeysDialog | None = None
        self._about: AboutDialog | None = None
        self._connect()

    def begin(self) -> None:
        """Show the settings and what to do first."""
        self._show_settings()
        self.presenter.show_nothing_open(at_start=True)

    # -- what a person does

    def _connect(self) -> None:
        w, commands = self.window, self.window.commands
        self.router.add(
            INSPECT,
            {
                "step": self.step,
                "back": self.back,
                "forward": self.forward,
                "go_to_end": self.go_to_end,
                "play": self.toggle_play,
                "restart": self.restart,
                "cancel": self.cancel,
                "export": self.ask_export,
                "edit_prompt": w.text.edit_prompt,
                "select_next": w.next.select_next,
                "select_previous": w.next.select_previous,
                "force_selected": w.next.force_selected,
                "find_token": w.next.focus_filter,
            },
        )
        self.router.add(TRAIN, {"cancel": self.cancel})
        for action, slot in {
            "zoom_in": self.zoom_in,
            "zoom_out": self.zoom_out,
            "zoom_reset": self.zoom_reset,
            "keys_help": self.show_keys,
            "about": self.show_about,
            "quit": w.close,
        }.items():
            commands[action].triggered.connect(slot)
        for action, toggled in {
            "greedy": self._greedy_toggled,
            "log_scale": self._log_toggled,
            "table_view": self._table_toggled,
            "full_screen": self._full_screen_toggled,
            PANEL_ACTIONS["decoding"]: self._decoding_panel_toggled,
            PANEL_ACTIONS["next"]: self._next_panel_toggled,
            PANEL_ACTIONS["timeline"]: self._timeline_toggled,
        }.items():
            commands[action].toggled.connect(toggled)
        w.toolbar.open_requested.connect(self._open_asked)
        w.toolbar.device_chosen.connect(self._device_chosen)
        w.toolbar.dtype_chosen.connect(self._dtype_chosen)
        w.toolbar.seed_chosen.connect(self._seed_chosen)
        w.toolbar.speed_chosen.connect(self._speed_chosen)
        w.toolbar.cancel_requested.connect(self.cancel)
        w.decoding.changed.connect(self._decoding_changed)
        w.text.go_to.connect(self._go_to)
        w.text.next_branch.connect(self._next_branch)
        w.text.step_requested.connect(self.step)
        w.text.prompt_submitted.connect(self.set_prompt)
        w.text.prompt_edited.connect(self._prompt_edited)
        w.text.link_open_model.connect(w.toolbar.choose_file)
        w.text.reopen_requested.connect(self.reopen_last)
        w.next.force_requested.connect(self._force)
        w.next.filter_changed.connect(self._filter_changed)
        w.next.log_scale_changed.connect(commands["log_scale"].setChecked)
        w.next.table_view_changed.connect(commands["table_view"].setChecked)
        w.dropped.connect(self.sessions.take_dropped)
        self.presenter.tokens_wanted.connect(self._prompt_edited)

    @Slot(str)
    def _open_asked(self, path: str) -> None:
        """A person has named a model: for the page in front."""
        if self.window.comparing:
            self.comparison.add(path, self.state.settings.device, self.state.settings.dtype)
        else:
            self.open_model(path)

    @Slot(str)
    def open_model(self, path: str) -> None:
        self.state.loading = True
        self.window.notice.clear()
        self.engine.send(m.LoadModel(path, self.state.settings.device, self.state.settings.dtype))

    @Slot()
    def reopen_last(self) -> None:
        self.open_model(self.state.settings.last_model)

    @Slot(str, bool)
    def set_prompt(self, text: str, chat: bool = False) -> None:
        self._asked()
        self.engine.send(m.SetPrompt(text, chat))
        if self.state.info is None and not self.state.loading:
            self.window.notice.show_text(self.tr("The prompt is kept. Open a model, and it will read it."), calm=True)
        elif self.state.loading:
            self.window.status.show_message(self.tr("The prompt is read as soon as the model is loaded."))

    @Slot(str, bool)
    def _prompt_edited(self, text: str, chat: bool) -> None:
        if self.state.info is not None:
            self.engine.send(m.Tokenize(text, chat))

    @Slot()
    def step(self) -> None:
        self._move(m.Step())

    @Slot()
    def back(self) -> None:
        self._move(m.Back())

    @Slot()
    def forward(self) -> None:
        self._move(m.Forward())

    def _move(self, command: m.Command) -> None:
        if self.state.frame is not None and self.state.waiting < MOST_WAITING:
            self.state.waiting += 1
            self._asked()
            self.engine.send(command)

    def _asked(self) -> None:
        """A person goes on: what was said about the last thing is no longer news."""
        self.window.notice.clear()
        self.window.status.clear_message()

    @Slot()
    def go_to_end(self) -> None:
        if self.state.frame is not None and self.state.last_node >= 0:
            self._go_to(self.state.last_node)

    @Slot(int)
    def _go_to(self, node: int) -> None:
        self._asked()
        self.engine.send(m.GoTo(node, self.state.run))

    @Slot(int)
    def _next_branch(self, node: int) -> None:
        self._asked()
        self.engine.send(m.NextBranch(node, self.state.run))

    @Slot(int)
    def _force(self, token_id: int) -> None:
        if self.state.frame is not None:
            self._asked()
            self.engine.send(m.Force(token_id, self.state.frame.node, self.state.run))

    @Slot()
    def toggle_play(self) -> None:
        if self.state.frame is None:
            return
        self._asked()
        # Known here at once, not when the engine says so: a second press must pause, however quick it comes.
        self.state.playing = not self.state.playing
        self.window.toolbar.show_playing(self.state.playing)
        self.engine.send(m.Play(self.window.toolbar.speed()) if self.state.playing else m.Pause())

    @Slot(float)
    def _speed_chosen(self, speed: float) -> None:
        self.state.settings = replace(self.state.settings, speed=speed)
        if self.state.playing:
            self.engine.send(m.Play(speed))

    @Slot()
    def restart(self) -> None:
        if self.state.frame is not None:
            self._asked()
            self.engine.send(m.Restart())

    @Slot()
    def cancel(self) -> None:
        """Where nothing is at work, Esc puts away what a person had looked at, and then a message."""
        at_work = self.state.playing or self.state.loading
        if not at_work and (self.window.next.dismiss() or self.window.notice.dismiss()):
            return
        self.engine.cancel()

    @Slot(object)
    def _decoding_changed(self, decoding: DecodingSettings) -> None:
        """By hand, on the panel: it can be taken back."""
        before = self.state.settings.decoding
        change = _what_changed(before, decoding)
        if not change or change != self._last_change:
            self.presets.remember(before)
        self._last_change = change
        self._use_decoding(decoding)

    def _use_decoding(self, decoding: DecodingSettings) -> None:
        self.state.settings = replace(self.state.settings, decoding=decoding)
        self.window.commands["greedy"].setChecked(decoding.method == "greedy")
        self.presets.show(decoding)
        self.engine.send(m.SetDecoding(decoding))

    @Slot(object)
    def set_decoding(self, decoding: DecodingSettings) -> None:
        self._last_change = ""
        self.window.decoding.set_settings(decoding)
        self._use_decoding(self.window.decoding.settings())

    @Slot(object)
    def _decoding_asked(self, decoding: DecodingSettings) -> None:
        if decoding != self.state.settings.decoding:
            self.presets.remember(self.state.settings.decoding)
            self.set_decoding(decoding)

    @Slot(bool)
    def _greedy_toggled(self, on: bool) -> None:
        """Off goes back to the draw, race or dart, that was in use before."""
        decoding = self.state.settings.decoding
        if on != (decoding.method == "greedy"):
            self._decoding_asked(replace(decoding, method="greedy" if on else self.window.decoding.sampling))

    @Slot(object)
    def _seed_chosen(self, seed: int) -> None:
        if self.window.inspecting:  # the compare page has a seed of its own
            self.set_seed(seed)

    def set_seed(self, seed: int) -> None:
        self.state.settings = replace(self.state.settings, seed=seed)
        self.engine.send(m.SetSeed(seed))

    @Slot(str)
    def _device_chosen(self, device: str) -> None:
        self.state.settings = replace(self.state.settings, device=device)
        self._reopen()

    @Slot(str)
    def _dtype_chosen(self, dtype: str) -> None:
        self.state.settings = replace(self.state.settings, dtype=dtype)
        self._reopen()

    def _reopen(self) -> None:
        self.window.toolbar.set_device_choice(self.state.settings.device, self.state.settings.dtype)
        if self.state.info is not None:
            self.open_model(self.state.info.path)

    @Slot(str)
    def _filter_changed(self, text: str) -> None:
        if text and self.state.frame is not None:
            self.engine.send(m.FindTokens(text))

    @Slot()
    def ask_export(self) -> None:
        if self.state.frame is None:
            return
        dialog = QFileDialog(self.window, self.tr("Export the text"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("Text with all figures (*.jsonl)"), self.tr("Text (*.txt)")])
        dialog.setDefaultSuffix("jsonl")
        dialog.fileSelected.connect(self.export)
        dialog.open()

    @Slot(str)
    def export(self, path: str) -> None:
        self.engine.send(m.Export(path))

    def _show_settings(self) -> None:
        s, w = self.state.settings, self.window
        w.toolbar.set_seed(s.seed)
        w.toolbar.set_speed(s.speed)
        w.toolbar.set_device_choice(s.device, s.dtype)
        w.toolbar.show_recent(s.recent_models)
        w.text.mode = s.page_mode
        w.next.log_scale = s.log_scale
        w.next.table_view = s.table_view
        self._set_zoom(s.zoom)
        self.engine.send(m.SetSeed(s.seed))
        self.set_decoding(s.decoding)
        self.looking.begin()

    @Slot(object)
    def _show_opened(self, event: m.SessionOpened) -> None:
        """A saved text brings its settings along; the worker has them already."""
        w = self.window
        w.decoding.set_settings(event.decoding)
        self._last_change = ""
        decoding = w.decoding.settings()
        self.state.settings = replace(self.state.settings, decoding=decoding, seed=event.seed)
        w.commands["greedy"].setChecked(decoding.method == "greedy")
        self.presets.show(decoding)
        w.toolbar.set_seed(event.seed)
        w.text.set_prompt_text(event.prompt, event.chat)
        w.text.expect_text()

    # -- view

    @Slot(bool)
    def _log_toggled(self, on: bool) -> None:
        self.window.next.log_scale = on

    @Slot(bool)
    def _table_toggled(self, on: bool) -> None:
        self.window.next.table_view = on

    @Slot(bool)
    def _full_screen_toggled(self, on: bool) -> None:
        if on:
            self.window.showFullScreen()
        else:
            self.window.showNormal()

    @Slot(bool)
    def _decoding_panel_toggled(self, on: bool) -> None:
        self.window.show_panel("decoding", on)

    @Slot(bool)
    def _next_panel_toggled(self, on: bool) -> None:
        self.window.show_panel("next", on)

    @Slot(bool)
    def _timeline_toggled(self, on: bool) -> None:
        self.window.show_panel("timeline", on)

    @Slot()
    def zoom_in(self) -> None:
        self._set_zoom(self.state.settings.zoom * 1.1)

    @Slot()
    def zoom_out(self) -> None:
        self._set_zoom(self.state.settings.zoom / 1.1)

    @Slot()
    def zoom_reset(self) -> None:
        self._set_zoom(1.0)

    def _set_zoom(self, zoom: float) -> None:
        """The size of all text: a projector wants figures as large as words."""
        zoom = min(max(zoom, 0.8), 2.0)
        self.state.settings = replace(self.state.settings, zoom=zoom)
        self.zoomed.emit(zoom)

    @Slot()
    def show_keys(self) -> None:
        if self._keys is None:
            self._keys = KeysDialog(self.window.commands, self.window)
        self._keys.present()

    @Slot()
    def show_about(self) -> None:
        if self._about is None:
            self._about = AboutDialog(self.window)
        self._about.present()


def _what_changed(before: DecodingSettings, after: DecodingSettings) -> str:
    """The one stage of which values have changed; empty where more is different, or another kind of thing."""
    same = [(s.name, s.enabled) for s in before.stages] == [(s.name, s.enabled) for s in after.stages]
    if not same or (before.method, before.needle) != (after.method, after.needle):
        return ""
    changed = [str(i) for i, (a, b) in enumerate(zip(before.stages, after.stages, strict=True)) if a != b]
    return changed[0] if len(changed) == 1 else ""
