"""Held-out figures: every token counted once, and the arithmetic that a slow reference gives."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.training import HeldOut, Trainer, corpus, evaluate, evaluate_model
from ntp_studio.core.types import Cancelled, StudioError
from tests import checkpoint_makers as make
from tests.core import tiny
from tests.core.training_runs import markov, recipe, run, write


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


class Counting(torch.nn.Module):
    """A network whose loss on a target is the target's own number: what was counted can be read off the mean."""

    device = torch.device("cpu")

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length, self.seen = length, []

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        assert not self.training
        assert not use_cache
        self.seen += input_ids.tolist()
        # p(next id) = 2^-(id + 1), and the remainder on a last class
        logits = -(torch.arange(self.length + 1, dtype=torch.float64) + 1) * math.log(2)
        logits[-1] = -self.length * math.log(2)
        return SimpleNamespace(logits=logits.float().expand(*input_ids.shape, -1))


@given(length=st.integers(2, 60), context=st.integers(1, 20), data=st.data())
def test_every_token_counts_exactly_once(length: int, context: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, context))
    network = Counting(length).train()
    ids = np.arange(length, dtype=np.int64)
    figures = evaluate(network, ids, 3 * length, context=context, stride=stride, batch_size=3)
    assert network.training
    assert figures.tokens == length - 1
    assert figures.bytes == 3 * length
    # The mean of the losses of 1 .. length - 1, each once; any other multiset of as many ids would have to balance.
    assert figures.loss == pytest.approx(sum(n + 1 for n in range(1, length)) / (length - 1) * math.log(2), rel=1e-5)
    assert all(len(row) <= context for row in network.seen)
    # A window begins a stride after the one before: every token but the first ones has its context - stride before it.
    assert [row[0] for row in network.seen] == list(range(0, length, stride))[: len(network.seen)]


@given(length=st.integers(5, 45), context=st.integers(2, 16), data=st.data())
@settings(max_examples=15)
def test_loss_is_that_of_each_token_computed_alone(length: int, context: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, context))
    network = tiny.network("gpt2")
    ids = np.random.default_rng(length).integers(0, 300, length)
    expected, done = [], 1
    for begin in range(0, length - 1, stride):
        end = min(begin + context + 1, length)
        with torch.no_grad():
            logprobs = torch.log_softmax(network(torch.from_numpy(ids[None, begin : end - 1])).logits[0].double(), -1)
        expected += [-float(logprobs[i - 1 - begin, ids[i]]) for i in range(done, end)]
        done = end
    figures = evaluate(network, ids, 1, context=context, stride=stride)
    assert len(expected) == figures.tokens == length - 1
    assert figures.loss == pytest.approx(float(np.mean(expected)), rel=1e-5)


def test_a_sample_takes_windows_from_beginning_to_end_and_its_share_of_the_bytes() -> None:
    network = Counting(1000)
    ids = np.arange(1000, dtype=np.int64)
    figures = evaluate(network, ids, 2997, context=10, stride=10, limit=100)
    starts = [row[0] for row in network.seen]
    assert (starts[0], starts[-1], len(starts)) == (0, 990, 10)
    assert len(set(np.diff(starts))) <= 2  # evenly spaced
    assert figures.tokens == 99  # the last window is one shorter
    assert figures.bytes == pytest.approx(3 * 99)
    whole = evaluate(Counting(1000), ids, 2997, context=10, stride=10, limit=1000)
    assert whole.tokens == 999


def test_figures_follow_from_the_loss() -> None:
    figures = HeldOut(loss=math.log(8), tokens=100, bytes=150)
    assert figures.perplexity == pytest.approx(8)
    assert figures.bits_per_byte == pytest.approx(2.0)
    assert math.isfinite(HeldOut(1e6, 1, 1).perplexity)


def test_cancelling_and_failing_leave_the_mode_as_it_was() -> None:
    network = tiny.network("gpt2").train()
    ids = np.zeros(50, dtype=np.int64)
    try:
        with pytest.raises(Cancelled):
            evaluate(network, ids, 50, context=8, stride=8, cancelled=lambda: True)
        assert network.training
    finally:
        network.eval()


def test_an_opened_model_has_the_figures_that_its_training_told(tmp_path: Path) -> None:
    text = "é" + markov(5000) + "漢字 ok 🙂 " * 40  # the held-out end is not ASCII
    trainer = run(Trainer(recipe(tmp_path, texts=(write(tmp_path, text),), steps=30)))
    told = trainer.finish().held_out
    assert told is not None
    model = checkpoints.load(tmp_path / "out", device="cpu")
    measured = evaluate_model(model, [text], 0.2)
    assert measured.loss == pytest.approx(told.loss, rel=1e-6)
    assert (measured.tokens, measured.bytes) == (told.tokens, told.bytes)
    kept = text[len(text) - round(len(text) * 0.2) :]
    assert told.bytes == len(kept.encode())
    assert told.tokens == len(kept.encode())  # 257 entries: a token is a byte
    assert told.bits_per_byte == pytest.approx(told.loss / math.log(2))
    shorter = evaluate_model(model, [text], 0.2, context=4)
    assert shorter.tokens == told.tokens
    assert shorter.loss != told.loss


def test_what_cannot_be_measured_is_a_sentence(tmp_path: Path) -> None:
    characters = checkpoints.load(make.make_nanogpt(tmp_path / "nano"), device="cpu")
    with pytest.raises(StudioError, match="counts characters"):
        evaluate_model(characters, ["The cat"], 0.5)
    model = checkpoints.load(make.make_hf(tmp_path / "hf"), device="cpu")
    with pytest.raises(StudioError, match="no held-out text"):
        evaluate_model(model, ["The cat"], 0.001)
    with pytest.raises(Cancelled):
        evaluate_model(model, ["The cat sat"], 1.0, cancelled=lambda: True)
    ids, count = corpus.held_out(model.tokens.tokenizer, ["The cat sat"], 1.0)
    assert evaluate_model(model, ["The cat sat"], 1.0).tokens == len(ids) - 1
    assert count == len("The cat sat")
