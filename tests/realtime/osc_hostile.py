"""Packets for tests and benchmarks of OSC: valid, wounded, and made to be hard."""

from __future__ import annotations

import random
import struct
import time

from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.dispatch import Dispatcher
from realtime.osc.listeners import Clients
from realtime.osc.timekeeper import Timekeeper
from realtime.process.clock import SampleClock
from realtime.protocol.osc_decode import MAX_PACKET
from synth.contract import Control
from tests.realtime.osc_peer import bundle, in_seconds

CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"))
RATE = 48_000

PLAY = b"/note/on\0\0\0\0,if\0" + struct.pack(">if", 60, 100.0)


def build(address: str, values: list[tuple[str, object]]) -> bytes:
    """A message as python-osc writes it."""
    builder = OscMessageBuilder(address)
    for tag, value in values:
        builder.add_arg(value, tag)  # type: ignore[arg-type]
    return bytes(builder.build().dgram)


def nested(depth: int) -> bytes:
    """A message inside `depth` bundles."""
    packet = PLAY
    for _ in range(depth):
        packet = bundle(packet)
    return packet


def mutate(random_: random.Random, packet: bytes) -> bytes:
    """A packet with one to four wounds: bytes changed, cut, doubled, sizes overwritten."""
    data = bytearray(packet)
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] = random_.randrange(256)
        elif kind == 1:
            del data[at : at + random_.choice((1, 4, 8))]
        elif kind == 2:
            data[at:at] = data[at : at + random_.choice((4, 8, 16))]
        elif kind == 3:
            place = at // 4 * 4
            data[place : place + 4] = struct.pack(
                ">i", random_.choice((-4, -1, 0, 1, 4, 8, 2**31 - 1, -(2**31)))
            )
        else:
            data[at:at] = random_.choice((b"\0\0\0\0", b"#bundle\0", b"/a\0\0", b",ff\0", b"\xff"))
    return bytes(data[: 2 * MAX_PACKET])


def hostile(random_: random.Random, length: int = 1_024) -> str:
    """A pattern that keeps careless matchers busy."""
    kind = random_.randrange(8)
    if kind == 0:
        unit = random_.choice(("*a", "*?", "*", "a*", "[a-z]*", "{a,b}", "{,a}", "[", "{", "//"))
        return ("/" + unit * length)[:length]
    if kind == 1:
        return "/" + "*a" * 31 + "b" * (length - 63)
    if kind == 2:
        return "/{" + ",".join("position"[: random_.randrange(9)] for _ in range(128)) + "}"
    if kind == 3:
        return "/[" + "".join(chr(random_.randrange(33, 91)) for _ in range(length - 3)) + "]"
    if kind == 4:
        return "/codec/" + "*[!z]" * 12 + "{,a,b}" * 10 + "x" * (length - 130)
    if kind == 5:
        return "//*" * 16 + "/" + "?" * 10
    if kind == 6:
        texts = ",".join("latent" for _ in range(120))
        return "/codec/{" + texts + "}*" + "/*" * random_.randrange(2)
    signs = "*?[]{},/ab!-"
    return "/" + "".join(random_.choice(signs) for _ in range(length - 1))


_ADDRESSES = (
    "/note/on", "/note/off", "/codec/position", "/codec/latent", "/codec/latent/1", "/*/position",
    "//*", "/gain", "/sync", "/status", "/status/floats", "/status/names", "/version", "/notify",
    "/subscribe", "/unsubscribe", "/replyport", "/clearSched", "/fail", "/x", "/codec/[a-",
)  # fmt: skip


def grammar(random_: random.Random, depth: int = 0) -> bytes:
    """A packet that is right in most places."""
    if depth < 5 and random_.random() < 0.3:
        tag = random_.choice((0, 1, 2**63, 2**64 - 1, in_seconds(random_.uniform(-1, 20))))
        inner = (grammar(random_, depth + 1) for _ in range(random_.randrange(4)))
        return bundle(*inner, timetag=tag)
    address = random_.choice(_ADDRESSES)
    if random_.random() < 0.05:
        address = hostile(random_, 200).replace(" ", "")
    tags, body = ",", b""
    for _ in range(random_.randrange(5)):
        tag, data = random_.choice(
            (
                ("i", struct.pack(">i", random_.randrange(-200, 200))),
                ("f", struct.pack(">f", random_.choice((0.5, -1e30, float("nan"), 60.0)))),
                ("d", struct.pack(">d", 1e300)),
                ("s", b"/gain\0\0\0"),
                ("b", struct.pack(">i", 3) + b"abc\0"),
                ("T", b""), ("N", b""), ("I", b""), ("[", b""), ("]", b""),
                ("c", b"\0\0\0a"), ("r", b"\xff" * 4), ("m", b"\0\x90\x3c\x64"), ("Q", b""),
            )
        )  # fmt: skip
        tags, body = tags + tag, body + data
    return pad(address) + pad(tags) + body


def pad(text: str) -> bytes:
    return text.encode("ascii") + bytes(4 - len(text) % 4)


def fuzzed_dispatcher(answers: list[bytes]) -> Dispatcher:
    """A dispatcher of a rack, that gives its answers there."""
    namespace = Namespace({"codec": CONTROLS, "room": CONTROLS})
    values = Values()
    values.set_namespace(namespace)
    clock = SampleClock()
    clock.feed(0, time.monotonic(), RATE)
    return Dispatcher(
        namespace, print, lambda events, source: None, lambda client, sent: answers.append(sent),
        Clients(), Timekeeper(clock), values=values,
    )  # fmt: skip
