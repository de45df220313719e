"""Training on from a checkpoint: what may change and what may not, and results that open again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.training import Recipe, Trainer
from ntp_studio.core.types import StudioError
from tests import checkpoint_makers as make
from tests.core.training_runs import markov, recipe, run, weights, write


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def on_base(tmp_path: Path, base: Path, **changes: Any) -> Recipe:
    text = write(tmp_path, markov(3000))
    return recipe(tmp_path, **({"texts": (text,), "base": str(base), "steps": 30, "learning_rate": 1e-2} | changes))


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gpt_neox"])
@pytest.mark.parametrize(
    ("scope", "may_change"), [("all", ("",)), ("last", (".1.",)), ("lora", ("lora_",))], ids=["all", "last", "lora"]
)
def test_the_loss_falls_and_only_what_may_change_does(
    tmp_path: Path, architecture: str, scope: str, may_change: tuple[str, ...]
) -> None:
    base = make.make_hf(tmp_path / "base", architecture)
    trainer = Trainer(on_base(tmp_path, base, scope=scope, last_blocks=1))
    untouched = weights(trainer)
    before = trainer.evaluate()
    run(trainer)
    after = trainer.finish().held_out
    assert before is not None
    assert after is not None
    assert after.loss < 0.8 * before.loss
    changed = {name for name, weight in weights(trainer).items() if not torch.equal(weight, untouched[name])}
    assert changed == {name for name in untouched if any(sign in name for sign in may_change)} != set()
    assert trainer.learning == sum(untouched[name].numel() for name in changed)
    assert trainer.parameters == sum(weight.numel() for weight in untouched.values())
    opened = checkpoints.load(tmp_path / "out", device="cpu")
    measured = opened.network.state_dict()
    if scope != "lora":
        assert all(torch.equal(measured[name], weight) for name, weight in weights(trainer).items())
    # The base on disk is as it was.
    assert all(torch.equal(w, untouched.get(n, w)) for n, w in make.network(architecture).named_parameters())


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_lora_result_opens_with_the_logits_that_were_trained(tmp_path: Path, architecture: str, dtype: str) -> None:
    base = make.make_hf(tmp_path / "base", architecture, chat_template=True)
    trainer = Trainer(on_base(tmp_path, base, scope="lora", lora_rank=3, checkpoint_steps=(10,), save_dtype=dtype))
    run(trainer).finish()
    folder = tmp_path / "out"
    assert {file.name for file in folder.glob("*.safetensors")} == {"adapter_model.safetensors"}
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    opened = checkpoints.load(folder, device="cpu")
    assert opened.info.name == "out on base"
    assert opened.info.has_chat_template
    ids = opened.tokens.encode("abc dab")
    with torch.no_grad():
        trained = trainer.network(input_ids=torch.tensor([ids])).logits[0, -1].numpy()
    # Merged, the same products are added in another order; rounding the small matrices shows more.
    np.testing.assert_allclose(opened.logits(ids), trained, atol=2e-5 if dtype == "float32" else 0.3)
    assert np.abs(checkpoints.load(base, device="cpu").logits(ids) - trained).max() > 1
    assert trainer.model.logits(ids) == pytest.approx(trained, abs=2e-5)
    session = opened.start("abc", seed=3)
    assert [session.step().step for _ in range(3)] == [1, 2, 3]
    early = checkpoints.load(folder / "checkpoint-10", device="cpu").logits(ids)
    assert np.abs(early - trained).max() > 0.01


def test_training_goes_on_from_an_adapter_and_from_a_result(tmp_path: Path) -> None:
    base = make.make_hf(tmp_path / "base")
    run(Trainer(on_base(tmp_path, base, scope="lora"))).finish()
    on_top = Trainer(on_base(tmp_path, tmp_path / "out", scope="lora", output=str(tmp_path / "second")))
    run(on_top).finish()
    opened = checkpoints.load(tmp_path / "second", device="cpu")
    assert opened.info.name == "second on out on base"
    ids = opened.tokens.encode("abc dab")
    np.testing.assert_allclose(opened.logits(ids), on_top.model.logits(ids), atol=2e-5)
    whole = Trainer(on_base(tmp_path, tmp_path / "out", scope="all", output=str(tmp_path / "third")))
    run(whole).finish()
    assert not (tmp_path / "third" / "adapter_config.json").exists()
    third = checkpoints.load(tmp_path / "third", device="cpu")
    np.testing.assert_allclose(third.logits(ids), whole.model.logits(ids), atol=1e-5)


@pytest.mark.parametrize("scope", ["all", "lora"])
def test_a_gguf_file_can_be_trained_on(tmp_path: Path, scope: str) -> None:
    base = make.make_gguf(tmp_path / "gguf", quantization="Q8_0")
    trainer = Trainer(on_base(tmp_path, base, scope=scope, steps=5, checkpoint_steps=(3,)))
    run(trainer).finish()
    opened = checkpoints.load(tmp_path / "out", device="cpu")
    ids = opened.tokens.encode("abc dab")
    assert ids == trainer.model.tokens.encode("abc dab")
    np.testing.assert_allclose(opened.logits(ids), trainer.model.logits(ids), atol=2e-5)
    assert Trainer.resume(str(tmp_path / "out")).finished == "done"


def test_a_nanogpt_model_of_characters_is_refused_in_a_sentence(tmp_path: Path) -> None:
    base = make.make_nanogpt(tmp_path / "nano")
    with pytest.raises(StudioError, match="train a model of your own from scratch"):
        Trainer(on_base(tmp_path, base))
    assert not (tmp_path / "out").exists()


def test_generation_settings_that_transformers_would_not_write_do_not_lose_a_run(tmp_path: Path) -> None:
    """Many models bring a temperature without do_sample, which some transformers read and refuse to write."""
    base = make.make_hf(tmp_path / "base", "llama")
    settings = base / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"temperature": 0.6, "top_p": 0.9}))
    trainer = Trainer(on_base(tmp_path, base, steps=2))
    run(trainer).finish()
    assert checkpoints.load(tmp_path / "out", device="cpu").info.parameters == trainer.parameters


@pytest.mark.parametrize("architecture", make.ARCHITECTURES)
def test_the_last_blocks_are_found(tmp_path: Path, architecture: str) -> None:
    base = make.make_hf(tmp_path / "base", architecture)
    trainer = Trainer(on_base(tmp_path, base, scope="last", last_blocks=1, steps=1))
    learning = [name for name, weight in trainer.network.named_parameters() if weight.requires_grad]
    assert learning
    assert all(".1." in name for name in learning)
    with pytest.raises(StudioError, match="has 2 blocks, fewer than 3"):
        Trainer(on_base(tmp_path, base, scope="last", last_blocks=3, output=str(tmp_path / "more")))


@pytest.mark.parametrize("scope", ["all", "lora"])
def test_dropout_is_that_of_the_recipe(tmp_path: Path, scope: str) -> None:
    """GPT-2's own configuration drops a tenth."""
    base = make.make_hf(tmp_path / "base")
    for dropout in (0.0, 0.4):
        trainer = Trainer(on_base(tmp_path, base, scope=scope, dropout=dropout, output=str(tmp_path / f"{dropout}")))
        batch = torch.from_numpy(trainer.blocks.batch(0))
        with torch.no_grad():
            scores = trainer.network(input_ids=batch[:, :-1]).logits
        whole = float(torch.nn.functional.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten()))
        loss = trainer.advance().loss
        assert (loss == pytest.approx(whole, rel=1e-5)) == (dropout == 0)


def test_blocks_are_no_longer_than_the_base_reads(tmp_path: Path) -> None:
    base = make.make_hf(tmp_path / "base", context=12)
    trainer = Trainer(on_base(tmp_path, base, context=512, steps=1))
    assert trainer.context == 12
    assert trainer.advance().tokens == 4 * 12
