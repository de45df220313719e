"""A time-lapse: the snapshots of one training, in order, and the models of those that are kept in memory.

`find` looks at a checkpoint's surroundings on disk and reads no weights. `SnapshotCache` keeps loaded models, so that
going to a neighbour and back costs no load, within a bound in bytes: `default_bound`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from ntp_studio.core import devices
from ntp_studio.core.checkpoints import run_log, series
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.types import ModelInfo

MOST_KEPT = 2_000_000_000  # bytes, however much memory there is
_CACHED_TOKENS = 4096  # of KV cache counted for each model, if its context is longer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of a training. `step` is None for a result of which nothing tells the step ("final").

    `held_out_loss` is in nats per token; None where it was not measured at this step.
    """

    path: str
    step: int | None
    held_out_loss: float | None = None
    bits_per_byte: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """The snapshots of one training by step; `name` is the run's."""

    name: str
    snapshots: tuple[Snapshot, ...]

    def index_of(self, path: str) -> int | None:
        """Which snapshot the checkpoint at `path` is."""
        wanted = Path(path)
        return next((i for i, s in enumerate(self.snapshots) if Path(s.path) == wanted), None)


def find(path: str) -> Series | None:
    """The training that the checkpoint at `path` (`ModelInfo.path`) is a snapshot of; None if it stands alone."""
    place = Path(path)
    try:
        kept = series.kept_around(place)
        home = next((each.path for each in kept if each.step is None), None) or _home(place)
        figures = run_log.held_out(home)
    except OSError:
        return None
    if len(kept) < 2 or all(each.path != place for each in kept):
        return None
    snapshots = []
    for each in kept:
        measured = figures.get(each.step) if each.step is not None else None
        snapshots.append(
            Snapshot(
                str(each.path),
                each.step,
                measured.loss if measured else None,
                measured.bits_per_byte if measured else None,
            )
        )
    return Series(_name(home), tuple(snapshots))


def _home(place: Path) -> Path:
    """The folder of the run that a snapshot belongs to."""
    if place.is_file() or series.step_in_name(place.name) is not None:
        return place.parent
    return place.parent.parent if place.parent.name == "snapshots" else place


def _name(home: Path) -> str:
    """What a run is called: as its folder, or `org/name` in the Hugging Face cache."""
    if home.parent.name == "snapshots":  # named after a commit
        home = home.parent.parent
    return home.name.removeprefix("models--").replace("--", "/") if home.name.startswith("models--") else home.name


def default_bound(device: str) -> int:
    """How many bytes of models may be kept: a quarter of the memory that is free, at most two gigabytes."""
    return min(MOST_KEPT, devices.free_memory(device) // 4)


def size_of(info: ModelInfo) -> int:
    """Bytes that a kept model takes: its weights and the KV cache of a text as long as its context."""
    return info.memory_bytes + info.cache_bytes_per_token * min(info.context_length or _CACHED_TOKENS, _CACHED_TOKENS)


class SnapshotCache:
    """Loaded models by path, the most recently used last. Together with the one in use, whose bytes are `in_use`, they
    stay below `bound` bytes."""

    def __init__(self, bound: int, in_use: int = 0) -> None:
        self.bound = bound
        self.in_use = in_use
        self._models: OrderedDict[str, LanguageModel] = OrderedDict()

    def __contains__(self, path: str) -> bool:
        return path in self._models

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self._models)

    @property
    def size(self) -> int:
        """Bytes of all, that in use included."""
        return self.in_use + sum(size_of(model.info) for model in self._models.values())

    def fits(self, size: int) -> bool:
        """Whether there is room for so many bytes without putting anything out."""
        return self.size + size <= self.bound

    def peek(self, path: str) -> LanguageModel | None:
        """A model, without counting that as a use."""
        return self._models.get(path)

    def take(self, path: str) -> LanguageModel | None:
        """Take a model out; it is the caller's then."""
        return self._models.pop(path, None)

    def put(self, path: str, model: LanguageModel) -> None:
        """Keep a model, if it fits; the least recently used ones make room for it. It is the cache's then."""
        if self.make_room(size_of(model.info)):
            self._models[path] = model
        else:
            model.release()

    def make_room(self, size: int, keep: Container[str] = ()) -> bool:
        """Put out the least recently used, but none in `keep`, until `size` more bytes fit. Whether they do."""
        for path in [path for path in self._models if path not in keep]:
            if self.fits(size):
                break
            self._models.pop(path).release()
        return self.fits(size)

    def drop(self) -> None:
        """Put out all, without looking through the whole memory for what else could be given back: that takes time, and
        whoever closes a model does it anyway."""
        for model in self._models.values():
            model.forget()
            model.network = None
        self._models.clear()
