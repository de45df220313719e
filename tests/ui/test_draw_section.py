"""The draw on screen: the dart's line and its needle, the race, what was taken before, and many draws at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.types import DecodingSettings, DrawReport, StageReport, StepFrame, Taken
from ntp_studio.ui.candidate_text import choice_caption, needle_figure, percent
from ntp_studio.ui.dart_line import segment_at, segments
from ntp_studio.ui.dart_view import DartView
from ntp_studio.ui.draw_overlay import Draws, same_distribution
from ntp_studio.ui.next_token_panel import NextTokenPanel
from ntp_studio.ui.race_lanes import course, lanes
from ntp_studio.ui.race_view import time_figure
from ntp_studio.ui.theme import LIGHT, Theme
from tests.ui.frames import WORDS, make_frame

unit = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme) -> NextTokenPanel:
    panel = NextTokenPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(420, 820)
    panel.show()
    qtbot.waitExposed(panel)
    panel.activateWindow()
    return panel


def at(view: DartView, u: float) -> QPoint:
    return QPoint(round(u * view.width()), round(view.band().center().y()))


def dark(view: DartView, u: float) -> bool:
    """Whether the needle stands at `u`: there is dark text colour in the margin below the line, over its whole knob."""
    image = view.grab().toImage()
    ratio = image.devicePixelRatio()
    y = int((view.band().bottom() + 5) * ratio)
    return QColor(image.pixel(round(u * image.width()), y)).name() == LIGHT.text


# -- the line ----------------------------------------------------------------------------------------------------------


@given(unit, st.integers(min_value=1, max_value=60), st.sampled_from([None, 0.5, 0.9]), st.integers(0, 4))
def test_the_needle_falls_on_what_the_draw_takes(u: float, top: int, top_p: float | None, seed: int) -> None:
    frame = make_frame(vocab_size=60, top=top, top_p=top_p, method="dart", u=u, seed=seed, temperature=1.3)
    line = segments(frame)
    assert line[0].start == 0.0
    assert all(a.end == pytest.approx(b.start, abs=1e-12) for a, b in itertools.pairwise(line))
    assert line[-1].end == pytest.approx(1.0, abs=1e-9)
    (chosen,) = (s for s in line if s.chosen)
    assert chosen.start - 1e-9 <= u <= chosen.end + 1e-9
    width = chosen.end - chosen.start
    assert width == pytest.approx(frame.choice.processed_probability, abs=1e-9)


@given(unit, st.integers(min_value=1, max_value=60), st.integers(0, 4))
def test_a_stretch_that_is_sure_is_where_the_whole_distribution_has_it(u: float, top: int, seed: int) -> None:
    options = {"vocab_size": 60, "top_p": None, "method": "dart", "seed": seed, "chosen": 0}
    whole = segments(make_frame(top=60, **options))  # type: ignore[arg-type]
    known = {s.candidate.token.id: s for s in whole if s.candidate}
    some = segments(make_frame(top=top, **options))  # type: ignore[arg-type]
    for segment in some:
        if segment.candidate is not None and segment.sure:
            exact = known[segment.candidate.token.id]
            assert (segment.start, segment.end) == pytest.approx((exact.start, exact.end), abs=1e-9)
    hit, exact = segment_at(some, u), segment_at(whole, u)
    assert hit is not None
    assert exact is not None
    if hit.candidate is not None and exact.candidate is not None and min(u - exact.start, exact.end - u) > 1e-9:
        assert hit.candidate.token.id == exact.candidate.token.id


def test_equals_lie_by_id() -> None:
    frame = make_frame(vocab_size=4, top=4, top_p=None, method="dart", chosen=0)
    equal = tuple(replace(c, processed_probability=0.25) for c in frame.candidates)
    line = segments(replace(frame, candidates=equal[::-1], choice=equal[0]))
    assert [s.candidate.token.id for s in line if s.candidate] == sorted(c.token.id for c in equal)


def test_where_the_ranking_is_another_only_the_likely_are_sure_of_their_place() -> None:
    frame = make_frame(top_p=None, method="dart", chosen=0)
    assert all(s.sure for s in segments(frame))
    moved = replace(frame, stages=(StageReport("dry", 49_152, 0, 1.0, 6.0, 6.0),))
    rest = moved.processed_tail_probability
    unsure = [s.candidate for s in segments(moved) if s.candidate and not s.sure]
    assert unsure
    assert all(c.processed_probability <= rest for c in unsure)


# -- the needle --------------------------------------------------------------------------------------------------------


def test_dragging_says_where_at_once_and_the_last_place_always(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart"))
    view = panel.draw_strip.strip
    sent: list[float] = []
    panel.needle_moved.connect(sent.append)
    start = view.needle
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, start or 0.0))
    assert sent == [], "taking hold of the needle does not move it"
    for share in (0.6, 0.4, 0.2, 0.05):
        qtbot.mouseMove(view, at(view, share))
    assert view.needle == pytest.approx(0.05, abs=2 / view.width() + 0.01)
    assert view.under_needle() == "·heart", "before any answer"
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(view, 0.05))
    assert sent[-1] == view.needle
    assert 1 <= len(sent) <= 5
    # An answer to an earlier place does not move it back; the answer to the last one ends it.
    panel.show_frame(make_frame(method="dart", u=0.61, needle="moved"))
    assert view.needle == sent[-1]
    panel.show_frame(make_frame(method="dart", u=sent[-1], needle="moved"))
    assert view.needle == sent[-1]
    panel.show_frame(make_frame(method="dart", u=0.9, needle="moved"))
    assert view.needle == 0.9
    assert dark(view, 0.9)


def test_the_throttle_lets_few_through_and_the_last(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart"))
    view = panel.draw_strip.strip
    sent: list[float] = []
    panel.needle_moved.connect(sent.append)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, 0.1))
    for step in range(200):
        view._move(0.1 + step / 1000)
    assert len(sent) < 100
    qtbot.waitUntil(lambda: sent[-1] == pytest.approx(0.299))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(view, 0.299))


def test_a_press_beside_the_needle_puts_it_there(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart"))
    view = panel.draw_strip.strip
    with qtbot.waitSignal(panel.needle_moved) as told:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 0.25))
    assert told.args[0] == pytest.approx(0.25, abs=1 / view.width())


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (Qt.Key.Key_Right, 0.501),
        (Qt.Key.Key_Left, 0.499),
        (Qt.Key.Key_PageUp, 0.55),
        (Qt.Key.Key_PageDown, 0.45),
        (Qt.Key.Key_Home, 0.0),
        (Qt.Key.Key_End, math.nextafter(1.0, 0.0)),
    ],
)
def test_keys_move_the_needle(qtbot: QtBot, panel: NextTokenPanel, key: Qt.Key, expected: float) -> None:
    panel.show_frame(make_frame(method="dart", u=0.5))
    view = panel.draw_strip.strip
    view.setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.waitSignal(panel.needle_moved) as told:
        qtbot.keyClick(view, key)
    assert told.args[0] == pytest.approx(expected, abs=1e-12)
    assert 0.0 <= told.args[0] < 1.0
    assert needle_figure(expected) in view.accessibleDescription()


def test_escape_gives_the_needle_back_and_is_the_windows_key_before(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart", u=0.5))
    view = panel.draw_strip.strip
    view.setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.assertNotEmitted(panel.needle_released_to_seed):
        qtbot.keyClick(view, Qt.Key.Key_Escape)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    with qtbot.waitSignal(panel.needle_released_to_seed):
        qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert view.needle == 0.5


def test_a_hand_takes_the_needle_from_place_to_place(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart", u=0.5))
    view, head = panel.draw_strip.strip, panel.draw_strip.head
    sent: list[tuple[int, float]] = []
    panel.needle_moved.connect(lambda u: sent.append((panel.frame.node if panel.frame else -1, u)))
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, 0.2))
    put = view.needle
    panel.show_frame(make_frame(method="dart", u=put, needle="moved"))
    # The text grows: the token of the new place was drawn by the seed before the hand could be there.
    panel.show_frame(make_frame(method="dart", node=21, step=7, u=0.8))
    assert view.dragging
    assert view.needle == put
    assert sent == [(20, put), (21, put)], "the worker is told at each place"
    assert view.drawn_needle == 0.8
    assert "drawn at 0.800" in view.accessibleDescription()
    assert dark(view, put or 0.0)
    assert not dark(view, 0.8), "hollow: it is not the one that is held"
    assert panel.draw_strip.caption.startswith("dart · u = 0.800 · seed 42"), "what is told is what was drawn"
    assert head.hold.text().strip() == "moved here", "no flicker from token to token"
    with_drawn = view.grab().toImage()
    panel.show_frame(make_frame(method="dart", node=21, step=7, u=put, needle="moved"))
    assert view.drawn_needle is None
    assert view.grab().toImage() != with_drawn
    assert len(sent) == 2, "an answer asks for nothing"
    # Let go, the next place is the seed's again.
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(view, 0.2))
    panel.show_frame(make_frame(method="dart", node=22, step=8, u=0.3))
    assert view.needle == 0.3
    assert len(sent) == 2


def test_a_needle_that_is_only_held_fast_goes_along(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart", u=0.5))
    view = panel.draw_strip.strip
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, 0.5))
    with qtbot.waitSignal(panel.needle_moved) as told:
        panel.show_frame(make_frame(method="dart", node=21, step=7, u=0.8))
    assert told.args == [0.5] == [view.needle]
    panel.show_frame(make_frame(node=22, step=8))
    assert not view.dragging, "a race has no needle"
    panel.show_frame(make_frame(method="dart", node=23, step=9, u=0.7))
    assert (view.needle, view.drawn_needle) == (0.7, None)


def test_a_release_that_went_elsewhere_ends_the_movement(qtbot: QtBot, panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame(method="dart", u=0.5))
    view = panel.draw_strip.strip
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, 0.2))
    middle = QPointF(at(view, 0.7))
    free = QMouseEvent(
        QEvent.Type.MouseMove,
        middle,
        view.mapToGlobal(middle),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(view, free)
    assert not view.dragging
    assert view.needle == pytest.approx(0.2, abs=1 / view.width())


def test_the_needle_can_be_held_and_let_go(qtbot: QtBot, panel: NextTokenPanel) -> None:
    strip = panel.draw_strip
    hold = panel.findChild(QWidget, "hold_needle_button")
    panel.show_frame(make_frame(method="dart", u=0.57))
    assert hold.text().strip() == "hold"
    assert not strip.head.seed.isVisible()
    with qtbot.waitSignal(panel.needle_held) as told:
        hold.click()
    assert told.args == [0.57]
    panel.show_frame(make_frame(method="dart", u=0.57, needle="held"))
    assert hold.isChecked()
    assert hold.text().strip() == "held"
    assert strip.caption == "dart · needle held at 0.570 → ·special"
    # Moved while it is held, it is held where it was put.
    with qtbot.waitSignals([panel.needle_moved, panel.needle_held]):
        qtbot.mouseClick(strip.strip, Qt.MouseButton.LeftButton, pos=at(strip.strip, 0.3))
    panel.show_frame(make_frame(method="dart", u=strip.strip.needle, needle="moved"))
    assert hold.isChecked(), "moved at this place, and still held at every other"
    held: list[object] = []
    panel.needle_held.connect(held.append)
    with qtbot.waitSignal(panel.needle_released_to_seed):
        strip.head.seed.click()
    assert held == [None]
    panel.show_frame(make_frame(method="dart", u=0.41))
    assert not hold.isChecked()
    assert strip.caption == "dart · u = 0.410 · seed 42 · draw 6 → ·heart"
    panel.show_frame(make_frame(method="dart", u=0.41, needle="moved"))
    assert hold.text().strip() == "moved here"
    assert "needle moved by you" in strip.caption


def test_the_method_is_chosen_and_greedy_has_none(qtbot: QtBot, panel: NextTokenPanel) -> None:
    head = panel.draw_strip.head
    panel.show_frame(make_frame())
    assert head.race.isChecked()
    assert not head.hold.isVisible()
    with qtbot.waitSignal(panel.method_chosen) as told:
        qtbot.mouseClick(head.dart, Qt.MouseButton.LeftButton)
    assert told.args == ["dart"]
    panel.show_frame(make_frame(method="dart"))
    assert head.dart.isChecked()
    assert panel.draw_strip.strip.isVisible()
    assert not panel.draw_strip.race.isVisible()
    with qtbot.waitSignal(panel.method_chosen) as told:
        panel.draw_strip.toggle_method()
    assert told.args == ["race"]
    panel.show_frame(make_frame(method="greedy", chosen=0))
    assert not head.methods.isVisible()
    assert panel.draw_strip.strip.needle is None
    assert not head.many.isEnabled()


@pytest.mark.parametrize("width", [280, 320, 454, 700])
def test_the_head_never_overflows(qtbot: QtBot, theme: Theme, width: int) -> None:
    box = QSplitter()
    qtbot.addWidget(box)
    panel = NextTokenPanel(theme, box)
    box.resize(width, 700)
    box.show()
    panel.show_frame(make_frame(method="dart", u=0.5, needle="moved"))
    head = panel.draw_strip.head
    qtbot.waitUntil(lambda: head.width() == panel.width() - 32)
    shown = [w for w in (head.title, head.methods, head.seed, head.hold, head.many) if w.isVisible()]
    assert head.many in shown
    qtbot.waitUntil(lambda: all(a.geometry().right() < b.x() for a, b in itertools.pairwise(shown)))
    qtbot.waitUntil(lambda: all(w.width() >= w.minimumSizeHint().width() for w in shown))
    assert shown[-1].geometry().right() <= head.width()


# -- the race ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 5), st.integers(min_value=1, max_value=9), st.sampled_from([None, 0.6, 0.95]))
def test_lanes_are_the_first_arrivals(seed: int, count: int, top_p: float | None) -> None:
    frame = make_frame(seed=seed, top_p=top_p, chosen=1, vocab_size=400, top=4)
    every = make_frame(seed=seed, top_p=top_p, chosen=1, vocab_size=400, top=400).candidates
    field = lanes(frame, count)
    times = [lane.time for lane in field]
    # Of all 400, though only four are listed.
    running = sorted(c.waiting_time for c in every if c.cut_by is None)
    assert times == running[: min(count, len(frame.arrivals))]
    assert len(frame.arrivals) == min(8, len(running))
    assert field[0].chosen
    assert field[0].way == pytest.approx(1.0)
    length = course(field)
    for lane in field:
        c = lane.candidate
        # Speed is probability over luck, and with average luck the probability itself.
        assert lane.way == pytest.approx(frame.draw.time * c.processed_probability / c.noise)
        assert lane.average == pytest.approx(frame.draw.time * c.processed_probability)
        assert lane.way / length <= 1.0 + 1e-9


def test_without_the_arrivals_the_listed_tokens_run() -> None:
    frame = replace(make_frame(top_p=None, top=4, chosen=1), arrivals=())
    times = [lane.time for lane in lanes(frame, 9)]
    assert times == sorted(c.waiting_time for c in frame.candidates)


def test_a_runner_that_is_not_listed_is_shown(panel: NextTokenPanel) -> None:
    frame = make_frame(top_p=None, top=4, chosen=1, seed=2)
    listed = {c.token.id for c in frame.candidates}
    panel.show_frame(frame)
    race = panel.draw_strip.race
    shown = [lane.candidate.token for lane in race.lanes]
    assert shown == [c.token for c in frame.arrivals[: len(shown)]]
    others = [token.label for token in shown if token.id not in listed]
    assert others
    assert all(label in race.accessibleDescription() for label in others)


def test_a_cut_token_does_not_run() -> None:
    frame = make_frame(top_p=0.5, chosen=0)
    assert all(lane.candidate.cut_by is None for lane in lanes(frame, 8))


def test_the_race_is_told_in_words_and_figures(panel: NextTokenPanel) -> None:
    panel.show_frame(make_frame())
    race = panel.draw_strip.race
    assert race.isVisible()
    assert not panel.draw_strip.strip.isVisible()
    assert race.accessibleDescription().startswith("·dream 0.300, ")
    image = race.grab().toImage()
    ratio = image.devicePixelRatio()

    def colors(lane: int) -> set[str]:
        y = int(race.lane_rect(lane).center().y() * ratio)
        return {QColor(image.pixel(x, y)).name() for x in range(image.width())}

    assert LIGHT.drawn in colors(0)
    assert LIGHT.drawn not in colors(1)
    assert LIGHT.accent in colors(1)


def test_without_noise_there_is_the_line(panel: NextTokenPanel) -> None:
    frame = make_frame()
    bare = tuple(replace(c, noise=math.nan) for c in frame.candidates)
    panel.show_frame(replace(frame, candidates=bare, arrivals=()))
    assert panel.draw_strip.strip.isVisible()
    assert panel.draw_strip.strip.needle is None


@pytest.mark.parametrize(
    ("time", "text"),
    [(0.3, "0.300"), (0.0002, "<0.001"), (12.44, "12.4"), (1204.4, "1,204"), (3e7, "3e7"), (math.inf, "—")],
)
def test_times_are_short(time: float, text: str) -> None:
    assert time_figure(time) == text


# -- what was taken here before ----------------------------------------------------------------------------------------


def taken(frame: StepFrame, place: int, changed: bool = True) -> Taken:
    draw = DrawReport("dart", 42, 5, u=0.32) if frame.draw.method == "dart" else DrawReport("race", 42, 5, 0.4)
    return Taken(frame.candidates[place].token, "drawn", draw, 0.1, DecodingSettings(method="dart"), changed)


def test_a_place_looked_at_again_shows_its_draw(qtbot: QtBot, panel: NextTokenPanel) -> None:
    frame = make_frame(top_p=0.95)
    panel.show_frame(replace(frame, taken=taken(frame, 12)))
    strip = panel.draw_strip
    assert strip.caption == "race · seed 42 · draw 6 → ·dream"
    assert strip.taken_text == "taken here: ·large — race, seed 42, draw 6 (changed since)"
    assert [lane.candidate.token.label for lane in strip.race.lanes if lane.taken] == ["·large"]
    with qtbot.waitSignal(panel.restore_asked) as asked:
        strip.restore_button.click()
    assert asked.args == [DecodingSettings(method="dart")]
    panel.show_frame(replace(frame, taken=taken(frame, 4, changed=False)))
    assert strip.taken_text == ""
    assert strip.caption == "taken here: race · seed 42 · draw 6 → ·dream"
    assert not any(lane.taken for lane in strip.race.lanes)


def test_the_stored_needle_is_shown_hollow(panel: NextTokenPanel) -> None:
    frame = make_frame(method="dart", top_p=0.95)
    view = panel.draw_strip.strip
    panel.show_frame(frame)
    assert view.stored_needle is None
    plain = view.grab().toImage()
    panel.show_frame(replace(frame, taken=taken(frame, 1)))
    assert view.stored_needle == 0.32
    assert view.grab().toImage() != plain
    assert not dark(view, 0.32)
    assert dark(view, frame.draw.u)


@pytest.mark.parametrize(
    ("told", "words", "restorable"),
    [
        (Taken(make_frame().candidates[2].token, "forced", decoding=DecodingSettings()), "forced by you", False),
        (Taken(make_frame().candidates[2].token, "prompt"), "the prompt goes on with ·family", False),
        (
            Taken(
                make_frame().candidates[2].token,
                "drawn",
                DrawReport("dart", 42, 5, u=0.3, needle="moved"),
                decoding=DecodingSettings(),
                changed=True,
            ),
            "dart, u = 0.300, needle moved by you (changed since)",
            True,
        ),
    ],
)
def test_how_it_was_taken_is_said(panel: NextTokenPanel, told: Taken, words: str, restorable: bool) -> None:
    panel.show_frame(make_frame(taken=told))
    assert words in panel.draw_strip.taken_text
    assert panel.draw_strip.restore_button.isVisible() == restorable


def test_markup_in_a_token_stays_text(panel: NextTokenPanel) -> None:
    labels = ("<b>x</b>", *WORDS[1:])
    frame = make_frame(labels=labels, chosen=1, method="dart")
    panel.show_frame(replace(frame, taken=Taken(frame.candidates[0].token, "forced")))
    assert panel.draw_strip.taken_text == "taken here: <b>x</b> — forced by you"
    assert panel.draw_strip._taken.textFormat() == Qt.TextFormat.PlainText


# -- many draws --------------------------------------------------------------------------------------------------------


def sampled(frame: StepFrame, count: int = 1000) -> tuple[tuple[int, int], ...]:
    p = np.array([c.processed_probability for c in frame.candidates])
    times = np.random.default_rng(0).multinomial(count, np.append(p, max(1 - p.sum(), 0)))
    return tuple((c.token.id, int(t)) for c, t in zip(frame.candidates, times, strict=False) if t)


def test_many_draws_are_asked_for_each_distribution_and_never_stand_on_another(
    qtbot: QtBot, panel: NextTokenPanel
) -> None:
    asked: list[int] = []
    panel.many_asked.connect(asked.append)
    frame = make_frame(method="dart", top_p=0.9)
    panel.show_frame(frame)
    panel.show_many(1000, sampled(frame))
    assert asked == []
    assert panel.chart.draws is None, "nobody wants them"
    panel.many_button.click()
    assert asked == [1000]
    panel.show_many(1000, sampled(frame))
    assert panel.chart.draws == Draws(1000, dict(sampled(frame)))
    assert panel.legend.entries()[-1] == ("text", "1,000 draws")
    assert not panel.table.isColumnHidden(8)
    # The needle alone moved: the same distribution, the same marks.
    panel.show_frame(replace(frame, draw=replace(frame.draw, u=0.1, needle="moved")))
    assert panel.chart.draws is not None
    assert asked == [1000]
    panel.show_frame(make_frame(method="dart", top_p=0.9, temperature=1.4))
    assert panel.chart.draws is None
    assert asked == [1000, 1000]
    panel.show_many(1000, sampled(frame))
    panel.show_frame(make_frame(method="dart", top_p=0.9, node=21, step=7))
    assert panel.chart.draws is None
    panel.show_many(1000, sampled(frame))
    panel.toggle_many()
    assert panel.chart.draws is None
    assert panel.table.isColumnHidden(8)
    assert panel.legend.entries()[-1][1] == "cut"


def test_the_card_of_the_keys_never_mixes_two_distributions(panel: NextTokenPanel) -> None:
    frame = make_frame(top_p=0.9)
    panel.show_frame(frame)
    panel.many_button.click()
    panel.select_next()
    panel.select_next()
    card = panel.chart.card
    assert card.explanation is not None
    assert "drawn" not in card.explanation.plain()
    told: list[str] = []
    show_at = card.show_at
    card.show_at = lambda words, *a, **k: (told.append(words.plain()), show_at(words, *a, **k))  # type: ignore[method-assign]
    panel.show_many(1000, sampled(frame))
    second = frame.candidates[1]
    times = dict(sampled(frame))[second.token.id]
    words = Draws(1000).words(times, second.processed_probability)
    assert words in card.explanation.plain(), "draws that come later are told, too"
    # The same place with other weights or settings.
    told.clear()
    other = make_frame(top_p=0.9, temperature=1.4)
    panel.show_frame(other)
    assert card.explanation is not None
    assert told
    assert not any("drawn" in each and percent(other.candidates[1].processed_probability) in each for each in told)
    assert "1,000 draws" not in card.explanation.plain()
    panel.show_many(1000, sampled(other))
    words = Draws(1000).words(dict(sampled(other))[second.token.id], other.candidates[1].processed_probability)
    assert words in card.explanation.plain()
    panel.many_button.click()
    assert "1,000 draws" not in card.explanation.plain()


def test_greedy_is_not_asked_for_draws(panel: NextTokenPanel) -> None:
    asked: list[int] = []
    panel.show_frame(make_frame())
    panel.many_button.click()
    panel.many_asked.connect(asked.append)
    panel.show_frame(make_frame(method="greedy", chosen=0))
    assert asked == []
    panel.show_frame(make_frame(node=22, step=8))
    assert asked == [1000]


def test_the_table_tells_the_draws(qtbot: QtBot, panel: NextTokenPanel) -> None:
    frame = make_frame(top_p=0.9)
    panel.show_frame(frame)
    panel.table_view = True
    panel.many_button.click()
    times = sampled(frame)
    panel.show_many(1000, times)
    model = panel.table.model()
    assert model.headerData(8, Qt.Orientation.Horizontal) == "of 1,000"
    column = [int(model.index(r, 8).data().replace(",", "")) for r in range(model.rowCount())]
    assert sum(column) == 1000
    assert column[0] == dict(times)[frame.candidates[0].token.id]
    panel.table.clearSelection()
    panel.table.copy()
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0][-1] == "drawn"
    assert [int(line[-1]) for line in lines[1:]] == column


@given(st.floats(min_value=0.0, max_value=1.0), st.integers(min_value=1, max_value=10_000))
def test_the_standard_error_is_the_binomials(p: float, count: int) -> None:
    assert Draws(count).error(p) == pytest.approx(math.sqrt(p * (1 - p) / count))


def test_draws_in_words() -> None:
    assert Draws(1000).words(57, 0.057) == "drawn 57 of 1,000 (5.7%), expected 5.7% ± 0.7"
    assert Draws(1000).words(0, 0.0004) == "drawn 0 of 1,000 (0%), expected 0.04% ± 0.06"
    assert Draws(1000).words(1000, 1.0) == "drawn 1,000 of 1,000 (100%), expected 100% ± 0"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (lambda f: replace(f, draw=replace(f.draw, u=0.9)), True),
        (lambda f: replace(f, node=21), False),
        (lambda f: replace(f, draw=replace(f.draw, seed=43)), False),
        (lambda f: make_frame(method="dart", temperature=0.81), False),
        (lambda f: make_frame(method="dart", top_p=0.8), False),
    ],
)
def test_when_draws_of_one_frame_are_draws_of_another(other: Callable[[StepFrame], StepFrame], same: bool) -> None:
    frame = make_frame(method="dart")
    assert same_distribution(frame, other(frame)) == same


def test_captions_never_say_that_the_needle_is_at_one() -> None:
    draw = DrawReport("dart", 42, 5, u=math.nextafter(1.0, 0.0))
    assert choice_caption(draw, "drawn") == "dart · u = 0.999 · seed 42 · draw 6"
    assert choice_caption(draw, "drawn", in_prompt=True) == "in the prompt: seed 42 would draw"
    moved = replace(draw, u=0.57, needle="moved")
    assert choice_caption(moved, "drawn", in_prompt=True) == "in the prompt: needle at 0.570"
