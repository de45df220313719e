"""The walls around the tests themselves: see conftest.py."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import platformdirs
import pytest


def test_the_network_is_out_of_reach_and_an_attempt_is_remembered(network_attempts: list[str]) -> None:
    with pytest.raises(RuntimeError, match="network"):
        socket.create_connection(("192.0.2.1", 80), timeout=0.01)
    with pytest.raises(RuntimeError, match="network"):
        socket.getaddrinfo("example.org", 443)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(RuntimeError, match="network"),
    ):
        datagrams.sendto(b"x", ("192.0.2.1", 9))
    assert len(network_attempts) == 3
    network_attempts.clear()  # otherwise this test would fail, as any other would


def test_this_machine_can_be_reached(network_attempts: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(1) == b"x"
    assert network_attempts == []


def test_nothing_a_person_owns_is_in_reach() -> None:
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder in (Path.home(), Path(os.environ["HF_HOME"]), platformdirs.user_config_path("ntp-studio")):
        assert folder.resolve().is_relative_to(temporary)
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_torch_keeps_to_two_threads() -> None:
    import torch

    assert torch.get_num_threads() <= 2
