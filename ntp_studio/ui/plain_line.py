"""One line of plain text drawn as a whole, so that letters join and right-to-left words stand in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QTextCharFormat, QTextLayout, QTextOption

from ntp_studio.ui.token_layout import Fragment

Look = Callable[[int], tuple[QColor, bool]]  # of an entry: its ink, and whether it is italic


class PlainLine:
    """The runs of text of one line, between its chips. `spans` are (x, width) of every fragment as drawn."""

    def __init__(self, fragments: Sequence[Fragment], font: QFont, look_of: Look) -> None:
        self.spans: list[tuple[float, float]] = []
        self._runs: list[tuple[float, QTextLayout]] = []
        shift = 0.0
        start = 0
        while start < len(fragments):
            if fragments[start].chip:
                self.spans.append((fragments[start].x + shift, fragments[start].width))
                start += 1
                continue
            stop = start
            while stop < len(fragments) and not fragments[stop].chip:
                stop += 1
            shift = self._add_run(fragments[start:stop], shift, font, look_of)
            start = stop

    def _add_run(self, run: Sequence[Fragment], shift: float, font: QFont, look_of: Look) -> float:
        text = "".join(fragment.text for fragment in run)
        layout = QTextLayout(text, font)
        option = QTextOption(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute)
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        layout.setTextOption(option)
        formats, offsets, position = [], [], 0
        for fragment in run:
            length = len(fragment.text.encode("utf-16-le")) // 2
            piece = QTextLayout.FormatRange()
            piece.start, piece.length = position, length
            look = QTextCharFormat()
            ink, italic = look_of(fragment.entry)
            look.setForeground(ink)
            look.setFontItalic(italic)
            piece.format = look
            formats.append(piece)
            offsets.append((position, position + length))
            position += length
        layout.setFormats(formats)
        layout.beginLayout()
        line = layout.createLine()
        if line.isValid():
            line.setLineWidth(1e6)
            line.setPosition(QPointF(0, 0))
        layout.endLayout()
        left = run[0].x + shift
        end = left
        for fragment, (first, last) in zip(run, offsets, strict=True):
            if line.isValid() and last > first:
                a, b = self._x(line, first), self._x(line, last)
            else:
                a = b = end - left
            width = abs(b - a) or (fragment.width if fragment.newline else 0.0)
            self.spans.append((left + min(a, b), width))
            end = max(end, left + max(a, b))
        self._runs.append((left, layout))
        return end - (run[-1].x + run[-1].width if not run[-1].newline else end)

    @staticmethod
    def _x(line: object, position: int) -> float:
        x = line.cursorToX(position)  # type: ignore[attr-defined]
        return float(x[0] if isinstance(x, tuple) else x)

    def paint(self, painter: QPainter, x: float, y: float) -> None:
        for left, layout in self._runs:
            layout.draw(painter, QPointF(x + left, y))
