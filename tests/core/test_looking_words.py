"""What is asked of a session: figures of a dart's line, and texts that mean nothing to the model."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core import looking
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.session import Session
from ntp_studio.core.types import DecodingSettings
from ntp_studio.ui.candidate_text import needle_figure
from tests.core import tiny


def start(**values: float | str | list[str]) -> Session:
    return tiny.model("llama").start("The cat sat on", decoding=settings_from_names(values))


@pytest.mark.parametrize("u", [0.0, 0.25, 0.5, 0.9994, 0.99949, 0.9996, 0.99995, 0.999999, 1 - 2**-53])
def test_a_needle_never_reads_as_one(u: float) -> None:
    session = tiny.model("llama").start("The cat sat on", decoding=DecodingSettings(method="dart", needle=u))
    chosen = session.frame().choice.token.id
    for token_id in (chosen, 0, 1):
        words = looking.story(session, token_id).lines[-1].words
        found = re.search(r"from ([\d.]+) to ([\d.]+) on the line; the needle at ([\d.]+)", words)
        assert found is not None
        low, high, needle = map(float, found.groups())
        assert 0 <= low < 1
        assert low <= high <= 1
        assert 0 <= needle < 1
        assert needle == pytest.approx(float(needle_figure(u)), abs=1e-3), "as the window has it"
        assert needle == pytest.approx(u, abs=5e-5)
        assert (token_id == chosen) == (low <= needle < high)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_no_figure_on_the_line_is_outside_it(low: float, u: float, high: float) -> None:
    start, needle, end = map(float, looking._on_the_line(low, u, high))
    assert 0 <= start < 1
    assert 0 <= needle < 1
    assert 0 <= end <= 1


def test_entries_that_stand_for_no_token_are_named() -> None:
    session = start(
        sequence_bias=["#99999=2", "#-1=2", "#12,=2", "#3,99999=1", " the=1", "#5=ban"],
        bad_words=["#4096", "#7,8", "cat", "#eos"],
        stop_tokens=["foo bar baz", "a", "#1"],
        stop_strings=["no token needs to be this"],
        xtc_probability=0.5,
        xtc_protect=["#eos", "\n", "#99999"],
    )
    size = session.model.tokens.vocab_size
    found = looking.without_a_token(session)
    beyond = f" names no token of this model, whose ids go up to {size - 1:,}."
    assert [sentence.removesuffix(beyond) for sentence in found if sentence.endswith(beyond)] == [
        "sequence_bias: '#99999=2'", "sequence_bias: '#3,99999=1'", "bad_words: '#4096'", "xtc_protect: '#99999'",
    ]  # fmt: skip
    assert [sentence for sentence in found if not sentence.endswith(beyond)] == [
        "sequence_bias: '#-1=2' is no token's id, and is taken as a text.",
        "sequence_bias: '#12,=2' is no token's id, and is taken as a text.",
        "stop_tokens: 'foo bar baz' is no token of this model.",
    ]
    assert looking.without_a_token(start(temperature=0.5, top_k=3)) == ()
