"""The training desk: the one model that is being trained, update by update, in the worker thread.

Between two updates the worker looks into its queue, so that pausing, stopping and looking are heard at once.
"""

from __future__ import annotations

from collections.abc import Callable

from ntp_studio import messages as m
from ntp_studio.cancellation import Cancellation


class TrainingDesk:
    def __init__(self, emit: Callable[[m.Event], None], cancellation: Cancellation) -> None:
        self._emit = emit
        self._cancellation = cancellation
        self.running = False

    def takes(self, command: m.Command) -> bool:
        """Whether this command is about training."""
        return hasattr(self, f"_do_{type(command).__name__}")

    def carry_out(self, number: int, command: m.Command) -> None:
        getattr(self, f"_do_{type(command).__name__}")(number, command)

    def advance(self) -> bool:
        """One update, if a training runs. False if there was nothing to do."""
        return False

    def close(self) -> None:
        """The program ends: keep what was learned, and give the memory back."""
