"""Decoder and server of OSC: a million wounded packets, then messages a second over loopback.

python -m bench.osc [--packets 1000000]
"""

from __future__ import annotations

import argparse
import datetime
import platform
import random
import socket
import time

from realtime.event import Event
from realtime.namespace import Namespace
from realtime.osc import decode_packet
from realtime.osc_server import OscServer, encode_message
from synth.contract import Control, ProtocolError
from tests.realtime.test_osc import PLAY, build, bundle, mutate, nested

SANE = [
    PLAY,
    nested(3),
    bundle(PLAY, build("/codec/latent", [("f", 0.5)] * 8), bundle(PLAY, PLAY)),
    build("/a", [("s", "hello"), ("b", b"12345"), ("h", 1), ("d", 0.5), ("T", True)]),
]


def wounded(count: int) -> None:
    """Decode `count` mutated packets; any exception but `ProtocolError` ends the bench."""
    random_ = random.Random(1)
    spent = worst = 0.0
    decoded = refused = 0
    for _ in range(count):
        packet = mutate(random_, random_.choice(SANE))
        began = time.perf_counter()
        try:
            decoded += len(decode_packet(packet))
        except ProtocolError:
            refused += 1
        took = time.perf_counter() - began
        spent += took
        worst = max(worst, took)
    print(
        f"{count} wounded packets: {spent:.1f} s, {1e6 * spent / count:.1f} µs each, worst"
        f" {1e3 * worst:.2f} ms; {refused} refused, {decoded} messages decoded"
    )


def over_loopback(seconds: float = 5.0) -> None:
    """Send as fast as the server takes it, in bursts that end with /sync."""
    taken: list[Event] = []
    namespace = Namespace({"codec": [Control("position")]})
    message = encode_message("/codec/position", [0.5])
    with (
        OscServer(namespace, taken.append, port=0) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(5.0)
        client.connect(("127.0.0.1", server.port))
        sent, began, cpu = 0, time.perf_counter(), time.process_time()
        while (elapsed := time.perf_counter() - began) < seconds:
            for _ in range(100):
                client.send(message)
            client.send(encode_message("/sync", [1]))
            client.recv(4096)
            sent += 100
        cpu = time.process_time() - cpu
        print(
            f"loopback: {sent / elapsed:.0f} messages/s in and acted on, {len(taken)} of {sent}"
            f" arrived, {1e6 * cpu / sent:.0f} µs of CPU each, sender included"
        )


def main() -> None:
    """Print machine, date and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(
        f"{datetime.date.today()} {platform.processor() or platform.machine()}, {platform.node()}"
    )
    print(f"Python {platform.python_version()}: python -m bench.osc --packets {arguments.packets}")
    wounded(arguments.packets)
    over_loopback()


if __name__ == "__main__":
    main()
