"""Byte-true tokens: every text is the join of its tokens' bytes, and what is shown hides nothing."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from ntp_studio.core.tokens import CharacterTokens, HuggingFaceTokens, visible
from ntp_studio.core.types import StudioError
from tests import checkpoint_makers


@pytest.fixture(scope="module")
def byte_level() -> HuggingFaceTokens:
    tokenizer = checkpoint_makers.tokenizer()
    return HuggingFaceTokens(tokenizer, len(tokenizer) + 3)


@pytest.fixture(scope="module")
def sentence_pieces() -> HuggingFaceTokens:
    pieces = ["<unk>", "<s>", *(f"<0x{b:02X}>" for b in range(256)), "▁", "a", "b", "▁a", "ab", "▁ab"]
    backend = Tokenizer(
        models.BPE(
            {p: i for i, p in enumerate(pieces)},
            [("▁", "a"), ("a", "b"), ("▁a", "b")],
            byte_fallback=True,
            unk_token="<unk>",
        )
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>")
    return HuggingFaceTokens(fast, len(pieces))


@given(text=st.text(max_size=40))
def test_byte_level_tokens_join_to_the_text(byte_level: HuggingFaceTokens, text: str) -> None:
    assert byte_level.text(byte_level.encode(text)) == text


@given(text=st.text(alphabet="ab é日🙂", max_size=20))
def test_sentence_pieces_join_to_the_text_with_its_prefixed_space(
    sentence_pieces: HuggingFaceTokens, text: str
) -> None:
    if text:
        assert sentence_pieces.text(sentence_pieces.encode(text)) == " " + text


def test_a_character_split_over_tokens_is_hex_on_its_chips(sentence_pieces: HuggingFaceTokens) -> None:
    ids = sentence_pieces.encode("日")
    chips = [sentence_pieces.token(i) for i in ids if sentence_pieces.token(i).bytes != b" "]
    assert [c.label for c in chips] == ["⟨E6⟩", "⟨97⟩", "⟨A5⟩"]
    assert b"".join(c.bytes for c in chips).decode() == "日"


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        (b" the", "·the"),
        (b"\n\n", "↵↵"),
        (b"\t", "⇥"),
        (b"   ", "···"),
        (b"a b", "a b"),
        (b"\xe2\x82", "⟨E2 82⟩"),
        ("\u200b".encode(), "⟨U+200B⟩"),
        ("\u00a0".encode(), "⟨U+00A0⟩"),
        ("\u202e!".encode(), "⟨U+202E⟩!"),
        ("\u0301".encode(), "◌\u0301"),
        (b"\x00\x1b", "␀⟨U+001B⟩"),
        (b"<b>&amp;", "<b>&amp;"),
        (b"", ""),
    ],
)
def test_what_is_shown(raw: bytes, label: str) -> None:
    assert visible(raw) == label


def test_special_and_unused_ids(byte_level: HuggingFaceTokens) -> None:
    end = byte_level.token(0)
    assert (end.label, end.special) == ("<|endoftext|>", True)
    unused = byte_level.token(byte_level.vocab_size - 1)
    assert (unused.bytes, unused.special) == (b"", True)
    assert "unused" in unused.label


def test_find_puts_whole_tokens_first(byte_level: HuggingFaceTokens) -> None:
    found = byte_level.find("·a")
    assert found
    assert all(" a" in byte_level.token(i).text.casefold() for i in found)
    assert byte_level.find("") == []
    assert byte_level.find("#999999") == []


def test_chat_template_marks_what_it_adds() -> None:
    tokenizer = checkpoint_makers.tokenizer(chat_template=True)
    tokens = HuggingFaceTokens(tokenizer, len(tokenizer))
    assert tokens.has_chat_template
    ids, added = tokens.encode_chat("the cat")
    typed = [i for i, a in zip(ids, added, strict=True) if not a]
    assert tokens.text(typed).strip() == "the cat"
    assert any(added)
    theirs = tokenizer.apply_chat_template(
        [{"role": "user", "content": "the cat"}], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    assert ids == list(theirs)


@pytest.mark.parametrize("text", ["im", "a", "user", "assistant", "start", " the cat ", "<|endoftext|>"])
def test_what_is_typed_is_found_also_where_the_template_has_the_same_word(text: str) -> None:
    tokenizer = checkpoint_makers.tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
        "<|im_start|>assistant a user im start\n"
    )
    tokens = HuggingFaceTokens(tokenizer, len(tokenizer))
    ids, added = tokens.encode_chat(text)
    assert tokens.text([i for i, a in zip(ids, added, strict=True) if not a]).strip() == text.strip()
    assert added[-1]


def test_an_endless_chat_template_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntp_studio.core.tokens.TEMPLATE_SECONDS", 0.2)
    tokenizer = checkpoint_makers.tokenizer()
    tokenizer.chat_template = (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% set x = j %}{% endfor %}{% endfor %}"
    )
    tracing = sys.gettrace()
    with pytest.raises(StudioError, match=r"chat template failed \(it was not done"):
        HuggingFaceTokens(tokenizer, len(tokenizer)).encode_chat("hello")
    assert sys.gettrace() is tracing


def test_half_a_character_is_refused_in_words(byte_level: HuggingFaceTokens) -> None:
    with pytest.raises(StudioError, match="at place 3"):
        byte_level.encode("ab\ud800")


def test_a_chat_template_that_fails_or_attacks_is_a_sentence() -> None:
    tokenizer = checkpoint_makers.tokenizer()
    for template in (
        "{{ raise_exception('no users here') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% bad %}",
    ):
        tokenizer.chat_template = template
        with pytest.raises(StudioError, match="chat template failed"):
            HuggingFaceTokens(tokenizer, len(tokenizer)).encode_chat("hello")
    tokenizer.chat_template = None
    with pytest.raises(StudioError, match="no chat template"):
        HuggingFaceTokens(tokenizer, len(tokenizer)).encode_chat("hello")


def test_characters() -> None:
    tokens = CharacterTokens({0: "\n", 1: " ", 2: "a", 3: "é"})
    assert tokens.encode("a é\n") == [2, 1, 3, 0]
    assert tokens.text([2, 1, 3]) == "a é"
    assert [tokens.token(i).label for i in range(4)] == ["↵", "·", "a", "é"]
    with pytest.raises(StudioError, match="'z' is not among them"):
        tokens.encode("az")
