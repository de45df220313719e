"""The line over the draw: race or dart, who holds the needle, and a thousand draws at once."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from ntp_studio.core.types import Needle
from ntp_studio.ui.candidate_text import needle_figure
from ntp_studio.ui.glyphs import paint_glyph
from ntp_studio.ui.panel_labels import ElidedLabel, caption_font
from ntp_studio.ui.panel_parts import toggle_style
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

SPACING = 3


def _lock(painter: QPainter, color: QColor, *, shut: bool) -> None:
    """A padlock on a 16 × 16 grid; an open one has its shackle lifted to the side."""
    painter.setPen(QPen(color, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(color if shut else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(3.5, 7.5, 9, 6.3), 1.5, 1.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    shift = 0.0 if shut else 4.6
    shackle = QPainterPath(QPointF(5.4 + shift, 7.2))
    shackle.lineTo(5.4 + shift, 5.2)
    shackle.arcTo(QRectF(5.4 + shift, 2.4, 5.2, 5.2), 180, -180)
    if shut:
        shackle.lineTo(10.6, 7.2)
    painter.drawPath(shackle)


def _icon(draw: Callable[[QPainter], None], side: int) -> QIcon:
    icon = QIcon()
    for scale in (1, 2, 3):
        pixmap = QPixmap(side * scale, side * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(side / 16, side / 16)
        draw(painter)
        painter.end()
        icon.addPixmap(pixmap)
    return icon


class DrawHead(QWidget):
    """Says less where the line is short: `1,000×` alone, pictures without words, at last no heading."""

    method_chosen = Signal(str)  # "race" or "dart", by a person
    hold_wanted = Signal(bool)
    seed_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._dart = False
        self._needle: Needle = "seed"
        self._held = False
        self._shown: tuple[object, ...] = ()
        self.title = ElidedLabel(parent=self)
        self.title.setText(self.tr("THE DRAW"))
        self.title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.methods = QFrame(self)
        self.methods.setObjectName("draw_methods")
        self.methods.setProperty("segmented", True)
        self.methods.setAccessibleName(self.tr("How a token is drawn"))
        self.race = self._segment(
            "method_race",
            self.tr("Race"),
            self.tr("Every token waits a random time, the first wins (transformers)"),
        )
        self.dart = self._segment(
            "method_dart", self.tr("Dart"), self.tr("A needle falls on the line of all probabilities (llama.cpp)")
        )
        self._group = QButtonGroup(self)
        frame = QHBoxLayout(self.methods)
        frame.setContentsMargins(1, 1, 1, 1)
        frame.setSpacing(0)
        for button in (self.race, self.dart):
            self._group.addButton(button)
            frame.addWidget(button)
        self.seed = self._button("needle_to_seed_button", self.tr("Give the needle back to the seed"))
        self.hold = self._button("hold_needle_button", "")
        self.hold.setCheckable(True)
        self.many = self._button("draw_many_button", self.tr("Draw 1,000 times"))
        self.many.setCheckable(True)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACING)
        row.addWidget(self.title)
        row.addWidget(self.methods)
        row.addStretch(1)
        for button in (self.seed, self.hold, self.many):
            row.addWidget(button)
        self._group.buttonClicked.connect(self._method_clicked)
        self.seed.clicked.connect(self.seed_wanted)
        self.hold.clicked.connect(self.hold_wanted)
        theme.changed.connect(self.restyle)
        self.restyle()

    def _segment(self, name: str, text: str, tip: str) -> QToolButton:
        button = QToolButton(self.methods)
        button.setObjectName(name)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(text)
        button.setAccessibleDescription(tip)
        button.setProperty("segment", True)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _button(self, name: str, accessible: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setAccessibleName(accessible)
        button.setToolTip(accessible)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_method(self, method: str, *, needle: Needle, held: bool, u: float | None) -> None:
        """Under greedy nothing is drawn, so there is nothing to choose; the needle's buttons come with the dart."""
        shown = (method, needle, held, u)
        if shown == self._shown:  # most frames of a race: texts, tips and icons stay
            return
        self._shown = shown
        self._dart, self._needle, self._held = method == "dart" and u is not None, needle, held
        self.methods.setVisible(method != "greedy")
        (self.dart if method == "dart" else self.race).setChecked(True)
        self.many.setEnabled(method != "greedy")
        self.many.setToolTip(
            self.tr("Greedy draws nothing")
            if method == "greedy"
            else self.tr(
                "Draw 1,000 times from the distribution on view and mark how often each token comes up. "
                "None is taken, and no random stream moves on."
            )
        )
        self.seed.setVisible(self._dart and (needle != "seed" or held))
        self.hold.setVisible(self._dart)
        self.hold.setChecked(held)
        at = needle_figure(u) if u is not None else ""
        if held:
            tip = self.tr("The needle is held: it falls here at every step. Press to let it go.")
        elif needle == "moved":
            tip = self.tr("You moved the needle at this place only. Hold it at {u} for every step.").format(u=at)
        else:
            tip = self.tr("The needle comes from the seed. Hold it at {u} for every step.").format(u=at)
        self.hold.setToolTip(tip)
        self.hold.setAccessibleName(self.tr("Hold the needle"))
        self.hold.setAccessibleDescription(tip)
        self._paint_icons()
        self._fit()

    @Slot(QObject)
    def _method_clicked(self, button: QObject) -> None:
        self.method_chosen.emit("dart" if button is self.dart else "race")

    # -- how it is shown -----------------------------------------------------------------------------------------------

    def _texts(self, short: int) -> None:
        self.many.setText(self.tr("Draw 1,000×") if short < 1 else self.tr("1,000×"))
        words = self.tr("held") if self._held else self.tr("hold")
        if not self._held and self._needle == "moved":
            words = self.tr("moved here")
        self.hold.setText(f" {words}")
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if short < 2 else Qt.ToolButtonStyle.ToolButtonIconOnly
        self.hold.setToolButtonStyle(style)
        self.title.setVisible(short < 3)

    def _needed(self) -> int:
        parts = (self.title, self.methods, self.seed, self.hold, self.many)
        shown = [p for p in parts if not p.isHidden()]
        return sum(p.sizeHint().width() for p in shown) + SPACING * len(shown)

    def _fit(self) -> None:
        for short in range(4):
            self._texts(short)
            if self._needed() <= self.width():
                break
        # The texts have changed while this is being laid out: what they ask for now would not be heard.
        self._row.invalidate()
        self._row.activate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(100, super().minimumSizeHint().height())

    def _paint_icons(self) -> None:
        p, side = self._theme.palette, px(13)
        color = p.color("link" if self._held else "muted")
        self.hold.setIcon(_icon(lambda painter: _lock(painter, color, shut=self._held), side))
        muted = p.color("muted")
        self.seed.setIcon(_icon(lambda painter: paint_glyph(painter, "restart", QRectF(0, 0, 16, 16), muted), side))
        for button in (self.hold, self.seed):
            button.setIconSize(QSize(side, side))

    @Slot()
    def restyle(self) -> None:
        p = self._theme.palette
        self.title.setFont(caption_font(self.font()))
        self.title.set_color(p.color("muted"))
        self.methods.setStyleSheet('QToolButton[segment="true"] { padding: 1px 6px; }')
        for button in (self.seed, self.hold, self.many):
            button.setStyleSheet(toggle_style(p, "2px 5px"))
        self._paint_icons()
        self._fit()
