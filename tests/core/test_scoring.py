"""A given text, forced through a model: the figures are those of transformers, whatever the chunks and windows."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio import assets
from ntp_studio.core import checkpoints, scoring
from ntp_studio.core import model as model_module
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.training.evaluation import evaluate
from ntp_studio.core.types import Cancelled, ModelFailure, StudioError
from tests import checkpoint_makers
from tests.core import two_tokenizers as make

TEXT = "The cat sat on the mat, and the dog — naïve as 日本 🙂 — ran after it. " * 3
TALES = (
    "Once upon a time there was a king who had a daughter, and she was so beautiful that nobody could look at her.",
    'The wolf said to the little girl: "Where are you going so early?"\n"To my grandmother\'s," said she.\n',
    "Der König sprach: »Naïve Leute — 日本 — glauben's nicht.« 🙂 0123456789 {code: [1, 2]} " * 3,
)


@pytest.fixture(scope="module")
def bundled() -> LanguageModel:
    path = assets.bundled_model()
    assert path is not None
    return checkpoints.load(path, device="cpu", dtype="float32")


@pytest.mark.parametrize("text", TALES)
def test_perplexity_is_that_of_transformers(bundled: LanguageModel, text: str) -> None:
    ids = bundled.tokens.encode(text)
    assert len(ids) <= bundled.info.context_length
    with torch.inference_mode():
        wanted = float(bundled.network(torch.tensor([ids]), labels=torch.tensor([ids])).loss)
    found = scoring.score(bundled, text)
    assert found.loss == pytest.approx(wanted, abs=1e-4)
    assert found.perplexity == pytest.approx(math.exp(wanted), rel=1e-4)
    told = len(text.encode()) - len(bundled.tokens.token(ids[0]).bytes)
    assert found.scored_bytes == told
    assert found.bits_per_byte == pytest.approx(wanted * (len(ids) - 1) / math.log(2) / told, rel=1e-5)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "mistral", "bloom"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_token_equals_one_forward(architecture: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "CHUNK", 7)
    lm = make.model(make.byte_level(), context=128, architecture=architecture)
    lm.network = checkpoint_makers.network(architecture, vocab=lm.tokens.vocab_size, context=128)
    lm.network.to(getattr(torch, dtype))
    text = TALES[1]
    found = scoring.score(lm, text)
    ids = found.text.ids
    # In bfloat16 another cut into chunks is another rounding.
    near = 1e-3 if dtype == "float32" else 0.5
    logprobs = torch.log_softmax(make.logits(lm, ids), -1)
    assert found.scores[0] is None
    for i, figures in enumerate(found.scores[1:], start=1):
        assert figures is not None
        row = logprobs[i - 1]
        assert figures.logprob == pytest.approx(float(row[ids[i]]), abs=near)
        assert figures.entropy_bits == pytest.approx(float(torch.special.entr(row.exp()).sum()) / math.log(2), abs=near)
        if dtype == "float32":
            assert figures.rank == int((row > row[ids[i]]).sum()) + 1


@given(logits=st.lists(st.lists(st.sampled_from([-np.inf, -30.0, 0.0, 0.5, 1.0, 88.0]), min_size=5, max_size=5)
                       .filter(lambda row: max(row) > -np.inf), min_size=1, max_size=9), data=st.data())  # fmt: skip
def test_figures_of_a_row_are_the_definitions(logits: list[list[float]], data: st.DataObject) -> None:
    rows = np.array(logits, dtype=np.float32)
    ids = data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows)))
    # The two ways of computing them, on a CPU and where an accelerator has them, are held against the definitions.
    for found in (model_module._score_on_cpu(rows, ids), model_module._score(torch.tensor(rows), ids)):
        for row, token_id, figures in zip(logits, ids, found, strict=True):
            weights = [math.exp(x - max(row)) for x in row]
            p = [w / sum(weights) for w in weights]
            assert figures.logprob == pytest.approx(row[token_id] - max(row) - math.log(sum(weights)), abs=2e-5)
            ahead = [i for i in range(5) if row[i] > row[token_id] or (row[i] == row[token_id] and i < token_id)]
            assert figures.rank == len(ahead) + 1
            assert figures.entropy_bits == pytest.approx(-sum(x * math.log2(x) for x in p if x > 0), abs=1e-5)


@given(length=st.integers(2, 60), window=st.integers(1, 20), data=st.data())
def test_windows_score_every_token_once_with_enough_before_it(length: int, window: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, window))
    found = scoring.windows(length, window, stride)
    scored: list[int] = []
    for begin, end, first in found:
        assert 0 < end - begin <= window
        assert end < length, "the last token is only foretold"
        scored += range(first, end + 1)
        for token in range(first, end + 1):
            assert token - begin >= min(token, window - stride + 1)
    assert scored == list(range(1, length))


@pytest.mark.parametrize(("window", "stride"), [(None, None), (16, 16), (16, 4), (1, 1), (33, 7)])
def test_a_text_longer_than_the_context(
    window: int | None, stride: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "CHUNK", 6)
    lm = make.model(make.byte_level(), context=40)
    found = scoring.score(lm, TEXT, window=window, stride=stride)
    ids = found.text.ids
    assert len(ids) > 3 * lm.info.context_length
    assert found.scored == len(ids) - 1
    assert (found.window, found.stride) == (window or 40, stride or 20)
    # The trainer's measure has the same rule, in code of its own.
    theirs = evaluate(lm.network, np.array(ids), len(TEXT.encode()), context=found.window, stride=found.stride)
    assert found.loss == pytest.approx(theirs.loss, abs=1e-4)
    assert theirs.tokens == found.scored
    for begin, end, first in scoring.windows(len(ids), found.window, found.stride)[:5]:
        rows = torch.log_softmax(make.logits(lm, ids[begin:end]), -1)
        for i in range(first, end + 1):
            figures = found.scores[i]
            assert figures is not None
            assert figures.logprob == pytest.approx(float(rows[i - 1 - begin, ids[i]]), abs=1e-3)


def test_special_tokens_count_for_perplexity_and_not_for_bytes() -> None:
    lm = make.model(make.sentence_pieces())
    text = "the cat"
    found = scoring.score(lm, text)
    assert found.text.tokens[0].label == "<s>"
    assert found.text.ends[0] == 0
    assert found.scored == len(found.text.ids) - 1
    assert found.scored_bytes == len(text.encode()), "the first word is foretold from the beginning-of-text token"
    total = -sum(s.logprob for s in found.scores[1:] if s is not None)
    assert found.loss * found.scored == pytest.approx(total)
    assert found.bits_per_byte == pytest.approx(total / math.log(2) / 7)
    ended = scoring.score(lm, scoring.TextIds((*found.text.tokens, lm.tokens.token(2)), (*found.text.ends, 7), 7))
    assert ended.scored == found.scored + 1
    assert ended.bits_per_byte == pytest.approx(found.bits_per_byte, abs=1e-4)


def test_a_model_without_a_cache_is_scored_too() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    lm = make.model(make.byte_level(), context=32)
    net = MambaForCausalLM(
        MambaConfig(vocab_size=lm.tokens.vocab_size, hidden_size=16, num_hidden_layers=2, state_size=4)
    ).eval()
    lm = LanguageModel(net, lm.tokens, lm.info)
    assert not lm.reads_in_chunks
    found = scoring.score(lm, TEXT)
    rows = torch.log_softmax(make.logits(lm, found.text.ids[:32]), -1)
    figures = found.scores[32]
    assert figures is not None
    assert figures.logprob == pytest.approx(float(rows[31, found.text.ids[32]]), abs=1e-3)


def test_progress_counts_up_to_the_end_and_a_cancel_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "CHUNK", 5)
    lm = make.model(make.byte_level(), context=40)
    told: list[tuple[int, int]] = []
    found = scoring.score(lm, TEXT, progress=lambda done, total: told.append((done, total)))
    total = len(found.text.ids)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {each for _, each in told} == {total}
    assert told[-1][0] == total
    assert len(told) > total / 40
    asked = iter([False] * 4 + [True])
    with pytest.raises(Cancelled):
        scoring.score(lm, TEXT, cancelled=lambda: next(asked))


def test_scoring_leaves_a_session_where_it_was() -> None:
    lm = make.model(make.byte_level())
    session = lm.start("The cat")
    session.step()
    scoring.score(lm, TEXT)
    assert lm.read([*session.tree.ids, 5]).computed == 2, "its cache was not touched"


@pytest.mark.parametrize("text", ["", "a"])
def test_too_short_a_text_is_refused(text: str) -> None:
    with pytest.raises(StudioError, match="at least two tokens"):
        scoring.score(make.model(make.byte_level()), text)


def test_windows_that_cannot_be_and_broken_text_are_refused() -> None:
    lm = make.model(make.byte_level())
    for window, stride in ((0, None), (8, 9), (8, 0), (-3, 1)):
        with pytest.raises(StudioError, match="cannot move on"):
            scoring.score(lm, TEXT, window=window, stride=stride)
    with pytest.raises(StudioError, match="no character"):
        scoring.score(lm, "ab\ud800")


def test_nan_in_the_middle_of_a_text_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = make.model(make.byte_level())
    forward = LanguageModel._forward

    def spoil(self: LanguageModel, ids: list[int], *, all_logits: bool) -> torch.Tensor:
        logits = forward(self, ids, all_logits=all_logits).clone()
        logits[3, 5] = math.nan
        return logits

    monkeypatch.setattr(LanguageModel, "_forward", spoil)
    with pytest.raises(ModelFailure, match="at token 4"):
        scoring.score(lm, "the cat sat on the mat")


def test_the_table_says_everything_and_no_spreadsheet_runs_it() -> None:
    lm = make.model(make.byte_level())
    text = '=1+1,"é"\n@cat'
    found = scoring.score(lm, text)
    lines = list(csv.reader(io.StringIO(scoring.to_csv(scoring.COLUMNS, scoring.table("A", found)))))
    assert tuple(lines[0]) == scoring.COLUMNS
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert bytes.fromhex("".join(row["bytes"] for row in rows)).decode() == text
    assert rows[0]["rank"] == rows[0]["logprob_nats"] == ""
    for row, figures, token in zip(rows, found.scores, found.text.tokens, strict=True):
        assert row["text"][0] == '"'
        assert json.loads(row["text"]) == token.text
        assert text.encode()[int(row["begin_byte"]) : int(row["end_byte"])] == token.bytes
        if figures is not None:
            assert float(row["logprob_nats"]) == figures.logprob
            assert float(row["surprisal_bits"]) == pytest.approx(-figures.logprob / math.log(2))


@pytest.mark.real_model
def test_perplexity_of_the_real_model(real_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(
        real_model.parent, gguf_file=real_model.name, dtype=torch.float32
    ).eval()
    lm = checkpoints.load(real_model, device="cpu", dtype="float32")
    for text in TALES:
        ids = torch.tensor([lm.tokens.encode(text)])
        with torch.inference_mode():
            wanted = float(network(ids, labels=ids).loss)
        found = scoring.score(lm, text)
        assert found.loss == pytest.approx(wanted, abs=1e-4)
        assert found.perplexity == pytest.approx(math.exp(wanted), rel=1e-4)
