"""The left column: it says what was set, tells every change, and shows what each stage did."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding.orders import ORDERS
from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.decoding.stages import SHOWN, STAGES, Parameter
from ntp_studio.core.types import DecodingSettings, StageReport, StageSetting
from ntp_studio.ui.card_parts import CaptionRow
from ntp_studio.ui.decoding_panel import DecodingPanel
from ntp_studio.ui.parameter_slider import ParameterSlider
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.value_editor import ValueEditor

USUAL = list(SHOWN)


@pytest.fixture
def panel(qtbot: QtBot) -> DecodingPanel:
    panel = DecodingPanel(Theme())
    qtbot.addWidget(panel)
    panel.resize(280, 700)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def order(panel: DecodingPanel) -> list[str]:
    return [stage.name for stage in panel.settings().stages]


def setting(panel: DecodingPanel, name: str) -> StageSetting:
    return next(stage for stage in panel.settings().stages if stage.name == name)


def editor(panel: DecodingPanel, name: str) -> ValueEditor:
    return panel.card(name).findChild(ValueEditor)


def slider(panel: DecodingPanel, name: str) -> ParameterSlider:
    return panel.card(name).findChild(ParameterSlider)


def switch_on(panel: DecodingPanel, *names: str) -> None:
    panel.set_settings(DecodingSettings(tuple(StageSetting(name, ()) for name in names)))


def test_begins_with_the_usual_stages_listed_and_off(panel: DecodingPanel) -> None:
    settings = panel.settings()
    assert order(panel) == USUAL
    assert settings.method == "race"
    assert not any(stage.enabled for stage in settings.stages)
    assert setting(panel, "top_k").values == (("top_k", 40.0),)
    assert settings.needle is None


def test_settings_come_back_as_they_were_given(panel: DecodingPanel, qtbot: QtBot) -> None:
    given = DecodingSettings(
        (
            StageSetting("min_p", (("min_p", 0.123456),)),
            StageSetting("epsilon_cutoff", (("epsilon_cutoff", 0.00042),), enabled=False),
            StageSetting(
                "dry", (("dry_multiplier", 0.7), ("dry_base", 2.5)), True, (("dry_sequence_breakers", ("x",)),)
            ),
            StageSetting("top_k", (("top_k", 3000.0),)),
            StageSetting("repetition_penalty", (("repetition_penalty", 1.2), ("repeat_prompt", 0.0))),
            StageSetting("top_k", (("top_k", 50.0),)),
            StageSetting("temperature", (("temperature", 3.5),)),  # beyond the slider, and allowed
        ),
        "dart",
        0.25,
    )
    with qtbot.assertNotEmitted(panel.changed, wait=40):
        panel.set_settings(given)
    assert panel.settings().stages[:7] == given.stages
    assert order(panel)[7:] == ["top_p"], "the usual ones that are not listed stand behind a mixed order"
    assert not any(stage.enabled for stage in panel.settings().stages[7:])
    assert panel.settings().method == "dart"
    assert panel.settings().needle == 0.25
    assert editor(panel, "min_p").text() == "0.123456", "the figure is the value that is applied"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_the_catalogue(panel: DecodingPanel, name: str) -> None:
    preset = PRESETS[name]
    panel.set_settings(preset.settings)
    on = tuple(stage for stage in panel.settings().stages if stage.enabled)
    assert on == preset.settings.stages
    assert panel.settings().method == preset.settings.method
    assert set(order(panel)) == {*USUAL, *(stage.name for stage in on)}
    assert panel.order == ("llama.cpp" if name == "llama.cpp" else "transformers")
    assert [n for n in ORDERS[panel.order].names if n in order(panel)] == order(panel), "everything at its place"


def test_switch_tells_and_unfolds(panel: DecodingPanel, qtbot: QtBot) -> None:
    card = panel.card("top_k")
    assert not slider(panel, "top_k").isVisible()
    folded = card.sizeHint().height()
    with qtbot.waitSignal(panel.changed) as signal:
        qtbot.mouseClick(card.switch, Qt.MouseButton.LeftButton)
    (settings,) = signal.args
    assert isinstance(settings, DecodingSettings)
    assert [stage.name for stage in settings.stages if stage.enabled] == ["top_k"]
    assert slider(panel, "top_k").isVisible()
    assert card.sizeHint().height() > folded


def test_typed_value_is_taken_and_escape_takes_it_back(panel: DecodingPanel, qtbot: QtBot) -> None:
    switch_on(panel, "temperature")
    field = editor(panel, "temperature")
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    with qtbot.waitSignal(panel.changed):
        qtbot.keyClicks(field, "1,25")  # a comma is a decimal point
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert setting(panel, "temperature").values == (("temperature", 1.25),)
    assert slider(panel, "temperature").parameter_value() == 1.25
    assert not field.hasFocus(), "the keys belong to the window again"
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClicks(field, "0.5")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert setting(panel, "temperature").values == (("temperature", 1.25),)
    assert field.text() == "1.25"


def test_hard_limits_hold_for_typed_values(panel: DecodingPanel) -> None:
    assert editor(panel, "top_p").maximum() == 1.0, "the stage refuses more"
    assert editor(panel, "temperature").maximum() > 2.0, "the stage accepts more than the slider shows"
    assert editor(panel, "temperature").minimum() == 0.0


def test_dragging_is_throttled_and_ends_with_the_last_value(panel: DecodingPanel, qtbot: QtBot) -> None:
    switch_on(panel, "top_p")
    told: list[float] = []
    panel.changed.connect(lambda s: told.append(dict(next(x for x in s.stages if x.name == "top_p").values)["top_p"]))
    control = slider(panel, "top_p")
    moves = 200
    qtbot.mousePress(control, Qt.MouseButton.LeftButton, pos=QPoint(6, 9))
    for step in range(moves):
        qtbot.mouseMove(control, QPoint(6 + step * (control.width() - 12) // moves, 9), delay=-1)
    qtbot.mouseRelease(control, Qt.MouseButton.LeftButton, pos=QPoint(control.width() - 6, 9))
    last = control.parameter_value()
    assert last > 0.9
    qtbot.waitUntil(lambda: bool(told) and told[-1] == last)
    assert told == sorted(told)
    assert setting(panel, "top_p").values == (("top_p", last),)


def test_last_of_many_changes_in_one_go_is_told(panel: DecodingPanel, qtbot: QtBot) -> None:
    switch_on(panel, "temperature")
    control, told = slider(panel, "temperature"), []
    panel.changed.connect(told.append)
    for _ in range(100):
        qtbot.keyClick(control, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: bool(told) and told[-1] == panel.settings())
    assert setting(panel, "temperature").values == (("temperature", 1.8),)
    assert len(told) < 100


SLID = [p for s in STAGES.values() for p in s.parameters if not p.flag]


@pytest.mark.parametrize("parameter", SLID, ids=lambda p: p.name)
def test_slider_scale_reaches_every_end_and_inverts(qtbot: QtBot, parameter: Parameter) -> None:
    control = ParameterSlider(Theme(), parameter)
    qtbot.addWidget(control)
    assert control.value_at(0.0) == parameter.minimum
    assert control.value_at(1.0) == parameter.maximum
    values = [control.value_at(i / 1000) for i in range(1001)]
    assert values == sorted(values)
    for value in (parameter.minimum, parameter.default, parameter.maximum):
        back = control.value_at(control.fraction(value))
        assert back == pytest.approx(value, rel=0.02, abs=10.0**-parameter.decimals)
    for key, step in ((Qt.Key.Key_Right, 1), (Qt.Key.Key_Left, -1)):
        control.set_parameter_value(parameter.default)
        qtbot.keyClick(control, key)
        unit = 1 if parameter.integer else 10.0**-parameter.decimals
        wanted = min(max(parameter.default + step * unit, parameter.minimum), parameter.maximum)
        assert control.parameter_value() == pytest.approx(wanted)


def test_slider_set_by_a_screen_reader(panel: DecodingPanel, qtbot: QtBot) -> None:
    switch_on(panel, "top_p")
    with qtbot.waitSignal(panel.changed):
        slider(panel, "top_p").setValue(500)
    assert setting(panel, "top_p").values == (("top_p", 0.5),)


def test_keys_move_a_card(panel: DecodingPanel, qtbot: QtBot) -> None:
    switch_on(panel, "top_k")
    usual = USUAL
    for start in (panel.card("top_k").grip, slider(panel, "top_k"), editor(panel, "top_k")):
        panel.set_settings(DecodingSettings((StageSetting("top_k", ()),)))
        start.setFocus()
        qtbot.waitUntil(start.hasFocus)
        with qtbot.waitSignal(panel.changed):
            qtbot.keyClick(start, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert order(panel) == [usual[0], "top_k", usual[1], *usual[3:]]
        assert start.hasFocus()
        assert setting(panel, "top_k").values == (("top_k", 40.0),), "moving changes no value"
    for _ in range(10):  # stops at the top
        qtbot.keyClick(start, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert order(panel)[0] == "top_k"
    qtbot.keyClick(start, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert order(panel)[:2] == [usual[0], "top_k"]


def test_drag_on_the_grip_moves_a_card(panel: DecodingPanel, qtbot: QtBot) -> None:
    switch_on(panel, "temperature")  # a taller card among the others
    QApplication.processEvents()
    card, target = panel.card("min_p"), panel.card("repetition_penalty")
    grip = card.grip
    told: list[DecodingSettings] = []
    panel.changed.connect(told.append)
    qtbot.mousePress(grip, Qt.MouseButton.LeftButton, pos=QPoint(7, 10))
    start, goal = grip.mapToGlobal(QPoint(7, 10)), target.mapToGlobal(QPoint(7, 2)).y()
    for y in range(start.y(), goal, -5):  # the grip moves with its card; the pointer goes its own way on the screen
        qtbot.mouseMove(grip, grip.mapFromGlobal(QPoint(start.x(), y)), delay=-1)
    qtbot.mouseRelease(grip, Qt.MouseButton.LeftButton)
    assert order(panel) == ["min_p", *(name for name in USUAL if name != "min_p")]
    qtbot.waitUntil(lambda: bool(told) and told[-1] == panel.settings())
    tops = [panel.card(name).y() for name in order(panel)]
    assert tops == sorted(tops), "what is seen is what is applied"


def test_method_and_reset(panel: DecodingPanel, qtbot: QtBot) -> None:
    greedy = next(b for b in panel.findChildren(QToolButton) if b.text() == "Greedy")
    with qtbot.waitSignal(panel.changed) as signal:
        qtbot.mouseClick(greedy, Qt.MouseButton.LeftButton)
    assert signal.args[0].method == "greedy"
    stages = (StageSetting("top_p", (("top_p", 0.3),)), StageSetting("top_k", ()))
    panel.set_settings(DecodingSettings(stages, "greedy"))
    reset = next(b for b in panel.findChildren(QPushButton) if b.text() == "Reset")
    qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)
    fresh = DecodingPanel(Theme())
    qtbot.addWidget(fresh)
    assert panel.settings() == fresh.settings()


def captions(panel: DecodingPanel, name: str) -> tuple[str, ...]:
    return panel.card(name).findChild(CaptionRow).parts()


def test_reports_are_put_in_words(panel: DecodingPanel) -> None:
    switch_on(panel, "temperature", "top_k", "min_p")
    panel.show_reports(
        (
            StageReport("temperature", 49152, 0, 1.0, 6.87, 6.02),
            StageReport("top_k", 40, 49112, 0.8291, 6.02, 4.1, "logit ≥ 12.30"),
            StageReport("min_p", 39, 1, 0.99999, 4.1, 4.09, "p ≥ 0.0105"),
        )
    )
    assert captions(panel, "temperature") == ("H 6.87 → 6.02 bits", "49,152 kept", "keeps 100%")
    assert captions(panel, "top_k") == ("removes 49,112", "40 kept", "keeps 82.9%")
    assert captions(panel, "min_p") == ("removes 1", "39 kept", "keeps >99.9%"), "100% only where nothing was removed"
    assert "logit ≥ 12.30" in panel.card("top_k").findChild(CaptionRow).toolTip()
    panel.show_reports(())
    assert captions(panel, "top_k") == ("—",), "a stage without a report shows no stale figures"


def test_stage_at_its_neutral_value_says_so(panel: DecodingPanel) -> None:
    panel.set_settings(DecodingSettings((StageSetting("temperature", (("temperature", 1.0),)),)))
    assert captions(panel, "temperature") == ("changes nothing at this value",)


def test_a_click_on_a_card_chooses_it_for_the_keys(panel: DecodingPanel, qtbot: QtBot) -> None:
    card = panel.card("top_p")
    before = order(panel)
    for target in (card.head.name, card.grip):
        qtbot.mouseClick(target, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(card.grip.hasFocus)
        assert card.property("picked")
        with qtbot.waitSignal(panel.changed):
            qtbot.keyClick(card.grip, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    place = before.index("top_p")
    assert order(panel).index("top_p") == place - 2


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("min_p", 0.05, "0.05"), ("min_p", 0.1, "0.10"), ("min_p", 0.123, "0.123"), ("temperature", 0.8, "0.80")],
)
def test_figures_are_as_short_as_they_are_exact(panel: DecodingPanel, name: str, value: float, text: str) -> None:
    panel.set_settings(DecodingSettings((StageSetting(name, ((name, value),)),)))
    assert editor(panel, name).text() == text
