"""What a saved text holds, and how it is got out of a document that nobody vouches for.

The tokens are listed by node id: each names its parent, and the tree, the line and the place follow from that. Nothing
in a document can make the program loop, run out of memory or hold a text that a session could not have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from ntp_studio.core.decoding import Chain
from ntp_studio.core.decoding.build import check_size, full_values
from ntp_studio.core.decoding.context import MOST_STATE, State
from ntp_studio.core.decoding.draw import StreamPlace
from ntp_studio.core.tree import Node, Tree, ahead_from
from ntp_studio.core.types import DecodingSettings, DrawReport, Method, Needle, StageSetting

FORMAT = "ntp-studio session"
VERSION = 1
DTYPES = ("float32", "bfloat16", "float16")
# What each stateful stage knows: how many numbers, and the least that the last may be.
STATES = {"mirostat": (1, -math.inf), "adaptive_p": (2, 1.0)}

T = TypeVar("T")


class Damaged(ValueError):
    """What is wrong with a document, in words that go behind a colon."""


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What is known of the model that a text was written with. `vocabulary` is its fingerprint."""

    name: str
    path: str
    dtype: str
    parameters: int
    vocab_size: int
    vocabulary: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved text. `logprobs` are the log-probabilities recorded on the line, by node id: to know the weights by."""

    model: SavedModel
    decoding: DecodingSettings
    seed: int
    prompt: str
    chat: bool
    tree: Tree
    logprobs: dict[int, float]


def saved_of(data: Any) -> Saved:
    """What a JSON document says.

    Raises:
        Damaged: what is wrong with it, and SettingError, OverflowError: with a number in it.
    """
    data = _typed(data, dict, "it")
    if data.get("format") != FORMAT:
        raise Damaged("it was not saved by NTP Studio")
    version = _field(data, "version", int)
    if version > VERSION:
        raise Damaged("it was saved by a newer NTP Studio; update this one")
    if version < 1:
        raise Damaged(f"there is no version {version}")
    about = _field(data, "model", dict)
    model = SavedModel(
        _field(about, "name", str),
        _field(about, "path", str),
        _one_of(about, "dtype", DTYPES),
        _field(about, "parameters", int),
        _within(_field(about, "vocab_size", int), 1, 2**31, "vocab_size"),
        _field(about, "vocabulary", str),
    )
    settings = [_decoding(item) for item in _field(data, "settings", list)]
    if not settings:
        raise Damaged("it has no settings")
    tree, logprobs = _tree(data, settings, model.vocab_size)
    seed = StreamPlace(_field(data, "seed", int)).seed
    return Saved(model, settings[0], seed, _field(data, "prompt", str), _field(data, "chat", bool), tree, logprobs)


# -- settings


def _decoding(item: Any) -> DecodingSettings:
    data = _typed(item, dict, "each of settings")
    stages = tuple(_stage(stage) for stage in _field(data, "stages", list))
    method: Method = _one_of(data, "method", get_args(Method))
    decoding = DecodingSettings(stages, method, _maybe(data, "needle", float, _needle))
    check_size(decoding)
    Chain.of(decoding)  # tokens were taken with it, so it can be built
    return decoding


def _stage(item: Any) -> StageSetting:
    data = _typed(item, dict, "each of stages")
    values, texts = _field(data, "values", dict), _field(data, "texts", dict)
    setting = StageSetting(
        _field(data, "name", str),
        tuple((name, _field(values, name, float)) for name in values),
        _field(data, "enabled", bool),
        tuple((n, tuple(_typed(text, str, n) for text in _field(texts, n, list))) for n in texts),
    )
    full_values(setting)  # also of one that is switched off, since a person may switch it on
    return setting


# -- the tree


def _tree(data: dict[str, Any], settings: list[DecodingSettings], vocab_size: int) -> tuple[Tree, dict[int, float]]:
    rows = [_typed(row, dict, "each of nodes") for row in _field(data, "nodes", list)]
    prompt_length = _within(_field(data, "prompt_length", int), 1, len(rows), "prompt_length")
    nodes: list[Node] = []
    depths: list[int] = []  # how many tokens come before each
    for i, row in enumerate(rows):
        parent = nodes[_within(_field(row, "parent", int), 0, i - 1, "parent")] if i else None
        depths.append(depths[parent.id] + 1 if parent else 0)
        node = Node(i, parent, _within(_field(row, "token", int), 0, vocab_size - 1, "token"), "prompt")
        if i >= prompt_length:
            _read_taken(node, row, settings, depths[i])
        elif depths[i] < i or (not i and "parent" in row):
            raise Damaged(f"token {i} of the prompt is not where it should be")
        else:
            node.template = _maybe(row, "template", bool) or False
        nodes.append(node)
    if len({(node.parent.id, node.token_id) for node in nodes if node.parent}) < len(nodes) - 1:
        raise Damaged("the same token follows another one twice")
    tree = Tree(nodes[:prompt_length])  # before what it clears
    for node in nodes[prompt_length:]:
        assert node.parent is not None
        node.parent.children.append(node)
        tree.nodes.append(node)
    for node, row in zip(nodes, rows, strict=True):
        seeded, ahead = _maybe(row, "seeded", int), _maybe(row, "ahead", int)
        node.seeded = None if seeded is None else StreamPlace(seeded)
        node.needle = _maybe(row, "needle", float, _needle)
        node.ahead = None if ahead is None else nodes[_within(ahead, 0, len(nodes) - 1, "ahead")]
        if node.ahead is not None and node.ahead.parent is not node:
            raise Damaged(f"node {ahead} does not follow node {node.id}")
    here = nodes[_within(_field(data, "here", int), 0, len(nodes) - 1, "here")]
    if here not in ahead_from(nodes[0]):
        raise Damaged("its place is not on the page")
    tree.go_to(here.id)
    logprobs = {i: _field(row, "logprob", float) for i, row in enumerate(rows) if row.get("logprob") is not None}
    return tree, logprobs


def _read_taken(node: Node, row: dict[str, Any], settings: list[DecodingSettings], depth: int) -> None:
    """How a token was taken that is `depth` tokens behind the first."""
    node.origin = _one_of(row, "origin", ("drawn", "forced"))
    # Not more draws than tokens: the stream has to be run through up to there.
    at = StreamPlace(_field(row, "seed", int), _within(_field(row, "position", int), 0, depth - 1, "position"))
    node.taken_at, node.luck = at, at.following
    node.taken_with = settings[_within(_field(row, "settings", int), 0, len(settings) - 1, "settings")]
    node.processed_probability = _maybe(row, "probability", float, _probability)
    node.state = _state(_maybe(row, "state", dict) or {})
    draw = _maybe(row, "draw", dict)
    if (draw is None) != (node.origin == "forced"):
        raise Damaged(f"node {node.id} does not tell whether it was drawn")
    node.draw = None if draw is None else _draw(draw, at)


def _draw(data: dict[str, Any], at: StreamPlace) -> DrawReport:
    method: Method = _one_of(data, "method", get_args(Method))
    needle: Needle = _one_of(data, "needle", get_args(Needle))
    time, u = _maybe(data, "time", float), _maybe(data, "u", float, _needle)
    if (method == "race") != (time is not None) or (method == "dart") != (u is not None):
        raise Damaged("a token does not tell how it was drawn")
    return DrawReport(
        method, at.seed, at.position, math.nan if time is None else time, math.nan if u is None else u, needle
    )


def _state(data: dict[str, Any]) -> State:
    state: dict[str, tuple[float, ...]] = {}
    for name in data:
        if name not in STATES:
            raise Damaged(f"no stage called {name} remembers anything")
        known = tuple(_typed(item, float, name) for item in _field(data, name, list))
        length, least = STATES[name]
        if len(known) != length or known[-1] < least or max(map(abs, known)) > MOST_STATE:
            raise Damaged(f"{name} cannot remember {known}")
        state[name] = known
    return state


# -- single values


_KINDS: dict[type, str] = {
    dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a whole number", float: "a number"
}  # fmt: skip


def _typed(value: Any, kind: type[T], name: str) -> T:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):  # bool is an int to Python
        raise Damaged(f"{name} should be {_KINDS[kind]}")
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Damaged(f"{name} holds something that is no character") from error
    found: T = value
    return found


def _field(data: dict[str, Any], name: str, kind: type[T]) -> T:
    if name not in data:
        raise Damaged(f"{name} is missing")
    return _typed(data[name], kind, name)


def _maybe(data: dict[str, Any], name: str, kind: type[T], check: Callable[[T], T] | None = None) -> T | None:
    if data.get(name) is None:
        return None
    value = _field(data, name, kind)
    return check(value) if check else value


def _within(value: int, low: int, high: int, name: str) -> int:
    if not low <= value <= high:
        raise Damaged(f"{name} is out of its range")
    return value


def _needle(value: float) -> float:
    if not 0 <= value < 1:
        raise Damaged("a needle stands outside the line")
    return value


def _probability(value: float) -> float:
    if not 0 <= value <= 1 + 1e-6:  # rounding may put it a little above
        raise Damaged("a probability is not from 0 to 1")
    return value


def _one_of(data: dict[str, Any], name: str, choices: Sequence[str]) -> Any:
    value = _field(data, name, str)
    if value not in choices:
        raise Damaged(f"{name} is none of {', '.join(choices)}")
    return value
