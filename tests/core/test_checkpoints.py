"""Every format opens, gives the weights that the libraries give, and says of itself what is true."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.model import cache_name
from ntp_studio.core.types import Cancelled
from tests import checkpoint_makers as make


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.THREADS_VARIABLE, "1")


def same_weights(network, reference) -> bool:
    mine, theirs = network.state_dict(), reference.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def same_settings(network, reference) -> bool:
    aside = {"_name_or_path", "quantization_config"}
    mine, theirs = (
        {name: value for name, value in each.config.to_dict().items() if name not in aside}
        for each in (network, reference)
    )
    return mine == theirs


@pytest.mark.parametrize("architecture", make.ARCHITECTURES)
def test_architecture_opens_with_the_weights_of_its_file(tmp_path: Path, architecture: str) -> None:
    folder = make.make_hf(tmp_path / "tiny", architecture)
    looked = checkpoints.look(folder)
    model = checkpoints.load(folder)
    assert same_weights(model.network, make.network(architecture))
    assert not model.network.training
    assert not any(parameter.requires_grad for parameter in model.network.parameters())
    assert looked.architecture == architecture
    assert looked.format == "hugging face"
    assert looked.parameters == model.info.parameters == sum(p.numel() for p in model.network.parameters())
    assert looked.vocab_size == model.info.vocab_size == len(make.tokenizer())
    assert looked.context_length == (0 if architecture == "bloom" else make.CONTEXT)
    assert model.info.memory_bytes == 4 * looked.parameters
    assert (model.info.device, model.info.dtype) == ("cpu", "float32") or torch.cuda.is_available()
    ids = model.tokens.encode("The cat")
    with torch.no_grad():
        expected = make.network(architecture)(torch.tensor([ids])).logits[0, -1].numpy()
    np.testing.assert_allclose(model.logits(ids), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", make.ARCHITECTURES)
def test_cache_size_told_is_the_cache_size_used(tmp_path: Path, architecture: str) -> None:
    model = checkpoints.load(make.make_hf(tmp_path, architecture), device="cpu")
    with torch.no_grad():
        cache = model.network(torch.tensor([[1, 2, 3]]), use_cache=True)[cache_name(model.network)]
    used = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert model.info.cache_bytes_per_token == used / 3


@pytest.mark.parametrize("safetensors", [True, False])
def test_sharded_weights_report_each_file(tmp_path: Path, safetensors: bool) -> None:
    folder = make.make_hf(tmp_path, "llama", shards=3, safetensors=safetensors)
    files = {file.name for file in folder.glob("*.safetensors" if safetensors else "*.bin")}
    assert len(files) > 2
    heard: list[tuple[str, float | None]] = []
    model = checkpoints.load(folder, progress=lambda message, fraction: heard.append((message, fraction)))
    assert files <= {message for message, _ in heard}
    fractions = [fraction for _, fraction in heard if fraction is not None]
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert fractions[-1] == 1
    assert same_weights(model.network, make.network("llama"))
    assert checkpoints.look(folder).parameters == model.info.parameters


def test_every_way_to_point_at_a_folder(tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path / "tiny")
    for path in (folder, str(folder), folder / "model.safetensors", folder / "config.json"):
        assert checkpoints.look(path).path == str(folder)


def test_cache_repository_opens_at_its_main_branch(tmp_path: Path) -> None:
    repository = tmp_path / "models--someone--tiny"
    older = make.make_hf(repository / "snapshots" / "aaa", "gpt2")
    newer = make.make_hf(repository / "snapshots" / "bbb", "llama")
    os.utime(older, (1, 1))
    assert checkpoints.look(repository).path == str(newer)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("aaa\n")
    info = checkpoints.look(repository)
    assert (info.path, info.name) == (str(older), "someone/tiny")


def test_dtype_of_choice(tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path, "llama", dtype="bfloat16")
    half, whole = checkpoints.load(folder, device="cpu", dtype="bfloat16"), checkpoints.load(folder, device="cpu")
    assert (half.info.dtype, whole.info.dtype) == ("bfloat16", "float32")
    assert {parameter.dtype for parameter in half.network.parameters()} == {torch.bfloat16}
    assert half.info.memory_bytes * 2 == whole.info.memory_bytes
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, half.network.state_dict()[name].float()), name


def test_loaded_weights_do_not_hang_on_the_file(tmp_path: Path) -> None:
    """A mapped file that is written again (by a training run, say) would change the model, or end the program."""
    folder = make.make_hf(tmp_path, "gpt2")
    model = checkpoints.load(folder, device="cpu")
    file = folder / "model.safetensors"
    with file.open("r+b") as opened:
        opened.write(b"\0" * file.stat().st_size)
        opened.truncate(0)
    assert same_weights(model.network, make.network("gpt2"))


def test_sliding_window_and_chat_template_are_told(tmp_path: Path) -> None:
    info = checkpoints.look(make.make_hf(tmp_path / "m", "mistral", chat_template=True))
    assert any(f"last {make.WINDOW} tokens" in note for note in info.notes)
    assert info.has_chat_template
    plain = checkpoints.look(make.make_hf(tmp_path / "l", "llama"))
    assert not plain.has_chat_template
    assert not plain.notes


def test_shards_without_an_index_are_joined(tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path, "llama", shards=3)
    (folder / "model.safetensors.index.json").unlink()
    assert same_weights(checkpoints.load(folder).network, make.network("llama"))


def test_tied_head_may_be_absent_or_present(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make.make_hf(tmp_path, "gpt2")
    weights = load_file(folder / "model.safetensors")
    assert "lm_head.weight" not in weights
    weights["lm_head.weight"] = weights["transformer.wte.weight"].clone()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    model = checkpoints.load(folder)
    assert model.info.parameters == checkpoints.look(folder).parameters
    assert same_weights(model.network, make.network("gpt2"))


def test_attention_masks_of_old_files_are_no_parameters(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make.make_hf(tmp_path, "gpt2")
    before = checkpoints.look(folder).parameters
    weights = load_file(folder / "model.safetensors")
    weights["transformer.h.0.attn.bias"] = torch.ones(1, 1, make.CONTEXT, make.CONTEXT)
    weights["transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert checkpoints.look(folder).parameters == before
    assert checkpoints.load(folder).info.notes == ()


@pytest.mark.parametrize("architecture", ["gpt2", "bloom", "gpt_neox"])
def test_names_without_the_prefix_of_the_model(tmp_path: Path, architecture: str) -> None:
    """As in the files of GPT-2 that everybody has: `h.0.attn…` for `transformer.h.0.attn…`."""
    from safetensors.torch import load_file, save_file

    folder = make.make_hf(tmp_path, architecture)
    file = folder / "model.safetensors"
    prefix = ("transformer.", "gpt_neox.")
    weights = {
        name.split(".", 1)[1] if name.startswith(prefix) else name: each for name, each in load_file(file).items()
    }
    assert not any(name.startswith(prefix) for name in weights)
    save_file(weights, file, {"format": "pt"})
    model = checkpoints.load(folder)
    assert same_weights(model.network, make.network(architecture))
    assert model.info.notes == checkpoints.look(folder).notes or architecture == "bloom"
    assert model.info.parameters == checkpoints.look(folder).parameters


def test_end_tokens_of_the_generation_settings_count(tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path, "llama")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 7]}))
    assert checkpoints.load(folder).eos_ids == {0, 7}


# -- GGUF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantization", ["F32", "F16", "Q8_0", "Q4_1"])
def test_gguf_gives_what_transformers_gives(tmp_path: Path, quantization: str) -> None:
    from transformers import AutoModelForCausalLM

    path = make.make_gguf(tmp_path, quantization=quantization)
    reference = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32)
    model = checkpoints.load(path, device="cpu")
    assert same_weights(model.network, reference)
    assert same_settings(model.network, reference)
    if quantization == "F32":
        assert same_weights(model.network, make.network("llama"))
    ids = model.tokens.encode("The cat é")
    assert ids == make.tokenizer()("The cat é")["input_ids"]
    looked = checkpoints.look(path)
    assert looked.format == "gguf"
    assert looked.parameters == model.info.parameters
    assert looked.vocab_size == model.info.vocab_size
    assert looked.context_length == make.CONTEXT
    dequantised = [note for note in model.info.notes if "dequantised" in note and quantization in note]
    assert len(dequantised) == (quantization in ("Q8_0", "Q4_1"))


def test_gguf_reading_leaves_the_library_as_it_was(tmp_path: Path) -> None:
    import gguf
    from transformers import modeling_gguf_pytorch_utils as loader

    before = gguf.GGUFReader, gguf.get_tensor_name_map, loader.tqdm
    heard: list[float] = []
    path = make.make_gguf(tmp_path, chat_template=True)
    model = checkpoints.load(path, progress=lambda message, fraction: heard.append(fraction or 0.0))
    assert (gguf.GGUFReader, gguf.get_tensor_name_map, loader.tqdm) == before
    assert model.info.has_chat_template
    assert heard == sorted(heard)
    assert len(heard) > 20
    with pytest.raises(Cancelled):
        checkpoints.load(path, cancelled=iter([False] * 5 + [True] * 9).__next__)
    assert (gguf.GGUFReader, gguf.get_tensor_name_map, loader.tqdm) == before


def test_gguf_is_not_mistaken_for_one_of_that_name_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = make.make_gguf(tmp_path / "a", seed=1)
    make.make_gguf(tmp_path / "b", seed=2)
    monkeypatch.chdir(tmp_path / "b")
    assert same_weights(checkpoints.load(wanted).network, make.network("llama", seed=1))


def test_folder_with_one_gguf_file_opens_it(tmp_path: Path) -> None:
    path = make.make_gguf(tmp_path)
    assert checkpoints.look(tmp_path).path == str(path)


@pytest.mark.real_model
def test_real_gguf_file(real_model: Path) -> None:
    looked = checkpoints.look(real_model)
    assert (looked.parameters, looked.vocab_size, looked.context_length) == (134515008, 49152, 8192)
    model = checkpoints.load(real_model, device="cpu")
    best = int(np.argmax(model.logits(model.tokens.encode("The capital of France is"))))
    assert model.tokens.token(best).text == " Paris"


# -- nanoGPT -----------------------------------------------------------------------------------------------------------


def nanogpt_logits(checkpoint: dict, ids: list[int]) -> torch.Tensor:
    """The forward pass of nanoGPT's model.py, written out over its weights."""
    functional = torch.nn.functional
    state = {name.removeprefix("_orig_mod."): tensor for name, tensor in checkpoint["model"].items()}
    heads, layers = checkpoint["model_args"]["n_head"], checkpoint["model_args"]["n_layer"]

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state.get(f"{name}.bias"), 1e-5)

    x = state["transformer.wte.weight"][ids] + state["transformer.wpe.weight"][: len(ids)]
    for layer in range(layers):
        stem = f"transformer.h.{layer}"
        q, k, v = linear(norm(x, f"{stem}.ln_1"), f"{stem}.attn.c_attn").split(x.shape[-1], dim=1)
        q, k, v = (part.view(len(ids), heads, -1).transpose(0, 1) for part in (q, k, v))
        scores = (q @ k.transpose(1, 2)) / math.sqrt(k.shape[-1])
        scores = scores.masked_fill(torch.ones(len(ids), len(ids)).tril() == 0, -math.inf)
        mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(len(ids), -1)
        x = x + linear(mixed, f"{stem}.attn.c_proj")
        hidden = functional.gelu(linear(norm(x, f"{stem}.ln_2"), f"{stem}.mlp.c_fc"))
        x = x + linear(hidden, f"{stem}.mlp.c_proj")
    return linear(norm(x, "transformer.ln_f")[-1], "lm_head")


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_nanogpt_computes_what_nanogpt_computes(tmp_path: Path, bias: bool, compiled: bool) -> None:
    folder = make.make_nanogpt(tmp_path, bias=bias, compiled=compiled)
    checkpoint = torch.load(folder / "ckpt.pt", weights_only=True)
    model = checkpoints.load(folder, device="cpu")
    ids = model.tokens.encode("The cat, again?\n")
    assert ids == [make.CHARACTERS.index(character) for character in "The cat, again?\n"]
    with torch.no_grad():
        expected = nanogpt_logits(checkpoint, ids)
    np.testing.assert_allclose(model.logits(ids), expected.numpy(), rtol=1e-4, atol=1e-4)
    looked = checkpoints.look(folder / "ckpt.pt")
    assert looked.format == "nanogpt"
    unique = {tensor.data_ptr(): tensor.numel() for tensor in checkpoint["model"].values()}
    assert looked.parameters == model.info.parameters == sum(unique.values())
    assert looked.context_length == model.info.context_length == make.CONTEXT


def test_nanogpt_with_gpt2_tokenizer_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub" / "models--openai-community--gpt2" / "snapshots" / "abc"
    make.tokenizer().save_pretrained(snapshot)
    model = checkpoints.load(make.make_nanogpt(tmp_path / "n", characters=False))
    assert model.info.vocab_size == 50304
    assert model.tokens.encode("The cat") == make.tokenizer()("The cat")["input_ids"]


# -- cheap, quiet, sparing ---------------------------------------------------------------------------------------------


def test_looking_imports_neither_torch_nor_transformers(tmp_path: Path) -> None:
    paths = [
        str(make.make_hf(tmp_path / "safe", shards=2)),
        str(make.make_hf(tmp_path / "bin", safetensors=False)),
        str(make.make_gguf(tmp_path / "gguf")),
        str(make.make_nanogpt(tmp_path / "nano")),
    ]
    script = (
        "import sys; from ntp_studio.core.checkpoints import look\n"
        f"for path in {paths!r}: assert look(path).parameters > 10000, path\n"
        "print(sorted({'torch', 'transformers', 'safetensors'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")


def test_loading_tries_no_network_without_being_told_to_stay_offline(tmp_path: Path) -> None:
    paths = [str(make.make_hf(tmp_path / "hf", "mistral")), str(make.make_gguf(tmp_path / "gguf"))]
    script = (
        "import socket\n"
        "tried = []\n"
        "def refuse(*address, **named):\n"
        "    tried.append(address)\n"
        "    raise OSError('no network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from ntp_studio.core import checkpoints\n"
        f"for path in {paths!r}: checkpoints.load(path, device='cpu')\n"
        "print(tried)"
    )
    online = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=online)
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of the resident memory from /proc")
def test_peak_memory_of_a_load_stays_near_the_weights(tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path, "llama", hidden=512, layers=6, heads=8, vocab=8000, shards=2)
    make.make_hf(tmp_path / "small", "llama")
    script = (
        "from ntp_studio.core import checkpoints\n"
        "def memory(name):\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))\n"
        f"checkpoints.load({str(tmp_path / 'small')!r}, device='cpu')\n"  # so that the libraries are there
        "before = memory('VmRSS:')\n"
        f"model = checkpoints.load({str(folder)!r}, device='cpu')\n"
        "print(max(0, memory('VmHWM:') - before), model.info.memory_bytes)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    peak, weights = map(int, ended.stdout.split())
    assert weights > 50e6
    assert peak < 1.2 * weights + 20e6
    shutil.rmtree(folder)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool", "float8_e4m3fn"])
@pytest.mark.parametrize("shape", [(), (3,), (7, 5), (0, 4)])
def test_a_tensor_on_disk_is_what_was_written(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    from safetensors.torch import save_file

    from ntp_studio.core.checkpoints.files import safetensors_header

    tensor = (torch.randn(shape) * 3).to(getattr(torch, dtype))
    other = torch.arange(10)
    save_file({"a": tensor, "b": other}, tmp_path / "a.safetensors")
    stored = safetensors_header(tmp_path / "a.safetensors")
    assert torch.equal(stored["a"][...].float(), tensor.float())
    assert stored["a"][...].dtype == tensor.dtype
    assert stored["a"].get_shape() == list(shape)
    assert torch.equal(stored["b"][2:4], other[2:4])
