"""Which models can be opened here: bundled, recent, and those that other programs keep on this machine.

Only directories and the heads of files are read. torch is not imported, and a broken entry is listed with its problem.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from ntp_studio import assets
from ntp_studio.core.checkpoints import adapter, look
from ntp_studio.core.checkpoints.files import read_json
from ntp_studio.core.checkpoints.huggingface import weight_files
from ntp_studio.core.checkpoints.locate import hub_cache, locate, snapshot
from ntp_studio.core.types import ModelListing, StudioError

_LIMIT = 200  # entries looked into for each source: a list for a menu, not an inventory
_DEPTH = 4  # LM Studio: publisher/model/quantisation/file
# Heads of .gguf files that are no language model of their own.
_COMPANIONS = ("mmproj", "ggml-vocab")


def found(recent: Sequence[str] = ()) -> list[ModelListing]:
    """All models found, each once, by the first of: bundled, recent, the caches of other programs.

    Bundled and recent entries that cannot be opened stay in the list with their `problem`; in other programs' folders
    only what looks like a language model is listed.
    """
    listings: list[ModelListing] = []
    known: set[Path] = set()
    for source, path, keep in _candidates(recent):
        try:
            identity = path.resolve()
        except (OSError, RuntimeError):  # a link that leads nowhere, or to itself
            continue
        if identity in known:
            continue
        listing = _listing(path, source)
        if listing.problem and not keep:
            continue
        known.add(identity)
        listings.append(listing)
    return listings


def _candidates(recent: Sequence[str]) -> Iterator[tuple[str, Path, bool]]:
    """(source, path, whether to list it even when it cannot be opened)."""
    for path in _bundled():
        yield "bundled", path, True
    for name in recent:
        path = Path(name)
        if name and _exists(path):
            yield "recent", path, True
    for path in islice(_entries(hub_cache()), _LIMIT):
        if path.name.startswith("models--"):
            yield "Hugging Face cache", path, _names_a_decoder(path)
    home = Path.home()
    for source, folder in (
        ("LM Studio", home / ".lmstudio" / "models"),
        ("LM Studio", home / ".cache" / "lm-studio" / "models"),
        ("llama.cpp cache", _llama_cpp_cache()),
        ("GPT4All", _gpt4all()),
        ("models folder", home / "models"),
    ):
        for path in islice(_gguf_files(folder, _DEPTH), _LIMIT):
            yield source, path, True
    for path in islice(_gguf_files(Path.cwd(), 1), _LIMIT):
        yield "current folder", path, True


def _bundled() -> list[Path]:
    entries = _entries(assets.folder("models"))
    return [entry for entry in entries if entry.suffix == ".gguf" or (entry.is_dir() and any(_entries(entry)))]


def _llama_cpp_cache() -> Path:
    if named := os.environ.get("LLAMA_CACHE"):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "llama.cpp"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "llama.cpp"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llama.cpp"


def _gpt4all() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nomic.ai" / "GPT4All"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "nomic.ai" / "GPT4All"
    return Path.home() / ".local" / "share" / "nomic.ai" / "GPT4All"


def _names_a_decoder(repository: Path) -> bool:
    """Whether a cache entry calls itself a language model, so that its problem is worth showing. Most of what the
    cache holds is something else: encoders, picture models, tokenizers alone."""
    try:
        folder = snapshot(repository)
        if (folder / adapter.CONFIG).is_file() and not (folder / "config.json").is_file():
            return read_json(folder / adapter.CONFIG).get("task_type") == "CAUSAL_LM"
        config = read_json(folder / "config.json")
        weight_files(folder)
    except (StudioError, OSError):
        return False
    names = config.get("architectures")
    return isinstance(names, list) and any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in names)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing where it cannot be read."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def _gguf_files(folder: Path, depth: int) -> Iterator[Path]:
    """The .gguf files down to `depth` levels; of a model in several parts none, as they cannot be opened."""
    below: list[Path] = []
    for entry in _entries(folder):
        if entry.suffix.lower() == ".gguf" and not entry.name.startswith(_COMPANIONS) and "-of-0" not in entry.name:
            yield entry
        elif depth > 1 and _is_folder(entry):
            below.append(entry)
    for each in below:
        yield from _gguf_files(each, depth - 1)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir() and not path.is_symlink()
    except OSError:
        return False


def _listing(path: Path, source: str) -> ModelListing:
    try:
        info = look(path)
    except (StudioError, OSError) as error:
        return ModelListing(_name(path), str(path), source, _format(path), _size(path), problem=str(error))
    return ModelListing(info.name, info.path, source, info.format, info.weight_bytes)


def _name(path: Path) -> str:
    return path.stem if path.suffix == ".gguf" else path.name.removeprefix("models--").replace("--", "/")


def _format(path: Path) -> str:
    try:
        return locate(path).format
    except (StudioError, OSError):
        return "unknown"


def _size(path: Path) -> int:
    try:
        files: Iterable[Path] = [path] if path.is_file() else path.iterdir()
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0
