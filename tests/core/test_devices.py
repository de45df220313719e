"""Where a model goes, in which dtype, and that the reason given is the true one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from ntp_studio.core import devices
from ntp_studio.core.types import DeviceError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A function that makes torch see an imagined machine."""

    def make(*, cuda: bool = False, mps: bool = False, bfloat16: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *version: bfloat16)

    return make


@pytest.mark.parametrize(
    ("has", "native", "device", "dtype"),
    [
        ({}, "bfloat16", "cpu", "float32"),
        ({}, "float16", "cpu", "float32"),
        ({"cuda": True}, "bfloat16", "cuda", "bfloat16"),
        ({"cuda": True}, "float16", "cuda", "float16"),
        ({"cuda": True}, "float32", "cuda", "float32"),
        ({"cuda": True}, None, "cuda", "bfloat16"),
        ({"cuda": True, "bfloat16": False}, "bfloat16", "cuda", "float16"),
        ({"cuda": True, "bfloat16": False}, None, "cuda", "float16"),
        ({"cuda": True, "mps": True}, "float16", "cuda", "float16"),
        ({"mps": True}, "bfloat16", "mps", "float16"),
        ({"mps": True}, "float32", "mps", "float32"),
        ({"mps": True}, None, "mps", "float16"),
    ],
)
def test_automatic_choice(machine, has: dict[str, bool], native: str | None, device: str, dtype: str) -> None:
    machine(**has)
    placement = devices.choose("auto", "auto", native)
    assert (placement.device, placement.dtype) == (device, dtype)
    assert dtype in placement.reason
    assert placement.reason.endswith(".")


def test_reasons(machine) -> None:
    machine()
    assert "no GPU here" in devices.choose("auto", "auto", None).reason
    assert "rounds nothing" in devices.choose("cpu", "auto", "bfloat16").reason
    half = devices.choose("cpu", "bfloat16", "bfloat16")
    assert half.dtype == "bfloat16"
    assert "slower" in half.reason
    machine(cuda=True)
    assert "no GPU" not in devices.choose("cpu", "auto", None).reason
    assert "as the checkpoint is stored" in devices.choose("cuda", "auto", "float16").reason


@pytest.mark.parametrize(
    ("device", "dtype", "words"),
    [
        ("cuda", "auto", "There is no CUDA device on this machine; choose cpu or auto."),
        ("mps", "auto", "no Apple GPU"),
        ("tpu", "auto", "tpu"),
        ("cpu", "int4", "int4"),
    ],
)
def test_what_is_not_there_is_refused(machine, device: str, dtype: str, words: str) -> None:
    machine()
    with pytest.raises(DeviceError, match=words.replace(".", r"\.")):
        devices.choose(device, dtype, None)


def test_bfloat16_on_a_card_without_it(machine) -> None:
    machine(cuda=True, bfloat16=False)
    with pytest.raises(DeviceError, match="choose float16 or float32"):
        devices.choose("cuda", "bfloat16", None)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of this process's imagined control group, two levels deep."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    monkeypatch.setattr(devices, "_cgroup_folders", lambda: [inner, inner.parent, tmp_path])
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8_000))
    return inner


def limit(folder: Path, maximum: str, used: int, cached: int) -> None:
    (folder / "memory.max").write_text(f"{maximum}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nfile 9\n")


def test_free_memory_is_the_tightest_limit(container: Path) -> None:
    assert devices.free_memory("cpu") == 8_000
    limit(container, "max", 1, 1)
    assert devices.free_memory("cpu") == 8_000
    limit(container.parent, "4000", 1500, 500)
    assert devices.free_memory("cpu") == 3_000
    limit(container, "2000", 1_900, 0)
    assert devices.free_memory("cpu") == 100
    limit(container, "2000", 2_900, 0)
    assert devices.free_memory("cpu") == 0
    limit(container, "90000", 0, 0)
    assert devices.free_memory("cpu") == 3_000


@pytest.mark.parametrize(
    ("cores", "quota", "threads"),
    [
        (1, "max", 1),
        (2, "max", 2),
        (3, "max", 2),
        (16, "max", 15),
        (16, "400000", 3),
        (16, "50000", 1),
        (2, "800000", 2),
    ],
)
def test_threads(container: Path, monkeypatch: pytest.MonkeyPatch, cores: int, quota: str, threads: int) -> None:
    monkeypatch.delenv(devices.THREADS_VARIABLE, raising=False)
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    (container / "cpu.max").write_text(f"{quota} 100000\n")
    assert devices.cpu_threads() == threads


@pytest.mark.parametrize(("value", "threads"), [("5", 5), ("0", 2), ("-1", 2), ("many", 2), ("", 2)])
def test_threads_of_choice(container: Path, monkeypatch: pytest.MonkeyPatch, value: str, threads: int) -> None:
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setenv(devices.THREADS_VARIABLE, value)
    assert devices.cpu_threads() == threads


def test_real_figures_are_sane() -> None:
    assert 0 < devices.free_memory("cpu") <= psutil.virtual_memory().total
    assert devices.cpu_threads() >= 1
    devices.empty_cache("cpu")
    devices.give_back_caches()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_real_card() -> None:
    placement = devices.choose("auto", "auto", "float16")
    assert placement.device == "cuda"
    before = devices.free_memory("cuda")
    block = torch.ones(64 * 1024 * 1024, dtype=torch.uint8, device="cuda")
    assert devices.free_memory("cuda") <= before - block.nbytes
    del block
    devices.empty_cache("cuda")
