"""Streams of values to clients: rates, bounds, and clients that go."""

from __future__ import annotations

import pytest

from realtime.osc.listeners import MAX_REPLY_PORTS, MAX_STREAMS, Clients, Streams
from synth.contract import ProtocolError

HERE, THERE = ("127.0.0.1", 5000), ("127.0.0.1", 6000)


def test_each_stream_keeps_its_rate() -> None:
    streams = Streams()
    streams.add(HERE, "/gain", 10.0, 0.0)
    streams.add(THERE, "/meter/peak", 4.0, 0.0)
    sent: list[tuple[object, str]] = []
    for tick in range(1, 1_001):
        sent += streams.due(tick / 1_000)
    assert sent.count((HERE, "/gain")) in (10, 11)
    assert sent.count((THERE, "/meter/peak")) in (4, 5)


def test_who_was_held_up_does_not_catch_up() -> None:
    streams = Streams()
    streams.add(HERE, "/gain", 100.0, 0.0)
    assert len(streams.due(5.0)) == 1
    assert streams.due(5.001) == []
    assert streams.wait(5.001) == pytest.approx(0.009)


def test_a_new_rate_replaces_the_old_one() -> None:
    streams = Streams()
    for rate in (100.0, 1.0, 1.0):
        streams.add(HERE, "/gain", rate, 0.0)
    assert sum(len(streams.due(tick / 1_000)) for tick in range(2_000)) <= 3


def test_streams_are_bounded_in_number_and_in_rate() -> None:
    streams = Streams()
    for rate in (0.0, 0.01, 201.0, float("nan")):
        with pytest.raises(ProtocolError, match="Hz are allowed"):
            streams.add(HERE, "/gain", rate, 0.0)
    for i in range(20):
        streams.add(HERE, f"/{i}", 200.0, 0.0)
    with pytest.raises(ProtocolError, match="/unsubscribe"):
        streams.add(HERE, "/more", 1.0, 0.0)
    assert streams.remove(HERE) == 20
    assert streams.wait(0.0) == float("inf")
    for i in range(MAX_STREAMS):
        streams.add(HERE, f"/{i}", 1.0, 0.0)
    with pytest.raises(ProtocolError, match="/unsubscribe"):
        streams.add(HERE, "/more", 1.0, 0.0)
    streams.add(HERE, "/0", 2.0, 0.0)


def test_only_what_is_unsubscribed_ends() -> None:
    streams = Streams()
    for client in (HERE, THERE):
        for address in ("/a", "/b"):
            streams.add(client, address, 1.0, 0.0)
    assert streams.remove(HERE, {"/a", "/c"}) == 1
    assert (streams.addresses(HERE), streams.addresses(THERE)) == (["/b"], ["/a", "/b"])
    assert sorted(streams.due(0.0), key=str) == [(HERE, "/b"), (THERE, "/a"), (THERE, "/b")]


def test_answers_go_where_a_client_wants_them() -> None:
    clients = Clients()
    clients.reply_to(HERE, 7000)
    assert clients.place(HERE) == ("127.0.0.1", 7000)
    assert clients.place(THERE) == THERE
    clients.reply_to(HERE, 0)
    assert clients.place(HERE) == HERE
    six = ("::1", 5000, 0, 0)
    assert Clients(8000).place(six) == ("::1", 8000, 0, 0)


def test_reply_ports_are_bounded() -> None:
    clients = Clients()
    for port in range(1, 10 * MAX_REPLY_PORTS):
        clients.reply_to(("127.0.0.1", port), 7000)
    assert len(clients._ports) == MAX_REPLY_PORTS
