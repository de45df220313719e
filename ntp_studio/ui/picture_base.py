"""What the drawings of the stages share: fonts and colours, words above a plot, and what a drawing can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from ntp_studio.core.pictures import Axis
from ntp_studio.ui.candidate_text import Explanation, number
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.picture_scale import Scale
from ntp_studio.ui.shades import mixed
from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Palette
from ntp_studio.ui.token_text import visible

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
CENTER = Qt.AlignmentFlag.AlignCenter
LONGEST = 80  # characters of a token's label that are looked at
SPOKEN = 3  # tokens of a drawing that are read out


class Look:
    """Fonts, colours and lengths of one palette at one text size."""

    def __init__(self, palette: Palette, font: QFont) -> None:
        self.small = QFont(font)
        self.small.setPixelSize(caption_size())
        self.mono = mono_like(self.small)
        self.metrics = QFontMetricsF(self.small)
        self.mono_metrics = QFontMetricsF(self.mono)
        self.line = round(self.metrics.height()) + 1
        self.plot = px(38)
        self.foot = px(6)  # below a plot, for the mark under the selected token
        self.gap = px(6)
        self.row = max(px(16), round(self.mono_metrics.height()) + 2)
        self.surface = palette.color("surface")
        self.text = palette.color("text")
        self.muted = palette.color("muted")
        self.kept = palette.color("accent")
        self.before = palette.color("model")
        self.cut = palette.color("cut")
        # Grey bars are told by this outline too, which stands out from the card's ground.
        self.cut_edge = mixed(self.muted, self.surface, 0.3)
        self.axis = palette.color("faint")
        self.selected = palette.color("accent")
        self.pointed = palette.color("accent_soft")
        self.under = palette.color("accent", 34)

    # -- words ---------------------------------------------------------------------------------------------------------

    def width(self, text: str) -> float:
        return self.metrics.horizontalAdvance(text)

    def words(
        self, p: QPainter, rect: QRectF, text: str, color: QColor, flags: Qt.AlignmentFlag = LEFT, mono: bool = False
    ) -> None:
        """One line of text in `rect`, shortened where it does not fit."""
        metrics = self.mono_metrics if mono else self.metrics
        if metrics.horizontalAdvance(text) > rect.width():
            text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        p.setFont(self.mono if mono else self.small)
        p.setPen(color)
        p.drawText(rect, int(flags) | int(Qt.TextFlag.TextSingleLine) | int(Qt.TextFlag.TextDontClip), text)

    def header(self, p: QPainter, rect: QRectF, left: str, right: str, short: str = "") -> None:
        """The line above a plot: what is drawn (`short` where there is no room for all of `left`), and what came of it.
        The second matters more and has the room first."""
        line = QRectF(rect.x(), rect.y(), rect.width(), self.line)
        needed = min(self.width(right), line.width())
        room = line.width() - needed - (px(8) if right else 0)
        if right:
            self.words(p, line, right, self.text, RIGHT)
        if short and self.width(left) > room:
            left = short
        if room >= min(self.width(left), px(36)):
            self.words(p, QRectF(line.x(), line.y(), room, line.height()), left, self.muted)

    def note(self, p: QPainter, rect: QRectF, text: str) -> None:
        """Words inside a plot, on a ground of their own."""
        ground = QColor(self.surface)
        ground.setAlpha(225)
        p.fillRect(rect, ground)
        self.words(p, rect, text, self.text, CENTER)

    # -- marks ---------------------------------------------------------------------------------------------------------

    def deciding(self, p: QPainter, a: QPointF, b: QPointF, dashed: bool = False) -> None:
        """The line that decides."""
        p.setPen(QPen(self.text, 1.0, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine))
        p.drawLine(a, b)

    def ground_line(self, p: QPainter, rect: QRectF) -> None:
        """Where a plot stands."""
        p.fillRect(QRectF(rect.x(), rect.bottom(), rect.width(), 1), self.axis)

    def point(self, p: QPainter, at: QPointF, color: QColor, size: float = 3.0) -> None:
        """A dot that stands apart from the line it lies on."""
        p.setPen(QPen(self.surface, 1.5))
        p.setBrush(color)
        radius = px(size)
        p.drawEllipse(at, radius, radius)

    def pointer(self, p: QPainter, x: float, top: float) -> None:
        """A triangle beneath the selected token."""
        half = px(3)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(self.selected)
        p.drawPolygon(
            QPolygonF([QPointF(x, top), QPointF(x + half, top + self.foot - 2), QPointF(x - half, top + self.foot - 2)])
        )

    def ring(self, p: QPainter, rect: QRectF) -> None:
        """An outline around the selected token, as around its row in the chart; its own colours stay."""
        p.setPen(QPen(self.selected, 1.5))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawRoundedRect(rect, 3, 3)


class Drawing(ABC):
    """One picture. It knows no widget: it is told a rectangle each time, `height` high and as wide as there is room.

    Its parts (bars, rows, points) are counted from 0; a part may be pointed at, explained, and belong to a token.
    """

    count: int = 0
    selected: int | None = None  # a token's id

    @abstractmethod
    def height(self, look: Look) -> int: ...

    @abstractmethod
    def paint(self, p: QPainter, rect: QRectF, look: Look, pointed: int | None) -> None:
        """`pointed` is the part that the pointer or the keys are at."""

    @abstractmethod
    def part_at(self, point: QPointF, rect: QRectF, look: Look) -> int | None: ...

    @abstractmethod
    def anchor(self, part: int, rect: QRectF, look: Look) -> QPointF:
        """Where words about this part may hang."""

    @abstractmethod
    def explain(self, part: int) -> Explanation: ...

    @abstractmethod
    def words(self) -> str:
        """What is drawn, in a sentence or two."""

    def token(self, part: int) -> int | None:
        return None


def shown_label(label: str) -> str:
    """A token's label made safe to draw on one line; labels are data and may hold anything."""
    return visible(label[:LONGEST].replace("\n", "↵")) or "∅"


def token_title(token_id: int, label: str) -> tuple[str, str]:
    """Title and subtitle of the card about a token."""
    return shown_label(label), QCoreApplication.translate("StagePictures", "id {id}").format(id=number(token_id))


def listed(parts: list[str], more: int = 0) -> str:
    text = ", ".join(parts)
    return f"{text}, …" if more > 0 else text


def axis_label(axis: Axis) -> str:
    translate = QCoreApplication.translate
    return {
        "probability": translate("StagePictures", "probability"),
        "logit": translate("StagePictures", "logit"),
        "distance": translate("StagePictures", "|surprise − H|, nats"),
        "bend": translate("StagePictures", "bend"),
        "surprise": translate("StagePictures", "surprise, bits"),
    }[axis]


def scaled_label(label: str, scale: Scale) -> str:
    """The axis with a warning where its heights are not in proportion."""
    return QCoreApplication.translate("StagePictures", "{axis} · log").format(axis=label) if scale.log else label


def short_label(axis: Axis, scale: Scale) -> str:
    """The same in a narrow card, where what must not be lost is that heights are not in proportion."""
    translate = QCoreApplication.translate
    signs = {
        "probability": translate("StagePictures", "p"),
        "distance": translate("StagePictures", "|s − H|"),
        "surprise": translate("StagePictures", "bits"),
    }
    return scaled_label(signs.get(axis) or axis_label(axis), scale)
