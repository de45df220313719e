"""The engine: one plain worker thread that owns torch, models, caches and random streams.

Commands go in through a queue and are drained between tokens, so that a new setting applies at the next token; events
come out through `emit`, which is called in the worker thread. Several models take turns, one token each. torch is
imported there and not before, when the first model is loaded, so that the window is on screen by then.

Nothing here knows Qt. Without `start()` the engine is driven by `run_pending()`, as tests and scripts do.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ntp_studio import compare_messages as c
from ntp_studio import messages as m
from ntp_studio.cancellation import LOADING, READING, SCORING, SNAPSHOT, TRAINING, Cancellation
from ntp_studio.time_lapse_messages import ShowSnapshot
from ntp_studio.training_messages import StopTraining
from ntp_studio.workbench import Workbench

if TYPE_CHECKING:
    from ntp_studio.core.session import Session

log = logging.getLogger(__name__)

# A newer one of these makes older work of its model pointless, so that is cancelled.
SUPERSEDES: dict[type[m.Command], tuple[str, ...]] = {
    m.LoadModel: (LOADING, READING, SNAPSHOT),
    m.CloseModel: (LOADING, READING, SNAPSHOT),
    m.OpenSession: (LOADING, READING, SNAPSHOT),
    m.SetPrompt: (READING,),
    ShowSnapshot: (SNAPSHOT,),
    StopTraining: (TRAINING,),
    c.SetSharedPrompt: (READING,),
    c.ScoreText: (SCORING,),
    c.ScoreFile: (SCORING,),
    c.CancelScoring: (SCORING,),
    c.CloseComparison: (READING, SCORING),
}


class Engine:
    def __init__(self, emit: Callable[[m.Event], None], *, top: int = 40) -> None:
        """`emit` hears every event, in the worker thread; `top` is how many candidates a frame lists."""
        self.cancellation = Cancellation()
        self.workbench = Workbench(emit, self.cancellation, top)
        self._commands: queue.SimpleQueue[tuple[int, m.Command] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.workbench.time_lapse.pressed = self.workbench.comparison.pressed = self._pressed

    # -- called from any thread

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def send(self, command: m.Command) -> None:
        """Put a command in the queue; after `stop()` it is dropped."""
        if self._stopping.is_set():
            return
        kinds = SUPERSEDES.get(type(command))
        if kinds is not None:
            self.cancellation.cancel(kinds, command.model)
        self._commands.put((self.cancellation.number(), command))

    def cancel(self) -> None:
        """Cancel the loads and readings asked for until now, and pause whatever is playing."""
        self.cancellation.cancel()
        for name in list(self.workbench.columns):
            self.send(m.Pause(model=name))
        self.send(c.PauseAll())

    def cancel_column(self, request: int) -> None:
        """Cancel the load of a column that was asked for until now; see `compare_messages.AddColumn`."""
        self.cancellation.cancel((LOADING,), c.wish(request))

    def stop(self, timeout: float = 10.0) -> bool:
        """Refuse commands, cancel, and wait for the worker. True if it has ended; may be called again."""
        self._stopping.set()
        self.cancellation.close()
        self._commands.put(None)
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def adopt(self, name: str, session: Session) -> None:
        """Take a session made elsewhere. Only before `start()`: the worker owns the columns afterwards."""
        if self._thread is not None:
            raise RuntimeError("the engine has started")
        self.workbench.adopt(name, session)

    def _pressed(self) -> bool:
        """Whether something waits that work done in passing must make way for."""
        return self._stopping.is_set() or not self._commands.empty()

    # -- the worker thread

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.run_pending(wait=True)
            except Exception:  # a bug must not end the thread: the window would be deaf
                log.exception("the engine stumbled")
        self.workbench.release_all()

    def run_pending(self, *, wait: bool = False) -> bool:
        """Carry out what is queued, then one token of every column that plays and is due. False if there was nothing
        to do. With `wait`, sleep until there is."""
        worked = False
        timeout = self.workbench.until_due() if wait else 0.0
        while True:
            try:
                item = self._commands.get(block=timeout != 0.0, timeout=timeout)
            except queue.Empty:
                break
            timeout = 0.0
            if item is None or self._stopping.is_set():
                return False
            worked = True
            self.workbench.carry_out(*item)
        return self.workbench.advance() or worked
