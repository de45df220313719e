"""Quitting at any moment ends the process cleanly: no abort, no hang, exit status 0."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import checkpoint_makers

RUNS = int(os.environ.get("NTP_STUDIO_QUIT_RUNS", "10"))

PROGRAM = """
import random, sys
from PySide6.QtCore import QTimer, Qt
from PySide6.QtTest import QTest
from ntp_studio.ui.app import build, Interrupts
model, seed = sys.argv[1], int(sys.argv[2])
luck = random.Random(seed)
app, window = build(["--model", model, "--prompt", "The cat sat on"])
interrupts = Interrupts(window)
window.show()
keys = [Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Space, Qt.Key.Key_R, Qt.Key.Key_Down, Qt.Key.Key_G, Qt.Key.Key_N]
def act():
    chance = luck.random()
    if chance < 0.03:
        window.commands["compare"].trigger()
    elif chance < 0.06 and window.comparing:
        window.studio.controller.comparison.add(model)
    else:
        QTest.keyClick(window.pages.currentWidget() if window.comparing else window.text, luck.choice(keys))
acting = QTimer(); acting.setInterval(luck.choice([3, 20, 100])); acting.timeout.connect(act); acting.start()
def quit_somehow():
    way = luck.choice(["close", "quit", "interrupt"])
    if way == "interrupt":
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
    else:
        window.close() if way == "close" else window.commands["quit"].trigger()
QTimer.singleShot(int(luck.expovariate(1 / 1500)), quit_somehow)
status = app.exec()
acting.stop()
window.studio.shutdown()
interrupts.close()
sys.exit(status)
"""


def test_quitting_at_random_moments(tmp_path: Path) -> None:
    model = checkpoint_makers.make_hf(tmp_path / "tiny", "llama")
    seeds = [random.SystemRandom().randrange(10**6) for _ in range(RUNS)]

    def once(seed: int) -> tuple[int, int, str]:
        env = os.environ | {"NTP_STUDIO_CONFIG_DIR": str(tmp_path / f"config-{seed}")}
        command = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, str(model), str(seed)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)
        return seed, done.returncode, done.stderr

    with ThreadPoolExecutor(2) as pool:
        failed = [(seed, status, err[-2000:]) for seed, status, err in pool.map(once, seeds) if status or err.strip()]
    assert not failed
