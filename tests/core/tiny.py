"""Tiny random models in memory, for tests that need no file."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ntp_studio.core.model import LanguageModel
from ntp_studio.core.tokens import HuggingFaceTokens
from ntp_studio.core.types import ModelInfo
from tests import checkpoint_makers

ARCHITECTURES = (
    "gpt2", "gpt_neo", "gptj", "gpt_neox", "opt", "bloom", "llama", "qwen2", "gemma", "phi", "mistral"
)  # fmt: skip


@lru_cache(maxsize=32)
def network(architecture: str = "llama", **settings: Any) -> Any:
    return checkpoint_makers.network(architecture, **settings)


def model(architecture: str = "llama", *, chat: bool = False, **settings: Any) -> LanguageModel:
    """A LanguageModel on a (shared) tiny network; the cache is its own."""
    net = network(architecture, **settings)
    tokenizer = checkpoint_makers.tokenizer(chat)
    context = settings.get("context", checkpoint_makers.CONTEXT)
    info = ModelInfo(
        name=f"tiny {architecture}", path="", format="hugging face", architecture=architecture,
        parameters=sum(p.numel() for p in net.parameters()), vocab_size=net.config.vocab_size,
        context_length=context, weight_bytes=0, device="cpu", dtype="float32",
    )  # fmt: skip
    return LanguageModel(net, HuggingFaceTokens(tokenizer, net.config.vocab_size), info)
