"""`synth timbre SUBCOMMAND MODEL …`: a trained timbre space, heard and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from synth.cli.terminal.output import print_answer

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
DESCRIPTORS = ("loudness", "centroid", "bandwidth", "flatness", "rolloff")
TARGETS, CURVES = ("up", "down"), ("linear", "exponential", "logarithmic")


def _dashes(token: str) -> str:
    return token.replace("_", "-")


@click.group(context_settings={"token_normalize_func": _dashes})
def timbre() -> None:
    """Hear and draw a timbre space that `synth train timbre` made.

    MODEL is its model.pt or the folder of its run; NOTES are audio files or folders of them.

    \b
    synth timbre notes runs/space notes/Oboe_69_80.wav
    synth timbre paths runs/space --from Oboe --to Piano
    synth timbre walk runs/space --descriptor centroid --target up
    """


class _ListCommand(click.Command):
    """Takes several values after an option that may be repeated: `--labels 0 4 6`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        lists = {
            name: option
            for option in self.params
            if isinstance(option, click.Option) and option.multiple
            for name in option.opts
        }
        given: list[str] = []
        last = ""
        for word in args:
            if word.startswith("-") and not word.lstrip("-").isdecimal():
                last = _dashes(word) if _dashes(word) in lists else ""
            elif last and given[-1] != last and self._fits(lists[last], word):
                given.append(last)
            given.append(_dashes(word) if word.startswith("--") and "=" not in word else word)
        return super().parse_args(context, given)

    @staticmethod
    def _fits(option: click.Option, word: str) -> bool:
        """Whether a further word can be a value of an option."""
        if isinstance(option.type, click.Choice):
            return word in option.type.choices
        return word.isdecimal() or not isinstance(option.type, click.types.IntParamType)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _with(*options: Any) -> Callable[[Command], Command]:
    def wrap(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return wrap


def _common(out: str) -> Callable[[Command], Command]:
    """The options that every subcommand has."""
    return _with(
        click.option("-o", "--out", "--output", type=PATH, default=out, show_default=True,
                     help="Folder of sounds, pictures and a JSON of the numbers."),
        click.option("--seed", default=0, show_default=True, help="Of all that is drawn by lot."),
        click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda."),
        click.option("--cache", type=PATH, help="Folder of what is computed once."),
        click.option("--phase", default="heap+griffin-lim", show_default=True,
                     type=click.Choice(["heap+griffin-lim", "griffin-lim", "heap", "all"]),
                     help="By phase-gradient heap integration, by Griffin-Lim, by the one after the"
                     " other, or all side by side."),
        click.option("--iterations", default=0,
                     help="Of Griffin-Lim.  [default: 25 after the heap, else 100]"),
        click.option("--momentum", default=0.99, show_default=True, help="Of Griffin-Lim, 0 … 1."),
    )  # fmt: skip


def _seconds(default: float, text: str = "Of each sound.") -> Callable[[Command], Command]:
    return click.option("--seconds", default=default, show_default=True, help=text)


_ANIMATE = click.option("--animate/--no-animate", default=True, help="Write animations, too.")
_LABELS = click.option("--labels", multiple=True, type=int, default=(0, 4, 6), show_default=True,
                       help="Pitch classes told to the model, 0 (C) to 11 (B).")  # fmt: skip
_STEPS = click.option("--steps", "--descriptors-steps", default=60, show_default=True,
                      help="Of the grid, along each axis.")  # fmt: skip
_DYNAMICS = click.option("--dynamics", default="", help="By name.  [default: the middle]")


def _run(subcommand: str, model: Path, settings: dict[str, Any], *given: Any) -> None:
    from training.explore.commands import explore

    files = explore(subcommand, model, {**settings, "say": _say}, *given)
    print_answer("\n".join(str(file) for file in files))


@timbre.command()
@click.argument("model", type=PATH)
@click.argument("notes", type=PATH, nargs=-1, required=True)
@_seconds(0.0, "At most so much of each note; 0 is all.")
@_common("timbre-notes")
def notes(model: Path, notes: tuple[Path, ...], **settings: Any) -> None:
    """Send whole NOTES through the space, and compare them with what comes out.

    \b
    synth timbre notes runs/mine notes/oboe_A4.wav -o heard
    """
    _run("notes", model, settings, notes)


@timbre.command()
@click.argument("model", type=PATH)
@click.argument("notes", type=PATH, nargs=-1)
@click.option("--from", "source", default="", help="Instrument.  [default: every one]")
@click.option("--to", "target", default="", help="Instrument.  [default: every one]")
@click.option("--select", default="same", show_default=True, type=click.Choice(["same", "loud"]),
              help="Notes of the same key, or the loudest.")  # fmt: skip
@click.option("--animate", default="expressive", show_default=True,
              type=click.Choice(["expressive", "linear", "spherical", "all", "none"]),
              help="Which of the three ways is animated.")  # fmt: skip
@_seconds(2.5)
@_common("timbre-paths")
def paths(model: Path, notes: tuple[Path, ...], **settings: Any) -> None:
    """Go from instrument to instrument: straight, round the origin, and with both notes' life.

    Without NOTES the paths lead between those that the model keeps.

    \b
    synth timbre paths runs/mine --from Oboe --to Piano
    """
    _run("paths", model, settings, notes)


@timbre.command()
@click.argument("model", type=PATH)
@click.argument("notes", type=PATH, nargs=-1)
@click.option("--count", default=1, show_default=True, help="Paths of each kind.")
@click.option("--pitch", default="", help="Keys over time: 60, or C4,E4,G4.  [default: one drawn]")
@_DYNAMICS
@_ANIMATE
@_seconds(5.0)
@_common("timbre-random")
def random(model: Path, notes: tuple[Path, ...], **settings: Any) -> None:
    """Go round in circles and spirals of all dimensions, about NOTES or the middle of the space.

    \b
    synth timbre random runs/mine --pitch C4,G4,C5 --seed 7
    """
    _run("random", model, settings, notes)


@timbre.command(cls=_ListCommand)
@click.argument("model", type=PATH)
@_LABELS
@click.option("--octave", default=4, show_default=True, help="Of the labels; 4 begins with C4.")
@_DYNAMICS
@_STEPS
@_ANIMATE
@_seconds(1.0)
@_common("timbre-topology")
def topology(model: Path, **settings: Any) -> None:
    """Draw how loud, bright, wide and noisy the space is, on planes and in motion.

    \b
    synth timbre topology runs/mine --labels 0 4 6
    """
    _run("topology", model, settings)


@timbre.command(cls=_ListCommand)
@click.argument("model", type=PATH)
@click.argument("notes", type=PATH, nargs=-1)
@click.option("--descriptor", multiple=True, type=click.Choice(DESCRIPTORS),
              default=("centroid",), show_default=True, help="What is to change.")  # fmt: skip
@click.option("--target", multiple=True, type=click.Choice(TARGETS), default=("up",),
              show_default=True, help="Which way it is to go.")  # fmt: skip
@click.option("--curve", multiple=True, type=click.Choice(CURVES), default=("linear",),
              show_default=True, help="How it is to get there.")  # fmt: skip
@click.option("--from", "source", default="", help="Instrument.  [default: the first]")
@click.option("--pitch", default="", help="Keys: 60, or C4,E4.  [default: that of the note]")
@click.option("--reach", type=float,
              help="The last target.  [default: 0.6 of the way to the end]")  # fmt: skip
@_STEPS
@_ANIMATE
@_seconds(2.5)
@_common("timbre-walk")
def walk(model: Path, notes: tuple[Path, ...], **settings: Any) -> None:
    """Walk from a note to where a descriptor is what it should be.

    \b
    synth timbre walk runs/mine --from Flute --descriptor centroid --target up
    """
    _run("walk", model, settings, notes)


@timbre.command()
@click.argument("model", type=PATH)
@click.argument("notes", type=PATH, nargs=-1, required=True)
@click.option("--frames", nargs=2, type=int, default=(10, 25), show_default=True,
              help="First frame of a note that is placed, and the one after the last.")  # fmt: skip
@_seconds(0.0, "At most so much of each note; 0 is all.")
@_common("timbre-project")
def project(model: Path, notes: tuple[Path, ...], **settings: Any) -> None:
    """Place NOTES of new instruments among those that were learned.

    \b
    synth timbre project runs/mine piccolo/
    """
    _run("project", model, settings, notes)


def _models(positional: Sequence[Path], named: Sequence[Path]) -> tuple[Path, ...]:
    models = (*positional, *named)
    if not models:
        raise click.UsageError("no MODEL is named; give at least one")
    return models


@timbre.command(cls=_ListCommand)
@click.argument("model", type=PATH, nargs=-1)
@click.option("--models", multiple=True, type=PATH, help="MODEL, as a flag.")
@click.option("--data", type=PATH, help="Notes.  [default: those of each run, or those it keeps]")
@click.option("--new", type=PATH, help="Notes of instruments that weren't learned.")
@click.option("--conditioning", default="",
              help="Only models that are told this: pitch, or pitch,octave … or none.")  # fmt: skip
@click.option("--filter", "highest_octave", type=int, default=5, show_default=True,
              help="Octave above which notes are left out.")  # fmt: skip
@click.option("--frames", nargs=2, type=int, default=(10, 25), show_default=True,
              help="First frame of a note that is placed, and the one after the last.")  # fmt: skip
@click.option("--cuda", type=int, help="Index of the GPU; -1 is the CPU.  [default: --device]")
@_STEPS
@click.option("--plot-reconstructions", is_flag=True, help="Frames beside what comes back.")
@click.option("--full-instruments", is_flag=True, help="Whole notes through the space.")
@click.option("--pairwise-paths", is_flag=True, help="Paths between instruments.")
@click.option("--random-paths", is_flag=True, help="Circles and spirals.")
@click.option("--perceptual-infer", is_flag=True, help="New instruments in the space.")
@click.option("--plot-descriptors", is_flag=True, help="The topology of descriptors.")
@click.option("--descriptor-synthesis", is_flag=True, help="Walks by descriptor.")
@_LABELS
@_ANIMATE
@_common("timbre-figures")
def figures(model: tuple[Path, ...], models: tuple[Path, ...], **settings: Any) -> None:
    """All figures of some models, side by side. With none named, all are made.

    \b
    synth timbre figures runs/l2 runs/none --labels 0 4 6 -o figures
    """
    from training.explore.figures import make_figures

    files = make_figures(_models(model, models), say=_say, **settings)
    _say(f"{len(files)} files are in {settings['out']}")
    print_answer(str(files[-1]))
