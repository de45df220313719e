"""The first line of a card: grip, name, question mark, value or values, switch, and the cross of one that is off."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QSizePolicy, QWidget

from ntp_studio.core.decoding.stages import Stage
from ntp_studio.ui.card_parts import CloseMark, ElidedLabel, Grip, HelpMark
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.style import px, set_property
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme


class CardHead(QWidget):
    """`figure` is the editor of a stage's only value, which has its place here."""

    ROOMY = 212

    def __init__(self, theme: Theme, stage: type[Stage], figure: QWidget | None, parent: QWidget) -> None:
        super().__init__(parent)
        self._figure = figure
        self._on = self._pointed = False
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.grip = Grip(theme)
        self.grip.setToolTip(self.tr("Drag to reorder, or press Alt+↑ and Alt+↓"))
        self.grip.setAccessibleName(self.tr("Move {0}").format(stage.label))
        self.switch = Switch(theme)
        self.switch.setAccessibleName(self.tr("{0} on").format(stage.label))
        self.name = ElidedLabel(stage.label)
        self.help = HelpMark(theme)
        self.help.setAccessibleName(self.tr("About {0}: {1}").format(stage.label, stage.summary))
        self.help.setToolTip(self.tr("About {0}").format(stage.label))
        self.summary = QLabel()  # the values of a card that is switched off
        self.summary.setTextFormat(Qt.TextFormat.PlainText)
        self.summary.setProperty("role", "muted")
        self.summary.setContentsMargins(3, 0, 4, 0)
        self.close_mark = CloseMark(theme)
        self.close_mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # by keys: Delete on the grip
        self.close_mark.setAccessibleName(self.tr("Take {0} off the panel").format(stage.label))
        self.close_mark.setToolTip(self.tr("Take it off the panel (Delete); “Add a stage…” brings it back"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        for widget in (self.grip, self.name, self.help):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.summary)
        row.addWidget(self.close_mark)
        if figure is not None:
            row.addWidget(figure)
        row.addWidget(self.switch)
        self.close_mark.hide()
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_state(self, on: bool, values: str) -> None:
        """Whether the stage is switched on, and the values to show where it is not."""
        self._on = on
        self.summary.setText(values)
        if self._figure is not None:
            self._figure.setVisible(on)
        self._fit()

    def show_faded(self, faded: bool) -> None:
        """A stage that takes no part."""
        set_property(self.name, "role", "muted" if faded else "strong")

    def show_pointed(self, pointed: bool) -> None:
        """The cross is there while the pointer is on the card."""
        self._pointed = pointed
        self._fit()

    def _fit(self) -> None:
        # In a narrow column the name needs the room more; the context menu has the same to offer.
        self.help.setVisible(self.width() >= px(self.ROOMY))
        # The cross takes the place of the values, so that nothing that a person aims at moves.
        self.close_mark.setVisible(self._pointed and not self._on)
        self.summary.setVisible(not self._pointed and not self._on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _restyle(self) -> None:
        self.summary.setFont(mono_like(QApplication.font()))
