"""The OSC server's own commands: its state, notifications and subscriptions.

Each command takes the client and the arguments and returns the answer, or None if it answers
later. They run on the server's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from realtime.namespace.commands import Answer, done
from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import CLEAR_SCHEDULED, DUMP_LEVEL, REPLY_PORT
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.dump import Dump
from realtime.osc.listeners import Client, Clients, Streams
from realtime.osc.timekeeper import Timekeeper
from realtime.protocol.osc_decode import OscArg
from realtime.protocol.osc_encode import plain_number
from realtime.protocol.osc_pattern import AddressBook
from synth import __version__
from synth.contract import Control, ProtocolError

Args = Sequence[OscArg]


class Server(Protocol):
    """The parts of a server that its own commands use; see `Dispatcher`."""

    namespace: Namespace
    clients: Clients
    timekeeper: Timekeeper
    streams: Streams
    dump: Dump
    values: Values | None
    status: Callable[[], Mapping[str, float | int]]

    def answer(self, client: Client, answer: Answer) -> None:
        """Send an answer; any thread."""

    def sync(self, done: Callable[[], None]) -> None:
        """Call a function once all earlier events have taken effect."""

    def stream(self, client: Client, addresses: Sequence[str], rate: float) -> None:
        """Stream values; see `Streams.add_all`."""

    def deliver(self, events: Sequence[Event], client: Client) -> None:
        """Pass on events that belong together."""


Builtin = Callable[[Server, Client, Args], Answer | None]


def _status(server: Server, client: Client, args: Args) -> Answer:
    return Answer("/status.reply", tuple(plain_number(v) for v in server.status().values()))


def _status_floats(server: Server, client: Client, args: Args) -> Answer:
    numbers = (float(plain_number(v)) for v in server.status().values())
    return Answer("/status.floats", tuple(numbers))


def _status_names(server: Server, client: Client, args: Args) -> Answer:
    return Answer("/status/names.reply", tuple(server.status()))


def _version(server: Server, client: Client, args: Args) -> Answer:
    return Answer("/version.reply", ("synth", __version__))


def _sync(server: Server, client: Client, args: Args) -> None:
    ident = _whole(args, "an id")
    server.sync(lambda: server.answer(client, Answer("/synced", (ident,))))


def _notify(server: Server, client: Client, args: Args) -> Answer:
    wanted = bool(_whole(args, "1 or 0"))
    server.clients.notify(client, wanted)
    return done("/notify", int(wanted))


def _replyport(server: Server, client: Client, args: Args) -> Answer:
    port = _whole(args, "a UDP port, or 0 for the one sent from,")
    _check(REPLY_PORT, port)
    if isinstance(client, tuple):
        server.clients.reply_to(client, port)
    return done("/replyport", port)


def _dump(server: Server, client: Client, args: Args) -> Answer:
    level = _whole(args, "0 (nothing), 1 (messages), 2 (bytes) or 3 (both)")
    _check(DUMP_LEVEL, level)
    server.dump.level = level
    return done("/dumpOSC", level)


def _clear(server: Server, client: Client, args: Args) -> Answer:
    server.timekeeper.forget()
    server.deliver([Event(NOW, CLEAR_SCHEDULED)], client)
    return done("/clearSched")


def _subscribe(server: Server, client: Client, args: Args) -> Answer:
    address, rate = (*args, None, None)[:2]
    if len(args) != 2 or not isinstance(address, str) or not isinstance(rate, int | float):
        raise ProtocolError("needs an address and a rate in Hz")
    found = _readable(server, address)
    if not found:
        raise ProtocolError(f"nothing that can be read has the address {address[:64]}")
    server.stream(client, found, float(rate))
    return done("/subscribe", address, float(rate))


def _unsubscribe(server: Server, client: Client, args: Args) -> Answer:
    if len(args) > 1 or not all(isinstance(arg, str) for arg in args):
        raise ProtocolError("needs an address, or nothing for all")
    mine = server.streams.addresses(client)
    wanted = set(AddressBook(mine).match(str(args[0]))) if args else None
    server.streams.remove(client, wanted)
    return done("/unsubscribe", *args)


def _readable(server: Server, address: str) -> tuple[str, ...]:
    """The addresses of readable values (controls and meters) that an address or a pattern names."""
    values = server.values
    if values is None:
        return ()
    if values.get(address) is not None:
        return (address,)
    known = dict.fromkeys((*server.namespace.addresses, *values.all()))
    found = AddressBook(known).match(address)
    return tuple(one for one in found if values.get(one) is not None)


BUILTINS: Mapping[str, Builtin] = {
    "/status": _status,
    "/status/floats": _status_floats,
    "/status/names": _status_names,
    "/version": _version,
    "/sync": _sync,
    "/notify": _notify,
    "/replyport": _replyport,
    "/dumpOSC": _dump,
    "/clearSched": _clear,
    "/subscribe": _subscribe,
    "/unsubscribe": _unsubscribe,
}


def _whole(args: Args, what: str) -> int:
    """The only argument, a whole number; Max and TouchDesigner may send it as a float."""
    value = args[0] if len(args) == 1 else None
    if not isinstance(value, int | float) or value != int(value) or abs(value) >= 1 << 31:
        raise ProtocolError(f"needs {what} as the only argument, a whole number")
    return int(value)


def _check(argument: Control, value: int) -> None:
    low, high = argument.minimum[0], argument.maximum[0]
    if not low <= value <= high:
        raise ProtocolError(f"{argument.name} {value} is not in {low:.0f} … {high:.0f}")
