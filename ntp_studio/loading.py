"""Loading: from a command to an open model, and back to the one before when that fails. In the worker thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import messages as m
from ntp_studio.cancellation import LOADING, Cancellation
from ntp_studio.columns import Column
from ntp_studio.core.types import Cancelled, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel

log = logging.getLogger(__name__)


class Loader:
    """Loads models for columns: the old one is given back before the new one is read, and loaded again if that
    fails."""

    def __init__(
        self,
        emit: Callable[[m.Event], None],
        cancellation: Cancellation,
        in_use: Callable[[LanguageModel], bool],
    ) -> None:
        """`in_use` tells whether somebody else has a model's weights, so that letting it go frees nothing."""
        self._in_use = in_use
        self._emit = emit
        self._cancellation = cancellation

    def open(self, column: Column, command: m.LoadModel, number: int) -> LanguageModel | None:
        """The model that command `number` asks for, or None after telling why not. What was open is released then, or
        noted in `column.lost`."""
        from ntp_studio.core import checkpoints

        name = os.path.basename(os.path.normpath(command.path))
        with self._cancellation.job(column.id, LOADING, number) as cancelled:
            try:
                if cancelled():  # a newer load waits in the queue
                    raise Cancelled(f"Loading {name} was cancelled.")
                self._emit(m.Loading(name, "Looking at the files", model=column.id))
                before = column.session.model if column.session else None
                replaced = before.info if before is not None and not self._in_use(before) else None
                checkpoints.check(command.path, device=command.device, dtype=command.dtype, replacing=replaced)
                if cancelled():
                    raise Cancelled(f"Loading {name} was cancelled.")
                if column.session is not None and column.opened is not None:
                    column.lost = (column.session, column.opened)
                self.release(column)
                model = self._load(column, command, name, cancelled)
            except StudioError as error:
                log.info("%s", error, exc_info=True)
                kept = column.session is not None or column.lost is not None
                failed = m.LoadFailed(command.path, str(error), kept, isinstance(error, Cancelled), model=column.id)
                self._emit(failed)
                return None
        column.lost = None
        column.opened = command
        return model

    def bring_back(self, column: Column) -> bool:
        """Load again the model that was released for a load that failed; its text goes on where it was. False if it is
        gone, too: then there is no model."""
        assert column.lost is not None
        session, command = column.lost
        column.lost = None
        try:
            # Only the end of the program cancels this: a person who cancels twice must not lose the model for it.
            session.model = self._load(column, command, session.model.info.name, self._cancellation.closed)
        except Exception as error:  # whatever it is, the window must know that there is no model now
            log.exception("the model that was open before could not be loaded again")
            self._emit(m.LoadFailed(command.path, str(error), False, model=column.id))
            return False
        column.session = session
        self._emit(m.Loaded(session.model.info, model=column.id))
        return True

    @staticmethod
    def release(column: Column) -> None:
        if column.session is not None:
            column.session.model.release()
        column.session = column.frame = None

    def _load(self, column: Column, command: m.LoadModel, name: str, cancelled: Callable[[], bool]) -> LanguageModel:
        from ntp_studio.core import checkpoints

        def progress(message: str, fraction: float | None) -> None:
            self._emit(m.Loading(name, message, fraction, model=column.id))

        return checkpoints.load(
            command.path, device=command.device, dtype=command.dtype, progress=progress, cancelled=cancelled
        )
