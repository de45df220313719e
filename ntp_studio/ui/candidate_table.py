"""The chart's rows as a table: for screen readers, and for copying figures elsewhere."""

from __future__ import annotations

import math

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from ntp_studio.core.types import Candidate, StepFrame
from ntp_studio.ui.candidate_text import (
    DASH,
    MINUS,
    explain,
    hex_bytes,
    number,
    others_label,
    percent,
    processed_percent,
    stage_label,
)
from ntp_studio.ui.chart_rows import Listing
from ntp_studio.ui.draw_overlay import Draws
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape

RANK, TOKEN, AFTER, MODEL, ID, CUT, LOGPROB, BYTES, DRAWN = range(9)
# The names of the figures in files, much as `inspect --json` has them; not translated, since programs read them.
TSV_HEADINGS = ("rank", "token", "processed_percent", "percent", "id", "cut_by", "logprob", "bytes")
LEAST_TOKEN = 10  # characters
Index = QModelIndex | QPersistentModelIndex


class CandidateModel(QAbstractTableModel):
    """All candidates of a listing, then one row for the others."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._listing = Listing()
        self._frame: StepFrame | None = None
        self.set_font(parent.font())
        self._headers = (
            self.tr("rank"),
            self.tr("token"),
            self.tr("after"),
            self.tr("model"),
            self.tr("id"),
            self.tr("cut by"),
            self.tr("log-prob (nat)"),
            self.tr("bytes"),
            self.tr("drawn"),
        )
        self._draws: Draws | None = None

    def set_font(self, font: QFont) -> None:
        """Take the fixed-width font at this size."""
        self._mono = mono_like(font)
        self._bold = mono_like(font, weight=QFont.Weight.Bold)

    def show_listing(self, listing: Listing, frame: StepFrame | None) -> None:
        self.beginResetModel()
        self._listing = listing
        self._frame = frame
        self.endResetModel()

    @property
    def draws(self) -> Draws | None:
        return self._draws

    def show_draws(self, draws: Draws | None) -> None:
        """How often each token came up in many draws."""
        self._draws = draws
        last = self.rowCount() - 1
        if last >= 0:
            self.dataChanged.emit(self.index(0, DRAWN), self.index(last, DRAWN))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, DRAWN, DRAWN)

    def _drawn(self, candidate: Candidate | None) -> int:
        """0 where nothing was drawn; of the others, what the listed ones leave."""
        if self._draws is None:
            return 0
        if candidate is not None:
            return self._draws.times.get(candidate.token.id, 0)
        return self._draws.count - self._draws.of_candidates(tuple(c.token.id for c in self._listing.candidates))

    @property
    def any_cut(self) -> bool:
        return any(c.cut_by is not None for c in self._listing.candidates)

    def longest_token(self) -> int:
        """The width in pixels of the widest token, or of the words for the others."""
        texts = [c.token.label for c in self._listing.candidates]
        if self._listing.outside:
            texts.append(others_label(self._listing.outside))
        metrics = QFontMetrics(self._bold)
        return max((metrics.horizontalAdvance(text) for text in texts), default=0)

    @property
    def headings(self) -> tuple[str, ...]:
        return self._headers

    def candidate(self, row: int) -> Candidate | None:
        """None for the row of the others."""
        return self._listing.candidates[row] if 0 <= row < len(self._listing.candidates) else None

    def row_of(self, token_id: int) -> int | None:
        return next((i for i, c in enumerate(self._listing.candidates) if c.token.id == token_id), None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        if parent.isValid():
            return 0
        return len(self._listing.candidates) + (1 if self._listing.outside else 0)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if section == DRAWN and self._draws is not None:
                return self.tr("of {count}").format(count=number(self._draws.count))
            return self._headers[section]
        return self._alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    @staticmethod
    def _alignment(column: int) -> Qt.AlignmentFlag:
        right = column in (RANK, AFTER, MODEL, LOGPROB, ID, DRAWN)
        return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        candidate = self.candidate(index.row())
        chosen = candidate is not None and candidate.token.id == self._listing.chosen_id
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(candidate, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(index.column())
        if role == Qt.ItemDataRole.FontRole:
            return self._bold if chosen else self._mono
        p = self._theme.palette
        if role == Qt.ItemDataRole.BackgroundRole and chosen:
            return p.color("drawn_soft")
        if role == Qt.ItemDataRole.ForegroundRole:
            muted = candidate is None or candidate.cut_by is not None
            return p.color("drawn_text" if chosen else "muted" if muted else "text")
        if role == Qt.ItemDataRole.AccessibleDescriptionRole and candidate is not None:
            return explain(candidate, self._frame).plain()
        return None

    def _text(self, candidate: Candidate | None, column: int) -> str:
        if candidate is None:
            listing = self._listing
            return {
                TOKEN: others_label(listing.outside),
                AFTER: percent(listing.processed_tail_probability),
                MODEL: percent(listing.tail_probability),
                DRAWN: number(self._drawn(None)) if self._draws is not None else "",
            }.get(column, "")
        if column == DRAWN:
            return number(self._drawn(candidate)) if self._draws is not None else ""
        if column == RANK:
            return number(candidate.rank)
        if column == TOKEN:
            return candidate.token.label
        if column == AFTER:
            return processed_percent(candidate)
        if column == MODEL:
            return percent(candidate.probability)
        if column == CUT:
            return stage_label(candidate.cut_by) if candidate.cut_by is not None else ""
        if column == LOGPROB:
            finite = math.isfinite(candidate.logprob)
            return f"{candidate.logprob:.3f}".replace("-", MINUS) if finite else DASH
        if column == ID:
            return str(candidate.token.id)
        return hex_bytes(candidate.token.bytes, 64)

    def tsv(self, rows: list[int]) -> str:
        """Those rows with a heading, tab-separated; figures unrounded, for a spreadsheet or a notebook."""
        counts = self._draws is not None
        lines = ["\t".join((*TSV_HEADINGS, "drawn") if counts else TSV_HEADINGS)]
        for row in rows:
            c = self.candidate(row)
            if c is None:
                listing = self._listing
                values = [
                    "",
                    others_label(listing.outside),
                    f"{listing.processed_tail_probability * 100:.6g}",
                    f"{listing.tail_probability * 100:.6g}",
                    *[""] * 4,
                ]
            else:
                values = [
                    str(c.rank),
                    c.token.label.replace("\t", "⇥").replace("\n", "↵"),
                    f"{c.processed_probability * 100:.6g}",
                    f"{c.probability * 100:.6g}",
                    str(c.token.id),
                    c.cut_by or "",
                    f"{c.logprob:.6g}",
                    c.token.bytes.hex(" ").upper(),
                ]
            lines.append("\t".join([*values, str(self._drawn(c))] if counts else values))
        return "\n".join(lines) + "\n"


class CandidateTable(QTableView):
    """↑ and ↓ move, Enter forces, Ctrl+C copies the selected rows (all of them when none is selected)."""

    force_requested = Signal(int)
    row_selected = Signal(int)  # token id
    left = Signal()  # Esc

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("candidate_table")
        self.setAccessibleName(self.tr("Next-token candidates, as a table"))
        self._theme = theme
        self.keeps_escape = False  # as in the chart
        self._model = CandidateModel(theme, self)
        self.setModel(self._model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.moveSection(DRAWN, header.visualIndex(MODEL))  # beside what was to be expected
        self._own_width, self._fitting = False, True
        header.sectionResized.connect(self._section_resized)
        self.setColumnHidden(DRAWN, True)
        self.selectionModel().currentRowChanged.connect(self._current_changed)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def candidate_model(self) -> CandidateModel:
        return self._model

    def show_listing(self, listing: Listing, frame: StepFrame | None) -> None:
        self._model.show_listing(listing, frame)
        self.setColumnHidden(CUT, not self._model.any_cut)
        self._fit_token()

    def show_draws(self, draws: Draws | None) -> None:
        """A column more while there are draws to tell of."""
        self._model.show_draws(draws)
        self.setColumnHidden(DRAWN, draws is None)
        self._fit_token()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_token()

    def _fit_token(self) -> None:
        """The whole token where there is room for it beside the figures up to the id; the rest is scrolled to."""
        if self._own_width:
            return
        shown = (c for c in (RANK, AFTER, DRAWN, MODEL, ID, CUT) if not self.isColumnHidden(c))
        room = self.viewport().width() - sum(self.columnWidth(column) for column in shown)
        least = QFontMetrics(mono_like(self.font())).horizontalAdvance("8" * LEAST_TOKEN)
        self._fitting = True
        self.setColumnWidth(TOKEN, max(min(self._model.longest_token() + 16, room), least + 12))
        self._fitting = False

    @Slot(int, int, int)
    def _section_resized(self, section: int, old: int, new: int) -> None:
        # From then on the width is the person's.
        if section == TOKEN and not self._fitting:
            self._own_width = True

    def select_token(self, token_id: int) -> None:
        row = self._model.row_of(token_id)
        if row is not None and self.currentIndex().row() != row:
            self.selectRow(row)

    @Slot()
    def copy(self) -> None:
        rows = sorted({i.row() for i in self.selectionModel().selectedRows()})
        QGuiApplication.clipboard().setText(self._model.tsv(rows or list(range(self._model.rowCount()))))

    def event(self, event: QEvent) -> bool:
        return (getattr(self, "keeps_escape", False) and claims_escape(event)) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            candidate = self._model.candidate(self.currentIndex().row())
            if candidate is not None:
                self.force_requested.emit(candidate.token.id)
        elif event.key() == Qt.Key.Key_Escape:
            self.clearSelection()
            self.left.emit()
        elif event.key() in (
            Qt.Key.Key_Up,
            Qt.Key.Key_Down,
            Qt.Key.Key_PageUp,
            Qt.Key.Key_PageDown,
            Qt.Key.Key_Home,
            Qt.Key.Key_End,
        ) or event.matches(QKeySequence.StandardKey.SelectAll):
            super().keyPressEvent(event)
        else:
            event.ignore()  # → ← Space and letters belong to the window

    @Slot(QModelIndex, QModelIndex)
    def _current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        candidate = self._model.candidate(current.row())
        if candidate is not None:
            self.row_selected.emit(candidate.token.id)

    def _fit(self) -> None:
        """Widths for typical contents; a person may drag them."""
        metrics = QFontMetrics(mono_like(self.font()))
        self._fitting = True
        characters = {RANK: 2, TOKEN: LEAST_TOKEN, AFTER: 6, MODEL: 6, ID: 6, CUT: 7, LOGPROB: 7, BYTES: 16, DRAWN: 6}
        for column, count in characters.items():
            title = self._model.headings[column]
            heading = QFontMetrics(self.font()).horizontalAdvance(self.tr("of 1,000") if column == DRAWN else title)
            self.setColumnWidth(column, max(metrics.horizontalAdvance("8") * count, heading) + 12)
        self._fitting = False
        self.verticalHeader().setDefaultSectionSize(metrics.height() + 9)
        self._fit_token()

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._model.set_font(self.font())
        self.setStyleSheet(
            f"QTableView {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 6px;"
            f" selection-background-color: {p.accent_soft}; selection-color: {p.text}; }}"
            f"QTableView::item {{ padding: 0 4px; }}"
            f"QTableView::item:selected {{ background: {p.accent_soft}; color: {p.text}; }}"
            f"QTableView:focus {{ border-color: {p.accent}; }}"
            f"QAbstractScrollArea::corner {{ background: {p.surface}; border: none; }}"
            f"QHeaderView {{ background: {p.surface}; }}"
            f"QHeaderView::section {{ background: {p.surface}; color: {p.muted}; border: none;"
            f" border-bottom: 1px solid {p.border}; padding: 3px 4px; }}"
        )
        self._fit()
