"""The top bar: the model at the left, the steps in the middle, seed, presets and theme at the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QWidget

from ntp_studio.core.types import DecodingSettings, ModelInfo, ModelListing
from ntp_studio.ui.actions import COMPARE, Actions, key_text
from ntp_studio.ui.bar_button import BarButton
from ntp_studio.ui.model_menu import ModelMenu
from ntp_studio.ui.preset_menu import PresetMenu
from ntp_studio.ui.seed_field import SeedField
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

SPEEDS = (1.0, 2.0, 4.0, 8.0, 16.0, 0.0)
"""Tokens a second to choose from; 0 is as fast as the model goes."""


def toggle_theme(theme: Theme) -> None:
    """Change between light and dark. Where that is what the desktop has, follow the desktop again."""
    other = "light" if theme.palette.name == "dark" else "dark"
    system_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    theme.choose("system" if (other == "dark") == system_dark else other)


class Toolbar(QWidget):
    """Shows a state and passes on what a person asks for; it decides nothing about models.

    The actions `open_model`, `open_folder`, `new_seed`, `faster`, `slower` and `theme` are carried out here, and end
    in the signals below; the others belong to the window.
    """

    open_requested = Signal(str)
    device_chosen = Signal(str)
    dtype_chosen = Signal(str)
    seed_chosen = Signal(object)  # an int; Signal(int) would be a C int of 32 bits
    speed_chosen = Signal(float)
    preset_chosen = Signal(str)
    cancel_requested = Signal()

    def __init__(self, actions: Actions, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table, self._theme = actions, theme
        self._info: ModelInfo | None = None
        self._series = ""
        self._loading = False
        self._speed = 4.0
        self.setProperty("bar", "top")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        left, middle, right = self._make_model(), self._make_steps(), self._make_settings()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 9)
        row.setSpacing(self.GAP)
        row.addWidget(left, 1)
        row.addWidget(middle)
        row.addWidget(right, 1)
        for action_id, slot in {
            "open_model": self.choose_file,
            "open_folder": self.choose_folder,
            "new_seed": self._seed.draw_new,
            "faster": self._faster,
            "slower": self._slower,
            "theme": self._toggle_theme,
        }.items():
            actions[action_id].triggered.connect(slot)
        theme.changed.connect(self._theme_changed)
        self._theme_changed()
        self.show_model(None)
        self.show_playing(False)
        self.set_speed(self._speed)

    GAP = 8
    LEVELS = 6  # of leaving parts out, see _apply

    def _make_model(self) -> QWidget:
        self._menu = ModelMenu(self._table, self)
        self._menu.model_chosen.connect(self.open_requested)
        self._menu.device_chosen.connect(self.device_chosen)
        self._menu.dtype_chosen.connect(self.dtype_chosen)
        self._model = BarButton(self._theme, chevron=True)
        self._model.setObjectName("model_button")
        self._model.set_strong(True)
        self._model.setMenu(self._menu)
        self._cancel = BarButton(self._theme, glyph="close")
        self._cancel.setObjectName("cancel_load")
        self._cancel.setAccessibleName(self.tr("Cancel loading"))
        self._cancel.setToolTip(self.tr("Cancel loading (Esc)"))
        self._cancel.clicked.connect(self.cancel_requested)
        self._cancel.hide()
        self._add = BarButton(self._theme, self.tr("Add model"), glyph="plus", action=self._table["add_column"])
        self._add.setObjectName("add_column_button")
        self._add.hide()
        self._compare = BarButton(self._theme, self.tr("Compare"), action=self._table["compare"])
        self._compare.setObjectName("compare_button")
        self._compare.setCheckable(True)
        self._table["compare"].toggled.connect(self._compare.setChecked)
        self._train = BarButton(self._theme, self.tr("Train"), action=self._table["train"])
        self._train.setObjectName("train_button")
        self._train.setCheckable(True)
        self._table["train"].toggled.connect(self._train.setChecked)
        return self._group(Qt.AlignmentFlag.AlignLeft, self._model, self._add, self._cancel, self._compare, self._train)

    def _make_steps(self) -> QWidget:
        def button(action_id: str, primary: bool = False) -> BarButton:
            action = self._table[action_id]
            key = key_text(self._table.spec(action_id).shortcuts[0])
            made = BarButton(self._theme, action.text(), glyph=action_id, cap=key, action=action, primary=primary)
            made.setObjectName(f"{action_id}_button")
            return made

        self._back, self._step = button("back"), button("step", primary=True)
        self._play, self._restart = button("play"), button("restart")
        self._play.reserve(self.tr("Play"), self.tr("Pause"))
        self._speed_button = BarButton(self._theme, chevron=True)
        self._speed_button.setObjectName("speed_button")
        self._speed_button.setToolTip(self.tr("Tokens a second while playing (+ and -)"))
        menu = QMenu(self)
        self._speed_group = QActionGroup(menu)
        self._speed_group.triggered.connect(self._speed_picked)
        for speed in SPEEDS:
            action = QAction(self._speed_text(speed), menu)
            action.setData(speed)
            action.setCheckable(True)
            self._speed_group.addAction(action)
            menu.addAction(action)
        self._speed_button.setMenu(menu)
        self._speed_button.reserve(*(self._speed_text(speed) for speed in SPEEDS))
        return self._group(
            Qt.AlignmentFlag.AlignHCenter, self._back, self._step, self._play, self._speed_button, self._restart
        )

    def _make_settings(self) -> QWidget:
        self._seed = SeedField(self._theme)
        self._seed.chosen.connect(self.seed_chosen)
        self._seed.dice.setToolTip(self._table["new_seed"].toolTip())
        self._seed.dice.setAccessibleName(self._table["new_seed"].text())
        self._presets = BarButton(self._theme, self.tr("Presets"), chevron=True)
        self._presets.setObjectName("presets_button")
        self._presets.setToolTip(self.tr("Ready-made decoding settings"))
        self._preset_menu = PresetMenu(self._table, self)
        self._preset_menu.preset_chosen.connect(self.preset_chosen)
        self._presets.setMenu(self._preset_menu)
        self._theme_button = BarButton(self._theme, glyph="moon", action=self._table["theme"])
        self._theme_button.setObjectName("theme_button")
        self._theme_button.setAccessibleName(self._table["theme"].text())
        self._more = BarButton(self._theme, glyph="more")
        self._more.setObjectName("more_button")
        self._more.setAccessibleName(self.tr("All commands"))
        self._more.setToolTip(self.tr("All commands"))
        all_menus = QMenu(self)
        for part in self._table.menus(self):
            all_menus.addMenu(part)
        self._more.setMenu(all_menus)
        return self._group(Qt.AlignmentFlag.AlignRight, self._seed, self._presets, self._theme_button, self._more)

    def _group(self, side: Qt.AlignmentFlag, *widgets: QWidget) -> QWidget:
        group = QWidget(self)
        row = QHBoxLayout(group)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(self.GAP)
        if side == Qt.AlignmentFlag.AlignRight:
            row.addStretch(1)
        for widget in widgets:
            row.addWidget(widget)
        if side == Qt.AlignmentFlag.AlignLeft:
            row.addStretch(1)
        return group

    # -- what it shows -------------------------------------------------------------------------------------------------

    @property
    def add_button(self) -> BarButton:
        """Where the list of models for another column is opened."""
        return self._add

    def enable_draw(self, on: bool) -> None:
        """Whether seed, speed and presets can be chosen."""
        for part in (self._seed, self._speed_button, self._presets):
            part.setEnabled(on)

    def show_page(self, page: str) -> None:
        """On the compare page every column names its own model, and the button of the one model makes way."""
        self._model.setVisible(page != COMPARE)
        self._add.setVisible(page == COMPARE)
        self._fit()

    def show_model(self, info: ModelInfo | None, series: str = "") -> None:
        """The model that is open; ends the display of a load. Of a snapshot, the button says the training (`series`),
        so that nothing moves from one to the next."""
        self._info, self._series = info, series
        self._loading = False
        self._cancel.hide()
        self._model.set_progress(None, busy=False)
        self._menu.show_model(info)
        if info is None:
            self._model.set_label(self.tr("Open a model"), "")
            self._model.setToolTip(self.tr("No model is open"))
        else:
            self._model.set_label(series or info.name, " · ".join(part for part in (info.device, info.dtype) if part))
            size = f"{info.architecture}, {info.parameters:,} parameters"
            lines = (info.name if series else "", info.path, size, info.device_reason)
            self._model.setToolTip("\n".join(line for line in lines if line))
        self._fit()

    def show_series(self, name: str) -> None:
        """The training that the open model is a snapshot of, "" where it stands alone."""
        if self._loading:  # shown when that has failed
            self._series = name
        else:
            self.show_model(self._info, name)

    def show_loading(self, name: str, fraction: float | None = None, message: str = "") -> None:
        """`Loading NAME 43%` with a thin line of progress, and a button to cancel."""
        self._loading = True
        percent = "" if fraction is None else f"{int(min(max(fraction, 0.0), 1.0) * 100)}%"
        self._model.set_label(self.tr("Loading {0}").format(name), percent)
        self._model.setToolTip(message)
        self._model.set_progress(fraction, busy=True)
        self._cancel.show()
        self._fit()

    def end_loading(self) -> None:
        """The load failed or was cancelled: show again what is open."""
        self.show_model(self._info, self._series)

    def show_training(self, share: float | None) -> None:
        """How much of a training is done, 0 to 1; None when none is under way, NaN while it is prepared."""
        if share is None or math.isnan(share):
            self._train.set_label(self.tr("Train"), "" if share is None else "…")
        else:
            self._train.set_label(self.tr("Train"), f"{int(share * 100)}%")
        self._train.set_progress(share if share is not None and not math.isnan(share) else None, busy=share is not None)
        self._fit()

    def show_models(self, listings: Sequence[ModelListing]) -> None:
        self._menu.show_models(listings)

    def show_recent(self, paths: Sequence[str]) -> None:
        self._menu.show_recent(paths)

    def set_device_choice(self, device: str, dtype: str) -> None:
        self._menu.set_choice(device, dtype)

    def show_playing(self, playing: bool) -> None:
        text = self.tr("Pause") if playing else self.tr("Play")
        self._table["play"].setText(text)
        self._play.set_label(text)
        self._play.set_glyph("pause" if playing else "play")

    def seed(self) -> int:
        return self._seed.seed()

    def set_seed(self, seed: int) -> None:
        self._seed.set_seed(seed)
        self._fit()

    def show_preset(self, name: str | None) -> None:
        """Mark the preset that the present decoding settings are (see `preset_menu.preset_of`), or none."""
        self._preset_menu.show_preset(name)

    def show_own_presets(self, presets: Sequence[tuple[str, DecodingSettings]]) -> None:
        self._preset_menu.show_own(presets)

    def speed(self) -> float:
        return self._speed

    def set_speed(self, speed: float) -> None:
        """Show a speed, one of `SPEEDS` or not."""
        self._speed = speed
        self._speed_button.set_label(self._speed_text(speed))
        for action in self._speed_group.actions():
            action.setChecked(action.data() == speed)

    def _speed_text(self, speed: float) -> str:
        return self.tr("{0} tok/s").format(f"{speed:g}") if speed else self.tr("Max speed")

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def choose_file(self) -> None:
        """Ask for a checkpoint file; the dialog stays beside the window and blocks nothing behind it."""
        patterns = "*.safetensors *.gguf *.pt *.pth *.bin *.json *.ckpt"
        self._ask(QFileDialog.FileMode.ExistingFile, self.tr("Model files ({0});;All files (*)").format(patterns))

    @Slot()
    def choose_folder(self) -> None:
        self._ask(QFileDialog.FileMode.Directory, "")

    def _ask(self, mode: QFileDialog.FileMode, name_filter: str) -> None:
        dialog = QFileDialog(self.window(), self.tr("Open a model"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if name_filter:
            dialog.setNameFilter(name_filter)
        if self._info is not None and self._info.path:
            dialog.setDirectory(str(Path(self._info.path).parent))
        dialog.fileSelected.connect(self.open_requested)
        dialog.open()

    @Slot(QAction)
    def _speed_picked(self, action: QAction) -> None:
        self._take_speed(action.data())

    @Slot()
    def _faster(self) -> None:
        self._take_speed(next((s for s in SPEEDS if s > self._speed), 0.0) if self._speed else 0.0)

    @Slot()
    def _slower(self) -> None:
        slower = [s for s in SPEEDS if s and (not self._speed or s < self._speed)]
        self._take_speed(slower[-1] if slower else self._speed)

    def _take_speed(self, speed: float) -> None:
        changed = speed != self._speed
        self.set_speed(speed)
        if changed:
            self.speed_chosen.emit(speed)

    @Slot()
    def _toggle_theme(self) -> None:
        toggle_theme(self._theme)

    @Slot()
    def _theme_changed(self) -> None:
        self._theme_button.set_glyph("sun" if self._theme.palette.name == "dark" else "moon")
        self._fit()  # the text may have another size, too

    # -- room ----------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        # Narrower windows are the window's affair: without this, a long model name would hold it open.
        return QSize(200, super().minimumSizeHint().height())

    def _fit(self) -> None:
        """Leave out what matters least until everything fits: key caps, the model's detail, words beside pictures."""
        for level in range(self.LEVELS):
            self._apply(level)
            if self._needed() <= self.width():
                return

    def _apply(self, level: int) -> None:
        name_widths = (260, 220, 150, 110, 80, 60)
        for button in (self._back, self._step, self._play):
            button.set_parts(cap=level < 1, label=level < 4)
        self._restart.set_parts(cap=False, label=level < 3)
        self._model.set_parts(detail=level < 2 or (self._loading and level < 5), most=px(name_widths[level]))
        self._seed.set_label_shown(level < 5)

    def _needed(self) -> int:
        groups = (
            [w for w in (self._model, self._add, self._cancel, self._compare, self._train) if not w.isHidden()],
            [self._back, self._step, self._play, self._speed_button, self._restart],
            [self._seed, self._presets, self._theme_button, self._more],
        )
        widths = [sum(w.sizeHint().width() for w in group) + self.GAP * (len(group) - 1) for group in groups]
        return sum(widths) + 2 * self.GAP + 24
