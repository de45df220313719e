"""`ntp-studio train` and `ntp-studio evaluate` as a person or a script runs them, Ctrl+C included."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ntp_studio import assets, training_cli
from ntp_studio.arguments import command_parser
from ntp_studio.cli import main
from ntp_studio.core import checkpoints, devices
from ntp_studio.core.training import Recipe, corpus
from tests import checkpoint_makers as make
from tests.core.training_runs import markov, write

TINY = (
    "--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--vocab-size", "257", "--batch-size", "4",
    "--precision", "float32", "--device", "cpu", "--held-out", "0.2", "--seed", "1", "--dropout", "0.1",
)  # fmt: skip


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ntp_studio", *arguments]


def events(text: str) -> list[dict[str, Any]]:
    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=no_constant) for line in text.splitlines()]


def test_train_and_evaluate_for_a_reader(tmp_path: Path) -> None:
    text, out = write(tmp_path, markov(6000)), tmp_path / "out"
    done = subprocess.run(
        command("train", text, "--output", str(out), *TINY, "--steps", "6", "--checkpoint-steps", "3"),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Training a GPT-2 from scratch: ")
    assert lines[1].startswith("4,800 tokens to train on, 1,200 held out; 6 steps of 4 × 16 tokens on cpu (float32)")
    assert [line.split()[:2] for line in lines if line.startswith("step")] == [
        ["step", "3"],
        ["step", "3"],
        ["step", "6"],
    ]
    assert f"ntp-studio --model {out}" in lines[-1]
    assert done.stderr.splitlines() == ["Measuring on all held-out text …"]
    measured = subprocess.run(
        command("evaluate", text, "--model", str(out), "--held-out", "0.2", "--device", "cpu"),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert measured.returncode == 0, measured.stderr
    told = next(line for line in lines if line.startswith("All held-out text: "))
    assert measured.stdout == f"out: {told.removeprefix('All held-out text: ')}  (1,200 tokens, 1,200 bytes)\n"


def test_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = write(tmp_path, markov(6000)), tmp_path / "out"
    assert main(["train", text, "--output", str(out), *TINY, "--steps", "4", "--evaluate-every", "2", "--json"]) == 0
    *steps, end = events(capsys.readouterr().out)
    assert [(event["event"], event["step"]) for event in steps] == [("step", n) for n in range(1, 5)]
    assert ["held_out_loss" in event for event in steps] == [False, True, False, True]
    assert all({"loss", "learning_rate", "tokens_per_second"} <= set(event) for event in steps)
    assert (end["event"], end["reason"], end["step"], end["folder"]) == ("end", "done", 4, str(out))
    assert end["bits_per_byte"] == pytest.approx(end["held_out_loss"] / math.log(2))
    assert end["perplexity"] == pytest.approx(math.exp(end["held_out_loss"]))
    assert main(["evaluate", text, "--model", str(out), "--held-out", "0.2", "--device", "cpu", "--json"]) == 0
    (told,) = events(capsys.readouterr().out)
    assert told["event"] == "evaluation"
    assert told["model"] == "out"
    assert told["held_out_loss"] == pytest.approx(end["held_out_loss"], rel=1e-6)
    assert (told["tokens"], told["bytes"]) == (1200, 1200)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl+C alone on Windows")
@pytest.mark.parametrize("json_lines", [True, False], ids=["json", "words"])
def test_ctrl_c_stops_and_resume_ends_where_an_uninterrupted_run_ends(tmp_path: Path, json_lines: bool) -> None:
    text, out, whole = write(tmp_path, markov(6000)), tmp_path / "out", tmp_path / "whole"
    # Long enough that it cannot end before the signal arrives.
    how = [*TINY, "--evaluate-every", "1", *(["--json"] if json_lines else [])]
    running = subprocess.Popen(
        command("train", text, "--output", str(out), *how, "--steps", "100000"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if sum('"step"' in each if json_lines else each.startswith("step ") for each in lines) == 5:
            running.send_signal(signal.SIGINT)
            break
    rest, errors = running.communicate(timeout=300)
    assert running.returncode == 130
    assert errors.splitlines() == ["Saving …"]
    last = rest.splitlines()[-1]
    state = torch.load(out / "training" / "state.pt", weights_only=True)
    step = state["step"]
    assert step >= 5
    if json_lines:
        assert events(last)[0] == {"event": "end", "step": step, "reason": "stopped", "folder": str(out)}
    else:
        assert last == f"Stopped after {step:,} steps. Go on with: ntp-studio train --resume {out}"
    stopped_at = load_file(out / "model.safetensors")
    assert all(torch.equal(stopped_at[name], weight) for name, weight in state["weights"].items())
    assert checkpoints.load(out, device="cpu").start("ab").step().step == 1
    if not json_lines:
        return
    # The learning rate hangs on the number of steps, so both runs keep it; both are killed at the same step.
    resumed = _until(command("train", "--resume", str(out), "--json"), step + 4)
    straight = _until(command("train", text, "--output", str(whole), *TINY, "--evaluate-every", "1", "--json",
                              "--steps", "100000"), step + 4)  # fmt: skip
    assert resumed[0]["step"] == step + 1
    assert resumed == straight[step:]


def _until(arguments: list[str], step: int) -> list[dict[str, Any]]:
    """What a run tells up to this step, without its speed; then it is killed as a power cut would."""
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdout is not None
    told = []
    for line in running.stdout:
        told.append(json.loads(line))
        if told[-1]["step"] == step:
            break
    running.kill()
    running.communicate(timeout=60)
    return [{name: value for name, value in event.items() if name != "tokens_per_second"} for event in told]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl+C alone on Windows")
def test_an_interrupted_run_completes_to_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out, whole = write(tmp_path, markov(6000)), tmp_path / "out", tmp_path / "whole"
    how = [*TINY, "--steps", "12", "--json"]
    before = signal.getsignal(signal.SIGINT)

    class Interrupting:
        """Standard output that presses Ctrl+C when the fifth step is told."""

        def write(self, words: str) -> int:
            if '"step": 5,' in words:
                os.kill(os.getpid(), signal.SIGINT)
            return len(words)

        def flush(self) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", Interrupting())
        assert main(["train", text, "--output", str(out), *how]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.load(out / "training" / "state.pt", weights_only=True)["step"] == 5
    assert main(["train", "--resume", str(out), "--json"]) == 0
    assert main(["train", text, "--output", str(whole), *how]) == 0
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    ends = [event for event in events(capsys.readouterr().out) if event["event"] == "end"]
    assert ends[0] | {"folder": ""} == ends[1] | {"folder": ""}


def test_a_run_that_has_ended_is_not_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = write(tmp_path, markov(6000)), tmp_path / "out"
    assert main(["train", text, "--output", str(out), *TINY, "--steps", "6"]) == 0
    log = (out / "training" / "log.jsonl").read_bytes()
    capsys.readouterr()
    assert main(["train", "--resume", str(out)]) == 2
    assert "came to its end after 6 steps" in capsys.readouterr().err
    assert (out / "training" / "log.jsonl").read_bytes() == log


def test_ctrl_c_before_the_first_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = corpus.train_tokenizer

    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return learn(*arguments)

    monkeypatch.setattr(corpus, "train_tokenizer", interrupted)
    text, out = write(tmp_path, markov(6000)), tmp_path / "out"
    assert main(["train", text, "--output", str(out), *TINY, "--steps", "6"]) == 130
    assert capsys.readouterr() == ("", "Stopped before anything was done.\n")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["train", "TEXT"], 2, "--output FOLDER"),
        (["train", "--output", "OUT"], 2, "nothing to train on"),
        (["train", "gone.txt", "--output", "OUT"], 2, "gone.txt cannot be read"),
        (["train", "TEXT", "--output", "OUT", "--steps", "5", "--epochs", "1"], 2, "either steps or epochs"),
        (["train", "TEXT", "--output", "OUT", "--scope", "lora"], 2, "needs a model to begin with"),
        (["train", "--resume", "gone"], 2, "no training run"),
        (["train", "TEXT", "--resume", "OUT", "--steps", "80"], 2, "nothing else (here: --steps, texts)"),
        (["evaluate", "TEXT", "--model", "gone"], 2, "nothing at"),
        (["evaluate", "gone.txt", "--model", "gone"], 2, "gone.txt cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    named = {"TEXT": write(tmp_path, markov(1000)), "OUT": str(tmp_path / "out")}
    assert main([named.get(word, word) for word in arguments]) == status
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["train", "x", "--steps", "-1"], ["train", "x", "--checkpoint-steps", "1,x"], ["train", "x", "--scope", "none"],
     ["evaluate"], ["evaluate", "x", "--held-out", "0"], ["evaluate", "x", "--held-out", "nan"]],
)  # fmt: skip
def test_a_bad_call_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_words_become_the_recipe_they_name() -> None:
    words = [
        "train",
        "a.txt",
        "b.txt",
        "--output",
        "o",
        "--steps",
        "7",
        "--checkpoint-steps",
        "1,5",
        "--optimizer",
        "muon",
    ]
    recipe = training_cli.recipe_of(command_parser().parse_args(words))
    assert recipe == Recipe(("a.txt", "b.txt"), "o", steps=7, checkpoint_steps=(1, 5), optimizer="muon")
    on_base = training_cli.recipe_of(command_parser().parse_args(["train", "a", "--output", "o", "--base", "b"]))
    assert (on_base.learning_rate, on_base.weight_decay, on_base.epochs) == (5e-5, 0.01, 1.0)
    lora = training_cli.recipe_of(
        command_parser().parse_args(["train", "a", "--output", "o", "--base", "b", "--scope", "lora"])
    )
    assert lora.learning_rate == 2e-4


def test_evaluate_takes_the_bundled_model_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = write(tmp_path, "The cat sat on the mat. " * 20)
    monkeypatch.setattr(assets, "bundled_model", lambda: make.make_hf(tmp_path / "bundled"))
    assert main(["evaluate", text, "--held-out", "1"]) == 0
    assert capsys.readouterr().out.startswith("bundled: held-out loss ")
    monkeypatch.setattr(assets, "bundled_model", lambda: None)
    assert main(["evaluate", text]) == 2
    assert "--model PATH" in capsys.readouterr().err
