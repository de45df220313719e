"""Commands that only look: a token's story, many draws at once, the chain in another program's words.

All of it runs in the worker thread, in the name of the workbench.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ntp_studio import messages as m
from ntp_studio.columns import Column


class Looking:
    def __init__(self, emit: Callable[[m.Event], None]) -> None:
        self._emit = emit

    def takes(self, command: m.Command) -> bool:
        return isinstance(command, m.TellStory | m.DrawMany | m.CopyAs)

    def carry_out(self, column: Column, command: m.Command) -> None:
        """Raises StudioError."""
        if isinstance(command, m.TellStory):
            self._tell_story(column, command)
        elif isinstance(command, m.DrawMany):
            self._draw_many(column, command)
        elif isinstance(command, m.CopyAs):
            self._copy_as(column, command)

    def _tell_story(self, column: Column, command: m.TellStory) -> None:
        from ntp_studio.core.looking import story

        session = column.ready()
        told = story(session, command.token_id)
        self._emit(m.StoryTold(column.run, session.tree.here.id, told, model=column.id))

    def _draw_many(self, column: Column, command: m.DrawMany) -> None:
        from ntp_studio.core.looking import draws

        session = column.ready()
        times = tuple(draws(session, command.count).items())
        self._emit(m.ManyDrawn(column.run, session.tree.here.id, command.count, times, model=column.id))

    def _copy_as(self, column: Column, command: m.CopyAs) -> None:
        from ntp_studio.core.decoding.copy_llamacpp import as_llamacpp
        from ntp_studio.core.decoding.copy_transformers import as_transformers

        session = column.ready()
        info = session.model.info
        if command.program == "llama.cpp":
            copied = as_llamacpp(
                column.decoding, seed=column.seed, context_length=info.context_length, vocabulary=session.lexicon
            )
        else:
            copied = as_transformers(
                column.decoding,
                model=str(Path(info.path).parent) if info.format == "gguf" else info.path,
                gguf_file=Path(info.path).name if info.format == "gguf" else "",
                prompt=column.prompt or "",
                seed=column.seed,
                dtype=info.dtype or "float32",
                chat=column.chat,
            )
        warnings = copied.warnings
        if command.program == "transformers" and info.format not in ("hugging face", "gguf"):
            warnings += (f"transformers opens Hugging Face folders; put the folder of {info.name} in its place.",)
        self._emit(m.CopiedAs(command.program, copied.text, warnings, model=column.id))
