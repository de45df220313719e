"""One token's way through the chain in words, stage by stage, with the numbers that decided."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages.base import probability
from ntp_studio.core.decoding.stages.figures import logit_figure, share
from ntp_studio.core.types import StoryLine

if TYPE_CHECKING:
    from ntp_studio.core.decoding.chain import Trace, TracedStage

Effect = Literal["kept", "changed", "cut", "gone", "resting"]
BAN_OR_CUT = ("ban", "cut", "choose")  # of a token that is left one says that it was kept


def tell(trace: Trace, token_id: int) -> tuple[StoryLine, ...]:
    """The model's line and one for every stage of the trace, in order. `token_id` must be one of the vocabulary.

    A token that a stage cut is "gone" for those after it, and so is one to which the model gave no probability. One
    whose logit or, by temperature and its relatives, probability became another is "changed".
    """
    lines = [_model(trace.raw, token_id)]
    gone = "" if lines[0].after > 0 or math.isfinite(trace.raw.value_of(token_id)) else "the model gives it nothing"
    for step in trace.stages:
        if gone and not step.resting:
            lines.append(StoryLine(step.stage.name, step.stage.label, "gone", gone, 0.0, 0.0))
            continue
        effect, words = _effect(step, token_id, trace)
        before = 0.0 if gone else _probability(step.before, token_id)
        after = 0.0 if gone else _probability(step.after, token_id)
        lines.append(StoryLine(step.stage.name, step.stage.label, effect, words, before, after))
        if effect == "cut":
            gone = f"cut before, by {step.stage.label}"
    return tuple(lines)


def _model(raw: Scores, token_id: int) -> StoryLine:
    """The model's figures; nothing entered it, so `before` is 0."""
    logit = raw.value_of(token_id)
    if logit == -math.inf:
        words = "logit −∞: the model itself gives it no probability"
        return StoryLine("model", "Model", "model", words, 0.0, 0.0)
    ahead = raw.ahead_of(token_id)[0]
    rank = "the most likely" if not ahead else f"rank {ahead + 1:,}"
    words = f"logit {logit_figure(logit)}, p {share(logit, raw)}, {rank} of {raw.vocab_size:,}"
    return StoryLine("model", "Model", "model", words, 0.0, _probability(raw, token_id))


def _effect(step: TracedStage, token_id: int, trace: Trace) -> tuple[Effect, str]:
    stage, before, after, note = step.stage, step.before, step.after, step.note
    if step.resting:
        return "resting", note.threshold
    logit, new = before.value_of(token_id), after.value_of(token_id)
    if new == -math.inf:
        return "cut", f"cut: {stage.reason(token_id, logit, before, note)}"
    if after is before and stage.is_off(vars(stage)):
        return "kept", "does nothing at this value"
    words = stage.kept(token_id, before, after, note, trace.context)
    if logit != new or (stage.role == "shape" and _probability(before, token_id) != _probability(after, token_id)):
        return "changed", words
    return "kept", f"kept: {words}" if stage.role in BAN_OR_CUT else words


def _probability(scores: Scores, token_id: int) -> float:
    return probability(scores.value_of(token_id), scores)
