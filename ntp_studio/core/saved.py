"""A text in a file, with all its branches, settings and luck, so that it can be gone on with as if never closed.

`write` puts a session into one JSON document, `read` gets it out again whoever wrote it, and `restore` goes on with it
on an open model. Figures are not taken from the file: the model reads the text anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any
from weakref import WeakKeyDictionary

from ntp_studio import __version__
from ntp_studio.core.files import write_whole
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.report import number
from ntp_studio.core.saved_document import FORMAT, VERSION, Damaged, Saved, saved_of
from ntp_studio.core.session import Session
from ntp_studio.core.tokens import Tokens
from ntp_studio.core.tree import Node, Tree
from ntp_studio.core.types import DecodingSettings, SettingError, StudioError

MOST_BYTES = 32 * 2**20  # some 150,000 generated tokens, which are read in a few seconds
# How far the log-probabilities may lie, in the mean, from those of the same weights on another device.
SAME_WEIGHTS = {"float32": 0.01, "bfloat16": 0.1, "float16": 0.1}
ALIKE = 3  # so many figures in a row, at the beginning, are the same by the same weights only

_fingerprints: WeakKeyDictionary[Tokens, str] = WeakKeyDictionary()


def fingerprint(tokens: Tokens) -> str:
    """A hash over every token's bytes in the order of the ids. Half a second at 150,000 tokens, once a vocabulary."""
    known = _fingerprints.get(tokens)
    if known is None:
        digest = hashlib.sha256()
        for token_id in range(tokens.vocab_size):
            raw = tokens.token(token_id).bytes
            digest.update(len(raw).to_bytes(4, "little") + raw)
        known = _fingerprints[tokens] = digest.hexdigest()
    return known


def written_with(saved: Saved, model: LanguageModel) -> bool:
    """Whether this is, by its looks, the model that the text was written with, wherever it lies now."""
    return model.info.parameters == saved.model.parameters and fingerprint(model.tokens) == saved.model.vocabulary


# -- writing -----------------------------------------------------------------------------------------------------------


def write(session: Session, path: str | Path, prompt: str = "", chat: bool = False) -> None:
    """Write the whole text to a file. `prompt` and `chat` are what a person typed, to be shown again.

    Raises:
        StudioError: there is no text, it could not be opened again, or the file cannot be written; whatever was there
            before is untouched.
    """
    content, target = _document(session, prompt, chat), Path(path)
    try:
        if target.exists() and not target.is_file():
            raise StudioError(f"{target} is not an ordinary file; choose another place.")
        write_whole(target, content, shared=True)
    except (OSError, ValueError) as error:
        raise StudioError(f"{target} cannot be written ({_reason(error)}); choose another place.") from error


def _document(session: Session, prompt: str, chat: bool) -> str:
    """What `read` has been through: a text that could not be opened again must not take the place of one that can."""
    try:
        content = _json(session, prompt, chat)
        if len(content) > MOST_BYTES:  # it is all ASCII
            raise StudioError("The text has too many branches to be saved; export it, or begin a new one.")
        saved_of(_parsed(content.encode("ascii")))
    except (ValueError, SettingError, OverflowError) as error:  # ValueError: a number that JSON has not
        why = _short(error)
        raise StudioError(f"The text cannot be saved so that it could be opened again ({why}); export it.") from error
    return content


def _json(session: Session, prompt: str, chat: bool) -> str:
    tree, model = session.tree, session.model
    here = tree.here
    settings = dict.fromkeys([session.decoding, *(n.taken_with for n in tree.nodes if n.taken_with is not None)])
    numbers = {decoding: i for i, decoding in enumerate(settings)}
    on_line = {node.id for node in tree.line}
    head = {
        "format": FORMAT,
        "version": VERSION,
        "studio": __version__,
        "model": {
            "name": model.info.name.encode("utf-8", "replace").decode("utf-8"),
            "path": model.info.path if _writable(model.info.path) else "",
            "dtype": model.info.dtype,
            "parameters": model.info.parameters,
            "vocab_size": model.tokens.vocab_size,
            "vocabulary": fingerprint(model.tokens),
        },
        "prompt": prompt,
        "chat": chat,
        "seed": session.seed,
        "settings": [_decoding_json(decoding) for decoding in settings],  # the first are those in force
        "prompt_length": len(tree.prompt),
        "here": here.id,
    }
    rows = (json.dumps(_node_json(n, numbers, n.id in on_line), allow_nan=False) for n in tree.nodes)
    # A line for every token, so that two versions of a text can be compared.
    return json.dumps(head, indent=1, allow_nan=False)[:-2] + ',\n "nodes": [\n' + ",\n".join(rows) + "\n ]\n}\n"


def _writable(text: str) -> bool:
    """Whether it is made of characters: the name of a folder may hold bytes that are none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _decoding_json(decoding: DecodingSettings) -> dict[str, Any]:
    stages = [
        {"name": s.name, "enabled": s.enabled, "values": dict(s.values), "texts": {n: list(t) for n, t in s.texts}}
        for s in decoding.stages
    ]
    return {"method": decoding.method, "needle": decoding.needle, "stages": stages}


def _node_json(node: Node, settings: dict[DecodingSettings, int], on_line: bool) -> dict[str, Any]:
    """What has its usual value is left out, and so is what follows: the luck after a token is one draw on from that
    with which it was taken, and a stream that a person began is at its beginning."""
    fields: dict[str, Any] = {
        "token": node.token_id,
        "parent": node.parent.id if node.parent else None,
        "template": node.template or None,
        "ahead": node.ahead.id if node.ahead else None,
        "seeded": node.seeded.seed if node.seeded else None,
        "needle": node.needle,
        "logprob": number(node.score.logprob) if node.score and on_line else None,
    }
    if node.taken_at is not None and node.taken_with is not None:
        fields |= {
            "origin": node.origin,
            "seed": node.taken_at.seed,
            "position": node.taken_at.position,
            "settings": settings[node.taken_with],
            "probability": node.processed_probability,
            "state": {name: list(state) for name, state in node.state.items()} or None,
        }
    if node.draw is not None:
        draw = {"method": node.draw.method, "needle": node.draw.needle}
        fields["draw"] = draw | {"time": number(node.draw.time), "u": number(node.draw.u)}
    return {name: value for name, value in fields.items() if value is not None}


# -- reading -----------------------------------------------------------------------------------------------------------


def read(path: str | Path) -> Saved:
    """What is in a file, looked through from end to end.

    Raises:
        StudioError: there is no such file, or it is not what `write` writes.
    """
    source = Path(path)
    try:
        if source.exists() and not source.is_file():  # a pipe would never end
            raise StudioError(f"{source} is not an ordinary file; choose a saved text.")
        with source.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise StudioError(f"{source} cannot be read ({_reason(error)}); choose a saved text.") from error
    try:
        if len(content) > MOST_BYTES:
            raise Damaged("it is larger than any saved text")
        return saved_of(_parsed(content))
    except (Damaged, StudioError, OverflowError) as error:
        raise StudioError(f"{source.name} is no text that can be gone on with: {_short(error)}.") from error


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Damaged("it is no JSON document, or only a part of one") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _short(error: Exception) -> str:
    """What a file holds may be long."""
    text = str(error).rstrip(".")
    return text if len(text) <= 300 else f"{text[:299]}…"


def _reason(error: Exception) -> str:
    """A system's own words for what it could not do."""
    return str(getattr(error, "strerror", None) or error)


# -- going on ----------------------------------------------------------------------------------------------------------


def restore(
    saved: Saved,
    session: Session,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> str:
    """Go on with a saved text on this session's model, which reads it anew; the session takes over its tree.

    Returns what a person should know where the model is another one than then, "" where it is not; only then are
    recorded probabilities after decoding kept. If it fails or is cancelled the session is as it was. Raises
    StudioError.
    """
    model = session.model
    if fingerprint(model.tokens) != saved.model.vocabulary:
        raise StudioError(
            f"{model.info.name} has other tokens than {saved.model.name}, with which this text was written; open it "
            "with that one."
        )
    longest = _longest(saved.tree)
    if longest > model.info.context_length:
        raise StudioError(
            f"The saved text has {longest:,} tokens and {model.info.name} holds {model.info.context_length:,}; open it "
            "with a model of a longer context."
        )
    before = session.tree, session.seed, session.decoding
    probabilities = [node.processed_probability for node in saved.tree.nodes]
    try:
        _put(session, saved.tree, saved.seed, saved.decoding)
        session.exchange(model, progress=progress, cancelled=cancelled)  # which forgets all that was of the text before
    except BaseException:
        _put(session, *before)
        raise
    note = _difference(saved, model)
    if not note:
        for node, probability in zip(saved.tree.nodes, probabilities, strict=True):
            node.processed_probability = probability
    return note


def _put(session: Session, tree: Tree, seed: int, decoding: DecodingSettings) -> None:
    session.tree = Tree()  # where there is no text, a seed is that of the beginning
    session.set_seed(seed)
    session.set_decoding(decoding)
    session.tree = tree


def _longest(tree: Tree) -> int:
    """How many tokens the longest branch has."""
    lengths: list[int] = []
    for node in tree.nodes:
        lengths.append(lengths[node.parent.id] + 1 if node.parent else 1)
    return max(lengths)


def _difference(saved: Saved, model: LanguageModel) -> str:
    """How the model, which has read the line, differs from the one of then, in a sentence."""
    then, info, on = saved.model, model.info, "going on may give other tokens than it would have given then."
    if then.dtype != info.dtype:
        return f"This text was written in {then.dtype}, and {info.name} is open in {info.dtype}; {on}"
    known = saved.logprobs
    away = [abs(known[n.id] - n.score.logprob) for n in saved.tree.line if n.score is not None and n.id in known]
    if then.parameters != info.parameters:
        return f"{info.name} has other weights than the model that this text was saved with; {on}"
    limit = SAME_WEIGHTS[info.dtype]
    if not away or fmean(away) <= limit:
        return ""
    if len(away) > ALIKE and max(away[:ALIKE]) <= limit:  # other weights differ from the first token on
        return f"This file was changed after it was saved: some tokens do not fit the figures beside them; {on}"
    return f"{info.name} has other weights than the model that this text was saved with, or the file was changed; {on}"
