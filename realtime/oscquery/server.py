"""`OscQueryServer`: an HTTP and WebSocket port and the thread that serves it.

The thread belongs to the control process; its failures are counted and mended, and never reach the
sound. It also imports the server's package, so that no start has to wait for that.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from realtime.osc.sockets import keep_alive, other_loopback, take_ipv4_too
from realtime.oscquery.limits import MAX_CONNECTIONS, MAX_HEADERS
from realtime.oscquery.websocket import MAX_MESSAGE
from synth.contract import ConfigError, DeviceError

if TYPE_CHECKING:
    import uvicorn

MAX_FAILURES = 5  # of the event loop; then the server gives up
END_S = 1.0
_LOGGER = "uvicorn.error"


class OscQueryServer:
    """Serves an ASGI application from construction to `close`; a context manager.

    Args:
        host, port: where to listen, 0 … 65535. A port that is taken is replaced by a free one, and
            `warning` says so; 0 takes a free one. A server on the loopback address of IPv4 or IPv6
            listens on that of the other one as well, if possible.

    Call `serve` once. `failures` counts unexpected ends of the event loop; `last_error` is the
    reason of the latest one.

    Raises:
        ConfigError: the port is out of range.
        DeviceError: nothing can be bound on this host.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        if not 0 <= port <= 65535:
            raise ConfigError(f"OSCQuery port {port} is not in 0 … 65535; use --oscquery-port 9001")
        self.warning = ""
        self.failures = 0
        self.last_error = ""
        try:
            self._socket = _listen(host, port)
        except OSError:
            self._socket = self._listen_anywhere(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._beside = self._listen_beside()
        self._closing = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def serve(self, app: Any) -> None:
        """Begin to answer requests with an ASGI application; returns at once."""
        self._thread = threading.Thread(target=self._run, args=(app,), name="oscquery", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether requests are answered, or will be as soon as the thread has started."""
        return self._thread is not None and self._thread.is_alive()

    def leave(self) -> None:
        """Begin to close; returns at once."""
        self._closing.set()
        server = self._server
        if server is not None:
            server.should_exit = True

    def close(self) -> None:
        """Close the port and all connections. Idempotent."""
        self.leave()
        if self._thread is not None:
            self._thread.join(END_S)
        self._close_sockets()

    def _listen_beside(self) -> list[socket.socket]:
        """The socket on the other loopback address, if there is one and its port is free."""
        other = other_loopback(str(self.host))
        try:
            return [_listen(other, self.port)] if other else []
        except OSError:
            return []

    def _close_sockets(self) -> None:
        for sock in (self._socket, *self._beside):
            sock.close()

    def _listen_anywhere(self, host: str, port: int) -> socket.socket:
        try:
            found = _listen(host, 0)
        except OSError as error:
            raise DeviceError(
                f"OSCQuery can't listen on {host} ({error.strerror or error}); use --no-oscquery or"
                " another --osc-host"
            ) from None
        self.warning = f"OSCQuery: port {port} is taken; {found.getsockname()[1]} is used instead"
        return found

    def _run(self, app: Any) -> None:
        logger = logging.getLogger(_LOGGER)
        logger.addHandler(listener := _Listener(self))
        try:
            while not self._closing.is_set() and self.failures < MAX_FAILURES:
                self._serve_once(app)
                if not self._closing.is_set():
                    self.failures += 1
                    self._renew()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the session
            self.failures, self.last_error = MAX_FAILURES, f"{type(error).__name__}: {error}"
        finally:
            logger.removeHandler(listener)
            self._close_sockets()

    def _serve_once(self, app: Any) -> None:
        import uvicorn

        from realtime.oscquery.bounded_http import BoundedHttp

        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=BoundedHttp,
            ws="wsproto",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            h11_max_incomplete_event_size=MAX_HEADERS,
            backlog=MAX_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        self._server = server
        server.should_exit = self._closing.is_set()
        try:
            server.run(sockets=[self._socket, *self._beside])
        except (Exception, SystemExit) as error:  # noqa: BLE001 - see _run
            self.last_error = f"{type(error).__name__}: {error}"

    def _renew(self) -> None:
        """Open the same port again, because a loop that ends closes its socket."""
        self._close_sockets()
        self._closing.wait(0.1)
        self._socket = _listen(str(self.host), self.port)
        self._beside = self._listen_beside()


class _Listener(logging.Handler):
    """Keeps the last error of the server instead of printing it: the view uses the terminal."""

    def __init__(self, server: OscQueryServer) -> None:
        super().__init__(logging.WARNING)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(TypeError, ValueError):
            self._server.last_error = record.getMessage()[:200]


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_alive(made)
        take_ipv4_too(made)
        made.bind(address)
        made.listen(MAX_CONNECTIONS)
    except OSError:
        made.close()
        raise
    return made
