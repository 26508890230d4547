"""Ctrl-C and SIGTERM as a request to stop after the present step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """Records the first signal that asks the run to stop; a second Ctrl-C interrupts at once.

    It is open as a context manager. Outside the main thread, where handlers can't be set, it does
    nothing.

    Attributes:
        name: of the signal, "" as long as none came.
    """

    def __init__(self) -> None:
        self.name = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopWish:
        return self

    def listen(self) -> None:
        """Set the handlers (again: Lightning sets its own when a run begins)."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.signal(number, self._wish)
                self._before.setdefault(number, before)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _wish(self, number: int, frame: FrameType | None) -> None:
        if self.name and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
