"""Force a given text through a model: how likely was each of its tokens, and how well does the model foretell it?

A text longer than the context is read in windows (the sliding window of transformers' perplexity guide): a window has
as many tokens as the context, the next one begins half a window further on, and every token is scored once, in the
first window that reaches it. So each has at least half a window before it, but for those at the beginning of the text.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ntp_studio.core.alignment import byte_ends
from ntp_studio.core.model import LanguageModel, Rows
from ntp_studio.core.types import ModelInfo, StudioError, TokenScore, TokenText

Result = TypeVar("Result")
Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class TextIds:
    """A text as one model reads it. `ends[i]` is how many bytes of the text are told once token i is; see `alignment`.
    `length` is the text's, in bytes."""

    tokens: tuple[TokenText, ...]
    ends: tuple[int, ...]
    length: int

    @property
    def ids(self) -> list[int]:
        return [token.id for token in self.tokens]


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A text with a model's figures. `scores[i]` is None where the model foretold nothing: the first token."""

    info: ModelInfo
    text: TextIds
    scores: tuple[TokenScore | None, ...]
    window: int  # tokens
    stride: int  # tokens from the beginning of a window to that of the next

    def begin(self, i: int) -> int:
        """The byte of the text at which token i begins."""
        return self.text.ends[i - 1] if i else 0

    @property
    def scored(self) -> int:
        """How many tokens have figures."""
        return sum(score is not None for score in self.scores)

    @property
    def loss(self) -> float:
        """Mean surprisal in nats per token over all scored tokens, special ones included: what transformers calls loss.
        NaN if there are none."""
        return -math.fsum(s.logprob for s in self.scores if s is not None) / self.scored if self.scored else math.nan

    @property
    def perplexity(self) -> float:
        """Per token, exp(loss): not comparable between tokenizers."""
        return math.exp(min(self.loss, 700.0))

    @property
    def scored_bytes(self) -> int:
        """The bytes of the text that scored tokens tell."""
        return sum(end - self.begin(i) for i, end in enumerate(self.text.ends) if self.scores[i] is not None)

    @property
    def bits_per_byte(self) -> float:
        """Surprisal of the tokens that tell the text, over the bytes that they tell: comparable between tokenizers as
        long as these are the same bytes. NaN if there are none."""
        return -self.logprob(0, len(self.scores)) / math.log(2) / self.scored_bytes if self.scored_bytes else math.nan

    def logprob(self, first: int, last: int) -> float:
        """The sum over the tokens `first` up to, not including, `last` that tell the text and are scored, in nats."""
        pairs = zip(self.scores[first:last], self.text.tokens[first:last], strict=True)
        return math.fsum(score.logprob for score, token in pairs if score is not None and not token.special)

    def whole(self, first: int, last: int) -> bool:
        """Whether all of these tokens that tell the text are scored."""
        pairs = zip(self.scores[first:last], self.text.tokens[first:last], strict=True)
        return all(score is not None or token.special for score, token in pairs)


def prepare(model: LanguageModel, text: str) -> TextIds:
    """The tokens of a text, with what the tokenizer adds by itself, and where they stand in it.

    Raises:
        StudioError: fewer than two tokens, so that nothing is foretold; or the tokens cannot be found in the text.
    """
    ids = model.tokens.encode(text)
    if len(ids) < 2:
        raise StudioError("There is nothing to score: the text must have at least two tokens.")
    ends = byte_ends(model.tokens, ids, text)
    return TextIds(tuple(map(model.tokens.token, ids)), tuple(ends), len(text.encode("utf-8")))


def windows(length: int, window: int, stride: int) -> list[tuple[int, int, int]]:
    """For ids[1:length], each foretold once: (first id that is read, one past the last, first id that is scored). A
    window foretells also the id after its last one."""
    found, done = [], 1
    for begin in range(0, max(1, length - 1), stride):
        end = min(begin + window, length - 1)
        found.append((begin, end, done))
        done = end + 1
        if done >= length:
            break
    return found


def plan(info: ModelInfo, window: int | None = None, stride: int | None = None) -> tuple[int, int]:
    """(window, stride) in tokens: at most the context, and half of it. Raises StudioError for what cannot be."""
    window = info.context_length if window is None else min(window, info.context_length)
    stride = max(1, window // 2) if stride is None else stride
    if window < 1 or not 1 <= stride <= window:
        raise StudioError(f"A window of {window:,} tokens cannot move on by {stride:,}; take 1 to {max(1, window):,}.")
    return window, stride


def rows(
    model: LanguageModel,
    ids: list[int],
    window: int,
    stride: int,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Iterator[tuple[int, int, Rows, int]]:
    """The logits that foretell ids[1:], one forward at a time: (first, last, rows, skip), where ids[first:last] are
    foretold by the rows from `skip` on. `progress(done, total)` counts tokens of the text."""
    for begin, end, first in windows(len(ids), window, stride):
        for position, chunk in model.walk(ids[begin:end], cancelled=cancelled):
            at = begin + position  # the chunk's first row foretells ids[at + 1]
            last = at + len(chunk) + 1
            if last > first:
                from_ = max(first, at + 1)
                yield from_, last, chunk, from_ - at - 1
            if progress is not None:
                progress(max(last, first), len(ids))


def score(
    model: LanguageModel,
    text: str | TextIds,
    *,
    window: int | None = None,
    stride: int | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> ScoredText:
    """The figures of every token of a text. The model's own cache is not touched, so a session goes on as it was.

    Raises:
        StudioError: see `prepare` and `plan`. ModelFailure: the model gave nothing usable. Cancelled.
    """
    prepared = prepare(model, text) if isinstance(text, str) else text
    return drain(score_piecewise(model, prepared, window=window, stride=stride, progress=progress, cancelled=cancelled))


def score_piecewise(
    model: LanguageModel,
    text: TextIds,
    *,
    window: int | None = None,
    stride: int | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Generator[None, None, ScoredText]:
    """As `score`, a chunk at a time, so that other work can be done between them."""
    window, stride = plan(model.info, window, stride)
    ids = text.ids
    scores: list[TokenScore | None] = [None]
    for first, last, chunk, skip in rows(model.twin(), ids, window, stride, progress=progress, cancelled=cancelled):
        scores.extend(chunk.scores(ids[first:last], skip))
        chunk.release()
        yield
    return ScoredText(model.info, text, tuple(scores), window, stride)


def drain(work: Generator[None, None, Result]) -> Result:
    """All of it at once."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: Result = done.value
            return result


COLUMNS = (
    "model", "model_name", "dtype", "position", "begin_byte", "end_byte", "id", "text", "bytes", "special",
    "logprob_nats", "surprisal_bits", "rank", "entropy_bits",
)  # fmt: skip


def table(name: str, scored: ScoredText) -> Iterator[list[object]]:
    """A row of `COLUMNS` for every token; None where there is no figure. `text` is a JSON string, in quotation marks,
    so that no spreadsheet takes a token for a formula; `bytes` is hexadecimal and exact. `name` is what the model is
    called beside others ("A"), `model_name` its own."""
    for i, (token, figures) in enumerate(zip(scored.text.tokens, scored.scores, strict=True)):
        row: list[object] = [name, scored.info.name, scored.info.dtype]
        row += [i, scored.begin(i), scored.text.ends[i], token.id]
        row += [json.dumps(token.text, ensure_ascii=False), token.bytes.hex(), int(token.special)]
        if figures is None:
            row += [None] * 4
        else:
            row += [figures.logprob, -figures.logprob / math.log(2), figures.rank, figures.entropy_bits]
        yield row


def to_csv(header: Sequence[str], lines: Iterator[list[object]]) -> str:
    """Lines of comma-separated values; nothing stands for None."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return out.getvalue()
