"""`Values`: the last value of everything that has one, and whoever wants to hear of changes.

Every event that passes the session and every meter of the engine is noted here. Controls are kept
whole: an event for one element changes its control, and listeners hear the control's values.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from realtime.namespace.address import Address
from realtime.namespace.event import Event
from realtime.namespace.glide import landed
from realtime.namespace.global_addresses import GLOBAL_VALUES
from realtime.namespace.namespace import Namespace

MAX_METERS = 256
MAX_WAITING = 1_024
MAX_LISTENERS = 64


class Change(NamedTuple):
    """A value that was set, or (for addresses without a value, such as `/note/on`) an event.

    Args:
        address: of the control, meter or event; value: all its elements.
        source: who set it: "midi", "osc <client>", "engine", …; "" if unknown.
    """

    address: str
    value: tuple[float, ...]
    source: str = ""


class Listener:
    """What changed since the last look; bounded. Made by `Values.listen`.

    A value that changes again before it was taken is heard once, with its last value; events are
    heard each. Beyond 1 024 waiting ones the oldest is dropped and counted in `lost`.
    """

    def __init__(self, wanted: Callable[[str], bool] | None, close: Callable[[Listener], None]):
        self.lost = 0
        self._wanted, self._close = wanted, close
        self._ready = threading.Condition()
        self._changes: OrderedDict[object, Change] = OrderedDict()
        self._closed = False

    def take(self, timeout: float = 0.0) -> list[Change]:
        """All that waits, oldest change first; waits up to `timeout` s for the first one."""
        with self._ready:
            if timeout > 0:
                self._ready.wait_for(lambda: self._changes or self._closed, timeout)
            changes = list(self._changes.values())
            self._changes.clear()
        return changes

    def close(self) -> None:
        """Hear no more; a waiting `take` returns. May be called twice."""
        self._close(self)
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _put(self, change: Change, key: object) -> None:
        if self._wanted is not None and not self._wanted(change.address):
            return
        with self._ready:
            self._changes.pop(key, None)
            if len(self._changes) >= MAX_WAITING:
                self._changes.popitem(last=False)
                self.lost += 1
            self._changes[key] = change
            self._ready.notify_all()


class Values:
    """Last values by address; safe in any thread, bounded by what the rack has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, ...]] = {}
        self._meters: dict[str, tuple[float, ...]] = {}
        self._listeners: tuple[Listener, ...] = ()
        self.set_namespace(Namespace({}))

    def set_namespace(self, namespace: Namespace) -> None:
        """Know the controls of a rack, each with the value it had or its default, and no others."""
        fresh = {address: control.default for address, control in namespace.controls.items()}
        fresh |= {address: control.default for address, control in GLOBAL_VALUES.items()}
        with self._lock:
            old = self._values
            self._values = {
                address: old[address] if len(old.get(address, ())) == len(value) else value
                for address, value in fresh.items()
            }

    def observe(self, event: Event, source: str = "") -> None:
        """Learn from an event and tell the listeners. What it can't mean is left to the engine.

        Of a glide, it is where it ends."""
        event = landed(event)
        address, value = event.target, event.value
        with self._lock:
            known = self._values.get(address)
            if known is None:
                address, value = self._element(address, value)
                known = self._values.get(address)
            if known is not None:
                if len(value) != len(known):
                    return
                self._values[address] = value
        if self._listeners:
            self._tell(Change(address, value, source), moment=known is None)

    def meter(self, address: str, *value: float) -> None:
        """Set what the engine or the session measures; at most 256 addresses."""
        with self._lock:
            if address not in self._meters and len(self._meters) >= MAX_METERS:
                return
            changed = self._meters.get(address) != value
            self._meters[address] = value
        if changed and self._listeners:
            self._tell(Change(address, value, "engine"), moment=False)

    def get(self, address: str) -> tuple[float, ...] | None:
        """The last value of a control, one of its elements, a global value or a meter, or None."""
        with self._lock:
            value = self._values.get(address) or self._meters.get(address)
            if value is None:
                parsed = Address.match(address)
                if parsed is not None and parsed.is_element:
                    whole, index = self._values.get(parsed.whole, ()), parsed.element or 0
                    value = whole[index : index + 1] or None
        return value

    def all(self) -> Mapping[str, tuple[float, ...]]:
        """Everything: values, then meters. A copy."""
        with self._lock:
            return {**self._values, **self._meters}

    def listen(self, wanted: Callable[[str], bool] | None = None) -> Listener:
        """Hear of changes from now on, of addresses that `wanted` accepts (None: all).

        `wanted` runs in the thread that changes a value: it has to be quick.

        Raises:
            RuntimeError: there are 64 listeners already; owners bound their clients.
        """
        listener = Listener(wanted, self._forget)
        with self._lock:
            if len(self._listeners) >= MAX_LISTENERS:
                raise RuntimeError(f"{MAX_LISTENERS} listeners; close one first")
            self._listeners = (*self._listeners, listener)
        return listener

    def _forget(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = tuple(x for x in self._listeners if x is not listener)

    def _element(self, address: str, value: tuple[float, ...]) -> tuple[str, tuple[float, ...]]:
        """The control around an element, with the element's new value; or what was given."""
        parsed = Address.match(address)
        if parsed is None or not parsed.is_element or len(value) != 1:
            return address, value
        known, index = self._values.get(parsed.whole, ()), parsed.element or 0
        if index >= len(known):
            return address, value
        return parsed.whole, (*known[:index], value[0], *known[index + 1 :])

    def _tell(self, change: Change, moment: bool) -> None:
        key: object = object() if moment else change.address
        for listener in self._listeners:
            listener._put(change, key)
