"""LOCK-STEP: whether all columns go along one text, whether their luck is the same, and a text for all of them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnsChanged, ColumnState
from ntp_studio.ui.candidate_text import needle_figure
from ntp_studio.ui.disagreement_panel_parts import FigureLine, Section, Segments, heading, wrapped_tip
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape, keeps_key, let_go


class TextField(QLineEdit):
    """Enter gives the text on, Escape takes it back; both give the keys back to the window.

    It claims its keys itself, and does not count on the window's guard: that does not watch while a popup or a dialog
    of the system has just gone, and Enter would take the chosen candidate instead."""

    given = Signal(str)

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and keeps_key(self, event.keyCombination())
        ):
            event.accept()
            return True
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
                    self.tr(
                        "A chooses each token, and the others are taken along the same text, so that they are compared "
                        "at every step"
                    ),
                ),
                (
                    "each its own",
                    self.tr("Each its own"),
                    self.tr("Each its own"),
                    self.tr(
                        "Each column chooses its own tokens, so that the texts part; they are compared as long as they "
                        "are the same"
                    ),
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
        tip = self.tr("Enter goes on with this text in every column, as one step. Begin with a space for a new word.")
        self.field.setToolTip(wrapped_tip(tip))
        self.field.given.connect(self.force_text)
        draw = QHBoxLayout()
        draw.setSpacing(8)
        draw.addWidget(self.same_draw)
        draw.addWidget(self.luck, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        tip = self.tr("One step key steps all columns. Here is said along which text, and with whose luck.")
        column.addWidget(heading(self.tr("LOCK-STEP"), self, tip))
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
        lead, meaning, short, tip = self.tr("same draw"), "", "", ""
        if not self._columns:
            tip = self.tr("There are no columns yet.")
        elif len(self._columns) < 2:
            tip = self._purpose()
        elif not self._same_draw:
            meaning = self.tr("off: each its own luck")
            tip = self.tr("Every column draws with random numbers of its own.") + " " + self._purpose()
        elif all(column.decoding.method == "greedy" for column in self._columns):
            meaning = self.tr("greedy draws nothing")
            tip = self.tr("Every column takes its likeliest token, so there is no luck to share.")
        elif self._u is None and self._race():
            meaning = self.tr("same noise per token")
            tip = self.tr("All vocabularies are equal: a token's random time in the race is the same in every column.")
            tip = f"{tip} {self._purpose()}"
        else:
            meaning, short = self._dart()
            tip = f"{self._dart_explained()} {self._purpose()}"
        if meaning and self._same_draw:
            self.luck.show_forms(
                ((f"{lead} ", "text"), (f"· {meaning}", "muted")),
                ((f"{lead} ", "text"), (f"· {short or meaning}", "muted")),
                ((short or meaning, "text"),),
            )
        else:
            self.luck.show_forms(((f"{lead} ", "text"), (meaning, "muted")))
        if self.luck.toolTip() != wrapped_tip(tip):
            for widget in (self.luck, self.same_draw):
                widget.setToolTip(wrapped_tip(tip))
            self.same_draw.setAccessibleDescription(f"{meaning}. {tip}")

    def _purpose(self) -> str:
        return self.tr(
            "With the same draw, columns that give the same probabilities take the same token: where they part, it is "
            "the models and not their luck."
        )

    def _dart(self) -> tuple[str, str]:
        """Where it falls, in many words and in few."""
        if self._u is None:
            return self.tr("the dart falls at the same place"), self.tr("one dart for all")
        at = needle_figure(self._u)
        return self.tr("the dart falls at {0} in every column").format(at), self.tr("dart at {0} in all").format(at)

    def _dart_explained(self) -> str:
        """Why there is one."""
        tip = self.tr(
            "The probabilities of a column's tokens stand end to end on a line from 0 to 1, and the token on which the "
            "dart falls is taken. It falls at the same place of every column's line."
        )
        if all(column.alike for column in self._columns):
            return tip
        why = self.tr(
            "The race cannot be shared here: its random times belong to tokens, and the vocabularies are not the same."
        )
        return f"{why} {tip}"

    def _race(self) -> bool:
        alike = all(column.alike for column in self._columns)
        return alike and any(column.decoding.method == "race" for column in self._columns)
