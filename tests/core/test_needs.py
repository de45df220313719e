"""What a column would need in memory, told before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.types import CheckpointError, DeviceError, NotEnoughMemory
from tests import checkpoint_makers as make

CACHED = 2 * 2 * 32 * make.CONTEXT  # keys and values of the tiny model at its whole context


def test_first_as_asked_then_what_else_the_device_computes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)
    monkeypatch.setattr(devices, "free_memory", lambda device: 12_345)
    values = checkpoints.look(folder).parameters + CACHED
    found = checkpoints.needs(folder, device="cpu")
    assert [need.dtype for need in found] == ["float32", "bfloat16", "float16"]
    assert [need.needed for need in found] == [int(1.1 * size * values) for size in (4, 2, 2)]
    assert {(need.name, need.device, need.free, need.shared) for need in found} == {
        (checkpoints.look(folder).name, "cpu", 12_345, False)
    }
    asked = checkpoints.needs(folder, device="cpu", dtype="float16")
    assert [need.dtype for need in asked] == ["float16", "float32", "bfloat16"]
    assert set(asked) == set(found)


def test_a_dtype_that_the_device_lacks_is_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)
    monkeypatch.setattr(devices, "_has_bfloat16", lambda device: False)
    assert [need.dtype for need in checkpoints.needs(folder, device="cpu")] == ["float32", "float16"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("form", ["folder", "gguf"])
def test_a_load_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, dtype: str) -> None:
    path = make.make_hf(tmp_path) if form == "folder" else make.make_gguf(tmp_path / "gguf", quantization="Q8_0")
    needed = checkpoints.needs(path, device="cpu", dtype=dtype)[0].needed
    monkeypatch.setattr(devices, "free_memory", lambda device: needed - 1)
    short = checkpoints.needs(path, device="cpu", dtype=dtype)[0]
    assert (short.dtype, short.needed, short.fits) == (dtype, needed, False)
    with pytest.raises(NotEnoughMemory):
        checkpoints.load(path, device="cpu", dtype=dtype)
    monkeypatch.setattr(devices, "free_memory", lambda device: needed)
    assert checkpoints.needs(path, device="cpu", dtype=dtype)[0].fits
    assert checkpoints.load(path, device="cpu", dtype=dtype).info.dtype == dtype


def test_what_a_load_advises_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)
    half = next(need.needed for need in checkpoints.needs(folder, device="cpu") if need.dtype == "bfloat16")
    for free, fitting in ((half, ["bfloat16", "float16"]), (half - 1, [])):
        monkeypatch.setattr(devices, "free_memory", lambda device, free=free: free)
        assert [need.dtype for need in checkpoints.needs(folder, device="cpu") if need.fits] == fitting
        with pytest.raises(NotEnoughMemory) as refusal:
            checkpoints.load(folder, device="cpu")
        assert ("bfloat16" in str(refusal.value)) == bool(fitting)


def test_a_model_that_is_loaded_lends_its_weights(tmp_path: Path) -> None:
    folder = make.make_hf(tmp_path)
    info = checkpoints.load(folder, device="cpu").info
    alone = {need.dtype: need for need in checkpoints.needs(folder, device="cpu")}
    found = {need.dtype: need for need in checkpoints.needs(folder, device="cpu", shared=[info])}
    assert {dtype: need.shared for dtype, need in found.items()} == {
        "float32": True, "bfloat16": False, "float16": False
    }  # fmt: skip
    assert found["float32"].needed == int(1.1 * 4 * CACHED)
    assert found["bfloat16"].needed == alone["bfloat16"].needed
    for other in (
        replace(info, path=str(tmp_path / "other")), replace(info, device="cuda"), replace(info, dtype="bfloat16")
    ):  # fmt: skip
        assert not checkpoints.needs(folder, device="cpu", shared=[other])[0].shared


def test_nothing_is_loaded_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make.make_hf(tmp_path)

    def read(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(checkpoints.huggingface, "read", read)
    assert checkpoints.needs(folder, device="cpu")


def test_it_refuses_what_a_load_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CheckpointError):
        checkpoints.needs(tmp_path / "nothing")
    folder = make.make_hf(tmp_path)
    with pytest.raises(DeviceError, match="no CUDA device"):
        checkpoints.needs(folder, device="cuda")
    with pytest.raises(DeviceError, match="int8"):
        checkpoints.needs(folder, dtype="int8")
