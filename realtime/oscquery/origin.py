"""Whose requests are answered: the check of Host and Origin.

A browser lets every page on the web send requests to 127.0.0.1, and WebSockets know no same-origin
rule. By DNS rebinding a page can even read the answers: its own name is made to point here. Such a
request still carries that name in its Host, and the page's in its Origin, so both are checked.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping

# Addresses of all interfaces, and of loopback, which is one of them.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether a numeric address can be reached from this machine only."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def plain(host: str) -> str:
    """A numeric address; of an IPv4 address that an IPv6 socket shows (::ffff:…), the IPv4 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return host if mapped is None else str(mapped)


def told(host: str, reached: str) -> str:
    """The address to tell a client, for a socket that is bound to `host`.

    Args:
        reached: the address at which the client reached this machine, as from `plain`.
    """
    if host in ANYWHERE:
        return reached
    # Where ::1 is listened to, 127.0.0.1 is too; a client of IPv4 can use that one alone.
    return reached if is_loopback(host) and ":" not in reached else host


class OriginCheck:
    """Knows the names under which a server may be addressed.

    Args:
        host: numeric address that the server is bound to. On loopback only loopback's names are
            right. Elsewhere every numeric address is (a name that is rebound is not numeric), and
            this machine's name with and without `.local`.
        port: of the server; a Host must name it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self._numeric = not is_loopback(host)
        self._names = set(LOOPBACK_NAMES)
        if self._numeric:
            own = socket.gethostname().lower().removesuffix(".local")
            self._names |= {own, f"{own}.local"}

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers (names in lower case) may be answered.

        No Origin means no browser, or a request of the page's own origin that changes nothing.
        """
        host = headers.get("host", "").lower()
        if not self._is_own(host):
            return False
        origin = headers.get("origin")
        return origin is None or origin.lower() == f"http://{host}"

    def _is_own(self, host: str) -> bool:
        name, separator, port = host.rpartition(":")
        if not separator or port != str(self._port):
            return False
        if name.startswith("[") and name.endswith("]"):
            name = name[1:-1]
        if name in self._names:
            return True
        return self._numeric and _is_numeric(name)


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
