"""The frozen values that cross borders between core, engine and window.

They hold plain Python numbers, strings, bytes and tuples: never tensors or arrays, so that an event can travel between
threads and outlive the model it came from. Probabilities are in [0, 1], log-probabilities are natural, entropies and
surprisals are in bits, times in milliseconds, sizes in bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ntp_studio.core.pictures import Picture, Span

Origin = Literal["prompt", "drawn", "forced"]
Method = Literal["greedy", "race", "dart"]
Needle = Literal["seed", "moved", "held"]
StopReason = Literal["steps", "eos", "stop", "context", "error"]
DEFAULT_SEED = 42
DeviceName = Literal["auto", "cuda", "mps", "cpu"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]


class StudioError(Exception):
    """Something a person can act on: the message is one sentence that says what is wrong and what to do next.

    The traceback behind it belongs in the log. `exit_status` is the command line's: 2 for bad input, 1 for a failure.
    """

    exit_status = 2


class CheckpointError(StudioError):
    """The checkpoint cannot be opened as it is."""


class DeviceError(StudioError):
    """The device or dtype asked for is not to be had here."""


class NotEnoughMemory(StudioError):
    """The model does not fit; nothing was loaded."""


class SettingError(StudioError):
    """A decoding setting that does not exist, or a number out of its range."""


class NoTokenAllowed(StudioError):
    """Bans have removed every token; the message names the stage that removed the last. `stages` are the reports of the
    chain up to it."""

    def __init__(self, message: str, stages: tuple[StageReport, ...] = ()) -> None:
        super().__init__(message)
        self.stages = stages


class Cancelled(StudioError):
    """The person cancelled; what was open before is untouched."""

    exit_status = 1


class ModelFailure(StudioError):
    """The model ran and gave something unusable (NaN, infinity, out of memory)."""

    exit_status = 1


class ContextFull(StudioError):
    """The text is as long as the model's context."""


@dataclass(frozen=True, slots=True)
class TokenText:
    """What a token is, apart from any probability. `label` is what a chip shows: `·the`, `↵`, `⟨E2 82⟩`, `<|eos|>`."""

    id: int
    bytes: bytes
    text: str  # the bytes read as UTF-8, with U+FFFD for what is not whole
    label: str
    special: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One token of one distribution: the model's figures and those after decoding, side by side.

    `rank` is the model's, from 1. `processed_probability` is 0 for a cut token, and `cut_by` names the stage that cut
    it with `reason` in words. `probability = exp(logit - StepFrame.log_normalizer)`; likewise for the processed pair.
    `noise` is its q ~ Exp(1) in the race at this place; NaN where no race is run.
    """

    token: TokenText
    rank: int
    logit: float
    logprob: float
    probability: float
    processed_probability: float
    processed_logit: float = -math.inf
    cut_by: str | None = None
    reason: str = ""
    noise: float = math.nan

    @property
    def surprisal_bits(self) -> float:
        return -self.logprob / math.log(2)

    @property
    def waiting_time(self) -> float:
        """Its time in the race, q/p after decoding: the smallest wins. Infinite for a cut token."""
        if self.processed_probability > 0:
            return self.noise / self.processed_probability
        return math.nan if math.isnan(self.noise) else math.inf


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one active stage of the chain did at this step.

    `mass` is the share of the distribution entering the stage that it kept; `threshold` is its cut in words
    (`p ≥ 0.0105`), empty when it cuts nothing, and `limit` the number behind it. `facts` are further numbers by name,
    for its drawing (XTC's coin, mirostat's μ). `resting` is true where another stage takes its place or has already
    chosen; `threshold` then says which. `pictures` are drawn only where a view asks for them (`Session.drawing`), and
    `spans` are stretches of the text that the stage speaks of.
    """

    name: str
    kept: int
    removed: int
    mass: float
    entropy_before_bits: float
    entropy_after_bits: float
    threshold: str = ""
    limit: float | None = None
    facts: tuple[tuple[str, float], ...] = ()
    resting: bool = False
    pictures: tuple[Picture, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawReport:
    """How the token was chosen: `greedy`; `race` (least waiting time q/p wins, as torch.multinomial does); or `dart`
    (the probabilities lie end to end, most likely first, and `u` in [0, 1) falls on one of them).

    `needle` says where u comes from: the seed, a person who moved it at this place, or one who holds it at every place.
    """

    method: Method
    seed: int
    position: int  # how many draws the stream had given before this one
    time: float = math.nan  # the winner's waiting time q/p, for the race
    u: float = math.nan  # for the dart
    needle: Needle = "seed"


@dataclass(frozen=True, slots=True)
class Taken:
    """The token that was taken at a place when the text went on from there, and how. `draw` is None for a token that
    was forced or belongs to the prompt. `probability` is the one after decoding then; `decoding` the settings then,
    None for the prompt's; `changed` tells whether they or the luck are others now."""

    token: TokenText
    origin: Origin
    draw: DrawReport | None = None
    probability: float | None = None
    decoding: DecodingSettings | None = None
    changed: bool = False


@dataclass(frozen=True, slots=True)
class StepFrame:
    """The distribution at one place in the text, the token chosen from it, and what it cost.

    `candidates` are the model's most likely tokens, by rank, and always contain those of `choice` and `taken`. The
    others number `vocab_size - len(candidates)` and hold `tail_probability` (model) and `processed_tail_probability`
    (decoding). `origin` tells whether `choice` is what the draw gives here or was forced by a person. `taken` is what
    was taken here before, where the text goes on on the page. `arrivals` are the first of the whole vocabulary to
    arrive in the race, in their order, listed among the candidates or not; empty where no race is run.
    """

    step: int  # 1 is the first token after the prompt, 0 is a place inside the prompt
    node: int  # the session-tree node whose continuation this is
    context_length: int
    vocab_size: int
    whole_vocabulary: bool
    candidates: tuple[Candidate, ...]
    choice: Candidate
    origin: Origin
    draw: DrawReport
    entropy_bits: float
    processed_entropy_bits: float
    kept: int
    kept_mass: float  # the model's probability of all tokens that decoding kept
    tail_probability: float
    processed_tail_probability: float
    log_normalizer: float
    processed_log_normalizer: float
    stages: tuple[StageReport, ...]
    model_ms: float
    step_ms: float
    note: str = ""  # what a person should know, e.g. that the context was recomputed
    taken: Taken | None = None
    arrivals: tuple[Candidate, ...] = ()

    @property
    def others(self) -> int:
        return self.vocab_size - len(self.candidates)


@dataclass(frozen=True, slots=True)
class StoryLine:
    """What one stage did to one token, in `words` with numbers. `before` and `after` are its probabilities in the
    distributions that entered and left the stage (0: not there)."""

    stage: str  # its name; "model" for the beginning, "draw" for the end
    label: str
    effect: Literal["model", "kept", "changed", "cut", "gone", "resting", "draw"]
    words: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Story:
    """One token's way through the chain: the model's figures, each active stage in order, and the draw."""

    candidate: Candidate
    lines: tuple[StoryLine, ...]


@dataclass(frozen=True, slots=True)
class PageToken:
    """One token of the text on the page, with the figures of the distribution it was chosen from.

    The figures are None where the model gave none: the first token of a text has no context.
    """

    node: int
    token: TokenText
    origin: Origin
    logprob: float | None = None
    processed_probability: float | None = None
    rank: int | None = None
    entropy_bits: float | None = None
    branches: int = 1  # how many continuations were tried at this place, this one included
    template: bool = False  # added by the chat template, not typed

    @property
    def probability(self) -> float | None:
        return None if self.logprob is None else math.exp(self.logprob)

    @property
    def surprisal_bits(self) -> float | None:
        return None if self.logprob is None else -self.logprob / math.log(2)


@dataclass(frozen=True, slots=True)
class TokenScore:
    """How a given token fared in the distribution before it: natural log-probability, rank from 1, entropy in bits."""

    logprob: float
    rank: int
    entropy_bits: float


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model: from a cheap look before loading, completed by the load (device, dtype, load_ms)."""

    name: str
    path: str
    format: str  # "hugging face", "gguf", "nanogpt", "adapter"
    architecture: str
    parameters: int
    vocab_size: int
    context_length: int
    weight_bytes: int  # on disk
    device: str = ""
    dtype: str = ""
    device_reason: str = ""
    memory_bytes: int = 0  # weights in memory at that dtype
    cache_bytes_per_token: int = 0
    threads: int = 0
    load_ms: float = 0.0
    has_chat_template: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A checkpoint that can be opened here, as `ntp-studio models` and the model menu list it."""

    name: str
    path: str
    source: str  # "bundled", "recent", "hugging face cache", ...
    format: str
    size_bytes: int
    problem: str = ""  # why it cannot be opened, when a look shows that


@dataclass(frozen=True, slots=True)
class StageSetting:
    """One stage of the decoding chain as a person set it: values by parameter name, its switch, and lists of texts by
    parameter name (biases, stop strings)."""

    name: str
    values: tuple[tuple[str, float], ...] = ()
    enabled: bool = True
    texts: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class DecodingSettings:
    """The chain in its order, and how a token is chosen at its end. No stage is on unless it is listed and enabled.

    `needle` holds the dart at this place in [0, 1) for every draw; None leaves it to the seed.
    """

    stages: tuple[StageSetting, ...] = ()
    method: Method = "race"
    needle: float | None = None
