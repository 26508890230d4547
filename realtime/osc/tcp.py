"""OSC over TCP: connections that never block anybody, bounded in number and in what they hold."""

from __future__ import annotations

import contextlib
import socket
import threading

from realtime.osc.sockets import keep_alive
from realtime.protocol.osc_framing import Framing, Sized, Slip

MAX_CONNECTIONS = 16
MAX_UNSENT = 1 << 18  # bytes
READ_AT_ONCE = 1 << 16  # bytes
# A browser can be made to send anything to this port, but not to begin with these: a web page must
# not be able to play.
_SLIP, _SIZED = (b"\xc0", b"/", b"#"), b"\0"


class TcpConnection:
    """One client. `send` from any thread, all else from the server's.

    Attributes:
        name: its address, for people; closed: whether it is over.
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
        """Frames that were none."""
        return self._framing.broken

    def receive(self) -> list[bytes]:
        """The packets that have come; `closed` afterwards if the other end is gone or speaks
        something else."""
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
        """Send what waits as far as the other end takes it; False if it is gone."""
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
        """Bytes that the other end hasn't taken."""
        return len(self._unsent)

    def close(self) -> None:
        """Hang up. May be called twice."""
        with self._lock:
            self.closed = True
        with contextlib.suppress(OSError):
            self.socket.close()


def accept(listener: socket.socket) -> TcpConnection | None:
    """The next client of a listening socket that doesn't block, if there is one."""
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
