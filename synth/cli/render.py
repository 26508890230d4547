"""`synth render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from synth.cli.terminal.progress import progress

if TYPE_CHECKING:
    from realtime.session.offline import Rendered


@click.command()
@click.argument("instruments", nargs=-1, type=click.Path())
@click.option("--midi", type=click.Path(), help="MIDI file to play.")
@click.option("--osc", type=click.Path(), help="Event log (JSON lines) to play.")
@click.option("--session", type=click.Path(), help="Recording, or its log, to replay.")
@click.option("--input", "audio", type=click.Path(), help="Audio file as the input of an effect.")
@click.option("-o", "--out", required=True, type=click.Path(), help="WAV or FLAC file to write.")
@click.option(
    "--map", "mapping", type=click.Path(), help="YAML file of bindings for MIDI controllers."
)
@click.option("--rate", default=48_000, show_default=True, help="Sample rate, Hz.")
@click.option("--voices", default=8, show_default=True, help="Notes that can sound at once.")
@click.option(
    "--tail", default=2.0, show_default=True, help="Seconds to render after the last event."
)
@click.option("--block", default=1024, show_default=True, help="Frames per block.")
@click.option("--channel", "channels", multiple=True, metavar="[NAME=]CHANNELS",
              help="MIDI channels that an instrument hears, such as 1 or bass=2-4; may be given"
              " for each.  [default: all but 10, drums]")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file --out if it is there.")
@click.option("--trust", is_flag=True, help="Open TorchScript files (they are programs).")
def render(
    instruments: tuple[str, ...],
    channels: tuple[str, ...],
    midi: str | None,
    osc: str | None,
    session: str | None,
    audio: str | None,
    out: str,
    mapping: str | None,
    rate: int,
    voices: int,
    tail: float,
    block: int,
    force: bool,
    trust: bool,
) -> None:
    """Render a score through INSTRUMENTS (by default the bundled one) into a file.

    It uses the live engine; the same input gives the same bytes, whatever the block size.
    --session replays a recording of `synth play` to the same samples, with the settings of the
    recording.

    \b
    synth render bassoon --midi song.mid -o song.wav
    synth render runs/mine/mine_fx.onnx --input voice.wav -o changed.wav
    synth render --session take.wav -o again.wav
    """
    from realtime.session.offline import render_files
    from realtime.session.replay import replay_files

    if session is not None:
        if midi or osc or audio or mapping:
            raise click.UsageError(
                "--session brings events and input of its own; leave out --midi, --osc, --input"
                " and --map"
            )
        with progress("rendered") as show:
            done = replay_files(
                session,
                out,
                instrument=instruments[0] if instruments else None,
                trust=trust,
                overwrite=force,
                on_progress=show,
            )
        _report(out, done)
        return
    with progress("rendered") as show:
        done = render_files(
            instruments,
            out,
            channels=channels,
            midi=midi,
            osc=osc,
            audio=audio,
            mapping=mapping,
            sample_rate=rate,
            voices=voices,
            tail_s=tail,
            block=block,
            trust=trust,
            overwrite=force,
            on_progress=show,
            say=lambda text: click.echo(text, err=True),
        )
    _report(out, done)


def _report(out: str, done: Rendered) -> None:
    click.echo(
        f"{out}  {done.seconds:.2f} s, peak {done.peak_db:.1f} dBFS,"
        f" {done.realtime_factor:.1f} times real time"
    )
