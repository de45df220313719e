"""Between the time-lapse's strip and the worker: wishes become commands, and its events become pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Slot

from ntp_studio import messages as m
from ntp_studio import time_lapse_messages as t
from ntp_studio.engine import Engine
from ntp_studio.ui.main_window import PANEL_ACTIONS, MainWindow
from ntp_studio.ui.presenter import Presenter


class TimeLapseController(QObject):
    """Shows the open model as one snapshot of several, and exchanges it."""

    def __init__(self, window: MainWindow, engine: Engine, presenter: Presenter) -> None:
        super().__init__(window)
        self._window, self._engine, self._state = window, engine, presenter.state
        self._strip = window.time_lapse
        self._name = ""  # the training's
        self._handlers: dict[type, Callable[[Any], None]] = {
            t.TimeLapseOpened: self._on_opened,
            t.SnapshotLoading: self._on_loading,
            t.SnapshotShown: self._on_shown,
            t.SnapshotFailed: self._on_failed,
            t.RibbonChanged: self._on_ribbon,
            m.FrameReady: self._on_frame,
            m.TokensFound: self._on_found,
            m.LoadFailed: self._on_load_failed,
        }
        presenter.listeners.append(self.handle)
        commands = window.commands
        for action, slot in {
            "previous_snapshot": self._strip.previous,
            "next_snapshot": self._strip.skip,
            "play_snapshots": self._strip.toggle_play,
            "cancel": self._strip.stop,
        }.items():
            commands[action].triggered.connect(slot)
        commands[PANEL_ACTIONS["time_lapse"]].toggled.connect(self._toggled)
        self._strip.snapshot_wanted.connect(self._wanted)
        self._strip.pins_changed.connect(self._pinned)
        self._strip.find_wanted.connect(self._find)
        window.next.selection_changed.connect(self._selected)
        window.next.log_scale_changed.connect(self._strip.set_log)
        self._strip.set_log(bool(window.next.log_scale))
        self._toggled(commands[PANEL_ACTIONS["time_lapse"]].isChecked())
        self._strip.show_series("", (), 0)

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # -- what a person does

    @Slot(bool)
    def _toggled(self, on: bool) -> None:
        self._window.show_panel("time_lapse", on)
        self._engine.send(t.WatchTimeLapse(on))

    @Slot(str)
    def _wanted(self, path: str) -> None:
        self._window.notice.clear()
        self._engine.send(t.ShowSnapshot(path))

    @Slot(object)
    def _pinned(self, token_ids: tuple[int, ...]) -> None:
        self._engine.send(t.FollowTokens(token_ids))

    @Slot(str)
    def _find(self, query: str) -> None:
        if self._state.frame is not None:
            self._engine.send(m.FindTokens(query))

    @Slot(int)
    def _selected(self, token_id: int) -> None:
        found = (row.candidate.token for row in self._window.next.chart.rows if row.candidate is not None)
        self._strip.offer_first(next((token for token in found if token.id == token_id), None))

    # -- what the worker says

    def _on_opened(self, event: t.TimeLapseOpened) -> None:
        self._name = event.name
        self._window.toolbar.show_series(event.name)
        self._strip.show_series(event.name, event.snapshots, event.current)

    def _on_loading(self, event: t.SnapshotLoading) -> None:
        self._window.status.show_state(self.tr("Loading a snapshot"), "busy")

    def _on_shown(self, event: t.SnapshotShown) -> None:
        index = self._strip.index_of(event.path)
        if index is None:
            return
        w = self._window
        if self._state.info != event.info:
            self._state.info = event.info
            w.setWindowTitle(self.tr("{0} — NTP Studio").format(event.info.name))
            w.toolbar.show_model(event.info, self._name)
            w.status.show_model(event.info)
            w.text.set_context(event.info.context_length)
            w.text.set_chat_available(event.info.has_chat_template)
        self._strip.show_current(index)
        self._show_state()

    def _on_failed(self, event: t.SnapshotFailed) -> None:
        self._strip.show_failed()
        self._show_state()
        if event.cancelled:
            self._window.status.show_message(self.tr("The snapshot was not loaded."))
        else:
            self._window.notice.show_text(event.message)

    def _on_load_failed(self, event: m.LoadFailed) -> None:
        self._strip.show_failed()  # a wish that the load has overtaken is not answered any more

    def _show_state(self) -> None:
        playing = self._state.playing
        words = self.tr("Playing") if playing else self.tr("Ready")
        self._window.status.show_state(words, "playing" if playing else "ready")

    def _on_ribbon(self, event: t.RibbonChanged) -> None:
        self._strip.show_ribbon(event)

    def _on_frame(self, event: m.FrameReady) -> None:
        if event.run >= self._state.run:
            self._strip.show_place(event.run, event.frame)

    def _on_found(self, event: m.TokensFound) -> None:
        self._strip.show_found(event.query, [each.token for each in event.candidates])
