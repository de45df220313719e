"""What a scored text is called, what its file of figures is called, and where it came from. No Qt."""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass

NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was handed over to be scored, or the file that was, where `path` is one."""

    name: str
    text: str = ""
    path: str = ""


def name_of(text: str) -> str:
    """What a pasted text is called: its first words, in quotation marks."""
    line = " ".join(text[: 4 * NAME_LENGTH].split())
    return f"“{line}”" if len(line) <= NAME_LENGTH else f"“{line[:NAME_LENGTH].rstrip()}…”"


def file_name_of(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def csv_name(name: str) -> str:
    """A name for a file of this text's figures: `tale.txt` → `tale-scores.csv`, whole words joined by dashes; only
    letters, digits, dots, dashes and underscores, which every system takes."""
    if name.startswith("“"):
        stem = name.rsplit(" ", 1)[0] if name.endswith("…”") else name  # the last word may have been cut
    else:
        stem = os.path.splitext(name)[0]
    plain = re.sub(r"[^\w.-]+", "-", stem).strip("-._")
    if len(plain) > NAME_LENGTH:
        plain = plain[: NAME_LENGTH + 1].rsplit("-", 1)[0][:NAME_LENGTH].rstrip("-._")
    return f"{plain}-scores.csv" if plain else "scores.csv"
