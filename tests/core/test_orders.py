"""Orders of other programs, which neighbours may change places, and the chain in other programs' words."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from ntp_studio import arguments
from ntp_studio.core.decoding import ORDERS, STAGES, Chain, Context, Scores, Stage, arranged, settings_from_names
from ntp_studio.core.decoding.commuting import commute
from ntp_studio.core.decoding.context import NoVocabulary
from ntp_studio.core.decoding.copy_llamacpp import OTHER_DRAW, as_llamacpp
from ntp_studio.core.decoding.copy_transformers import as_transformers
from ntp_studio.core.decoding.orders import order_of, orders_of, place_for, without_always
from ntp_studio.core.decoding.stages import (
    AdaptiveP,
    Bans,
    Bias,
    Dry,
    DynamicTemperature,
    Epsilon,
    Eta,
    MinLength,
    MinP,
    Mirostat,
    NoRepeatNgram,
    PresenceFrequency,
    RepetitionPenalty,
    Smoothing,
    Stop,
    TailFree,
    Temperature,
    TopA,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    Xtc,
)
from ntp_studio.core.types import DecodingSettings, NoTokenAllowed, SettingError, StageSetting
from tests.core import tiny

USUAL = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repetition_penalty": 1.1}


def names(settings: DecodingSettings) -> list[str]:
    return [stage.name for stage in settings.stages]


def test_every_order_arranges_every_stage() -> None:
    assert tuple(ORDERS) == arguments.ORDERS, "the command line's words"
    assert set(arguments.TEXT_SETTINGS) == {text.name for kind in STAGES.values() for text in kind.texts}
    for order in ORDERS.values():
        assert sorted(order.names) == sorted(STAGES)
        assert order.own <= set(STAGES)
        assert order.summary


def test_orders_are_those_of_the_programs() -> None:
    assert names(settings_from_names(USUAL)) == ["repetition_penalty", "temperature", "top_k", "top_p", "min_p"]
    ours = settings_from_names(USUAL, order="llama.cpp")
    assert names(ours) == ["repetition_penalty", "top_k", "top_p", "min_p", "temperature"]
    ours = settings_from_names(USUAL | {"top_a": 0.2, "dry_multiplier": 0.8, "top_n_sigma": 1}, order="koboldcpp")
    assert names(ours) == [
        "dry", "top_k", "repetition_penalty", "top_k", "top_a", "top_p", "min_p", "temperature", "top_n_sigma"
    ]  # fmt: skip
    assert ours.stages[1].values == (("top_k", 3000.0),), "what koboldcpp keeps at the most, whatever is set"
    ours = settings_from_names(USUAL | {"xtc_probability": 0.5, "mirostat_tau": 3}, order="webui")
    assert names(ours) == [
        "repetition_penalty", "temperature", "top_k", "top_p", "min_p", "mirostat", "xtc"
    ]  # fmt: skip
    with pytest.raises(SettingError, match=r"no order called vllm; there are transformers, llama\.cpp"):
        arranged(DecodingSettings(), "vllm")


def test_the_order_of_a_chain_is_recognised() -> None:
    for order in ("transformers", "llama.cpp", "webui"):
        values = USUAL | {"typical_p": 0.9, "top_n_sigma": 1.0}
        assert order_of(settings_from_names(values, order=order)) == order
    mixed = DecodingSettings(tuple(StageSetting(n) for n in ("min_p", "temperature", "top_k")))
    assert order_of(mixed) is None
    off = DecodingSettings((StageSetting("min_p", enabled=False), *settings_from_names(USUAL).stages))
    assert order_of(off) == "transformers", "only what is on counts"


def test_what_a_program_always_applies_is_part_of_its_order() -> None:
    values = USUAL | {"dry_multiplier": 0.8}
    ours = settings_from_names(values, order="koboldcpp")
    assert orders_of(ours) == ("koboldcpp",)
    own = without_always(ours, "koboldcpp")
    assert names(own) == ["dry", "repetition_penalty", "top_k", "top_p", "min_p", "temperature"]
    assert own.stages[2].values == (("top_k", 40),), "the person's own top-k stays"
    assert without_always(own, "koboldcpp") == own
    assert orders_of(own) == (), "without it, it is not what koboldcpp does"
    assert without_always(ours, "llama.cpp") == ours


def test_webui_with_the_temperature_last() -> None:
    values = USUAL | {"dynatemp_range": 0.5, "stop_strings": "END", "no_repeat_ngram_size": 3}
    ours = settings_from_names(values, order="webui-temperature-last")
    assert names(ours) == [
        "repetition_penalty", "top_k", "top_p", "min_p", "no_repeat_ngram_size", "temperature", "dynamic_temperature",
        "stop",
    ]  # fmt: skip
    assert orders_of(ours) == ("webui-temperature-last",)
    short = settings_from_names({"top_p": 0.9, "temperature": 0.7}, order="webui-temperature-last")
    assert orders_of(short) == ("llama.cpp", "webui-temperature-last")
    assert order_of(short) == "llama.cpp"


@pytest.mark.parametrize("order", ORDERS)
def test_a_further_stage_is_put_where_its_order_has_it(order: str) -> None:
    for name in STAGES:
        rest = DecodingSettings(tuple(StageSetting(n) for n in STAGES if n != name))
        stages = list(arranged(rest, order, always=True).stages)
        stages.insert(place_for(DecodingSettings(tuple(stages)), name, order), StageSetting(name))
        assert order in orders_of(DecodingSettings(tuple(stages))), name
    assert place_for(DecodingSettings(), "top_k", order) == 0


def test_temperature_last_keeps_what_the_cuts_kept() -> None:
    """The measured example of the biggest difference between the programs: top-p after or before a high temperature."""
    logits = Scores.of(np.log(np.array([0.6, 0.3, 0.05, 0.03, 0.02])))
    kept = {
        order: Chain.of(settings_from_names({"temperature": 2.0, "top_p": 0.85}, order=order))
        .run(logits, Context([], 0))
        .result.count
        for order in ORDERS
    }
    assert kept == {"transformers": 4, "llama.cpp": 2, "koboldcpp": 2, "webui": 4, "webui-temperature-last": 2}


class Vocabulary(NoVocabulary):
    eos_ids = frozenset({0, 7})


EACH: tuple[Stage, ...] = (
    Bias(("#1=2", "#3=-1.5", "#5=ban")), Bias(("#2=ban",)), RepetitionPenalty(1.3), PresenceFrequency(0.5, 0.3, 0, 1),
    Dry(0.8, dry_allowed_length=1), NoRepeatNgram(2), Bans(("#4", "#6")), MinLength(50), Temperature(0.6),
    Temperature(0.0), DynamicTemperature(0.7), Smoothing(0.4, 1.5), TopNSigma(1.0), TopH(0.5), TopK(5), TopP(0.8),
    MinP(0.1), Typical(0.7), Epsilon(0.05), Eta(0.1), TopA(0.3), TailFree(0.8), Xtc(0.6, 0.08, ()), AdaptiveP(0.5),
    Mirostat(2.0), Stop(("x",)),
)  # fmt: skip


def outcome(stages: tuple[Stage, ...], scores: Scores, context: Context) -> np.ndarray | None:
    try:
        result = Chain(stages).run(scores, context).result
    except NoTokenAllowed:
        return None
    p = np.zeros(scores.vocab_size)
    p[result.ids] = result.probabilities
    return p


def test_neighbours_commute_exactly_where_the_badge_says_so() -> None:
    rng = np.random.default_rng(0)
    cases = []
    for n in range(120):
        logits = rng.standard_normal(rng.choice([8, 12, 40])) * rng.uniform(0.5, 4)
        coin = float(rng.random())
        context = Context(rng.integers(0, 8, 12).tolist(), 3, vocabulary=Vocabulary(), coin=lambda _, coin=coin: coin)
        cases.append((Scores.of(np.round(logits) if n % 3 == 0 else logits), context))
    for a, b in itertools.combinations(EACH, 2):
        same = True
        for scores, context in cases:
            one, other = outcome((a, b), scores, context), outcome((b, a), scores, context)
            same = same and (one is other or (one is not None and other is not None and np.allclose(one, other)))
            if not same:
                break
        if {a.name, b.name} == {"smoothing", "temperature"} and same:
            continue  # at T = 0, where smoothing may make a tie out of the smallest difference: it is not promised
        assert commute(a, b) == commute(b, a) == same, (a, b)
    assert commute(None, TopP(0.5))


def run_transformers(values: dict[str, Any], seed: int, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[int]:
    """What the copied program writes, with the tiny model in the place of the checkpoint."""
    copied = as_transformers(
        settings_from_names(values, **options), model="tiny", prompt="The cat sat on", seed=seed, max_new_tokens=16
    )
    assert copied.warnings == ()
    import transformers

    lm = tiny.model("llama")
    told: dict[str, Any] = {}
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda path: lm.tokens.tokenizer)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda path, dtype: lm.network)
    monkeypatch.setitem(__builtins__, "print", lambda *words: None)
    with torch.inference_mode():
        exec(compile(copied.text, "copied", "exec"), told)
    return told["output"][0, told["inputs"]["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"temperature": 2.0, "top_k": 12, "no_repeat_ngram_size": 2},
        {"temperature": 0.0, "repetition_penalty": 1.4},
        {"typical_p": 0.8, "epsilon_cutoff": 0.001, "min_new_tokens": 16},
        {"eta_cutoff": 0.004, "top_h": 0.7, "min_p": 0.01, "top_p": 0.9},
        {"sequence_bias": ["#5=4", " the=2.5", "#eos=ban", "#9,12=8"], "bad_words": [" cat", "#7,8"]},
        {"temperature": 1.5, "stop_strings": ["e", "zz"], "stop_tokens": ["#20"]},
    ],
    ids=str,
)
def test_the_copied_program_writes_the_same_text(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2):
        wanted = run_transformers(values, seed, monkeypatch)
        session = tiny.model("llama").start("The cat sat on", seed=seed, decoding=settings_from_names(values))
        while len(session.token_ids) < 16 and not session.stopped:
            session.step()
        assert session.token_ids == wanted


def test_the_copied_program_is_greedy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"repetition_penalty": 1.3, "temperature": 0.5, "top_k": 3}
    settings = settings_from_names(values, greedy=True)
    session = tiny.model("llama").start("The cat sat on", decoding=settings)
    while len(session.token_ids) < 16 and not session.stopped:
        session.step()
    assert run_transformers(values, 0, monkeypatch, greedy=True) == session.token_ids


def test_copied_program_warns_of_what_transformers_cannot() -> None:
    values = {"temperature": 0.7, "top_p": 0.9, "min_p": 0.1, "xtc_probability": 0.5, "repetition_penalty": 1.1}
    settings = settings_from_names(values | {"repeat_last_n": 64}, order="llama.cpp")
    copied = as_transformers(settings, model="m", prompt='say "hi"\n', seed=7)
    assert copied.warnings == (
        "transformers has no XTC; it is left out.",
        "transformers applies Temperature before Top-p, not after it: the result differs.",
        "transformers applies Temperature before Min-p, not after it: the result differs.",
        "transformers counts the whole text with its prompt for the repetition penalty.",
    )
    assert "    top_k=0," in copied.text, "else it would be 50"
    assert repr('say "hi"\n') in copied.text
    assert "xtc" not in copied.text
    chat = as_transformers(settings_from_names({}), model="m", prompt="hi", chat=True)
    assert '[{"role": "user", "content": \'hi\'}]' in chat.text
    compile(chat.text, "chat", "exec")
    greedy = as_transformers(settings_from_names({"typical_p": 0.5}, greedy=True), model="m", prompt="")
    assert greedy.warnings == ("transformers leaves Typical out of greedy decoding, though it may cut the top token.",)
    assert "typical" not in greedy.text


def test_llamacpp_arguments() -> None:
    settings = settings_from_names(USUAL | {"temperature": 0.7}, order="llama.cpp")
    copied = as_llamacpp(settings, seed=9, context_length=2048)
    assert copied.text == (
        "--seed 9 --top-k 40 --top-p 0.95 --min-p 0.05 --temp 0.7 --repeat-penalty 1.1 --repeat-last-n 2048 "
        "--samplers 'penalties;top_k;top_p;min_p;temperature'"
    )
    assert copied.warnings == (OTHER_DRAW,)
    assert as_llamacpp(DecodingSettings()).text == "--seed 42 --temp 1 --samplers temperature", "not its defaults"
    greedy = as_llamacpp(settings_from_names({"top_k": 5, "repetition_penalty": 1.2}, greedy=True))
    assert greedy.text.endswith("--samplers 'penalties;top_k'")
    assert "--top-k 1 " in greedy.text
    assert greedy.warnings == ()
    miro = as_llamacpp(settings_from_names({"mirostat_tau": 3, "temperature": 0.9, "top_p": 0.5, "top_k": 5}))
    assert miro.text == "--seed 42 --temp 0.9 --mirostat 2 --mirostat-ent 3 --mirostat-lr 0.1"


def test_llamacpp_arguments_warn() -> None:
    values: dict[str, Any] = {
        "presence_penalty": 0.5, "repetition_penalty": 1.1, "repeat_last_n": 64, "repeat_prompt": 0,
        "no_repeat_ngram_size": 3, "xtc_probability": 0.5, "stop_tokens": "#3", "stop_strings": "END",
        "sequence_bias": ["#12=-2.5", "#12,13=1", "damn=ban"], "bad_words": "#8",
    }  # fmt: skip
    copied = as_llamacpp(settings_from_names(values, order="llama.cpp"))
    assert "--logit-bias 12-2.5 --logit-bias 8-inf" in copied.text
    assert "--reverse-prompt END" in copied.text
    assert copied.warnings == (
        "llama.cpp cannot bias '#12,13', which is several tokens; it is left out.",
        "No token is known for 'damn'; it is left out.",
        "llama.cpp has no No-repeat n-gram; it is left out.",
        "llama.cpp's XTC protects no tokens, neither the end nor line breaks.",
        "llama.cpp stops at texts only; the stop tokens are left out.",
        "llama.cpp counts the prompt for the repetition penalty.",
        "llama.cpp counts the prompt for presence and frequency.",
        "llama.cpp has one window for all three penalties; the wider one is taken.",
        OTHER_DRAW,
    )
    late = DecodingSettings(
        (StageSetting("top_k", (("top_k", 3),)), StageSetting("bias", (), True, (("sequence_bias", ("#1=2",)),)))
    )
    assert "llama.cpp applies Bias before all else: the result differs." in as_llamacpp(late).warnings
