"""Session: a text that grows token by token. Read this file first.

    prompt -> token ids -> logits -> decoding chain -> distribution -> draw -> next token

A session is a model, settings, and a tree of the tokens that were taken (`tree.py`). Its *place* is how far along the
text on the page we stand: the tokens before it are the context, those after it the way taken before a rewind. `frame()`
shows the distribution at the place and the token that the draw gives there; `step()` takes that token, `force()` any
other. Nothing is ever re-tokenised: the ids in the tree are the truth, and text is derived from them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding import Chain, Context, Trace
from ntp_studio.core.decoding.draw import Luck, RandomStream, StreamPlace, choose
from ntp_studio.core.frames import build_frame, candidates_of
from ntp_studio.core.lexicon import Lexicon
from ntp_studio.core.model import LanguageModel, Reading
from ntp_studio.core.places import Places
from ntp_studio.core.tokens import same_vocabulary
from ntp_studio.core.tree import Node, Tree
from ntp_studio.core.types import (
    DEFAULT_SEED,
    Candidate,
    ContextFull,
    DecodingSettings,
    DrawReport,
    Origin,
    PageToken,
    SettingError,
    StepFrame,
    StopReason,
    StudioError,
    Taken,
    TokenScore,
)

PAST_KEPT = 64  # places that a stage's picture of its own past goes back


class Session:
    """A text on one model. `top` is how many candidates a frame lists."""

    def __init__(
        self, model: LanguageModel, *, seed: int = DEFAULT_SEED, decoding: DecodingSettings | None = None, top: int = 40
    ) -> None:
        self.model = model
        self.top = top
        self.pictures = False  # whether frames are to carry what the stages drew of their rules
        self.set_decoding(decoding or DecodingSettings())
        self._stream = RandomStream(model.tokens.vocab_size)
        self.lexicon = Lexicon(model.tokens, lambda: self.model.eos_ids)
        self._first = StreamPlace(seed)  # for the first token after the prompt
        self.tree = Tree()
        self._places = Places()
        self._untold: Reading | None = None  # of the prompt, until a frame has told what it cost

    # -- the text

    @property
    def seed(self) -> int:
        return self._first.seed

    @property
    def place(self) -> int:
        """How many tokens the context has."""
        return self.tree.place

    @property
    def token_ids(self) -> list[int]:
        """The context's tokens after the prompt."""
        return self.tree.ids[self.tree.prompt_length :]

    @property
    def prompt_token_ids(self) -> list[int]:
        return self.tree.ids[: self.tree.prompt_length]

    @property
    def text(self) -> str:
        return self.model.tokens.text(self.tree.ids)

    @property
    def stopped(self) -> StopReason | None:
        """Why the text is at its end here, if it is."""
        if self.place > self.tree.prompt_length:
            if self.tree.ids[-1] in self.model.eos_ids:
                return "eos"
            if self._chain.stops(self.tree.ids, self._context()):
                return "stop"
        return "context" if self.place >= self.model.info.context_length else None

    def page(self) -> tuple[PageToken, ...]:
        """The whole line, context and way ahead."""
        return tuple(self.page_token(node) for node in self.tree.line)

    def page_token(self, node: Node) -> PageToken:
        token = PageToken(
            node=node.id,
            token=self.model.tokens.token(node.token_id),
            origin=node.origin,
            processed_probability=node.processed_probability,
            branches=len(node.parent.children) if node.parent else 1,
            template=node.template,
        )
        if node.score is None:
            return token
        score = node.score
        return replace(token, logprob=score.logprob, rank=score.rank, entropy_bits=score.entropy_bits)

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
        known = self.tree.prompt
        pairs = enumerate(zip(known, ids, strict=False))
        same = next((i for i, (n, t) in pairs if n.token_id != t or (i and n.score is None)), len(known))
        same = min(same, len(ids))
        reading = self.model.read(ids, score_from=max(1, same), progress=progress, cancelled=cancelled)
        scores = [node.score for node in known[: reading.first]] + list(reading.scores)
        if not known:
            scores.insert(0, None)
        nodes: list[Node] = []
        for token_id, added, score in zip(ids, template, scores, strict=True):
            nodes.append(Node(len(nodes), nodes[-1] if nodes else None, token_id, "prompt", score, template=added))
        self.tree = Tree(nodes)
        self._places = Places()
        self._places.keep(nodes[-1].id, reading.logits)
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
        here = self.tree.here
        if self.place >= self.model.info.context_length:
            raise ContextFull(
                f"The context is full: this model holds {self.model.info.context_length:,} tokens. Go back or restart."
            )
        luck = self._luck_at(here)
        forced = origin == "forced"
        # Before the text grows: what stateful stages learn from this token depends on the distribution here.
        state = self.trace().following(choice.token.id) if self._chain.stateful else here.state
        child = self.tree.grow(choice.token.id, origin)
        if child.origin != "prompt":
            child.origin = origin
            child.score = TokenScore(choice.logprob, choice.rank, frame.entropy_bits)
            child.processed_probability = choice.processed_probability
            child.taken_at, child.taken_with = luck, self.decoding
            child.draw = None if forced else frame.draw
            # One draw further for every token, so that luck does not depend on what was forced, cut or looked at.
            child.luck = luck.following
            child.state = state
        return child

    def back(self) -> bool:
        """Go one token back, but not before the first; the way ahead stays. False if there is no way back."""
        return self.tree.back()

    def forward(self) -> bool:
        """Go one token ahead along the line, without drawing. False at its end."""
        return self.tree.forward()

    def go_to(self, node_id: int) -> None:
        """Go to the place right after this node, on whichever branch it is."""
        self.tree.go_to(node_id)

    def next_branch(self, node_id: int) -> None:
        """Put the next of the continuations tried at this node's place on the page, and go to its end."""
        self.tree.next_branch(node_id)

    def restart(self) -> None:
        """Back to the prompt alone, with the stream at its beginning; see `Tree.restart`."""
        self.tree.restart()

    # -- settings: they change what a frame shows and what the next step takes, and run no forward

    def set_decoding(self, decoding: DecodingSettings) -> None:
        """Raises SettingError, and changes nothing, if a stage refuses its numbers."""
        _check_needle(decoding.needle)
        self._chain = Chain.of(decoding)
        self.decoding = decoding

    def set_seed(self, seed: int, position: int = 0) -> None:
        """Start the random stream of this seed at this place (and, on a restart, after the prompt), as if so many draws
        had been made from it already."""
        self._first = StreamPlace(seed)
        if self.tree.ids:
            self.tree.here.seeded = StreamPlace(seed, position)

    def move_needle(self, u: float | None) -> None:
        """Put the dart's needle at u in [0, 1) for the token after this place; None gives it back to the seed."""
        _check_needle(u)
        self.tree.here.needle = u

    # -- other weights

    def exchange(
        self,
        model: LanguageModel,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Go on with another model that has the same vocabulary, such as another snapshot of the same training.

        Text, branches, place, settings, seeds and luck stay. The new model reads the line, and its figures take the
        place of the old one's; whatever it has not read is unknown until `complete_scores`. If it fails or is cancelled
        nothing is changed. The old model is neither released nor made to forget. Raises StudioError.
        """
        if not same_vocabulary(self.model.tokens, model.tokens):
            raise StudioError(
                f"{model.info.name} has other tokens than {self.model.info.name}, so it cannot read this text; open it "
                "on its own."
            )
        reading = None
        if self.tree.line:
            ids = [node.token_id for node in self.tree.line]
            reading = model.read(ids, score_from=1, progress=progress, cancelled=cancelled)
        self.model = model
        self.tree.forget_scores()
        self._places = Places()
        self._untold = None
        if reading is not None:
            self._take_scores(reading)
            self._places.keep(self.tree.line[-1].id, reading.logits)

    def complete_scores(
        self,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Have the model read what it has not yet read of the line: after `exchange`, a branch that was taken with
        other weights. Runs a forward pass only if there is any; what is computed does not depend on when."""
        first = self._first_unread()
        if first is not None:
            ids = [node.token_id for node in self.tree.line]
            self._take_scores(self.model.read(ids, score_from=first, progress=progress, cancelled=cancelled))

    @property
    def incomplete(self) -> bool:
        """Whether the line holds tokens that the present model has not read."""
        return self._first_unread() is not None

    def _first_unread(self) -> int | None:
        return next((i for i, node in enumerate(self.tree.line) if i and node.score is None), None)

    def _take_scores(self, reading: Reading) -> None:
        for node, score in zip(self.tree.line[reading.first :], reading.scores, strict=True):
            node.score = score

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
        node = self.tree.here
        scores, reading = self._places.scores(self.model, node.id, self.tree.ids, progress, cancelled)
        if reading is None and self._untold is not None and node is self.tree.prompt[-1]:
            reading, self._untold = self._untold, None
            started -= reading.model_ms / 1000
        trace = self._chain.run(scores, self._context())
        token_id, draw = self.draw(trace)
        return build_frame(
            self.model,
            trace,
            forced if forced is not None else token_id,
            draw,
            top=self.top,
            step=self.place - self.tree.prompt_length + 1 if self.tree.past_prompt else 0,
            node=node.id,
            context_length=self.place,
            origin="drawn" if forced is None else "forced",
            model_ms=reading.model_ms if reading else 0.0,
            note=reading.note if reading else "",
            started=started,
            noise=self.noise(),
            taken=self._taken_here(draw),
            pictures=self.pictures,
        )

    def draw(self, trace: Trace) -> tuple[int, DrawReport]:
        """The token that the draw gives here from what the chain left, and how; it is not taken."""
        luck = Luck(self.luck, self.tree.here.needle, self.decoding.needle)
        return choose(trace.result, self.decoding.method, self._stream, luck)

    @property
    def luck(self) -> StreamPlace:
        """The place in the random stream that decides here."""
        return self._luck_at(self.tree.here)

    def noise(self) -> NDArray[np.float32] | None:
        """The race's noise here, shape [V], read only; None where no race is run."""
        return self._stream.noise(self.luck) if self.decoding.method == "race" else None

    def _taken_here(self, draw: DrawReport) -> Taken | None:
        """What was taken at this place when the text went on from it; `draw` is what is drawn now."""
        child = self.tree.here.ahead
        if child is None:
            return None
        token = self.model.tokens.token(child.token_id)
        if child.taken_with is None:
            return Taken(token, child.origin)
        changed = child.draw is not None and not _same_draw(child.draw, draw)
        if child.taken_with is not self.decoding:
            # By what acts: the window also lists stages that are off, with values that do not matter.
            changed = changed or Chain.of(child.taken_with).stages != self._chain.stages
        return Taken(token, child.origin, child.draw, child.processed_probability, child.taken_with, changed)

    def prepare(self) -> None:
        """Draw the noise that the next place will need, in the time before it is asked for. It changes nothing."""
        if self.decoding.method == "race" and self.tree.ids:
            self._stream.noise(self.luck.following)

    def logits(self) -> NDArray[np.float32]:
        """The model's logits at this place, float32 [V]; read only."""
        return self._places.logits(self.model, self.tree.here.id, self.tree.ids)

    def logits_at_hand(self) -> NDArray[np.float32] | None:
        """The same, where they are known without a forward."""
        return self._places.at_hand(self.tree.here.id)

    def trace(self) -> Trace:
        """One run of the chain at this place, every stage with what it left."""
        scores, _ = self._places.scores(self.model, self.tree.here.id, self.tree.ids)
        return self._chain.run(scores, self._context())

    def _context(self) -> Context:
        """What the stages may know at this place."""
        here = self.tree.here
        return Context(
            self.tree.ids,
            self.tree.prompt_length,
            vocabulary=self.lexicon,
            coin=self.luck.coin,
            state=here.state,
            past=self._past,
        )

    def _past(self, name: str) -> list[tuple[float, ...]]:
        """What a stage knew at the last places before this one, the oldest first."""
        nodes = self.tree.line[max(0, self.place - 1 - PAST_KEPT) : self.place - 1]
        return [node.state[name] for node in nodes if name in node.state]

    def find(self, query: str, limit: int = 50) -> tuple[tuple[Candidate, ...], int]:
        """Vocabulary entries containing `query` with their figures here, whole matches first, then the likeliest;
        and how many there are in all."""
        found = self.model.tokens.find(query)
        trace = self.trace()
        logits = trace.raw.logits
        wanted = query.replace("·", " ").strip().casefold()
        whole = {i for i in found if self.model.tokens.token(i).text.strip().casefold() == wanted}
        found.sort(key=lambda i: (i not in whole, -logits[i], i))
        ids = np.array(found[:limit], dtype=np.int64)
        return candidates_of(self.model, trace, ids, noise=self.noise()), len(found)

    def _luck_at(self, node: Node) -> StreamPlace:
        return node.seeded or node.luck or self._first


def _check_needle(u: float | None) -> None:
    if u is not None and not 0 <= u < 1:
        raise SettingError(f"The needle must stand at a number from 0 up to, not including, 1, not at {u:g}.")


def _same_draw(then: DrawReport, now: DrawReport) -> bool:
    """Whether the same luck decides: the seed's draw for a race, the needle's place for a dart."""
    if then.method != now.method:
        return False
    if then.method == "dart":
        return then.u == now.u
    return then.method == "greedy" or (then.seed, then.position) == (now.seed, now.position)
