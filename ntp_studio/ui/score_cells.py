"""What stands in a cell of the table of a scored text: its figure in words, and why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from ntp_studio.core.compared import ScoredComparison
from ntp_studio.ui.candidate_text import MINUS, number
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.score_data import BITS, NOTHING, Kind, ScoreData

NONE = "–"
FROZEN = 3  # the number, the byte and the text stay in view
LEAST = 1e-4  # what is smaller is not written out


def translated(text: str) -> str:
    return QCoreApplication.translate("ScoreCells", text)


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the table. `place` is of the model, or of the pair (the model's less one). `nats` is of those kinds
    that are told in either unit; the others have theirs in their name."""

    kind: Kind
    place: int = 0
    nats: bool = False

    @property
    def of_pair(self) -> bool:
        return self.kind in ("delta", "extra", "kl", "js")


def unit(nats: bool) -> str:
    return translated("nats") if nats else translated("bits")


def fields(scored: ScoredComparison, surprisal: bool) -> tuple[Field, ...]:
    """The divergences of a pair have columns only where its vocabularies are equal. With `surprisal` all are in bits,
    else all are in nats, so that figures in one row can be held against each other."""
    nats = not surprisal
    found = [Field("number"), Field("byte"), Field("text")]
    for place in range(len(scored.columns)):
        found += [Field("surprisal" if surprisal else "logprob", place), Field("rank", place)]
        found.append(Field("entropy", place, nats))
    for place, totals in enumerate(scored.totals):
        found.append(Field("extra" if surprisal else "delta", place))
        if totals is not None:
            found += [Field("kl", place, nats), Field("js", place, nats)]
    return tuple(found)


def heading(field: Field) -> str:
    """In the header, below the letters."""
    other = letter(field.place + 1) if field.of_pair else ""
    names: dict[str, str] = {
        "number": "#",
        "byte": translated("byte"),
        "text": translated("text"),
        "logprob": translated("log p, nats"),
        "surprisal": translated("surprisal, bits"),
        "rank": translated("rank"),
        "entropy": translated("entropy, {0}").format(unit(field.nats)),
        "delta": translated("Δ log p, nats"),
        "extra": translated("Δ surprisal, bits"),
        "kl": translated("KL(A‖{0}), {1}").format(other, unit(field.nats)),
        "js": translated("JS, {0}").format(unit(field.nats)),
    }
    return names[field.kind]


def full_heading(field: Field) -> str:
    """The same where no letters stand above: for screen readers and for copies."""
    if field.kind in ("number", "byte", "text"):
        return heading(field)
    whose = f"A, {letter(field.place + 1)}" if field.of_pair else letter(field.place)
    return f"{whose}: {heading(field)}"


def explained(field: Field) -> str:
    other = letter(field.place + 1) if field.of_pair else ""
    words: dict[str, str] = {
        "number": translated("The place in the text, from 1"),
        "byte": translated("The byte of the text at which it begins, from 0"),
        "text": translated("What is read: · is a space, ↵ a new line"),
        "logprob": translated("ln p: the natural logarithm of the probability that the model gave it, in nats"),
        "surprisal": translated("−log₂ p: how unexpected it was to the model, in bits"),
        "rank": translated("The token's place among all of the vocabulary; 1 is the likeliest"),
        "entropy": translated("How undecided the model was before it, in {1}"),
        "delta": translated("ln p in {0} less ln p in A, in nats: below 0, {0} gave it less"),
        "extra": translated("Surprisal in {0} less surprisal in A, in bits: above 0, it surprised {0} more"),
        "kl": translated(
            "Kullback–Leibler divergence of {0}'s distribution from A's, over the whole vocabulary, in {1}"
        ),
        "js": translated("Jensen–Shannon divergence of A's and {0}'s distributions, over the whole vocabulary, in {1}"),
    }
    return words[field.kind].format(other, unit(field.nats))


def figure(value: float, digits: int = 3, signed: bool = False) -> str:
    """With so many decimals, and two figures that are not zero of a small one; `<0.0001` (or `>−0.0001`) for what is
    smaller still, `–` for NaN. What is within float rounding (1e-9) is zero."""
    if math.isnan(value):
        return NONE
    sign = MINUS if value < 0 else "+" if signed else ""
    size = abs(value)
    if math.isinf(value):
        return f"{sign}∞"
    if size < NOTHING:
        return f"{0:.{digits}f}"
    if size < LEAST:
        return f">{MINUS}{LEAST:.4f}" if value < 0 else f"<{LEAST:.4f}"
    return f"{sign}{size:.{max(digits, 1 - math.floor(math.log10(size)))}f}"


WIDEST: dict[str, str] = {  # what a column has room for, whatever its sample holds
    "logprob": f"{MINUS}0.00000",
    "surprisal": "0.00000",
    "rank": "00,000",
    "entropy": "0.00000",
    "delta": f">{MINUS}0.0000",
    "extra": f">{MINUS}0.0000",
    "kl": "0.00000",
    "js": "0.00000",
}


def cell(data: ScoreData, row: int, field: Field) -> str:
    """`row` is the place in the text, from 0."""
    stretch, kind = data.rows[row], field.kind
    if kind == "text":
        return stretch.text
    if kind == "number":
        return number(row + 1)
    if kind == "byte":
        return number(stretch.begin)
    if field.of_pair:
        value = raw(data, row, field)
        return figure(value, 2 if kind == "extra" else 3, signed=kind in ("delta", "extra"))
    column = stretch.columns[field.place]
    if kind == "rank":
        if column.rank is not None:
            return number(column.rank)
        return translated("{0} tokens").format(number(column.tokens)) if column.tokens > 1 else NONE
    value = raw(data, row, field)
    return figure(value, 3 if kind == "logprob" else 2)


def raw(data: ScoreData, row: int, field: Field) -> float:
    """The figure itself, NaN for none; without making an array of the whole text for a few rows on view."""
    stretch = data.rows[row]
    value: float | None = None
    if field.of_pair:
        pair = stretch.pairs[field.place]
        if field.kind == "delta":
            value = pair.delta
        elif field.kind == "extra":
            value = None if pair.delta is None else -pair.delta * BITS
        elif pair.divergence is not None:
            known = pair.divergence.forward if field.kind == "kl" else pair.divergence.jensen_shannon
            value = None if known is None else max(known, 0.0) * (1.0 if field.nats else BITS)
    elif field.kind == "number":
        value = row + 1
    elif field.kind == "byte":
        value = stretch.begin
    else:
        column = stretch.columns[field.place]
        if field.kind == "logprob":
            value = column.logprob
        elif field.kind == "surprisal":
            value = None if column.logprob is None else -column.logprob * BITS
        elif field.kind == "rank":
            value = column.rank
        elif column.entropy_bits is not None:
            value = column.entropy_bits / BITS if field.nats else column.entropy_bits
    return math.nan if value is None else float(value)


def why(data: ScoreData, row: int, field: Field) -> str:
    """What a cell means that has no plain figure; else nothing."""
    if field.kind in ("number", "byte", "text"):
        return ""
    stretch, value = data.rows[row], raw(data, row, field)
    if field.of_pair:
        if math.isnan(value) and field.kind in ("kl", "js"):
            return translated("Known only where the stretch is one token in both, which the text before foretold")
        if math.isnan(value):
            return translated("One of the two did not foretell this place")
        return translated("One of the two gives no probability to what the other allows") if math.isinf(value) else ""
    column = stretch.columns[field.place]
    if column.logprob is None:
        return translated("Nothing stands before this place that could foretell it")
    if column.tokens > 1:
        if field.kind in ("rank", "entropy"):
            words = translated("The stretch is {0} tokens of this model: there is no single rank or entropy")
        else:
            words = translated("Of the {0} tokens of the stretch together")
        return words.format(number(column.tokens))
    if math.isnan(value):
        return translated("Not known")
    return translated("The model gives it no probability at all") if math.isinf(value) else ""


def tsv(data: ScoreData, rows: list[int], shown: tuple[Field, ...]) -> str:
    """These rows with a heading, tab-separated; figures unrounded, and nothing where there is none."""
    columns = []
    for field in shown:
        if field.kind == "text":
            texts = (data.rows[row].text for row in rows)
            columns.append([text.replace("\t", "⇥").replace("\n", "↵").replace("\r", "␍") for text in texts])
            continue
        figures = (data.values(field.kind, field.place)[rows] / (BITS if field.nats else 1.0) + 0.0).tolist()  # no −0
        digits = ".0f" if field.kind in ("number", "byte", "rank") else ".9g"
        columns.append(["" if value != value else format(value, digits) for value in figures])
    lines = ["\t".join(full_heading(field) for field in shown), *map("\t".join, zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"
