"""What a training run is to do: every number that its result depends on, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ntp_studio.core.types import DEFAULT_SEED, DeviceName, SettingError

Scope = Literal["all", "last", "lora"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A GPT-2 from scratch (`base` None), or a checkpoint trained on: all weights, the last blocks, or LoRA.

    Lengths are in tokens, `steps` are updates of the weights. Exactly one of `steps` and `epochs` says how long.
    """

    texts: tuple[str, ...]
    output: str
    base: str | None = None
    scope: Scope = "all"
    last_blocks: int = 2
    lora_rank: int = 8
    # the network, when it is made from scratch
    layers: int = 4
    width: int = 256
    heads: int = 4
    context: int = 256
    vocab_size: int = 2048
    dropout: float = 0.0
    # the updates
    steps: int | None = None
    epochs: float | None = None
    batch_size: int = 16
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    weight_decay: float = 0.1
    clip: float = 1.0
    precision: Precision = "auto"
    device: DeviceName = "auto"
    seed: int = DEFAULT_SEED
    # looking and keeping
    held_out: float = 0.05  # the share of the text's end that is never trained on
    evaluate_every: int = 100
    checkpoint_steps: tuple[int, ...] = ()
    checkpoint_every: int = 0  # 0: only at checkpoint_steps
    patience: int = 0  # evaluations without improvement before an early stop; 0: never
    save_dtype: Literal["float32", "float16", "bfloat16"] = "float32"

    def check(self) -> None:
        """Raise SettingError, in a sentence, for a number that cannot be meant."""
        if not self.texts:
            raise SettingError("There is nothing to train on; name at least one text file.")
        if not self.output.strip():
            raise SettingError("Say where the result goes: name a folder.")
        if (self.steps is None) == (self.epochs is None):
            raise SettingError("Say how long to train: give either steps or epochs.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name in ("steps", "epochs"):
                continue
            if not (math.isfinite(value) and low <= value <= high):
                raise SettingError(f"{name.replace('_', ' ')} is {value:g}, and must be from {low:g} to {high:g}.")
            if name not in _FRACTIONS and (not isinstance(value, int) or isinstance(value, bool)):
                raise SettingError(f"{name.replace('_', ' ')} is {value:g}, and must be a whole number.")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SettingError(f"{name.replace('_', ' ')} must be one of {', '.join(allowed)}.")
        if self.base is None and self.width % self.heads:
            raise SettingError(
                f"The width {self.width} cannot be shared out among {self.heads} heads; choose a multiple."
            )
        if self.base is None and self.scope != "all":
            raise SettingError("Training only a part of the weights needs a model to begin with; name it as the base.")
        if any(step < 1 for step in self.checkpoint_steps):
            raise SettingError("Checkpoints are kept after steps, counted from 1.")
        if self.patience and not self.held_out:
            raise SettingError("An early stop needs held-out text to go by; hold some out, or take the patience away.")

    def saved(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @staticmethod
    def restored(values: dict[str, Any]) -> Recipe:
        """The recipe that `saved` gave. Raises SettingError for anything else."""
        known = {f.name for f in fields(Recipe)}
        try:
            kept: dict[str, Any] = {
                name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in known
            }
            recipe = Recipe(**kept)
            recipe.check()
        except TypeError as error:
            raise SettingError(f"The recipe of that training run cannot be read ({error}).") from error
        return recipe


_RANGES: dict[str, tuple[float, float]] = {
    "last_blocks": (1, 1000),
    "lora_rank": (1, 1024),
    "layers": (1, 200),
    "width": (8, 16384),
    "heads": (1, 256),
    "context": (8, 65536),
    "vocab_size": (257, 200_000),  # 256 bytes and the end of a text
    "dropout": (0, 0.9),
    "steps": (1, 100_000_000),
    "epochs": (0.001, 100_000),
    "batch_size": (1, 65536),
    "learning_rate": (1e-9, 10),
    "warmup_steps": (0, 10_000_000),
    "weight_decay": (0, 10),
    "clip": (1e-6, 1e6),
    "held_out": (0, 0.9),
    "evaluate_every": (1, 10_000_000),
    "checkpoint_every": (0, 10_000_000),
    "patience": (0, 10_000),
    "seed": (0, 2**63 - 1),
}
_FRACTIONS = frozenset({"dropout", "epochs", "learning_rate", "weight_decay", "clip", "held_out"})
_CHOICES: dict[str, tuple[str, ...]] = {
    "scope": ("all", "last", "lora"),
    "optimizer": ("adamw", "muon"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cuda", "mps", "cpu"),
    "save_dtype": ("float32", "float16", "bfloat16"),
}
