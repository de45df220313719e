"""LOCK-STEP: whether all columns go along one text, whether their luck is the same, and a text for all of them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnsChanged, ColumnState
from ntp_studio.ui.candidate_text import needle_figure
from ntp_studio.ui.disagreement_panel_parts import FigureLine, Section, Segments, heading
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape, let_go


class TextField(QLineEdit):
    """Enter gives the text on, Escape takes it back; both give the keys back to the window."""

    given = Signal(str)

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
            let_go(self)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            text = self.text()
            if text:  # spaces alone are a text, too
                self.clear()
                let_go(self)
                self.given.emit(text)
        else:
            super().keyPressEvent(event)


class LockstepControls(Section):
    mode_chosen = Signal(str)  # a `Mode`
    same_draw_chosen = Signal(bool)
    force_text = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lockstep_controls")
        self._columns: tuple[ColumnState, ...] = ()
        self._same_draw = False
        self._u: float | None = None
        self.modes = Segments("lockstep_mode", self.tr("What text the columns go along"), self)
        self.modes.set_choices(
            (
                (
                    "same text",
                    self.tr("Same text (A leads)"),
                    self.tr("Same text"),
                    self.tr("A chooses each token, and the others are taken along the same text"),
                ),
                (
                    "each its own",
                    self.tr("Each its own"),
                    self.tr("Each its own"),
                    self.tr("Each column chooses its own tokens, so that the texts part"),
                ),
            )
        )
        self.modes.chosen.connect(self.mode_chosen)
        self.same_draw = Switch(theme, self)
        self.same_draw.setObjectName("same_draw_switch")
        self.same_draw.setAccessibleName(self.tr("Same draw in every column"))
        self.same_draw.clicked.connect(self.same_draw_chosen)
        self.luck = FigureLine(theme, "luck_line", 1.0, self)
        self.field = TextField(self)
        self.field.setObjectName("force_text_field")
        self.field.setPlaceholderText(self.tr("Go on with a text…"))
        self.field.setAccessibleName(self.tr("Go on with this text in every column"))
        self.field.setToolTip(
            self.tr("Enter goes on with this text in every column, as one step. Begin with a space for a new word.")
        )
        self.field.given.connect(self.force_text)
        draw = QHBoxLayout()
        draw.setSpacing(8)
        draw.addWidget(self.same_draw)
        draw.addWidget(self.luck, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        column.addWidget(heading(self.tr("LOCK-STEP"), self))
        column.addWidget(self.modes)
        column.addLayout(draw)
        column.addWidget(self.field)
        self.clear()

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_columns(self, event: ColumnsChanged) -> None:
        self._columns, self._same_draw = event.columns, event.same_draw
        self.modes.choose(event.mode)
        self.same_draw.setChecked(event.same_draw)
        self._enable(bool(event.columns))
        self._say()

    def show_u(self, u: float | None) -> None:
        """Where the shared dart falls at the place on view; None where there is none."""
        if u != self._u:
            self._u = u
            self._say()

    def clear(self) -> None:
        self._columns, self._u = (), None
        self._enable(False)
        self._say()

    def _enable(self, on: bool) -> None:
        for widget in (self.modes, self.same_draw, self.field):
            widget.setEnabled(on)

    def _say(self) -> None:
        """What the switch means now."""
        lead, meaning, tip = self.tr("same draw"), "", ""
        if not self._columns:
            tip = self.tr("There are no columns yet.")
        elif not self._same_draw:
            meaning = self.tr("off: each its own luck")
            tip = self.tr("Every column draws with random numbers of its own.")
        elif all(column.decoding.method == "greedy" for column in self._columns):
            meaning = self.tr("greedy draws nothing")
            tip = self.tr("Every column takes its likeliest token, so there is no luck to share.")
        elif self._u is None and self._race():
            meaning = self.tr("same noise per token")
            tip = self.tr("All vocabularies are equal: a token's random time in the race is the same in every column.")
        else:
            meaning = self.tr("same dart position")
            if self._u is not None:
                meaning = self.tr("same dart position u = {0}").format(needle_figure(self._u))
            tip = self.tr("The dart falls on the same place u, from 0 to 1, of every column's line of probabilities.")
        short = self.tr("u = {0}").format(needle_figure(self._u)) if self._u is not None else meaning
        if meaning and self._same_draw:
            self.luck.show_forms(
                ((f"{lead} ", "text"), (f"· {meaning}", "muted")),
                ((meaning, "text"),),
                ((f"{lead} ", "text"), (f"· {short}", "muted")),
            )
        else:
            self.luck.show_forms(((f"{lead} ", "text"), (meaning, "muted")))
        if self.luck.toolTip() != tip:
            for widget in (self.luck, self.same_draw):
                widget.setToolTip(tip)
            self.same_draw.setAccessibleDescription(f"{meaning}. {tip}")

    def _race(self) -> bool:
        alike = all(column.alike for column in self._columns)
        return alike and any(column.decoding.method == "race" for column in self._columns)
