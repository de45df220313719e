"""The presenter: what the engine says becomes a picture.

The page is told of every token; the chart is painted once for the last frame of a delivery, and what is of a text that
has been replaced since is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from ntp_studio import assets
from ntp_studio import messages as m
from ntp_studio.core.types import ModelInfo, StepFrame
from ntp_studio.settings import Settings
from ntp_studio.ui.candidate_text import stage_label
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.seed_field import SeedField

# What makes sense only while there is a text with a distribution.
NEED_TEXT = (
    "step", "back", "forward", "go_to_end", "play", "restart", "export", "find_token", "select_next", "select_previous",
    "force_selected", "draw_many", "story", "copy_transformers", "copy_llamacpp", "save_session",
)  # fmt: skip

MOVES = ("step", "back", "forward", "go_to_end", "play", "restart", "force_selected")

# What else belongs to the columns, and has keys that would act on them while another page is in front.
OF_THE_COLUMNS = (
    "new_seed", "greedy", "faster", "slower", "log_scale", "edit_prompt", "dart", "hold_needle", "save_preset",
    "import_preset",
)  # fmt: skip
# Others say when these may be used; out of sight they are not, whatever is said.
OUT_OF_SIGHT = ("previous_snapshot", "next_snapshot", "play_snapshots", "undo_decoding")


@dataclass
class State:
    """What the window must know to translate between a person and the engine."""

    settings: Settings
    info: ModelInfo | None = None
    frame: StepFrame | None = None  # on the screen, or about to be
    playing: bool = False
    loading: bool = False
    run: int = 0  # of the text on the page
    last_node: int = -1
    waiting: int = 0  # moves asked for and not answered yet


class Presenter(QObject):
    tokens_wanted = Signal(str, bool)  # of a prompt typed before there was a model
    settled = Signal()  # what may be used at the main page is settled; other pages have their own say

    def __init__(self, window: MainWindow, state: State) -> None:
        super().__init__(window)
        self.window, self.state = window, state
        self._new_frame = False
        self._barred = False  # no token is allowed at the place on view
        window.text.front_changed.connect(self.show_ready)
        self.listeners: list[Callable[[m.Event], None]] = []  # of parts of the window that have events of their own
        self._handlers: dict[type, Callable[[Any], None]] = {
            m.Loading: self._on_loading,
            m.Loaded: self._on_loaded,
            m.LoadFailed: self._on_load_failed,
            m.Reading: self._on_reading,
            m.PathChanged: self._on_path,
            m.FrameReady: self._on_frame,
            m.NothingAllowed: self._on_nothing,
            m.RunState: self._on_run_state,
            m.Tokenized: self._on_tokenized,
            m.TokensFound: self._on_found,
            m.ModelsListed: self._on_models,
            m.Exported: self._on_exported,
            m.MemoryChanged: self._on_memory,
            m.Trouble: self._on_trouble,
        }

    def handle(self, events: list[m.Event]) -> None:
        """All events since the last call, in the main thread."""
        for event in events:
            if type(event) in self._handlers:
                self._handlers[type(event)](event)
            for listen in self.listeners:
                listen(event)
        if self._new_frame:
            self._new_frame = False
            self._paint()

    def _paint(self) -> None:
        frame, w = self.state.frame, self.window
        if frame is None:
            return
        w.next.show_frame(frame)
        w.decoding.show_reports(frame.stages)
        spans = tuple(span for report in frame.stages for span in report.spans)
        w.text.show_spans(spans, ", ".join(stage_label(report.name) for report in frame.stages if report.spans))
        w.text.show_pending(frame.choice.token, False)
        w.status.show_frame(frame)
        if frame.note:
            w.status.show_message(frame.note)

    def _on_loading(self, event: m.Loading) -> None:
        self.state.loading = True
        w = self.window
        w.toolbar.show_loading(event.name, event.fraction, event.message)
        w.status.show_state(self.tr("Loading {0}").format(event.name), "busy")
        if self.state.frame is None and not w.text.editing:
            title = self.tr("Loading {0}").format(event.name)
            w.text.clear(title, event.message, open_model=False)
            self._show_no_text()

    def _on_loaded(self, event: m.Loaded) -> None:
        self.state.loading = False
        self.state.info = event.info
        self.state.frame = None
        self.state.last_node = -1
        w = self.window
        if Path(event.info.path) != assets.bundled_model():  # it is in the list anyway
            self.state.settings = self.state.settings.with_recent(event.info.path)
        w.setWindowTitle(self.tr("{0} — NTP Studio").format(event.info.name))
        w.toolbar.show_model(event.info)
        w.toolbar.show_recent(self.state.settings.recent_models)
        w.status.show_model(event.info)
        w.text.set_context(event.info.context_length)
        w.text.set_chat_available(event.info.has_chat_template)
        w.text.show_path((), 0, 0)
        self._show_no_text()
        w.decoding.show_reports(())
        self.show_ready()
        if w.text.editing:  # what was typed while there was no model to cut it into tokens
            self.tokens_wanted.emit(w.text.prompt_text, w.text.prompt_chat)
        if event.info.notes:
            w.status.show_message(" ".join(event.info.notes))

    def _show_no_text(self) -> None:
        if self.window.text.prompt_text and not self.window.text.editing:
            hint = self.tr("The probabilities of the next token appear here when the model has read it.")
            self.window.next.clear(self.tr("The model reads the prompt"), hint)
            return
        hint = self.tr("Write a prompt and start: the probabilities of the next token appear here.")
        self.window.next.clear(self.tr("No text yet"), hint)

    def _on_load_failed(self, event: m.LoadFailed) -> None:
        self.state.loading = False
        w = self.window
        w.toolbar.end_loading()
        if not event.kept:
            self.state.info = self.state.frame = None
            w.toolbar.show_model(None)
            w.status.show_model(None)
            w.setWindowTitle(self.tr("NTP Studio"))
        if self.state.info is None:
            self.show_nothing_open()
        elif self.state.frame is None and not w.text.editing:
            w.text.show_path((), 0, 0)
        self.show_ready()
        if event.cancelled:
            w.status.show_message(self.tr("Loading was cancelled."))
        else:
            w.notice.show_text(event.message)

    def _on_reading(self, event: m.Reading) -> None:
        self.window.text.show_reading(event.done, event.total)
        self.window.status.show_state(self.tr("Reading the prompt"), "busy")

    def _on_path(self, event: m.PathChanged) -> None:
        if event.run < self.state.run:
            return
        if event.run > self.state.run:
            self.window.notice.clear()
        self.state.run = event.run
        self.state.last_node = event.tokens[-1].node if event.tokens else -1
        self.window.text.show_path(event.tokens, event.cursor, event.prompt_length)

    def _on_frame(self, event: m.FrameReady) -> None:
        self.state.waiting = max(0, self.state.waiting - 1)
        if event.run < self.state.run:
            return
        self.state.run = event.run
        if event.appended is not None:
            self.state.last_node = event.appended.node
            self.window.text.append(event.appended)
        if self._barred:
            self._barred = False
            self.window.status.clear_message()
            self.window.notice.clear()
        first, self.state.frame = self.state.frame is None, event.frame
        if first:
            self.show_ready()
        self._new_frame = True

    def _on_nothing(self, event: m.NothingAllowed) -> None:
        """Nothing of another place is left on view, but for the cards, which tell how it came to this."""
        self.state.waiting = max(0, self.state.waiting - 1)
        if event.run < self.state.run:
            return
        self.state.run = event.run
        w = self.window
        if event.appended is not None:
            self.state.last_node = event.appended.node
            w.text.append(event.appended)
        self._new_frame, self._barred = False, True
        w.next.clear(self.tr("No token is allowed here"), event.message)
        w.decoding.show_reports(event.stages)
        w.text.show_pending(None, False)
        w.text.show_spans(())
        w.status.show_message(event.message, 0, "error")
        w.status.show_context(event.context_length)

    def _on_run_state(self, event: m.RunState) -> None:
        self.state.playing = event.playing
        w = self.window
        w.toolbar.show_playing(event.playing)
        self.show_ready()
        if event.reason == "eos":
            w.status.show_message(self.tr("The model ended its text here; → goes on beyond its end."), 0)
        elif event.reason == "context":
            words = self.tr("The context is full. Go back, restart, or begin with a shorter prompt.")
            w.notice.show_text(words, calm=True)

    def _on_tokenized(self, event: m.Tokenized) -> None:
        self.window.text.show_tokenized(event.text, event.tokens, event.context_length)

    def _on_found(self, event: m.TokensFound) -> None:
        if event.run == self.state.run:
            self.window.next.show_found(event.query, event.candidates, event.total)

    def _on_models(self, event: m.ModelsListed) -> None:
        self.window.toolbar.show_models(event.models)

    def _on_exported(self, event: m.Exported) -> None:
        self.window.status.show_message(self.tr("Saved as {0}").format(Path(event.path).name))

    def _on_memory(self, event: m.MemoryChanged) -> None:
        self.window.status.show_memory(event.process_bytes, event.device_bytes)

    def _on_trouble(self, event: m.Trouble) -> None:
        self.state.playing = False  # the engine pauses whatever fails
        self.window.toolbar.show_playing(False)
        self.show_ready()
        self.window.text.show_reading(1, 1)
        if event.cancelled:
            self.window.status.show_message(event.message)
        else:
            self.window.notice.show_text(event.message)

    # -- what is shown when nothing happens

    @Slot()
    def show_ready(self) -> None:
        self.state.waiting = 0
        for action in NEED_TEXT:
            self.window.commands[action].setEnabled(self.state.frame is not None and self.window.inspecting)
        self._keep_to_page()
        if self.state.playing:
            self.window.status.show_state(self.tr("Playing"), "playing")
        elif self.state.info is None:
            self.window.status.show_state(self.tr("No model open"), "idle")
        else:
            self.window.status.show_state(self.tr("Ready"), "ready")
        self.settled.emit()

    def _keep_to_page(self) -> None:
        """Let nothing change the columns while they are out of sight, be it a key or the top bar."""
        w, inspecting = self.window, self.window.inspecting
        for action in OF_THE_COLUMNS:
            w.commands[action].setEnabled(inspecting)
        for action in MOVES:  # nothing moves a text that is covered by the prompt being written
            w.commands[action].setEnabled(w.commands[action].isEnabled() and not w.text.editing)
        for action in OUT_OF_SIGHT:
            w.commands[action].setVisible(inspecting)
        for part in (
            w.toolbar.findChild(SeedField),
            w.toolbar.findChild(QWidget, "speed_button"),
            w.toolbar.findChild(QWidget, "presets_button"),
        ):
            if part is not None:
                part.setEnabled(inspecting)

    def show_nothing_open(self, *, at_start: bool = False) -> None:
        self.show_ready()
        self.window.next.clear(self.tr("No model is open"), self.tr("Its next-token distribution will be here."))
        if self.window.text.editing and not at_start:  # a prompt that is being written is not taken away
            return
        last = self.state.settings.last_model
        self.window.text.clear(
            self.tr("Open a language model"),
            self.tr(
                "A Hugging Face folder, a GGUF file or a nanoGPT checkpoint on this computer: drop it on this window, "
                "pick it from the menu at the top left, or look for it here. Nothing leaves this machine."
            ),
            reopen=Path(last).name if last and Path(last).exists() else "",
        )
