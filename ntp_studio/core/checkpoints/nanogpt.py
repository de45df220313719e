"""nanoGPT's ckpt.pt, as its train.py writes it (https://github.com/karpathy/nanoGPT), run as transformers' GPT-2.

Both compute the same function: nanoGPT's linear layers are GPT-2's Conv1D transposed, its GELU is the exact one, and a
model without biases is one whose biases are zero.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core.checkpoints.description import Description, Place, Watch
from ntp_studio.core.checkpoints.huggingface import check_report, wrap_tokenizer
from ntp_studio.core.checkpoints.locate import hub_cache, snapshot
from ntp_studio.core.checkpoints.pickles import load_tensors, plain_data, table_of_contents
from ntp_studio.core.checkpoints.tensor_progress import watch_tensors
from ntp_studio.core.devices import Placement
from ntp_studio.core.types import CheckpointError, ModelInfo

if TYPE_CHECKING:
    from ntp_studio.core.tokens import Tokens

_SIZES = ("n_layer", "n_head", "n_embd", "block_size", "vocab_size")
_TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
_GPT2_VOCABULARY = 50257  # nanoGPT pads it to 50304
_GPT2_END = 50256
_COMPILED = "_orig_mod."  # torch.compile puts it before every name


def describe(place: Place) -> Description:
    """The cheap look. Raises CheckpointError for a file that nanoGPT did not write."""
    assert place.file is not None
    content = table_of_contents(place.file)
    if content is None:
        content = load_tensors(place.file)
    arguments, tensors = _parts(content, place.file)
    info = ModelInfo(
        name=place.name,
        path=str(place.file),
        format=place.format,
        architecture="gpt2",
        parameters=sum(_elements(tensor) for name, tensor in tensors.items() if name != "lm_head.weight"),
        vocab_size=arguments["vocab_size"],
        context_length=arguments["block_size"],
        weight_bytes=place.file.stat().st_size,
        notes=("A nanoGPT checkpoint, run as GPT-2 with exact GELU.",),
    )
    dtypes = {getattr(tensor, "dtype", None) for tensor in tensors.values()} - {None}
    native = str(next(iter(dtypes))).removeprefix("torch.") if len(dtypes) == 1 else "float32"
    cache = 2 * arguments["n_layer"] * arguments["n_embd"]
    _check_tokenizer_there(place, arguments["vocab_size"])
    return Description(place, info, native, cache, arguments, (place.file,))


def _elements(tensor: Any) -> int:
    return math.prod(tensor.shape)


def _parts(content: Any, file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(model_args, tensors by their names without torch.compile's prefix and without attention masks)."""
    arguments = content.get("model_args") if isinstance(content, dict) else None
    state = content.get("model") if isinstance(content, dict) else None
    if not isinstance(arguments, dict) or not isinstance(state, dict):
        raise CheckpointError(
            f"{file} is not a nanoGPT checkpoint (it has no model_args and model); choose a ckpt.pt that nanoGPT's "
            "train.py wrote, or a Hugging Face folder."
        )
    wrong = [name for name in _SIZES if not isinstance(arguments.get(name), int) or arguments[name] < 1]
    if wrong:
        raise CheckpointError(f"{file} does not tell {wrong[0]} in its model_args; write it again with train.py.")
    tensors = {str(name).removeprefix(_COMPILED): tensor for name, tensor in state.items()}
    return arguments, {name: tensor for name, tensor in tensors.items() if not name.endswith(".attn.bias")}


def read(description: Description, placement: Placement, watch: Watch) -> tuple[Any, Tokens, tuple[str, ...]]:
    """(network, tokens, further notes). Any exception of the libraries may come out; `load` puts it in words."""
    from transformers import GPT2Config, GPT2LMHeadModel

    place, sizes = description.place, description.config
    assert place.file is not None
    watch.tell(place.file.name, None)
    # Mapped, as two thirds of the file are the optimiser's; what is used is copied out below.
    _, tensors = _parts(load_tensors(place.file, mapped=True), place.file)
    tied = "lm_head.weight" not in tensors or bool(
        tensors["lm_head.weight"].equal(tensors.get("transformer.wte.weight", tensors["lm_head.weight"]))
    )
    state = _as_gpt2(tensors, tied, watch, place.file.name)
    del tensors
    end = _GPT2_END if sizes["vocab_size"] >= _GPT2_VOCABULARY else None
    config = GPT2Config(
        vocab_size=sizes["vocab_size"],
        n_positions=sizes["block_size"],
        n_embd=sizes["n_embd"],
        n_layer=sizes["n_layer"],
        n_head=sizes["n_head"],
        activation_function="gelu",
        tie_word_embeddings=tied,
        bos_token_id=end,
        eos_token_id=end,
    )
    where = {} if placement.device == "cpu" else {"device_map": {"": placement.device}}
    with watch_tensors(Watch(None, watch.cancelled), {}):
        network, report = GPT2LMHeadModel.from_pretrained(
            None, config=config, state_dict=state, dtype=placement.dtype, output_loading_info=True, **where
        )
    state.clear()
    notes = check_report(report, description.info.name)
    return network, _tokens(place, network, description.info.name), notes


def _as_gpt2(tensors: dict[str, Any], tied: bool, watch: Watch, message: str) -> dict[str, Any]:
    """The tensors under transformers' names and in its layout, in memory of their own; zeros for absent biases."""
    import torch

    state: dict[str, Any] = {}
    for done, (name, tensor) in enumerate(tensors.items()):
        watch.tell(message, done / len(tensors))
        if name == "lm_head.weight" and tied:
            continue
        state[name] = tensor.t().contiguous() if name.endswith(_TRANSPOSED) else tensor.clone()
        bias = name.removesuffix("weight") + "bias"
        if name.startswith(("transformer.h.", "transformer.ln_f.")) and bias not in tensors:
            state[bias] = torch.zeros(tensor.shape[0], dtype=tensor.dtype)
    return state


def _check_tokenizer_there(place: Place, vocab_size: int) -> None:
    if (place.folder / "meta.pkl").is_file() or (place.folder / "tokenizer.json").is_file():
        return
    if vocab_size < _GPT2_VOCABULARY:
        raise CheckpointError(
            f"{place.name} has no tokenizer; copy the meta.pkl of the data set that it was trained on (as nanoGPT's "
            f"prepare.py wrote it) into {place.folder}."
        )
    if gpt2_tokenizer_folder() is None:
        raise CheckpointError(
            f"{place.name} uses GPT-2's tokenizer, which is not on this machine; copy GPT-2's tokenizer.json into "
            f"{place.folder}."
        )


def gpt2_tokenizer_folder() -> Path | None:
    """A folder of the Hugging Face cache with GPT-2's tokenizer, None when it was never downloaded."""
    for name in ("gpt2", "openai-community--gpt2", "distilgpt2", "distilbert--distilgpt2", "gpt2-medium",
                 "openai-community--gpt2-medium", "gpt2-large", "gpt2-xl"):  # fmt: skip
        repository = hub_cache() / f"models--{name}"
        if (repository / "snapshots").is_dir():
            try:
                folder = snapshot(repository)
            except CheckpointError:
                continue
            if (folder / "tokenizer.json").is_file() or (folder / "merges.txt").is_file():
                return folder
    return None


def _tokens(place: Place, network: Any, name: str) -> Tokens:
    meta = place.folder / "meta.pkl"
    if meta.is_file():
        return _character_tokens(meta, int(network.config.vocab_size))
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    own = place.folder / "tokenizer.json"
    try:
        if own.is_file():
            return wrap_tokenizer(PreTrainedTokenizerFast(tokenizer_file=str(own)), network, name)
        folder = gpt2_tokenizer_folder()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except CheckpointError:
        raise
    except Exception as error:  # the tokenizers library raises bare Exception for a broken file
        raise CheckpointError(f"The tokenizer of {name} cannot be read; get its tokenizer.json again.") from error
    return wrap_tokenizer(tokenizer, network, name)


def _character_tokens(meta: Path, vocab_size: int) -> Tokens:
    from ntp_studio.core.tokens import CharacterTokens

    content = plain_data(meta)
    itos = content.get("itos") if isinstance(content, dict) else None
    if isinstance(itos, list | tuple):
        itos = dict(enumerate(itos))
    fits = (
        isinstance(itos, dict)
        and bool(itos)
        and all(isinstance(number, int) and isinstance(text, str) for number, text in itos.items())
    )
    if not fits:
        raise CheckpointError(f"{meta} holds no character table (itos); write it again with nanoGPT's prepare.py.")
    assert isinstance(itos, dict)
    if sorted(itos) != list(range(len(itos))) or len(itos) > vocab_size:
        raise CheckpointError(
            f"{meta} knows {len(itos)} characters and the model {vocab_size}; use the meta.pkl that belongs to it."
        )
    return CharacterTokens(itos, vocab_size)
