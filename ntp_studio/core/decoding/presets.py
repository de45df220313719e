"""Decoding settings with a name, for the menu and for `--preset`: pure data, and what recognises them.

Stages that a preset does not list are off. The order is the default one (penalties, temperature, then the cuts), in
which `transformers` applies them, where nothing else is said. Values follow the sources named at each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ntp_studio.core.decoding.build import build_stage, full_values
from ntp_studio.core.decoding.stages import STAGES, Stage
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting

Group = Literal["usual", "programs", "methods"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A named choice of settings; `summary` says in a sentence what to expect of it."""

    label: str
    settings: DecodingSettings
    summary: str
    group: Group = "usual"


def _stage(name: str, value: float) -> StageSetting:
    """A stage with one parameter, which carries the stage's own name."""
    return StageSetting(name, ((name, value),))


PRESETS: dict[str, Preset] = {
    "plain": Preset(
        "Plain sampling (all off)",
        DecodingSettings(),
        "Draws from the model's own distribution, with nothing changed and nothing cut.",
    ),
    "greedy": Preset(
        "Greedy",
        DecodingSettings(method="greedy"),
        "Always takes the most likely token: the same text every time, often with repetitions.",
    ),
    "balanced": Preset(
        # llama.cpp's defaults: temperature 0.8, top-k 40, top-p 0.95, min-p 0.05.
        "Balanced",
        DecodingSettings(
            (_stage("temperature", 0.8), _stage("top_k", 40), _stage("top_p", 0.95), _stage("min_p", 0.05))
        ),
        "Slightly sharpened, with the unlikely tail cut: the usual starting point.",
    ),
    "creative": Preset(
        # Nguyen et al. 2024 (min-p): a high temperature stays coherent when min-p cuts relative to the top token.
        "Creative",
        DecodingSettings((_stage("temperature", 1.3), _stage("min_p", 0.1))),
        "A flatter distribution from which min-p removes what makes no sense: surprising words.",
    ),
    "focused": Preset(
        # Holtzman et al. 2019 (top-p) with a low temperature, as is usual for answers and code.
        "Focused",
        DecodingSettings((_stage("repetition_penalty", 1.1), _stage("temperature", 0.4), _stage("top_p", 0.9))),
        "Stays close to the most likely tokens and away from what was said already.",
    ),
    "transformers": Preset(
        # GenerationConfig of transformers 5.23: generate(do_sample=True) fills in top_k=50, all else is neutral.
        "transformers' defaults",
        DecodingSettings((_stage("top_k", 50),)),
        "What generate(do_sample=True) does when nothing is set: only the 50 most likely tokens are left.",
        "programs",
    ),
    "llama.cpp": Preset(
        # common/common.h of llama.cpp, in the order of its default --samplers: the temperature comes last.
        "llama.cpp's defaults",
        DecodingSettings(
            (_stage("top_k", 40), _stage("top_p", 0.95), _stage("min_p", 0.05), _stage("temperature", 0.8))
        ),
        "The same values as Balanced, but the temperature comes after the cuts, which so do not depend on it.",
        "programs",
    ),
    "xtc_dry": Preset(
        # p-e-w's values: text-generation-webui's pull requests 5677 (DRY: 0.8, 1.75, 2) and 6335 (XTC: 0.5, 0.1);
        # min-p at the low end of its usual range, since XTC leaves less likely tokens to draw from.
        "XTC and DRY",
        DecodingSettings(
            (
                StageSetting("dry", (("dry_multiplier", 0.8), ("dry_base", 1.75), ("dry_allowed_length", 2))),
                _stage("min_p", 0.02),
                StageSetting("xtc", (("xtc_probability", 0.5), ("xtc_threshold", 0.1))),
            )
        ),
        "For stories: strikes out the obvious choices half of the time, and keeps passages from being repeated.",
        "methods",
    ),
    "mirostat": Preset(
        # Basu et al. 2021, with llama.cpp's defaults for τ and η.
        "Mirostat v2",
        DecodingSettings((StageSetting("mirostat", (("mirostat_tau", 5.0), ("mirostat_eta", 0.1))),)),
        "Holds the surprise of the text near 5 bits a token, by a cut that moves after every token.",
        "methods",
    ),
    "top_n_sigma": Preset(
        # Tang et al. 2024: n = 1.
        "Top-nσ",
        DecodingSettings((_stage("top_n_sigma", 1.0),)),
        "Keeps the tokens whose logit is within one standard deviation of the highest, at whatever temperature.",
        "methods",
    ),
}


def kept(decoding: DecodingSettings) -> DecodingSettings:
    """What a preset keeps of settings: the stages that are switched on, in their order."""
    return DecodingSettings(
        tuple(stage for stage in decoding.stages if stage.enabled), decoding.method, decoding.needle
    )


def name_of(decoding: DecodingSettings) -> str | None:
    """The name of the preset that these settings are, or None.

    What has no effect does not count: stages that are off, values that are left as they are by default. Nor does it
    count whether race or dart draws.
    """
    acting = _acting(decoding.stages)
    if acting is None:
        return None
    for name, preset in PRESETS.items():
        both_greedy = (decoding.method == "greedy") == (preset.settings.method == "greedy")
        if both_greedy and acting == _acting_of_known(preset.settings):
            return name
    return None


def same_effect(one: DecodingSettings, other: DecodingSettings) -> bool:
    """Whether two chains do the same, down to how they draw."""
    if (one.method, one.needle) != (other.method, other.needle):
        return False
    acting = _acting(one.stages)
    return acting is not None and acting == _acting_of_known(other)


def _acting(stages: Iterable[StageSetting]) -> tuple[Stage, ...] | None:
    """The stages that do something, ready to run; None where one of them cannot be built."""
    try:
        return tuple(filter(None, (build_stage(stage) for stage in stages if stage.enabled)))
    except SettingError:
        return None


@lru_cache(maxsize=256)
def _acting_of_known(decoding: DecodingSettings) -> tuple[Stage, ...] | None:
    """`_acting` for settings that are asked about again and again: while a slider moves, all presets are."""
    return _acting(decoding.stages)


def in_words(decoding: DecodingSettings) -> str:
    """The acting stages with their numbers, in order: `Top-k 40 · Temperature 0.8`."""
    parts = []
    for setting in decoding.stages:
        kind = STAGES.get(setting.name)
        if kind is None or not setting.enabled or kind.is_off(values := full_values(setting)):
            continue
        shown = [f"{values[p.name]:g}" for p in kind.parameters if not p.advanced]
        parts.append(" ".join((kind.label, "/".join(shown))).strip())
    if decoding.method == "greedy":
        parts.append("greedy")
    return " · ".join(parts)
