"""SmolLM2-135M-Instruct, a real checkpoint: what the studio shows is what transformers computes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch

from ntp_studio.cli import main
from ntp_studio.core import checkpoints
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.model import LanguageModel
from ntp_studio.core.types import DecodingSettings

pytestmark = pytest.mark.real_model
PROMPT = "The old lighthouse keeper opened the door and said"


@pytest.fixture(scope="module")
def smol(real_model: Path) -> LanguageModel:
    return checkpoints.load(real_model, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def reference(real_model: Path):
    """The same file opened by transformers alone."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        real_model.parent, gguf_file=real_model.name, dtype=torch.float32
    ).eval()


def generate(reference, ids: list[int], steps: int, **options) -> list[int]:
    inputs = torch.tensor([ids])
    with torch.inference_mode():
        out = reference.generate(inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=steps, **options)
    return out[0, len(ids) :].tolist()


def test_32_greedy_tokens_and_every_candidate(smol: LanguageModel, reference) -> None:
    session = smol.start(PROMPT, decoding=DecodingSettings(method="greedy"), top=40)
    frames = []
    while len(session.token_ids) < 32 and not session.stopped:
        frames.append(session.step())
    wanted = generate(reference, session.prompt_token_ids, 32, do_sample=False)
    assert session.token_ids == wanted
    ids = session.prompt_token_ids
    for frame, taken in zip(frames, wanted, strict=True):
        with torch.inference_mode():
            logits = reference(torch.tensor([ids]), use_cache=False).logits[0, -1].double()
        logprobs = torch.log_softmax(logits, -1)
        for c in frame.candidates:
            assert c.logprob == pytest.approx(float(logprobs[c.token.id]), abs=1e-4)
        assert frame.entropy_bits == pytest.approx(
            float(torch.special.entr(logprobs.exp()).sum()) / 0.6931471805599453, abs=1e-4
        )
        ids = [*ids, taken]


SETTINGS = [
    {"temperature": t, "top_k": k, "top_p": p, "min_p": m, "repetition_penalty": r}
    for (t, k), (p, m, r) in itertools.product(
        [(1.0, 0), (0.7, 40), (1.4, 0), (0.9, 200), (1.0, 5)],
        [(1.0, 0.0, 1.0), (0.9, 0.0, 1.1), (1.0, 0.08, 1.0), (0.95, 0.02, 1.3)],
    )
]


@pytest.mark.parametrize("values", SETTINGS, ids=lambda v: "-".join(f"{x:g}" for x in v.values()))
def test_sampling_equals_generate(smol: LanguageModel, reference, values: dict[str, float]) -> None:
    seed = SETTINGS.index(values)
    session = smol.start(PROMPT, seed=seed, decoding=settings_from_names(values))
    while len(session.token_ids) < 16 and not session.stopped:
        session.step()
    torch.manual_seed(seed)
    assert session.token_ids == generate(reference, session.prompt_token_ids, 16, do_sample=True, **values)


def test_the_chat_template_is_the_models_own(smol: LanguageModel) -> None:
    session = smol.start("What is the capital of France?", chat=True, decoding=DecodingSettings(method="greedy"))
    page = session.page()
    typed = b"".join(t.token.bytes for t in page if not t.template).decode()
    assert typed.strip() == "What is the capital of France?"
    assert page[0].token.label == "<|im_start|>"
    while not session.stopped and len(session.token_ids) < 40:
        session.step()
    assert "Paris" in smol.tokens.text(session.token_ids)
    assert session.stopped == "eos"


def test_inspect_opens_it(real_model: Path, reference, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["inspect", "--model", str(real_model), "--prompt", PROMPT, "--steps", "32", "--greedy", "--json"]
    assert main([*arguments, "--dtype", "float32", "--device", "cpu"]) == 0
    model, *steps, end = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (model["format"], model["architecture"], model["vocab_size"]) == ("gguf", "llama", 49152)
    assert end["token_ids"] == generate(reference, end["prompt_token_ids"], 32, do_sample=False)
    assert len(steps) == len(end["token_ids"])


def test_the_window_opens_it(real_model: Path, qtbot) -> None:
    from ntp_studio.settings import Settings
    from ntp_studio.ui.app import build

    _, window = build(["--model", str(real_model), "--prompt", PROMPT, "--greedy"], settings=Settings())
    controller = window.studio.controller
    try:
        window.show()
        qtbot.waitUntil(lambda: controller.state.frame is not None, timeout=300_000)
        assert "dequantised" in " ".join(controller.state.info.notes)
        for _ in range(8):
            before = controller.state.frame
            controller.step()
            qtbot.waitUntil(lambda before=before: controller.state.frame is not before, timeout=60_000)
        shown = [t.token.id for t in window.text._page.text.tokens]
    finally:
        window.studio.shutdown()
        window.deleteLater()
    model = checkpoints.load(real_model)
    session = model.start(PROMPT, decoding=DecodingSettings(method="greedy"))
    for _ in range(8):
        session.step()
    assert shown == session.tree.ids
