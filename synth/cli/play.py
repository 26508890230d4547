"""`synth play`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click

from synth.cli.terminal.output import never_wait


@click.command()
@click.argument("instruments", nargs=-1, type=click.Path())
@click.option("--device", default="", help="Output device: its number or part of its name.")
@click.option("--input", "input_", default="", help="Input device, for effects and for /match.")
@click.option("--midi", is_flag=False, flag_value="", default=None, metavar="[PORT]",
              help="Receive MIDI from PORT, or from the first port.")  # fmt: skip
@click.option("--midi-out", is_flag=False, flag_value="", default=None, metavar="[PORT]",
              help="Send control values to PORT, or to the first port.")  # fmt: skip
@click.option("--midi-delay", type=float, default=None, metavar="MS",
              help="Constant delay of MIDI.  [default: one block and 1 ms]")  # fmt: skip
@click.option("--mpe", is_flag=True, help="Start with an MPE zone: one channel per note.")
@click.option(
    "--osc-host", default="127.0.0.1", show_default=True, help="Address to receive OSC on."
)
@click.option("--osc-port", default=9000, show_default=True, help="Port for OSC; 0 picks one.")
@click.option("--osc-reply-port", default=0, metavar="PORT",
              help="Send OSC answers to PORT.  [default: the sender's]")  # fmt: skip
@click.option("--timetags", default="trust", show_default=True, metavar="POLICY",
              help="How to use time tags: trust, clamp (to 1 s) or immediate.")  # fmt: skip
@click.option("--no-osc", is_flag=True, help="Don't receive OSC.")
@click.option("--oscquery-port", type=click.IntRange(0, 65535), default=None,
              help="Port for OSCQuery and the web page; 0 picks one."
              "  [default: the one after OSC's]")  # fmt: skip
@click.option("--no-oscquery", is_flag=True, help="Don't serve OSCQuery.")
@click.option("--block", default=0, help="Frames per block.  [default: the device's]")
@click.option("--lookahead", default=None, type=int,
              help="Blocks rendered ahead; more are safer but add latency."
              "  [default: about 10 ms]")  # fmt: skip
@click.option("--voices", default=8, show_default=True, help="Notes that can sound at once.")
@click.option("--rate", default=0, help="Sample rate, Hz.  [default: the device's]")
@click.option("--map", "mapping", type=click.Path(),
              help="YAML file of bindings, or the name of a saved map.")  # fmt: skip
@click.option("--record", type=click.Path(), help="Record from the start to a WAV or FLAC file.")
@click.option("--recordings", default="", type=click.Path(), help="Folder for /record/start.")
@click.option("--snapshots", default="", type=click.Path(), help="Folder for /snapshot/store.")
@click.option("--driver", type=click.Choice(["device", "null"]), default="device",
              show_default=True, help="null runs in real time without a device.")  # fmt: skip
@click.option("--demo", is_flag=True, help="Play a phrase at the start.")
@click.option("--seconds", type=float, default=None, help="Stop after this time.")
@click.option("--demo-out", default="synth-demo.wav", show_default=True, type=click.Path(),
              help="File for the demo if there is no device.")  # fmt: skip
@click.option("--channel", "channels", multiple=True, metavar="[NAME=]CHANNELS",
              help="MIDI channels that an instrument hears, such as 1 or bass=2-4; may be given"
              " for each.  [default: all but 10, drums]")  # fmt: skip
@click.option("--matcher", default="", type=click.Path(), metavar="FILE",
              help="Matching model for /match.  [default: the bundled one]")  # fmt: skip
@click.option("--trust", is_flag=True, help="Open TorchScript files (they are programs).")
def play(**options: Any) -> int:
    """Play INSTRUMENTS (in series) from MIDI and OSC.

    An instrument is a file or the name of a bundled one: default, bassoon, modular,
    morph or timbre. Without INSTRUMENTS, default plays.

    \b
    synth play --demo
    synth play runs/mine/mine.onnx --midi
    synth play runs/mine/mine_fx.onnx --input 0
    synth play modular --input 0 --midi
    """
    from realtime.session.session import NoOutputError, Session, demo_instead
    from realtime.session.view import run_view
    from synth.contract import require_within

    seconds, out = options.pop("seconds"), Path(options.pop("demo_out"))
    demo = options.pop("demo")
    if seconds is not None:
        require_within("--seconds", seconds, 0, 1e9)
    settings = _settings(**options)
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.take)
    try:
        with Session(settings) as session:
            if session.osc is not None and session.osc.warning:
                click.echo(session.osc.warning, err=True)
            for notice in session.notices:
                click.echo(notice, err=True)
            if demo:
                session.demo()
            never_wait()
            stop.patient = True
            run_view(session, seconds, stop.wished)
            stop.patient = False
    except NoOutputError as error:
        click.echo(demo_instead(settings, error, out))
    return stop.code


def _settings(
    *,
    instruments: tuple[str, ...],
    device: str,
    input_: str,
    block: int,
    lookahead: int | None,
    rate: int,
    driver: str,
    no_osc: bool,
    osc_port: int,
    no_oscquery: bool,
    midi: str | None,
    midi_out: str | None,
    midi_delay: float | None,
    mpe: bool,
    **rest: Any,
) -> Any:
    from realtime.device.driver import DEFAULT_LOOKAHEAD, DriverSettings
    from realtime.midi.session import MidiSettings
    from realtime.session.session import SessionSettings

    return SessionSettings(
        instruments=instruments,
        driver=DriverSettings(
            kind=driver,
            device=device,
            input=input_,
            sample_rate=rate,
            block=block,
            lookahead=DEFAULT_LOOKAHEAD if lookahead is None else lookahead,
        ),
        osc_port=None if no_osc else osc_port,
        oscquery=not no_oscquery,
        midi=MidiSettings(midi, midi_out, midi_delay, mpe),
        **rest,
    )


class _Stop:
    """The signals that end the command.

    A signal handler may run between any two steps of the main thread. If it raised while that
    thread takes a lock, the lock could stay taken and the end would wait for it for ever, or the
    exception could be lost in a callback. While the session plays, a signal is therefore only
    noted; the second one leaves at once, as does any during the start.

    Attributes:
        code: exit code of the signal that was noted, 0 without one.
        patient: whether the next signal is noted.
    """

    def __init__(self) -> None:
        self.code = 0
        self.patient = False

    def take(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.code or not self.patient:
            # Leaves through the session's exit, which fades the sound out.
            sys.exit(128 + number)
        self.code = 128 + number

    def wished(self) -> bool:
        """Whether a signal was noted."""
        return self.code != 0
