"""`OscServer`: a UDP and a TCP port on one thread, which turns packets into events and answers.

Bad packets are counted and do no other harm: only `close` ends the thread.
"""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from realtime.namespace.commands import Commands
from realtime.namespace.event import Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.dispatch import Dispatcher, Sync
from realtime.osc.listeners import Client, Clients
from realtime.osc.refusals import Refusals
from realtime.osc.sockets import (
    DEFAULT_PORT,
    open_other_udp,
    open_tcp,
    open_udp,
    other_loopback,
    overflowed,
    refused_addresses,
    tell_refusals,
)
from realtime.osc.tcp import MAX_CONNECTIONS, TcpConnection, accept
from realtime.osc.timekeeper import Timekeeper
from realtime.process.clock import SampleClock
from realtime.protocol.osc_decode import MAX_PACKET, OscArg
from realtime.protocol.osc_encode import encode_message as encode_message

_AT_ONCE = 64  # datagrams to act on before the sockets are read again
_MAX_BACKLOG = 4_096  # datagrams received and not yet acted on
_CROWDED = 256  # datagrams; above, values that newer ones replace are left out
_IDLE_S = 1.0
_SOON_S = 0.02
_SLOW_AFTER = 100  # failures of the socket in a row
_GONE = b"\0gone"  # queued after the last packet of a client; known by identity

_NO_OSC = "a TCP connection that sent something else than OSC, framed by SLIP or by sizes"


class OscServer:
    """Listens from construction to `close`; a context manager.

    Args:
        namespace: the known addresses. The attribute can be replaced while the server runs.
        sink: called with each event, in order, on the server's thread; must not block. An event for
            which it raises is counted as `dropped`.
        host, port: where to listen, 0 … 65535; port 0 takes a free one (see `port`). TCP is served
            on the same port if no other program has it (see `tcp_port`). A server on the loopback
            address of IPv4 or IPv6 listens on that of the other one as well, if possible.
        status: numbers for `/status.reply`, always in the same order; must not block.
        sync: called for `/sync` with a function to be called (from any thread) once all events
            given to `sink` before have taken effect; without it, that function is called at once.
        commands: further commands to answer, see `Commands`.
        group: called, instead of `sink`, with the events of a packet that belong together and with
            their sender ("osc host:port").
        clock: of the engine; without it time tags mean now. timetags: see `Timekeeper`.
        values: the values that clients can subscribe to.
        reply_port: port for UDP answers; 0 for the port that the client sends from.

    Raises:
        ConfigError: a port is out of range, or `timetags` is unknown.
        DeviceError: the port is occupied or the host is not this machine's; says what to do.
    """

    def __init__(
        self,
        namespace: Namespace,
        sink: Callable[[Event], None],
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        status: Callable[[], Mapping[str, float | int]] | None = None,
        sync: Sync | None = None,
        commands: Commands | None = None,
        *,
        group: Callable[[Sequence[Event], str], None] | None = None,
        clock: SampleClock | None = None,
        timetags: str = "trust",
        values: Values | None = None,
        reply_port: int = 0,
    ) -> None:
        self.clients = Clients(reply_port)
        if clock is None:
            clock, timetags = SampleClock(), "immediate"
        self.timekeeper = Timekeeper(clock, timetags)
        self._dispatcher = Dispatcher(
            namespace,
            sink,
            group,
            self._send,
            self.clients,
            self.timekeeper,
            commands=commands,
            status=status or (lambda: self.counters),
            sync=sync,
            values=values,
        )
        self._stop = threading.Event()
        self._failures = 0
        self._backlog: deque[tuple[bytes, Client]] = deque()
        self._crowded = _CROWDED
        self._presence: deque[tuple[Client, bool]] = deque()
        self._open(host, port)
        self._connections: list[TcpConnection] = []
        self._select()
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)
        self._thread.start()

    def _open(self, host: str, port: int) -> None:
        self._socket = open_udp(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        other = open_other_udp(self.host, self.port)
        self._sockets = [self._socket] if other is None else [self._socket, other]
        self._listener = open_tcp(self.host, self.port)
        self._listeners = [] if self._listener is None else [self._listener]
        if other is not None and self._listener is not None:
            beside = open_tcp(other_loopback(self.host), self.port)
            self._listeners += [] if beside is None else [beside]

    def _select(self) -> None:
        self._selector = selectors.DefaultSelector()
        for sock in self._sockets:
            tell_refusals(sock)
            self._selector.register(sock, selectors.EVENT_READ, self._receive)
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, lambda sock: sock.recv(64))
        for listener in self._listeners:
            self._selector.register(listener, selectors.EVENT_READ, self._accept)

    @property
    def tcp_port(self) -> int:
        """The TCP port; 0 if another program has it."""
        return 0 if self._listener is None else int(self.port)

    @property
    def warning(self) -> str:
        """A sentence for people if others on the network can play along, else ""."""
        if ipaddress.ip_address(str(self.host).partition("%")[0]).is_loopback:
            return ""
        return (
            f"OSC listens on {self.host}: everybody on this network can play; use --osc-host"
            " 127.0.0.1 unless that is meant"
        )

    @property
    def counters(self) -> dict[str, int]:
        """Counts since the start: `received` packets, `parsed` messages, `rejected` packets and
        messages, `dropped` events (the sink raised an error), `coalesced` values (left out in a
        flood because newer ones had come), `clamped` and `refused` values, `unsent` answers,
        connections `turned_away`, `late` bundles, bundles dropped because they were too `far`
        ahead, bundles with time tags of a `foreign` clock, and packets that the system dropped
        because its buffer was full (`overflowed`)."""
        counted = dict(self._dispatcher.counters)
        for name, count in self.namespace.counters.items():
            counted[name] += count
        counted["rejected"] += sum(connection.broken for connection in list(self._connections))
        keeper = self.timekeeper
        counted |= {"late": keeper.late, "far": keeper.far, "foreign": keeper.foreign}
        return counted | {"overflowed": sum(map(overflowed, self._sockets))}

    @property
    def namespace(self) -> Namespace:
        """The addresses that are known now."""
        return self._dispatcher.namespace

    @namespace.setter
    def namespace(self, namespace: Namespace) -> None:
        old, self._dispatcher.namespace = self._dispatcher.namespace, namespace
        if old is not namespace:
            for name, count in old.counters.items():
                self._dispatcher.counters[name] += count

    @property
    def last_error(self) -> str:
        """The latest error, "" if there was none."""
        return self._dispatcher.last_error

    @property
    def refusals(self) -> Refusals:
        """The recent refusals, for all clients."""
        return self._dispatcher.refusals

    def notify(self, address: str, args: Sequence[OscArg]) -> None:
        """Send a message to all clients that asked for it by `/notify 1`; from any thread. A dead
        client raises no error.

        Args:
            address, args: of the message.
        """
        clients = self.clients.notified
        if clients:
            packet = encode_message(address, args)
            for client in clients:
                self._send(client, packet)

    def presence(self, client: Client, there: bool) -> None:
        """Report that a client has come or gone, if its caller can report both; from any thread.

        The subscriptions of such a client last until it has gone. Then the keys and pedals that it
        holds are released, after all the packets that it sent before.

        Args:
            client: the UDP address that it sends from.
            there: True before its first packet, False when it has gone.
        """
        self._presence.append((client, there))
        self._wake()

    def close(self) -> None:
        """Stop listening and give the ports back. May be called twice."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._wake()
            self._thread.join(2.0)
        for connection in self._connections:
            connection.close()
        for sock in (*self._listeners, *self._sockets, self._woken, self._waker):
            sock.close()
        self._selector.close()
        self._dispatcher.dump.close()

    def __enter__(self) -> OscServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"1")

    # The server's thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._failures > _SLOW_AFTER:
                self._stop.wait(0.1)
            waiting = any(connection.waiting for connection in self._connections)
            longest = _SOON_S if waiting else _IDLE_S
            longest = min(longest, self._dispatcher.streams.wait(time.monotonic()))
            for key, _ in self._selector.select(0 if self._backlog else longest):
                try:
                    key.data(key.fileobj)
                except Exception as error:  # noqa: BLE001 - the last line of defence
                    self._count("dropped", error)
            self._greet()
            self._work()
            self._dispatcher.send_streams()
            if waiting:
                for connection in self._connections:
                    connection.flush()

    def _receive(self, sock: socket.socket) -> None:
        """Read all waiting datagrams, because the system's buffer holds only a few hundred."""
        for place in refused_addresses(sock):
            self._dispatcher.refused(place)
        backlog = self._backlog
        while len(backlog) < _MAX_BACKLOG:
            try:
                backlog.append(sock.recvfrom(MAX_PACKET + 1))
            except (BlockingIOError, InterruptedError):
                break
            except ConnectionRefusedError:
                continue  # an earlier answer was refused, see `refused_addresses`
            except OSError as error:
                # On Windows: a datagram is too long, or an earlier answer was refused.
                self._failures += 1
                self._count("rejected", error)
                return
            self._failures = 0
        if len(backlog) > self._crowded:
            kept = self._dispatcher.thinned(backlog)
            self._backlog = deque(kept)
            self._crowded = max(_CROWDED, 2 * len(kept))
        elif len(backlog) < _CROWDED:
            self._crowded = _CROWDED

    def _greet(self) -> None:
        """Act on reports of `presence`; a client leaves only after all its packets."""
        while self._presence:
            client, there = self._presence.popleft()
            if there:
                self._dispatcher.come(client)
            else:
                for sock in self._sockets:
                    self._receive(sock)
                self._backlog.append((_GONE, client))

    def _work(self) -> None:
        """Act on some of the waiting packets."""
        for _ in range(min(_AT_ONCE, len(self._backlog))):
            if self._stop.is_set():
                return
            packet, sender = self._backlog.popleft()
            try:
                if packet is _GONE:
                    self._dispatcher.leave(sender)
                else:
                    self._dispatcher.take(packet, sender)
            except Exception as error:  # noqa: BLE001 - the last line of defence
                self._count("dropped", error)

    def _accept(self, listener: socket.socket) -> None:
        connection = accept(listener)
        if connection is None:
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            self._dispatcher.counters["turned_away"] += 1
            self.refusals.note(connection.name, "-", f"more than {MAX_CONNECTIONS} connections")
            connection.close()
            return
        self._connections.append(connection)
        self._dispatcher.come(connection)
        self._selector.register(
            connection.socket, selectors.EVENT_READ, lambda _: self._read(connection)
        )

    def _read(self, connection: TcpConnection) -> None:
        sock = connection.socket
        packets = connection.receive()
        try:
            for packet in packets:
                self._dispatcher.take(packet, connection)
        finally:
            if connection.closed:
                self._selector.unregister(sock)
                self._connections.remove(connection)
                self._dispatcher.counters["rejected"] += connection.broken
                if connection.broken:
                    self.refusals.note(connection.name, "-", _NO_OSC)
                self._dispatcher.leave(connection)

    def _send(self, client: Client, packet: bytes) -> None:
        sent = False
        if isinstance(client, TcpConnection):
            sent = client.send(packet)
        else:
            sent = self._send_datagram(packet, self.clients.place(client))
        self._dispatcher.counters["unsent"] += not sent

    def _send_datagram(self, packet: bytes, place: tuple[Any, ...]) -> bool:
        six = len(place) > 2  # an address of IPv6 has four parts
        of_family = (s for s in self._sockets if (s.family == socket.AF_INET6) == six)
        sock = next(of_family, self._socket)
        for _ in range(2):  # the first failure may be the report of an earlier datagram
            with contextlib.suppress(OSError):
                sock.sendto(packet, place)
                return True
        return False

    def _count(self, what: str, error: Exception) -> None:
        self._dispatcher.counters[what] += 1
        self._dispatcher.last_error = f"{type(error).__name__}: {error}"
