"""`Mapper`: a map in use, with pick-up, learning, macros and pads.

It stands between the inputs and the engine. Decoders ask it which events a movement causes
(`moved`); the session asks it which further events an event causes (`outcome`), because macros and
pads are controls that only the mapper knows.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from realtime.mapping.control_map import Binding, ControlMap, bind
from realtime.mapping.learn import Learner, with_learnt, without
from realtime.mapping.pad import Pad, Point, from_shares, to_shares
from realtime.namespace.address import Address
from realtime.namespace.elements import axes_of, element
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import glide, goal, is_glide, landed
from realtime.namespace.global_addresses import MAP_CONTROLS
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Source
from realtime.namespace.values import Values
from realtime.protocol.osc_decode import OscArg
from synth.contract import ProtocolError

MAX_DEPTH = 4  # of macros that move macros
CLOSE = 1.5 / 127  # one and a half steps of a 7-bit controller
MAX_OSC_NUMBERS = 8


class Mapper:
    """The `Mover` of a session (see `realtime.namespace.sources`). Safe in any thread.

    Args:
        mapping: the map to begin with; namespace: the addresses of the engine.
        values: the present values of controls, for pick-up and pads; without them, every source
            moves its control at once.
        learnt: called with each binding that was learnt; must not block.
    """

    def __init__(
        self,
        mapping: ControlMap,
        namespace: Namespace,
        values: Values | None = None,
        learnt: Callable[[Binding], None] | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._namespace, self._values = namespace, values
        self._told = learnt
        self._learner = Learner()
        self._places: dict[str, tuple[float, float]] = {}
        self._stands: dict[str, float] = {}  # value by control, if `values` is None
        self.replace(mapping)

    @property
    def mapping(self) -> ControlMap:
        """The map that is in use."""
        return self._mapping

    @property
    def namespace(self) -> Namespace:
        """The addresses of the rack and of the map's macros and pads."""
        return self._extended

    @property
    def bend_range(self) -> float:
        """See `Mover`."""
        return self._mapping.bend_range

    @property
    def channel(self) -> int | None:
        """See `Mover`."""
        return self._mapping.channel

    def replace(self, mapping: ControlMap) -> None:
        """Use another map; no control moves by that."""
        with self._lock:
            self._mapping = mapping
            self._extended = self._namespace.extended(mapping.own_controls)
            self._pads = {pad.name: pad for pad in mapping.pads}
            self._at: dict[Binding, float] = {}
            self._sent: dict[Binding, float] = {}

    def moved(self, source: Source, position: float, time: int = NOW) -> tuple[Event, ...]:
        """See `Mover`; while a control is being learnt, it is bound to the source first.

        Args:
            source, position, time: see `Mover.moved`.
        """
        with self._lock:
            learnt = self._learner.offer(source, position)
            if learnt is not None:
                self.replace(with_learnt(self._mapping, learnt))
        if learnt is not None and self._told is not None:
            self._told(learnt)
        events = []
        for binding in self._mapping.bound_to(source):
            if binding.relative:
                events.append(self._turned(binding, position, time))
            elif not binding.pickup or self._picked_up(binding, position):
                event = binding.event(position, time)
                events.append(event)
                if binding.pickup:
                    self._sent[binding] = event.value[-1]
        if self._values is None:
            self._stands |= {goal(e.target): landed(e).value[0] for e in events}
        return tuple(events)

    def foreign(
        self, address: str, args: Sequence[OscArg], time: int = NOW
    ) -> tuple[Event, ...] | None:
        """The events of an OSC message to an address outside the namespace, or None if none of its
        numbers is bound or learnt.

        Args:
            address: its first number is the source `osc <address>`, the next ones are
                `osc <address>#1` and so on.
            args: only finite numbers among the first 8 count.
            time: sample of the engine's clock, or `NOW`.
        """
        taken = False
        events: list[Event] = []
        for i, arg in enumerate(args[:MAX_OSC_NUMBERS]):
            if not isinstance(arg, int | float) or not math.isfinite(arg):
                continue
            source = Source("osc", address if i == 0 else f"{address}#{i}")
            events += self.moved(source, float(arg), time)
            taken = taken or bool(self._mapping.bound_to(source))
        return tuple(events) if taken else None

    def _turned(self, binding: Binding, position: float, time: int) -> Event:
        """The event of an endless encoder, counted from the present value of its control."""
        target = binding.target
        value = self._values.get(target) if self._values is not None else None
        if not value and target not in self._stands:
            found = self._extended.find(target)
            self._stands[target] = element(*found).default[0] if found is not None else binding.low
        stands = value[0] if value else self._stands[target]
        moved = binding.turned(stands, position)
        return glide(target, binding.smoothing_ms / 1000, (moved,), time)

    def _picked_up(self, binding: Binding, position: float) -> bool:
        """Whether a source may move its control: nothing else has moved it since the source did, or
        the source meets or passes its value now."""
        value = self._values.get(binding.target) if self._values is not None else None
        if not value:
            return True
        first, last = binding.span
        share = (position - first) / (last - first)
        before, self._at[binding] = self._at.get(binding), share
        if self._sent.get(binding) == value[0]:
            return True
        there = binding.share(value[0])
        passed = before is not None and (before - there) * (share - there) <= 0
        return passed or abs(share - there) <= CLOSE

    def outcome(self, event: Event) -> list[Event]:
        """An event and all that it causes, in order; `is_own` ones are not for the engine."""
        if not is_own(event):
            return [event]
        with self._lock:
            return self._outcome(event, MAX_DEPTH)

    def _outcome(self, event: Event, depth: int) -> list[Event]:
        address = Address.match(goal(event.target))
        if address is None or address.plugin not in MAP_CONTROLS or not depth:
            return [event]
        seconds = event.value[0] if is_glide(event.target) else 0.0
        plain = landed(event)
        if address.plugin == "macro":
            source = Source("macro", address.control)
            follows = [
                replace(b, smoothing_ms=max(b.smoothing_ms, 1000 * seconds)).event(
                    plain.value[0], event.time
                )
                for b in self._mapping.bound_to(source)
                if plain.value
            ]
        else:
            follows = self._pad_events(address, plain, seconds)
        return [plain, *(e for f in follows for e in self._outcome(f, depth - 1))]

    def _pad_events(self, address: Address, event: Event, seconds: float) -> list[Event]:
        name = address.control
        pad = self._pads.get(name)
        x, y = self._places.get(name, (0.5, 0.5))
        if address.element is not None and len(event.value) == 1:
            x, y = (event.value[0], y) if address.element == 0 else (x, event.value[0])
        elif len(event.value) == 2:
            x, y = event.value
        self._places[name] = (x, y)
        shares = pad.at(x, y) if pad is not None else ()
        if pad is None or not shares:
            return []
        events, at = [], 0
        for axis, controls in axes_of(pad.axes, self._namespace):
            values = from_shares(controls, shares[at : at + len(controls)])
            at += len(controls)
            events.append(glide(axis, seconds, values, event.time))
        return events

    def store_point(self, name: str, place: tuple[float, float] | None = None) -> int:
        """Store the present values of a pad's axes as a point; returns the number of its points.

        Args:
            name: of the pad; place: x and y of the point, 0 … 1; None for the pad's position.

        Raises:
            ProtocolError: there is no such pad; ConfigError: it has 256 points already.
        """
        with self._lock:
            pad = self._pad(name)
            x, y = place or self._places.get(name, (0.5, 0.5))
            shares: list[float] = []
            for address, controls in axes_of(pad.axes, self._namespace):
                known = self._values.get(address) if self._values is not None else None
                values = known or tuple(c.default[0] for c in controls)
                shares += to_shares(controls, values)
            return self._change_pad(pad.stored(Point(x, y, tuple(shares))))

    def clear_points(self, name: str, place: tuple[float, float] | None = None) -> int:
        """Delete points of a pad; returns how many are left.

        Args:
            name: of the pad; place: x and y, 0 … 1: delete the nearest point; None: all points.

        Raises:
            ProtocolError: there is no such pad.
        """
        with self._lock:
            return self._change_pad(self._pad(name).cleared(place))

    def _pad(self, name: str) -> Pad:
        if name not in self._pads:
            known = ", ".join(self._pads) or "none"
            raise ProtocolError(f"there is no pad {name[:32]!r}; known are {known}")
        return self._pads[name]

    def _change_pad(self, pad: Pad) -> int:
        pads = tuple(pad if p.name == pad.name else p for p in self._mapping.pads)
        self.replace(replace(self._mapping, pads=pads))
        return len(pad.points)

    def learn(
        self,
        target: str,
        low: float | None = None,
        high: float | None = None,
        relative: str = "",
    ) -> None:
        """Bind the next source that moves to a control.

        Args:
            target: address of a control; low, high: see `bind`.
            relative: the encoding of an endless encoder, or `RECOGNISE` to find it out while the
                encoder is turned both ways; "" for other sources.

        Raises:
            MappingError: no such control, or an end is out of its range.
        """
        open_source = Source("", 0)
        binding = bind(open_source, target, self._extended, low=low, high=high, relative=relative)
        with self._lock:
            self._learner.arm(binding)

    def stop_learning(self) -> None:
        """Stop waiting for a source to learn."""
        with self._lock:
            self._learner.arm(None)

    def forget(self, target: str) -> int:
        """Remove the bindings of a control; returns how many there were.

        Args:
            target: see `learn.without`.
        """
        with self._lock:
            mapping, count = without(self._mapping, target)
            self.replace(mapping)
        return count


def is_own(event: Event) -> bool:
    """Whether an event sets a macro or a pad, which the engine doesn't know."""
    address = Address.match(goal(event.target))
    return address is not None and address.plugin in MAP_CONTROLS
