"""Where models disagree: distributions held against each other, and the columns at one place of a text.

Over equal vocabularies the figures are those of the whole vocabulary; over unequal ones only tokens of equal bytes can
be compared (and whole stretches of a text: `comparing_texts`). Divergences are in nats here and in bits where they are
shown. The first column is the reference; every other is held against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.alignment import of_bytes
from ntp_studio.core.compared import Divergence, PlaceComparison, TokenAcross
from ntp_studio.core.decoding import Scores
from ntp_studio.core.session import Session
from ntp_studio.core.tokens import same_vocabulary
from ntp_studio.core.types import TokenText

TOP = 10
Floats = NDArray[np.float64]


def divergences(p: NDArray[np.floating], q: NDArray[np.floating], top: int = TOP) -> list[Divergence]:
    """Row by row, from logits of equal vocabularies: p and q have shape [n, V]; -inf is a token that cannot be.

    In float64, by a log-softmax over all V (Jensen-Shannon: Lin 1991). Raises ValueError: NaN, +inf or a row of
    nothing but -inf.
    """
    if p.shape != q.shape:
        raise ValueError("distributions over unequal vocabularies have no divergence")
    found = []
    few = max(1, 2**15 // p.shape[1])  # rows at once: what is computed of them stays in the processor's cache
    for begin in range(0, len(p), few):
        some_p, some_q = p[begin : begin + few], q[begin : begin + few]
        figures = _figures(some_p, some_q)
        for row_p, row_q, forward, backward, jensen_shannon in zip(some_p, some_q, *figures, strict=True):
            best_p, best_q = most_likely(row_p, top), most_likely(row_q, top)
            both = len(set(best_p) & set(best_q))
            found.append(
                Divergence(
                    best_p[0] == best_q[0], both / max(len(best_p), len(best_q)), forward, backward, jensen_shannon
                )
            )
    return found


def _figures(p: NDArray[np.floating], q: NDArray[np.floating]) -> tuple[list[float], list[float], list[float]]:
    """KL(p‖q), KL(q‖p) and Jensen-Shannon of each row of logits."""
    log_p, weights_p = _log_softmax(p)
    log_q, weights_q = _log_softmax(q)
    impossible_p, impossible_q = np.isneginf(log_p.min()), np.isneginf(log_q.min())
    if impossible_p or impossible_q:  # 0 · ln 0 is 0, and ln 0 against anything that can be is infinite
        with np.errstate(invalid="ignore"):
            difference = np.where(np.isneginf(log_p) & np.isneginf(log_q), 0.0, log_p - log_q)
            forward = np.where(weights_p > 0, weights_p * difference, 0.0).sum(axis=1)
            backward = -np.where(weights_q > 0, weights_q * difference, 0.0).sum(axis=1)
        log_p[np.isneginf(log_p)] = 0.0
        log_q[np.isneginf(log_q)] = 0.0
    else:
        difference = log_p - log_q
        forward = np.einsum("ij,ij->i", weights_p, difference)
        backward = -np.einsum("ij,ij->i", weights_q, difference)
    own = np.einsum("ij,ij->i", weights_p, log_p) + np.einsum("ij,ij->i", weights_q, log_q)
    mixed = weights_p
    mixed += weights_q
    mixed /= 2
    np.maximum(mixed, np.finfo(np.float64).tiny, out=mixed)
    jensen_shannon = own / 2 - np.einsum("ij,ij->i", mixed, np.log(mixed))
    # None can be negative: what is, is rounding.
    at_least, at_most = np.maximum, np.minimum
    return (
        at_least(forward, 0.0).tolist(),
        at_least(backward, 0.0).tolist(),
        at_most(at_least(jensen_shannon, 0.0), math.log(2)).tolist(),
    )


def _log_softmax(logits: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """(log-probabilities, probabilities), float64."""
    values = np.array(logits, dtype=np.float64)
    peak = values.max(axis=1, keepdims=True)
    if not np.isfinite(peak).all():
        raise ValueError("the logits hold NaN or infinity, or no token has a finite logit")
    values -= peak
    weights = np.exp(values)
    total = weights.sum(axis=1, keepdims=True)
    values -= np.log(total)
    weights /= total
    return values, weights


def most_likely(logits: NDArray[np.floating], count: int) -> list[int]:
    """The ids of the `count` highest logits, the highest first, equals by id; those that cannot be are left out."""
    count = min(count, logits.size)
    edge = np.partition(logits, logits.size - count)[logits.size - count]
    chosen = np.flatnonzero((logits >= edge) & (logits > -np.inf))
    order = np.lexsort((chosen, -logits[chosen]))[:count]
    ids: list[int] = chosen[order].tolist()
    return ids


# -- at one place ------------------------------------------------------------------------------------------------------


def compare_place(
    sessions: Sequence[Session], *, top: int = TOP, after_decoding: bool = False, also: Sequence[int] = ()
) -> PlaceComparison:
    """The distributions at the sessions' places, by the models or after decoding. `also` are ids of the first session's
    vocabulary to be listed besides the `top` of every column."""
    columns = [_scores(session, after_decoding) for session in sessions]
    vocabularies = [session.model.tokens for session in sessions]
    best = [most_likely(scores.logits, top) for scores in columns]
    equal = [same_vocabulary(vocabularies[0], other) for other in vocabularies]
    pairs = []
    for c in range(1, len(sessions)):
        if equal[c]:
            pairs += divergences(columns[0].logits[None], columns[c].logits[None], top)
        else:
            here, there = _keys(sessions[0], best[0]), _keys(sessions[c], best[c])
            both = len(set(here) & set(there))
            pairs.append(Divergence(here[0] == there[0], both / max(len(here), len(there))))
    found: dict[object, TokenAcross] = {}
    for c, ids in enumerate([[*best[0], *also], *best[1:]]):
        for token_id in ids:
            token = vocabularies[c].token(token_id)
            key = token_id if equal[c] else (token.bytes, token.special)
            if not equal[c]:  # the reference may have it under an id of its own
                own = of_bytes(vocabularies[0], token.bytes, token.special) if token.bytes else ()
                key = own[0] if own else key
            if key not in found:
                found[key] = TokenAcross(
                    token,
                    tuple(
                        _logprob(
                            columns[d], (token_id,) if d == c or (equal[c] and equal[d]) else _same(session, token)
                        )
                        for d, session in enumerate(sessions)
                    ),
                )
    ordered = sorted(found.values(), key=lambda row: -max(p for p in row.logprobs if p is not None))
    return PlaceComparison(after_decoding, tuple(pairs), tuple(ordered))


def _scores(session: Session, after_decoding: bool) -> Scores:
    trace = session.trace()
    return trace.result if after_decoding else trace.raw


def _keys(session: Session, ids: list[int]) -> list[tuple[bytes, bool]]:
    tokens = [session.model.tokens.token(i) for i in ids]
    return list(dict.fromkeys((token.bytes, token.special) for token in tokens))


def _same(session: Session, token: TokenText) -> tuple[int, ...]:
    return of_bytes(session.model.tokens, token.bytes, token.special) if token.bytes else ()


def _logprob(scores: Scores, ids: tuple[int, ...]) -> float | None:
    """ln Σ p of these ids; None for none."""
    if not ids:
        return None
    values = scores.logits[list(ids)] - scores.log_normalizer
    return float(np.logaddexp.reduce(values))
