"""A tensor of a safetensors file that is read when it is asked for, into memory of its own.

The safetensors library reads a tensor in one go without letting other threads run: an embedding of a gigabyte from a
slow disk would hold the window for seconds. Python's own `readinto` lets them run. A mapped file is no way out either:
the model would change or crash when the file is rewritten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntp_studio.core.types import CheckpointError

# Names of the format (safetensors' README) to torch's, and bytes of an element.
TORCH_NAMES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
}


@dataclass(frozen=True, slots=True)
class TensorOnDisk:
    """Stands where transformers expects a slice of the safetensors library. `begin` is the place in the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int

    def get_shape(self) -> list[int]:
        return list(self.shape)

    def get_dtype(self) -> str:
        return self.dtype

    @property
    def size_in_bytes(self) -> int | None:
        """None for a dtype that is not known here."""
        known = TORCH_NAMES.get(self.dtype)
        return known and math.prod(self.shape) * known[1]

    def __getitem__(self, index: Any) -> Any:
        return self._read() if index is Ellipsis else self._read()[index]

    def _read(self) -> Any:
        import torch

        if self.dtype not in TORCH_NAMES:
            raise CheckpointError(f"{self.file} holds numbers of a kind that is not known here ({self.dtype}).")
        whole = torch.empty(self.shape, dtype=getattr(torch, TORCH_NAMES[self.dtype][0]))
        rest = memoryview(whole.reshape(-1).view(torch.uint8).numpy())
        with self.file.open("rb", buffering=0) as file:
            file.seek(self.begin)
            while rest:
                count = file.readinto(rest)
                if not count:
                    raise EOFError(f"{self.file} became shorter while it was read")
                rest = rest[count:]
        return whole
