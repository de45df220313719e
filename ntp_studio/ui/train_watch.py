"""The card of the watched prompt: a line to write it in, and its next token's bars, drawn anew as the model learns."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from ntp_studio import training_messages as t
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_bars import PromptBars
from ntp_studio.ui.train_fields import label, toggle_style

PROMPT = "Once upon a time"
TYPING_MS = 300  # a prompt is looked at when the typing rests


class PromptWatch(QFrame):
    prompt_changed = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("card", True)
        self.prompt = QLineEdit(PROMPT, self)
        self.prompt.setObjectName("train_prompt")
        self.prompt.setAccessibleName(self.tr("Prompt whose next token is shown while the model learns"))
        self.prompt.setPlaceholderText(self.tr("a prompt to watch"))
        self.base_switch = QCheckBox(self.tr("compare with the base"), self)
        self.base_switch.setObjectName("train_base_switch")
        self.base_switch.setToolTip(self.tr("Pale: the model before its first update"))
        self.base_switch.setChecked(True)
        self.base_switch.toggled.connect(self._show_look)
        self.log_button = QToolButton(self)
        self.log_button.setObjectName("train_log_scale")
        self.log_button.setText(self.tr("log"))
        self.log_button.setCheckable(True)
        self.log_button.setAccessibleName(self.tr("Log scale"))
        self.log_button.setToolTip(self.tr("Logarithmic axis, from 0.01% to 100%"))
        self._look_step = label("", "caption", self)
        self._look: t.PromptLook | None = None
        self.bars = PromptBars(theme, self.tr("now"), self.tr("base"), self)
        self.log_button.toggled.connect(self.bars.set_log)
        self._look_problem = label("", "muted", self)
        self._look_problem.setWordWrap(True)
        self._look_problem.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._prompt_rests)
        self.prompt.textEdited.connect(self._typed)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(label(self.tr("NEXT TOKEN AFTER"), "heading", self))
        head.addWidget(self.prompt, 1)
        head.addWidget(self._look_step)
        head.addWidget(self.base_switch)
        head.addWidget(self.log_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 8, 14, 8)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self._look_problem)
        column.addWidget(self.bars, 1)
        theme.changed.connect(self._restyle)
        self._restyle()
        self._show_look()

    @Slot()
    def _typed(self) -> None:
        self._typing.start()

    @Slot()
    def _prompt_rests(self) -> None:
        self.prompt_changed.emit(self.prompt.text())

    def show_look(self, event: t.PromptLook) -> None:
        """Dropped when the prompt on view is another by now."""
        if event.prompt == self.prompt.text():
            self._look = event
            self._show_look()

    def clear(self) -> None:
        """The run that was looked at is no longer on view."""
        self._look = None
        self._look_step.setText("")
        self._show_look()

    def show_kind(self, new: bool) -> None:
        """Name what is compared with: a new model's untrained network is no base, but where it started."""
        self.base_switch.setText(self.tr("compare with the start") if new else self.tr("compare with the base"))
        self.bars.set_captions(self.tr("now"), self.tr("start") if new else self.tr("base"))

    @property
    def problem(self) -> str:
        """Why there are no bars; empty when there are."""
        return "" if self._look_problem.isHidden() else self._look_problem.text()

    @Slot()
    def _show_look(self) -> None:
        look = self._look
        self._look_problem.setVisible(look is None or bool(look.problem))
        self._look_problem.setText(
            self.tr("The probabilities of the token after this prompt will be drawn here, again and again.")
            if look is None
            else look.problem
        )
        self.bars.setVisible(look is not None and look.frame is not None)
        if look is None:
            self.bars.show_frame(None)
        else:
            self.bars.show_frame(look.frame, look.base if self.base_switch.isChecked() else ())
            self._look_step.setText(self.tr("at step {0}").format(f"{look.step:,}"))

    @Slot()
    def _restyle(self) -> None:
        self.log_button.setStyleSheet(toggle_style(self._theme.palette))
