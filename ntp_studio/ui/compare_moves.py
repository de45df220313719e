"""Moving along the text of all columns: what a person asks for becomes a command to the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from ntp_studio import compare_messages as c
from ntp_studio.engine import Engine
from ntp_studio.ui.compare_shown import CompareShown
from ntp_studio.ui.main_window import MainWindow

if TYPE_CHECKING:
    from ntp_studio.ui.compare_column import CompareColumn
    from ntp_studio.ui.compare_page import ComparePage

MOST_WAITING = 2  # steps asked for and not yet answered: a key held down must not leave a queue behind


class CompareMoves(QObject):
    def __init__(self, window: MainWindow, engine: Engine, shown: CompareShown) -> None:
        super().__init__(window)
        self.window, self.engine, self.shown = window, engine, shown
        window.toolbar.speed_chosen.connect(self._speed_chosen)

    @property
    def page(self) -> ComparePage | None:
        return self.shown.page

    def connect_column(self, column: CompareColumn) -> None:
        column.force_requested.connect(self._force)
        column.token_clicked.connect(self._token_clicked)
        column.step_requested.connect(self._step_clicked)
        column.end_requested.connect(self._end_clicked)

    def asked(self) -> None:
        """A person goes on: what was said about the last thing is no longer news."""
        self.window.notice.clear()
        self.window.status.clear_message()

    def _move_text(self, command: c.CompareCommand) -> None:
        if self.shown.has_text and self.shown.waiting < MOST_WAITING:
            self.shown.waiting += 1
            self.asked()
            self.engine.send(command)

    @Slot()
    def step(self) -> None:
        self._move_text(c.StepAll())

    @Slot(int)
    def _step_clicked(self, number: int) -> None:
        self.step()

    @Slot()
    def back(self) -> None:
        self._move_text(c.BackAll())

    @Slot()
    def forward(self) -> None:
        self._move_text(c.ForwardAll())

    @Slot()
    def go_to_end(self) -> None:
        self._move_text(c.GoToEnd())

    @Slot(int)
    def _end_clicked(self, number: int) -> None:
        self.go_to_end()

    @Slot()
    def restart(self) -> None:
        self.asked()
        self.engine.send(c.RestartAll())

    @Slot()
    def toggle_play(self) -> None:
        if not self.shown.has_text:
            return
        self.asked()
        # Known here at once, not when the worker says so: a second press must pause, however quick it comes.
        self.shown.playing = not self.shown.playing
        self.window.toolbar.show_playing(self.shown.playing)
        speed = self.window.toolbar.speed()
        self.engine.send(c.PlayAll(speed) if self.shown.playing else c.PauseAll())

    def pause(self) -> None:
        """Known here at once; the page may be left now."""
        if self.shown.playing:
            self.shown.playing = False
            self.window.toolbar.show_playing(False)
            self.engine.send(c.PauseAll())

    @Slot(float)
    def _speed_chosen(self, speed: float) -> None:
        if self.window.comparing and self.shown.playing:
            self.engine.send(c.PlayAll(speed))

    @Slot()
    def cancel(self) -> None:
        page = self.page
        if page is not None and page.editing:
            page.editor.cancel()
        elif page is not None and page.scoring:
            self.engine.send(c.CancelScoring())
        else:
            self.engine.cancel()

    @Slot(int, int)
    def _force(self, number: int, token_id: int) -> None:
        self.asked()
        self.engine.send(c.ForceInAll(number, token_id, self.shown.run))

    @Slot(str)
    def force_text(self, text: str) -> None:
        self.asked()
        self.engine.send(c.ForceText(text))

    @Slot(int)
    def go_to(self, index: int) -> None:
        self.asked()
        self.engine.send(c.GoToStretch(index, self.shown.run))

    @Slot(int, int)
    def _token_clicked(self, number: int, index: int) -> None:
        """A token on a column's page: to the stretch that it belongs to."""
        stretch = self.shown.stretch_of(number, index)
        if stretch is not None:
            self.go_to(stretch)

    @Slot()
    def next_worst(self) -> None:
        if self.page is not None:
            (self.page.score if self.page.scoring else self.page.disagreement).next_worst()

    @Slot()
    def previous_worst(self) -> None:
        if self.page is not None:
            (self.page.score if self.page.scoring else self.page.disagreement).previous_worst()

    def _leading(self) -> CompareColumn | None:
        return next(iter(self.page.columns.values()), None) if self.page is not None else None

    @Slot()
    def select_next(self) -> None:
        if (column := self._leading()) is not None:
            column.chart.select_next()

    @Slot()
    def select_previous(self) -> None:
        if (column := self._leading()) is not None:
            column.chart.select_previous()

    @Slot()
    def force_selected(self) -> None:
        if (column := self._leading()) is not None:
            column.chart.force_selected()
