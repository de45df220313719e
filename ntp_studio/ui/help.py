"""The list of keys and the About window: neither stops the work behind it."""

from __future__ import annotations

import platform

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

import ntp_studio
from ntp_studio import assets
from ntp_studio.libraries_told import LIBRARIES, library_facts
from ntp_studio.ui.actions import ActionGroup, Actions, key_text


def _label(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    return label


class _Window(QDialog):
    """A window beside the main one; the same key or Escape closes it."""

    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._inside = QWidget()
        self._inside.setProperty("transparent", True)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self._inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F1:
            self.close()
        else:
            super().keyPressEvent(event)

    @Slot()
    def present(self) -> None:
        """Show it as large as what is in it, or bring it to the front."""
        self._inside.ensurePolished()
        wanted = self._inside.sizeHint() + QSize(20, 4)
        self.resize(wanted.expandedTo(self.minimumSize()).boundedTo(self.screen().availableSize() * 0.95))
        self.show()
        self.raise_()
        self.activateWindow()


class KeysDialog(_Window):
    """Every action that has a key, by group, from the table of actions."""

    COLUMNS = ((0, 3), (1, 4), (5, 2, 6))
    """Which groups stand below each other: about the same number of rows in each column."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Keys"), parent)
        row = QHBoxLayout(self._inside)
        row.setContentsMargins(24, 20, 24, 20)
        row.setSpacing(32)
        for groups in self.COLUMNS:
            column = QVBoxLayout()
            column.setSpacing(8)
            for index in groups:
                self._add_group(column, actions.groups[index])
            column.addStretch(1)
            row.addLayout(column)

    def _add_group(self, column: QVBoxLayout, group: ActionGroup) -> None:
        column.addWidget(_label(group.title.upper(), "heading"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        for line, spec in enumerate(spec for spec in group.specs if spec.keys):
            name = _label(spec.text.removesuffix("…"), "")
            name.setToolTip(spec.tip)
            caps = QHBoxLayout()
            caps.setSpacing(4)
            caps.addStretch(1)
            # Enter stands for both keys of that name, + for the key it shares with =.
            for key in dict.fromkeys(key_text(key) for key in spec.shortcuts if key not in ("=", "Ctrl+=")):
                caps.addWidget(_label(key, "key"))
            grid.addWidget(name, line, 0)
            grid.addLayout(caps, line, 1)
        column.addLayout(grid)
        column.addSpacing(12)


class AboutDialog(_Window):
    """Version, and the libraries the studio stands on with their licences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("About NTP Studio"), parent)
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(28, 22, 28, 22)
        column.setSpacing(6)
        column.addWidget(_label("NTP Studio", "title"))
        version = self.tr("Version {0}, Python {1}, {2}").format(
            ntp_studio.__version__, platform.python_version(), platform.platform(terse=True)
        )
        for text in (
            version,
            self.tr("Watch a language model choose its next token, one token at a time, on your own machine."),
            self.tr("The studio opens no network connection unless you ask for one."),
        ):
            label = _label(text, "muted")
            label.setWordWrap(True)
            column.addWidget(label)
        column.addSpacing(10)
        column.addWidget(_label(self.tr("LIBRARIES"), "heading"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(2, 1)
        for line, name in enumerate(LIBRARIES):
            number, licence = library_facts(name)
            grid.addWidget(_label(name, ""), line, 0)
            grid.addWidget(_label(number or self.tr("not installed"), "muted"), line, 1)
            terms = _label(licence, "muted")
            terms.setWordWrap(True)
            grid.addWidget(terms, line, 2)
        column.addLayout(grid)
        column.addSpacing(10)
        texts = [self.tr("NTP Studio is under the MIT licence. Qt and PySide6 are used under the LGPL, version 3.")]
        if assets.licences() is not None:
            texts.append(self.tr("All licence texts: {0}").format(assets.licences()))
        for text in texts:
            label = _label(text, "muted")
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)
        column.addStretch(1)
        self.setMinimumWidth(560)
