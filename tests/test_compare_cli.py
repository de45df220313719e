"""`ntp-studio compare` as a person or a script calls it."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from ntp_studio import assets
from ntp_studio.cli import main
from ntp_studio.core import checkpoints
from tests import checkpoint_makers

PROMPT = "The cat sat on"
TEXT = "The cat sat — naïve 日本 🙂 — and the dog ran after it.\r\n" * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    checkpoint_makers.make_hf(place / "one", "llama", chat_template=True)
    checkpoint_makers.make_hf(place / "two", "gpt2", seed=5, chat_template=True)
    checkpoint_makers.make_nanogpt(place / "letters")
    (place / "text.txt").write_bytes(TEXT.encode())
    return place


def compare(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict]:
    assert main(["compare", *map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def of(events: list[dict], kind: str) -> list[dict]:
    return [event for event in events if event["event"] == kind]


def test_lock_step_tells_models_steps_and_ends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ("--model", folder / "one", "--model", folder / "two", "--device", "cpu")
    events = compare(capsys, *paths, "--prompt", PROMPT, "--steps", "4", "--top", "3", "--seed", "2")
    models, steps, ends = of(events, "model"), of(events, "step"), of(events, "end")
    assert [(m["column"], m["name"], m["same_vocabulary"]) for m in models] == [("A", "one", True), ("B", "two", True)]
    assert [s["step"] for s in steps] == [1, 2, 3, 4]
    assert [e["column"] for e in ends] == ["A", "B"]
    assert ends[0]["token_ids"] == ends[1]["token_ids"] == [s["columns"][0]["own_choice"]["id"] for s in steps]
    assert ends[0]["text"] == ends[1]["text"]
    loaded = [checkpoints.load(folder / name, device="cpu") for name in ("one", "two")]
    ids = ends[0]["prompt_token_ids"] + ends[0]["token_ids"]
    for step in steps:
        (pair,) = step["pairs"]
        with torch.inference_mode():
            p, q = (
                torch.log_softmax(
                    m.network(torch.tensor([ids[: step["columns"][0]["context_length"]]])).logits[0, -1].double(), -1
                )
                for m in loaded
            )
        assert pair["kl_from_reference_bits"] == pytest.approx(float((p.exp() * (p - q)).sum()) / math.log(2), rel=1e-3)
        assert pair["kl_to_reference_bits"] == pytest.approx(float((q.exp() * (q - p)).sum()) / math.log(2), rel=1e-3)
        assert pair["top1_agrees"] == bool(p.argmax() == q.argmax())
        chosen = step["columns"][0]["own_choice"]["id"]
        assert pair["delta_logprob_of_choice"] == pytest.approx(float(q[chosen] - p[chosen]), abs=1e-3)
        listed = {bytes.fromhex(t["bytes"]) for t in step["tokens"]}
        assert {loaded[1].tokens.token(int(i)).bytes for i in q.topk(3).indices} <= listed


def test_each_its_own_and_unequal_vocabularies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ("--model", folder / "one", "--model", folder / "letters", "--device", "cpu")
    events = compare(capsys, *paths, "--prompt", PROMPT, "--steps", "3", "--mode", "each-its-own")
    assert [m["same_vocabulary"] for m in of(events, "model")] == [True, False]
    assert of(events, "step")[0]["pairs"][0]["kl_from_reference_bits"] is None
    assert not of(events, "step")[0]["pairs"][0]["whole_vocabulary"]
    assert {len(e["token_ids"]) for e in of(events, "end")} == {3}
    parted = [s for s in of(events, "step") if s["pairs"] is None]
    assert parted
    assert all(s["tokens"] is None for s in parted)


def test_a_text_is_forced_through_all_and_written_as_a_table(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ("--model", folder / "one", "--model", folder / "one", "--dtype", "float32", "--dtype", "bfloat16")
    table = tmp_path / "figures.csv"
    events = compare(capsys, *paths, "--device", "cpu", "--text-file", folder / "text.txt", "--csv", table)
    assert [m["dtype"] for m in of(events, "model")] == ["float32", "bfloat16"]
    (text,) = of(events, "text")
    assert text["bytes"] == len(TEXT.encode()), "line ends are read as they are"
    (pair,) = text["pairs"]
    assert pair["whole_vocabulary"]
    tokens = of(events, "token")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(tokens) == sum(c["tokens"] for c in text["columns"])
    assert list(rows[0])[:4] == ["model", "model_name", "dtype", "position"]
    for row, event in zip(rows, tokens, strict=True):
        assert (row["model_name"], row["dtype"]) == (event["model_name"], event["dtype"])
        assert (row["model_name"], row["dtype"]) == ("one", {"A": "float32", "B": "bfloat16"}[row["model"]])
        assert json.loads(row["text"]) == event["text"]
        assert (row["logprob_nats"] or None) == (None if event["logprob_nats"] is None else str(event["logprob_nats"]))
    first = [row for row in rows if row["model"] == "A"]
    assert bytes.fromhex("".join(row["bytes"] for row in first)).decode() == TEXT
    loss = -sum(float(row["logprob_nats"]) for row in first[1:]) / (len(first) - 1)
    assert text["columns"][0]["loss"] == pytest.approx(loss)
    assert text["columns"][0]["perplexity"] == pytest.approx(math.exp(loss))
    means = [float(row["kl_from_reference_bits"]) for row in rows if row["model"] == "B" and row["position"] != "0"]
    assert pair["kl_from_reference_bits"] == pytest.approx(sum(means) / len(means))
    assert 0 < pair["kl_from_reference_bits"] < 0.5
    worst = pair["worst"][0]
    assert worst["disagreement_bits"] == pytest.approx(max(means), rel=1e-6)
    assert TEXT.encode()[worst["begin_byte"] : worst["end_byte"]].decode() == worst["text"]


def test_a_model_named_twice_is_loaded_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = checkpoints.load
    monkeypatch.setattr(checkpoints, "load", lambda path, **options: loaded.append(path) or load(path, **options))
    three = [word for _ in range(3) for word in ("--model", folder / "one")]
    events = compare(capsys, *three, "--device", "cpu", "--prompt", PROMPT, "--steps", "2", "--chat")
    assert len(loaded) == 1
    for step in of(events, "step"):
        assert [pair["kl_from_reference_bits"] for pair in step["pairs"]] == [0, 0]
    assert len(of(events, "end")[0]["prompt_token_ids"]) > len(load(folder / "one").tokens.encode(PROMPT))


def test_for_a_reader(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [word for name in ("one", "two", "letters") for word in ("--model", str(folder / name))]
    text = folder / "plain.txt"
    text.write_text("The cat sat on the mat and looked.\n")
    call = ["compare", *models, "--device", "cpu", "--prompt", PROMPT, "--steps", "2", "--text-file", str(text)]
    assert main(call) == 0
    out = capsys.readouterr().out
    assert out.count("step ") == 2
    assert "KL(A‖B)" in out
    assert "another vocabulary than A's" in out
    assert "bits/byte" in out
    assert "unequal vocabularies" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prompt", "a"], "two to four models"),
        (["--model", "ONE", "--prompt", "a"], "two to four models"),
        (["--model", "ONE"] * 5 + ["--prompt", "a"], "two to four models"),
        (["--model", "ONE"] * 2, "Say what to read"),
        (["--model", "ONE"] * 2 + ["--prompt", "a", "--csv", "x.csv"], "none was given"),
        (["--model", "ONE"] * 3 + ["--prompt", "a", "--dtype", "float32", "--dtype", "auto"], "once for each: 3"),
        (["--model", "ONE"] * 2 + ["--text-file", "MISSING"], "cannot be read"),
        (["--model", "ONE"] * 2 + ["--text-file", "LATIN"], "not UTF-8 text (at byte 3)"),
        (["--model", "ONE"] * 2 + ["--text-file", "EMPTY"], "at least two tokens"),
        (["--model", "ONE", "--model", "LETTERS", "--text-file", "TEXT"], "is not among"),
        (["--model", "ONE", "--model", "MISSING", "--prompt", "a"], "MISSING"),
        (["--model", "ONE"] * 2 + ["--prompt", "a", "--set", "top_p=7"], "top_p"),
        (["--model", "ONE"] * 2 + ["--text-file", "TEXT", "--csv", "FOLDER"], "choose another place"),
    ],
)
def test_bad_calls_are_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "latin").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "empty").write_bytes(b"")
    places = {
        "ONE": folder / "one", "LETTERS": folder / "letters", "TEXT": folder / "text.txt", "FOLDER": tmp_path,
        "LATIN": tmp_path / "latin", "EMPTY": tmp_path / "empty", "MISSING": tmp_path / "MISSING",
    }  # fmt: skip
    assert main(["compare", *(str(places.get(a, a)) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_the_bundled_model_against_one_of_its_snapshots(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundled = assets.bundled_model()
    assert bundled is not None
    text = tmp_path / "tale.txt"
    text.write_text("Once upon a time there was a king who had a daughter, and she was very beautiful.\n")
    models = ("--model", bundled, "--model", bundled / "checkpoint-20", "--device", "cpu")
    (figures,) = of(compare(capsys, *models, "--text-file", text), "text")
    trained, young = figures["columns"]
    assert trained["bits_per_byte"] < young["bits_per_byte"] / 2
    assert figures["pairs"][0]["kl_from_reference_bits"] > 1
