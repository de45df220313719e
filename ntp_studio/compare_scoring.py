"""Scoring a given text by all columns, on the worker's side: chunk by chunk, so that nothing else waits for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio.cancellation import SCORING, Cancellation
from ntp_studio.compare_opening import inside
from ntp_studio.core.files import read_text
from ntp_studio.core.types import Cancelled, StudioError
from ntp_studio.messages import Command, Event, Exported

if TYPE_CHECKING:
    from ntp_studio.core.comparing_texts import TextComparison
    from ntp_studio.core.model import LanguageModel

log = logging.getLogger(__name__)
MOST_TEXT = 4 * 2**20  # bytes of a text file: what the window's table can hold; `ntp-studio compare` takes more


@dataclass
class Work:
    """A text that is being scored for command `number`."""

    number: int
    name: str
    text: str
    pieces: Generator[None, None, TextComparison]


class Scorer:
    def __init__(
        self,
        emit: Callable[[Event], None],
        cancellation: Cancellation,
        columns: Callable[[], list[LanguageModel]],
    ) -> None:
        """`columns` gives the models of the columns."""
        self._emit = emit
        self._cancellation = cancellation
        self._columns = columns
        self._work: Work | None = None
        self._found: TextComparison | None = None  # of the last text

    def takes(self, command: Command) -> bool:
        return isinstance(command, c.ScoreText | c.ScoreFile | c.CancelScoring | c.ExportScores)

    @property
    def working(self) -> bool:
        return self._work is not None

    def stop(self, reason: str) -> None:
        """Before a column goes: the model that reads the text may go with it."""
        if self._work is not None:
            self._work = None
            self._emit(c.ScoringFailed(reason, True))

    def forget(self) -> None:
        self.stop("The columns have gone.")
        self._found = None

    def carry_out(self, number: int, command: Command) -> None:
        """Raises StudioError: the figures cannot be written."""
        if isinstance(command, c.ScoreText):
            text = command.text
            self._begin(number, lambda: text, command.name)
        elif isinstance(command, c.ScoreFile):
            path = command.path
            self._begin(number, lambda: read_text(path, MOST_TEXT), os.path.basename(path))
        elif isinstance(command, c.ExportScores):
            self._export(command.path)
        # `CancelScoring` was heard by the cancellation when it was sent.

    def _begin(self, number: int, read: Callable[[], str], name: str) -> None:
        from ntp_studio.core.comparing_texts import compare_piecewise

        def progress(done: int, total: int) -> None:
            self._emit(c.Scoring(done, total))

        try:
            models = self._columns()
            if not models:
                raise StudioError("There is no column to score a text with; add a model first.")
            self._emit(c.Scoring(0, 0))
            text = read()
            self._work = Work(number, name, text, compare_piecewise(models, text, progress=progress))
        except Exception as error:
            self._fail(error)

    def advance(self) -> None:
        """One chunk more."""
        from ntp_studio.core.scored_rows import scored_rows

        work = self._work
        if work is None:
            return
        try:
            with self._cancellation.job(c.DESK, SCORING, work.number) as cancelled:
                if cancelled():
                    raise Cancelled("Scoring was cancelled.")
            next(work.pieces)
        except StopIteration as done:
            self._work = None
            found: TextComparison = done.value
            self._found = found
            self._emit(c.Scored(scored_rows(found, work.text, work.name)))
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._work = None
        log.log(logging.INFO if isinstance(error, StudioError) else logging.ERROR, "%s", error, exc_info=True)
        sentence = str(error) if isinstance(error, StudioError) else inside(error)
        self._emit(c.ScoringFailed(sentence, isinstance(error, Cancelled)))

    def _export(self, path: str) -> None:
        from ntp_studio.core.comparing_texts import comparison_table
        from ntp_studio.core.export import write_text
        from ntp_studio.core.scoring import to_csv

        if self._found is None:
            raise StudioError("There are no figures to export; score a text first.")
        write_text(path, to_csv(*comparison_table(self._found)))
        self._emit(Exported(path, model=c.DESK))
