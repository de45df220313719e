"""Biases and bans: what is made likelier, less likely or impossible because somebody said so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages.base import Note, Parameter, Role, Stage, Texts
from ntp_studio.core.decoding.stages.entries import told, waiting
from ntp_studio.core.decoding.stages.figures import changed, logit_figure, minus, new_tokens, percent, tokens
from ntp_studio.core.decoding.stages.words import biased, sequence, sequences

SEQUENCES = "a text, #12 for a token id, #12,13 for several; spaces count"


def _completed(history: list[int], ids: tuple[int, ...]) -> bool:
    """Whether the history ends in all but the last of a sequence. Like transformers, not where the history is shorter
    than the whole sequence."""
    return len(ids) == 1 or (len(ids) <= len(history) and tuple(history[-len(ids) + 1 :]) == ids[:-1])


def _banned(scores: Scores, ids: Iterable[int]) -> Scores:
    places = scores.places(np.unique(np.array(list(ids), dtype=np.int64)))
    return scores.changed(places, np.full(places.size, -np.inf))


@dataclass(frozen=True)
class Bias(Stage):
    """l + b. A sequence's bias goes to its last token, where the text ends in the others; several add up.

    Oracle: transformers' SequenceBiasLogitsProcessor, llama.cpp's logit_bias.
    """

    name: ClassVar = "bias"
    label: ClassVar = "Bias"
    summary: ClassVar = (
        "Makes the tokens or texts that you name more likely, less likely or impossible. The amount is added to the "
        "token's logit, the score that the model gave it: +2 makes it about seven times as likely against the others, "
        "−2 as much less, and 'ban' forbids it. A text of several tokens acts on the last of them, once the text has "
        "begun with the others. Amounts from −5 to 5 are usual."
    )
    origin: ClassVar = "OpenAI's API; transformers, llama.cpp"
    parameters: ClassVar = ()
    texts: ClassVar = (Texts("sequence_bias", "biases", (), f"TEXT=AMOUNT: {SEQUENCES}; the amount may be ban"),)
    role: ClassVar[Role] = "ban"
    keeps_ranking: ClassVar = False

    sequence_bias: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for entry in self.sequence_bias:
            biased(entry)

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return not values["sequence_bias"]

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        wanted: dict[tuple[int, ...], float] = {}
        found: dict[str, list[tuple[int, ...]]] = {}
        for entry in self.sequence_bias:
            text, amount = biased(entry)
            found[text] = sequences(text, context.vocabulary, scores.vocab_size)
            wanted.update(dict.fromkeys(found[text], amount))
        history = context.history().tolist()
        begun = [ids for ids in wanted if _completed(history, ids)]
        amounts: dict[int, float] = {}
        for ids in begun:
            amounts[ids[-1]] = amounts.get(ids[-1], 0.0) + wanted[ids]
        places = scores.places(np.array(sorted(amounts), dtype=np.int64))
        here = scores.ids[places].tolist()
        added = np.array([amounts[i] for i in here])
        after = scores.changed(places, scores.values[places] + added) if places.size else scores
        left = set(here)
        words = told(
            f"{tokens(places.size)} biased", [i for i in amounts if i in left], found, context.vocabulary
        ) + waiting(begun, found, context.vocabulary)
        return after, Note("; ".join(words), detail=amounts)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return "its bias is −∞"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        if token_id not in note.detail:
            return f"no bias names it here: its logit stays {logit_figure(before.value_of(token_id))}"
        amount = float(note.detail[token_id])
        return f"{changed(token_id, before, after, lambda logit: logit + amount)} (bias {minus(f'{amount:+g}')})"

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        amount = note.detail[token_id]
        return "ban" if amount == -math.inf else minus(f"{amount:+g}")


@dataclass(frozen=True)
class NoRepeatNgram(Stage):
    """Bans what would complete an n-gram that stands in the text, prompt included. Oracle: transformers' class."""

    name: ClassVar = "no_repeat_ngram_size"
    label: ClassVar = "No-repeat n-gram"
    summary: ClassVar = (
        "Forbids the text to repeat any run of n tokens, prompt included. Wherever the last n − 1 tokens stood before, "
        "the token that followed them there is banned now; with n = 1 no token may come twice. It is blunt: a name of "
        "n or more tokens can then be written only once. 3 or 4 are usual."
    )
    origin: ClassVar = "Paulus et al. 2017, arXiv 1705.04304; fairseq"
    parameters: ClassVar = (
        Parameter("no_repeat_ngram_size", "n", 3, 0, 10, off=0, integer=True, decimals=0, usual=(3, 4)),
    )
    role: ClassVar[Role] = "ban"

    no_repeat_ngram_size: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        n, history = int(self.no_repeat_ngram_size), context.history()
        if n == 0 or history.size < n:
            return scores, Note()
        same = self._starts(context)
        where = {int(history[i + n - 1]): i + 1 for i in same[::-1]}
        after = _banned(scores, where)
        return after, Note(f"{scores.count - after.count:,} banned", detail=where)  # some were cut before

    def _starts(self, context: Context) -> list[int]:
        """Where n-grams begin whose first n − 1 tokens are the last of the text."""
        n, history = int(self.no_repeat_ngram_size), context.history()
        windows = np.lib.stride_tricks.sliding_window_view(history, n)
        same: list[int] = np.flatnonzero((windows[:, : n - 1] == history[history.size - n + 1 :]).all(axis=1)).tolist()
        return same

    def repeated(self, context: Context) -> tuple[int, list[int]]:
        """How many of the last tokens stand in the text before, followed by one that is banned for it, and where these
        passages end (exclusive)."""
        length = int(self.no_repeat_ngram_size) - 1
        return length, [start + length for start in self._starts(context)]

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        n, place = int(self.no_repeat_ngram_size), note.detail[token_id]
        if n == 1:
            return f"stands in the text already, as token {place:,}"
        return f"would repeat the {n} tokens from token {place:,} on"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        n = int(self.no_repeat_ngram_size)
        if context.length < n:
            return f"the text has {tokens(context.length)}, fewer than n = {n}: nothing can repeat yet"
        if n == 1:
            return "does not stand in the text yet"
        if n == 2:
            return "the last token followed by it stands nowhere in the text"
        return f"the last {n - 1} tokens followed by it stand nowhere in the text"

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        n = int(self.no_repeat_ngram_size)
        return "stands already" if n == 1 else f"would repeat {n} tokens"


@dataclass(frozen=True)
class Bans(Stage):
    """Bias −∞. Like transformers, an end token is not taken as a banned text of its own.

    Oracle: transformers' NoBadWordsLogitsProcessor.
    """

    name: ClassVar = "bans"
    label: ClassVar = "Banned texts"
    summary: ClassVar = (
        "Forbids the texts that you name. A text of several tokens is stopped at its last one. Mind that ' word', "
        "'word' and 'Word' are different tokens, so each way of writing needs an entry of its own. It cannot forbid "
        "the end of the text: minimum length does that."
    )
    origin: ClassVar = "transformers (bad_words_ids)"
    parameters: ClassVar = ()
    texts: ClassVar = (Texts("bad_words", "banned texts", (), SEQUENCES),)
    role: ClassVar[Role] = "ban"

    bad_words: tuple[str, ...] = ()

    @classmethod
    def is_off(cls, values: Mapping[str, Any]) -> bool:
        return not values["bad_words"]

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        vocabulary, size = context.vocabulary, scores.vocab_size
        ends = {(token_id,) for token_id in vocabulary.eos_ids}
        wanted = {text: sequence(text, vocabulary, size) for text in self.bad_words}
        history = context.history().tolist()
        begun = {ids: text for text, ids in wanted.items() if ids and ids not in ends and _completed(history, ids)}
        why = {ids[-1]: text for ids, text in begun.items()}
        after = _banned(scores, why)
        left = set(scores.ids[scores.places(np.unique(np.array(list(why), dtype=np.int64)))].tolist())
        found = {text: [ids] if ids else [] for text, ids in wanted.items()}
        words = told(f"{scores.count - after.count:,} banned", [i for i in why if i in left], found, vocabulary)
        if ends.intersection(wanted.values()):
            words.append("the end stays: minimum length forbids it")
        return after, Note("; ".join(words + waiting(begun, found, vocabulary)), detail=why)

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"would complete the banned {note.detail[token_id]!r}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        return "completes none of the banned texts here"

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        return "banned"


@dataclass(frozen=True)
class MinLength(Stage):
    """Bans the end tokens while fewer new tokens stand. Oracle: transformers' MinNewTokensLengthLogitsProcessor."""

    name: ClassVar = "min_length"
    label: ClassVar = "Minimum length"
    summary: ClassVar = (
        "Keeps the text from ending until so many tokens were generated. Until then the end token is forbidden, and "
        "what it would have had goes to all others in proportion, so a model that is done may go on with nonsense. Use "
        "the length that you need, and no more; 10 to 100 are usual."
    )
    origin: ClassVar = "transformers (min_new_tokens)"
    parameters: ClassVar = (
        Parameter(
            "min_new_tokens", "new tokens", 20, 0, 1000, off=0, integer=True, decimals=0, scale="log", usual=(10, 100)
        ),
    )
    role: ClassVar[Role] = "ban"

    min_new_tokens: float

    def apply(self, scores: Scores, context: Context) -> tuple[Scores, Note]:
        done = context.length - context.prompt_length
        missing = int(self.min_new_tokens) - done
        if missing <= 0:
            return scores, Note("long enough")
        ends = scores.places(np.array(sorted(context.vocabulary.eos_ids), dtype=np.int64))
        mass = float(scores.weights[ends].sum()) / scores.total if scores.count else math.nan
        had = f"{mass:.2%}" if mass >= 1e-4 or mass == 0 else percent(mass)
        words = f"{missing:,} more to go; the end had {had}"
        after = scores.changed(ends, np.full(ends.size, -np.inf))
        return after, Note(words, float(done), (("new", float(done)), ("end_mass", mass)))

    def reason(self, token_id: int, logit: float, before: Scores, note: Note) -> str:
        return f"the end is forbidden: {new_tokens(int(note.limit))} < {int(self.min_new_tokens):,}"

    def kept(self, token_id: int, before: Scores, after: Scores, note: Note, context: Context) -> str:
        done, wanted = context.length - context.prompt_length, int(self.min_new_tokens)
        if done >= wanted:
            return f"the text may end: {new_tokens(done)} ≥ {wanted:,}"
        return f"{new_tokens(done)} < {wanted:,}, but it does not end the text"

    def beside(self, token_id: int, logit: float, note: Note, context: Context) -> str:
        return f"end: {int(note.limit):,} < {int(self.min_new_tokens):,}"
