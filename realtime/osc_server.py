"""`OscServer`: one UDP socket, one thread; packets in, events out, short answers back.

What the network sends can be wrong, but never worse than counted: the thread ends by `close` only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from realtime.commands import Commands
from realtime.event import NOW, Event
from realtime.namespace import Namespace, UnknownAddressError
from realtime.osc import MAX_PACKET, NotFiniteError, OscArg, OscMessage, decode_packet
from synth import __version__
from synth.contract import ConfigError, DeviceError, ProtocolError, SynthError

DEFAULT_PORT = 9000
MAX_CLIENTS = 16  # that get notifications
FAILS_PER_SECOND = 50
REPLIES_PER_SECOND = 2_000
MAX_REASON = 240  # characters of a /fail
_RECEIVE_BUFFER = 1 << 20
_FLOAT32_MAX = 3.4028234e38
# Never answered, or two servers would talk to each other for ever.
_ANSWERS = ("/fail", "/done", "/synced")

Sender = tuple[Any, ...]


class _Allowance:
    """So many a second, bursts up to one second's worth."""

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


class OscServer:
    """Listens from construction to `close`; a context manager.

    Args:
        namespace: what addresses mean. The attribute can be replaced while the server runs.
        sink: takes each event, in order, on the server's thread; must not block. What it raises is
            counted as `dropped`.
        host, port: where to listen, 0 … 65535; port 0 takes a free one (see `port`).
        status: numbers for `/status.reply`, always in the same order; must not block.
        sync: called for `/sync` with a function to be called (from any thread) once all events
            given to `sink` before have taken effect; without it that is at once.
        commands: what is answered besides, see there.

    Raises:
        ConfigError: the port is out of range.
        DeviceError: the port is occupied or the host is not this machine's; says what to do.
    """

    def __init__(
        self,
        namespace: Namespace,
        sink: Callable[[Event], None],
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        status: Callable[[], Mapping[str, float | int]] | None = None,
        sync: Callable[[Callable[[], None]], None] | None = None,
        commands: Commands | None = None,
    ) -> None:
        self._namespace = namespace
        self._commands = commands or Commands()
        self._sink = sink
        self._status = status or self._own_status
        self._sync = sync
        self._counters = dict.fromkeys(
            ("received", "parsed", "rejected", "dropped", "refused", "clamped", "unsent"), 0
        )
        self._clients: dict[Sender, None] = {}
        self._lock = threading.Lock()
        self._fails, self._replies = _Allowance(FAILS_PER_SECOND), _Allowance(REPLIES_PER_SECOND)
        self._stop = threading.Event()
        self.last_error = ""
        self._socket = _open(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)
        self._thread.start()

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
        """Since the start: `received` packets, `parsed` messages, `rejected` packets and messages,
        `dropped` events that the sink did not take, `clamped` and `refused` values, `unsent`
        answers."""
        counted = dict(self._counters)
        for name, count in self._namespace.counters.items():
            counted[name] += count
        return counted

    @property
    def namespace(self) -> Namespace:
        """What addresses mean now."""
        return self._namespace

    @namespace.setter
    def namespace(self, namespace: Namespace) -> None:
        old, self._namespace = self._namespace, namespace
        if old is not namespace:
            for name, count in old.counters.items():
                self._counters[name] += count

    def notify(self, address: str, args: Sequence[OscArg]) -> None:
        """Send to all who asked for it by `/notify 1`. From any thread; never raises on a dead
        client."""
        with self._lock:
            clients = list(self._clients)
        if clients:
            packet = encode_message(address, args)
            for client in clients:
                self._send_packet(client, packet)

    def close(self) -> None:
        """Stop listening and give the port back. May be called twice."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            host = str(self.host)
            here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - no binding
            with contextlib.suppress(OSError):
                self._socket.sendto(b"", (here, self.port))  # wakes the thread
            self._thread.join(2.0)
        self._socket.close()

    def __enter__(self) -> OscServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        failures = 0
        while not self._stop.wait(0.1) if failures > 100 else not self._stop.is_set():
            try:
                packet, sender = self._socket.recvfrom(MAX_PACKET + 1)
            except TimeoutError:
                continue
            except OSError as error:
                # Windows reports a too long datagram, or that an earlier answer found nobody.
                failures += 1
                self._counters["rejected"] += 1
                self.last_error = f"{type(error).__name__}: {error}"
                continue
            failures = 0
            if not self._stop.is_set():
                self._take(packet, sender)

    def _take(self, packet: bytes, sender: Sender) -> None:
        self._counters["received"] += 1
        try:
            messages = decode_packet(packet)
        except NotFiniteError as error:
            self._counters["refused"] += 1
            self._fail(sender, error.address, error)
            return
        except ProtocolError as error:
            self._fail(sender, "-", error)
            return
        self._counters["parsed"] += len(messages)
        for message in messages:
            try:
                self._act(message, sender)
            except SynthError as error:
                self._fail(sender, message.address, error)
            except Exception as error:  # noqa: BLE001 - a sink's fault must not end the thread
                self._counters["dropped"] += 1
                self.last_error = f"{message.address[:80]}: {type(error).__name__}: {error}"

    def _act(self, message: OscMessage, sender: Sender) -> None:
        address, args = message.address, message.args
        if address == "/status":
            self._answer(sender, "/status.reply", [_plain(v) for v in self._status().values()])
        elif address == "/status/names":
            self._answer(sender, "/status/names.reply", list(self._status()))
        elif address == "/version":
            self._answer(sender, "/version.reply", ["synth", __version__])
        elif address == "/sync":
            (ident,) = _integers(args, "an id")
            done = _Once(lambda: self._answer(sender, "/synced", [ident]))
            (self._sync or _at_once)(done)
        elif address == "/notify":
            (wanted,) = _integers(args, "1 or 0")
            self._register(sender, bool(wanted))
            self._answer(sender, "/done", ["/notify", int(bool(wanted))])
        elif (command := self._commands.find(address)) is not None:
            self._answer(sender, *command(args))
        else:
            self._give(address, args)

    def _give(self, address: str, args: Sequence[OscArg]) -> None:
        try:
            event = self._namespace.resolve(address, args)
        except UnknownAddressError:
            if not self._commands.foreign(address, args, NOW):
                raise
        else:
            self._sink(event)

    def _register(self, sender: Sender, wanted: bool) -> None:
        with self._lock:
            self._clients.pop(sender, None)
            if wanted:
                # A client that died without a word leaves its place to the newest.
                if len(self._clients) == MAX_CLIENTS:
                    del self._clients[next(iter(self._clients))]
                self._clients[sender] = None

    def _fail(self, sender: Sender, address: str, error: SynthError) -> None:
        self._counters["rejected"] += 1
        if address in _ANSWERS or address.endswith(".reply") or not self._fails.take():
            return
        reason = str(error)
        self.last_error = f"{address[:80]}: {reason}"
        self._answer(sender, "/fail", [address[:80], reason[:MAX_REASON]])

    def _answer(self, sender: Sender, address: str, args: Sequence[OscArg]) -> None:
        if self._replies.take():
            self._send_packet(sender, encode_message(address, args))
        else:
            self._counters["unsent"] += 1

    def _send_packet(self, client: Sender, packet: bytes) -> None:
        try:
            self._socket.sendto(packet, client)
        except OSError:
            self._counters["unsent"] += 1

    def _own_status(self) -> Mapping[str, float | int]:
        return self.counters


class _Once:
    """Calls a function at the first call only."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()


def encode_message(address: str, args: Sequence[OscArg]) -> bytes:
    """One message as a datagram. Text outside ASCII is sent with "?" in its place.

    Raises:
        ProtocolError: the address is empty or a value has no OSC type or does not fit it.
    """
    builder = OscMessageBuilder(_ascii(address))
    try:
        for arg in args:
            builder.add_arg(_ascii(arg) if isinstance(arg, str) else arg)
        return bytes(builder.build().dgram)
    except (BuildError, ValueError) as error:
        raise ProtocolError(f"{address}: can't be sent as OSC ({error})") from None


def _ascii(text: str) -> str:
    return text.replace("…", "..").encode("ascii", "replace").decode("ascii")


def _plain(value: float | int) -> float | int:
    """A number that receivers of int32 and float32 understand; infinities as the largest float."""
    if isinstance(value, int) and abs(value) < 1 << 31:
        return int(value)
    if math.isnan(value):
        return 0.0
    return max(-_FLOAT32_MAX, min(_FLOAT32_MAX, float(value)))


def _integers(args: Sequence[OscArg], what: str) -> tuple[int]:
    """The only argument, a whole number; Max and TouchDesigner may send it as a float."""
    value = args[0] if len(args) == 1 else None
    if not isinstance(value, int | float) or value != int(value) or abs(value) >= 1 << 31:
        raise ProtocolError(f"needs {what} as the only argument, a whole number")
    return (int(value),)


def _at_once(done: Callable[[], None]) -> None:
    done()


def _open(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise ConfigError(f"OSC port {port} is not in 0 … 65535; use --osc-port {DEFAULT_PORT}")
    sock: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
            0
        ]
        sock = socket.socket(family, kind, protocol)
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets others steal a port
        if exclusive is not None:
            sock.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.settimeout(1.0)  # only in case the packet that wakes the thread is lost
        sock.bind(address)
    except (OSError, UnicodeError) as error:
        if sock is not None:
            sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise DeviceError(
            f"OSC can't listen on {host} port {port} ({reason}); choose another one with"
            f" --osc-port {port + 1 if port < 65535 else 9000}, or 0 for any, or another --osc-host"
        ) from None
    return sock
