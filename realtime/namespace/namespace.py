"""`Namespace`: knows all addresses, and turns messages to them into events.

OSC, event logs and MIDI maps all use these addresses, so existence, types and ranges are checked in
this one place.
"""

from __future__ import annotations

import difflib
import functools
import math
import struct
from collections.abc import Iterator, Mapping, Sequence

from realtime.namespace.address import Address, element_of, is_plugin_name, parts_of, split_last
from realtime.namespace.buttons import is_release
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import MAX_SECONDS as MAX_GLIDE_S
from realtime.namespace.glide import glide, goal, is_glide
from realtime.namespace.global_addresses import (
    ANSWERS,
    GLOBAL_EVENTS,
    GLOBAL_VALUES,
    IDENT,
    QUESTIONS,
    GlobalEvent,
    channel_address,
)
from realtime.namespace.parts import is_part
from realtime.namespace.sounds import Sounds
from realtime.protocol.osc_decode import NotFiniteError, OscArg
from realtime.protocol.osc_pattern import AddressBook
from synth.contract import BankPatch, ConfigError, Control, Place, ProtocolError
from synth.contract.curves import WHOLE

MAX_SYNC_BEATS = 1_024.0
# First words that no plugin can have as its name.
RESERVED = frozenset(
    {parts_of(address)[0] for address in (*GLOBAL_EVENTS, *QUESTIONS, *ANSWERS)}
    | {"stats", "synth", "meter"}
)
_FLOAT32 = struct.Struct(">f")
_MAX_SUGGESTED_FROM = 60  # a comparison takes some 70 µs, and anybody can cause many


class UnknownAddressError(ProtocolError):
    """Nothing has this address. Similar addresses are searched only when the text is needed.

    Args:
        address: as it was sent.
        known: all addresses there are.
    """

    def __init__(self, address: str, known: Sequence[str]) -> None:
        super().__init__(address)
        self.address, self._known = address, known

    def __str__(self) -> str:
        address = self.address if len(self.address) <= 64 else self.address[:63] + "…"
        plugin = parts_of(address)[:1]
        likely = sorted(self._known, key=lambda known: parts_of(known)[:1] != plugin)
        near = difflib.get_close_matches(address, likely[:_MAX_SUGGESTED_FROM], 3, 0.6)
        advice = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "known are " + ", ".join(self._known[:8])
        )
        return f"nothing has the address {address}; {advice}"


class Namespace:
    """All addresses of a rack and the global ones.

    Args:
        plugins: controls by the plugin's name, in the order of the rack.
        sounds: names of sounds by plugin, for plugins that have any.
        maps: places of the training sounds by plugin, for plugins that have any.
        patches: banks by plugin, for plugins that have one.

    Attributes:
        maps: places by plugin, of the plugins that have any.
        patches: banks by plugin, of the plugins that have one.
        counters: `clamped` (values brought into their range) and `refused` (values that are not
            finite); exact if only one thread resolves.

    Raises:
        ConfigError: a plugin's name can't be an address, or is taken by a global one.
    """

    def __init__(
        self,
        plugins: Mapping[str, Sequence[Control]],
        sounds: Mapping[str, Sequence[str]] | None = None,
        maps: Mapping[str, Sequence[Place]] | None = None,
        patches: Mapping[str, Sequence[BankPatch]] | None = None,
    ) -> None:
        self.sounds = Sounds(sounds or {})
        self.maps = {plugin: tuple(places) for plugin, places in (maps or {}).items() if places}
        self.patches = {plugin: tuple(bank) for plugin, bank in (patches or {}).items() if bank}
        self._controls: dict[str, Control] = {}
        for plugin, controls in plugins.items():
            if not is_plugin_name(plugin) or plugin in RESERVED:
                raise ConfigError(
                    f"plugin name {plugin!r} can't be an OSC address; use up to 64 letters, digits,"
                    f" '_', '-' or '.', and none of {', '.join(sorted(RESERVED))}"
                )
            self._controls.update({str(Address(plugin, c.name)): c for c in controls})
        self._known = [*self._controls, *GLOBAL_EVENTS]
        self._book: AddressBook | None = None  # made when the first pattern comes
        self.counters: dict[str, int] = {"clamped": 0, "refused": 0}

    def extended(self, own: Mapping[str, Sequence[Control]]) -> Namespace:
        """A copy with further controls, those of the control process itself. Its counters begin
        at 0.

        Args:
            own: controls by the first word of their addresses, `/<first>/<name>`.
        """
        made = Namespace({})
        made.sounds, made.maps, made.patches = self.sounds, self.maps, self.patches
        made._controls = dict(self._controls)
        for first, controls in own.items():
            made._controls.update({str(Address(first, c.name)): c for c in controls})
        made._known = [*made._controls, *GLOBAL_EVENTS]
        return made

    def set_by(self, event: Event) -> list[Event]:
        """The controls that the choice of a patch sets, as events.

        Args:
            event: nothing follows from any other than one for a control with the role "sound".
        """
        control, address = self._controls.get(event.target), Address.match(event.target)
        bank = self.patches.get(address.plugin) if address is not None else None
        if control is None or address is None or not bank or control.role != "sound":
            return []
        patch = bank[min(max(round(event.value[0]), 0), len(bank) - 1)]
        return [
            Event(event.time, str(Address(address.plugin, name)), values)
            for name, values in patch.values.items()
        ]

    @property
    def controls(self) -> Mapping[str, Control]:
        """The plugins' controls by address `/<plugin>/<control>`, in order."""
        return self._controls

    def with_role(self, plugin: str, role: str) -> list[str]:
        """The addresses of a plugin's controls that have a role: one or none."""
        return [
            address
            for address, control in self._controls.items()
            if control.role == role and Address.parse(address).plugin == plugin
        ]

    @functools.cached_property
    def value_addresses(self) -> frozenset[bytes]:
        """The addresses at which only the last message counts, as bytes from the wire."""
        values = (address for address in GLOBAL_VALUES if not GLOBAL_EVENTS[address].moment)
        controls = (a for a in self.addresses if a not in GLOBAL_EVENTS)
        return frozenset(address.encode("ascii") for address in (*controls, *values))

    def find(self, address: str) -> tuple[Control, int | None] | None:
        """The control at an address, `GLOBAL_VALUES` included, and the index of the element (None
        for the whole control); None if no control has this address."""
        control = self._controls.get(address)
        if control is not None:
            return control, None
        parsed = Address.match(address)
        if parsed is not None and parsed.is_element:
            owner, index = self._controls.get(parsed.whole), parsed.element or 0
            return (owner, index) if owner is not None and index < owner.size else None
        control = GLOBAL_VALUES.get(address)
        return None if control is None else (control, None)

    def resolve(self, address: str, args: Sequence[OscArg]) -> Event:
        """Turn a message into an event with the time `NOW`.

        Args:
            address: `/<plugin>/<control>`, `/<plugin>/<control>/<i>` (i from 0) or a global one.
            args: numbers (True and False are 1 and 0), or a sound's name where a sound is chosen.
                Values out of range are clamped and counted; where whole numbers are needed, they
                are rounded.

        Raises:
            ProtocolError: unknown address, wrong type or wrong count; the text names what is
                allowed. `NotFiniteError` (counted) for NaN and infinities.
        """
        if args and isinstance(args[0], str):
            args = self._sound_as_number(address, args)
        event = GLOBAL_EVENTS.get(address)
        if event is not None:
            return self._resolve_global(address, event, args)
        if is_glide(address):
            return self._resolve_glide(address, args)
        found = self.find(address)
        if found is None:
            return self._resolve_modulation(address, args)
        control, index = found
        numbers = self._numbers(address, args)
        wanted = control.size if index is None else 1
        if len(numbers) != wanted:
            ends = f"{element_of(address, 0)} … {element_of(address, wanted - 1)}"
            hint = f"; set one by {ends}" if wanted > 1 else ""
            raise ProtocolError(f"needs {_count(wanted)}, got {len(numbers)}{hint}")
        first = index or 0
        values = tuple(self._bounded(control, first + i, v) for i, v in enumerate(numbers))
        if index is not None:
            address = Address.parse(address).text  # without zeros before the index
        return Event(NOW, address, values)

    def resolve_all(self, pattern: str, args: Sequence[OscArg]) -> tuple[Event, ...]:
        """Turn a message to a pattern into events, in the order of the rack.

        There is one for each address that matches and accepts the arguments. Patterns match
        controls, their elements and the global addresses.

        Args:
            pattern: see `realtime.protocol.osc_pattern`.
            args: as in `resolve`.

        Raises:
            ProtocolError: the pattern is malformed or matches nothing, or no matching address
                accepts the arguments.
        """
        if self._book is None:
            self._book = AddressBook(self.addresses)
        found = self._book.match(pattern)
        if not found:
            raise ProtocolError(f"nothing has an address like {pattern[:64]}")
        events, failure = [], None
        for address in found:
            if is_release(address, args):
                continue
            try:
                events.append(self.resolve(address, args))
            except NotFiniteError:
                raise
            except ProtocolError as error:
                failure = failure or ProtocolError(f"{address}: {error}")
        if failure is not None and not events:
            raise failure
        return tuple(events)

    @functools.cached_property
    def addresses(self) -> tuple[str, ...]:
        """All addresses that patterns can name: controls, their elements, and the global ones."""
        return tuple(self._all_addresses())

    def _all_addresses(self) -> Iterator[str]:
        for address, control in self._controls.items():
            yield address
            if control.size > 1:
                yield from (element_of(address, i) for i in range(control.size))
        yield from GLOBAL_EVENTS

    def _resolve_global(self, address: str, event: GlobalEvent, args: Sequence[OscArg]) -> Event:
        specs = event.arguments
        numbers = self._numbers(address, args)
        if not specs:
            # A button sends its state along, which doesn't matter here.
            if len(numbers) > 1:
                raise ProtocolError(f"needs no argument, got {len(numbers)}")
            return Event(NOW, address)
        if event.base == "/note/on" and len(numbers) == 1:
            numbers = (numbers[0], *specs[1].default)
        if event.note and len(numbers) == len(specs) + 1:
            specs = (*specs, IDENT)
        if len(numbers) != len(specs):
            names = " and ".join(f"{s.name} ({_range(s, 0)})" for s in specs)
            raise ProtocolError(f"needs {names}, got {_count(len(numbers))}")
        if event.note and not numbers[0].is_integer():
            raise ProtocolError(
                f"key {numbers[0]:g} is not a whole number in {_range(specs[0], 0)}"
            )
        values = tuple(self._bounded(s, 0, v) for s, v in zip(specs, numbers, strict=True))
        if event.base == "/program":
            self.sounds.require_program(values[0])
        if event.base == "/note/on" and values[1] == 0:
            off = channel_address(event.channel, "/note/off")
            return Event(NOW, off, values[:1] + values[2:])
        return Event(NOW, address, values)

    def _resolve_glide(self, address: str, args: Sequence[OscArg]) -> Event:
        """`/glide/<address> seconds values…`."""
        wanted = goal(address)
        if self.find(wanted) is None:
            raise self._unknown(wanted)
        numbers = self._numbers(address, args)
        if not numbers or not 0 <= numbers[0] <= MAX_GLIDE_S:
            raise ProtocolError(f"needs seconds (0 … {MAX_GLIDE_S:g}) and values")
        event = self.resolve(wanted, numbers[1:])
        return glide(event.target, numbers[0], event.value)

    def _resolve_modulation(self, address: str, args: Sequence[OscArg]) -> Event:
        """`…/pressure depth`, `…/timbre depth` or `…/sync beats [low high]`."""
        parsed = Address.match(address)
        found = self.find(parsed.modulated) if parsed is not None and parsed.modulation else None
        whole = found is not None and found[1] is None and found[0].size > 1
        if parsed is None or found is None or whole or is_part(parsed.plugin):
            raise self._unknown(address)
        control, element = found[0], found[1] or 0
        low, high = control.minimum[element], control.maximum[element]
        numbers = self._numbers(address, args)
        sync = parsed.modulation == "sync"
        if not sync:
            bounds = [(low - high, high - low)]
        elif len(numbers) == 1:
            bounds = [(0.0, MAX_SYNC_BEATS)]
        else:
            bounds = [(0.0, MAX_SYNC_BEATS), (low, high), (low, high)]
        if len(numbers) != len(bounds):
            wanted = "1 or 3 numbers" if sync else "1 number"
            raise ProtocolError(f"needs {wanted}, got {len(numbers)}")
        values = tuple(min(max(n, b[0]), b[1]) for n, b in zip(numbers, bounds, strict=True))
        self.counters["clamped"] += sum(v != n for v, n in zip(values, numbers, strict=True))
        return Event(NOW, parsed.text, values)

    def _sound_as_number(self, address: str, args: Sequence[OscArg]) -> Sequence[OscArg]:
        """The arguments, with a sound's name replaced by its number where a sound is chosen."""
        event, control = GLOBAL_EVENTS.get(address), self._controls.get(address)
        if event is not None and event.base == "/program":
            return [self.sounds.number(str(args[0])), *args[1:]]
        if control is not None and control.role == "sound":
            return [self.sounds.number(str(args[0]), Address.parse(address).plugin), *args[1:]]
        return args

    def _numbers(self, address: str, args: Sequence[OscArg]) -> tuple[float, ...]:
        numbers = []
        for index, arg in enumerate(args):
            if not isinstance(arg, int | float):
                kind = "nil" if arg is None else type(arg).__name__
                raise ProtocolError(f"argument {index} is of type {kind}; a number is needed")
            try:
                number = float(arg)
            except OverflowError:
                number = math.inf
            if not math.isfinite(number):
                self.counters["refused"] += 1
                raise NotFiniteError(address, index, number)
            numbers.append(number)
        return tuple(numbers)

    def _bounded(self, control: Control, index: int, value: float) -> float:
        """`Control.clamp` for one element, without arrays, because it runs for every message."""
        low, high = control.minimum[index], control.maximum[index]
        if not low <= value <= high:
            near = low if value < low else high
            # The end of a range, rounded to float32 as it arrives, doesn't count as outside.
            self.counters["clamped"] += value != _FLOAT32.unpack(_FLOAT32.pack(near))[0]
            value = near
        return float(round(value)) if control.curve in WHOLE else value

    def _unknown(self, address: str) -> ProtocolError:
        head, tail = split_last(address)
        owner = self._controls.get(head)
        if owner is not None:
            allowed = f"0 … {owner.size - 1}" if owner.size > 1 else "0"
            return ProtocolError(f"{head} has no element {tail[:16]!r}; {allowed} is allowed")
        return UnknownAddressError(address, self._known)


def _range(control: Control, index: int) -> str:
    unit = f" {control.unit}" if control.unit else ""
    return f"{control.minimum[index]:.9g} … {control.maximum[index]:.9g}{unit}"


def _count(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"
