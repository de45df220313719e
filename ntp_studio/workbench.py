"""The workbench: the models that are open, each with its text, and what every command does to them.

All of it runs in the worker thread (or in a test's own). A command that fails leaves model and text as they were and is
told in a sentence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ntp_studio import messages as m
from ntp_studio.cancellation import READING, Cancellation
from ntp_studio.columns import Column, Playing, ReadingOptions
from ntp_studio.compare_desk import CompareDesk
from ntp_studio.core.types import Cancelled, NoTokenAllowed, PageToken, StopReason, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel
    from ntp_studio.core.session import Session
from ntp_studio.core.tree import Node
from ntp_studio.loading import Loader
from ntp_studio.looking import Looking
from ntp_studio.session_desk import SessionDesk
from ntp_studio.time_lapse import TimeLapse
from ntp_studio.time_lapse_messages import ShowSnapshot
from ntp_studio.training_desk import TrainingDesk

log = logging.getLogger(__name__)
MEMORY_EVERY = 1.0  # seconds


class Workbench:
    def __init__(self, emit: Callable[[m.Event], None], cancellation: Cancellation, top: int) -> None:
        self._emit = emit
        self._cancellation = cancellation
        self._top = top
        self.columns: dict[str, Column] = {}
        self._number = 0  # of the command being carried out
        self._memory_told = 0.0
        self.training = TrainingDesk(emit, cancellation)
        self.comparison = CompareDesk(self._say, cancellation, main=self._main_model, top=top)
        self.loader = Loader(self._say, cancellation, self.comparison.uses)
        self.looking = Looking(self._say)
        self.time_lapse = TimeLapse(self._say, cancellation, self._show_text)
        self.sessions = SessionDesk(
            self._say,
            self.loader,
            self.time_lapse,
            pause=self._pause,
            reading=self._reading,
            show_text=self._show_text,
            top=top,
        )

    def _say(self, event: m.Event) -> None:
        self._emit(event)

    def carry_out(self, number: int, command: m.Command) -> None:
        self._number = number
        self.time_lapse.wait()
        if self.training.takes(command):
            self.training.carry_out(number, command)
            return
        if self.comparison.takes(command):
            self.comparison.carry_out(number, command)
            return
        column = self.columns.setdefault(command.model, Column(command.model))
        if column.lost is not None and not isinstance(command, m.LoadModel | m.CloseModel):
            self._go_back_to(column)
        with self._telling(column):
            if self.time_lapse.takes(command):
                self.time_lapse.carry_out(column, number, command)
            elif self.looking.takes(command):
                self.looking.carry_out(column, command)
            elif self.sessions.takes(command):
                self.sessions.carry_out(column, number, command)
            else:
                getattr(self, f"_do_{type(command).__name__}")(column, command)
        if isinstance(command, m.LoadModel | m.CloseModel | m.OpenSession | ShowSnapshot):
            self.comparison.main_changed()

    @contextmanager
    def _telling(self, column: Column) -> Iterator[None]:
        """Whatever goes wrong is told in a sentence, and the column goes on with what it had."""
        try:
            yield
        except StudioError as error:
            log.info("%s", error, exc_info=True)
            self._pause(column, "error", str(error))
            cancelled = isinstance(error, Cancelled)
            if not (cancelled and self._cancellation.superseded(column.id, self._number)):
                self._emit(m.Trouble(str(error), cancelled, model=column.id))
        except Exception as error:
            log.exception("a command failed")
            self._pause(column, "error", str(error))
            text = (
                f"Something went wrong inside the program ({type(error).__name__}: {error}). The log has the details."
            )
            self._emit(m.Trouble(text, model=column.id))

    def advance(self) -> bool:
        """Bring back models lost to a failed load, then one token of every column that plays and is due, one update of
        the model in training, and a piece of the time-lapse. False if there was nothing to do."""
        worked = False
        for column in list(self.columns.values()):
            if self._cancellation.closed():
                break
            if column.lost is not None:
                self._go_back_to(column)
            if column.playing is not None and column.playing.due <= time.monotonic():
                worked = True
                with self._telling(column):
                    self._play_one(column, column.playing)
        worked = self.training.advance() or worked
        worked = self.comparison.advance() or worked
        if self.comparison.playing is not None:  # idle work is for when nothing plays
            return worked
        return self.time_lapse.advance(self.columns.values()) or worked

    def until_due(self) -> float | None:
        """Seconds until there is something to do without a command, None if there is nothing."""
        if self.training.running:
            return 0.0
        due = [c.playing.due for c in self.columns.values() if c.playing is not None]
        due += [at for at in (self.comparison.due(), self.time_lapse.due(self.columns.values())) if at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def release_all(self) -> None:
        self.training.close()
        self.comparison.close()
        for column in self.columns.values():
            self.time_lapse.close(column)
            self.loader.release(column)

    # -- models

    def _main_model(self) -> LanguageModel | None:
        column = self.columns.get(m.MAIN)
        return None if column is None or column.session is None else column.session.model

    def _do_LoadModel(self, column: Column, command: m.LoadModel) -> None:
        self._pause(column)
        self.time_lapse.make_room(column)
        model = self.loader.open(column, command, self._number)
        if model is not None:
            self._begin(column, model)

    def _begin(self, column: Column, model: LanguageModel) -> None:
        from ntp_studio.core.session import Session

        column.session = Session(model, seed=column.seed, decoding=column.decoding, top=self._top)
        column.session.pictures = column.pictures
        column.run += 1
        self._emit(m.Loaded(model.info, model=column.id))
        self.time_lapse.open(column)
        self._tell_memory(now=True)
        if column.prompt is not None:
            self._read_prompt(column, column.session, column.prompt, column.chat)

    def adopt(self, name: str, session: Session) -> None:
        """Take a session made elsewhere as a column."""
        column = self.columns.setdefault(name, Column(name))
        column.session, column.decoding, column.seed = session, session.decoding, session.seed
        column.run += 1
        self._show_text(column, session)

    def _go_back_to(self, column: Column) -> None:
        """Have again the model that was released for a load that failed, with its text as it was."""
        if self.loader.bring_back(column):
            with self._telling(column):
                assert column.session is not None
                self._show_text(column, column.session)
        else:
            self.time_lapse.close(column)

    def _do_CloseModel(self, column: Column, command: m.CloseModel) -> None:
        self._pause(column)
        column.lost = None
        self.time_lapse.close(column)
        self.loader.release(column)
        del self.columns[column.id]

    def _do_ListModels(self, column: Column, command: m.ListModels) -> None:
        from ntp_studio.core import discovery

        self._emit(m.ModelsListed(tuple(discovery.found(command.recent)), model=column.id))

    # -- text

    def _do_SetPrompt(self, column: Column, command: m.SetPrompt) -> None:
        self._pause(column)
        if column.session is not None:
            self._read_prompt(column, column.session, command.text, command.chat)
        column.prompt, column.chat = command.text, command.chat

    def _read_prompt(self, column: Column, session: Session, text: str, chat: bool) -> None:
        chat = chat and session.model.tokens.has_chat_template
        with self._reading(column) as options:
            session.set_prompt(text, chat=chat, **options)
        column.run += 1
        self._show_text(column, session)

    @contextmanager
    def _reading(self, column: Column) -> Iterator[ReadingOptions]:
        """What lets a long reading tell how far it is, and be cancelled."""

        def progress(done: int, total: int) -> None:
            self._emit(m.Reading(column.run, done, total, model=column.id))

        with self._cancellation.job(column.id, READING, self._number) as cancelled:
            yield {"progress": progress, "cancelled": cancelled}

    def _do_Tokenize(self, column: Column, command: m.Tokenize) -> None:
        session = column.session
        if session is None:
            return
        chat = command.chat and session.model.tokens.has_chat_template
        ids, template = session.encode(command.text, chat=chat)
        tokens = tuple(
            PageToken(-1, session.model.tokens.token(i), "prompt", template=t)
            for i, t in zip(ids, template, strict=True)
        )
        self._emit(m.Tokenized(command.text, tokens, session.model.info.context_length, model=column.id))

    def _do_Step(self, column: Column, command: m.Step) -> None:
        self._pause(column)
        self._take(column, column.ready())

    def _take(self, column: Column, session: Session) -> None:
        if column.frame is None:
            with self._reading(column) as options:
                column.frame = session.frame(**options)
        frame = column.frame
        grows = session.tree.here.ahead is None
        node = session.take(frame.choice, frame, "drawn")
        self._show_text(column, session, appended=node if grows else None)

    def _do_Force(self, column: Column, command: m.Force) -> None:
        self._pause(column)
        session = column.ready()
        if self._outdated(column, command.run):
            return
        moved = command.node is not None and command.node != session.tree.here.id
        if moved and command.node is not None:  # it was chosen from a distribution that has passed since: go back to it
            session.go_to(command.node)
        grows = session.tree.here.ahead is None and not moved
        session.force(command.token_id)
        self._show_text(column, session, appended=session.tree.here if grows else None)

    def _do_Back(self, column: Column, command: m.Back) -> None:
        self._pause(column)
        column.ready().back()
        self._show_text(column, column.ready())

    def _do_Forward(self, column: Column, command: m.Forward) -> None:
        self._pause(column)
        column.ready().forward()
        self._show_text(column, column.ready())

    def _do_GoTo(self, column: Column, command: m.GoTo) -> None:
        self._pause(column)
        if not self._outdated(column, command.run):
            column.ready().go_to(command.node)
            self._show_text(column, column.ready())

    def _do_NextBranch(self, column: Column, command: m.NextBranch) -> None:
        self._pause(column)
        if not self._outdated(column, command.run):
            column.ready().next_branch(command.node)
            self._show_text(column, column.ready())

    def _outdated(self, column: Column, run: int | None) -> bool:
        """Whether a command speaks of nodes of a text that has been replaced since."""
        return run is not None and run != column.run

    def _do_Restart(self, column: Column, command: m.Restart) -> None:
        self._pause(column)
        column.ready().restart()
        column.run += 1
        self._show_text(column, column.ready())

    # -- settings

    def _do_SetDecoding(self, column: Column, command: m.SetDecoding) -> None:
        if column.session is not None:
            column.session.set_decoding(command.decoding)
            column.decoding = command.decoding
            column.frame = None  # it no longer holds, also where the new chain allows no token
            self._show_frame(column, column.session)
        else:
            column.decoding = command.decoding

    def _do_SetSeed(self, column: Column, command: m.SetSeed) -> None:
        if column.session is not None:
            column.session.set_seed(command.seed)
            column.seed = command.seed
            self._show_frame(column, column.session)
        else:
            column.seed = command.seed

    def _do_MoveNeedle(self, column: Column, command: m.MoveNeedle) -> None:
        session = column.ready()
        here = command.node is None or command.node == session.tree.here.id
        if here and not self._outdated(column, command.run):  # else the text has gone on since
            session.move_needle(command.u)
            self._show_frame(column, session)

    def _do_ShowPictures(self, column: Column, command: m.ShowPictures) -> None:
        column.pictures = command.on
        if column.session is not None:
            column.session.pictures = command.on
            self._show_frame(column, column.session)

    def _do_FindTokens(self, column: Column, command: m.FindTokens) -> None:
        session = column.ready()
        found, total = session.find(command.query, command.limit) if command.query else ((), 0)
        self._emit(m.TokensFound(column.run, command.query, found, total, model=column.id))

    def _do_Export(self, column: Column, command: m.Export) -> None:
        from ntp_studio.core import export

        export.write(column.ready(), command.path)
        self._emit(m.Exported(command.path, model=column.id))

    # -- playing

    def _do_Play(self, column: Column, command: m.Play) -> None:
        session = column.ready()
        _ = session.tree.here  # there must be a text
        interval = 1 / command.per_second if command.per_second > 0 else 0.0
        due = time.monotonic()
        if column.playing is not None:  # only the speed changed
            due = min(column.playing.due, due + interval)
        column.playing = Playing(interval, command.steps, due)
        self._emit(m.RunState(column.run, True, model=column.id))

    def _do_Pause(self, column: Column, command: m.Pause) -> None:
        self._pause(column)

    def _pause(self, column: Column, reason: StopReason | None = None, message: str = "") -> None:
        if column.playing is not None:
            column.playing = None
            self._emit(m.RunState(column.run, False, reason, message, model=column.id))

    def _play_one(self, column: Column, playing: Playing) -> None:
        session = column.ready()
        stopped: StopReason | None = "steps" if playing.remaining == 0 else session.stopped
        if stopped is not None:
            self._pause(column, stopped)
            return
        # From when it was due, not from now, so that the pace holds; but a slow model does not hurry to catch up.
        playing.due = max(playing.due + playing.interval, time.monotonic())
        if playing.remaining is not None:
            playing.remaining -= 1
        self._take(column, session)
        self._tell_memory()

    # -- telling the window

    def _show_text(self, column: Column, session: Session, appended: Node | None = None) -> None:
        """The place has changed: show the text (unless it merely grew) and the distribution there."""
        column.frame = None
        try:
            if appended is None and session.incomplete:
                with self._reading(column) as options:
                    session.complete_scores(**options)
        finally:
            self._show_place(column, session, appended)

    def _show_place(self, column: Column, session: Session, appended: Node | None) -> None:
        if appended is None and session.place:
            page = session.page()
            self._emit(m.PathChanged(column.run, page, session.place, session.tree.prompt_length, model=column.id))
        token = session.page_token(appended) if appended is not None else None
        try:
            self._show_frame(column, session, token)
        except StudioError:
            if token is not None:  # the model failed after the token was taken: the page must still show it
                page = session.page()
                self._emit(m.PathChanged(column.run, page, session.place, session.tree.prompt_length, model=column.id))
            raise

    def _show_frame(self, column: Column, session: Session, appended: PageToken | None = None) -> None:
        if session.place:
            column.frame = None
            try:
                with self._reading(column) as options:
                    column.frame = session.frame(**options)
            except NoTokenAllowed as error:
                self._pause(column, "error", str(error))
                here = session.tree.here.id, session.place
                self._emit(m.NothingAllowed(column.run, *here, str(error), error.stages, appended, model=column.id))
                return
            self._emit(m.FrameReady(column.run, column.frame, appended, model=column.id))
            session.prepare()

    def _tell_memory(self, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._memory_told < MEMORY_EVERY:
            return
        from ntp_studio.core import devices

        self._memory_told = time.monotonic()
        self._emit(m.MemoryChanged(*devices.memory_in_use()))
