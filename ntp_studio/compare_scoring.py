"""Scoring a given text by all columns, on the worker's side: with progress, a cancel, and its figures for a file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
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
        self._found: TextComparison | None = None  # of the last text

    def takes(self, command: Command) -> bool:
        return isinstance(command, c.ScoreText | c.ScoreFile | c.CancelScoring | c.ExportScores)

    def forget(self) -> None:
        self._found = None

    def carry_out(self, number: int, command: Command) -> None:
        """Raises StudioError: the figures cannot be written."""
        if isinstance(command, c.ScoreText):
            text = command.text
            self._score(number, lambda: text, command.name)
        elif isinstance(command, c.ScoreFile):
            path = command.path
            self._score(number, lambda: read_text(path, MOST_TEXT), os.path.basename(path))
        elif isinstance(command, c.ExportScores):
            self._export(command.path)
        # `CancelScoring` was heard by the cancellation when it was sent.

    def _score(self, number: int, read: Callable[[], str], name: str) -> None:
        from ntp_studio.core.comparing_texts import compare_text
        from ntp_studio.core.scored_rows import scored_rows

        def progress(done: int, total: int) -> None:
            self._emit(c.Scoring(done, total))

        try:
            models = self._columns()
            if not models:
                raise StudioError("There is no column to score a text with; add a model first.")
            self._emit(c.Scoring(0, 0))
            with self._cancellation.job(c.DESK, SCORING, number) as cancelled:
                text = read()
                found = compare_text(models, text, progress=progress, cancelled=cancelled)
                if cancelled():
                    raise Cancelled("Scoring was cancelled.")
            self._found = found
            self._emit(c.Scored(scored_rows(found, text, name)))
        except Exception as error:
            log.log(logging.INFO if isinstance(error, StudioError) else logging.ERROR, "%s", error, exc_info=True)
            cancelled_by_person = isinstance(error, Cancelled)
            sentence = "Scoring was cancelled." if cancelled_by_person else str(error)
            sentence = sentence if isinstance(error, StudioError) else inside(error)
            self._emit(c.ScoringFailed(sentence, cancelled_by_person))

    def _export(self, path: str) -> None:
        from ntp_studio.core.comparing_texts import comparison_table
        from ntp_studio.core.export import write_text
        from ntp_studio.core.scoring import to_csv

        if self._found is None:
            raise StudioError("There are no figures to export; score a text first.")
        write_text(path, to_csv(*comparison_table(self._found)))
        self._emit(Exported(path, model=c.DESK))
