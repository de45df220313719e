"""The small parts of a card: grip, marks to press, a name that gives way, a row of figures."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QFocusEvent, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QWidget

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


class GlyphButton(QAbstractButton):
    """A glyph to press: quiet until pointed at or focused. Only Tab gives it the focus."""

    def __init__(self, theme: Theme, glyph: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._glyph = theme, glyph
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(px(18), px(20))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(px(18), px(20))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette, painter = self._theme.palette, QPainter(self)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(palette.color("accent"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 1.5, -0.5, -1.5), 5, 5)
        color = palette.color("accent" if self.hasFocus() or self.underMouse() else "muted")
        paint_glyph(painter, self._glyph, QRectF(self.rect()).adjusted(2, 3, -2, -3), color)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()


class HelpMark(GlyphButton):
    """A question mark that opens the card about a stage."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "help", parent)


class CloseMark(GlyphButton):
    """The cross that takes something away."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "close", parent)


class Disclosure(QAbstractButton):
    """`▸ More`, which turns into `▾ Less` while what it hides is on view; `note` says what is set in there."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._note = ""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._restyle)
        self.toggled.connect(self._say)
        self._say()

    @property
    def note(self) -> str:
        return self._note

    def set_note(self, note: str) -> None:
        if note != self._note:
            self._note = note
            self._say()

    @Slot()
    def _say(self) -> None:
        words = self.tr("Less") if self.isChecked() else self.tr("More")
        self.setText(f"{words} · {self._note}" if self._note else words)
        self.updateGeometry()
        self.update()

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(caption_size())
        return font

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font())
        return QSize(metrics.horizontalAdvance(self.text()) + px(16), metrics.height() + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(px(40), self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._theme.palette
        if self.hasFocus():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent_soft"))
            painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        color = palette.color("link")
        size, middle = px(10), self.height() / 2
        painter.save()
        painter.translate(size / 2, middle)
        painter.rotate(0 if self.isChecked() else -90)
        paint_glyph(painter, "chevron", QRectF(-size / 2, -size / 2, size, size), color)
        painter.restore()
        painter.setFont(self._font())
        painter.setPen(color)
        room = QRectF(size + px(3), 0, self.width() - size - px(3), self.height())
        text = QFontMetrics(self._font()).elidedText(self.text(), Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, text)


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
