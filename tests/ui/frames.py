"""Distributions with figures that agree, for tests of widgets that show them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ntp_studio.core.types import Candidate, DrawReport, Needle, Origin, StepFrame, Taken, TokenText

_TEXT = """
heart special family wife dream soft daughter son small passion beautiful kn large good big dog lot
strong young very long house secret boat reputation problem great few habit wonderful vision favorite job
little gift plan hard new chance wolf
"""
WORDS = tuple("·" + word for word in _TEXT.split())


def token(token_id: int, label: str, special: bool = False) -> TokenText:
    text = label.replace("·", " ").replace("↵", "\n")
    return TokenText(id=token_id, bytes=text.encode(), text=text, label=label, special=special)


def make_frame(
    *,
    top: int = 40,
    vocab_size: int = 49_152,
    temperature: float = 0.8,
    top_p: float | None = 0.7,
    chosen: int = 4,
    origin: Origin = "drawn",
    method: str = "race",
    labels: Sequence[str] = WORDS,
    specials: Sequence[int] = (),
    step: int = 6,
    node: int = 20,
    scale: float = 1.0,
    seed: int = 7,
    u: float | None = None,
    needle: Needle = "seed",
    taken: Taken | None = None,
) -> StepFrame:
    """A Zipf-like distribution over `vocab_size` tokens, put through temperature and top-p by their definitions.

    `chosen` is the place (from 0) in the model's order, which may lie beyond `top`. `specials` are places, too.
    A larger `scale` makes the model surer. Under `race` the noise is such that the chosen token wins, and the arrivals
    are those of the whole vocabulary; under `dart` the needle falls on the middle of it, or `u` chooses the token.
    `seed` is that of the figures.
    """
    rng = np.random.default_rng(seed)
    places = np.arange(2.0, vocab_size + 2.0)
    logits = np.sort(17.0 - 1.45 * scale * np.log(places) + rng.normal(0, 0.12, vocab_size))[::-1]
    normalizer = float(np.logaddexp.reduce(logits))
    p = np.exp(logits - normalizer)
    processed_logits = logits / temperature
    q = np.exp(processed_logits - np.logaddexp.reduce(processed_logits))
    kept = vocab_size if top_p is None else int(np.sum(np.cumsum(q) < top_p)) + 1
    processed_logits[kept:] = -np.inf
    processed_normalizer = float(np.logaddexp.reduce(processed_logits[:kept]))
    q = np.exp(processed_logits - processed_normalizer)

    noise = np.random.default_rng(seed + 1).exponential(size=vocab_size)
    ends = np.cumsum(q[:kept])
    if method == "dart" and u is not None and origin == "drawn":
        chosen = min(int(np.searchsorted(ends, u)), kept - 1)
    if method == "race" and origin == "drawn" and chosen < kept:
        rivals = noise[:kept] / q[:kept]
        rivals[chosen] = np.inf
        noise[chosen] = 0.6 * min(rivals.min(), 5.0) * q[chosen]
    noise *= 0.3 / (noise[:kept] / q[:kept]).min()  # a winner's time that tests can name

    def candidate(place: int) -> Candidate:
        label = labels[place] if place < len(labels) else f"·token{place}"
        cut = place >= kept
        return Candidate(
            token=token(2912 + 7 * place, label, place in specials),
            rank=place + 1,
            logit=float(logits[place]),
            logprob=float(logits[place] - normalizer),
            probability=float(p[place]),
            processed_probability=float(q[place]),
            processed_logit=float(processed_logits[place]),
            cut_by="top_p" if cut else None,
            noise=float(noise[place]) if method == "race" else math.nan,
            reason=f"the {kept} tokens before it already hold {top_p:.0%}" if cut and top_p is not None else "",
        )

    draw = DrawReport(method="greedy", seed=42, position=step - 1)
    if method == "race":
        draw = DrawReport(method="race", seed=42, position=step - 1, time=0.3)
    elif method == "dart":
        middle = float(ends[chosen] - q[chosen] / 2) if chosen < kept else 0.5
        draw = DrawReport(method="dart", seed=42, position=step - 1, u=middle if u is None else u, needle=needle)
    listed = list(range(min(top, vocab_size)))
    if chosen not in listed:
        listed.append(chosen)
    candidates = tuple(candidate(place) for place in listed)
    order = np.argsort(noise[:kept] / q[:kept], kind="stable")[:8].tolist() if method == "race" else []
    return StepFrame(
        step=step,
        node=node,
        context_length=20,
        vocab_size=vocab_size,
        whole_vocabulary=True,
        candidates=candidates,
        choice=candidate(chosen),
        origin=origin,
        draw=draw,
        entropy_bits=_entropy(p),
        processed_entropy_bits=_entropy(q),
        kept=kept,
        kept_mass=float(p[:kept].sum()),
        tail_probability=max(1.0 - math.fsum(c.probability for c in candidates), 0.0),
        processed_tail_probability=max(1.0 - math.fsum(c.processed_probability for c in candidates), 0.0),
        log_normalizer=normalizer,
        processed_log_normalizer=processed_normalizer,
        stages=(),
        model_ms=50.0,
        step_ms=51.0,
        taken=taken,
        arrivals=tuple(map(candidate, order)),
    )


def _entropy(p: np.ndarray) -> float:
    positive = p[p > 0.0]
    return float(-(positive * np.log2(positive)).sum())
