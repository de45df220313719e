"""The compare page: columns side by side, how far they disagree at the right, and their decoding at the left.

It puts the parts together and shows what it is told; `compare_controller` speaks with the worker.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.ui.actions import COMPARE
from ntp_studio.ui.compare_column import CompareColumn
from ntp_studio.ui.compare_column_loading import LoadingColumn
from ntp_studio.ui.compare_drawer import DecodingDrawer
from ntp_studio.ui.disagreement_panel import DisagreementPanel
from ntp_studio.ui.mode_tabs import ModeTabs
from ntp_studio.ui.prompt_editor import PromptEditor
from ntp_studio.ui.score_view import ScoreView
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

NARROWEST = 260  # of a column


class Invitation(QFrame):
    """In the place of a column that is not there yet: what could stand there."""

    add_requested = Signal()
    twin_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_invitation")
        self.setProperty("card", True)
        self._title = self._label("title")
        self._hint = self._label("muted")
        self._add = QPushButton(self.tr("Add a model…"), self)
        self._add.setObjectName("invite_model")
        self._add.setProperty("primary", True)
        self._add.clicked.connect(self.add_requested)
        self._twin = QPushButton(self.tr("The same model again"), self)
        self._twin.setObjectName("invite_twin")
        self._twin.setToolTip(self.tr("A second column on the same weights, for other decoding settings"))
        self._twin.clicked.connect(self.twin_requested)
        for button in (self._add, self._twin):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._hint)
        column.addSpacing(6)
        column.addWidget(self._add, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._twin, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def _label(self, role: str) -> QLabel:
        label = QLabel(self)
        label.setProperty("role", role)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label.setWordWrap(True)
        return label

    def show_for(self, columns: int) -> None:
        """Words for how many columns there are, none or one."""
        self._twin.setVisible(columns > 0)
        if columns:
            self._title.setText(self.tr("What shall it be compared with?"))
            self._hint.setText(
                self.tr(
                    "Another model, the same one in bfloat16, an earlier snapshot of its training, or the same one "
                    "again under other decoding settings."
                )
            )
        else:
            self._title.setText(self.tr("Compare models"))
            self._hint.setText(self.tr("Add two to four models: they go along the same text, step by step."))


class ComparePage(QWidget):
    prompt_submitted = Signal(str, bool)
    prompt_edited = Signal(str, bool)
    view_changed = Signal(int)  # the columns, the prompt editor or the scored text is in front now

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(COMPARE)
        self.setAccessibleName(self.tr("Compare models"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._theme = theme
        self.columns: dict[int, CompareColumn] = {}  # in their row
        self.loading: dict[int, LoadingColumn] = {}  # by request
        self.drawer = DecodingDrawer(theme, self)
        self.drawer.hide()
        self.disagreement = DisagreementPanel(theme, self)
        self.score = ScoreView(theme, self)
        self.tabs = ModeTabs(self)
        self.tabs.choose("surprisal")
        self.edit_button = QPushButton(self.tr("Edit prompt"), self)
        self.edit_button.setObjectName("compare_edit_prompt")
        self.edit_button.setToolTip(self.tr("Change the text that all columns go on from (F2)"))
        self.score_button = QPushButton(self.tr("Score a text"), self)
        self.score_button.setObjectName("compare_score_text")
        self.score_button.setToolTip(self.tr("Force a given text through all columns (Ctrl+Shift+S)"))
        for button in (self.edit_button, self.score_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.invitation = Invitation(theme, self)
        self.editor = PromptEditor(theme, self)
        self.editor.say_whose(
            self.tr("All columns continue this text, one token at a time."), self.tr("AS TOKENS OF A")
        )
        self.editor.submitted.connect(self._submitted)
        self.editor.cancelled.connect(self.show_columns)
        self.editor.edited.connect(self.prompt_edited)
        self.edit_button.clicked.connect(self.edit_prompt)
        self._compose()

    def _compose(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.tabs)
        head.addStretch(1)
        head.addWidget(self.score_button)
        head.addWidget(self.edit_button)
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._row.addWidget(self.invitation, 1)
        row = QWidget(self)
        row.setProperty("transparent", True)
        row.setLayout(self._row)
        scroll = QScrollArea(self)
        scroll.setObjectName("compare_columns")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(row)
        scroll.viewport().setAutoFillBackground(False)
        self._columns_view = QWidget(self)
        inside = QVBoxLayout(self._columns_view)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(10)
        inside.addLayout(head)
        inside.addWidget(scroll, 1)
        self._views = QStackedWidget(self)
        for view in (self._columns_view, self.editor, self.score):
            self._views.addWidget(view)
        self._views.currentChanged.connect(self.view_changed)
        self._views.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        middle = QVBoxLayout()
        middle.setContentsMargins(12, 12, 12, 12)
        middle.addWidget(self._views)
        page = QHBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.drawer)
        page.addLayout(middle, 1)
        self._right = QWidget(self)
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 12, 12, 12)
        right.addWidget(self.disagreement)
        page.addWidget(self._right)

    # -- which view is in front ----------------------------------------------------------------------------------------

    @property
    def editing(self) -> bool:
        return self._views.currentWidget() is self.editor

    @property
    def scoring(self) -> bool:
        return self._views.currentWidget() is self.score

    @Slot()
    def show_columns(self) -> None:
        self._views.setCurrentWidget(self._columns_view)
        self._right.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def edit_prompt(self) -> None:
        self._views.setCurrentWidget(self.editor)
        self.editor.open(can_cancel=bool(self.columns))

    def show_score(self) -> None:
        leading = next(iter(self.columns.values()), None)
        if leading is not None:
            self.score.offer(leading.page.text.joined())
        self._views.setCurrentWidget(self.score)
        self._right.hide()  # it tells of the columns' own text

    @Slot(str, bool)
    def _submitted(self, text: str, chat: bool) -> None:
        self.show_columns()
        self.prompt_submitted.emit(text, chat)

    # -- the row -------------------------------------------------------------------------------------------------------

    def arrange(self) -> None:
        """Put columns and what is being loaded into their row, and an invitation where there is no other."""
        widgets: list[QWidget] = [*self.columns.values(), *self.loading.values()]
        shown = len(widgets) < 2
        self.invitation.setVisible(shown)
        if shown:
            self.invitation.show_for(len(widgets))
            widgets.append(self.invitation)
        for place, widget in enumerate(widgets):
            widget.setMinimumWidth(px(NARROWEST))
            if self._row.indexOf(widget) != place:
                self._row.insertWidget(place, widget, 1)
            widget.setVisible(True)
