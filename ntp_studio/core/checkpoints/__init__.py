"""From a path to a model: `look` is cheap and reads no weights, `load` gives a LanguageModel.

A path may be a Hugging Face folder (or its place in the Hugging Face cache, or a weight file in it), a .gguf file, or
nanoGPT's ckpt.pt; or an adapter of peft, which opens merged into its base model. One module per format; nothing is
fetched from a network and no code of a checkpoint is ever run.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core import devices, libraries
from ntp_studio.core.checkpoints import adapter, fit, gguf, huggingface, nanogpt
from ntp_studio.core.checkpoints.blank import blank_weights
from ntp_studio.core.checkpoints.description import Description, Place, Progress, Watch
from ntp_studio.core.checkpoints.fit import check_memory
from ntp_studio.core.checkpoints.locate import locate
from ntp_studio.core.checkpoints.tensor_progress import quiet
from ntp_studio.core.compared import MemoryNeed
from ntp_studio.core.types import CheckpointError, ModelInfo, NotEnoughMemory, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel

__all__ = ["check", "load", "look", "needs"]

_FORMATS = {"hugging face": huggingface, "gguf": gguf, "nanogpt": nanogpt, "adapter": adapter}
_log = logging.getLogger(__name__)


def look(path: str | Path) -> ModelInfo:
    """What the checkpoint at `path` is, without torch and without reading weights. Raises CheckpointError."""
    return _describe(path).info


def _describe(path: str | Path) -> Description:
    try:
        place = locate(path)
        describe: Callable[[Place], Description] = _FORMATS[place.format].describe
        return describe(place)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CheckpointError(f"{path} cannot be read ({reason}); check its permissions and the disk.") from error


def check(path: str | Path, *, device: str = "auto", dtype: str = "auto", replacing: ModelInfo | None = None) -> None:
    """Raise what `load` would raise before it reads any weights: a bad checkpoint, device or too little memory.

    `replacing` is a loaded model that will be released first, so its memory counts as free.
    """
    description = _describe(path)
    libraries.bring_in()
    placement = devices.choose(device, dtype, description.native_dtype)
    reclaimed = replacing.memory_bytes if replacing is not None and replacing.device == placement.device else 0
    check_memory(description, placement, reclaimed)


def needs(
    path: str | Path, *, device: str = "auto", dtype: str = "auto", shared: Sequence[ModelInfo] | None = None
) -> tuple[MemoryNeed, ...]:
    """What the checkpoint at `path` would need in memory, before anything is loaded: first as asked for, then in the
    other dtypes that the device computes in.

    `shared` are loaded models whose weights another column may use. Raises CheckpointError or DeviceError; that a model
    is too large is no error here: `MemoryNeed.fits` tells.
    """
    description = _describe(path)
    libraries.bring_in()
    placement = devices.choose(device, dtype, description.native_dtype)
    return fit.needs(description, placement, shared or ())


def load(
    path: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LanguageModel:
    """Load the checkpoint at `path` in eval mode, without gradients.

    `progress` hears (file name, fraction or None), `cancelled` is asked before every tensor. Raises CheckpointError,
    DeviceError, NotEnoughMemory or Cancelled, each a sentence for a person; nothing of the model is left then.
    """
    started = time.perf_counter()
    seen: list[Description] = []
    try:
        return _load(path, device, dtype, Watch(progress, cancelled), started, seen)
    except StudioError as error:
        _log.info("Loading %s: %s", path, error, exc_info=True)
        failure = type(error)(*error.args)
    except MemoryError:
        _log.info("Loading %s", path, exc_info=True)
        failure = NotEnoughMemory(f"The memory ran out while loading {path}; choose a smaller model or dtype.")
    except Exception as error:  # libraries raise anything for files that they do not understand
        _log.info("Loading %s", path, exc_info=True)
        failure = _in_words(error, path, seen[0] if seen else None)
    # Raised anew, out here: the first exception's traceback holds the half-loaded model.
    if seen:
        gc.collect()
        devices.give_back_caches()
    raise failure


def _load(
    path: str | Path, device: str, dtype: str, watch: Watch, started: float, seen: list[Description]
) -> LanguageModel:
    """`load` without its last line of defence; `seen` receives the description as soon as there is one."""
    description = _describe(path)
    seen.append(description)
    devices.bound_caches()
    libraries.bring_in()
    watch.tell(description.info.name)
    placement = devices.choose(device, dtype, description.native_dtype)
    check_memory(description, placement)
    with quiet(), blank_weights():
        network, tokens, notes = _FORMATS[description.place.format].read(description, placement, watch)
    watch.tell(description.info.name, 1.0)
    return _finish(description, placement, network, tokens, notes, started)


def _finish(
    description: Description,
    placement: devices.Placement,
    network: Any,
    tokens: Any,
    notes: tuple[str, ...],
    started: float,
) -> LanguageModel:
    from ntp_studio.core.model import LanguageModel

    network.eval().requires_grad_(False)
    info, config = description.info, network.config.get_text_config()
    parameters = list(network.parameters())
    count = sum(parameter.numel() for parameter in parameters)
    if (description.base or description).info.format == "nanogpt":
        count = info.parameters  # without the zero biases that only GPT-2 has
    threads = 0
    if placement.device == "cpu":
        import torch

        threads = devices.cpu_threads()
        torch.set_num_threads(threads)
    context = info.context_length or int(getattr(config, "max_position_embeddings", 0) or 0)
    if not context:
        context = int(getattr(config, "seq_length", 0) or 2048)
        notes = (*notes, f"The model sets no limit to its context; {context} tokens are assumed.")
    info = replace(
        info,
        parameters=count,
        vocab_size=tokens.vocab_size,
        context_length=context,
        device=placement.device,
        dtype=placement.dtype,
        device_reason=placement.reason,
        memory_bytes=sum(parameter.numel() * parameter.element_size() for parameter in parameters),
        cache_bytes_per_token=description.cache_values * devices.ITEM_BYTES[placement.dtype],
        threads=threads,
        load_ms=1000 * (time.perf_counter() - started),
        has_chat_template=tokens.has_chat_template,
        notes=(*info.notes, *notes),
    )
    return LanguageModel(network, tokens, info)


def _in_words(error: Exception, path: str | Path, description: Description | None) -> StudioError:
    """The sentence for an exception of a library."""
    name = description.info.name if description else str(path)
    text = " ".join(str(error).split())
    if "out of memory" in text.lower() or "not enough memory" in text.lower() or "can't allocate" in text.lower():
        return NotEnoughMemory(f"The memory ran out while loading {name}; choose a smaller model or dtype.")
    if "size mismatch" in text or "mismatched" in text:
        return CheckpointError(
            f"The weights of {name} do not have the shapes that its config.json tells; get config.json and weights "
            "from the same place."
        )
    if isinstance(error, ImportError):
        return CheckpointError(f"{name} needs a package that is not installed here ({text[:160]}).")
    if description is not None and description.config.get("quantization_config"):
        return CheckpointError(f"{name} is quantised in a way that cannot be loaded here; choose its unquantised form.")
    if isinstance(error, NotImplementedError) or "not supported" in text:
        return CheckpointError(
            f"{name} is of a kind that the installed transformers cannot open ({text[:160].rstrip('.')}); update "
            "transformers, or choose another model."
        )
    return CheckpointError(
        f"{name} could not be loaded ({text[:160].rstrip('.') or type(error).__name__}); get it again, or choose "
        "another model."
    )
