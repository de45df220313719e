"""What a stage did at the step on view: its figures, its threshold in words, one token's fate, and its drawing."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ntp_studio.core.pictures import Picture
from ntp_studio.core.types import StageReport, StoryLine
from ntp_studio.ui.candidate_text import bits_figure, number, percent
from ntp_studio.ui.card_lines import WordsLine, plain_tip
from ntp_studio.ui.card_parts import CaptionRow
from ntp_studio.ui.stage_pictures import StagePictures
from ntp_studio.ui.theme import Theme

# A token that was cut here stands out; one that was gone before is no concern of this stage.
COLORS = {"cut": "drawn_text", "gone": "muted"}


class CardOutcome(QWidget):
    """The lower part of a card. Lines without words take no room."""

    token_chosen = Signal(int)  # in the drawing

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._report: StageReport | None = None
        self._idle = ""
        self._token: int | None = None
        self._drawing = True
        self.caption = CaptionRow(theme)
        self.threshold = WordsLine(theme, 2, steady=True)
        self.story = WordsLine(theme, 2, steady=True)
        self._pictures: StagePictures | None = None  # made when there is something to draw
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        for part in (self.caption, self.threshold, self.story):
            self._layout.addWidget(part)
        self._fill()

    @property
    def resting(self) -> bool:
        return self._report is not None and self._report.resting and not self._idle

    @property
    def reported(self) -> bool:
        return self._report is not None

    @property
    def pictures(self) -> StagePictures | None:
        return self._pictures

    def set_idle(self, why: str) -> None:
        """Say that the stage changes nothing as it is set; nothing: it takes part."""
        if why != self._idle:
            self._idle = why
            self._fill()

    def show_report(self, report: StageReport | None) -> None:
        if report is not self._report:
            self._report = report
            self._fill()

    def show_line(self, line: StoryLine | None) -> None:
        """What the stage did to the token that a person looks at."""
        if line is None or line.effect == "resting":  # why it rests is said above
            self.story.set_text("")
        else:
            self.story.set_text(line.words, COLORS.get(line.effect, "text"))

    def select_token(self, token_id: int | None) -> None:
        self._token = token_id
        if self._pictures is not None:
            self._pictures.select_token(token_id)

    def set_drawing(self, on: bool) -> None:
        self._drawing = on
        self._draw()

    def _draw(self) -> None:
        report = self._report
        wanted: tuple[Picture, ...] = ()
        if report is not None and self._drawing and not self._idle:
            wanted = report.pictures
        if self._pictures is None:
            if not wanted:
                return
            self._pictures = StagePictures(self._theme, self)
            self._layout.addWidget(self._pictures)
            self._pictures.select_token(self._token)
            self._pictures.token_chosen.connect(self.token_chosen)
        self._pictures.show_pictures(wanted)

    def _fill(self) -> None:
        report, tr = self._report, _tr
        self._draw()
        if self._idle:
            self.caption.set_parts(self._idle)
            self.caption.setToolTip("")
            self.threshold.set_text("")
            return
        if report is None:
            self.caption.set_parts("—")
            self.caption.setToolTip(tr("What this stage does is shown with the next distribution."))
            self.threshold.set_text("")
            return
        if report.resting:
            self.caption.set_parts(report.threshold)
            self.caption.setToolTip(plain_tip(report.threshold))
            self.threshold.set_text("")
            return
        before, after = report.entropy_before_bits, report.entropy_after_bits
        entropy = tr("H {0} → {1} bits").format(bits_figure(before), bits_figure(after))
        removes = tr("removes {0}").format(number(report.removed))
        kept = tr("{0} kept").format(number(report.kept))
        # It reads as 100% only where no token was removed.
        share = percent(1.0 if not report.removed else min(report.mass, 1.0 - 1e-8))
        reshapes = not report.removed and before != after
        self.caption.set_parts(entropy if reshapes else removes, kept, tr("keeps {0}").format(share))
        lines = [
            tr("Entropy: {0} → {1} bits").format(f"{before:.4f}", f"{after:.4f}"),
            tr("Tokens: {0} removed, {1} kept").format(number(report.removed), number(report.kept)),
            tr("Keeps {0} of the probability that entered this stage,").format(share),
            tr("as the stages before it had shaped it."),
        ]
        if report.threshold:
            lines.insert(0, tr("Threshold: {0}").format(report.threshold))
        self.caption.setToolTip(plain_tip("\n".join(lines)))
        self.threshold.set_text(report.threshold)


def _tr(text: str) -> str:
    return QCoreApplication.translate("CardOutcome", text)
