"""Write a text with its figures to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ntp_studio import __version__
from ntp_studio.core.files import write_whole
from ntp_studio.core.report import end_event, model_event, number
from ntp_studio.core.session import Session
from ntp_studio.core.tree import Node
from ntp_studio.core.types import DecodingSettings, StudioError


def decoding_event(index: int, settings: DecodingSettings) -> dict[str, Any]:
    """Settings that tokens were taken with; only the stages that were on, in their order."""
    on = [s for s in settings.stages if s.enabled]
    stages = [{"name": s.name} | dict(s.values) | {name: list(texts) for name, texts in s.texts} for s in on]
    return {"event": "decoding", "index": index, "method": settings.method, "stages": stages}


def token_event(position: int, node: Node, session: Session, settings: list[DecodingSettings]) -> dict[str, Any]:
    """Figures are null for a token that had no context; `seed`, `draw` (from 1) and `decoding` (index of the settings)
    are null for the prompt's. Log-probabilities are natural, entropies in bits."""
    token = session.page_token(node)
    return {
        "event": "token",
        "position": position,
        "id": token.token.id,
        "text": token.token.text,
        "bytes": token.token.bytes.hex(),
        "origin": token.origin,
        "template": token.template,
        "rank": token.rank,
        "logprob": None if token.logprob is None else number(token.logprob),
        "probability": token.probability,
        "processed_probability": token.processed_probability,
        "entropy_bits": token.entropy_bits,
        "seed": node.taken_at.seed if node.taken_at else None,
        "draw": node.taken_at.position + 1 if node.taken_at else None,
        "decoding": settings.index(node.taken_with) if node.taken_with else None,
    }


def write(session: Session, path: str) -> None:
    """The context as JSON lines (`.jsonl`, `.json`) with model, settings and every token's figures, else as bare text.

    Raises:
        StudioError: the file cannot be written; whatever was there before is untouched.
    """
    write_text(path, _lines(session) if Path(path).suffix in (".jsonl", ".json") else session.text)


def write_text(path: str, content: str) -> None:
    """Write to a file, or leave it as it was and raise StudioError."""
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            raise StudioError(f"{target} is not an ordinary file; choose another place.")
        write_whole(target, content, shared=True)
    except OSError as error:
        raise StudioError(f"{target} cannot be written ({error.strerror}); choose another place.") from error


def _lines(session: Session) -> str:
    nodes = session.tree.context()
    settings = list(dict.fromkeys(n.taken_with for n in nodes if n.taken_with is not None))
    text = session.model.tokens.text(session.token_ids)
    lines = [
        {"event": "studio", "version": __version__},
        model_event(session.model.info),
        *(decoding_event(i, s) for i, s in enumerate(settings)),
        *(token_event(i, node, session, settings) for i, node in enumerate(nodes)),
        end_event(session.stopped or "steps", session.prompt_token_ids, session.token_ids, text),
    ]
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
