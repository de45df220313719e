"""Moving along the text of a comparison: step, force, back, forward, look at a place, play. In the worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.columns import Playing
from ntp_studio.compare_state import Comparison
from ntp_studio.core.types import StopReason, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.lockstep import Lockstep


class Moves:
    def __init__(self, emit: Callable[[m.Event], None], comparison: Comparison) -> None:
        self._emit = emit
        self._state = comparison
        self.playing: Playing | None = None

    def takes(self, command: m.Command) -> bool:
        """Whether this command moves the columns."""
        return hasattr(self, f"_do_{type(command).__name__}")

    def carry_out(self, command: m.Command) -> None:
        """Raises StudioError: it could not be done, and the columns are where they were."""
        getattr(self, f"_do_{type(command).__name__}")(command)

    def _do_StepAll(self, command: c.StepAll) -> None:
        self.pause()
        lockstep = self._state.ready()
        if lockstep.looking:
            lockstep.forward()
            self._state.show()
        else:
            self._step(lockstep)

    def _step(self, lockstep: Lockstep) -> None:
        frames, self._state.frames = self._state.frames, None
        lockstep.step(frames)
        self._state.show()

    def _do_ForceInAll(self, command: c.ForceInAll) -> None:
        lockstep, index = self._state.where(command.number)
        self.pause()
        if command.run == self._state.telling.run:
            self._state.frames = None
            lockstep.force(index, command.token_id)
            self._state.show()

    def _do_ForceText(self, command: c.ForceText) -> None:
        self.pause()
        lockstep = self._state.ready()
        self._state.frames = None
        lockstep.force_text(command.text)
        self._state.show()

    def _do_BackAll(self, command: c.BackAll) -> None:
        self.pause()
        self._state.ready().back()
        self._state.show()

    def _do_ForwardAll(self, command: c.ForwardAll) -> None:
        self.pause()
        self._state.ready().forward()
        self._state.show()

    def _do_GoToEnd(self, command: c.GoToEnd) -> None:
        self.pause()
        self._state.ready().go_to_end()
        self._state.show()

    def _do_GoToStretch(self, command: c.GoToStretch) -> None:
        self.pause()
        lockstep, disagreement = self._state.ready(), self._state.disagreement
        if command.run != self._state.telling.run or disagreement is None:
            return
        stretches = disagreement.stretches()
        if command.index >= len(stretches):
            lockstep.go_to_end()
        else:
            counts = [begin for begin, _ in stretches[command.index].tokens]
            if 0 in counts:
                raise StudioError("Nothing foretold the beginning of the text; choose a later place.")
            lockstep.look_at(counts)
        self._state.show()

    def _do_RestartAll(self, command: c.RestartAll) -> None:
        self.pause()
        self._state.ready().restart()
        self._state.show(whole=True)

    # -- playing

    def _do_PlayAll(self, command: c.PlayAll) -> None:
        lockstep = self._state.ready()
        if lockstep.looking:
            lockstep.go_to_end()
            self._state.show()
        interval = 1 / command.per_second if command.per_second > 0 else 0.0
        due = time.monotonic()
        if self.playing is not None:  # only the speed changed
            due = min(self.playing.due, due + interval)
        self.playing = Playing(interval, command.steps, due)
        self._emit(c.CompareRunState(True))

    def _do_PauseAll(self, command: c.PauseAll) -> None:
        self.pause()

    def pause(self, reason: StopReason | None = None, message: str = "") -> None:
        if self.playing is not None:
            self.playing = None
            self._emit(c.CompareRunState(False, reason, message))

    def play_one(self, playing: Playing) -> None:
        """The next step, or the end of playing."""
        lockstep = self._state.ready()
        stopped: StopReason | None = "steps" if playing.remaining == 0 else lockstep.stopped
        if stopped is not None:
            self.pause(stopped)
            return
        playing.due = max(playing.due + playing.interval, time.monotonic())
        if playing.remaining is not None:
            playing.remaining -= 1
        self._step(lockstep)
