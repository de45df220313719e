"""The totals of a scored text: a line for every model, and one for every pair that is held against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from ntp_studio.core.compared import ScoredColumn, ScoredComparison, Totals
from ntp_studio.ui.candidate_text import number, percent
from ntp_studio.ui.column_colors import letter
from ntp_studio.ui.panel_labels import ElidedLabel, mono_like
from ntp_studio.ui.score_badge import Badges
from ntp_studio.ui.score_cells import NONE, figure
from ntp_studio.ui.score_data import BITS
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.token_figures import plain_number


@dataclass(frozen=True, slots=True)
class Line:
    """`cells` stand under the headings; a `sentence` takes the place of all of them."""

    places: tuple[int, ...]
    name: str = ""
    detail: str = ""
    cells: tuple[tuple[str, str], ...] = ()  # (figure, tool tip)
    sentence: str = ""


class TotalsTable(QFrame):
    """Letters, a name and figures under headings; read out as one sentence a line."""

    def __init__(self, theme: Theme, name: str, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("card", True)
        self._theme = theme
        self._figures: list[QLabel] = []
        self._parts: list[QWidget] = []
        self._title = QLabel(title, self)
        self._title.setProperty("role", "heading")
        self._grid = QGridLayout(self)
        self._grid.setVerticalSpacing(3)
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_lines(self, headings: tuple[tuple[str, str], ...], lines: tuple[Line, ...], names: bool) -> None:
        """`headings` are (text, tool tip); `names` tells whether lines have names."""
        for part in self._parts:
            self._grid.removeWidget(part)
            part.hide()
            part.deleteLater()
        self._parts, self._figures = [], []
        first = 2 if names else 1
        self._grid.addWidget(self._title, 0, 0, 1, first, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        for column in range(10):
            self._grid.setColumnStretch(column, 0)
        self._grid.setColumnStretch(1, 3 if names else 0)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for i, (text, tip) in enumerate(headings):
            label = self._label(text, tip, "caption")
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
            self._grid.addWidget(label, 0, first + i)
            if not names:
                self._grid.setColumnStretch(first + i, 1)
        for row, line in enumerate(lines, 1):
            badges = Badges(self._theme, line.places, self)
            badges.setAccessibleDescription(self._read(headings, line))
            self._keep(badges)
            self._grid.addWidget(badges, row, 0, Qt.AlignmentFlag.AlignVCenter)
            if names:
                self._grid.addWidget(self._name(line), row, 1)
            if line.sentence:
                sentence = self._label(line.sentence, "", "caption")
                sentence.setWordWrap(True)
                self._grid.addWidget(sentence, row, first, 1, len(headings))
                continue
            for i, (text, tip) in enumerate(line.cells):
                label = self._label(text, tip, "")
                self._figures.append(label)
                self._grid.addWidget(label, row, first + i, right)
        self._grid.setRowStretch(len(lines) + 1, 1)
        for part in self._parts:
            part.show()  # at once: a layout shows them only later, and until then the table would have no height
        self._restyle()

    def texts(self) -> list[str]:
        return [part.text() for part in self._parts if isinstance(part, QLabel)]

    def _keep(self, part: QWidget) -> None:
        self._parts.append(part)

    def _label(self, text: str, tip: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setText(text)
        label.setToolTip(tip)
        if role:
            label.setProperty("role", role)
        self._keep(label)
        return label

    def _name(self, line: Line) -> QLabel:
        label = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        label.setText(f"{line.name}  {line.detail}".strip())
        label.setToolTip(f"{line.name}\n{line.detail}" if "<" not in line.name else "")
        label.setMinimumWidth(px(90))
        self._keep(label)
        return label

    @staticmethod
    def _read(headings: tuple[tuple[str, str], ...], line: Line) -> str:
        pairs = zip(headings, line.cells, strict=False)
        cells = [f"{heading}: {text}".replace("\n", " ") for (heading, _), (text, _) in pairs]
        return ". ".join(part for part in (f"{line.name} {line.detail}".strip(), line.sentence, *cells) if part)

    @Slot()
    def _restyle(self) -> None:
        self._grid.setContentsMargins(px(12), px(8), px(12), px(9))
        self._grid.setHorizontalSpacing(px(14))
        font = mono_like(self.font(), 1.0, QFont.Weight.Medium)
        for label in self._figures:
            label.setFont(font)
        self.updateGeometry()


class ScoreTotals(QScrollArea):
    """Both tables, side by side or one under the other; at most `share` of the height of what is around."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("score_totals")
        self.setAccessibleName(self.tr("Totals of the scored text"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.viewport().setAutoFillBackground(False)
        inside = self._inside = QWidget()
        inside.setProperty("transparent", True)
        self.columns = TotalsTable(theme, "score_columns", self.tr("MODELS"), inside)
        self.pairs = TotalsTable(theme, "score_pairs", self.tr("AGAINST A"), inside)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, inside)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(10)
        self._row.addWidget(self.columns, 5)
        self._row.addWidget(self.pairs, 4)
        self.setWidget(inside)
        self._most = self._height = 400

    def show_scored(self, scored: ScoredComparison) -> None:
        common = number(scored.common_bytes)
        headings = (
            (self.tr("tokens"), self.tr("How many tokens the model reads the text as")),
            (
                self.tr("perplexity\nper token"),
                self.tr("Per token: exp of the mean of −ln p. Not comparable between tokenizers"),
            ),
            (self.tr("bits/byte"), self.tr("Bits per byte, over the bytes that this model foretold")),
            (
                self.tr("bits/byte\nshared"),
                self.tr("Bits per byte over the {0} bytes that all models foretold: comparable").format(common),
            ),
        )
        lines = (self._column(i, column) for i, column in enumerate(scored.columns))
        self.columns.show_lines(headings, tuple(lines), names=True)
        headings = (
            (
                self.tr("KL(A‖x)\nbits/token"),
                self.tr("Mean KL divergence of x's distributions from A's, bits per token"),
            ),
            (
                self.tr("KL(x‖A)\nbits/token"),
                self.tr("Mean KL divergence of A's distributions from x's, bits per token"),
            ),
            (self.tr("JS\nbits/token"), self.tr("Mean Jensen–Shannon divergence, bits per token")),
            (self.tr("same top-1\nof tokens"), self.tr("At how many tokens both found the same one the likeliest")),
        )
        if not any(totals is not None for totals in scored.totals):
            headings = (("", ""),) * len(headings)  # sentences alone stand below
        pairs = (self._pair(i, totals) for i, totals in enumerate(scored.totals, 1))
        self.pairs.show_lines(headings, tuple(pairs), names=False)
        self.pairs.setVisible(bool(scored.totals))
        self._arrange()

    def _column(self, place: int, column: ScoredColumn) -> Line:
        unknown = self.tr("None of its tokens was foretold")
        figures = []
        for value, text in (
            (column.perplexity, plain_number(column.perplexity)),
            (column.bits_per_byte, figure(column.bits_per_byte)),
            (column.common_bits_per_byte, figure(column.common_bits_per_byte)),
        ):
            if math.isnan(value):
                figures.append((NONE, unknown))
            else:
                figures.append((text, self.tr("A token had no probability at all") if math.isinf(value) else ""))
        tokens = self.tr("{0} of them foretold by what stands before them").format(number(column.scored))
        return Line((place,), column.name, column.dtype, ((number(column.tokens), tokens), *figures))

    def _pair(self, place: int, totals: Totals | None) -> Line:
        name = self.tr("A and {0}").format(letter(place))
        if totals is None:
            words = self.tr("unequal vocabularies: only stretches of equal text are compared")
            return Line((0, place), name, sentence=words)
        cells = []
        for value in (totals.forward, totals.backward, totals.jensen_shannon):
            tip = self.tr("One of the two cuts what the other allows") if math.isinf(value) else ""
            cells.append((figure(max(value, 0.0) * BITS if not math.isnan(value) else value), tip))
        share = percent(totals.agreed / totals.tokens) if totals.tokens else NONE
        agreed = self.tr("{0} of {1}").format(number(totals.agreed), number(totals.tokens))
        return Line((0, place), name, cells=(*cells, (agreed, share)))

    # -- sizes ---------------------------------------------------------------------------------------------------------

    def set_most(self, height: int) -> None:
        """No higher than this; what is beyond it is scrolled to."""
        self._most = height
        self._arrange()

    def _arrange(self) -> None:
        both = self.columns.sizeHint().width() + self.pairs.sizeHint().width() + 10
        down = not self.pairs.isHidden() and both > self.width()
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if down else QBoxLayout.Direction.LeftToRight)
        self._row.activate()
        width = max(self.viewport().width(), 1)
        needed = max(self._row.totalHeightForWidth(width) if self._row.hasHeightForWidth() else 0, 0)
        needed = needed or self._inside.sizeHint().height()
        height = min(needed, self._most)
        if height != self._height:
            self._height = height
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(self._inside.sizeHint().width(), self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(px(200), min(self._height, px(56)))

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._arrange()
