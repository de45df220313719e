"""The chain: stages in order, traced, so that every number on screen can be told where it came from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ntp_studio.core.decoding.scores import Ints, Scores
from ntp_studio.core.decoding.stages import STAGES, Context, Note, Stage
from ntp_studio.core.types import DecodingSettings, SettingError, StageReport, StageSetting

BITS = 1 / math.log(2)


@dataclass(frozen=True, slots=True)
class TracedStage:
    stage: Stage
    before: Scores
    after: Scores
    note: Note

    def report(self) -> StageReport:
        before, after = self.before, self.after
        mass = 1.0
        if after.count < before.count:
            mass = min(1.0, float(np.exp(before.values_at(after.ids) - before.log_normalizer).sum()))
        return StageReport(
            name=self.stage.name,
            kept=after.count,
            removed=before.count - after.count,
            mass=mass,
            entropy_before_bits=before.entropy * BITS,
            entropy_after_bits=after.entropy * BITS,
            threshold=self.note.threshold,
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """One run of the chain: the model's scores, what each stage made of them, and what came out."""

    raw: Scores
    stages: tuple[TracedStage, ...]
    result: Scores

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
                found[place] = step.stage.name, step.stage.reason(logits[place], step.before, step.note)
            left = still
        return found

    def cut(self, token_id: int) -> tuple[str, str]:
        """`cuts` of one token."""
        return self.cuts(np.array([token_id]))[0]

    def reports(self) -> tuple[StageReport, ...]:
        return tuple(step.report() for step in self.stages)


class Chain:
    """Active stages in order. `run` is pure: the same scores and context give the same trace."""

    def __init__(self, stages: tuple[Stage, ...] = ()) -> None:
        self.stages = stages

    @classmethod
    def of(cls, settings: DecodingSettings) -> Chain:
        """Build the enabled stages; one whose value means "off" is left out.

        Raises:
            SettingError: an unknown stage or parameter, or a number out of its range.
        """
        return cls(tuple(filter(None, (build_stage(s) for s in settings.stages if s.enabled))))

    def run(self, scores: Scores, context: Context) -> Trace:
        traced, current = [], scores
        for stage in self.stages:
            after, note = stage.apply(current, context)
            traced.append(TracedStage(stage, current, after, note))
            current = after
        return Trace(scores, tuple(traced), current)


def build_stage(setting: StageSetting) -> Stage | None:
    """The stage as set, or None if it is at its "off" value."""
    kind = STAGES.get(setting.name)
    if kind is None:
        raise SettingError(f"There is no decoding stage called {setting.name}; there are {', '.join(STAGES)}.")
    values = {p.name: p.default for p in kind.parameters} | dict(setting.values)
    unknown = set(values) - {p.name for p in kind.parameters}
    if unknown:
        raise SettingError(f"{kind.label} has no parameter {', '.join(sorted(unknown))}.")
    if any(p.off is not None and values[p.name] == p.off for p in kind.parameters):
        return None
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise SettingError(str(error)) from error


def settings_from_names(values: dict[str, float], *, greedy: bool = False) -> DecodingSettings:
    """From parameter names (`{"temperature": 0.8, "top_k": 40}`) to a chain in Studio order; the rest is off.

    Raises:
        SettingError: a name that no stage has, or a number out of its range.
    """
    rest = dict(values)
    stages = []
    for name, kind in STAGES.items():
        mine = tuple((p.name, rest.pop(p.name)) for p in kind.parameters if p.name in rest)
        if mine:
            stages.append(StageSetting(name, mine))
    if rest:
        known = ", ".join(p.name for kind in STAGES.values() for p in kind.parameters)
        raise SettingError(f"There is no setting called {', '.join(rest)}; there are {known}.")
    settings = DecodingSettings(tuple(stages), "greedy" if greedy else "race")
    Chain.of(settings)
    return settings
