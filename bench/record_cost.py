"""Measure the cost of recording for the render thread: microseconds per event and per block.

    python bench/record_cost.py [--events 200000] [--blocks 20000]

Prints JSON: the costs without a recording (the journal of events is always kept) and during one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from realtime.namespace.event import NOW, Event
from realtime.record.tap import Tap
from realtime.record.writer import RecordWriter

RATE, BLOCK = 48_000, 128


class Silence:
    """A renderer that costs nothing."""

    sample_rate, channels, channels_in, latency = RATE, 2, 0, 0

    def __init__(self) -> None:
        self._audio = np.zeros((2, BLOCK), np.float32)

    def schedule(self, event: Event) -> None:
        pass

    def render(self, frames: int, audio_in: Any = None) -> Any:
        return self._audio

    def stats(self) -> dict[str, float | int]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {}


def cost(tap: Tap, events: int, blocks: int) -> dict[str, float]:
    """Microseconds per event and per block, as medians over hundredths of the run."""
    event = Event(NOW, "/codec/latent/3", (0.25,))
    per_event, per_block = [], []
    for _ in range(100):
        began = time.perf_counter()
        for _ in range(events // 100):
            tap.schedule(event)
        between = time.perf_counter()
        for _ in range(blocks // 100):
            tap.render(BLOCK)
        per_event.append((between - began) / (events // 100))
        per_block.append((time.perf_counter() - between) / (blocks // 100))
    return {
        "event_us": round(1e6 * float(np.median(per_event)), 2),
        "block_us": round(1e6 * float(np.median(per_block)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--blocks", type=int, default=20_000)
    options = parser.parse_args()
    idle = cost(Tap(Silence()), options.events, options.blocks)
    tap = Tap(Silence())
    setup = {"engine": {}, "sample_rate": RATE, "channels": 2, "channels_in": 0}
    with tempfile.TemporaryDirectory() as folder:
        writer = RecordWriter(Path(folder) / "take.wav", setup, lambda state, message: None)
        tap.attach(writer)
        recording = cost(tap, options.events, options.blocks)
        writer.close(60.0)
        lost = writer.lost_frames
    print(json.dumps({"idle": idle, "recording": recording, "lost_frames": lost}, indent=1))


if __name__ == "__main__":
    main()
