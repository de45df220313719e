"""Which neighbours may change places without any change of the result, for a badge between two cards.

Only what holds for every vector of logits counts, up to rounding; two stages that agree on most do not commute.
"""

from __future__ import annotations

import math

from ntp_studio.core.decoding.stages import Bias, Stage, Temperature
from ntp_studio.core.decoding.stages.words import biased

# What is added or banned depends on the text alone, so the order of adding does not matter.
ADDED = {"bias", "presence_frequency", "dry", "no_repeat_ngram_size", "bans", "min_length"}
BANNED = {"no_repeat_ngram_size", "bans", "min_length"}

ALWAYS = {
    frozenset(pair)
    for pair in (
        # Scaling all logits moves neither ranks, nor signs, nor the ratio of distances to their deviation.
        ("temperature", "top_k"),
        ("temperature", "top_n_sigma"),
        ("temperature",),
        # Both keep a head of the ranking, by rules that what the other cuts does not touch: the shorter head is left.
        ("top_k", "min_p"),
        ("top_k",),
        ("min_p",),
        # The ranking stays, and the top stays where it is.
        ("top_k", "smoothing"),
        # A factor for the sign stays one when another has been applied.
        ("repetition_penalty",),
        # One of them rests wherever it stands.
        ("temperature", "dynamic_temperature"),
    )
}


def commute(first: Stage | None, second: Stage | None) -> bool:
    """Whether swapping these two, as they are set, changes nothing. None is a stage that is off."""
    if first is None or second is None or first == second or "stop" in (first.role, second.role):
        return True
    names = frozenset((first.name, second.name))
    if names in ALWAYS or names <= ADDED:
        return True
    if "mirostat" in names and "cut" in (first.role, second.role):
        return True  # the cut rests, on whichever side it stands
    for one, other in ((first, second), (second, first)):
        if one.name == "repetition_penalty":
            return _bans(other) or (isinstance(other, Temperature) and other.temperature > 0)
        if isinstance(one, Temperature):
            if one.temperature > 0 and _bans(other):
                return True
            # Where only the most likely is left in the end, a cut that never takes it has no say.
            if one.temperature == 0 and other.role == "cut" and other.name not in ("typical_p", "xtc"):
                return True
    return False


def _bans(stage: Stage) -> bool:
    """Whether it removes tokens by the text alone, and changes nothing else."""
    if isinstance(stage, Bias):
        return all(biased(entry)[1] == -math.inf for entry in stage.sequence_bias)
    return stage.name in BANNED
