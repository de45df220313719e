"""The licence texts that an installer has to bring along, gathered from what is really in it.

From every Python distribution the texts that it was installed with; from Python its own; for a library taken from
Debian the text that its package came with; and the GNU texts that PySide6 and Qt are under, which their wheels name but
do not hold (resources/licences/, with their origin).
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("hf_xet", "setuptools")  # wanted by others, and not in the program (the spec)
EXTRAS = ("lora",)  # of the studio itself: what the frozen program has
NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright|authors)", re.IGNORECASE)


def distributions(root: str) -> list[str]:
    """The names of `root` and all that it needs here, in order, as installed."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    waiting = [(root, EXTRAS)]
    while waiting:
        name, extras = waiting.pop()
        if canonicalize_name(name) in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # wanted on another system only
        if canonicalize_name(name) in map(canonicalize_name, LEFT_OUT):
            continue
        found[canonicalize_name(name)] = distribution.metadata["Name"]
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                waiting.append((requirement.name, tuple(requirement.extras)))
    return sorted(found.values(), key=str.casefold)


def _texts(distribution: Distribution) -> list[Path]:
    """The files of a distribution that hold a licence."""
    paths = (Path(str(distribution.locate_file(file))) for file in distribution.files or ())
    # Only beside the metadata and at the top of a package: deeper ones are code (torch/_licenses.py) or repeat these.
    return sorted(
        path
        for path in paths
        if path.is_file() and path.suffix not in (".py", ".pyc") and NAMES.search(path.name)
        and (".dist-info" in str(path) or len(path.parts) - len(Path(str(distribution.locate_file(""))).parts) <= 2)
    )  # fmt: skip


def _debian_texts(binaries: list[tuple[str, str, str]]) -> dict[str, Path]:
    """By package, the text that Debian ships for libraries taken from this system. Empty on other systems."""
    if shutil.which("dpkg-query") is None:
        return {}
    texts = {}
    files = {Path(source).resolve() for _, source, _ in binaries if source.startswith(("/lib", "/usr/lib"))}
    for file in sorted(files):
        # Debian's list may hold the path from before /lib became a link to /usr/lib.
        for path in (str(file), str(file).removeprefix("/usr")):
            answer = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True)
            if answer.returncode == 0:
                package = answer.stdout.split(":", 1)[0]
                text = Path("/usr/share/doc", package, "copyright")
                if text.is_file():
                    texts[package] = text
                break
        else:
            raise SystemExit(f"no Debian package is known for {file}, so its licence is not known either")
    return texts


def table(folder: Path, binaries: list[tuple[str, str, str]], root: str) -> list[tuple[str, str, str]]:
    """Gather all texts in `folder`; returns them as PyInstaller's data entries, under `licences/`."""
    shutil.rmtree(folder, ignore_errors=True)
    index = ["What NTP Studio is made of, and under which terms. The texts lie in the folders beside this file.", ""]

    def put(name: str, sources: list[Path], terms: str) -> None:
        for number, source in enumerate(sources):
            target = folder / name / source.name
            if target.exists():
                target = folder / name / f"{number}-{source.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        index.append(f"{name}: {terms}")

    put("NTP Studio", [ROOT / "LICENSE"], "MIT")
    put("fairy-tales (the model)", [ROOT / "resources/models/fairy-tales/LICENSE"], "MIT")
    index.append("")
    for name in distributions(root):
        if name == root:
            continue
        distribution = importlib.metadata.distribution(name)
        data = distribution.metadata
        classifiers = [c.rsplit(" :: ", 1)[-1] for c in data.get_all("Classifier") or () if c.startswith("License ::")]
        terms = data.get("License-Expression") or ", ".join(classifiers) or (data.get("License") or "").split("\n")[0]
        texts = _texts(distribution)
        if name.lower().startswith(("pyside6", "shiboken6")):
            names = ["LGPL-3.0.txt", "GPL-3.0.txt"]
            if name.lower().startswith("pyside6"):  # with Qt in it
                names += ["Qt-components.txt", "ICU.txt"]
            texts = [ROOT / "resources/licences" / text for text in names]
            terms = "LGPL-3.0-only: Qt for Python and Qt, as shared libraries that may be replaced"
        if not texts and "Apache" in terms:
            texts = [ROOT / "resources/licences/Apache-2.0.txt"]
        if not texts:
            raise SystemExit(f"no licence text is known for {name} ({terms})")
        put(f"{name} {distribution.version}", texts, terms or "see the text")
    python = Path(sys.base_prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "LICENSE.txt")
    places = (python, Path(sys.base_prefix, "LICENSE.txt"), Path("/usr/share/doc/python3/copyright"))
    put(f"Python {sys.version.split()[0]}", [next(place for place in places if place.is_file())], "PSF-2.0")
    index.append("")
    common: set[Path] = set()
    for package, text in sorted(_debian_texts(binaries).items()):
        put(f"system libraries/{package}", [text], "from Debian")
        words = text.read_text(encoding="utf-8", errors="replace")
        common |= {Path(found) for found in re.findall(r"/usr/share/common-licenses/[\w.+-]*\w", words)}
    if common:  # what these texts refer to, for systems that do not have it
        put("system libraries/common-licenses", sorted(path for path in common if path.is_file()), "whole texts")
    (folder / "README.txt").write_text("\n".join(index) + "\n", encoding="utf-8")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [(str(Path("licences", path.relative_to(folder))), str(path), "DATA") for path in files]
