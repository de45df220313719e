"""What the installers are made from: names that must agree, what is left out, the scripts a person's system runs."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ntp_studio.ui.session_controller import ENDING

ROOT = Path(__file__).resolve().parents[1]
LINUX = ROOT / "packaging/linux"
needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="these scripts are for Linux")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def entry() -> dict[str, str]:
    lines = (LINUX / "ntp-studio.desktop").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


# -- versions ----------------------------------------------------------------------------------------------------------


def test_every_version_is_pinned_with_its_reason_and_within_the_programs_own_bounds() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    bounds: dict[str, Requirement] = {}
    for line in [*project["dependencies"], *project["optional-dependencies"]["lora"]]:
        requirement = Requirement(line)
        bounds[canonicalize_name(requirement.name)] = requirement
    pins = [Requirement(line) for line in project["optional-dependencies"]["build"]]
    for pin in pins:
        if pin.name == "ntp-studio":
            continue
        (exact,) = pin.specifier
        assert exact.operator == "==", pin
        bound = bounds.get(canonicalize_name(pin.name))
        assert bound is None or exact.version in bound.specifier, pin
    assert {"torch", "pyside6-essentials", "transformers", "pyinstaller"} <= {canonicalize_name(p.name) for p in pins}
    block = re.search(r"^build = \[\n(.*?)^\]", read("pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert block is not None
    reasons = sum(line.strip().startswith("#") for line in block[1].splitlines())
    assert reasons >= len(pins) - 1  # one stands for two


# -- names that must agree ---------------------------------------------------------------------------------------------


def test_the_file_type_is_the_same_everywhere() -> None:
    kind = ElementTree.parse(LINUX / "ntp-studio.xml").getroot()[0]
    name = kind.get("type")
    assert name is not None
    (glob,) = [child.get("pattern") for child in kind if child.tag.endswith("glob")]
    assert glob == f"*{ENDING}"
    assert name in entry()["MimeType"].split(";")
    spec, setup = read("packaging/ntp-studio.spec"), read("packaging/windows/ntp-studio.nsi")
    assert f'["{ENDING[1:]}"]' in spec
    assert f'["{name}"]' in spec
    assert f"Classes\\{ENDING}" in setup


def test_the_menu_entry_opens_a_file_and_owns_the_window() -> None:
    from PySide6.QtWidgets import QApplication

    from ntp_studio.settings import Settings
    from ntp_studio.ui.app import build

    app, window = build([], settings=Settings())
    window.studio.shutdown()
    window.deleteLater()
    assert QApplication.desktopFileName() == "ntp-studio"  # on Wayland
    assert entry()["StartupWMClass"] == app.applicationName()  # on X11
    assert entry()["Icon"] == "ntp-studio"
    assert entry()["Exec"].endswith(" %f")


def test_the_licence_texts_are_the_ones_their_readme_names() -> None:
    folder = ROOT / "resources/licences"
    named = set(re.findall(r"^\| `([^`]+)`", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named == {path.name for path in folder.glob("*.txt")}
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in read("resources/licences/LGPL-3.0.txt")


def test_every_library_of_the_program_comes_with_a_licence_text(tmp_path: Path) -> None:
    licences = module("packaging/licences.py")
    table = licences.table(tmp_path / "texts", [], "ntp-studio")
    folders = {Path(target).parts[1] for target, _, _ in table}
    for name in ("torch", "transformers", "numpy", "PySide6_Essentials", "tokenizers", "peft"):
        folder = f"{name} {importlib.metadata.version(name)}"
        assert folder in folders
    (lgpl,) = [source for target, source, _ in table if "PySide6_Essentials" in target and "LGPL" in target]
    assert "GNU LESSER" in Path(lgpl).read_text(encoding="utf-8")
    assert all(Path(source).stat().st_size > 0 for _, source, _ in table)


# -- what is left out --------------------------------------------------------------------------------------------------

KEPT = (
    "torch/bin/torch_shm_manager", "torch/lib/libtorch_cpu.so", "torch/_inductor/config.py",
    "torch/testing/_comparison.py",
    "transformers/models/gpt2/modeling_gpt2.py", "PySide6/Qt/plugins/platforms/libqxcb.so", "libxcb-cursor.so.0",
    "PySide6/Qt/plugins/platforms/libqoffscreen.so", "PySide6/Qt/plugins/imageformats/libqsvg.so", "libX11.so.6",
    "PySide6/Qt/plugins/platforms/libqwayland.so", "libglib-2.0.so.0", "libxkbcommon-x11.so.0", "libXrender.so.1",
    "torch-2.13.0.dist-info/METADATA", "torch/lib/torch_cpu.dll", "numpy/testing/__init__.py", "libXext.so.6",
    "PySide6/plugins/platforms/qwindows.dll", "PySide6/Qt/translations/qtbase_de.qm", "libpixman-1.so.0",
)  # fmt: skip
DROPPED = (
    "torch/test/test_api", "torch/bin/protoc", "torch/include/ATen/ATen.h", "torch/lib/libtorch_cuda.so",
    "libgtk-3.so.0",
    "nvidia/cublas/lib/libcublas.so.12", "triton/_C/libtriton.so", "torch/lib/torch_cpu.lib", "libcudart.so.12",
    "torch/share/cmake/Torch/TorchConfig.cmake", "libgdk_pixbuf-2.0.so.0", "libpangocairo-1.0.so.0", "libstdc++.so.6",
    "PySide6/Qt/plugins/platformthemes/libqgtk3.so", "PySide6/Qt/plugins/platforms/libqeglfs.so",
    "ntp_studio-0.1.0.dist-info/direct_url.json", "libQt6EglFsKmsSupport.so.6", "torch/_C/__init__.pyi",
)  # fmt: skip


def test_files_are_left_out_by_name_and_nothing_that_is_needed() -> None:
    tree = ast.parse(read("packaging/ntp-studio.spec"))
    (call,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LEFT_OUT"
    ]
    assert isinstance(call, ast.Call)
    left_out = re.compile(ast.literal_eval(call.args[0]), re.VERBOSE)
    assert [name for name in KEPT if left_out.search(name)] == []
    assert [name for name in DROPPED if not left_out.search(name)] == []


def test_what_must_not_be_in_the_folder_is_found(tmp_path: Path) -> None:
    if shutil.which("readelf") is None:
        pytest.skip("readelf (binutils) is not here; packaging/install_tools.sh build brings it")
    look = LINUX / "inspect_folder.py"
    (tmp_path / "_internal/torch/lib").mkdir(parents=True)
    shutil.copy(Path(sys.executable).resolve(), tmp_path / "ntp-studio")  # any program

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(look), str(tmp_path)], capture_output=True, text=True)

    clean = run()
    assert clean.returncode == 0, clean.stderr
    assert re.search(r"needs glibc \d\.\d+", clean.stdout)
    (tmp_path / "_internal/torch/lib/libcudart.so.12").touch()
    with_cuda = run()
    assert with_cuda.returncode == 1
    assert "libcudart" in with_cuda.stderr


# -- the frozen program's beginning ------------------------------------------------------------------------------------


@needs_sh
def test_it_starts_without_any_standard_stream(tmp_path: Path) -> None:
    """Without stand-ins, argparse's own line would end it with a traceback that nobody sees."""
    script = f'"{sys.executable}" "{ROOT}/packaging/launch.py" "$@" <&- >&- 2>&-; echo $? >"{tmp_path}/status"'
    for arguments, status in ((["--version"], "0"), (["--no-such-option"], "2")):
        subprocess.run(["sh", "-c", script, "sh", *arguments], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        assert (tmp_path / "status").read_text().strip() == status


def test_helper_processes_are_let_through_before_anything_else() -> None:
    tree = ast.parse(read("packaging/launch.py"))
    (main,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    assert ast.unparse(main.body[0]) == "multiprocessing.freeze_support()"
    at_the_top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert at_the_top <= {"io", "multiprocessing", "os", "sys"}


# -- the .run file's scripts, with a small program in place of the large one -------------------------------------------


class Person:
    """A home folder with a space in its name, and an unpacked .run file."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "a person"
        self.payload = folder / "payload"
        self.home.mkdir()
        self.payload.mkdir()
        for name in ("install.sh", "uninstall.sh", "ntp-studio.desktop", "ntp-studio.xml"):
            shutil.copy(LINUX / name, self.payload)
        icon = self.payload / "icons/hicolor/48x48/apps/ntp-studio.png"
        icon.parent.mkdir(parents=True)
        icon.write_bytes(b"PNG")
        self.pack("echo ntp-studio 1.0")

    def pack(self, script: str, **files: str) -> None:
        program = self.payload / "ntp-studio"
        shutil.rmtree(program, ignore_errors=True)
        program.mkdir()
        for name, text in {"ntp-studio": f"#!/bin/sh\n{script}\n", **files}.items():
            (program / name).write_text(text)
        (program / "ntp-studio").chmod(0o755)
        with tarfile.open(self.payload / "ntp-studio.tar.gz", "w:gz") as archive:
            archive.add(program, "ntp-studio")

    def run(self, script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.home)} | environment
        return subprocess.run(["sh", str(script)], env=clean, capture_output=True, text=True, cwd=self.home.parent)

    def install(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.payload / "install.sh", **environment)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir()}


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@needs_sh
def test_a_person_installs_upgrades_and_removes_it(person: Person) -> None:
    theirs = person.home / ".local/share/icons/hicolor/48x48/apps/other.png"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    person.pack("echo ntp-studio 1.0", old="of the first version")
    first = person.install()
    assert first.returncode == 0, first.stderr
    program = person.home / ".local/opt/ntp-studio"
    command = subprocess.run([person.home / ".local/bin/ntp-studio"], capture_output=True, text=True)
    assert command.stdout == "ntp-studio 1.0\n"
    menu = (person.home / ".local/share/applications/ntp-studio.desktop").read_text()
    assert f'Exec="{program}/ntp-studio" %f' in menu
    assert "/opt/ntp-studio/ntp-studio" not in menu.replace(str(program), "")
    person.pack("echo ntp-studio 2.0")
    assert person.install().returncode == 0
    assert not (program / "old").exists()
    assert [path.name for path in (person.home / ".local/opt").iterdir()] == ["ntp-studio"]
    removed = person.run(program / "uninstall.sh")
    assert removed.returncode == 0, removed.stderr
    assert person.files() == {str(theirs.relative_to(person.home))}


@needs_sh
def test_a_program_that_does_not_start_takes_the_place_of_none(person: Person) -> None:
    person.install()
    before = person.files()
    person.pack("echo 'GLIBC_2.99 not found' >&2; exit 1")
    failed = person.install()
    assert failed.returncode == 1
    assert "GLIBC_2.99 not found" in failed.stderr
    assert person.files() == before
    result = subprocess.run([person.home / ".local/bin/ntp-studio"], capture_output=True, text=True)
    assert result.stdout == "ntp-studio 1.0\n"


@needs_sh
def test_a_damaged_file_is_said_and_leaves_nothing(person: Person) -> None:
    archive = person.payload / "ntp-studio.tar.gz"
    archive.write_bytes(archive.read_bytes()[:40])
    failed = person.install()
    assert failed.returncode == 1
    assert "damaged" in failed.stderr
    assert person.files() == set()


# -- the workflow ------------------------------------------------------------------------------------------------------


def test_the_workflow_tries_the_installed_program_on_three_systems() -> None:
    jobs = yaml.safe_load(read(".github/workflows/installers.yml"))["jobs"]
    runs = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "check_installer.sh" in runs["linux"]  # which runs it
    assert "--selftest" in read("packaging/check_installer.sh")
    for name in ("windows", "macos"):
        assert "--selftest" in runs[name]
        assert "--report" in runs[name]
    for name, job in jobs.items():
        for step in job["steps"]:
            if "sign" in step.get("name", "").casefold() or step.get("name") == "Certificate":
                assert "SIGNING_CERTIFICATE != ''" in step["if"], (name, step["name"])


def test_ci_tries_the_installers() -> None:
    assert "check sh packaging/ci.sh" in read(".ci/run")
    for script in ("build_linux.sh", "check_installer.sh", "check_nsis.sh", "check_elsewhere.sh"):
        assert f"sh packaging/{script}" in read("packaging/ci.sh")
