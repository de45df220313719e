"""A token's story: what each stage of the chain did to it, line by line, to the draw at the end."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QIcon, QKeyEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ntp_studio.core.types import Story
from ntp_studio.ui.glyphs import paint_glyph
from ntp_studio.ui.panel_labels import ElidedLabel, caption_font, mono_like
from ntp_studio.ui.story_lines import StoryLines, plain_story
from ntp_studio.ui.style import px
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.typing_guard import claims_escape


class StoryView(QFrame):
    """A token's story on a card of its own; scrolls inside when it is long."""

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("story_view")
        self._theme = theme
        self._most = 400
        self._follows = True  # the deciding line is kept in view until a person scrolls
        self._about: tuple[int, str] | None = None  # the token, and the stage that decides
        self._caption = ElidedLabel(parent=self)
        self._caption.setText(self.tr("STORY OF"))
        self._caption.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._token = ElidedLabel(Qt.TextElideMode.ElideMiddle, self)
        self.copy_button = self._button("copy_story_button", self.tr("Copy the story"))
        self.copy_button.setText(self.tr("copy"))
        self.close_button = self._button("close_story_button", self.tr("Close the story"))
        self._lines = StoryLines(theme, self)
        self._scroll = QScrollArea(self)
        self._scroll.setWidget(self._lines)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._scroll.setAccessibleName(self.tr("What each stage did to the token"))
        self._lines.setProperty("transparent", True)
        head = QHBoxLayout()
        head.setSpacing(5)
        head.addWidget(self._caption)
        head.addWidget(self._token)
        head.addStretch(1)
        head.addWidget(self.copy_button)
        head.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 5, 7, 6)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self._scroll, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        bar = self._scroll.verticalScrollBar()
        bar.actionTriggered.connect(self._scrolled)
        bar.rangeChanged.connect(self._follow)
        self.copy_button.clicked.connect(self.copy)
        self.close_button.clicked.connect(self.closed)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def _button(self, name: str, accessible: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setAccessibleName(accessible)
        button.setToolTip(accessible)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    @property
    def story(self) -> Story | None:
        """What is on show."""
        return self._lines.story

    @property
    def text(self) -> str:
        """The story as plain text, as it is copied."""
        return plain_story(self.story) if self.story is not None else ""

    def show_story(self, story: Story | None) -> None:
        """None closes it."""
        self._lines.show_story(story)
        self.setVisible(story is not None)
        if story is None:
            self._about = None
            return
        about = (story.candidate.token.id, story.lines[self._lines.deciding or 0].stage if story.lines else "")
        if about != self._about:
            self._about, self._follows = about, True
        self._token.setText(story.candidate.token.label)
        self.setAccessibleName(self.tr("Story of {token}").format(token=story.candidate.token.label))
        self._scroll.setAccessibleDescription(self.text)
        self._fit()
        self._follow()

    def set_most(self, height: int) -> None:
        """The greatest height that it may take."""
        if height != self._most:
            self._most = height
            self._fit()

    @property
    def _head_height(self) -> int:
        margins = cast(QLayout, self.layout()).contentsMargins()
        head = max(self.copy_button.sizeHint().height(), QFontMetrics(self._token.font()).height())
        return head + margins.top() + margins.bottom() + 5

    @property
    def natural_height(self) -> int:
        """What the whole story needs, and its head."""
        return self._lines.height() + self._head_height

    @property
    def least_height(self) -> int:
        """The head and about two lines."""
        return min(self.natural_height, px(74))

    @property
    def readable_height(self) -> int:
        """The head and a few lines, or the whole story where it is shorter."""
        return min(self.natural_height, self._lines.least_height + self._head_height)

    @Slot()
    def _follow(self) -> None:
        """Scroll to the line that tells how it ends, with what comes before it above."""
        index = self._lines.deciding
        if not self._follows or index is None:
            return
        start = self._lines.scroll_to(index, self._scroll.viewport().height())
        self._scroll.verticalScrollBar().setValue(round(start))

    @Slot()
    def _scrolled(self) -> None:
        self._follows = False

    def _fit(self) -> None:
        self.setFixedHeight(min(self.natural_height, max(self._most, self.least_height)))
        self.updateGeometry()

    @Slot()
    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            # The words wrap anew once the lines have their width, which they get with this layout's next pass.
            self._lines.resize(self._scroll.viewport().width(), self._lines.height())
            self._fit()

    def event(self, event: QEvent) -> bool:
        # Esc closes it while the focus is inside; else it is the window's key for "stop".
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            event.ignore()

    @Slot()
    def _restyle(self) -> None:
        p = self._theme.palette
        self.setStyleSheet(
            f"StoryView {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 8px; }}"
        )
        self._caption.setFont(caption_font(self.font()))
        self._caption.set_color(p.color("muted"))
        self._token.setFont(mono_like(self.font(), weight=QFont.Weight.Bold))
        self._token.set_color(p.color("text"))
        quiet = (
            f"QToolButton {{ color: {p.link}; background: transparent; border: 1px solid transparent;"
            f" border-radius: 5px; padding: 1px 4px; }}"
            f"QToolButton:hover {{ background: {p.sunken}; }} QToolButton:focus {{ border-color: {p.accent}; }}"
        )
        for button in (self.copy_button, self.close_button):
            button.setStyleSheet(quiet)
        side = px(12)
        pixmap = QPixmap(side * 3, side * 3)
        pixmap.setDevicePixelRatio(3)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        paint_glyph(painter, "close", QRectF(0, 0, side, side), p.color("muted"))
        painter.end()
        self.close_button.setIcon(QIcon(pixmap))
        self.close_button.setIconSize(QSize(side, side))
        self._lines.place()
        self._fit()
