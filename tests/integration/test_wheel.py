"""The wheel: what is in it, and that it runs from there alone, with the network switched off."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = "ntp_studio/resources/models/fairy-tales/"
NETWORK = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=0.2)
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def offline() -> list[str]:
    """What switches the network off for a command: a network namespace of its own, with nothing in it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed here")
    prefix = [unshare, "--map-root-user", "--net"]
    done = subprocess.run([*prefix, sys.executable, "-c", NETWORK], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no network namespace can be made here: {done.stderr.strip()}")
    assert "unreachable" in done.stdout
    return prefix


def run(prefix: list[str], site: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m ntp_studio`, the package being the wheel's, in an empty home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    environment = kept | {"PYTHONPATH": str(site), "HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    command = [*prefix, sys.executable, *words]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=300)


def test_the_wheel_holds_the_model_and_its_earlier_states(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        sizes = {info.filename: info.file_size for info in file.infolist()}
    model = {name.removeprefix(MODEL): size for name, size in sizes.items() if name.startswith(MODEL)}
    final = {name: size for name, size in model.items() if not name.startswith("checkpoint-")}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md", "LICENSE"} <= set(final)
    assert sum(final.values()) <= 15e6
    assert sum(model.values()) <= 45e6
    steps = sorted(int(n.split("/")[0].removeprefix("checkpoint-")) for n in model if n.endswith("/model.safetensors"))
    assert len(steps) >= 4
    assert steps[0] <= 50
    assert not any(name.endswith((".pt", ".txt", ".part")) for name in model)  # no state of training, no corpus


def test_it_writes_with_the_network_switched_off(offline: list[str], site: Path, tmp_path: Path) -> None:
    where = run(offline, site, tmp_path, "-c", "import ntp_studio; print(ntp_studio.__file__)")
    assert where.stdout.startswith(str(site))
    words = ["--prompt", "Once upon a time", "--steps", "40", "--seed", "7"]
    words += ["--set", "temperature=0.8", "--set", "top_k=40", "--json"]
    done = run(offline, site, tmp_path, "-m", "ntp_studio", "inspect", *words)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert str(site) in events[0]["path"]
    assert events[0]["parameters"] <= 6_000_000
    assert len(events[-1]["token_ids"]) == 40


def test_its_window_opens_on_the_model_with_the_network_switched_off(
    offline: list[str], site: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "window.png"
    done = run(offline, site, tmp_path, "-m", "ntp_studio", "--screenshot", str(picture), "--steps", "3")
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 20_000
