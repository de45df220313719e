"""The strip under the text: the figures of one token in a line, and what can be done there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ntp_studio.core.types import PageToken
from ntp_studio.ui.theme import Theme, mono_font
from ntp_studio.ui.token_figures import count, percent
from ntp_studio.ui.token_text import chip_label

LONGEST_LABEL = 24


class TokenDetail(QWidget):
    """Shows one token. Without one it says how to get one."""

    rewind_requested = Signal(int)  # the token's node
    branch_requested = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("token_detail")
        self.setAccessibleName(self.tr("Figures of one token"))
        self._theme = theme
        self._token: PageToken | None = None
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
        self._rewind = self._link("rewind_to_here", self.tr("Rewind to here"))
        self._rewind.setToolTip(self.tr("Keep the text up to this token and draw afresh from there"))
        self._branch = self._link("other_branch", self.tr("Other branch"))
        self._branch.setToolTip(self.tr("Show the next of the continuations that were tried at this place"))
        self._rewind.clicked.connect(self._emit_rewind)
        self._branch.clicked.connect(self._emit_branch)

        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._label)
        top.addStretch(1)
        top.addWidget(self._rewind)
        top.addWidget(self._branch)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 8, 18, 10)
        column.setSpacing(3)
        column.addLayout(top)
        column.addWidget(self._figures)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_token(None, False)

    def show_token(self, token: PageToken | None, can_rewind: bool) -> None:
        """`can_rewind` is false where nothing follows the token."""
        self._token = token
        self._rewind.setVisible(token is not None and can_rewind)
        self._branch.setVisible(token is not None and token.branches > 1)
        if token is None:
            self._label.setText("")
            self._figures.setText(self.tr("Click a token to see its figures and the distribution it was chosen from."))
            return
        label = chip_label(token.token)
        self._label.setText(label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…")
        self._figures.setText(self.words(token))
        self._branch.setText(self.tr("Other branch ({0} tried here)").format(token.branches))

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
        return " · ".join(parts)

    def _link(self, name: str, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setProperty("role", "link")
        button.setFlat(True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Room for two lines where one is too short for most tokens, so that the page does not jump at each."""
        super().resizeEvent(event)
        lines = 1 if self.width() >= 720 else 2
        self._figures.setMinimumHeight(lines * self._figures.fontMetrics().lineSpacing() + 1)

    @Slot()
    def _emit_rewind(self) -> None:
        if self._token is not None:
            self.rewind_requested.emit(self._token.node)

    @Slot()
    def _emit_branch(self) -> None:
        if self._token is not None:
            self.branch_requested.emit(self._token.node)

    @Slot()
    def _restyle(self) -> None:
        font = mono_font(self.font().pointSizeF())
        font.setBold(True)
        self._label.setFont(font)
        self._label.setStyleSheet(f"color: {self._theme.palette.text};")
        self._figures.setStyleSheet(f"color: {self._theme.palette.muted};")
