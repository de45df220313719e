"""The stages of the decoding chain: small frozen objects that map scores to scores.

`STAGES` lists them in Studio order, which is transformers' order with the others slotted in where they belong; a new
stage is one class added there, and panel, command line, orders and presets know it from its class attributes.
"""

from __future__ import annotations

from ntp_studio.core.decoding.context import Context
from ntp_studio.core.decoding.stages.bans import Bans, Bias, MinLength, NoRepeatNgram
from ntp_studio.core.decoding.stages.base import TOLERANCE, Note, Parameter, Role, Stage, Texts
from ntp_studio.core.decoding.stages.choosing import AdaptiveP, Mirostat, Xtc
from ntp_studio.core.decoding.stages.cutting import MinP, TopH, TopK, TopNSigma, TopP
from ntp_studio.core.decoding.stages.dry import Dry
from ntp_studio.core.decoding.stages.entropy_cuts import Epsilon, Eta, TailFree, TopA, Typical
from ntp_studio.core.decoding.stages.penalties import PresenceFrequency, RepetitionPenalty
from ntp_studio.core.decoding.stages.shaping import DynamicTemperature, Smoothing, Temperature
from ntp_studio.core.decoding.stages.stopping import Stop

STAGES: dict[str, type[Stage]] = {
    stage.name: stage
    for stage in (
        Bias, RepetitionPenalty, PresenceFrequency, Dry, NoRepeatNgram, Bans, MinLength,
        Temperature, DynamicTemperature, Smoothing,
        TopNSigma, TopH, TopK, TopP, MinP, Typical, Epsilon, Eta, TopA, TailFree, Xtc,
        AdaptiveP, Mirostat, Stop,
    )
}  # fmt: skip

SHOWN: dict[str, type[Stage]] = {name: stage for name, stage in STAGES.items() if stage.shown_by_default}

__all__ = [
    "SHOWN",
    "STAGES",
    "TOLERANCE",
    "AdaptiveP",
    "Bans",
    "Bias",
    "Context",
    "Dry",
    "DynamicTemperature",
    "Epsilon",
    "Eta",
    "MinLength",
    "MinP",
    "Mirostat",
    "NoRepeatNgram",
    "Note",
    "Parameter",
    "PresenceFrequency",
    "RepetitionPenalty",
    "Role",
    "Smoothing",
    "Stage",
    "Stop",
    "TailFree",
    "Temperature",
    "Texts",
    "TopA",
    "TopH",
    "TopK",
    "TopNSigma",
    "TopP",
    "Typical",
    "Xtc",
]
