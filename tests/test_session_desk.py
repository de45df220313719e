"""Saving and opening texts in an engine without a thread: whatever goes wrong, what is open stays open."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ntp_studio import assets
from ntp_studio import messages as m
from ntp_studio import time_lapse_messages as t
from ntp_studio.core import checkpoints, saved
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.types import DeviceError
from ntp_studio.engine import Engine
from tests import checkpoint_makers

PROMPT = "The cat sat on"
MIX = settings_from_names({"temperature": 1.3, "top_k": 40, "mirostat_tau": 4.0})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models: the llama has a chat template and a longer context."""
    place = tmp_path_factory.mktemp("models")
    checkpoint_makers.make_hf(place / "tiny-llama", "llama", chat_template=True, context=400)
    checkpoint_makers.make_hf(place / "tiny-gpt2", "gpt2")
    return place


@pytest.fixture
def models(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "models")
    return tmp_path / "models"


class Desk:
    """Drives an engine by hand and keeps what it said."""

    def __init__(self, top: int = 8) -> None:
        self.said: list[m.Event] = []
        self.engine = Engine(self.hear, top=top)
        self.at: dict[type, Any] = {}  # what to do when an event of that type is told

    def hear(self, event: m.Event) -> None:
        self.said.append(event)
        if type(event) in self.at:
            self.at.pop(type(event))()

    def __call__(self, *commands: m.Command) -> list[m.Event]:
        self.said.clear()
        for command in commands:
            self.engine.send(command)
        self.engine.run_pending()
        return list(self.said)

    def all(self, kind: type[Any]) -> list[Any]:
        return [e for e in self.said if isinstance(e, kind)]

    def only(self, kind: type[Any]) -> Any:
        (found,) = self.all(kind)
        return found

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.said]

    @property
    def column(self) -> Any:
        return self.engine.workbench.columns["main"]

    @property
    def session(self) -> Any:
        return self.column.session

    def state(self) -> tuple[Any, ...]:
        s = self.session
        nodes = [(n.token_id, n.parent and n.parent.id, n.luck, n.taken_with) for n in s.tree.nodes]
        return nodes, s.tree.ids, [n.id for n in s.tree.line], s.seed, s.decoding, s.model.info.path


@pytest.fixture
def desk(models: Path) -> Desk:
    desk = Desk()
    desk(m.SetSeed(7), m.SetDecoding(MIX), m.SetPrompt(PROMPT, True), m.LoadModel(str(models / "tiny-llama"), "cpu"))
    desk(*[m.Step()] * 5, m.Back(), m.Back(), m.Force(17), m.Step(), m.SetSeed(8), m.Step(), m.Back())
    return desk


@pytest.fixture
def file(desk: Desk, tmp_path: Path) -> Path:
    path = tmp_path / "tale.ntpstudio"
    desk(m.SaveSession(str(path)))
    assert desk.said == [m.SessionSaved(str(path))]
    return path


def change(file: Path, **values: Any) -> None:
    """Write other facts about the model into a saved text."""
    data = json.loads(file.read_text())
    data["model"] |= values
    file.write_text(json.dumps(data))


def texts_after(desk: Desk, steps: int = 12) -> list[int]:
    desk(*[m.Step()] * steps)
    return list(desk.session.tree.ids)


def test_a_text_goes_on_in_another_run(desk: Desk, file: Path) -> None:
    other = Desk()
    other(m.SetSeed(1), m.ShowPictures(True), m.OpenSession(str(file)))
    kinds = other.kinds
    order = [m.Loading, m.Loaded, t.TimeLapseOpened, m.MemoryChanged, m.SessionOpened, m.PathChanged, m.FrameReady]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    assert not other.all(m.Trouble)
    opened = other.only(m.SessionOpened)
    assert (opened.path, opened.decoding, opened.seed, opened.prompt) == (str(file), MIX, 8, PROMPT)
    assert other.state() == desk.state()
    assert (other.column.prompt, other.column.chat) == (PROMPT, True)
    assert (other.column.decoding, other.column.seed, other.session.pictures) == (MIX, 8, True)
    shown, page = other.only(m.PathChanged), desk.session.page()
    assert [token.token for token in shown.tokens] == [token.token for token in page]
    assert [token.processed_probability for token in shown.tokens] == [token.processed_probability for token in page]
    assert len(other.only(m.FrameReady).frame.candidates) in (8, 9)
    assert texts_after(other) == texts_after(desk)


def test_the_open_model_is_not_loaded_again(desk: Desk, file: Path) -> None:
    before, model, run = desk.state(), desk.session.model, desk.column.run
    desk(m.SetPrompt("She read"), m.SetDecoding(settings_from_names({"top_k": 2})), m.Step())
    desk(m.Play(), m.OpenSession(str(file)))
    assert desk.only(m.FrameReady).run == desk.column.run > run
    assert desk.kinds == [m.RunState, m.RunState, m.SessionOpened, m.PathChanged, m.FrameReady], "and it stops playing"
    assert desk.state() == before
    assert desk.session.model is model


def test_another_model_is_opened_on_the_chosen_device(desk: Desk, file: Path, models: Path) -> None:
    before = desk.state()
    desk(m.SetPrompt("She read", False), m.LoadModel(str(models / "tiny-gpt2"), "cpu", "bfloat16"))
    desk(m.OpenSession(str(file)))
    assert desk.only(m.Loaded).info.path == str(models / "tiny-llama")
    assert (desk.column.opened.device, desk.column.opened.dtype) == ("cpu", "float32"), "the dtype of then"
    assert desk.state() == before
    desk(m.LoadModel(str(models / "tiny-gpt2"), "cpu"))
    assert desk.only(m.PathChanged).tokens, "the prompt of the saved text is read by the next model"
    assert desk.session.model.tokens.text(desk.session.prompt_token_ids) == PROMPT


def test_where_the_dtype_of_then_cannot_be_had(desk: Desk, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(file, dtype="bfloat16")
    real = checkpoints.check

    def check(path: str, *, device: str = "auto", dtype: str = "auto", **named: Any) -> None:
        if dtype == "bfloat16":
            raise DeviceError("This device does not compute in bfloat16; choose float32.")
        real(path, device=device, dtype=dtype, **named)

    monkeypatch.setattr(checkpoints, "check", check)
    other = Desk()
    other(m.OpenSession(str(file)))
    assert other.only(m.Loaded).info.dtype == "float32"
    assert "was written in bfloat16" in other.only(m.Trouble).message
    assert other.state() == desk.state()
    assert other.kinds[-1] is m.Trouble, "behind the text, which clears what was said of the one before"


def test_a_model_that_was_moved_can_be_opened_first(desk: Desk, file: Path, models: Path) -> None:
    (models / "tiny-llama").rename(models / "elsewhere")
    other = Desk()
    other(m.OpenSession(str(file)))
    assert other.session is None
    assert str(models / "tiny-llama") in other.only(m.Trouble).message
    other(m.SetPrompt("She"), m.LoadModel(str(models / "tiny-gpt2"), "cpu"))
    before = other.state()
    other(m.OpenSession(str(file)))
    assert str(models / "tiny-llama") in other.only(m.Trouble).message
    assert other.state() == before
    other(m.LoadModel(str(models / "elsewhere"), "cpu"))
    other(m.OpenSession(str(file)))
    assert not other.all(m.Loaded)
    assert other.state()[:-1] == desk.state()[:-1]
    assert texts_after(other) == texts_after(desk)


@pytest.mark.parametrize("path", ["//server/share/model", "\\\\server\\share\\model", ""])
def test_a_path_to_another_machine_is_not_followed(file: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change(file, path=path)
    asked: list[str] = []
    monkeypatch.setattr("os.path.exists", lambda place: asked.append(str(place)) or True)
    other = Desk()
    other(m.OpenSession(str(file)))
    assert "open it where it is now" in other.only(m.Trouble).message
    assert path not in asked


def test_a_text_of_the_bundled_model_goes_on_on_any_machine(tmp_path: Path) -> None:
    bundled = assets.bundled_model()
    assert bundled is not None
    path = tmp_path / "tale.ntpstudio"
    here = Desk()
    here(m.SetPrompt("Once upon a time"), m.LoadModel(str(bundled), "cpu"), m.Step(), m.SaveSession(str(path)))
    change(path, path="/home/teacher/ntp-studio/resources/models/fairy-tales")
    pupil = Desk()
    pupil(m.OpenSession(str(path)))
    assert not pupil.all(m.Trouble)
    assert pupil.state() == here.state()
    pupil(m.Step(), m.OpenSession(str(path)))
    assert not pupil.all(m.Loaded), "it is open already"
    assert texts_after(pupil) == texts_after(here)


def test_a_bad_file_leaves_everything_as_it_is(desk: Desk, file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ntpstudio"
    bad.write_text(file.read_text()[:-40])
    before, run = desk.state(), desk.column.run
    for path in (bad, tmp_path / "nothing.ntpstudio", tmp_path):
        desk(m.OpenSession(str(path)))
        assert desk.kinds == [m.Trouble]
    assert (desk.state(), desk.column.run) == (before, run)
    desk(m.SaveSession(str(tmp_path / "no" / "folder.ntpstudio")))
    assert "choose another place" in desk.only(m.Trouble).message
    empty = Desk()
    empty(m.SaveSession(str(tmp_path / "x.ntpstudio")))
    assert "No model is open" in empty.only(m.Trouble).message
    assert not (tmp_path / "x.ntpstudio").exists()


def test_a_text_that_its_own_model_cannot_take_brings_back_what_was_open(desk: Desk, file: Path, models: Path) -> None:
    change(file, vocabulary="0" * 64)
    desk(m.SetPrompt("She read", False), m.LoadModel(str(models / "tiny-gpt2"), "cpu"), m.Step())
    before, prompt = desk.state(), desk.column.prompt
    desk(m.OpenSession(str(file)))
    failed = desk.only(m.LoadFailed)
    assert "has other tokens" in failed.message
    assert (failed.kept, failed.cancelled) == (True, False)
    assert not desk.all(m.SessionOpened)
    assert desk.only(m.Loaded).info.path == str(models / "tiny-gpt2")
    assert (desk.state(), desk.column.prompt) == (before, prompt)
    desk(m.Step())
    assert desk.only(m.FrameReady)
    nothing = Desk()
    nothing(m.OpenSession(str(file)))
    assert nothing.only(m.LoadFailed).kept is False
    assert nothing.session is None
    nothing(m.LoadModel(str(models / "tiny-gpt2"), "cpu"))
    assert nothing.only(m.Loaded)


def long_text(desk: Desk, tmp_path: Path) -> Path:
    """A saved text that takes more than one forward to read."""
    path = tmp_path / "long.ntpstudio"
    desk(m.SetPrompt("the cat and the dog " * 70), m.Step(), m.SaveSession(str(path)))
    assert desk.session.place > 260
    return path


def test_reading_a_long_text_tells_how_far_it_is_and_can_be_cancelled(desk: Desk, tmp_path: Path) -> None:
    path = long_text(desk, tmp_path)
    desk(m.SetPrompt("She read"), m.Step())
    before = desk.state()
    desk.at[m.Reading] = desk.engine.cancel
    desk(m.OpenSession(str(path)))
    assert desk.only(m.Trouble).cancelled
    assert desk.state() == before
    other = Desk()
    other.at[m.Reading] = other.engine.cancel
    other(m.OpenSession(str(path)))
    assert other.only(m.LoadFailed).cancelled
    assert other.session is None
    other(m.OpenSession(str(path)))
    told = other.all(m.Reading)
    assert told[-1].done == told[-1].total == other.session.place
    assert other.only(m.SessionOpened)


def test_loading_its_model_can_be_cancelled_and_superseded(desk: Desk, file: Path, models: Path) -> None:
    gpt2 = str(models / "tiny-gpt2")
    desk(m.LoadModel(gpt2, "cpu"))
    before = desk.state()
    desk.at[m.Loading] = desk.engine.cancel
    desk(m.OpenSession(str(file)))
    assert desk.only(m.LoadFailed).cancelled
    assert desk.state() == before
    desk(m.OpenSession(str(file)), m.LoadModel(gpt2, "cpu"))
    assert desk.session.model.info.path == gpt2
    assert not desk.all(m.SessionOpened)
    desk(m.LoadModel(gpt2, "cpu"), m.OpenSession(str(file)))
    assert desk.session.model.info.path == str(models / "tiny-llama")
    assert desk.only(m.SessionOpened)


def test_an_inner_fault_loses_nothing(desk: Desk, file: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk(m.SetPrompt("She read", False), m.LoadModel(str(models / "tiny-gpt2"), "cpu"), m.Step())
    before = desk.state()

    def broken(*arguments: Any, **named: Any) -> str:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(saved, "restore", broken)
    desk(m.OpenSession(str(file)))
    assert "ZeroDivisionError" in desk.only(m.Trouble).message
    assert desk.only(m.LoadFailed).kept
    assert desk.state() == before


def test_a_snapshot_of_a_training_is_the_model_of_its_text(models: Path, tmp_path: Path) -> None:
    run = tmp_path / "tales"
    for seed, folder in enumerate([run / "checkpoint-5", run / "checkpoint-20", run]):
        checkpoint_makers.make_hf(folder, "gpt2", seed=seed)
    desk = Desk()
    desk(m.SetPrompt(PROMPT), m.LoadModel(str(run), "cpu"))
    desk(t.ShowSnapshot(str(run / "checkpoint-5")), m.Step(), m.Step())
    file = tmp_path / "tale.ntpstudio"
    desk(m.SaveSession(str(file)), t.ShowSnapshot(str(run / "checkpoint-20")))
    desk(m.OpenSession(str(file)))
    assert not desk.all(m.Trouble)
    assert desk.only(m.Loaded).info.path == str(run / "checkpoint-5")
    marks = desk.only(t.TimeLapseOpened)
    assert marks.snapshots[marks.current].path == str(run / "checkpoint-5")
    assert all(token.processed_probability for token in desk.only(m.PathChanged).tokens[-2:])


def test_a_session_made_elsewhere_can_be_saved(models: Path, tmp_path: Path) -> None:
    lm = checkpoints.load(models / "tiny-llama", device="cpu")
    session = lm.start(PROMPT)
    session.step()
    desk = Desk()
    desk.engine.adopt("main", session)
    desk(m.SaveSession(str(tmp_path / "x.ntpstudio")))
    assert saved.read(tmp_path / "x.ntpstudio").prompt == PROMPT
