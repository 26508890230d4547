"""The OSC server on a real socket: events, answers, limits, and nothing that ends its thread."""

from __future__ import annotations

import math
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage as PeerMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.osc.dispatch import FAILS_PER_SECOND
from realtime.osc.listeners import MAX_NOTIFIED
from realtime.osc.server import OscServer
from realtime.protocol.osc_encode import encode_message
from synth import __version__
from synth.contract import ConfigError, Control, DeviceError, ProtocolError

CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"))
PATIENCE_S = 5.0


class Peer:
    """A client with a socket of its own, that writes and reads with python-osc."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self._ids = iter(range(1, 1_000_000))

    def raw(self, packet: bytes) -> None:
        self.socket.send(packet)

    def send(self, address: str, *args: Any) -> None:
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self.raw(builder.build().dgram)

    def receive(self) -> tuple[str, list[Any]]:
        message = PeerMessage(self.socket.recv(65_536))
        return message.address, list(message.params)

    def ask(self, address: str, *args: Any) -> tuple[str, list[Any]]:
        self.send(address, *args)
        return self.receive()

    def settle(self) -> list[tuple[str, list[Any]]]:
        """Wait until all that was sent before has been handled; the answers to it."""
        ident, seen = next(self._ids), []
        self.send("/sync", ident)
        while (answer := self.receive()) != ("/synced", [ident]):
            seen.append(answer)
        return seen


class Session:
    """A server, what came out of it, and a peer."""

    def __init__(self, server: OscServer, events: list[Event]) -> None:
        self.server, self.events = server, events
        self.peer = Peer(server.port)


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS})


@pytest.fixture
def session(namespace: Namespace) -> Iterator[Session]:
    events: list[Event] = []
    with OscServer(namespace, events.append, port=0) as server:
        session = Session(server, events)
        yield session
        session.peer.socket.close()


def bundle(*elements: bytes, timetag: int = 1) -> bytes:
    framed = b"".join(struct.pack(">i", len(e)) + e for e in elements)
    return b"#bundle\0" + struct.pack(">Q", timetag) + framed


def test_messages_become_events_in_order(session: Session) -> None:
    session.peer.send("/note/on", 60, 100)
    session.peer.send("/codec/latent", 0.5, -0.5, 0.25)
    session.peer.raw(
        bundle(encode_message("/codec/latent/1", [1.0]), encode_message("/note/off", [60]))
    )
    assert session.peer.settle() == []
    assert session.events == [
        Event(NOW, "/note/on", (60.0, 100.0)),
        Event(NOW, "/codec/latent", (0.5, -0.5, 0.25)),
        Event(NOW, "/codec/latent/1", (1.0,)),
        Event(NOW, "/note/off", (60.0,)),
    ]
    assert session.server.counters["received"] == 4
    assert session.server.counters["parsed"] == 5
    assert session.server.counters["rejected"] == 0


def test_far_time_tag_means_now(session: Session) -> None:
    session.peer.raw(bundle(encode_message("/panic", []), timetag=0xFFFFFFFF00000000))
    assert session.peer.settle() == []
    assert session.events == [Event(NOW, "/panic")]


@pytest.mark.parametrize(
    ("send", "address", "reason"),
    [
        (("/codec/positon", 0.5), "/codec/positon", "did you mean /codec/position"),
        (("/codec/position", "loud"), "/codec/position", "a number is needed"),
        (("/codec/latent", 0.5), "/codec/latent", "needs 3 numbers, got 1"),
        (("/codec/position", math.nan), "/codec/position", "finite"),
        (("/sync",), "/sync", "needs an id"),
        (("/sync", "x"), "/sync", "needs an id"),
        (("/sync", 0.5), "/sync", "needs an id"),
        (("/notify",), "/notify", "needs 1 or 0"),
    ],
)
def test_wrong_messages_are_answered_with_the_reason(
    session: Session, send: tuple[Any, ...], address: str, reason: str
) -> None:
    ((answer, args),) = _settled(session, lambda: session.peer.send(*send))
    assert (answer, args[0]) == ("/fail", address)
    assert reason in args[1]
    assert session.events == []
    assert session.server.counters["rejected"] == 1


def _settled(session: Session, act: Callable[[], None]) -> list[tuple[str, list[Any]]]:
    act()
    return session.peer.settle()


def test_malformed_packet_is_answered_without_an_address(session: Session) -> None:
    ((answer, args),) = _settled(session, lambda: session.peer.raw(b"nonsense"))
    assert (answer, args[0]) == ("/fail", "-")


def test_clamped_and_refused_are_counted_across_namespaces(session: Session) -> None:
    session.peer.send("/codec/position", 9.0)
    session.peer.send("/codec/position", math.inf)
    session.peer.settle()
    assert session.events == [Event(NOW, "/codec/position", (1.0,))]
    session.server.namespace = Namespace({"room": [Control("wet")]})
    session.peer.send("/room/wet", 2.0)
    session.peer.send("/codec/position", 0.5)
    ((answer, args),) = session.peer.settle()[-1:]
    assert (answer, args[0]) == ("/fail", "/codec/position")
    assert session.events[1:] == [Event(NOW, "/room/wet", (1.0,))]
    counted = session.server.counters
    assert (counted["clamped"], counted["refused"], counted["rejected"]) == (2, 1, 2)


def test_status_is_numbers_in_order_and_says_their_names(namespace: Namespace) -> None:
    status = {"voices": 3, "load": 0.25, "level_db": -math.inf, "frames": 2**40, "odd": math.nan}
    with OscServer(namespace, print, port=0, status=lambda: status) as server:
        peer = Peer(server.port)
        address, numbers = peer.ask("/status")
        assert address == "/status.reply"
        assert numbers == [3, 0.25, pytest.approx(-3.4028234e38), float(2**40), 0.0]
        assert [type(n) for n in numbers] == [int, float, float, float, float]
        assert peer.ask("/status/names") == ("/status/names.reply", list(status))
        peer.socket.close()


def test_version(session: Session) -> None:
    assert session.peer.ask("/version") == ("/version.reply", ["synth", __version__])


def test_sync_waits_for_the_engine_without_stopping_the_server(namespace: Namespace) -> None:
    waiting: list[Callable[[], None]] = []
    with OscServer(namespace, print, port=0, sync=waiting.append) as server:
        peer = Peer(server.port)
        peer.send("/sync", 7.0)
        assert peer.ask("/version")[0] == "/version.reply"  # not held up, and /synced not sent
        waiting[0]()
        assert peer.receive() == ("/synced", [7])
        waiting[0]()  # once is enough
        assert peer.ask("/version")[0] == "/version.reply"
        peer.socket.close()


def test_notify_reaches_those_who_asked(session: Session) -> None:
    second = Peer(session.server.port)
    session.server.notify("/codec/position", [0.1])  # nobody asked yet
    assert session.peer.ask("/notify", 1) == ("/done", ["/notify", 1])
    assert second.ask("/notify", True) == ("/done", ["/notify", 1])
    session.server.notify("/codec/latent", [0.5, 1.0, -1.0])
    assert session.peer.receive() == second.receive() == ("/codec/latent", [0.5, 1.0, -1.0])
    assert session.peer.ask("/notify", 0) == ("/done", ["/notify", 0])
    session.server.notify("/codec/position", [0.5])
    assert second.receive() == ("/codec/position", [0.5])
    assert session.peer.settle() == []
    second.socket.close()


def test_the_newest_clients_are_notified_when_there_are_too_many(session: Session) -> None:
    peers = [session.peer, *(Peer(session.server.port) for _ in range(MAX_NOTIFIED))]
    for peer in peers:
        assert peer.ask("/notify", 1)[0] == "/done"
    peers[1].socket.close()  # a dead client does no harm
    session.server.notify("/codec/position", [0.5])
    for peer in peers[2:]:
        assert peer.receive() == ("/codec/position", [0.5])
        peer.socket.close()
    assert session.peer.settle() == []  # the first one made room for the last one


def test_fail_answers_are_limited_and_never_large(session: Session) -> None:
    long = b"/" + b"x" * 8_000 + b"\0\0\0,\0\0\0"
    sizes = []
    for _ in range(4):
        for _ in range(100):
            session.peer.raw(long)
        session.peer.send("/sync", 0)
        while PeerMessage(packet := session.peer.socket.recv(65_536)).address == "/fail":
            sizes.append(len(packet))
    assert session.server.counters["rejected"] == 400
    assert FAILS_PER_SECOND - 1 <= len(sizes) <= FAILS_PER_SECOND * (1 + PATIENCE_S)
    assert len(sizes) < 400
    assert max(sizes) < 400


@pytest.mark.parametrize(
    "address", ["/fail", "/done", "/synced", "/status.reply", "/version.reply"]
)
def test_answers_are_not_answered(session: Session, address: str) -> None:
    session.peer.send(address, "/x", "reason")
    assert session.peer.settle() == []
    assert session.server.counters["rejected"] == 1


def test_a_failing_sink_costs_events_not_the_server(namespace: Namespace) -> None:
    taken: list[Event] = []

    def sink(event: Event) -> None:
        if event.target == "/panic":
            raise RuntimeError("queue is full")
        taken.append(event)

    with OscServer(namespace, sink, port=0) as server:
        peer = Peer(server.port)
        peer.send("/panic")
        peer.send("/note/off", 60)
        assert peer.settle() == []
        assert taken == [Event(NOW, "/note/off", (60.0,))]
        assert server.counters["dropped"] == 1
        assert "queue is full" in server.last_error
        peer.socket.close()


def test_killers_and_noise_leave_it_playing(session: Session) -> None:
    nest = encode_message("/panic", [])
    for _ in range(400):
        nest = bundle(nest)
    killers = [
        b"#bundle\0" + struct.pack(">Qi", 1, -4),
        nest,
        encode_message("/" + "*a" * 12 + "b", [1.0]),
        bundle(encode_message("/note/off", [1]), timetag=2**64 - 1),
        b"",
        bytes(60_000),
    ]
    random_ = random.Random(2)
    began = time.monotonic()
    for _ in range(20):
        for packet in killers:
            session.peer.raw(packet)
        for _ in range(40):
            noise = bytearray(random_.choice(killers[:4]))
            noise[random_.randrange(len(noise))] = random_.randrange(256)
            session.peer.raw(bytes(noise))
        session.peer.settle()
    assert time.monotonic() - began < PATIENCE_S
    session.events.clear()
    session.peer.send("/note/on", 60, 1)
    session.peer.settle()
    assert session.events == [Event(NOW, "/note/on", (60.0, 1.0))]


def test_occupied_port_is_named_with_the_way_out(session: Session) -> None:
    port = session.server.port
    with pytest.raises(DeviceError, match=rf"127.0.0.1 port {port} .*--osc-port"):
        OscServer(session.server.namespace, print, port=port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_port_out_of_range(namespace: Namespace, port: int) -> None:
    with pytest.raises(ConfigError, match=r"0 … 65535"):
        OscServer(namespace, print, port=port)


@pytest.mark.parametrize("host", ["192.0.2.1", "x" * 70])
def test_host_that_is_not_here(namespace: Namespace, host: str) -> None:
    with pytest.raises(DeviceError, match="--osc-host"):
        OscServer(namespace, print, host=host, port=0)


def test_close_ends_thread_and_frees_the_port(namespace: Namespace) -> None:
    before = threading.active_count()
    server = OscServer(namespace, print, port=0)
    assert threading.active_count() == before + 1
    began = time.monotonic()
    server.close()
    server.close()
    assert time.monotonic() - began < 0.5  # woken, not waited for
    assert threading.active_count() == before
    with OscServer(namespace, print, port=server.port) as again:
        assert again.port == server.port
        server.notify("/codec/position", [0.5])  # nobody there, no harm


def test_only_an_open_door_warns(namespace: Namespace) -> None:
    with OscServer(namespace, print, port=0) as closed:
        assert closed.warning == ""
    with OscServer(namespace, print, host="0.0.0.0", port=0) as wide:  # noqa: S104
        assert "everybody on this network" in wide.warning
        began = time.monotonic()
    assert time.monotonic() - began < 0.5


def test_encoding_refuses_what_osc_can_not_say() -> None:
    with pytest.raises(ProtocolError):
        encode_message("", [])
    with pytest.raises(ProtocolError):
        encode_message("/a", [2**70])
    assert PeerMessage(encode_message("/a", ["0 … 3 é"])).params == ["0 .. 3 ?"]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::"])
@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_both_kinds_of_localhost_are_heard_and_answered(
    namespace: Namespace, host: str, name: str, kind: socket.SocketKind
) -> None:
    """Also by a program that has asked for its answers on another port."""
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    with (
        OscServer(namespace, print, host=host, port=0) as server,
        socket.socket(family, kind) as peer,
        socket.socket(family, socket.SOCK_DGRAM) as ear,
    ):
        peer.settimeout(PATIENCE_S)
        ear.settimeout(PATIENCE_S)
        peer.connect((name, server.port))
        if kind == socket.SOCK_STREAM:
            question = encode_message("/version", [])
            peer.sendall(struct.pack(">i", len(question)) + question)
            assert b"/version.reply" in peer.recv(1_024)
            return
        peer.send(encode_message("/version", []))
        assert PeerMessage(peer.recv(1_024)).address == "/version.reply"
        ear.bind((name, 0))
        peer.send(encode_message("/replyport", [ear.getsockname()[1]]))
        assert PeerMessage(ear.recv(1_024)).address == "/done"


def test_a_taken_port_of_the_other_localhost_is_no_reason_not_to_play(
    namespace: Namespace,
) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with OscServer(namespace, print, port=0) as first:
        port = first.port
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(("::1", port))
        with OscServer(namespace, print, port=port) as server:
            peer = Peer(server.port)
            assert peer.ask("/version")[0] == "/version.reply"
            peer.socket.close()
