"""A place-holder for torch's compiler, which becomes the real one when anything more than a mark is asked of it.

transformers and torch's optimisers mark functions and tensors for the compiler, and one small class lies in its
package; either brings all of it in, with sympy: 0.6 s of a start, in a program that compiles nothing. What was marked
before the compiler came stays unmarked: it is compiled like anything else.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"
# Of its modules, the one that does without the rest: it only wants the package to be there.
ALONE = f"{NAME}._trace_wrapped_higher_order_op"
# How long a thread waits for another one that runs the package. Two that import parts of it at the same time may wait
# for each other; Python sees that only where all locks are its own, and then goes on with what is there, as here.
PATIENCE = 20.0


def stand_in() -> None:
    """Put the place-holder where the compiler is looked for, if that is not there already. Imports torch."""
    if NAME in sys.modules:
        return
    spec = importlib.util.find_spec(NAME)
    if spec is not None and spec.loader is not None:
        sys.modules[NAME] = CompilerOnDemand(spec)
        sys.meta_path.insert(0, _Modules())


def _unmarked(function: Any) -> Any:
    return function


def _not_disabled(fn: Any = None, recursive: bool = True, **_: Any) -> Any:
    """As a call, or as a decorator with or without settings."""
    return _unmarked if fn is None else fn


def _nothing(*_: Any, **__: Any) -> None:
    """For what does nothing outside compiled code."""


# What says how to compile a function, or something in it. (Source: torch/_dynamo/decorators.py)
MARKS = {
    "assume_constant_result": _unmarked,
    "allow_in_graph": _unmarked,
    "disable": _not_disabled,
    "mark_static_address": _nothing,
    "graph_break": _nothing,
}


class CompilerOnDemand(ModuleType):
    """`torch._dynamo`, not yet run. The same object stays when it is: nobody holds another one."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__loader__, self.__file__ = spec, spec.loader, spec.origin
        self.__path__ = list(spec.submodule_search_locations or ())
        self.__package__ = spec.name
        vars(self).update(MARKS)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what tools ask every module for
            raise AttributeError(name)
        become_real(self)
        return ModuleType.__getattribute__(self, name)  # no longer of this class


def become_real(module: ModuleType) -> None:
    """Run the compiler's package in `module`, once; another thread that asks meanwhile waits."""
    global _running
    mine = _one_at_a_time.acquire(timeout=PATIENCE)
    try:
        # Running: it is one of the package's own modules that asks, or a thread whose patience has ended.
        if type(module) is not CompilerOnDemand or _running:
            return
        _running = True
        try:
            assert module.__spec__ is not None
            assert module.__spec__.loader is not None
            module.__spec__.loader.exec_module(module)
            module.__class__ = ModuleType  # type: ignore[assignment]
            sys.modules["torch"]._dynamo = module  # type: ignore[attr-defined]  # as an import does
        except BaseException:
            sys.modules.pop(NAME, None)  # as after any import that failed
            raise
        finally:
            _running = False
    finally:
        if mine:
            _one_at_a_time.release()


_one_at_a_time = threading.RLock()
_running = False


class _Modules(MetaPathFinder):
    """Has the package run before its modules are imported, which count on it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package = sys.modules.get(NAME)
        if not name.startswith(f"{NAME}.") or name == ALONE or type(package) is not CompilerOnDemand or _running:
            return None
        become_real(package)
        there = sys.modules.get(name)
        if there is None:
            return None
        # The package has imported it, and Python, in the middle of doing so, would run it a second time: by the
        # module's own `__spec__`, when it finds the module there after this search, else by what is returned.
        spec = importlib.util.spec_from_loader(name, _Imported(there))
        with contextlib.suppress(AttributeError):  # modules of settings take no such name
            there.__spec__ = spec
        return spec


class _Imported(Loader):
    """Gives the module that is there, and leaves it as it is."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, getattr(module, "__spec__", None)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        with contextlib.suppress(AttributeError):
            module.__spec__ = self._spec
