"""`MidiInput`: a MIDI port, its bytes decoded to events on the driver's own thread.

python-rtmidi is used directly: it hands over what the port delivers, whole messages on ALSA,
CoreMIDI, WinMM and JACK, with no tokenizer between that would lose notes around clock bytes.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from realtime.event import NOW, Event
from realtime.mapping import MidiMapping
from realtime.midi import MidiDecoder, MidiParser
from synth.contract import ConfigError, DeviceError

CLIENT = "synth"
API_VARIABLE = "SYNTH_MIDI_API"
# rtmidi's names, the preferred one of a platform first.
APIS = {
    "alsa": "API_LINUX_ALSA",
    "coremidi": "API_MACOSX_CORE",
    "winmm": "API_WINDOWS_MM",
    "jack": "API_UNIX_JACK",
}
_NO_VIRTUAL_PORTS = ("winmm",)
_HOLDING = ("/sustain", "/pitch_bend")
_NUMBERS = re.compile(r" \d+:\d+\Z")  # ALSA's, other ones after the next plugging in


class MidiInput:
    """Listens from construction to `close`; a context manager.

    Args:
        port: a part of a port's name (upper or lower case), its full name first; None takes the
            first port there is, and where there is none makes a virtual port "synth" that others
            connect to.
        sink: takes each event, in order, on the MIDI driver's thread (the last ones on the thread
            that calls `check` or `close`); must not block. What it raises is counted as `dropped`.
        mapping: what controllers move; `mapping` can be replaced while the port is open.
        api: "alsa", "coremidi", "winmm" or "jack"; "" takes the environment's SYNTH_MIDI_API, else
            the first of them that works here.

    Attributes:
        name: of the port; api: in use; virtual: whether the port was made here.

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs, or no port fits; the message lists the ports.
    """

    def __init__(
        self,
        port: str | None,
        sink: Callable[[Event], None],
        mapping: MidiMapping,
        api: str = "",
    ) -> None:
        self._sink = sink
        self._decoder, self._parser = MidiDecoder(mapping), MidiParser()
        self._dropped = 0
        self._held: dict[str, float] = {}
        self.last_error = ""
        self.api, self._port = _client(api)
        self._port.ignore_types(sysex=True, timing=True, active_sense=True)
        try:
            self.name, self.virtual = self._open(port)
        except BaseException:
            self._port.delete()
            raise
        self._wanted = port or _NUMBERS.sub("", self.name)
        self._there = True

    def _open(self, wanted: str | None) -> tuple[str, bool]:
        self._port.set_callback(self._receive)  # closing a port forgets it
        names = _names(self._port)
        if wanted is None:
            # ALSA's "Midi Through" is a loop for programs, never somebody's keyboard.
            players = [name for name in names if "through" not in name.lower()]
            if not players and self.api not in _NO_VIRTUAL_PORTS:
                self._port.open_virtual_port(CLIENT)
                return CLIENT, True
            wanted = (players or [""])[0]
        index = _choose(names, wanted, self.api)
        self._port.open_port(index, CLIENT)
        return names[index], False

    @property
    def mapping(self) -> MidiMapping:
        """What controllers move now."""
        return self._decoder.mapping

    @mapping.setter
    def mapping(self, mapping: MidiMapping) -> None:
        self._decoder.mapping = mapping

    @property
    def counters(self) -> dict[str, int]:
        """`messages`, `ignored` and `malformed` ones, events `dropped` because the sink failed."""
        return {**self._decoder.counters, "dropped": self._dropped}

    def check(self) -> bool:
        """Whether the port is there. Cheap; meant to be called about once a second.

        An unplugged port says nothing by itself, and the ends of its notes are lost: they are ended
        here. A port that is plugged in again is opened again.
        """
        if self._port.is_deleted:
            return False
        if self.virtual:
            return True
        there = self.name in _names(self._port)
        if self._there and not there:
            self._there = False
            self._port.close_port()
            self._release()
        elif not self._there:
            with contextlib.suppress(DeviceError):
                self.name, self.virtual = self._open(self._wanted)
                self._there = True
        return self._there

    def close(self) -> None:
        """End all notes and give the port back. May be called twice."""
        if not self._port.is_deleted:
            self._port.cancel_callback()
            self._port.close_port()
            self._port.delete()
            self._release()

    def __enter__(self) -> MidiInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, delivered: tuple[list[int], float], _: object = None) -> None:
        for message in self._parser.feed(delivered[0]):
            for event in self._decoder.decode(message):
                self._give(event)

    def _release(self) -> None:
        """Let go of everything that this port holds: pedal and wheel if moved, then the notes."""
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


def list_ports(api: str = "") -> list[str]:
    """Names of the MIDI inputs; empty where there are none.

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs here.
    """
    _, port = _client(api)
    try:
        return _names(port)
    finally:
        port.delete()


def available_apis() -> list[str]:
    """The APIs that python-rtmidi was built with, the preferred one first."""
    import rtmidi

    built = rtmidi.get_compiled_api()
    return [name for name, constant in APIS.items() if getattr(rtmidi, constant, None) in built]


def _client(api: str) -> tuple[str, Any]:
    """An unopened rtmidi input of the wanted API, or of the first that works."""
    import rtmidi

    wanted = api or os.environ.get(API_VARIABLE, "")
    built = available_apis()
    if wanted and wanted not in built:
        raise ConfigError(f"MIDI API {wanted!r} is not in this build; known are {', '.join(built)}")
    reasons = []
    for name in [wanted] if wanted else built:
        if name == "alsa" and sys.platform == "linux" and not os.path.exists("/dev/snd/seq"):
            reasons.append("alsa: no /dev/snd/seq")  # asking it would print to the terminal
            continue
        try:
            return name, rtmidi.MidiIn(getattr(rtmidi, APIS[name]), name=CLIENT)
        except rtmidi.RtMidiError as error:
            reasons.append(f"{name}: {error}")
    raise DeviceError(
        f"no MIDI system runs here ({'; '.join(reasons) or 'none is built in'}); load ALSA's"
        " sequencer (modprobe snd-seq) or start JACK, or play by OSC"
    )


def _names(port: Any) -> list[str]:
    return [str(name) for name in port.get_ports()]


def _choose(names: list[str], wanted: str | None, api: str) -> int:
    text = (wanted or "").strip().lower()
    for index, name in enumerate(names):
        if name.lower() == text:
            return index
    for index, name in enumerate(names):
        if text in name.lower():
            return index
    known = ", ".join(names) or "none"
    raise DeviceError(
        f"MIDI port {wanted or 'any'!r} is not there ({api}); ports are: {known}; plug one in or"
        " choose another --midi"
    )
