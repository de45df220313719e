"""What the model list shows: everything that can be opened, once, with the problem of what cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ntp_studio.core import discovery
from tests import checkpoint_makers as make


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and an empty current folder, without bundled models."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("LLAMA_CACHE", str(home / "llama.cpp"))
    monkeypatch.setattr(discovery, "_bundled", list)
    monkeypatch.chdir(here)
    return home


def test_nothing_anywhere(home: Path) -> None:
    assert discovery.found() == []
    assert discovery.found([str(home / "gone"), "", "\0"]) == []


def test_every_source(home: Path, tmp_path: Path) -> None:
    recent = make.make_nanogpt(tmp_path / "mine")
    make.make_hf(home / "hub" / "models--someone--tiny" / "snapshots" / "abc")
    places = {
        "LM Studio": home / ".lmstudio" / "models" / "someone" / "tiny-GGUF",
        "llama.cpp cache": home / "llama.cpp",
        "models folder": home / "models",
        "current folder": Path.cwd(),
    }
    for folder in places.values():
        make.make_gguf(folder)
    listings = discovery.found([str(recent)])
    by_source = {listing.source: listing for listing in listings}
    assert len(listings) == len(by_source) == len(places) + 2
    assert all(not listing.problem for listing in listings)
    assert (by_source["recent"].name, by_source["recent"].format) == ("mine", "nanogpt")
    assert (by_source["Hugging Face cache"].name, by_source["Hugging Face cache"].format) == (
        "someone/tiny",
        "hugging face",
    )
    for source, folder in places.items():
        file = folder / "tiny-F32.gguf"
        assert (by_source[source].path, by_source[source].format) == (str(file), "gguf")
        assert by_source[source].size_bytes == file.stat().st_size


def test_bundled_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = make.make_gguf(tmp_path / "bundled")
    recent = make.make_hf(tmp_path / "other")
    monkeypatch.setattr(discovery, "_bundled", lambda: [file])
    assert [listing.source for listing in discovery.found([str(recent)])] == ["bundled", "recent"]


def test_each_model_once(home: Path) -> None:
    file = make.make_gguf(home / "models")
    link = Path.cwd() / "link.gguf"
    link.symlink_to(file)
    listings = discovery.found([str(file), str(file)])
    assert [listing.source for listing in listings] == ["recent"]


def test_cache_lists_language_models_only(home: Path) -> None:
    from transformers import AutoConfig

    hub = home / "hub"
    encoder = make.make_hf(hub / "models--a--encoder" / "snapshots" / "x")
    AutoConfig.for_model("bert", hidden_size=16, num_attention_heads=2).save_pretrained(encoder)
    tokenizer_only = hub / "models--a--tokenizer" / "snapshots" / "x"
    make.tokenizer().save_pretrained(tokenizer_only)
    (hub / "models--a--begun" / "snapshots").mkdir(parents=True)
    (hub / "datasets--a--b" / "snapshots" / "x").mkdir(parents=True)
    (hub / "version.txt").write_text("1")
    broken = make.make_hf(hub / "models--a--broken" / "snapshots" / "x") / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    listings = discovery.found()
    assert [listing.name for listing in listings] == ["a/broken"]
    assert "damaged" in listings[0].problem


def test_broken_entries_are_told_apart(home: Path) -> None:
    whole = make.make_gguf(home / "models")
    (home / "models" / "broken.gguf").write_bytes(whole.read_bytes()[:500])
    (home / "models" / "empty.gguf").touch()
    (home / "models" / "mmproj-vision.gguf").write_bytes(b"GGUF")
    (home / "models" / "big-00001-of-00003.gguf").write_bytes(b"GGUF")
    (home / "models" / "nowhere.gguf").symlink_to(home / "gone")
    (home / "models" / "loop").symlink_to(home / "models", target_is_directory=True)
    listings = {listing.name: listing for listing in discovery.found()}
    assert set(listings) == {"tiny-F32", "broken", "empty", "nowhere"}
    assert [name for name, listing in listings.items() if not listing.problem] == ["tiny-F32"]
    assert listings["broken"].size_bytes == 500
    assert listings["broken"].format == "gguf"


def test_recent_entry_with_a_problem_stays(home: Path, tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path / "mine")
    (folder / "tokenizer.json").unlink()
    (listing,) = discovery.found([str(folder)])
    assert "no tokenizer" in listing.problem
    assert listing.size_bytes > 100_000


def test_neither_torch_nor_transformers_is_imported() -> None:
    script = (
        "import sys; from ntp_studio.core import discovery; discovery.found()\n"
        "print(sorted({'torch', 'transformers', 'huggingface_hub', 'safetensors'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")
