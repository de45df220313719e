"""Trainer: one update of the weights per call, so that whoever runs it can pause, look and stop between any two.

Everything that decides the result (data order, dropout, learning rate) is a function of the recipe and the number of
the update; so a run that was interrupted goes on to the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core import devices, libraries
from ntp_studio.core.checkpoints.tensor_progress import quiet
from ntp_studio.core.tokens import HuggingFaceTokens
from ntp_studio.core.training import corpus, network
from ntp_studio.core.training.evaluation import HeldOut, evaluate
from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.training.storage import RunFolder
from ntp_studio.core.types import Cancelled, ModelFailure, ModelInfo, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel

SAVE_EVERY = 300.0  # seconds between states kept against a kill
QUICK_TOKENS = 32_768  # of the held-out text, looked at during the run; all of it at the end
Progress = Callable[[str, float | None], None]


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
        self.recipe = recipe
        self.folder = RunFolder(recipe.output)
        texts = corpus.read_texts(recipe.texts)
        if not _resuming:
            self.folder.begin(recipe)
        self._say("Bringing in PyTorch", None)
        libraries.bring_in()
        import torch

        with quiet():
            self._prepare(texts)
        self._optimizers = network.optimizers(self.network, recipe)
        self.parameters = sum(p.numel() for p in self.network.parameters())
        self.learning = sum(p.numel() for p in self.network.parameters() if p.requires_grad)
        self.blocks = corpus.Blocks(self.corpus.train, self.context, recipe.batch_size, recipe.seed)
        per_epoch = self.blocks.per_epoch / recipe.batch_size
        self.total_steps = recipe.steps or max(1, math.ceil((recipe.epochs or 1) * per_epoch))
        self.precision, self._autocast = network.autocast(recipe.precision, self.device)
        self.step = 0
        self.best: HeldOut | None = None
        self._best_weights: dict[str, Any] | None = None
        self._worse = 0  # evaluations since the best
        self._saved_at = time.monotonic()
        kept = {s for s in recipe.checkpoint_steps if s <= self.total_steps}
        if recipe.checkpoint_every:
            kept |= set(range(recipe.checkpoint_every, self.total_steps + 1, recipe.checkpoint_every))
        self._checkpoints = kept
        if not _resuming:
            item = devices.ITEM_BYTES[recipe.save_dtype]
            self.folder.make_room(self.parameters * item * (len(kept) + 2) + 12 * self.learning)
            self.folder.write_log(
                event="begin",
                parameters=self.parameters,
                learning=self.learning,
                steps=self.total_steps,
                train_tokens=len(self.corpus.train),
                held_out_tokens=len(self.corpus.held_out) - 1,
                held_out_bytes=self.corpus.held_out_bytes,
                device=self.device,
                precision=self.precision,
                torch=torch.__version__,
            )

    def _prepare(self, texts: list[str]) -> None:
        import torch

        recipe = self.recipe
        self.device = devices.choose(recipe.device, "float32", None).device
        if self.device == "cpu":
            torch.set_num_threads(devices.cpu_threads())
        if recipe.base is None:
            self._say("Learning the vocabulary", None)
            train_texts, _ = corpus.split(texts, recipe.held_out)
            self.tokenizer = corpus.train_tokenizer(train_texts, recipe.vocab_size, recipe.context)
            self.context = recipe.context
            self._say("Reading the text", None)
            self.corpus = corpus.build(self.tokenizer, texts, recipe.held_out, self.context)
            self.network = network.from_scratch(recipe, self.tokenizer, self.device)
            tokens = HuggingFaceTokens(self.tokenizer, len(self.tokenizer))
            info = ModelInfo(
                self.folder.path.name,
                str(self.folder.path),
                "hugging face",
                "GPT2LMHeadModel",
                sum(p.numel() for p in self.network.parameters()),
                len(self.tokenizer),
                self.context,
                0,
            )
        else:
            self._say(f"Opening {Path(recipe.base).name}", None)
            base = network.opened(recipe, self.device, self._cancelled)
            assert isinstance(base.tokens, HuggingFaceTokens)
            self.network, tokens, info = base.network, base.tokens, base.info
            self.tokenizer = tokens.tokenizer
            self.context = min(recipe.context, info.context_length)
            self._say("Reading the text", None)
            self.corpus = corpus.build(self.tokenizer, texts, recipe.held_out, self.context)
        self.model: LanguageModel = network.live_model(self.network, tokens, info, self.device)

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

        Raises ModelFailure when the loss is no longer finite; the last checkpoint is still good then.
        """
        import torch
        import torch.nn.functional as F

        started = time.perf_counter()
        recipe = self.recipe
        rate = self.learning_rate(self.step)
        if recipe.dropout:
            torch.manual_seed(recipe.seed * 1_000_003 + self.step)  # so that a resumed run drops the same
        self.network.train()
        batch = torch.from_numpy(self.blocks.batch(self.step)).to(self.device)
        with self._autocast():
            logits = self.network(input_ids=batch[:, :-1], use_cache=False).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._learning_weights(), recipe.clip)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.network.eval()
        self.model.forget()  # its cache is of the weights before
        value = loss.item()
        if not math.isfinite(value):
            raise ModelFailure(
                f"The loss became {value} at step {self.step + 1:,}; begin again with a lower learning rate. "
                "The checkpoints kept before are good."
            )
        self.step += 1
        update = Update(self.step, value, rate, float(norm), batch[:, 1:].numel(), time.perf_counter() - started)
        return self._look_and_keep(update)

    def _learning_weights(self) -> list[Any]:
        return [p for p in self.network.parameters() if p.requires_grad]

    def _look_and_keep(self, update: Update) -> Update:
        held_out, checkpoint = None, None
        due = self.step in self._checkpoints or self.step == self.total_steps
        if due or self.step % self.recipe.evaluate_every == 0:
            held_out = self.evaluate(quick=True)
            self._compare(held_out)
        if self.step in self._checkpoints:
            checkpoint = self.folder.save_model(self.network, self.tokenizer, self.recipe.save_dtype, step=self.step)
        update = replace(update, held_out=held_out, checkpoint=checkpoint)
        self.folder.write_log(event="step", **_fields(update))
        if time.monotonic() - self._saved_at > SAVE_EVERY:
            self.save_state()
        return update

    def evaluate(self, *, quick: bool = False, cancelled: Callable[[], bool] | None = None) -> HeldOut | None:
        """Held-out figures of the present weights: over a sample in windows side by side when `quick`, else over all of
        it in windows that move on by half. None where nothing is held out."""
        ids = self.corpus.held_out
        if len(ids) < 2:
            return None
        return evaluate(
            self.network,
            ids,
            self.corpus.held_out_bytes,
            context=self.context,
            stride=self.context if quick else self.context // 2,
            limit=QUICK_TOKENS if quick else None,
            autocast=self._autocast,
            cancelled=cancelled,
        )

    def _compare(self, held_out: HeldOut | None) -> None:
        """Keep the best weights, where an early stop may want them back."""
        if held_out is None or (self.best is not None and held_out.loss >= self.best.loss):
            self._worse += 1
            return
        self.best, self._worse = held_out, 0
        if self.recipe.patience:
            self._best_weights = {
                name: weight.detach().cpu().clone()
                for name, weight in self.network.named_parameters()
                if weight.requires_grad
            }

    # -- keeping -------------------------------------------------------------------------------------------------------

    def save_state(self) -> None:
        """Keep all that is needed to go on from here to the same result."""
        best = self.best
        self.folder.save_state(
            {
                "step": self.step,
                "weights": {n: w.detach().cpu() for n, w in self.network.named_parameters() if w.requires_grad},
                "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
                "best": None if best is None else (best.loss, best.tokens, best.bytes),
                "best_weights": self._best_weights,
                "worse": self._worse,
            }
        )
        self._saved_at = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self._put_back(state["weights"])
            for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.best = None if state["best"] is None else HeldOut(*state["best"])
            self._best_weights, self._worse = state["best_weights"], int(state["worse"])
            self.step = int(state["step"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise StudioError(f"The state of the run in {self.folder.path} is damaged; begin it again.") from error

    def _put_back(self, weights: dict[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, weight in self.network.named_parameters():
                if weight.requires_grad:
                    weight.copy_(weights[name])
        self.model.forget()

    def finish(self, *, evaluate: bool = True) -> Result:
        """Write the weights (after an early stop the best ones) as the run's result, with the state to go on from.

        Without `evaluate` the figures over the whole held-out text are left out, which is quicker: a person waits.
        """
        reason = self.finished or "stopped"
        self.save_state()
        if reason == "early stop" and self._best_weights is not None:
            self._put_back(self._best_weights)
        held_out = self.evaluate() if evaluate else None
        self.folder.save_model(self.network, self.tokenizer, self.recipe.save_dtype)
        self.folder.write_log(event="end", step=self.step, reason=reason, **_figures(held_out))
        return Result(self.folder.path, self.step, reason, held_out)


def _fields(update: Update) -> dict[str, Any]:
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
    return fields | _figures(update.held_out)


def _figures(held_out: HeldOut | None) -> dict[str, float]:
    if held_out is None:
        return {}
    return {
        "held_out_loss": held_out.loss,
        "perplexity": held_out.perplexity,
        "bits_per_byte": held_out.bits_per_byte,
        "held_out_tokens": held_out.tokens,
    }
