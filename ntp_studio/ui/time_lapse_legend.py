"""The ribbon's legend: the tokens followed, with their probability at one snapshot; a click pins one or lets it go."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ntp_studio.core.types import TokenText
from ntp_studio.time_lapse_messages import RibbonToken
from ntp_studio.ui.candidate_text import percent
from ntp_studio.ui.panel_labels import ElidedLabel, mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.time_lapse_picker import TokenPicker
from ntp_studio.ui.time_lapse_scale import token_color, token_line
from ntp_studio.ui.token_text import chip_label

MOST = 6  # rows; so many can be pinned
OFFERED = 12
STALE_OPACITY = 0.45  # still to be read, and clearly not of now


class LegendEntry(QAbstractButton):
    """One token: its line, its text, its probability. Pressed in (checked) where a person pinned it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._slot = 0
        self._chosen = False
        self._probability: float | None = None
        self._stale = False
        self.token: TokenText | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)

    def show_token(self, entry: RibbonToken, slot: int, probability: float | None, stale: bool = False) -> None:
        """`stale`: it was drawn or likely at another place than the one on view, where nothing is known of it yet."""
        self.token, self._slot, self._chosen = entry.token, slot, entry.chosen
        self._probability, self._stale = None if stale else probability, stale
        self.setCheckable(True)
        self.setChecked(entry.pinned)
        words = [chip_label(entry.token), self.figure()]
        if entry.chosen and not stale:
            words.append(self.tr("drawn"))
        words.append(self.tr("pinned") if entry.pinned else self.tr("not pinned"))
        self.setAccessibleName(", ".join(words))
        self.setToolTip(self.tr("Let it go") if entry.pinned else self.tr("Keep it on the ribbon at every place"))
        self.update()

    def figure(self) -> str:
        if self._stale:
            return "–"
        return "…" if self._probability is None else percent(self._probability)

    def sizeHint(self) -> QSize:
        return QSize(px(150), QFontMetrics(self.font()).height() + 2)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.token is None:
            return
        palette = self._theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        if self.underMouse() or self.hasFocus():
            painter.setBrush(palette.color("accent_soft" if self.hasFocus() else "sunken"))
            painter.drawRoundedRect(box, 4, 4)
        middle, swatch = box.center().y(), px(18)
        painter.setOpacity(STALE_OPACITY if self._stale else 1.0)
        color = token_color(palette, self._slot, self._chosen)
        painter.setPen(QPen(color, 2.4 if self._chosen else 1.8, token_line(self._slot, self._chosen)))
        painter.drawLine(QPointF(6, middle), QPointF(6 + swatch, middle))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawEllipse(QPointF(6 + swatch / 2, middle), 2.6, 2.6)
        mono = mono_like(self.font(), 0.95)
        metrics = QFontMetrics(mono)
        painter.setFont(mono)
        lines = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        right = metrics.horizontalAdvance("100.00%") + 6
        painter.setPen(palette.color("text"))
        painter.drawText(box.adjusted(0, 0, -6, 0), lines | Qt.AlignmentFlag.AlignRight, self.figure())
        left = 6 + swatch + 8
        pin = px(14) if self.isChecked() else 0
        room = box.width() - left - right - pin - 6
        painter.setPen(palette.color("drawn_text" if self._chosen else "text"))
        words = metrics.elidedText(chip_label(self.token), Qt.TextElideMode.ElideRight, max(round(room), 0))
        painter.drawText(QRectF(left, 0, room, box.height()), lines, words)
        if self.isChecked():
            self._paint_pin(painter, QPointF(box.width() - right - pin / 2 - 2, middle))
        painter.end()

    def _paint_pin(self, painter: QPainter, at: QPointF) -> None:
        """A pin: head and needle."""
        color = self._theme.palette.color("link")
        painter.setPen(QPen(color, 1.3))
        painter.drawLine(QPointF(at.x(), at.y()), QPointF(at.x(), at.y() + 5))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawEllipse(QPointF(at.x(), at.y() - 2), 3, 3)


class RibbonLegend(QWidget):
    pins_changed = Signal(object)  # tuple of token ids
    find_wanted = Signal(str)  # answered by `show_found`

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ribbon_legend")
        self.setAccessibleName(self.tr("Tokens on the ribbon"))
        self._theme = theme
        self._tokens: tuple[RibbonToken, ...] = ()
        self._slots: dict[int, int] = {}
        self._offered: tuple[TokenText, ...] = ()
        self._first: TokenText | None = None
        self._title = ElidedLabel(parent=self)
        self._add = QToolButton(self)
        self._add.setObjectName("ribbon_add")
        self._add.setText(self.tr("+ token"))
        self._add.setAccessibleName(self.tr("Add a token to the ribbon"))
        self._add.setToolTip(self.tr("Follow another token: one of the likeliest, or any that you look for"))
        self._add.setProperty("role", "link")
        self._add.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.picker = TokenPicker(theme, self)
        self.picker.picked.connect(self._picked)
        self.picker.find_wanted.connect(self.find_wanted)
        self._add.clicked.connect(self._open_picker)
        head = QHBoxLayout()
        head.setContentsMargins(6, 0, 0, 0)
        head.addWidget(self._title, 1)
        head.addWidget(self._add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        self._entries = [LegendEntry(theme, self) for _ in range(MOST)]
        for number, entry in enumerate(self._entries):
            entry.setObjectName(f"ribbon_entry_{number}")
            entry.clicked.connect(self._toggled)
            entry.hide()
            layout.addWidget(entry)
        layout.addStretch(1)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def pinned(self) -> tuple[int, ...]:
        return tuple(each.token.id for each in self._tokens if each.pinned)

    def slot_of(self, token_id: int) -> int:
        """Which colour a token has; it keeps it as long as it is on the ribbon."""
        return self._slots[token_id]

    def show_tokens(self, tokens: Sequence[RibbonToken]) -> None:
        self._tokens = tuple(tokens[:MOST])
        there = {each.token.id for each in self._tokens}
        self._slots = {token_id: slot for token_id, slot in self._slots.items() if token_id in there}
        # Amber is the chosen one's, so that it takes a colour only after the others.
        for each in sorted(self._tokens, key=lambda each: each.chosen):
            if each.token.id not in self._slots:
                used = set(self._slots.values())
                self._slots[each.token.id] = next(slot for slot in range(MOST) if slot not in used)
        self._add.setEnabled(bool(self._tokens) and len(self.pinned) < MOST)

    def show_figures(self, title: str, row: tuple[float, ...] | None, stale: bool = False) -> None:
        """The probabilities of the tokens at one snapshot, named in the title; None while they are not known.
        With `stale` the tokens are those of another place, and pale."""
        self._title.setText(title)
        for place, entry in enumerate(self._entries):
            if place < len(self._tokens):
                token = self._tokens[place]
                entry.show_token(token, self._slots[token.token.id], None if row is None else row[place], stale)
            entry.setVisible(place < len(self._tokens))

    def offer(self, tokens: Sequence[TokenText]) -> None:
        """The likeliest at a place, which can be added."""
        self._offered = tuple(tokens)

    def offer_first(self, token: TokenText | None) -> None:
        """One to put before them."""
        self._first = token

    # -- pinning -------------------------------------------------------------------------------------------------------

    @Slot()
    def _toggled(self) -> None:
        entry = self.sender()
        if isinstance(entry, LegendEntry) and entry.token is not None:
            self._pin(entry.token.id, entry.isChecked())

    def _pin(self, token_id: int, wanted: bool) -> None:
        pinned = [i for i in self.pinned if i != token_id]
        if wanted and len(pinned) < MOST:
            pinned.append(token_id)
        self.pins_changed.emit(tuple(pinned))

    @Slot()
    def _open_picker(self) -> None:
        first = () if self._first is None else (self._first,)
        offered = [t for t in dict.fromkeys((*first, *self._offered)) if t.id not in self.pinned]
        self.picker.open_above(self._add, offered[:OFFERED], self.pinned)

    def show_found(self, query: str, tokens: Sequence[TokenText]) -> None:
        """The tokens of the vocabulary that contain `query`."""
        self.picker.show_found(query, tokens)

    @Slot(int)
    def _picked(self, token_id: int) -> None:
        self._pin(token_id, True)

    @Slot()
    def _restyle(self) -> None:
        self._title.setFont(scaled(self.font(), 0.9))
        self._title.set_color(self._theme.palette.color("muted"))
