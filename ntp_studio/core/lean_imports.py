"""What `import transformers` need not bring in where nothing is compiled and one process runs the model.

As it is, it brings in torch's compiler and sympy for some marks that only the compiler reads, the classes for a model
spread over several machines, and it reads the sources of all models, twice. Three measures, each of which leaves
everything within reach and does nothing where a library has changed; together they take 0.9 s of 1.5 s away:

- torch's compiler comes when it is asked to compile (`compiler_on_demand`).
- transformers is told that torch cannot work in several processes, as a torch built without that would say; who asks
  torch itself for those parts gets them.
- What transformers finds in the sources of its models it remembers; a frozen program (`packaging/`) brings it along.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import marshal
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ntp_studio.core import compiler_on_demand

IMPORTS = "transformers.utils.import_utils"
PARTS = ("checkpoint", "fsdp", "tensor")  # of torch.distributed
STRUCTURE = "import_structure.marshal"  # in the folder of the models, in a frozen program


def prepare() -> None:
    """Have the measures taken when transformers is imported, if it is not there already."""
    if IMPORTS not in sys.modules and not any(isinstance(finder, _Changing) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Changing(IMPORTS, _change))


def _change(imports: ModuleType) -> None:
    """Take them, as soon as `transformers.utils.import_utils` is there, and before anything has asked it."""
    with contextlib.suppress(ImportError, ValueError):  # no such module in another torch
        compiler_on_demand.stand_in()
    with contextlib.suppress(ImportError):
        if hasattr(imports, "is_torch_distributed_available"):
            _parts_on_demand(importlib.import_module("torch.distributed"))
            imports.is_torch_distributed_available = _no  # type: ignore[attr-defined]
    read = getattr(getattr(imports, "create_import_structure_from_path", None), "__wrapped__", None)
    if read is not None:  # it remembers 128 folders; there are more than 500, so nothing is left for a second time
        imports.create_import_structure_from_path = functools.cache(_stored_or(read))  # type: ignore[attr-defined]


def _no() -> bool:
    return False


def _parts_on_demand(package: ModuleType) -> None:
    """Let `package.part` find what transformers else imports of it: peft counts on it that this has been done."""
    if hasattr(package, "__getattr__"):
        return

    def part(name: str) -> ModuleType:
        if name not in PARTS:
            raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")
        return importlib.import_module(f"{package.__name__}.{name}")

    package.__getattr__ = part  # type: ignore[method-assign]


class _Changing(MetaPathFinder):
    """Has a module changed right after it was run, before those who wait for its import see it."""

    def __init__(self, name: str, change: Callable[[ModuleType], None]) -> None:
        self._name, self._change = name, change

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)  # it has done its part, and would be asked again
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            self._change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _stored_or(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Read what is stored in a folder of models, if anything is, and else the folder."""

    def structure(path: str | Path) -> Any:
        stored = Path(path if os.path.isdir(path) else os.path.dirname(path), STRUCTURE)
        return marshal.loads(stored.read_bytes()) if stored.is_file() else read(path)

    return structure


def store_structure(file: Path) -> None:
    """Write what transformers would find in the sources of all its models, for a frozen program's `models` folder."""
    from transformers.utils import import_utils

    models = Path(import_utils.__file__).parent.parent / "models"
    # Version 2 has no references between equal parts, which come and go: the same content gives the same file.
    file.write_bytes(marshal.dumps(import_utils.create_import_structure_from_path(str(models)), 2))
