"""How a person writes tokens in a setting: `#12` is an id, `#12,13` a sequence, `#eos` every end token, and anything
else is text, taken as it stands: " the" and "the" are different tokens."""

from __future__ import annotations

import math
import re

from ntp_studio.core.decoding.context import Vocabulary

IDS = re.compile(r"#\d{1,18}(,\s*\d{1,18})*")  # more digits are no id, and int() refuses thousands of them
EOS = "#eos"
MOST_BIAS = 1e9


def sequence(text: str, vocabulary: Vocabulary, size: int | None = None) -> tuple[int, ...]:
    """The token ids that an entry stands for, in a row; empty if it has none. With the vocabulary's `size`, an entry
    that names an id beyond it has none either."""
    if not IDS.fullmatch(text):
        return vocabulary.encode(text)
    ids = _numbers(text)
    return ids if size is None or max(ids) < size else ()


def sequences(text: str, vocabulary: Vocabulary, size: int | None = None) -> list[tuple[int, ...]]:
    """Like `sequence`, where `#eos` stands for each of the end tokens."""
    if text == EOS:
        return [(token_id,) for token_id in sorted(vocabulary.eos_ids)]
    found = sequence(text, vocabulary, size)
    return [found] if found else []


def single(text: str, vocabulary: Vocabulary, size: int | None = None) -> tuple[int, ...]:
    """Every single token that an entry stands for; with the vocabulary's `size`, no id beyond it."""
    if text == EOS:
        return tuple(sorted(vocabulary.eos_ids))
    if not IDS.fullmatch(text):
        return vocabulary.spelled(text)
    return tuple(token_id for token_id in _numbers(text) if size is None or token_id < size)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text[1:].split(","))


def biased(entry: str) -> tuple[str, float]:
    """`TEXT=AMOUNT` as (text, amount). Raises ValueError, in words, for anything else."""
    text, separator, amount = entry.rpartition("=")
    try:
        value = -math.inf if amount.strip().casefold() == "ban" else float(amount)
    except ValueError:
        value = math.nan
    if not separator or not text or math.isnan(value) or value == math.inf:
        raise ValueError(f"{entry!r} is not TEXT=NUMBER, such as ' the=-2', '#464=1.5' or 'damn=ban'.")
    if math.isfinite(value) and abs(value) > MOST_BIAS:  # several add up, and must not add up to infinity
        raise ValueError(f"{entry!r}: a bias is at most {MOST_BIAS:g} either way; 'ban' forbids a token.")
    return text, value
