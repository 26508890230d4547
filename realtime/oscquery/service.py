"""`OscQuery`: everything that lets other programs explore and follow a session."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from realtime.namespace.commands import Commands
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.builtins import BUILTINS
from realtime.oscquery.announcement import Announcement, is_announced
from realtime.oscquery.app import OscQueryApp, Refused
from realtime.oscquery.origin import ANYWHERE, OriginCheck
from realtime.oscquery.server import OscQueryServer
from realtime.oscquery.tree import Tree
from realtime.oscquery.websocket import Presence

DEFAULT_PORT = 9001
PERIOD_S = 0.01  # changes of values are collected for so long


class OscQuery:
    """Serves OSCQuery from construction to `close`; a context manager.

    Args:
        namespace: the addresses; `set_namespace` changes them.
        values: the last values, and the source of changes.
        osc: numeric host and UDP port that receive OSC.
        host, port: where to listen, port 0 … 65535; a taken port is replaced by a free one.
        name: of the instrument, for HOST_INFO and zeroconf.
        meters: addresses in `values` that only the engine sets.
        commands: commands beside the OSC server's own.
        presence: called when a WebSocket client comes or goes, see `OscServer.presence`.
        refused: called with the client, the request and the reason of each refusal.

    Raises:
        ConfigError: the port is out of range.
        DeviceError: nothing can be bound on this host.
    """

    def __init__(
        self,
        namespace: Namespace,
        values: Values,
        osc: tuple[str, int],
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        name: str = "synth",
        meters: Iterable[str] = (),
        commands: Commands | None = None,
        presence: Presence = lambda place, there: None,
        refused: Refused = lambda client, what, why: None,
    ) -> None:
        self._values = values
        self._meters, self._commands = tuple(meters), commands or Commands()
        self._server = server = OscQueryServer(host, port)
        self.host, self.port, self.warning = server.host, server.port, server.warning
        self._app = OscQueryApp(
            self._tree(namespace),
            OriginCheck(server.host, server.port),
            name,
            osc,
            presence,
            refused,
        )
        self._listener = values.listen(self._app.wants)
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="oscquery values", daemon=True)
        self._watcher.start()
        server.serve(self._app)
        self._announcement: Announcement | None = None
        if is_announced(server.host):
            services = [("_oscjson._tcp", server.port), ("_osc._udp", osc[1])]
            self._announcement = Announcement(name, services, server.host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The page's address for a browser on this machine."""
        host = ANYWHERE.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def status(self) -> dict[str, int | str]:
        """Whether the server runs, its number of clients, counters, failures and the last error."""
        return {
            "running": int(self._server.running),
            "clients": self._app.clients,
            **self._app.counters,
            "failures": self._server.failures,
            "last_error": self._server.last_error or self._announcing_error(),
        }

    def set_namespace(self, namespace: Namespace) -> None:
        """Replace the addresses and tell clients which ones came and went."""
        self._app.change_tree(self._tree(namespace))

    def leave(self) -> None:
        """Begin to close; returns at once, so that other things can close meanwhile."""
        self._closing.set()
        self._server.leave()
        if self._announcement is not None:
            self._announcement.leave()

    def close(self) -> None:
        """Close everything, waiting two seconds at most. Idempotent."""
        self.leave()
        self._listener.close()
        self._server.close()
        if self._announcement is not None:
            self._announcement.close()
        self._watcher.join(1.0)

    def _announcing_error(self) -> str:
        announcement = self._announcement
        failed = announcement is not None and announcement.last_error
        return f"zeroconf: {failed}" if failed else ""

    def _tree(self, namespace: Namespace) -> Tree:
        commands = (*BUILTINS, *self._commands.addresses)
        return Tree(namespace, self._values.get, self._meters, commands)

    def _watch(self) -> None:
        while not self._closing.wait(PERIOD_S):
            self._app.moved(change.address for change in self._listener.take(0.5))
