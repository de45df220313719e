"""`--selftest` as an installer's user runs it: a process of its own, its exit status and its report."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PARTS = (
    "the window opens", "the bundled model", "a saved text", "a GPT-2 folder", "a Llama folder", "a Qwen2 folder",
    "a GPT-NeoX folder", "a GGUF file", "a LoRA folder", "two models side by side",
    "libraries and licences are all told", "the window closes",
)  # fmt: skip


def start(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process without any standard stream, which is how a double-clicked program runs on Windows."""
    script = 'exec "$0" -c "$@" <&- >&- 2>&-'
    command = ["sh", "-c", script, sys.executable, code, *arguments]
    if sys.platform == "win32":
        command = [sys.executable.replace("python.exe", "pythonw.exe"), "-c", code, *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=150)


def selftest(report: Path, before: str = "", **environment: str) -> int:
    """The exit status, after `before` was done to the process."""
    code = f"import sys; {before}\nfrom ntp_studio.cli import main; sys.exit(main(sys.argv[1:]))"
    return start(code, "--selftest", "--report", str(report), **environment).returncode


def passed(report: Path) -> list[str]:
    lines = report.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("ok      ").rsplit(" (", 1)[0] for line in lines if line.startswith("ok ")]


def test_it_passes_here_and_leaves_nothing_behind(tmp_path: Path) -> None:
    began = time.monotonic()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    config = Path(os.environ["XDG_CONFIG_HOME"])
    before = sorted(config.rglob("*"))
    status = selftest(tmp_path / "report.txt", TMPDIR=str(temporary), TEMP=str(temporary))
    report = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert status == 0, report
    assert passed(tmp_path / "report.txt") == list(PARTS)
    assert "first bars" in report
    assert os.path.expanduser("~") not in report  # it is sent to strangers
    assert not list(temporary.glob("ntp-studio*"))
    assert sorted(config.rglob("*")) == before
    assert time.monotonic() - began < 120


def test_a_part_that_is_missing_fails_it_and_the_rest_is_still_tried(tmp_path: Path) -> None:
    """As when a file of the installed program is lost, or a scanner has taken it away."""
    report = tmp_path / "report.txt"
    without = """
sys.modules["transformers.models.qwen2.modeling_qwen2"] = None
from ntp_studio import selftest_models
selftest_models.make_gguf = lambda file: (file.write_bytes(b"GGUF, cut short"), file)[1]
"""
    assert selftest(report, without) == 1
    # After a file that cannot be loaded the model before it comes back, which is not to be taken for the next one.
    assert passed(report) == [part for part in PARTS if part not in ("a Qwen2 folder", "a GGUF file")]
    text = report.read_text(encoding="utf-8")
    assert "FAILED  a Qwen2 folder" in text
    assert "Traceback" in text
    assert "The self-test failed" in text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux and its kin can lack a display")
def test_without_a_display_it_says_so(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    environment = {"QT_QPA_PLATFORM": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    assert selftest(report, **environment) == 1
    assert "There is no display" in report.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ntp_studio", "--selftest", "--report", str(tmp_path / "no" / "report.txt")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "the report cannot be written" in result.stderr


# Python at rest, which the watchdog ends; and Python at a stop in foreign code that lets no thread run: the timer does.
HANGS = {
    "python": "import time; time.sleep(60)",
    "foreign code": "import ctypes; ctypes.PyDLL(None).sleep(60)",
}


@pytest.mark.parametrize("hang", HANGS)
@pytest.mark.skipif(sys.platform == "win32", reason="the C library's sleep is asked for by its name on Unix")
def test_it_never_hangs(hang: str, tmp_path: Path) -> None:
    began = time.monotonic()
    code = f"""
import sys
from ntp_studio import selftest_report as r
r.LIMIT_SECONDS, r.MARGIN_SECONDS = 1.0, 1.0
with r.Report(sys.argv[1]).check("something"):
    {HANGS[hang]}
"""
    result = start(code, str(tmp_path / "report.txt"))
    report = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert result.returncode == 1
    assert time.monotonic() - began < 30
    assert "File" in report  # where it hung
    if hang == "python":
        assert "busy with: something" in report


def test_a_connection_is_refused_and_fails_it(tmp_path: Path) -> None:
    code = """
import socket, sys
from ntp_studio import selftest_report as r
report = r.Report(sys.argv[1])
r.refuse_the_network(report)
for attempt in (lambda: socket.create_connection(("192.0.2.1", 9), 1), lambda: socket.getaddrinfo("example.com", 80)):
    try:
        attempt()
    except OSError:
        pass
assert len(report.failures) == 2, report.failures
a, b = socket.socketpair()
sys.exit(report.finish())
"""
    assert start(code, str(tmp_path / "report.txt")).returncode == 1
    report = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert "192.0.2.1" in report
    assert "example.com" in report


@pytest.mark.skipif(sys.platform == "win32", reason="pipes that are closed at the other end are told differently there")
def test_somebody_who_stops_reading_does_not_change_how_it_ends(tmp_path: Path) -> None:
    code = f"""
import sys
from ntp_studio.selftest_report import Report
report = Report({str(tmp_path / "report.txt")!r})
sys.stdin.readline()
report.say("one")
report.say("two")
sys.exit(report.finish())
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(60) == 0
    assert "two" in (tmp_path / "report.txt").read_text(encoding="utf-8")
