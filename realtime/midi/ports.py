"""MIDI ports by name, over python-rtmidi: what there is, and opening one.

python-rtmidi is used directly: it hands over what the port delivers, whole messages on ALSA,
CoreMIDI, WinMM and JACK, with no tokenizer between that would lose notes around clock bytes. Its
calls keep the interpreter, and JACK's can wait for ever; who must not wait uses `MidiInput`.
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
    """Names of the MIDI ports of a direction, "input" or "output"; empty where there are none.

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
    """The wanted API, "" for any; "" takes what SYNTH_MIDI_API says.

    Raises:
        ConfigError: this build doesn't know it.
    """
    wanted = api or os.environ.get(API_VARIABLE, "")
    built = available_apis()
    if wanted and wanted not in built:
        raise ConfigError(f"MIDI API {wanted!r} is not in this build; known are {', '.join(built)}")
    return wanted


def new_client(api: str, direction: str = "input") -> tuple[str, Any]:
    """The API in use and an unopened rtmidi client of a direction ("input" or "output"): of the
    wanted API, or of the first that works.

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
    """A port's name without what another plugging in changes."""
    return _NUMBERS.sub("", name)


def open_port(client: Any, api: str, wanted: str | None) -> tuple[str, bool]:
    """Open a port; its name, and whether it was made here.

    Args:
        client: from `new_client`; api: in use.
        wanted: a part of the name, upper or lower case, its full name first; None takes the first
            port there is, and where there is none makes a virtual port "synth".

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
