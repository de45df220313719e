"""LanguageModel: token ids in, next-token logits out; the owner of the KV cache.

This is the seam behind which other backends will stand, so nothing above it knows torch: logits leave as one float32
NumPy vector.
"""

from __future__ import annotations

import gc
import inspect
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core import devices
from ntp_studio.core.tokens import Tokens
from ntp_studio.core.types import DEFAULT_SEED, Cancelled, ContextFull, ModelFailure, ModelInfo, TokenScore

if TYPE_CHECKING:
    import torch

    from ntp_studio.core.session import Session

CHUNK = 256  # tokens of a prompt per forward: a cancel is heard between chunks, and logits of a chunk fit in memory


@dataclass(frozen=True, slots=True)
class Reading:
    """What a forward pass gave: the logits after the last id, float32 [V]; `computed` tokens went through the model.

    `scores[i]` is for `ids[first + i]`. `note` says what a person should know of how it was computed.
    """

    logits: NDArray[np.float32]
    computed: int
    model_ms: float
    first: int = 0
    scores: tuple[TokenScore, ...] = ()
    note: str = ""


class LanguageModel:
    """A network with its tokenizer. It remembers the ids that its KV cache holds, so that ids that begin alike cost
    only what differs: a step, a rewind and a branch are one token's forward.

    Where a cache cannot be cropped (sliding windows, recurrent states) a text that goes back is read again from its
    beginning, and the reading says so.
    """

    whole_vocabulary = True

    def __init__(self, network: Any, tokens: Tokens, info: ModelInfo) -> None:
        self.network = network
        self.tokens = tokens
        self.info = info
        self.eos_ids = tokens.eos_ids | _eos_ids(network)
        self._cache: Any = None
        self._cached: list[int] = []
        accepted = inspect.signature(network.forward).parameters
        self._cache_name = cache_name(network)
        self._keeps_cache = bool(self._cache_name)
        self._picks_logits = "logits_to_keep" in accepted

    def start(self, prompt: str = "", *, chat: bool = False, seed: int = DEFAULT_SEED, **options: Any) -> Session:
        """A new session on this model; see `Session`."""
        from ntp_studio.core.session import Session

        session = Session(self, seed=seed, **options)
        session.set_prompt(prompt, chat=chat)
        return session

    def logits(self, ids: list[int]) -> NDArray[np.float32]:
        """The logits of the token after `ids`, float32 [V]."""
        return self.read(ids).logits

    def read(
        self,
        ids: list[int],
        *,
        score_from: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Reading:
        """Read `ids`, reusing what the cache holds of them.

        With `score_from` = k, also how each of ids[k:] fared in the distribution before it (k ≥ 1); what the cache
        already covers is read again for that. `progress(done, total)` and `cancelled()` are called between chunks.

        Raises:
            ContextFull: more ids than the context has places.
            ModelFailure: NaN or infinity among the logits, or the device ran out of memory.
            Cancelled: `cancelled()` became true; what was read until then stays in the cache.
        """
        self._check_length(ids)
        shared = _common_prefix(self._cached, ids)
        keep = min(shared, len(ids) - 1) if score_from is None else min(shared, score_from - 1, len(ids) - 1)
        note = ""
        if not self._keeps_cache:
            keep, note = 0, f"this model keeps no cache that can be reused: read all {len(ids):,} tokens"
            self.forget()
        elif keep < len(self._cached) and not self._crop(keep):
            keep, note = 0, f"this model's cache cannot go back: read {len(ids):,} tokens again"
        started = time.perf_counter()
        scores: list[TokenScore] = []
        rows: Rows | None = None
        for position, rows in self._chunks(ids, keep, score_from, progress, cancelled):
            if score_from is not None and position + len(rows) >= score_from:
                first, last = max(score_from, position + 1), min(position + len(rows), len(ids) - 1)
                if first <= last:
                    scores.extend(rows.scores(ids[first : last + 1], skip=first - 1 - position))
        assert rows is not None
        vector = rows.last()
        if not math.isfinite(float(vector.max(initial=-math.inf))):
            raise self._damaged(len(ids))
        elapsed = (time.perf_counter() - started) * 1000
        return Reading(vector, len(ids) - keep, elapsed, score_from or len(ids), tuple(scores), note)

    def walk(
        self,
        ids: list[int],
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[tuple[int, Rows]]:
        """The logits after every one of `ids`, a chunk at a time and one forward each: (place of the chunk's first id,
        its rows). Reads from the beginning, whatever the cache holds. Raises what `read` raises."""
        self._check_length(ids)
        self.forget()
        for position, rows in self._chunks(ids, 0, 1, progress, cancelled):
            if not math.isfinite(float(rows.last().max(initial=-math.inf))):
                raise self._damaged(position + len(rows))
            yield position, rows

    def twin(self) -> LanguageModel:
        """Another LanguageModel on the same weights, with a KV cache of its own: two texts that take turns on one cache
        would each have to be read again from where they part."""
        return LanguageModel(self.network, self.tokens, self.info)

    @property
    def reads_in_chunks(self) -> bool:
        """Whether a long text takes several forwards; a model without a cache reads it in one."""
        return self._keeps_cache

    def _check_length(self, ids: list[int]) -> None:
        if not ids:
            raise ValueError("a model needs at least one token")
        if len(ids) > self.info.context_length:
            raise ContextFull(
                f"The text has {len(ids):,} tokens and this model's context holds {self.info.context_length:,}; "
                "shorten the prompt or go back."
            )

    def _damaged(self, place: int) -> ModelFailure:
        self.forget()
        return ModelFailure(
            f"{self.info.name} gave NaN or infinite logits at token {place:,}; its weights are damaged or "
            f"{self.info.dtype} is too small for it: try float32."
        )

    def _chunks(
        self,
        ids: list[int],
        keep: int,
        score_from: int | None,
        progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Iterator[tuple[int, Rows]]:
        """One forward for each chunk of ids[keep:], with the logits of all its places where any id from `score_from`
        on is foretold in it, else of the last only."""
        position = keep
        while position < len(ids):
            if cancelled is not None and len(ids) - keep > 1 and cancelled():  # one token is not worth it
                raise Cancelled("Reading the prompt was cancelled.")
            end = min(position + CHUNK, len(ids)) if self._keeps_cache else len(ids)
            with _failures(self):
                output = self._forward(ids[position:end], all_logits=score_from is not None and end >= score_from)
                self._cached.extend(ids[position:end])
                rows = Rows(output, self, position, end - position)
            yield position, rows
            position = end
            if progress is not None and len(ids) - keep > CHUNK:
                progress(position, len(ids))

    def forget(self) -> None:
        """Drop the cache; the next text is read from its beginning."""
        self._cache = None
        self._cached = []

    def release(self) -> None:
        """Give the model's memory back; it cannot be used afterwards."""
        device = self.info.device
        self.forget()
        self.network = None
        gc.collect()
        devices.empty_cache(device)

    def _forward(self, ids: list[int], *, all_logits: bool) -> torch.Tensor:
        """Logits [n, V] of the ids' places (only the last, [1, V], unless `all_logits`), appended to the cache."""
        import torch

        options: dict[str, Any] = {self._cache_name: self._cache, "use_cache": True} if self._keeps_cache else {}
        if self._picks_logits and not all_logits:
            options["logits_to_keep"] = 1
        with torch.inference_mode():
            output = self.network(input_ids=torch.tensor([ids], device=self.network.device), **options)
        self._cache = getattr(output, self._cache_name, None) if self._keeps_cache else None
        logits: torch.Tensor = output.logits[0]
        return logits if all_logits else logits[-1:]

    def _crop(self, length: int) -> bool:
        """Make the cache hold only its first `length` tokens; False if it had to be dropped for that."""
        surplus = len(self._cached) - length
        if length == 0 or self._cache is None:
            self.forget()
            return length == 0
        try:
            if not _croppable(self._cache):
                raise NotImplementedError
            self._cache.crop(-surplus)
        except (NotImplementedError, AttributeError, ValueError, RuntimeError):
            self.forget()
            return False
        del self._cached[length:]
        return True


def cache_name(network: Any) -> str:
    """What the network calls its KV cache, in its arguments and its output; "" if it has none that a text could be gone
    on from: a recurrent state (Mamba) takes only one token at a time.

    transformers 5.24 calls `cache` what was `past_key_values` before, and recurrent states, too.
    """
    accepted = inspect.signature(network.forward).parameters
    if "past_key_values" in accepted:
        return "past_key_values"
    recurrent = getattr(network, "_is_stateful", False) and not hasattr(network.config, "num_attention_heads")
    return "cache" if "cache" in accepted and not recurrent else ""


def _croppable(cache: Any) -> bool:
    """Whether cropping gives the cache of the shorter text: true of full attention only, as a sliding window has
    already dropped what the shorter text would still see."""
    return hasattr(cache, "crop") and all(
        getattr(layer, "is_croppable", True) and not getattr(layer, "is_sliding", False) for layer in cache.layers
    )


def _common_prefix(a: list[int], b: list[int]) -> int:
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:  # the usual case, compared in C
        return shorter
    return next(i for i in range(shorter) if a[i] != b[i])


class Rows:
    """The logits of a chunk's places, [n, V], where the model computed them (or only the last one's). They are worth
    looking at before the next chunk: nobody else keeps them."""

    def __init__(self, logits: torch.Tensor, model: LanguageModel, position: int, length: int) -> None:
        self._logits: torch.Tensor | None = logits
        self._model = model
        self._position = position
        self._length = length

    def __len__(self) -> int:
        return self._length

    def last(self) -> NDArray[np.float32]:
        """The last place's, float32 [V]."""
        with _failures(self._model):
            vector: NDArray[np.float32] = self._held[-1].float().cpu().numpy()
        return vector

    def array(self) -> NDArray[np.float32]:
        """All of them, float32 [n, V]; read only."""
        with _failures(self._model):
            rows: NDArray[np.float32] = self._held.float().cpu().numpy()
        return rows

    def scores(self, ids: list[int], skip: int = 0) -> list[TokenScore]:
        """How each of `ids` fared in its row, from row `skip` on. Raises ModelFailure: NaN or infinity in it."""
        with _failures(self._model):
            rows = self._held[skip : skip + len(ids)]
            found = _score_on_cpu(rows.float().numpy(), ids) if rows.device.type == "cpu" else _score(rows, ids)
        damaged = next((i for i, score in enumerate(found) if math.isnan(score.logprob)), None)
        if damaged is not None:
            raise self._model._damaged(self._position + skip + damaged + 1)
        return found

    def release(self) -> None:
        """Give their memory back before the next chunk is asked for."""
        self._logits = None

    @property
    def _held(self) -> torch.Tensor:
        assert self._logits is not None, "these logits were given back"
        return self._logits


def _score_on_cpu(rows: NDArray[np.float32], ids: list[int]) -> list[TokenScore]:
    """`_score` by NumPy, four times faster on a CPU: a few rows at once, so that what is computed of them stays in the
    processor's cache."""
    scores: list[TokenScore] = []
    few = max(1, 2**16 // rows.shape[1])
    for begin in range(0, len(ids), few):
        some, wanted = rows[begin : begin + few], ids[begin : begin + few]
        own = some[np.arange(len(wanted)), wanted]
        with np.errstate(invalid="ignore"):  # a row with NaN or infinity in it gives NaN
            peak = some.max(axis=1)
            shifted = some - peak[:, None]
            weights = np.exp(shifted)
            total = weights.sum(axis=1)
            shifted[np.isneginf(shifted)] = 0  # a token that cannot be: 0 · ln 0 is 0
            logs = np.log(total.astype(np.float64))
            entropies = np.maximum(0.0, logs - np.einsum("ij,ij->i", weights, shifted) / total) / math.log(2)
            logprobs = own.astype(np.float64) - peak - logs
        for row, token_id, x, logprob, entropy in zip(
            some, wanted, own, logprobs.tolist(), entropies.tolist(), strict=True
        ):
            # Equal ones rank by id, as on the chart.
            ahead = np.count_nonzero(row[:token_id] >= x) + np.count_nonzero(row[token_id:] > x)
            scores.append(TokenScore(logprob, int(ahead) + 1, entropy))
    return scores


def _score(rows: torch.Tensor, ids: list[int]) -> list[TokenScore]:
    """How each of `ids` fared in its row of logits [n, V], computed where they lie."""
    import torch

    scores: list[TokenScore] = []
    # A few rows at once: a whole chunk's log-probabilities over a large vocabulary would be hundreds of megabytes more.
    for begin in range(0, len(ids), 32):
        logprobs = torch.log_softmax(rows[begin : begin + 32].float(), dim=-1)
        wanted = torch.tensor(ids[begin : begin + 32], device=rows.device)[:, None]
        own = logprobs.gather(1, wanted)
        places = torch.arange(logprobs.shape[1], device=rows.device)
        ahead = (logprobs > own) | ((logprobs == own) & (places < wanted))  # equal ones rank by id, as on the chart
        ranks = ahead.sum(-1) + 1
        entropies = torch.special.entr(logprobs.exp()).sum(-1) / math.log(2)
        scores.extend(
            TokenScore(float(p), int(r), float(h))
            for p, r, h in zip(own[:, 0].tolist(), ranks.tolist(), entropies.tolist(), strict=True)
        )
    return scores


def _eos_ids(network: Any) -> frozenset[int]:
    config = getattr(network, "generation_config", None) or getattr(network, "config", None)
    eos = getattr(config, "eos_token_id", None)
    return frozenset() if eos is None else frozenset(eos if isinstance(eos, (list, tuple)) else [eos])


@contextmanager
def _failures(model: LanguageModel) -> Iterator[None]:
    """Turn what the device throws into a sentence. The cache may be half-written then: it is dropped."""
    try:
        yield
    except Cancelled:
        raise
    except (RuntimeError, MemoryError, IndexError, TypeError, ValueError) as error:
        model.forget()
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate" in str(error):
            raise ModelFailure(
                f"{model.info.device} ran out of memory while {model.info.name} read the text; shorten it or take a "
                "smaller precision."
            ) from error
        raise ModelFailure(f"{model.info.name} failed while reading the text: {error}") from error
