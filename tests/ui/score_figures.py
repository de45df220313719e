"""Scored texts with figures that agree, for tests of the views that show them."""

from __future__ import annotations

import math

import numpy as np

from ntp_studio import compare_messages as c
from ntp_studio.core.compared import (
    Divergence,
    PairAt,
    ScoredColumn,
    ScoredComparison,
    ScoredStretch,
    ScoredToken,
    Totals,
)
from ntp_studio.core.types import DecodingSettings, ModelInfo

_TEXT = """
Once ·upon ·a ·time , ·in ·a ·village ·by ·the ·sea , ·there ·lived ·an ·old ·fisherman ·who ·had ·a ·wife . ↵
·One ·day ·he ·caught ·a ·gold en ·fish ·and ·the ·fish ·said : ·“ Let ·me ·go <b> ·⟨E2·82⟩
"""
WORDS = tuple(_TEXT.split())
NAMES = (("fairy-tales", "float32"), ("fairy-tales", "bfloat16"), ("SmolLM2-135M", "float32"), ("gpt2-medium", "int8"))


def scored(
    count: int = 400,
    columns: int = 2,
    *,
    unequal: tuple[int, ...] = (),
    name: str = "the-fisherman-and-his-wife.txt",
    seed: int = 3,
    window: int = 256,
) -> ScoredComparison:
    """`unequal` are the columns with another vocabulary than the first: rows are then stretches, the text's third word
    in every ten of several tokens there."""
    rng = np.random.default_rng(seed)
    rows, begin = [], 0
    base = -rng.gamma(0.9, 2.2, count)
    drift = [np.zeros(count)] + [rng.normal(0, 0.04 + 0.3 * i, count) for i in range(1, columns)]
    for i in range(count):
        text = WORDS[i % len(WORDS)]
        end = begin + len(text.replace("·", " ").encode())
        cells, pairs = [], []
        for k in range(columns):
            logprob = min(float(base[i] + drift[k][i]), -1e-4)
            several = k in unequal and i % 10 == 2
            if i == 0:
                cells.append(ScoredToken(None))
            elif several:
                cells.append(ScoredToken(2.2 * logprob, 3))
            else:
                rank = max(1, int(math.exp(min(-logprob, 9.0))))
                cells.append(ScoredToken(logprob, 1, rank, float(2 + abs(base[i]))))
        for k in range(1, columns):
            here, there = cells[k].logprob, cells[0].logprob
            delta = None if here is None or there is None else here - there
            divergence = None
            if i and k not in unequal:
                forward = float(drift[k][i] ** 2)
                divergence = Divergence(abs(drift[k][i]) < 0.25, 0.9, forward, forward * 1.1, forward / 4)
            pairs.append(PairAt(delta, divergence))
        rows.append(ScoredStretch(text, begin, end, tuple(cells), tuple(pairs)))
        begin = end
    totals = []
    for k in range(1, columns):
        figures = [row.pairs[k - 1].divergence for row in rows[1:]]
        known = [each for each in figures if each is not None and each.forward is not None]
        if not known:
            totals.append(None)
            continue
        mean = sum(each.forward or 0.0 for each in known) / len(known)
        agreed = sum(each.same_top for each in known)
        totals.append(Totals(len(known), agreed, 0.9, mean, mean * 1.1, mean / 4))
    described = tuple(
        ScoredColumn(
            *NAMES[k],
            count,
            count - 1,
            math.exp(-sum(row.columns[k].logprob or 0.0 for row in rows) / max(count - 1, 1)),
            1.2 + 0.07 * k,
            1.21 + 0.07 * k,
            window * (1 + 7 * (k in unequal)),
            window * (1 + 7 * (k in unequal)) // 2,
        )
        for k in range(columns)
    )
    return ScoredComparison(name, begin, max(begin - 4, 0), not unequal, described, tuple(totals), tuple(rows))


def changed(*names: tuple[str, str], first: int = 1) -> c.ColumnsChanged:
    """Columns of these (name, dtype), numbered from `first`."""
    states = tuple(
        c.ColumnState(
            first + i,
            ModelInfo(name, f"/models/{name}", "hugging face", "llama", 1, 1, 256, 1, device="cpu", dtype=dtype),
            DecodingSettings(),
        )
        for i, (name, dtype) in enumerate(names)
    )
    return c.ColumnsChanged(1, states, "same text", True)
