"""`Values`: keeps the last value of everything that has one, and tells listeners of changes.

Every event that passes the session and every meter of the engine is noted here. Controls are kept
whole: an event for one element changes its control, and listeners get all values of the control.
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
    """A value that was set or, at an address without a value such as `/note/on`, an event.

    Args:
        address: of the control, meter or event.
        value: all its elements.
        source: where it came from: "midi", "osc <client>", "engine", …; "" if unknown.
    """

    address: str
    value: tuple[float, ...]
    source: str = ""


class Listener:
    """A bounded queue of changes. Made by `Values.listen`.

    A value that changes again before it was taken is reported once, with its last value; every
    event is reported. When 1 024 changes wait, the oldest is dropped and counted in `lost`.

    Args:
        wanted: returns whether to listen to an address; None for all.
        close: called when the listener closes.
    """

    def __init__(self, wanted: Callable[[str], bool] | None, close: Callable[[Listener], None]):
        self.lost = 0
        self._wanted, self._close = wanted, close
        self._ready = threading.Condition()
        self._changes: OrderedDict[object, Change] = OrderedDict()
        self._closed = False

    def take(self, timeout: float = 0.0) -> list[Change]:
        """Take all waiting changes, the oldest first; waits up to `timeout` s for the first one."""
        with self._ready:
            if timeout > 0:
                self._ready.wait_for(lambda: self._changes or self._closed, timeout)
            changes = list(self._changes.values())
            self._changes.clear()
        return changes

    def close(self) -> None:
        """Stop listening; a waiting `take` returns. May be called twice."""
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
        """Keep the controls of this rack and no others, each with its last value or its default."""
        fresh = {address: control.default for address, control in namespace.controls.items()}
        fresh |= {address: control.default for address, control in GLOBAL_VALUES.items()}
        with self._lock:
            old = self._values
            self._values = {
                address: old[address] if len(old.get(address, ())) == len(value) else value
                for address, value in fresh.items()
            }

    def observe(self, event: Event, source: str = "") -> None:
        """Take note of an event (of a glide, its end), and tell the listeners.

        Values of the wrong size are ignored here: the engine judges them.

        Args:
            event: any.
            source: as in `Change`.
        """
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
        """Set a meter of the engine or the session; at most 256 addresses are kept."""
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
        """A copy of all values by address, followed by all meters."""
        with self._lock:
            return {**self._values, **self._meters}

    def listen(self, wanted: Callable[[str], bool] | None = None) -> Listener:
        """Listen to changes from now on.

        Args:
            wanted: returns whether to listen to an address; None for all. It runs on the thread
                that changes a value, so it has to be quick.

        Raises:
            RuntimeError: there are 64 listeners already; callers limit their clients to fewer.
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
        """The control of an element, with the element's new value; otherwise what was given."""
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
