"""What is remembered between runs, as one JSON file in the place each system keeps such files.

Defaults live here, in code; the file holds what a person changed and more. It is written whole and moved into place,
so that a crash leaves the old file. A file that cannot be read is set aside under `.bad` and the defaults are used;
a single value that makes no sense is dropped alone. `NTP_STUDIO_CONFIG_DIR` names another folder.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from ntp_studio.core.decoding import STAGES
from ntp_studio.core.decoding.build import MAX_STAGES, MAX_TEXTS, full_values
from ntp_studio.core.files import write_whole
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings, SettingError, StageSetting

log = logging.getLogger(__name__)

VERSION = 1
MAX_RECENT = 12
MAX_PRESETS = 100
MAX_PRESET_NAME = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything remembered. `speed` is in tokens a second, 0 for as fast as the model goes."""

    version: int = VERSION
    theme: str = "system"
    recent_models: tuple[str, ...] = ()
    last_model: str = ""
    device: str = "auto"
    dtype: str = "auto"
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    seed: int = DEFAULT_SEED
    speed: float = 4.0
    geometry: bytes = b""
    splitter: bytes = b""
    collapsed_panels: tuple[str, ...] = ()
    page_mode: str = "surprisal"
    zoom: float = 1.0
    log_scale: bool = False
    table_view: bool = False
    pictures: bool = True  # whether the cards of the stages show their drawings
    presets: tuple[tuple[str, DecodingSettings], ...] = ()  # a person's own, by name
    training: tuple[tuple[str, str | int | float | bool], ...] = ()  # what was chosen on the Train panel, by name
    training_texts: tuple[str, ...] = ()
    training_folder: str = ""  # the one that results are put in

    def with_recent(self, path: str) -> Settings:
        """The same with this model as the last one opened, and first of the recent ones."""
        recent = (path, *(other for other in self.recent_models if other != path))
        return replace(self, last_model=path, recent_models=recent[:MAX_RECENT])


def default_path() -> Path:
    """Where the settings are, whether the file exists or not."""
    folder = os.environ.get("NTP_STUDIO_CONFIG_DIR")
    base = Path(folder) if folder else platformdirs.user_config_path("ntp-studio", appauthor=False)
    return base / "settings.json"


def load(path: Path | None = None) -> Settings:
    """Read the settings; never raises for what a file holds. The defaults, where there is no file."""
    path = path or default_path()
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a byte-order mark in front
        if not isinstance(data, dict):
            raise ValueError(f"expected an object, found {type(data).__name__}")
    except FileNotFoundError:
        return Settings()
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        _set_aside(path, error)
        return Settings()
    except OSError as error:
        log.warning("The settings cannot be read, defaults are used: %s", error)
        return Settings()
    return _from_json(_upgraded(data))


def save(settings: Settings, path: Path | None = None) -> None:
    """Write the settings whole, or leave the old file as it was. Raises OSError."""
    path = path or default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    # All ASCII: the name of a file may hold what UTF-8 cannot write.
    write_whole(path, json.dumps(_to_json(settings), indent=2) + "\n")


def _set_aside(path: Path, error: Exception) -> None:
    bad = path.with_name(path.name + ".bad")
    log.warning("The settings file is damaged (%s); it is kept as %s and defaults are used.", error, bad.name)
    try:
        os.replace(path, bad)
    except OSError as failure:
        log.warning("The damaged settings file could not be renamed: %s", failure)


# -- versions ----------------------------------------------------------------------------------------------------------


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""By the version that a file has: what makes a file of the next version of it. There must be one for every version
below `VERSION`, and a test for each."""


def _upgraded(data: dict[str, Any]) -> dict[str, Any]:
    data = dict(data)
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        version = 1
    while version < VERSION:
        data = UPGRADES[version](data)
        version += 1
    # A file of a newer version is read as far as it is understood.
    data["version"] = VERSION
    return data


# -- to JSON and back --------------------------------------------------------------------------------------------------


def _to_json(settings: Settings) -> dict[str, Any]:
    return {item.name: _encode(getattr(settings, item.name)) for item in fields(settings)}


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, DecodingSettings):
        return decoding_to_json(value)
    return value


def _from_json(data: dict[str, Any]) -> Settings:
    known: dict[str, Any] = {}
    for item in fields(Settings):
        if item.name not in data:
            continue
        try:
            known[item.name] = _READERS[item.name](data[item.name])
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            log.warning("The setting %r is not usable and is reset: %s", item.name, error)
    return Settings(**known)


def decoding_to_json(decoding: DecodingSettings) -> dict[str, Any]:
    """A decoding chain as plain JSON values, in its order."""
    stages: list[dict[str, Any]] = []
    for s in decoding.stages:
        stages.append({"name": s.name, "enabled": s.enabled, "values": dict(s.values)})
        if s.texts:
            stages[-1]["texts"] = {name: list(texts) for name, texts in s.texts}
    return {"method": decoding.method, "needle": decoding.needle, "stages": stages}


def decoding_from_json(data: Any) -> DecodingSettings:
    """The decoding chain that `decoding_to_json` wrote. Raises TypeError, ValueError or KeyError for anything else, and
    for one that is larger than the window could show."""
    data = _of_type(data, dict)
    method = data["method"]
    if method not in ("race", "dart", "greedy"):
        raise ValueError(f"unknown method {method!r}")
    listed = _of_type(data["stages"], list)
    if len(listed) > MAX_STAGES:
        raise ValueError(f"it has {len(listed)} stages, and there may be {MAX_STAGES}")
    stages = tuple(_stage_from_json(stage) for stage in listed)
    needle = data.get("needle")  # files from before there was a dart have none
    if needle is not None and not 0 <= (needle := _number(needle)) < 1:
        raise ValueError(f"a needle at {needle!r}, not from 0 to below 1")
    return DecodingSettings(stages, method, needle)


def _stage_from_json(data: Any) -> StageSetting:
    data = _of_type(data, dict)
    values = _of_type(data["values"], dict)
    stage = StageSetting(
        _text(data["name"]),
        tuple((_text(name), _number(value)) for name, value in values.items()),
        _flag(data["enabled"]),
        tuple((_text(name), _entries(texts)) for name, texts in _of_type(data.get("texts", {}), dict).items()),
    )
    if stage.name in STAGES:  # one of a newer version is kept, and told of where it is to be used
        try:
            full_values(stage)
        except SettingError as error:
            raise ValueError(str(error)) from error
    return stage


def _entries(value: Any) -> tuple[str, ...]:
    """A stage's list of texts."""
    entries = _texts(value)
    if len(entries) > MAX_TEXTS:
        raise ValueError(f"a list of texts has {len(entries)} entries, and there may be {MAX_TEXTS}")
    return entries


T = TypeVar("T")
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
}


def _of_type(value: Any, kind: type[T]) -> T:
    # bool is an int to Python, and is not one here.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {_KINDS[kind]}, found {value!r}")
    return value


def _text(value: Any) -> str:
    return _of_type(value, str)


def _flag(value: Any) -> bool:
    return _of_type(value, bool)


def _whole(value: Any) -> int:
    return _of_type(value, int)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"not a finite number: {value!r}")
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _of_type(value, list))


def _choices(value: Any) -> tuple[tuple[str, str | int | float | bool], ...]:
    pairs = [_of_type(item, list) for item in _of_type(value, list)]
    return tuple((_text(name), chosen if isinstance(chosen, str | bool) else _number(chosen)) for name, chosen in pairs)


def _presets(value: Any) -> tuple[tuple[str, DecodingSettings], ...]:
    """Those that can be read, each name once: one that is damaged costs only itself."""
    found: dict[str, DecodingSettings] = {}
    for item in _of_type(value, list):
        try:
            name, decoding = _of_type(item, list)
            if not 0 < len(_text(name)) <= MAX_PRESET_NAME:
                raise ValueError("its name is empty or too long")
            if name.casefold() in map(str.casefold, found):
                raise ValueError("there is another one of its name")
            found[name] = decoding_from_json(decoding)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            log.warning("A preset is not usable and is left out: %s", error)
    return tuple(found.items())[:MAX_PRESETS]


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


def _within(read: Callable[[Any], Any], low: float, high: float) -> Callable[[Any], Any]:
    def limited(value: Any) -> Any:
        number = read(value)
        if not low <= number <= high:
            raise ValueError(f"{number!r} is not between {low} and {high}")
        return number

    return limited


_READERS: dict[str, Callable[[Any], Any]] = {
    "version": _whole,
    "theme": _one_of("system", "light", "dark"),
    "recent_models": lambda value: _texts(value)[:MAX_RECENT],
    "last_model": _text,
    "device": _one_of("auto", "cuda", "mps", "cpu"),
    "dtype": _one_of("auto", "float32", "bfloat16", "float16"),
    "decoding": decoding_from_json,
    "seed": _within(_whole, 0, 2**63 - 1),
    "speed": _within(_number, 0, 1000),
    "geometry": _bytes,
    "splitter": _bytes,
    "collapsed_panels": _texts,
    "page_mode": _text,
    "zoom": _within(_number, 0.5, 4.0),
    "log_scale": _flag,
    "table_view": _flag,
    "pictures": _flag,
    "presets": _presets,
    "training": _choices,
    "training_texts": _texts,
    "training_folder": _text,
}
