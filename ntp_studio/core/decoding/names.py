"""From the names and values of a command line to a chain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ntp_studio.core.decoding.chain import Chain
from ntp_studio.core.decoding.orders import arranged
from ntp_studio.core.decoding.stages import STAGES
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting

Given = float | str | Sequence[str]


def settings_from_names(
    values: Mapping[str, Given], *, greedy: bool = False, order: str = "transformers"
) -> DecodingSettings:
    """From parameter names (`{"temperature": 0.8, "top_k": 40}`) to a chain in one of `ORDERS`; the rest is off.

    A list of texts may be given as one text, or as a JSON array.

    Raises:
        SettingError: a name that no stage has, a number out of its range, or a stage's detail without what turns it on.
    """
    rest = dict(values)
    stages = []
    for name, kind in STAGES.items():
        numbers = tuple((p.name, _number(p.name, rest.pop(p.name))) for p in kind.parameters if p.name in rest)
        texts = tuple((t.name, _texts(t.name, rest.pop(t.name))) for t in kind.texts if t.name in rest)
        if not numbers and not texts:
            continue
        main = {p.name for p in kind.parameters if p.off is not None and not p.advanced}
        main = main or {p.name for p in kind.parameters[:1]}
        if main and not main.intersection(dict(numbers)):
            detail = (numbers or texts)[0][0]
            raise SettingError(f"{detail} does nothing without {' or '.join(sorted(main))}; set that too.")
        stages.append(StageSetting(name, numbers, texts=texts))
    if rest:
        known = ", ".join(name for kind in STAGES.values() for name in kind.setting_names())
        raise SettingError(f"There is no setting called {', '.join(rest)}; there are {known}.")
    settings = arranged(DecodingSettings(tuple(stages), "greedy" if greedy else "race"), order, always=True)
    Chain.of(settings)
    return settings


def _number(name: str, given: Given) -> float:
    if isinstance(given, int | float):
        return given
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise SettingError(f"{name} must be a number, not {given!r}.") from None


def _texts(name: str, given: Given) -> tuple[str, ...]:
    found: Any = given
    if isinstance(given, str) and given.startswith("["):
        try:
            found = json.loads(given)
        except ValueError as error:
            raise SettingError(f"{name} is not a JSON array of texts ({error}).") from error
    if isinstance(found, str):
        return (found,)
    if isinstance(found, Sequence) and all(isinstance(text, str) for text in found):
        return tuple(found)
    raise SettingError(f"{name} must be texts, not {given!r}.")
