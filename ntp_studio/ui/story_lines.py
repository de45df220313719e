"""The lines of a token's story as they are painted: a mark, the stage, its words, the probability after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.types import Story, StoryLine
from ntp_studio.ui.candidate_text import percent
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.theme import Theme

_TOP_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextSingleLine
_TOP_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextSingleLine
GAP = 7.0
LINE_GAP = 4.0
BESIDE_FROM = 44  # characters of room
FADED = ("gone", "resting")
LEAST = 7  # lines of words: with fewer in view a story is hard to read


def after_text(line: StoryLine) -> str:
    """The token's probability after the stage; none for the draw, which does not change it."""
    return "" if line.effect == "draw" else percent(line.after)


def plain_story(story: Story) -> str:
    """One line a stage, its columns apart by tabs."""
    lines = (f"{line.label}\t{line.words}\t{after_text(line)}".rstrip("\t") for line in story.lines)
    return "\n".join((story.candidate.token.label, *lines)) + "\n"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line from `top` on, `height` high; its words begin at (`x`, `words_top`)."""

    line: StoryLine
    top: float
    height: float
    x: float
    words_top: float
    words: QTextLayout


def _wrapped(text: str, font: QFont, width: float) -> QTextLayout:
    """The words in lines of this width, broken within a word only where it does not fit on a line of its own."""
    layout = QTextLayout(text.replace("\n", "↵"), font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.beginLayout()
    y = 0.0
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        line.setPosition(QPointF(0, y))
        y += line.height()
    layout.endLayout()
    return layout


class StoryLines(QWidget):
    """The lines themselves, painted: mark, stage, words, probability after it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._story: Story | None = None
        self._placed: tuple[_Placed, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def story(self) -> Story | None:
        return self._story

    def show_story(self, story: Story | None) -> None:
        self._story = story
        self.place()

    @property
    def deciding(self) -> int | None:
        """Which line tells how it ends: that of the stage that cut the token, else the last."""
        lines = self._story.lines if self._story else ()
        cut = (i for i, line in enumerate(lines) if line.effect == "cut")
        return next(cut, len(lines) - 1) if lines else None

    def extent(self, index: int) -> tuple[float, float]:
        """Top and bottom of a line."""
        place = self._placed[index]
        return place.top, place.top + place.height

    def scroll_to(self, index: int, room: float) -> float:
        """Where a view `room` pixels high begins, with a whole line, so that it holds this line, a little of the next
        one, which shows that the story goes on, and as much as it can of what comes before."""
        top, bottom = self.extent(index)
        highest = bottom + 2 * LINE_GAP - room
        starts = (place.top for place in self._placed[:index] if place.top >= highest)
        return next(starts, top) - LINE_GAP / 2 if highest > 0 else 0.0

    @property
    def least_height(self) -> int:
        """Of a few lines."""
        return math.ceil(LEAST * (QFontMetricsF(self._fonts()[0]).height() + LINE_GAP))

    def _fonts(self) -> tuple[QFont, QFont]:
        """Of words and of figures."""
        return scaled(self.font(), 0.95), mono_like(self.font(), 0.9)

    def _strong(self) -> QFont:
        return scaled(self.font(), 0.95, QFont.Weight.DemiBold)

    def _left(self) -> float:
        """Where the stages begin, beside their marks."""
        return math.ceil(QFontMetricsF(self._fonts()[0]).height() * 0.75) + 4.0

    def _right(self) -> float:
        """Where the words end at the latest, beside the figures."""
        return self.width() - math.ceil(QFontMetricsF(self._fonts()[1]).horizontalAdvance("<0.01%")) - GAP

    def place(self) -> None:
        """Lay the lines out for the present width: words beside their stage, or below it where there is little room."""
        words, _ = self._fonts()
        metrics = QFontMetricsF(words)
        strong = QFontMetricsF(self._strong())
        left, right = self._left(), self._right()
        lines = self._story.lines if self._story else ()
        longest = max((math.ceil(strong.horizontalAdvance(line.label)) for line in lines), default=0)
        beside = right - left >= metrics.horizontalAdvance("n") * BESIDE_FROM
        placed, top = [], LINE_GAP / 2
        for line in lines:
            x = left + min(longest + 1.0, (right - left) * 0.42) + GAP if beside else left
            # Below the stage, the words have the room under the figure as well.
            room = max((right if beside else self.width() - 2.0) - x, 40.0)
            text = _wrapped(line.words, words, room)
            head = 0.0 if beside else metrics.height()
            height = math.ceil(max(head + text.boundingRect().height(), metrics.height()))
            placed.append(_Placed(line, top, height, x, top + head, text))
            top += height + LINE_GAP
        self._placed = tuple(placed)
        self.setFixedHeight(math.ceil(top))
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.place()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place in self._placed:
            if place.top <= event.rect().bottom() and place.top + place.height >= event.rect().top():
                self._paint_line(painter, place)
        painter.end()

    def _paint_line(self, p: QPainter, place: _Placed) -> None:
        words, mono = self._fonts()
        line, c = place.line, self._theme.palette
        cut, faded = line.effect == "cut", line.effect in FADED
        if cut:
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(c.color("drawn_soft"))
            p.drawRoundedRect(QRectF(0, place.top - 2, self.width(), place.height + 4), 4, 4)
        first = QFontMetricsF(words).height()
        left, right = self._left(), self._right()
        self._paint_mark(p, line, QRectF(0, place.top, left - 4, first))
        font = words if faded else self._strong()
        p.setPen(c.color("drawn_text" if cut else "muted" if faded else "text"))
        p.setFont(font)
        room = (place.x - GAP if place.words_top == place.top else right) - left
        label = QFontMetricsF(font).elidedText(line.label, Qt.TextElideMode.ElideRight, room + 1)
        p.drawText(QRectF(left, place.top, room + 2, first), _TOP_LEFT, label)
        p.setFont(mono)
        p.drawText(QRectF(right + GAP - 2, place.top, self.width() - right - GAP, first), _TOP_RIGHT, after_text(line))
        place.words.draw(p, QPointF(place.x, place.words_top))

    def _paint_mark(self, p: QPainter, line: StoryLine, rect: QRectF) -> None:
        """What the stage did, as a shape: a cross for a cut, a tick for kept, an arrow for changed."""
        c = self._theme.palette
        color = c.color(
            {"cut": "drawn_text", "draw": "drawn_text", "gone": "muted", "resting": "muted"}.get(line.effect, "link")
        )
        side = min(rect.width(), rect.height()) * 0.62
        x, y = rect.center().x() - side / 2, rect.center().y() - side / 2

        def at(*points: tuple[float, float]) -> QPolygonF:
            return QPolygonF([QPointF(x + a * side, y + b * side) for a, b in points])

        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(color, 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        if line.effect == "cut":
            p.drawPolyline(at((0.1, 0.1), (0.9, 0.9)))
            p.drawPolyline(at((0.9, 0.1), (0.1, 0.9)))
        elif line.effect == "kept":
            p.drawPolyline(at((0.0, 0.55), (0.35, 0.9), (1.0, 0.1)))
        elif line.effect == "changed":
            p.drawPolyline(at((0.0, 0.5), (1.0, 0.5)))
            p.drawPolyline(at((0.62, 0.12), (1.0, 0.5), (0.62, 0.88)))
        elif line.effect in FADED:
            p.drawPolyline(at((0.2, 0.5), (0.8, 0.5)))
        else:  # the beginning and the end
            if line.effect == "draw":
                p.setBrush(color)
            p.drawEllipse(QPointF(x + side / 2, y + side / 2), side * 0.36, side * 0.36)
