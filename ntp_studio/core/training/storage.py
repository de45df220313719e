"""What a run leaves in its folder: the model, checkpoints of it, the state to go on from, and a log.

    OUT/                     the latest weights as an ordinary Hugging Face folder
    OUT/checkpoint-50/       the same after 50 updates
    OUT/training/recipe.json, log.jsonl, state.pt, result.json (the step that OUT's own weights are of)

Files are written beside their place and then moved there, so that a full disk or a kill leaves the ones before whole.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ntp_studio.core.checkpoints.tensor_progress import quiet
from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.types import StudioError


class RunFolder:
    def __init__(self, folder: str | Path) -> None:
        try:
            self.path = Path(folder).expanduser().absolute()
            self.path.lstat()
        except OSError:
            pass  # not there yet, or not to be reached, which `begin` tells
        except (ValueError, RuntimeError) as error:  # a NUL in the name; "~somebody" without a home
            raise StudioError(f"{folder} is no path that this system can open; name another folder.") from error
        self._inside = self.path / "training"
        self.state = self._inside / "state.pt"
        self.recipe = self._inside / "recipe.json"
        self.result = self._inside / "result.json"
        self.log = self._inside / "log.jsonl"

    def begin(self, recipe: Recipe) -> None:
        """Make the folder for a new run. Raises StudioError where something else is in the way."""
        with _writing(self.path):
            os.fsencode(self.path)
            if self.path.exists() and not self.path.is_dir():
                raise StudioError(f"{self.path} is a file; name a folder for the result.")
            if self.path.is_dir() and any(self.path.iterdir()):
                hint = "resume the run in it, or " if self.recipe.is_file() else ""
                raise StudioError(f"{self.path} is not empty; {hint}name a new folder for the result.")
            self._inside.mkdir(parents=True, exist_ok=True)
            self._write_recipe(recipe)

    def _write_recipe(self, recipe: Recipe) -> None:
        self._replace(self.recipe, json.dumps(recipe.saved(), indent=1) + "\n")

    def abandon(self) -> None:
        """Take back what `begin` made, for a run that could not begin; so the same folder can be named again."""
        shutil.rmtree(self._inside, ignore_errors=True)
        with contextlib.suppress(OSError):  # the person's own empty folder may go too; a new run makes it again
            self.path.rmdir()

    def recipe_in_it(self) -> Recipe:
        try:
            return Recipe.restored(json.loads(self.recipe.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise StudioError(f"{self.path} holds no training run that could go on; name the folder of one.") from error

    def make_room(self, needed: int) -> None:
        """Raise StudioError when the disk has less than `needed` bytes."""
        with _writing(self.path):
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
        # peft would look up the base model's vocabulary, if need be in the network; an adapter of ours changes none.
        settings = {"save_embedding_layers": False} if hasattr(network, "peft_config") else {}
        with _writing(target, part), quiet():
            shutil.rmtree(part, ignore_errors=True)
            stored = network
            if dtype != "float32":
                stored = copy.deepcopy(network).to(getattr(torch, dtype))
            stored.save_pretrained(part, **settings)
            tokenizer.save_pretrained(part)
            _open_to_all(part)
            if step is not None:
                shutil.rmtree(target, ignore_errors=True)
                os.replace(part, target)
            else:
                for file in part.iterdir():
                    os.replace(file, target / file.name)
                part.rmdir()
        return target

    def write_result(self, step: int) -> None:
        """Note which step the run's own weights are of; a run that goes on leaves them behind."""
        with _writing(self.result):
            self._replace(self.result, json.dumps({"step": step}) + "\n")

    def save_state(self, state: dict[str, Any], recipe: Recipe) -> None:
        """Keep the state, and the recipe if a person has taken the folder away meanwhile."""
        import torch

        part = self.state.with_suffix(".part")
        with _writing(self.state, part):
            self._inside.mkdir(parents=True, exist_ok=True)
            if not self.recipe.is_file():
                self._write_recipe(recipe)
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
        """Every line of the log; what is none of ours, such as a last line torn by a kill, is left out."""
        lines = []
        if self.log.is_file():
            for raw in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    line = json.loads(raw)
                except (ValueError, RecursionError):
                    continue
                if isinstance(line, dict) and "event" in line and isinstance(line.get("step", 0), int):
                    lines.append(line)
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


def _open_to_all(folder: Path) -> None:
    """Make what the libraries wrote readable for others: for older transformers, which know this class of tokenizers by
    its former name, and for other users, as any new file is (safetensors lets only its owner read)."""
    config = folder / "tokenizer_config.json"
    if config.is_file():
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace('"TokenizersBackend"', '"PreTrainedTokenizerFast"'), encoding="utf-8")
    mask = os.umask(0)
    os.umask(mask)
    for file in folder.iterdir():
        if file.is_file():
            file.chmod(0o666 & ~mask)


@contextmanager
def _writing(target: Path, part: Path | None = None) -> Iterator[None]:
    """Failures of the disk, in a sentence; the half-written `part` gives its room back."""
    try:
        yield
    except StudioError:
        raise
    except Exception as error:  # safetensors and torch wrap the system's error in their own
        if part is not None:
            _remove(part)
        wrapped = any(
            sign in str(error) for sign in ("os error", "failed writing", "unexpected pos", "Parent directory")
        )
        if isinstance(error, UnicodeError):
            raise StudioError(f"{str(target)!a} is no name that this system can write; choose another.") from error
        if not isinstance(error, OSError) and not wrapped:
            raise
        told = re.search(r"([^:]+) \(os error \d+\)", str(error))  # as safetensors does; torch says nothing of use
        reason = getattr(error, "strerror", None) or (told[1].strip() if told else "the disk may be full")
        raise StudioError(
            f"{target} cannot be written ({reason}); make room or choose another folder. What was saved before is "
            "whole."
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
