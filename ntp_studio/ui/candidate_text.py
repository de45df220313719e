"""A distribution's figures in words: percentages that never round to an untruth, and the arithmetic behind a bar.

Token text is data: nothing here adds markup, and whoever shows these strings must show them as plain text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from ntp_studio.core.decoding import STAGES
from ntp_studio.core.types import Candidate, DrawReport, Origin, StepFrame, Taken

DASH = "—"
MINUS = "−"
# Closer to one than this is float rounding, not a second token with some probability left.
_WHOLE = 1.0 - 1e-9


def stage_label(name: str) -> str:
    """What people call a stage, as it stands within a sentence; a stage that is not known keeps its own name."""
    stage = STAGES.get(name)
    if stage is None:
        return name
    label = stage.label
    return label[0].lower() + label[1:] if label[1:2].islower() else label  # DRY and XTC stay as they are


def number(value: int) -> str:
    return f"{value:,}"


def percent(probability: float) -> str:
    """A probability in at most six characters: `16.3%`, `0.25%`, `<0.01%`, `>99.9%`; `—` for NaN.

    Nothing above zero reads as zero, and nothing short of certain reads as 100 %.
    """
    if math.isnan(probability):
        return DASH
    if probability <= 0.0:
        return "0%"
    if probability >= _WHOLE:
        return "100%"
    share = probability * 100.0
    if share < 0.01:
        return "<0.01%"
    if round(share, 2) < 1.0:
        return f"{share:.2f}%"
    if round(share, 1) >= 100.0:
        return ">99.9%"
    return f"{share:.1f}%"


def bits_figure(value: float, digits: int = 2) -> str:
    """A number of bits with at least `digits` decimals, and more for a small one: two figures that are not zero.

    `0.0014`, `<0.0001`; `—` for NaN and infinity. Float rounding (below 1e-9) counts as zero.
    """
    if not math.isfinite(value):
        return DASH
    size = abs(value)
    if size < 1e-9:
        return f"{0:.{digits}f}"
    if size < 1e-4:
        return "<0.0001"
    decimals = max(digits, 1 - math.floor(math.log10(size)))
    return f"{value:.{decimals}f}".replace("-", MINUS)


def bits(value: float, digits: int = 2) -> str:
    text = bits_figure(value, digits)
    if text == DASH:
        return text
    return QCoreApplication.translate("CandidateText", "{value} bits").format(value=text)


def hex_bytes(data: bytes, limit: int = 12) -> str:
    """`20 68 65`; what goes beyond `limit` bytes is replaced by `…`."""
    shown = data[:limit].hex(" ").upper()
    return f"{shown} …" if len(data) > limit else shown


def _terms(logit: float, log_normalizer: float, result: str) -> tuple[str, str]:
    """Both numbers with as many decimals, at least three, as whoever checks the percentage needs to come out at it."""
    for decimals in range(3, 17):
        left, right = f"{logit:.{decimals}f}", f"{log_normalizer:.{decimals}f}"
        # Decimal figures subtracted as they stand: a float difference has digits that nobody sees.
        exponent = round(float(left) - float(right), decimals)
        if exponent <= 0.0 and percent(math.exp(exponent)) == result:
            break
    else:
        left, right = f"{logit:.3f}", f"{log_normalizer:.3f}"
    return left.replace("-", MINUS), right.replace("-", MINUS)


def arithmetic(logit: float, log_normalizer: float, probability: float) -> str:
    """`e^(17.520 − 19.333) = 16.3%`, or `e^(9.00000 − 9.00004) > 99.9%`."""
    result = percent(probability)
    if not (math.isfinite(logit) and math.isfinite(log_normalizer)):
        return result
    left, right = _terms(logit, log_normalizer, result)
    if right.startswith(MINUS):
        right = f"({right})"
    sign = f"{result[0]} {result[1:]}" if result[0] in "<>" else f"= {result}"
    return f"e^({left} {MINUS} {right}) {sign}"


def normalizer_explained(logit: float, log_normalizer: float, probability: float) -> str:
    """What is subtracted in `arithmetic`, with the figure that it has there; nothing where it is not known."""
    if not (math.isfinite(logit) and math.isfinite(log_normalizer)):
        return ""
    figure = _terms(logit, log_normalizer, percent(probability))[1]
    return QCoreApplication.translate("CandidateText", "{figure} = ln Σ e^logit, over all tokens").format(figure=figure)


def cut_label(candidate: Candidate) -> str:
    """`cut by top-p`, or nothing for a token that was kept."""
    if candidate.cut_by is None:
        return ""
    return QCoreApplication.translate("CandidateText", "cut by {stage}").format(stage=stage_label(candidate.cut_by))


def processed_percent(candidate: Candidate) -> str:
    return DASH if candidate.cut_by is not None else percent(candidate.processed_probability)


def needle_figure(u: float) -> str:
    """Where the needle stands, `0.570`; never `1.000`, where it cannot be."""
    return f"{min(u, 0.9994):.3f}"


def plain_figure(value: float) -> str:
    """Four significant figures, as the arithmetic of a draw shows them."""
    return f"{value:.4g}" if math.isfinite(value) else DASH


def choice_caption(draw: DrawReport, origin: Origin, in_prompt: bool = False) -> str:
    """How the token was chosen, up to the arrow: `race · seed 42 · draw 6`. Inside the prompt nothing is drawn: there
    it says what would be."""
    translate = QCoreApplication.translate
    if origin == "forced":
        return translate("CandidateText", "forced by you")
    by_hand = draw.method == "dart" and draw.needle != "seed"
    if in_prompt:
        if draw.method == "greedy":
            return translate("CandidateText", "in the prompt: greedy would take")
        if by_hand:
            return translate("CandidateText", "in the prompt: needle at {u}").format(u=needle_figure(draw.u))
        return translate("CandidateText", "in the prompt: seed {seed} would draw").format(seed=draw.seed)
    if draw.method == "greedy":
        return translate("CandidateText", "greedy: the most likely")
    if by_hand:
        words = (
            translate("CandidateText", "dart · needle held at {u}")
            if draw.needle == "held"
            else translate("CandidateText", "dart · u = {u} · needle moved by you")
        )
        return words.format(u=needle_figure(draw.u))
    words = translate("CandidateText", "race · seed {seed} · draw {number}")
    if draw.method == "dart":
        words = translate("CandidateText", "dart · u = {u} · seed {seed} · draw {number}")
    return words.format(u=needle_figure(draw.u), seed=draw.seed, number=number(draw.position + 1))


def taken_caption(taken: Taken) -> str:
    """What was taken at a place that is looked at again, and how: `taken here: ·dream — race, seed 42, draw 6`."""
    translate = QCoreApplication.translate
    if taken.origin == "prompt":
        return translate("CandidateText", "the prompt goes on with {token}").format(token=taken.token.label)
    if taken.draw is None:
        how = translate("CandidateText", "forced by you")
    else:
        how = choice_caption(taken.draw, taken.origin).replace(" · ", ", ")
    words = translate("CandidateText", "taken here: {token} — {how}")
    if taken.changed:
        words = translate("CandidateText", "taken here: {token} — {how} (changed since)")
    return words.format(token=taken.token.label, how=how)


def choice_explained(draw: DrawReport) -> tuple[str, ...]:
    """How tokens are chosen, in plain words, a sentence each."""
    translate = QCoreApplication.translate
    if draw.method == "greedy":
        return (
            translate("CandidateText", "Greedy always takes the token that is most likely after the decoding chain."),
            translate("CandidateText", "Nothing is drawn at random, so the seed plays no part."),
        )
    if draw.method == "dart":
        return _dart_explained(draw)
    sentences = [
        translate("CandidateText", "Every token waits a random time; the likelier it is, the shorter. The first wins."),
        translate("CandidateText", "The same seed gives the same waiting times, and so the same text."),
        translate("CandidateText", "torch.multinomial and transformers' generate() draw in just this way."),
    ]
    if math.isfinite(draw.time):
        waited = translate("CandidateText", "The winner's time here, random time ÷ probability: {time}")
        sentences.append(waited.format(time=plain_figure(draw.time)))
    return tuple(sentences)


def _dart_explained(draw: DrawReport) -> tuple[str, ...]:
    translate = QCoreApplication.translate
    whence = {
        "seed": translate("CandidateText", "The seed says where it falls (u); the needle can be dragged elsewhere."),
        "moved": translate("CandidateText", "You moved the needle here; Esc gives it back to the seed."),
        "held": translate("CandidateText", "You hold the needle, so it falls on this place at every step."),
    }
    return (
        translate(
            "CandidateText",
            "The probabilities lie end to end on a line from 0 to 1, the likeliest first. A needle falls on the line, "
            "and the token that it hits is taken: the wider its stretch, the oftener.",
        ),
        whence[draw.needle],
        translate("CandidateText", "llama.cpp draws in this way, with random numbers of its own."),
    )


def race_arithmetic(candidate: Candidate) -> str:
    """`0.0179 ÷ 0.0571 = 0.3135`: its luck, its probability, its waiting time; nothing where no race is run or the
    token was cut."""
    time = candidate.waiting_time
    if not math.isfinite(time):
        return ""
    return f"{plain_figure(candidate.noise)} ÷ {plain_figure(candidate.processed_probability)} = {plain_figure(time)}"


def decoded_caption(frame: StepFrame | None) -> str:
    """What the figures behind the decoding chain are called. Greedy comes after them: they are what it chooses from."""
    if frame is not None and frame.draw.method == "greedy":
        return QCoreApplication.translate("CandidateText", "before greedy")
    return QCoreApplication.translate("CandidateText", "after decoding")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a hover card says, as plain text: a title (the token), what it is, and captioned lines of arithmetic."""

    title: str
    subtitle: str
    lines: tuple[tuple[str, str], ...]
    hint: str = ""

    def plain(self) -> str:
        """All of it in one breath, for a screen reader."""
        parts = [self.title, self.subtitle, *(f"{caption}: {text}" for caption, text in self.lines), self.hint]
        return ". ".join(part for part in parts if part)


def explain(candidate: Candidate, frame: StepFrame | None) -> Explanation:
    """The figures of one token and how they come about; without a frame the normalizers are not known."""
    translate = QCoreApplication.translate
    token = candidate.token
    subtitle = translate("CandidateText", "id {id} · bytes {bytes}").format(
        id=number(token.id), bytes=hex_bytes(token.bytes) or DASH
    )
    if token.special:
        subtitle = translate("CandidateText", "special token · {rest}").format(rest=subtitle)
    normalizer = frame.log_normalizer if frame else math.nan
    processed_normalizer = frame.processed_log_normalizer if frame else math.nan
    surprisal = bits(candidate.surprisal_bits, 1)
    lines = [
        (
            translate("CandidateText", "model"),
            arithmetic(candidate.logit, normalizer, candidate.probability),
        ),
        ("", normalizer_explained(candidate.logit, normalizer, candidate.probability)),
        (
            "",
            translate("CandidateText", "rank {rank} · surprisal {bits}").format(
                rank=number(candidate.rank), bits=surprisal
            ),
        ),
    ]
    lines = [line for line in lines if line[1]]
    after = decoded_caption(frame)
    if candidate.cut_by is not None:
        lines.append((after, cut_label(candidate)))
        if candidate.reason:
            lines.append(("", candidate.reason))
    else:
        text = arithmetic(candidate.processed_logit, processed_normalizer, candidate.processed_probability)
        lines.append((after, text))
    race = race_arithmetic(candidate)
    if race and frame is not None and frame.draw.method == "race":
        lines.append((translate("CandidateText", "luck ÷ p = time"), race))
    if frame is not None and frame.choice.token.id == token.id:
        chosen = translate("CandidateText", "chosen")
        lines.append((chosen, choice_caption(frame.draw, frame.origin, frame.step == 0)))
    hint = translate("CandidateText", "Click or Enter takes it · right click: its story")
    return Explanation(token.label, subtitle, tuple(lines), hint)


def others_label(count: int) -> str:
    if count == 1:
        return QCoreApplication.translate("CandidateText", "1 other")
    return QCoreApplication.translate("CandidateText", "{count} others").format(count=number(count))


def above_label(count: int) -> str:
    return QCoreApplication.translate("CandidateText", "{count} above").format(count=number(count))


def explain_above(count: int, probability: float, processed_probability: float) -> Explanation:
    translate = QCoreApplication.translate
    return Explanation(
        above_label(count),
        translate("CandidateText", "tokens that are scrolled away at the top"),
        (
            (translate("CandidateText", "model"), percent(probability)),
            (translate("CandidateText", "after decoding"), percent(processed_probability)),
        ),
        translate("CandidateText", "Click to see them"),
    )


def explain_others(count: int, probability: float, processed_probability: float, whole: bool = True) -> Explanation:
    translate = QCoreApplication.translate
    subtitle = (
        translate("CandidateText", "every token without a row of its own here")
        if whole
        else translate("CandidateText", "tokens that this model's source does not list")
    )
    return Explanation(
        others_label(count),
        subtitle,
        (
            (translate("CandidateText", "model"), percent(probability)),
            (translate("CandidateText", "after decoding"), percent(processed_probability)),
        ),
        translate("CandidateText", "Scroll, or find a token by typing"),
    )
