"""The time-lapse, on the worker's side: the open model is one snapshot of a training, and the others are at hand.

A switch exchanges the session's model. Beside that, when there is nothing else to do, the ribbon is computed snapshot
by snapshot, and then the neighbours are loaded: pieces of work that stop as soon as a command waits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ntp_studio import messages as m
from ntp_studio import time_lapse_messages as t
from ntp_studio.cancellation import SNAPSHOT, Cancellation
from ntp_studio.columns import Column
from ntp_studio.core.types import Cancelled, NotEnoughMemory, StudioError
from ntp_studio.ribbon import Context, Ribbon

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel
    from ntp_studio.core.session import Session
    from ntp_studio.core.snapshots import Series, SnapshotCache

log = logging.getLogger(__name__)
REST = 0.2  # seconds without a command before idle work begins, so that it never gets in the way of one


@dataclass
class Lapse:
    """What is known of one column's training."""

    series: Series
    current: int
    cache: SnapshotCache
    ribbon: Ribbon = field(default_factory=Ribbon)
    problems: dict[int, str] = field(default_factory=dict)  # snapshots that cannot be opened
    told: object = None  # what the ribbon on the screen was made of

    def path(self, index: int) -> str:
        return self.series.snapshots[index].path

    def moved_to(self, index: int, before: LanguageModel, now: LanguageModel) -> None:
        """The session has exchanged its model; the one before is kept."""
        self.cache.in_use = size_of(now)
        self.cache.put(self.path(self.current), before)
        self.current = index
        self.problems.pop(index, None)

    def missing_neighbour(self, size: int) -> int | None:
        """A neighbour that is not in memory and for which there is room (or can be made, from what is further off)."""
        count = len(self.series.snapshots)
        neighbours = [i for i in (self.current + 1, self.current - 1) if 0 <= i < count and i not in self.problems]
        near = {self.path(i) for i in neighbours}
        for index in neighbours:
            if self.path(index) not in self.cache:
                return index if self.cache.make_room(size, keep=near) else None
        return None


def size_of(model: LanguageModel) -> int:
    from ntp_studio.core import snapshots  # at the first use: it brings in the loaders

    return snapshots.size_of(model.info)


class TimeLapse:
    def __init__(
        self,
        emit: Callable[[m.Event], None],
        cancellation: Cancellation,
        show_text: Callable[[Column, Session], None],
    ) -> None:
        self._emit = emit
        self._cancellation = cancellation
        self._show_text = show_text
        self._lapses: dict[str, Lapse] = {}
        self._unwatched: set[str] = set()
        self._not_before = 0.0
        self.rest = REST
        self.pressed: Callable[[], bool] = cancellation.closed  # whether a command waits; the engine knows better

    # -- the training that a model is of

    def open(self, column: Column) -> None:
        """A model was loaded: look whether it is one snapshot of several, and tell."""
        from ntp_studio.core import snapshots

        self._forget(column)
        assert column.session is not None
        info = column.session.model.info
        series = snapshots.find(info.path)
        current = series.index_of(info.path) if series is not None else None
        if series is None or current is None:
            self._emit(t.TimeLapseOpened("", (), 0, model=column.id))
            return
        cache = snapshots.SnapshotCache(snapshots.default_bound(info.device), size_of(column.session.model))
        self._lapses[column.id] = Lapse(series, current, cache)
        marks = tuple(t.SnapshotMark(s.path, s.step, s.held_out_loss, s.bits_per_byte) for s in series.snapshots)
        self._emit(t.TimeLapseOpened(series.name, marks, current, cache.bound, model=column.id))

    def make_room(self, column: Column) -> None:
        """Another model is about to be loaded: give back all that is kept beside the one in use."""
        lapse = self._lapses.get(column.id)
        if lapse is not None:
            lapse.cache.drop()

    def close(self, column: Column) -> None:
        """The model is closed, or lost."""
        if self._forget(column):
            self._emit(t.TimeLapseOpened("", (), 0, model=column.id))

    def _forget(self, column: Column) -> bool:
        lapse = self._lapses.pop(column.id, None)
        if lapse is not None:
            lapse.cache.drop()
        return lapse is not None

    # -- commands

    def takes(self, command: m.Command) -> bool:
        """Whether this command is about a time-lapse."""
        return isinstance(command, t.ShowSnapshot | t.FollowTokens | t.WatchTimeLapse)

    def carry_out(self, column: Column, number: int, command: m.Command) -> None:
        if isinstance(command, t.WatchTimeLapse):
            (self._unwatched.discard if command.watched else self._unwatched.add)(column.id)
            return
        lapse = self._lapses.get(column.id)
        if lapse is None:  # of a model that has been closed since
            return
        if isinstance(command, t.FollowTokens):
            lapse.ribbon.pinned = tuple(dict.fromkeys(command.token_ids))
        elif isinstance(command, t.ShowSnapshot):
            index = lapse.series.index_of(command.path)
            if index is not None and column.session is not None:
                self._switch(column, column.session, lapse, index, number)

    def _switch(self, column: Column, session: Session, lapse: Lapse, index: int, number: int) -> None:
        path, before = lapse.path(index), session.model
        if index == lapse.current:
            self._emit(t.SnapshotShown(path, before.info, model=column.id))
            return
        try:
            with self._cancellation.job(column.id, SNAPSHOT, number) as cancelled:
                if cancelled():
                    raise Cancelled("Another snapshot was chosen.")
                self._exchange(column, session, lapse, index, cancelled)
        except StudioError as error:
            stopped = isinstance(error, Cancelled)
            if not (stopped and self._cancellation.superseded(column.id, number, SNAPSHOT)):
                log.info("%s", error, exc_info=True)
                self._emit(t.SnapshotFailed(path, str(error), stopped, model=column.id))
            return
        lapse.moved_to(index, before, session.model)
        assert column.opened is not None
        column.opened = replace(column.opened, path=path)  # what to go back to when a load fails
        self._emit(t.SnapshotShown(path, session.model.info, model=column.id))
        self._show_text(column, session)

    def _exchange(
        self, column: Column, session: Session, lapse: Lapse, index: int, cancelled: Callable[[], bool]
    ) -> None:
        path = lapse.path(index)
        model = lapse.cache.take(path)
        if model is None:
            self._emit(t.SnapshotLoading(path, model=column.id))
            lapse.cache.make_room(size_of(session.model))
            model = self._load(session, lapse, index, cancelled)
        try:
            session.exchange(model, cancelled=cancelled)
        except BaseException:  # the text is still the old model's
            lapse.cache.put(path, model)
            raise

    def _load(self, session: Session, lapse: Lapse, index: int, cancelled: Callable[[], bool]) -> LanguageModel:
        """A snapshot from disk, on the same device and in the same dtype. Raises StudioError."""
        from ntp_studio.core import checkpoints
        from ntp_studio.core.tokens import same_vocabulary

        info = session.model.info

        def load() -> LanguageModel:
            return checkpoints.load(lapse.path(index), device=info.device, dtype=info.dtype, cancelled=cancelled)

        try:
            model = load()
        except NotEnoughMemory:
            if not lapse.cache.paths:
                raise
            lapse.cache.make_room(lapse.cache.bound + 1)  # for which all must go
            model = load()
        ours, theirs = session.model.tokens, model.tokens
        if not same_vocabulary(ours, theirs):
            name = model.info.name
            model.release()
            raise StudioError(f"{name} has other tokens than {info.name}, so it cannot read this text; open it alone.")
        templates = [getattr(getattr(each, "tokenizer", None), "chat_template", None) for each in (ours, theirs)]
        if templates[0] == templates[1]:
            model.tokens = ours  # one table in memory for all
        return model

    # -- when there is nothing else to do

    def wait(self) -> None:
        """A command was given: idle work begins a moment after the last one."""
        self._not_before = time.monotonic() + self.rest

    def due(self, columns: Iterable[Column]) -> float | None:
        """When (of `time.monotonic()`) there is idle work to do, None if there is none."""
        return self._not_before if any(self._wants(column) for column in columns) else None

    def advance(self, columns: Iterable[Column]) -> bool:
        """Do one piece of idle work. False if there was nothing to do, or it is not the time."""
        if time.monotonic() < self._not_before or self.pressed():
            return False
        columns = list(columns)
        if any(column.playing is not None for column in columns):
            return False
        for column in columns:
            wanted = self._wants(column)
            if wanted is not None:
                self._do(*wanted)
                return True
        return False

    def _do(self, lapse: Lapse, index: int, work: Callable[[], None]) -> None:
        try:
            work()
        except Cancelled:  # a command waits; the work is taken up after it
            self.wait()
        except StudioError as error:
            log.info("%s", error, exc_info=True)
            lapse.problems[index] = str(error)
        except Exception as error:  # a bug must not be tried again and again
            log.exception("snapshot %s", lapse.path(index))
            lapse.problems[index] = f"Something went wrong inside the program ({type(error).__name__}: {error})."

    def _wants(self, column: Column) -> tuple[Lapse, int, Callable[[], None]] | None:
        """The next piece of idle work for a column, with the snapshot that it is about."""
        lapse, session = self._lapses.get(column.id), column.session
        if lapse is None or session is None or column.id in self._unwatched:
            return None
        if session.place:
            place = tuple(session.tree.ids)
            index = lapse.ribbon.missing(place, lapse.current, len(lapse.series.snapshots), lapse.problems)
            if index is not None:
                return lapse, index, partial(self._look, column, session, lapse, place, index)
            if lapse.told != self._state(column, session, lapse, place):
                return lapse, lapse.current, partial(self._tell, column, session, lapse, place)
        neighbour = lapse.missing_neighbour(size_of(session.model))
        return None if neighbour is None else (lapse, neighbour, partial(self._fetch, session, lapse, neighbour))

    def _look(self, column: Column, session: Session, lapse: Lapse, place: Context, index: int) -> None:
        """One more snapshot's distribution, for the ribbon."""
        path = lapse.path(index)
        model = session.model if index == lapse.current else lapse.cache.peek(path)
        passing = False
        try:
            if model is None:
                passing = True
                model = self._load(session, lapse, index, self.pressed)
            if model is session.model:
                logits = session.logits()
            else:
                logits = model.read(list(place), cancelled=self.pressed).logits
            lapse.ribbon.keep(place, index, logits)
        except StudioError as error:
            if isinstance(error, Cancelled):
                raise
            log.info("%s", error, exc_info=True)
            if model is None:
                lapse.problems[index] = str(error)
            else:  # it is whole, and cannot read this text
                lapse.ribbon.keep(place, index, None)
        finally:
            if passing and model is not None:
                if lapse.cache.fits(size_of(model)):  # what is kept already is likelier to be wanted than this
                    lapse.cache.put(path, model)
                else:
                    model.release()
        self._tell(column, session, lapse, place)

    def _fetch(self, session: Session, lapse: Lapse, index: int) -> None:
        """A neighbour, so that going there costs no load."""
        lapse.cache.put(lapse.path(index), self._load(session, lapse, index, self.pressed))

    def _state(self, column: Column, session: Session, lapse: Lapse, place: Context) -> object:
        """What the ribbon's picture depends on."""
        choice = column.frame.choice.token.id if column.frame is not None else None
        known, problems = lapse.ribbon.known(place), len(lapse.problems)
        return column.run, place, lapse.current, choice, lapse.ribbon.pinned, known, problems

    def _tell(self, column: Column, session: Session, lapse: Lapse, place: Context) -> None:
        ribbon, count = lapse.ribbon, len(lapse.series.snapshots)
        choice = column.frame.choice.token.id if column.frame is not None else None
        tokens = ribbon.tokens(place, lapse.current, choice, session.model.tokens.token)
        lapse.told = self._state(column, session, lapse, place)
        self._emit(
            t.RibbonChanged(
                column.run,
                session.tree.here.id,
                tokens,
                ribbon.rows(place, tokens, count),
                tuple(sorted(lapse.problems.items())),
                ribbon.missing(place, lapse.current, count, lapse.problems) is None,
                model=column.id,
            )
        )
