"""A scored text as the rows of a table: a token each where all columns have the same tokens, else a stretch each."""

from __future__ import annotations

from collections.abc import Iterator

from ntp_studio.core.compared import PairAt, ScoredColumn, ScoredComparison, ScoredStretch, ScoredToken
from ntp_studio.core.comparing_texts import TextComparison
from ntp_studio.core.tokens import visible


def scored_rows(found: TextComparison, text: str, name: str) -> ScoredComparison:
    """`text` is what was forced through the columns, `name` what it is called."""
    same = all(found.pairs)
    return ScoredComparison(
        name,
        found.columns[0].text.length,
        sum(span.end - span.begin for span in found.common),
        same,
        tuple(_column(found, i) for i in range(len(found.columns))),
        tuple(found.totals(i) for i in range(1, len(found.columns))),
        tuple(_by_token(found) if same else _by_stretch(found, text.encode("utf-8"))),
    )


def _column(found: TextComparison, column: int) -> ScoredColumn:
    each = found.columns[column]
    return ScoredColumn(
        each.info.name,
        each.info.dtype,
        len(each.scores),
        each.scored,
        each.perplexity,
        each.bits_per_byte,
        found.bits_per_byte(column),
        each.window,
        each.stride,
    )


def _by_token(found: TextComparison) -> Iterator[ScoredStretch]:
    first = found.columns[0]
    for i, token in enumerate(first.text.tokens):
        yield _row(found, token.label, first.begin(i), first.text.ends[i], [(i, i + 1)] * len(found.columns))


def _by_stretch(found: TextComparison, raw: bytes) -> Iterator[ScoredStretch]:
    for span in found.spans:
        yield _row(found, visible(raw[span.begin : span.end]), span.begin, span.end, list(span.tokens))


def _row(found: TextComparison, text: str, begin: int, end: int, tokens: list[tuple[int, int]]) -> ScoredStretch:
    cells = tuple(_cell(found, column, *places) for column, places in enumerate(tokens))
    reference, one = cells[0], tokens[0][1] - tokens[0][0] == 1
    pairs = []
    for cell, figures in zip(cells[1:], found.pairs, strict=True):
        known = figures[tokens[0][0]] if figures and one else None
        pairs.append(PairAt(_difference(cell.logprob, reference.logprob), known))
    return ScoredStretch(text, begin, end, cells, tuple(pairs))


def _difference(here: float | None, reference: float | None) -> float | None:
    if here is None or reference is None:
        return None
    return 0.0 if here == reference else here - reference  # also where both are impossible


def _cell(found: TextComparison, column: int, begin: int, end: int) -> ScoredToken:
    each = found.columns[column]
    if end - begin == 1:
        score = each.scores[begin]
        return ScoredToken(score.logprob, 1, score.rank, score.entropy_bits) if score is not None else ScoredToken(None)
    return ScoredToken(each.logprob(begin, end) if each.whole(begin, end) else None, end - begin)
