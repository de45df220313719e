"""The controller: what a person does becomes a command, what the engine says becomes a picture.

It keeps the little that is needed to translate (which model, which run, whether it plays) and decides nothing about
models or decoding. The page is told of every token; the chart is painted once for the last frame of a delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from ntp_studio import messages as m
from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import DecodingSettings, ModelInfo, StepFrame
from ntp_studio.engine import Engine
from ntp_studio.settings import Settings
from ntp_studio.ui.help import AboutDialog, KeysDialog
from ntp_studio.ui.main_window import PANEL_ACTIONS, MainWindow
from ntp_studio.ui.preset_menu import preset_of

# Steps asked for and not yet answered: a key held down must not leave a queue that goes on after it is released.
MOST_WAITING = 2
# What makes sense only while there is a text with a distribution.
NEED_TEXT = (
    "step", "back", "forward", "go_to_end", "play", "restart", "export", "find_token", "select_next", "select_previous",
    "force_selected",
)  # fmt: skip


class Controller(QObject):
    zoomed = Signal(float)

    def __init__(self, window: MainWindow, engine: Engine, settings: Settings) -> None:
        super().__init__(window)
        self.window, self.engine, self.settings = window, engine, settings
        self.info: ModelInfo | None = None
        self.frame: StepFrame | None = None
        self.playing = False
        self.loading = False
        self._run = 0
        self._last_node = -1
        self._waiting = 0
        self._new_frame = False
        self._keys: KeysDialog | None = None
        self._about: AboutDialog | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            m.Loading: self._on_loading,
            m.Loaded: self._on_loaded,
            m.LoadFailed: self._on_load_failed,
            m.Reading: self._on_reading,
            m.PathChanged: self._on_path,
            m.FrameReady: self._on_frame,
            m.RunState: self._on_run_state,
            m.Tokenized: self._on_tokenized,
            m.TokensFound: self._on_found,
            m.ModelsListed: self._on_models,
            m.Exported: self._on_exported,
            m.MemoryChanged: self._on_memory,
            m.Trouble: self._on_trouble,
        }
        self._connect()

    def begin(self) -> None:
        """Show the settings and what to do first."""
        self._show_settings()
        self._show_nothing_open(at_start=True)

    # -- what a person does

    def _connect(self) -> None:
        w, commands = self.window, self.window.commands
        for action, slot in {
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
        w.toolbar.open_requested.connect(self.open_model)
        w.toolbar.device_chosen.connect(self._device_chosen)
        w.toolbar.dtype_chosen.connect(self._dtype_chosen)
        w.toolbar.seed_chosen.connect(self.set_seed)
        w.toolbar.speed_chosen.connect(self._speed_chosen)
        w.toolbar.preset_chosen.connect(self._preset_chosen)
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
        w.dropped.connect(self.open_model)

    @Slot(str)
    def open_model(self, path: str) -> None:
        self.loading = True
        self.window.notice.clear()
        self.engine.send(m.LoadModel(path, self.settings.device, self.settings.dtype))

    @Slot()
    def reopen_last(self) -> None:
        self.open_model(self.settings.last_model)

    @Slot(str, bool)
    def set_prompt(self, text: str, chat: bool = False) -> None:
        self._asked()
        self.engine.send(m.SetPrompt(text, chat))
        if self.info is None and not self.loading:
            self.window.notice.show_text(self.tr("The prompt is kept. Open a model, and it will read it."))

    @Slot(str, bool)
    def _prompt_edited(self, text: str, chat: bool) -> None:
        if self.info is not None:
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
        if self.frame is not None and self._waiting < MOST_WAITING:
            self._waiting += 1
            self._asked()
            self.engine.send(command)

    def _asked(self) -> None:
        """A person goes on: what was said about the last thing is no longer news."""
        self.window.notice.clear()
        self.window.status.clear_message()

    @Slot()
    def go_to_end(self) -> None:
        if self.frame is not None and self._last_node >= 0:
            self._go_to(self._last_node)

    @Slot(int)
    def _go_to(self, node: int) -> None:
        self._asked()
        self.engine.send(m.GoTo(node, self._run))

    @Slot(int)
    def _next_branch(self, node: int) -> None:
        self._asked()
        self.engine.send(m.NextBranch(node, self._run))

    @Slot(int)
    def _force(self, token_id: int) -> None:
        if self.frame is not None:
            self._asked()
            self.engine.send(m.Force(token_id, self.frame.node, self._run))

    @Slot()
    def toggle_play(self) -> None:
        if self.frame is None:
            return
        self._asked()
        # Known here at once, not when the engine says so: a second press must pause, however quick it comes.
        self.playing = not self.playing
        self.window.toolbar.show_playing(self.playing)
        self.engine.send(m.Play(self.window.toolbar.speed()) if self.playing else m.Pause())

    @Slot(float)
    def _speed_chosen(self, speed: float) -> None:
        self.settings = replace(self.settings, speed=speed)
        if self.playing:
            self.engine.send(m.Play(speed))

    @Slot()
    def restart(self) -> None:
        if self.frame is not None:
            self._asked()
            self.engine.send(m.Restart())

    @Slot()
    def cancel(self) -> None:
        self.engine.cancel()

    @Slot(object)
    def _decoding_changed(self, decoding: DecodingSettings) -> None:
        self.settings = replace(self.settings, decoding=decoding)
        self.window.commands["greedy"].setChecked(decoding.method == "greedy")
        self.window.toolbar.show_preset(preset_of(decoding))
        self.engine.send(m.SetDecoding(decoding))

    def set_decoding(self, decoding: DecodingSettings) -> None:
        self.window.decoding.set_settings(decoding)
        self._decoding_changed(self.window.decoding.settings())

    @Slot(str)
    def _preset_chosen(self, name: str) -> None:
        self.set_decoding(PRESETS[name].settings)

    @Slot(bool)
    def _greedy_toggled(self, on: bool) -> None:
        decoding = replace(self.settings.decoding, method="greedy" if on else "race")
        if decoding != self.settings.decoding:
            self.set_decoding(decoding)

    @Slot(int)
    def set_seed(self, seed: int) -> None:
        self.settings = replace(self.settings, seed=seed)
        self.engine.send(m.SetSeed(seed))

    @Slot(str)
    def _device_chosen(self, device: str) -> None:
        self.settings = replace(self.settings, device=device)
        self._reopen()

    @Slot(str)
    def _dtype_chosen(self, dtype: str) -> None:
        self.settings = replace(self.settings, dtype=dtype)
        self._reopen()

    def _reopen(self) -> None:
        self.window.toolbar.set_device_choice(self.settings.device, self.settings.dtype)
        if self.info is not None:
            self.open_model(self.info.path)

    @Slot(str)
    def _filter_changed(self, text: str) -> None:
        if text and self.frame is not None:
            self.engine.send(m.FindTokens(text))

    @Slot()
    def ask_export(self) -> None:
        if self.frame is None:
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

    # -- what the engine says

    def handle(self, events: list[m.Event]) -> None:
        """All events since the last call, in the main thread."""
        for event in events:
            self._handlers[type(event)](event)
        if self._new_frame:
            self._new_frame = False
            self._paint()

    def _paint(self) -> None:
        frame, w = self.frame, self.window
        if frame is None:
            return
        w.next.show_frame(frame)
        w.decoding.show_reports(frame.stages)
        w.text.show_pending(frame.choice.token, False)
        w.status.show_frame(frame)
        if frame.note:
            w.status.show_message(frame.note)

    def _on_loading(self, event: m.Loading) -> None:
        self.loading = True
        w = self.window
        w.toolbar.show_loading(event.name, event.fraction, event.message)
        w.status.show_state(self.tr("Loading {0}").format(event.name), "busy")
        if self.frame is None and not w.text.editing:
            title = self.tr("Loading {0}").format(event.name)
            w.text.clear(title, event.message, open_model=False)
            self._show_no_text()

    def _on_loaded(self, event: m.Loaded) -> None:
        self.loading = False
        self.info = event.info
        self.frame = None
        self._last_node = -1
        w = self.window
        self.settings = self.settings.with_recent(event.info.path)
        w.setWindowTitle(self.tr("{0} — NTP Studio").format(event.info.name))
        w.toolbar.show_model(event.info)
        w.toolbar.show_recent(self.settings.recent_models)
        w.status.show_model(event.info)
        w.text.set_context(event.info.context_length)
        w.text.set_chat_available(event.info.has_chat_template)
        w.text.show_path((), 0, 0)
        self._show_no_text()
        w.decoding.show_reports(())
        self._ready()
        if w.text.editing:  # what was typed while there was no model to cut it into tokens
            self._prompt_edited(w.text.prompt_text, w.text.prompt_chat)
        if event.info.notes:
            w.status.show_message(" ".join(event.info.notes))

    def _show_no_text(self) -> None:
        hint = self.tr("Write a prompt and start: the probabilities of the next token appear here.")
        self.window.next.clear(self.tr("No text yet"), hint)

    def _on_load_failed(self, event: m.LoadFailed) -> None:
        self.loading = False
        w = self.window
        w.toolbar.end_loading()
        if not event.kept:
            self.info = self.frame = None
            w.toolbar.show_model(None)
            w.status.show_model(None)
            w.setWindowTitle(self.tr("NTP Studio"))
        if self.info is None:
            self._show_nothing_open()
        elif self.frame is None and not w.text.editing:
            w.text.show_path((), 0, 0)
        self._ready()
        if event.cancelled:
            w.status.show_message(self.tr("Loading was cancelled."))
        else:
            w.notice.show_text(event.message)

    def _on_reading(self, event: m.Reading) -> None:
        self.window.text.show_reading(event.done, event.total)
        self.window.status.show_state(self.tr("Reading the prompt"), "busy")

    def _on_path(self, event: m.PathChanged) -> None:
        if event.run < self._run:
            return
        if event.run > self._run:
            self.window.notice.clear()
        self._run = event.run
        self._last_node = event.tokens[-1].node if event.tokens else -1
        self.window.text.show_path(event.tokens, event.cursor, event.prompt_length)

    def _on_frame(self, event: m.FrameReady) -> None:
        self._waiting = max(0, self._waiting - 1)
        if event.run < self._run:
            return
        self._run = event.run
        if event.appended is not None:
            self._last_node = event.appended.node
            self.window.text.append(event.appended)
        first, self.frame = self.frame is None, event.frame
        if first:
            self._ready()
        self._new_frame = True

    def _on_run_state(self, event: m.RunState) -> None:
        self.playing = event.playing
        w = self.window
        w.toolbar.show_playing(event.playing)
        self._ready()
        if event.reason == "eos":
            w.status.show_message(self.tr("The model ended its text here; → goes on beyond its end."), 0)
        elif event.reason == "context":
            w.notice.show_text(self.tr("The context is full. Go back, restart, or begin with a shorter prompt."))

    def _on_tokenized(self, event: m.Tokenized) -> None:
        self.window.text.show_tokenized(event.text, event.tokens, event.context_length)

    def _on_found(self, event: m.TokensFound) -> None:
        if event.run == self._run:
            self.window.next.show_found(event.query, event.candidates, event.total)

    def _on_models(self, event: m.ModelsListed) -> None:
        self.window.toolbar.show_models(event.models)

    def _on_exported(self, event: m.Exported) -> None:
        self.window.status.show_message(self.tr("Saved as {0}").format(Path(event.path).name))

    def _on_memory(self, event: m.MemoryChanged) -> None:
        self.window.status.show_memory(event.process_bytes, event.device_bytes)

    def _on_trouble(self, event: m.Trouble) -> None:
        self.playing = False  # the engine pauses whatever fails
        self.window.toolbar.show_playing(False)
        self._ready()
        self.window.text.show_reading(1, 1)
        if event.cancelled:
            self.window.status.show_message(event.message)
        else:
            self.window.notice.show_text(event.message)

    # -- what is shown when nothing happens

    def _ready(self) -> None:
        self._waiting = 0
        for action in NEED_TEXT:
            self.window.commands[action].setEnabled(self.frame is not None)
        if self.playing:
            self.window.status.show_state(self.tr("Playing"), "playing")
        elif self.info is None:
            self.window.status.show_state(self.tr("No model open"), "idle")
        else:
            self.window.status.show_state(self.tr("Ready"), "ready")

    def _show_nothing_open(self, *, at_start: bool = False) -> None:
        self._ready()
        self.window.next.clear(self.tr("No model is open"), self.tr("Its next-token distribution will be here."))
        if self.window.text.editing and not at_start:  # a prompt that is being written is not taken away
            return
        last = self.settings.last_model
        self.window.text.clear(
            self.tr("Open a language model"),
            self.tr(
                "A Hugging Face folder, a GGUF file or a nanoGPT checkpoint on this computer: drop it on this window, "
                "pick it from the menu at the top left, or look for it here. Nothing leaves this machine."
            ),
            reopen=Path(last).name if last and Path(last).exists() else "",
        )

    def _show_settings(self) -> None:
        s, w = self.settings, self.window
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
        self._set_zoom(self.settings.zoom * 1.1)

    @Slot()
    def zoom_out(self) -> None:
        self._set_zoom(self.settings.zoom / 1.1)

    @Slot()
    def zoom_reset(self) -> None:
        self._set_zoom(1.0)

    def _set_zoom(self, zoom: float) -> None:
        """The size of all text: a projector wants figures as large as words."""
        zoom = min(max(zoom, 0.8), 2.0)
        self.settings = replace(self.settings, zoom=zoom)
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
