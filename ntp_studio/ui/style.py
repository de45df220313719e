"""The application-wide style sheet, built from a palette.

Text that is not plain body text names its part in a dynamic property `role`, so that a widget never holds a colour:

    heading   section title ("DECODING")         caption   small and muted
    muted     body size, muted                   strong    body size, semi-bold
    key       key cap                            link      a button that looks like a link
    error     what went wrong                    title     title of a dialog or an empty state

Frames with `card` are cards (`off` when switched off, `lifted` while dragged, `picked` for the keys),
and `bar` is the top or bottom bar.
Buttons with `primary` are the one to press; tool buttons with `segment` are parts of a segmented control.
Sizes follow the application font, so that a person's own text size is kept.
"""

from __future__ import annotations

from PySide6.QtGui import QFontInfo, QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from ntp_studio.ui.theme import Palette, qt_palette

USUAL = 12  # the text height in pixels for which lengths were designed


def base_size() -> int:
    """The height of the application font in device-independent pixels."""
    if QGuiApplication.instance() is None:
        return 13
    return max(QFontInfo(QGuiApplication.font()).pixelSize(), 9)


def px(length: float) -> int:
    """A length that was designed for text 12 pixels high, at the height that text has now."""
    return max(round(length * base_size() / USUAL), 1)


def caption_size(base: int | None = None) -> int:
    """The pixel size of captions: smaller than the text, never below what a person can read."""
    return max(round((base or base_size()) * 0.85), 9)


def apply_style(app: QApplication, palette: Palette) -> None:
    """Dress the whole application: Fusion, because it follows the palette on every system."""
    if not app.styleSheet():  # with one, Qt tells no name, and setting the style anew dresses every widget once more
        app.setStyle("Fusion")
    app.setPalette(qt_palette(palette))
    app.setStyleSheet(style_sheet(palette))


def set_property(widget: QWidget, name: str, value: object) -> None:
    """Set a dynamic property that the style sheet looks at, and style the widget anew."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
    widget.update()


def style_sheet(palette: Palette, base: int | None = None) -> str:
    """The style sheet in these colours; `base` is the text height in pixels (default: the application font's)."""
    base = base or base_size()
    return "\n".join((_texts(palette, base), _frames(palette), _buttons(palette), _fields(palette), _popups(palette)))


def _texts(p: Palette, base: int) -> str:
    small = caption_size(base)
    return f"""
QLabel {{ background: transparent; }}
QLabel[role="heading"] {{ color: {p.muted}; font-weight: 600; font-size: {small + 1}px; }}
QLabel[role="caption"] {{ color: {p.muted}; font-size: {small}px; }}
QLabel[role="muted"] {{ color: {p.muted}; }}
QLabel[role="strong"] {{ color: {p.text}; font-weight: 600; }}
QLabel[role="title"] {{ color: {p.text}; font-weight: 600; font-size: {round(base * 1.45)}px; }}
QLabel[role="error"] {{ color: {p.error}; }}
QLabel[role="key"] {{
    color: {p.text}; background: {p.sunken}; border: 1px solid {p.border}; border-bottom-width: 2px;
    border-radius: 4px; padding: 1px 6px; font-size: {small}px;
}}
QToolTip {{
    color: {p.text}; background: {p.surface}; border: 1px solid {p.border}; padding: 5px 7px;
}}
"""


def _frames(p: Palette) -> str:
    return f"""
QMainWindow, QDialog {{ background: {p.window}; color: {p.text}; }}
QFrame[card="true"] {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 8px; }}
QFrame[card="true"][off="true"] {{ background: {p.sunken}; }}
QFrame[card="true"][lifted="true"], QFrame[card="true"][picked="true"] {{ border-color: {p.accent}; }}
*[bar="top"] {{ background: {p.surface}; border-bottom: 1px solid {p.border}; }}
*[bar="bottom"] {{ background: {p.surface}; border-top: 1px solid {p.border}; }}
*[column="true"] {{ background: {p.surface}; }}
QScrollArea {{ background: transparent; border: none; }}
QScrollArea > QWidget > QWidget[transparent="true"] {{ background: transparent; }}
QSplitter::handle {{ background: {p.border}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QSplitter::handle:vertical {{ height: 1px; }}
QSplitter::handle:hover {{ background: {p.accent}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {p.faint}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {p.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""


def _buttons(p: Palette) -> str:
    return f"""
QPushButton {{
    color: {p.text}; background: {p.surface}; border: 1px solid {p.border}; border-radius: 7px; padding: 6px 12px;
}}
QPushButton:hover {{ background: {p.sunken}; }}
QPushButton:pressed, QPushButton:checked {{ background: {p.accent_soft}; border-color: {p.accent}; }}
QPushButton:focus {{ border-color: {p.accent}; }}
QPushButton:disabled {{ color: {p.faint}; background: {p.surface}; }}
QPushButton::menu-indicator {{ image: none; width: 0; }}
QPushButton[primary="true"] {{ color: {p.accent_text}; background: {p.accent}; border-color: {p.accent}; }}
QPushButton[primary="true"]:hover {{ background: {p.link}; border-color: {p.link}; }}
QPushButton[primary="true"]:pressed {{ background: {p.accent}; }}
QPushButton[primary="true"]:focus {{ border: 2px solid {p.text}; padding: 5px 11px; }}
QPushButton[primary="true"]:disabled {{ color: {p.muted}; background: {p.accent_soft}; border-color: {p.accent_soft}; }}
QPushButton[role="link"], QToolButton[role="link"] {{
    color: {p.link}; background: transparent; border: none; padding: 0 2px; border-radius: 3px;
}}
QPushButton[role="link"]:hover, QToolButton[role="link"]:hover {{ text-decoration: underline; }}
QPushButton[role="link"]:focus, QToolButton[role="link"]:focus {{ background: {p.accent_soft}; }}
QPushButton[role="link"]:disabled, QToolButton[role="link"]:disabled {{ color: {p.faint}; text-decoration: none; }}
QToolButton {{
    color: {p.text}; background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 4px;
}}
QToolButton:hover {{ background: {p.sunken}; }}
QToolButton:pressed, QToolButton:checked {{ background: {p.accent_soft}; color: {p.link}; }}
QToolButton:focus {{ border-color: {p.accent}; }}
QToolButton:disabled {{ color: {p.faint}; }}
QToolButton::menu-indicator {{ image: none; }}
QFrame[segmented="true"] {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 7px; }}
QToolButton[segment="true"] {{ border-radius: 5px; padding: 3px 10px; color: {p.text}; }}
QToolButton[segment="true"]:checked {{ background: {p.accent_soft}; color: {p.link}; font-weight: 600; }}
QCheckBox, QRadioButton {{ color: {p.text}; spacing: 7px; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {p.faint}; }}
"""


def _fields(p: Palette) -> str:
    # Spin boxes and combo boxes are left to Fusion, which draws their arrows in the palette's colours; a style sheet
    # with a border would have to bring pictures for them.
    return f"""
QLineEdit, QPlainTextEdit, QTextEdit {{
    color: {p.text}; background: {p.surface}; border: 1px solid {p.border}; border-radius: 6px; padding: 4px 6px;
    selection-background-color: {p.accent}; selection-color: {p.accent_text};
}}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus {{ border-color: {p.accent}; }}
QLineEdit:disabled, QPlainTextEdit:disabled, QTextEdit:disabled {{ color: {p.faint}; background: {p.sunken}; }}
QLineEdit[flat="true"] {{
    background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 0 2px;
}}
QLineEdit[flat="true"]:hover {{ border-color: {p.border}; }}
QLineEdit[flat="true"]:focus {{ border-color: {p.accent}; background: {p.surface}; }}
QLineEdit#qt_spinbox_lineedit {{ background: transparent; border: none; padding: 0; }}
QLineEdit#qt_spinbox_lineedit[flat="true"] {{ border: 1px solid transparent; padding: 0 2px; }}
QLineEdit#qt_spinbox_lineedit[flat="true"]:hover {{ border-color: {p.border}; }}
QLineEdit#qt_spinbox_lineedit[flat="true"]:focus {{ border-color: {p.accent}; background: {p.surface}; }}
QFrame[field="true"] {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 7px; }}
QComboBox QAbstractItemView {{
    color: {p.text}; background: {p.surface}; border: 1px solid {p.border};
    selection-background-color: {p.accent_soft}; selection-color: {p.text}; outline: none;
}}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {p.sunken}; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {p.accent}; }}
QSlider::handle:horizontal {{
    width: 9px; height: 9px; margin: -5px 0; border: 2px solid {p.accent}; border-radius: 6px; background: {p.surface};
}}
QSlider::handle:horizontal:focus {{ background: {p.accent}; }}
"""


def _popups(p: Palette) -> str:
    return f"""
QMenu {{ color: {p.text}; background: {p.surface}; border: 1px solid {p.border}; padding: 5px 0; }}
QMenu::item {{ padding: 5px 24px 5px 28px; background: transparent; }}
QMenu::item:selected {{ background: {p.accent_soft}; }}
QMenu::item:disabled {{ color: {p.muted}; }}
QMenu::separator {{ height: 1px; background: {p.border}; margin: 5px 10px; }}
QMenu::indicator {{ left: 9px; width: 12px; height: 12px; }}
QMenuBar {{ color: {p.text}; background: {p.surface}; }}
QMenuBar::item {{ padding: 4px 9px; background: transparent; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {p.sunken}; }}
QProgressBar {{ background: {p.sunken}; border: none; border-radius: 2px; max-height: 4px; }}
QProgressBar::chunk {{ background: {p.accent}; border-radius: 2px; }}
"""
