"""Where models disagree along a given text, forced through all of them.

Over equal vocabularies, token by token over the whole vocabulary; over unequal ones, by stretches of the text that are
whole in all (`alignment.spans`). Divergences are in nats. The first column is the reference.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ntp_studio.core.alignment import ByteSpan, spans
from ntp_studio.core.compared import Divergence, Totals
from ntp_studio.core.comparing import TOP, divergences
from ntp_studio.core.model import CHUNK, LanguageModel
from ntp_studio.core.scoring import (
    COLUMNS,
    Cancelled,
    Progress,
    ScoredText,
    TextIds,
    drain,
    plan,
    prepare,
    rows,
    score_piecewise,
    table,
)
from ntp_studio.core.tokens import same_vocabulary
from ntp_studio.core.types import StudioError, TokenScore

BITS = 1 / math.log(2)
MOST_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class TextComparison:
    """A text forced through several models. `pairs[i]` holds column i + 1 against the reference, a figure for each of
    the reference's tokens (None for the first); it is empty where vocabularies or tokens are unequal.

    `spans` are whole in all columns; `common` are those of them that every model has foretold, so that sums over them
    are of the same bytes.
    """

    columns: tuple[ScoredText, ...]
    pairs: tuple[tuple[Divergence | None, ...], ...]
    spans: tuple[ByteSpan, ...]

    @property
    def common(self) -> tuple[ByteSpan, ...]:
        return tuple(
            span for span in self.spans if all(column.whole(*span.tokens[c]) for c, column in enumerate(self.columns))
        )

    def span_logprob(self, span: ByteSpan, column: int) -> float:
        """In nats."""
        return self.columns[column].logprob(*span.tokens[column])

    def bits_per_byte(self, column: int) -> float:
        """Over `common`: the same bytes for every column. NaN if there are none."""
        length = sum(span.end - span.begin for span in self.common)
        total = math.fsum(self.span_logprob(span, column) for span in self.common)
        return -total * BITS / length if length else math.nan

    def totals(self, column: int) -> Totals | None:
        """Means over the tokens of the pair (reference, column); None where it has none."""
        figures = [each for each in self.pairs[column - 1] if each is not None]
        if not figures:
            return None
        return Totals(
            len(figures),
            sum(each.same_top for each in figures),
            _mean([each.overlap for each in figures]),
            _mean([each.forward for each in figures]),
            _mean([each.backward for each in figures]),
            _mean([each.jensen_shannon for each in figures]),
        )

    def disagreement(self, column: int) -> list[float]:
        """One figure for each of `spans`, to draw and to jump by, in nats: the sum of KL(reference‖column) over its
        tokens, or where there is none, the difference of its log-probability in size."""
        figures = self.pairs[column - 1]
        found = []
        for span in self.spans:
            if figures:
                inside = figures[slice(*span.tokens[0])]
                found.append(math.fsum(each.forward or 0.0 for each in inside if each is not None))
            else:
                found.append(abs(self.span_logprob(span, column) - self.span_logprob(span, 0)))
        return found

    def worst(self, column: int, count: int = 5) -> list[int]:
        """Which of `spans` differ most, the worst first."""
        figures = self.disagreement(column)
        known = [i for i, span in enumerate(self.spans) if self._told(span, column)]
        return sorted(known, key=lambda i: (-figures[i], i))[:count]

    def _told(self, span: ByteSpan, column: int) -> bool:
        return all(self.columns[c].whole(*span.tokens[c]) for c in (0, column))


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known)


def compare_text(
    models: Sequence[LanguageModel],
    text: str,
    *,
    window: int | None = None,
    stride: int | None = None,
    top: int = TOP,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> TextComparison:
    """Force a text through every model, and hold each against the first.

    Models that read the text as the same tokens as the first are read in step with it, in windows of the shortest of
    their contexts, so that every distribution has the same context in all. `progress(done, total)` counts tokens of all
    columns. No model's own cache is touched.

    Raises:
        StudioError: see `scoring.score`; or no model, or more than four. Cancelled.
    """
    options: Any = {"window": window, "stride": stride, "top": top, "progress": progress, "cancelled": cancelled}
    return drain(compare_piecewise(models, text, **options))


def compare_piecewise(
    models: Sequence[LanguageModel],
    text: str,
    *,
    window: int | None = None,
    stride: int | None = None,
    top: int = TOP,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Generator[None, None, TextComparison]:
    """As `compare_text`, a chunk at a time, so that other work can be done between them."""
    if not 1 <= len(models) <= MOST_COLUMNS:
        raise StudioError(f"Up to {MOST_COLUMNS} models can be held against each other, not {len(models)}.")
    texts = [prepare(model, text) for model in models]
    alike = [
        texts[0].ids == t.ids and same_vocabulary(models[0].tokens, m.tokens)
        for m, t in zip(models, texts, strict=True)
    ]
    counter = _Counter(progress, [len(t.ids) for t in texts])
    group = [c for c, is_alike in enumerate(alike) if is_alike]
    scored, figures = yield from _in_step(
        [models[c] for c in group], texts[0], window, stride, top, [counter.of(c) for c in group], cancelled
    )
    columns = dict(zip(group, scored, strict=True))
    pairs: dict[int, tuple[Divergence | None, ...]] = dict(zip(group[1:], figures, strict=True))
    for c, model in enumerate(models):
        if c not in columns:
            columns[c] = yield from score_piecewise(
                model, texts[c], window=window, stride=stride, progress=counter.of(c), cancelled=cancelled
            )
    return TextComparison(
        tuple(columns[c] for c in range(len(models))),
        tuple(pairs.get(c, ()) for c in range(1, len(models))),
        tuple(spans([t.ends for t in texts], text.encode("utf-8"))),
    )


def _in_step(
    models: list[LanguageModel],
    text: TextIds,
    window: int | None,
    stride: int | None,
    top: int,
    progress: list[Progress],
    cancelled: Cancelled | None,
) -> Generator[None, None, tuple[list[ScoredText], list[tuple[Divergence | None, ...]]]]:
    """The same tokens through several models, chunk by chunk; never the logits of more than two at once."""
    shortest = min(model.info.context_length for model in models)
    if len({model.reads_in_chunks for model in models}) > 1:
        shortest = min(shortest, CHUNK)  # so that those without chunks have the same ones
    window, stride = plan(models[0].info, shortest if window is None else min(window, shortest), stride)
    ids = text.ids
    walks = [
        rows(model.twin(), ids, window, stride, progress=told, cancelled=cancelled)
        for model, told in zip(models, progress, strict=True)
    ]
    scores: list[list[TokenScore | None]] = [[None] for _ in models]
    figures: list[list[Divergence | None]] = [[None] for _ in models[1:]]
    for first, last, chunk, skip in walks[0]:
        scores[0] += chunk.scores(ids[first:last], skip)
        reference = chunk.array()[skip : skip + last - first] if len(models) > 1 else None
        for c in range(1, len(models)):
            other_first, other_last, other, other_skip = next(walks[c])
            assert (other_first, other_last, other_skip) == (first, last, skip)
            scores[c] += other.scores(ids[first:last], skip)
            assert reference is not None
            figures[c - 1] += divergences(reference, other.array()[skip : skip + last - first], top)
            other.release()
        chunk.release()
        yield
    for walk in walks[1:]:  # to its end, for its progress to be told
        next(walk, None)
    columns = [ScoredText(m.info, text, tuple(s), window, stride) for m, s in zip(models, scores, strict=True)]
    return columns, [tuple(each) for each in figures]


class _Counter:
    """Adds up the progress of several texts."""

    def __init__(self, progress: Progress | None, totals: list[int]) -> None:
        self._progress = progress
        self._total = sum(totals)
        self._done = [0] * len(totals)

    def of(self, column: int) -> Progress:
        def told(done: int, total: int) -> None:
            self._done[column] = done
            if self._progress is not None:
                self._progress(sum(self._done), self._total)

        return told


def comparison_table(comparison: TextComparison) -> tuple[tuple[str, ...], Iterator[list[object]]]:
    """(header, rows): one row for each token of each column, with its divergences from the reference in bits where the
    vocabularies are equal; see `scoring.COLUMNS`. Columns are named A, B, C, D."""
    header = (*COLUMNS, "kl_from_reference_bits", "kl_to_reference_bits", "jensen_shannon_bits", "same_top", "overlap")
    return header, _table(comparison)


def _table(comparison: TextComparison) -> Iterator[list[object]]:
    for c, column in enumerate(comparison.columns):
        figures = comparison.pairs[c - 1] if c else ()
        for i, row in enumerate(table("ABCD"[c], column)):
            each = figures[i] if figures else None
            if each is None or each.forward is None or each.backward is None or each.jensen_shannon is None:
                yield row + [None] * 5
            else:
                bits = [each.forward * BITS, each.backward * BITS, each.jensen_shannon * BITS]
                yield [*row, *bits, int(each.same_top), each.overlap]
