"""The chain: stages in order, traced, so that every number on screen can be told where it came from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ntp_studio.core.decoding.build import build_stage
from ntp_studio.core.decoding.context import Context, State
from ntp_studio.core.decoding.picturing import pictures_of, spans_of
from ntp_studio.core.decoding.scores import Ints, Scores
from ntp_studio.core.decoding.stages import Note, Stage, Stop
from ntp_studio.core.pictures import Picture, Span
from ntp_studio.core.types import DecodingSettings, NoTokenAllowed, StageReport

BITS = 1 / math.log(2)


@dataclass(frozen=True, slots=True)
class TracedStage:
    stage: Stage
    before: Scores
    after: Scores
    note: Note
    resting: bool = False

    def report(self, pictures: tuple[Picture, ...] = (), spans: tuple[Span, ...] = ()) -> StageReport:
        before, after = self.before, self.after
        mass = 1.0 if after.count else 0.0
        if 0 < after.count < before.count:
            if self.stage.role in ("cut", "choose"):  # the logits of what is left are as they were
                mass = min(1.0, math.exp(after.log_normalizer - before.log_normalizer))
            else:
                mass = min(1.0, float(np.exp(before.values_at(after.ids) - before.log_normalizer).sum()))
        return StageReport(
            name=self.stage.name,
            kept=after.count,
            removed=before.count - after.count,
            mass=mass,
            entropy_before_bits=before.entropy * BITS,
            entropy_after_bits=after.entropy * BITS if after.count else 0.0,
            threshold=self.note.threshold,
            limit=None if math.isnan(self.note.limit) else self.note.limit,
            facts=self.note.facts,
            resting=self.resting,
            pictures=pictures,
            spans=spans,
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """One run of the chain: the model's scores, what each stage made of them, and what came out."""

    raw: Scores
    stages: tuple[TracedStage, ...]
    result: Scores
    context: Context

    def cuts(self, ids: Ints) -> list[tuple[str, str]]:
        """For each id the (stage name, reason) of the stage that cut it; ("", "") for one that is left."""
        found = [("", "")] * ids.size
        left = np.isfinite(self.raw.values_at(ids))
        for place in np.flatnonzero(~left).tolist():
            found[place] = "model", "the model itself gives it no probability"
        for step in self.stages:
            if step.after.count == step.before.count:
                continue
            still = np.isfinite(step.after.values_at(ids))
            logits = step.before.values_at(ids).tolist()
            for place in np.flatnonzero(left & ~still).tolist():
                reason = step.stage.reason(int(ids[place]), logits[place], step.before, step.note)
                found[place] = step.stage.name, reason
            left = still
        return found

    def cut(self, token_id: int) -> tuple[str, str]:
        """`cuts` of one token."""
        return self.cuts(np.array([token_id]))[0]

    def reports(self, *, pictures: bool = False) -> tuple[StageReport, ...]:
        """A report of every stage, with the stretches of text that it speaks of; and with `pictures` where asked."""
        return tuple(
            step.report(pictures_of(step, self.context) if pictures else (), spans_of(step, self.context))
            for step in self.stages
        )

    def following(self, token_id: int) -> State:
        """What the stateful stages know once this token was taken; those that rest keep what they knew."""
        state = dict(self.context.state)
        for step in self.stages:
            new = None if step.resting else step.stage.following(step.before, step.after, self.context, token_id)
            if new is not None:
                state[step.stage.name] = new
        return state


class Chain:
    """Active stages in order. `run` is pure: the same scores and context give the same trace."""

    def __init__(self, stages: tuple[Stage, ...] = ()) -> None:
        self.stages = stages
        self._resting = resting(stages)

    @classmethod
    def of(cls, settings: DecodingSettings) -> Chain:
        """Build the enabled stages; one whose value means "off" is left out.

        Raises:
            SettingError: an unknown stage or parameter, or a number out of its range.
        """
        return cls(tuple(filter(None, (build_stage(s) for s in settings.stages if s.enabled))))

    @property
    def stateful(self) -> bool:
        """Whether a stage remembers what was drawn."""
        return any(stage.role == "choose" for stage in self.stages)

    def run(self, scores: Scores, context: Context) -> Trace:
        """Raises NoTokenAllowed when bans leave nothing."""
        traced, current = [], scores
        for stage, rests in zip(self.stages, self._resting, strict=True):
            if rests:
                traced.append(TracedStage(stage, current, current, Note(rests), resting=True))
                continue
            after, note = stage.apply(current, context)
            traced.append(TracedStage(stage, current, after, note))
            if not after.count:
                raise NoTokenAllowed(
                    f"No token is allowed here: {stage.label} has removed the last; loosen it, or go back.",
                    tuple(step.report() for step in traced),
                )
            current = after
        return Trace(scores, tuple(traced), current, context)

    def stops(self, ids: list[int], context: Context) -> bool:
        """Whether a stop text or token ends the text that has these ids."""
        return any(isinstance(stage, Stop) and stage.reached(ids, context) for stage in self.stages)


def resting(stages: Iterable[Stage]) -> tuple[str, ...]:
    """For each stage why it rests in this company, in words; empty for one that acts.

    What comes after a stage that chooses has nothing left to say, mirostat cuts by itself, and dynamic temperature is a
    temperature already.
    """
    stages = tuple(stages)
    names = {stage.name for stage in stages}
    first = next((stage.name for stage in stages if stage.role == "choose"), "")
    chooser: Stage | None = None
    found = []
    for stage in stages:
        why = ""
        if stage.role == "stop":
            pass
        elif chooser is not None:
            why = f"no effect: {chooser.label} has chosen before"
        elif stage.role == "cut" and first == "mirostat":
            why = "rests: Mirostat v2 makes the cut"
        elif stage.name == "temperature" and "dynamic_temperature" in names:
            why = "rests: Dynamic temperature takes its place"
        elif stage.role == "choose":
            chooser = stage
        found.append(why)
    return tuple(found)
