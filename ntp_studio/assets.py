"""Where the files that come with the program are: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
BUNDLED_MODEL = "fairy-tales"


def folder(name: str) -> Path:
    """The resource folder of this name (`icons`, `models`), whether it exists or not. A checkout's own comes first: an
    editable install has a copy of it that does not follow changes."""
    ours = PACKAGE.parent / "resources" / name
    return ours if (PACKAGE.parent / "pyproject.toml").is_file() else PACKAGE / "resources" / name


def bundled_model() -> Path | None:
    """The model that comes with the program and opens when none is named; None in a copy without it."""
    model = folder("models") / BUNDLED_MODEL
    return model if (model / "config.json").is_file() else None


def licences() -> Path | None:
    """The folder of licence texts that an installed program brings along; None elsewhere, where each library has its
    own."""
    texts = PACKAGE.parent / "licences"
    return texts if (texts / "README.txt").is_file() else None
