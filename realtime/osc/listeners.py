"""Clients of the OSC server: notifications, ports for answers, and streams of values."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from realtime.namespace.global_addresses import MAX_RATE, MIN_RATE
from realtime.osc.tcp import TcpConnection
from synth.contract import ProtocolError

MAX_NOTIFIED = 16
MAX_REPLY_PORTS = 64
MAX_STREAMS = 128
MAX_STREAMED = 4_000.0  # messages a second, of all streams together
LAST_S = 60.0  # a UDP client's subscriptions end so long after its last message
REFUSED_S = 2.0  # a client whose port refuses for so long is gone

Client = tuple[Any, ...] | TcpConnection  # a UDP address, or a connection


class Clients:
    """Clients that asked for notifications or for answers on another port; safe in any thread.

    Args:
        reply_port: port for all UDP answers; 0 for the port that the client sends from.
    """

    def __init__(self, reply_port: int = 0) -> None:
        self._lock = threading.Lock()
        self._reply_port = reply_port
        self._ports: OrderedDict[Client, int] = OrderedDict()
        self._notified: OrderedDict[Client, None] = OrderedDict()
        self._refused: OrderedDict[tuple[Any, ...], float] = OrderedDict()

    @property
    def notified(self) -> list[Client]:
        """The clients to notify."""
        with self._lock:
            return list(self._notified)

    def is_notified(self, client: Client) -> bool:
        """Whether a client asked for notifications."""
        return client in self._notified

    def notify(self, client: Client, wanted: bool) -> None:
        """Turn notifications of a client on or off. If there are too many clients, the oldest is
        dropped: it may have died without a word."""
        with self._lock:
            self._notified.pop(client, None)
            if wanted:
                self._notified[client] = None
                if len(self._notified) > MAX_NOTIFIED:
                    self._notified.popitem(last=False)

    def reply_to(self, client: Client, port: int) -> None:
        """Send answers to another port of the client's host; 0 for the port it sends from."""
        with self._lock:
            self._ports.pop(client, None)
            if port:
                self._ports[client] = port
                if len(self._ports) > MAX_REPLY_PORTS:
                    self._ports.popitem(last=False)

    def place(self, address: tuple[Any, ...]) -> tuple[Any, ...]:
        """The host and port that datagrams for a client are sent to."""
        port = self._ports.get(address, self._reply_port)
        return (address[0], port, *address[2:]) if port else address

    def heard(self, client: Client) -> None:
        """Note that a packet came from a client, which therefore is alive."""
        if self._refused and isinstance(client, tuple):
            self._refused.pop(self.place(client), None)

    def refused(self, place: tuple[Any, ...], now: float) -> bool:
        """Note that a port refused a datagram at `now`, s; returns whether it has refused for 2 s,
        long enough for a program that is being restarted to open it.

        Args:
            place: host and port, see `place`; now: s of the monotonic clock.
        """
        since = self._refused.setdefault(place, now)
        if len(self._refused) > MAX_REPLY_PORTS:
            self._refused.popitem(last=False)
        if now - since < REFUSED_S:
            return False
        self._refused.pop(place, None)
        return True

    def at(self, place: tuple[Any, ...], clients: Iterable[Client]) -> list[Client]:
        """The clients, among `clients` and the notified ones, whose datagrams go to a place."""
        known = {*clients, *self.notified}
        return [c for c in known if isinstance(c, tuple) and self.place(c) == place]

    def forget(self, client: Client) -> None:
        """Forget a client that is gone."""
        self.notify(client, wanted=False)
        self.reply_to(client, 0)


class Streams:
    """Values that are sent again and again; for one thread.

    The streams of a client that is silent for a minute end, because UDP doesn't report that a
    client is gone. Those of clients whose end is reported (see `last`) go on.
    """

    def __init__(self) -> None:
        self._heard: dict[Client, float] = {}
        self._lasting: set[Client] = set()
        self._periods: OrderedDict[tuple[Client, str], float] = OrderedDict()
        self._due: list[tuple[float, int, tuple[Client, str]]] = []
        self._order = 0

    def add(self, client: Client, address: str, rate: float, now: float) -> None:
        """See `add_all`."""
        self.add_all(client, (address,), rate, now)

    def add_all(self, client: Client, addresses: Sequence[str], rate: float, now: float) -> None:
        """Stream addresses to a client from now on; all of them or, after an error, none.

        Args:
            addresses: of readable values; rate: times a second; now: s of the monotonic clock.

        Raises:
            ProtocolError: the rate is out of range, or there are too many streams.
        """
        if not MIN_RATE <= rate <= MAX_RATE:
            raise ProtocolError(
                f"a rate of {rate:g} Hz; {MIN_RATE:g} … {MAX_RATE:g} Hz are allowed"
            )
        keys = dict.fromkeys((client, address) for address in addresses)
        others = [1 / period for key, period in self._periods.items() if key not in keys]
        count, messages = len(others) + len(keys), sum(others) + rate * len(keys)
        if messages > MAX_STREAMED or count > MAX_STREAMS:
            raise ProtocolError(
                f"{count} streams of {messages:.0f} messages a second; up to {MAX_STREAMS} and"
                f" {MAX_STREAMED:.0f} are allowed: /unsubscribe some, or choose fewer or a lower"
                " rate"
            )
        self._heard[client] = now
        for key in keys:
            fresh = key not in self._periods
            self._periods[key] = 1 / rate
            if fresh:
                self._plan(now, key)

    @property
    def clients(self) -> list[Client]:
        """The clients that have a stream."""
        return list(self._heard)

    def last(self, client: Client) -> None:
        """Let the streams of a client last until `forget`."""
        self._lasting.add(client)

    def forget(self, client: Client) -> None:
        """Forget a client that is gone."""
        self._lasting.discard(client)
        self.remove(client)

    def heard(self, client: Client, now: float) -> None:
        """Renew the streams of a client from which a packet came at `now`, s."""
        if client in self._heard:
            self._heard[client] = now

    def expire(self, now: float) -> list[Client]:
        """End the streams of clients that are silent for too long at `now`, s; returns them."""
        silent = [
            client
            for client, heard in self._heard.items()
            if now - heard > LAST_S and client not in self._lasting
        ]
        for client in silent:
            self.remove(client)
        return silent

    def remove(self, client: Client, addresses: set[str] | None = None) -> int:
        """Stop some streams of a client, or all of them (None); returns how many."""
        gone = [
            key
            for key in self._periods
            if key[0] == client and (addresses is None or key[1] in addresses)
        ]
        for key in gone:
            del self._periods[key]
        if not self.addresses(client):
            self._heard.pop(client, None)
        self._due = [entry for entry in self._due if entry[2] in self._periods]
        heapq.heapify(self._due)
        return len(gone)

    def addresses(self, client: Client) -> list[str]:
        """The addresses that are streamed to a client."""
        return [address for owner, address in self._periods if owner == client]

    def wait(self, now: float) -> float:
        """Seconds from `now`, s, until a value is due; infinite if there are no streams."""
        return max(0.0, self._due[0][0] - now) if self._due else float("inf")

    def due(self, now: float) -> list[tuple[Client, str]]:
        """The values to send at `now`, s. A late stream skips what it missed, without a burst."""
        ready = []
        while self._due and self._due[0][0] <= now:
            moment, _, key = heapq.heappop(self._due)
            ready.append(key)
            period = self._periods[key]
            self._plan(moment + period if now - moment < period else now + period, key)
        return ready

    def _plan(self, moment: float, key: tuple[Client, str]) -> None:
        self._order += 1
        heapq.heappush(self._due, (moment, self._order, key))
