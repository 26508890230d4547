"""Walk through the bundled timbre space: from instrument to instrument, then by descriptor.

    synth play timbre                       # in another terminal
    python walk.py
    python walk.py --port 9001              # for `synth play timbre --osc-port 9001`
    python walk.py --log walk.jsonl         # the same walk as an event log for `synth render`

The script asks where the instruments lie on the map, holds a chord, and glides over the map along a
short way through all of them. Then it stands at the last one and asks for brighter, wider and
noisier sounds. Another instrument that has a map plays with --name. Needs python-osc, which synth
installs.
"""

import argparse
import json
import math
import socket
import time

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

HOST, PORT, NAME = "127.0.0.1", 9000, "timbre_space"
CHORD = (48, 55, 64)
GLIDE_S, STAY_S = 1.2, 0.6  # from one instrument to the next, and there
TARGETS = ("brightness", "bandwidth", "noisiness")
TARGET_S = 1.5  # there, and back again


class Synth:
    """Sends messages to synth and hears its answers; a context manager."""

    def __init__(self, port):
        self.address = (HOST, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, address, *args):
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self.socket.sendto(builder.build().dgram, self.address)

    def ask(self, address, *args):
        self.send(address, *args)
        answer = OscMessage(self.socket.recv(65536))
        if answer.address == "/fail":
            raise SystemExit(f"synth answers: {answer.params[1]}")
        return answer.params


def read_map(synth, name):
    """The names and positions of all sounds; a long map comes in several answers."""
    places, count = [], 1
    while len(places) < count:
        count, *rest = synth.ask(f"/{name}/map", len(places))
        places += [(rest[i], tuple(rest[i + 1 : i + 4])) for i in range(0, len(rest), 4)]
    return places


def one_of_each(places):
    """For each name, the sound that is nearest to the middle of all that have it."""
    found = {}
    for sound, position in places:
        found.setdefault(sound, []).append(position)
    middles = []
    for sound, positions in sorted(found.items()):
        mean = [sum(axis) / len(positions) for axis in zip(*positions, strict=True)]
        middles.append((sound, min(positions, key=lambda position: math.dist(position, mean))))
    return middles


def short_way(places):
    """The sounds in an order in which each is followed by the nearest that is left."""
    way, left = [places[0]], list(places[1:])
    while left:
        nearest = min(left, key=lambda place: math.dist(place[1], way[-1][1]))
        left.remove(nearest)
        way.append(nearest)
    return way


def walk(name, places):
    """The messages of the walk: (seconds, address, arguments), and the name of what is reached."""
    yield 0.0, f"/{name}/place", [1.0], "the map"
    at = 0.0
    for number, (sound, position) in enumerate(short_way(one_of_each(places))):
        for axis, value in enumerate(position):
            if number == 0:
                yield at, f"/{name}/latent/{axis}", [value], sound
            else:
                yield at, f"/glide/{name}/latent/{axis}", [GLIDE_S, value], sound
        if number == 0:
            for key in CHORD:
                yield at, "/note/on", [key, 96], sound
        at += STAY_S + (GLIDE_S if number else 0)
    for target in TARGETS:
        for value in (1.0, 0.0):
            yield at, f"/glide/{name}/{target}", [TARGET_S, value], f"{target} {value:g}"
            at += TARGET_S
    for key in CHORD:
        yield at, "/note/off", [key], "the end"


def write(name, places, path):
    with open(path, "w", encoding="utf-8") as file:
        for seconds, address, args, _ in walk(name, places):
            told = {"time": round(seconds, 3), "address": address, "args": args}
            file.write(json.dumps(told) + "\n")


def play(synth, name, places):
    begun, last = time.monotonic(), ""
    for seconds, address, args, reached in walk(name, places):
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        if reached != last:
            print(f"{seconds:5.1f} s  {reached}")
            last = reached
        synth.send(address, *args)


def main():
    parser = argparse.ArgumentParser(description="Walk through a timbre space.")
    parser.add_argument("--port", type=int, default=PORT, help="where synth receives OSC")
    parser.add_argument("--name", default=NAME, help="of the instrument, as in its addresses")
    parser.add_argument("--log", help="write the walk into this file, don't play it")
    given = parser.parse_args()
    with Synth(given.port) as synth:
        try:
            places = read_map(synth, given.name)
        except OSError as error:
            raise SystemExit(f"synth doesn't answer at port {given.port} ({error})") from None
        if given.log:
            write(given.name, places, given.log)
        else:
            play(synth, given.name, places)


if __name__ == "__main__":
    main()
