"""config.json of a Hugging Face folder, read as plain JSON: the sizes that it tells, and what it is not."""

from __future__ import annotations

from typing import Any

from ntp_studio.core.types import CheckpointError

_CONTEXT = (
    "max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len", "max_sequence_length",
    "max_seq_length", "context_length",
)  # fmt: skip
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
_WIDTH = ("hidden_size", "n_embd", "d_model")
_KEY_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")

# Families that transformers can run as a decoder only when config.json says so (is_decoder), or never.
_ENCODERS = frozenset({
    "albert", "bert", "big_bird", "camembert", "canine", "convbert", "data2vec-text", "deberta", "deberta-v2",
    "distilbert", "electra", "ernie", "esm", "eurobert", "flaubert", "fnet", "funnel", "gte", "ibert", "layoutlm",
    "longformer", "luke", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra", "nomic_bert",
    "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "squeezebert", "xlm",
    "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso", "clip", "vit", "wav2vec2", "hubert", "siglip",
})  # fmt: skip


def text_part(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of the language model: those of `text_config` before the others, where there is one."""
    inner = config.get("text_config")
    return config | inner if isinstance(inner, dict) else config


def number(config: dict[str, Any], names: tuple[str, ...]) -> int:
    """The first of these settings that is a positive number, 0 without one."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0


def check_decoder(config: dict[str, Any], name: str) -> None:
    """Raise CheckpointError when config.json alone shows that the model does not predict a next token."""
    kind = str(config.get("model_type") or "")
    architectures = config.get("architectures")
    title = str(architectures[0]) if isinstance(architectures, list) and architectures else kind
    if config.get("is_encoder_decoder") or (kind in _ENCODERS and not config.get("is_decoder")):
        raise not_a_decoder(name, title)


def not_a_decoder(name: str, title: str) -> CheckpointError:
    return CheckpointError(
        f"{name} ({title}) is not a decoder-only language model, so it has no next token to show; choose a model "
        "such as GPT-2, Llama or Qwen."
    )


def context_length(config: dict[str, Any]) -> int:
    """In tokens; 0 where config.json sets no limit or leaves it to the architecture's default."""
    return number(text_part(config), _CONTEXT)


def cache_values(config: dict[str, Any]) -> int:
    """How many keys and values one token adds to the KV cache, over all layers; 0 when config.json does not tell."""
    text = text_part(config)
    heads, width, layers = number(text, _HEADS), number(text, _WIDTH), number(text, _LAYERS)
    key_heads = 1 if text.get("multi_query") else number(text, _KEY_HEADS) or heads
    size = number(text, ("head_dim",)) or (width // heads if heads else 0)
    return 2 * layers * key_heads * size


def window_note(config: dict[str, Any]) -> str:
    """A sentence about sliding-window attention, empty without it."""
    text = text_part(config)
    window = number(text, ("sliding_window",))
    if text.get("use_sliding_window") is False:
        window = 0
    if not window and text.get("model_type") == "gpt_neo":
        window = number(text, ("window_size",))
    if not window:
        return ""
    kinds = text.get("layer_types") or text.get("attention_layers")
    if isinstance(kinds, list):
        some = any(kind not in ("sliding_attention", "local") for kind in kinds)
    else:
        some = text.get("model_type") == "gpt_neo"
    return f"{'Some layers look' if some else 'Every layer looks'} at the last {window} tokens only (sliding window)."
