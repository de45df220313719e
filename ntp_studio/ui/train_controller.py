"""The Train panel's controller: what a person does there becomes a command, what the worker says is shown.

The panel is made when it is first asked for, so that the window does not wait for it at the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from ntp_studio import messages as m
from ntp_studio import training_messages as t
from ntp_studio.engine import Engine
from ntp_studio.settings import Settings
from ntp_studio.time_lapse_messages import SnapshotShown
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import Presenter, State

if TYPE_CHECKING:
    from ntp_studio.ui.train_page import TrainPage


class TrainController(QObject):
    open_requested = Signal(str)  # a result is to be opened as the model

    def __init__(self, window: MainWindow, engine: Engine, state: State, presenter: Presenter) -> None:
        super().__init__(window)
        self.window, self.engine, self.state, self.presenter = window, engine, state, presenter
        self.page: TrainPage | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            t.TrainingPhase: self._on_phase,
            t.TrainingBegun: self._on_begun,
            t.TrainingProgress: self._on_progress,
            t.PromptLook: self._on_look,
            t.TrainingEnded: self._on_ended,
            t.TrainingFailed: self._on_failed,
            t.BaseCompared: self._on_compared,
            m.Loaded: self._on_model,
            m.LoadFailed: self._on_model,
            SnapshotShown: self._on_model,
        }
        presenter.listeners.append(self.handle)
        window.commands["train"].toggled.connect(self._toggled)

    def handle(self, event: m.Event) -> None:
        if self.page is not None and type(event) in self._handlers:
            self._handlers[type(event)](event)

    # -- the page ------------------------------------------------------------------------------------------------------

    @Slot(bool)
    def _toggled(self, on: bool) -> None:
        if on:
            page = self._made()
            if self.state.playing:
                self.engine.send(m.Pause())
            self.window.pages.setCurrentWidget(page)
            page.setFocus()
        else:
            self.window.pages.setCurrentIndex(0)
            self.window.text.setFocus()
            if self.page is not None and self.page.busy:
                self.window.status.show_message(self.tr("The training goes on; the button Train shows how far it is."))
        self.presenter.show_ready()

    def _made(self) -> TrainPage:
        if self.page is None:
            from ntp_studio.ui.train_page import TrainPage
            from ntp_studio.ui.train_values import unfinished_run

            page = self.page = TrainPage(self.window.theme, self.window)
            self.window.pages.addWidget(page)
            s = self.state.settings
            self._on_model(None)
            page.form.restore(s.training)
            page.form.files.set_paths(s.training_texts)
            if s.training_folder:
                page.form.set_parent_folder(s.training_folder)
            page.offer_unfinished(unfinished_run(Path(page.form.results_folder)))
            page.start_requested.connect(self._start)
            page.resume_requested.connect(self._resume)
            page.pause_requested.connect(self._pause)
            page.continue_requested.connect(self._continue)
            page.stop_requested.connect(self._stop)
            page.compare_requested.connect(self._compare)
            page.prompt_changed.connect(self._prompt)
            page.open_requested.connect(self._open)
        return self.page

    def remembered(self, settings: Settings) -> Settings:
        """The settings with what stands in the form."""
        if self.page is None:
            return settings
        form = self.page.form
        return replace(
            settings,
            training=form.state(),
            training_texts=form.text_paths(),
            training_folder=form.parent_folder(),
        )

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def _start(self) -> None:
        if self.page is not None:
            values = (*self.page.form.values(), ("device", self.state.settings.device))
            self.engine.send(t.StartTraining(values, self.page.watch.prompt.text()))

    @Slot(str)
    def _resume(self, folder: str) -> None:
        if self.page is not None:
            self.engine.send(t.ResumeTraining(folder, self.page.watch.prompt.text()))

    @Slot()
    def _pause(self) -> None:
        self.engine.send(t.PauseTraining())

    @Slot()
    def _continue(self) -> None:
        self.engine.send(t.ContinueTraining())

    @Slot()
    def _stop(self) -> None:
        self.engine.send(t.StopTraining())

    @Slot()
    def _compare(self) -> None:
        self.engine.send(t.CompareWithBase())

    @Slot(str)
    def _prompt(self, prompt: str) -> None:
        self.engine.send(t.WatchPrompt(prompt))

    @Slot(str)
    def _open(self, folder: str) -> None:
        self.window.commands["train"].setChecked(False)
        self.open_requested.emit(folder)

    # -- what the worker says ------------------------------------------------------------------------------------------

    def _on_phase(self, event: t.TrainingPhase) -> None:
        assert self.page is not None
        self.page.show_phase(event)
        self._show_share()

    def _on_begun(self, event: t.TrainingBegun) -> None:
        assert self.page is not None
        self.page.show_begun(event)

    def _on_progress(self, event: t.TrainingProgress) -> None:
        assert self.page is not None
        self.page.show_progress(event)
        self._show_share()

    def _show_share(self) -> None:
        """How far the training is, on the button that leads to it from wherever a person is."""
        assert self.page is not None
        self.window.toolbar.show_training(self.page.share_done if self.page.busy else None)

    def _on_look(self, event: t.PromptLook) -> None:
        assert self.page is not None
        self.page.watch.show_look(event)

    def _on_ended(self, event: t.TrainingEnded) -> None:
        assert self.page is not None
        self.page.show_ended(event)
        self._show_share()
        if not self.window.commands["train"].isChecked():
            words = self.tr("The training has ended after {0} steps.")
            self.window.status.show_message(words.format(f"{event.step:,}"))

    def _on_failed(self, event: t.TrainingFailed) -> None:
        assert self.page is not None
        self.page.show_failed(event)
        self._show_share()
        if not event.cancelled and not self.window.commands["train"].isChecked():
            self.window.notice.show_text(event.message)

    def _on_compared(self, event: t.BaseCompared) -> None:
        assert self.page is not None
        self.page.show_compared(event)

    def _on_model(self, event: object) -> None:
        info = self.state.info
        if self.page is not None:
            self.page.form.set_open_model(info.name if info else "", info.path if info else "")
