"""What is on the page: the tokens, the place in them, the token about to be taken, and their layout. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

from ntp_studio.core.types import PageToken, TokenText
from ntp_studio.ui.token_figures import perplexity
from ntp_studio.ui.token_layout import Flow, Fragment, Metrics
from ntp_studio.ui.token_text import Measure, join_tokens


class PageText:
    """`tokens[:cursor]` is the context, the rest the way ahead. Entries of the flow are the tokens, with the pending
    token as one more entry at the cursor unless the way ahead begins with the same token."""

    def __init__(self, measure: Measure, metrics: Metrics) -> None:
        self.tokens: list[PageToken] = []
        self.cursor = 0
        self.prompt_length = 0
        self.pending: TokenText | None = None
        self.forced = False
        self.flow = Flow(measure, metrics)
        self._placed = False  # whether the pending token is an entry of the flow
        self._index: dict[int, int] = {}
        # running sums over the tokens with figures, so that the perplexity up to any place is at hand
        self._sums: list[tuple[float, int]] = [(0.0, 0)]

    @property
    def padding(self) -> float:
        return self.flow.metrics.padding

    # -- changing ------------------------------------------------------------------------------------------------------

    def set_path(self, tokens: Sequence[PageToken], cursor: int, prompt_length: int) -> None:
        """The whole text. What it shares with the text before is not laid out again. The pending token is dropped."""
        self._lift_pending()
        self.pending = None
        same = 0
        for old, new in zip(self.tokens, tokens, strict=False):
            if old.node != new.node or old.token != new.token:
                break
            same += 1
        self.flow.cut(same)
        for token in tokens[same:]:
            self.flow.append(token.token)
        self.tokens = list(tokens)
        self.cursor = min(max(cursor, 0), len(tokens))
        self.prompt_length = prompt_length
        self._index = {token.node: i for i, token in enumerate(tokens)}
        self._sums = [(0.0, 0)]
        for token in tokens:
            self._add_sum(token)

    def append(self, token: PageToken) -> int:
        """One token more at the cursor, which was the end. Returns the first line changed."""
        line = self.flow.line_count - 1
        if self.cursor < len(self.tokens):  # a way ahead that was not followed
            self.set_path([*self.tokens[: self.cursor], token], self.cursor + 1, self.prompt_length)
            return 0
        if self._placed:
            line = self.flow.cut(self.cursor)
            self._placed = False
        self.pending = None
        line = min(line, self.flow.append(token.token))
        self._index[token.node] = len(self.tokens)
        self.tokens.append(token)
        self._add_sum(token)
        self.cursor += 1
        return line

    def set_pending(self, token: TokenText | None, forced: bool) -> int:
        """The token about to be taken, shown at the cursor. Returns the first line changed."""
        ghost = self.tokens[self.cursor].token if self.cursor < len(self.tokens) else None
        changed = self.cursor_place()[0]
        changed = min(changed, self._lift_pending())
        self.pending, self.forced = token, forced
        if token is not None and (ghost is None or ghost.id != token.id):
            changed = min(changed, self.flow.cut(self.cursor), self.flow.append(token, alone=True))
            for ahead in self.tokens[self.cursor :]:
                self.flow.append(ahead.token)
            self._placed = True
        return min(changed, self.cursor_place()[0])

    def set_metrics(self, metrics: Metrics) -> None:
        """Lay everything out anew."""
        entries = [token.token for token in self.tokens]
        self.flow = Flow(self.flow.measure, metrics)
        for number, token in enumerate(entries):
            if self._placed and number == self.cursor and self.pending is not None:
                self.flow.append(self.pending, alone=True)
            self.flow.append(token)
        if self._placed and self.cursor == len(entries) and self.pending is not None:
            self.flow.append(self.pending, alone=True)

    def _lift_pending(self) -> int:
        """Take the pending token out of the layout, if it is there. Returns the first line changed."""
        if not self._placed:
            return self.flow.line_count - 1
        self._placed = False
        line = self.flow.cut(self.cursor)
        for ahead in self.tokens[self.cursor :]:
            self.flow.append(ahead.token)
        return line

    def _add_sum(self, token: PageToken) -> None:
        total, number = self._sums[-1]
        self._sums.append((total, number) if token.logprob is None else (total + token.logprob, number + 1))

    # -- asking --------------------------------------------------------------------------------------------------------

    def perplexity(self) -> float | None:
        """exp(mean negative log-probability) over the context's tokens that have one."""
        return perplexity(*self._sums[self.cursor])

    def joined(self) -> str:
        """The context as text: bytes joined, read as UTF-8."""
        return join_tokens([token.token for token in self.tokens[: self.cursor]])

    def index_of(self, node: int) -> int | None:
        return self._index.get(node)

    def index_at(self, entry: int) -> int | None:
        """The token of a flow entry; None for the pending chip."""
        if not self._placed or entry < self.cursor:
            return entry
        return None if entry == self.cursor else entry - 1

    def entry_of(self, index: int) -> int:
        return index + 1 if self._placed and index >= self.cursor else index

    def outlined(self, entry: int) -> bool:
        """Whether this entry carries the outline of the token about to be taken."""
        return self.pending is not None and entry == self.cursor

    def is_boundary(self, fragment: Fragment) -> bool:
        """Whether this is where the generated text begins."""
        return (
            0 < self.prompt_length < len(self.tokens) + bool(self._placed)
            and fragment.entry == self.prompt_length
            and self.flow.fragments[self.flow.first_fragment(fragment.entry)] is fragment
        )

    def line_of(self, entry: int) -> int:
        """The line on which an entry begins."""
        if entry >= len(self.flow):
            return self.flow.end[0]
        return self.flow.line_of(self.flow.first_fragment(entry))

    def cursor_place(self) -> tuple[int, float]:
        """Line and x of the place where the next token goes."""
        if self.cursor >= len(self.flow):
            return self.flow.end
        index = self.flow.first_fragment(self.cursor)
        return self.flow.line_of(index), self.flow.fragments[index].x
