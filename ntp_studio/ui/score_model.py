"""The rows of a scored text as a table model: which are shown, in which order, and what their cells hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from ntp_studio.core.compared import ScoredComparison
from ntp_studio.ui.score_cells import FROZEN, NONE, Field, cell, explained, fields, full_heading, raw, tsv, why
from ntp_studio.ui.score_data import BITS, Rows, ScoreData
from ntp_studio.ui.token_figures import HOT_BITS

Index = QModelIndex | QPersistentModelIndex
# By the first click the most remarkable rows come up: what is unlikely, ranked low, or disagreed about.
DESCENDING = ("surprisal", "rank", "entropy", "extra", "kl", "js")
NOTHING_SCORED = ScoredComparison("", 0, 0, True, (), (), ())


class Look(NamedTuple):
    """How a cell is painted. `heat` is its place on the scale of colours, None for no colour."""

    text: str
    right: bool
    muted: bool
    heat: float | None
    opens: bool  # the first column of a model or a pair


class ScoreModel(QAbstractTableModel):
    """Rows are told by their place in the text, from 0 (`row_at`, `place_of`); where they stand changes."""

    arranged = Signal()  # other rows, or another order

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.data_ = ScoreData(NOTHING_SCORED)
        self.fields: tuple[Field, ...] = fields(NOTHING_SCORED, True)
        self.surprisal = True
        self.sorting: tuple[int, bool] = (0, False)  # section, descending
        self._shown: Rows = np.zeros(0, np.intp)  # in the order of the text
        self._order: Rows = self._shown
        self._places: Rows | None = None

    # -- content -------------------------------------------------------------------------------------------------------

    def show_data(self, data: ScoreData) -> None:
        """In the order of the text."""
        self.beginResetModel()
        self.data_ = data
        self.fields = fields(data.scored, self.surprisal)
        self.sorting = (0, False)
        self._shown = self._order = np.arange(data.count)
        self._places = None
        self.endResetModel()
        self.arranged.emit()

    def show_rows(self, rows: Rows) -> None:
        """Only these, given in the order of the text."""
        self._shown = rows
        self._arrange()

    def show_surprisal(self, surprisal: bool) -> None:
        """Surprisals in bits, or log-probabilities with all else in nats. The rows stay in their order, which is then
        the other way about, since a surprisal is a negative log-probability."""
        if surprisal == self.surprisal:
            return
        self.surprisal = surprisal
        section, descending = self.sorting
        if self.fields[section].kind in ("logprob", "surprisal", "delta", "extra"):
            self.sorting = (section, not descending)
        self.beginResetModel()
        self.fields = fields(self.data_.scored, surprisal)
        self.endResetModel()
        self.arranged.emit()

    def sort_by(self, section: int) -> None:
        """By this column; once more, the other way round."""
        kind = self.fields[section].kind
        again = section == self.sorting[0]
        self.sorting = (section, not self.sorting[1] if again else kind in DESCENDING)
        self._arrange()

    def _arrange(self) -> None:
        section, descending = self.sorting
        field = self.fields[section]
        self.beginResetModel()
        self._order = self.data_.sorted(self._shown, field.kind, field.place, descending)
        self._places = None
        self.endResetModel()
        self.arranged.emit()

    @property
    def shown(self) -> Rows:
        return self._shown

    def row_at(self, place: int) -> int:
        """Which row of the text stands there; -1 for none."""
        return int(self._order[place]) if 0 <= place < len(self._order) else -1

    def place_of(self, row: int) -> int:
        """Where a row of the text stands, -1 where it is not shown."""
        if self._places is None:
            self._places = np.full(self.data_.count, -1, np.intp)
            self._places[self._order] = np.arange(len(self._order))
        return int(self._places[row]) if 0 <= row < len(self._places) else -1

    def nearest(self, row: int) -> int:
        """This row of the text, or the nearest that is shown; -1 where none is."""
        if not len(self._shown):
            return -1
        at = int(np.searchsorted(self._shown, row))
        around = self._shown[max(at - 1, 0) : at + 1]
        return int(around[np.argmin(np.abs(around - row))])

    def tsv(self, places: list[int]) -> str:
        return tsv(self.data_, [self.row_at(place) for place in places], self.fields)

    # -- cells ---------------------------------------------------------------------------------------------------------

    def look(self, place: int, section: int) -> Look:
        row, field = self.row_at(place), self.fields[section]
        text = cell(self.data_, row, field)
        muted = field.kind in ("number", "byte") or text == NONE
        heat = None
        if field.kind in ("logprob", "surprisal"):
            heat = self.heat(row, field.place)
        elif field.kind == "rank":
            muted = muted or self.data_.rows[row].columns[field.place].rank is None
        opens = section > FROZEN and field.kind in ("logprob", "surprisal", "delta", "extra")
        return Look(text, field.kind != "text", muted, heat, opens)

    def heat(self, row: int, place: int) -> float | None:
        """By surprisal, of a stretch of several tokens by its mean."""
        column = self.data_.rows[row].columns[place]
        if column.logprob is None:
            return None
        return min(max(-column.logprob * BITS / max(column.tokens, 1) / HOT_BITS, 0.0), 1.0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.fields)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.fields):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return full_heading(self.fields[section])
        if role == Qt.ItemDataRole.ToolTipRole:
            ways = self.tr("Click to sort by it; in the table, ← → choose a column and Enter sorts.")
            return f"{explained(self.fields[section])}\n{ways}"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row, field = self.row_at(index.row()), self.fields[index.column()]
        if row < 0:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(self.data_, row, field)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if field.kind == "text" else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return why(self.data_, row, field)
        return None

    def tip(self, index: Index) -> str:
        """The text in full where the cell is too narrow for it; or why there is no figure, or what it is of."""
        row, field = self.row_at(index.row()), self.fields[index.column()]
        if row < 0:
            return ""
        if field.kind == "text":
            return self.data_.rows[row].text
        reason = why(self.data_, row, field)
        value = raw(self.data_, row, field)
        exact = f"{value:.9g}" if field.kind not in ("number", "byte", "rank") and np.isfinite(value) else ""
        return "\n".join(part for part in (f"{full_heading(field)}: {exact}" if exact else "", reason) if part)
