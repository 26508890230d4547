"""The sockets of the OSC server: opening them, and what the system dropped on the way."""

from __future__ import annotations

import contextlib
import os
import socket

from synth.contract import ConfigError, DeviceError

DEFAULT_PORT = 9000
_RECEIVE_BUFFER = 1 << 20
_BACKLOG = 16


def open_udp(host: str, port: int) -> socket.socket:
    """A UDP socket that doesn't block.

    Raises:
        ConfigError: the port is out of range.
        DeviceError: the port is occupied or the host is not this machine's; says what to do.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"OSC port {port} is not in 0 … 65535; use --osc-port {DEFAULT_PORT}")
    try:
        return _open(host, port, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DeviceError(
            f"OSC can't listen on {host} port {port} ({reason}); choose another one with"
            f" --osc-port {port + 1 if port < 65535 else 9000}, or 0 for any, or another --osc-host"
        ) from None


def open_tcp(host: str, port: int) -> socket.socket | None:
    """A listening TCP socket that doesn't block, or None if the port is taken.

    Other programs may well have the same number for TCP: that is no reason not to play.
    """
    try:
        sock = _open(host, port, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        return None
    return sock


def _open(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets others steal a port
        if exclusive is not None:
            sock.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        elif kind == socket.SOCK_STREAM:  # or a port just given back would stay occupied
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.setblocking(False)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def overflowed(sock: socket.socket) -> int:
    """Datagrams that the system dropped because the socket's buffer was full; 0 where it doesn't
    tell (anywhere but on Linux)."""
    table = "/proc/net/udp6" if sock.family == socket.AF_INET6 else "/proc/net/udp"
    try:
        inode = str(os.fstat(sock.fileno()).st_ino)
        with open(table, encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                if len(fields) > 12 and fields[9] == inode:
                    return int(fields[-1])
    except (OSError, ValueError):
        pass
    return 0
