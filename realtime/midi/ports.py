"""Lists MIDI ports and opens them by name, with python-rtmidi.

python-rtmidi is used directly: it hands over whole messages, as ALSA, CoreMIDI, WinMM and JACK
deliver them, without a tokenizer that would lose notes around clock bytes. Its calls hold the
interpreter, and JACK's can wait for ever; code that must not wait uses `MidiInput`.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from realtime.midi import jack as midi_jack
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
_OWN = re.compile(rf"{CLIENT}(-\d+)?:")  # JACK numbers clients of the same name
_NUMBERS = re.compile(r" \d+:\d+\Z")  # ALSA's, other ones after the next plugging in


def available_apis() -> list[str]:
    """The APIs that python-rtmidi was built with, the preferred one first."""
    import rtmidi

    built = rtmidi.get_compiled_api()
    return [name for name, constant in APIS.items() if getattr(rtmidi, constant, None) in built]


def list_ports(api: str = "", direction: str = "input") -> list[str]:
    """Names of the MIDI ports; empty if there are none.

    Args:
        api: see `check_api`.
        direction: "input" or "output".

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs here.
    """
    _, port = new_client(api, direction)
    try:
        return names(port)
    finally:
        port.delete()


def check_api(api: str) -> str:
    """The name of the API to use, or "" for any.

    Args:
        api: "alsa", "coremidi", "winmm" or "jack"; "" takes the environment's SYNTH_MIDI_API.

    Raises:
        ConfigError: python-rtmidi was built without it.
    """
    wanted = api or os.environ.get(API_VARIABLE, "")
    built = available_apis()
    if wanted and wanted not in built:
        raise ConfigError(f"MIDI API {wanted!r} is not in this build; known are {', '.join(built)}")
    return wanted


def new_client(api: str, direction: str = "input") -> tuple[str, Any]:
    """Make an rtmidi client without a port; returns the API in use and the client.

    Args:
        api: see `check_api`; "" takes the first one that works.
        direction: "input" or "output".

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs here.
    """
    import rtmidi

    wanted = check_api(api)
    reasons = []
    for name in [wanted] if wanted else available_apis():
        if name == "alsa" and sys.platform == "linux" and not os.path.exists("/dev/snd/seq"):
            reasons.append("alsa: no /dev/snd/seq")  # asking it would print to the terminal
            continue
        try:
            if name == "jack" and direction == "input" and midi_jack.available():
                return name, midi_jack.JackInput(CLIENT)
            kind = rtmidi.MidiOut if direction == "output" else rtmidi.MidiIn
            return name, kind(getattr(rtmidi, APIS[name]), name=CLIENT)
        except (rtmidi.RtMidiError, DeviceError) as error:
            reasons.append(f"{name}: {error}")
    raise DeviceError(
        f"no MIDI system runs here ({'; '.join(reasons) or 'none is built in'}); load ALSA's"
        " sequencer (modprobe snd-seq) or start JACK, or play by OSC"
    )


def names(client: Any) -> list[str]:
    """Names of the ports that an rtmidi client sees."""
    return [str(name) for name in client.get_ports()]


def lasting(name: str) -> str:
    """A port's name without the numbers that change when it is plugged in again."""
    return _NUMBERS.sub("", name)


def open_port(client: Any, api: str, wanted: str | None) -> tuple[str, bool]:
    """Open a port; returns its name, and whether it was made here.

    Args:
        client: from `new_client`.
        api: the API in use.
        wanted: a name or a part of it (upper or lower case; a full name is preferred); None takes
            the first port and, if there is none, makes a virtual port "synth".

    Raises:
        DeviceError: no port fits; the message lists those there are.
    """
    found = names(client)
    if wanted is None:
        # ALSA's "Midi Through" is a loop for programs, never somebody's keyboard; and what we send
        # must not come back to us.
        players = [name for name in found if "through" not in name.lower() and not _OWN.match(name)]
        if not players and api not in _NO_VIRTUAL_PORTS:
            client.open_virtual_port(CLIENT)
            return CLIENT, True
        wanted = (players or [""])[0]
    index = _choose(found, wanted, api)
    client.open_port(index, CLIENT)
    return found[index], False


def _choose(found: list[str], wanted: str, api: str) -> int:
    text = wanted.strip().lower()
    for index, name in enumerate(found):
        if name.lower() == text:
            return index
    for index, name in enumerate(found):
        if text in name.lower():
            return index
    known = ", ".join(found) or "none"
    raise DeviceError(
        f"MIDI port {wanted or 'any'!r} is not there ({api}); ports are: {known}; plug one in or"
        " choose another --midi or --midi-out"
    )
