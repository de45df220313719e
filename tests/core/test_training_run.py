"""A run of the trainer: it learns what can be learned, and is a function of its recipe, however often interrupted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.session import Session
from ntp_studio.core.training import HeldOut, Recipe, Trainer
from ntp_studio.core.types import Cancelled, StudioError
from tests import checkpoint_makers as make
from tests.core.training_runs import entropy_rate, markov, recipe, run, surprisal, weights, write


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log, without what a clock told."""
    lines = [json.loads(line) for line in (folder / "training" / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# -- learning ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_loss_falls_from_ln_v_to_the_entropy_of_the_source(tmp_path: Path, optimizer: str) -> None:
    """The text is a Markov chain's: nothing foretells it better than the chain, which costs `surprisal` here."""
    text = markov(40_000)
    path = write(tmp_path, text)
    trainer = Trainer(
        recipe(tmp_path, texts=(path,), width=32, context=32, batch_size=16, steps=150, optimizer=optimizer)
    )
    assert trainer.evaluate().loss == pytest.approx(math.log(257), abs=0.12)
    first = trainer.advance()
    assert first.loss == pytest.approx(math.log(257), abs=0.12)
    held_out = run(trainer).finish().held_out
    floor = surprisal(text[-8001:])
    assert floor == pytest.approx(entropy_rate(), abs=0.02)
    assert held_out.tokens == 8000
    assert floor - 0.002 < held_out.loss < floor + 0.03  # nats per token: 0.03 is what was not yet learned
    assert held_out.bits_per_byte == pytest.approx(held_out.loss / math.log(2))


def test_the_live_model_reads_with_the_present_weights(tmp_path: Path) -> None:
    fast = {"learning_rate": 0.1, "layers": 2, "clip": 1e6}
    trainer = Trainer(recipe(tmp_path, **fast))
    session = Session(trainer.model, seed=1)
    session.set_prompt("abc")
    before = session.frame()
    ids = trainer.model.tokens.encode("abc")
    trainer.model.logits(ids)  # leaves a cache of the weights before
    run(trainer, 3)
    by_cache = trainer.model.logits(ids)
    fresh = Session(trainer.model, seed=1)
    fresh.set_prompt("abc")
    after = fresh.frame()
    with torch.no_grad():
        present = trainer.network(torch.tensor([ids])).logits[0, -1]
    np.testing.assert_allclose(by_cache, present.numpy(), atol=1e-4)
    expected = torch.log_softmax(present.double(), -1)
    for candidate in after.candidates[:5]:
        assert candidate.logprob == pytest.approx(float(expected[candidate.token.id]), abs=1e-4)
    assert before.entropy_bits != after.entropy_bits
    again = Trainer(recipe(tmp_path, output=str(tmp_path / "unwatched"), **fast))
    assert same(weights(run(again, 3)), weights(trainer))  # looking changes nothing


# -- the same again ----------------------------------------------------------------------------------------------------


def test_the_seed_decides(tmp_path: Path) -> None:
    one, again, other = (
        run(Trainer(recipe(tmp_path, output=str(tmp_path / name), seed=seed, dropout=0.2)))
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert same(weights(one), weights(again))
    assert not same(weights(one), weights(other))
    assert log(tmp_path / "a")[1:] == log(tmp_path / "b")[1:]


def test_the_largest_seed_is_one_too(tmp_path: Path) -> None:
    run(Trainer(recipe(tmp_path, seed=2**63 - 1, dropout=0.1)), 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw"},
        {"optimizer": "muon"},
        {"dropout": 0.3},
        {"patience": 6, "evaluate_every": 1, "learning_rate": 1.0, "clip": 1e6},
        {"scope": "lora", "lora_rank": 2, "dropout": 0.2},
        {"scope": "last", "last_blocks": 1},
        {"base": "opt"},
    ],
    ids=lambda changes: "-".join(changes),
)
@pytest.mark.parametrize("killed", [False, True])
def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path: Path, changes: dict[str, Any], killed: bool) -> None:
    changes = {"steps": 9, "checkpoint_steps": (2, 7)} | changes
    if "scope" in changes or "base" in changes:
        # OPT drops out and leaves out layers by its own configuration, whatever the recipe says.
        changes["base"] = str(make.make_hf(tmp_path / "base", changes.get("base", "gpt2")))
    whole = run(Trainer(recipe(tmp_path, output=str(tmp_path / "whole"), **changes)))
    at_the_end, whole_end = weights(whole), whole.finish()
    parts = run(Trainer(recipe(tmp_path, output=str(tmp_path / "parts"), **changes)), 4)
    if killed:
        parts.save_state()
        run(parts, 2)  # done after the state was kept, and lost
    else:
        assert parts.finish(evaluate=False).reason == "stopped"
    del parts
    resumed = Trainer.resume(str(tmp_path / "parts"))
    assert resumed.step == 4
    assert same(weights(run(resumed)), at_the_end)
    resumed_end = resumed.finish()
    assert (resumed_end.step, resumed_end.reason) == (whole_end.step, whole_end.reason)
    assert resumed_end.held_out == whole_end.held_out
    assert same(weights(resumed), weights(whole))
    assert log(tmp_path / "parts") == log(tmp_path / "whole")
    if changes.get("patience"):
        assert whole_end.reason == "early stop"
    files = [
        sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors"))
        for folder in (tmp_path / "whole", tmp_path / "parts")
    ]
    assert files[0] == files[1]
    for name in files[0]:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_a_run_killed_before_any_state_begins_again(tmp_path: Path) -> None:
    trainer = run(Trainer(recipe(tmp_path)), 3)
    beginning = log(tmp_path / "out")[0]
    del trainer
    resumed = Trainer.resume(str(tmp_path / "out"))
    assert resumed.step == 0
    assert log(tmp_path / "out") == [beginning]
    straight = run(Trainer(recipe(tmp_path, output=str(tmp_path / "straight"))))
    assert same(weights(run(resumed)), weights(straight))


def test_state_is_kept_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntp_studio.core.training.trainer.SAVE_EVERY", -1.0)
    run(Trainer(recipe(tmp_path)), 5)
    assert Trainer.resume(str(tmp_path / "out")).step == 5


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    end = run(Trainer(recipe(tmp_path))).finish()
    assert (end.reason, end.step, end.folder) == ("done", 8, tmp_path / "out")
    resumed = Trainer.resume(str(tmp_path / "out"))
    assert resumed.finished == "done"
    assert resumed.finish().held_out == end.held_out
    assert [line["event"] for line in log(tmp_path / "out")].count("end") == 1


def test_a_run_goes_on_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    write(tmp_path, markov(2000))
    trainer = run(Trainer(recipe(tmp_path, texts=("text.txt",), output="out")), 2)
    trainer.finish(evaluate=False)
    monkeypatch.chdir(tmp_path / "here")
    assert run(Trainer.resume(str(tmp_path / "out"))).step == 8


# -- the learning rate and the gradient --------------------------------------------------------------------------------


@given(steps=st.integers(1, 300), warmup=st.integers(0, 400), peak=st.floats(1e-6, 1))
def test_learning_rate_rises_then_falls(steps: int, warmup: int, peak: float) -> None:
    trainer = object.__new__(Trainer)
    trainer.recipe = Recipe(("x",), "y", steps=steps, learning_rate=peak, warmup_steps=warmup)
    trainer.total_steps = steps
    rates = [trainer.learning_rate(step) for step in range(steps)]
    top = int(np.argmax(rates))
    assert max(rates) == pytest.approx(peak)
    assert min(rates) > 0
    assert top <= steps // 2
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if warmup > 1 and steps > 4:
        assert rates[0] == pytest.approx(peak / min(warmup, steps // 2))
    if steps >= 100:
        assert rates[-1] < 0.02 * peak


def test_a_long_gradient_is_cut_to_the_length_allowed(tmp_path: Path) -> None:
    """With plain Adam the length of a gradient does not matter to the first update; its own state shows it."""
    states = {}
    for clip in (1e6, 0.01):
        trainer = Trainer(recipe(tmp_path, output=str(tmp_path / f"{clip}"), clip=clip))
        update = trainer.advance()
        averages = [state["exp_avg"] for state in trainer._optimizers[0].state.values()]
        states[clip] = float(torch.cat([a.flatten() for a in averages]).norm()) / 0.1  # 1 - beta1
        assert update.gradient_norm > 0.05
    assert states[1e6] == pytest.approx(update.gradient_norm, rel=1e-3)
    assert states[0.01] == pytest.approx(0.01, rel=1e-3)


def test_biases_and_gains_are_not_decayed(tmp_path: Path) -> None:
    trainer = Trainer(recipe(tmp_path, weight_decay=0.3))
    groups = trainer._optimizers[0].param_groups
    assert [(group["weight_decay"], {p.ndim for p in group["params"]}) for group in groups] == [(0.3, {2}), (0.0, {1})]
    assert sum(len(group["params"]) for group in groups) == len(list(trainer.network.parameters()))


# -- looking and keeping -----------------------------------------------------------------------------------------------


def test_checkpoints_are_kept_at_their_steps_and_open(tmp_path: Path) -> None:
    trainer = Trainer(recipe(tmp_path, checkpoint_steps=(1, 5, 99), checkpoint_every=3))
    kept: dict[int, dict[str, torch.Tensor]] = {}
    while not trainer.finished:
        update = trainer.advance()
        assert (update.checkpoint is not None) == (update.step in (1, 3, 5, 6))
        assert (update.held_out is not None) == (update.step in (1, 3, 5, 6, 8))
        if update.checkpoint:
            kept[update.step] = weights(trainer)
    trainer.finish()
    assert {path.name for path in (tmp_path / "out").glob("checkpoint-*")} == {f"checkpoint-{n}" for n in kept}
    for step, expected in kept.items():
        opened = checkpoints.load(tmp_path / "out" / f"checkpoint-{step}", device="cpu")
        assert same(dict(opened.network.named_parameters()), expected)
    assert not (tmp_path / "out" / "training" / "part").exists()


def test_the_result_is_an_ordinary_hugging_face_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    text = write(tmp_path, "né 漢字 🙂 ok. The cat sat.\n" * 200)
    trainer = run(Trainer(recipe(tmp_path, texts=(text,), vocab_size=300)))
    trainer.finish()
    assert capfd.readouterr() == ("", "")  # neither bars nor advice of the libraries
    folder = tmp_path / "out"
    network, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ours = checkpoints.load(folder, device="cpu")
    ids = tokenizer("The né cat 漢")["input_ids"]
    assert ids == ours.tokens.encode("The né cat 漢")
    with torch.no_grad():
        theirs = network(torch.tensor([ids])).logits[0, -1].numpy()
    np.testing.assert_allclose(ours.logits(ids), theirs, atol=1e-5)
    assert same(dict(network.named_parameters()), weights(trainer))
    assert tokenizer.eos_token_id == network.config.eos_token_id == ours.tokens.encode("<|endoftext|>")[0]
    assert ours.info.context_length == network.config.n_positions == 16


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_saving_in_half_precision_rounds_and_no_more(tmp_path: Path, dtype: str) -> None:
    trainer = run(Trainer(recipe(tmp_path, save_dtype=dtype, checkpoint_steps=(4,))))
    trainer.finish()
    assert next(trainer.network.parameters()).dtype == torch.float32
    opened = checkpoints.load(tmp_path / "out", device="cpu", dtype="float32")
    rounded = {name: weight.to(getattr(torch, dtype)).float() for name, weight in weights(trainer).items()}
    assert same(dict(opened.network.named_parameters()), rounded)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == dtype
    full = run(Trainer(recipe(tmp_path, output=str(tmp_path / "full"))))
    assert same(weights(full), weights(trainer))  # what is kept on the way does not touch the run


def test_an_early_stop_gives_the_best_weights_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0, 1.0])
    trainer = Trainer(recipe(tmp_path, steps=50, evaluate_every=2, patience=2))
    monkeypatch.setattr(trainer, "evaluate", lambda **_: HeldOut(next(losses), 10, 10))
    seen = {}
    while not trainer.finished:
        if trainer.advance().held_out:
            seen[trainer.step] = weights(trainer)
    assert (trainer.finished, trainer.step, trainer.best) == ("early stop", 8, HeldOut(2.0, 10, 10))
    end = trainer.finish()
    assert end.reason == "early stop"
    opened = checkpoints.load(end.folder, device="cpu")
    assert same(dict(opened.network.named_parameters()), seen[4])
    assert not same(seen[4], seen[8])


def test_without_held_out_text_nothing_is_measured_and_nothing_stops_early(tmp_path: Path) -> None:
    trainer = run(Trainer(recipe(tmp_path, held_out=0.0)))
    assert trainer.step == 8
    assert trainer.finish().held_out is None
    with pytest.raises(StudioError, match="early stop needs held-out text"):
        Trainer(recipe(tmp_path, held_out=0.0, patience=1, output=str(tmp_path / "other")))


@pytest.mark.parametrize(("epochs", "steps"), [(1.0, 74), (0.5, 37), (0.001, 1)])
def test_epochs_are_passes_over_the_text(tmp_path: Path, epochs: float, steps: int) -> None:
    trainer = Trainer(recipe(tmp_path, steps=None, epochs=epochs))
    assert trainer.blocks.per_epoch == (4800 - 1) // 16 - 1 == 298
    assert trainer.total_steps == math.ceil(epochs * 298 / 4) or steps == 1
    assert trainer.total_steps in (steps, steps + 1)


def test_cancelling_while_measuring_keeps_the_result(tmp_path: Path) -> None:
    trainer = run(Trainer(recipe(tmp_path)))
    end = trainer.finish(cancelled=lambda: True)
    assert (end.reason, end.held_out) == ("done", None)
    assert same(dict(checkpoints.load(end.folder, device="cpu").network.named_parameters()), weights(trainer))


def test_cancelling_before_the_first_step_leaves_nothing(tmp_path: Path) -> None:
    heard: list[str] = []
    with pytest.raises(Cancelled):
        Trainer(recipe(tmp_path), progress=lambda m, f: heard.append(m), cancelled=lambda: len(heard) > 1)
    assert len(heard) == 2
    assert not (tmp_path / "out").exists()
    assert Trainer(recipe(tmp_path)).step == 0
