"""`synth generate`."""

from __future__ import annotations

from typing import Any

import click

from export.flags import generating_families
from synth.cli.terminal.progress import progress


def _temperatures(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[float, ...]:
    try:
        return tuple(float(part) for given in value for part in given.split(","))
    except ValueError:
        raise click.BadParameter("numbers with commas between them are needed") from None


@click.command(epilog=f"Families that can: {', '.join(generating_families())}.")
@click.argument("model", type=click.Path())
@click.option("-o", "--out", default="generated.wav", show_default=True, type=click.Path(),
              help="WAV or FLAC file, or a folder.")  # fmt: skip
@click.option("--length", type=float,
              help="Seconds of each sound.  [default: that of --features, or 10]")  # fmt: skip
@click.option("--num", type=int, help="How many sounds.  [default: one for each temperature]")
@click.option("--temperature", multiple=True, default=("1",), callback=_temperatures,
              help="One, or one for each sound (0.7,0.9); 0: the most likely sample.")  # fmt: skip
@click.option("--top-k", default=0, help="Only so many of the most likely values; 0 is all.")
@click.option("--top-p", default=1.0, help="Only the most likely values that together reach this.")
@click.option("--prime", type=click.Path(), help="Recording to go on from.")
@click.option("--prime-offset", default=0.0, show_default=True, help="Where in it, seconds.")
@click.option("--seed", default=0, show_default=True, help="The same one gives the same sounds.")
@click.option("--random-state", is_flag=True, help="Start each sound from a random state.")
@click.option("--features", type=click.Path(),
              help="Recording whose pitch, loudness … steer a model that takes them.")  # fmt: skip
@click.option("--label", help="Class of sound, for a model that knows some.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def generate(model: str, out: str, **settings: Any) -> None:
    """Write audio that MODEL (a model.pt or a checkpoint) makes by itself.

    \b
    synth generate runs/mine/model.pt --num 4 --temperature 0.9 -o takes
    """
    from export.generate_audio import generate_audio

    with progress("samples") as show:
        written = generate_audio(
            model,
            out,
            settings,
            on_samples=show,
            on_notice=lambda text: click.echo(text, err=True),
        )
    for file in written:
        click.echo(file)
