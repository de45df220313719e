"""The text of a column of the compare page: that of the main page, with what a column does otherwise."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from ntp_studio.compare_messages import ColumnPlace
from ntp_studio.ui.panel_parts import BusyLine
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_page import PageCard, TokenPage
from ntp_studio.ui.token_view import _joined

MARGIN = 2  # around the text: the card has room of its own
SCALE = 1.15  # of the text against the application's
LINES = 3  # of the text at least
STEP = 2  # lines by which the room for the text grows
SLACK = 4  # lines less before a text that was replaced gives room back


class ColumnPage(TokenPage):
    """Follows the places of a column, and rings all tokens of a stretch."""

    _wanted = LINES

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("column_page")
        self._margin, self._scale = MARGIN, SCALE
        self._ringed = (0, 0)
        self._led_by = ""
        self._next_words = self.text.tag_words
        self._reset_look()

    def show_led(self, by: str) -> None:
        """The letter of the column whose text this one is taken along; "" where it goes its own way."""
        if by == self._led_by:
            return
        self._led_by = by
        self.led = bool(by)
        self._hide_card()
        self.text.tag_words = self.tr("would draw → {0}") if by else self._next_words
        if self.text.pending is not None:
            self.set_pending(self.text.pending, self.text.forced)

    def show_place(self, place: ColumnPlace) -> None:
        """The text of this place, with the column's own choice as the token about to be taken; the place is on view."""
        text = self.text
        before = text.cursor, text.prompt_length
        moved = place.path is not None or bool(place.appended) or (place.cursor, place.prompt_length) != before
        if moved and self.selected is not None:
            self.select(None)
        if place.path is not None:
            self.set_path(place.path, place.cursor, place.prompt_length)
        elif place.cursor == text.cursor + len(place.appended) == len(text.tokens) + len(place.appended):
            text.prompt_length = place.prompt_length
            for token in place.appended:
                self.append(token)
        elif moved:
            self.set_path([*text.tokens, *place.appended], place.cursor, place.prompt_length)
        frame = place.frame
        choice = None if frame is None or place.stopped in ("eos", "context") else frame.choice.token
        forced = frame is not None and frame.origin == "forced"
        if choice != text.pending or forced != text.forced:
            self.set_pending(choice, forced)
        self._want(shrinks=place.path is not None)
        if moved:
            self._follow()

    def _follow(self) -> None:
        """Scroll to the place, with the token about to be taken where that stands at the end."""
        if self.text.cursor < len(self.text.tokens):
            self._show_place()
        else:
            self._show_end()

    # -- room ----------------------------------------------------------------------------------------------------------

    @property
    def wanted_lines(self) -> int:
        """How many lines the text needs. It grows by two at once, and gets less only where the text was replaced by one
        that is clearly shorter, or is laid out anew: what stands under it must not move at every step."""
        return self._wanted

    def _want(self, shrinks: bool, anew: bool = False) -> None:
        needed = LINES + max(self.text.flow.line_count - LINES + STEP - 1, 0) // STEP * STEP
        if anew or needed > self._wanted or (shrinks and needed <= self._wanted - SLACK):
            self._wanted = needed

    def _relayout(self) -> None:
        super()._relayout()
        self._want(shrinks=True, anew=True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._ringed == (0, 0):
            self._follow()

    # -- pointer -------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click goes to a place, which is marked there; no ring stays behind."""
        super().mousePressEvent(event)
        self.select(None)

    def _show_card(self, point: QPoint, at: QPoint) -> None:
        if self._card is None:
            self._card = PageCard(self._theme, self)
        self._card.led_by = self._led_by
        entry = self.entry_at(point)
        if self._led_by and entry is not None and self.text.index_at(entry) is None:
            self._hide_card()
            words = self.tr("What this column would draw here; {0} chooses what comes. A click goes a step on.")
            QToolTip.showText(at, words.format(self._led_by), self.viewport())
        else:
            super()._show_card(point, at)

    # -- rings ---------------------------------------------------------------------------------------------------------

    @property
    def ringed(self) -> tuple[int, int]:
        """The first, and one past the last, of the ringed tokens; equal for none."""
        return self._ringed

    def ring(self, first: int, end: int) -> None:
        """Ring the tokens from `first` up to `end`, and bring them into view; nothing where they are equal, which goes
        back to the place."""
        ringed = (first, end) if 0 <= first < end else (0, 0)
        if ringed == self._ringed:
            return
        self._ringed = ringed
        self.viewport().update()
        first = min(ringed[0], len(self.text.tokens) - 1)
        if ringed == (0, 0):
            self._show_place()
        elif first >= 0:
            top = self.token_rects(first)[0].top()
            if not 0 <= top <= self.viewport().height() - self._pitch:
                bar = self.verticalScrollBar()
                bar.setValue(round(bar.value() + top - self.viewport().height() / 2))

    def whole_lines(self, height: int, most: int | None = None) -> int:
        """The height of as many whole lines as `height` holds, so that none is cut at the top; of a few at least, and
        of `most` at most."""
        lines = (height - 2 * self._margin) // self._pitch
        return 2 * self._margin + max(lines if most is None else min(lines, most), LINES) * self._pitch

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        first, end = self._ringed
        end = min(end, len(self.text.tokens))
        if first >= end:
            return
        lines: dict[float, list[QRectF]] = {}
        for index in range(first, end):
            for box in self.token_rects(index):
                lines.setdefault(box.top(), []).append(box)
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for boxes in lines.values():
            for box in _joined(boxes):
                self._painter.ring(painter, box)
        painter.end()


class ReadingLine(BusyLine):
    """As thin as the busy line, and as long as the share of the text that has been read."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("column_progress")
        self._share: float | None = None

    @property
    def share(self) -> float | None:
        return self._share

    def show_share(self, share: float | None) -> None:
        """None: nothing is being read."""
        if share != self._share:
            self._share = share
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._share is None:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        palette = self._theme.palette
        painter.fillRect(self.rect(), palette.color("sunken"))
        painter.fillRect(QRectF(0, 0, self.width() * self._share, self.height()), palette.color("accent"))
        painter.end()
