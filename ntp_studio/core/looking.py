"""What can be asked of a session without changing it: a token's way through the chain, many draws at once, and which of
its settings' texts mean nothing to the model."""

from __future__ import annotations

import re

import numpy as np

from ntp_studio.core.decoding import STAGES, Scores
from ntp_studio.core.decoding.draw import draw_many
from ntp_studio.core.decoding.stages.base import figure
from ntp_studio.core.decoding.stages.words import EOS, IDS, biased, sequences, single
from ntp_studio.core.decoding.story import tell
from ntp_studio.core.frames import candidates_of
from ntp_studio.core.session import Session
from ntp_studio.core.types import Candidate, DrawReport, Story, StoryLine, StudioError, TokenText


def story(session: Session, token_id: int) -> Story:
    """What each stage and the draw did to this token at the session's place. Raises StudioError: no such token."""
    if not 0 <= token_id < session.model.tokens.vocab_size:
        raise StudioError(f"There is no token {token_id}; ids go up to {session.model.tokens.vocab_size - 1}.")
    trace = session.trace()
    (candidate,) = candidates_of(session.model, trace, np.array([token_id]), noise=session.noise())
    chosen, draw = session.draw(trace)
    last = _draw_line(candidate, session.model.tokens.token(chosen), draw, trace.result)
    return Story(candidate, (*tell(trace, token_id), last))


def draws(session: Session, count: int) -> dict[int, int]:
    """How often each token comes up in `count` draws from the distribution after decoding, the most frequent first.
    At the same place of the same seed they are the same, so that a changed setting shows what the setting did."""
    result = session.trace().result
    if session.decoding.method == "greedy":
        return {result.best: count}
    return draw_many(result, count, int(session.luck.coin("many") * 2**53))


def without_a_token(session: Session) -> tuple[str, ...]:
    """What a person named in the settings that no token of the model stands for, a sentence for each; and what looks
    like a token's id but is none."""
    found = []
    for stage in session.decoding.stages:
        usual = {t.name: t.default for t in STAGES[stage.name].texts}
        for name, entries in stage.texts if stage.enabled else ():
            for entry in entries:
                why = _unknown(session, name, entry) if entry not in usual[name] and name != "stop_strings" else ""
                if why:
                    found.append(f"{name}: {entry!r} {why}.")
    return tuple(found)


def _unknown(session: Session, name: str, entry: str) -> str:
    vocabulary, size = session.lexicon, session.model.tokens.vocab_size
    text = biased(entry)[0] if name == "sequence_bias" else entry
    if name == "dry_sequence_breakers":
        return "" if vocabulary.breakers(text) else "stands in no token of this model"
    if text == EOS and not vocabulary.eos_ids:
        return "names nothing: this model has no end token"
    if IDS.fullmatch(text):
        unknown = [int(number) for number in text[1:].split(",") if int(number) >= size]
        return f"names no token of this model, whose ids go up to {size - 1:,}" if unknown else ""
    if re.fullmatch(r"#\s*-?\d[-\d,\s]*", text):
        return "is no token's id, and is taken as a text"
    if name in ("stop_tokens", "xtc_protect"):
        return "" if single(text, vocabulary) else "is no token of this model"
    return "" if sequences(text, vocabulary) else "cannot be written with the tokens of this model"


def _draw_line(candidate: Candidate, chosen: TokenText, draw: DrawReport, result: Scores) -> StoryLine:
    p, won = candidate.processed_probability, candidate.token.id == chosen.id
    if p <= 0:
        words = f"has no part in the draw; it gives {chosen.label}"
    elif draw.method == "greedy":
        words = "the most likely: it is taken" if won else f"greedy takes the most likely, {chosen.label}"
    elif draw.method == "race":
        words = f"waits {figure(candidate.waiting_time)} = luck {figure(candidate.noise)} ÷ {figure(p)}"
        words += ": the first of all" if won else f"; {chosen.label} came first, at {figure(draw.time)}"
    else:
        low = result.ahead_of(candidate.token.id)[1]
        start, needle, end = _on_the_line(low, draw.u, min(1.0, low + p))
        words = f"lies from {start} to {end} on the line; "
        words += f"the needle at {needle} falls on {'it' if won else chosen.label}"
    return StoryLine("draw", "Draw", "draw", words, p, float(won))


def _on_the_line(low: float, u: float, high: float) -> tuple[str, str, str]:
    """A token's stretch and the needle as figures, with as many decimals as it takes to see whether the one is on the
    other. Below 1 they never read as 1, where neither a needle nor a token's beginning can be."""
    for decimals in range(4, 10):
        start, needle, end = (f"{number:.{decimals}f}" for number in (low, u, high))
        as_seen = (float(start) <= float(needle)) == (low <= u) and (float(needle) < float(end)) == (u < high)
        if as_seen and float(needle) < 1 and float(start) < 1 and float(start) < float(end):
            break
    highest = f"{1 - 10**-decimals:.{decimals}f}"
    return min(start, highest), min(needle, highest), end
