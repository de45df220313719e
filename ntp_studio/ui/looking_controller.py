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
        self._selected: int | None = None
        self._waiting = False  # for a story: one question at a time, however fast the frames come
        self._again = False  # the place or the settings have changed since it was asked
        self._handlers: dict[type, Callable[[Any], None]] = {
            m.StoryTold: self._on_story,
            m.ManyDrawn: self._on_many,
            m.Loaded: self._on_loaded,
            m.Trouble: self._on_trouble,
        }
        presenter.listeners.append(self.handle)
        presenter.painted.connect(self._ask_story)
        following, decoding = window.next, window.decoding
        following.selection_changed.connect(self._token_selected)
        following.method_chosen.connect(self._method_chosen)
        following.needle_moved.connect(self._needle_moved)
        following.needle_released_to_seed.connect(self._needle_released)
        following.needle_held.connect(self._needle_held)
        following.restore_asked.connect(self.decoding_chosen)
        following.many_asked.connect(self._many_asked)
        decoding.pictures_wanted.connect(self._pictures_wanted)

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # -- what a person does

    @Slot(bool)
    def _pictures_wanted(self, on: bool) -> None:
        self._state.settings = replace(self._state.settings, pictures=on)
        self._engine.send(m.ShowPictures(on))

    @Slot(int)
    def _token_selected(self, token_id: int) -> None:
        self._selected = token_id if token_id >= 0 else None
        self._window.decoding.select_token(self._selected)
        if self._selected is None:
            self._show(None)
        else:
            self._ask_story()

    @Slot()
    def _ask_story(self) -> None:
        if self._selected is None or self._state.frame is None:
            return
        self._again = self._waiting
        if not self._waiting:
            self._waiting = True
            self._engine.send(m.TellStory(self._selected))

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
        if event.story.candidate.token.id != self._selected or self._again:
            self._ask_story()
            return
        frame = self._state.frame
        if frame is not None and event.run == self._state.run and event.node == frame.node:
            self._show(event)

    def _show(self, event: m.StoryTold | None) -> None:
        story = event.story if event is not None else None
        self._window.next.show_story(story)
        self._window.decoding.show_story(story)

    def _on_many(self, event: m.ManyDrawn) -> None:
        frame = self._state.frame
        if frame is not None and event.run == self._state.run and event.node == frame.node:
            self._window.next.show_many(event.count, event.times)

    def _on_loaded(self, event: m.Loaded) -> None:
        self._waiting = self._again = False
        self._show(None)

    def _on_trouble(self, event: m.Trouble) -> None:
        self._waiting = False  # a question that failed has no other answer
