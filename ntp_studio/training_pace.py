"""How quickly a training goes, and what of it is still to be told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ntp_studio import training_messages as t

if TYPE_CHECKING:
    from ntp_studio.core.training import Update


class Pending:
    """Updates that the window has not been told of."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.losses: list[tuple[int, float]] = []
        self.held_out: list[tuple[int, t.Figures]] = []
        self.learning_rate = 0.0
        self.checkpoint = ""

    def add(self, update: Update) -> None:
        from ntp_studio.training_run import figures

        self.losses.append((update.step, update.loss))
        self.learning_rate = update.learning_rate
        measured = figures(update.held_out)
        if measured is not None:
            self.held_out.append((update.step, measured))
        if update.checkpoint is not None:
            self.checkpoint = update.checkpoint.name


class Pace:
    """How long an update takes: by itself, for the rate, and with all that happens between two, for the time left."""

    LEAST = 0.02  # the share that the latest update has in the mean: some evaluations fall within

    def __init__(self) -> None:
        self._counted = 0
        self.tokens_per_second = 0.0
        self.seconds = 0.0  # from one update to the next
        self._before: float | None = None

    def pause(self) -> None:
        """What happens until the next update takes no part."""
        self._before = None

    def count(self, update: Update) -> None:
        now = time.monotonic()
        took = update.seconds if self._before is None else now - self._before
        rate = update.tokens / max(update.seconds, 1e-9)
        self._before = now
        self._counted += 1
        share = max(1 / self._counted, self.LEAST)
        self.seconds += (took - self.seconds) * share
        self.tokens_per_second += (rate - self.tokens_per_second) * share
