"""The arrays behind a scored text: order, choice and the measure of disagreement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntp_studio.core.compared import Divergence, PairAt, ScoredColumn, ScoredComparison, ScoredStretch, ScoredToken
from ntp_studio.ui.score_cells import Field, cell, fields, figure, heading, tsv, why
from ntp_studio.ui.score_data import ScoreData
from ntp_studio.ui.score_names import csv_name

LN2 = math.log(2)


def row(text: str, begin: int, logprobs: tuple[float | None, ...], **more: object) -> ScoredStretch:
    """Every token takes rank and entropy from `more`; a divergence of (forward nats, same top) is of the pair."""
    tokens = more.get("tokens", (1,) * len(logprobs))
    cells = tuple(
        ScoredToken(value, count, 5 if count == 1 and value is not None else None, 2.5 if count == 1 else None)
        for value, count in zip(logprobs, tokens, strict=True)  # type: ignore[call-overload]
    )
    known = more.get("known", (None,) * (len(logprobs) - 1))
    pairs = []
    for value, pair in zip(logprobs[1:], known, strict=True):  # type: ignore[call-overload]
        delta = None if value is None or logprobs[0] is None else value - logprobs[0]
        divergence = None if pair is None else Divergence(pair[1], 0.5, pair[0], pair[0], pair[0] / 4)
        pairs.append(PairAt(delta, divergence))
    return ScoredStretch(text, begin, begin + len(text), cells, tuple(pairs))


def comparison(*rows: ScoredStretch) -> ScoredComparison:
    count = len(rows[0].columns)
    columns = tuple(
        ScoredColumn("m", "float32", len(rows), len(rows) - 1, 9.0, 1.0, 1.0, 256, 128) for _ in range(count)
    )
    return ScoredComparison("t", 9, 9, True, columns, (None,) * (count - 1), rows)


@pytest.fixture
def data() -> ScoreData:
    return ScoreData(
        comparison(
            row("Once", 0, (None, None)),
            row("·The", 4, (-1.0, -2.0), known=((0.5 * LN2, True),)),
            row("·cat", 8, (-4.0, -3.5), known=((3.0 * LN2, False),)),
            row("↵", 12, (-0.5, -4.5), tokens=(1, 3)),
            row("·the", 13, (-2.0, -2.0), known=((-1e-12, True),)),
        )
    )


def order(data: ScoreData, kind: str, place: int, descending: bool) -> list[int]:
    return data.sorted(np.arange(data.count), kind, place, descending).tolist()  # type: ignore[arg-type]


def test_what_is_not_known_comes_last_both_ways(data: ScoreData) -> None:
    assert order(data, "logprob", 0, False) == [2, 4, 1, 3, 0]
    assert order(data, "logprob", 0, True) == [3, 1, 4, 2, 0]
    assert order(data, "kl", 0, False) == [4, 1, 2, 0, 3]
    assert order(data, "kl", 0, True) == [2, 1, 4, 0, 3]


def test_infinite_figures_are_the_largest() -> None:
    data = ScoreData(comparison(row("a", 0, (-1.0, -2.0)), row("b", 1, (-1.0, -math.inf)), row("c", 2, (-1.0, None))))
    assert order(data, "surprisal", 1, True) == [1, 0, 2]
    assert data.worst(np.arange(3)).tolist() == [1, 0]


def test_texts_sort_by_the_alphabet_and_equal_ones_stay_in_the_order_of_the_text() -> None:
    data = ScoreData(comparison(row("b", 0, (None,)), row("C", 1, (-1.0,)), row("a", 2, (-1.0,)), row("b", 3, (-1.0,))))
    assert order(data, "text", 0, False) == [2, 0, 3, 1]
    assert order(data, "text", 0, True) == [1, 0, 3, 2]


def test_the_measure_is_kl_in_bits_or_else_the_size_of_delta(data: ScoreData) -> None:
    data.complete()
    assert math.isnan(data.measure[0])
    assert data.measure[1] == pytest.approx(0.5)
    assert data.measure[2] == pytest.approx(3.0)
    assert data.measure[3] == pytest.approx(4.0 / LN2)  # no divergence of a stretch of three tokens
    assert data.measure[4] == 0.0  # float rounding is no disagreement
    assert data.worst(np.arange(5)).tolist() == [3, 2, 1]
    assert data.worst(np.array([1, 2])).tolist() == [2, 1]


def test_the_measure_is_the_largest_of_all_pairs() -> None:
    data = ScoreData(comparison(row("a", 0, (-1.0, -1.0, -3.0), known=((0.25 * LN2, True), None))))
    data.complete()
    assert data.measure[0] == pytest.approx(2.0 / LN2)


def test_one_column_is_measured_by_its_surprisal() -> None:
    data = ScoreData(comparison(row("a", 0, (None,)), row("b", 1, (-3 * LN2,))))
    data.complete()
    assert data.measure[1] == pytest.approx(3.0)
    assert data.worst(np.arange(2)).tolist() == [1]


def test_slices_come_to_the_same_as_all_at_once(data: ScoreData) -> None:
    whole = ScoreData(data.scored)
    whole.complete()
    assert not data.fill(2)
    assert not data.filled
    assert data.values("rank", 0).tolist()[1:] == [5.0] * 4  # asked for before it has grown
    assert not data.fill(2)
    assert data.fill(2)
    np.testing.assert_array_equal(data.measure, whole.measure)
    for kind, place in (("logprob", 1), ("delta", 0), ("kl", 0), ("js", 0), ("differs", 0), ("byte", 0)):
        np.testing.assert_array_equal(data.values(kind, place), whole.values(kind, place))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "condition", "bits", "rows"),
    [
        ("", "all", 0.0, [0, 1, 2, 3, 4]),
        ("the", "all", 0.0, [1, 4]),
        (" the", "all", 0.0, [1, 4]),
        ("·c", "all", 0.0, [2]),
        (" Once", "all", 0.0, []),
        ("", "disagree", 0.4, [1, 2, 3]),
        ("", "disagree", 3.5, [3]),
        ("", "top", 0.0, [2]),
        ("the", "top", 0.0, []),
        ("", "surprising", 5.0, [2, 3]),
    ],
)
def test_rows_are_chosen_by_text_and_condition(
    data: ScoreData, text: str, condition: str, bits: float, rows: list[int]
) -> None:
    assert data.chosen(text, condition, bits).tolist() == rows  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (-1.2344, 3, False, "−1.234"),
        (0.5, 3, True, "+0.500"),
        (0.0, 3, True, "0.000"),
        (0.0003, 3, False, "0.00030"),
        (-0.00017, 3, True, "−0.00017"),
        (0.012, 2, False, "0.012"),
        (0.00001, 3, False, "<0.0001"),
        (-0.00001, 3, True, ">−0.0001"),
        (1e-12, 3, False, "0.000"),
        (math.inf, 2, False, "∞"),
        (-math.inf, 3, False, "−∞"),
        (math.nan, 3, False, "–"),
    ],
)
def test_figures_never_read_as_zero_that_are_not(value: float, digits: int, signed: bool, text: str) -> None:
    assert figure(value, digits, signed) == text


def test_cells_say_what_they_are_of(data: ScoreData) -> None:
    assert cell(data, 1, Field("logprob", 1)) == "−2.000"
    assert cell(data, 1, Field("surprisal", 1)) == f"{2 / LN2:.2f}"
    assert cell(data, 1, Field("delta", 0)) == "−1.000"
    assert cell(data, 1, Field("extra", 0)) == f"+{1 / LN2:.2f}"
    assert cell(data, 2, Field("kl", 0)) == "3.000"
    assert cell(data, 2, Field("js", 0)) == "0.750"
    assert cell(data, 3, Field("rank", 1)) == "3 tokens"
    assert cell(data, 3, Field("entropy", 1)) == "–"
    assert "3 tokens" in why(data, 3, Field("entropy", 1))
    assert cell(data, 0, Field("logprob", 0)) == "–"
    assert why(data, 0, Field("logprob", 0))
    assert why(data, 3, Field("kl", 0))
    assert not why(data, 2, Field("kl", 0))


def test_in_either_unit_all_figures_of_a_row_are_in_it(data: ScoreData) -> None:
    found = fields(data.scored, surprisal=False)
    assert Field("entropy", 0, True) in found
    assert cell(data, 2, Field("entropy", 0)) == "2.50"
    assert cell(data, 2, Field("entropy", 0, True)) == f"{2.5 * LN2:.2f}"
    assert cell(data, 2, Field("kl", 0, True)) == f"{3 * LN2:.3f}"
    assert cell(data, 2, Field("js", 0, True)) == f"{0.75 * LN2:.3f}"
    assert heading(Field("kl", 0, True)) == "KL(A‖B), nats"
    assert heading(Field("entropy", 0)) == "entropy, bits"
    assert tsv(data, [2], (Field("kl", 0), Field("kl", 0, True))).splitlines()[1] == f"3\t{3 * LN2:.9g}"
    for surprisal, other in ((True, "nats"), (False, "bits")):
        words = [heading(field) for field in fields(data.scored, surprisal)]
        assert not any(other in each for each in words)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mats.txt", "mats-scores.csv"),
        ("a tale of two.v2.md", "a-tale-of-two.v2-scores.csv"),
        ("“Once upon a time, in a…”", "Once-upon-a-time-in-scores.csv"),
        ("“a king who had three daug…”", "a-king-who-had-three-scores.csv"),
        ("the king who had three daughters and seven sons.txt", "the-king-who-had-three-daughters-and-scores.csv"),
        (f"{'a' * 90}.txt", f"{'a' * 40}-scores.csv"),
        ("“=1+1/../x”", "1-1-..-x-scores.csv"),
        ("“é 你好”", "é-你好-scores.csv"),
        ("“…”", "scores.csv"),
        ("", "scores.csv"),
    ],
)
def test_a_file_of_figures_is_named_after_the_text(name: str, file: str) -> None:
    assert csv_name(name) == file


def test_divergences_have_columns_only_where_vocabularies_are_equal(data: ScoreData) -> None:
    kinds = [field.kind for field in fields(data.scored, surprisal=False)]
    assert kinds == ["number", "byte", "text", *["logprob", "rank", "entropy"] * 2, "delta"]
    kinds = [field.kind for field in fields(data.scored, surprisal=True)]
    assert kinds == ["number", "byte", "text", *["surprisal", "rank", "entropy"] * 2, "extra"]


def test_copied_rows_are_exact_and_keep_their_lines() -> None:
    data = ScoreData(comparison(row("a\tb\n", 0, (None, -1.0)), row("c", 4, (-1 / 3, -2 / 3), known=((0.1, True),))))
    shown = (Field("number"), Field("text"), Field("logprob", 0), Field("delta", 0))
    assert tsv(data, [1, 0], shown) == (
        "#\ttext\tA: log p, nats\tA, B: Δ log p, nats\n2\tc\t-0.333333333\t-0.333333333\n1\ta⇥b↵\t\t\n"
    )
