"""The text and the chart of a column of the compare page: those of the main page, with what a column does otherwise."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QContextMenuEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QWidget

from ntp_studio.compare_messages import ColumnPlace
from ntp_studio.ui.chart import CandidateChart
from ntp_studio.ui.panel_parts import BusyLine
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_page import TokenPage
from ntp_studio.ui.token_view import _joined

MARGIN = 2  # around the text: the card has room of its own
SCALE = 1.15  # of the text against the application's
LINES = 3  # of the text at least


class ColumnPage(TokenPage):
    """Follows the places of a column, and rings all tokens of a stretch."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("column_page")
        self._margin, self._scale = MARGIN, SCALE
        self._ringed = (0, 0)
        self._reset_look()

    def show_place(self, place: ColumnPlace) -> None:
        """The text of this place, with the column's own choice as the token about to be taken."""
        text = self.text
        if place.path is not None:
            self.set_path(place.path, place.cursor, place.prompt_length)
        elif place.cursor == text.cursor + len(place.appended) == len(text.tokens) + len(place.appended):
            text.prompt_length = place.prompt_length
            for token in place.appended:
                self.append(token)
        else:
            self.set_path([*text.tokens, *place.appended], place.cursor, place.prompt_length)
        frame = place.frame
        choice = None if frame is None or place.stopped in ("eos", "context") else frame.choice.token
        forced = frame is not None and frame.origin == "forced"
        if choice != text.pending or forced != text.forced:
            self.set_pending(choice, forced)

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

    def whole_lines(self, height: int) -> int:
        """The height of as many whole lines as `height` holds, so that none is cut at the top; of a few at least."""
        return 2 * self._margin + max((height - 2 * self._margin) // self._pitch, LINES) * self._pitch

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


class ColumnChart(CandidateChart):
    """Its tokens are taken in every column; stories of the chain are told on the main page."""

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.accept()
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        selected = next(
            (i for i, r in enumerate(self.rows) if r.candidate and r.candidate.token.id == self.selected), None
        )
        row = selected if by_key else self.row_at(event.pos())
        candidate = self.rows[row].candidate if row is not None else None
        if row is None or candidate is None:
            return
        self.select(candidate.token.id)
        at = self.mapToGlobal(self.row_rect(row).center().toPoint()) if by_key else event.globalPos()
        menu = QMenu(self)
        take = menu.addAction(self.tr("Take it in every column"))
        take.setObjectName("row_force")
        take.triggered.connect(self.force_selected)
        menu.aboutToHide.connect(menu.deleteLater)
        self.card.dismiss()
        menu.popup(at)


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
