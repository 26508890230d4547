"""Renderers that engine processes load in tests: a sine that can be told to misbehave.

`/sine/level` sets the amplitude, notes are held as in an engine; `/stall` seconds sleeps in the
next block, `/hang` for ever, `/freeze` as well but holding the interpreter, `/crash` ends the
process, `/raise` raises.
"""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.namespace.event import Event
from synth.contract import ModelFileError

FREQUENCY_HZ = 500.0


class Sine:
    """500 Hz, level 0.5 at first; what it was told shows in `stats`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.sample_rate = int(settings["sample_rate"])
        self.channels = int(settings["channels"])
        self.channels_in = int(settings.get("channels_in", 0))
        self.latency = 0
        self.level, self.played = 0.5, 0
        self.held: list[float] = []
        self._phase = 2 * np.pi * FREQUENCY_HZ / self.sample_rate
        self._fault = ""
        self._seconds = 0.0

    def schedule(self, event: Event) -> None:
        if event.target == "/sine/level":
            self.level = event.value[0]
        elif event.target == "/note/on":
            self.held.append(event.value[0])
        elif event.target == "/note/off":
            self.held.remove(event.value[0])
        else:
            self._fault = event.target
            self._seconds = event.value[0] if event.value else 0.0

    def render(
        self, frames: int, audio_in: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        self._misbehave()
        if audio_in is not None:
            return np.repeat(audio_in[:1], self.channels, axis=0)
        time_axis = np.arange(self.played, self.played + frames)
        self.played += frames
        wave = self.level * np.sin(self._phase * time_axis)
        return np.repeat(wave[None].astype(np.float32), self.channels, axis=0)

    def stats(self) -> dict[str, Any]:
        return {"level": self.level, "held": len(self.held), "played": self.played}

    def describe(self) -> dict[str, Any]:
        return {"plugins": ["sine"], "sample_rate": self.sample_rate}

    def _misbehave(self) -> None:
        fault, self._fault = self._fault, ""
        if fault == "/stall":
            time.sleep(self._seconds)
        elif fault == "/hang":
            time.sleep(1e6)
        elif fault == "/freeze":
            re.match("(a*)*" * 8 + "b", "a" * 40)  # never lets go of the interpreter
        elif fault == "/crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif fault == "/raise":
            raise RuntimeError("asked to raise")


def sine(settings: dict[str, Any]) -> Sine:
    return Sine(settings)


def broken(settings: dict[str, Any]) -> Sine:
    raise ModelFileError("model.onnx: truncated; export it again")


def buggy(settings: dict[str, Any]) -> Sine:
    raise ZeroDivisionError("a mistake of ours")


def dies_at_once(settings: dict[str, Any]) -> Sine:
    os.kill(os.getpid(), signal.SIGKILL)
    return Sine(settings)


def chatty(settings: dict[str, Any]) -> Sine:
    os.write(1, b"chatter of a C library\n")
    return Sine(settings)
