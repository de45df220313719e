"""The words of the command line, and what they may be. Read by `cli` and by the window; imports nothing heavy."""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

from ntp_studio import __version__
from ntp_studio.core.types import DEFAULT_SEED

COMMANDS = ("inspect", "models", "bench")


class Parser(argparse.ArgumentParser):
    """argparse, with one line on standard error for a bad call."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _common(parser: argparse.ArgumentParser, *, repeated_model: bool = False) -> None:
    parser.add_argument(
        "--model",
        metavar="PATH",
        action="append" if repeated_model else "store",
        help="a Hugging Face folder, a GGUF file or a nanoGPT checkpoint",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--debug", action="store_true", help="log what happens, with tracebacks")


def window_parser() -> Parser:
    parser = Parser(
        prog="ntp-studio",
        description="Watch a language model choose its next token. Commands: inspect, models, bench; without one, "
        "the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"ntp-studio {__version__}")
    _common(parser, repeated_model=True)
    parser.add_argument("--prompt", help="the text to begin with")
    parser.add_argument("--screenshot", metavar="FILE.png", help="draw the window into a file, without a display")
    parser.add_argument(
        "--size", default="1440x900", metavar="WxH", type=window_size, help="of the screenshot's window"
    )
    parser.add_argument("--scale", default=1.0, type=scale, help="pixels per point of the screenshot")
    parser.add_argument("--theme", choices=("light", "dark", "system"))
    parser.add_argument("--steps", type=whole_number, default=0, metavar="N", help="steps before the screenshot")
    _decoding(parser)
    return parser


def _decoding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=seed, help=f"of the random draws (default {DEFAULT_SEED})")
    parser.add_argument("--greedy", action="store_true", help="take the most likely token instead of drawing")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="a decoding setting, e.g. temperature=0.8; unset means off",
    )
    parser.add_argument("--chat", action="store_true", help="put the prompt into the model's chat template")


def command_parser() -> Parser:
    parser = Parser(prog="ntp-studio")
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("inspect", help="step through a text without a window", prog="ntp-studio inspect")
    _common(p)
    p.add_argument("--prompt", required=True)
    p.add_argument("--steps", type=whole_number, default=20, metavar="N", help="how many tokens (default 20)")
    p.add_argument("--top", type=whole_number, default=10, metavar="N", help="how many candidates to list (default 10)")
    p.add_argument("--order", default="transformers", choices=("transformers",), help="order of the decoding stages")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    _decoding(p)
    p = commands.add_parser("models", help="what can be opened here", prog="ntp-studio models")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    p.add_argument("--debug", action="store_true")
    p = commands.add_parser("bench", help="measure the studio against the bare model", prog="ntp-studio bench")
    _common(p)
    p.add_argument("--tokens", type=some, default=60, metavar="N", help="how many tokens per figure (default 60)")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def whole_number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed: a whole number from 0 to {2**63 - 1}")
    return int(text)


def scale(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.5 <= value <= 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a scale from 0.5 to 4")
    return value


def some(text: str) -> int:
    if whole_number(text) == 0:
        raise argparse.ArgumentTypeError("0 is too few")
    return int(text)


def window_size(text: str) -> tuple[int, int]:
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 1440x900")
    size = int(width), int(height)
    if not (900 <= size[0] <= 8000 and 600 <= size[1] <= 8000):
        raise argparse.ArgumentTypeError(f"{text!r} is not between 900x600 and 8000x8000")
    return size


def setting(text: str) -> tuple[str, float]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name.strip().replace("-", "_"), float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number") from None
