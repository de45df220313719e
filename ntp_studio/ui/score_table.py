"""The table of a scored text: the text stays in view at the left while the figures beside it scroll."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QGuiApplication,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.ui.score_cells import FROZEN, WIDEST
from ntp_studio.ui.score_data import Rows, ScoreData
from ntp_studio.ui.score_model import ScoreModel
from ntp_studio.ui.score_pane import Anchor, Pane, ScoreDelegate
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

SAMPLE = 60  # rows by which widths are chosen
LEAST_ROWS = 3
MOST_COPIED = 20_000
NUMBER, BYTE, TEXT = range(FROZEN)


class ScoreTable(QFrame):
    """`place` in the signals and methods is a row of the text, from 0, wherever it stands in the table."""

    row_chosen = Signal(int)
    copied = Signal(int, bool)  # how many rows, and whether that is all that were selected
    arranged = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_table")
        self._theme = theme
        self.model = ScoreModel(self)
        self._delegate = ScoreDelegate(theme, self.model, self)
        self._anchor = Anchor()
        self.left = Pane(theme, self.model, self._delegate, self._anchor, self)
        self.right = Pane(theme, self.model, self._delegate, self._anchor, self)
        self.left.setObjectName("score_texts")
        self.left.setAccessibleName(self.tr("The scored text, a row for each token or stretch"))
        self.right.setObjectName("score_figures")
        self.right.setAccessibleName(self.tr("Figures of the scored text, a row for each token or stretch"))
        self.left.setSelectionModel(self.right.selectionModel())
        self.left.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.left.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.right.verticalScrollBar().valueChanged.connect(self.left.verticalScrollBar().setValue)
        self.left.verticalScrollBar().valueChanged.connect(self.right.verticalScrollBar().setValue)
        self.right.horizontalScrollBar().rangeChanged.connect(self._even_out)
        for pane in (self.left, self.right):
            pane.sort_requested.connect(self.sort_by)
            pane.copy_requested.connect(self.copy)
        self.left.header.sectionResized.connect(self._text_resized)
        self.right.header.sectionResized.connect(self._figure_resized)
        self._fitting, self._own_width, self._widest_text = False, 0, 0
        self._base: dict[int, int] = {}  # the widths that the contents need
        self._dragged = False  # a person has set a figure's width
        self._below = QWidget(self)  # as high as the bar below the other half
        self._below.hide()
        self._line = QFrame(self)
        self._line.setFixedWidth(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self.left, 1)
        texts.addWidget(self._below)
        row.addLayout(texts)
        row.addWidget(self._line)
        row.addWidget(self.right, 1)
        self.right.selectionModel().currentRowChanged.connect(self._current_changed)
        self.model.arranged.connect(self._rearranged)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what it is told -----------------------------------------------------------------------------------------------

    def show_data(self, data: ScoreData) -> None:
        self.model.show_data(data)
        self._own_width = 0
        self._fit()
        self.right.horizontalScrollBar().setValue(0)
        self.right.verticalScrollBar().setValue(0)

    def show_rows(self, rows: Rows) -> None:
        """Only these of the text; the current one stays current where it is among them."""
        row = self.current_row()
        self.model.show_rows(rows)
        self._restore(row)

    def show_surprisal(self, surprisal: bool) -> None:
        row = self.current_row()
        self.model.show_surprisal(surprisal)
        self._fit()
        self._restore(row)

    @Slot(int)
    def sort_by(self, section: int) -> None:
        row = self.current_row()
        column = self.right.currentIndex().column()
        self.model.sort_by(section)
        self._restore(row, column)

    def _restore(self, row: int, column: int = FROZEN) -> None:
        if self.model.place_of(row) >= 0:
            self.choose(row, max(column, 0))

    # -- the current row -----------------------------------------------------------------------------------------------

    def current_row(self) -> int:
        return self.model.row_at(self.right.currentIndex().row())

    def choose(self, row: int, column: int = -1) -> bool:
        """Select this row of the text and bring it into view; False where it is not among those shown."""
        place = self.model.place_of(row)
        if place < 0:
            return False
        if column < 0:
            column = max(self.right.currentIndex().column(), NUMBER)
        index = self.model.index(place, min(column, len(self.model.fields) - 1))
        both = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        across = self.right.horizontalScrollBar().value()
        number = self.model.index(place, NUMBER)
        rect = self.left.visualRect(number)
        near = rect.isValid() and rect.top() >= 0 and rect.bottom() < self.left.viewport().height()
        self.right.selectionModel().setCurrentIndex(index, both)
        if not near:  # with what is around it
            self.left.scrollTo(number, QAbstractItemView.ScrollHint.PositionAtCenter)
        self.right.horizontalScrollBar().setValue(across)
        return True

    @Slot(QModelIndex, QModelIndex)
    def _current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        if not self._anchor.held:
            self._anchor.row = current.row()
        if current.isValid():
            self.row_chosen.emit(self.model.row_at(current.row()))

    def selected_places(self) -> list[int]:
        """Where the selected rows stand, from the top; by ranges, since there may be very many."""
        found: set[int] = set()
        for part in self.right.selectionModel().selection():
            found.update(range(part.top(), part.bottom() + 1))
        return sorted(found)

    @Slot()
    def copy(self) -> None:
        places = self.selected_places()
        if places:
            most = places[:MOST_COPIED]
            QGuiApplication.clipboard().setText(self.model.tsv(most))
            self.copied.emit(len(most), len(most) == len(places))

    @Slot()
    def _rearranged(self) -> None:
        names = tuple(column.name for column in self.model.data_.scored.columns)
        for pane in (self.left, self.right):
            pane.header.show_fields(self.model.fields, names)
            pane.header.show_sorted(*self.model.sorting)
        self._fitting = True  # hiding is told as a resize
        for section in range(len(self.model.fields)):
            self.left.setColumnHidden(section, section >= FROZEN)
            self.right.setColumnHidden(section, section < FROZEN)
        self._fitting = False
        self.arranged.emit()

    # -- widths --------------------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        """Widths for what a sample of the rows holds; a person may drag them."""
        model, metrics = self.model, self._delegate.metrics
        if not model.data_.count:
            return
        sample = np.unique(np.linspace(0, model.data_.count - 1, SAMPLE).astype(int)).tolist()
        places = [place for place in (model.place_of(row) for row in sample) if place >= 0]
        self._fitting = True
        widest = 0
        for section in range(len(model.fields)):
            kind = model.fields[section].kind
            texts = {WIDEST.get(kind, "")}
            if kind in ("number", "byte", "text", "rank"):
                texts |= {model.look(place, section).text for place in places}
            width = max(metrics.horizontalAdvance(text) for text in texts) + px(18)
            width = max(width, self.right.header.needed(section))
            if section == TEXT:
                widest = width
                width = min(max(width, px(110)), px(190))
            self._base[section] = width
            if section < FROZEN:
                self.left.setColumnWidth(section, width)
        self._widest_text = max(widest, px(110))
        self._fitting = self._dragged = False
        self._place_text()

    def _place_text(self) -> None:
        """What the figures leave free goes to the text, and a part of it to the space between figures."""
        columns = range(FROZEN, len(self.model.fields))
        if not self.model.data_.count or not columns:
            return
        others = self.left.columnWidth(NUMBER) + self.left.columnWidth(BYTE)
        room = self.width() - others - self.right.verticalScrollBar().sizeHint().width() - 5  # borders
        least = min(self._widest_text, px(150))
        self._fitting = True
        if not self._dragged:
            base = [self._base[column] for column in columns]
            spare = max(room - sum(base) - least, 0) // 2
            for column, width in zip(columns, base, strict=True):
                self.right.setColumnWidth(column, width + min(spare // len(base), width))
        most = max(self.width() // 2 - others, px(90))  # where the figures do not fit
        width = max(room - sum(map(self.right.columnWidth, columns)), min(self._own_width or least, most))
        if self._own_width:
            width = min(self._own_width, max(width, most))
        self.left.setColumnWidth(TEXT, width)
        self._fitting = False
        self.left.setFixedWidth(others + width)

    @Slot(int, int, int)
    def _text_resized(self, section: int, old: int, new: int) -> None:
        if self._fitting:
            return
        if section == TEXT:
            self._own_width = new
        self._place_text()

    @Slot(int, int, int)
    def _figure_resized(self, section: int, old: int, new: int) -> None:
        if not self._fitting:
            self._dragged = True

    @Slot()
    def _even_out(self) -> None:
        """Both halves are as high: the left one has no bar below it."""
        bar = self.right.horizontalScrollBar()
        below = bar.sizeHint().height() if bar.maximum() > 0 else 0
        self._below.setFixedHeight(below)
        self._below.setVisible(below > 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_text()

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._delegate.restyle(self._theme, self.font())
        row = self._delegate.metrics.height() + px(7)
        self.setStyleSheet(
            f"#score_table {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 4px; }}"
            f"QTableView {{ background: {p.surface}; border: none; }}"
            f"QHeaderView {{ background: {p.surface}; border: none; }}"
            f"QAbstractScrollArea::corner {{ background: {p.surface}; border: none; }}"
        )
        self._line.setStyleSheet(f"background: {p.border};")
        for pane in (self.left, self.right):
            pane.verticalHeader().setMinimumSectionSize(row)
            pane.verticalHeader().setDefaultSectionSize(row)
            pane.viewport().update()
        self.setMinimumHeight(self.right.header.sizeHint().height() + LEAST_ROWS * row + px(12))
        self._fit()
