"""The training desk: the one model that is being trained, update by update, in the worker thread.

Between two updates the worker looks into its queue, so that pausing, stopping and looking are heard at once, and models
that play take their turn. What a look at the watched prompt costs is kept to a twentieth of the time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ntp_studio import messages as m
from ntp_studio import training_messages as t
from ntp_studio.cancellation import TRAINING, Cancellation
from ntp_studio.core.types import Cancelled, ModelFailure, StudioError
from ntp_studio.training_pace import Pace, Pending

if TYPE_CHECKING:
    from ntp_studio.core.training import HeldOut, Result
    from ntp_studio.training_run import Run, WatchedTrainer

log = logging.getLogger(__name__)
TELL_EVERY = 0.05  # seconds between two reports of progress
LOOK_EVERY = 0.25  # seconds between two looks at the prompt, at least
LOOK_SHARE = 0.05  # of the time, at most


class TrainingDesk:
    def __init__(self, emit: Callable[[m.Event], None], cancellation: Cancellation) -> None:
        self._emit = emit
        self._cancellation = cancellation
        self.running = False
        self._run: Run | None = None
        self._result: Result | None = None  # of the run, once it has ended
        self._number = 0  # of the command that began the run, or made it go on
        self._pace = Pace()
        self._pending = Pending()
        self._looked = (0.0, 0.0)  # when the last look ended, and how many seconds it took

    def takes(self, command: m.Command) -> bool:
        """Whether this command is about training."""
        return isinstance(command, t.TrainingCommand)

    def carry_out(self, number: int, command: m.Command) -> None:
        try:
            getattr(self, f"_do_{type(command).__name__}")(number, command)
        except Exception as error:  # the window must not wait for an answer in vain
            log.exception("a command failed")
            if self._run is not None and self._result is None:
                self._set_running(False, _sentence(error))
            else:
                self._fail(error)

    # -- beginning -----------------------------------------------------------------------------------------------------

    def _do_StartTraining(self, number: int, command: t.StartTraining) -> None:
        values: dict[str, Any] = dict(command.values)

        def make(options: dict[str, Any]) -> WatchedTrainer:
            from ntp_studio.core.training import Recipe
            from ntp_studio.training_run import WatchedTrainer

            return WatchedTrainer(Recipe(**values), **options)

        self._begin(number, command.prompt, make, new=True)

    def _do_ResumeTraining(self, number: int, command: t.ResumeTraining) -> None:
        def make(options: dict[str, Any]) -> WatchedTrainer:
            from ntp_studio.training_run import WatchedTrainer

            made = WatchedTrainer.resume(command.folder, **options)
            assert isinstance(made, WatchedTrainer)
            if made.finished:
                raise StudioError(
                    f"The run in {made.folder.path} came to its end after {made.step:,} steps; open its result instead."
                )
            return made

        self._begin(number, command.prompt, make)

    def _begin(
        self, number: int, prompt: str, make: Callable[[dict[str, Any]], WatchedTrainer], *, new: bool = False
    ) -> None:
        """Prepare a run, and go on to its updates. If that fails, a new run leaves nothing behind."""
        if self._run is not None and self._result is None:
            self._emit(t.TrainingPhase("paused" if not self.running else "running", "A training runs; stop it first."))
            return
        self._drop()

        def progress(message: str, fraction: float | None) -> None:
            self._emit(t.TrainingPhase("preparing", f"{message} …"))

        with self._cancellation.job(t.DESK, TRAINING, number) as stopped:
            trainer: WatchedTrainer | None = None
            try:
                progress("Looking at the text", None)
                trainer = make({"progress": progress, "cancelled": stopped})
                from ntp_studio.training_run import Run, history, measure_before

                trainer.cut_short = stopped
                run = Run(trainer)
                run.prompt = prompt
                losses, held_out = history(trainer)
                if trainer.step == 0:
                    if not held_out:
                        progress("Measuring the model before its first update", None)
                        held_out = measure_before(trainer)
                    if stopped():
                        raise Cancelled("The training was cancelled before its first step.")
            except Exception as error:
                log.info("no training began", exc_info=True)
                if new and trainer is not None:  # before that, the trainer has cleared up by itself
                    trainer.folder.abandon()
                self._fail(error)
                return
        self._run, self._number = run, number
        self._pace, self._pending = Pace(), Pending()
        corpus = trainer.corpus
        self._emit(
            t.TrainingBegun(
                folder=str(trainer.folder.path),
                name=trainer.folder.path.name,
                step=trainer.step,
                total_steps=trainer.total_steps,
                parameters=trainer.parameters,
                learning=trainer.learning,
                train_tokens=len(corpus.train),
                held_out_tokens=max(0, len(corpus.held_out) - 1),
                device=trainer.device,
                precision=trainer.precision,
                context=trainer.context,
                values=tuple(trainer.recipe.saved().items()),
                losses=losses,
                held_out=held_out,
            )
        )
        self._look()
        self._set_running(True)

    def _fail(self, error: Exception) -> None:
        """No run, or none any more: say why, and give the memory back."""
        self._drop()
        self._emit(t.TrainingFailed(_sentence(error), isinstance(error, Cancelled)))

    def _drop(self) -> None:
        run, self._run, self._result = self._run, None, None
        self.running = False
        if run is not None:
            device = run.trainer.device
            run.release()
            del run
            from ntp_studio.core import devices

            devices.empty_cache(device)

    # -- pausing, stopping ---------------------------------------------------------------------------------------------

    def _set_running(self, running: bool, message: str = "") -> None:
        self.running = running
        self._pace.pause()
        self._emit(t.TrainingPhase("running" if running else "paused", message))

    def _do_PauseTraining(self, number: int, command: t.PauseTraining) -> None:
        if self.running:
            self._tell(now=True)
            self._look()
            self._set_running(False)

    def _do_ContinueTraining(self, number: int, command: t.ContinueTraining) -> None:
        if self._run is not None and self._result is None and not self.running:
            self._number = number
            self._set_running(True)

    def _do_StopTraining(self, number: int, command: t.StopTraining) -> None:
        if self._run is not None and self._result is None:
            self._finish(measure=False)

    def close(self) -> None:
        """The program ends: keep what was learned, and give the memory back."""
        if self._run is not None and self._result is None:
            try:
                self._run.trainer.finish(evaluate=False)
            except Exception as error:  # whatever it is, the models of the columns still want to be released
                log.error("the training could not be saved: %s", error, exc_info=True)
        self._drop()

    # -- the updates ---------------------------------------------------------------------------------------------------

    def advance(self) -> bool:
        """One update, if a training runs. False if there was nothing to do."""
        run = self._run
        if not self.running or run is None or self._cancellation.closed():
            return False
        if run.trainer.finished:
            self._finish(measure=True)
            return True
        with self._cancellation.job(t.DESK, TRAINING, self._number) as stopped:
            if stopped():  # the command to stop waits in the queue
                return True
            run.trainer.cut_short = stopped
            try:
                update = run.advance()
            except ModelFailure as error:
                self._tell(now=True)
                self._fail(error)
                return True
            except StudioError as error:  # the disk: a person may make room and go on
                log.info("%s", error, exc_info=True)
                self._tell(now=True)
                self._set_running(False, str(error))
                return True
            except Exception as error:
                log.exception("an update failed")
                self._tell(now=True)
                self._fail(error)
                return True
        self._pace.count(update)
        self._pending.add(update)
        self._tell()
        ended, cost = self._looked
        if time.monotonic() - ended >= max(LOOK_EVERY, cost / LOOK_SHARE):
            self._look()
        return True

    def _finish(self, *, measure: bool) -> None:
        """Keep the result; `measure` it over all held-out text unless a person stops that, too."""
        assert self._run is not None
        trainer = self._run.trainer
        self._tell(now=True)
        self.running = False
        try:
            with self._cancellation.job(t.DESK, TRAINING, self._number) as stopped:
                if measure and not stopped():
                    trainer.cut_short = stopped
                    self._emit(t.TrainingPhase("measuring", "Measuring the result on all held-out text …"))
                    try:
                        self._result = trainer.finish(evaluate=True)
                    except Cancelled:
                        measure = False
                if self._result is None:
                    self._emit(t.TrainingPhase("saving", "Saving the result …"))
                    self._result = trainer.finish(evaluate=False)
        except StudioError as error:
            log.info("%s", error, exc_info=True)
            self._set_running(False, str(error))
            return
        except Exception as error:
            log.exception("the result could not be kept")
            self._set_running(False, _sentence(error))
            return
        from ntp_studio.training_run import figures

        trainer.release_optimizers()
        self._look()
        result = self._result
        self._emit(t.TrainingPhase("ended"))
        self._emit(t.TrainingEnded(str(result.folder), result.step, result.reason, figures(result.held_out)))

    # -- what the window sees ------------------------------------------------------------------------------------------

    def _tell(self, *, now: bool = False) -> None:
        """Report the updates since the last report, several at once where they are quick."""
        run, pending = self._run, self._pending
        if run is None or not pending.losses:
            return
        if not now and not pending.held_out and time.monotonic() - pending.since < TELL_EVERY:
            return
        self._pending = Pending()
        left = run.trainer.total_steps - run.trainer.step
        self._emit(
            t.TrainingProgress(
                step=run.trainer.step,
                losses=tuple(pending.losses),
                held_out=tuple(pending.held_out),
                learning_rate=pending.learning_rate,
                tokens_per_second=self._pace.tokens_per_second,
                seconds_left=left * self._pace.seconds,
                checkpoint=pending.checkpoint,
            )
        )

    def _look(self) -> None:
        if self._run is None:
            return
        started = time.monotonic()
        try:
            self._emit(self._run.look())
        except Exception as error:  # a look must never end a training
            log.exception("the prompt could not be looked at")
            self._emit(t.PromptLook(self._run.trainer.step, self._run.prompt, None, problem=_sentence(error)))
        ended = time.monotonic()
        self._looked = (ended, ended - started)

    def _do_WatchPrompt(self, number: int, command: t.WatchPrompt) -> None:
        if self._run is not None:
            self._run.prompt = command.prompt
            self._look()

    def _do_CompareWithBase(self, number: int, command: t.CompareWithBase) -> None:
        run, result = self._run, self._result
        if run is None or result is None:
            return
        self._emit(t.TrainingPhase("measuring", "Measuring both models on all held-out text …"))
        measured: HeldOut | None = result.held_out
        with self._cancellation.job(t.DESK, TRAINING, number) as stopped:
            try:
                compared: t.TrainingEvent = run.compare(stopped, measured)
            except Exception as error:
                if not isinstance(error, StudioError):
                    log.exception("the comparison failed")
                self._emit(t.TrainingPhase("ended", _sentence(error)))
                return
        self._emit(t.TrainingPhase("ended"))
        self._emit(compared)


def _sentence(error: Exception) -> str:
    if isinstance(error, StudioError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate" in str(error):
        return "The memory was not enough for this training; take a smaller batch, shorter blocks or a smaller model."
    if isinstance(error, TypeError | ValueError):
        return f"The training cannot be done as it was asked for ({error})."
    return f"Something went wrong inside the program ({type(error).__name__}: {error}). The log has the details."
