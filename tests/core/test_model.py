"""LanguageModel: the cached, cropped, chunked way gives what one full forward gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ntp_studio.core import model as model_module
from ntp_studio.core.types import Cancelled, ContextFull, ModelFailure
from tests import checkpoint_makers
from tests.core import tiny


def full_forward(language_model, ids: list[int]) -> np.ndarray:
    with torch.inference_mode():
        return language_model.network(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_any_walk_through_texts_gives_full_forward_logits(architecture: str) -> None:
    lm = tiny.model(architecture)
    rng = np.random.default_rng(1)
    ids = rng.integers(1, lm.tokens.vocab_size, 30).tolist()
    walk = [
        ids[:5],
        ids[:6],
        ids[:7],
        ids[:4],
        [*ids[:4], 7],
        [*ids[:4], 7, 9],
        ids[:20],
        ids[:12],
        ids[:30],
        [3],
        ids[:1],
    ]
    for text in walk:
        np.testing.assert_allclose(lm.logits(text), full_forward(lm, text)[-1], atol=2e-4)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bloom", "mistral"])
def test_chunks_and_scores_equal_one_forward(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "CHUNK", 4)
    lm = tiny.model(architecture)
    ids = np.random.default_rng(2).integers(1, lm.tokens.vocab_size, 23).tolist()
    told = []
    reading = lm.read(ids, score_from=1, progress=lambda done, total: told.append((done, total)))
    logits = full_forward(lm, ids)
    logprobs = torch.log_softmax(torch.tensor(logits), -1)
    np.testing.assert_allclose(reading.logits, logits[-1], atol=2e-4)
    assert len(reading.scores) == 22
    for i, score in enumerate(reading.scores):
        row = logprobs[i]
        assert score.logprob == pytest.approx(float(row[ids[i + 1]]), abs=1e-3)
        assert score.rank == int((row > row[ids[i + 1]]).sum()) + 1
        assert score.entropy_bits == pytest.approx(
            float(torch.distributions.Categorical(logits=row).entropy()) / np.log(2), abs=1e-3
        )
    assert told[-1] == (23, 23)


def computed(lm, ids: list[int]) -> int:
    return lm.read(ids).computed


def test_step_rewind_and_branch_cost_one_token() -> None:
    lm = tiny.model("llama")
    ids = list(range(1, 41))
    assert computed(lm, ids) == 40
    assert computed(lm, [*ids, 50]) == 1
    assert computed(lm, ids[:20]) == 1
    assert computed(lm, [*ids[:20], 60]) == 1
    assert lm.read(ids[:20]).note == ""


def test_a_sliding_window_reads_again_and_says_so() -> None:
    lm = tiny.model("mistral")
    ids = list(range(1, 41))
    assert computed(lm, ids) == 40
    assert computed(lm, [*ids, 50]) == 1
    back = lm.read(ids[:39])
    assert back.computed == 39
    assert "cannot go back" in back.note


def test_a_recurrent_model_without_reusable_cache_works_and_says_so() -> None:
    net = checkpoint_makers_mamba()
    lm = tiny.model("llama")
    lm = type(lm)(net, lm.tokens, lm.info)
    ids = [5, 6, 7, 8]
    reading = lm.read(ids)
    with torch.inference_mode():
        wanted = net(torch.tensor([ids]), use_cache=False).logits[0, -1].numpy()
    np.testing.assert_allclose(reading.logits, wanted, atol=1e-4)
    assert "no cache" in reading.note


def checkpoint_makers_mamba():
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    vocab = len(checkpoint_makers.tokenizer())
    return MambaForCausalLM(MambaConfig(vocab_size=vocab, hidden_size=16, num_hidden_layers=2, state_size=4)).eval()


def test_too_long_a_text_is_refused_and_the_cache_stays() -> None:
    lm = tiny.model("gpt2")
    ids = [1, 2, 3]
    lm.read(ids)
    with pytest.raises(ContextFull, match="shorten the prompt"):
        lm.read([1] * (lm.info.context_length + 1))
    assert computed(lm, [*ids, 4]) == 1


def test_cancelling_between_chunks_keeps_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "CHUNK", 4)
    lm = tiny.model("llama")
    ids = list(range(1, 21))
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        lm.read(ids, cancelled=lambda: next(asked))
    assert computed(lm, ids) == 12
    np.testing.assert_allclose(lm.logits(ids), full_forward(lm, ids)[-1], atol=2e-4)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_gives_nan_or_infinity_is_told_so(value: float) -> None:
    net = checkpoint_makers.network("gpt2")
    with torch.no_grad():
        net.transformer.ln_f.weight.fill_(value)
    lm = tiny.model("gpt2")
    lm = type(lm)(net, lm.tokens, lm.info)
    with pytest.raises(ModelFailure, match=r"NaN or infinite logits.*float32"):
        lm.read([1, 2, 3])


def test_out_of_memory_is_a_sentence_and_the_model_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = tiny.model("gpt2")
    lm.read([1, 2])

    def explode(*args: object, **options: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(lm, "_forward", explode)
        with pytest.raises(ModelFailure, match="ran out of memory"):
            lm.read([1, 2, 3])
    np.testing.assert_allclose(lm.logits([1, 2, 3]), full_forward(lm, [1, 2, 3])[-1], atol=2e-4)
