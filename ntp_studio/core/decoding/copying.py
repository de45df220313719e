"""The chain in the words of another program, and what that program cannot do of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ntp_studio.core.decoding.commuting import commute
from ntp_studio.core.decoding.orders import ORDERS
from ntp_studio.core.decoding.stages import Stage


@dataclass(frozen=True, slots=True)
class Copied:
    """`text` for the clipboard; each of `warnings` is one thing that will be different there."""

    text: str
    warnings: tuple[str, ...] = ()


def known_to(program: str, stages: Sequence[Stage], warnings: list[str]) -> list[Stage]:
    """The stages that a program of `ORDERS` has, each once; a warning for every other one."""
    order = ORDERS[program]
    known: dict[str, Stage] = {}
    for stage in stages:
        if stage.name not in order.own:
            warnings.append(f"{order.label} has no {stage.label}; it is left out.")
        elif stage.name in known:
            warnings.append(f"{order.label} takes {stage.label} only once; the second is left out.")
        else:
            known[stage.name] = stage
    return list(known.values())


def warn_of_order(program: str, stages: Sequence[Stage], warnings: list[str]) -> None:
    """A warning for every two stages that the program applies the other way round, where that matters."""
    order = ORDERS[program]
    for i, before in enumerate(stages):
        for after in stages[i + 1 :]:
            if order.names.index(before.name) > order.names.index(after.name) and not commute(before, after):
                warnings.append(
                    f"{order.label} applies {after.label} before {before.label}, not after it: the result differs."
                )
