"""The left column: how a token is chosen, and the decoding chain as cards in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.decoding.stages import SHOWN, Stage
from ntp_studio.core.types import DecodingSettings, StageReport
from ntp_studio.ui.stage_card import StageCard
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme


class DecodingPanel(QWidget):
    """Builds itself from the catalogue of stages.

    `changed` carries the DecodingSettings after anything a person does, at most once in 16 ms while a slider is
    dragged, and always with the last value. `set_settings` and `show_reports` never emit it.
    """

    changed = Signal(object)
    THROTTLE_MS = 16

    def __init__(
        self, theme: Theme, catalogue: Mapping[str, type[Stage]] = SHOWN, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._catalogue = tuple(catalogue)
        self._cards = {name: StageCard(theme, stage) for name, stage in catalogue.items()}
        self._order = list(self._catalogue)
        self._ghost: QLabel | None = None
        self._hold = QPoint()
        self._throttle = QTimer(self)
        self._throttle.setSingleShot(True)
        self._throttle.setInterval(self.THROTTLE_MS)
        self._throttle.timeout.connect(self._emit_pending)
        self._pending = False
        self.setProperty("column", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(self.tr("Decoding chain"))
        theme.changed.connect(self._restyle)
        self._restyle()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 12, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._make_head())
        layout.addWidget(self._make_method(), 0)
        layout.addWidget(self._make_chain(), 1)

    @Slot()
    def _restyle(self) -> None:
        self.setMinimumWidth(max(px(190), 230))

    def _make_head(self) -> QHBoxLayout:
        title = QLabel(self.tr("DECODING"))
        title.setProperty("role", "heading")
        self._reset = QPushButton(self.tr("Reset"))
        self._reset.setProperty("role", "link")
        self._reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._reset.setCursor(Qt.CursorShape.PointingHandCursor)
        self._reset.setToolTip(self.tr("Switch every stage off, with its usual value, in the usual order"))
        self._reset.clicked.connect(self._reset_clicked)
        head = QHBoxLayout()
        head.setContentsMargins(14, 0, 12, 0)
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self._reset)
        return head

    def _make_method(self) -> QWidget:
        frame = QFrame()
        frame.setProperty("segmented", True)
        frame.setAccessibleName(self.tr("How the token is chosen"))
        row = QHBoxLayout(frame)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self._method = QButtonGroup(self)
        for index, (text, tip) in enumerate(
            (
                (self.tr("Sample"), self.tr("Draw the token at random, in proportion to its probability")),
                (self.tr("Greedy"), self.tr("Always take the most likely token")),
            )
        ):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setChecked(index == 0)
            button.setProperty("segment", True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._method.addButton(button, index)
            row.addWidget(button)
        self._method.idClicked.connect(self._method_clicked)
        around = QWidget()
        outer = QHBoxLayout(around)
        outer.setContentsMargins(12, 0, 12, 0)
        outer.addWidget(frame)
        return around

    def _make_chain(self) -> QScrollArea:
        self._chain = QWidget()
        self._chain.setProperty("transparent", True)
        self._list = QVBoxLayout(self._chain)
        self._list.setContentsMargins(12, 2, 12, 12)
        self._list.setSpacing(7)
        for card in self._cards.values():
            card.changed.connect(self._card_changed)
            card.move_asked.connect(self._move_asked)
            card.grip.pressed.connect(self._drag_begins)
            card.grip.dragged.connect(self._drag_goes_on)
            card.grip.released.connect(self._drag_ends)
            self._list.addWidget(card)
        hint = QLabel(self.tr("Applied from top to bottom; drag to reorder."))
        hint.setProperty("role", "caption")
        hint.setWordWrap(True)
        self._list.addWidget(hint)
        self._list.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._chain)
        return self._scroll

    # -- what it holds -------------------------------------------------------------------------------------------------

    def settings(self) -> DecodingSettings:
        """Every stage of the catalogue, in the order shown; those switched off too, so that nothing is forgotten."""
        return DecodingSettings(
            tuple(self._cards[name].setting() for name in self._order),
            "greedy" if self._method.checkedId() == 1 else "race",
        )

    def set_settings(self, settings: DecodingSettings) -> None:
        """Show these settings. Stages they do not list are off, after the others in the usual order; stages that are
        not in the catalogue are left out."""
        self._throttle.stop()
        self._pending = False
        given = {stage.name: stage for stage in settings.stages if stage.name in self._cards}
        if self._keeps_usual_order(list(given)):
            self._order = list(self._catalogue)
        else:
            self._order = [*given, *(name for name in self._catalogue if name not in given)]
        for name, card in self._cards.items():
            card.set_setting(given.get(name))
        self._method.button(1 if settings.method == "greedy" else 0).setChecked(True)
        self._place_cards()

    def _keeps_usual_order(self, names: list[str]) -> bool:
        """Whether these stages can stand at their usual places among all the others."""
        return names == [name for name in self._catalogue if name in names]

    def show_reports(self, reports: Sequence[StageReport]) -> None:
        """What each active stage did at the step on view."""
        by_name = {report.name: report for report in reports}
        for name, card in self._cards.items():
            card.show_report(by_name.get(name))

    def card(self, name: str) -> StageCard:
        return self._cards[name]

    # -- changes -------------------------------------------------------------------------------------------------------

    @Slot()
    def _card_changed(self) -> None:
        self._announce()

    @Slot(int)
    def _method_clicked(self, index: int) -> None:
        self._announce()

    @Slot()
    def _reset_clicked(self) -> None:
        self.set_settings(DecodingSettings())
        self._announce()

    def _announce(self) -> None:
        """Tell at once, or with the end of the pause since the last time."""
        if self._throttle.isActive():
            self._pending = True
            return
        self._throttle.start()
        self.changed.emit(self.settings())

    @Slot()
    def _emit_pending(self) -> None:
        if self._pending:
            self._pending = False
            self._announce()

    # -- order ---------------------------------------------------------------------------------------------------------

    def _place_cards(self) -> None:
        for place, name in enumerate(self._order):
            if self._list.indexOf(self._cards[name]) != place:
                self._list.insertWidget(place, self._cards[name])
        # Tab follows the order that is seen.
        for before, after in zip(self._order, self._order[1:], strict=False):
            QWidget.setTabOrder(self._cards[before].switch, self._cards[after].grip)

    @Slot(int)
    def _move_asked(self, direction: int) -> None:
        card = self.sender()
        if isinstance(card, StageCard):
            self._move(card, self._order.index(card.name) + direction)
            self._scroll.ensureWidgetVisible(card)

    def _move(self, card: StageCard, place: int) -> None:
        if not 0 <= place < len(self._order):
            return
        self._order.remove(card.name)
        self._order.insert(place, card.name)
        self._place_cards()
        self._list.activate()
        self._announce()

    def _dragged_card(self) -> StageCard | None:
        grip = self.sender()
        return next((card for card in self._cards.values() if card.grip is grip), None)

    @Slot(QPointF)
    def _drag_begins(self, place: QPointF) -> None:
        card = self._dragged_card()
        if card is None:
            return
        self._hold = card.mapFromGlobal(place.toPoint())
        # A picture of the card follows the pointer; the card itself marks where it would be put down.
        self._ghost = QLabel(self._chain)
        self._ghost.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._ghost.setPixmap(card.grab())
        self._ghost.setGeometry(card.geometry())
        self._ghost.show()
        card.set_lifted(True)

    @Slot(QPointF)
    def _drag_goes_on(self, place: QPointF) -> None:
        card = self._dragged_card()
        if card is None or self._ghost is None:
            return
        pointer = self._chain.mapFromGlobal(place.toPoint())
        top = min(max(pointer.y() - self._hold.y(), 0), max(self._chain.height() - card.height(), 0))
        self._ghost.move(card.x() + 3, top)
        self._scroll.ensureVisible(0, pointer.y(), 0, 40)
        # Past the middle of a neighbour: change places with it. Measured by the dragged card's own edges, two cards of
        # different height do not jump to and fro.
        index = self._order.index(card.name)
        if index > 0 and top < self._cards[self._order[index - 1]].geometry().center().y():
            self._move(card, index - 1)
        elif index + 1 < len(self._order):
            below = self._cards[self._order[index + 1]].geometry().center().y()
            if top + card.height() > below:
                self._move(card, index + 1)

    @Slot()
    def _drag_ends(self) -> None:
        card = self._dragged_card()
        if card is not None:
            card.set_lifted(False)
        if self._ghost is not None:
            self._ghost.hide()
            self._ghost.deleteLater()
            self._ghost = None
