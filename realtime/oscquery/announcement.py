"""`Announcement`: tells the local network about the instrument's OSC and OSCQuery ports.

It uses zeroconf (multicast DNS): `_oscjson._tcp` for the OSCQuery port and `_osc._udp` for the OSC
port. Ports that only this machine can reach are not announced.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from realtime.oscquery.origin import ANYWHERE, is_loopback

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

END_S = 1.0
LISTEN_S = 1.2
_MAX_LABEL = 63  # bytes of a DNS label


class Announcement:
    """Announces from construction to `close`, in a thread of its own; a context manager.

    Args:
        name: of the instrument; the service's name adds this machine's to it.
        services: `(type, port)`, as `("_osc._udp", 9000)`.
        host: numeric address that the ports are bound to, whose interface is used for announcing;
            0.0.0.0 and :: stand for all interfaces.

    A failure only sets `last_error`. `done` is set once everything is announced or has failed.
    """

    def __init__(self, name: str, services: Sequence[tuple[str, int]], host: str) -> None:
        self._name, self._services, self._host = name, tuple(services), host
        self.last_error = ""
        self.done = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zeroconf", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def leave(self) -> None:
        """Begin to withdraw the announcement; returns at once."""
        self._closing.set()

    def close(self) -> None:
        """Withdraw the announcement, waiting a second at most. Idempotent."""
        self.leave()
        self._thread.join(END_S)

    def _run(self) -> None:
        try:
            self._announce()
        except Exception as error:  # noqa: BLE001 - a network without multicast is no reason to end
            self.last_error = f"{type(error).__name__}: {error}"
        finally:
            self.done.set()

    def _announce(self) -> None:
        # Imported here because it takes a moment, and most sessions don't announce anything.
        from zeroconf import InterfaceChoice, IPVersion, Zeroconf

        everywhere = self._host in ANYWHERE
        # IPv6 has no default interface for multicast; IPv4 reaches the same machines.
        version = IPVersion.All if ":" in self._host and not everywhere else IPVersion.V4Only
        interfaces = InterfaceChoice.Default if everywhere else [self._host]
        zeroconf = Zeroconf(interfaces=interfaces, ip_version=version)
        try:
            self._register(zeroconf)
            self.done.set()
            self._closing.wait()
        finally:
            with contextlib.suppress(OSError):
                zeroconf.close()

    def _register(self, zeroconf: Zeroconf) -> None:
        """Announce each service. If its name is taken, a number is added to it."""
        from zeroconf import DNSQuestionType, ServiceBrowser

        addresses = _own_addresses() if self._host in ANYWHERE else [self._host]
        # The usual test for a taken name asks for unicast answers. If several programs on a machine
        # share the port, chance decides which of them gets those. A browser of services hears the
        # multicast answers instead, which may take a second.
        kinds = [f"{kind}.local." for kind, _ in self._services]
        browser = ServiceBrowser(
            zeroconf, kinds, handlers=[_hear_nothing], question_type=DNSQuestionType.QM
        )
        self._closing.wait(LISTEN_S)
        for kind, port in self._services:
            if not self._closing.is_set():
                zeroconf.register_service(
                    _service(self._name, kind, port, addresses), allow_name_change=True
                )
        browser.cancel()


def _hear_nothing(**_: object) -> None:
    pass  # the results are in zeroconf's cache


def is_announced(host: str) -> bool:
    """Whether other machines can reach ports that are bound to a numeric address."""
    return not is_loopback(host)


def _service(name: str, kind: str, port: int, addresses: Sequence[str]) -> ServiceInfo:
    from zeroconf import ServiceInfo

    machine = socket.gethostname().removesuffix(".local")
    label = f"{name} on {machine}".replace(".", "-").encode()[:_MAX_LABEL].decode(errors="ignore")
    return ServiceInfo(
        f"{kind}.local.",
        f"{label}.{kind}.local.",
        port=port,
        server=f"{machine}.local.",
        parsed_addresses=list(addresses),
    )


def _own_addresses() -> list[str]:
    """The numeric addresses of this machine's interfaces; loopback only if there is no other."""
    import ifaddr

    found = [ip.ip for a in ifaddr.get_adapters() for ip in a.ips if isinstance(ip.ip, str)]
    return [ip for ip in found if not is_loopback(ip)] or found
