"""What can go wrong with a run is a sentence, and costs nothing that was there before."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.checkpoints import run_log
from ntp_studio.core.training import HeldOut, Recipe, Trainer, corpus, network
from ntp_studio.core.types import Cancelled, ModelFailure, NotEnoughMemory, SettingError, StudioError
from tests import checkpoint_makers as make
from tests.core.training_runs import markov, recipe, run, weights, write


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def refused(changed: Recipe, error: type[StudioError] = StudioError) -> str:
    with pytest.raises(error) as raised:
        Trainer(changed)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def resume_refused(folder: Path) -> str:
    with pytest.raises(StudioError) as raised:
        Trainer.resume(str(folder))
    assert "\n" not in str(raised.value)
    return str(raised.value)


# -- the recipe --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"texts": ()}, "nothing to train on"),
        ({"steps": None}, "either steps or epochs"),
        ({"epochs": 1.0}, "either steps or epochs"),
        ({"steps": 0}, "steps is 0, and must be from 1"),
        ({"steps": 2.5}, "steps is 2.5, and must be a whole number"),
        ({"steps": None, "epochs": 0.0}, "epochs is 0"),
        ({"steps": None, "epochs": math.nan}, "epochs is nan"),
        ({"layers": 0}, "layers is 0, and must be from 1 to 200"),
        ({"width": 10**6}, "width is 1e+06"),
        ({"width": 18, "heads": 4}, "18 cannot be shared out among 4 heads"),
        ({"context": 7}, "context is 7, and must be from 8"),
        ({"vocab_size": 256}, "vocab size is 256, and must be from 257"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"learning_rate": -1.0}, "learning rate is -1"),
        ({"learning_rate": math.inf}, "learning rate is inf"),
        ({"clip": 0.0}, "clip is 0"),
        ({"held_out": 0.95}, "held out is 0.95"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"warmup_steps": -1}, "warmup steps is -1"),
        ({"evaluate_every": 0}, "evaluate every is 0"),
        ({"checkpoint_steps": (0,)}, "counted from 1"),
        ({"scope": "half"}, "scope must be one of all, last, lora"),
        ({"optimizer": "sgd"}, "optimizer must be one of adamw, muon"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"device": "tpu"}, "device must be one of"),
        ({"save_dtype": "int8"}, "save dtype must be one of"),
        ({"scope": "lora"}, "needs a model to begin with"),
        ({"base": "x", "scope": "lora", "lora_rank": 0}, "lora rank is 0"),
        ({"base": "x", "scope": "last", "last_blocks": 0}, "last blocks is 0"),
        ({"patience": 2, "held_out": 0.0}, "needs held-out text"),
    ],
)
def test_a_number_that_cannot_be_meant(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refused(recipe(tmp_path, **changes), SettingError)
    assert not (tmp_path / "out").exists()


def test_a_recipe_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    made = recipe(tmp_path, checkpoint_steps=(1, 2))
    assert Recipe.restored(json.loads(json.dumps(made.saved()))) == made


# -- texts, bases, outputs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), ("ab", "fewer than one block"), (None, "check its name")]
)
def test_a_bad_text_leaves_no_folder_behind(tmp_path: Path, text: str | None, words: str) -> None:
    path = str(tmp_path / "gone.txt") if text is None else write(tmp_path, text)
    assert words in refused(recipe(tmp_path, texts=(path,)))
    assert not (tmp_path / "out").exists()
    assert run(Trainer(recipe(tmp_path)), 1).step == 1  # the same folder can be named again


def test_one_bad_text_of_several_is_named(tmp_path: Path) -> None:
    good, bad = write(tmp_path, markov(1000)), tmp_path / "bad.txt"
    bad.write_bytes(b"\xff\xfe\x00")
    assert str(bad) in refused(recipe(tmp_path, texts=(good, str(bad))))


def test_a_bad_base_is_a_sentence(tmp_path: Path) -> None:
    assert "There is nothing at" in refused(recipe(tmp_path, base=str(tmp_path / "gone")))
    broken = make.make_hf(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"x" * 50)
    assert "damaged" in refused(recipe(tmp_path, base=str(broken)))
    assert not (tmp_path / "out").exists()


def _below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "out"


def _a_file(folder: Path) -> Path:
    (folder / "out").touch()
    return folder / "out"


def _not_empty(folder: Path) -> Path:
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").touch()
    return folder / "out"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (_below_a_file, "cannot be written"),
        (_a_file, "is a file"),
        (_not_empty, "is not empty; name a new folder"),
        (lambda _: Path("/proc/nowhere/out"), "cannot be written"),
        (lambda folder: folder / ("x" * 300), "cannot be written"),
        (lambda folder: folder / "a\0b", "no path that this system can open"),
        (lambda _: Path("~nobody-of-that-name/out"), "no path that this system can open"),
    ],
    ids=["below-a-file", "a-file", "not-empty", "proc", "too-long", "nul", "no-home"],
)
def test_an_output_that_cannot_be_written(tmp_path: Path, place: Any, words: str) -> None:
    if sys.platform == "win32":
        pytest.skip("these paths are those of POSIX systems")
    output = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    made = recipe(tmp_path, texts=(write(tmp_path / "in", markov(1000)),), output=str(output))
    assert words in refused(made)
    assert [path for path in sorted(tmp_path.rglob("*")) if "in" not in path.relative_to(tmp_path).parts] == before


def test_the_folder_of_a_run_says_that_it_can_go_on(tmp_path: Path) -> None:
    run(Trainer(recipe(tmp_path)), 1)
    assert "resume the run in it, or name a new folder" in refused(recipe(tmp_path))


# -- the disk ----------------------------------------------------------------------------------------------------------


def test_too_little_room_is_said_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    sentence = refused(recipe(tmp_path))
    assert "MB" in sentence
    assert "make room" in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 64}, "a smaller model"),
        ({"batch_size": 256}, "a smaller batch"),
        ({"base": "llama"}, "LoRA, fewer blocks or a smaller model"),
    ],
)
def test_too_little_memory_is_said_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    if "base" in changes:
        changes = {"base": str(make.make_hf(tmp_path / "base", changes["base"])), "batch_size": 1}
    trainer = Trainer(recipe(tmp_path, output=str(tmp_path / "enough"), **changes))
    each = 12 if "base" in changes else 16  # bytes for a weight that learns; a new one needs room itself
    beside = each * trainer.learning + 12 * trainer.recipe.batch_size * 16 * trainer.model.info.vocab_size
    monkeypatch.setattr(checkpoints, "check_memory", lambda *_: None)  # of the load before
    monkeypatch.setattr(devices, "free_memory", lambda _: beside)
    Trainer(recipe(tmp_path, output=str(tmp_path / "just"), **changes))
    monkeypatch.setattr(devices, "free_memory", lambda _: beside - 1)
    sentence = refused(recipe(tmp_path, **changes), NotEnoughMemory)
    assert f"Training {trainer.learning:,} weights needs" in sentence
    assert sentence.endswith(f"choose {words}.")


def test_a_model_far_too_large_is_refused_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "from_scratch", lambda *_: pytest.fail("it was made"))
    sentence = refused(recipe(tmp_path, layers=200, width=16384, heads=256), NotEnoughMemory)
    assert "a smaller model" in sentence


def test_what_fell_due_is_made_up_for_once_the_disk_has_room(tmp_path: Path) -> None:
    out = tmp_path / "out"
    trainer = Trainer(recipe(tmp_path, output=str(out), steps=6, checkpoint_steps=(3,), evaluate_every=3))
    for _ in range(2):
        trainer.advance()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.folder, "save_model", lambda *_, **__: (_ for _ in ()).throw(StudioError("no room")))
        with pytest.raises(StudioError, match="no room"):
            trainer.advance()
    update = trainer.advance()
    assert (update.step, trainer.step) == (3, 3)
    assert update.held_out is not None
    assert update.checkpoint == out / "checkpoint-3"
    assert [line["step"] for line in trainer.folder.log_lines() if line["event"] == "step"] == [1, 2, 3]
    assert trainer.advance().step == 4


def test_a_result_left_behind_by_its_run_keeps_its_own_step(tmp_path: Path) -> None:
    out = tmp_path / "out"
    trainer = Trainer(recipe(tmp_path, output=str(out), steps=8))
    for _ in range(3):
        trainer.advance()
    trainer.finish(evaluate=False)
    resumed = Trainer.resume(str(out))
    for _ in range(4):
        resumed.advance()  # and then a kill
    assert run_log.result_step(out) == 3


def test_a_folder_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    trainer = Trainer(recipe(tmp_path, output=str(out), steps=8))
    trainer.advance()
    shutil.rmtree(out)
    trainer.finish(evaluate=False)
    assert Trainer.resume(str(out)).step == 1


def test_an_endless_word_neither_takes_long_nor_is_deaf(tmp_path: Path) -> None:
    asked = []
    tokenizer = corpus.train_tokenizer(["ab" * 200_000], 300, 32, lambda: asked.append(1))
    assert asked
    assert tokenizer.decode(tokenizer("abab")["input_ids"]) == "abab"

    def stop() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        corpus.train_tokenizer(["a line\n" * 10], 300, 32, stop)


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Every longer write fails, as on a full disk: in the system itself, so below every library."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
@pytest.mark.parametrize("scope", ["all", "lora"])
def test_a_disk_that_fills_up_leaves_what_was_saved(tmp_path: Path, scope: str) -> None:
    base = {"base": str(make.make_hf(tmp_path / "base")), "scope": scope} if scope == "lora" else {}
    trainer = run(Trainer(recipe(tmp_path, checkpoint_steps=(2, 4), **base)), 3)
    trainer.finish(evaluate=False)
    folder = tmp_path / "out"
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    saved = weights(trainer)
    with files_no_longer_than(3000):
        for attempt in (trainer.advance, trainer.save_state, trainer.finish):
            with pytest.raises(
                StudioError, match=r"cannot be written \([^\[]*\); make room or choose another folder"
            ) as no:
                attempt()
            assert "\n" not in str(no.value)
    # All is as it was, but for the log of what was done since; and nothing half-written takes room.
    now = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    log = folder / "training" / "log.jsonl"
    assert {path: kept[path] for path in kept if path != log} == {path: now[path] for path in now if path != log}
    opened = checkpoints.load(folder / "checkpoint-2", device="cpu")
    assert opened.info.parameters == trainer.model.info.parameters
    resumed = Trainer.resume(str(folder))
    assert resumed.step == 3
    assert all(torch.equal(weight, saved[name]) for name, weight in weights(resumed).items())
    assert run(resumed).finish().reason == "done"


@pytest.mark.parametrize("name", ["save_model", "write_log"])
def test_no_space_left_is_told_in_the_system_s_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trainer = run(Trainer(recipe(tmp_path)), 2)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full) if name == "save_model" else monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StudioError, match="No space left on device"):
        trainer.finish(evaluate=False)


# -- numbers that run away ---------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_a_sentence_and_the_checkpoints_stay_good(tmp_path: Path) -> None:
    trainer = Trainer(recipe(tmp_path, steps=300, checkpoint_steps=(1,), clip=1e6))
    trainer.advance()
    good = (tmp_path / "out" / "checkpoint-1" / "model.safetensors").read_bytes()
    with torch.no_grad():
        trainer.network.transformer.ln_f.weight.mul_(1e38)
    before = weights(trainer)
    with pytest.raises(ModelFailure, match="begin again with a lower learning rate") as raised:
        run(trainer, 20)
    assert "step 2" in str(raised.value)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(trainer).items())
    assert trainer.step == 1
    assert (tmp_path / "out" / "checkpoint-1" / "model.safetensors").read_bytes() == good
    assert checkpoints.load(tmp_path / "out" / "checkpoint-1", device="cpu").start("ab").step().entropy_bits > 0


def test_a_huge_learning_rate_never_leaves_weights_that_are_no_numbers(tmp_path: Path) -> None:
    trainer = Trainer(recipe(tmp_path, steps=60, learning_rate=10.0, clip=1e6, warmup_steps=0, layers=2))
    with contextlib.suppress(ModelFailure):  # whether it comes to that hangs on the processor's rounding
        run(trainer)
    assert all(bool(torch.isfinite(weight).all()) for weight in weights(trainer).values())
    trainer.save_state()
    assert Trainer.resume(str(tmp_path / "out")).step == trainer.step


def test_held_out_figures_that_are_no_numbers_are_neither_best_nor_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(recipe(tmp_path, checkpoint_steps=(2,), patience=3))
    trainer.advance()
    monkeypatch.setattr(trainer, "evaluate", lambda **_: HeldOut(math.nan, 10, 10))
    with pytest.raises(ModelFailure, match="loss became nan at step 2"):
        trainer.advance()
    assert trainer.best is None
    assert not (tmp_path / "out" / "checkpoint-2").exists()


# -- resuming what is damaged ------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    run(Trainer(recipe(tmp_path)), 3).finish(evaluate=False)
    return tmp_path / "out"


def test_nothing_to_resume(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone", make.make_hf(tmp_path / "model")):
        assert "no training run that could go on" in resume_refused(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x04.", None])
def test_a_damaged_state(stopped: Path, content: bytes | None) -> None:
    state = stopped / "training" / "state.pt"
    state.write_bytes(state.read_bytes()[:-500] if content is None else content)
    assert "begin it again" in resume_refused(stopped)


@pytest.mark.parametrize(
    "state",
    [
        [1, 2],
        {},
        {"step": 3},
        {"step": "x", "weights": {}, "optimizers": [], "best": None, "best_weights": None, "worse": 0},
        {"step": 3, "weights": [], "optimizers": [{}], "best": None, "best_weights": None, "worse": 0},
    ],
)
def test_a_state_of_another_make(stopped: Path, state: Any) -> None:
    torch.save(state, stopped / "training" / "state.pt")
    assert "begin it again" in resume_refused(stopped)


def test_weights_of_another_shape_are_not_stretched(stopped: Path) -> None:
    file = stopped / "training" / "state.pt"
    state = torch.load(file, weights_only=True)
    state["weights"]["transformer.ln_f.weight"] = torch.ones(1)
    torch.save(state, file)
    assert "begin it again" in resume_refused(stopped)


class _Touch:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_hostile_state_is_never_executed(stopped: Path, tmp_path: Path) -> None:
    state, mark = stopped / "training" / "state.pt", tmp_path / "executed"
    torch.save({"step": _Touch(mark)}, state)
    assert "begin it again" in resume_refused(stopped)
    state.write_bytes(pickle.dumps(_Touch(mark)))
    assert "begin it again" in resume_refused(stopped)
    assert not mark.exists()
    pickle.loads(pickle.dumps(_Touch(mark)))
    assert mark.exists()  # it would have worked


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", '"x"', "[" * 10000, '{"texts": 5, "output": "x", "steps": 1}', '{"texts": ["a"]}',
        '{"texts": [5], "output": "x", "steps": 1}', '{"texts": ["a"], "output": "x", "steps": "many"}',
        '{"texts": ["a"], "output": "x", "steps": 1, "layers": null}',
        '{"texts": ["a"], "output": "x", "steps": 1, "checkpoint_steps": 3}',
    ],
)  # fmt: skip
def test_a_damaged_recipe(stopped: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    (stopped / "training" / "recipe.json").write_text(content)
    (stopped.parent / "a").write_text(markov(1000))  # the text that some of them name
    monkeypatch.chdir(stopped.parent)
    assert resume_refused(stopped).endswith(".")


def test_a_damaged_log_is_mended(stopped: Path) -> None:
    log = stopped / "training" / "log.jsonl"
    whole = log.read_text().splitlines()
    damaged = [whole[0], "\0\0\0", "7", '{"no": "event"}', *whole[1:3], '{"event": "step", "step": 3, "lo']
    log.write_bytes("\n".join(damaged).encode() + b"\xff\xfe")
    trainer = Trainer.resume(str(stopped))
    assert log.read_text().splitlines() == whole[:3]
    run(trainer).finish()
    assert all("event" in json.loads(line) for line in log.read_text().splitlines())
    log.unlink()
    assert Trainer.resume(str(stopped)).step == 8
    assert json.loads(log.read_text())["event"] == "begin"


def test_another_text_is_not_gone_on_with(stopped: Path, tmp_path: Path) -> None:
    write(tmp_path, markov(6000, seed=9))
    assert "no longer those that the run" in resume_refused(stopped)
    write(tmp_path, markov(6000))
    assert Trainer.resume(str(stopped)).step == 3
