"""The bottom bar: what is going on, where the model runs, what a step costs, memory, and how full the context is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from ntp_studio.core.types import ModelInfo, StepFrame
from ntp_studio.ui.model_menu import size_text
from ntp_studio.ui.style import caption_size, px
from ntp_studio.ui.theme import Theme

KINDS = {"ready": "good", "busy": "accent", "playing": "accent", "warning": "drawn", "error": "error", "idle": "faint"}
"""The kinds of state, and the colour of the dot for each. The words say it too."""


class Dot(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._kind = theme, "idle"
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(px(12), px(12))
        self.update()

    def set_kind(self, kind: str) -> None:
        self._kind = kind
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.palette.color(KINDS[self._kind]))
        painter.drawEllipse(QRectF(self.rect()).center(), self.width() / 3, self.width() / 3)


class ContextGauge(QWidget):
    """How much of the model's context the text takes; amber, and in words in the tip, when it is nearly full."""

    NEARLY_FULL = 0.9

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._used = self._size = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(self.tr("Context"))
        theme.changed.connect(self._restyle)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def set_use(self, used: int, size: int) -> None:
        self._used, self._size = used, size
        left = max(size - used, 0)
        tip = self.tr("{0} of {1} tokens of the context are used, {2} are left").format(
            f"{used:,}", f"{size:,}", f"{left:,}"
        )
        if self.nearly_full():
            tip += "\n" + self.tr("The text ends when the context is full.")
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)
        self.setVisible(size > 0)
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        return f"{self._used:,} / {self._size:,}"

    def nearly_full(self) -> bool:
        return self._size > 0 and self._used > self.NEARLY_FULL * self._size

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(caption_size() + 1)
        return font

    def _widths(self) -> tuple[int, int, int]:
        """Of the word, the gauge and the figures; the figures keep the width they have when full."""
        metrics = QFontMetrics(self._font())
        full = f"{self._size:,} / {self._size:,}"
        figures = max(metrics.horizontalAdvance(full), metrics.horizontalAdvance(self.text()))
        return metrics.horizontalAdvance(self.tr("context")), px(90), figures

    def sizeHint(self) -> QSize:
        return QSize(sum(self._widths()) + 16, QFontMetrics(self._font()).height() + 4)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self._theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font())
        word, gauge, _ = self._widths()
        painter.setPen(palette.color("muted"))
        lines = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.drawText(QRectF(0, 0, word, self.height()), lines, self.tr("context"))
        track = QRectF(word + 8, self.height() / 2 - 3, gauge, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("cut"))
        painter.drawRoundedRect(track, 3, 3)
        if self._used and self._size:
            full = max(min(self._used / self._size, 1.0) * gauge, 4.0)
            painter.setBrush(palette.color("drawn" if self.nearly_full() else "accent"))
            painter.drawRoundedRect(QRectF(track.x(), track.y(), full, 6), 3, 3)
        painter.setPen(palette.color("drawn_text" if self.nearly_full() else "muted"))
        painter.drawText(QRectF(self.rect()), lines | Qt.AlignmentFlag.AlignRight, self.text())


class StatusBar(QWidget):
    """Figures that do not fit are left out from the right: memory first, then time, then device."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._info: ModelInfo | None = None
        self._state = (self.tr("Ready"), "idle")
        self._message: tuple[str, str] | None = None
        self._memory = (0, 0)
        self._cost: tuple[float, float] | None = None  # step_ms, model_ms
        self.comparing = False  # the compare page is in front: no figures of the main page's model
        self.setProperty("bar", "bottom")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._dot = Dot(theme)
        self._text, self._device, self._time, self._weights = (self._label() for _ in range(4))
        self._text.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._text.setMinimumWidth(1)  # it asks for no room: what it may say depends on the room there is
        self._text.setAccessibleName(self.tr("State"))
        self.gauge = ContextGauge(theme)
        self.gauge.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 4, 14, 4)
        row.setSpacing(6)
        row.addWidget(self._dot)
        row.addWidget(self._text)
        for label in (self._device, self._time, self._weights):
            row.addSpacing(self.GAP)
            row.addWidget(label)
        row.addStretch(1)
        row.addWidget(self.gauge)
        theme.changed.connect(self._restyle)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.clear_message)
        self._show_text()

    GAP = 12

    def _label(self) -> QLabel:
        label = QLabel()
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "caption")
        return label

    # -- what it shows -------------------------------------------------------------------------------------------------

    def show_state(self, text: str, kind: str = "ready") -> None:
        """What is going on, in a word or two; `kind` is one of `KINDS`."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        self._state = (text, kind)
        self._show_text()

    def show_message(self, text: str, milliseconds: int = 6000, kind: str = "ready") -> None:
        """Something to read in passing, in place of the state; 0 milliseconds keeps it until it is cleared."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        self._message = (text, kind)
        self._timer.stop()
        if milliseconds:
            self._timer.start(milliseconds)
        self._show_text()

    @Slot()
    def clear_message(self) -> None:
        self._message = None
        self._timer.stop()
        self._show_text()

    def text(self) -> str:
        """The state or message on view."""
        return (self._message or self._state)[0]

    def show_model(self, info: ModelInfo | None) -> None:
        self._info = info
        self._cost = None
        if self.comparing:
            return
        self._time.clear()
        self._time.setToolTip("")
        if info is None:
            self._device.clear()
            self.gauge.set_use(0, 0)
        else:
            parts = [info.device, info.dtype]
            if info.threads:
                parts.append(self._threads(info.threads))
            self._device.setText(" · ".join(part for part in parts if part))
            self._device.setToolTip(info.device_reason)
            self.gauge.set_use(0, info.context_length)
        self._show_weights()

    def _threads(self, count: int) -> str:
        return self.tr("1 thread") if count == 1 else self.tr("{0} threads").format(count)

    def show_frame(self, frame: StepFrame) -> None:
        """What the last step cost in which the model ran, and how long the text is now.

        The distribution of a place that was computed before is shown again without the model: that says nothing about
        the cost of a step, and goes to the tip.
        """
        if frame.model_ms > 0.0:
            self._cost = (frame.step_ms, frame.model_ms)
        if self.comparing:
            return
        lines = []
        if self._cost is not None:
            step, model = self._cost
            rest = max(step - model, 0.0)
            self._time.setText(
                self.tr("{0} ms/step (model {1}, rest {2})").format(*map(_milliseconds, (step, model, rest)))
            )
            lines = [
                self.tr("Model: {0} ms").format(f"{model:.2f}"),
                self.tr("Decoding, draw and figures: {0} ms").format(f"{rest:.2f}"),
            ]
        if frame.model_ms <= 0.0:
            lines.append(self.tr("Redrawn in {0} ms, without the model").format(_milliseconds(frame.step_ms)))
        self._time.setToolTip("\n".join(lines))
        self.show_context(frame.context_length)

    def show_context(self, length: int) -> None:
        """How many tokens the context has."""
        if self._info is not None and not self.comparing:
            self.gauge.set_use(length, self._info.context_length)
        self._fit()

    def show_memory(self, process: int, device: int = 0) -> None:
        """The resident memory of the process and of the accelerator, in bytes."""
        self._memory = (process, device)
        self._show_weights()

    def _show_weights(self) -> None:
        process, device = self._memory
        if self.comparing:
            return
        weights = self._info.memory_bytes or self._info.weight_bytes if self._info is not None else 0
        self._weights.setText(self.tr("{0} weights").format(size_text(weights)) if weights else "")
        lines = [self.tr("Memory of this program: {0}").format(size_text(process))] if process else []
        if device:
            lines.append(self.tr("Memory on the accelerator: {0}").format(size_text(device)))
        if self._info is not None and self._info.cache_bytes_per_token:
            cache = size_text(self._info.cache_bytes_per_token)
            lines.append(self.tr("KV cache: {0} for each token").format(cache))
        self._weights.setToolTip("\n".join(lines))
        self._fit()

    def show_columns(self, models: str, weights: str) -> None:
        """How many models are compared and how, and what their weights take."""
        process, device = self._memory
        self.gauge.set_use(0, 0)
        self._time.clear()
        self._device.setText(models)
        self._device.setToolTip("")
        self._weights.setText(weights)
        lines = [self.tr("Memory of this program: {0}").format(size_text(process))] if process else []
        if device:
            lines.append(self.tr("Memory on the accelerator: {0}").format(size_text(device)))
        self._weights.setToolTip("\n".join(lines))
        self._fit()

    def _show_text(self) -> None:
        _, kind = self._message or self._state
        self._dot.set_kind(kind)
        self._fit()

    # -- room ----------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _restyle(self) -> None:
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().minimumSizeHint().height())

    def _fit(self) -> None:
        """Give the state its words first; what is left goes to the figures, the last ones give way."""
        text = self.text()
        metrics = QFontMetrics(self._text.font())
        room = self.width() - 28 - px(12) - 12
        if not self.gauge.isHidden():
            room -= self.gauge.sizeHint().width() + self.GAP
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(room, 60))
        self._text.setText(shown)
        self._text.setToolTip(text if shown != text else "")
        room -= metrics.horizontalAdvance(shown)
        for label in (self._device, self._time, self._weights):
            room -= label.sizeHint().width() + self.GAP + 12 if label.text() else 0
            label.setVisible(bool(label.text()) and room >= 0)


def _milliseconds(value: float) -> str:
    """Whole milliseconds; below 10 one decimal, so that a fast step does not read as 0."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
