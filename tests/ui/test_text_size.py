"""The columns and bars at other text sizes: chosen before the window is built, and changed while it stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QFont, QFontInfo, QFontMetrics
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from ntp_studio.core.decoding.presets import PRESETS
from ntp_studio.core.types import ModelInfo, StageReport
from ntp_studio.settings import Settings
from ntp_studio.ui.app import build
from ntp_studio.ui.main_window import MainWindow
from tests.ui.frames import make_frame

INFO = ModelInfo(
    "SmolLM2-135M-Instruct", "/m/smol", "hugging face", "llama", 134_515_008, 49_152, 8192, 270_000_000,
    device="cpu", dtype="float32", threads=2, memory_bytes=538_060_032,
)  # fmt: skip


@pytest.fixture
def usual(qapp: QApplication) -> Iterator[QFont]:
    font = QFont(qapp.font())
    yield font
    qapp.setFont(font)


def set_scale(app: QApplication, usual: QFont, scale: float) -> None:
    font = QFont(usual)
    font.setPointSizeF(usual.pointSizeF() * scale)
    app.setFont(font)


@pytest.fixture
def windows(qtbot: QtBot) -> Iterator[list[MainWindow]]:
    made: list[MainWindow] = []
    yield made
    for window in made:
        window.studio.shutdown()
        window.deleteLater()


def open_window(windows: list[MainWindow]) -> MainWindow:
    """The real window with a distribution in it; no model is behind it."""
    _, window = build([], settings=Settings(seed=7))
    windows.append(window)
    window.resize(1280, 800)
    window.show()
    window.toolbar.show_model(INFO)
    window.status.show_model(INFO)
    window.decoding.set_settings(PRESETS["balanced"].settings)
    window.decoding.show_reports([StageReport("top_k", 40, 49_112, 0.83, 6.0, 4.1)])
    window.next.show_frame(make_frame())
    window.status.show_frame(make_frame())
    for _ in range(20):  # layouts answer each other
        QApplication.processEvents()
    return window


def parts(window: MainWindow) -> list[QWidget]:
    """What belongs to the two side columns and the bars, in the order in which it was made."""
    found = []
    for root in (window.toolbar, window.decoding, window.next, window.status):
        found += [root, *(w for w in root.findChildren(QWidget) if not w.inherits("QMenu") and not _in_menu(w))]
    return found


def _in_menu(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    return parent is not None and (parent.inherits("QMenu") or _in_menu(parent))


def figures(window: MainWindow) -> list[tuple[str, str, int, int]]:
    """Of each part: what it is, the height of its text, and its own height if it is on view."""
    return [
        (type(w).__name__, w.objectName(), QFontInfo(w.font()).pixelSize(), w.height() if w.isVisible() else 0)
        for w in parts(window)
    ]


@pytest.mark.parametrize("scale", [0.8, 1.6])
def test_a_size_chosen_at_run_time_looks_as_if_it_had_been_so_from_the_start(
    qapp: QApplication, usual: QFont, windows: list[MainWindow], qtbot: QtBot, scale: float
) -> None:
    set_scale(qapp, usual, scale)
    wanted = figures(open_window(windows))
    set_scale(qapp, usual, 1.0)
    changed = open_window(windows)
    before = figures(changed)
    set_scale(qapp, usual, scale)
    changed.theme.changed.emit()  # which styles the application anew
    qtbot.waitUntil(lambda: figures(changed) == wanted)
    sizes = [(a[2], b[2]) for a, b in zip(before, figures(changed), strict=True)]
    assert all(now != was and (now > was) == (scale > 1) for was, now in sizes)


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.6, 2.0])
def test_nothing_is_clipped_at_1280_pixels(
    qapp: QApplication, usual: QFont, windows: list[MainWindow], qtbot: QtBot, scale: float
) -> None:
    set_scale(qapp, usual, scale)
    window = open_window(windows)
    bar = window.toolbar
    shown = [w for w in parts(window) if w.isVisible()]
    for widget in shown:
        if not widget.isWindow() and widget.parentWidget() in shown and bar.isAncestorOf(widget):
            assert widget.width() >= min(widget.minimumSizeHint().width(), widget.maximumWidth()), widget
            inside = widget.parentWidget().rect().contains(widget.geometry())
            assert inside, f"{widget.objectName()} of the top bar does not fit"
        if isinstance(widget, QLabel) and widget.text():
            assert widget.height() >= QFontMetrics(widget.font()).height() - 2, widget.text()
    chart = window.next.chart
    rect = chart.row_rect(0)
    assert rect.height() >= QFontMetrics(chart.font()).height()
    strip = window.next.draw_strip.strip
    assert strip.band().height() >= QFontMetrics(strip.font()).height()
    assert window.width() == 1280
