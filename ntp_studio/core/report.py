"""Frames and models as the JSON objects of `ntp-studio inspect --json`, and as lines of a table."""

from __future__ import annotations

import math
from typing import Any

from ntp_studio.core.types import Candidate, DrawReport, ModelInfo, StepFrame, StopReason


def number(value: float) -> float | None:
    """JSON has no infinity: null stands for the log-probability of an impossible token."""
    return value if math.isfinite(value) else None


def model_event(info: ModelInfo) -> dict[str, Any]:
    return {
        "event": "model",
        "name": info.name,
        "path": info.path,
        "format": info.format,
        "architecture": info.architecture,
        "parameters": info.parameters,
        "vocab_size": info.vocab_size,
        "context_length": info.context_length,
        "device": info.device,
        "dtype": info.dtype,
        "device_reason": info.device_reason,
        "notes": list(info.notes),
        "load_ms": round(info.load_ms, 3),
    }


def token_fields(candidate: Candidate) -> dict[str, Any]:
    return {
        "id": candidate.token.id,
        "text": candidate.token.text,
        "bytes": candidate.token.bytes.hex(),
        "rank": candidate.rank,
        "logprob": number(candidate.logprob),
        "probability": candidate.probability,
        "processed_probability": candidate.processed_probability,
    }


def draw_fields(draw: DrawReport) -> dict[str, Any]:
    """`u` is where the dart fell, `time` the winner's waiting time in the race."""
    found: dict[str, Any] = {"method": draw.method, "seed": draw.seed, "position": draw.position}
    if draw.method == "dart":
        found["u"] = draw.u
    elif draw.method == "race":
        found["time"] = draw.time
    return found


def step_event(frame: StepFrame, top: int) -> dict[str, Any]:
    """`candidates` are exactly the model's `top` most likely; the drawn token stands in `token`, listed or not."""
    listed = [c for c in frame.candidates if c.rank <= top]
    return {
        "event": "step",
        "step": frame.step,
        "context_length": frame.context_length,
        "entropy_bits": frame.entropy_bits,
        "processed_entropy_bits": frame.processed_entropy_bits,
        "kept": frame.kept,
        "tail_probability": max(0.0, 1.0 - math.fsum(c.probability for c in listed)),
        "candidates": [token_fields(c) | {"cut_by": c.cut_by} for c in listed],
        "token": token_fields(frame.choice) | {"origin": frame.origin},
        "draw": draw_fields(frame.draw),
        "model_ms": round(frame.model_ms, 3),
        "step_ms": round(frame.step_ms, 3),
    }


def end_event(reason: StopReason, prompt_ids: list[int], ids: list[int], text: str) -> dict[str, Any]:
    return {"event": "end", "reason": reason, "prompt_token_ids": prompt_ids, "token_ids": ids, "text": text}


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f} M" if count >= 1e5 else f"{count:,}"


def model_lines(info: ModelInfo) -> str:
    lines = [
        f"{info.name}: {info.architecture}, {_millions(info.parameters)} parameters, "
        f"{info.vocab_size:,} tokens, context {info.context_length:,}",
        f"{info.device} · {info.dtype} ({info.device_reason}) loaded in {info.load_ms / 1000:.1f} s",
        *info.notes,
    ]
    return "\n".join(lines)


def step_lines(frame: StepFrame, top: int) -> str:
    """The step as a small table: rank, token, the model's probability and the one after decoding."""
    head = (
        f"\nstep {frame.step}  context {frame.context_length}  entropy {frame.entropy_bits:.2f} bits"
        f" → {frame.processed_entropy_bits:.2f} after decoding, {frame.kept:,} kept  ({frame.step_ms:.0f} ms)"
    )
    lines = [head, f"  {'rank':>6}  {'token':<24} {'model':>8} {'after':>8}"]
    rows = [c for c in frame.candidates if c.rank <= top]
    if frame.choice not in rows:
        rows.append(frame.choice)
    for c in rows:
        mark = "▶" if c.token.id == frame.choice.token.id else " "
        after = f"{c.processed_probability:8.2%}" if c.cut_by is None else f"{'cut':>8} by {c.cut_by}: {c.reason}"
        lines.append(f"{mark} {c.rank:>6,}  {c.token.label:<24} {c.probability:8.2%} {after}")
    tail = max(0.0, 1.0 - math.fsum(c.probability for c in rows))
    lines.append(f"          {f'{frame.vocab_size - len(rows):,} others':<24} {tail:8.2%}")
    return "\n".join(lines)
