"""Whether a model fits into memory, before anything is read."""

from __future__ import annotations

from collections.abc import Sequence

from ntp_studio.core import devices
from ntp_studio.core.checkpoints.description import Description
from ntp_studio.core.compared import MemoryNeed
from ntp_studio.core.devices import DTYPES, ITEM_BYTES, Placement
from ntp_studio.core.types import DeviceError, ModelInfo, NotEnoughMemory

_CACHED_TOKENS = 4096  # what a session is assumed to reach, if the context is longer
_SPARE = 1.1


def memory_needed(description: Description, device: str, dtype: str) -> int:
    """Bytes on `device` for the weights and the KV cache of a session in that dtype, a tenth more for the
    computation, and what the load itself holds for a moment."""
    values = description.info.parameters + _cached_values(description)
    return int(_SPARE * values * ITEM_BYTES[dtype]) + (_while_loading(description, dtype) if device == "cpu" else 0)


def memory_for_a_twin(description: Description, dtype: str) -> int:
    """Bytes for another session on weights that are in memory already: its KV cache, a tenth more as above."""
    return int(_SPARE * _cached_values(description) * ITEM_BYTES[dtype])


def _cached_values(description: Description) -> int:
    return description.cache_values * min(description.info.context_length or _CACHED_TOKENS, _CACHED_TOKENS)


def _while_loading(description: Description, dtype: str) -> int:
    """Dequantising holds a tensor in float32 twice; a pickled file is in memory whole before it is converted."""
    held = 2 * ITEM_BYTES["float32"] * description.largest_tensor
    description = description.base or description  # an adapter is read after its base, and is small
    pickled = description.place.format == "hugging face" and description.weight_files[0].suffix != ".safetensors"
    return held + (description.info.weight_bytes if pickled and description.native_dtype != dtype else 0)


def needs(description: Description, placement: Placement, loaded: Sequence[ModelInfo] = ()) -> tuple[MemoryNeed, ...]:
    """What this model would need as placed, then in every other dtype that the device computes in, the largest first;
    each beside what is free there now. A model among `loaded` that is the very same lends its weights."""
    device, free = placement.device, devices.free_memory(placement.device)
    found: list[MemoryNeed] = []
    for dtype in (placement.dtype, *(name for name in DTYPES if name != placement.dtype)):
        try:
            devices.choose(device, dtype, description.native_dtype)
        except DeviceError:  # it does not compute in that one
            continue
        wanted = (description.info.path, device, dtype)
        shared = any((info.path, info.device, info.dtype) == wanted for info in loaded)
        needed = memory_for_a_twin(description, dtype) if shared else memory_needed(description, device, dtype)
        found.append(MemoryNeed(description.info.name, device, dtype, needed, free, shared))
    return tuple(found)


def check_memory(description: Description, placement: Placement, reclaimed: int = 0) -> None:
    """Raise NotEnoughMemory, with both figures and what would fit, when the model is too large for the device.

    `reclaimed` bytes will be released before the load, so they count as free.
    """
    device = placement.device
    needed, free = memory_needed(description, device, placement.dtype), devices.free_memory(device) + reclaimed
    if needed <= free:
        return
    advice = "choose a smaller model"
    if ITEM_BYTES[placement.dtype] > 2 and memory_needed(description, device, "bfloat16") <= free:
        smaller = "float16" if device == "mps" else "bfloat16"
        smaller_need = gigabytes(memory_needed(description, device, smaller))
        advice = f"choose {smaller}, which needs {smaller_need}, or a smaller model"
    where = "" if device == "cpu" else f" on {device}"
    raise NotEnoughMemory(
        f"{description.info.name} needs {gigabytes(needed)} in {placement.dtype}, but {gigabytes(free)} are free"
        f"{where}; {advice}."
    )


def gigabytes(size: int) -> str:
    """A size for a person: 1.25 GB, or 310 MB below one gigabyte."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
