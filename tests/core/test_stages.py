"""What each stage must do by its specification: textbook cases, traps, and properties that hold for all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp_studio.core.decoding import STAGES, Chain, Context, Scores, Stage, build_stage, settings_from_names
from ntp_studio.core.decoding.context import NoVocabulary
from ntp_studio.core.decoding.sorting import crossing
from ntp_studio.core.decoding.stages import (
    AdaptiveP,
    Bans,
    Bias,
    Dry,
    DynamicTemperature,
    Eta,
    MinLength,
    MinP,
    Mirostat,
    NoRepeatNgram,
    PresenceFrequency,
    RepetitionPenalty,
    Smoothing,
    Stop,
    Temperature,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    Xtc,
)
from ntp_studio.core.decoding.stages.dry import continuations, repeats
from ntp_studio.core.decoding.stages.figures import percent
from ntp_studio.core.lexicon import Lexicon
from ntp_studio.core.types import DecodingSettings, NoTokenAllowed, SettingError, StageSetting
from tests.core import tiny


class Vocabulary(NoVocabulary):
    """Token 0 ends the text, token 1 is a line break."""

    eos_ids = frozenset({0})

    def spelled(self, text: str) -> tuple[int, ...]:
        return (1,) if text == "\n" else ()

    def breakers(self, text: str) -> Mapping[int, frozenset[tuple[int, ...]]]:
        return {1: frozenset({()})} if text == "\n" else {}


def context(ids: list[int] | None = None, prompt: int = 0, *, coin: float = 0.0, **state: tuple[float, ...]) -> Context:
    return Context(ids or [], prompt, vocabulary=Vocabulary(), coin=lambda name: coin, state=state)


def of(*probabilities: float) -> Scores:
    with np.errstate(divide="ignore"):
        return Scores.of(np.log(probabilities))


def kept(stage: Stage, scores: Scores, at: Context | None = None) -> list[int]:
    return sorted(stage.apply(scores, at or context())[0].ids.tolist())


def threshold(stage: Stage, scores: Scores, at: Context | None = None) -> str:
    return stage.apply(scores, at or context())[1].threshold


# -- cuts


def test_the_share_of_the_kept_depends_on_what_was_cut_before() -> None:
    book = of(0.4, 0.3, 0.2, 0.1)
    first = Chain((TopK(2), TopP(0.5))).run(book, context()).result
    other = Chain((TopP(0.5), TopK(2))).run(book, context()).result
    assert (first.count, other.count) == (1, 2), "0.4 is 57% of the two most likely, and 40% of all"


def test_top_h_looks_at_a_hundred() -> None:
    flat = Scores.of(np.zeros(150))
    assert kept(TopH(1.0), flat) == list(range(100)), "1 is not off"
    assert kept(TopH(0.1), flat) == list(range(10))
    assert kept(TopH(0.01), of(0.97, 0.02, 0.01)) == [0], "the top always stays"
    _, note = TopH(0.1).apply(flat, context())
    assert TopH(0.1).reason(120, 0.0, flat, note).startswith("not among the 100")


def test_top_p_of_one_is_off_even_where_probabilities_round_to_nothing() -> None:
    steep = Scores.of(np.array([0.0, -800.0, -2000.0]))
    assert kept(TopP(1.0), steep) == [0, 1, 2]


def test_top_n_sigma_measures_what_is_left() -> None:
    logits = Scores.of(np.array([10.0, 9.0, 8.0, 0.0, 0.0, 0.0, 0.0]))
    assert kept(TopNSigma(1.0), logits) == [0, 1, 2]
    after_cut = Chain((TopK(3), TopNSigma(1.0))).run(logits, context()).result
    assert after_cut.count == 1, "among three the deviation is smaller"
    sigma = float(np.std(logits.values))
    assert threshold(TopNSigma(1.0), logits) == f"logit ≥ {10 - sigma:.2f} = 10.00 − 1 × {sigma:.3f}"
    for t in (0.3, 3.0):
        assert kept(TopNSigma(1.0), Temperature(t).apply(logits, context())[0]) == [0, 1, 2]


def test_typical_after_top_n_sigma_still_cuts() -> None:
    """llama.cpp masks in top-nσ without removing, and its entropy is then no number: typical cuts nothing."""
    rng = np.random.default_rng(2)
    logits = Scores.of(rng.standard_normal(40) * 2)
    left = TopNSigma(1.5).apply(logits, context())[0]
    assert 4 <= left.count < 40
    assert kept(Typical(0.3), left) == kept(Typical(0.3), Scores.of(left.logits))
    assert len(kept(Typical(0.3), left)) < left.count


def test_typical_may_cut_the_most_likely_and_keeps_ties() -> None:
    scores = of(0.4, *[0.02] * 30)
    assert kept(Typical(0.4), scores) == list(range(1, 31)), "0.4 is less surprising than the entropy"
    trace = Chain((Typical(0.4),)).run(scores, context())
    surprise, entropy = -math.log(0.4), scores.entropy
    assert f"surprise {surprise:.3f} is {entropy - surprise:.3f} from the entropy {entropy:.3f}" in trace.cut(0)[1]


def test_eta_has_the_paper_s_root() -> None:
    flat = Scores.of(np.zeros(1000))
    _, note = Eta(0.01).apply(flat, context())
    assert note.limit == pytest.approx(math.sqrt(0.01) / 1000), "√ε · e^−H, not √(ε · e^−H)"
    _, note = Eta(0.01).apply(of(0.9, 0.1), context())
    assert note.limit == 0.01


@given(st.integers(0, 2**32), st.floats(0.01, 1.0), st.sampled_from([0.01, 1.0, 30.0]))
def test_the_crossing_is_where_a_sort_would_put_it(seed: int, share: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    scores = Scores.of(np.round(rng.standard_normal(6000) * scale, int(rng.integers(1, 6))))
    few, held = scores.heaviest(share - 1e-12)
    order = np.lexsort((scores.ids, -scores.values))
    sums = np.cumsum(scores.weights[order]) / scores.total
    n = min(int(np.searchsorted(sums, share - 1e-12)) + 1, scores.count)
    assert abs(few.count - n) <= 1, "but for the last digit of a sum"
    assert set(few.ids.tolist()) in (set(scores.ids[order[: few.count]].tolist()), set(scores.ids.tolist()))
    assert held == pytest.approx(sums[few.count - 1])
    key, below = crossing(scores.values, np.ones(6000), 3000.0)
    assert key == np.sort(scores.values)[2999]
    assert below == np.count_nonzero(scores.values < key)


# -- shapes


def test_dynamic_temperature_follows_the_share_of_the_entropy() -> None:
    stage = DynamicTemperature(0.5, 1.0, 1.0)
    flat = Scores.of(np.array([1.0, 1.0, 1.0, 1.0]))
    assert stage.apply(flat, context())[1].limit == pytest.approx(1.5)
    sharp = Scores.of(np.array([900.0, 0.0]))
    assert stage.apply(sharp, context())[1].limit == pytest.approx(0.5)
    masked = Scores.of(np.array([1.0, 1.0, -np.inf, -np.inf]))
    assert stage.apply(masked, context())[1].limit == pytest.approx(1.5), "only what is left counts"
    assert kept(DynamicTemperature(2.0, 1.0), sharp) == [0], "T* = 0 keeps the most likely"
    assert stage.apply(of(1.0, 0.0), context())[1].threshold == "one token is left: nothing to do"


def test_smoothing_never_lifts_a_token_above_the_top() -> None:
    for curve in (1.0, 2.0, 3.0):
        values = Smoothing(0.5, curve).apply(Scores.of(np.linspace(-30, 2, 50)), context())[0].values
        assert values.max() == 2.0
        assert (np.diff(values) > 0).all()
    for curve in (0.9, 3.1):
        with pytest.raises(ValueError, match="smoothing_curve must be at"):
            Smoothing(0.5, curve)
    far = Smoothing(2.0, 3.0).apply(Scores.of(np.array([1e200, -1e200, 0.0])), context())[0]
    assert np.isfinite(far.values).all()


def test_temperature_zero_tells_of_a_tie() -> None:
    stage = Temperature(0.0)
    after, note = stage.apply(Scores.of(np.array([1.0, 2, 2, 2])), context())
    assert after.ids.tolist() == [1]
    assert note.threshold == "T = 0: only the most likely (of 3 tied, the lowest id)"


# -- penalties


def test_only_the_repetition_penalty_depends_on_the_zero_point() -> None:
    rng = np.random.default_rng(5)
    logits = rng.standard_normal(60) * 3
    history = rng.integers(0, 20, 30).tolist()
    changing = set()
    for name, kind in STAGES.items():
        stage = kind(**{p.name: p.default for p in kind.parameters})
        one, other = (stage.apply(Scores.of(logits + c), context(history, 4))[0] for c in (0.0, -10.0))
        p = [np.exp(s.logits - s.log_normalizer) for s in (one, other)]
        if not np.allclose(*p):
            changing.add(name)
    assert changing == {"repetition_penalty"}


def test_scopes_and_windows_of_the_penalties() -> None:
    scores = Scores.of(np.full(5, 2.0))
    at = context([0, 0, 1, 2, 2, 2], 3)  # the prompt is 0 0 1

    def after(stage: Stage) -> list[float]:
        return stage.apply(scores, at)[0].values.tolist()

    assert after(RepetitionPenalty(2.0)) == [1, 1, 1, 2, 2], "the prompt counts"
    assert after(RepetitionPenalty(2.0, 4)) == [2, 1, 1, 2, 2]
    assert after(RepetitionPenalty(2.0, 0, 0)) == [2, 2, 1, 2, 2]
    assert after(PresenceFrequency(0.5, 0.25)) == [2, 2, 0.75, 2, 2], "only what was generated counts"
    assert after(PresenceFrequency(0.5, 0.25, 0, 1)) == [1, 1.25, 0.75, 2, 2]
    assert after(PresenceFrequency(0.5, 0.25, 4, 1)) == [2, 1.25, 0.75, 2, 2]
    assert after(PresenceFrequency(0.0, -1.0)) == [2, 2, 5, 2, 2]


@given(st.lists(st.integers(2, 5), max_size=30), st.integers(1, 4))
def test_the_quick_look_for_repeats_misses_none(history: list[int], allowed: int) -> None:
    if len(history) > allowed:
        assert repeats(np.array(history), allowed) == bool(continuations(history, allowed, {}))


def test_the_words_of_one_are_not_those_of_many() -> None:
    scores, at = Scores.of(np.zeros(9)), context([5, 3, 5])
    assert threshold(RepetitionPenalty(1.5), scores, context([3])) == "1 token penalised"
    assert threshold(PresenceFrequency(1.0), scores, context([3])) == "1 token penalised"
    assert threshold(Bias(("#1=2",)), scores, at) == "1 token biased: #1"
    one = Dry(0.8, 1.75, 1, dry_sequence_breakers=())
    assert threshold(one, scores, at) == "1 token would continue a repetition, up to 1 token long"
    two = threshold(one, scores, context([5, 3, 5, 4, 5]))
    assert two == "2 tokens would continue a repetition, up to 1 token long"
    assert threshold(Xtc(1.0, 0.25, ()), of(0.5, 0.3, 0.2), at) == "coin 0.000 < 1; strikes 1 token of p ≥ 0.25"
    assert threshold(TopK(2), of(1.0, 0.0), at) == "only 1 token left: k = 2 cuts none"


def test_dry_counts_matches_up_to_a_breaker() -> None:
    scores = Scores.of(np.zeros(9))
    text = [2, 3, 4, 5, 2, 3, 4]
    stage = Dry(1.0, 2.0, 2, dry_sequence_breakers=("\n",))
    assert stage.apply(scores, context(text))[0].values[5] == -2.0, "three matched: 2^(3−2)"
    assert stage.apply(scores, context([2, 3, 9, 5, 2, 3]))[0].values[9 - 1] == 0
    exact = stage.apply(scores, context([2, 3, 5, 2, 3]))[0].values
    assert exact[5] == -1.0, "exactly the allowed length costs the multiplier"
    broken = [2, 1, 3, 5, 2, 1, 3]
    assert stage.apply(scores, context(broken))[1].threshold == "no repetition", "one token since the line break"
    ends_line = [2, 3, 4, 1, 2, 3, 4]
    assert stage.apply(scores, context(ends_line))[0] is scores, "a breaker itself is never penalised"
    several = Dry(1.0, 2.0, 1, dry_sequence_breakers=())
    assert several.apply(scores, context([7, 7, 7, 7]))[0].values[7] == -4.0
    assert several.penalty(400) == 2.0 ** int(88.7228391 / math.log(2)), "as far as llama.cpp lets it grow"
    assert Dry(1.0, 1.0).penalty(400) == 1.0


# -- bans


def test_bans_may_leave_nothing_and_say_so() -> None:
    scores = Scores.of(np.array([1.0, 2.0]))
    chain = Chain((TopK(1), NoRepeatNgram(1)))
    with pytest.raises(NoTokenAllowed, match="No token is allowed here: No-repeat n-gram has removed the last"):
        chain.run(scores, context([1]))
    trace = Chain((NoRepeatNgram(2),)).run(scores, context([0, 1, 0]))
    assert trace.cut(1) == ("no_repeat_ngram_size", "would repeat the 2 tokens from token 1 on")


def test_minimum_length_tells_what_the_end_had() -> None:
    scores = of(0.25, 0.5, 0.25)
    after, note = MinLength(3).apply(scores, context([2, 2, 2], 2))
    assert after.ids.tolist() == [1, 2]
    assert after.probabilities == pytest.approx([2 / 3, 1 / 3]), "in proportion"
    assert note.threshold == "2 more to go; the end had 25.00%"
    assert MinLength(3).reason(0, 0.0, scores, note) == "the end is forbidden: 1 new token < 3"
    assert MinLength(1).apply(scores, context([2, 2, 2], 2))[0] is scores


def test_an_end_is_no_banned_text() -> None:
    assert kept(Bans(("#0", "#2")), of(0.5, 0.25, 0.25)) == [0, 1]


@pytest.mark.parametrize("entry", ["the", "the=", "=2", "the=inf", "the=nan", "the=more"])
def test_a_bias_that_cannot_be_read_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is not TEXT=NUMBER"):
        Bias((entry,))


def test_biases_of_texts_with_an_equals_sign() -> None:
    class Words(NoVocabulary):
        def encode(self, text: str) -> tuple[int, ...]:
            return {"a=b": (1,)}.get(text, ())

    at = Context([], 0, vocabulary=Words())
    assert Bias(("a=b=2",)).apply(Scores.of(np.zeros(3)), at)[0].values.tolist() == [0, 2, 0]
    assert Bias(("#1=2", "#1=1")).apply(Scores.of(np.zeros(3)), at)[0].values.tolist() == [0, 1, 0], "the last word"
    biased = Bias(("#1=ban",)).apply(Scores.of(np.zeros(3)), at)
    assert biased[0].ids.tolist() == [0, 2]
    assert Bias(("#1=ban",)).reason(1, 0.0, Scores.of(np.zeros(3)), biased[1]) == "its bias is −∞"


# -- what became of entries


@pytest.fixture(scope="module")
def words() -> Lexicon:
    """Of a byte-level BPE: it has ` cat` and ` the`, but `cat` and `the` are two tokens each."""
    tokens = tiny.model("llama").tokens
    return Lexicon(tokens, lambda: frozenset({0}))


def told(stage: Stage, words: Lexicon, ids: list[int] | None = None) -> str:
    size = words._tokens.vocab_size
    return threshold(stage, Scores.of(np.zeros(size)), Context(ids or [10, 11, 12], 0, vocabulary=words))


@pytest.mark.parametrize(
    ("entries", "note"),
    [
        ((" cat",), "1 banned: ·cat"),
        (("a",), "1 banned: a (·a is another token)"),
        (("a", " a"), "2 banned: a, ·a"),
        (("a", "b", "d", "e", "f"), "5 banned: a, b, d, e, … (·a is another token)"),
        (("cat",), "0 banned; ·cat is another token; 1 not begun here: c + at"),
        (("The cat", " cat", "xyz"), "1 banned: ·cat; 2 not begun here: The + ·cat, …"),
        (("#340", "#99999", " cat"), "1 banned: ·cat; 2 entries are no tokens here"),
        (("#339", "#12,340"), "1 banned: ·lan; 1 entry is no token here"),
        ((" cat", "·cat"), "1 banned: ·cat; “·cat” is written with a dot: a space is a space"),
        (("col·lec",), "0 banned; 1 not begun here: c + o + l + ⟨C2⟩ + …"),
        (("#0", " cat"), "1 banned: ·cat; the end stays: minimum length forbids it"),
    ],
)
def test_bans_tell_what_their_entries_stand_for(words: Lexicon, entries: tuple[str, ...], note: str) -> None:
    if entries[0] == "#339":
        note = note.replace("·lan", words.label(339))
    assert told(Bans(entries), words) == note


def test_a_ban_counts_what_it_took(words: Lexicon) -> None:
    cat, the = (words.encode(text)[0] for text in (" cat", " the"))
    logits = np.zeros(words._tokens.vocab_size)
    logits[cat] = -np.inf
    after, note = Bans((" cat", " the")).apply(Scores.of(logits), Context([65], 0, vocabulary=words))
    assert note.threshold == "1 banned: ·the"
    assert after.value_of(the) == -np.inf
    begun = told(Bans(("The cat",)), words, [65, 66, *words.encode("The")])
    assert begun == "1 banned: ·cat", "begun: its last token is banned"
    once = NoRepeatNgram(1).apply(Scores.of(np.array([1.0, -np.inf, 2.0])), context([0, 1, 0]))[1]
    assert once.threshold == "1 banned", "the other was cut before"


def test_bias_and_stop_tell_what_their_entries_stand_for(words: Lexicon) -> None:
    assert told(Bias((" cat=-2", "#eos=ban", "#340=1")), words) == (
        f"2 tokens biased: ·cat, {words.label(0)}; 1 entry is no token here"
    )
    assert told(Bias(("·cat=2",)), words) == "0 tokens biased; “·cat” is written with a dot: a space is a space"
    assert told(Stop((), (" cat", "#340", "#1")), words) == (
        f"stops at: ·cat, {words.label(1)}; 1 entry is no token here"
    )
    assert told(Stop((), ("cat",)), words) == (
        "changes no probability; ·cat is another token; 1 entry is no token here"
    )
    assert told(Stop(("end",), ()), words) == "changes no probability"


@pytest.mark.parametrize("digits", ["9" * 18, "9" * 19, "9" * 5000])
def test_an_id_of_any_size_is_survived(words: Lexicon, digits: str) -> None:
    for stage in (
        Bans((f"#{digits}",)),
        Bias((f"#{digits}=ban",)),
        Stop((), (f"#{digits}",)),
        Xtc(1, 0.01, (f"#{digits}",)),
    ):
        scores = Scores.of(np.zeros(words._tokens.vocab_size))
        assert stage.apply(scores, Context([65], 0, vocabulary=words, coin=lambda name: 0.5))[0] is scores


def test_entries_and_tokens_of_strangers_are_data() -> None:
    class Words(NoVocabulary):
        def label(self, token_id: int) -> str:
            return "<b>\n\u202e{0}%s" + "x" * 99

    note = told_by(Bans(("#1", "·\n\u202e" + "y" * 99)), Words())
    assert note.startswith("1 banned: <b>\ufffd\ufffd{0}%s")
    assert note.count("…") == 2
    assert len(note) < 130
    assert note.isprintable()


def told_by(stage: Stage, vocabulary: NoVocabulary) -> str:
    return threshold(stage, Scores.of(np.zeros(3)), Context([], 0, vocabulary=vocabulary))


# -- stages that choose


def test_xtc_strikes_the_head_when_its_coin_says_so() -> None:
    scores = of(0.4, 0.3, 0.2, 0.1)
    stage = Xtc(0.5, 0.15, ())
    assert kept(stage, scores, context(coin=0.49)) == [2, 3]
    assert kept(stage, scores, context(coin=0.5)) == [0, 1, 2, 3], "below, not at"
    assert threshold(stage, scores, context(coin=0.75)) == "coin 0.750 ≥ 0.5: does nothing"
    assert kept(Xtc(1.0, 0.35, ()), scores) == [0, 1, 2, 3], "one alone is not struck"
    assert kept(Xtc(1.0, 0.5, ()), of(0.5, 0.5)) == [1]
    trace = Chain((stage,)).run(scores, context(coin=0.2))
    assert trace.cut(0) == ("xtc", "0.4 ≥ 0.15, and a less likely one is too; coin 0.200 < 0.5")


def test_xtc_protects_the_end_and_line_breaks() -> None:
    book = of(0.1, 0.4, 0.3, 0.2)  # the line break leads
    assert kept(Xtc(1.0, 0.15), book) == [0, 1, 2, 3]
    assert "protected" in threshold(Xtc(1.0, 0.15), book)
    assert kept(Xtc(1.0, 0.15, ("#eos",)), book) == [0, 3]
    assert kept(Xtc(1.0, 0.15, ("#2",)), book) == [0, 1, 2, 3]
    assert kept(Xtc(1.0, 0.15, ("#3",)), book) == [0, 3], "the one that stays need not be protected"


def test_xtc_settings_that_do_nothing_or_harm() -> None:
    assert build_stage(StageSetting("xtc", (("xtc_probability", 1.0), ("xtc_threshold", 0.51)))) is None
    with pytest.raises(SettingError, match=r"xtc_threshold must be at least 0\.01"):
        settings_from_names({"xtc_probability": 1.0, "xtc_threshold": 0.0})


def test_mirostat_works_in_bits_and_on_what_it_left() -> None:
    scores = of(0.5, 0.25, 0.125, 0.125)
    stage = Mirostat(1.0, 0.5)
    trace = Chain((stage,)).run(scores, context())
    assert trace.result.ids.tolist() == [0, 1], "surprise 1 and 2 ≤ μ = 2τ = 2 bits"
    assert trace.following(1)["mirostat"] == pytest.approx((2 - 0.5 * (math.log2(3) - 1),))
    paper = Chain((Mirostat(1.0, 0.5, 1),)).run(scores, context())
    assert paper.following(1)["mirostat"] == pytest.approx((2 - 0.5 * (2 - 1),))
    assert trace.following(2)["mirostat"] == pytest.approx((2 - 0.5 * (3 - 1),)), "forced though cut: as it was before"
    low = Chain((stage,)).run(scores, context(mirostat=(-3.0,)))
    assert low.result.ids.tolist() == [0]
    assert low.cut(1) == ("mirostat", "surprise 2.000 bits > μ = −3.000")
    banned = Chain((Bans(("#2",)), stage)).run(scores, context())
    assert banned.following(2) == {"mirostat": (2.0,)}


def test_mirostat_takes_the_place_of_the_cuts_and_says_so() -> None:
    names = {"top_k": 1, "min_p": 0.5, "xtc_probability": 1.0, "temperature": 2.0, "mirostat_tau": 5.0}
    trace = Chain.of(settings_from_names(names)).run(of(0.4, 0.3, 0.2, 0.1), context())
    assert trace.result.count == 4
    reports = {r.name: r for r in trace.reports()}
    assert {name for name, r in reports.items() if r.resting} == {"top_k", "min_p", "xtc"}
    assert reports["top_k"].threshold == "rests: Mirostat v2 makes the cut"
    assert reports["temperature"].entropy_after_bits > reports["temperature"].entropy_before_bits


def test_nothing_acts_after_a_stage_that_chooses() -> None:
    order = (AdaptiveP(0.3), TopK(1), Temperature(0.5), Mirostat(1.0))
    trace = Chain(order).run(of(0.4, 0.3, 0.2, 0.1), context())
    alone = Chain(order[:1]).run(of(0.4, 0.3, 0.2, 0.1), context())
    assert np.array_equal(trace.result.values, alone.result.values)
    assert [r.resting for r in trace.reports()] == [False, True, True, True]
    assert trace.reports()[1].threshold == "no effect: Adaptive-p has chosen before"
    assert set(trace.following(0)) == {"adaptive_p"}, "one that rests learns nothing"


def test_plain_temperature_rests_beside_the_dynamic_one() -> None:
    chain = Chain((Temperature(0.1), DynamicTemperature(0.5)))
    assert [r.resting for r in chain.run(of(0.6, 0.4), context()).reports()] == [True, False]


def test_adaptive_p_prefers_what_is_near_its_target() -> None:
    scores = of(0.7, 0.2, 0.1)
    result = Chain((AdaptiveP(0.2),)).run(scores, context()).result
    assert result.best == 1
    trace = Chain((AdaptiveP(0.2, 0.5),)).run(scores, context())
    assert trace.following(0)["adaptive_p"] == pytest.approx((0.7 + 0.5 * 0.4, 1 + 0.5 * 2.0))
    assert build_stage(StageSetting("adaptive_p", (("adaptive_target", -1.0),))) is None


@pytest.mark.parametrize("ranked", [False, True])
def test_adaptive_p_tells_when_it_lifts_the_tail(ranked: bool) -> None:
    scores = of(*[2.5e-5] * 20_000, 0.2, 0.2, 0.1)  # the likely ones last, so that an order of ids is none of ranks
    scores = scores.first(20_002) if ranked else scores
    bare = Chain((AdaptiveP(0.6),)).run(scores, context())
    lifted = float(bare.result.probabilities[bare.result.ids < 20_000].sum())
    assert lifted > 0.9
    note = bare.stages[0].note.threshold
    weight = percent(lifted)
    assert note == f"aims at p = 0.600; put min-p first: {weight} of the weight is on unlikely tokens"
    cut = Chain((MinP(0.02), AdaptiveP(0.6))).run(scores, context())
    assert cut.stages[1].note.threshold == "aims at p = 0.600"
    assert threshold(AdaptiveP(0.6), of(0.7, 0.2, 0.1)) == "aims at p = 0.600", "there is no tail"
    assert threshold(AdaptiveP(0.6), of(*[1 / 500] * 500)) == "aims at p = 0.600", "all are as likely as the top"


# -- what holds for all


# A term that a card uses, and what must stand beside it for those who meet it there for the first time.
EXPLAINED = {
    "logit": "score that the model gave|the model's score|logit that the model gave",
    "entropy": "how spread out|average surprise",
    "surprise": "log₂ of its|−ln p of its|surprising",
    "standard deviation": "from their average",
    "breaker": "line break",
    "bend": "one step differs from the next",
}


def test_every_stage_explains_itself() -> None:
    for name, kind in STAGES.items():
        assert kind.name == name
        assert kind.label
        assert kind.origin
        assert 2 <= kind.summary.count(". ") + 1 <= 5, name
        assert len(kind.summary) < 520, name
        for term, told in EXPLAINED.items():
            assert term not in kind.summary or re.search(told, kind.summary), f"{name} leaves {term} unexplained"
        assert kind.parameters or kind.texts
        for p in kind.parameters:
            assert p.minimum <= p.default <= p.maximum <= p.hard_maximum, p.name
            assert p.flag or p.usual is not None, p.name
            assert p.usual is None or p.minimum <= p.usual[0] < p.usual[1] <= p.maximum, p.name
            assert p.step > 0
        for text in kind.texts:
            assert text.hint
    names = [n for kind in STAGES.values() for n in kind.setting_names()]
    assert len(names) == len(set(names)), "one command line for all"


def test_off_means_identity() -> None:
    scores = Scores.of(np.array([3.0, 1.0, -2.0, 0.5]))
    at = context([0, 1, 1, 0, 1], 2)
    for kind in STAGES.values():
        usual = {p.name: p.default for p in kind.parameters}
        offs = [p for p in kind.parameters if p.off is not None]
        given = usual | {p.name: p.off for p in offs}
        if offs:
            assert kind.is_off({t.name: () for t in kind.texts} | given)
            after, _ = kind(**given).apply(scores, at)
            assert after.ids.tolist() == scores.ids.tolist(), kind
            assert after.values.tolist() == scores.values.tolist(), kind
        assert not kind.is_off({t.name: ("#1",) for t in kind.texts} | usual), "its default values are on"


def test_a_detail_alone_is_refused_with_what_it_needs() -> None:
    with pytest.raises(SettingError, match="dry_base does nothing without dry_multiplier"):
        settings_from_names({"dry_base": 2.0})
    with pytest.raises(SettingError, match="without frequency_penalty or presence_penalty"):
        settings_from_names({"frequency_prompt": 1})
    only = settings_from_names({"frequency_penalty": 0.5})
    assert Chain.of(only).stages == (PresenceFrequency(0.0, 0.5),), "the other one stays 0"


def test_texts_of_settings() -> None:
    settings = settings_from_names({"stop_strings": '["a", "b"]', "stop_tokens": "#3", "sequence_bias": ["#1=2"]})
    assert [dict(stage.texts) for stage in settings.stages] == [
        {"sequence_bias": ("#1=2",)},
        {"stop_strings": ("a", "b"), "stop_tokens": ("#3",)},
    ]
    assert hash(settings)
    for bad, words in (("[1]", "must be texts"), ("[", "is not a JSON array"), (5.0, "must be texts")):
        with pytest.raises(SettingError, match=words):
            settings_from_names({"stop_strings": bad})
    with pytest.raises(SettingError, match="temperature must be a number, not 'hot'"):
        settings_from_names({"temperature": "hot"})
    with pytest.raises(SettingError, match="must not be empty"):
        settings_from_names({"stop_strings": ""})
    with pytest.raises(SettingError, match="has no parameter min_keep"):
        build_stage(StageSetting("top_p", (("min_keep", 2.0),)))


def test_the_same_stage_may_stand_in_two_places() -> None:
    chain = DecodingSettings(tuple(StageSetting("top_k", (("top_k", k),)) for k in (3.0, 2.0)))
    trace = Chain.of(chain).run(of(0.4, 0.3, 0.2, 0.1), context())
    assert [r.kept for r in trace.reports()] == [3, 2]


@st.composite
def a_stage(draw: st.DrawFn) -> Stage:
    kind = draw(st.sampled_from(list(STAGES.values())))
    values: dict[str, Any] = {}
    for p in kind.parameters:
        high = min(p.maximum * 2 if p.maximum > 0 else p.maximum, p.hard_maximum)
        values[p.name] = draw(
            st.integers(int(p.minimum), int(min(high, 60))) if p.integer else st.floats(p.minimum, high)
        )
    ids = st.integers(0, 39).map(lambda i: f"#{i}")
    for text in kind.texts:
        entries = draw(st.lists(ids, max_size=3))
        if text.name == "sequence_bias":
            entries = [f"{e}={draw(st.sampled_from(['ban', '2.5', '-30']))}" for e in entries]
        values[text.name] = tuple(entries)
    return kind(**values)


logit_lists = st.lists(
    st.one_of(st.floats(-30, 30, width=32), st.sampled_from([0.0, 1.0, -np.inf, 1e4, -1e30])), min_size=1, max_size=40
).filter(lambda values: any(np.isfinite(values)))


@given(logit_lists, st.lists(a_stage(), max_size=5), st.lists(st.integers(0, 39), max_size=9), st.floats(0, 0.999))
def test_properties_of_any_chain(values: list[float], stages: list[Stage], history: list[int], coin: float) -> None:
    logits = np.array(values)
    before = logits.copy()
    scores = Scores.of(logits)
    at = context(history, len(history) // 2, coin=coin)
    try:
        trace = Chain(tuple(stages)).run(scores, at)
    except NoTokenAllowed:
        assert any(stage.role == "ban" for stage in stages)
        return
    result = trace.result
    assert np.array_equal(logits, before), "the input is untouched"
    assert result.count >= 1, "a token is always left"
    assert result.probabilities.sum() == pytest.approx(1.0)
    assert np.isfinite(result.values).all()
    assert set(result.ids.tolist()) <= set(np.flatnonzero(np.isfinite(before)).tolist()), "nothing comes back"
    for step in trace.stages:
        if step.stage.keeps_ranking or step.resting:
            down = step.before.values_at(step.after.top(step.after.count))
            assert (np.diff(down) <= 0).all(), "the order of the survivors is kept"
        assert 0 <= step.report().mass <= 1
    everything = np.arange(logits.size)
    for (stage, reason), left in zip(trace.cuts(everything), np.isfinite(result.logits), strict=True):
        assert (stage == "") == left == (reason == ""), "whatever is gone has a reason"
    again = Chain(tuple(stages)).run(Scores.of(before), at).result
    assert np.array_equal(again.logits, result.logits)


@given(logit_lists, a_stage())
def test_a_cut_never_takes_the_whole_head(values: list[float], stage: Stage) -> None:
    """Every cut but typical and XTC keeps the most likely token."""
    scores = Scores.of(np.array(values))
    if stage.role == "cut" and stage.name not in ("typical_p", "xtc"):
        assert scores.best in stage.apply(scores, context())[0].ids


def test_min_p_is_stated_with_its_numbers() -> None:
    trace = Chain((MinP(0.5),)).run(of(0.6, 0.3, 0.1), context())
    report = trace.reports()[0]
    assert (report.threshold, report.limit) == ("p ≥ 0.3", pytest.approx(0.3))
    assert trace.cut(2) == ("min_p", "0.1 < 0.5 × 0.6")
