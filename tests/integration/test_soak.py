"""Hours of use in seconds: thousands of moves leave neither growing memory nor a wrong text behind."""

from __future__ import annotations

import gc
import random

import psutil

from ntp_studio import messages as m
from ntp_studio.core.session import Session
from ntp_studio.engine import Engine
from tests.core import tiny


def test_thousands_of_moves_do_not_grow(monkeypatch) -> None:
    model = tiny.model("llama")
    model.eos_ids = frozenset()
    said: list[m.Event] = []
    engine = Engine(said.append)
    session = Session(model)
    session.set_prompt("The cat sat on")
    engine.adopt(m.MAIN, session)
    luck = random.Random(3)

    def moves(count: int) -> None:
        for _ in range(count):
            command = luck.choice(
                [m.Step(), m.Step(), m.Step(), m.Back(), m.Force(luck.randrange(200)), m.SetSeed(luck.randrange(9))]
            )
            if session.stopped or luck.random() < 0.01:
                command = m.Restart()
            engine.send(command)
            engine.run_pending()
            shown = [e for e in said if isinstance(e, m.FrameReady)][-1]
            assert shown.frame.context_length == session.place
            assert not [e for e in said if isinstance(e, m.Trouble)]
            said.clear()

    process = psutil.Process()
    moves(1500)
    gc.collect()
    before = process.memory_info().rss
    moves(3000)
    gc.collect()
    grown = process.memory_info().rss - before
    assert grown < 30 * 2**20, f"{grown / 2**20:.0f} MiB more after 3,000 moves"
