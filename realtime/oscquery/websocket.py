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
MAX_WAITING = 4_096  # notes or replies that a client has not read; then it is let go
RATE_HZ = 100.0  # at most so often are the values of one client sent

_NO_COMMAND = (
    'a command has the form {"COMMAND": "LISTEN", "DATA": address}, or "IGNORE", and the address of'
    " a value"
)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Presence = Callable[[tuple[Any, ...], bool], None]
Refused = Callable[[str, str], None]  # what, and why


class _Answers(asyncio.DatagramProtocol):
    """Hands on what the OSC server answers."""

    def __init__(self, tell: Callable[[Iterable[bytes]], None]) -> None:
        self._tell = tell

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._tell([data])


class Client:
    """Lives on the server's event loop, all of it.

    Args:
        tree: gives the tree of now.
        osc: where OSC is taken. What the client sends goes there from a UDP socket of its own, so
            that it means the same as from anywhere, and what is answered comes back here.
        send: of ASGI.
        wishes: called when `listening` has changed.
        presence: told the address of that UDP socket before its first packet, and when the client
            is gone; see `OscServer.presence`.
        refused: told what it sent in vain, and why.

    `listening` holds the addresses whose values it asked for, `rejected` counts what it sent in
    vain.
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
        self._moved: dict[str, None] = {}  # in the order in which they moved first
        self._out: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        self._overrun = asyncio.Event()

    async def run(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Talk until it leaves, or until it has let too much lie."""
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
        """These have moved: send what was asked for of them when there is room."""
        owner = self._tree().owner
        self._send_soon(a for a in self.listening if owner(a) in controls)

    def forget(self, addresses: Set[str]) -> None:
        """These are no more."""
        self.listening -= addresses
        for address in addresses:
            self._sent.pop(address, None)

    def tell(self, messages: Iterable[str | bytes]) -> None:
        """Send these, in order; with too many unread ones the client is let go."""
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
        """Do what a command says; False where it can't be done."""
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
