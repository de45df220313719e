"""The chain as arguments of llama.cpp's programs (names and meanings of common/arg.cpp)."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from ntp_studio.core.decoding.chain import Chain, resting
from ntp_studio.core.decoding.commuting import commute
from ntp_studio.core.decoding.context import NoVocabulary, Vocabulary
from ntp_studio.core.decoding.copying import Copied
from ntp_studio.core.decoding.orders import ORDERS
from ntp_studio.core.decoding.stages import (
    AdaptiveP,
    Bans,
    Bias,
    Dry,
    DynamicTemperature,
    Mirostat,
    PresenceFrequency,
    RepetitionPenalty,
    Stage,
    Stop,
    Xtc,
)
from ntp_studio.core.decoding.stages.words import biased, sequences
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings

SAMPLERS = {
    "repetition_penalty": "penalties", "presence_frequency": "penalties", "dry": "dry", "top_n_sigma": "top_n_sigma",
    "top_k": "top_k", "typical_p": "typ_p", "top_p": "top_p", "min_p": "min_p", "xtc": "xtc",
    "temperature": "temperature", "dynamic_temperature": "temperature", "adaptive_p": "adaptive_p",
}  # fmt: skip
OPTIONS = {
    "top_n_sigma": "--top-nsigma", "top_k": "--top-k", "typical_p": "--typical", "top_p": "--top-p", "min_p": "--min-p",
    "temperature": "--temp",
}  # fmt: skip
OTHER_DRAW = "llama.cpp draws with another generator: the same seed gives another text of the same distribution."


def as_llamacpp(
    settings: DecodingSettings,
    *,
    seed: int = DEFAULT_SEED,
    context_length: int = 4096,
    vocabulary: Vocabulary | None = None,
) -> Copied:
    """The arguments for this chain. Samplers that are not in it are left out of `--samplers`, so that llama.cpp's own
    defaults (temperature 0.8, top-k 40, …) do not slip in. Biased texts need the `vocabulary`.

    Raises:
        SettingError: as `Chain.of`.
    """
    warnings: list[str] = []
    chain = Chain.of(settings)
    stages = [stage for stage, rests in zip(chain.stages, resting(chain.stages), strict=True) if not rests]
    words: list[str] = ["--seed", str(seed % 2**32)]
    if seed >= 2**32:
        warnings.append("llama.cpp's seeds have 32 bits; this one is shortened.")
    samplers: list[str] = []
    told: set[str] = set()
    if settings.method == "greedy":
        for chooser in [stage for stage in stages if stage.role == "choose"]:
            warnings.append(f"llama.cpp draws with {chooser.label}, never greedily; it is left out.")
            stages.remove(chooser)
    mirostat = any(isinstance(stage, Mirostat) for stage in stages)
    for place, stage in enumerate(stages):
        label = stage.label
        if stage.name not in ORDERS["llama.cpp"].own and not isinstance(stage, Bans):
            warnings.append(f"llama.cpp has no {label}; it is left out.")
            continue
        if mirostat and stage.name not in ("bias", "bans", "temperature", "dynamic_temperature", "mirostat", "stop"):
            warnings.append(f"llama.cpp leaves out {label} when Mirostat is on.")
            continue
        if stage.name in told:
            warnings.append(f"llama.cpp takes {label} only once; the second is left out.")
            continue
        told.add(stage.name)
        if isinstance(stage, Bias | Bans) and not all(commute(other, stage) for other in stages[:place]):
            warnings.append(f"llama.cpp applies {label} before all else: the result differs.")
        sampler = SAMPLERS.get(stage.name)
        if sampler and sampler not in samplers:
            samplers.append(sampler)
        words += _words(stage, context_length, vocabulary or NoVocabulary(), warnings)
    words += _penalties(stages if not mirostat else [], context_length, warnings)
    if settings.method == "greedy":
        # The last of the chain, so that penalties still count.
        if "top_k" in samplers:
            words[words.index("--top-k") + 1] = "1"
            samplers.remove("top_k")
        else:
            words += ["--top-k", "1"]
        samplers.append("top_k")
    else:
        warnings.append(OTHER_DRAW)
    if not mirostat:
        if not samplers:
            words += ["--temp", "1"]
        words += ["--samplers", ";".join(samplers or ["temperature"])]
    elif "temperature" not in told and "dynamic_temperature" not in told:
        words += ["--temp", "1"]
    return Copied(shlex.join(words), tuple(warnings))


def _words(stage: Stage, context_length: int, vocabulary: Vocabulary, warnings: list[str]) -> list[str]:
    if isinstance(stage, Bias | Bans):
        return _biases(stage, vocabulary, warnings)
    if isinstance(stage, Dry):
        found = ["--dry-multiplier", _n(stage.dry_multiplier), "--dry-base", _n(stage.dry_base)]
        found += ["--dry-allowed-length", _n(stage.dry_allowed_length)]
        found += ["--dry-penalty-last-n", _n(stage.dry_penalty_last_n or context_length)]
        for text in stage.dry_sequence_breakers or ("none",):
            found += ["--dry-sequence-breaker", text]
        return found
    if isinstance(stage, Xtc):
        if stage.xtc_protect:
            warnings.append("llama.cpp's XTC protects no tokens, neither the end nor line breaks.")
        return ["--xtc-probability", _n(stage.xtc_probability), "--xtc-threshold", _n(stage.xtc_threshold)]
    if isinstance(stage, DynamicTemperature):
        base, span, exponent = stage.dynatemp_base, stage.dynatemp_range, stage.dynatemp_exponent
        return ["--temp", _n(base), "--dynatemp-range", _n(span), "--dynatemp-exp", _n(exponent)]
    if isinstance(stage, Mirostat):
        if stage.mirostat_paper:
            warnings.append("llama.cpp's Mirostat takes the surprise after the cut, not the paper's.")
        return ["--mirostat", "2", "--mirostat-ent", _n(stage.mirostat_tau), "--mirostat-lr", _n(stage.mirostat_eta)]
    if isinstance(stage, AdaptiveP):
        return ["--adaptive-target", _n(stage.adaptive_target), "--adaptive-decay", _n(stage.adaptive_decay)]
    if isinstance(stage, Stop):
        if stage.stop_tokens:
            warnings.append("llama.cpp stops at texts only; the stop tokens are left out.")
        return [word for text in stage.stop_strings for word in ("--reverse-prompt", text)]
    if stage.name in OPTIONS:
        return [OPTIONS[stage.name], _n(getattr(stage, stage.parameters[0].name))]
    return []  # the penalties, which llama.cpp has in one


def _penalties(stages: Sequence[Stage], context_length: int, warnings: list[str]) -> list[str]:
    """Repetition, presence and frequency share a place and a window in llama.cpp, and count the prompt."""
    repetition = next((s for s in stages if isinstance(s, RepetitionPenalty)), None)
    amounts = next((s for s in stages if isinstance(s, PresenceFrequency)), None)
    words, windows = [], set()
    if repetition:
        words += ["--repeat-penalty", _n(repetition.repetition_penalty)]
        windows.add(repetition.repeat_last_n)
        if not repetition.repeat_prompt:
            warnings.append("llama.cpp counts the prompt for the repetition penalty.")
    if amounts:
        words += ["--presence-penalty", _n(amounts.presence_penalty)]
        words += ["--frequency-penalty", _n(amounts.frequency_penalty)]
        windows.add(amounts.frequency_last_n)
        if not amounts.frequency_prompt:
            warnings.append("llama.cpp counts the prompt for presence and frequency.")
    if repetition and amounts and stages.index(amounts) != stages.index(repetition) + 1:
        warnings.append("llama.cpp applies repetition, presence and frequency in one place, in this order.")
    if len(windows) > 1:
        warnings.append("llama.cpp has one window for all three penalties; the wider one is taken.")
    if windows:
        widest = 0 if 0 in windows else max(windows)
        words += ["--repeat-last-n", _n(widest or context_length)]
    return words


def _biases(stage: Bias | Bans, vocabulary: Vocabulary, warnings: list[str]) -> list[str]:
    entries = [biased(e) for e in stage.sequence_bias] if isinstance(stage, Bias) else []
    entries += [(text, -math.inf) for text in stage.bad_words] if isinstance(stage, Bans) else []
    words = []
    for text, amount in entries:
        found = sequences(text, vocabulary)
        for ids in found:
            if len(ids) == 1:
                words += ["--logit-bias", f"{ids[0]}{'+' if amount >= 0 else '-'}{_n(abs(amount))}"]
            else:
                warnings.append(f"llama.cpp cannot bias {text!r}, which is several tokens; it is left out.")
        if not found:
            warnings.append(f"No token is known for {text!r}; it is left out.")
    return words


def _n(value: float) -> str:
    return f"{value:.10g}"
