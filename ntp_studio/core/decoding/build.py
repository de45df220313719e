"""From a setting, as a person or a file gives it, to its stage."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from ntp_studio.core.decoding.stages import STAGES, Stage
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting

# What comes out of a file may be no larger.
MAX_STAGES = 64  # each is a card in the window
MAX_TEXTS = 1000  # entries of one list, such as biases


def full_values(setting: StageSetting) -> dict[str, Any]:
    """Every parameter of a stage by name: what was set, and for the rest what means no more than that.

    Raises:
        SettingError: an unknown stage or parameter, a text where a number belongs or a number where texts do, or a text
            that no file could hold.
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
    swapped = {*dict(setting.texts)} & {p.name for p in kind.parameters}
    swapped |= {*dict(setting.values)} & {t.name for t in kind.texts}
    if swapped:
        names = ", ".join(sorted(swapped))
        raise SettingError(f"{kind.label} has a text where a number should be, or a number for a text: {names}.")
    for name, texts in setting.texts:
        for text in texts:
            _check_text(name, text)
    return values | given


def _check_text(name: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise SettingError(f"{name}: {text[:40]!r} holds something that is no character.") from None


def check_size(settings: DecodingSettings) -> None:
    """Raises SettingError for a chain of more stages or longer lists than a file may hold."""
    if len(settings.stages) > MAX_STAGES:
        raise SettingError(f"A chain may have {MAX_STAGES} stages, and this one has {len(settings.stages):,}.")
    for stage in settings.stages:
        for name, texts in stage.texts:
            if len(texts) > MAX_TEXTS:
                raise SettingError(f"{name} may have {MAX_TEXTS:,} entries, and here it has {len(texts):,}.")


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
