"""Decoding: from the model's logits to the distribution a token is drawn from, and a draw. NumPy, but for the draw."""

from ntp_studio.core.decoding.chain import Chain, Trace, build_stage, settings_from_names
from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages import STAGES, Context, Note, Parameter, Stage

__all__ = [
    "STAGES",
    "Chain",
    "Context",
    "Note",
    "Parameter",
    "Scores",
    "Stage",
    "Trace",
    "build_stage",
    "settings_from_names",
]
