"""A comparison: columns in lock-step, what was chosen for them, and what the window is told. In the worker thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.compare_telling import MOST_PLACES, Telling
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.disagreement import Disagreement
    from ntp_studio.core.lockstep import Frames, Lockstep
    from ntp_studio.core.model import LanguageModel
    from ntp_studio.core.session import Session


class Comparison:
    """`lockstep` is None while there is no column; what was chosen holds for the first one that comes."""

    def __init__(self, emit: Callable[[m.Event], None], main: Callable[[], LanguageModel | None]) -> None:
        """`main` gives the model of the window's main page."""
        self._emit = emit
        self._main = main
        self.telling = Telling(emit)
        self.lockstep: Lockstep | None = None
        self.disagreement: Disagreement | None = None
        self.frames: Frames | None = None  # of the place on view
        self.prompt: tuple[str, bool] | None = None
        self.decoding = DecodingSettings()
        self.seed = DEFAULT_SEED
        self.mode: c.Mode = "same text"
        self.same_draw = True
        self.pictures = False

    def models(self) -> list[LanguageModel]:
        """Of the columns, in their row."""
        return [] if self.lockstep is None else [column.session.model for column in self.lockstep.columns]

    def begin(self, session: Session) -> Lockstep:
        """The first column."""
        from ntp_studio.core.disagreement import Disagreement
        from ntp_studio.core.lockstep import Lockstep

        self.lockstep = Lockstep([session], mode=self.mode, same_draw=self.same_draw, seed=self.seed)
        self.disagreement = Disagreement(self.lockstep, top=MOST_PLACES)
        return self.lockstep

    def end(self) -> None:
        """Give back what the columns hold."""
        models = self.models()
        self.let_go()
        self.lockstep = self.disagreement = self.frames = None
        for model in models:
            model.release()

    def let_go(self) -> None:
        """Before a model's memory is to be free: keep nothing that was read with it."""
        self.frames = None
        if self.disagreement is not None:
            self.disagreement.let_go()

    def ready(self) -> Lockstep:
        """Raises StudioError: there is no column."""
        if self.lockstep is None:
            raise StudioError("There is no column yet; add a model first.")
        return self.lockstep

    def where(self, number: int) -> tuple[Lockstep, int]:
        """The lock-step, and where in the row this column is. Raises StudioError: it has been removed."""
        lockstep = self.ready()
        index = next((i for i, column in enumerate(lockstep.columns) if column.number == number), None)
        if index is None:
            raise StudioError("That column has been removed since.")
        return lockstep, index

    # -- what the window is told

    def show(self, *, whole: bool = False) -> None:
        """The place or the settings have changed; with `whole`, the texts are others."""
        if whole:
            self.telling.renew()
        self.frames = None
        lockstep, disagreement = self.lockstep, self.disagreement
        if lockstep is not None and disagreement is not None and lockstep.leader.session.place:
            self.frames = self.telling.place(lockstep, disagreement)
            for column in lockstep.columns:
                column.session.prepare()

    def show_columns(self, request: int | None = None) -> None:
        """Which columns there are; `request` is the `AddColumn` that this answers."""
        states = []
        if self.lockstep is not None:
            for column in self.lockstep.columns:
                model = column.session.model
                alike = column.alike(self.lockstep.leader)
                states.append(c.ColumnState(column.number, model.info, column.decoding, self._shared(model), alike))
        self._emit(c.ColumnsChanged(self.telling.run, tuple(states), self.mode, self.same_draw, request))
        self._tell_memory()

    def _shared(self, model: LanguageModel) -> str:
        """With whom it has its weights in common."""
        models = self.models()
        other = next((i for i, each in enumerate(models) if each is not model and each.network is model.network), None)
        if other is not None:
            return "ABCD"[other]
        main = self._main()
        return "the main page" if main is not None and main.network is model.network else ""

    def _tell_memory(self) -> None:
        from ntp_studio.core import devices

        if self.lockstep is not None or self._main() is not None:
            self._emit(m.MemoryChanged(*devices.memory_in_use()))
