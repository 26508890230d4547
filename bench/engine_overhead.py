"""Measure the cost of the engine without a model: 16 voices of a plugin that only copies.

    python bench/engine_overhead.py [--seconds 20]

The figure is the CPU time of one thread, as a share of the duration of the audio. The target is at
most 3 % of a core at 48 kHz, block 128.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np

from realtime.engine.engine import Engine
from realtime.engine.plugin import Array, Rows
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from synth.contract import Control, Manifest

RATE, BLOCK, VOICES = 48_000, 128, 16


class Copies:
    """A generator that returns a constant, so that only the engine works."""

    name = "copies"

    def __init__(self, hop: int) -> None:
        gate = Control("gate", per_voice=True, curve="toggle", role="gate")
        key = Control("key", 1, (0.0,), (127.0,), (60.0,), per_voice=True, role="key")
        shape = Control("shape", 8, smoothing_ms=20.0)
        self.manifest = Manifest(
            "copies", "bench", "generator", RATE, hop, 0, 1, controls=(gate, key, shape)
        )
        self._hop = np.full((VOICES + 2, 1, hop), 0.01, np.float32)

    def prepare(self, slots: int) -> None:
        """Nothing to prepare."""

    def process(self, rows: Rows, controls: dict[str, Array], audio: Array | None) -> Array:
        """The same hop for every row."""
        return self._hop[: len(rows)].copy()

    def reset(self, rows: Rows) -> None:
        """No state."""

    def close(self) -> None:
        """Nothing to close."""


def measure(voices: int, hop: int, seconds: float) -> float:
    """CPU share of one core with `voices` notes held."""
    engine = Engine([Copies(hop)], EngineSettings(voices=VOICES))
    for key in range(voices):
        engine.schedule(Event(NOW, "/note/on", (40.0 + key, 100.0)))
    engine.render(4096)
    blocks = round(seconds * RATE / BLOCK)
    started = time.thread_time()
    for block in range(blocks):
        if block % 4 == 0:  # a fader that moves, about 100 messages a second
            engine.schedule(Event(NOW, "/copies/shape", (block % 100 / 100,) * 8))
        engine.render(BLOCK)
    return (time.thread_time() - started) / (blocks * BLOCK / RATE)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"{RATE} Hz, block {BLOCK}; share of one core")
    for voices, hop in ((0, 128), (VOICES, 128), (VOICES, 256)):
        print(f"  {voices:2d} voices, hop {hop}: {measure(voices, hop, seconds):.2%}")


if __name__ == "__main__":
    main()
