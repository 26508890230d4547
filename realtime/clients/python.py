"""A Python script that plays an instrument over OSC."""

from __future__ import annotations

import textwrap

from realtime.clients.surface import Fader, Surface, number

_SCRIPT = '''\
"""Play `{name}` over OSC: three notes while a control moves, then a chord by timed bundles.

    synth play                              # in another terminal
    python play.py
    python play.py --port 9001              # for `synth play --osc-port 9001`
    python play.py --set {mover} {far}

Made by `synth clients`; needs python-osc, which synth installs.
"""

import argparse
import socket
import time

from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

HOST, PORT = "{host}", {port}
KEYS = (60, 64, 67)
STEPS_PER_NOTE = 10
STEP_S = 0.03
AHEAD_S = 0.1  # how early the chord is sent

# Every control: address, lowest value, highest value, default.
CONTROLS = (
{controls}
)


class Synth:
    """A running `synth play`, seen from here."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, port))
        self.socket.settimeout(2.0)

    def send(self, address: str, *values: float) -> None:
        """One message, to be played at once."""
        self.socket.send(message(address, *values).dgram)

    def send_at(self, when: float, *messages: tuple) -> None:
        """A bundle: all its messages take effect at one sample, at the time `when` (Unix time)."""
        bundle = OscBundleBuilder(when)
        for address, *values in messages:
            bundle.add_content(message(address, *values))
        self.socket.send(bundle.build().dgram)

    def receive(self, address: str) -> list:
        """Wait for an answer; refusals (/fail) that come before it are printed."""
        while True:
            answer = OscMessage(self.socket.recv(65536))
            if answer.address == address:
                return list(answer.params)
            if answer.address == "/fail":
                print("refused:", *answer.params)


def message(address: str, *values: float) -> OscMessage:
    """An OSC message; whole numbers go as int32, others as float32."""
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def play(synth: Synth) -> None:
    """Three notes while `{mover}` moves, then a chord, a note every tenth of a second."""
    low, high = {low}, {high}
    for number, key in enumerate(KEYS):
        synth.send("/note/on", key, 90)
        for step in range(STEPS_PER_NOTE):
            share = (number * STEPS_PER_NOTE + step) / (len(KEYS) * STEPS_PER_NOTE)
            synth.send("{mover}", low + (high - low) * share)
            time.sleep(STEP_S)
        synth.send("/note/off", key)
    synth.send("{mover}", low)
    begin = time.time() + AHEAD_S
    for number, key in enumerate(KEYS):
        synth.send_at(begin + 0.1 * number, ("/note/on", key, 70))
    time.sleep(1.0)
    synth.send("/all_notes_off")


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(description="Play {name} on a running `synth play`.")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--set", nargs=2, metavar=("ADDRESS", "VALUE"), help="set one control")
    parser.add_argument("--list", action="store_true", help="print the controls")
    given = parser.parse_args()
    if given.list:
        for address, low, high, default in CONTROLS:
            print(f"{{address}}  {{low}} … {{high}}, default {{default}}")
        return
    synth = Synth(given.host, given.port)
    if given.set:
        synth.send(given.set[0], float(given.set[1]))
    else:
        play(synth)
    synth.send("/sync", 1)  # answered when all before it has been taken
    synth.receive("/synced")


if __name__ == "__main__":
    main()
'''


def python_script(surface: Surface) -> str:
    """The script of a surface."""
    mover = surface.mover
    low, high = mover.sweep
    controls = "\n".join(line for fader in surface.faders for line in _entry(fader))
    return _SCRIPT.format(
        name=surface.name, host=surface.host, port=surface.port, controls=controls,
        mover=mover.address, low=float(low), high=float(high), far=number(high),
    )  # fmt: skip


def _entry(fader: Fader) -> list[str]:
    """What a control does, and its row in the table."""
    text = textwrap.wrap(fader.text, 90, initial_indent="    # ", subsequent_indent="    # ")
    limits = f"{number(fader.minimum)}, {number(fader.maximum)}, {number(fader.default)}"
    return [*text, f'    ("{fader.address}", {limits}),']
