"""The text's figures in a line: how long it is, its perplexity and of what part, its share of the context."""

from __future__ import annotations

import textwrap

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from ntp_studio.ui.page_text import PageText
from ntp_studio.ui.token_figures import count, plain_number

TIP_CHARACTERS = 60  # in a line of a tool tip


class TextStats(QLabel):
    """Says as much as there is room for; all of it is in the tool tip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("text_stats")
        self.setProperty("role", "muted")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._forms: list[str] = [""]  # from the longest to the shortest

    def show_figures(self, text: PageText, context: int) -> None:
        """`context` is the model's context length, 0 where it is not known."""
        if not text.tokens:
            self._forms = [""]
            self.setToolTip("")
            return
        words = self.tr("1 token") if text.cursor == 1 else self.tr("{0} tokens")
        tokens = words.format(count(text.cursor))
        room = self.tr("context {0} / {1}").format(count(text.cursor), count(context)) if context else ""
        scope = self.tr("continuation") if text.generated else self.tr("prompt")
        value = text.perplexities()["continuation" if text.generated else "prompt"][0]
        scoped = "" if value is None else self.tr("perplexity {0} ({1})").format(plain_number(value), scope)
        forms = ((tokens, scoped, room), (tokens, scoped), (scoped or tokens,))
        self._forms = [" · ".join(part for part in form if part) for form in forms]
        self.setToolTip(self._explain(text))

    def full_width(self) -> int:
        """The pixels that everything takes in one line."""
        self.ensurePolished()
        return self.fontMetrics().horizontalAdvance(self._forms[0]) + 2

    def fit(self, room: int) -> None:
        """Show the longest form that `room` pixels hold, the shortest with its end left out where none does."""
        self.ensurePolished()
        metrics = self.fontMetrics()
        for form in self._forms:
            if metrics.horizontalAdvance(form) + 2 <= room:
                break
        else:
            form = metrics.elidedText(self._forms[-1], Qt.TextElideMode.ElideRight, room)
        self.setText(form)
        self.setFixedWidth(min(metrics.horizontalAdvance(form) + 2, max(room, 0)))

    def _explain(self, text: PageText) -> str:
        definition = self.tr(
            "Perplexity is exp of the mean of −ln p, where p is the probability that the model gave to a token: as if "
            "it had chosen among that many equally likely tokens each time. The first token has none. What a chat "
            "template added counts as prompt."
        )
        names = {"prompt": self.tr("prompt"), "continuation": self.tr("continuation"), "all": self.tr("all")}
        lines = textwrap.wrap(definition, TIP_CHARACTERS)
        for part, (value, number) in text.perplexities().items():
            shown = "—" if value is None else plain_number(value)
            over = self.tr("over 1 token") if number == 1 else self.tr("over {0} tokens").format(count(number))
            lines.append(f"{names[part]}: {shown} ({over})")
        return "\n".join([*lines, *self._forms[:1]])
