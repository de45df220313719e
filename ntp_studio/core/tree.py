"""The tree of a text: every token that was ever taken, and the line through it that is on the page.

The *line* is a path from the first token on; the *place* is how far along it we stand. The tokens before the place are
the context, those after it the way taken before a rewind. Nothing here knows a model.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from ntp_studio.core.decoding.context import State
from ntp_studio.core.decoding.draw import StreamPlace
from ntp_studio.core.types import DecodingSettings, DrawReport, Origin, StudioError, TokenScore


@dataclass(slots=True, eq=False)
class Node:
    """One token of the tree. `score` is how it fared in the distribution it was taken from (None: it had no context),
    `taken_at` and `taken_with` the stream's place and the settings then (None: it is the prompt's), and `luck` the
    stream's place for the token after it (None, inside the prompt: the stream's beginning). `seeded` is where a person
    began another stream here; it goes before `luck` and stays until a restart, as does `needle`, where a person put the
    dart's needle for the token after it. `state` is what the stateful stages knew once this token was taken, and `draw`
    how it was drawn (None: it was not)."""

    id: int
    parent: Node | None
    token_id: int
    origin: Origin
    score: TokenScore | None = None
    processed_probability: float | None = None
    template: bool = False
    luck: StreamPlace | None = None
    seeded: StreamPlace | None = None
    taken_at: StreamPlace | None = None
    taken_with: DecodingSettings | None = None
    draw: DrawReport | None = None
    needle: float | None = None
    state: State = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    ahead: Node | None = None  # the continuation on the line, when there is one


class Tree:
    def __init__(self, prompt: list[Node] | None = None) -> None:
        """`prompt` are its nodes in order, numbered from 0, each the parent of the next; the place is at its end."""
        self.prompt = prompt or []
        self.nodes = list(self.prompt)
        self.line: list[Node] = []
        self.ids: list[int] = []  # of the context: the line up to the place
        self._prompt_on_line = 0  # how many tokens of the prompt the line begins with
        for parent, child in itertools.pairwise(self.prompt):
            parent.children.append(child)
        self.restart()

    @property
    def place(self) -> int:
        return len(self.ids)

    @property
    def prompt_length(self) -> int:
        """How many tokens of the context are the prompt's; fewer than it has where the line branches off inside it."""
        return min(self._prompt_on_line, self.place)

    @property
    def past_prompt(self) -> bool:
        """Whether the place is where generated tokens follow, and not inside the prompt."""
        return self.place >= self._prompt_on_line

    @property
    def here(self) -> Node:
        """The last node of the context. Raises StudioError if there is no text."""
        if not self.ids:
            raise StudioError("There is no text yet; type a prompt.")
        return self.line[self.place - 1]

    def context(self) -> list[Node]:
        return self.line[: self.place]

    def grow(self, token_id: int, origin: Origin) -> Node:
        """Go on with this token: along the line if it is next there, else on a branch, tried before or new."""
        here = self.here
        child = next((c for c in here.children if c.token_id == token_id), None)
        if child is None:
            child = Node(len(self.nodes), here, token_id, origin)
            self.nodes.append(child)
            here.children.append(child)
        if here.ahead is not child:
            here.ahead = child
            self.line[self.place :] = ahead_from(child)
            if self.place < len(self.prompt):
                self._prompt_on_line = self._shared_with_prompt()
        self.ids.append(token_id)
        return child

    def back(self) -> bool:
        """Go one token back, but not before the first; the way ahead stays. False if there is no way back."""
        if self.place <= 1:
            return False
        self.ids.pop()
        return True

    def forward(self) -> bool:
        """Go one token ahead along the line. False at its end."""
        if self.place >= len(self.line):
            return False
        self.ids.append(self.line[self.place].token_id)
        return True

    def go_to(self, node_id: int) -> None:
        """Go to the place right after this node, on whichever branch it is."""
        node = self._node(node_id)
        path = [node]
        while path[-1].parent is not None:
            path.append(path[-1].parent)
        path.reverse()
        for parent, child in itertools.pairwise(path):
            parent.ahead = child
        self.line = path[:-1] + ahead_from(node)
        self.ids = [n.token_id for n in path]
        self._prompt_on_line = self._shared_with_prompt()

    def next_branch(self, node_id: int) -> None:
        """Put the next of the continuations tried at this node's place on the line, and go to its end."""
        node = self._node(node_id)
        if node.parent is None or len(node.parent.children) < 2:
            raise StudioError("No other continuation was tried at this place; go back and force another token.")
        siblings = node.parent.children
        other = siblings[(siblings.index(node) + 1) % len(siblings)]
        self.go_to(ahead_from(other)[-1].id)

    def restart(self) -> None:
        """Back to the prompt alone. What was there stays in the tree: taking the same first token brings it back."""
        for node in self.nodes:
            node.seeded = node.needle = None
        if self.prompt:
            self.prompt[-1].ahead = None
        for node, following in itertools.pairwise(self.prompt):
            node.ahead = following
        self.line = list(self.prompt)
        self.ids = [node.token_id for node in self.prompt]
        self._prompt_on_line = len(self.prompt)

    def forget_scores(self) -> None:
        """Other weights: no figure of the old ones may be taken for theirs."""
        for node in self.nodes:
            node.score = node.processed_probability = None

    def _node(self, node_id: int) -> Node:
        if not 0 <= node_id < len(self.nodes):
            raise StudioError("That token is no longer part of this text.")
        return self.nodes[node_id]

    def _shared_with_prompt(self) -> int:
        pairs = enumerate(zip(self.line, self.prompt, strict=False))
        return next((i for i, (ours, prompts) in pairs if ours is not prompts), min(len(self.line), len(self.prompt)))


def ahead_from(node: Node) -> list[Node]:
    """The node and the way ahead of it."""
    line = [node]
    while line[-1].ahead is not None:
        line.append(line[-1].ahead)
    return line
