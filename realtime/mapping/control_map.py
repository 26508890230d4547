"""`ControlMap`: which knob, key, fader or macro moves which control, and how.

Read from YAML by `realtime.mapping.file`, or made to fit an instrument by `default_mapping`. A
session uses it through `realtime.mapping.mapper`, which adds pick-up and learning.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from realtime.mapping.pad import Pad
from realtime.mapping.relative import STEPS, steps_of
from realtime.namespace.address import Address, element_of
from realtime.namespace.elements import element
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import glide
from realtime.namespace.global_addresses import GLOBAL_VALUES, MAP_CONTROLS
from realtime.namespace.namespace import Namespace
from realtime.namespace.parts import is_part
from realtime.namespace.sources import ANY_CHANNEL, Source
from synth.contract import ConfigError, Control
from synth.contract.curves import BENT, WHOLE
from synth.contract.roles import NOTE, TRANSPORT, mover

DEFAULT_BEND_RANGE = 2.0  # semitones, as General MIDI
MAX_BEND_RANGE = 96.0
MAX_SMOOTHING_MS = 60_000.0
MAX_BINDINGS = 4_096
CURVES = ("linear", "exponential", "volume", "control")
# Controllers for an instrument's own controls, in the order in which they are assigned: mod wheel,
# sound controllers (brightness first), general purpose, and the undefined ones that knob boxes
# send. None of them already means volume, pan, expression, a bank or a pedal.
CONTROLLERS = (1, 74, 71, 73, 72, 75, 76, 77, 78, 79, 70, *range(16, 20), *range(20, 32))
AXES_BY_DEFAULT = 8  # of a vector control
DEFAULT_PAD = "plane"
_RANK = {"latent": 0, "transpose": 2}  # order of roles in the default map; others: 1


class MappingError(ConfigError):
    """A mistake in a map. `where` is the path to it in the file: keys and indices."""

    def __init__(self, where: tuple[str | int, ...], text: str) -> None:
        super().__init__(text)
        self.where = where


@dataclass(frozen=True)
class Binding:
    """One source that moves one control.

    Args:
        source: the knob, key, fader or macro; target: address of a control with one element, or of
            one element of a vector.
        low, high: the control's values at the two ends of the source; low may be above high.
        curve: from low to high: "linear", "exponential" (equal ratios), "volume" (high dB +
            40 log10 of the position, at least low: General MIDI level 1 developer guidelines), or
            "control": that of the control's fader.
        whole: whether the control takes whole numbers only.
        pickup: whether the source has to meet the control's value before it moves it.
        smoothing_ms: time of the glide to each new value, 0 … 60 000 ms.
        span: the numbers that an OSC source sends at its two ends; they differ.
        relative: the encoding in which an endless encoder sends its steps, see `mapping.relative`;
            "" for sources that send their position.
        control: of one element, where `curve` is "control".
    """

    source: Source
    target: str
    low: float = 0.0
    high: float = 1.0
    curve: str = "linear"
    whole: bool = False
    pickup: bool = False
    smoothing_ms: float = 0.0
    span: tuple[float, float] = (0.0, 1.0)
    relative: str = ""
    control: Control | None = None

    def value(self, position: float) -> float:
        """The control's value for a position; exact at both ends.

        Args:
            position: of the source, in the numbers of `span`; beyond an end counts as the end.
        """
        first, last = self.span
        share = (position - first) / (last - first)
        if share <= 0:
            value = self.low
        elif share >= 1:
            value = self.high
        elif self.curve == "volume":
            value = max(self.low, self.high + 40 * math.log10(share))
        elif self.curve == "exponential":
            value = self.low * (self.high / self.low) ** share
        elif self.control is not None:
            first, last = (_position(self.control, end) for end in (self.low, self.high))
            value = float(self.control.from_unit(first + (last - first) * share)[0])
        else:
            value = self.low + (self.high - self.low) * share
        return float(round(value)) if self.whole else value

    def share(self, value: float) -> float:
        """The position of the source, 0 … 1, that gives a value: the inverse of `value`.

        Args:
            value: of the control, in its unit; outside low … high counts as the nearer end.
        """
        if self.low == self.high:
            return 0.0
        if self.curve == "volume":
            share = 10 ** ((value - self.high) / 40)
        elif self.curve == "exponential":
            share = math.log(max(value, 1e-30) / self.low) / math.log(self.high / self.low)
        elif self.control is not None:
            first, last = (_position(self.control, end) for end in (self.low, self.high))
            share = (_position(self.control, value) - first) / (last - first)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    def turned(self, value: float, position: float) -> float:
        """The control's new value after an endless encoder was turned: whole numbers change by 1 a
        step, others by 1/127 of the range.

        Args:
            value: of the control now, in its unit; position: value of the message / 127, 0 … 1.
        """
        steps = steps_of(self.relative, round(127 * position))
        if self.whole:
            low, high = sorted((self.low, self.high))
            return min(max(round(value) + (steps if self.low <= self.high else -steps), low), high)
        first, last = self.span
        return self.value(first + (last - first) * (self.share(value) + steps / STEPS))

    def event(self, position: float, time: int = NOW) -> Event:
        """The event that sets the control for a position of the source.

        Args:
            position: as for `value`; time: sample of the engine's clock, or `NOW`.
        """
        return glide(self.target, self.smoothing_ms / 1000, (self.value(position),), time)


@dataclass(frozen=True)
class Macro:
    """A control of the map itself, `/macro/<name>`, that moves others by bindings.

    Args:
        name: valid as a control's name; default: its value at the start, 0 … 1.
    """

    name: str
    default: float = 0.0

    @property
    def control(self) -> Control:
        """The macro as a control of the namespace."""
        return replace(MAP_CONTROLS["macro"], name=self.name, default=(self.default,))


@dataclass(frozen=True)
class ControlMap:
    """All bindings beside the playing of notes: a stateless `Mover` of `namespace.sources`.

    Args:
        bindings: at most 4096.
        bend_range: semitones up and down at the ends of the pitch wheel, 0 … 96.
        channel: the only MIDI channel to listen to, 1 … 16, or None for all.
        macros, pads: controls that the map adds to the namespace.
        settings: events to play when the map comes into use.
        mpe: member channels of a lower MPE zone that exists from the start, 0 … 15; 0: no zone.

    Raises:
        MappingError: a number is out of its range.
    """

    bindings: tuple[Binding, ...] = ()
    bend_range: float = DEFAULT_BEND_RANGE
    channel: int | None = None
    macros: tuple[Macro, ...] = ()
    pads: tuple[Pad, ...] = ()
    settings: tuple[Event, ...] = ()
    mpe: int = 0

    def __post_init__(self) -> None:
        if not is_number(self.bend_range) or not 0 <= self.bend_range <= MAX_BEND_RANGE:
            raise MappingError(
                ("bend_range",),
                f"bend_range is {self.bend_range!r}; 0 … {MAX_BEND_RANGE:g} semitones is allowed",
            )
        if self.channel is not None and not is_int(self.channel, 1, 16):
            raise MappingError(
                ("channel",), f"channel is {self.channel!r}; 1 … 16, or null for all, is allowed"
            )
        if not is_int(self.mpe, 0, 15):
            raise MappingError(("mpe",), f"mpe is {self.mpe!r}; 0 … 15 member channels are allowed")
        if len(self.bindings) > MAX_BINDINGS:
            raise MappingError(
                ("bindings",), f"{len(self.bindings)} bindings; {MAX_BINDINGS} can be used"
            )

    @functools.cached_property
    def table(self) -> Mapping[Source, tuple[Binding, ...]]:
        """Bindings by their source."""
        made: dict[Source, list[Binding]] = {}
        for binding in self.bindings:
            made.setdefault(binding.source, []).append(binding)
        return {source: tuple(bindings) for source, bindings in made.items()}

    def bound_to(self, source: Source) -> tuple[Binding, ...]:
        """The bindings of a source: those for its channel, then those for any channel."""
        table = self.table
        found = table.get(source, ())
        if source.channel != ANY_CHANNEL:
            found += table.get(source._replace(channel=ANY_CHANNEL), ())
        return found

    def moved(self, source: Source, position: float, time: int = NOW) -> tuple[Event, ...]:
        """See `realtime.namespace.sources.Mover`. Endless encoders move nothing here: only `Mapper`
        knows the present value of the control, from which they count.

        Args:
            source, position, time: see `Mover.moved`.
        """
        bound = self.bound_to(source)
        return tuple(binding.event(position, time) for binding in bound if not binding.relative)

    @property
    def own_controls(self) -> dict[str, list[Control]]:
        """Macros and pads, for `Namespace.extended`."""
        return {
            "macro": [macro.control for macro in self.macros],
            "pad": [pad.control for pad in self.pads],
        }


def changed_settings(before: ControlMap, after: ControlMap) -> list[Event]:
    """The events to play when one map replaces another: the settings of the new one, and zeros for
    modulations (by pressure, timbre or the beat) that only the old one had set.

    Args:
        before: the old map; after: the new one.
    """
    kept = {event.target for event in after.settings}
    ends = [
        Event(NOW, event.target, (0.0,))
        for event in before.settings
        if event.target not in kept and _is_modulation(event.target)
    ]
    return [*ends, *after.settings]


def default_mapping(namespace: Namespace) -> ControlMap:
    """The map of an instrument for which nobody has written one.

    CC 7 and 11 remain volume and expression of their channels. The mod wheel (CC 1) moves the first
    control from its default to its maximum, because a wheel rests at 0; the other `CONTROLLERS`
    move the next ones over their whole range. Of a vector, the first 8 elements are bound. Latent
    axes come first and transposition last; controls that notes or the transport set are left out.
    The same controls are the axes of the pad `plane`, which has no points yet.

    Args:
        namespace: addresses of the rack.
    """
    order = sorted(namespace.controls.items(), key=lambda item: _RANK.get(item[1].role, 1))
    addresses = []
    for address, control in order:
        if mover(control.role) in (NOTE, TRANSPORT) or is_part(Address.parse(address).plugin):
            continue
        elements = [element_of(address, i) for i in range(min(control.size, AXES_BY_DEFAULT))]
        addresses += elements if control.size > 1 else [address]
    bindings = []
    for number, address in zip(CONTROLLERS, addresses, strict=False):
        found = namespace.find(address)
        if found is not None:
            control = element(*found)
            rest, high = control.default[0], control.maximum[0]
            low = rest if number == 1 and rest < high else None
            bindings.append(bind(Source("cc", number), address, namespace, low=low))
    axes = tuple(a for a in addresses if _glides(namespace, a))[:AXES_BY_DEFAULT]
    return ControlMap(tuple(bindings), pads=(Pad(DEFAULT_PAD, axes),) if axes else ())


def bind(
    source: Source,
    target: Any,
    namespace: Namespace,
    where: tuple[str | int, ...] = (),
    *,
    low: Any = None,
    high: Any = None,
    curve: Any = "",
    pickup: bool = False,
    smoothing_ms: float = 0.0,
    span: tuple[float, float] = (0.0, 1.0),
    relative: str = "",
) -> Binding:
    """A checked binding, by default over the whole range of the control and by its own curve.

    Args:
        source: see `Binding`; target: address of a control in the `namespace`.
        where: path to the binding in its file, for errors.
        low, high: in the control's unit and range; None for its minimum and maximum.
        curve: see `Binding`; "" for the control's own.
        pickup, smoothing_ms, span, relative: see `Binding`.

    Raises:
        MappingError: nothing has the address, it has several elements, or an end is out of range.
    """
    found = namespace.find(target) if isinstance(target, str) else None
    if found is None:
        raise MappingError(
            (*where, "target"), f"nothing has the address {target!r}{_advice(target, namespace)}"
        )
    whole, index = found
    if whole.size > 1 and index is None:
        raise MappingError(
            (*where, "target"),
            f"{target} has {whole.size} elements; choose one of {element_of(target, 0)} …"
            f" {element_of(target, whole.size - 1)}",
        )
    control = element(whole, index)
    first = control.minimum[0] if low is None else _end(where, "min", low, control)
    last = control.maximum[0] if high is None else _end(where, "max", high, control)
    curve = curve or _own_curve(control)
    if curve not in CURVES:
        raise MappingError((*where, "curve"), f"curve is {curve!r}; known are {', '.join(CURVES)}")
    if curve == "exponential" and min(first, last) <= 0:
        raise MappingError(
            (*where, "curve"),
            f"an exponential curve needs min and max above 0, got {first:g} and {last:g}",
        )
    return Binding(
        source, target, first, last, curve, control.curve in WHOLE, pickup, smoothing_ms, span,
        relative, control if curve == "control" else None,
    )  # fmt: skip


def is_int(value: Any, low: int, high: int) -> bool:
    """Whether a value is a whole number from low to high; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _own_curve(control: Control) -> str:
    """The curve of a binding that follows a control's fader."""
    if control.curve in BENT:
        return "control"
    return "exponential" if control.curve == "exponential" else "linear"


def _position(control: Control, value: float) -> float:
    return float(control.to_unit(np.array([value], np.float32))[0])


def _end(where: tuple[str | int, ...], name: str, value: Any, control: Control) -> float:
    low, high = control.minimum[0], control.maximum[0]
    if not is_number(value) or not low <= value <= high:
        unit = f" {control.unit}" if control.unit else ""
        raise MappingError(
            (*where, name), f"{name} is {value!r}; {low:g} … {high:g}{unit} is allowed"
        )
    return float(value)


def _is_modulation(target: str) -> bool:
    address = Address.match(target)
    return address is not None and address.modulation != ""


def _glides(namespace: Namespace, address: str) -> bool:
    found = namespace.find(address)
    return found is not None and found[0].curve not in WHOLE


def _advice(address: Any, namespace: Namespace) -> str:
    known = [*namespace.controls, *GLOBAL_VALUES]
    near = difflib.get_close_matches(str(address)[:64], known, 3, 0.5) or known[:8]
    return f"; try {', '.join(near)}"
