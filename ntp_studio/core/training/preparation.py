"""Before the first update: the texts become token ids, and the network is made or opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core import devices
from ntp_studio.core.tokens import HuggingFaceTokens
from ntp_studio.core.training import corpus, network
from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.types import Cancelled, ModelInfo, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a trainer works on. `context` is the length of a block in tokens; `model` reads with the weights of
    `network`, whatever they are at the moment."""

    device: str
    context: int
    corpus: corpus.Corpus
    tokenizer: Any
    network: Any
    model: LanguageModel


def placed(recipe: Recipe) -> Recipe:
    """With whole paths, so that the run can go on from any folder."""
    try:
        texts = tuple(str(Path(text).expanduser().absolute()) for text in recipe.texts)
        base = None if recipe.base is None else str(Path(recipe.base).expanduser().absolute())
    except (RuntimeError, TypeError) as error:
        raise StudioError(f"The texts or the base of the training are no paths ({error}); name them anew.") from error
    return replace(recipe, texts=texts, base=base)


def prepare(recipe: Recipe, texts: list[str], say: Progress, cancelled: Callable[[], bool]) -> Prepared:
    """Raises StudioError for texts that are too short or a base that cannot be trained on; Cancelled."""
    import torch

    device = devices.choose(recipe.device, "float32", None).device
    if device == "cpu":
        torch.set_num_threads(devices.cpu_threads())
    make = _from_scratch if recipe.base is None else _on_a_base
    return make(recipe, texts, device, say, cancelled)


def _from_scratch(
    recipe: Recipe, texts: list[str], device: str, say: Progress, cancelled: Callable[[], bool]
) -> Prepared:
    say("Learning the vocabulary", None)
    train_texts, _ = corpus.split(texts, recipe.held_out)
    tokenizer = corpus.train_tokenizer(
        train_texts, recipe.vocab_size, recipe.context, lambda: _stop_if(cancelled, "learning the vocabulary")
    )
    say("Reading the text", None)
    read = corpus.build(tokenizer, texts, recipe.held_out, recipe.context)
    network.check_memory_for_a_new_one(recipe, tokenizer, device)
    made = network.from_scratch(recipe, tokenizer, device)
    folder = Path(recipe.output).expanduser().absolute()
    parameters = sum(p.numel() for p in made.parameters())
    info = ModelInfo(
        name=folder.name,
        path=str(folder),
        format="hugging face",
        architecture="GPT2LMHeadModel",
        parameters=parameters,
        vocab_size=len(tokenizer),
        context_length=recipe.context,
        weight_bytes=0,
    )
    model = network.live_model(made, HuggingFaceTokens(tokenizer, len(tokenizer)), info, device)
    return Prepared(device, recipe.context, read, tokenizer, made, model)


def _stop_if(cancelled: Callable[[], bool], doing: str) -> None:
    if cancelled():
        raise Cancelled(f"The training was cancelled while {doing}.")


def _on_a_base(recipe: Recipe, texts: list[str], device: str, say: Progress, cancelled: Callable[[], bool]) -> Prepared:
    assert recipe.base is not None
    say(f"Opening {Path(recipe.base).name}", None)
    base = network.opened(recipe, device, cancelled)
    assert isinstance(base.tokens, HuggingFaceTokens)
    tokenizer = base.tokens.tokenizer
    context = min(recipe.context, base.info.context_length)
    say("Reading the text", None)
    read = corpus.build(tokenizer, texts, recipe.held_out, context)
    model = network.live_model(base.network, base.tokens, base.info, device)
    return Prepared(device, context, read, tokenizer, base.network, model)
