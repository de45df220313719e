"""The libraries that the program stands on, as the About window and the self-test's report tell of them. No Qt."""

from __future__ import annotations

import importlib.metadata

LIBRARIES = (
    "PySide6-Essentials",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "gguf",
    "accelerate",
    "peft",
    "jinja2",
    "pyqtgraph",
    "numpy",
    "platformdirs",
    "psutil",
    "tqdm",
)
OPTIONAL = frozenset({"peft"})  # in a set-up from Python packages; the installers bring it along


def library_facts(name: str) -> tuple[str, str]:
    """Version and licence of an installed library, as its own metadata gives them; empty where it is not installed."""
    try:
        data = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "", ""
    (licence, *_) = data.get_all("License-Expression") or [""]
    if not licence:
        classifiers = [c for c in data.get_all("Classifier") or () if c.startswith("License ::")]
        licence = ", ".join(c.rsplit(" :: ", 1)[-1] for c in classifiers)
    if not licence:
        # Some put the whole text of the licence here; its first line names it.
        licence = data["License"].strip().split("\n", 1)[0] if "License" in data else ""
    return data["Version"], licence
