"""What a training run wrote down beside its snapshots: how far its result got, and the held-out figures on the way.

This program's trainer keeps training/log.jsonl, transformers' Trainer a trainer_state.json.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntp_studio.core.checkpoints.files import read_json
from ntp_studio.core.types import CheckpointError

_LONGEST = 200_000_000  # bytes of a log


@dataclass(frozen=True, slots=True)
class Figures:
    """Held-out loss in nats per token, and bits per byte where they were measured."""

    loss: float
    bits_per_byte: float | None = None


def result_step(run: Path) -> int | None:
    """After how many steps the result in this folder was reached; None where nothing tells it for sure."""
    noted = _noted(run)
    if noted is not None:
        return noted
    lines = _log(run)
    if lines:
        last = lines[-1]
        if last.get("event") != "end":
            return None  # it was gone on with, and the weights are of some step before
        if last.get("event") == "end" and last.get("reason") == "early stop":
            # The best weights were put back: those of the lowest held-out loss, the first of equals.
            # Not the measurement before the first update: those weights were none of the run's to put back.
            looks = [line for line in lines[:-1] if line.get("event") == "step" and _finite(line.get("held_out_loss"))]
            return _step(min(looks, key=_loss)) if looks else None
        return _step(last)
    state = _trainer_state(run)
    step = _whole(state.get("global_step"))
    best = state.get("best_model_checkpoint")
    if isinstance(best, str) and not best.rstrip("/\\").endswith(f"-{step}"):
        return None  # the best weights may have been loaded at the end, or not: the file does not say
    return step


def held_out(run: Path) -> dict[int, Figures]:
    """The held-out figures of a run by step, as far as they were measured."""
    found: dict[int, Figures] = {}
    lines = _log(run)
    for line in lines:
        step = _step(line)
        if step is None or not _finite(line.get("held_out_loss")):
            continue
        if line.get("event") == "end" and (step in found or line.get("reason") == "early stop"):
            continue  # measured over more text than the figures on the way: not to be compared with them
        bits = line.get("bits_per_byte")
        found[step] = Figures(_loss(line), float(bits) if bits is not None and _finite(bits) else None)
    if lines:
        return found
    for folder in (run, *sorted(run.glob("checkpoint-*"))):
        history = _trainer_state(folder).get("log_history")
        for line in history if isinstance(history, list) else ():
            step = _whole(line.get("step")) if isinstance(line, dict) else None
            if step is not None and _finite(line.get("eval_loss")):
                found[step] = Figures(float(line["eval_loss"]))
    return found


def _noted(run: Path) -> int | None:
    """What this program's trainer wrote with the weights."""
    file = run / "training" / "result.json"
    try:
        return _step(read_json(file)) if file.is_file() else None
    except (CheckpointError, OSError):
        return None


def _log(run: Path) -> list[dict[str, Any]]:
    """The lines that speak of a step; a last line torn by a kill is left out."""
    file = run / "training" / "log.jsonl"
    try:
        if not file.is_file() or file.stat().st_size > _LONGEST:
            return []
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    lines = []
    for raw in text.splitlines():
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and _step(line) is not None:
            lines.append(line)
    return lines


def _trainer_state(folder: Path) -> dict[str, Any]:
    file = folder / "trainer_state.json"
    try:
        return read_json(file) if file.is_file() else {}
    except (CheckpointError, OSError):
        return {}


def _loss(line: dict[str, Any]) -> float:
    return float(line["held_out_loss"])


def _step(line: dict[str, Any]) -> int | None:
    return _whole(line.get("step"))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
