"""The ribbon: a line for each token followed, with its probability at every snapshot of the training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontMetrics, QMouseEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from ntp_studio.ui.theme import Theme
from ntp_studio.ui.time_lapse_scale import nearest, token_color, token_line

FLOOR = 1e-4  # the foot of the logarithmic axis, as in the chart of candidates
MARGIN = 0.025
REDRAW_MS = 30
_TOPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class RibbonChart(QFrame):
    """`tokens` are (slot of the colours, whether it is the chosen one); `rows` as in `RibbonChanged`."""

    span_changed = Signal(float, float)  # where the first and the last snapshot are, in pixels
    hovered = Signal(int)  # a snapshot, -1 for none
    clicked = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._places: list[float] = []
        self._tokens: tuple[tuple[int, bool], ...] = ()
        self._rows: tuple[tuple[float, ...] | None, ...] = ()
        self._log = False
        self._stale = False
        self._plot = pg.PlotWidget(self)
        self._plot.setObjectName("ribbon_plot")
        self._plot.setFrameShape(QFrame.Shape.NoFrame)
        self._plot.setAccessibleName(self.tr("Probability of the next token over the training"))
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setAntialiasing(True)
        self._plot.hideAxis("bottom")
        self._plot.getPlotItem().setContentsMargins(0, 4, 4, 0)
        self._plot.setMouseTracking(True)
        self._plot.viewport().installEventFilter(self)
        self._plot.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self._now = pg.InfiniteLine(angle=90, movable=False)
        self._now.setZValue(-5)
        self._under = pg.InfiniteLine(angle=90, movable=False)
        self._under.setZValue(-6)
        self._under.hide()
        for line in (self._now, self._under):
            self._plot.addItem(line, ignoreBounds=True)
        self._curves: list[pg.PlotDataItem] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._plot.getPlotItem().vb.sigResized.connect(self._resized)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- content -------------------------------------------------------------------------------------------------------

    def show_places(self, places: Sequence[float], current: int) -> None:
        """The axis: where the snapshots stand, from 0 to 1."""
        self._places = list(places)
        self._plot.setXRange(-MARGIN, 1 + MARGIN, padding=0)
        self.show_current(current)
        self._redraw()

    def show_current(self, index: int) -> None:
        if 0 <= index < len(self._places):
            self._now.setPos(self._places[index])

    def show_rows(self, tokens: Sequence[tuple[int, bool]], rows: Sequence[tuple[float, ...] | None]) -> None:
        self._tokens, self._rows = tuple(tokens), tuple(rows)
        if not self._timer.isActive():  # they come one snapshot after the other
            self._timer.start()

    def set_stale(self, stale: bool) -> None:
        """Whether what is drawn is of another place in the text than the one on view."""
        if stale != self._stale:
            self._stale = stale
            for curve in self._curves:
                curve.setOpacity(0.3 if stale else 1.0)

    def set_log(self, log: bool) -> None:
        if log != self._log:
            self._log = log
            self._redraw()

    # -- drawing -------------------------------------------------------------------------------------------------------

    def _height(self, p: float) -> float:
        return math.log10(max(p, FLOOR)) if self._log else p

    @Slot()
    def _redraw(self) -> None:
        palette = self._theme.palette
        while len(self._curves) < len(self._tokens):
            curve = pg.PlotDataItem(connect="finite", antialias=True)
            self._plot.addItem(curve)
            self._curves.append(curve)
        for curve in self._curves[len(self._tokens) :]:
            curve.setData([], [])
        known = [(x, row) for x, row in zip(self._places, self._rows, strict=False)]
        for place, (curve, (slot, chosen)) in enumerate(zip(self._curves, self._tokens, strict=False)):
            heights = [math.nan if row is None else self._height(row[place]) for _, row in known]
            color = token_color(palette, slot, chosen)
            curve.setData([x for x, _ in known], heights)
            curve.setPen(pg.mkPen(color, width=2.4 if chosen else 1.7, style=token_line(slot, chosen)))
            curve.setSymbol("o")
            curve.setSymbolSize(5)
            curve.setSymbolPen(pg.mkPen(None))
            curve.setSymbolBrush(pg.mkBrush(color))
            curve.setOpacity(0.3 if self._stale else 1.0)
            curve.setZValue(2 if chosen else 1)
        self._scale()

    def _scale(self) -> None:
        axis = self._plot.getAxis("left")
        if self._log:
            self._plot.setYRange(math.log10(FLOOR) - 0.15, 0.15, padding=0)
            ticks = [(-4.0, "0.01%"), (-2.0, "1%"), (0.0, "100%")]
        else:
            highest = max((p for row in self._rows if row is not None for p in row), default=1.0)
            top = next((t for t in _TOPS if highest <= t), 1.0)
            self._plot.setYRange(-0.04 * top, 1.06 * top, padding=0)
            ticks = [(share * top, f"{100 * share * top:g}%") for share in (0.0, 0.5, 1.0)]
        axis.setTicks([ticks])

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._plot.setBackground(palette.color("surface"))
        self._now.setPen(pg.mkPen(palette.color("accent", 150), width=1.5))
        self._under.setPen(pg.mkPen(palette.color("muted", 130), width=1, style=Qt.PenStyle.DotLine))
        axis = self._plot.getAxis("left")
        axis.setPen(pg.mkPen(palette.color("border")))
        axis.setTextPen(pg.mkPen(palette.color("muted")))
        axis.setStyle(tickLength=-3, tickFont=self.font())
        axis.setWidth(QFontMetrics(self.font()).horizontalAdvance("0.01%") + 10)
        self._redraw()

    # -- pointer -------------------------------------------------------------------------------------------------------

    def index_at(self, position: QPointF) -> int:
        view = self._plot.getPlotItem().vb.mapSceneToView(self._plot.mapToScene(position.toPoint()))
        return nearest(self._places, view.x()) if self._places else -1

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            index = self.index_at(event.position())
            if index >= 0:
                self._under.setPos(self._places[index])
                self._under.show()
            self.hovered.emit(index)
        elif kind == QEvent.Type.Leave:
            self._under.hide()
            self.hovered.emit(-1)
        elif kind == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            if event.button() == Qt.MouseButton.LeftButton and self._places:
                self.clicked.emit(self.index_at(event.position()))
            return True
        elif kind == QEvent.Type.Wheel:
            return True
        return super().eventFilter(watched, event)

    @Slot()
    def _resized(self) -> None:
        box = self._plot.getPlotItem().vb
        left, right = (self._plot.mapFromScene(box.mapViewToScene(QPointF(x, 0.0))).x() for x in (0.0, 1.0))
        if right > left:
            self.span_changed.emit(float(left), float(right))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._resized()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._resized()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._restyle()
