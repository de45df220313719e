"""One stage of the decoding chain as a card: grip, name, value, switch, slider, and what the stage did at this step.

The card is built from the stage's class attributes alone; nothing in here knows a particular stage.
"""

from __future__ import annotations

import textwrap

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QMouseEvent, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ntp_studio.core.decoding.stages import Parameter, Stage
from ntp_studio.core.types import StageReport, StageSetting
from ntp_studio.ui.candidate_text import bits_figure, number, percent
from ntp_studio.ui.card_parts import CaptionRow, ElidedLabel, Grip, HelpMark
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.parameter_slider import ParameterSlider, rounded
from ntp_studio.ui.style import px, set_property
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.value_editor import ValueEditor


class StageCard(QFrame):
    """A card; `changed` after anything a person does to it, `move_asked` with -1 (up) or +1 for the keys."""

    changed = Signal()
    move_asked = Signal(int)
    ROOMY = 230

    def __init__(self, theme: Theme, stage: type[Stage], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stage = stage
        self._parameters = tuple(p for p in stage.parameters if not p.advanced)
        self._single = len(self._parameters) == 1
        self._values = {p.name: float(p.default) for p in self._parameters}
        self._editors: dict[str, ValueEditor] = {}
        self._sliders: dict[str, ParameterSlider] = {}
        self._report: StageReport | None = None
        self.setProperty("card", True)
        self.setObjectName(f"stage_{stage.name}")
        self.setAccessibleName(stage.label)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.grip = Grip(theme)
        self.grip.setToolTip(self.tr("Drag to reorder, or press Alt+↑ and Alt+↓"))
        self.grip.setAccessibleName(self.tr("Move {0}").format(stage.label))
        self.switch = Switch(theme)
        self.switch.setAccessibleName(self.tr("{0} on").format(stage.label))
        self.switch.toggled.connect(self._switched)
        self._name = ElidedLabel(stage.label)
        summary = "\n".join(textwrap.wrap(stage.summary, 60))
        self._name.setToolTip(f"{stage.label}\n{summary}")
        self._help = HelpMark(theme, summary)
        self._help.setAccessibleName(self.tr("About {0}: {1}").format(stage.label, stage.summary))
        self._summary = QLabel()  # the values of a card that is switched off
        self._summary.setTextFormat(Qt.TextFormat.PlainText)
        self._summary.setProperty("role", "muted")
        self._caption = CaptionRow(theme)

        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(5)
        head.addWidget(self.grip)
        head.addWidget(self._name)
        head.addWidget(self._help)
        head.addStretch(1)
        head.addWidget(self._summary)
        body = QVBoxLayout()
        body.setContentsMargins(2, 0, 2, 0)
        body.setSpacing(2)
        for p in self._parameters:
            self._add_parameter(theme, p, head, body)
        head.addWidget(self.switch)
        body.addWidget(self._caption)
        self._body = QWidget()
        self._body.setLayout(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._body)
        for key, direction in (("Alt+Up", -1), ("Alt+Down", 1)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self._ask_up if direction < 0 else self._ask_down)
        self.grip.focus_changed.connect(self._picked)
        theme.changed.connect(self._restyle)
        self._restyle()
        self._dress()

    def _add_parameter(self, theme: Theme, p: Parameter, head: QHBoxLayout, body: QVBoxLayout) -> None:
        editor = ValueEditor(p, _hard_maximum(self._stage, p))
        slider = ParameterSlider(theme, p)
        name = self._stage.label if self._single else f"{self._stage.label}, {p.label}"
        for widget in (editor, slider):
            widget.setAccessibleName(name)
            widget.setProperty("parameter", p.name)
        editor.setValue(p.default)
        slider.set_parameter_value(p.default)
        editor.valueChanged.connect(self._typed)
        slider.moved.connect(self._slid)
        if self._single:
            head.addWidget(editor)
        else:
            line = QHBoxLayout()
            label = QLabel(p.label)
            label.setProperty("role", "caption")
            line.addWidget(label)
            line.addStretch(1)
            line.addWidget(editor)
            body.addLayout(line)
        body.addWidget(slider)
        self._editors[p.name], self._sliders[p.name] = editor, slider

    # -- what it holds -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._stage.name

    def setting(self) -> StageSetting:
        return StageSetting(self._stage.name, tuple(self._values.items()), self.switch.isChecked())

    def set_setting(self, setting: StageSetting | None) -> None:
        """Show a setting without `changed`; None stands for the defaults, switched off."""
        given = dict(setting.values) if setting else {}
        blocked = self.blockSignals(True)
        for p in self._parameters:
            self._set_value(p.name, given.get(p.name, p.default))
        self.switch.setChecked(setting is not None and setting.enabled)
        self._dress()
        self.blockSignals(blocked)

    def set_lifted(self, lifted: bool) -> None:
        set_property(self, "lifted", lifted)

    def show_report(self, report: StageReport | None) -> None:
        """What the stage did at the step on view; None where it took no part."""
        self._report = report
        self._fill_caption()

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot(bool)
    def _switched(self, on: bool) -> None:
        self._report = None
        self._dress()
        self.changed.emit()

    @Slot(float)
    def _typed(self, value: float) -> None:
        self._take(self.sender().property("parameter"), value)

    @Slot(float)
    def _slid(self, value: float) -> None:
        self._take(self.sender().property("parameter"), value)

    @Slot()
    def _ask_up(self) -> None:
        self.move_asked.emit(-1)

    @Slot()
    def _ask_down(self) -> None:
        self.move_asked.emit(1)

    def _take(self, name: str, value: float) -> None:
        if value != self._values[name]:
            self._set_value(name, value)
            self._fill_caption()
            self.changed.emit()

    def _set_value(self, name: str, value: float) -> None:
        """Keep the value, and show it in both places without asking back."""
        editor, slider = self._editors[name], self._sliders[name]
        value = min(max(round(value, ValueEditor.DECIMALS), editor.minimum()), editor.maximum())
        self._values[name] = value
        for widget in (editor, slider):
            widget.blockSignals(True)
        editor.setValue(value)
        slider.set_parameter_value(value)
        for widget in (editor, slider):
            widget.blockSignals(False)
        editor.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # In a narrow column the name needs the room more; its tip says the same.
        self._help.setVisible(event.size().width() >= px(self.ROOMY))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # A click on the card itself chooses it, for Alt+↑ and Alt+↓.
        self.grip.setFocus(Qt.FocusReason.MouseFocusReason)
        event.accept()

    @Slot(bool)
    def _picked(self, picked: bool) -> None:
        set_property(self, "picked", picked)

    @Slot()
    def _restyle(self) -> None:
        self._summary.setFont(mono_like(QApplication.font()))
        for editor in self._editors.values():
            editor.restyle()
            editor.updateGeometry()

    # -- looks ---------------------------------------------------------------------------------------------------------

    def _dress(self) -> None:
        on = self.switch.isChecked()
        set_property(self, "off", not on)
        set_property(self._name, "role", "strong" if on else "muted")
        figures = (self._editors[p.name].textFromValue(self._values[p.name]) for p in self._parameters)
        self._summary.setText(" / ".join(figures))
        self._summary.setVisible(not on)
        if self._single:
            next(iter(self._editors.values())).setVisible(on)
        self._body.setVisible(on)
        self._fill_caption()

    def _fill_caption(self) -> None:
        report = self._report
        if self._does_nothing():
            self._caption.set_parts(self.tr("changes nothing at this value"))
            self._caption.setToolTip("")
            return
        if report is None:
            self._caption.set_parts("—")
            self._caption.setToolTip(self.tr("What this stage does is shown with the next distribution."))
            return
        before, after = report.entropy_before_bits, report.entropy_after_bits
        entropy = self.tr("H {0} → {1} bits").format(bits_figure(before), bits_figure(after))
        removes = self.tr("removes {0}").format(number(report.removed))
        kept = self.tr("{0} kept").format(number(report.kept))
        # It reads as 100% only where no token was removed.
        share = percent(1.0 if not report.removed else min(report.mass, 1.0 - 1e-8))
        reshapes = not report.removed and before != after
        self._caption.set_parts(entropy if reshapes else removes, kept, self.tr("keeps {0}").format(share))
        lines = [
            self.tr("Entropy: {0} → {1} bits").format(f"{before:.4f}", f"{after:.4f}"),
            self.tr("Tokens: {0} removed, {1} kept").format(number(report.removed), number(report.kept)),
            self.tr("Keeps {0} of the probability that entered this stage,").format(share),
            self.tr("as the stages before it had shaped it."),
        ]
        if report.threshold:
            lines.insert(0, self.tr("Threshold: {0}").format(report.threshold))
        self._caption.setToolTip("\n".join(lines))

    def _does_nothing(self) -> bool:
        """Whether the only parameter stands at the value that makes the stage the identity."""
        p = self._parameters[0]
        return self._single and p.off is not None and rounded(p, self._values[p.name]) == p.off


def _hard_maximum(stage: type[Stage], p: Parameter) -> float:
    """How far a value may be typed: beyond the slider's range where the stage itself accepts that."""
    values = {q.name: q.default for q in stage.parameters}
    try:
        stage(**(values | {p.name: p.maximum * 100}))
    except ValueError:
        return p.maximum
    return p.maximum * 100
