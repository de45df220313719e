"""Text with a known entropy and recipes of a second, for the tests of the trainer."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ntp_studio.core.training import Recipe, Trainer

SYMBOLS = "abcdefg "


def transitions(seed: int = 5) -> np.ndarray:
    """P(next | this) of a Markov chain over SYMBOLS, [8, 8]: rows far from flat, and every step possible."""
    return np.random.default_rng(seed).dirichlet([0.35] * len(SYMBOLS), size=len(SYMBOLS)) * 0.98 + 0.02 / len(SYMBOLS)


def markov(length: int, seed: int = 0, chain: int = 5) -> str:
    """`length` characters drawn from the chain."""
    steps = np.cumsum(transitions(chain), axis=1)
    chances = np.random.default_rng(seed).random(length)
    place, places = 0, []
    for chance in chances:
        place = min(int(np.searchsorted(steps[place], chance)), len(SYMBOLS) - 1)
        places.append(place)
    return "".join(SYMBOLS[i] for i in places)


def entropy_rate(chain: int = 5) -> float:
    """Of the chain, in nats per character."""
    matrix = transitions(chain)
    values, vectors = np.linalg.eig(matrix.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    return float(-(stationary[:, None] * matrix * np.log(matrix)).sum())


def surprisal(text: str, chain: int = 5) -> float:
    """What the chain itself would be charged for text[1:], in nats per character."""
    matrix, places = transitions(chain), [SYMBOLS.index(c) for c in text]
    return float(np.mean([-math.log(matrix[a, b]) for a, b in pairwise(places)]))


def write(folder: Path, text: str, name: str = "text.txt") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return str(path)


def recipe(folder: Path, **changes: Any) -> Recipe:
    """A tiny GPT-2 on 6,000 characters of the chain, in float32 on the CPU."""
    values: dict[str, Any] = {
        "output": str(folder / "out"),
        "layers": 1,
        "width": 16,
        "heads": 2,
        "context": 16,
        "vocab_size": 257,
        "steps": 8,
        "batch_size": 4,
        "learning_rate": 5e-3,
        "warmup_steps": 2,
        "held_out": 0.2,
        "evaluate_every": 3,
        "precision": "float32",
        "device": "cpu",
        "seed": 1,
    }
    if "texts" not in changes:
        changes["texts"] = (write(folder, markov(6000)),)
    return Recipe(**(values | changes))


def run(trainer: Trainer, steps: int | None = None) -> Trainer:
    """Advance by `steps`, or until nothing is left to do."""
    while not trainer.finished and steps != 0:
        trainer.advance()
        steps = None if steps is None else steps - 1
    return trainer


def weights(trainer: Trainer) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in trainer.network.named_parameters()}
