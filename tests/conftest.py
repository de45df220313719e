"""What holds for every test: nothing a person owns is touched, nothing reaches the network, nothing needs a display.

The first part runs when pytest imports this file: before pytest-qt imports Qt, and before any library asks for a folder
to keep things in.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from ntp_studio.core import lean_imports

# -- before anything else ----------------------------------------------------------------------------------------------

SANDBOX = Path(tempfile.mkdtemp(prefix="ntp-studio-tests-"))


def _isolate() -> None:
    """Point every folder that belongs to a person into the sandbox, and keep libraries and threads in bounds."""
    folders = {
        "HOME": "home",
        "USERPROFILE": "home",
        "APPDATA": "home/AppData/Roaming",
        "LOCALAPPDATA": "home/AppData/Local",
        "XDG_CONFIG_HOME": "config",
        "XDG_CACHE_HOME": "cache",
        "XDG_DATA_HOME": "data",
        "XDG_STATE_HOME": "state",
        "XDG_RUNTIME_DIR": "runtime",
        "HF_HOME": "cache/huggingface",
    }
    for name, folder in folders.items():
        (SANDBOX / folder).mkdir(parents=True, exist_ok=True, mode=0o700)  # Qt wants its runtime folder private
        os.environ[name] = str(SANDBOX / folder)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_TOKEN", "NTP_STUDIO_CONFIG_DIR"):
        os.environ.pop(name, None)  # these would win over the folders above
    if sys.platform == "win32":  # where platformdirs asks the system, not the environment
        os.environ["NTP_STUDIO_CONFIG_DIR"] = str(SANDBOX / "config")
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Read by torch when it is first imported, so that torch need not be imported here. Small models on many threads
    # are slower, and two cores are what a test machine may have.
    threads = str(min(2, os.cpu_count() or 1))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


_isolate()
lean_imports.prepare()  # transformers is imported as the program does it, whoever does it first

# No deadline and no complaint about slowness: a busy machine must not fail a test. CI sees the same examples each time.
hypothesis.settings.register_profile(
    "local", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "ci", hypothesis.settings.get_profile("local"), derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


def pytest_unconfigure() -> None:
    shutil.rmtree(SANDBOX, ignore_errors=True)


# -- no network --------------------------------------------------------------------------------------------------------


class NetworkUsed(RuntimeError):
    """A test tried to reach another machine. Not an OSError, so that code which retries or ignores those shows it."""


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host).split("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def _network_attempts() -> Iterator[list[str]]:
    """Replaces the ways out of the process for the whole session; returns what was tried."""
    attempts: list[str] = []

    def check(host: object, what: str) -> None:
        if not _is_local(host):
            attempts.append(what)
            raise NetworkUsed(f"a test tried to use the network: {what}")

    def guarded(name: str) -> Any:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]  # sendto has the data, and perhaps flags, before it
            if self.family in (socket.AF_INET, socket.AF_INET6):
                check(address[0], f"{name} to {address}")
            return original(self, *arguments)

        return call

    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *arguments: Any, **named: Any) -> Any:
        check(host, f"look-up of {host}")
        return look_up(host, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield attempts


@pytest.fixture(autouse=True)
def network_attempts(_network_attempts: list[str]) -> Iterator[list[str]]:
    """What this test tried to reach; anything left in it fails the test, also where the code swallowed the error."""
    _network_attempts.clear()
    yield _network_attempts
    if _network_attempts:
        pytest.fail(f"network use in a test: {'; '.join(_network_attempts)}")


# -- the real model ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_model() -> Path:
    """SmolLM2-135M-Instruct as a GGUF file, for tests marked `real_model`."""
    name = os.environ.get("NTP_STUDIO_REAL_MODEL")
    if not name:
        pytest.skip("NTP_STUDIO_REAL_MODEL is not set: `sh packaging/quickstart.sh test` fetches the model and sets it")
    path = Path(name)
    assert path.is_file(), f"NTP_STUDIO_REAL_MODEL names a file that is not there: {path}"
    return path
