"""Saved texts, on the worker's side: write the one that is open, and go on with another, opening its model first."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ntp_studio import assets
from ntp_studio import messages as m
from ntp_studio.columns import Column, ReadingOptions
from ntp_studio.core.types import Cancelled, DeviceError, NotEnoughMemory, StudioError
from ntp_studio.loading import Loader
from ntp_studio.time_lapse import TimeLapse

if TYPE_CHECKING:
    from ntp_studio.core.saved_document import Saved, SavedModel
    from ntp_studio.core.session import Session

log = logging.getLogger(__name__)


class SessionDesk:
    def __init__(
        self,
        emit: Callable[[m.Event], None],
        loader: Loader,
        time_lapse: TimeLapse,
        *,
        pause: Callable[[Column], None],
        reading: Callable[[Column], AbstractContextManager[ReadingOptions]],
        show_text: Callable[[Column, Session], None],
        top: int,
    ) -> None:
        """`reading` gives what lets a long reading tell how far it is and be cancelled; `top` is how many candidates a
        frame lists."""
        self._emit = emit
        self._loader = loader
        self._time_lapse = time_lapse
        self._pause = pause
        self._reading = reading
        self._show_text = show_text
        self._top = top

    def takes(self, command: m.Command) -> bool:
        """Whether this command is about a saved text."""
        return isinstance(command, m.SaveSession | m.OpenSession)

    def carry_out(self, column: Column, number: int, command: m.Command) -> None:
        """Raises StudioError: it was not done, and what is open is as it was."""
        if isinstance(command, m.SaveSession):
            self._save(column, command.path)
        elif isinstance(command, m.OpenSession):
            self._open(column, number, command.path)

    def _save(self, column: Column, path: str) -> None:
        from ntp_studio.core import saved

        session = column.ready()
        prompt = column.prompt
        if prompt is None:  # of a session made elsewhere
            prompt = session.model.tokens.text([node.token_id for node in session.tree.prompt])
        saved.write(session, path, prompt, column.chat)
        self._emit(m.SessionSaved(path, model=column.id))

    def _open(self, column: Column, number: int, path: str) -> None:
        from ntp_studio.core import saved

        text = saved.read(path)
        self._pause(column)
        session, path_now = column.session, _path_now(text.model)
        moved = path_now != text.model.path or not path_now
        if session is not None and (
            session.model.info.path == text.model.path or (moved and saved.written_with(text, session.model))
        ):
            with self._reading(column) as options:
                note = saved.restore(text, session, **options)
        elif not path_now:
            raise StudioError(
                f"The model of this text, {text.model.name}, is not at {text.model.path or 'any place'} any more; open "
                "it where it is now, and then the text again."
            )
        else:
            opened = self._open_model(column, number, text, path_now)
            if opened is None:
                return
            session, note = opened
        column.decoding, column.seed = text.decoding, text.seed
        column.prompt, column.chat = text.prompt, text.chat
        column.run += 1
        if column.session is not session:
            self._begin(column, session)
        self._emit(m.SessionOpened(path, text.decoding, text.seed, text.prompt, text.chat, model=column.id))
        self._show_text(column, session)
        if note:
            self._emit(m.Trouble(note, model=column.id))

    def _open_model(self, column: Column, number: int, text: Saved, path: str) -> tuple[Session, str] | None:
        """Load the model of a text from `path` and go on with the text there. The column does not have the session yet.
        None after telling why not; then the model open before is loaded again."""
        from ntp_studio.core import saved
        from ntp_studio.core.session import Session

        before, opened = column.session, column.opened
        command = self._how_to_load(column, path, text.model.dtype)
        self._time_lapse.make_room(column)
        model = self._loader.open(column, command, number)
        if model is None:
            return None
        try:
            session = Session(model, top=self._top)
            session.pictures = column.pictures
            with self._reading(column) as options:
                return session, saved.restore(text, session, **options)
        except Exception as error:
            model.release()
            column.opened = opened
            if before is not None and opened is not None:
                column.lost = before, opened
            kept = column.lost is not None
            self._emit(m.LoadFailed(command.path, str(error), kept, isinstance(error, Cancelled), model=column.id))
            if not isinstance(error, StudioError):
                raise
            log.info("%s", error, exc_info=True)
            return None

    def _how_to_load(self, column: Column, path: str, dtype: str) -> m.LoadModel:
        """On the device chosen for the model before; in the dtype of then, which the same text needs, if it can be."""
        from ntp_studio.core import checkpoints

        device = column.opened.device if column.opened is not None else "auto"
        replaced = column.session.model.info if column.session is not None else None
        try:
            checkpoints.check(path, device=device, dtype=dtype, replacing=replaced)
        except (DeviceError, NotEnoughMemory):
            dtype = "auto"
        except StudioError:
            pass  # the loader tells of it
        return m.LoadModel(path, device, dtype, model=column.id)

    def _begin(self, column: Column, session: Session) -> None:
        """A column with another model."""
        from ntp_studio.core import devices

        column.session = session
        self._emit(m.Loaded(session.model.info, model=column.id))
        self._time_lapse.open(column)
        self._emit(m.MemoryChanged(*devices.memory_in_use(), model=column.id))


def _path_now(model: SavedModel) -> str:
    """Where the model of a text is on this machine: where it was, or with the program; "" if that is not known.

    A path to another machine is not followed: whoever wrote the file must not make this one connect to anywhere.
    """
    path = model.path
    if path and not path.startswith(("//", "\\\\")) and os.path.exists(path):
        return path
    bundled = assets.bundled_model()
    return str(bundled) if bundled is not None and model.name == bundled.name else ""
