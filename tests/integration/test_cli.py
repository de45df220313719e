"""The command line as a person or a script calls it: what it prints, and how it ends."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pytestqt.qtbot import QtBot

from ntp_studio import arguments, assets, preset_files, settings
from ntp_studio import messages as m
from ntp_studio.cli import main
from ntp_studio.core.decoding import ORDERS
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting, StudioError
from ntp_studio.engine import Engine
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


def test_the_order_table_is_the_cores() -> None:
    assert tuple(ORDERS) == arguments.ORDERS


def test_every_step_tells_how_it_was_drawn(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", str(llama), "--prompt", PROMPT, "--steps", "3", "--seed", "5"]
    _, *steps, _ = inspect(capsys, *words)
    for place, step in enumerate(steps):
        draw = step.pop("draw")
        assert draw.pop("time") > 0
        assert draw == {"method": "race", "seed": 5, "position": place}
    _, *greedy, _ = inspect(capsys, *words, "--greedy")
    assert [step.pop("draw") for step in greedy] == [
        {"method": "greedy", "seed": 5, "position": place} for place in range(3)
    ]
    assert set(steps[0]) == set(greedy[0]), "nothing else depends on the draw"


def test_the_dart_falls_where_its_number_says(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", str(llama), "--prompt", PROMPT, "--steps", "4", "--seed", "5", "--set", "top_k=5", "--top", "5"]
    _, *steps, end = inspect(capsys, *words, "--draw", "dart")
    for step in steps:
        draw = step["draw"]
        assert (draw["method"], "time" in draw) == ("dart", False)
        # The probabilities lie end to end, the most likely first.
        line = sorted(step["candidates"], key=lambda c: (-c["processed_probability"], c["id"]))
        ends = list(itertools.accumulate(c["processed_probability"] for c in line))
        assert step["token"]["id"] == line[sum(each < draw["u"] for each in ends)]["id"]
    assert len({step["draw"]["u"] for step in steps}) == 4
    assert inspect(capsys, *words, "--draw", "dart")[-1] == end, "the same seed, the same text"
    _, *first, _ = inspect(capsys, *words, "--needle", "0")
    assert [step["token"]["rank"] for step in first] == [1] * 4
    assert {step["draw"]["u"] for step in first} == {0}
    _, *last, _ = inspect(capsys, *words, "--needle", "0.999999")
    assert [step["token"]["rank"] for step in last] == [5] * 4


def test_inspect_takes_presets_by_name_and_by_file(
    llama: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTP_STUDIO_CONFIG_DIR", str(tmp_path))
    words = ["--model", str(llama), "--prompt", PROMPT, "--steps", "4", "--seed", "2"]

    def ids(*more: str) -> list[int]:
        found: list[int] = inspect(capsys, *words, *more)[-1]["token_ids"]
        return found

    asked = ["--set", "temperature=1.3", "--set", "min_p=0.1"]
    assert ids("--preset", "creative") == ids(*asked)
    assert ids("--preset", "creative", "--set", "min_p=1") == ids("--greedy")
    preset_files.write(tmp_path / "p.json", "mine", DecodingSettings(method="greedy"))
    assert ids("--preset", str(tmp_path / "p.json")) == ids("--greedy")
    settings.save(settings.Settings(presets=(("Cold", DecodingSettings(method="greedy")),)))
    assert ids("--preset", "cold") == ids("--greedy")
    assert main(["inspect", *words, "--preset", "warm"]) == 2
    assert "no preset called warm; there are plain, greedy" in capsys.readouterr().err


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[m.Command]:
    """What the window sends to its worker, which is not started."""
    from ntp_studio.ui import app

    commands: list[m.Command] = []
    monkeypatch.setattr(Engine, "send", lambda self, command: commands.append(command))
    monkeypatch.setattr(app.Studio, "start", lambda self: None)
    return commands


def opened(qtbot: QtBot, *words: str, **remembered: Any) -> settings.Settings:
    """The window with these words: the settings that it begins with."""
    from ntp_studio.ui.app import build

    _, window = build(words, settings=settings.Settings(**remembered))
    qtbot.addWidget(window)
    found: settings.Settings = window.studio.controller.state.settings  # type: ignore[attr-defined]
    window.studio.shutdown()  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("name", ["tale.ntpstudio", "TALE.NtpStudio"])
def test_a_saved_text_named_to_the_window_is_opened(qtbot: QtBot, sent: list[m.Command], name: str) -> None:
    opened(qtbot, name)
    assert [c for c in sent if isinstance(c, m.OpenSession | m.LoadModel)] == [m.OpenSession(os.path.abspath(name))]


def test_any_other_file_named_to_the_window_is_a_model(qtbot: QtBot, sent: list[m.Command]) -> None:
    opened(qtbot, "some/model.gguf", "--theme", "dark")
    opened(qtbot, "--theme", "dark", "some/model.gguf")
    found = [c for c in sent if isinstance(c, m.OpenSession | m.LoadModel)]
    assert found == [m.LoadModel("some/model.gguf")] * 2


@pytest.mark.parametrize(
    "more", [["--model", "m"], ["--prompt", "x"], ["--chat"], ["--dtype", "float16"], ["--device", "cpu"]]
)
def test_a_saved_text_brings_its_own_model_and_prompt(more: list[str]) -> None:
    from ntp_studio.ui.app import build

    with pytest.raises(StudioError, match="leave out"):
        build(["tale.ntpstudio", *more], settings=settings.Settings())


@pytest.mark.parametrize("more", [["--set", "tempo=1"], ["--preset", "pot"], ["--set", "temperature=-1"]])
def test_what_makes_no_sense_on_top_of_a_saved_text_is_known_at_once(more: list[str]) -> None:
    from ntp_studio.ui.app import build

    with pytest.raises(StudioError, match=r"there are|at least"):
        build(["tale.ntpstudio", *more], settings=settings.Settings())


def test_settings_go_on_top_of_a_saved_text_once_it_is_open(qtbot: QtBot, sent: list[m.Command]) -> None:
    from ntp_studio.ui.app import build

    words = ["tale.ntpstudio", "--seed", "9", "--set", "temperature=0.5", "--needle", "0.25"]
    _, window = build(words, settings=settings.Settings(seed=4))
    qtbot.addWidget(window)
    studio = window.studio  # type: ignore[attr-defined]
    try:
        cool = DecodingSettings((StageSetting("temperature", (("temperature", 0.8),)), StageSetting("top_k")))
        path = os.path.abspath("tale.ntpstudio")
        assert [c.seed for c in sent if isinstance(c, m.SetSeed)] == [4], "not before"

        def open_text(path: str) -> tuple[list[int], list[DecodingSettings]]:
            sent.clear()
            text = m.SessionOpened(path, cool, 7, "typed", False)
            studio.controller.presenter.handle([text, m.PathChanged(1, (), 0, 0)])
            seeds = [c.seed for c in sent if isinstance(c, m.SetSeed)]
            return seeds, [c.decoding for c in sent if isinstance(c, m.SetDecoding)]

        assert open_text("/elsewhere/other.ntpstudio") == ([], [])
        seeds, (decoding,) = open_text(path)
        assert seeds == [9]
        assert [s.name for s in decoding.stages if s.enabled] == ["temperature", "top_k"]
        assert dict(decoding.stages[[s.name for s in decoding.stages].index("temperature")].values) == {
            "temperature": 0.5
        }
        assert (decoding.method, decoding.needle) == ("dart", 0.25)
        assert studio.controller.state.settings.seed == 9
        assert window.decoding.settings() == decoding
        assert open_text(path) == ([], []), "only the first time"
    finally:
        studio.shutdown()


def test_what_cannot_go_on_top_of_this_text_is_told(qtbot: QtBot, sent: list[m.Command]) -> None:
    from ntp_studio.ui.app import build

    _, window = build(["tale.ntpstudio", "--set", "xtc_threshold=0.2"], settings=settings.Settings())
    qtbot.addWidget(window)
    studio = window.studio  # type: ignore[attr-defined]
    try:
        text = m.SessionOpened(os.path.abspath("tale.ntpstudio"), DecodingSettings(), 7, "typed", False)
        studio.controller.presenter.handle([text, m.PathChanged(1, (), 0, 0)])
        assert "does nothing without" in window.notice.text()
    finally:
        studio.shutdown()


def test_settings_that_no_file_can_hold_do_not_keep_the_program_from_ending(
    qtbot: QtBot, sent: list[m.Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ntp_studio.ui.app import build

    monkeypatch.setenv("NTP_STUDIO_CONFIG_DIR", str(tmp_path))
    _, window = build([])
    qtbot.addWidget(window)
    monkeypatch.setattr(settings, "save", no_text)
    window.studio.shutdown()  # type: ignore[attr-defined]
    assert window.isHidden()


def no_text(*_: object) -> None:
    "\ud800".encode()


def test_a_named_file_keeps_the_bundled_model_closed() -> None:
    from ntp_studio.ui.app import with_default

    options = with_default(arguments.window_parser().parse_args(["tale.ntpstudio"]))
    assert (options.model, options.prompt) == (None, None)


def test_the_window_begins_with_what_is_asked_for(qtbot: QtBot, sent: list[m.Command]) -> None:
    def on(found: settings.Settings) -> list[tuple[str, dict[str, float]]]:
        return [(s.name, dict(s.values)) for s in found.decoding.stages if s.enabled]

    hot = (StageSetting("temperature", (("temperature", 1.5),)), StageSetting("min_p", (("min_p", 0.1),)))
    remembered = {"decoding": DecodingSettings(hot), "presets": (("Hot", DecodingSettings(hot)),)}
    both = [("temperature", {"temperature": 1.5}), ("min_p", {"min_p": 0.1})]
    assert on(opened(qtbot, **remembered)) == both
    assert on(opened(qtbot, "--order", "llama.cpp", **remembered)) == both[::-1]
    assert on(opened(qtbot, "--preset", "hot", "--set", "min_p=0.3", **remembered)) == [
        both[0],
        ("min_p", {"min_p": 0.3}),
    ]
    assert on(opened(qtbot, "--greedy", **remembered)) == []
    assert [c for c in sent if isinstance(c, m.SetDecoding)]
    with pytest.raises(SettingError, match="at least 0"):
        opened(qtbot, "--set", "temperature=-1")


def test_a_preset_is_on_the_disk_as_soon_as_it_is_saved(
    qtbot: QtBot, sent: list[m.Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ntp_studio.ui.app import build

    monkeypatch.setenv("NTP_STUDIO_CONFIG_DIR", str(tmp_path))
    _, window = build(["--preset", "creative"])
    qtbot.addWidget(window)
    try:
        window.studio.controller.presets.save("Mine")  # type: ignore[attr-defined]
        ((name, decoding),) = settings.load().presets
        assert (name, [s.name for s in decoding.stages]) == ("Mine", ["temperature", "min_p"])
        monkeypatch.setattr(settings, "save", no_space)
        window.studio.controller.presets.save("Second")  # type: ignore[attr-defined]
        assert "No space left" in window.notice.text()
    finally:
        window.studio.shutdown()  # type: ignore[attr-defined]
    assert len(settings.load().presets) == 1


def no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


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
        (["inspect", "--prompt", "x", "--needle", "0.5", "--greedy"], 2, "leave out"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", "bad_words=a\udcff"], 2, "no character"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", 'stop_strings=["\\ud800"]'], 2, "no character"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", "mirostat_tau=1e308"], 2, "at most"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", "presence_penalty=1e308"], 2, "at most"),
        (["inspect", "--prompt", "x", "--model", "MODEL", "--set", "sequence_bias=x=1e308"], 2, "at most"),
        (["inspect", "--prompt", "x", "--preset", "/nowhere/p.json"], 2, "/nowhere/p.json cannot be read"),
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
        ["inspect", "--prompt", "x", "--draw", "lots"],
        ["inspect", "--prompt", "x", "--needle", "1"],
        ["--needle", "nan"],
        ["--order", "vllm"],
        ["one.gguf", "two.gguf"],
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


def test_screenshot_of_a_saved_text_draws_its_note_and_what_is_asked_for(llama: Path, tmp_path: Path) -> None:
    from ntp_studio.core import checkpoints, saved

    tale = tmp_path / "tale.ntpstudio"
    session = checkpoints.load(str(llama), device="cpu").start(PROMPT)
    for _ in range(10):
        session.step()
    saved.write(session, tale)
    data = json.loads(tale.read_text())
    data["nodes"][-3]["token"] = 5
    tale.write_text(json.dumps(data))
    config = str(tmp_path / "c")
    words = ["--screenshot", str(tmp_path / "x.png"), str(tale), "--steps", "2", "--set", "temperature=0.5"]
    done = run(*words, DISPLAY=None, NTP_STUDIO_CONFIG_DIR=config)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.png").exists()
    done = run(*words, "--set", "xtc_threshold=0.2", DISPLAY=None, NTP_STUDIO_CONFIG_DIR=config)
    assert done.returncode == 2
    assert "does nothing without" in done.stderr


def test_screenshot_where_no_token_is_allowed_shows_that(llama: Path, tmp_path: Path) -> None:
    from ntp_studio.core import checkpoints

    size = checkpoints.look(str(llama)).vocab_size
    bans = json.dumps([f"#{i}=ban" for i in range(size)])
    words = ["--screenshot", str(tmp_path / "x.png"), "--model", str(llama), "--prompt", PROMPT]
    done = run(*words, "--set", f"sequence_bias={bans}", DISPLAY=None, NTP_STUDIO_CONFIG_DIR=str(tmp_path / "c"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.png").exists()


def test_inspect_names_entries_that_stand_for_no_token(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", str(llama), "--prompt", PROMPT, "--steps", "1", "--json"]
    assert main(["inspect", *words, "--set", "stop_tokens=foo bar baz", "--set", "bad_words=#99999"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert err.splitlines()[0].startswith("ntp-studio inspect: bad_words: '#99999' names no token of this model")
    assert err.splitlines()[1:] == ["ntp-studio inspect: stop_tokens: 'foo bar baz' is no token of this model."]


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
