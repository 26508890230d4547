"""What packets do: patterns, whole bundles, subscriptions, reply ports, TCP."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from realtime.namespace.commands import Commands
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.dispatch import MAX_EVENTS, Dispatcher
from realtime.osc.dump import Dump
from realtime.osc.listeners import Clients
from realtime.osc.server import OscServer
from realtime.osc.tcp import MAX_CONNECTIONS
from realtime.osc.timekeeper import Timekeeper
from realtime.process.clock import SampleClock
from realtime.protocol.osc_decode import OscArg
from realtime.protocol.osc_framing import Framing, Sized, Slip
from synth.contract import ConfigError, Control
from tests.realtime.osc_hostile import fuzzed_dispatcher
from tests.realtime.osc_peer import PATIENCE_S, TcpPeer, UdpPeer, bundle, in_seconds, message

CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"))
RATE = 48_000


class Rig:
    """A server with a clock of an engine that began now, and the groups of events it gave."""

    def __init__(self, **settings: object) -> None:
        self.namespace = Namespace({"codec": CONTROLS, "room": CONTROLS[:1]})
        self.groups: list[list[Event]] = []
        self.sources: list[str] = []
        self.values = Values()
        self.values.set_namespace(self.namespace)
        self.clock = SampleClock()
        self.clock.feed(0, time.monotonic(), RATE)
        self.server = OscServer(
            self.namespace,
            print,
            port=0,
            group=self.take,
            clock=self.clock,
            values=self.values,
            **settings,  # type: ignore[arg-type]
        )

    def take(self, events: Sequence[Event], source: str) -> None:
        self.groups.append(list(events))
        self.sources.append(source)
        for event in events:
            self.values.observe(event, source)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    with made.server:
        yield made


@pytest.fixture
def peer(rig: Rig) -> Iterator[UdpPeer]:
    with UdpPeer(rig.server.port) as made:
        yield made


def test_a_pattern_is_one_group_of_all_that_fits(rig: Rig, peer: UdpPeer) -> None:
    peer.send("/{codec,room}/p*", 0.5)
    peer.send("/codec/*", 0.25)  # the latent takes three numbers: it is left out
    peer.send("/codec/latent/[12]", 2.0)
    assert peer.settle() == []
    assert rig.groups == [
        [Event(NOW, "/codec/position", (0.5,)), Event(NOW, "/room/position", (0.5,))],
        [Event(NOW, "/codec/position", (0.25,))],
        [Event(NOW, "/codec/latent/1", (1.0,)), Event(NOW, "/codec/latent/2", (1.0,))],
    ]
    assert rig.sources[0] == f"osc 127.0.0.1:{peer.port}"


@pytest.mark.parametrize(
    ("address", "args", "reason"),
    [
        ("/c*/nothing", [1.0], "nothing has an address like /c*/nothing"),
        ("/*/position", ["loud"], "/codec/position: argument 0 is of type str"),
        ("/codec/[ab", [1.0], "brackets"),
        ("/" + "*" * 2 + "a*" * 200, [1.0], "too many signs"),
    ],
)
def test_patterns_that_fail_say_why(
    rig: Rig, peer: UdpPeer, address: str, args: list[OscArg], reason: str
) -> None:
    peer.send(address, *args)
    ((answer, (_, text)),) = peer.settle()
    assert answer == "/fail"
    assert reason in text
    assert rig.groups == []


def test_a_bundle_is_one_group_and_is_not_torn_by_what_fails_or_is_asked(
    rig: Rig, peer: UdpPeer
) -> None:
    peer.raw(
        bundle(
            message("/note/on", 60, 100),
            message("/version"),
            bundle(message("/codec/positon", 1.0), message("/codec/position", 0.5)),
            message("/gain", -6.0),
        )
    )
    assert [address for address, _ in peer.settle()] == ["/fail", "/version.reply"]
    assert [[e.target for e in group] for group in rig.groups] == [
        ["/note/on", "/codec/position", "/gain"]
    ]


def test_bundles_land_as_far_apart_as_their_tags(rig: Rig, peer: UdpPeer) -> None:
    begin = time.time() + 1.0
    for samples in (0, 1, 64, 12_345, 48_000):
        tag = round((begin + 2_208_988_800) * 2**32) + round(samples * 2**32 / RATE)
        peer.raw(bundle(message("/note/on", 60, 100), message("/gain", 0.0), timetag=tag))
    assert peer.settle() == []
    times = [[event.time for event in group] for group in rig.groups]
    assert all(first == second for first, second in times)
    assert [first - times[0][0] for first, _ in times] == [0, 1, 64, 12_345, 48_000]


def test_nested_bundles_have_times_of_their_own(rig: Rig, peer: UdpPeer) -> None:
    inner = bundle(message("/note/off", 60), timetag=in_seconds(2.0))
    peer.raw(bundle(message("/note/on", 60, 100), inner, timetag=in_seconds(1.0)))
    assert peer.settle() == []
    ((on, off),) = rig.groups
    assert abs(off.time - on.time - RATE) <= RATE // 10
    assert on.time > 0


def test_late_is_told_to_those_who_asked(rig: Rig, peer: UdpPeer) -> None:
    """SuperCollider's `/late`: the halves of the time tag and of the time of execution; and
    seconds."""
    tag = in_seconds(-0.5)
    peer.raw(bundle(message("/panic"), timetag=tag))
    assert peer.settle() == []  # nobody asked
    assert peer.ask("/notify", 1)[0] == "/done"
    peer.raw(bundle(message("/panic"), timetag=tag))
    ((address, (high, low, now_high, _, seconds)),) = peer.settle()
    assert address == "/late"
    assert (high % 2**32, low % 2**32) == (tag >> 32, tag % 2**32)
    assert now_high >= high
    assert 0.5 <= seconds < PATIENCE_S
    assert [g[0].time for g in rig.groups] == [NOW, NOW]
    assert rig.server.counters["late"] == 2


def test_a_century_ahead_is_dropped_counted_and_answered(rig: Rig, peer: UdpPeer) -> None:
    for seconds in (60.0, 10 * 365 * 86_400.0):
        peer.raw(bundle(message("/panic"), message("/version"), timetag=in_seconds(seconds)))
        ((answer, (address, reason)),) = peer.settle()
        assert (answer, address) == ("/fail", "#bundle")
        assert "--timetags immediate" in reason
    assert rig.groups == []
    assert rig.server.counters["far"] == 2


def test_policies_come_with_the_server() -> None:
    with pytest.raises(ConfigError, match="timetags"):
        Rig(timetags="sometimes")
    with Rig(timetags="immediate").server as server, UdpPeer(server.port) as peer:
        peer.raw(bundle(message("/version"), timetag=in_seconds(3_600.0)))
        assert peer.receive()[0] == "/version.reply"


def test_a_foreign_address_in_a_bundle_has_its_time() -> None:
    commands, seen = Commands(), []

    def foreign(address: str, args: Sequence[OscArg], at: int) -> bool:
        seen.append((address, list(args), at))
        return True

    commands.foreign = foreign
    rig = Rig(commands=commands)
    with rig.server, UdpPeer(rig.server.port) as peer:
        peer.raw(bundle(message("/1/fader1", 0.5), timetag=in_seconds(1.0)))
        assert peer.settle() == []
        assert [(a, v) for a, v, _ in seen] == [("/1/fader1", [0.5])]
        assert seen[0][2] > 0


def test_clear_sched_comes_before_what_follows_it(rig: Rig, peer: UdpPeer) -> None:
    peer.send("/note/on", 60, 100)
    assert peer.ask("/clearSched") == ("/done", ["/clearSched"])
    peer.send("/note/off", 60)
    peer.settle()
    assert [g[0].target for g in rig.groups] == ["/note/on", "/clearSched", "/note/off"]


def test_more_events_than_a_packet_may_make() -> None:
    wide = Namespace({f"p{i}": [Control("x")] for i in range(MAX_EVENTS // 2 + 1)})
    groups: list[Sequence[Event]] = []
    dispatcher = Dispatcher(
        wide, print, lambda events, _: groups.append(events), lambda client, packet: None,
        Clients(), Timekeeper(SampleClock()),
    )  # fmt: skip
    client = ("127.0.0.1", 1)
    dispatcher.take(bundle(*[message("/*/x", 0.5)] * 2), client)
    assert [len(g) for g in groups] == [MAX_EVENTS // 2 + 1]
    assert dispatcher.counters["rejected"] == 1


def test_in_a_flood_only_the_last_of_each_value_is_acted_upon() -> None:
    """But every note, bundle, pattern and question, and all of it in order."""
    dispatcher = fuzzed_dispatcher([])
    client = ("127.0.0.1", 5)
    flood = []
    for i in range(100):
        flood += [
            (message("/codec/position", i / 100), client),
            (message("/codec/latent/1", i / 100), client),
            (message("/note/on", 60, 1 + i % 100), client),
            (message("/sustain", i % 2), client),
            (message("/codec/*", 0.5), client),
            (bundle(message("/codec/position", 0.1)), client),
        ]
    kept = dispatcher.thinned(flood)
    assert kept == [*(x for i, x in enumerate(flood[:-6]) if i % 6 > 1), *flood[-6:]]
    assert dispatcher.counters["coalesced"] == dispatcher.counters["received"] == 2 * 99


def test_a_burst_is_taken_in_full_and_its_last_value_counts(rig: Rig, peer: UdpPeer) -> None:
    """The server is held up while two hundred packets come; what the system keeps, it gets."""
    begun = threading.Event()
    go = threading.Event()

    def hold(events: Sequence[Event], source: str) -> None:
        rig.groups.append(list(events))
        begun.set()
        go.wait(PATIENCE_S)

    rig.server._dispatcher._group = hold
    peer.send("/note/on", 60, 100)
    assert begun.wait(PATIENCE_S)
    for i in range(200):
        peer.send("/codec/position", i / 200)
    go.set()
    assert peer.settle() == []
    assert rig.server.counters["overflowed"] == 0
    assert rig.groups[-1] == [Event(NOW, "/codec/position", (pytest.approx(199 / 200),))]
    assert rig.server.counters["received"] == 202


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell")
def test_what_the_system_drops_is_counted(rig: Rig, peer: UdpPeer) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold(events: Sequence[Event], source: str) -> None:
        begun.set()
        go.wait(PATIENCE_S)

    rig.server._dispatcher._group = hold
    peer.send("/note/on", 60, 100)
    assert begun.wait(PATIENCE_S)
    packet = message("/note/off", 60)
    for _ in range(20_000):
        peer.raw(packet)
    go.set()

    def all_counted() -> bool:
        counted = rig.server.counters
        return counted["received"] + counted["overflowed"] == 20_001

    assert until(all_counted)
    assert rig.server.counters["overflowed"] > 0


def test_status_for_those_who_take_only_numbers(rig: Rig, peer: UdpPeer) -> None:
    address, numbers = peer.ask("/status/floats")
    assert address == "/status.floats"
    assert all(type(n) is float for n in numbers)
    assert len(numbers) == len(peer.ask("/status/names")[1])
    peer.send("/status.floats", 1.0)  # answers are not answered
    assert peer.settle() == []


def test_subscribed_values_keep_coming(rig: Rig, peer: UdpPeer) -> None:
    assert peer.ask("/subscribe", "/codec/latent", 100.0) == (
        "/done", ["/subscribe", "/codec/latent", 100.0],
    )  # fmt: skip
    assert peer.receive() == ("/codec/latent", [0.0, 0.0, 0.0])
    peer.send("/codec/latent/1", 0.5)
    while peer.receive() != ("/codec/latent", [0.0, 0.5, 0.0]):
        pass
    assert peer.receive()[0] == "/codec/latent"
    peer.send("/unsubscribe", "/codec/*")
    while peer.receive()[0] != "/done":
        pass
    assert peer.ask("/version")[0] == "/version.reply"
    assert peer.settle() == []


def test_a_pattern_subscribes_to_all_it_names(rig: Rig, peer: UdpPeer) -> None:
    rig.values.meter("/meter/load", 0.25)
    assert peer.ask("/subscribe", "/{codec,meter}/*", 50)[0] == "/done"
    seen: set[tuple[str, tuple[float, ...]]] = set()
    while len(seen) < 3:
        address, numbers = peer.receive()
        seen.add((address, tuple(numbers)))
    assert {("/meter/load", (0.25,)), ("/codec/position", (0.0,))} < seen


def test_a_pattern_subscribes_to_elements_as_it_sets_them(rig: Rig, peer: UdpPeer) -> None:
    assert peer.ask("/subscribe", "/codec/latent/[12]", 50)[0] == "/done"
    peer.send("/codec/latent/[12]", 0.5)
    seen: set[tuple[str, float]] = set()
    while len(seen) < 2 or any(number != 0.5 for _, number in seen):
        address, (number,) = peer.receive()
        seen = {pair for pair in seen if pair[0] != address} | {(address, number)}
    assert {address for address, _ in seen} == {"/codec/latent/1", "/codec/latent/2"}


def test_a_pattern_that_names_too_much_subscribes_to_nothing(rig: Rig, peer: UdpPeer) -> None:
    """4000 messages a second, and one more."""
    assert peer.ask("/subscribe", "/codec/position", 0.1)[0] == "/done"
    assert peer.receive()[0] == "/codec/position"
    for i in range(200):
        rig.values.meter(f"/meter/m{i}", 0.0)
    answer, (_, reason) = peer.ask("/subscribe", "/meter/*", 10.0)
    assert answer == "/fail"
    assert "201 streams of 2000 messages" in reason
    assert peer.settle() == []


@pytest.mark.parametrize(
    ("address", "args", "reason"),
    [
        ("/subscribe", ["/nothing", 10.0], "nothing that can be read"),
        ("/subscribe", ["/note/on", 10.0], "nothing that can be read"),
        ("/subscribe", ["/gain", 1e9], "200 Hz"),
        ("/subscribe", ["/gain"], "an address and a rate"),
        ("/subscribe", [10.0, "/gain"], "an address and a rate"),
        ("/unsubscribe", [2], "an address, or nothing"),
        ("/replyport", [70_000], "0 … 65535".replace("…", "..")),
        ("/replyport", ["x"], "a UDP port"),
        ("/dumpOSC", [4], "0 .. 3"),
    ],
)
def test_commands_that_are_refused(
    rig: Rig, peer: UdpPeer, address: str, args: list[OscArg], reason: str
) -> None:
    answer, (whose, text) = peer.ask(address, *args)
    assert (answer, whose) == ("/fail", address)
    assert reason in text


def test_answers_go_to_the_port_that_was_asked_for(rig: Rig, peer: UdpPeer) -> None:
    with UdpPeer(rig.server.port) as ear:
        peer.send("/replyport", ear.port)
        assert ear.receive() == ("/done", ["/replyport", ear.port])
        peer.send("/subscribe", "/gain", 50.0)
        assert ear.receive()[0] == "/done"
        assert ear.receive() == ("/gain", [0.0])
        peer.send("/replyport", 0)
        assert peer.receive()[0] in ("/done", "/gain")


def test_the_settings_name_a_port_for_all_answers() -> None:
    with (
        UdpPeer(0) as ear,
        Rig(reply_port=ear.port).server as server,
        UdpPeer(server.port) as peer,
    ):
        peer.send("/version")
        assert ear.receive()[0] == "/version.reply"


@pytest.mark.parametrize("framing", [Slip, Sized])
def test_tcp_does_what_udp_does(rig: Rig, framing: type[Framing]) -> None:
    assert rig.server.tcp_port == rig.server.port
    with TcpPeer(rig.server.tcp_port, framing) as peer:
        peer.send("/note/on", 60, 100)
        peer.raw(bundle(message("/gain", -6.0), message("/codec/position", 0.5)))
        assert peer.settle() == []
        assert [len(g) for g in rig.groups] == [1, 2]
        assert peer.ask("/notify", 1) == ("/done", ["/notify", 1])
        rig.server.notify("/phase", ["playing"])
        assert peer.receive() == ("/phase", ["playing"])
        assert peer.ask("/subscribe", "/gain", 50.0)[0] == "/done"
        assert peer.receive() == ("/gain", [-6.0])
    assert until(lambda: not rig.server.clients.notified)


def test_a_web_page_can_not_play(rig: Rig) -> None:
    """What a browser sends begins with a method's name; the rest may be whatever a page likes."""
    with TcpPeer(rig.server.tcp_port) as peer:
        body = Slip().encode(message("/panic"))
        peer.socket.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + body)
        with pytest.raises(ConnectionError):
            peer.receive()
    assert rig.groups == []
    assert rig.server.counters["rejected"] == 1


def test_connections_are_bounded(rig: Rig) -> None:
    peers = [TcpPeer(rig.server.tcp_port) for _ in range(MAX_CONNECTIONS)]
    assert all(peer.ask("/version")[0] == "/version.reply" for peer in peers)
    with TcpPeer(rig.server.tcp_port) as late, pytest.raises(ConnectionError):
        late.receive()
    assert rig.server.counters["turned_away"] == 1
    for peer in peers:
        peer.socket.close()
    assert until(lambda: works(rig.server.tcp_port))


def works(port: int) -> bool:
    try:
        with TcpPeer(port) as peer:
            return peer.ask("/version")[0] == "/version.reply"
    except ConnectionError:
        return False


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_who_does_not_read_is_not_waited_for(rig: Rig, peer: UdpPeer) -> None:
    """Answers to a client that never reads are kept up to a bound and then counted."""
    with TcpPeer(rig.server.tcp_port) as deaf:
        deaf.socket.setblocking(False)
        assert rig.server.clients.notified == []
        deaf.raw(message("/notify", 1))
        assert until(lambda: bool(rig.server.clients.notified))
        text = "x" * 4_000
        for _ in range(20_000):
            rig.server.notify("/text", [text])
            if rig.server.counters["unsent"]:
                break
        assert rig.server.counters["unsent"] == 1
        assert peer.ask("/version")[0] == "/version.reply"


def test_dump_prints_messages_and_bytes() -> None:
    out = io.StringIO()
    dump = Dump(out)
    dispatcher = Dispatcher(
        Namespace({}), lambda event: None, None, lambda client, packet: None, Clients(),
        Timekeeper(SampleClock()),
    )  # fmt: skip
    dispatcher.dump = dump
    client = ("127.0.0.1", 5)
    dispatcher.take(message("/dumpOSC", 3), client)
    dispatcher.take(message("/note/on", 60, 100), client)
    dump.close()
    assert out.getvalue().splitlines() == [
        "osc 127.0.0.1:5 /note/on [60, 100]",
        "osc 127.0.0.1:5 " + message("/note/on", 60, 100).hex(" ", 4),
    ]
