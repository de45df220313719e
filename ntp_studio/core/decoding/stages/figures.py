"""How stages write their numbers: so that nothing above zero reads as zero, and that arithmetic can be checked with the
figures as they stand there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages.base import figure, probability


def minus(figure: str) -> str:
    """A figure with the sign for minus instead of a hyphen before it."""
    return f"−{figure[1:]}" if figure.startswith("-") else figure


def chance(logit: float, scores: Scores) -> str:
    """The probability of a logit among `scores` as a figure. One below the range of floats is a power of e: it is
    little, but not 0."""
    log_p = logit - scores.peak - math.log(scores.total)
    return figure(math.exp(log_p)) if log_p > -700 or log_p == -math.inf else f"e^−{-log_p:.4g}"


def percent(probability: float) -> str:
    """As the window's chart writes it: `16.3%`, `0.25%`, `<0.01%`. Nothing above zero reads as zero, and nothing short
    of certain reads as 100%."""
    if probability <= 0.0:
        return "0%"
    if probability >= 1.0 - 1e-9:  # closer to one is float rounding
        return "100%"
    share = probability * 100.0
    if share < 0.01:
        return "<0.01%"
    if round(share, 2) < 1.0:
        return f"{share:.2f}%"
    return f"{share:.1f}%" if round(share, 1) < 100.0 else ">99.9%"


def share(logit: float, scores: Scores) -> str:
    """The probability of a logit among `scores`, in per cent."""
    p = probability(logit, scores)
    return percent(p) if p > 0 or logit == -math.inf else "<0.01%"


def below(value: float, limit: float, shown: str) -> str:
    """`61.2% < 70%`: a share that stays below a limit, `shown` in per cent, with as many decimals as it takes to see
    it."""
    if 0 < value < 1e-4:
        return f"{figure(value)} < {figure(limit)}"
    for decimals in range(1, 13):
        words = f"{value * 100:.{decimals}f}"
        if float(words) < limit * 100:
            return f"{words}% < {shown}"
    return f"{value * 100:.1f}% reaches {shown} only in the last digits"


def above(value: float, limit: float) -> str:
    """`0.812 > 0.486`: a value that exceeds a limit, with as many decimals as it takes to see it."""
    for decimals in range(3, 13):
        high, low = f"{value:.{decimals}f}", f"{limit:.{decimals}f}"
        if float(high) > float(low):
            return f"{high} > {low}"
    return f"{value:.3f} > {limit:.3f} in the last digits"


def moved(token_id: int, before: Scores, after: Scores) -> str:
    """`p 5.7% → 6.9%`: a token's probability before and after."""
    return f"p {share(before.value_of(token_id), before)} → {share(after.value_of(token_id), after)}"


def logit_figure(value: float) -> str:
    """Two decimals, unless it is so large that nobody would count its digits."""
    return minus(f"{value:.2f}" if abs(value) < 1e6 else f"{value:.4g}")


def checkable(value: float, first: int, kind: Literal["f", "g"], comes_out: Callable[[float], bool]) -> str:
    """A number with as many digits, at least `first`, as whoever checks the arithmetic with it needs to come out at the
    figure that stands there."""
    if abs(value) < 1e6:
        for digits in range(first, first + 8):
            if comes_out(float(text := f"{value:.{digits}{kind}}")):
                return minus(text)
    return minus(f"{value:.{first}{kind}}") if kind == "g" else logit_figure(value)


def changed(token_id: int, before: Scores, after: Scores, rule: Callable[[float], float]) -> str:
    """`logit 14.20 → 12.91`: a token's logit before and after, by a rule that can be checked with these figures."""
    new = logit_figure(after.value_of(token_id))
    old = checkable(before.value_of(token_id), 2, "f", lambda shown: logit_figure(rule(shown)) == new)
    return f"logit {old} → {new}"


def tokens(n: int) -> str:
    """`1 token`, `12 tokens`."""
    return f"{n:,} token" if n == 1 else f"{n:,} tokens"


def new_tokens(n: int) -> str:
    """`1 new token`, `12 new tokens`."""
    return f"{n:,} new token" if n == 1 else f"{n:,} new tokens"
