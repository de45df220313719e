"""Adapters of peft open merged into their base, wherever that lies; and say in a sentence why they cannot."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ntp_studio.core import checkpoints, devices, discovery
from ntp_studio.core.checkpoints import fit
from ntp_studio.core.checkpoints.adapter import CONFIG
from ntp_studio.core.types import CheckpointError, NotEnoughMemory
from tests import checkpoint_makers as make

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def make_adapter(folder: Path, base: Path, *, kind: str = "LoraConfig", named: str = "", **settings: Any) -> np.ndarray:
    """A random adapter for `base` as peft itself saves it; the logits that peft gives with it after "The cat"."""
    import peft

    usual = (
        {"lora_alpha": 8, "target_modules": "all-linear", "init_lora_weights": False} if kind == "LoraConfig" else {}
    )
    config = getattr(peft, kind)(
        r=4, task_type="CAUSAL_LM", base_model_name_or_path=named or str(base), **(usual | settings)
    )
    network = checkpoints.load(base, device="cpu", dtype="float32").network
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        adapted = peft.PeftModelForCausalLM(network, config).eval()
        adapted.save_pretrained(folder, save_embedding_layers=False)
    ids = make.tokenizer()("The cat")["input_ids"]
    with torch.no_grad():
        logits: np.ndarray = adapted(input_ids=torch.tensor([ids])).logits[0, -1].numpy()
    return logits


def logits(path: Path, **settings: Any) -> np.ndarray:
    model = checkpoints.load(path, device="cpu", **settings)
    return model.logits(model.tokens.encode("The cat"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make.make_hf(tmp_path / "base", "llama")


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gpt_neox", "bloom", "phi"])
def test_logits_are_those_of_peft_and_figures_those_of_the_base(tmp_path: Path, architecture: str) -> None:
    base, folder = make.make_hf(tmp_path / "base", architecture), tmp_path / "mine"
    expected = make_adapter(folder, base, fan_in_fan_out=architecture == "gpt2")
    looked, alone = checkpoints.look(folder), checkpoints.look(base)
    model = checkpoints.load(folder, device="cpu")
    np.testing.assert_allclose(model.logits(model.tokens.encode("The cat")), expected, atol=1e-5, rtol=1e-5)
    assert np.abs(expected - logits(base)).max() > 0.5
    assert looked.name == model.info.name == "mine on base"
    assert looked.path == model.info.path == str(folder)
    assert looked.parameters == model.info.parameters == alone.parameters
    assert (looked.vocab_size, looked.context_length) == (alone.vocab_size, alone.context_length)
    assert looked.weight_bytes == alone.weight_bytes + (folder / WEIGHTS).stat().st_size
    own = sum(weight.numel() for weight in load_file(folder / WEIGHTS).values())
    assert looked.notes[-1] == f"The adapter (LoRA of rank 4, {own:,} weights) is merged into {base}."
    assert looked.notes[-1] in model.info.notes
    assert model.info.memory_bytes == 4 * model.info.parameters
    assert not any("lora" in name for name, _ in model.network.named_modules())
    assert not any(weight.requires_grad for weight in model.network.parameters())
    assert model.start("The cat", seed=1).step().step == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"use_rslora": True},
        {"use_dora": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 3}},
        {"target_modules": ["q_proj", "v_proj", "lm_head"]},
        {"target_modules": ["v_proj", "embed_tokens"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"bias": "all"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_every_form_of_lora(tmp_path: Path, base: Path, settings: dict[str, Any]) -> None:
    expected = make_adapter(tmp_path / "mine", base, **settings)
    np.testing.assert_allclose(logits(tmp_path / "mine"), expected, atol=1e-5, rtol=1e-4)


def test_another_kind_that_can_be_merged(tmp_path: Path, base: Path) -> None:
    expected = make_adapter(
        tmp_path / "mine", base, kind="LoKrConfig", alpha=8, init_weights=False, target_modules=["q_proj", "up_proj"]
    )
    np.testing.assert_allclose(logits(tmp_path / "mine"), expected, atol=1e-5, rtol=1e-4)
    assert np.abs(expected - logits(base)).max() > 0.1
    assert "LOKR of rank 4" in checkpoints.look(tmp_path / "mine").notes[-1]


# -- where the base lies -----------------------------------------------------------------------------------------------


def test_the_base_is_found_from_the_adapters_folder(tmp_path: Path, base: Path) -> None:
    expected = make_adapter(base / "adapters" / "mine", base, named="../..")
    np.testing.assert_allclose(logits(base / "adapters" / "mine"), expected, atol=1e-5, rtol=1e-5)
    moved = tmp_path / "elsewhere"
    base.rename(moved)
    assert checkpoints.look(moved / "adapters" / "mine").name == "mine on elsewhere"


def test_the_base_is_found_in_the_hugging_face_cache(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    expected = make_adapter(tmp_path / "mine", base, named="someone/tiny")
    sentence = refused(tmp_path / "mine")
    assert "its base model someone/tiny is not on this machine" in sentence
    repository = hub / "models--someone--tiny"
    shutil.copytree(base, repository / "snapshots" / "aaa")
    np.testing.assert_allclose(logits(tmp_path / "mine"), expected, atol=1e-5, rtol=1e-5)
    assert checkpoints.look(tmp_path / "mine").name == "mine on someone/tiny"
    # Of several, the revision that the adapter was trained on.
    make.make_hf(repository / "snapshots" / "bbb", "llama", seed=5)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("bbb")
    (repository / "refs" / "v1").write_text("aaa")
    assert np.abs(logits(tmp_path / "mine") - expected).max() > 0.1
    change(tmp_path / "mine", revision="v1")
    np.testing.assert_allclose(logits(tmp_path / "mine"), expected, atol=1e-5, rtol=1e-5)


def test_the_cache_lists_adapters(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub"
    for name, value in (("HF_HUB_CACHE", hub), ("LLAMA_CACHE", tmp_path / "none")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(discovery, "_bundled", list)
    make_adapter(hub / "models--a--adapter" / "snapshots" / "x", base)
    make_adapter(hub / "models--a--lost" / "snapshots" / "x", base, named="someone/gone")
    other = hub / "models--a--classifier" / "snapshots" / "x"
    make_adapter(other, base)
    change(other, task_type="SEQ_CLS")
    listings = {listing.name: listing for listing in discovery.found()}
    assert set(listings) == {"a/adapter on base", "a/lost"}
    assert not listings["a/adapter on base"].problem
    assert listings["a/adapter on base"].format == "adapter"
    assert "base model someone/gone is not on this machine" in listings["a/lost"].problem


@pytest.mark.parametrize("quantization", ["F32", "Q8_0"])
def test_the_base_may_be_a_gguf_file(tmp_path: Path, quantization: str) -> None:
    base = make.make_gguf(tmp_path / "gguf", quantization=quantization)
    expected = make_adapter(tmp_path / "mine", base)
    np.testing.assert_allclose(logits(tmp_path / "mine"), expected, atol=1e-5, rtol=1e-5)
    assert checkpoints.look(tmp_path / "mine").name == f"mine on tiny-{quantization}"


def test_an_adapter_may_stand_on_an_adapter_but_not_on_itself(tmp_path: Path, base: Path) -> None:
    make_adapter(tmp_path / "first", base)
    expected = make_adapter(tmp_path / "second", tmp_path / "first")
    np.testing.assert_allclose(logits(tmp_path / "second"), expected, atol=1e-4, rtol=1e-4)
    change(tmp_path / "first", base_model_name_or_path="../second")
    assert "has itself for its base" in refused(tmp_path / "second")
    change(tmp_path / "first", base_model_name_or_path=".")
    assert "has itself for its base" in refused(tmp_path / "first")


def test_every_way_to_point_at_it(tmp_path: Path, base: Path) -> None:
    folder = tmp_path / "mine"
    make_adapter(folder, base)
    for path in (folder, str(folder), folder / CONFIG, folder / WEIGHTS):
        assert checkpoints.look(path).name == "mine on base"
    # A whole model with an adapter beside it is that model, and the adapter when its file is named.
    for file in base.iterdir():
        shutil.copy(file, folder / file.name)
    assert checkpoints.look(folder).name == "mine"


def test_its_own_tokenizer_and_chat_template_come_first(tmp_path: Path, base: Path) -> None:
    make_adapter(tmp_path / "mine", base)
    assert not checkpoints.load(tmp_path / "mine", device="cpu").info.has_chat_template
    make.tokenizer(chat_template=True).save_pretrained(tmp_path / "mine")
    assert checkpoints.look(tmp_path / "mine").has_chat_template
    assert checkpoints.load(tmp_path / "mine", device="cpu").info.has_chat_template


# -- memory and dtypes -------------------------------------------------------------------------------------------------


def test_the_memory_check_counts_base_and_adapter(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter(tmp_path / "mine", base)
    asked: list[int] = []
    monkeypatch.setattr(devices, "free_memory", lambda device: 10**12)
    needed = {}
    for path in (base, tmp_path / "mine"):
        description = checkpoints._describe(path)
        needed[path] = fit.memory_needed(description, "cpu", "float32")
        asked.append(description.info.parameters)
    assert asked[0] == asked[1]
    own = sum(weight.numel() for weight in load_file(tmp_path / "mine" / WEIGHTS).values())
    largest = max(weight.numel() for name, weight in make.network("llama").named_parameters() if "layers" in name)
    assert needed[tmp_path / "mine"] == needed[base] + 2 * 4 * (own + largest)
    monkeypatch.setattr(devices, "free_memory", lambda device: needed[base])
    checkpoints.check(base, device="cpu")
    with pytest.raises(NotEnoughMemory, match="mine on base needs"):
        checkpoints.check(tmp_path / "mine", device="cpu")


def test_half_precision(tmp_path: Path, base: Path) -> None:
    expected = make_adapter(tmp_path / "mine", base)
    model = checkpoints.load(tmp_path / "mine", device="cpu", dtype="bfloat16")
    assert {weight.dtype for weight in model.network.parameters()} == {torch.bfloat16}
    np.testing.assert_allclose(model.logits(model.tokens.encode("The cat")), expected, atol=0.5)
    assert model.info.memory_bytes == 2 * model.info.parameters


# -- what cannot be opened ---------------------------------------------------------------------------------------------


def change(folder: Path, **settings: Any) -> None:
    file = folder / CONFIG
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def refused(path: Path) -> str:
    """The sentence with which a cheap look and a load refuse alike."""
    with pytest.raises(CheckpointError) as raised:
        checkpoints.look(path)
    assert "\n" not in str(raised.value)
    with pytest.raises(CheckpointError):
        checkpoints.load(path, device="cpu")
    return str(raised.value)


def load_refused(path: Path) -> str:
    checkpoints.look(path)
    with pytest.raises(CheckpointError) as raised:
        checkpoints.load(path, device="cpu")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "of a kind (PREFIX_TUNING)"),
        ({"peft_type": None}, "of a kind (None)"),
        ({"peft_type": ["LORA"]}, "of a kind"),
        ({"task_type": "SEQ_CLS"}, "another task (SEQ_CLS)"),
        ({"base_model_name_or_path": None}, "does not say which model it belongs to"),
        ({"base_model_name_or_path": 7}, "does not say which model it belongs to"),
        ({"base_model_name_or_path": "/gone/base"}, "base model /gone/base is not on this machine"),
        ({"base_model_name_or_path": "nul\0"}, "is not on this machine"),
        ({"base_model_name_or_path": "../empty"}, "is empty"),
    ],
)
def test_a_config_that_leads_nowhere(tmp_path: Path, base: Path, settings: dict[str, Any], words: str) -> None:
    (tmp_path / "empty").mkdir()
    make_adapter(tmp_path / "mine", base)
    change(tmp_path / "mine", **settings)
    assert words in refused(tmp_path / "mine")


@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_a_config_that_is_no_json(tmp_path: Path, base: Path, content: str) -> None:
    make_adapter(tmp_path / "mine", base)
    (tmp_path / "mine" / CONFIG).write_text(content)
    assert CONFIG in refused(tmp_path / "mine")


def test_weights_that_are_missing_damaged_or_of_another_model(tmp_path: Path, base: Path) -> None:
    folder = tmp_path / "mine"
    make_adapter(folder, base)
    file = folder / WEIGHTS
    whole, weights = file.read_bytes(), load_file(file)
    file.write_bytes(whole[:-100])
    assert "damaged" in refused(folder)
    file.unlink()
    assert "has no weights" in refused(folder)
    fewer = dict(list(weights.items())[1:])
    save_file(fewer, file)
    assert "does not fit its base model base" in load_refused(folder)
    save_file(weights | {"base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight": torch.zeros(4, 32)}, file)
    assert "does not fit its base model base" in load_refused(folder)
    save_file({name: weight * float("nan") for name, weight in weights.items()}, file)
    assert "its weights are damaged" in load_refused(folder)
    file.write_bytes(whole)
    for other, settings in (("gpt2", {}), ("llama", {"hidden": 64}), ("llama", {"layers": 1})):
        shutil.rmtree(base)
        make.make_hf(base, other, **settings)
        assert "does not fit its base model base" in load_refused(folder)


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickled_weights_open_as_plain_data_only(tmp_path: Path, base: Path) -> None:
    folder = tmp_path / "mine"
    expected = make_adapter(folder, base)
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    torch.save(weights, folder / "adapter_model.bin")
    np.testing.assert_allclose(logits(folder), expected, atol=1e-5, rtol=1e-5)
    torch.save(weights | {"x": _Touch(tmp_path / "executed")}, folder / "adapter_model.bin")
    assert "was not opened" in refused(folder)
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(_Touch(tmp_path / "executed")))
    load_refused(folder)
    assert not (tmp_path / "executed").exists()


def test_without_peft_the_sentence_names_the_extra(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter(tmp_path / "mine", base)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "ntp-studio[lora]"' in load_refused(tmp_path / "mine")


def test_settings_of_a_newer_peft_are_told(tmp_path: Path, base: Path) -> None:
    expected = make_adapter(tmp_path / "mine", base)
    change(tmp_path / "mine", use_something_new=False)
    model = checkpoints.load(tmp_path / "mine", device="cpu")
    assert "unknown to the installed peft and were left out: use_something_new" in model.info.notes[-1]
    np.testing.assert_allclose(logits(tmp_path / "mine"), expected, atol=1e-5, rtol=1e-5)
