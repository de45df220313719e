"""The strip of the time-lapse: which snapshot of the training is on view, the slider over all, and the ribbon."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ntp_studio.core.types import StepFrame, TokenText
from ntp_studio.time_lapse_messages import RibbonChanged, SnapshotMark
from ntp_studio.ui.actions import Actions
from ntp_studio.ui.bar_button import BarButton
from ntp_studio.ui.panel_labels import ElidedLabel, caption_font, scaled
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.time_lapse_legend import RibbonLegend
from ntp_studio.ui.time_lapse_ribbon import RibbonChart
from ntp_studio.ui.time_lapse_slider import SnapshotSlider

SETTLE_MS = 60  # a slider on its way is not followed; where it rests so long, that is meant
PLAY_MS = 1000  # from one snapshot to the next


class TimeLapseStrip(QWidget):
    """Says which snapshot a person wants; what is then read and computed is the worker's. Hidden without snapshots."""

    snapshot_wanted = Signal(str)  # its path
    pins_changed = Signal(object)  # tuple of token ids
    find_wanted = Signal(str)  # in the vocabulary, answered by `show_found`
    play_changed = Signal(bool)

    def __init__(self, commands: Actions, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("time_lapse")
        self.setProperty("bar", "bottom")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(self.tr("Time-lapse of the training"))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._theme, self._commands = theme, commands
        self._marks: tuple[SnapshotMark, ...] = ()
        self._current = 0
        self._awaited: int | None = None  # asked for and not yet shown
        self._hovered = -1
        self._open = True
        self._playing = False
        self._ribbon: RibbonChanged | None = None
        self._place: tuple[int, int] | None = None  # run and node of the distribution on view
        self._build(theme)
        self._settled = self._timer(SETTLE_MS, self._send)
        self._next = self._timer(PLAY_MS, self.next)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def _timer(self, milliseconds: int, slot: object) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _build(self, theme: Theme) -> None:
        self._title, self._run = ElidedLabel(parent=self), ElidedLabel(parent=self)
        self._title.setText(self.tr("TRAINING"))
        self._step, self._figure = ElidedLabel(parent=self), ElidedLabel(parent=self)
        self._step.setObjectName("snapshot_step")
        self._figure.setObjectName("snapshot_figure")
        self._previous_button = self._button("previous_snapshot", "back")
        self._play_button = self._button("play_snapshots", "play")
        self._next_button = self._button("next_snapshot", "step")
        self._even = QToolButton(self)
        self._even.setObjectName("even_spacing")
        self._even.setCheckable(True)
        self._even.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._even.setAccessibleName(self.tr("Even spacing"))
        self._even.setToolTip(self.tr("Snapshots evenly apart, instead of by the logarithm of their step"))
        self._even.toggled.connect(self._space)
        self.ribbon, self.slider = RibbonChart(theme, self), SnapshotSlider(theme, self)
        self.legend = RibbonLegend(theme, self)
        self._caption, self._progress = ElidedLabel(parent=self), ElidedLabel(parent=self)
        self._progress.setObjectName("ribbon_progress")
        self._progress.setAlignment(Qt.AlignmentFlag.AlignRight)

        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._run, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for button in (self._previous_button, self._play_button, self._next_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self._even)
        self._left = QWidget(self)
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(3)
        left.addLayout(head)
        left.addStretch(1)
        left.addWidget(self._step)
        left.addWidget(self._figure)
        left.addStretch(1)
        left.addLayout(buttons)
        captions = QHBoxLayout()
        captions.addWidget(self._caption, 1)
        captions.addWidget(self._progress)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(captions)
        middle.addWidget(self.ribbon, 1)
        middle.addWidget(self.slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 7, 14, 6)
        row.setSpacing(16)
        row.addWidget(self._left)
        row.addLayout(middle, 1)
        row.addWidget(self.legend)
        self.ribbon.span_changed.connect(self.slider.set_span)
        self.ribbon.hovered.connect(self._hover)
        self.ribbon.clicked.connect(self.slider.setValue)
        self.slider.valueChanged.connect(self._moved)
        self.legend.pins_changed.connect(self.pins_changed)
        self.legend.find_wanted.connect(self.find_wanted)

    def _button(self, action_id: str, glyph: str) -> BarButton:
        action = self._commands[action_id]
        button = BarButton(self._theme, glyph=glyph, action=action, parent=self)
        button.setObjectName(f"{action_id}_button")
        button.setAccessibleName(action.text())
        return button

    # -- what the worker says ------------------------------------------------------------------------------------------

    def show_series(self, name: str, marks: Sequence[SnapshotMark], current: int) -> None:
        """The snapshots of the open model's training; none where it stands alone."""
        self.stop()
        self._settled.stop()
        self._awaited = None
        self._marks, self._current = tuple(marks), current
        self._run.setText(f"· {name}" if name else "")
        self.slider.show_marks(self._marks, current)
        self.ribbon.show_places(self.slider.places, current)
        self._ribbon = self._place = None
        self._show_ribbon()
        self._show_words()
        self.setVisible(self._open and bool(marks))
        self._enable()

    @property
    def marks(self) -> tuple[SnapshotMark, ...]:
        return self._marks

    @property
    def current(self) -> int:
        """The snapshot that the text is read with."""
        return self._current

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come: no snapshots, or the ribbon of the place on view is whole."""
        ours = self._ribbon is not None and self._place == (self._ribbon.run, self._ribbon.node)
        return not self._marks or (ours and self._ribbon is not None and self._ribbon.complete)

    def index_of(self, path: str) -> int | None:
        return next((i for i, mark in enumerate(self._marks) if mark.path == path), None)

    def show_current(self, index: int) -> None:
        """The text is read with this snapshot now."""
        self._current = index
        if index == self._awaited:
            self._awaited = None
        elsewhere = self._awaited is not None or self._settled.isActive() or self.slider.isSliderDown()
        self.slider.show_current(index, move=not elsewhere)
        self.ribbon.show_current(index)
        self._show_words()
        self._show_ribbon()
        self._enable()
        if self._playing:
            if index + 1 < len(self._marks):
                self._next.start()
            else:
                self.stop()

    def show_failed(self) -> None:
        """The one that was wanted cannot be had: back to that on view."""
        self.stop()
        self._settled.stop()
        self._awaited = None
        self.slider.show_current(self._current)
        self._show_words()
        self._enable()

    def show_ribbon(self, event: RibbonChanged) -> None:
        self._ribbon = event
        self.slider.show_problems(dict(event.problems))
        self._show_ribbon()

    def show_place(self, run: int, frame: StepFrame) -> None:
        """The distribution on view, whose tokens can be followed; a ribbon of another place pales."""
        before, stale = self._place, self._stale
        self._place = run, frame.node
        self.legend.offer([c.token for c in frame.candidates])
        if before is None:
            self._show_ribbon()
        elif stale != self._stale:
            self._show_figures()

    def offer_first(self, token: TokenText | None) -> None:
        """The token that a person selected in the chart, which need not be among the likeliest."""
        self.legend.offer_first(token)

    def show_found(self, query: str, tokens: Sequence[TokenText]) -> None:
        """The tokens of the vocabulary that contain `query`."""
        self.legend.show_found(query, tokens)

    def set_log(self, log: bool) -> None:
        self.ribbon.set_log(log)

    # -- what a person does --------------------------------------------------------------------------------------------

    def set_open(self, wanted: bool) -> None:
        """Whether the strip is wanted, where there are snapshots."""
        self._open = wanted
        self.setVisible(wanted and bool(self._marks))

    @Slot()
    def previous(self) -> None:
        self.stop()
        self.slider.setValue(self.slider.value() - 1)

    @Slot()
    def next(self) -> None:
        self._next.stop()
        self.slider.setValue(self.slider.value() + 1)

    @Slot()
    def skip(self) -> None:
        """To the next one, by hand."""
        self.stop()
        self.next()

    @Slot()
    def toggle_play(self) -> None:
        """Show one snapshot after the other, from the first if the last is on view."""
        if self._playing:
            self.stop()
            return
        if len(self._marks) < 2:
            return
        self._set_playing(True)
        if self.slider.value() == len(self._marks) - 1:
            self.slider.setValue(0)
        else:
            self.next()

    @Slot()
    def stop(self) -> None:
        self._next.stop()
        self._set_playing(False)

    def _set_playing(self, playing: bool) -> None:
        if playing != self._playing:
            self._playing = playing
            self._play_button.set_glyph("pause" if playing else "play")
            self.play_changed.emit(playing)

    @Slot(int)
    def _moved(self, index: int) -> None:
        self._settled.start()
        self._show_words()
        self._enable()

    @Slot()
    def _send(self) -> None:
        if self.slider.value() < len(self._marks):
            self._awaited = self.slider.value()
            self.snapshot_wanted.emit(self._marks[self.slider.value()].path)

    @Slot(int)
    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self._show_figures()

    @Slot(bool)
    def _space(self, even: bool) -> None:
        self.slider.even = even
        self.ribbon.show_places(self.slider.places, self._current)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _enable(self) -> None:
        wanted, last = self.slider.value(), len(self._marks) - 1
        self._commands["previous_snapshot"].setEnabled(bool(self._marks) and wanted > 0)
        self._commands["next_snapshot"].setEnabled(bool(self._marks) and wanted < last)
        self._commands["play_snapshots"].setEnabled(last > 0)
        self._commands["toggle_time_lapse"].setEnabled(bool(self._marks))

    def _show_words(self) -> None:
        """Which step it is, of how many, and what was measured there."""
        if not self._marks:
            return
        wanted = self.slider.value()
        mark = self._marks[wanted]
        last = self._marks[-1].step
        if mark.step is None:
            self._step.setText(self.tr("final weights"))
        elif last is not None:
            self._step.setText(self.tr("step {0} of {1}").format(f"{mark.step:,}", f"{last:,}"))
        else:  # the training went on behind it, and nothing tells how far
            self._step.setText(self.tr("step {0}").format(f"{mark.step:,}"))
        if wanted != self._current:
            self._figure.setText(self.tr("reading the text with it …"))
        elif mark.bits_per_byte is not None:
            self._figure.setText(self.tr("held-out {0} bits/byte").format(f"{mark.bits_per_byte:.2f}"))
        elif mark.held_out_loss is not None:
            self._figure.setText(self.tr("held-out loss {0} nats/token").format(f"{mark.held_out_loss:.2f}"))
        else:
            self._figure.setText(self.tr("snapshot {0} of {1}").format(wanted + 1, len(self._marks)))

    def _show_ribbon(self) -> None:
        event = self._ribbon
        tokens = event.tokens[:6] if event is not None else ()
        self.legend.show_tokens(tokens)
        lines = [(self.legend.slot_of(each.token.id), each.chosen) for each in tokens]
        self.ribbon.show_rows(lines, event.rows if event is not None else ())
        words = ""
        if event is not None and not event.complete:
            done = sum(row is not None for row in event.rows)
            words = self.tr("{0} of {1} read").format(done, len(event.rows))
        self._progress.setText(words)
        if event is None and self._place is None:
            self._caption.setText(self.tr("Write a prompt, and see how its next token was learned"))
        else:
            self._caption.setText(self.tr("Next token over the training · the model's probability"))
        self._show_figures()

    def _show_figures(self) -> None:
        if not self._marks:
            return
        index = self._hovered if 0 <= self._hovered < len(self._marks) else self._current
        rows = self._ribbon.rows if self._ribbon is not None else ()
        step = self._marks[index].step
        title = self.tr("final weights") if step is None else self.tr("at step {0}").format(f"{step:,}")
        self.legend.show_figures(title, rows[index] if index < len(rows) else None, self._stale)
        self.ribbon.set_stale(self._stale)

    @property
    def _stale(self) -> bool:
        """Whether the ribbon that there is belongs to another place in the text than the one on view."""
        event = self._ribbon
        return event is not None and self._place not in (None, (event.run, event.node))

    @Slot()
    def _restyle(self) -> None:
        palette = self._theme.palette
        self._title.setFont(caption_font(self.font()))
        self._title.set_color(palette.color("muted"))
        self._step.setFont(scaled(self.font(), 1.12, self.font().Weight.DemiBold))
        for label in (self._run, self._figure, self._caption, self._progress):
            label.setFont(scaled(self.font(), 0.9))
            label.set_color(palette.color("muted"))
        self._even.setFont(scaled(self.font(), 0.9))
        self._even.setStyleSheet(
            f"QToolButton {{ color: {palette.muted}; border: 1px solid {palette.border}; border-radius: 6px;"
            f" padding: 3px 7px; }}"
            f"QToolButton:hover {{ background: {palette.sunken}; }}"
            f"QToolButton:checked {{ background: {palette.accent_soft}; color: {palette.link};"
            f" border-color: {palette.accent}; }}"
            f"QToolButton:focus {{ border-color: {palette.accent}; }}"
        )
        self._fit()

    def _fit(self) -> None:
        narrow = self.width() < px(1000)
        room = px(176 if narrow else 236)
        self._left.setFixedWidth(room)
        buttons = (self._previous_button, self._play_button, self._next_button)
        self._even.setText(self.tr("even spacing"))
        if sum(each.sizeHint().width() + 6 for each in buttons) + self._even.sizeHint().width() > room:
            self._even.setText(self.tr("even"))
        self.legend.setFixedWidth(px(190 if narrow else 232))
        self.setFixedHeight(px(156))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._restyle()
