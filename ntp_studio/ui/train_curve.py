"""The loss curve: the loss of every update, its running mean, and the held-out loss, over the steps."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QFontMetrics, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

# isort: split
# After PySide6: it takes the first Qt it finds imported, and prefers another where both are installed.
import pyqtgraph as pg

from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_fields import label, toggle_style
from ntp_studio.ui.train_values import log_ticks, nice_ticks

REDRAW_MS = 100
MOST_POINTS = 3000  # of a line on the screen: more cannot be told apart, and would take long to draw
SHORTEST, LONGEST = 3.0, 100.0  # updates that the running mean goes back: a twentieth of those done, within these


class CurveKey(QWidget):
    """What the lines mean: a sample and a word each."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName(self.tr("Legend: thin line loss of each update, thick line its mean, points held-out"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)

    def _entries(self) -> tuple[tuple[str, str], ...]:
        return (
            ("thin", self.tr("each batch")),
            ("thick", self.tr("running mean")),
            ("points", self.tr("held-out")),
        )

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(scaled(self.font(), 0.87))
        width = sum(metrics.horizontalAdvance(text) + 24 + 14 for _, text in self._entries()) - 14
        return QSize(math.ceil(width) + 2, math.ceil(metrics.height()) + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = scaled(self.font(), 0.87)
        painter.setFont(font)
        metrics, palette = QFontMetricsF(font), self._theme.palette
        x, middle = 0.0, self.height() / 2
        for kind, text in self._entries():
            color = (
                palette.color("drawn") if kind == "points" else palette.color("accent", 110 if kind == "thin" else 255)
            )
            painter.setPen(QPen(color, {"thin": 1.2, "thick": 2.4, "points": 1.4}[kind]))
            painter.drawLine(QPointF(x, middle), QPointF(x + 18, middle))
            if kind == "points":
                painter.setBrush(color)
                painter.drawEllipse(QPointF(x + 9, middle), 3, 3)
            width = metrics.horizontalAdvance(text)
            painter.setPen(palette.color("muted"))
            rect = QRectF(x + 24, 0, width + 2, self.height())
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, text)
            x += 24 + width + 14
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()


class LossCurve(QFrame):
    """A card with the curve. Losses are in nats per token. Drawing is throttled, however quick the updates are."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("loss_curve")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("Loss over the steps of the training"))
        self._theme = theme
        self._steps, self._losses, self._means = array("d"), array("d"), array("d")
        self._held_out: list[tuple[int, float]] = []
        self._make_plot()
        title = QLabel(self.tr("LOSS"), self)
        title.setProperty("role", "heading")
        unit = QLabel(self.tr("nats per token, over the steps"), self)
        unit.setProperty("role", "caption")
        self._pointed = ElidedLabel(parent=self)
        self._pointed.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._key = CurveKey(theme, self)
        self.log_button = QToolButton(self)
        self.log_button.setObjectName("curve_log_steps")
        self.log_button.setText(self.tr("log steps"))
        self.log_button.setCheckable(True)
        self.log_button.setToolTip(
            self.tr("Logarithmic step axis: the beginning, where most is learned, gets more room")
        )
        self.log_button.toggled.connect(self._schedule)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(title)
        head.addWidget(unit)
        head.addWidget(self._pointed, 1)
        head.addWidget(self._key)
        head.addWidget(self.log_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 8, 10, 6)
        column.setSpacing(2)
        self._nothing = label(self.tr("The loss will be drawn here, update by update."), "muted", self)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addLayout(head)
        column.addWidget(self._plot, 1)
        column.addWidget(self._nothing, 1)
        self._show_whether_any()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        theme.changed.connect(self._restyle)
        self._restyle()

    def _make_plot(self) -> None:
        self._plot = pg.PlotWidget(self)
        self._plot.setFrameShape(QFrame.Shape.NoFrame)
        self._plot.setAccessibleName(self.tr("Chart of the training loss and the held-out loss"))
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setMinimumHeight(90)
        self._plot.getPlotItem().setContentsMargins(0, 6, 12, 0)
        self._thin = pg.PlotCurveItem(connect="finite")
        self._thick = pg.PlotCurveItem(antialias=True, connect="finite")
        self._points = pg.PlotDataItem(symbol="o", symbolSize=6, antialias=True)
        self._mark = pg.InfiniteLine(angle=90, movable=False)
        self._mark.hide()
        for item in (self._thin, self._thick, self._points, self._mark):
            self._plot.addItem(item, ignoreBounds=True)
        self._plot.viewport().setMouseTracking(True)
        self._plot.viewport().installEventFilter(self)

    # -- content -------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        for values in (self._steps, self._losses, self._means):
            del values[:]
        self._held_out.clear()
        self._mark.hide()
        self._pointed.setText("")
        self._schedule()

    def add(self, losses: Iterable[tuple[int, float]], held_out: Iterable[tuple[int, float]] = ()) -> None:
        """(step, loss) of updates, and of evaluations on held-out text."""
        for step, loss in losses:
            self._steps.append(step)
            self._losses.append(loss)
            count = len(self._steps)
            before = self._means[-1] if self._means else loss
            back = min(max(count / 20, SHORTEST), LONGEST, count)
            self._means.append(before + (loss - before) / back)
        self._held_out.extend(held_out)
        self._schedule()

    def _show_whether_any(self) -> None:
        some = bool(self._steps or self._held_out)
        self._plot.setVisible(some)
        self._nothing.setVisible(not some)

    @property
    def mean(self) -> float:
        """The running mean after the last update, NaN before the first."""
        return self._means[-1] if self._means else math.nan

    @property
    def counts(self) -> tuple[int, int]:
        """How many losses and how many held-out losses there are."""
        return len(self._steps), len(self._held_out)

    # -- drawing -------------------------------------------------------------------------------------------------------

    @Slot()
    def _schedule(self) -> None:
        if not self._timer.isActive() and self.isVisible():
            self._timer.start()

    def _across(self, steps: np.ndarray) -> np.ndarray:
        return np.log10(steps) if self.log_button.isChecked() else steps

    @Slot()
    def _redraw(self) -> None:
        self._show_whether_any()
        log = self.log_button.isChecked()
        steps = np.array(self._steps)
        losses, means = np.array(self._losses), np.array(self._means)
        held_out = np.array(self._held_out, dtype=float).reshape(-1, 2)
        if log:  # there is no place for the figure before the first step
            held_out = held_out[held_out[:, 0] >= 1]
        self._thin.setData(*_thinned(self._across(steps), losses, extremes=True))
        self._thick.setData(*_thinned(self._across(steps), means, extremes=False))
        self._points.setData(self._across(held_out[:, 0]), held_out[:, 1])
        self._set_ranges(steps, losses, held_out, log)
        if len(steps):
            self._plot.setAccessibleDescription(
                self.tr("Step {0}, mean loss {1}").format(f"{int(steps[-1]):,}", f"{means[-1]:.3f}")
            )

    def _set_ranges(self, steps: np.ndarray, losses: np.ndarray, held_out: np.ndarray, log: bool) -> None:
        last = max([10.0, *steps[-1:], *held_out[-1:, 0]])
        low, high = (1.0 if log else 0.0), last
        values = np.concatenate([losses, held_out[:, 1]])
        values = values[np.isfinite(values)]
        bottom, top = (float(values.min()), float(values.max())) if len(values) else (0.0, 8.0)
        margin = max((top - bottom) * 0.06, 0.02)
        bottom, top = max(0.0, bottom - margin), top + margin
        width = QFontMetrics(self.font()).horizontalAdvance("1,000,000")
        room = max(int(self._plot.width() / max(width, 1) / 1.3), 2)
        if log:
            across = [(math.log10(x), f"{x:,.0f}") for x in log_ticks(low, high, room)]
            self._plot.setXRange(math.log10(low), math.log10(high), padding=0.01)
        else:
            across = [(x, f"{x:,.0f}") for x in nice_ticks(low, high, room) if x == int(x)]
            self._plot.setXRange(low, high, padding=0.01)
        rows = max(int(self._plot.height() / (2.4 * QFontMetrics(self.font()).height())), 2)
        up = nice_ticks(bottom, top, rows)
        decimals = max(0, -math.floor(math.log10(up[1] - up[0]) + 1e-9)) if len(up) > 1 else 1
        self._plot.setYRange(bottom, top, padding=0)
        self._plot.getAxis("bottom").setTicks([across])
        self._plot.getAxis("left").setTicks([[(y, f"{y:.{decimals}f}") for y in up]])

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._plot.setBackground(palette.color("surface"))
        self._thin.setPen(pg.mkPen(palette.color("accent", 110), width=1))
        self._thick.setPen(pg.mkPen(palette.color("accent"), width=2.2))
        self._points.setPen(pg.mkPen(palette.color("drawn"), width=1.4))
        self._points.setSymbolBrush(palette.color("drawn"))
        self._points.setSymbolPen(pg.mkPen(palette.color("surface"), width=1))
        self._mark.setPen(pg.mkPen(palette.color("faint"), width=1))
        for name in ("left", "bottom"):
            axis = self._plot.getAxis(name)
            axis.setPen(pg.mkPen(palette.color("border")))
            axis.setTextPen(pg.mkPen(palette.color("muted")))
            axis.setStyle(tickLength=-3, tickFont=self.font())
            axis.setGrid(36)
        self._plot.getAxis("left").setWidth(QFontMetrics(self.font()).horizontalAdvance("10.00") + 8)
        self.log_button.setStyleSheet(toggle_style(palette))
        self._pointed.set_color(palette.color("muted"))
        self._pointed.setFont(scaled(self.font(), 0.87))
        if self.isVisible():
            self._redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._restyle()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw()

    # -- pointer -------------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            self._point_at(event.position())
        elif kind in (QEvent.Type.Leave, QEvent.Type.Hide):
            self._mark.hide()
            self._pointed.setText("")
        elif kind == QEvent.Type.Resize:
            self._schedule()
        return kind == QEvent.Type.Wheel or super().eventFilter(watched, event)

    def _point_at(self, position: QPointF) -> None:
        """The figures of the update nearest to the pointer, in words."""
        if not self._steps:
            return
        x = self._plot.getPlotItem().vb.mapSceneToView(self._plot.mapToScene(position.toPoint())).x()
        step = 10.0**x if self.log_button.isChecked() else x
        index = int(np.abs(np.array(self._steps) - step).argmin())
        at = self._steps[index]
        self._mark.setValue(math.log10(at) if self.log_button.isChecked() else at)
        self._mark.show()
        text = self.tr("step {0}: loss {1}, mean {2}").format(
            f"{int(at):,}", f"{self._losses[index]:.3f}", f"{self._means[index]:.3f}"
        )
        held_out = dict(self._held_out).get(int(at))
        self._pointed.setText(text + (self.tr(", held-out {0}").format(f"{held_out:.3f}") if held_out else ""))


def _thinned(x: np.ndarray, y: np.ndarray, *, extremes: bool) -> tuple[np.ndarray, np.ndarray]:
    """At most about `MOST_POINTS` of the points: of equal shares the lowest and the highest, or the last."""
    if len(x) <= MOST_POINTS:
        return x, y
    share = math.ceil(2 * len(x) / MOST_POINTS)
    edges = range(0, len(x), share)
    if not extremes:
        kept = [min(edge + share, len(x)) - 1 for edge in edges]
    else:
        kept = sorted({edge + int(pick(y[edge : edge + share])) for edge in edges for pick in (np.argmin, np.argmax)})
    return x[kept], y[kept]
