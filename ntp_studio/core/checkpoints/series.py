"""Snapshots of one training on disk: which folders and files belong together, and after how many steps each was kept.

    OUT/, OUT/checkpoint-20/, OUT/checkpoint-100/    this program's trainer, and that of transformers
    FOLDER/step1000/, FOLDER/step2000/               any folder of Hugging Face checkpoints
    models--org--name/refs/step1000                  the Hugging Face cache, where each snapshot is a branch (Pythia)
    FOLDER/ckpt_1000.pt, FOLDER/ckpt_2000.pt         nanoGPT, also with the step only inside (iter_num)

Only directories, small JSON files and the heads of .pt files are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ntp_studio.core.checkpoints.files import read_json
from ntp_studio.core.checkpoints.pickles import table_of_contents
from ntp_studio.core.checkpoints.run_log import result_step
from ntp_studio.core.types import CheckpointError

_STEP = re.compile(r"(?:.*[-_. ])?(?:checkpoint|ckpt|global_?step|step|iter|iteration|update)[-_. ]?(\d{1,12})", re.I)
_NUMBER = re.compile(r"(.*?)(\d{1,12})(\D*)")
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.safetensors.index.json")
_MOST = 1000  # entries of a folder looked into


@dataclass(frozen=True, slots=True)
class Kept:
    """One snapshot. `step` is None where nothing tells it: the result that a run left behind."""

    path: Path
    step: int | None


def step_in_name(name: str) -> int | None:
    """The step that a folder or file is named after (checkpoint-500, step1000, ckpt_2000), None if it is not."""
    found = _STEP.fullmatch(name)
    return int(found[1]) if found else None


def kept_around(path: Path) -> list[Kept]:
    """The snapshots that the checkpoint at `path` (a folder, or nanoGPT's file) is one of, by step, the one without a
    step last. Empty when it stands alone."""
    if path.is_file():
        return _ordered(_files(path.parent), path)
    if path.parent.name == "snapshots" and (path.parent.parent / "refs").is_dir():
        return _ordered(_branches(path.parent.parent), path)
    run = path.parent if step_in_name(path.name) is not None else path
    found = _folders(run)
    if found:
        return _ordered([*found, *_root(run)], path)
    numbered = [] if _is_model(path.parent) else _numbered(path.parent)
    return _ordered(numbered, path) if len(numbered) > 2 else []  # two may be versions: gpt-1 and gpt-2


def last_in(folder: Path) -> Path | None:
    """The last snapshot in a folder that is no model itself; None where it holds none."""
    kept = _ordered(_folders(folder) or _numbered(folder) or _files(folder))
    return kept[-1].path if kept else None


def _ordered(found: Iterable[Kept], opened: Path | None = None) -> list[Kept]:
    """By step. What a run kept twice (its last checkpoint and its result) is one snapshot: that opened, else the
    result."""
    by_step: dict[int | None, Kept] = {}
    for each in found:
        known = by_step.get(each.step)
        if known is None or known.path != opened:
            by_step[each.step] = each  # the result comes after its checkpoints
    return sorted(by_step.values(), key=lambda each: (each.step is None, each.step or 0))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())[:_MOST]
    except OSError:
        return []


def _is_model(folder: Path) -> bool:
    """Whether a folder looks like one that can be opened. Optimiser states alone do not."""
    try:
        if (folder / "ckpt.pt").is_file():
            return True
        described = (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file()
        return described and any(any(folder.glob(pattern)) for pattern in _WEIGHTS)
    except OSError:
        return False


def _folders(run: Path) -> list[Kept]:
    found = []
    for entry in _entries(run):
        step = step_in_name(entry.name)
        if step is not None and entry.is_dir() and _is_model(entry):
            found.append(Kept(entry, step))
    return found


def _numbered(folder: Path) -> list[Kept]:
    """Folders of any name that differ by one number alone and hold networks of the same form."""
    found: dict[tuple[str, str], list[Kept]] = {}
    for entry in _entries(folder):
        name = _NUMBER.fullmatch(entry.name)
        if name and entry.is_dir() and (entry / "config.json").is_file() and _is_model(entry):
            found.setdefault((name[1], name[3]), []).append(Kept(entry, int(name[2])))
    if len(found) != 1:
        return []
    (kept,) = found.values()
    return kept if len(kept) > 1 and len({_form(each.path) for each in kept}) == 1 else []


def _form(folder: Path) -> str:
    """What must be equal between snapshots of one training."""
    try:
        config = read_json(folder / "config.json")
    except CheckpointError:
        return ""
    sizes = ("model_type", "vocab_size", "hidden_size", "n_embd", "num_hidden_layers", "n_layer")
    return repr([config.get(name) for name in sizes])


def _root(run: Path) -> list[Kept]:
    """The result of a run, in the folder that its checkpoints are in."""
    return [Kept(run, result_step(run))] if _is_model(run) else []


def _branches(repository: Path) -> list[Kept]:
    found = []
    for entry in _entries(repository / "refs"):
        step = step_in_name(entry.name)
        if step is None or not entry.is_file():
            continue
        try:
            folder = repository / "snapshots" / entry.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if _is_model(folder):
            found.append(Kept(folder, step))
    return found


def _files(folder: Path) -> list[Kept]:
    """nanoGPT's files: the step is in the name, else inside."""
    if (folder / "config.json").is_file():
        return []
    found = []
    for entry in _entries(folder):
        if entry.suffix.lower() not in (".pt", ".pth") or not entry.is_file():
            continue
        step = step_in_name(entry.stem)
        try:
            content = table_of_contents(entry)
        except (CheckpointError, OSError):
            continue
        if not isinstance(content, dict) or "model_args" not in content:
            continue
        inside = content.get("iter_num")
        if step is None and isinstance(inside, int) and not isinstance(inside, bool) and inside >= 0:
            step = inside
        found.append(Kept(entry, step))
    return found
