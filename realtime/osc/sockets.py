"""The sockets of the OSC server: opening them, and asking the system for lost datagrams."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from typing import Any

from synth.contract import ConfigError, DeviceError

DEFAULT_PORT = 9000
_RECEIVE_BUFFER = 1 << 20
_BACKLOG = 16
_TELLS_REFUSALS = sys.platform == "linux"
_MAX_REFUSALS = 256  # refusals read at once
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # s, s, probes
_ERROR = struct.Struct("=I")  # the first field of Linux's sock_extended_err: errno


def open_udp(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket.

    Args:
        host: name or numeric address of this machine; port: 0 … 65535, 0 for a free one.

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
    """A listening, non-blocking TCP socket, or None if the port is taken.

    Another program may use this number for TCP; the session can play without it.

    Args:
        host, port: see `open_udp`.
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


def take_ipv4_too(sock: socket.socket) -> None:
    """Let an IPv6 socket on all addresses (::) take IPv4 as well, the default of most systems."""
    if sock.family == socket.AF_INET6:
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def other_loopback(host: str) -> str:
    """The loopback address of IPv6 for that of IPv4, and the reverse; "" for any other address.

    A program may take "localhost" for either one.
    """
    return {"127.0.0.1": "::1", "::1": "127.0.0.1"}.get(host, "")


def open_other_udp(host: str, port: int) -> socket.socket | None:
    """A UDP socket on the other loopback address (see `other_loopback`), or None: `host` is not
    loopback, this system has no IPv6, or another program has the port there."""
    other = other_loopback(host)
    try:
        return _open(other, port, socket.SOCK_DGRAM) if other else None
    except OSError:
        return None


def _open(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets others steal a port
        if exclusive is not None:
            sock.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        elif kind == socket.SOCK_STREAM:  # else a port that was just closed would stay occupied
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        take_ipv4_too(sock)
        sock.setblocking(False)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def keep_alive(sock: socket.socket) -> None:
    """Let the system check every few seconds whether the other end of a connection is still there,
    because one that lost its network sends nothing. Connections inherit this from a listening
    socket. Where the times can't be set, the system's own apply."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)


def tell_refusals(sock: socket.socket) -> None:
    """Let the system report datagrams that reached no open port, with their addresses (Linux only).

    Tried out on Linux 6: without this, a UDP socket that isn't connected hears nothing of ICMP's
    "port unreachable". With it (`IP_RECVERR`, ip(7)) the datagram comes back in a queue of errors,
    with the address that it was sent to, and the next call on the socket fails once. Other systems
    don't tell the address: macOS reports a refusal to connected sockets only, and Windows fails the
    next `recvfrom` without one. There, clients expire instead.
    """
    if not _TELLS_REFUSALS:
        return
    for level, option in ((socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)):
        with contextlib.suppress(OSError):  # a socket for IPv6 may send by IPv4 too
            sock.setsockopt(level, option, 1)


def refused_addresses(sock: socket.socket) -> list[tuple[Any, ...]]:
    """The addresses whose ports have refused datagrams since the last call."""
    found: list[tuple[Any, ...]] = []
    if not _TELLS_REFUSALS:
        return found
    flags = socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT
    while len(found) < _MAX_REFUSALS:
        try:
            _, extra, _, address = sock.recvmsg(1, 256, flags)
        except OSError:
            break
        if any(_ERROR.unpack_from(data)[0] == errno.ECONNREFUSED for _, _, data in extra
               if len(data) >= _ERROR.size):  # fmt: skip
            found.append(address)
    return found


def overflowed(sock: socket.socket) -> int:
    """Datagrams that the system dropped because the socket's buffer was full; 0 except on Linux,
    because other systems don't tell."""
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
