"""Settings with a name: that each can be run, does what its source does, and is recognised again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ntp_studio.core.decoding import STAGES, Chain, Context, Scores, arranged, order_of
from ntp_studio.core.decoding.copy_llamacpp import OTHER_DRAW, as_llamacpp
from ntp_studio.core.decoding.copy_transformers import as_transformers
from ntp_studio.core.decoding.presets import PRESETS, in_words, kept, name_of, same_effect
from ntp_studio.core.types import DecodingSettings, StageSetting
from tests.core import tiny

OFF = StageSetting("top_k", (("top_k", 3.0),), enabled=False)


def everything(setting: StageSetting) -> StageSetting:
    """As the window's cards tell it: every value and every text, also those left alone."""
    kind = STAGES[setting.name]
    given = dict(setting.values)
    values = tuple((p.name, float(given.get(p.name, p.default))) for p in kind.parameters)
    return replace(setting, values=values, texts=tuple((t.name, t.default) for t in kind.texts))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_runs_and_says_what_it_does(name: str) -> None:
    preset = PRESETS[name]
    chain = Chain.of(preset.settings)
    assert len(chain.stages) == len(preset.settings.stages), "none of them is at its off value"
    logits = np.random.default_rng(1).normal(size=300) * 3
    trace = chain.run(Scores.of(logits), Context([1, 2, 3, 1, 2], 2, coin=lambda name: 0.1))
    assert trace.result.count >= 1
    assert preset.label
    assert preset.summary.endswith(".")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_recognised_among_all_stages(name: str) -> None:
    settings = PRESETS[name].settings
    assert name_of(settings) == name
    assert name_of(replace(settings, stages=(OFF, *settings.stages))) == name
    assert name_of(replace(settings, stages=(OFF, *map(everything, settings.stages)))) == name
    assert name_of(replace(settings, stages=(replace(OFF, enabled=True), *settings.stages))) is None
    idle = StageSetting("temperature", (("temperature", 1.0),))
    assert name_of(replace(settings, stages=(*settings.stages, idle))) == name, "a temperature of 1 does nothing"


def test_how_a_token_is_drawn_is_no_part_of_the_programs_presets() -> None:
    balanced = PRESETS["balanced"].settings
    assert name_of(replace(balanced, method="dart", needle=0.3)) == "balanced"
    assert name_of(replace(balanced, method="greedy")) is None
    assert name_of(DecodingSettings(method="dart")) == "plain"


def test_what_cannot_be_built_is_no_preset() -> None:
    for stage in (StageSetting("top_k", (("top_k", -5.0),)), StageSetting("no_such")):
        broken = DecodingSettings((stage,))
        assert name_of(broken) is None
        assert not same_effect(broken, broken)


def test_a_persons_own_preset_holds_the_draw_too() -> None:
    dart = DecodingSettings((StageSetting("top_k", (("top_k", 5.0),)),), "dart", 0.5)
    assert same_effect(replace(dart, stages=(*dart.stages, replace(OFF, name="min_p", values=()))), dart)
    assert not same_effect(replace(dart, needle=None), dart)
    assert not same_effect(replace(dart, method="race"), dart)


def test_as_in_transformers_is_what_generate_does() -> None:
    """Token for token, against the library with nothing set but `do_sample`."""
    model = tiny.model()
    prompt = model.tokens.encode("The cat sat on")
    for seed in (0, 1, 7):
        torch.manual_seed(seed)
        wanted = tiny.network().generate(
            torch.tensor([prompt]), do_sample=True, max_new_tokens=12, eos_token_id=None, pad_token_id=0
        )
        session = model.start("The cat sat on", seed=seed, decoding=PRESETS["transformers"].settings)
        assert session.prompt_token_ids == prompt
        assert [session.step().choice.token.id for _ in range(12)] == wanted[0, len(prompt) :].tolist()
    copied = as_transformers(PRESETS["transformers"].settings, model="m", prompt="p")
    assert copied.warnings == ()


def test_as_in_llama_cpp_is_its_default_order_and_values() -> None:
    settings = PRESETS["llama.cpp"].settings
    assert order_of(settings) == "llama.cpp"
    copied = as_llamacpp(settings)
    assert copied.warnings == (OTHER_DRAW,)
    assert "--samplers 'top_k;top_p;min_p;temperature'" in copied.text
    assert arranged(PRESETS["balanced"].settings, "llama.cpp") == settings, "Balanced has the same values"


def test_only_what_is_on_is_kept() -> None:
    settings = DecodingSettings((OFF, StageSetting("min_p", (("min_p", 0.1),)), OFF), "dart", 0.5)
    assert kept(settings) == DecodingSettings((StageSetting("min_p", (("min_p", 0.1),)),), "dart", 0.5)


def test_settings_in_words() -> None:
    assert in_words(PRESETS["llama.cpp"].settings) == "Top-k 40 · Top-p 0.95 · Min-p 0.05 · Temperature 0.8"
    assert in_words(PRESETS["plain"].settings) == ""
    assert in_words(PRESETS["greedy"].settings) == "greedy"
    assert (
        in_words(DecodingSettings((OFF, StageSetting("no_such"), StageSetting("temperature", (("temperature", 1),)))))
        == ""
    )
    assert in_words(DecodingSettings((StageSetting("bias", texts=(("sequence_bias", ("a=1",)),)),))) == "Bias"
