"""The compare desk in an engine without a thread: commands in, events out, and every frame in its own column."""

from __future__ import annotations

import csv
import gc
import math
import random
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.core import devices
from ntp_studio.core.compared import Stretch
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.types import DecodingSettings, PageToken
from ntp_studio.engine import Engine
from tests import checkpoint_makers
from tests.core import two_tokenizers

PROMPT = "The cat sat on"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    checkpoint_makers.make_hf(place / "llama", "llama", context=200)
    checkpoint_makers.make_hf(place / "gpt2", "gpt2", context=40)
    return place


class Page:
    """What the window shows of one column, put together from what it is told."""

    def __init__(self) -> None:
        self.tokens: list[PageToken] = []
        self.cursor = 0
        self.place: c.ColumnPlace | None = None

    def show(self, place: c.ColumnPlace) -> None:
        if place.path is not None:
            self.tokens = list(place.path)
        self.tokens += place.appended
        self.cursor, self.place = place.cursor, place


class Desk:
    """Drives an engine by hand and keeps what it said, as the window would."""

    def __init__(self) -> None:
        self.said: list[m.Event] = []
        self.engine = Engine(self._hear, top=8)
        self.columns: c.ColumnsChanged | None = None
        self.pages: dict[int, Page] = {}
        self.stretches: list[Stretch] = []
        self.shown: c.DisagreementShown | None = None
        self.run = -1

    def _hear(self, event: m.Event) -> None:
        self.said.append(event)
        if isinstance(event, c.ColumnsChanged):
            self.columns = event
            self.pages = {s.number: self.pages.get(s.number, Page()) for s in event.columns}
        elif isinstance(event, c.PlaceShown):
            assert event.run >= self.run
            self.run = event.run
            for place in event.columns:
                self.pages[place.number].show(place)
        elif isinstance(event, c.DisagreementShown):
            assert event.first <= len(self.stretches)
            self.stretches[event.first :] = event.stretches
            self.shown = event

    def __call__(self, *commands: m.Command) -> list[m.Event]:
        self.said.clear()
        for command in commands:
            self.engine.send(command)
        self.engine.run_pending()
        return list(self.said)

    def rest(self) -> None:
        """Whatever the worker does without being asked."""
        for _ in range(200):
            if not self.engine.run_pending():
                return
        raise AssertionError("it never comes to rest")

    def only(self, kind: type[Any]) -> Any:
        found = [event for event in self.said if isinstance(event, kind)]
        assert len(found) == 1, self.said
        return found[0]

    @property
    def lockstep(self) -> Any:
        return self.engine.workbench.comparison.lockstep

    @property
    def numbers(self) -> list[int]:
        assert self.columns is not None
        return [state.number for state in self.columns.columns]

    def check(self) -> None:
        """Every page is its column's text, and every frame is of its column's place and model."""
        assert self.numbers == [column.number for column in self.lockstep.columns]
        for column in self.lockstep.columns:
            session, page = column.session, self.pages[column.number]
            assert tuple(page.tokens) == session.page()
            assert page.cursor == session.place
            assert page.place is not None
            frame = page.place.frame
            if frame is not None:
                logits = session.model.twin().logits(session.tree.ids)
                best = [candidate.token.id for candidate in frame.candidates[:3]]
                rounding = 1e-3 if session.model.info.dtype == "float32" else 0.1
                assert frame.candidates[0].logit == pytest.approx(float(logits[best[0]]), abs=rounding)
                assert logits[best].min() >= np.sort(logits)[-3] - rounding
                assert frame.node == session.tree.here.id


@pytest.fixture
def desk(models: Path) -> Desk:
    """The main page has the llama, which is the first column; no text is at its end before the context is."""
    desk = Desk()
    desk(m.SetPrompt(PROMPT), m.LoadModel(str(models / "llama"), "cpu"))
    desk(c.BeginComparison(PROMPT, False, DecodingSettings(), 42))
    desk.lockstep.leader.session.model.eos_ids = frozenset()
    return desk


def add(desk: Desk, path: Path, request: int = 1, dtype: str = "auto") -> None:
    desk(c.AddColumn(request, str(path), "cpu", dtype))
    for column in desk.lockstep.columns:
        column.session.model.eos_ids = frozenset()


def main_model(desk: Desk) -> Any:
    return desk.engine.workbench.columns["main"].session.model


def test_the_model_of_the_main_page_is_the_first_column_and_is_not_loaded_twice(desk: Desk) -> None:
    (state,) = desk.only(c.ColumnsChanged).columns
    assert state.shared == "the main page"
    assert desk.lockstep.leader.session.model.network is main_model(desk).network
    place = desk.only(c.PlaceShown)
    assert place.step == 0
    assert place.comparison is None
    assert [token.token.text for token in place.columns[0].path or ()] != []
    desk.check()
    before = main_model(desk)._cached.copy()
    desk(c.StepAll(), c.StepAll())
    assert main_model(desk)._cached == before, "the main page's own cache is not touched"
    desk(c.BeginComparison("another", False, DecodingSettings(), 1))
    assert len(desk.numbers) == 1, "opened again, the page is as it was"
    desk.check()


def test_without_a_model_there_is_nothing_until_one_is_added(models: Path) -> None:
    desk = Desk()
    desk(c.BeginComparison(PROMPT, False, settings_from_names({"top_k": 3}), 7))
    assert desk.only(c.ColumnsChanged).columns == ()
    desk(c.StepAll())
    assert "add a model" in desk.only(c.CompareTrouble).message
    add(desk, models / "gpt2")
    desk.check()
    assert desk.lockstep.leader.session.seed == 7
    assert desk.lockstep.leader.session.tree.prompt_length > 1, "the prompt that waited is read"
    assert desk.columns is not None
    assert desk.columns.columns[0].decoding == settings_from_names({"top_k": 3})


def test_a_column_is_loaded_and_weights_in_memory_are_shared(desk: Desk, models: Path) -> None:
    add(desk, models / "llama", 5)
    loading, changed = [e for e in desk.said if isinstance(e, c.ColumnLoading)], desk.only(c.ColumnsChanged)
    assert all(event.request == 5 for event in loading)
    assert changed.request == 5
    assert [state.shared for state in changed.columns] == ["B", "A"]
    a, b = (column.session.model for column in desk.lockstep.columns)
    assert a.network is b.network
    assert a is not b, "two texts on one cache would read each other's away"
    add(desk, models / "llama", 6, "bfloat16")
    assert desk.lockstep.columns[2].session.model.network is not a.network
    assert desk.columns is not None
    assert desk.columns.columns[2].shared == ""
    add(desk, models / "gpt2", 7)
    assert any(e.fraction for e in desk.said if isinstance(e, c.ColumnLoading))
    desk.check()
    desk(c.AddColumn(8, str(models / "gpt2"), "cpu"))
    refused = desk.only(c.ColumnRefused)
    assert refused.request == 8
    assert "4 columns" in refused.message
    assert len(desk.numbers) == 4


def test_a_step_grows_every_page_by_its_token(desk: Desk, models: Path) -> None:
    add(desk, models / "llama", 1, "bfloat16")
    drawn = desk.only(c.PlaceShown).drawn
    desk(c.StepAll())
    shown = desk.only(c.PlaceShown)
    assert [place.path for place in shown.columns] == [None, None]
    assert [[t.token for t in place.appended] for place in shown.columns] == [[drawn], [drawn]]
    assert shown.step == 1
    assert shown.comparison is not None
    assert shown.comparison.pairs[0].forward is not None
    desk.check()


def test_what_does_not_fit_says_so_and_offers_what_does(desk: Desk, models: Path, monkeypatch) -> None:
    desk(c.AskNeed(3, str(models / "gpt2"), "cpu", "float32"))
    told = desk.only(c.NeedTold)
    assert told.request == 3
    first, *others = told.needs
    assert first.dtype == "float32"
    assert first.fits
    assert not first.shared
    half = next(need for need in others if need.dtype == "bfloat16")
    assert half.needed < first.needed
    monkeypatch.setattr(devices, "free_memory", lambda device: (half.needed + first.needed) // 2)
    desk(c.AskNeed(4, str(models / "gpt2"), "cpu", "float32"))
    assert [need.fits for need in desk.only(c.NeedTold).needs[:2]] == [False, True]
    desk(c.AddColumn(5, str(models / "gpt2"), "cpu", "float32"))
    refused = desk.only(c.ColumnRefused)
    assert {offer.dtype for offer in refused.offers} == {"bfloat16", "float16"}
    assert "GB" in refused.message or "MB" in refused.message
    assert len(desk.numbers) == 1
    desk(c.AddColumn(6, str(models / "gpt2"), "cpu", refused.offers[0].dtype))
    assert len(desk.numbers) == 2
    desk(c.AskNeed(7, str(models / "llama"), "cpu", "float32"))
    assert desk.only(c.NeedTold).needs[0].shared, "its weights are in memory already"
    desk(c.AskNeed(8, str(models / "nothing")))
    assert desk.only(c.NeedTold).problem
    desk.check()


def test_a_load_that_fails_or_is_cancelled_leaves_the_columns_alone(desk: Desk, models: Path, tmp_path: Path) -> None:
    desk(c.AddColumn(2, str(tmp_path / "nothing here")))
    assert desk.only(c.ColumnRefused).request == 2
    desk.engine.send(c.AddColumn(3, str(models / "gpt2"), "cpu"))
    desk.engine.cancel_column(3)
    desk()
    assert desk.only(c.ColumnRefused).cancelled
    assert len(desk.numbers) == 1
    desk.check()


def test_removing_a_column_gives_its_weights_back(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    add(desk, models / "llama", 2)
    gone = weakref.ref(desk.lockstep.columns[1].session.model.network)
    desk(c.RemoveColumn(desk.numbers[1]))
    gc.collect()
    assert gone() is None
    desk(c.RemoveColumn(desk.numbers[1]))
    assert main_model(desk).network is desk.lockstep.leader.session.model.network, "others have them still"
    desk.check()
    desk(c.RemoveColumn(99))
    assert "removed" in desk.only(c.CompareTrouble).message
    desk(c.RemoveColumn(desk.numbers[0]))
    assert desk.columns is not None
    assert desk.columns.columns == ()
    desk(m.Step())
    assert [e for e in desk.said if isinstance(e, m.FrameReady)], "the main page goes on"


def test_memory_that_a_column_holds_is_not_counted_as_free(desk: Desk, models: Path, monkeypatch) -> None:
    """The main page's model is about to be replaced, but a column has its weights, too."""
    asked: list[Any] = []
    from ntp_studio.core import checkpoints

    real = checkpoints.check

    def check(*given: Any, **named: Any) -> None:
        asked.append(named["replacing"])
        real(*given, **named)

    monkeypatch.setattr(checkpoints, "check", check)
    desk(m.LoadModel(str(models / "gpt2"), "cpu"))
    desk(c.CloseComparison())
    desk(m.LoadModel(str(models / "llama"), "cpu"))
    assert asked[0] is None
    assert asked[1] is not None
    assert asked[1].name == "gpt2"


def test_columns_move_and_are_duplicated(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    desk(c.StepAll(), c.StepAll())
    first, second = desk.numbers
    run = desk.run
    desk(c.MoveColumn(second, 0))
    assert desk.numbers == [second, first]
    assert desk.run > run
    desk.check()
    desk(c.DuplicateColumn(first))
    assert desk.numbers[:2] == [second, first]
    assert len(desk.numbers) == 3
    desk.check()
    assert desk.columns is not None
    assert [state.alike for state in desk.columns.columns] == [
        column.alike(desk.lockstep.leader) for column in desk.lockstep.columns
    ]


def test_a_prompt_that_one_column_cannot_read_leaves_all_texts(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    desk(c.StepAll())
    texts = [column.session.tree.ids for column in desk.lockstep.columns]
    desk(c.SetSharedPrompt("word " * 60))
    assert "40" in desk.only(c.CompareTrouble).message
    assert [column.session.tree.ids for column in desk.lockstep.columns] == texts
    desk(c.StepAll())
    desk.check()
    desk(c.SetSharedPrompt("A dog"))
    assert all(page.cursor == page.place.prompt_length for page in desk.pages.values() if page.place)
    desk.check()


def test_forcing_and_stale_forces(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    second = desk.numbers[1]
    wanted = desk.pages[second].place.frame.candidates[5].token  # type: ignore[union-attr]
    desk(c.ForceInAll(second, wanted.id, desk.run - 1))
    assert not [e for e in desk.said if isinstance(e, c.PlaceShown)], "of a text that has gone"
    desk(c.ForceInAll(second, wanted.id, desk.run))
    assert all(column.told == wanted.bytes for column in desk.lockstep.columns)
    desk(c.ForceText(" and then"))
    assert all(column.told == wanted.bytes + b" and then" for column in desk.lockstep.columns)
    desk.check()


def test_settings_for_one_and_for_all(desk: Desk, models: Path) -> None:
    add(desk, models / "llama")
    second = desk.numbers[1]
    cool, greedy = settings_from_names({"temperature": 0.5}), DecodingSettings(method="greedy")
    desk(c.SetColumnDecoding(cool, second))
    assert [state.decoding for state in desk.only(c.ColumnsChanged).columns] == [DecodingSettings(), cool]
    assert desk.only(c.PlaceShown).columns[1].frame.stages[0].name == "temperature"
    desk(c.SetColumnDecoding(greedy))
    assert [state.decoding for state in desk.only(c.ColumnsChanged).columns] == [greedy, greedy]
    desk(c.SetColumnDecoding(DecodingSettings()), c.SetColumnDecoding(cool, second), c.CompareAfterDecoding(True))
    place = desk.only(c.PlaceShown) if len(desk.said) == 1 else desk.said[-2]
    assert place.comparison.after_decoding
    assert place.comparison.pairs[0].forward > 0, "one model under two decodings"
    desk(c.CompareAfterDecoding(False))
    assert desk.only(c.PlaceShown).comparison.pairs[0].forward == pytest.approx(0.0, abs=1e-6)
    desk(c.SetMode("each its own"), c.SetSameDraw(False), c.SetSharedSeed(5))
    assert desk.columns is not None
    assert (desk.columns.mode, desk.columns.same_draw) == ("each its own", False)
    desk(c.ShowColumnPictures(True))
    assert all(any(s.pictures for s in place.frame.stages) for place in desk.only(c.PlaceShown).columns[1:])
    desk.check()


def test_playing_takes_steps_until_they_are_done_or_the_context_is_full(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    desk(c.PlayAll(steps=6))
    desk.rest()
    assert desk.lockstep.steps == 6
    assert [(e.playing, e.reason) for e in desk.said if isinstance(e, c.CompareRunState)] == [
        (True, None), (False, "steps"),
    ]  # fmt: skip
    desk.check()
    desk(c.PlayAll(per_second=0.001))
    assert desk.lockstep.steps == 7
    desk()
    assert desk.lockstep.steps == 7, "the next one is not due"
    desk.engine.cancel()
    desk()
    assert not desk.only(c.CompareRunState).playing
    desk(c.MoveColumn(desk.numbers[1], 0), c.PlayAll())
    desk.rest()
    assert [e.reason for e in desk.said if isinstance(e, c.CompareRunState)][-1] == "context"
    desk.check()


def test_going_to_a_place_shows_what_foretold_it_and_changes_nothing(desk: Desk, models: Path) -> None:
    add(desk, models / "llama", 1, "bfloat16")
    desk(*[c.StepAll()] * 6)
    desk.rest()
    text = [column.session.tree.ids for column in desk.lockstep.columns]
    assert len(desk.stretches) >= 6
    for index in range(1, len(desk.stretches)):
        desk(c.GoToStretch(index, desk.run))
        begin = desk.stretches[index].tokens[0][0]
        place = desk.only(c.PlaceShown).columns[0]
        assert place.cursor == begin
        assert place.frame.context_length == begin
        assert desk.shown is not None
        assert desk.shown.at == index
        foretold = desk.stretches[index].pairs[0].divergence
        here = desk.only(c.PlaceShown).comparison.pairs[0]
        assert foretold is not None
        assert foretold.forward == pytest.approx(here.forward, abs=1e-5), "the bar is what is seen there"
    desk(c.GoToStretch(0, desk.run))
    assert "beginning" in desk.only(c.CompareTrouble).message
    desk(c.GoToStretch(2, desk.run - 1))
    assert not [e for e in desk.said if isinstance(e, c.PlaceShown)]
    desk(c.GoToEnd())
    assert [column.session.tree.ids for column in desk.lockstep.columns] == text
    desk(c.StepAll())
    desk.check()


def test_the_prompt_s_disagreement_is_read_when_there_is_time(desk: Desk, models: Path) -> None:
    add(desk, models / "llama", 1, "bfloat16")
    assert next(e for e in desk.said if isinstance(e, c.DisagreementShown)).missing > 0, "the columns come first"
    desk.rest()
    assert desk.shown is not None
    assert desk.shown.missing == 0
    known = [stretch.pairs[0].divergence for stretch in desk.stretches[1:]]
    assert all(figures is not None and figures.forward is not None for figures in known)
    assert any(figures.forward > 0 for figures in known if figures is not None and figures.forward is not None)
    assert desk.shown.pairs[0] is not None
    assert desk.shown.pairs[0].tokens == len(known)


def test_unequal_vocabularies_are_labelled(desk: Desk, models: Path, tmp_path: Path) -> None:
    tokenizer = two_tokenizers.bytes_alone().tokenizer
    checkpoint_makers.network("gpt2", vocab=len(tokenizer)).save_pretrained(tmp_path / "bytes")
    tokenizer.save_pretrained(tmp_path / "bytes")
    add(desk, tmp_path / "bytes")
    assert desk.columns is not None
    assert [state.alike for state in desk.columns.columns] == [True, False]
    assert desk.only(c.PlaceShown).comparison.pairs[0].forward is None
    desk(*[c.StepAll()] * 4)
    desk.rest()
    desk.check()
    assert desk.shown is not None
    assert desk.shown.pairs == (None,)
    assert all(stretch.pairs[0].divergence is None for stretch in desk.stretches)
    generated = [stretch for stretch in desk.stretches if not stretch.in_prompt]
    assert generated
    leader, other = (column.session for column in desk.lockstep.columns)
    for stretch in generated:
        sums = [
            math.fsum(node.score.logprob for node in session.tree.line[slice(*stretch.tokens[i])])
            for i, session in enumerate((leader, other))
        ]
        assert stretch.pairs[0].delta == pytest.approx(sums[1] - sums[0])
    totals = desk.shown.columns
    assert all(math.isfinite(each.bits_per_byte) for each in totals)
    desk(c.ScoreText("The cat sat on the mat.", "a mat"))
    desk.rest()
    scored = desk.only(c.Scored).scored
    assert not scored.same_tokens
    assert "".join(row.text for row in scored.rows).replace("·", " ") == "The cat sat on the mat."
    assert any(row.columns[1].tokens > 1 and row.columns[1].rank is None for row in scored.rows)


def test_a_text_is_scored_exported_and_cancelled(desk: Desk, models: Path, tmp_path: Path) -> None:
    text = "The cat sat on the mat. " * 20
    add(desk, models / "gpt2")
    desk(c.ScoreText(text, "mats"))
    desk.rest()
    scored = desk.only(c.Scored).scored
    assert [e.done for e in desk.said if isinstance(e, c.Scoring)][-1] > 0
    assert scored.name == "mats"
    assert scored.bytes == len(text)
    assert len(scored.columns) == 2
    assert scored.columns[1].window == 40, "read in windows of the shorter context"
    losses = [-row.columns[0].logprob for row in scored.rows if row.columns[0].logprob is not None]
    if scored.same_tokens:
        assert scored.columns[0].perplexity == pytest.approx(math.exp(sum(losses) / len(losses)))
        row = scored.rows[5]
        assert row.pairs[0].delta == pytest.approx(row.columns[1].logprob - row.columns[0].logprob)
        assert row.pairs[0].divergence is not None
    desk(c.ExportScores(str(tmp_path / "scores.csv")))
    assert desk.only(m.Exported).path.endswith("scores.csv")
    with open(tmp_path / "scores.csv", encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    assert len(table) - 1 == sum(column.tokens for column in scored.columns)
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    desk(c.ScoreFile(str(tmp_path / "text.txt")))
    desk.rest()
    assert desk.only(c.Scored).scored.name == "text.txt"
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    desk(c.ScoreFile(str(tmp_path / "bytes.txt")))
    assert "UTF-8" in desk.only(c.ScoringFailed).message
    desk(c.ScoreText("", "nothing"))
    assert "two tokens" in desk.only(c.ScoringFailed).message
    desk(c.ScoreText(text, "mats"))
    desk(c.CancelScoring())
    desk.rest()
    assert desk.only(c.ScoringFailed).cancelled
    assert not [e for e in desk.said if isinstance(e, c.Scored)]
    desk.check()


def test_nothing_waits_for_a_text_that_is_scored(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    desk(c.ScoreText("The cat sat on the mat. " * 400, "mats"))
    desk(c.StepAll())
    assert desk.only(c.PlaceShown).step == 1
    desk(m.Step())
    assert [e for e in desk.said if isinstance(e, m.FrameReady)]
    assert desk.engine.workbench.comparison._scorer.working
    desk(c.RemoveColumn(desk.numbers[1]))
    assert "removed" in desk.only(c.ScoringFailed).message, "the model that reads it has gone"
    desk.check()


def test_one_column_can_score_alone(desk: Desk) -> None:
    desk(c.ScoreText("The cat sat on the mat.", "a mat"))
    desk.rest()
    scored = desk.only(c.Scored).scored
    assert scored.same_tokens
    assert scored.totals == ()
    assert scored.rows[0].columns[0].logprob is None
    assert scored.rows[1].columns[0].rank is not None


def test_a_follower_in_which_no_token_is_allowed_is_taken_along_all_the_same(desk: Desk, models: Path) -> None:
    add(desk, models / "llama")
    first, second = desk.numbers
    everything = [f"#{i}=ban" for i in range(desk.lockstep.leader.session.model.tokens.vocab_size)]
    banned = settings_from_names({"sequence_bias": everything})
    desk(c.SetColumnDecoding(banned, second))
    place = desk.only(c.PlaceShown)
    assert place.columns[0].frame is not None
    assert place.columns[1].frame is None
    assert "No token is allowed" in place.columns[1].trouble
    assert place.comparison is None
    desk(c.StepAll())
    assert desk.only(c.PlaceShown).step == 1
    told = [column.told for column in desk.lockstep.columns]
    assert told[0] == told[1]
    desk(c.SetColumnDecoding(banned, first), c.SetColumnDecoding(DecodingSettings(), second))
    desk(c.StepAll())
    assert "leads" in desk.only(c.CompareTrouble).message, "it says which column"
    token = desk.pages[second].place.frame.candidates[2].token  # type: ignore[union-attr]
    desk(c.ForceInAll(second, token.id, desk.run))
    assert desk.only(c.PlaceShown).step == 2, "what is forced needs no draw"
    desk(c.ForceText(" and on"))
    assert all(column.told.endswith(token.bytes + b" and on") for column in desk.lockstep.columns)
    desk(c.SetMode("each its own"), c.StepAll())
    assert desk.pages[first].cursor + 1 == desk.pages[second].cursor, "the other one goes on"
    desk(c.SetColumnDecoding(DecodingSettings()), c.SetMode("same text"), c.StepAll())
    desk.check()


def test_what_one_column_told_alone_can_be_gone_along(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    desk(*[c.StepAll()] * 6)
    desk(*[c.BackAll()] * 4)
    desk(c.SetMode("each its own"), c.StepAll(), c.SetMode("same text"))
    leader = desk.lockstep.leader.session
    length = len(leader.tree.line)
    desk(c.GoToEnd())
    assert leader.place == length, "no text is shown that cannot be gone to"
    desk.check()
    desk(*[c.BackAll()] * 2, c.ForwardAll())
    assert leader.place == length - 1
    desk.check()


def test_with_luck_of_their_own_equal_columns_part(desk: Desk, models: Path) -> None:
    add(desk, models / "llama")
    desk(c.SetMode("each its own"), *[c.StepAll()] * 3)
    first, second = (column.session for column in desk.lockstep.columns)
    assert first.token_ids == second.token_ids, "the draw is shared"
    pending = desk.pages[desk.numbers[0]].place.frame.choice.token  # type: ignore[union-attr]
    desk(c.SetSameDraw(False))
    now = desk.pages[desk.numbers[0]].place.frame.choice.token  # type: ignore[union-attr]
    assert now == pending, "the first one keeps the common seed"
    desk(*[c.StepAll()] * 6)
    assert first.token_ids != second.token_ids
    texts = first.token_ids, second.token_ids
    desk(*[c.BackAll()] * 6, *[c.StepAll()] * 6)
    assert (first.token_ids, second.token_ids) == texts, "and it can be repeated"
    desk.check()


def test_with_whom_weights_are_shared_is_told_when_the_main_page_changes(desk: Desk, models: Path) -> None:
    desk(m.LoadModel(str(models / "gpt2"), "cpu"))
    assert desk.columns is not None
    assert desk.columns.columns[0].shared == ""
    add(desk, models / "gpt2")
    assert [state.shared for state in desk.columns.columns] == ["", "the main page"]
    desk.check()


def test_a_special_token_s_name_in_a_text_is_text(desk: Desk, models: Path) -> None:
    add(desk, models / "gpt2")
    desk(c.ForceText(" the cat and"))
    before = [column.session.token_ids for column in desk.lockstep.columns]
    desk(c.ForceText("<|endoftext|> said"))
    for column, ids in zip(desk.lockstep.columns, before, strict=True):
        tokens = column.session.model.tokens
        assert column.told == b" the cat and<|endoftext|> said"
        assert column.session.token_ids[: len(ids)] == ids, "what was told is not cut anew"
        assert column.session.token_ids[-len(tokens.encode(" said")) :] == tokens.encode(" said")
    desk.check()


def test_at_random(desk: Desk, models: Path) -> None:
    """Whatever is done in whatever order, every page shows its column."""
    chance = random.Random(5)
    request = 10
    for _ in range(250):
        number = chance.choice(desk.numbers)
        kind = chance.randrange(17)
        if kind < 6:
            desk(c.StepAll())
        elif kind == 6:
            desk(c.BackAll())
        elif kind == 7:
            desk(c.ForwardAll())
        elif kind == 8:
            desk(c.ForceInAll(number, chance.randrange(200), desk.run))
        elif kind == 9 and len(desk.numbers) < 4:
            request += 1
            path = models / chance.choice(["llama", "gpt2"])
            desk(c.AddColumn(request, str(path), "cpu", chance.choice(["float32", "bfloat16"])))
        elif kind == 10 and len(desk.numbers) > 1:
            desk(c.RemoveColumn(number))
        elif kind == 11:
            desk(c.MoveColumn(number, chance.randrange(4)))
        elif kind == 12 and len(desk.numbers) < 4:
            desk(c.DuplicateColumn(number))
        elif kind == 13:
            desk(c.SetMode(chance.choice(["same text", "each its own"])))
        elif kind == 14:
            desk(c.RestartAll())
        elif kind == 15 and desk.stretches:
            desk(c.GoToStretch(chance.randrange(len(desk.stretches)), desk.run))
        elif kind == 16:
            desk(c.GoToEnd())
        assert not [e for e in desk.said if isinstance(e, c.CompareTrouble) and "inside the program" in e.message]
        assert not [e for e in desk.said if isinstance(e, c.ColumnRefused)]
        desk.check()
    desk.rest()
    desk.check()
