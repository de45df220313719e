"""The draw: how the token on view was chosen, as a race, as a dart on a line, or by greedy."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import choice_caption, choice_explained, taken_caption
from ntp_studio.ui.dart_view import DartView, spoken
from ntp_studio.ui.draw_head import DrawHead
from ntp_studio.ui.panel_labels import ElidedLabel, mono_like, scaled
from ntp_studio.ui.race_lanes import runs
from ntp_studio.ui.race_view import RaceView
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme


class DrawStrip(QWidget):
    """The draw under its caption, and, where the text goes on already, what was taken there.

    It holds no needle itself: it says where a person wants it, and shows what the frames say.
    """

    method_chosen = Signal(str)  # "race" or "dart"
    needle_moved = Signal(float)  # at this place
    needle_released_to_seed = Signal()
    needle_held = Signal(object)  # float: at every place; None: no longer
    restore_asked = Signal(object)  # the DecodingSettings with which the token here was taken

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("draw_strip")
        self._theme = theme
        self._frame: StepFrame | None = None
        self._held = False
        self.head = DrawHead(theme, self)
        self._caption = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self._token = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self._taken = ElidedLabel(parent=self)
        self.restore_button = QToolButton(self)
        self.restore_button.setObjectName("restore_decoding_button")
        self.restore_button.setProperty("role", "link")
        self.restore_button.setText(self.tr("as it was"))
        self.restore_button.setToolTip(self.tr("Take back the settings with which this token was taken"))
        self.restore_button.setAccessibleName(self.tr("Settings as they were"))
        self.restore_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.strip = DartView(theme, self)
        self.race = RaceView(theme, self)
        self._told = QWidget(self)
        told = QHBoxLayout(self._told)
        told.setContentsMargins(0, 0, 0, 0)
        told.setSpacing(5)
        told.addWidget(self._taken, 1)
        told.addWidget(self.restore_button)
        row = QHBoxLayout()
        row.setSpacing(5)
        row.addWidget(self._caption)
        row.addWidget(self._token)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.head)
        layout.addLayout(row)
        layout.addWidget(self._told)
        layout.addWidget(self.strip)
        layout.addWidget(self.race)
        self._connect()
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_frame(None)

    def _connect(self) -> None:
        self.head.method_chosen.connect(self._choose_method)
        self.head.hold_wanted.connect(self._hold)
        self.head.seed_wanted.connect(self.strip.give_back)
        self.restore_button.clicked.connect(self._restore)
        self.strip.needle_moved.connect(self._moved)
        self.strip.needle_put.connect(self._put)
        self.strip.needle_given_back.connect(self._given_back)

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def caption(self) -> str:
        return f"{self._caption.text()} {self._token.text()}"

    @property
    def taken_text(self) -> str:
        """What is said of the token taken here before; '' where nothing is."""
        return "" if self._told.isHidden() else self._taken.text()

    @property
    def held(self) -> bool:
        """Whether a person holds the needle for every place, as far as the frames tell."""
        return self._held

    def show_frame(self, frame: StepFrame | None) -> None:
        """None empties the strip."""
        self._frame = frame
        racing = frame is not None and runs(frame)
        self.strip.show_frame(frame)
        self.race.show_frame(frame)
        self.strip.setVisible(not racing)
        self.race.setVisible(racing)
        self._show_head()
        self._show_taken()
        if frame is None:
            self._caption.setText("")
            self._token.setText("")
            self.setAccessibleName(self.tr("The draw"))
            self._explain("")
            return
        caption = choice_caption(frame.draw, frame.origin, frame.step == 0)
        if frame.taken is not None and self._told.isHidden():
            caption = self.tr("taken here: {how}").format(how=caption)
        self._caption.setText(f"{caption} →")
        self._explain("\n".join(choice_explained(frame.draw)))
        self._token.setText(frame.choice.token.label)
        self._fit_token()
        self.setAccessibleName(self.tr("The draw: {caption}").format(caption=self.caption))
        self.setAccessibleDescription(spoken(self.strip.segments) if frame.draw.method != "greedy" else "")

    def show_lanes(self, count: int) -> None:
        """How many lanes the race may take."""
        self.race.lane_count = count

    def _show_head(self) -> None:
        frame = self._frame
        if frame is None:
            self.head.show_method("greedy", needle="seed", held=False, u=None)
            return
        if frame.draw.method == "dart" and frame.draw.needle != "moved":
            # A needle moved at one place hides whether another is held for all.
            self._held = frame.draw.needle == "held"
        elif frame.draw.method != "dart":
            self._held = False
        # A hand that takes the needle from place to place is not a moment the seed's at each of them.
        needle = "moved" if self.strip.by_hand and self.strip.dragging else frame.draw.needle
        self.head.show_method(frame.draw.method, needle=needle, held=self._held, u=self.strip.needle)

    def _show_taken(self) -> None:
        """Said only where it is not what the caption says anyway."""
        frame = self._frame
        taken = frame.taken if frame is not None else None
        if frame is None or taken is None:
            self._told.hide()
            return
        same = taken.origin == "drawn" and not taken.changed and taken.token.id == frame.choice.token.id
        self._told.setVisible(not same)
        words = taken_caption(taken)
        self._taken.setText(words)
        self._taken.setToolTip(words)
        self.restore_button.setVisible(taken.decoding is not None and taken.changed)

    def _fit_token(self) -> None:
        """The token is what matters most in this line, the words before it give way first."""
        needed = self._token.sizeHint().width()
        self._token.setMinimumWidth(min(needed, px(80)))
        self._token.setMaximumWidth(px(160))

    def _explain(self, words: str) -> None:
        for label in (self.head.title, self._caption, self._token):
            label.setToolTip(words)

    # -- what a person wants -------------------------------------------------------------------------------------------

    @Slot()
    def toggle_method(self) -> None:
        """From race to dart and back; nothing under greedy."""
        if self._frame is not None and self._frame.draw.method != "greedy":
            self._choose_method("race" if self._frame.draw.method == "dart" else "dart")

    @Slot()
    def toggle_hold(self) -> None:
        if self.strip.needle is not None:
            self._hold(not self._held)

    @Slot(str)
    def _choose_method(self, method: str) -> None:
        if self._frame is not None and self._frame.draw.method != method:
            self.method_chosen.emit(method)

    @Slot(bool)
    def _hold(self, on: bool) -> None:
        if self.strip.needle is None:
            return
        self._held = on
        self.needle_held.emit(self.strip.needle if on else None)
        self._show_head()

    @Slot(float)
    def _moved(self, u: float) -> None:
        self.needle_moved.emit(u)

    @Slot(float)
    def _put(self, u: float) -> None:
        if self._held:
            self.needle_held.emit(u)

    @Slot()
    def _given_back(self) -> None:
        if self._held:
            self._held = False
            self.needle_held.emit(None)
        self.needle_released_to_seed.emit()

    @Slot()
    def _restore(self) -> None:
        taken = self._frame.taken if self._frame is not None else None
        if taken is not None and taken.decoding is not None:
            self.restore_asked.emit(taken.decoding)

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        for label in (self._caption, self._taken):
            label.setFont(scaled(self.font(), 0.9))
            label.set_color(p.color("muted"))
        self._token.setFont(mono_like(self.font(), weight=QFont.Weight.Bold))
        self._token.set_color(p.color("drawn_text"))
        self._fit_token()
        self.strip.refit()
        self.race.refit()
