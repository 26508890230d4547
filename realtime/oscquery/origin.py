"""The check of Host and Origin, which decides whether a request is answered.

A browser lets every page on the web send requests to 127.0.0.1, and WebSockets know no same-origin
rule. By DNS rebinding, which points the page's own host name to this machine, a page can even read
the answers. Such a request still names that host in its Host and the page's in its Origin, so both
are checked.
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
    """A numeric address, with an IPv4 address mapped into IPv6 (::ffff:…) as plain IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return host if mapped is None else str(mapped)


def told(host: str, reached: str) -> str:
    """The address to tell a client.

    Args:
        host: numeric address that the socket is bound to.
        reached: the address at which the client reached this machine, as from `plain`.
    """
    if host in ANYWHERE:
        return reached
    # A server on ::1 is also on 127.0.0.1, the only one that an IPv4 client can use.
    return reached if is_loopback(host) and ":" not in reached else host


class OriginCheck:
    """Checks requests against the host names that a server accepts.

    Args:
        host: numeric address that the server is bound to. On loopback it accepts only loopback's
            names. Otherwise it accepts every numeric address (DNS rebinding needs a name) and this
            machine's name with and without `.local`.
        port: of the server; the Host of a request must name it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self._numeric = not is_loopback(host)
        self._names = set(LOOPBACK_NAMES)
        if self._numeric:
            own = socket.gethostname().lower().removesuffix(".local")
            self._names |= {own, f"{own}.local"}

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request may be answered.

        A request without Origin comes from no browser, or from the server's own page and changes
        nothing.

        Args:
            headers: of the request, names in lower case.
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
