"""What crosses from the worker thread to the window, and what is left out while nobody comes for it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.core.types import PageToken
from ntp_studio.ui.bridge import MANY, Bridge, thinned
from tests.ui.frames import make_frame, token

FRAME = make_frame(vocab_size=60)


def grown(node: int, run: int = 1, model: str = m.MAIN) -> m.FrameReady:
    return m.FrameReady(run, replace(FRAME, node=node), PageToken(node, token(node, "·a"), "drawn"), model=model)


def path(*nodes: int, run: int = 1, model: str = m.MAIN) -> m.PathChanged:
    page = tuple(PageToken(node, token(node, "·a"), "drawn") for node in nodes)
    return m.PathChanged(run, page, len(page), 1, model=model)


@pytest.fixture
def heard() -> list[list[m.Event]]:
    return []


@pytest.fixture
def bridge(heard: list[list[m.Event]], qapp: QApplication) -> Bridge:
    return Bridge(heard.append)


def test_what_is_posted_in_another_thread_is_delivered_whole_and_in_order(
    qtbot: QtBot, bridge: Bridge, heard: list[list[m.Event]]
) -> None:
    events = [grown(node) for node in range(MANY // 2)]
    worker = threading.Thread(target=lambda: [bridge.post(event) for event in events])
    worker.start()
    worker.join()
    assert heard == [], "only in the main thread"
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == [events], "all at once, and nothing is left out while it is few"


def test_nothing_is_delivered_after_the_end(qapp: QApplication, bridge: Bridge, heard: list[list[m.Event]]) -> None:
    bridge.post(grown(1))
    bridge.close()
    bridge.post(grown(2))
    qapp.processEvents()
    assert heard == []


def test_what_waits_long_stays_small_and_loses_no_token(
    qtbot: QtBot, bridge: Bridge, heard: list[list[m.Event]]
) -> None:
    for node in range(5 * MANY):
        bridge.post(grown(node))
        bridge.post(m.MemoryChanged(node))
    assert len(bridge._events) < 7 * MANY
    assert len({id(e.frame) for e in bridge._events if isinstance(e, m.FrameReady)}) <= 3 * MANY
    qtbot.waitUntil(lambda: bool(heard))
    (events,) = heard
    frames = [e for e in events if isinstance(e, m.FrameReady)]
    assert [e.appended.node for e in frames if e.appended] == list(range(5 * MANY))
    assert frames[-1].frame.node == 5 * MANY - 1, "the frame to be painted"
    assert [e for e in events if isinstance(e, m.MemoryChanged)][-1] == m.MemoryChanged(5 * MANY - 1)


def test_going_along_a_long_text_does_not_pile_up_its_copies(
    qtbot: QtBot, bridge: Bridge, heard: list[list[m.Event]]
) -> None:
    for node in range(2 * MANY):
        bridge.post(path(*range(node)))
        bridge.post(m.FrameReady(1, replace(FRAME, node=node)))
    assert sum(isinstance(e, m.PathChanged) for e in bridge._events) <= MANY
    qtbot.waitUntil(lambda: bool(heard))
    assert sum(isinstance(e, m.FrameReady) for e in heard[0]) == 2 * MANY, "each answers a move that is waited for"
    assert [e for e in heard[0] if isinstance(e, m.PathChanged)][-1] == path(*range(2 * MANY - 1))


def test_only_what_later_events_make_needless_is_left_out() -> None:
    other = grown(7, model="other")
    last = m.FrameReady(2, replace(FRAME, node=9))
    events = [
        m.Loading("a", "reading"),
        path(1, 2),
        grown(3),
        m.Reading(2, 1, 3),
        m.Loading("a", "reading", 0.5),
        other,
        m.RunState(1, True),
        m.Reading(2, 2, 3),
        path(5, 6, run=2),
        grown(8, run=2),
        m.RunState(1, False),
        last,
        m.Trouble("x"),
    ]
    assert thinned(events) == [
        m.FrameReady(1, last.frame),  # its token stands in the text that follows
        m.Loading("a", "reading", 0.5),
        other,
        m.RunState(1, True),
        m.Reading(2, 2, 3),
        path(5, 6, run=2),
        replace(grown(8, run=2), frame=last.frame),
        m.RunState(1, False),
        last,
        m.Trouble("x"),
    ]


def shown(node: int, *, whole: bool = False, run: int = 1) -> c.PlaceShown:
    """Two columns after token `node`; the second one's whole text is told where it says so."""
    token = grown(node).appended
    assert token is not None
    frame = replace(FRAME, node=node)
    columns = (
        c.ColumnPlace(0, frame, None, (token,), node, 0),
        c.ColumnPlace(1, frame, (token,) * 3 if whole else None, () if whole else (token,), node, 0),
    )
    return c.PlaceShown(run, node, columns, None, None)


def test_a_comparison_keeps_every_token_and_only_the_last_figures() -> None:
    events: list[m.Event] = [shown(1), shown(2, whole=True), shown(3), shown(4, run=2)]
    kept = thinned(events)
    assert [event.step for event in kept if isinstance(event, c.PlaceShown)] == [1, 2, 3, 4], "each answers a move"
    first, second, third, other = (event for event in kept if isinstance(event, c.PlaceShown))
    assert [place.frame for place in (*first.columns, *second.columns)] == [third.columns[0].frame] * 4
    assert [len(place.appended) for place in first.columns] == [1, 0], "the second one's whole text follows"
    assert second.columns[1].path is not None
    assert [len(place.appended) for place in third.columns] == [1, 1]
    assert other == events[-1], "another text has its own figures"
