"""`synth match`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from synth.cli.terminal.output import print_answer

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("targets", nargs=-1, required=True, type=PATH)
@click.option("--voice", default="modular", show_default=True, help="modular, fm or drum.")
@click.option("--model", type=PATH,
              help="That proposes patches: an ONNX file, model.pt or the folder of a run."
              "  [default: the bundled one]")  # fmt: skip
@click.option("--budget", default=20.0, show_default=True,
              help="Seconds for each target; 0 gives the first patch at once.")  # fmt: skip
@click.option("--keep", default=3, show_default=True, help="Patches of each target.")
@click.option(
    "--loss", default="", help="Refine under mel, stft, transport or mel+transport.  [default: mel]"
)
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn by lot.")
@click.option("-o", "--out", type=PATH, default="match", show_default=True,
              help="Folder of patches, sounds and the page.")  # fmt: skip
def match(
    targets: tuple[Path, ...],
    voice: str,
    model: Path | None,
    budget: float,
    keep: int,
    loss: str,
    seed: int,
    out: Path,
) -> int:
    """Find the patch of a voice that sounds like a recording.

    TARGETS are audio files, or folders of them. Ctrl-C keeps the best patch so far.

    \b
    synth match snare.wav --voice drum -o snare
    synth match samples/ --budget 10 --keep 1
    """
    from training.match.matching import match as find

    with _progress() as show:
        done = find(
            targets, out=out, voice=voice, model=model, budget=budget, keep=keep, seed=seed,
            loss=loss, say=lambda text: click.echo(text, err=True), show=show,
        )  # fmt: skip
    for result in done.outcomes:
        distance = result.matches[0].distances["multi_scale_spectral"]
        print_answer(f"{result.target.name}: {distance:.2f} dB in {result.seconds:.1f} s")
    print_answer("\n".join(str(file) for file in done.files))
    return 130 if done.stopped else 0


@contextmanager
def _progress() -> Iterator[Callable[[str, float, float, float], None]]:
    """Shows how much of a target's budget is over, and the distance so far."""
    from synth.cli.terminal.progress import progress

    with progress("matching") as bar:

        def show(name: str, seconds: float, budget: float, distance: float) -> None:
            bar(round(1000 * seconds), max(1, round(1000 * budget)), f"{name} {distance:.2f} dB")

        yield show
