"""Hugging Face folders: config.json, weights in .safetensors or .bin (one file or several), a tokenizer."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core.checkpoints import hf_config
from ntp_studio.core.checkpoints.description import Description, Place, Watch
from ntp_studio.core.checkpoints.files import DTYPES, check_weight_file, read_json, safetensors_header
from ntp_studio.core.checkpoints.pickles import TensorShape, load_tensors, table_of_contents
from ntp_studio.core.checkpoints.tensor_progress import watch_tensors
from ntp_studio.core.devices import ITEM_BYTES, Placement
from ntp_studio.core.types import CheckpointError, ModelInfo

if TYPE_CHECKING:
    from ntp_studio.core.tokens import Tokens

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.(safetensors|bin)")
_TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "vocab.txt",
    "tekken.json", "tiktoken.model",
)  # fmt: skip
# Attention masks and rotary tables that old checkpoints store although they are no parameters.
_TABLES = re.compile(r"(\.attn\.bias|\.attention\.bias|masked_bias|inv_freq)$")


def describe(place: Place) -> Description:
    """The cheap look. Raises CheckpointError for a folder that cannot be loaded."""
    config = read_json(place.folder / "config.json")
    hf_config.check_decoder(config, place.name)
    text = hf_config.text_part(config)
    files = weight_files(place.folder)
    weight_bytes = sum(check_weight_file(file) for file in files)
    notes = [note for note in (hf_config.window_note(config),) if note]
    file_of: dict[str, str] = {}
    parameters, native, rows = _count(files, config, file_of)
    if not has_tokenizer(place.folder):
        raise CheckpointError(
            f"{place.name} has no tokenizer; put the model's tokenizer.json and tokenizer_config.json into "
            f"{place.folder}."
        )
    kind = str(config.get("model_type") or "unknown")
    info = ModelInfo(
        name=place.name,
        path=str(place.folder),
        format=place.format,
        architecture=kind,
        parameters=parameters,
        vocab_size=hf_config.number(text, ("vocab_size",)) or rows,
        context_length=hf_config.context_length(config),
        weight_bytes=weight_bytes,
        has_chat_template=has_chat_template(place.folder),
        notes=tuple(notes),
    )
    return Description(place, info, native, hf_config.cache_values(config), config, files, file_of=file_of)


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TOKENIZERS)


def has_chat_template(folder: Path) -> bool:
    """Whether the files beside the weights bring one."""
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(read_json(settings).get("chat_template"))


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold the weights, .safetensors before .bin. Raises CheckpointError without any."""
    for single, index in (
        ("model.safetensors", "model.safetensors.index.json"),
        ("pytorch_model.bin", "pytorch_model.bin.index.json"),
    ):
        if (folder / single).is_file():
            return (folder / single,)
        if (folder / index).is_file():
            return _indexed(folder / index)
    for ending in (".safetensors", ".bin", ".pt"):
        found = sorted(file for file in folder.glob(f"*{ending}") if not file.name.startswith(("training_", "optim")))
        shards = [match for file in found if (match := _SHARD.fullmatch(file.name))]
        if shards and len({match["stem"] for match in shards}) == 1:
            if len(shards) != int(shards[0]["total"]):
                raise CheckpointError(
                    f"{folder} holds {len(shards)} of {int(shards[0]['total'])} weight files; download the others too."
                )
            return tuple(folder / match.string for match in shards)
        if len(found) == 1:
            return (found[0],)
        if found:
            raise CheckpointError(
                f"{folder} holds {len(found)} weight files and no index that joins them; put the model's "
                f"model.safetensors.index.json beside them."
            )
    raise CheckpointError(
        f"{folder} has a config.json but no weights; put model.safetensors there, or download the model again."
    )


def _indexed(index: Path) -> tuple[Path, ...]:
    named = read_json(index).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise CheckpointError(f"{index} names no weight files; get the file again from where the model came from.")
    names = sorted({str(name) for name in named.values()})
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise CheckpointError(
            f"{index.name} names a file outside its folder ({outside[0]}); the model is not to be trusted."
        )
    missing = [name for name in names if not (index.parent / name).exists()]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(
            f"The weight file {missing[0]}{others} named in {index.name} is missing; download the model again."
        )
    return tuple(index.parent / name for name in names)


def _count(files: tuple[Path, ...], config: dict[str, Any], file_of: dict[str, str]) -> tuple[int, str | None, int]:
    """(parameters, the dtype of most of them, rows of the embedding), from the heads of the files."""
    shapes: dict[str, tuple[int, ...]] = {}
    by_dtype: dict[str | None, int] = {}
    for file in files:
        for name, (dtype, shape) in _shapes(file, config).items():
            if _TABLES.search(name) and (len(shape) in (0, 4) or name.endswith("inv_freq")):
                continue
            file_of[name], shapes[name] = file.name, shape
            by_dtype[dtype] = by_dtype.get(dtype, 0) + math.prod(shape)
    parameters = sum(by_dtype.values())
    head, embedding = shapes.get("lm_head.weight"), _embedding(shapes)
    if config.get("tie_word_embeddings") is True and head is not None and head == embedding:
        parameters -= math.prod(head)  # stored twice, held once
    native = max(by_dtype, key=lambda dtype: by_dtype[dtype]) if by_dtype else None
    return parameters, native, embedding[0] if embedding else 0


def _shapes(file: Path, config: dict[str, Any]) -> dict[str, tuple[str | None, tuple[int, ...]]]:
    """{tensor name: (dtype, shape)} of one weight file."""
    if file.suffix == ".safetensors":
        return {name: (DTYPES.get(tensor.dtype), tensor.shape) for name, tensor in safetensors_header(file).items()}
    content = table_of_contents(file)
    if content is None:  # from before torch 1.6: only its size can be known
        native = str(config.get("dtype") or config.get("torch_dtype") or "float32")
        return {"": (native, (file.stat().st_size // ITEM_BYTES.get(native, 4),))}
    tensors = {name: tensor for name, tensor in content.items() if isinstance(tensor, TensorShape)}
    if not tensors:
        raise CheckpointError(f"{file} holds no weights; download the model again.")
    return {str(name): (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}


def _embedding(shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    endings = ("wte.weight", "embed_tokens.weight", "embed_in.weight", "word_embeddings.weight")
    return next((shape for name, shape in shapes.items() if name.endswith(endings)), None)


def read(description: Description, placement: Placement, watch: Watch) -> tuple[Any, Tokens, tuple[str, ...]]:
    """(network, tokens, further notes). Any exception of the libraries may come out; `load` puts it in words."""
    from transformers import AutoConfig

    folder, info = description.place.folder, description.info
    watch.tell("config.json")
    if description.config.get("auto_map") and not _known(info.architecture):
        raise CheckpointError(
            f"{info.name} brings its own program code for its architecture ({info.architecture}), which is never run "
            "here; choose a model whose architecture transformers knows."
        )
    if not _known(info.architecture):
        raise CheckpointError(
            f'The architecture "{info.architecture}" of {info.name} is unknown to the installed transformers; update '
            "transformers, or choose another model."
        )
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model_class, config = _causal_model(config, info.name)
    tokenizer = read_tokenizer(folder, info.name)
    where = {} if placement.device == "cpu" else {"device_map": {"": placement.device}}
    weights = _weights(description, watch)
    with watch_tensors(watch, description.file_of):
        # Handing over the tensors by name keeps every renaming and conversion that from_pretrained does, while each
        # is read when its turn comes, into memory of its own: a mapped file would change or vanish under the model.
        network, report = model_class.from_pretrained(
            None,
            config=config,
            state_dict=weights,
            dtype=placement.dtype,
            output_loading_info=True,
            local_files_only=True,
            **where,
        )
        weights.clear()
    notes = check_report(report, info.name)
    _take_generation_config(network, folder)
    return network, wrap_tokenizer(tokenizer, network, info.name), notes


def _known(architecture: str) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return architecture in CONFIG_MAPPING


def _causal_model(config: Any, name: str) -> tuple[Any, Any]:
    """(the model class for this configuration, the configuration that it wants), as AutoModelForCausalLM picks them."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    kind = type(config)
    encoder = kind in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING or encoder or getattr(config, "is_encoder_decoder", False):
        raise hf_config.not_a_decoder(name, str(config.model_type))
    found = MODEL_FOR_CAUSAL_LM_MAPPING[kind]
    if isinstance(found, list | tuple):
        named = [each for each in found if each.__name__ in (getattr(config, "architectures", None) or ())]
        found = (named or found)[0]
    inner = config.sub_configs.get("text_config")
    if inner is not None and found.config_class is inner:
        config = config.get_text_config()
    return found, config


def _weights(description: Description, watch: Watch) -> dict[str, Any]:
    """All tensors by name: those of safetensors still on disk, those of pickled files in memory."""
    weights: dict[str, Any] = {}
    for number, file in enumerate(description.weight_files):
        if file.suffix == ".safetensors":
            weights.update(safetensors_header(file))
        else:
            watch.tell(file.name, number / len(description.weight_files))
            weights.update(load_tensors(file))
    return weights


def check_report(report: dict[str, Any], name: str) -> tuple[str, ...]:
    """Notes on what was left over; CheckpointError where weights are missing, which transformers fills with noise."""
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointError(
            f"Weights of {name} are missing from its files ({_few(missing)}), so it would run on noise; "
            "download the model again."
        )
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report.get("mismatched_keys") or ())
    if mismatched or report.get("error_msgs"):
        raise CheckpointError(
            f"The weights of {name} do not have the shapes that its config.json tells ({_few(mismatched)}); get "
            "config.json and weights from the same place."
        )
    unexpected = sorted(key for key in report["unexpected_keys"] if not _TABLES.search(key))
    if unexpected:
        return (f"{len(unexpected)} tensors of the files have no place in this architecture ({_few(unexpected)}).",)
    return ()


def _few(names: list[str]) -> str:
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")


def read_tokenizer(folder: Path, name: str) -> Any:
    """The tokenizer of transformers in a folder. Raises CheckpointError when its files are broken."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the libraries raise anything for a broken tokenizer file, even bare Exception
        raise CheckpointError(
            f"The tokenizer of {name} cannot be read ({_first_line(error)}); get its tokenizer files again."
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120].rstrip(".") if lines else type(error).__name__


def _take_generation_config(network: Any, folder: Path) -> None:
    """generation_config.json often names more end-of-text tokens than config.json."""
    if (folder / "generation_config.json").is_file():
        from transformers import GenerationConfig

        network.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)


def wrap_tokenizer(tokenizer: Any, network: Any, name: str) -> Tokens:
    """The tokenizer with the width of the model's logits. Raises CheckpointError when the two do not fit."""
    from ntp_studio.core.tokens import HuggingFaceTokens

    rows = int(network.get_input_embeddings().weight.shape[0])
    head = network.get_output_embeddings()
    width = int(head.weight.shape[0]) if head is not None else rows
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest < 0:
        raise CheckpointError(f"The tokenizer of {name} is empty; get its tokenizer files again.")
    if largest >= min(rows, width):
        raise CheckpointError(
            f"The tokenizer of {name} has token ids up to {largest}, but the model knows only {min(rows, width)} "
            "tokens; use the tokenizer files that belong to these weights."
        )
    return HuggingFaceTokens(tokenizer, width)
