"""The words of the command line, and what they may be. Read by `cli` and by the window; imports nothing heavy."""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

from ntp_studio import __version__
from ntp_studio.core.types import DEFAULT_SEED

# These say the same as the core's tables, which are not imported here because they need NumPy.
ORDERS = ("transformers", "llama.cpp", "koboldcpp", "webui", "webui-temperature-last")
TEXT_SETTINGS = ("sequence_bias", "dry_sequence_breakers", "bad_words", "xtc_protect", "stop_strings", "stop_tokens")
COMMANDS = ("inspect", "compare", "models", "train", "evaluate", "bench")


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
        description="Watch a language model choose its next token. Commands: inspect, compare, models, train, "
        "evaluate, bench; without one, the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"ntp-studio {__version__}")
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a saved text (*.ntpstudio) to go on with, or a model as --model names it",
    )
    _common(parser, repeated_model=True)
    parser.add_argument("--prompt", help="the text to begin with")
    parser.add_argument("--screenshot", metavar="FILE.png", help="draw the window into a file, without a display")
    parser.add_argument(
        "--size", default="1440x900", metavar="WxH", type=window_size, help="of the screenshot's window"
    )
    parser.add_argument("--scale", default=1.0, type=scale, help="pixels per point of the screenshot")
    parser.add_argument("--theme", choices=("light", "dark", "system"))
    parser.add_argument("--steps", type=whole_number, default=0, metavar="N", help="steps before the screenshot")
    parser.add_argument("--selftest", action="store_true", help="try everything once and tell whether it works here")
    parser.add_argument("--report", metavar="FILE", help="write what the self-test finds there")
    _decoding(parser)
    return parser


def _decoding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=seed, help=f"of the random draws (default {DEFAULT_SEED})")
    parser.add_argument("--greedy", action="store_true", help="take the most likely token instead of drawing")
    parser.add_argument(
        "--draw", choices=("race", "dart"), help="how a token is drawn (default race, as transformers draws)"
    )
    parser.add_argument("--needle", type=needle, metavar="U", help="hold the dart at this place, from 0 to below 1")
    parser.add_argument(
        "--preset", metavar="NAME", help="ready-made settings by name, or one of yours by name or as a .json file"
    )
    parser.add_argument("--order", choices=ORDERS, help="whose order of the stages (default transformers)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="a decoding setting, e.g. temperature=0.8; unset means off, or as the preset has it. Several texts are a "
        "JSON array: "
        """stop_strings='["END", "\\n\\n"]'""",
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
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    _decoding(p)
    _compare(commands.add_parser("compare", help="hold models against each other", prog="ntp-studio compare"))
    p = commands.add_parser("models", help="what can be opened here", prog="ntp-studio models")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    p.add_argument("--debug", action="store_true")
    _train(commands.add_parser("train", help="train a GPT on text files", prog="ntp-studio train"))
    p = commands.add_parser("evaluate", help="measure a model on held-out text", prog="ntp-studio evaluate")
    _common(p)
    p.add_argument("texts", nargs="+", metavar="TEXT", help="UTF-8 text files")
    p.add_argument(
        "--held-out", type=share, default=0.05, metavar="SHARE", help="of each text's end to measure on (default 0.05)"
    )
    p.add_argument("--context", type=some, metavar="TOKENS", help="length of a window (default: the model's context)")
    p.add_argument("--json", action="store_true", help="one JSON object")
    p = commands.add_parser("bench", help="measure the studio against the bare model", prog="ntp-studio bench")
    _common(p)
    p.add_argument("--tokens", type=some, default=60, metavar="N", help="how many tokens per figure (default 60)")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _compare(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--model",
        dest="models",
        metavar="PATH",
        action="append",
        default=[],
        help="twice to four times; the first leads",
    )
    every = "once for all models, or once for each"
    p.add_argument("--device", dest="devices", action="append", choices=("auto", "cuda", "mps", "cpu"), help=every)
    p.add_argument(
        "--dtype", dest="dtypes", action="append", choices=("auto", "float32", "bfloat16", "float16"), help=every
    )
    p.add_argument("--prompt", help="the text that they go on with, in lock-step")
    p.add_argument("--steps", type=whole_number, default=20, metavar="N", help="how many steps (default 20)")
    p.add_argument(
        "--mode",
        default="same-text",
        choices=("same-text", "each-its-own"),
        help="whether the others are taken along the first model's text (the default) or go on with their own",
    )
    p.add_argument("--text-file", metavar="FILE", help="a UTF-8 text that is forced through all of them")
    p.add_argument("--window", type=some, metavar="TOKENS", help="of a long text read at once (default: the context)")
    p.add_argument("--csv", metavar="FILE", help="write the figures of every token of the text file there")
    p.add_argument("--top", type=some, default=10, metavar="N", help="how many of the likeliest tokens (default 10)")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    p.add_argument("--debug", action="store_true", help="log what happens, with tracebacks")
    _decoding(p)


def _train(p: argparse.ArgumentParser) -> None:
    """The words of `train`; their names are the fields of the recipe, which also holds their defaults."""
    p.add_argument("texts", nargs="*", metavar="TEXT", help="UTF-8 text files to learn from")
    p.add_argument("--output", metavar="FOLDER", help="where the model and its checkpoints go; must be new or empty")
    p.add_argument("--resume", metavar="FOLDER", help="go on with the interrupted run in this folder")
    g = p.add_argument_group("what is trained")
    g.add_argument("--base", metavar="PATH", help="a checkpoint to train on; without it, a GPT-2 from scratch")
    g.add_argument("--scope", choices=("all", "last", "lora"), help="of the base's weights (default all)")
    g.add_argument("--last-blocks", type=some, metavar="N", help="how many blocks --scope last trains (default 2)")
    g.add_argument("--lora-rank", type=some, metavar="N", help="of the matrices of --scope lora (default 8)")
    g.add_argument("--layers", type=some, metavar="N", help="from scratch: blocks (default 4)")
    g.add_argument("--width", type=some, metavar="N", help="from scratch: size of the hidden state (default 256)")
    g.add_argument("--heads", type=some, metavar="N", help="from scratch: attention heads (default 4)")
    g.add_argument("--context", type=some, metavar="TOKENS", help="length of a block (default 256)")
    g.add_argument("--vocab-size", type=some, metavar="N", help="from scratch: tokens of the vocabulary (default 2048)")
    g.add_argument("--dropout", type=float, metavar="SHARE", help="(default 0)")
    g = p.add_argument_group("how it is trained")
    g.add_argument("--steps", type=some, metavar="N", help="updates of the weights")
    g.add_argument("--epochs", type=float, metavar="N", help="instead of --steps: passes over the text (default 1)")
    g.add_argument("--batch-size", type=some, metavar="N", help="blocks in an update (default 16)")
    g.add_argument("--optimizer", choices=("adamw", "muon"), help="(default adamw)")
    g.add_argument(
        "--learning-rate", type=float, metavar="X", help="at its highest (default 1e-3; 5e-5 on a base, 2e-4 for LoRA)"
    )
    g.add_argument("--warmup-steps", type=whole_number, metavar="N", help="of a rising learning rate (default 50)")
    g.add_argument("--weight-decay", type=float, metavar="X", help="(default 0.1; 0.01 on a base)")
    g.add_argument("--clip", type=float, metavar="X", help="longest gradient (default 1)")
    g.add_argument("--seed", type=seed, help=f"the same seed, the same run on one machine (default {DEFAULT_SEED})")
    g.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"))
    g.add_argument("--precision", choices=("auto", "float32", "bfloat16"), help="of the forward pass (default auto)")
    g = p.add_argument_group("what is measured and kept")
    g.add_argument("--held-out", type=float, metavar="SHARE", help="of each text's end, not trained on (default 0.05)")
    g.add_argument("--evaluate-every", type=some, metavar="N", help="steps (default 100)")
    g.add_argument(
        "--checkpoint-steps",
        type=steps_list,
        metavar="A,B,…",
        help="keep the weights after these steps, e.g. 20,100,500",
    )
    g.add_argument("--checkpoint-every", type=some, metavar="N", help="keep the weights every N steps")
    g.add_argument(
        "--patience",
        type=some,
        metavar="N",
        help="stop early after N evaluations without a better one, and keep the best",
    )
    g.add_argument("--save-dtype", choices=("float32", "float16", "bfloat16"), help="of the files (default float32)")
    p.add_argument("--json", action="store_true", help="one JSON object a step")
    p.add_argument("--debug", action="store_true", help="log what happens, with tracebacks")


def steps_list(text: str) -> tuple[int, ...]:
    return tuple(some(part.strip()) for part in text.split(",") if part.strip())


def share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: more than 0, at most 1")
    return value


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


def needle(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a place of the needle: from 0 to below 1")
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


def setting(text: str) -> tuple[str, float | str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    name = name.strip().replace("-", "_")
    if name in TEXT_SETTINGS:
        return name, value
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number") from None
