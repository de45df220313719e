"""Decoding: from the model's logits to the distribution a token is drawn from, and a draw. NumPy, but for the draw."""

from ntp_studio.core.decoding.build import build_stage
from ntp_studio.core.decoding.chain import Chain, Trace
from ntp_studio.core.decoding.context import Context, State, Vocabulary
from ntp_studio.core.decoding.names import settings_from_names
from ntp_studio.core.decoding.orders import ORDERS, arranged, order_of
from ntp_studio.core.decoding.scores import Scores
from ntp_studio.core.decoding.stages import STAGES, Note, Parameter, Stage, Texts

__all__ = [
    "ORDERS",
    "STAGES",
    "Chain",
    "Context",
    "Note",
    "Parameter",
    "Scores",
    "Stage",
    "State",
    "Texts",
    "Trace",
    "Vocabulary",
    "arranged",
    "build_stage",
    "order_of",
    "settings_from_names",
]
