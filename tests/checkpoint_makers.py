"""Tiny random checkpoints on disk, for tests: real files in every format that the studio opens.

Weights are drawn from a fixed seed with a spread wide enough that the next-token distribution is far from flat.
The tokenizer is a real byte-level BPE, trained on a few sentences.
"""

from __future__ import annotations

import json
import pickle
from functools import cache
from pathlib import Path
from typing import Any

from ntp_studio.selftest_models import END, byte_level_bpe

CONTEXT = 64
WINDOW = 8  # the sliding window of the mistral model
SENTENCES = (
    "The cat sat on the mat and looked at the dog.",
    "The dog ran over the hill, and the cat ran after it.",
    "A language model chooses its next token, one token at a time.",
    "Once upon a time there was a little girl who liked to read.",
    "She read the story of the cat and the dog again and again.",
)
ARCHITECTURES = (
    "gpt2", "gpt_neo", "gptj", "gpt_neox", "opt", "bloom", "llama", "qwen2", "gemma", "phi", "mistral",
)  # fmt: skip
CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@cache
def _tokenizer_json() -> str:
    return byte_level_bpe(SENTENCES * 3, 340)


def tokenizer(chat_template: bool = False) -> Any:
    """A fast transformers tokenizer over bytes, with `<|endoftext|>` (id 0) as its end."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_tokenizer_json()), eos_token=END, bos_token=END, model_max_length=CONTEXT
    )
    if chat_template:
        made.chat_template = CHAT_TEMPLATE
    return made


def _sizes(architecture: str, hidden: int, layers: int, heads: int, vocab: int, context: int) -> dict[str, Any]:
    """The configuration of a model of that architecture and size, under the names which that architecture uses."""
    common = {"vocab_size": vocab, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
    llama = common | {
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 2),
        "max_position_embeddings": context,
    }
    gpt = common | {"n_embd": hidden, "n_layer": layers, "n_head": heads, "n_positions": context}
    if architecture == "gpt2":
        return gpt
    if architecture == "gptj":
        return gpt | {"rotary_dim": hidden // heads // 2}
    if architecture == "gpt_neo":
        types = [[["global", "local"], layers // 2]] if layers > 1 else [[["global"], 1]]
        return common | {
            "hidden_size": hidden,
            "num_layers": layers,
            "num_heads": heads,
            "max_position_embeddings": context,
            "window_size": WINDOW,
            "attention_types": types,
        }
    if architecture == "gpt_neox":
        return {key: value for key, value in llama.items() if key != "num_key_value_heads"}
    if architecture == "opt":
        return common | {
            "hidden_size": hidden,
            "ffn_dim": 2 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "max_position_embeddings": context,
            "word_embed_proj_dim": hidden,
        }
    if architecture == "bloom":
        return common | {"hidden_size": hidden, "n_layer": layers, "n_head": heads}
    if architecture == "gemma":
        return llama | {"head_dim": hidden // heads}
    if architecture == "mistral":
        return llama | {"sliding_window": WINDOW}
    return llama


def network(
    architecture: str = "gpt2",
    *,
    hidden: int = 32,
    layers: int = 2,
    heads: int = 4,
    vocab: int | None = None,
    context: int = CONTEXT,
    seed: int = 0,
    **settings: Any,
) -> Any:
    """A random causal language model of transformers, float32, in eval mode. `settings` go into its configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    vocab = len(tokenizer()) if vocab is None else vocab
    sizes = _sizes(architecture, hidden, layers, heads, vocab, context)
    config = AutoConfig.for_model(architecture, **(sizes | settings))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0.0, 0.3)
    return made.eval()


def make_hf(
    folder: Path | str,
    architecture: str = "gpt2",
    shards: int = 1,
    safetensors: bool = True,
    *,
    dtype: str = "float32",
    chat_template: bool = False,
    **settings: Any,
) -> Path:
    """A Hugging Face folder. `shards` above 1 gives about that many weight files and an index; `safetensors=False`
    gives pytorch_model.bin. Further settings are those of `network`."""
    import torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = network(architecture, **settings).to(getattr(torch, dtype))
    total = sum(parameter.numel() * parameter.element_size() for parameter in made.parameters())
    limit = {} if shards == 1 else {"max_shard_size": max(1, total // shards)}
    made.save_pretrained(folder, **limit)
    tokenizer(chat_template).save_pretrained(folder)
    if not safetensors:
        _to_bin(folder)
    return folder


def _to_bin(folder: Path) -> None:
    """Turn the safetensors files of a folder into the older pickled ones."""
    import torch
    from safetensors.torch import load_file

    files = sorted(folder.glob("*.safetensors"))
    renamed = {}
    for file in files:
        name = file.name.replace("model", "pytorch_model", 1).replace(".safetensors", ".bin")
        torch.save(load_file(file), folder / name)
        file.unlink()
        renamed[file.name] = name
    index = folder / "model.safetensors.index.json"
    if index.exists():
        content = json.loads(index.read_text())
        content["weight_map"] = {key: renamed[name] for key, name in content["weight_map"].items()}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(content))
        index.unlink()


CHARACTERS = "\n !',-.?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make_nanogpt(
    folder: Path | str, characters: bool = True, *, bias: bool = False, compiled: bool = True, vocab: int | None = None
) -> Path:
    """A folder with ckpt.pt as nanoGPT's train.py writes it; with `characters` also meta.pkl (stoi, itos).

    `compiled` puts torch.compile's `_orig_mod.` before every name; `bias` is the model's setting of that name.
    """
    import torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    size = vocab or (len(CHARACTERS) if characters else 50304)
    hidden, layers, heads = (32, 2, 4) if characters else (8, 1, 2)
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.2

    state: dict[str, torch.Tensor] = {}
    state["transformer.wte.weight"] = draw(size, hidden)
    state["transformer.wpe.weight"] = draw(CONTEXT, hidden)
    for layer in range(layers):
        stem = f"transformer.h.{layer}."
        for name, rows, columns in (
            ("attn.c_attn", 3 * hidden, hidden),
            ("attn.c_proj", hidden, hidden),
            ("mlp.c_fc", 4 * hidden, hidden),
            ("mlp.c_proj", hidden, 4 * hidden),
        ):
            state[f"{stem}{name}.weight"] = draw(rows, columns)
            if bias:
                state[f"{stem}{name}.bias"] = draw(rows)
        for name in ("ln_1", "ln_2"):
            state[f"{stem}{name}.weight"] = 1 + draw(hidden)
            if bias:
                state[f"{stem}{name}.bias"] = draw(hidden)
    state["transformer.ln_f.weight"] = 1 + draw(hidden)
    if bias:
        state["transformer.ln_f.bias"] = draw(hidden)
    state["lm_head.weight"] = state["transformer.wte.weight"]
    if compiled:
        state = {f"_orig_mod.{name}": tensor for name, tensor in state.items()}
    checkpoint = {
        "model": state,
        "optimizer": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": draw(2, 2)}}, "param_groups": [{"lr": 1e-3}]},
        "model_args": {
            "n_layer": layers,
            "n_head": heads,
            "n_embd": hidden,
            "block_size": CONTEXT,
            "bias": bias,
            "vocab_size": size,
            "dropout": 0.0,
        },
        "iter_num": 3,
        "best_val_loss": torch.tensor(2.5),
        "config": {"dataset": "tiny", "batch_size": 4, "learning_rate": 1e-3, "compile": compiled},
    }
    torch.save(checkpoint, folder / "ckpt.pt")
    if characters:
        meta = {
            "vocab_size": len(CHARACTERS),
            "itos": dict(enumerate(CHARACTERS)),
            "stoi": {character: number for number, character in enumerate(CHARACTERS)},
        }
        (folder / "meta.pkl").write_bytes(pickle.dumps(meta))
    return folder


def make_gguf(folder: Path | str, *, quantization: str = "F32", chat_template: bool = False, **settings: Any) -> Path:
    """A llama model as one GGUF file in `folder`, with its tokenizer inside; the path of the file comes back.

    `quantization` is a name of gguf's GGMLQuantizationType that gguf can write (F32, F16, Q8_0, Q4_1, …); norms stay
    float32. `settings` are those of `network`; `network("llama", **settings)` is the same model before that.
    """
    import gguf
    import numpy as np

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"tiny-{quantization}.gguf"
    made = network("llama", **settings)
    config = made.config
    kind = gguf.GGMLQuantizationType[quantization]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny Llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if quantization == "F32" else _file_type(quantization))
    _add_gguf_tokenizer(writer, chat_template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in made.state_dict().items():
        stem, suffix = name.rsplit(".", 1)
        values = tensor.numpy().astype(np.float32)
        if ".q_proj." in name:
            values = _permute(values, config.num_attention_heads)
        elif ".k_proj." in name:
            values = _permute(values, config.num_key_value_heads)
        stored = kind if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(
            f"{names.get_name(stem)}.{suffix}", gguf.quants.quantize(values, stored), raw_dtype=stored
        )  # fmt: skip
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _file_type(quantization: str) -> int:
    import gguf

    return int(gguf.LlamaFileType[f"MOSTLY_{quantization}"])


def _permute(values: Any, heads: int) -> Any:
    """The row order of llama.cpp's rotary embedding, as its convert_hf_to_gguf.py lays it out."""
    rows = values.shape[0]
    halves = values.reshape(heads, 2, rows // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _add_gguf_tokenizer(writer: Any, chat_template: bool) -> None:
    import gguf

    content = json.loads(_tokenizer_json())
    tokens = sorted(content["model"]["vocab"], key=content["model"]["vocab"].get)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]]
    kinds = [gguf.TokenType.CONTROL if token == END else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index(END))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(False)
    if chat_template:
        writer.add_chat_template(CHAT_TEMPLATE)
