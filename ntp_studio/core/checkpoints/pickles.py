"""Pickled files, opened without ever running code that they bring."""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntp_studio.core.checkpoints.files import check_weight_file
from ntp_studio.core.types import CheckpointError

_STORAGES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
}
_LONGEST = 50_000_000  # bytes of a table of contents; that of a 400-layer model has under one million
# What the library says when a pickle asks for something that it does not allow; other failures are damage.
_REFUSALS = ("unsupported global", "unsupported class", "was not an allowed", "is not allowed", "blocklisted")


@dataclass(frozen=True, slots=True)
class TensorShape:
    dtype: str | None  # None for what is not a floating-point tensor
    shape: tuple[int, ...]


def unsafe(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path.name} holds more than plain data: opening it could run a program hidden in it, so it was not opened; "
        "use a file from a source you trust, best as .safetensors."
    )


def damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is damaged or not completely downloaded; get the file again.")


class _Restricted(pickle.Unpickler):
    """Builds only plain containers and what `allowed` maps a global name to."""

    def __init__(self, raw: bytes, allowed: Callable[[str, str], Any]) -> None:
        super().__init__(io.BytesIO(raw))
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        found = self._allowed(module, name)
        if found is None:
            raise _Refused(f"{module}.{name}")
        return found

    def persistent_load(self, key: Any) -> Any:
        # torch's ("storage", kind, number, location, length): the kind is what is wanted of it.
        return key[1] if isinstance(key, tuple) and len(key) > 1 else None


class _Refused(Exception):
    pass


def _shape(storage: object, offset: object, size: Any, *_: object) -> TensorShape:
    return TensorShape(_STORAGES.get(str(storage)), tuple(int(n) for n in size))


def _first(value: object, *_: object) -> object:
    return value


def _torch_names(module: str, name: str) -> Any:
    if (module, name) == ("collections", "OrderedDict"):
        return collections.OrderedDict
    if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")):
        return _shape
    if (module, name) == ("torch._utils", "_rebuild_parameter"):
        return _first
    if module in ("torch", "torch.storage") and name.endswith("Storage"):
        return name
    return None


def table_of_contents(path: Path) -> Any:
    """What torch.save wrote, with a TensorShape in the place of each tensor: cheap, and without torch.

    None for files in the form before torch 1.6, which cannot be looked into without reading them. Raises
    CheckpointError for a damaged file and for one that holds more than tensors and plain containers.
    """
    check_weight_file(path)
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(2) == b"PK":  # a zip archive whose end is missing
                raise damaged(path)
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next((info for info in archive.infolist() if info.filename.endswith("/data.pkl")), None)
            if entry is None or entry.file_size > _LONGEST:
                raise damaged(path)
            raw = archive.read(entry)
        return _Restricted(raw, _torch_names).load()
    except _Refused as error:
        raise unsafe(path) from error
    except CheckpointError:
        raise
    except Exception as error:  # a broken pickle fails in any way at all
        raise damaged(path) from error


def load_tensors(path: Path, *, mapped: bool = False) -> Any:
    """What torch.save wrote, tensors and plain containers only. Raises CheckpointError as `table_of_contents` does.

    `mapped` leaves the tensors in the file until they are used, where its form allows that.
    """
    import torch

    table_of_contents(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and zipfile.is_zipfile(path))
    except Exception as error:  # a broken file fails in any way at all
        refused = any(sign in str(error).lower() for sign in _REFUSALS)
        raise (unsafe(path) if refused else damaged(path)) from error


def plain_data(path: Path) -> Any:
    """A pickle of numbers, strings and containers, such as nanoGPT's meta.pkl. Raises CheckpointError otherwise."""
    check_weight_file(path)
    if path.stat().st_size > _LONGEST:
        raise damaged(path)
    try:
        return _Restricted(path.read_bytes(), lambda module, name: None).load()
    except _Refused as error:
        raise unsafe(path) from error
    except Exception as error:  # a broken pickle fails in any way at all
        raise damaged(path) from error
