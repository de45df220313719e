#!/usr/bin/env python3
"""Put the result of a training run into resources/models/: its weights, its checkpoints, its held-out figures.

    .venv/bin/python packaging/bundle_model.py RUN_FOLDER [NAME]

Left out: the state that a run could go on from, the recipe with its paths, and the log's other lines. README.md and
LICENSE, which stand beside the weights, are written by hand and stay.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / "resources" / "models"
FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
LARGEST_FINAL, LARGEST_ALL = 15e6, 45e6  # bytes


def bundle(run: Path, target: Path) -> None:
    """Raises SystemExit when the run is not finished or its files are too large to be shipped."""
    lines = [json.loads(line) for line in (run / "training" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    if lines[-1]["event"] != "end" or lines[-1]["reason"] == "stopped":
        raise SystemExit(f"{run} is not finished")
    for old in target.glob("checkpoint-*"):
        shutil.rmtree(old)
    checkpoints = sorted(path.name for path in run.glob("checkpoint-*"))
    for folder in (".", *checkpoints):
        (target / folder).mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (target / folder / name).unlink(missing_ok=True)
            shutil.copyfile(run / folder / name, target / folder / name)  # without the mode of either file
    kept = [line for line in lines if line["event"] != "step" or "held_out_loss" in line]
    (target / "training").mkdir(exist_ok=True)
    (target / "training" / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    final = sum((target / name).stat().st_size for name in FILES)
    everything = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if final > LARGEST_FINAL or everything > LARGEST_ALL:
        raise SystemExit(f"too large to be shipped: {final / 1e6:.1f} MB, {everything / 1e6:.1f} MB with checkpoints")
    print(f"{target}: {final / 1e6:.1f} MB, {everything / 1e6:.1f} MB with {len(checkpoints)} checkpoints")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    bundle(Path(sys.argv[1]), MODELS / (sys.argv[2] if len(sys.argv) == 3 else "fairy-tales"))
