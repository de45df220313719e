"""The figures of a scored text: totals, where along it the models disagree, and a row for each token or stretch."""

from __future__ import annotations

import html
from time import monotonic

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ntp_studio.core.compared import ScoredComparison
from ntp_studio.ui.candidate_text import number
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.score_cells import unit
from ntp_studio.ui.score_data import Rows, ScoreData
from ntp_studio.ui.score_filter import ScoreFilter
from ntp_studio.ui.score_model import NOTHING_SCORED
from ntp_studio.ui.score_ribbon import ScoreRibbon
from ntp_studio.ui.score_table import ScoreTable
from ntp_studio.ui.score_totals import ScoreTotals
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

FILL_S = 0.006  # of looking through the text, before the window has its turn
REFRESH_S = 0.1  # from one look of a growing ribbon to the next
TOTALS_SHARE = 0.36  # of the height, at most


class ScoreResult(QWidget):
    said = Signal(str)  # what became of a copy or a jump

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_result")
        self._theme = theme
        self._data = ScoreData(NOTHING_SCORED)
        self._nats = False
        self._refreshed = 0.0  # when the ribbon was drawn
        self._worst: Rows | None = None  # rows to jump to, the worst first; None until asked for
        self._jumped = -1  # at which of them, -1 for none
        self.totals = ScoreTotals(theme, self)
        self.ribbon = ScoreRibbon(theme, self)
        self.filter = ScoreFilter(theme, self)
        self.table = ScoreTable(theme, self)
        self._stretches = ElidedLabel(parent=self)
        self._stretches.setObjectName("score_stretches")
        self._nothing = QLabel(self)
        self._nothing.setObjectName("score_nothing")
        self._nothing.setProperty("role", "muted")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._all = QPushButton(self.tr("Show all rows"), self)
        self._all.setObjectName("score_all")
        self._all.clicked.connect(self.filter.clear)
        self._empty = QWidget(self)
        empty = QVBoxLayout(self._empty)
        empty.addStretch(1)
        empty.addWidget(self._nothing)
        empty.addWidget(self._all, 0, Qt.AlignmentFlag.AlignHCenter)
        empty.addStretch(1)
        self._empty.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.totals)
        column.addWidget(self._make_ribbon())
        column.addWidget(self.filter)
        column.addWidget(self._stretches)
        column.addWidget(self.table, 1)
        column.addWidget(self._empty, 1)
        self._filler = QTimer(self)
        self._filler.setInterval(0)
        self._filler.timeout.connect(self._fill_on)
        self.ribbon.row_clicked.connect(self._ribbon_clicked)
        self.filter.changed.connect(self._filter_changed)
        self.filter.surprisal_chosen.connect(self._unit_chosen)
        self.table.row_chosen.connect(self._row_chosen)
        self.table.copied.connect(self._copied)
        theme.changed.connect(self._restyle)
        self._restyle()

    def _make_ribbon(self) -> QWidget:
        card = QFrame(self)
        card.setObjectName("score_ribbon_card")
        card.setProperty("card", True)
        self._heading = QLabel(card)
        self._heading.setProperty("role", "heading")
        self._what = ElidedLabel(parent=card)
        self._worst_label = ElidedLabel(parent=card)
        self._worst_label.setObjectName("score_worst")
        self._previous = QPushButton(self.tr("previous (P)"), card)
        self._next = QPushButton(self.tr("jump (N)"), card)
        for button, name, tip, slot in (
            (self._next, "score_next", self.tr("To the row with the next largest figure"), self.next_worst),
            (self._previous, "score_previous", self.tr("Back to the one before"), self.previous_worst),
        ):
            button.setObjectName(name)
            button.setProperty("role", "link")
            button.setToolTip(tip)
            button.clicked.connect(slot)
        head = QHBoxLayout()
        head.setSpacing(8)
        for part in (self._heading, self._what):
            head.addWidget(part)
        head.addStretch(1)
        for part in (self._worst_label, self._next, self._previous):
            head.addWidget(part)
        self._ribbon_box = QVBoxLayout(card)
        self._ribbon_box.setSpacing(4)
        self._ribbon_box.addLayout(head)
        self._ribbon_box.addWidget(self.ribbon)
        return card

    # -- what it is told -----------------------------------------------------------------------------------------------

    @property
    def scored(self) -> ScoredComparison:
        return self._data.scored

    def show_scored(self, scored: ScoredComparison) -> None:
        data = self._data = ScoreData(scored)
        self._worst, self._jumped = None, -1
        one = data.pairs == 0
        known = any(totals is not None for totals in scored.totals)
        self._heading.setText(self.tr("SURPRISAL") if one else self.tr("DISAGREEMENT"))
        self._name_measure()
        self._stretches.setText(self._told_stretches(scored))
        ends = self.tr("The models cut the text into different tokens; a row ends where a token of each of them ends.")
        self._stretches.setToolTip(f"{self._stretches.text()}.\n{ends}")
        self._stretches.setVisible(not scored.same_tokens)
        self.totals.show_scored(scored)
        self.filter.show_columns(len(scored.columns), known)
        self.table.show_data(data)
        complete = data.fill()
        self.ribbon.show_data(data)
        if not complete:
            self._filler.start()
        self._show_worst()
        self._show_count()

    def _name_measure(self) -> None:
        words = self._named_measure(self.scored).format(unit(self._nats))
        self._what.setText(words)
        self._what.setToolTip(words)
        self.ribbon.setAccessibleName(f"{self._heading.text().capitalize()}: {words}")

    def _named_measure(self, scored: ScoredComparison) -> str:
        equal = sum(totals is not None for totals in scored.totals)
        if not scored.totals:
            return self.tr("of the only model, {0}")
        if not equal:
            return self.tr("size of Δ log-probability, {0}") if self._nats else self.tr("size of Δ surprisal, {0}")
        if equal < len(scored.totals):
            if self._nats:
                return self.tr("KL(A‖x), or size of Δ log-probability where vocabularies are unequal; largest, in {0}")
            return self.tr("KL(A‖x), or size of Δ surprisal where vocabularies are unequal; largest, in {0}")
        return self.tr("KL(A‖B), {0}") if equal == 1 else self.tr("KL(A‖x), the largest of all x, {0}")

    def _told_stretches(self, scored: ScoredComparison) -> str:
        """What a row is where it is not a token of all models."""
        if scored.same_tokens:
            return ""
        words = self.tr("{0} stretches that are whole in every model; {1}")
        if len(scored.rows) == 1:
            words = self.tr("1 stretch that is whole in every model; {1}")
        counts = [number(column.tokens) for column in scored.columns]
        each = [self.tr("{0} has {1} tokens").format(letter(0), counts[0])]
        each += [f"{letter(i)} {count}" for i, count in enumerate(counts[1:], 1)]
        return words.format(number(len(scored.rows)), ", ".join(each))

    @Slot(bool)
    def _unit_chosen(self, surprisal: bool) -> None:
        """All that tells of rows goes over to the other unit together."""
        self._nats = not surprisal
        self.table.show_surprisal(surprisal)
        self.ribbon.show_unit(self._nats)
        self._name_measure()
        self._show_worst()

    @Slot()
    def _fill_on(self) -> None:
        """A slice at a time, so that the window answers meanwhile."""
        until = monotonic() + FILL_S
        while not self._data.fill() and monotonic() < until:
            pass
        if self._data.filled:
            self._filler.stop()
            self._show_worst()
            self.ribbon.refresh()
        elif monotonic() > self._refreshed + REFRESH_S:
            self._refreshed = monotonic()
            self.ribbon.refresh()

    # -- rows ----------------------------------------------------------------------------------------------------------

    @Slot(str, str, float)
    def _filter_changed(self, text: str, condition: str, bits: float) -> None:
        self.table.show_rows(self._data.chosen(text, condition, bits))  # type: ignore[arg-type]
        self._worst, self._jumped = None, -1
        self._show_worst()
        self._show_count()

    def _show_count(self) -> None:
        shown = len(self.table.model.shown)
        if not shown and (self.table.left.hasFocus() or self.table.right.hasFocus()):
            self.filter.setFocus(Qt.FocusReason.OtherFocusReason)
        self.filter.show_count(shown, self._data.count)
        self._nothing.setText(self.tr("No row is like that.") if self._data.count else self.tr("The text has no rows."))
        self._all.setVisible(bool(self._data.count))
        self.table.setVisible(shown > 0)
        self._empty.setVisible(shown == 0)

    @Slot(int)
    def _ribbon_clicked(self, row: int) -> None:
        self.table.choose(self.table.model.nearest(row))

    @Slot(int)
    def _row_chosen(self, row: int) -> None:
        self.ribbon.show_current(row)
        if self._worst is None or not (0 <= self._jumped < len(self._worst)) or self._worst[self._jumped] != row:
            self._jumped = -1
            self._show_worst()

    # -- the worst -----------------------------------------------------------------------------------------------------

    @Slot()
    def next_worst(self) -> None:
        """To the row with the largest figure of those shown, then the second largest, and so on round."""
        self._jump(1)

    @Slot()
    def previous_worst(self) -> None:
        self._jump(-1)

    def _jump(self, by: int) -> None:
        found = self._find_worst()
        if len(found):
            self._jumped = 0 if self._jumped < 0 else (self._jumped + by) % len(found)
            self.table.choose(int(found[self._jumped]))
            self._show_worst()

    def _find_worst(self) -> Rows:
        if self._worst is None:
            self._worst = self._data.worst(self.table.model.shown)
        return self._worst

    def _show_worst(self) -> None:
        """Which row is the worst, or which of them is on view."""
        if not self._data.filled:
            self._worst_label.setText(self.tr("looking through the text …"))
            self._enable_jumps(False)
            return
        found = self._find_worst()
        self._enable_jumps(len(found) > 0)
        if not len(found):
            agree = self.tr("none to jump to") if self._data.pairs == 0 else self.tr("they agree everywhere")
            self._worst_label.setText(agree if len(self.table.model.shown) else "")
            return
        row = int(found[max(self._jumped, 0)])
        which = self.tr("highest at") if self._data.pairs == 0 else self.tr("worst at")
        if self._jumped >= 0:
            which = self.tr("{0} of {1} ·").format(f"{self._jumped + 1:,}", f"{len(found):,}")
        value = self.ribbon.told(float(self._data.measure[row]))
        text = f"{which} #{row + 1:,} {self._data.rows[row].text[:24]} {value}"
        self._worst_label.setText(text)
        self._worst_label.setMinimumWidth(min(self._worst_label.sizeHint().width(), px(340)))
        self._worst_label.setToolTip(f"<qt>{html.escape(text)}</qt>")

    def _enable_jumps(self, on: bool) -> None:
        for button in (self._next, self._previous):
            button.setEnabled(on)

    @Slot(int, bool)
    def _copied(self, count: int, whole: bool) -> None:
        words = self.tr("Copied 1 row") if count == 1 else self.tr("Copied {0} rows").format(f"{count:,}")
        if not whole:
            words = self.tr("Copied the first {0} rows; “Export CSV…” writes them all").format(f"{count:,}")
        self.said.emit(words)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.totals.set_most(round(self.height() * TOTALS_SHARE))

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self._ribbon_box.setContentsMargins(px(12), px(7), px(12), px(6))
        for label in (self._what, self._worst_label):
            label.setFont(scaled(self.font(), 0.92))
        for label in (self._what, self._stretches):
            label.set_color(p.color("muted"))
        self._worst_label.set_color(p.color("text"))
