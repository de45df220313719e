"""Saving and opening texts from the window, with an engine that is driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from ntp_studio import messages as m
from ntp_studio.core.types import DecodingSettings
from ntp_studio.engine import Engine
from ntp_studio.settings import Settings
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter, State
from ntp_studio.ui.session_controller import SessionController
from ntp_studio.ui.theme import Theme
from tests import checkpoint_makers

PROMPT = "The cat / sat on: a mat of its own"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("tiny", "other")):
        checkpoint_makers.make_hf(place / name, "gpt2", seed=seed)
    return place


class Desk:
    """A window on an engine that works when it is told to."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.engine = Engine(self._hear)
        self.state = State(Settings())
        self.presenter = Presenter(window, self.state)
        self.sessions = SessionController(window, self.engine, self.presenter)
        self.opened: list[m.SessionOpened] = []
        self.sent: list[m.Command] = []
        self._said: list[m.Event] = []
        send: Callable[[m.Command], None] = self.engine.send

        def sending(command: m.Command) -> None:
            self.sent.append(command)
            send(command)

        self.engine.send = sending  # type: ignore[method-assign]
        self.sessions.opened.connect(self.opened.append)

    def _hear(self, event: m.Event) -> None:
        self._said.append(event)

    def work(self, *commands: m.Command) -> None:
        """Let the engine do what it was asked for, and the window hear of it."""
        for command in commands:
            self.engine.send(command)
        self.engine.run_pending()
        said, self._said = self._said, []
        self.presenter.handle(said)

    def asked_for(self) -> list[m.Command]:
        """What the window sent since the last look."""
        sent, self.sent = self.sent, []
        return sent

    @property
    def ids(self) -> list[int]:
        session = self.engine.workbench.columns["main"].session
        assert session is not None
        return list(session.tree.ids)


@pytest.fixture
def desk(qtbot: QtBot, theme: Theme, models: Path) -> Iterator[Desk]:
    window = MainWindow(theme, Settings())
    qtbot.addWidget(window)
    window.show()
    desk = Desk(window)
    desk.presenter.show_ready()
    yield desk
    desk.engine.workbench.release_all()


@pytest.fixture
def writing(desk: Desk, models: Path) -> Desk:
    """With a text in which some steps were taken."""
    desk.window.text.set_prompt_text(PROMPT, False)
    desk.work(m.SetSeed(3), m.SetPrompt(PROMPT), m.LoadModel(str(models / "tiny"), "cpu"))
    desk.work(m.Step(), m.Step(), m.Step())
    desk.asked_for()
    return desk


def dialog_of(desk: Desk) -> QFileDialog:
    found = desk.window.findChild(QFileDialog)
    assert isinstance(found, QFileDialog)
    assert found.isVisible()
    return found


def choose(desk: Desk, qtbot: QtBot, path: Path) -> None:
    """Answer the dialog that is open, and wait until it is gone."""
    dialog = dialog_of(desk)
    with qtbot.waitSignal(dialog.destroyed):
        dialog.fileSelected.emit(str(path))
        dialog.close()


def test_there_is_nothing_to_save_without_a_text(desk: Desk) -> None:
    desk.sessions.save()
    assert desk.sent == []
    assert desk.window.findChild(QFileDialog) is None


def test_the_first_time_it_asks_and_then_it_saves_there(writing: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "tale.ntpstudio"
    writing.window.commands["save_session"].trigger()
    dialog = dialog_of(writing)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert [Path(name).name for name in dialog.selectedFiles()] == ["The cat sat on a.ntpstudio"], "no signs in a name"
    assert writing.sent == [], "it waits for the person, and the window for nothing"
    choose(writing, qtbot, path)
    assert writing.asked_for() == [m.SaveSession(str(path))]
    writing.sessions.save()
    assert writing.asked_for() == [m.SaveSession(str(path))], "there, though the first has not been written yet"
    writing.work()
    assert path.is_file()
    assert writing.window.status.text() == "Saved as tale.ntpstudio"
    first = path.read_bytes()
    writing.work(m.Step())
    writing.asked_for()
    writing.window.commands["save_session"].trigger()
    assert writing.asked_for() == [m.SaveSession(str(path))]
    writing.work()
    assert path.read_bytes() != first


def test_another_text_does_not_replace_the_file_of_the_one_before(
    writing: Desk, qtbot: QtBot, tmp_path: Path, models: Path
) -> None:
    path = tmp_path / "tale.ntpstudio"
    replaced: list[Callable[[], object]] = [
        lambda: writing.window.text.prompt_submitted.emit("Another one", False),
        lambda: writing.work(m.LoadModel(str(models / "other"), "cpu")),
    ]
    for replace_it in replaced:
        writing.sessions.save_as(str(path))
        writing.work()
        replace_it()
        writing.asked_for()
        writing.sessions.save()
        assert writing.asked_for() == []
        with qtbot.waitSignal(dialog_of(writing).destroyed):
            dialog_of(writing).close()
    writing.sessions.save_as(str(path))
    writing.window.text.prompt_submitted.emit("While it is being saved", False)
    writing.work()
    writing.asked_for()
    writing.sessions.save()
    assert writing.asked_for() == []
    assert dialog_of(writing)


def test_what_could_not_be_saved_is_asked_for_again(writing: Desk, tmp_path: Path) -> None:
    writing.sessions.save_as(str(tmp_path / "no" / "tale.ntpstudio"))
    writing.work()
    assert "choose another place" in writing.window.notice.text()
    writing.asked_for()
    writing.sessions.save()
    assert writing.asked_for() == []
    assert dialog_of(writing)


def test_the_ending_is_put_on_and_never_over_another_file(writing: Desk, tmp_path: Path) -> None:
    writing.sessions.save_as(str(tmp_path / "chapter.2"))
    assert writing.asked_for() == [m.SaveSession(str(tmp_path / "chapter.2.ntpstudio"))]
    writing.work()
    before = (tmp_path / "chapter.2.ntpstudio").read_bytes()
    writing.work(m.Step())
    writing.asked_for()
    writing.sessions.save_as(str(tmp_path / "chapter.2"))
    assert writing.asked_for() == []
    assert "chapter.2.ntpstudio" in writing.window.notice.text()
    assert (tmp_path / "chapter.2.ntpstudio").read_bytes() == before


def test_opening_goes_on_where_it_was_left(writing: Desk, qtbot: QtBot, tmp_path: Path, models: Path) -> None:
    path = tmp_path / "tale.ntpstudio"
    mix = DecodingSettings(method="dart", needle=0.25)
    writing.work(m.SetDecoding(mix), m.Step(), m.Back(), m.SaveSession(str(path)))
    ids, page = writing.ids, writing.window.text._page.text.tokens
    writing.work(m.SetPrompt("and"), m.LoadModel(str(models / "other"), "cpu"), m.Step())
    writing.asked_for()
    writing.window.commands["open_session"].trigger()
    dialog = dialog_of(writing)
    assert dialog.fileMode() == QFileDialog.FileMode.ExistingFile
    assert dialog.nameFilters() == ["Saved texts (*.ntpstudio)"]
    choose(writing, qtbot, path)
    assert writing.asked_for() == [m.OpenSession(str(path))]
    writing.work()
    assert writing.opened == [m.SessionOpened(str(path), mix, 3, PROMPT, False)]
    assert writing.ids == ids
    shown = writing.window.text._page.text
    assert [token.token for token in shown.tokens] == [token.token for token in page]
    assert shown.cursor == len(ids)
    assert writing.state.info is not None
    assert writing.state.info.name == "tiny"
    assert writing.window.status.text() == "Going on with tale.ntpstudio"
    writing.sessions.save()
    assert writing.asked_for() == [m.SaveSession(str(path))], "what was opened is saved where it was"


def test_what_is_dropped_is_a_saved_text_or_a_model(writing: Desk, tmp_path: Path, models: Path) -> None:
    others: list[Any] = []
    writing.sessions.model_dropped.connect(others.append)
    writing.sessions.take_dropped(str(tmp_path / "Tale.NTPstudio"))
    assert writing.asked_for() == [m.OpenSession(str(tmp_path / "Tale.NTPstudio"))]
    assert others == []
    writing.work()
    assert "cannot be read" in writing.window.notice.text()
    writing.sessions.take_dropped(str(models / "tiny"))
    assert others == [str(models / "tiny")]
    assert writing.asked_for() == []


def test_a_text_opened_from_another_page_brings_the_columns_back(writing: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "tale.ntpstudio"
    writing.work(m.SaveSession(str(path)))
    writing.window.commands["train"].setChecked(True)
    writing.window.pages.setCurrentIndex(writing.window.pages.addWidget(QFileDialog()))
    with qtbot.waitSignal(writing.window.commands["train"].toggled, check_params_cb=lambda on: not on):
        writing.sessions.open(str(path))
        writing.work()
