"""One WebSocket client of the OSCQuery server: commands in, values and notes out."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Set
from typing import Any

from realtime.oscquery.tree import Tree
from realtime.protocol.osc_decode import MAX_PACKET
from realtime.protocol.osc_encode import encode_message

MAX_CLIENTS = 16
MAX_MESSAGE = 65_536  # bytes, either way
MAX_WAITING = 4_096  # unread notes or replies, above which a client is disconnected
RATE_HZ = 100.0  # at most so often values are sent to one client

_NO_COMMAND = (
    'a command has the form {"COMMAND": "LISTEN", "DATA": address}, or "IGNORE", and the address of'
    " a value"
)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Presence = Callable[[tuple[Any, ...], bool], None]
Refused = Callable[[str, str], None]  # called with the request and the reason


class _Answers(asyncio.DatagramProtocol):
    """Passes on the answers of the OSC server."""

    def __init__(self, tell: Callable[[Iterable[bytes]], None]) -> None:
        self._tell = tell

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._tell([data])


class Client:
    """A client; all methods belong to the server's event loop.

    Args:
        tree: returns the present tree.
        osc: host and UDP port of the OSC server. The client's packets go there from a UDP socket
            of its own, so that they are treated like any others; the answers come back to it.
        send: of ASGI.
        wishes: called when `listening` has changed.
        presence: called with the address of that UDP socket before its first packet and after the
            client has gone; see `OscServer.presence`.
        refused: called with each rejected command or packet and the reason.

    `listening` holds the addresses whose values the client asked for; `rejected` counts its wrong
    commands and packets.
    """

    def __init__(
        self,
        tree: Callable[[], Tree],
        osc: tuple[str, int],
        send: Send,
        wishes: Callable[[], None],
        presence: Presence,
        refused: Refused = lambda what, why: None,
    ) -> None:
        self._tree, self._osc, self._send, self._wishes = tree, osc, send, wishes
        self._presence, self._refused = presence, refused
        self.listening: set[str] = set()
        self.rejected = 0
        self._sent: dict[str, list[float | int]] = {}
        self._moved: dict[str, None] = {}  # in the order of their first movement
        self._out: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        self._overrun = asyncio.Event()

    async def run(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Talk until the client leaves, or is disconnected because it left too much unread.

        Args:
            receive: of ASGI.
        """
        loop = asyncio.get_running_loop()
        way, _ = await loop.create_datagram_endpoint(
            lambda: _Answers(self.tell), remote_addr=self._osc
        )
        place = way.get_extra_info("sockname")
        self._presence(place, True)
        tasks = [
            asyncio.create_task(task)
            for task in (self._read(receive, way), self._write(), self._overrun.wait())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._presence(place, False)
            way.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def moved(self, controls: Set[str]) -> None:
        """Send the new values of controls, as far as the client listens, once there is room."""
        owner = self._tree().owner
        self._send_soon(a for a in self.listening if owner(a) in controls)

    def forget(self, addresses: Set[str]) -> None:
        """Stop listening to addresses that no longer exist."""
        self.listening -= addresses
        for address in addresses:
            self._sent.pop(address, None)

    def tell(self, messages: Iterable[str | bytes]) -> None:
        """Send messages in order; a client with too many unread ones is disconnected."""
        for message in messages:
            if len(self._out) >= MAX_WAITING:
                self._overrun.set()
                return
            self._out.append(message)
        self._wake.set()

    def _send_soon(self, addresses: Iterable[str]) -> None:
        self._moved |= dict.fromkeys(addresses)
        if self._moved:
            self._wake.set()

    async def _read(
        self, receive: Callable[[], Awaitable[dict[str, Any]]], way: asyncio.DatagramTransport
    ) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            packet, text = message.get("bytes"), message.get("text")
            if packet is not None and len(packet) <= MAX_PACKET:
                way.sendto(packet)
            elif packet is not None:
                self._reject("-", f"a packet of {len(packet)} bytes; up to {MAX_PACKET} are taken")
            elif not self._obey(text or ""):
                self._reject((text or "-")[:80], _NO_COMMAND)

    def _reject(self, what: str, why: str) -> None:
        self.rejected += 1
        self._refused(what, why)

    def _obey(self, text: str) -> bool:
        """Run a command; False if it is wrong."""
        try:
            command = json.loads(text)
        except (ValueError, RecursionError):
            return False
        if not isinstance(command, dict):
            return False
        name, address = command.get("COMMAND"), command.get("DATA")
        if not isinstance(address, str) or not self._tree().readable(address):
            return False
        if name == "LISTEN":
            self.listening.add(address)
            self._send_soon([address])
        elif name == "IGNORE":
            self.forget({address})
        else:
            return False
        self._wishes()
        return True

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._out:
                message = self._out.popleft()
                kind = "text" if isinstance(message, str) else "bytes"
                await self._send({"type": "websocket.send", kind: message})
            moved, self._moved = self._moved, {}
            for address in moved:
                await self._send_value(address)
            if moved:
                await asyncio.sleep(1 / RATE_HZ)

    async def _send_value(self, address: str) -> None:
        tree = self._tree()
        if address not in self.listening or not tree.readable(address):
            return
        value = tree.value(address)
        if self._sent.get(address) != value:
            self._sent[address] = value
            await self._send({"type": "websocket.send", "bytes": encode_message(address, value)})
