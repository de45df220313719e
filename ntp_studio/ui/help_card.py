"""The card that explains a stage: what it does, its numbers with their names on the command line, and its origin."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QSplitter, QVBoxLayout, QWidget

from ntp_studio.core.decoding.stages import Parameter, Stage, Texts
from ntp_studio.ui.card_parts import CloseMark
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.role_names import role_name
from ntp_studio.ui.style import px
from ntp_studio.ui.text_escapes import shown
from ntp_studio.ui.theme import Theme

WIDTH = 350  # at the usual text size
GAP = 6


class HelpCard(QFrame):
    """A popup: Esc, the cross or a click elsewhere closes it. ↑ ↓ and Page Up/Down scroll it.

    It does not delete itself then: the click that closes it may still be under way.
    """

    def __init__(self, theme: Theme, stage: type[Stage], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._home = parent
        self.setObjectName("help_card")
        self.setProperty("field", True)
        self.setAccessibleName(self.tr("About {0}").format(stage.label))
        self.setAccessibleDescription(stage.summary)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        title = _label(stage.label, "title")
        close = CloseMark(theme)
        close.setAccessibleName(self.tr("Close"))
        close.clicked.connect(self.close)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(title, 1)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        inside = QWidget()
        inside.setProperty("transparent", True)
        body = QVBoxLayout(inside)
        body.setContentsMargins(0, 0, px(10), 0)
        body.setSpacing(px(9))
        body.addWidget(_label(role_name(stage.role), "caption"))
        body.addWidget(_label(stage.summary, ""))
        parts: list[Parameter | Texts] = [*stage.parameters, *stage.texts]
        for part in parts:
            body.addWidget(self._line())
            body.addLayout(self._describe(part))
        if stage.origin:
            body.addWidget(self._line())
            body.addLayout(self._pairs([(self.tr("from"), stage.origin, False)]))
        body.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)
        self._head, self._inside = head, body
        layout = QVBoxLayout(self)
        self._around = QMargins(px(14), px(12), px(6), px(12))
        layout.setContentsMargins(self._around)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._scroll)
        theme.changed.connect(self.close)

    def _line(self) -> QFrame:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Plain)
        line.setFixedHeight(1)
        line.setForegroundRole(self.palette().ColorRole.Mid)
        return line

    def _describe(self, part: Parameter | Texts) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(_label(part.label, "strong"))
        option = self.tr("option")
        if isinstance(part, Texts):
            default = "  ".join(shown(text) for text in part.default)
            pairs = [(self.tr("write"), part.hint, False), (self.tr("default"), default or self.tr("none"), False)]
            example = "[…]"
        elif part.flag:
            pairs = [(self.tr("default"), self.tr("on") if part.default else self.tr("off"), False)]
            example = "0" if part.default else "1"
            option = self.tr("switch off") if part.default else self.tr("switch on")
        else:
            pairs = []
            if part.usual is not None:
                usual = self.tr("{0} to {1}").format(*(f"{value:g}" for value in part.usual))
                pairs.append((self.tr("usual"), usual, False))
            if part.off is not None:
                pairs.append((self.tr("off at"), f"{part.off:g}", False))
            example = f"{part.default:g}"
        pairs.append((option, f"--set {part.name}={example}", True))
        column.addLayout(self._pairs(pairs))
        return column

    def _pairs(self, pairs: list[tuple[str, str, bool]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        grid.setColumnMinimumWidth(0, px(60))
        grid.setColumnStretch(1, 1)
        for row, (caption, text, code) in enumerate(pairs):
            words = _label(text, "")
            if code:
                words.setFont(mono_like(self.font(), 0.95))
                words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(_label(caption, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(words, row, 1)
        return grid

    def open_at(self, mark: QWidget) -> None:
        """Show at the height of this widget, inside the screen: to the right of the column that it stands in, where the
        card hides none of the controls that it explains; else beside the widget, or below it."""
        screen = mark.screen() or QGuiApplication.primaryScreen()
        room = screen.availableGeometry()
        self.resize(self._wanted(room.height() - 16))
        column = _column(mark)
        top = mark.mapToGlobal(QPoint(0, -GAP)).y()
        for x in (column.mapToGlobal(QPoint(column.width(), 0)).x(), mark.mapToGlobal(QPoint(mark.width(), 0)).x()):
            place = QPoint(x + GAP, top)
            if place.x() + self.width() <= room.right() - 4:
                break
        else:
            place = mark.mapToGlobal(QPoint(0, mark.height() + GAP)) - QPoint(self.width() - mark.width(), 0)
        x = min(max(place.x(), room.left() + 4), room.right() - self.width() - 4)
        y = min(max(place.y(), room.top() + 4), room.bottom() - self.height() - 4)
        self.move(x, y)
        self.show()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def _wanted(self, most: int) -> QSize:
        width = px(WIDTH)
        self.ensurePolished()
        for label in self.findChildren(QLabel):
            label.ensurePolished()
        margins = self.contentsMargins()
        around = self._around
        across = width - around.left() - around.right() - margins.left() - margins.right()
        height = self._inside.totalHeightForWidth(across) + self._head.sizeHint().height()
        height += around.top() + around.bottom() + margins.top() + margins.bottom() + 6
        return QSize(width, min(height, most))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self._scroll.verticalScrollBar()
        steps = {
            Qt.Key.Key_Down: bar.singleStep(),
            Qt.Key.Key_Up: -bar.singleStep(),
            Qt.Key.Key_PageDown: bar.pageStep(),
            Qt.Key.Key_PageUp: -bar.pageStep(),
        }
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            self._home.window().activateWindow()  # some systems make a popup the active window
        elif event.key() in steps:
            bar.setValue(bar.value() + steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)


def _column(widget: QWidget) -> QWidget:
    """The column of the window that this widget stands in; without columns, its window."""
    while not widget.isWindow() and not isinstance(widget.parentWidget(), QSplitter):
        widget = widget.parentWidget()
    return widget


def _label(text: str, role: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setText(text)
    if role:
        label.setProperty("role", role)
    return label
