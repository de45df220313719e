"""Columns that one key steps together: they stay on one text, share their luck, and each stays true to its model."""

from __future__ import annotations

import gc
import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio.core.alignment import continuation, told
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.following import LOOSE
from ntp_studio.core.lockstep import Lockstep
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.session import Session
from ntp_studio.core.types import ContextFull, DecodingSettings, SettingError, StudioError
from tests.core import two_tokenizers as make

PROMPT = "the cat"
GREEDY = DecodingSettings(method="greedy")


def lockstep(*models: LanguageModel, prompt: str = PROMPT, **options) -> Lockstep:
    columns = Lockstep([Session(lm) for lm in models], **options)
    columns.set_prompt(prompt)
    return columns


def alike(count: int, **options) -> list[LanguageModel]:
    return [make.model(make.byte_level(), seed=seed, **options) for seed in range(count)]


def unlike(**options) -> list[LanguageModel]:
    return [
        make.model(tokens, seed=seed, **options)
        for seed, tokens in enumerate([make.byte_level(), make.sentence_pieces(), make.bytes_alone()])
    ]


def ids(columns: Lockstep) -> list[list[int]]:
    return [column.session.token_ids for column in columns.columns]


def check_figures(columns: Lockstep) -> None:
    """Every figure on the page, and the distribution at the place, is what the model gives for that text at once."""
    for column in columns.columns:
        session = column.session
        reading = session.model.twin().read(session.tree.ids, score_from=1)
        for token, wanted in zip(session.page()[1 : session.place], reading.scores, strict=True):
            assert token.logprob == pytest.approx(wanted.logprob, abs=1e-3)
            assert token.entropy_bits == pytest.approx(wanted.entropy_bits, abs=1e-3)
        np.testing.assert_allclose(session.logits(), reading.logits, atol=1e-3)


def check_places(columns: Lockstep) -> None:
    for i, column in enumerate(columns.columns):
        now = columns.standing(i)
        assert column.firm <= len(column.session.token_ids)
        if columns.mode == "same text":
            assert columns.text.startswith(column.told)
            assert column.told + now.waiting == columns.text
            if not now.trouble and column.alike(columns.leader):
                assert column.session.token_ids == columns.leader.session.token_ids
            if not now.trouble:
                assert len(now.waiting) <= 3, "only half a character waits"
    for span in columns.spans():
        pieces = {
            told(c.session.model.tokens, c.session.token_ids[slice(*span.tokens[i])])
            for i, c in enumerate(columns.columns)
        }
        assert pieces == {columns.text[span.begin : span.end]}


# -- same text


def test_the_leading_column_goes_as_it_would_alone() -> None:
    models = alike(3)
    columns = lockstep(*models, seed=11)
    alone = models[0].twin().start(PROMPT, seed=11)
    for _ in range(12):
        assert columns.step()[0].choice == alone.step().choice
    assert ids(columns) == [alone.token_ids] * 3
    check_figures(columns)


def test_with_one_vocabulary_a_token_has_the_same_luck_in_every_column() -> None:
    columns = lockstep(*alike(2), seed=5)
    twin = columns.duplicate(0)
    for step in range(6):
        frames = columns.frames()
        assert {(f.draw.method, f.draw.seed, f.draw.position) for f in frames} == {("race", 5, step)}
        leader = next(f for f, c in zip(frames, columns.columns, strict=True) if c is columns.leader)
        beside = next(f for f, c in zip(frames, columns.columns, strict=True) if c is twin)
        assert beside.choice.token == leader.choice.token, "the same model with the same luck"
        columns.step(frames)
    columns.frames()
    noises = [c.session._stream.noise(c.session.tree.here.seeded) for c in columns.columns]
    np.testing.assert_array_equal(noises[0], noises[2])


def test_a_token_that_another_column_would_have_drawn_too_is_drawn_there() -> None:
    columns = lockstep(*alike(2))
    frames = columns.step()
    for frame, column in zip(frames, columns.columns, strict=True):
        own = frame.choice.token.id == frames[0].choice.token.id
        assert column.session.page()[-1].origin == ("drawn" if own else "forced")


def test_with_unequal_vocabularies_the_dart_falls_at_one_place() -> None:
    columns = lockstep(*unlike(), seed=3)
    us = []
    for _ in range(5):
        draws = [frame.draw for frame in columns.step()]
        assert {draw.method for draw in draws} == {"dart"}
        assert len({draw.u for draw in draws}) == 1
        us.append(draws[0].u)
    assert len(set(us)) == 5
    columns.set_same_draw(False)
    assert {frame.draw.method for frame in columns.frames()} == {"race"}
    columns.set_same_draw(True)
    columns.remove(2)
    columns.remove(1)
    assert columns.frames()[0].draw.method == "race", "with one vocabulary the race comes back"
    columns.set_decoding(GREEDY)
    assert columns.frames()[0].draw.method == "greedy"


@pytest.mark.parametrize("leader", [0, 1, 2])
def test_other_vocabularies_are_taken_along_the_same_bytes(leader: int) -> None:
    models = unlike(context=300)
    columns = lockstep(models[leader], *models[:leader], *models[leader + 1 :])
    for _ in range(90 if leader == 2 else 40):
        columns.step()
        check_places(columns)
    check_figures(columns)
    for column in columns.columns[1:]:
        text = column.told
        canonical = continuation(column.session.model.tokens, text)
        loose = len(column.session.token_ids) - column.firm
        assert loose <= 2 * LOOSE, "old tokens are left alone"
        assert column.session.token_ids[-8:] == canonical[-8:], "the latest are those of the text as it is"


def test_a_word_that_grows_is_cut_anew() -> None:
    one, other = make.model(make.characters()), make.model(make.byte_level())
    columns = lockstep(one, other)
    words = []
    for letter in " the":
        columns.force(0, one.tokens.encode(letter)[0])
        words.append([other.tokens.token(i).bytes for i in columns.columns[1].session.token_ids])
        check_places(columns)
    assert words[-1] == [other.tokens.token(i).bytes for i in other.tokens.encode(" the")]
    assert words[-1] == [b" the"]
    assert words[0] == [b" "]
    check_figures(columns)
    assert columns.back()
    assert [other.tokens.token(i).bytes for i in columns.columns[1].session.token_ids] == words[-2]


def test_half_a_character_is_waited_for() -> None:
    one, other = make.model(make.bytes_alone()), make.model(make.sentence_pieces())
    columns = lockstep(one, other)
    first, second = one.tokens.encode("é")
    columns.force(0, first)
    assert columns.standing(1).waiting == "é".encode()[:1]
    assert not columns.together
    assert columns.compare() is None
    columns.force(0, second)
    assert columns.standing(1).waiting == b""
    assert columns.columns[1].told == "é".encode()
    assert columns.compare() is not None
    columns.force(0, first)
    columns.force(0, first)  # it never becomes a character: its bytes are taken as they are
    assert columns.standing(1).waiting == "é".encode()[:1]
    assert columns.columns[1].told == "é".encode() + "é".encode()[:1]


def test_a_column_that_lacks_a_letter_says_so_and_comes_along_again() -> None:
    one, other = make.model(make.byte_level()), make.model(make.characters())
    columns = lockstep(one, other)
    columns.force_text("é")
    assert "no token for the byte C3" in columns.standing(1).trouble
    assert columns.standing(1).waiting == "é".encode()
    columns.force_text(" cat")
    assert columns.standing(1).told == 0
    columns.back()
    columns.back()
    assert not columns.standing(1).trouble
    columns.force_text(" cat")
    assert columns.columns[1].told == b" cat"


def test_a_column_whose_context_is_full_stays_and_the_others_go_on() -> None:
    columns = lockstep(make.model(make.byte_level(), context=64), make.model(make.byte_level(), context=12))
    for _ in range(14):
        columns.step()
    assert columns.columns[1].session.place == 12
    assert "room" in columns.standing(1).trouble
    assert columns.columns[0].session.place > 15
    while columns.stopped is None:
        columns.step()
    assert columns.stopped == "context"
    with pytest.raises(ContextFull):
        columns.step()
    for _ in range(columns.steps):
        assert columns.back()
    assert not columns.standing(1).trouble


# -- forcing


def test_a_forced_token_is_forced_in_every_column() -> None:
    columns = lockstep(*alike(2))
    columns.step()
    columns.force(1, 300)
    assert [c.session.token_ids[-1] for c in columns.columns] == [300, 300]
    mixed = lockstep(*unlike())
    token_id = mixed.columns[0].session.model.tokens.encode_bare(" the cat")[0]
    raw = mixed.columns[0].session.model.tokens.token(token_id).bytes
    mixed.force(0, token_id)
    assert {c.told for c in mixed.columns} == {raw}
    pieces = mixed.columns[1].session.model.tokens
    theirs = continuation(pieces, b"the")[0]
    mixed.force(1, theirs)
    assert mixed.columns[1].session.token_ids[-1] == theirs, "the very token, in the column it was chosen in"
    assert {c.told for c in mixed.columns} == {raw + b"the"}
    check_places(mixed)
    check_figures(mixed)


def test_a_forced_text_is_one_step_and_long_ones_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = lockstep(*unlike(context=200))
    forwards: list[int] = []
    forward = LanguageModel._forward

    def count(self: LanguageModel, new: list[int], *, all_logits: bool):
        forwards.append(len(new))
        return forward(self, new, all_logits=all_logits)

    monkeypatch.setattr(LanguageModel, "_forward", count)
    text = " and the dog sat on the hill — naïve 日本 🙂"
    columns.force_text(text)
    assert len(forwards) == 3
    assert {c.told.decode() for c in columns.columns} == {text}
    assert columns.steps == 1
    check_figures(columns)
    columns.back()
    assert {c.told for c in columns.columns} == {b""}


@pytest.mark.parametrize("mode", ["same text", "each its own"])
def test_what_cannot_be_forced_changes_nothing(mode) -> None:
    columns = lockstep(*unlike(), make.model(make.characters()), mode=mode)
    columns.step()
    before = ids(columns)
    with pytest.raises(StudioError, match="no text"):
        columns.force(1, 2)  # </s>
    with pytest.raises(StudioError, match="no token 9999"):
        columns.force(0, 9999)
    for bad in ("", "ab\ud800"):
        with pytest.raises(StudioError, match="type some"):
            columns.force_text(bad)
    with pytest.raises(ContextFull, match="has room for"):
        columns.force_text("the " * 100)
    if mode == "each its own":
        with pytest.raises(StudioError, match="no token for the byte"):
            columns.force_text("é")
    assert ids(columns) == before
    assert columns.steps == 1


# -- each its own


def test_each_its_own_is_as_each_alone() -> None:
    models = alike(3)
    columns = lockstep(*models, mode="each its own", seed=9)
    alone = [lm.twin().start(PROMPT, seed=9) for lm in models]
    for _ in range(10):
        columns.step()
        for session in alone:
            session.step()
    assert ids(columns) == [session.token_ids for session in alone]
    assert len(set(map(tuple, ids(columns)))) > 1
    texts = [c.told for c in columns.columns]
    bound = columns.common
    assert len({text[:bound] for text in texts}) == 1
    assert bound == min(map(len, texts)) or len({text[: bound + 1] for text in texts}) > 1
    check_places(columns)


def test_back_on_one_text_from_where_they_parted() -> None:
    columns = lockstep(*unlike(), mode="each its own")
    columns.force_text(" the cat")
    for _ in range(4):
        columns.step()
    columns.set_mode("same text")
    check_places(columns)
    columns.step()
    check_places(columns)
    check_figures(columns)


def test_columns_end_one_by_one() -> None:
    models = [make.model(make.byte_level(), context=c) for c in (14, 20)]
    columns = lockstep(*models, mode="each its own")
    while columns.stopped is None:
        columns.step()
    assert [c.session.place for c in columns.columns] == [14, 20]
    with pytest.raises(ContextFull, match="Every column"):
        columns.step()


# -- rewinding


def test_back_and_forward_walk_the_same_places_with_the_same_luck() -> None:
    columns = lockstep(*unlike())
    seen = [(ids(columns), [f.choice for f in columns.frames()])]
    for _ in range(6):
        columns.step()
        seen.append((ids(columns), [f.choice for f in columns.frames()]))
    assert not columns.forward()
    for wanted in seen[-2::-1]:
        assert columns.back()
        assert ids(columns) == wanted[0]
        assert [f.choice.token for f in columns.frames()] == [c.token for c in wanted[1]]
    assert not columns.back()
    for wanted in seen[1:4]:
        assert columns.forward()
        assert ids(columns) == wanted[0]
    columns.step()
    assert ids(columns) == seen[4][0]
    assert columns.forward(), "taking the same token again leaves the way ahead"
    columns.back()
    columns.force_text("zz")
    assert not columns.forward()


def test_restart_and_a_new_seed() -> None:
    columns = lockstep(*alike(2), seed=1)
    for _ in range(5):
        columns.step()
    first = ids(columns)
    columns.restart()
    assert ids(columns) == [[], []]
    for _ in range(5):
        columns.step()
    assert ids(columns) == first
    columns.set_seed(2)
    assert {(f.draw.seed, f.draw.position) for f in columns.frames()} == {(2, 0)}
    for _ in range(5):
        columns.step()
    columns.restart()
    alone = columns.leader.session.model.twin().start(PROMPT, seed=2)
    for _ in range(5):
        assert columns.step()[0].choice.token == alone.step().choice.token
    with pytest.raises(SettingError):
        columns.set_seed(-1)


# -- the columns


def test_columns_on_one_model_do_not_take_each_other_s_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = make.model(make.byte_level())
    columns = lockstep(lm, mode="each its own", seed=4)
    columns.duplicate(0)
    columns.set_decoding(settings_from_names({"temperature": 3.0}), 1)
    assert columns.columns[1].session.model.network is lm.network
    with pytest.raises(ValueError, match="share a cache"):
        Lockstep([Session(lm), Session(lm)])
    with pytest.raises(ValueError, match="share a cache"):
        columns.add(Session(lm))
    columns.step()
    columns.frames()
    forwards: list[int] = []
    forward = LanguageModel._forward

    def count(self: LanguageModel, new: list[int], *, all_logits: bool):
        forwards.append(len(new))
        return forward(self, new, all_logits=all_logits)

    monkeypatch.setattr(LanguageModel, "_forward", count)
    for _ in range(10):
        columns.step()
        columns.frames()
    first, second = ids(columns)
    assert first != second
    assert forwards == [1] * 20
    # What it is worth: the same two texts in turns on one cache.
    forwards.clear()
    parted = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    prompt = columns.columns[0].session.prompt_token_ids
    for n in range(parted + 1, 11):
        for own in (first, second):
            lm.read(prompt + own[:n])
    assert sum(forwards[2:]) > 2 * (len(forwards) - 2)


def test_a_column_that_comes_later_is_brought_to_the_same_place() -> None:
    columns = lockstep(*alike(1, context=200))
    for _ in range(12):
        columns.step()
    columns.add(Session(make.model(make.byte_level(), seed=7, context=200)))
    columns.add(Session(make.model(make.sentence_pieces(), context=200)), at=1)
    check_places(columns)
    check_figures(columns)
    assert columns.together
    columns.step()
    columns.back()
    columns.back()
    check_places(columns)
    assert columns.together
    columns.restart()
    assert ids(columns) == [[], [], []]


def test_a_column_that_cannot_come_changes_nothing() -> None:
    columns = lockstep(*alike(2), prompt="the éclair")
    before = list(columns.columns)
    with pytest.raises(StudioError, match="is not among"):
        columns.add(Session(make.model(make.characters())))
    columns.duplicate(0)
    columns.duplicate(1)
    with pytest.raises(StudioError, match="remove one first"):
        columns.duplicate(0)
    assert [c for c in columns.columns if c in before] == before


def test_a_new_leader_leaves_what_was_chosen_and_leads_from_there() -> None:
    columns = lockstep(*unlike())
    for _ in range(4):
        columns.step()
    before = ids(columns)
    columns.move(2, 0)
    assert ids(columns) == [before[2], before[0], before[1]]
    frames = columns.step()
    assert columns.leader.session.token_ids == [*before[2], frames[0].choice.token.id]
    assert columns.columns[1].session.token_ids[: len(before[0])] == before[0], "its own choices are not cut anew"
    check_figures(columns)


def test_a_new_leader_takes_half_a_character_as_it_is_or_calls_the_others_back() -> None:
    one, other, letters = (
        make.model(make.bytes_alone()),
        make.model(make.sentence_pieces()),
        make.model(make.characters()),
    )
    columns = lockstep(one, other, letters)
    columns.force_text(" the")
    half = "é".encode()[:1]
    columns.force(0, one.tokens.encode("é")[0])
    columns.move(1, 0)
    assert [c.told for c in columns.columns] == [b" the" + half, b" the" + half, b" the"]
    columns.move(2, 0)
    assert {c.told for c in columns.columns} == {b" the"}
    columns.step()
    check_places(columns)
    check_figures(columns)
    columns = lockstep(one.twin(), other.twin())
    columns.force(0, one.tokens.encode("é")[0])
    columns.duplicate(1)
    columns.remove(0)
    assert {c.told for c in columns.columns} == {half}
    assert columns.together


def test_a_removed_column_s_weights_are_given_back_with_its_last_twin() -> None:
    columns = lockstep(*alike(1), make.model(make.sentence_pieces()))
    columns.duplicate(1)
    network = columns.columns[1].session.model.network
    make.checkpoint_makers.network("llama")  # the cached maker is not what holds it
    alive = weakref.ref(network)
    del network
    columns.step()
    columns.remove(1).model.release()
    columns.step()
    assert alive() is not None
    columns.remove(1).model.release()
    gc.collect()
    assert alive() is None
    columns.step()
    with pytest.raises(StudioError, match="last column stays"):
        columns.remove(0)


def test_nothing_can_be_stepped_before_there_is_a_text() -> None:
    columns = Lockstep([Session(lm) for lm in alike(2)])
    with pytest.raises(StudioError, match="type a prompt"):
        columns.step()
    assert not columns.back()
    columns.restart()
    with pytest.raises(StudioError, match="room for 4"):
        Lockstep([Session(lm) for lm in alike(5)])


def test_decoding_is_linked_or_separate_and_a_bad_number_changes_nothing() -> None:
    columns = lockstep(*unlike())
    hot = settings_from_names({"temperature": 2.0})
    columns.set_decoding(hot, 1)
    assert [c.decoding == hot for c in columns.columns] == [False, True, False]
    assert columns.columns[1].session.decoding.method == "dart"
    assert columns.columns[1].decoding.method == "race"
    columns.set_decoding(hot)
    assert all(c.decoding == hot for c in columns.columns)


# -- looking


def whole_state(columns: Lockstep) -> list[object]:
    """Everything that what is done next depends on."""
    state: list[object] = [columns._at, columns._marks, columns.steps, columns.mode]
    for column in columns.columns:
        tree = column.session.tree
        state.append([(node.id, node.token_id, node.seeded, node.luck, node.score) for node in tree.line])
        state.append((tree.place, tree.here.id, len(tree.nodes), column.firm, column.trouble))
    return state


@pytest.mark.parametrize("same_draw", [True, False])
def test_a_place_that_is_looked_at_shows_what_the_models_give_there(same_draw: bool) -> None:
    columns = lockstep(*alike(2), prompt="the cat sat on the mat", same_draw=same_draw)
    columns.force_text(" and the dog ran over the hill")
    columns.step()
    prompt, line = len(columns.leader.session.tree.prompt), list(columns.leader.session.tree.ids)
    for count in (1, 3, prompt + 2):
        columns.look_at([count, count])
        assert columns.looking
        frames = columns.frames()
        assert [frame.context_length for frame in frames] == [count, count]
        assert [frame.step for frame in frames] == [0 if count < prompt else count - prompt + 1] * 2
        assert columns.steps == (count - prompt if count < prompt else 0)
        assert columns.together
        for i, frame in enumerate(frames):
            logits = make.logits(columns.columns[i].session.model, line[:count])[-1]
            top = frame.candidates[0]
            assert top.token.id == int(logits.argmax())
            assert top.logprob == pytest.approx(float(logits.log_softmax(-1).max()), abs=1e-3)
        if same_draw:
            assert len({(f.draw.seed, f.draw.position) for f in frames}) == 1
            assert frames[0].draw.position == max(0, count - prompt)
        place = columns.compare(frames)
        assert place is not None
        assert place.pairs[0].forward is not None
    columns.look_at([4, 3])
    assert not columns.together, "these are not one place"
    assert columns.compare() is None


def test_looking_inside_the_prompt_in_other_vocabularies() -> None:
    columns = lockstep(*unlike(), prompt="the cat sat")
    counts = []
    for column in columns.columns:  # after "the"
        tokens = column.session.model.tokens
        ids = column.session.prompt_token_ids
        counts.append(
            next(n for n in range(1, len(ids)) if tokens.text([i for i in ids[:n] if i != 1]).strip(" ") == "the")
        )
    columns.look_at(counts)
    assert columns.together
    assert {frame.draw.method for frame in columns.frames()} == {"dart"}
    assert columns.compare() is not None
    columns.look_at([counts[0], *[len(c.session.tree.prompt) for c in columns.columns[1:]]])
    assert not columns.together


def test_nothing_goes_on_from_a_place_that_is_only_looked_at() -> None:
    columns = lockstep(*alike(2), prompt="the cat sat on the mat")
    columns.step()
    before = whole_state(columns)
    columns.look_at([2, 2])
    columns.frames()
    for doing in (columns.step, lambda: columns.force(0, 300), lambda: columns.force_text("a")):
        with pytest.raises(StudioError, match="only looked at"):
            doing()
    columns.look_at([3, 3])
    assert columns.looking
    assert columns.go_to_end()
    assert not columns.looking
    assert whole_state(columns) == before
    assert not columns.go_to_end(), "the columns are there"
    columns.step()


def test_a_place_that_steps_led_to_is_gone_to() -> None:
    columns, other = lockstep(*alike(2), seed=8), lockstep(*alike(2), seed=8)
    for each in (columns, other):
        for _ in range(4):
            each.step()
        each.force_text(" the cat")
    prompt = len(columns.leader.session.tree.prompt)
    columns.look_at([2, 2])
    columns.look_at([prompt + 2, prompt + 2])
    assert not columns.looking
    assert columns.steps == 2
    for _ in range(3):
        other.back()
    assert whole_state(columns) == whole_state(other)
    for each in (columns, other):
        each.force_text("zz")
        each.step()
    assert whole_state(columns) == whole_state(other)
    columns.look_at([prompt, prompt])
    assert not columns.looking
    assert columns.steps == 0


def test_back_and_forward_lead_to_the_nearest_step() -> None:
    columns = lockstep(*unlike(), prompt="the cat sat on the mat")
    for text in (" the cat sat", " on the mat", " and ran"):
        columns.force_text(text)
    places = [[mark.places[c.number] for c in columns.columns] for mark in columns._marks]

    def between(after: int) -> list[int]:
        """After the first word of that step."""
        columns.go_to_end()
        for _ in range(3 - after):
            columns.back()
        texts = []
        for column in columns.columns:
            line, tokens = column.session.tree.line, column.session.model.tokens
            n = column.session.place
            told_so_far = b""
            while told_so_far not in (b" the", b" on", b" and"):
                told_so_far += tokens.token(line[n].token_id).bytes
                n += 1
            texts.append(n)
        columns.go_to_end()
        return texts

    for after in (0, 1, 2):
        counts = between(after)
        columns.look_at(counts)
        assert columns.looking
        assert columns.steps == after
        assert columns.back()
        assert not columns.looking
        assert (columns.steps, [c.session.place for c in columns.columns]) == (after, places[after])
        columns.go_to_end()
        columns.look_at(counts)
        assert columns.forward()
        assert not columns.looking
        assert (columns.steps, [c.session.place for c in columns.columns]) == (after + 1, places[after + 1])
    columns.go_to_end()
    columns.look_at([2, 2, 2])
    assert not columns.back(), "nothing was ever at such a place"
    assert columns.looking
    assert columns.forward()
    assert columns.steps == 0


def test_a_place_that_is_not_there_changes_nothing() -> None:
    columns = Lockstep([Session(lm) for lm in alike(2)])
    with pytest.raises(StudioError, match="type a prompt"):
        columns.look_at([1, 1])
    columns.set_prompt("the cat sat")
    before = whole_state(columns)
    for counts, words in (([0, 1], "nothing foretold"), ([1, 99], "not that long")):
        with pytest.raises(StudioError, match=words):
            columns.look_at(counts)
    assert not columns.looking
    assert whole_state(columns) == before


@pytest.mark.parametrize(
    "doing", ["add", "duplicate", "remove", "move", "mode", "same draw", "seed", "prompt", "restart"]
)
def test_whatever_else_is_done_begins_where_the_columns_stood(doing: str) -> None:
    def do(columns: Lockstep) -> None:
        if doing == "add":
            columns.add(Session(make.model(make.sentence_pieces(), seed=4)))
        elif doing == "duplicate":
            columns.duplicate(1)
        elif doing == "remove":
            columns.remove(0)
        elif doing == "move":
            columns.move(1, 0)
        elif doing == "mode":
            columns.set_mode("each its own")
        elif doing == "same draw":
            columns.set_same_draw(False)
        elif doing == "seed":
            columns.set_seed(77)
        elif doing == "prompt":
            columns.set_prompt("the dog")
        else:
            columns.restart()

    pair = [lockstep(*unlike()[:2], prompt="the cat sat on the mat", seed=3) for _ in range(2)]
    for columns in pair:
        for _ in range(3):
            columns.step()
        columns.force_text(" the cat")
    pair[0].look_at([2, 2])
    pair[0].frames()
    for columns in pair:
        do(columns)
        assert not columns.looking
        for _ in range(2):
            columns.step()
    assert ids(pair[0]) == ids(pair[1])
    assert pair[0]._marks == pair[1]._marks
    check_places(pair[0])
    check_figures(pair[0])


@given(st.data())
@settings(max_examples=10)
def test_looking_leaves_everything_as_it_was(data: st.DataObject) -> None:
    """Two lock-steps do the same, and one of them looks around between."""
    seed, count = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 3))
    mode = data.draw(st.sampled_from(["same text", "each its own"]))
    plain, looker = (
        lockstep(*unlike(context=160)[:count], prompt="the cat sat on", seed=seed, mode=mode) for _ in range(2)
    )
    for _ in range(data.draw(st.integers(3, 12))):
        what = data.draw(st.sampled_from(["step", "step", "back", "forward", "force", "text", "restart"]))
        token, text = data.draw(st.integers(0, 255)), data.draw(st.sampled_from([" the cat sat", "é", " a b", "🙂"]))
        column = data.draw(st.integers(0, count - 1))
        for columns in (plain, looker):
            try:
                if what == "force":
                    columns.force(column, token)
                elif what == "text":
                    columns.force_text(text)
                else:
                    getattr(columns, what)()
            except StudioError:
                assert what == "force"
        for _ in range(data.draw(st.integers(0, 2))):
            counts = [data.draw(st.integers(1, len(c.session.tree.line))) for c in looker.columns]
            at = looker.steps
            looker.look_at(counts)
            looker.frames()
            looker.compare()
            if looker.looking:
                looker._come_back()
            else:
                while looker.steps < at:
                    looker.forward()
                while looker.steps > at:
                    looker.back()
        looked, wanted = whole_state(looker), whole_state(plain)
        assert looker._marks == plain._marks
        assert ids(looker) == ids(plain)
        assert [c.firm for c in looker.columns] == [c.firm for c in plain.columns]
        assert looked[0] == wanted[0]
    check_figures(looker)


# -- whatever is done


@given(st.data())
@settings(max_examples=10)
def test_whatever_is_done_the_columns_stay_true(data: st.DataObject) -> None:
    pool = unlike(context=160)
    columns = lockstep(*pool[: data.draw(st.integers(1, 3))], seed=data.draw(st.integers(0, 3)))
    for _ in range(data.draw(st.integers(4, 14))):
        what = data.draw(
            st.sampled_from(
                [
                    "step",
                    "step",
                    "step",
                    "back",
                    "forward",
                    "force",
                    "text",
                    "mode",
                    "duplicate",
                    "remove",
                    "move",
                    "seed",
                    "look",
                    "end",
                ]
            )
        )
        count = len(columns.columns)
        index = data.draw(st.integers(0, count - 1))
        try:
            if what == "step":
                columns.step()
            elif what in ("back", "forward"):
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
                columns.look_at([data.draw(st.integers(1, len(c.session.tree.line))) for c in columns.columns])
            elif what == "end":
                columns.go_to_end()
            else:
                columns.set_seed(data.draw(st.integers(0, 9)))
        except StudioError:
            assert what in ("force", "duplicate", "remove", "text") or (what == "step" and columns.looking)
        if columns.looking:
            columns.frames()
            continue
        check_places(columns)
        place = columns.compare()
        assert (place is None) == (len({c.told for c in columns.columns}) > 1)
        if place is not None:
            assert len(place.pairs) == len(columns.columns) - 1
            assert all(p.forward is None or math.isfinite(p.forward) for p in place.pairs)
    columns.go_to_end()
    check_places(columns)
    check_figures(columns)
