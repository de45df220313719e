"""Stop strings and tokens: not a change of the distribution, but the end of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages.base import Note, Role, Stage, Texts
from ntp_studio.core.decoding.stages.entries import told
from ntp_studio.core.decoding.stages.words import single

UNTOUCHED = "changes no probability"


@dataclass(frozen=True)
class Stop(Stage):
    """The text is at its end when a stop string overlaps the last token (the token may go on after it), or the last
    token is a stop token. As transformers' StopStringCriteria, the prompt's end may be the string's beginning."""

    name: ClassVar = "stop"
    label: ClassVar = "Stop"
    summary: ClassVar = (
        "Ends the text, and playing, when one of these texts has been written or one of these tokens taken. It changes "
        "no probability. A stop text may be spread over several tokens and may end in the middle of one."
    )
    origin: ClassVar = "transformers (stop_strings), llama.cpp (reverse prompt), OpenAI's API (stop)"
    parameters: ClassVar = ()
    texts: ClassVar = (
        Texts("stop_strings", "stop texts", (), "a text, as it stands"),
        Texts("stop_tokens", "stop tokens", (), "a token's text, or #12 for its id"),
    )
    role: ClassVar[Role] = "stop"

    stop_strings: tuple[str, ...] = ()
    stop_tokens: tuple[str, ...] = ()

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return not (values["stop_strings"] or values["stop_tokens"])

    def __post_init__(self) -> None:
        if "" in self.stop_strings or "" in self.stop_tokens:
            raise ValueError("A stop text must not be empty.")

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        if not self.stop_tokens:
            return scores, Note(UNTOUCHED)
        found = {text: single(text, context.vocabulary, scores.vocab_size) for text in self.stop_tokens}
        ids = dict.fromkeys(token_id for those in found.values() for token_id in those)
        alone = {text: [(token_id,) for token_id in those] for text, those in found.items()}
        words = told("stops at" if ids else UNTOUCHED, ids, alone, context.vocabulary)
        return scores, Note("; ".join(words), detail=ids)

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        return f"{UNTOUCHED}; once it is taken, the text ends" if token_id in note.detail else UNTOUCHED

    def reached(self, ids: list[int], context: Context) -> bool:
        """Whether the text that ends with these ids ends here."""
        vocabulary = context.vocabulary
        if any(ids[-1] in single(text, vocabulary) for text in self.stop_tokens):
            return True
        wanted = [text.encode("utf-8") for text in self.stop_strings]
        if not wanted:
            return False
        last = len(vocabulary.bytes_of(ids[-1:]))
        room = max(map(len, wanted)) + last
        tail = b""
        n = 0
        while len(tail) < room and n < len(ids):  # a token at a time: the text may be long, and a match is at its end
            n = min(max(2 * n, 8), len(ids))
            tail = vocabulary.bytes_of(ids[-n:])
        # It must reach into the last token, so it ends after what stood before.
        before = len(tail) - last
        return any(_ends_after(tail, text, before) for text in wanted)


def _ends_after(tail: bytes, text: bytes, place: int) -> bool:
    start = max(0, place - len(text) + 1)
    return tail.find(text, start) >= 0
