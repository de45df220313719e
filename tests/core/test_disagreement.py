"""Where columns disagree along their text: every figure is its definition, however the text came to be."""

from __future__ import annotations

import gc
import itertools
import math
import weakref
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio import assets
from ntp_studio.core import checkpoints, scoring
from ntp_studio.core import disagreement as module
from ntp_studio.core import model as model_module
from ntp_studio.core.compared import Divergence, Stretch
from ntp_studio.core.disagreement import Disagreement
from ntp_studio.core.lockstep import Lockstep
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.types import DecodingSettings, ModelFailure, StudioError
from tests.core import two_tokenizers as make

PROMPT = "the cat sat on"
TEXT = " and the dog sat on the hill — naïve 日本 🙂"
LONG = PROMPT + TEXT + " the"
GREEDY = DecodingSettings(method="greedy")


def lockstep(*models: LanguageModel, prompt: str = PROMPT, chat: bool = False, **options: Any) -> Lockstep:
    columns = Lockstep([Session(lm) for lm in models], **options)
    columns.set_prompt(prompt, chat=chat)
    return columns


def alike(count: int, **options: Any) -> list[LanguageModel]:
    return [make.model(make.byte_level(), seed=seed, **options) for seed in range(count)]


def unlike(**options: Any) -> list[LanguageModel]:
    return [
        make.model(tokens, seed=seed, **options)
        for seed, tokens in enumerate([make.byte_level(), make.sentence_pieces(), make.bytes_alone()])
    ]


def fill(found: Disagreement) -> int:
    calls = 0
    while found.fill():
        calls += 1
    assert found.missing == 0
    return calls


def step(columns: Lockstep, found: Disagreement, times: int = 1) -> None:
    for _ in range(times):
        frames = columns.frames()
        found.note(columns.compare(frames))
        columns.step(frames)


def same_figures(ours: Divergence | None, wanted: Divergence | None, tolerance: float = 1e-4) -> bool:
    if ours is None or wanted is None:
        return ours is wanted
    return all(
        a == pytest.approx(b, abs=tolerance, rel=1e-3)
        for a, b in (
            (ours.forward, wanted.forward),
            (ours.backward, wanted.backward),
            (ours.jensen_shannon, wanted.jensen_shannon),
        )
    )


def check(columns: Lockstep, found: Disagreement, *, filled: bool = True) -> None:
    """Every stretch has its figures by definition, from each model's logits of its whole line at once."""
    stretches = found.stretches()
    lines = [[node.token_id for node in column.session.tree.line] for column in columns.columns]
    logprobs = [
        torch.log_softmax(make.logits(column.session.model, line), -1)
        for column, line in zip(columns.columns, lines, strict=True)
    ]
    vocabularies = [column.session.model.tokens for column in columns.columns]
    own_prompts = [len(column.session.tree.prompt) for column in columns.columns]
    for before, now in itertools.pairwise(stretches):
        assert before.end <= now.begin
    for stretch in stretches:
        told = set()
        sums: list[float | None] = []
        for vocabulary, line, figures, (first, last) in zip(vocabularies, lines, logprobs, stretch.tokens, strict=True):
            pieces = [vocabulary.token(i) for i in line[first:last]]
            told.add(b"".join(token.bytes for token in pieces if not token.special))
            counted = [i for i in range(first, last) if not vocabulary.token(line[i]).special]
            sums.append(None if 0 in counted else math.fsum(float(figures[i - 1, line[i]]) for i in counted))
        if stretch.begin:  # a tokenizer may put a space before the text
            assert len(told) == 1, told
            assert len(told.pop()) == stretch.end - stretch.begin
        for c, pair in enumerate(stretch.pairs, start=1):
            if sums[0] is None or sums[c] is None:
                assert pair.delta is None
            else:
                assert pair.delta == pytest.approx(sums[c] - sums[0], abs=2e-3)
            first, last = stretch.tokens[0]
            comparable = (
                columns.columns[c].alike(columns.leader)
                and stretch.tokens[c] == (first, last)
                and last == first + 1
                and first > 0
                and lines[0][:last] == lines[c][:last]
            )
            if not comparable:
                assert pair.divergence is None
            elif pair.divergence is None:
                assert not filled
            else:
                p, q = logprobs[0][first - 1], logprobs[c][first - 1]
                assert pair.divergence.forward == pytest.approx(float((p.exp() * (p - q)).sum()), abs=1e-3, rel=1e-2)
                assert pair.divergence.backward == pytest.approx(float((q.exp() * (q - p)).sum()), abs=1e-3, rel=1e-2)
                assert pair.divergence.same_top == bool(p.argmax() == q.argmax())
    at = found.at()
    place = columns.leader.session.place
    assert all(stretch.tokens[0][1] <= place for stretch in stretches[:at])
    assert at == len(stretches) or stretches[at].tokens[0][1] > place
    assert all(stretch.in_prompt == (stretch.tokens[0][0] < own_prompts[0]) for stretch in stretches)
    check_totals(found)


def check_totals(found: Disagreement) -> None:
    stretches = found.stretches()
    for c, totals in enumerate(found.pair_totals(), start=1):
        figures = [s.pairs[c - 1].divergence for s in stretches if s.pairs[c - 1].divergence is not None]
        if not figures:
            assert totals is None
            continue
        assert totals is not None
        assert (totals.tokens, totals.agreed) == (len(figures), sum(f.same_top for f in figures if f))
        for name in ("overlap", "forward", "backward", "jensen_shannon"):
            wanted = math.fsum(getattr(f, name) for f in figures) / len(figures)
            assert getattr(totals, name) == pytest.approx(wanted, abs=1e-9)


def structure(stretches: tuple[Stretch, ...]) -> list[tuple[Any, ...]]:
    return [(s.text, s.begin, s.end, s.tokens, s.in_prompt) for s in stretches]


# -- figures are their definitions


def test_a_model_against_itself_differs_in_nothing() -> None:
    lm = make.model(make.byte_level())
    columns = lockstep(lm, lm.twin())
    found = Disagreement(columns)
    step(columns, found, 5)
    fill(found)
    for stretch in found.stretches()[1:]:
        assert stretch.pairs[0].delta == 0
        figures = stretch.pairs[0].divergence
        assert figures is not None
        assert figures.same_top
        assert (figures.overlap, figures.forward, figures.backward) == (1, 0, 0)
        assert figures.jensen_shannon == pytest.approx(0, abs=1e-12)
    (totals,) = found.pair_totals()
    assert totals is not None
    assert totals.tokens == totals.agreed == len(found.stretches()) - 1


@pytest.fixture(scope="module")
def bundled() -> list[LanguageModel]:
    path = assets.bundled_model()
    assert path is not None
    return [checkpoints.load(path, device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16")]


def test_against_its_bfloat16_self_it_is_what_transformers_logits_give(bundled: list[LanguageModel]) -> None:
    from transformers import AutoModelForCausalLM

    path = assets.bundled_model()
    columns = lockstep(*(lm.twin() for lm in bundled), prompt="Once upon a time there was a little girl")
    found = Disagreement(columns)
    prompt = len(columns.leader.session.tree.prompt)
    step(columns, found, 12)
    assert found.missing == prompt - 1, "what was generated was noted when it was there"
    fill(found)
    ids = columns.leader.session.tree.ids
    logprobs = []
    for dtype in (torch.float32, torch.bfloat16):
        network = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval()
        with torch.inference_mode():
            output = network(torch.tensor([ids[:prompt]]), use_cache=True)
            rows, cache = [output.logits[0]], output.past_key_values
            for i in ids[prompt:]:
                output = network(torch.tensor([[i]]), past_key_values=cache, use_cache=True)
                rows.append(output.logits[0])
                cache = output.past_key_values
        logprobs.append(torch.log_softmax(torch.cat(rows).double(), -1))
    p, q = logprobs
    forward, backward = (p.exp() * (p - q)).sum(-1), (q.exp() * (q - p)).sum(-1)
    assert float(forward[: prompt - 1].max()) > 1e-5
    assert float(forward[prompt:].max()) > 1e-5
    stretches = found.stretches()
    assert len(stretches) == len(ids)
    for stretch in stretches[1:]:
        i = stretch.tokens[0][0]
        figures = stretch.pairs[0].divergence
        assert figures is not None
        assert figures.forward == pytest.approx(float(forward[i - 1]), rel=1e-2, abs=1e-7), i
        assert figures.backward == pytest.approx(float(backward[i - 1]), rel=1e-2, abs=1e-7), i
        assert stretch.pairs[0].delta == pytest.approx(float(q[i - 1, ids[i]] - p[i - 1, ids[i]]), abs=1e-4)


def test_what_is_noted_and_what_is_read_again_agree(bundled: list[LanguageModel]) -> None:
    columns = lockstep(bundled[0].twin(), make_other(bundled[0]), prompt="Once upon a time")
    noted = Disagreement(columns)
    step(columns, noted, 20)
    read = Disagreement(columns)
    assert noted.missing == len(columns.leader.session.tree.prompt) - 1
    assert read.missing == noted.missing + 20
    fill(noted)
    fill(read)
    for a, b in zip(noted.stretches(), read.stretches(), strict=True):
        assert same_figures(a.pairs[0].divergence, b.pairs[0].divergence)
    assert noted.stretches()[-1].pairs[0].divergence is not None


def make_other(lm: LanguageModel) -> LanguageModel:
    """The same vocabulary, other weights."""
    import copy

    network = copy.deepcopy(lm.network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return LanguageModel(network, lm.tokens, lm.info)


def test_without_a_comparison_it_takes_the_logits_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(3))
    found, other = Disagreement(columns), Disagreement(columns)
    for _ in range(4):
        frames = columns.frames()
        after = columns.compare(frames, after_decoding=True)
        place = columns.compare(frames)
        with monkeypatch.context() as patch:
            patch.setattr(LanguageModel, "_forward", lambda *a, **b: pytest.fail("a forward"))
            found.note(after)
            other.note(place)
        columns.step(frames)
    assert found.missing == other.missing == len(columns.leader.session.tree.prompt) - 1
    for a, b in zip(found.stretches(), other.stretches(), strict=True):
        assert a.pairs == b.pairs
    fill(found)
    check(columns, found)


def test_a_place_whose_logits_are_not_at_hand_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(2))
    found = Disagreement(columns)
    columns.force_text(" the cat sat on the mat the dog ran again and again")
    missing = found.missing
    assert missing == len(found.stretches()) - 1
    monkeypatch.setattr(LanguageModel, "_forward", lambda *a, **b: pytest.fail("a forward"))
    place = len(columns.leader.session.tree.prompt) + 3
    columns.look_at([place, place])
    found.note()
    assert found.missing == missing


def test_looking_at_a_place_of_the_prompt_notes_it() -> None:
    columns = lockstep(*alike(2))
    found = Disagreement(columns)
    before = found.missing
    found.changed()
    columns.look_at([2, 2])
    columns.frames()
    found.note()
    assert found.missing == before - 1
    first, news = found.changed()
    assert first == found.at() == 2
    assert news[0].pairs[0].divergence is not None


# -- stretches


def test_unequal_vocabularies_give_stretches_by_bytes_with_deltas() -> None:
    columns = lockstep(*unlike(context=200), prompt="the naïve 日本")
    found = Disagreement(columns)
    for text in (" the cat", TEXT):
        columns.force_text(text)
        found.note(columns.compare())
    step(columns, found, 6)
    assert found.missing == 0
    assert found.pair_totals() == (None, None)
    stretches = found.stretches()
    assert any(last - first > 1 for s in stretches for first, last in s.tokens)
    assert any(pair.delta for s in stretches for pair in s.pairs)
    check(columns, found)
    raw = "the naïve 日本".encode() + columns.text
    assert stretches[0].begin == 0
    assert stretches[-1].end >= len(raw) - 3, "half a character may be waited for"
    for stretch in stretches:
        assert stretch.text == module.visible(raw[stretch.begin : stretch.end])
    # As along a given text, but that the prompt is cut from what follows.
    bits = [totals.bits_per_byte for totals in found.column_totals()]
    for c, column in enumerate(columns.columns):
        session = column.session
        reading = session.model.twin().read(session.tree.ids, score_from=1)
        total, length = 0.0, 0
        for stretch in stretches:
            if all(first > 0 for first, _ in stretch.tokens):
                total += math.fsum(reading.scores[i - 1].logprob for i in range(*stretch.tokens[c]))
                length += stretch.end - stretch.begin
        assert bits[c] == pytest.approx(-total / math.log(2) / length, abs=1e-4)


def test_a_single_column_has_stretches_and_totals_as_a_scored_text_has() -> None:
    (lm,) = alike(1, context=200)
    columns = lockstep(lm, prompt=PROMPT + TEXT)
    found = Disagreement(columns)
    scored = scoring.score(lm, PROMPT + TEXT)
    assert found.pair_totals() == ()
    assert found.missing == 0
    assert not found.fill()
    (totals,) = found.column_totals()
    assert totals.tokens == scored.scored
    assert totals.perplexity == pytest.approx(scored.perplexity, rel=1e-4)
    assert all(stretch.pairs == () for stretch in found.stretches())
    assert [s.end for s in found.stretches()][-1] == len((PROMPT + TEXT).encode())
    check(columns, found)


def test_with_one_vocabulary_every_token_is_compared_and_parts_of_characters_too() -> None:
    columns = lockstep(*alike(2), prompt="the cat")
    columns.force_text("日🙂 the")
    found = Disagreement(columns)
    fill(found)
    assert all(last - first == 1 for s in found.stretches() for first, last in s.tokens)
    parts = [s for s in found.stretches() if s.text.startswith("⟨")]
    assert len(parts) > 4
    assert all(s.pairs[0].divergence is not None for s in parts)
    check(columns, found)


def test_with_unequal_vocabularies_a_character_of_several_tokens_is_one_stretch() -> None:
    columns = lockstep(*unlike(), prompt="the cat")
    columns.force_text("日🙂 the")
    found = Disagreement(columns)
    fill(found)
    later = [s for s in found.stretches() if not s.in_prompt]
    several = {s.text: s for s in later if s.tokens[0][1] - s.tokens[0][0] > 1}
    assert {"日", "🙂"} <= set(several)
    assert not [s for s in found.stretches() if s.text.startswith("⟨")]
    for stretch in several.values():
        assert stretch.pairs[0].divergence is None
        assert stretch.pairs[0].delta is not None
    check(columns, found)


def test_half_a_character_that_grows_keeps_its_stretches() -> None:
    lm = make.model(make.bytes_alone())
    columns = lockstep(lm, lm.twin(), prompt="the")
    found = Disagreement(columns)
    seen = []
    for i in lm.tokens.encode("é!"):
        columns.force(0, i)
        seen.append([s.text for s in found.stretches() if not s.in_prompt])
        assert structure(found.stretches()) == structure(Disagreement(columns).stretches())
    assert seen == [["⟨C3⟩"], ["⟨C3⟩", "⟨A9⟩"], ["⟨C3⟩", "⟨A9⟩", "!"]]
    columns.back()
    columns.back()
    columns.force_text("a")
    assert [s.text for s in found.stretches()][-2:] == ["⟨C3⟩", "a"]


def test_special_tokens_belong_nowhere() -> None:
    models = alike(2)
    columns = lockstep(*models)
    columns.force_text(" the")
    columns.force(0, 0)  # <|endoftext|>
    columns.force_text(" cat")
    found = Disagreement(columns)
    ids = columns.leader.session.tree.ids
    place = ids.index(0)
    assert all(not first <= place < last for s in found.stretches() for first, last in s.tokens)
    assert [s.text for s in found.stretches()][-2:] == ["·the", "·cat"]
    fill(found)
    check(columns, found)


def test_a_chat_template_belongs_nowhere_and_what_was_typed_is_found() -> None:
    models = [make.model(make.byte_level(chat=True), seed=seed, context=200) for seed in range(2)]
    columns = lockstep(*models, prompt="the cat sat", chat=True)
    found = Disagreement(columns)
    step(columns, found, 3)
    typed = [s for s in found.stretches() if s.in_prompt]
    assert "".join(s.text for s in typed).replace("·", " ").strip() == "the cat sat"
    nodes = columns.leader.session.tree.prompt
    assert [i for s in typed for i in range(*s.tokens[0])] == [i for i, node in enumerate(nodes) if not node.template]
    fill(found)
    assert found.pair_totals()[0].tokens == sum(s.tokens[0][1] == s.tokens[0][0] + 1 for s in found.stretches())
    for stretch in found.stretches():
        p, q = (
            torch.log_softmax(make.logits(lm, columns.leader.session.tree.ids), -1)[stretch.tokens[0][0] - 1]
            for lm in models
        )
        figures = stretch.pairs[0].divergence
        if figures is not None:
            assert figures.forward == pytest.approx(float((p.exp() * (p - q)).sum()), abs=1e-3, rel=1e-2)


def test_a_prompt_that_cannot_be_found_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> list[int]:
        raise StudioError("not found")

    monkeypatch.setattr(module, "byte_ends", lost)
    columns = lockstep(*alike(2))
    found = Disagreement(columns)
    assert found.stretches() == ()
    assert found.at() == 0
    assert all(math.isnan(t.perplexity) and math.isnan(t.bits_per_byte) for t in found.column_totals())
    step(columns, found, 2)
    assert len(found.stretches()) >= 1
    assert found.stretches()[0].begin == 0
    assert found.missing == 0


def test_there_is_nothing_before_there_is_a_text() -> None:
    columns = Lockstep([Session(lm) for lm in alike(2)])
    found = Disagreement(columns)
    assert found.changed() == (0, ())
    assert found.at() == found.missing == 0
    found.note()
    assert not found.fill()
    columns.set_prompt(PROMPT)
    assert found.changed()[1]


def test_texts_that_part_are_compared_up_to_there() -> None:
    columns = lockstep(*alike(2), mode="each its own")
    found = Disagreement(columns)
    columns.force_text(" the")
    step(columns, found, 8)
    assert columns.common < len(columns.text)
    generated = [s for s in found.stretches() if not s.in_prompt]
    assert [(s.begin - generated[0].begin, s.end - generated[0].begin) for s in generated] == [
        (s.begin, s.end) for s in columns.spans()
    ]
    assert found.at() == len(found.stretches())
    fill(found)
    check(columns, found)


def test_texts_that_part_where_they_were_alike_before() -> None:
    columns = lockstep(*alike(2), mode="each its own")
    found = Disagreement(columns)
    columns.force_text(" the cat")
    assert "·cat" in [s.text for s in found.stretches()]
    columns.back()
    for _ in range(12):
        columns.step()
    assert columns.common < len(b" the cat") < min(len(c.told) for c in columns.columns)
    assert structure(found.stretches()) == structure(Disagreement(columns).stretches())


# -- only what changed


def test_it_tells_only_what_changed() -> None:
    columns = lockstep(*alike(3))
    found = Disagreement(columns)
    assert found.changed() == (0, found.stretches())
    assert found.changed() == (len(found.stretches()), ())
    told = list(found.stretches())

    def follow() -> tuple[int, int]:
        first, news = found.changed()
        told[first:] = news
        assert tuple(told) == found.stretches()
        return first, len(news)

    count = len(told)
    columns.force_text("a")
    assert follow() == (count, 1)
    columns.force_text("b")
    assert follow() == (count + 1, 1)
    columns.back()
    assert follow() == (count + 2, 0), "the way ahead stays"
    columns.force_text("c")
    assert follow() == (count + 1, 1)
    columns.restart()
    assert follow() == (count, 0)
    fill(found)
    assert follow() == (1, count - 1)
    columns.remove(2)
    assert follow()[0] == 0


def test_a_step_costs_no_look_at_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(2, context=900), prompt="the cat " * 150)
    found = Disagreement(columns)
    found.changed()
    built: list[int] = []
    weigh = Disagreement._weigh
    monkeypatch.setattr(Disagreement, "_weigh", lambda self, index: (built.append(index), weigh(self, index))[1])
    for _ in range(5):
        columns.force_text("a")
        found.changed()
        found.column_totals()
        found.pair_totals()
        found.at()
    assert len(built) == 5


# -- reading what is missing


def test_reading_in_small_chunks_gives_what_reading_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(3, context=200), prompt=LONG)
    whole = Disagreement(columns)
    assert fill(whole) == 1
    length = len(columns.leader.session.tree.ids)
    check(columns, whole)
    for size in (1, 7):
        monkeypatch.setattr(module, "CHUNK", size)
        forwards = counted(monkeypatch)
        small = Disagreement(columns)
        assert fill(small) == math.ceil((length - 1) / size)
        assert max(forwards) == size
        assert sum(forwards) == 3 * (length - 1), "each token once for each model"
        assert small._reading is None
        for a, b in zip(small.stretches(), whole.stretches(), strict=True):
            assert all(same_figures(x.divergence, y.divergence) for x, y in zip(a.pairs, b.pairs, strict=True))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    forwards: list[int] = []
    forward = LanguageModel._forward

    def count(self: LanguageModel, new: list[int], *, all_logits: bool) -> Any:
        forwards.append(len(new))
        return forward(self, new, all_logits=all_logits)

    monkeypatch.setattr(LanguageModel, "_forward", count)
    return forwards


def test_the_columns_own_caches_are_left_alone() -> None:
    columns = lockstep(*alike(2))
    columns.step()
    before = [(list(c.session.model._cached), id(c.session.model._cache)) for c in columns.columns]
    fill(Disagreement(columns))
    assert [(c.session.model._cached, id(c.session.model._cache)) for c in columns.columns] == before


@pytest.mark.parametrize("after", range(6))
def test_cancelling_loses_nothing(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    columns = lockstep(*alike(3, context=200), prompt=LONG)
    monkeypatch.setattr(module, "CHUNK", 20)
    length = len(columns.leader.session.tree.ids)
    forwards = counted(monkeypatch)
    found = Disagreement(columns)

    def cancelled() -> bool:
        return len(forwards) >= after

    for _ in range(3):
        assert found.fill(cancelled)
    assert len(forwards) == after
    fill(found)
    assert sum(forwards) == 3 * (length - 1)
    check(columns, found)


def test_a_text_that_grows_meanwhile_is_read_on_and_another_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(2, context=200), prompt=LONG)
    monkeypatch.setattr(module, "CHUNK", 9)
    found = Disagreement(columns)
    forwards = counted(monkeypatch)
    assert found.fill()
    reading = found._reading
    step(columns, found, 2)
    assert found.fill()
    assert found._reading is reading
    columns.force_text(" and the cat sat on the mat and then on the hill" * 2)
    assert found.fill()
    assert found._reading is reading
    alive = weakref.ref(reading)
    columns.set_prompt("the dog ran")
    del reading
    forwards.clear()
    fill(found)
    gc.collect()
    assert alive() is None
    assert sum(forwards) == 2 * (len(columns.leader.session.tree.prompt) - 1)
    check(columns, found)


def test_places_that_are_known_are_read_without_their_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(2, context=200), prompt=LONG)
    found = Disagreement(columns)
    monkeypatch.setattr(module, "CHUNK", 5)
    fill(found)
    columns.force_text(" the cat sat on the mat and the dog ran again")
    wide: list[bool] = []
    forward = LanguageModel._forward

    def count(self: LanguageModel, new: list[int], *, all_logits: bool) -> Any:
        wide.append(all_logits)
        return forward(self, new, all_logits=all_logits)

    monkeypatch.setattr(LanguageModel, "_forward", count)
    prompt = len(columns.leader.session.tree.prompt)
    fill(found)
    assert wide.count(False) == 2 * ((prompt - 1) // 5)
    check(columns, found)


def test_never_the_logits_of_more_than_two_columns_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*alike(4, context=200), prompt=LONG)
    monkeypatch.setattr(module, "CHUNK", 9)
    tensors: list[weakref.ref[Any]] = []
    arrays: list[weakref.ref[Any]] = []
    most = []
    forward, array = LanguageModel._forward, model_module.Rows.array

    def alive(held: list[weakref.ref[Any]]) -> int:
        return sum(each() is not None for each in held)

    def watched(self: LanguageModel, new: list[int], *, all_logits: bool) -> Any:
        assert alive(tensors) == 0
        most.append(alive(arrays))
        logits = forward(self, new, all_logits=all_logits)
        tensors.append(weakref.ref(logits))
        return logits

    def watched_array(self: model_module.Rows) -> Any:
        found = array(self)
        arrays.append(weakref.ref(found))
        return found

    monkeypatch.setattr(LanguageModel, "_forward", watched)
    monkeypatch.setattr(model_module.Rows, "array", watched_array)
    found = Disagreement(columns)
    while found.fill():
        assert alive(tensors) == alive(arrays) == 0
    assert len(most) > 8
    assert most[:4] == [0, 1, 1, 1], "the reference's, while another is read"
    assert max(most) == 1


def test_a_model_that_fails_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    good, other, bad = alike(3)
    columns = lockstep(good, other, bad)
    found = Disagreement(columns)
    forward = LanguageModel._forward

    def broken(self: LanguageModel, new: list[int], *, all_logits: bool) -> Any:
        logits = forward(self, new, all_logits=all_logits).clone()
        if self.network is bad.network:
            logits[0] = math.nan
        return logits

    monkeypatch.setattr(LanguageModel, "_forward", broken)
    with pytest.raises(ModelFailure, match="damaged"):
        found.fill()
    fill(found)
    totals = found.pair_totals()
    assert totals[0] is not None
    assert totals[1] is None
    monkeypatch.setattr(LanguageModel, "_forward", forward)
    columns.set_prompt("the dog sat")
    fill(found)
    assert found.pair_totals()[1] is not None


def test_a_model_without_a_cache_is_read_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    (one,) = alike(1, context=200)
    config = MambaConfig(vocab_size=one.tokens.vocab_size, hidden_size=16, num_hidden_layers=2, state_size=4)
    other = LanguageModel(MambaForCausalLM(config).eval(), one.tokens, one.info)
    other.eos_ids = frozenset()
    monkeypatch.setattr(module, "CHUNK", 11)
    columns = lockstep(one, other, prompt=LONG)
    found = Disagreement(columns)
    fill(found)
    check(columns, found)


def test_a_removed_column_is_let_go_with_what_was_known_of_it() -> None:
    columns = lockstep(*alike(2), prompt=PROMPT)
    columns.add(Session(make.model(make.byte_level(), seed=9)))
    found = Disagreement(columns)
    fill(found)
    number = columns.columns[2].number
    assert any(number in (key[0], key[2]) for key in found._known)
    columns.remove(2)
    assert len(found.pair_totals()) == 1
    assert not any(number in (key[0], key[2]) for key in found._known)
    assert found.missing == 0


def test_columns_that_change_places_keep_what_is_known_of_them() -> None:
    columns = lockstep(*alike(2))
    found = Disagreement(columns)
    fill(found)
    (before,) = found.pair_totals()
    columns.move(1, 0)
    assert found.missing == 0
    (now,) = found.pair_totals()
    assert before is not None
    assert now is not None
    assert (now.forward, now.backward) == pytest.approx((before.backward, before.forward))
    check(columns, found)


def test_an_exchanged_model_has_figures_of_its_own() -> None:
    one, other, third = alike(3)
    columns = lockstep(one, other)
    found = Disagreement(columns)
    step(columns, found, 3)
    fill(found)
    columns.columns[1].session.exchange(third)
    assert found.missing == len(found.stretches()) - 1
    fill(found)
    check(columns, found)


# -- whatever is done


@given(st.data())
@settings(max_examples=12)
def test_whatever_is_done_no_figure_is_wrong(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", data.draw(st.sampled_from([2, 5, 256])))
        _walk(data)


def _walk(data: st.DataObject) -> None:
    one, pieces, letters = unlike(context=200)
    pool = [one, make.model(make.byte_level(), seed=5, context=200), pieces, letters]
    start = data.draw(st.permutations(pool))
    prompt = data.draw(st.sampled_from([PROMPT, "the naïve 日本", " a"]))
    columns = lockstep(*start[: data.draw(st.integers(1, 3))], prompt=prompt, seed=data.draw(st.integers(0, 3)))
    found = Disagreement(columns)
    told: list[Stretch] = []
    doings = ["step", "step", "back", "forward", "force", "text", "mode", "duplicate", "remove", "move", "restart"]
    doings += ["look", "end", "fill", "cancelled", "prompt"]
    for _ in range(data.draw(st.integers(4, 14))):
        what = data.draw(st.sampled_from(doings))
        count = len(columns.columns)
        index = data.draw(st.integers(0, count - 1))
        try:
            if what == "step":
                step(columns, found)
            elif what in ("back", "forward", "restart"):
                getattr(columns, what)()
            elif what == "force":
                vocab = columns.columns[index].session.model.tokens.vocab_size
                columns.force(index, data.draw(st.integers(0, vocab - 1)))
            elif what == "text":
                columns.force_text(data.draw(st.text(alphabet=" the cat日🙂\n", min_size=1, max_size=12)))
            elif what == "mode":
                columns.set_mode(data.draw(st.sampled_from(["same text", "each its own"])))
            elif what == "duplicate":
                columns.duplicate(index)
            elif what == "remove":
                columns.remove(index)
            elif what == "move":
                columns.move(index, data.draw(st.integers(0, count - 1)))
            elif what == "look":
                stretches = found.stretches()
                columns.look_at([first for first, _ in data.draw(st.sampled_from(stretches)).tokens])
                found.note(columns.compare())
            elif what == "end":
                columns.go_to_end()
            elif what == "fill":
                found.fill()
            elif what == "cancelled":
                answers = iter([False] * data.draw(st.integers(0, 3)))
                found.fill(lambda answers=answers: next(answers, True))
            else:
                columns.set_prompt(data.draw(st.sampled_from([PROMPT, "the dog", "naïve"])))
        except StudioError:
            assert what in ("force", "duplicate", "remove", "text", "look", "step")
        first, news = found.changed()
        told[first:] = news
        assert tuple(told) == found.stretches()
        fresh = Disagreement(columns)
        assert structure(found.stretches()) == structure(fresh.stretches())
        for ours, theirs in zip(found.stretches(), fresh.stretches(), strict=True):
            for a, b in zip(ours.pairs, theirs.pairs, strict=True):
                assert (a.delta is None) == (b.delta is None)
                assert a.delta is None or a.delta == pytest.approx(b.delta, abs=1e-3)
        assert found.at() == fresh.at()
        for a, b in zip(found.column_totals(), fresh.column_totals(), strict=True):
            assert a.tokens == b.tokens
            assert a.perplexity == pytest.approx(b.perplexity, rel=1e-3, nan_ok=True)
            assert a.bits_per_byte == pytest.approx(b.bits_per_byte, rel=1e-3, nan_ok=True)
        check_totals(found)
    fill(found)
    check(columns, found)
