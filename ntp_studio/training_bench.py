"""The trainer's throughput against the loop that anybody would write, measured in turns in the same run."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ntp_studio.core.training import Recipe, Trainer

WORDS = 4000


class BareLoop:
    """The tutorial's training loop: the same network, batches, optimizer and precision; no looking, no keeping."""

    def __init__(self, trainer: Trainer) -> None:
        import torch
        from torch.nn.functional import cross_entropy
        from transformers import GPT2LMHeadModel

        torch.manual_seed(0)
        self._cross_entropy, self._torch = cross_entropy, torch
        self._device, self._low = trainer.device, trainer.precision == "bfloat16"
        self.network = GPT2LMHeadModel(trainer.network.config).to(trainer.device).train()
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3, betas=(0.9, 0.95), fused=True)

    def __call__(self, batch: Any) -> float:
        torch = self._torch
        with torch.autocast(self._device, torch.bfloat16, enabled=self._low):
            logits = self.network(input_ids=batch[:, :-1], use_cache=False).logits
        loss = self._cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.item())


def training_times(updates: int, device: str = "auto") -> tuple[float, float]:
    """(bare loop, trainer): median seconds of an update of the bundled model's size, taken in turns."""
    import torch

    rng = np.random.default_rng(0)
    words = ["".join(chr(97 + i) for i in rng.integers(0, 26, rng.integers(2, 9))) for _ in range(WORDS)]
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "words.txt"
        text.write_text(" ".join(words[i] for i in rng.zipf(1.3, 60_000) % WORDS), encoding="utf-8")
        trainer = Trainer(
            Recipe(
                (str(text),), str(Path(folder) / "run"), vocab_size=2048, steps=10**6, evaluate_every=10**6,
                device=device,  # type: ignore[arg-type]
            )
        )  # fmt: skip
        bare = BareLoop(trainer)
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(updates + 2):
            batch = torch.from_numpy(trainer.blocks.batch(number)).to(trainer.device)
            started = time.perf_counter()
            bare(batch)
            between = time.perf_counter()
            trainer.advance()
            ended = time.perf_counter()
            if number >= 2:  # the first ones warm up
                times[0].append(between - started)
                times[1].append(ended - between)
    return statistics.median(times[0]), statistics.median(times[1])
