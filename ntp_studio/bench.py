"""`ntp-studio bench`: what the studio costs on top of the bare model, as ratios measured in the same run.

Machines are shared and noisy, so the bare thing and the studio take turns, a few tokens each, and medians are compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ntp_studio import messages as m
from ntp_studio.core import checkpoints
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.types import DecodingSettings, StudioError
from ntp_studio.engine import Engine
from ntp_studio.training_bench import training_times

if TYPE_CHECKING:
    from ntp_studio.core.decoding import Scores, Trace

PROMPT = "Once upon a time, in a village by the sea, there lived a young fisherman who had a dream."
TURN = 5  # tokens in a row for each side
USUAL = {"temperature": 0.8, "top_k": 40.0, "top_p": 0.95, "min_p": 0.05}
LARGE_VOCABULARY = 151_936
SMOL_VOCABULARY = 49_152
BOUNDED_FROM = 50_000_000  # parameters: beside a smaller model's 2 ms the studio's one is much, and still one


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: `value` in `unit`, and the bound it is held to where there is one."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    detail: str = ""

    def fields(self) -> dict[str, Any]:
        return {"event": "bench"} | asdict(self)

    def line(self) -> str:
        bound = (
            "" if self.bound is None else f"  (bound {self.bound:g}{'' if self.value <= self.bound else ', EXCEEDED'})"
        )
        return f"{self.name:<68} {self.value:8.3f} {self.unit}{bound}  {self.detail}"


def run_all(path: str, device: str, dtype: str, *, tokens: int) -> Iterator[Row]:
    """Every figure for one model, as it becomes known."""
    model = checkpoints.load(path, device=device, dtype=dtype)
    room = model.info.context_length - len(model.tokens.encode(PROMPT)) - 4 * TURN
    if room < TURN:
        raise StudioError(f"The context of {model.info.name} is too short to measure steps; take another model.")
    tokens = min(tokens, room)
    bounded = model.info.parameters >= BOUNDED_FROM
    yield Row(
        "load", model.info.load_ms / 1000, "s", detail=f"{model.info.name}, {model.info.device} {model.info.dtype}"
    )
    for name, settings in (("all stages off", DecodingSettings()), ("usual settings", settings_from_names(USUAL))):
        bare, studio, own = step_times(model, tokens, settings)
        detail = f"bare {bare:.2f} ms, studio {studio:.2f} ms"
        bound = 1.05 if bounded else None
        yield Row(f"step (command in, frame out) over bare forward, {name}", studio / bare, "×", bound, detail)
        if name == "usual settings":
            yield Row("the studio's own share of a step", own, "ms")
    ratio, unit, bound, detail = against_generate(model, tokens)
    yield Row("step over generate(output_scores=True), per token", ratio, unit, bound if bounded else None, detail)
    long = min(2000, model.info.context_length - tokens - 50)
    if long > 200:
        short_own = step_times(model, tokens, settings_from_names(USUAL), context=50)[2]
        long_own = step_times(model, tokens, settings_from_names(USUAL), context=long)[2]
        detail = f"{short_own:.2f} ms → {long_own:.2f} ms"
        yield Row(f"own share at {long} tokens of context over at 50", long_own / short_own, "×", 1.3, detail)
    yield Row(f"redraw after a setting at {LARGE_VOCABULARY:,} tokens", redraw_time(), "ms", 16.0, "no forward")
    yield from decoding_rows()
    bare, ours = training_times(tokens // 3 + 1, device)
    detail = f"bare {bare * 1000:.0f} ms, trainer {ours * 1000:.0f} ms per update of a 3.7 M-parameter GPT-2"
    yield Row("training: an update over that of a bare loop", ours / bare, "×", 1.1, detail)


class Bare:
    """The forward loop anybody would write: one token in, its logits out, the cache kept."""

    def __init__(self, model: LanguageModel, ids: list[int]) -> None:
        import torch

        from ntp_studio.core.model import cache_name

        self._torch, self._network = torch, model.network
        self._cache_name = cache_name(model.network)
        self._device = model.network.device
        with torch.inference_mode():
            output = self._network(input_ids=torch.tensor([ids], device=self._device), use_cache=True)
        self._cache, self._next = output[self._cache_name], output.logits[:, -1:].argmax(-1)

    def __call__(self) -> None:
        with self._torch.inference_mode():
            output = self._network(input_ids=self._next, **{self._cache_name: self._cache}, use_cache=True)
            self._cache = output[self._cache_name]
            self._next = output.logits[:, -1:].argmax(-1)
            self._next.cpu()  # waits for an accelerator


class Driven:
    """The studio as the window drives it, without a thread: a Step command in, frames out."""

    def __init__(self, model: LanguageModel, ids: list[int], settings: DecodingSettings) -> None:
        self.frames: list[m.FrameReady] = []
        self.shown = 0.0  # when the last frame came out
        self.engine = Engine(self._heard)
        session = Session(model, decoding=settings)
        session.begin(ids)
        self.engine.adopt(m.MAIN, session)

    def _heard(self, event: m.Event) -> None:
        if isinstance(event, m.FrameReady):
            self.frames.append(event)
            self.shown = time.perf_counter()

    def __call__(self) -> None:
        self.engine.send(m.Step())
        self.engine.run_pending()

    def latencies(self, times: int) -> list[float]:
        """ms from a Step command to its frame, of each of `times` steps."""
        took = []
        for _ in range(times):
            started = time.perf_counter()
            self()
            took.append((self.shown - started) * 1000)
        return took


def step_times(
    model: LanguageModel, tokens: int, settings: DecodingSettings, *, context: int = 0
) -> tuple[float, float, float]:
    """(bare forward, studio step, studio's own share) in ms, medians; at `context` tokens of text if given."""
    ids = model.tokens.encode(PROMPT)
    while len(ids) < context:
        ids = (ids + ids)[:context]
    model.forget()
    bare, studio = Bare(model, ids), Driven(model, ids, settings)
    bare_times: list[float] = []
    studio_times: list[float] = []
    for _ in range(3):
        bare()
        studio()
    studio.frames.clear()
    while len(studio_times) < tokens:
        bare_times += timed(bare, TURN)
        studio_times += studio.latencies(TURN)
    own = [total - f.frame.model_ms for total, f in zip(studio_times, studio.frames, strict=True)]
    return statistics.median(bare_times), statistics.median(studio_times), statistics.median(own)


def timed(action: Callable[[], object], times: int) -> list[float]:
    """How long each of `times` calls took, in ms."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        took.append((time.perf_counter() - started) * 1000)
    return took


def against_generate(model: LanguageModel, tokens: int) -> tuple[float, str, float, str]:
    import torch

    ids = model.tokens.encode(PROMPT)
    inputs = torch.tensor([ids], device=model.network.device)
    options = {"do_sample": True, "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}

    def generate() -> None:
        with torch.inference_mode():
            model.network.generate(
                inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                output_scores=True,
                return_dict_in_generate=True,
                pad_token_id=0,
                **options,
            )

    def studio() -> None:
        model.forget()
        driven = Driven(model, ids, settings_from_names(USUAL))
        for _ in range(tokens):
            driven()

    theirs, ours = [], []
    for _ in range(3):
        theirs += timed(generate, 1)
        ours += timed(studio, 1)
    a, b = statistics.median(theirs) / tokens, statistics.median(ours) / tokens
    return b / a, "×", 1.0, f"generate {a:.2f} ms, studio {b:.2f} ms per token, prompt included"


# Ten stages that act; in the second, each keeps nearly the whole vocabulary, so that none spares the next its work.
TEN = {
    "repetition_penalty": 1.1, "presence_penalty": 0.2, "dry_multiplier": 0.8, "no_repeat_ngram_size": 3,
    "temperature": 0.9, "top_n_sigma": 2.0, "top_k": 200.0, "top_p": 0.95, "min_p": 0.02, "typical_p": 0.95,
}  # fmt: skip
TEN_WIDE = TEN | {
    "temperature": 1.5, "top_n_sigma": 10.0, "top_k": 150_000.0, "top_p": 0.9999, "min_p": 1e-9, "typical_p": 0.999
}  # fmt: skip


class Decoding:
    """A step without a model: random logits of a large vocabulary through a chain, a draw and a frame with the
    pictures of its stages."""

    def __init__(self, vocab_size: int, values: Mapping[str, float]) -> None:
        from ntp_studio.core.decoding import Scores
        from ntp_studio.core.decoding.draw import RandomStream, StreamPlace
        from ntp_studio.core.tokens import CharacterTokens
        from ntp_studio.core.types import ModelInfo

        rng = np.random.default_rng(0)
        self.logits = (rng.standard_normal(vocab_size) * 3).astype(np.float32)
        info = ModelInfo("random logits", "", "", "", 0, vocab_size, 4096, 0)
        tokens = CharacterTokens({i: chr(0x4E00 + i % 20000) for i in range(vocab_size)})
        self.model = LanguageModel(_NoNetwork(), tokens, info)
        self.values = values
        self.scores = Scores.of(self.logits)
        self._stream, self._place = RandomStream(vocab_size), StreamPlace(0)
        self._history = rng.integers(0, vocab_size, 500).tolist()
        self._turn = 0

    def chain(self) -> Trace:
        """The chain on logits that nothing is known of yet, with every stage's report."""
        from ntp_studio.core.decoding import Scores

        trace = self._run(Scores.of(self.logits), self.values)
        trace.reports()
        return trace

    def step(self) -> None:
        """Chain, draw and frame of a new step; its noise is drawn anew too."""
        from ntp_studio.core.decoding import Scores

        started = time.perf_counter()
        self._place = self._place.following
        self._show(self._run(Scores.of(self.logits), self.values), started)

    def redraw(self) -> None:
        """What a changed setting costs at a step that has been looked at."""
        started = time.perf_counter()
        self._turn += 1
        values = {**self.values, "temperature": 0.5 + 0.01 * self._turn}
        self._show(self._run(self.scores, values), started)

    def sort(self) -> None:
        """The yardstick: one full ranking of the vocabulary."""
        np.argsort(-self.logits.astype(np.float64))

    def _run(self, scores: Scores, values: Mapping[str, float]) -> Trace:
        from ntp_studio.core.decoding import Chain, Context

        return Chain.of(settings_from_names(values)).run(scores, Context(self._history, 10))

    def _show(self, trace: Trace, started: float) -> None:
        from ntp_studio.core.decoding.draw import Luck, choose
        from ntp_studio.core.frames import build_frame

        token_id, draw = choose(trace.result, "race", self._stream, Luck(self._place))
        build_frame(
            self.model, trace, token_id, draw, top=40, step=1, node=0, context_length=500, origin="drawn", model_ms=0.0,
            note="", started=started, noise=self._stream.noise(self._place), pictures=True,
        )  # fmt: skip


def redraw_time(changes: int = 40) -> float:
    """Median ms from a changed setting to its frame, on random logits of a large vocabulary: no model takes part."""
    decoding = Decoding(LARGE_VOCABULARY, USUAL | {"repetition_penalty": 1.1})
    decoding.redraw()
    return statistics.median(timed(decoding.redraw, changes))


def decoding_rows(times: int = 20) -> Iterator[Row]:
    """What decoding costs without any model, and as a ratio to one sort of the vocabulary measured in turns with it."""
    for name, values in (("", TEN), (", none sparing the next", TEN_WIDE)):
        large = Decoding(LARGE_VOCABULARY, values)
        label = f"ten stages at {LARGE_VOCABULARY:,} tokens, traced{name}"
        yield from _against_sort(label, large, large.chain, 16.0, times)
    for name, values in (("usual settings", USUAL), ("ten stages", TEN)):
        small = Decoding(SMOL_VOCABULARY, values)
        yield from _against_sort(f"chain, draw and frame at {SMOL_VOCABULARY:,}, {name}", small, small.step, 5.0, times)


def _against_sort(
    name: str, decoding: Decoding, action: Callable[[], object], bound: float, times: int
) -> Iterator[Row]:
    action()
    ours, sorts = [], []
    for _ in range(times):
        ours += timed(action, 1)
        sorts += timed(decoding.sort, 1)
    took, sort = statistics.median(ours), statistics.median(sorts)
    yield Row(name, took, "ms", bound, f"{took / sort:.1f} × one sort ({sort:.2f} ms); least {min(ours):.2f} ms")


class _NoNetwork:
    """Stands where a network would: nothing may call it."""

    generation_config = None
    config = None

    def forward(self) -> None:
        raise AssertionError("a redraw must not run the model")
