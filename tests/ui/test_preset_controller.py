"""Presets in the window: the menu, a person's own, files, taking a choice back, and copying for other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QPushButton,
)
from pytestqt.qtbot import QtBot

from ntp_studio import messages as m
from ntp_studio import preset_files
from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import DecodingSettings, StageSetting
from ntp_studio.settings import MAX_PRESETS, Settings
from ntp_studio.ui.actions import Actions
from ntp_studio.ui.copy_dialog import CopyDialog
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter, State
from ntp_studio.ui.preset_controller import UNDO_KEPT, PresetController
from ntp_studio.ui.preset_dialogs import ManageDialog, NameDialog
from ntp_studio.ui.preset_menu import OWN, PresetMenu, preset_of
from ntp_studio.ui.theme import Theme

POET = DecodingSettings(
    (StageSetting("temperature", (("temperature", 1.4),)), StageSetting("min_p", (("min_p", 0.1),)))
)
DART = DecodingSettings((StageSetting("top_k", (("top_k", 9.0),)),), "dart", 0.25)
HOSTILE = "<b>R&D</b> %1 \u05d0"


class Engine:
    def __init__(self) -> None:
        self.sent: list[m.Command] = []

    def send(self, command: m.Command) -> None:
        self.sent.append(command)


class Studio:
    """A window with a preset controller, and what it says kept as the program would."""

    def __init__(self, theme: Theme, settings: Settings) -> None:
        self.window = MainWindow(theme, settings)
        self.engine = Engine()
        self.state = State(settings)
        self.presenter = Presenter(self.window, self.state)
        self.presets = PresetController(self.window, self.engine, self.state, self.presenter)  # type: ignore[arg-type]
        self.saved: list[Settings] = []
        self.presets.saved.connect(self.saved.append)
        self.presets.decoding_chosen.connect(self.use)

    def use(self, decoding: DecodingSettings) -> None:
        self.state.settings = replace(self.state.settings, decoding=decoding)
        self.presets.show(decoding)

    @property
    def decoding(self) -> DecodingSettings:
        return self.state.settings.decoding

    @property
    def menu(self) -> PresetMenu:
        found = self.window.findChild(PresetMenu)
        assert found is not None
        return found

    def dialog(self, kind: type[QDialog]) -> Any:
        """The one that is open."""
        (found,) = [each for each in self.window.findChildren(kind) if each.isVisible()]
        return found


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Callable[..., Studio]:
    def made(**settings: Any) -> Studio:
        studio = Studio(theme, Settings(**settings))
        qtbot.addWidget(studio.window)
        studio.window.show()
        return studio

    return made


def texts(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if action.text()]


def entry(menu: QMenu, text: str) -> QAction:
    return next(action for action in menu.actions() if action.text() == text)


def marked(menu: QMenu) -> list[str]:
    return [action.data() for action in menu.actions() if action.isChecked()]


def button(dialog: QDialog, name: str) -> QPushButton:
    found = dialog.findChild(QPushButton, name)
    assert found is not None
    return found


# -- the menu ----------------------------------------------------------------------------------------------------------


def test_the_menu_holds_all_presets_in_groups_and_what_can_be_done(make: Callable[..., Studio]) -> None:
    studio = make(presets=((HOSTILE, POET), ("Dart", DART)))
    shown = texts(studio.menu)
    commands = studio.window.commands
    deeds = ["save_preset", "manage_presets", "import_preset", "export_preset", "copy_transformers", "copy_llamacpp"]
    own = [HOSTILE.replace("&", "&&"), "Dart"]
    assert shown == [*(p.label for p in PRESETS.values()), *own, *(commands[deed].text() for deed in deeds)]
    headings = [label.text() for label in studio.menu.findChildren(QLabel) if label.text()]
    assert headings[:3] == ["As in other programs", "Methods to try", "Your presets"]


def test_a_summary_is_told_for_every_entry_and_fits(make: Callable[..., Studio]) -> None:
    studio = make(presets=(("Poet", POET), ("Dart", DART)))
    menu = studio.menu
    menu.popup(QPoint(0, 0))
    told = {}
    for action in menu.actions():
        if action.text():
            menu.setActiveAction(action)
            told[action.text()] = menu.summary
            label = menu._summary
            room = label.contentsRect()
            words = label.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, label.text())
            assert words.height() <= label.height()
            assert words.width() <= room.width()
            assert label.width() <= menu.width()
    menu.close()
    assert all(told.values())
    assert told["Poet"] == "Temperature 1.4 · Min-p 0.1"
    assert told["Mirostat v2"] == PRESETS["mirostat"].summary


def test_own_presets_come_and_go_while_the_menu_stays_in_order(qtbot: QtBot, theme: Theme) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    menu = PresetMenu(Actions(window), window)
    heading = menu._own_heading
    assert not heading.isVisible()
    before = texts(menu)
    menu.show_own((("a", POET), ("b", DART)))
    assert heading.isVisible()
    menu.show_preset(OWN + "b")
    menu.show_own((("b", DART),))
    assert marked(menu) == [OWN + "b"], "the mark outlives a new list"
    place = texts(menu).index("b")
    assert texts(menu)[place - 1] == list(PRESETS.values())[-1].label
    menu.show_own(())
    assert texts(menu) == before
    menu.show_own((("c", POET),))
    menu.preset_chosen.connect(lambda chosen: menu.show_own((("d", POET),)))
    with qtbot.waitSignal(menu.preset_chosen, check_params_cb=lambda got: got == OWN + "c"):
        entry(menu, "c").trigger()
    assert "d" in texts(menu)


def test_a_persons_own_comes_before_the_programs() -> None:
    balanced = PRESETS["balanced"].settings
    assert preset_of(balanced) == "balanced"
    assert preset_of(balanced, (("mine", balanced),)) == OWN + "mine"
    assert preset_of(replace(balanced, method="dart"), (("mine", balanced),)) == "balanced", "not drawn in that way"
    assert preset_of(POET) is None


# -- choosing, and taking it back --------------------------------------------------------------------------------------


def test_choosing_uses_a_preset_and_marks_it(make: Callable[..., Studio]) -> None:
    studio = make(presets=(("Poet", POET),))
    entry(studio.menu, "Creative").trigger()
    assert studio.decoding == PRESETS["creative"].settings
    assert marked(studio.menu) == ["creative"]
    entry(studio.menu, "Poet").trigger()
    assert studio.decoding == POET
    assert marked(studio.menu) == [OWN + "Poet"]


def test_the_programs_presets_leave_dart_and_needle_alone(make: Callable[..., Studio]) -> None:
    studio = make(decoding=DART, presets=(("Poet", POET),))
    studio.presets.choose("balanced")
    assert studio.decoding == replace(PRESETS["balanced"].settings, method="dart", needle=0.25)
    assert marked(studio.menu) == ["balanced"]
    studio.presets.choose("greedy")
    assert studio.decoding.method == "greedy"
    studio.presets.choose("balanced")
    assert studio.decoding.method == "race", "what was drawn before greedy is the panel's to remember"
    studio.use(DART)
    studio.presets.choose(OWN + "Poet")
    assert studio.decoding == POET, "a person's own holds the draw, too"


def test_a_preset_spoilt_by_hand_changes_nothing(make: Callable[..., Studio]) -> None:
    studio = make(decoding=POET, presets=(("bad", DecodingSettings((StageSetting("no_such"),))),))
    entry(studio.menu, "bad").trigger()
    assert studio.decoding == POET
    assert "no_such" in studio.window.notice.text()
    assert marked(studio.menu) == []
    assert not studio.window.commands["undo_decoding"].isEnabled()


def test_undo_goes_back_through_what_was_replaced(make: Callable[..., Studio]) -> None:
    studio = make(decoding=POET)
    undo = studio.window.commands["undo_decoding"]
    assert not undo.isEnabled()
    studio.presets.choose("balanced")
    slid = replace(studio.decoding, stages=studio.decoding.stages[:2])
    studio.use(slid)  # a slider: no replacement
    studio.presets.choose("focused")
    undo.trigger()
    assert studio.decoding == slid
    undo.trigger()
    assert studio.decoding == POET
    assert not undo.isEnabled()
    undo.trigger()
    assert studio.decoding == POET


def test_undo_skips_what_is_there_already_and_keeps_the_last_twenty(make: Callable[..., Studio]) -> None:
    studio = make(decoding=POET)
    studio.presets.remember(POET)
    studio.presets.remember(POET)
    with_undo = studio.window.commands["undo_decoding"]
    with_undo.trigger()
    assert (studio.decoding, with_undo.isEnabled()) == (POET, False)
    many = [DecodingSettings((StageSetting("top_k", (("top_k", float(k)),)),)) for k in range(1, UNDO_KEPT + 6)]
    for each in many:
        studio.presets.remember(each)
    back = []
    while with_undo.isEnabled():
        with_undo.trigger()
        back.append(studio.decoding)
    assert back == many[:-UNDO_KEPT - 1:-1]  # fmt: skip


# -- a person's own ----------------------------------------------------------------------------------------------------


def test_saving_asks_for_a_name_and_is_told_at_once(make: Callable[..., Studio], qtbot: QtBot) -> None:
    off = StageSetting("top_k", (("top_k", 3.0),), enabled=False)
    studio = make(decoding=replace(POET, stages=(off, *POET.stages)))
    studio.window.commands["save_preset"].trigger()
    dialog: NameDialog = studio.dialog(NameDialog)
    edit, save = dialog.findChild(QLineEdit), button(dialog, "preset_save")
    assert edit is not None
    assert not save.isEnabled()
    assert dialog.note == ""
    assert "Temperature 1.4 · Min-p 0.1" in [label.text() for label in dialog.findChildren(QLabel)]
    qtbot.keyClicks(edit, "balanced")
    assert "comes with the program" in dialog.note
    assert not save.isEnabled()
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert studio.saved == []
    edit.setText("  My  own ")
    with qtbot.waitSignal(studio.presets.saved):
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert [settings.presets for settings in studio.saved] == [(("My own", POET),)]
    assert studio.state.settings.presets == (("My own", POET),)
    assert marked(studio.menu) == [OWN + "My own"]
    assert "My own" in studio.window.status.text()


def test_saving_under_a_name_in_use_replaces_it_after_saying_so(make: Callable[..., Studio], qtbot: QtBot) -> None:
    studio = make(decoding=DART, presets=(("Poet", POET), ("Other", POET)))
    studio.window.commands["save_preset"].trigger()
    dialog: NameDialog = studio.dialog(NameDialog)
    edit, save = dialog.findChild(QLineEdit), button(dialog, "preset_save")
    assert edit is not None
    edit.setText("poet")
    assert "replaces" in dialog.note
    assert (save.text(), save.isEnabled()) == ("Replace", True)
    save.click()
    assert studio.state.settings.presets == (("Poet", DART), ("Other", POET))


def test_escape_saves_nothing(make: Callable[..., Studio], qtbot: QtBot) -> None:
    studio = make(decoding=POET)
    studio.window.commands["save_preset"].trigger()
    dialog: NameDialog = studio.dialog(NameDialog)
    dialog.findChild(QLineEdit).setText("mine")
    with qtbot.waitSignal(dialog.destroyed):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert studio.saved == []


def test_too_many_presets_are_refused_in_words(make: Callable[..., Studio]) -> None:
    full = tuple((str(number), POET) for number in range(MAX_PRESETS))
    studio = make(decoding=POET, presets=full)
    studio.presets.save("one more")
    assert "delete one first" in studio.window.notice.text()
    assert studio.state.settings.presets == full
    assert studio.saved == []


def test_own_presets_are_renamed_deleted_and_brought_back(make: Callable[..., Studio], qtbot: QtBot) -> None:
    studio = make(decoding=POET, presets=(("Poet", POET), (HOSTILE, DART), ("Third", DART)))
    studio.window.commands["manage_presets"].trigger()
    dialog: ManageDialog = studio.dialog(ManageDialog)
    rows = dialog.findChild(QListWidget)
    assert rows is not None
    assert [rows.item(i).text() for i in range(rows.count())] == ["Poet", HOSTILE, "Third"]
    dialog.activateWindow()
    rows.setFocus()
    qtbot.waitUntil(rows.hasFocus)
    qtbot.keyClick(rows, Qt.Key.Key_F2)
    name: NameDialog = dialog.findChild(NameDialog)
    edit = name.findChild(QLineEdit)
    assert edit is not None
    assert edit.text() == "Poet"
    edit.setText("third")
    assert not button(name, "preset_save").isEnabled(), "another one has it"
    edit.setText("POET")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert studio.state.settings.presets == (("POET", POET), (HOSTILE, DART), ("Third", DART))
    assert marked(studio.menu) == [OWN + "POET"]
    dialog.activateWindow()
    rows.setFocus()
    qtbot.waitUntil(rows.hasFocus)
    rows.setCurrentRow(1)
    undo = button(dialog, "preset_undelete")
    assert not undo.isVisible()
    qtbot.keyClick(rows, Qt.Key.Key_Delete)
    assert studio.state.settings.presets == (("POET", POET), ("Third", DART))
    assert rows.currentRow() == 1
    assert undo.isVisible()
    undo.click()
    assert studio.state.settings.presets == (("POET", POET), (HOSTILE, DART), ("Third", DART))
    assert rows.currentRow() == 1
    assert not undo.isVisible()
    assert len(studio.saved) == 3, "each change at once"
    for _ in range(3):
        button(dialog, "preset_delete").click()
    assert studio.state.settings.presets == ()
    assert not any(button(dialog, each).isEnabled() for each in ("preset_rename", "preset_delete", "preset_export"))
    assert "Save as preset" in dialog._words.text()
    qtbot.keyClick(rows, Qt.Key.Key_Delete)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_preset_goes_to_a_file_and_comes_back(make: Callable[..., Studio], qtbot: QtBot, tmp_path: Path) -> None:
    studio = make(decoding=POET, presets=(("Poet/2", POET), ("Dart", DART)))
    studio.window.commands["export_preset"].trigger()
    dialog: QFileDialog = studio.dialog(QFileDialog)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert Path(dialog.selectedFiles()[0]).name == "Poet_2.json"
    dialog.fileSelected.emit(str(tmp_path / "poet.json"))
    dialog.close()
    assert preset_files.read(tmp_path / "poet.json") == ("Poet/2", POET)
    studio.window.commands["manage_presets"].trigger()
    manage: ManageDialog = studio.dialog(ManageDialog)
    manage.findChild(QListWidget).setCurrentRow(1)
    button(manage, "preset_export").click()
    manage.findChild(QFileDialog).fileSelected.emit(str(tmp_path / "dart.json"))
    manage.close()
    assert preset_files.read(tmp_path / "dart.json") == ("Dart", DART)

    other = make()
    other.window.commands["import_preset"].trigger()
    dialog = other.dialog(QFileDialog)
    assert dialog.fileMode() == QFileDialog.FileMode.ExistingFile
    with qtbot.waitSignal(other.presets.saved):
        dialog.fileSelected.emit(str(tmp_path / "dart.json"))
    dialog.close()
    assert other.state.settings.presets == (("Dart", DART),)
    assert other.decoding == DecodingSettings(), "it is not put to use yet"
    assert "Dart" in texts(other.menu)


@pytest.mark.parametrize(("stem", "name"), [("mine", "mine"), ("Balanced", "Balanced settings"), ("ü" * 90, "ü" * 40)])
def test_settings_without_a_name_take_that_of_their_file(
    make: Callable[..., Studio], tmp_path: Path, stem: str, name: str
) -> None:
    studio = make(decoding=PRESETS["balanced"].settings)
    studio.presets.export_file(str(tmp_path / f"{stem}.json"))
    assert preset_files.read(tmp_path / f"{stem}.json") == (name, PRESETS["balanced"].settings)


def test_bad_files_are_named_and_change_nothing(make: Callable[..., Studio], tmp_path: Path) -> None:
    studio = make(decoding=POET, presets=(("Poet", POET),))
    bad = tmp_path / "bad.json"
    bad.write_text("{", "utf-8")
    for path, words in (
        (bad, "not JSON"),
        (tmp_path / "none.json", "cannot be read"),
    ):
        studio.presets.import_file(str(path))
        assert words in studio.window.notice.text()
        assert studio.state.settings.presets == (("Poet", POET),)
    assert studio.saved == []
    studio.presets.export_file(str(tmp_path / "no" / "folder.json"))
    assert "choose another place" in studio.window.notice.text()


def test_a_file_whose_name_is_taken_asks_for_another(make: Callable[..., Studio], qtbot: QtBot, tmp_path: Path) -> None:
    studio = make(decoding=POET, presets=(("Poet", POET), ("Poet (2)", POET)))
    preset_files.write(tmp_path / "poet.json", "poet", DART)
    studio.presets.import_file(str(tmp_path / "poet.json"))
    assert studio.saved == []
    dialog: NameDialog = studio.dialog(NameDialog)
    edit = dialog.findChild(QLineEdit)
    assert edit is not None
    assert edit.text() == "poet (3)"
    assert edit.hasSelectedText()
    assert button(dialog, "preset_save").isEnabled()
    said = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "“Poet” already" in said
    assert "Top-k 9" in said
    edit.setText("POET (2)")
    assert not button(dialog, "preset_save").isEnabled(), "nothing is replaced"
    edit.setText("Darts")
    with qtbot.waitSignal(studio.presets.saved):
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert studio.state.settings.presets == (("Poet", POET), ("Poet (2)", POET), ("Darts", DART))
    assert "Darts" in studio.window.status.text()
    assert studio.decoding == POET, "it is not put to use yet"
    with qtbot.waitSignal(dialog.destroyed):
        pass
    studio.presets.import_file(str(tmp_path / "poet.json"))
    qtbot.keyClick(studio.dialog(NameDialog), Qt.Key.Key_Escape)
    assert len(studio.saved) == 1, "cancelled"


def test_a_file_of_a_preset_that_is_there_already_adds_nothing(make: Callable[..., Studio], tmp_path: Path) -> None:
    studio = make(presets=(("Poet", POET),))
    preset_files.write(tmp_path / "poet.json", "POET", POET)
    studio.presets.import_file(str(tmp_path / "poet.json"))
    assert "“Poet” is among your presets already" in studio.window.status.text()
    assert studio.window.findChild(NameDialog) is None
    assert (studio.saved, studio.state.settings.presets) == ([], (("Poet", POET),))


def test_no_name_is_asked_for_where_there_is_no_room(make: Callable[..., Studio], tmp_path: Path) -> None:
    studio = make(presets=tuple((str(number), POET) for number in range(MAX_PRESETS)))
    preset_files.write(tmp_path / "one.json", "1", DART)
    studio.presets.import_file(str(tmp_path / "one.json"))
    assert "delete one first" in studio.window.notice.text()
    assert studio.window.findChild(NameDialog) is None


# -- in other programs' words ------------------------------------------------------------------------------------------


def test_copying_asks_the_worker_and_shows_what_came(make: Callable[..., Studio], qtbot: QtBot) -> None:
    studio = make()
    studio.window.commands["copy_transformers"].trigger()
    studio.window.commands["copy_llamacpp"].trigger()
    assert studio.engine.sent == [m.CopyAs("transformers"), m.CopyAs("llama.cpp")]
    code = "print('<b>hi</b>')\n\tx = 1\n"
    warnings = ("transformers has no <b>DRY</b>; it is left out.", "Second.")
    studio.presenter.handle([m.CopiedAs("transformers", code, warnings)])
    dialog: CopyDialog = studio.dialog(CopyDialog)
    assert QGuiApplication.clipboard().text() == code
    assert not dialog.isModal()
    text = dialog.findChild(QPlainTextEdit)
    assert text is not None
    assert (dialog.text, text.isReadOnly()) == (code, True)
    labels = [label for label in dialog.findChildren(QLabel) if label.isVisible()]
    assert set(warnings) <= {label.text() for label in labels}
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)
    places = {label.text(): label.mapTo(dialog, QPoint(0, 0)).y() for label in labels}
    assert places[warnings[0]] < places[warnings[1]] < text.mapTo(dialog, QPoint(0, 0)).y(), "warnings first"
    QGuiApplication.clipboard().setText("something else")
    button(dialog, "copy_again").click()
    assert QGuiApplication.clipboard().text() == code
    studio.presenter.handle([m.CopiedAs("llama.cpp", "--temp 1", ())])
    assert studio.dialog(CopyDialog) is dialog, "one window for all"
    assert (dialog.text, dialog.warnings) == ("--temp 1", ())
    assert not any(label.isVisible() and "DIFFERENT" in label.text() for label in dialog.findChildren(QLabel))
    assert QGuiApplication.clipboard().text() == "--temp 1"
    qtbot.keyClick(text, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_many_long_warnings_scroll_and_leave_room_for_the_text(make: Callable[..., Studio], qtbot: QtBot) -> None:
    studio = make()
    warnings = tuple(f"{number}. " + "A long sentence about what differs. " * 8 for number in range(24))
    studio.presenter.handle([m.CopiedAs("transformers", "x = 1\n" * 60, warnings)])
    dialog: CopyDialog = studio.dialog(CopyDialog)
    text = dialog.findChild(QPlainTextEdit)
    qtbot.waitUntil(lambda: dialog._scroll.verticalScrollBar().maximum() > 0)
    assert text.height() >= text.minimumHeight() > 60
    assert dialog.height() <= dialog.screen().availableSize().height()
    assert dialog._scroll.horizontalScrollBar().maximum() == 0
    dialog.close()
