"""Refusals are kept for people to see, whoever was refused, and told to those who asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from realtime.namespace.namespace import Namespace
from realtime.osc import refusals
from realtime.osc.refusals import MAX_KINDS, TOLD_PER_SECOND, Refusal, Refusals
from realtime.osc.server import OscServer
from realtime.process.clock import SampleClock
from synth.contract import Control
from tests.realtime.jack_peers import wait_until
from tests.realtime.osc_peer import TcpPeer, UdpPeer, bundle, message


@pytest.fixture
def server() -> Iterator[OscServer]:
    with OscServer(Namespace({"codec": (Control("position"),)}), lambda event: None, port=0) as it:
        yield it


def test_alike_ones_are_counted_and_the_newest_comes_first() -> None:
    """Whatever port they come from: a program that is started anew has another one."""
    kept = Refusals()
    for port in range(3):
        kept.note(f"127.0.0.1:{port}", "/x", "unknown")
    kept.note("127.0.0.1:9", "/y", "unknown")
    first, second = kept.latest()
    assert (first.address, first.count) == ("/y", 1)
    assert str(second) == "/x from 127.0.0.1:2: unknown (3 times)"


def test_old_ones_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Refusals()
    kept.note("a:1", "/x", "unknown")
    monkeypatch.setattr(refusals, "SHOWN_S", -1.0)
    assert kept.latest() == []


def test_floods_are_bounded() -> None:
    told: list[Refusal] = []
    kept = Refusals(told.append)
    for i in range(10_000):
        kept.note("a:1", f"/x{i}", "unknown")
    assert len(kept.latest(10_000)) == MAX_KINDS
    assert len(told) <= 2 * TOLD_PER_SECOND


def test_others_are_told_and_the_sender_is_answered(server: OscServer) -> None:
    with UdpPeer(server.port) as sender, UdpPeer(server.port) as watcher:
        assert watcher.ask("/notify", 1)[0] == "/done"
        assert sender.ask("/notify", 1)[0] == "/done"
        sender.send("/codec/positon", 0.5)
        ((answer, (address, reason)),) = sender.settle()
        assert (answer, address) == ("/fail", "/codec/positon")
        told, (client, where, why) = watcher.receive()
        assert told == "/synth/refused"
        assert (client, where, why) == (f"127.0.0.1:{sender.port}", address, reason)
        watcher.send("/synth/refused", "x", "/y", "z")  # sent back, it isn't answered
        assert watcher.settle() == []
    shown = server.refusals.latest()[-1]
    assert shown.address == "/codec/positon"
    assert "did you mean /codec/position" in shown.reason


def test_tcp_that_is_not_osc_is_told(server: OscServer) -> None:
    with TcpPeer(server.tcp_port) as peer:
        peer.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert wait_until(lambda: server.refusals.latest())
    assert "something else than OSC" in server.refusals.latest()[0].reason


@pytest.mark.parametrize("policy", ["trust", "clamp"])
def test_the_clock_of_a_refused_bundle_is_named(policy: str) -> None:
    clock = SampleClock()
    clock.feed(0, time.monotonic(), 48_000)
    events: list[object] = []
    namespace = Namespace({"codec": (Control("position"),)})
    with (
        OscServer(namespace, events.append, port=0, clock=clock, timetags=policy) as server,
        UdpPeer(server.port) as peer,
    ):
        peer.raw(bundle(message("/codec/position", 0.5), timetag=int(time.time()) << 32))
        answers = peer.settle()
        (shown,) = server.refusals.latest()
        counted = server.counters
    assert "since 1970" in shown.reason
    assert counted["foreign"] == 1
    if policy == "clamp":
        assert (answers, len(events), counted["far"]) == ([], 1, 0)
        assert shown.played
    else:
        assert [address for address, _ in answers] == ["/fail"]
        assert (events, counted["far"]) == ([], 1)
        assert "--timetags clamp" in shown.reason
