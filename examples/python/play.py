"""Play three notes over OSC while a control moves, then hold a chord.

    synth play                              # in another terminal
    python examples/python/play.py
    python examples/python/play.py --instrument mine --port 9001

The second form is for an instrument called "mine" and `synth play --osc-port 9001`.
"""

import argparse
import time

from pythonosc.udp_client import SimpleUDPClient

STEPS_PER_NOTE = 10
STEP_S = 0.03


def main() -> None:
    """Parse the command line and play."""
    parser = argparse.ArgumentParser(description="Play a phrase on a running `synth play`.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--instrument", default="default", help="name that `synth info` shows")
    given = parser.parse_args()
    play(SimpleUDPClient(given.host, given.port), given.instrument)


def play(synth: SimpleUDPClient, instrument: str) -> None:
    """Send the phrase; takes about two seconds."""
    for number, key in enumerate((60, 64, 67)):
        synth.send_message("/note/on", [key, 90])
        for step in range(STEPS_PER_NOTE):
            position = (number * STEPS_PER_NOTE + step) / (3 * STEPS_PER_NOTE)
            synth.send_message(f"/{instrument}/position", 0.3 * position)
            time.sleep(STEP_S)
        synth.send_message("/note/off", key)
    synth.send_message(f"/{instrument}/position", 0.0)
    for key in (60, 64, 67):
        synth.send_message("/note/on", [key, 70])
    time.sleep(1.0)
    synth.send_message("/all_notes_off", [])


if __name__ == "__main__":
    main()
