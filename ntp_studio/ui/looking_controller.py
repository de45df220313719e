"""Between the draw, the story and the drawings on screen and the worker: what a person looks at becomes questions, and
the answers become pictures. Nothing here changes the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from PySide6.QtCore import QObject, Signal, Slot

from ntp_studio import messages as m
from ntp_studio.core.types import DecodingSettings, Method
from ntp_studio.engine import Engine
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter


class LookingController(QObject):
    """`decoding_chosen` carries settings that a person asked for beside the panel: another draw, a held needle, the
    settings of a past step."""

    decoding_chosen = Signal(object)

    def __init__(self, window: MainWindow, engine: Engine, presenter: Presenter) -> None:
        super().__init__(window)
        self._window, self._engine, self._state = window, engine, presenter.state
        self._wanted: int | None = None  # the token whose story is open
        self._waiting = False  # one question at a time, however fast the frames come
        self._again = False  # the token, the place or the settings have changed since it was asked
        self._handlers: dict[type, Callable[[Any], None]] = {
            m.StoryTold: self._on_story,
            m.ManyDrawn: self._on_many,
            m.FrameReady: self._on_frame,
            m.Loaded: self._on_loaded,
            m.Trouble: self._on_trouble,
        }
        presenter.listeners.append(self.handle)
        column, draw, panel, commands = window.next, window.next.draw_strip, window.decoding, window.commands
        column.story_wanted.connect(self._story_wanted)
        column.story_closed.connect(self._story_closed)
        column.selection_changed.connect(self._token_selected)
        column.method_chosen.connect(self._method_chosen)
        column.needle_moved.connect(self._needle_moved)
        column.needle_released_to_seed.connect(self._needle_released)
        column.needle_held.connect(self._needle_held)
        column.restore_asked.connect(self.decoding_chosen)
        column.many_asked.connect(self._many_asked)
        column.many_button.toggled.connect(commands["draw_many"].setChecked)
        panel.token_chosen.connect(column.tell_story_of)
        panel.pictures_wanted.connect(self._pictures_wanted)
        commands["draw_many"].toggled.connect(self._many_toggled)
        commands["toggle_drawings"].toggled.connect(self._drawings_toggled)
        commands["dart"].triggered.connect(draw.toggle_method)
        commands["hold_needle"].triggered.connect(draw.toggle_hold)
        commands["story"].triggered.connect(column.tell_story)

    def begin(self) -> None:
        """Show the drawings, if they were shown the last time."""
        on = self._state.settings.pictures
        self._window.decoding.pictures_shown = on
        self._window.commands["toggle_drawings"].setChecked(on)
        self._engine.send(m.ShowPictures(on))

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # -- what a person does

    @Slot(bool)
    def _drawings_toggled(self, on: bool) -> None:
        self._window.decoding.pictures_shown = on

    @Slot(bool)
    def _pictures_wanted(self, on: bool) -> None:
        self._state.settings = replace(self._state.settings, pictures=on)
        self._window.commands["toggle_drawings"].setChecked(on)
        self._engine.send(m.ShowPictures(on))

    @Slot(int)
    def _token_selected(self, token_id: int) -> None:
        self._window.decoding.select_token(token_id if token_id >= 0 else None)

    @Slot(int)
    def _story_wanted(self, token_id: int) -> None:
        self._wanted = token_id
        if self._waiting:
            self._again = True
        else:
            self._waiting, self._again = True, False
            self._engine.send(m.TellStory(token_id))

    @Slot()
    def _story_closed(self) -> None:
        self._wanted = None
        self._window.decoding.show_story(None)

    @Slot(bool)
    def _many_toggled(self, on: bool) -> None:
        if self._window.next.many_button.isChecked() != on:
            self._window.next.toggle_many()
            # It refuses where there is nothing to draw from.
            self._window.commands["draw_many"].setChecked(self._window.next.many_button.isChecked())

    @Slot(str)
    def _method_chosen(self, method: str) -> None:
        self.decoding_chosen.emit(replace(self._decoding, method=cast(Method, method)))

    @Slot(float)
    def _needle_moved(self, u: float) -> None:
        frame = self._state.frame
        if frame is not None:
            self._engine.send(m.MoveNeedle(u, frame.node, self._state.run))

    @Slot()
    def _needle_released(self) -> None:
        frame = self._state.frame
        if frame is None:
            return
        self._engine.send(m.MoveNeedle(None, frame.node, self._state.run))
        if self._decoding.needle is not None:
            self._needle_held(None)

    @Slot(object)
    def _needle_held(self, u: float | None) -> None:
        self.decoding_chosen.emit(replace(self._decoding, needle=u))

    @Slot(int)
    def _many_asked(self, count: int) -> None:
        if self._state.frame is not None:
            self._engine.send(m.DrawMany(count))

    @property
    def _decoding(self) -> DecodingSettings:
        return self._state.settings.decoding

    # -- what the worker says

    def _on_story(self, event: m.StoryTold) -> None:
        self._waiting = False
        if self._wanted is None:
            return
        if self._again or event.story.candidate.token.id != self._wanted:
            self._story_wanted(self._wanted)
            return
        frame = self._state.frame
        if frame is not None and event.run == self._state.run and event.node == frame.node:
            self._window.next.show_story(event.story)
            self._window.decoding.show_story(event.story)

    def _on_many(self, event: m.ManyDrawn) -> None:
        frame = self._state.frame
        if frame is not None and event.run == self._state.run and event.node == frame.node:
            self._window.next.show_many(event.count, event.times)

    def _on_frame(self, event: m.FrameReady) -> None:
        draw = event.frame.draw
        self._window.commands["dart"].setChecked(draw.method == "dart")
        self._window.commands["dart"].setEnabled(draw.method != "greedy" and self._window.inspecting)
        self._window.commands["hold_needle"].setChecked(self._decoding.needle is not None)
        self._window.commands["hold_needle"].setEnabled(draw.method == "dart" and self._window.inspecting)

    def _on_loaded(self, event: m.Loaded) -> None:
        self._waiting = self._again = False

    def _on_trouble(self, event: m.Trouble) -> None:
        self._waiting = self._again = False  # a question that failed has no other answer
