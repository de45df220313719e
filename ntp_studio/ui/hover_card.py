"""The card beside a bar that explains it. Plain text only: a tool tip of Qt's would read token text as markup."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from ntp_studio.ui.candidate_text import Explanation
from ntp_studio.ui.panel_labels import mono_like, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

GAP = 14
MAX_WIDTH = 420  # at the usual text size
CAPTIONS = 110  # of which for the captions beside the lines


def plain_label(text: str = "", parent: QWidget | None = None) -> QLabel:
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    return label


class HoverCard(QFrame):
    """Floats over the window of `owner`, follows the pointer, and never takes the mouse or the focus."""

    def __init__(self, theme: Theme, owner: QWidget) -> None:
        super().__init__(owner.window())
        self.setObjectName("hover_card")
        self._theme = theme
        self._owner = owner
        self._shown: Explanation | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._title = plain_label()
        self._subtitle = plain_label()
        self._hint = plain_label()
        self._title.setMaximumWidth(px(MAX_WIDTH))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(4)
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        for part in (self._title, self._subtitle):
            layout.addWidget(part)
        layout.addLayout(self._grid)
        layout.addWidget(self._hint)
        self._cells: list[tuple[QLabel, QLabel]] = []
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()
        owner.installEventFilter(self)  # it is the window's child, so that it would outlast the owner's page

    @property
    def explanation(self) -> Explanation | None:
        """What is on show, None while hidden."""
        return None if self.isHidden() else self._shown

    def show_at(self, explanation: Explanation, anchor: QPoint, beside: bool = False) -> None:
        """Show under `anchor` (global coordinates), on the side where there is room. `beside` puts it to the left of
        `owner` instead, where it hides none of the rows that it is about, if the window is wide enough."""
        if not self._owner.isVisible():
            return
        window = self._owner.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        if explanation != self._shown:
            self._fill(explanation)
        self.adjustSize()
        place = self._place(window.mapFromGlobal(anchor), self.size(), window.size())
        left = self._owner.mapTo(window, QPoint(0, 0)).x() - GAP - self.width() if self._owner is not window else -1
        if beside and left >= 4:
            y = window.mapFromGlobal(anchor).y() - self.height() // 3
            place = QPoint(left, min(max(y, 4), max(window.height() - self.height() - 4, 4)))
        self.move(place)
        self.raise_()
        self.show()

    def dismiss(self) -> None:
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Hide:
            self.hide()
        return False

    @staticmethod
    def _place(anchor: QPoint, card: QSize, window: QSize) -> QPoint:
        x = anchor.x() + GAP
        if x + card.width() > window.width() - 4:
            x = anchor.x() - GAP - card.width()
        y = anchor.y() + GAP
        if y + card.height() > window.height() - 4:
            y = anchor.y() - GAP - card.height()
        return QPoint(
            min(max(x, 4), max(window.width() - card.width() - 4, 4)),
            min(max(y, 4), max(window.height() - card.height() - 4, 4)),
        )

    def _fill(self, explanation: Explanation) -> None:
        self._shown = explanation
        metrics = self._title.fontMetrics()
        self._title.setText(metrics.elidedText(explanation.title, Qt.TextElideMode.ElideMiddle, px(MAX_WIDTH)))
        self._subtitle.setText(explanation.subtitle)
        self._hint.setText(explanation.hint)
        self._hint.setVisible(bool(explanation.hint))
        while len(self._cells) < len(explanation.lines):
            pair = plain_label(parent=self), plain_label(parent=self)
            for column, label in enumerate(pair):
                self._grid.addWidget(label, len(self._cells), column, Qt.AlignmentFlag.AlignTop)
            self._cells.append(pair)
            self._style_cell(pair)
        for index, (caption, text) in enumerate(self._cells):
            used = index < len(explanation.lines)
            caption.setVisible(used)
            text.setVisible(used)
            if used:
                caption.setText(explanation.lines[index][0])
                words = explanation.lines[index][1]
                # A reason may be a sentence; arithmetic is short and stays on one line.
                wide = text.fontMetrics().horizontalAdvance(words) > px(MAX_WIDTH - CAPTIONS)
                text.setWordWrap(wide)
                text.setFixedWidth(px(MAX_WIDTH - CAPTIONS)) if wide else text.setMinimumWidth(0)
                if not wide:
                    text.setMaximumWidth(px(MAX_WIDTH))
                text.setText(words)

    def _style_cell(self, pair: tuple[QLabel, QLabel]) -> None:
        caption, text = pair
        caption.setFont(scaled(self.font(), 0.92))
        text.setFont(mono_like(self.font(), 0.95))
        caption.setStyleSheet(f"color: {self._theme.palette.muted}; background: transparent")
        text.setStyleSheet(f"color: {self._theme.palette.text}; background: transparent")

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._title.setFont(mono_like(self.font(), 1.08, QFont.Weight.Bold))
        self._subtitle.setFont(scaled(self.font(), 0.92))
        self._hint.setFont(scaled(self.font(), 0.92))
        self._title.setStyleSheet(f"color: {p.text}; background: transparent")
        self._subtitle.setStyleSheet(f"color: {p.muted}; background: transparent")
        self._hint.setStyleSheet(f"color: {p.link}; background: transparent")
        for pair in self._cells:
            self._style_cell(pair)
        self._title.setMaximumWidth(px(MAX_WIDTH))
        self._shown = None  # widths depend on the fonts
        self.hide()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = self._theme.palette
        painter.setPen(QPen(p.color("faint"), 1.0))
        painter.setBrush(QColor(p.surface))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 7, 7)
        painter.end()
