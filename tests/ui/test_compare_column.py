"""A column of the compare page: what it shows of a place, what it says a person asks, and that it stays in line."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.compare_messages import ColumnLoading, ColumnPlace, ColumnRefused, ColumnState
from ntp_studio.core.compared import MemoryNeed
from ntp_studio.core.types import DecodingSettings, ModelInfo, PageToken, StageSetting, StepFrame, TokenText
from ntp_studio.ui.chart_paint import Columns
from ntp_studio.ui.chart_rows import fold, frame_listing
from ntp_studio.ui.column_colors import column_color
from ntp_studio.ui.compare_column import LEAST_WIDTH, CompareColumn
from ntp_studio.ui.compare_column_loading import LoadingColumn
from ntp_studio.ui.compare_column_tags import place_tags, state_tags
from ntp_studio.ui.compare_figures import CompareFigures
from ntp_studio.ui.theme import Theme
from tests.ui.frames import make_frame

INFO = ModelInfo(
    "SmolLM2-135M", "/models/smol", "hugging face", "llama", 134_515_008, 49_152, 8192, 270_000_000,
    device="cpu", dtype="float32", device_reason="cpu, since there is no other", memory_bytes=538_060_032,
)  # fmt: skip
WORDS = ("Once", " upon", " a", " time", " there", " was", " a", " king", " who", " had")


def page_token(node: int, raw: str, origin: str = "drawn") -> PageToken:
    text = TokenText(node, raw.encode(), raw, raw.replace(" ", "·"))
    return PageToken(node, text, origin, -1.0, 0.5, 2, 3.0)  # type: ignore[arg-type]


def line(length: int, prompt: int = 4) -> tuple[PageToken, ...]:
    return tuple(page_token(i + 10, WORDS[i % len(WORDS)], "prompt" if i < prompt else "drawn") for i in range(length))


def at(
    length: int = 6, *, cursor: int | None = None, frame: StepFrame | None = None, appended: int = 0, **rest: object
) -> ColumnPlace:
    """A place at the end of a line of so many tokens, of which the last `appended` are told as what it grew by."""
    path = line(length)
    return ColumnPlace(
        number=7,
        frame=frame,
        path=None if appended else path,
        appended=path[length - appended :] if appended else (),
        cursor=length if cursor is None else cursor,
        prompt_length=4,
        **rest,  # type: ignore[arg-type]
    )


def state(number: int = 7, info: ModelInfo = INFO, shared: str = "", alike: bool = True) -> ColumnState:
    return ColumnState(number, info, DecodingSettings(), shared, alike)


@pytest.fixture
def column(qtbot: QtBot, theme: Theme) -> CompareColumn:
    made = CompareColumn(theme, 7)
    qtbot.addWidget(made)
    made.resize(420, 720)
    made.show_state(1, state(), False, 3)
    made.show()
    return made


def texts(column: CompareColumn) -> list[str]:
    return [tag.text for tag in column.head.tags.tags]


# -- the head ----------------------------------------------------------------------------------------------------------


def test_head_says_what_the_model_is_and_why_it_is_there(column: CompareColumn) -> None:
    assert column.head.name.text() == "SmolLM2-135M"
    assert column.head.device.text() == "cpu · float32"
    tip = column.head.name.toolTip()
    assert "/models/smol" in tip
    assert "134,515,008" in tip
    assert "538 MB" in tip
    assert INFO.device_reason in tip
    assert "B" in column.accessibleName()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_badge_has_the_colour_of_the_place_in_the_row(column: CompareColumn, theme: Theme, name: str) -> None:
    theme.choose(name)
    seen = []
    for place in (1, 3):
        column.show_state(place, state(), False, 4)
        image = column.head.badge.grab().toImage()
        seen.append(QColor(image.pixel(3, image.height() // 2)).name())
        assert seen[-1] == column_color(theme.palette, place).name()
    assert seen[0] != seen[1]


def test_words_come_with_what_they_say_and_go_with_it(column: CompareColumn) -> None:
    assert texts(column) == []
    column.show_state(0, state(shared="B", alike=False), True, 2)
    assert texts(column) == ["leads", "other tokenizer", "weights shared with B"]
    column.show_place(at(waiting=b"ab", loose=3, stopped="context", frame=make_frame()))
    assert texts(column) == [
        "leads", "context full", "other tokenizer", "weights shared with B", "waits for 2 bytes",
    ]  # fmt: skip
    column.show_place(at(waiting=b"a", loose=1, frame=make_frame()))
    assert "waits for 1 byte" in texts(column)
    column.show_place(at(frame=make_frame()))
    assert texts(column) == ["leads", "other tokenizer", "weights shared with B"]


def test_tokens_that_may_be_cut_anew_are_counted_in_the_tip_only(column: CompareColumn) -> None:
    column.show_state(1, state(alike=False), False, 2)
    seen = []
    for loose in (3, 1, 0):
        column.show_place(at(loose=loose, frame=make_frame()))
        assert texts(column) == ["other tokenizer"]
        seen.append(column.head.tags.toolTip())
    assert "last 3 tokens" in seen[0]
    assert "last token here" in seen[1]
    assert "here may" not in seen[2]
    assert all("aligned on bytes" in tip for tip in seen)


@pytest.mark.parametrize("width", [LEAST_WIDTH, 420, 700])
def test_what_waits_moves_no_other_word(column: CompareColumn, width: int) -> None:
    column.resize(width, 720)
    column.show_state(1, state(shared="A", alike=False), False, 2)
    shown = []
    for waiting in (b"", b"ab", b""):
        column.show_place(at(waiting=waiting, frame=make_frame()))
        shown.append(column.head.tags._laid_out())
    assert shown[0] == shown[2] == shown[1][:-1]
    assert shown[1][-1][0].startswith("waits")


def test_what_decoding_does_is_said_in_short_and_whole_in_the_tip(column: CompareColumn) -> None:
    chain = DecodingSettings(
        (
            StageSetting("temperature", (("temperature", 0.8),)),
            StageSetting("top_k", (("top_k", 40.0),)),
            StageSetting("top_p", (("top_p", 0.9),), enabled=False),
        ),
        "greedy",
    )
    column.show_state(1, replace(state(), decoding=chain), False, 2)
    assert texts(column) == ["T 0.8 · Top-k 40 · greedy"]
    assert "Temperature 0.8 · Top-k 40 · greedy" in column.head.tags.toolTip()
    column.head.tags.resize(110, 20)
    (cut,) = column.head.tags.shown_texts()
    assert cut.startswith("T 0.8 · To")
    assert cut.endswith("…")
    column.show_state(1, state(), False, 2)
    assert texts(column) == []
    assert column.head.decoding.toolTip()


def test_every_end_but_a_counted_one_is_said() -> None:
    said = {
        reason: [tag.text for tag in place_tags(at(stopped=reason))] for reason in ("eos", "stop", "error", "steps")
    }
    assert said == {"eos": ["ended its text"], "stop": ["stop text reached"], "error": ["broke off"], "steps": []}


def test_tags_get_shorter_and_are_counted_where_there_is_no_room(column: CompareColumn) -> None:
    tags = [
        *place_tags(at(stopped="stop")), *state_tags(state(shared="A", alike=False), False),
        *place_tags(at(waiting=b"abc")),
    ]  # fmt: skip
    column.head.tags.show_tags(tags, 0)
    widget = column.head.tags
    widget.resize(900, 20)
    assert widget.shown_texts() == [tag.text for tag in tags]
    widget.resize(300, 20)
    assert widget.shown_texts()[:-1] == [tag.short for tag in tags[:-1]]
    assert widget.shown_texts()[-1].startswith("waits")
    widget.resize(180, 20)
    assert widget.shown_texts() == ["stop text", "+2", "waits 3 B"]
    assert all(tag.sentence in widget.toolTip() for tag in tags)
    for width in range(40, 500, 7):
        widget.resize(width, 20)
        laid = widget._laid_out()
        assert sum(each for _, each, _ in laid) + 5 * (len(laid) - 1) <= width


# -- a place -----------------------------------------------------------------------------------------------------------


def test_text_grows_by_what_is_told_and_goes_back(column: CompareColumn) -> None:
    column.show_place(at(6, frame=make_frame()))
    column.show_place(at(8, appended=2, frame=make_frame()))
    assert [token.node for token in column.page.text.tokens] == [token.node for token in line(8)]
    assert column.page.text.cursor == 8
    back = ColumnPlace(7, make_frame(), None, (), 5, 4)
    column.show_place(back)
    assert len(column.page.text.tokens) == 8  # the way ahead stays in sight
    assert column.page.text.cursor == 5
    other = (*line(5), page_token(99, " queen"))
    column.show_place(ColumnPlace(7, make_frame(), other, (), 6, 4))
    assert column.page.text.tokens[-1].node == 99
    assert column.page.text.prompt_length == 4


def test_pending_chip_is_this_columns_own_choice(column: CompareColumn) -> None:
    frame = make_frame(chosen=3)
    column.show_place(at(frame=frame))
    assert column.page.text.pending == frame.choice.token
    assert not column.page.text.forced
    column.show_place(at(7, appended=1, frame=make_frame(chosen=1, origin="forced")))
    assert column.page.text.pending == make_frame(chosen=1).choice.token
    assert column.page.text.forced
    column.show_place(at(8, appended=1, frame=make_frame(), stopped="eos"))
    assert column.page.text.pending is None


def test_clicked_bar_forces_its_token_of_this_column(column: CompareColumn, qtbot: QtBot) -> None:
    column.show_place(at(frame=make_frame()))
    row = column.chart.rows[2]
    assert row.candidate is not None
    spot = column.chart.row_rect(2).center().toPoint()
    with qtbot.waitSignal(column.force_requested) as told:
        qtbot.mouseClick(column.chart.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert told.args == [7, row.candidate.token.id]


def test_clicked_token_tells_its_index_and_the_chip_asks_for_a_step(column: CompareColumn, qtbot: QtBot) -> None:
    column.show_place(at(frame=make_frame()))
    with qtbot.waitSignal(column.token_clicked) as told:
        spot = column.page.token_rects(2)[0].center().toPoint()
        qtbot.mouseClick(column.page.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert told.args == [7, 2]
    page = column.page
    chip = next(iter(page.text.flow.fragments_of(6)))  # behind the six tokens
    with qtbot.waitSignal(column.step_requested) as stepped:
        qtbot.mouseClick(page.viewport(), Qt.MouseButton.LeftButton, pos=page._box(*chip).center().toPoint())
    assert stepped.args == [7]


def test_fast_places_show_text_at_once_and_the_last_distribution_soon(column: CompareColumn, qtbot: QtBot) -> None:
    listings = []
    column.chart.rows_changed.connect(lambda: listings.append(column.chart.rows))
    column.show_place(at(6, frame=make_frame(seed=1)))
    for length in range(7, 27):
        last = make_frame(seed=length, node=length)
        column.show_place(at(length, appended=1, frame=last, perplexity=float(length)))
        assert len(column.page.text.tokens) == length
        assert column.frame is last
    assert len(listings) < 5  # not painted for every one of them
    wanted = last.candidates[0].probability
    qtbot.waitUntil(lambda: column.chart.rows[0].probability == wanted)
    assert column.figures.perplexity.value == "26.0"


def test_trouble_stands_in_the_place_of_the_distribution(column: CompareColumn, qtbot: QtBot) -> None:
    column.show_place(at(frame=make_frame()))
    words = "This tokenizer cannot write <b>that</b>; go back."
    column.show_place(at(trouble=words))
    assert column.trouble.isVisible()
    assert column.trouble.text() == words
    assert column.trouble.textFormat() == Qt.TextFormat.PlainText
    assert not column.chart.isVisible()
    assert column.empty.isVisible()
    assert column.chart.rows == ()
    assert [card.value for card in column.figures.cards] == ["–", "–", "51 ms"]
    column.show_place(at(frame=make_frame()))
    assert not column.trouble.isVisible()
    qtbot.waitUntil(column.chart.isVisible)
    assert len(column.chart.rows) >= 9


def test_reading_shows_how_far_and_ends_with_the_place(column: CompareColumn) -> None:
    column.show_reading(512, 2048)
    assert column.progress.share == 0.25
    assert texts(column) == ["reading 512 of 2,048 tokens"]
    column.show_reading(2048, 2048)
    assert column.progress.share is None
    column.show_reading(1, 2)
    column.show_place(at(frame=make_frame()))
    assert column.progress.share is None
    assert texts(column) == []


def test_busy_line_moves_only_while_busy(column: CompareColumn, qtbot: QtBot) -> None:
    column.set_busy(True)
    qtbot.waitUntil(lambda: column.progress.moving)
    column.set_busy(False)
    assert not column.progress.moving


def test_look_of_text_and_axis_are_set_from_outside(column: CompareColumn) -> None:
    column.page_mode = "probability"
    column.log_scale = True
    assert column.page.mode == "probability"
    assert column.chart.log_scale


def test_highlight_rings_a_whole_stretch_and_scrolls_to_it(column: CompareColumn) -> None:
    column.show_place(at(300, frame=make_frame()))
    page = column.page
    bottom = page.verticalScrollBar().value()
    assert bottom > 0
    column.highlight(3, 5)
    assert page.verticalScrollBar().value() < bottom
    accent = QColor(column._theme.palette.accent).rgb()

    def ringed(index: int) -> bool:
        box = page.token_rects(index)[0]
        image = page.viewport().grab().toImage()
        return QColor(image.pixel(round(box.center().x()), round(box.top()) - 1)).rgb() == accent

    assert [ringed(i) for i in (2, 3, 4, 5)] == [False, True, True, False]
    column.highlight(0, 0)
    assert not ringed(3)
    assert page.verticalScrollBar().value() == bottom  # back at the place


def test_click_leaves_no_ring_and_moving_on_takes_that_of_the_keys_away(column: CompareColumn, qtbot: QtBot) -> None:
    page = column.page
    column.show_place(at(frame=make_frame()))
    spot = page.token_rects(2)[0].center().toPoint()
    qtbot.mouseClick(page.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert page.selected is None
    qtbot.keyClick(page, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert page.selected is not None
    column.show_place(at(frame=make_frame(), cursor=6))  # the same line told anew is a move
    assert page.selected is None


def test_page_scrolls_to_its_place_wherever_it_was(column: CompareColumn) -> None:
    page = column.page
    column.show_place(at(300, frame=make_frame()))
    bar = page.verticalScrollBar()
    bar.setValue(0)
    column.show_place(at(301, appended=1, frame=make_frame()))
    assert bar.value() == bar.maximum() > 0
    column.show_place(ColumnPlace(7, make_frame(), None, (), 5, 4))
    assert bar.value() == 0
    column.show_place(ColumnPlace(7, make_frame(), None, (), 301, 4))
    assert bar.value() == bar.maximum()


# -- taken along -------------------------------------------------------------------------------------------------------


def inks(column: CompareColumn) -> set[str]:
    """The colours of the lowest rows of pixels of the generated tokens."""
    page = column.page
    image = page.viewport().grab().toImage()
    found = set()
    for index in range(4, 6):
        box = page.token_rects(index)[0]
        x = round(box.center().x())
        found |= {QColor(image.pixel(x, round(box.bottom()) - up)).name() for up in (1, 2, 3)}
    return found


def test_text_taken_along_is_not_underlined_as_a_persons_choice(column: CompareColumn, theme: Theme) -> None:
    path = tuple(replace(token, origin="forced") if i >= 4 else token for i, token in enumerate(line(6)))
    amber, blue = theme.palette.drawn, theme.palette.accent
    column.show_place(ColumnPlace(7, make_frame(), path, (), 6, 4))
    assert amber in inks(column)
    column.show_state(1, state(), False, 2, led=True)
    led = inks(column)
    assert not {amber, blue} & led
    column.page.led = False
    assert led != inks(column)  # there is a line, of another colour
    column.show_state(0, state(), True, 2)
    assert amber in inks(column)


def test_card_and_tag_of_a_column_taken_along_say_so(column: CompareColumn) -> None:
    page = column.page
    path = tuple(replace(token, origin="forced") if i == 5 else token for i, token in enumerate(line(9)))
    column.show_place(ColumnPlace(7, make_frame(), path, (), 6, 4))
    chip = " ".join(fragment.text for fragment in page.text.flow.line(0) if fragment.tag)
    assert chip.startswith("next →")

    def card(index: int) -> str:
        point = page.token_rects(index)[0].center().toPoint()
        page._show_card(point, page.viewport().mapToGlobal(point))
        assert page._card is not None
        return page._card.text()

    assert "chosen by you (forced)" in card(5)
    column.show_state(1, state(), False, 2, led=True)
    chip = " ".join(f.text for n in range(page.text.flow.line_count) for f in page.text.flow.line(n) if f.tag)
    assert chip.startswith("would draw →")
    assert "taken along with A's text" in card(5)
    assert "forced" not in card(5)
    assert "drawn here too" in card(4)
    assert "prompt" in card(1)
    column.show_state(0, state(), True, 2)
    assert "chosen by you (forced)" in card(5)


def test_growing_text_is_not_set_anew(column: CompareColumn, monkeypatch: pytest.MonkeyPatch) -> None:
    column.show_place(at(6, frame=make_frame()))
    anew: list[int] = []
    monkeypatch.setattr(column.page.text, "set_path", lambda *_: anew.append(1))
    column.show_place(at(8, appended=2, frame=make_frame()))
    assert len(column.page.text.tokens) == 8
    assert anew == []


# -- figures -----------------------------------------------------------------------------------------------------------


def test_figures_carry_their_units(qtbot: QtBot, theme: Theme) -> None:
    figures = CompareFigures(theme)
    qtbot.addWidget(figures)
    frame = replace(make_frame(), entropy_bits=6.871, step_ms=51.2)
    figures.show_figures(frame, 18.42)
    assert [card.value for card in figures.cards] == ["6.87 bits", "18.4", "51 ms"]
    figures.show_figures(replace(frame, step_ms=6.24), 18.42)
    assert figures.step.value == "6.2 ms"
    assert figures.perplexity.accessibleName().endswith("18.4")


def test_time_is_of_the_last_step_in_which_the_model_ran(column: CompareColumn, qtbot: QtBot) -> None:
    step = column.figures.step
    column.show_place(at(frame=replace(make_frame(), model_ms=0.0, step_ms=0.2)))
    qtbot.waitUntil(lambda: column.figures.entropy.value != "–")
    assert step.value == "–"
    assert "No step" in step.toolTip()
    # Told in between, too fast to be painted.
    column.show_place(at(7, appended=1, frame=replace(make_frame(node=21), model_ms=30.0, step_ms=33.0)))
    column.show_place(at(6, cursor=6, frame=replace(make_frame(node=20), model_ms=0.0, step_ms=0.2)))
    qtbot.waitUntil(lambda: step.value == "33 ms")
    assert "model ran" in step.toolTip()


@pytest.mark.parametrize(("value", "shown", "why"), [(math.nan, "–", "No token"), (math.inf, "∞", "impossible")])
def test_perplexity_without_a_number_says_why(qtbot: QtBot, theme: Theme, value: float, shown: str, why: str) -> None:
    figures = CompareFigures(theme)
    qtbot.addWidget(figures)
    usual = "exp of the mean"
    figures.show_figures(make_frame(), 3.0)
    assert usual in figures.perplexity.toolTip()
    figures.show_figures(make_frame(), value)
    assert figures.perplexity.value == shown
    assert why in figures.perplexity.toolTip()
    assert why in figures.perplexity.accessibleDescription()


def test_no_figure_is_cut_off_at_any_width(qtbot: QtBot, theme: Theme) -> None:
    figures = CompareFigures(theme)
    qtbot.addWidget(figures)
    figures.show_figures(replace(make_frame(), entropy_bits=12.25), 118.4)
    figures.show()
    for width in (500, 400, 380, 300, 236, 160):
        figures.resize(width, 120)
        QApplication.processEvents()
        for card in figures.cards:
            for label in (card._value, card._caption):
                assert label.width() >= label.fontMetrics().horizontalAdvance(label.text()), (width, label.text())
    assert figures.entropy.y() < figures.step.y()  # in two lines by now


# -- what a person asks ------------------------------------------------------------------------------------------------


def test_menu_offers_what_makes_sense_at_its_place(column: CompareColumn) -> None:
    menu = column.head.menu

    def enabled(place: int, count: int) -> tuple[bool, bool, bool]:
        column.show_state(place, state(), False, count)
        return menu.left.isEnabled(), menu.right.isEnabled(), menu.duplicate.isEnabled()

    assert enabled(0, 1) == (False, False, True)
    assert enabled(0, 2) == (False, True, True)
    assert enabled(2, 3) == (True, False, True)
    assert enabled(1, 4) == (True, True, False)
    assert "4" in menu.duplicate.toolTip()
    assert not any(action.isEnabled() for action in menu.again)
    column.show_state(1, state(), False, 3)
    assert [action.isEnabled() for action in menu.again] == [False, True, True]  # it is float32 already


def test_menu_names_the_column_and_what_is_asked(column: CompareColumn, qtbot: QtBot) -> None:
    menu = column.head.menu
    column.show_state(1, state(), False, 3)
    for action, signal, args in (
        (menu.left, column.move_requested, [7, 0]),
        (menu.right, column.move_requested, [7, 2]),
        (menu.duplicate, column.duplicate_requested, [7]),
        (menu.again[1], column.open_as_requested, [7, "bfloat16"]),
        (menu.remove, column.remove_requested, [7]),
    ):
        with qtbot.waitSignal(signal) as told:
            action.trigger()
        assert told.args == args


def test_buttons_ask_and_are_reached_by_keys(column: CompareColumn, qtbot: QtBot) -> None:
    head = column.head
    for button in (head.decoding, head.more, head.close_button):
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert "column B" in button.accessibleName()
    with qtbot.waitSignal(column.decoding_requested) as told:
        qtbot.mouseClick(head.decoding, Qt.MouseButton.LeftButton)
    assert told.args == [7]
    with qtbot.waitSignal(column.remove_requested) as removed:
        qtbot.keyClick(head.close_button, Qt.Key.Key_Return)
    assert removed.args == [7]
    qtbot.mouseClick(head.more, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(head.menu.isVisible)
    head.menu.close()


# -- side by side ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [LEAST_WIDTH, 520])
def test_columns_side_by_side_are_in_line_whatever_they_show(qtbot: QtBot, theme: Theme, width: int) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    row = QHBoxLayout(host)
    columns = [CompareColumn(theme, number, host) for number in (1, 2)]
    for place, (one, length) in enumerate(zip(columns, (3, 200), strict=True)):
        row.addWidget(one, 1)
        info = replace(INFO, name="a" if place else "a-model-with-a-very-long-name-indeed", device="cuda:0")
        one.show_state(place, state(place, info, "A" if place else "", not place), not place, 2)
        one.show_place(at(length, frame=make_frame(), waiting=b"ab" if place else b"", loose=9 * place))
    host.resize(2 * width + row.spacing() + 2 * row.contentsMargins().left(), 780)
    host.show()
    qtbot.waitExposed(host)
    for part in ("page", "chart", "figures"):
        tops = [getattr(one, part).mapTo(one, QPoint(0, 0)).y() for one in columns]
        assert tops[0] == tops[1], part
    for one in columns:
        assert one.width() <= width
        assert one.page.height() <= 0.35 * one.height()
        assert len(one.chart.rows) >= 9
        assert one.figures.geometry().bottom() < one.height()
        assert one.page.geometry().top() > one.head.geometry().bottom()


def test_room_for_the_text_grows_by_two_lines_and_does_not_shrink_while_it_grows(
    column: CompareColumn, qtbot: QtBot
) -> None:
    told = []
    column.wanted_lines_changed.connect(lambda: told.append(column.wanted_lines))
    column.show_place(at(4, frame=make_frame()))
    first = column.wanted_lines
    for length in range(5, 60):
        column.show_place(at(length, appended=1, frame=make_frame()))
        assert column.page.text.flow.line_count <= column.wanted_lines
    assert told == [first + 2 * (i + 1) for i in range(len(told))]
    most = column.wanted_lines
    column.show_place(ColumnPlace(7, make_frame(), None, (), 5, 4))
    assert column.wanted_lines == most  # the way ahead is still there
    column.show_place(at(4, frame=make_frame()))
    assert column.wanted_lines == first
    column.show_place(at(200, frame=make_frame()))
    long = column.wanted_lines
    column.resize(900, 720)
    assert column.wanted_lines < long
    assert told[-1] == column.wanted_lines


def test_text_has_the_lines_it_is_given_within_its_share(column: CompareColumn) -> None:
    column.show_place(at(4, frame=make_frame()))
    QApplication.processEvents()
    share = column.page.height()
    column.set_page_lines(3)
    least, rows = column.page.height(), len(column.chart.rows)
    column.set_page_lines(5)
    assert column.page.height() - least == 2 * column.page._pitch
    column.set_page_lines(99)
    assert column.page.height() == share
    column.set_page_lines(3)
    QApplication.processEvents()
    assert column.page.height() == least
    assert rows >= 9
    column.set_page_lines(None)
    assert column.page.height() == share


def test_bars_keep_their_place_when_an_unlikely_token_comes_up(column: CompareColumn) -> None:
    painter = column.chart._painter

    def track(width: float, chosen: int) -> tuple[float, float]:
        rows = fold(frame_listing(make_frame(chosen=chosen)), 12)
        assert max(row.candidate.rank for row in rows if row.candidate) > 999 or chosen < 10
        found = painter.columns(width, rows)
        return found.track.x, found.track.width

    for width in (236.0, 320.0, 520.0):
        assert track(width, 3) == track(width, 2403)


def test_narrow_chart_shows_one_figure_and_is_the_same_whatever_the_decoding(column: CompareColumn) -> None:
    chart = column.chart
    column.show_place(at(frame=make_frame()))

    def spans(width: float) -> Columns:
        return chart._painter.columns(width, chart.rows)

    column.show_state(1, state(), False, 2)
    plain = spans(236)
    assert plain.model.x > 236
    assert plain.processed.right <= 236 - 6
    assert plain.label.width >= chart._painter.metrics.horizontalAdvance("·daughter")
    chain = DecodingSettings((StageSetting("temperature", (("temperature", 0.8),)),))
    column.show_state(1, replace(state(), decoding=chain), False, 2)
    assert spans(236) == plain
    column.show_place(at(frame=make_frame(chosen=2403)))
    assert spans(150).processed.right <= 150 - 6
    wide = spans(520)
    assert wide.processed.right < wide.model.x < wide.model.right <= 520


def test_column_is_usable_at_its_least_width_and_follows_the_font(
    qtbot: QtBot, theme: Theme, qapp: QApplication
) -> None:
    usual = QFont(qapp.font())
    column = CompareColumn(theme, 1)
    qtbot.addWidget(column)
    column.show_state(0, state(), True, 4)
    column.show_place(at(frame=make_frame()))
    assert column.minimumSizeHint().width() <= LEAST_WIDTH
    badge, name = column.head.badge.height(), column.head.name.fontMetrics().height()
    try:
        large = QFont(usual)
        large.setPointSizeF(usual.pointSizeF() * 1.6)
        qapp.setFont(large)
        theme.choose("dark")
        assert column.head.badge.height() > 1.4 * badge
        assert column.head.name.fontMetrics().height() > 1.4 * name
    finally:
        qapp.setFont(usual)


# -- a column on its way -----------------------------------------------------------------------------------------------

OFFERS = (
    MemoryNeed("smol", "cpu", "bfloat16", 270_000_000, 1_200_000_000),
    MemoryNeed("smol", "cpu", "float16", 270_000_000, 1_200_000_000),
)


@pytest.fixture
def loading(qtbot: QtBot, theme: Theme) -> LoadingColumn:
    made = LoadingColumn(theme, 5)
    qtbot.addWidget(made)
    made.resize(LEAST_WIDTH, 500)
    made.show()
    return made


def test_loading_tells_how_far_and_can_be_cancelled(loading: LoadingColumn, qtbot: QtBot) -> None:
    loading.show_loading(ColumnLoading(5, "smol", "Looking"))
    assert not loading.bar.isVisible()
    qtbot.waitUntil(lambda: loading.wander.moving)
    loading.show_loading(ColumnLoading(5, "smol", "Reading weights", 0.4))
    assert (loading.name.text(), loading.message.text()) == ("smol", "Reading weights")
    assert loading.bar.isVisible()
    assert loading.bar.value() / loading.bar.maximum() == pytest.approx(0.4)
    with qtbot.waitSignal(loading.cancel_requested) as told:
        qtbot.mouseClick(loading.cancel, Qt.MouseButton.LeftButton)
    assert told.args == [5]


def test_name_is_not_said_twice_and_gives_way_at_its_beginning(loading: LoadingColumn) -> None:
    loading.show_loading(ColumnLoading(5, "tiny.gguf", "tiny.gguf"))
    assert "tiny.gguf" not in loading.message.text()
    assert loading.message.text()
    loading.show_loading(ColumnLoading(5, "checkpoint-200", "fairy-tales/checkpoint-200", 0.5))
    assert "checkpoint" not in loading.message.text()
    loading.show_loading(ColumnLoading(5, "smol", "model.safetensors", 0.5))
    assert loading.message.text() == "model.safetensors"
    assert loading.name._elide == Qt.TextElideMode.ElideLeft


def test_refusal_says_why_and_offers_what_fits(loading: LoadingColumn, qtbot: QtBot) -> None:
    loading.show_loading(ColumnLoading(5, "smol", "Looking"))
    loading.show_refused(ColumnRefused(5, "/m/smol", "It does not fit.", False, OFFERS))
    assert loading.message.text() == "It does not fit."
    assert not loading.cancel.isVisible()
    assert not loading.wander.moving
    first, second = loading.offer_buttons
    assert first.text().replace("\n", " ") == "Open in bfloat16 (270 MB of 1.2 GB free)"
    assert loading.minimumSizeHint().width() <= LEAST_WIDTH
    with qtbot.waitSignal(loading.open_as) as told:
        qtbot.mouseClick(second, Qt.MouseButton.LeftButton)
    assert told.args == [5, "/m/smol", "cpu", "float16"]
    with qtbot.waitSignal(loading.dismissed) as gone:
        qtbot.mouseClick(loading.dismiss, Qt.MouseButton.LeftButton)
    assert gone.args == [5]


def test_loading_anew_takes_the_offers_away(loading: LoadingColumn) -> None:
    loading.show_refused(ColumnRefused(5, "/m/smol", "It does not fit.", False, OFFERS))
    loading.show_loading(ColumnLoading(5, "smol", "Reading", 0.1))
    assert loading.offer_buttons == ()
    assert loading.cancel.isVisible()
    assert not loading.dismiss.isVisible()
