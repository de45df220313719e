"""What a stage drew of its own rule, inside its card: bars, curves, arrows, painted small and at once.

A drawing is asked for its parts by the pointer, and by the keys once it has the focus: ← → Home End walk from part to
part, Enter or a click chooses the token. Every stage of every step is painted, so this paints itself: a chart with axes
and a scene for each card would cost a hundred times as much.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ntp_studio.core.pictures import Arrows, Bars, Curve, Picture, Shift, Track
from ntp_studio.ui.candidate_text import Explanation
from ntp_studio.ui.hover_card import HoverCard
from ntp_studio.ui.picture_arrows import ArrowsDrawing
from ntp_studio.ui.picture_bars import BarsDrawing
from ntp_studio.ui.picture_base import Drawing, Look
from ntp_studio.ui.picture_curve import CurveDrawing, TrackDrawing
from ntp_studio.ui.picture_shift import ShiftDrawing
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme

_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Return, Qt.Key.Key_Enter)


def drawing_of(picture: Picture) -> Drawing | None:
    """None for a picture with nothing in it."""
    drawing: Drawing
    if isinstance(picture, Bars):
        drawing = BarsDrawing(picture)
    elif isinstance(picture, Curve):
        drawing = CurveDrawing(picture)
    elif isinstance(picture, Arrows):
        drawing = ArrowsDrawing(picture)
    elif isinstance(picture, Shift):
        drawing = ShiftDrawing(picture)
    else:
        assert isinstance(picture, Track)
        drawing = TrackDrawing(picture)
    return drawing if drawing.count else None


class StagePictures(QWidget):
    """The drawings of one stage, one below the other. It is hidden while there is nothing to draw."""

    token_chosen = Signal(int)  # a click or Enter on a token's part

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage_pictures")
        self._theme = theme
        self._pictures: tuple[Picture, ...] = ()
        self._drawings: tuple[Drawing, ...] = ()
        self._look: Look | None = None
        self._selected: int | None = None
        self._pointed: tuple[int, int] | None = None  # drawing and part
        self._card: HoverCard | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("What this stage does here"))
        theme.changed.connect(self._restyle)
        self.hide()

    # -- what it shows -------------------------------------------------------------------------------------------------

    def show_pictures(self, pictures: tuple[Picture, ...]) -> None:
        """Replace what is drawn. Without anything to draw the widget hides; the token selected stays."""
        if pictures == self._pictures:
            return
        before = self._height()
        self._point_at(None)
        self._pictures = pictures
        self._drawings = tuple(d for d in map(drawing_of, pictures) if d is not None)
        for drawing in self._drawings:
            drawing.selected = self._selected
        self._describe()
        if self._height() != before:
            self.updateGeometry()
        if self.isHidden() == bool(self._drawings):
            self.setVisible(bool(self._drawings))
        self.update()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return self._pictures

    def select_token(self, token_id: int | None) -> None:
        """Mark this token wherever it is drawn."""
        if token_id != self._selected:
            self._selected = token_id
            for drawing in self._drawings:
                drawing.selected = token_id
            self.update()

    @property
    def selected_token(self) -> int | None:
        return self._selected

    # -- sizes ---------------------------------------------------------------------------------------------------------

    def look(self) -> Look:
        if self._look is None:
            self._look = Look(self._theme.palette, self.font())
        return self._look

    def _height(self) -> int:
        if not self._drawings:
            return 0
        look = self.look()
        return sum(d.height(look) for d in self._drawings) + look.gap * (len(self._drawings) - 1) + px(4)

    def sizeHint(self) -> QSize:
        return QSize(px(200), self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(px(90), self._height())

    def rects(self) -> list[QRectF]:
        """Where each drawing stands, in this widget."""
        look, y, found = self.look(), float(px(2)), []
        for drawing in self._drawings:
            height = drawing.height(look)
            found.append(QRectF(0, y, self.width(), height))
            y += height + look.gap
        return found

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter = self.look(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, (drawing, rect) in enumerate(zip(self._drawings, self.rects(), strict=True)):
            pointed = self._pointed[1] if self._pointed is not None and self._pointed[0] == index else None
            drawing.paint(painter, rect, look, pointed)
        if self.hasFocus():
            # A line beneath: a ring would run through the words at both edges.
            painter.fillRect(QRectF(0, self.height() - 2, self.width(), 2), look.kept)
        painter.end()

    @Slot()
    def _restyle(self) -> None:
        self._look = None
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._restyle()

    # -- pointing ------------------------------------------------------------------------------------------------------

    def part_at(self, point: QPointF) -> tuple[int, int] | None:
        """(drawing, part) under this point."""
        look = self.look()
        for index, (drawing, rect) in enumerate(zip(self._drawings, self.rects(), strict=True)):
            part = drawing.part_at(point, rect, look)
            if part is not None:
                return index, part
        return None

    def explanation(self) -> Explanation | None:
        """What is said about the part pointed at."""
        if self._pointed is None:
            return None
        index, part = self._pointed
        return self._drawings[index].explain(part)

    def _token(self) -> int | None:
        if self._pointed is None:
            return None
        index, part = self._pointed
        return self._drawings[index].token(part)

    def _point_at(self, part: tuple[int, int] | None, at: QPointF | None = None) -> None:
        """Say what this part is, with the card at this point of the widget; None ends it."""
        if part != self._pointed:
            self._pointed = part
            self.update()
        said = self.explanation()
        if said is None or at is None:
            if self._card is not None:
                self._card.dismiss()
            return
        if self._card is None:
            self._card = HoverCard(self._theme, self)
        self._card.show_at(said, self.mapToGlobal(at).toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.part_at(event.position()), event.position())
        chooses = self._token() is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if chooses else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.part_at(event.position()), event.position())
        token_id = self._token()
        if event.button() == Qt.MouseButton.LeftButton and token_id is not None:
            self.token_chosen.emit(token_id)
        else:
            event.ignore()

    def leaveEvent(self, event: QEvent) -> None:
        self.let_go()

    def let_go(self) -> None:
        """The pointer is on nothing here any more."""
        self._point_at(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point_at(None)
        self._describe()
        self.update()

    def _describe(self) -> None:
        """For a screen reader: the part that the keys are at, else all drawings in words."""
        said = self.explanation()
        words = said.plain() if said is not None else "\n".join(drawing.words() for drawing in self._drawings)
        self.setAccessibleDescription(words)

    def event(self, event: QEvent) -> bool:
        # The arrows are the window's shortcuts too; like a slider, a drawing with the focus has them first.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
            and (event.key() in _KEYS or (event.key() == Qt.Key.Key_Escape and self._pointed is not None))
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        parts = [(index, part) for index, drawing in enumerate(self._drawings) for part in range(drawing.count)]
        key = event.key()
        if key == Qt.Key.Key_Escape and self._pointed is not None:
            self._point_at(None)
            self._describe()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            token_id = self._token()
            if token_id is not None:
                self.token_chosen.emit(token_id)
        elif key in _KEYS and parts:
            place = parts.index(self._pointed) if self._pointed in parts else None
            if key == Qt.Key.Key_Home:
                place = 0
            elif key == Qt.Key.Key_End:
                place = len(parts) - 1
            elif place is None:
                place = 0
            else:
                place = min(max(place + (1 if key == Qt.Key.Key_Right else -1), 0), len(parts) - 1)
            index, part = parts[place]
            self._point_at(parts[place], self._drawings[index].anchor(part, self.rects()[index], self.look()))
            self._describe()
        else:
            event.ignore()
