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
from ntp_studio.compare_moves import Moves
from ntp_studio.compare_opening import ColumnOpener, inside
from ntp_studio.compare_scoring import Scorer
from ntp_studio.compare_state import Comparison
from ntp_studio.core.types import Cancelled, PageToken, StudioError

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
        self._state = Comparison(emit, main)
        self._moves = Moves(emit, self._state)
        self._opener = ColumnOpener(emit, cancellation, self._state.models, main)
        self._scorer = Scorer(emit, cancellation, self._state.models)
        self.pressed: Callable[[], bool] = cancellation.closed  # whether a command waits; the engine knows better

    @property
    def lockstep(self) -> Lockstep | None:
        return self._state.lockstep

    @property
    def playing(self) -> Playing | None:
        return self._moves.playing

    # -- commands

    def takes(self, command: m.Command) -> bool:
        """Whether this command is about the comparison."""
        return isinstance(command, c.CompareCommand)

    def carry_out(self, number: int, command: m.Command) -> None:
        """Whatever goes wrong is told in a sentence, and the columns stay as they are."""
        self._number = number
        if self._scorer.takes(command):
            self._guarded(lambda: self._scorer.carry_out(number, command))
            return
        if self._moves.takes(command):
            self._guarded(lambda: self._moves.carry_out(command))
            return
        self._guarded(lambda: getattr(self, f"_do_{type(command).__name__}")(command))

    def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except StudioError as error:
            log.info("%s", error, exc_info=True)
            self._moves.pause("error", str(error))
            self._emit(c.CompareTrouble(str(error), isinstance(error, Cancelled)))
        except Exception as error:
            log.exception("a command of the comparison failed")
            self._moves.pause("error", str(error))
            self._emit(c.CompareTrouble(inside(error)))

    def main_changed(self) -> None:
        """The main page has another model, or none: with whom a column shares its weights is told anew."""
        if self._state.lockstep is not None:
            self._state.show_columns()

    def uses(self, model: LanguageModel) -> bool:
        """Whether a column has the weights of this model, so that they stay in memory whoever else lets them go."""
        return any(each.network is model.network for each in self._state.models())

    # -- the columns

    def _do_BeginComparison(self, command: c.BeginComparison) -> None:
        if self._state.lockstep is not None:
            self._state.show_columns()
            self._state.show(whole=True)
            return
        self._state.prompt = (command.prompt, command.chat) if command.prompt else None
        self._state.decoding, self._state.seed = command.decoding, command.seed
        model = self._main()
        if model is None:
            self._state.show_columns()
        else:
            self._add(model.twin(), None)

    def _do_AddColumn(self, command: c.AddColumn) -> None:
        self._moves.pause()
        self._opener.carry_out(command, self._number, self._add)

    def _add(self, model: LanguageModel, request: int | None, at: int | None = None) -> None:
        """Put a column on this model at the end, or at a place in the row. Raises StudioError; nothing is changed."""
        from ntp_studio.core.session import Session

        lockstep = self._state.lockstep
        decoding = self._state.decoding if lockstep is None else lockstep.leader.decoding
        session = Session(model, seed=self._state.seed, decoding=decoding, top=self._top)
        session.pictures = self._state.pictures
        self._opener.tell_series(model)
        if lockstep is None:
            self._begin(session, request)
            return
        with self._cancellation.job(c.DESK, READING, self._number) as cancelled:
            lockstep.add(session, at=at, progress=self._reading(1), cancelled=cancelled)
        self._state.show_columns(request)
        self._state.show(whole=True)

    def _begin(self, session: Session, request: int | None) -> None:
        """With the first column, which reads the prompt that waits."""
        lockstep = self._state.begin(session)
        try:
            self._state.show_columns(request)
            if self._state.prompt is not None:
                self._read(lockstep, self._state.prompt)
        except BaseException:
            self._state.end()
            self._state.show_columns()
            raise

    def _do_DuplicateColumn(self, command: c.DuplicateColumn) -> None:
        lockstep, index = self._state.where(command.number)
        self._moves.pause()
        lockstep.duplicate(index).session.pictures = self._state.pictures
        self._state.show_columns()
        self._state.show(whole=True)

    def _do_RemoveColumn(self, command: c.RemoveColumn) -> None:
        lockstep, index = self._state.where(command.number)
        if len(lockstep.columns) == 1:
            self._do_CloseComparison(None)
            return
        self._moves.pause()
        self._scorer.stop("A column was removed; score the text again.")
        self._state.let_go()
        model = lockstep.remove(index).model
        model.release()
        self._state.show_columns()
        self._state.show(whole=True)

    def _do_CloseComparison(self, command: c.CloseComparison | None) -> None:
        self.close()
        self._state.show_columns()

    def close(self) -> None:
        """Give back what the columns hold."""
        self._moves.pause()
        self._scorer.forget()
        self._state.end()

    def _do_MoveColumn(self, command: c.MoveColumn) -> None:
        lockstep, index = self._state.where(command.number)
        self._moves.pause()
        lockstep.move(index, min(max(command.to, 0), len(lockstep.columns) - 1))
        self._state.show_columns()
        self._state.show(whole=True)

    def _do_AskNeed(self, command: c.AskNeed) -> None:
        self._opener.tell_need(command)

    # -- the text

    def _do_SetSharedPrompt(self, command: c.SetSharedPrompt) -> None:
        self._moves.pause()
        if self._state.lockstep is not None:
            self._read(self._state.lockstep, (command.text, command.chat))
        self._state.prompt = command.text, command.chat

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
            if self._state.prompt not in (None, prompt) and not self._cancellation.closed():
                lockstep.set_prompt(self._state.prompt[0], chat=self._state.prompt[1])
                self._state.show(whole=True)
            raise
        self._state.show(whole=True)

    def _reading(self, columns: int) -> Callable[[int, int], None]:
        """Progress over several columns that read one after the other."""
        at, last = 0, 0

        def progress(done: int, total: int) -> None:
            nonlocal at, last
            at, last = (at + 1 if done < last else at), done
            self._emit(c.ReadingAll(min(at, columns - 1) * total + done, columns * total))

        return progress

    def _do_TokenizeShared(self, command: c.TokenizeShared) -> None:
        if self._state.lockstep is None:
            return
        session = self._state.lockstep.leader.session
        ids, template = session.encode(command.text, chat=command.chat and session.model.tokens.has_chat_template)
        tokens = tuple(
            PageToken(-1, session.model.tokens.token(i), "prompt", template=added)
            for i, added in zip(ids, template, strict=True)
        )
        shortest = min(model.info.context_length for model in self._state.models())
        self._emit(c.SharedTokenized(command.text, tokens, shortest))

    # -- settings: they run no forward

    def _do_SetMode(self, command: c.SetMode) -> None:
        self._moves.pause()
        self._state.mode = command.mode
        if self._state.lockstep is not None:
            self._state.lockstep.set_mode(command.mode)
            self._settled()

    def _do_SetSameDraw(self, command: c.SetSameDraw) -> None:
        self._state.same_draw = command.on
        if self._state.lockstep is not None:
            self._state.lockstep.set_same_draw(command.on)
            self._settled()

    def _do_SetColumnDecoding(self, command: c.SetColumnDecoding) -> None:
        if self._state.lockstep is None:
            self._state.decoding = command.decoding
            return
        index = None if command.number is None else self._state.where(command.number)[1]
        self._state.lockstep.set_decoding(command.decoding, index)
        self._settled()

    def _do_SetSharedSeed(self, command: c.SetSharedSeed) -> None:
        self._state.seed = command.seed
        if self._state.lockstep is not None:
            self._state.lockstep.set_seed(command.seed)
            self._state.show()

    def _do_CompareAfterDecoding(self, command: c.CompareAfterDecoding) -> None:
        self._state.telling.after_decoding = command.on
        if self._state.lockstep is not None:
            self._state.show()

    def _do_ShowColumnPictures(self, command: c.ShowColumnPictures) -> None:
        self._state.pictures = command.on
        if self._state.lockstep is not None:
            for column in self._state.lockstep.columns:
                column.session.pictures = command.on
            self._state.show()

    def _settled(self) -> None:
        self._state.show_columns()
        self._state.show()

    # -- without being asked

    def advance(self) -> bool:
        """One step, if the columns play and it is due; else a piece of what is not yet known of their disagreement.
        False if there was nothing to do."""
        if self.playing is not None:
            if self.playing.due > time.monotonic():
                return False
            playing = self.playing
            self._guarded(lambda: self._moves.play_one(playing))
            return True
        if self._scorer.working:
            self._guarded(self._scorer.advance)
            return True
        disagreement = self._state.disagreement
        if disagreement is None or not disagreement.missing or self.pressed():
            return False
        self._guarded(lambda: self._fill(disagreement))
        return True

    def _fill(self, disagreement: Disagreement) -> None:
        disagreement.fill(self.pressed)
        self._state.telling.disagreement(disagreement)

    def due(self) -> float | None:
        """When (of `time.monotonic()`) there is something to do without a command, None if there is nothing."""
        if self.playing is not None:
            return self.playing.due
        if self._scorer.working:
            return time.monotonic()
        return time.monotonic() if self._state.disagreement is not None and self._state.disagreement.missing else None


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
