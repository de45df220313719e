"""The Train panel: what to train at the left; the loss curve, figures and a prompt's next token at the right.

It shows what it is told and says what a person asks for; `train_controller` speaks with the worker.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFont
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ntp_studio import training_messages as t
from ntp_studio.ui.actions import TRAIN
from ntp_studio.ui.panel_labels import ElidedLabel, scaled
from ntp_studio.ui.panel_parts import BusyLine
from ntp_studio.ui.style import px, set_property
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_compare import Comparison
from ntp_studio.ui.train_curve import LossCurve
from ntp_studio.ui.train_fields import TextFiles, label
from ntp_studio.ui.train_figures import RunFigures
from ntp_studio.ui.train_form import TrainForm
from ntp_studio.ui.train_values import Unfinished
from ntp_studio.ui.train_watch import PromptWatch


class TrainPage(QWidget):
    start_requested = Signal()
    resume_requested = Signal(str)  # the folder of a run
    pause_requested = Signal()
    continue_requested = Signal()
    stop_requested = Signal()
    compare_requested = Signal()
    open_requested = Signal(str)  # the folder of the result
    prompt_changed = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(TRAIN)
        self.setAccessibleName(self.tr("Train a model"))
        self.setAcceptDrops(True)
        self._theme = theme
        self._phase = ""
        self._folder = ""  # of the run on view
        self._resumable = ""  # the folder of a run that can go on
        self._ended = self.tr("No training yet")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._make_left())
        row.addWidget(self._make_right(), 1)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.show_phase(t.TrainingPhase("ended"))
        self._form_changed()

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _make_left(self) -> QWidget:
        self._left = QWidget(self)
        self._left.setProperty("column", True)
        self._left.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.form = TrainForm(self._theme)
        self.form.changed.connect(self._form_changed)
        scroll = QScrollArea(self._left)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        scroll.viewport().setAutoFillBackground(False)
        self._problem = label("", "error", self._left)
        self._problem.setObjectName("train_problem")
        self._problem.setWordWrap(True)
        self._problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._start = self._button("train_start", self.tr("Start training"), self._start_clicked)
        self._pause = self._button("train_pause", self.tr("Pause"), self._pause_clicked)
        self._continue = self._button("train_continue", self.tr("Resume"), self._continue_clicked, primary=True)
        self._stop = self._button("train_stop", self.tr("Stop"), self._stop_clicked)
        self._earlier = self._button("train_earlier", self.tr("Go on with an earlier run…"), self.ask_earlier)
        self._earlier.setProperty("role", "link")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self._start, self._pause, self._continue, self._stop):
            buttons.addWidget(button, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(16, 10, 16, 12)
        foot.setSpacing(8)
        foot.addWidget(self._problem)
        foot.addLayout(buttons)
        foot.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self._left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(scroll, 1)
        column.addLayout(foot)
        return self._left

    def _button(self, name: str, text: str, slot: object, primary: bool = False) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setProperty("primary", primary)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(slot)
        return button

    def _make_right(self) -> QWidget:
        right = QWidget(self)
        self._title = ElidedLabel(parent=right)
        self._title.setObjectName("train_title")
        self._detail = ElidedLabel(parent=right)
        self._open = self._button("train_open", self.tr("Open the result"), self._open_clicked, primary=True)
        self._compare = self._button("train_compare", self.tr("Compare with the base"), self.compare_requested)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addWidget(self._title)
        words.addWidget(self._detail)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addLayout(words, 1)
        head.addWidget(self._compare)
        head.addWidget(self._open)
        self._busy = BusyLine(self._theme, right)
        self.curve = LossCurve(self._theme, right)
        self.comparison = Comparison(self._theme, right)
        self.comparison.closed.connect(self.show_curves)
        curves = QWidget(right)
        inside = QVBoxLayout(curves)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(12)
        inside.addWidget(self.curve, 1)
        self.watch = PromptWatch(self._theme, curves)
        self.watch.prompt_changed.connect(self.prompt_changed)
        self.watch.log_button.toggled.connect(self.comparison.set_log)
        inside.addWidget(self.watch, 1)
        self._views = QStackedWidget(right)
        self._views.addWidget(curves)
        self._views.addWidget(self.comparison)
        column = QVBoxLayout(right)
        column.setContentsMargins(18, 12, 18, 14)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._busy)
        self.figures = RunFigures(self._theme, right)
        column.addWidget(self.figures)
        column.addWidget(self._views, 1)
        return right

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot()
    def _form_changed(self) -> None:
        """A hint is given at Start; it goes as soon as something is changed."""
        self.form.unmark()
        self.show_problem("")

    @Slot()
    def _start_clicked(self) -> None:
        problem = self.form.problem()
        self.show_problem(problem)
        self.form.mark_problem()
        if not problem:
            self._start.setEnabled(False)
            self.start_requested.emit()

    @Slot()
    def _pause_clicked(self) -> None:
        self._pause.setEnabled(False)
        self._title.setText(self.tr("Pausing after the update under way …"))
        self.pause_requested.emit()

    @Slot()
    def _continue_clicked(self) -> None:
        self._continue.setEnabled(False)
        if self._phase == "paused":
            self.continue_requested.emit()
        else:
            self.resume_requested.emit(self._resumable)

    @Slot()
    def _stop_clicked(self) -> None:
        self._stop.setEnabled(False)
        self._title.setText(self.tr("Stopping after the update under way …"))
        self.stop_requested.emit()

    @Slot()
    def _open_clicked(self) -> None:
        self.open_requested.emit(self._folder)

    @Slot()
    def ask_earlier(self) -> None:
        """A person chooses the folder of a run."""
        dialog = QFileDialog(self.window(), self.tr("The folder of a run that was interrupted"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setDirectory(self.form.results_folder)
        dialog.fileSelected.connect(self.resume_requested)
        dialog.open()

    @Slot()
    def show_curves(self) -> None:
        self._views.setCurrentIndex(0)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if TextFiles.dropped_files(event) and self.form.isEnabled():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.form.files.add(TextFiles.dropped_files(event))

    # -- what it is told -----------------------------------------------------------------------------------------------

    def show_problem(self, sentence: str) -> None:
        self._problem.setText(sentence)
        self._problem.setVisible(bool(sentence))
        self._problem.setAccessibleName(sentence)

    def problem(self) -> str:
        return "" if self._problem.isHidden() else self._problem.text()

    def show_phase(self, event: t.TrainingPhase) -> None:
        tr, phase = self.tr, event.phase
        ended = phase == "ended"
        if phase == "preparing" and self._phase == "ended":
            self._clear()
        if ended:
            self.form.show_own()
        self._phase = phase
        titles = {
            "preparing": event.message or tr("Preparing …"),
            "running": tr("Training"),
            "paused": tr("Paused"),
            "saving": event.message or tr("Saving …"),
            "measuring": event.message or tr("Measuring …"),
            "ended": self._ended,
        }
        self._title.setText(titles[phase])
        self.show_problem(event.message if phase in ("paused", "ended") else "")
        self.form.setEnabled(ended)
        self._start.setVisible(ended)
        self._start.setEnabled(ended)
        self._earlier.setEnabled(ended)
        for button, phases in (
            (self._pause, ("running",)),
            (self._stop, ("preparing", "running", "paused", "measuring")),
        ):
            button.setVisible(phase in phases)
            button.setEnabled(phase in phases)
        self._offer_resuming(phase == "paused" or (ended and bool(self._resumable)))
        self._stop.setText(tr("Stop") if phase in ("running", "paused") else tr("Cancel"))
        self._busy.set_busy(phase in ("preparing", "saving", "measuring"))
        for button in (self._open, self._compare):
            button.setVisible(ended and bool(self._folder))
        self._compare.setEnabled(ended)

    def _clear(self) -> None:
        """Another run is being prepared: nothing of the one before stays on view."""
        self._folder = self._resumable = ""
        self.show_curves()
        self.curve.clear()
        self.figures.clear()
        self.watch.clear()
        self._detail.setText("")

    def offer_unfinished(self, run: Unfinished | None) -> None:
        """After the start of the program: the last run may go on."""
        if run is None or self._phase != "ended" or self._folder:
            return
        self._resumable = run.folder
        words = self.tr("{0} stopped after {1} steps") if run.stopped else self.tr("{0} broke off after {1} steps")
        self._ended = words.format(Path(run.folder).name, f"{run.step:,}")
        self._title.setText(self._ended)
        self._detail.setText(self.tr("Resume goes on with it."))
        self._offer_resuming(True)

    def _offer_resuming(self, offered: bool) -> None:
        """Going on with the run is then what is likeliest to be wanted, so it is the one button that stands out."""
        self._continue.setVisible(offered)
        self._continue.setEnabled(offered)
        if self._start.property("primary") is not (not offered):
            self._start.setProperty("primary", not offered)
            self._start.style().unpolish(self._start)
            self._start.style().polish(self._start)

    def show_begun(self, event: t.TrainingBegun) -> None:
        self._folder = event.folder
        self._resumable = ""
        given = dict(event.values)
        new = given["base"] is None
        self.form.show_recipe(event.values)
        self.watch.show_kind(new)
        self._compare.setText(self.tr("Compare with the start") if new else self.tr("Compare with the base"))
        self.show_curves()
        self.curve.clear()
        self.curve.add(event.losses, [(step, f.loss) for step, f in event.held_out])
        self.figures.show_begun(event)
        learning = (
            self.tr("{0} of {1} parameters learn").format(f"{event.learning:,}", f"{event.parameters:,}")
            if event.learning != event.parameters
            else self.tr("{0} parameters").format(f"{event.parameters:,}")
        )
        if given["context"] != event.context:
            words = self.tr("the base reads at most {0} tokens; blocks of {0} are used")
            learning = f"{words.format(f'{event.context:,}')} · {learning}"
        self._detail.setText(
            self.tr("{0} · {1} · {2} tokens to train on, {3} held out · {4} ({5})").format(
                event.name,
                learning,
                f"{event.train_tokens:,}",
                f"{event.held_out_tokens:,}",
                event.device,
                event.precision,
            )
        )

    def show_progress(self, event: t.TrainingProgress) -> None:
        self.curve.add(event.losses, [(step, f.loss) for step, f in event.held_out])
        self.figures.show_progress(event, self.curve.mean)

    def show_ended(self, event: t.TrainingEnded) -> None:
        words = {
            "done": self.tr("Done after {0} steps"),
            "early stop": self.tr("Stopped early after {0} steps: the held-out loss no longer fell"),
            "stopped": self.tr("Stopped after {0} steps; it can go on from here"),
        }
        self._resumable = event.folder if event.reason == "stopped" else ""
        self._offer_resuming(bool(self._resumable))
        self._ended = words[event.reason].format(f"{event.step:,}")
        self._title.setText(self._ended)
        self.figures.show_end(event.step, event.held_out)
        self.form.renew_folder()

    def show_failed(self, event: t.TrainingFailed) -> None:
        broke = self._phase in ("running", "paused")
        self._ended = self.tr("The training broke off") if broke else self.tr("No training began")
        self._folder = self._resumable = ""
        self.figures.show_end(0, None)
        self.show_phase(t.TrainingPhase("ended", event.message))
        self.form.renew_folder()
        self.show_problem(event.message)

    def show_compared(self, event: t.BaseCompared) -> None:
        self.comparison.show_comparison(event)
        self._views.setCurrentWidget(self.comparison)

    # -- looks ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._title.setFont(scaled(self.font(), 1.1, QFont.Weight.DemiBold))
        self._title.set_color(palette.color("text"))
        self._detail.setFont(scaled(self.font(), 0.87))
        self._detail.set_color(palette.color("muted"))
        self._left.setFixedWidth(max(px(316), 300))
        set_property(self._earlier, "role", "link")

    @property
    def busy(self) -> bool:
        """Whether a run is under way, be it paused."""
        return self._phase != "ended"

    @property
    def share_done(self) -> float:
        """How much of the run is done, NaN before it has begun."""
        return self.figures.share_done
