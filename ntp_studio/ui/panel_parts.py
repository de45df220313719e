"""Small parts of the next-token column: the legend, the busy line, and what is shown while there is nothing."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QHideEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ntp_studio.core.types import DrawReport, Origin
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.theme import Palette, Theme

# Steps shorter than this show no sign of being busy: it would only flicker.
BUSY_AFTER_MS = 250
GAP = 13  # between two entries of the legend


def toggle_style(p: Palette, padding: str) -> str:
    """The style sheet of the small buttons that switch how the column shows things."""
    return (
        f"QToolButton {{ background: {p.surface}; color: {p.muted}; border: 1px solid {p.border};"
        f" border-radius: 6px; padding: {padding}; }}"
        f"QToolButton:hover {{ background: {p.sunken}; }}"
        f"QToolButton:checked {{ background: {p.accent_soft}; color: {p.link}; border-color: {p.accent}; }}"
        f"QToolButton:focus {{ border-color: {p.accent}; }}"
        f"QToolButton:disabled {{ color: {p.faint}; }}"
    )


class Legend(QWidget):
    """What the colours mean, in one line; says less where the line is short."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chart_legend")
        self._theme = theme
        self._forced = self._greedy = False
        self._draws = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Legend: pale bar model, solid bar after decoding, amber drawn, grey cut"))
        theme.changed.connect(self._restyle)

    def set_choice(self, origin: Origin, draw: DrawReport) -> None:
        """How the token on view was chosen, which is what amber stands for."""
        self._forced, self._greedy = origin == "forced", draw.method == "greedy"
        after = self.tr("Solid bar: the probability after the decoding chain, from which the token is chosen.")
        if self._greedy:
            after += "\n" + self.tr("Greedy always takes the most likely of them: what is shown is from before that.")
        self.setToolTip(
            "\n".join(
                (
                    self.tr("Pale bar: the model's own probability."),
                    after,
                    self.tr("Amber: the token that is taken. Grey: cut away by the chain."),
                )
            )
        )
        self.update()

    def set_draws(self, count: int) -> None:
        """So many draws are marked on the bars; 0 for none."""
        self._draws = count
        self.update()

    def entries(self) -> list[tuple[str, str]]:
        """(palette colour, text), as long as fit; the mark of many draws has the colour of text."""
        chosen = self.tr("taken") if self._greedy else self.tr("drawn")
        chosen = self.tr("forced") if self._forced else chosen
        after = self.tr("before greedy") if self._greedy else self.tr("after decoding")
        entries = [
            ("model", self.tr("model")),
            ("accent", after),
            ("drawn", chosen),
            ("cut", self.tr("cut")),
        ]
        if self._draws:
            entries.append(("text", self.tr("{count} draws").format(count=f"{self._draws:,}")))
        if self._width(entries) > self.width():
            entries[1] = ("accent", self.tr("chain") if self._greedy else self.tr("after"))
        if self._draws and self._width(entries) > self.width():
            entries[-1] = ("text", self.tr("{count}×").format(count=f"{self._draws:,}"))
        return entries

    def sizeHint(self) -> QSize:
        return QSize(260, round(QFontMetricsF(scaled(self.font(), 0.87)).height()) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def _width(self, entries: list[tuple[str, str]]) -> float:
        metrics = QFontMetricsF(scaled(self.font(), 0.87))
        return sum(metrics.horizontalAdvance(text) + 15 + GAP for _, text in entries) - GAP

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = scaled(self.font(), 0.87)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        x = 0.0
        entries = self.entries()
        spare = self.width() - self._width(entries)
        gap = GAP if spare >= 0 else max(GAP + spare / max(len(entries) - 1, 1), 4.0)
        for color, text in entries:
            box = QRectF(x, round((self.height() - 10) / 2), 10, 10)
            if color == "text":
                painter.setPen(QPen(self._theme.palette.color("text"), 1.3))
                painter.setBrush(self._theme.palette.color("surface"))
                painter.drawEllipse(box.center(), 3.0, 3.0)
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._theme.palette.color(color))
                painter.drawRoundedRect(box, 3, 3)
            painter.setPen(self._theme.palette.color("muted"))
            width = metrics.horizontalAdvance(text)
            rect = QRectF(x + 15, 0, width + 2, self.height())
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, text)
            x += 15 + width + gap
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()


class BusyLine(QWidget):
    """Two pixels that move while the model works for longer than a moment."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("busy_line")
        self._theme = theme
        self._phase = 0.0
        self._busy = False
        self.setFixedHeight(2)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(BUSY_AFTER_MS)
        self._delay.timeout.connect(self._begin)
        self._timer = QTimer(self)
        self._timer.setInterval(50)
        self._timer.timeout.connect(self._advance)

    @property
    def moving(self) -> bool:
        return self._timer.isActive()

    def set_busy(self, busy: bool) -> None:
        if busy == self._busy:
            return
        self._busy = busy
        if busy:
            self._delay.start()
        else:
            self._delay.stop()
            self._timer.stop()
            self.update()

    @Slot()
    def _begin(self) -> None:
        self._phase = 0.0
        if self.isVisible():
            self._timer.start()

    @Slot()
    def _advance(self) -> None:
        self._phase = (self._phase + 0.03) % 1.0
        self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._timer.isActive():
            return
        painter = QPainter(self)
        width = self.width() * 0.3
        x = self._phase * (self.width() + width) - width
        painter.fillRect(QRectF(x, 0, width, 2), self._theme.palette.color("accent"))
        painter.end()


class _Sketch(QWidget):
    """Three pale bars: where a chart will be."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFixedSize(72, 52)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        p = self._theme.palette
        for row, (width, solid) in enumerate(((1.0, 0.78), (0.62, 0.44), (0.3, 0.18))):
            top = row * 19
            painter.setBrush(p.color("sunken"))
            painter.drawRoundedRect(QRectF(0, top, 72, 13), 4, 4)
            painter.setBrush(p.color("model", 150))
            painter.drawRoundedRect(QRectF(0, top, 72 * width, 13), 4, 4)
            painter.setBrush(p.color("accent", 110))
            painter.drawRoundedRect(QRectF(0, top + 3.5, 72 * solid, 6), 3, 3)
        painter.end()


class EmptyState(QWidget):
    """A title and what to do next, in the middle of the column."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("next_token_empty")
        self._theme = theme
        self._title = plain_label(parent=self)
        self._hint = plain_label(parent=self)
        for label in (self._title, self._hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(_Sketch(theme, self), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._hint)
        layout.addStretch(3)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def texts(self) -> tuple[str, str]:
        return self._title.text(), self._hint.text()

    def show_texts(self, title: str, hint: str) -> None:
        self._title.setText(title)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self.setAccessibleName(title)
        self.setAccessibleDescription(hint)

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._title.setFont(scaled(self.font(), 1.15, QFont.Weight.DemiBold))
        self._title.setStyleSheet(f"color: {p.text}")
        self._hint.setStyleSheet(f"color: {p.muted}")
        self.update()
