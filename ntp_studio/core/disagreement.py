"""Where columns in lock-step disagree along their text, stretch by stretch, as the text grows, is rewound and branches.

    prompt        | generated        | the way ahead
    the| cat| sat | on| the| mat     | and ...           as far as all lines tell the same

A figure belongs to the pair of nodes whose continuations it compares, so it outlives going back and branching. At
generated places the logits are at hand when the columns stand there (`note`); those of a prompt or of a text forced at
once have gone by, and are read again chunk by chunk, when there is time (`fill`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ntp_studio.core.alignment import ByteSpan, byte_ends
from ntp_studio.core.compared import ColumnTotals, Divergence, PairAt, PlaceComparison, Stretch, Totals
from ntp_studio.core.comparing import TOP, divergences
from ntp_studio.core.following import Column
from ntp_studio.core.known_divergences import KnownDivergences
from ntp_studio.core.lines_together import LinesTogether
from ntp_studio.core.lockstep import Lockstep
from ntp_studio.core.model import CHUNK
from ntp_studio.core.parallel_reading import ParallelReading
from ntp_studio.core.stretch_sums import StretchSums
from ntp_studio.core.tokens import visible
from ntp_studio.core.told_line import ToldLine
from ntp_studio.core.types import StudioError


class Disagreement:
    """Follows a lock-step; ask whenever something may have changed there.

    Divergences are of the models' own distributions, over equal vocabularies, where both columns have read the same
    tokens. `top` is how many of the likeliest tokens `Divergence.overlap` counts.
    """

    def __init__(self, lockstep: Lockstep, *, top: int = TOP) -> None:
        self._lockstep = lockstep
        self._top = top
        self._known = KnownDivergences()
        self._lines: dict[int, ToldLine] = {}  # by column number
        self._row = LinesTogether([], "")  # of the same
        self._stretches: list[Stretch] = []
        self._lacking: list[bool] = []  # for each stretch, whether a divergence is still to be computed
        self._sums = StretchSums(0)
        self._told = 0  # how many stretches are as `changed` last gave them
        self._refused: set[int] = set()  # columns whose model failed
        self._reading: ParallelReading | None = None

    # -- looking

    def stretches(self) -> tuple[Stretch, ...]:
        """The whole line, the prompt and the way ahead included, as far as all columns tell the same; the prompt is
        left out where a tokenizer or chat template changes it so that its tokens cannot be found in it."""
        self._follow()
        return tuple(self._stretches)

    def changed(self) -> tuple[int, tuple[Stretch, ...]]:
        """(first, stretches): since the last call, those before `first` are the same, and from there on there are
        these, up to the end."""
        self._follow()
        first, self._told = self._told, len(self._stretches)
        return first, tuple(self._stretches[first:])

    def at(self) -> int:
        """Which stretch is foretold at the leading column's place (or is begun there); their number at the end."""
        self._follow()
        place = self._lockstep.leader.session.place
        return bisect_right(self._stretches, place, key=lambda stretch: stretch.tokens[0][1])

    @property
    def missing(self) -> int:
        """How many stretches have a divergence that `fill` would compute."""
        self._follow()
        return sum(self._lacking)

    def column_totals(self) -> tuple[ColumnTotals, ...]:
        """Along the stretches; tokens that tell nothing of the text (special ones, a template's) are not counted."""
        self._follow()
        return self._sums.column_totals()

    def pair_totals(self) -> tuple[Totals | None, ...]:
        """Over the stretches whose divergence is known; None where none is."""
        self._follow()
        return self._sums.pair_totals()

    # -- following the lock-step

    def _follow(self) -> None:
        columns = self._lockstep.columns
        renewed = [line.column for line in self._row.lines] != columns
        for number in self._lines.keys() - {column.number for column in columns}:
            self._forget(number)
        for column in columns:
            line = self._lines.get(column.number)
            if line is None or not line.is_of(column):
                self._forget(column.number)
                self._lines[column.number] = ToldLine(column, self._prompt_ends(column))
                renewed = True
        if renewed:
            self._renew()
        if not self._row.look() and not renewed:
            return
        self._row.compare()
        self._keep()
        self._extend()

    def _forget(self, number: int) -> None:
        """A column has gone, or has another text or model."""
        if self._lines.pop(number, None) is not None:
            self._known.forget(number)
        self._refused.discard(number)

    def _prompt_ends(self, column: Column) -> list[int] | None:
        """The end of each token of the prompt in it. None where they cannot be found."""
        nodes = column.session.tree.prompt
        text, chat = self._lockstep.prompt
        template = [node.template for node in nodes] if chat else None
        try:
            return byte_ends(column.session.model.tokens, [node.token_id for node in nodes], text, template)
        except StudioError:
            return None

    def _renew(self) -> None:
        """Other columns, or in another order, or with another text: the stretches begin anew."""
        lines = [self._lines[column.number] for column in self._lockstep.columns]
        self._row = LinesTogether(lines, self._lockstep.prompt[0])
        self._sums = StretchSums(len(lines))
        self._cut(0)

    def _keep(self) -> None:
        """Cut the stretches that are others now."""
        count = len(self._stretches)
        while count and not self._row.unchanged(self._stretches[count - 1]):
            count -= 1
        self._cut(count)

    def _cut(self, count: int) -> None:
        del self._stretches[count:]
        del self._lacking[count:]
        self._sums.cut(count)
        self._told = min(self._told, count)

    def _extend(self) -> None:
        """From the last stretch on, to where the lines tell the same."""
        end = self._stretches[-1].end if self._stretches else 0
        for span, raw, in_prompt in self._row.spans_after(len(self._stretches), end):
            self._add(span, raw, in_prompt)

    def _add(self, span: ByteSpan, raw: bytes, in_prompt: bool) -> None:
        self._stretches.append(Stretch(visible(raw), span.begin, span.end, span.tokens, (), in_prompt))
        self._lacking.append(False)
        self._weigh(len(self._stretches) - 1)

    def _weigh(self, index: int) -> None:
        """Put the figures of a stretch into it."""
        stretch = self._stretches[index]
        own = [line.foretold(*tokens) for line, tokens in zip(self._row.lines, stretch.tokens, strict=True)]
        pairs = []
        lacking = False
        for c in range(1, len(own)):
            key = self._row.foretelling(stretch, c)
            figures = None if key is None else self._known.look_up(key)
            lacking |= key is not None and figures is None and self._can_be_read(c)
            pairs.append(PairAt(_difference(own[0].logprob, own[c].logprob), figures))
        self._stretches[index] = replace(stretch, pairs=tuple(pairs))
        self._lacking[index] = lacking
        self._sums.put(index, stretch.end - stretch.begin, own, pairs)
        self._told = min(self._told, index)

    def _can_be_read(self, c: int) -> bool:
        return self._refused.isdisjoint((self._row.lines[0].column.number, self._row.lines[c].column.number))

    # -- the divergences at hand

    def note(self, comparison: PlaceComparison | None = None) -> None:
        """Remember how far the columns disagree at their place, as far as that is known without a forward. `comparison`
        is what `Lockstep.compare` gave there, with the same `top`; one after decoding is not looked at."""
        self._follow()
        place = self._lockstep.leader.session.place
        lines = self._row.lines
        if comparison is not None and (comparison.after_decoding or len(comparison.pairs) != len(lines) - 1):
            comparison = None
        noted = False
        for c in range(1, len(lines)):
            if not place or lines[c].column.session.place != place or self._row.same[c] < place:
                continue
            key = self._row.after(c, place)
            if self._known.look_up(key) is not None:
                continue
            figures = comparison.pairs[c - 1] if comparison is not None else self._at_hand(c)
            if figures is not None and figures.whole_vocabulary:
                self._known[key] = figures
                noted = True
        index = self.at()
        if noted and index < len(self._stretches):
            self._weigh(index)

    def _at_hand(self, c: int) -> Divergence | None:
        p, q = (line.column.session.logits_at_hand() for line in (self._row.lines[0], self._row.lines[c]))
        if p is None or q is None:
            return None
        with suppress(ValueError):  # NaN: whoever shows the place says so
            return divergences(p[None], q[None], self._top)[0]
        return None

    # -- reading what is missing

    def fill(self, cancelled: Callable[[], bool] | None = None) -> bool:
        """Read one chunk of what is missing, and note its figures. False when nothing is.

        The columns' own caches are not touched. What was read so far is kept for the next call, in caches of its own,
        which are given back when nothing is missing any more. With `cancelled()` it comes back before the next forward,
        and nothing is lost. Raises StudioError: a model failed; its figures stay unknown.
        """
        self._follow()
        reading = self._reading_on()
        if reading is None:
            return False
        columns = {line.column.number: c for c, line in enumerate(self._row.lines)}
        if not reading.within_chunk:
            goal = max(self._last_wanted(columns[number]) for number in reading.lines)
            reading.begin_chunk(min(reading.place + CHUNK, goal))
        while reading.turn:
            if cancelled is not None and cancelled():
                return True
            self._read(reading, columns)
        reading.end_chunk()
        if self._reading_on() is None:
            self.let_go()
        return True

    def let_go(self) -> None:
        """Give back what `fill` keeps between its calls: before a model's memory is to be free."""
        self._reading = None

    def _wanted(self, c: int, begin: int, end: int) -> list[int]:
        """The stretches foretold with more than `begin` and up to `end` tokens that lack their figures in column c."""
        if not self._can_be_read(c):
            return []
        found = []
        first = bisect_right(self._stretches, begin, key=lambda stretch: stretch.tokens[0][0])
        for i in range(first, len(self._stretches)):
            stretch = self._stretches[i]
            if stretch.tokens[0][0] > end:
                break
            if self._lacking[i]:
                key = self._row.foretelling(stretch, c)
                if key is not None and self._known.look_up(key) is None:
                    found.append(i)
        return found

    def _last_wanted(self, c: int) -> int:
        wanted = self._wanted(c, 0, len(self._row.lines[0].nodes))
        return self._stretches[wanted[-1]].tokens[0][0] if wanted else 0

    def _reading_on(self) -> ParallelReading | None:
        """The reading that is under way, or a new one; None if nothing is missing."""
        lasts = {line.column.number: self._last_wanted(c) for c, line in enumerate(self._row.lines) if c}
        wanted = {number: last for number, last in lasts.items() if last}
        reading = self._reading
        if reading is not None:
            reading.shorten(self._row, wanted)
            if not reading.lines:
                reading = None
        if reading is None and wanted:
            reading = ParallelReading(self._row.lines[0], {number: self._lines[number] for number in wanted})
        self._reading = reading
        return reading

    def _read(self, reading: ParallelReading, columns: dict[int, int]) -> None:
        """Let the column whose turn it is read the chunk; `columns` are the places in the row, by number."""
        number = reading.turn[0]
        c = columns[number]
        begin, end = reading.place, reading.end
        if c == 0:
            wanted = sorted({i for other in reading.lines for i in self._wanted(columns[other], begin, end)})
        else:
            wanted = self._wanted(c, begin, end)
            end = min(end, self._last_wanted(c))
        try:
            found = reading.read(end, [self._stretches[i].tokens[0][0] for i in wanted], self._top)
        except StudioError:
            self._refused.add(number)
            self.let_go()
            for i, lacks in enumerate(self._lacking):
                if lacks:
                    self._weigh(i)
            raise
        for i, figures in zip(wanted if c else [], found, strict=True):
            key = self._row.foretelling(self._stretches[i], c)
            assert key is not None
            self._known[key] = figures
            self._weigh(i)


def _difference(first: float | None, other: float | None) -> float | None:
    if first is None or other is None:
        return None
    return 0.0 if first == other else other - first
