"""Saving a text and going on with a saved one: where to, asked without stopping anything, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from ntp_studio import messages as m
from ntp_studio.engine import Engine
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter

ENDING = ".ntpstudio"


def is_saved_text(path: str) -> bool:
    """Whether a file is, by its name, a saved text and not a model."""
    return path.casefold().endswith(ENDING)


class SessionController(QObject):
    opened = Signal(object)  # m.SessionOpened: decoding, seed and prompt are to be shown
    model_dropped = Signal(str)  # a file or folder that is no saved text

    def __init__(self, window: MainWindow, engine: Engine, presenter: Presenter) -> None:
        super().__init__(window)
        self._window, self._engine, self._state = window, engine, presenter.state
        self._path = ""  # where this text is saved; "" until a person has said
        self._asked = ""  # where it is being saved
        self._folder = ""  # the last one chosen
        self._handlers: dict[type, Callable[[Any], None]] = {
            m.SessionSaved: self._on_saved,
            m.SessionOpened: self._on_opened,
            m.Loaded: self._on_loaded,
            m.Trouble: self._on_trouble,
        }
        presenter.listeners.append(self.handle)
        window.commands["save_session"].triggered.connect(self.save)
        window.commands["open_session"].triggered.connect(self.ask_open)
        window.text.prompt_submitted.connect(self._forget)

    def handle(self, event: m.Event) -> None:
        """One event of the worker, in the main thread."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # -- what a person does

    @Slot()
    def save(self) -> None:
        """Save to the file of this text; where it has none, ask for one."""
        if self._state.frame is None:
            return
        path = self._asked or self._path
        if path:
            self._save(path)
        else:
            self.ask_save()

    @Slot()
    def ask_save(self) -> None:
        """Ask for a place; the dialog stays beside the window and blocks nothing behind it."""
        dialog = self._dialog(self.tr("Save the text"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ENDING[1:])
        words = re.findall(r"\w+", self._window.text.prompt_text)[:5]
        dialog.selectFile((" ".join(words)[:40].strip() or self.tr("text")) + ENDING)
        dialog.fileSelected.connect(self.save_as)
        dialog.open()

    @Slot(str)
    def save_as(self, path: str) -> None:
        if not is_saved_text(path):
            path += ENDING
            if Path(path).exists():  # the dialog has asked about the name without the ending
                words = self.tr("There is a {0} already. Choose another name, or this one with its ending.")
                self._window.notice.show_text(words.format(Path(path).name))
                return
        self._folder = str(Path(path).parent)
        self._save(path)

    def _save(self, path: str) -> None:
        self._window.notice.clear()
        self._asked = path
        self._engine.send(m.SaveSession(path))

    @Slot()
    def ask_open(self) -> None:
        """Ask for a saved text."""
        dialog = self._dialog(self.tr("Open a saved text"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.open)
        dialog.open()

    @Slot(str)
    def open(self, path: str) -> None:
        """Go on with a saved text; its model is opened if another one is open."""
        self._folder = str(Path(path).parent)
        self._window.notice.clear()
        self._engine.send(m.OpenSession(path))

    @Slot(str)
    def take_dropped(self, path: str) -> None:
        """A file or folder was dropped on the window: a saved text, or what may be a model."""
        if is_saved_text(path):
            self.open(path)
        else:
            self.model_dropped.emit(path)

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilter(self.tr("Saved texts ({0})").format(f"*{ENDING}"))
        if self._folder:
            dialog.setDirectory(self._folder)
        return dialog

    @Slot()
    def _forget(self) -> None:
        """Another text takes the place of this one: saving it must not replace the file of this."""
        self._path = self._asked = ""

    # -- what the worker says

    def _on_saved(self, event: m.SessionSaved) -> None:
        if event.path == self._asked:
            self._path, self._asked = event.path, ""
        self._window.status.show_message(self.tr("Saved as {0}").format(Path(event.path).name))

    def _on_opened(self, event: m.SessionOpened) -> None:
        self._path, self._asked = event.path, ""
        if not self._window.inspecting:
            for page in ("train", "compare"):
                self._window.commands[page].setChecked(False)  # which brings the main page to the front
        self._window.status.show_message(self.tr("Going on with {0}").format(Path(event.path).name))
        self.opened.emit(event)

    def _on_loaded(self, event: m.Loaded) -> None:
        self._forget()  # of a saved text, SessionOpened follows

    def _on_trouble(self, event: m.Trouble) -> None:
        if self._asked:  # it may not have been saved: ask for a place the next time
            self._forget()
