"""What each stage draws of its own rule at one step, and the stretches of the text that it speaks of.

A stage that rests, or found nothing to do, draws nothing. Nothing here changes a score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ntp_studio.core.decoding import picture_changes as changes
from ntp_studio.core.decoding import picture_cuts as cuts
from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.stages import Dry, Mirostat, NoRepeatNgram
from ntp_studio.core.pictures import Picture, Span

if TYPE_CHECKING:
    from ntp_studio.core.decoding.chain import TracedStage

Drawing = Callable[[Any, "TracedStage", Context], tuple[Picture, ...]]
PASSAGES = 64  # earlier passages told of at most, the latest


def _mirostat(stage: Mirostat, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    return (*changes.mu_track(stage, step, context), *cuts.mirostat(stage, step, context))


# Those in the second table draw only where the stage noted a limit: without one it had nothing to do.
ALWAYS: dict[str, Drawing] = {
    "bias": changes.arrows,
    "repetition_penalty": changes.arrows,
    "presence_frequency": changes.arrows,
    "dry": changes.arrows,
    "no_repeat_ngram_size": changes.arrows,
    "bans": changes.arrows,
    "min_length": changes.arrows,
    "temperature": changes.shift,
    "smoothing": changes.smoothing,
    "top_k": cuts.top_k,
    "tail_free": cuts.tail_free,
    "xtc": cuts.xtc,
}
WITH_A_LIMIT: dict[str, Drawing] = {
    "dynamic_temperature": changes.dynamic_temperature,
    "top_n_sigma": cuts.top_n_sigma,
    "top_h": cuts.top_h,
    "top_p": cuts.top_p,
    "min_p": cuts.min_p,
    "typical_p": cuts.typical,
    "epsilon_cutoff": cuts.epsilon,
    "eta_cutoff": cuts.eta,
    "top_a": cuts.top_a,
    "adaptive_p": changes.aim_track,
    "mirostat": _mirostat,
}


def pictures_of(step: TracedStage, context: Context) -> tuple[Picture, ...]:
    """The pictures of one stage, the one that explains its rule first."""
    if step.resting:
        return ()
    draw = ALWAYS.get(step.stage.name)
    if draw is None and not math.isnan(step.note.limit):
        draw = WITH_A_LIMIT.get(step.stage.name)
    return draw(step.stage, step, context) if draw else ()


def spans_of(step: TracedStage, context: Context) -> tuple[Span, ...]:
    """The end of the text that a stage found to stand there before, then these earlier passages in order; at most
    `PASSAGES` of them, the latest. Indexes are positions in `context.ids`."""
    if step.resting or not step.note.detail:
        return ()
    length, ends = 0, list[int]()
    if isinstance(step.stage, Dry):
        length, ends = step.stage.longest(step.note, context)
    elif isinstance(step.stage, NoRepeatNgram):
        length, ends = step.stage.repeated(context)
    if not length:
        return ()
    now = Span(context.length - length, context.length, True)
    return (now, *(Span(end - length, end, False) for end in ends[-PASSAGES:]))
