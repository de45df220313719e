"""The compare desk: two to four columns in lock-step, and what every command does to them. In the worker thread.

The columns are not those of the window's main page, but share weights with it and with one another where checkpoint,
device and dtype are the same: nothing is loaded twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.cancellation import READING, Cancellation
from ntp_studio.columns import Playing
from ntp_studio.compare_opening import ColumnOpener, inside
from ntp_studio.compare_scoring import Scorer
from ntp_studio.compare_telling import MOST_PLACES, Telling
from ntp_studio.core.types import (
    DEFAULT_SEED,
    Cancelled,
    DecodingSettings,
    PageToken,
    StepFrame,
    StopReason,
    StudioError,
)

if TYPE_CHECKING:
    from ntp_studio.core.disagreement import Disagreement
    from ntp_studio.core.lockstep import Lockstep
    from ntp_studio.core.model import LanguageModel
    from ntp_studio.core.session import Session

log = logging.getLogger(__name__)


class CompareDesk:
    def __init__(
        self,
        emit: Callable[[m.Event], None],
        cancellation: Cancellation,
        *,
        main: Callable[[], LanguageModel | None],
        top: int,
    ) -> None:
        """`main` gives the model of the window's main page; `top` is how many candidates a frame lists."""
        self._emit = emit
        self._cancellation = cancellation
        self._main = main
        self._top = top
        self._number = 0  # of the command being carried out
        self._telling = Telling(emit)
        self._lockstep: Lockstep | None = None
        self._disagreement: Disagreement | None = None
        self._frames: tuple[StepFrame, ...] | None = None  # of the place on view
        self._prompt: tuple[str, bool] | None = None
        self._decoding = DecodingSettings()
        self._seed = DEFAULT_SEED
        self._mode: c.Mode = "same text"
        self._same_draw = True
        self._pictures = False
        self._opener = ColumnOpener(emit, cancellation, self._models, main)
        self._scorer = Scorer(emit, cancellation, self._models)
        self.playing: Playing | None = None
        self.pressed: Callable[[], bool] = cancellation.closed  # whether a command waits; the engine knows better

    # -- commands

    def takes(self, command: m.Command) -> bool:
        """Whether this command is about the comparison."""
        return isinstance(command, c.CompareCommand)

    def carry_out(self, number: int, command: m.Command) -> None:
        """Whatever goes wrong is told in a sentence, and the columns stay as they are."""
        self._number = number
        if self._scorer.takes(command):
            self._pause()
            self._guarded(lambda: self._scorer.carry_out(number, command))
            return
        self._guarded(lambda: getattr(self, f"_do_{type(command).__name__}")(command))

    def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except StudioError as error:
            log.info("%s", error, exc_info=True)
            self._pause("error", str(error))
            self._emit(c.CompareTrouble(str(error), isinstance(error, Cancelled)))
        except Exception as error:
            log.exception("a command of the comparison failed")
            self._pause("error", str(error))
            self._emit(c.CompareTrouble(inside(error)))

    def uses(self, model: LanguageModel) -> bool:
        """Whether a column has the weights of this model, so that they stay in memory whoever else lets them go."""
        return any(each.network is model.network for each in self._models())

    def _models(self) -> list[LanguageModel]:
        return [] if self._lockstep is None else [column.session.model for column in self._lockstep.columns]

    # -- the columns

    def _do_BeginComparison(self, command: c.BeginComparison) -> None:
        if self._lockstep is not None:
            self._show_columns()
            self._show(whole=True)
            return
        self._prompt = (command.prompt, command.chat) if command.prompt else None
        self._decoding, self._seed = command.decoding, command.seed
        model = self._main()
        if model is None:
            self._show_columns()
        else:
            self._add(model.twin(), None)

    def _do_AddColumn(self, command: c.AddColumn) -> None:
        self._pause()
        self._opener.carry_out(command, self._number, self._add)

    def _add(self, model: LanguageModel, request: int | None, at: int | None = None) -> None:
        """Put a column on this model at the end, or at a place in the row. Raises StudioError; nothing is changed."""
        from ntp_studio.core.disagreement import Disagreement
        from ntp_studio.core.lockstep import Lockstep
        from ntp_studio.core.session import Session

        decoding = self._decoding if self._lockstep is None else self._lockstep.leader.decoding
        session = Session(model, seed=self._seed, decoding=decoding, top=self._top)
        session.pictures = self._pictures
        self._opener.tell_series(model)
        if self._lockstep is None:
            lockstep = Lockstep([session], mode=self._mode, same_draw=self._same_draw, seed=self._seed)
            self._lockstep, self._disagreement = lockstep, Disagreement(lockstep, top=MOST_PLACES)
            self._show_columns(request)
            if self._prompt is not None:
                self._read(lockstep, self._prompt)
            return
        with self._cancellation.job(c.DESK, READING, self._number) as cancelled:
            self._lockstep.add(session, at=at, progress=self._reading(1), cancelled=cancelled)
        self._show_columns(request)
        self._show(whole=True)

    def _do_DuplicateColumn(self, command: c.DuplicateColumn) -> None:
        lockstep, index = self._with(command.number)
        self._pause()
        lockstep.duplicate(index).session.pictures = self._pictures
        self._show_columns()
        self._show(whole=True)

    def _do_RemoveColumn(self, command: c.RemoveColumn) -> None:
        lockstep, index = self._with(command.number)
        if len(lockstep.columns) == 1:
            self._do_CloseComparison(None)
            return
        self._pause()
        self._frames = None
        model = lockstep.remove(index).model
        if self._disagreement is not None:
            self._disagreement.let_go()  # of what it was reading with this model
        model.release()
        self._show_columns()
        self._show(whole=True)

    def _do_CloseComparison(self, command: c.CloseComparison | None) -> None:
        self.close()
        self._show_columns()

    def close(self) -> None:
        """Give back what the columns hold."""
        self._pause()
        models = self._models()
        if self._disagreement is not None:
            self._disagreement.let_go()
        self._lockstep = self._disagreement = self._frames = None
        self._scorer.forget()
        for model in models:
            model.release()

    def _do_MoveColumn(self, command: c.MoveColumn) -> None:
        lockstep, index = self._with(command.number)
        self._pause()
        lockstep.move(index, min(max(command.to, 0), len(lockstep.columns) - 1))
        self._show_columns()
        self._show(whole=True)

    def _do_AskNeed(self, command: c.AskNeed) -> None:
        self._opener.tell_need(command)

    # -- the text

    def _do_SetSharedPrompt(self, command: c.SetSharedPrompt) -> None:
        self._pause()
        if self._lockstep is not None:
            self._read(self._lockstep, (command.text, command.chat))
        self._prompt = command.text, command.chat

    def _read(self, lockstep: Lockstep, prompt: tuple[str, bool]) -> None:
        """Have all columns read a prompt. If one cannot, all go back to the prompt before. Raises StudioError."""
        text, chat = prompt
        chat = chat and all(column.session.model.tokens.has_chat_template for column in lockstep.columns)
        for column in lockstep.columns:
            _check_prompt(column.session, text, chat)
        progress = self._reading(len(lockstep.columns))
        try:
            with self._cancellation.job(c.DESK, READING, self._number) as cancelled:
                lockstep.set_prompt(text, chat=chat, progress=progress, cancelled=cancelled)
        except BaseException:
            if self._prompt not in (None, prompt) and not self._cancellation.closed():
                lockstep.set_prompt(self._prompt[0], chat=self._prompt[1])
                self._show(whole=True)
            raise
        self._show(whole=True)

    def _reading(self, columns: int) -> Callable[[int, int], None]:
        """Progress over several columns that read one after the other."""
        at, last = 0, 0

        def progress(done: int, total: int) -> None:
            nonlocal at, last
            at, last = (at + 1 if done < last else at), done
            self._emit(c.ReadingAll(-1, min(at, columns - 1) * total + done, columns * total))

        return progress

    def _do_TokenizeShared(self, command: c.TokenizeShared) -> None:
        if self._lockstep is None:
            return
        session = self._lockstep.leader.session
        ids, template = session.encode(command.text, chat=command.chat and session.model.tokens.has_chat_template)
        tokens = tuple(
            PageToken(-1, session.model.tokens.token(i), "prompt", template=added)
            for i, added in zip(ids, template, strict=True)
        )
        shortest = min(model.info.context_length for model in self._models())
        self._emit(c.SharedTokenized(command.text, tokens, shortest))

    def _do_StepAll(self, command: c.StepAll) -> None:
        self._pause()
        lockstep = self._ready()
        if lockstep.looking:
            lockstep.forward()
            self._show()
        else:
            self._step(lockstep)

    def _step(self, lockstep: Lockstep) -> None:
        frames, self._frames = self._frames, None
        lockstep.step(frames)
        self._show()

    def _do_ForceInAll(self, command: c.ForceInAll) -> None:
        lockstep, index = self._with(command.number)
        self._pause()
        if command.run == self._telling.run:
            self._frames = None
            lockstep.force(index, command.token_id)
            self._show()

    def _do_ForceText(self, command: c.ForceText) -> None:
        self._pause()
        lockstep = self._ready()
        self._frames = None
        lockstep.force_text(command.text)
        self._show()

    def _do_BackAll(self, command: c.BackAll) -> None:
        self._pause()
        self._ready().back()
        self._show()

    def _do_ForwardAll(self, command: c.ForwardAll) -> None:
        self._pause()
        self._ready().forward()
        self._show()

    def _do_GoToEnd(self, command: c.GoToEnd) -> None:
        self._pause()
        self._ready().go_to_end()
        self._show()

    def _do_GoToStretch(self, command: c.GoToStretch) -> None:
        self._pause()
        lockstep, disagreement = self._ready(), self._disagreement
        if command.run != self._telling.run or disagreement is None:
            return
        stretches = disagreement.stretches()
        if command.index >= len(stretches):
            lockstep.go_to_end()
        else:
            counts = [begin for begin, _ in stretches[command.index].tokens]
            if 0 in counts:
                raise StudioError("Nothing foretold the beginning of the text; choose a later place.")
            lockstep.look_at(counts)
        self._show()

    def _do_RestartAll(self, command: c.RestartAll) -> None:
        self._pause()
        self._ready().restart()
        self._show(whole=True)

    # -- settings: they run no forward

    def _do_SetMode(self, command: c.SetMode) -> None:
        self._pause()
        self._mode = command.mode
        if self._lockstep is not None:
            self._lockstep.set_mode(command.mode)
            self._settled()

    def _do_SetSameDraw(self, command: c.SetSameDraw) -> None:
        self._same_draw = command.on
        if self._lockstep is not None:
            self._lockstep.set_same_draw(command.on)
            self._settled()

    def _do_SetColumnDecoding(self, command: c.SetColumnDecoding) -> None:
        if self._lockstep is None:
            self._decoding = command.decoding
            return
        index = None if command.number is None else self._with(command.number)[1]
        self._lockstep.set_decoding(command.decoding, index)
        self._settled()

    def _do_SetSharedSeed(self, command: c.SetSharedSeed) -> None:
        self._seed = command.seed
        if self._lockstep is not None:
            self._lockstep.set_seed(command.seed)
            self._show()

    def _do_CompareAfterDecoding(self, command: c.CompareAfterDecoding) -> None:
        self._telling.after_decoding = command.on
        if self._lockstep is not None:
            self._show()

    def _do_ShowColumnPictures(self, command: c.ShowColumnPictures) -> None:
        self._pictures = command.on
        if self._lockstep is not None:
            for column in self._lockstep.columns:
                column.session.pictures = command.on
            self._show()

    def _settled(self) -> None:
        self._show_columns()
        self._show()

    # -- playing

    def _do_PlayAll(self, command: c.PlayAll) -> None:
        lockstep = self._ready()
        if lockstep.looking:
            lockstep.go_to_end()
            self._show()
        interval = 1 / command.per_second if command.per_second > 0 else 0.0
        due = time.monotonic()
        if self.playing is not None:  # only the speed changed
            due = min(self.playing.due, due + interval)
        self.playing = Playing(interval, command.steps, due)
        self._emit(c.CompareRunState(True))

    def _do_PauseAll(self, command: c.PauseAll) -> None:
        self._pause()

    def _pause(self, reason: StopReason | None = None, message: str = "") -> None:
        if self.playing is not None:
            self.playing = None
            self._emit(c.CompareRunState(False, reason, message))

    def advance(self) -> bool:
        """One step, if the columns play and it is due; else a piece of what is not yet known of their disagreement.
        False if there was nothing to do."""
        if self.playing is not None:
            if self.playing.due > time.monotonic():
                return False
            playing = self.playing
            self._guarded(lambda: self._play_one(playing))
            return True
        disagreement = self._disagreement
        if disagreement is None or not disagreement.missing or self.pressed():
            return False
        self._guarded(lambda: self._fill(disagreement))
        return True

    def _play_one(self, playing: Playing) -> None:
        lockstep = self._ready()
        stopped: StopReason | None = "steps" if playing.remaining == 0 else lockstep.stopped
        if stopped is not None:
            self._pause(stopped)
            return
        playing.due = max(playing.due + playing.interval, time.monotonic())
        if playing.remaining is not None:
            playing.remaining -= 1
        self._step(lockstep)

    def _fill(self, disagreement: Disagreement) -> None:
        disagreement.fill(self.pressed)
        self._telling.disagreement(disagreement)

    def due(self) -> float | None:
        """When (of `time.monotonic()`) there is something to do without a command, None if there is nothing."""
        if self.playing is not None:
            return self.playing.due
        return time.monotonic() if self._disagreement is not None and self._disagreement.missing else None

    # -- how

    def _ready(self) -> Lockstep:
        if self._lockstep is None:
            raise StudioError("There is no column yet; add a model first.")
        return self._lockstep

    def _with(self, number: int) -> tuple[Lockstep, int]:
        """The lock-step, and where in the row this column is. Raises StudioError: it has been removed."""
        lockstep = self._ready()
        index = next((i for i, column in enumerate(lockstep.columns) if column.number == number), None)
        if index is None:
            raise StudioError("That column has been removed since.")
        return lockstep, index

    def _show(self, *, whole: bool = False) -> None:
        """The place, the settings or the columns have changed."""
        if whole:
            self._telling.renew()
        self._frames = None
        lockstep, disagreement = self._lockstep, self._disagreement
        if lockstep is not None and disagreement is not None and lockstep.leader.session.place:
            self._frames = self._telling.place(lockstep, disagreement)
            for column in lockstep.columns:
                column.session.prepare()

    def _show_columns(self, request: int | None = None) -> None:
        states = []
        if self._lockstep is not None:
            for column in self._lockstep.columns:
                model = column.session.model
                alike = column.alike(self._lockstep.leader)
                states.append(c.ColumnState(column.number, model.info, column.decoding, self._shared(model), alike))
        self._emit(c.ColumnsChanged(self._telling.run, tuple(states), self._mode, self._same_draw, request))
        self._tell_memory()

    def _shared(self, model: LanguageModel) -> str:
        """With whom it has its weights in common."""
        models = self._models()
        other = next((i for i, each in enumerate(models) if each is not model and each.network is model.network), None)
        if other is not None:
            return "ABCD"[other]
        main = self._main()
        return "the main page" if main is not None and main.network is model.network else ""

    def _tell_memory(self) -> None:
        from ntp_studio.core import devices

        if self._lockstep is not None or self._main() is not None:
            self._emit(m.MemoryChanged(*devices.memory_in_use()))


def _check_prompt(session: Session, text: str, chat: bool) -> None:
    """Raise what `Session.set_prompt` would raise before the model reads anything."""
    ids, _ = session.encode(text, chat=chat)
    info = session.model.info
    if not ids:
        raise StudioError(f"{info.name} cannot begin with an empty text; type a prompt.")
    if len(ids) > info.context_length:
        raise StudioError(
            f"The prompt has {len(ids):,} tokens for {info.name}, and its context holds {info.context_length:,}; "
            "shorten it."
        )
