"""What is remembered between runs: nothing lost, nothing fatal."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path

import pytest

from ntp_studio import settings as module
from ntp_studio.core.types import DecodingSettings, StageSetting
from ntp_studio.settings import MAX_PRESET_NAME, MAX_PRESETS, MAX_RECENT, VERSION, Settings, default_path, load, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "settings.json"


GOOD = {"method": "dart", "stages": []}


def a_full_one() -> Settings:
    decoding = DecodingSettings(
        (
            StageSetting("top_k", (("top_k", 40.0),), enabled=False),
            StageSetting("xtc", (("xtc_probability", 0.5), ("xtc_threshold", 0.1))),
            StageSetting("bias", texts=(("sequence_bias", ("é=2", "#5=ban")),)),
            StageSetting("stop", texts=(("stop_strings", ()), ("stop_tokens", ("\n",)))),
        ),
        "dart",
        needle=0.25,
    )
    return Settings(
        theme="dark",
        recent_models=("/a/b", "/c/ü"),
        last_model="/a/b",
        device="cpu",
        dtype="bfloat16",
        decoding=decoding,
        seed=2**62,
        speed=0.0,
        geometry=b"\x00\xff\x01",
        splitter=b"abc",
        collapsed_panels=("timeline",),
        page_mode="rank",
        zoom=1.25,
        log_scale=True,
        table_view=True,
        pictures=False,
        presets=(("Poet", decoding), ("Ünlike & <b>", DecodingSettings(method="greedy"))),
        training=(("kind", "new"), ("steps", 250), ("rate", 0.001), ("half", True)),
        training_texts=("/a/tales.txt",),
        training_folder="/a/models",
    )


def test_what_is_saved_is_loaded(path: Path) -> None:
    full = a_full_one()
    unchanged = [f.name for f in fields(Settings) if getattr(full, f.name) == getattr(Settings(), f.name)]
    assert unchanged == ["version"], "the example must change every setting"
    save(full, path)
    assert load(path) == full


def test_a_file_from_before_there_were_lists_of_texts_is_read(path: Path) -> None:
    path.parent.mkdir()
    stage = {"name": "top_k", "enabled": True, "values": {"top_k": 5}}
    path.write_text(json.dumps({"version": 1, "decoding": {"method": "race", "stages": [stage]}}))
    assert load(path).decoding == DecodingSettings((StageSetting("top_k", (("top_k", 5.0),)),))
    for texts in ([], {"stop_strings": "a"}, {"stop_strings": [1]}):
        stages = [{"name": "stop", "enabled": True, "values": {}, "texts": texts}]
        path.write_text(json.dumps({"version": 1, "decoding": {"method": "race", "stages": stages}}))
        assert load(path).decoding == DecodingSettings()


def test_a_file_from_before_there_was_a_dart_is_read(path: Path) -> None:
    path.parent.mkdir()
    stage = {"name": "top_k", "enabled": True, "values": {"top_k": 5}}
    old = {"version": 1, "seed": 3, "decoding": {"method": "greedy", "stages": [stage]}}
    path.write_text(json.dumps(old))
    assert load(path) == Settings(
        seed=3, decoding=DecodingSettings((StageSetting("top_k", (("top_k", 5.0),)),), "greedy")
    )
    assert load(path).pictures


@pytest.mark.parametrize("needle", [0, 0.0, 0.999999])
def test_a_held_needle_is_remembered(path: Path, needle: float) -> None:
    save(Settings(decoding=DecodingSettings(method="dart", needle=needle)), path)
    assert load(path).decoding == DecodingSettings(method="dart", needle=needle)


@pytest.mark.parametrize("needle", [1, -0.1, "0.5", True, float("nan"), float("inf"), [0.5]])
def test_a_needle_outside_its_range_is_none(path: Path, needle: object) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"seed": 3, "decoding": {"method": "dart", "stages": [], "needle": needle}}))
    assert load(path) == Settings(seed=3)


def test_a_damaged_preset_costs_only_itself(path: Path) -> None:
    good = {"method": "dart", "stages": [], "needle": None}
    bad = [
        3, ["a"], ["a", good, 1], ["", good], ["n" * (MAX_PRESET_NAME + 1), good], [5, good], ["b", {}], ["c", None],
        ["d", {"method": "race", "stages": [[]]}], ["e", {"method": "race", "stages": {"a": 1}}], ["GOOD", good],
    ]  # fmt: skip
    path.parent.mkdir()
    path.write_text(json.dumps({"presets": [["good", good], *bad, ["last", good]]}))
    wanted = DecodingSettings(method="dart")
    assert load(path).presets == (("good", wanted), ("last", wanted))
    path.write_text(json.dumps({"presets": [[str(number), good] for number in range(MAX_PRESETS + 5)]}))
    assert len(load(path).presets) == MAX_PRESETS


@pytest.mark.parametrize(
    "stages",
    [
        [{"name": "top_k", "enabled": True, "values": {"top_k": 5}}] * 5000,
        [{"name": "bans", "enabled": True, "values": {}, "texts": {"bad_words": ["a"] * 1001}}],
        [{"name": "bans", "enabled": True, "values": {}, "texts": {"bad_words": ["a\ud800"]}}],
        [{"name": "bans", "enabled": True, "values": {"bad_words": 1}}],
        [{"name": "top_k", "enabled": True, "values": {}, "texts": {"top_k": ["a"]}}],
        [{"name": "top_k", "enabled": True, "values": {"tempo": 1}}],
    ],
)
def test_a_decoding_that_the_window_could_not_show_is_dropped_alone(path: Path, stages: list[object]) -> None:
    path.parent.mkdir()
    decoding = {"method": "race", "stages": stages}
    path.write_text(json.dumps({"seed": 3, "decoding": decoding, "presets": [["a", decoding], ["b", GOOD]]}))
    assert load(path) == Settings(seed=3, presets=(("b", DecodingSettings(method="dart")),))


def test_a_byte_order_mark_in_front_is_not_minded(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"seed": 3}', "utf-8-sig")
    assert load(path) == Settings(seed=3)


def test_a_file_whose_name_is_no_text_is_remembered(path: Path) -> None:
    strange = "/models/caf\udce9"  # a byte that is not UTF-8, as Python gives it
    save(Settings(last_model=strange, seed=3), path)
    assert load(path) == Settings(last_model=strange, seed=3)


def test_no_file_means_defaults(path: Path) -> None:
    assert load(path) == Settings()
    assert not path.exists()
    assert Settings().decoding == DecodingSettings(), "nothing is hidden by default"


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe\x00", b"", b"nul", b"[" * 100_000])
def test_bad_file_is_set_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert load(path) == Settings()
    assert not path.exists()
    assert path.with_name("settings.json.bad").read_bytes() == content
    save(replace(Settings(), seed=7), path)
    assert load(path).seed == 7


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("theme", "pink"),
        ("theme", ["dark"]),
        ("recent_models", "x"),
        ("recent_models", [1]),
        ("seed", -1),
        ("seed", True),
        ("seed", 1.5),
        ("speed", "fast"),
        ("speed", float("nan")),
        ("zoom", 0),
        ("geometry", "not base64!"),
        ("geometry", "ü"),
        ("log_scale", 1),
        ("decoding", {"method": "magic", "stages": []}),
        ("decoding", {"stages": []}),
        ("decoding", {"method": "race", "stages": [{"name": "top_k", "enabled": True, "values": {"top_k": "a"}}]}),
        ("decoding", {"method": "race", "stages": [{"name": "top_k", "enabled": True, "values": [1]}]}),
        ("decoding", 3),
        ("decoding", {"method": "dart", "stages": {}}),
        ("pictures", None),
        ("presets", {"a": 1}),
    ],
)
def test_value_that_makes_no_sense_is_dropped_alone(path: Path, key: str, value: object) -> None:
    save(a_full_one(), path)
    data = json.loads(path.read_text("utf-8"))
    data[key] = value
    path.write_text(json.dumps(data), "utf-8")
    assert load(path) == replace(a_full_one(), **{key: getattr(Settings(), key)})


def test_unknown_keys_and_newer_versions_are_read_as_far_as_understood(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"version": VERSION + 5, "seed": 3, "hologram": {"on": True}}), "utf-8")
    assert load(path) == Settings(seed=3)


def test_upgrades_run_one_after_the_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERSION", 3)
    monkeypatch.setattr(
        module,
        "UPGRADES",
        {
            1: lambda data: {**data, "start_value": data["first_value"]},
            2: lambda data: {**data, "seed": data["start_value"] + 1},
        },
    )
    path.parent.mkdir()
    path.write_text(json.dumps({"version": 1, "first_value": 10}), "utf-8")
    assert load(path) == Settings(version=3, seed=11)
    path.write_text(json.dumps({"version": 2, "start_value": 20}), "utf-8")
    assert load(path).seed == 21


def test_every_older_version_has_an_upgrade() -> None:
    assert sorted(module.UPGRADES) == list(range(1, VERSION))


def test_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Settings(seed=1), path)

    def no_space(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="no space"):
        save(Settings(seed=2), path)
    assert load(path).seed == 1
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_recent_models_are_newest_first_without_doubles_and_bounded() -> None:
    settings = Settings()
    for number in range(MAX_RECENT + 3):
        settings = settings.with_recent(f"/m/{number}")
    settings = settings.with_recent("/m/10")
    assert settings.last_model == "/m/10"
    assert settings.recent_models[:3] == ("/m/10", "/m/14", "/m/13")
    assert len(settings.recent_models) == MAX_RECENT == len(set(settings.recent_models))


def test_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTP_STUDIO_CONFIG_DIR", str(tmp_path))
    assert default_path() == tmp_path / "settings.json"
    save(Settings(seed=5))
    assert load().seed == 5
    monkeypatch.delenv("NTP_STUDIO_CONFIG_DIR")
    assert tmp_path not in default_path().parents
