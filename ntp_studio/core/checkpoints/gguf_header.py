"""The head of a GGUF file: its metadata and its table of tensors, in milliseconds and without torch.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The gguf package's reader makes an array of every
token of the vocabulary (seconds for a common one), so the long arrays are stepped over here and left as their length.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntp_studio.core.checkpoints.files import check_weight_file
from ntp_studio.core.types import CheckpointError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_KEPT = 1024  # longer arrays belong to the vocabulary


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One row of the table; `shape` is fastest-moving first, as stored, `offset` counts from the file's start."""

    name: str
    shape: tuple[int, ...]
    kind: int  # gguf.GGMLQuantizationType
    offset: int

    @property
    def elements(self) -> int:
        total = 1
        for n in self.shape:
            total *= n
        return total


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`types` gives each key's value type (the element type too, for an array); `lengths` those of all arrays."""

    metadata: dict[str, Any]
    types: dict[str, tuple[int, ...]]
    lengths: dict[str, int]
    tensors: tuple[GgufTensor, ...]

    @property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    def number(self, key: str, default: int = 0) -> int:
        """`{architecture}.{key}` as a number; of a per-layer array, the largest."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        if isinstance(value, list):
            value = max(value, default=default)
        return int(value) if isinstance(value, int | float) else default


def read_header(path: Path) -> GgufHeader:
    """Read the head of a GGUF file. Raises CheckpointError when it is not one, or not whole."""
    size = check_weight_file(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as blob:
        if blob[:4] != b"GGUF":
            raise CheckpointError(f"{path} is not a GGUF file; choose another, or download it again.")
        try:
            header, position = _parse(blob)
        except (struct.error, UnicodeDecodeError, OverflowError, ValueError, KeyError, IndexError) as error:
            raise CheckpointError(f"The GGUF file {path} is damaged or cut short; download it again.") from error
    if not header.tensors:
        raise CheckpointError(f"{path} holds no weights (only a vocabulary, perhaps); choose another file.")
    if position + max(tensor.offset for tensor in header.tensors) >= size:
        raise CheckpointError(f"The GGUF file {path} is cut short; download it again.")
    alignment = header.metadata.get("general.alignment", 32)
    start = (position + alignment - 1) // alignment * alignment
    placed = tuple(GgufTensor(t.name, t.shape, t.kind, start + t.offset) for t in header.tensors)
    return GgufHeader(header.metadata, header.types, header.lengths, placed)


def _parse(blob: mmap.mmap) -> tuple[GgufHeader, int]:
    """The header with tensor offsets as stored (from the start of the data), and where the header ends."""
    version, tensor_count, key_count = struct.unpack_from("<IQQ", blob, 4)
    if version not in (2, 3):
        raise ValueError(f"GGUF version {version}")
    at = 24
    metadata: dict[str, Any] = {}
    types: dict[str, tuple[int, ...]] = {}
    lengths: dict[str, int] = {}
    for _ in range(key_count):
        key, at = _string(blob, at)
        (kind,) = struct.unpack_from("<I", blob, at)
        at += 4
        if kind == _ARRAY:
            (element, count) = struct.unpack_from("<IQ", blob, at)
            metadata[key], at = _array(blob, at + 12, element, count)
            types[key], lengths[key] = (kind, element), count
        else:
            metadata[key], at = _value(blob, at, kind)
            types[key] = (kind,)
    metadata["general.architecture"]  # every file must name it: KeyError otherwise
    tensors = []
    for _ in range(tensor_count):
        name, at = _string(blob, at)
        (dimensions,) = struct.unpack_from("<I", blob, at)
        shape = struct.unpack_from(f"<{dimensions}Q", blob, at + 4)
        at += 4 + 8 * dimensions
        kind, offset = struct.unpack_from("<IQ", blob, at)
        at += 12
        tensors.append(GgufTensor(name, shape, kind, offset))
    return GgufHeader(metadata, types, lengths, tuple(tensors)), at


def _string(blob: mmap.mmap, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", blob, at)
    end = at + 8 + length
    if end > len(blob):
        raise ValueError("a string beyond the end")
    return blob[at + 8 : end].decode("utf-8"), end


def _value(blob: mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    if kind == _STRING:
        return _string(blob, at)
    form = "<" + _SCALARS[kind]
    return struct.unpack_from(form, blob, at)[0], at + struct.calcsize(form)


def _array(blob: mmap.mmap, at: int, element: int, count: int) -> tuple[list[Any] | None, int]:
    """The values of a short array, None for one of the vocabulary's, and where it ends."""
    if element == _ARRAY:
        raise ValueError("an array of arrays")
    if count <= _KEPT:
        values = []
        for _ in range(count):
            value, at = _value(blob, at, element)
            values.append(value)
        return values, at
    if element != _STRING:
        return None, at + count * struct.calcsize("<" + _SCALARS[element])
    unpack = struct.Struct("<Q").unpack_from
    for _ in range(count):  # strings have no common length: there is nothing to do but walk over them
        at += 8 + unpack(blob, at)[0]
    return None, at
