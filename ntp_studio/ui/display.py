"""Whether a window can be opened here, asked before Qt is: Qt itself aborts the process where it cannot."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from ntp_studio.core.types import StudioError

# What Qt's xcb plugin is linked against and a bare system may lack.
XCB_LIBRARIES = (
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-image.so.0",
    "libxcb-keysyms.so.1",
    "libxcb-render-util.so.0",
    "libxcb-shape.so.0",
    "libxkbcommon-x11.so.0",
)
SETUP = "sh packaging/quickstart.sh installs what is needed"
if getattr(sys, "frozen", False):
    SETUP = "install what is missing with your system's package manager"


class NoDisplay(StudioError):
    """There is no screen to open a window on."""


def require_display() -> None:
    """Raise NoDisplay, in one sentence, if a window cannot be opened. Only Linux and its kin can lack a display."""
    if sys.platform in ("win32", "darwin"):
        return
    chosen = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0].split(";")[0]
    if chosen and not chosen.startswith(("xcb", "wayland")):
        return
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland and chosen != "xcb":
        socket = Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland
        if socket.exists():
            return
    if not x11:
        raise NoDisplay(
            "There is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set); "
            "ntp-studio inspect and --screenshot work without one."
        )
    _require_libraries()
    _require_x_server(x11)


def _require_libraries() -> None:
    missing = []
    for name in XCB_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    if missing:
        raise NoDisplay(f"Qt needs system libraries that are not here ({', '.join(missing)}); {SETUP}.")


def _require_x_server(display: str) -> None:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        raise NoDisplay(f"Qt needs libxcb.so.1, which is not here; {SETUP}.") from error
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    refused = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if refused:
        raise NoDisplay(
            f"The display {display} cannot be reached; ntp-studio inspect and --screenshot work without one."
        )
