"""OSC over TCP: connections that never block, bounded in number and in memory."""

from __future__ import annotations

import contextlib
import socket
import threading

from realtime.osc.sockets import keep_alive
from realtime.protocol.osc_framing import Framing, Sized, Slip

MAX_CONNECTIONS = 16
MAX_UNSENT = 1 << 18  # bytes
READ_AT_ONCE = 1 << 16  # bytes
# The first byte of a connection. A web page can make a browser send almost anything to this port,
# but nothing that begins like this, so that no page can play.
_SLIP, _SIZED = (b"\xc0", b"/", b"#"), b"\0"


class TcpConnection:
    """The connection of a client. `send` is for any thread, all else for the server's.

    Args:
        sock: as accepted; address: host and port of the client.

    Attributes:
        name: the client's address, for people; closed: whether the connection has ended.
    """

    def __init__(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self.socket, self.name = sock, f"{address[0]}:{address[1]}/tcp"
        self.closed = False
        self._framing: Framing = Slip()
        self._fresh = True
        self._lock = threading.Lock()
        self._unsent = bytearray()

    @property
    def broken(self) -> int:
        """Malformed frames received so far."""
        return self._framing.broken

    def receive(self) -> list[bytes]:
        """The packets that have come since the last call; sets `closed` if the other end is gone or
        doesn't speak OSC."""
        try:
            data = self.socket.recv(READ_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""
        if self._fresh and data.startswith(_SIZED):
            self._framing = Sized()
        elif self._fresh and data and not data.startswith(_SLIP):
            self._framing.broken += 1
            data = b""
        self._fresh = False
        packets = self._framing.feed(data)
        if not data or self._framing.lost:
            self.close()
        return packets

    def send(self, packet: bytes) -> bool:
        """Send a packet, or keep it for `flush`; False if there is no room for it."""
        frame = self._framing.encode(packet)
        with self._lock:
            if self.closed or len(self._unsent) + len(frame) > MAX_UNSENT:
                return False
            self._unsent += frame
        return self.flush()

    def flush(self) -> bool:
        """Send as many waiting bytes as the other end takes; False if it is gone."""
        with self._lock:
            while self._unsent and not self.closed:
                try:
                    del self._unsent[: self.socket.send(self._unsent)]
                except (BlockingIOError, InterruptedError):
                    break
                except OSError:
                    self._unsent.clear()
                    return False
        return True

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._unsent)

    def close(self) -> None:
        """Hang up. May be called twice."""
        with self._lock:
            self.closed = True
        with contextlib.suppress(OSError):
            self.socket.close()


def accept(listener: socket.socket) -> TcpConnection | None:
    """The next client of a non-blocking listening socket, or None if nobody waits."""
    try:
        sock, address = listener.accept()
    except OSError:
        return None
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(sock)
    except OSError:
        sock.close()
        return None
    return TcpConnection(sock, address[:2])
