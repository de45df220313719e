"""A column: one open model with its text, and what a person chose for it before or between models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from ntp_studio import messages as m
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings, StepFrame, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.session import Session


class ReadingOptions(TypedDict):
    progress: Callable[[int, int], None]
    cancelled: Callable[[], bool]


@dataclass
class Playing:
    interval: float
    remaining: int | None
    due: float


@dataclass
class Column:
    """`session` is None while no model is open."""

    id: str
    session: Session | None = None
    frame: StepFrame | None = None  # of the session's place, with the settings in force
    run: int = 0
    playing: Playing | None = None
    prompt: str | None = None
    chat: bool = False
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    seed: int = DEFAULT_SEED
    pictures: bool = False
    lost: tuple[Session, m.LoadModel] | None = None  # released for a load that failed; to be loaded again
    opened: m.LoadModel | None = None

    def ready(self) -> Session:
        if self.session is None:
            raise StudioError("No model is open; open one first.")
        return self.session
