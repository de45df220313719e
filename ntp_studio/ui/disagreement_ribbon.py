"""The ribbon of disagreement: a bar for each stretch of the text, as high as two columns are apart on it."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ntp_studio.compare_messages import DisagreementShown
from ntp_studio.core.compared import Stretch
from ntp_studio.ui.disagreement_panel_parts import wrapped_tip
from ntp_studio.ui.disagreement_ribbon_bars import Bar, Spacing, bar_of, place_bars
from ntp_studio.ui.disagreement_ribbon_figures import (
    Measure,
    Values,
    explain,
    in_bits,
    measure_meaning,
    shown_text,
    token_words,
    values_of,
    worst_few,
)
from ntp_studio.ui.disagreement_ribbon_paint import RibbonPainter
from ntp_studio.ui.disagreement_ribbon_words import units, units_explained
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_keys

MOST_WORST = 3
LEAST_SCALE = 0.01  # bits: where all is alike, rounding does not fill the height
_KEYS = {
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
}


class DisagreementRibbon(QWidget):
    """A click on a bar, or ← → and Enter with the focus here, ask to go to its stretch; where a bar stands for several,
    to the worst of them. The stretches come bit by bit and are kept here."""

    go_to = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("disagreement_ribbon")
        self.setAccessibleName(self.tr("Disagreement along the text"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self._theme = theme
        self._stretches: list[Stretch] = []
        self._values: Values = np.empty(0)
        self._prompt = 0
        self.at = 0
        self.missing = 0
        self._pair = 0
        self._measure: Measure = "forward"
        self._alike = True
        self._whole_in_all = False
        self._own = False
        self._sentence = ""
        self._bars: list[Bar] | None = None
        self._worst: list[int] | None = None
        self._pointer: QPoint | None = None
        self._cursor: int | None = None  # the stretch that the keys have chosen
        self._pressed: int | None = None
        self._painter = RibbonPainter(theme.palette, self.font())
        self._card = HoverCard(theme, self)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what is shown -------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many stretches the text has."""
        return len(self._stretches)

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        return tuple(self._stretches)

    @property
    def values(self) -> Values:
        """The figure of each stretch for the pair and measure on view, in bits; NaN where there is none."""
        return self._values

    @property
    def worst(self) -> list[int]:
        """The few stretches that are marked, the worst first."""
        if self._worst is None:
            self._worst = worst_few(self._values, min(MOST_WORST, 1 + len(self._stretches) // 6))
        return self._worst

    @property
    def card(self) -> HoverCard:
        return self._card

    def stretch(self, index: int) -> Stretch:
        return self._stretches[index]

    def choose(self, pair: int, measure: Measure, alike: bool) -> None:
        """Which columns are held against each other, and by what; `alike` tells whether their vocabularies are."""
        if (pair, measure, alike) != (self._pair, self._measure, self._alike):
            self._pair, self._measure, self._alike = pair, measure, alike
            self._values = values_of(self._stretches, pair, measure)
            self._changed()

    def show_kind(self, *, whole_in_all: bool, own: bool) -> None:
        """What the captions have to say of the bars: that stretches are those which are whole in every column, since
        one has another tokenizer; that figures are of the models' `own` distributions while others are on view."""
        if (whole_in_all, own) != (self._whole_in_all, self._own):
            self._whole_in_all, self._own = whole_in_all, own
            self.update()

    def show_stretches(self, event: DisagreementShown) -> None:
        if event.first > len(self._stretches):
            return  # what it goes on from never came, so no place of it can be told
        self._stretches[event.first :] = event.stretches
        new = values_of(event.stretches, self._pair, self._measure)
        self._values = np.concatenate((self._values[: event.first], new))
        prompt = min(self._prompt, event.first)
        while prompt < len(self._stretches) and self._stretches[prompt].in_prompt:
            prompt += 1
        self._prompt = prompt
        self.at, self.missing = event.at, event.missing
        self._sentence = ""
        if self._cursor is not None and self._cursor >= len(self._stretches):
            self._cursor = None
        self._changed()

    def clear(self, sentence: str = "") -> None:
        """Nothing to show, and why."""
        self._stretches, self._values = [], np.empty(0)
        self._prompt = self.at = self.missing = 0
        self._cursor = None
        self._sentence = sentence
        self._card.dismiss()
        self._changed()

    def _changed(self) -> None:
        self._bars = self._worst = None
        self.setAccessibleDescription(self._spoken())
        if self._card.isVisible():
            self._refresh_card()
        self.update()

    def _spoken(self) -> str:
        if not self._stretches:
            return self._sentence
        words = self.tr("{0} stretches of text").format(f"{len(self._stretches):,}")
        if self.worst:
            stretch = self._stretches[self.worst[0]]
            words += ". " + self.tr("Worst: {0}, {1}, {2}").format(
                token_words(stretch), shown_text(stretch), in_bits(float(self._values[self.worst[0]]))
            )
        return words

    # -- geometry ------------------------------------------------------------------------------------------------------

    def bars(self) -> list[Bar]:
        if self._bars is None:
            self._bars = place_bars(
                self._values, self._prompt, self.width(), Spacing(px(3), px(18), px(8), self._painter.end_room)
            )
        return self._bars

    def bar_at(self, x: float) -> Bar | None:
        return next((bar for bar in self.bars() if bar.x <= x < bar.x + bar.width), None)

    def sizeHint(self) -> QSize:
        return QSize(280, self._painter.height)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._painter.height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._bars = None
        self._card.dismiss()

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter, width = self._painter, float(self.width())
        if not self._stretches:
            painter.paint_sentence(p, width, self._sentence)
            p.end()
            return
        bars = self.bars()
        highest = self._highest()
        top = max(highest, LEAST_SCALE)
        signed = self._measure == "delta"
        painter.paint_caption(p, width, self._units(), self._right_caption(highest))
        prompt = [bar for bar in bars if bar.end <= self._prompt]
        if prompt:
            right = prompt[-1].x + prompt[-1].width
            painter.paint_prompt(p, right, self.tr("prompt"))
        here = bar_of(bars, self.at)
        end = bars[-1].x + bars[-1].width
        painter.paint_at(p, bars[here] if here is not None else None, end)
        painter.paint_line(p, end, signed)
        worst, pair = self.worst, self._pair if signed else None
        known = [bar for bar in bars if not math.isnan(bar.value)]
        marked = [bar for bar in known if bar.worst in worst]
        for bar in bars:
            if math.isnan(bar.value):
                painter.paint_none(p, bar, hatched=self._to_come(bar), signed=signed)
        painter.paint_bars(p, [bar for bar in known if bar.worst not in worst], top, pair, marked=False)
        painter.paint_bars(p, marked, top, pair, marked=True)
        for bar in marked:
            painter.paint_mark(p, bar, top, signed, first=bar.worst == worst[0])
        if self.hasFocus():
            chosen = bar_of(bars, self._cursor) if self._cursor is not None else None
            painter.paint_focus(p, bars[chosen] if chosen is not None else None, width)
        p.end()

    def _highest(self) -> float:
        """The top of the scale, in bits: the largest figure that is finite."""
        sizes = np.abs(self._values[np.isfinite(self._values)])
        return float(sizes.max()) if len(sizes) else 0.0

    def _units(self) -> tuple[str, ...]:
        return units(alike=self._alike, whole_in_all=self._whole_in_all, own=self._own)

    def _units_explained(self) -> str:
        meaning = measure_meaning(self._measure, self._pair)
        more = units_explained(alike=self._alike, whole_in_all=self._whole_in_all, own=self._own)
        return f"{meaning}\n{more}"

    def _right_caption(self, top: float) -> str:
        if self.missing:
            return self.tr("{0} still being read").format(f"{self.missing:,}")
        return self.tr("largest {0}").format(in_bits(top)) if top > 0 else ""

    def _to_come(self, bar: Bar) -> bool:
        """Whether figures of it are still being read: it may also be one that has none by its nature."""
        return self.missing > 0 and any(self._reading(i) for i in range(bar.begin, bar.end))

    def _reading(self, index: int) -> bool:
        stretch = self._stretches[index]
        if stretch.tokens[0][0] == 0 or not math.isnan(self._values[index]):
            return False
        several = stretch.tokens[0][1] - stretch.tokens[0][0] > 1
        return not (several and self._pair < len(stretch.pairs) and stretch.pairs[self._pair].delta is not None)

    @Slot()
    def _restyle(self) -> None:
        self._painter = RibbonPainter(self._theme.palette, self.font())
        self._bars = None
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_card"):
            self._restyle()

    # -- pointer -------------------------------------------------------------------------------------------------------

    def _explain(self, bar: Bar, at: QPoint) -> None:
        stretch = self._stretches[bar.worst]
        if self._pair >= len(stretch.pairs):
            return
        reading = self._to_come(bar)
        words = explain(stretch, self._pair, of=bar.end - bar.begin, reading=reading, alike=self._alike)
        self._card.show_at(words, self.mapToGlobal(at))

    def _refresh_card(self) -> None:
        if self._pointer is not None:
            self._hover(self._pointer)
        elif self._cursor is not None:
            self._explain_cursor()
        else:
            self._card.dismiss()

    def _hover(self, at: QPoint) -> None:
        bar = self.bar_at(at.x()) if at.y() >= self._painter.caption else None
        self.setCursor(Qt.CursorShape.ArrowCursor if bar is None else Qt.CursorShape.PointingHandCursor)
        if bar is None:
            self._card.dismiss()
        else:
            self._explain(bar, at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position().toPoint()
        self._hover(self._pointer)

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self._card.dismiss()

    def _clicked(self, position: QPointF) -> int | None:
        bar = self.bar_at(position.x()) if position.y() >= self._painter.caption else None
        return bar.worst if bar is not None else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self._clicked(event.position()) if event.button() == Qt.MouseButton.LeftButton else None

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # Bars may have moved under the pointer since the press: what was pressed must still be there.
        pressed, self._pressed = self._pressed, None
        left = event.button() == Qt.MouseButton.LeftButton
        if left and pressed is not None and pressed == self._clicked(event.position()):
            self.go_to.emit(pressed)

    # -- keys ----------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """← → and Enter are its own while it has the focus, before they are the window's. The caption has a tip."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            if self._stretches and event.pos().y() < self._painter.caption:
                QToolTip.showText(event.globalPos(), wrapped_tip(self._units_explained()), self)
            else:
                QToolTip.hideText()
            return True
        return claims_keys(event, _KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bars, key = self.bars(), event.key()
        if key not in _KEYS or not bars:
            super().keyPressEvent(event)
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._cursor is not None:
                self.go_to.emit(self._cursor)
            return
        now = bar_of(bars, self._cursor if self._cursor is not None else min(self.at, len(self._stretches) - 1)) or 0
        if key == Qt.Key.Key_Home:
            now = 0
        elif key == Qt.Key.Key_End:
            now = len(bars) - 1
        elif self._cursor is not None:
            now = min(max(now + (1 if key == Qt.Key.Key_Right else -1), 0), len(bars) - 1)
        self._cursor = bars[now].worst
        self._explain_cursor()
        self.update()

    def _explain_cursor(self) -> None:
        bars = self.bars()
        place = bar_of(bars, self._cursor) if self._cursor is not None else None
        if place is not None:
            bar = bars[place]
            self._explain(bar, QPoint(round(bar.x + bar.width / 2), self._painter.bottom))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._cursor = None
        self._card.dismiss()
        self.update()
