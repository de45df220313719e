"""The small words under a column's name: whether it leads, with whom it shares, what it waits for, how it ended.

They come and go at every step, so one widget paints them all and nothing is laid out anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.compare_messages import ColumnPlace, ColumnState
from ntp_studio.core.types import StopReason
from ntp_studio.ui.candidate_text import number
from ntp_studio.ui.column_colors import column_color
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

GAP = 5.0
SMALL = 0.87


@dataclass(frozen=True, slots=True)
class Tag:
    """`text`, `short` where there is little room, and the whole of it in a sentence."""

    text: str
    short: str
    sentence: str
    leads: bool = False


def _tr(text: str) -> str:
    return QCoreApplication.translate("ColumnTags", text)


def _ends(reason: StopReason) -> Tag | None:
    words: dict[str, tuple[str, str, str]] = {
        "eos": (
            _tr("ended its text"),
            _tr("ended"),
            _tr("This model ended its text here: it chose the token that stands for the end."),
        ),
        "stop": (_tr("stop text reached"), _tr("stop text"), _tr("A stop text of its decoding was reached.")),
        "context": (
            _tr("context full"),
            _tr("full"),
            _tr("The text is as long as this model's context: it cannot take another token."),
        ),
        "error": (_tr("broke off"), _tr("broke off"), _tr("This column broke off with an error.")),
    }
    return Tag(*words[reason]) if reason in words else None


def _counted(count: int, one: str, many: str) -> str:
    return one if count == 1 else many.format(number(count))


def place_tags(place: ColumnPlace) -> list[Tag]:
    """What this column waits for at the place on view, and how it ended."""
    tags = []
    end = None if place.stopped is None else _ends(place.stopped)
    if end is not None:
        tags.append(end)
    if place.waiting:
        count = len(place.waiting)
        tags.append(
            Tag(
                _counted(count, _tr("waits for 1 byte"), _tr("waits for {0} bytes")),
                _counted(count, _tr("waits 1 B"), _tr("waits {0} B")),
                _tr("Its tokens do not end where the leading column's do: so many bytes of the text wait to be taken."),
            )
        )
    if place.loose:
        tags.append(
            Tag(
                _counted(
                    place.loose,
                    _tr("last token may still be cut anew"),
                    _tr("last {0} tokens may still be cut anew"),
                ),
                _counted(place.loose, _tr("1 loose"), _tr("{0} loose")),
                _tr("With what follows, its tokenizer may cut the end of the text into other tokens."),
            )
        )
    return tags


def state_tags(state: ColumnState, leads: bool) -> list[Tag]:
    """What holds of this column at every place."""
    tags = []
    if leads:
        tags.append(
            Tag(_tr("leads"), _tr("leads"), _tr("This column chooses the text; the others are taken along it."), True)
        )
    if not state.alike:
        tags.append(
            Tag(
                _tr("other vocabulary"),
                _tr("other vocab."),
                _tr("Its vocabulary is not the leading column's: texts are aligned on bytes."),
            )
        )
    if state.shared:
        tags.append(
            Tag(
                _tr("weights shared with {0}").format(state.shared),
                _tr("shares {0}").format(state.shared),
                _tr("The weights are in memory once, for this column and {0}.").format(state.shared),
            )
        )
    return tags


def reading_tag(done: int, total: int) -> Tag:
    words = _tr("reading {0} of {1} tokens").format(number(done), number(total))
    return Tag(words, _tr("reading {0} / {1}").format(number(done), number(total)), words)


class ColumnTags(QWidget):
    """Long words where all of them fit, else short ones; what has no room even so is counted (`+2`) and in the tip."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column_tags")
        self._theme = theme
        self._tags: tuple[Tag, ...] = ()
        self._place = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def tags(self) -> tuple[Tag, ...]:
        return self._tags

    def show_tags(self, tags: Sequence[Tag], place: int) -> None:
        """`place` is the column's in the row, whose colour marks the one that leads."""
        if (tuple(tags), place) == (self._tags, self._place):
            return
        self._tags, self._place = tuple(tags), place
        self.setToolTip("\n".join(tag.sentence for tag in tags))
        self.setAccessibleName(", ".join(tag.text for tag in tags))
        self.setAccessibleDescription(" ".join(tag.sentence for tag in tags))
        self.update()

    def shown_texts(self) -> list[str]:
        """The words as they are painted in the room that there is."""
        return [text for text, _, _ in self._laid_out()]

    def sizeHint(self) -> QSize:
        return QSize(px(120), round(self._metrics.height()) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def _width(self, text: str) -> float:
        return self._metrics.horizontalAdvance(text) + 12

    def _laid_out(self) -> list[tuple[str, float, bool]]:
        """(text, width, whether it is "leads") from the left."""
        room = float(self.width())
        for texts in ([tag.text for tag in self._tags], [tag.short for tag in self._tags]):
            widths = [self._width(text) for text in texts]
            if sum(widths) + GAP * (len(widths) - 1) <= room:
                return [(t, w, tag.leads) for t, w, tag in zip(texts, widths, self._tags, strict=True)]
        result: list[tuple[str, float, bool]] = []
        used = 0.0
        for index, tag in enumerate(self._tags):
            left = len(self._tags) - index
            width = self._width(tag.short)
            more = self._width(f"+{left - 1}") + GAP if left > 1 else 0.0
            if used + width + more > room:
                text = f"+{left}"
                if not result:  # not even one fits: its beginning says more than a number
                    text = self._metrics.elidedText(tag.short, Qt.TextElideMode.ElideRight, max(room - 12, 0))
                result.append((text, min(self._width(text), room), False))
                break
            result.append((tag.short, width, tag.leads))
            used += width + GAP
        return result

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        palette = self._theme.palette
        x = 0.0
        for text, width, leads in self._laid_out():
            box = QRectF(x, 0, width, self.height())
            ink: QColor = column_color(palette, self._place) if leads else palette.color("muted")
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("sunken"))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(ink)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine), text)
            x += width + GAP
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        self._font = scaled(self.font(), SMALL, QFont.Weight.Medium)
        self._metrics = QFontMetricsF(self._font)
        self.updateGeometry()
        self.update()
