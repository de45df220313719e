"""The small words under a column's name: whether it leads, its decoding, with whom it shares, what it waits for.

They come and go at every step, so one widget paints them all and nothing is laid out anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.compare_messages import ColumnPlace, ColumnState
from ntp_studio.core.decoding.presets import in_words
from ntp_studio.core.types import StopReason
from ntp_studio.ui.candidate_text import number
from ntp_studio.ui.column_colors import column_color
from ntp_studio.ui.panel_labels import scaled
from ntp_studio.ui.preset_menu import own_summary
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

GAP = 5.0
SMALL = 0.87


@dataclass(frozen=True, slots=True)
class Tag:
    """`text`, `short` where there is little room, and the whole of it in a sentence.

    An `elastic` one is cut at its end rather than shortened. A `passing` one comes and goes while the columns play: the
    tag that it comes with keeps `room` for it, so that no other moves."""

    text: str
    short: str
    sentence: str
    leads: bool = False
    elastic: bool = False
    passing: bool = False
    room: str = ""


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
    """How this column ended at the place on view, and what it waits for."""
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
                passing=True,
            )
        )
    return tags


def loose_words(count: int) -> str:
    """That the last tokens may still change, in a sentence; "" where they cannot."""
    return (
        _counted(
            count,
            _tr("Its last token here may still be cut into others with what follows."),
            _tr("Its last {0} tokens here may still be cut into others with what follows."),
        )
        if count
        else ""
    )


def _decoding_tag(state: ColumnState) -> list[Tag]:
    """What the column's chain does; none where it leaves the model's distribution as it is."""
    words = own_summary(state.decoding)
    if not words:
        return []
    short = words.replace("Temperature", "T")  # as in formulas
    whole = in_words(state.decoding)
    return [Tag(short, short.partition(" · ")[0], _tr("Decoding of this column: {0}").format(whole), elastic=True)]


def state_tags(state: ColumnState, leads: bool) -> list[Tag]:
    """What holds of this column at every place."""
    tags = []
    if leads:
        tags.append(
            Tag(_tr("leads"), _tr("leads"), _tr("This column chooses the text; the others are taken along it."), True)
        )
    tags += _decoding_tag(state)
    if not state.alike:
        tags.append(
            Tag(
                _tr("other tokenizer"),
                _tr("other tokens"),
                _tr(
                    "It cuts the text into other tokens than the leading column, so both are aligned on bytes: where "
                    "its token is longer it waits for the rest of it, and the last tokens may be cut anew once more of "
                    "the text is known."
                ),
                room=_tr("waits {0} B").format("8"),
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
    """Long words where all of them fit, else short ones, what is elastic cut at its end; what has no room even so is
    counted (`+2`) and in the tip. What only passes stands behind them, in the room kept for it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column_tags")
        self._theme = theme
        self._tags: tuple[Tag, ...] = ()
        self._place = 0
        self._more = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def tags(self) -> tuple[Tag, ...]:
        return self._tags

    def show_tags(self, tags: Sequence[Tag], place: int, more: str = "") -> None:
        """`place` is the column's in the row, whose colour marks the one that leads; `more` is said in the tip only,
        so that what changes at every step paints nothing."""
        same = (tuple(tags), place) == (self._tags, self._place)
        if same and more == self._more:
            return
        self._tags, self._place, self._more = tuple(tags), place, more
        sentences = [*(tag.sentence for tag in tags), *([more] if more else [])]
        self.setToolTip("\n".join(sentences))
        self.setAccessibleDescription(" ".join(sentences))
        if not same:
            self.setAccessibleName(", ".join(tag.text for tag in tags))
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
        kept = max((self._width(tag.room) + GAP for tag in self._tags if tag.room), default=0.0)
        result = self._lay([tag for tag in self._tags if not tag.passing], room - kept)
        for tag in self._tags:
            if tag.passing:
                left = room - sum(width + GAP for _, width, _ in result)
                text = tag.text if self._width(tag.text) <= left else tag.short
                text = self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(left - 12, 0))
                result.append((text, min(self._width(text), max(left, 0.0)), False))
        return result

    def _lay(self, tags: Sequence[Tag], room: float) -> list[tuple[str, float, bool]]:
        widths = [self._width(tag.text) for tag in tags]
        if sum(widths) + GAP * (len(widths) - 1) <= room:
            return [(tag.text, width, tag.leads) for tag, width in zip(tags, widths, strict=True)]
        spare = room - sum(self._width(tag.short) for tag in tags) - GAP * (len(tags) - 1)
        result: list[tuple[str, float, bool]] = []
        used = 0.0
        for index, tag in enumerate(tags):
            left = len(tags) - index
            text = tag.short
            if tag.elastic and spare > 0:
                most = self._width(text) + spare - 12
                text = self._metrics.elidedText(tag.text, Qt.TextElideMode.ElideRight, most)
                spare = 0.0
            width = self._width(text)
            more = self._width(f"+{left - 1}") + GAP if left > 1 else 0.0
            if used + width + more > room:
                text = f"+{left}"
                if not result:  # not even one fits: its beginning says more than a number
                    text = self._metrics.elidedText(tag.short, Qt.TextElideMode.ElideRight, max(room - 12, 0))
                result.append((text, min(self._width(text), max(room, 0.0)), False))
                break
            result.append((text, width, tag.leads))
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
