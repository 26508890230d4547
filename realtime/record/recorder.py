"""`Recorder`: the engine process's side of recording, one file at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from realtime.record.tap import Tap
from realtime.record.writer import RecordWriter

CLOSE_S = 0.3


class Recorder:
    """Starts and stops recordings of the sound and events that pass a tap.

    Args:
        tap: around the engine.
        setup: describes the engine in the log, see `RecordWriter`.
        tell: called with the progress of recordings, `tell(state, message)`; any thread.
    """

    def __init__(
        self, tap: Tap, setup: Mapping[str, Any], tell: Callable[[str, str], None]
    ) -> None:
        self._tap, self._setup, self._tell = tap, setup, tell
        self._writer: RecordWriter | None = None

    def record(self, path: str) -> None:
        """Record to a file from the next block on, and no longer to another; "" ends recording."""
        if path:
            self._writer = RecordWriter(Path(path), self._setup, self._tell)
            self._tap.attach(self._writer)
        else:
            self._tap.attach(None)

    def status(self) -> dict[str, Any]:
        """The status of the latest recording; empty before the first."""
        return self._writer.status() if self._writer is not None else {}

    def close(self) -> None:
        """Write waiting blocks to disk if that is quick; the files are valid in any case."""
        if self._writer is not None:
            self._writer.close(CLOSE_S)
