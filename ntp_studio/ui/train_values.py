"""Numbers of the Train panel that need no window: sizes of new models, folders, spans of time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a new GPT-2."""

    layers: int
    width: int
    heads: int
    vocab_size: int
    context: int

    @property
    def parameters(self) -> int:
        """Of GPT-2 with its output tied to its embeddings (Radford et al. 2019)."""
        block = 12 * self.width**2 + 13 * self.width
        return (self.vocab_size + self.context) * self.width + self.layers * block + 2 * self.width


SIZES = {
    "tiny": Size(2, 64, 2, 1024, 64),
    "small": Size(4, 128, 4, 2048, 128),
    "bundled": Size(4, 256, 4, 4096, 256),
    "medium": Size(6, 384, 6, 8192, 256),
}
"""To choose from; `bundled` is the shape of the model that comes with the studio."""

RATES = {"new": 1e-3, "all": 5e-5, "last": 5e-5, "lora": 2e-4}
"""A usual learning rate for a model from scratch, and for what is trained of one that knows something already."""
DECAYS = {"new": 0.1, "all": 0.01, "last": 0.01, "lora": 0.01}


def snapshot_steps(choice: str) -> tuple[int, ...]:
    """The steps after which weights are kept, by what is chosen: none, few or many of them, spaced ever wider."""
    if choice == "few":
        return tuple(factor * 10**power for power in range(8) for factor in (20, 100))
    if choice == "many":
        return tuple(factor * 10**power for power in range(8) for factor in (5, 10, 20))
    return ()


def proposed_folder(texts: Sequence[str], results: Path) -> Path:
    """A folder in `results` that does not exist yet, named after the first text."""
    stem = Path(texts[0]).stem if texts else ""
    name = "".join(c if c.isalnum() or c in "-_ " else "-" for c in stem).strip(" -") or "model"
    number = 1
    while (results / f"{name}-{number}").exists():
        number += 1
    return results / f"{name}-{number}"


_TAIL = 16_384  # bytes of a log that its last lines are looked for in


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that was stopped, or broke off, after `step` updates."""

    folder: str
    step: int
    stopped: bool  # by a person; else it broke off, and goes on from the last state it kept


def unfinished_run(results: Path) -> Unfinished | None:
    """The latest run in this folder, if it can go on; None where it came to its end or there is none."""
    try:
        logs = [(log.stat().st_mtime, log) for log in results.glob("*/training/log.jsonl")]
    except OSError:
        return None
    if not logs:
        return None
    log = max(logs)[1]
    if not (log.with_name("state.pt").is_file() and log.with_name("recipe.json").is_file()):
        return None
    last = _last_step(log)
    if last is None or (last["event"] == "end" and last.get("reason") != "stopped"):
        return None
    return Unfinished(str(log.parent.parent), last["step"], last["event"] == "end")


def _last_step(log: Path) -> dict[str, Any] | None:
    """The last line of a log that speaks of updates; one torn by a kill is left out."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for raw in reversed(lines):
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and line.get("event") in ("step", "end") and isinstance(line.get("step"), int):
            return line
    return None


def total_bytes(paths: Iterable[str]) -> int:
    total = 0
    for path in paths:
        try:
            total += Path(path).stat().st_size
        except OSError:
            continue
    return total


def span(seconds: float) -> str:
    """A length of time in at most two units: `42 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`."""
    tr = QCoreApplication.translate
    if not math.isfinite(seconds) or seconds < 0:
        return "—"
    whole = math.ceil(seconds)
    if whole < 60:
        return tr("TrainPage", "{0} s").format(whole)
    if whole < 3600:
        return tr("TrainPage", "{0} min {1} s").format(whole // 60, whole % 60)
    if whole < 48 * 3600:
        return tr("TrainPage", "{0} h {1} min").format(whole // 3600, whole % 3600 // 60)
    return tr("TrainPage", "{0} d {1} h").format(whole // 86400, whole % 86400 // 3600)


def short_count(count: float) -> str:
    """`30,176`, `1.31 M`, `2.4 B`: three figures where there are many."""
    for unit, size in (("B", 1e9), ("M", 1e6)):
        if count >= size:
            figures = count / size
            return f"{figures:.0f} {unit}" if figures >= 100 else f"{figures:.3g} {unit}"
    return f"{count:,.0f}"


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers (1, 2, 5 times a power of ten apart) within [low, high]."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers (1, 2, 5 times a power of ten, or powers alone) within [low, high], low > 0."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        ticks = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / max(most, 1))]
