"""Tiny models on disk for the self-test: random weights, real files, made by the libraries that will read them.

Each takes some milliseconds and some hundred kilobytes. Nothing is downloaded and nothing of it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

END = "<|endoftext|>"
CONTEXT, HIDDEN, LAYERS, HEADS = 64, 32, 2, 4
SENTENCES = (
    "Once upon a time there was a king who had three daughters, and the youngest was the wisest of them.",
    "A language model chooses its next token, one token at a time.",
)
_COMMON = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
_ROWS = {
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": CONTEXT,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": HIDDEN, "n_layer": LAYERS, "n_head": HEADS, "n_positions": CONTEXT},
    "llama": _ROWS | {"num_key_value_heads": HEADS // 2},
    "qwen2": _ROWS | {"num_key_value_heads": HEADS // 2},
    "gpt_neox": _ROWS,
}


def byte_level_bpe(sentences: Sequence[str], vocab_size: int) -> str:
    """tokenizer.json of a byte-level BPE trained on the sentences; END is token 0."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[END],
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return str(tokenizer.to_str())


@cache
def _tokenizer_json() -> str:
    return byte_level_bpe(SENTENCES * 3, 300)


def _vocabulary() -> list[str]:
    ids: dict[str, int] = json.loads(_tokenizer_json())["model"]["vocab"]
    return sorted(ids, key=lambda token: ids[token])


def _network(architecture: str) -> Any:
    """A causal language model of transformers with weights wide enough that its distributions are not flat."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    sizes = ARCHITECTURES[architecture] | _COMMON | {"vocab_size": len(_vocabulary())}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **sizes), dtype=torch.float32)
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0.0, 0.3)
    return made.eval()


def make_folder(folder: Path, architecture: str) -> Path:
    """A Hugging Face folder of one of the ARCHITECTURES."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    _network(architecture).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_tokenizer_json()), bos_token=END, eos_token=END, model_max_length=CONTEXT
    ).save_pretrained(folder)
    return folder


def make_adapter(folder: Path, base: Path) -> Path:
    """A folder of LoRA weights for the model in `base`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        tuned = get_peft_model(network, LoraConfig(r=2, init_lora_weights=False, task_type="CAUSAL_LM"))
    tuned.save_pretrained(folder)
    return folder


def make_gguf(file: Path) -> Path:
    """A llama in one GGUF file with its tokenizer inside, its large matrices quantised to 8 bits."""
    import gguf
    import numpy as np

    network = _network("llama")
    config, words = network.config, _vocabulary()
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("tiny llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(words))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL if word == END else gguf.TokenType.NORMAL for word in words])
    merges = json.loads(_tokenizer_json())["model"]["merges"]
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in merges])
    writer.add_bos_token_id(words.index(END))
    writer.add_eos_token_id(words.index(END))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    for name, tensor in network.state_dict().items():
        stem, suffix = name.rsplit(".", 1)
        values = tensor.numpy().astype(np.float32)
        kind = gguf.GGMLQuantizationType.Q8_0 if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        stored = gguf.quants.quantize(values, kind)
        writer.add_tensor(f"{names.get_name(stem)}.{suffix}", stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
