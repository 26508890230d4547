"""JACK clients for tests: one that hears what a port says, one that speaks into a port."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import jack
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
LEAVE_S = 3.0


def wait_until(condition, timeout: float = 5.0) -> bool:  # type: ignore[no-untyped-def]
    """Wait until `condition()` is true; False after `timeout` s."""
    patience = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.005)
    return True


def leave(client: jack.Client) -> None:
    """Close a client; but a server that doesn't answer is not waited for.

    JACK sometimes never answers `jack_deactivate` while other clients are late. The server of a
    test is stopped right afterwards, which ends that wait as well.
    """

    def close() -> None:
        client.deactivate()
        client.close()

    thread = threading.Thread(target=close, daemon=True)
    thread.start()
    thread.join(LEAVE_S)


class Listener:
    """Captures the first output port of the client whose name begins with `source`.

    Blocks come with the server's frame times, so cycles that this client missed itself are known
    and never taken for a gap in the sound.
    """

    def __init__(self, server: str, source: str = "PortAudio") -> None:
        self.blocks: list[tuple[int, Samples]] = []
        self._source = source
        self._client = jack.Client("listener", servername=server, no_start_server=True)
        self._port = self._client.inports.register("in")
        self._client.set_process_callback(self._process)

    def __enter__(self) -> Self:
        self._client.activate()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave(self._client)

    def connect(self, timeout: float = 5.0) -> None:
        """Wait for the source's port and connect to it."""

        def ports():  # type: ignore[no-untyped-def]
            return self._client.get_ports(f"{self._source}.*:", is_audio=True, is_output=True)

        assert wait_until(ports, timeout), f"no port of {self._source}"
        self._client.connect(ports()[0], self._port)

    def audio(self) -> Samples:
        """All that was heard so far; what this client missed itself is left out."""
        return np.concatenate([block for _, block in self.blocks] or [np.zeros(0, np.float32)])

    def missed(self) -> int:
        """Frames that this client missed itself."""
        times = np.array([time for time, _ in self.blocks])
        return int((np.diff(times) - len(self.blocks[0][1])).sum()) if len(times) > 1 else 0

    def _process(self, frames: int) -> None:
        self.blocks.append((self._client.last_frame_time, self._port.get_array().copy()))


class Speaker:
    """Says an impulse of 0.5 into the first input port of `sink`, every `every` frames."""

    def __init__(self, server: str, every: int, sink: str = "PortAudio") -> None:
        self.impulses: list[int] = []
        self._every, self._sink, self._countdown = every, sink, every
        self._client = jack.Client("speaker", servername=server, no_start_server=True)
        self._port = self._client.outports.register("out")
        self._client.set_process_callback(self._process)

    def __enter__(self) -> Self:
        self._client.activate()
        # PortAudio connects its inputs to the hardware's; only this client shall be heard.
        for port in self._client.get_ports(f"{self._sink}.*:", is_audio=True, is_input=True):
            for other in self._client.get_all_connections(port):
                self._client.disconnect(other, port)
            self._client.connect(self._port, port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave(self._client)

    def _process(self, frames: int) -> None:
        out = self._port.get_array()
        out[:] = 0.0
        if self._countdown < frames:
            out[self._countdown] = 0.5
            self.impulses.append(self._client.last_frame_time + self._countdown)
            self._countdown += self._every
        self._countdown -= frames


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
