"""Trainer: one update of the weights per call, so that whoever runs it can pause, look and stop between any two.

Everything that decides the result (data order, dropout, learning rate) is a function of the recipe and the number of
the update; so a run that was interrupted goes on to the same weights.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ntp_studio.core import devices, libraries
from ntp_studio.core.checkpoints.tensor_progress import quiet
from ntp_studio.core.training import corpus, network
from ntp_studio.core.training.evaluation import HeldOut, evaluate
from ntp_studio.core.training.preparation import Progress, placed, prepare
from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.training.results import Result, Update, fields_of, figures_of
from ntp_studio.core.training.storage import RunFolder
from ntp_studio.core.types import Cancelled, ModelFailure, StudioError

SAVE_EVERY = 300.0  # seconds between states kept against a kill
QUICK_TOKENS = 32_768  # of the held-out text, looked at during the run; all of it at the end


class Trainer:
    """A run under way. `step` updates of `total_steps` are done."""

    def __init__(
        self,
        recipe: Recipe,
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        _resuming: bool = False,
    ) -> None:
        """Read and tokenize the texts, make or open the network.

        Raises StudioError in a sentence for bad texts, a bad base or an output that cannot be written; Cancelled.
        """
        self._tell = progress or (lambda message, fraction: None)
        self._cancelled = cancelled or (lambda: False)
        recipe.check()
        self.recipe = recipe = placed(recipe)
        self.folder = RunFolder(recipe.output)
        texts = corpus.read_texts(recipe.texts)
        if not _resuming:
            self.folder.begin(recipe)
        try:
            self._begin(texts)
        except BaseException:
            if not _resuming:
                self.folder.abandon()
            raise

    def _begin(self, texts: list[str]) -> None:
        recipe = self.recipe
        self._say("Bringing in PyTorch", None)
        libraries.bring_in()
        with quiet():
            made = prepare(recipe, texts, self._say, self._cancelled)
        self.device, self.context, self.corpus = made.device, made.context, made.corpus
        self.model, self.tokenizer, self.network = made.model, made.tokenizer, made.network
        network.check_memory(self.network, recipe, self.context, self.device)
        self._optimizers = network.optimizers(self.network, recipe)
        self.parameters = sum(p.numel() for p in self.network.parameters())
        self.learning = sum(p.numel() for p in self.network.parameters() if p.requires_grad)
        self.blocks = corpus.Blocks(self.corpus.train, self.context, recipe.batch_size, recipe.seed)
        per_epoch = self.blocks.per_epoch / recipe.batch_size
        self.total_steps = recipe.steps or max(1, math.ceil((recipe.epochs or 1) * per_epoch))
        self.precision, self._autocast = network.autocast(recipe.precision, self.device)
        self.step = 0
        self.weights_step = 0  # where the present weights are from: after an early stop the best ones are put back
        self.best: HeldOut | None = None
        self._best_step = 0
        self._best_weights: dict[str, Any] | None = None
        self._unkept: Update | None = None  # done, but what fell due after it is not
        self._worse = 0  # evaluations since the best
        self._saved_at = time.monotonic()
        if not self.folder.log.is_file():
            self._write_beginning()

    def _keeps(self, step: int) -> bool:
        """Whether a checkpoint is kept after this step."""
        every = self.recipe.checkpoint_every
        return step in self.recipe.checkpoint_steps or bool(every and step % every == 0)

    def _write_beginning(self) -> None:
        import torch

        every, steps = self.recipe.checkpoint_every, self.total_steps
        at_steps = sum(
            step <= steps and not (every and step % every == 0) for step in set(self.recipe.checkpoint_steps)
        )
        kept = at_steps + (steps // every if every else 0)
        saved = self.learning if self.recipe.scope == "lora" else self.parameters
        # Two more than are kept: the result, and the one that is being written beside it. The state holds the weights
        # and two averages of their gradients (and the best weights), and is there twice while it is written.
        files = saved * devices.ITEM_BYTES[self.recipe.save_dtype] * (kept + 2)
        self.folder.make_room(files + 2 * (16 if self.recipe.patience else 12) * self.learning)
        self.folder.write_log(
            event="begin",
            parameters=self.parameters,
            learning=self.learning,
            steps=self.total_steps,
            train_tokens=len(self.corpus.train),
            held_out_tokens=max(0, len(self.corpus.held_out) - 1),
            held_out_bytes=self.corpus.held_out_bytes,
            device=self.device,
            precision=self.precision,
            torch=torch.__version__,
        )

    def _say(self, message: str, fraction: float | None) -> None:
        if self._cancelled():
            raise Cancelled("The training was cancelled before its first step.")
        self._tell(message, fraction)

    @classmethod
    def resume(
        cls, folder: str, *, progress: Progress | None = None, cancelled: Callable[[], bool] | None = None
    ) -> Trainer:
        """Go on with the interrupted run in `folder`, from the last state it kept."""
        run = RunFolder(folder)
        recipe = replace(run.recipe_in_it(), output=str(run.path))
        trainer = cls(recipe, progress=progress, cancelled=cancelled, _resuming=True)
        if run.state.is_file():
            trainer._restore(run.read_state())
        run.cut_log(trainer.step)
        return trainer

    # -- the updates ---------------------------------------------------------------------------------------------------

    @property
    def finished(self) -> str:
        """Why no update is left to do ("done", "early stop"), empty while some are."""
        if self.step >= self.total_steps:
            return "done"
        return "early stop" if self.recipe.patience and self._worse >= self.recipe.patience else ""

    def learning_rate(self, step: int) -> float:
        """Of update `step` (from 0): a straight rise over the warm-up, then half a cosine down to a hundredth of it."""
        warmup = min(self.recipe.warmup_steps, self.total_steps // 2)
        if step < warmup:
            return self.recipe.learning_rate * (step + 1) / warmup
        share = (step - warmup) / max(1, self.total_steps - warmup)
        return self.recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    def advance(self) -> Update:
        """Do the next update, and what falls due after it: an evaluation, a checkpoint, the state.

        Raises ModelFailure when the loss or its gradient is no longer finite; the weights are those before then.
        """
        import torch
        import torch.nn.functional as F

        if self._unkept is not None:  # the disk had no room for what fell due after it
            return self._look_and_keep(self._unkept)
        started = time.perf_counter()
        recipe = self.recipe
        rate = self.learning_rate(self.step)
        # So that a resumed run drops the same; some architectures do so whatever the recipe says.
        torch.manual_seed((recipe.seed * 1_000_003 + self.step) % 2**63)
        self.network.train()
        batch = torch.from_numpy(self.blocks.batch(self.step)).to(self.device)
        with self._autocast():
            logits = self.network(input_ids=batch[:, :-1], use_cache=False).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._learning_weights(), recipe.clip)
        value = loss.item()
        if not (math.isfinite(value) and math.isfinite(norm.item())):
            for optimizer in self._optimizers:
                optimizer.zero_grad(set_to_none=True)
            self.network.eval()
            raise self._diverged(value, self.step + 1)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.network.eval()
        self.model.forget()  # its cache is of the weights before
        self.step += 1
        self.weights_step = self.step
        update = Update(self.step, value, rate, float(norm), batch[:, 1:].numel(), time.perf_counter() - started)
        return self._look_and_keep(update)

    @staticmethod
    def _diverged(loss: float, step: int) -> ModelFailure:
        what = f"The loss became {loss}" if not math.isfinite(loss) else "The gradient became infinite"
        return ModelFailure(
            f"{what} at step {step:,}; begin again with a lower learning rate. The checkpoints kept before are good."
        )

    def _learning_weights(self) -> list[Any]:
        return [p for p in self.network.parameters() if p.requires_grad]

    def _look_and_keep(self, update: Update) -> Update:
        self._unkept = update
        held_out, checkpoint = update.held_out, None
        due = self._keeps(self.step) or self.step == self.total_steps
        if held_out is None and (due or self.step % self.recipe.evaluate_every == 0):
            held_out = self.evaluate(quick=True)
            self._unkept = replace(update, held_out=held_out)
            if held_out is not None:
                if not math.isfinite(held_out.loss):
                    raise self._diverged(held_out.loss, self.step)
                self._compare(held_out)
        if self._keeps(self.step):
            checkpoint = self.folder.save_model(self.network, self.tokenizer, self.recipe.save_dtype, step=self.step)
        update = replace(update, held_out=held_out, checkpoint=checkpoint)
        self.folder.write_log(event="step", **fields_of(update))
        self._unkept = None
        if time.monotonic() - self._saved_at > SAVE_EVERY:
            self.save_state()
        return update

    def evaluate(self, *, quick: bool = False, cancelled: Callable[[], bool] | None = None) -> HeldOut | None:
        """Held-out figures of the present weights: over a sample in windows side by side when `quick`, else over all of
        it in windows that move on by half, in float32 as `evaluate_model` has it. None where nothing is held out."""
        ids = self.corpus.held_out
        if len(ids) < 2:
            return None
        return evaluate(
            self.network,
            ids,
            self.corpus.held_out_bytes,
            context=self.context,
            stride=self.context if quick else max(1, self.context // 2),
            limit=QUICK_TOKENS if quick else None,
            autocast=self._autocast if quick else None,
            cancelled=cancelled,
        )

    def _compare(self, held_out: HeldOut) -> None:
        """Keep the best weights, where an early stop may want them back."""
        if self.best is not None and held_out.loss >= self.best.loss:
            self._worse += 1
            return
        self.best, self._best_step, self._worse = held_out, self.step, 0
        if self.recipe.patience:
            self._best_weights = {
                name: weight.detach().cpu().clone()
                for name, weight in self.network.named_parameters()
                if weight.requires_grad
            }

    # -- keeping -------------------------------------------------------------------------------------------------------

    def release_optimizers(self) -> None:
        """Give back the averages of the gradients, twice the size of what learns: no update will follow. The weights
        can still be looked at and measured, and the state kept on disk goes on."""
        self._optimizers = []

    def save_state(self) -> None:
        """Keep all that is needed to go on from here to the same result."""
        best = self.best
        self.folder.save_state(
            {
                "step": self.step,
                "tokens": self.corpus.fingerprint,
                "weights": {n: w.detach().cpu() for n, w in self.network.named_parameters() if w.requires_grad},
                "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
                "best": None if best is None else (best.loss, best.tokens, best.bytes),
                "best_step": self._best_step,
                "best_weights": self._best_weights,
                "worse": self._worse,
            },
            self.recipe,
        )
        self._saved_at = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> None:
        damaged = StudioError(f"The state of the run in {self.folder.path} is damaged; begin it again.")
        if not isinstance(state, dict):
            raise damaged
        if state.get("tokens", self.corpus.fingerprint) != self.corpus.fingerprint:
            raise StudioError(
                f"The texts (or their tokens) are no longer those that the run in {self.folder.path} began with; put "
                "them back as they were, or begin a new run."
            )
        try:
            self._put_back(state["weights"])
            for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.best = None if state["best"] is None else HeldOut(*state["best"])
            self._best_weights, self._worse = state["best_weights"], int(state["worse"])
            self._best_step = int(state.get("best_step", 0))
            self.step = self.weights_step = int(state["step"])
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise damaged from error

    def _put_back(self, weights: dict[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, weight in self.network.named_parameters():
                if weight.requires_grad:
                    if weights[name].shape != weight.shape:
                        raise ValueError(f"{name} has another shape")  # copy_ would stretch it
                    weight.copy_(weights[name])
        self.model.forget()

    def finish(self, *, evaluate: bool = True, cancelled: Callable[[], bool] | None = None) -> Result:
        """Write the weights (after an early stop the best ones) as the run's result, with the state to go on from.

        Without `evaluate`, and when `cancelled` tells so meanwhile, the figures over the whole held-out text are left
        out, which is quicker: a person waits.
        """
        reason = self.finished or "stopped"
        self.save_state()
        if reason == "early stop" and self._best_weights is not None:
            self._put_back(self._best_weights)
            self.weights_step = self._best_step
        self.folder.save_model(self.network, self.tokenizer, self.recipe.save_dtype)
        self.folder.write_result(self.weights_step)
        held_out = None
        if evaluate:
            with contextlib.suppress(Cancelled):
                held_out = self.evaluate(cancelled=cancelled)
        self.folder.write_log(event="end", step=self.step, reason=reason, **figures_of(held_out))
        return Result(self.folder.path, self.step, reason, held_out)
