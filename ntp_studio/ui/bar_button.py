"""The buttons of the top bar: picture, text, muted detail, key cap and chevron, painted in the theme's colours.

The parts can be left out one by one (`set_parts`) so that the bar fits a narrow window. A button made for a QAction
follows whether the action is enabled, shows its tip, and triggers it.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QColor, QFont, QFontMetrics, QKeyEvent, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QStyle, QStyleOptionButton, QStylePainter, QWidget

from ntp_studio.ui.glyphs import paint_glyph
from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Theme

_GAP = 7
_PADDING = 11


class BarButton(QPushButton):
    """One button of the bar. Only Tab gives it the focus, so that Space goes on playing after a click."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        *,
        glyph: str = "",
        detail: str = "",
        cap: str = "",
        chevron: bool = False,
        primary: bool = False,
        action: QAction | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._label, self._detail, self._cap = theme, text, detail, cap
        self._glyph, self._chevron, self._primary = glyph, chevron, primary
        self._show_label = self._show_detail = self._show_cap = True
        self._strong = False
        self._most_label = 10_000
        self._reserved: tuple[str, ...] = ()
        self._progress: float | None = None
        self._busy = False
        self._phase = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(40)
        self._timer.timeout.connect(self._advance)
        self._action = action
        self.setProperty("primary", primary)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(text)
        if action is not None:
            self.clicked.connect(action.trigger)
            action.changed.connect(self._follow_action)
            self._follow_action()
        theme.changed.connect(self._restyle)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()  # the text may have another size, too
        self.update()

    # -- what it shows -------------------------------------------------------------------------------------------------

    def label(self) -> str:
        return self._label

    def detail(self) -> str:
        return self._detail

    def set_label(self, text: str, detail: str | None = None) -> None:
        self._label = text
        self._detail = self._detail if detail is None else detail
        self.setAccessibleName(f"{text} {self._detail}".strip())
        self.updateGeometry()
        self.update()

    def set_glyph(self, glyph: str) -> None:
        self._glyph = glyph
        self.update()

    def set_strong(self, strong: bool) -> None:
        """Write the label in semi-bold."""
        self._strong = strong

    def reserve(self, *labels: str) -> None:
        """Keep the width that the widest of these labels needs, so that a change of label moves nothing else."""
        self._reserved = labels
        self.updateGeometry()

    def set_parts(self, *, label: bool = True, detail: bool = True, cap: bool = True, most: int = 10_000) -> None:
        """Which parts to show, and how wide the label may be in pixels before it is shortened with an ellipsis."""
        self._show_label = label or not self._glyph
        self._show_detail, self._show_cap, self._most_label = detail, cap, most
        self.updateGeometry()
        self.update()

    def set_progress(self, fraction: float | None, *, busy: bool) -> None:
        """A thin line along the lower edge: `fraction` of it, or a part that wanders while that is None."""
        self._progress, self._busy = fraction, busy
        if busy and fraction is None:
            self._timer.start()
        else:
            self._timer.stop()
        self.update()

    @Slot()
    def _advance(self) -> None:
        self._phase = (self._phase + 0.02) % 1.0
        self.update()

    @Slot()
    def _follow_action(self) -> None:
        if self._action is not None:
            self.setEnabled(self._action.isEnabled())
            self.setToolTip(self._action.toolTip())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    # -- sizes ---------------------------------------------------------------------------------------------------------

    def _fonts(self) -> tuple[QFont, QFont]:
        """Of the label and of the key cap."""
        label, cap = QFont(self.font()), QFont(self.font())
        label.setWeight(QFont.Weight.DemiBold if self._strong else QFont.Weight.Medium)
        cap.setPixelSize(caption_size())
        return label, cap

    def _label_text(self, metrics: QFontMetrics) -> str:
        return metrics.elidedText(self._label, Qt.TextElideMode.ElideMiddle, self._most_label)

    def _parts(self) -> list[tuple[str, float]]:
        """The parts to paint, from left to right, with their widths."""
        label_font, cap_font = self._fonts()
        metrics = QFontMetrics(label_font)
        parts: list[tuple[str, float]] = []
        if self._label and self._show_label:
            texts = (self._label_text(metrics), *self._reserved)
            parts.append(("label", max(metrics.horizontalAdvance(text) for text in texts) + 1))
        if self._glyph:
            # The picture of a step points onward, past its word.
            parts.insert(len(parts) if self._glyph == "step" else 0, ("glyph", px(14)))
        if self._detail and self._show_detail:
            parts.append(("detail", QFontMetrics(self.font()).horizontalAdvance(self._detail) + 1))
        if self._cap and self._show_cap:
            parts.append(("cap", QFontMetrics(cap_font).horizontalAdvance(self._cap) + 10))
        if self._chevron:
            parts.append(("chevron", px(12)))
        return parts

    def sizeHint(self) -> QSize:
        parts = self._parts()
        width = sum(width for _, width in parts) + _GAP * (len(parts) - 1) + 2 * _PADDING
        return QSize(round(width + 0.5), QFontMetrics(self.font()).height() + 15)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        painter.setRenderHint(QStylePainter.RenderHint.Antialiasing)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        if self._busy:
            self._paint_progress(painter)
        ink, pale = self._colors()
        parts = self._parts()
        needed = sum(width for _, width in parts) + _GAP * (len(parts) - 1)
        x = max((self.width() - needed) / 2, 2.0)
        label_font, cap_font = self._fonts()
        for part, width in parts:
            rect = QRectF(x, 0, width, self.height())
            x += width + _GAP
            if part == "glyph":
                paint_glyph(painter, self._glyph, QRectF(rect.x(), rect.center().y() - width / 2, width, width), ink)
            elif part == "chevron":
                paint_glyph(painter, "chevron", QRectF(rect.x(), rect.center().y() - width / 2, width, width), pale)
            elif part == "cap":
                self._paint_cap(painter, rect, cap_font, pale)
            else:
                painter.setFont(label_font if part == "label" else self.font())
                painter.setPen(ink if part == "label" else pale)
                text = self._label_text(QFontMetrics(label_font)) if part == "label" else self._detail
                painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, text)

    def _colors(self) -> tuple[QColor, QColor]:
        palette = self._theme.palette
        if not self.isEnabled():
            faint = palette.color("muted" if self._primary else "faint")
            return faint, faint
        if self._primary:
            return palette.color("accent_text"), palette.color("accent_text", 215)
        return palette.color("text"), palette.color("muted")

    def _paint_cap(self, painter: QStylePainter, rect: QRectF, font: QFont, color: QColor) -> None:
        height = QFontMetrics(font).height() + 3
        cap = QRectF(rect.x() + 0.5, round(rect.center().y() - height / 2) + 0.5, rect.width() - 1, height)
        edge = QColor(color)
        edge.setAlpha(110)
        painter.setPen(QPen(edge, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(cap, 3.5, 3.5)
        painter.setPen(color)
        painter.setFont(font)
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, self._cap)

    def _paint_progress(self, painter: QStylePainter) -> None:
        inside = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        clip = QPainterPath()
        clip.addRoundedRect(inside, 6, 6)
        painter.save()
        painter.setClipPath(clip)
        if self._progress is None:
            line = QRectF(inside.width() * (self._phase * 1.4 - 0.4), inside.bottom() - 3, inside.width() * 0.4, 3)
        else:
            line = QRectF(inside.left(), inside.bottom() - 3, inside.width() * min(max(self._progress, 0.0), 1.0), 3)
        palette = self._theme.palette
        painter.fillRect(QRectF(inside.left(), inside.bottom() - 3, inside.width(), 3), palette.color("sunken"))
        painter.fillRect(line, palette.color("accent"))
        painter.restore()
