"""Clients that vanish: what they held ends, and nothing is sent to them any more."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc import listeners
from realtime.osc.held import HeldNotes
from realtime.osc.listeners import LAST_S, REFUSED_S, Clients, Streams
from realtime.osc.server import OscServer
from synth.contract import Control
from tests.realtime.jack_peers import wait_until
from tests.realtime.osc_peer import TcpPeer, UdpPeer, bundle, in_seconds, message

HERE, THERE = ("127.0.0.1", 5000), ("127.0.0.1", 6000)
CONTROLS = (Control("position"),)


class Rig:
    """A server and what came out of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        namespace, values = Namespace({"codec": CONTROLS}), Values()
        values.set_namespace(namespace)
        self.server = OscServer(namespace, print, port=0, group=self._take, values=values)

    def _take(self, events: Sequence[Event], source: str) -> None:
        self.events.extend(events)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    with made.server:
        yield made


def note(address: str, *value: float, at: int = NOW) -> Event:
    return Event(at, address, value)


def test_what_a_client_holds_ends_with_it() -> None:
    held = HeldNotes()
    held.follow("a")
    held.observe("a", [note("/note/on", 60, 100), note("/note/on", 60, 90, 7)])
    held.observe("a", [note("/note/on", 62, 100), note("/note/off", 62), note("/sustain", 1)])
    held.observe("a", [note("/soft", 1), note("/soft", 0), note("/gain", -6)])
    assert held.release("a") == [
        note("/note/off", 60),
        note("/note/off", 60, 7),
        note("/sustain", 0),
    ]
    assert held.release("a") == []


def test_a_note_without_id_ends_all_of_its_key() -> None:
    held = HeldNotes()
    held.follow("a")
    held.observe("a", [note("/note/on", 60, 100, 1), note("/note/on", 60, 100, 2)])
    held.observe("a", [note("/note/off", 60, 1)])
    held.observe("a", [note("/note/on", 61, 100, 3), note("/note/off", 61)])
    assert held.release("a") == [note("/note/off", 60, 2)]


def test_what_somebody_else_holds_too_sounds_on() -> None:
    held = HeldNotes()
    for client in ("a", "b"):
        held.follow(client)
        held.observe(client, [note("/note/on", 60, 100)])
    assert held.release("a") == []
    assert held.release("b") == [note("/note/off", 60)]


def test_only_followed_clients_have_an_account_but_anybody_ends_all_notes() -> None:
    held = HeldNotes()
    held.follow("a")
    held.observe("a", [note("/note/on", 60, 100), note("/sustain", 1)])
    held.observe("b", [note("/note/on", 61, 100), note("/all_notes_off")])
    assert held.release("b") == []
    assert held.release("a") == [note("/sustain", 0)]


def test_channels_are_told_apart_and_controls_are_no_pedals() -> None:
    held = HeldNotes()
    held.follow("a")
    held.observe("a", [note("/channel/2/note/on", 60, 100), note("/channel/3/note/on", 60, 100)])
    held.observe("a", [note("/channel/3/note/off", 60), note("/morph/sustain", 1)])
    assert held.release("a") == [note("/channel/2/note/off", 60)]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_tcp_client_that_goes_lets_go_of_its_notes(rig: Rig, end: str) -> None:
    with TcpPeer(rig.server.tcp_port) as peer:
        peer.send("/note/on", 60, 100)
        peer.settle()
        if end == "reset":
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert wait_until(lambda: rig.events[-1:] == [note("/note/off", 60)])


def test_a_note_that_is_still_to_come_ends_when_it_begins(rig: Rig) -> None:
    rig.server.timekeeper.policy = "trust"
    rig.server.timekeeper._clock.feed(0, time.monotonic(), 48_000)
    with TcpPeer(rig.server.tcp_port) as peer:
        peer.raw(bundle(message("/note/on", 60, 100), timetag=in_seconds(5)))
        peer.settle()
    assert wait_until(lambda: len(rig.events) == 2)
    begin, end = rig.events
    assert (begin.target, end.target) == ("/note/on", "/note/off")
    assert begin.time == end.time > 0


def test_a_program_that_sends_one_message_leaves_its_note(rig: Rig) -> None:
    """As `oscsend` does: UDP has no end."""
    with UdpPeer(rig.server.port) as peer:
        peer.send("/note/on", 60, 100)
        peer.settle()
    with UdpPeer(rig.server.port) as other:
        other.settle()
    assert rig.events == [note("/note/on", 60, 100)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell who refused")
@pytest.mark.parametrize("reply_port", [False, True])
def test_subscriptions_end_when_the_port_refuses_them(
    rig: Rig, reply_port: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "REFUSED_S", 0.2)
    with UdpPeer(rig.server.port) as stays, UdpPeer(rig.server.port) as goes:
        stays.ask("/subscribe", "/codec/position", 50.0)
        if reply_port:
            elsewhere = UdpPeer(rig.server.port)
            goes.send("/replyport", elsewhere.port)
            goes.send("/notify", 1)
            goes.send("/subscribe", "/codec/position", 50.0)
            assert elsewhere.receive()[1][0] == "/replyport"
            elsewhere.socket.close()
        else:
            goes.ask("/notify", 1)
            goes.send("/subscribe", "/codec/position", 50.0)
            goes.socket.close()
        assert wait_until(lambda: len(rig.server._dispatcher.streams._periods) == 2)
        assert wait_until(lambda: len(rig.server._dispatcher.streams._periods) == 1)
        assert rig.server.clients.notified == []
        stays.socket.settimeout(1.0)
        for _ in range(20):
            assert stays.receive()[0] == "/codec/position"
        assert rig.server.counters["rejected"] == rig.server.counters["unsent"] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell who refused")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104
@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
def test_a_refusal_is_told_whatever_family_it_comes_by(
    host: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ":" in name and host == "0.0.0.0":  # noqa: S104
        pytest.skip("IPv4 alone")
    monkeypatch.setattr(listeners, "REFUSED_S", 0.1)
    values = Values()
    values.meter("/meter/load", 0.5)
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    with OscServer(Namespace({}), print, host, 0, values=values) as server:
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.connect((name, server.port))
            peer.send(message("/subscribe", "/meter/load", 100.0))
            assert b"/done" in peer.recv(1_024)
            assert server._dispatcher.streams.clients
        assert wait_until(lambda: not server._dispatcher.streams.clients)


def test_a_port_that_opens_again_in_time_is_not_let_go() -> None:
    clients = Clients()
    assert not clients.refused(HERE, 0.0)
    assert not clients.refused(HERE, REFUSED_S - 0.01)
    clients.heard(HERE)
    assert not clients.refused(HERE, REFUSED_S + 1)
    assert not clients.refused(THERE, REFUSED_S + 1)
    assert clients.refused(HERE, 2 * REFUSED_S + 1)


def test_subscriptions_expire_unless_they_are_renewed() -> None:
    streams = Streams()
    for client in (HERE, THERE, "ws"):
        streams.add(client, "/gain", 1.0, 0.0)  # type: ignore[arg-type]
    streams.last("ws")  # type: ignore[arg-type]
    streams.heard(THERE, LAST_S - 1)
    assert streams.expire(LAST_S) == []
    assert streams.expire(LAST_S + 1) == [HERE]
    assert streams.addresses(THERE) == ["/gain"]
    assert streams.expire(3 * LAST_S) == [THERE]
    assert streams.clients == ["ws"]


def test_a_client_that_is_only_silent_is_told_why_nothing_comes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with UdpPeer(rig.server.port) as peer:
        peer.ask("/subscribe", "/codec/position", 50.0)
        monkeypatch.setattr(listeners, "LAST_S", 0.1)
        while (answer := peer.receive())[0] == "/codec/position":
            continue
        assert answer[1][0] == "/subscribe"
        assert "subscribe again" in answer[1][1]
        assert peer.settle() == []


PD = """#N canvas 0 0 400 300 12;
#X obj 10 10 loadbang;
#X msg 10 40 connect 127.0.0.1 {port};
#X obj 10 200 netsend -u -b;
#X obj 100 10 del 200;
#X msg 100 60 list /codec/position 50;
#X obj 100 100 oscformat -f sf subscribe;
#X obj 100 130 list prepend send;
#X obj 100 160 list trim;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 0 0 3 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 6 0;
#X connect 6 0 7 0;
#X connect 7 0 2 0;
"""


@pytest.mark.peers
@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell who refused")
def test_pure_data_that_is_killed_is_noticed(rig: Rig, tmp_path: Path) -> None:
    """While it lives, it is sent values for longer than a refusing port would be."""
    pd = shutil.which("pd")
    if pd is None:
        pytest.skip("pd is not installed (Debian: apt install puredata-core)")
    patch = tmp_path / "subscribe.pd"
    patch.write_text(PD.format(port=rig.server.port))
    streams = rig.server._dispatcher.streams
    command = [pd, "-nogui", "-nosound", "-nomidi", "-noprefs", "-open", str(patch)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: streams.clients, 20.0)
        assert not wait_until(lambda: not streams.clients, REFUSED_S + 1.0)
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: not streams.clients, REFUSED_S + 5.0)
