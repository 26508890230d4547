"""The HTTP protocol of the server, which also limits the number of connections and their wait.

Only the server's thread imports it, because its package takes a moment to load.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from realtime.oscquery.limits import MAX_CONNECTIONS, REQUEST_S


class BoundedHttp(H11Protocol):
    """Closes a connection if there are too many, or if its request takes too long to arrive."""

    scope: Any = None  # the latest request

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._patience = self.loop.call_later(REQUEST_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        patience: asyncio.TimerHandle | None = getattr(self, "_patience", None)
        if patience is not None:
            patience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        # A connection that became a WebSocket is no longer among the protocol's connections.
        if self.scope is None and self in self.connections:
            self.transport.abort()
