"""What can be asked of a session without changing it: a token's way through the chain, and many draws at once."""

from __future__ import annotations

import numpy as np

from ntp_studio.core.decoding import Scores
from ntp_studio.core.decoding.draw import draw_many
from ntp_studio.core.decoding.stages.base import figure
from ntp_studio.core.decoding.story import tell
from ntp_studio.core.frames import candidates_of
from ntp_studio.core.session import Session
from ntp_studio.core.types import Candidate, StepFrame, Story, StoryLine, StudioError


def story(session: Session, token_id: int) -> Story:
    """What each stage and the draw did to this token at the session's place. Raises StudioError: no such token."""
    if not 0 <= token_id < session.model.tokens.vocab_size:
        raise StudioError(f"There is no token {token_id}; ids go up to {session.model.tokens.vocab_size - 1}.")
    frame, trace = session.frame(), session.trace()
    (candidate,) = candidates_of(session.model, trace, np.array([token_id]), noise=session.noise())
    return Story(candidate, (*tell(trace, token_id), _draw_line(candidate, frame, trace.result)))


def draws(session: Session, count: int) -> dict[int, int]:
    """How often each token comes up in `count` draws from the distribution after decoding, the most frequent first.
    At the same place of the same seed they are the same, so that a changed setting shows what the setting did."""
    result = session.trace().result
    if session.decoding.method == "greedy":
        return {result.best: count}
    return draw_many(result, count, int(session.luck.coin("many") * 2**53))


def _draw_line(candidate: Candidate, frame: StepFrame, result: Scores) -> StoryLine:
    p, chosen = candidate.processed_probability, frame.choice
    won = candidate.token.id == chosen.token.id
    if p <= 0:
        words = f"has no part in the draw; it gives {chosen.token.label}"
    elif frame.draw.method == "greedy":
        words = "the most likely: it is taken" if won else f"greedy takes the most likely, {chosen.token.label}"
    elif frame.draw.method == "race":
        words = f"waits {figure(candidate.waiting_time)} = luck {figure(candidate.noise)} ÷ {figure(p)}"
        words += ": the first of all" if won else f"; {chosen.token.label} came first, at {figure(frame.draw.time)}"
    else:
        low = result.ahead_of(candidate.token.id)[1]
        words = f"lies from {low:.4f} to {min(1.0, low + p):.4f} on the line; "
        words += f"the needle at {frame.draw.u:.4f} falls on {'it' if won else chosen.token.label}"
    return StoryLine("draw", "Draw", "draw", words, p, float(won))
