"""GGUF files, as llama.cpp uses them: read through transformers, which dequantises the weights."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core.checkpoints.description import Description, Place, Watch
from ntp_studio.core.checkpoints.gguf_header import GgufHeader, GgufTensor, read_header
from ntp_studio.core.checkpoints.hf_config import not_a_decoder
from ntp_studio.core.checkpoints.huggingface import check_report, wrap_tokenizer
from ntp_studio.core.checkpoints.tensor_progress import watch_tensors
from ntp_studio.core.devices import Placement
from ntp_studio.core.types import CheckpointError, ModelInfo

if TYPE_CHECKING:
    from ntp_studio.core.tokens import Tokens

_PLAIN = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_NO_DECODERS = ("bert", "clip", "t5", "jina-bert", "nomic-bert", "diffusion", "wavtokenizer", "mmproj", "whisper")
_patching = threading.Lock()


def describe(place: Place) -> Description:
    """The cheap look: the head of the file. Raises CheckpointError for a file that cannot be loaded."""
    assert place.file is not None
    header = read_header(place.file)
    if any(header.architecture.startswith(name) for name in _NO_DECODERS):
        raise not_a_decoder(place.name, header.architecture)
    parts = header.metadata.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        raise CheckpointError(f"{place.name} is one of {parts} parts; join them with llama-gguf-split --merge first.")
    _check_whole(place.file, header)
    vocabulary = header.lengths.get("tokenizer.ggml.tokens", 0)
    if not vocabulary or header.metadata.get("tokenizer.ggml.model") == "no_vocab":
        raise CheckpointError(f"{place.name} has no tokenizer inside; choose a GGUF file made with one.")
    quantization = quantization_name(header)
    native = _PLAIN.get(quantization)
    notes = []
    if native is None:
        notes.append(f"Stored as {quantization}: the weights are dequantised, so they need more memory than the file.")
    if window := header.number("attention.sliding_window"):
        notes.append(f"Layers with a sliding window look at the last {window} tokens only.")
    heads = header.number("attention.head_count")
    width = header.number("attention.key_length") or (header.number("embedding_length") // heads if heads else 0)
    key_heads = header.number("attention.head_count_kv") or heads
    info = ModelInfo(
        name=place.name,
        path=str(place.file),
        format=place.format,
        architecture=header.architecture,
        parameters=sum(tensor.elements for tensor in header.tensors if not tensor.name.startswith("rope_")),
        vocab_size=header.number("vocab_size") or vocabulary,
        context_length=header.number("context_length"),
        weight_bytes=place.file.stat().st_size,
        has_chat_template="tokenizer.chat_template" in header.metadata,
        notes=tuple(notes),
    )
    cache = 2 * header.number("block_count") * key_heads * width
    largest = max(tensor.elements for tensor in header.tensors)
    return Description(place, info, native, cache, header.metadata, (place.file,), largest)


def quantization_name(header: GgufHeader) -> str:
    """As in file names (Q4_K_M, F16, …): what the file says of itself, else the kind of most of its weights."""
    from gguf.constants import GGMLQuantizationType, LlamaFileType

    try:
        said = str(LlamaFileType(header.metadata["general.file_type"]).name)
        return said.removeprefix("MOSTLY_").removeprefix("ALL_")
    except (KeyError, ValueError):
        largest = max(header.tensors, key=lambda tensor: tensor.elements)
        return str(GGMLQuantizationType(largest.kind).name)


def _check_whole(file: Path, header: GgufHeader) -> None:
    """Raise CheckpointError when a tensor reaches beyond the end of the file, or its kind is unknown."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    end = 0
    for tensor in header.tensors:
        try:
            per_block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
        except (ValueError, KeyError) as error:
            raise CheckpointError(
                f"{file.name} stores weights in a form (type {tensor.kind}) unknown to the installed gguf package; "
                "update gguf, or choose another quantisation."
            ) from error
        end = max(end, tensor.offset + tensor.elements // per_block * block_bytes)
    if end > file.stat().st_size:
        raise CheckpointError(f"The GGUF file {file} is cut short; download it again.")


def read(description: Description, placement: Placement, watch: Watch) -> tuple[Any, Tokens, tuple[str, ...]]:
    """(network, tokens, further notes). Any exception of the libraries may come out; `load` puts it in words."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    file, name = description.place.file, description.info.name
    assert file is not None
    where = {} if placement.device == "cpu" else {"device_map": {"": placement.device}}
    # The whole path, because transformers would take a file of that name in the current folder first.
    common: dict[str, Any] = {"gguf_file": str(file), "local_files_only": True, "trust_remote_code": False}
    watch.tell(file.name, None)
    with _quick_reading(file, read_header(file), watch), watch_tensors(Watch(None, watch.cancelled), {}):
        config = AutoConfig.from_pretrained(file.parent, **common)
        _check_decoder(config, name)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **common) if _tokenizer_reads_itself() else None
        network, report = AutoModelForCausalLM.from_pretrained(
            file.parent,
            config=config,
            dtype=placement.dtype,
            output_loading_info=True,
            **_unpacked(),
            **where,
            **common,
        )
    if tokenizer is None:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **common)
    notes = check_report(report, name)
    return network, wrap_tokenizer(tokenizer, network, name), notes


def _check_decoder(config: Any, name: str) -> None:
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or getattr(config, "is_encoder_decoder", False):
        raise not_a_decoder(name, str(config.model_type))


def _unpacked() -> dict[str, Any]:
    """Ask for dequantised weights, where transformers could also leave them packed (which needs other kernels)."""
    try:
        from transformers import GgufConfig
    except ImportError:
        return {}
    return {"quantization_config": GgufConfig(dequantize=True)}


def _tokenizer_reads_itself() -> bool:
    """Whether transformers reads the vocabulary with a reader of its own, not with gguf's."""
    try:
        from transformers.integrations.gguf import get_gguf_tokenizer  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _quick_reading(file: Path, header: GgufHeader, watch: Watch) -> Iterator[None]:
    """While inside, transformers reads `file` through `header`, and builds gguf's table of names once per model.

    By itself it parses the file with gguf's reader for each of config, tokenizer and weights (about 3 s each for a
    vocabulary of 50,000), and builds the table of tensor names anew for every submodule (5 s for 30 layers).
    """
    import gguf
    from transformers import modeling_gguf_pytorch_utils as loader

    reader, original_reader = _Reader(file, header, watch), gguf.GGUFReader
    replaced: list[tuple[Any, str, Any]] = [
        (gguf, "GGUFReader", lambda path: reader if Path(path) == file else original_reader(path)),
        (gguf, "get_tensor_name_map", functools.cache(gguf.get_tensor_name_map)),
        (loader, "tqdm", lambda work, **settings: work),  # no bar on a terminal that may not be there
    ]
    with _patching:
        before = [(module, name, getattr(module, name)) for module, name, _ in replaced]
        try:
            for module, name, value in replaced:
                setattr(module, name, value)
            yield
        finally:
            for module, name, value in before:
                setattr(module, name, value)


class _Reader:
    """What transformers uses of gguf.GGUFReader: `fields` without the vocabulary, and `tensors`."""

    def __init__(self, file: Path, header: GgufHeader, watch: Watch) -> None:
        import numpy as np

        blob = np.asarray(np.memmap(file, mode="r", dtype=np.uint8))
        total = len(header.tensors)
        self.tensors = [_Tensor(t, blob, watch, file.name, n / total) for n, t in enumerate(header.tensors)]
        self.fields: dict[str, _Field] = {}
        for key, value in header.metadata.items():
            if value is not None:
                self.fields[key] = _Field(value, header.types[key])
            elif key == "tokenizer.ggml.tokens":
                self.fields[key] = _Field("", header.types[key], repeated=header.lengths[key])


class _Field:
    """Like gguf.ReaderField: parts[i] for i in data are the value, or the elements of an array."""

    def __init__(self, value: Any, types: tuple[int, ...], repeated: int = 1) -> None:
        values = value if isinstance(value, list) else [value]
        self.parts: list[Any] = [v.encode() if isinstance(v, str) else [v] for v in values]
        self.data = list(range(len(values))) * repeated
        self.types = list(types)


class _Tensor:
    """Like gguf.ReaderTensor; its data is taken from the file when asked for, which `watch` hears of."""

    def __init__(self, row: GgufTensor, blob: Any, watch: Watch, message: str, fraction: float) -> None:
        from gguf.constants import GGMLQuantizationType

        self.name = row.name
        self.tensor_type = GGMLQuantizationType(row.kind)
        self._row, self._blob = row, blob
        self._watch, self._message, self._fraction = watch, message, fraction

    @property
    def data(self) -> Any:
        """The bytes as stored, uint8, last dimension in bytes."""
        from gguf.quants import quant_shape_to_byte_shape

        self._watch.tell(self._message, self._fraction)
        shape = quant_shape_to_byte_shape(tuple(reversed(self._row.shape)), self.tensor_type)
        length = 1
        for n in shape:
            length *= n
        return self._blob[self._row.offset : self._row.offset + length].reshape(shape)
