"""What every stage of the decoding chain has, and how it tells what it did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Scores

# Hand-made textbook distributions must behave as written although 0.5 + 0.3 is not 0.8 in binary.
TOLERANCE = 1e-12

HIGHEST = 1e6  # of any number of a stage: far beyond sense, and no arithmetic on it ends in infinity

Role = Literal["history", "ban", "shape", "cut", "choose", "stop"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a stage: its name on the command line (transformers' where it has one, else llama.cpp's), range
    and usual scale.

    `minimum` and `hard_maximum` are what a stage accepts, `minimum` to `maximum` what a slider offers, and `usual` what
    its authors and users recommend. `off` is the value at which the stage does nothing. A `flag` is 0 or 1. An
    `advanced` one can be left alone.
    """

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    off: float | None = None
    integer: bool = False
    decimals: int = 2
    scale: Literal["linear", "log"] = "linear"
    usual: tuple[float, float] | None = None
    hard_maximum: float = HIGHEST
    flag: bool = False
    advanced: bool = False

    @property
    def step(self) -> float:
        """The smallest change that its figure shows."""
        return 1.0 if self.integer else 10.0**-self.decimals

    def check(self, value: float) -> None:
        """Raises ValueError, in words, for a number that is none or out of range."""
        if not math.isfinite(value) or (self.integer and value != int(value)):
            raise ValueError(f"{self.name} must be a {'whole ' if self.integer else ''}number, not {value:g}.")
        if not self.minimum <= value:
            raise ValueError(f"{self.name} must be at least {self.minimum:g}, not {value:g}.")
        if value > self.hard_maximum:
            raise ValueError(f"{self.name} must be at most {self.hard_maximum:g}, not {value:g}.")


def flag(name: str, label: str, default: bool) -> Parameter:
    return Parameter(
        name, label, float(default), 0, 1, integer=True, decimals=0, hard_maximum=1, flag=True, advanced=True
    )


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts that a stage takes, one an entry; `hint` says how an entry is written."""

    name: str
    label: str
    default: tuple[str, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a stage found: `threshold` in words for the card, `limit` as the number behind it, `facts` for its drawing
    and `detail` per token id (what that is, the stage says)."""

    threshold: str = ""
    limit: float = math.nan
    facts: tuple[tuple[str, float], ...] = ()
    detail: Mapping[int, Any] = field(default_factory=dict)

    def fact(self, name: str) -> float:
        return dict(self.facts)[name]


class Stage:
    """A small frozen object that maps scores to scores; subclasses are dataclasses whose fields are their parameters.

    A stage checks its numbers when it is built, never touches its input, and leaves at least one token unless its role
    is "ban". `role` says what it is to the chain: it looks at the tokens so far ("history", "ban"), changes all logits
    ("shape"), removes the unlikely or likely ("cut"), replaces the usual draw ("choose"), or ends the text ("stop").

    A field `min_keep`, where a stage has it, is how many tokens it leaves at the least. It is no setting of a person's:
    beam search asks for more than one (transformers' min_tokens_to_keep).
    """

    name: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]
    origin: ClassVar[str] = ""
    parameters: ClassVar[tuple[Parameter, ...]]
    texts: ClassVar[tuple[Texts, ...]] = ()
    role: ClassVar[Role] = "cut"
    keeps_ranking: ClassVar[bool] = True
    shown_by_default: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for p in self.parameters:
            p.check(getattr(self, p.name))

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """Everything that can be set, by name."""
        return (*(p.name for p in cls.parameters), *(t.name for t in cls.texts))

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        """Whether at these values (all of them, by name) the stage would do nothing and is left out of the chain."""
        return any(p.off is not None and values[p.name] == p.off for p in cls.parameters)

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        raise NotImplementedError

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        """Why this stage cut a token that came to it with `logit`, with numbers."""
        raise NotImplementedError

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        """What this stage did to a token that it left, or why it let it alone, with numbers: for its story."""
        raise NotImplementedError

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        """A word or two beside the arrow of a token whose logit this stage changed from `logit`, or which it banned.
        Only stages that change single tokens draw arrows."""
        return ""

    def following(self, before: Scores, after: Scores, context: Context, token_id: int) -> tuple[float, ...] | None:
        """The stage's state once `token_id` was taken; None for a stage that keeps none."""
        return None


def probability(logit: float, scores: Scores) -> float:
    """Of a logit among `scores`. By the distance from the highest, which logits of any size leave exact."""
    return math.exp(logit - scores.peak) / scores.total


def figure(value: float) -> str:
    """Four significant figures, as reasons and thresholds show a probability."""
    return f"{value:.4g}"
