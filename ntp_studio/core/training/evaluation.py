"""How well a model foretells text that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.tokens import HuggingFaceTokens
from ntp_studio.core.types import Cancelled, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Mean cross-entropy in nats per token over `tokens` tokens, and what follows from it.

    `bits_per_byte` is the surprisal of the text over its UTF-8 length: comparable between tokenizers.
    """

    loss: float
    tokens: int
    bytes: float

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 700.0))

    @property
    def bits_per_byte(self) -> float:
        return self.loss * self.tokens / self.bytes / math.log(2)


def evaluate(
    network: Any,
    ids: NDArray[np.int64],
    text_bytes: int,
    *,
    context: int,
    stride: int,
    limit: int | None = None,
    batch_size: int = 8,
    autocast: Callable[[], Any] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> HeldOut:
    """Foretell ids[1:], each token exactly once, in windows of `context` tokens that move on by `stride`.

    With stride < context every token but the first `context` has at least context - stride tokens before it (the
    sliding window of the perplexity guide of transformers); with stride = context windows do not overlap, which is
    quicker and counts the poor foresight at the beginning of each. `limit` takes evenly spaced windows of about so many
    tokens; the byte count is then their share. Runs in eval mode, and leaves the network in the mode it had.
    """
    import torch
    import torch.nn.functional as F

    windows: list[tuple[int, int, int]] = []  # begin of the input, end of the targets, first target that counts
    done = 1
    for begin in range(0, max(1, len(ids) - 1), stride):
        end = min(begin + context + 1, len(ids))
        windows.append((begin, end, done))
        done = end
        if end == len(ids):
            break
    if limit is not None and len(windows) * stride > limit:
        windows = [windows[i] for i in np.linspace(0, len(windows) - 1, max(1, limit // stride)).astype(int)]
    total, count = 0.0, 0
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            for group in _groups(windows, batch_size):
                if cancelled is not None and cancelled():
                    raise Cancelled("The evaluation was cancelled.")
                batch = torch.from_numpy(np.stack([ids[b:e] for b, e, _ in group])).to(network.device)
                with autocast() if autocast is not None else torch.autocast("cpu", enabled=False):
                    logits = network(input_ids=batch[:, :-1], use_cache=False).logits
                losses = F.cross_entropy(logits.float().transpose(1, 2), batch[:, 1:], reduction="none")
                for row, (begin, _, first) in zip(losses, group, strict=True):
                    counted = row[first - 1 - begin :]
                    total += float(counted.double().sum())
                    count += counted.numel()
    finally:
        network.train(was_training)
    return HeldOut(total / max(1, count), count, text_bytes * count / max(1, len(ids) - 1))


def _groups(windows: list[tuple[int, int, int]], size: int) -> list[list[tuple[int, int, int]]]:
    """Windows of equal length together, at most `size`."""
    groups: list[list[tuple[int, int, int]]] = []
    for window in windows:
        last = groups[-1] if groups else []
        if last and len(last) < size and last[0][1] - last[0][0] == window[1] - window[0]:
            last.append(window)
        else:
            groups.append([window])
    return groups


def evaluate_model(
    model: LanguageModel,
    texts: Sequence[str],
    share: float,
    *,
    context: int | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> HeldOut:
    """The figures of an opened model over the last `share` (0 < share ≤ 1) of every text, as the trainer measures them
    at its end: windows of the model's context (or a shorter one), moving on by half."""
    from ntp_studio.core.training import corpus

    if not isinstance(model.tokens, HuggingFaceTokens):
        raise StudioError(
            f"{model.info.name} counts characters, and held-out text is measured for Hugging Face tokens."
        )
    window = min(context or model.info.context_length, model.info.context_length)
    ids, text_bytes = corpus.held_out(model.tokens.tokenizer, texts, share)
    if len(ids) < 2:
        raise StudioError("There is no held-out text to measure on; hold more out.")
    return evaluate(model.network, ids, text_bytes, context=window, stride=max(1, window // 2), cancelled=cancelled)
