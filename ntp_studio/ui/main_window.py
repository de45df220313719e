"""The window: toolbar, three columns, status bar, and what is remembered of their arrangement.

It only puts the parts together; `controller` moves them. Nothing here waits for the model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from ntp_studio.settings import Settings
from ntp_studio.ui.actions import COMPARE, INSPECT, Actions
from ntp_studio.ui.decoding_panel import DecodingPanel
from ntp_studio.ui.next_token_panel import NextTokenPanel
from ntp_studio.ui.notice import Notice
from ntp_studio.ui.status_bar import StatusBar
from ntp_studio.ui.text_panel import TextPanel
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.time_lapse_strip import TimeLapseStrip
from ntp_studio.ui.toolbar import Toolbar

PANEL_ACTIONS = {
    "decoding": "toggle_decoding_panel",
    "next": "toggle_next_panel",
    "timeline": "toggle_timeline",
    "time_lapse": "toggle_time_lapse",
}


class MainWindow(QMainWindow):
    closing = Signal()
    dropped = Signal(str)  # a file or folder

    def __init__(self, theme: Theme, settings: Settings) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle(self.tr("NTP Studio"))
        self.setAcceptDrops(True)
        self.theme = theme
        self.commands = Actions(self)
        self.toolbar = Toolbar(self.commands, theme, self)
        self.notice = Notice(theme, self)
        self.decoding = DecodingPanel(theme, parent=self)
        self.text = TextPanel(theme, self)
        self.next = NextTokenPanel(theme, self)
        self.time_lapse = TimeLapseStrip(self.commands, theme, self)
        self.status = StatusBar(theme, self)

        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setObjectName("columns")
        self.splitter.setChildrenCollapsible(False)
        for column, stretch in ((self.decoding, 0), (self.text, 3), (self.next, 2)):
            self.splitter.addWidget(column)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self._zoom = settings.zoom
        self._sides = (296.0, 454.0)  # the widths of the side columns at the usual text size
        self.splitter.splitterMoved.connect(self._splitter_moved)
        self._inspect = QWidget(self)
        self._inspect.setObjectName(INSPECT)
        ground = QVBoxLayout(self._inspect)
        ground.setContentsMargins(0, 0, 0, 0)
        ground.setSpacing(0)
        ground.addWidget(self.splitter, 1)
        ground.addWidget(self.time_lapse)
        self.pages = QStackedWidget(self)  # the columns, and what else has been asked for
        self.pages.addWidget(self._inspect)
        self.pages.currentChanged.connect(self._page_changed)
        house = QWidget(self)
        floor = QVBoxLayout(house)
        floor.setContentsMargins(0, 0, 0, 0)
        floor.setSpacing(0)
        for part in (self.toolbar, self.notice):
            floor.addWidget(part)
        floor.addWidget(self.pages, 1)
        floor.addWidget(self.status)
        self.setCentralWidget(house)
        self.setMinimumSize(900, 600)
        self._restore(settings)

    def _restore(self, settings: Settings) -> None:
        room = self.screen().availableGeometry()
        # Room for the frame that the system puts around it, whose size is known only when it is on the screen.
        self.resize(min(1440, room.width() - 8), min(900, room.height() - 48))
        self.splitter.setSizes([296, 690, 454])
        # A geometry that does not fit this screen (another monitor, another scaling) is not taken over.
        if settings.geometry and self.restoreGeometry(QByteArray(settings.geometry)):
            inside = self.screen().availableGeometry()
            if not inside.contains(self.geometry()) and not self.isMaximized() and not self.isFullScreen():
                self.resize(self.size().boundedTo(inside.size()))
                self.move(inside.topLeft())
        if settings.splitter:
            self.splitter.restoreState(QByteArray(settings.splitter))
        for panel, action in PANEL_ACTIONS.items():
            shown = panel not in settings.collapsed_panels
            self.commands[action].setChecked(shown)
            self.show_panel(panel, shown)

    def make_room(self, zoom: float) -> None:
        """Widen the side columns for larger text, as far as the window allows, from what a person made of them."""
        self._zoom = zoom
        total = sum(self.splitter.sizes())
        left, right = min(self._sides[0] * zoom, 0.25 * total), min(self._sides[1] * zoom, 0.4 * total)
        self.splitter.setSizes([round(left), round(total - left - right), round(right)])

    @Slot()
    def _splitter_moved(self) -> None:
        left, _, right = self.splitter.sizes()
        # A column that is hidden has no width now, and has again the one that it had.
        self._sides = (left / self._zoom if left else self._sides[0], right / self._zoom if right else self._sides[1])

    @property
    def front(self) -> str:
        """Which page is in front, by its name in `actions`."""
        page = self.pages.currentWidget()
        return page.objectName() if page is not None else INSPECT

    @Slot()
    def _page_changed(self) -> None:
        self.commands.show_page(self.front)
        self.toolbar.show_page(self.front)

    @property
    def inspecting(self) -> bool:
        """Whether the main page, with its three columns, is in front."""
        return self.front == INSPECT

    @property
    def comparing(self) -> bool:
        return self.front == COMPARE

    def show_panel(self, panel: str, shown: bool) -> None:
        """Show or hide `decoding`, `next`, `timeline` or (where there are snapshots) `time_lapse`."""
        if panel == "timeline":
            self.text.timeline_collapsed = not shown
        elif panel == "time_lapse":
            self.time_lapse.set_open(shown)
        else:
            {"decoding": self.decoding, "next": self.next}[panel].setVisible(shown)

    def arrangement(self, settings: Settings) -> Settings:
        """The settings with the present arrangement in them."""
        return replace(
            settings,
            geometry=bytes(self.saveGeometry().data()),
            splitter=bytes(self.splitter.saveState().data()),
            collapsed_panels=tuple(p for p, action in PANEL_ACTIONS.items() if not self.commands[action].isChecked()),
            page_mode=self.text.mode,
            log_scale=bool(self.next.log_scale),
            table_view=bool(self.next.table_view),
        )

    # -- Qt's own words

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            self._splitter_moved()
        if not event.spontaneous() and self.focusWidget() is None:
            # Not a button: Space must play, not press what happens to be first.
            self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.accept()
        self.closing.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(str(Path(paths[0])))
