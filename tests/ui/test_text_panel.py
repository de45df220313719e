"""The middle column as a person uses it: clicks, keys, the way ahead, the pending token, the editor, the timeline."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QFont,
    QFontInfo,
    QGuiApplication,
    QHelpEvent,
    QImage,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPlainTextEdit, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from ntp_studio.core.pictures import Span
from ntp_studio.core.types import Origin, PageToken, TokenText
from ntp_studio.ui.candidate_text import percent as chart_percent
from ntp_studio.ui.heat_legend import HeatLegend
from ntp_studio.ui.style import apply_style
from ntp_studio.ui.text_panel import TextPanel
from ntp_studio.ui.theme import Theme
from ntp_studio.ui.timeline import Timeline
from ntp_studio.ui.token_detail import TokenDetail
from ntp_studio.ui.token_figures import MODES, heat_share, percent
from ntp_studio.ui.token_page import TokenPage
from ntp_studio.ui.token_view import TokenView


def text_of(raw: str | bytes, token_id: int = 7, special: bool = False) -> TokenText:
    data = raw.encode() if isinstance(raw, str) else raw
    text = data.decode("utf-8", "replace")
    label = f"⟨{data.hex(' ').upper()}⟩" if "\ufffd" in text else text.replace(" ", "·").replace("\n", "↵")
    return TokenText(token_id, data, text, label, special)


def token(
    node: int, raw: str | bytes, bits: float | None = 2.0, origin: Origin = "prompt", branches: int = 1
) -> PageToken:
    logprob = None if bits is None else -bits * math.log(2)
    return PageToken(
        node=node,
        token=text_of(raw, token_id=1000 + node),
        origin=origin,
        logprob=logprob,
        processed_probability=None if origin == "prompt" else 0.5,
        rank=None if bits is None else 3,
        entropy_bits=None if bits is None else 4.0,
        branches=branches,
    )


PATH = (
    token(10, "Once", None),
    token(11, " upon", 1.0),
    token(12, " a", 3.0),
    token(13, " time", 2.0, "drawn"),
    token(14, " there", 8.67, "forced", branches=3),
    token(15, " was", 2.0, "drawn"),
)


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    made = Theme()
    made.choose("light")
    return made


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme) -> TextPanel:
    made = TextPanel(theme)
    qtbot.addWidget(made)
    made.resize(700, 700)
    made.set_context(8192)
    made.show()
    qtbot.waitExposed(made)
    return made


def page_of(panel: TextPanel) -> TokenPage:
    found = panel.findChild(TokenPage, "token_page")
    assert found is not None
    return found


def button(panel: TextPanel, name: str) -> QPushButton:
    found = panel.findChild(QPushButton, name)
    assert found is not None
    return found


def label(panel: TextPanel, name: str) -> str:
    found = panel.findChild(QLabel, name)
    assert found is not None
    return found.text()


def click(page: TokenPage, index: int) -> None:
    QTest.mouseClick(page.viewport(), Qt.MouseButton.LeftButton, pos=page.token_rects(index)[0].center().toPoint())


# -- clicks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_click_selects_the_token_and_goes_to_the_place_before_it(panel: TextPanel, qtbot: QtBot, mode: str) -> None:
    panel.show_path(PATH, 6, 3)
    panel.mode = mode
    with qtbot.waitSignal(panel.go_to) as caught:
        click(page_of(panel), 4)
    assert caught.args == [13]
    assert page_of(panel).selected == 14
    assert label(panel, "detail_label") == "·there"
    words = label(panel, "detail_figures")
    for part in ("id 1,014", "p 0.25%", "after decoding 50.0%", "rank 3", "8.67 bits", "chosen by you (forced)"):
        assert part in words


def test_the_first_token_has_no_place_before_it(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 6, 3)
    with qtbot.assertNotEmitted(panel.go_to):
        click(page_of(panel), 0)
    assert page_of(panel).selected == 10
    assert "nothing stands before it" in label(panel, "detail_figures")


def test_every_token_of_a_long_text_can_be_clicked(panel: TextPanel) -> None:
    path = tuple(token(i, " word" if i % 7 else "\n") for i in range(300))
    panel.show_path(path, 300, 300)
    page = page_of(panel)
    for mode in ("surprisal", "plain"):
        page.mode = mode
        for index in range(300):
            rects = page.token_rects(index)
            assert page.entry_at(rects[-1].center()) == index


def test_the_strip_goes_to_both_sides_of_a_token_and_changes_branch(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 6, 3)
    click(page_of(panel), 4)
    with qtbot.waitSignal(panel.go_to) as caught:
        button(panel, "after_token").click()
    assert caught.args == [14]
    with qtbot.waitSignal(panel.go_to) as caught:
        button(panel, "before_token").click()
    assert caught.args == [13]
    assert "3 tried here" in button(panel, "other_branch").text()
    with qtbot.waitSignal(panel.next_branch) as caught:
        button(panel, "other_branch").click()
    assert caught.args == [14]
    panel.show_path(PATH, 4, 3)  # the place before it
    assert not button(panel, "before_token").isEnabled()
    assert button(panel, "after_token").isEnabled()
    panel.show_path(PATH, 5, 3)
    assert button(panel, "before_token").isEnabled()
    assert not button(panel, "after_token").isEnabled()
    click(page_of(panel), 3)
    assert button(panel, "other_branch").isHidden()
    click(page_of(panel), 0)
    assert button(panel, "before_token").isHidden()


def test_the_strips_buttons_leave_the_focus_to_the_page(panel: TextPanel, qtbot: QtBot) -> None:
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    page = page_of(panel)
    panel.show_path(PATH, 6, 3)
    click(page, 4)
    page.setFocus()
    for name in ("after_token", "other_branch"):
        QTest.mouseClick(button(panel, name), Qt.MouseButton.LeftButton)
        assert page.hasFocus()
    button(panel, "other_branch").setFocus(Qt.FocusReason.TabFocusReason)
    click_free = (*PATH[:4], token(30, " lived", 2.0, "drawn"))
    panel.show_path(click_free, 5, 3)  # the button goes while it has the focus
    assert button(panel, "other_branch").isHidden()
    assert page.hasFocus()
    fold = panel.findChild(QToolButton, "timeline_fold")
    QTest.mouseClick(fold, Qt.MouseButton.LeftButton)
    assert panel.timeline_collapsed
    assert page.hasFocus()


def test_a_click_after_the_end_goes_to_the_end_of_the_way_ahead(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 4, 3)
    below = QPoint(300, page_of(panel).viewport().height() - 4)
    with qtbot.waitSignal(panel.go_to) as caught:
        QTest.mouseClick(page_of(panel).viewport(), Qt.MouseButton.LeftButton, pos=below)
    assert caught.args == [15]
    panel.show_path(PATH, 6, 3)
    with qtbot.assertNotEmitted(panel.go_to):
        QTest.mouseClick(page_of(panel).viewport(), Qt.MouseButton.LeftButton, pos=below)


# -- the pending token -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["surprisal", "plain"])
def test_before_a_way_ahead_the_pending_token_is_a_tag_and_a_click_takes_it(
    panel: TextPanel, qtbot: QtBot, mode: str
) -> None:
    panel.mode = mode
    panel.show_path(PATH, 4, 3)
    panel.show_pending(text_of(" dream", 5), False)
    text = page_of(panel).text
    assert [f.text for f in text.flow.fragments if f.tag] == ["next → ·dream"]
    assert text.index_at(4) is None
    assert text.index_at(5) == 4
    fragment = next(place for place in text.flow.fragments_of(4))
    assert fragment[2].tag
    panel.zoom = 1.3  # laid out anew
    assert [f.text for f in text.flow.fragments if f.tag] == ["next → ·dream"]
    fragment = next(place for place in text.flow.fragments_of(4))
    with qtbot.waitSignal(panel.step_requested):
        QTest.mouseClick(
            page_of(panel).viewport(),
            Qt.MouseButton.LeftButton,
            pos=page_of(panel)._box(*fragment).center().toPoint(),
        )
    click(page_of(panel), 4)
    assert page_of(panel).selected == 14
    panel.show_path(PATH, 6, 3)
    panel.show_pending(text_of(" dream", 5), False)
    assert not any(f.tag for f in text.flow.fragments)  # at the end it is the next chip
    assert text.flow.fragments[-1].text.strip() in ("·dream", "dream")


def test_a_pending_token_that_the_way_ahead_begins_with_is_not_shown_twice(panel: TextPanel) -> None:
    panel.show_path(PATH, 4, 3)
    panel.show_pending(PATH[4].token, True)
    text = page_of(panel).text
    assert len(text.flow) == len(PATH)
    assert text.outlined(4)
    panel.show_pending(None, False)
    assert not text.outlined(4)


def test_appending_takes_the_pending_token_away(panel: TextPanel) -> None:
    panel.show_path(PATH[:5], 5, 3)
    panel.show_pending(PATH[5].token, False)
    panel.append(PATH[5])
    text = page_of(panel).text
    assert [t.node for t in text.tokens] == [10, 11, 12, 13, 14, 15]
    assert text.cursor == len(text.flow) == 6
    panel.show_path(PATH, 6, 3)
    assert [f.text for f in text.flow.fragments] == ["Once", "·upon", "·a", "·time", "·there", "·was"]


# -- figures -----------------------------------------------------------------------------------------------------------


def test_perplexity_is_the_continuations_or_the_prompts(panel: TextPanel, qapp: QApplication) -> None:
    panel.show_path(PATH, 4, 3)
    assert label(panel, "text_stats") == "4 tokens · perplexity 4.0 (continuation) · context 4 / 8,192"
    panel.show_path(PATH, 3, 3)
    assert label(panel, "text_stats") == "3 tokens · perplexity 4.0 (prompt) · context 3 / 8,192"
    panel.show_path(PATH, 1, 3)
    assert label(panel, "text_stats") == "1 token · context 1 / 8,192"
    panel.show_path(PATH[:3], 3, 3)
    panel.append(token(20, " x", 8.0, "drawn"))
    panel.append(token(21, " y", 5.0, "drawn"))
    qapp.processEvents()
    assert f"perplexity {2 ** ((8 + 5) / 2):.1f} (continuation)" in label(panel, "text_stats")
    tip = panel.findChild(QLabel, "text_stats").toolTip()
    assert "prompt: 4.0 (over 2 tokens)" in tip
    assert f"continuation: {2**6.5:.1f} (over 2 tokens)" in tip
    assert f"all: {2 ** (17 / 4):.1f} (over 4 tokens)" in tip
    assert max(len(line) for line in tip.splitlines()) <= 75


class Shown(QObject):
    """What the labels of a panel said each time something of it was painted."""

    def __init__(self, panel: TextPanel) -> None:
        super().__init__(panel)
        self._panel = panel
        self.painted: list[tuple[str, str]] = []
        page_of(panel).viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.painted.append((label(self._panel, "text_stats"), label(self._panel, "detail_label")))
        return False


def test_the_figures_of_many_tokens_are_laid_out_once_and_painted_with_them(
    panel: TextPanel, qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.show_path(PATH[:3], 3, 3)
    qapp.processEvents()
    arranged: list[int] = []
    arrange = TokenDetail._arrange
    monkeypatch.setattr(TokenDetail, "_arrange", lambda detail: (arranged.append(1), arrange(detail))[1])
    seen = Shown(panel)
    for node in range(20, 120):
        panel.append(token(node, f" t{node}", 8.0, "drawn"))
    assert arranged == []
    qtbot.waitUntil(lambda: bool(seen.painted))
    assert len(arranged) == 1
    assert seen.painted[0][0].startswith("103 tokens · perplexity 256 (continuation)"), "nothing stale is painted"
    assert seen.painted[0][1] == "·t119"


def test_an_impossible_prompt_token_leaves_the_continuations_perplexity_alone(panel: TextPanel) -> None:
    panel.show_path((token(1, "a", None), token(2, "b", math.inf), token(3, "c", 3.0, "drawn")), 3, 2)
    assert "perplexity 8.0 (continuation)" in label(panel, "text_stats")
    assert "prompt: ∞ (over 1 token)" in panel.findChild(QLabel, "text_stats").toolTip()


def test_heat_runs_from_expected_to_surprising_in_every_mode() -> None:
    cold, hot = token(1, "a", 0.0), token(2, "b", 20.0)
    assert heat_share("surprisal", cold) == heat_share("probability", cold) == 0.0
    assert heat_share("surprisal", hot) == 1.0
    assert heat_share("probability", hot) == pytest.approx(1.0, abs=1e-5)
    assert heat_share("rank", token(3, "c")) == pytest.approx(math.log10(3) / 4)
    assert heat_share("entropy", token(3, "c")) == pytest.approx(0.4)
    assert all(heat_share(mode, token(1, "a", None)) is None for mode in MODES)


def test_percentages_never_round_to_a_certainty_that_is_not_one() -> None:
    assert percent(0.0025) == "0.25%"
    assert percent(0.163) == "16.3%"
    assert percent(1.0) == "100%"
    assert percent(0.99999) == ">99.9%"
    assert percent(0.0) == "0%"
    assert percent(3.1e-9) == "3.1·10⁻⁷%"


@given(st.floats(1e-4, 1.0))
def test_percentages_read_as_in_the_chart(probability: float) -> None:
    assert percent(probability) == chart_percent(probability)


def test_a_token_stands_on_the_colour_of_its_surprisal(panel: TextPanel, theme: Theme) -> None:
    panel.show_path(PATH, 6, 6)
    page = page_of(panel)
    for choice in ("light", "dark"):
        theme.choose(choice)
        image = page.viewport().grab().toImage()
        for index, share in ((0, None), (1, 1 / 12), (4, 8.67 / 12)):
            box = page.token_rects(index)[0]
            seen = pixel(image, box)
            wanted = theme.palette.color("sunken") if share is None else theme.palette.heat_color(share)
            for a, b in ((seen.red(), wanted.red()), (seen.green(), wanted.green()), (seen.blue(), wanted.blue())):
                assert abs(a - b) <= 3


def pixel(image: QImage, box: QRectF):
    """The ground just inside the top edge of a chip, above its letters."""
    ratio = image.devicePixelRatio()
    return image.pixelColor(round(box.center().x() * ratio), round((box.top() + 2) * ratio))


# -- stretches that a stage speaks of ----------------------------------------------------------------------------------

REPEAT = tuple(
    token(i, " word" if i else "Once", 2.0, ("prompt", "drawn", "forced")[(i >= 20) + (i % 7 == 0 and i >= 20)])
    for i in range(60)
)
NOW, EARLIER = Span(56, 60, True), Span(3, 30, False)


def below(page: TokenPage, image: QImage, index: int, accent: QColor) -> list[bool]:
    """For each column of pixels under a token, whether the accent is anywhere between its line and the next."""
    box = max(page.token_rects(index), key=QRectF.width)
    rows = range(round(box.bottom()), round(box.top()) + page._pitch)
    columns = range(math.ceil(box.left()) + 3, int(box.right()) - 2)
    return [any(near(image.pixelColor(x, y), accent) for y in rows) for x in columns]


def near(seen: QColor, wanted: QColor) -> bool:
    pairs = zip(seen.getRgb()[:3], wanted.getRgb()[:3], strict=True)
    return all(abs(a - b) <= 60 for a, b in pairs)


@pytest.mark.parametrize("mode", ["surprisal", "plain"])
def test_stretches_are_underlined_over_all_their_lines_and_no_further(
    panel: TextPanel, theme: Theme, mode: str
) -> None:
    panel.show_path(REPEAT, 60, 20)
    panel.mode = mode
    page = page_of(panel)
    lines = {page.text.line_of(page.text.entry_of(i)) for i in range(EARLIER.start, EARLIER.end)}
    assert len(lines) >= 3
    panel.show_spans((NOW, EARLIER))
    for choice in ("light", "dark"):
        theme.choose(choice)
        image = page.viewport().grab().toImage()
        accent = theme.palette.color("accent")
        for index in range(60):
            marks = below(page, image, index, accent)
            if NOW.start <= index < NOW.end:
                assert all(marks)
            elif EARLIER.start <= index < EARLIER.end:
                assert any(marks)
                assert not all(marks)  # dashes
            else:
                assert not any(marks)


def test_ticks_stand_where_the_end_of_the_text_begins_and_ends(panel: TextPanel, theme: Theme) -> None:
    panel.show_path(REPEAT, 60, 60)
    page = page_of(panel)
    plain = page.viewport().grab().toImage()
    panel.show_spans((NOW,))
    image = page.viewport().grab().toImage()
    changed = {
        index
        for index in range(60)
        for box in page.token_rects(index)
        if plain.copy(box.toAlignedRect()) != image.copy(box.toAlignedRect())
    }
    assert changed == {NOW.start, NOW.end - 1}


def test_stretches_leave_the_tokens_own_underlines_alone(panel: TextPanel) -> None:
    panel.show_path(REPEAT, 60, 20)
    page = page_of(panel)
    plain = page.viewport().grab().toImage()
    panel.show_spans((EARLIER, Span(30, 50, False)))
    image = page.viewport().grab().toImage()
    for index in range(60):
        for box in page.token_rects(index):
            assert plain.copy(box.toRect()) == image.copy(box.toRect())


def test_a_passage_that_overlaps_the_end_of_the_text_has_a_line_of_its_own(panel: TextPanel, theme: Theme) -> None:
    panel.show_path(REPEAT, 60, 60)
    page = page_of(panel)
    accent = theme.palette.color("accent")

    def heights(*spans: Span) -> list[int]:
        panel.show_spans(spans)
        image = page.viewport().grab().toImage()
        box = page.token_rects(57)[0]
        middle = range(int(box.left()) + 4, int(box.right()) - 4)
        rows = range(math.ceil(box.bottom()), math.ceil(box.top()) + page._pitch)
        return [y for y in rows if any(near(image.pixelColor(x, y), accent) for x in middle)]

    alone, both = heights(NOW), heights(NOW, Span(55, 59, False))
    assert alone
    assert len(both) > len(alone)
    assert heights() == []


def test_stretches_go_with_the_text_they_belong_to(panel: TextPanel) -> None:
    panel.show_path(REPEAT, 60, 20)
    page = page_of(panel)
    plain = on_screen(panel)
    panel.show_spans((NOW, EARLIER))
    assert on_screen(panel) != plain
    panel.show_spans(())
    assert on_screen(panel) == plain
    panel.show_spans((NOW, EARLIER))
    panel.show_path(REPEAT, 60, 20)
    assert on_screen(panel) == plain
    # A place further back: what lies beyond the text is left out, and a way ahead may go under a stretch.
    panel.show_path(REPEAT, 40, 20)
    panel.show_spans((Span(38, 60, False), Span(70, 90, True), Span(5, 5, True), Span(-3, 2, False)))
    panel.append(token(99, " other", 1.0, "drawn"))
    assert [(s.start, s.end) for s in page._stretches] == [(0, 2)]
    QApplication.processEvents()
    panel.show_spans((Span(37, 41, True),))
    seen = on_screen(panel)
    panel.repaint()
    assert on_screen(panel) == seen
    panel.clear("No model", "Open one")
    assert not page._stretches


def test_only_lines_that_look_different_are_painted(panel: TextPanel) -> None:
    path = tuple(token(i, " word") for i in range(200))
    panel.show_path(path, 200, 200)
    page = page_of(panel)
    page.verticalScrollBar().setValue(0)
    QApplication.processEvents()
    painted: list[QRect] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if isinstance(event, QPaintEvent):
                painted.append(event.rect())
            return False

    watch = Watch()
    page.viewport().installEventFilter(watch)

    def lines(*spans: Span) -> int:
        painted.clear()
        panel.show_spans(spans)
        QApplication.processEvents()
        return math.ceil(sum(rect.height() for rect in painted) / page._pitch)

    assert lines(Span(0, 3, False), Span(4, 6, True)) == 1
    assert lines(Span(0, 3, False), Span(4, 6, True)) == 0
    assert lines(Span(0, 3, False)) == 1
    assert lines(Span(0, 3, False), Span(190, 199, True)) == 0  # scrolled out of sight
    assert lines() == 1


def test_the_card_over_a_token_says_why_it_is_underlined(panel: TextPanel) -> None:
    panel.show_path(REPEAT, 60, 20)
    page = page_of(panel)

    def told(index: int) -> str:
        point = page.token_rects(index)[0].center().toPoint()
        at = page.viewport().mapToGlobal(point)
        QApplication.sendEvent(page.viewport(), QHelpEvent(QEvent.Type.ToolTip, point, at))
        assert page._card is not None
        return page._card.text() if page._card.isVisible() else ""

    panel.show_spans((NOW, Span(10, 14, False)), "DRY")
    assert "DRY the text's last 4 tokens stand here already" in told(11)
    assert "DRY of the text's last 4 tokens, which stand earlier too" in told(57)
    assert "DRY" not in told(40)
    assert "DRY" in told(11)
    panel.show_spans(())
    assert page._card is not None
    assert not page._card.isVisible()  # what it said is no longer so
    assert "DRY" not in told(11)


# -- text as data ------------------------------------------------------------------------------------------------------


def test_markup_in_a_token_is_shown_as_it_is(panel: TextPanel) -> None:
    path = (token(1, "<b>bold</b>"), token(2, "&amp;"))
    panel.show_path(path, 2, 2)
    page = page_of(panel)
    assert [f.text for f in page.text.flow.fragments] == ["<b>bold</b>", "&amp;"]
    for index, raw in enumerate(("<b>bold</b>", "&amp;")):
        click(page, index)
        detail = panel.findChild(QLabel, "detail_label")
        assert detail is not None
        assert detail.text() == raw
        assert detail.textFormat() == Qt.TextFormat.PlainText
        point = page.token_rects(index)[0].center().toPoint()
        QApplication.sendEvent(
            page.viewport(), QHelpEvent(QEvent.Type.ToolTip, point, page.viewport().mapToGlobal(point))
        )
        assert page._card is not None
        assert page._card.isVisible()
        assert page._card.text().startswith(raw + "\n")
        assert all(part.textFormat() == Qt.TextFormat.PlainText for part in page._card.findChildren(QLabel))
    assert "26 61 6D 70 3B" in page._card.text()
    assert "probability (model) 25.0%" in page._card.text()


def test_copying_gives_the_bytes_of_the_context_read_as_utf8(panel: TextPanel) -> None:
    path = (token(1, "5 "), token(2, b"\xe2\x82"), token(3, b"\xac"), token(4, " <b>"), token(5, " ahead"))
    panel.show_path(path, 4, 2)
    page = page_of(panel)
    page.setFocus()
    QTest.keyClick(page, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "5 € <b>"


def test_odd_characters_are_drawn_in_both_ways(panel: TextPanel) -> None:
    odd = [
        "\u0301",
        "\u200d",
        "\u202e",
        "\x00",
        "\x1b[0m",
        "\t",
        "👩‍🚀",
        "שלום",
        "مرحبا",
        "你好",
        "-" * 500,
        "\r\n",
        "",
    ]
    path = tuple(token(i, raw) for i, raw in enumerate(odd))
    panel.show_path(path, len(path), 2)
    page = page_of(panel)
    for mode in MODES:
        page.mode = mode
        page.select(6)
        assert not page.viewport().grab().isNull()
        height = page.text.flow.line_count * page._pitch
        for index in range(len(path)):
            for box in page.token_rects(index):
                assert box.left() >= 0
                assert box.bottom() <= height + 2 * page._margin


# -- keys, zoom, scrolling ---------------------------------------------------------------------------------------------


def test_bare_arrows_and_space_are_left_to_the_window(panel: TextPanel) -> None:
    panel.show_path(PATH, 6, 3)
    page = page_of(panel)
    page.setFocus()
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Space):
        QTest.keyClick(page, key)
    assert page.selected is None
    QTest.keyClick(page, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(page, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert page.selected == 14
    QTest.keyClick(page, Qt.Key.Key_Escape)
    assert page.selected is None


def test_ctrl_and_the_wheel_zoom_the_page(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 6, 3)
    page = page_of(panel)
    before = page.token_rects(1)[0].width()
    centre = QPointF(page.viewport().rect().center())
    wheel = QWheelEvent(
        centre,
        QPointF(page.viewport().mapToGlobal(centre.toPoint())),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    with qtbot.waitSignal(panel.zoom_changed):
        QApplication.sendEvent(page.viewport(), wheel)
    assert panel.zoom == pytest.approx(1.21)
    assert page.token_rects(1)[0].width() > before * 1.1


def test_the_page_follows_the_growth_only_from_its_end(panel: TextPanel) -> None:
    path = tuple(token(i, " word") for i in range(900))
    panel.show_path(path, 900, 900)
    bar = page_of(panel).verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    for i in range(900, 960):
        panel.append(token(i, " word", origin="drawn"))
        assert bar.value() == bar.maximum()
    bar.setValue(40)
    for i in range(960, 1000):
        panel.append(token(i, " word", origin="drawn"))
    assert bar.value() == 40


def on_screen(panel: TextPanel) -> QImage:
    """The page as it stands on the screen, without drawing it anew."""
    QApplication.processEvents()
    page = page_of(panel).viewport()
    corner = page.mapTo(panel, QPoint(0, 0))
    return panel.screen().grabWindow(panel.winId(), corner.x(), corner.y(), page.width(), page.height()).toImage()


def test_growing_paints_the_same_as_showing_the_whole(panel: TextPanel, qtbot: QtBot, theme: Theme) -> None:
    path = tuple(token(i, " word" if i % 11 else "\n", 1.0 + i % 9, "drawn") for i in range(260))
    for mode in ("surprisal", "plain"):
        panel.mode = mode
        panel.show_path(path[:200], 200, 3)
        page = page_of(panel)
        for item in path[200:]:
            panel.show_pending(item.token, False)
            panel.append(item)
            QApplication.processEvents()
        grown = on_screen(panel)
        panel.show_path((), 0, 0)
        panel.show_path(path, 260, 3)
        assert page.verticalScrollBar().value() == page.verticalScrollBar().maximum()
        assert page.verticalScrollBar().value() > 0
        panel.repaint()
        assert on_screen(panel) == grown


def test_a_selection_that_left_the_text_is_dropped(panel: TextPanel) -> None:
    panel.show_path(PATH, 6, 3)
    click(page_of(panel), 5)
    panel.show_path((*PATH[:5], token(30, " lived", 2.0, "drawn")), 6, 3)
    assert page_of(panel).selected is None
    assert label(panel, "detail_label") == "·lived"


# -- the editor --------------------------------------------------------------------------------------------------------


def editor_of(panel: TextPanel) -> QPlainTextEdit:
    found = panel.findChild(QPlainTextEdit, "prompt_text")
    assert found is not None
    return found


def test_a_prompt_is_typed_tokenized_submitted_and_kept(panel: TextPanel, qtbot: QtBot) -> None:
    edit = editor_of(panel)
    assert edit.isVisible()
    with qtbot.waitSignal(panel.prompt_edited, check_params_cb=lambda text, chat: text == "Hi\nyou" and not chat):
        QTest.keyClicks(edit, "Hi")
        QTest.keyClick(edit, Qt.Key.Key_Return)
        QTest.keyClicks(edit, "you")
    panel.show_tokenized("Hi\nyou", (token(1, "Hi"), token(2, "\n"), token(3, "you")), 8192)
    chips = panel.findChild(TokenView, "prompt_chips")
    assert chips is not None
    assert [f.text for f in chips.text.flow.fragments] == ["Hi", "↵", "you"]
    assert label(panel, "prompt_count") == "3 tokens of 8,192"
    with qtbot.waitSignal(panel.prompt_submitted) as caught:
        QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert caught.args == ["Hi\nyou", False]
    assert edit.isVisible()  # the answer may be a refusal
    assert panel.prompt_text == "Hi\nyou"
    panel.show_path(PATH, 3, 3)
    assert not edit.isVisible()
    panel.clear("The model could not be opened", "Choose another one.")
    assert label(panel, "message_title") == "The model could not be opened"
    assert panel.prompt_text == "Hi\nyou"


def test_an_answer_for_an_older_text_is_dropped(panel: TextPanel) -> None:
    panel.set_prompt_text("ab")
    panel.show_tokenized("a", (token(1, "a"),), 8)
    assert label(panel, "prompt_count") == ""


def test_a_prompt_longer_than_the_context_cannot_start(panel: TextPanel, qtbot: QtBot, theme: Theme) -> None:
    panel.set_prompt_text("a b c")
    panel.show_tokenized("a b c", (token(1, "a"), token(2, " b"), token(3, " c")), 2)
    assert "take out 1 token" in label(panel, "prompt_count")
    assert not button(panel, "start_prompt").isEnabled()
    with qtbot.assertNotEmitted(panel.prompt_submitted):
        QTest.keyClick(editor_of(panel), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    panel.show_tokenized("a b c", (token(1, "a"), token(2, " b"), token(3, " c")), 3)
    assert button(panel, "start_prompt").isEnabled()


def test_cancel_goes_back_and_takes_the_changes_back(panel: TextPanel) -> None:
    panel.set_prompt_text("Once upon a")
    assert button(panel, "cancel_prompt").isHidden()
    panel.show_path(PATH, 6, 3)
    button(panel, "edit_prompt").click()
    edit = editor_of(panel)
    assert edit.isVisible()
    QTest.keyClicks(edit, " time")
    panel.append(token(40, " playing", 1.0, "drawn"))  # the text may go on meanwhile
    assert edit.isVisible()
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert not edit.isVisible()
    assert page_of(panel).isVisible()
    assert panel.prompt_text == "Once upon a"


def test_examples_fill_an_empty_editor(panel: TextPanel, qtbot: QtBot) -> None:
    examples = [b for b in panel.findChildren(QPushButton) if b.property("example")]
    assert len(examples) >= 3
    with qtbot.waitSignal(panel.prompt_edited):
        examples[1].click()
    assert panel.prompt_text == examples[1].text()
    assert not examples[1].isVisible()


def test_the_chat_switch_is_there_only_when_the_model_has_a_template(panel: TextPanel, qtbot: QtBot) -> None:
    switch = panel.findChild(object, "chat_template")
    assert switch.isHidden()
    panel.set_prompt_text("Hi")
    panel.set_chat_available(True)
    with qtbot.waitSignal(panel.prompt_edited, check_params_cb=lambda text, chat: chat):
        switch.click()
    with qtbot.waitSignal(panel.prompt_submitted) as caught:
        button(panel, "start_prompt").click()
    assert caught.args == ["Hi", True]
    panel.set_chat_available(False)
    with qtbot.waitSignal(panel.prompt_submitted) as caught:
        button(panel, "start_prompt").click()
    assert caught.args == ["Hi", False]


def test_reading_and_the_empty_state(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_reading(120, 512)
    assert label(panel, "reading_text") == "Reading the prompt: 120 of 512 tokens"
    panel.show_path(PATH, 6, 3)
    assert not panel.findChild(QLabel, "reading_text").isVisible()
    panel.clear("No model is open", "<i>Open one</i>")
    assert label(panel, "message_hint") == "<i>Open one</i>"
    with qtbot.waitSignal(panel.link_open_model):
        button(panel, "open_model_link").click()
    panel.clear("Loading", "", open_model=False)
    assert button(panel, "open_model_link").isHidden()


def test_the_message_offers_the_last_model_again(panel: TextPanel, qtbot: QtBot) -> None:
    panel.clear("No model is open", "Open one", reopen="tiny & <b>")
    assert button(panel, "reopen_model").text() == "Open tiny && <b> again"
    with qtbot.waitSignal(panel.reopen_requested):
        button(panel, "reopen_model").click()
    panel.clear("No model is open", "Open one")
    assert button(panel, "reopen_model").isHidden()


def test_an_empty_prompt_says_what_the_model_begins_with(panel: TextPanel, qtbot: QtBot) -> None:
    note = panel.findChild(QLabel, "empty_prompt")
    assert note.isHidden()
    assert not button(panel, "start_prompt").isEnabled()
    panel.show_tokenized("", (token(1, "<s>"),), 8)
    assert "start token" in note.text()
    assert not note.isHidden()
    chips = panel.findChild(TokenView, "prompt_chips")
    assert not chips.isHidden()
    assert [t.token.text for t in chips.text.tokens] == ["<s>"]
    with qtbot.waitSignal(panel.prompt_submitted, check_params_cb=lambda text, chat: text == ""):
        button(panel, "start_prompt").click()
    panel.set_prompt_text("Hi")
    assert note.isHidden()
    with qtbot.waitSignal(panel.prompt_edited, check_params_cb=lambda text, chat: text == ""):
        panel.set_prompt_text("")
    assert note.isHidden()  # not before the model answers again
    assert not chips.text.tokens


def test_the_prompt_is_set_with_its_chat_switch(panel: TextPanel) -> None:
    panel.set_prompt_text("Hi", chat=True)
    assert not panel.prompt_chat  # no template
    panel.set_chat_available(True)
    assert panel.prompt_chat
    panel.show_path(PATH, 6, 3)
    assert not panel.editing
    panel.edit_prompt()
    assert panel.editing
    panel.findChild(object, "chat_template").click()
    assert not panel.prompt_chat
    button(panel, "cancel_prompt").click()
    assert panel.prompt_chat
    panel.set_prompt_text("Hi")
    assert not panel.prompt_chat


# -- room and fonts ----------------------------------------------------------------------------------------------------


def shown_buttons(panel: TextPanel) -> list[QAbstractButton]:
    return [b for b in panel.findChildren(QAbstractButton) if b.isVisible() and b.text()]


@pytest.mark.parametrize("scale", [1.0, 1.6])
@pytest.mark.parametrize("width", [380, 460, 700])
def test_everything_fits(qapp: QApplication, qtbot: QtBot, theme: Theme, width: int, scale: float) -> None:
    usual, font = qapp.font(), QFont(qapp.font())
    font.setPointSizeF(font.pointSizeF() * scale)
    qapp.setFont(font)
    apply_style(qapp, theme.palette)
    try:
        made = TextPanel(theme)
        qtbot.addWidget(made)
        made.set_context(8192)
        made.set_chat_available(True)
        made.resize(width, 800)
        made.show()
        made.show_path(PATH, 6, 3)
        page_of(made).select(14)
        for editing in (False, True):
            if editing:
                made.set_prompt_text("Once upon")
                made.edit_prompt()
            made._arrange()
            QApplication.processEvents()
            assert made.width() == width
            boxes = []
            for part in shown_buttons(made):
                words = part.text().replace("&&", "&")
                assert part.fontMetrics().horizontalAdvance(words) <= part.width(), words
                boxes.append(QRect(part.mapTo(made, QPoint(0, 0)), part.size()))
            assert all(made.rect().contains(box) for box in boxes)
            assert not any(a.intersects(b) for a, b in combinations(boxes, 2))
            stats = made.findChild(QLabel, "text_stats")
            if stats.isVisible():
                assert stats.fontMetrics().horizontalAdvance(stats.text()) <= stats.width()
                assert stats.mapTo(made, QPoint(stats.width(), 0)).x() <= width
                assert "perplexity" in stats.text()
    finally:
        qapp.setFont(usual)
        qapp.setStyleSheet("")


def test_a_larger_application_font_reaches_every_part(
    panel: TextPanel, qapp: QApplication, qtbot: QtBot, theme: Theme
) -> None:
    apply_style(qapp, theme.palette)
    panel.show_path(PATH, 6, 3)
    line = panel.findChild(Timeline, "timeline")
    legend = panel.findChild(HeatLegend, "heat_legend")
    edit = editor_of(panel)
    detail = panel.findChild(QLabel, "detail_label")
    usual, font = qapp.font(), QFont(qapp.font())

    def sizes() -> list[float]:
        return [
            page_of(panel).token_rects(1)[0].width(),
            QFontInfo(edit.font()).pixelSize(),
            legend.sizeHint().height(),
            QFontInfo(detail.font()).pixelSize(),
            QFontInfo(line._plot.getAxis("left").style["tickFont"]).pixelSize(),
        ]

    before = sizes()
    try:
        font.setPointSizeF(font.pointSizeF() * 1.6)
        qapp.setFont(font)
        apply_style(qapp, theme.palette)
        qtbot.waitUntil(lambda: all(b > 1.3 * a for a, b in zip(before, sizes(), strict=True)))
    finally:
        qapp.setFont(usual)
        qapp.setStyleSheet("")


@pytest.mark.parametrize("zoom", [0.6, 1.0, 1.7])
def test_the_border_of_a_special_token_leaves_its_underscores_visible(
    panel: TextPanel, theme: Theme, zoom: float
) -> None:
    panel.zoom = zoom
    panel.show_path((PageToken(1, text_of("_____", special=True), "prompt"),), 1, 1)
    page = page_of(panel)
    box = page.token_rects(0)[0]
    image = page.viewport().grab().toImage()
    x = round(box.center().x())
    column = [image.pixelColor(x, y).lightness() for y in range(round(box.top()), round(box.bottom()) + 1)]
    dark = [lightness < max(column) - 40 for lightness in column]
    # from the top: the border, the underscore, the border
    assert sum(1 for before, after in pairwise([False, *dark]) if after and not before) == 3


def test_a_screen_reader_is_given_the_end_of_the_text(panel: TextPanel, qtbot: QtBot) -> None:
    page = page_of(panel)
    page._describe()
    assert "Shift" in page.accessibleDescription()
    QAccessible.setActive(True)
    try:
        panel.show_path(PATH, 4, 3)
        qtbot.waitUntil(lambda: page.accessibleDescription() == "Once upon a time")
        for number in range(100):
            panel.append(token(100 + number, " word", 1.0, "drawn"))
        qtbot.waitUntil(lambda: page.accessibleDescription().endswith("word word"))
        assert len(page.accessibleDescription()) == 301
    finally:
        QAccessible.setActive(False)


# -- the timeline ------------------------------------------------------------------------------------------------------


def test_a_bar_is_linked_to_its_token(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 6, 3)
    line = panel.findChild(Timeline, "timeline")
    assert line is not None
    line._redraw()
    for index in range(6):
        assert line.index_at(line.bar_position(index)) == index
    with qtbot.waitSignal(panel.go_to) as caught:
        QTest.mouseClick(line._plot.viewport(), Qt.MouseButton.LeftButton, pos=line.bar_position(4).toPoint())
    assert caught.args == [13]
    assert page_of(panel).selected == 14
    assert line._selected == 4


def test_the_timeline_shows_the_end_of_a_long_text_and_scrolls_back(panel: TextPanel, qtbot: QtBot) -> None:
    path = tuple(token(i, " w", 1.0 + i % 5) for i in range(8192))
    panel.show_path(path, 8192, 8192)
    line = panel.findChild(Timeline, "timeline")
    line._redraw()
    assert line.slots < 200
    assert line.index_at(line.bar_position(8191)) == 8191
    assert len(line._bars._bars) == line.slots
    line._bar.setValue(0)
    qtbot.waitUntil(lambda: not line._timer.isActive())
    assert line.index_at(line.bar_position(0)) == 0
    panel.append(token(9000, " w", 1.0, "drawn"))
    assert line._bar.value() == 0


def test_bars_are_surprisal_and_the_line_is_entropy(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 5, 3)
    line = panel.findChild(Timeline, "timeline")
    line._redraw()
    heights = [height for _, height, _ in line._bars._bars]
    assert heights == pytest.approx([1.0, 3.0, 2.0, 8.67])
    xs, ys = line._line.getData()
    assert list(xs) == [0, 1, 2, 3, 4]
    assert math.isnan(ys[0])
    assert list(ys[1:]) == [4.0] * 4


def test_the_timeline_folds(panel: TextPanel, qtbot: QtBot) -> None:
    panel.show_path(PATH, 6, 3)
    line = panel.findChild(Timeline, "timeline")
    QApplication.processEvents()  # the layout settles
    tall = line.height()
    panel.timeline_collapsed = True
    qtbot.waitUntil(lambda: line.height() < tall)
    assert not line._plot.isVisible()
    panel.timeline_collapsed = False
    qtbot.waitUntil(lambda: line.height() == tall)
