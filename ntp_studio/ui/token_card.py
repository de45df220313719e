"""The card that appears when the pointer rests on a token, on the page and in the timeline: all its figures."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt, Slot
from PySide6.QtGui import QFontInfo, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from ntp_studio.core.types import PageToken
from ntp_studio.ui.theme import Theme, mono_font
from ntp_studio.ui.token_figures import count, percent
from ntp_studio.ui.token_text import chip_label


class TokenCard(QWidget):
    """A tool tip with a table in it. Its labels are plain text: a token may spell markup."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("token_card")
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._theme = theme
        self.led_by = ""  # the letter of the column whose text is followed
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 9, 12, 10)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(3)
        self._title = self._label()
        self._grid.addWidget(self._title, 0, 0, 1, 2)
        self._rows: list[tuple[QLabel, QLabel]] = []
        theme.changed.connect(self._restyle)
        self._restyle()

    def text(self) -> str:
        """Everything on the card, a row a line."""
        shown = [self._title.text()]
        shown += [f"{name.text()} {value.text()}" for name, value in self._rows if not name.isHidden()]
        return "\n".join(shown)

    def show_token(self, token: PageToken, at: QPoint) -> None:
        """Show the figures of `token` below the global position `at`, kept on the screen."""
        self._title.setText(_shorten(chip_label(token.token), 40))
        rows = self._figures(token)
        while len(self._rows) < len(rows):
            name, value = self._label(), self._label()
            name.setProperty("role", "muted")
            line = len(self._rows) + 1
            self._grid.addWidget(name, line, 0)
            self._grid.addWidget(value, line, 1, Qt.AlignmentFlag.AlignRight)
            self._rows.append((name, value))
        for number, (name, value) in enumerate(self._rows):
            name.setVisible(number < len(rows))
            value.setVisible(number < len(rows))
            if number < len(rows):
                name.setText(rows[number][0])
                value.setText(rows[number][1])
        self._restyle()
        self.adjustSize()
        screen = QGuiApplication.screenAt(at) or QGuiApplication.primaryScreen()
        place = at + QPoint(12, 18)
        if screen is not None:
            area = screen.availableGeometry()
            if place.y() + self.height() > area.bottom():
                place.setY(at.y() - self.height() - 10)
            place.setX(max(area.left(), min(place.x(), area.right() - self.width())))
        self.move(place)
        self.show()

    def _figures(self, token: PageToken) -> list[tuple[str, str]]:
        rows = [(self.tr("id"), count(token.token.id))]
        if token.token.bytes:
            rows.append((self.tr("bytes"), _shorten(token.token.bytes.hex(" ").upper(), 36)))
        if token.probability is not None and token.surprisal_bits is not None:
            rows.append((self.tr("probability (model)"), percent(token.probability)))
            if token.processed_probability is not None:
                rows.append((self.tr("after decoding"), percent(token.processed_probability)))
            if token.rank is not None:
                rows.append((self.tr("rank"), count(token.rank)))
            rows.append((self.tr("surprisal"), self.tr("{0} bits").format(f"{token.surprisal_bits:.2f}")))
        if token.entropy_bits is not None:
            rows.append((self.tr("entropy here"), self.tr("{0} bits").format(f"{token.entropy_bits:.2f}")))
        if token.probability is None:
            rows.append((self.tr("probability"), self.tr("none: nothing stands before it")))
        rows.append((self.tr("origin"), self._origin(token)))
        if token.branches > 1:
            rows.append((self.tr("branches here"), count(token.branches)))
        return rows

    def _origin(self, token: PageToken) -> str:
        if token.template:
            return self.tr("added by the chat template")
        if self.led_by and token.origin == "forced":
            return self.tr("taken along with {0}'s text").format(self.led_by)
        if self.led_by and token.origin == "drawn":
            return self.tr("taken along with {0}'s text; drawn here too").format(self.led_by)
        return {
            "prompt": self.tr("prompt"),
            "drawn": self.tr("drawn by the model"),
            "forced": self.tr("chosen by you (forced)"),
        }[token.origin]

    def _label(self) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        size = QFontInfo(self.font()).pointSizeF()
        title = mono_font(size * 1.1)
        title.setBold(True)
        self._title.setFont(title)
        self._title.setStyleSheet(f"color: {palette.text};")
        for name, value in self._rows:
            value.setFont(mono_font(size))
            name.setStyleSheet(f"color: {palette.muted};")
            value.setStyleSheet(f"color: {palette.text};")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.palette.color("border"), 1))
        painter.setBrush(self._theme.palette.color("surface"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 7, 7)
        painter.end()


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
