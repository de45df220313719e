"""What the groups of stages are called, and the sentence that stands for a stage in a list."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from ntp_studio.core.decoding.stages import Role, Stage

ROLES: tuple[Role, ...] = ("history", "ban", "shape", "cut", "choose", "stop")
# A second one of these would add nothing: their lists hold many entries, and what steers or stops does it once.
ONCE: frozenset[Role] = frozenset(("ban", "choose", "stop"))


def role_name(role: Role) -> str:
    translate = QCoreApplication.translate
    names = {
        "history": translate("Roles", "Penalties for what was written"),
        "ban": translate("Roles", "Biases and bans"),
        "shape": translate("Roles", "Shape of the distribution"),
        "cut": translate("Roles", "Cuts"),
        "choose": translate("Roles", "Choosing in place of the usual draw"),
        "stop": translate("Roles", "End of the text"),
    }
    return names[role]


def in_one_line(stage: type[Stage]) -> str:
    """The first sentence of what it does."""
    return stage.summary.partition(". ")[0].rstrip(".") + "."
