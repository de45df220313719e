"""What travels between the window and the worker about a time-lapse: the snapshots of one training and their ribbon."""

from __future__ import annotations

from dataclasses import dataclass

from ntp_studio.core.types import ModelInfo, TokenText
from ntp_studio.messages import Command, Event

# -- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShowSnapshot(Command):
    """Read the text with the weights of this snapshot; place, branches and seeds stay. A newer one takes its place."""

    path: str


@dataclass(frozen=True, slots=True)
class FollowTokens(Command):
    """The tokens that a person wants on the ribbon, whatever the place; more are added while there is room."""

    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WatchTimeLapse(Command):
    """Whether the ribbon is on the screen: it is not computed for nobody."""

    watched: bool


# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SnapshotMark:
    """One snapshot as the window shows it; see `core.snapshots.Snapshot`."""

    path: str
    step: int | None
    held_out_loss: float | None = None
    bits_per_byte: float | None = None


@dataclass(frozen=True, slots=True)
class TimeLapseOpened(Event):
    """The open model is snapshot `current` of these; there are none where it stands alone. `bound` is how many bytes of
    models may be kept in memory."""

    name: str
    snapshots: tuple[SnapshotMark, ...]
    current: int
    bound: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotLoading(Event):
    path: str


@dataclass(frozen=True, slots=True)
class SnapshotShown(Event):
    """The text is read with these weights now; its page and distribution follow."""

    path: str
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class SnapshotFailed(Event):
    """The snapshot could not be shown and the one before is open still."""

    path: str
    message: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class RibbonToken:
    token: TokenText
    pinned: bool = False
    chosen: bool = False  # the token that the draw gives here


@dataclass(frozen=True, slots=True)
class RibbonChanged(Event):
    """The model's probability of these tokens after `node`, by snapshot.

    `rows[i]` are those of snapshot i, one for each of `tokens`, or None while it has not been read or cannot be.
    `problems` tells by index why a snapshot cannot be opened.
    """

    run: int
    node: int
    tokens: tuple[RibbonToken, ...]
    rows: tuple[tuple[float, ...] | None, ...]
    problems: tuple[tuple[int, str], ...] = ()
    complete: bool = False
