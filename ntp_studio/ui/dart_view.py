"""The distribution after decoding as one line, each token as wide as its chance, the chosen one in amber; and the
needle that falls on it, which can be dragged."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFontMetrics, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.types import StepFrame
from ntp_studio.ui.candidate_text import choice_explained, explain, explain_others, needle_figure, percent
from ntp_studio.ui.dart_line import Segment, segment_at, segments
from ntp_studio.ui.dart_paint import MARKER, LinePainter, knob
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.panel_labels import mono_like
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.throttle import Throttle

GRIP = 7.0  # so near to the needle a press takes hold of it; elsewhere it puts the needle there
MOST = math.nextafter(1.0, 0.0)
THROTTLE_MS = 16
_STEPS = {Qt.Key.Key_Left: -0.001, Qt.Key.Key_Right: 0.001, Qt.Key.Key_PageUp: 0.05, Qt.Key.Key_PageDown: -0.05}
_ENDS = {Qt.Key.Key_Home: 0.0, Qt.Key.Key_End: MOST}


class DartView(QWidget):
    """The line, with a needle where the draw is a dart's. ← → PgUp PgDn Home End move the needle, Esc gives it back.

    Until the engine has answered, the needle stands where it was put, over the token that lies there. A hand that holds
    it while the text grows puts it at each new place; where a token was drawn before that, a hollow needle says by
    which number.
    """

    needle_moved = Signal(float)  # in [0, 1), while it moves and at its end
    needle_put = Signal(float)  # where a movement ended
    needle_given_back = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("dart_view")
        self._theme = theme
        self._frame: StepFrame | None = None
        self.segments: tuple[Segment, ...] = ()
        self._put: float | None = None  # where a person put it, until the frame says the same
        self._grip: float | None = None  # pixels from the pointer to the needle, while it is dragged
        self._late = False  # the hand brought it to another place, and the frame of that place does not know yet
        self._card = HoverCard(theme, self)
        self._throttle = Throttle(THROTTLE_MS, self)
        self._throttle.passed.connect(self.needle_moved)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.refit()

    # -- what is shown -------------------------------------------------------------------------------------------------

    @property
    def card(self) -> HoverCard:
        return self._card

    @property
    def has_needle(self) -> bool:
        return self._frame is not None and self._frame.draw.method == "dart" and not math.isnan(self._frame.draw.u)

    @property
    def needle(self) -> float | None:
        """Where it stands, in [0, 1)."""
        if self._put is not None:
            return self._put
        return self._frame.draw.u if self._frame is not None and self.has_needle else None

    @property
    def dragging(self) -> bool:
        return self._grip is not None

    @property
    def by_hand(self) -> bool:
        """Whether it stands where a person put it, and the frame on view may not speak of that yet."""
        return self._put is not None

    @property
    def drawn_needle(self) -> float | None:
        """Where it stood when the token on view was drawn, if the hand that holds it came too late for that."""
        if self._frame is None or not self._late or self._frame.draw.u == self._put:
            return None
        return self._frame.draw.u

    @property
    def stored_needle(self) -> float | None:
        """Where it stood when the token that follows here was taken, if it was elsewhere."""
        taken = self._frame.taken if self._frame else None
        if taken is None or taken.draw is None or taken.draw.method != "dart" or math.isnan(taken.draw.u):
            return None
        return taken.draw.u if taken.draw.u != self.needle else None

    def show_frame(self, frame: StepFrame | None) -> None:
        """A frame of the same place may still speak of an earlier place of a needle that is being moved. Where the text
        has gone on, the hand brings the needle along."""
        held, before, self._frame = self.needle, self._frame, frame
        self.segments = segments(frame) if frame else ()
        same = before is not None and frame is not None and (before.node, before.step) == (frame.node, frame.step)
        brought = not same and self.dragging and held is not None and self.has_needle
        if brought:
            self._put, self._late = held, True
        elif not same or not self.has_needle:
            self._let_go()
        else:
            self._late = self._late and frame is not None and frame.draw.needle != "moved"
            if not self.dragging and (frame is None or frame.draw.needle != "moved" or frame.draw.u == self._put):
                self._put = None
        self._card.dismiss()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if self.has_needle else Qt.FocusPolicy.NoFocus)
        self.refit()
        self._describe()
        if brought and held is not None:
            self._throttle.drop()
            self.needle_moved.emit(held)

    def under_needle(self) -> str:
        """The token that the needle hits: the frame's own where it speaks of this needle, else what lies there."""
        u, frame = self.needle, self._frame
        if u is None or frame is None:
            return ""
        if u == frame.draw.u and frame.origin != "forced":
            return frame.choice.token.label
        hit = segment_at(self.segments, u)
        if hit is None or not hit.sure:
            return "…"
        return hit.candidate.token.label if hit.candidate else self.tr("one of the others")

    def _describe(self) -> None:
        u = self.needle
        self.setAccessibleName(self.tr("The line of the dart") if u is None else self.tr("Needle of the dart"))
        words = ""
        if u is not None and self.drawn_needle is not None:
            words = self.tr("u = {u} from the next draw on, this token was drawn at {drawn}").format(
                u=needle_figure(u), drawn=needle_figure(self.drawn_needle)
            )
        elif u is not None:
            words = self.tr("u = {u}, on {token}").format(u=needle_figure(u), token=self.under_needle())
        self.setAccessibleDescription(words)

    # -- geometry ------------------------------------------------------------------------------------------------------

    @Slot()
    def refit(self) -> None:
        """Take the height that the font and the needle need."""
        self.setFixedHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def _margins(self) -> tuple[float, float]:
        """Above and below the line: the needle's token stands above it, its handle below."""
        if not self.has_needle:
            return MARKER, MARKER
        return math.ceil(QFontMetricsF(mono_like(self.font(), 0.87)).height()) + 4.0, 2 * knob() + 3.0

    def sizeHint(self) -> QSize:
        above, below = self._margins()
        return QSize(300, round(QFontMetrics(self.font()).height() * 1.7 + above + below))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def band(self) -> QRectF:
        above, below = self._margins()
        return QRectF(0, above, self.width(), self.height() - above - below)

    def segment_at(self, x: float) -> Segment | None:
        share = x / max(self.width(), 1)
        return segment_at(self.segments, share) if 0.0 <= share < 1.0 else None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint = LinePainter(painter, self._theme.palette, self.font(), self.band())
        paint.segments(self.segments)
        taken = self._frame.taken if self._frame else None
        if taken is not None and self._frame is not None and taken.token.id != self._frame.choice.token.id:
            paint.outline(self.segments, taken.token.id)
        if self.needle is None:
            paint.mark_narrow_choice(self.segments)
        else:
            for u in (self.stored_needle, self.drawn_needle):
                if u is not None:
                    paint.stored_needle(u)
            words = self.under_needle()
            if self.drawn_needle is not None:
                words = needle_figure(self.needle)  # a name here would read as the token that was drawn
            elif self._put is not None:
                words = f"{words} · {needle_figure(self.needle)}"
            paint.needle(self.needle, words, focus=self.hasFocus())
        painter.end()

    # -- the needle ----------------------------------------------------------------------------------------------------

    def _move(self, u: float) -> None:
        self._put = min(max(u, 0.0), MOST)
        self._throttle.push(self._put)
        self._describe()
        self.update()

    def _end(self) -> None:
        """The end of a movement: its last number is sent now."""
        self._grip = None
        self._throttle.flush()
        if self._put is not None:
            self.needle_put.emit(self._put)

    def _let_go(self) -> None:
        """Forget a movement, because the needle is another one now."""
        self._grip = self._put = None
        self._late = False
        self._throttle.drop()

    def give_back(self) -> None:
        """The needle is the seed's again."""
        self._let_go()
        self.needle_given_back.emit()
        self._describe()
        self.update()

    def _near_needle(self, x: float) -> bool:
        return self.needle is not None and abs(x - self.needle * self.width()) <= GRIP

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self.has_needle:
            event.ignore()
            return
        x = event.position().x()
        near = self._near_needle(x)
        self._grip = (self.needle or 0.0) * self.width() - x if near else 0.0
        self._card.dismiss()
        if not near:
            self._move(x / max(self.width(), 1))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.dragging:
            self._end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._grip is not None:
            if event.buttons() & Qt.MouseButton.LeftButton:
                self._move((x + self._grip) / max(self.width(), 1))
                return
            self._end()  # the release went elsewhere, and nobody holds it
        if self.has_needle:
            near = self._near_needle(x)
            self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.PointingHandCursor)
        else:
            self.unsetCursor()
        self._explain(self.segment_at(x), event)

    def _explain(self, segment: Segment | None, event: QMouseEvent) -> None:
        frame = self._frame
        if segment is None or frame is None:
            self._card.dismiss()
            return
        if segment.candidate is None:
            words = explain_others(
                frame.others, frame.tail_probability, frame.processed_tail_probability, frame.whole_vocabulary
            )
        else:
            words = explain(segment.candidate, frame)
        lines = words.lines
        if self.has_needle and segment.sure and segment.candidate is not None:
            ends = self.tr("{start} to {end}").format(start=f"{segment.start:.4f}", end=f"{segment.end:.4f}")
            lines = (*lines, (self.tr("on the line"), ends))
        lines = (*lines, (self.tr("the draw"), choice_explained(frame.draw)[0]))
        hint = self.tr("Click or drag: the needle") if self.has_needle else ""
        self._card.show_at(replace(words, lines=lines, hint=hint), event.globalPosition().toPoint(), beside=True)

    def leaveEvent(self, event: QEvent) -> None:
        self._card.dismiss()

    def event(self, event: QEvent) -> bool:
        # The keys of the needle are its own while it has the focus; else ← and → step, and Esc stops.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._takes(event):
            event.accept()
            return True
        return super().event(event)

    def _takes(self, event: QKeyEvent) -> bool:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        return self.has_needle and plain and (event.key() in _STEPS or event.key() in _ENDS or self._escapes(event))

    def _escapes(self, event: QKeyEvent) -> bool:
        by_hand = self._put is not None or (self._frame is not None and self._frame.draw.needle != "seed")
        return event.key() == Qt.Key.Key_Escape and by_hand

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._takes(event):
            event.ignore()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.give_back()
            return
        step = _STEPS.get(Qt.Key(event.key()))
        self._move(_ENDS[Qt.Key(event.key())] if step is None else (self.needle or 0.0) + step)
        self._end()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()


def spoken(line: tuple[Segment, ...], limit: int = 10) -> str:
    """The first stretches of the line in words, for a screen reader."""
    parts = (
        f"{s.candidate.token.label} {percent(s.candidate.processed_probability)}"
        for s in line[:limit]
        if s.candidate is not None
    )
    return ", ".join(parts)
