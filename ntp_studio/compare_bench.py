"""What scoring a text and stepping columns together cost, against the bare model and against single steps.

Both sides take turns, and medians are compared: machines are shared and noisy.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from ntp_studio.core import scoring
from ntp_studio.core.lockstep import Lockstep
from ntp_studio.core.model import CHUNK, LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.types import DecodingSettings

TEXT = (
    "Once upon a time, in a village by the sea, there lived a young fisherman who had a dream. "
    "Every night he saw a house of glass under the water, and an old woman who stood at its door and called him. "
)


def text_of(model: LanguageModel, tokens: int) -> scoring.TextIds:
    """A text of so many tokens."""
    times = 1
    while len(model.tokens.encode(TEXT * times)) < tokens:
        times *= 2
    whole = scoring.prepare(model, TEXT * times)
    return scoring.TextIds(whole.tokens[:tokens], whole.ends[:tokens], whole.ends[tokens - 1])


def scoring_times(model: LanguageModel, tokens: int = 4000, rounds: int = 5) -> tuple[float, float]:
    """(bare, ours) in seconds: the forwards of the windows in chunks alone, and with every token's figures."""
    text = text_of(model, tokens)
    window, stride = scoring.plan(model.info)
    ids = text.ids

    def bare() -> None:
        for begin, end, _ in scoring.windows(len(ids), window, stride):
            _bare_chunks(model, ids[begin:end])

    return _in_turns(bare, lambda: scoring.score(model, text), rounds)


def _bare_chunks(model: LanguageModel, ids: list[int]) -> None:
    """The chunked forward that anybody would write: with a cache, and logits of every place."""
    import torch

    from ntp_studio.core.model import cache_name

    network, cache, name = model.network, None, cache_name(model.network)
    with torch.inference_mode():
        for begin in range(0, len(ids), CHUNK):
            chunk = torch.tensor([ids[begin : begin + CHUNK]], device=network.device)
            output = network(input_ids=chunk, **{name: cache}, use_cache=True)
            cache = output[name]
        output.logits[0, -1].float().cpu()  # waits for an accelerator


def lockstep_times(
    models: Sequence[LanguageModel], decoding: DecodingSettings, steps: int = 40
) -> tuple[float, float, float]:
    """(sum of single steps, a step together, the comparison at its place) in seconds. A step takes the token of the
    distribution shown, and gets the next one."""
    prompt = TEXT[:90]
    alone = [model.twin().start(prompt, decoding=decoding) for model in models]
    together = Lockstep([Session(model.twin(), decoding=decoding) for model in models])
    together.set_prompt(prompt)
    shown = [session.frame() for session in alone]
    frames = together.frames()

    def singles() -> None:
        for i, session in enumerate(alone):
            session.take(shown[i].choice, shown[i], "drawn")
            shown[i] = session.frame()

    def columns() -> None:
        nonlocal frames
        together.step(frames)
        frames = together.frames()

    def compare() -> None:
        together.compare(frames)

    for _ in range(3):
        singles()
        columns()
    times = [(_timed(singles), _timed(columns), _timed(compare)) for _ in range(steps)]
    first, second, third = (statistics.median(each) for each in zip(*times, strict=True))
    return first, second, third


def _in_turns(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float]:
    first, second = [], []
    for _ in range(rounds):
        first.append(_timed(one))
        second.append(_timed(other))
    return statistics.median(first), statistics.median(second)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
