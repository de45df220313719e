"""`--selftest`: the real window, real models from disk through the real loaders, some steps, and the end.

What an installer is judged by, on the machine that it was installed on: exit status 0 if everything works there, 1 if
anything does not, and never a hang. A person's settings are neither read nor written, and nothing is connected to.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ntp_studio import selftest_models as make
from ntp_studio.selftest_report import Report, refuse_the_network

if TYPE_CHECKING:
    from ntp_studio.ui.selftest import Driver

STEPS = 3


def run(options: argparse.Namespace) -> int:
    """Test this copy of the program; returns the exit status."""
    try:
        report = Report(options.report)
    except OSError as error:
        print(f"ntp-studio: the report cannot be written: {error}", file=sys.stderr)
        return 1
    try:
        report.facts()
        refuse_the_network(report)
        _listen(report)
        with tempfile.TemporaryDirectory(prefix="ntp-studio-selftest-", ignore_cleanup_errors=True) as folder:
            _run(report, Path(folder))
    except BaseException as error:
        if not report.failures:
            report.fail(f"{type(error).__name__}: {error}")
    return report.finish()


def _listen(report: Report) -> None:
    """What the program logs as an error, and what nobody catches (a slot of Qt ends no program), are failures."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report.fail(f"logged: {self.format(record)}")

    handler = Handler(logging.ERROR)
    logger = logging.getLogger("ntp_studio")
    logger.addHandler(handler)
    logger.propagate = False

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.error("uncaught", exc_info=(kind, error, trace))

    sys.excepthook = hook


def _run(report: Report, folder: Path) -> None:
    driver: Driver | None = None
    try:
        with report.check("the window opens"):
            from ntp_studio.ui.selftest import Driver

            driver = Driver(report.say, report.fail)
            driver.show()
        if driver is None or report.failures:
            return
        with report.check("the bundled model"):
            driver.first_bars()
            driver.use(STEPS)
        with report.check("a saved text"):
            driver.save_and_open(folder / "text.ntpstudio")
        for name, maker in _models(folder):
            with report.check(name):
                driver.open_model(maker())
                driver.use(STEPS)
        with report.check("two models side by side"):
            driver.compare(make.make_folder(folder / "beside", "gpt2"))
        with report.check("libraries and licences are all told"):
            driver.about()
    finally:
        if driver is not None:
            with report.check("the window closes"):
                driver.close()


def _models(folder: Path) -> list[tuple[str, Callable[[], Path]]]:
    """By name, how to make each model; made when its turn comes, so that a failure is told of the right one."""
    models: list[tuple[str, Callable[[], Path]]] = [
        ("a GPT-2 folder", lambda: make.make_folder(folder / "gpt2", "gpt2")),
        ("a Llama folder", lambda: make.make_folder(folder / "llama", "llama")),
        ("a Qwen2 folder", lambda: make.make_folder(folder / "qwen2", "qwen2")),
        ("a GPT-NeoX folder", lambda: make.make_folder(folder / "neox", "gpt_neox")),
        ("a GGUF file", lambda: make.make_gguf(folder / "tiny-llama.gguf")),
    ]
    if importlib.util.find_spec("peft") is not None or getattr(sys, "frozen", False):
        models.append(("a LoRA folder", lambda: make.make_adapter(folder / "lora", folder / "llama")))
    return models
