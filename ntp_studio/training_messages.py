"""What travels between the Train panel and the worker thread: commands in, events out, as in `messages`.

Losses are in nats per token, rates in tokens a second, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ntp_studio.core.types import StepFrame
from ntp_studio.messages import Command, Event

DESK = "training"
"""What stands in `model`: a training is no column of the window."""

RecipeValue = str | int | float | bool | None | tuple[str, ...] | tuple[int, ...]
Phase = Literal["preparing", "running", "paused", "saving", "measuring", "ended"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of held-out text: mean cross-entropy in nats per token over `tokens` tokens, and what follows from it."""

    loss: float
    perplexity: float
    bits_per_byte: float
    tokens: int


@dataclass(frozen=True, slots=True)
class TrainingCommand(Command):
    model: str = field(default=DESK, kw_only=True)


@dataclass(frozen=True, slots=True)
class StartTraining(TrainingCommand):
    """Begin a run. `values` are fields of `core.training.Recipe` by name; what is left out has its default."""

    values: tuple[tuple[str, RecipeValue], ...]
    prompt: str


@dataclass(frozen=True, slots=True)
class ResumeTraining(TrainingCommand):
    """Go on with the run in `folder`, from the last state it kept."""

    folder: str
    prompt: str


@dataclass(frozen=True, slots=True)
class PauseTraining(TrainingCommand):
    """Make no further updates, and keep everything in memory."""


@dataclass(frozen=True, slots=True)
class ContinueTraining(TrainingCommand):
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class StopTraining(TrainingCommand):
    """End the run after the update under way; its weights and its state are kept. Also ends a preparation."""


@dataclass(frozen=True, slots=True)
class WatchPrompt(TrainingCommand):
    """Show the next token's distribution after this text from now on."""

    prompt: str


@dataclass(frozen=True, slots=True)
class CompareWithBase(TrainingCommand):
    """Measure the result and the model before its first update on all held-out text; answered by `BaseCompared`."""


@dataclass(frozen=True, slots=True)
class TrainingEvent(Event):
    model: str = field(default=DESK, kw_only=True)


@dataclass(frozen=True, slots=True)
class TrainingPhase(TrainingEvent):
    """What the desk does now; `message` says it in words, or what stood in the way."""

    phase: Phase
    message: str = ""


@dataclass(frozen=True, slots=True)
class TrainingBegun(TrainingEvent):
    """The run is prepared. `losses` and `held_out` are (step, value) of updates that were done before, in a run that
    goes on. `context` is the length of a block in tokens, which a base may have made shorter than the recipe says;
    `values` are the fields of the recipe by name."""

    folder: str
    name: str
    step: int
    total_steps: int
    parameters: int
    learning: int
    train_tokens: int
    held_out_tokens: int
    device: str
    precision: str
    context: int
    values: tuple[tuple[str, RecipeValue], ...]
    losses: tuple[tuple[int, float], ...] = ()
    held_out: tuple[tuple[int, Figures], ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingProgress(TrainingEvent):
    """What was done since the last of these: (step, loss) of every update, and the evaluations that fell due."""

    step: int
    losses: tuple[tuple[int, float], ...]
    held_out: tuple[tuple[int, Figures], ...]
    learning_rate: float
    tokens_per_second: float
    seconds_left: float
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class PromptLook(TrainingEvent):
    """The next token's distribution after `prompt` with the weights of `step`.

    `base[i]` is the probability that the model before its first update gave to `frame.candidates[i]`; `base` is empty
    where that is not known. `problem` says in a sentence why there is no `frame`.
    """

    step: int
    prompt: str
    frame: StepFrame | None
    base: tuple[float, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TrainingEnded(TrainingEvent):
    """`reason` is "done", "early stop" or "stopped"; `held_out` are figures over all held-out text, where measured."""

    folder: str
    step: int
    reason: str
    held_out: Figures | None


@dataclass(frozen=True, slots=True)
class TrainingFailed(TrainingEvent):
    """The run could not begin, or broke off; `message` is a sentence for a person, who may have wanted it so."""

    message: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class BaseCompared(TrainingEvent):
    """The model before its first update beside the result; figures over all held-out text, None where there is none.

    `base_probabilities[i]` is what the base gave to `result_frame.candidates[i]`.
    """

    step: int
    prompt: str
    base: Figures | None
    result: Figures | None
    base_frame: StepFrame | None
    result_frame: StepFrame | None
    base_probabilities: tuple[float, ...] = ()
