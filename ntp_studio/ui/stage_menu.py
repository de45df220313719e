"""The list from which a stage is put on the panel: grouped by role, and looked through by typing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.decoding.stages import Stage
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.role_names import ONCE, ROLES, in_one_line, role_name
from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Theme

WIDTH, HEIGHT = 380, 470  # at the usual text size
NAME, LINE, MARK = (Qt.ItemDataRole.UserRole + n for n in range(1, 4))


@dataclass(frozen=True, slots=True)
class OnView:
    """How many cards of a stage are on the panel, and whether all of them are switched on."""

    cards: int = 0
    all_on: bool = True


class _Rows(QStyledItemDelegate):
    """A heading, or a stage with its name, what it does, and whether it is on view."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._view = theme, parent

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        line = QFontMetrics(option.font).height()
        small = QFontMetrics(scaled(option.font, 0.87)).height()
        return QSize(100, (small + px(13)) if index.data(NAME) is None else line + small + px(9))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        palette = self._theme.palette
        painter.save()
        room = QRect(option.rect).adjusted(px(12), 0, -px(10), 0)
        small = option.font
        small.setPixelSize(caption_size())
        title = index.data(Qt.ItemDataRole.DisplayRole)
        single = Qt.TextFlag.TextSingleLine
        if index.data(NAME) is None:
            small.setWeight(small.Weight.DemiBold)
            painter.setFont(small)
            painter.setPen(palette.color("muted"))
            painter.drawText(room.adjusted(0, 0, 0, -px(3)), Qt.AlignmentFlag.AlignBottom | single, title)
            painter.restore()
            return
        enabled = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        if enabled and option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent_soft"))
            painter.drawRoundedRect(option.rect.adjusted(px(4), 1, -px(4), -1), 6, 6)
        mark = index.data(MARK)
        painter.setFont(small)
        metrics = QFontMetrics(small)
        below = QRect(room.left(), room.bottom() - metrics.height() - px(3), room.width(), metrics.height())
        painter.setPen(palette.color("muted"))
        line = metrics.elidedText(index.data(LINE), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter | single, line)
        above = QRect(room.left(), room.top() + px(4), room.width(), below.top() - room.top() - px(4))
        painter.drawText(above, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | single, mark)
        bold = scaled(self._view.font(), 1.0, small.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(palette.color("text" if enabled else "muted"))
        name_room = above.adjusted(0, 0, -metrics.horizontalAdvance(mark) - px(8), 0)
        name = QFontMetrics(bold).elidedText(title, Qt.TextElideMode.ElideRight, name_room.width())
        painter.drawText(name_room, Qt.AlignmentFlag.AlignVCenter | single, name)
        painter.restore()


class StageMenu(QFrame):
    """A popup. Typing looks through names and what the stages do, ↑ ↓ choose, Enter takes one, Esc closes."""

    stage_chosen = Signal(str)

    def __init__(self, theme: Theme, catalogue: Mapping[str, type[Stage]], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("stage_menu")
        self._home = parent
        self._catalogue = catalogue
        self._on_view: Mapping[str, OnView] = {}
        self.setProperty("field", True)
        self.setAccessibleName(self.tr("Add a stage"))
        self._find = QLineEdit()
        self._find.setPlaceholderText(self.tr("Find a stage…"))
        self._find.setAccessibleName(self.tr("Find a stage by its name or what it does"))
        self._find.textChanged.connect(self._fill)
        self._find.installEventFilter(self)
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Stages"))
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setItemDelegate(_Rows(theme, self._list))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._list.setMouseTracking(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.itemClicked.connect(self._item_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(px(7), px(7), px(3), px(5))
        layout.setSpacing(px(4))
        layout.addWidget(self._find)
        layout.addWidget(self._list, 1)

    def entries(self) -> list[tuple[str, bool]]:
        """(stage, whether it can be taken) as listed now."""
        items = (self._list.item(row) for row in range(self._list.count()))
        return [(i.data(NAME), bool(i.flags() & Qt.ItemFlag.ItemIsEnabled)) for i in items if i.data(NAME)]

    def open_over(self, button: QWidget, on_view: Mapping[str, OnView]) -> None:
        """Show above or below the button, wherever there is more room."""
        self._on_view = on_view
        self._find.clear()
        self._fill("")
        screen = button.screen() or QGuiApplication.primaryScreen()
        room = screen.availableGeometry()
        top, bottom = button.mapToGlobal(QPoint(0, 0)).y(), button.mapToGlobal(QPoint(0, button.height())).y()
        above = top - room.top() > room.bottom() - bottom
        height = min(px(HEIGHT), (top - room.top() if above else room.bottom() - bottom) - 8)
        self.resize(min(px(WIDTH), room.width() - 8), height)
        x = min(button.mapToGlobal(QPoint(0, 0)).x(), room.right() - self.width() - 4)
        self.move(max(x, room.left() + 4), top - height - 4 if above else bottom + 4)
        self.show()
        self._find.setFocus(Qt.FocusReason.PopupFocusReason)

    @Slot(str)
    def _fill(self, text: str) -> None:
        wanted = text.casefold().split()
        self._list.clear()
        for role in ROLES:
            found = [s for s in self._catalogue.values() if s.role == role and self._matches(s, wanted)]
            if not found:
                continue
            heading = QListWidgetItem(role_name(role))
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            self._list.addItem(heading)
            for stage in found:
                self._list.addItem(self._entry(stage))
        if not self._list.count():
            nothing = QListWidgetItem(self.tr("No stage is called that."))
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self._list.addItem(nothing)
        self._go(1, -1)
        if wanted:  # a name that begins with what was typed before one that only mentions it
            for row in range(self._list.count()):
                item = self._list.item(row)
                if item.data(NAME) and item.text().casefold().startswith(text.casefold()) and self._can(row):
                    self._list.setCurrentRow(row)
                    break

    @staticmethod
    def _matches(stage: type[Stage], wanted: list[str]) -> bool:
        words = f"{stage.label} {stage.name} {stage.summary}".casefold()
        return all(part in words for part in wanted)

    def _entry(self, stage: type[Stage]) -> QListWidgetItem:
        seen = self._on_view.get(stage.name, OnView())
        item = QListWidgetItem(stage.label)
        item.setData(NAME, stage.name)
        item.setData(LINE, in_one_line(stage))
        item.setToolTip(stage.summary)
        mark = ""
        if seen.cards and seen.all_on:
            mark = self.tr("on view") if stage.role in ONCE else self.tr("on view: add another")
            if stage.role in ONCE:
                item.setFlags(Qt.ItemFlag.ItemIsSelectable)
        elif seen.cards:
            mark = self.tr("on view: switch on")
        item.setData(MARK, mark)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, (stage.label, mark))))
        item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, stage.summary)
        return item

    def _can(self, row: int) -> bool:
        item = self._list.item(row)
        return item.data(NAME) is not None and bool(item.flags() & Qt.ItemFlag.ItemIsEnabled)

    def _go(self, step: int, start: int | None = None) -> None:
        """On to the next entry that can be taken."""
        row = self._list.currentRow() if start is None else start
        row += step
        while 0 <= row < self._list.count():
            if self._can(row):
                self._list.setCurrentRow(row)
                return
            row += step

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.data(NAME) is not None and item.flags() & Qt.ItemFlag.ItemIsEnabled:
            self._leave()
            self.stage_chosen.emit(item.data(NAME))

    def _leave(self) -> None:
        self.close()
        self._home.window().activateWindow()  # some systems make a popup the active window

    @Slot(QListWidgetItem)
    def _item_clicked(self, item: QListWidgetItem) -> None:
        self._take(item)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keys of the list, while a person types above it; also where the window has shortcuts on them."""
        kinds = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)
        if event.type() not in kinds or not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        key = event.key()
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}
        if key not in (*steps, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            return super().eventFilter(watched, event)
        event.accept()
        if event.type() == QEvent.Type.KeyPress:
            if key in steps:
                self._go(steps[Qt.Key(key)])
            elif key == Qt.Key.Key_Escape:
                self._leave()
            else:
                self._take(self._list.currentItem())
        return True
