"""The network that is trained: made from scratch, or opened and told which of its weights may change."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.checkpoints.fit import gigabytes
from ntp_studio.core.tokens import HuggingFaceTokens
from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.types import ModelInfo, NotEnoughMemory, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel


def from_scratch(recipe: Recipe, tokenizer: Any, device: str) -> Any:
    """A GPT-2 with random weights (Radford et al. 2019), a function of the recipe's seed alone."""
    import torch
    from transformers import GPT2LMHeadModel

    torch.manual_seed(recipe.seed)
    return GPT2LMHeadModel(_config(recipe, tokenizer)).to(device)


def check_memory_for_a_new_one(recipe: Recipe, tokenizer: Any, device: str) -> None:
    """Raise NotEnoughMemory before a network is made that would not fit with its gradients."""
    import torch
    from transformers import GPT2LMHeadModel

    with torch.device("meta"):  # shapes without memory
        network = GPT2LMHeadModel(_config(recipe, tokenizer))
    check_memory(network, recipe, recipe.context, device, beside=False)


def _config(recipe: Recipe, tokenizer: Any) -> Any:
    from transformers import GPT2Config

    end = tokenizer.eos_token_id
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=recipe.context,
        n_embd=recipe.width,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        resid_pdrop=recipe.dropout,
        embd_pdrop=recipe.dropout,
        attn_pdrop=0.0,  # with it, attention could not be computed by the fused kernels
        bos_token_id=end,
        eos_token_id=end,
    )


def opened(recipe: Recipe, device: str, cancelled: Callable[[], bool] | None) -> LanguageModel:
    """The base model in float32, ready to be trained on as the recipe's scope says; the network is `model.network`."""
    import torch

    assert recipe.base is not None
    model = checkpoints.load(recipe.base, device=device, dtype="float32", cancelled=cancelled)
    if not isinstance(model.tokens, HuggingFaceTokens):
        raise StudioError(
            f"{model.info.name} has a tokenizer that no Hugging Face folder can hold, so the result could not be "
            "opened; train a model of your own from scratch instead."
        )
    network = model.network
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = recipe.dropout
    if recipe.scope == "all":
        network.requires_grad_(True)
    elif recipe.scope == "last":
        blocks = _blocks(network)
        if recipe.last_blocks > len(blocks):
            raise StudioError(f"{model.info.name} has {len(blocks)} blocks, fewer than {recipe.last_blocks}.")
        for block in blocks[len(blocks) - recipe.last_blocks :]:
            block.requires_grad_(True)
    else:
        model.network = _with_lora(network, recipe, model.info)
    return model


def _blocks(network: Any) -> Any:
    """The list of transformer blocks: the one module list as long as the model is deep."""
    import torch

    depth = network.config.get_text_config().num_hidden_layers
    for module in network.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == depth:
            return module
    raise StudioError("This architecture does not show its blocks, so the last ones cannot be told; train all weights.")


def _with_lora(network: Any, recipe: Recipe, info: ModelInfo) -> Any:
    """The network frozen, with low-rank matrices beside its projections that learn (Hu et al. 2021)."""
    if importlib.util.find_spec("peft") is None:
        raise StudioError('LoRA needs the library peft; install it with: pip install "ntp-studio[lora]".')
    import torch
    from peft import LoraConfig, PeftModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=2 * recipe.lora_rank,
        lora_dropout=recipe.dropout,
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        # GPT-2's projections are stored transposed.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in network.modules()),
        base_model_name_or_path=info.path,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is going
        # Not get_peft_model: it writes the network's own name over the path, which may be a name of a hub.
        return PeftModelForCausalLM(network, config)


def check_memory(network: Any, recipe: Recipe, context: int, device: str, *, beside: bool = True) -> None:
    """Raise NotEnoughMemory where the first update would not find room: for each weight that learns a gradient and two
    averages of it in float32, and the batch's logits with their log-probabilities and gradient; and for the weights
    themselves, unless they are there already (`beside`)."""
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    logits = recipe.batch_size * context * int(network.config.get_text_config().vocab_size)
    needed = 4 * ((3 + bool(recipe.patience) + (not beside)) * learning + 3 * logits)
    free = devices.free_memory(device)
    if needed > free:
        advice = "a smaller batch" if 3 * logits > 2 * learning else "a smaller model"
        if recipe.base is not None and recipe.scope != "lora" and advice == "a smaller model":
            advice = "LoRA, fewer blocks or a smaller model"
        raise NotEnoughMemory(
            f"Training {learning:,} weights needs {gigabytes(needed)}{' beside the model' if beside else ''}, but "
            f"{gigabytes(free)} are free; choose {advice}."
        )


def live_model(network: Any, tokens: HuggingFaceTokens, info: ModelInfo, device: str) -> LanguageModel:
    """A LanguageModel that reads with the very weights in training; `forget` it after every update."""
    from ntp_studio.core.model import LanguageModel

    # LoRA's matrices sit inside the base network, which unlike peft's wrapper takes a cache.
    inner = network.get_base_model() if hasattr(network, "get_base_model") else network
    return LanguageModel(inner, tokens, replace(info, device=device, dtype="float32"))


def autocast(precision: str, device: str) -> tuple[str, Callable[[], Any]]:
    """(dtype name, context manager for a forward pass). "auto" is bfloat16 where the hardware multiplies in it."""
    import torch

    low = precision == "bfloat16" or (precision == "auto" and _bfloat16_helps(device))
    if precision == "bfloat16" and device != "cpu":
        devices.choose(device, "bfloat16", None)  # says so where it cannot
    return ("bfloat16" if low else "float32"), lambda: torch.autocast(device, torch.bfloat16, enabled=low)


def _bfloat16_helps(device: str) -> bool:
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "mps":
        return False
    tell = getattr(torch.cpu, "get_capabilities", None)  # since PyTorch 2.10
    known = dict(tell()) if tell is not None else {"avx512_bf16": torch.cpu._is_avx512_bf16_supported()}
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def optimizers(network: Any, recipe: Recipe) -> list[Any]:
    """AdamW (Loshchilov & Hutter 2019) over all weights that learn; with "muon", Muon (Jordan et al. 2024) over the
    matrices of the blocks and AdamW over the rest. Biases and gains are not decayed."""
    import torch

    learning = [p for p in network.parameters() if p.requires_grad]
    muon: list[Any] = []
    if recipe.optimizer == "muon":
        if not hasattr(torch.optim, "Muon"):
            raise StudioError("Muon needs PyTorch 2.9 or newer; choose adamw.")
        inside = {id(p) for p in _blocks(network).parameters()}
        muon = [p for p in learning if p.ndim == 2 and id(p) in inside]
    chosen = {id(p) for p in muon}
    rest = [p for p in learning if id(p) not in chosen]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    made: list[Any] = []
    if groups:
        made.append(torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True))
    if muon:
        # Scaled to AdamW's usual step, so that one learning rate serves both (Liu et al. 2025).
        made.append(
            torch.optim.Muon(
                muon, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    return made
