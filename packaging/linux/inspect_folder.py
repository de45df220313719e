#!/usr/bin/env python3
"""Look into a frozen folder: is anything in it that must not be, and what does it need of the system?

    python3 inspect_folder.py FOLDER            checks, and a summary for a person
    python3 inspect_folder.py --depends FOLDER  the Depends field of a Debian package: computed, not remembered

What a binary needs is what the linker wrote into it (readelf), less what lies in the folder itself. The lowest glibc is
the highest version that any symbol asks for. Needs binutils; --depends needs dpkg too, on a system with the libraries.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LARGEST = 800e6  # bytes, without the bundled models
UNWANTED = re.compile(
    r"(^|/)torch/(test|include)/|\.(h|hpp|cuh|pyi)$|lib(cudart|cublas|cudnn|nccl|nvrtc|torch_cuda|gtk|gdk)|(^|/)(nvidia|triton)/"
)
# Data that no binary is linked against: Qt asks for these by path. fontconfig-config brings a font along.
BY_PATH = ("fontconfig-config", "xkb-data")
LIBC = re.compile(r"^(libc|libm|libdl|libpthread|librt|libutil|ld-linux.*)\.so")


def binaries(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.append(path)
    return found


def readelf(what: str, files: list[Path]) -> str:
    command = ["readelf", "--wide", what, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def needed(files: list[Path]) -> dict[str, set[str]]:
    """By library, who in the folder asks for it."""
    text = readelf("--dynamic", files)
    wanted: dict[str, set[str]] = {}
    current = str(files[0])
    for line in text.splitlines():
        if line.startswith("File: "):
            current = line.removeprefix("File: ")
        elif match := re.search(r"\(NEEDED\).*\[(.+)\]", line):
            wanted.setdefault(match[1], set()).add(Path(current).name)
    return wanted


def glibc(files: list[Path]) -> str:
    """The lowest version of glibc that all files can be loaded with."""
    text = readelf("--version-info", files)
    versions = {tuple(map(int, version.split("."))) for version in re.findall(r"\bGLIBC_(\d+(?:\.\d+)+)", text)}
    return ".".join(map(str, max(versions)))


def package_of(library: str) -> str:
    """The Debian package that brings a shared library on this machine."""
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    match = re.search(rf"^\s*{re.escape(library)} \(.*x86-64.*\) => (\S+)$", known, re.MULTILINE)
    if match is None:
        raise SystemExit(f"{library} is needed, and is neither in the folder nor on this machine")
    file = Path(match[1]).resolve()
    for path in (str(file), str(file).removeprefix("/usr")):
        answer = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True)
        if answer.returncode == 0:
            return answer.stdout.split(":", 1)[0]
    raise SystemExit(f"no Debian package is known for {file}")


def main(arguments: list[str]) -> None:
    folder = Path(arguments[-1])
    files = binaries(folder)
    inside = {path.name for path in folder.rglob("*.so*")}
    outside = {name: who for name, who in needed(files).items() if name not in inside}
    floor = glibc(files)
    if arguments[0] == "--depends":
        packages = {package_of(name) for name in outside if not LIBC.match(name)} | set(BY_PATH)
        print(", ".join([f"libc6 (>= {floor})", *sorted(packages - {"libc6"})]))
        return
    everything = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    unwanted = [name for path in everything if UNWANTED.search(name := str(path.relative_to(folder)))]
    models = sum(path.stat().st_size for path in everything if "/resources/models/" in str(path))
    size = sum(path.stat().st_size for path in everything) - models
    print(f"{len(everything):,} files, {size / 1e6:.0f} MB and {models / 1e6:.0f} MB of models, {len(files)} binaries")
    print(f"needs glibc {floor} and, of the system, {', '.join(sorted(outside))}")
    if unwanted:
        raise SystemExit("must not be in there: " + ", ".join(unwanted[:20]))
    if size > LARGEST:
        raise SystemExit(f"larger than {LARGEST / 1e6:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(sys.argv[1:])
