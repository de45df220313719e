"""The menu of ready-made decoding settings: their names, which of them is in use, and what to expect of each."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QFontMetrics
from PySide6.QtWidgets import QLabel, QMenu, QWidget, QWidgetAction

from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import DecodingSettings
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.style import px

SUMMARY_WIDTH = 300


def preset_of(settings: DecodingSettings) -> str | None:
    """The name of the preset that these settings are, or None. Stages that are switched off do not count."""
    stages = tuple(stage for stage in settings.stages if stage.enabled)
    for name, preset in PRESETS.items():
        if (stages, settings.method) == (preset.settings.stages, preset.settings.method):
            return name
    return None


class PresetMenu(QMenu):
    """What an entry does is said at the foot of the menu, where it covers no other entry."""

    preset_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QActionGroup(self)
        self._group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self._group.triggered.connect(self._picked)
        for name, preset in PRESETS.items():
            action = QAction(preset.label, self)
            action.setData(name)
            action.setCheckable(True)
            action.setStatusTip(preset.summary)
            self._group.addAction(action)
            self.addAction(action)
        self.addSeparator()
        self._summary: QLabel = plain_label(parent=self)
        self._summary.setProperty("role", "caption")
        self._summary.setWordWrap(True)
        self._summary.setContentsMargins(28, 4, 16, 4)
        foot = QWidgetAction(self)
        foot.setDefaultWidget(self._summary)
        foot.setEnabled(False)
        self.addAction(foot)
        self.hovered.connect(self._show_summary)
        self.aboutToShow.connect(self._prepare)

    def show_preset(self, name: str | None) -> None:
        """Mark the preset in use; None where the settings are none of them."""
        for action in self._group.actions():
            action.setChecked(action.data() == name)

    @property
    def summary(self) -> str:
        return self._summary.text()

    @Slot(QAction)
    def _picked(self, action: QAction) -> None:
        action.setChecked(True)  # also when it was the one in use
        self.preset_chosen.emit(action.data())

    @Slot(QAction)
    def _show_summary(self, action: QAction) -> None:
        self._summary.setText(action.statusTip())

    @Slot()
    def _prepare(self) -> None:
        """Room for the longest summary, so that the menu keeps its size."""
        self._summary.ensurePolished()
        width, metrics = px(SUMMARY_WIDTH), QFontMetrics(self._summary.font())
        room = QRect(0, 0, width - 48, 10_000)
        summaries = (preset.summary for preset in PRESETS.values())
        height = max(metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, text).height() for text in summaries)
        self._summary.setFixedSize(width, height + 12)
        chosen = self._group.checkedAction()
        self._summary.setText(chosen.statusTip() if chosen else self.tr("Point at a preset to read what it does."))
