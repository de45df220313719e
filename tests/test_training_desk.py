"""The training desk in an engine without a thread: commands in, events out; every update counts, and none is lost."""

from __future__ import annotations

import errno
import math
import os
import random
from pathlib import Path

import pytest

from ntp_studio import messages as m
from ntp_studio import training_messages as t
from ntp_studio.core import checkpoints
from ntp_studio.core.training import storage
from ntp_studio.engine import Engine
from tests import checkpoint_makers


def made_up_text(lines: int = 400, seed: int = 0) -> str:
    """Sentences of a small grammar."""
    rng = random.Random(seed)
    nouns, verbs = ("bal", "dorim", "kesu", "lop", "mirat"), ("sees", "holds", "finds")
    return "".join(f"the {rng.choice(nouns)} {rng.choice(verbs)} a {rng.choice(nouns)}.\n" for _ in range(lines))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of such small models wait for each other, for long where the machine has other work."""
    monkeypatch.setattr("ntp_studio.core.devices.cpu_threads", lambda: 1)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "grammar.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-gpt2", "gpt2")


class Desk:
    def __init__(self) -> None:
        self.said: list[m.Event] = []
        self.engine = Engine(self.said.append, top=8)

    def __call__(self, *commands: m.Command) -> list[m.Event]:
        """Send, and do one round of work."""
        self.said.clear()
        for command in commands:
            self.engine.send(command)
        self.engine.run_pending()
        return list(self.said)

    def until(self, kind: type, most: int = 200) -> list[m.Event]:
        said = [*self.said]
        while not any(isinstance(e, kind) for e in said) and most:
            said += self()
            most -= 1
        assert any(isinstance(e, kind) for e in said), said
        return said

    @property
    def desk(self):
        return self.engine.workbench.training


def start(text: Path, output: Path, prompt: str = "the bal", **values: object) -> t.StartTraining:
    recipe: dict = {
        "texts": (str(text),), "output": str(output), "layers": 1, "width": 16, "heads": 2, "context": 16,
        "vocab_size": 300, "steps": 6, "batch_size": 2, "evaluate_every": 3, "held_out": 0.1, "device": "cpu",
    }  # fmt: skip
    return t.StartTraining(tuple((recipe | values).items()), prompt)


def of(kind: type, said: list[m.Event]) -> list:
    return [e for e in said if isinstance(e, kind)]


def test_a_run_tells_every_update_and_ends_with_a_model_that_opens(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", checkpoint_steps=(2,)))
    said = desk.until(t.TrainingEnded)
    (begun,) = of(t.TrainingBegun, said)
    assert begun.total_steps == 6
    assert begun.parameters == begun.learning > 0
    assert [step for step, _ in begun.held_out] == [0], "the model before its first update is on the curve"
    assert begun.held_out[0][1].loss == pytest.approx(math.log(300), abs=0.2)
    losses = [pair for e in of(t.TrainingProgress, said) for pair in e.losses]
    assert [step for step, _ in losses] == [1, 2, 3, 4, 5, 6]
    held_out = [step for e in of(t.TrainingProgress, said) for step, _ in e.held_out]
    assert held_out == [2, 3, 6], "measured where due and at every checkpoint"
    assert "checkpoint-2" in [e.checkpoint for e in of(t.TrainingProgress, said)]
    (ended,) = of(t.TrainingEnded, said)
    assert (ended.reason, ended.step) == ("done", 6)
    phases = [e.phase for e in of(t.TrainingPhase, said)]
    assert phases[0] == "preparing"
    assert phases[-2:] == ["measuring", "ended"]
    model = checkpoints.load(ended.folder, device="cpu")
    assert model.info.parameters == begun.parameters
    assert not desk.engine.run_pending(), "nothing is left to do"


def test_progress_is_told_a_few_times_a_second_however_quick_the_updates_are(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_studio.training_desk.TELL_EVERY", 1e9)
    monkeypatch.setattr("ntp_studio.training_desk.LOOK_EVERY", 1e9)
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=9, evaluate_every=1000))
    said = desk.until(t.TrainingEnded)
    (progress,) = of(t.TrainingProgress, said)  # the one evaluation, at the end, brings all before with it
    assert [step for step, _ in progress.losses] == list(range(1, 10))
    assert [look.step for look in of(t.PromptLook, said)] == [0, 9]


def test_the_prompt_is_looked_at_with_the_weights_of_the_moment(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    (look,) = of(t.PromptLook, desk(start(text, tmp_path / "run", prompt="the bal", steps=4)))
    assert look.step == 0
    assert look.base == pytest.approx([c.probability for c in look.frame.candidates], abs=1e-6)
    desk.until(t.TrainingEnded)
    (late,) = of(t.PromptLook, desk(t.WatchPrompt("a dorim")))
    assert (late.step, late.prompt) == (4, "a dorim")
    trained = checkpoints.load(str(tmp_path / "run"), device="cpu").start("a dorim", top=24).frame()
    assert [c.probability for c in late.frame.candidates] == pytest.approx(
        [c.probability for c in trained.candidates], abs=1e-5
    )
    assert late.base != pytest.approx([c.probability for c in late.frame.candidates], abs=1e-4)
    # The base of a prompt that came late is that of the weights before the first update.
    again = Desk()
    (first,) = of(t.PromptLook, again(start(text, tmp_path / "again", prompt="a dorim", steps=4)))
    before = {c.token.id: c.probability for c in first.frame.candidates}
    shared = [
        (b, before[c.token.id]) for c, b in zip(late.frame.candidates, late.base, strict=True) if c.token.id in before
    ]
    assert shared
    assert [b for b, _ in shared] == pytest.approx([b for _, b in shared], abs=1e-6)


def test_a_prompt_that_cannot_be_read_is_told_and_the_training_goes_on(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    (look,) = of(t.PromptLook, desk(start(text, tmp_path / "run", prompt="the bal sees " * 30)))
    assert look.frame is None
    assert "context holds 16" in look.problem
    assert of(t.TrainingEnded, desk.until(t.TrainingEnded))


def test_pause_resume_and_stop_are_heard_between_updates(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=50))
    desk()
    said = desk(t.PauseTraining())
    assert of(t.TrainingPhase, said)[-1].phase == "paused"
    step = desk.desk._run.trainer.step
    assert not desk.engine.run_pending()
    assert desk.desk._run.trainer.step == step
    desk(t.ContinueTraining())
    assert desk.desk._run.trainer.step == step + 1
    (ended,) = of(t.TrainingEnded, desk(t.StopTraining()))
    assert (ended.reason, ended.step) == ("stopped", step + 1)
    assert checkpoints.load(ended.folder, device="cpu")


def test_a_stopped_run_goes_on_with_its_curve_and_comes_to_the_same_end(text: Path, tmp_path: Path) -> None:
    import torch

    whole, parted = Desk(), Desk()
    whole(start(text, tmp_path / "whole", steps=5))
    whole.until(t.TrainingEnded)
    parted(start(text, tmp_path / "parted", steps=5))
    parted()
    parted(t.StopTraining())
    done = of(t.TrainingEnded, parted.said)[0].step
    assert 0 < done < 5
    (begun,) = of(t.TrainingBegun, parted(t.ResumeTraining(str(tmp_path / "parted"), "the bal")))
    assert begun.step == done
    assert [step for step, _ in begun.losses] == list(range(1, done + 1))
    assert begun.held_out[0][0] == 0, "the curve still has its beginning"
    assert dict(begun.values)["steps"] == 5
    assert begun.context == 16
    parted.until(t.TrainingEnded)
    same = [checkpoints.load(str(tmp_path / name), device="cpu").network.state_dict() for name in ("whole", "parted")]
    assert all(torch.equal(weight, same[1][name]) for name, weight in same[0].items())
    (failed,) = of(t.TrainingFailed, parted(t.ResumeTraining(str(tmp_path / "parted"), "")))
    assert "came to its end after 5 steps" in failed.message


def test_stopping_cancels_a_preparation_and_leaves_no_folder(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    emit = desk.engine.workbench.training._emit

    def stop_while_preparing(event: m.Event) -> None:
        emit(event)
        if isinstance(event, t.TrainingPhase) and "vocabulary" in event.message:
            desk.engine.send(t.StopTraining())

    desk.engine.workbench.training._emit = stop_while_preparing
    said = desk(start(text, tmp_path / "run"))
    (failed,) = of(t.TrainingFailed, said)
    assert failed.cancelled
    assert not (tmp_path / "run").exists()
    desk.engine.workbench.training._emit = emit
    assert of(t.TrainingBegun, desk(start(text, tmp_path / "run"))), "the same folder can be used at once"


@pytest.mark.parametrize("patience", [0, 5])
def test_stopping_cuts_a_measurement_short_and_keeps_its_update(text: Path, tmp_path: Path, patience: int) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=50, evaluate_every=2, patience=patience))
    trainer = desk.desk._run.trainer
    assert trainer.step == 1
    forward = trainer.network.forward
    calls = []

    def stop_while_measuring(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 2:  # the first is the update's
            desk.engine.send(t.StopTraining())
        return forward(*arguments, **options)

    trainer.network.forward = stop_while_measuring
    said = [*desk(), *desk()]
    assert [step for e in of(t.TrainingProgress, said) for step, _ in e.losses][-1:] == [2]
    measured = [step for e in of(t.TrainingProgress, said) for step, _ in e.held_out]
    assert measured == ([2] if patience else []), "a count towards an early stop is not falsified"
    (ended,) = of(t.TrainingEnded, said)
    assert (ended.reason, ended.step, ended.held_out) == ("stopped", 2, None)
    assert [line["step"] for line in trainer.folder.log_lines() if line["event"] == "step"] == [1, 2]
    del trainer.network.forward
    assert checkpoints.load(ended.folder, device="cpu")


def test_stopping_cuts_the_last_measurement_short_and_keeps_the_result(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=1))
    emit = desk.desk._emit

    def stop_while_measuring(event: m.Event) -> None:
        emit(event)
        if isinstance(event, t.TrainingPhase) and event.phase == "measuring":
            desk.engine.send(t.StopTraining())

    desk.desk._emit = stop_while_measuring
    (ended,) = of(t.TrainingEnded, desk.until(t.TrainingEnded))
    assert (ended.reason, ended.step, ended.held_out) == ("done", 1, None)
    assert checkpoints.load(ended.folder, device="cpu")


def test_models_step_while_a_training_runs(text: Path, tmp_path: Path, gpt2: Path) -> None:
    desk = Desk()
    desk(m.SetPrompt("The cat"), m.LoadModel(str(gpt2), "cpu"), start(text, tmp_path / "run", steps=30))
    before = desk.desk._run.trainer.step
    (frame,) = of(m.FrameReady, desk(m.Step()))
    assert frame.frame.step == 2
    desk(m.Play(steps=2))
    desk()
    assert len(desk.engine.workbench.columns["main"].session.token_ids) == 3
    assert desk.desk._run.trainer.step == before + 3, "they take turns"
    desk(t.StopTraining())
    assert not [e for e in desk.said if isinstance(e, m.Trouble)]


def test_comparing_measures_both_models_alike(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=12, learning_rate=0.01, warmup_steps=1))
    (ended,) = of(t.TrainingEnded, desk.until(t.TrainingEnded))
    (compared,) = of(t.BaseCompared, desk(t.CompareWithBase()))
    assert compared.result == ended.held_out
    assert compared.base.tokens == compared.result.tokens
    assert compared.result.loss < compared.base.loss - 0.1
    assert compared.base.loss == pytest.approx(math.log(300), abs=0.2)
    known = {c.token.id: c.probability for c in compared.base_frame.candidates}
    pairs = zip(compared.result_frame.candidates, compared.base_probabilities, strict=True)
    assert all(known.get(c.token.id, p) == pytest.approx(p, abs=1e-7) for c, p in pairs)


@pytest.mark.parametrize("scope", ["all", "last", "lora"])
def test_the_base_of_a_trained_checkpoint_is_the_checkpoint(text: Path, tmp_path: Path, gpt2: Path, scope: str) -> None:
    desk = Desk()
    values = {"base": str(gpt2), "scope": scope, "last_blocks": 1, "learning_rate": 0.01, "warmup_steps": 0}
    desk(start(text, tmp_path / "run", prompt="The cat", steps=3, **values))
    said = desk.until(t.TrainingEnded)
    (begun,) = of(t.TrainingBegun, said)
    assert (begun.learning == begun.parameters) == (scope == "all")
    desk(t.WatchPrompt("a dog"))  # came after the first update: the base must be made again, or LoRA switched off
    late = of(t.PromptLook, desk.said)[0]
    logits = checkpoints.load(str(gpt2), device="cpu").start("a dog", top=24).trace().raw.logits
    import numpy as np

    expected = np.exp(logits - np.logaddexp.reduce(logits.astype(float)))
    assert late.base == pytest.approx([expected[c.token.id] for c in late.frame.candidates], abs=1e-6)
    assert late.base != pytest.approx([c.probability for c in late.frame.candidates], abs=1e-4)
    (compared,) = of(t.BaseCompared, desk(t.CompareWithBase()))
    assert compared.base.loss != pytest.approx(compared.result.loss, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"texts": ("/nowhere/at/all.txt",)}, "cannot be read"),
        ({"context": 100_000}, "must be from"),
        ({"context": 60_000}, "fewer than one block"),
        ({"steps": None, "epochs": None}, "how long"),
        ({"width": 17}, "shared out"),
        ({"nonsense": 1}, "cannot be done as it was asked"),
    ],
)
def test_what_cannot_begin_is_told_in_a_sentence_and_another_may_begin(
    text: Path, tmp_path: Path, values: dict, words: str
) -> None:
    desk = Desk()
    (failed,) = of(t.TrainingFailed, desk(start(text, tmp_path / "run", **values)))
    assert words in failed.message
    assert not failed.cancelled
    assert not (tmp_path / "run").exists()
    assert of(t.TrainingBegun, desk(start(text, tmp_path / "run", steps=1)))


def test_what_was_in_a_folder_before_is_left_alone(text: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "training").mkdir(parents=True)
    (tmp_path / "run" / "training" / "recipe.json").write_text("{}")
    desk = Desk()
    (failed,) = of(t.TrainingFailed, desk(start(text, tmp_path / "run")))
    assert "not empty" in failed.message
    assert (tmp_path / "run" / "training" / "recipe.json").read_text() == "{}"


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", learning_rate=10.0, warmup_steps=0, steps=60, clip=1e6, checkpoint_steps=(1,)))
    import torch

    with torch.no_grad():
        next(desk.desk._run.trainer.network.parameters()).fill_(math.nan)
    said = desk.until(t.TrainingFailed)
    (failed,) = of(t.TrainingFailed, said)
    assert "lower learning rate" in failed.message
    assert of(t.TrainingBegun, desk(start(text, tmp_path / "other", steps=1))), "another may begin"


def test_a_full_disk_pauses_the_run_which_goes_on_when_there_is_room(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=5))
    save = type(desk.desk._run.trainer.folder).save_model

    def full(self: object, *arguments: object, **options: object) -> Path:
        with storage._writing(tmp_path / "run"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(desk.desk._run.trainer.folder), "save_model", full)
    said = desk.until(t.TrainingPhase)
    while not any(e.phase == "paused" for e in of(t.TrainingPhase, said)):
        said += desk()
    paused = [e for e in of(t.TrainingPhase, said) if e.phase == "paused"]
    assert "No space left" in paused[0].message
    monkeypatch.setattr(type(desk.desk._run.trainer.folder), "save_model", save)
    desk(t.ContinueTraining())
    (ended,) = of(t.TrainingEnded, desk.until(t.TrainingEnded))
    assert ended.step == 5


def test_closing_keeps_what_was_learned(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=50))
    desk()
    step = desk.desk._run.trainer.step
    desk.engine.stop()
    assert not desk.engine.run_pending()
    desk.engine.workbench.release_all()
    again = Desk()
    (begun,) = of(t.TrainingBegun, again(t.ResumeTraining(str(tmp_path / "run"), "")))
    assert begun.step == step


def test_a_second_start_while_one_runs_changes_nothing(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run", steps=50))
    run = desk.desk._run
    said = desk(start(text, tmp_path / "other"))
    assert "stop it first" in of(t.TrainingPhase, said)[0].message
    assert desk.desk._run is run
    assert not (tmp_path / "other").exists()


def test_a_folder_that_no_path_can_name_is_answered(text: Path, tmp_path: Path) -> None:
    desk = Desk()
    for output in ("~nobody-of-this-name/x", str(tmp_path / ("n" * 300)), "  "):
        said = desk(start(text, output))  # type: ignore[arg-type]
        assert any(isinstance(event, t.TrainingFailed) and event.message for event in said), output
    said = desk(start(text, tmp_path / "good"))
    assert any(isinstance(event, t.TrainingBegun) for event in said)


def test_the_program_ends_well_when_the_run_cannot_be_saved(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    desk(start(text, tmp_path / "run"))
    monkeypatch.setattr(desk.desk._run.trainer, "finish", lambda **_: (_ for _ in ()).throw(RuntimeError("no")))
    desk.desk.close()
    assert desk.desk._run is None
