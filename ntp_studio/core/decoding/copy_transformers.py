"""The chain as a program with transformers, which gives the same text where it gives no warning."""

from __future__ import annotations

import math

from ntp_studio.core.decoding.chain import Chain, resting
from ntp_studio.core.decoding.copying import Copied, known_to, warn_of_order
from ntp_studio.core.decoding.stages import (
    Bans,
    Bias,
    MinLength,
    NoRepeatNgram,
    RepetitionPenalty,
    Stage,
    Stop,
    Temperature,
    TopK,
)
from ntp_studio.core.decoding.stages.words import EOS, IDS, biased
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings

PROGRAM = """\
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({source})
model = AutoModelForCausalLM.from_pretrained({source}, dtype=torch.{dtype})
{inputs}
torch.manual_seed({seed})
output = model.generate(
    **inputs,
{arguments}
)
print(tokenizer.decode(output[0]))
"""
PLAIN = 'inputs = tokenizer({prompt!r}, return_tensors="pt")'
CHAT = """\
inputs = tokenizer.apply_chat_template(
    [{{"role": "user", "content": {prompt!r}}}], add_generation_prompt=True, return_dict=True, return_tensors="pt"
)"""

# What a model's own generation_config often sets: said always, so that it cannot slip in. And top_k would be 50.
NEUTRAL = {"temperature": "1.0", "top_k": "0", "top_p": "1.0", "repetition_penalty": "1.0"}
# In greedy decoding transformers leaves all of these out.
SAMPLED = {"temperature", "top_h", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"}


def as_transformers(
    settings: DecodingSettings,
    *,
    model: str,
    prompt: str,
    seed: int = DEFAULT_SEED,
    max_new_tokens: int = 100,
    dtype: str = "float32",
    chat: bool = False,
    gguf_file: str = "",
) -> Copied:
    """A program that does what this chain does, on the CPU. `model` is a folder, or the one in which `gguf_file` is.

    Raises:
        SettingError: as `Chain.of`.
    """
    warnings: list[str] = []
    chain = Chain.of(settings)
    acting = [stage for stage, rests in zip(chain.stages, resting(chain.stages), strict=True) if not rests]
    stages = known_to("transformers", acting, warnings)
    warn_of_order("transformers", stages, warnings)
    cold = any(isinstance(stage, Temperature) and stage.temperature == 0 for stage in stages)
    greedy = settings.method == "greedy" or cold  # transformers refuses a temperature of 0
    if settings.method == "dart" and not greedy:
        warnings.append("transformers draws by the race: with the dart, the same seed gives another text.")
    arguments = {"max_new_tokens": str(max_new_tokens), "do_sample": str(not greedy)}
    if not greedy:
        arguments |= NEUTRAL
    arguments |= {"repetition_penalty": "1.0"}
    for stage in stages:
        if greedy and stage.name in SAMPLED:
            if stage.name == "typical_p":
                warnings.append("transformers leaves Typical out of greedy decoding, though it may cut the top token.")
            continue
        arguments |= _arguments(stage, warnings)
    inputs = (CHAT if chat else PLAIN).format(prompt=prompt)
    lines = "\n".join(f"    {name}={value}," for name, value in arguments.items())
    source = f"{model!r}, gguf_file={gguf_file!r}" if gguf_file else repr(model)
    text = PROGRAM.format(source=source, dtype=dtype, inputs=inputs, seed=seed, arguments=lines)
    return Copied(text, tuple(warnings))


def _arguments(stage: Stage, warnings: list[str]) -> dict[str, str]:
    if isinstance(stage, Bias):
        pairs = [(ids, amount) for entry in stage.sequence_bias for ids, amount in [_split(entry)]]
        return {"sequence_bias": "[" + ", ".join(f"[{ids}, {amount}]" for ids, amount in pairs) + "]"}
    if isinstance(stage, Bans):
        return {"bad_words_ids": "[" + ", ".join(map(_ids, stage.bad_words)) + "]"}
    if isinstance(stage, Stop):
        return _stops(stage)
    if isinstance(stage, NoRepeatNgram | MinLength | TopK):
        name = stage.parameters[0].name
        return {name: str(int(getattr(stage, name)))}
    if isinstance(stage, RepetitionPenalty) and (stage.repeat_last_n or not stage.repeat_prompt):
        warnings.append("transformers counts the whole text with its prompt for the repetition penalty.")
    name = stage.parameters[0].name
    return {name: repr(float(getattr(stage, name)))}  # never an int, which transformers refuses


def _split(entry: str) -> tuple[str, str]:
    text, amount = biased(entry)
    return _ids(text), 'float("-inf")' if amount == -math.inf else repr(amount)


def _ids(text: str) -> str:
    """An expression for the ids of an entry."""
    if text == EOS:
        return "[tokenizer.eos_token_id]"
    if IDS.fullmatch(text):
        return "[" + ", ".join(part.strip() for part in text[1:].split(",")) + "]"
    return f"tokenizer({text!r}, add_special_tokens=False).input_ids"


def _stops(stage: Stop) -> dict[str, str]:
    found: dict[str, str] = {}
    if stage.stop_strings:
        found |= {"stop_strings": repr(list(stage.stop_strings)), "tokenizer": "tokenizer"}
    tokens = [f"*{_ids(text)}" for text in stage.stop_tokens if text != EOS]
    if tokens:
        found["eos_token_id"] = "[" + ", ".join(["tokenizer.eos_token_id", *tokens]) + "]"
    return found
