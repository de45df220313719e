"""The strip under the text: the figures of one token in a line, and what can be done there."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QFontInfo, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ntp_studio.core.types import PageToken
from ntp_studio.ui.theme import Theme, mono_font
from ntp_studio.ui.token_figures import count, percent
from ntp_studio.ui.token_text import chip_label

LONGEST_LABEL = 24


class TokenDetail(QWidget):
    """Shows one token and offers the places on both sides of it. Without a token it says how to get one."""

    before_requested = Signal(int)  # to the place before the token of this node
    after_requested = Signal(int)
    branch_requested = Signal(int)
    focus_left = Signal()  # a button that had the focus goes away

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("token_detail")
        self.setAccessibleName(self.tr("Figures of one token"))
        self._theme = theme
        self._token: PageToken | None = None
        self._shown = ""  # its label, before it is cut to the room there is
        self._label = QLabel(self)
        self._label.setObjectName("detail_label")
        self._figures = QLabel(self)
        self._figures.setObjectName("detail_figures")
        self._figures.setWordWrap(True)
        self._figures.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        for label in (self._label, self._figures):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._figures.setProperty("role", "muted")
        self._before = self._link("before_token", self.tr("Before it"))
        self._after = self._link("after_token", self.tr("After it"))
        self._branch = self._link("other_branch", self.tr("Other branch"))
        self._branch.setToolTip(self.tr("Show the next of the continuations that were tried at this place"))
        self._before.clicked.connect(self._emit_before)
        self._after.clicked.connect(self._emit_after)
        self._branch.clicked.connect(self._emit_branch)

        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._label)
        top.addStretch(1)
        top.addWidget(self._branch)
        top.addWidget(self._before)
        top.addWidget(self._after)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 8, 18, 10)
        column.setSpacing(3)
        column.addLayout(top)
        column.addWidget(self._figures)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_token(None, None, 0)

    def show_token(self, token: PageToken | None, index: int | None, cursor: int) -> None:
        """`index` is the token's place in the text, `cursor` the place that the chart shows."""
        self._token = token
        here = None if index is None else cursor - index  # 0 before the token, 1 after it
        self._offer(self._before, token is not None and bool(index), here != 0)
        self._offer(self._after, token is not None, here != 1)
        self._offer(self._branch, token is not None and token.branches > 1, True)
        there = self.tr("The chart shows the distribution that this token was chosen from")
        self._before.setToolTip(there if here == 0 else self.tr("Go there. {0}").format(there))
        there = self.tr("The chart shows what can follow this token")
        self._after.setToolTip(there if here == 1 else self.tr("Go there. {0}").format(there))
        if token is None:
            self._label.setText("")
            self._figures.setText(self.tr("Click a token to see its figures and the distribution it was chosen from."))
            return
        label = chip_label(token.token)
        self._shown = label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
        self._figures.setText(self.words(token))
        self._arrange()

    def _offer(self, button: QPushButton, shown: bool, enabled: bool) -> None:
        """Take a button away or back; the focus on it must not wander to whatever comes next."""
        if button.hasFocus() and not (shown and enabled):
            self.focus_left.emit()
        button.setVisible(shown)
        button.setEnabled(enabled)

    def _arrange(self) -> None:
        """What the first line holds: the branches in words or as a number, and the token's label as far as it goes."""
        if self._token is None:
            return
        margins = self.contentsMargins() if (row := self.layout()) is None else row.contentsMargins()
        room = self.width() - margins.left() - margins.right()
        number = self._token.branches
        buttons = [button for button in (self._branch, self._before, self._after) if not button.isHidden()]
        metrics = self._label.fontMetrics()
        for words in (self.tr("Other branch ({0} tried here)"), self.tr("Other branch ({0})"), "⇄ {0}"):
            self._branch.setText(words.format(number))
            taken = sum(button.fontMetrics().horizontalAdvance(button.text()) + 20 for button in buttons) + 12
            if taken + metrics.horizontalAdvance(self._shown) <= room:
                break
        self._branch.setAccessibleName(self.tr("Other branch ({0} tried here)").format(number))
        label = metrics.elidedText(self._shown, Qt.TextElideMode.ElideRight, max(room - taken, 40))
        self._label.setText(label)

    def words(self, token: PageToken) -> str:
        """The figures in a line, with what each of them is."""
        parts = [self.tr("id {0}").format(count(token.token.id))]
        if token.probability is not None and token.surprisal_bits is not None:
            parts.append(self.tr("p {0}").format(percent(token.probability)))
            if token.processed_probability is not None:
                parts.append(self.tr("after decoding {0}").format(percent(token.processed_probability)))
            if token.rank is not None:
                parts.append(self.tr("rank {0}").format(count(token.rank)))
            parts.append(self.tr("surprisal {0} bits").format(f"{token.surprisal_bits:.2f}"))
        else:
            parts.append(self.tr("no probability: nothing stands before it"))
        if token.template:
            parts.append(self.tr("from the chat template"))
        else:
            origins = {
                "prompt": self.tr("from the prompt"),
                "drawn": self.tr("drawn"),
                "forced": self.tr("chosen by you (forced)"),
            }
            parts.append(origins[token.origin])
        return "\u00a0· ".join(parts)  # a line may end with the dot, never begin with it

    def _link(self, name: str, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setProperty("role", "link")
        button.setFlat(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus, and Space, to the page
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Room for two lines where one is too short for most tokens, so that the page does not jump at each."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        lines = 1 if self.width() >= 720 else 2
        self._figures.setMinimumHeight(lines * self._figures.fontMetrics().lineSpacing() + 1)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._restyle()
            self._fit()

    @Slot()
    def _emit_before(self) -> None:
        if self._token is not None:
            self.before_requested.emit(self._token.node)

    @Slot()
    def _emit_after(self) -> None:
        if self._token is not None:
            self.after_requested.emit(self._token.node)

    @Slot()
    def _emit_branch(self) -> None:
        if self._token is not None:
            self.branch_requested.emit(self._token.node)

    @Slot()
    def _restyle(self) -> None:
        font = mono_font(QFontInfo(self.font()).pointSizeF())
        font.setBold(True)
        self._label.setFont(font)
        self._label.setStyleSheet(f"color: {self._theme.palette.text};")
