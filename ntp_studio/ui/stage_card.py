"""One stage of the decoding chain as a card: grip, name, value, switch, slider, and what the stage did at this step.

The card is built from the stage's class attributes alone; nothing in here knows a particular stage.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QEnterEvent, QKeySequence, QMouseEvent, QShortcut
from PySide6.QtWidgets import QFrame, QMenu, QSizePolicy, QVBoxLayout, QWidget

from ntp_studio.core.decoding import build_stage
from ntp_studio.core.decoding.stages import Stage
from ntp_studio.core.types import StageReport, StageSetting, StoryLine
from ntp_studio.ui.card_head import CardHead
from ntp_studio.ui.card_outcome import CardOutcome
from ntp_studio.ui.card_parts import Disclosure
from ntp_studio.ui.help_card import HelpCard
from ntp_studio.ui.parameter_field import ParameterField, parameter_grid
from ntp_studio.ui.style import set_property
from ntp_studio.ui.text_list_editor import TextListEditor
from ntp_studio.ui.theme import Theme

UNSET = object()


class StageCard(QFrame):
    """A card; `changed` after anything a person does to it, `move_asked` with -1 (up) or +1 for the keys,
    `removal_asked` where it may go, `stops_changed` when Tab has other widgets to go through."""

    changed = Signal()
    move_asked = Signal(int)
    removal_asked = Signal()
    stops_changed = Signal()

    def __init__(self, theme: Theme, stage: type[Stage], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._stage = stage
        self._built: object = UNSET
        self._given: frozenset[str] = frozenset()  # the details that the last settings name
        self._about: HelpCard | None = None
        self._menu: QMenu | None = None
        usual = [p for p in stage.parameters if not p.advanced]
        more = [p for p in stage.parameters if p.advanced]
        self._single = len(usual) == 1 and not usual[0].flag
        self.setProperty("card", True)
        self.setObjectName(f"stage_{stage.name}")
        self.setAccessibleName(stage.label)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._body = QWidget(self)
        self._hidden = QWidget(self._body)
        self._fields = [self._make_field(p.name) for p in (*usual, *more)]
        self._main, self._further = self._fields[: len(usual)], self._fields[len(usual) :]
        self._texts = [self._make_texts(t.name) for t in stage.texts]
        self._plain = not usual and not more  # nothing to slide: the texts are what there is to set
        self.head = CardHead(theme, stage, self._main[0].editor if self._single else None, self)
        self.grip, self.switch, self.help = self.head.grip, self.head.switch, self.head.help
        self.switch.toggled.connect(self._switched)
        self.help.clicked.connect(self.show_help)
        self.head.close_mark.clicked.connect(self._ask_removal)
        self._more = Disclosure(theme)
        self._more.setAccessibleName(self.tr("{0}: more settings").format(stage.label))
        self._more.toggled.connect(self._more_toggled)
        self.outcome = CardOutcome(theme)
        self._lay_out()
        for key, slot in (("Alt+Up", self._ask_up), ("Alt+Down", self._ask_down)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)
        for key in ("Delete", "Backspace"):
            shortcut = QShortcut(QKeySequence(key), self.grip)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(self._ask_removal)
        self.grip.focus_changed.connect(self._picked)
        theme.changed.connect(self._restyle)
        self._restyle()
        self._dress()

    # -- building ------------------------------------------------------------------------------------------------------

    def _make_field(self, name: str) -> ParameterField:
        parameter = next(p for p in self._stage.parameters if p.name == name)
        alone = self._single and not parameter.advanced
        called = self._stage.label if alone else f"{self._stage.label}, {parameter.label}"
        field = ParameterField(self._theme, parameter, called, self._hidden if parameter.advanced else self._body)
        field.changed.connect(self._set)
        return field

    def _make_texts(self, name: str) -> TextListEditor:
        texts = next(t for t in self._stage.texts if t.name == name)
        check = partial(self.error_with, name)
        editor = TextListEditor(self._theme, texts, check, f"{self._stage.label}, {texts.label}")
        editor.changed.connect(self._set)
        editor.rows_changed.connect(self.stops_changed)
        return editor

    def _lay_out(self) -> None:
        body = QVBoxLayout(self._body)
        body.setContentsMargins(2, 0, 2, 0)
        body.setSpacing(2)
        if self._single:
            body.addWidget(self._main[0].widgets()[0])
        elif self._main:
            body.addLayout(parameter_grid(self._main))
        hidden = QVBoxLayout(self._hidden)
        hidden.setContentsMargins(0, 0, 0, 4)
        hidden.setSpacing(4)
        if self._further:
            hidden.addLayout(parameter_grid(self._further))
        for texts in self._texts:
            (body if self._plain else hidden).addWidget(texts)
        self._hidden.hide()
        if self._plain:
            body.addSpacing(3)
        body.addWidget(self.outcome)
        body.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        body.addWidget(self._hidden)
        self._more.setVisible(bool(self._further or (self._texts and not self._plain)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(2)
        layout.addWidget(self.head)
        layout.addWidget(self._body)

    def tab_stops(self) -> list[QWidget]:
        """In the order in which they are seen."""
        single = [self._main[0].editor] if self._single else []
        stops: list[QWidget | None] = [self.grip, self.help, *single, self.switch]
        for field in self._main:
            stops += [widget for widget in field.widgets() if widget not in single]
        texts = [widget for editor in self._texts for widget in editor.widgets()]
        further = [widget for field in self._further for widget in field.widgets()]
        stops += [*texts, self._more] if self._plain else [self._more, *further, *texts]
        return [widget for widget in stops if widget is not None]

    # -- what it holds -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._stage.name

    @property
    def label(self) -> str:
        return self._stage.label

    @property
    def on(self) -> bool:
        return self.switch.isChecked()

    @property
    def active(self) -> bool:
        """Whether it takes part in the chain: on, and not at a value at which it does nothing."""
        return self.on and self.built() is not None

    def built(self) -> Stage | None:
        """The stage as it is set; None at a value at which it does nothing."""
        if self._built is UNSET:
            self._built = build_stage(self.setting())
        return self._built  # type: ignore[return-value]

    def setting(self) -> StageSetting:
        """What is set. Details that stand at their default are left out, unless they were given."""
        details = [f.parameter for f in self._further if f.usual and f.parameter.name not in self._given]
        return StageSetting(
            self._stage.name,
            tuple((f.parameter.name, f.value) for f in self._fields if f.parameter not in details),
            self.on,
            tuple((t.name, t.value) for t in self._texts if not t.usual or t.name in self._given),
        )

    def set_setting(self, setting: StageSetting | None) -> None:
        """Show a setting without `changed`; None stands for the defaults, switched off."""
        values = dict(setting.values) if setting else {}
        texts = dict(setting.texts) if setting else {}
        self._given = frozenset({*values, *texts})
        blocked = self.blockSignals(True)
        for field in self._fields:
            field.set_value(values.get(field.parameter.name, field.parameter.default))
        for editor, given in zip(self._texts, self._stage.texts, strict=True):
            editor.set_value(texts.get(editor.name, given.default))
        self.switch.setChecked(setting is not None and setting.enabled)
        self._built = UNSET
        self._dress()
        self.blockSignals(blocked)

    def error_with(self, name: str, texts: tuple[str, ...]) -> str:
        """What the stage would say against this list of texts; nothing where it accepts it."""
        values = {p.name: p.default for p in self._stage.parameters} | {t.name: t.default for t in self._stage.texts}
        try:
            self._stage(**(values | {name: texts}))
        except (ValueError, TypeError) as error:
            return str(error)
        return ""

    def set_lifted(self, lifted: bool) -> None:
        set_property(self, "lifted", lifted)

    def show_report(self, report: StageReport | None) -> None:
        """What the stage did at the step on view; None where it took no part."""
        self.outcome.show_report(report)
        self._show_rest()

    def show_line(self, line: StoryLine | None) -> None:
        """What it did to the token whose story is told."""
        self.outcome.show_line(line)

    # -- what a person does --------------------------------------------------------------------------------------------

    @Slot(bool)
    def _switched(self, on: bool) -> None:
        self.outcome.show_report(None)
        self.outcome.show_line(None)
        self._dress()
        self.changed.emit()

    @Slot()
    def _set(self) -> None:
        self._built = UNSET
        self._show_state()
        self.changed.emit()

    @Slot(bool)
    def _more_toggled(self, on: bool) -> None:
        self._hidden.setVisible(on)

    @Slot()
    def _ask_up(self) -> None:
        self.move_asked.emit(-1)

    @Slot()
    def _ask_down(self) -> None:
        self.move_asked.emit(1)

    @Slot()
    def _ask_removal(self) -> None:
        if not self.on:
            self.removal_asked.emit()

    @Slot()
    def show_help(self) -> None:
        """Open the card that explains the stage."""
        if self._about is None:
            self._about = HelpCard(self._theme, self._stage, self)
        self._about.open_at(self.help if self.help.isVisible() else self.head.name)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self._menu = self._menu or QMenu(self)
        menu.clear()
        menu.addAction(self.tr("Move up\tAlt+↑"), self._ask_up)
        menu.addAction(self.tr("Move down\tAlt+↓"), self._ask_down)
        menu.addAction(self.tr("Switch off") if self.on else self.tr("Switch on"), self.switch.click)
        gone = menu.addAction(self.tr("Take off the panel\tDel"), self._ask_removal)
        gone.setEnabled(not self.on)
        menu.addSeparator()
        menu.addAction(self.tr("About {0}…").format(self.label.replace("&", "&&")), self.show_help)
        menu.popup(event.globalPos())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # A click on the card itself chooses it, for Alt+↑ and Alt+↓.
        self.grip.setFocus(Qt.FocusReason.MouseFocusReason)
        event.accept()

    @Slot(bool)
    def _picked(self, picked: bool) -> None:
        set_property(self, "picked", picked)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def enterEvent(self, event: QEnterEvent) -> None:
        self.head.show_pointed(True)

    def leaveEvent(self, event: QEvent) -> None:
        self.head.show_pointed(False)

    @Slot()
    def _restyle(self) -> None:
        for field in self._fields:
            field.restyle()
        if self._about is not None:  # made anew for another text size
            self._about.deleteLater()
            self._about = None

    def _dress(self) -> None:
        self.head.show_state(self.on, " / ".join(field.figure() for field in self._main))
        self._body.setVisible(self.on)
        self._show_state()

    def _show_state(self) -> None:
        """Say where it changes nothing at these values, and how much is set behind "More"."""
        idle = ""
        if self.on and self.built() is None:
            idle = self.tr("changes nothing while the list is empty")
            idle = self.tr("changes nothing at this value") if self._fields else idle
        self.outcome.set_idle(idle)
        details = sum(not field.usual for field in self._further)
        details += sum(not texts.usual for texts in self._texts if not self._plain)
        self._more.set_note(self.tr("{0} set").format(details) if details else "")
        self._show_rest()

    def _show_rest(self) -> None:
        faded = not self.on or self.outcome.resting
        set_property(self, "off", faded)
        self.head.show_faded(faded)
