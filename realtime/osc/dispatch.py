"""`Dispatcher`: acts on packets from any port: events to the engine, answers to the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from realtime.namespace.buttons import is_release, pressed
from realtime.namespace.commands import Answer, Commands
from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import ANSWERS, signature_of
from realtime.namespace.namespace import Namespace, UnknownAddressError
from realtime.namespace.values import Values
from realtime.osc.builtins import BUILTINS
from realtime.osc.dump import Dump
from realtime.osc.held import HeldNotes
from realtime.osc.listeners import LAST_S, Client, Clients, Streams
from realtime.osc.refusals import PLAYED, Refusal, Refusals
from realtime.osc.tcp import TcpConnection
from realtime.osc.timekeeper import CLAMP_S, Due, FarError, Timekeeper
from realtime.protocol.osc_decode import NotFiniteError, OscMessage, decode_packet
from realtime.protocol.osc_encode import encode_floats, encode_message
from realtime.protocol.osc_pattern import is_pattern
from synth.contract import ProtocolError, SynthError

FAILS_PER_SECOND = 50
REPLIES_PER_SECOND = 2_000
MAX_REASON = 240  # characters of a /fail
MAX_EVENTS = 512  # per packet, because a pattern can name many addresses
_COUNTED = (
    "received", "parsed", "rejected", "dropped", "coalesced", "refused", "clamped", "unsent",
    "turned_away",
)  # fmt: skip
_EXPIRED = (
    f"nothing has come from here for {LAST_S:.0f} s, so the subscriptions end; subscribe again, and"
    " send anything from time to time"
)

Sync = Callable[[Callable[[], None]], None]


class _Allowance:
    """Limits a rate; bursts may use up the allowance of one second at once."""

    def __init__(self, per_second: float) -> None:
        self._rate = self._left = per_second
        self._then = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Dispatcher:
    """Acts on packets; all methods but `answer` belong to one thread.

    Args: as those of `OscServer` with the same names, and

        transmit: sends a packet to a client; must neither block nor raise.

    Attributes:
        namespace: the known addresses; can be replaced.
        counters: see `OscServer.counters`; last_error: the latest error, "" if none; refusals: the
            recent refusals.
    """

    def __init__(
        self,
        namespace: Namespace,
        sink: Callable[[Event], None],
        group: Callable[[Sequence[Event], str], None] | None,
        transmit: Callable[[Client, bytes], None],
        clients: Clients,
        timekeeper: Timekeeper,
        commands: Commands | None = None,
        status: Callable[[], Mapping[str, float | int]] | None = None,
        sync: Sync | None = None,
        values: Values | None = None,
    ) -> None:
        self.namespace = namespace
        self.clients, self.timekeeper, self.values = clients, timekeeper, values
        self.streams, self.dump, self._held = Streams(), Dump(), HeldNotes()
        self.counters = dict.fromkeys(_COUNTED, 0)
        self.status: Callable[[], Mapping[str, float | int]] = status or (lambda: self.counters)
        self.last_error = ""
        self.refusals = Refusals(self._spread)
        self._sink, self._group, self._transmit = sink, group, transmit
        self._commands = commands or Commands()
        self._sync = sync
        self._fails, self._replies = _Allowance(FAILS_PER_SECOND), _Allowance(REPLIES_PER_SECOND)

    def take(self, packet: bytes, client: Client) -> None:
        """Act on a packet.

        Args:
            packet: an OSC message or bundle; client: who sent it.
        """
        self.counters["received"] += 1
        self.clients.heard(client)
        self.streams.heard(client, time.monotonic())
        try:
            messages = decode_packet(packet)
        except NotFiniteError as error:
            self.counters["refused"] += 1
            self._fail(client, error.address, error)
            return
        except ProtocolError as error:
            self._fail(client, "-", error)
            return
        self.counters["parsed"] += len(messages)
        if self.dump.level:
            self.dump.show(packet, messages, _name(client))
        self._act(messages, client)

    def come(self, client: Client) -> None:
        """Note that a client has come whose end `leave` will report."""
        self._held.follow(client)
        self.streams.last(client)

    def leave(self, client: Client) -> None:
        """Note that a client has gone: release what it held, and send it nothing more."""
        held = self._held.release(client)
        if held:
            self.deliver(held, client)
        self.streams.forget(client)
        self.clients.forget(client)

    def refused(self, place: tuple[Any, ...]) -> None:
        """Note that a port refused a datagram; if that goes on, nothing more is sent there.

        Args:
            place: host and port.
        """
        if self.clients.refused(place, time.monotonic()):
            for client in self.clients.at(place, self.streams.clients):
                self.streams.remove(client)
                self.clients.notify(client, wanted=False)

    def thinned(self, packets: Sequence[tuple[bytes, Client]]) -> list[tuple[bytes, Client]]:
        """The packets of a flood without the values that later packets replace, which are counted.

        Notes, bundles, patterns and questions are all kept.
        """
        values = self.namespace.value_addresses
        seen: set[bytes] = set()
        kept = []
        for item in reversed(packets):
            address = item[0].partition(b"\0")[0]
            if address in values:
                if address in seen:
                    continue
                seen.add(address)
            kept.append(item)
        kept.reverse()
        self.counters["received"] += len(packets) - len(kept)
        self.counters["coalesced"] += len(packets) - len(kept)
        return kept

    def send_streams(self) -> None:
        """Send the subscribed values that are due."""
        now = time.monotonic()
        if self.values is None or self.streams.wait(now) > 0:
            return
        for client in self.streams.expire(now):
            self.answer(client, Answer("/fail", ("/subscribe", _EXPIRED)))
        for client, address in self.streams.due(now):
            value = self.values.get(address)
            if value is not None:
                self._transmit(client, encode_floats(address, value))

    def answer(self, client: Client, answer: Answer) -> None:
        """Send an answer unless there have been too many; any thread."""
        if self._replies.take():
            self._transmit(client, encode_message(answer.address, answer.args))
        else:
            self.counters["unsent"] += 1

    def sync(self, done: Callable[[], None]) -> None:
        """Call a function once all earlier events have taken effect."""
        once = _Once(done)
        if self._sync is None:
            once()
        else:
            self._sync(once)

    def stream(self, client: Client, addresses: Sequence[str], rate: float) -> None:
        """Stream values; see `Streams.add_all`."""
        self.streams.add_all(client, addresses, rate, time.monotonic())

    def deliver(self, events: Sequence[Event], client: Client) -> None:
        """Pass on events of a client that belong together."""
        self._held.observe(client, events)
        try:
            if self._group is not None:
                self._group(events, f"osc {_name(client)}")
                return
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end the thread
            self.counters["dropped"] += len(events)
            self.last_error = f"{events[0].target[:80]}: {type(error).__name__}: {error}"
            return
        for event in events:
            try:
                self._sink(event)
            except Exception as error:  # noqa: BLE001 - as above
                self.counters["dropped"] += 1
                self.last_error = f"{event.target[:80]}: {type(error).__name__}: {error}"

    def _act(self, messages: list[OscMessage], client: Client) -> None:
        """Pass on all events first, so that nothing comes between them; then run the commands."""
        events: list[Event] = []
        asked: list[OscMessage] = []
        dues: dict[int, Due | None] = {}
        for message in messages:
            tag = message.timetag
            if tag not in dues:
                dues[tag] = self._due(client, tag)
            due = dues[tag]
            if due is None:
                continue
            if message.address in BUILTINS or self._commands.find(message.address) is not None:
                asked.append(message)
                continue
            try:
                found = self._events(message, due.time)
                if len(events) + len(found) > MAX_EVENTS:
                    raise ProtocolError(f"more than {MAX_EVENTS} events in a packet")
                events += found
            except SynthError as error:
                self._fail(client, message.address, error)
        if events:
            self.deliver(events, client)
        for message in asked:
            self._command(message, client)

    def _due(self, client: Client, timetag: int) -> Due | None:
        """The time at which a bundle takes effect, or None if it is dropped."""
        try:
            due = self.timekeeper.due(client, timetag)
        except FarError as error:
            self._fail(client, "#bundle", error)
            return None
        if due.clock:
            when = "at once" if due.time == NOW else f"in {CLAMP_S:g} s"
            reason = f"{PLAYED} {when}: the time tag {due.clock}"
            self.refusals.note(_name(client), "#bundle", reason)
        if due.late and self.clients.is_notified(client):
            now = self.timekeeper.now()
            halves = (timetag >> 32, timetag, now >> 32, now)
            self.answer(client, Answer("/late", (*map(_signed, halves), due.late)))
        return due

    def _events(self, message: OscMessage, at: int) -> tuple[Event, ...]:
        """The events of a message."""
        address, args = message.address, message.args
        if is_release(address, args):
            return ()
        if is_pattern(address):
            found = self.namespace.resolve_all(address, args)
        else:
            try:
                found = (self.namespace.resolve(address, args),)
            except UnknownAddressError:
                if not self._commands.foreign(address, args, at):
                    raise
                return ()
        return found if at == NOW else tuple(event._replace(time=at) for event in found)

    def _command(self, message: OscMessage, client: Client) -> None:
        address, args = message.address, pressed(signature_of(message.address), message.args)
        if args is None:
            return
        try:
            builtin = BUILTINS.get(address)
            if builtin is not None:
                answer = builtin(self, client, args)
            else:
                command = self._commands.find(address)
                answer = command(args) if command is not None else None
            if answer is not None:
                self.answer(client, answer)
        except SynthError as error:
            self._fail(client, address, error)
        except Exception as error:  # noqa: BLE001 - a command's fault must not end the thread
            self.counters["dropped"] += 1
            self.last_error = f"{address[:80]}: {type(error).__name__}: {error}"

    def _fail(self, client: Client, address: str, error: SynthError) -> None:
        self.counters["rejected"] += 1
        if address in ANSWERS or address.endswith(".reply") or not self._fails.take():
            return
        reason = str(error)
        self.last_error = f"{address[:80]}: {reason}"
        self.refusals.note(_name(client), address[:80], reason[:MAX_REASON])
        self.answer(client, Answer("/fail", (address[:80], reason[:MAX_REASON])))

    def _spread(self, refusal: Refusal) -> None:
        """Notify all clients that asked for it, except the sender, which gets an answer."""
        about = (refusal.client, refusal.address, refusal.reason)
        for client in self.clients.notified:
            if _name(client) != refusal.client:
                self._transmit(client, encode_message("/synth/refused", about))


class _Once:
    """Calls a function at the first call only."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()


def _name(client: Client) -> str:
    return client.name if isinstance(client, TcpConnection) else f"{client[0]}:{client[1]}"


def _signed(half: int) -> int:
    """32 bits as OSC's signed integer."""
    half &= 0xFFFFFFFF
    return half - (1 << 32) if half >= 1 << 31 else half
