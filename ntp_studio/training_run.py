"""One training run as a window follows it: the trainer, looks at its weights while they change, and the model before.

All of it runs in the worker thread. torch comes with the trainer, so this module is imported when a run begins.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntp_studio import training_messages as t
from ntp_studio.core import checkpoints
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.training import HeldOut, Trainer, evaluate, network
from ntp_studio.core.training.results import figures_of
from ntp_studio.core.types import Cancelled, StepFrame, StudioError

CANDIDATES = 24  # listed at a look


class WatchedTrainer(Trainer):
    """A trainer whose evaluations end early when a person stops the run: `cut_short` is asked between batches."""

    cut_short: Callable[[], bool] | None = None

    def evaluate(self, *, quick: bool = False, cancelled: Callable[[], bool] | None = None) -> HeldOut | None:
        """As `Trainer.evaluate`. A quick one that is cut short gives None, so that its update is kept and logged; where
        an early stop counts evaluations, none is left out."""
        if not quick:
            return super().evaluate(cancelled=cancelled or self.cut_short)
        try:
            return super().evaluate(quick=True, cancelled=None if self.recipe.patience else self.cut_short)
        except Cancelled:
            return None


class Run:
    """A trainer with the prompt that is watched. Raises StudioError as `Trainer` does."""

    def __init__(self, trainer: WatchedTrainer) -> None:
        self.trainer = trainer
        self.prompt = ""
        self._untouched = trainer.step == 0  # the trainer's own model is still the one before the first update
        self._base: LanguageModel | None = None
        self._base_figures: HeldOut | None = None
        self._base_frame: tuple[str, StepFrame, NDArray[np.float64]] | None = None
        trainer.network.eval()

    def advance(self) -> Any:
        """The next update. What is to be known of the model before the first one, of this prompt, is kept first."""
        if self._untouched:
            if self._base_frame is None or self._base_frame[0] != self.prompt:
                self.look()
            self._untouched = False
        return self.trainer.advance()

    # -- looking -------------------------------------------------------------------------------------------------------

    def look(self) -> t.PromptLook:
        """The distribution after the prompt with the present weights, beside that of the model before."""
        try:
            frame, _ = self._distribution(self.trainer.model)
        except StudioError as error:  # too long for the context, or weights that are no numbers any more
            return t.PromptLook(self.trainer.step, self.prompt, None, problem=str(error))
        try:
            base = self._base_probabilities(frame)
        except StudioError:  # no room for a second model: the bars do without
            base = ()
        return t.PromptLook(self.trainer.step, self.prompt, frame, base)

    def _base_probabilities(self, frame: StepFrame) -> tuple[float, ...]:
        _, logprobs = self._base_distribution()
        return tuple(float(np.exp(logprobs[c.token.id])) for c in frame.candidates)

    def _distribution(self, model: LanguageModel) -> tuple[StepFrame, NDArray[np.float64]]:
        """(frame, natural log-probabilities [V]) after the prompt."""
        model.forget()
        session = Session(model, top=CANDIDATES)
        session.set_prompt(self.prompt)
        frame = session.frame()
        logits = session.trace().raw.logits.astype(np.float64)
        model.forget()
        return frame, logits - np.logaddexp.reduce(logits)

    def _base_distribution(self) -> tuple[StepFrame, NDArray[np.float64]]:
        if self._base_frame is None or self._base_frame[0] != self.prompt:
            with self._before() as model:
                self._base_frame = (self.prompt, *self._distribution(model))
        return self._base_frame[1:]

    # -- the model before the first update -----------------------------------------------------------------------------

    def _before(self) -> AbstractContextManager[LanguageModel]:
        """The model before the first update, for as long as the context lasts.

        Until that update it is the trainer's own; with LoRA it is the trainer's without its low-rank matrices. Else it
        is made again, from the seed or from the checkpoint, when it is first asked for.
        """
        trainer = self.trainer
        if self._untouched:
            return _Lent(trainer.model)
        if trainer.recipe.scope == "lora":
            return _Lent(trainer.model, trainer.network.disable_adapter())
        if self._base is None:
            self._base = self._made_again()
        return _Lent(self._base)

    def _made_again(self) -> LanguageModel:
        trainer, recipe = self.trainer, self.trainer.recipe
        if recipe.base is None:
            made = network.from_scratch(recipe, trainer.tokenizer, trainer.device).eval()
            made.requires_grad_(False)
            tokens = trainer.model.tokens
            return network.live_model(made, tokens, trainer.model.info, trainer.device)  # type: ignore[arg-type]
        checkpoints.check(recipe.base, device=trainer.device, dtype="float32")
        return checkpoints.load(recipe.base, device=trainer.device, dtype="float32")

    # -- measuring -----------------------------------------------------------------------------------------------------

    def compare(self, cancelled: Callable[[], bool], result: HeldOut | None) -> t.BaseCompared:
        """Both models over all held-out text, measured alike; `result` where it has been measured already."""
        trainer = self.trainer
        if self._base_figures is None:
            with self._before() as model:
                self._base_figures = self._measured(model, cancelled)
        if result is None:
            result = trainer.evaluate(cancelled=cancelled)
        both = t.BaseCompared(trainer.step, self.prompt, figures(self._base_figures), figures(result), None, None)
        try:
            base_frame, _ = self._base_distribution()
            frame, _ = self._distribution(trainer.model)
        except StudioError:  # the prompt is too long: the figures stand without it
            return both
        return replace(
            both, base_frame=base_frame, result_frame=frame, base_probabilities=self._base_probabilities(frame)
        )

    def _measured(self, model: LanguageModel, cancelled: Callable[[], bool]) -> HeldOut | None:
        trainer = self.trainer
        if self._untouched or model is trainer.model:
            return trainer.evaluate(cancelled=cancelled)
        if len(trainer.corpus.held_out) < 2:
            return None
        return evaluate(
            model.network,
            trainer.corpus.held_out,
            trainer.corpus.held_out_bytes,
            context=trainer.context,
            stride=trainer.context // 2,
            autocast=network.autocast(trainer.recipe.precision, trainer.device)[1],
            cancelled=cancelled,
        )

    def release(self) -> None:
        """Give the memory back."""
        for model in (self._base, self.trainer.model):
            if model is not None:
                model.release()


class _Lent:
    """A model inside `with`, while `around` holds."""

    def __init__(self, model: LanguageModel, around: AbstractContextManager[Any] | None = None) -> None:
        self._model, self._around = model, around

    def __enter__(self) -> LanguageModel:
        if self._around is not None:
            self._around.__enter__()
        self._model.forget()
        return self._model

    def __exit__(self, *error: object) -> None:
        self._model.forget()
        if self._around is not None:
            self._around.__exit__(*error)  # type: ignore[arg-type]


def figures(held_out: HeldOut | None) -> t.Figures | None:
    """As events carry them."""
    if held_out is None:
        return None
    return t.Figures(held_out.loss, held_out.perplexity, held_out.bits_per_byte, held_out.tokens)


def measure_before(trainer: Trainer) -> tuple[tuple[int, t.Figures], ...]:
    """The quick figures before the first update, with their step. They are logged, so that a run that goes on later
    still has the beginning of its curve. Empty where nothing is held out, or the measurement was cut short."""
    measured = trainer.evaluate(quick=True)
    before = figures(measured)
    if before is None:
        return ()
    trainer.folder.write_log(event="held_out", step=0, **figures_of(measured))
    return ((0, before),)


def history(trainer: Trainer) -> tuple[tuple[tuple[int, float], ...], tuple[tuple[int, t.Figures], ...]]:
    """(losses, held-out figures) by step, as the log of a run that goes on has them."""
    losses: list[tuple[int, float]] = []
    held_out: list[tuple[int, t.Figures]] = []
    for line in trainer.folder.log_lines():
        if line.get("event") == "step" and isinstance(line.get("loss"), float):
            losses.append((int(line["step"]), line["loss"]))
        elif line.get("event") != "held_out":
            continue
        if "held_out_loss" in line:
            measured = t.Figures(
                line["held_out_loss"], line["perplexity"], line["bits_per_byte"], int(line["held_out_tokens"])
            )
            held_out.append((int(line["step"]), measured))
    return tuple(losses), tuple(held_out)
