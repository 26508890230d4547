"""OSC clients for tests: UDP and TCP, writing and reading with python-osc, and bundles."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any, Self

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.protocol.osc_framing import Framing, Slip

PATIENCE_S = 10.0
UNIX = 2_208_988_800


def message(address: str, *args: Any) -> bytes:
    """A message as python-osc writes it."""
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return bytes(builder.build().dgram)


def bundle(*elements: bytes, timetag: int = 1) -> bytes:
    """A bundle around elements, by hand."""
    framed = b"".join(struct.pack(">i", len(e)) + e for e in elements)
    return b"#bundle\0" + struct.pack(">Q", timetag) + framed


def timetag(unix: float) -> int:
    """A time tag of a Unix time, s."""
    return round((unix + UNIX) * 2**32) % 2**64


def in_seconds(seconds: float) -> int:
    """The time tag of a moment to come."""
    return timetag(time.time() + seconds)


class _Peer:
    def raw(self, packet: bytes) -> None:
        raise NotImplementedError

    def receive(self) -> tuple[str, list[Any]]:
        raise NotImplementedError

    def send(self, address: str, *args: Any) -> None:
        self.raw(message(address, *args))

    def ask(self, address: str, *args: Any) -> tuple[str, list[Any]]:
        self.send(address, *args)
        return self.receive()

    def settle(self, ident: int = 1) -> list[tuple[str, list[Any]]]:
        """Wait until all that was sent before has been handled; the answers to it."""
        seen = []
        self.send("/sync", ident)
        while (answer := self.receive()) != ("/synced", [ident]):
            seen.append(answer)
        return seen


class UdpPeer(_Peer):
    """A client with a UDP socket of its own."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self._server = ("127.0.0.1", port)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def raw(self, packet: bytes) -> None:
        self.socket.sendto(packet, self._server)

    def receive(self) -> tuple[str, list[Any]]:
        answer = OscMessage(self.socket.recv(65_536))
        return answer.address, list(answer.params)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class TcpPeer(_Peer):
    """A client with a TCP connection."""

    def __init__(self, port: int, framing: type[Framing] = Slip) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._framing = framing()
        self._packets: list[bytes] = []

    def raw(self, packet: bytes) -> None:
        self.socket.sendall(self._framing.encode(packet))

    def receive(self) -> tuple[str, list[Any]]:
        while not self._packets:
            data = self.socket.recv(65_536)
            if not data:
                raise ConnectionError("the server hung up")
            self._packets += self._framing.feed(data)
        answer = OscMessage(self._packets.pop(0))
        return answer.address, list(answer.params)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
