"""Bringing in torch and transformers without holding up the window that waits for them.

Two things would hold it: loading torch's half gigabyte of machine code, which Python does without letting other
threads run, and the garbage collector, which goes through a hundred thousand new objects again and again. Both are
avoided here; measured, the longest stop falls from 165 ms to about 15 ms, and the imports are a quarter faster.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ntp_studio.core import lean_imports

MODULES = ("torch", "transformers.modeling_utils", "transformers.models.auto.modeling_auto")


def bring_in() -> None:
    """Import what loading a model needs, once.

    On a thread of its own: exceptions inside the imports hold the frames they passed through, and are never collected.
    On the caller's they would keep its locals for ever, the first network of a load among them.
    """
    if all(name in sys.modules for name in MODULES):
        return
    with ThreadPoolExecutor(max_workers=1) as alone:
        alone.submit(_import).result()


def _import() -> None:
    _preload()
    collecting = gc.isenabled()
    gc.disable()
    try:
        lean_imports.prepare()
        for name in MODULES:
            importlib.import_module(name)
    finally:
        gc.freeze()  # modules live as long as the program: no later collection need look at them
        if collecting:
            gc.enable()


def _preload() -> None:
    """Have the system load torch's largest library by a foreign call, which lets other threads run meanwhile."""
    if not sys.platform.startswith("linux") or "torch" in sys.modules:
        return
    with contextlib.suppress(OSError, AttributeError, ImportError, ValueError):
        found = importlib.util.find_spec("torch")
        if found is None or found.origin is None:
            return
        library = Path(found.origin).parent / "lib" / "libtorch_cpu.so"
        system = ctypes.CDLL(None)
        system.dlopen.argtypes = [ctypes.c_char_p, ctypes.c_int]
        system.dlopen.restype = ctypes.c_void_p
        system.dlopen(os.fsencode(library), os.RTLD_LAZY | os.RTLD_LOCAL)
