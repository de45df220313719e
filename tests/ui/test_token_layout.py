"""The layout of tokens: everything is placed once, growing equals placing afresh, and a click finds what it hits."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio.core.types import TokenText
from ntp_studio.ui.token_layout import Flow, Metrics
from ntp_studio.ui.token_text import chip_label, chip_parts, clusters, join_tokens, split_to_fit, visible

PIECES = [
    "a",
    " the",
    ",",
    "\n",
    "\n\n",
    " ",
    "   x",
    "fisherman",
    "é",
    "漢字",
    "。",
    "👩‍🚀",
    "\u0301",
    "\t",
    "ab\ncd\n",
    "שלום",
]
SIZES = {"plain": (0.0, 0.0), "chips": (2.0, 1.0)}


def make(raw: bytes, number: int = 0, special: bool = False) -> TokenText:
    text = raw.decode("utf-8", "replace")
    label = text.replace("\n", "↵").replace(" ", "·") if "\ufffd" not in text else f"⟨{raw.hex(' ').upper()}⟩"
    return TokenText(number, raw, text, label, special)


def measure(text: str) -> float:
    """A stand-in for a font: wide characters take two cells, marks none."""
    return 7.0 * sum(
        0 if unicodedata.category(c) in ("Mn", "Cf") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


@st.composite
def texts(draw: st.DrawFn) -> list[TokenText]:
    """Texts cut into tokens anywhere, also in the middle of characters, with special tokens and stray bytes between."""
    tokens: list[TokenText] = []
    for _ in range(draw(st.integers(0, 6))):
        raw = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5))).encode()
        if draw(st.integers(0, 3)) == 0:
            raw += draw(st.binary(min_size=0, max_size=3))
        while raw:
            size = draw(st.integers(1, 9))
            tokens.append(make(raw[:size], len(tokens)))
            raw = raw[size:]
            if draw(st.integers(0, 20)) == 0:
                tokens.append(make(b"", len(tokens)))
        if draw(st.integers(0, 4)) == 0:
            tokens.append(make(b"<|end|>", len(tokens), special=True))
    return tokens


def build(tokens: list[TokenText], width: float, plain: bool) -> Flow:
    padding, gap = SIZES["plain" if plain else "chips"]
    flow = Flow(measure, Metrics(width, padding, gap, 6.0, plain))
    for token in tokens:
        flow.append(token)
    return flow


def picture(flow: Flow) -> list[list[tuple[int, int, str, float, float]]]:
    return [[(f.entry, f.last, f.text, f.x, f.width) for f in flow.line(i)] for i in range(flow.line_count)]


@given(texts(), st.floats(20, 400), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_token_is_placed_once_and_in_order(tokens: list[TokenText], width: float, plain: bool) -> None:
    flow = build(tokens, width, plain)
    seen: list[int] = []
    for fragment in flow.fragments:
        for entry in range(fragment.entry, fragment.last + 1):
            if not seen or seen[-1] != entry:
                seen.append(entry)
    assert seen == list(range(len(tokens)))
    assert [f for i in range(flow.line_count) for f in flow.line(i)] == flow.fragments
    for entry in range(len(tokens)):
        own = [f for _, _, f in flow.fragments_of(entry)]
        assert own == [f for f in flow.fragments if f.entry <= entry <= f.last]


@given(texts(), st.floats(20, 400), st.booleans())
@settings(max_examples=150, deadline=None)
def test_lines_keep_to_the_width_and_fragments_do_not_overlap(
    tokens: list[TokenText], width: float, plain: bool
) -> None:
    flow = build(tokens, width, plain)
    for index in range(flow.line_count):
        line = flow.line(index)
        for before, after in pairwise(line):
            assert after.x >= before.x + before.width - 1e-6
            assert not before.newline
        for fragment in line:
            one_character = len(clusters(fragment.text)) <= 1
            assert fragment.space or one_character or fragment.x + fragment.width <= width + 1e-6


@given(texts(), st.floats(20, 400), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_click_finds_the_fragment_it_hits(tokens: list[TokenText], width: float, plain: bool) -> None:
    flow = build(tokens, width, plain)
    for entry in range(len(tokens)):
        for line, _, fragment in flow.fragments_of(entry):
            if fragment.width > 0:
                assert flow.hit(line, fragment.x + fragment.width / 2) == fragment.entry
    assert flow.hit(flow.line_count, 1.0) is None
    assert flow.hit(-1, 1.0) is None
    assert flow.hit(flow.end[0], flow.end[1] + 1.0) is None


@given(texts(), st.data(), st.floats(20, 400), st.booleans())
@settings(max_examples=250, deadline=None)
def test_cutting_back_and_growing_gives_the_layout_placed_afresh(
    tokens: list[TokenText], data: st.DataObject, width: float, plain: bool
) -> None:
    flow = build(tokens, width, plain)
    place = data.draw(st.integers(0, len(tokens)))
    before = picture(flow)
    changed = flow.cut(place)
    assert picture(flow) == picture(build(tokens[:place], width, plain))
    assert picture(flow)[:changed] == before[:changed]
    for token in tokens[place:]:
        before = picture(flow)
        changed = flow.append(token)
        assert picture(flow)[:changed] == before[:changed]
    assert picture(flow) == picture(build(tokens, width, plain))


@given(st.lists(st.binary(max_size=5), max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_plain_text_is_the_bytes_decoded(chunks: list[bytes], narrow: bool) -> None:
    flow = build([make(raw, i) for i, raw in enumerate(chunks)], 15.0 if narrow else 1e6, plain=True)
    shown = "".join("\n" if f.newline else f.text for f in flow.fragments)
    expected = b"".join(chunks).decode("utf-8", "replace")
    assert join_tokens([make(raw) for raw in chunks]) == expected
    # what is shown differs from the text only where a character cannot be drawn as it is
    assert shown == "".join(c if c == "\n" else "" if c == "\r" else visible(c) for c in expected) or "\r" in expected


def test_a_character_split_over_tokens_is_one_fragment_in_plain_text() -> None:
    euro = [make(b" 5 \xe2"), make(b"\x82"), make(b"\xac more")]
    flow = build(euro[:2], 500, plain=True)
    assert flow.fragments[-1].text == "\ufffd"
    flow.append(euro[2])
    assert [f.text for f in flow.fragments] == [" ", "5", " ", "€", " ", "more"]
    assert [(f.entry, f.last) for f in flow.fragments][3] == (0, 1)
    assert [f.text for _, _, f in flow.fragments_of(1)] == ["€"]


def test_plain_text_wraps_between_words_and_chips_between_tokens() -> None:
    tokens = [make(raw) for raw in (b"one", b" two", b" th", b"ree", b",")]
    plain = build(tokens, measure("one two thre"), plain=True)
    assert ["".join(f.text for f in plain.line(i)) for i in range(plain.line_count)] == ["one two ", "three,"]
    chips = build(tokens, measure("one two th") + 15, plain=False)
    assert ["|".join(f.text for f in chips.line(i)) for i in range(chips.line_count)] == ["one|·two|·th", "ree|,"]


def test_a_token_without_text_moves_no_word() -> None:
    tokens = [make(raw) for raw in (b"x\n the", b" ", b"", b"t")]
    flow = build(tokens, 28.0, plain=True)
    assert ["".join(f.text for f in flow.line(i)) for i in range(flow.line_count)] == ["x", " the ", "t"]


def test_a_character_that_comes_in_pieces_does_not_leave_its_word_moved() -> None:
    emoji = "👩".encode()
    flow = build([make(b"x\n the"), make(emoji[:1]), make(emoji[1:])], 28.0, plain=True)
    assert ["".join(f.text for f in flow.line(i)) for i in range(flow.line_count)] == ["x", " the", "👩"]


def test_tags_keep_their_words_through_cutting_and_growing() -> None:
    for plain in (False, True):
        flow = build([make(b"one")], 300, plain)
        flow.append(make(b" x"), tag="next: x")
        flow.append(make(b" two"))
        tags = [(f.text, f.chip) for f in flow.fragments if f.tag]
        assert tags == [("next: x", True)]
        grown = picture(flow)
        flow.cut(2)
        flow.append(make(b" two"))
        assert picture(flow) == grown
        flow.cut(1)
        assert not any(f.tag for f in flow.fragments)


def test_newlines_show_their_sign_and_end_the_line() -> None:
    flow = build([make(b"a\n\nb"), make(b"\n"), make(b"c")], 500, plain=False)
    assert [[f.text for f in flow.line(i)] for i in range(flow.line_count)] == [["a↵"], ["↵"], ["b", "↵"], ["c"]]
    assert chip_parts(make(b"  x")) == [("··x", 2, False)]


def test_what_cannot_be_drawn_is_shown_by_picture_or_number() -> None:
    assert visible("a\x00b\x7f") == "a␀b␡"
    assert visible("\u202e") == "⟨U+202E⟩"
    assert chip_label(make("\u0301".encode())) == "◌\u0301"
    assert chip_label(TokenText(1, b"\xe2\x80\x8d", "\u200d", "\u200d")) == "⟨U+200D⟩"
    assert chip_label(TokenText(1, b"", "", "")) == "∅"


def test_long_text_is_cut_between_whole_characters() -> None:
    assert clusters("e\u0301👩‍🚀👍🏽🇫🇷x") == ["e\u0301", "👩‍🚀", "👍🏽", "🇫🇷", "x"]
    pieces = split_to_fit("x" * 100, 70.0, measure)
    assert "".join(pieces) == "x" * 100
    assert {len(p) for p in pieces} == {10}
