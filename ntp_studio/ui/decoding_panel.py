"""The left column: how a token is chosen, and the decoding chain as cards in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.decoding.orders import arranged, place_for, without_always
from ntp_studio.core.decoding.stages import STAGES, Stage
from ntp_studio.core.types import DecodingSettings, Method, StageReport, StageSetting, Story
from ntp_studio.ui.card_lines import WordsLine
from ntp_studio.ui.chain_order import present_order, with_usual
from ntp_studio.ui.order_menu import OrderButton
from ntp_studio.ui.role_names import ONCE
from ntp_studio.ui.stage_card import StageCard
from ntp_studio.ui.stage_chain import StageChain
from ntp_studio.ui.stage_menu import OnView, StageMenu
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

USUAL_ORDER = "transformers"


class DecodingPanel(QWidget):
    """The stages on view as cards; the usual ones at first, any other of the catalogue through "Add a stage…".

    `changed` carries the DecodingSettings after anything a person does, at most once in 16 ms while a slider is
    dragged, and always with the last value. `set_settings`, `show_reports` and `show_story` never emit it.
    `pictures_wanted` tells whether a person wants the stages drawn.
    """

    changed = Signal(object)
    token_chosen = Signal(int)  # in a drawing
    pictures_wanted = Signal(bool)
    THROTTLE_MS = 16

    def __init__(
        self, theme: Theme, catalogue: Mapping[str, type[Stage]] = STAGES, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._catalogue = catalogue
        self._taken_off: set[str] = set()  # usual stages that a person does not want to see
        self._chosen_order: str | None = None
        self._sampling: Method = "race"
        self._needle: float | None = None
        self._menu: StageMenu | None = None
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
        self._chain = StageChain(theme, catalogue)
        self._chain.changed.connect(self._chain_changed)
        self._chain.token_chosen.connect(self.token_chosen)
        self._chain.removed.connect(self._stage_removed)
        self._about = WordsLine(theme)  # whose story the cards tell
        about = QHBoxLayout()
        about.setContentsMargins(14, 0, 12, 0)
        about.addWidget(self._about)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 12, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._make_head())
        layout.addWidget(self._make_method())
        layout.addLayout(self._make_order())
        layout.addLayout(about)
        layout.addWidget(self._chain, 1)
        layout.addLayout(self._make_foot())
        self.set_settings(DecodingSettings())

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
        self._reset.setToolTip(self.tr("The usual stages alone, each switched off, with its usual value and place"))
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

    def _make_order(self) -> QHBoxLayout:
        self._order_button = OrderButton()
        self._order_button.order_chosen.connect(self._order_picked)
        self._pictures = QToolButton()
        self._pictures.setObjectName("drawings_toggle")
        self._pictures.setText(self.tr("drawings"))
        self._pictures.setCheckable(True)
        self._pictures.setChecked(True)
        self._pictures.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._pictures.setCursor(Qt.CursorShape.PointingHandCursor)
        self._pictures.setToolTip(self.tr("Let every card draw its own rule at this step"))
        self._pictures.setAccessibleName(self.tr("Draw what each stage does"))
        self._pictures.toggled.connect(self._pictures_toggled)
        row = QHBoxLayout()
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(6)
        row.addWidget(self._order_button)
        row.addStretch(1)
        row.addWidget(self._pictures)
        return row

    def _make_foot(self) -> QHBoxLayout:
        self._add = QPushButton(self.tr("+ Add a stage…"))
        self._add.setObjectName("add_stage")
        self._add.setAccessibleName(self.tr("Add a stage"))
        self._add.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._add.setToolTip(self.tr("Put another of the {0} stages on the panel").format(len(self._catalogue)))
        self._add.clicked.connect(self._add_clicked)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 12, 10)
        foot.addWidget(self._add, 1)
        return foot

    # -- what it holds -------------------------------------------------------------------------------------------------

    def settings(self) -> DecodingSettings:
        """Every stage on view, in the order shown; those switched off too, so that nothing is forgotten."""
        method: Method = "greedy" if self._method.checkedId() == 1 else self._sampling
        return DecodingSettings(self._chain.settings(), method, self._needle)

    def set_settings(self, settings: DecodingSettings) -> None:
        """Show these settings: a card for every stage they list, and the usual ones, switched off where they are not
        listed. A stage that is not in the catalogue is left out; usual ones that a person took off stay off."""
        self._throttle.stop()
        self._pending = False
        listed = [stage for stage in settings.stages if stage.name in self._catalogue]
        self._taken_off -= {stage.name for stage in listed}
        usual = [n for n, stage in self._catalogue.items() if stage.shown_by_default and n not in self._taken_off]
        self._chain.show_settings(with_usual(listed, usual, self._chosen_order))
        if settings.method != "greedy":
            self._sampling = settings.method
        self._needle = settings.needle
        self._method.button(1 if settings.method == "greedy" else 0).setChecked(True)
        self._show_order()

    def show_reports(self, reports: Sequence[StageReport]) -> None:
        """What each active stage did at the step on view."""
        self._chain.show_reports(reports)

    def show_story(self, story: Story | None) -> None:
        """What each active stage did to one token, in words; None to say no more."""
        if story is None:
            self._about.set_text("")
            self._chain.show_lines(())
            self._chain.select_token(None)
            return
        self._about.set_text(self.tr("{0} on its way through the chain").format(story.candidate.token.label))
        self._chain.show_lines([line for line in story.lines if line.stage not in ("model", "draw")])
        self._chain.select_token(story.candidate.token.id)

    def select_token(self, token_id: int | None) -> None:
        """Mark a token in the drawings."""
        self._chain.select_token(token_id)

    @property
    def pictures_shown(self) -> bool:
        return self._pictures.isChecked()

    @pictures_shown.setter
    def pictures_shown(self, shown: bool) -> None:
        self._pictures.setChecked(shown)

    @property
    def sampling(self) -> Method:
        """How "Sample" draws: by race or dart, whichever was set last."""
        return self._sampling

    @property
    def order(self) -> str | None:
        """In whose order the stages stand, by the names of ORDERS; None where a person has mixed them."""
        return present_order(self._chain.settings(), self._chosen_order)

    def card(self, name: str) -> StageCard:
        """The first card of a stage. Raises KeyError where there is none."""
        for card in self._chain.cards():
            if card.name == name:
                return card
        raise KeyError(name)

    @property
    def cards(self) -> tuple[StageCard, ...]:
        return self._chain.cards()

    @property
    def badges(self) -> list[tuple[StageCard, StageCard]]:
        """The neighbours of which a badge says that their order does not matter."""
        return self._chain.badges()

    # -- changes -------------------------------------------------------------------------------------------------------

    @Slot()
    def _chain_changed(self) -> None:
        self._show_order()
        self._announce()

    @Slot(int)
    def _method_clicked(self, index: int) -> None:
        self._announce()

    @Slot()
    def _reset_clicked(self) -> None:
        self._taken_off.clear()
        self._chosen_order = None
        self._sampling = "race"
        self.set_settings(DecodingSettings())
        self._announce()

    @Slot(bool)
    def _pictures_toggled(self, on: bool) -> None:
        self._chain.set_drawing(on)
        self.pictures_wanted.emit(on)

    @Slot(str)
    def _stage_removed(self, name: str) -> None:
        if not any(card.name == name for card in self._chain.cards()):
            self._taken_off.add(name)

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

    # -- order, and further stages -------------------------------------------------------------------------------------

    def _show_order(self) -> None:
        self._order_button.show_order(self.order)

    @Slot(str)
    def _order_picked(self, name: str) -> None:
        self.choose_order(name)

    def choose_order(self, name: str) -> None:
        """Arrange the cards as this program does, with what it applies on its own account, as a person's choice."""
        before = self.order
        now = self.settings()
        own = without_always(now, before) if before is not None else now
        self._chosen_order = name
        self._chain.show_settings(arranged(own, name, always=True).stages)
        self._show_order()
        self._announce()

    @Slot()
    def _add_clicked(self) -> None:
        if self._menu is None:
            self._menu = StageMenu(self._theme, self._catalogue, self)
            self._menu.stage_chosen.connect(self.add_stage)
        seen: dict[str, OnView] = {}
        for card in self._chain.cards():
            before = seen.get(card.name, OnView())
            seen[card.name] = OnView(before.cards + 1, before.all_on and card.on)
        self._menu.open_over(self._add, seen)

    @Slot(str)
    def add_stage(self, name: str) -> None:
        """Put a stage on the panel, switched on, where the present order has it; one that is there and off is switched
        on instead."""
        off = next((card for card in self._chain.cards() if card.name == name and not card.on), None)
        if off is not None:
            off.switch.click()
            self._chain.reveal(off)
            return
        if self._catalogue[name].role in ONCE and any(card.name == name for card in self._chain.cards()):
            self._chain.reveal(self.card(name))
            return
        place = place_for(self.settings(), name, self.order or USUAL_ORDER)
        self._taken_off.discard(name)
        self._chain.add(StageSetting(name), place)
        self._chain_changed()
