"""Decode a million fuzzed OSC packets and match 100,000 adversarial address patterns.

    python -m bench.osc_fuzz [--packets 1000000] [--patterns 100000]

A grammar that is mostly correct makes half of the packets; the other half are valid packets with
random damage. All of them go through the decoder and everything behind it except the engine. Any
exception that escapes ends the run. The script prints times (thread time, which other programs
don't affect), counters, and the memory before and after.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from jack_server import headline

from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.dispatch import Dispatcher
from realtime.osc.listeners import Clients
from realtime.osc.timekeeper import Timekeeper
from realtime.process.clock import SampleClock
from realtime.protocol.osc_pattern import AddressBook
from synth.contract import Control, ProtocolError
from tests.realtime.osc_hostile import PLAY, build, grammar, hostile, mutate, nested
from tests.realtime.osc_peer import bundle

CONTROLS = [Control("position"), Control("latent", 16, (-1.0,), (1.0,), (0.0,), role="latent")]
SANE = [
    PLAY,
    nested(3),
    bundle(PLAY, build("/codec/latent", [("f", 0.5)] * 16), bundle(PLAY, PLAY)),
    build("/a", [("s", "hello"), ("b", b"12345"), ("h", 1), ("d", 0.5), ("T", True)]),
]
PATTERN_LENGTH = 1_024


def fuzz(count: int) -> None:
    """Send packets through the dispatcher."""
    random_ = random.Random(1)
    dispatcher = _dispatcher()
    worst, before, begun = 0.0, 0, time.thread_time()
    for number in range(count):
        if number == count // 10:
            before = _memory_kb()
        packet = grammar(random_) if number % 2 else mutate(random_, random_.choice(SANE))
        client = ("127.0.0.1", number % 60_000)
        began = time.perf_counter()
        dispatcher.take(packet, client)
        dispatcher.send_streams()
        worst = max(worst, time.perf_counter() - began)
    spent = time.thread_time() - begun
    print(
        f"{count} fuzzed packets: {spent:.1f} s of the thread, their making included; the longest"
        f" took {1e3 * worst:.2f} ms by the clock"
    )
    print(f"memory: {before} kB after a tenth, {_memory_kb()} kB at the end (peaks)")
    print(f"counters: {dispatcher.counters}")
    if dispatcher.counters["dropped"]:
        sys.exit(f"an exception was caught at the last line of defence: {dispatcher.last_error}")


def patterns(count: int) -> None:
    """Match adversarial patterns of 1 kB against the addresses of a rack."""
    namespace = Namespace({name: CONTROLS for name in ("codec", "room", "hall", "tape")})
    book = AddressBook(_addresses(namespace))
    random_ = random.Random(2)
    made = [hostile(random_, PATTERN_LENGTH) for _ in range(min(count, 10_000))]
    worst, begun = 0.0, time.thread_time()
    found = refused = 0
    for number in range(count):
        began = time.perf_counter()
        try:
            found += len(book.match(made[number % len(made)]))
        except ProtocolError:
            refused += 1
        worst = max(worst, time.perf_counter() - began)
    spent = time.thread_time() - begun
    print(
        f"{count} patterns of {PATTERN_LENGTH} characters: {spent:.1f} s of the thread, the longest"
        f" took {1e3 * worst:.2f} ms by the clock; {refused} refused, {found} addresses found"
    )


def _dispatcher() -> Dispatcher:
    namespace = Namespace({"codec": CONTROLS, "room": CONTROLS})
    values, clock = Values(), SampleClock()
    values.set_namespace(namespace)
    clock.feed(0, time.monotonic(), 48_000)
    return Dispatcher(
        namespace,
        print,
        lambda events, source: None,
        lambda client, packet: None,
        Clients(),
        Timekeeper(clock),
        values=values,
    )


def _addresses(namespace: Namespace) -> Iterator[str]:
    for address, control in namespace.controls.items():
        yield address
        yield from (f"{address}/{i}" for i in range(control.size))


def _memory_kb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def main() -> None:
    """Print machine, date and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--patterns", type=int, default=100_000)
    arguments = parser.parse_args()
    print(headline())
    fuzz(arguments.packets)
    patterns(arguments.patterns)


if __name__ == "__main__":
    main()
