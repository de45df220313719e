"""The page of tokens: a `TokenView` that can be clicked, walked with keys, zoomed, and asked about any token."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from ntp_studio.core.pictures import Span
from ntp_studio.core.types import PageToken
from ntp_studio.ui.picture_spans import Stretch, around
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_card import TokenCard
from ntp_studio.ui.token_view import TokenView

MARGIN = 18
SCALE = 1.3  # the page's text against the application's
SPOKEN = 300  # characters of the text's end that a screen reader is given
SPEAK_MS = 250


class PageCard(TokenCard):
    """The card of a token on the page, which also tells of the underlined stretches that it belongs to."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.stretches: tuple[Stretch, ...] = ()
        self.source = ""

    def _figures(self, token: PageToken) -> list[tuple[str, str]]:
        rows = super()._figures(token)
        caption = self.source or self.tr("underlined")
        for stretch in self.stretches:
            rows.append((caption, self._words(stretch)))
            caption = ""
        return rows

    def _words(self, stretch: Stretch) -> str:
        if len(stretch) == 1:
            if stretch.now:
                return self.tr("the text's last token, which stands earlier too")
            return self.tr("the text's last token stands here already")
        words = (
            self.tr("of the text's last {0} tokens, which stand earlier too")
            if stretch.now
            else self.tr("the text's last {0} tokens stand here already")
        )
        return words.format(f"{len(stretch):,}")


class TokenPage(TokenView):
    """Indices in signals count the tokens of the text, without the pending chip."""

    token_clicked = Signal(int)
    end_clicked = Signal()
    step_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent, SCALE, MARGIN)
        self.setObjectName("token_page")
        self.setAccessibleName(self.tr("Text as tokens"))
        self._keys = self.tr("Shift and the arrow keys walk from token to token.")
        self.setAccessibleDescription(self._keys)
        self._speech = QTimer(self)
        self._speech.setSingleShot(True)
        self._speech.setInterval(SPEAK_MS)
        self._speech.timeout.connect(self._describe)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self._card: PageCard | None = None
        self._source = ""
        self._card_index: int | None = None

    def set_path(self, tokens: Sequence[PageToken], cursor: int, prompt_length: int) -> None:
        self._hide_card()
        super().set_path(tokens, cursor, prompt_length)
        self._speak()

    def append(self, token: PageToken) -> None:
        super().append(token)
        self._speak()

    def show_spans(self, spans: Sequence[Span], source: str = "") -> None:
        """As `TokenView.show_spans`; `source` names who speaks of them, for the card over a token."""
        index = self._card_index
        told = self._told(index)
        super().show_spans(spans)
        self._source = source
        if told != self._told(index):
            self._hide_card()

    def _told(self, index: int | None) -> tuple[tuple[Stretch, ...], str]:
        """What the card of this token says of stretches."""
        held = around(self._stretches, index) if index is not None else ()
        return held, self._source if held else ""

    def _speak(self) -> None:
        """Soon tell a screen reader, if there is one, how the text ends; a fast model does not wait for it."""
        if QAccessible.isActive() and not self._speech.isActive():
            self._speech.start()

    @Slot()
    def _describe(self) -> None:
        tail = self.text.tail(SPOKEN)
        if len(tail) == SPOKEN:
            tail = "…" + tail
        self.setAccessibleDescription(tail or self._keys)

    # -- pointer and keys ----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        self._hide_card()
        entry = self.entry_at(event.position())
        if entry is None:
            if self._after_end(event.position()):
                self.end_clicked.emit()
            return
        index = self.text.index_at(entry)
        if index is None:
            self.step_requested.emit()
            return
        self.select(self.text.tokens[index].node)
        self.token_clicked.emit(index)

    def _after_end(self, point: QPointF) -> bool:
        line, x = self.text.flow.end
        y = point.y() + self.verticalScrollBar().value() - self._margin
        return y >= (line + 1) * self._pitch or (y >= line * self._pitch and point.x() - self._margin >= x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        entry = self.entry_at(event.position())
        self.viewport().setCursor(Qt.CursorShape.ArrowCursor if entry is None else Qt.CursorShape.PointingHandCursor)
        if self._card is not None and self._card.isVisible():
            self._show_card(event.position().toPoint(), event.globalPosition().toPoint())

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_card(event.pos(), event.globalPos())
            return True
        if event.type() in (QEvent.Type.Leave, QEvent.Type.Wheel, QEvent.Type.Hide):
            self._hide_card()
        return super().viewportEvent(event)

    def _show_card(self, point: QPoint, at: QPoint) -> None:
        entry = self.entry_at(point)
        index = None if entry is None else self.text.index_at(entry)
        if index is None:
            self._hide_card()
            if entry is not None:
                QToolTip.showText(at, self.tr("The token drawn next: a click takes it"), self.viewport())
            return
        if self._card is None:
            self._card = PageCard(self._theme, self)
        if index != self._card_index or not self._card.isVisible():
            self._card_index = index
            self._card.stretches, self._card.source = self._told(index)
            self._card.show_token(self.text.tokens[index], at)

    def _hide_card(self) -> None:
        if self._card is not None:
            self._card.hide()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom = self._zoom * 1.1 ** (event.angleDelta().y() / 120)
            event.accept()
            return
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, zoom, Home and End, Shift+arrows to walk the ring. Bare arrows belong to the window."""
        bar = self.verticalScrollBar()
        shift = event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text.joined())
        elif event.matches(QKeySequence.StandardKey.ZoomIn):
            self.zoom = self._zoom * 1.1
        elif event.matches(QKeySequence.StandardKey.ZoomOut):
            self.zoom = self._zoom / 1.1
        elif shift and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._walk(1 if event.key() == Qt.Key.Key_Right else -1)
        elif event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            bar.setValue(bar.maximum())
        elif event.key() == Qt.Key.Key_Escape and self._selected is not None:
            self.select(None)
        elif event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _walk(self, step: int) -> None:
        if not self.text.tokens:
            return
        index = None if self._selected is None else self.text.index_of(self._selected)
        index = self.text.cursor - 1 if index is None else index + step
        index = min(max(index, 0), len(self.text.tokens) - 1)
        self.select(self.text.tokens[index].node)
        top = self.token_rects(index)[0].top()
        if not 0 <= top <= self.viewport().height() - self._pitch:
            bar = self.verticalScrollBar()
            bar.setValue(round(bar.value() + top - self.viewport().height() / 2))
