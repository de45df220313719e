"""Adapters as the library peft writes them (LoRA and its kin): a folder with adapter_config.json and few weights,
opened merged into the base model that they were trained on.

The base may be of any format that opens by itself. peft is given our own network and tensors: it reads no file, and
reaches no network.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ntp_studio.core.checkpoints import gguf, huggingface, nanogpt
from ntp_studio.core.checkpoints.description import Description, Place, Watch
from ntp_studio.core.checkpoints.files import read_json, safetensors_header
from ntp_studio.core.checkpoints.locate import hub_cache, locate, snapshot
from ntp_studio.core.checkpoints.pickles import TensorShape, load_tensors, table_of_contents
from ntp_studio.core.devices import Placement
from ntp_studio.core.types import CheckpointError

if TYPE_CHECKING:
    from ntp_studio.core.tokens import Tokens

CONFIG = "adapter_config.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_WHOLE: dict[str, ModuleType] = {"hugging face": huggingface, "gguf": gguf, "nanogpt": nanogpt}
# What peft can add into the weights of the base; the other kinds put virtual tokens before the text.
_MERGED = frozenset(
    {"LORA", "ADALORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "HRA", "FOURIERFT", "VBLORA", "LN_TUNING"}
)


def describe(place: Place) -> Description:
    """The cheap look, at the adapter and at its base. Raises CheckpointError for what cannot be loaded."""
    return _describe(place, ())


def _describe(place: Place, above: tuple[Path, ...]) -> Description:
    settings = read_json(place.folder / CONFIG)
    kind = _check_kind(settings, place.name)
    file = _weight_file(place)
    base_place = _base(place, settings)
    here = place.folder.resolve()
    if base_place.format == "adapter" and base_place.folder in (here, *above):
        raise CheckpointError(
            f"The adapter {place.name} has itself for its base; correct base_model_name_or_path in its {CONFIG}."
        )
    if base_place.format == "adapter":
        base = _describe(base_place, (*above, here))
    else:
        base = _WHOLE[base_place.format].describe(base_place)
    shapes = _shapes(file)
    own = sum(math.prod(shape) for shape in shapes.values())
    rank = settings.get("r")
    kind = "LoRA" if kind == "LORA" else kind
    title = f"{kind} of rank {rank}" if isinstance(rank, int) else kind
    info = replace(
        base.info,
        name=f"{place.name} on {base.info.name}",
        path=str(place.folder),
        format=place.format,
        weight_bytes=base.info.weight_bytes + file.stat().st_size,
        has_chat_template=base.info.has_chat_template or huggingface.has_chat_template(place.folder),
        notes=(*base.info.notes, f"The adapter ({title}, {own:,} weights) is merged into {base.info.path}."),
    )
    # While they are merged, the adapter's weights and one product of them stand beside the base, in float32.
    held = max(base.largest_tensor, own + _largest_product(shapes))
    return replace(base, place=place, info=info, largest_tensor=held, config=settings, weight_files=(file,), base=base)


def _check_kind(settings: dict[str, Any], name: str) -> str:
    """The kind of adapter, such as LORA. Raises CheckpointError for one that does not become part of the weights."""
    kind, task = settings.get("peft_type"), settings.get("task_type")
    if not isinstance(kind, str) or kind not in _MERGED:
        raise CheckpointError(
            f"{name} is an adapter of a kind ({kind}) that does not become part of the weights; choose a LoRA adapter."
        )
    if task not in (None, "CAUSAL_LM"):
        raise CheckpointError(
            f"{name} is an adapter for another task ({task}); choose one for a causal language model."
        )
    return kind


def _weight_file(place: Place) -> Path:
    for name in _WEIGHTS:
        if (place.folder / name).is_file():
            return place.folder / name
    raise CheckpointError(
        f"The adapter {place.name} has no weights; put its {_WEIGHTS[0]} beside {CONFIG}, or download it again."
    )


def _base(place: Place, settings: dict[str, Any]) -> Place:
    """The base model: at the path that the adapter names, as it stands or from the adapter's folder, or of that name
    in the Hugging Face cache."""
    named = settings.get("base_model_name_or_path")
    if not isinstance(named, str) or not named.strip():
        raise CheckpointError(
            f"The adapter {place.name} does not say which model it belongs to; write the base model's path into its "
            f"{CONFIG} as base_model_name_or_path."
        )
    try:
        path = place.folder / Path(named).expanduser()  # an absolute path stays as it is
        if path.exists():
            return locate(path.resolve())
        repository = hub_cache() / f"models--{named.replace('/', '--')}"
        if repository.is_dir():
            return locate(_revision(repository, settings.get("revision")))
    except (ValueError, RuntimeError, OSError):
        pass  # no path at all: what follows says so
    raise CheckpointError(
        f"{place.name} is an adapter, and its base model {named} is not on this machine; put it there, or correct "
        f"base_model_name_or_path in {place.folder / CONFIG}."
    )


def _revision(repository: Path, revision: object) -> Path:
    """The snapshot that the adapter was trained on, where it says so and it is there; else the usual one."""
    if isinstance(revision, str) and revision:
        reference = repository / "refs" / revision
        commit = reference.read_text(encoding="ascii").strip() if reference.is_file() else revision
        if (repository / "snapshots" / commit).is_dir():
            return repository / "snapshots" / commit
    return snapshot(repository)


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    if file.suffix == ".safetensors":
        return {name: tensor.shape for name, tensor in safetensors_header(file).items()}
    content = table_of_contents(file)
    if not isinstance(content, dict):
        return {}
    return {str(name): tensor.shape for name, tensor in content.items() if isinstance(tensor, TensorShape)}


def _largest_product(shapes: dict[str, tuple[int, ...]]) -> int:
    """The number of weights of the largest matrix that LoRA's two small ones make."""
    largest = 0
    for name, shape in shapes.items():
        other = shapes.get(name.replace("lora_A", "lora_B").replace("lora_embedding_A", "lora_embedding_B"))
        if "_A" in name and other and len(shape) > 1 and len(other) > 1:
            largest = max(largest, math.prod(shape[1:]) * math.prod(other) // max(1, shape[0]))
    return largest


def read(description: Description, placement: Placement, watch: Watch) -> tuple[Any, Tokens, tuple[str, ...]]:
    """(network, tokens, further notes). Any exception of the libraries may come out; `load` puts it in words."""
    if importlib.util.find_spec("peft") is None:
        raise CheckpointError(
            f"{description.place.name} is an adapter, which the library peft merges into its base model; install it "
            'with: pip install "ntp-studio[lora]".'
        )
    base, place = description.base, description.place
    assert base is not None
    module = _WHOLE.get(base.place.format)
    network, tokens, notes = module.read(base, placement, watch) if module else read(base, placement, watch)
    watch.tell(description.weight_files[0].name)
    network, unknown = _merged(network, description)
    if unknown:
        notes = (*notes, f"Settings of {place.name} are unknown to the installed peft and were left out: {unknown}.")
    if (place.folder / "tokenizer_config.json").is_file() and huggingface.has_tokenizer(place.folder):
        own = huggingface.read_tokenizer(place.folder, place.name)
        tokens = huggingface.wrap_tokenizer(own, network, place.name)
    return network, tokens, notes


def _merged(network: Any, description: Description) -> tuple[Any, str]:
    """(the network with the adapter's weights added into its own, names of settings that this peft does not know)."""
    from peft import PeftModelForCausalLM, set_peft_model_state_dict
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    settings, name = description.config, description.place.name
    misfit = f"The adapter {name} does not fit its base model {description.info.name.removeprefix(f'{name} on ')}"
    kind = PEFT_TYPE_TO_CONFIG_MAPPING[settings["peft_type"]]
    known = {field.name for field in fields(kind)}
    unknown = ", ".join(sorted(set(settings) - known))
    file = description.weight_files[0]
    weights = _tensors(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on training; what matters is checked below
        try:
            config = kind(**{key: value for key, value in settings.items() if key in known} | {"inference_mode": True})
            adapted = PeftModelForCausalLM(network, config)
            report = set_peft_model_state_dict(adapted, weights)
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            if "out of memory" in str(error) or "can't allocate" in str(error):
                raise
            raise CheckpointError(f"{misfit} ({_few_words(error)}); use the model that it was trained on.") from error
        prefix = str(adapted.base_model.prefix)
        missing = [key for key in report.missing_keys if prefix in key or "modules_to_save" in key]
        if missing or report.unexpected_keys:
            odd = (missing or report.unexpected_keys)[0]
            raise CheckpointError(f"{misfit} (see the weights {odd}); use the model that it was trained on.")
        try:
            merged = adapted.merge_and_unload(safe_merge=True)
        except ValueError as error:  # what safe_merge raises for NaN
            raise CheckpointError(
                f"The adapter {name} cannot be merged ({_few_words(error)}); its weights are damaged: get it again."
            ) from error
    # Traces of peft, by which transformers would save the network as an adapter again.
    for trace in ("peft_config", "_hf_peft_config_loaded"):
        if trace in vars(merged):
            delattr(merged, trace)
    return merged, unknown


def _tensors(file: Path) -> dict[str, Any]:
    if file.suffix == ".safetensors":
        return {name: tensor[...] for name, tensor in safetensors_header(file).items()}
    content: dict[str, Any] = load_tensors(file)
    return content


def _few_words(error: BaseException) -> str:
    return " ".join(str(error).split())[:160].rstrip(".")
