"""The head of a column of the compare page: its letter, what it is, how it stands, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ntp_studio.compare_messages import ColumnPlace, ColumnState
from ntp_studio.core.types import ModelInfo
from ntp_studio.ui.candidate_text import number
from ntp_studio.ui.card_parts import GlyphButton
from ntp_studio.ui.column_colors import column_color, letter, letter_color
from ntp_studio.ui.compare_column_menu import ColumnMenu
from ntp_studio.ui.compare_column_tags import (
    ColumnTags,
    Tag,
    loose_words,
    place_tags,
    reading_tag,
    state_tags,
)
from ntp_studio.ui.model_menu import size_text
from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

ONE_LINE = 400  # from this width on everything but the tags stands in one line


class LetterBadge(QWidget):
    """A column's letter on its colour; both go by its place in the row."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column_letter")
        self._theme = theme
        self._place = 0
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_place(self, place: int) -> None:
        self._place = place
        self.setAccessibleName(self.tr("Column {0}").format(letter(place)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(px(22), px(18))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(column_color(self._theme.palette, self._place))
        box = QRectF(self.rect())
        painter.drawRoundedRect(box, box.height() * 0.28, box.height() * 0.28)
        painter.setFont(scaled(self.font(), 0.95, QFont.Weight.Bold))
        painter.setPen(letter_color(self._theme.palette))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), letter(self._place))
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.update()


class DotsButton(GlyphButton):
    """Three dots over each other: more to do."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "more", parent)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._theme.palette
        lit = self.underMouse() or self.hasFocus()
        if self.hasFocus():
            painter.setPen(palette.color("accent"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 1.5, -0.5, -1.5), 5, 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("accent" if lit else "muted"))
        middle, size = QRectF(self.rect()).center(), px(100) / 100
        for step in (-4.2, 0.0, 4.2):
            painter.drawEllipse(QPointF(middle.x(), middle.y() + step * size), 1.3 * size, 1.3 * size)
        painter.end()


def device_words(info: ModelInfo) -> str:
    return " · ".join(part for part in (info.device, info.dtype) if part)


class ColumnHead(QWidget):
    """Two or three lines, by its width alone, so that the heads of columns side by side are equally high."""

    decoding_asked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column_head")
        self._theme = theme
        self._state: ColumnState | None = None
        self._leads = False
        self._place = 0
        self._at: list[Tag] = []  # what is said of the place on view
        self._loose = 0
        self._always: list[Tag] = []
        self._reading: tuple[int, int] | None = None
        self._one_line: bool | None = None
        self.badge = LetterBadge(theme, self)
        # Of "fairy-tales/checkpoint-200" the end tells the columns apart.
        self.name = ElidedLabel(Qt.TextElideMode.ElideLeft, self)
        self.name.setObjectName("column_name")
        self.device = ElidedLabel(parent=self)
        self.device.setObjectName("column_device")
        self.decoding = QToolButton(self)
        self.decoding.setObjectName("column_decoding")
        self.decoding.setText(self.tr("Decoding ▾"))
        self.decoding.setToolTip(self.tr("Show this column's decoding chain at the left"))
        self.decoding.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.menu = ColumnMenu(self)
        self.more = DotsButton(theme, self)
        self.more.setObjectName("column_more")
        self.more.setToolTip(self.tr("Move, duplicate, open again or remove this column"))
        self.close_button = GlyphButton(theme, "close", self)
        self.close_button.setObjectName("column_close")
        self.close_button.setToolTip(self.tr("Remove this column; memory that only it uses is given back"))
        self.tags = ColumnTags(theme, self)

        self._first, self._second = QHBoxLayout(), QHBoxLayout()
        for line in (self._first, self._second):
            line.setSpacing(7)
        self._first.addWidget(self.badge)
        self._first.addWidget(self.name)
        self._first.addStretch(1)
        self._first.addWidget(self.more)
        self._first.addWidget(self.close_button)
        self._second.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._first)
        layout.addLayout(self._second)
        layout.addWidget(self.tags)
        self.decoding.clicked.connect(self.decoding_asked)
        self.more.clicked.connect(self._open_menu)
        self.close_button.clicked.connect(self.menu.remove.trigger)
        theme.changed.connect(self._restyle)
        self._restyle()
        self._arrange()

    def show_state(self, place: int, state: ColumnState, leads: bool, count: int) -> None:
        self._place, self._state, self._leads = place, state, leads
        info, name = state.info, letter(place)
        self.badge.show_place(place)
        self.name.setText(info.name)
        self.name.setAccessibleName(self.tr("Column {0}: {1}").format(name, info.name))
        self.name.setToolTip(self._about(info))
        self.device.setText(device_words(info))
        self.device.setToolTip(info.device_reason)
        self.decoding.setAccessibleName(self.tr("Decoding of column {0}").format(name))
        self.more.setAccessibleName(self.tr("More for column {0}").format(name))
        self.close_button.setAccessibleName(self.tr("Remove column {0}").format(name))
        self.menu.show_place(place, count, info.dtype)
        self._always = state_tags(state, leads)
        self._show_tags()

    def show_place(self, place: ColumnPlace) -> None:
        self._reading = None
        self._at, self._loose = place_tags(place), place.loose
        self._show_tags()

    def show_reading(self, done: int, total: int) -> None:
        self._reading = (done, total) if done < total else None
        self._show_tags()

    def _show_tags(self) -> None:
        # What is new comes first: it is what must be seen where there is room for one. What comes and goes at every
        # step has a place of its own behind the others, which so stand still.
        new = [tag for tag in self._at if not tag.passing]
        if self._reading is not None:
            new.insert(0, reading_tag(*self._reading))
        lead = 1 if self._leads else 0
        tags = [*self._always[:lead], *new, *self._always[lead:], *(tag for tag in self._at if tag.passing)]
        self.tags.show_tags(tags, self._place, loose_words(self._loose))

    def _about(self, info: ModelInfo) -> str:
        facts = [self.tr("{0} parameters").format(number(info.parameters))]
        if info.memory_bytes:
            facts.append(self.tr("{0} of weights in memory").format(size_text(info.memory_bytes)))
        facts.append(self.tr("vocabulary of {0}").format(number(info.vocab_size)))
        lines = [info.name, info.path, " · ".join(facts), info.device_reason]
        return "\n".join(line for line in lines if line)

    @Slot()
    def _open_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    # -- looks ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        one_line = self.width() >= px(ONE_LINE)
        if one_line == self._one_line:
            return
        self._one_line = one_line
        for line in (self._first, self._second):
            line.removeWidget(self.device)
            line.removeWidget(self.decoding)
        if one_line:
            self._first.insertWidget(2, self.device)
            self._first.insertWidget(4, self.decoding)
        else:
            self._second.insertWidget(0, self.device)
            self._second.addWidget(self.decoding)

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self.name.setFont(scaled(self.font(), 1.04, QFont.Weight.DemiBold))
        self.name.set_color(palette.color("text"))
        self.device.setFont(self.font())
        self.device.set_color(palette.color("muted"))
        self.decoding.setStyleSheet(
            f"QToolButton {{ color: {palette.muted}; padding: 2px 4px; }}"
            f"QToolButton:hover {{ color: {palette.link}; background: {palette.accent_soft}; }}"
            f"QToolButton:focus {{ border-color: {palette.accent}; }}"
        )
        self._arrange()
