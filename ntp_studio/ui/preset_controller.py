"""The presets' controller: choosing, keeping, exchanging and copying decoding settings, and taking a choice back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from ntp_studio import messages as m
from ntp_studio import preset_files
from ntp_studio.core.decoding import Chain
from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import DecodingSettings, StudioError
from ntp_studio.engine import Engine
from ntp_studio.ui.copy_dialog import CopyDialog
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter, State
from ntp_studio.ui.preset_dialogs import ManageDialog, NameDialog
from ntp_studio.ui.preset_menu import OWN, own_summary, preset_of

UNDO_KEPT = 20
SUFFIX = ".json"


def preset_settings(
    preset_id: str, present: DecodingSettings, own: Sequence[tuple[str, DecodingSettings]]
) -> DecodingSettings:
    """The settings of a preset, of the program's or of a person's `own`. One of the program's says nothing of how a
    token is drawn, race or dart: that stays as at `present`. Raises StudioError: it was edited by hand and is wrong."""
    if preset_id.startswith(OWN):
        wanted = dict(own)[preset_id.removeprefix(OWN)]
        Chain.of(wanted)
        return wanted
    wanted = PRESETS[preset_id].settings
    method = present.method if wanted.method == "race" and present.method == "dart" else wanted.method
    return replace(wanted, method=method, needle=present.needle)


class PresetController(QObject):
    """Owns what can be done with whole chains. It holds no settings of its own: they are the state's."""

    decoding_chosen = Signal(object)  # the DecodingSettings to show and to use from now on
    saved = Signal(object)  # the Settings, with other presets of a person's own: to be written at once

    def __init__(self, window: MainWindow, engine: Engine, state: State, presenter: Presenter) -> None:
        super().__init__(window)
        self._window, self._engine, self._state = window, engine, state
        self._past: list[DecodingSettings] = []
        self._copy: CopyDialog | None = None
        self._exported: DecodingSettings | None = None  # while its place is asked for
        self._imported: DecodingSettings | None = None  # while its name is asked for
        presenter.listeners.append(self.handle)
        for action, slot in {
            "undo_decoding": self.undo,
            "save_preset": self.ask_save,
            "manage_presets": self.manage,
            "import_preset": self.ask_import,
            "export_preset": self.ask_export,
            "copy_transformers": self._copy_transformers,
            "copy_llamacpp": self._copy_llamacpp,
        }.items():
            window.commands[action].triggered.connect(slot)
        window.toolbar.preset_chosen.connect(self.choose)
        window.toolbar.show_own_presets(state.settings.presets)
        self._show_undo()

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        if isinstance(event, m.CopiedAs):
            self._show_copied(event)

    def show(self, decoding: DecodingSettings) -> None:
        """Mark the preset that these settings are, or none."""
        self._window.toolbar.show_preset(preset_of(decoding, self._state.settings.presets))

    # -- choosing, and taking it back ----------------------------------------------------------------------------------

    @Slot(str)
    def choose(self, preset_id: str) -> None:
        """Use a preset at the main page from now on."""
        if not self._window.inspecting:
            return
        present = self._state.settings.decoding
        try:
            wanted = preset_settings(preset_id, present, self._state.settings.presets)
        except StudioError as error:
            self._window.notice.show_text(str(error))
            self.show(present)
            return
        self._window.notice.clear()
        self._window.status.clear_message()
        self.remember(present)
        self.decoding_chosen.emit(wanted)

    def remember(self, decoding: DecodingSettings) -> None:
        """Keep settings that are about to be replaced as a whole, for `undo`."""
        if not self._past or self._past[-1] != decoding:
            self._past = [*self._past, decoding][-UNDO_KEPT:]
        self._show_undo()

    @Slot()
    def undo(self) -> None:
        """Back to the settings before the last replacement."""
        while self._past:
            before = self._past.pop()
            if before != self._state.settings.decoding:
                self._window.status.show_message(self.tr("The decoding settings are those from before."))
                self.decoding_chosen.emit(before)
                break
        self._show_undo()

    def _show_undo(self) -> None:
        self._window.commands["undo_decoding"].setEnabled(bool(self._past))

    # -- a person's own ------------------------------------------------------------------------------------------------

    @Slot()
    def ask_save(self) -> None:
        names = [name for name, _ in self._state.settings.presets]
        words = own_summary(preset_files.kept(self._state.settings.decoding))
        nothing = self.tr("All stages are off: the preset will draw from the model's own distribution.")
        dialog = NameDialog(self.tr("Save as preset"), words or nothing, "", names, replaces=True, parent=self._window)
        dialog.named.connect(self.save)
        dialog.open()

    @Slot(str)
    def save(self, name: str) -> None:
        """Keep the present settings under this name."""
        try:
            presets = preset_files.with_preset(self._state.settings.presets, name, self._state.settings.decoding)
        except StudioError as error:
            self._window.notice.show_text(str(error))
            return
        self._take(presets)
        self._window.status.show_message(self.tr("The preset “{0}” is saved.").format(name))

    @Slot()
    def manage(self) -> None:
        dialog = ManageDialog(self._state.settings.presets, self._window)
        dialog.changed.connect(self._take)
        dialog.export_asked.connect(self._ask_export_of)
        dialog.open()

    @Slot(object)
    def _take(self, presets: tuple[tuple[str, DecodingSettings], ...]) -> None:
        self._state.settings = replace(self._state.settings, presets=presets)
        self._window.toolbar.show_own_presets(presets)
        self.show(self._state.settings.decoding)
        self.saved.emit(self._state.settings)

    # -- files ---------------------------------------------------------------------------------------------------------

    @Slot()
    def ask_import(self) -> None:
        dialog = QFileDialog(self._window, self.tr("Import preset"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._ask(dialog, self.import_file)

    @Slot(str)
    def import_file(self, path: str) -> None:
        """Add the preset in a file to a person's own; it is not put to use yet. Where another has its name, a name is
        asked for."""
        own = self._state.settings.presets
        try:
            name, decoding = preset_files.read(Path(path))
            same = next(((other, kept) for other, kept in own if other.casefold() == name.casefold()), None)
            free = name if same is None else preset_files.free_name(name, [other for other, _ in own])
            presets = preset_files.with_preset(own, free, decoding)  # before a name is asked for in vain
        except StudioError as error:
            self._window.notice.show_text(str(error))
            return
        self._window.notice.clear()
        if same is None:
            self._add(presets, name)
        elif same[1] == decoding:
            words = self.tr("“{0}” is among your presets already, with the same settings.")
            self._window.status.show_message(words.format(same[0]))
        else:
            self._ask_name(same[0], free, decoding)

    def _ask_name(self, name: str, free: str, decoding: DecodingSettings) -> None:
        """Ask what to call an imported preset whose name another one has."""
        self._imported = decoding
        words = self.tr("You have a preset called “{0}” already, with other settings.\nThe one in the file: {1}")
        summary = own_summary(decoding) or self.tr("Draws from the model's own distribution.")
        names = [other for other, _ in self._state.settings.presets]
        title = self.tr("Import preset")
        dialog = NameDialog(title, words.format(name, summary), free, names, replaces=False, parent=self._window)
        dialog.named.connect(self._import_as)
        dialog.open()

    @Slot(str)
    def _import_as(self, name: str) -> None:
        decoding, self._imported = self._imported, None
        if decoding is None:
            return
        try:
            presets = preset_files.with_preset(self._state.settings.presets, name, decoding)
        except StudioError as error:
            self._window.notice.show_text(str(error))
            return
        self._add(presets, name)

    def _add(self, presets: tuple[tuple[str, DecodingSettings], ...], name: str) -> None:
        self._take(presets)
        self._window.status.show_message(self.tr("“{0}” is among your presets now.").format(name))

    @Slot()
    def ask_export(self) -> None:
        present = self._state.settings.decoding
        preset_id = preset_of(present, self._state.settings.presets) or ""
        self._ask_place(preset_id.removeprefix(OWN) if preset_id.startswith(OWN) else "", present, self._window)

    @Slot(str)
    def _ask_export_of(self, name: str) -> None:
        dialog = self.sender()
        beside = dialog if isinstance(dialog, QWidget) else self._window
        self._ask_place(name, dict(self._state.settings.presets)[name], beside)

    def _ask_place(self, name: str, decoding: DecodingSettings, beside: QWidget) -> None:
        self._exported = decoding
        dialog = QFileDialog(beside, self.tr("Export as preset file"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX.removeprefix("."))
        if name:
            usable = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in name).strip(" .")
            dialog.selectFile((usable or "preset") + SUFFIX)
        self._ask(dialog, self.export_file)

    def _ask(self, dialog: QFileDialog, slot: object) -> None:
        dialog.setNameFilter(self.tr("Presets ({0})").format("*" + SUFFIX))
        dialog.fileSelected.connect(slot)
        dialog.open()

    @Slot(str)
    def export_file(self, path: str) -> None:
        """Write the settings whose place was asked for, or the present ones, to a preset file."""
        decoding = self._state.settings.decoding if self._exported is None else self._exported
        self._exported = None
        try:
            preset_files.write(Path(path), self._name_in_file(Path(path), decoding), decoding)
        except StudioError as error:
            self._window.notice.show_text(str(error))
            return
        self._window.status.show_message(self.tr("Written to {0}.").format(Path(path).name))

    def _name_in_file(self, path: Path, decoding: DecodingSettings) -> str:
        """The name of the preset that these settings are, else the file's own, such that it can be imported again."""
        for name, own in self._state.settings.presets:
            if own == preset_files.kept(decoding):
                return name
        stem = "".join(c for c in path.stem if c.isprintable())[:40] or self.tr("Preset")
        try:
            return preset_files.checked_name(stem)
        except StudioError:
            return self.tr("{0} settings").format(" ".join(stem.split()))

    # -- in other programs' words --------------------------------------------------------------------------------------

    @Slot()
    def _copy_transformers(self) -> None:
        self._engine.send(m.CopyAs("transformers"))

    @Slot()
    def _copy_llamacpp(self) -> None:
        self._engine.send(m.CopyAs("llama.cpp"))

    def _show_copied(self, event: m.CopiedAs) -> None:
        if self._copy is None:
            self._copy = CopyDialog(self._window)
        code = event.program == "transformers"
        title = self.tr("transformers code") if code else self.tr("llama.cpp arguments")
        self._copy.show_copied(title, event.text, event.warnings, wrap=not code)
