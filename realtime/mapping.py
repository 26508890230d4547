"""`MidiMapping`: what MIDI controllers move. Read from YAML, or made to fit an instrument."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from realtime.event import NOW, Event
from realtime.namespace import GLOBAL_VALUES, GLOBALS, Namespace
from realtime.sources import Source
from synth.contract import ConfigError, Control, read_yaml

DEFAULT_BEND_RANGE = 2.0  # semitones, as General MIDI
MAX_BEND_RANGE = 96.0
CURVES = ("linear", "exponential")
# Controllers for an instrument's own controls, in the order in which they are given away: mod
# wheel, sound controllers (brightness first), general purpose, and the undefined ones that knob
# boxes send. Free of meanings like volume, pan, expression, banks and pedals.
CONTROLLERS = (1, 74, 71, 73, 72, 75, 76, 77, 78, 79, 70, *range(16, 20), *range(20, 32))
VOLUME = 7
AXES_BY_DEFAULT = 8  # of a vector control
NOT_BY_DEFAULT = ("gate", "velocity", "pitch", "note", "key", "trigger")  # notes move these
_MODE_MESSAGES = 120


@dataclass(frozen=True)
class CcTarget:
    """What one controller moves: `values[v]` goes to `address` when the controller says v."""

    address: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class MidiMapping:
    """What MIDI does besides playing notes.

    Args:
        cc: by controller number, 0 … 119.
        bend_range: semitones up and down at the ends of the pitch wheel, 0 … 96.
        channel: 1 … 16, or None for all.

    Raises:
        ConfigError: a number is out of its range.
    """

    cc: Mapping[int, CcTarget] = field(default_factory=dict)
    bend_range: float = DEFAULT_BEND_RANGE
    channel: int | None = None

    def __post_init__(self) -> None:
        for number in self.cc:
            if not _is_int(number, 0, _MODE_MESSAGES - 1):
                raise ConfigError(
                    f"cc {number!r} is no controller; 0 … 119 is allowed (120 to 127 end notes)"
                )
        if not _is_number(self.bend_range) or not 0 <= self.bend_range <= MAX_BEND_RANGE:
            raise ConfigError(
                f"bend_range is {self.bend_range!r}; 0 … {MAX_BEND_RANGE:g} semitones is allowed"
            )
        if self.channel is not None and not _is_int(self.channel, 1, 16):
            raise ConfigError(f"channel is {self.channel!r}; 1 … 16, or null for all, is allowed")

    def moved(self, source: Source, position: float, time: int = NOW) -> tuple[Event, ...]:
        """See `realtime.sources.Mover`."""
        target = self.cc.get(int(source.number)) if source.kind == "cc" else None
        if target is None:
            return ()
        return (Event(time, target.address, (target.values[round(127 * position)],)),)


def default_mapping(namespace: Namespace) -> MidiMapping:
    """A mapping for instruments that nobody has written one for.

    CC 7 moves the gain as General MIDI's volume does. The mod wheel (CC 1) moves the first control
    from its default to its maximum, because a wheel rests at 0; the other `CONTROLLERS` move the
    next ones over their whole range. Vectors give their first 8 elements, the vector `latent`
    before all else; what notes move by themselves is left out.
    """
    order = sorted(namespace.controls.items(), key=lambda item: item[1].name != "latent")
    addresses = []
    for address, control in order:
        if control.name in NOT_BY_DEFAULT:
            continue
        elements = [f"{address}/{i}" for i in range(min(control.size, AXES_BY_DEFAULT))]
        addresses += elements if control.size > 1 else [address]
    cc = {VOLUME: CcTarget("/gain", _volume_table(GLOBALS["/gain"][0]))}
    for number, address in zip(CONTROLLERS, addresses, strict=False):
        found = namespace.find(address)
        if found is not None:
            control = _element(*found)
            low, rest, high = control.minimum[0], control.default[0], control.maximum[0]
            low = rest if number == 1 and rest < high else low
            cc[number] = CcTarget(address, _table(control, low, high, ""))
    return MidiMapping(cc)


def read_mapping(path: str | Path, namespace: Namespace) -> MidiMapping:
    """A mapping from a YAML file; docs/midi.md says how it is written.

    The file's `cc` are all there are: nothing of `default_mapping` is added.

    Raises:
        ConfigError: the file can't be read, a key is unknown, an address is not in the
            `namespace`, a value is out of range. The message names file and key.
    """
    data = read_yaml(path)
    try:
        _refuse_unknown(data, ("cc", "bend_range", "channel"), "")
        given = data.get("cc") or {}
        if not isinstance(given, dict):
            raise ConfigError("cc needs lines like '1: {target: /codec/position}'")
        mapping = MidiMapping(
            bend_range=data.get("bend_range", DEFAULT_BEND_RANGE), channel=data.get("channel")
        )
        return replace(mapping, cc={n: _target(n, entry, namespace) for n, entry in given.items()})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _target(number: Any, entry: Any, namespace: Namespace) -> CcTarget:
    key = f"cc {number}"
    if isinstance(entry, str):
        entry = {"target": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("target"), str):
        raise ConfigError(f"{key}: needs an address, as in '{{target: /codec/position}}'")
    _refuse_unknown(entry, ("target", "min", "max", "curve"), f"{key}: ")
    address = entry["target"]
    found = namespace.find(address)
    if found is None:
        raise ConfigError(
            f"{key}: nothing has the address {address!r}{_advice(address, namespace)}"
        )
    whole, index = found
    if whole.size > 1 and index is None:
        raise ConfigError(
            f"{key}: {address} has {whole.size} elements; choose one of {address}/0 …"
            f" {address}/{whole.size - 1}"
        )
    control = _element(whole, index)
    ends = [
        _end(key, name, entry.get(name, end[0]), control)
        for name, end in (("min", control.minimum), ("max", control.maximum))
    ]
    curve = entry.get("curve", "")
    if curve not in ("", *CURVES):
        raise ConfigError(f"{key}: curve is {curve!r}; known are {', '.join(CURVES)}")
    if curve == "exponential" and min(ends) <= 0:
        raise ConfigError(
            f"{key}: an exponential curve needs min and max above 0, got {ends[0]:g} and"
            f" {ends[1]:g}"
        )
    return CcTarget(address, _table(control, ends[0], ends[1], curve))


def _end(key: str, name: str, value: Any, control: Control) -> float:
    low, high = control.minimum[0], control.maximum[0]
    if not _is_number(value) or not low <= value <= high:
        unit = f" {control.unit}" if control.unit else ""
        raise ConfigError(f"{key}: {name} is {value!r}; {low:g} … {high:g}{unit} is allowed")
    return float(value)


def _table(control: Control, low: float, high: float, curve: str) -> tuple[float, ...]:
    """The value for each of the 128 positions, from low to high (which may be below low)."""
    curve = curve or control.curve
    if curve == "exponential":
        values = [low * (high / low) ** (v / 127) for v in range(128)]
    else:
        values = [low + (high - low) * (v / 127) for v in range(128)]
    values[0], values[-1] = low, high  # exactly
    if control.curve in ("integer", "toggle"):
        values = [float(round(v)) for v in values]
    return tuple(values)


def _volume_table(gain: Control) -> tuple[float, ...]:
    """dB for controller 7: 40 log10(v / 127) (General MIDI level 1 developer guidelines)."""
    return tuple(
        max(gain.minimum[0], 40 * math.log10(v / 127)) if v else gain.minimum[0] for v in range(128)
    )


def _element(control: Control, index: int | None) -> Control:
    """One element of a control as a control of its own."""
    i = index or 0
    return replace(
        control,
        size=1,
        minimum=(control.minimum[i],),
        maximum=(control.maximum[i],),
        default=(control.default[i],),
    )


def _advice(address: str, namespace: Namespace) -> str:
    known = [*namespace.controls, *GLOBAL_VALUES]
    near = difflib.get_close_matches(address[:64], known, 3, 0.5) or known[:8]
    return f"; try {', '.join(near)}"


def _refuse_unknown(data: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(f"{where}unknown key {key!r}; known are {', '.join(known)}")


def _is_int(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
