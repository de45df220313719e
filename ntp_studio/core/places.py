"""The logits of places in a text that were looked at lately, so that going back there costs no forward."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ntp_studio.core.decoding import Scores
from ntp_studio.core.model import LanguageModel, Reading

LOGITS_KEPT = 64 * 2**20  # bytes


class Places:
    """What a model gave at each place, by the node whose continuation it is; the oldest go first."""

    def __init__(self) -> None:
        self._logits: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._scores: tuple[int, Scores] | None = None  # of the place last looked at, with its ranking

    def keep(self, node_id: int, logits: NDArray[np.float32]) -> None:
        """`logits`: float32 [V]."""
        self._logits[node_id] = logits
        while len(self._logits) > max(2, LOGITS_KEPT // logits.nbytes):
            self._logits.popitem(last=False)

    def scores(
        self,
        model: LanguageModel,
        node_id: int,
        ids: list[int],
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[Scores, Reading | None]:
        """The scores after these ids, and the reading that gave them, if one was needed; see `LanguageModel.read`."""
        if self._scores is not None and self._scores[0] == node_id:
            return self._scores[1], None
        reading = None
        logits = self._logits.get(node_id)
        if logits is None:
            reading = model.read(ids, progress=progress, cancelled=cancelled)
            logits = reading.logits
            self.keep(node_id, logits)
        else:
            self._logits.move_to_end(node_id)
        scores = Scores.of(logits)
        self._scores = node_id, scores
        return scores, reading

    def logits(self, model: LanguageModel, node_id: int, ids: list[int]) -> NDArray[np.float32]:
        """float32 [V]; read only."""
        if node_id not in self._logits:
            self.keep(node_id, model.read(ids).logits)
        return self._logits[node_id]

    def at_hand(self, node_id: int) -> NDArray[np.float32] | None:
        """float32 [V], read only; None where only a forward would give them."""
        return self._logits.get(node_id)

    def __len__(self) -> int:
        return len(self._logits)
