"""Lines of words on a card: they wrap where they may, end in an ellipsis where they must, and are never markup."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent, QTextLayout, QTextOption
from PySide6.QtGui import Qt as QtGui  # mightBeRichText is only there
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.ui.style import caption_size
from ntp_studio.ui.theme import Theme


def plain_tip(text: str) -> str:
    """A tool tip that shows this text as it stands: Qt would read `<b>` in it as markup."""
    return f"<span>{escape(text)}</span>".replace("\n", "<br>") if QtGui.mightBeRichText(text) else text


def wrapped(text: str, font: QFont, width: float, most: int) -> list[str]:
    """The text in at most so many lines of this width, the last one shortened."""
    if not text or width < 1:
        return []
    layout = QTextLayout(text.replace("\n", " "), font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    units = layout.text().encode("utf-16-le", "surrogatepass")  # in which Qt counts
    lines: list[str] = []
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        start, length = line.textStart(), line.textLength()
        rest = units[2 * start :].decode("utf-16-le", "replace")
        if len(lines) == most - 1:
            lines.append(QFontMetricsF(font).elidedText(rest, Qt.TextElideMode.ElideRight, width))
            break
        lines.append(units[2 * start : 2 * (start + length)].decode("utf-16-le", "replace").rstrip())
    layout.endLayout()
    return lines


class WordsLine(QWidget):
    """Small text in at most `most` lines, in a colour of the palette; the whole of it is its tool tip where it is
    shortened.

    `steady` keeps the height that it once had until the text is taken away, so that what stands below does not jump
    while a person goes from token to token.
    """

    def __init__(self, theme: Theme, most: int = 1, *, steady: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._most, self._steady = most, steady
        self._text, self._color = "", "muted"
        self._lines: list[str] = []
        self._rows = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()
        theme.changed.connect(self._restyle)

    @property
    def text(self) -> str:
        return self._text

    @property
    def color(self) -> str:
        """The palette's name of the colour."""
        return self._color

    @property
    def lines(self) -> tuple[str, ...]:
        """As they are shown."""
        return tuple(self._lines)

    def set_text(self, text: str, color: str = "muted") -> None:
        """Show words; without any, the line takes no room."""
        if (text, color) == (self._text, self._color):
            return
        self._text, self._color = text, color
        self.setAccessibleName(text)
        if not text:
            self._rows = 1
        self.setVisible(bool(text))
        self._break()
        self.update()

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(caption_size())
        return font

    def _break(self) -> None:
        font = self._font()
        self._lines = wrapped(self._text, font, self.width(), self._most)
        shortened = bool(self._lines) and self._lines[-1].endswith("…") and not self._text.endswith("…")
        self.setToolTip(plain_tip(self._text) if shortened else "")
        rows = max(len(self._lines), 1)
        rows = max(rows, self._rows) if self._steady and self._text else rows
        if rows != self._rows:
            self._rows = rows
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(120, round(QFontMetricsF(self._font()).height() * self._rows) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._break()

    @Slot()
    def _restyle(self) -> None:
        self._break()
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = self._font()
        painter.setFont(font)
        painter.setPen(self._theme.palette.color(self._color))
        height = QFontMetricsF(font).height()
        for row, line in enumerate(self._lines):
            room = QRectF(0, 1 + row * height, self.width(), height)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, line)
