"""JACK clients for tests: one hears what a port says, one speaks into a port, one is a keyboard.

Each is a process of its own (`jack_program`), which is killed when it doesn't answer.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tests.realtime.jack_program import block_type

Samples = NDArray[np.float32]
PROGRAM = Path(__file__).with_name("jack_program.py")
ANSWER_S = 5.0
LEAVE_S = 2.0
STARTS = 3


def wait_until(condition: Callable[[], Any], timeout: float = 5.0) -> bool:
    """Wait until `condition()` is true; False after `timeout` s."""
    patience = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.005)
    return True


class Peer:
    """A `jack_program` with these arguments, from construction to `leave`; a context manager."""

    def __init__(self, *arguments: object) -> None:
        for _ in range(STARTS):  # libjack hangs now and then while a client opens
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "JACK_NO_START_SERVER": "1"},
            )
            try:
                self.greeting = self._answer()
            except TimeoutError:
                self.leave(0.0)
            else:
                return
        raise AssertionError(f"JACK gave no answer to {arguments} in {STARTS} tries")

    def ask(self, *command: object) -> Any:
        """What the program answers.

        Raises:
            TimeoutError: nothing; JACK hangs, or the program is gone.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise TimeoutError(f"a JACK client says nothing (code {self._process.poll()})")
        return json.loads(line)

    def leave(self, patience: float = LEAVE_S) -> None:
        """End the process, by force if it has to be. May be called twice."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


class Listener(Peer):
    """Captures the first output port of the client whose name begins with `source`.

    Blocks come with the server's frame times, so cycles that this client missed itself are known
    and never taken for a gap in the sound.
    """

    def __init__(self, server: str, source: str = "synth") -> None:
        self._source = source
        with tempfile.NamedTemporaryFile(delete=False) as file:
            self._path = Path(file.name)
        super().__init__("listen", server, self._path)
        self._period = int(self.greeting)
        self._blocks = np.memmap(self._path, block_type(self._period), "r")

    def leave(self, patience: float = LEAVE_S) -> None:
        super().leave(patience)
        self._path.unlink(missing_ok=True)

    def connect(self, timeout: float = 5.0) -> None:
        """Wait for the source's port and connect to it, if that isn't done."""
        assert wait_until(lambda: self.ask("connect", self._source), timeout), (
            f"no port of {self._source}"
        )

    @property
    def blocks(self) -> list[tuple[int, Samples]]:
        """What was heard so far, block by block with its frame time."""
        heard = self._blocks[1 : self.count + 1]
        return list(zip(heard["time"].tolist(), heard["audio"], strict=True))

    @property
    def count(self) -> int:
        """Blocks heard so far."""
        return int(self._blocks[0]["time"])

    def audio(self) -> Samples:
        """All that was heard so far; what this client missed itself is left out."""
        return self._blocks["audio"][1 : self.count + 1].reshape(-1)

    def missed(self) -> int:
        """Frames that this client missed itself."""
        times = self._blocks["time"][1 : self.count + 1]
        return int((np.diff(times) - self._period).sum())


class Speaker(Peer):
    """Says an impulse of 0.5 into the first input port of `sink`, every `every` frames."""

    def __init__(self, server: str, every: int, sink: str = "synth") -> None:
        super().__init__("speak", server, every, sink)

    @property
    def impulses(self) -> list[int]:
        """Frame times of what was said so far."""
        return list(self.ask("impulses"))


class Loop(Peer):
    """Plays a sound again and again into the input ports of `sink`.

    Args:
        server: its name; sound: `[samples]`.
    """

    def __init__(self, server: str, sound: Samples, sink: str = "synth") -> None:
        with tempfile.NamedTemporaryFile(suffix=".npy", delete=False) as file:
            np.save(file, sound)
        try:
            super().__init__("loop", server, file.name, sink)
        finally:
            Path(file.name).unlink()


class Keyboard(Peer):
    """A JACK client with a MIDI output.

    Args:
        client: its name; target: beginning of the name of an input to connect to, "" for none.
    """

    def __init__(self, client: str = "keyboard", target: str = "") -> None:
        super().__init__("keys", client, target)

    def play(self, hexadecimal: str) -> None:
        """Send a message."""
        self.ask("play", hexadecimal)


class Pianist(Peer):
    """A JACK client with a MIDI output that plays at exact frames.

    Args:
        client: its name.
    """

    def __init__(self, client: str = "pianist") -> None:
        super().__init__("pianist", client)
        self.sample_rate = int(self.greeting)

    def play(self, distances: list[int], hexadecimal: str) -> None:
        """Play a message again and again, so many frames after the one before, and wait."""
        self.ask("play", distances, hexadecimal)
        assert wait_until(lambda: not self.ask("left"))


class Desk(Peer):
    """A JACK client with a MIDI input, as a desk with motor faders has one.

    Args:
        client: its name.
    """

    def __init__(self, client: str = "desk") -> None:
        super().__init__("desk", client)

    def came(self) -> list[str]:
        """The messages that came so far, in hexadecimal."""
        return list(self.ask("came"))


def sine_fit(audio: Samples, frequency_hz: float, sample_rate: int) -> tuple[float, float]:
    """Amplitude of the sine of that frequency that fits best, and the largest deviation from it."""
    phase = 2 * np.pi * frequency_hz * np.arange(len(audio)) / sample_rate
    basis = np.stack((np.sin(phase), np.cos(phase)), axis=1)
    weights, *_ = np.linalg.lstsq(basis, audio.astype(np.float64), rcond=None)
    return float(np.hypot(*weights)), float(np.abs(audio - basis @ weights).max())


def silences(audio: Samples, shortest: int = 16) -> list[tuple[int, int]]:
    """Runs of at least `shortest` exact zeros, as (start, length)."""
    zero = np.concatenate(([0], (audio == 0).astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(zero))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [(int(a), int(b - a)) for a, b in runs if b - a >= shortest]
