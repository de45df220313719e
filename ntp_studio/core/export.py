"""Write a text with its figures to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ntp_studio.core.report import end_event, model_event
from ntp_studio.core.session import Session
from ntp_studio.core.types import PageToken, StudioError


def token_event(position: int, token: PageToken) -> dict[str, object]:
    """Figures are null for a token that had no context. Log-probabilities are natural, entropies in bits."""
    return {
        "event": "token",
        "position": position,
        "id": token.token.id,
        "text": token.token.text,
        "bytes": token.token.bytes.hex(),
        "origin": token.origin,
        "rank": token.rank,
        "logprob": token.logprob,
        "probability": token.probability,
        "processed_probability": token.processed_probability,
        "entropy_bits": token.entropy_bits,
    }


def write(session: Session, path: str) -> None:
    """The context as JSON lines (`.jsonl`, `.json`) with model, settings and every token's figures, else as bare text.

    Raises:
        StudioError: the file cannot be written; whatever was there before is untouched.
    """
    target = Path(path)
    if target.suffix in (".jsonl", ".json"):
        settings = {
            "event": "decoding",
            "method": session.decoding.method,
            "seed": session.seed,
            "stages": [{"name": s.name, "enabled": s.enabled} | dict(s.values) for s in session.decoding.stages],
        }
        tokens = [token_event(i, t) for i, t in enumerate(session.page()[: session.place])]
        text = session.model.tokens.text(session.token_ids)
        end = end_event(session.stopped or "steps", session.prompt_token_ids, session.token_ids, text)
        lines = [model_event(session.model.info), settings, *tokens, end]
        content = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    else:
        content = session.text
    partial = target.with_name(target.name + ".part")
    try:
        partial.write_text(content, encoding="utf-8")
        os.replace(partial, target)
    except OSError as error:
        raise StudioError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
