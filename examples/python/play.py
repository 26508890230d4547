"""Play `default` over OSC: three notes while a control moves, then a chord by timed bundles.

    synth play                              # in another terminal
    python play.py
    python play.py --port 9001              # for `synth play --osc-port 9001`
    python play.py --set /default/position 0.3

Made by `synth clients`; needs python-osc, which synth installs.
"""

import argparse
import socket
import time

from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

HOST, PORT = "127.0.0.1", 9000
KEYS = (60, 64, 67)
STEPS_PER_NOTE = 10
STEP_S = 0.03
AHEAD_S = 0.1  # how early the chord is sent

# Every control: address, lowest value, highest value, default.
CONTROLS = (
    # which sound of the bank; a note keeps its own
    ("/default/sound", 0, 7, 0),
    # where in the sound the trajectory starts; moves what plays
    ("/default/position", 0, 1, 0),
    # frames of the sound per frame played: 1 as recorded, 0 frozen, negative backwards
    ("/default/speed", -4, 4, 1),
    # 0 plays through, 1 loops sustained sounds while held, 2 loops all
    ("/default/loop", 0, 2, 1),
    # rise of a note
    ("/default/attack", 0.001, 4, 0.003),
    # fall of a released note by 60 dB
    ("/default/release", 0.01, 8, 0.4),
    # element 0 of latent
    ("/default/latent/0", -9.22424984, 10.7973919, 0),
    # element 1 of latent
    ("/default/latent/1", -10.2841692, 9.06108379, 0),
    # element 2 of latent
    ("/default/latent/2", -11.815937, 6.73949862, 0),
    # element 3 of latent
    ("/default/latent/3", -7.1947999, 7.21983051, 0),
    # element 4 of latent
    ("/default/latent/4", -5.30969381, 5.40229654, 0),
    # element 5 of latent
    ("/default/latent/5", -5.08238602, 5.25233173, 0),
    # element 6 of latent
    ("/default/latent/6", -4.17908049, 4.17470551, 0),
    # element 7 of latent
    ("/default/latent/7", -3.76585507, 3.63846064, 0),
    # level of everything
    ("/gain", -80, 12, 0),
    # pedal: 1 holds notes
    ("/sustain", 0, 1, 0),
    # pedal: 1 holds the notes that are down
    ("/sostenuto", 0, 1, 0),
    # pedal: 1 starts notes more softly
    ("/soft", 0, 1, 0),
    # bends all notes
    ("/pitch_bend", -96, 96, 0),
    # of all notes
    ("/pressure", 0, 1, 0),
    # of all notes
    ("/timbre", 0, 1, 0.5),
    # quarters a minute
    ("/tempo", 20, 500, 120),
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
    """Three notes while `/default/position` moves, then a chord, a note every tenth of a second."""
    low, high = 0.0, 0.3
    for number, key in enumerate(KEYS):
        synth.send("/note/on", key, 90)
        for step in range(STEPS_PER_NOTE):
            share = (number * STEPS_PER_NOTE + step) / (len(KEYS) * STEPS_PER_NOTE)
            synth.send("/default/position", low + (high - low) * share)
            time.sleep(STEP_S)
        synth.send("/note/off", key)
    synth.send("/default/position", low)
    begin = time.time() + AHEAD_S
    for number, key in enumerate(KEYS):
        synth.send_at(begin + 0.1 * number, ("/note/on", key, 70))
    time.sleep(1.0)
    synth.send("/all_notes_off")


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(description="Play default on a running `synth play`.")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--set", nargs=2, metavar=("ADDRESS", "VALUE"), help="set one control")
    parser.add_argument("--list", action="store_true", help="print the controls")
    given = parser.parse_args()
    if given.list:
        for address, low, high, default in CONTROLS:
            print(f"{address}  {low} … {high}, default {default}")
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
