"""The real program, engine thread and all, on a tiny model: what a person does and what then stands on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from ntp_studio.core.types import DecodingSettings
from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
from ntp_studio.ui.main_window import MainWindow
from tests import checkpoint_makers

WAIT = 60_000


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-llama", "llama", chat_template=True)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_makers.make_hf(tmp_path_factory.mktemp("models") / "tiny-gpt2", "gpt2")


@pytest.fixture
def open_studio(qtbot: QtBot) -> Iterator[Callable[..., MainWindow]]:
    windows = []

    def make(*argv: str, settings: Settings | None = None) -> MainWindow:
        _, window = build(argv, settings=settings or Settings(seed=7, speed=0.0))
        windows.append(window)
        window.resize(1280, 800)
        window.show()
        return window

    yield make
    for window in windows:
        window.studio.shutdown()
        assert window.studio.engine._thread is None or not window.studio.engine._thread.is_alive()
        window.deleteLater()


@pytest.fixture
def window(open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot) -> MainWindow:
    window = open_studio("--model", str(llama), "--prompt", "The cat sat on")
    qtbot.waitUntil(lambda: window.studio.controller.state.frame is not None, timeout=WAIT)
    return window


def frame(window: MainWindow):
    return window.studio.controller.state.frame


def page(window: MainWindow):
    """(tokens, cursor) as the page has them."""
    return window.text._page.text.tokens, window.text._page.text.cursor


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    qtbot.keyClick(window.text, key, modifier)


def after(qtbot: QtBot, window: MainWindow, action: Callable[[], object]) -> None:
    """Do something and wait for the frame that answers."""
    before = frame(window)
    action()
    qtbot.waitUntil(lambda: frame(window) is not before, timeout=WAIT)


def step(qtbot: QtBot, window: MainWindow) -> None:
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right))


def test_step_takes_the_drawn_token_and_everything_follows(window: MainWindow, qtbot: QtBot) -> None:
    drawn = frame(window).choice.token
    start = page(window)[1]
    step(qtbot, window)
    tokens, cursor = page(window)
    assert cursor == len(tokens) == start + 1
    assert tokens[-1].token == drawn
    assert window.next.frame is frame(window)
    assert frame(window).step == 2
    assert f"{cursor} / {window.studio.controller.state.info.context_length}" in window.status.gauge.text()
    assert window.text._page.text.pending == frame(window).choice.token


def test_back_forward_and_end_keep_the_way_ahead(window: MainWindow, qtbot: QtBot) -> None:
    for _ in range(3):
        step(qtbot, window)
    tokens, cursor = page(window)
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Left))
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Left))
    assert page(window) == (tokens, cursor - 2)
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier))
    assert page(window) == (tokens, cursor - 1)
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_End))
    assert page(window) == (tokens, cursor)


def test_choosing_with_the_keys_forces_a_token(window: MainWindow, qtbot: QtBot) -> None:
    third = frame(window).candidates[2].token
    for _ in range(3):
        press(qtbot, window, Qt.Key.Key_Down)
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Return))
    forced = page(window)[0][-1]
    assert (forced.token, forced.origin) == (third, "forced")


def test_any_token_can_be_found_and_forced(window: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.next.filter.hasFocus)
    qtbot.keyClicks(window.next.filter, "#5")
    qtbot.waitUntil(lambda: window.next.chart.selected == 5, timeout=WAIT)
    after(qtbot, window, lambda: qtbot.keyClick(window.next.filter, Qt.Key.Key_Return))
    assert page(window)[0][-1].token.id == 5
    assert window.next.filter.text() == ""


def test_clicking_a_token_rewinds_to_the_distribution_it_came_from(window: MainWindow, qtbot: QtBot) -> None:
    for _ in range(4):
        step(qtbot, window)
    tokens, cursor = page(window)
    view = window.text._page
    place = view.token_rects(cursor - 2)[0].center().toPoint()
    after(qtbot, window, lambda: qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place))
    assert page(window) == (tokens, cursor - 2)
    assert frame(window).choice.token == tokens[cursor - 2].token, "same seed: the draw shown is the one that was made"


def test_play_pause_and_speed(window: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: frame(window).step > 5, timeout=WAIT)
    assert window.studio.controller.state.playing
    assert window.commands["play"].text() == "Pause"
    press(qtbot, window, Qt.Key.Key_Space)
    assert window.commands["play"].text() == "Play", "at once"
    qtbot.waitUntil(lambda: window.status.text() == "Ready", timeout=WAIT)
    tokens, cursor = page(window)
    assert cursor == len(tokens)
    assert frame(window).context_length == cursor


def test_a_second_press_pauses_however_quick(window: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, window, Qt.Key.Key_Space)
    press(qtbot, window, Qt.Key.Key_Space)
    column = window.studio.engine.workbench.columns["main"]
    qtbot.waitUntil(lambda: column.playing is None and window.status.text() == "Ready", timeout=WAIT)
    assert not window.studio.controller.state.playing
    assert window.commands["play"].text() == "Play"


def test_surplus_moves_do_not_deafen_the_keys(window: MainWindow, qtbot: QtBot) -> None:
    for _ in range(12):
        press(qtbot, window, Qt.Key.Key_Left)
        press(qtbot, window, Qt.Key.Key_Left)
        qtbot.wait(1)
    qtbot.waitUntil(lambda: page(window)[1] == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: window.studio.controller.state.waiting == 0, timeout=WAIT)
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_Right))
    assert page(window)[1] == 2


def test_larger_text_is_larger_everywhere(window: MainWindow, qtbot: QtBot) -> None:
    app_font = window.font().pointSizeF()
    small = window.status.fontMetrics().height()
    widths = window.splitter.sizes()
    for _ in range(4):
        window.commands["zoom_in"].trigger()
    qtbot.waitUntil(lambda: window.font().pointSizeF() == pytest.approx(app_font * 1.1**4), timeout=WAIT)
    assert window.status.fontMetrics().height() > small
    qtbot.waitUntil(lambda: window.updatesEnabled() and window.splitter.sizes()[0] > widths[0], timeout=WAIT)
    window.commands["zoom_reset"].trigger()
    qtbot.waitUntil(lambda: window.font().pointSizeF() == pytest.approx(app_font), timeout=WAIT)
    qtbot.waitUntil(lambda: window.splitter.sizes() == widths, timeout=WAIT)


def test_the_page_holds_every_token_of_a_fast_play(window: MainWindow, qtbot: QtBot) -> None:
    session = window.studio.engine.workbench.columns["main"].session
    session.model.eos_ids = frozenset()
    press(qtbot, window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "context is full" in window.notice.text(), timeout=WAIT)
    tokens, cursor = page(window)
    assert [t.token.id for t in tokens] == session.tree.ids
    assert cursor == window.studio.controller.state.info.context_length
    assert not window.studio.controller.state.playing

    def background() -> QColor:
        return window.notice.grab().toImage().pixelColor(3, 3)

    palette = window.studio.theme.palette
    assert background() == palette.color("accent_soft"), "that is how a text ends, and no error"
    press(qtbot, window, Qt.Key.Key_Escape)
    assert window.notice.text() == ""
    window.notice.show_text("The disk is full.")
    assert background() == palette.color("error_soft")


def test_a_setting_changes_the_chart_and_not_the_text(window: MainWindow, qtbot: QtBot) -> None:
    step(qtbot, window)
    before, text = frame(window), page(window)
    card = window.decoding.card("temperature")
    after(qtbot, window, lambda: qtbot.mouseClick(card.switch, Qt.MouseButton.LeftButton))
    now = frame(window)
    assert now.entropy_bits == before.entropy_bits
    assert now.processed_entropy_bits < before.processed_entropy_bits
    assert [s.name for s in now.stages] == ["temperature"]
    assert page(window) == text


def test_preset_greedy_key_and_seed(window: MainWindow, qtbot: QtBot) -> None:
    after(qtbot, window, lambda: window.toolbar.preset_chosen.emit("balanced"))
    assert [s.name for s in frame(window).stages] == ["temperature", "top_k", "top_p", "min_p"]
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_G))
    assert frame(window).draw.method == "greedy"
    assert window.decoding.settings().method == "greedy"
    after(qtbot, window, lambda: press(qtbot, window, Qt.Key.Key_G))
    after(qtbot, window, lambda: window.toolbar.seed_chosen.emit(99))
    assert (frame(window).draw.method, frame(window).draw.seed) == ("race", 99)


def test_editing_the_prompt_shows_its_tokens_as_you_type(window: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, window, Qt.Key.Key_F2)
    editor = window.text.findChild(QPlainTextEdit, "prompt_text")
    qtbot.waitUntil(editor.isVisible)
    editor.selectAll()
    qtbot.keyClicks(editor, "A dog")
    expected = "".join(t.text for t in _tokens_of(window, "A dog"))
    chips = window.text._editor._chips
    qtbot.waitUntil(lambda: "".join(t.token.text for t in chips.text.tokens) == expected, timeout=WAIT)
    after(qtbot, window, lambda: qtbot.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier))
    tokens, cursor = page(window)
    assert "".join(t.token.text for t in tokens) == "A dog"
    assert frame(window).step == 1
    assert cursor == len(tokens)


def _tokens_of(window: MainWindow, text: str):
    tokens = window.studio.engine.workbench.columns["main"].session.model.tokens
    return [tokens.token(i) for i in tokens.encode(text)]


def test_chat_template_tokens_are_set_apart(window: MainWindow, qtbot: QtBot) -> None:
    after(qtbot, window, lambda: window.text.prompt_submitted.emit("hello", True))
    marks = [t.template for t in page(window)[0]]
    assert any(marks)
    assert not all(marks)


def test_the_reason_of_a_failed_load_stays_on_screen(
    window: MainWindow, llama: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    """It fails after the old model was released, so the old one is brought back: that must not hide the reason."""
    import shutil

    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(llama, broken)
    tensors = load_file(broken / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    step(qtbot, window)
    text = page(window)
    before = frame(window)
    window.studio.controller.open_model(str(broken))
    qtbot.waitUntil(lambda: frame(window) not in (before, None), timeout=WAIT)
    assert "Weights of broken" in window.notice.text()
    assert page(window) == text
    assert "tiny-llama" in window.windowTitle()


def test_a_failed_load_without_a_text_brings_the_prompt_editor_back(
    open_studio: Callable[..., MainWindow], llama: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_studio("--model", str(llama))
    qtbot.waitUntil(lambda: window.studio.controller.state.info is not None, timeout=WAIT)
    window.studio.controller.open_model(str(tmp_path / "nothing"))
    qtbot.waitUntil(lambda: "nothing" in window.notice.text(), timeout=WAIT)
    assert window.text.editing


def test_typing_while_a_model_loads_loses_no_letter(
    open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot
) -> None:
    window = open_studio()
    window.commands["edit_prompt"].trigger()
    editor = window.text.findChild(QPlainTextEdit, "prompt_text")
    qtbot.waitUntil(editor.isVisible)
    window.studio.controller.open_model(str(llama))
    typed = ""
    while window.studio.controller.state.info is None:
        qtbot.keyClicks(editor, "a b ")
        typed += "a b "
        qtbot.wait(20)
    assert editor.toPlainText() == typed
    assert window.text.editing
    qtbot.waitUntil(lambda: window.text._editor._chips.text.tokens != (), timeout=WAIT)


def test_the_chat_switch_follows_the_command_line(
    open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot
) -> None:
    window = open_studio("--model", str(llama), "--prompt", "hello", "--chat")
    qtbot.waitUntil(lambda: frame(window) is not None, timeout=WAIT)
    window.commands["edit_prompt"].trigger()
    assert window.text.prompt_chat


def test_another_model_takes_over_the_prompt(window: MainWindow, gpt2: Path, qtbot: QtBot) -> None:
    step(qtbot, window)
    window.studio.controller.open_model(str(gpt2))
    qtbot.waitUntil(lambda: "gpt2" in window.windowTitle() and frame(window) is not None, timeout=WAIT)
    tokens, _ = page(window)
    assert "".join(t.token.text for t in tokens) == "The cat sat on"
    assert window.studio.controller.state.settings.recent_models[0] == str(gpt2)


def test_a_model_that_cannot_be_opened_leaves_everything_usable(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    step(qtbot, window)
    text = page(window)
    (tmp_path / "empty").mkdir()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "empty"))])
    window.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    qtbot.waitUntil(lambda: "empty" in window.notice.text(), timeout=WAIT)
    assert page(window) == text
    step(qtbot, window)


def test_a_prompt_that_is_too_long_leaves_the_text(window: MainWindow, qtbot: QtBot) -> None:
    step(qtbot, window)
    text = page(window)
    window.studio.controller.set_prompt("a b c " * 5000)
    qtbot.waitUntil(lambda: "shorten the prompt" in window.notice.text(), timeout=WAIT)
    assert page(window) == text
    step(qtbot, window)


def test_export_writes_what_the_page_shows(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    step(qtbot, window)
    target = tmp_path / "out.jsonl"
    window.studio.controller.export(str(target))
    qtbot.waitUntil(target.exists, timeout=WAIT)
    tokens = [json.loads(line) for line in target.read_text().splitlines()]
    written = [t["id"] for t in tokens if t["event"] == "token"]
    assert written == [t.token.id for t in page(window)[0]]


def test_the_window_stands_before_torch_is_there_and_says_what_to_do(
    open_studio: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    window = open_studio()
    assert window.text.findChild(object, "message_title").text() == "Open a language model"
    for action in ("step", "play", "back", "restart"):
        assert not window.commands[action].isEnabled()
    window.text.prompt_submitted.emit("kept", False)
    qtbot.waitUntil(lambda: "prompt is kept" in window.notice.text())


def test_a_prompt_typed_before_the_model_is_read_by_it(
    open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot
) -> None:
    window = open_studio("--prompt", "The dog")
    window.studio.controller.open_model(str(llama))
    qtbot.waitUntil(lambda: frame(window) is not None, timeout=WAIT)
    assert "".join(t.token.text for t in page(window)[0]) == "The dog"


def test_cancelling_a_load_says_so(open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot) -> None:
    window = open_studio("--prompt", "The dog")
    engine = window.studio.engine
    emit = engine.workbench._emit

    def cancel_when_weights_are_read(event) -> None:
        emit(event)
        if type(event).__name__ == "Loading" and event.fraction is not None:
            engine.cancel()

    engine.workbench._emit = cancel_when_weights_are_read
    window.studio.controller.open_model(str(llama))
    qtbot.waitUntil(lambda: window.status.text() == "Loading was cancelled.", timeout=WAIT)
    engine.workbench._emit = emit
    window.studio.controller.open_model(str(llama))
    qtbot.waitUntil(lambda: frame(window) is not None, timeout=WAIT)


def test_what_was_set_is_remembered(open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot) -> None:
    from ntp_studio import settings as file

    mix = DecodingSettings(method="greedy")
    file.save(replace(Settings(), seed=123, decoding=mix))
    _, window = build(["--model", str(llama)])
    window.show()
    qtbot.waitUntil(lambda: window.studio.controller.state.info is not None, timeout=WAIT)
    assert window.toolbar.seed() == 123
    assert window.decoding.settings().method == "greedy"
    window.commands["toggle_timeline"].setChecked(False)
    window.text.mode = "rank"
    window.close()
    kept = file.load()
    assert kept.page_mode == "rank"
    assert kept.collapsed_panels == ("timeline",)
    assert kept.recent_models == (str(llama),)
    assert kept.seed == 123
    window.deleteLater()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1100, 700), (1440, 900), (3840, 2160)])
def test_nothing_is_clipped_at_any_size(
    open_studio: Callable[..., MainWindow], llama: Path, qtbot: QtBot, theme: str, size: tuple[int, int]
) -> None:
    window = open_studio("--model", str(llama), "--prompt", "The cat", settings=Settings(theme=theme))
    window.resize(*size)
    qtbot.waitUntil(lambda: frame(window) is not None, timeout=WAIT)
    assert (window.width(), window.height()) == size
    right = max(w.mapTo(window, w.rect().topRight()).x() for w in (window.next, window.toolbar, window.status))
    assert right < size[0]
    assert window.studio.theme.palette.name == theme


def test_nothing_moves_a_text_that_the_prompt_editor_covers(window: MainWindow, qtbot: QtBot) -> None:
    step(qtbot, window)
    before = page(window)
    window.commands["edit_prompt"].trigger()
    assert window.text.editing
    assert not any(window.commands[name].isEnabled() for name in ("step", "back", "play", "restart"))
    window.setFocus(Qt.FocusReason.OtherFocusReason)
    press(qtbot, window, Qt.Key.Key_Right)
    assert page(window) == before
    # Wherever the focus is, the keys named on the button start.
    window.text.set_prompt_text("A dog ran")
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not window.text.editing, timeout=WAIT)
    assert window.commands["step"].isEnabled()
