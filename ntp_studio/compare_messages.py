"""What travels between the compare page and the worker: commands in, events out, as in `messages`.

Columns are named by their `number`, which no other column ever gets; the letters A to D on the screen are their
places in the row. Whatever is of a text carries its `run`: it goes up with every new prompt, restart and change of
columns, and what is older is stale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ntp_studio.core.compared import (
    ColumnTotals,
    MemoryNeed,
    PlaceComparison,
    ScoredComparison,
    Stretch,
    Totals,
)
from ntp_studio.core.types import DecodingSettings, ModelInfo, PageToken, StepFrame, StopReason, TokenText
from ntp_studio.messages import Command, Event

DESK = "compare"
"""What stands in `model`: the columns of the comparison are not the one of the window's main page."""

Mode = Literal["same text", "each its own"]


def wish(request: int) -> str:
    """What a wish for a column is called where it can be cancelled (`Cancellation.job`)."""
    return f"{DESK} {request}"


# -- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CompareCommand(Command):
    model: str = field(default=DESK, kw_only=True)


@dataclass(frozen=True, slots=True)
class BeginComparison(CompareCommand):
    """The page was opened for the first time: the model of the main page becomes the first column, sharing its weights,
    on the same prompt and settings."""

    prompt: str
    chat: bool
    decoding: DecodingSettings
    seed: int


@dataclass(frozen=True, slots=True)
class AddColumn(CompareCommand):
    """Load a model as another column (weights that a column of the same checkpoint, device and dtype has are shared).
    `request` names this wish in the answers: `ColumnLoading`, then `ColumnsChanged` or `ColumnRefused`."""

    request: int
    path: str
    device: str = "auto"
    dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class DuplicateColumn(CompareCommand):
    """A column like this one beside it, on the same weights."""

    number: int


@dataclass(frozen=True, slots=True)
class RemoveColumn(CompareCommand):
    """Take a column out and give its memory back."""

    number: int


@dataclass(frozen=True, slots=True)
class MoveColumn(CompareCommand):
    """Put a column at this place in the row, from 0; whichever is first leads."""

    number: int
    to: int


@dataclass(frozen=True, slots=True)
class AskNeed(CompareCommand):
    """What a column would need, before anything is loaded; answered by `NeedTold`. `request` as in `AddColumn`."""

    request: int
    path: str
    device: str = "auto"
    dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class SetSharedPrompt(CompareCommand):
    """A new prompt for every column."""

    text: str
    chat: bool = False


@dataclass(frozen=True, slots=True)
class TokenizeShared(CompareCommand):
    """How the prompt being typed would be cut by the leading column; answered by `SharedTokenized`."""

    text: str
    chat: bool = False


@dataclass(frozen=True, slots=True)
class ShowColumnPictures(CompareCommand):
    """Whether frames are to carry the pictures of their stages."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetMode(CompareCommand):
    mode: Mode


@dataclass(frozen=True, slots=True)
class SetSameDraw(CompareCommand):
    on: bool


@dataclass(frozen=True, slots=True)
class SetColumnDecoding(CompareCommand):
    """For one column, or for all (None)."""

    decoding: DecodingSettings
    number: int | None = None


@dataclass(frozen=True, slots=True)
class SetSharedSeed(CompareCommand):
    seed: int


@dataclass(frozen=True, slots=True)
class CompareAfterDecoding(CompareCommand):
    """Hold the distributions after decoding against each other instead of the models'."""

    on: bool


@dataclass(frozen=True, slots=True)
class StepAll(CompareCommand):
    """One step in every column."""


@dataclass(frozen=True, slots=True)
class ForceInAll(CompareCommand):
    """Take this token of column `number`'s vocabulary in every column; dropped if `run` is stale."""

    number: int
    token_id: int
    run: int


@dataclass(frozen=True, slots=True)
class ForceText(CompareCommand):
    """Go on with this text in every column, as one step."""

    text: str


@dataclass(frozen=True, slots=True)
class BackAll(CompareCommand):
    pass


@dataclass(frozen=True, slots=True)
class ForwardAll(CompareCommand):
    pass


@dataclass(frozen=True, slots=True)
class GoToStretch(CompareCommand):
    """Go to the place before stretch `index` of the text (`DisagreementShown`), so that what foretold it is seen."""

    index: int
    run: int


@dataclass(frozen=True, slots=True)
class GoToEnd(CompareCommand):
    """To the end of the text that is there."""


@dataclass(frozen=True, slots=True)
class RestartAll(CompareCommand):
    pass


@dataclass(frozen=True, slots=True)
class PlayAll(CompareCommand):
    """Step on its own, at most `per_second` steps a second (0: as fast as the models go), until `steps` are done."""

    per_second: float = 0.0
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class PauseAll(CompareCommand):
    pass


@dataclass(frozen=True, slots=True)
class ScoreText(CompareCommand):
    """Force a given text through every column; answered by `Scoring`, then `Scored` or `ScoringFailed`. `name` is what
    the text is called on the screen."""

    text: str
    name: str


@dataclass(frozen=True, slots=True)
class ScoreFile(CompareCommand):
    """The same with a UTF-8 text file."""

    path: str


@dataclass(frozen=True, slots=True)
class CancelScoring(CompareCommand):
    pass


@dataclass(frozen=True, slots=True)
class ExportScores(CompareCommand):
    """Write the figures of every token of the last scored text as CSV; answered by `messages.Exported`."""

    path: str


@dataclass(frozen=True, slots=True)
class CloseComparison(CompareCommand):
    """Remove all columns and give their memory back."""


# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CompareEvent(Event):
    model: str = field(default=DESK, kw_only=True)


@dataclass(frozen=True, slots=True)
class ColumnState:
    """A column apart from its text. `shared` names with whom it has its weights in common ("A", "the main page"; ""
    for no one), `alike` tells whether it has the leading column's vocabulary."""

    number: int
    info: ModelInfo
    decoding: DecodingSettings
    shared: str = ""
    alike: bool = True


@dataclass(frozen=True, slots=True)
class ColumnsChanged(CompareEvent):
    """The columns in their row, the leading one first, and how they go together. `request` is the `AddColumn` that this
    answers, if it does."""

    run: int
    columns: tuple[ColumnState, ...]
    mode: Mode
    same_draw: bool
    request: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnLoading(CompareEvent):
    """`fraction` is None while the length of the work is not known."""

    request: int
    name: str
    message: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class ColumnRefused(CompareEvent):
    """No column was added, and why. `offers` are smaller ones of the same model that would fit."""

    request: int
    path: str
    message: str
    cancelled: bool = False
    offers: tuple[MemoryNeed, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedTold(CompareEvent):
    """`needs` has what was asked for first, then the model's other dtypes on that device, the largest first; it is
    empty where `problem` says why the model cannot be opened."""

    request: int
    path: str
    needs: tuple[MemoryNeed, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SeriesFound(CompareEvent):
    """A column's model is one snapshot of a training; (step, path) of all of them. None stands for a result of which
    nothing tells the step."""

    name: str
    snapshots: tuple[tuple[int | None, str], ...]


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """A column at the place on view.

    `frame` is its distribution, None where there is none, and `trouble` says why (or why it cannot follow the leading
    column). `path` is its whole line where that changed otherwise than by growing at its end: `path[:cursor]` is the
    context, the rest the way ahead; else None, and `appended` are the tokens that it grew by. `waiting` are bytes of
    the shared text that it could not take yet, `loose` counts its last tokens that a later byte may still cut anew.
    `perplexity` is of the tokens after the prompt, NaN for none.
    """

    number: int
    frame: StepFrame | None
    path: tuple[PageToken, ...] | None
    appended: tuple[PageToken, ...]
    cursor: int
    prompt_length: int
    waiting: bytes = b""
    loose: int = 0
    stopped: StopReason | None = None
    trouble: str = ""
    perplexity: float = float("nan")


@dataclass(frozen=True, slots=True)
class PlaceShown(CompareEvent):
    """All columns at one place, and what is held against what there. `comparison` is None while the columns are at
    different places or there is only one. `step` counts steps from the prompt (0: at its end, negative: within it)."""

    run: int
    step: int
    columns: tuple[ColumnPlace, ...]
    comparison: PlaceComparison | None
    drawn: TokenText | None  # what the leading column takes next
    u: float | None = None  # where the shared dart falls; None for a race
    note: str = ""


@dataclass(frozen=True, slots=True)
class DisagreementShown(CompareEvent):
    """The text in stretches, with how far the columns disagree on each: those before `first` are as told before, those
    from there on are `stretches`. `at` is the stretch that is foretold at the place on view (the number of stretches at
    the text's end). `columns` and `pairs` are totals along the text that all columns have told, `pairs[i]` of column
    i + 1 (None: unequal vocabularies). `missing` counts stretches whose figures are still being computed."""

    run: int
    first: int
    stretches: tuple[Stretch, ...]
    at: int
    columns: tuple[ColumnTotals, ...]
    pairs: tuple[Totals | None, ...]
    missing: int = 0


@dataclass(frozen=True, slots=True)
class CompareRunState(CompareEvent):
    """Whether the columns are playing; `reason` says why they stopped (None while playing or when a person paused)."""

    playing: bool
    reason: StopReason | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ReadingAll(CompareEvent):
    """The columns read a text, one after the other: `done` of `total` tokens of all."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SharedTokenized(CompareEvent):
    """The leading column's tokens; `context_length` is the shortest of all columns."""

    text: str
    tokens: tuple[PageToken, ...]
    context_length: int


@dataclass(frozen=True, slots=True)
class CompareTrouble(CompareEvent):
    """Something went wrong and nothing was lost; a sentence for a person."""

    message: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Scoring(CompareEvent):
    """`done` of `total` tokens of all columns."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Scored(CompareEvent):
    scored: ScoredComparison


@dataclass(frozen=True, slots=True)
class ScoringFailed(CompareEvent):
    message: str
    cancelled: bool = False
