"""Snapshots of a training: found on disk in every layout, exchanged under a text, kept in memory within a bound."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ntp_studio.core import checkpoints, snapshots
from ntp_studio.core.checkpoints import run_log, series
from ntp_studio.core.session import Session
from ntp_studio.core.snapshots import SnapshotCache, find, size_of
from ntp_studio.core.tokens import same_vocabulary
from ntp_studio.core.types import Cancelled, CheckpointError, ModelFailure, StudioError
from tests import checkpoint_makers
from tests.core import tiny


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny", "gpt2")


def put(model: Path, *folders: Path) -> None:
    for folder in folders:
        shutil.copytree(model, folder, dirs_exist_ok=True)


def log(run: Path, *lines: dict[str, Any]) -> None:
    (run / "training").mkdir(exist_ok=True)
    (run / "training" / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"event": "st')


def steps(path: Path) -> list[int | None]:
    found = find(str(path))
    assert found is not None
    return [each.step for each in found.snapshots]


# -- on disk -----------------------------------------------------------------------------------------------------------


def test_a_run_of_the_trainer_from_its_root_and_from_any_checkpoint(model_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "tales"
    put(model_folder, run, run / "checkpoint-100", run / "checkpoint-20", run / "checkpoint-400")
    log(
        run,
        {"event": "begin", "parameters": 5},
        {"event": "step", "step": 20, "loss": 6.0},
        {"event": "step", "step": 100, "held_out_loss": 4.0, "bits_per_byte": 2.5},
        {"event": "step", "step": 400, "held_out_loss": 3.0, "bits_per_byte": 1.9},
        {"event": "end", "step": 400, "reason": "done", "held_out_loss": 3.1, "bits_per_byte": 2.0},
    )
    found = find(str(run))
    assert found is not None
    assert found.name == "tales"
    assert [s.step for s in found.snapshots] == [20, 100, 400], "kept twice at 400, shown once"
    assert [s.bits_per_byte for s in found.snapshots] == [None, 2.5, 1.9]
    assert [s.held_out_loss for s in found.snapshots] == [None, 4.0, 3.0]
    assert found.index_of(str(run)) == 2
    beside = find(str(run / "checkpoint-20"))
    assert beside is not None
    assert beside.index_of(str(run / "checkpoint-20")) == 0
    same_step = find(str(run / "checkpoint-400"))
    assert same_step is not None
    assert same_step.index_of(str(run / "checkpoint-400")) == 2, "the one opened stands for its step"


def test_an_early_stop_is_the_step_of_its_best_weights(model_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "tales"
    put(model_folder, run, run / "checkpoint-10")
    log(
        run,
        {"event": "step", "step": 10, "held_out_loss": 4.0, "bits_per_byte": 2.5},
        {"event": "step", "step": 20, "held_out_loss": 3.0, "bits_per_byte": 2.0},
        {"event": "step", "step": 30, "held_out_loss": 3.5, "bits_per_byte": 2.2},
        {"event": "end", "step": 30, "reason": "early stop", "held_out_loss": 2.9, "bits_per_byte": 1.9},
    )
    found = find(str(run))
    assert found is not None
    assert [(s.step, s.bits_per_byte) for s in found.snapshots] == [(10, 2.5), (20, 2.0)]


def test_a_result_of_which_nothing_tells_the_step_is_last(model_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    put(model_folder, run, run / "checkpoint-10", run / "checkpoint-9")
    assert steps(run) == [9, 10, None]


def test_transformers_trainer(model_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "out"
    put(model_folder, run, run / "checkpoint-500", run / "checkpoint-1000")
    state = {"global_step": 1500, "log_history": [{"step": 500, "eval_loss": 3.25}, {"step": 600, "loss": 1.0}]}
    (run / "trainer_state.json").write_text(json.dumps(state))
    found = find(str(run))
    assert found is not None
    assert [(s.step, s.held_out_loss) for s in found.snapshots] == [(500, 3.25), (1000, None), (1500, None)]
    (run / "trainer_state.json").write_text(json.dumps(state | {"best_model_checkpoint": f"{run}/checkpoint-500"}))
    assert steps(run) == [500, 1000, None], "which weights were put back at the end is not known"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("step1000", "step2000", "step512"), [512, 1000, 2000]),
        (("global_step_5", "global_step_10"), [5, 10]),
        (("checkpoint-500", "checkpoint-4500"), [500, 4500]),
        (("tales-iter_3", "tales-iter_12"), [3, 12]),
    ],
)
def test_a_folder_of_nothing_but_snapshots_opens_at_its_last(
    model_folder: Path, tmp_path: Path, names: tuple[str, ...], expected: list[int]
) -> None:
    put(model_folder, *(tmp_path / name for name in names))
    (tmp_path / "optimizer-step-99").mkdir()
    (tmp_path / "step77").mkdir()
    (tmp_path / "step77" / "optimizer.pt").write_bytes(b"no model")
    info = checkpoints.look(tmp_path)
    assert Path(info.path).name == next(name for name in names if name.endswith(str(expected[-1])))
    assert info.name == f"{tmp_path.name}/{Path(info.path).name}"
    assert steps(Path(info.path)) == expected


def test_any_name_with_a_number_if_the_networks_are_of_one_form(model_folder: Path, tmp_path: Path) -> None:
    put(model_folder, *(tmp_path / f"weights_{n}k" for n in (1, 2, 30)))
    info = checkpoints.look(tmp_path)
    assert Path(info.path).name == "weights_30k"
    assert steps(Path(info.path)) == [1, 2, 30]
    checkpoint_makers.make_hf(tmp_path / "weights_4k", "gpt2", hidden=16)
    with pytest.raises(CheckpointError, match="holds no model"):
        checkpoints.look(tmp_path)


def test_models_side_by_side_are_no_training(model_folder: Path, tmp_path: Path) -> None:
    put(model_folder, tmp_path / "gpt-1", tmp_path / "gpt-2", tmp_path / "other")
    assert find(str(tmp_path / "gpt-1")) is None
    assert find(str(tmp_path / "other")) is None


def test_branches_of_the_hugging_face_cache(model_folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--org--pythia"
    (repository / "refs").mkdir(parents=True)
    for ref, commit in (("main", "c3"), ("step143000", "c3"), ("step0", "a1"), ("step512", "b2"), ("step9", "gone")):
        (repository / "refs" / ref).write_text(commit)
        if commit != "gone":
            put(model_folder, repository / "snapshots" / commit)
    info = checkpoints.look(repository)
    assert info.name == "org/pythia"
    assert steps(Path(info.path)) == [0, 512, 143000]


def test_nanogpt_files_by_name_and_by_what_is_in_them(tmp_path: Path) -> None:
    folder = checkpoint_makers.make_nanogpt(tmp_path / "out")
    shutil.copy(folder / "ckpt.pt", folder / "ckpt_1000.pt")
    shutil.copy(folder / "ckpt.pt", folder / "ckpt-2000.pt")
    (folder / "notes.pt").write_bytes(b"damaged")
    assert steps(folder / "ckpt.pt") == [3, 1000, 2000], "iter_num of ckpt.pt is 3"
    (folder / "ckpt.pt").unlink()
    assert Path(checkpoints.look(folder).path).name == "ckpt-2000.pt"


def test_what_stands_alone_has_no_time_lapse(model_folder: Path, tmp_path: Path) -> None:
    assert find(str(model_folder)) is None
    assert find(str(tmp_path / "nowhere")) is None


def test_damaged_notes_are_left_out(model_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    put(model_folder, run, run / "checkpoint-5")
    (run / "training").mkdir()
    for content in (b"\xff\xfe", b"[1]\n{}\n", b'{"step": "x"}\n{"step": 5, "held_out_loss": NaN}\n'):
        (run / "training" / "log.jsonl").write_bytes(content)
        assert run_log.held_out(run) == {}
    (run / "training" / "log.jsonl").unlink()
    (run / "trainer_state.json").write_text("{")
    assert steps(run) == [5, None]


def test_steps_in_names() -> None:
    names: dict[str, int | None] = {"checkpoint-500": 500, "step0": 0, "ckpt_007": 7, "run.step-3": 3}
    names |= {"GPT-2": None, "step": None, "step5x": None, "footstep": None}
    assert {name: series.step_in_name(name) for name in names} == names


# -- under a text ------------------------------------------------------------------------------------------------------


def grown(seed: int = 0) -> Session:
    """A text with two branches, standing before its end."""
    session = tiny.model("gpt2", seed=seed).start("The cat", seed=3)
    session.step()
    fork = session.tree.here.id
    session.force(40)
    session.step()
    session.go_to(fork)
    session.force(50)
    session.step()
    session.step()
    session.back()
    return session


def test_exchange_keeps_the_text_and_takes_the_figures_of_the_new_weights() -> None:
    session = grown()
    ids, line = list(session.tree.ids), [n.token_id for n in session.tree.line]
    luck = [(n.luck, n.seeded, n.taken_at) for n in session.tree.nodes]
    old = [n.score for n in session.tree.line]
    other = tiny.model("gpt2", seed=1)
    session.exchange(other)
    assert (session.tree.ids, [n.token_id for n in session.tree.line]) == (ids, line)
    assert [(n.luck, n.seeded, n.taken_at) for n in session.tree.nodes] == luck
    alone = Session(tiny.model("gpt2", seed=1))
    alone.begin(line)
    for mine, theirs in zip(session.page()[1:], alone.page()[1:], strict=True):
        assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-5)
        assert (mine.rank, mine.entropy_bits) == (theirs.rank, pytest.approx(theirs.entropy_bits, abs=1e-4))
        assert mine.processed_probability is None, "it was not computed with these weights"
    assert [n.score for n in session.tree.line] != old
    frame = session.frame()
    expected = Session(tiny.model("gpt2", seed=1), seed=3)
    expected.begin(ids)
    assert frame.entropy_bits == pytest.approx(expected.frame().entropy_bits, abs=1e-4)
    assert frame.draw.position == len(session.token_ids), "the luck of the place stays"
    assert frame.draw.seed == 3


def test_branches_show_nothing_of_the_old_weights_and_are_read_when_they_come_on_the_page() -> None:
    session = grown()
    branch = next(n for n in session.tree.nodes if n.token_id == 40)
    session.exchange(tiny.model("gpt2", seed=1))
    assert branch.score is None
    assert not session.incomplete
    session.go_to(branch.children[0].id)
    assert session.incomplete
    assert session.page_token(branch).logprob is None
    session.complete_scores()
    assert not session.incomplete
    alone = Session(tiny.model("gpt2", seed=1))
    alone.begin([n.token_id for n in session.tree.line])
    for mine, theirs in zip(session.page()[1:], alone.page()[1:], strict=True):
        assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-5)


def test_there_and_back_gives_the_same_draws() -> None:
    session, untouched = grown(), grown()
    first = session.model
    session.exchange(tiny.model("gpt2", seed=1))
    session.exchange(first)
    for _ in range(4):
        assert session.step().choice.token == untouched.step().choice.token


def test_a_prompt_that_begins_alike_is_scored_where_nothing_is_known() -> None:
    session = tiny.model("gpt2").start("The cat sat on the mat", seed=3)
    prompt = session.prompt_token_ids
    session.go_to(session.tree.line[2].id)
    session.force(41)  # off the prompt: the rest of it is not on the line
    session.exchange(tiny.model("gpt2", seed=1))
    session.begin([*prompt, 44])
    alone = Session(tiny.model("gpt2", seed=1))
    alone.begin([*prompt, 44])
    for mine, theirs in zip(session.page()[1:], alone.page()[1:], strict=True):
        assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-5)


def test_an_exchange_that_fails_or_is_cancelled_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    session = grown()
    before = session.model, session.page(), session.frame()
    other_words = tiny.model("gpt2", vocab=350)
    with pytest.raises(StudioError, match="other tokens"):
        session.exchange(other_words)
    with pytest.raises(Cancelled):
        session.exchange(tiny.model("gpt2", seed=1), cancelled=lambda: True)
    broken = tiny.model("gpt2", seed=1)

    def fail(*args: object, **named: object) -> None:
        raise ModelFailure("NaN")

    monkeypatch.setattr(broken, "read", fail)
    with pytest.raises(ModelFailure):
        session.exchange(broken)
    after = session.model, session.page(), session.frame()
    assert after[:2] == before[:2]
    assert after[2].candidates == before[2].candidates


def test_vocabularies_are_compared_token_by_token(tmp_path: Path) -> None:
    one, other = tiny.model("gpt2").tokens, tiny.model("llama").tokens
    assert same_vocabulary(one, other), "two copies of one tokenizer"
    folder = checkpoint_makers.make_nanogpt(tmp_path / "a")
    characters = checkpoints.load(folder, device="cpu").tokens
    assert same_vocabulary(characters, checkpoints.load(folder, device="cpu").tokens)
    assert not same_vocabulary(one, characters)


# -- in memory ---------------------------------------------------------------------------------------------------------


def model_of(size: int) -> Any:
    from dataclasses import replace

    made = tiny.model("gpt2")
    made.info = replace(made.info, memory_bytes=size, cache_bytes_per_token=0)
    return made


def test_the_cache_keeps_the_recently_used_within_its_bound() -> None:
    cache = SnapshotCache(bound=100, in_use=30)
    models = {name: model_of(30) for name in "abcd"}
    cache.put("a", models["a"])
    cache.put("b", models["b"])
    assert cache.size == 90
    taken = cache.take("a")
    assert taken is models["a"]
    cache.put("a", taken)  # used since b
    cache.put("c", models["c"])
    assert cache.paths == ("a", "c")
    assert models["b"].network is None, "put out and released"
    assert cache.size <= cache.bound
    assert not cache.make_room(30, keep=("a", "c"))
    assert cache.paths == ("a", "c")
    cache.put("huge", huge := model_of(500))
    assert "huge" not in cache
    assert huge.network is None
    cache.drop()
    assert cache.paths == ()
    assert models["a"].network is None


def test_the_bound_is_for_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntp_studio.core.devices.free_memory", lambda device: 1_000_000_000)
    assert snapshots.default_bound("cpu") == 250_000_000
    monkeypatch.setattr("ntp_studio.core.devices.free_memory", lambda device: 64_000_000_000)
    assert snapshots.default_bound("cpu") == 2_000_000_000


def test_the_size_counts_the_kv_cache(model_folder: Path) -> None:
    info = checkpoints.load(model_folder, device="cpu").info
    assert size_of(info) == info.memory_bytes + info.cache_bytes_per_token * info.context_length
