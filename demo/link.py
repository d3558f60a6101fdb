"""The link between laptop and centre, in the hands of whoever shows the demo.

Enter cuts it: the centre stops, which is all that a laptop sees of a network that is gone. Enter
again brings it back.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterable

from demo.processes import Program
from demo.progress import say


class Link:
    """Cuts the link to ``centre`` at a line of ``keys`` (the keyboard), joins it at the next."""

    def __init__(self, centre: Program, keys: Iterable[str] | None) -> None:
        self._centre = centre
        self._up = True
        self._pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
        # A shell's background job that reads would be halted; now it is told that there is no
        # keyboard, and the link stays up.
        if hasattr(signal, "SIGTTIN"):
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        threading.Thread(target=self._listen, args=(keys,), daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait for a key, and do what it asks for; raise ProgramFailed."""
        try:
            self._pressed.get(timeout=seconds)
        except queue.Empty:
            return
        self._up = not self._up
        if self._up:
            self._centre.start()
            say("网络已恢复。再按回车断网。Back online. Enter: offline.")
        else:
            self._centre.stop()
            say("已断网：中心连不上。再按回车恢复。Offline. Enter: back online.")

    def _listen(self, keys: Iterable[str] | None) -> None:
        try:
            for line in keys or ():
                self._pressed.put(line)
        except (OSError, ValueError):
            return
