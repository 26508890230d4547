"""`RecordWriter`: a thread that writes blocks and events to disk, behind a bounded queue.

Events are written before the audio they belong to, and the audio before the header that claims it.
So whenever the process is killed, the files are valid and have all events of the audio.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from realtime.record.files import AudioStream, open_stream
from realtime.record.journal import Journal, Mark, read_journal
from realtime.record.log import Lines, head_line, input_path, log_path
from realtime.record.tap import Block
from synth.contract import DataError, SynthError

Array = NDArray[np.float32]

PAUSE_S = 0.05
WAITING_S = 20.0  # of audio that may wait for a slow disk
MAX_WAITING_EVENTS = 65_536
LINES_AT_ONCE = 512  # the interpreter is shared with the render thread


class RecordWriter:
    """One recording, from construction to `close`; a `realtime.record.tap.Sink`.

    Args:
        path: the audio file to make, with `log_path` and `input_path` beside it.
        setup: for the log's first line, see `head_line`; its `sample_rate`, `channels` and
            `channels_in` are those of the blocks.
        tell: called on the writer's thread as `tell(state, message)`: "recording" or "recorded"
            with the path, or "failed" with the reason.

    Attributes:
        frames: on disk.
        lost_frames, lost_events: how many the queue had no room for.
    """

    def __init__(
        self, path: Path, setup: Mapping[str, Any], tell: Callable[[str, str], None]
    ) -> None:
        self.path, self._setup, self._tell = path, setup, tell
        self.frames = self.lost_frames = self.lost_events = 0
        self._rate, self._channels = int(setup["sample_rate"]), int(setup["channels"])
        self._room = round(WAITING_S * self._rate)
        self._queue: deque[Block] = deque()
        self._given = self._taken = self._events_given = self._events_taken = 0
        self._begun = threading.Event()
        self._ended = self._abandoned = False
        self._mark: Mark | None = None
        self._started = self._block = 0
        self._whole = True
        self._lines = Lines()
        self._log: TextIO | None = None
        self._audio: AudioStream | None = None
        self._input: AudioStream | None = None
        self._thread = threading.Thread(target=self._guarded_run, name="record", daemon=True)
        self._thread.start()

    # On the render thread.

    def begin(self, sample: int, block: int, journal: Journal) -> None:
        """See `Sink.begin`."""
        self._started, self._block, self._whole = sample, block, journal.whole
        self._mark = journal.until_now()
        self._begun.set()

    def put(self, block: Block) -> None:
        """See `Sink.put`. A block that finds no room is dropped and counted."""
        frames, events = block.audio.shape[1], len(block.events)
        full = self._given - self._taken > self._room
        crowded = self._events_given - self._events_taken > MAX_WAITING_EVENTS
        if full or crowded or self._abandoned:
            self.lost_frames += frames
            self.lost_events += events
            return
        self._given += frames
        self._events_given += events
        self._queue.append(block)

    def end(self) -> None:
        """See `Sink.end`."""
        self._ended = True
        self._begun.set()

    # On other threads.

    def close(self, timeout: float) -> bool:
        """End the recording and wait up to `timeout` s; returns whether all is on disk."""
        self.end()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def status(self) -> dict[str, Any]:
        """Path, frames on disk and losses, JSON-ready."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "lost_frames": self.lost_frames,
            "lost_events": self.lost_events,
        }

    def _guarded_run(self) -> None:
        try:
            self._begun.wait()
            if self._mark is not None:
                self._open(self._mark)
                self._tell("recording", str(self.path))
                self._run()
            self._tell("recorded", str(self.path))
        except (SynthError, OSError) as error:
            text = str(error) if isinstance(error, SynthError) else f"{self.path}: {error}"
            self._tell("failed", text)
        finally:
            self._abandoned = True
            self._queue.clear()
            for file in (self._log, self._audio, self._input):
                if file is not None:
                    file.close()

    def _open(self, mark: Mark) -> None:
        ways_in = int(self._setup["channels_in"])
        heard = input_path(self.path)
        log = log_path(self.path)
        head = head_line(
            {**self._setup, "block": self._block},
            self.path,
            heard.name if ways_in else "",
            self._started,
            self._whole,
        )
        try:
            self._log = log.open("x", encoding="utf-8", newline="\n")
        except OSError as error:
            raise DataError(f"{log}: can't be made ({error}); choose another name") from None
        self._write_log([head])
        self._audio = open_stream(self.path, self._rate, self._channels)
        self._input = open_stream(heard, self._rate, ways_in) if ways_in else None
        lines: list[str] = []
        for sample, event in read_journal(mark):
            lines.append(self._lines.event(sample, event))
            if len(lines) == LINES_AT_ONCE:
                self._write_log(lines)
                lines.clear()
                time.sleep(0.001)
        self._write_log(lines)
        self._mark = None

    def _run(self) -> None:
        while True:
            ended = self._ended  # read before the queue, so that nothing is left in it
            self._drain()
            if ended:
                return
            time.sleep(PAUSE_S)

    def _drain(self) -> None:
        """Write all waiting blocks to disk."""
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        run: list[Block] = []
        for block in batch:
            at = run[-1].sample + run[-1].audio.shape[1] if run else self._started + self.frames
            if block.sample > at:
                self._write(run)
                self._write_gap(at, block.sample - at)
                run = []
            run.append(block)
        self._write(run)
        self._taken += sum(b.audio.shape[1] for b in batch)
        self._events_taken += sum(len(b.events) for b in batch)

    def _write(self, run: list[Block]) -> None:
        """Write consecutive blocks: first their events, then input and output."""
        if not run:
            return
        self._write_log([self._lines.event(b.sample, e) for b in run for e in b.events])
        heard = [b.audio_in for b in run if b.audio_in is not None]
        self._write_audio(
            np.concatenate([b.audio for b in run], axis=1),
            np.concatenate(heard, axis=1) if heard else None,
        )

    def _write_gap(self, sample: int, frames: int) -> None:
        """Write silence for lost frames, so that later ones are in their place."""
        self._write_log([self._lines.lost(sample, frames)])
        ways_in = int(self._setup["channels_in"])
        while frames:
            piece = min(frames, self._rate)
            silence = np.zeros((max(self._channels, ways_in), piece), np.float32)
            self._write_audio(silence[: self._channels], silence[:ways_in] if ways_in else None)
            frames -= piece

    def _write_audio(self, audio: Array, heard: Array | None) -> None:
        if self._input is not None and heard is not None:
            self._input.write(heard)
        if self._audio is not None:
            self._audio.write(audio)
        self.frames += audio.shape[1]

    def _write_log(self, lines: list[str]) -> None:
        if self._log is not None and lines:
            self._log.writelines(lines)
            self._log.flush()
