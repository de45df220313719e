"""Training a GPT on next-token prediction: from text files to a folder that any tool opens.

`Recipe` says what to do, `Trainer` does it update by update, `evaluate` measures. No Qt, and nothing here prints.
"""

from ntp_studio.core.training.evaluation import HeldOut, evaluate, evaluate_model
from ntp_studio.core.training.recipe import Recipe
from ntp_studio.core.training.results import Result, Update
from ntp_studio.core.training.trainer import Trainer

__all__ = ["HeldOut", "Recipe", "Result", "Trainer", "Update", "evaluate", "evaluate_model"]
