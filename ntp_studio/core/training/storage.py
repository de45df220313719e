"""What a run leaves in its folder: the model, checkpoints of it, the state to go on from, and a log.

    OUT/                     the latest weights as an ordinary Hugging Face folder
    OUT/checkpoint-50/       the same after 50 updates
    OUT/training/recipe.json, log.jsonl, state.pt

Files are written beside their place and then moved there, so that a full disk or a kill leaves the ones before whole.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.types import StudioError


class RunFolder:
    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder).expanduser().absolute()
        self._inside = self.path / "training"
        self.state = self._inside / "state.pt"
        self.recipe = self._inside / "recipe.json"
        self.log = self._inside / "log.jsonl"

    def begin(self, recipe: Recipe) -> None:
        """Make the folder for a new run. Raises StudioError where something else is in the way."""
        with _writing(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise StudioError(f"{self.path} is a file; name a folder for the result.")
            if self.path.is_dir() and any(self.path.iterdir()):
                hint = "resume the run in it, or " if self.recipe.is_file() else ""
                raise StudioError(f"{self.path} is not empty; {hint}name a new folder for the result.")
            self._inside.mkdir(parents=True, exist_ok=True)
            self._replace(self.recipe, json.dumps(recipe.saved(), indent=1) + "\n")

    def recipe_in_it(self) -> Recipe:
        try:
            return Recipe.restored(json.loads(self.recipe.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError) as error:
            raise StudioError(f"{self.path} holds no training run that could go on; name the folder of one.") from error

    def make_room(self, needed: int) -> None:
        """Raise StudioError when the disk has less than `needed` bytes."""
        free = shutil.disk_usage(self.path).free
        if free < needed:
            raise StudioError(
                f"The result needs {needed / 1e6:,.0f} MB and the disk of {self.path} has {free / 1e6:,.0f} MB left; "
                "make room or choose another folder."
            )

    def save_model(self, network: Any, tokenizer: Any, dtype: str, *, step: int | None = None) -> Path:
        """Write the weights as a Hugging Face folder: the run's own, or checkpoint-`step`."""
        import torch

        target = self.path if step is None else self.path / f"checkpoint-{step}"
        part = self._inside / "part"
        with _writing(target):
            shutil.rmtree(part, ignore_errors=True)
            stored = network
            if dtype != "float32":
                stored = copy.deepcopy(network).to(getattr(torch, dtype))
            stored.save_pretrained(part)
            tokenizer.save_pretrained(part)
            if step is not None:
                shutil.rmtree(target, ignore_errors=True)
                os.replace(part, target)
            else:
                for file in part.iterdir():
                    os.replace(file, target / file.name)
                part.rmdir()
        return target

    def save_state(self, state: dict[str, Any]) -> None:
        import torch

        part = self.state.with_suffix(".part")
        with _writing(self.state):
            torch.save(state, part)
            os.replace(part, self.state)

    def read_state(self) -> dict[str, Any]:
        import torch

        try:
            state: dict[str, Any] = torch.load(self.state, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file raises anything
            raise StudioError(f"The state of the run in {self.path} cannot be read; begin it again.") from error
        return state

    def write_log(self, **fields: Any) -> None:
        with _writing(self.log), self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")

    def log_lines(self) -> list[dict[str, Any]]:
        """Every line of the log; a last line torn by a kill is left out."""
        lines = []
        if self.log.is_file():
            for line in self.log.read_text(encoding="utf-8").splitlines():
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    break
        return lines

    def cut_log(self, step: int) -> None:
        """Forget what was logged after `step`: those updates are about to be done again."""
        kept = [line for line in self.log_lines() if line.get("step", 0) <= step and line["event"] != "end"]
        with _writing(self.log):
            self._replace(self.log, "".join(json.dumps(line) + "\n" for line in kept))

    @staticmethod
    def _replace(target: Path, text: str) -> None:
        part = target.with_name(target.name + ".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, target)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Failures of the disk, in a sentence."""
    try:
        yield
    except StudioError:
        raise
    except Exception as error:  # safetensors and torch wrap the system's error in their own
        if not isinstance(error, OSError) and "os error" not in str(error) and "writ" not in str(error):
            raise
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise StudioError(
            f"{target} cannot be written ({reason}); make room or choose another folder. What was saved before is whole."
        ) from error
