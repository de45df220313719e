"""What the lines over the chart say: the place in the text, how much is shown, and what a search has found."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from ntp_studio.core.types import Candidate, StepFrame
from ntp_studio.ui.candidate_text import number
from ntp_studio.ui.chart_rows import Row

Found = tuple[str, tuple[Candidate, ...], int]  # query, what is listed of its answers, how many there are


def where_words(frame: StepFrame, rows: tuple[Row, ...], found: Found | None) -> str:
    """`step 6 · top 12 of 49,152`."""
    ranks = [r.candidate.rank for r in rows if r.candidate]
    top = bool(ranks) and found is None and ranks == list(range(1, len(ranks) + 1))
    size = frame.vocab_size if found is None else found[2]
    words = QCoreApplication.translate("NextTokenPanel", "{place} · {shown} of {size}")
    if top:
        words = QCoreApplication.translate("NextTokenPanel", "{place} · top {shown} of {size}")
    elif found is not None:
        words = QCoreApplication.translate("NextTokenPanel", "{place} · {shown} of {size} found")
    if frame.step:
        place = QCoreApplication.translate("NextTokenPanel", "step {step}").format(step=number(frame.step))
    else:
        place = QCoreApplication.translate("NextTokenPanel", "in the prompt")
    return words.format(place=place, shown=len(ranks), size=number(size))


def found_words(frame: StepFrame, found: Found) -> str:
    """`37 of 49,152 tokens contain 'cat' · whole matches first, then by rank`."""
    query, candidates, total = found
    if not candidates:
        return QCoreApplication.translate("NextTokenPanel", "No token contains '{query}'").format(query=query)
    size = number(frame.vocab_size)
    if total == 1:
        words = QCoreApplication.translate("NextTokenPanel", "1 of {size} tokens contains '{query}'")
        return words.format(size=size, query=query)
    words = QCoreApplication.translate(
        "NextTokenPanel", "{total} of {size} tokens contain '{query}' · whole matches first, then by rank"
    )
    return words.format(total=number(total), size=size, query=query)
