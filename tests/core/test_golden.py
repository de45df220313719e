"""Golden vectors: what llama.cpp (llama-cpp-python 0.3.36) and text-generation-webui gave for hand-made logits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntp_studio.core.decoding import Chain, Context, Scores
from ntp_studio.core.decoding.context import NoVocabulary
from ntp_studio.core.decoding.draw import landing
from ntp_studio.core.decoding.stages import (
    AdaptiveP,
    Bias,
    Dry,
    DynamicTemperature,
    MinP,
    Mirostat,
    PresenceFrequency,
    RepetitionPenalty,
    Smoothing,
    Stage,
    TailFree,
    Temperature,
    TopA,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    Xtc,
)  # fmt: skip

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
LLAMA = json.loads((GOLDEN / "llamacpp.json").read_text())
WEBUI = json.loads((GOLDEN / "webui.json").read_text())
DRY = json.loads((GOLDEN / "dry_breakers.json").read_text())


def vector(name: str) -> np.ndarray:
    return np.array(LLAMA["inputs"][name], dtype=np.float32)


def penalties(last_n: int, factor: float, frequency: float, presence: float) -> list[Stage]:
    if last_n <= 0:  # llama.cpp's "disabled"; here 0 is all, and off is off
        return []
    return [RepetitionPenalty(factor, last_n), PresenceFrequency(presence, frequency, last_n, 1)]


CHAIN = {
    "penalties": lambda n, r, f, p: penalties(int(n), r, f, p),
    "top_k": lambda k: [TopK(k)],
    "typical": lambda p: [Typical(p)],
    "top_p": lambda p: [TopP(p)],
    "min_p": lambda p: [MinP(p)],
    "temp": lambda t: [Temperature(t)],
    "top_n_sigma": lambda n: [TopNSigma(n)],
    "dynatemp": lambda t, r, e: [DynamicTemperature(r, t, e)],
}


def stages(case: dict[str, Any]) -> list[Stage]:
    """Our stages with the parameters of a golden case."""
    p = case["params"]
    sampler = case["sampler"]
    if sampler == "chain":
        calls = [call.rstrip(")").split("(") for call in p["chain"]]
        return [stage for name, given in calls for stage in CHAIN[name](*map(float, given.split(",")))]
    if sampler == "penalties":
        return penalties(p["penalty_last_n"], p["repeat_penalty"], p["frequency_penalty"], p["presence_penalty"])
    if sampler == "dry":
        return [dry(p, "dry_")]
    if sampler == "logit-bias":
        return [Bias(tuple(f"#{i}={'ban' if b is None else b}" for i, b in p["logit_bias"]))]
    return {
        "top-k": lambda: [TopK(p["top_k"])],
        "top-p": lambda: [TopP(p["top_p"], p["min_keep"])],
        "min-p": lambda: [MinP(p["min_p"], p["min_keep"])],
        "typical": lambda: [Typical(p["typical_p"], p["min_keep"])],
        "xtc": lambda: [Xtc(p["xtc_probability"], p["xtc_threshold"], ())],
        "top-n-sigma": lambda: [TopNSigma(p["top_n_sigma"])],
        "temp": lambda: [Temperature(p["temp"])],
        "temp-ext": lambda: [DynamicTemperature(p["dynatemp_range"], p["temp"], p["dynatemp_exponent"])],
    }[sampler]()


def dry(p: dict[str, Any], prefix: str = "") -> Dry:
    last_n = p["dry_penalty_last_n"] if prefix else p["penalty_last_n"]
    breakers = tuple(p.get("breakers", DRY["breakers"]))
    return Dry(p[prefix + "multiplier"], p[prefix + "base"], p[prefix + "allowed_length"], last_n, breakers)


@pytest.mark.parametrize("number", range(len(LLAMA["cases"])))
def test_llamacpp(number: int) -> None:
    case = LLAMA["cases"][number]
    history = case.get("history", [])
    chain = Chain(tuple(stages(case)))
    result = chain.run(Scores.of(vector(case["vector"])), Context(history, 0, coin=lambda name: 0.0)).result
    wanted = {i: x for i, x in zip(case["ids"], case["logits"], strict=True) if x is not None}
    assert sorted(result.ids.tolist()) == sorted(wanted), case["params"]
    np.testing.assert_allclose(
        result.logits[list(wanted)], list(wanted.values()), rtol=1e-5, atol=1e-5, err_msg=str(case["params"])
    )
    probabilities = np.exp(result.values_at(np.array(case["ids"])) - result.log_normalizer)
    np.testing.assert_allclose(probabilities, case["p"], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("number", range(len(LLAMA["rng"])))
def test_llamacpp_draws(number: int) -> None:
    """llama.cpp's draw by its own random numbers: 53 bits of two words of the Mersenne Twister."""
    case = LLAMA["rng"][number]
    twister = np.random.MT19937()
    twister._legacy_seeding(case["seed"])
    scores = Scores.of(vector(case["vector"]))
    drawn = []
    for _ in case["tokens"]:
        low, high = (int(word) for word in twister.random_raw(2))
        u = np.array([(low + high * 2**32) / 2**64])
        drawn.append(int(scores.ids[landing(scores.weights, u)][0]))
    assert drawn == case["tokens"]


@pytest.mark.parametrize("number", range(len(LLAMA["stateful"])))
def test_llamacpp_step_by_step(number: int) -> None:
    case = LLAMA["stateful"][number]
    p = case["params"]
    stage: Stage = (
        Mirostat(p["tau"], p["eta"]) if case["sampler"] == "mirostat_v2" else AdaptiveP(p["target"], p["decay"])
    )
    chain, scores, state = Chain((stage,)), Scores.of(vector(case["vector"])), {}
    for step in case["steps"]:
        trace = chain.run(scores, Context([], 0, state=state))
        assert trace.result.count == step["n_left"]
        token = np.array([step["selected_id"]])
        own = float(np.exp(trace.result.values_at(token)[0] - trace.result.log_normalizer))
        assert own == pytest.approx(step["p_selected"], rel=2e-4)
        shown = np.array(step["ids_first20"])
        listed = np.exp(trace.result.values_at(shown) - trace.result.log_normalizer)
        np.testing.assert_allclose(listed, step["p_first20"], rtol=5e-4, atol=1e-8)
        if "mu_before" in step:
            assert stage.limit(trace.context) == pytest.approx(step["mu_before"], abs=1e-4)
        state = trace.following(step["selected_id"])
        if "mu_after" in step:
            assert state["mirostat"] == pytest.approx((step["mu_after"],), abs=1e-4)


@pytest.mark.parametrize("number", range(len(WEBUI["cases"])))
def test_webui(number: int) -> None:
    case = WEBUI["cases"][number]
    scores = Scores.of(np.array(case["logits"], dtype=np.float32))
    nothing = Context([], 0)

    def kept(stage: Stage) -> list[int]:
        return sorted(stage.apply(scores, nothing)[0].ids.tolist())

    assert kept(TailFree(case["tfs"]["z"])) == sorted(case["tfs"]["kept_llama_flavour"])
    assert kept(TopA(case["top_a"]["a"])) == sorted(case["top_a"]["kept"])
    given = case["quadratic"]
    bent = Smoothing(given["factor"], given["curve"]).apply(scores, nothing)[0].logits
    np.testing.assert_allclose(bent, given["logits"], rtol=1e-5, atol=1e-4)


class BreakerVocabulary(NoVocabulary):
    """Knows which tokens the four usual breakers stand in, from the golden file."""

    def breakers(self, text: str) -> Mapping[int, frozenset[tuple[int, ...]]]:
        return dict.fromkeys(DRY["breaker_ids"], frozenset({()})) if text in DRY["breakers"] else {}


@pytest.mark.parametrize("number", range(len(DRY["cases"])))
def test_dry_with_string_breakers(number: int) -> None:
    case = DRY["cases"][number]
    scores = Scores.of(np.zeros(49152))
    after = dry(case["params"]).apply(scores, Context(case["history"], 0, vocabulary=BreakerVocabulary()))[0]
    changed = {int(i): -float(after.logits[i]) for i in np.flatnonzero(after.logits)}
    assert changed == pytest.approx({int(i): x for i, x in case["penalties"].items()}, rel=1e-6)
