"""The command line: opens the window, or runs a headless command. Neither Qt nor torch is imported before it is needed.

Exit status: 0 done; 2 a bad call or bad input; 1 a failure. Errors are one line; `--debug` adds the traceback.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from ntp_studio import assets
from ntp_studio.arguments import COMMANDS, command_parser, window_parser
from ntp_studio.core.types import DEFAULT_SEED, StopReason, StudioError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = arguments[0] if arguments and arguments[0] in COMMANDS else None
    options = (command_parser() if command else window_parser()).parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.WARNING)
    logging.getLogger("ntp_studio").setLevel(logging.DEBUG if options.debug else logging.ERROR)
    try:
        if command == "inspect":
            return inspect(options)
        if command == "compare":
            from ntp_studio import compare_cli

            return compare_cli.compare(options)
        if command == "models":
            return models(options)
        if command == "bench":
            return bench(options)
        if command in ("train", "evaluate"):
            from ntp_studio import training_cli

            return training_cli.train(options) if command == "train" else training_cli.evaluate(options)
        if options.selftest:
            from ntp_studio import selftest

            return selftest.run(options)
        from ntp_studio.ui.app import run

        return run(options)
    except StudioError as error:
        if options.debug:
            logging.exception("failed")
        print(f"ntp-studio: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `ntp-studio inspect … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            logging.exception("failed")
        print(f"ntp-studio: {type(error).__name__}: {error} (--debug tells more)", file=sys.stderr)
        return 1


def inspect(options: argparse.Namespace) -> int:
    """Step through a text and print every distribution."""
    from ntp_studio import preset_files, settings
    from ntp_studio.core import checkpoints, looking, report

    own = settings.load().presets if options.preset is not None else ()
    decoding = preset_files.asked_for(options, own)
    path = options.model or _default_model()
    model = checkpoints.load(path, device=options.device, dtype=options.dtype, progress=_progress_line(options))
    say = _json_line if options.json else print
    say(report.model_event(model.info) if options.json else report.model_lines(model.info))
    seed = DEFAULT_SEED if options.seed is None else options.seed
    session = model.start(options.prompt, chat=options.chat, seed=seed, decoding=decoding, top=options.top)
    for sentence in looking.without_a_token(session):
        print(f"ntp-studio inspect: {sentence}", file=sys.stderr)
    reason: StopReason = "steps"
    try:
        for _ in range(options.steps):
            if session.stopped:
                break
            frame = session.step()
            if options.json:
                _json_line(report.step_event(frame, options.top))
            else:
                print(report.step_lines(frame, options.top))
        reason = session.stopped or "steps"
    except StudioError:
        reason = "error"
        raise
    finally:
        text = model.tokens.text(session.token_ids)
        if options.json:
            say(report.end_event(reason, session.prompt_token_ids, session.token_ids, text))
        else:
            print(f"\n{options.prompt}{text}\n[{reason}, {len(session.token_ids)} tokens, seed {seed}]")
    return 0


def _default_model() -> str:
    bundled = assets.bundled_model()
    if bundled is not None:
        return str(bundled)
    raise StudioError("No model was named: give --model PATH (ntp-studio models lists what can be opened here).")


def _progress_line(options: argparse.Namespace) -> Any:
    """A line on standard error that overwrites itself, for a person at a terminal."""
    if options.json or not sys.stderr.isatty():
        return None

    def progress(message: str, fraction: float | None) -> None:
        share = "" if fraction is None else f" {fraction:.0%}"
        print(f"\r\x1b[K{message}{share}" if share != " 100%" else "\r\x1b[K", end="", file=sys.stderr, flush=True)

    return progress


def _json_line(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def models(options: argparse.Namespace) -> int:
    """List the checkpoints that can be opened here."""
    from dataclasses import asdict

    from ntp_studio import settings
    from ntp_studio.core import discovery

    found = discovery.found(settings.load().recent_models)
    for listing in found:
        if options.json:
            _json_line(asdict(listing))
        else:
            size = f"{listing.size_bytes / 1e6:,.0f} MB"
            print(f"{listing.name}\n  {listing.path}")
            print(f"  {listing.source}, {listing.format}, {size} {listing.problem}".rstrip())
    if not found and not options.json:
        print("No checkpoint was found here; any local Hugging Face folder, GGUF file or nanoGPT checkpoint opens.")
    return 0


def bench(options: argparse.Namespace) -> int:
    """Measure the studio's own cost as ratios against the bare model."""
    from ntp_studio.bench import run_all

    for row in run_all(options.model or _default_model(), options.device, options.dtype, tokens=options.tokens):
        if options.json:
            _json_line(row.fields())
        else:
            print(row.line(), flush=True)
    return 0
