"""Which device and dtype a model runs on, and the reason in words; memory and threads to be had there.

torch is imported at the first question about an accelerator, never before.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ntp_studio.core.types import DeviceError

DEVICES = ("cuda", "mps", "cpu")
DTYPES = ("float32", "bfloat16", "float16")
ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
THREADS_VARIABLE = "NTP_STUDIO_THREADS"

_KERNELS_KEPT = 32
_CGROUP = Path("/sys/fs/cgroup")
_TITLES = {"cuda": "CUDA", "mps": "Apple GPU (MPS)", "cpu": "CPU"}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model goes: a torch device name, a dtype name, and why, in a sentence."""

    device: str
    dtype: str
    reason: str


def choose(device: str, dtype: str, native_dtype: str | None) -> Placement:
    """Settle "auto" in `device` and `dtype`; `native_dtype` is the one that the checkpoint is stored in, if known.

    Raises DeviceError when the device is not there or does not compute in that dtype.
    """
    if device not in ("auto", *DEVICES):
        raise DeviceError(f'There is no device called "{device}"; choose auto, cuda, mps or cpu.')
    if dtype not in ("auto", *DTYPES):
        raise DeviceError(f'There is no dtype called "{dtype}"; choose auto, float32, bfloat16 or float16.')
    if device == "auto":
        device = next(name for name in DEVICES if available(name))
        where = f"{_TITLES[device]}, " + ("the fastest device here" if device != "cpu" else "as there is no GPU here")
    elif not available(device):
        raise DeviceError(f"There is no {_TITLES[device]} device on this machine; choose cpu or auto.")
    else:
        where = f"{_TITLES[device]}, as chosen"
    if dtype == "auto":
        dtype, why = _natural_dtype(device, native_dtype)
        return Placement(device, dtype, f"{where}; {dtype}, {why}.")
    if dtype == "bfloat16" and not _has_bfloat16(device):
        raise DeviceError(f"This {_TITLES[device]} device does not compute in bfloat16; choose float16 or float32.")
    return Placement(device, dtype, f"{where}; {dtype}, as chosen{_remark(device, dtype)}.")


def available(device: str) -> bool:
    """Whether torch can compute on `device` ("cuda", "mps" or "cpu") here."""
    if device == "cpu":
        return True
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_available())
    return bool(torch.backends.mps.is_available())


def _has_bfloat16(device: str) -> bool:
    import torch

    if device == "cuda":
        # Emulated bfloat16 (cards before Ampere) is slower than float16 and no more exact.
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "mps":
        return bool(torch.backends.mps.is_macos_or_newer(14, 0))
    return True


def _natural_dtype(device: str, native: str | None) -> tuple[str, str]:
    """The dtype for "auto" and the reason for it."""
    if device == "cpu":
        return "float32", "which rounds nothing off the weights and is quick on every CPU"
    if device == "mps" and native in (None, "float16", "bfloat16"):
        # float16 rather than the file's bfloat16: every Apple GPU has it, and it keeps more digits.
        return "float16", "the half precision that every Apple GPU computes in"
    if native in ("float32", "float64"):
        return "float32", "as the checkpoint is stored"
    if native == "float16":
        return "float16", "as the checkpoint is stored"
    if _has_bfloat16(device):
        return "bfloat16", "as the checkpoint is stored" if native == "bfloat16" else "half precision with a wide range"
    return "float16", "as this card does not compute in bfloat16"


def _remark(device: str, dtype: str) -> str:
    if device == "cpu" and dtype != "float32":
        return " (half the memory; rounded, and on many CPUs slower than float32)"
    return ""


def free_memory(device: str) -> int:
    """Bytes that can still be allocated on `device`. On the CPU, a container's limit counts as the machine's end."""
    if device == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info()
        # What torch keeps cached but does not use is free to a new model.
        return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())
    if device == "mps":
        import torch

        return max(0, int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()))
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = _cgroup_free()
    return free if limit is None else min(free, limit)


def _cgroup_folders() -> list[Path]:
    """This process's cgroup v2 folders, innermost first; empty where there are none."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    if own is None:
        return []
    folder = _CGROUP / own.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(_CGROUP))]


def _cgroup_free() -> int | None:
    """What the tightest memory limit around this process leaves, in bytes; None without a limit."""
    left: list[int] = []
    for folder in _cgroup_folders():
        try:
            limit = (folder / "memory.max").read_text(encoding="ascii").strip()
            if limit == "max":
                continue
            used = int((folder / "memory.current").read_text(encoding="ascii"))
            # Pages of files read once are given up under pressure: they are not in the way of a model.
            statistics = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            cached = sum(int(line.split()[1]) for line in statistics if line.startswith("inactive_file "))
            left.append(max(0, int(limit) - used + cached))
        except (OSError, ValueError):
            continue
    return min(left, default=None)


def cpu_threads() -> int:
    """How many threads torch should compute with: all cores up to two, otherwise one fewer, so that the window
    stays quick. CPU affinity and a container's quota count; the variable NTP_STUDIO_THREADS overrides."""
    wanted = os.environ.get(THREADS_VARIABLE, "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    cores = os.cpu_count() or 1
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    quota = _cgroup_cpus()
    if quota is not None:
        cores = min(cores, quota)
    return cores if cores <= 2 else cores - 1


def _cgroup_cpus() -> int | None:
    """The CPU quota around this process in whole cores, at least 1; None without a quota."""
    quotas: list[int] = []
    for folder in _cgroup_folders():
        try:
            share, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            if share != "max":
                quotas.append(max(1, int(share) // int(period)))
        except (OSError, ValueError):
            continue
    return min(quotas, default=None)


def empty_cache(device: str) -> None:
    """Hand memory back that is kept for later on that device: by torch, or on the CPU by the C library."""
    if device == "cpu":
        _trim()
        return
    import torch

    (torch.cuda if device == "cuda" else torch.mps).empty_cache()


def memory_in_use() -> tuple[int, int]:
    """(resident bytes of this process, bytes that torch holds on an accelerator)."""
    import psutil
    import torch

    held = 0
    if torch.cuda.is_available():
        held = int(torch.cuda.memory_reserved())
    elif torch.backends.mps.is_available():
        held = int(torch.mps.driver_allocated_memory())
    return int(psutil.Process().memory_info().rss), held


def give_back_caches() -> None:
    """`empty_cache` on every device that torch has worked on in this process. Does not import torch."""
    _trim()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _trim() -> None:
    """Have glibc give freed pages back to the system; other C libraries do it on their own, or cannot be asked.

    A model's weights are hundreds of pieces of a few megabytes. Once freed they stay in the process, and the next
    model, of other sizes, is laid behind them: measured, half a gigabyte more after a few models.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError):  # musl has no such function
        ctypes.CDLL(None).malloc_trim(0)


def bound_caches() -> None:
    """Have the libraries below keep less for later; to be called before the first model is read. What a person has set
    goes before.

    oneDNN and torch each compile and keep kernels for every length of text that a model reads at once in bfloat16 on
    the CPU, 2 MB a length for a small model and up to a gigabyte in all. So many as are kept here serve the steps of
    four columns. transformers reads weights in several threads, each with a heap of its own that is never handed back.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(_KERNELS_KEPT))
    os.environ.setdefault("HF_DEACTIVATE_ASYNC_LOAD", "1")
