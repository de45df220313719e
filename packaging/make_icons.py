#!/usr/bin/env python3
"""The icon in the formats that each system wants, from the one drawing in resources/icons/ntp-studio.svg.

    python packaging/make_icons.py FOLDER      ntp-studio-16.png … -1024.png, ntp-studio.ico, ntp-studio.icns

Qt draws (it is here anyway, and it is what draws the icon in the running program), Pillow writes .ico and .icns.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

DRAWING = Path(__file__).resolve().parents[1] / "resources/icons/ntp-studio.svg"
SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512, 1024)
ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIZES = (16, 32, 64, 128, 256, 512, 1024)


def draw(folder: Path) -> dict[int, Path]:
    """One PNG for each size; every size is drawn on its own, none is a picture made smaller."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication.instance() or QGuiApplication([])
    renderer = QSvgRenderer(str(DRAWING))
    if not renderer.isValid():
        raise SystemExit(f"{DRAWING} cannot be drawn")
    pictures = {}
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        pictures[size] = folder / f"ntp-studio-{size}.png"
        if not image.save(str(pictures[size])):
            raise SystemExit(f"{pictures[size]} cannot be written")
    del application
    return pictures


def make(folder: Path) -> Path:
    """All formats, into `folder`, which comes back."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    pictures = draw(folder)

    def write(name: str, sizes: tuple[int, ...]) -> None:
        images = [Image.open(pictures[size]).convert("RGBA") for size in sizes]
        images[-1].save(folder / name, append_images=images[:-1], sizes=[(size, size) for size in sizes])

    write("ntp-studio.ico", ICO_SIZES)
    write("ntp-studio.icns", ICNS_SIZES)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(make(Path(sys.argv[1])))
