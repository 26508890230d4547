"""`Dump`: prints received packets for debugging, and never holds the server up."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TextIO

from realtime.protocol.osc_decode import OscMessage

MAX_WAITING = 256
MAX_LINE = 200  # characters


class Dump:
    """A printer with a thread of its own that starts with the first line.

    Args:
        out: the stream to print to; None for stderr.

    Attributes:
        level: 0 nothing, 1 messages, 2 packets in hexadecimal, 3 both.
        skipped: lines left out because they came faster than they could be printed.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.level = self.skipped = 0
        self._out = out
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def show(self, packet: bytes, messages: list[OscMessage], sender: str) -> None:
        """Print a packet in the forms that `level` selects.

        Args:
            packet: as received; messages: decoded from it; sender: its name for people.
        """
        if self.level & 1:
            for message in messages:
                self._put(f"osc {sender} {message.address} {list(message.args)}")
        if self.level & 2:
            self._put(f"osc {sender} {packet[:64].hex(' ', 4)}")

    def close(self) -> None:
        """Print the waiting lines and end. May be called twice."""
        if self._thread is not None:
            self.level = 0
            try:
                self._lines.put(None, timeout=0.5)
                self._thread.join(1.0)
            except queue.Full:
                pass  # nobody reads it; the thread ends with the process
            self._thread = None

    def _put(self, line: str) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="osc dump", daemon=True)
            self._thread.start()
        try:
            self._lines.put_nowait(line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…")
        except queue.Full:
            self.skipped += 1

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            out = self._out or sys.stderr
            try:
                out.write(line + "\n")
                out.flush()
            except (OSError, ValueError):
                return
