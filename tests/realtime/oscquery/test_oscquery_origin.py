"""Whose requests are answered: the matrix of Host and Origin."""

from __future__ import annotations

import socket

import pytest

from realtime.oscquery.origin import OriginCheck, is_loopback

PORT = 9001
OWN = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"]
FOREIGN = [
    "",
    "localhost",
    "127.0.0.1",
    f"127.0.0.1:{PORT + 1}",
    f"evil.example:{PORT}",
    f"127.0.0.1.evil.example:{PORT}",
    f"localhost.evil.example:{PORT}",
    f"192.168.0.7:{PORT}",
    f"::1:{PORT}:{PORT}",
    f"[127.0.0.1:{PORT}",
]


@pytest.mark.parametrize("host", OWN)
def test_on_loopback_its_names_are_right(host: str) -> None:
    guard = OriginCheck("127.0.0.1", PORT)
    assert guard.allows({"host": host})
    assert guard.allows({"host": host, "origin": f"http://{host}"})
    for origin in (
        "null",
        "",
        f"https://{host}",
        "http://evil.example",
        f"http://evil.example:{PORT}",
        "http://localhost:3000",
        "file://",
    ):
        assert not guard.allows({"host": host, "origin": origin}), origin


@pytest.mark.parametrize("host", FOREIGN)
def test_on_loopback_all_others_are_wrong(host: str) -> None:
    """Even with an Origin that agrees: after DNS rebinding it does."""
    guard = OriginCheck("127.0.0.1", PORT)
    assert not guard.allows({"host": host})
    assert not guard.allows({"host": host, "origin": f"http://{host}"})


def test_without_host_nothing_is_served() -> None:
    assert not OriginCheck("127.0.0.1", PORT).allows({})


def test_on_the_network_a_rebound_name_stays_wrong() -> None:
    guard = OriginCheck("0.0.0.0", PORT)  # noqa: S104 - no socket is opened
    own = socket.gethostname().lower().removesuffix(".local")
    for name in ("192.168.0.7", "[fe80::1]", "localhost", own, f"{own}.local"):
        assert guard.allows({"host": f"{name}:{PORT}"}), name
    for name in ("evil.example", "10.0.0.1.evil.example", "0x7f.1.evil"):
        assert not guard.allows({"host": f"{name}:{PORT}"}), name


def test_loopback_addresses() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")  # noqa: S104 - no socket is opened
    assert not is_loopback("fe80::1%eth0")
