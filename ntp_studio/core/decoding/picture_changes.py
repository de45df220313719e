"""Pictures of the stages that change logits: arrows from old to new, probabilities side by side, the rule as a curve,
and the track of what a stage carries from token to token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Floats, Ints, Scores
from ntp_studio.core.decoding.stages import AdaptiveP, DynamicTemperature, Mirostat, Smoothing, Stage
from ntp_studio.core.pictures import Arrow, Arrows, Curve, Picture, Shift, Track

if TYPE_CHECKING:
    from ntp_studio.core.decoding.chain import TracedStage

ROWS = 12  # arrows, and pairs of probabilities
PLACES = 64  # of a track
POINTS = 65  # of a rule's curve, where ranks do not give them
DEEPEST = 40.0  # logits below the top that smoothing's curve reaches at most


def _changed(before: Scores, after: Scores) -> tuple[Ints, Floats]:
    """The places in `before` of the tokens whose logits are others afterwards, and these; -inf for those removed."""
    if after is before:
        return np.empty(0, dtype=np.int64), np.empty(0)
    values = after.values if after.ids is before.ids else after.values_at(before.ids)
    places = np.flatnonzero(values != before.values)
    return places, values[places]


def arrows(stage: Stage, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    before = step.before
    places, new = _changed(before, step.after)
    old = before.values[places]
    if places.size > ROWS:  # only those that are shown, and what is tied with the last of them, need an order
        likely = old >= np.partition(old, -ROWS)[-ROWS]
        shown, old, new = places[likely], old[likely], new[likely]
    else:
        shown = places
    first = np.lexsort((before.ids[shown], -old))[:ROWS]
    if not first.size:
        return ()
    rows = []
    for token_id, was, is_now in zip(
        before.ids[shown[first]].tolist(), old[first].tolist(), new[first].tolist(), strict=True
    ):
        words = stage.beside(token_id, was, step.note, context)
        rows.append(Arrow(token_id, context.vocabulary.label(token_id), was, is_now, words))
    return (Arrows(tuple(rows), zero=stage.name == "repetition_penalty", more=int(places.size) - len(rows)),)


def shift(stage: Stage, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    """The probabilities of the most likely tokens before and after; nothing where the stage did nothing."""
    before, after = step.before, step.after
    if after is before:
        return ()
    places = before.ranked(ROWS)
    ids = before.ids[places]
    p = before.probabilities_at(places)
    q = np.exp(after.values_at(ids) - after.peak) / after.total
    listed = ids.tolist()
    labels = tuple(map(context.vocabulary.label, listed))
    return (Shift(tuple(listed), labels, tuple(p.tolist()), tuple(q.tolist())),)


def dynamic_temperature(stage: DynamicTemperature, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    chosen, share = step.note.limit, step.note.fact("share")
    x = np.union1d(np.linspace(0.0, 1.0, POINTS), [share]).tolist()
    rule = Curve(
        tuple(x),
        tuple(stage.at(at) for at in x),
        "share of the possible entropy, H / ln N",
        "T",
        mark=(share, chosen),
        words=f"T = {chosen:.3f}",
    )
    return (rule, *shift(stage, step, context))


def smoothing(stage: Smoothing, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    """The bend around the tokens that the pairs show, and the distance at which it leaves a logit as it is."""
    if stage.smoothing_factor == 0:
        return ()
    before = step.before
    lowest = float(before.values[before.ranked(ROWS)[-1]]) - before.peak
    deepest = min(DEEPEST, max(1.0, -lowest, -1.3 * stage.still))
    below = np.linspace(-deepest, 0.0, POINTS)
    marked = -stage.still <= deepest
    if marked:
        below = np.union1d(below, [stage.still])
    bent = stage.bent(below)
    rule = Curve(
        tuple(below.tolist()),
        tuple(bent.tolist()),
        "logit below the highest, before",
        "after",
        mark=(stage.still, float(bent[below == stage.still][0])) if marked else None,
        words=f"nearer than {-stage.still:.2f} comes closer, the rest falls" if marked else "all come closer",
    )
    return (rule, *shift(stage, step, context))


def mu_track(stage: Mirostat, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    """μ at the last places. It has no target of its own: what is steered to τ is the surprise that was drawn, of which
    the state keeps no trace, and which cannot be told from μ alone once τ or η have been changed."""
    past = [state[0] for state in context.past(stage.name) if state]
    return (Track((*past[-(PLACES - 1) :], step.note.limit), "μ, bits"),)


def aim_track(stage: AdaptiveP, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    """What the last places aimed at, by the present target, and the weight of each probability at this place."""
    aim = step.note.limit
    past = [stage.aimed(*state[:2]) for state in context.past(stage.name) if len(state) >= 2]
    p = np.union1d(np.linspace(0.0, 1.0, POINTS), [aim])
    weight = np.exp(stage.steered(p, aim) - float(stage.steered(np.array([aim]), aim)[0]))
    return (
        Track((*past[-(PLACES - 1) :], aim), "aim, p", stage.adaptive_target, "target"),
        Curve(
            tuple(p.tolist()),
            tuple(weight.tolist()),
            "probability before",
            "relative weight",
            mark=(aim, 1.0),
            words=f"aims at p = {aim:.3f}",
        ),
    )
