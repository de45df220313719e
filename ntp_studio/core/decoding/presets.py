"""Decoding settings with a name, for the menu and for `--preset`: pure data.

Stages that a preset does not list are off. The order is the default one (penalties, temperature, then the cuts), in
which `transformers` applies them. Values follow the sources named at each.
"""

from __future__ import annotations

from dataclasses import dataclass

from ntp_studio.core.types import DecodingSettings, StageSetting


@dataclass(frozen=True, slots=True)
class Preset:
    """A named choice of settings; `summary` says in a sentence what to expect of it."""

    label: str
    settings: DecodingSettings
    summary: str


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
}
