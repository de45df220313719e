"""What a person chooses on the compare page: prompt, how the columns go together, their decoding, a text to score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from ntp_studio import compare_messages as c
from ntp_studio.core.types import DEFAULT_SEED, DecodingSettings, StudioError
from ntp_studio.engine import Engine
from ntp_studio.ui.compare_moves import CompareMoves
from ntp_studio.ui.compare_shown import CompareShown
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.presenter import State
from ntp_studio.ui.preset_controller import preset_settings
from ntp_studio.ui.preset_menu import preset_of

if TYPE_CHECKING:
    from ntp_studio.ui.compare_column import CompareColumn
    from ntp_studio.ui.compare_page import ComparePage


class CompareChoices(QObject):
    def __init__(
        self, window: MainWindow, engine: Engine, state: State, shown: CompareShown, moves: CompareMoves
    ) -> None:
        super().__init__(window)
        self.window, self.engine, self.state, self.shown, self.moves = window, engine, state, shown, moves
        self.seed = DEFAULT_SEED
        window.commands["log_scale"].toggled.connect(self._log_toggled)
        window.toolbar.seed_chosen.connect(self._seed_chosen)
        window.toolbar.preset_chosen.connect(self._preset_chosen)

    @property
    def page(self) -> ComparePage | None:
        return self.shown.page

    def connect_column(self, column: CompareColumn) -> None:
        column.decoding_requested.connect(self._open_drawer)

    def connect_page(self, page: ComparePage) -> None:
        page.tabs.chosen.connect(self._mode_chosen)
        page.score_button.clicked.connect(self._score_clicked)
        page.prompt_submitted.connect(self._prompt_submitted)
        page.prompt_edited.connect(self._prompt_edited)
        page.drawer.changed.connect(self._decoding_changed)
        page.drawer.chosen.connect(self._column_chosen)
        page.drawer.closed.connect(self._close_drawer)
        page.drawer.pictures_wanted.connect(self._pictures_wanted)
        panel, score = page.disagreement, page.score
        panel.mode_chosen.connect(self._lockstep_mode)
        panel.same_draw_chosen.connect(self._same_draw)
        panel.after_decoding_chosen.connect(self._after_decoding)
        score.score_text.connect(self._score)
        score.score_file.connect(self._score_file)
        score.cancel_requested.connect(self.cancel_scoring)
        score.export_requested.connect(self._export_to)
        score.closed.connect(self._close_score)

    # -- the prompt ----------------------------------------------------------------------------------------------------

    @Slot()
    def edit_prompt(self) -> None:
        if self.page is not None:
            self.page.edit_prompt()

    @Slot(str, bool)
    def _prompt_submitted(self, text: str, chat: bool) -> None:
        self.moves.asked()
        self.engine.send(c.SetSharedPrompt(text, chat))

    @Slot(str, bool)
    def _prompt_edited(self, text: str, chat: bool) -> None:
        self.engine.send(c.TokenizeShared(text, chat))

    # -- settings ------------------------------------------------------------------------------------------------------

    @Slot(str)
    def _lockstep_mode(self, mode: Any) -> None:
        self.engine.send(c.SetMode(mode))

    @Slot(bool)
    def _same_draw(self, on: bool) -> None:
        self.engine.send(c.SetSameDraw(on))

    @Slot(bool)
    def _after_decoding(self, on: bool) -> None:
        self.engine.send(c.CompareAfterDecoding(on))

    @Slot(object)
    def _seed_chosen(self, seed: int) -> None:
        if self.window.comparing:
            self.seed = seed
            self.engine.send(c.SetSharedSeed(seed))

    @Slot(int)
    def _open_drawer(self, number: int) -> None:
        if self.page is None:
            return
        drawer = self.page.drawer
        if drawer.isVisible() and drawer.number == number:
            self._close_drawer()
            return
        drawer.choose(number)
        drawer.show()
        self.show_preset()
        self.shown.show_reports()
        self._pictures_wanted(drawer.panel.pictures_shown)

    @Slot(int)
    def _column_chosen(self, number: int) -> None:
        self.shown.show_reports()
        self.show_preset()

    @Slot()
    def _close_drawer(self) -> None:
        if self.page is not None:
            self.page.drawer.hide()
            self.engine.send(c.ShowColumnPictures(False))

    @Slot(bool)
    def _pictures_wanted(self, on: bool) -> None:
        self.engine.send(c.ShowColumnPictures(on))

    @Slot(str)
    def _preset_chosen(self, preset_id: str) -> None:
        """For the column whose decoding is on view, or for all while they are linked."""
        if self.page is None or not self.window.comparing:
            return
        drawer = self.page.drawer
        try:
            wanted = preset_settings(preset_id, drawer.panel.settings(), self.state.settings.presets)
        except StudioError as error:
            self.window.notice.show_text(str(error))
            return
        self.moves.asked()
        self._decoding_changed(wanted, -1 if drawer.linked else drawer.number)

    @Slot(object, int)
    def _decoding_changed(self, decoding: DecodingSettings, number: int) -> None:
        event = self.shown.columns_event
        if number < 0 and event is not None and len({state.decoding for state in event.columns}) > 1:
            self.window.status.show_message(self.tr("All columns have the decoding on view now."))
        self.engine.send(c.SetColumnDecoding(decoding, None if number < 0 else number))
        self.show_preset(decoding)

    def show_preset(self, decoding: DecodingSettings | None = None) -> None:
        """Mark the preset that the decoding on view is."""
        if self.page is not None and self.window.comparing:
            shown = decoding if decoding is not None else self.page.drawer.panel.settings()
            self.window.toolbar.show_preset(preset_of(shown, self.state.settings.presets))

    @Slot(str)
    def _mode_chosen(self, mode: str) -> None:
        self.shown.set_page_mode(mode)

    @Slot(bool)
    def _log_toggled(self, on: bool) -> None:
        self.shown.set_log_scale(on)

    # -- a given text --------------------------------------------------------------------------------------------------

    @Slot()
    def _score_clicked(self) -> None:
        self.window.commands["score_text"].trigger()

    @Slot()
    def toggle_score(self) -> None:
        if self.page is not None:
            (self.page.show_columns if self.page.scoring else self.page.show_score)()

    @Slot()
    def _close_score(self) -> None:
        if self.page is not None:
            self.page.show_columns()

    @Slot(str, str)
    def _score(self, text: str, name: str) -> None:
        self.engine.send(c.ScoreText(text, name))

    @Slot(str)
    def _score_file(self, path: str) -> None:
        self.engine.send(c.ScoreFile(path))

    @Slot()
    def cancel_scoring(self) -> None:
        self.engine.send(c.CancelScoring())

    @Slot(str)
    def _export_to(self, path: str) -> None:
        self.engine.send(c.ExportScores(path))

    @Slot()
    def export(self) -> None:
        if self.page is not None and self.page.scoring:
            self.page.score.ask_export()
