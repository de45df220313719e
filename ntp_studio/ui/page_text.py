"""What is on the page: the tokens, the place in them, the token about to be taken, and their layout. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

from ntp_studio.core.types import PageToken, TokenText
from ntp_studio.ui.token_figures import perplexity
from ntp_studio.ui.token_layout import Flow, Fragment, Metrics
from ntp_studio.ui.token_text import Measure, chip_label, join_tokens

LONGEST_TAG = 18  # characters of the pending token's label
Sum = tuple[float, int]
NOTHING: Sum = (0.0, 0)


class PageText:
    """`tokens[:cursor]` is the context, the rest the way ahead. Entries of the flow are the tokens, with the pending
    token as one more entry at the cursor unless the way ahead begins with the same token.

    Before a way ahead the pending token stands as a tag in the words of `tag_words`: as a chip among the others it
    would make a sentence that nobody wrote.
    """

    def __init__(self, measure: Measure, metrics: Metrics) -> None:
        self.tokens: list[PageToken] = []
        self.cursor = 0
        self.prompt_length = 0
        self.pending: TokenText | None = None
        self.forced = False
        self.tag_words = "→ {0}"
        self.flow = Flow(measure, metrics)
        self._placed = False  # whether the pending token is an entry of the flow
        self._index: dict[int, int] = {}
        # Running sums of log-probabilities with their numbers, the prompt's and the continuation's apart, so that the
        # perplexity of each up to any place is at hand.
        self._sums: list[tuple[Sum, Sum]] = [(NOTHING, NOTHING)]

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
        self._sums = [(NOTHING, NOTHING)]
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
            changed = min(changed, self.flow.cut(self.cursor), self._place_pending(token))
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
                self._place_pending(self.pending)
            self.flow.append(token)
        if self._placed and self.cursor == len(entries) and self.pending is not None:
            self._place_pending(self.pending)

    def _place_pending(self, token: TokenText) -> int:
        if self.cursor == len(self.tokens):
            return self.flow.append(token, alone=True)
        label = chip_label(token)
        short = label if len(label) <= LONGEST_TAG else label[: LONGEST_TAG - 1] + "…"
        return self.flow.append(token, tag=self.tag_words.format(short))

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
        prompt, rest = self._sums[-1]
        if token.logprob is not None and len(self._sums) - 1 < self.prompt_length:
            prompt = (prompt[0] + token.logprob, prompt[1] + 1)
        elif token.logprob is not None:
            rest = (rest[0] + token.logprob, rest[1] + 1)
        self._sums.append((prompt, rest))

    # -- asking --------------------------------------------------------------------------------------------------------

    def perplexity(self) -> float | None:
        """exp(mean negative log-probability) over the context's tokens that have one."""
        return self.perplexities()["all"][0]

    def perplexities(self) -> dict[str, tuple[float | None, int]]:
        """Of the context's prompt, its continuation and all of it: the perplexity and over how many tokens it is."""
        prompt, rest = self._sums[self.cursor]
        both = (prompt[0] + rest[0], prompt[1] + rest[1])
        named = {"prompt": prompt, "continuation": rest, "all": both}
        return {name: (perplexity(total, number), number) for name, (total, number) in named.items()}

    @property
    def generated(self) -> int:
        """How many tokens of the context were generated: neither typed nor added by the chat template."""
        return max(self.cursor - self.prompt_length, 0)

    def tail(self, characters: int) -> str:
        """The last characters of the context, at a cost that does not depend on its length."""
        last = self.tokens[max(self.cursor - characters, 0) : self.cursor]
        return join_tokens([token.token for token in last])[-characters:]

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
