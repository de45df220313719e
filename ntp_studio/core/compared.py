"""What a comparison of models consists of: frozen values that travel from the worker to the window.

The first column is the reference, and every other is held against it. Log-probabilities and divergences are in nats;
figures named `…_bits` are in bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp_studio.core.types import TokenText


@dataclass(frozen=True, slots=True)
class Divergence:
    """A distribution Q held against the reference P. `overlap` is the share of the most likely tokens of each that both
    have among them, `same_top` whether the likeliest is the same.

    The divergences, in nats, are over the whole vocabulary, and None where the two vocabularies are unequal; `forward`
    is KL(P‖Q), `backward` KL(Q‖P). They are infinite where one allows what the other has cut.
    """

    same_top: bool
    overlap: float
    forward: float | None = None
    backward: float | None = None
    jensen_shannon: float | None = None

    @property
    def whole_vocabulary(self) -> bool:
        return self.forward is not None


@dataclass(frozen=True, slots=True)
class TokenAcross:
    """One token in every column: its log-probability in nats, None where a vocabulary has no such token. Where several
    ids of another vocabulary have its bytes, it is that of all of them together."""

    token: TokenText
    logprobs: tuple[float | None, ...]

    @property
    def probabilities(self) -> tuple[float | None, ...]:
        return tuple(None if value is None else math.exp(value) for value in self.logprobs)

    def delta(self, column: int) -> float | None:
        """Log-probability in `column` less that in the reference, in nats."""
        first, other = self.logprobs[0], self.logprobs[column]
        if first is None or other is None or first == other:
            return None if first is None or other is None else 0.0
        return other - first


@dataclass(frozen=True, slots=True)
class PlaceComparison:
    """Columns at one place of the text: `pairs[i]` holds column i + 1 against the reference; `tokens` are the most
    likely of every column (and those asked for), by their highest probability anywhere."""

    after_decoding: bool
    pairs: tuple[Divergence, ...]
    tokens: tuple[TokenAcross, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a pair along a text: means per token, divergences in nats; `agreed` counts tokens with the same likeliest."""

    tokens: int
    agreed: int
    overlap: float
    forward: float
    backward: float
    jensen_shannon: float


@dataclass(frozen=True, slots=True)
class ColumnTotals:
    """Of one column along a text: how many of its tokens have figures, their perplexity (per token: not comparable
    between tokenizers), and bits per byte over the bytes that every column has foretold (comparable). NaN for none."""

    tokens: int
    perplexity: float
    bits_per_byte: float


@dataclass(frozen=True, slots=True)
class PairAt:
    """A column held against the reference over one stretch of the text. `delta` is the stretch's log-probability in the
    column less that in the reference, in nats. `divergence` is of the distribution that foretold it, where the stretch
    is one token of equal vocabularies and its figures are known; None otherwise."""

    delta: float | None
    divergence: Divergence | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The smallest stretch of the text that is whole in every column: one token where they have the same tokens.

    `text` is what is read of it, with visible spaces. `tokens[c]` are the first, and one past the last, of column c's
    tokens in it, counted along its whole line with the prompt. `pairs[i]` holds column i + 1 against the reference.
    `in_prompt` tells whether it belongs to the prompt.
    """

    text: str
    begin: int  # byte of the text, prompt included
    end: int
    tokens: tuple[tuple[int, int], ...]
    pairs: tuple[PairAt, ...]
    in_prompt: bool = False


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a column on this device, in this dtype, would need and what is free there, in bytes; known before loading.
    With `shared`, the weights are in memory already for another column, and only its cache is needed."""

    name: str
    device: str
    dtype: str
    needed: int
    free: int
    shared: bool = False

    @property
    def fits(self) -> bool:
        return self.needed <= self.free


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """What one column says of one stretch of a scored text: the log-probability of its tokens together, in nats (None
    where nothing foretold it), and how many tokens it is. `rank` and `entropy_bits` are of its only token, None where
    it is several."""

    logprob: float | None
    tokens: int = 1
    rank: int | None = None
    entropy_bits: float | None = None


@dataclass(frozen=True, slots=True)
class ScoredStretch:
    """A row of the table of a scored text: a token where all columns have the same tokens, else a stretch that is whole
    in every column. `columns[c]` is what column c says of it; `pairs` as in `Stretch`."""

    text: str
    begin: int
    end: int
    columns: tuple[ScoredToken, ...]
    pairs: tuple[PairAt, ...]


@dataclass(frozen=True, slots=True)
class ScoredColumn:
    """A column's figures over a scored text; see `scoring.ScoredText`. `window` and `stride` are tokens: how a text
    longer than the context was read."""

    name: str
    dtype: str
    tokens: int
    scored: int
    perplexity: float
    bits_per_byte: float  # over the bytes it foretold itself
    common_bits_per_byte: float  # over the bytes that all foretold
    window: int
    stride: int


@dataclass(frozen=True, slots=True)
class ScoredComparison:
    """A given text forced through every column. `same_tokens` tells whether all read it as the same tokens, so that
    rows are tokens; `totals[i]` is of column i + 1 against the reference, None where vocabularies are unequal."""

    name: str  # of the text
    bytes: int
    common_bytes: int
    same_tokens: bool
    columns: tuple[ScoredColumn, ...]
    totals: tuple[Totals | None, ...]
    rows: tuple[ScoredStretch, ...]
