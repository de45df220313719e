"""What a stage of the chain drew of its own rule at one step, as plain numbers: the window only has to paint it.

Like everything that crosses a border, these hold tuples of Python numbers and texts. Token labels are data, never
markup. Lists are cut to what can be seen; `more` or `total` says how much there is in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Axis = Literal["probability", "logit", "distance", "bend", "surprise"]


@dataclass(frozen=True, slots=True)
class Bars:
    """Tokens side by side in the order in which the rule takes them, and the line that decides.

    `values` are in the unit of `axis`: probability, logit, |surprise − H| in nats, second difference, surprise in bits.
    `line` is the height of the line that decides (None where the rule counts instead) and `words` what it stands for.
    `kept` says of each bar whether its token was left. `total` tokens entered the stage, `left` came out of it.
    `coin` is (thrown, chance) for a stage that throws one: it acts where thrown < chance.
    """

    axis: Axis
    ids: tuple[int, ...]
    labels: tuple[str, ...]
    values: tuple[float, ...]
    kept: tuple[bool, ...]
    total: int
    left: int
    line: float | None = None
    words: str = ""
    coin: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (`x` ascending), a level that it is measured against, and the point that decides.

    `level` is a height on the y axis, `mark` the (x, y) where the rule takes effect, in `words`. Where `rank` is true x
    counts tokens from 1, most likely first, and may be shown on a logarithmic scale.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str
    y_label: str
    rank: bool = False
    level: float | None = None
    mark: tuple[float, float] | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One token's logit before and after; −inf after is a ban. `words` say why (`seen 3 times`, `4 tokens match`)."""

    id: int
    label: str
    before: float
    after: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Arrows:
    """From the old logits to the new, most likely tokens first; `zero` asks for the zero line, where a rule depends on
    the logit's sign. `more` tokens beyond these are changed too."""

    rows: tuple[Arrow, ...]
    zero: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True)
class Shift:
    """Probabilities of the most likely tokens before and after, side by side."""

    ids: tuple[int, ...]
    labels: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """A number that the stage carries from token to token: its values at the last places, the present one last, and
    the target it is steered to (`target` is on the same axis, or None)."""

    values: tuple[float, ...]
    label: str
    target: float | None = None
    target_label: str = ""


Picture = Bars | Curve | Arrows | Shift | Track


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the context that a stage speaks of: tokens `start` to `end` (exclusive). `now` is true for the end
    of the text that is matched, false for the earlier passage that it matches."""

    start: int
    end: int
    now: bool
