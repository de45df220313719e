"""Saved texts: what is read back goes on as if it had never been closed, and no file can do any harm."""

from __future__ import annotations

import contextlib
import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio.core import saved, saved_document
from ntp_studio.core.decoding import STAGES, Context, Scores, settings_from_names
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.tokens import CharacterTokens
from ntp_studio.core.tree import Node, Tree
from ntp_studio.core.types import Cancelled, DecodingSettings, StudioError
from tests.core import tiny

PROMPT = "The cat sat on"
DART = DecodingSettings(method="dart")
MIXES: dict[str, DecodingSettings] = {
    "race": settings_from_names({"temperature": 1.2, "top_p": 0.9}),
    "dart": replace(settings_from_names({"temperature": 1.4, "min_p": 0.01}), method="dart"),
    "held needle": replace(settings_from_names({"mirostat_tau": 4.0}), method="dart", needle=0.37),
    "greedy": settings_from_names({"repetition_penalty": 1.4, "dry_multiplier": 0.9}, greedy=True),
    "mirostat": settings_from_names({"mirostat_tau": 3.0, "mirostat_eta": 0.3, "temperature": 1.5}),
    "adaptive-p": settings_from_names({"adaptive_target": 0.4, "adaptive_decay": 0.8, "min_p": 0.02}),
    "XTC": settings_from_names({"xtc_probability": 0.5, "xtc_threshold": 0.05, "xtc_protect": ["#eos", "é\n"]}),
}


def model(architecture: str = "llama", **settings: Any) -> LanguageModel:
    return tiny.model(architecture, **({"context": 128} | settings))


def start(decoding: DecodingSettings = MIXES["race"], *, seed: int = 5, **named: Any) -> Session:
    return model(**named).start(PROMPT, seed=seed, decoding=decoding)


def wander(session: Session) -> None:
    """All that a person can do to a text: steps, ways back, branches, forced tokens, seeds, needles, other settings."""
    for _ in range(6):
        session.step()
    session.back()
    session.back()
    session.force(23)
    session.step()
    session.set_seed(77)
    session.step()
    mix = session.decoding
    session.set_decoding(DART)
    session.move_needle(0.81)
    session.step()
    session.set_decoding(mix)
    session.step()
    branch = session.tree.here.id
    session.go_to(2)  # inside the prompt
    session.force(9)
    session.step()
    session.go_to(branch)
    session.move_needle(0.4)
    session.back()
    session.back()


def again(session: Session, path: Path, lm: LanguageModel | None = None, note: str = "") -> Session:
    """The session as it is once saved and gone on with by another one that has had a life of its own."""
    saved.write(session, path, "typed", True)
    other = (lm or model()).start("and then", seed=999, decoding=DART)
    other.step()
    other.frame()
    text = saved.read(path)
    assert (text.prompt, text.chat) == ("typed", True)
    told = saved.restore(text, other)
    assert note in told
    assert bool(note) == bool(told)
    return other


def node_fields(node: Node) -> tuple[Any, ...]:
    draw = node.draw and replace(node.draw, time=0.0, u=0.0)
    numbers = node.draw and [None if math.isnan(x) else x for x in (node.draw.time, node.draw.u)]
    return (
        node.id, node.parent and node.parent.id, node.token_id, node.origin, node.template, node.luck, node.seeded,
        node.taken_at, node.taken_with, draw, numbers, node.needle, dict(node.state), [c.id for c in node.children],
        node.ahead and node.ahead.id,
    )  # fmt: skip


def tree_fields(tree: Tree) -> tuple[Any, ...]:
    line = [node.id for node in tree.line]
    return ([node_fields(n) for n in tree.nodes], len(tree.prompt), line, tree.ids, tree.place, tree.prompt_length)


def assert_same(one: Session, other: Session) -> None:
    assert tree_fields(one.tree) == tree_fields(other.tree)
    assert (one.seed, one.decoding, one.text) == (other.seed, other.decoding, other.text)
    one_page, other_page = one.page(), other.page()
    for ours, theirs in zip(one_page, other_page, strict=True):
        assert (ours.token, ours.branches, ours.rank) == (theirs.token, theirs.branches, theirs.rank)
        assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-4)
        assert ours.entropy_bits == pytest.approx(theirs.entropy_bits, abs=1e-4)
        assert ours.processed_probability == theirs.processed_probability


def go_on(session: Session, steps: int) -> list[int]:
    for _ in range(steps):
        session.step()
    return session.tree.ids


@pytest.mark.parametrize("name", MIXES)
def test_a_saved_text_goes_on_as_one_that_was_never_closed(name: str, tmp_path: Path) -> None:
    session = start(MIXES[name])
    wander(session)
    other = again(session, tmp_path / "tale.ntpstudio")
    assert_same(session, other)
    ours, theirs = session.frame(), other.frame()
    assert (ours.choice.token, ours.step, ours.node) == (theirs.choice.token, theirs.step, theirs.node)
    assert replace(ours.draw, time=0.0) == replace(theirs.draw, time=0.0)
    assert ours.draw.time == pytest.approx(theirs.draw.time, rel=1e-4, nan_ok=True)
    assert ours.taken == theirs.taken
    before = session.place
    assert go_on(session, 50) == go_on(other, 50)
    assert session.place == before + 50
    for each in (session, other):
        each.restart()
    assert go_on(session, 10) == go_on(other, 10), "the beginning of the stream is known, too"


def test_saving_changes_nothing_and_twice_is_the_same(tmp_path: Path) -> None:
    session, untouched = start(), start()
    for each in (session, untouched):
        wander(each)
    saved.write(session, tmp_path / "one.ntpstudio", PROMPT)
    assert go_on(session, 8) == go_on(untouched, 8)
    other = again(session, tmp_path / "two.ntpstudio")
    saved.write(other, tmp_path / "three.ntpstudio", "typed", True)
    documents = [json.loads((tmp_path / f"{n}.ntpstudio").read_text()) for n in ("two", "three")]
    for row in documents[0]["nodes"] + documents[1]["nodes"]:
        row.pop("logprob", None)  # read anew, and rounded another way
    assert documents[0] == documents[1]


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["step", "step", "step", "back", "force", "go", "seed", "needle", "mix", "branch", "restart"]),
        st.integers(0, 300),
    ),
    max_size=25,
)


def move(session: Session, what: str, n: int) -> None:
    tree = session.tree
    if what == "step":
        session.step()
    elif what == "back":
        session.back()
    elif what == "force":
        session.force(n)
    elif what == "go":
        session.go_to(n % len(tree.nodes))
    elif what == "seed":
        session.set_seed(n)
    elif what == "needle":
        session.move_needle(n / 301 if n % 5 else None)
    elif what == "mix":
        session.set_decoding(list(MIXES.values())[n % len(MIXES)])
    elif what == "restart":
        session.restart()
    elif len((tree.here.parent or tree.here).children) > 1 and tree.here.parent:
        session.next_branch(tree.here.id)


@settings(derandomize=True, max_examples=30)
@given(MOVES)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]]) -> None:
    session = start(DART)
    for what, n in moves:
        move(session, what, n)
    other = again(session, tmp_path_factory.mktemp("any") / "x.ntpstudio")
    other_line = [node for node in other.tree.line if node.processed_probability is not None]
    assert len(other_line) == sum(node.processed_probability is not None for node in session.tree.line)
    assert_same(session, other)
    assert go_on(session, 4) == go_on(other, 4)


def test_the_chat_template_and_the_settings_of_then_are_kept(tmp_path: Path) -> None:
    session = tiny.model("llama", chat=True).start("hi", chat=True)
    session.step()
    other = again(session, tmp_path / "x.ntpstudio", tiny.model("llama", chat=True))
    assert [t.template for t in other.page()] == [t.template for t in session.page()]
    assert any(t.template for t in other.page())
    off = DecodingSettings((replace(MIXES["race"].stages[0], enabled=False),), "dart", 0.25)
    session.set_decoding(off)
    assert again(session, tmp_path / "x.ntpstudio", tiny.model("llama", chat=True)).decoding == off


# -- another model


def test_figures_are_those_of_the_model_that_is_open(tmp_path: Path) -> None:
    session = start()
    wander(session)
    trained_on = model(seed=1)
    other = again(session, tmp_path / "x.ntpstudio", trained_on, "has other weights")
    assert tree_fields(other.tree) == tree_fields(session.tree)
    assert all(node.processed_probability is None for node in other.tree.nodes)
    fresh = trained_on.read([node.token_id for node in other.tree.line], score_from=1)
    for node, score in zip(other.tree.line[1:], fresh.scores, strict=True):
        assert node.score is not None
        assert node.score.logprob == pytest.approx(score.logprob, abs=1e-5)


def test_a_file_that_was_changed_is_not_put_down_to_the_model(tmp_path: Path) -> None:
    session = start()
    for _ in range(12):
        session.step()
    path = tmp_path / "x.ntpstudio"
    saved.write(session, path)
    data = json.loads(path.read_text())
    data["nodes"][-4]["token"] = 3
    path.write_text(json.dumps(data))
    other = Session(model())
    told = saved.restore(saved.read(path), other)
    assert told.startswith("This file was changed after it was saved")
    assert "weights" not in told
    assert {node.processed_probability for node in other.tree.nodes} == {None}, "figures of another text"
    assert saved.restore(saved.read(path), Session(model(seed=1))).startswith("tiny llama has other weights")


def test_another_precision_is_told_and_takes_no_figures_over(tmp_path: Path) -> None:
    session = start()
    wander(session)
    lm = model()
    lm.info = replace(lm.info, dtype="bfloat16")
    other = again(session, tmp_path / "x.ntpstudio", lm, "written in float32")
    assert {node.processed_probability for node in other.tree.nodes} == {None}


def unchanged_after(session: Session, attempt: Callable[[], object], words: str) -> None:
    """The attempt fails with a sentence, and the session is what it was, also in what it will do."""
    fields, here, seed, mix = tree_fields(session.tree), session.frame(), session.seed, session.decoding
    with pytest.raises(StudioError, match=words):
        attempt()
    assert tree_fields(session.tree) == fields
    assert (session.seed, session.decoding) == (seed, mix)
    frame = session.frame()
    assert (frame.choice, frame.draw) == (here.choice, here.draw)


def test_what_does_not_fit_leaves_the_session_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.ntpstudio"
    session = start()
    wander(session)
    saved.write(session, path)
    strange = model()
    strange.tokens = CharacterTokens(dict(enumerate("abcdefgh")), strange.tokens.vocab_size)
    stranger = Session(strange, decoding=DART)
    stranger.begin([1, 2, 3])
    unchanged_after(stranger, lambda: saved.restore(saved.read(path), stranger), "has other tokens than")
    small = model()
    small.info = replace(small.info, context_length=8)
    short = small.start("The")
    unchanged_after(short, lambda: saved.restore(saved.read(path), short), "longer context")
    own = start(DART, seed=8)
    wander(own)
    unchanged_after(own, lambda: saved.restore(saved.read(path), own, cancelled=lambda: True), "cancelled")
    with pytest.raises(Cancelled):
        saved.restore(saved.read(path), own, cancelled=lambda: True)


# -- files


def document(tmp_path: Path) -> dict[str, Any]:
    session = start(MIXES["mirostat"])
    wander(session)
    saved.write(session, tmp_path / "whole.ntpstudio", "The cat ↵ “sat” on")
    found: dict[str, Any] = json.loads((tmp_path / "whole.ntpstudio").read_text(encoding="utf-8"))
    return found


def put(data: Any, path: str, value: Any) -> None:
    *way, last = [int(part) if part.lstrip("-").isdigit() else part for part in path.split(".")]
    for part in way:
        data = data[part]
    data[last] = value


P = 4  # a node behind the prompt, as far as these tests go


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", "notes", "not saved by NTP Studio"),
        ("version", 2, "newer NTP Studio"),
        ("version", 0, "no version 0"),
        ("version", True, "whole number"),
        ("model", [], "model should be an object"),
        ("model.dtype", "int4", "none of float32"),
        ("model.vocab_size", 10, "token is out of its range"),
        ("prompt", "half \ud83d", "no character"),
        ("chat", 1, "true or false"),
        ("seed", 2**63, "seed must be"),
        ("seed", 1.5, "whole number"),
        ("settings", [], "no settings"),
        ("settings.0.method", "roulette", "none of greedy, race, dart"),
        ("settings.0.needle", 1.0, "outside the line"),
        ("settings.0.stages.0.name", "magic", "no decoding stage called magic"),
        ("settings.0.stages.0.values", {"temperature": -1}, "at least 0"),
        ("settings.0.stages.0.values", {"temperature": 10**400}, "too large"),
        ("settings.0.stages.0.values", {"tempo": 1}, "no parameter tempo"),
        (
            "settings.0.stages.0",
            {"name": "bans", "enabled": True, "values": {"bad_words": 1}, "texts": {}},
            "a number for",
        ),
        ("settings.0.stages.0", {"name": "no" * 5000, "enabled": True, "values": {}, "texts": {}}, "no decoding stage"),
        ("settings.0.stages", [{"name": "top_k", "enabled": True, "values": {}, "texts": {}}] * 5000, "64 stages"),
        ("version", -(10**4000), "no version"),
        ("settings.0.stages.0.texts", {"temperature": ["x"]}, "a text where a number should be"),
        ("prompt_length", 0, "prompt_length is out of its range"),
        ("prompt_length", 10**9, "prompt_length is out of its range"),
        ("here", 10**9, "here is out of its range"),
        ("here", -1, "here is out of its range"),
        ("nodes", [], "out of its range"),
        ("nodes", "none", "a list"),
        ("nodes.0.parent", 0, "not where it should be"),
        ("nodes.1.parent", 1, "parent is out of its range"),
        ("nodes.2.parent", 0, "not where it should be"),
        ("nodes.-1.parent", None, "parent should be"),
        ("nodes.-1.parent", 10**9, "parent is out of its range"),
        ("nodes.-1.token", -1, "token is out of its range"),
        ("nodes.-1.token", 10**6, "token is out of its range"),
        ("nodes.-1.token", True, "whole number"),
        ("nodes.-1.origin", "prompt", "none of drawn, forced"),
        ("nodes.-1.origin", "forced", "whether it was drawn"),
        ("nodes.-1.position", 10**12, "position is out of its range"),
        ("nodes.-1.settings", 99, "settings is out of its range"),
        ("nodes.-1.probability", 1.5, "from 0 to 1"),
        ("nodes.-1.draw", {"method": "dart", "needle": "seed"}, "how it was drawn"),
        ("nodes.-1.draw.method", "greedy", "how it was drawn"),
        ("nodes.-1.state", {"mirostat": []}, "cannot remember"),
        ("nodes.-1.state", {"mirostat": [1e300]}, "cannot remember"),
        ("nodes.-1.state", {"adaptive_p": [0.5, 0.0]}, "cannot remember"),
        ("nodes.-1.state", {"entropy": [1.0]}, "no stage called entropy"),
        ("nodes.-1.seeded", -4, "seed must be"),
        ("nodes.-1.needle", -0.5, "outside the line"),
        ("nodes.0.ahead", 0, "does not follow"),
        ("nodes.0.ahead", 5, "does not follow"),
        ("nodes.0.ahead", None, "not on the page"),
    ],
)
def test_every_fault_is_a_sentence(tmp_path: Path, path: str, value: Any, words: str) -> None:
    data = document(tmp_path)
    put(data, path, value)
    file = tmp_path / "bad.ntpstudio"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(StudioError, match=words) as caught:
        saved.read(file)
    assert str(caught.value).startswith("bad.ntpstudio is no text that can be gone on with: ")
    assert str(caught.value).count(". ") == 0, "one sentence"
    assert len(str(caught.value)) < 400


def test_a_byte_order_mark_in_front_is_not_minded(tmp_path: Path) -> None:
    path = tmp_path / "x.ntpstudio"
    saved.write(start(), path, "typed")
    path.write_text(path.read_text(), "utf-8-sig")
    assert saved.read(path).prompt == "typed"


def _endless(session: Session) -> None:
    session.tree.here.processed_probability = math.inf


def _unknown(session: Session) -> None:
    session.tree.here.state = {"entropy": (1.0,)}


def _too_many(session: Session) -> None:
    session.set_decoding(DecodingSettings((MIXES["race"].stages[0],) * 65))


@pytest.mark.parametrize("spoil", [_endless, _unknown, _too_many])
def test_what_could_not_be_opened_again_takes_no_files_place(tmp_path: Path, spoil: Callable[[Session], None]) -> None:
    session = start()
    session.step()
    path = tmp_path / "x.ntpstudio"
    saved.write(session, path)
    before = path.read_bytes()
    spoil(session)
    with pytest.raises(StudioError, match="cannot be saved so that it could be opened again"):
        saved.write(session, path)
    assert path.read_bytes() == before


def test_a_model_in_a_folder_whose_name_is_no_text_can_be_gone_on_with(tmp_path: Path) -> None:
    session = start()
    session.step()
    session.model.info = replace(session.model.info, path="/models/caf\udce9", name="caf\udce9")
    saved.write(session, tmp_path / "x.ntpstudio")
    text = saved.read(tmp_path / "x.ntpstudio")
    assert (text.model.path, text.model.name) == ("", "caf?")
    assert saved.written_with(text, session.model)


def test_a_text_that_steers_in_vain_can_still_be_saved(tmp_path: Path) -> None:
    """Mirostat's limit moves on for ever where its target cannot be reached."""
    session = start(settings_from_names({"mirostat_tau": 100.0, "mirostat_eta": 10.0}))
    session.step()
    session.tree.here.state = {"mirostat": (saved_document.MOST_STATE - 1,)}
    session.step()
    assert session.tree.here.state == {"mirostat": (saved_document.MOST_STATE,)}
    assert_same(session, again(session, tmp_path / "x.ntpstudio"))


def test_the_same_token_twice_is_refused(tmp_path: Path) -> None:
    data = document(tmp_path)
    data["nodes"].append(data["nodes"][-1] | {"ahead": None})
    (tmp_path / "twice.ntpstudio").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(StudioError, match="twice"):
        saved.read(tmp_path / "twice.ntpstudio")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"seed": NaN}', b'{"seed": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_document_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.ntpstudio").write_bytes(content)
    with pytest.raises(StudioError, match="no text that can be gone on with"):
        saved.read(tmp_path / "x.ntpstudio")


def test_places_that_cannot_be_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudioError, match="cannot be read"):
        saved.read(tmp_path / "nothing.ntpstudio")
    for bad in (tmp_path, tmp_path / "a\0b"):
        with pytest.raises(StudioError, match=r"ordinary file|cannot be read"):
            saved.read(bad)
    session = start()
    for bad in (tmp_path, tmp_path / "no" / "folder.ntpstudio", tmp_path / "a\0b", tmp_path / ("n" * 300)):
        with pytest.raises(StudioError, match="choose another place"):
            saved.write(session, bad)
    with pytest.raises(StudioError, match="no text yet"):
        saved.write(Session(model()), tmp_path / "empty.ntpstudio")
    file = tmp_path / "kept.ntpstudio"
    saved.write(session, file)
    before = file.read_bytes()
    monkeypatch.setattr(saved, "MOST_BYTES", 100)
    with pytest.raises(StudioError, match="too many branches"):
        saved.write(session, file)
    assert file.read_bytes() == before
    with pytest.raises(StudioError, match="larger than any"):
        saved.read(file)
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.ntpstudio"], "nothing half-written is left"


def test_states_that_are_known_are_those_of_the_stages() -> None:
    """A stage that remembers must be known to the reader, with as many numbers as it really keeps."""
    scores, context = Scores.of(model().logits([1, 2, 3])), Context([1, 2, 3], 3)
    kept: dict[str, int] = {}
    for name, kind in STAGES.items():
        if kind.role == "choose":
            stage = kind()
            new = stage.following(scores, stage.apply(scores, context)[0], context, 7)
            assert new is not None
            kept[name] = len(new)
    assert kept == {name: length for name, (length, _) in saved_document.STATES.items()}


# -- any file at all

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.integers(-3, 40), st.floats(width=32),
    st.text(max_size=6),
    st.sampled_from(["race", "dart", "drawn", "forced", "held", "temperature", "mirostat", "top_k", 0.5, 1.0]),
    st.just([]), st.just({}), st.lists(st.integers(0, 9), max_size=3),
)  # fmt: skip


def places(data: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [found for key, value in inside for found in [(*way, key), *places(value, (*way, key))]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return document(tmp_path_factory.mktemp("whole"))


@settings(derandomize=True, max_examples=300)
@given(st.data())
def test_no_file_does_harm(
    whole: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    damaged = copy.deepcopy(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(places(damaged)))
        target = damaged
        for key in way[:-1]:
            target = target[key]
        kind = data.draw(st.sampled_from(["change", "change", "remove", "copy"]))
        if kind == "change":
            target[way[-1]] = data.draw(LEAVES)
        elif kind == "remove":
            del target[way[-1]]
        elif isinstance(target, list):
            target.insert(data.draw(st.integers(0, len(target))), copy.deepcopy(target[way[-1]]))
    text = json.dumps(damaged)
    if data.draw(st.integers(0, 9)) == 0:
        text = text[: data.draw(st.integers(0, len(text)))]
    file = tmp_path_factory.mktemp("fuzz") / "x.ntpstudio"
    file.write_text(text, encoding="utf-8")
    session = start(DART)
    went_well = False
    with contextlib.suppress(StudioError):
        saved.restore(saved.read(file), session)
        for node in (session.tree.here.id, len(session.tree.nodes) - 1, 0):
            session.go_to(node)
            session.frame()
            session.step()
        session.restart()
        session.step()
        went_well = True
    assert session.page(), "whatever happened, there is a text"
    if went_well:
        saved.write(session, file)
        saved.restore(saved.read(file), start())
