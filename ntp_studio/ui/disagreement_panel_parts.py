"""Parts of the compare page's right column: segmented choices that fit, and lines of figures that ask for no layout."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.theme import Theme

PADDING = 22  # left and right of a segment's text together
TIGHT_PADDING = 8
Look = Literal["muted", "text", "mono"]
Form = Sequence[tuple[str, Look]]


def wrapped_tip(words: str) -> str:
    """A tool tip of sentences as high and wide as reads well: Qt breaks the lines of rich text only. Words are data."""
    return f"<qt>{html.escape(words, quote=False).replace(chr(10), '<br>')}</qt>" if words else ""


def heading(text: str, parent: QWidget, tip: str = "") -> QLabel:
    label = plain_label(text, parent)
    label.setToolTip(wrapped_tip(tip))
    label.setAccessibleDescription(tip)
    label.setProperty("role", "heading")
    return label


class Segments(QFrame):
    """One of a few, side by side: `chosen` with its value when a person picks one. Each has a long and a short name;
    the short ones are for a narrow column. The chosen one is bold, and every one has room for that, so none moves."""

    chosen = Signal(str)

    def __init__(self, name: str, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("segmented", True)
        self.setAccessibleName(accessible)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(1, 1, 1, 1)
        self._row.setSpacing(0)
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._clicked)
        self._choices: tuple[tuple[str, str, str, str], ...] = ()
        self._buttons: dict[str, QToolButton] = {}
        self._tight: bool | None = None
        self._fitting = False

    def set_choices(self, choices: Sequence[tuple[str, str, str, str]]) -> None:
        """(value, long name, short name, what it means); nothing happens where they are the same as before."""
        if tuple(choices) == self._choices:
            return
        kept = self.value
        self._choices = tuple(choices)
        for button in self._buttons.values():
            self._group.removeButton(button)
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = {}
        for value, long, _, tip in choices:
            button = QToolButton(self)
            button.setObjectName(f"{self.objectName()}_{value.replace(' ', '_')}")
            button.setProperty("segment", True)
            button.setProperty("value", value)
            button.setCheckable(True)
            button.setToolTip(wrapped_tip(tip))
            button.setAccessibleName(long)
            button.setAccessibleDescription(tip)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            self._group.addButton(button)
            self._buttons[value] = button
            self._row.addWidget(button)
        if kept in self._buttons:
            self._buttons[kept].setChecked(True)
        self.fit()

    @property
    def value(self) -> str:
        return next((value for value, button in self._buttons.items() if button.isChecked()), "")

    def choose(self, value: str) -> None:
        """Show this one as chosen; a person did not choose it, so nothing is emitted."""
        if value in self._buttons and not self._buttons[value].isChecked():
            self._buttons[value].setChecked(True)

    def button(self, value: str) -> QToolButton:
        return self._buttons[value]

    # -- widths --------------------------------------------------------------------------------------------------------

    def _widths(self, form: int, padding: int) -> list[int]:
        widths = []
        for choice in self._choices:
            button = self._buttons[choice[0]]
            button.ensurePolished()
            bold = QFont(button.font())
            bold.setBold(True)
            widths.append(round(QFontMetricsF(bold).horizontalAdvance(choice[form]) + 0.5) + padding)
        return widths

    def fit(self) -> None:
        """Long names, long names close together, short names close together: the first that there is room for."""
        parent = self.parentWidget()
        if self._fitting or not self._choices or parent is None:
            return
        self._fitting = True
        room = parent.contentsRect().width() - 4
        for form, padding in ((1, PADDING), (1, TIGHT_PADDING), (2, TIGHT_PADDING)):
            widths = self._widths(form, padding)
            if sum(widths) <= room:
                break
        tight = padding == TIGHT_PADDING
        if tight != self._tight:
            self._tight = tight
            # The application's style sheet gives segments more room at their sides than there is here.
            self.setStyleSheet(f'QToolButton[segment="true"] {{ padding: 2px {2 if tight else 8}px; }}')
        for choice, width in zip(self._choices, widths, strict=True):
            button = self._buttons[choice[0]]
            button.setText(choice[form])
            button.setMinimumWidth(width if sum(widths) <= room else 0)
        self._fitting = False

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.fit()

    @Slot(QObject)
    def _clicked(self, button: QObject) -> None:
        self.chosen.emit(str(button.property("value")))


class FigureLine(QWidget):
    """A line of words and figures that changes often: a new text repaints it and moves nothing.

    It is told in several forms, the longest first, and shows the first that there is room for; of the last one the
    token gives way (`mono`), or else its end."""

    def __init__(self, theme: Theme, name: str, factor: float = 0.92, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._theme, self._factor = theme, factor
        self._forms: tuple[Form, ...] = ()
        self._right = False
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)
        self._restyle()

    def align_right(self) -> None:
        self._right = True

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(text for text, _ in self._forms[0]) if self._forms else ""

    def show_forms(self, *forms: Form) -> None:
        if forms != self._forms:
            self._forms = forms
            self.setAccessibleName(self.text)
            self.update()

    def show_text(self, *texts: str) -> None:
        """One text in several lengths, in muted ink."""
        self.show_forms(*(((text, "muted"),) for text in texts))

    def shown_form(self) -> Form:
        """The form that fits."""
        for form in self._forms:
            if sum(self._width(part) for part in form) <= self.width():
                return form
        return self._forms[-1] if self._forms else ()

    def _width(self, part: tuple[str, Look]) -> float:
        return self._metrics[part[1]].horizontalAdvance(part[0])

    def sizeHint(self) -> QSize:
        return QSize(120, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self._height)

    def paintEvent(self, event: QPaintEvent) -> None:
        form = self.shown_form()
        if not form:
            return
        painter = QPainter(self)
        over = sum(self._width(part) for part in form) - self.width()
        yielding = next((i for i, part in enumerate(form) if part[1] == "mono"), len(form) - 1)
        x = max(-over, 0.0) if self._right else 0.0
        for index, (text, look) in enumerate(form):
            metrics = self._metrics[look]
            width = metrics.horizontalAdvance(text)
            if over > 0 and index == yielding:
                width = max(width - over, 0.0)
                text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
            painter.setFont(self._fonts[look])
            painter.setPen(self._theme.palette.color("muted" if look == "muted" else "text"))
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
            painter.drawText(QRectF(x, 0, width + 4, self.height()), int(flags), text)
            x += width
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        font = self.font()
        self._fonts = {
            "muted": scaled(font, self._factor),
            "text": scaled(font, self._factor),
            "mono": mono_like(font, self._factor, QFont.Weight.Bold),
        }
        self._metrics = {look: QFontMetricsF(made) for look, made in self._fonts.items()}
        self._height = round(max(m.height() for m in self._metrics.values())) + 3
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_height"):
            self._restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update()


class LinkButton(QToolButton):
    """Text to press that ends where its letters end, so that it stands in line with what is over and under it."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "link")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        self.ensurePolished()
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 5, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class Section(QWidget):
    """A part of the column: as high as it asks to be, or lower. Its segmented choices learn how much room there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def set_spacing(self, pixels: int) -> None:
        """Between its parts."""
        layout = self.layout()
        if layout is not None and layout.spacing() != pixels:
            layout.setSpacing(pixels)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for segments in self.findChildren(Segments):
            segments.fit()
