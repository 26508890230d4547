"""`MidiInput`: a MIDI port, its bytes decoded to events.

The port is held by a process of its own (`realtime.midi_child`): a MIDI library can hang, JACK's
does when its server stalls, and takes its whole process along. A process that hangs or whose port
vanished is replaced by one that waits for the port.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import synth.contract as contract
from realtime.event import NOW, Event
from realtime.link import encode
from realtime.midi import MidiDecoder, MidiParser
from realtime.midi_ports import check_api, lasting
from realtime.process import ChildProcess, Note
from realtime.sources import Mover
from synth.contract import DeviceError, SynthError

START_S = 10.0
SILENCE_S = 3.0
LEAVE_S = 1.0
_HOLDING = ("/sustain", "/pitch_bend")


class MidiInput:
    """Listens from construction to `close`; a context manager.

    Args:
        port: a part of a port's name (upper or lower case), its full name first; None takes the
            first port there is, and where there is none makes a virtual port "synth" that others
            connect to.
        sink: takes each event, in order, on a thread of this object or on the one that calls
            `check`, `renew` or `close`; must not block. What it raises is counted as `dropped`.
        mapping: what controllers move; `mapping` can be replaced while the port is open.
        api: "alsa", "coremidi", "winmm" or "jack"; "" takes the environment's SYNTH_MIDI_API, else
            the first of them that works here.

    Attributes:
        name: of the port; api: in use; virtual: whether the port was made here.

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs or answers, or no port fits; the message lists the ports.
    """

    def __init__(
        self,
        port: str | None,
        sink: Callable[[Event], None],
        mapping: Mover,
        api: str = "",
    ) -> None:
        self._sink = sink
        self._decoder, self._parser = MidiDecoder(mapping), MidiParser()
        self._dropped = 0
        self._held: dict[str, float] = {}
        self.last_error = ""
        self.name, self.api, self.virtual = "", check_api(api), False
        self._wanted, self._there, self._closed = port, False, False
        self._gone = False
        self._error: SynthError | None = None
        self._changed = threading.Condition()
        self._process: ChildProcess | None = None
        self._start(wait=False)
        with self._changed:
            self._changed.wait_for(lambda: self._there or self._error, START_S)
            error = self._error
        if not self._there:
            self.close()
            raise error or DeviceError("the MIDI system doesn't answer; restart it, or play by OSC")
        if not self.virtual:
            self._wanted = port or lasting(self.name)

    @property
    def mapping(self) -> Mover:
        """What controllers move now."""
        return self._decoder.mapping

    @mapping.setter
    def mapping(self, mapping: Mover) -> None:
        self._decoder.mapping = mapping

    @property
    def counters(self) -> dict[str, int]:
        """`messages`, `ignored` and `malformed` ones, events `dropped` because the sink failed."""
        return {**self._decoder.counters, "dropped": self._dropped}

    def check(self) -> bool:
        """Whether the port is there. Never waits; meant to be called about once a second.

        An unplugged port says nothing by itself, and the ends of its notes are lost: they are ended
        as soon as it is missed. A port that is plugged in again is opened again.
        """
        if self._closed:
            return False
        with self._changed:
            there, gone = self._there, self._gone
            silent = time.monotonic() - self._heard > SILENCE_S
        if gone or silent:
            self.renew()
            return False
        return there

    def renew(self) -> None:
        """Let go of the port and wait for it anew, as after the loss of a JACK server, which takes
        its ports along without a word."""
        if not self._closed:
            self._leave(0.0)
            self._start(wait=True)

    def close(self) -> None:
        """End all notes and give the port back. May be called twice."""
        if not self._closed:
            self._closed = True
            self._leave(LEAVE_S)

    def __enter__(self) -> MidiInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, wait: bool) -> None:
        self._heard = time.monotonic()
        process = ChildProcess(self._take, "realtime.midi_child")
        with self._changed:
            self._process, self._gone = process, False
        setup = {"port": self._wanted, "api": self.api, "wait": wait}
        process.outbox.put_message(encode("setup", **setup))

    def _leave(self, patience: float) -> None:
        """End the process, whatever it is doing, and what it held."""
        with self._changed:
            process, self._process = self._process, None
        if process is not None:
            process.outbox.close()
            if process.reap(patience) is None:
                process.kill()
                process.reap()
        self._release()

    def _take(self, note: Note) -> None:
        """What the process says, on its reader's thread."""
        process, message = note
        kind = message["kind"]
        with self._changed:
            # The first words can come before the constructor has the process in its hands.
            if process is not (self._process or process):
                return
            self._heard = time.monotonic()
            self._note(kind, message)
            self._changed.notify_all()
        if kind == "midi":
            for data in self._parser.feed(bytes.fromhex(message["data"])):
                for event in self._decoder.decode(data):
                    self._give(event)
        elif kind == "gone":
            self._release()

    def _note(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "open":
            self.name, self.api = str(message["name"]), str(message["api"])
            self.virtual, self._there = bool(message["virtual"]), True
        elif kind == "error":
            raised = getattr(contract, str(message["name"]), SynthError)
            self._error = raised(str(message["message"]))
        elif kind == "gone":
            self._gone = True
            self._error = self._error or DeviceError(
                "the MIDI system ended the process that opened it"
            )

    def _release(self) -> None:
        """Let go of everything that this port holds: pedal and wheel if moved, then the notes."""
        with self._changed:
            there, self._there = self._there, False
        if not there:
            return
        for target in _HOLDING:
            if self._held.get(target):
                self._give(Event(NOW, target, (0.0,)))
        self._give(Event(NOW, "/all_notes_off"))

    def _give(self, event: Event) -> None:
        if event.target in _HOLDING:
            self._held[event.target] = event.value[0]
        try:
            self._sink(event)
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end the MIDI thread
            self._dropped += 1
            self.last_error = f"{event.target}: {type(error).__name__}: {error}"
