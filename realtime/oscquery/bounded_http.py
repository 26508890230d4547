"""The HTTP protocol of the server, with two bounds that it lacks: connections, and their patience.

Imported by the server's thread only, because its package takes a moment.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from realtime.oscquery.limits import MAX_CONNECTIONS, REQUEST_S


class BoundedHttp(H11Protocol):
    """Closes a connection that is one too many, or that keeps its request to itself."""

    scope: Any = None  # of the latest request

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
        # One that became a WebSocket has left the connections of this protocol.
        if self.scope is None and self in self.connections:
            self.transport.abort()
