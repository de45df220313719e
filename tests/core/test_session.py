"""The session: parity with generate(), the tree, and that looking changes nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.session import Session
from ntp_studio.core.types import ContextFull, DecodingSettings, StudioError
from tests.core import tiny

PROMPT = "The cat sat on"
MIXES = [
    {},
    {"temperature": 0.7},
    {"temperature": 1.6},
    {"top_k": 5},
    {"top_k": 40, "temperature": 0.8},
    {"top_p": 0.9},
    {"top_p": 0.5, "temperature": 1.3},
    {"min_p": 0.1},
    {"min_p": 0.02, "temperature": 1.5},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.8, "top_k": 20},
    {"repetition_penalty": 1.1, "temperature": 0.9, "top_k": 50, "top_p": 0.95, "min_p": 0.05},
]


def generate(lm, ids: list[int], steps: int, **options) -> list[int]:
    options = {"do_sample": True, "top_k": 0} | options
    with torch.inference_mode():
        out = lm.network.generate(torch.tensor([ids]), max_new_tokens=steps, pad_token_id=0, **options)
    return out[0, len(ids) :].tolist()


@pytest.mark.parametrize("values", MIXES, ids=str)
def test_sampling_equals_generate_token_for_token(values: dict[str, float]) -> None:
    lm = tiny.model("llama")
    for seed in (0, 1, 42):
        session = lm.start(PROMPT, seed=seed, decoding=settings_from_names(values))
        torch.manual_seed(seed)
        wanted = generate(lm, session.prompt_token_ids, 20, **values)
        while len(session.token_ids) < 20 and not session.stopped:
            session.step()
        assert session.token_ids == wanted


def any_mix(rng: np.random.Generator) -> dict[str, Any]:
    """Some of all the stages that transformers has, with random values."""
    values: dict[str, Any] = {
        "temperature": float(rng.uniform(0.4, 1.8)),
        "top_h": float(rng.uniform(0.3, 1.0)),
        "top_k": int(rng.integers(2, 60)),
        "top_p": float(rng.uniform(0.5, 0.99)),
        "min_p": float(rng.uniform(0.005, 0.2)),
        "typical_p": float(rng.uniform(0.3, 0.95)),
        "epsilon_cutoff": float(rng.uniform(1e-4, 1e-2)),
        "eta_cutoff": float(rng.uniform(1e-4, 1e-2)),
        "repetition_penalty": float(rng.uniform(0.8, 1.5)),
        "no_repeat_ngram_size": int(rng.integers(1, 4)),
        "min_new_tokens": int(rng.integers(1, 14)),
        "sequence_bias": [
            [rng.integers(1, 300, int(rng.integers(1, 3))).tolist(), float(rng.normal() * 4)] for _ in range(5)
        ],
        "bad_words_ids": [rng.integers(1, 300, int(rng.integers(1, 3))).tolist() for _ in range(5)],
    }
    return {name: value for name, value in values.items() if rng.random() < 0.4}


def in_our_words(mix: dict[str, Any]) -> dict[str, Any]:
    def ids(tokens: list[int]) -> str:
        return "#" + ",".join(map(str, tokens))

    ours = dict(mix)
    if "sequence_bias" in ours:
        ours["sequence_bias"] = [f"{ids(tokens)}={amount!r}" for tokens, amount in mix["sequence_bias"]]
    if "bad_words_ids" in ours:
        ours["bad_words"] = [ids(tokens) for tokens in ours.pop("bad_words_ids")]
    return ours


@pytest.mark.parametrize("part", range(5))
def test_any_mix_equals_generate_token_for_token(part: int) -> None:
    """A hundred seeds, each with a mix of its own."""
    lm = tiny.model("llama")
    for seed in range(20 * part, 20 * part + 20):
        mix = any_mix(np.random.default_rng(seed))
        session = lm.start(PROMPT, seed=seed, decoding=settings_from_names(in_our_words(mix)))
        torch.manual_seed(seed)
        wanted = generate(lm, session.prompt_token_ids, 14, **mix)
        while len(session.token_ids) < 14 and not session.stopped:
            session.step()
        assert session.token_ids == wanted, (seed, mix)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_greedy_equals_generate_on_every_architecture(architecture: str) -> None:
    lm = tiny.model(architecture)
    session = lm.start(PROMPT, decoding=DecodingSettings(method="greedy"))
    wanted = generate(lm, session.prompt_token_ids, 20, do_sample=False, top_k=None)
    while len(session.token_ids) < 20 and not session.stopped:
        session.step()
    assert session.token_ids == wanted


def test_greedy_takes_the_top_after_penalties_as_generate_does() -> None:
    lm = tiny.model("llama")
    settings = settings_from_names({"repetition_penalty": 1.5, "temperature": 2.0, "top_k": 3}, greedy=True)
    session = lm.start(PROMPT, decoding=settings)
    wanted = generate(lm, session.prompt_token_ids, 15, do_sample=False, top_k=None, repetition_penalty=1.5)
    while len(session.token_ids) < 15 and not session.stopped:
        session.step()
    assert session.token_ids == wanted


def test_a_frame_adds_up_and_tells_both_distributions() -> None:
    lm = tiny.model("gpt2")
    session = lm.start(PROMPT, decoding=settings_from_names({"temperature": 0.7, "top_k": 6}), top=12)
    frame = session.frame()
    with torch.inference_mode():
        logits = lm.network(torch.tensor([session.prompt_token_ids])).logits[0, -1].double()
    p = torch.softmax(logits, -1)
    assert sum(c.probability for c in frame.candidates) + frame.tail_probability == pytest.approx(1)
    assert sum(c.processed_probability for c in frame.candidates) + frame.processed_tail_probability == pytest.approx(1)
    assert frame.entropy_bits == pytest.approx(float(-(p * p.log2()).sum()), abs=1e-4)
    for c in frame.candidates:
        assert c.probability == pytest.approx(float(p[c.token.id]), rel=1e-3)
        assert c.probability == pytest.approx(math.exp(c.logit - frame.log_normalizer))
        if c.cut_by is None:
            assert c.processed_probability == pytest.approx(
                math.exp(c.processed_logit - frame.processed_log_normalizer)
            )
        else:
            assert (c.cut_by, c.processed_probability) == ("top_k", 0.0)
            assert c.reason.startswith(f"logit {c.logit / 0.7:.2f} < ")
    assert [c.rank for c in frame.candidates[:12]] == list(range(1, 13))
    assert frame.kept == 6
    assert frame.processed_tail_probability == 0.0, "all six are listed: not a rounding's rest"
    assert frame.kept_mass == pytest.approx(sum(c.probability for c in frame.candidates if c.cut_by is None))
    assert frame.choice in frame.candidates


def test_looking_changes_nothing() -> None:
    lm = tiny.model("llama")
    mix = settings_from_names({"temperature": 1.2, "top_p": 0.95})
    plain = lm.start(PROMPT, seed=9, decoding=mix)
    for _ in range(12):
        plain.step()
    other = tiny.model("llama").start(PROMPT, seed=9, decoding=mix)
    for n in range(12):
        other.frame()
        other.find("a")
        other.set_decoding(DecodingSettings(method="greedy"))
        other.frame()
        if n > 3:
            way = other.tree.here.id
            other.go_to(other.tree.line[2].id)
            other.frame()
            other.go_to(way)
        other.set_decoding(mix)
        other.step()
    assert other.token_ids == plain.token_ids


def test_a_setting_runs_no_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    session = tiny.model("llama").start(PROMPT)
    session.frame()
    monkeypatch.setattr(session.model, "_forward", None)
    session.set_decoding(settings_from_names({"temperature": 0.5}))
    sharp = session.frame()
    session.set_seed(77)
    assert session.frame().draw.seed == 77
    assert sharp.processed_entropy_bits < sharp.entropy_bits


def test_forcing_does_not_move_the_luck_of_later_steps() -> None:
    lm = tiny.model("llama")
    drawn, forced = lm.start(PROMPT, seed=3), lm.start(PROMPT, seed=3)
    drawn.step()
    forced.force(drawn.token_ids[0])
    assert forced.frame().draw == drawn.frame().draw
    assert forced.page()[-1].origin == "forced"
    assert drawn.page()[-1].logprob == pytest.approx(forced.page()[-1].logprob)


def test_rewind_branch_and_return() -> None:
    lm = tiny.model("gpt2")
    session = lm.start(PROMPT, seed=1)
    for _ in range(6):
        session.step()
    first = session.token_ids
    middle = session.page()[session.tree.prompt_length + 2].node
    session.go_to(middle)
    assert session.token_ids == first[:3]
    assert len(session.page()) == session.tree.prompt_length + 6, "the way ahead stays on the page"
    assert session.step().choice.token.id == first[3], "same seed, same token"
    session.go_to(middle)
    other = (first[3] + 1) % lm.tokens.vocab_size
    session.force(other)
    assert session.token_ids == [*first[:3], other]
    assert session.page()[-1].branches == 2
    session.next_branch(session.page()[-1].node)
    assert session.token_ids == first
    assert session.back()
    assert session.token_ids == first[:5]
    assert session.forward()
    assert session.token_ids == first
    assert not session.forward()
    session.restart()
    assert session.token_ids == []
    assert len(session.page()) == session.tree.prompt_length
    for _ in range(6):
        session.step()
    assert session.token_ids == first


def test_a_new_seed_holds_when_its_place_is_left_and_reached_again() -> None:
    lm = tiny.model("llama")
    session = lm.start(PROMPT, seed=3)
    for _ in range(4):
        session.step()
    session.set_seed(99)
    shown = session.frame()
    session.back()
    session.step()
    again = session.frame()
    assert (again.draw, again.choice) == (shown.draw, shown.choice)
    assert (again.draw.seed, again.draw.position) == (99, 0)
    session.step()
    assert (session.frame().draw.seed, session.frame().draw.position) == (99, 1)
    session.restart()
    for _ in range(6):
        session.step()
    fresh = lm.start(PROMPT, seed=99)
    for _ in range(6):
        fresh.step()
    assert session.token_ids == fresh.token_ids, "after a restart it is as if the seed had been there from the start"


def test_a_restart_forgets_where_seeds_were_set() -> None:
    lm = tiny.model("llama")
    session, fresh = lm.start(PROMPT, seed=3), lm.start(PROMPT, seed=3)
    for _ in range(4):
        session.step()
    session.set_seed(3)  # its stream begins anew here: the text goes on another way than a fresh one
    session.restart()
    for _ in range(8):
        session.step()
        fresh.step()
    assert session.token_ids == fresh.token_ids


def test_branching_off_inside_the_prompt() -> None:
    lm = tiny.model("gpt2")
    session = lm.start(PROMPT, seed=1)
    session.step()
    prompt = session.prompt_token_ids
    session.go_to(session.page()[1].node)
    assert session.token_ids == []
    assert session.prompt_token_ids == prompt[:2]
    assert session.frame().step == 0
    assert len(session.page()) == len(prompt) + 1
    session.force(prompt[2])
    assert session.page()[2].origin == "prompt", "taking the prompt's own token follows the prompt"
    session.back()
    session.force(9)
    assert (session.prompt_token_ids, session.token_ids) == (prompt[:2], [9])
    assert session.frame().step == 2
    positions = [session.step().draw.position for _ in range(4)]
    assert positions == [1, 2, 3, 4], "every token has luck of its own there too"
    session.restart()
    assert session.prompt_token_ids == prompt
    assert [t.token.id for t in session.page()] == prompt
    session.step()
    assert session.frame().draw.position == 1


def test_prompt_tokens_carry_their_own_figures() -> None:
    lm = tiny.model("gpt2")
    session = lm.start(PROMPT)
    with torch.inference_mode():
        logits = lm.network(torch.tensor([session.prompt_token_ids])).logits[0]
    logprobs = torch.log_softmax(logits, -1)
    first, *rest = session.page()
    assert first.logprob is None
    for i, token in enumerate(rest):
        assert token.logprob == pytest.approx(float(logprobs[i, token.token.id]), abs=1e-4)
    longer = lm.start(PROMPT + " the mat and slept")
    session.set_prompt(PROMPT + " the mat and slept")
    assert [t.logprob for t in session.page()[1:]] == pytest.approx([t.logprob for t in longer.page()[1:]], abs=1e-4)
    session.set_prompt("The cat")
    assert len(session.page()) == session.tree.prompt_length == len(session.prompt_token_ids)


def test_the_context_fills_up_and_says_so() -> None:
    lm = tiny.model("gpt2", context=16)
    session = lm.start(PROMPT, seed=2)
    while session.place < 16:
        session.step()
    with pytest.raises(ContextFull, match="context is full"):
        session.step()
    assert session.place == 16
    assert session.stopped == "context"
    assert session.frame().context_length == 16, "the last distribution can still be looked at"


def test_a_prompt_that_is_too_long_leaves_the_text_before() -> None:
    session = tiny.model("gpt2", context=16).start("The cat")
    session.step()
    before = (session.text, session.page())
    with pytest.raises(ContextFull):
        session.set_prompt("one two three four five six seven eight nine ten eleven twelve")
    assert (session.text, session.page()) == before
    session.step()


def test_an_empty_prompt_begins_with_the_start_token() -> None:
    session = tiny.model("gpt2").start("")
    assert session.prompt_token_ids == [session.model.tokens.start_id]
    with pytest.raises(StudioError, match="type a prompt"):
        _ = Session(session.model).tree.here


def test_find_reaches_any_token_and_force_takes_it() -> None:
    lm = tiny.model("gpt2")
    session = lm.start(PROMPT, top=5)
    found, total = session.find("e", limit=500)
    assert (
        total
        == len(found)
        == len([i for i in range(lm.tokens.vocab_size) if "e" in lm.tokens.token(i).text.casefold()])
    )
    rest = [c for c in found if c.token.text.strip().casefold() != "e"]
    assert [c.logprob for c in rest] == sorted((c.logprob for c in rest), reverse=True)
    least = min(found, key=lambda c: c.probability)
    frame = session.force(least.token.id)
    assert frame.choice == least
    assert session.token_ids == [least.token.id]
    assert session.find("#3")[0][0].token.id == 3
    with pytest.raises(StudioError, match="no token 99999"):
        session.force(99999)


def test_old_logits_are_dropped_and_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntp_studio.core.places.LOGITS_KEPT", 0)
    session = tiny.model("llama").start(PROMPT, seed=4)
    frames = [session.step() for _ in range(8)]
    assert len(session._places) == 2
    for frame in frames:
        session.go_to(frame.node)
        again = session.frame()
        assert again.choice.token == frame.choice.token
        assert again.entropy_bits == pytest.approx(frame.entropy_bits, abs=1e-4)


MOVES = st.lists(
    st.sampled_from(["step", "force", "back", "forward", "go", "branch", "seed", "greedy", "restart"]), max_size=25
)


@given(MOVES, st.integers(0, 2**32))
@settings(max_examples=40)
def test_any_walk_keeps_line_ids_and_text_together(moves: list[str], luck: int) -> None:
    lm = tiny.model("gpt2")
    rng = np.random.default_rng(luck)
    session = lm.start(PROMPT, seed=1)
    for move in moves:
        if session.stopped == "context":
            session.restart()
        if move == "step":
            session.step()
        elif move == "force":
            session.force(int(rng.integers(0, lm.tokens.vocab_size)))
        elif move == "back":
            session.back()
        elif move == "forward":
            session.forward()
        elif move == "go":
            session.go_to(int(rng.integers(0, len(session.tree.nodes))))  # inside the prompt too
        elif move == "branch":
            forks = [t.node for t in session.page() if t.branches > 1]
            if forks:
                session.next_branch(forks[0])
        elif move == "seed":
            session.set_seed(int(rng.integers(0, 99)))
        elif move == "greedy":
            session.set_decoding(DecodingSettings(method="greedy"))
        else:
            session.restart()
        page = session.page()
        assert [t.token.id for t in page[: session.place]] == session.tree.ids
        assert session.text == b"".join(t.token.bytes for t in page[: session.place]).decode("utf-8", "replace")
        for parent, child in zip(session.tree.line, session.tree.line[1:], strict=False):
            assert child.parent is parent
            assert child in parent.children
    with torch.inference_mode():
        wanted = lm.network(torch.tensor([session.tree.ids]), use_cache=False).logits[0, -1]
    got = session.frame()
    assert got.log_normalizer == pytest.approx(float(torch.logsumexp(wanted.double(), -1)), abs=1e-3)
