"""Distributions held against each other: the divergences are their definitions, whatever the vocabularies."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio import assets
from ntp_studio.core import checkpoints, scoring
from ntp_studio.core import model as model_module
from ntp_studio.core.comparing import compare_place, divergences, most_likely
from ntp_studio.core.comparing_texts import compare_text, comparison_table
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.types import Cancelled, DecodingSettings, StudioError
from tests.core import two_tokenizers as make

TEXT = "The cat sat on the mat, and the dog — naïve as 日本 🙂 — ran after it. " * 2
LOGIT = st.one_of(st.just(-math.inf), st.floats(-80, 80, width=32))


def rows_of(size: int) -> st.SearchStrategy[list[float]]:
    return st.lists(LOGIT, min_size=size, max_size=size).filter(lambda row: max(row) > -math.inf)


def softmax(row: list[float]) -> list[float]:
    weights = [math.exp(x - max(row)) for x in row]
    return [w / math.fsum(weights) for w in weights]


def by_definition(p: list[float], q: list[float]) -> float:
    return math.fsum(a * math.log(a / b) if b > 0 else math.inf for a, b in zip(p, q, strict=True) if a > 0)


@given(pair=st.integers(1, 12).flatmap(lambda n: st.tuples(rows_of(n), rows_of(n))), top=st.integers(1, 5))
def test_divergences_are_their_definitions(pair: tuple[list[float], list[float]], top: int) -> None:
    first, second = pair
    (found,) = divergences(np.array([first]), np.array([second]), top)
    p, q = softmax(first), softmax(second)
    mixed = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    for ours, wanted in (
        (found.forward, by_definition(p, q)),
        (found.backward, by_definition(q, p)),
        (found.jensen_shannon, (by_definition(p, mixed) + by_definition(q, mixed)) / 2),
    ):
        assert ours is not None
        assert ours == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        assert ours >= 0
    assert found.jensen_shannon is not None
    assert found.jensen_shannon <= math.log(2)
    (turned,) = divergences(np.array([second]), np.array([first]), top)
    assert (turned.forward, turned.backward) == (found.backward, found.forward)
    assert turned.jensen_shannon == pytest.approx(found.jensen_shannon, abs=1e-12)
    likeliest = [sorted((i for i in range(len(r)) if r[i] > -math.inf), key=lambda i: (-r[i], i)) for r in pair]
    assert found.same_top == (likeliest[0][0] == likeliest[1][0])
    a, b = (set(each[:top]) for each in likeliest)
    assert found.overlap == len(a & b) / max(len(a), len(b))


@given(row=rows_of(9), shift=st.floats(-5, 5))
def test_a_distribution_against_itself_is_nothing(row: list[float], shift: float) -> None:
    (found,) = divergences(np.array([row]), np.array([row]) + shift)
    for value in (found.forward, found.backward, found.jensen_shannon):
        assert value == pytest.approx(0, abs=1e-12)


@given(row=st.lists(st.sampled_from([-math.inf, 0.0, 1.0, 2.0]), min_size=1, max_size=20), count=st.integers(1, 25))
def test_the_most_likely_in_order_with_ties_by_id(row: list[float], count: int) -> None:
    wanted = sorted((i for i in range(len(row)) if row[i] > -math.inf), key=lambda i: (-row[i], i))[:count]
    assert most_likely(np.array(row), count) == wanted


def test_what_is_no_distribution_is_refused() -> None:
    good = np.zeros((1, 3))
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            divergences(good, np.array([[0, bad, 1]]))
    with pytest.raises(ValueError, match="no token has a finite"):
        divergences(np.full((1, 3), -math.inf), good)
    with pytest.raises(ValueError, match="unequal vocabularies"):
        divergences(good, np.zeros((1, 4)))


# -- at one place


def sessions(*models: LanguageModel, prompt: str = "the cat") -> list[Session]:
    return [lm.start(prompt) for lm in models]


def test_a_place_of_equal_vocabularies_is_over_the_whole_vocabulary() -> None:
    one, other = make.model(make.byte_level(), seed=1), make.model(make.byte_level(), seed=2)
    pair = sessions(one, other)
    found = compare_place(pair, top=4, also=[7])
    ids = pair[0].tree.ids
    log_p, log_q = (torch.log_softmax(make.logits(lm, ids)[-1], -1) for lm in (one, other))
    (figures,) = found.pairs
    assert figures.whole_vocabulary
    assert figures.forward == pytest.approx(float((log_p.exp() * (log_p - log_q)).sum()), abs=1e-4)
    assert figures.backward == pytest.approx(float((log_q.exp() * (log_q - log_p)).sum()), abs=1e-4)
    listed = {row.token.id for row in found.tokens}
    assert listed == {*log_p.topk(4).indices.tolist(), *log_q.topk(4).indices.tolist(), 7}
    for row in found.tokens:
        assert row.logprobs == pytest.approx([float(log_p[row.token.id]), float(log_q[row.token.id])], abs=1e-4)
        assert row.delta(1) == pytest.approx(float(log_q[row.token.id] - log_p[row.token.id]), abs=2e-4)
        assert row.probabilities[0] == pytest.approx(float(log_p[row.token.id].exp()), abs=1e-4)
    highest = [max(p for p in row.probabilities if p is not None) for row in found.tokens]
    assert highest == sorted(highest, reverse=True)


def test_a_place_of_unequal_vocabularies_goes_by_bytes() -> None:
    one, other = make.model(make.byte_level(), seed=1), make.model(make.sentence_pieces(), seed=2)
    pair = sessions(one, other)
    found = compare_place(pair, top=6)
    (figures,) = found.pairs
    assert not figures.whole_vocabulary
    assert figures.forward is figures.backward is figures.jensen_shannon is None
    raws = [session.trace().raw for session in pair]
    for row in found.tokens:
        for session, raw, logprob in zip(pair, raws, row.logprobs, strict=True):
            tokens = session.model.tokens
            same = [
                i
                for i in range(tokens.vocab_size)
                if tokens.token(i).bytes == row.token.bytes and tokens.token(i).special == row.token.special
            ]
            if row.token.id in same and logprob is not None and len(same) > 1:
                continue  # listed as itself, or all of its bytes together
            if not same:
                assert logprob is None
                assert row.delta(1) is None
            else:
                total = math.fsum(math.exp(raw.logits[i] - raw.log_normalizer) for i in same)
                assert logprob == pytest.approx(math.log(total))
    keys = [(row.token.bytes, row.token.special) for row in found.tokens if None not in row.logprobs]
    assert len(keys) == len(set(keys)), "a token that both have is listed once"
    turned = compare_place(pair[::-1], top=6)
    assert turned.pairs[0].overlap == figures.overlap
    assert turned.pairs[0].same_top == figures.same_top


def test_after_decoding_a_cut_token_is_infinitely_far() -> None:
    lm = make.model(make.byte_level())
    pair = [lm.start("the cat"), lm.twin().start("the cat", decoding=settings_from_names({"top_k": 3.0}))]
    (raw,) = compare_place(pair).pairs
    assert (raw.forward, raw.backward) == (0, 0)
    assert raw.same_top
    assert raw.overlap == 1
    found = compare_place(pair, after_decoding=True, top=5)
    (after,) = found.pairs
    assert after.forward == math.inf
    assert after.backward is not None
    kept = math.fsum(sorted(pair[0].trace().raw.probabilities)[-3:])
    assert after.backward == pytest.approx(-math.log(kept))
    assert after.jensen_shannon is not None
    assert 0 < after.jensen_shannon < math.log(2)
    assert after.overlap == 3 / 5
    assert [row.delta(1) for row in found.tokens][-1] == -math.inf


# -- along a text


@pytest.fixture(scope="module")
def bundled() -> list[LanguageModel]:
    path = assets.bundled_model()
    assert path is not None
    return [checkpoints.load(path, device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16")]


def test_a_model_against_itself_differs_in_nothing(bundled: list[LanguageModel]) -> None:
    found = compare_text([bundled[0], bundled[0].twin()], TEXT)
    assert found.columns[0].scores == found.columns[1].scores
    totals = found.totals(1)
    assert totals is not None
    assert totals.tokens == totals.agreed == len(found.columns[0].scores) - 1
    assert totals.overlap == 1
    for value in (totals.forward, totals.backward, totals.jensen_shannon):
        assert value == pytest.approx(0, abs=1e-12)


def test_a_model_against_its_bfloat16_self_is_what_transformers_logits_give(bundled: list[LanguageModel]) -> None:
    from transformers import AutoModelForCausalLM

    path = assets.bundled_model()
    found = compare_text(bundled, TEXT)
    ids = found.columns[0].text.ids
    assert len(ids) <= 256
    logprobs = []
    for dtype in (torch.float32, torch.bfloat16):
        network = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval()
        with torch.inference_mode():
            logits = network(torch.tensor([ids]), use_cache=True).logits[0]
        logprobs.append(torch.log_softmax(logits.double(), -1))
    p, q = logprobs
    mixed = ((p.exp() + q.exp()) / 2).log()
    forward = (p.exp() * (p - q)).sum(-1)
    backward = (q.exp() * (q - p)).sum(-1)
    shannon = ((p.exp() * (p - mixed)).sum(-1) + (q.exp() * (q - mixed)).sum(-1)) / 2
    assert found.pairs[0][0] is None
    assert float(forward.max()) > 1e-5, "bfloat16 rounds"
    for i, figures in enumerate(found.pairs[0][1:]):
        assert figures is not None
        assert figures.forward == pytest.approx(float(forward[i]), rel=1e-2, abs=1e-7)
        assert figures.backward == pytest.approx(float(backward[i]), rel=1e-2, abs=1e-7)
        assert figures.jensen_shannon == pytest.approx(float(shannon[i]), rel=1e-2, abs=1e-7)
        assert figures.same_top == bool(p[i].argmax() == q[i].argmax())
        a, b = set(p[i].topk(10).indices.tolist()), set(most_likely(q[i].numpy(), 10))
        assert figures.overlap == len(a & b) / 10
    totals = found.totals(1)
    assert totals is not None
    assert totals.forward == pytest.approx(float(forward[:-1].mean()), rel=1e-3)
    assert totals.agreed == int((p.argmax(-1) == q.argmax(-1))[:-1].sum())


def test_windows_and_chunks_hold_equal_contexts_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "CHUNK", 9)
    tokens = make.byte_level()
    models = [make.model(tokens, context=c, seed=c, architecture=a) for c, a in ((64, "llama"), (40, "gpt2"))]
    told: list[tuple[int, int]] = []
    found = compare_text(models, TEXT, progress=lambda *each: told.append(each))
    assert [(c.window, c.stride) for c in found.columns] == [(40, 20)] * 2, "the shorter context is that of both"
    ids = found.columns[0].text.ids
    assert len(ids) > 80
    for begin, end, first in scoring.windows(len(ids), 40, 20)[:4]:
        p, q = (torch.log_softmax(make.logits(lm, ids[begin:end]), -1) for lm in models)
        for i in range(first, end + 1):
            figures = found.pairs[0][i]
            assert figures is not None
            row_p, row_q = p[i - 1 - begin], q[i - 1 - begin]
            assert figures.forward == pytest.approx(float((row_p.exp() * (row_p - row_q)).sum()), abs=1e-2, rel=1e-3)
    assert told[-1] == (2 * len(ids), 2 * len(ids))
    for c, lm in enumerate(models):
        assert found.columns[c].scores == scoring.score(lm, TEXT, window=40).scores
    with pytest.raises(Cancelled):
        compare_text(models, TEXT, cancelled=lambda: bool(told))


def test_unequal_vocabularies_are_compared_on_bytes_that_all_foretold() -> None:
    models = [make.model(t) for t in (make.byte_level(), make.sentence_pieces(), make.bytes_alone())]
    found = compare_text(models, TEXT)
    raw = TEXT.encode()
    assert found.pairs == ((), ())
    assert found.totals(1) is None
    assert b"".join(raw[s.begin : s.end] for s in found.spans) == raw
    # Without a beginning-of-text token two of them foretell nothing of the first stretch.
    assert found.common == found.spans[1:]
    length = len(raw) - found.spans[0].end
    for c, column in enumerate(found.columns):
        first = found.spans[0].tokens[c][1]
        pairs = zip(column.scores[first:], column.text.tokens[first:], strict=True)
        total = -math.fsum(s.logprob for s, t in pairs if s is not None and not t.special)
        assert found.bits_per_byte(c) == pytest.approx(total / math.log(2) / length)
        assert math.fsum(found.span_logprob(s, c) for s in found.common) == pytest.approx(-total)
    figures = found.disagreement(2)
    worst = found.worst(2, 3)
    assert [figures[i] for i in worst] == sorted(figures[1:], reverse=True)[:3]
    span = found.spans[worst[0]]
    assert figures[worst[0]] == pytest.approx(abs(found.span_logprob(span, 2) - found.span_logprob(span, 0)))
    assert found.columns[0].scores == scoring.score(models[0], TEXT).scores


def test_two_of_three_with_one_vocabulary_are_compared_in_full() -> None:
    models = [
        make.model(make.byte_level(), seed=1),
        make.model(make.bytes_alone()),
        make.model(make.byte_level(), seed=2),
    ]
    found = compare_text(models, TEXT)
    assert found.pairs[0] == ()
    assert len(found.pairs[1]) == len(found.columns[0].scores)
    assert found.columns[0].text == found.columns[2].text
    header, lines = comparison_table(found)
    table = list(csv.reader(io.StringIO(scoring.to_csv(header, lines))))
    assert {row[0] for row in table[1:]} == {"A", "B", "C"}
    place = header.index("kl_from_reference_bits")
    for row in table[1:]:
        assert bool(row[place]) == (row[0] == "C" and row[3] != "0")
    figures = found.pairs[1][1]
    assert figures is not None
    assert figures.forward is not None
    row = next(row for row in table[1:] if (row[0], row[3]) == ("C", "1"))
    assert float(row[place]) == pytest.approx(figures.forward / math.log(2))


def test_a_model_without_a_cache_beside_one_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    from ntp_studio.core import comparing_texts

    monkeypatch.setattr(model_module, "CHUNK", 12)
    monkeypatch.setattr(comparing_texts, "CHUNK", 12)
    torch.manual_seed(0)
    one = make.model(make.byte_level())
    net = MambaForCausalLM(
        MambaConfig(vocab_size=one.tokens.vocab_size, hidden_size=16, num_hidden_layers=2, state_size=4)
    ).eval()
    found = compare_text([one, LanguageModel(net, one.tokens, one.info)], TEXT)
    assert found.columns[0].window == 12
    assert found.columns[0].scores == scoring.score(one, TEXT, window=12).scores


def test_none_or_five_models_are_refused_and_one_stands_alone() -> None:
    lm = make.model(make.byte_level())
    for count in (0, 5):
        with pytest.raises(StudioError, match="Up to 4"):
            compare_text([lm] * count, TEXT)
    alone = compare_text([lm], TEXT)
    assert alone.pairs == ()
    assert alone.columns[0].scores == scoring.score(lm, TEXT).scores
    assert alone.bits_per_byte(0) == pytest.approx(alone.columns[0].bits_per_byte)


def test_decoding_settings_do_not_touch_what_the_models_say() -> None:
    lm = make.model(make.byte_level())
    pair = [lm.start("the", decoding=DecodingSettings(method="greedy")), lm.twin().start("the")]
    assert compare_place(pair).pairs[0].forward == 0
