"""How soon the window is there, and how long its event loop is ever held while a model generates."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ntp_studio import assets

START = """
import sys, time
from PySide6.QtCore import QTimer
from ntp_studio.ui import app as program
from ntp_studio.ui.app import build
app, window = build([])
window.show()
def shown():
    print(time.time(), "torch" in sys.modules)
    window.studio.shutdown()
QTimer.singleShot(0, shown)
app.exec()
"""

# A heartbeat every millisecond in the main thread; the gap between two beats is how long the loop was held.
BEAT = """
import json, sys, time
from PySide6.QtCore import QTimer, Qt
from ntp_studio import messages as m
from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
names = ["temperature=0.8", "top_k=40", "top_p=0.95", *sys.argv[3:]]
argv = ["--model", sys.argv[1], "--prompt", "Once upon a time", *(w for name in names for w in ("--set", name))]
app, window = build(argv, settings=Settings(speed=0.0))
window.resize(1440, 900)
window.show()
controller = window.studio.controller
gaps, last, begun = [], [None], []
def beat():
    now = time.perf_counter()
    if controller.state.playing and last[0] is not None:
        gaps.append((now - last[0]) * 1000)
    last[0] = now
    if controller.state.frame is not None and not begun:
        begun.append(now)
        if sys.argv[3:]:
            window.commands["story"].trigger()
            window.commands["draw_many"].trigger()
        controller.state.playing = True
        controller.engine.send(m.Play(0.0, steps=int(sys.argv[2])))
    elif begun and not controller.state.playing:  # all steps done, or the model ended its text
        timer.stop()
        print(json.dumps(gaps))
        window.studio.shutdown()
timer = QTimer()
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.setInterval(1)
timer.timeout.connect(beat)
timer.start()
app.exec()
"""


# The same heartbeat while a model is trained, with its curve and its bars on view.
TRAIN = """
import json, sys, time
from pathlib import Path
from PySide6.QtCore import QTimer, Qt
from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
app, window = build([], settings=Settings())
window.resize(1440, 900)
window.show()
folder = Path(sys.argv[1])
window.commands["train"].trigger()
page = window.studio.controller.training.page
page.form.files.add([str(folder / "words.txt")])
page.form.output.setText(str(folder / "run"))
page.form.steps.setValue(int(sys.argv[2]))
gaps, last, begun = [], [None], []
def beat():
    now = time.perf_counter()
    if page._phase == "running" and last[0] is not None:
        gaps.append((now - last[0]) * 1000)
    last[0] = now
    if not begun:
        begun.append(now)
        page._start.click()
    elif gaps and page._phase == "ended":
        timer.stop()
        print(json.dumps(gaps))
        window.studio.shutdown()
timer = QTimer()
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.setInterval(1)
timer.timeout.connect(beat)
timer.start()
app.exec()
"""

# The same heartbeat while four columns are stepped together, two of them with another tokenizer.
COMPARE = """
import json, sys, time
from PySide6.QtCore import QTimer, Qt
from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
models = [word for path in sys.argv[2:] for word in ("--model", path)]
app, window = build([*models, "--prompt", "Once upon a time"], settings=Settings(speed=0.0))
window.resize(1440, 900)
window.show()
controller = window.studio.controller.comparison
shown = controller.shown
gaps, last, begun = [], [None], []
def beat():
    now = time.perf_counter()
    if shown.playing and last[0] is not None:
        gaps.append((now - last[0]) * 1000)
    last[0] = now
    page = shown.page
    if not begun and page is not None and len(page.columns) == len(models) // 2 and shown.settled:
        begun.append(now)
        shown.playing = True
        from ntp_studio.compare_messages import PlayAll
        window.studio.engine.send(PlayAll(0.0, steps=int(sys.argv[1])))
    elif begun and not shown.playing:
        timer.stop()
        print(json.dumps(gaps))
        window.studio.shutdown()
timer = QTimer()
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.setInterval(1)
timer.timeout.connect(beat)
timer.start()
app.exec()
"""

READY = """
import time
from PySide6.QtCore import QTimer
from ntp_studio.arguments import window_parser
from ntp_studio.settings import Settings
from ntp_studio.ui.app import _build, with_default
app, window = _build(with_default(window_parser().parse_args([])), Settings())
window.show()
def look():
    if window.studio.controller.state.frame is not None:
        timer.stop()
        print(time.time())
        window.studio.shutdown()
timer = QTimer()
timer.setInterval(5)
timer.timeout.connect(look)
timer.start()
app.exec()
"""


def test_ready_to_step_on_the_bundled_model(benchmark) -> None:
    def start() -> None:
        begun = time.time()
        done = subprocess.run([sys.executable, "-c", READY], capture_output=True, text=True, check=True, env=os.environ)
        took.append(float(done.stdout) - begun)

    took: list[float] = []
    benchmark.pedantic(start, rounds=5)
    benchmark.extra_info["seconds to the first distribution, median"] = statistics.median(took)
    print(f"ready to step after {statistics.median(took):.2f} s (min {min(took):.2f}, max {max(took):.2f}; bound 5)")


def test_event_loop_while_training(benchmark, tmp_path: Path) -> None:
    import json
    import random

    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghij", k=chance.randint(2, 7))) for _ in range(2000)]
    (tmp_path / "words.txt").write_text(" ".join(chance.choices(words, k=40_000)), encoding="utf-8")

    def train() -> list[float]:
        command = [sys.executable, "-c", TRAIN, str(tmp_path), "150"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ, timeout=600)
        return json.loads(done.stdout.splitlines()[-1])

    gaps = sorted(benchmark.pedantic(train, rounds=1))
    p99 = gaps[int(len(gaps) * 0.99)]
    benchmark.extra_info |= {"99 % ms": p99, "longest ms": gaps[-1]}
    figures = f"99 % {p99:.1f} ms (bound 20), longest {gaps[-1]:.1f} ms (bound 60), {len(gaps)} beats"
    print(f"event loop held while training: {figures}")


def test_window_visible(benchmark) -> None:
    torch_loaded = []

    def start() -> None:
        begun = time.time()
        done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True, env=os.environ)
        shown, torch = done.stdout.split()
        took.append(float(shown) - begun)
        torch_loaded.append(torch)

    took: list[float] = []
    benchmark.pedantic(start, rounds=7)
    benchmark.extra_info["seconds to the window, median"] = statistics.median(took)
    print(f"window visible after {statistics.median(took):.2f} s (min {min(took):.2f}, max {max(took):.2f}; bound 1.0)")
    assert set(torch_loaded) == {"False"}, "torch must not be imported before the window stands"


# Six stages with their drawings, a token's story and a thousand draws, all anew for every token.
ALL_OPEN = ("repetition_penalty=1.1", "dry_multiplier=0.8", "min_p=0.02")


@pytest.mark.real_model
@pytest.mark.parametrize("more", [(), ALL_OPEN], ids=["usual", "all open"])
def test_event_loop_while_generating(benchmark, real_model: Path, more: tuple[str, ...]) -> None:
    import json

    def play() -> list[float]:
        command = [sys.executable, "-c", BEAT, str(real_model), "200", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ, timeout=300)
        return json.loads(done.stdout.splitlines()[-1])

    gaps = sorted(benchmark.pedantic(play, rounds=1))
    p99 = gaps[int(len(gaps) * 0.99)]
    benchmark.extra_info |= {"99 % ms": p99, "longest ms": gaps[-1]}
    print(f"event loop held: 99 % {p99:.1f} ms (bound 20), longest {gaps[-1]:.1f} ms (bound 60), {len(gaps)} beats")


@pytest.mark.real_model
@pytest.mark.parametrize("kind", ["four small ones", "real model twice beside two small ones"])
def test_event_loop_while_comparing(benchmark, real_model: Path, kind: str) -> None:
    import json

    bundled = assets.bundled_model()
    assert bundled is not None
    small = [str(bundled), *(str(bundled / f"checkpoint-{step}") for step in (3000, 1000, 200))]
    paths = small if kind == "four small ones" else [str(real_model), str(real_model), *small[:2]]

    def play() -> list[float]:
        command = [sys.executable, "-c", COMPARE, "120", *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ, timeout=600)
        return json.loads(done.stdout.splitlines()[-1])

    gaps = sorted(benchmark.pedantic(play, rounds=1))
    p99 = gaps[int(len(gaps) * 0.99)]
    benchmark.extra_info |= {"99 % ms": p99, "longest ms": gaps[-1]}
    figures = f"99 % {p99:.1f} ms (bound 20), longest {gaps[-1]:.1f} ms (bound 60), {len(gaps)} beats"
    print(f"event loop held with four columns ({kind}): {figures}")
