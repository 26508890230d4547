"""Lists the audio devices, and finds the one that a person means.

Importing sounddevice initialises PortAudio, so the import stays inside the functions: a process
that only supervises never touches an audio library.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import asdict, dataclass
from typing import Any

from synth.contract import DeviceError

KINDS = ("output", "input")
_CLIENT = ctypes.c_char_p(b"synth")  # here for good: PortAudio keeps the pointer


@dataclass(frozen=True)
class AudioDevice:
    """One device of one host API.

    Args:
        index: PortAudio's number.
        name: the device's name, as the host gives it.
        host: the audio system: "ALSA", "JACK …", "WASAPI" …
        outputs, inputs: channels.
        sample_rate: the device's own, in Hz.
        output_latency_ms, input_latency_ms: promised by the host at its smallest setting.
        default_output, default_input: whether it is used when no device is named.
    """

    index: int
    name: str
    host: str
    outputs: int
    inputs: int
    sample_rate: int
    output_latency_ms: float
    input_latency_ms: float
    default_output: bool = False
    default_input: bool = False

    @property
    def label(self) -> str:
        """Name and host, which together identify the device the next time."""
        return f"{self.name} [{self.host}]"

    def channels(self, kind: str) -> int:
        """Number of channels of a `kind`, "output" or "input"."""
        return self.outputs if kind == "output" else self.inputs

    def to_dict(self) -> dict[str, Any]:
        """All fields as a JSON-ready dictionary."""
        return asdict(self)


def portaudio() -> Any:
    """Import the sounddevice module, which initialises PortAudio.

    Raises:
        DeviceError: the library is missing; the message says how to install it.
    """
    if "sounddevice" not in sys.modules:
        _name_jack_client()
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        raise DeviceError(
            f"PortAudio can't be loaded ({error}); install it (Debian: apt install libportaudio2)"
            " or play with --driver null"
        ) from None
    return sounddevice


def _name_jack_client() -> None:
    """Let PortAudio call its JACK client "synth" instead of "PortAudio".

    It takes a name only before it is initialised, which the import of sounddevice does.
    """
    try:
        library = ctypes.CDLL("libportaudio.so.2")  # as sounddevice loads it
        library.PaJack_SetClientName(_CLIENT)
    except (OSError, AttributeError):
        return  # another system, or a build without JACK


def list_devices(rescan: bool = False) -> list[AudioDevice]:
    """All devices, in PortAudio's order.

    Args:
        rescan: whether to look again for plugged-in devices and running servers; only for a process
            without an open stream.

    Raises:
        DeviceError: PortAudio is missing or can't be initialised.
    """
    sounddevice = portaudio()
    try:
        if rescan:
            sounddevice._terminate()
            sounddevice._initialize()
        hosts = sounddevice.query_hostapis()
        found = [dict(device) for device in sounddevice.query_devices()]
    except sounddevice.PortAudioError as error:
        raise DeviceError(
            f"PortAudio can't list the devices ({error}); restart the audio system, or play with"
            " --driver null"
        ) from None
    default_in, default_out = _defaults(hosts)
    return [
        AudioDevice(
            index=int(d["index"]),
            name=str(d["name"]),
            host=str(hosts[d["hostapi"]]["name"]),
            outputs=int(d["max_output_channels"]),
            inputs=int(d["max_input_channels"]),
            sample_rate=round(d["default_samplerate"]),
            output_latency_ms=round(1000 * d["default_low_output_latency"], 2),
            input_latency_ms=round(1000 * d["default_low_input_latency"], 2),
            default_output=d["index"] == default_out,
            default_input=d["index"] == default_in,
        )
        for d in found
    ]


def find_device(devices: list[AudioDevice], wanted: str = "", kind: str = "output") -> AudioDevice:
    """Find the device that a person means.

    Args:
        devices: those that `list_devices` found.
        wanted: its index, its label, or a part of the label (upper or lower case); "" for the
            default one.
        kind: "output" or "input".

    Raises:
        DeviceError: none or several fit; the message lists the devices of that kind.
    """
    able = [d for d in devices if d.channels(kind) > 0]
    if not wanted:
        chosen = [d for d in able if (d.default_output if kind == "output" else d.default_input)]
        if chosen or able:
            return (chosen or able)[0]
        raise DeviceError(
            f"no {kind} device found; plug one in or start the JACK server, or play with"
            " --driver null"
        )
    text = wanted.strip().lower()
    fits = [d for d in able if text in (str(d.index), d.label.lower(), d.name.lower())]
    fits = fits or [d for d in able if text in d.label.lower()]
    if len(fits) == 1:
        return fits[0]
    known = ", ".join(f"{d.index} {d.label}" for d in (fits or able)) or "none"
    problem = "fits several" if fits else "is not there"
    raise DeviceError(f"{kind} device {wanted!r} {problem}; choose from: {known}")


def _defaults(hosts: Any) -> tuple[int, int]:
    """Indices of the default input and output: JACK's if a server runs (somebody started it), else
    those of the first host that has one."""
    order = sorted(hosts, key=lambda host: "JACK" not in host["name"])
    inputs = [h["default_input_device"] for h in order if h["default_input_device"] >= 0]
    outputs = [h["default_output_device"] for h in order if h["default_output_device"] >= 0]
    return (inputs or [-1])[0], (outputs or [-1])[0]
