"""What a cheap look learns about a checkpoint, shared by the formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ntp_studio.core.types import Cancelled, ModelInfo

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A checkpoint found on disk. `folder` is where its files are, `file` the one file of a format that has one."""

    format: str  # "hugging face", "gguf", "nanogpt", "adapter"
    folder: Path
    file: Path | None
    name: str  # as a person calls it


@dataclass(frozen=True, slots=True)
class Description:
    """`info` for the person; the rest for the load.

    `cache_values` is the number of keys and values that one token adds to the KV cache, over all layers;
    `largest_tensor` the number of weights in the largest one, where it is held twice while it is read.
    """

    place: Place
    info: ModelInfo
    native_dtype: str | None
    cache_values: int
    config: dict[str, Any]  # the format's own settings, as read
    weight_files: tuple[Path, ...] = ()
    largest_tensor: int = 0
    file_of: dict[str, str] = field(default_factory=dict)  # tensor name -> file name, where files were looked into
    base: Description | None = None  # of an adapter: the model that it is merged into


@dataclass(frozen=True, slots=True)
class Watch:
    """The person's side of a load: is told how far it is, and can stop it."""

    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None

    def tell(self, message: str, fraction: float | None = None) -> None:
        """Report, and raise Cancelled when the person has had enough."""
        if self.cancelled is not None and self.cancelled():
            raise Cancelled("Loading was cancelled; nothing was opened.")
        if self.progress is not None:
            self.progress(message, fraction)
