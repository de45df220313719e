"""Events of a comparison with figures that tests name, for the tests of its right-hand panel. No tests in here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ntp_studio.compare_messages import ColumnPlace, ColumnsChanged, ColumnState, DisagreementShown, PlaceShown
from ntp_studio.core.compared import ColumnTotals, Divergence, PairAt, PlaceComparison, Stretch, TokenAcross, Totals
from ntp_studio.core.types import DecodingSettings, ModelInfo, TokenText
from tests.ui.frames import make_frame, token

NAT = math.log(2)  # a bit in nats
WORDS = ("Once", "·upon", "·a", "·time", ",", "·there", "·was", "·a", "·king", "·who")


def columns(
    alike: Sequence[bool] = (True, True),
    *,
    run: int = 1,
    mode: str = "same text",
    same_draw: bool = True,
    method: str = "race",
    first_number: int = 10,
) -> ColumnsChanged:
    info = ModelInfo("SmolLM2", "/m", "hugging face", "llama", 1, 1, 1, 1, "cpu", "float32")
    states = tuple(
        ColumnState(first_number + i, info, DecodingSettings(method=method), alike=same)  # type: ignore[arg-type]
        for i, same in enumerate(alike)
    )
    return ColumnsChanged(run, states, mode, same_draw)  # type: ignore[arg-type]


def at_bits(forward: float | None, delta: float | None = 0.5) -> PairAt:
    """A pair whose KL(A‖B) has so many bits, KL(B‖A) twice as many, JS a quarter; None: without a divergence."""
    nats = None if delta is None else delta * NAT
    if forward is None:
        return PairAt(nats)
    f = forward * NAT
    return PairAt(nats, Divergence(True, 0.8, f, 2 * f, f / 4))


def stretches(*pairs: Sequence[PairAt], prompt: int = 0, start: int = 0) -> tuple[Stretch, ...]:
    """One for each of `pairs`, a token each, the first `prompt` of them in the prompt."""
    return tuple(
        Stretch(WORDS[i % len(WORDS)], 4 * i, 4 * i + 4, tuple((i, i + 1) for _ in (0, *each)), tuple(each), i < prompt)
        for i, each in enumerate(pairs, start)
    )


def of_bits(*bits: float | None, prompt: int = 0, start: int = 0) -> tuple[Stretch, ...]:
    """For two columns: the bits of KL(A‖B) of each stretch; None where nothing foretold it."""
    return stretches(*([at_bits(b, None if b is None else b)] for b in bits), prompt=prompt, start=start)


def told(
    some: Sequence[Stretch],
    *,
    first: int = 0,
    at: int = 0,
    run: int = 1,
    missing: int = 0,
    pairs: Sequence[Totals | None] = (Totals(20, 15, 0.78, 0.5 * NAT, 0.75 * NAT, 0.1 * NAT),),
) -> DisagreementShown:
    totals = tuple(ColumnTotals(20, 18.4 + i, 1.02 + i / 10) for i in range(len(pairs) + 1))
    return DisagreementShown(run, first, tuple(some), at, totals, tuple(pairs), missing)


def across(label: str, *probabilities: float | None, token_id: int | None = None) -> TokenAcross:
    logs = tuple(None if p is None else math.log(p) if p > 0 else -math.inf for p in probabilities)
    return TokenAcross(token(sum(map(ord, label)) if token_id is None else token_id, label), logs)


def compared(*tokens: TokenAcross, pairs: Sequence[Divergence] = (), after: bool = False) -> PlaceComparison:
    some = tuple(pairs) or (Divergence(True, 0.78, 0.44 * NAT, 0.6 * NAT, 0.09 * NAT),)
    return PlaceComparison(after, some, tokens)


def place(
    comparison: PlaceComparison | None,
    *,
    count: int = 2,
    run: int = 1,
    u: float | None = None,
    drawn: TokenText | None = None,
    trouble: str = "",
    waiting: bytes = b"",
) -> PlaceShown:
    """`trouble` is the last column's, which then has no frame; `waiting` are its bytes."""
    frame = make_frame(top=3, vocab_size=50)
    places = tuple(
        ColumnPlace(
            10 + i,
            None if trouble and i == count - 1 else frame,
            None,
            (),
            5,
            2,
            waiting if i == count - 1 else b"",
            trouble=trouble if i == count - 1 else "",
        )
        for i in range(count)
    )
    return PlaceShown(run, 3, places, comparison, drawn, u)
