"""The button that says in whose order the stages stand, and its menu of orders."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QToolButton, QWidget, QWidgetAction

from ntp_studio.core.decoding.orders import ORDERS
from ntp_studio.ui.hover_card import plain_label
from ntp_studio.ui.style import px

SUMMARY_WIDTH = 320
ARROW = " ▾"
PADDING = 8  # what the style puts around the text


class OrderMenu(QMenu):
    """The orders by the programs that have them; what one does is said at the foot, where it covers no other entry."""

    order_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QActionGroup(self)
        self._group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self._group.triggered.connect(self._picked)
        for name, order in ORDERS.items():
            action = QAction(order.label.replace("&", "&&"), self)
            action.setData(name)
            action.setCheckable(True)
            action.setStatusTip(order.summary)
            self._group.addAction(action)
            self.addAction(action)
        self._yours = QAction(self.tr("yours"), self)
        self._yours.setCheckable(True)
        self._yours.setChecked(True)
        self._yours.setEnabled(False)
        self.addAction(self._yours)
        self.addSeparator()
        self._summary: QLabel = plain_label(parent=self)
        self._summary.setProperty("role", "caption")
        self._summary.setWordWrap(True)
        self._summary.setContentsMargins(28, 4, 16, 4)
        foot = QWidgetAction(self)
        foot.setDefaultWidget(self._summary)
        foot.setEnabled(False)
        self.addAction(foot)
        self.hovered.connect(self._show_summary)
        self.aboutToShow.connect(self._prepare)

    def show_order(self, name: str | None) -> None:
        """Mark the order in which the stages stand; None where a person has mixed them."""
        for action in self._group.actions():
            action.setChecked(action.data() == name)
        self._yours.setVisible(name is None)

    @property
    def summary(self) -> str:
        return self._summary.text()

    @Slot(QAction)
    def _picked(self, action: QAction) -> None:
        action.setChecked(True)  # also when it was the one in use
        self.order_chosen.emit(action.data())

    @Slot(QAction)
    def _show_summary(self, action: QAction) -> None:
        self._summary.setText(action.statusTip())

    @Slot()
    def _prepare(self) -> None:
        """Room for the longest summary, so that the menu keeps its size."""
        self._summary.ensurePolished()
        width, metrics = px(SUMMARY_WIDTH), QFontMetrics(self._summary.font())
        room = QRect(0, 0, width - 48, 10_000)
        texts = [*(order.summary for order in ORDERS.values()), self._mixed()]
        height = max(metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, text).height() for text in texts)
        self._summary.setFixedSize(width, height + 12)
        chosen = self._group.checkedAction()
        self._summary.setText(chosen.statusTip() if chosen else self._mixed())

    def _mixed(self) -> str:
        return self.tr("The stages stand in an order of your own. Choosing a program puts them into its order.")


class OrderButton(QToolButton):
    """`order: transformers ▾`; the name gives way where the column is narrow."""

    order_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setObjectName("order_button")
        self.setProperty("role", "link")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._menu = OrderMenu(self)
        self._menu.order_chosen.connect(self.order_chosen)
        self.setMenu(self._menu)
        self.show_order(next(iter(ORDERS)))

    def show_order(self, name: str | None) -> None:
        """Say in whose order the stages stand; None: in a person's own."""
        whose = ORDERS[name].label if name is not None else self.tr("yours")
        self._whole = self.tr("order: {0}").format(whose)
        self.setAccessibleName(self.tr("Order of the stages: {0}").format(whose))
        self.setToolTip(self.tr("In whose order the stages are applied: {0}").format(whose))
        self._menu.show_order(name)
        self._fit()
        self.updateGeometry()

    def _fit(self) -> None:
        room = self.width() - self.fontMetrics().horizontalAdvance(ARROW) - PADDING
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room) + ARROW)

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._whole + ARROW) + PADDING + 4
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(px(60), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()
            self.updateGeometry()
