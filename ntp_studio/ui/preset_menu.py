"""The menu of decoding settings with a name: those of the program, a person's own, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QFontMetrics
from PySide6.QtWidgets import QLabel, QMenu, QWidget, QWidgetAction

from ntp_studio.core.decoding.presets import PRESETS, in_words, name_of, same_effect
from ntp_studio.core.types import DecodingSettings
from ntp_studio.ui.actions import Actions
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.style import px

SUMMARY_WIDTH = 300
MOST_WORDS = 160  # characters of what a preset of a person's own is told to do
OWN = "own/"  # before the name of a person's own preset, where a preset goes by an id

DEEDS: tuple[tuple[str, ...], ...] = (
    ("save_preset", "manage_presets", "import_preset", "export_preset"),
    ("copy_transformers", "copy_llamacpp"),
)


def preset_of(settings: DecodingSettings, own: Sequence[tuple[str, DecodingSettings]] = ()) -> str | None:
    """The id of the preset that these settings are, or None; a person's own comes first. Stages that are switched off
    do not count."""
    for name, decoding in own:
        if same_effect(settings, decoding):
            return OWN + name
    return name_of(settings)


def own_summary(decoding: DecodingSettings) -> str:
    """What a person's own preset does, in short; "" where it does nothing."""
    words = in_words(decoding)
    return words if len(words) <= MOST_WORDS else words[: MOST_WORDS - 1].rstrip(" ·") + "…"


class PresetMenu(QMenu):
    """What an entry does is said at the foot of the menu, where it covers no other entry."""

    preset_chosen = Signal(str)  # an id: a name in PRESETS, or `OWN` and the name of a person's own

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QActionGroup(self)
        self._group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self._group.triggered.connect(self._picked)
        self._chosen: str | None = None
        headings = {"usual": "", "programs": self.tr("As in other programs"), "methods": self.tr("Methods to try")}
        for group, heading in headings.items():
            if heading:
                self._add_heading(heading)
            for name, preset in PRESETS.items():
                if preset.group == group:
                    self.addAction(self._made(name, preset.label, preset.summary))
        self._own_heading = self._add_heading(self.tr("Your presets"))
        self._own: list[QAction] = []
        self._end = self.addSeparator()
        for deeds in DEEDS:
            for deed in deeds:
                self.addAction(actions[deed])
            self.addSeparator()
        self._summary: QLabel = plain_label(parent=self)
        self._summary.setProperty("role", "caption")
        self._summary.setWordWrap(True)
        self._summary.setContentsMargins(12, 4, 16, 4)
        self._foot = QWidgetAction(self)
        self._foot.setDefaultWidget(self._summary)
        self._foot.setEnabled(False)
        self.addAction(self._foot)
        self.hovered.connect(self._show_summary)
        self.aboutToShow.connect(self._prepare)
        self.show_own(())

    def _add_heading(self, text: str) -> QWidgetAction:
        label = plain_label(text, self)
        label.setProperty("role", "caption")
        label.setContentsMargins(12, 8, 16, 2)
        heading = QWidgetAction(self)
        heading.setDefaultWidget(label)
        heading.setEnabled(False)
        self.addAction(heading)
        return heading

    def _made(self, preset_id: str, label: str, summary: str) -> QAction:
        action = QAction(label.replace("&", "&&"), self)  # a single "&" would mark a key
        action.setData(preset_id)
        action.setCheckable(True)
        action.setChecked(preset_id == self._chosen)
        action.setStatusTip(summary)
        self._group.addAction(action)
        return action

    def show_own(self, presets: Sequence[tuple[str, DecodingSettings]]) -> None:
        """List a person's own presets."""
        for action in self._own:
            self._group.removeAction(action)
            self.removeAction(action)
            action.deleteLater()  # it may be telling just now that it was chosen
        nothing = self.tr("Draws from the model's own distribution.")
        self._own = [self._made(OWN + name, name, own_summary(decoding) or nothing) for name, decoding in presets]
        self.insertActions(self._end, self._own)
        self._own_heading.setVisible(bool(presets))

    def show_preset(self, preset_id: str | None) -> None:
        """Mark the preset in use; None where the settings are none of them."""
        self._chosen = preset_id
        for action in self._group.actions():
            action.setChecked(action.data() == preset_id)

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
        self._set_foot(px(SUMMARY_WIDTH), 1)
        width, metrics = self.sizeHint().width() - 2, QFontMetrics(self._summary.font())
        room = QRect(0, 0, width - 32, 10_000)
        summaries = (action.statusTip() for action in self.actions() if action.statusTip())
        height = max(metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, text).height() for text in summaries)
        self._set_foot(width, height + 12)
        chosen = self._group.checkedAction()
        self._summary.setText(chosen.statusTip() if chosen else self.tr("Point at a preset to read what it does."))

    def _set_foot(self, width: int, height: int) -> None:
        self._summary.setFixedSize(width, height)
        for shown in (False, True):  # a menu asks for the size of a widget in it only when an action changes
            self._foot.setVisible(shown)
