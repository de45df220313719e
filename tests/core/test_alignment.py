"""Texts aligned on bytes: what every token tells of them, and where boundaries of all columns meet."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core.alignment import byte_ends, continuation, of_bytes, spans, told, whole
from ntp_studio.core.tokens import Tokens
from ntp_studio.core.types import StudioError
from tests.core import two_tokenizers as make

BYTES, PIECES, ALONE, LOWER = make.byte_level(), make.sentence_pieces(), make.bytes_alone(), make.lower_case()
TEXTS = st.text(alphabet=st.one_of(st.sampled_from(" ab\nthecat.é日🙂"), st.characters(codec="utf-8")), max_size=30)
SPLITS = st.lists(st.integers(0, 20), max_size=12).map(sorted)


# -- byte ends


@pytest.mark.parametrize("tokens", [BYTES, PIECES, ALONE], ids=["byte level", "pieces", "bytes"])
@given(text=TEXTS)
def test_tokens_tell_the_whole_text_in_order(tokens: Tokens, text: str) -> None:
    ids = tokens.encode(text)
    ends = byte_ends(tokens, ids, text)
    raw = text.encode()
    assert len(ends) == len(ids)
    assert ends == sorted(ends)
    assert (ends[-1] if ends else 0) == len(raw)
    for begin, end, token_id in zip([0, *ends], ends, ids, strict=False):
        token = tokens.token(token_id)
        if end > begin:
            assert token.bytes.endswith(raw[begin:end])
            assert len(token.bytes) - (end - begin) <= 1, "at most a space before the text is outside it"
        else:
            assert token.special or token.bytes in (b"", b" ")


@pytest.mark.parametrize(
    ("text", "told_by"),
    [
        ("the cat", [b"", b"the", b" ", b"cat"]),
        (" the", [b"", b"", b" the"]),
        ("  a", None),
        ("日", [b"", b"", b"\xe6", b"\x97", b"\xa5"]),
        ("</s>", [b"", b"</s>"]),
        ("a</s> the", None),
        ("<s>", None),
    ],
)
def test_a_prefixed_space_and_special_tokens_tell_nothing(text: str, told_by: list[bytes] | None) -> None:
    ids = PIECES.encode(text)
    ends = byte_ends(PIECES, ids, text)
    raw = text.encode()
    pieces = [raw[a:b] for a, b in itertools.pairwise([0, *ends])]
    assert b"".join(pieces) == raw
    if told_by is not None:
        assert pieces == told_by, [PIECES.token(i).bytes for i in ids]


@given(text=TEXTS)
def test_a_tokenizer_that_changes_the_text_still_tells_where_it_stands(text: str) -> None:
    ids = LOWER.encode(text)
    ends = byte_ends(LOWER, ids, text) if ids else []
    assert ends == sorted(ends)
    assert all(0 <= end <= len(text.encode()) for end in ends)
    if ids:
        assert ends[-1] == len(text.encode())


def test_lower_case_is_found_by_its_place() -> None:
    text = "The CAT"
    ends = byte_ends(LOWER, LOWER.encode(text), text)
    assert ends[-1] == 7
    assert 3 in ends


@given(text=st.text(alphabet="ab the\ncat", min_size=1, max_size=20).filter(str.strip))
def test_the_template_has_no_place_in_the_text(text: str) -> None:
    tokens = make.byte_level(chat=True)
    ids, template = tokens.encode_chat(text)
    ends = byte_ends(tokens, ids, text, template)
    assert ends == sorted(ends)
    typed = text.strip().encode()
    lead = text.encode().find(typed)
    assert ends[-1] == lead + len(typed)
    first = next(i for i, end in enumerate(ends) if end)
    assert ends[:first] == [0] * first
    assert typed.startswith(tokens.token(ids[first]).bytes.lstrip()[:1])


def test_ids_of_another_text_are_refused() -> None:
    with pytest.raises(StudioError, match="changes the text"):
        byte_ends(BYTES, BYTES.encode("the dog"), "the cat")
    with pytest.raises(StudioError, match="changes the text"):
        byte_ends(make.characters(), [2, 3], "cab")


# -- spans


@given(columns=st.lists(SPLITS, min_size=1, max_size=4))
def test_spans_are_the_smallest_stretches_that_are_whole_everywhere(columns: list[list[int]]) -> None:
    found = spans(columns, b"x" * 20)
    meeting = set.intersection(*map(set, columns)) - {0}
    assert [span.end for span in found] == sorted(meeting)
    assert [span.begin for span in found] == [0, *sorted(meeting)][: len(found)]
    for c, ends in enumerate(columns):
        for span in found:
            first, last = span.tokens[c]
            assert all(span.begin < end <= span.end for end in ends[first:last])
            assert ends[last - 1] == span.end
        # Every token with bytes before the last meeting is in exactly one of them.
        inside = [i for span in found for i in range(*span.tokens[c])]
        assert inside == [i for i, end in enumerate(ends) if 0 < end <= max(meeting, default=0)]


@given(text=TEXTS)
def test_spans_of_real_tokenizers_hold_whole_characters(text: str) -> None:
    columns = [byte_ends(t, t.encode(text), text) for t in (BYTES, PIECES, ALONE)]
    raw = text.encode()
    found = spans(columns, raw)
    assert b"".join(raw[s.begin : s.end] for s in found) == raw
    for span in found:
        raw[span.begin : span.end].decode()


def test_one_column_is_cut_at_each_of_its_tokens_and_none_has_no_spans() -> None:
    assert [(s.begin, s.end, s.tokens) for s in spans([[0, 2, 2, 5]], b"abcde")] == [
        (0, 2, ((1, 3),)),
        (2, 5, ((3, 4),)),
    ]
    assert spans([], b"") == []
    assert spans([[], [3]], b"abc") == []


# -- bytes in another vocabulary


@pytest.mark.parametrize("tokens", [BYTES, PIECES, ALONE], ids=["byte level", "pieces", "bytes"])
@given(raw=st.one_of(TEXTS.map(str.encode), st.binary(max_size=12)))
def test_any_bytes_are_spelled_exactly(tokens: Tokens, raw: bytes) -> None:
    ids = continuation(tokens, raw)
    assert told(tokens, ids) == raw
    assert not any(tokens.token(i).special for i in ids)


def test_a_text_in_the_middle_of_another_has_no_space_before_it() -> None:
    assert [PIECES.token(i).bytes for i in continuation(PIECES, b"the cat")] == [b"the", b" ", b"cat"]


def test_a_special_token_in_a_text_stays_text() -> None:
    ids = continuation(BYTES, b"a <|endoftext|>")
    assert 0 not in ids
    assert told(BYTES, ids) == b"a <|endoftext|>"


def test_what_a_vocabulary_lacks_is_said() -> None:
    tokens = make.characters()
    assert told(tokens, continuation(tokens, b"the cat")) == b"the cat"
    with pytest.raises(StudioError, match="no token for the byte C3"):
        continuation(tokens, "é".encode())


@given(text=TEXTS, data=st.data())
def test_half_a_character_waits_and_nothing_else_does(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cut = data.draw(st.integers(0, len(raw)))
    ready = whole(raw[:cut])
    assert ready == len(raw[:cut].decode("utf-8", "ignore").encode())
    assert cut - ready <= 3


@given(raw=st.binary(max_size=8))
def test_what_waits_could_still_become_a_character(raw: bytes) -> None:
    rest = raw[whole(raw) :]
    if rest:
        ends = [bytes(tail) for n in (1, 2, 3) for tail in itertools.product((0x80, 0x90, 0xA0, 0xBF), repeat=n)]
        assert any(_is_character(rest + end) for end in ends)
    for length in (1, 2, 3):  # and nothing that could is passed over
        tail = raw[-length:]
        if len(tail) == length and not rest:
            assert not any(
                _is_character(tail + bytes(end))
                for n in (1, 2, 3)
                for end in itertools.product((0x80, 0x90, 0xA0, 0xBF), repeat=n)
            )


def _is_character(raw: bytes) -> bool:
    try:
        return len(raw.decode("utf-8")) == 1
    except UnicodeDecodeError:
        return False


def test_tokens_of_equal_bytes_are_found_and_special_ones_apart() -> None:
    for token_id in range(BYTES.vocab_size):
        token = BYTES.token(token_id)
        assert token_id in of_bytes(BYTES, token.bytes, token.special)
        assert not of_bytes(BYTES, token.bytes, not token.special)
    # `<0x61>` and `a` are two ids of one byte.
    assert len(of_bytes(PIECES, b"a")) == 2
