"""What is to be trained, on what, for how long: the left side of the Train panel. It starts nothing."""

from __future__ import annotations

import math
import os
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ntp_studio.core.types import DEFAULT_SEED
from ntp_studio.training_messages import RecipeValue
from ntp_studio.ui.style import set_property
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.train_fields import (
    HIGHEST_RATE,
    LOWEST_RATE,
    Choice,
    Decimal,
    Fold,
    Rate,
    TextFiles,
    Whole,
    field_style,
    label,
)
from ntp_studio.ui.train_values import DECAYS, RATES, SIZES, Size, proposed_folder, short_count, snapshot_steps

State = tuple[tuple[str, str | int | float | bool], ...]


class TrainForm(QWidget):
    """`values()` are the fields of a recipe, `problem()` says in a sentence what cannot be meant."""

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("transparent", True)
        self._open_model = ("", "")  # name, path
        self._proposed = self._results = ""
        self._own: tuple[State, tuple[str, ...], str, str] | None = None  # while the recipe of a run is shown instead
        self._wrong: QWidget | None = None  # outlined
        self._make_fields()
        self._arrange()
        self._connect()
        self._take_size()
        self._kind_changed()
        theme.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.setStyleSheet(field_style(self._theme.palette))

    def _make_fields(self) -> None:
        tr = self.tr
        self.files = TextFiles(self)
        self.output = QLineEdit(self)
        self.output.setObjectName("train_output")
        self.output.setAccessibleName(tr("Folder for the result"))
        self.kind = Choice(
            self._theme, (("new", tr("A new GPT-2")), ("other", tr("A checkpoint…"))), tr("What to train")
        )
        self.kind.setObjectName("train_kind")
        self.base = QLineEdit(self)
        self.base.setObjectName("train_base")
        self.base.setAccessibleName(tr("The checkpoint to begin with"))
        self.base.setPlaceholderText(tr("folder of the checkpoint"))
        names = {"tiny": tr("Tiny"), "small": tr("Small"), "bundled": tr("As bundled"), "medium": tr("Medium")}
        sizes = [(key, f"{names[key]} · {short_count(size.parameters)}") for key, size in SIZES.items()]
        self.preset = Choice(self._theme, (*sizes, ("custom", tr("Custom"))), tr("Size of the new model"))
        self.preset.setObjectName("train_size")
        self.preset.choose("small")
        self.parameters = label("", "caption", self)
        scopes = (("all", tr("All weights")), ("last", tr("The last blocks")), ("lora", tr("LoRA")))
        self.scope = Choice(self._theme, scopes, tr("What of it learns"))
        self.scope.setObjectName("train_scope")
        self.last_blocks = Whole(1, 1000, 2, tr("Number of last blocks"))
        self.lora_rank = Whole(1, 1024, 8, tr("LoRA rank"))
        self.unit = Choice(self._theme, (("steps", tr("steps")), ("epochs", tr("epochs"))), tr("Unit of the length"))
        self.steps = Whole(1, 100_000_000, 1000, tr("Steps"))
        self.steps.setObjectName("train_steps")
        self.epochs = Decimal(0.01, 100_000, 1, tr("Epochs"))
        self.rate = Rate(RATES["new"], tr("Learning rate"))
        self.rate.setObjectName("train_rate")
        self.batch = Whole(1, 65_536, 16, tr("Batch size in blocks"))
        self.block = Whole(8, 65_536, 128, tr("Block length in tokens"))
        self.held_out = Decimal(0, 90, 5, tr("Held-out share of the text in percent"), 1, " %")
        self.seed = Whole(0, 2**31 - 1, DEFAULT_SEED, tr("Seed"))
        self.snapshots = Choice(
            self._theme,
            (
                ("none", tr("None")),
                ("few", tr("Spaced: 20, 100, 200, …")),
                ("many", tr("Many: 5, 10, 20, 50, …")),
            ),
            tr("Snapshots to keep"),
        )
        self.snapshots.choose("few")
        self.layers = Whole(1, 200, 4, tr("Layers"))
        self.across = Whole(8, 16_384, 128, tr("Width"))
        self.heads = Whole(1, 256, 4, tr("Heads"))
        self.vocab = Whole(257, 200_000, 2048, tr("Vocabulary"))
        self.optimizer = Choice(self._theme, (("adamw", "AdamW"), ("muon", "Muon")), tr("Optimizer"))
        self.warmup = Whole(0, 10_000_000, 50, tr("Warm-up steps"))
        self.decay = Decimal(0, 10, DECAYS["new"], tr("Weight decay"))
        self.dropout = Decimal(0, 0.9, 0, tr("Dropout"))
        self.evaluate = Whole(1, 10_000_000, 100, tr("Measure held-out text every so many steps"))
        self.patience = Whole(0, 10_000, 0, tr("Stop early after so many measurements without improvement"))
        self.patience.setSpecialValueText(tr("never"))
        self.half = QCheckBox(tr("Save in float16 (half the size)"), self)

    def _arrange(self) -> None:
        tr = self.tr
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(6)

        def part(title: str) -> QGridLayout:
            column.addSpacing(6)
            column.addWidget(label(title, "heading", self))
            grid = _grid()
            column.addLayout(grid)
            return grid

        column.addWidget(label(tr("TEXT"), "heading", self))
        column.addWidget(self.files)
        self._what = part(tr("MODEL"))
        self._row(self._what, tr("train"), self.kind)
        self._base_row = self._row(self._what, tr("checkpoint"), self._beside(self.base, self.ask_base))
        self._size_row = self._row(self._what, tr("size"), self.preset)
        self._scope_row = self._row(self._what, tr("what learns"), self.scope)
        self._last_row = self._row(self._what, tr("blocks"), self.last_blocks)
        self._lora_row = self._row(self._what, tr("rank"), self.lora_rank)
        self._what.addWidget(self.parameters, self._what.rowCount(), 0, 1, 2)
        run = part(tr("TRAINING"))
        length = QWidget(self)
        beside = QHBoxLayout(length)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(6)
        for field in (self.steps, self.epochs, self.unit):
            beside.addWidget(field, 1)
        self._row(run, tr("length"), length)
        self._row(run, tr("learning rate"), self.rate)
        self._row(run, tr("batch size"), self.batch)
        self._row(run, tr("block length"), self.block, tr("tokens that the model reads at once"))
        self._row(run, tr("held out"), self.held_out, tr("The end of each text, never trained on: the test"))
        self._row(run, tr("snapshots"), self.snapshots, tr("Weights kept on the way, for a time-lapse"))
        self._row(run, tr("seed"), self.seed)
        result = part(tr("RESULT"))
        self._row(result, tr("folder"), self._beside(self.output, self.ask_output))
        self.more = Fold(tr("More settings"), self)
        column.addSpacing(4)
        column.addWidget(self.more)
        grid = _grid(self.more.inside)
        self._shape_rows = [
            self._row(grid, name, field)
            for name, field in (
                (tr("layers"), self.layers),
                (tr("width"), self.across),
                (tr("heads"), self.heads),
                (tr("vocabulary"), self.vocab),
            )
        ]
        for name, field in (
            (tr("optimizer"), self.optimizer),
            (tr("warm-up steps"), self.warmup),
            (tr("weight decay"), self.decay),
            (tr("dropout"), self.dropout),
            (tr("measure every"), self.evaluate),
            (tr("early stop after"), self.patience),
        ):
            self._row(grid, name, field, field.accessibleName())
        grid.addWidget(self.half, grid.rowCount(), 0, 1, 2)
        column.addStretch(1)

    def _row(self, grid: QGridLayout, name: str, field: QWidget, tip: str = "") -> tuple[QWidget, QWidget]:
        caption = label(name, "muted", self)
        line = grid.rowCount()
        grid.addWidget(caption, line, 0)
        grid.addWidget(field, line, 1)
        for widget in (caption, field):
            widget.setToolTip(tip)
        return caption, field

    def _beside(self, field: QLineEdit, slot: object) -> QWidget:
        """A line with a button that asks for a folder."""
        both = QWidget(self)
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        button = QToolButton(both)
        button.setText("…")
        button.setAccessibleName(self.tr("{0}: choose").format(field.accessibleName()))
        button.clicked.connect(slot)
        row.addWidget(field, 1)
        row.addWidget(button)
        return both

    def _connect(self) -> None:
        self.files.changed.connect(self._texts_changed)
        for choice in (self.kind, self.scope, self.unit):
            choice.currentIndexChanged.connect(self._kind_changed)
        self.preset.currentIndexChanged.connect(self._take_size)
        for shape in (self.layers, self.across, self.heads, self.vocab, self.block):
            shape.valueChanged.connect(self._shape_changed)
        for line in (self.output, self.base, self.rate):
            line.textChanged.connect(self.changed)
        for field in self._remembered().values():
            if isinstance(field, Whole | Decimal):
                field.valueChanged.connect(self.changed)
                field.lineEdit().textEdited.connect(self.changed)

    # -- what follows from what ----------------------------------------------------------------------------------------

    @Slot()
    def _texts_changed(self) -> None:
        if not self.output.text() or self.output.text() == self._proposed:
            self.propose_folder()
        self.changed.emit()

    def propose_folder(self) -> None:
        """Name a folder that does not exist yet."""
        if not self._results:
            documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
            self._results = str(Path(documents or Path.home()) / "NTP Studio")
        self._proposed = str(proposed_folder(self.files.paths(), Path(self._results)))
        self.output.setText(self._proposed)

    def parent_folder(self) -> str:
        """Where results are put, each in a folder of its own; empty while none is named."""
        output = self.output.text().strip() if self._own is None else self._own[2]
        return str(Path(output).parent) if output else ""

    def text_paths(self) -> tuple[str, ...]:
        """What the person chose to train on, whatever run is shown at the moment."""
        return self.files.paths() if self._own is None else self._own[1]

    def set_parent_folder(self, folder: str) -> None:
        """Propose folders in this one."""
        self._results = folder
        self.propose_folder()

    @property
    def results_folder(self) -> str:
        """Where results are looked for: the nearest folder there is."""
        wanted = Path(os.path.expanduser(self.parent_folder() or self._results or "~"))
        return str(next((folder for folder in (wanted, *wanted.parents) if os.path.isdir(folder)), wanted))

    def renew_folder(self) -> None:
        """After a run: the next one needs another folder."""
        if _occupied(Path(self.output.text())):
            self.propose_folder()

    @property
    def _learner(self) -> str:
        """Which usual learning rate fits: `new`, or the scope."""
        return "new" if self.kind.value == "new" else self.scope.value

    @Slot()
    def _kind_changed(self) -> None:
        new = self.kind.value == "new"
        for rows, shown in (
            ((self._size_row,), new),
            ((self._base_row,), self.kind.value == "other"),
            ((self._scope_row,), not new),
            ((self._last_row,), not new and self.scope.value == "last"),
            ((self._lora_row,), not new and self.scope.value == "lora"),
            (self._shape_rows, new),
        ):
            for row in rows:
                for widget in row:
                    widget.setVisible(shown)
        self.steps.setVisible(self.unit.value == "steps")
        self.epochs.setVisible(self.unit.value == "epochs")
        if self.rate.value in RATES.values() or not self.rate.meant:  # nobody has chosen another
            self.rate.set_value(RATES[self._learner])
        if self.decay.value() in DECAYS.values():
            self.decay.setValue(DECAYS[self._learner])
        self._show_parameters()
        self.changed.emit()

    @Slot()
    def _take_size(self) -> None:
        size = SIZES.get(self.preset.value)
        if size is not None:
            fields = (self.layers, self.across, self.heads, self.vocab, self.block)
            for field, value in zip(
                fields, (size.layers, size.width, size.heads, size.vocab_size, size.context), strict=True
            ):
                field.blockSignals(True)
                field.setValue(value)
                field.blockSignals(False)
        else:
            self.more.set_open(True)
        self._shape_changed()

    @Slot()
    def _shape_changed(self) -> None:
        same = next((name for name, size in SIZES.items() if size == self.shape), "custom")
        self.preset.blockSignals(True)
        self.preset.choose(same)
        self.preset.blockSignals(False)
        self._show_parameters()
        self.changed.emit()

    @property
    def shape(self) -> Size:
        return Size(
            self.layers.value(), self.across.value(), self.heads.value(), self.vocab.value(), self.block.value()
        )

    def _show_parameters(self) -> None:
        new = self.kind.value == "new"
        self.parameters.setVisible(new)
        # Fewer where the text is too short for the whole vocabulary.
        self.parameters.setText(self.tr("up to {0} parameters").format(f"{self.shape.parameters:,}"))

    def set_open_model(self, name: str, path: str) -> None:
        """The model of the Inspect page may be trained on; empty when there is none."""
        self._open_model = (name, path)
        index = self.kind.findData("open")
        if index >= 0 and not path:
            self.kind.removeItem(index)
        elif path:
            text = self.tr("The open model, {0}").format(name)
            if index >= 0:
                self.kind.setItemText(index, text)
            else:
                self.kind.insertItem(1, text, "open")

    # -- asking --------------------------------------------------------------------------------------------------------

    @Slot()
    def ask_output(self) -> None:
        self._ask(self.tr("Folder for the result"), self.output)

    @Slot()
    def ask_base(self) -> None:
        self._ask(self.tr("The checkpoint to begin with"), self.base)

    def _ask(self, title: str, line: QLineEdit) -> None:
        dialog = QFileDialog(self.window(), title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(line.setText)
        dialog.open()

    # -- what was chosen -----------------------------------------------------------------------------------------------

    def _numbers(self) -> tuple[Whole | Decimal, ...]:
        """Those that count for what is chosen."""
        numbers: list[Whole | Decimal] = [
            self.steps if self.unit.value == "steps" else self.epochs, self.batch, self.block, self.held_out,
            self.seed, self.warmup, self.decay, self.dropout, self.evaluate, self.patience,
        ]  # fmt: skip
        if self.kind.value == "new":
            numbers += [self.layers, self.across, self.heads, self.vocab]
        elif self.scope.value in ("last", "lora"):
            numbers.append(self.last_blocks if self.scope.value == "last" else self.lora_rank)
        return tuple(numbers)

    def problem(self) -> str:
        """What cannot be meant, in a sentence; empty when a run may begin."""
        return self._problem()[0]

    def mark_problem(self) -> None:
        """Outline the field that the problem is about, until `unmark`."""
        self.unmark()
        self._wrong = self._problem()[1]
        if self._wrong is not None:
            set_property(self._wrong, "wrong", True)
            if self.more.isAncestorOf(self._wrong):
                self.more.set_open(True)

    def unmark(self) -> None:
        if self._wrong is not None:
            set_property(self._wrong, "wrong", False)
            self._wrong = None

    def _problem(self) -> tuple[str, QWidget | None]:
        """The sentence, and the field it is about."""
        tr = self.tr
        missing = [path for path in self.files.paths() if not Path(path).is_file()]
        if not self.files.paths():
            return tr("Add a text file to train on."), None
        if missing:
            return tr("{0} is not there any more; remove it from the list.").format(Path(missing[0]).name), None
        if self.kind.value == "other" and not os.path.exists(os.path.expanduser(self.base.text())):
            return tr("Name the folder of the checkpoint to begin with."), self.base
        for field in self._numbers():
            if not field.low <= field.value() <= field.high:
                words = tr("{0}: choose a number from {1} to {2}.")
                return words.format(field.accessibleName(), f"{field.low:,}", f"{field.high:,}"), field
        if self.kind.value == "new" and self.across.value() % self.heads.value():
            words = tr("The width {0} cannot be shared out among {1} heads; choose a multiple.")
            return words.format(self.across.value(), self.heads.value()), self.across
        if not self.rate.meant:
            return self._rate_problem(), self.rate
        if not self.output.text().strip():
            return tr("Name a folder for the result."), self.output
        if _occupied(Path(os.path.expanduser(self.output.text()))):
            return tr("The folder for the result is not empty; name a new one."), self.output
        return "", None

    def _rate_problem(self) -> str:
        rate = self.rate.value
        if math.isnan(rate):
            return self.tr("The learning rate is a number such as 0.001 or 1e-3.")
        if rate <= 0:
            return self.tr("The learning rate must be greater than 0.")
        return self.tr("The learning rate must be from {0} to {1}.").format(f"{LOWEST_RATE:g}", f"{HIGHEST_RATE:g}")

    def values(self) -> tuple[tuple[str, RecipeValue], ...]:
        """Fields of `core.training.Recipe`."""
        values: dict[str, RecipeValue] = {
            "texts": self.files.paths(),
            "output": os.path.expanduser(self.output.text().strip()),
            self.unit.value: self.steps.value() if self.unit.value == "steps" else self.epochs.value(),
            "learning_rate": self.rate.value,
            "batch_size": self.batch.value(),
            "context": self.block.value(),
            "held_out": self.held_out.value() / 100,
            "seed": self.seed.value(),
            "checkpoint_steps": snapshot_steps(self.snapshots.value),
            "optimizer": self.optimizer.value,
            "warmup_steps": self.warmup.value(),
            "weight_decay": self.decay.value(),
            "dropout": self.dropout.value(),
            "evaluate_every": self.evaluate.value(),
            "patience": self.patience.value(),
            "save_dtype": "float16" if self.half.isChecked() else "float32",
        }
        if self.kind.value == "new":
            shape = self.shape
            values |= {"layers": shape.layers, "width": shape.width, "heads": shape.heads}
            values["vocab_size"] = shape.vocab_size
        else:
            base = self._open_model[1] if self.kind.value == "open" else self.base.text().strip()
            values |= {"base": os.path.expanduser(base), "scope": self.scope.value}
            if self.scope.value == "last":
                values["last_blocks"] = self.last_blocks.value()
            elif self.scope.value == "lora":
                values["lora_rank"] = self.lora_rank.value()
        return tuple(values.items())

    # -- remembered ----------------------------------------------------------------------------------------------------

    def _remembered(self) -> dict[str, QWidget]:
        names = (
            "kind", "base", "preset", "layers", "across", "heads", "vocab", "block", "scope", "last_blocks",
            "lora_rank", "unit", "steps", "epochs", "rate", "batch", "held_out", "seed", "snapshots", "optimizer",
            "warmup", "decay", "dropout", "evaluate", "patience", "half",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def state(self) -> State:
        """What the person chose, by name, to be remembered."""
        if self._own is not None:
            return self._own[0]
        return tuple((name, _read(field)) for name, field in self._remembered().items())

    def restore(self, state: State) -> None:
        """Choose what was remembered; what makes no sense any more is left out."""
        fields = self._remembered()
        for name, value in state:
            if name in fields:
                _write(fields[name], value)

    # -- the recipe of a run -------------------------------------------------------------------------------------------

    def show_recipe(self, recipe: tuple[tuple[str, RecipeValue], ...]) -> None:
        """Show what a run under way was begun with, until `show_own`."""
        given = dict(recipe)
        if all(given.get(name) == value for name, value in self.values()):
            return  # it was begun with what stands here
        if self._own is None:
            self._own = (self.state(), self.files.paths(), self.output.text(), self._proposed)
        base, output = str(given["base"] or ""), str(given["output"])
        kind = "new" if not base else "open" if base == self._open_model[1] else "other"
        texts, kept = given["texts"], given["checkpoint_steps"]
        snapshots = next((c for c in ("none", "few", "many") if snapshot_steps(c) == kept), "other")
        if (snapshots == "other" or given["checkpoint_every"]) and self.snapshots.findData("other") < 0:
            self.snapshots.addItem(self.tr("As that run has them"), "other")
        state: dict[str, RecipeValue] = {
            "kind": kind, "base": base, "scope": given["scope"], "unit": "steps" if given["steps"] else "epochs",
            "snapshots": "other" if given["checkpoint_every"] else snapshots, "half": given["save_dtype"] == "float16",
            "held_out": 100 * float(str(given["held_out"])),
        }  # fmt: skip
        state |= {mine: given[name] for mine, name in _SAME.items() if given[name] is not None}
        self.files.set_paths(texts if isinstance(texts, tuple) else ())  # type: ignore[arg-type]
        self.restore(tuple(state.items()))  # type: ignore[arg-type]
        self.output.setText(output)

    def show_own(self) -> None:
        """What the person chose, once more."""
        if self._own is not None:
            (state, texts, output, proposed), self._own = self._own, None
            self.files.set_paths(texts)
            self.restore(state)
            self.output.setText(output)
            self._proposed = proposed
            index = self.snapshots.findData("other")
            if index >= 0:
                self.snapshots.removeItem(index)


_SAME = {
    "layers": "layers", "across": "width", "heads": "heads", "vocab": "vocab_size", "block": "context",
    "last_blocks": "last_blocks", "lora_rank": "lora_rank", "steps": "steps", "epochs": "epochs",
    "rate": "learning_rate", "batch": "batch_size", "seed": "seed", "optimizer": "optimizer",
    "warmup": "warmup_steps", "decay": "weight_decay", "dropout": "dropout", "evaluate": "evaluate_every",
    "patience": "patience",
}  # fmt: skip
"""Fields of the form whose value stands in the recipe as it is, by the name it has there."""


def _grid(parent: QWidget | None = None) -> QGridLayout:
    grid = QGridLayout(parent) if parent is not None else QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    grid.setColumnMinimumWidth(0, 86)
    grid.setAlignment(Qt.AlignmentFlag.AlignTop)
    return grid


def _occupied(folder: Path) -> bool:
    try:
        return folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    except OSError:
        return False  # the trainer will say why it cannot be written


def _read(field: QWidget) -> str | int | float | bool:
    if isinstance(field, Choice):
        return field.value
    if isinstance(field, QCheckBox):
        return field.isChecked()
    if isinstance(field, QLineEdit):
        return field.text()
    assert isinstance(field, Whole | Decimal)
    return field.value()


def _write(field: QWidget, value: str | int | float | bool) -> None:
    if isinstance(field, Choice):
        field.choose(str(value))
    elif isinstance(field, QCheckBox):
        field.setChecked(bool(value))
    elif isinstance(field, Rate) and isinstance(value, int | float):
        field.set_value(value)
    elif isinstance(field, QLineEdit):
        field.setText(str(value))
    elif isinstance(field, Whole) and isinstance(value, int | float):
        field.setValue(int(min(max(value, field.low), field.high)))
    elif isinstance(field, Decimal) and isinstance(value, int | float):
        field.setValue(float(min(max(value, field.low), field.high)))
