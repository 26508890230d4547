"""The OSCQuery server over real connections: answers, listening, bounds, and what can't end it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import re
import socket
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any, Self

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from realtime.namespace.commands import Commands, done
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc import listeners
from realtime.osc.server import OscServer
from realtime.oscquery.limits import MAX_CONNECTIONS
from realtime.oscquery.server import OscQueryServer
from realtime.oscquery.service import OscQuery
from realtime.oscquery.tree import Tree
from realtime.oscquery.websocket import MAX_CLIENTS, MAX_MESSAGE, MAX_WAITING, Client
from synth.contract import ConfigError, Control, DeviceError
from tests.realtime.jack_peers import wait_until

CONTROLS = (
    Control("position", unit="s"),
    Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"),
    Control("sound", 1, (0.0,), (7.0,), (2.0,), curve="integer", role="sound"),
)
PATIENCE_S = 10.0


class Rig:
    """Both servers, their values, and the events that came in."""

    def __init__(self) -> None:
        self.values, self.events = Values(), Queue[Event]()
        self.commands = Commands()
        self.commands.add("/learn", lambda args: done("/learn"))
        namespace = Namespace({"codec": CONTROLS})
        self.values.set_namespace(namespace)
        self.osc = OscServer(namespace, self.events.put, port=0, values=self.values)
        self.server = OscQuery(
            namespace, self.values, (self.osc.host, self.osc.port), port=0, name="codec",
            meters=["/meter/load"], commands=self.commands, presence=self.osc.presence,
            refused=self.osc.refusals.note,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self.osc.close()

    def move(self, address: str, *value: float) -> None:
        self.values.observe(Event(NOW, address, value))

    def get(self, target: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        try:
            connection.request(method, target, headers=headers)
            response = connection.getresponse()
            response.body = response.read()  # type: ignore[attr-defined]
        finally:
            connection.close()
        return response

    def json(self, target: str) -> Any:
        response = self.get(target)
        assert (response.status, response.getheader("content-type")) == (200, "application/json")
        return json.loads(response.body)  # type: ignore[attr-defined]

    def connect(self, **more: Any) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.server.port}/", open_timeout=PATIENCE_S, **more)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as made:
        yield made


def command(client: ClientConnection, name: str, data: Any) -> None:
    client.send(json.dumps({"COMMAND": name, "DATA": data}))


def message(client: ClientConnection) -> tuple[str, list[Any]]:
    packet = client.recv(timeout=PATIENCE_S)
    assert isinstance(packet, bytes)
    osc = OscMessage(packet)
    return osc.address, list(osc.params)


def packet(address: str, *args: float | str) -> bytes:
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return bytes(builder.build().dgram)


def test_the_tree_its_nodes_and_attributes(rig: Rig) -> None:
    tree = rig.json("/")
    assert tree["FULL_PATH"] == "/"
    assert tree["CONTENTS"]["codec"]["CONTENTS"]["position"]["UNIT"] == ["time.second"]
    assert rig.json("/codec/position") == tree["CONTENTS"]["codec"]["CONTENTS"]["position"]
    assert rig.json("/codec/position/") == rig.json("/codec/position")
    assert rig.json("/codec/position?RANGE") == {"RANGE": [{"MIN": 0.0, "MAX": 1.0}]}
    rig.move("/codec/position", 0.25)
    assert rig.json("/codec/position?VALUE") == {"VALUE": [0.25]}
    assert rig.json("/meter/load?ACCESS") == {"ACCESS": 1}
    assert rig.json("/learn?ACCESS") == {"ACCESS": 2}
    assert rig.json("/subscribe?TYPE") == {"TYPE": "sf"}


def test_host_info_anywhere(rig: Rig) -> None:
    for path in ("/", "/codec/position", "/nowhere"):
        info = rig.json(f"{path}?HOST_INFO")
        assert info["NAME"] == "codec"
        assert (info["OSC_IP"], info["OSC_PORT"], info["OSC_TRANSPORT"]) == (
            "127.0.0.1", rig.osc.port, "UDP",
        )  # fmt: skip
        assert (info["WS_IP"], info["WS_PORT"]) == ("127.0.0.1", rig.server.port)
        for used in ("ACCESS", "VALUE", "RANGE", "CLIPMODE", "LISTEN", "PATH_ADDED"):
            assert info["EXTENSIONS"][used] is True


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/codec/nothing", 404),
        ("/codec/latent/3", 404),
        ("/codec/position?GABBAGABBAHEY", 400),
        ("/codec/position?VALUE&RANGE", 400),
        ("/note/on?VALUE", 204),
        ("/codec?TYPE", 204),
        ("/%00%ff%2e%2e/etc/passwd", 404),
        ("/" + "a" * 8000, 404),
        ("/?" + "A" * 8000, 400),
        ("/" + "a/" * 4000, 404),
    ],
)
def test_wrong_queries(rig: Rig, target: str, status: int) -> None:
    response = rig.get(target)
    assert response.status == status
    assert len(response.body) < 400  # type: ignore[attr-defined]


def test_only_reading_is_allowed(rig: Rig) -> None:
    assert rig.get("/", "HEAD").status == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert rig.get("/codec/position", method).status == 405


def test_the_page_is_for_browsers_and_talks_to_nobody_else(rig: Rig) -> None:
    page = rig.get("/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.status == 200
    assert page.getheader("content-type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in (page.getheader("content-security-policy") or "")
    scripts = re.findall(r'src="([^"]+)"', page.body.decode())  # type: ignore[attr-defined]
    assert scripts == ["/?PAGE_MAP", "/?PAGE_SCRIPT"]
    for path in scripts:
        script = rig.get(path)
        assert script.getheader("content-type") == "text/javascript; charset=utf-8"
    assert rig.get("/", Accept="*/*").getheader("content-type") == "application/json"
    assert rig.get("/?HTML").body == page.body  # type: ignore[attr-defined]


def test_foreign_pages_get_nothing(rig: Rig) -> None:
    """DNS rebinding shows in Host, another page in Origin."""
    own = f"127.0.0.1:{rig.server.port}"
    assert rig.get("/", Host=own, Origin=f"http://{own}").status == 200
    assert rig.get("/", Host=f"evil.example:{rig.server.port}").status == 403
    assert rig.get("/", Host=own, Origin="http://evil.example").status == 403
    assert rig.get("/", Host=own, Origin="null").status == 403
    assert rig.get("/").getheader("access-control-allow-origin") is None
    with rig.connect(origin=f"http://{own}"):
        pass
    for origin in ("http://evil.example", "null", "http://127.0.0.1:3000"):
        with pytest.raises(InvalidStatus), rig.connect(origin=origin):
            pytest.fail("it is served")
    assert rig.server.status["refused"] == 6


def test_listen_hears_values_as_osc_until_ignore(rig: Rig) -> None:
    with rig.connect() as client:
        command(client, "LISTEN", "/codec/position")
        assert message(client) == ("/codec/position", [0.0])
        rig.move("/codec/sound", 4.0)
        rig.move("/codec/position", 0.5)
        assert message(client) == ("/codec/position", [0.5])
        command(client, "IGNORE", "/codec/position")
        command(client, "LISTEN", "/codec/sound")
        assert message(client) == ("/codec/sound", [4])
        rig.move("/codec/position", 0.75)
        rig.move("/codec/sound", 5.0)
        assert message(client) == ("/codec/sound", [5])


def test_a_vector_and_its_elements_are_heard_of_each_other(rig: Rig) -> None:
    with rig.connect() as client:
        for address in ("/codec/latent", "/codec/latent/1"):
            command(client, "LISTEN", address)
            message(client)
        rig.move("/codec/latent/1", 0.5)
        heard = dict(message(client) for _ in range(2))
        assert heard == {"/codec/latent": [0.0, 0.5, 0.0], "/codec/latent/1": [0.5]}
        rig.move("/codec/latent", 0.25, 0.5, 0.75)  # this element did not move
        assert message(client) == ("/codec/latent", [0.25, 0.5, 0.75])
        rig.move("/codec/latent/1", 1.0)
        heard = dict(message(client) for _ in range(2))
        assert heard == {"/codec/latent": [0.25, 1.0, 0.75], "/codec/latent/1": [1.0]}


def test_osc_goes_in_and_answers_come_back(rig: Rig) -> None:
    """A packet in a binary frame means what it means over UDP, to the one that sent it."""
    with rig.connect() as client, rig.connect() as other:
        client.send(packet("/note/on", 60, 100))
        client.send(packet("/codec/position", 0.5))
        client.send(packet("/codec/nothing", 1))
        address, (where, _) = message(client)
        assert (address, where) == ("/fail", "/codec/nothing")
        client.send(packet("/sync", 7))
        other.send(packet("/sync", 8))
        assert message(client) == ("/synced", [7])
        assert message(other) == ("/synced", [8])
        client.send(packet("/notify", 1))
        assert message(client) == ("/done", ["/notify", 1])
        rig.osc.notify("/phase", ["lost"])
        assert message(client) == ("/phase", ["lost"])
    assert rig.events.get(timeout=PATIENCE_S) == Event(NOW, "/note/on", (60.0, 100.0))
    assert rig.events.get(timeout=PATIENCE_S) == Event(NOW, "/codec/position", (0.5,))
    rig.osc.notify("/phase", ["playing"])  # nobody is there any more


@pytest.mark.parametrize("politely", [True, False])
def test_a_page_that_is_closed_lets_go_of_its_keys(rig: Rig, politely: bool) -> None:
    """After all that it sent before, and nobody else's."""
    with rig.connect() as other:
        other.send(packet("/note/on", 72, 100))
        other.send(packet("/sync", 1))
        assert message(other) == ("/synced", [1])
        with rig.connect() as client:
            for key in range(60, 64):
                client.send(packet("/note/on", key, 100))
            client.send(packet("/note/off", 60))
            if not politely:
                client.socket.shutdown(socket.SHUT_RDWR)
        heard = [rig.events.get(timeout=PATIENCE_S) for _ in range(9)]
        assert heard[6:] == [Event(NOW, "/note/off", (float(key),)) for key in (61, 62, 63)]
        other.send(packet("/sync", 2))
        assert message(other) == ("/synced", [2])
        assert rig.events.empty()


def test_a_page_that_only_listens_keeps_its_subscription(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "LAST_S", 0.0)
    with rig.connect() as client:
        rig.values.meter("/meter/load", 0.5)
        client.send(packet("/subscribe", "/meter/load", 50.0))
        assert message(client)[0] == "/done"
        assert [message(client)[0] for _ in range(10)] == ["/meter/load"] * 10


def test_wrong_commands_are_counted_and_harm_nothing(rig: Rig) -> None:
    wrong = [
        "", "{", "[]", "null", "3", '{"COMMAND": "LISTEN"}', '{"COMMAND": 3, "DATA": "/gain"}',
        '{"COMMAND": "LISTEN", "DATA": ["/gain"]}', '{"COMMAND": "LISTEN", "DATA": "/nothing"}',
        '{"COMMAND": "LISTEN", "DATA": "/note/on"}', '{"COMMAND": "FORMAT", "DATA": "/gain"}',
        "[" * 60_000, '{"COMMAND": "LISTEN", "DATA": NaN}',
    ]  # fmt: skip
    with rig.connect() as client:
        for text in wrong:
            client.send(text)
        command(client, "LISTEN", "/gain")
        assert message(client) == ("/gain", [0.0])
    assert wait_until(lambda: rig.server.status["clients"] == 0, PATIENCE_S)
    assert rig.server.status["rejected"] == len(wrong)


def test_a_message_too_long_ends_its_connection_only(rig: Rig) -> None:
    with rig.connect() as client, rig.connect() as other:
        client.send(b"x" * (MAX_MESSAGE + 4))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        command(other, "LISTEN", "/gain")
        assert message(other) == ("/gain", [0.0])


def test_clients_have_a_limit(rig: Rig) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CLIENTS - 1):
            stack.enter_context(rig.connect())
        with rig.connect(), pytest.raises(InvalidStatus), rig.connect():
            pytest.fail("it is served")
        assert wait_until(lambda: rig.server.status["clients"] == MAX_CLIENTS - 1, PATIENCE_S)
        with rig.connect() as client:
            command(client, "LISTEN", "/gain")
            assert message(client) == ("/gain", [0.0])


def test_silent_connections_do_not_keep_others_out_for_ever(rig: Rig) -> None:
    """Beyond the limit a connection is closed at once, and a place that is left can be taken."""
    assert rig.json("/")
    silent = [
        socket.create_connection(("127.0.0.1", rig.server.port)) for _ in range(MAX_CONNECTIONS)
    ]
    one_more = socket.create_connection(("127.0.0.1", rig.server.port), PATIENCE_S)
    with contextlib.suppress(ConnectionResetError):
        assert one_more.recv(1) == b""
    for connection in (*silent, one_more):
        connection.close()

    def answered() -> bool:
        try:
            return rig.get("/gain").status == 200
        except OSError:
            return False

    assert wait_until(answered, PATIENCE_S)


def test_who_does_not_read_gets_the_last_value_and_no_more(rig: Rig) -> None:
    """Ten thousand moves, read afterwards: few messages, the last is the last value."""
    with rig.connect() as client:
        command(client, "LISTEN", "/codec/position")
        message(client)
        for number in range(10_000):
            rig.move("/codec/position", number / 10_000)
        rig.move("/codec/position", 1.0)
        heard = 0
        while message(client)[1] != [1.0]:
            heard += 1
        assert heard < 1_000


def test_who_reads_nothing_at_all_is_let_go() -> None:
    """A connection that takes no byte: what waits for it is bounded, and then it ends."""

    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    async def talk() -> int:
        tree = Tree(Namespace({"codec": CONTROLS}))
        client = Client(
            lambda: tree, ("127.0.0.1", 9), never, lambda: None, lambda place, there: None
        )
        talking = asyncio.create_task(client.run(never))
        await asyncio.sleep(0)
        for number in range(10_000):
            client.tell([packet("/done", number)])
        await asyncio.wait_for(talking, PATIENCE_S)
        return len(client._out)

    assert asyncio.run(talk()) <= MAX_WAITING


def test_a_changed_rack_is_told(rig: Rig) -> None:
    with rig.connect() as client:
        command(client, "LISTEN", "/codec/position")
        message(client)
        rig.commands.add("/pad/blend/store", lambda args: done("/pad/blend/store"))
        rig.server.set_namespace(Namespace({"codec": CONTROLS[1:], "room": [Control("wet")]}))
        notes = [json.loads(client.recv(timeout=PATIENCE_S)) for _ in range(3)]
        assert notes == [
            {"COMMAND": "PATH_REMOVED", "DATA": "/codec/position"},
            {"COMMAND": "PATH_ADDED", "DATA": "/pad/blend/store"},
            {"COMMAND": "PATH_ADDED", "DATA": "/room/wet"},
        ]
        assert rig.get("/codec/position").status == 404
        assert rig.json("/room/wet?VALUE") == {"VALUE": [0.0]}
        command(client, "LISTEN", "/room/wet")
        assert message(client) == ("/room/wet", [0.0])


def test_an_occupied_port_is_replaced_and_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with OscQueryServer("127.0.0.1", port) as server:
            assert server.port != port
            assert str(port) in server.warning
            assert str(server.port) in server.warning


def test_hosts_and_ports_that_can_not_be() -> None:
    with pytest.raises(DeviceError, match=r"192\.0\.2\.1.*--no-oscquery"):
        OscQueryServer("192.0.2.1", 0)
    with pytest.raises(ConfigError, match="70000"):
        OscQueryServer("127.0.0.1", 70_000)


def test_a_killed_loop_is_replaced_on_the_same_port(rig: Rig) -> None:
    """Whatever ends the loop costs the clients their connections and nobody anything else."""
    assert rig.json("/gain")
    before, port = set(threading.enumerate()), rig.server.port
    loop = rig.server._app._loop
    assert isinstance(loop, asyncio.AbstractEventLoop)
    loop.call_soon_threadsafe(loop.stop)
    assert wait_until(lambda: rig.server.status["failures"] == 1, PATIENCE_S)
    rig.move("/gain", -6.0)

    def answered() -> bool:
        try:
            return bool(rig.json("/gain")["VALUE"] == [-6.0])
        except OSError:
            return False

    assert wait_until(answered, PATIENCE_S)
    assert (rig.server.port, set(threading.enumerate())) == (port, before)


def test_garbage_is_not_http(rig: Rig) -> None:
    for garbage in (
        b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000,
    ):
        with socket.create_connection(("127.0.0.1", rig.server.port), PATIENCE_S) as raw:
            raw.sendall(garbage)
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(65_536)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer
    assert rig.json("/gain")
    assert rig.server.status["failures"] == 0


def test_random_frames_and_requests_end_nothing(rig: Rig) -> None:
    """Mutated commands, packets and requests: answered or dropped, and the next one works."""
    random_ = random.Random(5)
    command_text = json.dumps({"COMMAND": "LISTEN", "DATA": "/codec/position"})
    sound = packet("/codec/latent", 0.5, -0.5, 0.25)
    alphabet = '{}[]",:/LISTEN \\u0000é'
    with rig.connect() as client:
        for _ in range(500):
            at = random_.randrange(len(command_text))
            client.send(command_text[:at] + random_.choice(alphabet) + command_text[at + 1 :])
            mutated = bytearray(sound)
            mutated[random_.randrange(len(mutated))] = random_.randrange(256)
            client.send(bytes(mutated))
        client.send(packet("/sync", 1))
        answers = [("", [])]
        while answers[-1] != ("/synced", [1]):
            answers.append(message(client))
    request = f"GET /codec?VALUE HTTP/1.1\r\nHost: 127.0.0.1:{rig.server.port}\r\n\r\n".encode()
    for _ in range(100):
        broken = bytearray(request)
        for _ in range(random_.randrange(1, 4)):
            broken[random_.randrange(len(broken) - 4)] = random_.randrange(256)
        with socket.create_connection(("127.0.0.1", rig.server.port), PATIENCE_S) as raw:
            raw.sendall(broken)
            raw.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert raw.recv(65_536)[:9] in (b"", b"HTTP/1.1 ")
    assert rig.json("/gain")
    assert rig.server.status["failures"] == 0


def test_the_end_leaves_neither_port_nor_thread() -> None:
    before = set(threading.enumerate())
    with Rig() as rig, rig.connect() as client:
        port = rig.server.port
        rig.server.close()
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=PATIENCE_S)
    assert wait_until(lambda: set(threading.enumerate()) <= before, PATIENCE_S)
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("bound", ["127.0.0.1", "::1", "::", "0.0.0.0"])  # noqa: S104
@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
def test_each_client_is_told_an_address_that_it_can_use(bound: str, name: str) -> None:
    """An IPv4 client one of IPv4, however the server is bound."""
    if ":" in name and bound == "0.0.0.0":  # noqa: S104
        pytest.skip("IPv4 alone")
    namespace, values = Namespace({"codec": CONTROLS}), Values()
    try:
        osc = OscServer(namespace, print, bound, 0)
    except DeviceError:
        pytest.skip("this machine has no IPv6")
    with (
        osc,
        OscQuery(namespace, values, (osc.host, osc.port), host=osc.host, port=0) as server,
    ):
        connection = http.client.HTTPConnection(name, server.port, timeout=PATIENCE_S)
        connection.request("GET", "/?HOST_INFO")
        info = json.loads(connection.getresponse().read())
        connection.close()
        assert info["WS_IP"] == name
        if ":" not in name:
            assert info["OSC_IP"] == name
        family = socket.AF_INET6 if ":" in info["OSC_IP"] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.settimeout(PATIENCE_S)
            peer.sendto(packet("/version"), (info["OSC_IP"], info["OSC_PORT"]))
            assert OscMessage(peer.recv(1_024)).address == "/version.reply"


def test_what_is_refused_is_told_with_its_reason(rig: Rig) -> None:
    with rig.connect() as watcher:
        watcher.send(packet("/notify", 1))
        assert message(watcher)[0] == "/done"
        with rig.connect() as client:
            command(client, "LISTEN", "/nothing")
            address, (who, what, why) = message(watcher)
            assert address == "/synth/refused"
            assert who.startswith("127.0.0.1:")
            assert "/nothing" in what
            assert "LISTEN" in why
        assert rig.get("/", Host="evil.example:80").status == 403
        address, (_, what, why) = message(watcher)
        assert (address, what) == ("/synth/refused", "HTTP")
        assert "Host or Origin" in why
