"""The panel with any of the stages: adding, taking off, orders, badges, two cards of one stage, stories, drawings."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding import ORDERS, STAGES, arranged
from ntp_studio.core.decoding.stages import SHOWN
from ntp_studio.core.pictures import Bars, Shift
from ntp_studio.core.types import Candidate, DecodingSettings, StageReport, StageSetting, Story, StoryLine
from ntp_studio.ui.card_parts import CloseMark
from ntp_studio.ui.decoding_panel import DecodingPanel
from ntp_studio.ui.order_badge import OrderBadge
from ntp_studio.ui.order_menu import OrderButton, OrderMenu
from ntp_studio.ui.stage_card import StageCard
from ntp_studio.ui.stage_chain import StageChain
from ntp_studio.ui.stage_menu import StageMenu
from ntp_studio.ui.theme import Theme
from tests.ui.frames import token

USUAL = list(SHOWN)


@pytest.fixture
def panel(qtbot: QtBot) -> DecodingPanel:
    panel = DecodingPanel(Theme())
    qtbot.addWidget(panel)
    panel.resize(296, 900)
    with qtbot.waitActive(panel):
        panel.show()
    return panel


def order(panel: DecodingPanel) -> list[str]:
    return [stage.name for stage in panel.settings().stages]


def on(*names: str, **values: dict[str, float]) -> DecodingSettings:
    return DecodingSettings(tuple(StageSetting(name, tuple(values.get(name, {}).items())) for name in names))


def choose_order(qtbot: QtBot, panel: DecodingPanel, name: str) -> DecodingSettings:
    menu = panel.findChild(OrderMenu)
    action = next(action for action in menu.actions() if action.data() == name)
    with qtbot.waitSignal(panel.changed) as signal:
        action.trigger()
    return signal.args[0]


def report(name: str, kept: int = 40, **changes: Any) -> StageReport:
    return StageReport(name, kept, 10, 0.9, 6.0, 5.0, **changes)


def kept(card: StageCard) -> str:
    parts = card.outcome.caption.parts()
    return parts[1] if len(parts) == 3 else parts[0]


# -- adding and taking off ---------------------------------------------------------------------------------------------


def test_only_the_usual_stages_are_built_at_first(panel: DecodingPanel) -> None:
    assert [card.name for card in panel.findChildren(StageCard)] == USUAL


def open_menu(qtbot: QtBot, panel: DecodingPanel) -> StageMenu:
    qtbot.mouseClick(panel.findChild(QPushButton, "add_stage"), Qt.MouseButton.LeftButton)
    menu = panel.findChild(StageMenu)
    assert menu.isVisible()
    return menu


def test_a_stage_is_added_by_typing_its_name(panel: DecodingPanel, qtbot: QtBot) -> None:
    menu = open_menu(qtbot, panel)
    assert sorted(name for name, _ in menu.entries()) == sorted(STAGES), "all of them"
    find = menu.findChild(QLineEdit)
    qtbot.keyClicks(find, "typ")
    assert "typical_p" in [name for name, _ in menu.entries()]
    with qtbot.waitSignal(panel.changed) as signal:
        qtbot.keyClick(find, Qt.Key.Key_Return)
    assert not menu.isVisible()
    assert [stage.name for stage in signal.args[0].stages if stage.enabled] == ["typical_p"]
    assert order(panel) == [*USUAL, "typical_p"]
    card = panel.card("typical_p")
    qtbot.waitUntil(card.grip.hasFocus)
    assert card.property("picked"), "it is set apart"
    assert not card.visibleRegion().isEmpty()


def test_the_menu_is_gone_through_by_keys(panel: DecodingPanel, qtbot: QtBot) -> None:
    menu = open_menu(qtbot, panel)
    find = menu.findChild(QLineEdit)
    first = menu.entries()[0][0]
    assert first == "repetition_penalty"
    qtbot.keyClick(find, Qt.Key.Key_Down)
    qtbot.keyClick(find, Qt.Key.Key_Down)
    qtbot.keyClick(find, Qt.Key.Key_Up)
    qtbot.keyClick(find, Qt.Key.Key_Return)
    assert order(panel) == ["repetition_penalty", "presence_frequency", *USUAL[1:]]
    menu = open_menu(qtbot, panel)
    qtbot.keyClicks(menu.findChild(QLineEdit), "zzz")
    assert menu.entries() == []
    qtbot.keyClick(menu.findChild(QLineEdit), Qt.Key.Key_Return)
    assert menu.isVisible()
    qtbot.keyClick(menu.findChild(QLineEdit), Qt.Key.Key_Escape)
    assert not menu.isVisible()


def test_a_second_one_only_where_it_makes_sense(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on("bias", "top_k", "mirostat", "stop"))
    can = dict(open_menu(qtbot, panel).entries())
    assert [name for name, possible in can.items() if not possible] == ["bias", "mirostat", "stop"]
    panel.findChild(StageMenu).close()
    panel.add_stage("top_k")
    assert order(panel).count("top_k") == 2
    panel.add_stage("top_p")  # there, and off
    assert order(panel).count("top_p") == 1
    assert panel.card("top_p").on
    panel.add_stage("bias")
    assert order(panel).count("bias") == 1


def test_an_added_stage_stands_where_the_order_has_it(panel: DecodingPanel, qtbot: QtBot) -> None:
    choose_order(qtbot, panel, "koboldcpp")
    for name in STAGES:
        if name not in USUAL:
            panel.add_stage(name)
    wanted = [stage.name for stage in arranged(on(*STAGES), "koboldcpp", always=True).stages]
    assert order(panel) == wanted
    assert panel.order == "koboldcpp"


@pytest.mark.parametrize("how", ["cross", "Delete", "Backspace"])
def test_a_card_that_is_off_can_be_taken_off(panel: DecodingPanel, qtbot: QtBot, how: str) -> None:
    panel.set_settings(on("typical_p"))
    card = panel.card("typical_p")
    card.grip.setFocus()
    with qtbot.assertNotEmitted(panel.changed, wait=20):
        qtbot.keyClick(card.grip, Qt.Key.Key_Delete)
    assert "typical_p" in order(panel), "not while it is on"
    card.switch.click()
    with qtbot.waitSignal(panel.changed):
        if how == "cross":
            qtbot.mouseClick(card.findChild(CloseMark), Qt.MouseButton.LeftButton)
        else:
            qtbot.keyClick(card.grip, getattr(Qt.Key, f"Key_{how}"))
    assert order(panel) == USUAL
    qtbot.waitUntil(panel.card("min_p").grip.hasFocus, timeout=2000) if how != "cross" else None


def test_a_usual_stage_taken_off_stays_off_until_it_is_asked_for(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.card("top_k").removal_asked.emit()
    assert "top_k" not in order(panel)
    panel.set_settings(panel.settings())
    assert "top_k" not in order(panel)
    panel.set_settings(on("top_k"))
    assert order(panel) == USUAL, "a setting lists it"
    panel.set_settings(DecodingSettings())
    panel.card("top_p").removal_asked.emit()
    qtbot.mouseClick(next(b for b in panel.findChildren(QPushButton) if b.text() == "Reset"), Qt.MouseButton.LeftButton)
    assert order(panel) == USUAL


# -- order -------------------------------------------------------------------------------------------------------------


def test_orders_arrange_the_cards(panel: DecodingPanel, qtbot: QtBot) -> None:
    button = panel.findChild(OrderButton)
    assert button.text() == "order: transformers ▾"
    panel.set_settings(on("temperature", "top_p", "dry", "typical_p", top_p={"top_p": 0.5}))
    assert "yours" in button.text()
    for name in ORDERS:
        settings = choose_order(qtbot, panel, name)
        assert settings == panel.settings()
        on_now = [stage.name for stage in settings.stages if stage.enabled]
        assert on_now == [n for n in ORDERS[name].names if n in on_now] or name == "koboldcpp"
        assert panel.order == name
        assert name in button.accessibleName() or ORDERS[name].label in button.accessibleName()
        assert dict(next(s for s in settings.stages if s.name == "top_p").values) == {"top_p": 0.5}
    panel.card("temperature").move_asked.emit(-1)
    panel.card("temperature").move_asked.emit(-1)
    assert panel.order is None
    assert "yours" in button.text()


def test_what_koboldcpp_applies_always_is_a_card_of_its_own(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on("temperature", "top_k", "top_p"))
    own = panel.card("top_k")
    settings = choose_order(qtbot, panel, "koboldcpp")
    assert [s.values for s in settings.stages if s.name == "top_k"] == [(("top_k", 3000.0),), (("top_k", 40.0),)]
    assert own in panel.cards
    assert own.setting().values == (("top_k", 40.0),), "the person's card is still theirs"
    fresh = DecodingPanel(Theme())
    qtbot.addWidget(fresh)
    fresh.set_settings(settings)
    assert fresh.settings() == settings
    assert fresh.order == "koboldcpp", "also when opened again"
    choose_order(qtbot, panel, "koboldcpp")
    assert order(panel).count("top_k") == 2, "choosing it again adds nothing"
    choose_order(qtbot, panel, "transformers")
    assert order(panel) == USUAL
    choose_order(qtbot, panel, "koboldcpp")
    card = panel.card("top_k")
    card.set_setting(StageSetting("top_k", (("top_k", 2000.0),)))
    choose_order(qtbot, panel, "llama.cpp")
    assert order(panel).count("top_k") == 2, "what a person has changed is theirs"


def test_order_summaries_are_said_in_the_menu(panel: DecodingPanel) -> None:
    menu = panel.findChild(OrderMenu)
    menu.aboutToShow.emit()
    assert menu.summary == ORDERS["transformers"].summary
    for action in menu.actions():
        if action.data():
            menu.hovered.emit(action)
            assert menu.summary == ORDERS[action.data()].summary


def test_tab_goes_through_the_cards_as_they_are_seen(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on("top_p", "bias", "dry"))
    panel.card("bias").move_asked.emit(1)
    stops = [stop for card in panel.cards for stop in card.tab_stops() if stop.isVisible() and stop.isEnabled()]
    stops[0].setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(stops[0].hasFocus)
    seen = [QApplication.focusWidget()]
    for _ in stops[1:]:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert seen == stops


# -- badges ------------------------------------------------------------------------------------------------------------


def badges(panel: DecodingPanel) -> list[tuple[str, str]]:
    return [(first.name, second.name) for first, second in panel.badges]


def test_badges_stand_in_the_gaps_of_neighbours_that_may_change_places(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on("temperature", "top_k", "min_p", "top_p"))
    assert badges(panel) == [("temperature", "top_k"), ("top_k", "min_p")]
    shown = [badge for badge in panel.findChildren(OrderBadge) if badge.isVisible()]
    assert len(shown) == 2
    qtbot.waitUntil(lambda: panel.card("min_p").y() > panel.card("top_k").y() > 0)
    for badge, name in zip(shown, ("temperature", "top_k"), strict=True):
        gap = panel.card(name).geometry().bottom()
        qtbot.waitUntil(lambda badge=badge, gap=gap: badge.y() < gap + 4 < badge.y() + badge.height())
        assert "same result" in badge.toolTip()
    heights = [card.geometry() for card in panel.cards]
    panel.card("top_k").switch.click()
    assert badges(panel) == [], "not beside a card that is off"
    panel.card("top_k").switch.click()
    QApplication.processEvents()
    assert [card.geometry() for card in panel.cards] == heights


def test_badges_follow_the_values(panel: DecodingPanel) -> None:
    panel.set_settings(on("temperature", "top_k", temperature={"temperature": 1.0}))
    assert badges(panel) == [], "a stage at its neutral value takes no part"
    panel.set_settings(on("temperature", "top_k"))
    assert badges(panel) == [("temperature", "top_k")]


# -- reports, drawings, stories ----------------------------------------------------------------------------------------


def test_each_of_two_cards_shows_its_own_report(panel: DecodingPanel) -> None:
    stages = (
        StageSetting("top_k", (("top_k", 3000.0),)), StageSetting("temperature", (("temperature", 1.0),)),
        StageSetting("dry"), StageSetting("top_k", (("top_k", 40.0),)), StageSetting("top_p", enabled=False),
    )  # fmt: skip
    panel.set_settings(DecodingSettings(stages))
    first, second = (card for card in panel.cards if card.name == "top_k")
    frame = (report("top_k", 3000), report("dry", 2999), report("top_k", 40))
    panel.show_reports(frame)
    assert (kept(first), kept(panel.card("dry")), kept(second)) == ("3,000 kept", "2,999 kept", "40 kept")
    assert kept(panel.card("temperature")) == "changes nothing at this value"
    # The first is switched off, and a frame of before that still comes in.
    first.switch.click()
    panel.show_reports((report("top_k", 2990), report("dry", 2989), report("top_k", 39)))
    assert kept(second) == "39 kept"
    first.switch.click()
    assert kept(first) == "—", "nothing stale"
    panel.show_reports(frame)
    assert kept(first) == "3,000 kept"


def test_the_drawings_can_be_switched_off(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on("temperature"))
    picture = Shift((1, 2), ("·a", "·b"), (0.6, 0.4), (0.7, 0.3))
    panel.show_reports((report("temperature", pictures=(picture,)),))
    drawing = panel.card("temperature").outcome.pictures
    assert panel.pictures_shown
    assert drawing.isVisible()
    toggle = panel.findChild(QToolButton, "drawings_toggle")
    with qtbot.waitSignal(panel.pictures_wanted) as signal:
        qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    assert signal.args == [False]
    assert not panel.pictures_shown
    assert not drawing.isVisible()
    panel.pictures_shown = True
    assert drawing.isVisible()


def test_a_dragged_card_shows_the_figures_of_the_frame_on_view(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on("top_k", "min_p"))
    panel.show_reports((report("top_k", 40), report("min_p", 30)))
    QApplication.processEvents()
    card = panel.card("min_p")
    qtbot.mousePress(card.grip, Qt.MouseButton.LeftButton, pos=QPoint(7, 10))
    chain = panel.findChild(StageChain)
    ghost = chain._ghost
    assert ghost is not None
    before = ghost.pixmap().toImage()
    panel.show_reports((report("top_k", 40), report("min_p", 12, threshold="p ≥ 0.0105")))
    assert kept(card) == "12 kept"
    QApplication.processEvents()
    assert ghost.size() == card.size(), "a line more"
    assert ghost.pixmap().toImage() == card.grab().toImage()
    assert ghost.pixmap().toImage() != before
    qtbot.mouseRelease(card.grip, Qt.MouseButton.LeftButton, pos=QPoint(7, 10))
    assert not ghost.isVisible()
    panel.show_reports(())  # nothing is left of it


def test_a_story_is_told_card_by_card(panel: DecodingPanel) -> None:
    panel.set_settings(on("temperature", "top_k", "top_k", "stop"))
    lines = (
        StoryLine("model", "Model", "model", "p 5.7 %", 0.057, 0.057),
        StoryLine("temperature", "Temperature", "changed", "p 5.7% → 6.9%", 0.057, 0.069),
        StoryLine("top_k", "Top-k", "kept", "number 5 of 3,000", 0.069, 0.07),
        StoryLine("top_k", "Top-k", "cut", "logit 1.2 < 3.4", 0.07, 0.0),
        StoryLine("draw", "Draw", "draw", "not drawn", 0.0, 0.0),
    )
    story = Story(Candidate(token(7, "·dream"), 5, 1.0, -2.8, 0.057, 0.0), lines)
    panel.show_story(story)  # stop is at its neutral value: it takes no part
    told = [(card.outcome.story.text, card.outcome.story.color) for card in panel.cards if card.on]
    assert told == [
        ("p 5.7% → 6.9%", "text"), ("number 5 of 3,000", "text"), ("logit 1.2 < 3.4", "drawn_text"), ("", "muted")
    ]  # fmt: skip
    panel.show_story(None)
    assert not any(card.outcome.story.text for card in panel.cards)


def test_sampling_keeps_how_it_draws(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(DecodingSettings(method="dart", needle=0.42))
    sample, greedy = (next(b for b in panel.findChildren(QToolButton) if b.text() == t) for t in ("Sample", "Greedy"))
    assert sample.isChecked()
    qtbot.mouseClick(greedy, Qt.MouseButton.LeftButton)
    assert panel.settings().method == "greedy"
    panel.set_settings(panel.settings())
    qtbot.mouseClick(sample, Qt.MouseButton.LeftButton)
    assert (panel.settings().method, panel.settings().needle) == ("dart", 0.42)


def test_everything_on_fits_into_a_narrow_column(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.set_settings(on(*STAGES))
    for width in (230, 420, 230):
        panel.resize(width, 700)
        QApplication.processEvents()
        for card in panel.cards:
            assert width - 40 <= card.width() <= width - 24
            assert card.minimumSizeHint().width() <= card.width(), card.name
            ends = card.switch.mapTo(card, card.switch.rect().bottomRight())
            assert ends.x() < card.width(), "nothing is clipped"


def test_an_added_card_is_seen_whole_when_its_drawing_has_come(panel: DecodingPanel, qtbot: QtBot) -> None:
    panel.resize(280, 420)
    panel.set_settings(on("temperature", "top_k", "top_p", "min_p"))
    panel.add_stage("typical_p")
    card = panel.card("typical_p")
    qtbot.waitUntil(lambda: card.grip.hasFocus())
    bars = Bars("distance", (1, 2), ("·a", "·b"), (0.1, 0.4), (True, False), 2, 1, 0.2, "|−ln p − H| ≤ 0.2")
    reports = [
        StageReport(name, 1, 1, 0.5, 1.0, 0.0, "nothing", pictures=(bars,))
        for name in ("temperature", "top_k", "top_p", "min_p", "typical_p")
    ]
    panel.show_reports(reports)
    view = panel.findChild(StageChain).viewport()

    def seen_whole() -> bool:
        top = card.mapTo(view, QPoint(0, 0)).y()
        return card.outcome.pictures.isVisible() and top >= 0 and top + card.height() <= view.height()

    qtbot.waitUntil(seen_whole)
