"""How far transformers is with a load, through the hook that it offers for its progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any

from ntp_studio.core.checkpoints.description import Watch


@contextmanager
def watch_tensors(watch: Watch, file_of: Mapping[str, str]) -> Iterator[None]:
    """While inside, `watch` hears of every tensor that transformers puts in place, and may cancel before each.

    `file_of` names the file of a tensor, for the message.
    """
    from transformers.utils import logging

    def hook(factory: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        del factory  # its bar would write to a terminal that a window does not have
        return _Bar(args[0] if args else settings.get("iterable", ()), watch, file_of)

    before = logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


@contextmanager
def quiet() -> Iterator[None]:
    """While inside, transformers writes no advice and no progress bars to standard error; what matters in them is
    checked and told."""
    from transformers.utils import logging

    verbosity, hook = logging.get_verbosity(), logging.set_tqdm_hook(_hidden)
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        logging.set_tqdm_hook(hook)


def _hidden(factory: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    del factory
    return _Bar(args[0] if args else settings.get("iterable", ()), Watch(), {})


class _Bar:
    """Stands in for a tqdm bar."""

    def __init__(self, work: Iterable[Any] | None, watch: Watch, file_of: Mapping[str, str]) -> None:
        self._work: Iterable[Any] = () if work is None else work
        self._watch = watch
        self._file_of = file_of

    def __iter__(self) -> Iterator[Any]:
        total = len(self._work) if isinstance(self._work, Sized) else 0
        message = next(iter(self._file_of.values()), "weights")
        for done, item in enumerate(self._work):
            message = self._file(item) or message
            self._watch.tell(message, done / total if total else None)
            yield item

    def _file(self, item: Any) -> str | None:
        """The file of a (parameter name, …) pair; the model's name for it may have more or fewer parts in front."""
        name = item[0] if isinstance(item, tuple) and item and isinstance(item[0], str) else None
        while name:
            if name in self._file_of:
                return self._file_of[name]
            _, _, name = name.partition(".")
        return None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *args, **settings: None
