"""The program with a window: how it starts, and how it ends.

Start, in this order: is there a display? (Qt would abort) -> on Windows torch (it fails to import after Qt there) ->
Qt -> the window on screen -> the worker thread -> torch, in that thread, with the first model.

End, on one path from the window's close button, Quit and Ctrl+C: refuse commands, cancel, close the bridge, wait for
the worker, save the settings, quit. A worker that does not end in time is left behind by `os._exit`: torch aborts the
process if one of its threads is alive when Python is torn down.
"""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

import platformdirs

from ntp_studio import preset_files
from ntp_studio import settings as settings_file
from ntp_studio.arguments import window_parser
from ntp_studio.core.types import DecodingSettings, StudioError
from ntp_studio.settings import Settings
from ntp_studio.ui.display import require_display

if sys.platform == "win32":
    import torch  # noqa: F401  (see above)

try:
    from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Slot
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication
except ImportError as error:  # a system library that Qt is linked against
    from ntp_studio.ui.display import SETUP, NoDisplay

    raise NoDisplay(f"Qt cannot be loaded ({error}); {SETUP}.") from error

from dataclasses import replace

from ntp_studio import __version__, assets
from ntp_studio import messages as m
from ntp_studio.engine import Engine
from ntp_studio.ui.bridge import Bridge
from ntp_studio.ui.controller import Controller
from ntp_studio.ui.file_open import FileOpens
from ntp_studio.ui.main_window import MainWindow
from ntp_studio.ui.on_top import OnTop
from ntp_studio.ui.session_controller import is_saved_text
from ntp_studio.ui.style import apply_style
from ntp_studio.ui.theme import Theme

log = logging.getLogger(__name__)
JOIN_SECONDS = 10.0
DEFAULT_PROMPT = "Once upon a time"


class Studio(QObject):
    """Owns what must be started and ended: engine, bridge, window, settings."""

    def __init__(self, app: QApplication, settings: Settings, *, remember: bool = True) -> None:
        super().__init__()
        self.app = app
        self._remember = remember
        self._ended = False
        self.theme = Theme()
        self.theme.changed.connect(self._restyle)
        self.theme.choose(settings.theme)
        self.window = MainWindow(self.theme, settings)
        self.engine = Engine(self._post)
        self.bridge = Bridge(self._deliver, self)
        self._font_size = app.font().pointSizeF()
        self._wanted_zoom = settings.zoom
        self._zooming = QTimer(self)
        self._zooming.setSingleShot(True)
        self._zooming.setInterval(40)
        self._zooming.timeout.connect(self._apply_zoom)
        self.controller = Controller(self.window, self.engine, settings)
        self.controller.zoomed.connect(self._zoom)
        self.controller.presets.saved.connect(self._save_now)
        self.controller.begin()
        self.window.closing.connect(self.shutdown)

    def _post(self, event: m.Event) -> None:
        self.bridge.post(event)

    def _deliver(self, events: list[m.Event]) -> None:
        self.controller.presenter.handle(events)

    @Slot()
    def _restyle(self) -> None:
        apply_style(self.app, self.theme.palette)

    @Slot(float)
    def _zoom(self, zoom: float) -> None:
        """Several presses of the key are one change, and what is half laid out is not shown."""
        self._wanted_zoom = zoom
        if self.window.isVisible():
            self._zooming.start()
        else:
            self._apply_zoom()

    @Slot()
    def _apply_zoom(self) -> None:
        zoom, font = self._wanted_zoom, self.app.font()
        if abs(font.pointSizeF() - self._font_size * zoom) <= 0.01:
            return
        self.window.setUpdatesEnabled(False)
        font.setPointSizeF(self._font_size * zoom)
        self.app.setFont(font)
        self.theme.changed.emit()  # every widget sets its own fonts anew
        if self.window.isVisible():  # at the start the columns are as they were left
            self.window.make_room(zoom)
        QTimer.singleShot(0, self._show_again)

    @Slot()
    def _show_again(self) -> None:
        self.window.setUpdatesEnabled(True)

    @Slot(object)
    def _save_now(self, settings: Settings) -> None:
        """What a person has made is on the disk at once, whatever happens to the program later."""
        problem = self._write(settings)
        if problem:
            words = self.tr("The preset is kept for now, but could not be written to the disk ({0}).")
            self.window.notice.show_text(words.format(problem))

    def _write(self, settings: Settings) -> str:
        """Save the settings where they are a person's own; returns what went wrong, "" for nothing."""
        if self._remember:
            try:
                settings_file.save(settings)
            except (OSError, ValueError) as error:  # ValueError for what no file can hold
                log.warning("The settings could not be saved: %s", error)
                return str(getattr(error, "strerror", None) or error)
        return ""

    @Slot()
    def start(self) -> None:
        """Start the worker; what was sent before waits in its queue."""
        self.engine.start()
        self.engine.send(m.ListModels(recent=self.controller.state.settings.recent_models))

    @Slot()
    def shutdown(self) -> None:
        """End everything, once; see the module's docstring."""
        if self._ended:
            return
        self._ended = True
        # What the settings need is read while the window still stands.
        settings = self.window.arrangement(self.controller.state.settings)
        settings = self.controller.training.remembered(replace(settings, theme=self.theme.choice))
        self.window.hide()
        self.bridge.close()
        ended = self.engine.stop(JOIN_SECONDS)
        self._write(settings)
        if not ended:
            log.error("The worker did not end within %s s", JOIN_SECONDS)
            logging.shutdown()
            os._exit(0)
        self.app.quit()


def build(argv: Sequence[str] = (), *, settings: Settings | None = None) -> tuple[QApplication, MainWindow]:
    """The real program, for tests and scripts: (application, window). The worker is started by the event loop.

    `window.studio` owns the rest; its `shutdown()` must be called at the end (closing the window does). With `settings`
    nothing is read from or written to a person's own.
    """
    return _build(window_parser().parse_args(list(argv)), settings)


def _build(options: argparse.Namespace, settings: Settings | None) -> tuple[QApplication, MainWindow]:
    app = QApplication.instance() or QApplication(["ntp-studio"])
    assert isinstance(app, QApplication)
    app.setApplicationName("ntp-studio")
    app.setApplicationDisplayName("NTP Studio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("ntp-studio")
    app.setWindowIcon(QIcon(str(assets.folder("icons") / "ntp-studio.svg")))
    remember = settings is None
    chosen = settings_file.load() if settings is None else settings
    session, models = _to_open(options)
    on_top = OnTop(options, chosen.presets, session) if session else None
    changes: dict[str, Any] = {"theme": options.theme}
    if on_top is None:  # else what is asked for waits for the text
        changes |= {"seed": options.seed, "decoding": _decoding(options, chosen)}
    for name in ("device", "dtype"):
        if getattr(options, name) != "auto":
            changes[name] = getattr(options, name)
    chosen = replace(chosen, **{name: value for name, value in changes.items() if value is not None})
    studio = Studio(app, chosen, remember=remember)
    window = studio.window
    window.studio = studio  # type: ignore[attr-defined]
    if options.prompt is not None:
        window.text.set_prompt_text(options.prompt, options.chat)
        studio.controller.set_prompt(options.prompt, options.chat)
        window.notice.clear()
    if on_top is not None:
        on_top.wait(studio.controller)
        studio.engine.send(m.OpenSession(session))
    elif models:
        studio.controller.open_model(models[0])
        if models[1:]:
            studio.controller.comparison.begin_with(models[1:])
    QTimer.singleShot(0, studio.start)
    return app, window


def _decoding(options: argparse.Namespace, settings: Settings) -> DecodingSettings | None:
    """What the options ask for, None to go on with what was remembered. Raises SettingError, as for a bad number, and
    StudioError for a preset that is not to be had."""
    return preset_files.asked_for(options, settings.presets, settings.decoding)


def _to_open(options: argparse.Namespace) -> tuple[str, list[str]]:
    """The saved text to go on with ("" for none), and the models named.

    Raises:
        StudioError: a saved text together with what it brings along.
    """
    models = list(options.model or ())
    if options.file is None:
        return "", models
    if not is_saved_text(options.file):
        return "", [options.file, *models]
    if models or options.prompt is not None or options.chat:
        raise StudioError("A saved text brings its own model and prompt; leave out --model, --prompt and --chat.")
    if (options.device, options.dtype) != ("auto", "auto"):
        raise StudioError("A saved text is opened in the precision it was written in; leave out --device and --dtype.")
    return os.path.abspath(options.file), []


def with_default(options: argparse.Namespace) -> argparse.Namespace:
    """Where no model is named, the bundled one, with a beginning to go on from: there is something to see at once."""
    bundled = assets.bundled_model()
    if not options.model and options.file is None and bundled is not None:
        options.model = [str(bundled)]
        if options.prompt is None:
            options.prompt = DEFAULT_PROMPT
    return options


def run(options: argparse.Namespace) -> int:
    """Open the window and stay until it is closed; or draw it into a file."""
    if options.screenshot:
        from ntp_studio.ui.screenshot import take

        return take(options)
    require_display()
    _log_to_file(debug=options.debug)
    app, window = _build(with_default(options), None)
    interrupts = Interrupts(window)
    if sys.platform == "darwin":
        FileOpens(app, window)
    window.show()
    status = app.exec()
    window.studio.shutdown()  # type: ignore[attr-defined]
    interrupts.close()
    return int(status)


class Interrupts(QObject):
    """Ctrl+C and a polite kill close the window: a byte on a socket wakes Qt, which else never returns to Python."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._ours.setblocking(False)
        self._theirs = theirs
        self._old = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._noted)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)

    def _noted(self, number: int, frame: FrameType | None) -> None:
        """Python must have a handler, or it would not write the byte."""

    @Slot()
    def _woken(self) -> None:
        self._ours.recv(64)
        self._window.close()

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old)
        self._ours.close()
        self._theirs.close()


def _log_to_file(*, debug: bool) -> None:
    """The log that error messages speak of: a few megabytes, in the place each system keeps such files."""
    folder = platformdirs.user_log_path("ntp-studio", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(folder / "studio.log", maxBytes=2**20, backupCount=2)
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    handler.setLevel(logging.DEBUG if debug else logging.INFO)
    logger = logging.getLogger("ntp_studio")
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.addHandler(handler)
    if not debug:
        logger.propagate = False

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.error("uncaught", exc_info=(kind, error, trace))

    sys.excepthook = hook
