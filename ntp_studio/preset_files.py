"""Presets of a person's own: their names, their files, and what the command line asks for by them.

A preset file is one JSON object:

    {"format": "ntp-studio decoding", "version": 1, "name": "Poet", "decoding": {"method": …, "stages": […], …}}

It may come from anybody, so that nothing in it is trusted: not its size, not its shape, not its numbers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from ntp_studio.core.decoding import STAGES, Chain, arranged, order_of, settings_from_names
from ntp_studio.core.decoding.build import check_size
from ntp_studio.core.decoding.names import Given
from ntp_studio.core.decoding.orders import orders_of, place_for, without_always
from ntp_studio.core.decoding.presets import PRESETS, kept
from ntp_studio.core.files import write_whole
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting, StudioError
from ntp_studio.settings import MAX_PRESET_NAME, MAX_PRESETS, decoding_from_json, decoding_to_json

FORMAT = "ntp-studio decoding"
VERSION = 1
MAX_BYTES = 256 * 1024

Named = tuple[str, DecodingSettings]


class PresetError(StudioError):
    """A preset that cannot be read, written or called that."""


# -- names -------------------------------------------------------------------------------------------------------------


def checked_name(text: str, taken: Iterable[str] = ()) -> str:
    """A preset's name without blanks at its ends, one between words.

    Raises:
        PresetError: it is empty, too long, has unprintable characters, or is one of `taken` or of the presets that
            come with the program (however it is capitalised).
    """
    name = " ".join(text.split())
    if not name:
        raise PresetError("A preset needs a name.")
    if len(name) > MAX_PRESET_NAME:
        raise PresetError(
            f"A preset's name may have {MAX_PRESET_NAME} characters at most, and this one has {len(name)}."
        )
    if not name.isprintable():
        raise PresetError("A preset's name may hold printable characters only.")
    if name.casefold() in {word.casefold() for key, preset in PRESETS.items() for word in (key, preset.label)}:
        raise PresetError(f"“{name}” is a preset that comes with the program; choose another name.")
    if name.casefold() in {other.casefold() for other in taken}:
        raise PresetError(f"There is a preset called “{name}” already; choose another name, or rename that one.")
    return name


def free_name(name: str, taken: Iterable[str]) -> str:
    """`Poet (2)`, or the next number that is not `taken` (however it is capitalised), no longer than a name may be."""
    others = {other.casefold() for other in taken}
    for number in count(2):
        end = f" ({number})"
        wanted = name[: MAX_PRESET_NAME - len(end)].rstrip() + end
        if wanted.casefold() not in others:
            return wanted
    raise AssertionError("numbers do not end")


def with_preset(presets: Sequence[Named], name: str, decoding: DecodingSettings) -> tuple[Named, ...]:
    """The presets with this one at the end, or in the place of the one that has its name.

    Raises:
        StudioError: there are as many as there may be, or the settings are too large for a file.
    """
    check_size(decoding)  # what is kept can be read again
    new = (name, kept(decoding))
    if any(name == other for other, _ in presets):
        return tuple(new if name == other else (other, old) for other, old in presets)
    if len(presets) >= MAX_PRESETS:
        raise PresetError(f"There are {MAX_PRESETS} presets already; delete one first.")
    return (*presets, new)


# -- files -------------------------------------------------------------------------------------------------------------


def write(path: Path, name: str, decoding: DecodingSettings) -> None:
    """Write a preset whole, or leave what was there.

    Raises:
        PresetError: the file cannot be written. SettingError: the settings are too large for one.
    """
    check_size(decoding)
    document = {"format": FORMAT, "version": VERSION, "name": name, "decoding": decoding_to_json(kept(decoding))}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        if path.exists() and not path.is_file():
            raise PresetError(f"{path} is not an ordinary file; choose another place.")
        write_whole(path, text, shared=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PresetError(f"{path} cannot be written ({reason}); choose another place.") from error


def read(path: Path) -> Named:
    """The preset in a file: its name and its settings, which a chain has been built of.

    Raises:
        PresetError: the file cannot be read, or is no preset that this version understands.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise PresetError(f"{path} cannot be read: it is not an ordinary file.")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError for a name that no file can have
        raise PresetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(data) > MAX_BYTES:
        raise PresetError(f"{path.name} is no preset: it is larger than {MAX_BYTES // 1024} KB.")
    try:  # some editors put a byte-order mark in front
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object)
    except RecursionError:
        raise PresetError(f"{path.name} is no preset: it is nested too deeply.") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError, too
        raise PresetError(f"{path.name} is no preset: it is not JSON ({_short(error)}).") from error
    return _checked(document, path.name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves open which of two equal names counts; here neither does."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it says {_short(next(n for n in names if names.count(n) > 1))!r} twice")
    return found


def _checked(document: Any, file: str) -> Named:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PresetError(f'{file} is no preset: it has no "format": "{FORMAT}".')
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise PresetError(f"{file} is no preset: its version is not a number from 1.")
    if version > VERSION:
        raise PresetError(f"{file} is of a newer version of the program; this one reads version {VERSION} of presets.")
    name = document.get("name")
    if not isinstance(name, str):
        raise PresetError(f"{file} is no preset: it has no name.")
    try:
        decoding = decoding_from_json(document.get("decoding"))
    except KeyError as error:
        raise PresetError(f"{file} is not usable: its decoding lacks {_short(error)}.") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PresetError(f"{file} is not usable: {_short(error)}.") from error
    try:
        _check(decoding)
        return checked_name(name), kept(decoding)
    except StudioError as error:
        raise PresetError(f"{file} is not usable: {_short(error, 400)}") from error


def _check(decoding: DecodingSettings) -> None:
    """Raises SettingError for what no chain could be built of, also where it is switched off."""
    check_size(decoding)
    Chain.of(replace(decoding, stages=tuple(replace(stage, enabled=True) for stage in decoding.stages)))


def _short(thing: object, most: int = 120) -> str:
    """What a file holds may be long."""
    text = str(thing)
    return text if len(text) <= most else text[: most - 1] + "…"


# -- the command line --------------------------------------------------------------------------------------------------


def called(name: str, own: Sequence[Named] = ()) -> DecodingSettings:
    """The settings of a preset: a file's (`*.json`), a person's own, or one of the program's by name or label.

    Raises:
        PresetError: there is none.
    """
    if name.casefold().endswith(".json"):
        return read(Path(name).expanduser())[1]
    word = name.casefold()
    known = [(each, decoding) for each, decoding in own]
    known += [(text, preset.settings) for key, preset in PRESETS.items() for text in (key, preset.label)]
    for text, decoding in known:
        if text.casefold() == word:
            return decoding
    names = ", ".join([*PRESETS, *(each for each, _ in own)])
    raise PresetError(f"There is no preset called {name}; there are {names}, or give a .json file.")


def asked_for(
    options: argparse.Namespace,
    own: Sequence[Named] = (),
    present: DecodingSettings | None = None,
    *,
    on_top: bool = False,
) -> DecodingSettings | None:
    """What `--preset`, `--set`, `--order`, `--greedy`, `--draw` and `--needle` ask for together; None for nothing.

    `--set` begins with everything off, or goes on top of the preset; `on_top`: of `present`, where no preset is named.
    Where only the order or the draw is named, the stages are those of `present` in any case.

    Raises:
        StudioError: no such preset or setting, a number out of range, or words that contradict each other.
    """
    values: dict[str, Given] = dict(options.settings)
    drawn = options.draw is not None or options.needle is not None
    if options.needle is not None and (options.greedy or options.draw == "race"):
        raise SettingError("--needle is where the dart falls; leave out --greedy and --draw race.")
    if options.greedy and options.draw is not None:
        raise SettingError("--greedy takes the most likely token and draws none; leave out --draw.")
    if options.preset is not None:
        base = called(options.preset, own)
    elif (values or options.greedy) and not on_top:
        base = DecodingSettings()
    elif values or options.greedy or options.order is not None or drawn:
        base = present or DecodingSettings()
    else:
        return None
    Chain.of(base)  # a remembered preset may have been made by hand
    if values:
        base = _with_values(base, values, options.order)
    if options.order is not None:
        base = arranged(_without_always(base, options.order), options.order, always=True)
    if options.greedy:
        base = replace(base, method="greedy")
    elif drawn:
        held = base.needle if options.needle is None else options.needle
        base = replace(base, method=options.draw or "dart", needle=held)
    Chain.of(base)
    check_size(base)
    return base


def check_on_top(options: argparse.Namespace, own: Sequence[Named] = ()) -> None:
    """Look through what is asked for before it is known what it will go on top of.

    Raises:
        StudioError: as `asked_for`, but for a detail without what turns it on.
    """
    stages = tuple(
        StageSetting(name, tuple((p.name, p.default) for p in kind.parameters))
        for name, kind in STAGES.items()
        if kind.parameters
    )
    asked_for(options, own, DecodingSettings(stages), on_top=True)


def _with_values(base: DecodingSettings, values: dict[str, Given], order: str | None) -> DecodingSettings:
    """The chain with these values on top; of several stages of one name the last takes them, and a new stage stands
    where the chain's order has it."""
    on = [stage for stage in base.stages if stage.enabled]
    merged: dict[str, Given] = {}
    for stage in on:
        merged |= dict(stage.values)
        merged |= dict(stage.texts)
    asked = {stage.name: stage for stage in settings_from_names(merged | values).stages}
    stages: list[StageSetting] = []
    for stage in reversed(on):
        stages.insert(0, asked.pop(stage.name, stage))
    chain = replace(base, stages=tuple(stages))
    for new in asked.values():
        at = place_for(chain, new.name, order or order_of(base) or "transformers")
        chain = replace(chain, stages=(*chain.stages[:at], new, *chain.stages[at:]))
    return chain


def _without_always(decoding: DecodingSettings, order: str) -> DecodingSettings:
    """Without what a program applies on its own account: the new order has its own. A lone stage may be a person's,
    so that it goes only where the new order brings it back."""
    for name in orders_of(decoding):
        rest = without_always(decoding, name)
        gone = {stage.name for stage in decoding.stages if stage not in rest.stages}
        if name == order or gone <= {stage.name for stage in rest.stages}:
            decoding = rest
    return decoding
