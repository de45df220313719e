"""How one token looks: ground, ink, underline, ring. Shared by the page and the chips under the prompt editor."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from ntp_studio.core.types import PageToken
from ntp_studio.ui.theme import Palette
from ntp_studio.ui.token_figures import Mode, heat_share
from ntp_studio.ui.token_layout import Fragment

RADIUS = 3.0
UNDERLINE = 2.0


class TokenPainter:
    """Draws fragments in the colours of one palette and one mode; made anew when either changes. `led`: the text was
    chosen elsewhere and is only followed."""

    def __init__(self, palette: Palette, mode: Mode, font: QFont, tag_scale: float, led: bool = False) -> None:
        self.palette = palette
        self.mode = mode
        self.font = font
        self.metrics = QFontMetricsF(font)
        self._italic = QFont(font)
        self._italic.setItalic(True)
        self._small = QFont(font)
        if font.pointSizeF() > 0:
            self._small.setPointSizeF(font.pointSizeF() * tag_scale)
        else:
            self._small.setPixelSize(max(round(font.pixelSize() * tag_scale), 1))
        self._ink = palette.color("text")
        self._muted = palette.color("muted")
        self._faint = palette.color("muted", 150)
        self._neutral = palette.color("sunken")
        self._accent = palette.color("accent")
        self._drawn = palette.color("drawn")
        self._drawn_text = palette.color("drawn_text")
        self._border = palette.color("border")
        self._heat = [palette.heat_color(i / 64) for i in range(65)]
        self._surface = palette.color("surface")
        self._quiet = palette.color("muted", 150)
        self.led = led

    def ink(self, token: PageToken | None, ghost: bool) -> QColor:
        if token is None:
            return self._drawn_text
        return self._muted if ghost or token.template or token.token.special else self._ink

    def ground(self, token: PageToken) -> QColor:
        share = heat_share(self.mode, token)
        color = self._neutral if share is None else self._heat[round(share * 64)]
        if not token.template:
            return color
        # paler: half way to the card, opaque, so that text on it keeps its contrast
        other = self._surface
        return QColor(
            (color.red() + 2 * other.red()) // 3,
            (color.green() + 2 * other.green()) // 3,
            (color.blue() + 2 * other.blue()) // 3,
        )

    def chip(
        self, painter: QPainter, box: QRectF, fragment: Fragment, padding: float, token: PageToken, ghost: bool
    ) -> None:
        """A token with its ground; special tokens are pills with a border. The way ahead has no ground: it is not
        there yet."""
        painter.setBrush(self._surface if ghost else self.ground(token))
        if token.token.special:
            # As high as the chip: a lower pill would cover the underscores of its name with its border.
            painter.setPen(QPen(self._border if ghost else self._muted, 1))
            pill = box.adjusted(1.5, 0.5, -1.5, -0.5)
            painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        elif self.mode == "tokens":
            painter.setPen(QPen(self._border, 1, Qt.PenStyle.DashLine if token.template else Qt.PenStyle.SolidLine))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        if token.origin != "prompt" and self.mode != "plain":
            self.underline(painter, box.translated(0, 2.5) if token.token.special else box, token, ghost)
        if ghost:
            painter.setFont(self._italic)
        self.label(painter, box, fragment, padding, self.ink(token, ghost))
        if ghost:
            painter.setFont(self.font)

    def label(self, painter: QPainter, box: QRectF, fragment: Fragment, padding: float, ink: QColor) -> None:
        text, x = fragment.text, box.left() + padding
        baseline = box.top() + (box.height() - self.metrics.height()) / 2 + self.metrics.ascent()
        if fragment.faint:
            lead = text[: fragment.faint]
            painter.setPen(self._faint)
            painter.drawText(QPointF(x, baseline), lead)
            x += self.metrics.horizontalAdvance(lead)
            text = text[fragment.faint :]
        painter.setPen(ink)
        painter.drawText(QPointF(x, baseline), text)

    def underline(self, painter: QPainter, box: QRectF, token: PageToken, ghost: bool) -> None:
        """Blue under what was drawn; amber, thicker and dashed under what a person chose; thin and grey under all of a
        text that is only followed."""
        forced = token.origin == "forced" and not self.led
        color = QColor(self._drawn if forced else self._quiet if self.led else self._accent)
        if ghost:
            color.setAlpha(70)
        if forced:
            y = box.bottom() - 1.5
            pen = QPen(color, 3, Qt.PenStyle.CustomDashLine, Qt.PenCapStyle.FlatCap)
            pen.setDashPattern([2.0, 1.0])
            painter.setPen(pen)
            painter.drawLine(QPointF(box.left() + 0.5, y), QPointF(box.right() - 0.5, y))
        else:
            thick = 1.0 if self.led else UNDERLINE
            painter.fillRect(QRectF(box.left(), box.bottom() - thick, box.width(), thick), color)

    def stretch(
        self, painter: QPainter, run: QRectF, room: float, now: bool, level: int, begins: bool, ends: bool
    ) -> None:
        """A line below the chips of one line of text, in the `room` pixels before the next: tokens that a stage speaks
        of. The end of the text is underlined solid with ticks where it begins and ends, an earlier passage dashed.

        It keeps clear of the chips, whose own underlines tell how they were chosen. There are two levels.
        """
        thick = 1.0 if room < 7 else 2.0
        top = run.bottom() + round(max(room - 2 * thick - 1.0, 0.0) * 0.8) + level * (thick + 1.0)
        left, right = round(run.left()) + (1 if begins else 0), round(run.right()) - (1 if ends else 0)
        if right <= left:
            return
        if now:
            painter.fillRect(QRectF(left, top, right - left, thick), self._accent)
        else:
            pen = QPen(self._accent, thick, Qt.PenStyle.CustomDashLine, Qt.PenCapStyle.FlatCap)
            pen.setDashPattern([4.0 / thick, 3.0 / thick])
            painter.setPen(pen)
            painter.drawLine(QPointF(left, top + thick / 2), QPointF(right, top + thick / 2))
        tick = QRectF(left, run.bottom() - 5.0, 2.0, top + thick - run.bottom() + 5.0)
        if now and begins:
            painter.fillRect(tick, self._accent)
        if now and ends:
            painter.fillRect(tick.translated(right - left - 2.0, 0), self._accent)

    def pending(self, painter: QPainter, box: QRectF, forced: bool) -> None:
        """The dashed outline of the token about to be taken (solid when a person chose it)."""
        style = Qt.PenStyle.SolidLine if forced else Qt.PenStyle.CustomDashLine
        pen = QPen(self._drawn, 1.4, style)
        if not forced:
            pen.setDashPattern([2.6, 2.0])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(0.7, 0.7, -0.7, -0.7), RADIUS, RADIUS)

    def tag(self, painter: QPainter, box: QRectF, text: str, room: float, padding: float, forced: bool) -> None:
        """The token about to be taken where a way ahead follows: a flag on the caret, raised above the line."""
        self.caret(painter, box.left() + 1, box.top(), box.height())
        flag = QRectF(box.left() + 1, box.top() - 3, box.width() - room - 1, box.height() * 0.82)
        painter.setPen(QPen(self._drawn, 2 if forced else 1))
        painter.setBrush(self.palette.color("drawn_soft"))
        painter.drawRoundedRect(flag.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        painter.setFont(self._small)
        painter.setPen(self._drawn_text)
        painter.drawText(flag.adjusted(padding, 0, -padding, 0), Qt.AlignmentFlag.AlignCenter, text)
        painter.setFont(self.font)

    def ring(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(QPen(self._accent, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(-0.5, -0.5, 0.5, 0.5), RADIUS + 1, RADIUS + 1)

    def tint(self, painter: QPainter, box: QRectF) -> None:
        """The ground of the selected token in plain text."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette.color("accent_soft"))
        painter.drawRoundedRect(box, RADIUS, RADIUS)

    def boundary(self, painter: QPainter, x: float, top: float, height: float) -> None:
        """Where the prompt ends and the generated text begins."""
        painter.fillRect(QRectF(x - 1.0, top - 2, 2.0, height + 4), self._accent)

    def caret(self, painter: QPainter, x: float, top: float, height: float) -> None:
        """The place in the text, when a way ahead follows it."""
        painter.fillRect(QRectF(x - 1.0, top - 2, 2.0, height + 4), self._drawn)
