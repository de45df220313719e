"""A card of any stage: every parameter and text within reach, and what the stage did in words and drawings."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMenu, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding import build_stage
from ntp_studio.core.decoding.build import MAX_TEXTS
from ntp_studio.core.decoding.stages import STAGES, Stage
from ntp_studio.core.pictures import Shift
from ntp_studio.core.types import StageReport, StageSetting, StoryLine
from ntp_studio.ui.card_lines import WordsLine, plain_tip, wrapped
from ntp_studio.ui.card_parts import CloseMark, Disclosure
from ntp_studio.ui.help_card import HelpCard
from ntp_studio.ui.parameter_field import ParameterField
from ntp_studio.ui.stage_card import StageCard
from ntp_studio.ui.switch import Switch
from ntp_studio.ui.text_list_editor import TextListEditor
from ntp_studio.ui.theme import Theme


def make(qtbot: QtBot, theme: Theme, name: str, setting: StageSetting | None = None) -> StageCard:
    card = StageCard(theme, STAGES[name])
    qtbot.addWidget(card)
    card.set_setting(setting or StageSetting(name))
    card.resize(272, 300)
    with qtbot.waitActive(card):
        card.show()
    return card


def field(card: StageCard, name: str) -> ParameterField:
    return next(f for f in card.findChildren(ParameterField) if f.parameter.name == name)


def texts(card: StageCard, name: str) -> TextListEditor:
    return next(editor for editor in card.findChildren(TextListEditor) if editor.name == name)


def write(qtbot: QtBot, line: QLineEdit, text: str) -> None:
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda s: s.name)
def test_every_setting_of_every_stage_can_be_reached(qtbot: QtBot, theme: Theme, stage: type[Stage]) -> None:
    card = make(qtbot, theme, stage.name)
    more = card.findChild(Disclosure)
    hidden = any(p.advanced for p in stage.parameters) or (stage.texts and stage.parameters)
    assert more.isVisible() == bool(hidden)
    more.setChecked(True)
    reached = {w.property("parameter") for w in card.tab_stops() if w.isVisible()}
    assert {p.name for p in stage.parameters} <= reached
    for given in stage.texts:
        assert texts(card, given.name).isVisible()
        assert texts(card, given.name).widgets()[-1] in card.tab_stops()
    assert all(stop.accessibleName() or stop.text() for stop in card.tab_stops())
    # It comes back as it was given, details included, and is what the chain builds.
    values = tuple((p.name, p.default if p.usual is None else p.usual[1]) for p in stage.parameters)
    samples = {"sequence_bias": (" the=-2", "#4=ban")}
    lists = tuple((t.name, samples.get(t.name, ("x", "\n"))) for t in stage.texts)
    wanted = StageSetting(stage.name, values, True, lists)
    card.set_setting(wanted)
    assert card.setting() == wanted
    assert card.built() == build_stage(wanted)


def test_details_that_nobody_set_are_left_out(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "dry")
    assert card.setting() == StageSetting("dry", (("dry_multiplier", 0.8),))
    more = card.findChild(Disclosure)
    assert not field(card, "dry_base").slider.isVisible()
    qtbot.mouseClick(more, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(card.changed):
        qtbot.keyClick(field(card, "dry_base").slider, Qt.Key.Key_Right)
    assert card.setting().values == (("dry_multiplier", 0.8), ("dry_base", 1.76))
    assert more.text() == "Less · 1 set", "what is set out of sight is counted"


def test_a_flag_is_a_switch(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "repetition_penalty")
    card.findChild(Disclosure).setChecked(True)
    switch = field(card, "repeat_prompt").switch
    assert isinstance(switch, Switch)
    assert switch.isChecked()
    with qtbot.waitSignal(card.changed):
        qtbot.keyClick(switch, Qt.Key.Key_Return)
    assert dict(card.setting().values)["repeat_prompt"] == 0.0


# -- lists of texts ----------------------------------------------------------------------------------------------------


def test_texts_are_added_edited_and_removed(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "stop")
    editor = texts(card, "stop_strings")
    new = editor.widgets()[-1]
    for text in (r"\n\n", " END"):
        with qtbot.waitSignal(card.changed):
            write(qtbot, new, text)
    assert card.setting().texts == (("stop_strings", ("\n\n", " END")),)
    assert new.text() == ""
    assert new.hasFocus(), "ready for the next one"
    first, _, second = editor.widgets()[:3]
    assert (first.text(), second.text()) == ("↵↵", "␣END"), "what could not be seen is shown"
    with qtbot.waitSignal(card.changed):
        write(qtbot, second, "stop")
    assert editor.value == ("\n\n", "stop")
    remove = editor.findChild(CloseMark)
    with qtbot.waitSignal(card.changed):
        qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert editor.value == ("stop",)
    with qtbot.waitSignal(card.changed):
        write(qtbot, editor.widgets()[0], "\b")  # emptied: it is gone
    assert editor.value == ()
    assert len(editor.widgets()) == 1
    assert card.setting() == StageSetting("stop")


def test_a_long_list_scrolls_and_every_entry_can_be_reached(qtbot: QtBot, theme: Theme) -> None:
    few = make(qtbot, theme, "bans", StageSetting("bans", texts=(("bad_words", tuple("abcdefgh")),)))
    eight = few.sizeHint().height()
    card = make(qtbot, theme, "bans", StageSetting("bans", texts=(("bad_words", tuple(f"w{i}" for i in range(300))),)))
    card.adjustSize()
    editor = texts(card, "bad_words")
    assert eight < card.height() < eight + 40
    assert any("300" in part.text() for part in editor.findChildren(QLabel))
    area = editor.findChild(QScrollArea)

    def on_view(widget: QWidget) -> bool:
        return area.viewport().rect().contains(widget.mapTo(area.viewport(), widget.rect().center()))

    first, last, new = editor.widgets()[1], editor.widgets()[-3], editor.widgets()[-1]
    assert on_view(first)
    assert not on_view(last)
    for before, after in pairwise(card.tab_stops()):  # as the panel does
        QWidget.setTabOrder(before, after)
    new.setFocus()
    qtbot.waitUntil(new.hasFocus)
    qtbot.keyClick(new, Qt.Key.Key_Backtab)
    assert editor.widgets()[-2].hasFocus()
    assert on_view(last), "Tab brings it on view, from outside the list, too"
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Backtab)
    assert last.hasFocus()
    area.verticalScrollBar().setValue(0)
    write(qtbot, new, "the last one")
    assert editor.value[-1] == "the last one"
    added = editor.widgets()[-3]
    assert added.text() == "the last one"
    assert on_view(added), "what was added is seen"
    card.set_setting(StageSetting("bans", texts=(("bad_words", ("cat",)),)))
    QApplication.processEvents()
    card.adjustSize()
    assert card.height() < eight
    assert not any("entries" in part.text() for part in editor.findChildren(QLabel))


def test_a_very_long_list_shows_its_end_and_the_others_when_asked(qtbot: QtBot, theme: Theme) -> None:
    words = tuple(f"w{i}" for i in range(700))
    card = make(qtbot, theme, "bans", StageSetting("bans", texts=(("bad_words", words),)))
    editor = texts(card, "bad_words")
    assert editor.value == words
    assert len(editor.findChildren(QLineEdit)) < 100, "lines cost time"
    more = editor.findChild(QPushButton, "earlier_entries")
    assert more.isVisible()
    assert "640 more" in more.text()
    assert more in card.tab_stops()
    new = editor.widgets()[-1]
    write(qtbot, new, "another")
    assert editor.value == (*words, "another"), "those without a line stay"
    qtbot.mouseClick(editor.findChildren(CloseMark)[0], Qt.MouseButton.LeftButton)
    assert editor.value == (*words[:640], *words[641:], "another")
    half_written = editor.widgets()[3]
    half_written.setText("half")
    qtbot.mouseClick(more, Qt.MouseButton.LeftButton)
    shown = [w.text() for w in editor.widgets() if isinstance(w, QLineEdit)]
    assert shown[:2] == ["w440", "w441"]
    assert half_written.text() == "half"
    assert editor.value == (*words[:640], *words[641:], "another"), "looking changes nothing"
    while not more.isHidden():
        more.click()
    assert [w.text() for w in editor.widgets()[::2]][:3] == ["w0", "w1", "w2"]
    assert more not in card.tab_stops()


def test_more_entries_than_a_file_holds_are_refused_in_words(qtbot: QtBot, theme: Theme) -> None:
    words = tuple(f"w{i}" for i in range(MAX_TEXTS))
    card = make(qtbot, theme, "bans", StageSetting("bans", texts=(("bad_words", words),)))
    editor = texts(card, "bad_words")
    new = editor.widgets()[-1]
    with qtbot.assertNotEmitted(card.changed, wait=20):
        write(qtbot, new, "one more")
    assert editor.error == "A list may have 1,000 entries, and this would be 1,001; take some out first."
    assert editor.findChild(WordsLine).isVisible()
    assert editor.value == words
    assert new.text() == "one more", "it is not lost"
    with qtbot.waitSignal(card.changed):
        qtbot.mouseClick(editor.findChildren(CloseMark)[-1], Qt.MouseButton.LeftButton)
    assert editor.error == ""
    assert editor.value == (*words[:-1], "one more"), "now there is room"


def test_a_wrong_entry_is_told_in_place_and_not_announced(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "bias", StageSetting("bias", texts=(("sequence_bias", (" the=-2",)),)))
    editor = texts(card, "sequence_bias")
    line = editor.widgets()[0]
    with qtbot.assertNotEmitted(card.changed, wait=20):
        write(qtbot, line, "the")
    assert "is not TEXT=NUMBER" in editor.error
    assert editor.findChild(WordsLine).isVisible()
    assert card.setting().texts == (("sequence_bias", (" the=-2",)),), "what the stage accepted last stays in force"
    with qtbot.assertNotEmitted(card.changed, wait=20):
        write(qtbot, editor.widgets()[-1], "a=1")  # one wrong entry holds up the others
    with qtbot.waitSignal(card.changed):
        write(qtbot, line, "the=3")
    assert editor.error == ""
    assert editor.value == ("the=3", "a=1")


def test_escape_takes_back_what_was_written(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "bans", StageSetting("bans", texts=(("bad_words", ("cat",)),)))
    line = texts(card, "bad_words").widgets()[0]
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    with qtbot.assertNotEmitted(card.changed, wait=20):
        qtbot.keyClicks(line, "xyz")
        qtbot.keyClick(line, Qt.Key.Key_Escape)
    assert line.text() == "cat"
    assert not line.hasFocus()


def test_defaults_of_a_list_can_be_cleared(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "xtc")
    card.findChild(Disclosure).setChecked(True)
    editor = texts(card, "xtc_protect")
    assert editor.value == ("#eos", "\n")
    for _ in range(2):
        qtbot.mouseClick(editor.widgets()[1], Qt.MouseButton.LeftButton)
    assert card.setting().texts == (("xtc_protect", ()),)
    card.set_setting(None)
    assert editor.value == ("#eos", "\n")
    assert [w.text() for w in editor.widgets()[::2]] == ["#eos", "↵", ""]


# -- what the stage did ------------------------------------------------------------------------------------------------


def report(name: str = "top_k", **changes: object) -> StageReport:
    figures = {"kept": 40, "removed": 60, "mass": 0.8, "entropy_before_bits": 6.0, "entropy_after_bits": 4.0}
    return StageReport(name, **(figures | changes))


def test_the_threshold_has_its_own_line(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "top_k")
    assert not card.outcome.threshold.isVisible()
    words = "logit ≥ 12.30 and so much more that it does not fit into two lines of so narrow a card, let alone into one"
    card.show_report(report(threshold=words))
    line = card.outcome.threshold
    assert line.isVisible()
    assert len(line.lines) == 2
    assert line.lines[1].endswith("…")
    assert line.toolTip() == words
    card.show_report(report(threshold="logit ≥ 12.30"))
    assert line.lines == ("logit ≥ 12.30",)
    assert line.toolTip() == ""


def test_nothing_moves_under_the_pointer_that_comes_to_a_card(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "repetition_penalty", StageSetting("repetition_penalty", enabled=False))
    head = card.head
    head.show_pointed(False)  # wherever the last test has left the pointer
    QApplication.processEvents()
    before = [part.geometry() for part in (head.grip, head.name, head.help, head.switch)]
    assert head.summary.isVisible()
    head.show_pointed(True)
    QApplication.processEvents()
    assert head.close_mark.isVisible()
    assert [part.geometry() for part in (head.grip, head.name, head.help, head.switch)] == before
    head.show_pointed(False)
    assert head.summary.isVisible()
    assert not head.close_mark.isVisible()


def test_a_stage_that_rests_says_why(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "top_k")
    assert not card.property("off")
    card.show_report(report(resting=True, threshold="rests: Mirostat v2 makes the cut"))
    assert card.outcome.caption.parts() == ("rests: Mirostat v2 makes the cut",)
    assert card.property("off")
    assert card.head.name.property("role") == "muted"
    assert card.switch.isChecked(), "it is on all the same"
    card.show_report(report())
    assert not card.property("off")
    assert card.outcome.caption.parts()[1] == "40 kept"


def test_a_stage_without_effect_says_so_and_takes_no_part(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "bias")
    assert card.outcome.caption.parts() == ("changes nothing while the list is empty",)
    assert not card.active
    write(qtbot, texts(card, "sequence_bias").widgets()[-1], "a=1")
    assert card.active
    assert card.outcome.caption.parts() == ("—",)
    heat = make(qtbot, theme, "temperature", StageSetting("temperature", (("temperature", 1.0),)))
    heat.show_report(report("temperature"))
    assert heat.outcome.caption.parts() == ("changes nothing at this value",)


def line(effect: str, words: str = "kept: 0.0571 ≥ 0.05 × 0.21 = 0.0105") -> StoryLine:
    return StoryLine("top_k", "Top-k", effect, words, 0.1, 0.2)


def test_a_story_is_told_below_the_figures(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "top_k")
    card.show_report(report())
    story = card.outcome.story
    assert not story.isVisible()
    for effect, color in (("kept", "text"), ("changed", "text"), ("cut", "drawn_text"), ("gone", "muted")):
        card.show_line(line(effect))
        assert story.isVisible()
        assert (story.text, story.color) == (line(effect).words, color)
    card.show_line(line("kept", "words that need room " * 10))
    assert len(story.lines) == 2
    assert story.toolTip().startswith("words that need room words")
    tall = story.sizeHint().height()
    card.show_line(line("kept", "short"))
    assert story.sizeHint().height() == tall, "what is below stays where it is while the story goes on"
    card.show_line(None)
    assert not story.isVisible()
    card.show_line(line("resting", "rests: Mirostat v2 makes the cut"))
    assert not story.isVisible(), "why it rests is said once"


def test_hostile_words_are_shown_as_they_stand(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "bans")
    hostile = "would complete the banned '<b onclick=x>cat</b>' & '<img src=\"x\">' \n" + "and some more words " * 5
    card.show_line(line("cut", hostile))
    assert card.outcome.story.text == hostile
    assert "<b " not in card.outcome.story.toolTip()
    assert "&lt;b onclick" in card.outcome.story.toolTip()
    assert plain_tip("0.1 < 0.2") == "0.1 < 0.2"
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in card.findChildren(QLabel) if label.text())


@pytest.mark.parametrize("text", ["word " * 40, "x" * 300, "😀" * 100, "مرحبا بالعالم " * 12, "", "\n\n"])
def test_lines_break_without_losing_or_doubling_anything(qapp: QApplication, text: str) -> None:
    lines = wrapped(text, qapp.font(), 120, 1000)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    short = wrapped(text, qapp.font(), 120, 2)
    assert len(short) <= 2
    assert short[:1] == lines[:1]


PICTURES = (Shift((1, 2), ("·a", "·b"), (0.6, 0.4), (0.7, 0.3)),)


def test_drawings_come_and_go(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "temperature")
    card.show_report(report("temperature"))
    assert card.outcome.pictures is None, "made only when there is something to draw"
    before = card.sizeHint().height()
    card.show_report(report("temperature", pictures=PICTURES))
    assert card.outcome.pictures.isVisible()
    qtbot.waitUntil(lambda: card.sizeHint().height() > before)
    card.outcome.set_drawing(False)
    assert not card.outcome.pictures.isVisible()
    card.outcome.set_drawing(True)
    assert card.outcome.pictures.isVisible()
    card.show_report(None)
    assert not card.outcome.pictures.isVisible()


# -- help --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda s: s.name)
def test_help_names_everything(qtbot: QtBot, theme: Theme, stage: type[Stage]) -> None:
    card = make(qtbot, theme, stage.name)
    card.help.setFocus()
    qtbot.keyClick(card.help, Qt.Key.Key_Return)
    popover = card.findChild(HelpCard)
    assert popover.isVisible()
    said = "\n".join(label.text() for label in popover.findChildren(QLabel))
    for words in (stage.label, stage.summary, stage.origin, *(p.label for p in stage.parameters)):
        assert words in said
    for name in stage.setting_names():
        assert f"--set {name}=" in said
    for p in stage.parameters:
        if p.usual is not None:
            assert f"{p.usual[0]:g} to {p.usual[1]:g}" in said
    qtbot.keyClick(popover, Qt.Key.Key_Escape)
    assert not popover.isVisible()
    card.show_help()
    assert card.findChildren(HelpCard) == [popover]
    assert popover.isVisible()
    theme.choose("dark")
    assert not popover.isVisible()


def test_help_closes_at_a_click_elsewhere(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "top_p")
    qtbot.mouseClick(card.help, Qt.MouseButton.LeftButton)
    popover = card.findChild(HelpCard)
    assert QApplication.activePopupWidget() is popover
    qtbot.mouseClick(popover, Qt.MouseButton.LeftButton, pos=QPoint(popover.width() + 30, -30))
    assert QApplication.activePopupWidget() is None


def test_the_context_menu_offers_what_the_keys_do(qtbot: QtBot, theme: Theme) -> None:
    card = make(qtbot, theme, "top_p")
    offered: dict[str, bool] = {}
    for _ in range(2):
        QApplication.sendEvent(
            card.grip, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(3, 3), QPoint(30, 30))
        )
        menu = card.findChild(QMenu)
        offered = {action.text().partition("\t")[0]: action.isEnabled() for action in menu.actions() if action.text()}
        assert offered["Take off the panel"] == (not card.on)
        switch = next(action for action in menu.actions() if action.text().startswith("Switch"))
        menu.close()
        switch.trigger()
    assert list(offered) == ["Move up", "Move down", "Switch on", "Take off the panel", "About Top-p…"]
    with qtbot.waitSignal(card.move_asked) as signal:
        menu.actions()[1].trigger()
    assert signal.args == [1]
