"""`Announcement`: says on the local network that an instrument can be played and looked at here.

By zeroconf (multicast DNS), `_oscjson._tcp` for the OSCQuery port and `_osc._udp` for the OSC port.
Where only this machine can reach the ports nothing is announced.
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
        name: of the instrument; with this machine's name it makes the service's.
        services: `(type, port)`, as `("_osc._udp", 9000)`.
        host: numeric address that the ports are bound to: the interface that is announced on;
            0.0.0.0 and :: stand for all.

    Whatever fails is in `last_error` and in nothing else; `done` is set as soon as all is announced
    or has failed.
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
        """Begin to take everything back; returns at once."""
        self._closing.set()

    def close(self) -> None:
        """Take everything back, as far as that is done within a second. Idempotent."""
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
        # IPv6 has no default interface for multicast; by IPv4 the same machines hear of it.
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
        """Announce each service. A second one of that name is no conflict: it gets a number."""
        from zeroconf import DNSQuestionType, ServiceBrowser

        addresses = _own_addresses() if self._host in ANYWHERE else [self._host]
        # Whether a name is taken is asked with answers by unicast, which several programs on one
        # machine, all at the same port, get by chance. A browser hears the multicast answers, which
        # may take a second.
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
    pass  # what is found is in the cache


def is_announced(host: str) -> bool:
    """Whether ports bound to a numeric address concern others than this machine."""
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
    """The numeric addresses of this machine's interfaces, loopback left out if there are others."""
    import ifaddr

    found = [ip.ip for a in ifaddr.get_adapters() for ip in a.ips if isinstance(ip.ip, str)]
    return [ip for ip in found if not is_loopback(ip)] or found
