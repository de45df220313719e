"""Columns that come and go: no memory is left behind, and no column shows what another one's model says."""

from __future__ import annotations

import gc
import random
import statistics
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from ntp_studio.core import checkpoints, devices
from ntp_studio.core.following import Column
from ntp_studio.core.lockstep import Frames, Lockstep
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.types import DecodingSettings, StudioError
from tests.core import two_tokenizers as make

BUNDLED = Path(__file__).parents[2] / "resources" / "models" / "fairy-tales"
PROMPT = "the cat sat on the hat"
GROWTH = 1.03


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    """What the tests before left is not looked through again at every release; and tiny models are quick on one thread
    also where others are at work."""
    gc.collect()
    gc.freeze()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    gc.unfreeze()


class Desk:
    """Columns that luck adds, removes, moves and steps; every model's `recipe` makes it again."""

    def __init__(self, recipes: list[Callable[[], LanguageModel]], seed: int) -> None:
        self.recipes = recipes
        self.luck = random.Random(seed)
        self.loaded: weakref.WeakSet[Any] = weakref.WeakSet()
        self.recipe_of: dict[int, int] = {}  # by column number
        session = Session(self.make(0))
        self.columns = Lockstep([session])
        self.home = self.columns.columns[0]
        self.recipe_of[self.home.number] = 0
        self.columns.set_prompt(PROMPT)

    def make(self, recipe: int) -> LanguageModel:
        made = self.recipes[recipe]()
        self.loaded |= {made, made.network, made.tokens}
        return made

    # -- what a person does

    def add(self, recipe: int | None = None) -> None:
        recipe = self.luck.randrange(len(self.recipes)) if recipe is None else recipe
        own = [c for c in self.columns.columns if self.recipe_of[c.number] == recipe]
        model = own[0].session.model.twin() if own else self.make(recipe)
        self.loaded.add(model)
        column = self.columns.add(Session(model), at=self.luck.randrange(len(self.columns.columns) + 1))
        self.recipe_of[column.number] = recipe

    def remove(self, column: Column) -> None:
        session = self.columns.remove(self.columns.columns.index(column))
        if any(c.session.model.network is session.model.network for c in self.columns.columns):
            session.model.forget()
        else:
            session.model.release()
        del session
        devices.give_back_caches()

    def duplicate(self) -> None:
        index = self.luck.randrange(len(self.columns.columns))
        twin = self.columns.duplicate(index)
        self.loaded.add(twin.session.model)
        self.recipe_of[twin.number] = self.recipe_of[self.columns.columns[index].number]

    def change_something(self) -> None:
        columns, luck = self.columns, self.luck
        count = len(columns.columns)
        others = [c for c in columns.columns if c is not self.home]
        what = luck.random()
        if what < 0.07 and count < 4:
            self.add()
        elif what < 0.09 and count < 4:
            self.duplicate()
        elif what < 0.15 and others:
            self.remove(luck.choice(others))
        elif what < 0.19:
            columns.move(luck.randrange(count), luck.randrange(count))
        elif what < 0.22:
            columns.set_mode(luck.choice(("same text", "each its own")))
        elif what < 0.25:
            columns.set_same_draw(luck.random() < 0.5)
        elif what < 0.28:
            method = luck.choice(("race", "dart", "greedy"))
            columns.set_decoding(DecodingSettings(method=method), luck.choice((None, luck.randrange(count))))
        elif what < 0.33:
            index = luck.randrange(count)
            columns.force(index, luck.randrange(columns.columns[index].session.model.tokens.vocab_size))
        elif what < 0.35:
            columns.force_text(" the cat")
        elif what < 0.40:
            columns.back()
        elif what < 0.42:
            columns.forward()
        elif what < 0.44:
            columns.restart()

    def step(self) -> None:
        """One change perhaps, then one step."""
        with suppress(StudioError):  # a token that not all have, or no room: refused with nothing changed
            self.change_something()
        if self.columns.stopped:
            self.columns.restart()
        frames = self.columns.frames()
        self.check_places(frames)
        try:
            self.columns.step(frames)
        except StudioError:
            self.columns.restart()

    # -- what must hold

    def check_places(self, frames: Frames) -> None:
        columns = self.columns.columns
        assert len(frames) == len(columns)
        for column, frame in zip(columns, frames, strict=True):
            assert frame.context_length == column.session.place
            assert frame.node == column.session.tree.here.id

    def check_models(self, fresh: dict[int, LanguageModel]) -> None:
        """Every column's frame is what the model it was opened with says of its text, made anew."""
        for column, frame in zip(self.columns.columns, self.columns.frames(), strict=True):
            model = fresh[self.recipe_of[column.number]]
            wanted = torch.log_softmax(make.logits(model, column.session.tree.ids)[-1], -1)
            for candidate in frame.candidates[:8]:
                assert candidate.logprob == pytest.approx(float(wanted[candidate.token.id]), abs=2e-3)

    def check_alive(self) -> None:
        """Nothing lives of what was removed."""
        gc.collect()
        sessions = [column.session for column in self.columns.columns]
        alive = {id(thing) for thing in self.loaded}
        wanted = {id(s.model) for s in sessions} | {id(s.model.network) for s in sessions}
        assert alive == wanted | {id(s.model.tokens) for s in sessions}

    def home_alone(self) -> int:
        """Resident bytes with the first column alone on a prompt just read: always the same state."""
        for column in [c for c in self.columns.columns if c is not self.home]:
            self.remove(column)
        self.columns.set_mode("same text")
        self.columns.set_decoding(DecodingSettings())
        self.columns.set_prompt(PROMPT)
        self.columns.frames()
        gc.collect()
        devices.give_back_caches()
        return int(psutil.Process().memory_info().rss)


def check_growth(sizes: list[int]) -> None:
    """`sizes` at comparable places: the last ones against the first, each a median, as a neighbour's pages come in."""
    first, last = statistics.median(sizes[:3]), statistics.median(sizes[-3:])
    told = ", ".join(f"{size / 2**20:.1f}" for size in sizes)
    assert last <= GROWTH * first, f"{100 * (last / first - 1):.1f} % more: {told} MiB"


def test_500_steps_of_columns_that_come_and_go() -> None:
    tokens = [make.byte_level, make.sentence_pieces, make.byte_level, make.sentence_pieces]
    recipes = [
        lambda seed=seed, vocabulary=vocabulary: make.model(vocabulary(), seed=seed)
        for seed, vocabulary in enumerate(tokens)
    ]
    fresh = {i: recipe() for i, recipe in enumerate(recipes)}
    desk = Desk(recipes, seed=4)
    most = 0
    for _ in range(100):  # until every library has what it keeps
        desk.step()
    desk.home_alone()
    sizes = []
    for step in range(1, 501):
        desk.step()
        most = max(most, len(desk.columns.columns))
        if step % 10 == 0:
            desk.check_models(fresh)
        if step % 50 == 0:
            sizes.append(desk.home_alone())
            desk.check_alive()
    assert most == 4
    check_growth(sizes)


FIRST_MODEL = """
import gc, sys, weakref
import psutil
from ntp_studio.core import checkpoints

def use(dtype, lengths):
    model = checkpoints.load(sys.argv[1], device="cpu", dtype=dtype)
    network = weakref.ref(model.network)
    for length in lengths:
        model.forget()
        model.logits(list(range(1, length + 1)))
    resident = psutil.Process().memory_info().rss
    model.release()
    assert network() is None, "the network outlives its release"
    return resident

use("float32", [3])
before = use("bfloat16", range(1, 40))
print(use("bfloat16", range(1, 200)) - before)
"""


def test_the_first_model_is_given_back_and_lengths_of_text_leave_nothing() -> None:
    """The first load imports the libraries, which must not hold on to it; and in bfloat16 every length of text read at
    once has kernels compiled for it, of which only some may be kept."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_MODEL, str(BUNDLED)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout.split()[-1])
    assert grown < 32 * 2**20, f"{grown / 2**20:.0f} MiB more after texts of 160 other lengths"


@pytest.mark.real_model
def test_500_steps_with_real_models(real_model: Path) -> None:
    places = [
        (BUNDLED, "float32"), (BUNDLED, "bfloat16"), (BUNDLED / "checkpoint-20", "float32"),
        (BUNDLED / "checkpoint-1000", "float32"), (real_model, "float32"), (real_model, "bfloat16"),
    ]  # fmt: skip
    recipes = [
        lambda path=path, dtype=dtype: checkpoints.load(path, device="cpu", dtype=dtype) for path, dtype in places
    ]
    desk = Desk(recipes, seed=2)
    for recipe in range(1, len(recipes)):  # until every library has what it keeps
        desk.add(recipe)
        for _ in range(20):
            desk.step()
        desk.home_alone()
    sizes = []
    for step in range(1, 501):
        desk.step()
        if step % 50 == 0:
            sizes.append(desk.home_alone())
            desk.check_alive()
    check_growth(sizes)


@pytest.mark.real_model
def test_removing_a_column_gives_its_memory_back(real_model: Path) -> None:
    recipes = [
        lambda: checkpoints.load(BUNDLED, device="cpu", dtype="float32"),
        lambda: checkpoints.load(real_model, device="cpu", dtype="float32"),
    ]
    desk = Desk(recipes, seed=0)
    process = psutil.Process()
    for _ in range(3):
        desk.add(1)
        column = next(c for c in desk.columns.columns if c is not desk.home)
        weights = column.session.model.info.memory_bytes
        assert weights > 500e6
        for _ in range(10):
            desk.columns.step()
        desk.columns.duplicate(desk.columns.columns.index(column))
        twin = next(c for c in desk.columns.columns if c not in (desk.home, column))
        desk.remove(column)
        del column
        held = process.memory_info().rss
        assert twin.session.model.network is not None, "the twin still has the weights"
        desk.columns.step()
        desk.remove(twin)
        del twin
        given_back = held - process.memory_info().rss
        assert given_back >= 0.9 * weights, f"{given_back / 1e6:.0f} of {weights / 1e6:.0f} MB"
