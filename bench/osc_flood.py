"""Flood the default instrument with valid OSC messages, count losses and check the last value.

    python bench/osc_flood.py [--rate 10000] [--seconds 60] [--block 128] [--jack]

`synth play` (without a device, or with --jack on a dummy server) holds a chord while messages for
one control arrive, each in a packet of its own. At the end the control must have the last value.
The counters say what was lost on the way: by the system (`overflowed`), by the server, by the link
to the engine (values that newer ones replaced), and in the sound (`lost_frames`).
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from jack_server import headline, jack_server
from pythonosc.osc_message import OscMessage

from realtime.protocol.osc_encode import encode_message

PORT = 9373
STEPS = 1_000
BURST_S = 0.002


class Client:
    """Sends messages and asks queries."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(2.0)
        self.socket.connect(("127.0.0.1", PORT))

    def ask(self, address: str, *args: float | str) -> list[float | str]:
        """Send a message and return its answer; send again if one of them is lost."""
        while True:
            self.socket.send(encode_message(address, list(args)))
            try:
                return list(OscMessage(self.socket.recv(65_536)).params)
            except TimeoutError:
                print(f"no answer to {address} within 2 s")

    def status(self) -> dict[str, float]:
        """The numbers of `/status`, by name."""
        names, numbers = self.ask("/status/names"), self.ask("/status")
        return {str(n): float(v) for n, v in zip(names, numbers, strict=True)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--block", type=int, default=128)
    parser.add_argument("--jack", action="store_true")
    options = parser.parse_args()
    print(headline())
    with ExitStack() as stack:
        if options.jack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            stack.enter_context(jack_server(options.block, Path(folder) / "jack.log"))
        player = subprocess.Popen(command(options), stdout=subprocess.DEVNULL, env={**os.environ})
        try:
            run(options)
        finally:
            player.terminate()
            player.wait()


def command(options: argparse.Namespace) -> list[str]:
    """The command that starts `synth play`."""
    made = [sys.executable, "-c", "from synth.cli import main; main()", "play"]
    made += ["--osc-port", str(PORT), "--block", str(options.block)]
    return made if options.jack else [*made, "--driver", "null", "--rate", "48000"]


def run(options: argparse.Namespace) -> None:
    """Send the flood and compare the counters."""
    client = Client()
    wait_for(client)
    for key in (48, 55, 60, 64):
        client.socket.send(encode_message("/note/on", [key, 100]))
    time.sleep(2.0)
    before = client.status()
    sent, took = flood(client.socket, options.rate, options.seconds)
    client.ask("/sync", 1)
    time.sleep(1.0)
    after = client.status()
    # Between the two counts lie the query that the first is read from, /sync and two queries.
    arrived = round(after["received"] - before["received"]) - 3
    print(f"{sent} messages in {took:.1f} s ({sent / took:.0f} a second), {arrived} arrived")
    names = ("overflowed", "rejected", "dropped", "lost_frames", "late_blocks", "restarts")
    print(", ".join(f"{name} {after[name] - before[name]:.0f}" for name in names))
    client.ask("/subscribe", "/default/position", 1.0)
    (value,) = OscMessage(client.socket.recv(65_536)).params
    print(f"last value sent {(sent - 1) % STEPS / STEPS:.3f}, last value there {float(value):.3f}")


def flood(sock: socket.socket, rate: int, seconds: float) -> tuple[int, float]:
    """Send at an even rate; returns the number sent and the seconds it took."""
    packets = [encode_message("/default/position", [i / STEPS]) for i in range(STEPS)]
    begun = time.perf_counter()
    sent = 0
    while (passed := time.perf_counter() - begun) < seconds:
        for _ in range(int(passed * rate) - sent):
            sock.send(packets[sent % STEPS])
            sent += 1
        time.sleep(BURST_S)
    return sent, time.perf_counter() - begun


def wait_for(client: Client) -> None:
    """Return once it plays."""
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        try:
            if client.status().get("playing"):
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.2)
    sys.exit("synth play doesn't play")


if __name__ == "__main__":
    main()
