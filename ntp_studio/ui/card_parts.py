"""The small parts of a card: grip, question mark, a name that gives way, a row of figures."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolTip, QWidget

from ntp_studio.ui.glyphs import paint_glyph
from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Theme


class Grip(QWidget):
    """The dotted handle by which a card is dragged. Tab or a click gives it the focus: the keys then move its card."""

    pressed = Signal(QPointF)  # in the global coordinates of the screen, as the two below
    dragged = Signal(QPointF)
    released = Signal()
    focus_changed = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._held = False
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(px(14), px(20))
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.pressed.emit(event.globalPosition())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self.dragged.emit(event.globalPosition())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self._held = False
            self.setCursor(Qt.CursorShape.OpenHandCursor)
            self.released.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        color = self._theme.palette.color("accent" if self.hasFocus() else "muted")
        paint_glyph(painter, "grip", QRectF(self.rect()).adjusted(1, 4, -1, -4), color)


class HelpMark(QWidget):
    """A question mark that explains the stage: on hover as any tool tip, on click or Enter at once."""

    def __init__(self, theme: Theme, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setToolTip(text)
        self.setCursor(Qt.CursorShape.WhatsThisCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(px(18), px(20))
        self.update()

    def show_help(self) -> None:
        QToolTip.showText(self.mapToGlobal(self.rect().bottomLeft()), self.toolTip(), self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.show_help()

    def event(self, event: QEvent) -> bool:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if isinstance(event, QKeyEvent) and event.key() in keys:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.show_help()
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        color = self._theme.palette.color("accent" if self.hasFocus() or self.underMouse() else "muted")
        paint_glyph(QPainter(self), "help", QRectF(self.rect()).adjusted(2, 3, -2, -3), color)

    def enterEvent(self, event: QEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()


class ElidedLabel(QLabel):
    """A label that gives way: shortened with an ellipsis where there is no room, with the whole text as its tip."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        whole = super().minimumSizeHint()
        return QSize(min(QFontMetrics(self.font()).horizontalAdvance("Mmm…"), whole.width()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        metrics = QFontMetrics(self.font())
        room = self.contentsRect()
        shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)


class CaptionRow(QWidget):
    """Up to three short figures, spread over the width; where they do not fit, the middle one is left out."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._parts: tuple[str, ...] = ()
        theme.changed.connect(self._restyle)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def parts(self) -> tuple[str, ...]:
        return self._parts

    def set_parts(self, *parts: str) -> None:
        self._parts = parts
        self.setAccessibleName(", ".join(parts))
        self.update()

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(caption_size())
        return font

    def sizeHint(self) -> QSize:
        return QSize(120, QFontMetrics(self._font()).height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        font = self._font()
        metrics = QFontMetrics(font)
        painter = QPainter(self)
        painter.setFont(font)
        painter.setPen(self._theme.palette.color("muted"))
        parts = list(self._parts)
        if len(parts) == 3 and sum(metrics.horizontalAdvance(part) for part in parts) + 16 > self.width():
            del parts[1]
        if not parts:
            return
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        last = metrics.horizontalAdvance(parts[-1]) if len(parts) > 1 else 0
        room = self.width() - last - (8 if last else 0)
        first = metrics.elidedText(parts[0], Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(0, 0, room, self.height()), middle, first)
        if last:
            painter.drawText(QRectF(self.rect()), middle | Qt.AlignmentFlag.AlignRight, parts[-1])
        if len(parts) == 3:
            # Centred in the gap between the two others, not on the card: the gap is what the eye sees.
            left = metrics.horizontalAdvance(first)
            gap = QRectF(left, 0, self.width() - left - last, self.height())
            painter.drawText(gap, middle | Qt.AlignmentFlag.AlignHCenter, parts[1])
