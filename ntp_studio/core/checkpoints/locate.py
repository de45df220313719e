"""From what a person points at to the checkpoint meant: a folder, a file in it, a cache entry, a single file."""

from __future__ import annotations

import os
from pathlib import Path

from ntp_studio.core.checkpoints import series
from ntp_studio.core.checkpoints.description import Place
from ntp_studio.core.types import CheckpointError

WEIGHT_ENDINGS = (".safetensors", ".bin", ".pt", ".pth")
_OPENABLE = "a Hugging Face model folder, a .gguf file or a nanoGPT ckpt.pt"


def locate(path: str | Path) -> Place:
    """Find the checkpoint at `path`. Raises CheckpointError when there is none."""
    if not str(path).strip():
        raise CheckpointError(f"No model was named; choose {_OPENABLE}.")
    try:
        place = Path(path).expanduser().absolute()
        exists = place.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is no path that this system can open; choose {_OPENABLE}.") from error
    if not exists:
        raise CheckpointError(f"There is nothing at {place}; check the path.")
    return _file(place) if place.is_file() else _folder(place)


def _file(path: Path) -> Place:
    folder, ending = path.parent, path.suffix.lower()
    if ending == ".gguf":
        return Place("gguf", folder, path, path.stem)
    if ending in (".safetensors", ".bin", ".json") and path.name.startswith("adapter_") and _is_adapter(folder):
        return Place("adapter", folder, None, _name(folder))
    has_config = (folder / "config.json").is_file()
    if ending in (".pt", ".pth") and not has_config:
        name = f"{folder.name}/{path.stem}" if series.step_in_name(path.stem) is not None else path.stem
        return Place("nanogpt", folder, path, folder.name if path.stem == "ckpt" else name)
    if ending in (*WEIGHT_ENDINGS, ".json") and has_config:
        return Place("hugging face", folder, None, _name(folder))
    if ending in WEIGHT_ENDINGS:
        raise CheckpointError(
            f"{path.name} has no config.json beside it, which tells the architecture; put the model's config.json and "
            f"tokenizer files into {folder}."
        )
    raise CheckpointError(f"{path.name} is not a model file; choose {_OPENABLE}.")


def _folder(folder: Path) -> Place:
    if (folder / "snapshots").is_dir() and not (folder / "config.json").exists():
        folder = snapshot(folder)
    if _is_adapter(folder):
        return Place("adapter", folder, None, _name(folder))
    if (folder / "config.json").is_file():
        return Place("hugging face", folder, None, _name(folder))
    if (folder / "ckpt.pt").is_file():
        return Place("nanogpt", folder, folder / "ckpt.pt", folder.name)
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read ({error.strerror}); check its permissions.") from error
    if not inside:
        raise CheckpointError(f"The folder {folder} is empty; choose {_OPENABLE}.")
    last = series.last_in(folder)
    if last is not None:
        return _file(last) if last.is_file() else _folder(last)
    models = [entry for entry in inside if entry.suffix.lower() == ".gguf" and not entry.name.startswith("mmproj")]
    if len(models) == 1:
        return _file(models[0])
    if models:
        raise CheckpointError(
            f"{folder} holds {len(models)} .gguf files; choose one of them, such as {models[0].name}."
        )
    if any(entry.suffix in WEIGHT_ENDINGS for entry in inside):
        raise CheckpointError(f"{folder} has weights but no config.json; put the model's config.json into it.")
    raise CheckpointError(f"{folder} holds no model; choose {_OPENABLE}.")


def _is_adapter(folder: Path) -> bool:
    """Whether the folder holds an adapter of peft; where a whole model lies beside it, that one is meant."""
    whole = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
    return (folder / "adapter_config.json").is_file() and not any((folder / name).is_file() for name in whole)


def snapshot(repository: Path) -> Path:
    """The folder of files in a Hugging Face cache entry `models--org--name`: that of refs/main, else the newest."""
    try:
        commit = (repository / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        commit = ""
    snapshots = repository / "snapshots"
    if commit and (snapshots / commit).is_dir():
        return snapshots / commit
    found = [entry for entry in snapshots.iterdir() if entry.is_dir()]
    if not found:
        raise CheckpointError(f"{repository} holds no finished download; download the model again.")
    return max(found, key=lambda entry: entry.stat().st_mtime)


def _name(folder: Path) -> str:
    """The folder's name; for a snapshot in the Hugging Face cache, the repository's `org/name`, and for a snapshot of a
    training (checkpoint-500) the run's name before its own."""
    if folder.parent.name == "snapshots":
        repository = folder.parent.parent.name
        if repository.startswith("models--"):
            return repository.removeprefix("models--").replace("--", "/")
    if series.step_in_name(folder.name) is not None:
        return f"{folder.parent.name}/{folder.name}"
    return folder.name


def hub_cache() -> Path:
    """Where Hugging Face's libraries keep what they downloaded, as their environment variables say."""
    if direct := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(direct).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"
