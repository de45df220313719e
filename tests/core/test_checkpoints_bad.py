"""Everything that cannot be opened is refused in one sentence that says what to do, and leaves nothing behind."""

from __future__ import annotations

import gc
import json
import os
import pickle
import re
import shutil
import struct
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.types import Cancelled, CheckpointError, DeviceError, NotEnoughMemory, StudioError
from tests import checkpoint_makers as make

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 548105171\n"


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def refusal(path: Path | str, kind: type[StudioError] = CheckpointError, **settings: Any) -> str:
    """The sentence that a load is refused with."""
    with pytest.raises(kind) as caught:
        checkpoints.load(path, **settings)
    sentence = str(caught.value)
    assert re.fullmatch(r"[A-Z\"/~].*[.]", sentence) or sentence[0].isalnum(), sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert sentence.endswith(".")
    assert ";" in sentence or "choose" in sentence, f"does not say what to do next: {sentence}"
    assert caught.value.__context__ is None  # its traceback would keep the half-loaded model
    return sentence


def looks_refused(path: Path | str) -> str:
    """As `refusal`, and the cheap look refuses it too, in the same words."""
    with pytest.raises(CheckpointError) as caught:
        checkpoints.look(path)
    assert str(caught.value) == refusal(path)
    return str(caught.value)


def set_config(folder: Path, **settings: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


# -- nothing there -----------------------------------------------------------------------------------------------------


def test_missing_path(tmp_path: Path) -> None:
    assert "nothing at" in looks_refused(tmp_path / "absent")


def test_no_path_at_all() -> None:
    looks_refused("")
    with pytest.raises(CheckpointError):
        checkpoints.look("a\0b")


def test_empty_folder(tmp_path: Path) -> None:
    assert "is empty" in looks_refused(tmp_path)


def test_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "holds no model" in looks_refused(tmp_path)
    assert "not a model file" in looks_refused(tmp_path / "notes.txt")


def test_weights_without_config(tmp_path: Path) -> None:
    (make.make_hf(tmp_path) / "config.json").unlink()
    assert "config.json" in looks_refused(tmp_path)
    assert "config.json" in looks_refused(tmp_path / "model.safetensors")


def test_config_without_weights(tmp_path: Path) -> None:
    (make.make_hf(tmp_path) / "model.safetensors").unlink()
    assert "no weights" in looks_refused(tmp_path)


def test_adapter_alone(tmp_path: Path) -> None:
    (make.make_hf(tmp_path) / "model.safetensors").unlink()
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "is an adapter of a kind (None)" in looks_refused(tmp_path)


def test_several_gguf_files(tmp_path: Path) -> None:
    make.make_gguf(tmp_path)
    make.make_gguf(tmp_path, quantization="F16")
    assert "2 .gguf files" in looks_refused(tmp_path)


def test_cache_entry_without_a_snapshot(tmp_path: Path) -> None:
    (tmp_path / "models--a--b" / "snapshots").mkdir(parents=True)
    assert "no finished download" in looks_refused(tmp_path / "models--a--b")


# -- broken files ------------------------------------------------------------------------------------------------------


def broken_by(change: str, content: bytes) -> bytes:
    return {
        "empty": b"",
        "truncated": content[: len(content) // 2],
        "head only": content[:100],
        "few bytes": content[:5],
        "garbage": bytes(range(256)) * 64,
        "text": b"<html>404 not found</html>",
        "pointer": POINTER,
        "longer": content + b"more",
    }[change]


CHANGES = ("empty", "truncated", "head only", "few bytes", "garbage", "text", "pointer")


def check_words(change: str, sentence: str) -> None:
    wanted = {"empty": "is empty", "pointer": "git lfs pull"}.get(change)
    if wanted:
        assert wanted in sentence
    else:
        assert "damaged" in sentence or "cut short" in sentence or "not a GGUF" in sentence, sentence


@pytest.mark.parametrize("change", [*CHANGES, "longer"])
def test_broken_safetensors(tmp_path: Path, change: str) -> None:
    file = make.make_hf(tmp_path) / "model.safetensors"
    file.write_bytes(broken_by(change, file.read_bytes()))
    check_words(change, looks_refused(tmp_path))


@pytest.mark.parametrize("change", CHANGES)
def test_broken_bin(tmp_path: Path, change: str) -> None:
    file = make.make_hf(tmp_path, safetensors=False) / "pytorch_model.bin"
    file.write_bytes(broken_by(change, file.read_bytes()))
    check_words(change, refusal(tmp_path))


@pytest.mark.parametrize("change", CHANGES)
def test_broken_gguf(tmp_path: Path, change: str) -> None:
    file = make.make_gguf(tmp_path)
    file.write_bytes(broken_by(change, file.read_bytes()))
    check_words(change, looks_refused(file))


def test_gguf_that_lacks_its_last_bytes(tmp_path: Path) -> None:
    file = make.make_gguf(tmp_path)
    file.write_bytes(file.read_bytes()[:-64])
    assert "cut short" in looks_refused(file)


@pytest.mark.parametrize("position", range(4, 2000, 61))
def test_gguf_with_a_wrong_byte_never_fails_otherwise(tmp_path: Path, position: int) -> None:
    file = make.make_gguf(tmp_path)
    content = bytearray(file.read_bytes())
    content[position] ^= 0xFF
    file.write_bytes(content)
    with suppress(CheckpointError):  # a wrong byte in a number or a name may go unnoticed; nothing else may come out
        assert checkpoints.look(file).path == str(file)


@pytest.mark.parametrize("change", CHANGES)
def test_broken_nanogpt(tmp_path: Path, change: str) -> None:
    file = make.make_nanogpt(tmp_path) / "ckpt.pt"
    file.write_bytes(broken_by(change, file.read_bytes()))
    check_words(change, refusal(tmp_path))


def test_bin_in_the_old_form_opens_or_is_refused_clearly(tmp_path: Path) -> None:
    file = make.make_hf(tmp_path, safetensors=False) / "pytorch_model.bin"
    torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=False)
    assert checkpoints.load(tmp_path).info.parameters == sum(p.numel() for p in make.network("gpt2").parameters())
    file.write_bytes(file.read_bytes()[:20000])
    assert "damaged" in refusal(tmp_path)


def test_index_that_names_a_missing_file(tmp_path: Path) -> None:
    make.make_hf(tmp_path, "llama", shards=3)
    gone = sorted(tmp_path.glob("*.safetensors"))[1]
    gone.unlink()
    assert gone.name in looks_refused(tmp_path)
    (tmp_path / "model.safetensors.index.json").unlink()
    assert re.search(r"holds \d of \d weight files", looks_refused(tmp_path))


@pytest.mark.parametrize("index", ["{}", "[]", "no json", '{"weight_map": {"a": "../../etc/passwd"}}'])
def test_index_that_is_none(tmp_path: Path, index: str) -> None:
    make.make_hf(tmp_path, "llama", shards=3)
    (tmp_path / "model.safetensors.index.json").write_text(index)
    looks_refused(tmp_path)


@pytest.mark.parametrize("config", ["", "{", "[1, 2]", "null", "\xff\xfe"])
def test_config_that_is_none(tmp_path: Path, config: str) -> None:
    (make.make_hf(tmp_path) / "config.json").write_bytes(config.encode("latin-1"))
    assert "JSON" in looks_refused(tmp_path)


def test_weights_of_other_shapes_than_config_says(tmp_path: Path) -> None:
    set_config(make.make_hf(tmp_path, "llama"), intermediate_size=48)
    assert "shapes" in refusal(tmp_path)


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = make.make_hf(tmp_path, "llama") / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, {"format": "pt"})
    sentence = refusal(tmp_path)
    assert sentence.startswith("Weights of")
    assert "up_proj" in sentence


def test_untied_head_must_be_there(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = make.make_hf(tmp_path, "llama", tie_word_embeddings=False) / "model.safetensors"
    weights = load_file(file)
    del weights["lm_head.weight"]
    save_file(weights, file, {"format": "pt"})
    assert "lm_head" in refusal(tmp_path)


def test_tensors_without_a_place_are_noted(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = make.make_hf(tmp_path, "llama") / "model.safetensors"
    save_file(load_file(file) | {"model.extra.weight": torch.ones(2)}, file, {"format": "pt"})
    assert any("extra" in note for note in checkpoints.load(tmp_path).info.notes)


# -- not for this program ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("bert", {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}),
        ("distilbert", {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}),
        ("t5", {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 16, "d_kv": 8}),
        ("bart", {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16}),
        ("vit", {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}),
    ],
)
def test_other_kinds_of_model(tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    from transformers import AutoConfig

    make.make_hf(tmp_path)
    AutoConfig.for_model(kind, **settings).save_pretrained(tmp_path)
    assert "is not a decoder-only language model" in refusal(tmp_path)


def write_gguf(file: Path, architecture: str) -> None:
    import gguf

    writer = gguf.GGUFWriter(file, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", torch.ones(4, 4).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_gguf_of_another_kind(tmp_path: Path) -> None:
    write_gguf(tmp_path / "encoder.gguf", "bert")
    assert "is not a decoder-only language model" in looks_refused(tmp_path / "encoder.gguf")


def test_gguf_of_an_unknown_architecture(tmp_path: Path) -> None:
    write_gguf(tmp_path / "new.gguf", "neverheard")
    sentence = refusal(tmp_path / "new.gguf")
    assert "neverheard" in sentence
    assert "update transformers" in sentence


def test_path_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)

    def refuse(self: Path, *args: Any, **settings: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert "Permission denied" in looks_refused(folder)


def test_unknown_architecture(tmp_path: Path) -> None:
    set_config(make.make_hf(tmp_path), model_type="neverheard")
    assert "neverheard" in refusal(tmp_path)
    set_config(tmp_path, model_type=None)
    assert "unknown" in refusal(tmp_path)


def test_own_code_is_never_run(tmp_path: Path) -> None:
    make.make_hf(tmp_path)
    trap = tmp_path / "ran"
    (tmp_path / "modeling_own.py").write_text(f"open({str(trap)!r}, 'w')\nclass Own: pass\nclass OwnConfig: pass\n")
    mapped = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.Own"}
    set_config(tmp_path, model_type="own", auto_map=mapped)
    assert "own program code" in refusal(tmp_path)
    set_config(tmp_path, model_type="gpt2", auto_map=mapped)  # known: opened without that code
    assert checkpoints.load(tmp_path).info.architecture == "gpt2"
    assert not trap.exists()


def test_tokenizer_missing(tmp_path: Path) -> None:
    (make.make_hf(tmp_path) / "tokenizer.json").unlink()
    assert "no tokenizer" in looks_refused(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "{}", "[]"])
def test_tokenizer_broken(tmp_path: Path, content: str) -> None:
    (make.make_hf(tmp_path) / "tokenizer.json").write_text(content)
    assert "okenizer" in refusal(tmp_path)


def test_tokenizer_larger_than_the_vocabulary(tmp_path: Path) -> None:
    make.make_hf(tmp_path, vocab=300)
    sentence = refusal(tmp_path)
    assert "339" in sentence
    assert "300" in sentence


def test_padded_vocabulary_is_fine(tmp_path: Path) -> None:
    assert checkpoints.load(make.make_hf(tmp_path, vocab=384)).info.vocab_size == 384


def test_nanogpt_without_its_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    (make.make_nanogpt(tmp_path / "a") / "meta.pkl").unlink()
    assert "meta.pkl" in looks_refused(tmp_path / "a")
    assert "GPT-2's tokenizer" in looks_refused(make.make_nanogpt(tmp_path / "b", characters=False))


@pytest.mark.parametrize(
    "meta", [{}, [], {"itos": {}}, {"itos": {0: 1}}, {"itos": {5: "a"}}, {"itos": dict(enumerate("a" * 99))}]
)
def test_nanogpt_with_another_character_table(tmp_path: Path, meta: Any) -> None:
    (make.make_nanogpt(tmp_path) / "meta.pkl").write_bytes(pickle.dumps(meta))
    refusal(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"weights": torch.ones(2)},
        [1, 2],
        {"model": {}, "model_args": {"n_layer": 1}},
        {"model": {}, "model_args": dict.fromkeys(("n_layer", "n_head", "n_embd", "block_size", "vocab_size"), 4)},
    ],
)
def test_pt_file_that_nanogpt_did_not_write(tmp_path: Path, content: Any) -> None:
    make.make_nanogpt(tmp_path)
    torch.save(content, tmp_path / "ckpt.pt")
    refusal(tmp_path / "ckpt.pt")


# -- hostile files -----------------------------------------------------------------------------------------------------


class Hostile:
    """Unpickled the ordinary way, this makes a folder."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.trap),)


def test_hostile_pickle_is_a_real_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Hostile(tmp_path / "ran")))
    assert (tmp_path / "ran").is_dir()


@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_bin(tmp_path: Path, zipped: bool) -> None:
    folder = make.make_hf(tmp_path / "model", safetensors=False)
    torch.save(
        {"a": torch.ones(2), "b": Hostile(tmp_path / "ran")},
        folder / "pytorch_model.bin",
        _use_new_zipfile_serialization=zipped,
    )
    assert "could run a program" in refusal(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_nanogpt(tmp_path: Path, zipped: bool) -> None:
    folder = make.make_nanogpt(tmp_path / "model")
    content = torch.load(folder / "ckpt.pt", weights_only=True)
    content["config"]["learning_rate"] = Hostile(tmp_path / "ran")
    torch.save(content, folder / "ckpt.pt", _use_new_zipfile_serialization=zipped)
    assert "could run a program" in looks_refused(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_hostile_meta(tmp_path: Path, protocol: int) -> None:
    folder = make.make_nanogpt(tmp_path / "model")
    meta = {"itos": {0: "a"}, "trap": Hostile(tmp_path / "ran")}
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta, protocol))
    assert "could run a program" in refusal(folder)
    assert not (tmp_path / "ran").exists()


def test_safetensors_header_larger_than_the_file(tmp_path: Path) -> None:
    file = make.make_hf(tmp_path) / "model.safetensors"
    file.write_bytes(struct.pack("<Q", 2**62) + file.read_bytes()[8:])
    assert "damaged" in looks_refused(tmp_path)


# -- not here, not now -------------------------------------------------------------------------------------------------


def test_device_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.make_hf(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device on this machine" in refusal(tmp_path, DeviceError, device="cuda")
    assert "tpu" in refusal(tmp_path, DeviceError, device="tpu")
    assert "int8" in refusal(tmp_path, DeviceError, dtype="int8")


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)
    parameters = checkpoints.look(folder).parameters
    cache = 2 * 2 * 32 * make.CONTEXT
    needed = int(1.1 * 4 * (parameters + cache))
    monkeypatch.setattr(devices, "free_memory", lambda device: needed)
    assert checkpoints.load(folder, device="cpu").info.dtype == "float32"
    monkeypatch.setattr(devices, "free_memory", lambda device: needed - 1)
    sentence = refusal(folder, NotEnoughMemory, device="cpu")
    assert "choose bfloat16" in sentence
    assert checkpoints.load(folder, device="cpu", dtype="bfloat16").info.dtype == "bfloat16"
    monkeypatch.setattr(devices, "free_memory", lambda device: 1000)
    assert "bfloat16" not in refusal(folder, NotEnoughMemory, device="cpu")


def test_both_figures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path, vocab=400_000, context=8)
    monkeypatch.setattr(devices, "free_memory", lambda device: 3_000_000)
    sentence = refusal(folder, NotEnoughMemory, device="cpu")
    needed = round(1.1 * 4 * (checkpoints.look(folder).parameters + 2 * 2 * 32 * 8) / 1e6)
    assert f"needs {needed} MB in float32" in sentence
    assert "3 MB are free" in sentence


def test_memory_of_the_model_to_be_replaced_counts_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)
    before = checkpoints.load(folder, device="cpu").info
    needed = int(1.1 * 4 * (before.parameters + 2 * 2 * 32 * make.CONTEXT))
    monkeypatch.setattr(devices, "free_memory", lambda device: needed - before.memory_bytes)
    with pytest.raises(NotEnoughMemory):
        checkpoints.check(folder, device="cpu")
    checkpoints.check(folder, device="cpu", replacing=before)
    elsewhere = replace(before, device="cuda")
    with pytest.raises(NotEnoughMemory):
        checkpoints.check(folder, device="cpu", replacing=elsewhere)


def test_memory_held_while_loading_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make.make_gguf(tmp_path / "gguf", quantization="Q8_0")
    cache = 2 * 2 * 16 * make.CONTEXT
    lasting = int(1.1 * 4 * (checkpoints.look(file).parameters + cache))
    embedding = len(make.tokenizer()) * 32
    monkeypatch.setattr(devices, "free_memory", lambda device: lasting + 8 * embedding - 1)
    refusal(file, NotEnoughMemory, device="cpu")
    monkeypatch.setattr(devices, "free_memory", lambda device: lasting + 8 * embedding)
    assert checkpoints.load(file, device="cpu").info.format == "gguf"


MAKERS: dict[str, Callable[[Path], Path]] = {
    "safetensors": lambda folder: make.make_hf(folder, "llama"),
    "sharded": lambda folder: make.make_hf(folder, "llama", shards=3),
    "bin": lambda folder: make.make_hf(folder, "gpt2", safetensors=False, shards=2),
    "gguf": lambda folder: make.make_gguf(folder, quantization="Q8_0"),
    "nanogpt": lambda folder: make.make_nanogpt(folder),
}


@pytest.fixture
def tensors_made(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """Every network of transformers that is built during the test."""
    from transformers import PreTrainedModel

    made: list[weakref.ref[Any]] = []
    original = PreTrainedModel.__init__

    def recording(self: Any, *args: Any, **settings: Any) -> None:
        made.append(weakref.ref(self))
        original(self, *args, **settings)

    monkeypatch.setattr(PreTrainedModel, "__init__", recording)
    return made


@pytest.mark.parametrize("kind", MAKERS)
def test_cancelling_at_any_moment_leaves_nothing(
    tmp_path: Path, kind: str, tensors_made: list[weakref.ref[Any]]
) -> None:
    path = MAKERS[kind](tmp_path / "model")
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    model = checkpoints.load(path, cancelled=count)
    del model
    assert asked > 10
    for moment in sorted({0, 1, 2, 3, asked // 3, asked // 2, asked - 2, asked - 1}):
        answers = iter([False] * moment + [True] * asked)
        with pytest.raises(Cancelled) as caught:
            checkpoints.load(path, cancelled=lambda answers=answers: next(answers))
        assert "cancelled" in str(caught.value)
        # The caught error is still held here, and must not hold the model.
        assert not [each for each in tensors_made if each() is not None], f"at question {moment}"
        del caught
    shutil.rmtree(tmp_path / "model")  # which Windows refuses while a file is open


def test_failed_load_leaves_nothing(tmp_path: Path, tensors_made: list[weakref.ref[Any]]) -> None:
    make.make_hf(tmp_path, "llama", vocab=300)  # refused after the weights are in: the tokenizer is too large
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(tmp_path)
    assert tensors_made
    assert not [each for each in tensors_made if each() is not None]
    assert caught.value.__cause__ is None
    gc.collect()


def test_failure_in_the_progress_callback_is_put_in_words(tmp_path: Path) -> None:
    def broken(message: str, fraction: float | None) -> None:
        raise RuntimeError("the bar broke")

    assert "the bar broke" in refusal(make.make_hf(tmp_path), progress=broken)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [-16, 16]},
        {"dtype": "F32", "shape": [-2, -2], "data_offsets": [0, 16]},
    ],
)
def test_a_header_that_lies_about_its_tensors_is_refused(tmp_path: Path, entry: dict[str, object]) -> None:
    import json
    import struct

    from ntp_studio.core.checkpoints.files import safetensors_header

    head = json.dumps({"a": entry}).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(head)) + head + bytes(16))
    with pytest.raises(CheckpointError, match="damaged"):
        safetensors_header(file)
