"""The timeline: surprisal of every token as bars, entropy as a line, both in bits, along the text.

It shows as many tokens as fit and follows the end; the wheel or the bar beneath moves back. Drawing is throttled, so
that a fast model does not spend its time here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollBar, QToolButton, QVBoxLayout, QWidget

from ntp_studio.core.types import PageToken
from ntp_studio.ui.theme import Palette, Theme
from ntp_studio.ui.token_card import TokenCard
from ntp_studio.ui.token_figures import heat_share

WIDEST = 28.0  # pixels from bar to bar
NARROWEST = 7.0
REDRAW_MS = 50


class _Bars(pg.GraphicsObject):  # type: ignore[misc]
    """The bars on screen, each in its heat colour. Item coordinates: x counts tokens, y is bits."""

    def __init__(self) -> None:
        super().__init__()
        self._bars: list[tuple[float, float, object]] = []
        self._bounds = QRectF()
        self._edge = pg.mkPen(None)

    def show_tokens(self, tokens: Sequence[PageToken], first: int, palette: Palette, bounds: QRectF) -> None:
        self.prepareGeometryChange()
        self._bounds = bounds
        edge = palette.color("muted", 70)
        self._edge = pg.mkPen(edge, width=1, cosmetic=True)
        self._bars = []
        for x, token in enumerate(tokens, first):
            bits = token.surprisal_bits
            share = heat_share("surprisal", token)
            if bits is not None and share is not None:
                height = bits if math.isfinite(bits) else bounds.height()
                self._bars.append((x, height, pg.mkBrush(palette.heat_color(share))))
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, option: object, widget: QWidget | None = None) -> None:
        painter.setPen(self._edge)
        for x, height, brush in self._bars:
            painter.setBrush(brush)
            painter.drawRect(QRectF(x - 0.33, 0.0, 0.66, height))


class Timeline(QFrame):
    """A card with the chart. Indices in signals count the tokens given to `set_tokens` and `append`."""

    token_clicked = Signal(int)
    collapsed_changed = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("Surprisal and entropy along the text"))
        self._theme = theme
        self._tokens: list[PageToken] = []
        self._selected: int | None = None
        self._collapsed = False
        self._card: TokenCard | None = None

        self._fold = QToolButton(self)
        self._fold.setObjectName("timeline_fold")
        self._fold.setAutoRaise(True)
        self._fold.setCheckable(False)
        self._fold.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._fold.clicked.connect(self._toggle)
        title = QLabel(self.tr("SURPRISAL"), self)
        title.setProperty("role", "heading")
        caption = QLabel(self.tr("bars, bits"), self)
        caption.setProperty("role", "caption")
        self._title, self._bar_caption = title, caption
        self._line_caption = QLabel(self.tr("entropy — line, bits"), self)
        self._line_caption.setProperty("role", "caption")
        self._span = QLabel(self)
        self._span.setProperty("role", "caption")
        self._span.setObjectName("timeline_span")

        self._plot = pg.PlotWidget(self)
        self._plot.setObjectName("timeline_plot")
        self._plot.setFrameShape(QFrame.Shape.NoFrame)
        self._plot.setAccessibleName(self.tr("Chart of surprisal and entropy in bits"))
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setAntialiasing(True)
        self._plot.getPlotItem().setContentsMargins(0, 6, 0, 7)
        self._plot.hideAxis("bottom")
        self._bars = _Bars()
        self._plot.addItem(self._bars, ignoreBounds=True)
        self._line = pg.PlotCurveItem(antialias=True)
        self._plot.addItem(self._line, ignoreBounds=True)
        self._mark = pg.LinearRegionItem(movable=False)
        self._mark.setZValue(-10)
        self._mark.hide()
        self._plot.addItem(self._mark, ignoreBounds=True)
        self._plot.viewport().installEventFilter(self)
        self._plot.viewport().setCursor(Qt.CursorShape.PointingHandCursor)

        self._bar = QScrollBar(Qt.Orientation.Horizontal, self)
        self._bar.setAccessibleName(self.tr("Part of the text on the timeline"))
        self._bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._bar.valueChanged.connect(self._schedule)

        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(title)
        head.addWidget(caption)
        head.addWidget(self._span)
        head.addStretch(1)
        head.addWidget(self._line_caption)
        head.addWidget(self._fold)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 8, 6)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self._plot)
        column.addWidget(self._bar)

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- content -------------------------------------------------------------------------------------------------------

    def set_tokens(self, tokens: Sequence[PageToken]) -> None:
        """The text up to the cursor."""
        self._tokens = list(tokens)
        self._fit(follow=True)
        self._schedule()

    def append(self, token: PageToken) -> None:
        follow = self._bar.value() >= self._bar.maximum()
        self._tokens.append(token)
        self._fit(follow)
        self._schedule()

    def select(self, index: int | None) -> None:
        """Mark one token, None for none."""
        if index != self._selected:
            self._selected = index
            if index is not None and not self._bar.value() <= index < self._bar.value() + self.slots:
                self._bar.setValue(index - self.slots // 2)
            self._schedule()

    @property
    def slots(self) -> int:
        """How many tokens the chart has room for, at the present width and length of the text."""
        width = max(self._plot.width() - 30.0, NARROWEST)
        least, most = max(int(width / WIDEST), 1), max(int(width / NARROWEST), 1)
        return min(max(len(self._tokens), least), most)

    def _fit(self, follow: bool) -> None:
        self._bar.setPageStep(self.slots)
        self._bar.setRange(0, max(len(self._tokens) - self.slots, 0))
        if follow:
            self._bar.setValue(self._bar.maximum())
        self._bar.setVisible(self._bar.maximum() > 0 and not self._collapsed)

    # -- drawing -------------------------------------------------------------------------------------------------------

    @Slot()
    def _schedule(self) -> None:
        if not self._timer.isActive() and self.isVisible() and not self._collapsed:
            self._timer.start()

    @Slot()
    def _redraw(self) -> None:
        first = self._bar.value()
        shown = self._tokens[first : first + self.slots]
        top = self._top(shown)
        bounds = QRectF(first - 0.5, 0.0, float(self.slots), top)
        self._bars.show_tokens(shown, first, self._theme.palette, bounds)
        places = list(range(first, first + len(shown)))
        entropies = [math.nan if token.entropy_bits is None else token.entropy_bits for token in shown]
        self._line.setData(places, entropies, connect="finite")
        self._plot.setRange(xRange=(first - 0.5, first + self.slots - 0.5), yRange=(0.0, top), padding=0)
        step = 2 if top <= 6 else 5 if top <= 14 else 10
        self._plot.getAxis("left").setTicks([[(y, str(y)) for y in range(0, int(top) + 1, step)]])
        visible = self._selected is not None and first <= self._selected < first + len(shown)
        self._mark.setVisible(visible)
        if visible and self._selected is not None:
            self._mark.setRegion((self._selected - 0.5, self._selected + 0.5))
        whole = len(shown) == len(self._tokens)
        self._span.setText(
            "" if whole else self.tr("tokens {0}–{1}").format(f"{first + 1:,}", f"{first + len(shown):,}")
        )
        self._fit_head()

    def _fit_head(self) -> None:
        """Leave out of the first line what it has no room for, the least needed first."""
        labels = (self._title, self._bar_caption, self._span, self._line_caption)
        room = self.width() - 20 - self._fold.sizeHint().width() - 6 * (len(labels) + 1)
        long, short = self.tr("entropy — line, bits"), self.tr("entropy — line")
        some = bool(self._span.text())
        for words, bars, span in ((long, True, some), (long, False, some), (short, False, some), (short, False, False)):
            self._line_caption.setText(words)
            there = (True, bars, span, True)
            taken = sum(label.sizeHint().width() for label, shown in zip(labels, there, strict=True) if shown)
            if taken <= room:
                break
        self._bar_caption.setVisible(bars)
        self._span.setVisible(span)

    @staticmethod
    def _top(shown: Sequence[PageToken]) -> float:
        """The end of the axis in bits: steps of two, so that it does not move with every token."""
        figures = [f for token in shown for f in (token.surprisal_bits, token.entropy_bits) if f is not None]
        highest = max((f for f in figures if math.isfinite(f)), default=0.0)
        return max(math.ceil((highest + 0.25) / 2) * 2.0, 6.0)

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._plot.setBackground(palette.color("surface"))
        self._line.setPen(pg.mkPen(palette.color("accent"), width=1.6))
        self._line_caption.setStyleSheet(f"color: {palette.link};")
        self._mark.setBrush(palette.color("accent", 36))
        for line in self._mark.lines:
            line.setPen(pg.mkPen(None))
        axis = self._plot.getAxis("left")
        axis.setPen(pg.mkPen(palette.color("border")))
        axis.setTextPen(pg.mkPen(palette.color("muted")))
        axis.setStyle(tickLength=-3, tickFont=self.font())
        metrics = QFontMetrics(self.font())
        axis.setWidth(metrics.horizontalAdvance("20") + 10)
        self._plot.setFixedHeight(max(104, 6 * metrics.height()))
        self._set_fold()
        if self.isVisible():
            self._redraw()

    # -- folding -------------------------------------------------------------------------------------------------------

    @property
    def collapsed(self) -> bool:
        return self._collapsed

    def set_collapsed(self, collapsed: bool) -> None:
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self._plot.setVisible(not collapsed)
            self._fit(follow=True)
            self._set_fold()
            self._schedule()
            self.collapsed_changed.emit(collapsed)

    @Slot()
    def _toggle(self) -> None:
        self.set_collapsed(not self._collapsed)

    def _set_fold(self) -> None:
        self._fold.setArrowType(Qt.ArrowType.RightArrow if self._collapsed else Qt.ArrowType.DownArrow)
        words = self.tr("Show the timeline") if self._collapsed else self.tr("Hide the timeline")
        self._fold.setToolTip(words)
        self._fold.setAccessibleName(words)

    # -- pointer -------------------------------------------------------------------------------------------------------

    def index_at(self, position: QPointF) -> int | None:
        """The token whose slot is under this point of the chart's viewport."""
        x = self._plot.getPlotItem().vb.mapSceneToView(self._plot.mapToScene(position.toPoint())).x()
        index = math.floor(x + 0.5)
        return index if self._bar.value() <= index < min(self._bar.value() + self.slots, len(self._tokens)) else None

    def bar_position(self, index: int) -> QPointF:
        """Where the foot of a token's bar is, in the chart's viewport."""
        scene = self._plot.getPlotItem().vb.mapViewToScene(QPointF(float(index), 0.2))
        return QPointF(self._plot.mapFromScene(scene))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            index = self.index_at(event.position())
            if index is not None and event.button() == Qt.MouseButton.LeftButton:
                self.token_clicked.emit(index)
            return True
        if kind == QEvent.Type.Wheel and isinstance(event, QWheelEvent):
            delta = event.angleDelta().y() or -event.angleDelta().x()
            self._bar.setValue(self._bar.value() - round(delta / 120 * max(self.slots // 8, 1)))
            return True
        if kind == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.index_at(QPointF(event.pos()))
            if index is not None:
                if self._card is None:
                    self._card = TokenCard(self._theme, self)
                self._card.show_token(self._tokens[index], event.globalPos())
            return True
        if kind in (QEvent.Type.MouseMove, QEvent.Type.Leave, QEvent.Type.Hide) and self._card is not None:
            self._card.hide()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit(follow=self._bar.value() >= self._bar.maximum())
        self._fit_head()
        self._schedule()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._restyle()
            self._fit_head()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit(follow=True)
        self._redraw()
