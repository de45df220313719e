"""From text files to blocks of token ids: what is read, what is held out, and in which order it is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntp_studio.core.training import corpus
from ntp_studio.core.training.corpus import Blocks
from ntp_studio.core.types import StudioError
from tests import checkpoint_makers as make
from tests.core.training_runs import markov, write

# -- reading -----------------------------------------------------------------------------------------------------------


def test_text_is_read_as_it_is(tmp_path: Path) -> None:
    raw = "one\r\ntwo\rthree\n\u2028é漢🙂\n"
    plain, marked = tmp_path / "plain.txt", tmp_path / "marked.txt"
    plain.write_bytes(raw.encode())
    marked.write_bytes(b"\xef\xbb\xbf" + raw.encode())
    assert corpus.read_texts([str(plain), str(marked)]) == [raw, raw]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b" \r\n\t\n", "is empty"),
        ("naïve".encode("latin-1"), "no UTF-8 text"),
        ("text".encode("utf-16"), "no UTF-8 text"),
        (bytes(range(256)), "no UTF-8 text"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_text_is_a_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "text.txt"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StudioError, match=words) as raised:
        corpus.read_texts([str(path)])
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["gone.txt", "nul\0.txt", "deep/" * 2000])
def test_what_is_not_there_is_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudioError, match="check its name"):
        corpus.read_texts([str(tmp_path / name)])


# -- splitting ---------------------------------------------------------------------------------------------------------


@given(
    texts=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4),
    share=st.floats(0, 1, allow_nan=False),
)
def test_split_gives_each_character_to_one_side(texts: list[str], share: float) -> None:
    train, kept = corpus.split(texts, share)
    cuts = [len(text) - round(len(text) * share) for text in texts]
    assert train == [text[:cut] for text, cut in zip(texts, cuts, strict=True) if cut]
    assert kept == [text[cut:] for text, cut in zip(texts, cuts, strict=True) if cut < len(text)]
    assert sum(map(len, train + kept)) == sum(map(len, texts))


def test_held_out_text_reaches_neither_the_vocabulary_nor_the_blocks(tmp_path: Path) -> None:
    """Words of the held-out end alone would be worth a merge each, were they seen."""
    texts = ["abab cdcd " * 60 + "xyxyxy zwzwzw " * 15, "efef ghgh " * 60 + "qvqvqv jkjkjk " * 15]
    share = 15 * 14 / len(texts[0])
    train, kept = corpus.split(texts, share)
    assert all(set(text) <= set("abcdefgh ") for text in train)
    tokenizer = corpus.train_tokenizer(train, 300, 16)
    merged = [token for token in tokenizer.get_vocab() if len(token) > 1 and token != corpus.END_OF_TEXT]
    assert merged
    assert not any(set(token) & set("xyzwqvjk") for token in merged)
    built = corpus.build(tokenizer, texts, share, 16)
    assert tokenizer.decode(built.train).replace(corpus.END_OF_TEXT, "") == "".join(train)
    assert tokenizer.decode(built.held_out[1:]).replace(corpus.END_OF_TEXT, "") == "".join(kept)
    # The context of the first held-out token is the end of the text that it goes on from.
    assert built.held_out[0] == tokenizer(train[0])["input_ids"][-1]
    assert list(built.held_out).count(tokenizer.eos_token_id) == 1


def test_fingerprint_tells_texts_apart() -> None:
    tokenizer = corpus.train_tokenizer(["abc " * 50], 260, 8)
    texts = ["abc " * 50]
    same, other = (corpus.build(tokenizer, each, 0.1, 8) for each in (texts, ["abc " * 49 + "acb "]))
    assert corpus.build(tokenizer, texts, 0.1, 8).fingerprint == same.fingerprint != other.fingerprint
    assert corpus.build(tokenizer, texts, 0.2, 8).fingerprint != same.fingerprint


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_bytes_held_out_are_those_of_utf8(share: float) -> None:
    text = "né 漢字 🙂 ok. " * 30
    tokenizer = corpus.train_tokenizer([text], 280, 16)
    kept = text[len(text) - round(len(text) * share) :]
    ids, count = corpus.held_out(tokenizer, [text], share)
    assert count == len(kept.encode())
    assert tokenizer.decode(ids[1:]) == kept
    if share == 1:
        assert ids[0] == tokenizer.eos_token_id


def test_without_any_context_the_first_token_does_not_count() -> None:
    tokenizer = make.tokenizer()
    tokenizer.eos_token = None
    ids, count = corpus.held_out(tokenizer, ["éa cat"], 1.0)
    whole = tokenizer("éa cat")["input_ids"]
    assert list(ids) == whole
    assert count == len("éa cat".encode()) - len(tokenizer.decode(whole[:1]).encode())


def test_too_short_a_text_says_how_many_tokens_it_has() -> None:
    tokenizer = corpus.train_tokenizer(["abc"], 257, 16)
    with pytest.raises(StudioError, match="16 tokens to train on, fewer than one block of 16 and the token after it"):
        corpus.build(tokenizer, ["a" * 16], 0.0, 16)
    assert len(corpus.build(tokenizer, ["a" * 17], 0.0, 16).train) == 17


# -- encoding ----------------------------------------------------------------------------------------------------------

_WORDS = st.text(st.sampled_from("abé漢🙂.,'! \n\r\t0"), max_size=120)


@given(text=_WORDS, size=st.integers(1, 30))
@settings(max_examples=150)
def test_pieces_join_to_the_text(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "_PIECE", size)
        pieces = list(corpus._pieces(text))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= size for piece in pieces)


@pytest.mark.parametrize("architecture", ["studio", "makers"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n", "  ", "\n   ", " \n"])
def test_encoding_in_pieces_equals_encoding_the_whole(
    monkeypatch: pytest.MonkeyPatch, ending: str, architecture: str
) -> None:
    words = np.random.default_rng(3)
    text = "".join(
        markov(int(n), seed=i) + ".,!"[i % 3] * (i % 2) + ending for i, n in enumerate(words.integers(5, 40, 60))
    )
    tokenizer = corpus.train_tokenizer([text], 330, 16) if architecture == "studio" else make.tokenizer()
    whole = tokenizer(text, verbose=False)["input_ids"]
    monkeypatch.setattr(corpus, "_PIECE", 150)
    assert len(list(corpus._pieces(text))) > 5
    assert list(corpus.encode(tokenizer, [text], None)) == whole


def test_documents_are_parted_by_the_end_of_text() -> None:
    tokenizer = make.tokenizer()
    one, two = tokenizer("The cat")["input_ids"], tokenizer("the dog")["input_ids"]
    assert list(corpus.encode(tokenizer, ["The cat", "the dog"], 0)) == [*one, 0, *two]
    assert list(corpus.encode(tokenizer, ["The cat", "the dog"], None)) == [*one, *two]
    assert corpus.encode(tokenizer, [], 0).shape == (0,)


def test_the_vocabulary_is_a_function_of_the_text(tmp_path: Path) -> None:
    texts = [markov(4000), markov(4000, seed=2)]
    made = [corpus.train_tokenizer(texts, 300, 16) for _ in range(2)]
    assert made[0].get_vocab() == made[1].get_vocab()
    assert len(made[0]) == 300
    text = "any bytes: \0\x7f é漢🙂"
    assert made[0].decode(made[0](text)["input_ids"]) == text
    made[0].save_pretrained(tmp_path)
    assert write(tmp_path, text)
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == made[0](text)["input_ids"]


# -- the order of the blocks -------------------------------------------------------------------------------------------


@given(
    length=st.integers(10, 400),
    context=st.integers(2, 40),
    batch=st.integers(1, 7),
    seed=st.integers(0, 2**63 - 1),
)
def test_an_epoch_shows_every_block_once(length: int, context: int, batch: int, seed: int) -> None:
    if length < context + 1:
        length += context
    ids = np.arange(length, dtype=np.int64)
    blocks = Blocks(ids, context, batch, seed)
    wanted = blocks.per_epoch
    rows = np.concatenate([blocks.batch(step) for step in range(-(-2 * wanted // batch))])
    assert rows.shape[1] == context + 1
    assert (rows == rows[:, :1] + np.arange(context + 1)).all()  # a stretch of the text as it stands
    for epoch in (rows[:wanted], rows[wanted : 2 * wanted]):
        starts = np.sort(epoch[:, 0])
        assert (np.diff(starts) == context).all()  # side by side, none twice
        assert starts[-1] + context < length
        assert length - wanted * context <= 2 * context  # little is left out


@given(steps=st.lists(st.integers(0, 60), min_size=1, max_size=12), seed=st.integers(0, 5))
def test_a_batch_is_a_function_of_its_step_alone(steps: list[int], seed: int) -> None:
    ids = np.arange(200, dtype=np.int64)
    one = Blocks(ids, 8, 3, seed)
    for step in steps:
        assert (one.batch(step) == Blocks(ids, 8, 3, seed).batch(step)).all()


def test_epochs_and_seeds_differ_in_order() -> None:
    ids = np.arange(500, dtype=np.int64)
    blocks, other = Blocks(ids, 8, 1, 0), Blocks(ids, 8, 1, 1)
    n = blocks.per_epoch
    first, second = ([int(blocks.batch(e * n + i)[0, 0]) for i in range(n)] for e in (0, 1))
    assert first != second
    assert first != [int(other.batch(i)[0, 0]) for i in range(n)]
    assert first != sorted(first)
    offsets = {min(int(blocks.batch(epoch * n + i)[0, 0]) for i in range(n)) for epoch in range(6)}
    assert len(offsets) > 2  # every epoch cuts the text at another place
