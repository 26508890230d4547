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
    """What a browser finds, by its full name."""

    def __init__(self) -> None:
        self.services: dict[str, ServiceInfo] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name)
        if info is not None:
            self.services[name] = info

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.services.pop(name, None)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.add_service(zc, type_, name)

    def ports(self, name: str) -> dict[str, int | None]:
        """Type and port of all services whose name begins so."""
        found = list(self.services.values())
        return {i.type: i.port for i in found if i.name.startswith(name)}


@pytest.fixture
def heard() -> Iterator[Heard]:
    try:
        browser = Zeroconf(interfaces=[LOOPBACK])
    except OSError as error:
        pytest.skip(f"no multicast on this machine's loopback ({error})")
    listener = Heard()
    ServiceBrowser(browser, TYPES, listener)
    yield listener
    browser.close()


def test_it_is_found_and_taken_back(heard: Heard) -> None:
    name = f"synth test {time.monotonic_ns()}"
    services = [("_oscjson._tcp", 9001), ("_osc._udp", 9000)]
    with Announcement(name, services, LOOPBACK) as announcement:
        assert announcement.done.wait(PATIENCE_S)
        assert announcement.last_error == ""
        assert wait_until(lambda: len(heard.ports(name)) == 2, PATIENCE_S)
        assert heard.ports(name) == dict(zip(TYPES, (9001, 9000), strict=True))
        (first, *_) = heard.services.values()
        assert first.parsed_addresses() == [LOOPBACK]
    assert wait_until(lambda: heard.ports(name) == {}, PATIENCE_S)


def test_two_of_a_name_live_side_by_side(heard: Heard) -> None:
    name = f"synth twin {time.monotonic_ns()}"
    with Announcement(name, [("_osc._udp", 9000)], LOOPBACK) as first:
        assert first.done.wait(PATIENCE_S)
        assert wait_until(lambda: len(heard.ports(name)) == 1, PATIENCE_S)
        with Announcement(name, [("_osc._udp", 9010)], LOOPBACK) as second:
            assert second.done.wait(PATIENCE_S)
            assert (first.last_error, second.last_error) == ("", "")

            def both() -> bool:
                return {i.port for i in list(heard.services.values())} >= {9000, 9010}

            assert wait_until(both, PATIENCE_S)


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
    namespace = Namespace({})
    with OscQuery(namespace, Values(), (LOOPBACK, 9000), port=0):
        assert "zeroconf" not in {t.name for t in threading.enumerate()}


def test_on_the_network_both_ports_are(heard: Heard) -> None:
    """Bound to everything: found on whatever interface carries multicast, and answered there."""
    name = f"synth lan {time.monotonic_ns()}"
    everywhere = "0.0.0.0"  # noqa: S104 - what is tested
    with OscQuery(
        Namespace({}), Values(), (everywhere, 9000), host=everywhere, port=0, name=name
    ) as server:  # fmt: skip
        assert "zeroconf" in {t.name for t in threading.enumerate()}
        with socket.create_connection((LOOPBACK, server.port), PATIENCE_S) as client:
            client.sendall(f"GET /?HOST_INFO HTTP/1.0\r\nHost: {LOOPBACK}:{server.port}\r\n\r\n"
                           .encode())  # fmt: skip
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        assert b'"OSC_IP": "127.0.0.1"' in answer
        assert name.encode() in answer
