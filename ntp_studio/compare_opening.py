"""Opening a column: what it would need, and its model, on weights that are in memory already if there are such."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio.cancellation import LOADING, Cancellation
from ntp_studio.core.types import Cancelled, ModelInfo, NotEnoughMemory, StudioError
from ntp_studio.messages import Event

if TYPE_CHECKING:
    from ntp_studio.core.compared import MemoryNeed
    from ntp_studio.core.model import LanguageModel

log = logging.getLogger(__name__)


class ColumnOpener:
    def __init__(
        self,
        emit: Callable[[Event], None],
        cancellation: Cancellation,
        columns: Callable[[], list[LanguageModel]],
        main: Callable[[], LanguageModel | None],
    ) -> None:
        """`columns` gives the models of the columns, `main` that of the window's main page."""
        self._emit = emit
        self._cancellation = cancellation
        self._columns = columns
        self._main = main

    def carry_out(self, command: c.AddColumn, number: int, add: Callable[[LanguageModel, int], None]) -> None:
        """Open the model and `add` it; whatever is in the way is told as a refusal."""
        try:
            model = self._open(command, number)
            try:
                add(model, command.request)
            except BaseException:
                model.release()
                raise
        except Exception as error:
            log.log(logging.INFO if isinstance(error, StudioError) else logging.ERROR, "%s", error, exc_info=True)
            offers = self._smaller(command) if isinstance(error, NotEnoughMemory) else ()
            sentence = str(error) if isinstance(error, StudioError) else inside(error)
            self._emit(c.ColumnRefused(command.request, command.path, sentence, isinstance(error, Cancelled), offers))

    def tell_need(self, command: c.AskNeed) -> None:
        try:
            self._emit(c.NeedTold(command.request, command.path, self._needs(command)))
        except StudioError as error:
            self._emit(c.NeedTold(command.request, command.path, (), str(error)))

    def tell_series(self, model: LanguageModel) -> None:
        """Which other snapshots there are of this model's training: they are what it may be compared with."""
        from ntp_studio.core import snapshots

        series = snapshots.find(model.info.path)
        if series is not None:
            self._emit(c.SeriesFound(series.name, tuple((each.step, each.path) for each in series.snapshots)))

    def _open(self, command: c.AddColumn, number: int) -> LanguageModel:
        from ntp_studio.core import checkpoints
        from ntp_studio.core.lockstep import MOST_COLUMNS

        name = os.path.basename(os.path.normpath(command.path))
        with self._cancellation.job(c.wish(command.request), LOADING, number) as cancelled:
            self._emit(c.ColumnLoading(command.request, name, "Looking at the files"))
            if len(self._columns()) >= MOST_COLUMNS:
                raise StudioError(f"There is room for {MOST_COLUMNS} columns; remove one first.")
            if cancelled():
                raise Cancelled(f"Loading {name} was cancelled.")
            need = self._needs(command)[0]
            if need.shared:
                path = checkpoints.look(command.path).path
                wanted = path, need.device, need.dtype
                for model in self._at_hand():
                    if (model.info.path, model.info.device, model.info.dtype) == wanted:
                        return model.twin()

            def progress(message: str, fraction: float | None) -> None:
                self._emit(c.ColumnLoading(command.request, name, message, fraction))

            return checkpoints.load(
                command.path, device=command.device, dtype=command.dtype, progress=progress, cancelled=cancelled
            )

    def _needs(self, command: c.AddColumn | c.AskNeed) -> tuple[MemoryNeed, ...]:
        from ntp_studio.core import checkpoints

        loaded: list[ModelInfo] = [model.info for model in self._at_hand()]
        return checkpoints.needs(command.path, device=command.device, dtype=command.dtype, shared=loaded)

    def _smaller(self, command: c.AddColumn) -> tuple[MemoryNeed, ...]:
        """The same model in fewer bytes, where that fits."""
        try:
            needs = self._needs(command)
        except StudioError:
            return ()
        return tuple(need for need in needs[1:] if need.fits and need.needed < needs[0].needed)

    def _at_hand(self) -> list[LanguageModel]:
        main = self._main()
        return self._columns() + ([main] if main is not None else [])


def inside(error: Exception) -> str:
    """The sentence for what is no fault of a person's."""
    return f"Something went wrong inside the program ({type(error).__name__}: {error}). The log has the details."
