"""A text drawn as tokens, each on the colour of its figure, with the way ahead and the token about to be taken.

Appending costs the same at any length: the flow places one token, and only the lines it touched are painted.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from ntp_studio.core.pictures import Span
from ntp_studio.core.types import PageToken, TokenText
from ntp_studio.ui.page_text import PageText
from ntp_studio.ui.picture_spans import Stretch, arranged
from ntp_studio.ui.plain_line import PlainLine
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_figures import MODES, Mode
from ntp_studio.ui.token_layout import Fragment, Metrics
from ntp_studio.ui.token_painter import TokenPainter

ZOOM_RANGE = (0.6, 4.0)
TAG_SCALE = 0.8


class TokenView(QAbstractScrollArea):
    """Shows `text` (a PageText). It scrolls and draws; what a click or a key means is `TokenPage`'s."""

    selection_changed = Signal()
    zoom_changed = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None, scale: float = 1.0, margin: int = 8) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The bar's room is always kept: text that grows past the page must not be laid out anew for it.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._theme = theme
        self._mode: Mode = "surprisal"
        self._zoom = 1.0
        self._led = False
        self._selected: int | None = None
        self._scale = scale
        self._margin = margin
        self._plain_lines: dict[int, PlainLine] = {}
        self._font_key = ""
        self._stretches: tuple[Stretch, ...] = ()
        self.text = PageText(self._measure, Metrics(100.0))
        self.text.tag_words = self.tr("next → {0}")
        self._reset_look()
        theme.changed.connect(self._repaint_all)

    # -- the text ------------------------------------------------------------------------------------------------------

    def set_path(self, tokens: Sequence[PageToken], cursor: int, prompt_length: int) -> None:
        self._stretches = ()  # they were those of another place; everything is painted anew
        self.text.set_path(tokens, cursor, prompt_length)
        if self._selected is not None and self.text.index_of(self._selected) is None:
            self._selected = None
            self.selection_changed.emit()
        self._text_changed(0)
        self._show_place()

    def append(self, token: PageToken) -> None:
        follows = self._at_bottom()
        changed = self.text.append(token)
        # A way ahead that was not followed has gone, and what stood there with it.
        self._stretches = tuple(s for s in self._stretches if s.end <= len(self.text.tokens))
        self._text_changed(changed)
        if follows:
            self._show_end()

    def set_pending(self, token: TokenText | None, forced: bool) -> None:
        follows = self._at_bottom()
        self._text_changed(self.text.set_pending(token, forced))
        if follows:
            self._show_end()

    def show_spans(self, spans: Sequence[Span]) -> None:
        """Underline these stretches of the text, indexes counting its tokens, until others are shown or the text is
        replaced. Only lines that look different are painted."""
        stretches = arranged(spans, len(self.text.tokens))
        for stretch in set(self._stretches) ^ set(stretches):
            self._repaint_tokens(stretch.start, stretch.end)
        self._stretches = stretches

    def _repaint_tokens(self, start: int, end: int) -> None:
        end = min(end, len(self.text.tokens))  # a way ahead may have gone since
        if start >= end:
            return
        first = self.text.line_of(self.text.entry_of(start))
        last = max(line for line, _, _ in self.text.flow.fragments_of(self.text.entry_of(end - 1)))
        top = self._margin + first * self._pitch - self.verticalScrollBar().value()
        height = (last - first + 1) * self._pitch
        self.viewport().update(QRect(0, top, self.viewport().width(), height))

    def _get_selected(self) -> int | None:
        return self._selected

    def select(self, node: int | None) -> None:
        """Ring the token of this session node; None takes the ring away."""
        if node != self._selected:
            self._selected = node
            self.selection_changed.emit()
            self._repaint_all()

    selected = property(_get_selected)

    def selected_token(self) -> PageToken | None:
        index = None if self._selected is None else self.text.index_of(self._selected)
        return None if index is None else self.text.tokens[index]

    # -- look ----------------------------------------------------------------------------------------------------------

    def _get_mode(self) -> Mode:
        return self._mode

    def _set_mode(self, mode: str) -> None:
        if mode in (*MODES, "tokens") and mode != self._mode:
            plain = "plain" in (mode, self._mode)
            self._mode = mode
            self._reset_look(relayout=plain)

    mode = property(_get_mode, _set_mode)

    def _get_zoom(self) -> float:
        return self._zoom

    def _set_zoom(self, zoom: float) -> None:
        zoom = min(max(zoom, ZOOM_RANGE[0]), ZOOM_RANGE[1])
        if zoom != self._zoom:
            self._zoom = zoom
            self._reset_look()
            self.zoom_changed.emit(zoom)

    zoom = property(_get_zoom, _set_zoom)

    def _get_led(self) -> bool:
        return self._led

    def _set_led(self, led: bool) -> None:
        """Whether the text is chosen elsewhere and only followed: nothing in it is a choice made here."""
        if led != self._led:
            self._led = led
            self._reset_look(relayout=False)

    led = property(_get_led, _set_led)

    def text_font(self) -> QFont:
        font = QFont(self.font())
        scale = self._zoom * self._scale
        if font.pointSizeF() > 0:
            font.setPointSizeF(font.pointSizeF() * scale)
        else:
            font.setPixelSize(max(round(font.pixelSize() * scale), 1))
        font.setStyleStrategy(QFont.StyleStrategy.PreferAntialias)
        return font

    def _measure(self, text: str) -> float:
        width = self._widths.get(text)
        if width is None:
            width = self._widths[text] = self._metrics.horizontalAdvance(text)
        return width

    def _reset_look(self, relayout: bool = True) -> None:
        """Fonts, colours and line sizes; the layout as well unless only the colours changed."""
        self._painter = TokenPainter(self._theme.palette, self._mode, self.text_font(), TAG_SCALE, self._led)
        if relayout:
            self._font_key = self.text_font().key()
            self._metrics = QFontMetricsF(self.text_font())
            self._widths: dict[str, float] = {}
            em = self._metrics.height()
            self._chip_height = round(em + 2 * max(em * 0.12, 2))
            self._pitch = self._chip_height + round(em * 0.12 if self._mode == "plain" else em * 0.3)
            self._relayout()
        self.viewport().update()

    def _relayout(self) -> None:
        place = self._top_token()
        follows = self._at_bottom()
        width = max(self.viewport().width() - 2 * self._margin, 40)
        em = self._metrics.height()
        plain = self._mode == "plain"
        tag_room = round(em * 0.6)
        self.text.set_metrics(Metrics(width, round(em * 0.1), 1.0, round(em * 0.5), plain, TAG_SCALE, tag_room))
        self._text_changed(0)
        bar = self.verticalScrollBar()
        if follows:
            self._show_end()
        elif place is None:
            bar.setValue(0)
        else:
            bar.setValue(self._margin + self.text.line_of(place) * self._pitch if place else 0)

    def _top_token(self) -> int | None:
        """The first token on screen, which stays there when the width or the font changes."""
        line = max((self.verticalScrollBar().value() - self._margin) // max(self._pitch, 1), 0)
        fragments = self.text.flow.line(line) if line < self.text.flow.line_count else []
        return fragments[0].entry if fragments else None

    @Slot()
    def _repaint_all(self) -> None:
        self._plain_lines.clear()
        self._reset_look(relayout=False)

    # -- geometry ------------------------------------------------------------------------------------------------------

    def content_height(self) -> int:
        return 2 * self._margin + self.text.flow.line_count * self._pitch

    def sizeHint(self) -> QSize:
        return QSize(480, min(max(self.content_height(), 60), 400))

    def _at_bottom(self) -> bool:
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - self._pitch // 2

    def _text_changed(self, first_line: int) -> None:
        """Lines from `first_line` on hold other tokens now: size the scroll bar and paint them."""
        for line in [line for line in self._plain_lines if line >= first_line]:
            del self._plain_lines[line]
        bar = self.verticalScrollBar()
        height = self.viewport().height()
        bar.setPageStep(height)
        bar.setSingleStep(self._pitch)
        bar.setRange(0, max(self.content_height() - height, 0))
        bar.setVisible(bar.maximum() > 0)
        top = self._margin + first_line * self._pitch - bar.value() - 3
        self.viewport().update(QRect(0, max(top, 0), self.viewport().width(), max(height - max(top, 0), 0)))

    def _show_end(self) -> None:
        """Scroll to the end, but not so far that the cursor's line leaves the page."""
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        if self.text.cursor < len(self.text.tokens):
            self._show_place()

    def _show_place(self) -> None:
        """Scroll so that the cursor's line is on the page."""
        line = self.text.cursor_place()[0]
        bar = self.verticalScrollBar()
        top = self._margin + line * self._pitch
        if top < bar.value():
            bar.setValue(top - self._margin)
        elif top + self._pitch > bar.value() + self.viewport().height():
            bar.setValue(top + self._pitch + self._margin - self.viewport().height())

    def _spans(self, line: int) -> list[tuple[float, float]] | None:
        return self._plain_line(line).spans if self._mode == "plain" else None

    def _plain_line(self, line: int) -> PlainLine:
        cached = self._plain_lines.get(line)
        if cached is None:
            if len(self._plain_lines) > 400:
                self._plain_lines.clear()
            cached = PlainLine(self.text.flow.line(line), self.text_font(), self._look_of)
            self._plain_lines[line] = cached
        return cached

    def _look_of(self, entry: int) -> tuple[QColor, bool]:
        index = self.text.index_at(entry)
        token = None if index is None else self.text.tokens[index]
        ghost = index is not None and index >= self.text.cursor
        return self._painter.ink(token, ghost), ghost

    def _box(self, line: int, place: int, fragment: Fragment) -> QRectF:
        """Where a fragment is drawn, in the viewport."""
        spans = self._spans(line)
        x, width = (fragment.x, fragment.width) if spans is None else spans[place]
        top = self._margin + line * self._pitch - self.verticalScrollBar().value()
        return QRectF(self._margin + x, top, width, self._chip_height)

    def token_rects(self, index: int) -> list[QRectF]:
        """Where token `index` is drawn, in the viewport: a rectangle for each of its fragments."""
        entry = self.text.entry_of(index)
        return [self._box(*place) for place in self.text.flow.fragments_of(entry)]

    def entry_at(self, point: QPointF | QPoint) -> int | None:
        """The entry of the layout (tokens and pending chip) under this point of the viewport."""
        line = int((point.y() + self.verticalScrollBar().value() - self._margin) // self._pitch)
        if not 0 <= line < self.text.flow.line_count:
            return None
        return self.text.flow.hit(line, point.x() - self._margin, self._spans(line))

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(dx, dy)

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._theme.palette.color("surface"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.text_font())
        offset = self.verticalScrollBar().value() - self._margin
        first = max((event.rect().top() + offset) // self._pitch, 0)
        last = min((event.rect().bottom() + offset) // self._pitch, self.text.flow.line_count - 1)
        for line in range(first, last + 1):
            self._paint_line(painter, line)
        if self.text.tokens and self.text.cursor < len(self.text.tokens) and self.text.pending is None:
            line, x = self.text.cursor_place()
            if first <= line <= last:
                top = self._margin + line * self._pitch - self.verticalScrollBar().value()
                self._painter.caret(painter, self._margin + x, top, self._chip_height)
        painter.end()

    def _paint_line(self, painter: QPainter, line: int) -> None:
        text, plain = self.text, self._mode == "plain"
        chosen = None if self._selected is None else text.index_of(self._selected)
        selected = None if chosen is None else text.entry_of(chosen)
        rings: list[QRectF] = []
        outlined: list[QRectF] = []
        fragments = text.flow.line(line)
        boxes = [self._box(line, place, fragment) for place, fragment in enumerate(fragments)]
        for fragment, box in zip(fragments, boxes, strict=True):
            index = text.index_at(fragment.entry)
            token = None if index is None else text.tokens[index]
            if fragment.tag:
                room = text.flow.metrics.tag_room
                self._painter.tag(painter, box, fragment.text, room, text.padding, text.forced)
                continue
            if text.outlined(fragment.entry):
                outlined.append(box)
            if index is None or token is None:
                self._painter.label(painter, box, fragment, text.padding, self._painter.ink(None, False))
                continue
            filler = fragment.space and not token.token.text.isspace()  # the space before a selected word
            if selected is not None and not filler and fragment.entry <= selected <= fragment.last:
                rings.append(box)
            if not plain or fragment.chip:
                self._painter.chip(painter, box, fragment, text.padding, token, index >= text.cursor)
        if plain:
            for box in _joined(rings):
                self._painter.tint(painter, box)
            top = self._margin + line * self._pitch - self.verticalScrollBar().value()
            self._plain_line(line).paint(painter, self._margin, top + (self._chip_height - self._metrics.height()) / 2)
        for box in _joined(outlined):
            self._painter.pending(painter, box, text.forced)
        for box in _joined(rings):
            self._painter.ring(painter, box)
        if self._stretches:
            self._paint_stretches(painter, fragments, boxes)
        for fragment, box in zip(fragments, boxes, strict=True):
            if text.is_boundary(fragment):
                left = box.center().x() if fragment.space else box.left() - 0.5
                self._painter.boundary(painter, left, box.top(), box.height())
                break

    def _paint_stretches(self, painter: QPainter, fragments: list[Fragment], boxes: list[QRectF]) -> None:
        """The part of each stretch that stands on one line."""
        text, room = self.text, float(self._pitch - self._chip_height)
        placed = [
            (index, index + fragment.last - fragment.entry, fragment, box)
            for fragment, box in zip(fragments, boxes, strict=True)
            if (index := text.index_at(fragment.entry)) is not None
        ]
        for stretch in self._stretches:
            # The space before its first word may have stayed on the line above; nothing is repeated there.
            start = next((f for f in self._fragments(stretch.start) if not f.space), None)
            held = [
                (part, box)
                for a, b, part, box in placed
                if a < stretch.end and stretch.start <= b and (a > stretch.start or not part.space or start is None)
            ]
            runs = _joined([box for _, box in held])
            if not runs:
                continue
            begins = held[0][0] is (start or self._fragments(stretch.start)[0])
            ends = held[-1][0] is self._fragments(stretch.end - 1)[-1]
            if held[0][1].left() > held[-1][1].left():  # written from right to left
                begins, ends = ends, begins
            for number, run in enumerate(runs):
                left, right = begins and number == 0, ends and number == len(runs) - 1
                self._painter.stretch(painter, run, room, stretch.now, stretch.level, left, right)

    def _fragments(self, index: int) -> list[Fragment]:
        """Everything that shows token `index`."""
        return [fragment for _, _, fragment in self.text.flow.fragments_of(self.text.entry_of(index))]

    # -- events --------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.text.flow.metrics.width != max(self.viewport().width() - 2 * self._margin, 40):
            self._relayout()
        else:
            follows = self._at_bottom()
            self._text_changed(self.text.flow.line_count - 1)
            if follows:
                self._show_end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._font_key != self.text_font().key():
            self._reset_look()
            self._show_place()


def _joined(boxes: list[QRectF]) -> list[QRectF]:
    """Boxes of one line that touch, as one."""
    result: list[QRectF] = []
    for box in sorted((box for box in boxes if box.width() > 0), key=QRectF.left):
        if result and box.left() <= result[-1].right() + 2:
            result[-1] = result[-1].united(box)
        else:
            result.append(QRectF(box))
    return result
