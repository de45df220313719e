"""NTP Studio: watch a language model choose its next token.

    prompt -> token ids -> logits -> decoding chain -> distribution -> draw -> next token -> page + chart

Read `ntp_studio/core/session.py` first. From a script::

    from ntp_studio import load
    session = load("path/to/checkpoint").start("The cat")
    frame = session.step()          # StepFrame: candidates, entropy, the drawn token, timings
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# torch's worker threads must sleep, not spin, between operations: spinning, they fight the window for the cores, and a
# busy machine makes a step six times slower. Read when torch is loaded, so it is set before anything can import it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ntp_studio.core.model import LanguageModel


def load(path: str, *, device: str = "auto", dtype: str = "auto", **options: Any) -> LanguageModel:
    """Load a checkpoint; see `ntp_studio.core.checkpoints.load` (imported late: it brings torch)."""
    from ntp_studio.core import checkpoints

    return checkpoints.load(path, device=device, dtype=dtype, **options)
