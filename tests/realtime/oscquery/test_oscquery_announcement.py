"""The announcement is found by a browser on the same interface, and taken back at the end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.oscquery.announcement import Announcement, is_announced
from realtime.oscquery.service import OscQuery
from tests.realtime.jack_peers import wait_until

LOOPBACK = "127.0.0.1"
PATIENCE_S = 20.0
TYPES = ["_oscjson._tcp.local.", "_osc._udp.local."]


class Heard(ServiceListener):
    """What a browser finds."""

    def __init__(self, browser: Zeroconf) -> None:
        self._browser = browser
        self._types: dict[str, str] = {}  # by full name

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._types[name] = type_

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._types.pop(name, None)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._types[name] = type_

    def services(self, name: str) -> list[ServiceInfo]:
        """Those whose name begins so, as far as they answer now; who asks again may find more."""
        named = [(kind, full) for full, kind in list(self._types.items()) if full.startswith(name)]
        found = [self._browser.get_service_info(kind, full) for kind, full in named]
        return [info for info in found if info is not None]

    def ports(self, name: str) -> list[tuple[str, int | None]]:
        """Type and port of each."""
        return sorted((info.type, info.port) for info in self.services(name))


@pytest.fixture
def heard() -> Iterator[Heard]:
    try:
        browser = Zeroconf(interfaces=[LOOPBACK])
    except OSError as error:
        pytest.skip(f"no multicast on this machine's loopback ({error})")
    listener = Heard(browser)
    ServiceBrowser(browser, TYPES, listener)
    yield listener
    browser.close()


def test_it_is_found_and_taken_back(heard: Heard) -> None:
    name = f"synth test {time.monotonic_ns()}"
    services = [("_oscjson._tcp", 9001), ("_osc._udp", 9000)]
    with Announcement(name, services, LOOPBACK) as announcement:
        assert announcement.done.wait(PATIENCE_S)
        assert announcement.last_error == ""
        wanted = sorted(zip(TYPES, (9001, 9000), strict=True))
        assert wait_until(lambda: heard.ports(name) == wanted, PATIENCE_S)
        assert [info.parsed_addresses() for info in heard.services(name)] == [[LOOPBACK]] * 2
    assert wait_until(lambda: not heard.ports(name), PATIENCE_S)


def test_two_of_a_name_live_side_by_side(heard: Heard) -> None:
    name = f"synth twin {time.monotonic_ns()}"
    with Announcement(name, [("_osc._udp", 9000)], LOOPBACK) as first:
        assert first.done.wait(PATIENCE_S)
        assert wait_until(lambda: len(heard.ports(name)) == 1, PATIENCE_S)
        with Announcement(name, [("_osc._udp", 9010)], LOOPBACK) as second:
            assert second.done.wait(PATIENCE_S)
            assert (first.last_error, second.last_error) == ("", "")
            wanted = [(TYPES[1], 9000), (TYPES[1], 9010)]
            assert wait_until(lambda: heard.ports(name) == wanted, PATIENCE_S), heard.ports(name)


def test_what_fails_is_kept_for_who_asks() -> None:
    with Announcement("synth", [("no type", 9000)], LOOPBACK) as announcement:
        assert announcement.done.wait(PATIENCE_S)
        assert "no type" in announcement.last_error


def test_names_that_no_label_can_hold() -> None:
    name = "a.b " + "ö" * 100
    with Announcement(name, [("_osc._udp", 9000)], LOOPBACK) as announcement:
        assert announcement.done.wait(PATIENCE_S)
        assert announcement.last_error == ""


def test_on_loopback_nothing_is_announced() -> None:
    assert not is_announced(LOOPBACK)
    assert not is_announced("::1")
    assert is_announced("0.0.0.0")  # noqa: S104 - no socket is opened
    before = set(threading.enumerate())  # an announcement of another test may still be leaving
    with OscQuery(Namespace({}), Values(), (LOOPBACK, 9000), port=0):
        assert "zeroconf" not in {t.name for t in set(threading.enumerate()) - before}


def test_on_the_network_both_ports_are(heard: Heard) -> None:
    """Bound to everything: found on whatever interface carries multicast, and answered there."""
    name = f"synth lan {time.monotonic_ns()}"
    everywhere = "0.0.0.0"  # noqa: S104 - what is tested
    before = set(threading.enumerate())
    with OscQuery(
        Namespace({}), Values(), (everywhere, 9000), host=everywhere, port=0, name=name
    ) as server:  # fmt: skip
        assert "zeroconf" in {t.name for t in set(threading.enumerate()) - before}
        with socket.create_connection((LOOPBACK, server.port), PATIENCE_S) as client:
            client.sendall(f"GET /?HOST_INFO HTTP/1.0\r\nHost: {LOOPBACK}:{server.port}\r\n\r\n"
                           .encode())  # fmt: skip
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        assert b'"OSC_IP": "127.0.0.1"' in answer
        assert name.encode() in answer
