"""A token's figures as colours and as words: heat shares, number formats, perplexity. No Qt.

Every scale runs from expected (cold) to surprising (hot), so that the same colour means the same thing in every mode.
"""

from __future__ import annotations

import math
from typing import Literal

from ntp_studio.core.types import PageToken

# "tokens" is the neutral look of chips without figures.
Mode = Literal["plain", "surprisal", "probability", "rank", "entropy", "tokens"]
MODES: tuple[Mode, ...] = ("plain", "surprisal", "probability", "rank", "entropy")

HOT_BITS = 12.0  # surprisal at the hot end of the scale
HOT_ENTROPY_BITS = 10.0
HOT_RANK = 10_000

# What stands at the cold and at the hot end of each scale.
SCALE_ENDS: dict[str, tuple[str, str]] = {
    "surprisal": ("0", "≥ 12 bits"),
    "probability": ("100%", "0%"),
    "rank": ("1", "≥ 10,000"),
    "entropy": ("0", "≥ 10 bits"),
}


def heat_share(mode: Mode, token: PageToken) -> float | None:
    """Where the token stands on the heat scale of this mode, 0 to 1; None where there is no figure."""
    if mode == "surprisal" and token.surprisal_bits is not None:
        share = token.surprisal_bits / HOT_BITS
    elif mode == "probability" and token.probability is not None:
        share = 1.0 - token.probability
    elif mode == "rank" and token.rank is not None:
        share = math.log(max(token.rank, 1)) / math.log(HOT_RANK)
    elif mode == "entropy" and token.entropy_bits is not None:
        share = token.entropy_bits / HOT_ENTROPY_BITS
    else:
        return None
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 1.0


def percent(probability: float) -> str:
    """A probability in per cent, never a rounded 0 or 100 that is not one: `16.3%`, `0.25%`, `3.1·10⁻⁷%`.

    From 0.01% on it reads as the chart's figures do, so that nobody finds two numbers for one thing.
    """
    if math.isnan(probability):
        return "—"
    if probability <= 0.0:
        return "0%"
    if probability >= 1.0 - 1e-9:  # closer to one is float rounding
        return "100%"
    value = probability * 100
    if value < 0.01:
        if value >= 1e-4:
            return f"{value:.2g}%" if value >= 1e-3 else f"{value:.5f}%"
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPT)}%"
    if round(value, 2) < 1.0:
        return f"{value:.2f}%"
    return f"{value:.1f}%" if round(value, 1) < 100.0 else ">99.9%"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(number: int) -> str:
    return f"{number:,}"


def perplexity(total_logprob: float, tokens: int) -> float | None:
    """exp of the mean negative log-probability; None without a token that has one, infinity past float range."""
    if not tokens:
        return None
    try:
        return math.exp(-total_logprob / tokens)
    except OverflowError:
        return math.inf


def plain_number(value: float) -> str:
    """A perplexity: one decimal below 100, whole above."""
    if not math.isfinite(value):
        return "∞"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}" if value < 1e6 else f"{value:.2e}"
