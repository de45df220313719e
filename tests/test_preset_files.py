"""Presets of a person's own: files from anywhere, names, and the words of the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntp_studio import preset_files
from ntp_studio.arguments import command_parser, window_parser
from ntp_studio.core.decoding import ORDERS, STAGES, Chain, settings_from_names
from ntp_studio.core.decoding.build import MAX_STAGES, MAX_TEXTS
from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting, StudioError
from ntp_studio.preset_files import (
    MAX_BYTES,
    PresetError,
    asked_for,
    check_on_top,
    checked_name,
    free_name,
    read,
    with_preset,
    write,
)
from ntp_studio.settings import MAX_PRESET_NAME, MAX_PRESETS, decoding_to_json

POET = DecodingSettings(
    (
        StageSetting("bias", texts=(("sequence_bias", ("é=2", "#5=ban")),)),
        StageSetting("temperature", (("temperature", 1.4),)),
        StageSetting("min_p", (("min_p", 0.1),)),
    ),
    "dart",
    0.25,
)
KOBOLD = StageSetting("top_k", (("top_k", 3000.0),))
WARM = StageSetting("temperature", (("temperature", 0.7),))
OFF = StageSetting("top_k", (("top_k", 3.0),), enabled=False)


def document(**changes: Any) -> dict[str, Any]:
    whole = {"format": "ntp-studio decoding", "version": 1, "name": "Poet", "decoding": decoding_to_json(POET)}
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def decoding(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (decoding_to_json(POET) | changes).items() if value is not ...}


def stage(name: str = "top_k", values: object = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "enabled": True, "values": {"top_k": 5} if values is None else values} | more


# -- files -------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ö.json"
    write(path, "Poët & <b>", DecodingSettings((OFF, *POET.stages, OFF), POET.method, POET.needle))
    assert read(path) == ("Poët & <b>", POET), "what is switched off is not kept"
    assert json.loads(path.read_text("utf-8")) == document(name="Poët & <b>")
    assert [each.name for each in tmp_path.iterdir()] == ["ö.json"]


def test_any_chain_of_all_stages_survives_the_way(tmp_path: Path) -> None:
    stages = tuple(
        StageSetting(
            name,
            tuple((p.name, float(p.usual[0] if p.usual else p.default)) for p in kind.parameters),
            texts=tuple((t.name, t.default or ("a=1",)) for t in kind.texts),
        )
        for name, kind in reversed(STAGES.items())
    )
    whole = DecodingSettings(stages, "greedy")
    write(tmp_path / "all.json", "all", whole)
    assert read(tmp_path / "all.json") == ("all", whole)


@pytest.mark.parametrize("name", PRESETS)
def test_the_programs_presets_can_be_exchanged_under_another_name(tmp_path: Path, name: str) -> None:
    write(tmp_path / "p.json", "mine", PRESETS[name].settings)
    assert read(tmp_path / "p.json")[1] == PRESETS[name].settings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 20_000, "nested too deeply"),
        (b" " * (MAX_BYTES + 1), "larger than 256 KB"),
        (b'{"format": "a", "format": "b"}', "says 'format' twice"),
        (b'{"format": "ntp-studio decoding", "version": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"3", '"format"'),
        (b"[]", '"format"'),
    ],
)
def test_what_is_no_preset_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(PresetError, match=words) as refusal:
        read(path)
    sentence = str(refusal.value)
    assert sentence.startswith("bad.json is no preset: ")
    assert sentence.endswith(".")
    assert len(sentence) < 300
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, '"format"'),
        ({"format": ...}, '"format"'),
        ({"version": 2}, "newer version"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"version": "1"}, "version"),
        ({"version": 10**4000}, "newer version"),
        ({"name": ...}, "no name"),
        ({"name": 3}, "no name"),
        ({"name": " \n "}, "needs a name"),
        ({"name": "n" * 5000}, "5000"),
        ({"name": "a\x00b"}, "printable"),
        ({"name": "a\u202eb"}, "printable"),
        ({"name": "BALANCED"}, "comes with the program"),
        ({"decoding": ...}, "an object"),
        ({"decoding": []}, "an object"),
        ({"decoding": decoding(method=...)}, "'method'"),
        ({"decoding": decoding(method="magic")}, "magic"),
        ({"decoding": decoding(method=["race"])}, "race"),
        ({"decoding": decoding(needle=1)}, "needle"),
        ({"decoding": decoding(needle="0.5")}, "number"),
        ({"decoding": decoding(stages={})}, "a list"),
        ({"decoding": decoding(stages=[3])}, "an object"),
        ({"decoding": decoding(stages=[{"name": "top_k"}])}, "'values'"),
        ({"decoding": decoding(stages=[stage("no_such")])}, "no decoding stage called no_such"),
        ({"decoding": decoding(stages=[stage("x" * 10_000)])}, "no decoding stage"),
        ({"decoding": decoding(stages=[stage(values={"depth": 1})])}, "depth"),
        ({"decoding": decoding(stages=[stage(values={"top_k": -1})])}, "at least"),
        ({"decoding": decoding(stages=[stage(values={"top_k": 1.5})])}, "whole"),
        ({"decoding": decoding(stages=[stage(values={"top_k": "5"})])}, "number"),
        ({"decoding": decoding(stages=[stage(values={"top_k": 10**400})])}, "large"),
        ({"decoding": decoding(stages=[stage(values={"top_k": -1}, enabled=False)])}, "at least"),
        ({"decoding": decoding(stages=[stage(enabled=1)])}, "true or false"),
        ({"decoding": decoding(stages=[stage("stop", {}, texts={"stop_strings": "END"})])}, "a list"),
        ({"decoding": decoding(stages=[stage("stop", {}, texts={"stop_strings": [""]})])}, "empty"),
        ({"decoding": decoding(stages=[stage("stop", {}, texts={"stop_strings": ["a\ud800"]})])}, "no character"),
        ({"decoding": decoding(stages=[stage("bans", {"bad_words": 1})])}, "a number for a text: bad_words"),
        ({"decoding": decoding(stages=[stage("bans", {"bad_words": 1}, enabled=False)])}, "a number for a text"),
        ({"decoding": decoding(stages=[stage(values={}, texts={"top_k": ["5"]})])}, "a text where a number should be"),
        ({"decoding": decoding(stages=[stage("bans", {}, texts={"words": ["a"]})])}, "no parameter words"),
        ({"decoding": decoding(stages=[stage("stop", {}, texts={"stop_strings": ["a"] * 2000})])}, "1000"),
        ({"decoding": decoding(stages=[stage()] * (MAX_STAGES + 1))}, "65 stages"),
    ],
)
def test_what_makes_no_sense_in_it_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document(**changes)), "utf-8")
    with pytest.raises(PresetError, match=words) as refusal:
        read(path)
    sentence = str(refusal.value)
    assert sentence.startswith("bad.json ")
    assert len(sentence) < 500


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document()).replace("1.4", number), "utf-8")
    with pytest.raises(PresetError, match="not a finite number"):
        read(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_anything_anywhere_in_it_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    whole: Any = json.loads(json.dumps(document()))
    *way, last = data.draw(st.sampled_from(places(whole)[1:]))
    inner = whole
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(JSON)
    path = tmp_path / "some.json"
    path.write_text(json.dumps(whole), "utf-8")
    try:
        name, found = read(path)
    except PresetError:  # nothing else may come out of it
        return
    Chain.of(found)
    write(path, name, found)
    assert read(path) == (name, found)


def test_a_file_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path, tmp_path / "a\0b.json"):
        with pytest.raises(PresetError, match="cannot be read"):
            read(path)


def test_a_byte_order_mark_in_front_is_not_minded(tmp_path: Path) -> None:
    path = tmp_path / "marked.json"
    path.write_text(json.dumps(document()), "utf-8-sig")
    assert read(path) == ("Poet", POET)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(PresetError, match="not an ordinary file"):
        read(tmp_path / "pipe.json")


@pytest.mark.parametrize(
    "large",
    [
        DecodingSettings((WARM,) * (MAX_STAGES + 1)),
        DecodingSettings((StageSetting("bans", texts=(("bad_words", ("a",) * (MAX_TEXTS + 1)),)),)),
    ],
)
def test_what_could_not_be_read_again_is_not_kept(tmp_path: Path, large: DecodingSettings) -> None:
    path = tmp_path / "p.json"
    write(path, "Poet", POET)
    before = path.read_bytes()
    for keep in (lambda: write(path, "Large", large), lambda: with_preset((), "Large", large)):
        with pytest.raises(SettingError, match="may have"):
            keep()
    assert path.read_bytes() == before


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.json"
    write(path, "mine", POET)
    for place in (tmp_path / "no" / "folder.json", tmp_path, tmp_path / "a\0b.json"):
        with pytest.raises(PresetError, match="choose another place"):
            write(place, "mine", POET)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(PresetError, match="No space left"):
        write(path, "mine", DecodingSettings())
    assert read(path) == ("mine", POET)
    assert [each.name for each in tmp_path.iterdir()] == ["p.json"]


# -- names -------------------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert checked_name("  my \t own  ") == "my own"
    assert checked_name("n" * MAX_PRESET_NAME)
    assert checked_name("日本語 ñ <b>&amp;")
    for bad in ("", "  ", "n" * (MAX_PRESET_NAME + 1), "balanced", "Llama.CPP's defaults", "a\x07"):
        with pytest.raises(PresetError):
            checked_name(bad)
    with pytest.raises(PresetError, match="called “poet” already"):
        checked_name("poet", ["Poet"])


def test_presets_are_added_replaced_in_place_and_bounded() -> None:
    two = with_preset(with_preset((), "a", POET), "b", DecodingSettings((OFF,)))
    assert two == (("a", POET), ("b", DecodingSettings()))
    assert with_preset(two, "a", DecodingSettings()) == (("a", DecodingSettings()), ("b", DecodingSettings()))
    many = tuple((str(number), POET) for number in range(MAX_PRESETS))
    with pytest.raises(PresetError, match="delete one"):
        with_preset(many, "one more", POET)
    assert with_preset(many, "3", DecodingSettings())[3] == ("3", DecodingSettings())


# -- the command line --------------------------------------------------------------------------------------------------

OWN = (("Poet", POET), ("mean one", DecodingSettings((StageSetting("no_such"),))))


def ask(*words: str, present: DecodingSettings | None = None) -> DecodingSettings | None:
    of_the_window = asked_for(window_parser().parse_args(list(words)), OWN, present)
    without = asked_for(command_parser().parse_args(["inspect", "--prompt", "x", *words]), OWN, present)
    assert of_the_window == without, "the same words mean the same in both"
    return of_the_window


def names(found: DecodingSettings | None) -> list[str]:
    assert found is not None
    return [each.name for each in found.stages]


def value(found: DecodingSettings | None, name: str) -> list[float]:
    assert found is not None
    return [v for each in found.stages for key, v in each.values if key == name]


def test_nothing_asked_for_is_nothing() -> None:
    assert ask() is None
    assert ask("--seed", "3") is None
    assert ask(present=POET) is None


@pytest.mark.parametrize("name", PRESETS)
def test_presets_by_name_and_by_label(name: str) -> None:
    assert ask("--preset", name) == PRESETS[name].settings
    assert ask("--preset", PRESETS[name].label.upper()) == PRESETS[name].settings


def test_own_presets_and_files(tmp_path: Path) -> None:
    assert ask("--preset", "poet") == POET
    write(tmp_path / "p.JSON", "mine", DecodingSettings(method="greedy"))
    assert ask("--preset", str(tmp_path / "p.JSON")) == DecodingSettings(method="greedy")
    with pytest.raises(PresetError, match=r"no preset called pot; there are plain, .*, Poet, mean one"):
        ask("--preset", "pot")
    with pytest.raises(PresetError, match="cannot be read"):
        ask("--preset", str(tmp_path / "none.json"))
    with pytest.raises(SettingError, match="no_such"):
        ask("--preset", "mean one", "--set", "top_k=3")


def test_values_go_on_top_of_a_preset() -> None:
    found = ask("--preset", "llama.cpp", "--set", "temperature=1.5", "--set", "xtc_probability=0.5")
    assert names(found) == ["top_k", "top_p", "min_p", "xtc", "temperature"], "where llama.cpp has it"
    assert value(found, "temperature") == [1.5]
    assert value(found, "top_p") == [0.95]
    found = ask("--preset", "balanced", "--set", "top_k=0")
    assert [each.name for each in Chain.of(found or DecodingSettings()).stages] == ["temperature", "top_p", "min_p"]
    found = ask("--preset", "xtc_dry", "--set", "dry_base=2")
    assert value(found, "dry_base") == [2], "a detail of what the preset turns on"
    assert value(found, "dry_multiplier") == [0.8]
    with pytest.raises(SettingError, match="at least"):
        ask("--preset", "balanced", "--set", "temperature=-1")
    with pytest.raises(SettingError, match="dry_base does nothing without dry_multiplier"):
        ask("--preset", "balanced", "--set", "dry_base=2")
    found = ask("--preset", "Poet", "--set", "min_p=0.3")
    assert found is not None
    assert (found.method, found.needle, found.stages[0]) == ("dart", 0.25, POET.stages[0])


def on_top(*words: str, present: DecodingSettings) -> DecodingSettings | None:
    options = window_parser().parse_args(["tale.ntpstudio", *words])
    check_on_top(options, OWN)
    return asked_for(options, OWN, present, on_top=True)


def test_values_go_on_top_of_a_saved_text() -> None:
    assert on_top("--seed", "3", present=POET) is None
    found = on_top("--set", "temperature=0.5", present=POET)
    assert names(found) == names(POET)
    assert value(found, "temperature") == [0.5]
    assert (found and found.method, found and found.needle) == ("dart", 0.25)
    assert on_top("--greedy", present=POET) == DecodingSettings(POET.stages, "greedy", 0.25)
    assert on_top("--draw", "race", present=POET) == DecodingSettings(POET.stages, "race", 0.25)
    assert on_top("--preset", "balanced", "--needle", "0.5", present=POET) == DecodingSettings(
        PRESETS["balanced"].settings.stages, "dart", 0.5
    ), "a preset takes the place of the text's settings"
    xtc = DecodingSettings((StageSetting("xtc", (("xtc_probability", 0.5),)),))
    assert value(on_top("--set", "xtc_threshold=0.2", present=xtc), "xtc_threshold") == [0.2]
    with pytest.raises(SettingError, match="does nothing without"):
        on_top("--set", "xtc_threshold=0.2", present=POET)


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "tempo=1"],
        ["--set", "temperature=-1"],
        ["--preset", "pot"],
        ["--needle", "0.5", "--greedy"],
        ["--set", "bad_words=a\udcff"],
    ],
)
def test_what_makes_no_sense_on_any_text_is_known_before_it_is_open(words: list[str]) -> None:
    with pytest.raises(StudioError):
        check_on_top(window_parser().parse_args(["tale.ntpstudio", *words]), OWN)


def test_texts_that_no_file_could_hold_are_refused() -> None:
    for entry in ("a\udcff", '["\\ud800"]'):
        for name in ("bad_words", "stop_strings", "sequence_bias"):
            with pytest.raises(SettingError, match="no character"):
                ask("--set", f"{name}={entry}" if name != "sequence_bias" else f"{name}=a\udcff=2")
    with pytest.raises(SettingError, match="may have"):
        ask("--set", f"bad_words={json.dumps(['a'] * (MAX_TEXTS + 1))}")


def test_of_two_stages_of_a_name_the_second_is_the_persons(tmp_path: Path) -> None:
    kobold = settings_from_names({"top_k": 40, "temperature": 0.7}, order="koboldcpp")
    assert value(kobold, "top_k") == [3000, 40]
    write(tmp_path / "k.json", "k", kobold)
    file = str(tmp_path / "k.json")
    assert value(ask("--preset", file, "--set", "top_k=7"), "top_k") == [3000, 7]
    assert value(ask("--preset", file, "--order", "koboldcpp"), "top_k") == [3000, 40], "not once more"
    assert value(ask("--preset", file, "--order", "llama.cpp"), "top_k") == [40], "that was koboldcpp's own"
    assert value(ask("--order", "llama.cpp", present=DecodingSettings((KOBOLD, WARM))), "top_k") == [3000], (
        "or a person's"
    )
    assert value(ask("--order", "koboldcpp", present=DecodingSettings((KOBOLD, WARM))), "top_k") == [3000]


def test_orders() -> None:
    assert names(ask("--preset", "balanced", "--order", "llama.cpp")) == ["top_k", "top_p", "min_p", "temperature"]
    assert names(ask("--order", "llama.cpp", present=PRESETS["balanced"].settings))[-1] == "temperature"
    assert names(ask("--set", "top_k=4", "--order", "koboldcpp")) == ["top_k", "top_k"]
    for order in ORDERS:
        given = {"temperature": 0.8, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 1.1}
        words = [word for name, number in given.items() for word in ("--set", f"{name}={number}")]
        assert ask(*words, "--order", order) == settings_from_names(given, order=order)


def test_race_dart_and_needle() -> None:
    present = PRESETS["focused"].settings
    found = ask("--draw", "dart", present=present)
    assert found == DecodingSettings(present.stages, "dart")
    assert ask("--needle", "0.5", present=present) == DecodingSettings(present.stages, "dart", 0.5)
    assert ask("--needle", "0", "--draw", "dart", "--preset", "plain") == DecodingSettings((), "dart", 0.0)
    assert ask("--preset", "greedy", "--draw", "race") == DecodingSettings()
    assert ask("--preset", "Poet", "--draw", "race") == DecodingSettings(POET.stages, "race", 0.25)
    assert ask("--preset", "Poet", "--draw", "dart") == POET
    assert ask("--preset", "Poet", "--needle", "0.5") == DecodingSettings(POET.stages, "dart", 0.5)
    assert ask("--preset", "Poet", "--greedy") == DecodingSettings(POET.stages, "greedy", 0.25)
    for words in (
        ("--needle", "0.5", "--greedy"),
        ("--needle", "0.5", "--draw", "race"),
        ("--greedy", "--draw", "dart"),
    ):
        with pytest.raises(SettingError, match="leave out"):
            ask(*words)


def test_every_refusal_is_one_a_person_can_act_on() -> None:
    assert issubclass(PresetError, StudioError)
    assert PresetError.exit_status == 2
    assert preset_files.FORMAT == "ntp-studio decoding"


def test_a_free_name_counts_on_and_stays_short_enough() -> None:
    assert free_name("Poet", []) == "Poet (2)"
    assert free_name("poet", ["Poet", "POET (2)", "poet (3)"]) == "poet (4)"
    long = "n" * MAX_PRESET_NAME
    first = free_name(long, [long])
    assert first == "n" * (MAX_PRESET_NAME - 4) + " (2)"
    many = [long, *(f"{'n' * (MAX_PRESET_NAME - 4)} ({number})" for number in range(2, 10))]
    assert checked_name(free_name(long, many), many) == "n" * (MAX_PRESET_NAME - 5) + " (10)"
