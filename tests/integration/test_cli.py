"""The command line as a person or a script calls it: what it prints, and how it ends."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ntp_studio import assets
from ntp_studio.cli import main
from tests import checkpoint_makers

PROMPT = "The cat sat on"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-llama", "llama", chat_template=True)


def inspect(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    assert main(["inspect", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_inspect_json_tells_model_steps_and_end(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, *steps, end = inspect(
        capsys, "--model", str(llama), "--prompt", PROMPT, "--steps", "6", "--top", "5", "--seed", "0"
    )
    assert model["event"] == "model"
    keys = ["name", "path", "format", "architecture", "parameters", "vocab_size", "context_length", "device", "dtype"]
    assert {*keys, "load_ms"} <= set(model)
    assert [s["step"] for s in steps] == [1, 2, 3, 4, 5, 6]
    assert end["event"] == "end"
    assert end["reason"] == "steps"
    assert end["token_ids"] == [s["token"]["id"] for s in steps]
    assert bytes.fromhex("".join(s["token"]["bytes"] for s in steps)).decode("utf-8", "replace") == end["text"]
    for i, s in enumerate(steps):
        assert s["context_length"] == len(end["prompt_token_ids"]) + i
        assert [c["rank"] for c in s["candidates"]] == [1, 2, 3, 4, 5]
        assert sum(c["probability"] for c in s["candidates"]) + s["tail_probability"] == pytest.approx(1)
        for c in [*s["candidates"], s["token"]]:
            assert math.exp(c["logprob"]) == pytest.approx(c["probability"])
            assert bytes.fromhex(c["bytes"]).decode("utf-8", "replace") == c["text"]
        assert s["token"]["origin"] == "drawn"
        assert s["entropy_bits"] == s["processed_entropy_bits"]


def test_inspect_equals_a_full_forward(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from transformers import AutoModelForCausalLM

    arguments = ["--model", str(llama), "--prompt", PROMPT, "--steps", "5", "--seed", "3", "--set", "temperature=0.7"]
    *_, last, end = inspect(capsys, *arguments, "--set", "top_k=4")
    network = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    ids = end["prompt_token_ids"] + end["token_ids"][:-1]
    with torch.inference_mode():
        logprobs = torch.log_softmax(network(torch.tensor([ids])).logits[0, -1].double(), -1)
    for c in last["candidates"]:
        assert c["logprob"] == pytest.approx(float(logprobs[c["id"]]), abs=1e-4)
    assert last["kept"] == 4
    assert [c["cut_by"] for c in last["candidates"]] == [None] * 4 + ["top_k"] * 6


def test_inspect_for_a_reader_shows_a_table(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--model", str(llama), "--prompt", PROMPT, "--steps", "2", "--greedy"]) == 0
    out = capsys.readouterr().out
    assert "tiny-llama" in out
    assert out.count("▶") == 2
    assert "others" in out


def test_chat_and_eos_and_context(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = inspect(capsys, "--model", str(llama), "--prompt", "hi", "--steps", "1")[-1]
    chat = inspect(capsys, "--model", str(llama), "--prompt", "hi", "--steps", "1", "--chat")[-1]
    assert len(chat["prompt_token_ids"]) > len(plain["prompt_token_ids"])
    end = inspect(capsys, "--model", str(llama), "--prompt", PROMPT, "--steps", "5000", "--seed", "1")[-1]
    assert end["reason"] in ("eos", "context")


def test_inspect_takes_orders_and_texts(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", str(llama), "--prompt", PROMPT, "--steps", "1", "--set", "temperature=5"]
    arguments += ["--set", "top_p=0.5"]
    _, hot, _ = inspect(capsys, *arguments)
    _, cool, _ = inspect(capsys, *arguments, "--order", "llama.cpp")
    assert hot["kept"] > cool["kept"], "temperature before or after the cut"
    arguments = ["--model", str(llama), "--prompt", PROMPT, "--steps", "12", "--seed", "3"]
    *_, end = inspect(capsys, *arguments)
    stop = f'stop_tokens=["#{end["token_ids"][4]}"]'
    *_, stopped = inspect(capsys, *arguments, "--set", stop)
    assert stopped["reason"] == "stop"
    assert stopped["token_ids"] == end["token_ids"][: end["token_ids"].index(end["token_ids"][4]) + 1]
    *_, banned = inspect(capsys, *arguments, "--set", f"sequence_bias=#{end['token_ids'][0]}=ban")
    assert banned["token_ids"][0] != end["token_ids"][0]


def test_without_the_bundled_model_one_must_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "folder", lambda name: tmp_path)
    for command in (["inspect", "--prompt", "x"], ["bench"], ["evaluate", __file__]):
        assert main(command) == 2
        assert "--model PATH" in capsys.readouterr().err


def test_the_bundled_model_tells_a_tale(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--prompt", "Once upon a time", "--steps", "40", "--seed", "7"]
    model, *steps, end = inspect(capsys, *words, "--set", "temperature=0.8", "--set", "top_k=40")
    assert model["name"] == "fairy-tales"
    assert model["parameters"] <= 6_000_000
    assert len(steps) == 40
    assert end["text"].isascii()
    # It has learned to write: on its own text it is rarely surprised, and words are words.
    assert sum(step["entropy_bits"] for step in steps) / 40 < 5.5  # 4.41 where it was made; untrained, 12


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["inspect", "--prompt", "x", "--model", "/nowhere/at-all"], 2, "/nowhere/at-all"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--device", "cuda"], 2, "CUDA"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", "temperature=-1"], 2, "at least 0"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", "tempo=1"], 2, "no setting called tempo"),
        (["inspect", "--prompt", "word " * 9000, "--model", "MODEL"], 2, "shorten the prompt"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    llama: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    if words == "CUDA" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert main([str(llama) if a == "MODEL" else a for a in arguments]) == status
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect"],
        ["inspect", "--prompt", "x", "--steps", "-3"],
        ["inspect", "--prompt", "x", "--set", "temperature=hot"],
        ["inspect", "--prompt", "x", "--set", "temperature"],
        ["inspect", "--prompt", "x", "--seed", "-1"],
        ["--size", "large"],
        ["--size", "99999x99999"],
        ["--scale", "nan"],
        ["bench", "--tokens", "0"],
        ["--no-such-option"],
    ],
)
def test_a_bad_call_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_models_lists_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert {"name", "path", "source", "format", "size_bytes", "problem"} <= set(json.loads(line))


def run(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ)
    for name, value in environment.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    command = [sys.executable, "-m", "ntp_studio", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="only Linux and its kin can lack a display")
@pytest.mark.parametrize("display", [None, ":4711"])
def test_without_a_display_one_line_and_status_2(display: str | None) -> None:
    done = run(DISPLAY=display, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "display" in done.stderr


def test_screenshot_draws_the_window_and_leaves_settings_alone(llama: Path, tmp_path: Path) -> None:
    picture = tmp_path / "shot.png"
    arguments = ["--screenshot", str(picture), "--size", "1100x700", "--theme", "dark", "--model", str(llama)]
    done = run(*arguments, "--prompt", PROMPT, "--steps", "3", DISPLAY=None, NTP_STUDIO_CONFIG_DIR=str(tmp_path / "c"))
    assert done.returncode == 0, done.stderr
    from PySide6.QtGui import QImage

    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1100, 700)
    colors = {image.pixel(x, y) for x in range(0, 1100, 7) for y in range(0, 700, 7)}
    assert len(colors) > 20
    assert not (tmp_path / "c").exists()


def test_screenshot_of_a_model_that_is_not_there_fails_in_words(tmp_path: Path) -> None:
    done = run("--screenshot", str(tmp_path / "x.png"), "--model", "/nowhere/at-all", DISPLAY=None)
    assert done.returncode != 0
    assert "/nowhere/at-all" in done.stderr
    assert not (tmp_path / "x.png").exists()


def test_a_closed_pipe_is_no_error(llama: Path) -> None:
    command = f'"{sys.executable}" -m ntp_studio inspect --json --model "{llama}" --prompt x --steps 300 | head -n 1'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert json.loads(done.stdout)["event"] == "model"
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
