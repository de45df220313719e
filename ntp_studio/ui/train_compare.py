"""The result of a training beside the model before its first update: held-out figures and the prompt's next token."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ntp_studio import training_messages as t
from ntp_studio.ui.panel_labels import ElidedLabel, mono_like
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_bars import PromptBars
from ntp_studio.ui.train_fields import label


class Comparison(QFrame):
    """A table of figures over two charts of the same prompt."""

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train_comparison")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("The model before and after the training"))
        back = QPushButton(self.tr("Back to the curves"), self)
        back.setObjectName("comparison_back")
        back.setProperty("role", "link")
        back.clicked.connect(self.closed)
        self._over = label("", "caption", self)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(label(self.tr("BEFORE AND AFTER"), "heading", self))
        head.addWidget(self._over, 1)
        head.addWidget(back)
        self._cells: dict[tuple[int, int], str] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(28)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(4, 1)
        self._prompt = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self.before = PromptBars(theme, self.tr("before"), "", self)
        self.after = PromptBars(theme, self.tr("after"), self.tr("before"), self)
        columns = QHBoxLayout()
        columns.setSpacing(24)
        for title, bars in ((self.tr("Before the first step"), self.before), (self.tr("After training"), self.after)):
            side = QVBoxLayout()
            side.setSpacing(4)
            side.addWidget(label(title, "strong", self))
            side.addWidget(bars, 1)
            columns.addLayout(side, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addLayout(self._grid)
        column.addSpacing(4)
        column.addWidget(self._prompt)
        column.addLayout(columns, 1)

    @Slot(bool)
    def set_log(self, log: bool) -> None:
        for bars in (self.before, self.after):
            bars.set_log(log)

    def show_comparison(self, compared: t.BaseCompared) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            cell = item.widget() if item is not None else None
            if cell is not None:
                cell.deleteLater()
        self._cells.clear()
        base, result = compared.base, compared.result
        if base is None or result is None:
            self._over.setText(self.tr("Nothing was held out, so there is nothing to measure on."))
        else:
            self._over.setText(self.tr("over all {0} held-out tokens").format(f"{result.tokens:,}"))
            self._fill(base, result, compared.step)
        self._prompt.setText(self.tr("What comes after “{0}”").format(compared.prompt))
        self.before.show_frame(compared.base_frame)
        self.after.show_frame(compared.result_frame, compared.base_probabilities)

    def _fill(self, base: t.Figures, result: t.Figures, step: int) -> None:
        titles = ("", self.tr("before"), self.tr("after {0} steps").format(f"{step:,}"), self.tr("change"))
        for place, title in enumerate(titles):
            self._put(0, place, title, "caption")
        rows = (
            (self.tr("loss, nats per token"), base.loss, result.loss, 4),
            (self.tr("perplexity"), base.perplexity, result.perplexity, 2),
            (self.tr("bits per byte"), base.bits_per_byte, result.bits_per_byte, 4),
        )
        for line, (name, before, after, decimals) in enumerate(rows, 1):
            self._put(line, 0, name, "muted")
            self._put(line, 1, f"{before:,.{decimals}f}")
            self._put(line, 2, f"{after:,.{decimals}f}", "strong")
            share = (after - before) / before if before else 0.0
            self._put(line, 3, f"{share:+.1%}".replace("-", "−"), "muted")

    def _put(self, line: int, place: int, text: str, role: str = "") -> None:
        cell = label(text, role, self)
        if place:
            cell.setAlignment(Qt.AlignmentFlag.AlignRight)
            if line:
                cell.setFont(mono_like(self.font()))
        self._grid.addWidget(cell, line, place)
        self._cells[line, place] = text

    def table(self) -> list[list[str]]:
        """The figures as they stand there, row by row; for tests and copying."""
        lines = sorted({line for line, _ in self._cells})
        return [[text for (row, _), text in sorted(self._cells.items()) if row == line] for line in lines]
