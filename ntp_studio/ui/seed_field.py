"""The seed in the top bar: a whole number to type, and a button that draws another one."""

from __future__ import annotations

import secrets

from PySide6.QtCore import QEvent, QRegularExpression, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QRegularExpressionValidator
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QToolButton, QWidget

from ntp_studio.ui.glyphs import paint_glyph
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape, let_go


class SeedEdit(QLineEdit):
    """Enter keeps what was typed and gives the keys back to the window, Escape restores what was there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Up to 18 digits: every one of them fits the generator's 64 bits.
        self.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{0,18}"), self))
        self.setProperty("flat", True)
        self.restyle()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._before = ""

    def restyle(self) -> None:
        """Follow the application's text size."""
        self.setFont(mono_like(QApplication.font()))

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        digits = max(len(self.text()), 3)
        return QSize(metrics.horizontalAdvance("0" * digits) + 14, metrics.height() + 6)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._before = self.text()
        self.selectAll()
        if event.reason() == Qt.FocusReason.MouseFocusReason:
            # The click that gave the focus goes on to place the cursor; typing is to replace the figure all the same.
            QTimer.singleShot(0, self, self.selectAll)

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self._before)
            let_go(self)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            let_go(self)  # which ends the editing
        else:
            super().keyPressEvent(event)


class DiceButton(QToolButton):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setFixedSize(px(24), px(24))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        place = self.rect().adjusted(px(4), px(4), -px(4), -px(4)).toRectF()
        paint_glyph(painter, "dice", place, self._theme.palette.color("muted"))


class SeedField(QFrame):
    """`chosen` with a seed that a person typed or had drawn."""

    chosen = Signal(object)  # Signal(int) would be a C int of 32 bits

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seed = 42
        self.setProperty("field", True)
        self._label = label = QLabel(self.tr("Seed"))
        self.edit = SeedEdit()
        self.edit.setAccessibleName(self.tr("Seed of the random draws"))
        self.edit.setToolTip(self.tr("Seed: the same one gives the same text"))
        self.edit.setText("42")
        self.edit.textChanged.connect(self._resized)
        self.edit.editingFinished.connect(self._edited)
        label.setBuddy(self.edit)
        self.dice = DiceButton(theme)
        self.dice.clicked.connect(self.draw_new)
        row = QHBoxLayout(self)
        theme.changed.connect(self._restyle)
        row.setContentsMargins(10, 0, 4, 0)
        row.setSpacing(3)
        for widget in (label, self.edit, self.dice):
            row.addWidget(widget)

    def seed(self) -> int:
        return self._seed

    def set_seed(self, seed: int) -> None:
        self._seed = seed
        self.edit.setText(str(seed))

    def set_label_shown(self, shown: bool) -> None:
        """Leave out the word beside the figure where there is no room; the tip says it too."""
        self._label.setVisible(shown)

    @Slot()
    def _restyle(self) -> None:
        self.edit.restyle()
        self.edit.updateGeometry()
        self.updateGeometry()

    @Slot()
    def draw_new(self) -> None:
        """Another seed than the present one, short enough to be told to a neighbour."""
        seed = secrets.randbelow(10_000)
        self.set_seed(seed if seed != self._seed else seed + 1)
        self.chosen.emit(self._seed)

    @Slot()
    def _resized(self) -> None:
        self.edit.updateGeometry()

    @Slot()
    def _edited(self) -> None:
        text = self.edit.text()
        seed = int(text) if text else self._seed
        self.edit.setText(str(seed))
        if seed != self._seed:
            self._seed = seed
            self.chosen.emit(seed)
