"""What travels between the window and the worker thread: frozen commands in, frozen events out.

Every message names the model column it belongs to (`model`), so that several models can share the one worker.
Events of a text carry its `run`: the number goes up whenever the text is replaced (new prompt, restart, another model),
so a view can drop what is stale. No message holds a tensor or an array.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ntp_studio.core.types import (
    Candidate,
    DecodingSettings,
    ModelInfo,
    ModelListing,
    PageToken,
    StageReport,
    StepFrame,
    StopReason,
    Story,
)

MAIN = "main"


# -- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    model: str = field(default=MAIN, kw_only=True)


@dataclass(frozen=True, slots=True)
class LoadModel(Command):
    """Look, check memory, free the old model, load. The prompt open before is kept and read by the new model."""

    path: str
    device: str = "auto"
    dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class SetPrompt(Command):
    """Replace the text by a new prompt; `chat` wraps it in the model's chat template."""

    text: str
    chat: bool = False


@dataclass(frozen=True, slots=True)
class Tokenize(Command):
    """How the prompt being typed would be cut into tokens; answered by `Tokenized`."""

    text: str
    chat: bool = False


@dataclass(frozen=True, slots=True)
class Step(Command):
    """Take the token that the draw gives, and show the next distribution."""


@dataclass(frozen=True, slots=True)
class Force(Command):
    """Take this token instead of the drawn one, in the distribution after `node` (None: where the text is now)."""

    token_id: int
    node: int | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Back(Command):
    """Go one token back; the way ahead stays on the page, paler."""


@dataclass(frozen=True, slots=True)
class Forward(Command):
    """Go one token ahead along the text that is already there, without drawing."""


@dataclass(frozen=True, slots=True)
class GoTo(Command):
    """Go to the place in the text right after this node; dropped if the text is no longer that of `run`."""

    node: int
    run: int | None = None


@dataclass(frozen=True, slots=True)
class NextBranch(Command):
    """Replace the text from this node on by the next of the continuations tried at its place."""

    node: int
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Play(Command):
    """Step on its own, at most `per_second` tokens a second (0: as fast as the model goes), until `steps` are done,
    the text ends, or `Pause`."""

    per_second: float = 0.0
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Pause(Command):
    pass


@dataclass(frozen=True, slots=True)
class Restart(Command):
    """Back to the prompt alone, with the random stream at its beginning."""


@dataclass(frozen=True, slots=True)
class SetDecoding(Command):
    decoding: DecodingSettings


@dataclass(frozen=True, slots=True)
class SetSeed(Command):
    """Start the random stream afresh with this seed, from the present place on."""

    seed: int


@dataclass(frozen=True, slots=True)
class FindTokens(Command):
    """Look for vocabulary entries that contain `query`; answered by `TokensFound` with their figures at this place."""

    query: str
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ShowPictures(Command):
    """Whether frames are to carry the pictures of their stages."""

    on: bool


@dataclass(frozen=True, slots=True)
class TellStory(Command):
    """What each stage did to this token at the present place; answered by `StoryTold`."""

    token_id: int


@dataclass(frozen=True, slots=True)
class MoveNeedle(Command):
    """Put the dart's needle at `u` in [0, 1) at this place (after `node` of `run`); None gives it back to the seed."""

    u: float | None
    node: int | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True)
class DrawMany(Command):
    """Draw so many times from the distribution after decoding, and take none; answered by `ManyDrawn`."""

    count: int = 1000


@dataclass(frozen=True, slots=True)
class CopyAs(Command):
    """The chain as code for transformers or arguments for llama.cpp; answered by `CopiedAs`."""

    program: Literal["transformers", "llama.cpp"]


@dataclass(frozen=True, slots=True)
class SaveSession(Command):
    """Write the text with all its branches, settings and luck, so that it can be gone on with."""

    path: str


@dataclass(frozen=True, slots=True)
class OpenSession(Command):
    """Go on with a saved text; its model is opened first if another one is open. Answered by `SessionOpened`."""

    path: str


@dataclass(frozen=True, slots=True)
class ListModels(Command):
    recent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Export(Command):
    """Write the text with all its figures: JSON lines for `.jsonl`, the bare text otherwise."""

    path: str


@dataclass(frozen=True, slots=True)
class CloseModel(Command):
    pass


# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    model: str = field(default=MAIN, kw_only=True)


@dataclass(frozen=True, slots=True)
class Loading(Event):
    """`fraction` is None while the length of the work is not known."""

    name: str
    message: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Loaded(Event):
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class LoadFailed(Event):
    """`kept` tells whether the model open before is still usable."""

    path: str
    message: str
    kept: bool
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Reading(Event):
    """The prompt is being read: `done` of `total` tokens."""

    run: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class PathChanged(Event):
    """The whole text: `tokens[:cursor]` is the context, the rest the way ahead that was taken before."""

    run: int
    tokens: tuple[PageToken, ...]
    cursor: int
    prompt_length: int


@dataclass(frozen=True, slots=True)
class FrameReady(Event):
    """A distribution to show. `appended` is the token just taken, when the text merely grew by it at its end;
    `pending` counts steps not yet done of a play."""

    run: int
    frame: StepFrame
    appended: PageToken | None = None


@dataclass(frozen=True, slots=True)
class NothingAllowed(Event):
    """Instead of `FrameReady`: at this place the chain leaves no token. `stages` tells of the chain up to the one that
    removed the last."""

    run: int
    node: int
    context_length: int
    message: str
    stages: tuple[StageReport, ...]
    appended: PageToken | None = None


@dataclass(frozen=True, slots=True)
class RunState(Event):
    """Whether the model is playing; `reason` says why it stopped (None while playing or when a person paused)."""

    run: int
    playing: bool
    reason: StopReason | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Tokenized(Event):
    text: str
    tokens: tuple[PageToken, ...]
    context_length: int


@dataclass(frozen=True, slots=True)
class TokensFound(Event):
    run: int
    query: str
    candidates: tuple[Candidate, ...]
    total: int


@dataclass(frozen=True, slots=True)
class StoryTold(Event):
    run: int
    node: int
    story: Story


@dataclass(frozen=True, slots=True)
class ManyDrawn(Event):
    """How often each token came up: (token id, times), the most frequent first; the times add up to `count`."""

    run: int
    node: int
    count: int
    times: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CopiedAs(Event):
    """Each of `warnings` is one thing that will be different in the other program."""

    program: str
    text: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionSaved(Event):
    path: str


@dataclass(frozen=True, slots=True)
class SessionOpened(Event):
    """What the window must show of it besides the text, which follows as `PathChanged`."""

    path: str
    decoding: DecodingSettings
    seed: int
    prompt: str
    chat: bool


@dataclass(frozen=True, slots=True)
class ModelsListed(Event):
    models: tuple[ModelListing, ...]


@dataclass(frozen=True, slots=True)
class Exported(Event):
    path: str


@dataclass(frozen=True, slots=True)
class MemoryChanged(Event):
    """The resident memory of this process, and of the accelerator where one is used."""

    process_bytes: int
    device_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Trouble(Event):
    """Something went wrong and nothing was lost; `message` is a sentence for a person, who may have wanted it so."""

    message: str
    cancelled: bool = False
