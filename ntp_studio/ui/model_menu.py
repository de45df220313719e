"""What the model button opens: files, recent models, models found on this machine, device and precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from ntp_studio.core.types import ModelInfo, ModelListing
from ntp_studio.ui.actions import Actions

DEVICES = ("auto", "cuda", "mps", "cpu")
DTYPES = ("auto", "float32", "bfloat16", "float16")
RECENT = "recent"
_FOLDER = 36  # characters
_IN_MENU = 12  # further models go to a menu of their own


def size_text(size: int) -> str:
    """Bytes as a person reads them, in powers of 1000 as on a disk's label: `538 MB`, `1.2 GB`."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB" if value < 99.95 else f"{value:,.0f} GB"


def _folder(path: str) -> str:
    """The end of the folder a model lies in: what tells two models of the same name apart."""
    folder = str(PurePath(path).parent)
    return folder if len(folder) <= _FOLDER else "…" + folder[1 - _FOLDER :]


class ModelMenu(QMenu):
    """Filled anew each time something about it changes; open_model and open_folder come from the table of actions."""

    model_chosen = Signal(str)
    device_chosen = Signal(str)
    dtype_chosen = Signal(str)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = actions
        self._listings: tuple[ModelListing, ...] | None = None
        self._recent: tuple[str, ...] = ()
        self._info: ModelInfo | None = None
        self._device = self._dtype = "auto"
        self._models = QActionGroup(self)
        self.setToolTipsVisible(True)
        self._fill()

    def show_models(self, listings: Sequence[ModelListing]) -> None:
        """What was found; until then the menu says that it is looking."""
        self._listings = tuple(listings)
        self._fill()

    def show_recent(self, paths: Sequence[str]) -> None:
        self._recent = tuple(paths)
        self._fill()

    def show_model(self, info: ModelInfo | None) -> None:
        self._info = info
        self._fill()

    def set_choice(self, device: str, dtype: str) -> None:
        """The device and precision asked for, which `auto` leaves to the studio."""
        self._device, self._dtype = device, dtype
        self._fill()

    # -- filling -------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        # Not clear(), which deletes at once: this may run while one of these actions is telling that it was chosen.
        for action in self.actions():
            self.removeAction(action)
            if (menu := action.menu()) is not None:
                menu.deleteLater()
            elif action.parent() is self:
                action.deleteLater()
        self._models.deleteLater()
        self._models = QActionGroup(self)
        self._models.setExclusionPolicy(QActionGroup.ExclusionPolicy.None_)
        self._models.triggered.connect(self._choose_model)
        self.addAction(self._table["open_model"])
        self.addAction(self._table["open_folder"])
        recent = self._recent_listings()
        if recent:
            self._add_title(self.tr("Recent"))
            self._add_models(self, recent, folders=True)
        self._add_title(self.tr("Found on this machine"))
        recent_paths = {listing.path for listing in recent}
        if self._listings is None:
            self._add_line(self.tr("Looking…"))
        else:
            others = [one for one in self._listings if one.source != RECENT and one.path not in recent_paths]
            self._add_models(self, others[:_IN_MENU])
            if len(others) > _IN_MENU:
                self._add_models(self.addMenu(self.tr("{0} more").format(len(others) - _IN_MENU)), others[_IN_MENU:])
            if not others:
                self._add_line(self.tr("No other models") if recent else self.tr("No models"))
        self.addSeparator()
        self._device_menu = self._add_choices(self.tr("Device"), DEVICES, self._device, self._choose_device)
        self._dtype_menu = self._add_choices(self.tr("Precision"), DTYPES, self._dtype, self._choose_dtype)
        if self._info is not None and self._info.device_reason:
            self._add_line(self._info.device_reason)

    def _add_title(self, title: str) -> None:
        # Fusion draws the text of QMenu.addSection across its line.
        self.addSeparator()
        self._add_line(title)

    def _recent_listings(self) -> list[ModelListing]:
        """The recent models: as the listing knows them, or by their paths alone."""
        found = {one.path: one for one in self._listings or ()}
        paths = [*self._recent, *(one.path for one in found.values() if one.source == RECENT)]
        return [
            found.get(path) or ModelListing(PurePath(path).name or path, path, RECENT, "", 0)
            for path in dict.fromkeys(paths)
        ]

    def _add_line(self, text: str) -> None:
        line = QAction(text.replace("&", "&&"), self)
        line.setEnabled(False)
        self.addAction(line)

    def _add_models(self, menu: QMenu, listings: Sequence[ModelListing], folders: bool = False) -> None:
        menu.setToolTipsVisible(True)
        for listing in listings:
            # After a tab, a menu writes at its right edge, where keys usually are.
            text = f"{listing.name} — {_folder(listing.path)}" if folders else listing.name
            text = text.replace("&", "&&").replace("\t", " ")
            action = QAction(f"{text}\t{size_text(listing.size_bytes)}" if listing.size_bytes else text, menu)
            action.setData(listing.path)
            action.setToolTip(listing.problem or f"{listing.path}\n{listing.format}, {listing.source}")
            action.setEnabled(not listing.problem)
            action.setCheckable(True)
            action.setChecked(self._info is not None and listing.path == self._info.path)
            self._models.addAction(action)
            menu.addAction(action)

    def _add_choices(self, title: str, choices: Sequence[str], chosen: str, slot: object) -> QMenu:
        menu = self.addMenu(title)
        group = QActionGroup(menu)
        group.triggered.connect(slot)
        for choice in choices:
            action = QAction(self.tr("Automatic") if choice == "auto" else choice, menu)
            action.setData(choice)
            action.setCheckable(True)
            action.setChecked(choice == chosen)
            group.addAction(action)
            menu.addAction(action)
        return menu

    # -- choosing ------------------------------------------------------------------------------------------------------

    @Slot(QAction)
    def _choose_model(self, action: QAction) -> None:
        self.model_chosen.emit(action.data())

    @Slot(QAction)
    def _choose_device(self, action: QAction) -> None:
        self._device = action.data()
        self.device_chosen.emit(self._device)

    @Slot(QAction)
    def _choose_dtype(self, action: QAction) -> None:
        self._dtype = action.data()
        self.dtype_chosen.emit(self._dtype)
