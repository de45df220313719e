"""`ntp-studio train` and `ntp-studio evaluate`: the trainer at the command line, with a progress bar.

Ctrl+C stops after the update under way, saves, and says how to go on; a second one stops at once.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from ntp_studio import assets
from ntp_studio.core.types import Cancelled, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.training import HeldOut, Recipe, Result, Trainer, Update


def train(options: argparse.Namespace) -> int:
    """Train a model, or go on with a run that was interrupted."""
    from ntp_studio.core.training import Trainer

    with _interruptible() as stopped:
        said = _notice(options)
        if options.resume:
            _check_resuming(options)
            trainer = Trainer.resume(options.resume, progress=said, cancelled=stopped)
        else:
            trainer = Trainer(recipe_of(options), progress=said, cancelled=stopped)
        _tell_begin(trainer, options)
        result = _run(trainer, options, stopped)
    _tell_end(result, options)
    return 130 if result.reason == "stopped" else 0


def _check_resuming(options: argparse.Namespace) -> None:
    """A run goes on as it began, if it has not come to its end: whatever else is said would be ignored."""
    from ntp_studio.core.training import Recipe
    from ntp_studio.core.training.storage import RunFolder

    said = {name for name in Recipe.__dataclass_fields__ if getattr(options, name, None) not in (None, [])}
    if said:
        what = ", ".join("texts" if name == "texts" else f"--{name.replace('_', '-')}" for name in sorted(said))
        raise StudioError(f"--resume goes on as the run began, and takes nothing else (here: {what}); leave that out.")
    lines = RunFolder(options.resume).log_lines()
    if lines and lines[-1]["event"] == "end" and lines[-1].get("reason") != "stopped":
        raise StudioError(
            f"The run in {options.resume} came to its end after {lines[-1]['step']:,} steps; open its result, or "
            f"begin a new run on it: --base {options.resume}."
        )


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the words of the command line describe."""
    from ntp_studio.core.training import Recipe

    if not options.output:
        raise StudioError("Say where the result goes: --output FOLDER.")
    if options.steps is None and options.epochs is None:
        options.epochs = 1.0
    named = {name: value for name, value in vars(options).items() if name in Recipe.__dataclass_fields__}
    named = {name: value for name, value in named.items() if value is not None}
    named["texts"] = tuple(options.texts)
    if options.base is not None:  # what a trained model is used to
        named.setdefault("learning_rate", 2e-4 if options.scope == "lora" else 5e-5)
        named.setdefault("weight_decay", 0.01)
    return Recipe(**named)


def _run(trainer: Trainer, options: argparse.Namespace, stopped: Any) -> Result:
    from tqdm import tqdm

    quiet = options.json or not sys.stderr.isatty()
    bar = tqdm(total=trainer.total_steps, initial=trainer.step, unit="step", disable=quiet, dynamic_ncols=True)
    held_out = ""
    with bar:
        while not trainer.finished and not stopped():
            update = trainer.advance()
            if update.held_out is not None:
                held_out = f", held-out {update.held_out.bits_per_byte:.3f} bits/byte"
            rate = update.tokens / update.seconds
            bar.set_postfix_str(f"loss {update.loss:.3f}{held_out}, {rate:,.0f} tokens/s", refresh=False)
            bar.update()
            _tell_update(update, trainer, options)
    print("Saving …" if stopped() else "Measuring on all held-out text …", file=sys.stderr)
    return trainer.finish(evaluate=not stopped(), cancelled=stopped)


def _tell_begin(trainer: Trainer, options: argparse.Namespace) -> None:
    if options.json:
        return
    recipe, corpus = trainer.recipe, trainer.corpus
    what = "a GPT-2 from scratch" if recipe.base is None else f"{trainer.model.info.name} ({recipe.scope})"
    print(
        f"Training {what}: {trainer.parameters:,} parameters"
        + (f", {trainer.learning:,} of them learning" if trainer.learning != trainer.parameters else "")
        + f"\n{len(corpus.train):,} tokens to train on, {len(corpus.held_out) - 1:,} held out; "
        f"{trainer.total_steps:,} steps of {recipe.batch_size} × {trainer.context} tokens on {trainer.device} "
        f"({trainer.precision})" + (f", from step {trainer.step:,}" if trainer.step else ""),
        flush=True,
    )


def _tell_update(update: Update, trainer: Trainer, options: argparse.Namespace) -> None:
    from tqdm import tqdm

    if options.json:
        fields: dict[str, Any] = {"event": "step", "step": update.step, "loss": update.loss}
        fields |= {"learning_rate": update.learning_rate, "tokens_per_second": update.tokens / update.seconds}
        if update.held_out is not None:
            fields |= figures(update.held_out)
        print(json.dumps(fields), flush=True)
    elif update.held_out is not None:
        with tqdm.external_write_mode():
            print(f"step {update.step:>7,}  loss {update.loss:.3f}  {in_words(update.held_out)}", flush=True)
    if update.checkpoint is not None and not options.json:
        with tqdm.external_write_mode():
            print(f"step {update.step:>7,}  kept as {update.checkpoint}", flush=True)


def _tell_end(result: Result, options: argparse.Namespace) -> None:
    if options.json:
        end: dict[str, Any] = {"event": "end", "step": result.step, "reason": result.reason}
        end |= {"folder": str(result.folder)} | (figures(result.held_out) if result.held_out else {})
        print(json.dumps(end), flush=True)
        return
    if result.held_out is not None:
        print(f"All held-out text: {in_words(result.held_out)}")
    print(f"The model is in {result.folder}; look at it with: ntp-studio --model {result.folder}")
    if result.reason == "stopped":
        print(f"Stopped after {result.step:,} steps. Go on with: ntp-studio train --resume {result.folder}")


def in_words(held_out: HeldOut) -> str:
    return (
        f"held-out loss {held_out.loss:.4f}  perplexity {held_out.perplexity:,.2f}  "
        f"{held_out.bits_per_byte:.4f} bits/byte"
    )


def figures(held_out: HeldOut) -> dict[str, float]:
    return {
        "held_out_loss": held_out.loss,
        "perplexity": held_out.perplexity,
        "bits_per_byte": held_out.bits_per_byte,
        "tokens": held_out.tokens,
        "bytes": held_out.bytes,
    }


def evaluate(options: argparse.Namespace) -> int:
    """How well a model foretells the end of a text: loss, perplexity and bits per byte."""
    from ntp_studio.core import checkpoints
    from ntp_studio.core.training import corpus, evaluate_model

    texts = corpus.read_texts(options.texts)
    path = options.model or assets.bundled_model()
    if path is None:
        raise StudioError("No model was named: give --model PATH.")
    with _interruptible() as stopped:
        model = checkpoints.load(path, device=options.device, dtype=options.dtype, cancelled=stopped)
        held_out = evaluate_model(model, texts, options.held_out, context=options.context, cancelled=stopped)
    if options.json:
        print(json.dumps({"event": "evaluation", "model": model.info.name} | figures(held_out)))
    else:
        print(f"{model.info.name}: {in_words(held_out)}  ({held_out.tokens:,} tokens, {held_out.bytes:,.0f} bytes)")
    return 0


def _notice(options: argparse.Namespace) -> Any:
    if options.json or not sys.stderr.isatty():
        return None

    def say(message: str, fraction: float | None) -> None:
        print(f"{message} …", file=sys.stderr, flush=True)

    return say


@contextmanager
def _interruptible() -> Iterator[Any]:
    """Gives a function that tells whether Ctrl+C was pressed; the second press is the usual KeyboardInterrupt."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(pressed)
    except Cancelled:
        if not pressed:
            raise
        print("Stopped before anything was done.", file=sys.stderr)
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
