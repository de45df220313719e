"""Small, safe looks into files: JSON, safetensors headers, Git LFS pointers. Nothing here reads weights."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from ntp_studio.core.checkpoints.tensor_on_disk import TensorOnDisk
from ntp_studio.core.types import CheckpointError

DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_LONGEST_HEADER = 100_000_000  # the limit of the safetensors library itself
_LFS_START = b"version https://git-lfs"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises CheckpointError when there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); check the file's permissions.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON; get it again from where the model came from.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object; get the file again from where the model came from.")
    return content


def check_weight_file(path: Path) -> int:
    """The size in bytes of a file that should hold weights. Raises CheckpointError when it cannot."""
    if not path.is_file():
        raise CheckpointError(f"The weight file {path} is missing; put it there, or download the model again.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(_LFS_START))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); check the file's permissions.") from error
    if size == 0:
        raise CheckpointError(f"{path} is empty; download the model again.")
    if start == _LFS_START:
        raise CheckpointError(
            f'{path.name} is a Git LFS pointer, not the weights; run "git lfs pull" in {path.parent} to fetch them.'
        )
    return size


def safetensors_header(path: Path) -> dict[str, TensorOnDisk]:
    """The tensors by name, from the head of the file.

    Raises CheckpointError when the file is not whole: the header says how long it must be.
    """
    size = check_weight_file(path)
    broken = CheckpointError(f"{path} is damaged or not completely downloaded; download the model again.")
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise broken
        (length,) = struct.unpack("<Q", start)
        if length > min(_LONGEST_HEADER, size - 8):
            raise broken
        raw = file.read(length)
    try:
        content = json.loads(raw)
        tensors: dict[str, TensorOnDisk] = {}
        end = 0
        for name, entry in content.items():
            if name != "__metadata__":
                shape = tuple(int(n) for n in entry["shape"])
                begin, behind = (int(n) for n in entry["data_offsets"])
                tensor = TensorOnDisk(path, str(entry["dtype"]), shape, 8 + length + begin)
                if min(begin, *shape, 0) < 0 or tensor.size_in_bytes not in (None, behind - begin):
                    raise broken
                tensors[name] = tensor
                end = max(end, behind)
    except (ValueError, RecursionError, AttributeError, KeyError, IndexError, TypeError) as error:
        raise broken from error
    if 8 + length + end != size:
        raise broken
    if not tensors:
        raise CheckpointError(f"{path} holds no weights; download the model again.")
    return tensors
