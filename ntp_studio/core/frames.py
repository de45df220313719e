"""From a trace of the chain to the frozen StepFrame that the window and the command line show."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding import Trace
from ntp_studio.core.decoding.draw import arrivals
from ntp_studio.core.decoding.scores import Floats, Ints
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.types import Candidate, DrawReport, Origin, StepFrame, Taken

ARRIVALS = 8  # of the race, as many as are drawn
BITS = 1 / math.log(2)


def candidates_of(
    model: LanguageModel,
    trace: Trace,
    ids: Ints,
    ranks: list[int] | None = None,
    noise: NDArray[np.float32] | None = None,
) -> tuple[Candidate, ...]:
    """The figures of these tokens, in this order, from the model's scores and from what the chain left; with the
    `noise` of the whole vocabulary (shape [V]), where a race is run."""
    raw, result = trace.raw, trace.result
    logits = raw.values_at(ids)
    logprobs = logits - raw.log_normalizer
    processed_logits = result.values_at(ids)
    processed = np.exp(processed_logits - result.log_normalizer)
    if ranks is None:
        ranks = [rank_of(raw.logits, int(i)) for i in ids]
    cuts = trace.cuts(ids)
    luck = [math.nan] * ids.size if noise is None else noise[ids].tolist()
    found = []
    for i, (cut_by, reason), rank, logit, logprob, p, processed_logit, processed_p, q in zip(
        ids.tolist(),
        cuts,
        ranks,
        logits.tolist(),
        logprobs.tolist(),
        np.exp(logprobs).tolist(),
        processed_logits.tolist(),
        processed.tolist(),
        luck,
        strict=True,
    ):
        found.append(
            Candidate(
                token=model.tokens.token(i),
                rank=rank,
                logit=logit,
                logprob=logprob,
                probability=p,
                processed_probability=processed_p,
                processed_logit=processed_logit,
                cut_by=cut_by or None,
                reason=reason,
                noise=q,
            )
        )
    return tuple(found)


def rank_of(logits: Floats, token_id: int) -> int:
    """From 1; equal logits rank by id."""
    own = logits[token_id]
    return int(np.count_nonzero(logits > own) + np.count_nonzero(logits[:token_id] == own)) + 1


def _rest(listed: list[float], possible: int) -> float:
    """The probability that is not listed; exactly 0, without a rounding's rest, when all `possible` tokens are."""
    if sum(p > 0 for p in listed) >= possible:
        return 0.0
    return max(0.0, 1.0 - math.fsum(listed))


def _arrivals(
    model: LanguageModel, trace: Trace, known: tuple[Candidate, ...], noise: NDArray[np.float32]
) -> tuple[Candidate, ...]:
    by_id = {c.token.id: c for c in known}
    first = arrivals(trace.result, noise, ARRIVALS)
    others = np.array([i for i in first.tolist() if i not in by_id], dtype=np.int64)
    by_id |= {c.token.id: c for c in candidates_of(model, trace, others, noise=noise)}
    return tuple(by_id[i] for i in first.tolist())


def build_frame(
    model: LanguageModel,
    trace: Trace,
    token_id: int,
    draw: DrawReport,
    *,
    top: int,
    step: int,
    node: int,
    context_length: int,
    origin: Origin,
    model_ms: float,
    note: str,
    started: float,
    noise: NDArray[np.float32] | None = None,
    taken: Taken | None = None,
    pictures: bool = False,
) -> StepFrame:
    """The frame of one place. `started` is `time.perf_counter()` at the beginning of the step."""
    raw, result = trace.raw, trace.result
    ids = raw.top(max(top, 1))
    ranks = list(range(1, ids.size + 1))
    for also in dict.fromkeys((token_id, token_id if taken is None else taken.token.id)):
        if also not in ids:
            ids = np.append(ids, also)
            ranks.append(rank_of(raw.logits, also))
    candidates = candidates_of(model, trace, ids, ranks, noise)
    choice = next(c for c in candidates if c.token.id == token_id)
    kept_mass = 1.0
    if result.count < raw.vocab_size:
        kept_mass = min(1.0, float(np.exp(raw.values_at(result.ids) - raw.log_normalizer).sum()))
    return StepFrame(
        step=step,
        node=node,
        context_length=context_length,
        vocab_size=raw.vocab_size,
        whole_vocabulary=model.whole_vocabulary,
        candidates=candidates,
        choice=choice,
        origin=origin,
        draw=draw,
        entropy_bits=raw.entropy * BITS,
        processed_entropy_bits=result.entropy * BITS,
        kept=result.count,
        kept_mass=kept_mass,
        tail_probability=_rest([c.probability for c in candidates], raw.count),
        processed_tail_probability=_rest([c.processed_probability for c in candidates], result.count),
        log_normalizer=raw.log_normalizer,
        processed_log_normalizer=result.log_normalizer,
        stages=trace.reports(pictures=pictures),
        model_ms=model_ms,
        step_ms=(time.perf_counter() - started) * 1000,
        note=note,
        taken=taken,
        arrivals=() if noise is None else _arrivals(model, trace, candidates, noise),
    )
