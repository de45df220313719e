"""`ntp-studio compare`: models side by side at the command line, in lock-step on a prompt or along a given text.

Columns are named A, B, C, D in the order in which they are given; A leads, and every other is held against it. All
divergences that are printed are in bits.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntp_studio.core.files import read_text
from ntp_studio.core.types import DEFAULT_SEED, StudioError

if TYPE_CHECKING:
    from ntp_studio.core.compared import Divergence, PlaceComparison
    from ntp_studio.core.comparing_texts import TextComparison
    from ntp_studio.core.lockstep import Frames, Lockstep
    from ntp_studio.core.model import LanguageModel

NAMES = "ABCD"
BITS = 1 / math.log(2)
WORST = 5
MOST_TEXT = 64 * 2**20  # bytes of a text file


def compare(options: argparse.Namespace) -> int:
    """Hold models against each other."""
    if options.prompt is None and options.text_file is None:
        raise StudioError("Say what to read: --prompt TEXT to go on with, --text-file FILE to force through, or both.")
    if options.csv is not None and options.text_file is None:
        raise StudioError("--csv writes the figures of --text-file FILE, and none was given.")
    text = None if options.text_file is None else read_text(options.text_file, MOST_TEXT)
    models = _load(options)
    _tell_models(models, options)
    if options.prompt is not None:
        _lockstep(models, options)
    if text is not None:
        _along_text(models, text, options)
    return 0


def _each(given: list[str] | None, count: int, what: str) -> list[str]:
    values = given or ["auto"]
    if len(values) not in (1, count):
        raise StudioError(f"--{what} is given once for all models or once for each: {count} times, not {len(values)}.")
    return values * count if len(values) == 1 else values


def _load(options: argparse.Namespace) -> list[LanguageModel]:
    """The models in their order; what is named twice is loaded once."""
    from ntp_studio.core import checkpoints

    count = len(options.models)
    if not 2 <= count <= len(NAMES):
        raise StudioError(f"Name two to four models to hold against each other: --model PATH, {count} times so far.")
    wanted = zip(
        options.models, _each(options.devices, count, "device"), _each(options.dtypes, count, "dtype"), strict=True
    )
    loaded: dict[tuple[str, str, str], LanguageModel] = {}
    models = []
    for path, device, dtype in wanted:
        key = (str(Path(path).resolve()), device, dtype)
        if key not in loaded:
            loaded[key] = checkpoints.load(path, device=device, dtype=dtype)
            models.append(loaded[key])
        else:
            models.append(loaded[key].twin())
    return models


def _tell_models(models: list[LanguageModel], options: argparse.Namespace) -> None:
    from ntp_studio.core import report
    from ntp_studio.core.tokens import same_vocabulary

    for name, model in zip(NAMES, models, strict=False):
        same = same_vocabulary(models[0].tokens, model.tokens)
        if options.json:
            _json_line({"column": name, "same_vocabulary": same} | report.model_event(model.info))
        else:
            print(f"{name}  {report.model_lines(model.info)}")
            if not same:
                print("   another vocabulary than A's: held against it by tokens of equal bytes and by whole stretches")


# -- in lock-step ------------------------------------------------------------------------------------------------------


def _lockstep(models: list[LanguageModel], options: argparse.Namespace) -> None:
    from ntp_studio import preset_files, settings
    from ntp_studio.core.lockstep import Lockstep
    from ntp_studio.core.session import Session

    own = settings.load().presets if options.preset is not None else ()
    decoding = preset_files.asked_for(options, own)
    seed = DEFAULT_SEED if options.seed is None else options.seed
    sessions = [Session(model, seed=seed, decoding=decoding, top=options.top) for model in models]
    mode: Any = options.mode.replace("-", " ")
    columns = Lockstep(sessions, mode=mode, seed=seed)
    columns.set_prompt(options.prompt, chat=options.chat)
    for _ in range(options.steps):
        if columns.stopped:
            break
        frames = columns.frames()
        place = columns.compare(frames, top=options.top)
        columns.step(frames)
        if options.json:
            _json_line(_step_event(columns, frames, place))
        else:
            print(_step_lines(columns, frames, place))
    for i, column in enumerate(columns.columns):
        text = column.told.decode("utf-8", "replace")
        reason = column.session.stopped or "steps"
        if options.json:
            ids = {"prompt_token_ids": column.session.prompt_token_ids, "token_ids": column.session.token_ids}
            _json_line({"event": "end", "column": NAMES[i], "reason": reason, "text": text} | ids)
        else:
            print(f"\n{NAMES[i]}  {options.prompt}{text}\n   [{reason}, {len(column.session.token_ids)} tokens]")


def _step_event(columns: Lockstep, frames: Frames, place: PlaceComparison | None) -> dict[str, Any]:
    """`columns` are before the step, but for `waiting_bytes`, `loose_tokens` and `trouble`; `pairs` and `tokens` are
    null where the columns were at different places."""
    from ntp_studio.core.report import token_fields

    event: dict[str, Any] = {"event": "step", "step": columns.steps, "columns": [], "pairs": None, "tokens": None}
    for i, frame in enumerate(frames):
        now = columns.standing(i)
        event["columns"].append(
            {
                "column": NAMES[i],
                "context_length": columns.columns[i].session.place if frame is None else frame.context_length,
                "entropy_bits": None if frame is None else frame.entropy_bits,
                "own_choice": None if frame is None else token_fields(frame.choice),
                "waiting_bytes": now.waiting.hex(),
                "loose_tokens": now.loose,
                "trouble": now.trouble or (columns.columns[i].barred if frame is None else "") or None,
            }
        )
    leading = frames[0]
    if place is not None and leading is not None:
        chosen = leading.choice.token
        row = next(row for row in place.tokens if row.token == chosen)
        event["pairs"] = [
            {"column": NAMES[i], **_pair_fields(pair), "delta_logprob_of_choice": _finite(row.delta(i))}
            for i, pair in enumerate(place.pairs, start=1)
        ]
        event["tokens"] = [
            {"text": row.token.text, "bytes": row.token.bytes.hex(), "special": row.token.special}
            | {"probabilities": list(row.probabilities)}
            for row in place.tokens
        ]
    return event


def _share(p: float) -> str:
    """A percentage that is 0 for nothing else."""
    return f"{p:.2%}" if p >= 0.0001 or p == 0 else "<0.01%"


def _pair_fields(pair: Divergence) -> dict[str, Any]:
    fields: dict[str, Any] = {"whole_vocabulary": pair.whole_vocabulary, "top1_agrees": pair.same_top}
    fields |= {"top_overlap": pair.overlap}
    for name, value in (
        ("kl_from_reference_bits", pair.forward),
        ("kl_to_reference_bits", pair.backward),
        ("jensen_shannon_bits", pair.jensen_shannon),
    ):
        fields[name] = None if value is None else value * BITS
    return fields


def _step_lines(columns: Lockstep, frames: Frames, place: PlaceComparison | None) -> str:
    lines = [f"\nstep {columns.steps}"]
    for i, frame in enumerate(frames):
        now = columns.standing(i)
        if frame is None:
            lines.append(f"  {NAMES[i]}  {columns.columns[i].barred}")
            continue
        choice = frame.choice
        taken = columns.mode != "same text" or columns.columns[i] is columns.leader
        line = f"  {NAMES[i]}  {'takes' if taken else 'would draw':<10}  {choice.token.label:<20}"
        line += f" {_share(choice.probability):>7}   rank {choice.rank:>6,}   entropy {frame.entropy_bits:5.2f} bits"
        if now.waiting:
            line += f"   waits for {len(now.waiting)} bytes"
        lines.append(line + (f"   {now.trouble}" if now.trouble else ""))
    if place is None:
        lines.append("  the columns are at different places")
        return "\n".join(lines)
    for i, pair in enumerate(place.pairs, start=1):
        lines.append(f"  A against {NAMES[i]}: {_pair_words(pair, NAMES[i])}")
    return "\n".join(lines)


def _pair_words(pair: Divergence, name: str) -> str:
    words = f"{'the same' if pair.same_top else 'another'} likeliest, overlap of the top {pair.overlap:.0%}"
    if pair.forward is None or pair.backward is None or pair.jensen_shannon is None:
        return words + " (tokens of equal bytes)"
    return (
        f"KL(A‖{name}) {pair.forward * BITS:.4f} bits, KL({name}‖A) {pair.backward * BITS:.4f}, "
        f"JS {pair.jensen_shannon * BITS:.4f}, {words}"
    )


# -- along a text ------------------------------------------------------------------------------------------------------


def _along_text(models: list[LanguageModel], text: str, options: argparse.Namespace) -> None:
    from ntp_studio.core.comparing_texts import compare_text, comparison_table
    from ntp_studio.core.export import write_text
    from ntp_studio.core.scoring import to_csv

    with _progress(options) as told:
        found = compare_text(models, text, window=options.window, top=options.top, progress=told)
    if options.csv is not None:
        write_text(options.csv, to_csv(*comparison_table(found)))
    if options.json:
        header, table = comparison_table(found)
        for row in table:
            values = dict(zip(header, map(_finite, row), strict=True))
            # As in other events; the table has them as a spreadsheet takes them.
            values |= {"text": json.loads(str(values["text"])), "special": bool(values["special"])}
            _json_line({"event": "token"} | values)
        _json_line(_text_event(found, text))
    else:
        print(_text_lines(found, text))


def _progress(options: argparse.Namespace) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def bar() -> Iterator[Any]:
        from tqdm import tqdm

        quiet = options.json or not sys.stderr.isatty()
        with tqdm(unit="token", disable=quiet, dynamic_ncols=True) as shown:

            def told(done: int, total: int) -> None:
                shown.total = total
                shown.update(done - shown.n)

            yield told

    return bar()


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text_event(found: TextComparison, text: str) -> dict[str, Any]:
    raw = text.encode("utf-8")
    event: dict[str, Any] = {"event": "text", "bytes": len(raw), "columns": [], "pairs": []}
    common = sum(span.end - span.begin for span in found.common)
    event |= {"spans": len(found.spans), "common_bytes": common}
    for i, column in enumerate(found.columns):
        event["columns"].append(
            {
                "column": NAMES[i],
                "tokens": len(column.scores),
                "scored_tokens": column.scored,
                "scored_bytes": column.scored_bytes,
                "window": column.window,
                "stride": column.stride,
                "loss": _finite(column.loss),
                "perplexity": _finite(column.perplexity),
                "bits_per_byte": _finite(column.bits_per_byte),
                "common_bits_per_byte": _finite(found.bits_per_byte(i)),
            }
        )
    for i in range(1, len(found.columns)):
        totals = found.totals(i)
        fields: dict[str, Any] = {"column": NAMES[i], "whole_vocabulary": totals is not None}
        if totals is not None:
            fields |= {"tokens": totals.tokens, "top1_agreed": totals.agreed, "top_overlap": totals.overlap}
            fields |= {"kl_from_reference_bits": _finite(totals.forward * BITS)}
            fields |= {"kl_to_reference_bits": _finite(totals.backward * BITS)}
            fields |= {"jensen_shannon_bits": _finite(totals.jensen_shannon * BITS)}
        fields["worst"] = [_worst_fields(found, raw, i, place) for place in found.worst(i, WORST)]
        event["pairs"].append(fields)
    return event


def _worst_fields(found: TextComparison, raw: bytes, column: int, place: int) -> dict[str, Any]:
    span = found.spans[place]
    delta = found.span_logprob(span, column) - found.span_logprob(span, 0)
    return {
        "begin_byte": span.begin,
        "end_byte": span.end,
        "text": raw[span.begin : span.end].decode("utf-8", "replace"),
        "disagreement_bits": _finite(found.disagreement(column)[place] * BITS),
        "delta_logprob": _finite(delta),
    }


def _text_lines(found: TextComparison, text: str) -> str:
    from ntp_studio.core.tokens import visible

    raw = text.encode("utf-8")
    common = sum(span.end - span.begin for span in found.common)
    lines = [f"\n{len(raw):,} bytes in {len(found.spans):,} stretches that are whole in every column"]
    shared = f"of {common:,} bytes that all foretold"
    lines.append(f"  {'':<3} {'tokens':>8} {'perplexity':>12} {'bits/byte':>10} {shared:>34}")
    for i, column in enumerate(found.columns):
        lines.append(
            f"  {NAMES[i]:<3} {len(column.scores):>8,} {column.perplexity:>12,.3f} {column.bits_per_byte:>10.4f} "
            f"{found.bits_per_byte(i):>34.4f}   windows of {column.window:,} tokens, {column.stride:,} further each"
        )
    for i in range(1, len(found.columns)):
        totals = found.totals(i)
        name = NAMES[i]
        if totals is None:
            lines.append(f"  A against {name}: unequal vocabularies; the stretches that differ most in log-probability")
        else:
            lines.append(
                f"  A against {name}, mean per token over the whole vocabulary: KL(A‖{name}) "
                f"{totals.forward * BITS:.6f} bits, KL({name}‖A) {totals.backward * BITS:.6f}, JS "
                f"{totals.jensen_shannon * BITS:.6f}; the same likeliest in {totals.agreed:,} of {totals.tokens:,}; "
                f"overlap {totals.overlap:.0%}"
            )
        figures = found.disagreement(i)
        for place in found.worst(i, WORST):
            span = found.spans[place]
            shown = visible(raw[span.begin : span.end])
            lines.append(f"      {figures[place] * BITS:10.4f} bits at byte {span.begin:>7,}  {shown}")
    return "\n".join(lines)


def _json_line(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)
