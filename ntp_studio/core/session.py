"""Session: a text that grows token by token. Read this file first.

    prompt -> token ids -> logits -> decoding chain -> distribution -> draw -> next token

A session is a tree of steps. Its *line* is the path through the tree that is on the page, and its *place* is how far
along the line we stand: the tokens before it are the context, those after it the way taken before a rewind. `frame()`
shows the distribution at the place and the token that the draw gives there; `step()` takes that token, `force()` any
other. Nothing is ever re-tokenised: the ids in the nodes are the truth, and text is derived from them.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding import Chain, Context, Scores, Trace
from ntp_studio.core.decoding.draw import RandomStream, StreamPlace, choose
from ntp_studio.core.frames import build_frame, candidates_of
from ntp_studio.core.model import LanguageModel, Reading, TokenScore
from ntp_studio.core.types import (
    DEFAULT_SEED,
    Candidate,
    ContextFull,
    DecodingSettings,
    Origin,
    PageToken,
    StepFrame,
    StopReason,
    StudioError,
)

LOGITS_KEPT = 64 * 2**20  # bytes of logits of recent places kept, so that going back costs no forward


@dataclass(slots=True, eq=False)
class Node:
    """One token of the tree. `score` is how it fared in the distribution it was taken from (None: it had no context),
    `taken_at` and `taken_with` the stream's place and the settings then (None: it is the prompt's), and `luck` the
    stream's place for the token after it (None, inside the prompt: the stream's beginning)."""

    id: int
    parent: Node | None
    token_id: int
    origin: Origin
    score: TokenScore | None = None
    processed_probability: float | None = None
    template: bool = False
    luck: StreamPlace | None = None
    taken_at: StreamPlace | None = None
    taken_with: DecodingSettings | None = None
    children: list[Node] = field(default_factory=list)
    ahead: Node | None = None  # the continuation on the page, when there is one

    def page_token(self, model: LanguageModel) -> PageToken:
        token = PageToken(
            node=self.id,
            token=model.tokens.token(self.token_id),
            origin=self.origin,
            processed_probability=self.processed_probability,
            branches=len(self.parent.children) if self.parent else 1,
            template=self.template,
        )
        if self.score is None:
            return token
        score = self.score
        return replace(token, logprob=score.logprob, rank=score.rank, entropy_bits=score.entropy_bits)


class Session:
    """A text on one model. `top` is how many candidates a frame lists."""

    def __init__(
        self, model: LanguageModel, *, seed: int = DEFAULT_SEED, decoding: DecodingSettings | None = None, top: int = 40
    ) -> None:
        self.model = model
        self.top = top
        self.decoding = decoding or DecodingSettings()
        self._chain = Chain.of(self.decoding)
        self._stream = RandomStream(model.tokens.vocab_size)
        self._first = StreamPlace(seed)  # for the first token after the prompt
        self._nodes: list[Node] = []
        self._prompt: list[Node] = []
        self._line: list[Node] = []
        self._ids: list[int] = []  # of the context: the line up to the place
        self._prompt_on_line = (
            0  # how many tokens of the prompt the line begins with: all, unless it branches off there
        )
        self._logits: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._scores: tuple[int, Scores] | None = None  # of the place last looked at, with its ranking
        self._untold: Reading | None = None  # of the prompt, until a frame has told what it cost

    # -- the text

    @property
    def seed(self) -> int:
        return self._first.seed

    @property
    def place(self) -> int:
        return len(self._ids)

    @property
    def prompt_length(self) -> int:
        """How many tokens of the context are the prompt's."""
        return min(self._prompt_on_line, self.place)

    @property
    def token_ids(self) -> list[int]:
        """The context's tokens after the prompt."""
        return self._ids[self.prompt_length :]

    @property
    def prompt_token_ids(self) -> list[int]:
        return self._ids[: self.prompt_length]

    @property
    def text(self) -> str:
        return self.model.tokens.text(self._ids)

    @property
    def here(self) -> Node:
        """The node whose continuation is shown.

        Raises:
            StudioError: there is no prompt yet.
        """
        if not self._ids:
            raise StudioError("There is no text yet; type a prompt.")
        return self._line[self.place - 1]

    @property
    def stopped(self) -> StopReason | None:
        """Why the text is at its end here, if it is."""
        if self.token_ids and self._ids[-1] in self.model.eos_ids:
            return "eos"
        return "context" if self.place >= self.model.info.context_length else None

    def context(self) -> list[Node]:
        """The nodes up to the place."""
        return self._line[: self.place]

    def page(self) -> tuple[PageToken, ...]:
        """The whole line, context and way ahead."""
        return tuple(node.page_token(self.model) for node in self._line)

    def set_prompt(
        self,
        text: str,
        *,
        chat: bool = False,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Read a new prompt and start from its end; see `begin`. `chat` puts it into the model's chat template."""
        ids, template = self.encode(text, chat=chat)
        if not ids:
            raise StudioError("This model cannot begin with an empty text; type a prompt.")
        self.begin(ids, template, progress=progress, cancelled=cancelled)

    def begin(
        self,
        ids: list[int],
        template: list[bool] | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Read these ids as the prompt and start from its end. If that fails or is cancelled, the text before stays.

        `template` marks the ids that a chat template added. Raises StudioError: too long for the context, cancelled, or
        the model failed.
        """
        template = template or [False] * len(ids)
        # What both prompts begin with has been scored already.
        known = self._prompt
        same = next((i for i, (n, t) in enumerate(zip(known, ids, strict=False)) if n.token_id != t), len(known))
        same = min(same, len(ids))
        reading = self.model.read(ids, score_from=max(1, same), progress=progress, cancelled=cancelled)
        scores = [node.score for node in known[: reading.first]] + list(reading.scores)
        if not known:
            scores.insert(0, None)
        nodes: list[Node] = []
        for token_id, added, score in zip(ids, template, scores, strict=True):
            node = Node(len(nodes), nodes[-1] if nodes else None, token_id, "prompt", score, template=added)
            if nodes:
                nodes[-1].children.append(node)
            nodes.append(node)
        self._prompt, self._nodes = nodes, list(nodes)
        self._logits.clear()
        self._scores = None
        self.restart()
        self._remember(nodes[-1].id, reading)
        self._untold = reading

    def encode(self, text: str, *, chat: bool = False) -> tuple[list[int], list[bool]]:
        """The ids of a prompt, and for each whether the chat template added it."""
        tokens = self.model.tokens
        if chat:
            return tokens.encode_chat(text)
        ids = tokens.encode(text)
        if not ids and tokens.start_id is not None:
            ids = [tokens.start_id]
        return ids, [False] * len(ids)

    # -- step, force, rewind, branch

    def step(self) -> StepFrame:
        """Take the token that the draw gives here. Returns the distribution it was drawn from.

        Raises:
            ContextFull: there is no room for another token.
        """
        frame = self.frame()
        self.take(frame.choice, frame, "drawn")
        return frame

    def force(self, token_id: int) -> StepFrame:
        """Take this token, whatever the draw gives. Returns the distribution it was taken from, with it as the choice.

        Raises:
            StudioError: no such token. ContextFull: no room for another.
        """
        if not 0 <= token_id < self.model.tokens.vocab_size:
            raise StudioError(f"There is no token {token_id}; ids go up to {self.model.tokens.vocab_size - 1}.")
        frame = self.frame(forced=token_id)
        self.take(frame.choice, frame, "forced")
        return frame

    def take(self, choice: Candidate, frame: StepFrame, origin: Origin) -> Node:
        """Go on with a token of the frame of this place; a continuation tried before is gone on with."""
        here = self.here
        if self.place >= self.model.info.context_length:
            raise ContextFull(
                f"The context is full: this model holds {self.model.info.context_length:,} tokens. Go back or restart."
            )
        child = next((c for c in here.children if c.token_id == choice.token.id), None)
        if child is None:
            child = Node(len(self._nodes), here, choice.token.id, origin)
            self._nodes.append(child)
            here.children.append(child)
        if child.origin != "prompt":
            child.origin = origin
            child.score = TokenScore(choice.logprob, choice.rank, frame.entropy_bits)
            child.processed_probability = choice.processed_probability
            child.taken_at, child.taken_with = self._luck_at(here), self.decoding
            # One draw further for every token, so that luck does not depend on what was forced, cut or looked at.
            child.luck = child.taken_at.following
        self._ids.append(child.token_id)
        if here.ahead is not child:
            here.ahead = child
            self._line[self.place - 1 :] = self._ahead_from(child)
            self._prompt_on_line = self._shared_with_prompt()
        return child

    def back(self) -> bool:
        """Go one token back, but not before the first; the way ahead stays. False if there is no way back."""
        if self.place <= 1:
            return False
        self._ids.pop()
        return True

    def forward(self) -> bool:
        """Go one token ahead along the line, without drawing. False at its end."""
        if self.place >= len(self._line):
            return False
        self._ids.append(self._line[self.place].token_id)
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
        self._line = path[:-1] + self._ahead_from(node)
        self._ids = [n.token_id for n in path]
        self._prompt_on_line = self._shared_with_prompt()

    def next_branch(self, node_id: int) -> None:
        """Put the next of the continuations tried at this node's place on the page, and go to its end."""
        node = self._node(node_id)
        if node.parent is None or len(node.parent.children) < 2:
            raise StudioError("No other continuation was tried at this place; go back and force another token.")
        siblings = node.parent.children
        other = siblings[(siblings.index(node) + 1) % len(siblings)]
        self.go_to(self._ahead_from(other)[-1].id)

    def restart(self) -> None:
        """Back to the prompt alone, with the stream at its beginning. What was there stays in the tree: taking the same
        first token again brings it back."""
        for node, following in zip(self._prompt, [*self._prompt[1:], None], strict=True):
            node.ahead, node.luck = following, None
        self._line = list(self._prompt)
        self._ids = [node.token_id for node in self._prompt]
        self._prompt_on_line = len(self._prompt)

    # -- settings: they change what a frame shows and what the next step takes, and run no forward

    def set_decoding(self, decoding: DecodingSettings) -> None:
        """Raises SettingError, and changes nothing, if a stage refuses its numbers."""
        self._chain = Chain.of(decoding)
        self.decoding = decoding

    def set_seed(self, seed: int) -> None:
        """Start the random stream of this seed at this place (and, on a restart, after the prompt)."""
        self._first = StreamPlace(seed)
        if self._ids:
            self.here.luck = self._first

    # -- the distribution

    def frame(
        self,
        *,
        forced: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> StepFrame:
        """The distribution at this place, raw and processed, and the token chosen from it.

        Runs a forward pass only if the logits of this place are not at hand, and changes nothing that a later step
        depends on. `progress` and `cancelled` are those of `LanguageModel.read`, for a context that must be read again.
        """
        started = time.perf_counter()
        node = self.here
        scores, reading = self._scores_here(progress, cancelled)
        if reading is None and self._untold is not None and node is self._prompt[-1]:
            reading, self._untold = self._untold, None
            started -= reading.model_ms / 1000
        trace = self._chain.run(scores, Context(self._ids, self.prompt_length))
        token_id, draw = choose(trace.result, self.decoding.method, self._stream, self._luck_at(node))
        return build_frame(
            self.model,
            trace,
            forced if forced is not None else token_id,
            draw,
            top=self.top,
            step=self.place - self.prompt_length + 1 if self.place >= self._prompt_on_line else 0,
            node=node.id,
            context_length=self.place,
            origin="drawn" if forced is None else "forced",
            model_ms=reading.model_ms if reading else 0.0,
            note=reading.note if reading else "",
            started=started,
        )

    def prepare(self) -> None:
        """Draw the noise that the next place will need, in the time before it is asked for. It changes nothing."""
        if self.decoding.method == "race" and self._ids:
            self._stream.noise(self._luck_at(self.here).following)

    def trace(self) -> Trace:
        """One run of the chain at this place, every stage with what it left."""
        return self._chain.run(self._scores_here()[0], Context(self._ids, self.prompt_length))

    def find(self, query: str, limit: int = 50) -> tuple[tuple[Candidate, ...], int]:
        """Vocabulary entries containing `query` with their figures here, whole matches first, then the likeliest;
        and how many there are in all."""
        found = self.model.tokens.find(query)
        trace = self.trace()
        logits = trace.raw.logits
        wanted = query.replace("·", " ").strip().casefold()
        whole = {i for i in found if self.model.tokens.token(i).text.strip().casefold() == wanted}
        found.sort(key=lambda i: (i not in whole, -logits[i], i))
        return candidates_of(self.model, trace, np.array(found[:limit], dtype=np.int64)), len(found)

    def _scores_here(
        self,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[Scores, Reading | None]:
        node_id = self.here.id
        if self._scores is not None and self._scores[0] == node_id:
            return self._scores[1], None
        reading = None
        logits = self._logits.get(node_id)
        if logits is None:
            reading = self.model.read(self._ids, progress=progress, cancelled=cancelled)
            logits = self._remember(node_id, reading)
        else:
            self._logits.move_to_end(node_id)
        scores = Scores.of(logits)
        self._scores = node_id, scores
        return scores, reading

    def _remember(self, node_id: int, reading: Reading) -> NDArray[np.float32]:
        self._logits[node_id] = reading.logits
        while len(self._logits) > max(2, LOGITS_KEPT // reading.logits.nbytes):
            self._logits.popitem(last=False)
        return reading.logits

    def _luck_at(self, node: Node) -> StreamPlace:
        return node.luck or self._first

    # -- the tree

    def _node(self, node_id: int) -> Node:
        if not 0 <= node_id < len(self._nodes):
            raise StudioError("That token is no longer part of this text.")
        return self._nodes[node_id]

    def _shared_with_prompt(self) -> int:
        pairs = enumerate(zip(self._line, self._prompt, strict=False))
        return next((i for i, (ours, prompts) in pairs if ours is not prompts), min(len(self._line), len(self._prompt)))

    def _ahead_from(self, node: Node) -> list[Node]:
        line = [node]
        while line[-1].ahead is not None:
            line.append(line[-1].ahead)
        return line
