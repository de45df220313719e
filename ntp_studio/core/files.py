"""Text files: read within a limit, and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ntp_studio.core.types import StudioError


def write_whole(path: Path, text: str, *, shared: bool = False) -> None:
    """Write beside the file and move it there, so that a full disk or a crash leaves what was there before.

    It is its owner's alone, or, `shared`, as readable as new files are on this machine. Raises OSError.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if shared:
            mask = os.umask(0o077)  # it can only be read by setting it
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_text(path: str, most: int) -> str:
    """A UTF-8 text file of at most `most` bytes, with its line ends as they are. Raises StudioError."""
    try:
        if Path(path).stat().st_size > most:
            raise StudioError(f"{path} is longer than {most / 2**20:.0f} MB; take a part of it.")
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise StudioError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise StudioError(f"{path} is not UTF-8 text (at byte {error.start:,}); convert it first.") from error
