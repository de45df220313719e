"""The engine without a thread: commands in, events out, and nothing is ever lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ntp_studio import messages as m
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.types import DecodingSettings
from ntp_studio.engine import Engine
from tests import checkpoint_makers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-llama", "llama", chat_template=True)


class Desk:
    """Drives an engine by hand and keeps what it said."""

    def __init__(self) -> None:
        self.said: list[m.Event] = []
        self.engine = Engine(self.said.append, top=8)

    def __call__(self, *commands: m.Command) -> list[m.Event]:
        self.said.clear()
        for command in commands:
            self.engine.send(command)
        self.engine.run_pending()
        return list(self.said)

    def only(self, kind: type, events: list[m.Event] | None = None):
        found = [e for e in (self.said if events is None else events) if isinstance(e, kind)]
        assert len(found) == 1, self.said
        return found[0]

    @property
    def session(self):
        return self.engine.workbench.columns["main"].session


@pytest.fixture
def desk(folder: Path) -> Desk:
    desk = Desk()
    desk(m.SetPrompt("The cat sat on"), m.LoadModel(str(folder), "cpu"))
    return desk


def test_loading_tells_progress_then_the_model_then_the_text(desk: Desk) -> None:
    kinds = [type(e) for e in desk.said]
    assert kinds[0] is m.Loading
    assert kinds.index(m.Loaded) < kinds.index(m.PathChanged) < kinds.index(m.FrameReady)
    loaded = desk.only(m.Loaded)
    assert (loaded.info.device, loaded.info.dtype) == ("cpu", "float32")
    assert any(e.fraction for e in desk.said if isinstance(e, m.Loading))
    path = desk.only(m.PathChanged)
    assert path.cursor == path.prompt_length == len(path.tokens)
    assert desk.only(m.FrameReady).frame.step == 1


def test_a_step_appends_the_drawn_token_and_shows_the_next_frame(desk: Desk) -> None:
    pending = desk.only(m.FrameReady).frame.choice
    desk(m.Step())
    ready = desk.only(m.FrameReady)
    assert ready.appended is not None
    assert ready.appended.token == pending.token
    assert ready.frame.step == 2
    assert not [e for e in desk.said if isinstance(e, m.PathChanged)]


def test_commands_are_drained_between_tokens(desk: Desk) -> None:
    desk(m.Play(steps=5))
    greedy = DecodingSettings(method="greedy")
    desk(m.SetDecoding(greedy))
    frames = [e.frame for e in desk.said if isinstance(e, m.FrameReady)]
    assert [f.draw.method for f in frames] == ["greedy", "greedy"]
    while desk.engine.run_pending():
        pass
    assert len(desk.session.token_ids) == 5
    assert [e.playing for e in desk.said if isinstance(e, m.RunState)] == [False]
    assert desk.said[-1].reason == "steps"


def test_pause_and_speed(desk: Desk) -> None:
    desk(m.Play(per_second=0.001))
    assert len(desk.session.token_ids) == 1, "the first token comes at once"
    desk()
    assert len(desk.session.token_ids) == 1, "the next one is not due"
    desk(m.Play(per_second=0))
    assert len(desk.session.token_ids) == 2, "a new speed holds at once"
    desk(m.Pause())
    assert desk.only(m.RunState).playing is False
    assert not desk.engine.run_pending()


def test_playing_stops_at_the_end_of_the_context(folder: Path) -> None:
    desk = Desk()
    desk(m.SetPrompt("a"), m.LoadModel(str(folder), "cpu"))
    desk.session.model.info = _with_context(desk.session.model.info, desk.session.place + 3)
    desk.session.model.eos_ids = frozenset()
    desk(m.Play())
    while desk.engine.run_pending():
        pass
    assert desk.said[-1] == m.RunState(desk.said[-1].run, False, "context")
    desk(m.Step())
    assert "context is full" in desk.only(m.Trouble).message
    desk(m.Back())
    assert desk.only(m.FrameReady)


def _with_context(info, length: int):
    from dataclasses import replace

    return replace(info, context_length=length)


def test_playing_stops_at_a_stop_token(desk: Desk) -> None:
    following = desk.only(m.FrameReady).frame.choice.token.id
    desk.session.model.eos_ids = frozenset()
    desk(m.SetDecoding(settings_from_names({"stop_tokens": f"#{following}"})))
    desk(m.Play())
    while desk.engine.run_pending():
        pass
    assert desk.session.token_ids == [following]
    assert desk.said[-1].reason == "stop"


def test_a_chain_that_allows_nothing_is_told_and_can_be_left(desk: Desk) -> None:
    desk.session.model.eos_ids = frozenset()
    everything = [f"#{i}" for i in range(desk.session.model.tokens.vocab_size)]
    desk(m.SetDecoding(settings_from_names({"bad_words": everything})))
    told = desk.only(m.NothingAllowed)
    assert "No token is allowed here" in told.message
    assert [(report.name, report.kept) for report in told.stages] == [("bans", 0)]
    assert told.node == desk.session.tree.here.id
    desk(m.Step())
    assert "No token is allowed here" in desk.only(m.Trouble).message, "not the token that was shown before"
    assert desk.session.token_ids == []
    desk(m.SetDecoding(DecodingSettings()))
    assert desk.only(m.FrameReady)
    desk(m.Step())
    assert len(desk.session.token_ids) == 1


def test_a_token_after_which_nothing_is_allowed_stands_on_the_page_and_ends_the_playing(desk: Desk) -> None:
    desk.session.model.eos_ids = frozenset()
    first = desk.only(m.FrameReady).frame.choice.token.id
    others = [f"#{i}" for i in range(desk.session.model.tokens.vocab_size) if i != first]
    desk(m.SetDecoding(settings_from_names({"bad_words": others, "no_repeat_ngram_size": 1})), m.Play())
    while desk.engine.run_pending():
        pass
    told = desk.only(m.NothingAllowed)
    assert told.appended is not None
    assert told.appended.token.id == first
    assert desk.session.token_ids == [first]
    assert [e.playing for e in desk.said if isinstance(e, m.RunState)] == [True, False]
    desk(m.Back())
    assert desk.only(m.FrameReady).frame.choice.token.id == first


def test_playing_stops_at_end_of_text(desk: Desk) -> None:
    following = desk.only(m.FrameReady).frame.choice.token.id
    desk.session.model.eos_ids = frozenset([following])
    desk(m.Play())
    while desk.engine.run_pending():
        pass
    assert desk.session.token_ids == [following]
    assert desk.said[-1].reason == "eos"


def test_back_forward_go_to_and_force(desk: Desk) -> None:
    desk(m.Step(), m.Step(), m.Step())
    desk(m.Back())
    path = desk.only(m.PathChanged)
    assert path.cursor == len(path.tokens) - 1
    desk(m.Forward())
    assert desk.only(m.PathChanged).cursor == len(path.tokens)
    desk(m.GoTo(path.tokens[path.prompt_length].node))
    assert desk.only(m.PathChanged).cursor == path.prompt_length + 1
    desk(m.Force(7))
    forced = desk.only(m.PathChanged).tokens[-1]
    assert (forced.token.id, forced.origin) == (7, "forced")
    desk(m.GoTo(999999))
    assert "no longer part" in desk.only(m.Trouble).message
    run = desk.engine.workbench.columns["main"].run
    desk(m.Restart())
    assert desk.only(m.PathChanged).cursor == path.prompt_length
    assert desk.only(m.PathChanged).run == run + 1


def test_settings_before_a_model_are_kept_for_it(folder: Path) -> None:
    desk = Desk()
    mix = settings_from_names({"temperature": 0.5})
    desk(m.SetDecoding(mix), m.SetSeed(5), m.SetPrompt("The", chat=True), m.LoadModel(str(folder), "cpu"))
    assert desk.session.decoding == mix
    assert desk.only(m.FrameReady).frame.draw.seed == 5
    assert any(t.template for t in desk.only(m.PathChanged).tokens)


def test_tokenize_find_and_export(desk: Desk, tmp_path: Path) -> None:
    desk(m.Tokenize("The dog"))
    answer = desk.only(m.Tokenized)
    assert b"".join(t.token.bytes for t in answer.tokens) == b"The dog"
    desk(m.FindTokens("e"))
    found = desk.only(m.TokensFound)
    assert found.total >= len(found.candidates) > 0
    desk(m.Step(), m.Export(str(tmp_path / "text.jsonl")), m.Export(str(tmp_path / "text.txt")))
    assert (tmp_path / "text.txt").read_text() == desk.session.text
    lines = [json.loads(line) for line in (tmp_path / "text.jsonl").read_text().splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds == ["studio", "model", "decoding", *["token"] * desk.session.place, "end"]
    *_, last, end = lines
    assert (last["seed"], last["draw"], last["decoding"]) == (desk.session.seed, 1, 0)
    assert end["token_ids"] == desk.session.token_ids
    kept = (tmp_path / "text.txt").read_text()
    desk(m.Step(), m.Export(str(tmp_path)))
    assert "not an ordinary file" in desk.only(m.Trouble).message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["text.jsonl", "text.txt"], "no part is left behind"
    assert (tmp_path / "text.txt").read_text() == kept
    desk(m.Export(str(tmp_path / "no" / "such" / "folder.txt")))
    assert "cannot be written" in desk.only(m.Trouble).message


@pytest.mark.parametrize("command", [m.Step(), m.Play(), m.Back(), m.Force(3), m.Restart(), m.FindTokens("a")])
def test_without_a_model_every_command_is_answered_in_words(command: m.Command) -> None:
    desk = Desk()
    desk(command)
    assert desk.only(m.Trouble).message == "No model is open; open one first."


def text_is_usable(desk: Desk, before: str) -> None:
    assert desk.session is not None
    assert desk.session.text == before
    desk(m.Step())
    assert desk.only(m.FrameReady).appended is not None


def test_a_load_that_fails_at_the_look_leaves_model_and_text(desk: Desk, tmp_path: Path) -> None:
    before, model = desk.session.text, desk.session.model
    desk(m.LoadModel(str(tmp_path / "nothing-here")))
    failed = desk.only(m.LoadFailed)
    assert failed.kept
    assert desk.session.model is model, "it was not even released"
    text_is_usable(desk, before)


def test_a_load_that_fails_half_way_brings_the_old_model_and_text_back(
    desk: Desk, folder: Path, tmp_path: Path
) -> None:
    desk(m.Step(), m.Step())
    before, ids = desk.session.text, desk.session.token_ids
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = broken / "model.safetensors"
    header = int.from_bytes(weights.read_bytes()[:8], "little")
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, weights, {"format": "pt"})
    assert header
    desk(m.LoadModel(str(broken), "cpu"))
    failed = desk.only(m.LoadFailed)
    assert failed.kept
    assert "broken" in failed.message or "weights" in failed.message
    assert desk.session.token_ids == ids
    text_is_usable(desk, before)


def test_a_cancelled_load_brings_the_old_model_and_text_back(desk: Desk, folder: Path) -> None:
    before = desk.session.text
    engine = desk.engine
    real = engine.workbench._emit

    def cancel_at_first_weights(event: m.Event) -> None:
        real(event)
        if isinstance(event, m.Loading) and event.fraction is not None:
            engine.workbench._emit = real
            engine.cancel()

    engine.workbench._emit = cancel_at_first_weights
    desk(m.LoadModel(str(folder), "cpu"))
    failed = desk.only(m.LoadFailed)
    assert failed.cancelled
    assert failed.kept
    text_is_usable(desk, before)


def test_the_old_model_is_released_before_the_new_one_is_loaded(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gc
    import weakref

    from ntp_studio.core import checkpoints

    old = weakref.ref(desk.session.model.network)
    seen = []
    real = checkpoints.load

    def load(*args, **options):
        gc.collect()
        seen.append(old())
        return real(*args, **options)

    monkeypatch.setattr(checkpoints, "load", load)
    desk(m.LoadModel(str(folder), "cpu"))
    assert seen == [None]
    assert desk.only(m.FrameReady)


def test_a_model_that_gives_nan_is_told_and_another_prompt_goes_on(desk: Desk) -> None:
    import torch

    weight = desk.session.model.network.model.norm.weight
    kept = weight.detach().clone()
    before = desk.session.text
    with torch.no_grad():
        weight.fill_(float("nan"))
    desk(m.Step())
    assert "NaN" in desk.only(m.Trouble).message
    with torch.no_grad():
        weight.copy_(kept)
    desk(m.Back())
    assert desk.session.text == before
    desk(m.Step())
    assert desk.only(m.FrameReady)


def test_two_models_take_turns(desk: Desk, folder: Path) -> None:
    desk(m.LoadModel(str(folder), "cpu", model="b"), m.SetPrompt("The dog", model="b"))
    desk(m.Play(steps=4), m.Play(steps=4, model="b"))
    while desk.engine.run_pending():
        pass
    order = [e.model for e in desk.said if isinstance(e, m.FrameReady)]
    assert order == ["main", "b"] * 4


def test_a_bug_is_told_and_does_not_end_the_engine(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.session, "find", lambda *args: 1 / 0)
    desk(m.FindTokens("a"))
    assert "ZeroDivisionError" in desk.only(m.Trouble).message
    desk(m.Step())
    assert desk.only(m.FrameReady)


def test_the_thread_ends_when_told_and_refuses_commands_then(folder: Path) -> None:
    import threading

    seen = threading.Event()
    said: list[m.Event] = []

    def emit(event: m.Event) -> None:
        said.append(event)
        if sum(isinstance(e, m.FrameReady) for e in said) > 5:
            seen.set()

    engine = Engine(emit)
    engine.start()
    engine.send(m.SetPrompt("The cat"))
    engine.send(m.LoadModel(str(folder), "cpu"))
    engine.send(m.Play())
    assert seen.wait(60)
    assert engine.stop(timeout=30)
    assert engine.stop()
    count = len(said)
    engine.send(m.Step())
    assert len(said) == count
    assert all(not t.name.startswith("engine") for t in threading.enumerate())


def during_the_load(desk: Desk, action) -> None:
    """Do something, once, when weights are first being read."""
    bench = desk.engine.workbench
    emit = bench._emit

    def listening(event: m.Event) -> None:
        emit(event)
        if isinstance(event, m.Loading) and event.fraction is not None and bench._emit is listening:
            bench._emit = emit
            action()

    bench._emit = listening


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    """Passes every check before the load, and fails in it."""
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    tensors = load_file(broken / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    return broken


def test_every_move_is_answered_also_where_there_is_no_way(desk: Desk) -> None:
    for _ in range(desk.session.place + 3):
        desk(m.Back())
        assert desk.only(m.FrameReady)
    desk(m.GoTo(len(desk.session.tree.nodes) - 1), m.Forward())
    assert len([e for e in desk.said if isinstance(e, m.FrameReady)]) == 2


def test_cancelling_twice_does_not_lose_the_model(desk: Desk, folder: Path) -> None:
    desk(m.Step())
    before = desk.session.text

    def cancel() -> None:
        desk.engine.cancel()
        during_the_load(desk, desk.engine.cancel)  # while the old model is being brought back

    during_the_load(desk, cancel)
    desk(m.LoadModel(str(folder), "cpu"))
    assert [e.kept for e in desk.said if isinstance(e, m.LoadFailed)] == [True]
    text_is_usable(desk, before)


def test_a_cancel_reaches_a_load_that_has_not_begun(desk: Desk, folder: Path) -> None:
    before = desk.session.text
    desk.said.clear()
    desk.engine.send(m.LoadModel(str(folder), "cpu"))
    desk.engine.cancel()
    desk.engine.run_pending()
    assert desk.only(m.LoadFailed).cancelled
    assert not [e for e in desk.said if isinstance(e, m.Loaded)]
    text_is_usable(desk, before)


def test_a_load_that_a_newer_one_replaces_is_not_begun(desk: Desk, folder: Path, broken: Path) -> None:
    desk(m.LoadModel(str(broken), "cpu"), m.LoadModel(str(folder), "cpu"))
    assert desk.only(m.LoadFailed).cancelled
    assert len([e for e in desk.said if isinstance(e, m.Loaded)]) == 1


def test_a_prompt_submitted_during_a_load_is_read_by_the_new_model(desk: Desk, folder: Path) -> None:
    during_the_load(desk, lambda: desk.engine.send(m.SetPrompt("A dog")))
    desk(m.LoadModel(str(folder), "cpu"))
    assert not [e for e in desk.said if isinstance(e, m.LoadFailed | m.Trouble)]
    assert desk.session.text == "A dog"


def test_what_is_asked_during_a_load_that_fails_holds_afterwards(desk: Desk, broken: Path) -> None:
    mix = settings_from_names({"temperature": 0.3})

    def ask() -> None:
        for command in (m.SetDecoding(mix), m.SetSeed(99), m.Step(), m.SetPrompt("A dog")):
            desk.engine.send(command)

    during_the_load(desk, ask)
    desk(m.LoadModel(str(broken), "cpu"))
    assert desk.only(m.LoadFailed).kept
    assert not [e for e in desk.said if isinstance(e, m.Trouble)]
    assert desk.session.decoding == mix
    assert desk.session.text == "A dog"
    assert desk.session.frame().draw.seed == 99


def test_a_force_is_for_the_distribution_it_was_chosen_from(desk: Desk) -> None:
    first = desk.only(m.FrameReady).frame
    desk(m.Step(), m.Step())
    ids = desk.session.tree.ids
    desk(m.Force(9, first.node, desk.engine.workbench.columns["main"].run))
    assert desk.session.tree.ids == [*ids[:-2], 9]
    desk(m.Force(9, first.node, run=0), m.GoTo(first.node, run=0), m.NextBranch(first.node, run=0))
    assert desk.said == [], "the text they speak of is gone"


def test_a_prompt_that_fails_is_not_what_the_next_model_reads(desk: Desk, folder: Path) -> None:
    desk(m.SetPrompt("word " * 3000))
    assert "shorten" in desk.only(m.Trouble).message
    desk(m.LoadModel(str(folder), "cpu"))
    assert desk.session.text == "The cat sat on"


def test_reading_a_long_text_again_tells_how_far_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntp_studio.core.model.CHUNK", 4)
    desk(m.SetPrompt("The cat sat on the mat and the dog sat on the rug"))
    assert [e for e in desk.said if isinstance(e, m.Reading)]
    desk(m.Step())
    desk.session.model.forget()
    desk(m.Step())
    assert [e for e in desk.said if isinstance(e, m.Reading)]
    assert desk.only(m.FrameReady)
