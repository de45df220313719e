"""The time-lapse in the engine, without a thread: switching, the ribbon, and what happens when something goes wrong."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntp_studio import messages as m
from ntp_studio import time_lapse_messages as t
from ntp_studio.core import checkpoints, snapshots
from ntp_studio.core.types import Cancelled
from ntp_studio.engine import Engine
from tests import checkpoint_makers

PROMPT = "The cat sat on"
STEPS = (5, 20, 100)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "tales"
    for seed, folder in enumerate([*(run / f"checkpoint-{step}" for step in STEPS), run]):
        checkpoint_makers.make_hf(folder, "gpt2", seed=seed)
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "tales")
    return tmp_path / "tales"


class Desk:
    """Drives an engine by hand and keeps what it said."""

    def __init__(self) -> None:
        self.said: list[m.Event] = []
        self.engine = Engine(self.said.append, top=8)
        self.engine.workbench.time_lapse.rest = 0.0

    def __call__(self, *commands: m.Command, idle: bool = False) -> None:
        """Carry the commands out; with `idle` also all that is done when there is nothing else."""
        self.said.clear()
        for command in commands:
            self.engine.send(command)
        self.engine.run_pending()
        while idle and self.engine.run_pending():
            pass

    def all(self, kind: type[Any]) -> list[Any]:
        return [e for e in self.said if isinstance(e, kind)]

    def only(self, kind: type[Any]) -> Any:
        (found,) = self.all(kind)
        return found

    def last(self, kind: type[Any]) -> Any:
        return self.all(kind)[-1]

    @property
    def session(self) -> Any:
        return self.engine.workbench.columns["main"].session

    @property
    def lapse(self) -> Any:
        return self.engine.workbench.time_lapse._lapses["main"]


@pytest.fixture
def desk(run: Path) -> Desk:
    desk = Desk()
    desk(m.SetPrompt(PROMPT), m.LoadModel(str(run), "cpu"))
    return desk


def snapshot(run: Path, step: int) -> str:
    return str(run / f"checkpoint-{step}")


def fresh(path: str, ids: list[int]) -> np.ndarray:
    """The probabilities that a model loaded by itself gives after these ids."""
    logits = checkpoints.load(path, device="cpu").logits(ids).astype(np.float64)
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def test_opening_a_run_tells_its_snapshots(desk: Desk, run: Path) -> None:
    opened = desk.only(t.TimeLapseOpened)
    assert [mark.step for mark in opened.snapshots] == [5, 20, 100, None]
    assert (opened.name, opened.current) == ("tales", 3)
    assert opened.bound > 0
    kinds = [type(e) for e in desk.said]
    assert kinds.index(m.Loaded) < kinds.index(t.TimeLapseOpened) < kinds.index(m.PathChanged)


def test_a_model_alone_has_none(run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(run / "checkpoint-5", alone)
    desk = Desk()
    desk(m.LoadModel(str(run), "cpu"), m.LoadModel(str(alone), "cpu"))
    assert [len(e.snapshots) for e in desk.all(t.TimeLapseOpened)] == [0], "the first load was superseded"
    desk(t.ShowSnapshot(snapshot(run, 5)), idle=True)
    assert desk.said == [], "a wish of before is dropped"


def test_a_switch_shows_the_same_text_with_the_other_weights(desk: Desk, run: Path) -> None:
    desk(m.Step(), m.Step(), m.Back())
    ids, seeds = list(desk.session.tree.ids), [n.luck for n in desk.session.tree.nodes]
    before = desk.last(m.FrameReady).frame
    desk(t.ShowSnapshot(snapshot(run, 20)))
    shown, page, frame = desk.only(t.SnapshotShown), desk.only(m.PathChanged), desk.only(m.FrameReady).frame
    assert shown.info.name == "tales/checkpoint-20"
    assert shown.info.path == snapshot(run, 20)
    assert [tok.token.id for tok in page.tokens[: page.cursor]] == ids
    assert len(page.tokens) == len(ids) + 1
    assert [n.luck for n in desk.session.tree.nodes] == seeds
    assert (frame.node, frame.step, frame.draw.position) == (before.node, before.step, before.draw.position)
    expected = fresh(snapshot(run, 20), ids)
    for candidate in frame.candidates:
        assert candidate.probability == pytest.approx(expected[candidate.token.id], abs=1e-5)
    for place in range(1, page.cursor):
        p = fresh(snapshot(run, 20), ids[:place])[ids[place]]
        assert page.tokens[place].probability == pytest.approx(p, abs=1e-5)
    desk(m.Step())
    assert desk.only(m.FrameReady).frame.step == before.step + 1, "stepping works at any snapshot"


def test_only_where_the_slider_stops_is_loaded(desk: Desk, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk(t.WatchTimeLapse(False))
    desk.lapse.cache.drop()
    loaded: list[str] = []
    real = checkpoints.load
    monkeypatch.setattr(checkpoints, "load", lambda path, **named: loaded.append(str(path)) or real(path, **named))
    desk(*(t.ShowSnapshot(snapshot(run, step)) for step in (5, 20, 100, 20, 5, 100)))
    assert loaded == [snapshot(run, 100)]
    assert desk.only(t.SnapshotShown).path == snapshot(run, 100)
    assert not desk.all(t.SnapshotFailed)
    assert not desk.all(m.Trouble)


def test_neighbours_are_preloaded_and_going_back_costs_no_load(
    desk: Desk, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk(idle=True)
    assert snapshot(run, 100) in desk.lapse.cache
    monkeypatch.setattr(checkpoints, "load", lambda *args, **named: pytest.fail("loaded again"))
    desk(t.ShowSnapshot(snapshot(run, 100)))
    desk(t.ShowSnapshot(str(run)))
    assert desk.only(t.SnapshotShown).path == str(run)
    assert not desk.all(t.SnapshotLoading)


def test_the_ribbon_is_what_each_model_gives(desk: Desk, run: Path) -> None:
    desk(idle=True)
    ribbon = desk.last(t.RibbonChanged)
    assert ribbon.complete
    assert ribbon.node == desk.session.tree.here.id
    frame = desk.session.frame()
    ids = [each.token.id for each in ribbon.tokens]
    assert ids[0] == frame.choice.token.id
    assert ribbon.tokens[0].chosen
    assert set(ids) >= {c.token.id for c in frame.candidates[:4]}
    for path, row in zip([*(snapshot(run, s) for s in STEPS), str(run)], ribbon.rows, strict=True):
        expected = fresh(path, desk.session.tree.ids)
        assert row == pytest.approx([expected[i] for i in ids], abs=1e-5)


def test_the_ribbon_comes_one_snapshot_at_a_time_the_nearest_first(desk: Desk, run: Path) -> None:
    desk(t.ShowSnapshot(snapshot(run, 20)), idle=True)
    known = [[i for i, row in enumerate(e.rows) if row is not None] for e in desk.all(t.RibbonChanged)]
    assert known[0] in ([1], [1, 3])
    assert len(known[-1]) == 4
    assert all(len(b) - len(a) <= 1 for a, b in itertools.pairwise(known))


def test_pinned_tokens_stay_at_every_place(desk: Desk) -> None:
    desk(t.FollowTokens((44, 55, 44)), m.Step(), idle=True)
    ribbon = desk.last(t.RibbonChanged)
    assert [(e.token.id, e.pinned) for e in ribbon.tokens[:2]] == [(44, True), (55, True)]
    assert len(ribbon.tokens) == 6
    desk(t.FollowTokens(()), idle=True)
    assert not any(e.pinned for e in desk.only(t.RibbonChanged).tokens), "no model is asked again"


def test_another_setting_changes_the_chosen_token_on_the_ribbon(desk: Desk) -> None:
    from ntp_studio.core.types import DecodingSettings

    desk(idle=True)
    desk(m.SetDecoding(DecodingSettings(method="greedy")), idle=True)
    (chosen,) = [e.token.id for e in desk.last(t.RibbonChanged).tokens if e.chosen]
    assert chosen == desk.session.frame().candidates[0].token.id


def test_idle_work_makes_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lapse = desk.engine.workbench.time_lapse
    desk(t.WatchTimeLapse(False), idle=True)
    assert not desk.all(t.RibbonChanged), "nobody looks"
    desk(t.WatchTimeLapse(True), m.Play(per_second=0.001))
    assert not desk.all(t.RibbonChanged), "not while the model plays"
    desk(m.Pause())
    desk(idle=True)
    desk(m.Step())  # a new place, of which the present snapshot is known at once
    interrupted = []
    real = lapse._load

    def load(session: Any, of: Any, index: int, cancelled: object) -> Any:
        try:
            return real(session, of, index, lambda: True)  # a command comes while the weights are being read
        except Cancelled:
            interrupted.append(index)
            raise

    desk.lapse.cache.drop()
    monkeypatch.setattr(lapse, "_load", load)
    desk.engine.run_pending()
    assert interrupted == [2], "the neighbour's load was broken off"
    monkeypatch.setattr(lapse, "_load", real)
    desk(idle=True)
    assert desk.last(t.RibbonChanged).complete, "and is taken up again"
    assert desk.last(t.RibbonChanged).problems == ()
    lapse.rest = 1000.0
    desk(m.Step())
    assert desk.engine.workbench.until_due() > 100, "a moment after the last command"


def damage(path: str) -> None:
    weights = Path(path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def test_a_damaged_snapshot_is_told_and_the_present_one_stays(desk: Desk, run: Path) -> None:
    damage(snapshot(run, 20))
    before = desk.session.page()
    desk(t.ShowSnapshot(snapshot(run, 20)))
    failed = desk.only(t.SnapshotFailed)
    assert "damaged" in failed.message
    assert not failed.cancelled
    assert desk.session.page() == before
    desk(m.Step())
    assert desk.only(m.FrameReady)
    desk(idle=True)
    ribbon = desk.last(t.RibbonChanged)
    assert [row is None for row in ribbon.rows] == [False, True, False, False]
    assert ribbon.complete
    assert dict(ribbon.problems).keys() == {1}


def test_a_bug_with_one_snapshot_is_not_met_again_and_again(
    desk: Desk, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checkpoints.load
    tried: list[str] = []

    def stumble(path: str, **named: Any) -> Any:
        tried.append(str(path))
        if "checkpoint-20" in str(path):
            raise ZeroDivisionError("a bug")
        return real(path, **named)

    monkeypatch.setattr(checkpoints, "load", stumble)
    desk(idle=True)
    assert tried.count(snapshot(run, 20)) == 1
    ribbon = desk.last(t.RibbonChanged)
    assert "ZeroDivisionError" in dict(ribbon.problems)[1]
    assert [row is None for row in ribbon.rows] == [False, True, False, False]


def test_a_snapshot_with_other_tokens_is_refused(desk: Desk, run: Path) -> None:
    shutil.rmtree(run / "checkpoint-20")
    checkpoint_makers.make_hf(run / "checkpoint-20", "gpt2", vocab=350)
    desk(t.ShowSnapshot(snapshot(run, 20)))
    assert "other tokens" in desk.only(t.SnapshotFailed).message
    assert desk.session.model.info.path == str(run)


def test_a_person_can_cancel_a_switch(desk: Desk, run: Path) -> None:
    real = desk.engine.workbench._emit

    def cancel_when_loading(event: m.Event) -> None:
        real(event)
        if isinstance(event, t.SnapshotLoading):
            desk.engine.cancel()

    desk.engine.workbench._emit = cancel_when_loading
    desk(t.ShowSnapshot(snapshot(run, 5)))
    assert desk.only(t.SnapshotFailed).cancelled
    assert desk.session.model.info.path == str(run)
    desk.engine.workbench._emit = real
    desk(t.ShowSnapshot(snapshot(run, 5)))
    assert desk.only(t.SnapshotShown).path == snapshot(run, 5)


def test_memory_stays_within_the_bound(desk: Desk, run: Path) -> None:
    from ntp_studio.core.snapshots import size_of

    size = size_of(desk.session.model.info)
    desk.lapse.cache.bound = 2 * size + size // 2
    for step in (5, 20, 100, 5):
        desk(t.ShowSnapshot(snapshot(run, step)), idle=True)
        assert desk.only(t.SnapshotShown).path == snapshot(run, step)
        assert desk.lapse.cache.size <= desk.lapse.cache.bound
        assert desk.last(t.RibbonChanged).complete
    desk.lapse.cache.bound = size // 2
    desk(t.ShowSnapshot(snapshot(run, 100)), idle=True)
    assert desk.lapse.cache.paths == ()
    assert desk.last(t.RibbonChanged).complete, "the ribbon loads them in passing"


def test_branches_taken_with_other_weights_are_read_when_shown(desk: Desk, run: Path) -> None:
    desk(m.Force(40))
    branch = desk.session.tree.here.id
    desk(m.Back(), m.Force(50))
    desk(t.ShowSnapshot(snapshot(run, 5)))
    desk(m.GoTo(branch))
    token = desk.last(m.PathChanged).tokens[-1]
    expected = fresh(snapshot(run, 5), desk.session.tree.ids[:-1])[40]
    assert token.probability == pytest.approx(expected, abs=1e-5)


def test_a_failed_load_goes_back_to_the_snapshot_on_view(
    desk: Desk, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk(t.ShowSnapshot(snapshot(run, 20)))
    before = desk.session.page()
    other = checkpoint_makers.make_hf(tmp_path / "other", "llama")
    real: Callable[..., Any] = checkpoints.load

    def fail(path: str, **named: Any) -> Any:
        if str(path) == str(other):
            from ntp_studio.core.types import CheckpointError

            raise CheckpointError("It broke halfway.")
        return real(path, **named)

    monkeypatch.setattr(checkpoints, "load", fail)
    desk(m.LoadModel(str(other), "cpu"))
    while desk.engine.run_pending():
        pass
    assert desk.only(m.LoadFailed).kept
    assert desk.session.model.info.path == snapshot(run, 20)
    assert desk.session.page() == before
    desk(t.ShowSnapshot(str(run)))
    assert desk.only(t.SnapshotShown).path == str(run)


def test_closing_gives_everything_back(desk: Desk) -> None:
    desk(idle=True)
    kept = [desk.lapse.cache.peek(path) for path in desk.lapse.cache.paths]
    assert kept
    desk(m.CloseModel())
    assert all(model.network is None for model in kept)
    assert desk.only(t.TimeLapseOpened).snapshots == ()


def test_a_training_in_the_hugging_face_cache_has_its_repository_s_name(made: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--org--small-tales"
    (repository / "refs").mkdir(parents=True)
    for step in STEPS:
        (repository / "refs" / f"step{step}").write_text(f"c{step}")
        shutil.copytree(made / f"checkpoint-{step}", repository / "snapshots" / f"c{step}")
    (repository / "refs" / "main").write_text("c100")
    found = snapshots.find(str(repository / "snapshots" / "c20"))
    assert found is not None
    assert (found.name, [s.step for s in found.snapshots]) == ("org/small-tales", list(STEPS))
