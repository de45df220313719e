"""What a trainer reports: after every update, and at the end; and how the log writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntp_studio.core.training.evaluation import HeldOut


@dataclass(frozen=True, slots=True)
class Update:
    """What one update did. `loss` is the batch's cross-entropy in nats per token before it, `gradient_norm` that before
    clipping. `held_out` and `checkpoint` are there when they fell due after it."""

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    seconds: float
    held_out: HeldOut | None = None
    checkpoint: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: `reason` is "done", "early stop" or "stopped"; the figures are of the weights in `folder`."""

    folder: Path
    step: int
    reason: str
    held_out: HeldOut | None


def fields_of(update: Update) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "step": update.step,
        "loss": update.loss,
        "learning_rate": update.learning_rate,
        "gradient_norm": update.gradient_norm,
        "tokens": update.tokens,
        "seconds": round(update.seconds, 4),
    }
    if update.checkpoint is not None:
        fields["checkpoint"] = update.checkpoint.name
    return fields | figures_of(update.held_out)


def figures_of(held_out: HeldOut | None) -> dict[str, float]:
    if held_out is None:
        return {}
    return {
        "held_out_loss": held_out.loss,
        "perplexity": held_out.perplexity,
        "bits_per_byte": held_out.bits_per_byte,
        "held_out_tokens": held_out.tokens,
    }
