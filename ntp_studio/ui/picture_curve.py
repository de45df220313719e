"""A line through points with the level that it is measured against, and a number followed from token to token."""

from __future__ import annotations

import math
from bisect import bisect_right

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from ntp_studio.core.pictures import Curve, Track
from ntp_studio.ui.candidate_text import DASH, Explanation, number
from ntp_studio.ui.picture_base import CENTER, RIGHT, Drawing, Look
from ntp_studio.ui.picture_scale import Scale, around, figure, finite, logit
from ntp_studio.ui.style import px

LONG = 60  # ranks beyond which the axis is logarithmic: what decides happens among the first


def _curve_scale(values: list[float], also: list[float], sums: bool) -> Scale:
    """From 0 for running sums and where the values come near it, else around them."""
    held = finite((*values, *also)) or [0.0]
    low, high = min(held), max(held)
    if high > 0.0 and low >= 0.0 and (sums or low <= 0.5 * high):
        return Scale(0.0, high * 1.06)
    return around(held)


class CurveDrawing(Drawing):
    """`Curve`. Where x counts tokens, those up to the mark are kept: solid, on a tinted ground; the rest is grey."""

    def __init__(self, picture: Curve) -> None:
        self.picture = picture
        pairs = zip(picture.x, picture.y, strict=False)
        self.points = sorted((x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y))
        self.count = len(self.points)
        self.xs = [x for x, _ in self.points]
        self.mark = picture.mark if picture.mark is not None and all(map(math.isfinite, picture.mark)) else None
        self.level = picture.level if picture.level is not None and math.isfinite(picture.level) else None
        also = ([self.level] if self.level is not None else []) + ([self.mark[1]] if self.mark else [])
        self.scale = _curve_scale([y for _, y in self.points], also, sums=picture.rank)
        ends = self.xs + ([self.mark[0]] if self.mark else [])
        self.first, self.last = (min(ends), max(ends)) if ends else (0.0, 1.0)
        self.log = picture.rank and self.first > 0 and self.last > LONG
        self._shares = [self._share(x, y) for x, y in self.points]

    def height(self, look: Look) -> int:
        return 2 * look.line + look.plot

    def _ticks(self) -> list[tuple[float, str, bool]]:
        """(value, figure, whether it is the level) on the y axis."""
        ticks = [] if self.level is None else [(self.level, figure(self.level), True)]
        heights = [y for _, y in self.points] or [0.0]
        low = 0.0 if self.scale.low == 0.0 else min(heights)
        return ticks + [(y, figure(y), False) for y in (max(heights), low)]

    def _plot(self, rect: QRectF, look: Look) -> QRectF:
        gutter = math.ceil(max((look.width(text) for _, text, _ in self._ticks()), default=0)) + px(4)
        gutter = min(gutter, round(rect.width() / 3))
        return QRectF(
            round(rect.x()) + gutter, round(rect.y()) + look.line, round(rect.width()) - gutter - px(4), look.plot
        )

    def _share(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, both from 0 to 1: from the left and from the bottom."""
        first, last = self.first, self.last
        if self.log:
            x, first, last = math.log(max(x, first)), math.log(first), math.log(last)
        return (x - first) / (last - first) if last > first else 0.5, self.scale(y)

    @staticmethod
    def _at(share: tuple[float, float], plot: QRectF) -> QPointF:
        return QPointF(plot.x() + share[0] * plot.width(), plot.bottom() - share[1] * plot.height())

    def _place(self, part: int, plot: QRectF) -> QPointF:
        return self._at(self._shares[part], plot)

    def paint(self, p: QPainter, rect: QRectF, look: Look, pointed: int | None) -> None:
        picture, plot = self.picture, self._plot(rect, look)
        look.header(p, rect, picture.y_label, picture.words)
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        look.ground_line(p, plot)
        line = self._line(0, self.count, plot)
        if picture.rank and self.mark is not None:
            split = bisect_right(self.xs, self.mark[0])
            at = self._at(self._share(*self.mark), plot)
            if split < self.count:
                self._stroke(p, [at, *self._line(split, self.count, plot)], look.cut_edge)
            line = [*self._line(0, split, plot), at]
        if self.scale.low == 0.0 and len(line) > 1:
            area = QPainterPath(QPointF(line[0].x(), plot.bottom()))
            for at in line:
                area.lineTo(at)
            area.lineTo(line[-1].x(), plot.bottom())
            p.fillPath(area, look.under)
        self._stroke(p, line, look.kept)
        self._axes(p, rect, plot, look)
        if self.mark is not None:
            at = self._at(self._share(*self.mark), plot)
            look.deciding(p, at, QPointF(at.x(), plot.bottom()), dashed=True)
            look.point(p, at, look.kept)
        if pointed is not None and pointed < self.count:
            look.point(p, self._place(pointed, plot), look.text)

    def _line(self, first: int, stop: int, plot: QRectF) -> list[QPointF]:
        """The points from `first` to before `stop`, of those in one column of pixels only one: hundreds of ranks may
        lie there, and each costs as much as one that can be seen."""
        seen: list[tuple[float, float]] = []
        step, right = 1.0 / max(plot.width(), 1.0), -math.inf
        for share in self._shares[first:stop]:
            if share[0] >= right:
                seen.append(share)
                right = share[0] + step
        if stop > first and seen[-1] is not self._shares[stop - 1]:
            seen.append(self._shares[stop - 1])
        return [self._at(share, plot) for share in seen]

    @staticmethod
    def _stroke(p: QPainter, line: list[QPointF], color: QColor) -> None:
        pen = QPen(color, 1.6)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        p.setPen(pen)
        p.setBrush(Qt.BrushStyle.NoBrush)
        if len(line) == 1:
            p.drawEllipse(line[0], 1.0, 1.0)
        else:
            p.drawPolyline(QPolygonF(line))

    def _axes(self, p: QPainter, rect: QRectF, plot: QRectF, look: Look) -> None:
        """The level with its figure; the ends of both axes where there is room beside it."""
        taken: list[float] = []
        for value, text, is_level in self._ticks():
            y = round(plot.bottom() - self.scale(value) * plot.height()) - 0.5
            if is_level:
                look.deciding(p, QPointF(plot.x(), y), QPointF(plot.right(), y))
            middle = min(max(y, plot.y() + look.line / 2), plot.bottom() - look.line / 2 + 2)
            if all(abs(middle - other) >= look.line - 3 for other in taken):
                taken.append(middle)
                place = QRectF(rect.x(), middle - look.line / 2, plot.x() - rect.x() - px(4), look.line)
                look.words(p, place, text, look.text if is_level else look.muted, RIGHT)
        foot = QRectF(plot.x(), plot.bottom() + 1, plot.width(), look.line)
        first, last = self._x_text(self.first), self._x_text(self.last)
        if self.last > self.first:
            look.words(p, foot, first, look.muted)
            look.words(p, foot, last, look.muted, RIGHT)
        room = foot.adjusted(look.width(first) + px(6), 0, -look.width(last) - px(6), 0)
        name = self._x_label(room.width(), look)
        if room.width() >= min(look.width(name), px(30)):
            look.words(p, room, name, look.muted, CENTER)

    def _x_label(self, room: float, look: Look) -> str:
        if not self.log:
            return self.picture.x_label
        whole = QCoreApplication.translate("StagePictures", "{axis} · log").format(axis=self.picture.x_label)
        return whole if look.width(whole) <= room else QCoreApplication.translate("StagePictures", "rank · log")

    def _x_text(self, x: float) -> str:
        return number(round(x)) if self.picture.rank else figure(x)

    def part_at(self, point: QPointF, rect: QRectF, look: Look) -> int | None:
        plot = self._plot(rect, look)
        if not self.count or not plot.adjusted(-px(4), 0, px(4), 0).contains(point):
            return None
        return min(range(self.count), key=lambda i: abs(self._place(i, plot).x() - point.x()))

    def anchor(self, part: int, rect: QRectF, look: Look) -> QPointF:
        return self._place(part, self._plot(rect, look))

    def explain(self, part: int) -> Explanation:
        picture, (x, y) = self.picture, self.points[part]
        lines = [(picture.x_label, self._x_text(x)), (picture.y_label, figure(y, 4))]
        if self.level is not None:
            lines.append((QCoreApplication.translate("StagePictures", "the line"), figure(self.level)))
        over = QCoreApplication.translate("StagePictures", "over {x}").format(x=picture.x_label)
        return Explanation(picture.y_label, picture.words or over, tuple(lines))

    def words(self) -> str:
        picture = self.picture
        parts = [
            QCoreApplication.translate("StagePictures", "{y} over {x}").format(y=picture.y_label, x=picture.x_label)
        ]
        if picture.words:
            parts.append(picture.words)
        if self.level is not None:
            words = QCoreApplication.translate("StagePictures", "the line is at {level}")
            parts.append(words.format(level=figure(self.level)))
        return ". ".join(parts)


class TrackDrawing(Drawing):
    """`Track`: the last places from left to right, the present value in figures at the end."""

    def __init__(self, picture: Track) -> None:
        self.picture = picture
        self.values = picture.values
        self.count = len(self.values)
        self.target = picture.target if picture.target is not None and math.isfinite(picture.target) else None
        self.scale = around(self.values, *(() if self.target is None else (self.target,)))

    def height(self, look: Look) -> int:
        return look.line + look.plot + px(2)

    def _target_label(self) -> str:
        return self.picture.target_label or QCoreApplication.translate("StagePictures", "target")

    def _now(self) -> str:
        return logit(self.values[-1]) if self.values else DASH

    def _plot(self, rect: QRectF, look: Look) -> QRectF:
        gutter = math.ceil(max(look.width(self._now()), look.width("00.00"))) + px(6)
        gutter = min(gutter, round(rect.width() / 2))
        return QRectF(
            round(rect.x()) + px(3), round(rect.y()) + look.line, round(rect.width()) - gutter - px(3), look.plot
        )

    def _place(self, part: int, plot: QRectF) -> QPointF:
        """Places keep their distance while the track is short, so that it grows to the right."""
        steps = max(self.count - 1, 7)
        x = plot.x() + plot.width() * (part + steps - self.count + 1) / steps
        return QPointF(x, plot.bottom() - self.scale(self.values[part]) * plot.height())

    def paint(self, p: QPainter, rect: QRectF, look: Look, pointed: int | None) -> None:
        picture, plot = self.picture, self._plot(rect, look)
        target = "" if self.target is None else f"{self._target_label()} {figure(self.target)}"
        look.header(p, rect, picture.label, target)
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        look.ground_line(p, plot)
        if self.target is not None:
            y = round(plot.bottom() - self.scale(self.target) * plot.height()) - 0.5
            look.deciding(p, QPointF(plot.x(), y), QPointF(plot.right(), y), dashed=True)
        line = [self._place(i, plot) for i, value in enumerate(self.values) if math.isfinite(value)]
        if len(line) > 1:
            pen = QPen(look.kept, 1.6)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            p.setPen(pen)
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawPolyline(QPolygonF(line))
        if line:
            look.point(p, line[-1], look.kept)
            top = min(max(line[-1].y() - look.line / 2, plot.y()), plot.bottom() - look.line)
            place = QRectF(plot.right() + px(5), top, rect.right() - plot.right() - px(5), look.line)
            look.words(p, place, self._now(), look.text, RIGHT)
        if pointed is not None and pointed < self.count:
            look.point(p, self._place(pointed, plot), look.text)

    def part_at(self, point: QPointF, rect: QRectF, look: Look) -> int | None:
        plot = self._plot(rect, look)
        if not self.count or not plot.adjusted(-px(3), 0, px(3), 0).contains(point):
            return None
        return min(range(self.count), key=lambda i: abs(self._place(i, plot).x() - point.x()))

    def anchor(self, part: int, rect: QRectF, look: Look) -> QPointF:
        return self._place(part, self._plot(rect, look))

    def explain(self, part: int) -> Explanation:
        translate = QCoreApplication.translate
        ago = self.count - 1 - part
        if ago == 0:
            when = translate("StagePictures", "at this place")
        elif ago == 1:
            when = translate("StagePictures", "1 token ago")
        else:
            when = translate("StagePictures", "{count} tokens ago").format(count=number(ago))
        lines = [(when, figure(self.values[part], 4))]
        if self.target is not None:
            lines.append((self._target_label(), figure(self.target, 4)))
        return Explanation(self.picture.label, self._length(), tuple(lines))

    def _length(self) -> str:
        if self.count == 1:
            return QCoreApplication.translate("StagePictures", "at the first place")
        return QCoreApplication.translate("StagePictures", "at the last {count} places").format(
            count=number(self.count)
        )

    def words(self) -> str:
        words = QCoreApplication.translate("StagePictures", "{label}: now {value}").format(
            label=self.picture.label, value=self._now()
        )
        if self.target is None:
            return words
        steered = QCoreApplication.translate("StagePictures", "{words}, steered to {target}")
        return steered.format(words=words, target=figure(self.target))
