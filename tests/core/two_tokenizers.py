"""Vocabularies that cut the same text differently, and models on them."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from ntp_studio.core.model import LanguageModel
from ntp_studio.core.tokens import CharacterTokens, HuggingFaceTokens, Tokens
from ntp_studio.core.types import ModelInfo
from tests import checkpoint_makers

MERGED = (" a", "ab", " ab", "th", "the", " the", "cat", " cat", "é", "日", "at", "a b", "\n\n")


@cache
def _sentence_pieces() -> Any:
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "▁", *"abcdehnost.", "é"]
    merges = [("▁", "a"), ("a", "b"), ("▁a", "b"), ("t", "h"), ("th", "e"), ("▁", "the"), ("c", "a"), ("ca", "t")]
    for left, right in merges:
        pieces.append(left + right)
    backend = Tokenizer(models.BPE({p: i for i, p in enumerate(pieces)}, merges, byte_fallback=True, unk_token="<unk>"))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    from tokenizers.processors import TemplateProcessing

    backend.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def sentence_pieces() -> HuggingFaceTokens:
    """SentencePiece's way: a space before every text, `<s>` before that, bytes for what it lacks."""
    tokenizer = _sentence_pieces()
    return HuggingFaceTokens(tokenizer, len(tokenizer))


def byte_level(chat: bool = False) -> HuggingFaceTokens:
    """GPT-2's way, trained on a few English sentences."""
    tokenizer = checkpoint_makers.tokenizer(chat)
    return HuggingFaceTokens(tokenizer, len(tokenizer))


@cache
def _bytes_alone() -> Any:
    backend = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def bytes_alone() -> HuggingFaceTokens:
    """A token for every byte, and none besides."""
    tokenizer = _bytes_alone()
    return HuggingFaceTokens(tokenizer, len(tokenizer))


@cache
def _lower_case() -> Any:
    made = Tokenizer.from_str(checkpoint_makers._tokenizer_json())
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    return PreTrainedTokenizerFast(tokenizer_object=made)


def lower_case() -> HuggingFaceTokens:
    """A tokenizer that changes the text: its tokens do not spell it."""
    tokenizer = _lower_case()
    return HuggingFaceTokens(tokenizer, len(tokenizer))


def characters(alphabet: str = "\n abcdehnost.") -> CharacterTokens:
    return CharacterTokens(dict(enumerate(alphabet)))


def model(tokens: Tokens, *, context: int = 64, seed: int = 0, architecture: str = "llama") -> LanguageModel:
    """A tiny random model with this vocabulary."""
    net = checkpoint_makers.network(architecture, vocab=tokens.vocab_size, context=context, seed=seed)
    info = ModelInfo(
        name=f"tiny {architecture} {seed}", path="", format="hugging face", architecture=architecture,
        parameters=sum(p.numel() for p in net.parameters()), vocab_size=tokens.vocab_size,
        context_length=context, weight_bytes=0, device="cpu", dtype="float32",
    )  # fmt: skip
    made = LanguageModel(net, tokens, info)
    made.eos_ids = frozenset()  # random weights end a text anywhere
    return made


def logits(language_model: LanguageModel, ids: list[int]) -> torch.Tensor:
    """float64 [n, V], of one forward without a cache."""
    with torch.inference_mode():
        found: torch.Tensor = language_model.network(torch.tensor([ids]), use_cache=False).logits[0].double()
    return found
