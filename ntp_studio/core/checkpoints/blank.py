"""Weights that are read from a file anyway are not given random values first."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any


def blank_weights() -> AbstractContextManager[Any]:
    """While inside, tensors without memory of their own ("meta") stay as they are when random values are put in.

    transformers builds a network of such tensors, and its layers then ask for random values, which do nothing but take
    their time: the first one brings in sympy, 0.2 s. For GPT-2's kind, and so for the model that opens at the start,
    that is saved; most others number their places on such tensors, too, and need sympy all the same.
    """
    import torch
    from torch.nn import init
    from torch.overrides import TorchFunctionMode

    # Those of torch.nn.init that a mode hears of as a whole, and what the others come down to.
    random = {init.normal_, init.uniform_, init.kaiming_uniform_, torch.Tensor.normal_, torch.Tensor.uniform_}

    class BlankWeights(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            kwargs = kwargs or {}
            if func in random:
                tensor = args[0] if args else kwargs["tensor"]
                if tensor.is_meta:
                    return tensor
            return func(*args, **kwargs)

    mode: AbstractContextManager[Any] = BlankWeights()
    return mode
