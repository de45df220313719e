"""Token ids -> bytes -> what a person reads.

A token's bytes come from the tokenizer's own byte table, never from decoding a token alone (which loses leading spaces
and broken characters). Ids are the truth: distinct ids may share a text.
"""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from ntp_studio.core.types import StudioError, TokenText

GLYPHS = {"\n": "↵", "\t": "⇥", "\r": "␍", "\x7f": "␡"} | {chr(c): chr(0x2400 + c) for c in range(9)}
STAND_IN = "ntpstudiostandin"
TEMPLATE_SECONDS = 2.0
BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@lru_cache(maxsize=1)
def byte_of_character() -> dict[str, int]:
    """GPT-2's table: byte-level BPE writes every byte as one printable character (Radford et al. 2019)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(b): b for b in plain}
    for n, b in enumerate(b for b in range(256) if b not in set(plain)):
        table[chr(256 + n)] = b
    return table


def visible(raw: bytes) -> str:
    """The bytes as a chip shows them: white space as glyphs, what is no whole character as hex, nothing invisible."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return f"⟨{raw.hex(' ').upper()}⟩"
    core = text.strip(" ")
    lead, trail = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    if not core:
        return "·" * len(text)
    shown = "".join(_visible_character(c) for c in core)
    if unicodedata.combining(core[0]):
        shown = "◌" + shown
    return "·" * lead + shown + "·" * trail


def _visible_character(c: str) -> str:
    if c in GLYPHS:
        return GLYPHS[c]
    if c != " " and unicodedata.category(c) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zs", "Zl", "Zp"):
        return f"⟨U+{ord(c):04X}⟩"
    return c


def _readable(text: str) -> str:
    """The text, if it is Unicode; half a surrogate pair is not, and a paste may bring one."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StudioError(
            f"The text holds something that is no character (at place {error.start + 1}); take it out."
        ) from error
    return text


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in Python code that runs longer. For programs of strangers in this thread: a trace function
    looks at the clock at every line of theirs, which no loop can escape."""
    deadline = time.monotonic() + seconds

    def look(frame: FrameType, event: str, argument: object) -> Any:
        if time.monotonic() > deadline:
            raise TimeoutError(f"it was not done after {seconds:g} s")
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


class Tokens(ABC):
    """A vocabulary and the way to cut a text into it. `vocab_size` is the width of the model's logits."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self._known: dict[int, TokenText] = {}

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The token ids of a text, with what the tokenizer adds by itself (a beginning-of-text token, say)."""

    def encode_bare(self, text: str, *, special: bool = True) -> list[int]:
        """The token ids of a text in the middle of another: without what the tokenizer puts before or after. The name
        of a special token is that token, or, without `special`, text like any other."""
        return self.encode(text)

    @abstractmethod
    def _bytes_of(self, token_id: int) -> tuple[bytes, bool] | None:
        """(bytes, special) of an id, None for an id that no token has (padding of the vocabulary)."""

    has_chat_template = False
    start_id: int | None = None  # what an empty prompt begins with
    eos_ids: frozenset[int] = frozenset()

    def encode_chat(self, text: str) -> tuple[list[int], list[bool]]:
        """The ids of `text` as a user's turn in the chat template, and for each whether the template added it."""
        raise StudioError("This model has no chat template; switch the chat template off.")

    def token(self, token_id: int) -> TokenText:
        known = self._known.get(token_id)
        if known is None:
            known = self._known[token_id] = self._describe(token_id)
        return known

    def _describe(self, token_id: int) -> TokenText:
        found = self._bytes_of(token_id)
        if found is None:
            return TokenText(token_id, b"", "", f"⟨unused {token_id}⟩", special=True)
        raw, special = found
        text = raw.decode("utf-8", "replace")
        return TokenText(token_id, raw, text, text if special and text else visible(raw), special)

    def text(self, ids: list[int]) -> str:
        """The ids as one text, special tokens included, characters split over tokens joined."""
        return b"".join(self.token(i).bytes for i in ids).decode("utf-8", "replace")

    @cached_property
    def _search_texts(self) -> list[str]:
        return [self.token(i).text.casefold() for i in range(self.vocab_size)]

    def find(self, query: str) -> list[int]:
        """Ids of the tokens that contain `query` (case does not matter; `·`, `↵`, `⇥` stand for what they show),
        or whose id is given as `#1234`; whole matches first, then by id."""
        if query.startswith("#") and query[1:].isdecimal():
            token_id = int(query[1:])
            return [token_id] if token_id < self.vocab_size else []
        wanted = query.replace("·", " ").replace("↵", "\n").replace("⇥", "\t").casefold()
        if not wanted:
            return []
        found = [i for i, text in enumerate(self._search_texts) if wanted in text]
        whole = {i for i in found if self._search_texts[i].strip(" ") == wanted.strip(" ")}
        return sorted(found, key=lambda i: (i not in whole, i))


class HuggingFaceTokens(Tokens):
    """A tokenizer of transformers."""

    def __init__(self, tokenizer: Any, vocab_size: int) -> None:
        super().__init__(vocab_size)
        self.tokenizer = tokenizer
        self.has_chat_template = bool(getattr(tokenizer, "chat_template", None))
        self.start_id = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if tokenizer.eos_token_id is not None:
            self.eos_ids = frozenset([tokenizer.eos_token_id])
        self._added: Mapping[int, Any] = dict(tokenizer.added_tokens_decoder)
        self._size = len(tokenizer)
        self._byte_level = "ByteLevel" in _decoder_kinds(tokenizer)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(_readable(text), verbose=False)["input_ids"])

    def encode_bare(self, text: str, *, special: bool = True) -> list[int]:
        options = {"add_special_tokens": False, "verbose": False, "split_special_tokens": not special}
        return list(self.tokenizer(_readable(text), **options)["input_ids"])

    def encode_chat(self, text: str) -> tuple[list[int], list[bool]]:
        if not self.has_chat_template:
            return super().encode_chat(text)
        rendered = self._render(_readable(text))
        encoded = self.tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        # Where the template puts what is typed is seen with a word that stands nowhere else: "user" might.
        before, _, behind = self._render(STAND_IN).partition(STAND_IN)
        begin, end = len(before), len(rendered) - len(behind)
        added = [not (begin < b and a < end) for a, b in encoded["offset_mapping"]]
        return list(encoded["input_ids"]), added

    def _render(self, text: str) -> str:
        try:
            with time_limit(TEMPLATE_SECONDS):
                rendered = self.tokenizer.apply_chat_template(
                    [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
                )
        except Exception as error:  # templates are programs of strangers: anything may come out
            raise StudioError(f"The model's chat template failed ({error}); switch the chat template off.") from error
        return str(rendered)

    def _bytes_of(self, token_id: int) -> tuple[bytes, bool] | None:
        if token_id in self._added:
            token = self._added[token_id]
            return token.content.encode("utf-8"), bool(token.special)
        # len() counts tokens, and ids may have gaps: the tokenizer itself knows
        written = self.tokenizer.convert_ids_to_tokens(token_id)
        if not isinstance(written, str):
            return None
        if self._byte_level:
            table = byte_of_character()
            if all(c in table for c in written):
                return bytes(table[c] for c in written), False
            return written.encode("utf-8"), False
        byte = BYTE_TOKEN.fullmatch(written)
        if byte:
            return bytes([int(byte[1], 16)]), False
        return written.replace("▁", " ").encode("utf-8"), False


class CharacterTokens(Tokens):
    """One character, one token: the vocabulary that nanoGPT's character data sets write to `meta.pkl`."""

    def __init__(self, itos: Mapping[int, str], vocab_size: int | None = None) -> None:
        super().__init__(vocab_size if vocab_size is not None else max(itos) + 1)
        self._itos = dict(itos)
        self._stoi = {s: i for i, s in self._itos.items()}
        newline = self._stoi.get("\n")
        self.start_id = newline if newline is not None else min(self._itos)

    def encode(self, text: str) -> list[int]:
        strange = sorted({c for c in text if c not in self._stoi})
        if strange:
            raise StudioError(
                f"This model knows {len(self._stoi)} characters, and {' '.join(map(repr, strange[:5]))} is not among "
                "them; take it out of the prompt."
            )
        return [self._stoi[c] for c in text]

    def _bytes_of(self, token_id: int) -> tuple[bytes, bool] | None:
        character = self._itos.get(token_id)
        return None if character is None else (character.encode("utf-8"), False)


_compared: WeakKeyDictionary[Tokens, WeakKeyDictionary[Tokens, bool]] = WeakKeyDictionary()


def same_vocabulary(one: Tokens, other: Tokens) -> bool:
    """Whether the same id is the same token in both, so that a text of one can be read by the other's model."""
    if one is other:
        return True
    if one.vocab_size != other.vocab_size:
        return False
    known = _compared.setdefault(one, WeakKeyDictionary())
    if other not in known:  # asked at every step of a comparison
        if isinstance(one, HuggingFaceTokens) and isinstance(other, HuggingFaceTokens):
            known[other] = bool(one.tokenizer.get_vocab() == other.tokenizer.get_vocab())
        else:
            known[other] = all(one.token(i) == other.token(i) for i in range(one.vocab_size))
    return known[other]


def _decoder_kinds(tokenizer: Any) -> set[str]:
    """The kinds of decoder in the tokenizer's back end, `ByteLevel` or `ByteFallback` for instance."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = getattr(backend, "decoder", None)
    if decoder is None:
        return {"ByteLevel"} if hasattr(tokenizer, "byte_decoder") else set()
    kinds: set[str] = set()
    pending = [json.loads(decoder.__getstate__())]
    while pending:
        part = pending.pop()
        kinds.add(part.get("type", ""))
        pending.extend(part.get("decoders", ()))
    return kinds
