"""`JackInput`: a JACK MIDI input that knows the frame at which every message came.

RtMidi knows only the cycle, which with a large period is no better than the start of the block.
`JackInput` is used if the package JACK-Client is installed (the extra `jack`); it has those methods
of `rtmidi.MidiIn` that `realtime.midi.port_process` calls.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from synth.contract import DeviceError

_WRAP = 1 << 32  # JACK counts frames in 32 bits
_SYSEX = 0xF0
MAX_WAITING = 4_096
CYCLE_S = 0.5  # now and then the server doesn't call a new client …
STARTS = 3  # … but it does call the next one

Received = tuple[list[int], float, float]


def available() -> bool:
    """Whether the package and the library that it needs are installed."""
    try:
        import jack  # noqa: F401 - whether it loads is the question
    except (ImportError, OSError):
        return False
    return True


class JackInput:
    """A client of a JACK server with one MIDI input.

    Args:
        name: of the client; the server adds a number if the name is taken.

    Raises:
        DeviceError: no server answers.
    """

    def __init__(self, name: str) -> None:
        import jack

        for silence in (jack.set_error_function, jack.set_info_function):
            silence(lambda message: None)
        self._name = name
        self._client = self._enter()
        self._port: Any = None
        self._called = threading.Event()
        self._told: Callable[[Received, object], None] | None = None
        self._last: int | None = None
        self.lost = 0
        # The server waits for its clients, so everything that may take time is on another thread.
        self._waiting: queue.Queue[Received | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._tell, name="jack midi", daemon=True)

    def get_ports(self) -> list[str]:
        """Names of the JACK MIDI outputs that this input can listen to."""
        return [port.name for port in self._client.get_ports(is_midi=True, is_output=True)]

    def ignore_types(self, **kinds: bool) -> None:
        """System exclusive is ignored always."""

    def set_callback(self, told: Callable[[Received, object], None]) -> None:
        """Set the function that takes messages, on a thread of this object, as their cycle starts.

        Args:
            told: called with a triple and None. The triple is the message's bytes, the seconds
                between the starts of the previous message's cycle and of its own, and the seconds
                from the start of its cycle to the message.
        """
        self._told = told

    def open_port(self, index: int, name: str) -> None:
        """Listen to another client's output.

        Args:
            index: its place in `get_ports`.
            name: of our own port.

        Raises:
            DeviceError: the output has gone, or the server never calls this client.
        """
        import jack

        sources = self.get_ports()
        self.open_virtual_port(name)
        try:
            self._client.connect(sources[index], self._port)
        except (IndexError, jack.JackError) as error:
            raise DeviceError(f"the MIDI port is gone ({error}); plug it in again") from None

    def open_virtual_port(self, name: str) -> None:
        """Make a port of that name, for others to connect to.

        Raises:
            DeviceError: the server never calls this client.
        """
        if not self._thread.is_alive():
            self._thread.start()
        for _ in range(STARTS):
            self._port = self._client.midi_inports.register(name)
            self._client.set_process_callback(self._process)
            self._client.activate()
            if self._called.wait(CYCLE_S):
                return
            self._client.close()
            self._client = self._enter()
        raise DeviceError("the JACK server doesn't serve this client; restart it, or play by OSC")

    def close_port(self) -> None:
        """Stop listening."""
        self._client.deactivate()

    def delete(self) -> None:
        """Leave the server."""
        self._client.close()

    def _enter(self) -> Any:
        import jack

        try:
            return jack.Client(self._name, no_start_server=True)
        except jack.JackError as error:
            raise DeviceError(f"no JACK server answers ({error})") from None

    def _process(self, frames: int) -> None:
        self._called.set()
        began = self._client.last_frame_time
        for offset, data in self._port.incoming_midi_events():
            message = bytes(data)
            if not message or message[0] == _SYSEX:
                continue
            since = 0 if self._last is None else (began - self._last) % _WRAP
            self._last = began
            rate = self._client.samplerate
            try:
                self._waiting.put_nowait((list(message), since / rate, offset / rate))
            except queue.Full:
                self.lost += 1

    def _tell(self) -> None:
        while (received := self._waiting.get()) is not None:
            if self._told is not None:
                self._told(received, None)
