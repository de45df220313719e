"""The strip of the time-lapse: alone, and in the real program on a tiny run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractButton, QApplication, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.settings import Settings
from ntp_studio.time_lapse_messages import RibbonChanged, RibbonToken, SnapshotMark
from ntp_studio.ui.actions import Actions
from ntp_studio.ui.app import build
from ntp_studio.ui.bar_button import BarButton
from ntp_studio.ui.candidate_text import explain
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.theme import DARK, LIGHT, Theme
from ntp_studio.ui.time_lapse_picker import TokenPicker
from ntp_studio.ui.time_lapse_scale import COLORS, nearest, places, short_step, token_color
from ntp_studio.ui.time_lapse_strip import TimeLapseStrip
from ntp_studio.ui.token_text import chip_label
from tests import checkpoint_makers
from tests.ui.frames import make_frame, token

WAIT = 60_000
STEPS = (5, 20, 100, 500)
MARKS = tuple(
    SnapshotMark(f"/run/checkpoint-{step}", step, 4.0 if step == 20 else None, 2.5 if step == 500 else None)
    for step in STEPS
)


# -- the scale ---------------------------------------------------------------------------------------------------------


def test_places_go_by_the_logarithm_of_the_step() -> None:
    xs = places([0, 1, 9, 99, 999])
    assert xs[0] == 0.0
    assert xs[-1] == 1.0
    assert xs[2] == pytest.approx(math.log(10) / math.log(1000))
    assert places([5, 20, 100], even=True) == [0.0, 0.5, 1.0]
    final = places([10, 100, 1000, None])
    assert final[-1] == 1.0
    assert all(a < b for a, b in itertools.pairwise(final)), "a result without a step stands behind the last"
    assert places([7]) == [0.0]
    assert places([7, 7]) == [0.0, 1.0]
    assert [nearest(xs, x) for x in (-1.0, 0.34, 2.0)] == [0, 2, 4]


def test_steps_are_short_under_their_ticks() -> None:
    assert [short_step(s) for s in (0, 512, 1000, 1500, 1234, 13_000, 143_000)] == [
        "0", "512", "1k", "1.5k", "1,234", "13k", "143k",
    ]  # fmt: skip
    assert short_step(None) == "final"


def contrast(a: QColor, b: QColor) -> float:
    def light(color: QColor) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_lines_stand_out_and_apart(palette) -> None:
    colors = [token_color(palette, slot, False) for slot in range(COLORS)]
    assert len({c.name() for c in [*colors, token_color(palette, 0, True)]}) == COLORS + 1
    for color in colors:
        assert contrast(color, palette.color("surface")) >= 3


# -- the strip alone ---------------------------------------------------------------------------------------------------


@pytest.fixture
def house(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    return window


@pytest.fixture
def strip(house: QMainWindow, qtbot: QtBot, theme: Theme) -> TimeLapseStrip:
    window = house
    strip = TimeLapseStrip(Actions(window), theme, window)
    window.setCentralWidget(strip)
    window.resize(1200, 180)
    window.show()
    strip.show_series("tales", MARKS, 3)
    qtbot.waitUntil(strip.isVisible)
    return strip


def ribbon(*ids: int, node: int = 20, run: int = 1, pinned: tuple[int, ...] = (), complete: bool = True):
    tokens = tuple(RibbonToken(token(i, f"·w{i}"), i in pinned, i == ids[0]) for i in ids)
    rows = tuple(None if r == 1 else tuple((r + 1) * (k + 1) / 100 for k in range(len(ids))) for r in range(4))
    return RibbonChanged(run, node, tokens, rows, ((1, "It is damaged."),), complete)


def test_it_is_hidden_without_snapshots_and_where_it_is_closed(strip: TimeLapseStrip) -> None:
    strip.set_open(False)
    assert not strip.isVisible()
    strip.set_open(True)
    assert strip.isVisible()
    strip.show_series("", (), 0)
    assert not strip.isVisible()
    assert not strip._commands["next_snapshot"].isEnabled()


def words(strip: TimeLapseStrip) -> tuple[str, str]:
    return strip._step.text(), strip._figure.text()


def test_it_says_which_step_and_what_was_measured(strip: TimeLapseStrip) -> None:
    assert words(strip) == ("step 500 of 500", "held-out 2.50 bits/byte")
    strip.show_current(1)
    assert words(strip) == ("step 20 of 500", "held-out loss 4.00 nats/token")
    strip.show_current(0)
    assert words(strip) == ("step 5 of 500", "snapshot 1 of 4")
    assert strip.slider.accessibleDescription() == "step 5"


def test_a_step_stands_alone_where_the_length_of_the_training_is_not_known(strip: TimeLapseStrip) -> None:
    strip.show_series("tales", (*MARKS, SnapshotMark("/run", None)), 1)
    assert words(strip)[0] == "step 20"
    strip.show_current(4)
    assert words(strip)[0] == "final weights"


def test_a_drag_asks_only_for_where_it_rests(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    asked: list[str] = []
    strip.snapshot_wanted.connect(asked.append)
    y = strip.slider.height() // 3
    at = [QPoint(round(strip.slider.x_of(i)), y) for i in range(4)]
    qtbot.mousePress(strip.slider, Qt.MouseButton.LeftButton, pos=at[3])
    for place in (at[2], at[1], at[0]):
        qtbot.mouseMove(strip.slider, place)
    qtbot.mouseRelease(strip.slider, Qt.MouseButton.LeftButton, pos=at[0])
    assert strip.slider.value() == 0
    assert words(strip)[1] == "reading the text with it …"
    qtbot.waitUntil(lambda: bool(asked), timeout=WAIT)
    assert asked == [MARKS[0].path]


def test_the_handle_stays_where_it_is_wanted_while_another_is_shown(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    with qtbot.waitSignal(strip.snapshot_wanted):
        strip.slider.setValue(2)
    with qtbot.waitSignal(strip.snapshot_wanted):
        strip.slider.setValue(0)
    strip.show_current(2)  # the answer to the first
    assert strip.slider.value() == 0
    strip.show_current(0)
    assert (strip.current, strip.slider.value()) == (0, 0)
    with qtbot.waitSignal(strip.snapshot_wanted):
        strip.slider.setValue(1)
    strip.show_failed()
    assert strip.slider.value() == 0, "back to the one on view"


def test_playing_goes_on_when_one_is_shown_and_ends_at_the_last(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    strip._next.setInterval(0)
    asked: list[str] = []

    def answer(path: str) -> None:
        asked.append(path)
        strip.show_current(strip.index_of(path))

    strip.snapshot_wanted.connect(answer)
    with qtbot.waitSignals([strip.play_changed] * 2, timeout=WAIT):
        strip.toggle_play()
    assert asked == [mark.path for mark in MARKS], "from the first, as the last was on view"
    assert not strip._playing
    strip.toggle_play()
    strip.previous()
    assert not strip._playing, "a person takes over"


def test_the_legend_shows_the_snapshot_on_view_or_under_the_pointer(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    strip.show_ribbon(ribbon(7, 8, 9))
    entries = [e for e in strip.legend._entries if not e.isHidden()]
    assert [(e.token.id, e.figure()) for e in entries] == [(7, "4.0%"), (8, "8.0%"), (9, "12.0%")]
    strip._hover(0)
    assert [e.figure() for e in entries] == ["1.0%", "2.0%", "3.0%"]
    assert strip.legend._title.text() == "at step 5"
    strip._hover(1)
    assert [e.figure() for e in entries] == ["…"] * 3
    assert "damaged" in strip.slider.words(1)
    strip._hover(-1)
    assert strip.legend._title.text() == "at step 500"
    assert "drawn" in entries[0].accessibleName()
    qtbot.waitUntil(lambda: len(strip.ribbon._curves) == 3, timeout=WAIT)
    x, y = strip.ribbon._curves[1].getData()
    assert list(x) == strip.slider.places
    assert y[0] == 0.02
    assert math.isnan(y[1])


def test_pinning_and_letting_go(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    strip.show_ribbon(ribbon(7, 8, 9, pinned=(8,)))
    with qtbot.waitSignal(strip.pins_changed) as pinned:
        strip.legend._entries[2].click()
    assert pinned.args == [(8, 9)]
    with qtbot.waitSignal(strip.pins_changed) as let_go:
        strip.legend._entries[1].click()
    assert let_go.args == [()]


def test_any_token_can_be_added_and_is_never_markup(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    strip.show_ribbon(ribbon(7, 8))
    frame = make_frame(labels=["<b>&x", *[f"·t{i}" for i in range(50)]])
    strip.show_place(1, frame)
    strip.offer_first(frame.candidates[5].token)
    strip.legend._add.click()
    picker = strip.legend.picker
    assert picker.isVisible()
    assert row_texts(picker)[0] == chip_label(frame.candidates[5].token), "the selected one first"
    assert "<b>&x" in row_texts(picker)
    with qtbot.waitSignal(strip.pins_changed) as pinned:
        qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert pinned.args == [(frame.candidates[5].token.id,)]
    assert not picker.isVisible()


def row_texts(picker: TokenPicker) -> list[str]:
    return [picker.rows.item(i).text() for i in range(picker.rows.count())]


def test_typing_finds_what_is_not_among_the_likeliest(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    strip.show_ribbon(ribbon(7, 8, pinned=(8,)))
    strip.show_place(1, make_frame())
    picker = strip.legend.picker
    strip.legend._add.click()
    likeliest = row_texts(picker)
    with qtbot.waitSignal(strip.find_wanted) as asked:
        qtbot.keyClicks(picker.field, "King")
    assert asked.args == ["King"]
    strip.show_found("Kin", [token(40, "·Kin")])
    assert row_texts(picker) == likeliest, "an answer to what was typed before"
    strip.show_found("King", [token(41, "·King"), token(8, "·Kings"), token(42, "<i>King")])
    assert row_texts(picker) == ["·King", "<i>King"], "the pinned one is left out"
    qtbot.keyClick(picker.field, Qt.Key.Key_Down)
    with qtbot.waitSignal(strip.pins_changed) as pinned:
        qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert pinned.args == [(8, 42)]
    strip.legend._add.click()
    assert (picker.field.text(), row_texts(picker)) == ("", likeliest), "it begins afresh"
    qtbot.keyClicks(picker.field, "q")
    qtbot.keyClick(picker.field, Qt.Key.Key_Return)
    assert picker.isVisible(), "nothing is taken before the answer"
    with qtbot.waitSignal(strip.pins_changed) as pinned:
        strip.show_found("q", [token(43, "·queen")])
    assert pinned.args == [(8, 43)]
    strip.legend._add.click()
    with qtbot.waitSignal(strip.pins_changed) as pinned:
        place = picker.rows.visualItemRect(picker.rows.item(1)).center()
        qtbot.mouseClick(picker.rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert pinned.args[0][0] == 8
    strip.legend._add.click()
    qtbot.keyClick(picker.field, Qt.Key.Key_Escape)
    assert not picker.isVisible()


def test_a_token_keeps_its_colour(strip: TimeLapseStrip) -> None:
    strip.show_ribbon(ribbon(7, 8, 9))
    before = strip.legend.slot_of(9)
    strip.show_ribbon(ribbon(5, 9, 6, 8))
    assert strip.legend.slot_of(9) == before
    assert len({strip.legend.slot_of(i) for i in (5, 9, 6, 8)}) == 4


def test_a_ribbon_of_another_place_is_pale(strip: TimeLapseStrip) -> None:
    strip.show_ribbon(ribbon(7, 8, node=20))
    strip.show_place(1, make_frame(node=20))
    assert not strip.ribbon._stale
    figures = [e.figure() for e in strip.legend._entries[:2]]
    bright = strip.legend.grab().toImage()
    strip.show_place(1, make_frame(node=21))
    assert strip.ribbon._stale
    assert [e.figure() for e in strip.legend._entries[:2]] == ["–", "–"], "they are of the place before"
    assert "drawn" not in strip.legend._entries[0].accessibleName()
    assert strip.legend.grab().toImage() != bright
    strip.show_current(1)
    strip._hover(0)
    assert [e.figure() for e in strip.legend._entries[:2]] == ["–", "–"]
    strip.show_current(3)
    strip._hover(-1)
    strip.show_place(1, make_frame(node=20))
    assert [e.figure() for e in strip.legend._entries[:2]] == figures, "back at its place"
    strip.show_ribbon(ribbon(7, 8, node=21))
    assert strip.ribbon._stale, "a ribbon that comes late"
    assert strip.legend._entries[0].figure() == "–"
    strip.show_place(1, make_frame(node=21))
    assert not strip.ribbon._stale
    assert [e.figure() for e in strip.legend._entries[:2]] == figures


def test_even_spacing_moves_slider_and_ribbon_alike(strip: TimeLapseStrip, qtbot: QtBot) -> None:
    strip.show_ribbon(ribbon(7, 8))
    strip._even.click()
    assert strip.slider.places == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert strip.ribbon._places == strip.slider.places
    for index in range(4):
        assert strip.slider.index_at(strip.slider.x_of(index)) == index


def test_everything_has_a_name_and_both_themes_paint(strip: TimeLapseStrip, theme: Theme, qtbot: QtBot) -> None:
    strip.show_ribbon(ribbon(7, 8, 9, pinned=(8,)))
    for choice in ("light", "dark"):
        theme.choose(choice)
        QApplication.processEvents()
        qtbot.waitUntil(lambda: strip.ribbon._curves[0].opts["pen"].color() == theme.palette.color("drawn"))
        crossed = strip.slider.grab().toImage()
        strip.slider.show_problems({})
        assert strip.slider.grab().toImage() != crossed, "the damaged one is crossed out"
        strip.slider.show_problems({1: "It is damaged."})
    for widget in strip.findChildren(QWidget):
        if isinstance(widget, QAbstractButton) and widget.isVisible():
            assert widget.accessibleName(), widget.objectName()
    assert strip.slider.accessibleName()


# -- the real program --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "tales"
    for seed, folder in enumerate([run / "checkpoint-5", run / "checkpoint-20", run / "checkpoint-100", run]):
        checkpoint_makers.make_hf(folder, "gpt2", seed=seed)
    return run


@pytest.fixture
def open_studio(qtbot: QtBot) -> Iterator[Callable[..., MainWindow]]:
    windows = []

    def make(*argv: str, settings: Settings | None = None) -> MainWindow:
        _, window = build(argv, settings=settings or Settings(seed=7, speed=0.0))
        windows.append(window)
        window.resize(1280, 800)
        window.show()
        window.studio.engine.workbench.time_lapse.rest = 0.0
        return window

    yield make
    for window in windows:
        window.studio.shutdown()
        window.deleteLater()


@pytest.fixture
def window(open_studio: Callable[..., MainWindow], run: Path, qtbot: QtBot) -> MainWindow:
    window = open_studio("--model", str(run), "--prompt", "The cat sat on")
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: complete(window), timeout=WAIT)
    return window


def complete(window: MainWindow) -> bool:
    """Whether the ribbon of the place on view is there."""
    return bool(window.time_lapse.marks) and window.time_lapse.settled


def show(qtbot: QtBot, window: MainWindow, index: int) -> None:
    before = window.studio.controller.state.frame
    window.time_lapse.slider.setValue(index)
    qtbot.waitUntil(lambda: window.time_lapse.current == index, timeout=WAIT)
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not before, timeout=WAIT)
    qtbot.waitUntil(lambda: complete(window), timeout=WAIT)


def test_the_strip_appears_by_itself_and_everything_follows(window: MainWindow, qtbot: QtBot) -> None:
    assert window.time_lapse.isVisible()
    assert len(window.time_lapse.marks) == 4
    tokens = window.text._page.text.tokens
    before = window.studio.controller.state.frame
    show(qtbot, window, 1)
    after = window.studio.controller.state.frame
    assert after.node == before.node
    assert [c.probability for c in after.candidates] != [c.probability for c in before.candidates]
    now = window.text._page.text.tokens
    assert [t.token for t in now] == [t.token for t in tokens]
    assert [t.logprob for t in now[1:]] != [t.logprob for t in tokens[1:]]
    assert "checkpoint-20" in window.windowTitle()
    button = window.toolbar.findChild(BarButton, "model_button")
    assert button.label() == "tales", "the strip says which snapshot it is"
    assert "tales/checkpoint-20" in button.toolTip()
    assert window.studio.controller.state.info.name == "tales/checkpoint-20"
    assert window.next.frame is after
    figure = window.time_lapse.legend._entries[0]
    assert figure._probability == pytest.approx(after.choice.probability, abs=1e-6)
    assert window.studio.controller.state.settings.last_model.endswith("tales"), "what was opened is remembered"


def test_a_card_goes_with_its_page(window: MainWindow, qtbot: QtBot) -> None:
    chart = window.next.chart
    words = explain(chart.rows[0].candidate, window.studio.controller.state.frame)
    chart.card.show_at(words, chart.mapToGlobal(QPoint(20, 20)))
    assert chart.card.isVisible()
    window.commands["train"].trigger()
    assert not window.inspecting
    assert not chart.card.isVisible()
    chart.card.show_at(words, QPoint(20, 20))
    assert not chart.card.isVisible(), "a card that was under way"


def test_keys_go_to_the_neighbours(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClick(window.text, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: window.time_lapse.current == 2, timeout=WAIT)
    qtbot.keyClick(window.text, Qt.Key.Key_BracketLeft)
    qtbot.waitUntil(lambda: window.time_lapse.current == 1, timeout=WAIT)
    qtbot.keyClick(window.text, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: window.time_lapse.current == 2, timeout=WAIT)
    assert not window.notice.isVisible()


def test_stepping_works_at_any_snapshot(window: MainWindow, qtbot: QtBot) -> None:
    show(qtbot, window, 0)
    count = len(window.text._page.text.tokens)
    drawn = window.studio.controller.state.frame.choice.token
    qtbot.keyClick(window.text, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: len(window.text._page.text.tokens) == count + 1, timeout=WAIT)
    assert window.text._page.text.tokens[-1].token == drawn
    show(qtbot, window, 3)
    assert window.text._page.text.tokens[-1].token == drawn


def test_any_token_of_the_vocabulary_can_be_followed(window: MainWindow, qtbot: QtBot) -> None:
    likely = {c.token.id for c in window.studio.controller.state.frame.candidates}
    wanted = next(i for i in range(300, 339) if i not in likely)
    legend = window.time_lapse.legend
    legend._add.click()
    qtbot.keyClicks(legend.picker.field, f"#{wanted}")
    qtbot.keyClick(legend.picker.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: legend.pinned == (wanted,), timeout=WAIT)
    assert legend._entries[0].token.id == wanted
    show(qtbot, window, 0)
    assert legend.pinned == (wanted,), "it stays at every snapshot"


def test_closing_the_strip_is_remembered(window: MainWindow, open_studio, run: Path, qtbot: QtBot) -> None:
    qtbot.keyClick(window.text, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert not window.time_lapse.isVisible()
    settings = window.arrangement(window.studio.controller.state.settings)
    assert "time_lapse" in settings.collapsed_panels
    again = open_studio("--model", str(run), "--prompt", "The cat", settings=settings)
    qtbot.waitUntil(lambda: again.studio.controller.state.frame is not None, timeout=WAIT)
    assert again.time_lapse.marks
    assert not again.time_lapse.isVisible()
    again.commands["toggle_time_lapse"].trigger()
    assert again.time_lapse.isVisible()
    qtbot.waitUntil(lambda: complete(again), timeout=WAIT)


def test_a_model_without_snapshots_hides_it(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    alone = checkpoint_makers.make_hf(tmp_path / "alone", "llama")
    window.studio.controller.open_model(str(alone))
    qtbot.waitUntil(lambda: not window.time_lapse.isVisible(), timeout=WAIT)
    assert not window.commands["toggle_time_lapse"].isEnabled()


def test_a_damaged_snapshot_is_told_in_place(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    from ntp_studio.core import checkpoints
    from ntp_studio.core.types import CheckpointError

    def fail(path: str, **named: object) -> None:
        raise CheckpointError("The file is damaged; download it again.")

    monkeypatch.setattr(checkpoints, "load", fail)
    window.studio.engine.workbench.time_lapse._lapses["main"].cache.drop()
    window.time_lapse.slider.setValue(0)
    qtbot.waitUntil(window.notice.isVisible, timeout=WAIT)
    assert "damaged" in window.notice.text()
    assert (window.time_lapse.current, window.time_lapse.slider.value()) == (3, 3)
