"""What stands in the place of a column while its model is loaded, and when it could not be."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.compare_messages import ColumnLoading, ColumnRefused
from ntp_studio.core.compared import MemoryNeed
from ntp_studio.ui.add_column_need import counted_words
from ntp_studio.ui.compare_column import LEAST_WIDTH, MARGIN
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.model_menu import size_text
from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.panel_parts import BusyLine
from ntp_studio.ui.style import px, set_property
from ntp_studio.ui.theme import Theme

THOUSANDTHS = 1000


class LoadingColumn(QFrame):
    """Named by the `request` of the `AddColumn` that it is of."""

    cancel_requested = Signal(int)  # request
    open_as = Signal(int, str, str, str)  # request, path, device, dtype
    dismissed = Signal(int)

    def __init__(self, theme: Theme, request: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"loading_column_{request}")
        self.setProperty("card", True)
        self.request = request
        self._theme = theme
        self._refused: ColumnRefused | None = None
        self.name = ElidedLabel(Qt.TextElideMode.ElideLeft, self)
        self.name.setObjectName("loading_name")
        self.name.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.message = plain_label(parent=self)
        self.message.setObjectName("loading_message")
        self.message.setProperty("role", "muted")
        self.message.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.message.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setObjectName("loading_bar")
        self.bar.setTextVisible(False)
        self.bar.setRange(0, THOUSANDTHS)
        self.bar.setAccessibleName(self.tr("How much of the model is loaded"))
        self.wander = BusyLine(theme, self)  # while the length of the work is not known
        self.cancel = QPushButton(self.tr("Cancel"), self)
        self.cancel.setObjectName("loading_cancel")
        self.dismiss = QPushButton(self.tr("Dismiss"), self)
        self.dismiss.setObjectName("loading_dismiss")
        self._group = QButtonGroup(self)
        self._offers = QVBoxLayout()
        self._offers.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN + 5, MARGIN, MARGIN + 5, MARGIN)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(self.name)
        layout.addWidget(self.message)
        layout.addWidget(self.bar)
        layout.addWidget(self.wander)
        layout.addSpacing(4)
        layout.addLayout(self._offers)
        layout.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(LEAST_WIDTH)
        for button in (self.cancel, self.dismiss):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.dismiss.hide()
        self.cancel.clicked.connect(self._ask_cancel)
        self.dismiss.clicked.connect(self._ask_dismissal)
        self._group.buttonClicked.connect(self._take_offer)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_loading(self, event: ColumnLoading) -> None:
        self._refused = None
        self._offer(())
        if self.name.text() != event.name:
            self.name.setText(event.name)
            self.setAccessibleName(self.tr("Column being loaded: {0}").format(event.name))
        # Of a model in one file its name is all that is told; it stands over the message already.
        same = event.message in event.name or event.name in event.message
        message = self.tr("Reading its files") if same else event.message
        if self.message.text() != message:
            self.message.setText(message)
        if event.fraction is not None:
            self.bar.setValue(round(min(max(event.fraction, 0.0), 1.0) * THOUSANDTHS))
        self._switch(loading=True, known=event.fraction is not None)

    def show_refused(self, event: ColumnRefused) -> None:
        """Why there is no column, and what could be opened instead."""
        self._refused = event
        if not self.name.text():
            self.name.setText(self.tr("No column was added"))
        self.setAccessibleName(self.tr("Column that was not added: {0}").format(self.name.text()))
        self.message.setText(event.message)
        self.message.setToolTip(counted_words() if event.offers else "")
        self._offer(event.offers)
        self._switch(loading=False, known=False)

    def _switch(self, loading: bool, known: bool) -> None:
        self.bar.setVisible(loading and known)
        self.wander.setVisible(loading and not known)
        self.wander.set_busy(loading and not known)
        set_property(self.message, "role", "muted" if loading else "error")
        self.cancel.setVisible(loading)
        self.dismiss.setVisible(not loading)
        self.setAccessibleDescription(self.message.text())

    @property
    def offer_buttons(self) -> tuple[QAbstractButton, ...]:
        return tuple(self._group.buttons())

    def _offer(self, offers: tuple[MemoryNeed, ...]) -> None:
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._offers.removeWidget(button)
            button.hide()
            button.deleteLater()  # one of them may be telling that it was pressed
        for index, need in enumerate(offers):
            button = QPushButton(self)
            button.setObjectName(f"loading_offer_{need.dtype}")
            button.setProperty("primary", index == 0)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(" ".join(self._words(need)))
            button.setToolTip(counted_words())
            self._group.addButton(button, index)
            self._offers.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._write_offers()

    def _words(self, need: MemoryNeed) -> tuple[str, str]:
        room = self.tr("({0} of {1} free)").format(size_text(need.needed), size_text(need.free))
        return self.tr("Open in {0}").format(need.dtype), room

    def _write_offers(self) -> None:
        """What it needs goes to a second line of the button where one is too short."""
        if self._refused is None:
            return
        room = self.width() - 2 * (MARGIN + 5) - 30
        for button, need in zip(self._group.buttons(), self._refused.offers, strict=False):
            button.ensurePolished()
            words = self._words(need)
            fits = QFontMetrics(button.font()).horizontalAdvance(" ".join(words)) <= room
            button.setText((" " if fits else "\n").join(words))

    # -- what a person asks --------------------------------------------------------------------------------------------

    @Slot()
    def _ask_cancel(self) -> None:
        self.cancel_requested.emit(self.request)

    @Slot()
    def _ask_dismissal(self) -> None:
        self.dismissed.emit(self.request)

    @Slot(QAbstractButton)
    def _take_offer(self, button: QAbstractButton) -> None:
        if self._refused is not None:
            need = self._refused.offers[self._group.id(button)]
            self.open_as.emit(self.request, self._refused.path, need.device, need.dtype)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._write_offers()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_offers"):
            self._write_offers()

    @Slot()
    def _restyle(self) -> None:
        self.name.setFont(scaled(self.font(), 1.15, QFont.Weight.DemiBold))
        self.name.set_color(self._theme.palette.color("text"))
        for line in (self.bar, self.wander):
            line.setFixedHeight(px(4))
        self._write_offers()
