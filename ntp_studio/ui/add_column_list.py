"""The list of what can become another column: the same model again, models found here, training snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ntp_studio.core.types import ModelListing
from ntp_studio.ui.column_colors import column_color, letter, letter_color
from ntp_studio.ui.model_menu import RECENT, size_text
from ntp_studio.ui.panel_labels import caption_font, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

Kind = Literal["title", "line", "column", "model"]
CHOICE = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Choice:
    """A row. `place` is an open column's in its row (-1: none), whose number is `number`."""

    kind: Kind
    text: str
    detail: str = ""
    size: str = ""
    path: str = ""
    number: int = -1
    place: int = -1
    problem: str = ""
    series: str = ""  # whose snapshot it is
    name: str = ""  # of the model, where the row says more

    @property
    def usable(self) -> bool:
        return self.kind not in ("title", "line")

    def holds(self, words: Sequence[str]) -> bool:
        hay = f"{self.text} {self.path} {self.detail} {self.series}".casefold()
        return all(word in hay for word in words)


def model_choices(found: Sequence[ModelListing] | None, recent: Sequence[str]) -> list[Choice]:
    """Bundled models first, then recent ones, then what else was found; each path once."""
    known = {one.path: one for one in found or ()}
    bundled = [one for one in known.values() if one.source == "bundled"]
    late = [*recent, *(one.path for one in known.values() if one.source == RECENT)]
    recents = [known.get(path) or ModelListing(PurePath(path).name or path, path, RECENT, "", 0) for path in late]
    every = {one.path: one for one in (*bundled, *recents, *known.values())}
    return [
        Choice(
            "model",
            one.name,
            one.problem or (one.source if one.source in ("bundled", RECENT) else str(PurePath(one.path).parent)),
            size_text(one.size_bytes) if one.size_bytes else "",
            one.path,
            problem=one.problem,
        )
        for one in every.values()
    ]


class _Delegate(QStyledItemDelegate):
    """Name at the left, where it lies beside it, its size at the right; an open column with its letter."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        choice: Choice = index.data(CHOICE)
        height = QFontMetricsF(option.font).height()
        return QSize(px(200), round(height + (px(9) if choice.usable else px(12))))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        choice: Choice = index.data(CHOICE)
        palette, box = self._theme.palette, QRectF(option.rect).adjusted(2, 0.5, -2, -0.5)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = box.adjusted(px(8), 0, -px(8), 0)
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        if not choice.usable:
            title = choice.kind == "title"
            painter.setFont(caption_font(scaled(option.font, 0.9)) if title else option.font)
            painter.setPen(palette.color("muted"))
            painter.drawText(inside.adjusted(0, px(4), 0, 0) if title else inside, flags, choice.text)
            painter.restore()
            return
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(palette.color("accent"), 1) if chosen else Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent_soft" if chosen else "sunken"))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        if choice.place >= 0:
            badge = QRectF(inside.x(), inside.center().y() - px(8), px(18), px(16))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(column_color(palette, choice.place))
            painter.drawRoundedRect(badge, 4, 4)
            painter.setFont(scaled(option.font, 0.87, QFont.Weight.Bold))
            painter.setPen(letter_color(palette))
            painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), letter(choice.place))
            inside.setLeft(badge.right() + px(7))
        painter.setFont(option.font)
        metrics = QFontMetricsF(option.font)
        if choice.size:
            painter.setPen(palette.color("muted"))
            painter.drawText(inside, flags | int(Qt.AlignmentFlag.AlignRight), choice.size)
            inside.setRight(inside.right() - metrics.horizontalAdvance(choice.size) - px(10))
        # Of a snapshot the end tells most.
        text = metrics.elidedText(choice.text, Qt.TextElideMode.ElideLeft, inside.width())
        painter.setPen(palette.color("muted" if choice.problem else "text"))
        painter.drawText(inside, flags, text)
        inside.setLeft(inside.left() + metrics.horizontalAdvance(text) + px(8))
        if choice.detail and inside.width() > px(40):
            small = scaled(option.font, 0.87)
            painter.setFont(small)
            painter.setPen(palette.color("muted"))
            # Of a folder the end tells most, of a sentence the beginning.
            end = Qt.TextElideMode.ElideRight if choice.problem else Qt.TextElideMode.ElideLeft
            detail = QFontMetricsF(small).elidedText(choice.detail, end, inside.width())
            painter.drawText(inside, flags, detail)
        painter.restore()


class ChoiceList(QListWidget):
    """`current_changed` tells of the current row, `taken` that it was clicked, `pressed_twice` of a double click.

    Titles are passed over by the keys, which come from the line above.
    """

    current_changed = Signal()
    taken = Signal()
    pressed_twice = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("add_column_rows")
        self.setAccessibleName(self.tr("What can be added"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setItemDelegate(_Delegate(theme, self))
        self._filling = False
        self.currentItemChanged.connect(self._current_changed)
        self.itemClicked.connect(self._clicked)
        self.itemDoubleClicked.connect(self._double_clicked)

    @property
    def choice(self) -> Choice | None:
        """The current row's."""
        item = self.currentItem()
        return None if item is None else item.data(CHOICE)

    @property
    def choices(self) -> list[Choice]:
        return [self.item(row).data(CHOICE) for row in range(self.count())]

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Replace all rows; the current one stays current if it is still there. None is chosen for a person."""
        if self.choices == list(choices):
            return
        before = self.choice
        self._filling = True
        self.clear()
        for choice in choices:
            item = QListWidgetItem(self)
            item.setData(CHOICE, choice)
            item.setData(
                Qt.ItemDataRole.AccessibleTextRole, " ".join((choice.text, choice.detail, choice.size)).strip()
            )
            item.setToolTip(choice.problem or choice.path)
            if not choice.usable:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
        kept = next((i for i, one in enumerate(choices) if before is not None and _same(one, before)), -1)
        self.setCurrentRow(kept)
        self._filling = False
        if before != self.choice:
            self.current_changed.emit()

    def select(self, row: int) -> None:
        self.setCurrentRow(row)
        if row >= 0:
            self.scrollToItem(self.item(row))

    @Slot()
    def move_up(self) -> None:
        self._move(-1)

    @Slot()
    def move_down(self) -> None:
        self._move(1)

    def select_first(self) -> None:
        """The first row that can be chosen."""
        usable = [row for row, one in enumerate(self.choices) if one.usable]
        self.select(usable[0] if usable else -1)

    def _move(self, by: int) -> None:
        usable = [row for row, one in enumerate(self.choices) if one.usable]
        if not usable:
            return
        now = self.currentRow()
        if now not in usable:
            self.select(usable[0 if by > 0 else -1])
            return
        place = min(max(usable.index(now) + by, 0), len(usable) - 1)
        self.select(usable[place])
        if place == 0:
            self.scrollToTop()  # with the title over it

    @Slot()
    def _current_changed(self) -> None:
        if not self._filling:
            self.current_changed.emit()

    @Slot(QListWidgetItem)
    def _clicked(self, item: QListWidgetItem) -> None:
        if item.data(CHOICE).usable:
            self.taken.emit()

    @Slot(QListWidgetItem)
    def _double_clicked(self, item: QListWidgetItem) -> None:
        if item.data(CHOICE).usable:
            self.pressed_twice.emit()


def _same(one: Choice, other: Choice) -> bool:
    return (one.kind, one.path, one.number) == (other.kind, other.path, other.number)
