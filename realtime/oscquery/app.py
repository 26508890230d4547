"""The OSCQuery application: answers GET from the tree, and talks over WebSockets.

Plain ASGI, run by `realtime.oscquery.server`. Bad requests are counted and do no other harm. For a
client that doesn't read, only the last value of each address is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from realtime.oscquery.origin import ANYWHERE, OriginCheck, plain, told
from realtime.oscquery.tree import (
    EXTENSIONS,
    NoContentError,
    Tree,
    UnknownAttributeError,
    UnknownPathError,
)
from realtime.oscquery.websocket import MAX_CLIENTS, Client, Presence

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Refused = Callable[[str, str, str], None]

_STATUS = {UnknownPathError: 404, UnknownAttributeError: 400, NoContentError: 204}
_COMMON = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_PAGE_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self';"
        b" frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
]
_JSON, _HTML, _TEXT = b"application/json", b"text/html; charset=utf-8", b"text/plain; charset=utf-8"
_SCRIPT = b"text/javascript; charset=utf-8"
_NOT_OWN = (
    "its Host or Origin is not an address of this server, as of a page from elsewhere; use the"
    " address that synth play shows"
)
PAGE_SCRIPTS = {"PAGE_SCRIPT": "page.js", "PAGE_MAP": "map.js"}  # of the page, by their queries


class OscQueryApp:
    """The application of one session.

    Args:
        tree: the address space; the attribute can be replaced (see `change_tree`).
        guard: decides which requests are answered.
        name: of the instrument.
        osc: numeric address and UDP port that receive OSC; 0.0.0.0 and :: stand for the address at
            which a client reached this machine.
        presence: see `Client`.
        refused: called with the client, the request and the reason of each refusal.

    `counters`: `requests` (HTTP), `refused` (by the guard, or because all places were taken),
    `rejected` (wrong requests, commands and packets).
    """

    def __init__(
        self,
        tree: Tree,
        guard: OriginCheck,
        name: str,
        osc: tuple[str, int],
        presence: Presence = lambda place, there: None,
        refused: Refused = lambda client, what, why: None,
    ) -> None:
        self._presence, self._refused = presence, refused
        self.tree, self._guard, self._name, self._osc = tree, guard, name, osc
        self._clients: set[Client] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted: frozenset[str] = frozenset()
        self.counters = dict.fromkeys(("requests", "refused", "rejected"), 0)

    @property
    def clients(self) -> int:
        """The number of WebSocket clients now."""
        return len(self._clients)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: one request or one WebSocket."""
        self._loop = asyncio.get_running_loop()
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope.get("headers", ())}
        if scope["type"] == "http":
            self.counters["requests"] += 1
            status, body, kind = self._answer(scope, headers)
            await _respond(send, status, body, kind, scope["method"] == "HEAD")
        elif scope["type"] == "websocket":
            await self._converse(_name(scope), headers, receive, send)

    def wants(self, address: str) -> bool:
        """Whether a client listens to a control or to one of its elements. Any thread; quick."""
        return address in self._wanted

    def moved(self, controls: Iterable[str]) -> None:
        """Report that the values of controls changed; from any thread."""
        loop, changed = self._loop, frozenset(controls)
        if changed and loop is not None:
            _call(loop, lambda: self._spread(changed))

    def change_tree(self, tree: Tree) -> None:
        """Replace the tree and tell the clients which methods came and went; from any thread."""
        before, after = self.tree.methods, tree.methods
        self.tree = tree
        changes = [_command("PATH_REMOVED", path) for path in sorted(before - after)]
        changes += [_command("PATH_ADDED", path) for path in sorted(after - before)]
        if changes and self._loop is not None:
            _call(self._loop, lambda: self._announce(changes, before - after))

    def _announce(self, changes: Sequence[str], gone: frozenset[str]) -> None:
        for client in self._clients:
            client.forget(gone)
            client.tell(changes)
        self._collect_wishes()

    def _spread(self, controls: frozenset[str]) -> None:
        for client in self._clients:
            client.moved(controls)

    def _collect_wishes(self) -> None:
        owner = self.tree.owner
        self._wanted = frozenset(owner(a) for c in self._clients for a in c.listening)

    def _answer(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        """The status, body and content type of an answer."""
        if not self._guard.allows(headers):
            self.counters["refused"] += 1
            self._refused(_name(scope), "HTTP", _NOT_OWN)
            return 403, b"this Host or Origin is not served here", _TEXT
        if scope["method"] not in ("GET", "HEAD"):
            self.counters["rejected"] += 1
            return 405, b"only GET is known here", _TEXT
        query = unquote(scope.get("query_string", b"").decode("latin-1"))
        if query in PAGE_SCRIPTS:
            return 200, _page(PAGE_SCRIPTS[query]), _SCRIPT
        if query == "HTML" or (not query and scope["path"] == "/" and _is_browser(headers)):
            return 200, _page("page.html"), _HTML
        try:
            found = self._look_up(scope, query)
        except (UnknownPathError, UnknownAttributeError, NoContentError) as error:
            status = _STATUS[type(error)]
            self.counters["rejected"] += status != 204
            return status, b"" if status == 204 else str(error).encode(), _TEXT
        return 200, json.dumps(found, allow_nan=False).encode(), _JSON

    def _look_up(self, scope: Scope, query: str) -> dict[str, Any]:
        if query == "HOST_INFO":
            return self._info(*(scope.get("server") or ("127.0.0.1", None)))
        path = scope["path"].rstrip("/") or "/"
        return self.tree.attribute(path, query) if query else self.tree.node(path)

    def _info(self, reached: str, port: int | None) -> dict[str, Any]:
        host, osc_port = self._osc
        reached = plain(reached)
        return {
            "NAME": self._name,
            "EXTENSIONS": EXTENSIONS,
            "OSC_IP": told(host, reached),
            "OSC_PORT": osc_port,
            "OSC_TRANSPORT": "UDP",
            "WS_IP": reached,
            "WS_PORT": port,
        }

    async def _converse(
        self, name: str, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        full = len(self._clients) >= MAX_CLIENTS
        if full or not self._guard.allows(headers):
            self.counters["refused"] += 1
            why = f"there are {MAX_CLIENTS} clients already" if full else _NOT_OWN
            self._refused(name, "WebSocket", why)
            await send({"type": "websocket.close"})  # not yet accepted: answered with 403
            return
        host, port = self._osc
        osc = (ANYWHERE.get(host, host), port)
        client = Client(
            lambda: self.tree,
            osc,
            send,
            self._collect_wishes,
            self._presence,
            lambda what, why: self._refused(name, what, why),
        )
        self._clients.add(client)
        try:
            await send({"type": "websocket.accept"})
            await client.run(receive)
        finally:
            self._clients.discard(client)
            self._collect_wishes()
            self.counters["rejected"] += client.rejected


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:  # the loop has ended: nobody is left to be told
        return


def _name(scope: Scope) -> str:
    host, port = scope.get("client") or ("-", 0)
    return f"{plain(host)}:{port}/http"


def _command(name: str, path: str) -> str:
    return json.dumps({"COMMAND": name, "DATA": path})


def _is_browser(headers: Mapping[str, str]) -> bool:
    return "text/html" in headers.get("accept", "")


def _page(name: str) -> bytes:
    return files("realtime.oscquery").joinpath("page", name).read_bytes()


async def _respond(send: Send, status: int, body: bytes, kind: bytes, head: bool) -> None:
    headers = [*_COMMON, *(_PAGE_HEADERS if kind == _HTML else [])]
    if status != 204:
        headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
