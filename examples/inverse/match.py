"""Hear, match, play: the instrument becomes a sound that you give, and plays a phrase with it.

    synth play modular                      # in another terminal
    python match.py target.wav
    python match.py target.wav --undo       # and back to the patch before, at the end

    synth play modular --input 0            # with an input
    python match.py --live 3                # what was to be heard in the last three seconds

The script asks for a match, shows how far it is, and says how near the patch came and at which key
it sounds like the target. The phrase begins on that key. Needs python-osc, which synth installs.
"""

import argparse
import pathlib
import socket
import time

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

HOST, PORT = "127.0.0.1", 9000
GLIDE_S = 1.0
PATIENCE_S = 60.0
PHRASE = (0, 7, 4, 12, 7, 16, 12, 0)  # semitones above the target's key
NOTE_S, GAP_S = 0.35, 0.05
MIDDLE_C = 60


class Synth:
    """Sends messages to synth and hears what it tells; a context manager."""

    def __init__(self, port):
        self.address = (HOST, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)

    def __enter__(self):
        self.send("/notify", 1)
        return self

    def __exit__(self, *_):
        self.send("/notify", 0)
        self.socket.close()

    def send(self, address, *args):
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self.socket.sendto(builder.build().dgram, self.address)

    def until(self, *addresses):
        """The next message of one of these addresses; progress is shown meanwhile."""
        while True:
            heard = OscMessage(self.socket.recv(65536))
            if heard.address == "/fail" and str(heard.params[0]).startswith("/match"):
                raise SystemExit(f"synth answers: {heard.params[1]}")
            if heard.address == "/match/progress":
                print(f"{heard.params[0]:5.0%}  {heard.params[1]}")
            if heard.address in addresses:
                return heard


def match(synth, target, seconds):
    """Ask for a match; the key at which the patch sounds like the target."""
    if target:
        synth.send("/match/file", str(pathlib.Path(target).resolve()), GLIDE_S)
    else:
        synth.send("/match", float(seconds), GLIDE_S)
    heard = synth.until("/match/found", "/match/cancelled")
    if heard.address == "/match/cancelled":
        raise SystemExit(f"cancelled: {heard.params[0]}")
    instrument, distance, key, used, notes = heard.params
    where = f", like the target at key {key:.1f}" if key >= 0 else ", without a pitch"
    print(f"{instrument}: {distance:.1f} dB away{where}; {used:.2f} s were used. {notes}".rstrip())
    time.sleep(GLIDE_S)
    return round(key) if key >= 0 else MIDDLE_C


def play(synth, lowest):
    for step in PHRASE:
        key = min(127, lowest + step)
        synth.send("/note/on", key, 100)
        time.sleep(NOTE_S)
        synth.send("/note/off", key)
        time.sleep(GAP_S)


def main():
    parser = argparse.ArgumentParser(description="Match a sound and play it.")
    parser.add_argument("target", nargs="?", help="audio file; without, the input is matched")
    parser.add_argument("--live", type=float, default=4.0, help="seconds of input")
    parser.add_argument("--undo", action="store_true", help="go back to the patch before, at last")
    parser.add_argument("--port", type=int, default=PORT, help="where synth receives OSC")
    given = parser.parse_args()
    try:
        with Synth(given.port) as synth:
            play(synth, match(synth, given.target, given.live))
            if given.undo:
                synth.send("/match/undo", GLIDE_S)
    except OSError as error:
        raise SystemExit(f"synth doesn't answer at port {given.port} ({error})") from None


if __name__ == "__main__":
    main()
