"""Everything that can be asked of the window, in one table: menus, toolbar, shortcuts and list of keys come from it.

Each QAction's objectName is its id. Keys without Ctrl (letters, Space, arrows, Enter) would disturb typing:
`ntp_studio.ui.typing_guard`, which comes with the table, keeps them from firing then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from ntp_studio.ui.typing_guard import TypingGuard


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One row of the table. `keys` are portable key names apart by spaces, the first is the one shown. With `page` they
    hold only while that page is in front, and there before the same keys of others."""

    id: str
    text: str
    keys: str
    tip: str
    checkable: bool = False
    page: str = ""

    @property
    def shortcuts(self) -> tuple[str, ...]:
        return tuple(self.keys.split())


@dataclass(frozen=True, slots=True)
class ActionGroup:
    """Rows that belong together: one menu, one section of the list of keys. None is a line between rows."""

    title: str
    rows: tuple[ActionSpec | None, ...]

    @property
    def specs(self) -> tuple[ActionSpec, ...]:
        return tuple(row for row in self.rows if row is not None)


INSPECT, COMPARE, TRAIN = "inspect_page", "compare_page", "train_page"
"""The pages of the window, one of which is in front."""

_ROLES = {"quit": QAction.MenuRole.QuitRole, "about": QAction.MenuRole.AboutRole}


class Actions(QObject):
    """The QActions of one window, by id; their shortcuts work anywhere in that window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.groups = self._table()
        self._actions: dict[str, QAction] = {}
        for spec in (spec for group in self.groups for spec in group.specs):
            action = QAction(spec.text, window)
            action.setObjectName(spec.id)
            action.setShortcuts([QKeySequence(key) for key in spec.shortcuts])
            action.setCheckable(spec.checkable)
            action.setMenuRole(_ROLES.get(spec.id, QAction.MenuRole.NoRole))
            action.setStatusTip(spec.tip)
            action.setToolTip(f"{spec.tip} ({key_text(spec.shortcuts[0])})" if spec.keys else spec.tip)
            self._actions[spec.id] = action
        self.show_page(INSPECT)
        window.addActions(list(self._actions.values()))
        app = QApplication.instance()
        if isinstance(app, QApplication):
            self._guard = TypingGuard(app, self)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def __iter__(self) -> Iterator[QAction]:
        return iter(self._actions.values())

    def spec(self, action_id: str) -> ActionSpec:
        return next(spec for group in self.groups for spec in group.specs if spec.id == action_id)

    def show_page(self, page: str) -> None:
        """Let the keys mean what they mean while this page is in front."""
        specs = [spec for group in self.groups for spec in group.specs]
        taken = {key for spec in specs if spec.page == page for key in spec.shortcuts}
        for spec in specs:
            mine = spec.shortcuts if spec.page == page else tuple(k for k in spec.shortcuts if k not in taken)
            if spec.page not in ("", page):
                mine = ()
            keys = [QKeySequence(key) for key in mine]
            if self._actions[spec.id].shortcuts() != keys:
                self._actions[spec.id].setShortcuts(keys)

    def menus(self, parent: QWidget) -> list[QMenu]:
        """One menu for each group, for a menu bar or a menu button."""
        menus = []
        for group in self.groups:
            menu = QMenu(group.title, parent)
            for row in group.rows:
                if row is None:
                    menu.addSeparator()
                else:
                    menu.addAction(self._actions[row.id])
            menus.append(menu)
        return menus

    def _table(self) -> tuple[ActionGroup, ...]:
        tr, row = self.tr, ActionSpec
        return (
            ActionGroup(
                tr("Model"),
                (
                    row("open_model", tr("Open model file…"), "Ctrl+O", tr("Open a checkpoint file")),
                    row("open_folder", tr("Open model folder…"), "Ctrl+Shift+O", tr("Open a checkpoint folder")),
                    None,
                    row("open_session", tr("Open saved text…"), "Ctrl+Alt+O", tr("Go on with a text saved before")),
                    row(
                        "save_session",
                        tr("Save the text…"),
                        "Ctrl+S",
                        tr("Save the text with all its branches, settings and luck, to go on with later"),
                    ),
                    row("export", tr("Export…"), "Ctrl+E", tr("Save the text with all its figures")),
                    row(
                        "compare",
                        tr("Compare models"),
                        "Ctrl+Shift+M",
                        tr("Models side by side on the same text; again: back to the main page"),
                        checkable=True,
                    ),
                    row(
                        "train",
                        tr("Train a model"),
                        "Ctrl+Shift+T",
                        tr("Train a model on texts of your own; again: back to the text"),
                        checkable=True,
                    ),
                    None,
                    row("previous_snapshot", tr("Earlier snapshot"), "Alt+Left [", tr("Back in the model's training")),
                    row("next_snapshot", tr("Later snapshot"), "Alt+Right ]", tr("On in the model's training")),
                    row("play_snapshots", tr("Play the training"), "P", tr("Show one snapshot after the other")),
                    None,
                    row("quit", tr("Quit"), "Ctrl+Q", tr("Close the studio")),
                ),
            ),
            ActionGroup(
                tr("Text"),
                (
                    row("step", tr("Step"), "Right", tr("Take the drawn token and show the next distribution")),
                    row("back", tr("Back"), "Left", tr("Go one token back; the way ahead stays on the page")),
                    row("forward", tr("Forward"), "Shift+Right", tr("Go one token along the text already there")),
                    row("go_to_end", tr("Go to the end"), "End", tr("Go to the end of the text already there")),
                    None,
                    row("play", tr("Play"), "Space", tr("Step on its own, or pause")),
                    row("faster", tr("Faster"), "+ =", tr("Play more tokens a second")),
                    row("slower", tr("Slower"), "-", tr("Play fewer tokens a second")),
                    row("cancel", tr("Stop"), "Esc", tr("Pause, or cancel what is being loaded")),
                    None,
                    row("restart", tr("Restart"), "R", tr("Back to the prompt, with the same seed")),
                    row("edit_prompt", tr("Edit the prompt"), "F2", tr("Change the text the model goes on from")),
                ),
            ),
            ActionGroup(
                tr("Comparison"),
                (
                    row(
                        "add_column",
                        tr("Add a model…"),
                        "A",
                        tr("Another column beside those that are compared"),
                        page=COMPARE,
                    ),
                    row(
                        "next_worst",
                        tr("Next worst place"),
                        "N",
                        tr("To where the columns disagree most, then next most"),
                        page=COMPARE,
                    ),
                    row(
                        "previous_worst",
                        tr("Previous worst place"),
                        "P",
                        tr("Back to where the columns disagree more"),
                        page=COMPARE,
                    ),
                    row(
                        "score_text",
                        tr("Score a text"),
                        "Ctrl+Shift+S",
                        tr("Force a given text through all columns; again: back to the columns"),
                        checkable=True,
                        page=COMPARE,
                    ),
                ),
            ),
            ActionGroup(
                tr("Next token"),
                (
                    row("select_next", tr("Next candidate"), "Down", tr("Choose the candidate below")),
                    row("select_previous", tr("Previous candidate"), "Up", tr("Choose the candidate above")),
                    row(
                        "force_selected",
                        tr("Take the chosen candidate"),
                        "Return Enter",
                        tr("Take the chosen candidate instead of the drawn token"),
                    ),
                    row("find_token", tr("Find a token"), "Ctrl+F", tr("Look for any token of the vocabulary")),
                    row("story", tr("The candidate's story"), "S", tr("What every stage did to the chosen candidate")),
                    None,
                    row(
                        "draw_many",
                        tr("Draw 1,000 times"),
                        "D",
                        tr("Draw 1,000 times from the distribution on view, and take none of the tokens"),
                        checkable=True,
                    ),
                ),
            ),
            ActionGroup(
                tr("Decoding"),
                (
                    row("new_seed", tr("New seed"), "Ctrl+R N", tr("Draw with another seed from here on")),
                    row("greedy", tr("Greedy"), "G", tr("Always take the most likely token"), checkable=True),
                    row(
                        "dart",
                        tr("Draw with the dart"),
                        "T",
                        tr("Draw with the dart instead of the race, or with the race again"),
                        checkable=True,
                    ),
                    row(
                        "hold_needle",
                        tr("Hold the needle"),
                        "H",
                        tr("Keep the dart's needle where it is for every token, or give it back to the seed"),
                        checkable=True,
                    ),
                    None,
                    row(
                        "undo_decoding",
                        tr("Undo decoding change"),
                        "Ctrl+Z",
                        tr("Back to the decoding settings before the last change"),
                    ),
                    row(
                        "save_preset",
                        tr("Save as preset…"),
                        "Ctrl+Shift+P",
                        tr("Keep the present decoding settings under a name of your own"),
                    ),
                    row("manage_presets", tr("Your presets…"), "", tr("Rename, delete or export presets of your own")),
                    row("import_preset", tr("Import preset…"), "", tr("Add a preset from a file to your own")),
                    row("export_preset", tr("Export settings…"), "", tr("Write the present settings to a preset file")),
                    None,
                    row(
                        "copy_transformers",
                        tr("Copy as transformers code"),
                        "Ctrl+Shift+C",
                        tr("A Python program that does what this chain does, for the clipboard"),
                    ),
                    row(
                        "copy_llamacpp",
                        tr("Copy as llama.cpp arguments"),
                        "",
                        tr("Arguments for llama.cpp's programs that do what this chain does, for the clipboard"),
                    ),
                ),
            ),
            ActionGroup(
                tr("View"),
                (
                    row(
                        "toggle_decoding_panel",
                        tr("Decoding chain"),
                        "Ctrl+1",
                        tr("Show or hide the decoding chain"),
                        checkable=True,
                    ),
                    row(
                        "toggle_next_panel",
                        tr("Next token"),
                        "Ctrl+2",
                        tr("Show or hide the next token's distribution"),
                        checkable=True,
                    ),
                    row("toggle_timeline", tr("Timeline"), "Ctrl+3", tr("Show or hide the timeline"), checkable=True),
                    row("table_view", tr("Table view"), "Ctrl+4", tr("Candidates as a table"), checkable=True),
                    row(
                        "toggle_time_lapse",
                        tr("Time-lapse"),
                        "Ctrl+5",
                        tr("Show or hide the snapshots of the model's training"),
                        checkable=True,
                    ),
                    row(
                        "toggle_drawings",
                        tr("Drawings of the stages"),
                        "Ctrl+6",
                        tr("Show or hide what each stage of the chain draws of its rule"),
                        checkable=True,
                    ),
                    row("log_scale", tr("Logarithmic scale"), "L", tr("Make small probabilities seen"), checkable=True),
                    None,
                    row("theme", tr("Light or dark"), "Ctrl+T", tr("Change between light and dark")),
                    row("zoom_in", tr("Larger text"), "Ctrl++ Ctrl+=", tr("Make the text larger")),
                    row("zoom_out", tr("Smaller text"), "Ctrl+-", tr("Make the text smaller")),
                    row("zoom_reset", tr("Normal text size"), "Ctrl+0", tr("Back to the usual text size")),
                    row("full_screen", tr("Full screen"), "F11", tr("Fill the screen"), checkable=True),
                ),
            ),
            ActionGroup(
                tr("Help"),
                (
                    row("keys_help", tr("Keys"), "F1", tr("List all keys")),
                    row("about", tr("About NTP Studio"), "", tr("Version and licences")),
                ),
            ),
        )


_ARROWS = {"Right": "→", "Left": "←", "Up": "↑", "Down": "↓", "Return": "Enter"}


def key_text(key: str) -> str:
    """A key as it is printed on a key cap: arrows as arrows, the rest as this system writes it."""
    modifiers, _, last = key.rpartition("+")
    if last not in _ARROWS:
        return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
    if not modifiers:
        return _ARROWS[last]
    # The system's way to write the modifiers, with the arrow in place of a letter.
    return QKeySequence(modifiers + "+A").toString(QKeySequence.SequenceFormat.NativeText)[:-1] + _ARROWS[last]
