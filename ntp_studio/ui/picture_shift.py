"""The probabilities of the most likely tokens before and after a stage, side by side."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QPainter

from ntp_studio.core.pictures import Shift
from ntp_studio.ui.candidate_text import Explanation, percent
from ntp_studio.ui.picture_base import (
    SPOKEN,
    Drawing,
    Look,
    listed,
    scaled_label,
    short_label,
    shown_label,
    token_title,
)
from ntp_studio.ui.picture_scale import readable
from ntp_studio.ui.style import px

WIDEST = 32  # of a pair with the gap behind it


class ShiftDrawing(Drawing):
    """`Shift`: a pale and a solid bar for each token."""

    def __init__(self, picture: Shift) -> None:
        self.picture = picture
        self.count = min(len(picture.ids), len(picture.labels), len(picture.before), len(picture.after))
        self.scale = readable((*picture.before[: self.count], *picture.after[: self.count]))

    def height(self, look: Look) -> int:
        return look.line + look.plot + look.foot

    def token(self, part: int) -> int | None:
        return self.picture.ids[part]

    def _plot(self, rect: QRectF, look: Look) -> QRectF:
        return QRectF(round(rect.x()), round(rect.y()) + look.line, round(rect.width()), look.plot)

    def _pairs(self, plot: QRectF) -> list[tuple[float, float]]:
        pitch = min(plot.width() / max(self.count, 1), px(WIDEST))
        return [(plot.x() + round(i * pitch), plot.x() + round((i + 1) * pitch)) for i in range(self.count)]

    def paint(self, p: QPainter, rect: QRectF, look: Look, pointed: int | None) -> None:
        plot = self._plot(rect, look)
        used = self._legend(p, rect, look)
        caption = scaled_label(QCoreApplication.translate("StagePictures", "probability"), self.scale)
        head = QRectF(rect.x(), rect.y(), rect.width() - used, rect.height())
        look.header(p, head, caption, "", short_label("probability", self.scale))
        reach = plot.height() - 2
        marks: list[QRectF] = []
        p.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for index, (left, right) in enumerate(self._pairs(plot)):
            if index == pointed:
                p.fillRect(QRectF(left, plot.y(), right - left - 1, plot.height()), look.pointed)
            free = max(right - left - max(round((right - left) * 0.2), 1), 2)
            wide = max(free // 2, 1)
            for place, (value, color) in enumerate(
                ((self.picture.before[index], look.before), (self.picture.after[index], look.kept))
            ):
                tall = max(round(self.scale(value) * reach), 1)
                p.fillRect(QRectF(left + place * wide, plot.bottom() - tall, wide, tall), color)
            if self.picture.ids[index] == self.selected:
                around_it = QRectF(left - 2, plot.y() + 1, 2 * wide + 4, plot.height() - 1)
                marks.append(around_it.intersected(plot.adjusted(1, 0, 0, 0)))
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        look.ground_line(p, plot)
        for mark in marks:
            look.ring(p, mark)
            look.pointer(p, mark.center().x(), plot.bottom() + 2)

    def _legend(self, p: QPainter, rect: QRectF, look: Look) -> float:
        """What is pale and what is solid, at the right end of the header. Returns the room it takes."""
        translate = QCoreApplication.translate
        x = rect.right()
        side = px(7)
        for text, color in (
            (translate("StagePictures", "after"), look.kept),
            (translate("StagePictures", "before"), look.before),
        ):
            width = look.width(text)
            if x - width - side - px(11) < rect.x():
                break
            x -= width
            look.words(p, QRectF(x, rect.y(), width + 1, look.line), text, look.muted)
            x -= side + px(3)
            p.fillRect(QRectF(round(x), round(rect.y() + (look.line - side) / 2), side, side), color)
            x -= px(8)
        return rect.right() - x

    def part_at(self, point: QPointF, rect: QRectF, look: Look) -> int | None:
        plot = self._plot(rect, look)
        if not plot.adjusted(0, 0, 0, look.foot).contains(point):
            return None
        return next((i for i, (a, b) in enumerate(self._pairs(plot)) if a <= point.x() < b), None)

    def anchor(self, part: int, rect: QRectF, look: Look) -> QPointF:
        plot = self._plot(rect, look)
        left, right = self._pairs(plot)[part]
        return QPointF((left + right) / 2, plot.bottom())

    def explain(self, part: int) -> Explanation:
        translate, picture = QCoreApplication.translate, self.picture
        title, subtitle = token_title(picture.ids[part], picture.labels[part])
        return Explanation(
            title,
            subtitle,
            (
                (translate("StagePictures", "before"), percent(picture.before[part])),
                (translate("StagePictures", "after"), percent(picture.after[part])),
            ),
        )

    def words(self) -> str:
        picture = self.picture
        names = [
            f"{shown_label(picture.labels[i])} {percent(picture.before[i])} → {percent(picture.after[i])}"
            for i in range(min(self.count, SPOKEN))
        ]
        said = QCoreApplication.translate("StagePictures", "Probabilities before and after this stage: {list}")
        return said.format(list=listed(names, self.count - SPOKEN))
