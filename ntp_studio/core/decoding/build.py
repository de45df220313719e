"""From a setting, as a person or a file gives it, to its stage."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from ntp_studio.core.decoding.stages import STAGES, Stage
from ntp_studio.core.types import SettingError, StageSetting


def full_values(setting: StageSetting) -> dict[str, Any]:
    """Every parameter of a stage by name: what was set, and for the rest what means no more than that.

    Raises:
        SettingError: an unknown stage or parameter.
    """
    kind = STAGES.get(setting.name)
    if kind is None:
        raise SettingError(f"There is no decoding stage called {setting.name}; there are {', '.join(STAGES)}.")
    values: dict[str, Any] = {p.name: p.default for p in kind.parameters}
    values |= {item.name: item.default for item in fields(kind) if item.default is not MISSING}  # type: ignore[arg-type]
    given = dict(setting.values) | dict(setting.texts)
    unknown = set(given) - set(kind.setting_names())
    if unknown:
        raise SettingError(f"{kind.label} has no parameter {', '.join(sorted(unknown))}.")
    return values | given


def build_stage(setting: StageSetting) -> Stage | None:
    """The stage as set, or None if it is at its "off" value.

    Raises:
        SettingError: an unknown stage or parameter, or a number out of its range.
    """
    values = full_values(setting)
    kind = STAGES[setting.name]
    if kind.is_off(values):
        return None
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise SettingError(str(error)) from error
