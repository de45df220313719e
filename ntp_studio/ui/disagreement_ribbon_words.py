"""What the bars of the ribbon of disagreement are of, in words: for its caption and the caption's tool tip. No Qt but
its translations.

`alike` tells whether the pair has one vocabulary, `whole_in_all` whether another column's tokenizer makes the stretches
longer, and `own` whether it has to be said that figures are of the models' own distributions.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def units(*, alike: bool, whole_in_all: bool, own: bool) -> tuple[str, ...]:
    """What a bar is of, and its unit: the longest wording first."""
    translate = QCoreApplication.translate
    if not alike:
        found = (
            translate("Disagreement", "stretches of equal text, bits"),
            translate("Disagreement", "equal text, bits"),
        )
    elif whole_in_all:
        found = (
            translate("Disagreement", "stretches whole in all columns, bits"),
            translate("Disagreement", "whole in all columns, bits"),
            translate("Disagreement", "whole in all, bits"),
        )
    else:
        found = (translate("Disagreement", "per token, bits"),)
    if not own:
        return found
    long = translate("Disagreement", "models' own distributions · {unit}")
    short = translate("Disagreement", "models' own · {unit}")
    return (
        long.format(unit=found[0]),
        *(short.format(unit=unit) for unit in found),
        translate("Disagreement", "models' own, bits"),
    )


def units_explained(*, alike: bool, whole_in_all: bool, own: bool) -> str:
    """The sentences behind it."""
    translate = QCoreApplication.translate
    if not alike:
        words = translate(
            "Disagreement",
            "The tokenizers differ: a bar is a stretch of the text that is whole in every column, and Δ log-prob is of "
            "all its tokens together.",
        )
    elif whole_in_all:
        words = translate(
            "Disagreement",
            "Another column has another tokenizer: a bar is a stretch of the text that is whole in every column. Where "
            "that is several tokens there is no KL and no JS.",
        )
    else:
        words = translate("Disagreement", "A bar is a token, or the worst of several where the text is long.")
    if not own:
        return words
    more = translate(
        "Disagreement",
        "These are the models' own distributions, before any decoding: After decoding is for Δ probability and the "
        "figures under it.",
    )
    return f"{words}\n{more}"
