"""Text files -> token ids: read, split into a part to train on and a held-out end, cut into shuffled blocks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.types import StudioError

END_OF_TEXT = "<|endoftext|>"
_LONGEST_WORD = 1000  # characters
_ENDLESS = re.compile(rf"\S{{{_LONGEST_WORD + 1}}}")
_PIECE = 1 << 20  # characters encoded at a time: memory stays small
_WORD = 4096  # how far back from a piece's end a word's end is looked for
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Corpus:
    """Token ids to train on and held-out ids; `held_out_bytes` is the UTF-8 length of the held-out text.

    The first held-out id does not count: it is a context for the second.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    held_out_bytes: int

    @cached_property
    def fingerprint(self) -> str:
        """Tells these tokens from others, so that a run does not go on with another text or vocabulary."""
        digest = hashlib.sha256()
        for ids in (self.train, self.held_out):
            digest.update(len(ids).to_bytes(8, "little") + np.ascontiguousarray(ids).tobytes())
        return digest.hexdigest()


def read_texts(paths: Sequence[str]) -> list[str]:
    """The texts of the files, each a document of its own. Raises StudioError for what is no text or empty."""
    texts = []
    for name in paths:
        path = Path(name)
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:  # carriage returns are text too
                text = file.read()
        except UnicodeDecodeError as error:
            raise StudioError(
                f"{path} is no UTF-8 text (byte {error.start:,} cannot be read); save it as UTF-8 text first."
            ) from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = getattr(error, "strerror", None) or error
            raise StudioError(f"{path} cannot be read ({reason}); check its name.") from error
        if not text.strip():
            raise StudioError(f"{path} is empty; there is nothing in it to learn from.")
        texts.append(text)
    return texts


def split(texts: Sequence[str], held_out: float) -> tuple[list[str], list[str]]:
    """Each document's beginning to train on, and the share `held_out` of its characters at its end."""
    cuts = [len(text) - round(len(text) * held_out) for text in texts]
    train = [text[:cut] for text, cut in zip(texts, cuts, strict=True)]
    kept = [text[cut:] for text, cut in zip(texts, cuts, strict=True)]
    return [t for t in train if t], [t for t in kept if t]


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, context: int, between: Callable[[], None] = lambda: None
) -> Any:
    """A byte-level BPE vocabulary (Sennrich et al. 2016, on bytes as in Radford et al. 2019) learned from `texts`.

    `between` is called between lines; what it raises ends the work. Returns a PreTrainedTokenizerFast. Every byte is a
    token of its own, so any text can be written with it.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_lines(texts, between), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def _lines(texts: Iterable[str], between: Callable[[], None]) -> Iterator[str]:
    """The lines of the texts; what has no white space for a thousand characters is no word, and is cut up: the time
    that counting its pairs takes grows with the square of its length."""
    for text in texts:
        for line in text.splitlines(keepends=True):
            between()
            if _ENDLESS.search(line) is None:
                yield line
            else:
                yield from (line[at : at + _LONGEST_WORD] for at in range(0, len(line), _LONGEST_WORD))


def encode(tokenizer: Any, texts: Sequence[str], end_id: int | None) -> NDArray[np.int64]:
    """The ids of all texts after one another, each but the last followed by the end-of-text token, where there is one.

    A long text is encoded in pieces, each but the first of which begins with the white space after a word: there every
    usual vocabulary divides a text too, so that the pieces give the tokens of the whole.
    """
    parts: list[NDArray[np.int64]] = []
    for number, text in enumerate(texts):
        for piece in _pieces(text):
            ids = tokenizer(piece, add_special_tokens=False, verbose=False)["input_ids"]
            parts.append(np.asarray(ids, dtype=np.int64))
        if end_id is not None and number + 1 < len(texts):
            parts.append(np.asarray([end_id], dtype=np.int64))
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _pieces(text: str) -> Iterable[str]:
    start = 0
    while start < len(text):
        end = min(start + _PIECE, len(text))
        if end < len(text):
            for space in reversed(list(_SPACE.finditer(text, max(start, end - _WORD), end))):
                if space.start() > start and text[space.start() - 1].isalnum():
                    end = space.start()
                    break
        yield text[start:end]
        start = end


def held_out(tokenizer: Any, texts: Sequence[str], share: float) -> tuple[NDArray[np.int64], int]:
    """(ids, bytes) of the last `share` of every text. The first id is a context for the first that counts: the last
    token before the cut, or the end-of-text token where nothing comes before."""
    kept = split(texts, share)[1]
    ids = encode(tokenizer, kept, tokenizer.eos_token_id)
    text_bytes = sum(len(text.encode()) for text in kept)
    first = next((text for text in texts if split([text], share)[1]), "")  # where what is held out begins
    # A word or two are enough to cut off the last token as the whole text would; all of it need not be encoded.
    before = "".join(split([first], share)[0])[-1000:]
    context = encode(tokenizer, [before], None)[-1:]
    if not len(context) and tokenizer.eos_token_id is not None:
        context = np.asarray([tokenizer.eos_token_id], dtype=np.int64)
    if not len(context) and len(ids):  # then the first token is the context, and its bytes do not count
        text_bytes -= len(tokenizer.decode(ids[:1]).encode())
    return np.concatenate([context, ids]), text_bytes


def build(tokenizer: Any, texts: Sequence[str], share: float, context: int) -> Corpus:
    """Encode and split off the held-out `share`. Raises StudioError where too little is left for a single block of
    `context` tokens."""
    train = encode(tokenizer, split(texts, share)[0], tokenizer.eos_token_id)
    if len(train) < context + 1:
        raise StudioError(
            f"The text has {len(train):,} tokens to train on, fewer than one block of {context:,} and the token after "
            "it; give more text, hold less out, or choose a shorter context."
        )
    return Corpus(train, *held_out(tokenizer, texts, share))


class Blocks:
    """Batches of blocks [context + 1] in an order that is a function of seed and step alone, so a run can go on where
    it stopped. Every epoch cuts the text at another offset and shuffles the blocks anew."""

    def __init__(self, ids: NDArray[np.int64], context: int, batch_size: int, seed: int) -> None:
        self._ids, self._context, self._batch, self._seed = ids, context, batch_size, seed
        # One block less than would fit, so that every offset leaves equally many.
        self.per_epoch = max(1, (len(ids) - 1) // context - 1)
        self._epoch = -1
        self._starts: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def batch(self, step: int) -> NDArray[np.int64]:
        """The batch of update `step` (from 0), int64 [batch size, context + 1]."""
        first = step * self._batch
        starts = [self._start(i) for i in range(first, first + self._batch)]
        return np.stack([self._ids[s : s + self._context + 1] for s in starts])

    def _start(self, number: int) -> int:
        epoch, place = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, epoch])
            room = len(self._ids) - 1 - self.per_epoch * self._context
            offset = int(random.integers(0, room + 1))
            self._starts = offset + self._context * random.permutation(self.per_epoch)
            self._epoch = epoch
        return int(self._starts[place])
