"""Pictures of the stages that cut: tokens as bars with the line that decides, or the curve that is followed to a level.

Only what can be seen is sorted: the bars' tokens, and for a curve as many ranks as its stage sorted anyway.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Floats, Ints
from ntp_studio.core.decoding.stages import (
    Epsilon,
    Eta,
    MinP,
    Mirostat,
    TailFree,
    TopA,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    Xtc,
)
from ntp_studio.core.decoding.stages.entropy_cuts import bent, shares
from ntp_studio.core.decoding.stages.figures import logit_figure, minus, percent, tokens
from ntp_studio.core.pictures import Axis, Bars, Curve, Picture

if TYPE_CHECKING:
    from ntp_studio.core.decoding.chain import TracedStage

FEWEST, MOST = 12, 48  # bars
RANKS = 256  # of a curve: as many as top-p sorts itself


def room(shown: int, count: int) -> int:
    """How many bars: those that matter and a third more, so that what lies beyond them is seen too."""
    return min(count, MOST, max(FEWEST, math.ceil(shown * 4 / 3)))


def bars(
    step: TracedStage,
    context: Context,
    axis: Axis,
    places: Ints,
    values: Floats,
    *,
    line: float | None = None,
    words: str = "",
    coin: tuple[float, float] | None = None,
) -> Bars:
    """Bars of the tokens at these places of what entered the stage; `values` are aligned with them."""
    ids = step.before.ids[places]
    kept = np.isfinite(step.after.values_at(ids))
    listed = ids.tolist()
    return Bars(
        axis,
        tuple(listed),
        tuple(map(context.vocabulary.label, listed)),
        tuple(values.tolist()),
        tuple(kept.tolist()),
        step.before.count,
        step.after.count,
        line,
        words,
        coin,
    )


def _likely(
    step: TracedStage,
    context: Context,
    line: float | None,
    words: str,
    *,
    shown: int | None = None,
    coin: tuple[float, float] | None = None,
) -> Bars:
    """The probabilities of the most likely tokens that entered the stage."""
    before = step.before
    places = before.ranked(room(step.after.count if shown is None else shown, before.count))
    p = before.probabilities_at(places)
    return bars(step, context, "probability", places, p, line=line, words=words, coin=coin)


def top_k(stage: TopK, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    tied = f", {step.after.count:,} with ties" if step.after.count > stage.top_k else ""
    return (_likely(step, context, None, f"{stage.likeliest}{tied}"),) if stage.top_k else ()


def min_p(stage: MinP, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    return (_likely(step, context, step.note.limit, f"p ≥ {stage.rule(step.before, step.note)}"),)


def top_a(stage: TopA, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    return (_likely(step, context, step.note.limit, f"p ≥ {stage.rule(step.before, step.note)}"),)


def epsilon(stage: Epsilon, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    return (_likely(step, context, step.note.limit, f"p ≥ ε = {stage.epsilon_cutoff:g}"),)


def eta(stage: Eta, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    return (_likely(step, context, step.note.limit, f"p ≥ {stage.rule(step.note)}"),)


def xtc(stage: Xtc, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    facts = dict(step.note.facts)
    if "coin" not in facts:
        return ()
    coin = facts["coin"], stage.xtc_probability
    rule, shown = f"p ≥ {stage.xtc_threshold:g}", stage.likely(step.before)
    hindrance = stage.hindrance(step.before, context) if coin[0] < coin[1] else ""
    if hindrance:  # the coin alone would say that it acts; what matters most comes first, where room is short
        rule = f"does nothing: {hindrance} ({rule})" if shown > 1 else f"does nothing: {hindrance}"
    return (_likely(step, context, stage.xtc_threshold, rule, shown=shown, coin=coin),)


def top_n_sigma(stage: TopNSigma, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    before, note = step.before, step.note
    places = before.ranked(room(step.after.count, before.count))
    peak, line = logit_figure(before.peak), logit_figure(note.limit)
    rule = f"{peak} − {stage.top_n_sigma:g} × {note.fact('sigma'):.3f} = {line}"
    return (bars(step, context, "logit", places, before.values[places], line=note.limit, words=rule),)


def mirostat(stage: Mirostat, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    before, limit = step.before, step.note.limit
    places = before.ranked(room(step.after.count, before.count))
    with np.errstate(over="ignore"):  # of logits that temperature has made as large as floats go
        surprise = (before.log_normalizer - before.values[places]) / math.log(2)
    surprise = np.minimum(surprise, np.finfo(np.float64).max)
    return (bars(step, context, "surprise", places, surprise, line=limit, words=f"μ = {minus(f'{limit:.3f}')} bits"),)


def typical(stage: Typical, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    before, limit = step.before, step.note.limit
    distance = stage.distance(before)
    n = room(step.after.count, before.count)
    near = np.flatnonzero(distance <= np.partition(distance, n - 1)[n - 1])
    places = near[np.lexsort((before.ids[near], distance[near]))][:n]
    words = f"|−ln p − {before.entropy:.3f}| ≤ {limit:.3f} nats"
    return (bars(step, context, "distance", places, distance[places], line=limit, words=words),)


def _ranks(
    sums: Floats, end: tuple[int, float], mark: tuple[int, float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Points of a running sum over the first ranks, the marked point beyond them, and the end."""
    y = np.minimum(sums[:RANKS], end[1]).tolist()
    head = len(y)
    x = list(map(float, range(1, head + 1)))
    exact = dict((end, *([mark] if mark else [])))
    for rank in sorted(exact):
        value = min(exact[rank], end[1])
        if rank <= head:
            y[rank - 1] = value
        else:
            x.append(float(rank))
            y.append(value)
    return tuple(x), tuple(y)


def top_p(stage: TopP, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    before, kept = step.before, step.after.count
    held = min(1.0, step.note.limit) if kept < before.count else 1.0
    cumulative = np.cumsum(before.probabilities_at(before.ranked(RANKS)))
    x, y = _ranks(cumulative, (before.count, 1.0), (kept, held))
    return (
        Curve(
            x,
            y,
            "tokens, most likely first",
            "probability together",
            rank=True,
            level=stage.top_p,
            mark=(float(kept), held),
            words=f"{percent(held)} in {tokens(kept)}",
        ),
    )


def top_h(stage: TopH, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    sums = stage.running(step.before)[1]
    kept, limit = step.after.count, step.note.limit
    held = float(sums[kept - 1])
    x, y = _ranks(sums, (sums.size, float(sums[-1])), (kept, held))
    alone = held > limit * (1 + 1e-9)
    words = "the most likely always stays" if alone else f"{held:.3f} nats in {tokens(kept)}"
    return (
        Curve(
            x,
            y,
            "tokens, most likely first",
            "Σ −p ln p, nats",
            rank=True,
            level=limit,
            mark=(float(kept), held),
            words=words,
        ),
    )


def tail_free(stage: TailFree, step: TracedStage, context: Context) -> tuple[Picture, ...]:
    """The running sum of the normalised second differences rather than each of them: it is the sum that is measured
    against z, and no bar's height tells whether its token is kept."""
    facts = dict(step.note.facts)
    if "bend" not in facts:
        return ()
    before, kept = step.before, step.after.count
    p = before.probabilities_at(before.ranked(RANKS + 2))
    sums = np.cumsum(shares(bent(p), facts["bend"], before.count))
    mark = None if math.isnan(step.note.limit) else (kept, step.note.limit)
    x, y = _ranks(sums, (before.count - 2, 1.0), mark)
    return (
        Curve(
            x,
            y,
            "tokens, most likely first",
            "share of the bend",
            rank=True,
            level=stage.tfs_z,
            mark=None if mark is None else (float(kept), min(1.0, step.note.limit)),
            words=step.note.threshold,
        ),
    )
