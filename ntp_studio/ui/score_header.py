"""The header of the table of a scored text: whose figures they are over what they are, and a click sorts."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QHeaderView, QWidget

from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.score_badge import badge_size, paint_badge
from ntp_studio.ui.score_cells import FROZEN, Field, heading
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

ARROW = 9


class GroupedHeader(QHeaderView):
    """Above the sections of one model stands its letter with its name, above those of a pair both letters."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme = theme
        self._fields: tuple[Field, ...] = ()
        self._names: tuple[str, ...] = ()
        self._sorted: tuple[int, bool] = (0, False)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(px(34))
        theme.changed.connect(self._restyle)

    def show_fields(self, fields: tuple[Field, ...], names: tuple[str, ...]) -> None:
        """`names` are of the models."""
        self._fields, self._names = fields, names
        self.viewport().update()

    def show_sorted(self, section: int, descending: bool) -> None:
        self._sorted = (section, descending)
        self.viewport().update()

    @Slot()
    def _restyle(self) -> None:
        self.setMinimumSectionSize(px(34))
        self.headerDataChanged(Qt.Orientation.Horizontal, 0, max(self.count() - 1, 0))

    # -- sizes ---------------------------------------------------------------------------------------------------------

    def _fonts(self) -> tuple[QFont, QFont]:
        """Of a name, and of the name that is sorted by."""
        return scaled(self.font(), 0.87), scaled(self.font(), 0.87, QFont.Weight.DemiBold)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), badge_size(self.font()).height() + self._line() + px(13))

    def _line(self) -> int:
        return QFontMetrics(self._fonts()[1]).height()

    def needed(self, section: int) -> int:
        """Pixels in which its name can be read, sorted by or not."""
        return QFontMetrics(self._fonts()[1]).horizontalAdvance(heading(self._fields[section])) + px(ARROW + 16)

    # -- painting ------------------------------------------------------------------------------------------------------

    def _group(self, section: int) -> list[int]:
        """The sections that belong together with this one."""
        field = self._fields[section]
        if field.kind in ("number", "byte", "text"):
            return [section]
        return [
            i
            for i, other in enumerate(self._fields)
            if other.kind not in ("number", "byte", "text")
            and (other.of_pair, other.place) == (field.of_pair, field.place)
        ]

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        if logicalIndex >= len(self._fields):
            return
        p = self._theme.palette
        painter.save()
        painter.setClipRect(rect)
        painter.fillRect(rect, p.color("surface"))
        field = self._fields[logicalIndex]
        group = self._group(logicalIndex)
        if field.kind not in ("number", "byte", "text"):
            left = rect.x() - sum(self.sectionSize(i) for i in group if i < logicalIndex)
            whole = QRect(left, rect.y(), sum(self.sectionSize(i) for i in group), rect.height())
            self._paint_group(painter, whole, field)
            if logicalIndex == group[0] and logicalIndex > FROZEN:
                painter.setPen(p.color("border"))
                painter.drawLine(rect.topLeft(), rect.bottomLeft())
        self._paint_name(painter, rect, logicalIndex, field)
        painter.setPen(p.color("border"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.restore()

    def _paint_group(self, painter: QPainter, whole: QRect, field: Field) -> None:
        one = badge_size(self.font())
        x, y = whole.x() + px(8), whole.y() + px(5)
        for place in (0, field.place + 1) if field.of_pair else (field.place,):
            paint_badge(painter, self._theme.palette, QRectF(x, y, one.width(), one.height()), place, self.font())
            x += one.width() + px(4)
        painter.setFont(self._fonts()[1])
        painter.setPen(self._theme.palette.color("text"))
        room = whole.right() - x - px(6)
        words = self.group_words(field, room)
        rect = QRect(x + px(2), y, max(room, 0), one.height())
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine), words)

    def group_words(self, field: Field, room: int) -> str:
        """What stands beside the letters: of a pair all or nothing, of a model what there is room for."""
        metrics = QFontMetrics(self._fonts()[1])
        if field.of_pair:
            words = self.tr("compared")
            return words if metrics.horizontalAdvance(words) <= room else ""
        return metrics.elidedText(self._names[field.place], Qt.TextElideMode.ElideMiddle, room)

    def _paint_name(self, painter: QPainter, rect: QRect, section: int, field: Field) -> None:
        p, is_sorted = self._theme.palette, self._sorted[0] == section
        painter.setFont(self._fonts()[1 if is_sorted else 0])
        metrics = QFontMetrics(painter.font())
        line = QRect(rect.x() + px(8), rect.bottom() - self._line() - px(4), rect.width() - px(16), self._line())
        right = field.kind != "text"
        words = metrics.elidedText(heading(field), Qt.TextElideMode.ElideRight, line.width())
        painter.setPen(p.color("text" if is_sorted else "muted"))
        across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(line, int(across | Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine), words)
        if is_sorted:
            width = metrics.horizontalAdvance(words)
            x = line.right() - width - px(ARROW) + 1 if right else line.x() + width + px(4)
            self._paint_arrow(painter, QRectF(x, line.center().y() - px(2), px(6), px(4)), self._sorted[1])

    def _paint_arrow(self, painter: QPainter, box: QRectF, down: bool) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(Qt.PenStyle.NoPen))
        painter.setBrush(self._theme.palette.color("text"))
        points = [box.topLeft(), box.topRight(), box.bottomLeft() + (box.bottomRight() - box.bottomLeft()) / 2]
        if not down:
            points = [box.bottomLeft(), box.bottomRight(), box.topLeft() + (box.topRight() - box.topLeft()) / 2]
        painter.drawPolygon(QPolygonF(points))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._theme.palette.color("surface"))
        painter.setPen(self._theme.palette.color("border"))
        bottom = self.viewport().height() - 1
        painter.drawLine(event.rect().left(), bottom, event.rect().right(), bottom)
        painter.end()
        super().paintEvent(event)
