"""Bars of tokens in the order in which a rule takes them, the line that decides which are kept, and the coin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from ntp_studio.core.pictures import Bars
from ntp_studio.ui.candidate_text import Explanation, number
from ntp_studio.ui.picture_base import (
    SPOKEN,
    Drawing,
    Look,
    axis_label,
    listed,
    scaled_label,
    short_label,
    shown_label,
    token_title,
)
from ntp_studio.ui.picture_scale import around, figure, from_zero, readable, value_text
from ntp_studio.ui.style import px

WIDEST = 16  # of a bar with the gap behind it
NARROW = 4  # a bar narrower than this has no ring when it is selected: it would lie on its neighbours
MOST_HIDDEN = 0.15  # of the ground of words in a plot may lie on bars; else they give way to a figure


def edges(count: int, room: float, gaps: Sequence[int]) -> list[tuple[int, int]]:
    """Left and right pixel of each of `count` bars in `room` pixels; a wider gap stands before each bar in `gaps`."""
    if not count:
        return []
    wide = px(5)
    pitch = min(max((room - wide * len(gaps)) / count, 1.0), px(WIDEST))
    between = 0 if pitch < 2 else 1 if pitch < 8 else 2
    found, x = [], 0.0
    for index in range(count):
        x += wide * (index in gaps)
        left = round(x)
        x += pitch
        found.append((left, max(round(x) - between, left + 1)))
    return found


class BarsDrawing(Drawing):
    """`Bars`: solid bars are kept, hollow ones cut. Logits have no zero to stand on: they are dots on thin stems."""

    def __init__(self, picture: Bars) -> None:
        self.picture = picture
        size = min(len(picture.ids), len(picture.labels), len(picture.values), len(picture.kept))
        self.count = size
        self.values = picture.values[:size]
        self.kept = picture.kept[:size]
        changes = [i + 1 for i, (a, b) in enumerate(pairwise(self.kept)) if a is not b]
        self.gaps = changes if len(changes) <= 2 else []
        if picture.axis == "logit":
            self.scale = around(self.values, *(() if picture.line is None else (picture.line,)))
        elif picture.axis in ("probability", "bend"):
            self.scale = readable(self.values, picture.line)
        else:
            self.scale = from_zero(self.values, picture.line)

    def height(self, look: Look) -> int:
        return look.line + look.plot + look.foot + (look.line + 2 if self.picture.coin else 0)

    def token(self, part: int) -> int | None:
        return self.picture.ids[part]

    def _plot(self, rect: QRectF, look: Look) -> QRectF:
        return QRectF(round(rect.x()), round(rect.y()) + look.line, round(rect.width()), look.plot)

    def _more_room(self) -> int:
        """Kept for the dots that stand for tokens without a bar."""
        return px(12) if self.picture.total > self.count else 0

    def _reach(self, plot: QRectF, look: Look) -> float:
        """How high the highest bar is. Where bars rise from left to right there is room for words above the line only
        if it runs a little lower."""
        reach = plot.height() - 2
        line = self.picture.line
        if line is not None and self.count > 1 and self.values[0] < self.values[-1] and self.scale(line) > 0.0:
            reach = min(reach, (plot.height() - look.line) / self.scale(line))
        return reach

    def _boxes(self, plot: QRectF, look: Look) -> list[QRectF]:
        room, reach = plot.width() - self._more_room(), self._reach(plot, look)
        boxes = []
        for (left, right), value in zip(edges(self.count, room, self.gaps), self.values, strict=True):
            tall = max(round(self.scale(value) * reach), 1)
            boxes.append(QRectF(plot.x() + left, plot.bottom() - tall, right - left, tall))
        return boxes

    def paint(self, p: QPainter, rect: QRectF, look: Look, pointed: int | None) -> None:
        picture, plot = self.picture, self._plot(rect, look)
        count = QCoreApplication.translate("StagePictures", "{left} of {total} kept")
        count = count.format(left=number(picture.left), total=number(picture.total))
        caption = scaled_label(axis_label(picture.axis), self.scale)
        look.header(p, rect, caption, count, short_label(picture.axis, self.scale))
        boxes = self._boxes(plot, look)
        if pointed is not None and pointed < len(boxes):
            box = boxes[pointed]
            p.fillRect(QRectF(box.x() - 1, plot.y(), box.width() + 2, plot.height()), look.pointed)
        p.setRenderHint(QPainter.RenderHint.Antialiasing, picture.axis == "logit")
        for index, box in enumerate(boxes):
            color = look.kept if self.kept[index] else None
            if picture.axis == "logit":
                self._stem(p, box, color, look)
            else:
                self._bar(p, box, color, look)
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        for index, box in enumerate(boxes):
            if picture.coin is not None and not self.kept[index]:
                self._strike(p, box, plot, look)
            if picture.ids[index] == self.selected:
                if box.width() >= px(NARROW):
                    around_it = QRectF(box.x() - 2, plot.y() + 1, box.width() + 4, plot.height() - 1)
                    look.ring(p, around_it.intersected(plot.adjusted(1, 0, 0, 0)))
                look.pointer(p, box.center().x(), plot.bottom() + 2)
        if self._more_room():
            self._more(p, boxes[-1].right() if boxes else plot.x(), plot, look)
        look.ground_line(p, plot)
        self._decide(p, plot, boxes, look)
        if picture.coin is not None:
            row = QRectF(plot.x(), plot.bottom() + look.foot + 2, plot.width(), look.line)
            self._coin(p, row, picture.coin, look)

    @staticmethod
    def _bar(p: QPainter, box: QRectF, color: QColor | None, look: Look) -> None:
        if color is not None:
            p.fillRect(box, color)
            return
        p.fillRect(box, look.cut_edge)
        if box.width() > 2 and box.height() > 2:
            p.fillRect(box.adjusted(1, 1, -1, 0), look.cut)

    @staticmethod
    def _stem(p: QPainter, box: QRectF, color: QColor | None, look: Look) -> None:
        x, radius = box.center().x(), min(max(box.width() / 2, 1.5), px(3))
        p.setPen(QPen(look.cut, 1.0))
        p.drawLine(QPointF(x, box.bottom()), QPointF(x, box.top() + radius))
        p.setPen(QPen(look.cut_edge, 1.0) if color is None else Qt.PenStyle.NoPen)
        p.setBrush(look.surface if color is None else color)
        p.drawEllipse(QPointF(x, box.top() + radius), radius, radius)

    @staticmethod
    def _strike(p: QPainter, box: QRectF, plot: QRectF, look: Look) -> None:
        """Across the middle of the bar, not along it: a steep line would look like its edge."""
        reach = max(box.width() / 2 + 1, px(3))
        y = min(max(box.center().y(), plot.y() + reach), plot.bottom() - reach)
        middle = QPointF(box.center().x(), y)
        p.setPen(QPen(look.text, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        p.drawLine(middle + QPointF(-reach, reach), middle + QPointF(reach, -reach))

    @property
    def hindered(self) -> bool:
        """Whether the stage did nothing although its coin fell well. `Bars.words` then say why."""
        coin = self.picture.coin
        return coin is not None and coin[0] < coin[1] and self.picture.left == self.picture.total

    def _coin(self, p: QPainter, row: QRectF, coin: tuple[float, float], look: Look) -> None:
        words, why = coin_words(coin, self.hindered), self.picture.words
        if self.hindered and why:
            # The stage's card says the same above, but has often no room for the end of it: what was in the way.
            least = QCoreApplication.translate("StagePictures", "does nothing")
            ways = (f"{coin_fell(coin)} · {why}", why, words)
            words = next((text for text in ways if look.width(text) <= row.width()), least)
        paint_coin(p, row, coin, words, look)

    @staticmethod
    def _more(p: QPainter, left: float, plot: QRectF, look: Look) -> None:
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(look.muted)
        for dot in range(3):
            p.drawEllipse(QPointF(left + px(3) + dot * px(3), plot.bottom() - 2.5), 1.0, 1.0)

    def _decide(self, p: QPainter, plot: QRectF, boxes: list[QRectF], look: Look) -> None:
        """The line across, or, where the rule counts, the line between the last kept and the first cut bar."""
        picture = self.picture
        if picture.line is not None and math.isfinite(picture.line):
            y = round(plot.bottom() - self.scale(picture.line) * self._reach(plot, look)) - 0.5
            look.deciding(p, QPointF(plot.x(), y), QPointF(plot.right(), y))
            at_line = value_text(picture.axis, picture.line)
            rule = at_line if self.hindered else picture.words or at_line
            for words in (rule, at_line):
                width = look.width(words) + 6
                place, hidden = self._free_place(plot, boxes, y, width, look.line - 1)
                if hidden <= MOST_HIDDEN and width <= plot.width():
                    break
            look.note(p, place, words)
        elif len(self.gaps) == 1:
            x = round((boxes[self.gaps[0] - 1].right() + boxes[self.gaps[0]].left()) / 2) - 0.5
            look.deciding(p, QPointF(x, plot.y()), QPointF(x, plot.bottom()))
            if picture.words:
                width = look.width(picture.words) + 6
                left = x + 3 if x + 3 + width <= plot.right() else max(x - 3 - width, plot.x())
                look.note(p, QRectF(left, plot.y(), min(width, plot.width()), look.line - 1), picture.words)

    @staticmethod
    def _free_place(plot: QRectF, boxes: list[QRectF], y: float, width: float, height: float) -> tuple[QRectF, float]:
        """Where words about a line at height `y` hide the least of the bars, at one of its ends; and what share of
        their ground lies on bars."""
        width = min(width, plot.width())
        places = []
        for left in (plot.right() - width, plot.x()):
            for top in (y - height - 0.5, y + 1.5):
                if plot.y() - 1 <= top and top + height <= plot.bottom() + 1:
                    places.append(QRectF(left, top, width, height))
        if not places:
            places = [QRectF(plot.right() - width, plot.y(), width, height)]

        def hidden(place: QRectF) -> float:
            parts = (place.intersected(box) for box in boxes)
            return sum(part.width() * part.height() for part in parts) / (width * height)

        best = min(places, key=hidden)
        return best, hidden(best)

    def part_at(self, point: QPointF, rect: QRectF, look: Look) -> int | None:
        plot = self._plot(rect, look)
        if not plot.adjusted(0, 0, 0, look.foot).contains(point):
            return None
        boxes = self._boxes(plot, look)
        return next((i for i, box in enumerate(boxes) if box.left() - 1 <= point.x() <= box.right() + 1), None)

    def anchor(self, part: int, rect: QRectF, look: Look) -> QPointF:
        plot = self._plot(rect, look)
        return QPointF(self._boxes(plot, look)[part].center().x(), plot.bottom())

    def explain(self, part: int) -> Explanation:
        translate, picture = QCoreApplication.translate, self.picture
        title, subtitle = token_title(picture.ids[part], picture.labels[part])
        if self.kept[part]:
            fate = translate("StagePictures", "kept")
        elif picture.coin is not None:
            fate = translate("StagePictures", "struck out")
        else:
            fate = translate("StagePictures", "cut")
        lines = [(axis_label(picture.axis), value_text(picture.axis, self.values[part])), ("", fate)]
        if picture.words:
            lines.append((translate("StagePictures", "the rule"), picture.words))
        return Explanation(title, subtitle, tuple(lines))

    def words(self) -> str:
        translate, picture = QCoreApplication.translate, self.picture
        said = translate("StagePictures", "{left} of {total} tokens are kept")
        said = said.format(left=number(picture.left), total=number(picture.total))
        if picture.words:
            said = f"{said} ({picture.words})"
        names = [
            f"{shown_label(picture.labels[i])} {value_text(picture.axis, self.values[i])}"
            for i in range(min(self.count, SPOKEN))
        ]
        parts = [said]
        if names:
            parts.append(f"{axis_label(picture.axis)}: {listed(names, self.count - SPOKEN)}")
        if picture.coin is not None:
            parts.append(coin_words(picture.coin, self.hindered))
        return ". ".join(parts)


def coin_words(coin: tuple[float, float], hindered: bool = False) -> str:
    """`hindered`: nothing was cut, whatever the coin says."""
    if not coin[0] < coin[1]:
        words = QCoreApplication.translate("StagePictures", "{coin}: skips")
    elif hindered:
        words = QCoreApplication.translate("StagePictures", "{coin}, but does nothing")
    else:
        words = QCoreApplication.translate("StagePictures", "{coin}: acts")
    return words.format(coin=coin_fell(coin))


def coin_fell(coin: tuple[float, float]) -> str:
    """`coin 0.31 < 0.5`."""
    thrown, chance = coin
    words = QCoreApplication.translate("StagePictures", "coin {thrown} ≥ {chance}")
    if thrown < chance:
        words = QCoreApplication.translate("StagePictures", "coin {thrown} < {chance}")
    return words.format(thrown=_between(thrown, chance), chance=figure(chance))


def _between(thrown: float, chance: float) -> str:
    """Two digits, or as many as it takes to be on the right side of the chance."""
    for digits in range(2, 17):
        text = f"{thrown:.{digits}f}"
        if (float(text) < chance) == (thrown < chance):
            return text
    return figure(thrown)


def paint_coin(p: QPainter, row: QRectF, coin: tuple[float, float], words: str, look: Look) -> None:
    """The words, and a strip from 0 to 1 where there is room: it acts where the point falls on the shaded part."""
    thrown, chance = (min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0 for value in coin)
    look.words(p, row, words, look.muted)
    left = row.x() + look.width(words) + px(10)
    strip = QRectF(round(left), round(row.center().y()) - px(3), round(row.right() - left) - px(3), px(6))
    if strip.width() < px(16):
        return
    p.fillRect(strip, look.cut_edge)
    p.fillRect(strip.adjusted(1, 1, -1, -1), look.surface)
    p.fillRect(QRectF(strip.x(), strip.y(), round(strip.width() * chance), strip.height()), look.kept)
    look.point(p, QPointF(strip.x() + strip.width() * thrown, strip.center().y()), look.text, 4)
