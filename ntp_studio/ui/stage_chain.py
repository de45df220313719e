"""The cards of the decoding chain, in the order in which the stages are applied; moved by grip and keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from ntp_studio.core.decoding.commuting import commute
from ntp_studio.core.decoding.stages import Stage
from ntp_studio.core.types import StageReport, StageSetting, StoryLine
from ntp_studio.ui.chain_order import ReportMatcher
from ntp_studio.ui.order_badge import OrderBadge
from ntp_studio.ui.stage_card import StageCard
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme


class _Ground(QWidget):
    """Tells when the cards on it have other places."""

    laid_out = Signal()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self.laid_out.emit()
        return done


class StageChain(QScrollArea):
    """`changed` after anything that a person does to the chain, `removed` with the name of a stage taken off."""

    changed = Signal()
    token_chosen = Signal(int)  # in a drawing
    removed = Signal(str)

    def __init__(self, theme: Theme, catalogue: Mapping[str, type[Stage]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._catalogue = theme, catalogue
        self._cards: list[StageCard] = []
        self._matcher: ReportMatcher[StageCard] = ReportMatcher()
        self._badges: list[OrderBadge] = []
        self._pairs: list[tuple[StageCard, StageCard]] = []
        self._ghost: QLabel | None = None
        self._lifted: StageCard | None = None  # what the ghost is a picture of
        self._hold = QPoint()
        self._drawing = True
        self._token: int | None = None
        self._new: StageCard | None = None  # added, and without a report yet
        self._coming: StageCard | None = None
        self._ground = _Ground()
        self._ground.setProperty("transparent", True)
        self._ground.laid_out.connect(self._place_badges)
        self._list = QVBoxLayout(self._ground)
        self._list.setContentsMargins(12, 2, 12, 12)
        self._list.setSpacing(8)
        hint = QLabel(self.tr("Applied from top to bottom; drag to reorder."))
        hint.setProperty("role", "caption")
        hint.setWordWrap(True)
        self._list.addWidget(hint)
        self._list.addStretch(1)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.setWidget(self._ground)

    # -- the cards -----------------------------------------------------------------------------------------------------

    def cards(self) -> tuple[StageCard, ...]:
        return tuple(self._cards)

    def settings(self) -> tuple[StageSetting, ...]:
        return tuple(card.setting() for card in self._cards)

    def show_settings(self, stages: Sequence[StageSetting]) -> None:
        """A card for each, in this order. Those on view are used again: the one that shows just this first."""
        free = list(self._cards)
        chosen: list[StageCard | None] = []
        for stage in stages:
            same = next((card for card in free if card.name == stage.name and card.setting() == stage), None)
            chosen.append(same)
            if same is not None:
                free.remove(same)
        cards = []
        for stage, found in zip(stages, chosen, strict=True):
            card = found or next((card for card in free if card.name == stage.name), None)
            if card is None:
                card = self._make(stage.name)
            elif card in free:
                free.remove(card)
            if found is None:
                card.set_setting(stage)
            cards.append(card)
        for card in free:
            self._discard(card)
        self._cards = cards
        self._arranged()

    def add(self, stage: StageSetting, place: int) -> StageCard:
        """Put one more on view, and go there."""
        card = self._make(stage.name)
        card.set_setting(stage)
        self._cards.insert(place, card)
        self._arranged()
        self.reveal(card)
        return card

    def reveal(self, card: StageCard) -> None:
        """Scroll to a card and give it the keys, once it has its place."""
        self._coming = card
        QTimer.singleShot(0, self, self._go_there)

    @Slot()
    def _scrolled(self) -> None:
        """What the pointer was on has gone from under it."""
        for card in self._cards:
            if card.outcome.pictures is not None:
                card.outcome.pictures.let_go()

    @Slot()
    def _go_there(self) -> None:
        card, self._coming = self._coming, None
        if card is not None and card in self._cards:
            self._list.activate()
            self._ground.adjustSize()
            self.ensureWidgetVisible(card, 0, px(20))
            card.grip.setFocus(Qt.FocusReason.OtherFocusReason)
            self._new = card

    @Slot()
    def _show_whole(self) -> None:
        """An added card has grown by its figures and its drawing: let these be seen too."""
        card, self._new = self._new, None
        if card is not None and card in self._cards:
            self._list.activate()
            self._ground.adjustSize()
            self.ensureWidgetVisible(card, 0, px(20))

    def _make(self, name: str) -> StageCard:
        card = StageCard(self._theme, self._catalogue[name], self._ground)
        card.outcome.set_drawing(self._drawing)
        card.outcome.select_token(self._token)
        card.outcome.token_chosen.connect(self.token_chosen)
        card.changed.connect(self._card_changed)
        card.move_asked.connect(self._move_asked)
        card.removal_asked.connect(self._removal_asked)
        card.stops_changed.connect(self._set_tab_order)
        card.grip.pressed.connect(self._drag_begins)
        card.grip.dragged.connect(self._drag_goes_on)
        card.grip.released.connect(self._drag_ends)
        return card

    def _discard(self, card: StageCard) -> None:
        self._list.removeWidget(card)
        card.hide()
        card.deleteLater()  # not at once: it may be telling something

    def _arranged(self) -> None:
        """The cards stand in a new order, or others do."""
        for place, card in enumerate(self._cards):
            if self._list.indexOf(card) != place:
                self._list.insertWidget(place, card)
                card.show()
        self._set_tab_order()
        self._look()

    def _look(self) -> None:
        """Who takes part, and which neighbours may change places."""
        self._matcher.arranged(card for card in self._cards if card.active)
        pairs = pairwise(self._cards)
        self._pairs = [(a, b) for a, b in pairs if a.active and b.active and commute(a.built(), b.built())]
        while len(self._badges) < len(self._pairs):
            self._badges.append(OrderBadge(self._theme, self._ground))
        for (first, second), badge in zip(self._pairs, self._badges, strict=False):
            badge.say(first.label, second.label)
        self._place_badges()

    @Slot()
    def _place_badges(self) -> None:
        for badge, pair in zip(self._badges, self._pairs, strict=False):
            middle = (pair[0].geometry().bottom() + 1 + pair[1].geometry().top()) / 2
            badge.move((self._ground.width() - badge.width()) // 2, round(middle - badge.height() / 2))
            badge.show()
            badge.raise_()
        for badge in self._badges[len(self._pairs) :]:
            badge.hide()
        if self._ghost is not None and self._lifted is not None and self._ghost.size() != self._lifted.size():
            self._picture_lifted()

    def badges(self) -> list[tuple[StageCard, StageCard]]:
        """The neighbours between which a badge stands."""
        return list(self._pairs)

    @Slot()
    def _set_tab_order(self) -> None:
        """Tab follows the order that is seen."""
        stops = [widget for card in self._cards for widget in card.tab_stops()]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    # -- what the chain did --------------------------------------------------------------------------------------------

    def show_reports(self, reports: Sequence[StageReport]) -> None:
        cards = self._matcher.match([report.name for report in reports])
        found = {id(card): report for card, report in zip(cards, reports, strict=True) if card is not None}
        for card in self._cards:
            card.show_report(found.get(id(card)) if card.on else None)
        self._picture_lifted()
        if self._new is not None and self._new.outcome.reported:
            QTimer.singleShot(0, self, self._show_whole)

    def show_lines(self, lines: Sequence[StoryLine]) -> None:
        """One for each stage that took part, in order; none to say no more."""
        cards = self._matcher.match([line.stage for line in lines])
        found = {id(card): line for card, line in zip(cards, lines, strict=True) if card is not None}
        for card in self._cards:
            card.show_line(found.get(id(card)) if card.on else None)
        self._picture_lifted()

    def select_token(self, token_id: int | None) -> None:
        self._token = token_id
        for card in self._cards:
            card.outcome.select_token(token_id)

    def set_drawing(self, on: bool) -> None:
        self._drawing = on
        for card in self._cards:
            card.outcome.set_drawing(on)

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def _card_changed(self) -> None:
        self._look()
        self.changed.emit()

    @Slot()
    def _removal_asked(self) -> None:
        card = self.sender()
        if isinstance(card, StageCard) and card in self._cards:
            place, had_focus = self._cards.index(card), card.isAncestorOf(self.focusWidget() or self)
            self._cards.remove(card)
            self._discard(card)
            self._arranged()
            if had_focus and self._cards:
                self._cards[min(place, len(self._cards) - 1)].grip.setFocus(Qt.FocusReason.OtherFocusReason)
            self.removed.emit(card.name)
            self.changed.emit()

    @Slot(int)
    def _move_asked(self, direction: int) -> None:
        card = self.sender()
        if isinstance(card, StageCard):
            self._move(card, self._cards.index(card) + direction)
            self.ensureWidgetVisible(card)

    def _move(self, card: StageCard, place: int) -> None:
        if not 0 <= place < len(self._cards):
            return
        self._cards.remove(card)
        self._cards.insert(place, card)
        self._arranged()
        self._list.activate()
        self._place_badges()
        self.changed.emit()

    def _dragged_card(self) -> StageCard | None:
        grip = self.sender()
        return next((card for card in self._cards if card.grip is grip), None)

    @Slot(QPointF)
    def _drag_begins(self, place: QPointF) -> None:
        card = self._dragged_card()
        if card is None:
            return
        self._hold = card.mapFromGlobal(place.toPoint())
        # A picture of the card follows the pointer; the card itself marks where it would be put down.
        self._ghost = QLabel(self._ground)
        self._ghost.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._ghost.move(card.pos())
        self._lifted = card
        self._picture_lifted()
        self._ghost.show()
        card.set_lifted(True)

    def _picture_lifted(self) -> None:
        """The ghost shows the card as it is now: frames go on coming while it is dragged."""
        ghost, card = self._ghost, self._lifted
        if ghost is not None and card is not None:
            ghost.setPixmap(card.grab())
            ghost.resize(card.size())

    @Slot(QPointF)
    def _drag_goes_on(self, place: QPointF) -> None:
        card = self._dragged_card()
        if card is None or self._ghost is None:
            return
        pointer = self._ground.mapFromGlobal(place.toPoint())
        top = min(max(pointer.y() - self._hold.y(), 0), max(self._ground.height() - card.height(), 0))
        self._ghost.move(card.x() + 3, top)
        self.ensureVisible(0, pointer.y(), 0, 40)
        # Past the middle of a neighbour: change places with it. Measured by the dragged card's own edges, two cards of
        # different height do not jump to and fro.
        index = self._cards.index(card)
        if index > 0 and top < self._cards[index - 1].geometry().center().y():
            self._move(card, index - 1)
        elif index + 1 < len(self._cards) and top + card.height() > self._cards[index + 1].geometry().center().y():
            self._move(card, index + 1)
        self._ghost.raise_()

    @Slot()
    def _drag_ends(self) -> None:
        card = self._dragged_card()
        if card is not None:
            card.set_lifted(False)
        if self._ghost is not None:
            self._ghost.hide()
            self._ghost.deleteLater()
            self._ghost = self._lifted = None
